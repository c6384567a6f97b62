//! The values inside packets: text, binary data, identifiers and QoS (section 1.5).

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use crate::dialect::Dialect;
use crate::error::{ErrorKind, Field, ParseFault, Refusal, fault};
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::text::{MAX_FIELD, check_text, is_valid_str};
use crate::wire::varint;
use crate::wire::write::Out;

/// The methods and traits that all text types share.
macro_rules! text_traits {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// The text. This validates the UTF-8 again; [`as_bytes`](Self::as_bytes) is free.
            #[must_use]
            pub const fn as_str(&self) -> &'a str {
                // always valid: it was checked when the value was created
                match ::core::str::from_utf8(self.0) {
                    Ok(text) => text,
                    Err(_) => "",
                }
            }

            /// The bytes of the text.
            #[must_use]
            #[inline]
            pub const fn as_bytes(&self) -> &'a [u8] {
                self.0
            }

            /// A value of bytes that were checked before.
            #[inline]
            pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = ErrorKind;

            fn try_from(text: &'a str) -> Result<Self, ErrorKind> {
                Self::new(text)
            }
        }

        impl ::core::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(self.as_str(), f)
            }
        }

        impl ::core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(self.as_str(), f)
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name<'_> {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=str:?}", self.as_str());
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use text_traits;

/// A UTF-8 Encoded String: at most 65,535 bytes of UTF-8 without U+0000.
///
/// The text is checked when the value is created (MQTT-1.5.3-1 and MQTT-1.5.3-2 of 3.1.1,
/// MQTT-1.5.4-1 and MQTT-1.5.4-2 of 5.0). It is stored as bytes, so
/// [`as_bytes`](Self::as_bytes) is free; [`as_str`](Self::as_str) validates the UTF-8 again.
///
/// ```
/// use mqtt_wire::Utf8Str;
///
/// const NAME: Utf8Str<'static> = match Utf8Str::new("sensor-7") {
///     Ok(name) => name,
///     Err(_) => panic!("checked while compiling"),
/// };
/// assert_eq!(NAME, "sensor-7");
/// assert!(Utf8Str::new("a\0b").is_err());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "MqttString")]
pub struct Utf8Str<'a>(&'a [u8]);

impl<'a> Utf8Str<'a> {
    /// The empty string.
    pub const EMPTY: Self = Self(b"");

    /// Creates a string; checks that `text` has at most 65,535 bytes and no U+0000.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FieldTooLong`] or [`ErrorKind::NullCharacter`].
    pub const fn new(text: &'a str) -> Result<Self, ErrorKind> {
        let bytes = text.as_bytes();
        if bytes.len() > MAX_FIELD {
            return Err(ErrorKind::FieldTooLong);
        }
        if !is_valid_str::<false>(text) {
            return Err(ErrorKind::NullCharacter);
        }
        Ok(Self(bytes))
    }

    /// Whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn parse<E: ParseFault<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, Self, E> {
        let (rest, bytes) = read::text(input, field, check_text)?;
        Ok((rest, Self(bytes)))
    }
}

text_traits!(Utf8Str);

/// Binary Data: at most 65,535 bytes of any value.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BinaryData<'a>(&'a [u8]);

impl<'a> BinaryData<'a> {
    /// No bytes.
    pub const EMPTY: Self = Self(b"");

    /// Creates binary data; checks that there are at most 65,535 bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FieldTooLong`].
    pub const fn new(bytes: &'a [u8]) -> Result<Self, ErrorKind> {
        if bytes.len() > MAX_FIELD {
            return Err(ErrorKind::FieldTooLong);
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    #[inline]
    pub(crate) fn parse<E: ParseFault<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, Self, E> {
        let (rest, bytes) = read::prefixed(input, field)?;
        Ok((rest, Self(bytes)))
    }

    /// A value of bytes whose length was checked before.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for BinaryData<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl<'a> TryFrom<&'a [u8]> for BinaryData<'a> {
    type Error = ErrorKind;

    fn try_from(bytes: &'a [u8]) -> Result<Self, ErrorKind> {
        Self::new(bytes)
    }
}

impl fmt::Debug for BinaryData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for BinaryData<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.0);
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for BinaryData<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Hex(self.0).serialize(serializer)
    }
}

/// A Packet Identifier: 1 to 65,535 (MQTT-2.3.1-1 of 3.1.1, MQTT-2.2.1-3 of 5.0).
///
/// ```
/// use mqtt_wire::PacketId;
///
/// let id = PacketId::new(7).unwrap();
/// assert_eq!(id.get(), 7);
/// assert_eq!(PacketId::new(0), None);
/// ```
#[doc(alias = "pkid")]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "Pid")]
#[doc(alias = "PacketIdentifier")]
pub struct PacketId(u16);

impl PacketId {
    /// The identifier 1, the smallest.
    pub const MIN: Self = Self(1);

    /// Creates an identifier; `None` for 0.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        match value {
            0 => None,
            _ => Some(Self(value)),
        }
    }

    /// The identifier as a number. It is 0 only in a packet that was decoded with
    /// [`Waivers::PACKET_ID_ZERO`](crate::Waivers::PACKET_ID_ZERO).
    #[must_use]
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    #[inline]
    pub(crate) fn parse<'a, E: ParseFault<'a>>(
        input: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let (rest, value) = read::two_byte_integer(input, Field::PacketId)?;
        if value == 0 && !dialect.waives(Waivers::PACKET_ID_ZERO) {
            return fault(input, ErrorKind::PacketIdZero, Field::PacketId, 0);
        }
        Ok((rest, Self(value)))
    }

    /// Encoding rejects the identifier 0, which decoding accepts only with a waiver.
    #[inline]
    pub(crate) fn check(self) -> Result<(), Refusal> {
        match self.0 {
            0 => Err(Refusal::broken(ErrorKind::PacketIdZero, Field::PacketId, 0)),
            _ => Ok(()),
        }
    }

    /// Checks the identifier and writes it.
    #[inline(always)]
    pub(crate) fn write<O: Out>(self, out: O) -> Result<O, O::Error> {
        self.check()?;
        out.put_u16(self.0)
    }

    /// The identifier after this one: 1 follows 65,535.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(value) => Self(value),
            None => Self::MIN,
        }
    }
}

impl From<NonZeroU16> for PacketId {
    fn from(value: NonZeroU16) -> Self {
        Self(value.get())
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A Subscription Identifier of 5.0: a variable byte integer from 1 to 268,435,455 (section
/// 3.8.2.1.2).
#[doc(alias = "varint")]
#[doc(alias = "variable byte integer")]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(NonZeroU32);

impl SubscriptionId {
    /// The identifier 1, the smallest.
    pub const MIN: Self = Self(NonZeroU32::MIN);

    /// Creates an identifier; `None` for 0 and for values above 268,435,455.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(id) if value <= varint::MAX => Some(Self(id)),
            _ => None,
        }
    }

    /// The identifier as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// A Quality of Service level. There is no level 3.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: at most once.
    AtMostOnce = 0,
    /// QoS 1: at least once.
    AtLeastOnce = 1,
    /// QoS 2: exactly once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level in the two low bits of `bits`; `None` for 3.
    #[inline]
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits & 0x03 {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

impl TryFrom<u8> for QoS {
    type Error = InvalidQoS;

    fn try_from(level: u8) -> Result<Self, InvalidQoS> {
        match level {
            0..=2 => Self::from_bits(level).ok_or(InvalidQoS(level)),
            _ => Err(InvalidQoS(level)),
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QoS {}", *self as u8)
    }
}

/// The error for a number that is not a QoS level.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvalidQoS(pub u8);

impl fmt::Display for InvalidQoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QoS {} does not exist", self.0)
    }
}

impl core::error::Error for InvalidQoS {}

/// Bytes as a string of hexadecimal digits.
#[cfg(feature = "serde")]
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

#[cfg(feature = "serde")]
impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Hex<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_identifiers_wrap_past_zero() {
        let last = PacketId::new(65_535).unwrap();
        assert_eq!(last.next(), PacketId::MIN);
        assert_eq!(PacketId::MIN.next().get(), 2);
    }
}
