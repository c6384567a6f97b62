//! Where a packet ends: Remaining Length, Maximum Packet Size and what the fixed header tells.

use core::num::NonZeroUsize;

use crate::data::{self, VariableByteInteger, variable_byte_integer_len};
use crate::dialect::{Dialect, Version};
use crate::error::{Blame, DecodeError, ErrorKind, Fault, Field};
use crate::packet::{self, Connect, Packet, PacketType, Parse};
use crate::waivers::{self, Waivers};

/// What the bytes at hand amount to.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<F> {
    /// No whole packet yet. At least this many bytes are missing: exactly as many, once the
    /// Remaining Length is known, and before that those up to its next byte. Who always reads
    /// this many has a packet after five answers at most.
    NeedMore(NonZeroUsize),
    /// A whole packet.
    Frame(F),
}

/// The bytes of one whole packet, borrowed.
///
/// ```
/// use mqtt_wire::{Dialect, FrameRef, Framed, Packet, Version};
///
/// let dialect = Dialect::from_client(Version::V3_1_1);
/// let mut input: &[u8] = b"\xc0\x00\xe0\x00\x30"; // PINGREQ, DISCONNECT, the start of a PUBLISH
/// let mut packets = Vec::new();
/// while let Framed::Frame(frame) = FrameRef::split(input, dialect, 1024)? {
///     packets.push(frame.decode(dialect)?);
///     input = &input[frame.bytes().len()..];
/// }
/// assert!(matches!(packets[..], [Packet::PingReq, Packet::Disconnect(_)]));
/// assert_eq!(input, b"\x30");
/// # Ok::<(), mqtt_wire::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FrameRef<'a> {
    bytes: &'a [u8],
    pub(crate) header: Header,
}

/// What framing has found out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    len: u8,
    packet_type: PacketType,
    /// The mark of the dialect that the fixed header was judged by.
    judged_by: u8,
}

impl PartialEq for FrameRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for FrameRef<'_> {}

impl<'a> FrameRef<'a> {
    /// Finds the packet at the beginning of `bytes`, which follow `dialect`.
    ///
    /// `max_len` limits the whole packet, its fixed header included, as Maximum Packet Size does
    /// (5.0, section 3.1.2.11.4).
    ///
    /// # Errors
    ///
    /// As early as the bytes allow: at the first byte for a packet type or flags that the dialect
    /// does not have, and at the last byte of the Remaining Length for one that is too long, not
    /// in its shortest form, above the limit, or never that of this packet.
    #[inline]
    pub fn split(
        bytes: &'a [u8],
        dialect: Dialect,
        max_len: u32,
    ) -> Result<Framed<Self>, DecodeError> {
        Self::peek(bytes, Some(dialect), max_len)
    }

    /// Finds the first packet of a Client whose version is not known yet: a CONNECT.
    ///
    /// # Errors
    ///
    /// As [`split`](Self::split), and at the first byte for all packets but CONNECT.
    #[inline]
    pub fn split_connect(bytes: &'a [u8], max_len: u32) -> Result<Framed<Self>, DecodeError> {
        Self::peek(bytes, None, max_len)
    }

    /// The whole packet.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The packet after its fixed header.
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

    /// Decodes the packet.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    #[inline]
    pub fn decode(&self, dialect: Dialect) -> Result<Packet<'a>, DecodeError> {
        if dialect.has_mark(self.header.judged_by) {
            Packet::parse(self, self.header.packet_type, dialect)
        } else {
            self.decode_in_any_terms(dialect)
        }
    }

    /// Decodes a frame that was framed for another dialect or for none, or in a dialect in which
    /// rules are waived or added.
    #[cold]
    fn decode_in_any_terms(&self, dialect: Dialect) -> Result<Packet<'a>, DecodeError> {
        self.decode_waiving(dialect, |_| {})
    }

    /// Decodes the packet, and reports each broken rule that the dialect waives.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break and the dialect does not waive.
    pub fn decode_waiving(
        &self,
        dialect: Dialect,
        report: impl FnMut(DecodeError),
    ) -> Result<Packet<'a>, DecodeError> {
        let packet = waivers::grant_and_decode(dialect, report, |dialect| {
            self.judge_header(self.body().len() as u32, dialect)?;
            Packet::parse(self, self.header.packet_type, dialect)
        })?;
        waivers::check_optional_rules(&packet, self.bytes, dialect)?;
        Ok(packet)
    }

    /// Judges the fixed header once more, in another dialect.
    pub(crate) fn judge_header(
        &self,
        remaining_length: u32,
        dialect: Dialect,
    ) -> Result<(), DecodeError> {
        let first_byte = self.first_byte();
        judge_first_byte(first_byte, Some(dialect))?;
        let length_len = usize::from(self.header.len) - 1;
        let is_shortest = length_len == variable_byte_integer_len(remaining_length);
        packet::judge_remaining_length(first_byte, remaining_length, is_shortest, dialect).map_err(
            |kind| {
                let field = Field::RemainingLength;
                let dialect = Some(dialect);
                DecodeError::header(kind, 1, field, remaining_length, first_byte, dialect)
            },
        )
    }

    /// The beginning of a packet whose fixed header has been judged.
    pub(crate) fn beginning(bytes: &'a [u8], packet_type: PacketType, header_len: u8) -> Self {
        let header = Header {
            len: header_len,
            packet_type,
            judged_by: Dialect::NO_MARK,
        };
        Self { bytes, header }
    }

    /// Decodes a CONNECT of any version.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break; [`ErrorKind::FirstPacketNotConnect`] for all packets
    /// but CONNECT.
    pub fn decode_connect(&self) -> Result<Connect<'a>, DecodeError> {
        let dialect = Dialect::from_client(self.connect_version(Waivers::NONE)?);
        match self.decode(dialect)? {
            Packet::Connect(connect) => Ok(connect),
            _ => {
                let first_byte = self.first_byte();
                let (kind, field) = (ErrorKind::FirstPacketNotConnect, Field::PacketType);
                let value = u32::from(first_byte);
                Err(DecodeError::header(kind, 0, field, value, first_byte, None))
            }
        }
    }

    /// Parses what follows the fixed header; every byte has to belong to a field.
    ///
    /// It stays a function for each type, so that no packet waits for the registers of another,
    /// and writes the packet where the caller wants it.
    #[inline(never)]
    pub(crate) fn parse<T: Parse<'a>>(
        &self,
        dialect: Dialect,
        packet: impl FnOnce(T, PacketType) -> Packet<'a>,
    ) -> Result<Packet<'a>, DecodeError> {
        match T::parse::<()>(self, dialect) {
            Ok(([], parsed)) => Ok(packet(parsed, self.packet_type())),
            _ => Err(self.blame::<T>(dialect)),
        }
    }

    /// Parses once more what has been refused, to name the fault.
    #[cold]
    #[inline(never)]
    fn blame<T: Parse<'a>>(&self, dialect: Dialect) -> DecodeError {
        let fault = match T::parse(self, dialect) {
            Ok((rest, _)) => {
                let kind = ErrorKind::TrailingBytes;
                nom::Err::Failure(Fault::new(rest, kind, Field::Packet, 0))
            }
            Err(fault) => fault,
        };
        DecodeError::new(fault, self.bytes, self.packet_type(), Some(dialect))
    }

    /// The version that a CONNECT names.
    pub(crate) fn connect_version(&self, waivers: Waivers) -> Result<Version, DecodeError> {
        judge_first_byte(self.first_byte(), None)?;
        match packet::connect::parse_version(self.body(), waivers) {
            Ok((_, version)) => Ok(version),
            Err(fault) => Err(DecodeError::new(
                fault,
                self.bytes,
                PacketType::Connect,
                None,
            )),
        }
    }

    #[inline(always)] // it hands its result on in memory otherwise, twice the time of decoding
    pub(crate) fn peek(
        bytes: &'a [u8],
        dialect: Option<Dialect>,
        max_len: u32,
    ) -> Result<Framed<Self>, DecodeError> {
        let Some((&first_byte, after)) = bytes.split_first() else {
            return Ok(need_more(2));
        };
        let packet_type = judge_first_byte(first_byte, dialect)?;
        let refused = |kind, value| {
            let field = Field::RemainingLength;
            Err(DecodeError::header(
                kind, 1, field, value, first_byte, dialect,
            ))
        };
        let (remaining_length, length_len, is_shortest) =
            match data::read_variable_byte_integer(after) {
                VariableByteInteger::Whole {
                    value,
                    length,
                    is_shortest,
                } => (value, length, is_shortest),
                VariableByteInteger::Unfinished => return Ok(need_more(1)),
                VariableByteInteger::TooLong => {
                    return refused(ErrorKind::VariableByteIntegerTooLong, 0);
                }
            };
        if let Some(dialect) = dialect {
            if let Err(kind) =
                packet::judge_remaining_length(first_byte, remaining_length, is_shortest, dialect)
            {
                return refused(kind, remaining_length);
            }
        }
        let header = Header {
            len: 1 + length_len as u8,
            packet_type,
            judged_by: dialect.map_or(Dialect::NO_MARK, Dialect::mark),
        };
        let len = 1 + length_len + remaining_length as usize;
        if u32::try_from(len).is_ok_and(|len| len > max_len) {
            return refused(ErrorKind::PacketTooLarge, remaining_length);
        }
        match bytes.get(..len) {
            Some(bytes) => Ok(Framed::Frame(Self { bytes, header })),
            None => Ok(need_more(len - bytes.len())),
        }
    }

    #[inline]
    pub(crate) fn first_byte(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }
}

/// Judges the first byte; where no dialect is known, it has to be that of a CONNECT.
#[inline]
fn judge_first_byte(first_byte: u8, dialect: Option<Dialect>) -> Result<PacketType, DecodeError> {
    let judged = match (dialect, PacketType::from_nibble(first_byte >> 4)) {
        (Some(dialect), _) => packet::judge(first_byte, dialect),
        (None, Some(PacketType::Connect)) => Ok(PacketType::Connect),
        (None, Some(_)) => Err((ErrorKind::FirstPacketNotConnect, Field::PacketType)),
        (None, None) => Err((ErrorKind::ReservedPacketType, Field::PacketType)),
    };
    judged.map_err(|(kind, field)| {
        let value = u32::from(first_byte);
        DecodeError::header(kind, 0, field, value, first_byte, dialect)
    })
}

#[inline]
fn need_more<F>(bytes: usize) -> Framed<F> {
    Framed::NeedMore(NonZeroUsize::new(bytes).unwrap_or(NonZeroUsize::MIN))
}

#[cfg(feature = "bytes")]
pub use self::owned::{Frame, FrameDecoder, Limits};

#[cfg(feature = "bytes")]
mod owned {
    use bytes::{Bytes, BytesMut};

    use super::{FrameRef, Framed, Header};
    use crate::dialect::Dialect;
    use crate::error::DecodeError;
    use crate::packet::{Connect, Packet, PacketType};
    use crate::waivers::{OptionalRules, Waivers};

    /// The bytes of one whole packet, shared: `'static`, `Send` and cheap to clone.
    ///
    /// Packets are borrowed from it, and parts of it can be kept without a copy:
    ///
    /// ```
    /// use mqtt_wire::{Dialect, FrameDecoder, Framed, Limits, Packet, Version};
    ///
    /// let dialect = Dialect::from_client(Version::V3_1_1);
    /// let mut decoder = FrameDecoder::new(dialect, Limits::default());
    /// decoder.extend(b"\x30\x0a\x00\x03a/bhello");
    /// let Framed::Frame(frame) = decoder.next_frame()? else { unreachable!() };
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

    impl Frame {
        /// Takes the packet at the beginning of `buffer` out of it, if it is whole.
        ///
        /// # Errors
        ///
        /// See [`FrameRef::split`]. The buffer is as it was then.
        #[inline]
        pub fn split(
            buffer: &mut BytesMut,
            dialect: Dialect,
            max_len: u32,
        ) -> Result<Framed<Self>, DecodeError> {
            Ok(match FrameRef::split(buffer, dialect, max_len)? {
                Framed::NeedMore(bytes) => Framed::NeedMore(bytes),
                Framed::Frame(FrameRef { bytes, header }) => {
                    let len = bytes.len();
                    Framed::Frame(Self::take(buffer, len, header))
                }
            })
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
        pub fn as_ref(&self) -> FrameRef<'_> {
            FrameRef {
                bytes: &self.bytes,
                header: self.header,
            }
        }

        /// The whole packet.
        #[must_use]
        pub const fn bytes(&self) -> &Bytes {
            &self.bytes
        }

        /// Shares a part of the frame that a packet borrowed from it, for example its payload.
        /// Bytes from elsewhere are copied.
        #[must_use]
        pub fn share(&self, part: &[u8]) -> Bytes {
            let frame = self.bytes.as_ptr_range();
            let inside = part.as_ptr_range();
            if frame.start <= inside.start && inside.end <= frame.end {
                self.bytes.slice_ref(part)
            } else {
                Bytes::copy_from_slice(part)
            }
        }

        /// See [`FrameRef::packet_type`].
        #[must_use]
        pub fn packet_type(&self) -> PacketType {
            self.as_ref().packet_type()
        }

        /// See [`FrameRef::decode`].
        ///
        /// # Errors
        ///
        /// The first rule that the bytes break.
        #[inline]
        pub fn decode(&self, dialect: Dialect) -> Result<Packet<'_>, DecodeError> {
            self.as_ref().decode(dialect)
        }

        /// See [`FrameRef::decode_waiving`].
        ///
        /// # Errors
        ///
        /// The first rule that the bytes break and the dialect does not waive.
        pub fn decode_waiving(
            &self,
            dialect: Dialect,
            report: impl FnMut(DecodeError),
        ) -> Result<Packet<'_>, DecodeError> {
            self.as_ref().decode_waiving(dialect, report)
        }

        /// See [`FrameRef::decode_connect`].
        ///
        /// # Errors
        ///
        /// The first rule that the bytes break.
        pub fn decode_connect(&self) -> Result<Connect<'_>, DecodeError> {
            self.as_ref().decode_connect()
        }
    }

    /// How large packets may be: whole packets in bytes, fixed header included.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Limits {
        /// Every packet; 1 MiB by default.
        pub packet: u32,
        /// The first packet of a connection that waits for CONNECT; 64 KiB by default.
        pub first_packet: u32,
    }

    impl Default for Limits {
        fn default() -> Self {
            Self {
                packet: 1 << 20,
                first_packet: 64 << 10,
            }
        }
    }

    /// Cuts a growing stream of bytes into frames.
    ///
    /// Bytes go in through [`buffer`](Self::buffer) or [`extend`](Self::extend), in pieces of any
    /// size; frames come out of [`next_frame`](Self::next_frame). Nothing is reserved because a
    /// peer announces a length. After an error the decoder stays failed, and the bytes that it
    /// did not take are still in its buffer.
    ///
    /// ```
    /// use mqtt_wire::{FrameDecoder, Framed, Limits, Packet, Version};
    ///
    /// let mut decoder = FrameDecoder::accept(Limits::default());
    /// decoder.extend(b"\x10\x0d\x00\x04MQTT\x04\x02\x00");
    /// assert!(matches!(decoder.next_frame()?, Framed::NeedMore(n) if n.get() == 4));
    ///
    /// decoder.extend(b"\x3c\x00\x01p\xc0\x00");
    /// let Framed::Frame(frame) = decoder.next_frame()? else { unreachable!() };
    /// let dialect = decoder.dialect().unwrap(); // the first frame was a CONNECT
    /// assert_eq!(dialect.version(), Version::V3_1_1);
    /// assert!(matches!(frame.decode(dialect)?, Packet::Connect(_)));
    ///
    /// let Framed::Frame(frame) = decoder.next_frame()? else { unreachable!() };
    /// assert_eq!(frame.decode(dialect)?, Packet::PingReq);
    /// # Ok::<(), mqtt_wire::DecodeError>(())
    /// ```
    #[derive(Debug)]
    pub struct FrameDecoder {
        buffer: BytesMut,
        dialect: Option<Dialect>,
        waivers: Waivers,
        rules: OptionalRules,
        limits: Limits,
        failed: Option<DecodeError>,
    }

    impl FrameDecoder {
        /// A decoder for what follows `dialect`.
        #[must_use]
        pub fn new(dialect: Dialect, limits: Limits) -> Self {
            Self {
                dialect: Some(dialect),
                ..Self::accept(limits)
            }
        }

        /// A decoder for a connection that a Server accepts: it waits for a CONNECT, and learns
        /// the version from it.
        #[must_use]
        pub fn accept(limits: Limits) -> Self {
            Self {
                buffer: BytesMut::new(),
                dialect: None,
                waivers: Waivers::NONE,
                rules: OptionalRules::NONE,
                limits,
                failed: None,
            }
        }

        /// The same decoder for dialects with these rules waived and added, also for the dialect
        /// that [`accept`](Self::accept) learns.
        #[must_use]
        pub fn with_rules(mut self, waivers: Waivers, rules: OptionalRules) -> Self {
            (self.waivers, self.rules) = (waivers, rules);
            let dialect = self.dialect;
            self.dialect = dialect.map(|it| it.waiving(waivers).enforcing(rules));
            self
        }

        /// Where bytes that arrive are appended, and where bytes that were not taken stay.
        pub const fn buffer(&mut self) -> &mut BytesMut {
            &mut self.buffer
        }

        /// Appends bytes that arrived. A decoder that has failed does not take them.
        pub fn extend(&mut self, bytes: &[u8]) {
            if self.failed.is_none() {
                self.buffer.extend_from_slice(bytes);
            }
        }

        /// The dialect of the stream; `None` before the first frame of
        /// [`accept`](Self::accept) has come out.
        #[must_use]
        pub const fn dialect(&self) -> Option<Dialect> {
            self.dialect
        }

        /// Takes the next frame out of the buffer, if it is whole.
        ///
        /// # Errors
        ///
        /// See [`FrameRef::split`]; and for a CONNECT whose version is to be learnt, a Protocol
        /// Name or Protocol Level of no version. The same error comes again from then on.
        #[inline]
        pub fn next_frame(&mut self) -> Result<Framed<Frame>, DecodeError> {
            if let Some(error) = self.failed {
                return Err(error);
            }
            self.take_frame().inspect_err(|error| {
                self.failed = Some(*error);
            })
        }

        #[inline]
        fn take_frame(&mut self) -> Result<Framed<Frame>, DecodeError> {
            let limit = match self.dialect {
                Some(_) => self.limits.packet,
                None => self.limits.first_packet,
            };
            let frame = match FrameRef::peek(&self.buffer, self.dialect, limit)? {
                Framed::Frame(frame) => frame,
                Framed::NeedMore(bytes) => return Ok(Framed::NeedMore(bytes)),
            };
            if self.dialect.is_none() {
                let version = frame.connect_version(self.waivers)?;
                let dialect = Dialect::from_client(version);
                self.dialect = Some(dialect.waiving(self.waivers).enforcing(self.rules));
            }
            let (len, header) = (frame.bytes.len(), frame.header);
            let frame = Frame::take(&mut self.buffer, len, header);
            Ok(Framed::Frame(frame))
        }
    }
}
