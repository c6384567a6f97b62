//! AUTH, section 3.15. 5.0 only.
//!
//! ```text
//! fixed header     f0, Remaining Length
//! Reason Code
//! Properties       Authentication Method is mandatory
//! ```
//!
//! Section 3.15.2.1 allows an AUTH with code 0 and no properties to end after its fixed header, but
//! section 3.15.2.2.2 makes Authentication Method mandatory. The second rule wins here: an AUTH
//! without a method is refused in every form.

use super::body::{DecodeBody, EncodeBody};
use super::reason;
use crate::dialect::Dialect;
use crate::error::{ErrorKind, Field, ParseFault, fault};
use crate::fixed_header::FirstByte;
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties};
use crate::reason_code::ReasonCode;
use crate::wire::read::Parsed;
use crate::wire::write::Out;

/// AUTH: a step of extended authentication (5.0 only).
///
/// ```
/// use mqtt_wire::{Dialect, Packet, ReasonCode, Version};
///
/// let bytes = [
///     0xf0, 0x0d, //                         AUTH, Remaining Length 13
///     0x18, //                               Reason Code: Continue authentication
///     0x0b, //                               Properties, 11 bytes:
///     0x15, 0x00, 0x03, b'O', b'T', b'P', //   Authentication Method
///     0x16, 0x00, 0x02, b'4', b'2', //         Authentication Data
/// ];
/// let dialect = Dialect::from_client(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::Auth(auth) = packet else { unreachable!() };
/// assert_eq!(auth.reason_code, ReasonCode::ContinueAuthentication);
/// assert_eq!(auth.authentication_method().unwrap(), "OTP");
/// assert_eq!(auth.authentication_data().unwrap().as_bytes(), b"42");
///
/// let mut again = [0; 15];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(C)]
pub struct Auth<'a> {
    /// The purpose of this step (MQTT-3.15.2-1): Success (Server only), Continue authentication
    /// (both sides) or Re-authenticate (Client only).
    pub reason_code: ReasonCode,
    /// The properties. Authentication Method is mandatory (section 3.15.2.2.2).
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    /// Creates an AUTH. The properties must include an Authentication Method.
    #[must_use]
    pub const fn new(reason_code: ReasonCode, properties: Properties<'a>) -> Self {
        Self {
            reason_code,
            properties,
        }
    }
}

impl<'a> DecodeBody<'a> for Auth<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        _: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let (rest, (reason_code, properties)) =
            reason::parse_with_properties(body, PacketType::Auth, dialect)?;
        if properties.is_empty() {
            let kind = ErrorKind::AuthenticationMethodMissing;
            return fault(rest, kind, Field::PropertyLength, 0);
        }
        let auth = Self {
            reason_code,
            properties,
        };
        Ok((rest, auth))
    }
}

impl EncodeBody for Auth<'_> {
    /// Never omits the Reason Code or the properties, because Authentication Method is mandatory.
    #[inline(always)]
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error> {
        reason::check(self.reason_code, packet_type, dialect)?;
        let out = out.put_byte(self.reason_code as u8)?;
        let carrier = Carrier::Packet(packet_type);
        property::write(&self.properties, carrier, dialect, out)
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{Auth, ErrorKind, Field, Properties, Property, ReasonCode, Utf8Str};

    #[test]
    fn every_auth_has_an_authentication_method() {
        let missing = |offset| {
            let kind = ErrorKind::AuthenticationMethodMissing;
            (kind, Field::PropertyLength, offset)
        };
        for dialect in [client(V5), server(V5)] {
            accept(b"\xf0\x05\x18\x03\x15\0\0", dialect);
            assert_eq!(refuse(b"\xf0\0", dialect), missing(2));
            assert_eq!(refuse(b"\xf0\x01\x18", dialect), missing(3));
            assert_eq!(refuse(b"\xf0\x02\x18\0", dialect), missing(3));
            // a Reason String only
            assert_eq!(refuse(b"\xf0\x05\x18\x03\x1f\0\0", dialect), missing(3));
        }
    }

    #[test]
    fn encoding_needs_an_authentication_method_too() {
        let method = [Property::AuthenticationMethod(Utf8Str::EMPTY)];
        let reason = [Property::ReasonString(Utf8Str::EMPTY)];
        let auth = |properties| Auth::new(ReasonCode::ContinueAuthentication, properties);
        let bytes = b"\xf0\x05\x18\x03\x15\0\0";
        assert_eq!(encode(auth(Properties::from(&method)), client(V5)), bytes);
        for properties in [Properties::EMPTY, Properties::from(&reason)] {
            let fault = (
                ErrorKind::AuthenticationMethodMissing,
                Field::PropertyLength,
            );
            assert_eq!(refuse_to_encode(auth(properties), client(V5)), fault);
        }
    }

    #[test]
    fn the_code_depends_on_the_sender() {
        let wrong_sender = (ErrorKind::ReasonCodeWrongSender, Field::ReasonCode, 2);
        for (code, right, wrong) in [
            (0x00, server(V5), client(V5)),
            (0x19, client(V5), server(V5)),
        ] {
            let bytes = [0xf0, 5, code, 3, 0x15, 0, 0];
            accept(&bytes, right);
            assert_eq!(refuse(&bytes, wrong), wrong_sender);
        }
        let not_allowed = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 2);
        assert_eq!(refuse(b"\xf0\x05\x80\x03\x15\0\0", client(V5)), not_allowed);
    }

    #[test]
    fn before_5_0_there_is_no_auth() {
        let method = [Property::AuthenticationMethod(Utf8Str::EMPTY)];
        let auth = Auth::new(
            ReasonCode::ContinueAuthentication,
            Properties::from(&method),
        );
        for version in [V3_1, V3_1_1] {
            let fault = (ErrorKind::ReservedPacketType, Field::PacketType);
            assert_eq!(refuse_to_encode(auth, client(version)), fault);
        }
    }
}
