//! A small MQTT client that publishes, subscribes, and leaves a Will.
//!
//! ```sh
//! # a device that shows whether it is online: run it, watch a/status, then kill -9 it
//! cargo run --example client --features tokio -- 127.0.0.1:1883 --id a --retain --qos 1 \
//!     --will a/status offline --pub a/status online --sub a/command
//! ```
//!
//! `--version` is 3.1, 3.1.1 or 5.0. `--qos` and `--retain` apply to the Will too. The client prints
//! the topic and payload of each message. Ctrl-C disconnects, so the Will is not published.

use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{
    Ack, BinaryData, Codec, Connect, Delivery, Disconnect, Limits, Packet, PacketId, Publish, QoS,
    ReasonCode, Subscribe, Subscription, Subscriptions, TopicFilter, TopicName, TransportError,
    Utf8Str, Version, Will,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval_at};
use tokio_util::codec::Framed;

const KEEP_ALIVE: u16 = 30;

struct Options {
    address: String,
    client_id: String,
    version: Version,
    qos: QoS,
    retain: bool,
    /// Topic and message.
    will: Option<(String, String)>,
    publish: Vec<(String, String)>,
    subscribe: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let socket = TcpStream::connect(&options.address).await?;
    let mut client = Client {
        packets: Framed::new(socket, Codec::client(options.version, Limits::default())),
        last_packet_id: PacketId::MIN,
        unanswered: HashSet::new(),
        unreleased: HashSet::new(),
    };
    let result = client.run(&options).await;
    if let Err(error) = &result {
        client.answer(error.as_ref()).await;
    }
    result
}

struct Client {
    packets: Framed<TcpStream, Codec>,
    last_packet_id: PacketId,
    /// Packets whose last answer has not arrived yet.
    unanswered: HashSet<PacketId>,
    /// QoS 2 messages whose PUBREL has not arrived yet.
    unreleased: HashSet<PacketId>,
}

impl Client {
    async fn run(&mut self, options: &Options) -> Result<(), Box<dyn Error>> {
        self.connect(options).await?;
        self.publish_and_subscribe(options).await?;
        self.listen(!options.subscribe.is_empty()).await?;
        self.disconnect().await
    }

    /// Answers a bad packet, in 5.0 with a DISCONNECT.
    async fn answer(&mut self, error: &(dyn Error + 'static)) {
        if let Some(error) = error.downcast_ref::<TransportError<io::Error>>() {
            let _ = self.packets.send(error.answer(true).into()).await;
        }
    }

    async fn connect(&mut self, options: &Options) -> Result<(), Box<dyn Error>> {
        let will = match &options.will {
            None => None,
            Some((topic, message)) => Some(Will {
                qos: options.qos,
                retain: options.retain,
                ..Will::new(TopicName::new(topic)?, BinaryData::new(message.as_bytes())?)
            }),
        };
        let connect = Connect {
            keep_alive: KEEP_ALIVE,
            will,
            ..Connect::new(options.version, Utf8Str::new(&options.client_id)?)
        };
        self.packets.send(connect.into()).await?;
        let packet = self.packets.next().await;
        match packet.ok_or("closed without a CONNACK")??.packet() {
            Packet::ConnAck(connack) if connack.reason_code == ReasonCode::Success => {
                eprintln!("connected");
                Ok(())
            }
            Packet::ConnAck(connack) => Err(format!("refused: {}", connack.reason_code).into()),
            packet => Err(format!("{} instead of CONNACK", packet.packet_type()).into()),
        }
    }

    async fn publish_and_subscribe(&mut self, options: &Options) -> Result<(), Box<dyn Error>> {
        for (topic, message) in &options.publish {
            let publish = Publish {
                delivery: match options.qos {
                    QoS::AtMostOnce => Delivery::AtMostOnce,
                    qos => Delivery::new(qos, self.next_packet_id()),
                },
                retain: options.retain,
                ..Publish::new(TopicName::new(topic)?, message.as_bytes())
            };
            self.packets.send(publish.into()).await?;
        }
        for filter in &options.subscribe {
            let subscription = [Subscription::new(TopicFilter::new(filter)?, options.qos)];
            let subscriptions = Subscriptions::new(&subscription);
            let subscribe = Subscribe::new(self.next_packet_id(), subscriptions);
            self.packets.send(subscribe.into()).await?;
        }
        Ok(())
    }

    fn next_packet_id(&mut self) -> PacketId {
        self.last_packet_id = self.last_packet_id.next();
        self.unanswered.insert(self.last_packet_id);
        self.last_packet_id
    }

    /// Handles incoming packets, for ever or until everything sent is answered.
    async fn listen(&mut self, for_ever: bool) -> Result<(), Box<dyn Error>> {
        let period = Duration::from_secs(KEEP_ALIVE.into());
        let mut ping = interval_at(Instant::now() + period, period);
        let mut pinged = false;
        let mut ctrl_c = pin!(tokio::signal::ctrl_c());
        while for_ever || !self.unanswered.is_empty() {
            tokio::select! {
                packet = self.packets.next() => {
                    match packet.ok_or("the server closed the connection")??.packet() {
                        Packet::PingResp => pinged = false,
                        packet => self.handle(packet).await?,
                    }
                }
                _ = ping.tick() => {
                    if pinged {
                        return Err("no PINGRESP received".into());
                    }
                    pinged = true;
                    self.packets.send(Packet::PingReq.into()).await?;
                }
                _ = &mut ctrl_c => break,
            }
        }
        Ok(())
    }

    async fn handle(&mut self, packet: Packet<'_>) -> Result<(), Box<dyn Error>> {
        match packet {
            Packet::Publish(publish) => {
                let is_new = match publish.delivery {
                    Delivery::ExactlyOnce { packet_id, .. } => self.unreleased.insert(packet_id),
                    _ => true,
                };
                if is_new {
                    show(publish);
                }
                if let Some(answer) = publish.delivery.answer() {
                    self.packets.send(answer.into()).await?;
                }
            }
            Packet::PubRel(ack) => {
                self.unreleased.remove(&ack.packet_id);
                let answer = Packet::PubComp(Ack::new(ack.packet_id));
                self.packets.send(answer.into()).await?;
            }
            Packet::PubRec(ack) if !ack.reason_code.is_failure() => {
                let answer = Packet::PubRel(Ack::new(ack.packet_id));
                self.packets.send(answer.into()).await?;
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                self.unanswered.remove(&ack.packet_id);
                if ack.reason_code.is_failure() {
                    return Err(format!("not published: {}", ack.reason_code).into());
                }
            }
            Packet::SubAck(suback) => {
                self.unanswered.remove(&suback.packet_id);
                if let Some(code) = suback.reason_codes.iter().find(|code| code.is_failure()) {
                    return Err(format!("not subscribed: {code}").into());
                }
                eprintln!("subscribed");
            }
            Packet::Disconnect(disconnect) => {
                return Err(format!("the server disconnected: {}", disconnect.reason_code).into());
            }
            packet => return Err(format!("unexpected {}", packet.packet_type()).into()),
        }
        Ok(())
    }

    async fn disconnect(&mut self) -> Result<(), Box<dyn Error>> {
        let disconnect = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
        self.packets.send(disconnect.into()).await?;
        Ok(self.packets.close().await?)
    }
}

fn show(publish: Publish<'_>) {
    // this client allows no Topic Alias, so there is a name
    let topic = publish.topic_name.map_or("", |topic| topic.as_str());
    println!("{topic} {}", String::from_utf8_lossy(publish.payload));
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            address: args.next().ok_or("the first argument is HOST:PORT")?,
            client_id: format!("client-{}", std::process::id()),
            version: Version::V5,
            qos: QoS::AtMostOnce,
            retain: false,
            will: None,
            publish: Vec::new(),
            subscribe: Vec::new(),
        };
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or(format!("{option}: a value is missing"));
            match option.as_str() {
                "--id" => options.client_id = value()?,
                "--version" => {
                    let name = value()?;
                    let version = Version::ALL.into_iter().find(|it| it.to_string() == name);
                    options.version = version.ok_or("the version is 3.1, 3.1.1 or 5.0")?;
                }
                "--qos" => options.qos = value()?.parse::<u8>()?.try_into()?,
                "--retain" => options.retain = true,
                "--will" => options.will = Some((value()?, value()?)),
                "--pub" => options.publish.push((value()?, value()?)),
                "--sub" => options.subscribe.push(value()?),
                _ => return Err(format!("{option}: unknown option").into()),
            }
        }
        Ok(options)
    }
}
