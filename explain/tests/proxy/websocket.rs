//! WebSocket on either side, and on both.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::common::{Run, frame, masked};
use crate::harness::{
    CONNACK, CONNECT, DISCONNECT, PINGREQ, Proxy, read, read_all, server, without_times,
};

const REQUEST: &[u8] = b"GET /own?a HTTP/1.1\r\nHost: 127.0.0.1:1\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                          Connection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                          Sec-WebSocket-Protocol: mqtt\r\n\r\n";

fn read_head(mut stream: &TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

fn lines_of(run: &Run) -> String {
    assert_eq!(run.status, 0, "{}", run.output);
    without_times(&run.output)
}

/// A proxy in front of a server with MQTT over TCP, and a client that has its answer.
fn client_over_websocket(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> (Proxy, TcpStream) {
    let (upstream, _serving) = server(1, move |_, stream| serve(stream));
    let proxy = Proxy::start(upstream, &["--once"]);
    let mut client = proxy.connect();
    client.write_all(REQUEST).unwrap();
    assert_eq!(read_head(&client).as_bytes(), RESPONSE);
    (proxy, client)
}

#[test]
fn a_client_over_websocket_reaches_a_server_over_tcp() {
    let (proxy, mut client) = client_over_websocket(|mut stream| {
        assert_eq!(read(&stream, CONNECT.len()), CONNECT);
        stream.write_all(CONNACK).unwrap();
        assert_eq!(read_all(&stream), [PINGREQ, DISCONNECT].concat());
    });
    // one packet in three frames, and two packets in one
    for piece in [
        masked(0x02, &CONNECT[..1]),
        masked(0x00, &CONNECT[1..9]),
        masked(0x80, &CONNECT[9..]),
    ] {
        client.write_all(&piece).unwrap();
    }
    assert_eq!(read(&client, 6), frame(0x82, CONNACK));
    client.write_all(&masked(0x89, b"p")).unwrap();
    assert_eq!(read(&client, 3), frame(0x8a, b"p"));
    let both = [PINGREQ, DISCONNECT].concat();
    client.write_all(&masked(0x82, &both)).unwrap();
    client.write_all(&masked(0x88, b"\x03\xe8")).unwrap();
    assert_eq!(read_all(&client), frame(0x88, b"\x03\xe8"));
    drop(client);
    let expected = "\
opened
#1          → WebSocket request for /own?(hidden), offers the subprotocol mqtt
#1       0  → CONNECT 3.1.1 \"c\", clean session, keep alive 60 s
#1       0  ← CONNACK 0x00 Success
#1          → WebSocket ping, 1 byte
#1      15  → PINGREQ
#1      17  → DISCONNECT
#1          → WebSocket close, 1000
#1          → the client closes the connection
#1          ← the server closes the connection
#1  VALID  4 packets
";
    assert_eq!(lines_of(&proxy.finish()), expected);
}

#[test]
fn a_text_frame_is_shown_and_ends_the_connection() {
    let (proxy, mut client) = client_over_websocket(|stream| {
        assert_eq!(read_all(&stream), b"");
    });
    client.write_all(&masked(0x81, CONNECT)).unwrap();
    assert_eq!(read_all(&client), frame(0x88, b"\x03\xeb"));
    drop(client);
    let run = proxy.finish();
    let fault = "→ ! WebSocket: a text frame; MQTT uses binary frames only \
                 [v3.1.1 MQTT-6.0.0-1; v5.0 MQTT-6.0.0-1]\n";
    assert!(run.output.contains(fault), "{}", run.output);
    let end = "#1  INVALID  0 packets, 1 rule of WebSocket broken\n";
    assert!(run.output.ends_with(end), "{}", run.output);
    assert_eq!(run.status, 1);
}

/// A request without the key, which differs in each connection.
fn without_key(head: &str) -> String {
    let lines = head
        .lines()
        .filter(|it| !it.starts_with("Sec-WebSocket-Key: "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_client_over_tcp_reaches_a_server_over_websocket() {
    // the server is a proxy, too
    let (upstream, _serving) = server(1, |_, mut stream| {
        assert_eq!(read(&stream, CONNECT.len()), CONNECT);
        stream.write_all(CONNACK).unwrap();
        assert_eq!(read_all(&stream), DISCONNECT);
    });
    let far = Proxy::start(upstream, &["--once"]);
    let near = Proxy::start(format!("ws://{}/path?q", far.address), &["--once"]);
    let mut client = near.connect();
    client.write_all(CONNECT).unwrap();
    assert_eq!(read(&client, CONNACK.len()), CONNACK);
    client.write_all(DISCONNECT).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    drop(client);
    let expected = "\
opened
#1       0  → CONNECT 3.1.1 \"c\", clean session, keep alive 60 s
#1          ← WebSocket accepted, selects the subprotocol mqtt
#1       0  ← CONNACK 0x00 Success
#1      15  → DISCONNECT
#1          → the client closes the connection
#1          ← WebSocket close, 1000
#1          ← the server closes the connection
#1  VALID  3 packets
";
    assert_eq!(lines_of(&near.finish()), expected);
    let far = lines_of(&far.finish());
    let request = "WebSocket request for /path?(hidden), offers the subprotocol mqtt";
    assert!(far.contains(request), "{far}");
}

#[test]
fn asks_for_a_websocket_with_the_subprotocol() {
    let (upstream, serving) = server(1, |_, mut stream| {
        let head = without_key(&read_head(&stream));
        let address = stream.local_addr().unwrap();
        let expected = format!(
            "GET /mqtt HTTP/1.1\nHost: {address}\nUpgrade: websocket\nConnection: Upgrade\n\
             Sec-WebSocket-Version: 13\nSec-WebSocket-Protocol: mqtt\n\n"
        );
        assert_eq!(head, expected);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
    });
    let url = format!("ws://{upstream}");
    let proxy = Proxy::start(&url, &["--once"]);
    let mut client = proxy.connect();
    client.write_all(CONNECT).unwrap();
    // unread bytes of the client may make it a reset
    let _ = client.read_to_end(&mut Vec::new());
    serving.join().unwrap();
    let run = proxy.finish();
    let failed = format!(
        "#1  FAILED  cannot reach {url}: the server refuses the WebSocket: 403 Forbidden\n"
    );
    assert!(run.output.contains(&failed), "{}", run.output);
    assert_eq!(run.status, 64);
}

#[test]
fn refuses_a_server_that_does_not_answer_the_request() {
    let cases: [(&[u8], &str); 3] = [
        // the key is another one
        (RESPONSE, "Sec-WebSocket-Accept is wrong"),
        (
            b"",
            "the server does not answer the request for a WebSocket",
        ),
        (CONNACK, "the server does not speak HTTP"),
    ];
    for (answer, problem) in cases {
        let (upstream, _serving) = server(1, move |_, mut stream| {
            read_head(&stream);
            stream.write_all(answer).unwrap();
        });
        let proxy = Proxy::start(format!("ws://{upstream}"), &["--once"]);
        let mut client = proxy.connect();
        client.write_all(CONNECT).unwrap();
        // unread bytes of the client may make it a reset
        let _ = client.read_to_end(&mut Vec::new());
        let run = proxy.finish();
        assert!(run.errors.contains(problem), "{}", run.errors);
        assert_eq!(run.status, 64);
    }
}

#[test]
fn websocket_on_both_sides_passes_unchanged() {
    let frames = [
        masked(0x02, &CONNECT[..5]),
        masked(0x80, &CONNECT[5..]),
        // even wrong frames
        masked(0x81, b"text"),
        masked(0x89, b"ping"),
        masked(0x82, DISCONNECT),
        masked(0x88, b"\x03\xe8"),
    ]
    .concat();
    let of_server = frames.clone();
    let answers = [
        frame(0x82, CONNACK),
        frame(0x8a, b"ping"),
        frame(0x88, b"\x03\xe8"),
    ]
    .concat();
    let answering = answers.clone();
    let (upstream, serving) = server(1, move |_, mut stream| {
        let head = read_head(&stream);
        let address = stream.local_addr().unwrap().to_string();
        let expected = String::from_utf8(REQUEST.to_vec()).unwrap();
        let expected = expected
            .replace("/own?a", "/its")
            .replace("127.0.0.1:1", &address);
        assert_eq!(head, expected);
        stream.write_all(RESPONSE).unwrap();
        stream.write_all(&answering[..4]).unwrap();
        assert_eq!(read(&stream, of_server.len()), of_server);
        stream.write_all(&answering[4..]).unwrap();
    });
    let proxy = Proxy::start(format!("ws://{upstream}/its"), &["--once"]);
    let mut client = proxy.connect();
    client.write_all(REQUEST).unwrap();
    assert_eq!(read_head(&client).as_bytes(), RESPONSE);
    client.write_all(&frames).unwrap();
    assert_eq!(read(&client, answers.len()), answers);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    serving.join().unwrap();
    let run = proxy.finish();
    for line in [
        "→ WebSocket request for /own?(hidden), offers the subprotocol mqtt\n",
        "→ CONNECT 3.1.1",
        "→ ! WebSocket: a text frame",
        "← CONNACK",
        "← WebSocket pong, 4 bytes\n",
        "→ DISCONNECT\n",
        "#1  INVALID  3 packets, 1 rule of WebSocket broken\n",
    ] {
        assert!(run.output.contains(line), "{line}: {}", run.output);
    }
}

#[test]
fn another_request_of_http_is_forwarded_as_it_is() {
    let request = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    let (upstream, serving) = server(1, move |_, mut stream| {
        assert_eq!(read(&stream, request.len()), request);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    });
    let proxy = Proxy::start(upstream, &["--once"]);
    let mut client = proxy.connect();
    client.write_all(request).unwrap();
    assert_eq!(read_all(&client), b"HTTP/1.1 200 OK\r\n\r\n");
    drop(client);
    serving.join().unwrap();
    let run = proxy.finish();
    assert!(
        run.output.contains("NOT MQTT  an HTTP request"),
        "{}",
        run.output
    );
    assert_eq!(run.status, 3);
}
