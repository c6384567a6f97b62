//! Both directions of a recorded connection, packet by packet in the order of time.

use std::time::Duration;

use mqtt_wire::{Packet, Sender, Version};

use crate::capture::{Data, Direction, Flow};
use crate::decode_rules::DecodeRules;
use crate::event::{Arrival, Event, Record, TimedEvent};
use crate::fixed_header::starts_with_connect;
use crate::order::{self, Order};
use crate::other_protocol;
use crate::stream::{Stream, connect_version};
use crate::watch::{self, Beginning};

/// The bytes of both directions, in runs without a gap.
#[derive(Debug, Default)]
pub struct Conversation {
    runs: Vec<Run>,
    gaps: Vec<Gap>,
    /// Both directions are known to begin with their first byte.
    from_start: bool,
    rules: DecodeRules,
}

/// Bytes of one direction without a gap.
#[derive(Debug)]
struct Run {
    sender: Sender,
    /// How many bytes of the direction came before it.
    offset: usize,
    bytes: Vec<u8>,
    /// The beginning may be in the middle of a packet.
    mid_packet: bool,
    /// The pieces of the capture: the end of each piece in `bytes`, and its arrival.
    arrivals: Vec<(usize, Arrival)>,
}

/// Bytes that are not in the capture.
#[derive(Debug)]
struct Gap {
    arrival: Arrival,
    sender: Sender,
    length: u64,
}

/// The events of a connection in their order.
#[derive(Debug)]
pub struct Transcript<'a> {
    pub events: Vec<TimedEvent<'a>>,
    pub version: Option<Version>,
    pub order: Order,
}

impl<'a> Transcript<'a> {
    pub fn packets(&self) -> impl Iterator<Item = &Record<'a>> {
        self.events.iter().filter_map(|it| it.event.record())
    }
}

impl Conversation {
    /// A conversation of the bytes of each direction, without times.
    pub fn of_streams(client: Vec<u8>, server: Vec<u8>, rules: DecodeRules) -> Self {
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
            rules,
        }
    }

    /// A conversation of a TCP connection.
    pub fn of_flow(flow: &Flow, rules: DecodeRules) -> Self {
        let mut conversation = Self {
            from_start: flow.from_start,
            rules,
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
                        conversation.gaps.push(Gap {
                            arrival,
                            sender,
                            length: *length,
                        });
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

    /// Whether the client begins with a CONNECT.
    pub fn begins_with_connect(&self) -> bool {
        self.runs.iter().any(|run| {
            run.sender == Sender::Client
                && starts_with_connect(&run.bytes)
                && connect_version(&run.bytes).is_some()
        })
    }

    /// The protocol of the bytes, if it is clearly another one than MQTT.
    pub fn other_protocol(&self) -> Option<&'static str> {
        let mut runs = self.runs.iter();
        runs.find_map(|run| other_protocol::detect(&run.bytes))
    }

    /// The packets of both directions, with their breaches, in the order in which they were complete.
    /// Without times, the order is a guess.
    pub fn transcript(&self, version: Option<Version>) -> Transcript<'_> {
        let learnt = version.or_else(|| self.version());
        let mut events = Vec::new();
        for run in &self.runs {
            // a CONNECT names its version
            let is_connect = run.sender == Sender::Client && starts_with_connect(&run.bytes);
            let named = if is_connect { version } else { learnt };
            let (skipped, stream) = run.read(named, self.rules);
            if skipped > 0 {
                events.push(run.unread(skipped, skipped));
            }
            for mut record in stream.records {
                let arrival = run.arrival(skipped + record.offset + record.bytes.len());
                record.offset += run.offset + skipped;
                events.push(TimedEvent {
                    arrival,
                    event: Event::Packet(record),
                });
            }
            if stream.unread > 0 {
                events.push(run.unread(run.bytes.len(), stream.unread));
            }
        }
        for gap in &self.gaps {
            events.push(TimedEvent {
                arrival: Some(gap.arrival),
                event: Event::Missing {
                    sender: gap.sender,
                    length: gap.length,
                },
            });
        }
        events.sort_by_key(|it| it.arrival.map(|arrival| arrival.order));
        let order = self.check(&mut events);
        Transcript {
            events,
            version: learnt,
            order,
        }
    }

    /// Finds an order if none was recorded, and sets the breaches.
    fn check(&self, events: &mut Vec<TimedEvent<'_>>) -> Order {
        let has = |sender| events.iter().any(|it| it.event.sender() == sender);
        let both = has(Sender::Client) && has(Sender::Server);
        if events.is_empty() || !self.from_start && !both {
            return Order::Recorded;
        }
        let is_connect =
            |it: &TimedEvent<'_>| matches!(it.event.packet(), Some(Packet::Connect(_)));
        let is_timed = events.iter().any(|it| it.arrival.is_some());
        let mut of_client = events
            .iter()
            .filter(|it| it.event.sender() == Sender::Client);
        let has_beginning = if is_timed {
            self.from_start || of_client.next().is_some_and(is_connect)
        } else {
            of_client.any(is_connect)
        };
        let beginning = if has_beginning {
            Beginning::Seen
        } else {
            Beginning::Unseen
        };
        let order = if is_timed {
            Order::Recorded
        } else {
            order::interleave(events, beginning)
        };
        if order != Order::Unknown {
            watch::check(events, beginning);
        }
        order
    }

    /// The version that CONNECT names, or in which most packets are valid.
    fn version(&self) -> Option<Version> {
        let clients = self.runs.iter().filter(|run| run.sender == Sender::Client);
        let mut connects = clients.filter(|run| starts_with_connect(&run.bytes));
        if let Some(version) = connects.find_map(|run| connect_version(&run.bytes)) {
            return Some(version);
        }
        let good_packets = |version: &Version| {
            let of_run = |run: &Run| {
                let (_, stream) = run.read(Some(*version), self.rules);
                let good = stream.records.iter().filter(|it| it.is_accepted());
                good.count()
            };
            self.runs.iter().map(of_run).sum::<usize>()
        };
        // among equals, the last one
        [Version::V3_1, Version::V3_1_1, Version::V5]
            .into_iter()
            .max_by_key(good_packets)
    }
}

impl Run {
    /// The packets, and before them the number of bytes of a packet that began earlier.
    fn read(&self, version: Option<Version>, rules: DecodeRules) -> (usize, Stream<'_>) {
        let read_from = |start: usize| {
            let bytes = self.bytes.get(start..).unwrap_or_default();
            (
                start,
                Stream::read(bytes, version, Some(self.sender), rules),
            )
        };
        let whole = read_from(0);
        let begins_well =
            |stream: &Stream<'_>| stream.records.first().is_none_or(|it| !it.is_refused());
        let is_connect = starts_with_connect(&self.bytes) && connect_version(&self.bytes).is_some();
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

    /// Bytes that are not decoded; the last of them is before `end`.
    fn unread(&self, end: usize, length: usize) -> TimedEvent<'_> {
        TimedEvent {
            arrival: self.arrival(end),
            event: Event::Unread {
                sender: self.sender,
                length,
            },
        }
    }

    /// The arrival of the byte before `end`.
    fn arrival(&self, end: usize) -> Option<Arrival> {
        let index = self.arrivals.partition_point(|(upto, _)| *upto < end);
        self.arrivals.get(index).map(|(_, arrival)| *arrival)
    }
}
