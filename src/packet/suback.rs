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

use crate::data::{self, PacketId, Parsed, Put};
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Field, Refusal, fault};
use crate::list::{self, List};
use crate::packet::{Body, PacketType};
use crate::property::{self, Carrier, Properties};
use crate::reason_code::{self, ReasonCode};
use crate::waivers::Waivers;

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

    #[inline]
    pub(crate) fn parse(
        input: &'a [u8],
        packet_type: PacketType,
        dialect: Dialect,
    ) -> Parsed<'a, Self> {
        let (rest, packet_id) = data::packet_id(input, dialect)?;
        let carrier = Carrier::Packet(packet_type);
        let (list, properties) = property::parse(rest, carrier, dialect)?;
        if list.is_empty() && needs_codes(packet_type, dialect.version()) {
            return fault(list, empty(packet_type), Field::ReasonCode, 0);
        }
        let mut rest = list;
        while !rest.is_empty() {
            (rest, _) = parse_code(rest, packet_type, dialect)?;
        }
        let suback = Self {
            packet_id,
            properties,
            reason_codes: List::checked(list, carrier, dialect),
        };
        Ok((rest, suback))
    }
}

impl Body for SubAck<'_> {
    #[inline]
    fn check(&self, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal> {
        let (version, carrier) = (dialect.version(), Carrier::Packet(packet_type));
        self.packet_id.check()?;
        property::check(&self.properties, carrier, dialect)?;
        if self.reason_codes.is_empty() && needs_codes(packet_type, version) {
            return Err(Refusal::Broken(empty(packet_type), Field::ReasonCode, 0));
        }
        if self.reason_codes.is_checked_for(carrier, dialect) {
            return Ok(());
        }
        self.reason_codes.iter().try_for_each(|code| {
            if version == Version::V5 {
                reason_code::check(code, packet_type, dialect)
            } else if packet_type == PacketType::SubAck && is_granted_qos(code, version) {
                Ok(())
            } else {
                Err(Refusal::NotInVersion(Field::ReasonCode))
            }
        })
    }

    #[inline]
    fn put(&self, dialect: Dialect, out: &mut impl Put) {
        out.put_u16(self.packet_id.get());
        property::put(&self.properties, dialect, out);
        match self.reason_codes.wire_of(dialect.version()) {
            Some(bytes) => out.put(bytes),
            None => self
                .reason_codes
                .iter()
                .for_each(|code| out.put_byte(code as u8)),
        }
    }
}

const fn empty(packet_type: PacketType) -> ErrorKind {
    match packet_type {
        PacketType::UnsubAck => ErrorKind::EmptyUnsubAck,
        _ => ErrorKind::EmptySubAck,
    }
}

fn needs_codes(packet_type: PacketType, version: Version) -> bool {
    match version {
        Version::V3_1 => false,
        Version::V3_1_1 => packet_type == PacketType::SubAck,
        Version::V5 => true,
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
fn parse_code(input: &[u8], packet_type: PacketType, dialect: Dialect) -> Parsed<'_, ReasonCode> {
    let version = dialect.version();
    if version == Version::V5 {
        return reason_code::parse(input, packet_type, dialect);
    }
    let (rest, byte) = data::byte(input, Field::ReasonCode)?;
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
    fn read(bytes: &'a [u8], version: Version) -> Option<(&'a [u8], Self)> {
        let (&byte, rest) = bytes.split_first()?;
        let code = match version {
            Version::V5 => Self::try_from(byte).ok()?,
            _ => granted_qos(byte, version)?,
        };
        Some((rest, code))
    }
}

impl<'a> list::Item<'a> for ReasonCode {}
