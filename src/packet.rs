//! The Control Packets. One file per packet layout decodes and encodes it.
//!
//! Their fields are in memory in the order in which they are declared: small fields first, then the
//! properties, then the rest. A program that moves a packet reads the fields of all types at once, so
//! fields at one place have one size; see `tests/it/sizes.rs`.

mod ack;
mod auth;
mod body;
mod connack;
mod connect;
mod disconnect;
mod getters;
mod id_and_list;
mod publish;
mod reason;
mod suback;
mod subscribe;
#[cfg(test)]
mod test_support;
mod unsubscribe;
mod will;

pub use self::ack::Ack;
pub use self::auth::Auth;
#[cfg(feature = "bytes")]
pub(crate) use self::body::encode;
pub(crate) use self::body::{
    DecodeBody, RemainingLength, encode_to_slice, measure, put_fixed_header,
};
pub use self::connack::ConnAck;
pub use self::connect::Connect;
pub use self::disconnect::Disconnect;
pub use self::publish::{Delivery, Publish};
pub(crate) use self::publish::{Head, write_packet_id};
pub use self::suback::{ReasonCodes, SubAck};
pub use self::subscribe::{
    RetainHandling, Subscribe, Subscription, SubscriptionOptions, Subscriptions,
};
pub use self::unsubscribe::{TopicFilters, Unsubscribe};
pub use self::will::Will;
use crate::data::PacketId;
use crate::dialect::Dialect;
#[cfg(feature = "bytes")]
use crate::error::Checked;
use crate::error::{DecodeError, EncodeError, ErrorKind, Fault, FaultAt, Field, ParseFault};
use crate::fixed_header::FirstByte;
use crate::frame::FrameRef;
use crate::packet_type::{Carrier, PacketType};
use crate::property::Properties;
use crate::reason_code::ReasonCode;

macro_rules! packets {
    ($($(#[$doc:meta])* $name:ident $(($body:ident))?,)*) => {
        /// An MQTT Control Packet of any version. It borrows its text and data.
        ///
        /// [`decode`](Self::decode) turns bytes into a packet, and `encode` turns a packet into
        /// bytes. Both depend on the [`Dialect`]. In a version without properties, a decoded packet
        /// has an empty list of them; without a Reason Code, its code is Success.
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
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "type"))]
        #[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
        #[allow(clippy::large_enum_variant)] // without an allocator there is no box for CONNECT
        #[repr(u8)]
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
    /// CONNECT: a Client opens a connection.
    Connect(Connect),
    /// CONNACK: the Server accepts or refuses the connection.
    ConnAck(ConnAck),
    /// PUBLISH: an Application Message.
    Publish(Publish),
    /// PUBACK: the answer to a PUBLISH with QoS 1.
    PubAck(Ack),
    /// PUBREC: the first answer to a PUBLISH with QoS 2.
    PubRec(Ack),
    /// PUBREL: the answer to PUBREC.
    PubRel(Ack),
    /// PUBCOMP: the answer to PUBREL, which completes QoS 2.
    PubComp(Ack),
    /// SUBSCRIBE: a Client subscribes to topics.
    Subscribe(Subscribe),
    /// SUBACK: the answer to SUBSCRIBE.
    SubAck(SubAck),
    /// UNSUBSCRIBE: a Client removes subscriptions.
    Unsubscribe(Unsubscribe),
    /// UNSUBACK: the answer to UNSUBSCRIBE.
    UnsubAck(SubAck),
    /// PINGREQ: a Client shows that it is alive, and asks for a PINGRESP.
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
    /// PINGRESP: the answer to PINGREQ.
    PingResp,
    /// DISCONNECT: the last packet that its sender sends. Before 5.0 only a Client sends it.
    Disconnect(Disconnect),
    /// AUTH: a step of extended authentication (5.0 only).
    Auth(Auth),
}

/// Runs the same code for each type of packet. `packet_type` is a function that returns the type. Each
/// function has a type of its own, so the compiler makes code for each packet type; the
/// acknowledgements share one, because few of them are longer than [`Packet::short_ack_bytes`].
macro_rules! with_body {
    ($packet:expr, |$body:ident, $packet_type:ident| $then:expr) => {
        with_body!($packet, $body, $packet_type, $then,
            Connect ConnAck Publish Subscribe SubAck Unsubscribe UnsubAck Disconnect Auth;
            PubAck PubRec PubRel PubComp; PingReq PingResp)
    };
    ($packet:expr, $body:ident, $packet_type:ident, $then:expr,
        $($name:ident)*; $($ack:ident)*; $($bare:ident)*) => {
        match $packet {
            $(Packet::$name($body) => {
                let $packet_type = returns::$name;
                $then
            })*
            $(Packet::$ack($body) => {
                let $packet_type = returns::one_of(PacketType::$ack);
                $then
            })*
            $(Packet::$bare => {
                let $packet_type = returns::$bare;
                let $body = &();
                $then
            })*
        }
    };
}

/// Functions that return a packet type.
#[allow(non_snake_case)]
mod returns {
    use crate::packet_type::PacketType;

    macro_rules! functions {
        ($($name:ident)*) => {
            $(#[inline(always)]
            pub(super) fn $name() -> PacketType {
                PacketType::$name
            })*
        };
    }

    functions!(Connect ConnAck Publish Subscribe SubAck Unsubscribe UnsubAck PingReq PingResp);
    functions!(Disconnect Auth);

    pub(super) fn one_of(packet_type: PacketType) -> impl Fn() -> PacketType + Copy {
        move || packet_type
    }
}

impl Delivery {
    /// The answer of the receiver, with the code Success: PUBACK for QoS 1, and PUBREC for QoS 2
    /// (MQTT-4.3.2-2 and MQTT-4.3.3-2 of 3.1.1, MQTT-4.3.2-4 and MQTT-4.3.3-8 of 5.0). QoS 0 has none.
    #[must_use]
    pub const fn answer(&self) -> Option<Packet<'static>> {
        match *self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { packet_id, .. } => Some(Packet::PubAck(Ack::new(packet_id))),
            Self::ExactlyOnce { packet_id, .. } => Some(Packet::PubRec(Ack::new(packet_id))),
        }
    }
}

impl<'a> Packet<'a> {
    /// The Packet Identifier; `None` for packets that have none.
    #[doc(alias = "pkid")]
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

    /// The properties; an empty list for packets that have none. The properties of a Will are in
    /// [`Will::properties`].
    #[must_use]
    pub const fn properties(&self) -> Properties<'a> {
        match self {
            Self::Connect(packet) => packet.properties,
            Self::ConnAck(packet) => packet.properties,
            Self::Publish(packet) => packet.properties,
            Self::PubAck(packet)
            | Self::PubRec(packet)
            | Self::PubRel(packet)
            | Self::PubComp(packet) => packet.properties,
            Self::Subscribe(packet) => packet.properties,
            Self::SubAck(packet) | Self::UnsubAck(packet) => packet.properties,
            Self::Unsubscribe(packet) => packet.properties,
            Self::PingReq | Self::PingResp => Properties::EMPTY,
            Self::Disconnect(packet) => packet.properties,
            Self::Auth(packet) => packet.properties,
        }
    }

    /// The packet of a frame whose fixed header was checked, if it is an acknowledgement that
    /// consists of a Packet Identifier. It is small enough to be inlined into the caller.
    #[inline(always)]
    pub(crate) fn short_ack(frame: &FrameRef<'a>, dialect: Dialect) -> Option<Self> {
        let &[_, 2, high, low] = frame.bytes() else {
            return None;
        };
        let packet_type = frame.packet_type();
        let ack = Ack {
            packet_id: PacketId::new(u16::from_be_bytes([high, low]))?,
            reason_code: ReasonCode::Success,
            properties: Properties::checked(&[], Carrier::Packet(packet_type), dialect),
        };
        match packet_type {
            PacketType::PubAck => Some(Self::PubAck(ack)),
            PacketType::PubRec => Some(Self::PubRec(ack)),
            PacketType::PubRel => Some(Self::PubRel(ack)),
            PacketType::PubComp => Some(Self::PubComp(ack)),
            _ => None,
        }
    }

    /// The bytes of a valid acknowledgement that consists of a Packet Identifier. They are the same in
    /// all dialects.
    #[inline(always)]
    fn short_ack_bytes(&self) -> Option<[u8; 4]> {
        let (Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack)) = self
        else {
            return None;
        };
        let is_short = ack.reason_code == ReasonCode::Success && ack.properties.is_empty();
        let packet_id = ack.packet_id.get();
        if !is_short || packet_id == 0 {
            return None;
        }
        let packet_type = self.packet_type();
        let [high, low] = packet_id.to_be_bytes();
        Some([(packet_type as u8) << 4 | packet_type.flags(), 2, high, low])
    }

    /// Decodes a frame whose fixed header was checked.
    pub(crate) fn parse(frame: &FrameRef<'a>, dialect: Dialect) -> Result<Self, DecodeError> {
        Self::parse_as::<()>(frame, dialect)
    }

    /// The packet of a frame that was decoded before in this dialect.
    #[cfg(feature = "bytes")]
    pub(crate) fn parse_checked(
        frame: &FrameRef<'a>,
        dialect: Dialect,
    ) -> Result<Self, DecodeError> {
        Self::parse_as::<Checked>(frame, dialect)
    }

    #[inline(always)]
    fn parse_as<E: ParseFault<'a>>(
        frame: &FrameRef<'a>,
        dialect: Dialect,
    ) -> Result<Self, DecodeError> {
        macro_rules! packet {
            ($name:ident) => {
                parse_body::<E, _>(frame, dialect, |body, _| Self::$name(body))
            };
        }
        match frame.packet_type() {
            PacketType::Connect => packet!(Connect),
            PacketType::ConnAck => packet!(ConnAck),
            PacketType::Publish => packet!(Publish),
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                parse_body::<E, _>(frame, dialect, |ack, packet_type| match packet_type {
                    PacketType::PubAck => Self::PubAck(ack),
                    PacketType::PubRec => Self::PubRec(ack),
                    PacketType::PubRel => Self::PubRel(ack),
                    _ => Self::PubComp(ack),
                })
            }
            PacketType::Subscribe => packet!(Subscribe),
            PacketType::SubAck | PacketType::UnsubAck => {
                parse_body::<E, _>(frame, dialect, |suback, packet_type| match packet_type {
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

    /// The length in bytes of the packet encoded in `dialect`, fixed header included.
    ///
    /// # Errors
    ///
    /// As for [`encode_to_slice`](Self::encode_to_slice), except
    /// [`BufferTooSmall`](EncodeError::BufferTooSmall).
    pub fn encoded_len(&self, dialect: Dialect) -> Result<usize, EncodeError> {
        Ok(self.remaining_length(dialect)?.packet_len())
    }

    #[inline]
    pub(crate) fn remaining_length(
        &self,
        dialect: Dialect,
    ) -> Result<RemainingLength, EncodeError> {
        with_body!(self, |body, packet_type| {
            measure(body, packet_type(), dialect.plain())
        })
    }

    /// Writes the packet to the beginning of `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the packet breaks a rule, has a value that the version cannot represent,
    /// or does not fit into `buffer`. After an error, the contents of `buffer` are unspecified.
    pub fn encode_to_slice(
        &self,
        dialect: Dialect,
        buffer: &mut [u8],
    ) -> Result<usize, EncodeError> {
        if let (Some(ack), Some(room)) = (self.short_ack_bytes(), buffer.first_chunk_mut()) {
            *room = ack;
            return Ok(ack.len());
        }
        with_body!(self, |body, packet_type| {
            encode_to_slice(body, packet_type, dialect.plain(), buffer)
        })
    }

    /// Appends the packet to `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the packet breaks a rule, has a value that the version cannot represent,
    /// or does not fit into `buffer`. A buffer that grows, for example a `Vec`, has room for every
    /// packet. After an error, `buffer` is unchanged.
    #[cfg(feature = "bytes")]
    #[inline(always)] // a caller that builds the packet knows its type
    pub fn encode(
        &self,
        dialect: Dialect,
        buffer: &mut impl bytes::BufMut,
    ) -> Result<usize, EncodeError> {
        if let Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) = self
        {
            if let (Some(bytes), 4..) = (self.short_ack_bytes(), buffer.remaining_mut()) {
                buffer.put_slice(&bytes);
                return Ok(bytes.len());
            }
            return encode_ack(*ack, self.packet_type(), dialect, buffer);
        }
        if let Self::Publish(publish) = self {
            let payload = publish.payload;
            let head = Head {
                publish,
                payload_len: payload.len(),
            };
            return encode(&head, returns::Publish, dialect.plain(), payload, buffer);
        }
        self.encode_other(dialect, buffer)
    }

    /// [`encode`](Self::encode) of a packet that needs no special case.
    #[cfg(feature = "bytes")]
    fn encode_other(
        &self,
        dialect: Dialect,
        buffer: &mut impl bytes::BufMut,
    ) -> Result<usize, EncodeError> {
        with_body!(self, |body, packet_type| {
            encode(body, packet_type, dialect.plain(), &[], buffer)
        })
    }
}

/// Encodes an acknowledgement of any length. It is passed by value, because the address of a packet
/// would make the compiler write all of it to memory, also if it is short.
#[cfg(feature = "bytes")]
#[cold]
fn encode_ack(
    ack: Ack<'_>,
    packet_type: PacketType,
    dialect: Dialect,
    buffer: &mut impl bytes::BufMut,
) -> Result<usize, EncodeError> {
    let packet_type = returns::one_of(packet_type);
    encode(&ack, packet_type, dialect.plain(), &[], buffer)
}

/// Parses the body of a packet; every byte has to belong to a field.
///
/// The compiler makes one function per body type. So the types do not compete for registers, and
/// each function writes the packet directly into the memory of the caller.
#[inline(never)]
fn parse_body<'a, E: ParseFault<'a>, T: DecodeBody<'a>>(
    frame: &FrameRef<'a>,
    dialect: Dialect,
    packet: impl FnOnce(T, PacketType) -> Packet<'a>,
) -> Result<Packet<'a>, DecodeError> {
    match T::parse::<E>(first_byte(frame), frame.body(), dialect) {
        Ok(([], body)) => Ok(packet(body, frame.packet_type())),
        _ => Err(find_fault::<T>(frame, dialect)),
    }
}

/// Parses a refused body again to find the fault.
#[cold]
#[inline(never)]
fn find_fault<'a, T: DecodeBody<'a>>(frame: &FrameRef<'a>, dialect: Dialect) -> DecodeError {
    let error = match T::parse::<FaultAt<'a>>(first_byte(frame), frame.body(), dialect) {
        Ok((rest, _)) => {
            let fault = Fault::new(ErrorKind::TrailingBytes, Field::Packet, 0);
            nom::Err::Failure(FaultAt::new(fault, rest))
        }
        Err(error) => error,
    };
    DecodeError::in_packet(error, frame.bytes(), frame.packet_type(), Some(dialect))
}

#[inline(always)]
fn first_byte(frame: &FrameRef<'_>) -> FirstByte {
    FirstByte {
        packet_type: frame.packet_type(),
        flags: frame.first_byte() & 0x0f,
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
