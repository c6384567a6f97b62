//! Packets become bytes and packets again: valid ones, invalid ones, and any bytes.
//!
//! Fifteen properties of this crate, each of which was broken in some other codec, and their tests:
//!
//! 1. Slice rule: decoding reads the bytes of the frame and no others, and uses all of them.
//!    `round_trip::a_packet_decodes_the_same_before_any_other_bytes`,
//!    `round_trip::a_packet_with_a_wrong_end_is_incomplete_or_rejected`
//! 2. A whole frame is accepted or rejected; it never needs more bytes.
//!    `round_trip::any_bytes_are_decoded_or_rejected`,
//!    `round_trip::damaged_packets_are_decoded_or_rejected`
//! 3. Framing asks for exactly the bytes that it needs.
//!    `framing::need_more_is_exact_in_every_stream`,
//!    `conversations::streams_give_the_same_frames_wherever_they_are_cut`
//! 4. Frames do not depend on the pieces in which a stream arrives.
//!    `framing::frames_do_not_depend_on_where_the_stream_is_cut`,
//!    `conversations::streams_give_the_same_frames_wherever_they_are_cut`
//! 5. A truncated packet is rejected.
//!    `round_trip::a_packet_with_a_wrong_end_is_incomplete_or_rejected`,
//!    `vectors::a_shortened_packet_is_rejected_unless_it_is_another_packet`
//! 6. Nothing is allocated because of a number that a peer sent.
//!    `framing::nothing_is_reserved_for_an_announced_length`,
//!    `no_alloc::decoding_and_encoding_do_not_allocate`,
//!    `no_alloc::rejecting_does_not_allocate`
//! 7. A packet round-trips in the announced length.
//!    `round_trip::valid_packets_round_trip`
//! 8. A decoded packet is encoded in another dialect, or rejected with a reason.
//!    `round_trip::packets_are_relayed_unchanged_or_rejected`
//! 9. Each invalid vector has a valid neighbour.
//!    `vectors::every_invalid_vector_has_a_neighbour_that_is_accepted`
//! 10. All 256 Connect Flags in all versions.
//!     `connect_flags::every_value_in_every_version_matches_the_table`
//! 11. Linear time.
//!     `linear_time::many_properties_take_linear_time`,
//!     `linear_time::many_topic_levels_take_linear_time`,
//!     `linear_time::many_subscriptions_take_linear_time`,
//!     `linear_time::many_packets_in_pieces_take_linear_time`,
//!     `linear_time::one_large_packet_byte_by_byte_takes_linear_time`
//! 12. A decoder that has failed stays failed.
//!     `framing::a_failed_decoder_stays_failed_and_keeps_the_bytes`
//! 13. Two packets in a row decode like each alone.
//!     `round_trip::a_packet_decodes_the_same_before_any_other_bytes`,
//!     `vectors::a_valid_packet_decodes_the_same_before_any_other_bytes`
//! 14. Buffers may have the exact size. There is no `unsafe`, so reading past the end would panic.
//!     `vectors::every_prefix_of_a_valid_vector_needs_more`,
//!     `round_trip::a_packet_decodes_the_same_before_any_other_bytes`
//! 15. Decoding calls nothing that panics: the lints of `src/lib.rs`, and
//!     `round_trip::any_bytes_are_decoded_or_rejected`

use std::collections::BTreeSet;

use crate::fixtures::cases;
use crate::invariants::{self, dialects, noise};
use arbitrary::{Arbitrary, Unstructured};
use mqtt_wire::{
    Dialect, EncodeError, ErrorKind, FrameRef, NextFrame, Packet, PacketType, Properties, Property,
    Publish, TopicName, Utf8Str, Version,
};
use mqtt_wire_testkit::{self as model, NearlyValid, strategies};
use proptest::collection::vec;
use proptest::prelude::*;

fn valid() -> impl Strategy<Value = (Dialect, model::Packet)> {
    strategies::dialect().prop_flat_map(|dialect| (Just(dialect), strategies::packet(dialect)))
}

fn nearly_valid() -> impl Strategy<Value = (Dialect, model::Packet)> {
    let dialect = strategies::dialect();
    dialect.prop_flat_map(|dialect| (Just(dialect), strategies::nearly_valid(dialect)))
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn valid_packets_round_trip((dialect, packet) in valid()) {
        invariants::model_round_trips(&packet, dialect);
    }

    #[test]
    fn encode_is_as_strict_as_decode((dialect, packet) in nearly_valid()) {
        invariants::model_encode_is_as_strict_as_decode(&packet, dialect);
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn packets_are_relayed_unchanged_or_rejected((dialect, packet) in valid()) {
        invariants::reencodes_for_every_dialect(&packet.encode(dialect).unwrap(), dialect);
    }

    #[test]
    fn a_packet_decodes_the_same_before_any_other_bytes(
        (dialect, first, second) in strategies::dialect().prop_flat_map(|dialect| {
            (Just(dialect), strategies::packet(dialect), strategies::packet(dialect))
        }),
        noise in vec(any::<u8>(), 0..20),
    ) {
        let (first, second) = (first.encode(dialect).unwrap(), second.encode(dialect).unwrap());
        let alone = first.clone().into_boxed_slice();
        let alone = Packet::decode(&alone, dialect).unwrap();
        for rest in [&second, &noise] {
            let stream = [&first[..], rest].concat();
            let Ok(NextFrame::Frame(frame)) = FrameRef::split(&stream, dialect, u32::MAX) else {
                panic!("{stream:02x?}");
            };
            prop_assert_eq!(frame.bytes(), &first);
            prop_assert_eq!(frame.decode(dialect), Ok(alone));
        }
        let rest = FrameRef::split(&second, dialect, u32::MAX);
        prop_assert!(matches!(rest, Ok(NextFrame::Frame(frame)) if frame.bytes() == second));
    }

    #[test]
    fn a_packet_with_a_wrong_end_is_incomplete_or_rejected((dialect, packet) in valid()) {
        invariants::no_other_length_decodes(&packet.encode(dialect).unwrap(), dialect);
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn any_bytes_are_decoded_or_rejected(
        first_byte: u8,
        body in vec(prop_oneof![any::<u8>(), 0..6_u8], 0..60),
    ) {
        for dialect in dialects() {
            invariants::decode_matches_framing(&invariants::frame(first_byte, &body), dialect);
            invariants::decode_matches_framing(&body, dialect);
        }
    }

    #[test]
    fn damaged_packets_are_decoded_or_rejected(
        ((dialect, packet), (other_dialect, other)) in (valid(), valid()),
        damage in vec(any::<Damage>(), 1..4),
        reframed: bool,
    ) {
        let mut bytes = packet.encode(dialect).unwrap();
        let other = other.encode(other_dialect).unwrap();
        for damage in damage {
            damage.apply(&mut bytes, &other);
        }
        if reframed && !bytes.is_empty() {
            let header = bytes.iter().skip(1).take_while(|&&byte| byte >= 0x80).count() + 2;
            bytes = invariants::frame(bytes[0], bytes.get(header..).unwrap_or_default());
        }
        invariants::decode_matches_framing(&bytes, dialect);
        invariants::decode_matches_framing(&bytes, other_dialect);
    }
}

/// Damage to bytes. Places are fractions of the length, in 65,536ths.
#[derive(Debug, Clone, Copy)]
enum Damage {
    FlipBit(u16, u8),
    SetByte(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Truncate(u16),
    /// The end of another packet in place of the own.
    Splice(u16, u16),
}

impl proptest::arbitrary::Arbitrary for Damage {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let place = || prop_oneof![any::<u16>(), 0..2_000_u16];
        let byte = || prop_oneof![any::<u8>(), 0..4_u8, Just(0x7f), Just(0x80), Just(0xff)];
        prop_oneof![
            (place(), 0..8_u8).prop_map(|(at, bit)| Self::FlipBit(at, bit)),
            (place(), byte()).prop_map(|(at, byte)| Self::SetByte(at, byte)),
            (place(), byte()).prop_map(|(at, byte)| Self::Insert(at, byte)),
            place().prop_map(Self::Remove),
            place().prop_map(Self::Truncate),
            (place(), place()).prop_map(|(at, from)| Self::Splice(at, from)),
        ]
        .boxed()
    }
}

impl Damage {
    fn apply(self, bytes: &mut Vec<u8>, other: &[u8]) {
        let place = |share: u16, length: usize| ((u64::from(share) * length as u64) >> 16) as usize;
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match self {
            Self::FlipBit(at, bit) => bytes[place(at, length)] ^= 1 << bit,
            Self::SetByte(at, byte) => bytes[place(at, length)] = byte,
            Self::Insert(at, byte) => bytes.insert(place(at, length), byte),
            Self::Remove(at) => drop(bytes.remove(place(at, length))),
            Self::Truncate(at) => bytes.truncate(place(at, length)),
            Self::Splice(at, from) => {
                bytes.truncate(place(at, length));
                bytes.extend(&other[place(from, other.len())..]);
            }
        }
    }
}

#[test]
fn small_packets_with_any_one_error_are_decoded_or_rejected() {
    for dialect in dialects() {
        let sent = PacketType::ALL.into_iter();
        for packet_type in sent.filter(|it| it.is_sent_in(dialect)) {
            let small_packets = (0..)
                .map(|seed| {
                    let noise = noise(seed);
                    model::Packet::valid_of(packet_type, dialect, &mut Unstructured::new(&noise))
                })
                .map(|packet| packet.encode(dialect).unwrap())
                .filter(|bytes| bytes.len() < 80);
            for bytes in small_packets.take(8) {
                for place in 0..bytes.len() {
                    for bit in 0..8 {
                        let mut flipped = bytes.clone();
                        flipped[place] ^= 1 << bit;
                        invariants::decode_matches_framing(&flipped, dialect);
                    }
                    // one byte more or less in the body
                    let (begin, end) = bytes.split_at(place.max(2));
                    let body = [&begin[2..], &begin[begin.len() - 1..], end].concat();
                    invariants::decode_matches_framing(
                        &invariants::frame(bytes[0], &body),
                        dialect,
                    );
                    if let [_, end @ ..] = end {
                        let body = [&begin[2..], end].concat();
                        invariants::decode_matches_framing(
                            &invariants::frame(bytes[0], &body),
                            dialect,
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn remaining_length_has_the_shortest_form() {
    let payload = vec![0; 2_097_152];
    for (body, length_bytes) in [
        (127, 1),
        (128, 2),
        (16_383, 2),
        (16_384, 3),
        (2_097_151, 3),
        (2_097_152, 4),
    ] {
        let payload = &payload[..body - "..t".len()];
        let packet = Packet::from(Publish::new(TopicName::new("t").unwrap(), payload));
        let dialect = Dialect::from_client(Version::V3_1_1);
        assert_eq!(packet.encoded_len(dialect), Ok(1 + length_bytes + body));
        invariants::round_trips(packet, dialect);
    }
}

#[test]
fn property_length_has_the_shortest_form() {
    let text = "x".repeat(65_535);
    for (block, length_bytes) in [
        (127, 1),
        (128, 2),
        (16_383, 2),
        (16_384, 3),
        (2_097_151, 3),
        (2_097_152, 4),
    ] {
        let properties = user_properties(block, &text);
        let mut publish = Publish::new(TopicName::new("t").unwrap(), b"");
        publish.properties = Properties::new(&properties);
        let packet = Packet::from(publish);
        let dialect = Dialect::from_server(Version::V5);
        let body = "..t".len() + length_bytes + block;
        let length_bytes = if block < 127 {
            1
        } else {
            2 + usize::from(body > 16_383)
        };
        let length_bytes = length_bytes + usize::from(body > 2_097_151);
        assert_eq!(packet.encoded_len(dialect), Ok(1 + length_bytes + body));
        invariants::round_trips(packet, dialect);
    }
}

#[test]
fn the_longest_packet_has_a_remaining_length_of_268435455() {
    let text = "x".repeat(65_535);
    let dialect = Dialect::from_client(Version::V5);
    let longest = 268_435_455;
    let encoded_len = |body: usize| {
        let properties = user_properties(body - "..t".len() - 4, &text);
        let mut publish = Publish::new(TopicName::new("t").unwrap(), b"");
        publish.properties = Properties::new(&properties);
        Packet::from(publish).encoded_len(dialect)
    };
    assert_eq!(encoded_len(longest), Ok(1 + 4 + longest));
    assert_eq!(encoded_len(longest + 1), Err(EncodeError::TooLong));
    assert_eq!(encoded_len(2 * longest), Err(EncodeError::TooLong));
}

/// User Properties, all of which borrow from `text`, that take `length` bytes.
fn user_properties(length: usize, text: &str) -> Vec<Property<'_>> {
    const EMPTY: usize = 5;
    let count = length.div_ceil(EMPTY + 2 * text.len());
    let mut characters = length - count * EMPTY;
    let whole = Utf8Str::new(text).unwrap();
    let mut take = || match characters.checked_sub(text.len()) {
        Some(rest) => {
            characters = rest;
            whole
        }
        None => Utf8Str::new(&text[..std::mem::take(&mut characters)]).unwrap(),
    };
    (0..count)
        .map(|_| Property::UserProperty(take(), take()))
        .collect()
}

#[test]
fn nearly_valid_packets_break_every_rule_that_encode_checks() {
    let mut kinds = BTreeSet::new();
    let (mut said, mut not_in_version) = (0, 0);
    for seed in 0..10_000 {
        let NearlyValid(dialect, packet) =
            NearlyValid::arbitrary(&mut Unstructured::new(&noise(seed))).unwrap();
        match packet.encode(dialect) {
            Ok(_) => said += 1,
            Err(EncodeError::Violation(violation)) => {
                kinds.insert(violation.kind());
            }
            Err(_) => not_in_version += 1,
        }
    }
    assert!(
        said > 1_000 && not_in_version > 100,
        "{said} {not_in_version}"
    );
    let expected = [
        ErrorKind::ReservedPacketType,
        ErrorKind::WrongSender,
        ErrorKind::InvalidUtf8,
        ErrorKind::NullCharacter,
        ErrorKind::FieldTooLong,
        ErrorKind::PasswordWithoutUserName,
        ErrorKind::EmptyClientId,
        ErrorKind::SessionPresentWithRefusal,
        ErrorKind::ReasonCodeNotAllowed,
        ErrorKind::ReasonCodeWrongSender,
        ErrorKind::EmptyTopicName,
        ErrorKind::WildcardInTopicName,
        ErrorKind::EmptyTopicFilter,
        ErrorKind::MultiLevelWildcard,
        ErrorKind::SingleLevelWildcard,
        ErrorKind::EmptyShareName,
        ErrorKind::SharedSubscription,
        ErrorKind::EmptySubscription,
        ErrorKind::EmptyUnsubscription,
        ErrorKind::EmptySubAck,
        ErrorKind::EmptyUnsubAck,
        ErrorKind::NoLocalOnShared,
        ErrorKind::PropertyNotAllowed,
        ErrorKind::DuplicateProperty,
        ErrorKind::PropertyValue,
        ErrorKind::PropertyWrongSender,
        ErrorKind::AuthenticationDataWithoutMethod,
        ErrorKind::AuthenticationMethodMissing,
    ];
    assert_eq!(kinds, BTreeSet::from(expected));
}

#[test]
fn the_tests_of_all_fifteen_properties_exist() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |name: &str| {
        let module = std::fs::read_to_string(folder.join(format!("it/{name}.rs")));
        module.or_else(|_| std::fs::read_to_string(folder.join(format!("{name}.rs"))))
    };
    let own = read("round_trip").unwrap();
    let mut properties = 0;
    for line in own.lines().take_while(|line| line.starts_with("//!")) {
        properties += usize::from(
            line.trim_start_matches("//! ")
                .starts_with(char::is_numeric),
        );
        for name in line.split('`').filter(|it| it.contains("::")) {
            let (file, test) = name.split_once("::").unwrap();
            let text = read(file).unwrap();
            let is_there = text.contains(&format!("fn {test}("));
            assert!(is_there, "{name}");
        }
    }
    assert_eq!(properties, 15);
}
