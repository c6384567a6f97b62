//! Both directions of a connection, packet by packet in the order of time.

use std::time::Duration;

use mqtt_wire::{Packet, Sender, Version};

use crate::capture::{Data, Direction, Flow};
use crate::hint;
use crate::order::{self, Timed};
use crate::stream::{Record, Stream, Verdict, sniff_version, starts_with_connect};
use crate::terms::Terms;

/// The bytes of both directions, in pieces without a gap.
#[derive(Debug, Default)]
pub struct Conversation {
    runs: Vec<Run>,
    gaps: Vec<(Arrival, Sender, u64)>,
    /// Both directions are known to begin with their first byte.
    from_start: bool,
    terms: Terms,
}

/// Bytes of one direction without a gap.
#[derive(Debug)]
struct Run {
    sender: Sender,
    /// How many bytes of the direction came before.
    offset: usize,
    bytes: Vec<u8>,
    /// The beginning may be in the middle of a packet.
    mid_packet: bool,
    /// Up to which byte came with which piece of the capture.
    arrivals: Vec<(usize, Arrival)>,
}

/// When and with which packet of the capture something arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The place in the order of time.
    order: usize,
    /// The number of the packet.
    pub packet: u64,
    /// Since the first packet of the connection.
    pub time: Duration,
}

/// Something in the conversation.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // most are packets
pub enum Event<'a> {
    Packet(Record<'a>),
    /// So many bytes are not looked at.
    Unread(Sender, usize),
    /// So many bytes are not in the capture.
    Gap(Sender, u64),
}

impl Event<'_> {
    /// The side that it is about.
    pub fn sender(&self) -> Sender {
        match self {
            Self::Packet(record) => record.dialect.sender(),
            Self::Unread(sender, _) | Self::Gap(sender, _) => *sender,
        }
    }
}

/// What passed, packet by packet.
#[derive(Debug)]
pub struct Transcript<'a> {
    pub events: Vec<Timed<'a>>,
    pub version: Option<Version>,
    pub order: Order,
}

impl<'a> Transcript<'a> {
    pub fn packets(&self) -> impl Iterator<Item = &Record<'a>> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Packet(record) => Some(record),
            Event::Unread(..) | Event::Gap(..) => None,
        })
    }
}

/// How much is known of the order in which the packets of both directions passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It was recorded, or there is only one direction.
    Known,
    /// It is one with the fewest breaches.
    Guessed,
    /// It was not looked for, because there are too many packets.
    Unknown,
}

impl Conversation {
    /// The bytes of each direction, without times.
    pub fn of_streams(client: Vec<u8>, server: Vec<u8>, terms: Terms) -> Self {
        let run = |sender, bytes: Vec<u8>| Run {
            sender,
            offset: 0,
            bytes,
            mid_packet: false,
            arrivals: Vec::new(),
        };
        Self {
            runs: vec![run(Sender::Client, client), run(Sender::Server, server)],
            gaps: Vec::new(),
            from_start: false,
            terms,
        }
    }

    /// The bytes of a TCP connection.
    pub fn of_flow(flow: &Flow, terms: Terms) -> Self {
        let mut conversation = Self {
            from_start: flow.from_start,
            terms,
            ..Self::default()
        };
        let start = flow.segments.first().map_or(Duration::ZERO, |it| it.time);
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let sender = match direction {
                Direction::ClientToServer => Sender::Client,
                Direction::ServerToClient => Sender::Server,
            };
            let mut offset = 0;
            let mut run: Option<Run> = None;
            for (order, segment) in flow.segments.iter().enumerate() {
                if segment.direction != direction {
                    continue;
                }
                let arrival = Arrival {
                    order,
                    packet: segment.packet,
                    time: segment.time.saturating_sub(start),
                };
                let bytes = match &segment.data {
                    Data::Bytes(bytes) => bytes,
                    Data::Gap(length) => {
                        conversation.runs.extend(run.take());
                        conversation.gaps.push((arrival, sender, *length));
                        offset += usize::try_from(*length).unwrap_or_default();
                        continue;
                    }
                };
                let run = run.get_or_insert_with(|| Run {
                    sender,
                    offset,
                    bytes: Vec::new(),
                    mid_packet: offset > 0 || !flow.from_start,
                    arrivals: Vec::new(),
                });
                run.bytes.extend(bytes);
                offset += bytes.len();
                run.arrivals.push((run.bytes.len(), arrival));
            }
            conversation.runs.extend(run);
        }
        conversation
    }

    /// Whether the bytes begin like a CONNECT.
    pub fn begins_with_connect(&self) -> bool {
        self.runs.iter().any(|run| {
            run.sender == Sender::Client
                && starts_with_connect(&run.bytes)
                && sniff_version(&run.bytes).is_some()
        })
    }

    /// What the bytes are, if they are clearly not MQTT.
    pub fn foreign(&self) -> Option<&'static str> {
        self.runs.iter().find_map(|run| hint::foreign(&run.bytes))
    }

    /// The packets of both directions in the order in which they were complete, or without times
    /// in a likely one, and what they break as a conversation.
    pub fn transcript(&self, version: Option<Version>) -> Transcript<'_> {
        let learnt = version.or_else(|| self.version());
        let mut events = Vec::new();
        for run in &self.runs {
            // a CONNECT is to be read as what it says it is
            let is_connect = run.sender == Sender::Client && starts_with_connect(&run.bytes);
            let named = if is_connect { version } else { learnt };
            let (skipped, stream) = run.read(named, self.terms);
            if skipped > 0 {
                events.push((run.arrival(skipped), Event::Unread(run.sender, skipped)));
            }
            for mut record in stream.records {
                let arrival = run.arrival(skipped + record.offset + record.bytes.len());
                record.offset += run.offset + skipped;
                events.push((arrival, Event::Packet(record)));
            }
            if stream.unread > 0 {
                let arrival = run.arrival(run.bytes.len());
                events.push((arrival, Event::Unread(run.sender, stream.unread)));
            }
        }
        for (arrival, sender, length) in &self.gaps {
            events.push((Some(*arrival), Event::Gap(*sender, *length)));
        }
        events.sort_by_key(|(arrival, _)| arrival.map(|arrival| arrival.order));
        let order = self.judge(&mut events);
        Transcript {
            events,
            version: learnt,
            order,
        }
    }

    /// Looks for an order if none is known, and for breaches.
    fn judge(&self, events: &mut Vec<Timed<'_>>) -> Order {
        let has = |sender| events.iter().any(|(_, event)| event.sender() == sender);
        let both = has(Sender::Client) && has(Sender::Server);
        if events.is_empty() || !self.from_start && !both {
            return Order::Known;
        }
        let is_connect = |(_, event): &Timed<'_>| match event {
            Event::Packet(record) => matches!(record.verdict, Verdict::Accept(Packet::Connect(_))),
            _ => false,
        };
        let is_timed = events.iter().any(|(arrival, _)| arrival.is_some());
        let mut of_client = events
            .iter()
            .filter(|(_, event)| event.sender() == Sender::Client);
        let has_beginning = if is_timed {
            self.from_start || of_client.next().is_some_and(is_connect)
        } else {
            of_client.any(is_connect)
        };
        let joining = !has_beginning;
        if !is_timed && !order::interleave(events, joining) {
            return Order::Unknown;
        }
        order::judge(events, joining);
        if is_timed {
            Order::Known
        } else {
            Order::Guessed
        }
    }

    /// The version that CONNECT names, or in which both directions make most sense.
    fn version(&self) -> Option<Version> {
        let clients = self.runs.iter().filter(|run| run.sender == Sender::Client);
        let mut connects = clients.filter(|run| starts_with_connect(&run.bytes));
        if let Some(version) = connects.find_map(|run| sniff_version(&run.bytes)) {
            return Some(version);
        }
        let good_packets = |version: &Version| {
            let of_run = |run: &Run| {
                let (_, stream) = run.read(Some(*version), self.terms);
                let good = stream.records.iter().filter(|it| it.is_accepted());
                good.count()
            };
            self.runs.iter().map(of_run).sum::<usize>()
        };
        // of equals the last one
        [Version::V3_1, Version::V3_1_1, Version::V5]
            .into_iter()
            .max_by_key(good_packets)
    }
}

impl Run {
    /// The packets, and how many bytes of one that began earlier stand before them.
    fn read(&self, version: Option<Version>, terms: Terms) -> (usize, Stream<'_>) {
        let read_from = |start: usize| {
            let bytes = self.bytes.get(start..).unwrap_or_default();
            (
                start,
                Stream::read(bytes, version, Some(self.sender), terms),
            )
        };
        let whole = read_from(0);
        let begins_well =
            |stream: &Stream<'_>| stream.records.first().is_none_or(|it| !it.is_refused());
        let is_connect = starts_with_connect(&self.bytes) && sniff_version(&self.bytes).is_some();
        if !self.mid_packet || is_connect || begins_well(&whole.1) {
            return whole;
        }
        // packets often begin where a piece of the capture does
        let starts = self.arrivals.iter().map(|(end, _)| *end);
        let mut later = starts
            .map(read_from)
            .filter(|(_, stream)| begins_well(stream));
        later.next().unwrap_or(whole)
    }

    /// What brought the byte before `end`.
    fn arrival(&self, end: usize) -> Option<Arrival> {
        let index = self.arrivals.partition_point(|(upto, _)| *upto < end);
        self.arrivals.get(index).map(|(_, arrival)| *arrival)
    }
}
