//! PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7: four packets of one layout.
//!
//! ```text
//! fixed header     40, 50, 62 or 70, Remaining Length: 2 before 5.0
//! Packet Identifier
//! Reason Code      5.0; optional if it is 0 and there are no properties
//! Properties       5.0; optional if there are none
//! ```
//!
//! In 3.1 the flags of PUBREL are DUP, QoS 1 and an unused bit; later they are 0010.

use super::body::{DecodeBody, EncodeBody};
use super::reason;
use crate::data::PacketId;
use crate::dialect::Dialect;
use crate::error::ParseFault;
use crate::fixed_header::FirstByte;
use crate::packet_type::PacketType;
use crate::property::Properties;
use crate::reason_code::ReasonCode;
use crate::wire::read::Parsed;
use crate::wire::write::Out;

/// PUBACK, PUBREC, PUBREL or PUBCOMP: a step in the delivery of a message.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, ReasonCode, Version};
///
/// let packets: [&[u8]; 4] = [
///     // type and flags, Remaining Length, Packet Identifier 7
///     &[0x40, 0x02, 0x00, 0x07], //             PUBACK without Reason Code: Success
///     &[0x50, 0x03, 0x00, 0x07, 0x97], //       PUBREC, Reason Code: Quota exceeded
///     &[0x62, 0x02, 0x00, 0x07], //             PUBREL; its flags are 0010
///     &[0x70, 0x03, 0x00, 0x07, 0x92], //       PUBCOMP, Reason Code: Packet Identifier not found
/// ];
/// let dialect = Dialect::from_server(Version::V5);
/// for bytes in packets {
///     let packet = Packet::decode(bytes, dialect)?;
///     let (Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack)) =
///         packet
///     else {
///         unreachable!()
///     };
///     assert_eq!(ack.packet_id.get(), 7);
///     let code = bytes.get(4).map_or(0, |code| *code);
///     assert_eq!(u8::from(ack.reason_code), code);
///
///     let mut again = [0; 5];
///     let length = packet.encode_to_slice(dialect, &mut again)?;
///     assert_eq!(&again[..length], bytes);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "PubAck")]
#[doc(alias = "PubRec")]
#[doc(alias = "PubRel")]
#[doc(alias = "PubComp")]
#[repr(C)]
pub struct Ack<'a> {
    /// The Packet Identifier of the PUBLISH (MQTT-2.3.1-6 of 3.1.1, MQTT-2.2.1-5 of 5.0).
    #[doc(alias = "pkid")]
    pub packet_id: PacketId,
    /// The result of this step, from the table of the packet (5.0 MQTT-3.4.2-1, MQTT-3.5.2-1,
    /// MQTT-3.6.2-1 and MQTT-3.7.2-1). Always [`ReasonCode::Success`] before 5.0.
    pub reason_code: ReasonCode,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// Creates an acknowledgement with code Success and no properties.
    #[must_use]
    pub const fn new(packet_id: PacketId) -> Self {
        Self {
            packet_id,
            reason_code: ReasonCode::Success,
            properties: Properties::EMPTY,
        }
    }
}

impl<'a> DecodeBody<'a> for Ack<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        first_byte: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let (rest, packet_id) = PacketId::parse(body, dialect)?;
        let (rest, (reason_code, properties)) =
            reason::parse_with_properties(rest, first_byte.packet_type, dialect)?;
        let ack = Self {
            packet_id,
            reason_code,
            properties,
        };
        Ok((rest, ack))
    }
}

impl EncodeBody for Ack<'_> {
    #[inline(always)]
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error> {
        let out = self.packet_id.write(out)?;
        let (code, properties) = (self.reason_code, &self.properties);
        reason::write_with_properties(code, properties, packet_type, dialect, out)
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        !self.properties.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{Ack, Dialect, ErrorKind, Field, Packet, PacketId};
    use crate::{Properties, Property, ReasonCode, Utf8Str, Version, Waivers};

    const FIRST_BYTES: [u8; 4] = [0x40, 0x50, 0x62, 0x70];

    #[test]
    fn all_four_packets_have_a_packet_identifier_that_is_not_0() {
        for version in Version::ALL {
            for dialect in [client(version), server(version)] {
                for first_byte in FIRST_BYTES {
                    let one = [first_byte, 2, 0, 1];
                    let packet = accept(&one, dialect);
                    assert_eq!(packet.packet_id(), PacketId::new(1));
                    let zero = [first_byte, 2, 0, 0];
                    let fault = (ErrorKind::PacketIdZero, Field::PacketId, 2);
                    assert_eq!(refuse(&zero, dialect), fault);
                    let waived = waive(&zero, dialect, Waivers::PACKET_ID_ZERO);
                    let fault = (ErrorKind::PacketIdZero, Field::PacketId);
                    assert_eq!(refuse_to_encode(waived, dialect), fault);
                }
            }
        }
        let fault = (ErrorKind::Truncated, Field::PacketId, 2);
        assert_eq!(refuse(&[0x40, 1, 0], server(V5)), fault);
    }

    #[test]
    fn each_packet_has_reason_codes_of_its_own() {
        let refused = |sender: fn(Version) -> Dialect, first_byte, code| {
            refuse(&[first_byte, 3, 0, 1, code], sender(V5))
        };
        let not_allowed = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 4);
        for first_byte in [0x40, 0x50] {
            accept(&[first_byte, 3, 0, 1, 0x91], client(V5));
            assert_eq!(refused(client, first_byte, 0x92), not_allowed);
            accept(&[first_byte, 3, 0, 1, 0x10], server(V5));
            let wrong_sender = (ErrorKind::ReasonCodeWrongSender, Field::ReasonCode, 4);
            assert_eq!(refused(client, first_byte, 0x10), wrong_sender);
        }
        for first_byte in [0x62, 0x70] {
            accept(&[first_byte, 3, 0, 1, 0x92], client(V5));
            assert_eq!(refused(client, first_byte, 0x91), not_allowed);
            assert_eq!(refused(server, first_byte, 0x10), not_allowed);
        }
    }

    #[test]
    fn encoding_checks_the_reason_code_against_the_packet() {
        let mut ack = Ack::new(PacketId::MIN);
        ack.reason_code = ReasonCode::PacketIdentifierNotFound;
        assert_eq!(
            encode(Packet::PubRel(ack), client(V5)),
            [0x62, 3, 0, 1, 0x92]
        );
        assert_eq!(
            encode(Packet::PubComp(ack), client(V5)),
            [0x70, 3, 0, 1, 0x92]
        );
        for packet in [Packet::PubAck(ack), Packet::PubRec(ack)] {
            let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode);
            assert_eq!(refuse_to_encode(packet, client(V5)), fault);
        }
    }

    #[test]
    fn before_5_0_there_is_only_a_packet_identifier() {
        let mut ack = Ack::new(PacketId::MIN);
        for dialect in [client(V3_1), client(V3_1_1)] {
            assert_eq!(encode(Packet::PubAck(ack), dialect), [0x40, 2, 0, 1]);
        }
        let properties = [Property::ReasonString(Utf8Str::EMPTY)];
        ack.properties = Properties::from(&properties);
        for dialect in [client(V3_1), client(V3_1_1)] {
            let field = Field::PropertyLength;
            assert_eq!(not_in_version(Packet::PubAck(ack), dialect), field);
        }
        ack.properties = Properties::EMPTY;
        ack.reason_code = ReasonCode::UnspecifiedError;
        for dialect in [client(V3_1), client(V3_1_1)] {
            assert_eq!(
                not_in_version(Packet::PubAck(ack), dialect),
                Field::ReasonCode
            );
        }
    }
}
