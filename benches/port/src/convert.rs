//! The public types of `rumqttc`, read and written by `mqtt-wire`: the code to copy into a port.
//!
//! [`v4::read`] and [`v5::read`] replace `Packet::read`, and `write` replaces `Packet::write`. The
//! results are equal, but packets that break a rule of the standard are errors.

#[cfg(test)]
mod tests;
pub mod v4;
pub mod v5;

use std::fmt;

use bytes::BytesMut;
use mqtt_wire::{BinaryData, DecodeError, Dialect, EncodeError, ErrorKind, PacketId, ReasonCode};
use smallvec::SmallVec;

/// The reason why a packet was not read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The peer broke a rule. [`DecodeError::answer`] has the bytes to send.
    Decode(DecodeError),
    /// The packet to write breaks a rule.
    Encode(EncodeError),
    /// One of the two has no type or value for this.
    NoCounterpart,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::NoCounterpart => f.write_str("the packet cannot be converted"),
        }
    }
}

impl std::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::Encode(kind.into())
    }
}

fn packet_id(number: u16) -> Result<PacketId, Error> {
    PacketId::new(number).ok_or_else(|| ErrorKind::PacketIdZero.into())
}

/// `rumqttc` has passwords of text alone.
fn password(password: BinaryData<'_>) -> Result<String, Error> {
    String::from_utf8(password.as_bytes().to_vec()).map_err(|_| Error::NoCounterpart)
}

/// Counts the items before it collects them, so that the list allocates once.
fn collect<T, U>(
    items: impl Iterator<Item = T> + Clone,
    convert: impl Fn(T) -> Result<U, Error>,
) -> Result<Vec<U>, Error> {
    let mut list = Vec::with_capacity(items.clone().count());
    for item in items {
        list.push(convert(item)?);
    }
    Ok(list)
}

/// Room for this many codes, on the stack unless there are many.
fn reason_codes(count: usize) -> SmallVec<[ReasonCode; 32]> {
    SmallVec::from_elem(ReasonCode::Success, count)
}

/// Removes the packet that was appended last if it is too long.
fn limit(
    len: usize,
    max_len: u32,
    dialect: Dialect,
    buffer: &mut BytesMut,
) -> Result<usize, Error> {
    if len <= max_len as usize {
        return Ok(len);
    }
    buffer.truncate(buffer.len() - len);
    let needed = len as u32; // below 2^28
    Err(Error::Encode(EncodeError::TooLarge {
        needed,
        max: max_len,
        dialect,
    }))
}
