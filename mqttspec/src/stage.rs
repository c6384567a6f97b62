//! The stage of a scenario: named clients of the broker, and the steps that they take.
//!
//! A step returns a [`Stop`] if the scenario cannot go on, or if the broker is at fault.

mod client;
mod message;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_wire::{PacketId, Publish, Version};

pub use self::client::{Client, Connecting, Incoming, subscription};
pub use self::message::Message;
use crate::connection::Passed;
use crate::subject::{Patience, Subject};

/// The end of a scenario before its last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Bytes of the broker break the statement.
    Breach(String),
    /// Something did not come that has to come, and the broker answered a later PINGREQ. In the
    /// second attempt, with more patience, this is a breach.
    Missing(String),
    /// The broker does not do what it should do.
    NonStrict(String),
    /// The broker lacks something that the scenario needs.
    Unsupported(String),
    /// The standard leaves it open.
    Open(String),
    /// No verdict: the time or the connection.
    Unclear(String),
}

/// The end of a scenario. `Ok` if the broker keeps the statement.
pub type Outcome = Result<(), Stop>;

/// A breach unless the condition holds.
pub fn require(holds: bool, breach: impl FnOnce() -> String) -> Outcome {
    match holds {
        true => Ok(()),
        false => Err(Stop::Breach(breach())),
    }
}

/// What the clients of one attempt share.
pub struct Stage<'a> {
    subject: &'a Subject,
    version: Version,
    patience: Patience,
    /// The first level of all topics.
    prefix: String,
    client_ids: RefCell<BTreeMap<&'static str, String>>,
    last_packet_id: Cell<u16>,
    exchange: RefCell<Vec<Passed>>,
    breaches: RefCell<Vec<String>>,
    /// Clients and topics to clean up.
    sessions: RefCell<Vec<String>>,
    retained: RefCell<Vec<String>>,
}

impl<'a> Stage<'a> {
    pub fn new(subject: &'a Subject, version: Version, patience: Patience) -> Self {
        Self {
            subject,
            version,
            patience,
            prefix: subject.fresh_client_id(),
            client_ids: RefCell::default(),
            last_packet_id: Cell::new(0),
            exchange: RefCell::default(),
            breaches: RefCell::default(),
            sessions: RefCell::default(),
            retained: RefCell::default(),
        }
    }

    pub const fn version(&self) -> Version {
        self.version
    }

    pub fn is_v5(&self) -> bool {
        self.version == Version::V5
    }

    /// The time for something that has to come.
    pub const fn patience(&self) -> Duration {
        self.patience.answer
    }

    /// A topic that no other scenario uses.
    pub fn topic(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Whether a message belongs to another scenario, or to none: its topic has not the level that
    /// all topics of this scenario have.
    fn is_foreign(&self, publish: &Publish<'_>) -> bool {
        let topic = publish.topic_name.map_or("", |it| it.as_str());
        let mut levels = topic.split('/');
        let is_own = levels.any(|it| it.trim_start_matches('$') == self.prefix);
        !topic.is_empty() && !topic.starts_with("$SYS") && !is_own
    }

    /// The client with this name, before it connects. The same name has the same client identifier.
    pub fn client(&self, name: &'static str) -> Connecting<'_> {
        Connecting::new(self, name)
    }

    fn client_id(&self, name: &'static str) -> String {
        let mut ids = self.client_ids.borrow_mut();
        let id = ids
            .entry(name)
            .or_insert_with(|| self.subject.fresh_client_id());
        id.clone()
    }

    /// A Packet Identifier that no client of the stage has used.
    pub fn next_packet_id(&self) -> PacketId {
        let next = self.last_packet_id.get().wrapping_add(1).max(1);
        self.last_packet_id.set(next);
        PacketId::new(next).unwrap_or(PacketId::new(1).expect("not 0"))
    }

    /// Removes the sessions and the retained messages, and returns the bytes of all connections and
    /// the rules that the broker broke. All clients have to be dropped.
    pub fn finish(self) -> (Vec<Passed>, Vec<String>) {
        let mut topics = self.retained.into_inner();
        topics.sort();
        topics.dedup();
        let mut clients = self.sessions.into_inner();
        clients.sort();
        clients.dedup();
        if !topics.is_empty() || !clients.is_empty() {
            self.subject.forget(self.version, &topics, &clients);
        }
        let mut exchange = self.exchange.into_inner();
        exchange.sort_by_key(|it| it.at);
        (exchange, self.breaches.into_inner())
    }
}
