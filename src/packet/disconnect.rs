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
use crate::error::{ParseFault, Refusal};
use crate::fixed_header::FirstByte;
use crate::packet_type::PacketType;
use crate::property::Properties;
use crate::reason_code::ReasonCode;
use crate::wire::read::Parsed;
use crate::wire::write::Put;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
    #[inline]
    fn check(&self, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal> {
        reason::check_with_properties(self.reason_code, &self.properties, packet_type, dialect)
    }

    #[inline(always)]
    fn put(&self, dialect: Dialect, out: &mut impl Put) {
        reason::put_with_properties(self.reason_code, &self.properties, dialect, out);
    }
}
