//! A block of properties: the Property Length and the properties.

use core::convert::Infallible;

use super::{Properties, Property};
use crate::data::QoS;
use crate::dialect::{Dialect, Sender};
use crate::error::{
    DecodeError, EncodeError, ErrorKind, FaultAt, Field, ParseFault, Refusal, fault,
};
use crate::packet_type::{Carrier, PacketType};
use crate::property_id::PropertyId;
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::varint;
use crate::wire::write::{Fields, LengthCounter, Out, SliceWriter};

/// A block of properties coded by itself, outside of a packet.
impl<'a> Properties<'a> {
    /// Decodes the block at the beginning of `bytes`: the Property Length and the properties of this
    /// packet or of a Will. Returns them and the bytes behind the block. Before 5.0 there is no block.
    ///
    /// ```
    /// use mqtt_wire::{Carrier, Dialect, Properties, PropertyId, Version};
    ///
    /// let dialect = Dialect::from_client(Version::V5);
    /// let bytes = b"\x05\x18\x00\x00\x00\x0a rest";
    /// let (properties, rest) = Properties::decode(bytes, Carrier::Will, dialect)?;
    /// assert!(properties.get(PropertyId::WillDelayInterval).is_some());
    /// assert_eq!(rest, b" rest");
    ///
    /// let mut again = [0; 6];
    /// assert_eq!(properties.encode_to_slice(Carrier::Will, dialect, &mut again)?, 6);
    /// assert_eq!(again, bytes[..6]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first rule that the block breaks. The offset counts from the beginning of `bytes`.
    pub fn decode(
        bytes: &'a [u8],
        carrier: impl Into<Carrier>,
        dialect: Dialect,
    ) -> Result<(Self, &'a [u8]), DecodeError> {
        let carrier = carrier.into();
        match parse::<FaultAt<'_>>(bytes, carrier, dialect) {
            Ok((rest, properties)) => Ok((properties, rest)),
            Err(error) => {
                let packet_type = carrier.packet_type();
                Err(DecodeError::in_packet(
                    error,
                    bytes,
                    packet_type,
                    Some(dialect),
                ))
            }
        }
    }

    /// The length of the block that [`encode_to_slice`](Self::encode_to_slice) writes.
    ///
    /// # Errors
    ///
    /// As `encode_to_slice`, except that there is no buffer.
    pub fn encoded_len(
        &self,
        carrier: impl Into<Carrier>,
        dialect: Dialect,
    ) -> Result<usize, EncodeError> {
        let (carrier, dialect) = (carrier.into(), dialect.plain());
        let counter = LengthCounter::<Refusal>::ZERO;
        match write(self, carrier, dialect, counter) {
            Ok(counter) if counter.0 > MAX_BLOCK => Err(EncodeError::TooLong),
            Ok(counter) => Ok(counter.0),
            Err(refusal) => Err(refusal.of(carrier.packet_type(), dialect)),
        }
    }

    /// Encodes the properties of this packet or of a Will as a block: the Property Length and the
    /// properties. Returns its length. Before 5.0 there is no block.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Violation`] if they break a rule of the carrier or the sender;
    /// [`EncodeError::NotInVersion`] if there are any before 5.0; [`EncodeError::BufferTooSmall`] and
    /// [`EncodeError::TooLong`] for the length.
    pub fn encode_to_slice(
        &self,
        carrier: impl Into<Carrier>,
        dialect: Dialect,
        buffer: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let (carrier, dialect) = (carrier.into(), dialect.plain());
        let room = buffer.len();
        match write(self, carrier, dialect, SliceWriter(buffer)) {
            Ok(rest) => Ok(room - rest.0.len()),
            Err(()) => {
                let needed = self.encoded_len(carrier, dialect)?;
                Err(EncodeError::BufferTooSmall { needed })
            }
        }
    }
}

/// The length of the longest block.
const MAX_BLOCK: usize = varint::MAX as usize + 4;

/// Parses the Property Length and the properties in 5.0. Earlier versions have neither.
#[inline(always)] // with fat LTO decoding would take up to twice as long
pub(crate) fn parse<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    carrier: Carrier,
    dialect: Dialect,
) -> Parsed<'a, Properties<'a>, E> {
    if E::NAMES_FAULT {
        parse_out_of_line(input, carrier, dialect)
    } else {
        parse_inline(input, carrier, dialect)
    }
}

/// [`parse`] for a packet that was refused, where size counts and time does not.
#[inline(never)]
fn parse_out_of_line<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    carrier: Carrier,
    dialect: Dialect,
) -> Parsed<'a, Properties<'a>, E> {
    parse_inline(input, carrier, dialect)
}

#[inline(always)]
fn parse_inline<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    carrier: Carrier,
    dialect: Dialect,
) -> Parsed<'a, Properties<'a>, E> {
    if !dialect.is_v5() {
        return Ok((input, Properties::checked(&[], carrier, dialect)));
    }
    let field = length_field(carrier);
    let (rest, length) = read::variable_byte_integer(input, field)?;
    let Some((block, rest)) = rest.split_at_checked(length as usize) else {
        return fault(input, ErrorKind::PropertyLength, field, length);
    };
    let list = Properties::checked(block, carrier, dialect);
    if E::WAS_CHECKED {
        return Ok((rest, list));
    }
    let seen = match block {
        [] => Seen::default(),
        _ => parse_items(
            block,
            carrier,
            dialect,
            Seen::nothing_in(carrier, dialect.sender()),
        )?,
    };
    if let Err(kind) = seen.finish(carrier) {
        return fault(input, kind, field, 0);
    }
    Ok((rest, list))
}

/// Checks all properties of a block.
fn parse_items<'a, E: ParseFault<'a>>(
    block: &'a [u8],
    carrier: Carrier,
    dialect: Dialect,
    mut seen: Seen,
) -> Result<Seen, nom::Err<E>> {
    let mut rest = block;
    while !rest.is_empty() {
        let (value, id) = parse_id(rest, carrier)?;
        if let Err(kind) = seen.add(id, carrier) {
            return fault(rest, kind, Field::Property(id), id as u32);
        }
        rest = match Property::check_value::<E>(value, id) {
            Ok(rest) => rest,
            Err(error) => waived_value(value, id, dialect).ok_or(error)?,
        };
    }
    Ok(seen)
}

/// The bytes behind a value that only a waiver allows.
#[cold]
fn waived_value(value: &[u8], id: PropertyId, dialect: Dialect) -> Option<&[u8]> {
    let is_waived =
        id == PropertyId::ResponseTopic && dialect.waives(Waivers::EMPTY_RESPONSE_TOPIC);
    value.strip_prefix(&[0, 0]).filter(|_| is_waived)
}

/// Parses the identifier: a variable byte integer, although none of the 27 needs a second byte.
#[inline]
fn parse_id<'a, E: ParseFault<'a>>(input: &'a [u8], carrier: Carrier) -> Parsed<'a, PropertyId, E> {
    let Some((&byte @ 0..0x80, rest)) = input.split_first() else {
        match long_id(input)? {}
    };
    match PropertyId::find(byte, carrier) {
        Some((id, true)) => Ok((rest, id)),
        Some((id, false)) => {
            let kind = ErrorKind::PropertyNotAllowed;
            fault(input, kind, Field::Property(id), u32::from(byte))
        }
        None => {
            let kind = ErrorKind::UnknownProperty;
            fault(input, kind, Field::PropertyIdentifier, u32::from(byte))
        }
    }
}

/// Names the fault of an identifier of several bytes.
#[cold]
fn long_id<'a, E: ParseFault<'a>>(input: &'a [u8]) -> Result<Infallible, nom::Err<E>> {
    let field = Field::PropertyIdentifier;
    let (_, identifier) = read::variable_byte_integer(input, field)?;
    fault(input, ErrorKind::UnknownProperty, field, identifier)
}

/// Checks the properties and writes them behind the Property Length in 5.0. Earlier versions have
/// neither.
#[inline(always)]
pub(crate) fn write<O: Out>(
    properties: &Properties<'_>,
    carrier: Carrier,
    dialect: Dialect,
    out: O,
) -> Result<O, O::Error> {
    match (properties.is_empty(), dialect.is_v5()) {
        (true, false) => Ok(out),
        (true, true) => {
            Seen::default().check(carrier)?;
            out.put_byte(0)
        }
        (false, _) => write_some(properties, carrier, dialect, out),
    }
}

/// [`write`] of properties that are not empty.
#[inline]
fn write_some<O: Out>(
    properties: &Properties<'_>,
    carrier: Carrier,
    dialect: Dialect,
    out: O,
) -> Result<O, O::Error> {
    if !dialect.is_v5() {
        return Err(not_in_version(carrier).into());
    }
    // a property that one side may send, the other may send too, with few exceptions
    let serves = |from: Dialect| {
        from == dialect
            || from == dialect.reply() && PropertyId::are_all_allowed(carrier, dialect.sender())
    };
    match properties.bytes_for(carrier, serves) {
        Some(bytes) => out
            .put_variable_byte_integer(u32::try_from(bytes.len()).unwrap_or(u32::MAX))?
            .put(bytes),
        None => write_block(properties, carrier, dialect, out),
    }
}

#[cold]
fn not_in_version(carrier: Carrier) -> Refusal {
    Refusal::NotInVersion(length_field(carrier))
}

#[inline(never)]
fn write_block<O: Out>(
    properties: &Properties<'_>,
    carrier: Carrier,
    dialect: Dialect,
    out: O,
) -> Result<O, O::Error> {
    let items = Items {
        properties,
        carrier,
        sender: dialect.sender(),
    };
    out.put_counted(&items, 0)
}

/// Properties to check and to write one by one.
struct Items<'p, 'a> {
    properties: &'p Properties<'a>,
    carrier: Carrier,
    sender: Sender,
}

impl Fields for Items<'_, '_> {
    #[inline(always)]
    fn write<O: Out>(&self, mut out: O) -> Result<O, O::Error> {
        let mut seen = Seen::nothing_in(self.carrier, self.sender);
        if let Some(items) = self.properties.lent() {
            for property in items {
                seen.check_item(property, self.carrier)?;
                out = property.put(out)?;
            }
        } else {
            for property in self.properties {
                seen.check_item(&property, self.carrier)?;
                out = property.put(out)?;
            }
        }
        seen.check(self.carrier)?;
        Ok(out)
    }
}

/// Checks properties, without writing them.
pub(crate) fn check(
    properties: &Properties<'_>,
    carrier: Carrier,
    dialect: Dialect,
) -> Result<(), Refusal> {
    let counter = LengthCounter::<Refusal>::ZERO;
    write(properties, carrier, dialect, counter).map(|_| ())
}

/// Writes properties that were checked, without the Property Length.
#[inline]
pub(crate) fn put_items<'a, O: Out>(
    items: impl IntoIterator<Item = Property<'a>>,
    mut out: O,
) -> Result<O, O::Error> {
    for item in items {
        out = item.put(out)?;
    }
    Ok(out)
}

/// The number of bytes that [`put_items`] writes.
#[inline]
pub(crate) fn encoded_len<'a>(items: impl IntoIterator<Item = Property<'a>>) -> usize {
    let add = |length: usize, item: Property<'_>| length.saturating_add(item.encoded_len());
    items.into_iter().fold(0, add)
}

/// The field that holds the Property Length.
const fn length_field(carrier: Carrier) -> Field {
    match carrier {
        Carrier::Will => Field::WillPropertyLength,
        Carrier::Packet(_) => Field::PropertyLength,
    }
}

/// The identifiers found in a block so far, and those that may follow, as sets of bits.
#[derive(Clone, Copy, Default)]
struct Seen {
    found: u64,
    allowed: u64,
    /// Those that may appear only once.
    once: u64,
}

impl Seen {
    /// Nothing was found yet in a block of `carrier` sent by `sender`.
    #[inline]
    fn nothing_in(carrier: Carrier, sender: Sender) -> Self {
        let (allowed, once) = PropertyId::allowed_in(carrier, sender);
        Self {
            found: 0,
            allowed,
            once,
        }
    }

    #[inline]
    const fn has(self, id: PropertyId) -> bool {
        self.found & 1 << id as u64 != 0
    }

    /// Adds a property.
    #[inline]
    fn add(&mut self, id: PropertyId, carrier: Carrier) -> Result<(), ErrorKind> {
        let bit = 1 << id as u64;
        if self.allowed & bit == 0 {
            return Err(self.refuse(id, carrier));
        }
        self.found |= bit;
        self.allowed &= !(bit & self.once);
        Ok(())
    }

    /// The reason why a property is not allowed.
    #[cold]
    fn refuse(self, id: PropertyId, carrier: Carrier) -> ErrorKind {
        if !id.has_carrier(carrier) {
            ErrorKind::PropertyNotAllowed
        } else if self.has(id) {
            ErrorKind::DuplicateProperty
        } else {
            ErrorKind::PropertyWrongSender
        }
    }

    /// Checks a property that is about to be written, and adds it.
    #[inline]
    fn check_item(&mut self, property: &Property<'_>, carrier: Carrier) -> Result<(), Refusal> {
        let id = property.id();
        let broken = |kind, value| Refusal::broken(kind, Field::Property(id), value);
        self.add(id, carrier)
            .map_err(|kind| broken(kind, id as u32))?;
        match property {
            Property::MaximumQoS(QoS::ExactlyOnce) => {
                Err(broken(ErrorKind::PropertyValue, id as u32))
            }
            Property::ResponseTopic(topic) if topic.as_bytes().is_empty() => {
                Err(broken(ErrorKind::EmptyTopicName, 0))
            }
            _ => Ok(()),
        }
    }

    /// Checks a complete block that is about to be written.
    #[inline]
    fn check(self, carrier: Carrier) -> Result<(), Refusal> {
        self.finish(carrier)
            .map_err(|kind| Refusal::broken(kind, length_field(carrier), 0))
    }

    /// Checks the complete block: Authentication Data needs an Authentication Method, and so does
    /// AUTH (5.0, sections 3.1.2.11.10 and 3.15.2.2.2).
    fn finish(self, carrier: Carrier) -> Result<(), ErrorKind> {
        if self.has(PropertyId::AuthenticationMethod) {
            Ok(())
        } else if carrier == Carrier::Packet(PacketType::Auth) {
            Err(ErrorKind::AuthenticationMethodMissing)
        } else if self.has(PropertyId::AuthenticationData) {
            Err(ErrorKind::AuthenticationDataWithoutMethod)
        } else {
            Ok(())
        }
    }
}
