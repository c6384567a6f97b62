//! The monitor of the library, where the packets pass it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mqtt_wire::monitor::{BreachKind, Monitor};
use mqtt_wire::{Dialect, Sender, Version, Waivers};

use crate::packet::Packet;

/// A monitor and the breaches that it has reported.
#[derive(Debug, Clone)]
pub struct Tap {
    monitor: Arc<Monitor<'static>>,
    /// A fingerprint of the monitor.
    digest: u64,
    pub breaches: Vec<(Sender, BreachKind)>,
}

impl Tap {
    /// A monitor for a new connection.
    pub fn new(breaches: Vec<(Sender, BreachKind)>) -> Self {
        let monitor = Monitor::new();
        Self {
            digest: digest(&monitor),
            monitor: Arc::new(monitor),
            breaches,
        }
    }

    /// The packet passes.
    pub fn observe(&mut self, version: Version, sender: Sender, packet: &Packet) {
        let bytes = packet.bytes(version);
        // such a CONNECT is refused with its own code, so the monitor checks the answer
        let dialect = Dialect::new(version, sender).waiving(Waivers::EMPTY_CLIENT_ID);
        let decoded = mqtt_wire::Packet::decode(&bytes, dialect)
            .unwrap_or_else(|error| panic!("{packet:?}: {bytes:02x?}: {error}"));
        let mut monitor = Monitor::clone(&self.monitor);
        monitor.observe(dialect, &decoded, bytes.len(), |breach| {
            assert!(breach.statement().is_some(), "{breach}: no statement");
            self.breaches.push((breach.sender(), breach.kind()));
        });
        self.digest = digest(&monitor);
        self.monitor = Arc::new(monitor);
    }
}

impl PartialEq for Tap {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, &self.breaches) == (other.digest, &other.breaches)
    }
}

impl Hash for Tap {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.digest.hash(hasher);
        self.breaches.hash(hasher);
    }
}

/// A hash of the monitor's `Debug` text, which shows all of its fields.
///
/// Three details are left out, because the monitor behaves the same without them. The records of exchanges have an order in
/// their list; but there is one record for each side and identifier, and the monitor searches it by them. A record has the
/// time at which its stage was reached, and the clock is above all times; but the monitor only compares times of one
/// side's exchanges at one stage, so their order is enough. The credit of a side is only compared with a Receive Maximum, and
/// without one no number of messages is above it.
fn digest(monitor: &Monitor<'_>) -> u64 {
    let text = format!("{monitor:?}");
    let (before, exchanges) = text.split_once("records: Owned([").expect("the records");
    let (records, after) = exchanges.split_once("]), clock: ").expect("the clock");
    let (_clock, after) = after.split_once(", ").expect("a field behind the clock");
    let (after, credit) = after.split_once(", credit: ").expect("the credit");
    let (credit, last) = credit
        .split_once(" }, ")
        .expect("a field behind the credit");
    let is_limited = text.matches("receive_maximum: 65535").count() < 2;
    let credit = is_limited.then_some(credit);
    let records: Vec<Record<'_>> = records
        .split("Exchange { ")
        .skip(1)
        .map(Record::new)
        .collect();
    let mut ranked: Vec<_> = records.iter().map(|it| it.ranked(&records)).collect();
    ranked.sort_unstable();
    let mut hasher = DefaultHasher::new();
    (before, ranked, after, credit, last).hash(&mut hasher);
    hasher.finish()
}

/// The text of an exchange: `owner: Client, packet_id: PacketId(1), stage: PubAck, is_open: true, ..., order: 1, extra: ...`
struct Record<'t> {
    owner: &'t str,
    packet_id: &'t str,
    stage: &'t str,
    order: u64,
    flags: &'t str,
    extra: &'t str,
}

impl<'t> Record<'t> {
    fn new(text: &'t str) -> Self {
        let cut = |text: &'t str, at| text.split_once(at).expect("a field of an exchange");
        let (owner, text) = cut(text, ", packet_id: ");
        let (packet_id, text) = cut(text, ", stage: ");
        let (stage, text) = cut(text, ", is_open: ");
        let (flags, text) = cut(text, ", order: ");
        let (order, extra) = cut(text, ", extra: ");
        Self {
            owner,
            packet_id,
            stage,
            order: order.parse().expect("a number"),
            flags,
            extra: extra.trim_end_matches(", "),
        }
    }

    /// The record with a rank in place of the time: 0 if it is not known.
    fn ranked(&self, all: &[Self]) -> (&str, &str, &str, usize, &str, &str) {
        let is_earlier = |it: &&Self| {
            it.owner == self.owner && it.stage == self.stage && (1..=self.order).contains(&it.order)
        };
        let rank = all.iter().filter(is_earlier).count();
        (
            self.owner,
            self.packet_id,
            self.stage,
            rank,
            self.flags,
            self.extra,
        )
    }
}
