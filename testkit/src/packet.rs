//! Owned packets: to and from packets that borrow, and to bytes.

use mqtt_wire::{
    BinaryData, Delivery, Dialect, EncodeError, ErrorKind, Field, List, PacketId, PacketType,
    Properties, QoS, ReasonCode, SubscriptionOptions, TopicFilter, TopicName, Utf8Str, Version,
    Violation,
};

use crate::Property;
#[cfg(feature = "serde")]
use crate::json;

/// An owned packet of any version, see [`mqtt_wire::Packet`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "type", rename_all = "UPPERCASE")
)]
#[allow(missing_docs)] // the borrowed type has the docs
pub enum Packet {
    Connect(Connect),
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(SubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(Auth),
}

/// An owned CONNECT. The fields are those of [`mqtt_wire::Connect`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Connect {
    pub keep_alive: u16,
    pub version: Version,
    pub clean_start: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
    pub client_id: String,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub will: Option<Will>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub user_name: Option<String>,
    #[cfg_attr(
        feature = "serde",
        serde(
            skip_serializing_if = "Option::is_none",
            serialize_with = "json::write_some_hex"
        )
    )]
    pub password: Option<Vec<u8>>,
}

/// An owned Will. The fields are those of [`mqtt_wire::Will`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Will {
    pub qos: QoS,
    pub retain: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
    pub topic: String,
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::write_hex"))]
    pub payload: Vec<u8>,
}

/// An owned CONNACK. The fields are those of [`mqtt_wire::ConnAck`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct ConnAck {
    pub session_present: bool,
    pub reason_code: ReasonCode,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
}

/// An owned PUBLISH. The fields are those of [`mqtt_wire::Publish`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Publish {
    pub delivery: Delivery,
    pub retain: bool,
    pub topic_name: Option<String>,
    pub properties: Vec<Property>,
    pub payload: Vec<u8>,
}

/// An owned PUBACK, PUBREC, PUBREL or PUBCOMP. The fields are those of [`mqtt_wire::Ack`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Ack {
    pub packet_id: PacketId,
    pub reason_code: ReasonCode,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
}

/// An owned SUBSCRIBE. The fields are those of [`mqtt_wire::Subscribe`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Subscribe {
    pub packet_id: PacketId,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
    pub subscriptions: Vec<Subscription>,
}

/// An owned subscription. The fields are those of [`mqtt_wire::Subscription`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Subscription {
    pub filter: String,
    pub options: SubscriptionOptions,
}

/// An owned SUBACK or UNSUBACK. The fields are those of [`mqtt_wire::SubAck`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct SubAck {
    pub packet_id: PacketId,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub reason_codes: Vec<ReasonCode>,
}

/// An owned UNSUBSCRIBE. The fields are those of [`mqtt_wire::Unsubscribe`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Unsubscribe {
    pub packet_id: PacketId,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
    pub topic_filters: Vec<String>,
}

/// An owned DISCONNECT. The fields are those of [`mqtt_wire::Disconnect`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Disconnect {
    pub reason_code: ReasonCode,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub properties: Vec<Property>,
}

/// An owned AUTH. The fields are those of [`mqtt_wire::Auth`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(missing_docs)]
pub struct Auth {
    pub reason_code: ReasonCode,
    pub properties: Vec<Property>,
}

impl Packet {
    /// The type of the packet.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// Calls `receive` with the packet as a borrowed one, and returns what `receive` returns.
    ///
    /// # Errors
    ///
    /// A violation if no packet of any dialect can hold a text or some data, for example a text
    /// with U+0000. `dialect` chooses the statement that the violation names. No other rule is
    /// checked.
    pub fn lend<R>(
        &self,
        dialect: Dialect,
        receive: impl FnOnce(mqtt_wire::Packet<'_>) -> R,
    ) -> Result<R, EncodeError> {
        self.borrow(receive).map_err(|Invalid(kind, field)| {
            EncodeError::Violation(Violation::new(kind, field, self.packet_type(), dialect))
        })
    }

    /// The bytes of the packet.
    ///
    /// # Errors
    ///
    /// Those of [`lend`](Self::lend) and of
    /// [`Packet::encoded_len`](mqtt_wire::Packet::encoded_len).
    pub fn encode(&self, dialect: Dialect) -> Result<Vec<u8>, EncodeError> {
        self.lend(dialect, |packet| {
            let mut bytes = vec![0; packet.encoded_len(dialect)?];
            packet.encode_to_slice(dialect, &mut bytes)?;
            Ok(bytes)
        })?
    }

    fn borrow<R>(&self, receive: impl FnOnce(mqtt_wire::Packet<'_>) -> R) -> Result<R, Invalid> {
        use mqtt_wire::Packet as P;

        Ok(match self {
            Self::Connect(connect) => {
                let properties = borrow_all(&connect.properties)?;
                let will_properties = match &connect.will {
                    Some(will) => borrow_all(&will.properties)?,
                    None => Vec::new(),
                };
                let will = match &connect.will {
                    Some(will) => Some(mqtt_wire::Will {
                        qos: will.qos,
                        retain: will.retain,
                        properties: Properties::new(&will_properties),
                        topic: topic_name(&will.topic, Field::WillTopic)?,
                        payload: data(&will.payload, Field::WillPayload)?,
                    }),
                    None => None,
                };
                let user_name = connect.user_name.as_ref();
                let password = connect.password.as_ref();
                receive(P::Connect(mqtt_wire::Connect {
                    version: connect.version,
                    clean_start: connect.clean_start,
                    keep_alive: connect.keep_alive,
                    properties: Properties::new(&properties),
                    client_id: text(&connect.client_id, Field::ClientId)?,
                    will,
                    user_name: user_name
                        .map(|name| text(name, Field::UserName))
                        .transpose()?,
                    password: password
                        .map(|password| data(password, Field::Password))
                        .transpose()?,
                }))
            }
            Self::ConnAck(connack) => receive(P::ConnAck(mqtt_wire::ConnAck {
                session_present: connack.session_present,
                reason_code: connack.reason_code,
                properties: Properties::new(&borrow_all(&connack.properties)?),
            })),
            Self::Publish(publish) => {
                let topic_name = publish.topic_name.as_ref();
                receive(P::Publish(mqtt_wire::Publish {
                    delivery: publish.delivery,
                    retain: publish.retain,
                    topic_name: topic_name
                        .map(|name| self::topic_name(name, Field::TopicName))
                        .transpose()?,
                    properties: Properties::new(&borrow_all(&publish.properties)?),
                    payload: &publish.payload,
                }))
            }
            Self::PubAck(ack) => ack.borrow(|ack| receive(P::PubAck(ack)))?,
            Self::PubRec(ack) => ack.borrow(|ack| receive(P::PubRec(ack)))?,
            Self::PubRel(ack) => ack.borrow(|ack| receive(P::PubRel(ack)))?,
            Self::PubComp(ack) => ack.borrow(|ack| receive(P::PubComp(ack)))?,
            Self::Subscribe(subscribe) => {
                let subscriptions = subscribe.subscriptions.iter();
                let subscriptions: Vec<_> = subscriptions
                    .map(Subscription::borrow)
                    .collect::<Result<_, Invalid>>()?;
                receive(P::Subscribe(mqtt_wire::Subscribe {
                    packet_id: subscribe.packet_id,
                    properties: Properties::new(&borrow_all(&subscribe.properties)?),
                    subscriptions: List::new(&subscriptions),
                }))
            }
            Self::SubAck(suback) => suback.borrow(|it| receive(P::SubAck(it)))?,
            Self::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.topic_filters.iter();
                let topic_filters: Vec<_> = filters
                    .map(|filter| topic_filter(filter))
                    .collect::<Result<_, Invalid>>()?;
                receive(P::Unsubscribe(mqtt_wire::Unsubscribe {
                    packet_id: unsubscribe.packet_id,
                    properties: Properties::new(&borrow_all(&unsubscribe.properties)?),
                    topic_filters: List::new(&topic_filters),
                }))
            }
            Self::UnsubAck(unsuback) => unsuback.borrow(|it| receive(P::UnsubAck(it)))?,
            Self::PingReq => receive(P::PingReq),
            Self::PingResp => receive(P::PingResp),
            Self::Disconnect(disconnect) => receive(P::Disconnect(mqtt_wire::Disconnect {
                reason_code: disconnect.reason_code,
                properties: Properties::new(&borrow_all(&disconnect.properties)?),
            })),
            Self::Auth(auth) => receive(P::Auth(mqtt_wire::Auth {
                reason_code: auth.reason_code,
                properties: Properties::new(&borrow_all(&auth.properties)?),
            })),
        })
    }
}

impl Ack {
    fn borrow<R>(&self, receive: impl FnOnce(mqtt_wire::Ack<'_>) -> R) -> Result<R, Invalid> {
        Ok(receive(mqtt_wire::Ack {
            packet_id: self.packet_id,
            reason_code: self.reason_code,
            properties: Properties::new(&borrow_all(&self.properties)?),
        }))
    }
}

impl SubAck {
    fn borrow<R>(&self, receive: impl FnOnce(mqtt_wire::SubAck<'_>) -> R) -> Result<R, Invalid> {
        Ok(receive(mqtt_wire::SubAck {
            packet_id: self.packet_id,
            properties: Properties::new(&borrow_all(&self.properties)?),
            reason_codes: List::new(&self.reason_codes),
        }))
    }
}

impl Subscription {
    fn borrow(&self) -> Result<mqtt_wire::Subscription<'_>, Invalid> {
        Ok(mqtt_wire::Subscription {
            filter: topic_filter(&self.filter)?,
            options: self.options,
        })
    }
}

/// Why no packet can hold a text or some data, and in which field it is.
pub(crate) struct Invalid(ErrorKind, Field);

pub(crate) fn text(text: &str, field: Field) -> Result<Utf8Str<'_>, Invalid> {
    Utf8Str::new(text).map_err(|kind| Invalid(kind, field))
}

pub(crate) fn topic_name(name: &str, field: Field) -> Result<TopicName<'_>, Invalid> {
    TopicName::new(name).map_err(|kind| Invalid(kind, field))
}

fn topic_filter(filter: &str) -> Result<TopicFilter<'_>, Invalid> {
    TopicFilter::new(filter).map_err(|kind| Invalid(kind, Field::TopicFilter))
}

pub(crate) fn data(data: &[u8], field: Field) -> Result<BinaryData<'_>, Invalid> {
    BinaryData::new(data).map_err(|kind| Invalid(kind, field))
}

fn borrow_all(properties: &[Property]) -> Result<Vec<mqtt_wire::Property<'_>>, Invalid> {
    properties.iter().map(Property::borrow).collect()
}

// ---- from borrowed packets -----------------------------------------------------------------

impl From<mqtt_wire::Packet<'_>> for Packet {
    fn from(packet: mqtt_wire::Packet<'_>) -> Self {
        use mqtt_wire::Packet as P;

        match packet {
            P::Connect(connect) => Self::Connect(Connect {
                version: connect.version,
                clean_start: connect.clean_start,
                keep_alive: connect.keep_alive,
                properties: own(connect.properties),
                client_id: connect.client_id.as_str().into(),
                will: connect.will.map(|will| Will {
                    qos: will.qos,
                    retain: will.retain,
                    properties: own(will.properties),
                    topic: will.topic.as_str().into(),
                    payload: will.payload.as_bytes().into(),
                }),
                user_name: connect.user_name.map(|name| name.as_str().into()),
                password: connect.password.map(|password| password.as_bytes().into()),
            }),
            P::ConnAck(connack) => Self::ConnAck(ConnAck {
                session_present: connack.session_present,
                reason_code: connack.reason_code,
                properties: own(connack.properties),
            }),
            P::Publish(publish) => Self::Publish(Publish {
                delivery: publish.delivery,
                retain: publish.retain,
                topic_name: publish.topic_name.map(|name| name.as_str().into()),
                properties: own(publish.properties),
                payload: publish.payload.into(),
            }),
            P::PubAck(ack) => Self::PubAck(ack.into()),
            P::PubRec(ack) => Self::PubRec(ack.into()),
            P::PubRel(ack) => Self::PubRel(ack.into()),
            P::PubComp(ack) => Self::PubComp(ack.into()),
            P::Subscribe(subscribe) => Self::Subscribe(Subscribe {
                packet_id: subscribe.packet_id,
                properties: own(subscribe.properties),
                subscriptions: subscribe.subscriptions.iter().map(Into::into).collect(),
            }),
            P::SubAck(suback) => Self::SubAck(suback.into()),
            P::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.topic_filters.iter();
                Self::Unsubscribe(Unsubscribe {
                    packet_id: unsubscribe.packet_id,
                    properties: own(unsubscribe.properties),
                    topic_filters: filters.map(|filter| filter.as_str().into()).collect(),
                })
            }
            P::UnsubAck(unsuback) => Self::UnsubAck(unsuback.into()),
            P::PingReq => Self::PingReq,
            P::PingResp => Self::PingResp,
            P::Disconnect(disconnect) => Self::Disconnect(Disconnect {
                reason_code: disconnect.reason_code,
                properties: own(disconnect.properties),
            }),
            P::Auth(auth) => Self::Auth(Auth {
                reason_code: auth.reason_code,
                properties: own(auth.properties),
            }),
        }
    }
}

impl From<mqtt_wire::Ack<'_>> for Ack {
    fn from(ack: mqtt_wire::Ack<'_>) -> Self {
        Self {
            packet_id: ack.packet_id,
            reason_code: ack.reason_code,
            properties: own(ack.properties),
        }
    }
}

impl From<mqtt_wire::SubAck<'_>> for SubAck {
    fn from(suback: mqtt_wire::SubAck<'_>) -> Self {
        Self {
            packet_id: suback.packet_id,
            properties: own(suback.properties),
            reason_codes: suback.reason_codes.iter().collect(),
        }
    }
}

impl From<mqtt_wire::Subscription<'_>> for Subscription {
    fn from(subscription: mqtt_wire::Subscription<'_>) -> Self {
        Self {
            filter: subscription.filter.as_str().into(),
            options: subscription.options,
        }
    }
}

fn own(properties: Properties<'_>) -> Vec<Property> {
    properties.iter().map(Into::into).collect()
}
