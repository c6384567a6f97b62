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
//! | SUBACK codes | granted QoS, six unused bits | granted QoS or 80 | Subscribe Reason Codes |
//! | SUBACK without a code | allowed | refused | refused |
//! | UNSUBACK codes | none | none | Unsubscribe Reason Codes |

use super::body::{DecodeBody, EncodeBody};
use super::id_and_list::{self, Layout};
use super::reason;
use crate::data::PacketId;
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Fault, Field, ParseFault, Refusal, fault};
use crate::fixed_header::FirstByte;
use crate::list::{self, List};
use crate::packet_type::{Carrier, PacketType};
use crate::property::Properties;
use crate::reason_code::ReasonCode;
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::write::Put;

/// SUBACK or UNSUBACK: the Server answers to each Topic Filter.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, ReasonCode, Version};
///
/// let bytes = [
///     0x90, 0x05, //                   SUBACK, Remaining Length 5
///     0x00, 0x01, //                   Packet Identifier: that of the SUBSCRIBE
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
///     0x00, 0x02, //                   Packet Identifier: that of the UNSUBSCRIBE
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SubAck<'a> {
    /// That of the SUBSCRIBE or UNSUBSCRIBE (MQTT-2.3.1-7 of 3.1.1, MQTT-2.2.1-6 of 5.0).
    pub packet_id: PacketId,
    /// 5.0 only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// One for each Topic Filter, in their order. An UNSUBACK has none before 5.0.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "ReasonCodes::is_empty")
    )]
    pub reason_codes: ReasonCodes<'a>,
}

/// The answers of a SUBACK or UNSUBACK.
pub type ReasonCodes<'a> = List<'a, ReasonCode>;

impl<'a> SubAck<'a> {
    /// An answer without properties.
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
        let parse_item = |input| parse_code(input, packet_type, dialect);
        let (rest, (packet_id, properties, reason_codes)) =
            layout(packet_type, dialect).parse(body, parse_item)?;
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
    fn check(&self, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal> {
        let version = dialect.version();
        let check_item = |code| {
            if version == Version::V5 {
                reason::check(code, packet_type, dialect)
            } else if packet_type == PacketType::SubAck && is_granted_qos(code, version) {
                Ok(())
            } else {
                Err(Refusal::NotInVersion(Field::ReasonCode))
            }
        };
        let Self {
            packet_id,
            properties,
            reason_codes,
        } = self;
        layout(packet_type, dialect).check(*packet_id, properties, reason_codes, check_item)
    }

    #[inline(always)]
    fn put(&self, dialect: Dialect, out: &mut impl Put) {
        let Self {
            packet_id,
            properties,
            reason_codes,
        } = self;
        id_and_list::put(
            *packet_id,
            properties,
            reason_codes,
            dialect,
            out,
            |code, out| out.put_byte(code as u8),
        );
    }
}

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

/// The codes of SUBACK before 5.0: 3.1 has no failure.
fn is_granted_qos(code: ReasonCode, version: Version) -> bool {
    match code {
        ReasonCode::Success | ReasonCode::GrantedQos1 | ReasonCode::GrantedQos2 => true,
        ReasonCode::UnspecifiedError => version == Version::V3_1_1,
        _ => false,
    }
}

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

/// A byte of a SUBACK before 5.0. In 3.1 six of its bits are unused; yet `80`, which says
/// "failure" ever since, is not taken for QoS 0: parsing refuses it unless that is waived.
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
    fn read(bytes: &'a [u8], dialect: Dialect) -> Option<(&'a [u8], Self)> {
        let (&byte, rest) = bytes.split_first()?;
        let code = match dialect.version() {
            Version::V5 => Self::try_from(byte).ok()?,
            version => granted_qos(byte, version)?,
        };
        Some((rest, code))
    }
}

impl<'a> list::Item<'a> for ReasonCode {}
