//! From bytes to JSON and back: `mqtt-explain --json` and `judge`, then `encode`.

mod common;

use std::path::{Path, PathBuf};

use common::{Run, Start, explain, file, hex, pcap};
use mqtt_wire::{Dialect, ErrorKind, FrameRef, NextFrame, Packet, PacketType, Sender, Version};
use serde_json::{Value, json};

fn encode<'a>(args: impl IntoIterator<Item = &'a str>, json: &str) -> Run {
    explain(["encode"].into_iter().chain(args), json.as_bytes())
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec-vectors")
}

/// Version, sender, bytes and whether they are the shortest, of all valid vectors.
fn valid_vectors() -> Vec<(String, &'static str, String, bool)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(vectors()).unwrap() {
        let folder = folder.unwrap().path();
        let valid = folder.join("valid");
        if folder.ends_with("conversations") || !valid.is_dir() {
            continue;
        }
        for path in std::fs::read_dir(valid).unwrap() {
            let text = std::fs::read_to_string(path.unwrap().path()).unwrap();
            let json: Value = serde_json::from_str(&text).unwrap();
            let fields = json["wire"].as_array().unwrap().iter();
            let from = match json["direction"].as_str().unwrap() {
                "client-to-server" => "client",
                _ => "server",
            };
            found.push((
                json["versions"][0].as_str().unwrap().to_owned(),
                from,
                fields.map(|field| field[0].as_str().unwrap()).collect(),
                json["canonical"] != json!(false),
            ));
        }
    }
    found
}

#[test]
fn every_valid_vector_survives_json() {
    let mut same = 0;
    for (version, from, bytes, is_shortest) in valid_vectors() {
        let dialect = ["--mqtt", &version, "--from", from];
        let to_json = ["--json", "--show-secrets", &bytes];
        let explained = explain(dialect.into_iter().chain(to_json), b"");
        let run = encode(["--hex"], &explained.output);
        assert_eq!(run.status, 0, "{bytes}: {}", run.errors);
        if is_shortest {
            assert_eq!(run.output.trim_end(), bytes);
            same += 1;
        } else {
            assert!(run.output.trim_end().len() <= bytes.len(), "{bytes}");
        }
    }
    assert!(same > 250, "{same}");
}

#[test]
fn every_answer_of_judge_can_be_encoded() {
    let vectors = valid_vectors();
    for version in ["3.1", "3.1.1", "5.0"] {
        for from in ["client", "server"] {
            let wanted = vectors.iter().filter(|it| it.0 == version && it.1 == from);
            let questions: Vec<_> = wanted
                .clone()
                .map(|(_, _, bytes, _)| {
                    json!({"version": version, "from": from, "hex": bytes}).to_string()
                })
                .collect();
            let answers = explain(["judge"], questions.join("\n").as_bytes());
            let run = encode(
                ["--mqtt", version, "--from", from, "--hex"],
                &answers.output,
            );
            assert_eq!(run.status, 0, "{}", run.errors);
            assert_eq!(run.output.lines().count(), questions.len());
            for (line, (_, _, bytes, is_shortest)) in run.output.lines().zip(wanted) {
                assert_eq!(line == bytes, *is_shortest, "{bytes}");
            }
        }
    }
}

#[test]
fn recorded_streams_survive_json() {
    let folder = vectors().join("streams");
    let index = std::fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let (mut same, mut shorter) = (0, 0);
    for line in index.lines() {
        let session: Value = serde_json::from_str(line).unwrap();
        if session["every_packet_valid"] != json!(true) {
            continue;
        }
        let base = session["base"].as_str().unwrap();
        let path = |side: &str| folder.join(format!("{base}.{side}.bin"));
        let [c2s, s2c] = ["c2s", "s2c"].map(path);
        let (c2s, s2c) = (c2s.to_str().unwrap(), s2c.to_str().unwrap());
        let options = ["--json", "--show-secrets", "--c2s", c2s, "--s2c", s2c];
        let explained = explain(options, b"");
        let version = match session["version"].as_str().unwrap() {
            "3.1" => Version::V3_1,
            "3.1.1" => Version::V3_1_1,
            _ => Version::V5,
        };
        for (from, path, dialect) in [
            ("client", c2s, Dialect::from_client(version)),
            ("server", s2c, Dialect::from_server(version)),
        ] {
            let run = encode(["--hex", "--from", from], &explained.output);
            assert_eq!(run.status, 0, "{base}: {}", run.errors);
            let bytes = std::fs::read(path).unwrap();
            let mut rest = &bytes[..];
            let mut lines = run.output.lines();
            while let Ok(NextFrame::Frame(frame)) = FrameRef::split(rest, dialect, u32::MAX) {
                let again = from_hex(lines.next().unwrap());
                if again == frame.bytes() {
                    same += 1;
                } else {
                    // some programs write a Reason Code of success, which is optional
                    assert!(again.len() < frame.bytes().len(), "{base}");
                    let decoded = Packet::decode(&again, dialect);
                    assert_eq!(decoded, frame.decode(dialect), "{base}");
                    shorter += 1;
                }
                rest = &rest[frame.bytes().len()..];
            }
            assert_eq!(lines.next(), None);
        }
    }
    assert!(same > 20 * shorter && same > 200, "{same} {shorter}");
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn encodes_lines_and_lists() {
    let publish = json!({
        "type": "PUBLISH", "qos": 0, "retain": false, "topic_name": "a/b", "payload": "68656c6c6f",
    });
    let expected = "\x30\x0a\x00\x03a/bhello";
    let twice = format!("{publish}\n{publish}\n");
    let run = encode(["--mqtt", "3.1.1", "--from", "client"], &twice);
    assert_eq!((run.output, run.status), (expected.repeat(2), 0));

    let pretty = serde_json::to_string_pretty(&json!([publish, {"type": "PINGREQ"}])).unwrap();
    let path = file("packets.json", pretty.as_bytes());
    let run = encode(["--mqtt", "5.0", "--from", "client", "--hex", &path], "");
    assert_eq!(
        run.output,
        format!("300b0003612f6200{}\nc000\n", hex(b"hello"))
    );

    assert_eq!(encode([], "").status, 0);
    assert_eq!(encode([], " [] \n").output, "");
}

#[test]
fn finds_version_and_side_if_possible() {
    let connect =
        r#"{"type":"CONNECT","version":"3.1.1","clean_start":true,"keep_alive":0,"client_id":""}"#;
    let run = encode(["--hex"], connect);
    assert_eq!(run.output, "100c00044d5154540402".to_owned() + "00000000\n");

    let ping = r#"{"type":"PINGRESP"}"#;
    assert_eq!(encode(["--hex", "--mqtt", "5"], ping).output, "d000\n");
    let run = encode(["--hex"], ping);
    assert_eq!(
        run.errors,
        "mqtt-explain: line 1: unknown version; use --mqtt\n"
    );
    assert_eq!(run.status, 64);

    let named =
        r#"{"version":"5.0","from":"client","packet":{"type":"DISCONNECT","reason_code":"0x04"}}"#;
    assert_eq!(encode(["--hex"], named).output, "e00104\n");
    // the packet is from the other side
    let run = encode(["--hex", "--from", "server"], named);
    assert_eq!((run.output.as_str(), run.status), ("", 0));

    let puback = r#"{"type":"PUBACK","packet_id":1,"reason_code":"0x10"}"#;
    let run = encode(["--mqtt", "5"], puback);
    assert_eq!(
        run.errors,
        "mqtt-explain: line 1: unknown sender; use --from\n"
    );
    assert_eq!(run.status, 64);
    let run = encode(["--mqtt", "5", "--from", "server", "--hex"], puback);
    assert_eq!(run.output, "4003000110\n");
}

#[test]
fn stops_at_a_packet_that_breaks_a_rule() {
    let ping = r#"{"type":"PINGREQ"}"#;
    let from_server = r#"{"from":"server","packet":{"type":"PINGREQ"}}"#;
    let lines = [ping, "", from_server, ping].join("\n");
    let run = encode(["--mqtt", "3.1.1", "--hex"], &lines);
    assert_eq!(run.output, "c000\n");
    assert_eq!(run.status, 1);
    assert!(
        run.errors
            .starts_with("mqtt-explain: line 3: PINGREQ, packet type"),
        "{}",
        run.errors
    );

    let publish = r#"{"type":"PUBLISH","qos":0,"retain":false,"topic_name":"a/#","payload":""}"#;
    let run = encode(["--mqtt", "5", "--from", "client"], publish);
    let kind = ErrorKind::WildcardInTopicName;
    let expected = format!("PUBLISH, Topic Name: {kind} [v5.0 MQTT-3.3.2-2]");
    assert_eq!(run.errors, format!("mqtt-explain: line 1: {expected}\n"));
    assert_eq!((run.output.as_str(), run.status), ("", 1));
}

#[test]
fn names_the_wrong_member() {
    let of =
        |packet: Value| json!({"dialect": {"version": "5.0", "from": "client"}, "packet": packet});
    let publish = json!({
        "type": "PUBLISH", "qos": 0, "retain": false, "topic_name": "a", "payload": "",
        "properties": [{"message_expiry_interval": 7}, {"topic_alias": 0}],
    });
    let connect = json!({
        "type": "CONNECT", "version": "5.0", "clean_start": true, "keep_alive": 0, "client_id": "",
        "will": {"qos": 3},
    });
    for (json, message) in [
        (
            of(publish),
            "line 1: packet.properties[1].topic_alias: invalid value: integer `0`, expected a nonzero u16",
        ),
        (
            of(connect),
            "line 1: packet.will.qos: invalid value: integer `3`, expected 0, 1 or 2",
        ),
        (
            of(json!({"type": "PINGREQ", "packet_id": 1})),
            "line 1: packet: PINGREQ has no member `packet_id`",
        ),
        (
            of(json!([])),
            "line 1: packet: invalid type: sequence, expected a packet",
        ),
        (
            json!({"dialect": {"version": "4"}, "packet": {}}),
            "line 1: dialect.version: unknown version \"4\"",
        ),
        (
            json!({"from": "broker", "packet": {}}),
            "line 1: from: unknown sender \"broker\"",
        ),
        (
            json!({"from": 7, "packet": {}}),
            "line 1: from: invalid type: integer `7`, expected a string",
        ),
        (
            json!({"versoin": "5.0", "packet": {"type": "PINGREQ"}}),
            "line 1: versoin: unknown member `versoin`",
        ),
        (
            json!({"dialect": {"form": "client"}, "packet": {"type": "PINGREQ"}}),
            "line 1: dialect.form: unknown member `form`",
        ),
        (
            json!([{"type": "PINGREQ"}, {"type": "PING"}]),
            "line 1, item 1: type: invalid value: string \"PING\", expected a packet type, such as \"CONNECT\"",
        ),
        (
            json!(7),
            "line 1: expected a packet, or an object with the member `packet`",
        ),
        (
            json!({"id": 7}),
            "line 1: expected a packet, or an object with the member `packet`",
        ),
    ] {
        let run = encode(["--mqtt", "5", "--hex"], &json.to_string());
        assert_eq!(run.errors, format!("mqtt-explain: {message}\n"));
        assert_eq!(run.status, 64);
    }
    for (text, message) in [
        (
            "\n{\"type\":",
            "line 2: column 8: not JSON: EOF while parsing a value",
        ),
        (
            r#"{"type": "PINGREQ", "type": "PINGRESP"}"#,
            "line 1: column 26: duplicate member `type`",
        ),
        (
            "{\"type\": \"PINGREQ\"}\n\n{\"packet\": {\"qos\": 1,\n \"qos\": 2}}",
            "line 4: column 6: duplicate member `qos`",
        ),
    ] {
        let run = encode(["--mqtt", "5", "--hex"], text);
        assert_eq!(run.errors, format!("mqtt-explain: {message}\n"));
        assert_eq!(run.status, 64);
    }
}

#[test]
fn refuses_hidden_and_refused_packets() {
    let connect = "10 15 0004 4d515454 05 c2 0000 00 0001 70 0001 75 0002 7077";
    let explained = explain(["--json", connect], b"");
    let run = encode([], &explained.output);
    assert_eq!(
        run.errors,
        "mqtt-explain: line 1: packet.password: invalid value: string \"hidden (2 bytes)\", expected an even number of hexadecimal digits (write the JSON with --show-secrets)\n"
    );
    assert_eq!(run.status, 64);

    let explained = explain(["--json", "10 0d 0004 4d515454 04 0a 003c 0001 70"], b"");
    let run = encode([], &explained.output);
    assert_eq!(
        run.errors,
        "mqtt-explain: line 1: nothing to encode: the verdict is \"reject\"\n"
    );
    assert_eq!(run.status, 1);
}

#[test]
fn packets_of_a_capture_can_be_encoded() {
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
    let segments: [(u32, Sender, &[u8]); 2] = [
        (0, Sender::Client, connect),
        (1, Sender::Server, b"\x20\x02\0\0"),
    ];
    let capture = file("encode.pcap", &pcap(Start::Captured, &segments));
    let explained = explain(["--json", &capture], b"");
    let run = encode(["--hex"], &explained.output);
    let expected = format!("{}\n20020000\n", hex(connect));
    assert_eq!((run.output, run.errors.as_str()), (expected, ""));
}

/// The help has a JSON object for each packet type, after a line with the options for it.
#[test]
fn the_examples_of_the_help_can_be_encoded() {
    let help = explain(["encode", "--help"], b"").output;
    let (_, examples) = help.split_once("Examples").unwrap();
    let mut names = Vec::new();
    for (from, marker) in [("client", "--from client:"), ("server", "--from server:")] {
        let (_, block) = examples.split_once(marker).unwrap();
        let block = block.split("--from").next().unwrap();
        let end = block.rfind('}').unwrap() + 1;
        let values = serde_json::Deserializer::from_str(&block[..end]).into_iter::<Value>();
        for value in values.map(Result::unwrap) {
            let run = encode(
                ["--mqtt", "5.0", "--from", from, "--hex"],
                &value.to_string(),
            );
            assert_eq!(run.status, 0, "{value}: {}", run.errors);
            names.push(value["type"].as_str().unwrap().to_owned());
        }
    }
    names.sort();
    let mut all = PacketType::ALL.map(|it| it.name());
    all.sort_unstable();
    assert_eq!(names, all);
}
