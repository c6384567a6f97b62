//! A client of tests, which watches its own connection with a `Monitor`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::monitor::Monitor;
use mqtt_wire::{
    Ack, BinaryData, Codec, Connect, Delivery, Dialect, Disconnect, Limits, List, Packet,
    PacketBuf, PacketId, Publish, QoS, ReasonCode, Sender, SubAck, Subscribe, Subscription,
    TopicFilter, TopicName, Utf8Str, Version, Will,
};
use mqtt_wire_broker::transport::{Stream, Transport};
use mqtt_wire_broker::{Broker, Settings, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::codec::Framed;

pub const V5: Version = Version::V5;
pub const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
/// How long to wait for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A broker of its own.
pub async fn broker() -> SocketAddr {
    broker_with(Settings::default(), Transport::default()).await
}

pub async fn broker_with(settings: Settings, transport: Transport) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let broker = Arc::new(Broker::new(settings));
    tokio::spawn(serve(listener, transport, broker));
    address
}

/// A client that sends what the test tells it to send.
pub struct Client {
    pub packets: Framed<Box<dyn Stream>, Codec>,
    incoming: Dialect,
    monitor: Monitor<'static>,
    started: Instant,
    /// Whether the client may break rules. The broker may not.
    pub unruly: bool,
}

impl Client {
    pub async fn dial(address: SocketAddr, version: Version) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self::over(socket, version)
    }

    /// A client over a stream that is open already.
    pub fn over(stream: impl Stream + 'static, version: Version) -> Self {
        let limits = Limits::default().with_packet(4 << 20);
        let stream: Box<dyn Stream> = Box::new(stream);
        Self {
            packets: Framed::new(stream, Codec::client(version, limits)),
            incoming: Dialect::from_server(version),
            monitor: Monitor::new(),
            started: Instant::now(),
            unruly: false,
        }
    }

    /// Connects, and expects to be accepted. The second value is Session Present.
    pub async fn resume(address: SocketAddr, connect: Connect<'_>) -> (Self, bool) {
        let mut client = Self::dial(address, connect.version).await;
        client.send(connect).await;
        let frame = client.next().await;
        let Packet::ConnAck(connack) = client.decode(&frame) else {
            panic!("{frame:?} is no CONNACK")
        };
        assert_eq!(connack.reason_code, ReasonCode::Success);
        let session_present = connack.session_present;
        (client, session_present)
    }

    pub async fn connect(address: SocketAddr, connect: Connect<'_>) -> Self {
        Self::resume(address, connect).await.0
    }

    pub async fn subscribed(address: SocketAddr, version: Version, id: &str, filter: &str) -> Self {
        let mut client = Self::connect(address, connect(version, id)).await;
        client
            .subscribe(&[subscription(filter, QoS::ExactlyOnce)])
            .await;
        client
    }

    pub fn decode<'a>(&self, frame: &'a PacketBuf) -> Packet<'a> {
        assert_eq!(frame.dialect(), self.incoming);
        frame.packet()
    }

    fn observe(&mut self, dialect: Dialect, packet: Packet<'_>, len: usize) {
        let (time, unruly) = (self.started.elapsed(), self.unruly);
        self.monitor
            .observe_at(time, dialect, &packet, len, |breach| {
                let excused = unruly && breach.sender() == Sender::Client;
                assert!(excused, "{breach}");
            });
    }

    pub async fn send<'a>(&mut self, packet: impl Into<Packet<'a>>) {
        let packet = packet.into();
        let dialect = self.incoming.reply();
        self.observe(dialect, packet, packet.encoded_len(dialect).unwrap());
        self.packets.send(packet.into()).await.unwrap();
    }

    pub async fn next(&mut self) -> PacketBuf {
        let frame = timeout(PATIENCE, self.packets.next())
            .await
            .expect("nothing came");
        let frame = frame.expect("the connection was closed").unwrap();
        self.observe(self.incoming, self.decode(&frame), frame.bytes().len());
        frame
    }

    pub async fn expect<'a>(&mut self, packet: impl Into<Packet<'a>>) {
        let frame = self.next().await;
        assert_eq!(self.decode(&frame), packet.into());
    }

    /// Expects a message and acknowledges it.
    pub async fn take(&mut self, expected: Publish<'_>) {
        let frame = self.next().await;
        let Packet::Publish(publish) = self.decode(&frame) else {
            panic!("{frame:?} is no PUBLISH")
        };
        assert_eq!(
            Publish {
                delivery: expected.delivery,
                ..publish
            },
            expected
        );
        assert_eq!(publish.delivery.qos(), expected.delivery.qos());
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.send(Packet::PubAck(Ack::new(packet_id))).await;
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                self.send(Packet::PubRec(Ack::new(packet_id))).await;
                self.expect(Packet::PubRel(Ack::new(packet_id))).await;
                self.send(Packet::PubComp(Ack::new(packet_id))).await;
            }
        }
    }

    /// Publishes and waits for the answers.
    pub async fn publish(&mut self, publish: Publish<'_>) {
        self.send(publish).await;
        match publish.delivery {
            Delivery::AtMostOnce => self.nothing_else().await,
            Delivery::AtLeastOnce { packet_id, .. } => {
                let answer = self.next().await;
                assert!(matches!(self.decode(&answer), Packet::PubAck(ack)
                    if ack.packet_id == packet_id && !ack.reason_code.is_failure()));
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                let answer = self.next().await;
                assert!(matches!(self.decode(&answer), Packet::PubRec(ack)
                    if ack.packet_id == packet_id && !ack.reason_code.is_failure()));
                self.send(Packet::PubRel(Ack::new(packet_id))).await;
                self.expect(Packet::PubComp(Ack::new(packet_id))).await;
            }
        }
    }

    pub async fn subscribe(&mut self, subscriptions: &[Subscription<'_>]) {
        self.send(Subscribe::new(id(9), List::new(subscriptions)))
            .await;
        let codes = subscriptions.iter().map(|it| granted(it.options.qos));
        let codes = codes.collect::<Vec<_>>();
        self.expect(Packet::SubAck(SubAck::new(id(9), List::new(&codes))))
            .await;
    }

    /// Nothing came before the answer to a PINGREQ.
    pub async fn nothing_else(&mut self) {
        self.send(Packet::PingReq).await;
        self.expect(Packet::PingResp).await;
    }

    pub async fn expect_end(&mut self, code: ReasonCode) {
        if self.incoming.version() == V5 {
            self.expect(Disconnect::new(code)).await;
        }
        self.expect_close().await;
    }

    pub async fn expect_close(&mut self) {
        let end = timeout(PATIENCE, self.packets.next())
            .await
            .expect("still open");
        assert!(end.is_none(), "{end:?}");
    }

    pub async fn disconnect(mut self) {
        self.send(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION))
            .await;
        self.expect_close().await;
    }
}

pub fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

pub fn connect(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        keep_alive: 60,
        ..Connect::new(version, Utf8Str::new(client_id).unwrap())
    }
}

pub fn will<'a>(topic: &'a str, payload: &'a str) -> Will<'a> {
    let payload = BinaryData::new(payload.as_bytes()).unwrap();
    Will {
        qos: QoS::AtLeastOnce,
        ..Will::new(TopicName::new(topic).unwrap(), payload)
    }
}

pub fn message<'a>(topic: &'a str, payload: &'a str, qos: QoS) -> Publish<'a> {
    let (packet_id, dup) = (id(7), false);
    Publish {
        delivery: match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
        },
        ..Publish::new(TopicName::new(topic).unwrap(), payload.as_bytes())
    }
}

pub fn retained<'a>(topic: &'a str, payload: &'a str, qos: QoS) -> Publish<'a> {
    Publish {
        retain: true,
        ..message(topic, payload, qos)
    }
}

pub fn subscription(filter: &str, qos: QoS) -> Subscription<'_> {
    Subscription::new(TopicFilter::new(filter).unwrap(), qos)
}

pub fn granted(qos: QoS) -> ReasonCode {
    [
        ReasonCode::GRANTED_QOS_0,
        ReasonCode::GrantedQos1,
        ReasonCode::GrantedQos2,
    ][qos as usize]
}
