//! Packets, broken rules and waiting times, counted over all connections.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use mqtt_wire::{Delivery, Packet, PacketType, Sender, Statement, Version};

use crate::event::{Event, LiveEvent, Missing, Moment, Notice, Record, Status, Verdict};
use crate::filter::IS_PAGE;

/// Counts of packets, bytes, connections and broken rules, and waiting times.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    pub connections: u64,
    /// How connections ended.
    pub ends: BTreeMap<End, u64>,
    /// The packets by type. A packet without a type is one whose first byte has none.
    pub packets: BTreeMap<(Option<PacketType>, Sender), Volume>,
    /// Bytes that were captured and not decoded.
    pub unread_bytes: u64,
    /// Bytes that were not seen.
    pub missing_bytes: u64,
    /// Packets that break a rule.
    pub invalid: u64,
    /// Broken rules of WebSocket.
    pub websocket: u64,
    /// How often each statement was broken.
    violations: BTreeMap<(Version, &'static str), (Statement, u64)>,
    pub waits: BTreeMap<Exchange, Waits>,
    /// Requests whose answers were not timed, because too many were open.
    pub untimed: u64,
    /// The times of the first and the last event, since 1970.
    span: Option<(Duration, Duration)>,
}

/// The statistics, if a summary is wanted. The page in a browser never has one, and the constant keeps
/// the code out of its module.
#[derive(Debug, Default)]
pub struct Wanted(Option<Statistics>);

impl Wanted {
    pub fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(Statistics::default))
    }

    pub fn get(&self) -> Option<&Statistics> {
        self.0.as_ref().filter(|_| !IS_PAGE)
    }

    pub fn get_mut(&mut self) -> Option<&mut Statistics> {
        self.0.as_mut().filter(|_| !IS_PAGE)
    }
}

/// A number of packets, and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Volume {
    pub packets: u64,
    pub bytes: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Disconnect(Sender),
    Closed(Sender),
    Reset(Sender),
    /// The proxy could not reach the server.
    Failed,
    /// It had not ended when the capture or the program did.
    Open,
}

/// A request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    pub request: PacketType,
    pub answer: PacketType,
}

/// The times between requests and answers.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    pub number: u64,
    pub total: Duration,
    /// The longest ones, the longest first.
    pub longest: Vec<Wait>,
}

#[derive(Debug, Clone, Copy)]
pub struct Wait {
    pub time: Duration,
    /// The number of the connection.
    pub connection: u64,
    /// When the request was sent.
    pub sent: Moment,
    pub packet_id: Option<u16>,
}

impl Statistics {
    /// Counts a packet.
    pub fn packet(&mut self, record: &Record<'_>) {
        // an incomplete one may become complete later
        if matches!(record.verdict, Verdict::Incomplete(_)) {
            return;
        }
        self.volume(
            record.packet_type(),
            record.dialect.sender(),
            record.bytes.len(),
        );
        self.invalid += u64::from(Status::of(record) != Status::Valid);
        if let Verdict::Reject(error) = record.verdict {
            error.statements().for_each(|it| self.violation(it));
        }
        for breach in record.breaches.iter().flatten() {
            breach.statements().for_each(|it| self.violation(it));
        }
    }

    /// Counts an event of a transcript.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Packet(record) => self.packet(record),
            Event::Unread { length, .. } => self.unread_bytes += *length as u64,
        }
    }

    /// Counts an event.
    pub fn live_event(&mut self, at: Moment, event: &LiveEvent<'_>) {
        let first = self.span.map_or(at.wall, |(first, _)| first.min(at.wall));
        self.span = Some((first, at.wall));
        match event {
            LiveEvent::Packet(event) => self.event(event),
            LiveEvent::TooLong {
                sender,
                packet_type,
                length,
            } => self.volume(*packet_type, *sender, *length),
            LiveEvent::Skipped { length, .. } => self.missing_bytes += length,
            LiveEvent::Missing { missing, .. } => {
                self.missing_bytes += match missing {
                    Missing::Bytes(length) => *length,
                    Missing::BytesOrFin(length) => length - 1,
                }
            }
            LiveEvent::Unread { length, .. } => self.unread_bytes += *length as u64,
            LiveEvent::WebSocket {
                notice: Notice::Fault(..),
                ..
            } => self.websocket += 1,
            LiveEvent::OtherProtocol(_)
            | LiveEvent::Lost(_)
            | LiveEvent::Changed(_)
            | LiveEvent::WebSocket { .. }
            | LiveEvent::Bytes { .. } => {}
        }
    }

    /// Counts a connection.
    pub fn connection(&mut self, end: End) {
        self.connections += 1;
        *self.ends.entry(end).or_default() += 1;
    }

    /// Adds other statistics.
    pub fn add(&mut self, other: Self) {
        let Self {
            connections,
            ends,
            packets,
            unread_bytes,
            missing_bytes,
            invalid,
            websocket,
            violations,
            waits,
            untimed,
            span,
        } = other;
        self.connections += connections;
        for (end, number) in ends {
            *self.ends.entry(end).or_default() += number;
        }
        for (key, volume) in packets {
            let sum = self.packets.entry(key).or_default();
            sum.packets += volume.packets;
            sum.bytes += volume.bytes;
        }
        self.unread_bytes += unread_bytes;
        self.missing_bytes += missing_bytes;
        self.invalid += invalid;
        self.websocket += websocket;
        for (key, (statement, number)) in violations {
            self.violations.entry(key).or_insert((statement, 0)).1 += number;
        }
        for (exchange, waits) in waits {
            self.waits.entry(exchange).or_default().add(waits);
        }
        self.untimed += untimed;
        self.span = match (self.span, span) {
            (Some((first, last)), Some((other_first, other_last))) => {
                Some((first.min(other_first), last.max(other_last)))
            }
            (one, other) => one.or(other),
        };
    }

    /// The broken statements, the most frequent first.
    pub fn violations(&self) -> Vec<(Statement, u64)> {
        let mut all: Vec<_> = self.violations.values().copied().collect();
        all.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        all
    }

    /// All packets.
    pub fn total(&self) -> Volume {
        let mut total = Volume::default();
        for volume in self.packets.values() {
            total.packets += volume.packets;
            total.bytes += volume.bytes;
        }
        total
    }

    /// The time from the first event to the last one, if their times are known.
    pub fn duration(&self) -> Option<Duration> {
        self.span.map(|(first, last)| last.saturating_sub(first))
    }

    fn volume(&mut self, packet_type: Option<PacketType>, sender: Sender, length: usize) {
        let volume = self.packets.entry((packet_type, sender)).or_default();
        volume.packets += 1;
        volume.bytes += length as u64;
    }

    fn violation(&mut self, statement: Statement) {
        let key = (statement.version(), statement.id());
        self.violations.entry(key).or_insert((statement, 0)).1 += 1;
    }
}

impl Waits {
    /// How many of the longest are kept.
    const MOST: usize = 3;

    fn add_one(&mut self, wait: Wait) {
        self.number += 1;
        self.total += wait.time;
        let is_long = |it: &Wait| it.time < wait.time;
        if self.longest.len() < Self::MOST || self.longest.last().is_some_and(is_long) {
            let place = self.longest.partition_point(|it| it.time >= wait.time);
            self.longest.insert(place, wait);
            self.longest.truncate(Self::MOST);
        }
    }

    fn add(&mut self, other: Self) {
        let (number, total) = (self.number + other.number, self.total + other.total);
        other.longest.into_iter().for_each(|it| self.add_one(it));
        (self.number, self.total) = (number, total);
    }

    pub fn mean(&self) -> Duration {
        let seconds = self.total.as_secs_f64() / self.number.max(1) as f64;
        Duration::from_secs_f64(seconds)
    }
}

/// The requests of a connection that have no answer yet.
#[derive(Debug, Default)]
pub struct Requests {
    /// By sender and Packet Identifier.
    with_id: HashMap<(Sender, u16), (PacketType, Moment)>,
    pings: VecDeque<Moment>,
    connect: Option<Moment>,
}

impl Requests {
    /// The most open requests of a connection.
    const MOST: usize = 1 << 10;

    /// Observes an event. Adds the time of an answer to the statistics.
    pub fn observe(
        &mut self,
        connection: u64,
        at: Moment,
        event: &LiveEvent<'_>,
        statistics: &mut Statistics,
    ) {
        let event = match event {
            LiveEvent::Packet(event) => event,
            LiveEvent::OtherProtocol(_) | LiveEvent::Bytes { .. } => return,
            LiveEvent::WebSocket { notice, .. } if !matches!(notice, Notice::Unread { .. }) => {
                return;
            }
            // the next answers may belong to requests that were not seen
            _ => {
                *self = Self::default();
                return;
            }
        };
        let Some(packet) = event.packet() else {
            return;
        };
        let sender = event.sender();
        let id = packet.packet_id().map(|it| it.get());
        let answer = packet.packet_type();
        let sent = match packet {
            Packet::Connect(_) => {
                self.connect.get_or_insert(at);
                return;
            }
            Packet::PingReq => {
                if self.pings.len() < Self::MOST {
                    self.pings.push_back(at);
                } else {
                    statistics.untimed += 1;
                }
                return;
            }
            Packet::Publish(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => {
                let Some(id) = id else {
                    return;
                };
                if !is_repeated(packet) {
                    self.with_id.remove(&(sender, id));
                }
                if self.with_id.len() < Self::MOST {
                    let request = (answer, at);
                    self.with_id.entry((sender, id)).or_insert(request);
                } else {
                    statistics.untimed += 1;
                }
                return;
            }
            Packet::ConnAck(_) => self.connect.take().map(|at| (PacketType::Connect, at)),
            Packet::PingResp => {
                let ping = self.pings.pop_front();
                ping.map(|at| (PacketType::PingReq, at))
            }
            // the last answer to QoS 2, if it is an error
            Packet::PubRec(ack) if !ack.reason_code.is_failure() => return,
            Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubComp(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_) => {
                let id = id.unwrap_or_default();
                self.with_id.remove(&(sender.other(), id))
            }
            Packet::PubRel(_) | Packet::Disconnect(_) | Packet::Auth(_) => return,
        };
        let Some((request, sent)) = sent else {
            return;
        };
        let waits = statistics.waits.entry(Exchange { request, answer });
        waits.or_default().add_one(Wait {
            time: at.time.saturating_sub(sent.time),
            connection,
            sent,
            packet_id: id,
        });
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        const OF_A_REQUEST: usize = 80;
        (self.with_id.len() + self.pings.len()) * OF_A_REQUEST
    }
}

/// Whether a packet was sent before. The answer may belong to the first one.
fn is_repeated(packet: &Packet<'_>) -> bool {
    let Packet::Publish(publish) = packet else {
        return false;
    };
    match publish.delivery {
        Delivery::AtMostOnce => false,
        Delivery::AtLeastOnce { dup, .. } | Delivery::ExactlyOnce { dup, .. } => dup,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(milliseconds: u64) -> Wait {
        Wait {
            time: Duration::from_millis(milliseconds),
            connection: 1,
            sent: Moment::default(),
            packet_id: None,
        }
    }

    #[test]
    fn keeps_the_longest_waits_in_order() {
        let mut waits = Waits::default();
        for milliseconds in [3, 9, 1, 7, 8, 2] {
            waits.add_one(wait(milliseconds));
        }
        let mut more = Waits::default();
        more.add_one(wait(10));
        more.add_one(wait(0));
        waits.add(more);
        let longest: Vec<_> = waits.longest.iter().map(|it| it.time.as_millis()).collect();
        assert_eq!(longest, [10, 9, 8]);
        assert_eq!(waits.number, 8);
        assert_eq!(waits.mean(), Duration::from_millis(5));
    }
}
