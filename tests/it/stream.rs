//! A PUBLISH in parts gets the same verdict as the whole packet, wherever the stream is cut.

use crate::fixtures::packet_vectors;
use crate::invariants::stream::{Taken, parts_match_whole_packets, take_apart};
use crate::invariants::{self, dialects};
use mqtt_wire::stream::{Part, PublishHead, Splitter, StreamDecoder, StreamLimits};
use mqtt_wire::{
    DecodeError, Delivery, Dialect, EncodeError, ErrorKind, Field, FrameRef, NextFrame,
    OptionalRules, Packet, PacketId, PacketType, Properties, Property, Publish, ReasonCode, Sender,
    TopicName, Version, Waivers,
};
use proptest::prelude::*;

const NO_LIMIT: u32 = u32::MAX;

// ---- receiving -----------------------------------------------------------------------------

#[test]
fn every_vector_gets_the_same_verdict_in_parts_and_whole() {
    let mut in_parts = 0;
    let mut refused = 0;
    for (dialect, bytes) in publishes() {
        let whole = match FrameRef::split(&bytes, dialect, NO_LIMIT) {
            Ok(NextFrame::Frame(frame)) => frame.decode(dialect),
            Ok(NextFrame::NeedMore(_)) => panic!("{bytes:02x?} is not whole"),
            Err(error) => Err(error),
        };
        let next = match dialect.sender() {
            Sender::Client => b"\xc0\x00",
            Sender::Server => b"\xd0\x00",
        };
        let stream = [&bytes[..], next].concat();
        for limit in interesting(&bytes) {
            let limits = StreamLimits::new(limit, NO_LIMIT);
            parts_match_whole_packets(&stream, dialect, limits);
            let parts = take_apart(dialect, limits, [&stream[..]]);
            match (whole, parts.ending) {
                (Ok(Packet::Publish(publish)), Ok(())) => {
                    assert_eq!(parts.packets[1], Taken::Whole(next.to_vec()));
                    if let Taken::InParts { payload, .. } = &parts.packets[0] {
                        assert_eq!(payload, publish.payload);
                        in_parts += 1;
                    }
                }
                (Ok(Packet::Publish(publish)), Err(error)) => {
                    assert_eq!(error.kind(), ErrorKind::HeadTooLarge);
                    assert!(bytes.len() - publish.payload.len() > limit as usize);
                }
                (Err(expected), Err(error)) if error.kind() != ErrorKind::HeadTooLarge => {
                    assert_eq!(error, expected);
                    refused += 1;
                }
                // the head has no fault up to there, or one that is found at its end
                (Err(expected), Err(error)) => assert!(
                    expected.offset() >= error.offset()
                        || expected.kind() == ErrorKind::EmptyTopicName
                        || expected.kind() == ErrorKind::DiscouragedCharacter
                ),
                // the caller decodes a whole frame, and finds its fault
                (Err(expected), Ok(())) => {
                    assert!(bytes.len() <= limit as usize);
                    assert_eq!(Packet::decode(&bytes, dialect), Err(expected));
                }
                (other, _) => panic!("{other:?}"),
            }
        }
    }
    assert!(in_parts > 1_000, "{in_parts}");
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn every_cut_of_a_vector_gives_the_same_parts() {
    for (dialect, bytes) in publishes().filter(|(_, bytes)| bytes.len() < 40) {
        for whole in interesting(&bytes) {
            let limits = StreamLimits::new(whole, NO_LIMIT);
            let parts = take_apart(dialect, limits, [&bytes[..]]);
            for cut in 1..bytes.len() {
                let (one, two) = bytes.split_at(cut);
                assert_eq!(take_apart(dialect, limits, [one, two]), parts);
            }
        }
    }
}

#[test]
fn reading_the_missing_bytes_ends_where_the_head_ends() {
    for (dialect, bytes) in publishes() {
        let Ok(Packet::Publish(publish)) = Packet::decode(&bytes, dialect) else {
            continue;
        };
        let head_len = bytes.len() - publish.payload.len();
        let limits = StreamLimits::new(head_len as u32, NO_LIMIT);
        let mut there = 0;
        let mut answers = 0;
        while head_len < bytes.len() {
            // a new splitter each time: it needs to remember nothing
            let part = Splitter::new(dialect, limits).next_part(&mut &bytes[..there]);
            let Ok(Part::NeedMore(missing)) = part else {
                assert!(matches!(part, Ok(Part::Head(_))), "{part:?}");
                assert_eq!(there, head_len);
                break;
            };
            let but_one = there + missing.get() - 1;
            let part = Splitter::new(dialect, limits).next_part(&mut &bytes[..but_one]);
            assert!(matches!(part, Ok(Part::NeedMore(_))), "{part:?}");
            there += missing.get();
            answers += 1;
            assert!(answers <= 13, "waits without end");
        }
    }
}

#[test]
fn a_head_is_rejected_as_soon_as_its_invalid_field_is_complete() {
    let refused_at = |bytes: &[u8], version| {
        let dialect = Dialect::from_client(version);
        let limits = StreamLimits::new(64, NO_LIMIT);
        let mut lengths = 0..=bytes.len();
        lengths.find_map(|length| {
            let part = Splitter::new(dialect, limits).next_part(&mut &bytes[..length]);
            part.err()
                .map(|error| (length, error.kind(), error.offset()))
        })
    };
    let wildcard = b"\x30\xff\x7f\x00\x03a/#\x00";
    assert_eq!(
        refused_at(wildcard, Version::V5),
        Some((8, ErrorKind::WildcardInTopicName, 7))
    );
    let packet_id_0 = b"\x32\xff\x7f\x00\x01a\x00\x00\x05";
    assert_eq!(
        refused_at(packet_id_0, Version::V5),
        Some((8, ErrorKind::PacketIdZero, 6))
    );
    let past_the_end = b"\x30\x80\x01\x00\x7fabc";
    assert_eq!(
        refused_at(past_the_end, Version::V3_1_1),
        Some((5, ErrorKind::Truncated, 3))
    );
    let properties = b"\x30\x80\x01\x00\x01a\xfd\x01\x03";
    assert_eq!(
        refused_at(properties, Version::V5),
        Some((8, ErrorKind::PropertyLength, 6))
    );
    let endless = b"\x30\xff\x7f\x00\x01a\xff\xff\xff\xffpayload";
    assert_eq!(
        refused_at(endless, Version::V5),
        Some((10, ErrorKind::VariableByteIntegerTooLong, 6))
    );
    let property = b"\x30\xff\x7f\x00\x01a\x02\x01\x02payload";
    assert_eq!(
        refused_at(property, Version::V5),
        Some((9, ErrorKind::PropertyValue, 8))
    );
}

#[test]
fn the_first_byte_after_a_packet_is_checked_alone() {
    let limits = StreamLimits::new(8, NO_LIMIT);
    let mut decoder = StreamDecoder::new(Dialect::from_client(Version::V5), limits);
    decoder.extend(b"\x30\x0c\x00\x01a\x00payload!");
    for _ in 0..2 {
        assert!(!matches!(
            decoder.next_part(),
            Ok(Part::NeedMore(_)) | Err(_)
        ));
    }
    assert!(matches!(decoder.next_part(), Ok(Part::NeedMore(missing)) if missing.get() == 2));
    decoder.extend(b"\x36");
    let error = decoder.next_part().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PublishQos3);
}

#[test]
fn a_head_above_the_limit_is_rejected_at_the_length_that_exceeds_it() {
    let dialect = Dialect::from_client(Version::V5);
    let refused = |whole, bytes: &[u8]| -> DecodeError {
        let limits = StreamLimits::new(whole, NO_LIMIT);
        let mut splitter = Splitter::new(dialect, limits);
        splitter.next_part(&mut &bytes[..]).unwrap_err()
    };
    // fixed header 3, topic 2 + 30
    let error = refused(34, b"\x30\x80\x01\x00\x1e");
    let found = (error.kind(), error.field(), error.offset(), error.value());
    assert_eq!(
        found,
        (ErrorKind::HeadTooLarge, Field::TopicName, 3, 3 + 2 + 30)
    );
    assert_eq!(error.reason_code(), Some(ReasonCode::QuotaExceeded));
    assert_eq!(error.statement(), None);
    // fixed header 3, topic 3, Property Length 1 + 40
    let error = refused(46, b"\x30\x80\x01\x00\x01a\x28");
    let found = (error.kind(), error.field(), error.offset(), error.value());
    assert_eq!(
        found,
        (
            ErrorKind::HeadTooLarge,
            Field::PropertyLength,
            6,
            3 + 3 + 1 + 40
        )
    );
}

#[test]
fn a_publish_above_its_limit_is_rejected_in_its_fixed_header() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let announce = |publish| {
        let limits = StreamLimits::new(16, publish);
        let mut splitter = Splitter::new(dialect, limits);
        let mut input = &b"\x30\xe8\x07\x00\x01a"[..]; // 3 + 1000 bytes
        splitter
            .next_part(&mut input)
            .map_err(|error| (error.kind(), error.offset()))
            .map(|part| matches!(part, Part::Head(_)))
    };
    assert_eq!(announce(1003), Ok(true));
    assert_eq!(announce(1002), Err((ErrorKind::PacketTooLarge, 1)));

    // other packets have to fit as a whole
    let limits = StreamLimits::new(16, NO_LIMIT);
    let subscribe = Splitter::new(dialect, limits).next_part(&mut &b"\x82\x0f"[..]);
    assert_eq!(subscribe.unwrap_err().kind(), ErrorKind::PacketTooLarge);
}

#[test]
fn a_server_learns_the_version_before_it_streams() {
    let limits = StreamLimits::new(32, NO_LIMIT);
    let mut decoder = StreamDecoder::accept(limits);
    decoder.extend(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00");
    decoder.extend(b"\x30\x64\x00\x01a\x00");
    assert!(matches!(decoder.next_part(), Ok(Part::Frame(_))));
    let dialect = decoder.dialect().unwrap();
    assert_eq!(dialect, Dialect::from_client(Version::V5));
    let Ok(Part::Head(head)) = decoder.next_part() else {
        panic!("no head");
    };
    assert_eq!(head.decode(dialect).unwrap().payload_len, 96);

    let mut decoder = StreamDecoder::accept(limits);
    decoder.extend(b"\x30\x64\x00\x01a\x00");
    let error = decoder.next_part().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FirstPacketNotConnect);
}

#[test]
fn waived_faults_in_a_head_are_reported() {
    let strict = Dialect::from_client(Version::V3_1_1);
    let waivers = Waivers::PACKET_ID_ZERO | Waivers::REMAINING_LENGTH_NOT_SHORTEST;
    let dialect = strict.waiving(waivers);
    let limits = StreamLimits::new(10, NO_LIMIT);
    let bytes = b"\x32\x8a\x80\x00\x00\x01a\x00\x00hello"; // 4 + 10
    let mut splitter = Splitter::new(dialect, limits);
    let Ok(Part::Head(head)) = splitter.next_part(&mut &bytes[..]) else {
        panic!("no head");
    };
    let mut reported = Vec::new();
    let publish = head.decode_waiving(dialect, |error| reported.push(error));
    assert_eq!(publish.unwrap().payload_len, 5);
    let mut expected = Vec::new();
    let whole = Packet::decode_waiving(bytes, dialect, |error| expected.push(error));
    assert!(whole.is_ok());
    assert_eq!(reported, expected);
    assert_eq!(reported.len(), 2);
}

proptest! {
    /// Streams of several packets, of which some are damaged.
    #[test]
    fn streams_give_the_same_parts_wherever_they_are_cut(
        dialect in 0..6_usize,
        seeds in proptest::collection::vec(0..100_000_u64, 1..5),
        damage in proptest::option::of((any::<u16>(), any::<u8>())),
        whole in 0..300_u32,
        extra in 0..300_u32,
        cut in 1..40_usize,
    ) {
        let dialect = dialects().nth(dialect).unwrap();
        let types = PacketType::ALL.into_iter().filter(|it| it.is_sent_in(dialect));
        let types: Vec<_> = types.collect();
        let packets = seeds.iter().map(|&seed| {
            let packet_type = match seed % 3 {
                0 => types[seed as usize / 3 % types.len()],
                _ => PacketType::Publish,
            };
            invariants::packet(packet_type, dialect, seed)
        });
        let mut stream: Vec<u8> = packets.filter(|bytes| bytes.len() < 1_000).flatten().collect();
        if let (Some((at, byte)), false) = (damage, stream.is_empty()) {
            let place = usize::from(at) % stream.len();
            stream[place] = byte;
        }
        let limits = StreamLimits::new(whole, whole + extra);
        parts_match_whole_packets(&stream, dialect, limits);
        let parts = take_apart(dialect, limits, [&stream[..]]);
        prop_assert_eq!(take_apart(dialect, limits, stream.chunks(cut)), parts);
        let all_rules = dialect.waiving(Waivers::ALL).enforcing(OptionalRules::ALL);
        parts_match_whole_packets(&stream, all_rules, limits);
    }
}

/// The limits near those at which a packet comes in parts; all limits for short packets.
fn interesting(bytes: &[u8]) -> impl Iterator<Item = u32> + use<> {
    let len = bytes.len() as u32;
    (0..=len).filter(move |limit| len < 40 || *limit < 9 || len - limit < 5)
}

/// PUBLISH packets, valid and invalid: unchanged, with a longer payload, and with a payload instead of missing bytes.
fn publishes() -> impl Iterator<Item = (Dialect, Vec<u8>)> {
    let vectors = packet_vectors("valid").chain(packet_vectors("invalid"));
    let vectors = vectors.map(|vector| (vector.dialect, vector.bytes));
    let made = dialects().flat_map(|dialect| {
        let packets = invariants::packets(PacketType::Publish, dialect, 12);
        packets.map(move |bytes| (dialect, bytes))
    });
    let publishes = vectors.chain(made).filter(|(_, bytes)| bytes[0] >> 4 == 3);
    publishes.flat_map(|(dialect, bytes)| {
        let header = 2 + bytes[1..].iter().take_while(|&&byte| byte >= 0x80).count();
        let body = bytes.get(header..).unwrap_or_default();
        let longer = |payload: &[u8]| invariants::frame(bytes[0], &[body, payload].concat());
        let variants = [bytes.clone(), longer(b"x"), longer(&[b'x'; 20])];
        let everything = dialect.waiving(Waivers::ALL).enforcing(OptionalRules::ALL);
        let whole = variants
            .into_iter()
            .filter(move |bytes| is_whole(bytes, dialect));
        whole
            .flat_map(move |bytes| [(dialect, bytes.clone()), (everything, bytes)])
            .collect::<Vec<_>>()
    })
}

fn is_whole(bytes: &[u8], dialect: Dialect) -> bool {
    match FrameRef::split(bytes, dialect, NO_LIMIT) {
        Ok(NextFrame::Frame(frame)) => frame.bytes().len() == bytes.len(),
        Ok(NextFrame::NeedMore(_)) => false,
        Err(_) => true,
    }
}

// ---- sending -------------------------------------------------------------------------------

#[test]
fn head_and_payload_make_the_packet() {
    let mut refused = 0;
    for from in dialects() {
        for bytes in invariants::packets(PacketType::Publish, from, 60) {
            let packet = Packet::decode(&bytes, from).unwrap();
            let Packet::Publish(publish) = packet else {
                panic!("{packet:?}");
            };
            // in other dialects it may break a rule
            for dialect in dialects() {
                refused += usize::from(!is_announced(publish, dialect));
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

/// Whether the packet can be encoded, in parts as well as whole.
fn is_announced(publish: Publish<'_>, dialect: Dialect) -> bool {
    let packet = Packet::from(publish);
    let head = PublishHead::from(publish);
    let mut buffer = vec![0; 200_000];
    let length = match packet.encoded_len(dialect) {
        Ok(length) => length,
        Err(error) => {
            assert_eq!(head.encoded_len(dialect), Err(error));
            assert_eq!(head.encode_to_slice(dialect, &mut buffer), Err(error));
            return false;
        }
    };
    assert_eq!(head.encoded_len(dialect), Ok(length));
    let head_len = length - publish.payload.len();
    assert_eq!(head.encode_to_slice(dialect, &mut buffer), Ok(head_len));
    let mut bytes = buffer[..head_len].to_vec();
    let mut appended = Vec::new();
    assert_eq!(head.encode(dialect, &mut appended), Ok(head_len));
    assert_eq!(appended, bytes);
    let too_small = Err(EncodeError::BufferTooSmall { needed: head_len });
    let short = &mut buffer[..head_len - 1];
    assert_eq!(head.encode_to_slice(dialect, short), too_small);

    bytes.extend(publish.payload);
    let mut expected = Vec::new();
    packet.encode(dialect, &mut expected).unwrap();
    assert_eq!(bytes, expected);
    true
}

#[test]
fn a_head_rejects_a_payload_above_the_largest_packet() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let topic = TopicName::new("a").unwrap();
    let longest = PublishHead::new(topic, 268_435_455 - 3);
    let mut buffer = [0; 8];
    assert_eq!(longest.encode_to_slice(dialect, &mut buffer), Ok(8));
    assert_eq!(&buffer, b"\x30\xff\xff\xff\x7f\x00\x01a");
    assert_eq!(longest.encoded_len(dialect), Ok(268_435_460));
    for payload_len in [268_435_453, u32::MAX] {
        let longer = PublishHead::new(topic, payload_len);
        let refused = longer.encode_to_slice(dialect, &mut buffer);
        assert_eq!(refused, Err(EncodeError::TooLong));
    }
}

#[test]
fn a_payload_is_counted_to_its_last_byte() {
    let properties = [Property::PayloadFormatIndicator(true)];
    let head = PublishHead {
        delivery: Delivery::AtLeastOnce {
            packet_id: PacketId::MIN,
            dup: false,
        },
        properties: Properties::from(&properties),
        ..PublishHead::new(TopicName::new("a").unwrap(), 10)
    };
    let mut bytes = Vec::new();
    head.encode(Dialect::from_client(Version::V5), &mut bytes)
        .unwrap();
    let mut payload = head.payload();
    for chunk in ["0123", "", "4567", "89ab"] {
        let (mine, behind) = payload.split(chunk.as_bytes());
        assert_eq!(behind, if chunk == "89ab" { &b"ab"[..] } else { b"" });
        bytes.extend(mine);
    }
    assert!(payload.is_complete());
    assert_eq!(payload.split(b"more"), (&b""[..], &b"more"[..]));

    let packet = Packet::decode(&bytes, Dialect::from_client(Version::V5)).unwrap();
    let expected = Publish {
        delivery: head.delivery,
        properties: head.properties,
        ..Publish::new(TopicName::new("a").unwrap(), b"0123456789")
    };
    assert_eq!(packet, expected.into());
}
