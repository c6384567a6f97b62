//! A [`Splitter`] with a buffer.

use bytes::{Bytes, BytesMut};

use super::{HeadRef, Part, PublishHead, Splitter, StreamLimits};
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::fixed_header::FixedHeader;
use crate::frame::Frame;
use crate::rules::{OptionalRules, Waivers};

/// Splits a byte stream that arrives in pieces into whole packets and parts of PUBLISH packets.
///
/// Like [`FrameDecoder`](crate::FrameDecoder), but returns a PUBLISH above [`StreamLimits::whole`]
/// in parts: its head, then its payload as it arrives. The buffer holds at most
/// [`StreamLimits::whole`] bytes, plus those that were appended since [`Part::NeedMore`].
///
/// ```
/// use mqtt_wire::stream::{Part, StreamDecoder, StreamLimits};
/// use mqtt_wire::{Dialect, Version};
///
/// let dialect = Dialect::from_client(Version::V3_1_1);
/// let limits = StreamLimits::new(64, 1 << 20);
/// let mut decoder = StreamDecoder::new(dialect, limits);
///
/// decoder.extend(b"\x32\xc8\x01\x00\x03a/b\x00\x07"); // 200 bytes: more than 64
/// let Part::Head(head) = decoder.next_part()? else { unreachable!() };
/// assert_eq!(head.decode(dialect)?.payload_len, 193);
///
/// decoder.extend(&[b'x'; 100]);
/// assert!(matches!(decoder.next_part()?, Part::Payload { left: 93, .. }));
/// decoder.extend(&[b'x'; 93]);
/// decoder.extend(b"\xc0\x00");
/// assert!(matches!(decoder.next_part()?, Part::Payload { left: 0, .. }));
/// assert!(matches!(decoder.next_part()?, Part::Frame(_)));
/// # Ok::<(), mqtt_wire::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct StreamDecoder {
    buffer: BytesMut,
    splitter: Splitter,
}

impl StreamDecoder {
    /// A decoder for a stream in `dialect`.
    #[must_use]
    pub fn new(dialect: Dialect, limits: StreamLimits) -> Self {
        Self {
            buffer: BytesMut::new(),
            splitter: Splitter::new(dialect, limits),
        }
    }

    /// See [`Splitter::accept`].
    #[must_use]
    pub fn accept(limits: StreamLimits) -> Self {
        Self {
            buffer: BytesMut::new(),
            splitter: Splitter::accept(limits),
        }
    }

    /// See [`Splitter::with_rules`].
    #[must_use]
    pub fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        Self {
            buffer: self.buffer,
            splitter: self.splitter.with_rules(waivers, rules),
        }
    }

    /// The buffer, to append received bytes to. Bytes after the last part stay in it.
    pub const fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Appends received bytes. A decoder that has failed ignores them.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.splitter.state.check().is_ok() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// See [`Splitter::dialect`].
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        self.splitter.dialect()
    }

    /// Removes the next part from the buffer and returns it, without a copy.
    ///
    /// # Errors
    ///
    /// See [`Splitter::next_part`].
    pub fn next_part(&mut self) -> Result<Part<Frame, Head, Bytes>, DecodeError> {
        let buffer = &mut self.buffer;
        Ok(match self.splitter.next_part(&mut &buffer[..])? {
            Part::NeedMore(missing) => Part::NeedMore(missing),
            Part::Frame(frame) => {
                let (len, header) = (frame.bytes().len(), frame.header);
                Part::Frame(Frame::take(buffer, len, header))
            }
            Part::Head(HeadRef { bytes, header }) => {
                let bytes = buffer.split_to(bytes.len()).freeze();
                Part::Head(Head { bytes, header })
            }
            Part::Payload { chunk, left } => {
                let chunk = buffer.split_to(chunk.len()).freeze();
                Part::Payload { chunk, left }
            }
        })
    }
}

/// The bytes of a PUBLISH before its payload, shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Head {
    bytes: Bytes,
    header: FixedHeader,
}

impl Head {
    /// The head, borrowed.
    #[must_use]
    pub fn as_head_ref(&self) -> HeadRef<'_> {
        HeadRef::new(&self.bytes, self.header)
    }

    /// The bytes, from the first byte of the packet.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// See [`HeadRef::decode`].
    ///
    /// # Errors
    ///
    /// See [`HeadRef::decode`].
    pub fn decode(&self, dialect: Dialect) -> Result<PublishHead<'_>, DecodeError> {
        self.as_head_ref().decode(dialect)
    }
}
