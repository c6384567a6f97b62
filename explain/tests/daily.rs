//! Daily use: filters, totals, times, and output for terminals.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Run, Start, explain, file, pcap};
use mqtt_wire::Sender::{self, Client, Server};
use serde_json::{Value, json};

/// CONNECT of 3.1.1 with the Client Identifier `a`, `b` or `c`.
const CONNECT_A: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a";
const CONNECT_B: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01b";
/// CONNECT of `b` with Will QoS 1 and no Will.
const BROKEN_CONNECT_B: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x0a\0\x3c\0\x01b";
/// CONNECT of 5.0 without a Client Identifier.
const UNNAMED: &[u8] = b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0";
const CONNACK: &[u8] = b"\x20\x02\0\0";
/// CONNACK of 5.0 that assigns the Client Identifier `x1`.
const ASSIGNED: &[u8] = b"\x20\x08\0\0\x05\x12\0\x02x1";
const CONNACK_V5: &[u8] = b"\x20\x03\0\0\0";
/// Topic `t/a`, QoS 1, Packet Identifier 1.
const PUBLISH_A: &[u8] = b"\x32\x09\0\x03t/a\0\x01hi";
/// Topic `t/b`, QoS 1, Packet Identifier 2.
const PUBLISH_B: &[u8] = b"\x32\x09\0\x03t/b\0\x02hi";
const PUBACK_1: &[u8] = b"\x40\x02\0\x01";
const PUBACK_2: &[u8] = b"\x40\x02\0\x02";
/// Packet Identifier 0, which is wrong.
const BROKEN_PUBACK: &[u8] = b"\x40\x02\0\0";
const PINGREQ: &[u8] = b"\xc0\0";
const PINGRESP: &[u8] = b"\xd0\0";
const DISCONNECT: &[u8] = b"\xe0\0";

type Segments<'a> = &'a [(u32, Sender, &'a [u8])];

/// A capture of several connections, which begin with the client ports 40000, 40001 and so on.
fn capture(name: &str, connections: &[(Start, Segments<'_>)]) -> String {
    const HEADER: usize = 24;
    const RECORD: usize = 16;
    let mut records = Vec::new();
    let mut capture = Vec::new();
    for (number, (start, segments)) in connections.iter().enumerate() {
        let one = pcap(*start, segments);
        let (header, mut rest) = one.split_at(HEADER);
        capture = header.to_vec();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[8..12].try_into().unwrap());
            let (record, after) = rest.split_at(RECORD + length as usize);
            let mut record = record.to_vec();
            let port = 40_000 + u16::try_from(number).unwrap();
            for place in [RECORD + 20, RECORD + 22] {
                if record[place..place + 2] == 40_000_u16.to_be_bytes() {
                    record[place..place + 2].copy_from_slice(&port.to_be_bytes());
                }
            }
            let time: [u32; 2] =
                [0, 4].map(|at| u32::from_le_bytes(record[at..at + 4].try_into().unwrap()));
            records.push((time, record));
            rest = after;
        }
    }
    records.sort_by_key(|(time, _)| *time);
    capture.extend(records.into_iter().flat_map(|(_, record)| record));
    file(name, &capture)
}

/// Client `a` breaks no rule; client `b` breaks one.
fn two_clients(name: &str) -> String {
    capture(
        name,
        &[
            (
                Start::Captured,
                &[
                    (0, Client, CONNECT_A),
                    (10, Server, CONNACK),
                    (20, Client, PUBLISH_A),
                    (23, Client, PUBLISH_B),
                    (50, Server, PUBACK_1),
                    (60, Server, PUBACK_2),
                    (70, Client, DISCONNECT),
                ],
            ),
            (
                Start::Captured,
                &[
                    (5, Client, CONNECT_B),
                    (15, Server, CONNACK),
                    (25, Client, PUBLISH_A),
                    (1026, Server, BROKEN_PUBACK),
                    (1030, Client, PINGREQ),
                    (1037, Server, PINGRESP),
                ],
            ),
        ],
    )
}

fn objects(run: &Run) -> Vec<Value> {
    let lines = run.output.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The lines that begin with the number of a packet or a connection.
fn summaries(run: &Run) -> Vec<&str> {
    let is_wanted = |line: &&str| {
        line.contains('→') || line.contains('←') || line.starts_with('#') || line.starts_with("not")
    };
    let lines = run.output.lines().filter(is_wanted);
    lines
        .map(|line| line.split("→ ").last().unwrap().split("← ").last().unwrap())
        .collect()
}

#[test]
fn only_invalid_packets_are_shown_and_the_status_stays() {
    let path = two_clients("only_invalid.pcap");
    let all = explain([path.as_str()], b"");
    let run = explain(["--only-invalid", &path], b"");
    assert_eq!((all.status, run.status), (1, 1));
    let shown = summaries(&run);
    assert_eq!(shown.len(), 4, "{}", run.output);
    assert_eq!(shown[0], "10.0.0.2:1883");
    assert!(shown[1].starts_with("INVALID  MQTT 3.1.1 from the server: PUBACK"));
    assert!(shown[2].starts_with("#2  INVALID  1 of 6 packets"));
    assert_eq!(shown[3], "not shown: 1 connection without such packets");
    // the details of the packet are there
    assert!(run.output.contains("  rule      "), "{}", run.output);

    let json = objects(&explain(["--json", "--only-invalid", &path], b""));
    let verdicts: Vec<_> = json
        .iter()
        .map(|it| it["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["opened", "reject", "open", "capture"]);
    assert_eq!(json[3]["not_shown"]["connections"], 1);
}

#[test]
fn only_invalid_shows_nothing_of_a_valid_capture() {
    let valid: Segments<'_> = &[(0, Client, CONNECT_A), (1, Server, CONNACK)];
    let path = capture("valid.pcap", &[(Start::Captured, valid)]);
    let run = explain(["--only-invalid", &path], b"");
    let expected = "\nnot shown: 1 connection without such packets\n";
    assert_eq!((run.output.as_str(), run.status), (expected, 0));
}

#[test]
fn breaches_and_incomplete_packets_are_not_valid() {
    let stream = [CONNECT_A, PINGREQ, &PUBLISH_A[..5]].concat();
    let run = explain(["--only-invalid"], &stream);
    assert_eq!(run.status, 2);
    let shown = summaries(&run);
    assert_eq!(shown.len(), 1, "{}", run.output);
    assert!(shown[0].starts_with("INCOMPLETE"), "{}", run.output);

    let second_connect: Segments<'_> = &[
        (0, Client, CONNECT_A),
        (1, Server, CONNACK),
        (2, Client, CONNECT_A),
        (3, Client, PINGREQ),
    ];
    let path = capture("breach.pcap", &[(Start::Captured, second_connect)]);
    let run = explain(["--only-invalid", &path], b"");
    assert!(run.output.contains("CONNECT 3.1.1 \"a\""), "{}", run.output);
    assert!(run.output.contains("       ! "), "{}", run.output);
    assert!(!run.output.contains("CONNACK 0x00"), "{}", run.output);
    assert_eq!(run.status, 1);
}

#[test]
fn a_stream_is_filtered_too() {
    let stream = [CONNECT_A, PUBLISH_A, PUBLISH_B].concat();
    let run = explain(["--topic", "t/b"], &stream);
    let expected = "VALID  1 packet, MQTT 3.1.1 from the client\n      26  → PUBLISH \"t/b\" QoS 1 id 2, \"hi\"\n";
    assert_eq!((run.output.as_str(), run.status), (expected, 0));
    assert_eq!(
        explain(["--client-id", "a"], &stream).output,
        explain([], &stream).output
    );
    let run = explain(["--client-id", "b"], &stream);
    let expected = "not shown: 1 connection of other clients\n";
    assert_eq!((run.output.as_str(), run.status), (expected, 3));
    let run = explain(["--client-id", "b"], PUBLISH_A);
    assert!(
        run.output.contains("whose client is unknown"),
        "{}",
        run.output
    );
    assert_eq!(run.status, 3);
}

#[test]
fn a_client_is_selected_by_its_identifier() {
    let path = two_clients("client_id.pcap");
    let a = explain(["--client-id", "a", &path], b"");
    assert!(a.output.contains("#1  VALID  7 packets"), "{}", a.output);
    assert!(!a.output.contains("#2"), "{}", a.output);
    assert!(
        a.output
            .ends_with("not shown: 1 connection of other clients\n")
    );
    // the status is about the selected client
    assert_eq!(a.status, 0);
    let b = explain(["--client-id", "b", &path], b"");
    assert!(b.output.contains("#2  INVALID  1 of 6"), "{}", b.output);
    assert!(!b.output.contains("#1"), "{}", b.output);
    assert_eq!(b.status, 1);
    // a mistyped name is not a success
    let none = explain(["--client-id", "q", &path], b"");
    assert_eq!(none.status, 3);
    assert_eq!(none.output, "\nnot shown: 2 connections of other clients\n");
}

#[test]
fn a_refused_connect_has_a_client_too() {
    let segments: Segments<'_> = &[(0, Client, BROKEN_CONNECT_B)];
    let path = capture("refused.pcap", &[(Start::Captured, segments)]);
    let run = explain(["--client-id", "b", &path], b"");
    assert!(run.output.contains("→ INVALID"), "{}", run.output);
    assert_eq!(run.status, 1);
    assert_eq!(explain(["--client-id", "a", &path], b"").status, 3);
}

#[test]
fn the_server_can_assign_the_client_identifier() {
    let segments: Segments<'_> = &[
        (0, Client, UNNAMED),
        (1, Server, ASSIGNED),
        (2, Client, DISCONNECT),
    ];
    let other: Segments<'_> = &[(0, Client, UNNAMED), (1, Server, CONNACK_V5)];
    let path = capture(
        "assigned.pcap",
        &[(Start::Captured, segments), (Start::Captured, other)],
    );
    let run = explain(["--client-id", "x1", &path], b"");
    // the CONNECT waited for the CONNACK, and the lines are in order
    assert!(
        run.output.starts_with("#1  10.0.0.1:40000"),
        "{}",
        run.output
    );
    assert!(
        run.output.contains("#1  VALID  3 packets"),
        "{}",
        run.output
    );
    assert!(!run.output.contains("#2  "), "{}", run.output);
}

/// Nothing is written about the end of a connection that is not selected.
#[test]
fn the_end_of_another_client_is_not_shown() {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/will_fin.pcap");
    assert!(
        explain([recorded], b"")
            .output
            .contains("the client closes")
    );
    let run = explain(["--client-id", "other", recorded], b"");
    let expected = "\nnot shown: 1 connection of other clients\n";
    assert_eq!((run.output.as_str(), run.status), (expected, 3));
}

#[test]
fn a_connection_that_was_joined_has_an_unknown_client() {
    let joined: Segments<'_> = &[(0, Client, PUBLISH_A), (1, Server, PUBACK_1)];
    let path = capture("joined.pcap", &[(Start::Missing, joined)]);
    let run = explain(["--client-id", "a", &path], b"");
    let expected =
        "\nnot shown: 1 connection whose client is unknown, because no CONNECT was read\n";
    assert_eq!((run.output.as_str(), run.status), (expected, 3));
}

#[test]
fn a_topic_selects_its_packets_and_their_acknowledgements() {
    let path = two_clients("topic.pcap");
    let run = explain(["--topic", "t/a", &path], b"");
    let shown = summaries(&run);
    let expected = [
        "10.0.0.2:1883",
        "PUBLISH \"t/a\" QoS 1 id 1, \"hi\"",
        "10.0.0.2:1883",
        "PUBLISH \"t/a\" QoS 1 id 1, \"hi\"",
        "PUBACK id 1",
    ];
    assert_eq!(shown[..5], expected, "{}", run.output);
    assert!(
        run.output.contains("#1  VALID  2 packets"),
        "{}",
        run.output
    );
    // the status is about the selected packets
    assert_eq!(run.status, 0);
    let run = explain(["--topic", "t/b", &path], b"");
    assert!(
        run.output.contains("#1  VALID  2 packets"),
        "{}",
        run.output
    );
    assert!(!run.output.contains("#2"), "{}", run.output);
    assert_eq!(explain(["--topic", "T/b", &path], b"").status, 3);
}

#[test]
fn a_topic_selects_subscriptions_wills_and_all_of_qos_2() {
    let will = b"\x10\x16\0\x04MQTT\x04\x06\0\x3c\0\x01a\0\x03t/w\0\x02hi";
    let segments: Segments<'_> = &[
        (0, Client, will),
        (1, Server, CONNACK),
        (2, Client, b"\x82\x09\0\x05\0\x04t/+\x2f\0"),
        (3, Client, b"\x82\x08\0\x06\0\x03t/#\0"),
        (4, Server, b"\x90\x03\0\x05\0"),
        (5, Server, b"\x90\x03\0\x06\0"),
        (6, Client, b"\x34\x07\0\x03t/w\0\x01"),
        (7, Server, b"\x50\x02\0\x01"),
        (8, Client, b"\x62\x02\0\x01"),
        (9, Server, b"\x70\x02\0\x01"),
        (10, Client, PINGREQ),
        (11, Client, b"\xa2\x07\0\x07\0\x03t/w"),
        (12, Server, b"\xb0\x02\0\x07"),
    ];
    let path = capture("qos2.pcap", &[(Start::Captured, segments)]);
    let json = objects(&explain(["--json", "--topic", "t/w", &path], b""));
    let types = json.iter().filter_map(|it| it["packet"]["type"].as_str());
    let expected = [
        "CONNECT",
        "SUBSCRIBE",
        "SUBACK",
        "PUBLISH",
        "PUBREC",
        "PUBREL",
        "PUBCOMP",
        "UNSUBSCRIBE",
        "UNSUBACK",
    ];
    assert_eq!(types.collect::<Vec<_>>(), expected);
    // the subscription with `t/+/` has another level
    assert_eq!(json[2]["packet"]["packet_id"], 6);
}

/// PUBLISH of 5.0 with QoS 0, a Topic Alias and maybe a topic.
fn aliased(topic: &str, alias: u8) -> Vec<u8> {
    let length = u8::try_from(topic.len()).unwrap();
    let mut packet = vec![0x30, length + 6, 0, length];
    packet.extend(topic.as_bytes());
    packet.extend([3, 0x23, 0, alias]);
    packet
}

#[test]
fn a_topic_alias_is_resolved() {
    let connack = b"\x20\x06\0\0\x03\x22\0\x05";
    let (first, again, other) = (aliased("t/a", 1), aliased("", 1), aliased("t/b", 1));
    let segments: Segments<'_> = &[
        (0, Client, b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01a"),
        (1, Server, connack),
        (2, Client, &first),
        (3, Client, &again),
        (4, Client, &other),
        (5, Client, &again),
    ];
    let path = capture("alias.pcap", &[(Start::Captured, segments)]);
    let run = explain(["--topic", "t/a", &path], b"");
    assert!(run.output.contains("PUBLISH alias 1"), "{}", run.output);
    assert!(
        run.output.contains("#1  VALID  2 packets"),
        "{}",
        run.output
    );

    // the PUBLISH with the topic was not captured
    let segments: Segments<'_> = &[(0, Client, &again), (1, Client, &first)];
    let path = capture("unknown_alias.pcap", &[(Start::Missing, segments)]);
    let run = explain(["--mqtt", "5.0", "--topic", "t/a", &path], b"");
    assert!(run.output.contains("#1  VALID  1 packet"), "{}", run.output);
    let expected = "not shown: 1 PUBLISH packet with a Topic Alias whose topic is unknown\n";
    assert!(run.output.ends_with(expected), "{}", run.output);
}

#[test]
fn a_refused_publish_has_a_topic_too() {
    // DUP with QoS 0
    let stream = [CONNECT_A, b"\x38\x05\0\x03t/a", b"\x38\x05\0\x03t/b"].concat();
    let run = explain(["--topic", "t/a"], &stream);
    assert!(
        run.output.starts_with("INVALID  1 of 1 packet"),
        "{}",
        run.output
    );
    assert_eq!(run.status, 1);
}

#[test]
fn a_wrong_topic_filter_is_refused() {
    let run = explain(["--topic", "a#", "c000"], b"");
    assert_eq!(run.status, 64);
    assert!(run.errors.contains("--topic"), "{}", run.errors);
}

#[test]
fn the_summary_has_totals() {
    let path = two_clients("summary.pcap");
    let run = explain(["--summary", &path], b"");
    let expected = r#"
SUMMARY  13 packets, 89 bytes, 2 connections, 1.037000 s
                 → packets         bytes   ← packets         bytes
  CONNECT                2            30
  CONNACK                                          2             8
  PUBLISH                3            33
  PUBACK                                           3            12
  PINGREQ                1             2
  PINGRESP                                         1             2
  DISCONNECT             1             2
  ended          1  by DISCONNECT from the client
                 1  still open, or the end was not seen
  invalid        1  packet that breaks a rule
  rules          1  MQTT 3.1.1, section 2.3.1: "#;
    let start = expected.trim_start();
    assert!(run.output.starts_with(start), "{}", run.output);
    let slowest = "PUBLISH → PUBACK: 0.037000 s (#1 id 2 at 0.023000), 0.030000 s (#1 id 1 at 0.020000); 2 in all, mean 0.033500 s\n";
    assert!(run.output.contains(slowest), "{}", run.output);
    let ping = "PINGREQ → PINGRESP: 0.007000 s (#2 at 1.030000)";
    assert!(run.output.contains(ping), "{}", run.output);
    assert_eq!(run.status, 1);
}

#[test]
fn the_summary_is_one_object_in_json() {
    let path = two_clients("summary_json.pcap");
    let run = explain(["--summary", "--json", &path], b"");
    let [summary] = &objects(&run)[..] else {
        panic!("{}", run.output);
    };
    assert_eq!(summary["verdict"], "summary");
    assert_eq!(summary["packets"], 13);
    assert_eq!(summary["invalid"], 1);
    assert_eq!(summary["violations"][0]["number"], 1);
    assert_eq!(
        summary["by_type"][0],
        json!({"type": "CONNECT", "from": "client", "packets": 2, "bytes": 30})
    );
    let puback = &summary["acknowledgements"][1];
    assert_eq!(puback["answer"], "PUBACK");
    assert_eq!(puback["slowest"][0]["packet_id"], 2);
    assert_eq!(summary["capture"]["connections"]["mqtt"], 2);
}

#[test]
fn the_summary_is_about_selected_packets() {
    let path = two_clients("summary_of_a.pcap");
    let run = explain(["--summary", "--client-id", "a", &path], b"");
    assert!(
        run.output
            .starts_with("SUMMARY  7 packets, 51 bytes, 1 connection"),
        "{}",
        run.output
    );
    let run = explain(["--summary", "--topic", "t/b", &path], b"");
    assert!(
        run.output
            .starts_with("SUMMARY  2 packets, 15 bytes, 1 connection"),
        "{}",
        run.output
    );
    // with --only-invalid, the packets come first
    let run = explain(["--summary", "--only-invalid", &path], b"");
    let (packets, summary) = run.output.split_once("SUMMARY").unwrap();
    assert!(packets.contains("← INVALID"), "{}", run.output);
    assert!(summary.starts_with("  13 packets"), "{}", run.output);
}

#[test]
fn an_answer_after_a_gap_is_not_timed() {
    let mut late = pcap(
        Start::Captured,
        &[
            (0, Client, CONNECT_A),
            (1, Server, CONNACK),
            (2, Client, PUBLISH_A),
            (3, Server, PUBACK_1),
            (4, Client, PUBLISH_A),
            (90_000, Server, PUBACK_1),
            (90_001, Client, PINGREQ),
            (90_002, Server, PINGRESP),
        ],
    );
    // the first PUBACK and the second PUBLISH are not in the capture
    let mut kept = late[..24].to_vec();
    let mut rest = late.split_off(24);
    let mut number = 0;
    while !rest.is_empty() {
        let length = 16 + u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let after = rest.split_off(length);
        number += 1;
        if number != 6 && number != 7 {
            kept.extend(rest);
        }
        rest = after;
    }
    let run = explain(["--summary", &file("gap.pcap", &kept)], b"");
    assert!(run.output.contains("bytes not seen"), "{}", run.output);
    assert!(!run.output.contains("PUBLISH → PUBACK"), "{}", run.output);
    assert!(run.output.contains("PINGREQ → PINGRESP"), "{}", run.output);
}

#[test]
fn the_summary_says_where_its_memory_ends() {
    let publishes: Vec<Vec<u8>> = (1..=1100_u16)
        .map(|id| [b"\x32\x05\0\x01t", &id.to_be_bytes()[..]].concat())
        .collect();
    let mut segments: Vec<(u32, Sender, &[u8])> =
        vec![(0, Client, CONNECT_A), (1, Server, CONNACK)];
    segments.extend(publishes.iter().map(|it| (2, Client, &it[..])));
    let path = capture("untimed.pcap", &[(Start::Captured, &segments)]);
    let run = explain(["--summary", &path], b"");
    let expected = "  76 requests not timed: too many were open\n";
    assert!(run.output.contains(expected), "{}", run.output);
}

/// The lines that wait for the CONNECT have a limit. Then the client is unknown.
#[test]
fn lines_before_the_connect_have_a_limit() {
    let pings = PINGRESP.repeat(5000);
    for (before, expected) in [(&pings[..2], "#1  INVALID"), (&pings, "client is unknown")] {
        let segments: Segments<'_> = &[(0, Server, before), (1, Client, CONNECT_A)];
        let path = capture("before.pcap", &[(Start::Captured, segments)]);
        let run = explain(["--client-id", "a", &path], b"");
        assert!(run.output.contains(expected), "{}", run.output);
    }
}

/// A capture from a pipe is shown at once, although lines are wrapped and written together.
#[test]
fn wrapped_lines_of_a_pipe_come_without_delay() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"))
        .args(["--width", "60"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes = pcap(
        Start::Captured,
        &[(0, Client, CONNECT_A), (1, Client, PINGREQ)],
    );
    let mut input = child.stdin.take().unwrap();
    let second = bytes.len() - 16 - 40 - PINGREQ.len();
    input.write_all(&bytes[..second]).unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || output.next().unwrap().unwrap();
    assert!(line().starts_with("#1"));
    assert!(line().contains("CONNECT"));
    assert!(line().starts_with("                  "));
    input.write_all(&bytes[second..]).unwrap();
    assert!(line().contains("PINGREQ"));
    drop(input);
    child.wait().unwrap();
}

#[test]
fn a_stream_has_a_summary() {
    let stream = [CONNECT_A, PUBLISH_A, PUBLISH_B].concat();
    let run = explain(["--summary"], &stream);
    let expected = r#"
VALID  3 packets, MQTT 3.1.1 from the client
SUMMARY  3 packets, 37 bytes
                 → packets         bytes   ← packets         bytes
  CONNECT                1            15
  PUBLISH                2            22
"#;
    assert_eq!(run.output, expected.trim_start());
}

#[test]
fn times_have_forms() {
    let segments: Segments<'_> = &[
        (1_500, Client, CONNECT_A),
        (1_600, Server, CONNACK),
        (3_000, Client, PINGREQ),
    ];
    let path = capture("times.pcap", &[(Start::Missing, segments)]);
    let lines = |form: &str| {
        let run = explain(["--time", form, &path], b"");
        let lines = run.output.lines().skip(1).take(3);
        lines
            .map(|line| {
                line.split("    #1 ")
                    .next()
                    .unwrap()
                    .split("   0  ")
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines("relative"),
        [
            "     1    0.000000",
            "     2    0.100000",
            "     3    1.500000"
        ]
    );
    assert_eq!(
        lines("delta"),
        [
            "     1   +0.000000",
            "     2   +0.100000",
            "     3   +1.400000"
        ]
    );
    assert_eq!(
        lines("utc"),
        [
            "     1 1970-01-01T00:00:01.500000Z",
            "     2 1970-01-01T00:00:01.600000Z",
            "     3 1970-01-01T00:00:03.000000Z"
        ]
    );
    assert_eq!(lines("none"), ["     1", "     2", "     3"]);
    let json = objects(&explain(["--json", "--time", "utc", &path], b""));
    assert_eq!(json[1]["time"], "1970-01-01T00:00:01.500000Z");
    assert_eq!(json[1]["seconds"], 0.0);
}

/// Runs the program with environment variables.
fn explain_in(variables: &[(&str, &str)], args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"));
    for name in [
        "LC_ALL",
        "LC_CTYPE",
        "LANG",
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "TZ",
    ] {
        command.env_remove(name);
    }
    let output = command.args(args).envs(variables.iter().copied()).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn the_clock_is_in_the_local_time_zone() {
    let segments: Segments<'_> = &[(1_500, Client, CONNECT_A)];
    let path = capture("clock.pcap", &[(Start::Missing, segments)]);
    let output = explain_in(&[("TZ", "EST5")], &["--time", "clock", &path]);
    assert!(
        output.contains("     1 1969-12-31 19:00:01.500000    #1"),
        "{output}"
    );
}

#[test]
fn output_is_ascii_where_the_locale_has_no_utf_8() {
    let path = two_clients("ascii.pcap");
    let with = |variables: &[(&str, &str)]| explain_in(variables, &[&path]);
    let ascii = with(&[("LC_ALL", "C")]);
    assert!(ascii.is_ascii());
    assert!(
        ascii.contains("#1  10.0.0.1:40000 -> 10.0.0.2:1883"),
        "{ascii}"
    );
    assert!(ascii.contains("<- CONNACK"), "{ascii}");
    // the first variable with a value decides
    let utf_8 = with(&[("LANG", "de_DE.UTF-8")]);
    assert!(utf_8.contains("→"));
    assert_eq!(with(&[]), utf_8);
    assert_eq!(
        with(&[("LC_ALL", ""), ("LC_CTYPE", "en_US.utf8"), ("LANG", "C")]),
        utf_8
    );
    assert_eq!(
        with(&[("LC_ALL", "POSIX"), ("LC_CTYPE", "en_US.utf8")]),
        ascii
    );
    assert_eq!(
        with(&[("LC_CTYPE", "de_DE.ISO-8859-1"), ("LANG", "C.UTF-8")]),
        ascii
    );
    // JSON is UTF-8 everywhere
    let stream = "100e00044d5154540402003c0002c3a4";
    let json = explain_in(&[("LC_ALL", "C")], &["--json", stream]);
    assert!(json.contains("\"ä\""), "{json}");
    let text = explain_in(&[("LC_ALL", "C")], &[stream]);
    assert!(text.is_ascii() && text.contains("\\u{e4}"), "{text}");
}

#[test]
fn lines_are_wrapped_at_a_width_and_never_cut() {
    let path = two_clients("wrapped.pcap");
    let wide = explain([path.as_str()], b"").output;
    let is_longer = |width: usize| move |line: &str| line.chars().count() > width;
    assert!(wide.lines().any(is_longer(100)), "{wide}");
    assert_eq!(explain(["--width", "0", &path], b"").output, wide);
    for width in [50, 80, 100] {
        let wrapped = explain(["--width", &width.to_string(), &path], b"").output;
        assert!(!wrapped.lines().any(is_longer(width)), "{wrapped}");
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(&wrapped), words(&wide));
    }
    let wrapped = explain(["--width", "60", "--summary", &path], b"").output;
    let expected = "
  slowest   CONNECT → CONNACK: 0.010000 s (#1 at 0.000000),
            0.010000 s (#2 at 0.005000); 2 in all, mean
            0.010000 s
";
    assert!(wrapped.contains(expected), "{wrapped}");
    // JSON has no width
    let json = explain(["--width", "50", "--json", &path], b"");
    assert_eq!(
        objects(&json).len(),
        objects(&explain(["--json", &path], b"")).len()
    );
}

#[test]
fn a_hex_dump_is_narrow_on_a_narrow_terminal() {
    let bytes = "10 0d 0004 4d515454 04 0a 003c 0001 70";
    let run = explain(["--width", "70", bytes], b"");
    let expected = "
     0  10 0D 00 04 4D 51 54 54   ....MQTT
     8  04 0A 00 3C 00 01 70      ...<..p
           ^^ Connect Flags
";
    assert!(run.output.contains(expected), "{}", run.output);
    let flag = "
                                    ...0 1... = Will QoS: 1 (at least
                                    once)   <- Will QoS is not 0
                                    although the Will Flag is 0
";
    assert!(run.output.contains(flag), "{}", run.output);
}

#[test]
fn colours_follow_the_option_and_the_environment() {
    let has_colours = |variables: &[(&str, &str)], args: &[&str]| {
        let args = [args, &["c000"]].concat();
        explain_in(variables, &args).contains('\x1b')
    };
    assert!(!has_colours(&[], &[]));
    assert!(has_colours(&[], &["--color", "always"]));
    assert!(has_colours(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(has_colours(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!has_colours(
        &[("CLICOLOR_FORCE", "1")],
        &["--color", "never"]
    ));
    assert!(!has_colours(
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
        &[]
    ));
}

/// A pager forgets colours at the end of a line.
#[test]
fn no_colour_crosses_the_end_of_a_line() {
    let path = two_clients("pager.pcap");
    for width in ["0", "60"] {
        let run = explain(["--color", "always", "--width", width, &path], b"");
        for line in run.output.lines() {
            let last = line.rfind("\x1b[").map(|at| &line[at..]);
            assert!(last.is_none_or(|it| it.starts_with("\x1b[0m")), "{line:?}");
        }
    }
}

/// The examples in the README have the output of the program. With `UPDATE=1` they are updated.
#[test]
fn the_readme_shows_what_the_program_prints() {
    const BEGIN: &str = "```console\n$ mqtt-explain ";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut parts = readme.split(BEGIN);
    let mut current = parts.next().unwrap().to_owned();
    let mut examples = 0;
    for part in parts {
        let (command, rest) = part.split_once('\n').unwrap();
        let (_, after) = rest.split_once("```").unwrap();
        let run = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"))
            .args(command.split(' '))
            .current_dir(folder.join("tests/captures"))
            .output()
            .unwrap();
        let output = String::from_utf8(run.stdout).unwrap();
        current += &format!("{BEGIN}{command}\n{output}```{after}");
        examples += 1;
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(folder.join("README.md"), &current).unwrap();
    } else {
        assert_eq!(readme, current);
    }
    assert!(examples >= 4);
}

#[test]
fn there_are_completions_for_shells() {
    for (shell, expected) in [
        ("bash", "complete -F _mqtt"),
        ("zsh", "#compdef mqtt-explain"),
        ("fish", "complete -c mqtt-explain"),
        ("elvish", "edit:completion:arg-completer[mqtt-explain]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let run = explain(["completions", shell], b"");
        assert_eq!(run.status, 0);
        assert!(run.output.contains("only-invalid"), "{shell}");
        assert!(run.output.contains(expected), "{shell}: {}", run.output);
    }
    assert_eq!(explain(["completions", "tcsh"], b"").status, 64);
}

#[test]
fn every_command_has_a_manual_page() {
    let program = explain(["man"], b"");
    assert!(
        program.output.contains(".TH mqtt-explain 1"),
        "{}",
        program.output
    );
    assert!(program.output.contains("\\-\\-only\\-invalid"));
    let help = explain(["help"], b"").output;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let mut pages = 0;
    for name in names.filter(|name| *name != "help") {
        let page = explain(["man", name], b"");
        let title = format!(".TH mqtt-explain-{name} 1");
        assert!(page.output.contains(&title), "{name}: {}", page.output);
        pages += 1;
    }
    assert_eq!(pages, 5, "{help}");
    assert_eq!(explain(["man", "nothing"], b"").status, 64);
}
