//! PUBLISH, section 3.3.
//!
//! ```text
//! fixed header     3, DUP, QoS (2), RETAIN, Remaining Length
//! Topic Name
//! Packet Identifier   if QoS is 1 or 2
//! Properties       5.0
//! Payload          the rest of the packet
//! ```
//!
//! | | 3.1 | 3.1.1 | 5.0 |
//! |---|---|---|---|
//! | DUP with QoS 0 | ignored | refused | refused |
//! | empty Topic Name | refused | refused | allowed with a Topic Alias |

use core::fmt;

use super::body::{DecodeBody, EncodeBody};
#[cfg(feature = "serde")]
use crate::data;
use crate::data::{PacketId, QoS};
use crate::dialect::Dialect;
use crate::error::{ErrorKind, Field, ParseFault, Refusal, fault};
use crate::fixed_header::FirstByte;
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties};
use crate::property_id::PropertyId;
use crate::topic::TopicName;
use crate::wire::read::Parsed;
use crate::wire::write::Out;

/// PUBLISH: an Application Message.
///
/// ```
/// use mqtt_wire::{Delivery, Dialect, Packet, PacketId, Version};
///
/// let bytes = [
///     0x3d, 0x12, //                   PUBLISH, Remaining Length 18; flags:
///     //   1... DUP, .10. QoS 2, ...1 RETAIN
///     0x00, 0x03, b'a', b'/', b'b', // Topic Name
///     0x00, 0x0a, //                   Packet Identifier: 10
///     0x05, 0x02, 0x00, 0x00, 0x00, 0x3c, // Properties, 5 bytes: Message Expiry Interval 60 s
///     b'h', b'e', b'l', b'l', b'o', // Payload
/// ];
/// let dialect = Dialect::from_client(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::Publish(publish) = packet else { unreachable!() };
/// let packet_id = PacketId::new(10).unwrap();
/// assert_eq!(publish.delivery, Delivery::ExactlyOnce { packet_id, dup: true });
/// assert_eq!(publish.topic_name.unwrap(), "a/b");
/// assert_eq!(publish.payload, b"hello");
/// assert_eq!(publish.message_expiry_interval(), Some(60));
///
/// let mut again = [0; 20];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Publish<'a> {
    /// RETAIN. From a Client, 1 asks the Server to store the message for future subscribers. From
    /// a Server, see section 3.3.1.3.
    pub retain: bool,
    /// The QoS; with QoS 1 and 2 also Packet Identifier and DUP.
    pub delivery: Delivery,
    /// The properties (5.0 only).
    pub properties: Properties<'a>,
    /// The Topic Name. `None` is an empty name: 5.0 only, and only with the property Topic Alias,
    /// which replaces it (section 3.3.2.3.4).
    #[doc(alias = "topic")]
    pub topic_name: Option<TopicName<'a>>,
    /// The content of the message. It may be empty.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Creates a PUBLISH with QoS 0, RETAIN 0 and no properties.
    #[must_use]
    pub const fn new(topic_name: TopicName<'a>, payload: &'a [u8]) -> Self {
        Self {
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic_name: Some(topic_name),
            properties: Properties::EMPTY,
            payload,
        }
    }
}

impl<'a> DecodeBody<'a> for Publish<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        first_byte: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let flags = first_byte.flags;
        let (rest, topic_name) = TopicName::parse_or_empty(body, Field::TopicName)?;
        let (rest, delivery) = match QoS::from_bits(flags >> 1) {
            Some(QoS::AtMostOnce) | None => (rest, Delivery::AtMostOnce),
            Some(qos) => {
                let (rest, packet_id) = PacketId::parse(rest, dialect)?;
                let dup = flags & 0x08 != 0;
                let delivery = match qos {
                    QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
                    _ => Delivery::AtLeastOnce { packet_id, dup },
                };
                (rest, delivery)
            }
        };
        let (payload, properties) = property::parse(rest, CARRIER, dialect)?;
        if topic_name.is_none() && !may_be_empty(properties, dialect) {
            return fault(body, ErrorKind::EmptyTopicName, Field::TopicName, 0);
        }
        let publish = Self {
            delivery,
            retain: flags & 0x01 != 0,
            topic_name,
            properties,
            payload,
        };
        Ok((&[], publish))
    }
}

impl EncodeBody for Publish<'_> {
    #[inline(always)]
    fn flags(&self, _: PacketType) -> u8 {
        self.delivery.flags() | u8::from(self.retain)
    }

    #[inline(always)]
    fn write<O: Out>(&self, _: PacketType, dialect: Dialect, out: O) -> Result<O, O::Error> {
        self.write_head(dialect, out)?.put(self.payload)
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        2 + self.topic_bytes().len() + self.payload.len()
    }
}

impl Publish<'_> {
    /// Checks the fields and writes them, without the payload.
    #[inline(always)]
    fn write_head<O: Out>(&self, dialect: Dialect, out: O) -> Result<O, O::Error> {
        if self.topic_name.is_none() && !may_be_empty(self.properties, dialect) {
            let kind = ErrorKind::EmptyTopicName;
            return Err(Refusal::broken(kind, Field::TopicName, 0).into());
        }
        let out = out.put_prefixed(self.topic_bytes())?;
        let out = write_packet_id(&self.delivery, out)?;
        property::write(&self.properties, CARRIER, dialect, out)
    }

    #[inline(always)]
    fn topic_bytes(&self) -> &[u8] {
        self.topic_name
            .as_ref()
            .map_or(&b""[..], TopicName::as_bytes)
    }
}

/// A PUBLISH whose payload the caller sends separately.
pub(crate) struct Head<'p, 'a> {
    pub(crate) publish: &'p Publish<'a>,
    pub(crate) payload_len: usize,
}

impl EncodeBody for Head<'_, '_> {
    #[inline(always)]
    fn flags(&self, packet_type: PacketType) -> u8 {
        self.publish.flags(packet_type)
    }

    #[inline(always)]
    fn write<O: Out>(&self, _: PacketType, dialect: Dialect, out: O) -> Result<O, O::Error> {
        self.publish.write_head(dialect, out)
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        2 + self.publish.topic_bytes().len()
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        !self.publish.properties.is_empty()
    }

    #[inline(always)]
    fn later_len(&self) -> usize {
        self.payload_len
    }
}

/// Writes the Packet Identifier of QoS 1 and 2.
#[inline(always)]
pub(crate) fn write_packet_id<O: Out>(delivery: &Delivery, out: O) -> Result<O, O::Error> {
    match delivery.packet_id() {
        Some(packet_id) => packet_id.write(out),
        None => Ok(out),
    }
}

const CARRIER: Carrier = Carrier::Packet(PacketType::Publish);

/// Whether the Topic Name may be empty.
#[cold]
fn may_be_empty(properties: Properties<'_>, dialect: Dialect) -> bool {
    dialect.is_v5() && properties.get(PropertyId::TopicAlias).is_some()
}

/// The QoS of a PUBLISH, with the fields that exist only in that QoS.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "QosPid")]
pub enum Delivery {
    /// QoS 0: no Packet Identifier and no DUP (MQTT-2.3.1-5 and MQTT-3.3.1-2 of 3.1.1,
    /// MQTT-2.2.1-2 and MQTT-3.3.1-2 of 5.0).
    AtMostOnce,
    /// QoS 1: the receiver answers with PUBACK.
    AtLeastOnce {
        /// The Packet Identifier. No other unfinished exchange of the sender may use it
        /// (MQTT-2.3.1-2 and MQTT-2.3.1-4 of 3.1.1, MQTT-2.2.1-3 and MQTT-2.2.1-4 of 5.0).
        #[doc(alias = "pkid")]
        packet_id: PacketId,
        /// DUP: whether this may repeat an earlier attempt to send the message.
        dup: bool,
    },
    /// QoS 2: the receiver answers with PUBREC; PUBREL and PUBCOMP follow.
    ExactlyOnce {
        /// The Packet Identifier. No other unfinished exchange of the sender may use it
        /// (MQTT-2.3.1-2 and MQTT-2.3.1-4 of 3.1.1, MQTT-2.2.1-3 and MQTT-2.2.1-4 of 5.0).
        #[doc(alias = "pkid")]
        packet_id: PacketId,
        /// DUP: whether this may repeat an earlier attempt to send the message.
        dup: bool,
    },
}

impl Delivery {
    /// The delivery of a new message, with DUP 0. QoS 0 has no Packet Identifier, and ignores it.
    ///
    /// ```
    /// use mqtt_wire::{Delivery, Packet, PacketId, QoS};
    ///
    /// let delivery = Delivery::new(QoS::AtLeastOnce, PacketId::MIN);
    /// assert_eq!((delivery.packet_id(), delivery.dup()), (Some(PacketId::MIN), false));
    /// assert!(matches!(delivery.answer(), Some(Packet::PubAck(_))));
    /// assert_eq!(Delivery::new(QoS::AtMostOnce, PacketId::MIN).answer(), None);
    /// ```
    #[must_use]
    pub const fn new(qos: QoS, packet_id: PacketId) -> Self {
        let dup = false;
        match qos {
            QoS::AtMostOnce => Self::AtMostOnce,
            QoS::AtLeastOnce => Self::AtLeastOnce { packet_id, dup },
            QoS::ExactlyOnce => Self::ExactlyOnce { packet_id, dup },
        }
    }

    /// The same delivery with this DUP; QoS 0 has none.
    #[must_use]
    pub const fn with_dup(self, dup: bool) -> Self {
        match self {
            Self::AtMostOnce => self,
            Self::AtLeastOnce { packet_id, .. } => Self::AtLeastOnce { packet_id, dup },
            Self::ExactlyOnce { packet_id, .. } => Self::ExactlyOnce { packet_id, dup },
        }
    }

    /// The QoS: 0, 1 or 2.
    #[must_use]
    #[inline]
    pub const fn qos(&self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The Packet Identifier; `None` with QoS 0.
    #[doc(alias = "pkid")]
    #[must_use]
    #[inline]
    pub const fn packet_id(&self) -> Option<PacketId> {
        match *self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { packet_id, .. } | Self::ExactlyOnce { packet_id, .. } => {
                Some(packet_id)
            }
        }
    }

    /// Bits 3 to 1 of the first byte: DUP and QoS.
    #[inline]
    pub(crate) const fn flags(&self) -> u8 {
        (self.dup() as u8) << 3 | (self.qos() as u8) << 1
    }

    /// Whether DUP is 1. Always false with QoS 0.
    #[must_use]
    #[inline]
    pub const fn dup(&self) -> bool {
        match *self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { dup, .. } | Self::ExactlyOnce { dup, .. } => dup,
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.qos().fmt(f)?;
        if let Some(packet_id) = self.packet_id() {
            write!(f, ", Packet Identifier {packet_id}")?;
        }
        if self.dup() {
            f.write_str(", DUP")?;
        }
        Ok(())
    }
}

/// Written by hand, because the `flatten` of serde needs an allocator.
#[cfg(feature = "serde")]
impl serde::Serialize for Publish<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let packet_id = self.delivery.packet_id();
        let optional = 2 * usize::from(packet_id.is_some());
        let optional = optional + usize::from(!self.properties.is_empty());
        let mut publish = serializer.serialize_struct("Publish", 4 + optional)?;
        publish.serialize_field("qos", &self.delivery.qos())?;
        if let Some(packet_id) = packet_id {
            publish.serialize_field("dup", &self.delivery.dup())?;
            publish.serialize_field("packet_id", &packet_id)?;
        }
        publish.serialize_field("retain", &self.retain)?;
        publish.serialize_field("topic_name", &self.topic_name)?;
        if !self.properties.is_empty() {
            publish.serialize_field("properties", &self.properties)?;
        }
        publish.serialize_field("payload", &data::Hex(self.payload))?;
        publish.end()
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use crate::packet::test_support::*;
    use crate::{Delivery, ErrorKind, Field, Packet, PacketId, Publish};
    use crate::{Properties, Property, QoS, TopicName, Version, Waivers};

    /// The bytes of a PUBLISH with topic `a`; `rest` follows the topic.
    fn publish(first_byte: u8, rest: &[u8]) -> std::vec::Vec<u8> {
        packet(first_byte, &[b"\0\x01a", rest])
    }

    #[test]
    fn the_flags_are_dup_qos_and_retain() {
        let packet_id = PacketId::new(10).unwrap();
        for (first_byte, delivery, retain) in [
            (
                0x32,
                Delivery::AtLeastOnce {
                    packet_id,
                    dup: false,
                },
                false,
            ),
            (
                0x3b,
                Delivery::AtLeastOnce {
                    packet_id,
                    dup: true,
                },
                true,
            ),
            (
                0x35,
                Delivery::ExactlyOnce {
                    packet_id,
                    dup: false,
                },
                true,
            ),
            (
                0x3c,
                Delivery::ExactlyOnce {
                    packet_id,
                    dup: true,
                },
                false,
            ),
        ] {
            let mut expected = Publish::new(TopicName::new("a").unwrap(), b"xy");
            (expected.delivery, expected.retain) = (delivery, retain);
            let bytes = publish(first_byte, b"\0\x0axy");
            assert_eq!(accept(&bytes, client(V3_1_1)), expected.into());
        }
    }

    #[test]
    fn only_qos_1_and_2_have_a_packet_identifier() {
        let topic = TopicName::new("a").unwrap();
        for version in Version::ALL {
            let properties: &[u8] = if version == V5 { &[0] } else { &[] };
            let bytes = publish(0x31, properties);
            let mut expected = Publish::new(topic, b"");
            expected.retain = true;
            assert_eq!(accept(&bytes, client(version)), expected.into());
            for first_byte in [0x32, 0x34] {
                accept(
                    &publish(first_byte, &[&[0, 1], properties].concat()),
                    client(version),
                );
                for cut in [&[][..], &[0]] {
                    let fault = (ErrorKind::Truncated, Field::PacketId, 5);
                    assert_eq!(refuse(&publish(first_byte, cut), client(version)), fault);
                }
                let zero = publish(first_byte, &[&[0, 0], properties].concat());
                let fault = (ErrorKind::PacketIdZero, Field::PacketId, 5);
                assert_eq!(refuse(&zero, client(version)), fault);
                let waived = waive(&zero, client(version), Waivers::PACKET_ID_ZERO);
                let fault = (ErrorKind::PacketIdZero, Field::PacketId);
                assert_eq!(refuse_to_encode(waived, client(version)), fault);
            }
        }
    }

    #[test]
    fn in_3_1_dup_is_ignored_with_qos_0() {
        let bytes = publish(0x39, b"x");
        let packet = Packet::decode(&bytes, client(V3_1)).unwrap();
        assert_eq!(encode(packet, client(V3_1)), publish(0x31, b"x"));
    }

    #[test]
    fn only_a_topic_alias_replaces_the_topic_name() {
        let empty = (ErrorKind::EmptyTopicName, Field::TopicName, 2);
        for version in [V3_1, V3_1_1] {
            accept(b"\x30\x03\0\x01a", client(version));
            assert_eq!(refuse(b"\x30\x02\0\0", client(version)), empty);
        }
        accept(b"\x30\x06\0\0\x03\x23\0\x01", client(V5));
        // no properties, and a Payload Format Indicator only
        for bytes in [&b"\x30\x03\0\0\0"[..], b"\x30\x05\0\0\x02\x01\0"] {
            assert_eq!(refuse(bytes, client(V5)), empty);
        }
    }

    #[test]
    fn encoding_needs_a_topic_name_or_an_alias() {
        let mut publish = Publish::new(TopicName::new("a").unwrap(), b"");
        publish.topic_name = None;
        for version in Version::ALL {
            let fault = (ErrorKind::EmptyTopicName, Field::TopicName);
            assert_eq!(refuse_to_encode(publish, client(version)), fault);
        }
        let alias = [Property::TopicAlias(core::num::NonZeroU16::MIN)];
        publish.properties = Properties::from(&alias);
        assert_eq!(encode(publish, client(V5)), b"\x30\x06\0\0\x03\x23\0\x01");
    }

    #[test]
    fn the_payload_is_the_rest() {
        for (version, payload) in [(V3_1, &b"\0x"[..]), (V3_1_1, b"\0x"), (V5, b"x")] {
            let bytes = publish(0x30, b"\0x");
            let expected = Publish::new(TopicName::new("a").unwrap(), payload);
            assert_eq!(accept(&bytes, client(version)), expected.into());
        }
        let fault = (ErrorKind::Truncated, Field::PropertyLength, 5);
        assert_eq!(refuse(&publish(0x30, b""), client(V5)), fault);
    }

    #[test]
    fn before_5_0_there_are_no_properties() {
        let properties = [Property::PayloadFormatIndicator(true)];
        let mut publish = Publish::new(TopicName::new("a").unwrap(), b"");
        publish.properties = Properties::from(&properties);
        for version in [V3_1, V3_1_1] {
            assert_eq!(
                not_in_version(publish, client(version)),
                Field::PropertyLength
            );
        }
    }

    #[test]
    fn a_delivery_shows_its_parts() {
        let packet_id = PacketId::new(7).unwrap();
        for (delivery, qos, dup, text) in [
            (Delivery::AtMostOnce, QoS::AtMostOnce, false, "QoS 0"),
            (
                Delivery::AtLeastOnce {
                    packet_id,
                    dup: false,
                },
                QoS::AtLeastOnce,
                false,
                "QoS 1, Packet Identifier 7",
            ),
            (
                Delivery::ExactlyOnce {
                    packet_id,
                    dup: true,
                },
                QoS::ExactlyOnce,
                true,
                "QoS 2, Packet Identifier 7, DUP",
            ),
        ] {
            assert_eq!((delivery.qos(), delivery.dup()), (qos, dup));
            let expected = (qos != QoS::AtMostOnce).then_some(packet_id);
            assert_eq!(delivery.packet_id(), expected);
            assert_eq!(delivery.to_string(), text);
        }
    }
}
