//! Both directions of a connection, packet by packet in the order of time.

use std::time::Duration;

use mqtt_wire::{Sender, Version};

use crate::capture::{Data, Direction, Flow};
use crate::hint;
use crate::stream::{Record, Stream, sniff_version, starts_with_connect};

/// The bytes of both directions, in pieces without a gap.
#[derive(Debug, Default)]
pub struct Conversation {
    runs: Vec<Run>,
    gaps: Vec<(Arrival, Sender, u64)>,
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
pub enum Event<'a> {
    Packet(Record<'a>),
    /// So many bytes are not looked at.
    Unread(Sender, usize),
    /// So many bytes are not in the capture.
    Gap(Sender, u64),
}

impl Conversation {
    /// The bytes of each direction, without times.
    pub fn of_streams(client: Vec<u8>, server: Vec<u8>) -> Self {
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
        }
    }

    /// The bytes of a TCP connection.
    pub fn of_flow(flow: &Flow) -> Self {
        let mut conversation = Self::default();
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

    /// The packets of both directions in the order in which they were complete; without times
    /// those of the client come first. Also answers the version.
    pub fn events(
        &self,
        version: Option<Version>,
    ) -> (Vec<(Option<Arrival>, Event<'_>)>, Option<Version>) {
        let learnt = version.or_else(|| self.version());
        let mut events = Vec::new();
        for run in &self.runs {
            // a CONNECT is to be read as what it says it is
            let is_connect = run.sender == Sender::Client && starts_with_connect(&run.bytes);
            let named = if is_connect { version } else { learnt };
            let (skipped, stream) = run.read(named);
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
        (events, learnt)
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
                let (_, stream) = run.read(Some(*version));
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
    fn read(&self, version: Option<Version>) -> (usize, Stream<'_>) {
        let read_from = |start: usize| {
            let bytes = self.bytes.get(start..).unwrap_or_default();
            (start, Stream::read(bytes, version, Some(self.sender)))
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
