//! The traits of packet bodies, and the encoding that all packets share. A body is the part of a
//! packet after its fixed header.

use crate::dialect::Dialect;
use crate::error::{EncodeError, Field, ParseFault, Refusal};
use crate::fixed_header::FirstByte;
use crate::packet_type::PacketType;
use crate::wire::read::Parsed;
use crate::wire::varint;
#[cfg(feature = "bytes")]
use crate::wire::write::BufMutWriter;
use crate::wire::write::{Fields, LengthCounter, Out, SliceWriter};

/// A body that can be decoded.
pub(crate) trait DecodeBody<'a>: Sized {
    /// Parses the body of a packet whose fixed header was checked.
    fn parse<E: ParseFault<'a>>(
        first_byte: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E>;
}

/// A body that can be encoded.
pub(crate) trait EncodeBody {
    /// Bits 3 to 0 of the first byte.
    #[inline(always)]
    fn flags(&self, packet_type: PacketType) -> u8 {
        packet_type.flags()
    }

    /// Checks the fields and writes them in wire order, without a payload that the caller sends
    /// separately. The caller has checked that the dialect allows packets of this type.
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error>;

    /// A lower bound of the number of bytes that [`write`](Self::write) writes.
    #[inline(always)]
    fn at_least(&self) -> usize {
        0
    }

    /// Whether the packet has so many small fields that it reaches a growing buffer sooner through a
    /// buffer on the stack.
    #[cfg_attr(not(feature = "bytes"), allow(dead_code))]
    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        false
    }

    /// The length of the payload that the caller sends separately.
    #[inline(always)]
    fn later_len(&self) -> usize {
        0
    }
}

/// The empty body of PINGREQ and PINGRESP.
impl EncodeBody for () {
    #[inline(always)]
    fn write<O: Out>(&self, _: PacketType, _: Dialect, out: O) -> Result<O, O::Error> {
        Ok(out)
    }
}

/// Writes a packet to the beginning of `buffer`. Returns the number of bytes written.
///
/// The closure has a type of its own for each packet type, so the compiler makes one function for
/// each packet type, in which the type is a constant.
#[inline(never)]
pub(crate) fn encode_to_slice(
    body: &impl EncodeBody,
    packet_type: impl Fn() -> PacketType + Copy,
    dialect: Dialect,
    buffer: &mut [u8],
) -> Result<usize, EncodeError> {
    let packet_type = packet_type();
    let room = buffer.len();
    match write_packet(body, packet_type, dialect, buffer) {
        Ok(rest) => Ok(room - rest.0.len()),
        Err(()) => refused(body, packet_type, dialect),
    }
}

/// Returns the part of `buffer` behind the packet.
#[inline(always)]
fn write_packet<'b>(
    body: &impl EncodeBody,
    packet_type: PacketType,
    dialect: Dialect,
    buffer: &'b mut [u8],
) -> Result<SliceWriter<'b>, ()> {
    check_sender(packet_type, dialect)?;
    let fields = BodyFields {
        body,
        packet_type,
        dialect,
    };
    let first_byte = (packet_type as u8) << 4 | body.flags(packet_type);
    SliceWriter(buffer)
        .put_byte(first_byte)?
        .put_counted(&fields, body.later_len())
}

/// The reason why a packet was not written to a slice.
#[cold]
fn refused(
    body: &impl EncodeBody,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<usize, EncodeError> {
    let remaining_length = measure(body, packet_type, dialect)?;
    let needed = remaining_length.packet_len() - body.later_len();
    Err(EncodeError::BufferTooSmall { needed })
}

/// Appends a packet and its payload to `buffer`, if the payload is not part of `body`. Returns the
/// number of bytes written.
///
/// `BufMut` has no room that safe code can write to before all of it is known. So a packet is
/// measured first, or it is written to the stack and copied. The copy waits for the fields that were
/// just written; it pays only if there are many of them.
#[cfg(feature = "bytes")]
#[inline(never)]
pub(crate) fn encode(
    body: &impl EncodeBody,
    packet_type: impl Fn() -> PacketType + Copy,
    dialect: Dialect,
    payload: &[u8],
    buffer: &mut impl bytes::BufMut,
) -> Result<usize, EncodeError> {
    if body.has_many_fields() && body.at_least() < ROOM {
        let mut room = [0; ROOM];
        match encode_to_slice(body, packet_type, dialect, &mut room) {
            Ok(len) => {
                let needed = len + payload.len();
                if buffer.remaining_mut() < needed {
                    return Err(EncodeError::BufferTooSmall { needed });
                }
                buffer.put_slice(room.get(..len).unwrap_or_default());
                put_payload(payload, buffer);
                return Ok(needed);
            }
            Err(EncodeError::BufferTooSmall { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let packet_type = packet_type();
    let remaining_length = match count::<()>(body, packet_type, dialect) {
        Ok(len) => RemainingLength::new(len)?,
        Err(()) => measure(body, packet_type, dialect)?,
    };
    let needed = remaining_length.packet_len() - body.later_len() + payload.len();
    if buffer.remaining_mut() < needed {
        return Err(EncodeError::BufferTooSmall { needed });
    }
    let out = BufMutWriter(&mut *buffer);
    let written = put_fixed_header(packet_type, body.flags(packet_type), remaining_length, out)
        .and_then(|out| body.write(packet_type, dialect, out));
    if let Err(()) = written {
        return refused(body, packet_type, dialect); // never: it was checked
    }
    put_payload(payload, buffer);
    Ok(needed)
}

/// The length of the longest packet that is written to the stack first.
#[cfg(feature = "bytes")]
const ROOM: usize = 256;

#[cfg(feature = "bytes")]
#[inline(always)]
fn put_payload(payload: &[u8], buffer: &mut impl bytes::BufMut) {
    if !payload.is_empty() {
        buffer.put_slice(payload);
    }
}

/// Checks a packet and measures it. Names the rule that it breaks.
#[inline(never)]
pub(crate) fn measure(
    body: &impl EncodeBody,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<RemainingLength, EncodeError> {
    match count::<Refusal>(body, packet_type, dialect) {
        Ok(len) => RemainingLength::new(len),
        Err(refusal) => Err(refusal.of(packet_type, dialect)),
    }
}

/// The Remaining Length.
#[inline(always)]
fn count<E: From<Refusal>>(
    body: &impl EncodeBody,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<usize, E> {
    check_sender(packet_type, dialect)?;
    let counter = body.write(packet_type, dialect, LengthCounter::<E>::ZERO)?;
    Ok(counter.0.saturating_add(body.later_len()))
}

/// Checks that the dialect allows packets of this type.
#[inline(always)]
fn check_sender(packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal> {
    packet_type.check_sender(dialect).map_err(|kind| {
        let first_byte = (packet_type as u8) << 4 | packet_type.flags();
        Refusal::broken(kind, Field::PacketType, u32::from(first_byte))
    })
}

/// A body with its packet type and dialect.
struct BodyFields<'b, B> {
    body: &'b B,
    packet_type: PacketType,
    dialect: Dialect,
}

impl<B: EncodeBody> Fields for BodyFields<'_, B> {
    #[inline(always)]
    fn write<O: Out>(&self, out: O) -> Result<O, O::Error> {
        self.body.write(self.packet_type, self.dialect, out)
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        self.body.at_least()
    }
}

/// Writes the first byte and the Remaining Length.
#[inline(always)]
pub(crate) fn put_fixed_header<O: Out>(
    packet_type: PacketType,
    flags: u8,
    remaining_length: RemainingLength,
    out: O,
) -> Result<O, O::Error> {
    let first_byte = (packet_type as u8) << 4 | flags;
    match remaining_length.0 {
        short @ 0..0x80 => out.put(&[first_byte, short as u8]),
        long => out.put_byte(first_byte)?.put_variable_byte_integer(long),
    }
}

/// The Remaining Length of a packet that passed all checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemainingLength(u32);

impl RemainingLength {
    #[inline(always)]
    pub(crate) fn new(length: usize) -> Result<Self, EncodeError> {
        match u32::try_from(length) {
            Ok(length @ 0..=varint::MAX) => Ok(Self(length)),
            _ => Err(EncodeError::TooLong),
        }
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    /// The length of the packet, fixed header included.
    pub(crate) const fn packet_len(self) -> usize {
        1 + varint::len(self.0) + self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::RemainingLength;
    use crate::packet::test_support::*;
    use crate::{ConnAck, EncodeError, ErrorKind, Field, Packet};
    use crate::{Publish, ReasonCode, TopicName, Version};

    #[test]
    fn pings_have_an_empty_body() {
        for version in Version::ALL {
            accept(b"\xc0\0", client(version));
            accept(b"\xd0\0", server(version));
        }
    }

    #[test]
    fn encoding_checks_the_sender_before_the_body() {
        // no CONNACK carries this code
        let connack = ConnAck::new(ReasonCode::GrantedQos1);
        let fault = (ErrorKind::WrongSender, Field::PacketType);
        assert_eq!(refuse_to_encode(connack, client(V5)), fault);
        let fault = (ErrorKind::ReasonCodeNotAllowed, Field::ReasonCode);
        assert_eq!(refuse_to_encode(connack, server(V5)), fault);
    }

    #[test]
    fn the_remaining_length_grows_by_a_byte_at_128() {
        let payload = [0; 125];
        let topic = TopicName::new("a").unwrap();
        let publish = |len| Publish::new(topic, &payload[..len]);
        let bytes = encode(publish(124), client(V3_1_1));
        assert_eq!((&bytes[..2], bytes.len()), (&[0x30, 0x7f][..], 129));
        let bytes = encode(publish(125), client(V3_1_1));
        assert_eq!((&bytes[..3], bytes.len()), (&[0x30, 0x80, 0x01][..], 131));
    }

    #[test]
    fn the_remaining_length_has_a_maximum() {
        let longest = RemainingLength::new(268_435_455).unwrap();
        assert_eq!(longest.packet_len(), 268_435_460);
        let error = RemainingLength::new(268_435_456).unwrap_err();
        assert_eq!(error, EncodeError::TooLong);
    }

    #[test]
    fn a_buffer_that_is_too_small_has_the_length_in_its_error() {
        let mut buffer = [0xaa; 2];
        let dialect = client(V5);
        let needed = Packet::PingReq.encoded_len(dialect).unwrap();
        assert_eq!(needed, 2);
        let error = Packet::PingReq.encode_to_slice(dialect, &mut buffer[..1]);
        assert_eq!(error, Err(EncodeError::BufferTooSmall { needed }));
        assert_eq!(buffer[1], 0xaa);
        assert_eq!(Packet::PingReq.encode_to_slice(dialect, &mut buffer), Ok(2));
        assert_eq!(buffer, [0xc0, 0]);
    }
}
