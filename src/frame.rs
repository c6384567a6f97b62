//! Framing: finds where a packet ends. It reads only the fixed header, and the version in the first
//! packet of a Client.

#[cfg(feature = "bytes")]
mod decoder;
#[cfg(feature = "bytes")]
mod shared;
mod stream_state;

use core::num::NonZeroUsize;

#[cfg(feature = "tokio")]
pub(crate) use self::decoder::Framing;
#[cfg(feature = "bytes")]
pub use self::decoder::{FrameDecoder, Limits};
#[cfg(feature = "bytes")]
pub use self::shared::Frame;
#[cfg(feature = "bytes")]
pub(crate) use self::shared::share;
pub(crate) use self::stream_state::StreamState;
use crate::dialect::{Dialect, Version};
use crate::error::{DecodeError, ErrorKind, Fault, Field};
use crate::fixed_header::{self, FixedHeader};
use crate::packet_type::PacketType;
use crate::protocol;
use crate::rules::Waivers;
use crate::wire::varint::{self, VariableByteInteger};

/// The result of framing.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NextFrame<F> {
    /// The packet is not complete. At least this many bytes are missing. The number is exact once
    /// the Remaining Length is known; before that it counts the bytes up to its next byte. A caller
    /// that reads exactly this many bytes each time has a whole packet after at most five calls.
    NeedMore(NonZeroUsize),
    /// A whole packet.
    Frame(F),
}

/// The bytes of one whole packet, borrowed.
///
/// ```
/// use mqtt_wire::{Dialect, FrameRef, NextFrame, Packet, Version};
///
/// let dialect = Dialect::from_client(Version::V3_1_1);
/// let mut input: &[u8] = b"\xc0\x00\xe0\x00\x30"; // PINGREQ, DISCONNECT, the start of a PUBLISH
/// let mut packets = Vec::new();
/// while let NextFrame::Frame(frame) = FrameRef::split(input, dialect, 1024)? {
///     packets.push(frame.decode(dialect)?);
///     input = &input[frame.bytes().len()..];
/// }
/// assert!(matches!(packets[..], [Packet::PingReq, Packet::Disconnect(_)]));
/// assert_eq!(input, b"\x30");
/// # Ok::<(), mqtt_wire::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FrameRef<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) header: Header,
}

/// The part of the fixed header that framing keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    len: u8,
    packet_type: PacketType,
    /// The mark of the dialect in which the fixed header was checked.
    checked_in: u8,
}

impl PartialEq for FrameRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for FrameRef<'_> {}

impl<'a> FrameRef<'a> {
    /// Finds the packet at the beginning of `bytes`, a stream in `dialect`.
    ///
    /// `max_len` limits the whole packet in bytes, fixed header included, as Maximum Packet Size
    /// does (5.0, section 3.1.2.11.4).
    ///
    /// # Errors
    ///
    /// Reported as early as possible: at the first byte for a packet type or flags that the dialect
    /// does not have, and at the last byte of the Remaining Length if that is too long, not in its
    /// shortest form, above the limit, or impossible for this packet type.
    #[inline]
    pub fn split(
        bytes: &'a [u8],
        dialect: Dialect,
        max_len: u32,
    ) -> Result<NextFrame<Self>, DecodeError> {
        Self::peek(bytes, Some(dialect), max_len)
    }

    /// Finds the first packet of a Client, a CONNECT, before the version is known.
    ///
    /// # Errors
    ///
    /// As for [`split`](Self::split), and at the first byte for any packet other than CONNECT.
    #[inline]
    pub fn split_connect(bytes: &'a [u8], max_len: u32) -> Result<NextFrame<Self>, DecodeError> {
        Self::peek(bytes, None, max_len)
    }

    /// The bytes of the whole packet.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of the packet after its fixed header.
    #[must_use]
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.bytes
            .get(usize::from(self.header.len)..)
            .unwrap_or_default()
    }

    /// The type of the packet: bits 7 to 4 of the first byte.
    #[must_use]
    #[inline]
    pub const fn packet_type(&self) -> PacketType {
        self.header.packet_type
    }

    /// Finds the packet at the beginning of `bytes`. Without a dialect, it must be a CONNECT.
    #[inline(always)] // otherwise it returns its result in memory, which takes twice as long as decoding
    pub(crate) fn peek(
        bytes: &'a [u8],
        dialect: Option<Dialect>,
        max_len: u32,
    ) -> Result<NextFrame<Self>, DecodeError> {
        let Some((&first_byte, after)) = bytes.split_first() else {
            return Ok(need_more(2));
        };
        let packet_type = check_first_byte(first_byte, dialect)?;
        let refused = |fault| Err(DecodeError::new(fault, 1, Some(packet_type), dialect));
        let field = Field::RemainingLength;
        let (remaining_length, length_len, is_shortest) = match varint::read(after) {
            VariableByteInteger::Whole {
                value,
                length,
                is_shortest,
            } => (value, length, is_shortest),
            VariableByteInteger::Unfinished => return Ok(need_more(1)),
            VariableByteInteger::TooLong => {
                return refused(Fault::new(ErrorKind::VariableByteIntegerTooLong, field, 0));
            }
        };
        if let Some(dialect) = dialect {
            if let Err(fault) = fixed_header::check_remaining_length(
                first_byte,
                remaining_length,
                is_shortest,
                dialect,
            ) {
                return refused(fault);
            }
        }
        let header = Header {
            len: 1 + length_len as u8,
            packet_type,
            checked_in: dialect.map_or(Dialect::NO_MARK, Dialect::mark),
        };
        let len = 1 + length_len as u32 + remaining_length;
        if len > max_len {
            return refused(Fault::new(
                ErrorKind::PacketTooLarge,
                field,
                remaining_length,
            ));
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        match bytes.get(..len) {
            Some(bytes) => Ok(NextFrame::Frame(Self { bytes, header })),
            None => Ok(need_more(len - bytes.len())),
        }
    }

    #[inline]
    pub(crate) fn first_byte(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// The fixed header.
    pub(crate) fn fixed_header(&self) -> FixedHeader {
        FixedHeader {
            first_byte: self.first_byte(),
            len: self.header.len,
            remaining_length: self.body().len() as u32,
        }
    }

    /// Whether the fixed header was checked in this dialect; always false for a dialect that waives
    /// or adds rules.
    #[inline]
    pub(crate) const fn is_checked_in(&self, dialect: Dialect) -> bool {
        dialect.has_mark(self.header.checked_in)
    }

    /// The version in a CONNECT.
    pub(crate) fn connect_version(&self, waivers: Waivers) -> Result<Version, DecodeError> {
        check_first_byte(self.first_byte(), None)?;
        match protocol::parse_version(self.body(), waivers) {
            Ok((_, version)) => Ok(version),
            Err(fault) => Err(DecodeError::in_packet(
                fault,
                self.bytes,
                PacketType::Connect,
                None,
            )),
        }
    }
}

/// Checks the first byte. Without a dialect, it must be that of a CONNECT.
#[inline]
fn check_first_byte(first_byte: u8, dialect: Option<Dialect>) -> Result<PacketType, DecodeError> {
    let packet_type = PacketType::from_nibble(first_byte >> 4);
    let checked = match (dialect, packet_type) {
        (Some(dialect), _) => fixed_header::check_first_byte(first_byte, dialect),
        (None, Some(PacketType::Connect)) => Ok(PacketType::Connect),
        (None, packet_type) => {
            let kind = match packet_type {
                Some(_) => ErrorKind::FirstPacketNotConnect,
                None => ErrorKind::ReservedPacketType,
            };
            Err(Fault::new(kind, Field::PacketType, u32::from(first_byte)))
        }
    };
    checked.map_err(|fault| DecodeError::new(fault, 0, packet_type, dialect))
}

#[inline]
fn need_more<F>(bytes: usize) -> NextFrame<F> {
    NextFrame::NeedMore(NonZeroUsize::new(bytes).unwrap_or(NonZeroUsize::MIN))
}
