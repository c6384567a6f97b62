//! From packets to connections.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::fragments::Fragments;
use super::ip::{IpPayload, TcpPacket, ip_payload, tcp_packet};
use super::raw::{NoTcp, RawPacket};
use super::segment::{Ends, Outcome, Peer, Segment};
use super::skipped::Skipped;
use super::tcp::{Arrival, Connection};

/// Receives what happens on the connections.
pub trait Observer {
    /// Receives a piece of a connection.
    fn segment(&mut self, ends: &Ends, segment: Segment<'_>) -> io::Result<Followed>;

    /// Nothing more will come of a connection.
    fn outcome(&mut self, ends: &Ends, outcome: Outcome) -> io::Result<()>;
}

/// Whether an observer wants to have more of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// It keeps this number of bytes for it.
    Yes {
        kept: usize,
    },
    No,
}

/// Sorts packets into connections.
pub struct Connections {
    /// Only connections with one of these ports are kept, if there are any.
    port: Option<u16>,
    /// The ports on which UDP is counted.
    mqtt_ports: Vec<u16>,
    packets: u64,
    skipped: Skipped,
    fragments: Fragments,
    table: HashMap<Key, Entry>,
    /// The connections, the least recently used ones first.
    queue: VecDeque<LastUse>,
    /// Those with packets that wait for bytes which were acknowledged, in the order of time.
    blocked: VecDeque<(Key, Arrival)>,
    /// The memory that all connections need.
    kept: usize,
    /// How many connections there were so far.
    count: u64,
}

/// The two ends, the lower one first.
type Key = (SocketAddr, SocketAddr);

/// A use of a connection that may have been used since, or replaced by another one.
struct LastUse {
    key: Key,
    /// The number of the connection.
    number: u64,
    packet: u64,
}

struct Entry {
    ends: Ends,
    tcp: Connection,
    is_followed: bool,
    /// What the observer keeps.
    kept_by_observer: usize,
    /// What is kept in all.
    kept: usize,
    last_packet: u64,
}

impl Connections {
    /// The memory for all connections.
    const MOST_KEPT: usize = 40 << 20;
    /// The memory for a connection without data.
    const OF_A_CONNECTION: usize = 1024;
    /// How long captured packets may be in another order than on the network.
    const REORDERING: Duration = Duration::from_millis(250);
    /// The same in packets, for captures without times.
    const REORDERED_PACKETS: u64 = 10_000;

    /// With a `port`, only connections of which one end has this port. UDP is counted on this port,
    /// or else on the `usual_ports`.
    pub fn new(port: Option<u16>, usual_ports: &[u16]) -> Self {
        Self {
            port,
            mqtt_ports: port.map_or(usual_ports.to_vec(), |port| vec![port]),
            packets: 0,
            skipped: Skipped::default(),
            fragments: Fragments::default(),
            table: HashMap::new(),
            queue: VecDeque::new(),
            blocked: VecDeque::new(),
            kept: 0,
            count: 0,
        }
    }

    /// How many packets there were so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// The packets that are in no connection.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// The memory that all connections need.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Counts a packet that no header describes.
    pub fn malformed(&mut self) {
        self.packets += 1;
        self.skipped.malformed += 1;
    }

    /// Adds a packet to its connection.
    pub fn packet(&mut self, raw: &RawPacket<'_>, observer: &mut dyn Observer) -> io::Result<()> {
        self.packets += 1;
        self.release_blocked(raw.time, observer)?;
        let ip = match ip_payload(raw) {
            Ok(ip) => ip,
            Err(reason) => {
                self.skip(&reason);
                return Ok(());
            }
        };
        let Some(fragment) = &ip.fragment else {
            return self.ip_packet(&ip, raw.time, observer);
        };
        let whole = self.fragments.add(&ip, fragment, self.packets, raw.time);
        let Some(bytes) = whole else {
            return Ok(());
        };
        let whole = IpPayload {
            fragment: None,
            bytes: &bytes,
            cut: 0,
            ..ip
        };
        self.ip_packet(&whole, raw.time, observer)
    }

    /// The capture ends.
    pub fn finish(&mut self, observer: &mut dyn Observer) -> io::Result<()> {
        self.fragments.finish();
        self.skipped.fragments = self.fragments.abandoned;
        let mut entries: Vec<_> = self.table.drain().map(|(_, entry)| entry).collect();
        entries.sort_by_key(|entry| entry.ends.number);
        for mut entry in entries {
            entry.close(Outcome::CaptureEnds, observer)?;
        }
        Ok(())
    }

    fn skip(&mut self, reason: &NoTcp) {
        let skipped = &mut self.skipped;
        match reason {
            NoTcp::Udp(ports) if ports.iter().any(|port| self.mqtt_ports.contains(port)) => {
                skipped.udp += 1;
            }
            NoTcp::OtherProtocol | NoTcp::Udp(_) => skipped.other_protocol += 1,
            NoTcp::Malformed => skipped.malformed += 1,
            NoTcp::Encrypted => skipped.encrypted += 1,
            NoTcp::UnknownLink(link) => *skipped.unknown_link.entry(link.0).or_default() += 1,
        }
    }

    fn ip_packet(
        &mut self,
        ip: &IpPayload<'_>,
        time: Duration,
        observer: &mut dyn Observer,
    ) -> io::Result<()> {
        let packet = match tcp_packet(ip, self.packets, time) {
            Ok(packet) => packet,
            Err(reason) => {
                self.skip(&reason);
                return Ok(());
            }
        };
        let (source, destination) = (packet.source, packet.destination);
        let has_port = |port| source.port() == port || destination.port() == port;
        if self.port.is_some_and(|port| !has_port(port)) {
            self.skipped.other_port += 1;
            return Ok(());
        }
        let key = (source.min(destination), source.max(destination));
        if let Some(entry) = self.table.get_mut(&key) {
            let sender = entry.sender(&packet);
            if entry.tcp.is_replaced_by(sender, &packet, entry.is_followed) {
                self.remove(&key, Outcome::CaptureEnds, observer)?;
            }
        }
        self.tcp_packet(key, &packet, observer)?;
        self.drop_least_recent(observer)
    }

    fn tcp_packet(
        &mut self,
        key: Key,
        packet: &TcpPacket<'_>,
        observer: &mut dyn Observer,
    ) -> io::Result<()> {
        let entry = self.table.entry(key).or_insert_with(|| {
            self.count += 1;
            self.queue.push_back(LastUse {
                key,
                number: self.count,
                packet: packet.number,
            });
            self.kept += Self::OF_A_CONNECTION;
            Entry::new(self.count, packet, Self::OF_A_CONNECTION)
        });
        let sender = entry.sender(packet);
        entry.last_packet = packet.number;
        if !entry.is_followed {
            return Ok(());
        }
        if packet.syn && entry.ends.opener.is_none() {
            let accepts = packet.acknowledged.is_some();
            entry.ends.opener = Some(if accepts { sender.other() } else { sender });
        }
        let was_blocked = entry.tcp.blocked_since;
        let before = entry.kept;
        entry.read(observer, |tcp, sink| tcp.packet(sender, packet, sink))?;
        self.kept = self.kept + entry.kept - before;
        let blocked = entry.tcp.blocked_since;
        if let Some(since) = blocked.filter(|since| Some(*since) != was_blocked) {
            self.blocked.push_back((key, since));
        }
        Ok(())
    }

    /// Lets the connections go on that have waited for long enough.
    fn release_blocked(&mut self, now: Duration, observer: &mut dyn Observer) -> io::Result<()> {
        while let Some((key, since)) = self.blocked.front() {
            let (key, since) = (*key, *since);
            let waited = now.saturating_sub(since.time);
            let is_late = self.packets - since.packet > Self::REORDERED_PACKETS;
            if waited <= Self::REORDERING && !is_late {
                break;
            }
            self.blocked.pop_front();
            let Some(entry) = self.table.get_mut(&key) else {
                continue;
            };
            if entry.tcp.blocked_since == Some(since) {
                let before = entry.kept;
                entry.read(observer, Connection::give_up_acknowledged)?;
                self.kept = self.kept + entry.kept - before;
            }
        }
        Ok(())
    }

    /// Drops connections until the memory is enough.
    fn drop_least_recent(&mut self, observer: &mut dyn Observer) -> io::Result<()> {
        if self.queue.len() > 2 * self.table.len() + 1000 {
            let table = &self.table;
            let is_current = |it: &LastUse| {
                let entry = table.get(&it.key);
                entry.is_some_and(|entry| entry.ends.number == it.number)
            };
            self.queue.retain(is_current);
        }
        while self.kept > Self::MOST_KEPT {
            let Some(LastUse {
                key,
                number,
                packet,
            }) = self.queue.pop_front()
            else {
                break;
            };
            let entry = self.table.get(&key);
            let last_packet = match entry.filter(|entry| entry.ends.number == number) {
                Some(entry) => entry.last_packet,
                None => continue,
            };
            if last_packet > packet {
                self.queue.push_back(LastUse {
                    key,
                    number,
                    packet: last_packet,
                });
            } else {
                self.remove(&key, Outcome::Dropped, observer)?;
            }
        }
        Ok(())
    }

    fn remove(
        &mut self,
        key: &Key,
        outcome: Outcome,
        observer: &mut dyn Observer,
    ) -> io::Result<()> {
        if let Some(mut entry) = self.table.remove(key) {
            self.kept -= entry.kept;
            entry.close(outcome, observer)?;
        }
        Ok(())
    }
}

impl Entry {
    fn new(number: u64, packet: &TcpPacket<'_>, kept: usize) -> Self {
        Self {
            ends: Ends {
                number,
                first: packet.source,
                second: packet.destination,
                opener: None,
                from_start: false,
            },
            tcp: Connection::default(),
            is_followed: true,
            kept_by_observer: 0,
            kept,
            last_packet: packet.number,
        }
    }

    fn sender(&self, packet: &TcpPacket<'_>) -> Peer {
        if packet.source == self.ends.first {
            Peer::First
        } else {
            Peer::Second
        }
    }

    /// Hands what `step` finds to the observer.
    fn read(
        &mut self,
        observer: &mut dyn Observer,
        step: impl FnOnce(
            &mut Connection,
            &mut dyn FnMut(Segment<'_>) -> io::Result<()>,
        ) -> io::Result<()>,
    ) -> io::Result<()> {
        self.ends.from_start = self.tcp.is_from_start();
        let mut followed = Followed::Yes {
            kept: self.kept_by_observer,
        };
        let ends = &self.ends;
        step(&mut self.tcp, &mut |segment| {
            if followed != Followed::No {
                followed = observer.segment(ends, segment)?;
            }
            Ok(())
        })?;
        if self.tcp.is_over && followed != Followed::No {
            observer.outcome(&self.ends, Outcome::Ended)?;
            followed = Followed::No;
        }
        self.kept = Connections::OF_A_CONNECTION;
        match followed {
            Followed::Yes { kept } => {
                self.kept_by_observer = kept;
                self.kept += kept + self.tcp.kept();
            }
            Followed::No => {
                self.is_followed = false;
                self.tcp.forget();
            }
        }
        Ok(())
    }

    fn close(&mut self, outcome: Outcome, observer: &mut dyn Observer) -> io::Result<()> {
        if !self.is_followed {
            return Ok(());
        }
        self.read(observer, Connection::flush)?;
        if self.is_followed {
            observer.outcome(&self.ends, outcome)?;
        }
        Ok(())
    }
}
