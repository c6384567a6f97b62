//! A strict client on the codec of `mqtt-wire`: the model of a good client for `mqttspec client`.
//!
//! ```sh
//! cargo build -p mqttspec --features client
//! mqttspec client --exec target/debug/mqttspec-client
//! ```
//!
//! A build with the feature `faults` takes `--fault NAME` before the other arguments, and is then
//! wrong in one way: see `mqttspec/tests/client.rs`.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::num::{NonZeroU16, NonZeroU32};
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::monitor::{Breach, Monitor};
use mqtt_wire::{
    Ack, Auth, BinaryData, Codec, ConnAck, Connect, Delivery, Dialect, Disconnect, Limits, List,
    Packet, PacketBuf, PacketId, PacketType, Properties, Property, Publish, QoS, ReasonCode,
    Sender, Statement, Subscribe, Subscription, TopicFilter, TopicName, TransportError,
    Unsubscribe, Utf8Str, Version, Will,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::Framed;

const METHOD: &str = "m";
const PAYLOAD: [u8; 500] = [b'x'; 500];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args: Vec<_> = std::env::args().skip(1).collect();
    let fault = match args.first() {
        Some(flag) if cfg!(feature = "faults") && flag == "--fault" => {
            let fault = args.drain(..2).nth(1);
            fault.unwrap_or_default()
        }
        _ => String::new(),
    };
    let [host, port, version, scenario] = &args[..] else {
        eprintln!("usage: mqttspec-client HOST PORT VERSION SCENARIO");
        return ExitCode::from(2);
    };
    let Some(version) = Version::ALL
        .into_iter()
        .find(|it| it.to_string() == *version)
    else {
        return ExitCode::from(127);
    };
    let address = format!("{host}:{port}");
    let mut client = match Client::connect(address, version, scenario, Fault(fault)).await {
        Ok(client) => client,
        Err(end) => return end.status(),
    };
    match client.play().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(end) => end.status(),
    }
}

/// The reason why a scenario does not reach its end.
#[derive(Debug)]
enum End {
    /// The broker closed the connection.
    Lost,
    /// The broker broke a rule, or refused something.
    Failed(String),
    /// There is no such scenario.
    Unknown,
}

impl End {
    fn status(self) -> ExitCode {
        match self {
            Self::Unknown => ExitCode::from(127),
            Self::Lost => {
                eprintln!("the broker closed the connection");
                ExitCode::from(3)
            }
            Self::Failed(reason) => {
                eprintln!("{reason}");
                ExitCode::from(3)
            }
        }
    }
}

impl<E: Error> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The name of a fault; empty for a client without one.
struct Fault(String);

impl Fault {
    fn is(&self, name: &str) -> bool {
        self.0 == name
    }

    /// Whether the client refuses packets with this property.
    fn refuses(&self, property: &Property<'_>) -> bool {
        match property {
            Property::ReasonString(_) => self.is("refuses-reason-strings"),
            Property::TopicAlias(_) => self.is("refuses-topic-alias"),
            _ => false,
        }
    }

    /// Whether the client accepts packets that break this statement.
    fn accepts(&self, statements: impl IntoIterator<Item = Statement>) -> bool {
        let Some(id) = self.0.strip_prefix("accept:") else {
            return false;
        };
        id == "all" || statements.into_iter().any(|it| it.id() == id)
    }
}

struct Client {
    address: String,
    version: Version,
    scenario: String,
    fault: Fault,
    packets: Framed<TcpStream, Codec>,
    monitor: Monitor<'static>,
    limits: ServerLimits,
    keep_alive: Option<Duration>,
    next_ping: Instant,
    last_id: u16,
    /// Messages and releases that the broker has not answered.
    open: Vec<Open>,
    /// QoS 2 messages of the broker whose PUBREL has not arrived yet.
    unreleased: BTreeSet<PacketId>,
    /// The identifiers of messages that were acknowledged.
    acknowledged: BTreeSet<PacketId>,
    /// An acknowledgement that waits for the next one.
    delayed: Option<PacketBuf>,
}

/// What the CONNACK announces.
struct ServerLimits {
    receive_maximum: usize,
    maximum_qos: QoS,
    retain_available: bool,
}

/// A message that the broker has not acknowledged.
#[derive(Clone)]
struct Open {
    packet_id: PacketId,
    publish: PacketBuf,
    /// Whether its PUBREL was sent.
    is_released: bool,
}

impl Client {
    /// Connects, and answers a challenge.
    async fn connect(
        address: String,
        version: Version,
        scenario: &str,
        fault: Fault,
    ) -> Result<Self, End> {
        const SCENARIOS: [&str; 15] = [
            "publish-qos0",
            "publish-qos1",
            "publish-qos2",
            "publish-burst",
            "subscribe",
            "unsubscribe",
            "ping",
            "will",
            "no-client-id",
            "limits",
            "authenticate",
            "reconnect-qos1",
            "reconnect-qos2",
            "reconnect-burst",
            "reconnect-subscribe",
        ];
        if !SCENARIOS.contains(&scenario) {
            return Err(End::Unknown);
        }
        let packets = dial(&address, version).await?;
        let mut client = Self {
            address,
            version,
            scenario: scenario.to_owned(),
            fault,
            packets,
            monitor: Monitor::new(),
            limits: ServerLimits {
                receive_maximum: usize::MAX,
                maximum_qos: QoS::ExactlyOnce,
                retain_available: true,
            },
            keep_alive: None,
            next_ping: Instant::now(),
            last_id: 0,
            open: Vec::new(),
            unreleased: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            delayed: None,
        };
        client.greet().await?;
        Ok(client)
    }

    async fn greet(&mut self) -> Result<(), End> {
        let is_v5 = self.version == Version::V5;
        let keeps_session = self.scenario.starts_with("reconnect");
        let mut properties = Vec::new();
        if keeps_session {
            properties.push(Property::SessionExpiryInterval(3600));
        }
        if self.scenario == "limits" {
            properties.extend(NonZeroU32::new(30).map(Property::MaximumPacketSize));
            properties.push(Property::ReceiveMaximum(NonZeroU16::MIN));
            properties.push(Property::TopicAliasMaximum(1));
            properties.push(Property::RequestProblemInformation(false));
        }
        if self.scenario == "authenticate" {
            properties.extend(Utf8Str::new(METHOD).map(Property::AuthenticationMethod));
        }
        let client_id = match &self.scenario[..] {
            "no-client-id" => "",
            _ => "mqttspec",
        };
        let keep_alive = if self.scenario == "ping" { 1 } else { 60 };
        let topic = TopicName::new("mqttspec/will")?;
        let will = Will {
            qos: QoS::AtLeastOnce,
            retain: true,
            ..Will::new(topic, BinaryData::new(b"gone")?)
        };
        let connect = Connect {
            keep_alive,
            clean_start: !keeps_session,
            properties: Properties::new(if is_v5 { &properties } else { &[] }),
            will: (self.scenario == "will").then_some(will),
            ..Connect::new(self.version, Utf8Str::new(client_id)?)
        };
        if self.fault.is("pings-before-connect") {
            self.send(Packet::PingReq).await?;
        }
        self.send(connect.into()).await?;
        loop {
            let received = self.receive().await?;
            let Some(packet) = received.as_ref().map(PacketBuf::packet) else {
                // accepted in spite of its error
                return Ok(());
            };
            match packet {
                Packet::ConnAck(connack) if connack.reason_code.is_failure() => {
                    return Err(End::Failed(format!("refused: {}", connack.reason_code)));
                }
                Packet::ConnAck(connack) => {
                    self.accept(&connack, keep_alive);
                    return self.resume(connack.session_present).await;
                }
                Packet::Auth(_) => {
                    let method = Property::AuthenticationMethod(Utf8Str::new(METHOD)?);
                    let data = Property::AuthenticationData(BinaryData::new(b"!")?);
                    let code = ReasonCode::ContinueAuthentication;
                    let properties = [method, data];
                    let auth = Auth::new(code, Properties::new(&properties));
                    self.send(auth.into()).await?;
                }
                // a fault
                _ => {}
            }
        }
    }

    fn accept(&mut self, connack: &ConnAck<'_>, keep_alive: u16) {
        let ignores = |what: &str| self.fault.is(&format!("ignores-{what}"));
        let limits = ServerLimits {
            receive_maximum: match ignores("receive-maximum") {
                true => usize::MAX,
                false => connack.receive_maximum().get().into(),
            },
            maximum_qos: match ignores("maximum-qos") {
                true => QoS::ExactlyOnce,
                false => connack.maximum_qos(),
            },
            retain_available: connack.retain_available() || ignores("retain-available"),
        };
        let seconds = connack
            .server_keep_alive()
            .filter(|_| !ignores("server-keep-alive"));
        let period = Duration::from_secs(seconds.unwrap_or(keep_alive).into());
        self.limits = limits;
        self.keep_alive = (!self.fault.is("never-pings")).then_some(period * 7 / 10);
        self.next_ping = Instant::now() + period * 7 / 10;
        // without the fault the codec respects the Maximum Packet Size
        if self.fault.is("ignores-maximum-packet-size") {
            let codec = Codec::client(self.version, Limits::default());
            *self.packets.codec_mut() = codec.with_max_outgoing(u32::MAX);
        }
    }

    /// Sends again what the broker has not answered, or forgets it.
    async fn resume(&mut self, session_present: bool) -> Result<(), End> {
        if !session_present {
            self.unreleased.clear();
        }
        if !session_present && !self.fault.is("keeps-lost-session") {
            let lost = std::mem::take(&mut self.open);
            // the messages are new ones for the new Session
            for it in lost.into_iter().filter(|it| !it.is_released) {
                self.publish_again(&it, false).await?;
                self.open.push(it);
            }
            return Ok(());
        }
        if self.fault.is("forgets-session") {
            return Ok(());
        }
        if self.fault.is("forgets-received") {
            self.unreleased.clear();
        }
        if self.fault.is("reverses-open-messages") {
            self.open.reverse();
        }
        let dup = !self.fault.is("forgets-dup");
        for it in self.open.clone() {
            match it.is_released && !self.fault.is("repeats-released") {
                true => self.send(Packet::PubRel(Ack::new(it.packet_id))).await?,
                false => self.publish_again(&it, dup).await?,
            }
        }
        Ok(())
    }

    async fn publish_again(&mut self, open: &Open, dup: bool) -> Result<(), End> {
        if let Packet::Publish(publish) = open.publish.packet() {
            let delivery = publish.delivery.with_dup(dup);
            self.send(Packet::Publish(Publish {
                delivery,
                ..publish
            }))
            .await?;
        }
        Ok(())
    }

    async fn play(&mut self) -> Result<(), End> {
        let qos = match &self.scenario[..] {
            "publish-qos0" | "will" | "no-client-id" => QoS::AtMostOnce,
            "publish-qos2" | "reconnect-qos2" => QoS::ExactlyOnce,
            _ => QoS::AtLeastOnce,
        };
        match &self.scenario.clone()[..] {
            "subscribe" | "ping" | "limits" | "authenticate" | "reconnect-subscribe" => {
                self.subscribe().await?;
                self.listen().await?;
            }
            "unsubscribe" => {
                self.subscribe().await?;
                self.unsubscribe().await?;
                self.publish(qos, false, b"1").await?;
                self.finish_publishing().await?;
            }
            "publish-burst" | "reconnect-burst" => {
                for _ in 0..5 {
                    self.publish(qos, true, &PAYLOAD).await?;
                }
                self.finish_publishing().await?;
            }
            "publish-qos0" | "will" | "no-client-id" => self.publish(qos, false, b"1").await?,
            _ => {
                for payload in [b"1", b"2"] {
                    self.publish(qos, false, payload).await?;
                    self.finish_publishing().await?;
                }
            }
        }
        self.send(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION).into())
            .await?;
        if self.fault.is("sends-after-disconnect") {
            self.send(Packet::PingReq).await?;
        }
        if self.fault.is("stays-connected") {
            self.packets.next().await;
        }
        Ok(())
    }

    async fn publish(&mut self, qos: QoS, retain: bool, payload: &[u8]) -> Result<(), End> {
        if qos > self.limits.maximum_qos {
            return self.give_up("the QoS is above the Maximum QoS").await;
        }
        if retain && !self.limits.retain_available {
            return self.give_up("the broker has no retained messages").await;
        }
        while self.open.len() >= self.limits.receive_maximum {
            self.handle_next().await?;
        }
        let topic = TopicName::new("mqttspec/out")?;
        let packet_id = match self.fault.is("reuses-packet-id") {
            true => PacketId::MIN,
            false => self.next_id(),
        };
        let alias = [Property::TopicAlias(NonZeroU16::MAX)];
        let uses_alias = self.fault.is("uses-topic-alias") && self.version == Version::V5;
        let dup = self.fault.is("repeats-new-messages");
        let publish = Packet::Publish(Publish {
            delivery: match qos {
                QoS::AtMostOnce => Delivery::AtMostOnce,
                qos => Delivery::new(qos, packet_id).with_dup(dup),
            },
            retain,
            properties: Properties::new(if uses_alias { &alias } else { &[] }),
            ..Publish::new(topic, payload)
        });
        if qos != QoS::AtMostOnce {
            self.open.push(Open {
                packet_id,
                publish: PacketBuf::encode(&publish, Dialect::from_client(self.version))?,
                is_released: false,
            });
        }
        match self.send(publish).await {
            Err(End::Failed(reason)) => self.give_up(&reason).await,
            result => result,
        }
    }

    /// Disconnects, because the broker does not allow what the scenario asks for.
    async fn give_up(&mut self, reason: &str) -> Result<(), End> {
        self.send(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION).into())
            .await?;
        Err(End::Failed(reason.to_owned()))
    }

    /// Waits until all messages are answered.
    async fn finish_publishing(&mut self) -> Result<(), End> {
        while !self.open.is_empty() {
            self.handle_next_or_reconnect().await?;
        }
        Ok(())
    }

    /// Connects again in the scenarios that say so.
    async fn handle_next_or_reconnect(&mut self) -> Result<Handled, End> {
        match self.handle_next().await {
            Err(End::Lost) if self.scenario.starts_with("reconnect") => {
                self.packets = dial(&self.address, self.version).await?;
                self.monitor = Monitor::new();
                self.greet().await?;
                Ok(Handled::default())
            }
            result => result,
        }
    }

    async fn subscribe(&mut self) -> Result<(), End> {
        let list = [Subscription::new(TopicFilter::new("#")?, QoS::ExactlyOnce)];
        let packet = Subscribe::new(self.next_id(), List::new(&list));
        self.send(packet.into()).await?;
        self.wait_for(PacketType::SubAck).await
    }

    async fn unsubscribe(&mut self) -> Result<(), End> {
        let list = [TopicFilter::new("#")?];
        let packet = Unsubscribe::new(self.next_id(), List::new(&list));
        self.send(packet.into()).await?;
        self.wait_for(PacketType::UnsubAck).await
    }

    async fn wait_for(&mut self, packet_type: PacketType) -> Result<(), End> {
        while self.handle_next().await?.packet_type != Some(packet_type) {}
        Ok(())
    }

    /// Handles messages until one with the payload `end` arrives.
    async fn listen(&mut self) -> Result<(), End> {
        while !self.handle_next_or_reconnect().await?.is_end {}
        Ok(())
    }

    /// Receives a packet, and answers it.
    async fn handle_next(&mut self) -> Result<Handled, End> {
        let Some(received) = self.receive().await? else {
            return Ok(Handled::default());
        };
        let packet = received.packet();
        let mut is_end = false;
        match packet {
            Packet::Publish(publish) => {
                is_end = publish.payload == b"end";
                self.take_message(&publish).await?;
            }
            Packet::PubRel(ack) => {
                let is_known = self.unreleased.remove(&ack.packet_id);
                if !is_known && self.fault.is("forgets-received") {
                    return Ok(Handled::default());
                }
                self.send(Packet::PubComp(Ack::new(ack.packet_id))).await?;
            }
            Packet::PubRec(_)
                if self.limits.receive_maximum == 1 && self.fault.is("delays-pubrel") => {}
            Packet::PubRec(ack)
                if !ack.reason_code.is_failure() || self.fault.is("releases-failures") =>
            {
                for it in self
                    .open
                    .iter_mut()
                    .filter(|it| it.packet_id == ack.packet_id)
                {
                    it.is_released = true;
                }
                self.send(Packet::PubRel(Ack::new(ack.packet_id))).await?;
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                self.open.retain(|it| it.packet_id != ack.packet_id);
                if ack.reason_code.is_failure() {
                    return Err(End::Failed(format!("not published: {}", ack.reason_code)));
                }
            }
            Packet::SubAck(ack) | Packet::UnsubAck(ack) => {
                if let Some(code) = ack.reason_codes.iter().find(|it| it.is_failure()) {
                    return Err(End::Failed(format!("{code}")));
                }
            }
            Packet::Disconnect(it) => {
                return Err(End::Failed(format!("disconnected: {}", it.reason_code)));
            }
            _ => {}
        }
        Ok(Handled {
            packet_type: Some(packet.packet_type()),
            is_end,
        })
    }

    async fn take_message(&mut self, publish: &Publish<'_>) -> Result<(), End> {
        let packet_id = publish.delivery.packet_id();
        let is_new = match (publish.delivery, packet_id) {
            (Delivery::ExactlyOnce { .. }, Some(id)) => self.unreleased.insert(id),
            _ => true,
        };
        if is_new || self.fault.is("delivers-twice") {
            println!("{}", String::from_utf8_lossy(publish.payload));
        }
        let is_repeated = packet_id.is_some_and(|it| !self.acknowledged.insert(it));
        if is_repeated && self.fault.is("acknowledges-once") {
            return Ok(());
        }
        let Some(answer) = publish.delivery.answer() else {
            return Ok(());
        };
        if self.fault.is("answers-out-of-order") {
            let answer = PacketBuf::encode(&answer, Dialect::from_client(self.version))?;
            // until the next message
            return match self.delayed.take() {
                Some(earlier) => {
                    self.send(answer.packet()).await?;
                    self.send(earlier.packet()).await
                }
                None if self.acknowledged.len() == 1 && publish.payload == b"message" => {
                    self.delayed = Some(answer);
                    Ok(())
                }
                None => self.send(answer.packet()).await,
            };
        }
        self.send(answer).await
    }

    fn next_id(&mut self) -> PacketId {
        self.last_id = self.last_id.wrapping_add(1).max(1);
        PacketId::new(self.last_id).unwrap_or(PacketId::MIN)
    }

    async fn send(&mut self, packet: Packet<'_>) -> Result<(), End> {
        let dialect = Dialect::from_client(self.version);
        let len = packet.encoded_len(dialect)?;
        self.packets.send(packet.into()).await?;
        self.monitor.observe(dialect, &packet, len, |_| {});
        if let Some(period) = self.keep_alive {
            self.next_ping = Instant::now() + period;
        }
        Ok(())
    }

    /// The next packet. Pings in time, and ends the connection after a packet that breaks a rule.
    /// `None` is such a packet, which a fault accepts.
    async fn receive(&mut self) -> Result<Option<PacketBuf>, End> {
        loop {
            let result = tokio::select! {
                result = self.packets.next() => result,
                () = sleep_until(self.next_ping), if self.keep_alive.is_some() => {
                    self.send(Packet::PingReq).await?;
                    continue;
                }
            };
            let received = match result {
                None | Some(Err(TransportError::Io(_))) => return Err(End::Lost),
                Some(Err(error)) => return self.refuse(error).await,
                Some(Ok(received)) => received,
            };
            let mut breaches = Vec::new();
            let dialect = Dialect::from_server(self.version);
            let (packet, len) = (received.packet(), received.bytes().len());
            self.monitor
                .observe(dialect, &packet, len, |it| breaches.push(it));
            breaches.retain(|it| it.sender() == Sender::Server);
            if let Some(breach) = breaches.first() {
                let statements = breaches.iter().flat_map(Breach::statements);
                if !self.fault.accepts(statements) {
                    return self.end(breach.reason_code(), breach.to_string()).await;
                }
            }
            if packet.properties().iter().any(|it| self.fault.refuses(&it)) {
                let code = Some(ReasonCode::ProtocolError);
                return self.end(code, "a property".into()).await;
            }
            return Ok(Some(received));
        }
    }

    async fn refuse(&mut self, error: TransportError<io::Error>) -> Result<Option<PacketBuf>, End> {
        let reason = error.to_string();
        let TransportError::Decode(error) = error else {
            return Err(End::Failed(reason));
        };
        if self.fault.accepts(error.statements()) {
            self.skip_packet().await;
            return Ok(None);
        }
        let code = match error.reply() {
            mqtt_wire::Reply::Disconnect(code) => Some(code),
            _ => None,
        };
        self.end(code, reason).await
    }

    /// Ends the connection, in 5.0 with a DISCONNECT.
    async fn end<T>(&mut self, code: Option<ReasonCode>, reason: String) -> Result<T, End> {
        let code = match &self.fault.0[..] {
            "hangs" => std::future::pending().await,
            "crashes" => panic!("{reason}"),
            "no-disconnect" => None,
            "wrong-code" => code.map(|_| ReasonCode::ImplementationSpecificError),
            _ => code,
        };
        if let Some(code) = code.filter(|_| self.version == Version::V5) {
            let _ = self.packets.send(Disconnect::new(code).into()).await;
        }
        Err(End::Failed(reason))
    }

    /// Removes the bad packet, after which the codec would stay failed.
    async fn skip_packet(&mut self) {
        self.packets.read_buffer_mut().clear();
        // a stream of tokio-util ends once behind an error
        let _ = self.packets.next().await;
        *self.packets.codec_mut() = Codec::client(self.version, Limits::default());
    }
}

/// What `handle_next` handled.
#[derive(Default)]
struct Handled {
    packet_type: Option<PacketType>,
    is_end: bool,
}

async fn dial(address: &str, version: Version) -> Result<Framed<TcpStream, Codec>, End> {
    let socket = TcpStream::connect(address).await;
    let socket = socket.map_err(|error| End::Failed(error.to_string()))?;
    Ok(Framed::new(
        socket,
        Codec::client(version, Limits::default()),
    ))
}
