//! Waived rules and optional rules: each has its effect and is reported, and no other.

use crate::fixtures::{Vector, from_hex, packet_vectors};
use mqtt_wire::{
    Connect, DecodeError, Delivery, Dialect, EncodeError, ErrorKind, Field, FrameRef, NextFrame,
    OptionalRules, Packet, Properties, PropertyId, Utf8Str, Version, Waivers,
};

#[test]
fn an_invalid_packet_is_accepted_under_its_waiver_and_reported() {
    for vector in packet_vectors("invalid") {
        let Some(name) = vector.json["waiver"].as_str() else {
            continue;
        };
        let error = decode(&vector, Waivers::NONE, |_| panic!("nothing is waived"));
        let error = error.unwrap_err();
        let waiver = Waivers::from_name(name).unwrap();
        assert_eq!(
            Waivers::of(&error.violation()),
            Some(waiver),
            "{}",
            vector.name
        );

        let mut reported = Vec::new();
        let packet = decode(&vector, waiver, |error| reported.push(error));
        assert!(packet.is_ok(), "{}: {packet:?}", vector.name);
        assert_eq!(reported, [error], "{}", vector.name);
        // plain decode waives the same
        let dialect = vector.dialect.waiving(waiver);
        assert_eq!(Packet::decode(&vector.bytes, dialect), packet);
        for waivers in [waiver, Waivers::ALL] {
            assert_owned_packet_is(
                &packet.unwrap(),
                &vector.bytes,
                vector.dialect.waiving(waivers),
            );
        }

        let others = Waivers::ALL.iter().filter(|(other, _)| *other != name);
        let others = others.fold(Waivers::NONE, |all, (_, other)| all | other);
        let refused = decode(&vector, others, |_| {});
        assert_eq!(refused, Err(error), "{}", vector.name);
    }
}

#[test]
fn faults_without_a_waiver_are_rejected_under_all_waivers() {
    let mut refused = 0;
    for vector in packet_vectors("invalid") {
        if vector.json["waiver"].is_null() {
            refused += 1;
            let verdict = decode(&vector, Waivers::ALL, |_| {});
            assert!(verdict.is_err(), "{}: {verdict:?}", vector.name);
            // and no later than without them
            let framed =
                |waivers| FrameRef::split(&vector.bytes, vector.dialect.waiving(waivers), u32::MAX);
            let strict = framed(Waivers::NONE);
            if strict.is_err() {
                assert_eq!(framed(Waivers::ALL), strict, "{}", vector.name);
            }
        }
    }
    assert!(refused > 250);
}

#[test]
fn valid_packets_need_no_waiver() {
    for vector in packet_vectors("valid") {
        let strict = decode(&vector, Waivers::NONE, |_| {});
        let report = |error| panic!("{}: {error}", vector.name);
        assert_eq!(decode(&vector, Waivers::ALL, report), strict);
        let dialect = vector.dialect.waiving(Waivers::ALL);
        assert_owned_packet_is(&strict.unwrap(), &vector.bytes, dialect);
    }
}

#[test]
fn waivers_apply_only_to_the_versions_and_packets_of_their_devices() {
    let (client, server) = (Dialect::from_client, Dialect::from_server);
    for (dialect, hex, kind) in [
        // flags other than 0010
        (
            client(Version::V3_1_1),
            "41020001",
            ErrorKind::FixedHeaderFlags,
        ),
        (
            server(Version::V3_1_1),
            "9103000100",
            ErrorKind::FixedHeaderFlags,
        ),
        (
            client(Version::V3_1_1),
            "110c00044d5154540402003c0000",
            ErrorKind::FixedHeaderFlags,
        ),
        // PUBREL, whose flags are 0010
        (
            client(Version::V3_1_1),
            "60020001",
            ErrorKind::FixedHeaderFlags,
        ),
        // UNSUBSCRIBE with flags 0000 is known from 3.1, and no other flags are
        (
            client(Version::V3_1_1),
            "a0050001000161",
            ErrorKind::FixedHeaderFlags,
        ),
        (
            client(Version::V3_1),
            "a4050001000161",
            ErrorKind::FixedHeaderFlags,
        ),
        // CONNACK of another length than 3
        (
            server(Version::V3_1_1),
            "200400000000",
            ErrorKind::RemainingLength,
        ),
        // SUBACK with another code than 80, or not of 3.1
        (
            server(Version::V5),
            "90040001009d",
            ErrorKind::ReasonCodeNotAllowed,
        ),
        (
            server(Version::V3_1),
            "9003000103",
            ErrorKind::ReasonCodeNotAllowed,
        ),
        // a number that is too long for 5.0
        (
            client(Version::V5),
            "c08000",
            ErrorKind::VariableByteIntegerNotShortest,
        ),
        // another code of a Server in a PUBACK of a Client, or 0x10 in another packet
        (
            client(Version::V5),
            "4003000111",
            ErrorKind::ReasonCodeNotAllowed,
        ),
        (
            client(Version::V5),
            "6203000110",
            ErrorKind::ReasonCodeNotAllowed,
        ),
        // an empty topic name, and an empty topic of a Will
        (client(Version::V5), "3003000000", ErrorKind::EmptyTopicName),
        (
            client(Version::V5),
            "101300044d5154540506003c000001630000000000",
            ErrorKind::EmptyTopicName,
        ),
        // a bridge of another version
        (
            client(Version::V5),
            "100e00044d5154548402003c00000163",
            ErrorKind::UnsupportedProtocolLevel,
        ),
    ] {
        let error = Packet::decode(&from_hex(hex), dialect).unwrap_err();
        assert_eq!(error.kind(), kind, "{hex}: {error}");
        assert_eq!(Waivers::of(&error.violation()), None, "{hex}: {error}");
    }
}

#[test]
fn every_waiver_has_a_vector() {
    let mut missing: Vec<_> = Waivers::ALL.iter().map(|(name, _)| name).collect();
    for vector in packet_vectors("invalid") {
        missing.retain(|name| vector.json["waiver"] != *name);
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn several_waivers_are_reported_one_by_one() {
    // Will QoS without Will, password without user name, two bytes left over
    let bytes = b"\x10\x12\x00\x04MQTT\x04\x4a\x00\x3c\x00\x01p\x00\x01x\x00\x00";
    let dialect = Dialect::from_client(Version::V3_1_1).waiving(Waivers::ALL);
    let mut kinds = Vec::new();
    let packet = Packet::decode_waiving(bytes, dialect, |error| kinds.push(error.kind()));
    let Ok(Packet::Connect(connect)) = packet else {
        panic!("{packet:?}");
    };
    assert_eq!(connect.password.unwrap().as_bytes(), b"x");
    assert_eq!(connect.will, None);
    assert_owned_packet_is(&connect.into(), bytes, dialect);
    let expected = [
        ErrorKind::WillQosWithoutWill,
        ErrorKind::PasswordWithoutUserName,
        ErrorKind::UnannouncedUserName,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn encoding_ignores_waivers() {
    let dialect = Dialect::from_client(Version::V3_1_1).waiving(Waivers::ALL);
    let subscribe = from_hex("8206000000016100"); // Packet Identifier 0
    let packet = Packet::decode(&subscribe, dialect).unwrap();
    let refused = packet.encode_to_slice(dialect, &mut [0; 64]);
    let Err(EncodeError::Violation(violation)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(violation.kind(), ErrorKind::PacketIdZero);

    // other packets are encoded in their correct form
    let connect = from_hex("100d00044d515454040a003c000170");
    let packet = Packet::decode(&connect, dialect).unwrap();
    let mut again = [0; 64];
    let length = packet.encode_to_slice(dialect, &mut again).unwrap();
    assert_eq!(again[..length], from_hex("100d00044d5154540402003c000170"));
}

#[test]
fn an_empty_response_topic_is_read_and_never_written() {
    let dialect = Dialect::from_client(Version::V5).waiving(Waivers::EMPTY_RESPONSE_TOPIC);
    // Response Topic "" and User Property "a" "b", and one byte of payload
    let bytes = from_hex("300f0001610a0800002600016100016200");
    let Ok(Packet::Publish(publish)) = Packet::decode(&bytes, dialect) else {
        panic!("{:?}", Packet::decode(&bytes, dialect));
    };
    assert_eq!(publish.properties.len(), 2);
    assert_eq!(publish.response_topic().unwrap().as_str(), "");
    assert_eq!(publish.properties.iter().count(), 2);
    assert_eq!(publish.payload, [0]);
    // in no dialect is it written, from the bytes or from a slice
    let properties: Vec<_> = publish.properties.iter().collect();
    let mut lent = publish;
    lent.properties = Properties::new(&properties);
    let plain = Dialect::from_client(Version::V5);
    for dialect in [
        dialect,
        dialect.waiving(Waivers::ALL),
        plain,
        dialect.reply(),
    ] {
        for publish in [publish, lent] {
            let refused = Packet::from(publish).encode_to_slice(dialect, &mut [0; 64]);
            let Err(EncodeError::Violation(violation)) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(violation.kind(), ErrorKind::EmptyTopicName);
            assert_eq!(
                violation.field(),
                Field::Property(PropertyId::ResponseTopic)
            );
        }
    }
    // every other topic is still checked
    let wildcard = from_hex("30080001610408000123");
    let error = Packet::decode(&wildcard, dialect).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WildcardInTopicName);
    // and there is one of them at most
    let twice = from_hex("300a00016106080000080000");
    let error = Packet::decode(&twice, dialect).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateProperty);
}

#[test]
fn a_will_with_an_empty_response_topic_is_not_published() {
    let dialect = Dialect::from_client(Version::V5).waiving(Waivers::EMPTY_RESPONSE_TOPIC);
    let connect = from_hex("101700044d5154540506003c00000163030800000001740000");
    let Ok(Packet::Connect(connect)) = Packet::decode(&connect, dialect) else {
        panic!("{:?}", Packet::decode(&connect, dialect));
    };
    let publish = connect.will.unwrap().to_publish(Delivery::AtMostOnce);
    let server = Dialect::from_server(Version::V5);
    for dialect in [server, server.waiving(Waivers::ALL)] {
        let refused = Packet::from(publish).encode_to_slice(dialect, &mut [0; 64]);
        assert!(
            matches!(refused, Err(EncodeError::Violation(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn no_matching_subscribers_is_written_by_servers_only() {
    let dialect = Dialect::from_client(Version::V5).waiving(Waivers::NO_MATCHING_SUBSCRIBERS);
    for bytes in ["4003000110", "5003000110"] {
        let bytes = from_hex(bytes);
        let packet = Packet::decode(&bytes, dialect).unwrap();
        for dialect in [dialect, dialect.waiving(Waivers::ALL)] {
            let refused = packet.encode_to_slice(dialect, &mut [0; 64]);
            let Err(EncodeError::Violation(violation)) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(violation.kind(), ErrorKind::ReasonCodeWrongSender);
        }
        assert!(
            packet
                .encode_to_slice(dialect.reply(), &mut [0; 64])
                .is_ok()
        );
    }
}

#[test]
#[cfg(feature = "bytes")]
fn an_accepting_decoder_keeps_its_rules_in_the_learned_dialect() {
    use mqtt_wire::{FrameDecoder, Limits};

    let bridge = from_hex("100d00044d5154548402003c000162");
    let mut strict = FrameDecoder::accept(Limits::default());
    strict.extend(&bridge);
    let error = strict.next_frame().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedProtocolLevel);

    let rules = OptionalRules::NO_DISCOURAGED_CHARACTERS;
    let mut decoder =
        FrameDecoder::accept(Limits::default()).with_rules(Waivers::BRIDGE_PROTOCOL_LEVEL, rules);
    decoder.extend(&bridge);
    decoder.extend(&from_hex("3003000107"));
    let Ok(NextFrame::Frame(frame)) = decoder.next_frame() else {
        panic!("a frame");
    };
    let dialect = decoder.dialect().unwrap();
    assert_eq!(dialect.version(), Version::V3_1_1);
    let mut kinds = Vec::new();
    let packet = frame.decode_waiving(dialect, |error| kinds.push(error.kind()));
    assert!(matches!(packet, Ok(Packet::Connect(_))));
    assert_eq!(kinds, [ErrorKind::UnsupportedProtocolLevel]);

    let Ok(NextFrame::Frame(frame)) = decoder.next_frame() else {
        panic!("a frame");
    };
    let error = frame.decode(dialect).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DiscouragedCharacter);
}

#[test]
fn discouraged_characters_are_rejected_only_on_request() {
    let rule = OptionalRules::NO_DISCOURAGED_CHARACTERS;
    // the character, in a topic name behind an "é"
    for (character, discouraged) in [
        ("\u{1}", true),
        ("\u{1f}", true),
        (" ", false),
        ("~", false),
        ("\u{7f}", true),
        ("\u{9f}", true),
        ("\u{a0}", false),
        ("\u{fdcf}", false),
        ("\u{fdd0}", true),
        ("\u{fdef}", true),
        ("\u{fdf0}", false),
        ("\u{feff}", false),
        ("\u{fffd}", false),
        ("\u{fffe}", true),
        ("\u{1ffff}", true),
        ("\u{10fffd}", false),
        ("\u{10ffff}", true),
    ] {
        let mut bytes = vec![0x30, 0, 0, 0];
        bytes.extend_from_slice("é".as_bytes());
        bytes.extend_from_slice(character.as_bytes());
        bytes[3] = (bytes.len() - 4) as u8;
        bytes[1] = (bytes.len() - 2) as u8;
        for version in [Version::V3_1, Version::V3_1_1] {
            let dialect = Dialect::from_client(version);
            assert!(Packet::decode(&bytes, dialect).is_ok());
            match Packet::decode(&bytes, dialect.enforcing(rule)) {
                Ok(_) => assert!(!discouraged, "{character:?}"),
                Err(error) => {
                    assert!(discouraged, "{character:?}: {error}");
                    assert_eq!((error.kind(), error.offset()), (DISCOURAGED, 6));
                    assert!(error.statement().is_some());
                }
            }
        }
    }
}

const DISCOURAGED: ErrorKind = ErrorKind::DiscouragedCharacter;

#[test]
fn discouraged_characters_are_found_in_every_string() {
    let rule = OptionalRules::NO_DISCOURAGED_CHARACTERS;
    let mut fields = std::collections::BTreeSet::new();
    for vector in packet_vectors("valid") {
        let dialect = vector.dialect.enforcing(rule);
        let Ok(packet) = Packet::decode(&vector.bytes, dialect) else {
            continue; // it holds such characters on purpose
        };
        assert_owned_packet_is(&packet, &vector.bytes, dialect);
        // put a control character into one byte after the other, where it stays a valid packet
        for place in 2..vector.bytes.len() {
            let mut bytes = vector.bytes.clone();
            bytes[place] = 0x02;
            let plain = Packet::decode(&bytes, vector.dialect);
            let strict = Packet::decode(&bytes, dialect);
            let Err(error) = strict else { continue };
            if error.kind() == DISCOURAGED {
                assert!(plain.is_ok(), "{}", vector.name);
                assert_eq!(bytes[error.offset()], 0x02, "{}: {error}", vector.name);
                fields.insert(error.field());
            } else {
                assert_eq!(plain, Err(error));
            }
        }
    }
    // five fields, and the eight properties that are text
    assert_eq!(fields.len(), 13, "{fields:?}");
}

#[test]
fn long_client_identifiers_of_3_1_are_rejected_only_on_request() {
    for (characters, is_short) in [("x".repeat(23), true), ("x".repeat(24), false)]
        .into_iter()
        .chain([("é".repeat(23), true), ("é".repeat(24), false)])
    {
        let mut bytes = from_hex("100000064d51497364700302003c0000");
        bytes[15] = characters.len() as u8;
        bytes.extend_from_slice(characters.as_bytes());
        bytes[1] = (bytes.len() - 2) as u8;
        let dialect = Dialect::from_client(Version::V3_1);
        assert!(Packet::decode(&bytes, dialect).is_ok());
        let dialect = dialect.enforcing(OptionalRules::SHORT_CLIENT_ID);
        match Packet::decode(&bytes, dialect) {
            Ok(_) => assert!(is_short),
            Err(error) => {
                assert!(!is_short);
                assert_eq!(error.kind(), ErrorKind::ClientIdTooLong);
                assert_eq!(error.statement().unwrap().id(), "U31-clientid");
            }
        }
    }
    // the other rule is not this one, and the other versions have no such rule
    let long = "x".repeat(24);
    let rules = [
        OptionalRules::NO_DISCOURAGED_CHARACTERS,
        OptionalRules::SHORT_CLIENT_ID,
    ];
    for (version, rule) in [(Version::V3_1, rules[0]), (Version::V3_1_1, rules[1])] {
        let dialect = Dialect::from_client(version);
        let mut bytes = [0; 64];
        let connect = Packet::from(Connect::new(version, Utf8Str::new(&long).unwrap()));
        let length = connect.encode_to_slice(dialect, &mut bytes).unwrap();
        let decoded = Packet::decode(&bytes[..length], dialect.enforcing(rule));
        assert_eq!(decoded, Ok(connect));
    }
}

/// An owned packet finds its fields with all waivers of its dialect at once.
#[cfg(feature = "bytes")]
#[track_caller]
fn assert_owned_packet_is(packet: &Packet<'_>, bytes: &[u8], dialect: Dialect) {
    let owned = mqtt_wire::PacketBuf::decode(bytes.to_vec().into(), dialect).unwrap();
    assert_eq!(owned.packet(), *packet, "{bytes:02x?}");
}

#[cfg(not(feature = "bytes"))]
fn assert_owned_packet_is(_: &Packet<'_>, _: &[u8], _: Dialect) {}

/// Frames and decodes with these rules waived.
fn decode(
    vector: &Vector,
    waivers: Waivers,
    report: impl FnMut(DecodeError),
) -> Result<Packet<'_>, DecodeError> {
    let dialect = vector.dialect.waiving(waivers);
    match FrameRef::split(&vector.bytes, dialect, u32::MAX)? {
        NextFrame::Frame(frame) => frame.decode_waiving(dialect, report),
        NextFrame::NeedMore(more) => panic!("{}: {more} bytes are missing", vector.name),
    }
}
