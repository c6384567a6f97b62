//! The version of MQTT and the side that sends.

use core::fmt;

use crate::rules::{OptionalRules, Waivers};

/// A version of MQTT.
///
/// | version | protocol name | protocol level |
/// |---|---|---|
/// | 3.1 | `MQIsdp` | 3 |
/// | 3.1.1 | `MQTT` | 4 |
/// | 5.0 | `MQTT` | 5 |
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "Protocol")]
#[doc(alias = "ProtocolVersion")]
pub enum Version {
    /// MQTT 3.1 (IBM and Eurotech, 2010).
    V3_1,
    /// MQTT 3.1.1 (OASIS, 2014).
    V3_1_1,
    /// MQTT 5.0 (OASIS, 2019).
    V5,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::V3_1, Self::V3_1_1, Self::V5];

    /// The Protocol Name that CONNECT carries.
    #[must_use]
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V3_1 => "MQIsdp",
            Self::V3_1_1 | Self::V5 => "MQTT",
        }
    }

    /// The Protocol Level (in 5.0: Protocol Version) that CONNECT carries.
    #[must_use]
    pub const fn protocol_level(self) -> u8 {
        match self {
            Self::V3_1 => 3,
            Self::V3_1_1 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// The side of a connection that sent a packet.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// The side that opened the connection and sent CONNECT.
    Client,
    /// The side that accepted the connection and sends CONNACK.
    Server,
}

impl Sender {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "Client",
            Self::Server => "Server",
        })
    }
}

/// The version of MQTT and the side that sends: both decide what the bytes of a packet mean and
/// which rules apply.
///
/// A dialect also holds the rules that the receiver waives or adds: none unless you call
/// [`waiving`](Self::waiving) or [`enforcing`](Self::enforcing).
///
/// A dialect belongs to one direction of a connection. A server decodes with
/// [`Dialect::from_client`] and encodes with [`Dialect::from_server`]; a client does the reverse.
///
/// ```
/// use mqtt_wire::{Dialect, Version};
///
/// let incoming = Dialect::from_client(Version::V5);
/// assert_eq!(incoming.reply(), Dialect::from_server(Version::V5));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dialect(
    /// One word, which is cheap to pass and to compare: bit 0 is the sender, bits 2 and 1 are the
    /// version, and bits 8 to 23 are the waived and the added rules.
    u32,
);

impl Dialect {
    /// All plain dialects, which waive and add no rules.
    pub(crate) const ALL: [Self; 6] = [
        Self::from_client(Version::V3_1),
        Self::from_server(Version::V3_1),
        Self::from_client(Version::V3_1_1),
        Self::from_server(Version::V3_1_1),
        Self::from_client(Version::V5),
        Self::from_server(Version::V5),
    ];

    /// A mark that no plain dialect has.
    pub(crate) const NO_MARK: u8 = u8::MAX;

    /// The index of the plain dialect in [`ALL`](Self::ALL).
    #[inline]
    pub(crate) const fn index(self) -> usize {
        (self.0 & 0x07) as usize
    }

    /// The dialect of packets that `sender` sends in `version`.
    #[must_use]
    #[inline]
    pub const fn new(version: Version, sender: Sender) -> Self {
        Self((version as u32) << 1 | sender as u32)
    }

    /// The dialect of packets from a Client in `version`.
    #[must_use]
    pub const fn from_client(version: Version) -> Self {
        Self::new(version, Sender::Client)
    }

    /// The dialect of packets from a Server in `version`.
    #[must_use]
    pub const fn from_server(version: Version) -> Self {
        Self::new(version, Sender::Server)
    }

    /// The same dialect with these rules waived, instead of any waived before. Framing and decoding
    /// then accept packets that break them; encoding ignores waivers.
    #[must_use]
    pub const fn waiving(self, waivers: Waivers) -> Self {
        self.with_rules(waivers, self.optional_rules())
    }

    /// The same dialect with these rules added, instead of any added before. They apply to decoding
    /// only.
    #[must_use]
    pub const fn enforcing(self, rules: OptionalRules) -> Self {
        self.with_rules(self.waivers(), rules)
    }

    /// The dialect of the opposite direction, with no rule waived or added.
    #[must_use]
    pub const fn reply(self) -> Self {
        Self::new(self.version(), self.sender().other())
    }

    /// The version of MQTT.
    #[must_use]
    #[inline]
    pub const fn version(self) -> Version {
        match self.0 >> 1 & 0x03 {
            0 => Version::V3_1,
            1 => Version::V3_1_1,
            _ => Version::V5,
        }
    }

    /// The side that sends.
    #[must_use]
    #[inline]
    pub const fn sender(self) -> Sender {
        match self.0 & 0x01 {
            0 => Sender::Client,
            _ => Sender::Server,
        }
    }

    /// The waived rules.
    #[must_use]
    pub const fn waivers(self) -> Waivers {
        Waivers::from_bits((self.0 >> 8) as u16)
    }

    /// The added rules.
    #[must_use]
    pub const fn optional_rules(self) -> OptionalRules {
        OptionalRules::from_bits((self.0 >> 8) as u16)
    }

    #[inline]
    pub(crate) const fn waives(self, waiver: Waivers) -> bool {
        self.waivers().contains(waiver)
    }

    /// The same dialect with no rule waived or added.
    #[inline]
    pub(crate) const fn plain(self) -> Self {
        Self(self.0 & 0x07)
    }

    /// Whether no rule is waived or added.
    #[inline]
    pub(crate) const fn is_plain(self) -> bool {
        self.0 <= 0x07
    }

    /// A plain dialect as one byte, to store and compare; all other dialects share one value.
    #[inline]
    pub(crate) const fn mark(self) -> u8 {
        if self.is_plain() {
            self.0 as u8
        } else {
            Self::NO_MARK
        }
    }

    /// Whether this is the plain dialect with this mark.
    #[inline]
    pub(crate) const fn has_mark(self, mark: u8) -> bool {
        self.0 == mark as u32
    }

    /// The same dialect with these rules waived and added, instead of any before.
    pub(crate) const fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        Self(self.0 & 0x07 | ((waivers.bits() | rules.bits()) as u32) << 8)
    }

    pub(crate) const fn is_v5(self) -> bool {
        self.0 & 0x06 == 0x04
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Dialect {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Dialect({}, {})", self.version(), self.sender());
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dialect = f.debug_struct("Dialect");
        dialect
            .field("version", &self.version())
            .field("sender", &self.sender());
        if !self.is_plain() {
            dialect.field("waivers", &self.waivers());
            dialect.field("optional_rules", &self.optional_rules());
        }
        dialect.finish()
    }
}
