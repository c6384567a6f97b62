//! The Reason Code of 5.0 inside a packet: alone, and followed by properties.

use crate::dialect::Dialect;
use crate::error::{ErrorKind, Field, ParseFault, Refusal, fault};
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties};
use crate::reason_code::ReasonCode;
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::write::Out;

/// Parses a Reason Code of 5.0 that this side may send in this packet.
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

/// Checks that this side may send the code in this packet.
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

/// Parses the end of PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH. In 5.0 it holds a Reason
/// Code and properties, and the sender may omit the properties or both. Before 5.0 it is empty.
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

/// Checks a Reason Code and properties, and writes the shortest form of what
/// [`parse_with_properties`] reads. Before 5.0 the only code is Success, and there are no
/// properties.
#[inline(always)]
pub(super) fn write_with_properties<O: Out>(
    code: ReasonCode,
    properties: &Properties<'_>,
    packet_type: PacketType,
    dialect: Dialect,
    out: O,
) -> Result<O, O::Error> {
    let carrier = Carrier::Packet(packet_type);
    if !dialect.is_v5() {
        if code != ReasonCode::Success {
            return Err(Refusal::NotInVersion(Field::ReasonCode).into());
        }
        return property::write(properties, carrier, dialect, out);
    }
    check(code, packet_type, dialect)?;
    match (properties.is_empty(), code) {
        (true, ReasonCode::Success) => Ok(out),
        (true, _) => out.put_byte(code as u8),
        (false, _) => {
            let out = out.put_byte(code as u8)?;
            property::write(properties, carrier, dialect, out)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{Disconnect, ErrorKind, Field, Packet, Property, ReasonCode};
    use crate::{Properties, Utf8Str, Waivers};

    #[test]
    fn code_and_properties_may_be_omitted() {
        let reason = [Property::ReasonString(Utf8Str::EMPTY)];
        let reason = Properties::from(&reason);
        for (bytes, code, properties) in [
            (&[0xe0, 0][..], ReasonCode::Success, Properties::EMPTY),
            (
                &[0xe0, 1, 0x80],
                ReasonCode::UnspecifiedError,
                Properties::EMPTY,
            ),
            (
                &[0xe0, 5, 0x80, 3, 0x1f, 0, 0],
                ReasonCode::UnspecifiedError,
                reason,
            ),
            // the code stays, because properties follow
            (&[0xe0, 5, 0x00, 3, 0x1f, 0, 0], ReasonCode::Success, reason),
        ] {
            let mut disconnect = Disconnect::new(code);
            disconnect.properties = properties;
            assert_eq!(accept(bytes, client(V5)), disconnect.into());
        }
    }

    #[test]
    fn encoding_writes_the_shortest_form() {
        for (long, short) in [
            (&[0xe0, 1, 0x00][..], &[0xe0, 0][..]),
            (&[0xe0, 2, 0x00, 0], &[0xe0, 0]),
            (&[0xe0, 2, 0x80, 0], &[0xe0, 1, 0x80]),
        ] {
            let packet = Packet::decode(long, client(V5)).unwrap();
            assert_eq!(encode(packet, client(V5)), short);
        }
    }

    #[test]
    fn a_byte_that_is_no_code_is_refused() {
        let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 2);
        accept(&[0xe0, 1, 0xa2], server(V5));
        for byte in [0x03, 0xa3, 0xff] {
            assert_eq!(refuse(&[0xe0, 1, byte], server(V5)), fault);
        }
    }

    #[test]
    fn a_waiver_lets_a_client_send_no_matching_subscribers() {
        let waiver = Waivers::NO_MATCHING_SUBSCRIBERS;
        for first_byte in [0x40, 0x50] {
            let bytes = [first_byte, 3, 0, 1, 0x10];
            let fault = (ErrorKind::ReasonCodeWrongSender, Field::ReasonCode);
            let waived = waive(&bytes, client(V5), waiver);
            assert_eq!(refuse_to_encode(waived, client(V5)), fault);
            assert_eq!(encode(waived, server(V5)), bytes);
        }
        // the waiver is for this code alone
        let fault = (ErrorKind::ReasonCodeWrongSender, Field::ReasonCode, 2);
        assert_eq!(refuse(&[0xe0, 1, 0x89], client(V5).waiving(waiver)), fault);
    }

    #[test]
    fn nothing_follows_the_properties() {
        accept(&[0xe0, 5, 0x80, 3, 0x1f, 0, 0], client(V5));
        let fault = (ErrorKind::TrailingBytes, Field::Packet, 7);
        assert_eq!(
            refuse(&[0xe0, 6, 0x80, 3, 0x1f, 0, 0, 0], client(V5)),
            fault
        );
        let fault = (ErrorKind::PropertyLength, Field::PropertyLength, 3);
        assert_eq!(refuse(&[0xe0, 4, 0x80, 3, 0x1f, 0], client(V5)), fault);
    }

    #[test]
    fn encoding_names_the_same_rule_as_decoding() {
        for (code, dialect, kind) in [
            (
                ReasonCode::ServerBusy,
                client(V5),
                ErrorKind::ReasonCodeWrongSender,
            ),
            (
                ReasonCode::Banned,
                client(V5),
                ErrorKind::ReasonCodeNotAllowed,
            ),
            (
                ReasonCode::Banned,
                server(V5),
                ErrorKind::ReasonCodeNotAllowed,
            ),
        ] {
            let field = Field::ReasonCode;
            assert_eq!(refuse(&[0xe0, 1, code as u8], dialect), (kind, field, 2));
            assert_eq!(
                refuse_to_encode(Disconnect::new(code), dialect),
                (kind, field)
            );
        }
        let busy = Disconnect::new(ReasonCode::ServerBusy);
        assert_eq!(encode(busy, server(V5)), [0xe0, 1, 0x89]);
    }
}
