//! Packet captures, as people record them.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Run, Start, explain, file, pcap};
use mqtt_wire::Sender::{self, Client, Server};
use mqtt_wire::monitor::BreachKind;
use serde_json::{Value, json};

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const PUBLISH: &[u8] = b"\x30\x0a\x00\x03a/bhello";
/// The length of Ethernet, IP and TCP headers in the recorded captures.
const HEADERS: usize = 54;

/// A recorded capture.
fn recorded(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    folder.join(name).to_str().unwrap().into()
}

#[test]
fn reads_a_connection_without_its_handshake() {
    let segments: [(u32, Sender, &[u8]); 4] = [
        (0, Client, &CONNECT[..10]),
        (1, Client, &CONNECT[10..]),
        (2, Server, CONNACK),
        (3, Client, PUBLISH),
    ];
    let capture = file("session.pcap", &pcap(Start::Missing, &segments));
    let run = explain([capture.as_str()], b"");
    let expected = r#"
#1  10.0.0.1:40000 → 10.0.0.2:1883
     2    0.001000    #1       0  → CONNECT 3.1.1 "c", clean session, keep alive 60 s
     3    0.002000    #1       0  ← CONNACK 0x00 Success
     4    0.003000    #1      15  → PUBLISH "a/b" QoS 0, "hello"
#1  VALID  3 packets, MQTT 3.1.1, its end was not captured
"#;
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 0);
}

#[test]
fn recorded_captures_raise_no_false_alarm() {
    let valid = [
        ("frag.pcap", "#1  VALID  5 packets, MQTT 3.1.1\n"),
        ("lost.pcap", "#1  VALID  10 packets, MQTT 3.1.1\n"),
        ("lost_ack.pcap", "#1  VALID  8 packets, MQTT 3.1.1, its end"),
        (
            "lost_connect.pcap",
            "#1  VALID  4 packets, probably MQTT 3.1.1: no CONNECT",
        ),
        (
            "lost_puback.pcap",
            "#1  VALID  6 packets, MQTT 3.1.1, its end",
        ),
        ("mixed.pcap", "#2  VALID  9 packets, MQTT 3.1.1\n"),
        ("ppp.pcap", "#1  VALID  9 packets, MQTT 3.1.1\n"),
        ("real.pcap", "#1  VALID  12 packets, MQTT 5.0\n"),
        ("reset.pcap", "#1  VALID  3 packets, MQTT 3.1.1\n"),
        ("snap.pcap", "#1  VALID  6 packets, MQTT 3.1.1\n"),
        ("wifi.pcap", "#1  VALID  9 packets, MQTT 3.1.1\n"),
        ("will_fin.pcap", "#1  VALID  4 packets, MQTT 3.1.1\n"),
    ];
    for (name, expected) in valid {
        let run = explain([recorded(name).as_str()], b"");
        assert!(run.output.contains(expected), "{name}: {}", run.output);
        assert!(!run.output.contains("INVALID"), "{name}: {}", run.output);
        assert_eq!(run.status, 0, "{name}");
        assert_eq!(run.errors, "", "{name}");
    }
}

/// The acknowledgement after a FIN counts it, and it is no byte.
#[test]
fn a_fin_is_not_a_missing_byte() {
    for name in ["real.pcap", "mixed.pcap", "will_fin.pcap"] {
        let capture = recorded(name);
        let run = explain([capture.as_str()], b"");
        assert!(!run.output.contains("missing"), "{name}: {}", run.output);
        for object in objects(&explain(["--json", &capture], b"")) {
            assert_ne!(object["verdict"], "missing", "{name}: {object}");
        }
    }
}

#[test]
fn an_acknowledgement_places_the_gap() {
    let missing = |name: &str, text: &str, before: &str| {
        let run = explain([recorded(name).as_str()], b"");
        let lines: Vec<&str> = run.output.lines().collect();
        let at = lines.iter().position(|line| line.contains(text));
        let at = at.unwrap_or_else(|| panic!("{name}: {}", run.output));
        assert!(lines[at + 1].contains(before), "{name}: {}", run.output);
        assert_eq!(run.output.matches("missing").count(), 1, "{name}");
    };
    missing("lost.pcap", "→ 21 bytes are missing", "PUBLISH");
    missing("lost_ack.pcap", "→ 21 bytes are missing", "← PUBACK id 2");
    missing("lost_connect.pcap", "→ 18 bytes are missing", "← CONNACK");
    missing("lost_puback.pcap", "← 4 bytes are missing", "→ PUBLISH");
    missing("snap.pcap", "→ 469 bytes are missing", "← PUBACK id 1");
}

/// A packet that breaks a rule is found whatever the capture has lost elsewhere.
#[test]
fn real_faults_are_still_found() {
    // a Packet Identifier 0 behind the gap of the other side
    let bad = b"\x40\x02\0\0";
    let mut bytes = std::fs::read(recorded("lost_ack.pcap")).unwrap();
    let puback = b"\x40\x02\0\x03";
    let at = bytes.windows(4).position(|it| it == puback).unwrap();
    bytes[at..at + 4].copy_from_slice(bad);
    let run = explain([file("bad.pcap", &bytes).as_str()], b"");
    assert!(run.output.contains("← INVALID"), "{}", run.output);
    assert_eq!(run.status, 1);
    // a breach behind a gap, with everything that it rests on
    let capture = lossy(
        "breach.pcap",
        &[
            (0, Client, CONNECT, Captured::Yes),
            (1, Server, CONNACK, Captured::Yes),
            (2, Client, b"\xc0\0", Captured::No),
            (3, Server, b"\xd0\0", Captured::Yes),
            (4, Client, b"\xe0\0", Captured::Yes),
            (5, Client, b"\xc0\0", Captured::Yes),
        ],
    );
    let run = explain([capture.as_str()], b"");
    let kind = BreachKind::AfterDisconnect.to_string();
    assert!(run.output.contains(&kind), "{}", run.output);
    assert_eq!(run.status, 1);
}

/// Any packet with data can get lost, without an accusation of either side.
#[test]
fn a_lost_packet_accuses_nobody() {
    for name in ["real.pcap", "mixed.pcap", "will_fin.pcap", "frag.pcap"] {
        let bytes = std::fs::read(recorded(name)).unwrap();
        let records = records(&bytes);
        for lost in 0..records.len() {
            let kept = records.iter().enumerate();
            let kept = kept.filter(|(number, _)| *number != lost);
            let kept: Vec<_> = kept.map(|(_, record)| *record).collect();
            let capture = file("lossy.pcap", &[&bytes[..24], &kept.concat()].concat());
            let run = explain([capture.as_str()], b"");
            assert_eq!(run.status, 0, "{name} without {lost}: {}", run.output);
        }
    }
}

/// The same for captures that have only the beginning of each packet.
#[test]
fn a_short_snapshot_accuses_nobody() {
    let bytes = std::fs::read(recorded("mixed.pcap")).unwrap();
    for snap in HEADERS..HEADERS + 25 {
        let mut cut = bytes[..24].to_vec();
        for record in records(&bytes) {
            let (header, packet) = record.split_at(16);
            let kept = &packet[..packet.len().min(snap)];
            cut.extend(&header[..8]);
            cut.extend((kept.len() as u32).to_le_bytes());
            cut.extend(&header[12..]);
            cut.extend(kept);
        }
        let run = explain(["--port", "1883", &file("short.pcap", &cut)], b"");
        assert_eq!(run.status, 0, "{snap}: {}", run.output);
    }
}

/// A capture may begin anywhere.
#[test]
fn a_late_beginning_accuses_nobody() {
    for name in ["real.pcap", "mixed.pcap", "will_fin.pcap"] {
        let bytes = std::fs::read(recorded(name)).unwrap();
        let records = records(&bytes);
        for from in 0..records.len() {
            let late = [&bytes[..24], &records[from..].concat()].concat();
            let run = explain(["--json", &file("late-beginning.pcap", &late)], b"");
            assert!([0, 3].contains(&run.status), "{name} from {from}");
            for object in objects(&run) {
                assert_ne!(object["verdict"], "reject", "{name} from {from}");
                let breaches = object["breaches"].as_array();
                assert!(breaches.is_none_or(Vec::is_empty), "{name} from {from}");
            }
        }
    }
}

#[test]
fn a_gap_inside_of_a_packet_keeps_the_next_one() {
    let long = [&b"\x30\x8c\x01\0\x03a/b"[..], &[b'x'; 135]].concat();
    let capture = lossy(
        "middle.pcap",
        &[
            (0, Client, CONNECT, Captured::Yes),
            (1, Server, CONNACK, Captured::Yes),
            (2, Client, &long[..50], Captured::Yes),
            (3, Client, &long[50..100], Captured::No),
            (4, Client, &[&long[100..], PUBLISH].concat(), Captured::Yes),
            (5, Client, b"\xe0\0", Captured::Yes),
        ],
    );
    let run = explain([capture.as_str()], b"");
    let expected = r#"
     6    0.004000    #1          → 50 bytes not decoded: the end of the packet was not captured
     6    0.004000    #1          → 50 bytes are missing from the capture
     6    0.004000    #1     158  → PUBLISH "a/b" QoS 0, "hello"
     7    0.005000    #1     170  → DISCONNECT
"#;
    assert!(run.output.contains(expected), "{}", run.output);
}

#[test]
fn a_changed_retransmission_is_reported() {
    let first = pcap(
        Start::Captured,
        &[
            (0, Client, CONNECT),
            (1, Server, CONNACK),
            (2, Client, PUBLISH),
        ],
    );
    let mut again = records(&first).pop().unwrap().to_vec();
    let last = again.len() - 1;
    again[last] = b'p';
    let capture = file("changed.pcap", &[&first[..], &again].concat());
    let run = explain([capture.as_str()], b"");
    let expected = "→ a retransmission carries other bytes than were captured first";
    assert!(run.output.contains(expected), "{}", run.output);
    let objects = objects(&explain(["--json", &capture], b""));
    assert!(objects.iter().any(|it| it["verdict"] == "changed"));
}

#[test]
fn shows_how_a_connection_ended_and_the_fate_of_its_will() {
    let run = explain([recorded("will_fin.pcap").as_str()], b"");
    let expected = "    #1          → the client closes the connection\n";
    assert!(run.output.contains(expected), "{}", run.output);
    let expected = "! the server must publish WILL \"w/t\" QoS 0 \"gone\": the client closed the \
                    connection without DISCONNECT [v3.1.1 MQTT-3.1.2-8]\n";
    assert!(run.output.contains(expected), "{}", run.output);

    let run = explain([recorded("reset.pcap").as_str()], b"");
    let expected = "    #1          ← the server resets the connection\n";
    assert!(run.output.contains(expected), "{}", run.output);

    // the client says goodbye, so that nothing is published
    let run = explain([recorded("real.pcap").as_str()], b"");
    assert!(run.output.contains("WILL \"a/w\""), "{}", run.output);
    assert!(!run.output.contains("must publish"), "{}", run.output);

    let objects = objects(&explain(["--json", &recorded("will_fin.pcap")], b""));
    let closed = objects.iter().find(|it| it["verdict"] == "closed").unwrap();
    assert_eq!(closed["from"], "client");
    let ended = objects.iter().find(|it| it["verdict"] == "ended").unwrap();
    assert_eq!(ended["will"]["fate"], "publish");
    assert_eq!(ended["packets"], 4);
}

#[test]
fn lists_what_was_not_read() {
    let run = explain([recorded("mixed.pcap").as_str()], b"");
    assert!(run.output.ends_with("\n1 TCP connection without MQTT\n"));
    let run = explain([recorded("ws.pcap").as_str()], b"");
    assert!(run.output.ends_with("#1  VALID  5 packets, MQTT 3.1.1\n"));
    assert_eq!(run.status, 0);

    let mut bytes = std::fs::read(recorded("mixed.pcap")).unwrap();
    bytes[20] = 147;
    let unknown = file("unknown.pcap", &bytes);
    let run = explain([unknown.as_str()], b"");
    let expected = "not read: 23 packets from links of type 147\n";
    assert!(run.output.ends_with(expected), "{}", run.output);
    let object = objects(&explain(["--json", &unknown], b"")).pop().unwrap();
    let expected = json!({
        "verdict": "capture", "packets": 23,
        "connections": {"mqtt": 0, "other": 0},
        "not_read": {
            "udp": 0, "fragments": 0, "malformed": 0, "encrypted": 0, "links": {"147": 23},
            "other_protocols": 0, "damage": null,
        },
    });
    assert_eq!(object, expected);

    // a fragment whose others are missing
    let bytes = std::fs::read(recorded("frag.pcap")).unwrap();
    let mut kept = records(&bytes);
    kept.remove(6);
    let capture = file("fragments.pcap", &[&bytes[..24], &kept.concat()].concat());
    let run = explain([capture.as_str()], b"");
    let expected =
        "not read: 2 fragments of IP packets whose other fragments are not in the capture\n";
    assert!(run.output.ends_with(expected), "{}", run.output);
    assert_eq!(run.status, 0);
}

/// Without a SYN, the wanted port is the one of the server, whoever sends first.
#[test]
fn the_wanted_port_is_the_one_of_the_server() {
    let segments: [(u32, Sender, &[u8]); 2] = [
        (0, Server, b"\x32\x06\0\x01a\0\x07!"),
        (1, Client, b"\x40\x02\0\x07"),
    ];
    let mut bytes = pcap(Start::Missing, &segments);
    // from port 1883 to another one
    for at in 24..bytes.len() - 1 {
        if bytes[at..at + 2] == 1883_u16.to_be_bytes() {
            bytes[at..at + 2].copy_from_slice(&18_830_u16.to_be_bytes());
        }
    }
    let run = explain(["--port", "18830", &file("port.pcap", &bytes)], b"");
    assert!(
        run.output
            .starts_with("#1  10.0.0.1:40000 → 10.0.0.2:18830\n"),
        "{}",
        run.output
    );
    assert!(
        run.output.contains("← PUBLISH \"a\" QoS 1 id 7"),
        "{}",
        run.output
    );
    assert!(run.output.contains("→ PUBACK id 7"), "{}", run.output);
    assert_eq!(run.status, 0);
}

#[test]
fn reads_a_pipe_while_it_is_open() {
    let bytes = std::fs::read(recorded("real.pcap")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    // up to the first CONNECT
    let records = records(&bytes);
    let (first, rest) = records.split_at(4);
    input
        .write_all(&[&bytes[..24], &first.concat()].concat())
        .unwrap();
    input.flush().unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "#1  127.0.0.1:59220 → 127.0.0.1:18831\n");
    line.clear();
    output.read_line(&mut line).unwrap();
    assert!(line.contains("→ CONNECT 5.0"), "{line}");
    input.write_all(&rest.concat()).unwrap();
    drop(input);
    let mut others = String::new();
    output.read_to_string(&mut others).unwrap();
    assert!(others.contains("#1  VALID  12 packets"), "{others}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn prints_all_connections_in_the_order_of_time() {
    let objects = objects(&explain(["--json", &recorded("real.pcap")], b""));
    let packets = objects.iter().filter(|it| it["fields"].is_array());
    let numbers: Vec<_> = packets
        .map(|it| it["capture_packet"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers.len(), 37);
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[test]
fn a_damaged_file_is_reported_after_what_precedes() {
    let bytes = std::fs::read(recorded("mixed.pcap")).unwrap();
    let cut = file("cut.pcap", &bytes[..bytes.len() - 1]);
    let run = explain([cut.as_str()], b"");
    assert!(
        run.output.contains("#2  VALID  9 packets"),
        "{}",
        run.output
    );
    let last = bytes.len() - 70;
    let expected =
        format!("\nnot read: record 23 at byte {last}, because the file ends inside it\n");
    assert!(run.output.ends_with(&expected), "{}", run.output);
    assert_eq!(run.errors, "");
    assert_eq!(run.status, 0);
    let object = objects(&explain(["--json", &cut], b"")).pop().unwrap();
    assert_eq!(object["packets"], 22);
    let expected = json!({"record": 23, "offset": last, "kind": "cut"});
    assert_eq!(object["not_read"]["damage"], expected);

    // with a length that cannot be right
    let mut bytes = bytes;
    bytes[last + 8..last + 12].copy_from_slice(&[0xff; 4]);
    let invalid = file("invalid.pcap", &bytes);
    let run = explain([invalid.as_str()], b"");
    let expected =
        format!("\nnot read: the file from byte {last} on, because record 23 is invalid\n");
    assert!(run.output.ends_with(&expected), "{}", run.output);
    let object = objects(&explain(["--json", &invalid], b"")).pop().unwrap();
    assert_eq!(object["not_read"]["damage"]["kind"], "invalid");
}

/// Columns stay apart in long connections.
#[test]
fn large_numbers_do_not_run_together() {
    let block = [&b"\x30\xe3\xff\x3f\0\x01a"[..], &vec![b'x'; 0xf_ffe0]].concat();
    let mut segments: Vec<(u32, Sender, &[u8])> = vec![(0, Client, CONNECT), (1, Server, CONNACK)];
    for _ in 0..20 {
        for part in block.chunks(50_000) {
            segments.push((4_000_000_000, Client, part));
        }
    }
    let run = explain(
        [file("large.pcap", &pcap(Start::Captured, &segments)).as_str()],
        b"",
    );
    let last = run
        .output
        .lines()
        .rfind(|line| line.contains("PUBLISH"))
        .unwrap();
    let columns: Vec<_> = last.split_whitespace().take(5).collect();
    assert_eq!(columns[1], "4000000.000000", "{last}");
    assert_eq!(columns[2], "#1", "{last}");
    assert_eq!(columns[3], (15 + 19 * block.len()).to_string(), "{last}");
    assert_eq!(columns[4], "→", "{last}");
}

/// Whether a packet is in the capture.
#[derive(Clone, Copy, PartialEq)]
enum Captured {
    Yes,
    No,
}

/// A capture that has lost some packets.
fn lossy(name: &str, segments: &[(u32, Sender, &[u8], Captured)]) -> String {
    let all = segments.iter();
    let all: Vec<_> = all
        .map(|(time, sender, bytes, _)| (*time, *sender, *bytes))
        .collect();
    let whole = pcap(Start::Captured, &all);
    let records = records(&whole);
    let (handshake, rest) = records.split_at(2);
    let kept = rest.iter().zip(segments);
    let kept = kept.filter(|(_, (.., captured))| *captured == Captured::Yes);
    let kept: Vec<_> = kept.map(|(record, _)| *record).collect();
    file(
        name,
        &[&whole[..24], &handshake.concat(), &kept.concat()].concat(),
    )
}

/// The records of a file with its header.
fn records(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = &file[24..];
    let mut records = Vec::new();
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let (record, after) = rest.split_at(16 + length);
        records.push(record);
        rest = after;
    }
    records
}

fn objects(run: &Run) -> Vec<Value> {
    let lines = run.output.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
