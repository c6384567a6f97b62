//! The traits of packet bodies, and the encoding that all packets share. A body is the part of a
//! packet after its fixed header.

use crate::dialect::Dialect;
use crate::error::{EncodeError, Field, ParseFault, Refusal};
use crate::fixed_header::FirstByte;
use crate::packet_type::PacketType;
use crate::wire::read::Parsed;
use crate::wire::varint;
use crate::wire::write::{BoundedPut, LengthCounter, Put};

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
    /// Checks the packet. The caller has checked that the dialect allows packets of this type.
    fn check(&self, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal>;

    /// Bits 3 to 0 of the first byte.
    #[inline]
    fn flags(&self, packet_type: PacketType) -> u8 {
        packet_type.flags()
    }

    /// Writes the body, without a payload that the caller sends separately.
    fn put(&self, dialect: Dialect, out: &mut impl Put);

    /// The length of the payload that the caller sends separately.
    #[inline]
    fn later_len(&self) -> usize {
        0
    }
}

/// The empty body of PINGREQ and PINGRESP.
impl EncodeBody for () {
    fn check(&self, _: PacketType, _: Dialect) -> Result<(), Refusal> {
        Ok(())
    }

    fn put(&self, _: Dialect, _: &mut impl Put) {}
}

/// Checks, measures and writes a packet. Returns the number of bytes written.
#[inline(always)]
pub(crate) fn encode(
    body: &impl EncodeBody,
    packet_type: PacketType,
    dialect: Dialect,
    mut out: impl BoundedPut,
) -> Result<usize, EncodeError> {
    let remaining_length = measure(body, packet_type, dialect)?;
    let needed = remaining_length.packet_len() - body.later_len();
    if out.room() < needed {
        return Err(EncodeError::BufferTooSmall { needed });
    }
    put_fixed_header(
        packet_type,
        body.flags(packet_type),
        remaining_length,
        &mut out,
    );
    body.put(dialect, &mut out);
    Ok(needed)
}

/// Checks a packet, then measures it: its writer writes to a counter.
#[inline(always)]
pub(crate) fn measure(
    body: &impl EncodeBody,
    packet_type: PacketType,
    dialect: Dialect,
) -> Result<RemainingLength, EncodeError> {
    if let Err(refusal) = check(body, packet_type, dialect) {
        return Err(refusal.of(packet_type, dialect));
    }
    let mut counter = LengthCounter::default();
    body.put(dialect, &mut counter);
    RemainingLength::new(counter.0.saturating_add(body.later_len()))
}

/// Checks that the dialect allows packets of this type, then the packet itself.
#[inline(always)]
fn check(body: &impl EncodeBody, packet_type: PacketType, dialect: Dialect) -> Result<(), Refusal> {
    if let Err(kind) = packet_type.check_sender(dialect) {
        let first_byte = (packet_type as u8) << 4 | packet_type.flags();
        return Err(Refusal::broken(
            kind,
            Field::PacketType,
            u32::from(first_byte),
        ));
    }
    body.check(packet_type, dialect)
}

/// Writes the first byte and the Remaining Length.
#[inline]
pub(crate) fn put_fixed_header(
    packet_type: PacketType,
    flags: u8,
    remaining_length: RemainingLength,
    out: &mut impl Put,
) {
    let first_byte = (packet_type as u8) << 4 | flags;
    match remaining_length.0 {
        short @ 0..0x80 => out.put(&[first_byte, short as u8]),
        long => {
            out.put_byte(first_byte);
            out.put_variable_byte_integer(long);
        }
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
    fn a_buffer_that_is_too_small_stays_as_it_is() {
        let mut buffer = [0xaa; 2];
        let dialect = client(V5);
        let needed = Packet::PingReq.encoded_len(dialect).unwrap();
        assert_eq!(needed, 2);
        let error = Packet::PingReq.encode_to_slice(dialect, &mut buffer[..1]);
        assert_eq!(error, Err(EncodeError::BufferTooSmall { needed }));
        assert_eq!(buffer, [0xaa; 2]);
        assert_eq!(Packet::PingReq.encode_to_slice(dialect, &mut buffer), Ok(2));
        assert_eq!(buffer, [0xc0, 0]);
    }
}
