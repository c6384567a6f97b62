//! A good broker for one client, on a port of its own.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::monitor::Breach;
use mqtt_wire::{
    Ack, Auth, BinaryData, ConnAck, Connect, Delivery, Dialect, List, Packet, PacketId, PacketType,
    Properties, Property, Publish, QoS, ReasonCode, SubAck, TopicName, Utf8Str, Version,
};

use super::connection::{Connection, Event, Received};
use super::program::{Ended, Program};
use super::scenario::Scenario;
use crate::connection::Passed;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the start of the program and its connection.
    pub start: Duration,
    /// For a reaction that may not come.
    pub settle: Duration,
    /// For something that has to come.
    pub answer: Duration,
}

impl Patience {
    /// Before anything was measured.
    pub const FIRST: Self = Self {
        start: Duration::from_secs(20),
        settle: Duration::from_millis(100),
        answer: Duration::from_secs(5),
    };

    /// For a program that needs these times to start and to react.
    pub fn of(start: Duration, reaction: Duration) -> Self {
        let millis = Duration::from_millis;
        Self {
            start: (start * 20).clamp(millis(5000), millis(60_000)),
            settle: (reaction * 10).clamp(millis(60), millis(2000)),
            answer: (reaction * 100).clamp(millis(1500), millis(10_000)),
        }
    }

    /// For the second attempt.
    pub fn longer(self) -> Self {
        Self {
            start: self.start * 2,
            settle: self.settle * 4,
            answer: self.answer * 4,
        }
    }
}

/// The topic and the payload with which the broker asks whether the client goes on.
const PROBE: (&str, &str) = ("mqttspec/in", "probe");

/// The payload after which the program disconnects.
const END: &str = "end";

/// The Packet Identifier of the probe.
pub const PROBE_ID: PacketId = match PacketId::new(0x7fff) {
    Some(id) => id,
    None => PacketId::MIN,
};

/// The broker, its connection and the program that it tests.
pub struct Broker {
    listener: TcpListener,
    pub program: Program,
    pub version: Version,
    pub scenario: Scenario,
    pub patience: Patience,
    connection: Option<Connection>,
    /// The last packet that was waited for.
    asked: Option<Received>,
    /// The properties of the CONNACK in 5.0, beside those that every CONNACK needs.
    pub announced: Vec<Property<'static>>,
    pub session_present: bool,
    /// The bytes and the breaches of connections that are over.
    exchange: Vec<Passed>,
    breaches: Vec<String>,
}

/// All that a broker has seen.
pub struct Record {
    pub exchange: Vec<Passed>,
    pub breaches: Vec<String>,
    pub output: String,
    /// The last line of the error output.
    pub error_line: String,
}

impl Broker {
    /// Starts the program, and waits for its connection.
    pub fn start(
        command: &str,
        version: Version,
        scenario: Scenario,
        patience: Patience,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            listener,
            program: Program::start(command, port, version, scenario)?,
            version,
            scenario,
            patience,
            connection: None,
            asked: None,
            announced: Vec::new(),
            session_present: false,
            exchange: Vec::new(),
            breaches: Vec::new(),
        })
    }

    /// Waits for a connection of the program.
    pub fn accept(&mut self) -> Result<(), Missing> {
        let until = Instant::now() + self.patience.start;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let connection = Connection::new(stream, self.version);
                    self.connection =
                        Some(connection.map_err(|it| Missing::Other(it.to_string()))?);
                    return Ok(());
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Err(Missing::Other(error.to_string()));
                }
                Err(_) => {}
            }
            if let Some(ended) = self.program.ended() {
                return Err(Missing::Ended(ended));
            }
            if Instant::now() > until {
                return Err(Missing::Other("the program does not connect".into()));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for a packet of this type. A PINGREQ before it is answered; any other packet is wrong.
    pub fn expect(&mut self, packet_type: PacketType) -> Result<Received, Missing> {
        let patience = match packet_type {
            // Keep Alive is at most 10 seconds
            PacketType::PingReq => Duration::from_secs(12),
            PacketType::Connect => self.patience.start,
            _ => self.patience.answer,
        };
        let until = Instant::now() + patience;
        loop {
            match self.next(until) {
                Event::Packet(it) if it.packet_type == packet_type => {
                    self.asked = Some(it.clone());
                    return Ok(it);
                }
                Event::Packet(it) if it.packet_type == PacketType::PingReq => {
                    if packet_type != PacketType::Connect {
                        self.send_packet(Packet::PingResp);
                    }
                }
                Event::Packet(it) => {
                    let found = it.packet_type;
                    let text = format!("the client sends {found} instead of {packet_type}");
                    return Err(Missing::Other(text));
                }
                Event::Closed => {
                    let text = format!("the client closes the connection instead of {packet_type}");
                    return Err(Missing::Closed(text));
                }
                Event::Silence => return Err(Missing::Packet(packet_type)),
            }
        }
    }

    /// The next packet of the client, or the end of the connection.
    pub fn next(&mut self, until: Instant) -> Event {
        match &mut self.connection {
            Some(connection) => connection.next(until),
            None => Event::Closed,
        }
    }

    /// When the last packet of the client came.
    pub fn last_packet(&self) -> Instant {
        let connection = self.connection.as_ref();
        connection.map_or_else(Instant::now, |it| it.last_packet)
    }

    /// The Packet Identifier of the last packet that was waited for.
    pub fn asked_id(&self) -> Option<PacketId> {
        self.asked.as_ref()?.packet_id
    }

    /// Sends bytes, and returns the rules between packets that they break.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<Breach> {
        let connection = self.connection.as_mut();
        connection.map_or_else(Vec::new, |it| it.send(bytes))
    }

    pub fn send_packet(&mut self, packet: Packet<'_>) {
        let mut bytes = Vec::new();
        if packet
            .encode(Dialect::from_server(self.version), &mut bytes)
            .is_ok()
        {
            self.send(&bytes);
        }
    }

    /// Sends the answer that the last awaited packet needs.
    pub fn answer(&mut self) {
        if let Some(asked) = self.asked.clone() {
            self.answer_to(&asked);
        }
    }

    /// Sends the answer that a packet needs.
    pub fn answer_to(&mut self, asked: &Received) {
        let dialect = Dialect::from_client(self.version);
        match Packet::decode(&asked.bytes, dialect) {
            Ok(Packet::Connect(connect)) => match connect.authentication_method() {
                Some(method) => self.challenge(method),
                None => self.accept_connect(&connect),
            },
            Ok(Packet::Auth(auth)) => {
                let method = auth.authentication_method();
                self.send_connack(method.map(Property::AuthenticationMethod).as_slice());
            }
            Ok(Packet::Publish(publish)) => {
                if let Some(answer) = publish.delivery.answer() {
                    self.send_packet(answer);
                }
            }
            Ok(Packet::PubRec(it)) => self.send_packet(Packet::PubRel(Ack::new(it.packet_id))),
            Ok(Packet::PubRel(it)) => self.send_packet(Packet::PubComp(Ack::new(it.packet_id))),
            Ok(Packet::Subscribe(it)) => {
                let granted = it.subscriptions.iter().map(|it| it.options.qos.into());
                let codes: Vec<ReasonCode> = granted.collect();
                let suback = SubAck::new(it.packet_id, List::new(&codes));
                self.send_packet(Packet::SubAck(suback));
            }
            Ok(Packet::Unsubscribe(it)) => {
                let codes: Vec<_> = match self.version {
                    Version::V5 => it
                        .topic_filters
                        .iter()
                        .map(|_| ReasonCode::Success)
                        .collect(),
                    Version::V3_1 | Version::V3_1_1 => Vec::new(),
                };
                let unsuback = SubAck::new(it.packet_id, List::new(&codes));
                self.send_packet(Packet::UnsubAck(unsuback));
            }
            Ok(Packet::PingReq) => self.send_packet(Packet::PingResp),
            _ => {}
        }
    }

    /// Accepts the CONNECT that was waited for, whatever was sent since.
    pub fn accept_last_connect(&mut self) {
        let Some(asked) = self.asked.clone() else {
            return;
        };
        if let Ok(connect) = Connect::decode(&asked.bytes) {
            self.accept_connect(&connect);
        }
    }

    /// Sends a message that asks the client whether it goes on: it has to answer with a PUBACK.
    pub fn probe(&mut self) {
        self.message(QoS::AtLeastOnce, PROBE_ID, false, PROBE.1);
    }

    /// Sends the message after which the program disconnects.
    pub fn send_end(&mut self) {
        self.message(QoS::AtMostOnce, PROBE_ID, false, END);
    }

    pub fn message(&mut self, qos: QoS, packet_id: PacketId, dup: bool, payload: &str) {
        let Ok(topic) = TopicName::new(PROBE.0) else {
            return;
        };
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            qos => Delivery::new(qos, packet_id).with_dup(dup),
        };
        self.send_packet(Packet::Publish(Publish {
            delivery,
            ..Publish::new(topic, payload.as_bytes())
        }));
    }

    /// Closes the connection without a word.
    pub fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.exchange.extend(connection.exchange);
            self.breaches.extend(connection.breaches);
        }
    }

    /// Ends the connection and the program.
    pub fn finish(mut self) -> Record {
        self.close();
        let (output, error_line) = self.program.stop();
        Record {
            exchange: self.exchange,
            breaches: self.breaches,
            output,
            error_line,
        }
    }

    fn challenge(&mut self, method: Utf8Str<'_>) {
        let mut properties = vec![Property::AuthenticationMethod(method)];
        properties.extend(BinaryData::new(b"?").map(Property::AuthenticationData));
        let code = ReasonCode::ContinueAuthentication;
        self.send_packet(Packet::Auth(Auth::new(code, Properties::new(&properties))));
    }

    fn accept_connect(&mut self, connect: &Connect<'_>) {
        let method = connect.authentication_method();
        let mut properties: Vec<_> = method
            .map(Property::AuthenticationMethod)
            .into_iter()
            .collect();
        if connect.client_id.is_empty() {
            let assigned = Utf8Str::new("assigned");
            properties.extend(assigned.map(Property::AssignedClientIdentifier));
        }
        self.send_connack(&properties);
    }

    fn send_connack(&mut self, own: &[Property<'_>]) {
        let mut properties: Vec<Property<'_>> = Vec::new();
        if self.version == Version::V5 {
            properties.extend(own);
            properties.extend(&self.announced);
        }
        self.send_packet(Packet::ConnAck(ConnAck {
            session_present: self.session_present,
            reason_code: ReasonCode::Success,
            properties: Properties::new(&properties),
        }));
    }
}

/// The reason why a packet or a connection did not come.
#[derive(Debug, Clone)]
pub enum Missing {
    /// The program ended before it connected.
    Ended(Ended),
    Closed(String),
    /// The client is silent.
    Packet(PacketType),
    Other(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(ended) => write!(f, "the program ends with {ended} and does not connect"),
            Self::Closed(text) | Self::Other(text) => f.write_str(text),
            Self::Packet(packet_type) => write!(f, "the client does not send {packet_type}"),
        }
    }
}
