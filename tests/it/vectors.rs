//! Runs `spec-vectors/`: each file holds one packet, which is accepted, or rejected with the stated error.

use std::collections::{BTreeMap, BTreeSet};

use crate::fixtures::{self, Vector};
use mqtt_wire::{
    DecodeError, Dialect, ErrorKind, FrameRef, NextFrame, Packet, PacketType, ReasonCode,
    ReturnCode, Sender, Version,
};
use serde_json::{Value, json};

#[test]
fn every_valid_vector_decodes_to_its_packet() {
    for vector in valid_vectors() {
        let packet = decode(&vector).unwrap_or_else(|error| {
            panic!("{}: {error}", vector.name);
        });
        let found = serde_json::to_value(packet).unwrap();
        assert_eq!(found, vector.json["packet"], "{}", vector.name);
        assert_eq!(Packet::decode(&vector.bytes, vector.dialect), Ok(packet));

        let mut again = Vec::new();
        let length = packet.encode(vector.dialect, &mut again).unwrap();
        assert_eq!(length, again.len());
        assert_eq!(packet.encoded_len(vector.dialect), Ok(length));
        if vector.json["canonical"] == json!(false) {
            assert!(again.len() <= vector.bytes.len(), "{}", vector.name);
            assert_ne!(again, vector.bytes, "{}: is canonical", vector.name);
            assert_eq!(Packet::decode(&again, vector.dialect), Ok(packet));
        } else {
            assert_eq!(again, vector.bytes, "{}", vector.name);
        }
    }
}

/// CBOR writes how many fields there are, before them.
#[test]
fn cbor_and_json_hold_the_same_packet() {
    for vector in valid_vectors() {
        let packet = decode(&vector).unwrap();
        let mut cbor = Vec::new();
        ciborium::into_writer(&packet, &mut cbor).unwrap();
        let mut rest = &cbor[..];
        let found: Value = ciborium::from_reader(&mut rest).unwrap();
        assert_eq!(found, vector.json["packet"], "{}", vector.name);
        assert!(rest.is_empty(), "{}", vector.name);
    }
}

#[test]
fn every_invalid_vector_is_rejected_with_its_error() {
    for vector in invalid_vectors() {
        let error = match decode(&vector) {
            Ok(packet) => panic!("{}: accepted as {packet:?}", vector.name),
            Err(error) => error,
        };
        assert_eq!(describe(&error), vector.json["error"], "{}", vector.name);
        let statements: Vec<_> = error.statements().map(|it| it.to_string()).collect();
        assert_eq!(
            json!(statements),
            vector.json["statements"],
            "{}",
            vector.name
        );
    }
}

/// The answer is a packet that the other side accepts, with the code of the error if it can have it.
#[test]
fn every_invalid_vector_has_its_answer() {
    for vector in invalid_vectors() {
        let error = decode(&vector).unwrap_err();
        for connack_sent in [false, true] {
            let name = &vector.name;
            let answer = error.answer(connack_sent);
            if answer.is_empty() {
                let is_known = error.version() == Some(Version::V5);
                let of_connect = error.packet_type() == Some(PacketType::Connect);
                assert!(
                    !is_known && (connack_sent || !of_connect || error.reason_code().is_none()),
                    "{name}"
                );
                continue;
            }
            let version = error.version().unwrap_or(vector.dialect.version());
            let dialect = Dialect::new(version, vector.dialect.reply().sender());
            let code = match Packet::decode(&answer, dialect) {
                Ok(Packet::ConnAck(connack)) if !connack_sent => connack.reason_code,
                Ok(Packet::Disconnect(disconnect))
                    if connack_sent || dialect.sender() == Sender::Client =>
                {
                    disconnect.reason_code
                }
                other => panic!("{name}: {other:?}"),
            };
            let codes = [error.reason_code(), Some(ReasonCode::ProtocolError)];
            assert!(codes.contains(&Some(code)), "{name}: {code}");
        }
    }
}

#[test]
fn every_invalid_vector_has_a_neighbour_that_is_accepted() {
    let valid: BTreeMap<_, _> = valid_vectors()
        .map(|vector| (vector.name.clone(), vector))
        .collect();
    for vector in invalid_vectors() {
        let neighbour = vector.json["neighbour"].as_str().unwrap();
        let neighbour = &valid[neighbour];
        assert_eq!(neighbour.dialect.version(), vector.dialect.version());
        assert_ne!(neighbour.bytes, vector.bytes);
    }
}

#[test]
fn every_packet_of_every_version_has_a_valid_and_an_invalid_vector() {
    let seen = |vectors: &mut dyn Iterator<Item = Vector>| -> BTreeSet<_> {
        vectors
            .map(|vector| (vector.dialect.version(), vector.bytes[0] >> 4))
            .collect()
    };
    let accepted = seen(&mut valid_vectors());
    let refused = seen(&mut invalid_vectors());
    for version in Version::ALL {
        for packet_type in PacketType::ALL {
            let cell = (version, packet_type as u8);
            let exists = [Sender::Client, Sender::Server]
                .iter()
                .any(|sender| packet_type.is_sent_in(Dialect::new(version, *sender)));
            assert_eq!(accepted.contains(&cell), exists, "{packet_type} {version}");
            assert!(refused.contains(&cell), "{packet_type} {version}");
        }
    }
}

#[test]
fn every_prefix_of_a_valid_vector_needs_more() {
    for vector in valid_vectors() {
        for length in 0..vector.bytes.len() {
            let part = vector.bytes[..length].to_vec(); // its allocation ends with it
            match FrameRef::split(&part, vector.dialect, u32::MAX) {
                Ok(NextFrame::NeedMore(more)) => {
                    assert!(length + more.get() <= vector.bytes.len(), "{}", vector.name);
                }
                other => panic!("{}, {length} bytes: {other:?}", vector.name),
            }
        }
    }
}

#[test]
fn a_shortened_packet_is_rejected_unless_it_is_another_packet() {
    let (mut refused, mut packets) = (0, BTreeMap::new());
    for vector in valid_vectors() {
        let Ok(NextFrame::Frame(frame)) = FrameRef::split(&vector.bytes, vector.dialect, u32::MAX)
        else {
            panic!("{}", vector.name);
        };
        let body = frame.body();
        for length in 0..body.len() {
            let mut cut = vec![vector.bytes[0]];
            put_variable_byte_integer(length, &mut cut);
            cut.extend_from_slice(&body[..length]);
            match Packet::decode(&cut, vector.dialect) {
                Err(error) => {
                    assert!(error.offset() <= cut.len(), "{}: {error}", vector.name);
                    refused += 1;
                }
                Ok(packet) => {
                    let mut again = Vec::new();
                    packet.encode(vector.dialect, &mut again).unwrap();
                    assert!(again.len() <= cut.len(), "{}, {length}", vector.name);
                    assert_eq!(Packet::decode(&again, vector.dialect), Ok(packet));
                    let version = vector.dialect.version();
                    *packets.entry((packet.packet_type(), version)).or_insert(0) += 1;
                }
            }
        }
    }
    println!("{refused} cuts are refused, these make packets: {packets:?}");
    assert!(refused > 2000);
    // payloads, lists and 5.0's short forms may end earlier, and in 3.1 the credentials
    use PacketType as P;
    for (packet_type, version) in packets.into_keys() {
        let may_be_shorter = match packet_type {
            P::Publish | P::Subscribe | P::SubAck | P::Unsubscribe => true,
            P::Connect => version == Version::V3_1,
            P::PubAck | P::PubRec | P::PubRel | P::PubComp | P::UnsubAck | P::Disconnect => {
                version == Version::V5
            }
            P::ConnAck | P::PingReq | P::PingResp | P::Auth => false,
        };
        assert!(may_be_shorter, "{packet_type} {version}");
    }
}

#[test]
fn a_valid_packet_decodes_the_same_before_any_other_bytes() {
    let vectors: Vec<_> = valid_vectors().collect();
    for first in &vectors {
        for second in vectors.iter().filter(|it| it.dialect == first.dialect) {
            let bytes = [&first.bytes[..], &second.bytes].concat();
            let Ok(NextFrame::Frame(frame)) = FrameRef::split(&bytes, first.dialect, u32::MAX)
            else {
                panic!("{} before {}", first.name, second.name);
            };
            assert_eq!(frame.bytes(), first.bytes);
            assert_eq!(frame.decode(first.dialect), decode(first));

            // as one packet it has bytes behind it
            let error = Packet::decode(&bytes, first.dialect).unwrap_err();
            let expected = (ErrorKind::TrailingBytes, first.bytes.len());
            assert_eq!((error.kind(), error.offset()), expected, "{}", first.name);
            assert_eq!(error.packet_type(), Some(frame.packet_type()));
        }
        let cut = &first.bytes[..first.bytes.len() - 1];
        if let Ok(NextFrame::NeedMore(_)) = FrameRef::split(cut, first.dialect, u32::MAX) {
            let error = Packet::decode(cut, first.dialect).unwrap_err();
            let place = (error.kind(), error.offset());
            assert_eq!(place, (ErrorKind::Truncated, cut.len()), "{}", first.name);
            let packet_type = decode(first).unwrap().packet_type();
            assert_eq!(error.packet_type(), Some(packet_type));
        }
    }
}

#[test]
fn a_frame_is_checked_in_the_dialect_that_it_is_decoded_in() {
    let mut refused = 0;
    for vector in valid_vectors() {
        let framed = FrameRef::split(&vector.bytes, vector.dialect, u32::MAX);
        let Ok(NextFrame::Frame(frame)) = framed else {
            panic!("{}: {framed:?}", vector.name);
        };
        for version in Version::ALL {
            for sender in [Sender::Client, Sender::Server] {
                let dialect = Dialect::new(version, sender);
                let decoded = frame.decode(dialect);
                assert_eq!(decoded, Packet::decode(&vector.bytes, dialect));
                refused += usize::from(decoded.is_err());
            }
        }
    }
    assert!(refused > 500);
}

/// Many codes are checked eight at a time, so each code is tried alone, in every place, and in all places.
#[test]
fn a_code_gets_the_same_verdict_among_others() {
    for (version, first_byte) in [
        (Version::V3_1, 0x90),
        (Version::V3_1_1, 0x90),
        (Version::V5, 0x90),
        (Version::V5, 0xb0),
    ] {
        let is_accepted = |codes: &[u8]| {
            let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
            let body = [&[0, 1], properties, codes].concat();
            let bytes = [&[first_byte, body.len() as u8], &body[..]].concat();
            Packet::decode(&bytes, Dialect::from_server(version)).is_ok()
        };
        for code in 0..=0xff {
            let expected = is_accepted(&[code]);
            for count in [7, 8, 9, 17] {
                let equal = vec![code; count];
                assert_eq!(is_accepted(&equal), expected, "{version:?}: {equal:02x?}");
                for place in 0..count {
                    let mut codes = vec![0; count];
                    codes[place] = code;
                    assert_eq!(is_accepted(&codes), expected, "{version:?}: {codes:02x?}");
                }
            }
        }
    }
}

/// Frames and decodes the first packet of the wire.
fn decode(vector: &Vector) -> Result<Packet<'_>, DecodeError> {
    match FrameRef::split(&vector.bytes, vector.dialect, u32::MAX)? {
        NextFrame::Frame(frame) => frame.decode(vector.dialect),
        NextFrame::NeedMore(more) => panic!("{}: {more} bytes are missing", vector.name),
    }
}

fn valid_vectors() -> impl Iterator<Item = Vector> {
    fixtures::packet_vectors("valid")
}

fn invalid_vectors() -> impl Iterator<Item = Vector> {
    fixtures::packet_vectors("invalid")
}

fn describe(error: &DecodeError) -> Value {
    let mut json = json!({
        "kind": error.kind().name(),
        "offset": error.offset(),
        "field": error.field().to_string(),
    });
    if let Some(code) = error.reason_code() {
        // 3.1 and 3.1.1 have return codes
        let code = match error.version() {
            Some(Version::V3_1 | Version::V3_1_1) => ReturnCode::try_from(code).unwrap() as u8,
            _ => code as u8,
        };
        json["reason_code"] = json!(format!("{code:#04x}"));
    }
    json
}

fn put_variable_byte_integer(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
