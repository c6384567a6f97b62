//! `examples/gateway.rs` runs: a publisher with 5.0, and subscribers with three versions.

#[allow(dead_code)] // its `main`
#[path = "../../examples/gateway.rs"]
mod example;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{
    Ack, Codec, Connect, Delivery, Disconnect, Limits, Outgoing, Packet, PacketBuf, PacketId,
    Properties, Property, Publish, QoS, ReasonCode, Subscribe, Subscription, Subscriptions,
    TopicFilter, TopicName, Utf8Str, Version,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::codec::Framed;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn subscribers_of_each_version_get_the_message() {
    let address = gateway().await;
    let mut publisher = Client::connect(address, Version::V5, &[]).await;
    let mut subscribers = Vec::new();
    for version in Version::ALL {
        let mut subscriber = Client::connect(address, version, &[]).await;
        subscriber.subscribe("a/+").await;
        subscribers.push((version, subscriber));
    }
    let text = Utf8Str::new("text").unwrap();
    let properties = [
        Property::MessageExpiryInterval(1000),
        Property::ContentType(text),
        Property::UserProperty(text, text),
    ];
    let packet_id = PacketId::new(7).unwrap();
    for payload in [&b""[..], b"hello", &[7; 500_000]] {
        let elsewhere = Publish::new(TopicName::new("b/b").unwrap(), payload);
        publisher.send(elsewhere).await;
        let publish = Publish {
            delivery: Delivery::new(QoS::AtLeastOnce, packet_id),
            retain: true,
            properties: Properties::new(&properties),
            ..Publish::new(TopicName::new("a/b").unwrap(), payload)
        };
        publisher.send(publish).await;
        publisher.expect(Packet::PubAck(Ack::new(packet_id))).await;

        for (version, subscriber) in &mut subscribers {
            let packet = subscriber.next().await;
            let Packet::Publish(copy) = packet.packet() else {
                panic!("{packet:?}");
            };
            let with_properties = *version == Version::V5;
            assert_eq!(copy.properties.is_empty(), !with_properties);
            if with_properties {
                let kept: Vec<_> = copy.properties.iter().collect();
                // the gateway may have been slow
                assert!(matches!(
                    kept[0],
                    Property::MessageExpiryInterval(900..=1000)
                ));
                assert_eq!(kept[1..], properties[1..]);
            }
            let expected = Publish {
                delivery: Delivery::AtMostOnce,
                retain: false,
                properties: copy.properties,
                ..publish
            };
            assert_eq!(copy, expected);
        }
    }
}

#[tokio::test]
async fn a_copy_above_the_maximum_packet_size_is_dropped() {
    let address = gateway().await;
    let limit = [Property::MaximumPacketSize(20.try_into().unwrap())];
    let mut client = Client::connect(address, Version::V5, &limit).await;
    client.subscribe("a").await;
    let fits = Publish::new(TopicName::new("a").unwrap(), &[7; 14]);
    let too_long = Publish {
        payload: &[7; 15],
        ..fits
    };
    client.send(too_long).await;
    client.send(fits).await;
    client.expect(fits.into()).await;
}

#[tokio::test]
async fn a_bad_packet_is_answered_before_the_connection_is_closed() {
    let address = gateway().await;
    let mut client = Client::connect(address, Version::V5, &[]).await;
    // QoS 3, and bytes that the gateway does not read any more
    let socket = client.0.get_mut();
    let bad = [&b"\x36\x00"[..], &[0; 100_000]].concat();
    socket.write_all(&bad).await.unwrap();
    client
        .expect(Disconnect::new(ReasonCode::MalformedPacket).into())
        .await;
    client.expect_end().await;

    let client = TcpStream::connect(address).await.unwrap();
    let mut client = Client(Framed::new(
        client,
        Codec::client(Version::V5, Limits::default()),
    ));
    let will_qos_without_will = b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00";
    let socket = client.0.get_mut();
    socket.write_all(will_qos_without_will).await.unwrap();
    let packet = client.next().await;
    assert_eq!(packet.as_ref(), b"\x20\x03\x00\x81\x00");
    client.expect_end().await;
}

#[tokio::test]
async fn a_topic_alias_and_qos_2_end_the_connection() {
    let address = gateway().await;
    let hello = Publish::new(TopicName::new("a").unwrap(), b"hello");
    let alias = [Property::TopicAlias(1.try_into().unwrap())];
    let without_topic = Publish {
        topic_name: None,
        properties: Properties::new(&alias),
        ..hello
    };
    let qos_2 = Publish {
        delivery: Delivery::new(QoS::ExactlyOnce, PacketId::MIN),
        ..hello
    };
    for publish in [without_topic, qos_2] {
        let mut client = Client::connect(address, Version::V5, &[]).await;
        client.send(publish).await;
        client.expect_end().await;
    }
}

async fn gateway() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(example::serve(listener));
    address
}

struct Client(Framed<TcpStream, Codec>);

impl Client {
    async fn connect(address: SocketAddr, version: Version, properties: &[Property<'_>]) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut client = Self(Framed::new(
            socket,
            Codec::client(version, Limits::default()),
        ));
        let connect = Connect {
            properties: Properties::new(properties),
            ..Connect::new(version, Utf8Str::new("id").unwrap())
        };
        client.send(connect).await;
        assert!(matches!(client.next().await.packet(), Packet::ConnAck(_)));
        client
    }

    async fn subscribe(&mut self, filter: &str) {
        let filter = TopicFilter::new(filter).unwrap();
        let subscription = [Subscription::new(filter, QoS::AtMostOnce)];
        let subscriptions = Subscriptions::new(&subscription);
        self.send(Subscribe::new(PacketId::MIN, subscriptions))
            .await;
        assert!(matches!(self.next().await.packet(), Packet::SubAck(_)));
    }

    async fn send(&mut self, packet: impl Into<Outgoing<'_>>) {
        self.0.send(packet.into()).await.unwrap();
    }

    async fn next(&mut self) -> PacketBuf {
        let packet = timeout(PATIENCE, self.0.next()).await;
        packet.expect("nothing came").expect("closed").unwrap()
    }

    async fn expect(&mut self, packet: Packet<'_>) {
        assert_eq!(self.next().await.packet(), packet);
    }

    async fn expect_end(&mut self) {
        let end = timeout(PATIENCE, self.0.next()).await.unwrap();
        assert!(end.is_none(), "{end:?}");
    }
}
