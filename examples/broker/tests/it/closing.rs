//! The last packet of a connection arrives.

use futures_util::StreamExt;
use mqtt_wire::{
    Connect, Delivery, Dialect, Packet, PacketType, Publish, QoS, ReasonCode, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE, V5, broker, connect, id, message};

#[tokio::test]
async fn disconnect_arrives_although_the_client_goes_on_sending() {
    let address = broker().await;
    let mut client = Client::connect(address, connect(V5, "client")).await;
    let mut bytes = Vec::new();
    for number in 1..=300 {
        let (packet_id, dup) = (id(number), false);
        let publish = Publish {
            delivery: Delivery::ExactlyOnce { packet_id, dup },
            ..message("a", "x", QoS::ExactlyOnce)
        };
        let publish = Packet::Publish(publish);
        publish
            .encode(Dialect::from_client(V5), &mut bytes)
            .unwrap();
    }
    let (mut reader, mut writer) = tokio::io::split(client.packets.get_mut());
    writer.write_all(&bytes).await.unwrap();
    let mut answers = Vec::new();
    let read = timeout(PATIENCE, reader.read_to_end(&mut answers)).await;
    read.expect("still open").expect("the connection was reset");
    let (pubrecs, disconnect) = answers.split_at(answers.len() - 3);
    // PUBREC with "No matching subscribers"
    assert_eq!(pubrecs.len(), 100 * 5);
    assert_eq!(disconnect, [0xe0, 1, 0x93]);
}

#[tokio::test]
async fn the_answer_to_a_bad_packet_arrives_although_more_bytes_follow() {
    let address = broker().await;
    let mut bad = vec![0x36, 0]; // PUBLISH with QoS 3
    bad.resize(1 << 20, 0);
    for version in Version::ALL {
        let mut client = Client::connect(address, connect(version, "client")).await;
        client.packets.get_mut().write_all(&bad).await.unwrap();
        client.expect_end(ReasonCode::MalformedPacket).await;
    }
    // and in place of a CONNECT
    let mut client = Client::dial(address, V5).await;
    let mut bad = b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01p".to_vec();
    bad.resize(1 << 20, 0);
    client.packets.get_mut().write_all(&bad).await.unwrap();
    let frame = timeout(PATIENCE, client.packets.next()).await.unwrap();
    assert_eq!(frame.unwrap().unwrap().packet_type(), PacketType::ConnAck);
    client.expect_close().await;
}

/// The system would reset the connection at the first byte that comes after its end.
#[tokio::test]
async fn a_connection_that_has_ended_still_takes_bytes_but_not_for_ever() {
    let address = broker().await;
    for version in Version::ALL {
        let mut client = Client::connect(address, connect(version, "client")).await;
        let socket = client.packets.get_mut();
        socket.write_all(b"\x36\x00").await.unwrap(); // PUBLISH with QoS 3
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        read.expect("still open").expect("the connection was reset");
        for _ in 0..16 {
            socket.write_all(&[0; 64 << 10]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let endless = async { while socket.write_all(&[0; 64 << 10]).await.is_ok() {} };
        timeout(PATIENCE, endless).await.expect("still open");
    }
}

/// The guide sends the same bytes.
#[tokio::test]
async fn an_unknown_version_gets_the_answer_of_the_library() {
    let address = broker().await;
    for level in [0, 2, 6, 0x7f, 0x83, 0x84, 0x85, 0xff] {
        let mut connect = *b"\x10\x0d\x00\x04MQTT\x00\x02\x00\x3c\x00\x01p";
        connect[8] = level;
        let expected = Connect::decode(&connect).unwrap_err().answer(false);
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&connect).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        read.expect("still open").expect("the connection was reset");
        assert_eq!(answer, *expected, "level {level}");
        assert!(!answer.is_empty());
    }
}
