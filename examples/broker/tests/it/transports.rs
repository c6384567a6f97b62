//! WebSocket and TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{QoS, Version};
use mqtt_wire_broker::Settings;
use mqtt_wire_broker::transport::{Stream, Transport, tls};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{Client, PATIENCE, V5, broker_with, connect, message, subscription};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01w";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";
const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x09\x00\x01a\x00";
const SUBACK: &[u8] = b"\x90\x03\x00\x09\x00";
const PUBLISH: &[u8] = b"\x30\x05\x00\x01a..";
const PING: &[u8] = b"\xc0\x00";
const PONG: &[u8] = b"\xd0\x00";

async fn websocket_broker(tls: Option<tokio_rustls::TlsAcceptor>) -> SocketAddr {
    let transport = Transport::new(tls, true);
    broker_with(Settings::default(), transport).await
}

/// Opens a WebSocket that offers these subprotocols.
async fn open<S: Stream>(
    stream: S,
    offers: Option<&str>,
) -> Result<(WebSocketStream<S>, String), Error> {
    let mut request = "ws://localhost/mqtt".into_client_request()?;
    if let Some(offers) = offers {
        let offers = offers.parse().unwrap();
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offers);
    }
    let (websocket, response) = client_async(request, stream).await?;
    let chosen = &response.headers()[SEC_WEBSOCKET_PROTOCOL];
    Ok((websocket, chosen.to_str().unwrap().to_owned()))
}

async fn dial(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let socket = TcpStream::connect(address).await.unwrap();
    open(socket, Some("mqtt")).await.unwrap().0
}

/// The bytes of the next messages, until they are as many as those expected.
async fn expect<S: Stream>(websocket: &mut WebSocketStream<S>, expected: &[&[u8]]) {
    let expected = expected.concat();
    let mut received = Vec::new();
    while received.len() < expected.len() {
        let message = timeout(PATIENCE, websocket.next()).await.unwrap();
        match message.expect("closed").unwrap() {
            Message::Binary(bytes) => received.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, expected);
}

async fn expect_close<S: Stream>(mut websocket: WebSocketStream<S>) {
    let end = timeout(PATIENCE, websocket.next()).await.unwrap();
    assert!(matches!(end, None | Some(Ok(Message::Close(_)))), "{end:?}");
    // answers the Close
    while let Some(Ok(_)) = timeout(PATIENCE, websocket.next()).await.unwrap() {}
}

#[tokio::test]
async fn packets_and_websocket_messages_have_independent_borders() {
    let address = websocket_broker(None).await;
    let conversation = [CONNECT, SUBSCRIBE, PUBLISH, PING].concat();
    let answers = [CONNACK, SUBACK, PUBLISH, PONG];
    for split in 0..=conversation.len() {
        let mut websocket = dial(address).await;
        let (one, two) = conversation.split_at(split);
        for part in [one, two] {
            websocket
                .send(Message::binary(part.to_vec()))
                .await
                .unwrap();
        }
        expect(&mut websocket, &answers).await;
    }
    let mut websocket = dial(address).await;
    for byte in conversation {
        websocket.send(Message::binary(vec![byte])).await.unwrap();
    }
    expect(&mut websocket, &answers).await;
}

#[tokio::test]
async fn a_large_message_passes_through_websocket() {
    let address = websocket_broker(None).await;
    let mut websocket = dial(address).await;
    let mut publish = b"\x30\x83\x80\x40\x00\x01a".to_vec();
    publish.resize(publish.len() + (1 << 20), b'x');
    let sent = [CONNECT, SUBSCRIBE].concat();
    websocket.send(Message::binary(sent)).await.unwrap();
    expect(&mut websocket, &[CONNACK, SUBACK]).await;
    websocket
        .send(Message::binary(publish.clone()))
        .await
        .unwrap();
    expect(&mut websocket, &[&publish]).await;
}

#[tokio::test]
async fn a_ping_of_websocket_is_answered() {
    let address = websocket_broker(None).await;
    let mut websocket = dial(address).await;
    websocket.send(Message::binary(CONNECT)).await.unwrap();
    expect(&mut websocket, &[CONNACK]).await;
    websocket.send(Message::Ping("alive".into())).await.unwrap();
    let pong = timeout(PATIENCE, websocket.next()).await.unwrap().unwrap();
    assert_eq!(pong.unwrap(), Message::Pong("alive".into()));
}

#[tokio::test]
async fn text_ends_the_connection() {
    let address = websocket_broker(None).await;
    let mut websocket = dial(address).await;
    websocket.send(Message::binary(CONNECT)).await.unwrap();
    expect(&mut websocket, &[CONNACK]).await;
    websocket.send(Message::text("\u{30}")).await.unwrap();
    expect_close(websocket).await;
}

#[tokio::test]
async fn a_bad_packet_is_answered_before_the_websocket_closes() {
    let address = websocket_broker(None).await;
    let mut websocket = dial(address).await;
    let connect = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01w";
    websocket.send(Message::binary(&connect[..])).await.unwrap();
    let connack = timeout(PATIENCE, websocket.next()).await.unwrap().unwrap();
    assert!(connack.unwrap().into_data().starts_with(b"\x20"));
    websocket
        .send(Message::binary(&b"\x36\x00"[..]))
        .await
        .unwrap();
    expect(&mut websocket, &[b"\xe0\x01\x81"]).await;
    expect_close(websocket).await;
}

#[tokio::test]
async fn the_client_has_to_offer_the_subprotocol() {
    let address = websocket_broker(None).await;
    let socket = || async { TcpStream::connect(address).await.unwrap() };
    for (offers, chosen) in [
        ("mqtt", "mqtt"),
        ("xmpp, mqtt", "mqtt"),
        ("mqttv3.1", "mqttv3.1"),
    ] {
        let (_, it) = open(socket().await, Some(offers)).await.unwrap();
        assert_eq!(it, chosen);
    }
    for offers in [None, Some("xmpp"), Some("mqttx")] {
        match open(socket().await, offers).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{other:?}"),
        }
    }
}

/// A certificate for `localhost`: what the broker needs, and what its clients need.
fn certificate(test: &str) -> (tokio_rustls::TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder =
        std::env::temp_dir().join(format!("mqtt-wire-broker-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let acceptor = tls(&certificate, &key).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    (acceptor, Arc::new(config).into())
}

async fn dial_tls(address: SocketAddr, tls: &TlsConnector) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    tls.connect(name, socket).await.unwrap()
}

#[tokio::test]
async fn clients_converse_over_tls_and_over_websocket_with_tls() {
    let (acceptor, connector) = certificate("converse");
    let transport = Transport::new(Some(acceptor.clone()), false);
    let address = broker_with(Settings::default(), transport).await;
    for version in Version::ALL {
        let mut client = Client::over(dial_tls(address, &connector).await, version);
        client.send(connect(version, "client")).await;
        client.next().await;
        client
            .subscribe(&[subscription("a", QoS::ExactlyOnce)])
            .await;
        let large = "x".repeat(1 << 20);
        client.send(message("a", &large, QoS::AtMostOnce)).await;
        client.take(message("a", &large, QoS::AtMostOnce)).await;
        client.disconnect().await;
    }

    let address = websocket_broker(Some(acceptor)).await;
    let stream = dial_tls(address, &connector).await;
    let (mut websocket, _) = open(stream, Some("mqtt")).await.unwrap();
    let sent = [CONNECT, SUBSCRIBE, PUBLISH, PING].concat();
    websocket.send(Message::binary(sent)).await.unwrap();
    expect(&mut websocket, &[CONNACK, SUBACK, PUBLISH, PONG]).await;
}

#[tokio::test]
async fn a_client_without_tls_gets_nothing_from_a_broker_with_tls() {
    let (acceptor, _) = certificate("refuse");
    let transport = Transport::new(Some(acceptor), false);
    let address = broker_with(Settings::default(), transport).await;
    let mut client = Client::dial(address, V5).await;
    client.send(connect(V5, "client")).await;
    let answer = timeout(PATIENCE, client.packets.next()).await.unwrap();
    assert!(!matches!(answer, Some(Ok(_))), "{answer:?}");
}
