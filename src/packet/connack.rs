//! CONNACK, section 3.2.
//!
//! ```text
//! fixed header     20, Remaining Length: 2 before 5.0
//! Connect Acknowledge Flags   seven reserved bits, Session Present
//! Reason Code      before 5.0 a return code
//! Properties       5.0
//! ```
//!
//! | | 3.1 | 3.1.1 | 5.0 |
//! |---|---|---|---|
//! | flags | ignored; bit 0 is reported | 00 or 01 | 00 or 01 |
//! | Session Present with a refusal | allowed | refused | refused |
//! | code | 0 to 5 | 0 to 5 | Connect Reason Codes |

use super::body::{DecodeBody, EncodeBody};
use super::reason;
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Field, ParseFault, Refusal, fault};
use crate::fixed_header::FirstByte;
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties};
use crate::reason_code::{ReasonCode, ReturnCode};
use crate::wire::read::{self, Parsed};
use crate::wire::write::Out;

/// CONNACK: the Server accepts or refuses the connection.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, ReasonCode, ReturnCode, Version};
///
/// let bytes = [
///     0x20, 0x06, //                   CONNACK, Remaining Length 6
///     0x01, //                         Connect Acknowledge Flags: Session Present
///     0x00, //                         Reason Code: Success
///     0x03, 0x13, 0x00, 0x1e, //       Properties, 3 bytes: Server Keep Alive 30 s
/// ];
/// let dialect = Dialect::from_server(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::ConnAck(connack) = packet else { unreachable!() };
/// assert!(connack.session_present);
/// assert_eq!(connack.server_keep_alive(), Some(30));
///
/// let mut again = [0; 8];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
///
/// let bytes = [
///     0x20, 0x02, //                   CONNACK, Remaining Length 2
///     0x00, //                         Connect Acknowledge Flags
///     0x05, //                         Return Code: not authorized
/// ];
/// let packet = Packet::decode(&bytes, Dialect::from_server(Version::V3_1_1))?;
/// let Packet::ConnAck(connack) = packet else { unreachable!() };
/// assert_eq!(connack.reason_code, ReasonCode::NotAuthorized);
/// assert_eq!(ReturnCode::try_from(connack.reason_code), Ok(ReturnCode::NotAuthorized));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(C)]
pub struct ConnAck<'a> {
    /// Whether the Server continues an earlier Session of the Client. Always false if it refuses
    /// the connection (MQTT-3.2.2-4 of 3.1.1, MQTT-3.2.2-6 of 5.0). 3.1 does not define this bit,
    /// but some brokers set it; in 3.1 it is reported without a check.
    pub session_present: bool,
    /// Success, or the reason for refusing the connection (5.0 MQTT-3.2.2-8). In 3.1 and 3.1.1 one
    /// of the six codes that correspond to a [`ReturnCode`].
    pub reason_code: ReasonCode,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    /// Creates a CONNACK with this code, Session Present 0 and no properties.
    #[must_use]
    pub const fn new(reason_code: ReasonCode) -> Self {
        Self {
            session_present: false,
            reason_code,
            properties: Properties::EMPTY,
        }
    }
}

impl<'a> DecodeBody<'a> for ConnAck<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        _: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let (at_code, flags) = read::byte(body, Field::ConnAckFlags)?;
        let session_present = match (dialect.version(), flags) {
            (Version::V3_1, _) | (_, 0..=1) => flags & 0x01 != 0,
            _ => {
                let field = Field::ConnAckFlags;
                return fault(body, ErrorKind::ConnAckFlags, field, u32::from(flags));
            }
        };
        let (rest, reason_code) = match (dialect.version(), at_code) {
            (Version::V5, _) => reason::parse(at_code, PacketType::ConnAck, dialect)?,
            // framing accepts three bytes only with a waiver
            (_, [_, 0]) => (&[][..], parse_code_of_v5(at_code, dialect)?),
            _ => parse_return_code(at_code)?,
        };
        if contradicts(session_present, reason_code, dialect) {
            let kind = ErrorKind::SessionPresentWithRefusal;
            return fault(body, kind, Field::ConnAckFlags, u32::from(flags));
        }
        let carrier = Carrier::Packet(PacketType::ConnAck);
        let (rest, properties) = property::parse(rest, carrier, dialect)?;
        let connack = Self {
            session_present,
            reason_code,
            properties,
        };
        Ok((rest, connack))
    }
}

impl EncodeBody for ConnAck<'_> {
    #[inline(always)]
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error> {
        let code = if dialect.is_v5() {
            reason::check(self.reason_code, packet_type, dialect)?;
            self.reason_code as u8
        } else {
            match ReturnCode::try_from(self.reason_code) {
                Ok(code) => code as u8,
                Err(_) => return Err(Refusal::NotInVersion(Field::ReasonCode).into()),
            }
        };
        if contradicts(self.session_present, self.reason_code, dialect) {
            let kind = ErrorKind::SessionPresentWithRefusal;
            return Err(Refusal::broken(kind, Field::ConnAckFlags, 1).into());
        }
        let out = out.put(&[u8::from(self.session_present), code])?;
        let carrier = Carrier::Packet(packet_type);
        property::write(&self.properties, carrier, dialect, out)
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        !self.properties.is_empty()
    }
}

/// Whether Session Present is 1 although the connection is refused. 3.1 has no such rule.
fn contradicts(session_present: bool, reason_code: ReasonCode, dialect: Dialect) -> bool {
    session_present && reason_code != ReasonCode::Success && dialect.version() != Version::V3_1
}

/// Parses a Reason Code in the place of a return code. It must have the same meaning as one.
#[cold]
fn parse_code_of_v5<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    dialect: Dialect,
) -> Result<ReasonCode, nom::Err<E>> {
    let v5 = Dialect::new(Version::V5, dialect.sender());
    let (_, code) = reason::parse(input, PacketType::ConnAck, v5)?;
    match ReturnCode::try_from(code) {
        Ok(_) => Ok(code),
        Err(code) => {
            let kind = ErrorKind::ReasonCodeNotAllowed;
            fault(input, kind, Field::ReasonCode, code as u32)
        }
    }
}

fn parse_return_code<'a, E: ParseFault<'a>>(input: &'a [u8]) -> Parsed<'a, ReasonCode, E> {
    let (rest, byte) = read::byte(input, Field::ReasonCode)?;
    match ReturnCode::try_from(byte) {
        Ok(code) => Ok((rest, code.into())),
        Err(_) => fault(
            input,
            ErrorKind::ReasonCodeNotAllowed,
            Field::ReasonCode,
            u32::from(byte),
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{
        ConnAck, ErrorKind, Field, Packet, Properties, Property, ReasonCode, Version, Waivers,
    };

    #[test]
    fn seven_of_the_flags_are_reserved_since_3_1_1() {
        for (version, rest) in [(V3_1_1, &[0][..]), (V5, &[0, 0])] {
            accept(&packet(0x20, &[&[0x00], rest]), server(version));
            accept(&packet(0x20, &[&[0x01], rest]), server(version));
            for bit in 1..8 {
                let bytes = packet(0x20, &[&[1 << bit], rest]);
                let fault = (ErrorKind::ConnAckFlags, Field::ConnAckFlags, 2);
                assert_eq!(refuse(&bytes, server(version)), fault);
            }
        }
    }

    #[test]
    fn in_3_1_all_flags_are_ignored_except_session_present() {
        for (flags, session_present) in [(0xfe, false), (0xff, true)] {
            let bytes = [0x20, 2, flags, 0];
            let packet = Packet::decode(&bytes, server(V3_1)).unwrap();
            let bytes = [0x20, 2, u8::from(session_present), 0];
            assert_eq!(encode(packet, server(V3_1)), bytes);
        }
    }

    #[test]
    fn a_refusal_has_no_session_since_3_1_1() {
        let fault = (ErrorKind::SessionPresentWithRefusal, Field::ConnAckFlags, 2);
        accept(&[0x20, 2, 1, 5], server(V3_1));
        accept(&[0x20, 2, 0, 5], server(V3_1_1));
        assert_eq!(refuse(&[0x20, 2, 1, 5], server(V3_1_1)), fault);
        accept(&[0x20, 3, 0, 0x87, 0], server(V5));
        assert_eq!(refuse(&[0x20, 3, 1, 0x87, 0], server(V5)), fault);

        let mut connack = ConnAck::new(ReasonCode::NotAuthorized);
        connack.session_present = true;
        assert_eq!(encode(connack, server(V3_1)), [0x20, 2, 1, 5]);
        for version in [V3_1_1, V5] {
            let fault = (ErrorKind::SessionPresentWithRefusal, Field::ConnAckFlags);
            assert_eq!(refuse_to_encode(connack, server(version)), fault);
        }
    }

    #[test]
    fn before_5_0_the_codes_are_0_to_5() {
        for version in [V3_1, V3_1_1] {
            for code in 0..=5 {
                accept(&[0x20, 2, 0, code], server(version));
            }
            for code in [6, 0x80, 0x87] {
                let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 3);
                assert_eq!(refuse(&[0x20, 2, 0, code], server(version)), fault);
            }
        }
    }

    #[test]
    fn in_5_0_the_codes_are_reason_codes() {
        accept(&[0x20, 3, 0, 0x80, 0], server(V5));
        for code in [0x01, 0x05, 0x8b] {
            let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 3);
            assert_eq!(refuse(&[0x20, 3, 0, code, 0], server(V5)), fault);
        }
        let connack = ConnAck::new(ReasonCode::ServerShuttingDown);
        let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode);
        assert_eq!(refuse_to_encode(connack, server(V5)), fault);
    }

    #[test]
    fn fields_that_are_missing_are_named() {
        for (bytes, field, offset) in [
            (&b"\x20\0"[..], Field::ConnAckFlags, 2),
            (b"\x20\x01\0", Field::ReasonCode, 3),
            (b"\x20\x02\0\0", Field::PropertyLength, 4),
        ] {
            let fault = (ErrorKind::Truncated, field, offset);
            assert_eq!(refuse(bytes, server(V5)), fault);
        }
    }

    #[test]
    fn a_waiver_lets_the_form_of_5_0_pass_before_5_0() {
        let waiver = Waivers::CONNACK_V5_FORM;
        for version in [V3_1, V3_1_1] {
            let dialect = server(version);
            let bytes = [0x20, 3, 0, 0x84, 0];
            let fault = (ErrorKind::RemainingLength, Field::RemainingLength, 1);
            assert_eq!(refuse(&bytes, dialect), fault);
            let connack = ConnAck::new(ReasonCode::UnsupportedProtocolVersion);
            assert_eq!(waive(&bytes, dialect, waiver), connack.into());
            assert_eq!(encode(connack, dialect), [0x20, 2, 0, 1]);

            // a code without a return code, a return code, and a Property Length that is not 0
            for (code, last) in [(0x80, 0), (0x05, 0), (0x84, 1)] {
                let bytes = [0x20, 3, 0, code, last];
                let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 3);
                assert_eq!(refuse(&bytes, dialect.waiving(waiver)), fault);
            }
        }
        let session = [0x20, 3, 1, 0x84, 0];
        let fault = (ErrorKind::SessionPresentWithRefusal, Field::ConnAckFlags, 2);
        assert_eq!(refuse(&session, server(V3_1_1).waiving(waiver)), fault);
    }

    #[test]
    fn one_code_has_a_form_in_each_version() {
        let connack = ConnAck::new(ReasonCode::BadUserNameOrPassword);
        let encoded = Version::ALL.map(|version| encode(connack, server(version)));
        let expected: [&[u8]; 3] = [&[0x20, 2, 0, 4], &[0x20, 2, 0, 4], &[0x20, 3, 0, 0x86, 0]];
        assert_eq!(encoded, expected);
        let without_return_code = ConnAck::new(ReasonCode::Banned);
        let mut with_properties = ConnAck::new(ReasonCode::Success);
        let properties = [Property::ServerKeepAlive(1)];
        with_properties.properties = Properties::from(&properties);
        for version in [V3_1, V3_1_1] {
            let dialect = server(version);
            assert_eq!(
                not_in_version(without_return_code, dialect),
                Field::ReasonCode
            );
            assert_eq!(
                not_in_version(with_properties, dialect),
                Field::PropertyLength
            );
        }
    }
}
