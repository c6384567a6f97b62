//! Items of both directions, wherever the bytes are cut.

use super::*;

const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                          Connection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

const FINAL: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A frame of the server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(short as u8),
        long => {
            frame.push(126);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A frame of the client.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut frame = frame(first, payload);
    let start = frame.len() - payload.len();
    frame[1] |= 0x80;
    for (byte, key) in frame[start..].iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    frame.splice(start..start, mask);
    frame
}

/// The items, with the bytes of MQTT joined.
#[derive(Default)]
struct Seen {
    data: Vec<u8>,
    others: Vec<String>,
}

impl Seen {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        self.others.push(match item {
            Item::Data(bytes) => {
                self.data.extend(bytes);
                return Ok(());
            }
            Item::Plain(bytes) => {
                self.data.extend(bytes);
                match self.others.last() {
                    Some(last) if last == "plain" => return Ok(()),
                    _ => String::from("plain"),
                }
            }
            Item::Request(request) => format!("request {}", request.target),
            Item::Accepted(_) => String::from("accepted"),
            Item::Refused(response) => format!("refused {}", response.status),
            Item::Control(control) => format!("{control:?}"),
            Item::Fault(fault) => String::from(fault.kind.name()),
            Item::Unread { length, reason } => format!("unread {length:?} {reason:?}"),
        });
        Ok(())
    }
}

/// Both sides in pieces of a length, the head of the client first.
fn read(client: &[u8], server: &[u8], piece: usize) -> (Seen, Seen) {
    let mut websocket = WebSocket::default();
    let (mut from_client, mut from_server) = (Seen::default(), Seen::default());
    let (head, rest) = client.split_at(head_len(client).unwrap_or(client.len()));
    for (sender, bytes) in [
        (Sender::Client, head),
        (Sender::Server, server),
        (Sender::Client, rest),
    ] {
        let seen = match sender {
            Sender::Client => &mut from_client,
            Sender::Server => &mut from_server,
        };
        for piece in bytes.chunks(piece) {
            websocket
                .read(sender, piece, &mut |item| seen.add(item))
                .unwrap();
        }
    }
    for (sender, seen) in [
        (Sender::Client, &mut from_client),
        (Sender::Server, &mut from_server),
    ] {
        websocket.end(sender, &mut |item| seen.add(item)).unwrap();
    }
    (from_client, from_server)
}

/// The items behind the handshake, the same in pieces of any length.
#[track_caller]
fn check(client: &[u8], server: &[u8], expected: [(&[u8], &[&str]); 2]) {
    let client = [REQUEST, client].concat();
    let server = [RESPONSE, server].concat();
    for piece in [1, 2, 3, 5, 7, 1 << 20] {
        let (from_client, from_server) = read(&client, &server, piece);
        assert_eq!(from_client.others[0], "request /mqtt");
        assert_eq!(from_server.others[0], "accepted");
        for (seen, (data, others)) in [from_client, from_server].iter().zip(expected) {
            assert_eq!(seen.data, data, "in pieces of {piece}");
            assert_eq!(seen.others[1..], *others, "in pieces of {piece}");
        }
    }
}

#[test]
fn reads_masked_and_unmasked_frames() {
    let long = vec![7; 300];
    let client = [
        masked(FINAL | BINARY, b"connect"),
        masked(FINAL | BINARY, &long),
    ]
    .concat();
    let server = [frame(FINAL | BINARY, &long), frame(FINAL | BINARY, b"")].concat();
    let sent = [&b"connect"[..], &long].concat();
    check(&client, &server, [(&sent, &[]), (&long, &[])]);
}

#[test]
fn joins_fragments_around_control_frames() {
    let client = [
        masked(BINARY, b"ab"),
        masked(FINAL | PING, b"p"),
        masked(0, b"cd"),
        masked(FINAL, b"e"),
        masked(FINAL | BINARY, b"f"),
        masked(FINAL | CLOSE, b"\x03\xe8bye"),
    ]
    .concat();
    let server = [frame(FINAL | PONG, b"p"), frame(FINAL | CLOSE, b"")].concat();
    let of_client = ["Ping([112])", "Close { code: Some(1000), reason: \"bye\" }"];
    let of_server = ["Pong([112])", "Close { code: None, reason: \"\" }"];
    check(
        &client,
        &server,
        [(b"abcdef", &of_client), (b"", &of_server)],
    );
}

#[test]
fn reports_broken_rules_of_websocket() {
    const LOST: &str = "unread None AfterFault";
    let after = |frame: Vec<u8>| [frame, masked(FINAL | BINARY, b"x")].concat();
    let cases: [(Vec<u8>, &[u8], &[&str]); 11] = [
        // read on
        (after(masked(FINAL | TEXT, b"text")), b"x", &["TextFrame"]),
        (after(frame(FINAL | BINARY, b"y")), b"yx", &["NotMasked"]),
        (
            after(b"\x82\xfe\0\x01\0\0\0\0y".to_vec()),
            b"yx",
            &["LongLength"],
        ),
        // read no more
        (
            after(masked(FINAL | 0x40 | BINARY, b"y")),
            b"",
            &["ReservedBits", LOST],
        ),
        (
            after(masked(FINAL | 0x20 | BINARY, b"y")),
            b"",
            &["ReservedBits", LOST],
        ),
        (
            after(masked(FINAL | 3, b"y")),
            b"",
            &["ReservedOpcode", LOST],
        ),
        (
            after(masked(FINAL | 11, b"y")),
            b"",
            &["ReservedOpcode", LOST],
        ),
        (after(masked(PING, b"y")), b"", &["BadControlFrame", LOST]),
        (
            after(masked(FINAL | PING, &[0; 126])),
            b"",
            &["BadControlFrame", LOST],
        ),
        (
            after(masked(FINAL, b"y")),
            b"",
            &["NothingToContinue", LOST],
        ),
        (after(masked(BINARY, b"y")), b"y", &["NotContinued", LOST]),
    ];
    for (client, data, others) in &cases {
        check(client, b"", [(data, others), (b"", &[])]);
    }
    let huge = [b"\x82\xff\xff".as_slice(), &[0; 11]].concat();
    check(&huge, b"", [(b"", &["HugeLength", LOST]), (b"", &[])]);
    let server = masked(FINAL | BINARY, b"y");
    check(b"", &server, [(b"", &[]), (b"y", &["Masked"])]);
}

#[test]
fn reports_each_kind_once() {
    let client = frame(FINAL | BINARY, b"y").repeat(3);
    check(&client, b"", [(b"yyy", &["NotMasked"]), (b"", &[])]);
}

#[test]
fn checks_the_subprotocol_of_both_sides() {
    let with = |head: &[u8], protocol: &str| {
        let head = String::from_utf8(head.to_vec()).unwrap();
        let field = match protocol {
            "" => String::new(),
            name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
        };
        let changed = head.replace("Sec-WebSocket-Protocol: mqtt\r\n", &field);
        changed.into_bytes()
    };
    let cases: [(&str, &str, &[&str], &[&str]); 8] = [
        ("mqtt", "mqtt", &[], &[]),
        ("mqttv3.1, mqtt", "mqtt", &[], &[]),
        ("chat, mqtt", "mqtt", &[], &[]),
        ("mqtt", "", &[], &["SubprotocolNotSelected"]),
        ("mqtt, chat", "chat", &[], &["SubprotocolNotSelected"]),
        ("mqtt", "chat", &[], &["SubprotocolUnoffered"]),
        ("", "", &["SubprotocolNotOffered"], &[]),
        ("mqttv3.1", "mqttv3.1", &["SubprotocolNotOffered"], &[]),
    ];
    for (offered, selected, of_client, of_server) in cases {
        let (client, server) = (with(REQUEST, offered), with(RESPONSE, selected));
        let (from_client, from_server) = read(&client, &server, 1);
        assert_eq!(from_client.others[1..], *of_client, "{offered} {selected}");
        assert_eq!(from_server.others[1..], *of_server, "{offered} {selected}");
    }
    // without the request, nothing is known about it
    let (_, from_server) = read(b"", &with(RESPONSE, "chat"), 1);
    assert_eq!(from_server.others, ["accepted"]);
}

#[test]
fn leaves_other_bytes_as_they_are() {
    for other in [
        &b"\x10\x0d\0\x04MQTT"[..],
        b"G",
        b"GET",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\nmore",
        b"GET no HTTP\r\n\r\n",
    ] {
        for piece in [1, 3, 100] {
            let (seen, _) = read(other, b"", piece);
            assert_eq!(seen.data, other);
            assert_eq!(seen.others, ["plain"]);
        }
    }
    let endless = [b"GET /".as_slice(), &[b'x'; MAX_HEAD + 9]].concat();
    let (seen, _) = read(&endless, b"", 100);
    assert_eq!(seen.data, endless);
}

#[test]
fn reports_a_refusal() {
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let (from_client, from_server) = read(&[REQUEST, b"more"].concat(), refusal, 1);
    assert_eq!(from_client.others, ["request /mqtt"]);
    assert_eq!(from_server.others, ["refused 403"]);
    assert_eq!(from_client.data, b"");
}

/// `Hello` as RFC 7692 compresses it, 7.2.3.1, 7.2.3.2 and 7.2.3.4.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
const WHOLE_STREAM: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
const HELLO_AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";

fn deflated_response() -> Vec<u8> {
    let extension = "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover";
    let head = String::from_utf8(RESPONSE.to_vec()).unwrap();
    head.replacen("\r\n", &format!("{extension}\r\n"), 1)
        .into_bytes()
}

#[test]
fn unpacks_compressed_messages() {
    const COMPRESSED: u8 = 0x40;
    let (first, second) = HELLO.split_at(3);
    let client = [
        REQUEST,
        &masked(FINAL | COMPRESSED | BINARY, HELLO),
        // not compressed, although it could be
        &masked(FINAL | BINARY, b" "),
        // refers to the first one
        &masked(FINAL | COMPRESSED | BINARY, HELLO_AGAIN),
        &masked(COMPRESSED | BINARY, first),
        &masked(FINAL, second),
        &masked(FINAL | COMPRESSED | BINARY, WHOLE_STREAM),
        &masked(FINAL | COMPRESSED | BINARY, HELLO),
    ]
    .concat();
    let server = [
        &deflated_response()[..],
        &frame(FINAL | COMPRESSED | BINARY, HELLO),
    ]
    .concat();
    for piece in [1, 2, 1000] {
        let (from_client, from_server) = read(&client, &server, piece);
        assert_eq!(from_client.data, b"Hello HelloHelloHelloHello");
        assert_eq!(from_client.others.len(), 1);
        assert_eq!(from_server.data, b"Hello");
    }
    // later messages may refer to the wrong part
    let server = [
        &deflated_response()[..],
        &frame(FINAL | COMPRESSED | BINARY, b"\xff\xff\xff"),
        &frame(FINAL | COMPRESSED | BINARY, HELLO),
        &frame(FINAL | BINARY, b"plain"),
    ]
    .concat();
    let (_, from_server) = read(REQUEST, &server, 1);
    assert_eq!(from_server.data, b"plain");
    assert_eq!(from_server.others, ["accepted", "unread None Compressed"]);
}

#[test]
fn a_compressed_message_of_any_size_comes_in_pieces() {
    use std::io::Write;
    let best = flate2::Compression::best();
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), best);
    packed.write_all(&vec![0; 10_000_000]).unwrap();
    let packed = packed.finish().unwrap();
    let mut websocket = WebSocket::default();
    websocket
        .read(Sender::Client, REQUEST, &mut |_| Ok(()))
        .unwrap();
    websocket
        .read(Sender::Server, &deflated_response(), &mut |_| Ok(()))
        .unwrap();
    let (mut total, mut longest) = (0, 0);
    let frame = frame(FINAL | 0x40 | BINARY, &packed);
    websocket
        .read(Sender::Server, &frame, &mut |item| {
            if let Item::Data(bytes) = item {
                total += bytes.len();
                longest = longest.max(bytes.len());
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(total, 10_000_000);
    assert!(longest <= 4096);
}

/// Reads frames of the server with a gap between them, and returns the kind of the gap.
fn with_gap(before: &[u8], length: u64, after: &[u8]) -> (Seen, Gap) {
    let mut websocket = WebSocket::default();
    let mut seen = Seen::default();
    let before = [RESPONSE, before].concat();
    let mut read = |websocket: &mut WebSocket, bytes: &[u8]| {
        websocket
            .read(Sender::Server, bytes, &mut |item| seen.add(item))
            .unwrap();
    };
    read(&mut websocket, &before);
    let gap = websocket.gap(Sender::Server, Some(length));
    read(&mut websocket, after);
    websocket
        .end(Sender::Server, &mut |item| seen.add(item))
        .unwrap();
    (seen, gap)
}

#[test]
fn continues_after_a_gap() {
    let next = frame(FINAL | BINARY, b"next");
    // inside of a payload, the frame is known
    let (seen, gap) = with_gap(b"\x82\x05a", 2, &[b"de", &next[..]].concat());
    assert!(matches!(gap, Gap::InData));
    assert_eq!(seen.data, b"adenext");
    let (_, gap) = with_gap(b"\x89\x05a", 2, b"de");
    assert!(matches!(gap, Gap::BesideData));
    // beyond it, frames begin where a piece looks like them
    let (seen, gap) = with_gap(b"\x82\x05a", 20, &next);
    assert!(matches!(gap, Gap::Unknown));
    assert_eq!(seen.data, b"anext");
    // bytes that look like a wrong frame may be none
    let wrong = frame(FINAL | 0x30 | BINARY, b"x");
    let (seen, _) = with_gap(b"", 20, &[&next[..], &wrong, b"more"].concat());
    assert_eq!(seen.data, b"next");
    assert_eq!(seen.others, ["accepted", "unread Some(6) AfterGap"]);
    let (seen, _) = with_gap(b"\x82\x05a", 20, b"and so on");
    assert_eq!(seen.data, b"a");
    assert_eq!(seen.others, ["accepted", "unread Some(9) AfterGap"]);
}

#[test]
fn reads_any_bytes_in_bounded_memory() {
    let mut state = 0x2545_f491_u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for _ in 0..300 {
        let mut websocket = WebSocket::default();
        let mut nothing = |_: Item<'_>| Ok(());
        for (sender, head) in [
            (Sender::Client, REQUEST.to_vec()),
            (Sender::Server, deflated_response()),
        ] {
            websocket.read(sender, &head, &mut nothing).unwrap();
        }
        for _ in 0..60 {
            let sender = [Sender::Client, Sender::Server][random() as usize % 2];
            let payload: Vec<u8> = (0..random() % 200).map(|_| random() as u8).collect();
            let first = [0, 0x80, 0x82, 0xc2, 0x42, 0x89, 0x88, random() as u8];
            let first = first[random() as usize % first.len()];
            let mut bytes = match sender {
                Sender::Client => masked(first, &payload),
                Sender::Server => frame(first, &payload),
            };
            if random() % 4 == 0 {
                bytes.truncate(random() as usize % bytes.len());
            }
            if random() % 8 == 0 {
                websocket.gap(sender, Some(u64::from(random() % 300)));
            }
            websocket.read(sender, &bytes, &mut nothing).unwrap();
            assert!(websocket.kept() < 200_000);
        }
        for sender in [Sender::Client, Sender::Server] {
            websocket.end(sender, &mut nothing).unwrap();
        }
    }
}
