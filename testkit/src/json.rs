//! Packets in JSON, or any other format of serde. The form is that of the borrowed packets.
//!
//! Reading is strict: a member that is missing, or that the packet does not have, is an error.

use std::fmt;
use std::marker::PhantomData;

use mqtt_wire::{
    Delivery, PacketId, PacketType, QoS, ReasonCode, RetainHandling, SubscriptionOptions, Version,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Property, Publish, SubAck, Subscribe,
    Subscription, Unsubscribe, Will,
};

// ---- writing -------------------------------------------------------------------------------

impl Serialize for Publish {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Members<'a> {
            qos: QoS,
            #[serde(skip_serializing_if = "Option::is_none")]
            dup: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            packet_id: Option<PacketId>,
            retain: bool,
            topic_name: Option<&'a str>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            properties: &'a [Property],
            #[serde(serialize_with = "write_hex")]
            payload: &'a [u8],
        }

        let packet_id = self.delivery.packet_id();
        Members {
            qos: self.delivery.qos(),
            dup: packet_id.map(|_| self.delivery.dup()),
            packet_id,
            retain: self.retain,
            topic_name: self.topic_name.as_deref(),
            properties: &self.properties,
            payload: &self.payload,
        }
        .serialize(serializer)
    }
}

impl Serialize for Subscription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SubscriptionOptions {
            qos,
            no_local,
            retain_as_published,
            retain_handling,
        } = self.options;
        SubscriptionMembers {
            filter: self.filter.as_str(),
            qos,
            no_local,
            retain_as_published,
            retain_handling,
        }
        .serialize(serializer)
    }
}

// ---- reading -------------------------------------------------------------------------------

macro_rules! members {
    ($($name:ident: $type:ty,)*) => {
        /// The members of all packets.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            #[serde(rename = "type")]
            packet_type: PacketType,
            $(#[serde(default, deserialize_with = "present")] $name: Option<$type>,)*
        }

        impl Members {
            /// The name of a member that is still there.
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
    version: Version,
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

/// Reads a member that is present. `null` is not the same as absent: only a topic name may be `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for Packet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members: Members = members(deserializer, "a packet")?;
        let packet_type = members.packet_type;
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
    /// Takes the members of the packet out of `self`. The error is the name of a missing one.
    fn packet(&mut self) -> Result<Packet, &'static str> {
        macro_rules! take {
            ($name:ident) => {
                self.$name.take().ok_or(stringify!($name))?
            };
        }
        let packet_type = self.packet_type;
        let properties = match packet_type {
            PacketType::PingReq | PacketType::PingResp => Vec::new(),
            _ => self.properties.take().unwrap_or_default(),
        };
        Ok(match packet_type {
            PacketType::Connect => Packet::Connect(Connect {
                version: take!(version),
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionMembers<T> {
    filter: T,
    qos: QoS,
    no_local: bool,
    retain_as_published: bool,
    retain_handling: RetainHandling,
}

impl<'de> Deserialize<'de> for Subscription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        members(deserializer, "a subscription").map(|members: SubscriptionMembers<String>| Self {
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

/// Reads a struct from a map. The code that serde derives would also accept a list.
fn members<'de, D, T>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(MapVisitor {
        expected,
        read: PhantomData,
    })
}

struct MapVisitor<T> {
    expected: &'static str,
    read: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

// ---- data ----------------------------------------------------------------------------------

/// Writes data as hexadecimal digits.
pub(crate) fn write_hex<S: Serializer>(
    data: impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&HexDigits(data.as_ref()))
}

/// Writes optional data: the caller leaves out `None`.
pub(crate) fn write_some_hex<S: Serializer>(
    data: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    write_hex(data.as_deref().unwrap_or_default(), serializer)
}

struct HexDigits<'a>(&'a [u8]);

impl fmt::Display for HexDigits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

pub(crate) fn read_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Hex::deserialize(deserializer).map(|hex| hex.0)
}

/// Data that is read from hexadecimal digits.
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor).map(Self)
    }
}

struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an even number of hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = |digits: &[u8]| match digits {
            &[high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        };
        let bytes = text.as_bytes().chunks(2).map(byte).collect::<Option<_>>();
        bytes.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
