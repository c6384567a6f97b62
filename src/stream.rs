//! PUBLISH in parts: the head first, then the payload in chunks of any size.
//!
//! The payload is usually the largest part of a packet. [`Splitter`] splits a byte stream into
//! whole packets as framing does, but returns a large PUBLISH in parts: its head once that is
//! complete, then its payload as it arrives. So no buffer needs to be larger than
//! [`StreamLimits::whole`]. `StreamDecoder` does the same and has a buffer (feature `bytes`).
//!
//! A head decodes to a [`PublishHead`]. To send a payload without copying it, encode a
//! [`PublishHead`] and write the payload after it. A [`Payload`] counts the bytes of a payload.
//!
//! ```
//! use mqtt_wire::stream::{Part, Splitter, StreamLimits};
//! use mqtt_wire::{Dialect, Version};
//!
//! let dialect = Dialect::from_client(Version::V5);
//! let limits = StreamLimits::new(16, 1 << 20);
//! let mut splitter = Splitter::new(dialect, limits);
//!
//! // QoS 0, Remaining Length 20, topic "a/b", no properties, the first 5 of 14 bytes
//! let mut input: &[u8] = b"\x30\x14\x00\x03a/b\x00hello";
//! let Part::Head(head) = splitter.next_part(&mut input)? else { unreachable!() };
//! let head = head.decode(dialect)?;
//! assert_eq!((head.topic_name.unwrap().as_str(), head.payload_len), ("a/b", 14));
//! let Part::Payload { chunk, left } = splitter.next_part(&mut input)? else { unreachable!() };
//! assert_eq!((chunk, left), (&b"hello"[..], 9));
//! # Ok::<(), mqtt_wire::DecodeError>(())
//! ```
//!
//! Waivers and optional rules apply as they do to whole packets. Two waivers concern PUBLISH:
//! [`Waivers::PACKET_ID_ZERO`] and [`Waivers::REMAINING_LENGTH_NOT_SHORTEST`]. This crate does not
//! check payloads: if Payload Format Indicator marks a payload as UTF-8 text, the receiver may
//! check that (5.0, section 3.3.2.3.2).

#[cfg(feature = "bytes")]
mod decoder;

use core::num::NonZeroUsize;

#[cfg(feature = "bytes")]
pub use self::decoder::{Head, StreamDecoder};

use crate::data::QoS;
use crate::dialect::Dialect;
use crate::error::{DecodeError, EncodeError, ErrorKind, Fault, FaultAt, Field};
use crate::fixed_header::{FirstByte, FixedHeader};
use crate::frame::{FrameRef, NextFrame, StreamState};
use crate::lenient;
use crate::packet::{self, DecodeBody, Delivery, Packet, Publish};
use crate::packet_type::PacketType;
use crate::property::Properties;
use crate::rules::{OptionalRules, Waivers};
use crate::topic::TopicName;
use crate::wire::varint::{self, VariableByteInteger};

/// Size limits for packets and heads, in bytes, fixed header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StreamLimits {
    /// The limit for packets that are returned whole, and for the head of a PUBLISH in parts. A
    /// buffer of this size is enough, if it has room for a fixed header of five bytes.
    pub whole: u32,
    /// The limit for a PUBLISH, payload included. One of at most `whole` bytes is returned whole,
    /// a larger one in parts. In 5.0 this is the Maximum Packet Size to announce (MQTT-3.1.2-24,
    /// MQTT-3.2.2-15).
    pub publish: u32,
}

impl StreamLimits {
    /// Limits for packets that are returned whole, and for a PUBLISH in parts.
    #[must_use]
    pub const fn new(whole: u32, publish: u32) -> Self {
        Self { whole, publish }
    }
}

/// The next part of a stream: a whole packet `F`, a head `H`, or a chunk of payload `C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part<F, H, C> {
    /// The next part is not complete. At least this many bytes are missing; in a payload, 1.
    NeedMore(NonZeroUsize),
    /// A whole packet: any packet except a PUBLISH above [`StreamLimits::whole`] bytes.
    Frame(F),
    /// The head of a larger PUBLISH. Its payload follows.
    Head(H),
    /// Bytes of the payload, at least one.
    Payload {
        /// The bytes.
        chunk: C,
        /// The number of payload bytes after this chunk; 0 for the last chunk.
        left: u32,
    },
}

/// A part of a stream, borrowed.
pub type PartRef<'a> = Part<FrameRef<'a>, HeadRef<'a>, &'a [u8]>;

/// Splits a byte stream into whole packets and parts of PUBLISH packets, without a buffer: the
/// caller keeps the bytes that it does not consume.
///
/// The result does not depend on where the stream was cut, except for the size of the chunks. An
/// error has the same kind and offset as an error from decoding the whole packet. A head is checked
/// in steps: when the Topic Name, the Packet Identifier, and all properties are complete.
#[derive(Debug)]
pub struct Splitter {
    state: StreamState,
    limits: StreamLimits,
    /// Bytes of the payload that have not arrived yet.
    payload: Payload,
    /// An incomplete head is parsed again once this many bytes have arrived.
    wanted: usize,
}

impl Splitter {
    /// A splitter for a stream in `dialect`.
    #[must_use]
    pub const fn new(dialect: Dialect, limits: StreamLimits) -> Self {
        Self::with_state(StreamState::new(dialect), limits)
    }

    /// A splitter for a connection that a Server accepts: it waits for a CONNECT and learns the
    /// version from it.
    #[must_use]
    pub const fn accept(limits: StreamLimits) -> Self {
        Self::with_state(StreamState::accept(), limits)
    }

    const fn with_state(state: StreamState, limits: StreamLimits) -> Self {
        Self {
            state,
            limits,
            payload: Payload::new(0),
            wanted: 0,
        }
    }

    /// The same splitter with these rules waived and added, also in the dialect that a splitter
    /// from [`accept`](Self::accept) learns.
    #[must_use]
    pub fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        Self {
            state: self.state.with_rules(waivers, rules),
            ..self
        }
    }

    /// The dialect of the stream; `None` before [`accept`](Self::accept) has returned its first
    /// packet.
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        self.state.dialect()
    }

    /// Returns the next part, and advances `input` past it. After [`Part::NeedMore`], call it again
    /// with the same bytes and more after them.
    ///
    /// # Errors
    ///
    /// See [`FrameRef::split`]; for a CONNECT whose version is not known, also an unsupported
    /// Protocol Name or Protocol Level; for the head of a PUBLISH, also the first rule that its
    /// bytes break, and [`ErrorKind::HeadTooLarge`] if it is above [`StreamLimits::whole`]. After
    /// an error, all later calls return the same error.
    #[inline]
    pub fn next_part<'a>(&mut self, input: &mut &'a [u8]) -> Result<PartRef<'a>, DecodeError> {
        self.state.check()?;
        if let Some(missing) = missing(self.wanted, input) {
            return Ok(Part::NeedMore(missing));
        }
        self.wanted = 0;
        let part = if self.payload.is_complete() {
            self.take_packet(input)
        } else {
            Ok(self.take_chunk(input))
        };
        part.inspect_err(|error| self.state.fail(error))
    }

    fn take_chunk<'a>(&mut self, input: &mut &'a [u8]) -> PartRef<'a> {
        let (chunk, rest) = self.payload.split(input);
        *input = rest;
        match chunk {
            [] => Part::NeedMore(NonZeroUsize::MIN),
            _ => Part::Payload {
                chunk,
                left: self.payload.left(),
            },
        }
    }

    fn take_packet<'a>(&mut self, input: &mut &'a [u8]) -> Result<PartRef<'a>, DecodeError> {
        let bytes = *input;
        let is_publish = |first_byte: &u8| first_byte >> 4 == PacketType::Publish as u8;
        let dialect = self.state.dialect();
        let limit = match (dialect, bytes.first()) {
            (Some(_), Some(first_byte)) if is_publish(first_byte) => self.limits.publish,
            _ => self.limits.whole,
        };
        let framed = self.state.find_frame(bytes, limit)?;
        if let (Some(dialect), Some(header)) = (dialect, FixedHeader::read(bytes)) {
            if header.packet_len() > self.limits.whole as usize {
                return self.take_head(header, dialect, input);
            }
        }
        Ok(match framed {
            NextFrame::NeedMore(missing) => Part::NeedMore(missing),
            NextFrame::Frame(frame) => {
                *input = bytes.get(frame.bytes().len()..).unwrap_or_default();
                Part::Frame(frame)
            }
        })
    }

    /// Takes the head of a PUBLISH whose fixed header was checked.
    fn take_head<'a>(
        &mut self,
        header: FixedHeader,
        dialect: Dialect,
        input: &mut &'a [u8],
    ) -> Result<PartRef<'a>, DecodeError> {
        let bytes = *input;
        // bytes beyond the limit are ignored, however many have arrived
        let limit = (self.limits.whole as usize).max(header.len.into());
        let visible = bytes.get(..limit).unwrap_or(bytes);
        let next = NextField::find(visible, header, dialect);
        let is_inside = next.end <= header.packet_len();
        let is_too_large = is_inside && next.end > limit;
        let end = if is_too_large { next.known } else { next.end };
        let head = HeadRef::new(visible.get(..end).unwrap_or(visible), header);
        let error = match head.decode(dialect) {
            Ok(publish) => {
                self.payload = publish.payload();
                *input = bytes.get(end..).unwrap_or_default();
                return Ok(Part::Head(head));
            }
            Err(error) => error,
        };
        // a short field that ends inside the packet may not have arrived yet
        match missing(next.end, bytes) {
            _ if !error.kind().is_short() || !is_inside => Err(error),
            _ if is_too_large => Err(next.too_large(dialect)),
            Some(missing) => {
                self.wanted = next.end;
                Ok(Part::NeedMore(missing))
            }
            None => Err(error),
        }
    }
}

/// The number of bytes that are missing in `bytes` up to `end`.
#[inline]
fn missing(end: usize, bytes: &[u8]) -> Option<NonZeroUsize> {
    NonZeroUsize::new(end.saturating_sub(bytes.len()))
}

/// The first incomplete field of a head, or its last field. All values are offsets in the packet.
struct NextField {
    field: Field,
    /// Where the field begins.
    at: usize,
    /// The end of the bytes that give its length.
    known: usize,
    end: usize,
}

impl NextField {
    /// Walks over the fields in `bytes`. Does not check their lengths.
    fn find(bytes: &[u8], header: FixedHeader, dialect: Dialect) -> Self {
        let next = |field, at, known, length: usize| Self {
            field,
            at,
            known,
            end: known.saturating_add(length),
        };
        let at = usize::from(header.len);
        let after = |at| bytes.get(at..).unwrap_or_default();
        let Some(&length) = after(at).first_chunk() else {
            return next(Field::TopicName, at, at, 2);
        };
        let length = u16::from_be_bytes(length).into();
        let mut last = next(Field::TopicName, at, at + 2, length);
        if last.end > bytes.len() {
            return last;
        }
        if !matches!(
            QoS::from_bits(header.first_byte >> 1),
            Some(QoS::AtMostOnce)
        ) {
            last = next(Field::PacketId, last.end, last.end, 2);
            if last.end > bytes.len() {
                return last;
            }
        }
        if dialect.is_v5() {
            let (field, at) = (Field::PropertyLength, last.end);
            last = match varint::read(after(at)) {
                VariableByteInteger::Whole { value, length, .. } => {
                    next(field, at, at + length, value as usize)
                }
                VariableByteInteger::Unfinished => next(field, at, bytes.len(), 1),
                VariableByteInteger::TooLong => next(field, at, at + 4, 0),
            };
        }
        last
    }

    #[cold]
    fn too_large(&self, dialect: Dialect) -> DecodeError {
        let end = u32::try_from(self.end).unwrap_or(u32::MAX);
        let fault = Fault::new(ErrorKind::HeadTooLarge, self.field, end);
        DecodeError::new(fault, self.at, Some(PacketType::Publish), Some(dialect))
    }
}

/// The bytes of a PUBLISH before its payload, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadRef<'a> {
    bytes: &'a [u8],
    header: FixedHeader,
}

impl<'a> HeadRef<'a> {
    const fn new(bytes: &'a [u8], header: FixedHeader) -> Self {
        Self { bytes, header }
    }

    /// The bytes, from the first byte of the packet.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Decodes the head.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break. There is none in the dialect of the [`Splitter`], which
    /// has checked the head.
    pub fn decode(&self, dialect: Dialect) -> Result<PublishHead<'a>, DecodeError> {
        self.decode_waiving(dialect, |_| {})
    }

    /// Decodes the head, and reports each broken rule that the dialect waives.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Self::decode).
    pub fn decode_waiving(
        &self,
        dialect: Dialect,
        report: impl FnMut(DecodeError),
    ) -> Result<PublishHead<'a>, DecodeError> {
        let header = self.header;
        let body = self
            .bytes
            .get(usize::from(header.len)..)
            .unwrap_or_default();
        let publish = lenient::decode_with_waivers(dialect, report, |dialect| {
            header.check(dialect)?;
            let first_byte = FirstByte {
                packet_type: PacketType::Publish,
                flags: header.first_byte & 0x0f,
            };
            match Publish::parse::<FaultAt<'a>>(first_byte, body, dialect) {
                Ok((_, publish)) => Ok(publish),
                Err(error) => {
                    let (packet_type, dialect) = (PacketType::Publish, Some(dialect));
                    Err(DecodeError::in_packet(
                        error,
                        self.bytes,
                        packet_type,
                        dialect,
                    ))
                }
            }
        })?;
        lenient::check_optional_rules(&Packet::Publish(publish), self.bytes, dialect)?;
        Ok(PublishHead {
            payload_len: header.remaining_length.saturating_sub(body.len() as u32),
            ..PublishHead::from(publish)
        })
    }
}

/// A PUBLISH without the bytes of its payload: the first part of a large PUBLISH that is received
/// or sent in parts.
///
/// ```
/// use std::io::{IoSlice, Write};
/// use mqtt_wire::stream::PublishHead;
/// use mqtt_wire::{Dialect, TopicName, Version};
///
/// let payload = vec![b'x'; 65_536]; // or an `Arc<[u8]>`, or `Bytes`, or a file
/// let head = PublishHead::new(TopicName::new("a/b")?, 65_536);
/// let mut buffer = [0; 64];
/// let length = head.encode_to_slice(Dialect::from_client(Version::V3_1_1), &mut buffer)?;
/// assert_eq!(&buffer[..length], b"\x30\x85\x80\x04\x00\x03a/b");
///
/// let mut socket = Vec::new();
/// let parts = [IoSlice::new(&buffer[..length]), IoSlice::new(&payload)];
/// assert_eq!(socket.write_vectored(&parts)?, length + 65_536);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PublishHead<'a> {
    /// See [`Publish::delivery`].
    pub delivery: Delivery,
    /// See [`Publish::retain`].
    pub retain: bool,
    /// See [`Publish::topic_name`].
    pub topic_name: Option<TopicName<'a>>,
    /// See [`Publish::properties`].
    pub properties: Properties<'a>,
    /// The length of the payload in bytes. Exactly this many must follow the head.
    pub payload_len: u32,
}

impl<'a> PublishHead<'a> {
    /// The head of a message with QoS 0 that is not retained.
    #[must_use]
    pub const fn new(topic_name: TopicName<'a>, payload_len: u32) -> Self {
        Self {
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic_name: Some(topic_name),
            properties: Properties::EMPTY,
            payload_len,
        }
    }

    /// A counter for the bytes of the payload.
    pub const fn payload(&self) -> Payload {
        Payload::new(self.payload_len)
    }

    /// The length of the whole packet in bytes, payload included, which Maximum Packet Size limits.
    ///
    /// # Errors
    ///
    /// As for [`encode_to_slice`](Self::encode_to_slice), except [`EncodeError::BufferTooSmall`].
    pub fn encoded_len(&self, dialect: Dialect) -> Result<usize, EncodeError> {
        let publish = self.without_payload();
        let head = self.body(&publish);
        Ok(packet::measure(&head, PacketType::Publish, dialect.plain())?.packet_len())
    }

    /// Writes the head to the beginning of `buffer` and returns the length of the head in bytes.
    /// Exactly `payload_len` bytes of payload must follow.
    ///
    /// # Errors
    ///
    /// As for [`Packet::encode_to_slice`].
    pub fn encode_to_slice(
        &self,
        dialect: Dialect,
        buffer: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let publish = self.without_payload();
        let head = self.body(&publish);
        packet::encode_to_slice(&head, || PacketType::Publish, dialect.plain(), buffer)
    }

    /// Appends the head to `buffer` and returns the length of the head in bytes. Exactly
    /// `payload_len` bytes of payload must follow.
    ///
    /// # Errors
    ///
    /// As for [`Packet::encode`].
    #[cfg(feature = "bytes")]
    pub fn encode(
        &self,
        dialect: Dialect,
        buffer: &mut impl bytes::BufMut,
    ) -> Result<usize, EncodeError> {
        let publish = self.without_payload();
        let head = self.body(&publish);
        packet::encode(&head, || PacketType::Publish, dialect.plain(), &[], buffer)
    }

    const fn body<'p>(&self, publish: &'p Publish<'a>) -> packet::Head<'p, 'a> {
        packet::Head {
            publish,
            payload_len: self.payload_len as usize,
        }
    }

    const fn without_payload(&self) -> Publish<'a> {
        Publish {
            delivery: self.delivery,
            retain: self.retain,
            topic_name: self.topic_name,
            properties: self.properties,
            payload: &[],
        }
    }
}

impl<'a> From<Publish<'a>> for PublishHead<'a> {
    fn from(publish: Publish<'a>) -> Self {
        Self {
            delivery: publish.delivery,
            retain: publish.retain,
            topic_name: publish.topic_name,
            properties: publish.properties,
            // no packet can be this long, and encoding reports that
            payload_len: u32::try_from(publish.payload.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Counts the bytes of a payload that is read or written in chunks, up to the length in its head.
///
/// ```
/// use mqtt_wire::stream::PublishHead;
/// use mqtt_wire::TopicName;
///
/// let mut payload = PublishHead::new(TopicName::new("a/b")?, 6).payload();
/// assert_eq!(payload.split(b"hell"), (&b"hell"[..], &b""[..]));
/// assert_eq!(payload.left(), 2);
/// assert_eq!(payload.split(b"o, world"), (&b"o,"[..], &b" world"[..]));
/// assert!(payload.is_complete());
/// # Ok::<(), mqtt_wire::ErrorKind>(())
/// ```
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Payload {
    left: u32,
}

impl Payload {
    pub(crate) const fn new(left: u32) -> Self {
        Self { left }
    }

    /// The number of bytes still to come.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.left
    }

    /// Whether all bytes were counted.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Counts `bytes`. Returns those that belong to the payload, and those after its end.
    pub fn split<'b>(&mut self, bytes: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        let (chunk, rest) = match bytes.split_at_checked(self.left as usize) {
            Some(parts) => parts,
            None => (bytes, &[][..]),
        };
        self.left -= chunk.len() as u32; // the chunk has at most `left` bytes
        (chunk, rest)
    }
}
