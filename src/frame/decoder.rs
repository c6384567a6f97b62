//! Framing over a buffer that grows.

use core::mem;
#[cfg(feature = "tokio")]
use core::num::NonZeroUsize;

use bytes::{Buf, BytesMut};

use super::{Frame, FrameRef, NextFrame, StreamState};
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::rules::{OptionalRules, Waivers};

/// Size limits for packets, in bytes, fixed header included.
///
/// ```
/// use mqtt_wire::Limits;
///
/// let limits = Limits::default().with_packet(64 << 10);
/// assert_eq!((limits.packet, limits.first_packet), (64 << 10, 64 << 10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "max_packet_size")]
pub struct Limits {
    /// The limit for all packets; 1 MiB by default. In 5.0 this is the Maximum Packet Size to
    /// announce.
    pub packet: u32,
    /// The limit for the CONNECT while its version is not known; 64 KiB by default.
    pub first_packet: u32,
}

impl Limits {
    /// 1 MiB for all packets, 64 KiB for the CONNECT.
    pub const DEFAULT: Self = Self {
        packet: 1 << 20,
        first_packet: 64 << 10,
    };

    /// The same limits with this one for all packets.
    #[must_use]
    pub const fn with_packet(self, packet: u32) -> Self {
        Self { packet, ..self }
    }

    /// The same limits with this one for the CONNECT while its version is not known.
    #[must_use]
    pub const fn with_first_packet(self, first_packet: u32) -> Self {
        Self {
            first_packet,
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Splits a byte stream that arrives in pieces into frames.
///
/// Append bytes with [`buffer_mut`](Self::buffer_mut) or [`extend`](Self::extend), in pieces of any size.
/// [`next_packet`](Self::next_packet) lends packets, one at a time; [`next_frame`](Self::next_frame)
/// returns frames, which you can keep. `read_packet` (feature `std`) reads from a `std::io::Read` and
/// lends packets. The buffer grows only as bytes arrive, never because of a length that the peer
/// announced. After an error the decoder stays failed, and the bytes after the last good packet are
/// still in its buffer.
///
/// ```
/// use mqtt_wire::{FrameDecoder, Limits, NextFrame, Packet, Version};
///
/// let mut decoder = FrameDecoder::accept(Limits::default());
/// decoder.extend(b"\x10\x0d\x00\x04MQTT\x04\x02\x00");
/// assert_eq!(decoder.next_packet()?, None);
///
/// decoder.extend(b"\x3c\x00\x01p\x30\x04\x00\x01ta\x30\x04\x00\x01tb");
/// assert!(matches!(decoder.next_packet()?, Some(Packet::Connect(_))));
/// let dialect = decoder.dialect().unwrap(); // known since the CONNECT
/// assert_eq!(dialect.version(), Version::V3_1_1);
///
/// let Some(Packet::Publish(publish)) = decoder.next_packet()? else { unreachable!() };
/// assert_eq!(publish.payload, b"a");
///
/// // a packet to keep
/// let NextFrame::Frame(frame) = decoder.next_frame()? else { unreachable!() };
/// let Packet::Publish(publish) = frame.decode(dialect)? else { unreachable!() };
/// assert_eq!(publish.payload, b"b");
/// # Ok::<(), mqtt_wire::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameDecoder {
    buffer: BytesMut,
    /// The length of the packets at the beginning of the buffer that were lent.
    lent: usize,
    framing: Framing,
}

impl FrameDecoder {
    /// A decoder for a stream in `dialect`.
    #[must_use]
    pub fn new(dialect: Dialect, limits: Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            lent: 0,
            framing: Framing::new(dialect, limits),
        }
    }

    /// A decoder for a connection that a Server accepts: it waits for a CONNECT and learns the
    /// version from it.
    #[must_use]
    pub fn accept(limits: Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            lent: 0,
            framing: Framing::accept(limits),
        }
    }

    /// The same decoder with these rules waived and added, also in the dialect that a decoder from
    /// [`accept`](Self::accept) learns.
    #[must_use]
    pub fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        Self {
            framing: self.framing.with_rules(waivers, rules),
            ..self
        }
    }

    /// The buffer, to append received bytes to. Bytes after the last frame stay in it.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        self.remove_lent();
        &mut self.buffer
    }

    /// Appends received bytes. A decoder that has failed ignores them.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.framing.state.check().is_ok() {
            self.buffer_mut().extend_from_slice(bytes);
        }
    }

    /// The dialect of the stream; `None` before a decoder from [`accept`](Self::accept) has
    /// returned the CONNECT.
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        self.framing.dialect()
    }

    /// Removes the next frame from the buffer, if it is complete, and returns it.
    ///
    /// # Errors
    ///
    /// See [`FrameRef::split`](crate::FrameRef::split). A decoder that waits for a CONNECT also
    /// returns an error for an unsupported Protocol Name or Protocol Level. After an error, all
    /// later calls return the same error.
    #[inline]
    pub fn next_frame(&mut self) -> Result<NextFrame<Frame>, DecodeError> {
        self.remove_lent();
        self.framing.take_frame(&mut self.buffer)
    }

    /// Whether the next frame is complete, or how many bytes are missing. Does not learn the version.
    #[cfg(feature = "std")]
    pub(crate) fn find_next(&mut self) -> Result<NextFrame<()>, DecodeError> {
        self.framing.state.check()?;
        let bytes = self.buffer.get(self.lent..).unwrap_or_default();
        let found = FrameRef::peek(bytes, self.dialect(), self.framing.limit());
        match found.inspect_err(|error| self.framing.state.fail(error))? {
            NextFrame::Frame(_) => Ok(NextFrame::Frame(())),
            NextFrame::NeedMore(missing) => Ok(NextFrame::NeedMore(missing)),
        }
    }

    /// Lends the next frame, if it is complete, to `read`. It is removed from the buffer unless
    /// `read` fails. An error of `read` is recorded like those of framing.
    #[inline(always)] // otherwise the packet is copied
    pub(crate) fn lend_frame<'a, T>(
        &'a mut self,
        read: impl FnOnce(FrameRef<'a>, Dialect) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        let Framing { state, limits } = &mut self.framing;
        let bytes = self.buffer.get(self.lent..).unwrap_or_default();
        let (frame, dialect) = match state.running() {
            Some(dialect) => match FrameRef::peek(bytes, Some(dialect), limits.packet) {
                Ok(NextFrame::Frame(frame)) => (frame, dialect),
                Ok(NextFrame::NeedMore(_)) => return Ok(None),
                Err(error) => {
                    state.fail(&error);
                    return Err(error);
                }
            },
            None => match (
                state.first_frame(bytes, limits.first_packet)?,
                state.dialect(),
            ) {
                (NextFrame::Frame(frame), Some(dialect)) => (frame, dialect),
                _ => return Ok(None),
            },
        };
        match read(frame, dialect) {
            Ok(value) => {
                self.lent += frame.bytes.len();
                Ok(Some(value))
            }
            Err(error) => {
                state.fail(&error);
                Err(error)
            }
        }
    }

    /// Removes the packets that were lent from the buffer, and returns the last one.
    pub(crate) fn take_lent(&mut self, dialect: Dialect) -> Option<Frame> {
        let lent = self.buffer.split_to(mem::take(&mut self.lent)).freeze();
        let (mut rest, mut last) = (&lent[..], None);
        while let Ok(NextFrame::Frame(frame)) = FrameRef::peek(rest, Some(dialect), u32::MAX) {
            rest = rest.get(frame.bytes.len()..).unwrap_or_default();
            last = Some(frame);
        }
        let FrameRef { bytes, header } = last?;
        Some(Frame::new(lent.slice_ref(bytes), header))
    }

    #[inline]
    fn remove_lent(&mut self) {
        if self.lent != 0 {
            self.buffer.advance(mem::take(&mut self.lent));
        }
    }
}

/// The framing of a stream whose bytes are in a buffer of the caller.
#[derive(Debug, Clone)]
pub(crate) struct Framing {
    state: StreamState,
    limits: Limits,
}

impl Framing {
    pub(crate) const fn new(dialect: Dialect, limits: Limits) -> Self {
        Self {
            state: StreamState::new(dialect),
            limits,
        }
    }

    pub(crate) const fn accept(limits: Limits) -> Self {
        Self {
            state: StreamState::accept(),
            limits,
        }
    }

    pub(crate) fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        Self {
            state: self.state.with_rules(waivers, rules),
            ..self
        }
    }

    #[inline]
    pub(crate) const fn dialect(&self) -> Option<Dialect> {
        self.state.dialect()
    }

    /// Removes the next frame from `buffer`, if it is complete.
    #[inline(always)]
    pub(crate) fn take_frame(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<NextFrame<Frame>, DecodeError> {
        let limit = self.limit();
        Ok(match self.state.next_frame(buffer, limit)? {
            NextFrame::NeedMore(missing) => NextFrame::NeedMore(missing),
            NextFrame::Frame(frame) => {
                let (len, header) = (frame.bytes.len(), frame.header);
                NextFrame::Frame(Frame::take(buffer, len, header))
            }
        })
    }

    /// [`take_frame`](Self::take_frame) of a packet that passes `check`. A packet that does not pass
    /// stays in the buffer.
    #[cfg(feature = "tokio")]
    #[inline(always)]
    pub(crate) fn take_checked(
        &mut self,
        buffer: &mut BytesMut,
        check: impl FnOnce(&FrameRef<'_>, Dialect) -> Result<(), DecodeError>,
    ) -> Result<NextFrame<(Frame, Dialect)>, DecodeError> {
        let limit = self.limit();
        let frame = match self.state.next_frame(buffer, limit)? {
            NextFrame::NeedMore(missing) => return Ok(NextFrame::NeedMore(missing)),
            NextFrame::Frame(frame) => frame,
        };
        let Some(dialect) = self.state.dialect() else {
            return Ok(NextFrame::NeedMore(NonZeroUsize::MIN)); // never: a frame has a dialect
        };
        check(&frame, dialect).inspect_err(|error| self.state.fail(error))?;
        let (len, header) = (frame.bytes.len(), frame.header);
        Ok(NextFrame::Frame((
            Frame::take(buffer, len, header),
            dialect,
        )))
    }

    #[inline]
    const fn limit(&self) -> u32 {
        match self.state.dialect() {
            Some(_) => self.limits.packet,
            None => self.limits.first_packet,
        }
    }
}
