//! Conversions between the values of packets and plain numbers, texts and lists.

use core::str::FromStr;

use crate::data::{BinaryData, PacketId, QoS, SubscriptionId, Utf8Str};
use crate::dialect::Version;
use crate::error::ErrorKind;
use crate::packet::RetainHandling;
use crate::packet_type::PacketType;
use crate::property_id::PropertyId;
use crate::topic::{TopicFilter, TopicName, check_filter, check_topic_name};
use crate::wire::text::{MAX_FIELD, check_text};

// ---- numbers -------------------------------------------------------------------------------

macro_rules! numbers {
    ($($(#[$doc:meta])* $type:ident($number:ident) => $get:expr;)*) => {
        $($(#[$doc])*
        impl From<$type> for $number {
            fn from(value: $type) -> Self {
                $get(value)
            }
        })*
    };
}

numbers! {
    QoS(u8) => |qos| qos as u8;
    RetainHandling(u8) => |handling| handling as u8;
    /// Bits 7 to 4 of the first byte of a packet.
    PacketType(u8) => |packet_type| packet_type as u8;
    PropertyId(u8) => |id| id as u8;
    /// The Protocol Level.
    Version(u8) => Version::protocol_level;
    PacketId(u16) => PacketId::get;
    SubscriptionId(u32) => SubscriptionId::get;
}

macro_rules! checked_numbers {
    ($($(#[$doc:meta])* $number:ident => $type:ident, $error:ident, $find:expr;)*) => {
        $($(#[$doc])*
        impl TryFrom<$number> for $type {
            type Error = ErrorKind;

            fn try_from(value: $number) -> Result<Self, ErrorKind> {
                $find(value).ok_or(ErrorKind::$error)
            }
        })*
    };
}

checked_numbers! {
    u8 => PacketType, ReservedPacketType, PacketType::from_nibble;
    u8 => PropertyId, UnknownProperty, PropertyId::from_byte;
    /// From the Protocol Level.
    u8 => Version, UnsupportedProtocolLevel,
        |level| Version::ALL.into_iter().find(|it| it.protocol_level() == level);
    u16 => PacketId, PacketIdZero, PacketId::new;
    u32 => SubscriptionId, PropertyValue, SubscriptionId::new;
}

impl TryFrom<u8> for RetainHandling {
    type Error = ErrorKind;

    fn try_from(value: u8) -> Result<Self, ErrorKind> {
        match value {
            0 => Ok(Self::AtSubscribe),
            1 => Ok(Self::AtNewSubscribe),
            2 => Ok(Self::Never),
            3 => Err(ErrorKind::RetainHandling3),
            _ => Err(ErrorKind::SubscriptionOptions),
        }
    }
}

/// From the text of `Display`: `3.1`, `3.1.1` or `5.0`; also from `5`.
impl FromStr for Version {
    type Err = ErrorKind;

    fn from_str(text: &str) -> Result<Self, ErrorKind> {
        match text {
            "3.1" => Ok(Self::V3_1),
            "3.1.1" => Ok(Self::V3_1_1),
            "5.0" | "5" => Ok(Self::V5),
            _ => Err(ErrorKind::UnsupportedProtocolLevel),
        }
    }
}

// ---- texts and bytes -----------------------------------------------------------------------

macro_rules! texts {
    ($($name:ident: $check:path;)*) => {
        $(impl<'a> TryFrom<&'a [u8]> for $name<'a> {
            type Error = ErrorKind;

            fn try_from(bytes: &'a [u8]) -> Result<Self, ErrorKind> {
                if bytes.len() > MAX_FIELD {
                    return Err(ErrorKind::FieldTooLong);
                }
                match $check(bytes) {
                    Ok(()) => Ok(Self::trusted(bytes)),
                    Err(bad) => Err(bad.kind),
                }
            }
        }

        #[cfg(feature = "alloc")]
        impl From<$name<'_>> for alloc::string::String {
            /// Checks the UTF-8 of the copy, which is aligned, and not of the text: that is faster.
            fn from(text: $name<'_>) -> Self {
                Self::from_utf8(text.as_bytes().to_vec()).unwrap_or_default()
            }
        })*
    };
}

texts! {
    Utf8Str: check_text;
    TopicName: check_topic_name;
    TopicFilter: check_filter;
}

impl<'a> From<TopicName<'a>> for Utf8Str<'a> {
    fn from(name: TopicName<'a>) -> Self {
        Self::trusted(name.as_bytes())
    }
}

impl<'a> From<TopicFilter<'a>> for Utf8Str<'a> {
    fn from(filter: TopicFilter<'a>) -> Self {
        Self::trusted(filter.as_bytes())
    }
}

/// The filter that matches this topic alone. In 5.0 a name that begins with `$share/` becomes a shared
/// subscription, as in any filter.
impl<'a> From<TopicName<'a>> for TopicFilter<'a> {
    fn from(name: TopicName<'a>) -> Self {
        Self::trusted(name.as_bytes())
    }
}

impl PartialEq<[u8]> for BinaryData<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialEq<&[u8]> for BinaryData<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        self.as_bytes() == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for BinaryData<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        self.as_bytes() == other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for BinaryData<'_> {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.as_bytes() == *other
    }
}

// ---- lists ---------------------------------------------------------------------------------

#[cfg(feature = "alloc")]
impl<'a, T> From<&'a alloc::vec::Vec<T>> for crate::list::List<'a, T> {
    fn from(items: &'a alloc::vec::Vec<T>) -> Self {
        Self::new(items)
    }
}

// ---- errors --------------------------------------------------------------------------------

#[cfg(feature = "std")]
impl From<crate::fanout::ForwardError> for std::io::Error {
    fn from(error: crate::fanout::ForwardError) -> Self {
        match error {
            crate::fanout::ForwardError::Encode(error) => error.into(),
            expired => Self::new(std::io::ErrorKind::InvalidInput, expired),
        }
    }
}
