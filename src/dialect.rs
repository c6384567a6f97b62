//! Which MQTT is spoken, and by whom.

use core::fmt;

/// A version of MQTT.
///
/// | version | protocol name | protocol level |
/// |---|---|---|
/// | 3.1 | `MQIsdp` | 3 |
/// | 3.1.1 | `MQTT` | 4 |
/// | 5.0 | `MQTT` | 5 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// The side that opened the connection and sent CONNECT.
    Client,
    /// The side that answered with CONNACK.
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

/// The version that is spoken and the side that sends: what the bytes of a packet mean, and which
/// rules bind them, depends on both.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dialect {
    version: Version,
    sender: Sender,
}

impl Dialect {
    /// All dialects.
    pub(crate) const ALL: [Self; 6] = [
        Self::from_client(Version::V3_1),
        Self::from_server(Version::V3_1),
        Self::from_client(Version::V3_1_1),
        Self::from_server(Version::V3_1_1),
        Self::from_client(Version::V5),
        Self::from_server(Version::V5),
    ];

    /// The place of the dialect in [`ALL`](Self::ALL).
    #[inline]
    pub(crate) const fn index(self) -> usize {
        2 * self.version as usize + self.sender as usize
    }

    /// What `sender` sends in `version`.
    #[must_use]
    pub const fn new(version: Version, sender: Sender) -> Self {
        Self { version, sender }
    }

    /// What a Client sends in `version`.
    #[must_use]
    pub const fn from_client(version: Version) -> Self {
        Self::new(version, Sender::Client)
    }

    /// What a Server sends in `version`.
    #[must_use]
    pub const fn from_server(version: Version) -> Self {
        Self::new(version, Sender::Server)
    }

    /// The dialect of the opposite direction.
    #[must_use]
    pub const fn reply(self) -> Self {
        Self::new(self.version, self.sender.other())
    }

    /// The version that is spoken.
    #[must_use]
    #[inline]
    pub const fn version(self) -> Version {
        self.version
    }

    /// The side that sends.
    #[must_use]
    #[inline]
    pub const fn sender(self) -> Sender {
        self.sender
    }

    #[inline]
    pub(crate) const fn is_v5(self) -> bool {
        matches!(self.version, Version::V5)
    }
}
