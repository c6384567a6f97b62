//! The messages on their way to and from one client.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use mqtt_wire::{PacketId, PacketType, QoS, TopicFilter};

use crate::message::{Fanout, Queued};
use crate::retained::Retained;
use crate::router::Subscribed;

/// The most messages that a client has not acknowledged, even if it would accept more.
const MAX_IN_FLIGHT: usize = 100;

/// The Session State of a client, which may outlive its connection (section 4.1).
#[derive(Debug)]
pub struct Session {
    pub client_id: Arc<str>,
    /// The filters that it has subscribed to.
    pub filters: HashSet<Box<str>>,
    /// Retained messages for new subscriptions. They stay where they are until it is their turn.
    replays: VecDeque<Replay>,
    queue: VecDeque<Queued>,
    /// In the order in which they were first sent; those of this connection come first.
    in_flight: VecDeque<InFlight>,
    /// The number of those sent in this connection.
    sent: usize,
    /// The limit of `sent`.
    max_sent: usize,
    next_packet_id: PacketId,
    /// The bytes of the messages in `queue` and in `in_flight`.
    queued_bytes: usize,
    max_queued_bytes: usize,
    /// The messages that did not fit since the queue was last empty.
    pub dropped: u64,
    /// QoS 2 messages from the client whose PUBREL has not arrived yet.
    unreleased: HashSet<PacketId>,
    /// The number of those from earlier connections.
    unreleased_before: usize,
}

#[derive(Debug)]
struct Replay {
    filter: Box<str>,
    subscribed: Subscribed,
    /// The topic of the last message.
    after: Option<Arc<str>>,
}

#[derive(Debug)]
struct InFlight {
    packet_id: PacketId,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// PUBLISH was sent.
    Published(Queued),
    /// PUBREC arrived, and PUBREL was sent.
    Received,
}

/// The next packet to send.
#[derive(Debug)]
pub enum Next {
    Publish {
        queued: Queued,
        packet_id: Option<PacketId>,
        dup: bool,
    },
    PubRel(PacketId),
}

/// The reason why an acknowledgement does not fit.
#[derive(Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// No message has the Packet Identifier.
    UnknownPacketId,
    /// The message waits for an acknowledgement of another type.
    WrongType,
}

impl Session {
    pub fn new(client_id: Arc<str>, max_queued_bytes: usize) -> Self {
        Self {
            client_id,
            filters: HashSet::new(),
            replays: VecDeque::new(),
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            sent: 0,
            max_sent: 0,
            next_packet_id: PacketId::MIN,
            queued_bytes: 0,
            max_queued_bytes,
            dropped: 0,
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

    /// Whether there is room for another message.
    pub fn has_room(&self) -> bool {
        self.queued_bytes < self.max_queued_bytes
    }

    /// Queues a message, or drops it if there is no room.
    pub fn push(&mut self, queued: Queued) {
        if self.has_room() {
            self.queued_bytes += queued.size();
            self.queue.push_back(queued);
        } else {
            self.dropped += 1;
        }
    }

    /// Sends the retained messages of a subscription, from the first one on.
    pub fn replay(&mut self, filter: TopicFilter<'_>, subscribed: Subscribed) {
        self.stop_replay(filter);
        self.replays.push_back(Replay {
            filter: filter.as_str().into(),
            subscribed,
            after: None,
        });
    }

    pub fn stop_replay(&mut self, filter: TopicFilter<'_>) {
        self.replays.retain(|it| *it.filter != *filter.as_str());
    }

    /// Takes out the next packet to send, within the client's Receive Maximum.
    pub fn next(&mut self, retained: &Retained) -> Option<Next> {
        let may_number = self.sent < self.max_sent;
        if let Some(InFlight { packet_id, stage }) = self.in_flight.get(self.sent) {
            let next = match stage {
                Stage::Received => Next::PubRel(*packet_id),
                Stage::Published(_) if !may_number => return None,
                Stage::Published(queued) => Next::Publish {
                    queued: queued.clone(),
                    packet_id: Some(*packet_id),
                    dup: true,
                },
            };
            self.sent += 1;
            return Some(next);
        }
        let queued = self.next_message(may_number, retained)?;
        let packet_id = (queued.qos != QoS::AtMostOnce).then(|| self.free_packet_id());
        match packet_id {
            None => self.queued_bytes -= queued.size(),
            Some(packet_id) => {
                let stage = Stage::Published(queued.clone());
                self.in_flight.push_back(InFlight { packet_id, stage });
                self.sent += 1;
            }
        }
        Some(Next::Publish {
            queued,
            packet_id,
            dup: false,
        })
    }

    /// The next message: retained ones first. Those with QoS 1 or 2 only if it `may_number` them.
    fn next_message(&mut self, may_number: bool, retained: &Retained) -> Option<Queued> {
        if may_number && self.has_room() {
            if let Some(queued) = self.next_retained(retained) {
                self.queued_bytes += queued.size();
                return Some(queued);
            }
        }
        let first = self.queue.front()?;
        if may_number || first.qos == QoS::AtMostOnce {
            self.queue.pop_front()
        } else {
            None
        }
    }

    fn next_retained(&mut self, retained: &Retained) -> Option<Queued> {
        while let Some(replay) = self.replays.front_mut() {
            let filter = TopicFilter::new(&replay.filter).expect("it was made from a filter");
            let Some(message) = retained.next(filter, replay.after.as_ref()) else {
                self.replays.pop_front();
                continue;
            };
            replay.after = Some(message.topic_text().clone());
            let Subscribed { options, id } = replay.subscribed;
            if !(options.no_local && message.publisher == self.client_id) {
                return Some(Queued {
                    qos: message.qos.min(options.qos),
                    fanout: Arc::new(Fanout::new(message.clone())),
                    retain: true,
                    subscription_ids: id.into_iter().collect(),
                });
            }
        }
        None
    }

    fn free_packet_id(&mut self) -> PacketId {
        loop {
            let packet_id = self.next_packet_id;
            self.next_packet_id = packet_id.next();
            if self.find(packet_id).is_none() {
                return packet_id;
            }
        }
    }

    fn find(&self, packet_id: PacketId) -> Option<usize> {
        let mut in_flight = self.in_flight.iter();
        in_flight.position(|it| it.packet_id == packet_id)
    }

    /// Handles PUBACK, PUBREC or PUBCOMP. `refused` is for a PUBREC with a Reason Code of a failure.
    pub fn acknowledge(
        &mut self,
        packet_id: PacketId,
        with: PacketType,
        refused: bool,
    ) -> Result<(), Unexpected> {
        let at = self.find(packet_id).ok_or(Unexpected::UnknownPacketId)?;
        let entry = self.in_flight.get_mut(at);
        let entry = entry.ok_or(Unexpected::UnknownPacketId)?;
        match (&entry.stage, with) {
            (Stage::Published(queued), PacketType::PubRec)
                if queued.qos == QoS::ExactlyOnce && !refused =>
            {
                self.queued_bytes -= queued.size();
                entry.stage = Stage::Received;
            }
            (Stage::Published(queued), with) if is_last(queued.qos, with) => self.finish_at(at),
            // PUBREC once more: the client has not received the PUBREL
            (Stage::Received, PacketType::PubRec) => {}
            (Stage::Received, PacketType::PubComp) => self.finish_at(at),
            _ => return Err(Unexpected::WrongType),
        }
        Ok(())
    }

    /// Ends the delivery of a message that is not sent after all.
    pub fn give_up(&mut self, packet_id: PacketId) {
        if let Some(at) = self.find(packet_id) {
            self.finish_at(at);
        }
    }

    fn finish_at(&mut self, at: usize) {
        let entry = self.in_flight.remove(at);
        if let Some(Stage::Published(queued)) = entry.map(|it| it.stage) {
            self.queued_bytes -= queued.size();
        }
        self.sent -= usize::from(at < self.sent);
    }

    /// The number of messages that were dropped, once the queue is empty again.
    pub fn take_dropped(&mut self) -> Option<u64> {
        let is_over = self.dropped > 0 && self.queue.is_empty();
        is_over.then(|| std::mem::take(&mut self.dropped))
    }

    /// Whether a QoS 2 message with this identifier was published and not released.
    pub fn holds(&self, packet_id: PacketId) -> bool {
        self.unreleased.contains(&packet_id)
    }

    /// Remembers a QoS 2 message until its PUBREL.
    pub fn hold(&mut self, packet_id: PacketId) {
        self.unreleased.insert(packet_id);
    }

    /// Whether this connection may have another unreleased QoS 2 message.
    pub fn may_hold_another(&self, receive_maximum: u16) -> bool {
        self.unreleased.len() < self.unreleased_before + usize::from(receive_maximum)
    }

    /// Handles a PUBREL. Returns whether there is such a message.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        self.unreleased.remove(&packet_id)
    }
}

/// Whether the acknowledgement of a PUBLISH is the only one: PUBACK, or a PUBREC that refuses it.
fn is_last(qos: QoS, acknowledgement: PacketType) -> bool {
    matches!(
        (qos, acknowledgement),
        (QoS::AtLeastOnce, PacketType::PubAck) | (QoS::ExactlyOnce, PacketType::PubRec)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use mqtt_wire::{Publish, SubscriptionOptions, TopicName};

    fn queued(qos: QoS) -> Queued {
        let publish = Publish::new(TopicName::new("a").unwrap(), b"x");
        let message = Message::new("a".into(), &publish, qos, "publisher".into()).unwrap();
        Queued {
            fanout: Arc::new(Fanout::new(message)),
            qos,
            retain: false,
            subscription_ids: Vec::new(),
        }
    }

    fn session() -> (Session, Retained) {
        let mut session = Session::new("client".into(), 10_000);
        session.resume(2);
        (session, Retained::new(0, 0))
    }

    fn send(session: &mut Session, retained: &Retained, qos: QoS) -> PacketId {
        session.push(queued(qos));
        match session.next(retained) {
            Some(Next::Publish { packet_id, .. }) => packet_id.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn packet_identifiers_begin_at_1_and_are_not_used_twice_at_a_time() {
        let (mut session, retained) = session();
        let first = send(&mut session, &retained, QoS::AtLeastOnce);
        assert_eq!(first, PacketId::MIN);
        session.next_packet_id = PacketId::MIN;
        assert_eq!(send(&mut session, &retained, QoS::AtLeastOnce).get(), 2);
    }

    #[test]
    fn only_the_acknowledgement_of_the_stage_is_accepted() {
        use PacketType::{PubAck, PubComp, PubRec};
        let (mut session, retained) = session();
        let id = send(&mut session, &retained, QoS::AtLeastOnce);
        for wrong in [PubRec, PubComp] {
            assert_eq!(
                session.acknowledge(id, wrong, false),
                Err(Unexpected::WrongType)
            );
        }
        assert_eq!(session.acknowledge(id, PubAck, false), Ok(()));
        let unknown = Err(Unexpected::UnknownPacketId);
        assert_eq!(session.acknowledge(id, PubAck, false), unknown);

        let id = send(&mut session, &retained, QoS::ExactlyOnce);
        for wrong in [PubAck, PubComp] {
            assert_eq!(
                session.acknowledge(id, wrong, false),
                Err(Unexpected::WrongType)
            );
        }
        for _ in 0..2 {
            assert_eq!(session.acknowledge(id, PubRec, false), Ok(()));
            assert_eq!(
                session.acknowledge(id, PubAck, false),
                Err(Unexpected::WrongType)
            );
        }
        assert_eq!(session.acknowledge(id, PubComp, false), Ok(()));

        let id = send(&mut session, &retained, QoS::ExactlyOnce);
        assert_eq!(session.acknowledge(id, PubRec, true), Ok(()));
        assert_eq!(session.acknowledge(id, PubComp, false), unknown);
        assert_eq!((session.sent, session.queued_bytes), (0, 0));
    }

    #[test]
    fn a_filter_is_replayed_once_at_a_time() {
        let (mut session, _) = session();
        let options = SubscriptionOptions::new(QoS::AtMostOnce);
        let subscribed = Subscribed { options, id: None };
        for text in ["a", "b", "a"] {
            session.replay(TopicFilter::new(text).unwrap(), subscribed);
        }
        let filters: Vec<_> = session.replays.iter().map(|it| &*it.filter).collect();
        assert_eq!(filters, ["b", "a"]);
    }

    #[test]
    fn messages_above_the_limit_are_dropped_and_counted() {
        let (mut session, retained) = session();
        session.max_queued_bytes = 2 * queued(QoS::AtMostOnce).size();
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::AtMostOnce] {
            session.push(queued(qos));
        }
        assert_eq!((session.dropped, session.take_dropped()), (1, None));
        session.next(&retained).unwrap();
        session.push(queued(QoS::AtMostOnce));
        session.next(&retained).unwrap();
        session.next(&retained).unwrap();
        assert!(session.next(&retained).is_none());
        assert_eq!(
            (session.take_dropped(), session.take_dropped()),
            (Some(1), None)
        );
        assert_eq!(session.queued_bytes, queued(QoS::AtLeastOnce).size());
        session.give_up(PacketId::MIN);
        assert_eq!(session.queued_bytes, 0);
    }
}
