//! A second, simple encoder: it checks nothing and leaves nothing out.

use mqtt_wire::{Delivery, ReasonCode, ReturnCode, Version};
use mqtt_wire_testkit::{Connect, Packet, Property};

use super::frame;

/// The bytes of a packet in `version`, without any check.
pub fn encode(packet: &Packet, version: Version) -> Vec<u8> {
    let mut out = Writer {
        body: Vec::new(),
        v5: version == Version::V5,
    };
    let mut flags = 0;
    match packet {
        Packet::Connect(connect) => out.connect(connect),
        Packet::ConnAck(connack) => {
            out.byte(connack.session_present);
            match ReturnCode::try_from(connack.reason_code) {
                Ok(code) if !out.v5 => out.body.push(code as u8),
                _ => out.byte(connack.reason_code),
            }
            out.properties(&connack.properties);
        }
        Packet::Publish(publish) => {
            out.field(publish.topic_name.as_deref().unwrap_or_default());
            let (qos, packet_id, dup) = match publish.delivery {
                Delivery::AtMostOnce => (0, None, false),
                Delivery::AtLeastOnce { packet_id, dup } => (1, Some(packet_id), dup),
                Delivery::ExactlyOnce { packet_id, dup } => (2, Some(packet_id), dup),
            };
            flags = u8::from(dup) * 8 + qos * 2 + u8::from(publish.retain);
            if let Some(packet_id) = packet_id {
                out.short(packet_id.get());
            }
            out.properties(&publish.properties);
            out.body.extend(&publish.payload);
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            out.short(ack.packet_id.get());
            out.reason(ack.reason_code, &ack.properties);
        }
        Packet::Subscribe(subscribe) => {
            out.short(subscribe.packet_id.get());
            out.properties(&subscribe.properties);
            for subscription in &subscribe.subscriptions {
                out.field(&subscription.filter);
                let options = subscription.options;
                out.body.push(
                    options.qos as u8
                        + u8::from(options.no_local) * 4
                        + u8::from(options.retain_as_published) * 8
                        + options.retain_handling as u8 * 16,
                );
            }
        }
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => {
            out.short(suback.packet_id.get());
            out.properties(&suback.properties);
            let codes = suback.reason_codes.iter();
            codes.for_each(|code| out.byte(*code));
        }
        Packet::Unsubscribe(unsubscribe) => {
            out.short(unsubscribe.packet_id.get());
            out.properties(&unsubscribe.properties);
            for filter in &unsubscribe.topic_filters {
                out.field(filter);
            }
        }
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) => {
            out.reason(disconnect.reason_code, &disconnect.properties);
        }
        Packet::Auth(auth) => out.reason(auth.reason_code, &auth.properties),
    }
    if let Packet::PubRel(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) = packet {
        flags = 2;
    }
    frame(packet.packet_type() as u8 * 16 + flags, &out.body)
}

struct Writer {
    body: Vec<u8>,
    v5: bool,
}

impl Writer {
    fn connect(&mut self, connect: &Connect) {
        self.field(connect.version.protocol_name());
        self.body.push(connect.version.protocol_level());
        let mut flags = u8::from(connect.clean_start) * 2;
        if let Some(will) = &connect.will {
            flags += 4 + will.qos as u8 * 8 + u8::from(will.retain) * 32;
        }
        flags += u8::from(connect.password.is_some()) * 64;
        flags += u8::from(connect.user_name.is_some()) * 128;
        self.body.push(flags);
        self.short(connect.keep_alive);
        self.properties(&connect.properties);
        self.field(&connect.client_id);
        if let Some(will) = &connect.will {
            self.properties(&will.properties);
            self.field(&will.topic);
            self.field(&will.payload);
        }
        if let Some(user_name) = &connect.user_name {
            self.field(user_name);
        }
        if let Some(password) = &connect.password {
            self.field(password);
        }
    }

    fn reason(&mut self, code: ReasonCode, properties: &[Property]) {
        if self.v5 {
            self.byte(code);
            self.properties(properties);
        }
    }

    fn properties(&mut self, properties: &[Property]) {
        if !self.v5 {
            return;
        }
        let mut block = Writer {
            body: Vec::new(),
            v5: true,
        };
        for property in properties {
            block.property(property);
        }
        // a frame without its first byte
        self.body.extend(&frame(0, &block.body)[1..]);
    }

    fn property(&mut self, property: &Property) {
        use Property as P;

        self.body.push(property.id() as u8);
        match property {
            P::PayloadFormatIndicator(flag)
            | P::RequestProblemInformation(flag)
            | P::RequestResponseInformation(flag)
            | P::RetainAvailable(flag)
            | P::WildcardSubscriptionAvailable(flag)
            | P::SubscriptionIdentifierAvailable(flag)
            | P::SharedSubscriptionAvailable(flag) => self.byte(*flag),
            P::MaximumQoS(qos) => self.body.push(*qos as u8),
            P::ServerKeepAlive(number) | P::TopicAliasMaximum(number) => self.short(*number),
            P::ReceiveMaximum(number) | P::TopicAlias(number) => self.short(number.get()),
            P::MessageExpiryInterval(number)
            | P::SessionExpiryInterval(number)
            | P::WillDelayInterval(number) => self.body.extend(number.to_be_bytes()),
            P::MaximumPacketSize(number) => self.body.extend(number.get().to_be_bytes()),
            P::SubscriptionIdentifier(id) => {
                let mut rest = id.get();
                while rest >= 128 {
                    self.body.push((rest % 128) as u8 + 128);
                    rest /= 128;
                }
                self.body.push(rest as u8);
            }
            P::ContentType(text)
            | P::AssignedClientIdentifier(text)
            | P::AuthenticationMethod(text)
            | P::ResponseInformation(text)
            | P::ServerReference(text)
            | P::ReasonString(text)
            | P::ResponseTopic(text) => self.field(text),
            P::CorrelationData(data) | P::AuthenticationData(data) => self.field(data),
            P::UserProperty(name, value) => {
                self.field(name);
                self.field(value);
            }
        }
    }

    fn byte(&mut self, value: impl Into<u8>) {
        self.body.push(value.into());
    }

    fn short(&mut self, value: u16) {
        self.body.extend(value.to_be_bytes());
    }

    fn field(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.short(bytes.len() as u16);
        self.body.extend(bytes);
    }
}
