//! The server and the client, and raw WebSocket connections to both.

#[allow(dead_code)] // its `main`
#[path = "../src/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../src/server.rs"]
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{TransportError, Version};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, http::StatusCode};
use websocket::Packets;

const PATIENCE: Duration = Duration::from_secs(60);

const CONNECT_5: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01p";
const CONNACK_5: &[u8] = b"\x20\x03\x00\x00\x00";
const CONNECT_3: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01q";
const CONNACK_3: &[u8] = b"\x20\x02\x00\x00";
const SUBSCRIBE_5: &[u8] = b"\x82\x09\x00\x01\x00\x00\x03a/+\x00";
const SUBACK_5: &[u8] = b"\x90\x04\x00\x01\x00\x00";
const SUBSCRIBE_3: &[u8] = b"\x82\x08\x00\x01\x00\x03a/+\x00";
const SUBACK_3: &[u8] = b"\x90\x03\x00\x01\x00";
const PINGREQ: &[u8] = b"\xc0\x00";
const PINGRESP: &[u8] = b"\xd0\x00";
const DISCONNECT: &[u8] = b"\xe0\x00";

#[tokio::test]
async fn packets_and_messages_have_independent_boundaries() {
    let address = start_server().await;
    let stream = [CONNECT_5, SUBSCRIBE_5, PINGREQ, PINGREQ, DISCONNECT].concat();
    let expected = [CONNACK_5, SUBACK_5, PINGRESP, PINGRESP].concat();
    for place in 0..stream.len() {
        let (first, second) = stream.split_at(place);
        let mut client = Raw::connect(address).await;
        client.send(first).await;
        client.send(second).await;
        let (received, close) = client.receive_to_end().await;
        assert_eq!(received, expected, "two messages, cut at {place}");
        assert_eq!(close, CloseCode::Status);
    }
    let mut client = Raw::connect(address).await;
    for byte in stream.chunks(1) {
        client.send(byte).await;
    }
    assert_eq!(client.receive_to_end().await.0, expected);
}

#[tokio::test]
async fn text_closes_the_connection() {
    let address = start_server().await;
    for packets_before in [&[][..], CONNECT_5] {
        let mut client = Raw::connect(address).await;
        client.send(packets_before).await;
        let ping = Message::Text("\u{c0}\0".into());
        client.0.send(ping).await.unwrap();
        let (received, close) = client.receive_to_end().await;
        assert_eq!(received.is_empty(), packets_before.is_empty());
        assert_eq!(close, CloseCode::Unsupported);
    }
}

#[tokio::test]
async fn a_client_without_the_subprotocol_is_refused() {
    let address = start_server().await;
    for offer in [None, Some("mqttv3.1"), Some("MQTT"), Some("chat, mqtts")] {
        match open(address, offer).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), StatusCode::BAD_REQUEST),
            other => panic!("{offer:?}: {:?}", other.map(|_| ())),
        }
    }
    for offer in ["mqtt", "chat, mqtt", "chat,mqtt,other"] {
        assert_eq!(open(address, Some(offer)).await.unwrap().1, "mqtt");
    }
}

#[tokio::test]
async fn a_client_refuses_a_server_that_does_not_select_the_subprotocol() {
    let (address, listener) = listen().await;
    tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0;
        let _ = tokio_tungstenite::accept_async(stream).await;
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}");
    assert!(Packets::connect(stream, &url, Version::V5).await.is_err());
}

#[tokio::test]
async fn a_bad_packet_is_answered() {
    let address = start_server().await;
    let qos_3 = b"\x36\x00";
    let will_qos_without_will = b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00";
    for (sent, expected) in [
        (
            [CONNECT_5, qos_3].concat(),
            &b"\x20\x03\x00\x00\x00\xe0\x01\x81"[..],
        ),
        ([CONNECT_3, qos_3].concat(), CONNACK_3), // 3.1.1 has no answer
        (will_qos_without_will.to_vec(), b"\x20\x03\x00\x81\x00"),
        (PINGREQ.to_vec(), b""),
    ] {
        let mut client = Raw::connect(address).await;
        client.send(&sent).await;
        let (received, close) = client.receive_to_end().await;
        assert_eq!((&received[..], close), (expected, CloseCode::Status));
    }
}

#[tokio::test]
async fn a_packet_that_is_not_served_closes_the_connection() {
    let address = start_server().await;
    let qos_1: &[u8] = b"\x32\x06\x00\x01t\x00\x01\x00";
    let unknown_alias: &[u8] = b"\x30\x06\x00\x00\x03\x23\x00\x01";
    for packet in [CONNECT_5, qos_1, unknown_alias] {
        let mut client = Raw::connect(address).await;
        client.send(&[CONNECT_5, packet, PINGREQ].concat()).await;
        assert_eq!(client.receive_to_end().await.0, CONNACK_5);
    }
}

#[tokio::test]
async fn a_message_reaches_the_subscribers_of_each_version_in_one_message() {
    let address = start_server().await;
    let mut old = Raw::connect(address).await;
    old.send(&[CONNECT_3, SUBSCRIBE_3].concat()).await;
    old.expect(&[CONNACK_3, SUBACK_3]).await;
    let mut new = Raw::connect(address).await;
    new.send(&[CONNECT_5, SUBSCRIBE_5].concat()).await;
    new.expect(&[CONNACK_5, SUBACK_5]).await;

    for payload in [&b""[..], b"hello", &[7; 100_000]] {
        let in_5 = publish(b"\x00\x03a/b\x03\x03\x00\x00", payload); // an empty Content Type
        let in_3 = publish(b"\x00\x03a/b", payload);
        let elsewhere = publish(b"\x00\x03b/b\x00", payload);
        new.send(&[&elsewhere[..], &in_5].concat()).await;
        new.expect(&[&in_5]).await;
        old.expect(&[&in_3]).await;
    }
}

#[tokio::test]
async fn a_copy_above_the_maximum_packet_size_is_dropped() {
    let address = start_server().await;
    let mut client = Raw::connect(address).await;
    let at_most_20 = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x05\x27\x00\x00\x00\x14\x00\x01p";
    client.send(&[at_most_20, SUBSCRIBE_5].concat()).await;
    client.expect(&[CONNACK_5, SUBACK_5]).await;
    let fits = publish(b"\x00\x03a/b\x00", &[7; 12]);
    assert_eq!(fits.len(), 20);
    let too_long = publish(b"\x00\x03a/b\x00", &[7; 13]);
    client.send(&[&too_long[..], &fits].concat()).await;
    client.expect(&[&fits]).await;
}

#[tokio::test]
async fn a_client_that_closes_gets_a_close() {
    let address = start_server().await;
    for sent in [&b""[..], CONNECT_5, b"\x10\x0e\x00"] {
        let mut client = Raw::connect(address).await;
        client.send(sent).await;
        client.0.close(None).await.unwrap();
        client.receive_to_end().await;
    }
}

#[tokio::test]
async fn a_ping_of_websocket_is_answered() {
    let mut client = Raw::connect(start_server().await).await;
    client
        .0
        .send(Message::Ping(Bytes::from_static(b"1")))
        .await
        .unwrap();
    let pong = timeout(PATIENCE, client.0.next()).await.unwrap();
    assert_eq!(
        pong.unwrap().unwrap(),
        Message::Pong(Bytes::from_static(b"1"))
    );
}

#[tokio::test]
async fn the_client_gets_its_message_back() {
    let address = start_server().await.to_string();
    let received = client::send_and_receive(&address, "a/b", "hello");
    let received = timeout(PATIENCE, received).await.unwrap().unwrap();
    assert_eq!(received, b"hello");
}

#[tokio::test]
async fn the_client_answers_a_bad_packet() {
    let (address, listener) = listen().await;
    let server = tokio::spawn(async move {
        let mut packets = Raw(accept(listener.accept().await.unwrap().0).await);
        packets.0.next().await.unwrap().unwrap(); // CONNECT
        packets.send(b"\x36\x00").await; // QoS 3
        packets.receive_to_end().await.0
    });
    let address = address.to_string();
    let received = client::send_and_receive(&address, "a/b", "hello");
    let error = timeout(PATIENCE, received).await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Decode(_)), "{error}");
    assert_eq!(server.await.unwrap(), b"\xe0\x01\x81");
}

// ---- helpers -------------------------------------------------------------------------------

async fn listen() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

async fn start_server() -> SocketAddr {
    let (address, listener) = listen().await;
    tokio::spawn(server::serve(listener));
    address
}

/// A PUBLISH of QoS 0 with these bytes between the fixed header and the payload.
fn publish(fields: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut length = fields.len() + payload.len();
    let mut packet = vec![0x30];
    while length > 127 {
        packet.push(0x80 | (length % 128) as u8);
        length /= 128;
    }
    packet.push(length as u8);
    [&packet[..], fields, payload].concat()
}

/// Opens a WebSocket connection. Returns it with the subprotocol that the server selected.
async fn open(
    address: SocketAddr,
    offer: Option<&str>,
) -> Result<(WebSocketStream<TcpStream>, String), Error> {
    let mut request = format!("ws://{address}/mqtt").into_client_request()?;
    if let Some(offer) = offer {
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", offer.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await?;
    let opened = tokio_tungstenite::client_async(request, stream);
    let (socket, response) = timeout(PATIENCE, opened).await.unwrap()?;
    let selected = response.headers()["Sec-WebSocket-Protocol"].to_str();
    Ok((socket, selected.unwrap().to_owned()))
}

/// The server's end of a connection.
async fn accept(stream: TcpStream) -> WebSocketStream<TcpStream> {
    #[allow(clippy::result_large_err)] // the types of tungstenite's callback
    let select = |_: &Request, mut response: Response| {
        let headers = response.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async(stream, select)
        .await
        .unwrap()
}

/// A peer that sends and receives bytes.
struct Raw(WebSocketStream<TcpStream>);

impl Raw {
    async fn connect(address: SocketAddr) -> Self {
        Self(open(address, Some("mqtt")).await.unwrap().0)
    }

    async fn send(&mut self, bytes: &[u8]) {
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        // the server may have closed the connection
        let _ = self.0.send(message).await;
    }

    /// Receives these packets, each in a message.
    async fn expect(&mut self, packets: &[&[u8]]) {
        for packet in packets {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap();
            let message = message.expect("closed").unwrap();
            assert_eq!(message.into_data(), packet);
        }
    }

    /// The bytes received until the server closes the connection, and the code of its Close.
    async fn receive_to_end(mut self) -> (Vec<u8>, CloseCode) {
        let (mut bytes, mut code) = (Vec::new(), None);
        while let Some(message) = timeout(PATIENCE, self.0.next()).await.unwrap() {
            match message.unwrap() {
                Message::Binary(received) => bytes.extend_from_slice(&received),
                Message::Close(close) => {
                    code = Some(close.map_or(CloseCode::Status, |close| close.code));
                }
                other => panic!("{other:?}"),
            }
        }
        (bytes, code.expect("no Close"))
    }
}
