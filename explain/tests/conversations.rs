//! The rules between the packets of a connection.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Run, Start, explain, file, hex, pcap, temporary};
use mqtt_wire::Sender::{self, Client, Server};
use mqtt_wire::monitor::BreachKind;
use serde_json::{Value, json};

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const SUBSCRIBE: &[u8] = b"\x82\x06\0\x01\0\x01a\x01";
const SUBACK: &[u8] = b"\x90\x03\0\x01\x01";

#[test]
fn shows_breaches_of_a_conversation() {
    let connect = b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01c";
    let connack = b"\x20\x03\0\0\0";
    let capture = capture(
        "second-connack.pcap",
        &[
            (0, Client, connect),
            (1, Server, connack),
            (2, Server, connack),
        ],
    );
    let run = explain([capture.as_str()], b"");
    let kind = BreachKind::SecondConnAck;
    let expected = format!(
        r#"
#1  10.0.0.1:40000 → 10.0.0.2:1883
     3    0.000000    #1       0  → CONNECT 5.0 "c", clean start, keep alive 60 s
     4    0.001000    #1       0  ← CONNACK 0x00 Success
     5    0.002000    #1       5  ← CONNACK 0x00 Success
       ! Server, CONNACK: {kind} [v5.0 MQTT-3.2.0-2]
#1  INVALID  1 of 3 packets breaks a rule of the conversation, MQTT 5.0, its end was not captured
"#
    );
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 1);

    let run = explain(["--tree", &capture], b"");
    let expected = format!(
        "
  breach    Server, CONNACK: {kind} [v5.0 MQTT-3.2.0-2]
  rule      MQTT-3.2.0-2 (5.0, section 3.2): "
    );
    assert!(run.output.contains(&expected), "{}", run.output);
    let expected = "\n  code      0x82 Protocol Error\n";
    assert!(run.output.contains(expected), "{}", run.output);

    let packets = packets_of(&explain(["--json", &capture], b""));
    assert_eq!(packets[1]["breaches"], json!([]));
    let breach = json!({
        "kind": "SecondConnAck", "from": "server",
        "statements": ["v5.0 MQTT-3.2.0-2"], "reason_code": "0x82",
    });
    assert_eq!(packets[2]["breaches"], json!([breach]));
}

#[test]
fn checks_keep_alive_in_captures() {
    let ping = b"\xc0\x00";
    let capture = capture(
        "keep-alive.pcap",
        &[
            (0, Client, CONNECT),
            (1, Server, CONNACK),
            (70_000, Client, ping),
        ],
    );
    let run = explain([capture.as_str()], b"");
    let kind = BreachKind::KeepAliveMissed;
    let expected = format!("! Client, PINGREQ: {kind} [v3.1.1 MQTT");
    assert!(run.output.contains(&expected), "{}", run.output);
}

#[test]
fn accepts_answers_to_packets_before_the_capture() {
    let segments: [(u32, Sender, &[u8]); 2] = [(0, Client, b"\x40\x02\0\x07"), (1, Server, SUBACK)];
    let late = file("late.pcap", &pcap(Start::Missing, &segments));
    let run = explain(["--mqtt", "3.1.1", &late], b"");
    assert!(run.output.contains("#1  VALID"), "{}", run.output);
    // but not where nothing came before
    let whole = capture("no-connect.pcap", &segments);
    let run = explain(["--mqtt", "3.1.1", &whole], b"");
    assert!(run.output.contains("#1  INVALID  "), "{}", run.output);
    assert!(
        run.output.contains(&format!(
            "{} [v3.1.1 MQTT-3.1.0-1]",
            BreachKind::FirstPacketNotConnect
        )),
        "{}",
        run.output
    );
    // nor is there an alarm after a packet that nobody could read
    let bad_publish = b"\x32\x05\0\x01+\0\x09";
    let puback = b"\x40\x02\0\x09";
    let refused = capture(
        "refused.pcap",
        &[
            (0, Client, CONNECT),
            (1, Server, CONNACK),
            (2, Client, bad_publish),
            (3, Server, puback),
        ],
    );
    let run = explain([refused.as_str()], b"");
    assert!(
        run.output.contains("1 of 4 packets, MQTT"),
        "{}",
        run.output
    );
    assert!(!run.output.contains("! "), "{}", run.output);
}

#[test]
fn finds_an_order_without_a_breach() {
    let run = both_directions(
        &[CONNECT, SUBSCRIBE, b"\xc0\x00", b"\xe0\x00"].concat(),
        &[CONNACK, b"\x30\x05\0\x01ahi", SUBACK, b"\xd0\x00"].concat(),
        &[],
    );
    let expected = r#"
VALID  8 packets, MQTT 3.1.1
       the order of the two directions is not recorded; this one breaks the fewest rules
       0  → CONNECT 3.1.1 "c", clean session, keep alive 60 s
       0  ← CONNACK 0x00 Success
      15  → SUBSCRIBE id 1 "a" QoS 1
       4  ← PUBLISH "a" QoS 0, "hi"
      11  ← SUBACK id 1 QoS 1
      23  → PINGREQ
      16  ← PINGRESP
      25  → DISCONNECT
"#;
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 0);
}

#[test]
fn shows_a_breach_that_every_order_has() {
    let publish = b"\x32\x05\0\x01a\0\x07";
    let puback = b"\x40\x02\0\x07";
    let run = both_directions(
        &[CONNECT, publish, b"\xe0\x00", b"\xc0\x00"].concat(),
        &[CONNACK, puback, puback].concat(),
        &[],
    );
    let (nothing_open, after_disconnect) = (
        BreachKind::NothingToAcknowledge,
        BreachKind::AfterDisconnect,
    );
    let expected = format!(
        r#"
INVALID  2 of 7 packets break a rule of the conversation, MQTT 3.1.1
       the order of the two directions is not recorded; this one breaks the fewest rules
       0  → CONNECT 3.1.1 "c", clean session, keep alive 60 s
       0  ← CONNACK 0x00 Success
      15  → PUBLISH "a" QoS 1 id 7, empty
       4  ← PUBACK id 7
       8  ← PUBACK id 7
       ! Server, PUBACK 7: {nothing_open} [v3.1.1 MQTT-2.3.1-6]
      22  → DISCONNECT
      24  → PINGREQ
       ! Client, PINGREQ: {after_disconnect} [v3.1.1 MQTT-3.14.4-2]
"#
    );
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 1);
}

#[test]
fn checks_no_conversation_in_one_direction_alone() {
    let stream = [CONNECT, CONNECT].concat();
    let c2s = file("alone.c2s.bin", &stream);
    for args in [vec![c2s.as_str()], vec!["--c2s", &c2s]] {
        let run = explain(args.clone(), b"");
        assert!(run.output.starts_with("VALID  2 packets"), "{}", run.output);
        let args = ["--json"].into_iter().chain(args);
        for packet in objects(&explain(args, b"")) {
            assert_eq!(packet["breaches"], Value::Null);
        }
    }
}

#[test]
fn gives_up_if_there_are_too_many_packets() {
    // nothing tells in which order these passed, but that one of them is wrong
    let mut client = CONNECT.to_vec();
    let mut server = CONNACK.to_vec();
    for _ in 0..1000 {
        client.extend(b"\x30\x03\0\x01a");
        server.extend(b"\x30\x03\0\x01b");
    }
    server.extend(SUBACK);
    for _ in 0..1000 {
        server.extend(b"\x30\x03\0\x01b");
    }
    let run = both_directions(&client, &server, &[]);
    let lines: Vec<_> = run.output.lines().take(4).collect();
    assert_eq!(lines[0], "VALID  3003 packets, MQTT 3.1.1");
    assert!(lines[1].contains("too many packets"), "{}", lines[1]);
    assert!(lines[3].contains("→ PUBLISH"), "{}", lines[3]);
    // many are no matter where the order is clear
    let mut client = [CONNECT, SUBSCRIBE].concat();
    let mut server = [CONNACK, SUBACK].concat();
    for id in 1..=700_u16 {
        let id = id.to_be_bytes();
        client.extend(b"\x32\x05\0\x01a");
        client.extend(id);
        client.extend(b"\x40\x02");
        client.extend(id);
        server.extend(b"\x40\x02");
        server.extend(id);
        server.extend(b"\x32\x05\0\x01b");
        server.extend(id);
    }
    let run = both_directions(&client, &server, &[]);
    assert!(
        run.output.starts_with("VALID  2804 packets"),
        "{}",
        run.output
    );
    assert!(run.output.contains("fewest rules"));
}

/// Every vector as a capture, and as a question to `judge`.
#[test]
fn finds_the_breaches_of_all_vectors() {
    let mut questions = String::new();
    let vectors = conversations();
    for (name, vector) in &vectors {
        let version = vector["versions"][0].as_str().unwrap();
        let packets = vector["packets"].as_array().unwrap();
        let bytes: Vec<_> = packets.iter().map(|packet| wire(&packet["wire"])).collect();
        let segments: Vec<_> = (0..)
            .zip(packets)
            .zip(&bytes)
            .map(|((number, packet), bytes)| {
                let time = packet["milliseconds"].as_u64().unwrap_or(number);
                let time = u32::try_from(time).unwrap();
                let sender = match packet["from"].as_str() {
                    Some("client") => Client,
                    _ => Server,
                };
                (time, sender, &bytes[..])
            })
            .collect();
        let capture = capture("vector.pcap", &segments);
        let mut args = vec!["--json", "--mqtt", version, capture.as_str()];
        if let Some(waiver) = vector["waivers"][0].as_str() {
            args.extend(["--waive", waiver]);
        }
        let run = explain(args, b"");
        let mut found = Vec::new();
        for (number, packet) in packets_of(&run).iter_mut().enumerate() {
            assert_eq!(packet["verdict"], "accept", "{name}: {packet}");
            for breach in packet["breaches"].as_array_mut().unwrap() {
                breach["packet"] = json!(number);
                found.push(normal(breach));
            }
        }
        let expected = vector["breaches"].as_array().cloned().unwrap_or_default();
        assert_eq!(found, expected, "{name}");
        assert_eq!(run.status, i32::from(!expected.is_empty()), "{name}");

        let packets: Vec<_> = packets
            .iter()
            .zip(&bytes)
            .map(|(packet, bytes)| {
                let mut object = json!({"from": packet["from"], "hex": hex(bytes)});
                if packet["milliseconds"].is_u64() {
                    object["milliseconds"] = packet["milliseconds"].clone();
                }
                object
            })
            .collect();
        let mut question = json!({"id": name, "version": version, "packets": packets});
        if vector["waivers"].is_array() {
            question["waivers"] = vector["waivers"].clone();
        }
        questions += &format!("{question}\n");
    }
    let run = explain(["judge"], questions.as_bytes());
    assert_eq!(run.status, 0);
    let answers = objects(&run);
    assert_eq!(answers.len(), vectors.len());
    for ((name, vector), mut answer) in vectors.iter().zip(answers) {
        let expected = vector["breaches"].as_array().cloned().unwrap_or_default();
        let breaches = answer["breaches"].as_array_mut().unwrap();
        let found: Vec<_> = breaches.iter_mut().map(normal).collect();
        assert_eq!(found, expected, "{name}");
        let verdict = if expected.is_empty() {
            "accept"
        } else {
            "reject"
        };
        assert_eq!(answer["verdict"], verdict, "{name}");
        assert_eq!(answer["error"], Value::Null, "{name}");
        assert_eq!(&answer["id"], name);
        assert_eq!(
            answer["waived"].is_array(),
            vector["waivers"].is_array(),
            "{name}"
        );
    }
}

/// Sessions of real programs that break a rule.
const DEVIATIONS: [&str; 8] = [
    // rumqttc 0.25.1 acknowledges after its DISCONNECT
    "aedes-rumqttc-v311-status.late2",
    // paho-mqtt 2.2.0 sends PUBREL after a PUBREC that refuses the message
    "mosqauth-paho-v5-authbasic.good",
    // rumqttd 0.20 sends an UNSUBACK for each filter of an UNSUBSCRIBE
    "rumqttd-mqttjs-v311-basic.a",
    "rumqttd-paho-v311-basic.a",
    // in 5.0 each of them has one code
    "rumqttd5-mqttjs-v5-basic.a",
    "rumqttd5-paho-v5-basic.a",
    // or there is only one, with one code for two filters
    "rumqttd5-mqttjs-v5-props.a",
    "rumqttd5-paho-v5-props.a",
];

#[test]
fn recorded_sessions_raise_no_false_alarm() {
    check_sessions(&repository().join("spec-vectors/streams"), None);
}

/// The whole collection, where it is at hand.
#[test]
fn all_recorded_sessions_raise_no_false_alarm() {
    let shared = repository().join("../shared/streams");
    let folder = temporary("streams");
    std::fs::create_dir_all(&folder).unwrap();
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(shared.join("streams.tar.gz"))
        .arg("-C")
        .arg(&folder)
        .status();
    if unpacked.is_ok_and(|status| status.success()) {
        check_sessions(&shared, Some(&folder));
    }
}

fn check_sessions(index: &Path, folder: Option<&Path>) {
    let folder = folder.unwrap_or(index);
    let index = std::fs::read_to_string(index.join("index.jsonl")).unwrap();
    for line in index.lines() {
        let session: Value = serde_json::from_str(line).unwrap();
        if session["hand_made"] == true {
            continue;
        }
        let base = session["base"].as_str().unwrap();
        let path = |side| folder.join(format!("{base}.{side}.bin"));
        let (c2s, s2c) = (path("c2s"), path("s2c"));
        let (c2s, s2c) = (c2s.to_str().unwrap(), s2c.to_str().unwrap());
        let run = explain(["--c2s", c2s, "--s2c", s2c], b"");
        let packets = &session["packets"];
        let count = packets["c2s"].as_u64().unwrap() + packets["s2c"].as_u64().unwrap();
        let version = session["version"].as_str().unwrap();
        let deviates = DEVIATIONS.contains(&base);
        let plural = if count == 1 { "" } else { "s" };
        let expected = if deviates {
            format!("{count} packets break")
        } else {
            format!("VALID  {count} packet{plural}, MQTT {version}\n")
        };
        assert_eq!(run.status, i32::from(deviates), "{base}: {}", run.output);
        assert!(run.output.contains(&expected), "{base}: {}", run.output);
    }
}

#[test]
fn judge_reads_conversations() {
    let connect = hex(CONNECT);
    let ask = |packets: Value| {
        let question = json!({"id": 1, "version": "3.1.1", "packets": packets});
        let run = explain(["judge"], format!("{question}\n").as_bytes());
        objects(&run).remove(0)
    };
    // a packet that is refused ends it
    let answer = ask(json!([
        {"from": "client", "hex": connect},
        {"from": "client", "hex": connect},
        {"from": "client", "hex": "c001"},
        {"from": "client", "hex": connect},
    ]));
    assert_eq!(answer["verdict"], "reject");
    assert_eq!(answer["breaches"].as_array().unwrap().len(), 1);
    assert_eq!(answer["breaches"][0]["packet"], 1);
    assert_eq!(answer["breaches"][0]["kind"], "SecondConnect");
    assert_eq!(answer["error"]["packet"], 2);
    assert_eq!(answer["error"]["kind"], "RemainingLength");
    assert_eq!(answer["error"]["waiver"], Value::Null);
    // each is one packet, and a whole one
    for (hex, kind) in [("c000c000", "TrailingBytes"), ("c0", "Truncated")] {
        let answer = ask(json!([{"from": "client", "hex": hex}]));
        assert_eq!(answer["error"]["kind"], kind);
    }
    let trailing = ask(json!([{"from": "client", "hex": format!("{connect}00")}]));
    assert_eq!(trailing["error"]["waiver"], Value::Null);
    assert_eq!(ask(json!([]))["verdict"], "accept");
    assert_eq!(ask(json!([{"from": "me", "hex": ""}]))["verdict"], "error");
    assert_eq!(ask(json!({}))["verdict"], "error");
}

fn both_directions(client: &[u8], server: &[u8], args: &[&str]) -> Run {
    let number = client.len() + server.len();
    let c2s = file(&format!("{number}.c2s.bin"), client);
    let s2c = file(&format!("{number}.s2c.bin"), server);
    let args = args.iter().copied();
    explain(args.chain(["--c2s", &c2s, "--s2c", &s2c]), b"")
}

/// A capture of a whole connection.
fn capture(name: &str, segments: &[(u32, Sender, &[u8])]) -> String {
    file(name, &pcap(Start::Captured, segments))
}

fn objects(run: &Run) -> Vec<Value> {
    let lines = run.output.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The objects of packets.
fn packets_of(run: &Run) -> Vec<Value> {
    let mut objects = objects(run);
    objects.retain(|object| object["fields"].is_array());
    objects
}

/// A breach as the vectors write it.
fn normal(breach: &mut Value) -> Value {
    if breach["reason_code"].is_null() {
        breach.as_object_mut().unwrap().remove("reason_code");
    }
    breach.clone()
}

/// The vectors of conversations, with their names.
fn conversations() -> Vec<(String, Value)> {
    let folder = repository().join("spec-vectors/conversations");
    let mut vectors = Vec::new();
    for verdict in ["valid", "invalid"] {
        for entry in std::fs::read_dir(folder.join(verdict)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            vectors.push((name, serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(vectors.len() > 200);
    vectors
}

fn wire(fields: &Value) -> Vec<u8> {
    let fields = fields.as_array().unwrap().iter();
    let digits: String = fields.map(|field| field[0].as_str().unwrap()).collect();
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
