//! `rumqttc::v5::mqttbytes::v5`: MQTT 5.0. There is no AUTH, because `rumqttc` does not export its
//! codes.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Buf, Bytes, BytesMut};
use mqtt_wire::{
    Ack, BinaryData, ConnAck, Connect, Delivery, Dialect, Disconnect, ErrorKind, FrameRef,
    NextFrame, Packet, PacketId, Properties, Property, Publish, ReasonCode, ReasonCodes,
    RetainHandling, SubAck, Subscribe, Subscription, SubscriptionId, SubscriptionOptions,
    Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Utf8Str, Version, Will,
};
use rumqttc::v5::mqttbytes::{QoS, v5};
use smallvec::SmallVec;

use super::{Error, collect, limit, packet_id, password, reason_codes};

/// Reads the packet at the beginning of `stream` and removes it; `None` if it is not complete.
/// `max_len` limits the whole packet.
pub fn read(
    stream: &mut BytesMut,
    dialect: Dialect,
    max_len: u32,
) -> Result<Option<v5::Packet>, Error> {
    let NextFrame::Frame(frame) = FrameRef::split(stream, dialect, max_len)? else {
        return Ok(None);
    };
    let len = frame.bytes().len();
    let packet = match &frame.decode(dialect)? {
        Packet::Publish(packet) => {
            let (retain, delivery) = (packet.retain, packet.delivery);
            let properties = v5::PublishProperties::read_from(packet.properties);
            // the topic and the payload share the memory of the stream
            let topic_at = len - frame.body().len() + 2;
            let topic_len = packet.topic_name.map_or(0, |name| name.as_bytes().len());
            let payload_at = len - packet.payload.len();
            let mut payload = stream.split_to(len).freeze();
            let topic = payload.slice(topic_at..topic_at + topic_len);
            payload.advance(payload_at);
            return Ok(Some(v5::Packet::Publish(v5::Publish {
                dup: delivery.dup(),
                qos: from_qos(delivery.qos()),
                retain,
                topic,
                pkid: delivery.packet_id().map_or(0, PacketId::get),
                payload,
                properties,
            })));
        }
        Packet::Connect(packet) => {
            let will = packet.will.map(|will| v5::LastWill {
                topic: Bytes::copy_from_slice(will.topic.as_bytes()),
                message: Bytes::copy_from_slice(will.payload.as_bytes()),
                qos: from_qos(will.qos),
                retain: will.retain,
                properties: v5::LastWillProperties::read_from(will.properties),
            });
            let login = v5::Login {
                username: packet.user_name.map(String::from).unwrap_or_default(),
                password: packet.password.map_or(Ok(String::new()), password)?,
            };
            let connect = v5::Connect {
                keep_alive: packet.keep_alive,
                client_id: packet.client_id.into(),
                clean_start: packet.clean_start,
                properties: v5::ConnectProperties::read_from(packet.properties),
            };
            let login = (login != v5::Login::new("", "")).then_some(login);
            v5::Packet::Connect(connect, will, login)
        }
        Packet::ConnAck(packet) => v5::Packet::ConnAck(v5::ConnAck {
            session_present: packet.session_present,
            code: v5::ConnectReturnCode::from_reason(packet.reason_code)?,
            properties: v5::ConnAckProperties::read_from(packet.properties),
        }),
        Packet::PubAck(packet) => v5::Packet::PubAck(v5::PubAck {
            pkid: packet.packet_id.get(),
            reason: v5::PubAckReason::from_reason(packet.reason_code)?,
            properties: v5::PubAckProperties::read_from(packet.properties),
        }),
        Packet::PubRec(packet) => v5::Packet::PubRec(v5::PubRec {
            pkid: packet.packet_id.get(),
            reason: v5::PubRecReason::from_reason(packet.reason_code)?,
            properties: v5::PubRecProperties::read_from(packet.properties),
        }),
        Packet::PubRel(packet) => v5::Packet::PubRel(v5::PubRel {
            pkid: packet.packet_id.get(),
            reason: v5::PubRelReason::from_reason(packet.reason_code)?,
            properties: v5::PubRelProperties::read_from(packet.properties),
        }),
        Packet::PubComp(packet) => v5::Packet::PubComp(v5::PubComp {
            pkid: packet.packet_id.get(),
            reason: v5::PubCompReason::from_reason(packet.reason_code)?,
            properties: v5::PubCompProperties::read_from(packet.properties),
        }),
        Packet::Subscribe(packet) => v5::Packet::Subscribe(v5::Subscribe {
            pkid: packet.packet_id.get(),
            filters: collect(packet.subscriptions.iter(), |it| Ok(filter(it)))?,
            properties: v5::SubscribeProperties::read_from(packet.properties),
        }),
        Packet::SubAck(packet) => v5::Packet::SubAck(v5::SubAck {
            pkid: packet.packet_id.get(),
            return_codes: collect(packet.reason_codes.iter(), |code| match code {
                ReasonCode::Success => Ok(v5::SubscribeReasonCode::Success(QoS::AtMostOnce)),
                ReasonCode::GrantedQos1 => Ok(v5::SubscribeReasonCode::Success(QoS::AtLeastOnce)),
                ReasonCode::GrantedQos2 => Ok(v5::SubscribeReasonCode::Success(QoS::ExactlyOnce)),
                failure => v5::SubscribeReasonCode::from_reason(failure),
            })?,
            properties: v5::SubAckProperties::read_from(packet.properties),
        }),
        Packet::Unsubscribe(packet) => v5::Packet::Unsubscribe(v5::Unsubscribe {
            pkid: packet.packet_id.get(),
            filters: collect(packet.topic_filters.iter(), |filter| Ok(filter.into()))?,
            properties: v5::UnsubscribeProperties::read_from(packet.properties),
        }),
        Packet::UnsubAck(packet) => v5::Packet::UnsubAck(v5::UnsubAck {
            pkid: packet.packet_id.get(),
            reasons: collect(packet.reason_codes.iter(), v5::UnsubAckReason::from_reason)?,
            properties: v5::UnsubAckProperties::read_from(packet.properties),
        }),
        Packet::PingReq => v5::Packet::PingReq(v5::PingReq),
        Packet::PingResp => v5::Packet::PingResp(v5::PingResp),
        Packet::Disconnect(packet) => v5::Packet::Disconnect(v5::Disconnect {
            reason_code: v5::DisconnectReasonCode::from_reason(packet.reason_code)?,
            properties: v5::DisconnectProperties::read_from(packet.properties),
        }),
        Packet::Auth(_) => return Err(Error::NoCounterpart),
    };
    stream.advance(len);
    Ok(Some(packet))
}

/// Appends the packet to `buffer` and returns its length, which is at most `max_len`.
pub fn write(
    packet: &v5::Packet,
    dialect: Dialect,
    max_len: u32,
    buffer: &mut BytesMut,
) -> Result<usize, Error> {
    let len = encode(packet, dialect, buffer)?;
    limit(len, max_len, dialect, buffer)
}

fn encode(packet: &v5::Packet, dialect: Dialect, buffer: &mut BytesMut) -> Result<usize, Error> {
    let (mut list, mut of_will) = (List::new(), List::new());
    let packet = match packet {
        v5::Packet::Connect(packet, will, login) => {
            let mut connect = Connect::new(Version::V5, Utf8Str::new(&packet.client_id)?);
            connect.clean_start = packet.clean_start;
            connect.keep_alive = packet.keep_alive;
            connect.properties = properties(&packet.properties, &mut list)?;
            if let Some(last) = will {
                let topic = TopicName::try_from(&last.topic[..])?;
                connect.will = Some(Will {
                    qos: to_qos(last.qos),
                    retain: last.retain,
                    properties: properties(&last.properties, &mut of_will)?,
                    ..Will::new(topic, BinaryData::new(&last.message)?)
                });
            }
            if let Some(login) = login {
                if !login.username.is_empty() {
                    connect.user_name = Some(Utf8Str::new(&login.username)?);
                }
                if !login.password.is_empty() {
                    connect.password = Some(BinaryData::new(login.password.as_bytes())?);
                }
            }
            Packet::from(connect)
        }
        v5::Packet::ConnAck(packet) => Packet::from(ConnAck {
            session_present: packet.session_present,
            reason_code: packet.code.to_reason()?,
            properties: properties(&packet.properties, &mut list)?,
        }),
        v5::Packet::Publish(packet) => {
            let topic_name = match &packet.topic[..] {
                [] => None,
                name => Some(TopicName::try_from(name)?),
            };
            let delivery = match packet.qos {
                QoS::AtMostOnce => Delivery::AtMostOnce,
                qos => Delivery::new(to_qos(qos), packet_id(packet.pkid)?).with_dup(packet.dup),
            };
            Packet::from(Publish {
                delivery,
                retain: packet.retain,
                topic_name,
                properties: properties(&packet.properties, &mut list)?,
                payload: &packet.payload,
            })
        }
        v5::Packet::PubAck(packet) => Packet::PubAck(Ack {
            packet_id: packet_id(packet.pkid)?,
            reason_code: packet.reason.to_reason()?,
            properties: properties(&packet.properties, &mut list)?,
        }),
        v5::Packet::PubRec(packet) => Packet::PubRec(Ack {
            packet_id: packet_id(packet.pkid)?,
            reason_code: packet.reason.to_reason()?,
            properties: properties(&packet.properties, &mut list)?,
        }),
        v5::Packet::PubRel(packet) => Packet::PubRel(Ack {
            packet_id: packet_id(packet.pkid)?,
            reason_code: packet.reason.to_reason()?,
            properties: properties(&packet.properties, &mut list)?,
        }),
        v5::Packet::PubComp(packet) => Packet::PubComp(Ack {
            packet_id: packet_id(packet.pkid)?,
            reason_code: packet.reason.to_reason()?,
            properties: properties(&packet.properties, &mut list)?,
        }),
        v5::Packet::Subscribe(packet) => {
            let mut subscriptions = SmallVec::<[_; 16]>::new();
            for filter in &packet.filters {
                subscriptions.push(subscription(filter)?);
            }
            let subscribe = Subscribe {
                packet_id: packet_id(packet.pkid)?,
                properties: properties(&packet.properties, &mut list)?,
                subscriptions: Subscriptions::new(&subscriptions),
            };
            return Ok(Packet::from(subscribe).encode(dialect, buffer)?);
        }
        v5::Packet::SubAck(packet) => {
            let mut codes = reason_codes(packet.return_codes.len());
            for (ours, theirs) in codes.iter_mut().zip(&packet.return_codes) {
                *ours = match theirs {
                    v5::SubscribeReasonCode::Success(qos) => to_qos(*qos).into(),
                    v5::SubscribeReasonCode::Failure => ReasonCode::UnspecifiedError,
                    failure => failure.to_reason()?,
                };
            }
            let suback = SubAck {
                packet_id: packet_id(packet.pkid)?,
                properties: properties(&packet.properties, &mut list)?,
                reason_codes: ReasonCodes::new(&codes),
            };
            return Ok(Packet::SubAck(suback).encode(dialect, buffer)?);
        }
        v5::Packet::Unsubscribe(packet) => {
            let mut filters = SmallVec::<[_; 16]>::new();
            for filter in &packet.filters {
                filters.push(TopicFilter::new(filter)?);
            }
            let unsubscribe = Unsubscribe {
                packet_id: packet_id(packet.pkid)?,
                properties: properties(&packet.properties, &mut list)?,
                topic_filters: TopicFilters::new(&filters),
            };
            return Ok(Packet::from(unsubscribe).encode(dialect, buffer)?);
        }
        v5::Packet::UnsubAck(packet) => {
            let mut codes = reason_codes(packet.reasons.len());
            for (ours, theirs) in codes.iter_mut().zip(&packet.reasons) {
                *ours = theirs.to_reason()?;
            }
            let unsuback = SubAck {
                packet_id: packet_id(packet.pkid)?,
                properties: properties(&packet.properties, &mut list)?,
                reason_codes: ReasonCodes::new(&codes),
            };
            return Ok(Packet::UnsubAck(unsuback).encode(dialect, buffer)?);
        }
        v5::Packet::PingReq(_) => Packet::PingReq,
        v5::Packet::PingResp(_) => Packet::PingResp,
        v5::Packet::Disconnect(packet) => Packet::from(Disconnect {
            reason_code: packet.reason_code.to_reason()?,
            properties: properties(&packet.properties, &mut list)?,
        }),
        v5::Packet::Auth(_) => return Err(Error::NoCounterpart),
    };
    Ok(packet.encode(dialect, buffer)?)
}

fn from_qos(qos: mqtt_wire::QoS) -> QoS {
    match qos {
        mqtt_wire::QoS::AtMostOnce => QoS::AtMostOnce,
        mqtt_wire::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqtt_wire::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn to_qos(qos: QoS) -> mqtt_wire::QoS {
    match qos {
        QoS::AtMostOnce => mqtt_wire::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqtt_wire::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqtt_wire::QoS::ExactlyOnce,
    }
}

fn filter(subscription: Subscription<'_>) -> v5::Filter {
    let options = subscription.options;
    v5::Filter {
        path: subscription.filter.into(),
        qos: from_qos(options.qos),
        nolocal: options.no_local,
        preserve_retain: options.retain_as_published,
        retain_forward_rule: match options.retain_handling {
            RetainHandling::AtSubscribe => v5::RetainForwardRule::OnEverySubscribe,
            RetainHandling::AtNewSubscribe => v5::RetainForwardRule::OnNewSubscribe,
            RetainHandling::Never => v5::RetainForwardRule::Never,
        },
    }
}

fn subscription(filter: &v5::Filter) -> Result<Subscription<'_>, Error> {
    Ok(Subscription {
        filter: TopicFilter::new(&filter.path)?,
        options: SubscriptionOptions {
            qos: to_qos(filter.qos),
            no_local: filter.nolocal,
            retain_as_published: filter.preserve_retain,
            retain_handling: match filter.retain_forward_rule {
                v5::RetainForwardRule::OnEverySubscribe => RetainHandling::AtSubscribe,
                v5::RetainForwardRule::OnNewSubscribe => RetainHandling::AtNewSubscribe,
                v5::RetainForwardRule::Never => RetainHandling::Never,
            },
        },
    })
}

// ---- Reason Codes --------------------------------------------------------------------------

trait Reason: Copy {
    fn from_reason(code: ReasonCode) -> Result<Self, Error>;
    fn to_reason(self) -> Result<ReasonCode, Error>;
}

/// `Type { name here, or name here = name there; ... }`.
macro_rules! reasons {
    ($($type:ident { $($ours:ident $(= $theirs:ident)?)* })*) => {
        $(impl Reason for v5::$type {
            fn from_reason(code: ReasonCode) -> Result<Self, Error> {
                match code {
                    $(ReasonCode::$ours => Ok(reasons!(@$type $ours $($theirs)?)),)*
                    _ => Err(Error::NoCounterpart),
                }
            }

            #[allow(unreachable_patterns)] // some types have codes of 3.1.1 too
            fn to_reason(self) -> Result<ReasonCode, Error> {
                match self {
                    $(reasons!(@$type $ours $($theirs)?) => Ok(ReasonCode::$ours),)*
                    _ => Err(Error::NoCounterpart),
                }
            }
        })*
    };
    (@$type:ident $ours:ident) => { v5::$type::$ours };
    (@$type:ident $ours:ident $theirs:ident) => { v5::$type::$theirs };
}

reasons! {
    ConnectReturnCode {
        Success UnspecifiedError MalformedPacket ProtocolError ImplementationSpecificError
        UnsupportedProtocolVersion ClientIdentifierNotValid
        BadUserNameOrPassword = BadUserNamePassword
        NotAuthorized ServerUnavailable ServerBusy Banned BadAuthenticationMethod TopicNameInvalid
        PacketTooLarge QuotaExceeded PayloadFormatInvalid RetainNotSupported
        QosNotSupported = QoSNotSupported
        UseAnotherServer ServerMoved ConnectionRateExceeded
    }
    PubAckReason {
        Success NoMatchingSubscribers UnspecifiedError ImplementationSpecificError NotAuthorized
        TopicNameInvalid PacketIdentifierInUse QuotaExceeded PayloadFormatInvalid
    }
    PubRecReason {
        Success NoMatchingSubscribers UnspecifiedError ImplementationSpecificError NotAuthorized
        TopicNameInvalid PacketIdentifierInUse QuotaExceeded PayloadFormatInvalid
    }
    PubRelReason { Success PacketIdentifierNotFound }
    PubCompReason { Success PacketIdentifierNotFound }
    SubscribeReasonCode {
        UnspecifiedError = Unspecified
        ImplementationSpecificError = ImplementationSpecific
        NotAuthorized TopicFilterInvalid
        PacketIdentifierInUse = PkidInUse
        QuotaExceeded SharedSubscriptionsNotSupported
        SubscriptionIdentifiersNotSupported = SubscriptionIdNotSupported
        WildcardSubscriptionsNotSupported
    }
    UnsubAckReason {
        Success NoSubscriptionExisted UnspecifiedError ImplementationSpecificError NotAuthorized
        TopicFilterInvalid PacketIdentifierInUse
    }
    DisconnectReasonCode {
        Success = NormalDisconnection
        DisconnectWithWillMessage UnspecifiedError MalformedPacket ProtocolError
        ImplementationSpecificError NotAuthorized ServerBusy ServerShuttingDown KeepAliveTimeout
        SessionTakenOver TopicFilterInvalid TopicNameInvalid ReceiveMaximumExceeded
        TopicAliasInvalid PacketTooLarge MessageRateTooHigh QuotaExceeded AdministrativeAction
        PayloadFormatInvalid RetainNotSupported
        QosNotSupported = QoSNotSupported
        UseAnotherServer ServerMoved
        SharedSubscriptionsNotSupported = SharedSubscriptionNotSupported
        ConnectionRateExceeded MaximumConnectTime SubscriptionIdentifiersNotSupported
        WildcardSubscriptionsNotSupported
    }
}

// ---- properties ----------------------------------------------------------------------------

/// The properties of a packet to write, on the stack unless there are many.
type List<'a> = SmallVec<[Property<'a>; 8]>;

fn properties<'l, 'a, P: Group>(
    group: &'a Option<P>,
    list: &'l mut List<'a>,
) -> Result<Properties<'l>, Error> {
    if let Some(group) = group {
        group.list(list)?;
    }
    Ok(Properties::new(list))
}

/// A struct with the properties of one packet type.
trait Group: Sized {
    /// `None` if there are no properties.
    fn read_from(properties: Properties<'_>) -> Option<Self>;
    fn list<'a>(&'a self, list: &mut List<'a>) -> Result<(), Error>;
}

/// `Type { property field, ...; property field, ... }`, in the order in which `rumqttc` writes the
/// properties. The User Properties take the place of the semicolon.
macro_rules! groups {
    ($($type:ident { $($id:ident $field:ident),*; $($later_id:ident $later:ident),* })*) => {
        $(impl Group for v5::$type {
            fn read_from(properties: Properties<'_>) -> Option<Self> {
                if properties.is_empty() {
                    return None;
                }
                let mut group = Self {
                    $($field: Default::default(),)*
                    $($later: Default::default(),)*
                    user_properties: Vec::new(),
                };
                for property in properties {
                    match property {
                        $(Property::$id(value) => group.$field.read(value),)*
                        $(Property::$later_id(value) => group.$later.read(value),)*
                        Property::UserProperty(name, value) => {
                            group.user_properties.read((name, value));
                        }
                        _ => (), // this packet has no other properties
                    }
                }
                Some(group)
            }

            fn list<'a>(&'a self, list: &mut List<'a>) -> Result<(), Error> {
                $(self.$field.each(|value| list.push(Property::$id(value)))?;)*
                let user_property = |(name, value)| Property::UserProperty(name, value);
                self.user_properties.each(|both| list.push(user_property(both)))?;
                $(self.$later.each(|value| list.push(Property::$later_id(value)))?;)*
                Ok(())
            }
        })*
    };
}

groups! {
    ConnectProperties {
        SessionExpiryInterval session_expiry_interval,
        ReceiveMaximum receive_maximum,
        MaximumPacketSize max_packet_size,
        TopicAliasMaximum topic_alias_max,
        RequestResponseInformation request_response_info,
        RequestProblemInformation request_problem_info;
        AuthenticationMethod authentication_method,
        AuthenticationData authentication_data
    }
    LastWillProperties {
        WillDelayInterval delay_interval,
        PayloadFormatIndicator payload_format_indicator,
        MessageExpiryInterval message_expiry_interval,
        ContentType content_type,
        ResponseTopic response_topic,
        CorrelationData correlation_data;
    }
    ConnAckProperties {
        SessionExpiryInterval session_expiry_interval,
        ReceiveMaximum receive_max,
        MaximumQoS max_qos,
        RetainAvailable retain_available,
        MaximumPacketSize max_packet_size,
        AssignedClientIdentifier assigned_client_identifier,
        TopicAliasMaximum topic_alias_max,
        ReasonString reason_string;
        WildcardSubscriptionAvailable wildcard_subscription_available,
        SubscriptionIdentifierAvailable subscription_identifiers_available,
        SharedSubscriptionAvailable shared_subscription_available,
        ServerKeepAlive server_keep_alive,
        ResponseInformation response_information,
        ServerReference server_reference,
        AuthenticationMethod authentication_method,
        AuthenticationData authentication_data
    }
    PublishProperties {
        PayloadFormatIndicator payload_format_indicator,
        MessageExpiryInterval message_expiry_interval,
        TopicAlias topic_alias,
        ResponseTopic response_topic,
        CorrelationData correlation_data;
        SubscriptionIdentifier subscription_identifiers,
        ContentType content_type
    }
    PubAckProperties { ReasonString reason_string; }
    PubRecProperties { ReasonString reason_string; }
    PubRelProperties { ReasonString reason_string; }
    PubCompProperties { ReasonString reason_string; }
    SubscribeProperties { SubscriptionIdentifier id; }
    SubAckProperties { ReasonString reason_string; }
    UnsubscribeProperties { ; }
    UnsubAckProperties { ReasonString reason_string; }
    DisconnectProperties {
        SessionExpiryInterval session_expiry_interval,
        ReasonString reason_string;
        ServerReference server_reference
    }
}

/// A field that holds the value `V` of a property.
trait Field<'a, V> {
    fn read(&mut self, value: V);
    fn each(&'a self, push: impl FnMut(V)) -> Result<(), Error>;
}

/// `field: value, from value to number, from number to value`.
macro_rules! fields {
    ($($number:ty: $value:ty, $read:expr, $write:expr;)*) => {
        $(impl Field<'_, $value> for Option<$number> {
            fn read(&mut self, value: $value) {
                *self = Some($read(value));
            }

            fn each(&self, mut push: impl FnMut($value)) -> Result<(), Error> {
                if let Some(number) = *self {
                    push($write(number).ok_or(ErrorKind::PropertyValue)?);
                }
                Ok(())
            }
        })*
    };
}

fields! {
    u8: bool, u8::from, |number| match number { 0 => Some(false), 1 => Some(true), _ => None };
    u8: mqtt_wire::QoS, u8::from, |number| mqtt_wire::QoS::try_from(number).ok();
    u16: u16, |number| number, Some;
    u32: u32, |number| number, Some;
    u16: NonZeroU16, NonZeroU16::get, NonZeroU16::new;
    u32: NonZeroU32, NonZeroU32::get, NonZeroU32::new;
    usize: SubscriptionId, |id: SubscriptionId| id.get() as usize, subscription_id;
}

fn subscription_id(number: usize) -> Option<SubscriptionId> {
    SubscriptionId::new(number.try_into().ok()?)
}

impl Field<'_, SubscriptionId> for Vec<usize> {
    fn read(&mut self, id: SubscriptionId) {
        self.push(id.get() as usize);
    }

    fn each(&self, mut push: impl FnMut(SubscriptionId)) -> Result<(), Error> {
        for id in self {
            push(subscription_id(*id).ok_or(ErrorKind::PropertyValue)?);
        }
        Ok(())
    }
}

impl<'a> Field<'a, (Utf8Str<'a>, Utf8Str<'a>)> for Vec<(String, String)> {
    fn read(&mut self, (name, value): (Utf8Str<'a>, Utf8Str<'a>)) {
        self.push((name.into(), value.into()));
    }

    fn each(&'a self, mut push: impl FnMut((Utf8Str<'a>, Utf8Str<'a>))) -> Result<(), Error> {
        for (name, value) in self {
            push((Utf8Str::new(name)?, Utf8Str::new(value)?));
        }
        Ok(())
    }
}

impl<'a> Field<'a, Utf8Str<'a>> for Option<String> {
    fn read(&mut self, text: Utf8Str<'a>) {
        *self = Some(text.into());
    }

    fn each(&'a self, mut push: impl FnMut(Utf8Str<'a>)) -> Result<(), Error> {
        if let Some(text) = self {
            push(Utf8Str::new(text)?);
        }
        Ok(())
    }
}

impl<'a> Field<'a, TopicName<'a>> for Option<String> {
    fn read(&mut self, name: TopicName<'a>) {
        *self = Some(name.into());
    }

    fn each(&'a self, mut push: impl FnMut(TopicName<'a>)) -> Result<(), Error> {
        if let Some(name) = self {
            push(TopicName::new(name)?);
        }
        Ok(())
    }
}

impl<'a> Field<'a, BinaryData<'a>> for Option<Bytes> {
    fn read(&mut self, data: BinaryData<'a>) {
        *self = Some(Bytes::copy_from_slice(data.as_bytes()));
    }

    fn each(&'a self, mut push: impl FnMut(BinaryData<'a>)) -> Result<(), Error> {
        if let Some(data) = self {
            push(BinaryData::new(data)?);
        }
        Ok(())
    }
}
