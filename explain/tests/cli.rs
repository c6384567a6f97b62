//! The program as people use it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// CONNECT of 3.1.1 whose Will QoS is 1 although it has no Will.
const WILL_QOS_WITHOUT_WILL: &str = "10 0d 0004 4d515454 04 0a 003c 0001 70";
/// A PUBLISH to `a/b` with the payload `hello`.
const PUBLISH: &[u8] = b"\x30\x0a\x00\x03a/bhello";
/// CONNECT of 3.1.1 with a Will, a user name and the password `pw`.
const CONNECT: &[u8] =
    b"\x10\x1b\x00\x04MQTT\x04\xee\x00\x3c\x00\x01p\x00\x01t\x00\x02hi\x00\x01u\x00\x02pw";

#[test]
fn explains_a_refused_connect() {
    let run = explain(WILL_QOS_WITHOUT_WILL.split(' '), b"");
    let expected = r#"
INVALID  CONNECT 3.1.1 from the client, byte 9: Connect Flags 0x0A: Will QoS is not 0 although the Will Flag is 0

     0  10 0D 00 04 4D 51 54 54  04 0A 00 3C 00 01 70      ....MQTT...<..p
                                    ^^ Connect Flags

     0  10                        Fixed header: CONNECT
                                    0001 .... = Packet type: 1 (CONNECT)
                                    .... 0000 = Flags (reserved): 0
     1  0D                        Remaining Length: 13
     2  00 04 4D 51 54 54         Protocol Name: "MQTT"
     8  04                        Protocol Level: 4 (MQTT 3.1.1)
     9  0A                        Connect Flags: 0x0A
                                    0... .... = User Name Flag: not set
                                    .0.. .... = Password Flag: not set
                                    ..0. .... = Will Retain: not set
                                    ...0 1... = Will QoS: 1 (at least once)   <- Will QoS is not 0 although the Will Flag is 0
                                    .... .0.. = Will Flag: not set   <- because of this
                                    .... ..1. = Clean Session: set
                                    .... ...0 = Reserved: not set
    10  00 3C                     Keep Alive: 60 s
    12  00 01 70                  Client Identifier: "p"

  rule      MQTT-3.1.2-13 (3.1.1, section 3.1.2.6): Will Flag 0 forces Will QoS 0.
            MQTT-3.1.2-11 (3.1.1, section 3.1.2.5): Will Flag 0: Will QoS and Will Retain are 0 and the payload has no Will fields.
  reply     the server closes the connection
  nearest   byte 9 = 02 would be valid
  hint      the client keeps the Will's QoS or Retain set although it has no Will
"#;
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 1);
}

#[test]
fn shows_a_will_in_one_line() {
    let stream = [CONNECT, PUBLISH, b"\xe0\x00"].concat();
    let run = explain([], &stream);
    let expected = r#"
VALID  3 packets, MQTT 3.1.1 from the client
       0  → CONNECT 3.1.1 "p", clean session, keep alive 60 s, WILL "t" QoS 1 retain "hi", user "u", password
      29  → PUBLISH "a/b" QoS 0, "hello"
      41  → DISCONNECT
"#;
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 0);
}

#[test]
fn says_which_versions_fit() {
    let run = explain(["82 06 0001 0001 61 00"], b"");
    let mut lines = run.output.lines();
    assert_eq!(lines.next(), Some("VALID  SUBSCRIBE id 1 \"a\" QoS 0"));
    assert_eq!(
        lines.next(),
        Some("  fits      3.1 and 3.1.1 from the client")
    );
    let expected = "  not 5.0   byte 5: Topic Filter: the field runs past the end";
    assert_eq!(lines.next(), Some(expected));
}

#[test]
fn warns_where_only_3_1_fits() {
    let run = explain(["20 02 01 05"], b"");
    let expected = "VALID IN 3.1 ONLY  CONNACK 0x05 Not authorized, session present\n";
    assert!(run.output.starts_with(expected), "{}", run.output);
    assert!(run.output.contains("[MQTT-3.2.2-4]"), "{}", run.output);
}

#[test]
fn hides_secrets_unless_asked_for() {
    let hex = hex(CONNECT);
    for options in [&["--tree"][..], &["--json"]] {
        let hidden = explain(options.iter().copied().chain([hex.as_str()]), b"").output;
        assert!(hidden.contains("hidden (2 bytes)"), "{hidden}");
        for secret in ["pw", "70 77", "7077"] {
            assert!(!hidden.contains(secret), "{secret} in {hidden}");
        }
        let options = options.iter().copied().chain(["--show-secrets", &hex]);
        let shown = explain(options, b"").output;
        assert!(shown.contains("pw"), "{shown}");
    }
    assert!(explain([hex.as_str()], b"").output.contains("00 02 ·· ··"));
    // authentication data
    let auth = ["f00b180915000 16d1600027077".replace(' ', "")];
    let hidden = explain(auth.iter().map(String::as_str), b"").output;
    assert!(hidden.starts_with("VALID  AUTH"), "{hidden}");
    assert!(hidden.contains("16 00 02 ·· ··"), "{hidden}");
    // nothing in a refused CONNECT that may be a password
    let cut = ["10 1c 0004 4d515454 04 c2 003c 0001 70 0001 75 000e 7077 7077 7077 7077"];
    let hidden = explain(cut, b"").output;
    assert!(
        !hidden.contains("70 77") && !hidden.contains("pw"),
        "{hidden}"
    );
}

#[test]
fn tells_by_the_exit_status() {
    let status = |args: &str| explain(args.split(' '), b"").status;
    assert_eq!(status("c0 00"), 0);
    assert_eq!(status("-V"), 0);
    assert_eq!(status("--help"), 0);
    assert_eq!(status(WILL_QOS_WITHOUT_WILL), 1);
    assert_eq!(status("c000 400200 00"), 1);
    assert_eq!(status("300a0003"), 2);
    assert_eq!(status("c000 300a0003"), 2);
    assert_eq!(status("16 03 01 02 00 01"), 3);
    assert_eq!(status("00 00"), 3);
    assert_eq!(explain([], b"GET /mqtt HTTP/1.1\r\n\r\n").status, 3);
    assert_eq!(status("--nonsense"), 64);
    assert_eq!(status("--mqtt 6 c000"), 64);
    assert_eq!(status("no-such-file.bin"), 64);
    assert_eq!(status("-f no-such-file.bin"), 64);
    assert_eq!(explain([], b"").status, 64);
}

#[test]
fn reads_every_form_from_the_standard_input() {
    let xxd = "00000000: 300a 0003 612f 6268 656c 6c6f            0...a/bhello\n";
    let forms: [&[u8]; 8] = [
        PUBLISH,
        b"30 0a 00 03 61 2f 62 68 65 6c 6c 6f",
        b"300a0003612f6268656c6c6f\n",
        xxd.as_bytes(),
        b"uint8_t packet[] = { 0x30, 10, 0, 3, 'a', '/', 'b', 'h', 'e', 'l', 'l', 'o' };",
        b"<<48,10,0,3,97,47,98,\"hello\">>",
        b"b'0\\n\\x00\\x03a/bhello'",
        b"MAoAA2EvYmhlbGxv",
    ];
    for form in forms {
        let run = explain([], form);
        let text = String::from_utf8_lossy(form);
        let expected = "VALID  PUBLISH \"a/b\" QoS 0, \"hello\"";
        assert!(run.output.starts_with(expected), "{text}: {}", run.output);
    }
}

#[test]
fn reads_files() {
    let raw = file("raw.bin", PUBLISH);
    let pasted = file("pasted.txt", b"30 0a 0003 612f62 68656c6c6f\n");
    for path in [&raw, &pasted] {
        for args in [vec!["-f", path], vec![path.as_str()]] {
            let run = explain(args, b"");
            assert!(
                run.output.starts_with("VALID  PUBLISH \"a/b\""),
                "{}",
                run.output
            );
        }
    }
}

#[test]
fn reads_captures() {
    let connack = b"\x20\x02\x00\x00";
    let segments: [(bool, &[u8]); 4] = [
        (true, &CONNECT[..10]),
        (true, &CONNECT[10..]),
        (false, connack),
        (true, PUBLISH),
    ];
    let capture = file("session.pcap", &pcap(40_000, &segments));
    let run = explain([capture.as_str()], b"");
    let expected = r#"
VALID  10.0.0.1:40000 → 10.0.0.2:1883: 3 packets, MQTT 3.1.1
    #2    0.001000       0  → CONNECT 3.1.1 "p", clean session, keep alive 60 s, WILL "t" QoS 1 retain "hi", user "u", password
    #3    0.002000       0  ← CONNACK 0x00 Success
    #4    0.003000      29  → PUBLISH "a/b" QoS 0, "hello"
"#;
    assert_eq!(run.output, expected.trim_start());
    assert_eq!(run.status, 0);

    let run = explain(["--json", &capture], b"");
    let last: Value = serde_json::from_str(run.output.lines().last().unwrap()).unwrap();
    assert_eq!(last["connection"], "10.0.0.1:40000 > 10.0.0.2:1883");
    assert_eq!(last["capture_packet"], 4);
    assert_eq!(last["stream_offset"], 29);
}

#[test]
fn shows_both_directions() {
    let c2s = file("c2s.bin", &[CONNECT, b"\xe0\x00"].concat());
    let s2c = file("s2c.bin", b"\x20\x02\x00\x00");
    let run = explain(["--c2s", &c2s, "--s2c", &s2c], b"");
    let lines: Vec<_> = run.output.lines().collect();
    assert_eq!(lines[0], "VALID  3 packets, MQTT 3.1.1");
    assert!(lines[1].contains("0  → CONNECT"));
    assert!(lines[2].contains("29  → DISCONNECT"));
    assert!(lines[3].contains("0  ← CONNACK 0x00 Success"));
}

#[test]
fn goes_on_after_an_error_if_it_can() {
    let run = explain(["--mqtt", "3.1.1", "40020000 c000"], b"");
    assert!(
        run.output.starts_with("INVALID  1 of 2 packets"),
        "{}",
        run.output
    );
    assert!(run.output.contains("       4  → PINGREQ"), "{}", run.output);
    let run = explain(["c000 3002000548656c6c6f"], b"");
    let expected = "5 bytes not looked at: no packet begins there";
    assert!(run.output.contains(expected), "{}", run.output);
}

#[test]
fn writes_an_object_for_each_packet() {
    let run = explain(["--json", "c000 40020000"], b"");
    let objects: Vec<Value> = run
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["verdict"], "accept");
    assert_eq!(objects[0]["packet"]["type"], "PINGREQ");
    assert_eq!(objects[1]["stream_offset"], 2);
    assert_eq!(objects[1]["dialect"]["from"], "client");
    assert_eq!(objects[1]["verdict"], "reject");
    assert_eq!(objects[1]["error"]["kind"], "PacketIdZero");
    assert_eq!(objects[1]["error"]["offset"], 2);
    assert_eq!(objects[1]["fields"][2]["name"], "Packet Identifier");
    assert_eq!(objects[1]["fields"][2]["offset"], 2);
}

#[test]
fn colours_only_where_wanted() {
    let run = |color: &str| explain(["--color", color, "c000"], b"").output;
    assert!(run("always").contains('\x1b'));
    assert!(!run("auto").contains('\x1b'));
    assert!(!run("never").contains('\x1b'));
}

#[test]
fn judges_lines_of_json() {
    let questions = concat!(
        r#"{"id":"a","version":"5.0","from":"server","hex":"e0018e"}"#,
        "\n",
        r#"{"id":"b","version":"5.0","from":"client","hex":"e0018e"}"#,
        "\n",
        r#"{"id":"c","version":"5.0","from":"client","hex":"e001"}"#,
        "\n",
    );
    let run = explain(["judge"], questions.as_bytes());
    assert_eq!(run.status, 0);
    let answers: Vec<Value> = run
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers[0]["verdict"], "accept");
    assert_eq!(answers[0]["reencoded"], "e0018e");
    assert_eq!(answers[1]["error"]["kind"], "ReasonCodeWrongSender");
    assert_eq!(answers[1]["error"]["reason_code"], "0x82");
    assert_eq!(answers[2]["verdict"], "incomplete");

    let run = explain(["judge"], b"nonsense\n");
    assert_eq!(run.status, 1);
    assert!(run.output.contains("\"verdict\":\"error\""));
}

/// Recorded sessions of real clients and brokers, where they are at hand.
#[test]
fn understands_recorded_sessions() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams");
    let Ok(index) = std::fs::read_to_string(shared.join("index.jsonl")) else {
        return;
    };
    let folder = temporary("streams");
    std::fs::create_dir_all(&folder).unwrap();
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(shared.join("streams.tar.gz"))
        .arg("-C")
        .arg(&folder)
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        return;
    }
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
        assert_eq!(run.status, 0, "{base}: {}", run.output);
        let packets = &session["packets"];
        let count = packets["c2s"].as_u64().unwrap() + packets["s2c"].as_u64().unwrap();
        let version = session["version"].as_str().unwrap();
        let expected = format!("VALID  {count} packet");
        assert!(run.output.starts_with(&expected), "{base}: {}", run.output);
        assert!(run.output.contains(&format!("MQTT {version}\n")), "{base}");
    }
}

struct Run {
    output: String,
    status: i32,
}

fn explain<'a>(args: impl IntoIterator<Item = &'a str>, input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-explain"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // it may not want to read
    let _ = child.stdin.take().unwrap().write_all(input);
    let done = child.wait_with_output().unwrap();
    Run {
        output: String::from_utf8(done.stdout).unwrap(),
        status: done.status.code().unwrap(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn file(name: &str, content: &[u8]) -> String {
    let path = temporary(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().into()
}

/// A capture of a connection to port 1883, a millisecond between packets; `true` is from the client.
fn pcap(client_port: u16, segments: &[(bool, &[u8])]) -> Vec<u8> {
    const RAW_IP: u32 = 101;
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    for field in [0, 0, u32::MAX, RAW_IP] {
        file.extend(field.to_le_bytes());
    }
    let mut sent = [1_u32, 1];
    for (number, (from_client, payload)) in (0..).zip(segments) {
        let me = usize::from(!from_client);
        let (hosts, ports) = if *from_client {
            ([1, 2], [client_port, 1883])
        } else {
            ([2, 1], [1883, client_port])
        };
        let length = u16::try_from(40 + payload.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        for host in hosts {
            packet.extend([10, 0, 0, host]);
        }
        for port in ports {
            packet.extend(port.to_be_bytes());
        }
        packet.extend(sent[me].to_be_bytes());
        packet.extend(sent[1 - me].to_be_bytes());
        packet.extend([0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(*payload);
        sent[me] += u32::try_from(payload.len()).unwrap();
        let length = u32::from(length);
        for field in [0, number * 1000, length, length] {
            file.extend(u32::to_le_bytes(field));
        }
        file.extend(packet);
    }
    file
}
