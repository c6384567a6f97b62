//! Faults for the tests of `mqttspec`, with the feature `faults`: a layer between the transport and
//! the broker that drops, changes, adds or delays packets in both directions. The broker itself
//! stays as it is.
//!
//! A fault is named by `--fault NAME`:
//!
//! * `accept:STATEMENT,...` swallows each packet of a client that breaks one of these statements. So
//!   the broker seems to accept it.
//! * `garbage` swallows each packet of a client that breaks a rule, and sends a malformed packet.
//! * The others are the rows of [`RULES`].

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_wire::monitor::Monitor;
use mqtt_wire::{Connect, Dialect, FrameRef, NextFrame, Packet, Publish, Sender, Utf8Str, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::time::sleep;

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
        let rule = RULES.iter().find(|(known, _)| *known == name);
        rule.map(|(_, rule)| Self::Rule(*rule))
            .ok_or_else(|| format!("no fault {name:?}"))
    }
}

/// What becomes of a packet: the packet to pass on, changed or not, or nothing.
pub type Rule = for<'p> fn(&mut Edit, Packet<'p>) -> Option<Packet<'p>>;

/// The faults with names. Each is a function of all packets, in both directions.
#[rustfmt::skip]
pub const RULES: &[(&str, Rule)] = &[
    ("retain-nothing", |edit, packet| edit.published(packet, |it| it.retain = false)),
    ("deliver-without-retain", |edit, packet| edit.delivered(packet, |it| it.retain = false)),
    ("retain-empty", |edit, packet| edit.published(packet, |it| {
        if it.retain && it.payload.is_empty() { it.payload = b"empty"; }
    })),
];

/// The place of a packet, and what a rule may do beside changing it.
#[derive(Debug)]
pub struct Edit {
    pub from_client: bool,
    dialect: Dialect,
    /// Bytes to send before the packet.
    to_client: Vec<u8>,
    to_broker: Vec<u8>,
    delay: Duration,
}

impl Edit {
    fn new(from_client: bool, version: Version) -> Self {
        let dialect = match from_client {
            true => Dialect::from_client(version),
            false => Dialect::from_server(version),
        };
        Self {
            from_client,
            dialect,
            to_client: Vec::new(),
            to_broker: Vec::new(),
            delay: Duration::ZERO,
        }
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
}

/// Puts the fault between the client and the broker.
pub fn between(fault: Option<&Arc<Fault>>, client: Box<dyn Stream>) -> Box<dyn Stream> {
    let Some(fault) = fault else {
        return client;
    };
    let (near, far) = duplex(64 << 10);
    let link = Link {
        fault: fault.clone(),
        version: None,
        monitor: Monitor::new(),
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
        sleep(flow.delay).await;
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
    delay: Duration,
}

/// A connection with a fault.
struct Link {
    fault: Arc<Fault>,
    /// `None` before the CONNECT.
    version: Option<Version>,
    monitor: Monitor<'static>,
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
        let is_swallowed = match &*self.fault {
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
        if matches!(*self.fault, Fault::Garbage) {
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
        let mut edit = Edit::new(from_client, version);
        let mut passed = bytes.to_vec();
        if let (Fault::Rule(rule), Ok(packet)) = (&*self.fault, Packet::decode(bytes, edit.dialect))
        {
            match rule(&mut edit, packet) {
                None => passed.clear(),
                Some(changed) if changed != packet => {
                    passed.clear();
                    let encoded = changed.encode(edit.dialect, &mut passed);
                    encoded.expect("a changed packet can be encoded");
                }
                Some(_) => {}
            }
        }
        flow.to_client.append(&mut edit.to_client);
        flow.to_broker.append(&mut edit.to_broker);
        flow.delay += edit.delay;
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
