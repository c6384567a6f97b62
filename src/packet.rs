//! The Control Packets: their types and fixed headers, and which module understands which.

mod ack;
mod auth;
mod connack;
pub(crate) mod connect;
mod disconnect;
mod publish;
mod suback;
mod subscribe;
mod unsubscribe;

use core::fmt;

pub use self::ack::Ack;
pub use self::auth::Auth;
pub use self::connack::ConnAck;
pub use self::connect::Connect;
pub use self::disconnect::Disconnect;
pub use self::publish::{Delivery, Publish};
pub use self::suback::{ReasonCodes, SubAck};
pub use self::subscribe::{
    RetainHandling, Subscribe, Subscription, SubscriptionOptions, Subscriptions,
};
pub use self::unsubscribe::{TopicFilters, Unsubscribe};

use crate::data::{
    Counter, MAX_VARIABLE_BYTE_INTEGER, PacketId, Parsed, Put, SliceWriter,
    variable_byte_integer_len,
};
use crate::dialect::{Dialect, Sender, Version};
use crate::error::{Blame, DecodeError, EncodeError, ErrorKind, Field, Refusal};
use crate::frame::{FrameRef, Framed};
use crate::waivers::Waivers;

macro_rules! packet_types {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        /// The type of a Control Packet, section 2.2.1 of 3.1.1 and 2.1.2 of 5.0.
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PacketType {
            $(#[doc = concat!("`", stringify!($value), "` ", $text, ".")] $name = $value,)*
        }

        impl PacketType {
            /// All types.
            pub const ALL: [Self; 15] = [$(Self::$name),*];

            /// The name in capitals, as the standard writes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            #[inline]
            pub(crate) const fn from_nibble(nibble: u8) -> Option<Self> {
                match nibble {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

packet_types! {
    Connect = 1, "CONNECT";
    ConnAck = 2, "CONNACK";
    Publish = 3, "PUBLISH";
    PubAck = 4, "PUBACK";
    PubRec = 5, "PUBREC";
    PubRel = 6, "PUBREL";
    PubComp = 7, "PUBCOMP";
    Subscribe = 8, "SUBSCRIBE";
    SubAck = 9, "SUBACK";
    Unsubscribe = 10, "UNSUBSCRIBE";
    UnsubAck = 11, "UNSUBACK";
    PingReq = 12, "PINGREQ";
    PingResp = 13, "PINGRESP";
    Disconnect = 14, "DISCONNECT";
    Auth = 15, "AUTH";
}

impl PacketType {
    /// Whether `dialect` has packets of this type: AUTH exists in 5.0 only, and most types come
    /// from one side only.
    #[must_use]
    pub const fn is_sent_in(self, dialect: Dialect) -> bool {
        matches!(self.judge(dialect), Ok(()))
    }

    const fn judge(self, dialect: Dialect) -> Result<(), ErrorKind> {
        let client = match self {
            Self::Auth => {
                return match dialect.version() {
                    Version::V5 => Ok(()),
                    Version::V3_1 | Version::V3_1_1 => Err(ErrorKind::ReservedPacketType),
                };
            }
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => {
                return Ok(());
            }
            Self::Disconnect if dialect.is_v5() => return Ok(()),
            Self::Connect
            | Self::Subscribe
            | Self::Unsubscribe
            | Self::PingReq
            | Self::Disconnect => true,
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => false,
        };
        match dialect.sender() {
            Sender::Client if client => Ok(()),
            Sender::Server if !client => Ok(()),
            _ => Err(ErrorKind::WrongSender),
        }
    }

    /// The Remaining Length of packets that have one only.
    const fn fixed_remaining_length(self, version: Version) -> Option<u8> {
        match (self, version) {
            (Self::PingReq | Self::PingResp, _)
            | (Self::Disconnect, Version::V3_1 | Version::V3_1_1) => Some(0),
            (
                Self::ConnAck
                | Self::PubAck
                | Self::PubRec
                | Self::PubRel
                | Self::PubComp
                | Self::UnsubAck,
                Version::V3_1 | Version::V3_1_1,
            ) => Some(2),
            _ => None,
        }
    }

    /// Bits 3 to 0 of the first byte of all packets but PUBLISH.
    const fn flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0x02,
            _ => 0,
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Judges the first byte of a packet: type, side and flags.
#[inline]
pub(crate) fn judge(first_byte: u8, dialect: Dialect) -> Result<PacketType, (ErrorKind, Field)> {
    let header = FixedHeader::of(first_byte, dialect);
    match PacketType::from_nibble(first_byte >> 4) {
        Some(packet_type) if header.flags >> (first_byte & 0x0f) & 1 != 0 => Ok(packet_type),
        _ => judge_first_byte_with_waivers(first_byte, dialect),
    }
}

#[cold]
#[inline(never)]
fn judge_first_byte_with_waivers(
    first_byte: u8,
    dialect: Dialect,
) -> Result<PacketType, (ErrorKind, Field)> {
    let verdict = verdict(first_byte, dialect);
    let Some(packet_type) = PacketType::from_nibble(first_byte >> 4) else {
        return verdict;
    };
    let waiver = match (packet_type, first_byte & 0x0f) {
        (
            PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubComp
            | PacketType::SubAck
            | PacketType::UnsubAck,
            0x02,
        ) => Waivers::ACK_FLAGS,
        (PacketType::Connect, 0x02) => Waivers::CONNECT_FLAGS,
        (PacketType::Unsubscribe, 0x00) if dialect.version() == Version::V3_1 => {
            Waivers::UNSUBSCRIBE_FLAGS
        }
        _ => return verdict,
    };
    match verdict {
        Err((ErrorKind::FixedHeaderFlags, _)) if dialect.waives(waiver) => Ok(packet_type),
        _ => verdict,
    }
}

/// Judges a Remaining Length, which is in its shortest form or not.
#[inline]
pub(crate) fn judge_remaining_length(
    first_byte: u8,
    remaining_length: u32,
    is_shortest: bool,
    dialect: Dialect,
) -> Result<(), ErrorKind> {
    let fixed = FixedHeader::of(first_byte, dialect).remaining_length;
    if is_shortest && fixed.is_none_or(|fixed| remaining_length == u32::from(fixed)) {
        return Ok(());
    }
    judge_remaining_length_with_waivers(first_byte, remaining_length, is_shortest, dialect)
}

#[cold]
#[inline(never)]
fn judge_remaining_length_with_waivers(
    first_byte: u8,
    remaining_length: u32,
    is_shortest: bool,
    dialect: Dialect,
) -> Result<(), ErrorKind> {
    let may_be_longer = !dialect.is_v5() && dialect.waives(Waivers::REMAINING_LENGTH_NOT_SHORTEST);
    if !is_shortest && !may_be_longer {
        return Err(ErrorKind::VariableByteIntegerNotShortest);
    }
    let is_connack = first_byte >> 4 == PacketType::ConnAck as u8;
    match FixedHeader::of(first_byte, dialect).remaining_length {
        None => Ok(()),
        Some(fixed) if remaining_length == u32::from(fixed) => Ok(()),
        Some(_)
            if is_connack && remaining_length == 3 && dialect.waives(Waivers::CONNACK_V5_FORM) =>
        {
            Ok(())
        }
        Some(_) => Err(ErrorKind::RemainingLength),
    }
}

/// The fixed headers that packets of one type have in one dialect.
#[derive(Clone, Copy)]
struct FixedHeader {
    /// The values of bits 3 to 0 of the first byte, as a set.
    flags: u16,
    /// The Remaining Length of packets that have one only.
    remaining_length: Option<u8>,
}

impl FixedHeader {
    const NONE: Self = Self {
        flags: 0,
        remaining_length: None,
    };

    #[inline]
    fn of(first_byte: u8, dialect: Dialect) -> Self {
        let types = FIXED_HEADERS.get(dialect.index());
        let header = types.and_then(|types| types.get(usize::from(first_byte >> 4)));
        header.copied().unwrap_or(Self::NONE)
    }
}

/// What [`verdict`] and [`PacketType::fixed_remaining_length`] say, by dialect and packet type.
#[allow(clippy::indexing_slicing)] // while compiling
static FIXED_HEADERS: [[FixedHeader; 16]; Dialect::ALL.len()] = {
    let mut table = [[FixedHeader::NONE; 16]; Dialect::ALL.len()];
    let mut index = 0;
    while index < table.len() {
        let dialect = Dialect::ALL[index];
        let mut first_byte = 0;
        while first_byte < 256 {
            if let Ok(packet_type) = verdict(first_byte as u8, dialect) {
                let header = &mut table[index][first_byte >> 4];
                header.flags |= 1 << (first_byte & 0x0f);
                header.remaining_length = packet_type.fixed_remaining_length(dialect.version());
            }
            first_byte += 1;
        }
        index += 1;
    }
    table
};

const fn verdict(first_byte: u8, dialect: Dialect) -> Result<PacketType, (ErrorKind, Field)> {
    let Some(packet_type) = PacketType::from_nibble(first_byte >> 4) else {
        return Err((ErrorKind::ReservedPacketType, Field::PacketType));
    };
    if let Err(kind) = packet_type.judge(dialect) {
        return Err((kind, Field::PacketType));
    }
    match judge_flags(packet_type, first_byte & 0x0f, dialect.version()) {
        Ok(()) => Ok(packet_type),
        Err(kind) => Err((kind, Field::Flags)),
    }
}

const fn judge_flags(
    packet_type: PacketType,
    flags: u8,
    version: Version,
) -> Result<(), ErrorKind> {
    let v3_1 = matches!(version, Version::V3_1);
    match packet_type {
        PacketType::Publish => match flags & 0x06 {
            0x06 => Err(ErrorKind::PublishQos3),
            0x00 if flags & 0x08 != 0 && !v3_1 => Err(ErrorKind::DupWithQos0),
            _ => Ok(()),
        },
        // in 3.1 DUP may be set and RETAIN is unused; other packets' flags are all unused
        _ if v3_1 => match packet_type.flags() {
            0 => Ok(()),
            expected if flags & 0x06 == expected => Ok(()),
            _ => Err(ErrorKind::FixedHeaderFlags),
        },
        _ if flags == packet_type.flags() => Ok(()),
        _ => Err(ErrorKind::FixedHeaderFlags),
    }
}

macro_rules! packets {
    ($($(#[$doc:meta])* $name:ident $(($body:ident))?,)*) => {
        /// An MQTT Control Packet of any version, which borrows its text and data.
        ///
        /// Decoding fills it from bytes, encoding turns it into bytes; what the bytes are depends
        /// on the [`Dialect`]. Values that a version does not have are empty in it: properties,
        /// and Reason Codes of success.
        ///
        /// ```
        /// use mqtt_wire::{Dialect, Packet, Publish, TopicName, Version};
        ///
        /// let publish = Publish::new(TopicName::new("a/b")?, b"hello");
        /// let mut buffer = [0; 64];
        /// let dialect = Dialect::from_client(Version::V3_1_1);
        /// let length = Packet::from(publish).encode_to_slice(dialect, &mut buffer)?;
        /// assert_eq!(&buffer[..length], b"\x30\x0a\x00\x03a/bhello");
        ///
        /// let packet = Packet::decode(&buffer[..length], dialect)?;
        /// assert_eq!(packet, publish.into());
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "type"))]
        #[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
        #[allow(clippy::large_enum_variant)] // without an allocator there is no box for CONNECT
        pub enum Packet<'a> {
            $($(#[$doc])* $name $(($body<'a>))?,)*
        }

        impl Packet<'_> {
            /// The type of the packet.
            #[must_use]
            #[inline]
            pub const fn packet_type(&self) -> PacketType {
                match self {
                    $(Self::$name { .. } => PacketType::$name,)*
                }
            }
        }
    };
}

packets! {
    /// A Client opens a connection.
    Connect(Connect),
    /// The Server accepts or refuses it.
    ConnAck(ConnAck),
    /// An Application Message.
    Publish(Publish),
    /// The answer to a PUBLISH with QoS 1.
    PubAck(Ack),
    /// The first answer to a PUBLISH with QoS 2.
    PubRec(Ack),
    /// The answer to PUBREC.
    PubRel(Ack),
    /// The answer to PUBREL.
    PubComp(Ack),
    /// A Client asks for messages.
    Subscribe(Subscribe),
    /// The answer to SUBSCRIBE.
    SubAck(SubAck),
    /// A Client gives up subscriptions.
    Unsubscribe(Unsubscribe),
    /// The answer to UNSUBSCRIBE.
    UnsubAck(SubAck),
    /// A Client shows that it is alive and asks the same of the Server.
    ///
    /// ```
    /// use mqtt_wire::{Dialect, Packet, Version};
    ///
    /// let bytes = [0xc0, 0x00]; // PINGREQ, Remaining Length 0
    /// let dialect = Dialect::from_client(Version::V3_1_1);
    /// assert_eq!(Packet::decode(&bytes, dialect)?, Packet::PingReq);
    ///
    /// let bytes = [0xd0, 0x00]; // PINGRESP, Remaining Length 0
    /// assert_eq!(Packet::decode(&bytes, dialect.reply())?, Packet::PingResp);
    /// let mut again = [0; 2];
    /// Packet::PingResp.encode_to_slice(dialect.reply(), &mut again)?;
    /// assert_eq!(again, bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PingReq,
    /// The answer to PINGREQ.
    PingResp,
    /// The last packet of its sender; before 5.0 from the Client only.
    Disconnect(Disconnect),
    /// A step of extended authentication (5.0).
    Auth(Auth),
}

/// Does the same with every [`Body`]; the packet type is a constant each time.
macro_rules! with_body {
    ($packet:expr, |$body:ident, $packet_type:ident| $then:expr) => {
        with_body!($packet, $body, $packet_type, $then,
            Connect ConnAck Publish PubAck PubRec PubRel PubComp Subscribe SubAck
            Unsubscribe UnsubAck Disconnect Auth; PingReq PingResp)
    };
    ($packet:expr, $body:ident, $packet_type:ident, $then:expr, $($name:ident)*; $($bare:ident)*) => {
        match $packet {
            $(Packet::$name($body) => {
                const $packet_type: PacketType = PacketType::$name;
                $then
            })*
            $(Packet::$bare => {
                const $packet_type: PacketType = PacketType::$bare;
                let $body = &();
                $then
            })*
        }
    };
}

impl<'a> Packet<'a> {
    /// The Packet Identifier, if the packet has one.
    #[must_use]
    pub const fn packet_id(&self) -> Option<PacketId> {
        match self {
            Self::Publish(packet) => packet.delivery.packet_id(),
            Self::PubAck(packet)
            | Self::PubRec(packet)
            | Self::PubRel(packet)
            | Self::PubComp(packet) => Some(packet.packet_id),
            Self::Subscribe(packet) => Some(packet.packet_id),
            Self::SubAck(packet) | Self::UnsubAck(packet) => Some(packet.packet_id),
            Self::Unsubscribe(packet) => Some(packet.packet_id),
            Self::Connect(_)
            | Self::ConnAck(_)
            | Self::PingReq
            | Self::PingResp
            | Self::Disconnect(_)
            | Self::Auth(_) => None,
        }
    }

    /// Decodes bytes that are one whole packet.
    ///
    /// Where packets come one after the other, or piece by piece, let framing find their ends:
    /// [`FrameRef::split`] over a slice, or a `FrameDecoder` over a growing buffer.
    ///
    /// A CONNECT has to be of the dialect's version; [`Connect::decode`] takes any version.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break. Bytes that end too early are
    /// [`ErrorKind::Truncated`], and bytes after the packet [`ErrorKind::TrailingBytes`].
    pub fn decode(bytes: &'a [u8], dialect: Dialect) -> Result<Self, DecodeError> {
        whole(bytes, Some(dialect))?.decode(dialect)
    }

    /// As [`decode`](Self::decode), and reports each broken rule that the dialect waives, even if
    /// the packet is then refused for another one.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break and the dialect does not waive.
    pub fn decode_waiving(
        bytes: &'a [u8],
        dialect: Dialect,
        report: impl FnMut(DecodeError),
    ) -> Result<Self, DecodeError> {
        whole(bytes, Some(dialect))?.decode_waiving(dialect, report)
    }

    /// Decodes a frame whose fixed header has been judged.
    #[inline]
    pub(crate) fn parse(
        frame: &FrameRef<'a>,
        packet_type: PacketType,
        dialect: Dialect,
    ) -> Result<Self, DecodeError> {
        macro_rules! packet {
            ($name:ident) => {
                frame.parse(dialect, |it, _| Self::$name(it))
            };
        }
        match packet_type {
            PacketType::Connect => packet!(Connect),
            PacketType::ConnAck => packet!(ConnAck),
            PacketType::Publish => packet!(Publish),
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                frame.parse(dialect, |ack, packet_type| match packet_type {
                    PacketType::PubAck => Self::PubAck(ack),
                    PacketType::PubRec => Self::PubRec(ack),
                    PacketType::PubRel => Self::PubRel(ack),
                    _ => Self::PubComp(ack),
                })
            }
            PacketType::Subscribe => packet!(Subscribe),
            PacketType::SubAck | PacketType::UnsubAck => {
                frame.parse(dialect, |suback, packet_type| match packet_type {
                    PacketType::SubAck => Self::SubAck(suback),
                    _ => Self::UnsubAck(suback),
                })
            }
            PacketType::Unsubscribe => packet!(Unsubscribe),
            // their Remaining Length is 0
            PacketType::PingReq => Ok(Self::PingReq),
            PacketType::PingResp => Ok(Self::PingResp),
            PacketType::Disconnect => packet!(Disconnect),
            PacketType::Auth => packet!(Auth),
        }
    }

    /// The number of bytes that the packet has in `dialect`, its fixed header included.
    ///
    /// # Errors
    ///
    /// As [`encode_to_slice`](Self::encode_to_slice), but for the room.
    pub fn encoded_len(&self, dialect: Dialect) -> Result<usize, EncodeError> {
        Ok(self.remaining_length(dialect)?.total())
    }

    #[inline]
    pub(crate) fn remaining_length(
        &self,
        dialect: Dialect,
    ) -> Result<RemainingLength, EncodeError> {
        with_body!(self, |body, TYPE| measure(body, TYPE, dialect.plain()))
    }

    /// Writes the packet to the beginning of `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the packet breaks a rule, has a value that the version has no bytes
    /// for, or does not fit. Nothing has been written then.
    pub fn encode_to_slice(
        &self,
        dialect: Dialect,
        buffer: &mut [u8],
    ) -> Result<usize, EncodeError> {
        with_body!(self, |body, TYPE| {
            encode_as(body, || TYPE, dialect.plain(), SliceWriter(buffer))
        })
    }

    /// Appends the packet to `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the packet breaks a rule, has a value that the version has no bytes
    /// for, or does not fit (a growing buffer has room for it). Nothing has been written then.
    #[cfg(feature = "bytes")]
    pub fn encode(
        &self,
        dialect: Dialect,
        buffer: &mut impl bytes::BufMut,
    ) -> Result<usize, EncodeError> {
        with_body!(self, |body, TYPE| {
            let out = crate::data::BufMutWriter(buffer);
            encode_as(body, || TYPE, dialect.plain(), out)
        })
    }
}

/// What a packet has after its fixed header, on its way in.
pub(crate) trait Parse<'a>: Sized {
    /// Parses what follows the fixed header, which has been judged.
    fn parse<E: Blame<'a>>(frame: &FrameRef<'a>, dialect: Dialect) -> Parsed<'a, Self, E>;
}

/// What a packet has after its fixed header, on its way out.
pub(crate) trait Body {
    /// Whether the packet may be sent. Its type may be sent in the dialect.
    fn check(&self, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal>;

    /// Bits 3 to 0 of the first byte.
    #[inline]
    fn flags(&self, packet_type: PacketType) -> u8 {
        packet_type.flags()
    }

    /// Writes the packet after its fixed header.
    fn put(&self, dialect: Dialect, out: &mut impl Put);
}

/// PINGREQ and PINGRESP.
impl Body for () {
    fn check(&self, _: PacketType, _: Dialect) -> Result<(), Refusal> {
        Ok(())
    }

    fn put(&self, _: Dialect, _: &mut impl Put) {}
}

/// Checks a packet and runs the encoder against a counter.
#[inline(always)]
pub(crate) fn measure(
    body: &impl Body,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<RemainingLength, EncodeError> {
    if let Err(refusal) = check(body, packet_type, dialect) {
        return Err(refusal.of(packet_type, dialect));
    }
    let mut counter = Counter::default();
    body.put(dialect, &mut counter);
    RemainingLength::new(counter.0)
}

#[inline(always)]
fn check(body: &impl Body, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal> {
    if let Err(kind) = packet_type.judge(dialect) {
        let first_byte = (packet_type as u8) << 4 | packet_type.flags();
        let value = u32::from(first_byte);
        return Err(Refusal::Broken(kind, Field::PacketType, value));
    }
    body.check(packet_type, dialect)
}

/// [`encode`] for one packet type, which is known to the compiler.
#[inline(never)]
fn encode_as(
    body: &impl Body,
    packet_type: impl Fn() -> PacketType,
    dialect: Dialect,
    out: impl Put,
) -> Result<usize, EncodeError> {
    encode(body, packet_type(), dialect, out)
}

/// Checks, measures and writes a packet.
#[inline(always)]
pub(crate) fn encode(
    body: &impl Body,
    packet_type: PacketType,
    dialect: Dialect,
    mut out: impl Put,
) -> Result<usize, EncodeError> {
    let length = measure(body, packet_type, dialect)?;
    let needed = length.total();
    if out.room() < needed {
        return Err(EncodeError::BufferTooSmall { needed });
    }
    let first_byte = (packet_type as u8) << 4 | body.flags(packet_type);
    match length.0 {
        short @ 0..0x80 => out.put(&[first_byte, short as u8]),
        long => {
            out.put_byte(first_byte);
            out.put_variable_byte_integer(long);
        }
    }
    body.put(dialect, &mut out);
    Ok(needed)
}

/// The Remaining Length of a packet that has passed all checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemainingLength(pub(crate) u32);

impl RemainingLength {
    #[inline(always)]
    pub(crate) fn new(length: usize) -> Result<Self, EncodeError> {
        match u32::try_from(length) {
            Ok(length @ 0..=MAX_VARIABLE_BYTE_INTEGER) => Ok(Self(length)),
            _ => Err(EncodeError::TooLong),
        }
    }

    /// The length of the packet with its fixed header.
    pub(crate) const fn total(self) -> usize {
        1 + variable_byte_integer_len(self.0) + self.0 as usize
    }
}

impl<'a> Connect<'a> {
    /// Decodes bytes that are one whole CONNECT of any version, which [`Connect::version`] then
    /// names: what a Server does with the first packet of a connection.
    ///
    /// ```
    /// use mqtt_wire::{Connect, Version};
    ///
    /// let connect = Connect::decode(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p")?;
    /// assert_eq!(connect.version, Version::V3_1_1);
    /// assert_eq!(connect.client_id, "p");
    /// # Ok::<(), mqtt_wire::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Packet::decode`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        whole(bytes, None)?.decode_connect()
    }
}

/// The frame that `bytes` are.
fn whole(bytes: &[u8], dialect: Option<Dialect>) -> Result<FrameRef<'_>, DecodeError> {
    let error = |kind, offset: usize| {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let first_byte = bytes.first().copied().unwrap_or_default();
        DecodeError::header(kind, offset, Field::Packet, 0, first_byte, dialect)
    };
    match FrameRef::peek(bytes, dialect, u32::MAX)? {
        Framed::NeedMore(_) => Err(error(ErrorKind::Truncated, bytes.len())),
        Framed::Frame(frame) if frame.bytes().len() < bytes.len() => {
            Err(error(ErrorKind::TrailingBytes, frame.bytes().len()))
        }
        Framed::Frame(frame) => Ok(frame),
    }
}

macro_rules! into_packet {
    ($($name:ident)*) => {
        $(impl<'a> From<$name<'a>> for Packet<'a> {
            fn from(packet: $name<'a>) -> Self {
                Self::$name(packet)
            }
        })*
    };
}

into_packet!(Connect ConnAck Publish Subscribe Unsubscribe Disconnect Auth);
