//! Faults in the contents of packets: subscriptions, codes and properties.

use std::mem;
use std::num::NonZeroU16;

use mqtt_wire::{
    Ack, ConnAck, Connect, Delivery, Disconnect, List, Packet, PacketType, Properties, Property,
    PropertyId, Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, Subscription,
    SubscriptionId, TopicFilter, TopicName, Unsubscribe, Utf8Str, Version,
};

use super::{Edit, Rule};

#[rustfmt::skip]
pub const RULES: &[(&str, Rule)] = &[
    // subscriptions
    ("deliver-with-qos-0", |edit, packet| edit.delivered(packet, |it| {
        it.delivery = Delivery::AtMostOnce;
    })),
    ("deliver-twice", |edit, packet| edit.repeat(packet, PacketType::Publish)),
    ("withhold-retained", |edit, packet| edit.drop_deliveries(packet, |it| it.retain)),
    ("withhold-5", |edit, packet| edit.drop_deliveries(packet, |it| it.payload == b"5")),
    ("suback-twice", |edit, packet| match packet {
        Packet::SubAck(it) if it.reason_codes.len() > 1 => edit.repeat(packet, PacketType::SubAck),
        _ => Some(packet),
    }),
    ("suback-reversed", |edit, packet| edit.codes(packet, |codes| codes.reverse())),
    ("without-dollar", |edit, packet| edit.published(packet, |it| {
        it.topic_name = it.topic_name.map(|topic| shortened(topic, |it| it.strip_prefix('$')));
    })),
    ("without-last-slash", |edit, packet| edit.published(packet, |it| {
        it.topic_name = it.topic_name.map(|topic| shortened(topic, |it| it.strip_suffix('/')));
    })),
    ("withhold-parent", |edit, packet| edit.drop_deliveries(packet, |it| {
        it.topic_name.is_some_and(|topic| topic.as_str().ends_with("/g"))
    })),
    ("no-suback", |_, packet| match packet {
        Packet::SubAck(it) if it.packet_id.get() == 0x1234 => None,
        _ => Some(packet),
    }),
    ("no-unsuback", |_, packet| Some(packet).filter(|it| it.packet_type() != PacketType::UnsubAck)),
    ("unsubscribe-nothing", |edit, packet| edit.unsubscribed(packet, |_| None)),
    ("unsubscribe-without-last-slash", |edit, packet| edit.unsubscribed(packet, |it| {
        it.strip_suffix('/').or(Some(it))
    })),
    ("no-pubrel", |edit, packet| Some(packet).filter(|it| {
        edit.from_client || it.packet_type() != PacketType::PubRel
    })),
    ("withhold-repetitions", |edit, packet| edit.drop_deliveries(packet, |it| it.delivery.dup())),
    ("unsuback-reversed", |edit, packet| edit.codes(packet, |codes| codes.sort_by_key(|it| {
        *it as u8
    }))),
    ("no-local-never", |edit, packet| edit.subscribed(packet, |it| it.options.no_local = false)),
    ("no-local-always", |edit, packet| edit.subscribed(packet, |it| {
        it.options.no_local = it.filter.shared().is_none();
    })),
    ("retain-as-published-never", |edit, packet| edit.subscribed(packet, |it| {
        it.options.retain_as_published = false;
    })),
    ("retain-as-published-always", |edit, packet| edit.subscribed(packet, |it| {
        it.options.retain_as_published = true;
    })),
    ("retain-handling-0", |edit, packet| edit.subscribed(packet, |it| {
        it.options.retain_handling = RetainHandling::AtSubscribe;
    })),
    ("retain-handling-1", |edit, packet| edit.subscribed(packet, |it| {
        it.options.retain_handling = RetainHandling::AtNewSubscribe;
    })),
    ("without-subscription-id", |edit, packet| edit.delivered_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::SubscriptionIdentifier);
    })),
    ("one-subscription-id", |edit, packet| edit.delivered_with(packet, |list| {
        let mut first = true;
        list.retain(|it| {
            it.id() != PropertyId::SubscriptionIdentifier || mem::take(&mut first)
        });
    })),
    ("subscription-id-1", |edit, packet| edit.delivered_with(packet, |list| {
        for property in list {
            if let Property::SubscriptionIdentifier(id) = property {
                *id = SubscriptionId::MIN;
            }
        }
    })),
    ("ignore-share", |edit, packet| edit.subscribed(packet, |it| {
        let filter = it.filter.shared().map(|it| it.filter);
        it.filter = filter.unwrap_or(it.filter);
    })),
    ("share-with-others-too", |edit, packet| {
        if let Packet::Publish(it) = packet {
            if !edit.from_client && it.payload == b"marker" {
                let delivery = Delivery::AtMostOnce;
                edit.add(Packet::Publish(Publish { payload: b"begun", delivery, ..it }));
            }
        }
        Some(packet)
    }),

    // properties and limits
    ("refuse-alias", |edit, packet| match packet {
        Packet::Publish(it) if edit.from_client && it.topic_name.is_none() => {
            edit.answer(Packet::Disconnect(Disconnect::new(ReasonCode::TopicAliasInvalid)))
        }
        _ => Some(packet),
    }),
    ("deliver-with-alias-3", |edit, packet| edit.delivered_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::TopicAlias);
        list.extend(NonZeroU16::new(3).map(Property::TopicAlias));
    })),
    ("alias-only", |edit, packet| match packet {
        Packet::Publish(it) if !edit.from_client && it.topic_alias().is_some() => {
            Some(Packet::Publish(Publish { topic_name: None, ..it }))
        }
        _ => Some(packet),
    }),
    // the payload has the topic that the alias had on the last connection
    ("remember-alias", |edit, packet| edit.published(packet, |it| {
        let payload = std::str::from_utf8(it.payload).unwrap_or_default();
        if it.topic_name.is_none() && payload.contains('/') {
            it.topic_name = TopicName::new(payload).ok();
        }
    })),
    ("no-receive-maximum", |edit, packet| edit.connected_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::ReceiveMaximum);
    })),
    ("no-maximum-packet-size", |edit, packet| edit.connected_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::MaximumPacketSize);
    })),
    ("no-suback-for-qos-0", |_, packet| match packet {
        Packet::SubAck(it) if it.reason_codes.iter().eq([ReasonCode::GRANTED_QOS_0]) => None,
        _ => Some(packet),
    }),
    ("long-reason", |edit, packet| edit.answered_with(packet, |list| {
        let reason = "a".repeat(100);
        list.push(Property::ReasonString(Utf8Str::new(reason.leak()).expect("plain text")));
    })),
    ("expiry-60", |edit, packet| edit.delivered_with(packet, |list| {
        for property in list {
            if let Property::MessageExpiryInterval(seconds) = property {
                *seconds = 60;
            }
        }
    })),
    ("no-expiry", |edit, packet| edit.published_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::MessageExpiryInterval);
    })),
    ("without-payload-format", |edit, packet| edit.delivered_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::PayloadFormatIndicator);
    })),
    ("without-response-topic", |edit, packet| edit.delivered_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::ResponseTopic);
    })),
    ("without-correlation-data", |edit, packet| edit.delivered_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::CorrelationData);
    })),
    ("without-content-type", |edit, packet| edit.delivered_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::ContentType);
    })),
    ("properties-reversed", |edit, packet| edit.delivered_with(packet, |list| list.reverse())),
    ("same-identifier", |_, packet| match packet {
        Packet::Connect(it) if it.client_id.is_empty() => Some(Packet::Connect(Connect {
            client_id: Utf8Str::new("same").expect("plain text"),
            ..it
        })),
        _ => Some(packet),
    }),
    ("refuse-long-identifiers", |edit, packet| match packet {
        Packet::Connect(it) if it.client_id.as_str().len() == 23 => {
            edit.answer(Packet::ConnAck(ConnAck::new(ReasonCode::ClientIdentifierNotValid)))
        }
        _ => Some(packet),
    }),
    ("another-identifier", |edit, packet| edit.accepted_with(packet, |list| {
        for property in list {
            if let Property::AssignedClientIdentifier(id) = property {
                *id = Utf8Str::new(&id.as_str()[1..]).expect("plain text");
            }
        }
    })),
    ("response-information", |edit, packet| edit.accepted_with(packet, |list| {
        list.push(Property::ResponseInformation(Utf8Str::new("reply").expect("plain text")));
    })),
    ("without-method", |edit, packet| edit.connected_with(packet, |list| {
        list.retain(|it| it.id() != PropertyId::AuthenticationMethod);
    })),
    ("method", |edit, packet| edit.accepted_with(packet, |list| {
        list.push(Property::AuthenticationMethod(Utf8Str::new("method").expect("plain text")));
    })),
    ("no-qos-2", |edit, packet| match packet {
        _ if edit.dialect.version() != Version::V5 => Some(packet),
        Packet::Publish(it) if edit.from_client && it.delivery.qos() == QoS::ExactlyOnce => {
            let refusal = Disconnect::new(ReasonCode::QosNotSupported);
            edit.answer(Packet::Disconnect(refusal))
        }
        _ => Some(packet),
    }),
    ("maximum-qos-1-and-no-subscription-with-2", |edit, packet| {
        if edit.dialect.version() != Version::V5 { return Some(packet) }
        let packet = edit.codes(packet, |codes| {
            for code in codes.iter_mut().filter(|it| **it == ReasonCode::GrantedQos2) {
                *code = ReasonCode::UnspecifiedError;
            }
        })?;
        edit.accepted_with(packet, |list| list.push(Property::MaximumQoS(QoS::AtLeastOnce)))
    }),
];

impl Edit {
    /// Sends a packet of this type to the client once more, a message with QoS 0.
    fn repeat<'p>(&mut self, packet: Packet<'p>, of_type: PacketType) -> Option<Packet<'p>> {
        if !self.from_client && packet.packet_type() == of_type {
            let copy = match packet {
                Packet::Publish(it) => Packet::Publish(Publish {
                    delivery: Delivery::AtMostOnce,
                    ..it
                }),
                _ => packet,
            };
            self.add(copy);
        }
        Some(packet)
    }

    /// Answers a packet of a client, which the broker does not get.
    fn answer<'p>(&mut self, answer: Packet<'_>) -> Option<Packet<'p>> {
        let encoded = answer.encode(self.dialect.reply(), &mut self.to_client);
        encoded.expect("an answer of a rule can be encoded");
        None
    }

    /// Changes all subscriptions of 5.0.
    fn subscribed<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl Fn(&mut Subscription<'p>),
    ) -> Option<Packet<'p>> {
        let Packet::Subscribe(subscribe) = packet else {
            return Some(packet);
        };
        if self.dialect.version() != Version::V5 {
            return Some(packet);
        }
        let mut list: Vec<_> = subscribe.subscriptions.iter().collect();
        list.iter_mut().for_each(change);
        self.replace(Packet::Subscribe(Subscribe {
            subscriptions: List::new(&list),
            ..subscribe
        }))
    }

    /// Changes the filters of an UNSUBSCRIBE. Without any it is for a filter that nobody has.
    fn unsubscribed<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl Fn(&'p str) -> Option<&'p str>,
    ) -> Option<Packet<'p>> {
        let Packet::Unsubscribe(unsubscribe) = packet else {
            return Some(packet);
        };
        let nothing = TopicFilter::new("nothing").expect("a filter");
        let filters = unsubscribe.topic_filters.iter().map(|filter| {
            let changed = change(filter.as_str())?;
            TopicFilter::new(changed).ok()
        });
        let filters: Vec<_> = filters.map(|it| it.unwrap_or(nothing)).collect();
        self.replace(Packet::Unsubscribe(Unsubscribe {
            topic_filters: List::new(&filters),
            ..unsubscribe
        }))
    }

    /// Changes the codes of a SUBACK or UNSUBACK.
    fn codes<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl Fn(&mut Vec<ReasonCode>),
    ) -> Option<Packet<'p>> {
        let (Packet::SubAck(ack) | Packet::UnsubAck(ack)) = packet else {
            return Some(packet);
        };
        let mut codes: Vec<_> = ack.reason_codes.iter().collect();
        change(&mut codes);
        let ack = SubAck {
            reason_codes: List::new(&codes),
            ..ack
        };
        self.replace(match packet {
            Packet::SubAck(_) => Packet::SubAck(ack),
            _ => Packet::UnsubAck(ack),
        })
    }

    /// Changes the properties of a CONNECT.
    fn connected_with<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Option<Packet<'p>> {
        let Packet::Connect(connect) = packet else {
            return Some(packet);
        };
        let properties = self.changed(connect.properties, change);
        self.replace(Packet::Connect(Connect {
            properties: Properties::new(&properties),
            ..connect
        }))
    }

    /// Changes the properties of a CONNACK.
    fn accepted_with<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Option<Packet<'p>> {
        let Packet::ConnAck(connack) = packet else {
            return Some(packet);
        };
        let properties = self.changed(connack.properties, change);
        self.replace(Packet::ConnAck(ConnAck {
            properties: Properties::new(&properties),
            ..connack
        }))
    }

    /// Changes the properties of a PUBLISH from a client.
    fn published_with<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Option<Packet<'p>> {
        self.publish_with(true, packet, change)
    }

    /// Changes the properties of a PUBLISH to a client.
    fn delivered_with<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Option<Packet<'p>> {
        self.publish_with(false, packet, change)
    }

    fn publish_with<'p>(
        &mut self,
        from_client: bool,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Option<Packet<'p>> {
        match packet {
            Packet::Publish(publish) if self.from_client == from_client => {
                let properties = self.changed(publish.properties, change);
                self.replace(Packet::Publish(Publish {
                    properties: Properties::new(&properties),
                    ..publish
                }))
            }
            _ => Some(packet),
        }
    }

    /// Changes the properties of an answer to PUBLISH, SUBSCRIBE or UNSUBSCRIBE.
    fn answered_with<'p>(
        &mut self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Option<Packet<'p>> {
        let properties = match &packet {
            Packet::PubAck(it) | Packet::PubRec(it) => it.properties,
            Packet::SubAck(it) | Packet::UnsubAck(it) => it.properties,
            _ => return Some(packet),
        };
        let list = self.changed(properties, change);
        let properties = Properties::new(&list);
        self.replace(match packet {
            Packet::PubAck(it) => Packet::PubAck(Ack { properties, ..it }),
            Packet::PubRec(it) => Packet::PubRec(Ack { properties, ..it }),
            Packet::SubAck(it) => Packet::SubAck(SubAck { properties, ..it }),
            Packet::UnsubAck(it) => Packet::UnsubAck(SubAck { properties, ..it }),
            _ => packet,
        })
    }

    /// No properties before 5.0.
    fn changed<'p>(
        &self,
        properties: Properties<'p>,
        change: impl FnOnce(&mut Vec<Property<'p>>),
    ) -> Vec<Property<'p>> {
        let mut list: Vec<_> = properties.iter().collect();
        if self.dialect.version() == Version::V5 {
            change(&mut list);
        }
        list
    }
}

/// A part of a topic, or the topic if there is no such part.
fn shortened<'p>(topic: TopicName<'p>, part: fn(&str) -> Option<&str>) -> TopicName<'p> {
    let short = part(topic.as_str()).and_then(|it| TopicName::new(it).ok());
    short.unwrap_or(topic)
}
