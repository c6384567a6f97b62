//! Faults for the tests of `mqttspec`, with the feature `faults`: a layer between the transport and
//! the broker that drops, changes, adds or delays packets in both directions. The broker itself
//! stays as it is.
//!
//! A fault is named by `--fault NAME`:
//!
//! * `accept:STATEMENT,...` swallows each packet of a client that breaks one of these statements. So
//!   the broker seems to accept it.
//! * `garbage` swallows each packet of a client that breaks a rule, and sends a malformed packet.
//! * The others are the rows of [`rules`].

mod contents;

use std::collections::{HashMap, HashSet};
use std::io;
use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt_wire::monitor::Monitor;
use mqtt_wire::{
    ConnAck, Connect, Delivery, Dialect, FrameRef, List, NextFrame, Packet, PacketId, Property,
    Publish, QoS, Sender, TopicName, Utf8Str, Version, Will,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

use crate::transport::Stream;

/// A fault of the broker.
#[derive(Debug, Clone)]
pub enum Fault {
    Accept(Vec<String>),
    Garbage,
    Rule(Rule),
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(statements) = name.strip_prefix("accept:") {
            return Ok(Self::Accept(
                statements.split(',').map(String::from).collect(),
            ));
        }
        if name == "garbage" {
            return Ok(Self::Garbage);
        }
        let rule = rules().find(|(known, _)| *known == name);
        rule.map(|(_, rule)| Self::Rule(*rule))
            .ok_or_else(|| format!("no fault {name:?}"))
    }
}

/// What becomes of a packet: the packet to pass on, changed or not, or nothing.
pub type Rule = for<'p> fn(&mut Edit, Packet<'p>) -> Option<Packet<'p>>;

/// The faults with names. Each is a function of all packets, in both directions.
pub fn rules() -> impl Iterator<Item = &'static (&'static str, Rule)> {
    RULES.iter().chain(contents::RULES)
}

#[rustfmt::skip]
const RULES: &[(&str, Rule)] = &[
    // retained messages
    ("retain-nothing", |edit, packet| edit.published(packet, |it| it.retain = false)),
    ("retain-everything", |edit, packet| edit.published(packet, |it| it.retain = true)),
    ("retain-empty", |edit, packet| edit.published(packet, |it| {
        if it.retain && it.payload.is_empty() { it.payload = b"empty"; }
    })),
    ("ignore-retain-of-qos0", |edit, packet| edit.published(packet, |it| {
        it.retain &= it.delivery.qos() != QoS::AtMostOnce;
    })),
    ("deliver-without-retain", |edit, packet| edit.delivered(packet, |it| it.retain = false)),
    ("deliver-with-retain", |edit, packet| edit.delivered(packet, |it| it.retain = true)),

    // Sessions
    ("forget-session", |edit, packet| edit.connect(packet, |it| it.clean_start = true)),
    ("ignore-clean-start", |edit, packet| edit.connect(packet, |it| it.clean_start = false)),
    ("keep-every-session", |edit, packet| match packet {
        Packet::Connect(it) if it.version == Version::V5 && it.session_expiry_interval() == 0 => {
            edit.replace(Packet::Connect(Connect { properties: List::new(&EXPIRY), ..it }))
        }
        other => Some(other),
    }),
    ("expire-later", |edit, packet| match packet {
        Packet::Connect(it) if it.session_expiry_interval() == 1 => {
            edit.replace(Packet::Connect(Connect { properties: List::new(&EXPIRY), ..it }))
        }
        other => Some(other),
    }),
    ("session-always-present", |edit, mut packet| {
        match &mut packet {
            Packet::Connect(it) => edit.memory.continues = !it.clean_start,
            Packet::ConnAck(it) => it.session_present |= edit.memory.continues,
            _ => {}
        }
        Some(packet)
    }),
    ("forget-subscriptions", |edit, packet| {
        let is_late = edit.memory.started.elapsed() > Duration::from_millis(1200);
        Some(packet).filter(|it| !(is_late && edit.is_delivery(it)))
    }),
    ("lose-qos2", |edit, packet| {
        let is_lost = |it: &Publish<'_>| it.delivery.qos() == QoS::ExactlyOnce;
        edit.drop_deliveries(packet, is_lost)
    }),
    ("ignore-client-id", |edit, packet| match packet {
        Packet::Connect(it) => {
            let id = format!("other{}", edit.shared().next());
            let client_id = Utf8Str::new(&id).expect("plain text");
            edit.replace(Packet::Connect(Connect { client_id, ..it }))
        }
        other => Some(other),
    }),

    // QoS 1 and 2
    ("no-puback", |edit, packet| edit.drop_last_answer(packet, &[b"answer"])),
    ("no-pubcomp", |edit, packet| edit.drop_last_answer(packet, &[b"answers", b"short"])),
    ("send-nothing-again", |edit, packet| edit.drop_deliveries(packet, |it| it.delivery.dup())),
    ("no-pubrel-again", |edit, packet| {
        if let Packet::ConnAck(it) = packet { edit.memory.continues = it.session_present; }
        let is_again = edit.memory.continues && !edit.from_client;
        Some(packet).filter(|it| !(is_again && matches!(it, Packet::PubRel(_))))
    }),
    ("repeat-without-dup", |edit, packet| edit.delivered(packet, |it| {
        it.delivery = it.delivery.with_dup(false);
    })),
    ("copy-dup", |edit, packet| {
        if let Packet::Publish(it) = packet {
            if edit.from_client && it.delivery.dup() && it.delivery.qos() == QoS::AtLeastOnce {
                edit.shared().payload = it.payload.to_vec();
            }
        }
        let repeated = edit.shared().payload.clone();
        edit.delivered(packet, |it| {
            if !repeated.is_empty() && it.payload == repeated {
                it.delivery = it.delivery.with_dup(true);
            }
        })
    }),
    ("ignore-acknowledgements", |edit, packet| Some(packet).filter(|it| match it {
        Packet::PubAck(_) => !edit.from_client,
        Packet::PubRec(it) => !(edit.from_client && it.reason_code.is_failure()),
        _ => true,
    })),
    ("deliver-repetitions", |edit, packet| {
        if let Packet::Publish(it) = packet {
            if edit.from_client && it.delivery.dup() {
                let delivery = Delivery::AtMostOnce;
                edit.add(Packet::Publish(Publish { delivery, ..it }));
            }
        }
        Some(packet)
    }),
    ("remember-identifiers", |edit, packet| {
        let is_used = match packet {
            Packet::Publish(it) if edit.from_client => {
                it.delivery.packet_id().is_some_and(|id| !edit.memory.used.insert(id.get()))
            }
            _ => false,
        };
        edit.published(packet, |it| {
            if is_used { it.topic_name = TopicName::new("elsewhere").ok(); }
        })
    }),
    ("wrong-order", |edit, packet| {
        edit.hold(packet, |it| !it.delivery.dup() && it.payload == b"5")
    }),
    ("wrong-order-again", |edit, packet| {
        edit.hold(packet, |it| it.delivery.dup() && it.payload == b"2")
    }),
    ("strip-byte-order-marks", |edit, packet| match packet {
        Packet::Publish(it) if !edit.from_client => {
            let topic = it.topic_name.map(|it| it.as_str().replace('\u{feff}', ""));
            let topic_name = topic.as_deref().and_then(|it| TopicName::new(it).ok());
            edit.replace(Packet::Publish(Publish { topic_name, ..it }))
        }
        other => Some(other),
    }),

    // Wills and Keep Alive
    ("no-will", |edit, packet| edit.connect(packet, |it| it.will = None)),
    ("ignore-disconnect", |edit, packet| Some(packet).filter(|it| {
        !(edit.from_client && matches!(it, Packet::Disconnect(_)))
    })),
    ("will-without-retain", |edit, packet| edit.will(packet, |it| it.retain = false)),
    ("will-with-retain", |edit, packet| edit.will(packet, |it| it.retain = true)),
    ("will-without-delay", |edit, packet| edit.will(packet, |it| {
        if it.will_delay_interval() > 0 { it.properties = List::EMPTY; }
    })),
    ("will-outlives-session", |edit, packet| match packet {
        Packet::Connect(it) if it.will.is_some_and(|it| it.will_delay_interval() > 60) => {
            edit.replace(Packet::Connect(Connect { properties: List::new(&EXPIRY), ..it }))
        }
        other => Some(other),
    }),
    ("will-again", |edit, packet| {
        let Packet::Connect(connect) = packet else { return Some(packet) };
        let id = connect.client_id.as_str().to_owned();
        let last = edit.shared().connects.get(&id).cloned().unwrap_or_default();
        if connect.will.is_some() {
            let bytes = edit.encoded(packet);
            edit.shared().connects.insert(id, bytes);
        }
        match Packet::decode(&last, edit.dialect) {
            Ok(Packet::Connect(it)) if connect.will.is_none() => {
                edit.replace(Packet::Connect(Connect { will: it.will, ..connect }))
            }
            _ => Some(packet),
        }
    }),
    ("reverse-user-properties", |edit, packet| match packet {
        Packet::Publish(it) if !edit.from_client => {
            let mut reversed: Vec<_> = it.properties.iter().collect();
            reversed.reverse();
            edit.replace(Packet::Publish(Publish { properties: List::new(&reversed), ..it }))
        }
        other => Some(other),
    }),
    ("ignore-keep-alive", |edit, packet| edit.connect(packet, |it| it.keep_alive = 0)),

    // limits that the broker announces and does not keep
    ("announce-nothing", |edit, packet| edit.announce(packet, &[
        Property::MaximumQoS(QoS::AtMostOnce),
        Property::RetainAvailable(false),
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
    ])),
    ("announce-little", |edit, packet| edit.announce(packet, &[
        Property::ReceiveMaximum(NonZeroU16::MIN),
        Property::MaximumPacketSize(NonZeroU32::new(30).expect("not 0")),
        Property::TopicAliasMaximum(1),
    ])),
];

/// The properties of a Session that is kept for an hour.
const EXPIRY: [Property<'static>; 1] = [Property::SessionExpiryInterval(3600)];

/// The place of a packet, and what a rule may do beside changing it.
#[derive(Debug)]
pub struct Edit {
    from_client: bool,
    dialect: Dialect,
    memory: Memory,
    shared: Arc<Mutex<Shared>>,
    /// Bytes to send before the packet.
    to_client: Vec<u8>,
    to_broker: Vec<u8>,
}

/// What a rule remembers of a connection.
#[derive(Debug)]
struct Memory {
    started: Instant,
    /// Whether the client continues a Session.
    continues: bool,
    /// The Packet Identifiers of the client.
    used: HashSet<u16>,
    held: Vec<u8>,
}

/// What a rule remembers of all connections.
#[derive(Debug, Default)]
struct Shared {
    count: u32,
    payload: Vec<u8>,
    /// By client identifier.
    connects: HashMap<String, Vec<u8>>,
}

impl Shared {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

impl Edit {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no rule panics")
    }

    fn connect<'p>(
        &self,
        mut packet: Packet<'p>,
        change: impl FnOnce(&mut Connect<'p>),
    ) -> Option<Packet<'p>> {
        if let Packet::Connect(connect) = &mut packet {
            change(connect);
        }
        Some(packet)
    }

    fn will<'p>(
        &self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Will<'p>),
    ) -> Option<Packet<'p>> {
        self.connect(packet, |connect| {
            let _ = connect.will.as_mut().map(change);
        })
    }

    /// Changes a PUBLISH from a client.
    fn published<'p>(
        &self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Publish<'p>),
    ) -> Option<Packet<'p>> {
        self.publish(true, packet, change)
    }

    /// Changes a PUBLISH to a client.
    fn delivered<'p>(
        &self,
        packet: Packet<'p>,
        change: impl FnOnce(&mut Publish<'p>),
    ) -> Option<Packet<'p>> {
        self.publish(false, packet, change)
    }

    fn publish<'p>(
        &self,
        from_client: bool,
        mut packet: Packet<'p>,
        change: impl FnOnce(&mut Publish<'p>),
    ) -> Option<Packet<'p>> {
        if let Packet::Publish(publish) = &mut packet {
            if self.from_client == from_client {
                change(publish);
            }
        }
        Some(packet)
    }

    /// Replaces the properties of a CONNACK.
    fn announce<'p>(
        &mut self,
        packet: Packet<'p>,
        properties: &[Property<'_>],
    ) -> Option<Packet<'p>> {
        match packet {
            Packet::ConnAck(it) if self.dialect.version() == Version::V5 => {
                let properties = List::new(properties);
                self.replace(Packet::ConnAck(ConnAck { properties, ..it }))
            }
            other => Some(other),
        }
    }

    fn is_delivery(&self, packet: &Packet<'_>) -> bool {
        !self.from_client && matches!(packet, Packet::Publish(_))
    }

    fn drop_deliveries<'p>(
        &self,
        packet: Packet<'p>,
        is_dropped: impl FnOnce(&Publish<'p>) -> bool,
    ) -> Option<Packet<'p>> {
        match &packet {
            Packet::Publish(publish) if !self.from_client && is_dropped(publish) => None,
            _ => Some(packet),
        }
    }

    /// Holds a PUBLISH to a client until the next one has been sent.
    fn hold<'p>(
        &mut self,
        packet: Packet<'p>,
        is_held: impl FnOnce(&Publish<'p>) -> bool,
    ) -> Option<Packet<'p>> {
        match &packet {
            Packet::Publish(publish) if !self.from_client && is_held(publish) => {
                self.memory.held = self.encoded(packet);
                None
            }
            Packet::Publish(_) if !self.from_client => {
                self.add(packet);
                self.to_client.append(&mut self.memory.held);
                None
            }
            _ => Some(packet),
        }
    }

    /// Drops the PUBACK or PUBCOMP of the messages with these payloads.
    fn drop_last_answer<'p>(
        &mut self,
        packet: Packet<'p>,
        payloads: &[&[u8]],
    ) -> Option<Packet<'p>> {
        match &packet {
            Packet::Publish(it) if self.from_client && payloads.contains(&it.payload) => {
                let packet_id = it.delivery.packet_id();
                self.memory.used.extend(packet_id.map(PacketId::get));
            }
            Packet::PubAck(it) | Packet::PubComp(it) if !self.from_client => {
                let is_dropped = self.memory.used.contains(&it.packet_id.get());
                return (!is_dropped).then_some(packet);
            }
            _ => {}
        }
        Some(packet)
    }

    /// Sends this packet instead.
    fn replace(&mut self, packet: Packet<'_>) -> Option<Packet<'static>> {
        self.add(packet);
        None
    }

    /// Sends this packet before.
    fn add(&mut self, packet: Packet<'_>) {
        let mut bytes = self.encoded(packet);
        match self.from_client {
            true => self.to_broker.append(&mut bytes),
            false => self.to_client.append(&mut bytes),
        }
    }

    fn encoded(&self, packet: Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoded = packet.encode(self.dialect, &mut bytes);
        encoded.expect("a changed packet can be encoded");
        bytes
    }
}

/// The fault of all connections of a broker.
#[derive(Debug)]
pub struct Layer {
    fault: Fault,
    shared: Arc<Mutex<Shared>>,
}

impl Layer {
    pub fn new(fault: Fault) -> Self {
        let shared = Arc::default();
        Self { fault, shared }
    }
}

/// Puts the fault between the client and the broker.
pub fn between(layer: Option<&Arc<Layer>>, client: Box<dyn Stream>) -> Box<dyn Stream> {
    let Some(layer) = layer else {
        return client;
    };
    let (near, far) = duplex(64 << 10);
    let link = Link {
        layer: layer.clone(),
        version: None,
        monitor: Monitor::new(),
        memory: Some(Memory {
            started: Instant::now(),
            continues: false,
            used: HashSet::new(),
            held: Vec::new(),
        }),
    };
    tokio::spawn(pump(client, Box::new(far), link));
    Box::new(near)
}

/// Passes bytes on until both sides have closed the connection.
async fn pump(client: Box<dyn Stream>, broker: Box<dyn Stream>, mut link: Link) -> io::Result<()> {
    let (mut client_reader, mut client_writer) = split(client);
    let (mut broker_reader, mut broker_writer) = split(broker);
    let (mut of_client, mut of_broker) = (BytesMut::new(), BytesMut::new());
    let mut is_broker_open = true;
    loop {
        let mut flow = Flow::default();
        tokio::select! {
            read = client_reader.read_buf(&mut of_client) => {
                if !matches!(read, Ok(1..)) {
                    return broker_writer.shutdown().await;
                }
                link.take(true, &mut of_client, &mut flow);
            }
            read = broker_reader.read_buf(&mut of_broker), if is_broker_open => {
                if !matches!(read, Ok(1..)) {
                    is_broker_open = false;
                    client_writer.shutdown().await?;
                }
                link.take(false, &mut of_broker, &mut flow);
            }
        }
        if is_broker_open {
            // the broker may have closed its end
            broker_writer.write_all(&flow.to_broker).await.ok();
            client_writer.write_all(&flow.to_client).await?;
        }
    }
}

/// What is passed on because of some packets.
#[derive(Default)]
struct Flow {
    to_client: Vec<u8>,
    to_broker: Vec<u8>,
}

/// A connection with a fault.
struct Link {
    layer: Arc<Layer>,
    /// `None` before the CONNECT.
    version: Option<Version>,
    monitor: Monitor<'static>,
    /// `None` while a rule has it.
    memory: Option<Memory>,
}

impl Link {
    /// Takes all whole packets from a buffer.
    fn take(&mut self, from_client: bool, buffer: &mut BytesMut, flow: &mut Flow) {
        while !buffer.is_empty() {
            let length = match self.split(from_client, buffer) {
                Ok(NextFrame::NeedMore(_)) => return,
                Ok(NextFrame::Frame(frame)) => frame.bytes().len(),
                Err(_) => buffer.len(),
            };
            let bytes = buffer.split_to(length);
            match from_client {
                true => self.on_client_packet(&bytes, flow),
                false => self.on_broker_packet(&bytes, flow),
            }
        }
    }

    fn split<'b>(
        &self,
        from_client: bool,
        bytes: &'b [u8],
    ) -> Result<NextFrame<FrameRef<'b>>, mqtt_wire::DecodeError> {
        match (self.version, from_client) {
            (None, true) => FrameRef::split_connect(bytes, u32::MAX),
            (None, false) => FrameRef::split(bytes, Dialect::from_server(Version::V5), u32::MAX),
            (Some(version), true) => {
                FrameRef::split(bytes, Dialect::from_client(version), u32::MAX)
            }
            (Some(version), false) => {
                FrameRef::split(bytes, Dialect::from_server(version), u32::MAX)
            }
        }
    }

    fn on_client_packet(&mut self, bytes: &[u8], flow: &mut Flow) {
        let broken = self.broken_statements(bytes);
        let is_swallowed = match &self.layer.fault {
            Fault::Accept(statements) => broken.iter().any(|it| statements.contains(it)),
            Fault::Garbage => !broken.is_empty(),
            Fault::Rule(_) => false,
        };
        if !is_swallowed {
            return self.pass(true, bytes, flow);
        }
        if self.version.is_none() {
            let version = guess_version(bytes);
            self.version = Some(version);
            flow.to_broker.extend(plain_connect(version));
        }
        if matches!(self.layer.fault, Fault::Garbage) {
            flow.to_client.extend(b"\xd0\x01\0");
        }
    }

    fn on_broker_packet(&mut self, bytes: &[u8], flow: &mut Flow) {
        if let Some(version) = self.version {
            let dialect = Dialect::from_server(version);
            if let Ok(packet) = Packet::decode(bytes, dialect) {
                self.monitor.observe(dialect, &packet, bytes.len(), |_| {});
            }
        }
        self.pass(false, bytes, flow);
    }

    /// The statements that a packet of the client breaks. The first CONNECT sets the version.
    fn broken_statements(&mut self, bytes: &[u8]) -> Vec<String> {
        let error = match self.split(true, bytes) {
            Err(error) => Some(error),
            Ok(NextFrame::NeedMore(_)) => None,
            Ok(NextFrame::Frame(frame)) => {
                let decoded = match self.version {
                    None => frame.decode_connect().map(Packet::Connect),
                    Some(version) => frame.decode(Dialect::from_client(version)),
                };
                match decoded {
                    Err(error) => Some(error),
                    Ok(packet) => return self.breaches(&packet, bytes.len()),
                }
            }
        };
        let statement = error.and_then(|it| it.statement());
        statement.iter().map(|it| it.id().to_owned()).collect()
    }

    fn breaches(&mut self, packet: &Packet<'_>, length: usize) -> Vec<String> {
        if let (None, Packet::Connect(connect)) = (self.version, packet) {
            self.version = Some(connect.version);
        }
        let Some(version) = self.version else {
            return Vec::new();
        };
        let mut broken = Vec::new();
        let dialect = Dialect::from_client(version);
        self.monitor.observe(dialect, packet, length, |breach| {
            if breach.sender() == Sender::Client {
                broken.extend(breach.statement().map(|it| it.id().to_owned()));
            }
        });
        broken
    }

    fn pass(&mut self, from_client: bool, bytes: &[u8], flow: &mut Flow) {
        let version = self.version.unwrap_or(Version::V5);
        let dialect = match from_client {
            true => Dialect::from_client(version),
            false => Dialect::from_server(version),
        };
        let mut passed = bytes.to_vec();
        if let (Fault::Rule(rule), Ok(packet), Some(memory)) = (
            &self.layer.fault,
            Packet::decode(bytes, dialect),
            self.memory.take(),
        ) {
            let mut edit = Edit {
                from_client,
                dialect,
                memory,
                shared: self.layer.shared.clone(),
                to_client: Vec::new(),
                to_broker: Vec::new(),
            };
            match rule(&mut edit, packet) {
                None => passed.clear(),
                Some(changed) if changed != packet => passed = edit.encoded(changed),
                Some(_) => {}
            }
            flow.to_client.append(&mut edit.to_client);
            flow.to_broker.append(&mut edit.to_broker);
            self.memory = Some(edit.memory);
        }
        match from_client {
            true => flow.to_broker.append(&mut passed),
            false => flow.to_client.append(&mut passed),
        }
    }
}

/// The version of a CONNECT that cannot be read.
fn guess_version(bytes: &[u8]) -> Version {
    let contains = |name: &[u8]| bytes.windows(name.len()).any(|it| it == name);
    match () {
        () if contains(b"MQIsdp") => Version::V3_1,
        () if contains(b"MQTT\x05") => Version::V5,
        () => Version::V3_1_1,
    }
}

fn plain_connect(version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    let client_id = Utf8Str::new("accepted").expect("plain text");
    let connect = Packet::Connect(Connect::new(version, client_id));
    let encoded = connect.encode(Dialect::from_client(version), &mut bytes);
    encoded.expect("a plain CONNECT");
    bytes
}
