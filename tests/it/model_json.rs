//! The model as JSON: written as the borrowed packets are, read back as it was, and from there to
//! the same bytes.

use crate::fixtures;
use mqtt_wire::{Dialect, Packet, Version, Waivers};
use mqtt_wire_testkit::{self as model, strategies};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn every_valid_vector_is_read_from_json_and_encoded() {
    let mut read = 0;
    for vector in fixtures::packet_vectors("valid") {
        let json = &vector.json["packet"];
        let packet = read_text(&json.to_string()).unwrap_or_else(|error| {
            panic!("{}: {error}", vector.name);
        });
        assert_eq!(serde_json::to_value(&packet).unwrap(), *json);

        let decoded = Packet::decode(&vector.bytes, vector.dialect).unwrap();
        assert_eq!(model::Packet::from(decoded), packet, "{}", vector.name);
        let bytes = packet.encode(vector.dialect).unwrap();
        if vector.json["canonical"] == json!(false) {
            assert_eq!(Packet::decode(&bytes, vector.dialect), Ok(decoded));
        } else {
            assert_eq!(bytes, vector.bytes, "{}", vector.name);
        }
        read += 1;
    }
    assert!(read > 280, "{read}");
}

fn read_text(json: &str) -> serde_json::Result<model::Packet> {
    serde_json::from_str(json)
}

proptest! {
    #![proptest_config(fixtures::cases(1_000))]

    #[test]
    fn written_json_is_read_back(
        (dialect, packet) in strategies::dialect()
            .prop_flat_map(|dialect| (Just(dialect), strategies::nearly_valid(dialect))),
    ) {
        let json = serde_json::to_string(&packet).unwrap();
        prop_assert_eq!(read_text(&json).unwrap(), packet.clone());
        // as the borrowed packet, if there is one
        let borrowed = packet.lend(dialect, |packet| serde_json::to_string(&packet).unwrap());
        if let Ok(borrowed) = borrowed {
            prop_assert_eq!(json, borrowed);
        }
    }

    #[test]
    fn damaged_json_is_read_or_rejected(
        packet in strategies::packet(Dialect::from_client(Version::V5)),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        const PIECES: [&str; 10] = ["", "0", "-1", "\"", "null", "{}", "[", ":", "\"dup\":true,", "1e999"];
        let mut text = serde_json::to_string(&packet).unwrap().into_bytes();
        for (place, piece) in damage {
            let place = place.index(text.len());
            text.splice(place..=place, piece.get(&PIECES).bytes());
        }
        if let Ok(packet) = serde_json::from_slice::<model::Packet>(&text) {
            let again = serde_json::to_string(&packet).unwrap();
            prop_assert_eq!(read_text(&again).unwrap(), packet);
        }
    }
}

#[test]
fn members_cannot_be_left_out_added_or_renamed() {
    for vector in fixtures::packet_vectors("valid") {
        let json = &vector.json["packet"];
        let packet = read_text(&json.to_string()).unwrap();
        for name in json.as_object().unwrap().keys() {
            let mut without = json.clone();
            without.as_object_mut().unwrap().shift_remove(name);
            // without an optional member it is another packet
            let other = read_text(&without.to_string());
            let may_be_absent = [
                "properties",
                "reason_codes",
                "will",
                "user_name",
                "password",
            ];
            assert_eq!(
                other.is_ok(),
                may_be_absent.contains(&name.as_str()),
                "{without}"
            );
            assert!(other.is_err() || other.unwrap() != packet, "{without}");

            let mut renamed = without;
            renamed[format!("{name}_")] = json[name].clone();
            let error = read_text(&renamed.to_string()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}

#[test]
fn errors_describe_unreadable_json() {
    let long = json!("x".repeat(70_000));
    for (json, message) in [
        (
            json!({"type": "PING"}),
            "invalid value: string \"PING\", expected a packet type, such as \"CONNECT\"",
        ),
        (json!({}), "missing field `type`"),
        (json!([]), "invalid type: sequence, expected a packet"),
        (
            json!({"type": "PINGREQ", "payload": ""}),
            "PINGREQ has no member `payload`",
        ),
        (
            json!({"type": "PINGREQ", "properties": []}),
            "PINGREQ has no member `properties`",
        ),
        (json!({"type": "PINGREQ", "id": 1}), "unknown field `id`"),
        (
            json!({"type": "PUBACK", "packet_id": 1}),
            "PUBACK lacks the member `reason_code`",
        ),
        (
            json!({"type": "PUBACK", "packet_id": 0, "reason_code": "0x00"}),
            "invalid value: integer `0`, expected 1 to 65535",
        ),
        (
            json!({"type": "PUBACK", "packet_id": 65536, "reason_code": "0x00"}),
            "invalid value: integer `65536`, expected u16",
        ),
        (
            json!({"type": "PUBACK", "packet_id": null, "reason_code": "0x00"}),
            "invalid type: null, expected u16",
        ),
        (
            json!({"type": "PUBACK", "packet_id": 1, "reason_code": "0x03"}),
            "invalid value: string \"0x03\", expected a Reason Code, such as \"0x80\"",
        ),
        (
            json!({"type": "PUBACK", "packet_id": 1, "reason_code": "0x+1"}),
            "invalid value: string \"0x+1\"",
        ),
        (
            json!({"type": "PUBACK", "packet_id": 1, "reason_code": "é"}),
            "invalid value: string \"é\"",
        ),
        (
            json!({"type": "DISCONNECT", "reason_code": 0}),
            "invalid type: integer `0`, expected a Reason Code",
        ),
        (
            json!({"type": "DISCONNECT", "reason_code": "0x00", "properties": [{"topic": 1}]}),
            "unknown variant `topic`",
        ),
        (
            json!({"type": "DISCONNECT", "reason_code": "0x00", "properties": [{"topic_alias": 0}]}),
            "invalid value: integer `0`, expected a nonzero u16",
        ),
        (
            json!({"type": "DISCONNECT", "reason_code": "0x00", "properties": [{"maximum_qos": 3}]}),
            "invalid value: integer `3`, expected 0, 1 or 2",
        ),
        (
            json!({"type": "PUBLISH", "qos": 0, "retain": false, "topic_name": "a", "payload": "0"}),
            "invalid value: string \"0\", expected an even number of hexadecimal digits",
        ),
        (
            json!({"type": "PUBLISH", "qos": 0, "retain": false, "topic_name": "a", "payload": "hidden (1 byte)"}),
            "expected an even number of hexadecimal digits",
        ),
        (
            json!({"type": "PUBLISH", "qos": 0, "retain": false, "payload": ""}),
            "PUBLISH lacks the member `topic_name`",
        ),
        (
            json!({"type": "PUBLISH", "qos": 0, "dup": true, "retain": false, "topic_name": "a", "payload": ""}),
            "PUBLISH has no `dup` and no `packet_id` with QoS 0",
        ),
        (
            json!({"type": "PUBLISH", "qos": 1, "dup": true, "retain": false, "topic_name": "a", "payload": ""}),
            "PUBLISH lacks the member `packet_id`",
        ),
        (
            json!({"type": "CONNECT", "version": "5"}),
            "invalid value: string \"5\", expected \"3.1\", \"3.1.1\" or \"5.0\"",
        ),
        (
            json!({"type": "CONNECT", "will": {"qos": 1}}),
            "missing field `retain`",
        ),
        (
            json!({"type": "SUBSCRIBE", "subscriptions": [{"filter": "a", "qos": 1}]}),
            "missing field `no_local`",
        ),
        (
            json!({"type": "SUBSCRIBE", "subscriptions": [{"filter": "a", "qos": 1, "no_local": false, "retain_as_published": false, "retain_handling": 3}]}),
            "invalid value: integer `3`, expected 0, 1 or 2",
        ),
        (
            json!({"type": "PINGREQ", "dup": true}),
            "PINGREQ has no member `dup`",
        ),
        (json!({"type": long}), "invalid value: string \"xxx"),
    ] {
        let error = read_text(&json.to_string()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}, not {message}");
    }
    for text in [
        "",
        "{",
        "[[[[",
        "\"CONNECT\"",
        "7",
        "null",
        "{\"type\":\"PINGREQ\",\"type\":\"PINGRESP\"}",
    ] {
        assert!(read_text(text).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(read_text(&format!("{{\"type\":\"PINGREQ\",\"properties\":{deep}")).is_err());
}

#[test]
fn invalid_texts_are_read_and_not_encoded() {
    let dialect = Dialect::from_client(Version::V5);
    for (json, message) in [
        (
            json!({"type": "PUBLISH", "qos": 0, "retain": false, "topic_name": "a/#", "payload": ""}),
            "PUBLISH, Topic Name: the topic name contains a wildcard [v5.0 MQTT-3.3.2-2]",
        ),
        (
            json!({"type": "UNSUBSCRIBE", "packet_id": 7, "topic_filters": ["a", ""]}),
            "UNSUBSCRIBE, Topic Filter: the topic filter is empty [v5.0 MQTT-4.7.3-1]",
        ),
        (
            json!({"type": "AUTH", "reason_code": "0x18", "properties": [{"authentication_method": "a\0b"}]}),
            "AUTH, Authentication Method: the text contains U+0000 [v5.0 MQTT-1.5.4-2]",
        ),
        (
            json!({"type": "UNSUBSCRIBE", "packet_id": 7, "topic_filters": ["x".repeat(65_536)]}),
            "UNSUBSCRIBE, Topic Filter: the field is longer than 65535 bytes [v5.0 MQTT-4.7.3-3]",
        ),
        (
            json!({"type": "DISCONNECT", "reason_code": "0x00", "properties": [{"reason_string": "x".repeat(65_536)}]}),
            "DISCONNECT, Reason String: the field is longer than 65535 bytes [v5.0 U-length16]",
        ),
    ] {
        let packet = read_text(&json.to_string()).unwrap();
        assert_eq!(packet.encode(dialect).unwrap_err().to_string(), message);
        assert_eq!(serde_json::to_value(packet).unwrap(), json);
    }
}

#[test]
fn a_waived_packet_identifier_is_written_and_not_read() {
    let dialect = Dialect::from_client(Version::V3_1_1).waiving(Waivers::PACKET_ID_ZERO);
    let packet = model::Packet::from(Packet::decode(b"\x40\x02\0\0", dialect).unwrap());
    let json = serde_json::to_value(&packet).unwrap();
    let expected: Value = json!({"type": "PUBACK", "packet_id": 0, "reason_code": "0x00"});
    assert_eq!(json, expected);
    assert!(packet.encode(dialect).is_err());
    assert!(read_text(&json.to_string()).is_err());
}
