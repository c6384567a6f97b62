//! The model as JSON, or whatever else serde knows: written as the borrowed packets are, and read
//! from that.
//!
//! What is read is never trusted: a member that the packet does not have is refused like one that
//! is missing.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Property, Publish, SubAck, Subscribe,
    Subscription, Unsubscribe, Will,
};
use crate::data::{PacketId, QoS, SubscriptionId};
use crate::dialect::Version;
use crate::packet::{Delivery, PacketType, RetainHandling, SubscriptionOptions};
use crate::reason_code::ReasonCode;

// ---- writing -------------------------------------------------------------------------------

impl Serialize for Packet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.lend_as::<false, _>(|packet| packet.serialize(serializer)) {
            Ok(done) => done,
            Err((kind, field)) => Err(ser::Error::custom(format_args!("{field}: {kind}"))),
        }
    }
}

// ---- reading -------------------------------------------------------------------------------

macro_rules! members {
    ($($name:ident: $type:ty,)*) => {
        /// All members that packets have.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            #[serde(rename = "type")]
            packet_type: TypeName,
            $(#[serde(default, deserialize_with = "some")] $name: Option<$type>,)*
        }

        impl Members {
            /// A member that has not been taken.
            fn left_over(&self) -> Option<&'static str> {
                $(if self.$name.is_some() {
                    return Some(stringify!($name));
                })*
                None
            }
        }
    };
}

members! {
    version: VersionName,
    clean_start: bool,
    keep_alive: u16,
    properties: Vec<Property>,
    client_id: String,
    will: Will,
    user_name: String,
    password: Hex,
    session_present: bool,
    reason_code: ReasonCode,
    qos: QoS,
    dup: bool,
    packet_id: PacketId,
    retain: bool,
    topic_name: Option<String>,
    payload: Hex,
    subscriptions: Vec<Subscription>,
    reason_codes: Vec<ReasonCode>,
    topic_filters: Vec<String>,
}

/// A member that is there; only a topic name may be null.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for Packet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members: Members = members(deserializer, "a packet")?;
        let packet_type = members.packet_type.0;
        let packet = members.packet().map_err(|missing| {
            D::Error::custom(format_args!("{packet_type} lacks the member `{missing}`"))
        })?;
        match members.left_over() {
            None => Ok(packet),
            Some("dup" | "packet_id") if packet_type == PacketType::Publish => Err(
                D::Error::custom("PUBLISH has no `dup` and no `packet_id` with QoS 0"),
            ),
            Some(name) => Err(D::Error::custom(format_args!(
                "{packet_type} has no member `{name}`"
            ))),
        }
    }
}

impl Members {
    /// The packet of this type, with its members, or the name of a missing one.
    fn packet(&mut self) -> Result<Packet, &'static str> {
        macro_rules! take {
            ($name:ident) => {
                self.$name.take().ok_or(stringify!($name))?
            };
        }
        let packet_type = self.packet_type.0;
        let properties = match packet_type {
            PacketType::PingReq | PacketType::PingResp => Vec::new(),
            _ => self.properties.take().unwrap_or_default(),
        };
        Ok(match packet_type {
            PacketType::Connect => Packet::Connect(Connect {
                version: take!(version).0,
                clean_start: take!(clean_start),
                keep_alive: take!(keep_alive),
                properties,
                client_id: take!(client_id),
                will: self.will.take(),
                user_name: self.user_name.take(),
                password: self.password.take().map(|password| password.0),
            }),
            PacketType::ConnAck => Packet::ConnAck(ConnAck {
                session_present: take!(session_present),
                reason_code: take!(reason_code),
                properties,
            }),
            PacketType::Publish => Packet::Publish(Publish {
                delivery: match take!(qos) {
                    QoS::AtMostOnce => Delivery::AtMostOnce,
                    QoS::AtLeastOnce => Delivery::AtLeastOnce {
                        packet_id: take!(packet_id),
                        dup: take!(dup),
                    },
                    QoS::ExactlyOnce => Delivery::ExactlyOnce {
                        packet_id: take!(packet_id),
                        dup: take!(dup),
                    },
                },
                retain: take!(retain),
                topic_name: take!(topic_name),
                properties,
                payload: take!(payload).0,
            }),
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                let ack = Ack {
                    packet_id: take!(packet_id),
                    reason_code: take!(reason_code),
                    properties,
                };
                match packet_type {
                    PacketType::PubAck => Packet::PubAck(ack),
                    PacketType::PubRec => Packet::PubRec(ack),
                    PacketType::PubRel => Packet::PubRel(ack),
                    _ => Packet::PubComp(ack),
                }
            }
            PacketType::Subscribe => Packet::Subscribe(Subscribe {
                packet_id: take!(packet_id),
                properties,
                subscriptions: take!(subscriptions),
            }),
            PacketType::SubAck | PacketType::UnsubAck => {
                let suback = SubAck {
                    packet_id: take!(packet_id),
                    properties,
                    reason_codes: self.reason_codes.take().unwrap_or_default(),
                };
                match packet_type {
                    PacketType::SubAck => Packet::SubAck(suback),
                    _ => Packet::UnsubAck(suback),
                }
            }
            PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe {
                packet_id: take!(packet_id),
                properties,
                topic_filters: take!(topic_filters),
            }),
            PacketType::PingReq => Packet::PingReq,
            PacketType::PingResp => Packet::PingResp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect {
                reason_code: take!(reason_code),
                properties,
            }),
            PacketType::Auth => Packet::Auth(Auth {
                reason_code: take!(reason_code),
                properties,
            }),
        })
    }
}

impl<'de> Deserialize<'de> for Will {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            qos: QoS,
            retain: bool,
            #[serde(default)]
            properties: Vec<Property>,
            topic: String,
            payload: Hex,
        }

        members(deserializer, "a Will").map(|members: Members| Self {
            qos: members.qos,
            retain: members.retain,
            properties: members.properties,
            topic: members.topic,
            payload: members.payload.0,
        })
    }
}

impl<'de> Deserialize<'de> for Subscription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            filter: String,
            qos: QoS,
            no_local: bool,
            retain_as_published: bool,
            retain_handling: RetainHandling,
        }

        members(deserializer, "a subscription").map(|members: Members| Self {
            filter: members.filter,
            options: SubscriptionOptions {
                qos: members.qos,
                no_local: members.no_local,
                retain_as_published: members.retain_as_published,
                retain_handling: members.retain_handling,
            },
        })
    }
}

/// Reads a struct from its members only: what serde derives would take a list of them as well.
fn members<'de, D, T>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(Named {
        expected,
        read: PhantomData,
    })
}

struct Named<T> {
    expected: &'static str,
    read: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

// ---- values --------------------------------------------------------------------------------

/// Reads what a text stands for.
struct Text<T> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Data: an even number of hexadecimal digits.
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_str(Text {
                expected: "an even number of hexadecimal digits",
                read: |text| text.as_bytes().chunks(2).map(byte).collect::<Option<_>>(),
            })
            .map(Self)
    }
}

pub(super) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Hex::deserialize(deserializer).map(|hex| hex.0)
}

/// The byte that two hexadecimal digits are.
fn byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match digits {
        &[high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    }
}

struct TypeName(PacketType);

impl<'de> Deserialize<'de> for TypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "a packet type, such as \"CONNECT\"",
            read: |text| {
                let mut types = PacketType::ALL.into_iter();
                types.find(|it| it.name() == text).map(Self)
            },
        })
    }
}

struct VersionName(Version);

impl<'de> Deserialize<'de> for VersionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "\"3.1\", \"3.1.1\" or \"5.0\"",
            read: |text| match text {
                "3.1" => Some(Self(Version::V3_1)),
                "3.1.1" => Some(Self(Version::V3_1_1)),
                "5.0" => Some(Self(Version::V5)),
                _ => None,
            },
        })
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "a Reason Code, such as \"0x80\"",
            read: |text| {
                let byte = byte(text.strip_prefix("0x")?.as_bytes())?;
                Self::try_from(byte).ok()
            },
        })
    }
}

macro_rules! numbers {
    ($($type:ty, $number:ty, $expected:literal, $read:expr;)*) => {
        $(impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <$number>::deserialize(deserializer)?;
                $read(number).ok_or_else(|| {
                    D::Error::invalid_value(Unexpected::Unsigned(number.into()), &$expected)
                })
            }
        })*
    };
}

numbers! {
    QoS, u8, "0, 1 or 2", |level| Self::try_from(level).ok();
    RetainHandling, u8, "0, 1 or 2", |value| match value {
        0 => Some(Self::AtSubscribe),
        1 => Some(Self::AtNewSubscribe),
        2 => Some(Self::Never),
        _ => None,
    };
    PacketId, u16, "1 to 65535", Self::new;
    SubscriptionId, u32, "1 to 268435455", Self::new;
}
