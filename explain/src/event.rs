//! Events on a connection: packets with their verdicts, and bytes that are not decoded.

use std::time::Duration;

use mqtt_wire::monitor::Breach;
use mqtt_wire::{DecodeError, Dialect, ErrorKind, Packet, PacketType, Sender, Version};

use crate::decode_rules::NeededWaivers;
use crate::fixed_header;
use crate::websocket::{self, Control, Fault, Request, Response};

/// A packet and its verdict.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Its offset in the stream.
    pub offset: usize,
    /// Its bytes; for a packet whose end is unknown, all bytes that are left.
    pub bytes: &'a [u8],
    /// The bytes after it.
    pub after: &'a [u8],
    /// The dialect in which it was decoded. If the error of a refused CONNECT has no version, the
    /// version here is a guess.
    pub dialect: Dialect,
    pub verdict: Verdict<'a>,
    /// The violations that waivers accepted.
    pub waived: Vec<DecodeError>,
    /// The waivers that a refused packet needs.
    pub needed_waivers: NeededWaivers,
    /// The rules of the conversation that it breaks; `None` if it was not checked as a part of one.
    pub breaches: Option<Vec<Breach>>,
}

#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)] // most packets are accepted
pub enum Verdict<'a> {
    Accept(Packet<'a>),
    Reject(DecodeError),
    /// At least this number of bytes is missing.
    Incomplete(usize),
}

impl Record<'_> {
    /// The type that the first byte names.
    pub fn packet_type(&self) -> Option<PacketType> {
        fixed_header::packet_type(self.bytes)
    }

    pub fn is_accepted(&self) -> bool {
        matches!(self.verdict, Verdict::Accept(_))
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Reject(_))
    }

    pub fn has_breaches(&self) -> bool {
        self.breaches.as_ref().is_some_and(|it| !it.is_empty())
    }
}

/// Something on a connection.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // most are packets
pub enum Event<'a> {
    Packet(Record<'a>),
    /// Bytes that are not decoded.
    Unread {
        sender: Sender,
        length: usize,
    },
}

impl<'a> Event<'a> {
    pub fn sender(&self) -> Sender {
        match self {
            Self::Packet(record) => record.dialect.sender(),
            Self::Unread { sender, .. } => *sender,
        }
    }

    pub fn record(&self) -> Option<&Record<'a>> {
        match self {
            Self::Packet(record) => Some(record),
            Self::Unread { .. } => None,
        }
    }

    /// The packet, if it is a valid one.
    pub fn packet(&self) -> Option<&Packet<'a>> {
        match &self.record()?.verdict {
            Verdict::Accept(packet) => Some(packet),
            Verdict::Reject(_) | Verdict::Incomplete(_) => None,
        }
    }
}

/// Something on a connection that is still open.
pub enum LiveEvent<'a> {
    Packet(&'a Event<'a>),
    /// Another protocol, on both sides.
    OtherProtocol(&'a str),
    /// No packet begins here; nothing more of this side will be decoded.
    Lost(Sender),
    /// A packet that is too long to decode.
    TooLong {
        sender: Sender,
        packet_type: Option<PacketType>,
        length: usize,
    },
    /// Bytes that passed and were not seen.
    Skipped {
        sender: Sender,
        length: u64,
    },
    /// Bytes that are not in the capture.
    Missing {
        sender: Sender,
        missing: Missing,
    },
    /// Bytes that cannot be decoded, because others are not in the capture.
    Unread {
        sender: Sender,
        length: usize,
        reason: Unread,
    },
    /// Bytes were sent again, and differ from the first ones.
    Changed(Sender),
    /// Something of WebSocket.
    WebSocket {
        sender: Sender,
        notice: &'a Notice,
    },
    /// Bytes of MQTT, of which packets follow; over WebSocket, without its frames.
    Bytes {
        sender: Sender,
        bytes: &'a [u8],
    },
}

/// An event of WebSocket itself, beside the packets.
#[derive(Debug, Clone)]
pub enum Notice {
    Request(Request),
    Accepted(Response),
    Control(Control),
    /// A broken rule, and the version of MQTT on this connection if it is known.
    Fault(Fault, Option<Version>),
    Unread {
        length: Option<u64>,
        reason: websocket::Unread,
    },
}

/// What is missing from a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A number of bytes.
    Bytes(u64),
    /// The same number, but the last may be the end of the direction instead of a byte.
    BytesOrFin(u64),
}

/// Why bytes of a capture cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The beginning of their packet is missing.
    BeginningMissing,
    /// The end of their packet is missing.
    EndMissing,
    /// The beginning of the packet was a guess, and no packet begins there.
    NotAPacket,
}

/// When something happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    /// Since the beginning of the capture, or of the connection of the proxy.
    pub time: Duration,
    /// The same since 1970, in UTC.
    pub wall: Duration,
    /// The number of the packet in the capture.
    pub packet: Option<u64>,
}

/// The result for one packet or for all, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    #[default]
    Valid,
    Incomplete,
    Invalid,
    NotMqtt,
}

impl Status {
    pub fn of(record: &Record<'_>) -> Self {
        match record.verdict {
            Verdict::Accept(_) if record.has_breaches() => Self::Invalid,
            Verdict::Accept(_) => Self::Valid,
            Verdict::Incomplete(_) => Self::Incomplete,
            Verdict::Reject(error) if is_not_mqtt(error) => Self::NotMqtt,
            Verdict::Reject(_) => Self::Invalid,
        }
    }
}

/// Whether the error means that the bytes do not begin like a packet.
pub fn is_not_mqtt(error: DecodeError) -> bool {
    error.packet_type().is_none()
        || (error.kind() == ErrorKind::VariableByteIntegerTooLong && error.offset() == 1)
}

/// The packets of a connection, counted.
#[derive(Default)]
pub struct Totals {
    pub status: Status,
    pub packets: usize,
    /// How many of them the client sent.
    pub from_client: usize,
    pub refused: usize,
    /// Packets that break a rule of the conversation.
    pub breaking: usize,
    /// Broken rules of WebSocket.
    pub websocket: usize,
    pub has_waived: bool,
}

impl Totals {
    pub fn of<'r, 'a: 'r>(records: impl IntoIterator<Item = &'r Record<'a>>) -> Self {
        let mut totals = Self::default();
        records.into_iter().for_each(|record| totals.add(record));
        totals
    }

    /// Counts an event on a connection that is still open.
    pub fn observe(&mut self, event: &LiveEvent<'_>) {
        match event {
            LiveEvent::Packet(event) => {
                // an incomplete one may become complete later
                let is_whole = |verdict| !matches!(verdict, Verdict::Incomplete(_));
                let record = event.record().filter(|it| is_whole(it.verdict));
                record.into_iter().for_each(|record| self.add(record));
            }
            LiveEvent::OtherProtocol(_) => self.status = Status::NotMqtt,
            LiveEvent::WebSocket {
                notice: Notice::Fault(..),
                ..
            } => {
                self.websocket += 1;
                self.status = self.status.max(Status::Invalid);
            }
            LiveEvent::Lost(_)
            | LiveEvent::TooLong { .. }
            | LiveEvent::Skipped { .. }
            | LiveEvent::Missing { .. }
            | LiveEvent::Unread { .. }
            | LiveEvent::Changed(_)
            | LiveEvent::WebSocket { .. }
            | LiveEvent::Bytes { .. } => {}
        }
    }

    pub fn add(&mut self, record: &Record<'_>) {
        // only the first packet shows whether this is MQTT
        let status = match self.packets {
            0 => Status::of(record),
            _ => Status::of(record).min(Status::Invalid),
        };
        self.status = self.status.max(status);
        self.packets += 1;
        self.from_client += usize::from(record.dialect.sender() == Sender::Client);
        self.refused += usize::from(record.is_refused());
        self.breaking += usize::from(record.has_breaches());
        self.has_waived |= !record.waived.is_empty();
    }
}
