//! Properties of every packet and of any bytes. Each function panics if its property does not hold.
//!
//! The fuzz targets use this file too.

#![allow(dead_code)] // each program uses a part

pub mod canonical;
pub mod forwarding;
mod reference_encoder;
pub mod stream;
pub mod text;

use arbitrary::Unstructured;
use bytes::Bytes;
use mqtt_wire::{
    Carrier, Connect, DecodeError, Dialect, EncodeError, ErrorKind, Field, FrameDecoder, FrameRef,
    Limits, NextFrame, Packet, PacketBuf, PacketType, Properties, PropertiesBuf, Sender, Version,
};
use mqtt_wire_testkit as model;

pub use self::canonical::frame;

/// All six dialects.
pub fn dialects() -> impl Iterator<Item = Dialect> {
    Version::ALL
        .into_iter()
        .flat_map(|version| [Dialect::from_client(version), Dialect::from_server(version)])
}

/// Bytes for a generator, the same for the same seed.
pub fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    std::iter::repeat_with(next).take(2_000).collect()
}

/// The bytes of `count` valid packets, the same for the same type and dialect.
pub fn packets(
    packet_type: PacketType,
    dialect: Dialect,
    count: u64,
) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |seed| packet(packet_type, dialect, seed))
}

/// The bytes of a valid packet.
pub fn packet(packet_type: PacketType, dialect: Dialect, seed: u64) -> Vec<u8> {
    let noise = noise(seed);
    let packet = model::Packet::valid_of(packet_type, dialect, &mut Unstructured::new(&noise));
    packet.encode(dialect).unwrap()
}

/// A generated packet that is valid in its dialect is equal after decoding, and round-trips.
pub fn model_round_trips(packet: &model::Packet, dialect: Dialect) {
    let bytes = packet.encode(dialect).unwrap();
    let decoded = Packet::decode(&bytes, dialect).unwrap();
    assert_eq!(model::Packet::from(decoded), *packet);
    packet
        .lend(dialect, |packet| round_trips(packet, dialect))
        .unwrap();
}

/// A packet that is valid in its dialect is encoded in the announced length, needs that much room, ends there, and is
/// equal after decoding.
pub fn round_trips(packet: Packet<'_>, dialect: Dialect) {
    let length = packet.encoded_len(dialect).unwrap();

    let mut bytes = vec![0xa5; length + 1];
    assert_eq!(packet.encode_to_slice(dialect, &mut bytes), Ok(length));
    assert_eq!(bytes.pop(), Some(0xa5), "writes past its end");
    short_buffers_are_rejected(&packet, dialect, length);
    let mut appended = vec![0xa5];
    assert_eq!(packet.encode(dialect, &mut appended), Ok(length));
    assert_eq!(appended[1..], bytes);

    let decoded = Packet::decode(&bytes, dialect).unwrap();
    assert_eq!(decoded, packet);
    // a decoded packet borrows its lists from the wire
    let mut again = vec![0; length];
    assert_eq!(decoded.encode_to_slice(dialect, &mut again), Ok(length));
    assert_eq!(again, bytes);

    // the other encoder writes the same bytes, or also the optional ones
    let plain = reference_encoder::encode(&packet.into(), dialect.version());
    assert_eq!(Packet::decode(&plain, dialect), Ok(packet));
    assert!(plain == bytes || plain.len() > length, "{plain:02x?}");

    framing_finds_the_end(&bytes, dialect);
    decode_matches_framing(&bytes, dialect);
    let encoded = PacketBuf::encode(&packet, dialect).unwrap();
    assert_eq!((encoded.packet(), encoded.as_ref()), (packet, &bytes[..]));
    owned_properties_lend_the_same(&packet, &bytes, dialect);
}

/// The properties of a packet, and of its Will, can be owned, and their block is a part of the packet.
fn owned_properties_lend_the_same(packet: &Packet<'_>, bytes: &[u8], dialect: Dialect) {
    let will = match packet {
        Packet::Connect(connect) => connect.will.map(|will| (will.properties, Carrier::Will)),
        _ => None,
    };
    let own = (packet.properties(), packet.packet_type().into());
    for (properties, carrier) in [own].into_iter().chain(will) {
        if properties.is_empty() {
            continue;
        }
        let owned = PropertiesBuf::new(properties, carrier, dialect).unwrap();
        assert_eq!(owned.as_properties(), properties);
        let block = owned.as_bytes();
        assert!(bytes.windows(block.len()).any(|part| part == block));
        let decoded = Properties::decode(block, carrier, dialect);
        assert_eq!(decoded, Ok((properties, &b""[..])));
    }
}

/// An owned packet is made from the bytes that decode, and lends the same packet.
fn owned_packets_lend_what_was_decoded(bytes: &[u8], dialect: Dialect) {
    let owned = PacketBuf::decode(Bytes::copy_from_slice(bytes), dialect);
    match Packet::decode(bytes, dialect) {
        Ok(packet) => {
            let owned = owned.unwrap();
            assert_eq!((owned.packet(), owned.as_ref()), (packet, bytes));
            let (mut again, mut same) = (vec![0; bytes.len()], vec![0; bytes.len()]);
            let length = packet.encode_to_slice(dialect, &mut again);
            assert_eq!(owned.packet().encode_to_slice(dialect, &mut same), length);
            assert_eq!(again, same);
        }
        Err(error) => assert_eq!(owned, Err(error)),
    }
}

fn short_buffers_are_rejected(packet: &Packet<'_>, dialect: Dialect, needed: usize) {
    let too_small = Err(EncodeError::BufferTooSmall { needed });
    let mut short = vec![0xa5; needed - 1];
    assert_eq!(packet.encode(dialect, &mut &mut short[..]), too_small);
    assert!(
        short.iter().all(|&byte| byte == 0xa5),
        "appends although it fails"
    );
    assert_eq!(packet.encode_to_slice(dialect, &mut short), too_small);
}

/// Framing finds the end of a packet before any other bytes, and applies the limit to its length.
fn framing_finds_the_end(packet: &[u8], dialect: Dialect) {
    let length = packet.len() as u32;
    for trailing in [&b""[..], b"\x00", packet] {
        let stream = [packet, trailing].concat();
        let framed = FrameRef::split(&stream, dialect, length);
        let Ok(NextFrame::Frame(frame)) = framed else {
            panic!("{framed:?}");
        };
        assert_eq!(frame.bytes(), packet);
    }
    let error = FrameRef::split(packet, dialect, length - 1).unwrap_err();
    error_is_complete(&error, packet, Some(dialect));
    assert_eq!(
        (error.kind(), error.offset()),
        (ErrorKind::PacketTooLarge, 1)
    );
}

/// [`encode_is_as_strict_as_decode`] for a generated packet, which may have texts that no packet can hold.
pub fn model_encode_is_as_strict_as_decode(packet: &model::Packet, dialect: Dialect) {
    let lent = packet.lend(dialect, |packet| {
        encode_is_as_strict_as_decode(packet, dialect);
    });
    let Err(error) = lent else {
        return;
    };
    assert_eq!(packet.encode(dialect), Err(error));
    let EncodeError::Violation(violation) = error else {
        panic!("{error:?}");
    };
    assert!(violation.statement().is_some(), "{violation:?}");
    // no bytes represent it
    let cannot_be_written = violation.kind() == ErrorKind::FieldTooLong
        || matches!(violation.field(), Field::Property(_)) && dialect.version() != Version::V5;
    if !cannot_be_written {
        let plain = reference_encoder::encode(packet, dialect.version());
        match Packet::decode(&plain, dialect) {
            Err(_) => {}
            // an empty name has the same bytes as no name, which a Topic Alias may replace
            Ok(Packet::Publish(publish)) if violation.kind() == ErrorKind::EmptyTopicName => {
                assert_eq!(publish.topic_name, None);
            }
            Ok(packet) => panic!("{violation}: {packet:?}"),
        }
    }
}

/// Encoding rejects a packet exactly if decoding rejects the bytes that the reference encoder makes of it. Then it appends
/// nothing.
pub fn encode_is_as_strict_as_decode(packet: Packet<'_>, dialect: Dialect) {
    let Err(error) = packet.encoded_len(dialect) else {
        return round_trips(packet, dialect);
    };
    let mut bytes = vec![0xa5; 1 << 10];
    assert_eq!(packet.encode_to_slice(dialect, &mut bytes), Err(error));
    bytes.clear();
    assert_eq!(packet.encode(dialect, &mut bytes), Err(error));
    assert!(bytes.is_empty());
    match error {
        EncodeError::Violation(violation) => {
            assert_eq!(violation.version(), Some(dialect.version()));
            assert!(violation.statement().is_some(), "{violation:?}");
            let plain = reference_encoder::encode(&packet.into(), dialect.version());
            assert!(Packet::decode(&plain, dialect).is_err(), "{violation}");
        }
        EncodeError::NotInVersion { version, .. } => assert_eq!(version, dialect.version()),
        _ => panic!("{error:?}"),
    }
    assert!(!error.to_string().is_empty());
}

/// Any bytes are decoded or rejected. A decoded packet is encoded again in its canonical form; an error is complete. Framing
/// agrees with decoding.
pub fn decode_matches_framing(bytes: &[u8], dialect: Dialect) {
    owned_packets_lend_what_was_decoded(bytes, dialect);
    let result = Packet::decode(bytes, dialect);
    match &result {
        Ok(_) => canonical::reencoding_is_canonical(canonical::LIBRARY, bytes, dialect).unwrap(),
        Err(error) => error_is_complete(error, bytes, Some(dialect)),
    }
    match FrameRef::split(bytes, dialect, u32::MAX) {
        Ok(NextFrame::Frame(frame)) if frame.bytes().len() == bytes.len() => {
            assert_eq!(frame.decode(dialect), result);
        }
        Ok(NextFrame::Frame(frame)) => {
            let error = result.unwrap_err();
            let place = (error.kind(), error.offset());
            assert_eq!(place, (ErrorKind::TrailingBytes, frame.bytes().len()));
        }
        Ok(NextFrame::NeedMore(_)) => {
            let error = result.unwrap_err();
            let place = (error.kind(), error.offset());
            assert_eq!(place, (ErrorKind::Truncated, bytes.len()));
        }
        Err(error) => assert_eq!(result, Err(error)),
    }
    if dialect.sender() == Sender::Client {
        connect_decode_matches_packet_decode(bytes, result);
    }
}

/// A CONNECT decodes the same with and without its version.
fn connect_decode_matches_packet_decode(
    bytes: &[u8],
    with_dialect: Result<Packet<'_>, DecodeError>,
) {
    match (Connect::decode(bytes), with_dialect) {
        (Ok(connect), Ok(packet)) => assert_eq!(packet, connect.into()),
        (Ok(connect), Err(error)) => assert_ne!(error.version(), Some(connect.version)),
        (Err(error), Ok(packet)) => {
            assert!(!matches!(packet, Packet::Connect(_)), "{error}");
            error_is_complete(&error, bytes, None);
        }
        (Err(error), Err(_)) => error_is_complete(&error, bytes, None),
    }
}

/// An error has a place in the bytes, a broken statement, and in 5.0 a Reason Code.
pub fn error_is_complete(error: &DecodeError, bytes: &[u8], dialect: Option<Dialect>) {
    assert!(error.offset() <= bytes.len(), "{error:?}");
    // before 5.0 the standards have no limits of the receiver
    let is_own_limit = error.kind() == ErrorKind::PacketTooLarge
        && !matches!(error.version(), Some(Version::V5) | None);
    assert!(error.statement().is_some() != is_own_limit, "{error:?}");
    assert!(!error.to_string().is_empty());
    if let Some(dialect) = dialect {
        assert_eq!(error.version(), Some(dialect.version()));
    }
    if matches!(error.version(), Some(Version::V5) | None) {
        assert!(error.reason_code().is_some(), "{error:?}");
    }
}

/// A packet that was decoded in one dialect is encoded in each dialect and is equal there, or is rejected.
pub fn reencodes_for_every_dialect(bytes: &[u8], dialect: Dialect) {
    let packet = Packet::decode(bytes, dialect).unwrap();
    for other in dialects() {
        encode_is_as_strict_as_decode(packet, other);
    }
}

/// Each prefix of a packet needs the rest, and never more. A packet that ends early or late is rejected, or is another
/// valid packet if the standard allows several lengths.
pub fn no_other_length_decodes(bytes: &[u8], dialect: Dialect) {
    let header_length = 2 + bytes[1..].iter().take_while(|&&byte| byte >= 0x80).count();
    let (header, body) = bytes.split_at(header_length);
    for length in places(bytes.len()) {
        let Ok(NextFrame::NeedMore(more)) = FrameRef::split(&bytes[..length], dialect, u32::MAX)
        else {
            panic!("needs nothing more after {length} bytes");
        };
        let missing = bytes.len() - length;
        if length < header_length {
            assert!(more.get() <= missing);
        } else {
            assert_eq!(more.get(), missing);
        }
    }
    for length in places(body.len()) {
        let cut = frame(header[0], &body[..length]);
        decode_matches_framing(&cut, dialect);
        if !may_end_early(&cut, dialect.version()) {
            assert!(Packet::decode(&cut, dialect).is_err(), "{cut:02x?}");
        }
    }
    let longer = frame(header[0], &[body, &[0; 5]].concat());
    decode_matches_framing(&longer, dialect);
    if !may_be_longer(&longer, dialect.version()) {
        assert!(Packet::decode(&longer, dialect).is_err(), "{longer:02x?}");
    }
}

/// Whether a packet of this type may be valid without its last byte.
fn may_end_early(packet: &[u8], version: Version) -> bool {
    match (packet[0] >> 4, version) {
        // a payload
        (3, _) => true,
        // lists
        (8..=10, _) | (11, Version::V5) => true,
        // Reason Code and properties
        (4..=7 | 14, Version::V5) => true,
        // user name and password
        (1, Version::V3_1) => true,
        _ => false,
    }
}

/// Whether a packet of this type may be valid with five zeros at its end: a payload or a list of codes.
fn may_be_longer(packet: &[u8], version: Version) -> bool {
    matches!((packet[0] >> 4, version), (3 | 9, _) | (11, Version::V5))
}

/// All places before `end`; for a long packet those near both ends and a few between.
fn places(end: usize) -> impl Iterator<Item = usize> {
    (0..end).filter(move |&place| {
        end < 300 || place < 40 || end - place < 40 || place % (end / 10) == 0
    })
}

/// How a decoder begins.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    /// In the middle of a connection.
    In(Dialect),
    /// As a Server does, with a CONNECT of any version.
    Accept,
}

/// The frames of a stream, and how it ends.
#[derive(Debug, PartialEq)]
pub struct Apart {
    pub frames: Vec<Vec<u8>>,
    /// The number of bytes that the decoder needs, or its error.
    pub ending: Result<usize, DecodeError>,
    /// The bytes after the last frame.
    pub left: Vec<u8>,
    pub dialect: Option<Dialect>,
}

impl Start {
    pub fn decoder(self, limits: Limits) -> FrameDecoder {
        match self {
            Self::In(dialect) => FrameDecoder::new(dialect, limits),
            Self::Accept => FrameDecoder::accept(limits),
        }
    }

    /// Splits a stream that arrives in pieces. A decoder that failed stays failed and buffers nothing more.
    pub fn take_apart<'p>(
        self,
        limits: Limits,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> Apart {
        let mut decoder = self.decoder(limits);
        let mut frames = Vec::new();
        let mut ending = Ok(2);
        let mut not_taken = Vec::new();
        for piece in pieces {
            let before = decoder.buffer_mut().len();
            decoder.extend(piece);
            if ending.is_err() {
                assert_eq!(decoder.buffer_mut().len(), before, "buffers more");
                not_taken.extend(piece);
            }
            let now = loop {
                match decoder.next_frame() {
                    Ok(NextFrame::Frame(frame)) => frames.push(frame.bytes().to_vec()),
                    Ok(NextFrame::NeedMore(more)) => break Ok(more.get()),
                    Err(error) => break Err(error),
                }
            };
            assert!(ending.is_ok() || ending == now, "{ending:?}, then {now:?}");
            ending = now;
        }
        Apart {
            frames,
            ending,
            left: [&decoder.buffer_mut()[..], &not_taken].concat(),
            dialect: decoder.dialect(),
        }
    }

    /// A decoder lends the packets that its frames hold. A bad packet stays in the buffer, and the decoder failed.
    pub fn lends_what_frames_hold<'p>(
        self,
        limits: Limits,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) {
        let (mut framing, mut lending) = (self.decoder(limits), self.decoder(limits));
        for piece in pieces {
            framing.extend(piece);
            lending.extend(piece);
            loop {
                let framed = framing.next_frame();
                let (packet, bad) = match (&framed, framing.dialect()) {
                    (Ok(NextFrame::NeedMore(_)), _) => (Ok(None), &[][..]),
                    (Ok(NextFrame::Frame(frame)), Some(dialect)) => {
                        (frame.decode(dialect).map(Some), &frame.bytes()[..])
                    }
                    (Ok(NextFrame::Frame(_)), None) => panic!("a frame without a dialect"),
                    (Err(error), _) => (Err(*error), &[][..]),
                };
                assert_eq!(lending.next_packet(), packet);
                assert_eq!(lending.dialect(), framing.dialect());
                match packet {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(
                            lending.buffer_mut()[..],
                            [bad, &framing.buffer_mut()[..]].concat()
                        );
                        assert_eq!(lending.next_packet(), Err(error));
                        assert_eq!(lending.next_frame(), Err(error));
                        return;
                    }
                }
            }
            assert_eq!(lending.buffer_mut()[..], framing.buffer_mut()[..]);
        }
    }

    /// Splits a stream that is complete in a slice.
    pub fn take_apart_whole(self, limits: Limits, stream: &[u8]) -> Apart {
        let mut dialect = match self {
            Self::In(dialect) => Some(dialect),
            Self::Accept => None,
        };
        let mut frames = Vec::new();
        let mut rest = stream;
        let ending = loop {
            let framed = match dialect {
                Some(dialect) => FrameRef::split(rest, dialect, limits.packet),
                None => FrameRef::split_connect(rest, limits.first_packet),
            };
            let frame = match framed {
                Ok(NextFrame::Frame(frame)) => frame,
                Ok(NextFrame::NeedMore(more)) => break Ok(more.get()),
                Err(error) => break Err(error),
            };
            if dialect.is_none() {
                let version = match frame.decode_connect() {
                    Ok(connect) => connect.version,
                    // its version is known, and decoding the frame checks the rest
                    Err(error) => match error.version() {
                        Some(version) => version,
                        None => break Err(error),
                    },
                };
                dialect = Some(Dialect::from_client(version));
            }
            frames.push(frame.bytes().to_vec());
            rest = &rest[frame.bytes().len()..];
        };
        Apart {
            frames,
            ending,
            left: rest.to_vec(),
            dialect,
        }
    }

    /// A reader that reads exactly the needed number of bytes gets each frame after at most five calls, and never a byte
    /// of the next frame.
    pub fn need_more_is_exact(self, limits: Limits, stream: &[u8]) {
        let mut decoder = self.decoder(limits);
        let mut rest = stream;
        let mut answers = 0;
        while let Ok(framed) = decoder.next_frame() {
            let NextFrame::NeedMore(more) = framed else {
                assert!(decoder.buffer_mut().is_empty(), "needed too many bytes");
                answers = 0;
                continue;
            };
            answers += 1;
            assert!(answers <= 5, "needs more than five reads");
            let Some((piece, after)) = rest.split_at_checked(more.get()) else {
                break;
            };
            let (last, but_one) = piece.split_last().unwrap();
            decoder.extend(but_one);
            if let Ok(framed) = decoder.next_frame() {
                assert!(matches!(framed, NextFrame::NeedMore(more) if more.get() == 1));
            }
            decoder.extend(&[*last]);
            rest = after;
        }
    }
}
