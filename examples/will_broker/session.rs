//! The messages on their way to and from one client.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_wire::{PacketId, QoS, SubscriptionId, SubscriptionOptions, TopicFilter, TopicName};

use super::message::{Message, Queued};

/// The number of messages that wait for a client. Later ones are dropped.
const MAX_QUEUED: usize = 1000;
/// The number of messages that a client has not acknowledged, even if it would accept more.
const MAX_IN_FLIGHT: usize = 100;

/// The Session State of a client, which may outlive its connection (section 4.1).
#[derive(Debug)]
pub struct Session {
    pub subscriptions: HashMap<String, Subscribed>,
    queue: VecDeque<Queued>,
    /// In the order in which they were first sent; those of this connection come first.
    in_flight: VecDeque<InFlight>,
    /// The number of those sent in this connection.
    sent: usize,
    /// The limit of `sent`.
    max_sent: usize,
    last_packet_id: PacketId,
    /// QoS 2 messages from the client whose PUBREL has not arrived yet.
    unreleased: HashSet<PacketId>,
    /// The number of those from earlier connections.
    unreleased_before: usize,
}

#[derive(Debug, Clone, Copy)]
pub struct Subscribed {
    pub options: SubscriptionOptions,
    pub id: Option<SubscriptionId>,
}

#[derive(Debug)]
struct InFlight {
    packet_id: PacketId,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    /// PUBLISH was sent.
    Published(Arc<Queued>),
    /// PUBREC arrived.
    Received,
}

/// The next packet to send.
#[derive(Debug)]
pub enum Next {
    Publish {
        outgoing: Arc<Queued>,
        packet_id: Option<PacketId>,
        dup: bool,
    },
    PubRel(PacketId),
}

impl Session {
    pub fn new() -> Self {
        Self {
            subscriptions: HashMap::new(),
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            sent: 0,
            max_sent: 0,
            last_packet_id: PacketId::MIN,
            unreleased: HashSet::new(),
            unreleased_before: 0,
        }
    }

    /// Begins a connection. Everything that the last one left open is sent again.
    pub fn resume(&mut self, receive_maximum: u16) {
        self.sent = 0;
        self.max_sent = usize::from(receive_maximum).min(MAX_IN_FLIGHT);
        self.unreleased_before = self.unreleased.len();
    }

    /// The copy of a message for the client, if any of its subscriptions matches. It has the highest QoS
    /// among them and the identifiers of all.
    pub fn copy_for(
        &self,
        client_id: &Arc<str>,
        message: &Arc<Message>,
        topic: TopicName<'_>,
    ) -> Option<Queued> {
        let is_own = message.publisher == *client_id;
        let matching = self.subscriptions.iter().filter(|(filter, subscribed)| {
            !(is_own && subscribed.options.no_local)
                && TopicFilter::new(filter).is_ok_and(|filter| filter.matches(topic))
        });
        let (mut granted, mut retain, mut subscription_ids) = (None, false, Vec::new());
        for (_, Subscribed { options, id }) in matching {
            granted = granted.max(Some(options.qos));
            retain |= message.retain && options.retain_as_published;
            subscription_ids.extend(id);
        }
        Some(Queued {
            message: message.clone(),
            qos: message.qos.min(granted?),
            retain,
            subscription_ids,
        })
    }

    pub fn push(&mut self, outgoing: Queued) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(outgoing);
        }
    }

    /// Takes out the next packet to send, within the client's Receive Maximum.
    pub fn next(&mut self) -> Option<Next> {
        if let Some(InFlight { packet_id, stage }) = self.in_flight.get(self.sent) {
            let (packet_id, stage) = (*packet_id, stage.clone());
            return match stage {
                Stage::Received => {
                    self.sent += 1;
                    Some(Next::PubRel(packet_id))
                }
                Stage::Published(_) if self.sent >= self.max_sent => None,
                Stage::Published(outgoing) => {
                    self.sent += 1;
                    let packet_id = Some(packet_id);
                    Some(Next::Publish {
                        outgoing,
                        packet_id,
                        dup: true,
                    })
                }
            };
        }
        let needs_packet_id = self.queue.front()?.qos != QoS::AtMostOnce;
        if needs_packet_id && self.sent >= self.max_sent {
            return None;
        }
        let outgoing = Arc::new(self.queue.pop_front()?);
        let packet_id = needs_packet_id.then(|| self.free_packet_id());
        if let Some(packet_id) = packet_id {
            let stage = Stage::Published(outgoing.clone());
            self.in_flight.push_back(InFlight { packet_id, stage });
            self.sent += 1;
        }
        Some(Next::Publish {
            outgoing,
            packet_id,
            dup: false,
        })
    }

    fn free_packet_id(&mut self) -> PacketId {
        loop {
            self.last_packet_id = self.last_packet_id.next();
            if self.find(self.last_packet_id).is_none() {
                return self.last_packet_id;
            }
        }
    }

    fn find(&self, packet_id: PacketId) -> Option<usize> {
        self.in_flight
            .iter()
            .position(|it| it.packet_id == packet_id)
    }

    /// Ends a delivery, after PUBACK, PUBCOMP, or a PUBREC that refuses the message.
    pub fn finish(&mut self, packet_id: PacketId) {
        if let Some(at) = self.find(packet_id) {
            self.in_flight.remove(at);
            self.sent -= usize::from(at < self.sent);
        }
    }

    /// Handles a PUBREC. Returns whether there is such a message.
    pub fn received(&mut self, packet_id: PacketId) -> bool {
        let found = self
            .find(packet_id)
            .and_then(|at| self.in_flight.get_mut(at));
        found.map(|it| it.stage = Stage::Received).is_some()
    }

    /// Handles a PUBLISH with QoS 2. Returns whether it is new.
    pub fn hold(&mut self, packet_id: PacketId) -> bool {
        self.unreleased.insert(packet_id)
    }

    /// Whether this connection has more unreleased QoS 2 messages than it may have.
    pub fn holds_too_many(&self, receive_maximum: NonZeroU16) -> bool {
        let allowed = usize::from(receive_maximum.get());
        self.unreleased.len() > self.unreleased_before + allowed
    }

    /// Handles a PUBREL. Returns whether there is such a message.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        self.unreleased.remove(&packet_id)
    }
}
