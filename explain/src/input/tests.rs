//! Bytes as people paste them.

use etherparse::PacketBuilder;

use super::hex_dump::MAX_EXPANDED;
use super::*;
use crate::hex;

/// A CONNECT of MQTT 3.1.1.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00";
/// With characters that look like hex digits.
const TRICKY: &[u8] = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07be ef a";

#[track_caller]
fn assert_found(text: &str, form: &str, bytes: &[u8]) {
    let found = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(found.content, Content::Bytes(bytes.to_vec()), "{text}");
    assert_eq!(found.form, form, "{text}");
}

#[track_caller]
fn assert_error(text: &str, offset: usize, excerpt: &str, problem: &str) {
    let found = parse(text.as_bytes()).map(|found| found.content);
    let error = found.expect_err(text);
    assert_eq!(error.problem, problem, "{text}");
    assert_eq!(
        (error.offset, &error.excerpt[..]),
        (offset, excerpt),
        "{text}"
    );
}

#[test]
fn reads_hex_digits() {
    for text in [
        "100c00044d5154540402003c0000",
        "100C00044D5154540402003C0000\n",
        "10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00",
        "10 0c 0004 4d515454 04 02 003c0000",
        "  10:0c:00:04:4d:51:54:54:04:02:00:3c:00:00  ",
        "10-0C-00-04-4D-51-54-54-04-02-00-3C-00-00",
        "10,0c,00,04,4d,51,54,54,04,02,00,3c,00,00,",
        "10_0c_00_04; 4d515454\r\n0402\t003c 0000",
        "\u{feff}100c\u{a0}00044d5154540402003c0000",
        // Lines that end within a byte.
        "100c0\n0044d51545404020\n03c0000\n",
        "$ 10 0c 00 04 4d 51 54 54\n> 04 02 00 3c 00 00\n",
        "$ xxd -p connect.bin\n100c00044d5154540402003c0000\n$ ",
        "me@host:~$ cat x\n100c00044d51\n54540402003c0000\nme@host:~$\n",
        "100c00044d5154540402003c0000%",
        "\"100c00044d5154540402003c0000\"",
        ">>> b'100c00044d5154540402003c0000'",
        "x'100c00044d5154540402003c0000';",
        r"\x100c00044d5154540402003c0000",
        r"\x10\x0c\x00\x04\x4d\x51\x54\x54\x04\x02\x00\x3c\x00\x00",
        r"\x10 \x0c, \x00\x04\x4d\x51\x54\x54\x04\x02\x00\x3c\x00\x00",
        "<Buffer 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00>",
        "> <Buffer 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00>\n",
        "payload: <Buffer 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00>\n",
    ] {
        assert_found(text, "hex", CONNECT);
    }
    assert_found(
        "10 0d 0004 4d515454 04 0a",
        "hex",
        b"\x10\x0d\0\x04MQTT\x04\n",
    );
    assert_found("c000", "hex", &[0xc0, 0]);
    assert_found("00000000\n00000000\n0000\n", "hex", &[0; 10]);
}

#[test]
fn rejects_wrong_hex() {
    assert_error("10 0c 000 4d", 6, "000 4d", "an odd number of hex digits");
    assert_error("deadbee", 0, "deadbee", "an odd number of hex digits");
    let unknown = "not hex, base64 or another known form";
    assert_error("$ xxd x\n10 0c zz", 14, "zz", unknown);
    assert_error(
        "<Buffer 10 0c ... 9 more bytes>",
        14,
        "... 9 more bytes>",
        "the buffer was shortened when it was printed, so bytes are missing",
    );
    assert_error("something else!", 0, "something else!", unknown);
    assert_error("über", 0, "über", unknown);
    for nothing in ["", " \n", "$ ", "\"\"", "<<>>", "[]"] {
        assert!(parse(nothing.as_bytes()).is_err(), "{nothing}");
    }
    assert_eq!(
        parse(b" \n").unwrap_err().to_string(),
        "no bytes found at offset 2"
    );
}

#[test]
fn reads_dumps_of_the_usual_tools() {
    for text in [
        // xxd; xxd -c8 -g1
        "00000000: 1013 0004 4d51 5454 0402 003c 0007 6265  ....MQTT...<..be\n\
         00000010: 2065 6620 61                              ef a\n",
        "00000000: 10 13 00 04 4d 51 54 54  ....MQTT\n\
         00000008: 04 02 00 3c 00 07 62 65  ...<..be\n\
         00000010: 20 65 66 20 61            ef a\n",
        // xxd -e; xxd -e -g2; xxd -e -g8; xxd -g4
        "00000000: 04001310 5454514d 3c000204 65620700  ....MQTT...<..be\n\
         00000010: 20666520       61                     ef a\n",
        "00000000: 1310 0400 514d 5454 0204 3c00 0700 6562  ....MQTT...<..be\n\
         00000010: 6520 2066   61                           ef a\n",
        "00000000: 5454514d04001310 656207003c000204  ....MQTT...<..be\n\
         00000010:       6120666520                   ef a\n",
        "00000000: 10130004 4d515454 0402003c 00076265  ....MQTT...<..be\n\
         00000010: 20656620 61                           ef a\n",
        // hexdump -C; hexdump
        "00000000  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65  |....MQTT...<..be|\n\
         00000010  20 65 66 20 61                                    | ef a|\n\
         00000015\n",
        "0000000 1310 0400 514d 5454 0204 3c00 0700 6562\n\
         0000010 6520 2066 0061                         \n\
         0000015\n",
        // od -Ax -tx1; od -tx1; od -tx1z; od -Ad -tx1; od -x
        "000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65\n\
         000010 20 65 66 20 61\n\
         000015\n",
        "0000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65\n\
         0000020 20 65 66 20 61\n\
         0000025\n",
        "0000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65  >....MQTT...<..be<\n\
         0000020 20 65 66 20 61                                   > ef a<\n\
         0000025\n",
        "0000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65\n\
         0000016 20 65 66 20 61\n\
         0000021\n",
        "0000000 1310 0400 514d 5454 0204 3c00 0700 6562\n\
         0000020 6520 2066 0061\n\
         0000025\n",
        // Wireshark: a packet, and a followed stream
        "0000   10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65   ....MQTT...<..be\n\
         0010   20 65 66 20 61                                     ef a\n",
        "00000000  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65   ....MQTT ...<..be\n\
         00000010  20 65 66 20 61                                      ef a\n",
        // Format-Hex of PowerShell
        "           Path: C:\\packet.bin\r\n\r\n           \
         00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\r\n\r\n\
         00000000   10 13 00 04 4D 51 54 54 04 02 00 3C 00 07 62 65  ....MQTT...<..be\r\n\
         00000010   20 65 66 20 61                                    ef a\r\n\r\n",
        // Prompts around it; an excerpt; lost formatting
        "$ xxd packet.bin\n\
         00000000: 1013 0004 4d51 5454 0402 003c 0007 6265  ....MQTT...<..be\n\
         00000010: 2065 6620 61                              ef a\n\
         me@host:~$ \n",
        "00000100  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65  |....MQTT...<..be|\n\
         00000110  20 65 66 20 61                                    | ef a|\n",
        "00000000: 1013 0004 4d51 5454 0402 003c 0007 6265 ....MQTT...<..be\n\
         00000010: 2065 6620 61 .ef.a",
    ] {
        assert_found(text, "hex dump", TRICKY);
    }
}

/// Incomplete groups of `xxd -e` are aligned to the right, and the characters may end with dots.
#[test]
fn reads_little_endian_groups() {
    let text = "00000000: 04000c10 5454514d 3c000204 00c00000  ....MQTT...<....\n\
                00000010:       e0                             .\n";
    let expected = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0\xc0\0\xe0";
    assert_found(text, "hex dump", expected);
}

#[test]
fn ignores_characters_of_a_dump_that_look_like_hex() {
    // Only the next offset tells where the bytes end.
    let text = "00000000: 6265 6566 beef\n00000004: 6265\n";
    assert_found(text, "hex dump", b"beefbe");
    let text = "00000000  62 65 65 66 62 65 65 66  |be be be|\n00000008\n";
    assert_found(text, "hex dump", b"beefbeef");
    assert_found("00000000: 7c7c 7c20  || |", "hex dump", b"||| ");
}

#[test]
fn expands_repeated_lines() {
    let expected = [&[0; 100][..], TRICKY].concat();
    for text in [
        "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n\
         *\n\
         00000060  00 00 00 00 10 13 00 04  4d 51 54 54 04 02 00 3c  |........MQTT...<|\n\
         00000070  00 07 62 65 20 65 66 20  61                       |..be ef a|\n\
         00000079\n",
        "0000000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n\
         *\n\
         0000140 00 00 00 00 10 13 00 04 4d 51 54 54 04 02 00 3c\n\
         0000160 00 07 62 65 20 65 66 20 61\n\
         0000171\n",
        "00000000: 0000 0000 0000 0000 0000 0000 0000 0000  ................\n\
         *\n\
         00000060: 0000 0000 1013 0004 4d51 5454 0402 003c  ........MQTT...<\n\
         00000070: 0007 6265 2065 6620 61                   ..be ef a\n",
    ] {
        assert_found(text, "hex dump", &expected);
    }
    assert_found(
        "00000000  61 62  |ab|\n*\n00000006\n",
        "hex dump",
        b"ababab",
    );
}

#[test]
fn limits_the_expansion() {
    let text = |end: u64| format!("00000000: 6162  ab\n*\n{end:08x}: 63  c\n");
    let most = parse(text(MAX_EXPANDED as u64).as_bytes()).unwrap();
    let Content::Bytes(bytes) = most.content else {
        panic!("{:?}", most.form);
    };
    assert_eq!(bytes.len(), MAX_EXPANDED + 1);
    let too_many = "the `*` expands to too many bytes";
    assert_error(&text(MAX_EXPANDED as u64 + 2), 19, "*", too_many);
    assert_error(&text(u64::MAX - 1), 19, "*", too_many);
}

#[test]
fn rejects_wrong_dumps() {
    assert_error(
        "00000000: 100z  ..\n",
        10,
        "100z  ..",
        "not pairs of hex digits",
    );
    assert_error(
        "00000000: 100c  ..\n00000010: 00  .\n",
        19,
        "00000010: 00  .",
        "the lines before this offset have 2 bytes",
    );
    assert_error(
        "00000004: 100c  ..\nwhat?\n00000006: 00  .\n",
        19,
        "what?",
        "not a line of the hex dump",
    );
    assert_error(
        "00000004: 10\n00000002: 10\n",
        13,
        "00000002: 10",
        "the offset is lower than the one before",
    );
    assert_error("00000000: 10\n*\n", 13, "*", "no offset follows the `*`");
    assert_error(
        "00000000: 1011\n*\n00000003: 10",
        15,
        "*",
        "the `*` does not expand to whole lines",
    );
    assert_error(
        "00000000: 10\n00000000: 11",
        0,
        "00000000: 10",
        "several hex dumps that are not TCP packets",
    );
    assert!(parse(b"00000000: 10\n00000001: 10\nffffffffffffffff: 11").is_err());
}

fn tcp(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
        .tcp(40_000, 1883, sequence, 100)
        .ack(1)
        .write(&mut packet, payload)
        .unwrap();
    packet
}

fn tcpdump(packet: &[u8]) -> String {
    let mut text = String::from(
        "12:00:00.000000 IP localhost.40000 > localhost.1883: Flags [P.], length 14\n",
    );
    for (row, bytes) in packet.chunks(16).enumerate() {
        text += &format!("\t0x{:04x}: ", row * 16);
        for pair in bytes.chunks(2) {
            text.push(' ');
            pair.iter().for_each(|byte| text += &format!("{byte:02x}"));
        }
        text += "  E..<.....\n";
    }
    text
}

#[test]
fn removes_the_headers_of_a_packet() {
    let packet = tcp(1, CONNECT);
    let ethernet = [&[2; 12][..], &[8, 0], &packet, &[0; 6]].concat();
    let loopback = [&[2, 0, 0, 0][..], &packet].concat();
    for (text, form) in [
        (tcpdump(&packet), "hex dump"),
        (hex::encode(&packet), "hex"),
        (hex::encode(&ethernet), "hex"),
        (hex::encode(&loopback), "hex"),
    ] {
        assert_found(&text, form, CONNECT);
    }
    // Not clearly a packet: cut off, or not TCP.
    for bytes in [
        &packet[..50],
        &[&packet[..9], &[17], &packet[10..]].concat(),
    ] {
        assert_found(&hex::encode(bytes), "hex", bytes);
    }
    let error = parse(tcpdump(&tcp(1, b"")).as_bytes()).unwrap_err();
    assert_eq!(error.problem, "the packet has no payload");
}

#[test]
fn makes_a_capture_of_several_tcpdump_packets() {
    let text = tcpdump(&tcp(1, b"ab")) + &tcpdump(&tcp(3, b"cd"));
    let found = parse(text.as_bytes()).unwrap();
    let Content::Capture(file) = found.content else {
        panic!("{:?}", found.form);
    };
    let packets = [tcp(1, b"ab"), tcp(3, b"cd")];
    assert_eq!(
        file,
        capture::write_pcap(pcap_parser::Linktype::RAW, &packets)
    );
}

#[test]
fn reads_erlang_and_elixir_binaries() {
    for text in [
        "<<16,12,0,4,77,81,84,84,4,2,0,60,0,0>>",
        "<<16, 12, 0, 4, \"MQTT\", 4, 2, 0, 60, 0, 0>>",
        "1> Packet = <<16#10,16#0C,0,4,\"MQTT\",4,2,0,\n  16#3c,0,0>>.\n",
        "iex(1)> <<0x10, 0x0c, 0, 4, \"MQTT\\x04\\x02\", 0, \"<\", 0, 0>>",
    ] {
        assert_found(text, "Erlang binary", CONNECT);
    }
    assert_found(r#"<<"a,b>>\"c">>"#, "Erlang binary", b"a,b>>\"c");
    assert_error("<<16,256>>", 5, "256>>", "not a byte of an Erlang binary");
    assert_error(
        "<<16,...>>",
        5,
        "...>>",
        "the binary was truncated when it was printed",
    );
    assert_error(
        "<<16,12",
        7,
        "",
        "expected `,` or `>>` in the Erlang binary",
    );
    assert_error("<<16,", 5, "", "the binary has no `>>`");
    assert_error(
        "<<0:16>>",
        3,
        ":16>>",
        "expected `,` or `>>` in the Erlang binary",
    );
    assert_error("<<1>> <<2>>", 6, "<<2>>", "more than one binary");
    assert_error("<<\"abc>>", 2, "\"abc>>", "the string has no closing quote");
}

#[test]
fn reads_lists_of_numbers() {
    for text in [
        "0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3c, 0x00, 0x00",
        "0x10 0xc 0x0 0x4 0x4D 0x51 0x54 0x54 0x4 0x2 0x0 0x3C 0x0 0x0",
        "0X10,0X0C,0,4,0x4d515454,0x04,0x02,0x00,0x3c,0x00,0x00,",
        "{0x10,0x0c,0,4,'M','Q','T','T',4,2,'\\0',60,'\\x00',0}",
        "uint8_t packet[14] = { 0x10, 0x0c, 0, 4, /* [MQTT] */ 'M', 'Q', 'T', 'T',\n\
         4, 2, // flags, \"clean\"\n 0, 60, 0, 0 };",
        "unsigned char c_bin[] = {\n  0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54,\n  \
         0x04, 0x02, 0x00, 0x3c, 0x00, 0x00\n};\nunsigned int c_bin_len = 14;\n",
        "let packet: [u8; 14] = [0x10u8, 0x0c, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 0];",
        "new byte[] { 0x10, (byte) 0x0c, (byte)0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0 };",
        "[16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0]",
        "[16 12 0 4 77 81 84 84 4 2 0 60 0 0]",
        "Uint8Array(14) [\n  16, 12, 0, 4, 77, 81, 84, 84,\n  4, 2, 0, 60, 0, 0\n]",
        r#"{"type":"Buffer","data":[16,12,0,4,77,81,84,84,4,2,0,60,0,0]}"#,
        "['0x10', '0xc', '0x0', '0x4', '0x4d', '0x51', '0x54', '0x54', '0x4', '0x2', '0x0', \
         '0x3c', '0x0', '0x0']",
        "bytearray([16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0])  # CONNECT, [x, y]",
    ] {
        assert_found(text, "list of numbers", CONNECT);
    }
    assert_found("[-64, 0]", "list of numbers", &[0xc0, 0]);
    assert_found("[192]", "list of numbers", &[0xc0]);
    assert_found(
        "char x[1] = { 0xc0 }; int x_len = 1;",
        "list of numbers",
        &[0xc0],
    );
    assert_error("[16, 256]", 5, "256]", "not a byte");
    assert_error("[16, -129]", 5, "-129]", "not a byte");
    let decimal = "not a decimal number (in a list, hex numbers need `0x`)";
    assert_error("[10, 0c, 00]", 5, "0c, 00]", decimal);
    assert_error("[10, 00]", 5, "00]", decimal);
    assert_error("{0x10, 0xzz}", 7, "0xzz}", "not a hex number");
    assert_error("{0x10, 0x100}", 7, "0x100}", "an odd number of hex digits");
    assert_error("{0x10, 'ab'}", 7, "'ab'}", "not one character");
    assert_error(
        "[16, 12, ...]",
        9,
        "...]",
        "the list was truncated when it was printed",
    );
    assert_error("[1, 2]\n[3, 4]", 8, "3, 4]", "more than one list");
    // Without brackets and without `0x`, numbers are hex.
    assert_found("16, 12", "hex", &[0x16, 0x12]);
}

#[test]
fn reads_escaped_strings() {
    for text in [
        r"b'\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00'",
        r#">>> b"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00""#,
        r#""\x10\x0c\0\4MQTT\004\2\0<\0\0""#,
        "const char p[] = \"\\x10\\x0c\\0\\4\" /* header */\n  \"MQTT\" // name\n  \
         \"\\x04\\2\\x00<\\0\\0\";",
        r"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00",
        "\\x10\\x0c\\x00\\x04MQTT\n\\x04\\x02\\x00<\\x00\\x00\n",
        r"printf '\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00' | nc localhost 1883",
        r#""\u0010\f\u0000\u0004MQTT\u0004\u0002\u0000<\u0000\u0000""#,
        r#"bytes(b"\x10\x0c\x00\x04MQ" + b"TT\x04\x02\x00<\x00\x00")"#,
        r#""\x{10}\u{c}\0\x04MQTT\x04\x02\x00\x3c\x00\x00""#,
    ] {
        assert_found(text, "escaped string", CONNECT);
    }
    let all = r#"b'\a\b\t\n\v\f\r\e\\\"\'\377\?'"#;
    let bytes = b"\x07\x08\t\n\x0b\x0c\r\x1b\\\"'\xff?";
    assert_found(all, "escaped string", bytes);
    // Characters that could be hex digits or a list stay characters.
    assert_found(r"\x30\x04\x00\x01ab", "escaped string", b"0\x04\0\x01ab");
    assert_found(
        r"\x30\x09\x00\x01a[1, 2]",
        "escaped string",
        b"0\t\0\x01a[1, 2]",
    );
    assert_found(
        r#"b'\x30\x05\x00\x01a{1,2}'"#,
        "escaped string",
        b"0\x05\0\x01a{1,2}",
    );
    assert_found(
        r#"b'\x10<<"ü">>'"#,
        "escaped string",
        "\x10<<\"ü\">>".as_bytes(),
    );

    let escape = "not an escape for a byte";
    assert_error(r"b'\x10\y'", 6, r"\y'", escape);
    assert_error(r"b'\x10\xg0'", 6, r"\xg0'", escape);
    assert_error(r"b'\x10\777'", 6, r"\777'", escape);
    assert_error(r#""\u20ac""#, 1, r#"\u20ac""#, escape);
    assert_error(r"b'\x10", 1, r"'\x10", "the string has no closing quote");
    assert_error(r"\x10a\", 5, r"\", escape);
    assert_error(
        r"b'\x10' oops",
        8,
        "oops",
        "unexpected text after the string",
    );
}

#[test]
fn reads_all_kinds_of_base64() {
    for text in [
        "EAwABE1RVFQEAgA8AAA=",
        "EAwABE1RVFQEAgA8AAA",
        "EAwABE1R\nVFQEAgA8\r\nAAA=\n",
        "'EAwABE1RVFQEAgA8AAA='",
        "b'EAwABE1RVFQEAgA8AAA='",
        "$ base64 connect.bin\nEAwABE1RVFQEAgA8AAA=\n$ ",
    ] {
        assert_found(text, "base64", CONNECT);
    }
    let publish = b"\x30\x07\0\x01a\0\xfb\xff\xbf";
    assert_found("MAcAAWEA+/+/", "base64", publish);
    assert_found("MAcAAWEA-_-_", "base64", publish);
    // Hex wins.
    assert_found("abcd", "hex", &[0xab, 0xcd]);
    assert!(parse(b"EAwABE1RVFQEAgA8A").is_err());
    assert!(parse(b"EAwABE1R VFQEAgA8").is_err());
}

#[test]
fn reads_raw_bytes() {
    for bytes in [
        CONNECT,
        &[0xc0, 0],
        b"abc\x80",
        b"\x01",
        &[0xff, 0xfe, 0x00],
    ] {
        let content = Content::Bytes(bytes.to_vec());
        let form = "raw bytes";
        assert_eq!(parse(bytes), Ok(Input { form, content }));
    }
}

#[test]
fn reads_captures() {
    let file = capture::write_pcap(pcap_parser::Linktype::RAW, &[tcp(1, b"ab")]);
    let hex: String = file.iter().map(|byte| format!("{byte:02x} ")).collect();
    for input in [&file, hex.as_bytes()] {
        assert_eq!(
            parse(input).unwrap().content,
            Content::Capture(file.clone())
        );
    }
}

#[test]
fn reads_utf16() {
    let text = "\u{feff}c0 00\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes);
    let found = parse(&text.collect::<Vec<u8>>()).unwrap();
    assert_eq!(found.content, Content::Bytes(vec![0xc0, 0]));
}

#[test]
fn never_panics() {
    let seeds = [
        "00000000: 1013 0004  ....\n*\n00000010: 2065 6620 61  x\n0000000a",
        "0000000 1310 0400\n*\n0000010 20 65  |ü|",
        "\t0x0000:  4500 003c ü E..<\n\t0x0004:  4500",
        "1> <<16#10, \"ü\\x10\", 0x0c, 12>>.",
        "uint8_t x[] = { 0x10, 'ü', b'\\0', (byte)-1, 12u8 }; // ü",
        "b'\\x10\\u{c}\\u00ff\\777ü' + \"\\\n\" /* ü */ 'x'",
        "$ x\nu%\n<Buffer 10 0c>\n10-0c:00 \\x10\\x0c",
        "EAwABE1RVFQEAgA8AAA=",
    ];
    let pieces = [
        "", "\\", "'", "\"", "ü", "0x", "<<", "[", "}", "/*", "*\n", "\n", ":", " ",
    ];
    for seed in seeds {
        for (at, c) in seed.char_indices() {
            for piece in pieces {
                let after = &seed[at + c.len_utf8()..];
                for text in [
                    format!("{}{piece}{after}", &seed[..at]),
                    format!("{}{piece}", &seed[..at]),
                    format!("{piece}{}", &seed[at..]),
                ] {
                    if let Err(error) = parse(text.as_bytes()) {
                        assert!(error.offset <= text.len());
                    }
                }
            }
        }
    }
}

mod pastes;
