//! The Reason Code of 5.0 inside a packet, alone and with the properties behind it.

use crate::dialect::Dialect;
use crate::error::{ErrorKind, Field, ParseFault, Refusal, fault};
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties};
use crate::reason_code::ReasonCode;
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::write::Put;

/// Parses a Reason Code of 5.0 that this packet may carry.
#[inline]
pub(super) fn parse<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    packet_type: PacketType,
    dialect: Dialect,
) -> Parsed<'a, ReasonCode, E> {
    let (rest, byte) = read::byte(input, Field::ReasonCode)?;
    let code = ReasonCode::try_from(byte)
        .map_err(|_| ErrorKind::ReasonCodeNotAllowed)
        .and_then(|code| check_sender(code, packet_type, dialect));
    match code {
        Ok(code) => Ok((rest, code)),
        Err(ErrorKind::ReasonCodeWrongSender)
            if byte == ReasonCode::NoMatchingSubscribers as u8
                && dialect.waives(Waivers::NO_MATCHING_SUBSCRIBERS) =>
        {
            Ok((rest, ReasonCode::NoMatchingSubscribers))
        }
        Err(kind) => fault(input, kind, Field::ReasonCode, u32::from(byte)),
    }
}

/// Checks a Reason Code of 5.0 that is about to be written.
#[inline]
pub(super) fn check(
    code: ReasonCode,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<(), Refusal> {
    match check_sender(code, packet_type, dialect) {
        Ok(_) => Ok(()),
        Err(kind) => Err(Refusal::broken(kind, Field::ReasonCode, code as u32)),
    }
}

#[inline]
fn check_sender(
    code: ReasonCode,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<ReasonCode, ErrorKind> {
    let sender = dialect.sender();
    if code.is_allowed(packet_type, sender) {
        Ok(code)
    } else if code.is_allowed(packet_type, sender.other()) {
        Err(ErrorKind::ReasonCodeWrongSender)
    } else {
        Err(ErrorKind::ReasonCodeNotAllowed)
    }
}

/// Parses the end of PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH. Before 5.0 it is empty;
/// in 5.0 it holds a Reason Code and properties, and the sender may omit the properties or both.
#[inline(always)]
pub(super) fn parse_with_properties<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    packet_type: PacketType,
    dialect: Dialect,
) -> Parsed<'a, (ReasonCode, Properties<'a>), E> {
    let carrier = Carrier::Packet(packet_type);
    let no_properties = Properties::checked(&[], carrier, dialect);
    if input.is_empty() || !dialect.is_v5() {
        return Ok((input, (ReasonCode::Success, no_properties)));
    }
    let (rest, code) = parse(input, packet_type, dialect)?;
    if rest.is_empty() {
        return Ok((rest, (code, no_properties)));
    }
    let (rest, properties) = property::parse(rest, carrier, dialect)?;
    Ok((rest, (code, properties)))
}

/// Checks a Reason Code and properties that are about to be written. Before 5.0 there are none.
#[inline(always)]
pub(super) fn check_with_properties(
    code: ReasonCode,
    properties: &Properties<'_>,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<(), Refusal> {
    if dialect.is_v5() {
        check(code, packet_type, dialect)?;
    } else if code != ReasonCode::Success {
        return Err(Refusal::NotInVersion(Field::ReasonCode));
    }
    property::check(properties, Carrier::Packet(packet_type), dialect)
}

/// Writes the shortest form of what [`parse_with_properties`] reads.
#[inline(always)]
pub(super) fn put_with_properties(
    code: ReasonCode,
    properties: &Properties<'_>,
    dialect: Dialect,
    out: &mut impl Put,
) {
    let short = properties.is_empty();
    if !dialect.is_v5() || short && code == ReasonCode::Success {
        return;
    }
    out.put_byte(code as u8);
    if !short {
        property::put(properties, dialect, out);
    }
}
