//! Streams of packets, cut anywhere, come apart into the same frames and the same error.

use crate::invariants::{Start, dialects, noise};
use arbitrary::Unstructured;
use mqtt_wire::{
    Connect, Dialect, ErrorKind, FrameDecoder, FrameRef, Limits, NextFrame, Packet, PacketBuf,
    PacketType, Publish, Sender, TopicName, Utf8Str, Version,
};
use mqtt_wire_testkit as model;

const NO_LIMITS: Limits = Limits::DEFAULT
    .with_packet(u32::MAX)
    .with_first_packet(u32::MAX);

// ---- splitting -----------------------------------------------------------------------------

#[test]
fn frames_do_not_depend_on_where_the_stream_is_cut() {
    for (start, stream) in streams() {
        let whole = start.take_apart_whole(NO_LIMITS, &stream);
        assert!(whole.frames.len() > 2, "{whole:?}");
        assert_eq!(start.take_apart(NO_LIMITS, stream.chunks(1)), whole);
        for first in 0..=stream.len() {
            let (one, rest) = stream.split_at(first);
            assert_eq!(start.take_apart(NO_LIMITS, [one, rest]), whole);
            for second in 1..rest.len() {
                let (two, three) = rest.split_at(second);
                assert_eq!(start.take_apart(NO_LIMITS, [one, two, three]), whole);
            }
        }
    }
}

#[test]
fn every_stream_lends_the_packets_of_its_frames() {
    for (start, stream) in streams() {
        start.lends_what_frames_hold(NO_LIMITS, stream.chunks(1));
        for first in 0..=stream.len() {
            let (one, two) = stream.split_at(first);
            start.lends_what_frames_hold(NO_LIMITS, [one, two]);
        }
    }
}

#[test]
fn frames_are_equal_if_their_bytes_are() {
    let frame = |bytes, dialect| match FrameRef::split(bytes, dialect, u32::MAX) {
        Ok(NextFrame::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    };
    let [v3, v5] = [Version::V3_1_1, Version::V5].map(Dialect::from_client);
    let ping = frame(b"\xc0\x00", v5);
    assert_eq!(ping, frame(b"\xc0\x00", v5));
    assert_eq!(ping, frame(b"\xc0\x00", v3));
    assert_ne!(ping, frame(b"\xe0\x00", v5));
}

#[test]
fn a_lent_packet_is_removed_by_the_next_call() {
    let dialect = Dialect::from_client(Version::V5);
    let two = b"\x30\x05\x00\x01t\x00a\x30\x05\x00\x01t\x00b";
    let lent = || {
        let mut decoder = FrameDecoder::new(dialect, Limits::default());
        decoder.extend(two);
        assert!(
            matches!(decoder.next_packet(), Ok(Some(Packet::Publish(it))) if it.payload == b"a")
        );
        decoder
    };
    assert_eq!(lent().buffer_mut()[..], two[7..]);
    assert!(
        matches!(lent().next_frame(), Ok(NextFrame::Frame(frame)) if frame.bytes()[..] == two[7..])
    );
    assert!(matches!(lent().next_packet(), Ok(Some(Packet::Publish(it))) if it.payload == b"b"));
    let mut decoder = lent();
    decoder.extend(b"\xc0");
    assert_eq!(decoder.buffer_mut()[..], [&two[7..], b"\xc0"].concat());
}

#[test]
fn a_packet_that_does_not_decode_stays_in_the_buffer() {
    let dialect = Dialect::from_client(Version::V5);
    let mut decoder = FrameDecoder::new(dialect, Limits::default());
    decoder.extend(b"\xc0\x00\x30\x03\x00\x00\x00\xc0\x00"); // the PUBLISH has no topic
    assert_eq!(decoder.next_packet(), Ok(Some(Packet::PingReq)));
    let error = decoder.next_packet().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EmptyTopicName);
    decoder.extend(b"\xc0\x00");
    assert_eq!(decoder.next_packet(), Err(error));
    assert_eq!(decoder.buffer_mut()[..], *b"\x30\x03\x00\x00\x00\xc0\x00");
}

#[test]
fn need_more_is_exact_in_every_stream() {
    for (start, stream) in streams() {
        start.need_more_is_exact(NO_LIMITS, &stream);
    }
}

/// Streams of up to a hundred bytes: for each dialect, and for a Server that accepts a connection of
/// each version; with each of these endings, of which three make a decoder fail.
fn streams() -> impl Iterator<Item = (Start, Vec<u8>)> {
    const ENDINGS: [&[u8]; 7] = [
        b"",
        b"\x40",
        b"\x32\x7f\x00",
        b"\x32\xff\xff\xff\x7f",
        b"\x32\xff\xff\xff\xff\x00",
        b"\x32\x80\x00\x00",
        b"\x01\x00",
    ];
    let running = dialects().map(|dialect| (Start::In(dialect), dialect, Vec::new()));
    let accepted = Version::ALL.into_iter().map(|version| {
        let dialect = Dialect::from_client(version);
        (Start::Accept, dialect, connect(version))
    });
    running.chain(accepted).flat_map(|(start, dialect, begin)| {
        ENDINGS.iter().zip(0..).map(move |(ending, index)| {
            let short_packets = (index * 1_000..)
                .map(|seed| model::Packet::valid(dialect, &mut Unstructured::new(&noise(seed))))
                .map(|packet| packet.encode(dialect).unwrap())
                .filter(|bytes| bytes.len() < 30);
            let middle: Vec<_> = short_packets.take(4).flatten().collect();
            (start, [&begin, &middle[..], ending].concat())
        })
    })
}

fn connect(version: Version) -> Vec<u8> {
    let connect = Connect::new(version, Utf8Str::new("c").unwrap());
    encode(connect.into(), Dialect::from_client(version))
}

fn encode(packet: Packet<'_>, dialect: Dialect) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(dialect, &mut bytes).unwrap();
    bytes
}

// ---- failing -------------------------------------------------------------------------------

#[test]
fn a_failed_decoder_stays_failed_and_keeps_the_bytes() {
    let dialect = Dialect::from_client(Version::V5);
    let mut decoder = FrameDecoder::new(dialect, Limits::default());
    decoder.extend(b"\xc0\x00\x00\x00");
    assert!(matches!(decoder.next_frame(), Ok(NextFrame::Frame(_))));
    let error = decoder.next_frame().unwrap_err();
    assert_eq!(
        (error.kind(), error.offset()),
        (ErrorKind::ReservedPacketType, 0)
    );
    assert_eq!(decoder.buffer_mut()[..], *b"\x00\x00");

    // no further bytes help, so the decoder does not accept any
    decoder.extend(b"\xc0\x00");
    assert_eq!(decoder.next_frame(), Err(error));
    assert_eq!(decoder.buffer_mut()[..], *b"\x00\x00");
    decoder.buffer_mut().clear();
    decoder.buffer_mut().extend_from_slice(b"\xc0\x00");
    assert_eq!(decoder.next_frame(), Err(error));
    assert_eq!(decoder.buffer_mut()[..], *b"\xc0\x00");
}

#[test]
fn the_first_byte_is_checked_before_the_second() {
    for dialect in dialects() {
        for first_byte in 0..=255 {
            let bytes = [first_byte];
            let framed = FrameRef::split(&bytes, dialect, u32::MAX);
            let Some(packet_type) = PacketType::ALL
                .into_iter()
                .find(|it| *it as u8 == first_byte >> 4)
            else {
                assert_eq!(framed.unwrap_err().kind(), ErrorKind::ReservedPacketType);
                continue;
            };
            let is_right = packet_type.is_sent_in(dialect)
                && has_flags(packet_type, first_byte & 0x0f, dialect.version());
            match framed {
                Ok(framed) => {
                    assert!(is_right, "{dialect:?}: {first_byte:02x}");
                    assert!(matches!(framed, NextFrame::NeedMore(more) if more.get() == 1));
                }
                Err(error) => {
                    assert!(!is_right, "{dialect:?}: {first_byte:02x}");
                    assert_eq!(error.offset(), 0);
                }
            }
        }
    }
}

/// Table 2-2 of 3.1.1 and 5.0; in 3.1 all flags but QoS are ignored.
fn has_flags(packet_type: PacketType, flags: u8, version: Version) -> bool {
    use PacketType::{PubRel, Publish, Subscribe, Unsubscribe};

    let (dup, qos) = (flags & 0x08 != 0, flags >> 1 & 0x03);
    match (version, packet_type) {
        (Version::V3_1, Publish) => qos != 3,
        (Version::V3_1, PubRel | Subscribe | Unsubscribe) => qos == 1,
        (Version::V3_1, _) => true,
        (_, Publish) => qos != 3 && (qos != 0 || !dup),
        (_, PubRel | Subscribe | Unsubscribe) => flags == 0b0010,
        _ => flags == 0,
    }
}

#[test]
fn a_fifth_length_byte_is_rejected_before_it_arrives() {
    for first_byte in [0x10, 0x30] {
        let bytes = [first_byte, 0xff, 0xff, 0xff, 0xff];
        for version in Version::ALL {
            let dialect = Dialect::from_client(version);
            let split = |length| FrameRef::split(&bytes[..length], dialect, u32::MAX);
            assert!(matches!(split(4), Ok(NextFrame::NeedMore(more)) if more.get() == 1));
            let error = split(5).unwrap_err();
            let place = (error.kind(), error.offset());
            assert_eq!(place, (ErrorKind::VariableByteIntegerTooLong, 1));
        }
    }
    let error = FrameRef::split_connect(b"\x10\xff\xff\xff\xff", u32::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::VariableByteIntegerTooLong);
}

#[test]
fn an_impossible_length_is_rejected_at_its_last_byte() {
    let kind = |bytes: &[u8], version| {
        let dialect = match bytes[0] {
            0x20 | 0xb0 | 0xd0 => Dialect::from_server(version),
            _ => Dialect::from_client(version),
        };
        let framed = FrameRef::split(bytes, dialect, u32::MAX);
        framed.err().map(|error| error.kind())
    };
    for version in Version::ALL {
        let only_before_v5 = match version {
            Version::V5 => None,
            _ => Some(ErrorKind::RemainingLength),
        };
        assert_eq!(kind(b"\xc0\x01", version), Some(ErrorKind::RemainingLength));
        assert_eq!(kind(b"\xd0\x01", version), Some(ErrorKind::RemainingLength));
        assert_eq!(kind(b"\xe0\x01", version), only_before_v5);
        for first_byte in [0x20, 0x40, 0x50, 0x62, 0x70, 0xb0] {
            assert_eq!(kind(&[first_byte, 2], version), None);
            assert_eq!(kind(&[first_byte, 3], version), only_before_v5);
        }
        let not_shortest = Some(ErrorKind::VariableByteIntegerNotShortest);
        assert_eq!(kind(b"\x30\x83\x00", version), not_shortest);
        assert_eq!(kind(b"\x30\xff\xff\x00", version), not_shortest);
    }
}

// ---- limits --------------------------------------------------------------------------------

#[test]
fn a_length_above_the_limit_is_rejected_at_its_last_byte() {
    let mut decoder = FrameDecoder::new(Dialect::from_client(Version::V5), Limits::default());
    decoder.extend(b"\x30\xff\xff\xff");
    assert!(matches!(decoder.next_frame(), Ok(NextFrame::NeedMore(more)) if more.get() == 1));
    decoder.extend(b"\x7f");
    let error = decoder.next_frame().unwrap_err();
    let place = (error.kind(), error.offset(), error.value());
    assert_eq!(place, (ErrorKind::PacketTooLarge, 1, 268_435_455));
}

#[test]
fn nothing_is_reserved_for_an_announced_length() {
    for start in dialects().map(Start::In).chain([Start::Accept]) {
        let first_byte = match start {
            Start::In(_) => 0x30,
            Start::Accept => 0x10,
        };
        let mut decoder = start.decoder(NO_LIMITS);
        decoder.extend(&[first_byte, 0xff, 0xff, 0xff, 0x7f, 0]);
        let capacity = decoder.buffer_mut().capacity();
        for missing in (268_435_000..268_435_455).rev() {
            let framed = decoder.next_frame();
            assert!(matches!(framed, Ok(NextFrame::NeedMore(more)) if more.get() == missing));
            decoder.extend(b"x");
        }
        assert!(capacity < 100 && decoder.buffer_mut().capacity() < 1_000);
    }
}

#[test]
fn limits_count_the_whole_packet() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let publish = Publish::new(TopicName::new("t").unwrap(), &[0; 200]);
    let bytes = encode(publish.into(), dialect);
    assert_eq!(bytes.len(), 206);
    for (limit, is_accepted) in [(205, false), (206, true)] {
        let limits = Limits::default().with_packet(limit).with_first_packet(0);
        let mut decoder = FrameDecoder::new(dialect, limits);
        decoder.extend(&bytes);
        assert_eq!(decoder.next_frame().is_ok(), is_accepted);
    }
}

#[test]
fn the_first_packet_has_a_separate_limit() {
    let connect = connect(Version::V5);
    let first_packet = connect.len() as u32;
    let stream = [&connect[..], b"\x30\x20\x00\x01t\x00", &[0; 28]].concat();
    let take_apart = |packet, first_packet| {
        let limits = Limits::default()
            .with_packet(packet)
            .with_first_packet(first_packet);
        let apart = Start::Accept.take_apart(limits, [&stream[..]]);
        (
            apart.frames.len(),
            apart.ending.map_err(|error| error.kind()),
        )
    };
    assert_eq!(take_apart(34, first_packet), (2, Ok(2)));
    let too_large = Err(ErrorKind::PacketTooLarge);
    assert_eq!(take_apart(33, first_packet), (1, too_large));
    assert_eq!(take_apart(34, first_packet - 1), (0, too_large));
}

#[test]
fn the_default_limits_are_64_kib_for_connect_and_1_mib_after_it() {
    let longest = |start: Start, first_byte, limit: usize| {
        let announce = |length: usize| {
            let length = length - 4;
            let low = |shift: u32| (length >> shift) as u8;
            let bytes = [first_byte, low(0) | 0x80, low(7) | 0x80, low(14) & 0x7f];
            let mut decoder = start.decoder(Limits::default());
            decoder.extend(&bytes);
            decoder.next_frame().map_err(|error| error.kind())
        };
        let fits = announce(limit);
        assert!(matches!(fits, Ok(NextFrame::NeedMore(more)) if more.get() == limit - 4));
        assert_eq!(announce(limit + 1), Err(ErrorKind::PacketTooLarge));
    };
    longest(Start::Accept, 0x10, 64 << 10);
    for dialect in dialects() {
        longest(Start::In(dialect), 0x30, 1 << 20);
    }
}

// ---- the first packet ----------------------------------------------------------------------

#[test]
fn an_accepting_decoder_rejects_every_packet_but_connect() {
    for first_byte in 0..=255 {
        let mut decoder = FrameDecoder::accept(Limits::default());
        decoder.extend(&[first_byte]);
        let kind = decoder.next_frame().map_err(|error| error.kind());
        match first_byte >> 4 {
            0 => assert_eq!(kind, Err(ErrorKind::ReservedPacketType)),
            1 => assert!(matches!(kind, Ok(NextFrame::NeedMore(more)) if more.get() == 1)),
            _ => assert_eq!(kind, Err(ErrorKind::FirstPacketNotConnect)),
        }
    }
}

#[test]
fn an_accepting_decoder_learns_the_version_from_connect() {
    for version in Version::ALL {
        let mut decoder = FrameDecoder::accept(Limits::default());
        assert_eq!(decoder.dialect(), None);
        decoder.extend(&connect(version));
        decoder.extend(b"\xf0");
        let Ok(NextFrame::Frame(frame)) = decoder.next_frame() else {
            panic!("waits although a packet is there");
        };
        let dialect = Dialect::new(version, Sender::Client);
        assert_eq!(decoder.dialect(), Some(dialect));
        let connect = frame.decode_connect().unwrap();
        assert_eq!(connect.version, version);
        let owned = PacketBuf::new(frame.clone(), dialect).unwrap();
        assert_eq!(owned.packet(), Packet::Connect(connect));
        // AUTH is a packet of 5.0
        assert_eq!(decoder.next_frame().is_ok(), version == Version::V5);
    }
}

#[test]
fn a_connect_of_unknown_version_fails_the_decoder() {
    for (bytes, kind) in [
        (
            &b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x00\x00\x01c"[..],
            ErrorKind::UnsupportedProtocolLevel,
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x00\x00\x01c",
            ErrorKind::UnsupportedProtocolLevel,
        ),
        (
            b"\x10\x0d\x00\x04mqtt\x04\x02\x00\x00\x00\x01c",
            ErrorKind::UnsupportedProtocolName,
        ),
        (b"\x10\x00", ErrorKind::Truncated),
    ] {
        let mut decoder = FrameDecoder::accept(Limits::default());
        decoder.extend(bytes);
        let error = decoder.next_frame().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(decoder.next_frame(), Err(error));
        assert_eq!(decoder.dialect(), None);
        assert_eq!(decoder.buffer_mut()[..], *bytes);
        let whole = Start::Accept.take_apart_whole(NO_LIMITS, bytes);
        assert_eq!(Start::Accept.take_apart(NO_LIMITS, bytes.chunks(1)), whole);
    }
}

#[test]
fn a_connect_with_flags_is_framed_and_checked_by_its_version() {
    for version in Version::ALL {
        let mut bytes = connect(version);
        bytes[0] |= 0x01;
        let mut decoder = FrameDecoder::accept(Limits::default());
        decoder.extend(&bytes);
        let Ok(NextFrame::Frame(frame)) = decoder.next_frame() else {
            panic!("waits although a packet is there");
        };
        let kind = frame.decode_connect().map_err(|error| error.kind());
        match version {
            Version::V3_1 => assert!(kind.is_ok()),
            _ => assert_eq!(kind, Err(ErrorKind::FixedHeaderFlags)),
        }
    }
}

#[test]
fn a_frame_shares_slices_of_itself_and_copies_others() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let mut decoder = FrameDecoder::new(dialect, Limits::default());
    decoder.extend(b"\x30\x04\x00\x01tp\x30\x04\x00\x01tq");
    let mut next = || match decoder.next_frame() {
        Ok(NextFrame::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    };
    let (frame, other) = (next(), next());
    let bytes = frame.bytes();
    for part in [&bytes[5..], &bytes[..1], &bytes[..], &bytes[2..3]] {
        let shared = frame.share(part);
        assert_eq!((shared.as_ptr(), &shared[..]), (part.as_ptr(), part));
    }
    // the frames lie one behind the other in one buffer
    for part in [&other.bytes()[..], b"elsewhere"] {
        let copied = frame.share(part);
        assert_eq!(copied, part);
        assert_ne!(copied.as_ptr(), part.as_ptr());
    }
    let before = other.share(&frame.bytes()[..]);
    assert_eq!(before, frame.bytes());

    assert_eq!(frame, frame.clone());
    assert_ne!(frame, other);
    assert_eq!(frame.as_ref(), frame.clone().as_ref());
    assert_ne!(frame.as_ref(), other.as_ref());
}
