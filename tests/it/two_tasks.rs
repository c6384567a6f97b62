//! `examples/two_tasks.rs` runs: clients of two versions, a bad packet and a bad CONNECT.

#[allow(dead_code)] // its `main`
#[path = "../../examples/two_tasks.rs"]
mod example;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{
    Codec, Connect, Disconnect, Limits, Packet, PacketBuf, Properties, Property, Publish,
    ReasonCode, TopicName, Utf8Str, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::codec::Framed;

async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(example::serve(listener));
    address
}

type Client = Framed<TcpStream, Codec>;

async fn connect(address: SocketAddr, version: Version) -> Client {
    let socket = TcpStream::connect(address).await.unwrap();
    let mut client = Framed::new(socket, Codec::client(version, Limits::default()));
    let connect = Connect::new(version, Utf8Str::new("").unwrap());
    client.send(connect.into()).await.unwrap();
    let connack = next(&mut client).await;
    let Packet::ConnAck(connack) = connack.packet() else {
        panic!("{connack:?}");
    };
    assert_eq!(connack.reason_code, ReasonCode::Success);
    let assigned = connack.assigned_client_identifier();
    assert_eq!(assigned.is_some(), version == Version::V5);
    client
}

async fn next(client: &mut Client) -> PacketBuf {
    let packet = timeout(Duration::from_secs(10), client.next()).await;
    packet.expect("nothing came").expect("closed").unwrap()
}

#[tokio::test]
async fn every_client_gets_every_message() {
    let address = server().await;
    let mut clients = Vec::new();
    for version in [Version::V3_1_1, Version::V5, Version::V3_1_1, Version::V5] {
        clients.push(connect(address, version).await);
    }
    let message = Publish::new(TopicName::new("a/b").unwrap(), b"hello");
    for sender in 0..clients.len() {
        let retained = Publish {
            retain: true,
            ..message
        };
        clients[sender].send(retained.into()).await.unwrap();
        for client in &mut clients {
            assert_eq!(next(client).await.packet(), message.into());
        }
    }
    for client in &mut clients {
        client.send(Packet::PingReq.into()).await.unwrap();
        assert_eq!(next(client).await.packet(), Packet::PingResp);
    }
}

#[tokio::test]
async fn a_topic_alias_ends_the_connection_and_reaches_nobody() {
    let address = server().await;
    let mut sender = connect(address, Version::V5).await;
    let mut other = connect(address, Version::V5).await;
    let alias = [Property::TopicAlias(NonZeroU16::MIN)];
    let mut message = Publish::new(TopicName::new("a/b").unwrap(), b"hello");
    message.properties = Properties::new(&alias);
    sender.send(message.into()).await.unwrap();
    let end = timeout(Duration::from_secs(10), sender.next())
        .await
        .unwrap();
    assert!(end.is_none(), "{end:?}");
    other.send(Packet::PingReq.into()).await.unwrap();
    assert_eq!(next(&mut other).await.packet(), Packet::PingResp);
}

#[tokio::test]
async fn a_bad_packet_is_answered_before_the_connection_is_closed() {
    let address = server().await;
    let mut client = connect(address, Version::V5).await;
    // QoS 3, and bytes that the server does not read any more
    client
        .get_mut()
        .write_all(&[&b"\x36\x00"[..], &[0; 100_000]].concat())
        .await
        .unwrap();
    let disconnect = Disconnect::new(ReasonCode::MalformedPacket);
    assert_eq!(next(&mut client).await.packet(), disconnect.into());
    let end = timeout(Duration::from_secs(10), client.next())
        .await
        .unwrap();
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn a_bad_connect_is_answered() {
    let mut socket = TcpStream::connect(server().await).await.unwrap();
    let bad = b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00"; // Will QoS without a Will
    socket.write_all(bad).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"\x20\x03\x00\x81\x00");
}
