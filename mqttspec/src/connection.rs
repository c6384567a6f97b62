//! A connection to the broker: what was sent and received, watched by a `Monitor`.

use std::io;
use std::net::Shutdown;
use std::time::Instant;

use mqtt_explain::explain_packet;
use mqtt_wire::monitor::{Breach, Monitor};
use mqtt_wire::{
    Dialect, ErrorKind, FrameRef, NextFrame, Packet, PacketId, PacketType, QoS, ReasonCode,
    ReturnCode, Sender, Version, Waivers,
};

use crate::transport::Stream;

/// The bytes of one side that passed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The name of the client in a scenario; empty for others.
    pub client: &'static str,
    pub at: Instant,
    pub from_broker: bool,
    pub bytes: Vec<u8>,
}

impl Passed {
    /// What the packet is, in a line of mqtt-explain.
    pub fn explain(&self, version: Version) -> String {
        let sender = match self.from_broker {
            true => Sender::Server,
            false => Sender::Client,
        };
        let explained = explain_packet(&self.bytes, version, sender);
        explained.map(|it| it.line).unwrap_or_default()
    }
}

/// A packet of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub packet_type: PacketType,
    /// Whether it is a packet of the version.
    pub is_valid: bool,
    /// The first code that is a failure: the Reason Code in 5.0, and the return code before.
    pub failure: Option<u8>,
}

/// A PUBLISH of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    pub qos: QoS,
    pub packet_id: Option<PacketId>,
}

/// What happened on a connection.
#[derive(Debug)]
pub enum Event {
    Packet(Received),
    /// The broker has closed the connection, with a reset if it had not read all bytes.
    Closed {
        reset: bool,
    },
    /// Nothing came in time.
    Silence,
}

pub struct Connection {
    stream: Stream,
    version: Version,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// `None` behind a packet that breaks a rule: later packets cannot be judged.
    monitor: Option<Monitor<'static>>,
    /// Whether the broker may answer in the form of another version.
    any_version: bool,
    closed: Option<bool>,
    pub exchange: Vec<Passed>,
    /// The rules that the broker broke, as `STATEMENT: TEXT`.
    pub breaches: Vec<String>,
    /// The packets of the broker.
    pub received: Vec<Received>,
}

impl Connection {
    pub fn new(stream: Stream, version: Version) -> Self {
        Self {
            stream,
            version,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            monitor: Some(Monitor::new()),
            any_version: false,
            closed: None,
            exchange: Vec::new(),
            breaches: Vec::new(),
            received: Vec::new(),
        }
    }

    /// Sends a packet, and returns the rules between packets that it breaks.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<Breach> {
        let breaches = self.queue(bytes);
        self.flush();
        breaches
    }

    /// Like `send`, but [`flush`](Self::flush) sends the packet.
    pub fn queue(&mut self, bytes: &[u8]) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let dialect = Dialect::from_client(self.version);
        match (Packet::decode(bytes, dialect), &mut self.monitor) {
            (Ok(packet), Some(monitor)) => {
                monitor.observe(dialect, &packet, bytes.len(), |it| breaches.push(it));
                breaches.retain(|it| it.sender() == Sender::Client);
                if !breaches.is_empty() {
                    self.monitor = None;
                }
            }
            (Ok(_), None) => {}
            (Err(_), _) => {
                self.monitor = None;
                self.any_version = self.exchange.is_empty();
            }
        }
        self.passed(false, bytes.to_vec());
        self.outgoing.extend_from_slice(bytes);
        breaches
    }

    /// Sends the packets that are queued, in one piece.
    pub fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.outgoing);
        if self.stream.write_all(&bytes).is_err() && self.closed.is_none() {
            // bytes of the broker may still wait to be read
            self.stream.shut_down();
        }
    }

    /// The next packet of the broker, or the end of the connection.
    pub fn next(&mut self, until: Instant) -> Event {
        loop {
            if let Some(received) = self.take_packet() {
                self.received.push(received);
                return Event::Packet(received);
            }
            if let Some(reset) = self.closed {
                return Event::Closed { reset };
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Event::Silence;
            }
            self.stream.tcp().set_read_timeout(Some(left)).ok();
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = Some(false),
                Ok(read) => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    self.incoming.extend_from_slice(bytes);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => {}
                    _ => self.closed = Some(true),
                },
            }
        }
    }

    /// Closes the connection, whatever the last packet was.
    pub fn cut(&mut self) {
        self.stream.tcp().shutdown(Shutdown::Both).ok();
        self.closed.get_or_insert(false);
    }

    pub const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The number of packets of this type that the broker has sent.
    pub fn count(&self, packet_type: PacketType) -> usize {
        let received = self.received.iter();
        received.filter(|it| it.packet_type == packet_type).count()
    }

    /// The messages that the broker has sent.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        self.packets_of_broker().filter_map(|it| match it {
            Packet::Publish(it) => Some(Message {
                qos: it.delivery.qos(),
                packet_id: it.delivery.packet_id(),
            }),
            _ => None,
        })
    }

    /// The Keep Alive that the broker has put in the place of the client's, in seconds.
    pub fn server_keep_alive(&self) -> Option<u16> {
        self.packets_of_broker().find_map(|it| match it {
            Packet::ConnAck(it) => it.server_keep_alive(),
            _ => None,
        })
    }

    pub const fn version(&self) -> Version {
        self.version
    }

    fn packets_of_broker(&self) -> impl Iterator<Item = Packet<'_>> {
        let passed = self.exchange.iter().filter(|it| it.from_broker);
        let dialect = Dialect::from_server(self.version);
        passed.filter_map(move |it| Packet::decode(&it.bytes, dialect).ok())
    }

    /// A packet at the beginning of the bytes that have arrived.
    fn take_packet(&mut self) -> Option<Received> {
        let dialect = self.dialect_of_incoming();
        let length = match FrameRef::split(&self.incoming, dialect, u32::MAX) {
            Ok(NextFrame::Frame(frame)) => frame.bytes().len(),
            Ok(NextFrame::NeedMore(_)) => return None,
            Err(error) => {
                self.report(error.statement().map(|it| it.to_string()), &error);
                self.incoming.len()
            }
        };
        if length == 0 {
            return None;
        }
        let bytes: Vec<u8> = self.incoming.drain(..length).collect();
        self.passed(true, bytes.clone());
        match Packet::decode(&bytes, dialect) {
            Ok(packet) => {
                let mut breaches = Vec::new();
                if let Some(monitor) = &mut self.monitor {
                    monitor.observe(dialect, &packet, bytes.len(), |it| breaches.push(it));
                }
                for breach in breaches {
                    if breach.sender() == Sender::Server {
                        self.report(breach.statement().map(|it| it.to_string()), &breach);
                    }
                }
                Some(Received {
                    packet_type: packet.packet_type(),
                    is_valid: true,
                    failure: failure(&packet, dialect.version()),
                })
            }
            Err(error) => {
                // behind a wrong packet of the client, an identifier of 0 may be its echo
                let is_echo = error.kind() == ErrorKind::PacketIdZero && self.monitor.is_none();
                if !is_echo {
                    self.report(error.statement().map(|it| it.to_string()), &error);
                }
                self.monitor = None;
                let first = bytes.first()? >> 4;
                let packet_type = PacketType::ALL.into_iter().find(|it| *it as u8 == first)?;
                Some(Received {
                    packet_type,
                    is_valid: false,
                    failure: None,
                })
            }
        }
    }

    /// The dialect in which the broker answers. The standard does not state in which form a broker
    /// refuses a CONNECT that it cannot read.
    fn dialect_of_incoming(&self) -> Dialect {
        let dialect = |version| {
            let dialect = Dialect::from_server(version);
            match version {
                // 3.1 has no such code, but brokers send it
                Version::V3_1 => dialect.waiving(Waivers::SUBACK_FAILURE),
                Version::V3_1_1 | Version::V5 => dialect,
            }
        };
        let reads = |version: &Version| {
            let framed = FrameRef::split(&self.incoming, dialect(*version), u32::MAX);
            matches!(framed, Ok(NextFrame::Frame(frame)) if frame.decode(dialect(*version)).is_ok())
        };
        let others = Version::ALL.into_iter().filter(|_| self.any_version);
        let mut versions = std::iter::once(self.version).chain(others);
        dialect(versions.find(reads).unwrap_or(self.version))
    }

    fn passed(&mut self, from_broker: bool, bytes: Vec<u8>) {
        self.exchange.push(Passed {
            client: "",
            at: Instant::now(),
            from_broker,
            bytes,
        });
    }

    fn report(&mut self, statement: Option<String>, text: &dyn std::fmt::Display) {
        let statement = statement.unwrap_or_else(|| "no statement".into());
        self.breaches.push(format!("{statement}: {text}"));
    }
}

/// The first code of a packet that is a failure.
fn failure(packet: &Packet<'_>, version: Version) -> Option<u8> {
    let mut codes: Box<dyn Iterator<Item = ReasonCode>> = match packet {
        Packet::ConnAck(it) => Box::new(std::iter::once(it.reason_code)),
        Packet::Disconnect(it) => Box::new(std::iter::once(it.reason_code)),
        Packet::PubAck(it) | Packet::PubRec(it) | Packet::PubRel(it) | Packet::PubComp(it) => {
            Box::new(std::iter::once(it.reason_code))
        }
        Packet::SubAck(it) | Packet::UnsubAck(it) => Box::new(it.reason_codes.iter()),
        Packet::Auth(it) => Box::new(std::iter::once(it.reason_code)),
        _ => return None,
    };
    let code = codes.find(|it| it.is_failure())?;
    let return_code = match packet {
        Packet::ConnAck(_) if version != Version::V5 => ReturnCode::try_from(code).ok(),
        _ => None,
    };
    Some(return_code.map_or(code as u8, |it| it as u8))
}
