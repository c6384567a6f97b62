//! The types of Control Packets, and the carriers of properties.

use core::fmt;

macro_rules! packet_types {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        /// The type of a Control Packet (section 2.2.1 of 3.1.1, 2.1.2 of 5.0).
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PacketType {
            $(#[doc = concat!("`", stringify!($value), "` ", $text, ".")] $name = $value,)*
        }

        impl PacketType {
            /// All types.
            pub const ALL: [Self; 15] = [$(Self::$name),*];

            /// The name in capitals, as the standard writes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            #[inline]
            pub(crate) const fn from_nibble(nibble: u8) -> Option<Self> {
                match nibble {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

packet_types! {
    Connect = 1, "CONNECT";
    ConnAck = 2, "CONNACK";
    Publish = 3, "PUBLISH";
    PubAck = 4, "PUBACK";
    PubRec = 5, "PUBREC";
    PubRel = 6, "PUBREL";
    PubComp = 7, "PUBCOMP";
    Subscribe = 8, "SUBSCRIBE";
    SubAck = 9, "SUBACK";
    Unsubscribe = 10, "UNSUBSCRIBE";
    UnsubAck = 11, "UNSUBACK";
    PingReq = 12, "PINGREQ";
    PingResp = 13, "PINGRESP";
    Disconnect = 14, "DISCONNECT";
    Auth = 15, "AUTH";
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The place of a block of properties: a packet, or the Will inside CONNECT. It decides which
/// properties are allowed.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The Will inside a CONNECT.
    Will,
    /// A packet of this type.
    Packet(PacketType),
}

impl From<PacketType> for Carrier {
    fn from(packet_type: PacketType) -> Self {
        Self::Packet(packet_type)
    }
}

impl Carrier {
    /// The carrier as a bit of a set. The Will has bit 0, which is no packet type.
    #[inline]
    pub(crate) const fn bit(self) -> u16 {
        1 << self.index()
    }

    /// The number of the packet type; 0 for the Will.
    #[inline]
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Will => 0,
            Self::Packet(packet_type) => packet_type as usize,
        }
    }

    /// The type of the packet that has the block.
    pub(crate) const fn packet_type(self) -> PacketType {
        match self {
            Self::Will => PacketType::Connect,
            Self::Packet(packet_type) => packet_type,
        }
    }
}
