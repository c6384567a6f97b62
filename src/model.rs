//! Owned packets, for tests, tools and JSON.
//!
//! A [`Packet`](crate::Packet) borrows, which a server wants and a test case, a fuzzer or a line of
//! JSON cannot do. [`model::Packet`](Packet) is the same tree with [`String`] for text, `Vec<u8>`
//! for data and `Vec` for lists. Its fields mean what those of the borrowed types mean, whose pages
//! have the rules. Text may be anything here: what no packet can hold is found by
//! [`encode`](Packet::encode).
//!
//! It copies all that it holds, several times over on its way to bytes. No server should decode
//! into it.
//!
//! ```
//! use mqtt_wire::{Delivery, Dialect, Version, model};
//!
//! let mut publish = model::Publish {
//!     delivery: Delivery::AtMostOnce,
//!     retain: false,
//!     topic_name: Some("a/b".into()),
//!     properties: vec![],
//!     payload: b"hello".to_vec(),
//! };
//! let dialect = Dialect::from_client(Version::V3_1_1);
//! let bytes = model::Packet::Publish(publish.clone()).encode(dialect)?;
//! assert_eq!(bytes, b"\x30\x0a\x00\x03a/bhello");
//!
//! let decoded = mqtt_wire::Packet::decode(&bytes, dialect)?;
//! assert_eq!(model::Packet::from(decoded), model::Packet::Publish(publish.clone()));
//!
//! publish.topic_name = Some("a/+".into());
//! let error = model::Packet::Publish(publish).encode(dialect).unwrap_err();
//! assert_eq!(error.statement().unwrap().id(), "MQTT-3.3.2-2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Packets to test with
//!
//! With the feature `arbitrary` there are [`Valid`], [`NearlyValid`], [`ValidConversation`] and
//! [`NearlyValidConversation`] for fuzzers; with the feature `proptest` the same are strategies, in
//! [`strategies`]. Both lean towards the boundaries: empty, longest, and where a length needs
//! another byte.
#![cfg_attr(
    not(all(feature = "arbitrary", feature = "proptest")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "arbitrary")]
mod arbitrary;
#[cfg(any(feature = "arbitrary", feature = "proptest"))]
mod conversation;
#[cfg(feature = "serde")]
mod json;
#[cfg(any(feature = "arbitrary", feature = "proptest"))]
mod make;
mod property;
#[cfg(feature = "proptest")]
pub mod strategies;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

#[cfg(feature = "arbitrary")]
pub use self::arbitrary::{NearlyValid, NearlyValidConversation, Valid, ValidConversation};
pub use self::property::Property;

use crate::data::{BinaryData, PacketId, QoS, Utf8Str};
use crate::dialect::{Dialect, Sender, Version};
use crate::error::{EncodeError, ErrorKind, Field, Refusal};
use crate::list::List;
use crate::packet::{self, Delivery, PacketType, SubscriptionOptions};
use crate::property::Properties;
use crate::reason_code::ReasonCode;
use crate::topic::{TopicFilter, TopicName};

/// An owned Control Packet of any version: see [`crate::Packet`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // as the borrowed ones
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

/// An owned CONNECT: see [`crate::Connect`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Connect {
    pub version: Version,
    pub clean_start: bool,
    pub keep_alive: u16,
    pub properties: Vec<Property>,
    pub client_id: String,
    pub will: Option<Will>,
    pub user_name: Option<String>,
    pub password: Option<Vec<u8>>,
}

/// An owned Will: see [`crate::Will`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Will {
    pub qos: QoS,
    pub retain: bool,
    pub properties: Vec<Property>,
    pub topic: String,
    pub payload: Vec<u8>,
}

/// An owned CONNACK: see [`crate::ConnAck`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConnAck {
    pub session_present: bool,
    pub reason_code: ReasonCode,
    pub properties: Vec<Property>,
}

/// An owned PUBLISH: see [`crate::Publish`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Publish {
    pub delivery: Delivery,
    pub retain: bool,
    pub topic_name: Option<String>,
    pub properties: Vec<Property>,
    pub payload: Vec<u8>,
}

/// An owned PUBACK, PUBREC, PUBREL or PUBCOMP: see [`crate::Ack`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ack {
    pub packet_id: PacketId,
    pub reason_code: ReasonCode,
    pub properties: Vec<Property>,
}

/// An owned SUBSCRIBE: see [`crate::Subscribe`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Subscribe {
    pub packet_id: PacketId,
    pub properties: Vec<Property>,
    pub subscriptions: Vec<Subscription>,
}

/// An owned subscription: see [`crate::Subscription`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Subscription {
    pub filter: String,
    pub options: SubscriptionOptions,
}

/// An owned SUBACK or UNSUBACK: see [`crate::SubAck`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SubAck {
    pub packet_id: PacketId,
    pub properties: Vec<Property>,
    pub reason_codes: Vec<ReasonCode>,
}

/// An owned UNSUBSCRIBE: see [`crate::Unsubscribe`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Unsubscribe {
    pub packet_id: PacketId,
    pub properties: Vec<Property>,
    pub topic_filters: Vec<String>,
}

/// An owned DISCONNECT: see [`crate::Disconnect`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Disconnect {
    pub reason_code: ReasonCode,
    pub properties: Vec<Property>,
}

/// An owned AUTH: see [`crate::Auth`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Auth {
    pub reason_code: ReasonCode,
    pub properties: Vec<Property>,
}

/// What goes over one connection, in the order in which it passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The version that is spoken.
    pub version: Version,
    /// Each packet and who sends it.
    pub packets: Vec<(Sender, Packet)>,
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

    /// Lends the packet as one that borrows: its lists live as long as the call of `receive`,
    /// whose answer comes back.
    ///
    /// # Errors
    ///
    /// A violation if a text or some data cannot stand in a packet of any dialect; `dialect` says
    /// whose statement it names. No other rule is checked here.
    pub fn lend<R>(
        &self,
        dialect: Dialect,
        receive: impl FnOnce(packet::Packet<'_>) -> R,
    ) -> Result<R, EncodeError> {
        self.lend_as::<true, R>(receive).map_err(|(kind, field)| {
            Refusal::Broken(kind, field, 0).of(self.packet_type(), dialect)
        })
    }

    /// The bytes of the packet.
    ///
    /// # Errors
    ///
    /// As [`lend`](Self::lend) and [`Packet::encoded_len`](crate::Packet::encoded_len).
    pub fn encode(&self, dialect: Dialect) -> Result<Vec<u8>, EncodeError> {
        self.lend(dialect, |packet| {
            let mut bytes = vec![0; packet.encoded_len(dialect)?];
            packet.encode_to_slice(dialect, &mut bytes)?;
            Ok(bytes)
        })?
    }

    fn lend_as<const CHECKED: bool, R>(
        &self,
        receive: impl FnOnce(packet::Packet<'_>) -> R,
    ) -> Lent<R> {
        use packet::Packet as P;

        Ok(match self {
            Self::Connect(connect) => {
                let properties = property::lend_all::<CHECKED>(&connect.properties)?;
                let will_properties = match &connect.will {
                    Some(will) => property::lend_all::<CHECKED>(&will.properties)?,
                    None => Vec::new(),
                };
                let will = match &connect.will {
                    Some(will) => Some(crate::Will {
                        qos: will.qos,
                        retain: will.retain,
                        properties: Properties::new(&will_properties),
                        topic: topic_name::<CHECKED>(&will.topic, Field::WillTopic)?,
                        payload: data::<CHECKED>(&will.payload, Field::WillPayload)?,
                    }),
                    None => None,
                };
                let user_name = connect.user_name.as_ref();
                let password = connect.password.as_ref();
                receive(P::Connect(packet::Connect {
                    version: connect.version,
                    clean_start: connect.clean_start,
                    keep_alive: connect.keep_alive,
                    properties: Properties::new(&properties),
                    client_id: text::<CHECKED>(&connect.client_id, Field::ClientId)?,
                    will,
                    user_name: user_name
                        .map(|name| text::<CHECKED>(name, Field::UserName))
                        .transpose()?,
                    password: password
                        .map(|password| data::<CHECKED>(password, Field::Password))
                        .transpose()?,
                }))
            }
            Self::ConnAck(connack) => receive(P::ConnAck(packet::ConnAck {
                session_present: connack.session_present,
                reason_code: connack.reason_code,
                properties: Properties::new(&property::lend_all::<CHECKED>(&connack.properties)?),
            })),
            Self::Publish(publish) => {
                let topic_name = publish.topic_name.as_ref();
                receive(P::Publish(packet::Publish {
                    delivery: publish.delivery,
                    retain: publish.retain,
                    topic_name: topic_name
                        .map(|name| self::topic_name::<CHECKED>(name, Field::TopicName))
                        .transpose()?,
                    properties: Properties::new(&property::lend_all::<CHECKED>(
                        &publish.properties,
                    )?),
                    payload: &publish.payload,
                }))
            }
            Self::PubAck(ack) => ack.lend::<CHECKED, R>(|ack| receive(P::PubAck(ack)))?,
            Self::PubRec(ack) => ack.lend::<CHECKED, R>(|ack| receive(P::PubRec(ack)))?,
            Self::PubRel(ack) => ack.lend::<CHECKED, R>(|ack| receive(P::PubRel(ack)))?,
            Self::PubComp(ack) => ack.lend::<CHECKED, R>(|ack| receive(P::PubComp(ack)))?,
            Self::Subscribe(subscribe) => {
                let subscriptions = subscribe.subscriptions.iter();
                let subscriptions: Vec<_> = subscriptions
                    .map(Subscription::lend::<CHECKED>)
                    .collect::<Lent<_>>()?;
                receive(P::Subscribe(packet::Subscribe {
                    packet_id: subscribe.packet_id,
                    properties: Properties::new(&property::lend_all::<CHECKED>(
                        &subscribe.properties,
                    )?),
                    subscriptions: List::new(&subscriptions),
                }))
            }
            Self::SubAck(suback) => suback.lend::<CHECKED, R>(|it| receive(P::SubAck(it)))?,
            Self::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.topic_filters.iter();
                let topic_filters: Vec<_> = filters
                    .map(|filter| topic_filter::<CHECKED>(filter))
                    .collect::<Lent<_>>()?;
                receive(P::Unsubscribe(packet::Unsubscribe {
                    packet_id: unsubscribe.packet_id,
                    properties: Properties::new(&property::lend_all::<CHECKED>(
                        &unsubscribe.properties,
                    )?),
                    topic_filters: List::new(&topic_filters),
                }))
            }
            Self::UnsubAck(unsuback) => {
                unsuback.lend::<CHECKED, R>(|it| receive(P::UnsubAck(it)))?
            }
            Self::PingReq => receive(P::PingReq),
            Self::PingResp => receive(P::PingResp),
            Self::Disconnect(disconnect) => receive(P::Disconnect(packet::Disconnect {
                reason_code: disconnect.reason_code,
                properties: Properties::new(&property::lend_all::<CHECKED>(
                    &disconnect.properties,
                )?),
            })),
            Self::Auth(auth) => receive(P::Auth(packet::Auth {
                reason_code: auth.reason_code,
                properties: Properties::new(&property::lend_all::<CHECKED>(&auth.properties)?),
            })),
        })
    }
}

impl Ack {
    fn lend<const CHECKED: bool, R>(&self, receive: impl FnOnce(packet::Ack<'_>) -> R) -> Lent<R> {
        Ok(receive(packet::Ack {
            packet_id: self.packet_id,
            reason_code: self.reason_code,
            properties: Properties::new(&property::lend_all::<CHECKED>(&self.properties)?),
        }))
    }
}

impl SubAck {
    fn lend<const CHECKED: bool, R>(
        &self,
        receive: impl FnOnce(packet::SubAck<'_>) -> R,
    ) -> Lent<R> {
        Ok(receive(packet::SubAck {
            packet_id: self.packet_id,
            properties: Properties::new(&property::lend_all::<CHECKED>(&self.properties)?),
            reason_codes: List::new(&self.reason_codes),
        }))
    }
}

impl Subscription {
    fn lend<const CHECKED: bool>(&self) -> Lent<packet::Subscription<'_>> {
        Ok(packet::Subscription {
            filter: topic_filter::<CHECKED>(&self.filter)?,
            options: self.options,
        })
    }
}

/// What was lent, or why a text or some data cannot be.
type Lent<T> = Result<T, (ErrorKind, Field)>;

fn text<const CHECKED: bool>(text: &str, field: Field) -> Lent<Utf8Str<'_>> {
    match CHECKED {
        true => Utf8Str::new(text).map_err(|kind| (kind, field)),
        false => Ok(Utf8Str::trusted(text.as_bytes())),
    }
}

fn topic_name<const CHECKED: bool>(name: &str, field: Field) -> Lent<TopicName<'_>> {
    match CHECKED {
        true => TopicName::new(name).map_err(|kind| (kind, field)),
        false => Ok(TopicName::trusted(name.as_bytes())),
    }
}

fn topic_filter<const CHECKED: bool>(filter: &str) -> Lent<TopicFilter<'_>> {
    match CHECKED {
        true => TopicFilter::new(filter).map_err(|kind| (kind, Field::TopicFilter)),
        false => Ok(TopicFilter::trusted(filter.as_bytes())),
    }
}

fn data<const CHECKED: bool>(data: &[u8], field: Field) -> Lent<BinaryData<'_>> {
    match CHECKED {
        true => BinaryData::new(data).map_err(|kind| (kind, field)),
        false => Ok(BinaryData::trusted(data)),
    }
}

impl Conversation {
    /// The bytes of each packet and who sends them.
    ///
    /// # Errors
    ///
    /// That of the first packet that cannot be encoded.
    pub fn encode(&self) -> Result<Vec<(Sender, Vec<u8>)>, EncodeError> {
        let packets = self.packets.iter();
        packets
            .map(|(sender, packet)| {
                let dialect = Dialect::new(self.version, *sender);
                Ok((*sender, packet.encode(dialect)?))
            })
            .collect()
    }
}

// ---- from packets that borrow --------------------------------------------------------------

impl From<packet::Packet<'_>> for Packet {
    fn from(packet: packet::Packet<'_>) -> Self {
        use packet::Packet as P;

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

impl From<packet::Ack<'_>> for Ack {
    fn from(ack: packet::Ack<'_>) -> Self {
        Self {
            packet_id: ack.packet_id,
            reason_code: ack.reason_code,
            properties: own(ack.properties),
        }
    }
}

impl From<packet::SubAck<'_>> for SubAck {
    fn from(suback: packet::SubAck<'_>) -> Self {
        Self {
            packet_id: suback.packet_id,
            properties: own(suback.properties),
            reason_codes: suback.reason_codes.iter().collect(),
        }
    }
}

impl From<packet::Subscription<'_>> for Subscription {
    fn from(subscription: packet::Subscription<'_>) -> Self {
        Self {
            filter: subscription.filter.as_str().into(),
            options: subscription.options,
        }
    }
}

fn own(properties: Properties<'_>) -> Vec<Property> {
    properties.iter().map(Into::into).collect()
}
