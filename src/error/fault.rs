//! A broken rule on its way from the check that finds it to the error that reports it.

use nom::Offset;

use super::kind::{ErrorKind, Field};

/// A broken rule: its kind, the field at fault and the value at fault (0 where no single number
/// is). All checks make it, in parsers and in encoders; `DecodeError` and `EncodeError` add the
/// place.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) field: Field,
    pub(crate) value: u32,
}

impl Fault {
    #[inline]
    pub(crate) const fn new(kind: ErrorKind, field: Field, value: u32) -> Self {
        Self { kind, field, value }
    }
}

/// A fault in bytes: its place is the input that was left where the parser found it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultAt<'a> {
    pub(crate) fault: Fault,
    pub(crate) at: &'a [u8],
}

/// The error type of a parser. A packet is parsed with `()`, which only decides and costs nothing.
/// A packet that was refused is parsed again with [`FaultAt`], which names the rule and the place.
/// A packet that was accepted is parsed again with [`Checked`], which only finds the fields.
pub(crate) trait ParseFault<'a> {
    /// Whether texts, properties and list items were checked before, in the same dialect.
    const WAS_CHECKED: bool = false;
    /// Whether the packet was refused before, and the parser finds the reason.
    const NAMES_FAULT: bool = false;

    fn new(fault: Fault, at: &'a [u8]) -> Self;
}

/// The error type for bytes that were checked before.
#[cfg(feature = "bytes")]
pub(crate) struct Checked;

#[cfg(feature = "bytes")]
impl<'a> ParseFault<'a> for Checked {
    const WAS_CHECKED: bool = true;

    #[inline]
    fn new(_: Fault, _: &'a [u8]) -> Self {
        Self
    }
}

impl<'a> ParseFault<'a> for () {
    #[inline]
    fn new(_: Fault, _: &'a [u8]) -> Self {}
}

impl<'a> ParseFault<'a> for FaultAt<'a> {
    const NAMES_FAULT: bool = true;

    fn new(fault: Fault, at: &'a [u8]) -> Self {
        Self { fault, at }
    }
}

impl<'a> nom::error::ParseError<&'a [u8]> for FaultAt<'a> {
    fn from_error_kind(input: &'a [u8], _: nom::error::ErrorKind) -> Self {
        Self::new(TRUNCATED, input)
    }

    fn append(_: &'a [u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// The result of a parser that found `field` at fault at the beginning of `at`.
#[inline(always)]
pub(crate) fn fault<'a, T, E: ParseFault<'a>>(
    at: &'a [u8],
    kind: ErrorKind,
    field: Field,
    value: u32,
) -> Result<T, nom::Err<E>> {
    let fault = Fault::new(kind, field, value);
    Err(nom::Err::Failure(E::new(fault, at)))
}

/// The fault of a parser, and its offset in `packet`.
pub(super) fn locate(error: nom::Err<FaultAt<'_>>, packet: &[u8]) -> (Fault, usize) {
    match error {
        nom::Err::Error(found) | nom::Err::Failure(found) => (found.fault, packet.offset(found.at)),
        // our parsers are complete: they never return this
        nom::Err::Incomplete(_) => (TRUNCATED, packet.len()),
    }
}

const TRUNCATED: Fault = Fault::new(ErrorKind::Truncated, Field::Packet, 0);

/// The reason why a check of the encoder refuses a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// The packet breaks a rule.
    Broken(Fault),
    /// The version of the dialect has no bytes for the value of this field.
    NotInVersion(Field),
}

/// For an output that does not report why a packet is refused.
impl From<Refusal> for () {
    #[inline(always)]
    fn from(_: Refusal) -> Self {}
}

impl Refusal {
    #[inline]
    pub(crate) const fn broken(kind: ErrorKind, field: Field, value: u32) -> Self {
        Self::Broken(Fault::new(kind, field, value))
    }
}
