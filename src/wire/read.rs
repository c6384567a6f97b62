//! Parsers for numbers, for bytes with a length, and for text.

use super::text::BadText;
use super::varint::{self, VariableByteInteger};
use crate::error::{ErrorKind, Field, ParseFault, fault};

/// The result of a parser: the rest of the input, and the value. Parsers have the signature of
/// nom's, so they compose with nom's combinators. The primitives are not nom's, because its `take`
/// and `be_u16` are not inlined and took a fifth of the decoding time.
pub(crate) type Parsed<'a, T, E> = nom::IResult<&'a [u8], T, E>;

/// The next `N` bytes.
#[inline]
fn array<'a, E: ParseFault<'a>, const N: usize>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, [u8; N], E> {
    match input.split_first_chunk() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => truncated(input, field),
    }
}

#[inline]
pub(crate) fn byte<'a, E: ParseFault<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, u8, E> {
    let (rest, [byte]) = array(input, field)?;
    Ok((rest, byte))
}

#[inline]
pub(crate) fn two_byte_integer<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u16, E> {
    let (rest, bytes) = array(input, field)?;
    Ok((rest, u16::from_be_bytes(bytes)))
}

#[inline]
pub(crate) fn four_byte_integer<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u32, E> {
    let (rest, bytes) = array(input, field)?;
    Ok((rest, u32::from_be_bytes(bytes)))
}

/// A variable byte integer in its shortest form (5.0 MQTT-1.5.5-1).
#[inline]
pub(crate) fn variable_byte_integer<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u32, E> {
    match input.split_first() {
        Some((&value @ 0..0x80, rest)) => Ok((rest, u32::from(value))),
        _ => long_variable_byte_integer(input, field),
    }
}

#[cold]
fn long_variable_byte_integer<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, u32, E> {
    match varint::read(input) {
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

/// Bytes after a two-byte length. Errors point at the length.
#[inline]
pub(crate) fn prefixed<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, &'a [u8], E> {
    let (rest, length) = two_byte_integer(input, field)?;
    match rest.split_at_checked(usize::from(length)) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => truncated(input, field),
    }
}

/// Text after a two-byte length, if it passes `check` now or did before.
#[inline(always)]
pub(crate) fn text<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
    check: impl Fn(&[u8]) -> Result<(), BadText>,
) -> Parsed<'a, &'a [u8], E> {
    let (rest, bytes) = prefixed(input, field)?;
    if E::WAS_CHECKED {
        return Ok((rest, bytes));
    }
    match check(bytes) {
        Ok(()) => Ok((rest, bytes)),
        Err(bad) => bad.fault(bytes, field),
    }
}

#[inline(always)]
fn truncated<'a, T, E: ParseFault<'a>>(input: &'a [u8], field: Field) -> Result<T, nom::Err<E>> {
    fault(input, ErrorKind::Truncated, field, 0)
}
