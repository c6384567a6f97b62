//! The fixed header of a packet that may be wrong or incomplete.
//!
//! [`FrameRef::split`](mqtt_wire::FrameRef::split) reads the fixed header of a packet that follows
//! the rules. The functions here read as much as is there, whatever it is.

use mqtt_wire::{Dialect, FrameRef, NextFrame, PacketType, Sender, Version};

/// The longest fixed header.
pub const MAX_LEN: usize = 5;

/// The packet type that the first byte names.
pub fn packet_type(bytes: &[u8]) -> Option<PacketType> {
    let number = bytes.first()? >> 4;
    let mut types = PacketType::ALL.into_iter();
    types.find(|packet_type| *packet_type as u8 == number)
}

/// Whether the first byte names CONNECT.
pub fn starts_with_connect(bytes: &[u8]) -> bool {
    packet_type(bytes) == Some(PacketType::Connect)
}

/// A Variable Byte Integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariableByteInteger {
    pub value: usize,
    /// How many bytes encode it.
    pub len: usize,
}

impl VariableByteInteger {
    /// Reads a number at the beginning of `bytes`, in its shortest form or not.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut value = 0;
        for (place, byte) in bytes.iter().take(4).enumerate() {
            value |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                let len = place + 1;
                return Some(Self { value, len });
            }
        }
        None
    }

    /// Appends a number in its shortest form.
    pub fn write(mut value: usize, bytes: &mut Vec<u8>) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return bytes.push(low);
            }
            bytes.push(low | 0x80);
        }
    }
}

/// The Remaining Length of the packet at the beginning of `bytes`.
pub fn remaining_length(bytes: &[u8]) -> Option<VariableByteInteger> {
    VariableByteInteger::read(bytes.get(1..)?)
}

/// How many bytes the fixed header has.
pub fn len(bytes: &[u8]) -> Option<usize> {
    remaining_length(bytes).map(|length| 1 + length.len)
}

/// How many bytes the whole packet has.
pub fn packet_len(bytes: &[u8]) -> Option<usize> {
    remaining_length(bytes).map(|length| 1 + length.len + length.value)
}

/// Whether a Remaining Length of 128 to 255 was probably written as one byte: the second byte adds
/// nothing to the value, and with the first byte as the length, `bytes` are exactly one packet.
pub fn is_length_in_one_byte(bytes: &[u8]) -> bool {
    match bytes {
        [_, length @ 0x80..=0xff, 0, ..] => bytes.len() == 2 + usize::from(*length),
        _ => false,
    }
}

/// Whether bytes are whole packets with fixed headers that a dialect allows. Their bodies may be
/// wrong.
pub fn is_packets(bytes: &[u8], dialect: Dialect) -> bool {
    let mut rest = bytes;
    while let Ok(NextFrame::Frame(frame)) = FrameRef::split(rest, dialect, u32::MAX) {
        rest = rest.get(frame.bytes().len()..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
    }
    false
}

/// Whether bytes are likely to be MQTT: whole packets in some dialect, or a CONNECT that may be
/// wrong or incomplete.
pub fn is_likely_mqtt(bytes: &[u8]) -> bool {
    let after_length = len(bytes).and_then(|len| bytes.get(len..));
    let names = ["MQTT", "MQIsdp"].map(|name| [&[0, name.len() as u8], name.as_bytes()].concat());
    let has_name = |body: &[u8]| names.iter().any(|name| body.starts_with(name));
    starts_with_connect(bytes) && after_length.is_some_and(has_name)
        || Version::ALL.into_iter().any(|version| {
            let dialect = |sender| Dialect::new(version, sender);
            is_packets(bytes, dialect(Sender::Client)) || is_packets(bytes, dialect(Sender::Server))
        })
}

/// Finds the beginnings of packets in a stream without decoding them.
#[derive(Debug, Default)]
pub struct PacketStarts {
    /// The bytes so far of a fixed header that is not complete.
    header: Vec<u8>,
    /// How many bytes of the current packet are still to come.
    left: usize,
    /// A Remaining Length has no end, so no further packet can be found.
    is_lost: bool,
}

impl PacketStarts {
    /// Reads the next bytes of the stream, and returns where in them the first packet begins.
    pub fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut first = None;
        let mut rest = bytes;
        while !self.is_lost {
            let skip = self.left.min(rest.len());
            self.left -= skip;
            rest = rest.get(skip..).unwrap_or_default();
            let Some((byte, after)) = rest.split_first() else {
                break;
            };
            if self.header.is_empty() {
                first = first.or(Some(bytes.len() - rest.len()));
            }
            self.header.push(*byte);
            if let Some(length) = remaining_length(&self.header) {
                self.left = length.value;
                self.header.clear();
            }
            self.is_lost = self.header.len() >= MAX_LEN;
            rest = after;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_next_packet_wherever_the_stream_is_cut() {
        let long = [&b"\x30\x82\x01"[..], &[0; 130]].concat();
        let stream = [b"\xc0\0", &long[..], b"\x40\x02\0\x01", b"\xe0\0"].concat();
        let starts = [0, 2, 135, 139];
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            let mut packets = PacketStarts::default();
            assert_eq!(packets.advance(first), (cut > 0).then_some(0));
            let expected = starts.iter().find(|start| **start >= cut);
            assert_eq!(packets.advance(second), expected.map(|start| start - cut));
        }
    }

    #[test]
    fn finds_no_packet_after_a_length_without_end() {
        let mut packets = PacketStarts::default();
        assert_eq!(packets.advance(b"\x30\xff\xff\xff\xff\x01"), Some(0));
        assert_eq!(packets.advance(b"\xc0\0"), None);
    }

    #[test]
    fn writes_what_it_reads() {
        for value in [0, 127, 128, 16_383, 16_384, 2_097_152, 268_435_455] {
            let mut bytes = Vec::new();
            VariableByteInteger::write(value, &mut bytes);
            let len = bytes.len();
            let read = VariableByteInteger::read(&bytes);
            assert_eq!(read, Some(VariableByteInteger { value, len }));
        }
    }
}
