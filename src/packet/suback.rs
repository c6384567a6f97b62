//! SUBACK and UNSUBACK, sections 3.9 and 3.11: two packets of one layout.
//!
//! ```text
//! fixed header     90 or b0, Remaining Length
//! Packet Identifier
//! Properties       5.0
//! Reason Codes     one for each Topic Filter; none in UNSUBACK before 5.0
//! ```
//!
//! | | 3.1 | 3.1.1 | 5.0 |
//! |---|---|---|---|
//! | SUBACK codes | granted QoS, six bits ignored | granted QoS or 80 | Subscribe Reason Codes |
//! | SUBACK without a code | allowed | refused | refused |
//! | UNSUBACK codes | none | none | Unsubscribe Reason Codes |

use super::body::{DecodeBody, EncodeBody};
use super::id_and_list::{self, Layout};
use super::reason;
use crate::data::{PacketId, QoS};
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Fault, Field, ParseFault, Refusal, fault};
use crate::fixed_header::FirstByte;
use crate::list::{self, List};
use crate::packet_type::{Carrier, PacketType};
use crate::property::Properties;
use crate::reason_code::ReasonCode;
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::write::Out;

/// SUBACK or UNSUBACK: the result for each Topic Filter of a SUBSCRIBE or UNSUBSCRIBE.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, ReasonCode, Version};
///
/// let bytes = [
///     0x90, 0x05, //                   SUBACK, Remaining Length 5
///     0x00, 0x01, //                   Packet Identifier of the SUBSCRIBE
///     0x01, //                         first filter: granted QoS 1
///     0x00, //                         second filter: granted QoS 0
///     0x80, //                         third filter: failure
/// ];
/// let dialect = Dialect::from_server(Version::V3_1_1);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::SubAck(suback) = packet else { unreachable!() };
/// let codes = [
///     ReasonCode::GrantedQos1,
///     ReasonCode::GRANTED_QOS_0,
///     ReasonCode::UnspecifiedError,
/// ];
/// assert!(suback.reason_codes.iter().eq(codes));
///
/// let mut again = [0; 7];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
///
/// let bytes = [
///     0xb0, 0x04, //                   UNSUBACK, Remaining Length 4
///     0x00, 0x02, //                   Packet Identifier of the UNSUBSCRIBE
///     0x00, //                         no Properties
///     0x11, //                         Reason Code: no subscription existed
/// ];
/// let dialect = Dialect::from_server(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::UnsubAck(unsuback) = packet else { unreachable!() };
/// assert!(unsuback.reason_codes.iter().eq([ReasonCode::NoSubscriptionExisted]));
///
/// let mut again = [0; 6];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "UnsubAck")]
#[repr(C)]
pub struct SubAck<'a> {
    /// The Packet Identifier of the SUBSCRIBE or UNSUBSCRIBE (MQTT-2.3.1-7 of 3.1.1, MQTT-2.2.1-6
    /// of 5.0).
    #[doc(alias = "pkid")]
    pub packet_id: PacketId,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// One code per Topic Filter, in the order of the filters (MQTT-3.9.3-1 of 3.1.1 and 5.0,
    /// MQTT-3.11.3-1 of 5.0). Before 5.0 an UNSUBACK has none.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "ReasonCodes::is_empty")
    )]
    pub reason_codes: ReasonCodes<'a>,
}

/// The Reason Codes of a SUBACK or UNSUBACK.
pub type ReasonCodes<'a> = List<'a, ReasonCode>;

impl<'a> SubAck<'a> {
    /// Creates a SUBACK or UNSUBACK without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, reason_codes: ReasonCodes<'a>) -> Self {
        Self {
            packet_id,
            properties: Properties::EMPTY,
            reason_codes,
        }
    }
}

impl<'a> DecodeBody<'a> for SubAck<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        first_byte: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let packet_type = first_byte.packet_type;
        let (rest, (packet_id, properties, reason_codes)) =
            layout(packet_type, dialect).parse(body, |codes| {
                if are_valid(codes, packet_type, dialect) {
                    return Ok(());
                }
                let parse_item = |input| parse_code(input, packet_type, dialect);
                id_and_list::check_each(codes, parse_item)
            })?;
        let suback = Self {
            packet_id,
            properties,
            reason_codes,
        };
        Ok((rest, suback))
    }
}

impl EncodeBody for SubAck<'_> {
    #[inline(always)]
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error> {
        let version = dialect.version();
        let write_code = |code, out: O| {
            if version == Version::V5 {
                reason::check(code, packet_type, dialect)?;
            } else if packet_type != PacketType::SubAck || !is_granted_qos(code, version) {
                return Err(Refusal::NotInVersion(Field::ReasonCode).into());
            }
            out.put_byte(code as u8)
        };
        let (properties, codes) = (&self.properties, &self.reason_codes);
        layout(packet_type, dialect).write(self.packet_id, properties, codes, out, write_code)
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        self.reason_codes.lent().is_some()
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        self.reason_codes.at_least(|_| 1)
    }
}

/// The rules of SUBACK and UNSUBACK.
#[inline]
fn layout(packet_type: PacketType, dialect: Dialect) -> Layout {
    let is_unsuback = packet_type == PacketType::UnsubAck;
    let kind = if is_unsuback {
        ErrorKind::EmptyUnsubAck
    } else {
        ErrorKind::EmptySubAck
    };
    let needs_codes = match dialect.version() {
        Version::V3_1 => false,
        Version::V3_1_1 => !is_unsuback,
        Version::V5 => true,
    };
    Layout {
        carrier: Carrier::Packet(packet_type),
        dialect,
        empty: needs_codes.then_some(Fault::new(kind, Field::ReasonCode, 0)),
    }
}

/// Whether a SUBACK may carry the code before 5.0. 3.1 has no code for a failure.
fn is_granted_qos(code: ReasonCode, version: Version) -> bool {
    match code {
        ReasonCode::Success | ReasonCode::GrantedQos1 | ReasonCode::GrantedQos2 => true,
        ReasonCode::UnspecifiedError => version == Version::V3_1_1,
        _ => false,
    }
}

/// The code of a SUBACK that grants this QoS.
impl From<QoS> for ReasonCode {
    fn from(granted: QoS) -> Self {
        match granted {
            QoS::AtMostOnce => Self::Success,
            QoS::AtLeastOnce => Self::GrantedQos1,
            QoS::ExactlyOnce => Self::GrantedQos2,
        }
    }
}

/// Whether no code breaks a rule, waived or not: [`parse_code`] for many codes, which is faster.
#[inline]
fn are_valid(codes: &[u8], packet_type: PacketType, dialect: Dialect) -> bool {
    let sender = dialect.sender();
    let may_be_usual = packet_type == PacketType::SubAck && dialect.version() != Version::V3_1;
    if may_be_usual && are_usual(codes) {
        return true;
    }
    match dialect.version() {
        Version::V3_1 => codes.iter().all(|&byte| byte != 0x80 && byte & 0x03 != 3),
        Version::V3_1_1 => codes.iter().all(|&byte| matches!(byte, 0..=2 | 0x80)),
        Version::V5 => codes
            .iter()
            .all(|&byte| ReasonCode::is_byte_allowed(byte, packet_type, sender)),
    }
}

/// Whether these are at least eight codes, and each is a granted QoS or `80`.
#[inline]
fn are_usual(codes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // the highest bit of each byte is 1 if the code is another one
    let others = |codes: &[u8; 8]| {
        let codes = u64::from_le_bytes(*codes);
        let low = codes & (0x7f * ONES);
        (low + 0x7d * ONES) | (low + 0x7f * ONES) & codes
    };
    let Some(last) = codes.last_chunk() else {
        return false;
    };
    let (mut found, mut rest) = (others(last), codes);
    while let Some((first, after)) = rest.split_first_chunk() {
        found |= others(first);
        rest = after;
    }
    found & (0x80 * ONES) == 0
}

/// Parses one code.
#[inline]
fn parse_code<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    packet_type: PacketType,
    dialect: Dialect,
) -> Parsed<'a, ReasonCode, E> {
    let version = dialect.version();
    if version == Version::V5 {
        return reason::parse(input, packet_type, dialect);
    }
    let (rest, byte) = read::byte(input, Field::ReasonCode)?;
    match granted_qos(byte, version) {
        Some(ReasonCode::UnspecifiedError)
            if version == Version::V3_1 && !dialect.waives(Waivers::SUBACK_FAILURE) =>
        {
            let kind = ErrorKind::ReasonCodeNotAllowed;
            fault(input, kind, Field::ReasonCode, u32::from(byte))
        }
        Some(code) => Ok((rest, code)),
        None => fault(
            input,
            ErrorKind::ReasonCodeNotAllowed,
            Field::ReasonCode,
            u32::from(byte),
        ),
    }
}

/// The code of a byte in a SUBACK before 5.0. In 3.1 six of its bits are ignored. The exception is
/// `80`: it means failure since 3.1.1, so it is not read as QoS 0. Parsing refuses it in 3.1 unless
/// the rule is waived.
#[inline]
fn granted_qos(byte: u8, version: Version) -> Option<ReasonCode> {
    let byte = match (version, byte) {
        (Version::V3_1, 0x80) => return Some(ReasonCode::UnspecifiedError),
        (Version::V3_1, _) => byte & 0x03,
        _ => byte,
    };
    let code = ReasonCode::try_from(byte).ok()?;
    is_granted_qos(code, version).then_some(code)
}

impl<'a> list::sealed::Read<'a> for ReasonCode {
    #[inline]
    fn read(bytes: &mut &'a [u8], dialect: Dialect) -> Option<Self> {
        let (&byte, rest) = bytes.split_first()?;
        let code = match dialect.version() {
            Version::V5 => Self::try_from(byte).ok()?,
            version => granted_qos(byte, version)?,
        };
        *bytes = rest;
        Some(code)
    }

    #[inline]
    fn fold<B>(bytes: &'a [u8], dialect: Dialect, init: B, each: impl FnMut(B, Self) -> B) -> B {
        if dialect.version() == Version::V3_1 {
            let codes = bytes
                .iter()
                .filter_map(|&byte| granted_qos(byte, Version::V3_1));
            return codes.fold(init, each);
        }
        bytes
            .iter()
            .filter_map(|&byte| Self::try_from(byte).ok())
            .fold(init, each)
    }
}

impl<'a> list::Item<'a> for ReasonCode {}

#[cfg(test)]
mod tests {
    use super::{are_valid, parse_code};
    use crate::error::FaultAt;
    use crate::packet::test_support::*;
    use crate::{ErrorKind, Field, Packet, PacketId, PacketType, ReasonCode, ReasonCodes};
    use crate::{SubAck, Version, Waivers};

    const NOT_ALLOWED: ErrorKind = ErrorKind::ReasonCodeNotAllowed;

    #[test]
    fn many_codes_follow_the_rules_of_one() {
        for version in Version::ALL {
            for packet_type in [PacketType::SubAck, PacketType::UnsubAck] {
                for byte in 0..=255 {
                    let one = parse_code::<FaultAt>(&[byte], packet_type, server(version)).is_ok();
                    let good = if version == V5 { 0x80 } else { 0x01 };
                    for len in 1..=18 {
                        let mut codes = [good; 18];
                        for place in 0..len {
                            codes[place] = byte;
                            let many = are_valid(&codes[..len], packet_type, server(version));
                            assert_eq!(many, one, "{version} {codes:x?}");
                            codes[place] = good;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn folding_reads_the_codes_that_next_reads() {
        for version in Version::ALL {
            let no_properties = &[0][..usize::from(version == V5)];
            for code in 0..=255 {
                let bytes = packet(0x90, &[&[0, 1], no_properties, &[code, 0, code]]);
                let Ok(Packet::SubAck(suback)) = Packet::decode(&bytes, server(version)) else {
                    continue;
                };
                let mut codes = suback.reason_codes.iter();
                let count = suback.reason_codes.iter().fold(0, |count, code| {
                    assert_eq!(codes.next(), Some(code));
                    count + 1
                });
                assert_eq!((count, codes.next()), (3, None));
            }
        }
    }

    #[test]
    fn in_3_1_1_the_codes_of_suback_are_0_to_2_and_80() {
        for code in [0x00, 0x01, 0x02, 0x80] {
            accept(&[0x90, 3, 0, 1, code], server(V3_1_1));
        }
        for code in [0x03, 0x04, 0x7f, 0x81, 0x87] {
            let fault = (NOT_ALLOWED, Field::ReasonCode, 4);
            assert_eq!(refuse(&[0x90, 3, 0, 1, code], server(V3_1_1)), fault);
        }
    }

    #[test]
    fn in_3_1_the_codes_of_suback_have_two_bits() {
        for (code, read) in [(0x04, 0), (0xfd, 1), (0x82, 2), (0x81, 1)] {
            let bytes = [0x90, 3, 0, 1, code];
            let packet = Packet::decode(&bytes, server(V3_1)).unwrap();
            assert_eq!(encode(packet, server(V3_1)), [0x90, 3, 0, 1, read]);
        }
        for code in [0x03, 0xff, 0x80] {
            let fault = (NOT_ALLOWED, Field::ReasonCode, 4);
            assert_eq!(refuse(&[0x90, 3, 0, 1, code], server(V3_1)), fault);
        }
    }

    #[test]
    fn in_3_1_a_waiver_lets_the_failure_of_3_1_1_pass() {
        let bytes = [0x90, 4, 0, 1, 1, 0x80];
        let codes = [ReasonCode::GrantedQos1, ReasonCode::UnspecifiedError];
        let suback = SubAck::new(PacketId::MIN, ReasonCodes::from(&codes));
        let waived = waive(&bytes, server(V3_1), Waivers::SUBACK_FAILURE);
        assert_eq!(waived, Packet::SubAck(suback));
        assert_eq!(not_in_version(waived, server(V3_1)), Field::ReasonCode);
        assert_eq!(encode(waived, server(V3_1_1)), bytes);
    }

    #[test]
    fn in_5_0_each_packet_has_reason_codes_of_its_own() {
        for (first_byte, allowed, refused) in [
            (0x90, [0x00, 0x02, 0x8f, 0x9e], [0x03, 0x11, 0x82]),
            (0xb0, [0x00, 0x11, 0x8f, 0x91], [0x01, 0x97, 0x9e]),
        ] {
            for code in allowed {
                accept(&[first_byte, 4, 0, 1, 0, code], server(V5));
            }
            for code in refused {
                let fault = (NOT_ALLOWED, Field::ReasonCode, 5);
                assert_eq!(refuse(&[first_byte, 4, 0, 1, 0, code], server(V5)), fault);
            }
        }
    }

    #[test]
    fn every_code_is_checked() {
        accept(&[0x90, 5, 0, 1, 0, 2, 0x80], server(V3_1_1));
        let fault = (NOT_ALLOWED, Field::ReasonCode, 6);
        assert_eq!(refuse(&[0x90, 5, 0, 1, 0, 2, 0x7f], server(V3_1_1)), fault);
    }

    #[test]
    fn a_list_without_codes_is_refused_except_before_there_were_any() {
        let no_suback = (ErrorKind::EmptySubAck, Field::ReasonCode);
        let no_unsuback = (ErrorKind::EmptyUnsubAck, Field::ReasonCode);
        let with_offset = |(kind, field), offset| (kind, field, offset);
        accept(&[0x90, 2, 0, 1], server(V3_1));
        accept(&[0xb0, 2, 0, 1], server(V3_1));
        accept(&[0xb0, 2, 0, 1], server(V3_1_1));
        let fault = with_offset(no_suback, 4);
        assert_eq!(refuse(&[0x90, 2, 0, 1], server(V3_1_1)), fault);
        let fault = with_offset(no_suback, 5);
        assert_eq!(refuse(&[0x90, 3, 0, 1, 0], server(V5)), fault);
        let fault = with_offset(no_unsuback, 5);
        assert_eq!(refuse(&[0xb0, 3, 0, 1, 0], server(V5)), fault);

        let empty = SubAck::new(PacketId::MIN, ReasonCodes::EMPTY);
        for (packet, dialect, fault) in [
            (Packet::SubAck(empty), server(V3_1_1), no_suback),
            (Packet::SubAck(empty), server(V5), no_suback),
            (Packet::UnsubAck(empty), server(V5), no_unsuback),
        ] {
            assert_eq!(refuse_to_encode(packet, dialect), fault);
        }
    }

    #[test]
    fn encoding_refuses_codes_that_the_version_cannot_represent() {
        let encode_code = |code| {
            let codes = [code];
            let suback = SubAck::new(PacketId::MIN, ReasonCodes::from(&codes));
            Version::ALL.map(|version| Packet::SubAck(suback).encoded_len(server(version)).is_ok())
        };
        assert_eq!(encode_code(ReasonCode::GrantedQos2), [true, true, true]);
        assert_eq!(
            encode_code(ReasonCode::UnspecifiedError),
            [false, true, true]
        );
        assert_eq!(encode_code(ReasonCode::NotAuthorized), [false, false, true]);
        assert_eq!(
            encode_code(ReasonCode::NoSubscriptionExisted),
            [false, false, false]
        );

        let codes = [ReasonCode::NoSubscriptionExisted];
        let acks = SubAck::new(PacketId::MIN, ReasonCodes::from(&codes));
        let fault = (NOT_ALLOWED, Field::ReasonCode);
        assert_eq!(refuse_to_encode(Packet::SubAck(acks), server(V5)), fault);
        assert_eq!(
            encode(Packet::UnsubAck(acks), server(V5)),
            [0xb0, 4, 0, 1, 0, 0x11]
        );
        let codes = [ReasonCode::Success];
        let acks = SubAck::new(PacketId::MIN, ReasonCodes::from(&codes));
        for version in [V3_1, V3_1_1] {
            assert_eq!(
                not_in_version(Packet::UnsubAck(acks), server(version)),
                Field::ReasonCode
            );
            assert_eq!(
                encode(Packet::SubAck(acks), server(version)),
                [0x90, 3, 0, 1, 0]
            );
        }
    }
}
