//! The output of tools and the literals of languages, as people copy them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The CONNACK that a server answers to [`CONNECT`].
const CONNACK: &[u8] = b"\x20\x02\0\0";

#[track_caller]
fn assert_sides(text: &str, form: &str, client: &[u8], server: &[u8]) {
    let found = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let expected = Content::Sides {
        client: client.to_vec(),
        server: server.to_vec(),
    };
    assert_eq!((found.content, found.form), (expected, form), "{text}");
}

/// The problem with a text.
#[track_caller]
fn problem(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).problem
}

#[test]
fn reads_follow_stream_as_a_hex_dump() {
    let wireshark = "\
00000000  10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00         ....MQTT ...<..
    00000000  20 02 00 00                                         ...
0000000E  c0 00                                              ..
    00000004  d0 00                                              ..
";
    let client = [CONNECT, b"\xc0\0"].concat();
    let server = [CONNACK, b"\xd0\0"].concat();
    assert_sides(wireshark, "hex dump", &client, &server);
    let tshark = "
===================================================================
Follow: tcp,hex
Filter: tcp.stream eq 0
Node 0: 127.0.0.1:40000
Node 1: 127.0.0.1:1883
00000000  10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00         ....MQTT ...<..
\t00000000  20 02 00 00                                         ...
===================================================================
";
    assert_sides(tshark, "hex dump", CONNECT, CONNACK);
    // a mistake on either side
    let broken = wireshark.replace("0000000E", "0000000F");
    assert_eq!(
        problem(&broken),
        "the lines before this offset have 14 bytes"
    );
    let broken = wireshark.replace("00000004  d0", "00000005  d0");
    assert_eq!(
        problem(&broken),
        "the lines before this offset have 4 bytes"
    );
    // one side alone is one side
    let client_only: String = wireshark
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_found(&client_only, "hex dump", &client);
}

#[test]
fn reads_follow_stream_as_c_arrays() {
    let connect = "char peer0_0[] = { /* Packet 4 */\n\
                   0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, \n\
                   0x04, 0x02, 0x00, 0x3c, 0x00, 0x00 };\n";
    let connack = "char peer1_0[] = { /* Packet 6 */\n0x20, 0x02, 0x00, 0x00 };\n";
    let form = "Follow Stream";
    assert_sides(&format!("{connect}{connack}"), form, CONNECT, CONNACK);
    assert_found(connect, form, CONNECT);
    assert_found(connack, form, CONNACK);
    let broken = format!("{connect}{connack}").replace("0x20,", "0x2O,");
    let at = broken.find("0x2O").unwrap();
    let excerpt = "0x2O, 0x02, 0x00, 0x00 }…";
    assert_error(&broken, at, excerpt, "not a hex number");
}

#[test]
fn reads_follow_stream_as_yaml() {
    let new = "\
peers:
  - peer: 0
    host: 127.0.0.1
    port: 40000
  - peer: 1
    host: 127.0.0.1
    port: 1883
packets:
  - packet: 4
    peer: 0
    index: 0
    timestamp: 1700000000.123456789
    data: !!binary |
      EAwABE1RVFQE
      AgA8AAA=
  - packet: 6
    peer: 1
    index: 0
    timestamp: 1700000000.234567890
    data: !!binary |
      IAIAAA==
";
    assert_sides(new, "Follow Stream", CONNECT, CONNACK);
    let old = "# Packet 4\npeer0_0: !!binary |\n  EAwABE1RVFQEAgA8AAA=\n\
               # Packet 6\npeer1_0: !!binary |\n  IAIAAA==\n";
    assert_sides(old, "Follow Stream", CONNECT, CONNACK);
    assert_eq!(
        problem(&old.replace("IAI", "I?I")),
        "the data are not base64"
    );
}

#[test]
fn reads_follow_stream_as_raw_lines() {
    let text = "
===================================================================
Follow: tcp,raw
Filter: tcp.stream eq 0
Node 0: 127.0.0.1:40000
Node 1: 127.0.0.1:1883
100c00044d5154540402003c0000
\t20020000
===================================================================
";
    assert_sides(text, "Follow Stream", CONNECT, CONNACK);
    assert_eq!(problem(&text.replace("\t2", "\tx")), "not hex digits");
}

#[test]
fn finds_out_which_side_is_the_client() {
    let dump = |outer: &str, inner: &str| format!("00000000  {outer}\n    00000000  {inner}\n");
    let connect = "10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00";
    // the server may be the first side, if the capture began late
    let text = dump("20 02 00 00", connect);
    assert_sides(&text, "hex dump", CONNECT, CONNACK);
    // only one assignment is possible
    let (ping, pong) = (&b"\xc0\0"[..], &b"\xd0\0"[..]);
    assert_sides(&dump("d0 00", "c0 00"), "hex dump", ping, pong);
    // both are possible
    let unclear = "both sides of a connection, and it is not clear which one is the client; \
                   use --c2s and --s2c";
    assert_eq!(problem(&dump("40 02 00 01", "40 02 00 02")), unclear);
}

#[test]
fn reads_socat() {
    let text = "\
> 2024/01/31 12:00:00.000123456  length=14 from=0 to=13
 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00
--
< 2024/01/31 12:00:00.000456789  length=4 from=0 to=3
 20 02 00 00
--
";
    assert_sides(text, "socat -x", CONNECT, CONNACK);
    let with_v = "\
> 2024/01/31 12:00:00.000123  length=21 from=0 to=20
 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65  ....MQTT...<..be
 20 65 66 20 61                                    ef a
--
";
    assert_found(with_v, "socat -x", TRICKY);
    let only_v = "> 2024/01/31 12:00:00.000123  length=14 from=0 to=13\n..MQTT..<..--\n";
    assert_eq!(problem(only_v), "not a row of hex, as socat -x prints it");
}

#[test]
fn reads_ngrep() {
    let text = "\
interface: lo (127.0.0.0/255.0.0.0)
filter: ( port 1883 ) and ((ip || ip6) || (vlan && (ip || ip6)))
####
T 127.0.0.1:40000 -> 127.0.0.1:1883 [AP] #4
  10 13 00 04 4d 51 54 54    04 02 00 3c 00 07 62 65    ....MQTT...<..be
  20 65 66 20 61                                         ef a           \u{20}
##
T 127.0.0.1:1883 -> 127.0.0.1:40000 [AP] #6
  20 02 00 00                                            ...            \u{20}
";
    assert_sides(text, "ngrep -x", TRICKY, CONNACK);
    // -t prints the time
    let timed = text.replace("T 127", "T 2024/01/31 12:00:00.000123 127");
    assert_sides(&timed, "ngrep -x", TRICKY, CONNACK);
    let plain = "T 127.0.0.1:40000 -> 127.0.0.1:1883 [AP] #4\n  ....MQTT...<..\n";
    assert_eq!(problem(plain), "not a row of hex, as ngrep -x prints it");
    let two = text.replace(
        "127.0.0.1:1883 -> 127.0.0.1:40000",
        "10.0.0.1:1 -> 10.0.0.2:2",
    );
    assert_eq!(problem(&two), "another connection; keep the lines of one");
}

#[test]
fn reads_strace() {
    let text = r#"socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3
connect(3, {sa_family=AF_INET, sin_port=htons(1883), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
sendto(3, "\20\f\0\4MQTT\4\2\0<\0\0", 14, 0, NULL, 0) = 14
recvfrom(3, 0x7ffd3f1c2a40, 2, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
recvfrom(3, " \2", 2, 0, NULL, NULL)    = 2
recvfrom(3, "\0\0", 2, 0, NULL, NULL)   = 2
"#;
    assert_sides(text, "strace", CONNECT, CONNACK);
    // one direction; a time and a process, and the names of files (-f -t -yy)
    let line = r#"[pid  4711] 12:00:00 write(3<TCP:[127.0.0.1:40000->127.0.0.1:1883]>, "\x10\x0c\x00\x04\x4d\x51\x54\x54\x04\x02\x00\x3c\x00\x00", 14) = 14"#;
    assert_found(line, "strace", CONNECT);
    // several buffers, of which not all were written
    let vector = r#"writev(3, [{iov_base="\20\f\0\4MQTT", iov_len=8}, {iov_base="\4\2\0<\0\0\300\0", iov_len=8}], 2) = 14"#;
    assert_found(vector, "strace", CONNECT);
    // other files
    let files = r#"read(4, "nameserver 127.0.0.1\n", 4096) = 21
write(3, "\300\0", 2)                   = 2
"#;
    assert_found(files, "strace", &[0xc0, 0]);
    let two = "write(3, \"\\300\\0\", 2) = 2\nwrite(4, \"\\300\\0\", 2) = 2\n";
    assert_eq!(
        problem(two),
        "strace of several files; keep the calls of the MQTT connection"
    );
    let cut = r#"write(3, "\20\f\0\4MQTT"..., 14) = 14"#;
    assert_eq!(
        problem(cut),
        "strace shortened the string, so bytes are missing; use -s 65535"
    );
    let resumed = r#"<... read resumed>"\20\f\0\4MQTT\4\2\0<\0\0", 131072) = 14"#;
    let unfinished = r#"write(3, "\300\0", 2 <unfinished ...>"#;
    for half in [resumed, unfinished] {
        assert_eq!(
            problem(half),
            "strace cut this call in two; trace one thread (without -f)"
        );
    }
}

#[test]
fn reads_all_notations_of_od_and_hexdump() {
    for text in [
        // od; od -b; od -c; od -t u1; od -t x4; od -t x8
        "0000000 006020 002000 050515 052124 001004 036000 000000\n0000016\n",
        "0000000 020 014 000 004 115 121 124 124 004 002 000 074 000 000\n0000016\n",
        "0000000 020  \\f  \\0 004   M   Q   T   T 004 002  \\0   <  \\0  \\0\n0000016\n",
        "0000000  16  12   0   4  77  81  84  84   4   2   0  60   0   0\n0000016\n",
        "0000000 04000c10 5454514d 3c000204 00000000\n0000016\n",
        "0000000 5454514d04000c10 000000003c000204\n0000016\n",
        // hexdump -b; -c; -o; -d
        "0000000 020 014 000 004 115 121 124 124 004 002 000 074 000 000        \n000000e\n",
        "0000000 020  \\f  \\0 004   M   Q   T   T 004 002  \\0   <  \\0  \\0        \n000000e\n",
        "0000000  006020  002000  050515  052124  001004  036000  000000        \n000000e\n",
        "0000000   03088   01024   20813   21588   00516   15360   00000        \n000000e\n",
    ] {
        assert_found(text, "hex dump", CONNECT);
    }
    assert_found(
        "0000000   0  \\0   a       b\n0000005\n",
        "hex dump",
        b"0\0a b",
    );
    // without the last line
    assert_found("0000000 020  \\f  \\0", "hex dump", b"\x10\x0c\0");
    assert_error(
        "0000000 020  \\q  \\0",
        8,
        "020  \\q  \\0",
        "not pairs of hex digits",
    );
    // octal and decimal
    let both = "0000000 100 100 100 100\n0000004\n";
    assert_eq!(
        problem(both),
        "this dump can be octal or decimal; print it in hex"
    );
}

#[test]
fn reads_bits() {
    // xxd -b, also with other columns
    for text in [
        "00000000: 00010000 00001100 00000000 00000100 01001101 01010001  ....MQ\n\
         00000006: 01010100 01010100 00000100 00000010 00000000 00111100  TT...<\n\
         0000000c: 00000000 00000000                                      ..\n",
        "00000000: 00010000 00001100 00000000 00000100  ....\n\
         00000004: 01001101 01010001 01010100 01010100  MQTT\n\
         00000008: 00000100 00000010 00000000 00111100  ...<\n\
         0000000c: 00000000 00000000                    ..\n",
    ] {
        assert_found(text, "hex dump", CONNECT);
    }
    for text in [
        "11000000 00000000",
        "1100000000000000",
        "0b11000000, 0b00000000",
        "0b11000000 0b0",
    ] {
        assert_found(text, "bits", &[0xc0, 0]);
    }
    assert_found("[0b11000000, 0b0]", "list of numbers", &[0xc0, 0]);
    // hex that looks like bits
    assert_found("10001000", "hex", &[0x10, 0, 0x10, 0]);
}

#[test]
fn reads_gdb() {
    for text in [
        // x/14xb; with a symbol; x/7xh; x/4xw and x/2xg print more than the packet
        "0x7fffffffe3f0:\t0x10\t0x0c\t0x00\t0x04\t0x4d\t0x51\t0x54\t0x54\n\
         0x7fffffffe3f8:\t0x04\t0x02\t0x00\t0x3c\t0x00\t0x00\n",
        "0x555555558010 <packet>:\t0x10\t0x0c\t0x00\t0x04\t0x4d\t0x51\t0x54\t0x54\n\
         0x555555558018 <packet+8>:\t0x04\t0x02\t0x00\t0x3c\t0x00\t0x00\n",
        "(gdb) x/7xh packet\n\
         0x7fffffffe3f0:\t0x0c10\t0x0400\t0x514d\t0x5454\t0x0204\t0x3c00\t0x0000\n(gdb) \n",
        // x/14ub
        "0x7fffffffe3f0:\t16\t12\t0\t4\t77\t81\t84\t84\n0x7fffffffe3f8:\t4\t2\t0\t60\t0\t0\n",
    ] {
        assert_found(text, "hex dump", CONNECT);
    }
    let words = "0x7fffffffe3f0:\t0x04000c10\t0x5454514d\t0x3c000204\t0x00c00000\n";
    let giants = "0x7fffffffe3f0:\t0x5454514d04000c10\t0x00c000003c000204\n";
    for text in [words, giants] {
        assert_found(text, "hex dump", &[CONNECT, b"\xc0\0"].concat());
    }
}

#[test]
fn reads_logs_of_devices() {
    for text in [
        // ESP-IDF: ESP_LOG_BUFFER_HEX, and ESP_LOG_BUFFER_HEXDUMP; with colours
        "I (310) mqtt: sending 14 bytes\n\
         I (312) mqtt: 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00 \n\
         I (313) mqtt: waiting\n",
        "\x1b[0;32mI (312) mqtt: 0x3ffb4280   10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00        |....MQTT...<..|\x1b[0m\n",
        "D (12:00:00.123) mqtt_client: tx: 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00\n",
        // Zephyr: LOG_HEXDUMP_DBG
        "[00:00:01.234,567] <dbg> net_mqtt: client_write: sending\n\
         \x20                                    10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00       |....MQTT ...<..  \n\
         [00:00:01.240,000] <inf> app: connected\n",
        // other times and levels
        "2024-01-31T12:00:00.123456Z DEBUG client::net: tx bytes=10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00\n",
        "[12:00:00.123] CONNECT:\n[12:00:00.124] 10 0c 00 04 4d 51 54 54\n[12:00:00.125] 04 02 00 3c 00 00\n",
        "2024-01-31 12:00:00,123 DEBUG client.net: sending\n\
         2024-01-31 12:00:00,123 DEBUG client.net: 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00\n",
    ] {
        assert_found(text, "hex in a log", CONNECT);
    }
    // two rows of ESP_LOG_BUFFER_HEXDUMP have addresses that fit
    let rows = "I (312) mqtt: 0x3ffb4280   10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65  |....MQTT...<..be|\n\
                I (312) mqtt: 0x3ffb4290   20 65 66 20 61                                    | ef a|\n";
    assert_found(rows, "hex dump", TRICKY);
    // other forms behind a prefix
    let prefix = "2024-01-31T12:00:00.123456Z DEBUG net: ";
    assert_found(
        &format!("{prefix}100c00044d5154540402003c0000"),
        "hex",
        CONNECT,
    );
    assert_found(
        &format!(r"{prefix}b'\xc0\x00'"),
        "escaped string",
        b"\xc0\0",
    );
    assert_found(&format!("{prefix}[192, 0]"), "list of numbers", b"\xc0\0");

    let between = "other text between the bytes; keep one packet, or one direction";
    let log = "I (1) mqtt: 10 0c 00 04\nI (2) mqtt: received\nI (3) mqtt: 20 02 00 00\n";
    assert_error(log, 24, "            received", between);
    // a mistake is not a line of words
    for typo in [
        "10 0c 00 04\n4d 5l 54 54\n04 02\n",
        "1O 0c 00 04\n4d 51 54 54\n",
    ] {
        assert_eq!(problem(typo), "not hex, base64 or another known form");
    }
}

#[test]
fn reads_logs_of_emqx() {
    let text = "2024-01-31T12:00:00.123456+00:00 [debug] tag: SOCKET, clientid: p, \
                msg: raw_bin_received, peername: 127.0.0.1:40000, \
                bin: 100C00044D5154540402003C0000, size: 14, type: hex\n";
    assert_found(text, "hex in code", CONNECT);
    let json = r#"{"time":1700000000123456,"level":"debug","msg":"raw_bin_received","type":"hex","size":14,"bin":"100C00044D5154540402003C0000"}"#;
    assert_found(json, "hex in code", CONNECT);
    let old = "2024-01-31 12:00:00.123 [debug] 127.0.0.1:40000 [MQTT/TCP] RECV <<16,12,0,4,77,81,84,84,4,2,0,60,0,0>>\n";
    assert_found(old, "Erlang binary", CONNECT);
}

#[test]
fn reads_saleae() {
    let table = |header: &str, row: fn(&u8) -> String| {
        let rows: String = CONNECT.iter().map(row).collect();
        format!("{header}\n{rows}")
    };
    let logic_2 = table("name,type,start_time,duration,data", |byte| {
        format!("\"Async Serial\",\"data\",0.001,8.68e-05,0x{byte:02X}\n")
    });
    let logic_1 = table("Time [s],Value,Parity Error,Framing Error", |byte| {
        format!("0.001,0x{byte:02X},,\n")
    });
    let of_all = table("Time [s], Analyzer Name, Decoded Protocol Result", |byte| {
        format!("0.001,Async Serial,0x{byte:02X}\n")
    });
    for text in [&logic_2, &logic_1, &of_all] {
        assert_found(text, "Saleae CSV", CONNECT);
    }
    let connack: String = CONNACK
        .iter()
        .map(|byte| format!("\"RX\",\"data\",0.002,8.68e-05,0x{byte:02X}\n"))
        .collect();
    let both = logic_2.replace("Async Serial", "TX") + &connack;
    assert_sides(&both, "Saleae CSV", CONNECT, CONNACK);
    let third = both + "\"CTS\",\"data\",0.002,8.68e-05,0x00\n";
    assert_eq!(
        problem(&third),
        "the table of a third analyzer; export one or two"
    );
    assert_eq!(
        problem(&logic_1.replace("0x4D", "M")),
        "no byte in hex (`0x10`); export the table with hexadecimal numbers"
    );
}

#[test]
fn reads_hex_in_code() {
    for text in [
        r#"bytes.fromhex("100c0004 4d515454 0402003c0000")"#,
        r"bytearray.fromhex('100c00044d5154540402003c0000')",
        r#"data = binascii.unhexlify("100c00044d5154540402003c0000")"#,
        r#"Buffer.from("100c00044d5154540402003c0000", "hex")"#,
        r#"Buffer.from('100c00044d5154540402003c0000', 'hex').length"#,
        r#"let packet = hex!("10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00");"#,
        r#"hex::decode("100c00044d5154540402003c0000").unwrap()"#,
        r#"Convert.FromHexString("100C00044D5154540402003C0000");"#,
        r#"HexFormat.of().parseHex("100c00044d5154540402003c0000")"#,
        r#"$packet = hex2bin("100c00044d5154540402003c0000");"#,
        r#"{"id": 1, "version": "3.1.1", "from": "client", "hex": "100c00044d5154540402003c0000"}"#,
        "Buffer.from('EAwABE1RVFQEAgA8AAA=', 'base64')",
        "bytes.fromhex(“100c00044d5154540402003c0000”)",
    ] {
        assert_found(text, "hex in code", CONNECT);
    }
    assert_error(
        r#"bytes.fromhex("10 0c 0")"#,
        21,
        "0\")",
        "an odd number of hex digits",
    );
    assert_eq!(problem(r#"Buffer.from("EAw?", "base64")"#), "not base64");
    let lines = "{\"hex\": \"c000\"}\n{\"hex\": \"d000\"}\n";
    assert_error(
        lines,
        25,
        "d000\"}",
        "more than one string of hex; keep one packet, or one direction",
    );
}

#[test]
fn reads_kotlin() {
    for text in [
        "val packet = byteArrayOf(0x10, 0x0c, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0)",
        "ubyteArrayOf(0x10u, 0x0cu, 0u, 4u, 77u, 81u, 84u, 84u, 4u, 2u, 0u, 60u, 0u, 0u)",
        "byteArrayOf(16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60.toByte(), 0, 0).size",
    ] {
        assert_found(text, "list of numbers", CONNECT);
    }
    let high = "byteArrayOf(0xc0.toByte(), 0x00)";
    assert_found(high, "list of numbers", &[0xc0, 0]);
}

#[test]
fn reads_bare_numbers() {
    for text in [
        "16 12 0 4 77 81 84 84 4 2 0 60 0 0",
        "16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0\n",
        // od -An -t u1
        "  16  12   0   4  77  81  84  84   4   2   0  60   0   0\n",
    ] {
        assert_found(text, "decimal numbers", CONNECT);
    }
    // a packet that breaks a rule
    assert_found("64 2 0 0 192 0", "decimal numbers", b"\x40\x02\0\0\xc0\0");
    // od -An -b
    let octal = " 020 014 000 004 115 121 124 124 004 002 000 074 000 000\n";
    assert_found(octal, "octal numbers", CONNECT);
}

#[test]
fn two_readings_are_an_error() {
    let both = |first: &str, second: &str| {
        format!("this can be {first} or {second}; write each byte as `0x10`")
    };
    assert_eq!(problem("00000000"), both("bits", "hex"));
    assert_eq!(problem("10100000"), both("bits", "hex"));
    assert_eq!(problem("100 100"), both("decimal numbers", "octal numbers"));
    // 40 02 00 01 without zeros, or 28 02 00 01
    assert_eq!(problem("40 2 0 1"), both("decimal numbers", "hex"));
    // pairs are hex, unless only decimal numbers are MQTT
    assert_found("10 10", "hex", &[0x10, 0x10]);
}

#[test]
fn reads_comments_prompts_and_typographic_quotes() {
    for text in [
        "10 0c        # CONNECT\n00 04 4d515454 # name\n04 02 003c 0000 # the rest\n",
        "10 0c // CONNECT\n00 04 4d515454\n04 02 003c 0000\n",
        "# a CONNECT\n100c00044d5154540402003c0000\n",
        "PS C:\\Users\\me> 100c00044d5154540402003c0000\n",
        "[me@host ~]$ xxd -p connect\n100c00044d5154540402003c0000\n",
        "❯ xxd -p connect\n100c00044d5154540402003c0000\n",
        "“100c00044d5154540402003c0000”",
        "‘100c00044d5154540402003c0000’",
    ] {
        assert_found(text, "hex", CONNECT);
    }
    assert_found("„c000“", "hex", b"\xc0\0");
    assert_found(r"b‘\xc0\x00’", "escaped string", b"\xc0\0");
    // inside of a string they are characters
    assert_found(r"\x30“", "escaped string", "0“".as_bytes());
    assert_found(r#"b"\x30“""#, "escaped string", "0“".as_bytes());
}

#[test]
fn a_shortened_buffer_is_an_error() {
    let text = "<Buffer 10 0c 00 04 4d ... 1 more byte>";
    let problem = "the buffer was shortened when it was printed, so bytes are missing";
    assert_error(text, 23, "... 1 more byte>", problem);
}

#[test]
fn words_are_not_base64() {
    for word in [
        "help", "dump", "/tmp", "prxy", "capture", "mqtt", "12345xyz",
    ] {
        assert_eq!(
            problem(word),
            "not hex, base64 or another known form",
            "{word}"
        );
    }
    let typo = "101800044d51545404o2";
    assert_error(typo, 18, "o2", "not hex, base64 or another known form");
    // base64 of something else
    let other = "aGVsbG8gd29ybGQ=";
    let not_mqtt = "base64, but its bytes are not MQTT packets; \
                    to explain them all the same, unpack them with `base64 -d`";
    assert_eq!(problem(other), not_mqtt);
    // base64 of a CONNECT that is incomplete, and of one that is wrong
    assert_found("EAwABE1RVFQE", "base64", b"\x10\x0c\0\x04MQTT\x04");
    assert_found(
        "EAwABE1RVFQJAgA8AAA=",
        "base64",
        b"\x10\x0c\0\x04MQTT\x09\x02\0\x3c\0\0",
    );
}

#[test]
fn logs_without_bytes_are_named() {
    let no_bytes = "the text names packets but holds none of their bytes; \
                    record them with tcpdump, or watch them with `mqtt-explain proxy`";
    for log in [
        "1700000000: New connection from 127.0.0.1:40000 on port 1883.\n\
         1700000000: New client connected from 127.0.0.1:40000 as p (p2, c1, k60).\n\
         1700000000: Sending CONNACK to p (0, 0)\n\
         1700000000: Received PUBLISH from p (d0, q0, r0, m0, 'a/b', ... (5 bytes))\n",
        "Client p sending CONNECT\nClient p received CONNACK (0)\n\
         Client p sending PUBLISH (d0, q0, r0, m1, 'a/b', ... (5 bytes))\n",
        "2024-01-31T12:00:00.123456+00:00 [debug] msg: mqtt_packet_received, packet: \
         CONNECT(Q0, R0, D0, ClientId=p, Username=undefined)\n",
    ] {
        assert_eq!(problem(log), no_bytes, "{log}");
    }
}

#[test]
fn unpacks_gzip_and_names_other_compression() {
    let gzip = |content: &[u8]| {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(content).unwrap();
        file.finish().unwrap()
    };
    let capture = capture::write_pcap(pcap_parser::Linktype::RAW, &[tcp(1, b"ab")]);
    let found = parse(&gzip(&capture)).unwrap();
    assert_eq!(found.content, Content::Capture(capture));
    let found = parse(&gzip(b"c0 00\n")).unwrap();
    assert_eq!(found.content, Content::Bytes(vec![0xc0, 0]));
    let mut damaged = gzip(CONNECT);
    damaged.truncate(damaged.len() - 4);
    let error = parse(&damaged).unwrap_err();
    assert!(
        error.problem.starts_with("the gzip file is damaged: "),
        "{error}"
    );
    let error = parse(b"\x28\xb5\x2f\xfd\x24").unwrap_err();
    assert_eq!(
        error.problem,
        "the file is compressed with zstd; unpack it first"
    );
}

#[test]
fn the_readme_has_all_forms_in_their_order() {
    let readme = include_str!("../../../README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| "));
    let names: Vec<&str> = rows.filter_map(|row| row.split(" |").next()).collect();
    let start = names.iter().position(|name| *name == "form").unwrap();
    let forms = FORMS.iter().map(|form| form.name);
    assert_eq!(names[start + 1..], forms.collect::<Vec<_>>());
}

#[test]
fn the_examples_of_the_readme_are_read() {
    for (text, form) in [
        (r#"write(3, "\300\0", 2) = 2"#, "strace"),
        (r#"bytes.fromhex("c000")"#, "hex in code"),
        (r#"{"hex": "c000"}"#, "hex in code"),
        ("<<192,0>>", "Erlang binary"),
        ("{0xc0, 0}", "list of numbers"),
        (r#""\300\0""#, "escaped string"),
        ("0b11000000, 0b0", "bits"),
        ("192 0", "decimal numbers"),
        ("300 000", "octal numbers"),
        ("c0:00", "hex"),
        ("wAA=", "base64"),
    ] {
        assert_found(text, form, &[0xc0, 0]);
    }
}
