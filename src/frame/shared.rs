//! Frames that own their bytes.

use core::hash::{Hash, Hasher};

use bytes::{Bytes, BytesMut};

use super::{FrameRef, Header, NextFrame};
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::packet_type::PacketType;

/// The bytes of one whole packet, shared: `'static`, `Send` and cheap to clone.
///
/// Packets borrow from it, and [`share`](Self::share) returns a part of it without a copy:
///
/// ```
/// use mqtt_wire::{Dialect, FrameDecoder, Limits, NextFrame, Packet, Version};
///
/// let dialect = Dialect::from_client(Version::V3_1_1);
/// let mut decoder = FrameDecoder::new(dialect, Limits::default());
/// decoder.extend(b"\x30\x0a\x00\x03a/bhello");
/// let NextFrame::Frame(frame) = decoder.next_frame()? else { unreachable!() };
/// let Packet::Publish(publish) = frame.decode(dialect)? else { unreachable!() };
/// let payload = frame.share(publish.payload);
/// drop(frame);
/// assert_eq!(payload, "hello");
/// # Ok::<(), mqtt_wire::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: Bytes,
    header: Header,
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Frame {}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Hash for Frame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl Frame {
    /// Removes the packet at the beginning of `buffer`, if it is complete, and returns it.
    ///
    /// # Errors
    ///
    /// See [`FrameRef::split`]. The buffer is unchanged then.
    #[inline]
    pub fn split(
        buffer: &mut BytesMut,
        dialect: Dialect,
        max_len: u32,
    ) -> Result<NextFrame<Self>, DecodeError> {
        Ok(match FrameRef::split(buffer, dialect, max_len)? {
            NextFrame::NeedMore(bytes) => NextFrame::NeedMore(bytes),
            NextFrame::Frame(FrameRef { bytes, header }) => {
                let len = bytes.len();
                NextFrame::Frame(Self::take(buffer, len, header))
            }
        })
    }

    pub(crate) const fn new(bytes: Bytes, header: Header) -> Self {
        Self { bytes, header }
    }

    #[inline(always)]
    pub(crate) fn into_parts(self) -> (Bytes, Header) {
        (self.bytes, self.header)
    }

    #[inline]
    pub(crate) fn take(buffer: &mut BytesMut, len: usize, header: Header) -> Self {
        Self {
            bytes: buffer.split_to(len).freeze(),
            header,
        }
    }

    /// The frame, borrowed.
    #[must_use]
    #[inline]
    pub fn as_frame_ref(&self) -> FrameRef<'_> {
        FrameRef {
            bytes: &self.bytes,
            header: self.header,
        }
    }

    /// The bytes of the whole packet.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Shares a part of the frame that a packet borrowed from it, for example its payload. Copies
    /// bytes that are not part of the frame.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Bytes {
        share(&self.bytes, part)
    }

    /// See [`FrameRef::packet_type`].
    #[must_use]
    pub fn packet_type(&self) -> PacketType {
        self.as_frame_ref().packet_type()
    }
}

/// A part of `bytes`; a copy of a part that is elsewhere.
pub(crate) fn share(bytes: &Bytes, part: &[u8]) -> Bytes {
    let whole = bytes.as_ptr_range();
    let inside = part.as_ptr_range();
    if whole.start <= inside.start && inside.end <= whole.end {
        bytes.slice_ref(part)
    } else {
        Bytes::copy_from_slice(part)
    }
}
