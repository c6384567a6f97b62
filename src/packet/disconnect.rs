//! DISCONNECT, section 3.14.
//!
//! ```text
//! fixed header     e0, Remaining Length: 0 before 5.0
//! Reason Code      5.0; optional if it is 0 and there are no properties
//! Properties       5.0; optional if there are none
//! ```
//!
//! Before 5.0 only a Client sends it.

use super::body::{DecodeBody, EncodeBody};
use super::reason;
use crate::dialect::Dialect;
use crate::error::ParseFault;
use crate::fixed_header::FirstByte;
use crate::packet_type::PacketType;
use crate::property::Properties;
use crate::reason_code::ReasonCode;
use crate::wire::read::Parsed;
use crate::wire::write::Out;

/// DISCONNECT: the last packet that its sender sends.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, ReasonCode, Version};
///
/// let bytes = [
///     0xe0, 0x07, //                         DISCONNECT, Remaining Length 7
///     0x04, //                               Reason Code: Disconnect with Will Message
///     0x05, 0x11, 0x00, 0x00, 0x00, 0x00, // Properties, 5 bytes: Session Expiry Interval 0 s
/// ];
/// let dialect = Dialect::from_client(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::Disconnect(disconnect) = packet else { unreachable!() };
/// assert_eq!(disconnect.reason_code, ReasonCode::DisconnectWithWillMessage);
/// assert_eq!(disconnect.session_expiry_interval(), Some(0));
///
/// let mut again = [0; 9];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
///
/// let bytes = [
///     0xe0, 0x00, //                         DISCONNECT: normal; before 5.0 the only form
/// ];
/// let Packet::Disconnect(disconnect) = Packet::decode(&bytes, dialect)? else { unreachable!() };
/// assert_eq!(disconnect.reason_code, ReasonCode::NORMAL_DISCONNECTION);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(C)]
pub struct Disconnect<'a> {
    /// The reason for disconnecting (5.0 MQTT-3.14.2-1). Before 5.0 always Success, which here
    /// means a normal disconnection: the Server does not publish the Will (MQTT-3.14.4-3).
    pub reason_code: ReasonCode,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// Creates a DISCONNECT without properties.
    #[must_use]
    pub const fn new(reason_code: ReasonCode) -> Self {
        Self {
            reason_code,
            properties: Properties::EMPTY,
        }
    }
}

impl<'a> DecodeBody<'a> for Disconnect<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        _: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let (rest, (reason_code, properties)) =
            reason::parse_with_properties(body, PacketType::Disconnect, dialect)?;
        let disconnect = Self {
            reason_code,
            properties,
        };
        Ok((rest, disconnect))
    }
}

impl EncodeBody for Disconnect<'_> {
    #[inline(always)]
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error> {
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
    use crate::{Disconnect, ErrorKind, Field, Properties, Property, ReasonCode, Utf8Str, Version};

    #[test]
    fn the_empty_form_is_a_normal_disconnection_in_every_version() {
        let normal = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
        for version in Version::ALL {
            assert_eq!(accept(&[0xe0, 0], client(version)), normal.into());
        }
    }

    #[test]
    fn the_code_depends_on_the_sender() {
        let wrong_sender = (ErrorKind::ReasonCodeWrongSender, Field::ReasonCode, 2);
        for (code, right, wrong) in [
            (0x04, client(V5), server(V5)),
            (0x8b, server(V5), client(V5)),
        ] {
            accept(&[0xe0, 1, code], right);
            assert_eq!(refuse(&[0xe0, 1, code], wrong), wrong_sender);
        }
        let not_allowed = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode, 2);
        assert_eq!(refuse(&[0xe0, 1, 0x8a], server(V5)), not_allowed);
    }

    #[test]
    fn encoding_refuses_a_code_of_the_other_side() {
        let disconnect = Disconnect::new(ReasonCode::DisconnectWithWillMessage);
        assert_eq!(encode(disconnect, client(V5)), [0xe0, 1, 0x04]);
        let fault = (ErrorKind::ReasonCodeWrongSender, Field::ReasonCode);
        assert_eq!(refuse_to_encode(disconnect, server(V5)), fault);
    }

    #[test]
    fn before_5_0_there_is_only_the_empty_form_of_the_client() {
        let normal = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
        let properties = [Property::ReasonString(Utf8Str::EMPTY)];
        let mut with_reason = normal;
        with_reason.properties = Properties::from(&properties);
        let with_will = Disconnect::new(ReasonCode::DisconnectWithWillMessage);
        for version in [V3_1, V3_1_1] {
            assert_eq!(encode(normal, client(version)), [0xe0, 0]);
            assert_eq!(
                not_in_version(with_will, client(version)),
                Field::ReasonCode
            );
            assert_eq!(
                not_in_version(with_reason, client(version)),
                Field::PropertyLength
            );
            let fault = (ErrorKind::WrongSender, Field::PacketType);
            assert_eq!(refuse_to_encode(normal, server(version)), fault);
        }
        assert_eq!(encode(normal, server(V5)), [0xe0, 0]);
    }
}
