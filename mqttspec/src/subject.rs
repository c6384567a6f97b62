//! The broker: login, latency and what it supports.

use std::io;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mqtt_wire::{
    Delivery, Dialect, List, Packet, PacketId, PacketType, Publish, QoS, Subscribe, Subscription,
    TopicFilter, TopicName, Version,
};

use crate::address::Address;
use crate::connection::{Connection, Event, Passed};
use crate::script;

/// A user name and a password.
#[derive(Debug, Clone)]
pub struct Login {
    pub user_name: String,
    pub password: String,
}

/// The reason why a client is not served.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub reason: String,
    /// Whether the broker did not react in time.
    pub is_silence: bool,
}

impl Refusal {
    fn silence(packet: &str) -> Self {
        Self {
            reason: format!("the broker does not answer a {packet} of another client"),
            is_silence: true,
        }
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the end of the connection, before the broker is asked whether it goes on.
    pub settle: Duration,
    /// For something that has to come.
    pub answer: Duration,
    /// For the end of a connection without a CONNACK: brokers have a time limit for the CONNECT.
    pub unaccepted: Duration,
}

impl Patience {
    fn of(latency: Duration, least: Duration) -> Self {
        let most = Duration::from_secs(10);
        Self {
            settle: (latency * 10).clamp(Duration::from_millis(50), Duration::from_secs(2)),
            answer: (latency * 100).clamp(least, most.max(least)),
            unaccepted: Duration::ZERO,
        }
    }

    /// For the second attempt.
    pub fn longer(self) -> Self {
        Self {
            settle: self.settle * 4,
            answer: self.answer * 4,
            unaccepted: Duration::from_secs(30),
        }
    }
}

/// What the broker supports in a version.
#[derive(Debug, Clone)]
pub struct Capabilities {
    pub version: Version,
    /// The reason why it does not serve the version, if it does not.
    pub refusal: Option<String>,
    /// What it announced and what small trials showed, in words.
    pub notes: Vec<String>,
}

pub struct Subject {
    address: Address,
    login: Option<Login>,
    pub patience: Patience,
    pub latency: Duration,
    pub capabilities: Vec<Capabilities>,
    /// What was found in the trials: rules that the broker broke, and the bytes that passed.
    pub breaches: Vec<(Version, String, Vec<Passed>)>,
    next_client: AtomicU32,
}

impl Subject {
    /// Measures the latency, and tries what the broker supports. `least` is the least patience.
    pub fn probe(address: Address, login: Option<Login>, least: Duration) -> io::Result<Self> {
        let mut subject = Self {
            address,
            login,
            patience: Patience::of(Duration::from_millis(100), least),
            latency: Duration::ZERO,
            capabilities: Vec::new(),
            breaches: Vec::new(),
            next_client: AtomicU32::new(0),
        };
        for version in Version::ALL {
            let capabilities = subject.try_version(version)?;
            subject.capabilities.push(capabilities);
        }
        if let [Some(reason), Some(_), Some(_)] = &subject.refusals()[..] {
            return Err(io::Error::other(format!("no version is served: {reason}")));
        }
        subject.patience = Patience::of(subject.latency, least);
        Ok(subject)
    }

    fn refusals(&self) -> Vec<Option<String>> {
        let versions = self.capabilities.iter();
        versions.map(|it| it.refusal.clone()).collect()
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A new connection.
    pub fn dial(&self, version: Version) -> io::Result<Connection> {
        Ok(Connection::new(self.address.connect()?, version))
    }

    /// A client identifier of 1 to 23 letters and digits, which no other client has.
    pub fn fresh_client_id(&self) -> String {
        let number = self.next_client.fetch_add(1, Ordering::Relaxed);
        format!("mqttspec{}x{number}", process::id())
    }

    pub fn login(&self) -> Option<(&str, &str)> {
        let login = self.login.as_ref()?;
        Some((&login.user_name, &login.password))
    }

    pub fn capabilities(&self, version: Version) -> Option<&Capabilities> {
        self.capabilities.iter().find(|it| it.version == version)
    }

    /// The reason why a scenario that needs something fails: a trial of this name was refused.
    pub fn lacks(&self, version: Version, trial: &str) -> Option<String> {
        let note = refused(trial);
        let notes = &self.capabilities(version)?.notes;
        notes.contains(&note).then_some(note)
    }

    /// A new connection with a CONNECT that the broker has accepted.
    pub fn connect(
        &self,
        version: Version,
        patience: Patience,
    ) -> io::Result<Result<Connection, Refusal>> {
        let mut connection = self.dial(version)?;
        let connect = script::connect(version, &self.fresh_client_id(), self.login());
        connection.send(&connect.ok_or(io::ErrorKind::InvalidInput)?);
        let until = Instant::now() + patience.answer;
        let reason = match connection.next(until) {
            Event::Packet(it) if !it.is_valid => {
                let packet = it.packet_type;
                format!(
                    "the broker answers a CONNECT with a {packet} that is not one of this version"
                )
            }
            Event::Packet(it) if it.packet_type == PacketType::ConnAck => match it.failure {
                None => return Ok(Ok(connection)),
                Some(code) => format!("the broker refuses a CONNECT with code {code:#04x}"),
            },
            Event::Packet(it) => format!("the broker answers a CONNECT with {}", it.packet_type),
            Event::Closed { .. } => "the broker closes the connection after a CONNECT".into(),
            Event::Silence => return Ok(Err(Refusal::silence("CONNECT"))),
        };
        let is_silence = false;
        Ok(Err(Refusal { reason, is_silence }))
    }

    /// Whether a new client can connect and is answered.
    pub fn serves(&self, version: Version, patience: Patience) -> io::Result<Result<(), Refusal>> {
        Ok(self.connect(version, patience)?.and_then(|mut connection| {
            match ping(&mut connection, patience) {
                true => Ok(()),
                false if connection.is_closed() => Err(Refusal {
                    reason: "the broker closes the connection of another client".into(),
                    is_silence: false,
                }),
                false => Err(Refusal::silence("PINGREQ")),
            }
        }))
    }

    /// Removes the retained messages of these topics and the sessions of these clients.
    pub fn forget(&self, version: Version, topics: &[String], clients: &[String]) {
        for client in clients.iter().filter(|it| !it.is_empty()) {
            if let (Some(connect), Ok(mut connection)) = (
                script::connect(version, client, self.login()),
                self.dial(version),
            ) {
                connection.send(&connect);
                ping(&mut connection, self.patience);
                connection.send(b"\xe0\0");
            }
        }
        let Ok(Ok(mut connection)) = self.connect(version, self.patience) else {
            return;
        };
        for topic in topics.iter().filter_map(|it| TopicName::new(it).ok()) {
            let publish = Publish::new(topic, b"");
            let publish = Packet::Publish(Publish {
                retain: true,
                ..publish
            });
            let mut bytes = Vec::new();
            if publish
                .encode(Dialect::from_client(version), &mut bytes)
                .is_ok()
            {
                connection.send(&bytes);
            }
        }
        ping(&mut connection, self.patience);
        connection.send(b"\xe0\0");
    }

    fn try_version(&mut self, version: Version) -> io::Result<Capabilities> {
        let mut capabilities = Capabilities {
            version,
            refusal: None,
            notes: Vec::new(),
        };
        let started = Instant::now();
        let mut connection = match self.connect(version, self.patience)? {
            Ok(connection) => connection,
            Err(refusal) => {
                capabilities.refusal = Some(refusal.reason);
                return Ok(capabilities);
            }
        };
        for _ in 0..5 {
            let sent = Instant::now();
            ping(&mut connection, self.patience);
            self.latency = self.latency.max(sent.elapsed());
        }
        self.latency = self.latency.max(started.elapsed() / 6);
        capabilities.notes = announcements(&connection);
        self.keep_breaches(version, &connection);
        for (name, packet, answer) in trials(version) {
            let Ok(mut connection) = self.connect(version, self.patience)? else {
                break;
            };
            if !try_packet(&mut connection, &packet, answer, self.patience) {
                capabilities.notes.push(refused(name));
            }
            self.keep_breaches(version, &connection);
        }
        Ok(capabilities)
    }

    fn keep_breaches(&mut self, version: Version, connection: &Connection) {
        for breach in &connection.breaches {
            self.breaches
                .push((version, breach.clone(), connection.exchange.clone()));
        }
    }
}

fn refused(trial: &str) -> String {
    format!("{trial} refused")
}

/// What the CONNACK announces in 5.0.
fn announcements(connection: &Connection) -> Vec<String> {
    let dialect = Dialect::from_server(Version::V5);
    let connack = connection.exchange.iter().find(|it| it.from_broker);
    let Some(Ok(Packet::ConnAck(connack))) = connack.map(|it| Packet::decode(&it.bytes, dialect))
    else {
        return Vec::new();
    };
    connack.properties.iter().map(|it| it.to_string()).collect()
}

/// Small trials: a name, the bytes, and the answer that has to come.
fn trials(version: Version) -> Vec<(&'static str, Vec<u8>, PacketType)> {
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|id| PacketId::new(id).expect("not 0"));
    let publish = |delivery, retain| {
        let topic = TopicName::new("mqttspec/trial").ok()?;
        let publish = Publish::new(topic, b"");
        Some(Packet::Publish(Publish {
            delivery,
            retain,
            ..publish
        }))
    };
    let (packet_id, dup) = (first, false);
    let once = publish(Delivery::AtLeastOnce { packet_id, dup }, false);
    let retained = publish(Delivery::AtLeastOnce { packet_id, dup }, true);
    let packet_id = second;
    let twice = publish(Delivery::ExactlyOnce { packet_id, dup }, false);
    let subscription = |filter| {
        Some([Subscription::new(
            TopicFilter::new(filter).ok()?,
            QoS::ExactlyOnce,
        )])
    };
    let (wildcard, shared) = (
        subscription("mqttspec/trial/#"),
        subscription("$share/mqttspec/trial"),
    );
    let dialect = Dialect::from_client(version);
    let encode = |packet: Option<Packet<'_>>| {
        let mut bytes = Vec::new();
        packet?.encode(dialect, &mut bytes).ok()?;
        Some(bytes)
    };
    let all = [
        ("QoS 1", encode(once), PacketType::PubAck),
        ("QoS 2", encode(twice), PacketType::PubRec),
        ("retained messages", encode(retained), PacketType::PubAck),
        (
            "wildcards",
            encode(subscribe(third, wildcard.as_ref())),
            PacketType::SubAck,
        ),
        (
            "shared subscriptions",
            encode(subscribe(fourth, shared.as_ref())),
            PacketType::SubAck,
        ),
    ];
    let known = all
        .into_iter()
        .filter_map(|(name, bytes, answer)| Some((name, bytes?, answer)));
    known.collect()
}

fn subscribe<'a>(
    packet_id: PacketId,
    list: Option<&'a [Subscription<'a>; 1]>,
) -> Option<Packet<'a>> {
    list.map(|list| Packet::Subscribe(Subscribe::new(packet_id, List::new(list))))
}

/// Whether the broker gives this answer, without a code that is a failure.
fn try_packet(
    connection: &mut Connection,
    bytes: &[u8],
    answer: PacketType,
    patience: Patience,
) -> bool {
    connection.send(bytes);
    let until = Instant::now() + patience.answer;
    loop {
        match connection.next(until) {
            // 0x10 and other successes have no failure
            Event::Packet(it) if it.packet_type == answer => return it.failure.is_none(),
            Event::Packet(_) => {}
            Event::Closed { .. } | Event::Silence => return false,
        }
    }
}

/// Sends a PINGREQ and waits for its PINGRESP.
pub fn ping(connection: &mut Connection, patience: Patience) -> bool {
    let before = connection.count(PacketType::PingResp);
    connection.send(b"\xc0\0");
    let until = Instant::now() + patience.answer;
    while connection.count(PacketType::PingResp) == before {
        match connection.next(until) {
            Event::Packet(_) => {}
            Event::Closed { .. } | Event::Silence => return false,
        }
    }
    true
}
