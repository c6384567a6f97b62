//! MQTT over WebSocket, in captures and in streams.

mod common;

use mqtt_wire::Sender::{self, Client, Server};
use serde_json::Value;

use common::{Run, Start, explain, file, frame, hex, masked, pcap};

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
const CONNECT_31: &[u8] = b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c";
const CONNECT_5: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01c";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const PINGREQ: &[u8] = b"\xc0\0";
const DISCONNECT: &[u8] = b"\xe0\0";

const PING_FRAME: &[u8] = b"\x89\x01p";
/// With a mask of zeros.
const CLOSE_FRAME: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

fn request(protocol: &str) -> Vec<u8> {
    let text = format!(
        "GET /mqtt?token=SECRET HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n{protocol}\r\n"
    );
    text.into_bytes()
}

fn response(fields: &str) -> Vec<u8> {
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         {fields}\r\n"
    );
    text.into_bytes()
}

const MQTT: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

fn binary(payload: &[u8]) -> Vec<u8> {
    masked(0x82, payload)
}

type Turns<'a> = [(Sender, &'a [u8])];

/// The output about a capture of these segments, without colours and times.
fn capture(turns: &Turns<'_>) -> Run {
    run_capture(turns, &[])
}

fn run_capture(turns: &Turns<'_>, args: &[&str]) -> Run {
    let segments: Vec<_> = turns
        .iter()
        .map(|(sender, bytes)| (10, *sender, *bytes))
        .collect();
    explain(args.iter().copied(), &pcap(Start::Captured, &segments))
}

/// Lines without the number of the packet and the time.
fn without_places(output: &str) -> String {
    let lines = output.lines().map(|line| match line.find("#1 ") {
        Some(at) if at > 0 => format!("{}\n", &line[at..]),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn reads_a_capture() {
    let (request, response) = (request(MQTT), response(MQTT));
    let (first, rest) = CONNECT.split_at(5);
    let run = capture(&[
        (Client, &request),
        (Server, &response),
        // one packet in two frames, and two packets in one
        (Client, &masked(0x02, first)),
        (Client, &masked(0x80, rest)),
        (Server, &frame(0x82, CONNACK)),
        (Server, PING_FRAME),
        (Client, &masked(0x8a, b"p")),
        (Client, &binary(&[PINGREQ, DISCONNECT].concat())),
        (Client, CLOSE_FRAME),
    ]);
    let expected = "\
#1  10.0.0.1:40000 → 10.0.0.2:1883
#1          → WebSocket request for /mqtt?(hidden), offers the subprotocol mqtt
#1          ← WebSocket accepted, selects the subprotocol mqtt
#1       0  → CONNECT 3.1.1 \"c\", clean session, keep alive 60 s
#1       0  ← CONNACK 0x00 Success
#1          ← WebSocket ping, 1 byte
#1          → WebSocket pong, 1 byte
#1      15  → PINGREQ
#1      17  → DISCONNECT
#1          → WebSocket close, 1000
#1  VALID  4 packets, MQTT 3.1.1, its end was not captured
";
    assert_eq!(without_places(&run.output), expected);
    assert_eq!(run.status, 0);
}

/// A text frame is about no topic, so `--topic` hides it, and counts it no more.
#[test]
fn filters_select_broken_rules_of_websocket() {
    let (request, response) = (request(MQTT), response(MQTT));
    let turns: &Turns<'_> = &[
        (Client, &request),
        (Server, &response),
        (Client, &binary(CONNECT)),
        (Client, &masked(0x81, b"text")),
        (Client, &binary(DISCONNECT)),
    ];
    let filtered = |args: &[&str]| {
        let run = run_capture(turns, args);
        let faults = run.output.matches("MQTT-6.0.0-1").count();
        (faults, run.output.contains("CONNECT 3.1.1"), run.status)
    };
    assert_eq!(filtered(&[]), (1, true, 1));
    assert_eq!(filtered(&["--only-invalid"]), (1, false, 1));
    assert_eq!(filtered(&["--client-id", "c"]), (1, true, 1));
    assert_eq!(filtered(&["--client-id", "d"]), (0, false, 3));
    assert_eq!(filtered(&["--topic", "a"]), (0, false, 3));
    let summary = run_capture(turns, &["--summary", "--json"]).output;
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["websocket"], 1);
}

/// The bytes of one side, pasted, are filtered like a capture.
#[test]
fn filters_select_the_websocket_of_a_stream() {
    let text = masked(0x81, b"text");
    let bytes = [request(MQTT), binary(CONNECT), text, binary(DISCONNECT)].concat();
    let filtered = |args: &[&str]| {
        let run = explain(args.iter().copied(), &bytes);
        let faults = run.output.matches("MQTT-6.0.0-1").count();
        (faults, run.output.contains("WebSocket request"), run.status)
    };
    assert_eq!(filtered(&[]), (1, true, 1));
    assert_eq!(filtered(&["--only-invalid"]), (1, false, 1));
    assert_eq!(filtered(&["--client-id", "c"]), (1, true, 1));
    assert_eq!(filtered(&["--client-id", "d"]), (0, false, 3));
    assert_eq!(filtered(&["--topic", "a"]), (0, false, 3));
}

/// Control frames and broken rules of WebSocket do not hide an answer from its request.
#[test]
fn acknowledgements_are_timed_across_control_frames() {
    let (request, response) = (request(MQTT), response(MQTT));
    let run = run_capture(
        &[
            (Client, &request),
            (Server, &response),
            (Client, &binary(CONNECT)),
            (Server, &frame(0x82, CONNACK)),
            (Client, &binary(b"\x32\x07\0\x03a/b\0\x01")),
            (Server, PING_FRAME),
            (Client, &masked(0x81, b"text")),
            (Server, &frame(0x82, b"\x40\x02\0\x01")),
        ],
        &["--summary", "--json"],
    );
    let summary: Value = serde_json::from_str(&run.output).unwrap();
    let timed = summary["acknowledgements"].as_array().unwrap();
    let timed: Vec<_> = timed.iter().map(|it| &it["answer"]).collect();
    assert_eq!(timed, ["CONNACK", "PUBACK"]);
}

#[test]
fn reads_a_capture_on_another_port_by_its_subprotocol_or_path() {
    let on_port_9001 = |request: &[u8]| {
        let turns = [
            (10, Client, request),
            (10, Server, &response("")),
            (10, Client, &binary(CONNECT)),
        ];
        let mut capture = pcap(Start::Captured, &turns);
        let ports = [1883_u16.to_be_bytes(), 9001_u16.to_be_bytes()];
        for at in 0..capture.len() - 1 {
            if capture[at..at + 2] == ports[0] {
                capture[at..at + 2].copy_from_slice(&ports[1]);
            }
        }
        explain([], &capture).output
    };
    assert!(on_port_9001(&request(MQTT)).contains("→ CONNECT"));
    assert!(on_port_9001(&request("")).contains("→ CONNECT"));
    let chat = String::from_utf8(request("Sec-WebSocket-Protocol: chat\r\n")).unwrap();
    let chat = chat.replace("/mqtt?", "/chat?");
    assert!(on_port_9001(chat.as_bytes()).contains("1 TCP connection without MQTT"));
}

#[test]
fn the_request_is_the_beginning_without_its_handshake_of_tcp() {
    let (request, response) = (request(MQTT), response(MQTT));
    let mut turns = vec![(10, Client, request), (10, Server, response)];
    // among these are bytes that could be packets
    let with_password = b"\x10\x16\0\x04MQTT\x04\xc2\0\x3c\0\x02cd\0\0\0\x04\xc0\0\xc0\0";
    for byte in with_password.chunks(2) {
        turns.push((10, Client, binary(byte)));
    }
    let segments: Vec<_> = turns.iter().map(|it| (it.0, it.1, &it.2[..])).collect();
    let run = explain([], &pcap(Start::Missing, &segments));
    assert!(
        run.output.contains("       0  → CONNECT 3.1.1 \"cd\""),
        "{}",
        run.output
    );
    assert_eq!(run.status, 0);
}

#[test]
fn cites_the_statements_of_the_version() {
    let chat = "Sec-WebSocket-Protocol: chat\r\n";
    let fault = |offered: &str, selected: &str, frame: &[u8]| {
        let (request, response) = (request(offered), response(selected));
        let run = capture(&[(Client, &request), (Server, &response), (Client, frame)]);
        let faults = run
            .output
            .lines()
            .filter(|line| line.contains("! WebSocket"));
        let faults = faults.map(|it| String::from(it.split(" ! ").nth(1).unwrap()));
        let faults: Vec<_> = faults.collect();
        assert_eq!(run.status, i32::from(!faults.is_empty()), "{}", run.output);
        faults
    };
    let none: [String; 0] = [];
    assert_eq!(fault(MQTT, MQTT, &binary(CONNECT)), none);

    let offer = |version| {
        format!("WebSocket: the client has to offer the subprotocol mqtt [{version} MQTT-6.0.0-3]")
    };
    for offered in ["", chat] {
        assert_eq!(fault(offered, "", &binary(CONNECT)), [offer("v3.1.1")]);
        assert_eq!(fault(offered, "", &binary(CONNECT_5)), [offer("v5.0")]);
        // MQTT 3.1 has no rules about WebSocket, and an unknown version may be 3.1
        assert_eq!(fault(offered, "", &binary(CONNECT_31)), none);
        assert_eq!(fault(offered, "", b""), none);
    }

    let select =
        |versions| format!("WebSocket: the server has to select the subprotocol mqtt [{versions}]");
    let both = "v3.1.1 MQTT-6.0.0-4; v5.0 MQTT-6.0.0-4";
    // the client offers mqtt, so the version is not 3.1
    assert_eq!(fault(MQTT, "", b""), [select(both)]);

    let text = format!(
        "WebSocket: a text frame; MQTT uses binary frames only [{}]",
        "v3.1.1 MQTT-6.0.0-1; v5.0 MQTT-6.0.0-1"
    );
    assert_eq!(fault(MQTT, MQTT, &masked(0x81, CONNECT)), [text]);
    let unmasked = "WebSocket: a frame of the client has no mask [RFC 6455, section 5.1]";
    assert_eq!(fault(MQTT, MQTT, &frame(0x82, CONNECT)), [unmasked]);
}

#[test]
fn a_refused_websocket_is_not_mqtt() {
    let request = request(MQTT);
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let run = capture(&[(Client, &request), (Server, refusal)]);
    let text = "NOT MQTT  the server refuses the WebSocket: 401 Unauthorized\n";
    assert!(run.output.contains(text), "{}", run.output);
    assert_eq!(run.status, 3);
}

#[test]
fn accuses_nobody_after_bytes_that_are_missing() {
    let (request, response) = (request(MQTT), response(MQTT));
    let connect = binary(CONNECT);
    let publish = binary(b"\x30\x0a\0\x03a/bhello");
    let sent: Vec<(Sender, &[u8])> = vec![
        (Client, &request),
        (Server, &response),
        (Client, &connect),
        (Client, &publish),
        (Client, &publish),
        (Client, &publish),
    ];
    for lost in [2, 3] {
        // a capture without one segment: an empty one of its length is cut to nothing
        let segments: Vec<_> = sent.iter().map(|(side, it)| (10, *side, *it)).collect();
        let whole = pcap(Start::Captured, &segments);
        let length = 16 + 40 + sent[lost].1.len();
        let packet = |bytes: &[u8]| 16 + 40 + bytes.len();
        let start =
            24 + 2 * packet(b"") + sent[..lost].iter().map(|it| packet(it.1)).sum::<usize>();
        let without = [&whole[..start], &whole[start + length..]].concat();
        let run = explain(["--port", "1883"], &without);
        assert!(run.output.contains("bytes are missing"), "{}", run.output);
        assert!(run.output.contains("→ PUBLISH"), "{}", run.output);
        assert_eq!(run.status, 0, "{}", run.output);
    }
}

#[test]
fn reads_pasted_streams() {
    let client = [
        request(MQTT),
        masked(0x02, &CONNECT[..5]),
        masked(0x80, &CONNECT[5..]),
        binary(DISCONNECT),
    ]
    .concat();
    let server = [response(MQTT), frame(0x82, CONNACK)].concat();
    let c2s = file("websocket.c2s", &client);
    let s2c = file("websocket.s2c", &server);
    let both = explain(["--c2s", &c2s, "--s2c", &s2c], b"");
    let expected = "\
→ WebSocket request for /mqtt?(hidden), offers the subprotocol mqtt
← WebSocket accepted, selects the subprotocol mqtt
VALID  3 packets, MQTT 3.1.1
       the order of the two directions is not recorded; this one breaks the fewest rules
       0  → CONNECT 3.1.1 \"c\", clean session, keep alive 60 s
       0  ← CONNACK 0x00 Success
      15  → DISCONNECT
";
    assert_eq!(both.output, expected);
    assert_eq!(both.status, 0);

    for pasted in [hex(&client).into_bytes(), client.clone()] {
        let one = explain(["-"], &pasted);
        assert!(
            one.output
                .contains("VALID  2 packets, MQTT 3.1.1 from the client\n")
        );
        assert_eq!(one.status, 0);
    }
    let one = explain(["-"], hex(&server).as_bytes());
    assert!(
        one.output.starts_with("← WebSocket accepted, "),
        "{}",
        one.output
    );
    assert!(
        one.output.contains("\nVALID  CONNACK 0x00 Success\n"),
        "{}",
        one.output
    );

    let follow = format!(
        "\n===\nFollow: tcp,raw\nFilter: tcp.stream eq 0\nNode 0: a:1\nNode 1: b:2\n{}\n\t{}\n===\n",
        hex(&client),
        hex(&server)
    );
    assert_eq!(explain(["-"], follow.as_bytes()).output, expected);
}

#[test]
fn writes_json() {
    let text = masked(0x81, b"text");
    let bytes = [
        request(MQTT),
        text,
        masked(0x89, b"p"),
        CLOSE_FRAME.to_vec(),
    ]
    .concat();
    let run = explain(["--json", "--show-secrets", "-"], &bytes);
    let lines: Vec<Value> = run
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let statements = ["v3.1.1 MQTT-6.0.0-1", "v5.0 MQTT-6.0.0-1"];
    let expected = serde_json::json!([
        {"verdict": "websocket", "from": "client", "event": "request",
         "target": "/mqtt?token=SECRET", "subprotocols": ["mqtt"]},
        {"verdict": "websocket", "from": "client", "event": "ping", "length": 1},
        {"verdict": "websocket", "from": "client", "event": "close", "code": 1000, "reason": ""},
        {"verdict": "websocket", "from": "client", "event": "fault", "kind": "TextFrame",
         "statements": statements},
    ]);
    assert_eq!(Value::from(lines), expected);
    assert_eq!(run.status, 1);
    let hidden = explain(["--json", "-"], &bytes);
    assert!(!hidden.output.contains("SECRET"));
}
