//! The data types of section 1.5: how they are checked, parsed, written and measured.

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use crate::dialect::Dialect;
use crate::error::{Blame, ErrorKind, Field, Refusal, fault};
use crate::waivers::Waivers;

/// The most bytes that a field with a two-byte length can have.
pub(crate) const MAX_FIELD: usize = 65_535;

/// The largest variable byte integer: 268,435,455.
pub(crate) const MAX_VARIABLE_BYTE_INTEGER: u32 = 0x0fff_ffff;

/// What every kind of text shares: it reads as text and compares with `str`.
macro_rules! text_traits {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// The text. This walks it once more; [`as_bytes`](Self::as_bytes) is free.
            #[must_use]
            pub const fn as_str(&self) -> &'a str {
                // it was checked when the value was made
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

            /// Bytes that were checked before.
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
/// The text was checked when the value was made (MQTT-1.5.3-1 and MQTT-1.5.3-2 of 3.1.1,
/// MQTT-1.5.4-1 and MQTT-1.5.4-2 of 5.0). It is kept as bytes, so that
/// [`as_bytes`](Self::as_bytes), comparing and hashing are free; [`as_str`](Self::as_str) walks
/// the text once more.
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
pub struct Utf8Str<'a>(&'a [u8]);

impl<'a> Utf8Str<'a> {
    /// The empty string.
    pub const EMPTY: Self = Self(b"");

    /// Checks that `text` holds no U+0000 and has at most 65,535 bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NullCharacter`] or [`ErrorKind::FieldTooLong`].
    pub const fn new(text: &'a str) -> Result<Self, ErrorKind> {
        let bytes = text.as_bytes();
        if bytes.len() > MAX_FIELD {
            return Err(ErrorKind::FieldTooLong);
        }
        match check_text(bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(flaw) => Err(flaw.kind),
        }
    }

    /// Whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

text_traits!(Utf8Str);

/// Binary Data: at most 65,535 bytes of any value.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BinaryData<'a>(&'a [u8]);

impl<'a> BinaryData<'a> {
    /// No bytes.
    pub const EMPTY: Self = Self(b"");

    /// Checks that there are at most 65,535 bytes.
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

    /// Bytes that are not encoded, or were checked before.
    #[cfg(feature = "model")]
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct PacketId(u16);

impl PacketId {
    /// The identifier 1, where counting begins.
    pub const MIN: Self = Self(1);

    /// The identifier with this value; `None` for 0.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        match value {
            0 => None,
            _ => Some(Self(value)),
        }
    }

    /// The value. It is 0 only in a packet that was decoded with
    /// [`Waivers::PACKET_ID_ZERO`](crate::Waivers::PACKET_ID_ZERO).
    #[must_use]
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Encoding refuses the identifier that only a waiver lets in.
    #[inline]
    pub(crate) fn check(self) -> Result<(), Refusal> {
        match self.0 {
            0 => Err(Refusal::Broken(ErrorKind::PacketIdZero, Field::PacketId, 0)),
            _ => Ok(()),
        }
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

/// A Subscription Identifier: 1 to 268,435,455 (5.0, section 3.8.2.1.2).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct SubscriptionId(NonZeroU32);

impl SubscriptionId {
    /// The identifier 1.
    pub const MIN: Self = Self(NonZeroU32::MIN);

    /// The identifier with this value; `None` for 0 and above 268,435,455.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(id) if value <= MAX_VARIABLE_BYTE_INTEGER => Some(Self(id)),
            _ => None,
        }
    }

    /// The value.
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
    /// The level that the two low bits of `bits` stand for; `None` for 3.
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

#[cfg(feature = "serde")]
impl serde::Serialize for QoS {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// No QoS has this level.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidQoS(pub u8);

impl fmt::Display for InvalidQoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QoS {} does not exist", self.0)
    }
}

impl core::error::Error for InvalidQoS {}

// ---- checking ------------------------------------------------------------------------------

/// What is wrong with a text, and at which of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) kind: ErrorKind,
    pub(crate) at: usize,
}

impl Flaw {
    /// The error of a parser of `text`.
    #[inline]
    pub(crate) fn fault<'a, T, E: Blame<'a>>(
        self,
        text: &'a [u8],
        field: Field,
    ) -> Result<T, nom::Err<E>> {
        let at = text.get(self.at..).unwrap_or_default();
        fault(at, self.kind, field, 0)
    }
}

/// Checks that `bytes` are UTF-8 without U+0000.
#[inline]
pub(crate) const fn check_text(bytes: &[u8]) -> Result<(), Flaw> {
    if is_plain::<false>(bytes) {
        return Ok(());
    }
    check_text_slowly(bytes)
}

#[cold]
pub(crate) const fn check_text_slowly(bytes: &[u8]) -> Result<(), Flaw> {
    if let Err(at) = check_utf8(bytes) {
        return Err(at);
    }
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == 0 {
            return Err(Flaw {
                kind: ErrorKind::NullCharacter,
                at: bytes.len() - rest.len(),
            });
        }
        rest = after;
    }
    Ok(())
}

/// Checks that `bytes` are UTF-8.
pub(crate) const fn check_utf8(bytes: &[u8]) -> Result<(), Flaw> {
    let at = match core::str::from_utf8(bytes) {
        Ok(_) => return Ok(()),
        Err(error) => error.valid_up_to(),
    };
    // a surrogate is encoded as ED A0..BF xx
    let kind = match bytes.split_at_checked(at) {
        Some((_, [0xed, 0xa0..=0xbf, ..])) => ErrorKind::Surrogate,
        _ => ErrorKind::InvalidUtf8,
    };
    Err(Flaw { kind, at })
}

/// Whether `bytes` are ASCII without U+0000 and, if `TOPIC`, without `+` and `#`: eight bytes at
/// a time. What is not plain may still be right.
#[inline]
pub(crate) const fn is_plain<const TOPIC: bool>(bytes: &[u8]) -> bool {
    const fn suspicious<const TOPIC: bool>(word: u64) -> u64 {
        // the top bit of a byte is set in `word` if it is not ASCII, in `word - ONES` if it is 0
        let found = word | word.wrapping_sub(ONES);
        let wildcards = if TOPIC { wildcards(word) } else { 0 };
        (found | wildcards) & ONES << 7
    }

    let mut found = 0;
    if bytes.len() >= 8 {
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_first_chunk() {
            found |= suspicious::<TOPIC>(u64::from_le_bytes(*chunk));
            rest = after;
        }
        if let Some(last) = bytes.last_chunk() {
            found |= suspicious::<TOPIC>(u64::from_le_bytes(*last));
        }
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        found = suspicious::<TOPIC>(first as u64 | ((last as u64) << 32));
    } else {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if byte == 0 || byte >= 0x80 || TOPIC && is_wildcard(byte) {
                return false;
            }
            rest = after;
        }
    }
    found == 0
}

/// Whether a word is ASCII without U+0000.
#[inline]
pub(crate) const fn is_plain_word(word: u64) -> bool {
    (word | word.wrapping_sub(ONES)) & ONES << 7 == 0
}

/// Sets the top bits of the bytes that are `+` or `#` in a word of ASCII.
#[inline]
pub(crate) const fn wildcards_in_ascii(word: u64) -> u64 {
    (ONES << 7).wrapping_sub((word | ONES << 3) ^ (ONES * 0x2b)) & ONES << 7
}

/// The place of the first `+` or `#`.
pub(crate) const fn find_wildcard(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let found = wildcards(word) & !word & ONES << 7;
        if found != 0 {
            let place = found.trailing_zeros() as usize / 8;
            return Some(bytes.len() - rest.len() + place);
        }
        rest = after;
    }
    while let Some((&byte, after)) = rest.split_first() {
        if is_wildcard(byte) {
            return Some(bytes.len() - rest.len());
        }
        rest = after;
    }
    None
}

const fn is_wildcard(byte: u8) -> bool {
    matches!(byte, b'+' | b'#')
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Sets the top bit of the lowest ASCII byte that is `+` or `#`; bytes above it may be wrong.
const fn wildcards(word: u64) -> u64 {
    // `+` is 2B and `#` is 23: they differ in bit 3 only
    ((word | (ONES << 3)) ^ (ONES * 0x2b)).wrapping_sub(ONES)
}

// ---- parsing -------------------------------------------------------------------------------

/// What a parser leaves over, and what it found: our parsers are nom's, and go together with them.
///
/// The primitives are written out, for nom's own `take` and `be_u16` are not inlined and took a
/// fifth of the time of decoding.
pub(crate) type Parsed<'a, T, E> = nom::IResult<&'a [u8], T, E>;

/// The next `N` bytes.
#[inline]
fn array<'a, E: Blame<'a>, const N: usize>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, [u8; N], E> {
    match input.split_first_chunk() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => truncated(input, field),
    }
}

#[inline]
pub(crate) fn byte<'a, E: Blame<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, u8, E> {
    let (rest, [byte]) = array(input, field)?;
    Ok((rest, byte))
}

#[inline]
pub(crate) fn two_byte_integer<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u16, E> {
    let (rest, bytes) = array(input, field)?;
    Ok((rest, u16::from_be_bytes(bytes)))
}

#[inline]
pub(crate) fn four_byte_integer<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u32, E> {
    let (rest, bytes) = array(input, field)?;
    Ok((rest, u32::from_be_bytes(bytes)))
}

/// A variable byte integer in its shortest form (5.0 MQTT-1.5.5-1).
#[inline]
pub(crate) fn variable_byte_integer<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u32, E> {
    match input.split_first() {
        Some((&value @ 0..0x80, rest)) => Ok((rest, u32::from(value))),
        _ => long_variable_byte_integer(input, field),
    }
}

#[cold]
fn long_variable_byte_integer<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u32, E> {
    match read_variable_byte_integer(input) {
        VariableByteInteger::Whole {
            value,
            length,
            is_shortest: true,
        } => Ok((input.get(length..).unwrap_or_default(), value)),
        VariableByteInteger::Whole { value, .. } => fault(
            input,
            ErrorKind::VariableByteIntegerNotShortest,
            field,
            value,
        ),
        VariableByteInteger::Unfinished => {
            let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
            fault(input, ErrorKind::Truncated, field, length)
        }
        VariableByteInteger::TooLong => {
            fault(input, ErrorKind::VariableByteIntegerTooLong, field, 0)
        }
    }
}

/// What the beginning of some bytes is as a variable byte integer, in whatever form.
pub(crate) enum VariableByteInteger {
    Whole {
        value: u32,
        length: usize,
        is_shortest: bool,
    },
    Unfinished,
    TooLong,
}

#[inline]
pub(crate) fn read_variable_byte_integer(input: &[u8]) -> VariableByteInteger {
    let low = |byte| u32::from(byte & 0x7f);
    let whole = |value, length, last| VariableByteInteger::Whole {
        value,
        length,
        is_shortest: last != 0,
    };
    match *input {
        [a @ 0..0x80, ..] => whole(u32::from(a), 1, 1),
        [a, b @ 0..0x80, ..] => whole(low(a) | low(b) << 7, 2, b),
        [a, b, c @ 0..0x80, ..] => whole(low(a) | low(b) << 7 | low(c) << 14, 3, c),
        [a, b, c, d @ 0..0x80, ..] => {
            let value = low(a) | low(b) << 7 | low(c) << 14 | low(d) << 21;
            whole(value, 4, d)
        }
        [_, _, _, _, ..] => VariableByteInteger::TooLong,
        _ => VariableByteInteger::Unfinished,
    }
}

/// The number of bytes of the shortest form.
#[inline]
pub(crate) const fn variable_byte_integer_len(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Bytes behind a two-byte length. A fault is laid at the length.
#[inline]
pub(crate) fn prefixed<'a, E: Blame<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, &'a [u8], E> {
    let (rest, length) = two_byte_integer(input, field)?;
    match rest.split_at_checked(usize::from(length)) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => truncated(input, field),
    }
}

#[inline]
pub(crate) fn binary_data<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, BinaryData<'a>, E> {
    let (rest, bytes) = prefixed(input, field)?;
    Ok((rest, BinaryData(bytes)))
}

#[inline]
pub(crate) fn utf8_string<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, Utf8Str<'a>, E> {
    let (rest, bytes) = checked(input, field, check_text)?;
    Ok((rest, Utf8Str(bytes)))
}

/// A length-prefixed text that passes `check`.
#[inline(always)]
pub(crate) fn checked<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
    check: impl Fn(&[u8]) -> Result<(), Flaw>,
) -> Parsed<'a, &'a [u8], E> {
    let (rest, bytes) = prefixed(input, field)?;
    match check(bytes) {
        Ok(()) => Ok((rest, bytes)),
        Err(flaw) => flaw.fault(bytes, field),
    }
}

#[inline]
pub(crate) fn packet_id<'a, E: Blame<'a>>(
    input: &'a [u8],
    dialect: Dialect,
) -> Parsed<'a, PacketId, E> {
    let (rest, value) = two_byte_integer(input, Field::PacketId)?;
    if value == 0 && !dialect.waives(Waivers::PACKET_ID_ZERO) {
        return fault(input, ErrorKind::PacketIdZero, Field::PacketId, 0);
    }
    Ok((rest, PacketId(value)))
}

#[inline(always)]
fn truncated<'a, T, E: Blame<'a>>(input: &'a [u8], field: Field) -> Result<T, nom::Err<E>> {
    fault(input, ErrorKind::Truncated, field, 0)
}

// ---- writing -------------------------------------------------------------------------------

/// Where an encoder writes to. It has been measured before that there is room.
pub(crate) trait Put {
    /// How many bytes can be written.
    fn room(&self) -> usize;

    fn put(&mut self, bytes: &[u8]);

    /// Writes what has been counted to be `length` bytes.
    #[inline]
    fn put_counted(&mut self, length: usize, write: impl Fn(&mut Self)) {
        let _ = length;
        write(self);
    }

    #[inline]
    fn put_byte(&mut self, value: u8) {
        self.put(&[value]);
    }

    #[inline]
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    fn put_variable_byte_integer(&mut self, mut value: u32) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return self.put_byte(low);
            }
            self.put_byte(low | 0x80);
        }
    }

    /// Bytes behind a two-byte length; the newtypes see to it that they are not longer.
    #[inline]
    fn put_prefixed(&mut self, bytes: &[u8]) {
        self.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.put(bytes);
    }
}

/// Counts what would be written.
#[derive(Default)]
pub(crate) struct Counter(pub(crate) usize);

impl Put for Counter {
    #[inline]
    fn room(&self) -> usize {
        usize::MAX - self.0
    }

    #[inline]
    fn put_counted(&mut self, length: usize, _: impl Fn(&mut Self)) {
        self.0 = self.0.saturating_add(length);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}

/// Writes into a slice, from its beginning.
pub(crate) struct SliceWriter<'b>(pub(crate) &'b mut [u8]);

impl Put for SliceWriter<'_> {
    #[inline]
    fn room(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let room = core::mem::take(&mut self.0);
        if let Some((head, rest)) = room.split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            self.0 = rest;
        }
    }
}

#[cfg(feature = "bytes")]
pub(crate) struct BufMutWriter<'b, B>(pub(crate) &'b mut B);

#[cfg(feature = "bytes")]
impl<B: bytes::BufMut> Put for BufMutWriter<'_, B> {
    #[inline]
    fn room(&self) -> usize {
        self.0.remaining_mut()
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }
}

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
    use crate::error::Fault;

    #[test]
    fn the_fast_text_check_agrees_with_the_plain_one() {
        // every byte value at every place of every length up to 20
        for length in 1..=20 {
            for place in 0..length {
                for value in 0..=255 {
                    let mut bytes = [b'x'; 20];
                    bytes[place] = value;
                    let bytes = &bytes[..length];
                    let ascii = value != 0 && value < 0x80;
                    assert_eq!(is_plain::<false>(bytes), ascii, "{bytes:?}");
                    let topic = ascii && value != b'+' && value != b'#';
                    assert_eq!(is_plain::<true>(bytes), topic, "{bytes:?}");
                    let wildcard = bytes.iter().position(|&byte| is_wildcard(byte));
                    assert_eq!(find_wildcard(bytes), wildcard, "{bytes:?}");
                }
            }
        }
        assert!(is_plain::<true>(b""));
    }

    #[test]
    fn finds_the_byte_that_is_not_text() {
        let flaw = |kind, at| Err(Flaw { kind, at });
        assert_eq!(check_text(b"caf\xc3\xa9"), Ok(()));
        assert_eq!(check_text(b"\xef\xbb\xbfa"), Ok(()));
        assert_eq!(check_text(b"a\xff"), flaw(ErrorKind::InvalidUtf8, 1));
        assert_eq!(check_text(b"ab\xed\xa0\x80"), flaw(ErrorKind::Surrogate, 2));
        assert_eq!(check_text(b"\xc3\xa9\0"), flaw(ErrorKind::NullCharacter, 2));
        assert_eq!(check_text(b"\xc0\x80"), flaw(ErrorKind::InvalidUtf8, 0));
    }

    #[test]
    fn variable_byte_integers_keep_their_boundaries() {
        for value in [
            0,
            1,
            127,
            128,
            16383,
            16384,
            2_097_151,
            2_097_152,
            268_435_455,
        ] {
            let mut bytes = [0; 5];
            let mut writer = SliceWriter(&mut bytes);
            writer.put_variable_byte_integer(value);
            let length = 5 - writer.0.len();
            assert_eq!(length, variable_byte_integer_len(value));
            let parsed = variable_byte_integer::<Fault>(&bytes, Field::PropertyLength);
            let (rest, parsed) = parsed.unwrap();
            assert_eq!((parsed, rest.len()), (value, 5 - length));
        }
    }

    #[test]
    fn packet_identifiers_wrap_past_zero() {
        let last = PacketId::new(65_535).unwrap();
        assert_eq!(last.next(), PacketId::MIN);
        assert_eq!(PacketId::MIN.next().get(), 2);
    }
}
