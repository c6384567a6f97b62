//! The command line, as people use it.

mod common;

use std::io::Write;

use common::{explain, file, hex, temporary};
use mqtt_wire::{DecodeError, Dialect, ErrorKind, Packet, Version};
use serde_json::Value;

/// A CONNECT of 3.1.1 without a Will, and with Will QoS 1.
const WILL_QOS_WITHOUT_WILL: &str = "10 0d 0004 4d515454 04 0a 003c 0001 70";
/// A PUBLISH to `a/b` with the payload `hello`.
const PUBLISH: &[u8] = b"\x30\x0a\x00\x03a/bhello";
/// CONNECT of 3.1.1 with a Will, a user name and the password `pw`.
const CONNECT: &[u8] =
    b"\x10\x1b\x00\x04MQTT\x04\xee\x00\x3c\x00\x01p\x00\x01t\x00\x02hi\x00\x01u\x00\x02pw";

/// The error with which the library refuses a packet of a 3.1.1 client.
fn error(hex: &str) -> DecodeError {
    let hex = hex.replace(' ', "");
    let pairs = hex.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
    let bytes: Vec<u8> = pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    Packet::decode(&bytes, Dialect::from_client(Version::V3_1_1)).unwrap_err()
}

#[test]
fn explains_a_refused_connect() {
    let run = explain(WILL_QOS_WITHOUT_WILL.split(' '), b"");
    let error = error(WILL_QOS_WITHOUT_WILL);
    let kind = error.kind();
    let rules: Vec<_> = error.statements().map(|it| it.rule()).collect();
    let [qos, will_flag] = rules[..] else {
        panic!("{rules:?}");
    };
    let expected = format!(
        r#"
INVALID  MQTT 3.1.1 from the client: {error}

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
                                    ...0 1... = Will QoS: 1 (at least once)   <- {kind}
                                    .... .0.. = Will Flag: not set   <- because of this
                                    .... ..1. = Clean Session: set
                                    .... ...0 = Reserved: not set
    10  00 3C                     Keep Alive: 60 s
    12  00 01 70                  Client Identifier: "p"

  rule      MQTT-3.1.2-13 (3.1.1, section 3.1.2.6): {qos}
            MQTT-3.1.2-11 (3.1.1, section 3.1.2.5): {will_flag}
  reply     the server closes the connection
  nearest   with byte 9 = 02 the packet is valid
  waiver    --waive WILL_FLAGS accepts this packet
  hint      the client sets the QoS or Retain of a Will although it has no Will
"#
    );
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
fn lists_the_versions_in_which_a_packet_is_valid() {
    let run = explain(["82 06 0001 0001 61 00"], b"");
    let mut lines = run.output.lines();
    assert_eq!(lines.next(), Some("VALID  SUBSCRIBE id 1 \"a\" QoS 0"));
    assert_eq!(
        lines.next(),
        Some("  valid as  3.1 and 3.1.1 from the client")
    );
    let bytes = b"\x82\x06\0\x01\0\x01a\0";
    let error = Packet::decode(bytes, Dialect::from_client(Version::V5)).unwrap_err();
    assert_eq!(lines.next(), Some(&format!("  not 5.0   {error}")[..]));
}

#[test]
fn names_codes_as_their_version_does() {
    let suback = "90 03 0001 80";
    let run = explain(["--mqtt", "3.1.1", suback], b"");
    let expected = "VALID  SUBACK id 1 0x80 Failure\n";
    assert!(run.output.starts_with(expected), "{}", run.output);
    let suback = "90 04 0001 00 80";
    let run = explain(["--mqtt", "5.0", suback], b"");
    let expected = "VALID  SUBACK id 1 0x80 Unspecified error\n";
    assert!(run.output.starts_with(expected), "{}", run.output);
}

#[test]
fn warns_where_only_3_1_fits() {
    let run = explain(["20 02 01 05"], b"");
    let expected = "VALID IN 3.1 ONLY  CONNACK 0x05 Not authorized, session present\n";
    assert!(run.output.starts_with(expected), "{}", run.output);
    assert!(
        run.output.contains("[v3.1.1 MQTT-3.2.2-4]"),
        "{}",
        run.output
    );
}

#[test]
fn hides_secrets_unless_asked_to_show_them() {
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
    // nor is there anything in a refused CONNECT that may be a password
    let cut = ["10 1c 0004 4d515454 04 c2 003c 0001 70 0001 75 000e 7077 7077 7077 7077"];
    let hidden = explain(cut, b"").output;
    assert!(
        !hidden.contains("70 77") && !hidden.contains("pw"),
        "{hidden}"
    );
}

#[test]
fn returns_an_exit_status() {
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
fn a_mistyped_word_is_an_error_with_a_suggestion() {
    let no_form = "not hex, base64 or another known form at offset";
    for (word, expected) in [
        (
            "prxy",
            format!(
                "no file or command is named `prxy`; did you mean `proxy`? As bytes: {no_form} 0: `prxy`"
            ),
        ),
        (
            "jugde",
            format!(
                "no file or command is named `jugde`; did you mean `judge`? As bytes: {no_form} 0: `jugde`"
            ),
        ),
        (
            "dump",
            format!("no file or command is named `dump`. As bytes: {no_form} 1: `ump`"),
        ),
        (
            "no/such.pcap",
            format!(
                "no file or command is named `no/such.pcap`. As bytes: {no_form} 0: `no/such.pcap`"
            ),
        ),
        (
            "101800044d51545404o2",
            format!(
                "no file or command is named `101800044d51545404o2`. As bytes: {no_form} 18: `o2`"
            ),
        ),
    ] {
        let run = explain([word], b"");
        assert_eq!(run.errors, format!("mqtt-explain: {expected}\n"));
        assert_eq!((run.output.as_str(), run.status), ("", 64));
    }
    // several words are not a name
    let run = explain(["10", "0z"], b"");
    assert_eq!(run.errors, format!("mqtt-explain: {no_form} 4: `z`\n"));
    // a folder
    let run = explain([env!("CARGO_TARGET_TMPDIR")], b"");
    assert!(run.errors.contains("Is a directory"), "{}", run.errors);
    assert_eq!(run.status, 64);
}

#[test]
fn a_word_that_is_hex_and_a_file_is_an_error() {
    let folder = temporary("hex-names");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("c000"), PUBLISH).unwrap();
    let run = |args: &[&str]| {
        let program = env!("CARGO_BIN_EXE_mqtt-explain");
        let mut command = std::process::Command::new(program);
        let done = command.args(args).current_dir(&folder).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        String::from_utf8(text).unwrap()
    };
    assert_eq!(
        run(&["c000"]),
        "mqtt-explain: `c000` is hex, and also a file: write `0xc000` or `--file c000`\n"
    );
    assert!(run(&["0xc000"]).starts_with("VALID  PINGREQ"));
    assert!(run(&["--file", "c000"]).starts_with("VALID  PUBLISH"));
    assert!(run(&["./c000"]).starts_with("VALID  PUBLISH"));
    assert!(run(&["d000"]).starts_with("VALID  PINGRESP"));
    assert_eq!(
        run(&["./c000", "d000"]),
        "mqtt-explain: `./c000` is a file among other words: \
         name one file, or two with --c2s and --s2c\n"
    );
}

#[test]
fn help_is_a_command() {
    let run = explain(["help", "proxy"], b"");
    assert!(run.output.contains("--upstream"), "{}", run.output);
    assert_eq!(run.status, 0);
    assert_eq!(
        explain(["help"], b"").output,
        explain(["--help"], b"").output
    );
}

#[test]
fn explains_both_sides_of_a_paste() {
    let text = "\
00000000  10 0d 00 04 4d 51 54 54  04 02 00 3c 00 01 70      ....MQTT ...<..p
    00000000  20 02 00 00                                         ...
0000000F  c0 00                                              ..
    00000004  d0 00                                              ..
";
    let run = explain([], text.as_bytes());
    let expected = "VALID  4 packets, MQTT 3.1.1\n";
    assert!(run.output.starts_with(expected), "{}", run.output);
    for line in ["→ CONNECT", "← CONNACK", "→ PINGREQ", "← PINGRESP"] {
        assert!(run.output.contains(line), "{}", run.output);
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
fn shows_both_directions() {
    let c2s = file("c2s.bin", &[CONNECT, b"\xe0\x00"].concat());
    let s2c = file("s2c.bin", b"\x20\x02\x00\x00");
    let run = explain(["--c2s", &c2s, "--s2c", &s2c], b"");
    let lines: Vec<_> = run.output.lines().collect();
    assert_eq!(lines[0], "VALID  3 packets, MQTT 3.1.1");
    assert!(lines[1].contains("order of the two directions is not recorded"));
    assert!(lines[2].contains("0  → CONNECT"));
    assert!(lines[3].contains("0  ← CONNACK 0x00 Success"));
    assert!(lines[4].contains("29  → DISCONNECT"));
}

#[test]
fn each_direction_has_any_form() {
    let client = [CONNECT, b"\xe0\x00"].concat();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&client).unwrap();
    let packed = file("c2s.bin.gz", &gzip.finish().unwrap());
    let c2s = file("unpacked.bin", &client);
    let s2c = file("s2c.hex", b"20 02 00 00");
    let run = explain(["--c2s", &packed, "--s2c", &s2c], b"");
    let expected = explain(
        ["--c2s", &c2s, "--s2c", &file("s2c.raw", b"\x20\x02\0\0")],
        b"",
    );
    assert_eq!(run.output, expected.output);
    assert!(run.output.starts_with("VALID  3 packets"), "{}", run.output);

    let run = explain(
        ["--c2s", &c2s, "--s2c", &file("odd.hex", b"20 02 00 0")],
        b"",
    );
    assert_eq!(run.status, 64);
    assert!(run.errors.contains("from the server: "), "{}", run.errors);
}

#[test]
fn continues_after_an_error_if_possible() {
    let run = explain(["--mqtt", "3.1.1", "40020000 c000"], b"");
    assert!(
        run.output.starts_with("INVALID  1 of 2 packets"),
        "{}",
        run.output
    );
    assert!(run.output.contains("       4  → PINGREQ"), "{}", run.output);
    let run = explain(["c000 3002000548656c6c6f"], b"");
    let expected = "5 bytes not decoded: no packet begins there";
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
fn prints_colours_only_if_asked() {
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

#[test]
fn waives_rules() {
    let waive = |names: &'static str| {
        let args = ["--waive", names].into_iter();
        explain(args.chain(WILL_QOS_WITHOUT_WILL.split(' ')), b"")
    };
    // in any case, and with others
    for names in ["WILL_FLAGS", "ack_flags,will_flags"] {
        let run = waive(names);
        let expected = "VALID WITH WAIVER  CONNECT 3.1.1 \"p\", clean session";
        assert!(run.output.starts_with(expected), "{}", run.output);
        let error = error(WILL_QOS_WITHOUT_WILL);
        let expected =
            format!("\n  waived    WILL_FLAGS: {error}\n  rule      MQTT-3.1.2-13 (3.1.1");
        assert!(run.output.contains(&expected), "{}", run.output);
        assert_eq!(run.status, 0);
    }
    assert_eq!(waive("ACK_FLAGS").status, 1);
    assert_eq!(waive("NOTHING").status, 64);

    // in a stream
    let acks = "42020001 c000";
    let run = explain(["--mqtt", "3.1.1", "--waive", "ACK_FLAGS", acks], b"");
    let error_of_ack = error(acks);
    let expected = format!(
        r#"
VALID WITH WAIVER  2 packets, MQTT 3.1.1 from the client
       0  → PUBACK id 1
       ~ waived ACK_FLAGS: {error_of_ack}
       4  → PINGREQ
"#
    );
    assert_eq!(run.output, expected.trim_start());

    // a CONNECT with a level that no version has
    let bridge = "10 0d 0004 4d515454 84 02 003c 0001 70";
    let run = explain([bridge], b"");
    let expected = "  waiver    --waive BRIDGE_PROTOCOL_LEVEL accepts this packet\n";
    assert!(run.output.contains(expected), "{}", run.output);
    let run = explain(["--waive", "BRIDGE_PROTOCOL_LEVEL", bridge], b"");
    assert_eq!(run.status, 0, "{}", run.output);
    let level_6 = "10 0d 0004 4d515454 06 02 003c 0001 70";
    let run = explain(["--waive", "BRIDGE_PROTOCOL_LEVEL", level_6], b"");
    assert_eq!(run.status, 1);
    assert_eq!(run.output, explain([level_6], b"").output);
    assert!(!run.output.contains("waiver"), "{}", run.output);

    // several at once
    let both = "12 0d 0004 4d515454 04 0a 003c 0001 70";
    let run = explain([both], b"");
    let expected = "  waiver    --waive WILL_FLAGS,CONNECT_FLAGS accepts this packet\n";
    assert!(run.output.contains(expected), "{}", run.output);
    let run = explain(["--waive", "will_flags,connect_flags", both], b"");
    assert_eq!(run.status, 0);
    assert_eq!(run.output.matches("  waived  ").count(), 2);
}

#[test]
fn writes_waivers_as_json() {
    let mut args = vec!["--json"];
    args.extend(WILL_QOS_WITHOUT_WILL.split(' '));
    let refused: Value = serde_json::from_str(&explain(args.clone(), b"").output).unwrap();
    assert_eq!(refused["error"]["waiver"], "WILL_FLAGS");
    assert_eq!(refused["waived"], Value::Array(vec![]));
    args.extend(["--waive", "WILL_FLAGS"]);
    let waived: Value = serde_json::from_str(&explain(args, b"").output).unwrap();
    assert_eq!(waived["verdict"], "accept");
    assert_eq!(waived["waived"][0], refused["error"]);
}

#[test]
fn enforces_optional_rules() {
    let bell = "30 04 0002 6107 c000";
    let run = explain(["--mqtt", "3.1.1", bell], b"");
    assert_eq!(run.status, 0);
    let rule = "no_discouraged_characters";
    let run = explain(["--mqtt", "3.1.1", "--enforce", rule, bell], b"");
    assert_eq!(run.status, 1);
    let kind = ErrorKind::DiscouragedCharacter;
    let expected = format!("Content: \"a\\u{{7}}\"   <- {kind}");
    assert!(run.output.contains(&expected), "{}", run.output);
    let expected = "  enforced  only --enforce NO_DISCOURAGED_CHARACTERS rejects this packet\n";
    assert!(run.output.contains(expected), "{}", run.output);
    assert!(!run.output.contains("hint"), "{}", run.output);
    assert_eq!(explain(["--enforce", "nothing", "c000"], b"").status, 64);
    // the first packet of a client, of any version
    let name = "a".repeat(24);
    let connect = [b"\x10\x26\0\x06MQIsdp\x03\x02\0\x3c\0\x18", name.as_bytes()].concat();
    assert_eq!(explain([], &connect).status, 0);
    let run = explain(["--enforce", "SHORT_CLIENT_ID"], &connect);
    assert!(
        run.output.contains("only --enforce SHORT_CLIENT_ID"),
        "{}",
        run.output
    );
}

#[test]
fn lists_waivers_and_optional_rules() {
    let help = explain(["--help"], b"").output;
    for (name, _) in mqtt_wire::Waivers::ALL.iter() {
        assert!(help.contains(&format!("- {name}: ")), "{name}");
    }
    for (name, _) in mqtt_wire::OptionalRules::ALL.iter() {
        assert!(help.contains(&format!("- {name}: ")), "{name}");
    }
}

#[test]
fn judge_is_strict_unless_a_line_has_waivers() {
    let ask = |waivers: &str| {
        let hex = WILL_QOS_WITHOUT_WILL.replace(' ', "");
        let question =
            format!(r#"{{"id":1,"version":"3.1.1","from":"client","hex":"{hex}"{waivers}}}"#);
        let run = explain(["judge"], question.as_bytes());
        serde_json::from_str::<Value>(&run.output).unwrap()
    };
    let strict = ask("");
    assert_eq!(strict["verdict"], "reject");
    assert_eq!(strict["error"]["waiver"], "WILL_FLAGS");
    assert_eq!(strict.get("waived"), None);
    let waived = ask(r#","waivers":["WILL_FLAGS"]"#);
    assert_eq!(waived["verdict"], "accept");
    assert_eq!(waived["waived"][0], strict["error"]);
    // encoding has no waivers
    assert_eq!(waived["reencoded"], "100d00044d5154540402003c000170");
    assert_eq!(ask(r#","waivers":["ACK_FLAGS"]"#), strict);
    assert_eq!(ask(r#","waivers":["NOTHING"]"#)["verdict"], "error");
}
