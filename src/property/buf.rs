//! Properties that own their bytes.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::Properties;
use crate::dialect::Dialect;
use crate::error::EncodeError;
use crate::packet_type::Carrier;

/// Properties that own their bytes: built and checked once, and lent as often as needed.
///
/// A function that makes properties can return them, and a packet that lends them is encoded without
/// a second check.
///
/// ```
/// use mqtt_wire::{
///     ConnAck, Dialect, Packet, PacketType, PropertiesBuf, Property, ReasonCode, Version,
/// };
///
/// const DIALECT: Dialect = Dialect::from_server(Version::V5);
///
/// fn limits(max_len: u32) -> Result<PropertiesBuf, mqtt_wire::EncodeError> {
///     let max_len = max_len.try_into().expect("a limit above 0");
///     let properties = [
///         Property::MaximumPacketSize(max_len),
///         Property::WildcardSubscriptionAvailable(false),
///     ];
///     PropertiesBuf::new(&properties, PacketType::ConnAck, DIALECT)
/// }
///
/// let limits = limits(65_536)?;
/// let mut connack = ConnAck::new(ReasonCode::Success);
/// connack.properties = limits.as_properties();
/// assert_eq!(connack.maximum_packet_size().map(u32::from), Some(65_536));
/// assert_eq!(Packet::from(connack).encoded_len(DIALECT)?, 4 + limits.as_bytes().len());
/// # Ok::<(), mqtt_wire::EncodeError>(())
/// ```
#[derive(Clone)]
pub struct PropertiesBuf {
    /// The Property Length and the properties; empty before 5.0.
    block: Box<[u8]>,
    /// The number of bytes of the Property Length.
    length_len: usize,
    carrier: Carrier,
    dialect: Dialect,
}

impl PropertiesBuf {
    /// Checks properties for this packet or for a Will, and copies them. Before 5.0 there are none.
    ///
    /// # Errors
    ///
    /// As [`Properties::encode_to_slice`].
    pub fn new<'a>(
        properties: impl Into<Properties<'a>>,
        carrier: impl Into<Carrier>,
        dialect: Dialect,
    ) -> Result<Self, EncodeError> {
        let (properties, carrier, dialect) = (properties.into(), carrier.into(), dialect.plain());
        let mut block = vec![0; properties.encoded_len(carrier, dialect)?].into_boxed_slice();
        properties.encode_to_slice(carrier, dialect, &mut block)?;
        let length_len = block
            .iter()
            .position(|byte| *byte < 0x80)
            .map_or(0, |last| last + 1);
        Ok(Self {
            block,
            length_len,
            carrier,
            dialect,
        })
    }

    /// The properties, to lend to a packet.
    #[must_use]
    pub fn as_properties(&self) -> Properties<'_> {
        let properties = self.block.get(self.length_len..).unwrap_or_default();
        Properties::checked(properties, self.carrier, self.dialect)
    }

    /// The coded block: the Property Length and the properties. Empty before 5.0.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.block
    }
}

impl<'a> From<&'a PropertiesBuf> for Properties<'a> {
    fn from(properties: &'a PropertiesBuf) -> Self {
        properties.as_properties()
    }
}

impl PartialEq for PropertiesBuf {
    fn eq(&self, other: &Self) -> bool {
        self.block == other.block
    }
}

impl Eq for PropertiesBuf {}

impl Hash for PropertiesBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.block.hash(state);
    }
}

impl fmt::Debug for PropertiesBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_properties().fmt(f)
    }
}
