//! A connection of the client: what was sent and received, watched by a `Monitor`.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mqtt_wire::monitor::{Breach, Monitor};
use mqtt_wire::{Dialect, FrameRef, NextFrame, Packet, PacketId, PacketType, Sender, Version};

use crate::connection::Passed;

/// A packet of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub packet_type: PacketType,
    pub packet_id: Option<PacketId>,
    pub bytes: Vec<u8>,
    /// The Reason Code of a DISCONNECT that is a failure.
    pub failure: Option<u8>,
}

#[derive(Debug)]
pub enum Event {
    Packet(Received),
    /// The client has closed the connection.
    Closed,
    /// Nothing came in time.
    Silence,
}

pub struct Connection {
    stream: TcpStream,
    dialect: Dialect,
    incoming: Vec<u8>,
    /// `None` behind a packet of the broker that breaks a rule: later packets cannot be judged.
    /// The client may repeat what was wrong.
    monitor: Option<Monitor<'static>>,
    is_closed: bool,
    pub exchange: Vec<Passed>,
    /// The rules that the client broke, as `STATEMENT: TEXT`.
    pub breaches: Vec<String>,
    /// The time of the last packet of the client.
    pub last_packet: Instant,
}

impl Connection {
    pub fn new(stream: TcpStream, version: Version) -> std::io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self {
            stream,
            dialect: Dialect::from_client(version),
            incoming: Vec::new(),
            monitor: Some(Monitor::new()),
            is_closed: false,
            exchange: Vec::new(),
            breaches: Vec::new(),
            last_packet: Instant::now(),
        })
    }

    /// Sends a packet, and returns the rules between packets that it breaks.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<Breach> {
        let dialect = self.dialect.reply();
        let mut breaches = Vec::new();
        match (Packet::decode(bytes, dialect), &mut self.monitor) {
            (Ok(packet), Some(monitor)) => {
                monitor.observe(dialect, &packet, bytes.len(), |it| breaches.push(it));
                breaches.retain(|it| it.sender() == Sender::Server);
                if !breaches.is_empty() {
                    self.monitor = None;
                }
            }
            (Ok(_), None) => {}
            (Err(_), _) => self.monitor = None,
        }
        self.passed(true, bytes.to_vec());
        // bytes of the client may still wait to be read
        let _ = self.stream.write_all(bytes);
        breaches
    }

    fn passed(&mut self, from_broker: bool, bytes: Vec<u8>) {
        self.exchange.push(Passed {
            client: "",
            at: Instant::now(),
            from_broker,
            bytes,
        });
    }

    /// The next packet of the client, or the end of the connection.
    pub fn next(&mut self, until: Instant) -> Event {
        loop {
            if let Some(received) = self.take_packet() {
                return Event::Packet(received);
            }
            if self.is_closed {
                return Event::Closed;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Event::Silence;
            }
            self.stream.set_read_timeout(Some(left)).ok();
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => self.is_closed = true,
                Ok(read) => {
                    self.last_packet = Instant::now();
                    let bytes = buffer.get(..read).unwrap_or_default();
                    self.incoming.extend_from_slice(bytes);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => self.is_closed = true,
                },
            }
        }
    }

    /// A packet at the beginning of the bytes that have arrived.
    fn take_packet(&mut self) -> Option<Received> {
        let length = match FrameRef::split(&self.incoming, self.dialect, u32::MAX) {
            Ok(NextFrame::Frame(frame)) => frame.bytes().len(),
            Ok(NextFrame::NeedMore(_)) => return None,
            // decoding reports the error
            Err(_) => self.incoming.len(),
        };
        if length == 0 {
            return None;
        }
        let bytes: Vec<u8> = self.incoming.drain(..length).collect();
        self.passed(false, bytes.clone());
        match Packet::decode(&bytes, self.dialect) {
            Ok(packet) => {
                if let Some(monitor) = &mut self.monitor {
                    monitor.observe(self.dialect, &packet, bytes.len(), |breach| {
                        if breach.sender() == Sender::Client {
                            let statement = breach.statement().map(|it| it.to_string());
                            self.breaches.push(describe(statement, &breach));
                        }
                    });
                }
                let failure = match &packet {
                    Packet::Disconnect(it) => Some(it.reason_code),
                    _ => None,
                };
                Some(Received {
                    packet_type: packet.packet_type(),
                    packet_id: packet.packet_id(),
                    failure: failure.filter(|it| it.is_failure()).map(|it| it as u8),
                    bytes,
                })
            }
            Err(error) => {
                if self.monitor.take().is_some() {
                    let statement = error.statement().map(|it| it.to_string());
                    self.breaches.push(describe(statement, &error));
                }
                let first = bytes.first()? >> 4;
                let packet_type = PacketType::ALL.into_iter().find(|it| *it as u8 == first)?;
                Some(Received {
                    packet_type,
                    packet_id: None,
                    failure: None,
                    bytes,
                })
            }
        }
    }
}

fn describe(statement: Option<String>, text: &dyn std::fmt::Display) -> String {
    let statement = statement.unwrap_or_else(|| "no statement".into());
    format!("{statement}: {text}")
}
