//! An Application Message, and its copies for the subscribers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::{Buf, Bytes};
use mqtt_wire::fanout::{Copies, Envelope, ForwardError, SharedPublish};
use mqtt_wire::{
    Delivery, Dialect, Outgoing, PacketId, Publish, QoS, SubscriptionId, TopicName, Version,
};

/// A published message. A clone shares its bytes.
#[derive(Debug, Clone)]
pub struct Message {
    topic: Arc<str>,
    bytes: SharedPublish,
    pub is_empty: bool,
    /// In seconds.
    expiry_interval: Option<u32>,
    pub qos: QoS,
    pub retain: bool,
    /// The client that published it.
    pub publisher: Arc<str>,
    pub published: Instant,
    /// The memory that it needs, in bytes.
    pub size: usize,
}

/// What a queue and the allocator add to the bytes of a message, as a rough figure.
const OVERHEAD: usize = 256;

impl Message {
    /// Keeps the message of a PUBLISH, whose topic may come from a Topic Alias. The payload is copied, because a part of the packet would keep
    /// the whole read buffer of the connection alive.
    pub fn new(
        topic: Arc<str>,
        publish: &Publish<'_>,
        qos: QoS,
        publisher: Arc<str>,
    ) -> Result<Self, ForwardError> {
        let payload = Bytes::copy_from_slice(publish.payload);
        let bytes = SharedPublish::new(topic_name(&topic), publish.properties, payload)?;
        let longest = bytes.copy_for(Envelope::new(Dialect::from_server(Version::V5)))?;
        Ok(Self {
            topic,
            is_empty: publish.payload.is_empty(),
            expiry_interval: publish.message_expiry_interval(),
            qos,
            retain: publish.retain,
            publisher,
            published: Instant::now(),
            size: longest.remaining() + OVERHEAD,
            bytes,
        })
    }

    pub fn topic(&self) -> TopicName<'_> {
        topic_name(&self.topic)
    }

    pub fn topic_text(&self) -> &Arc<str> {
        &self.topic
    }

    pub fn has_expired(&self) -> bool {
        self.expiry_interval
            .is_some_and(|seconds| self.age() >= seconds)
    }

    /// The time since it was published, in seconds.
    fn age(&self) -> u32 {
        u32::try_from(self.published.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

fn topic_name(topic: &str) -> TopicName<'_> {
    TopicName::new(topic).expect("it was made from a Topic Name")
}

/// A message on its way to its subscribers. Equal copies are encoded once.
#[derive(Debug)]
pub struct Fanout {
    pub message: Message,
    copies: Mutex<Vec<(CopyKey, Copies)>>,
}

/// What makes copies equal, apart from Packet Identifier and DUP.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CopyKey {
    dialect: Dialect,
    qos: QoS,
    retain: bool,
    waited: u32,
}

impl Fanout {
    pub fn new(message: Message) -> Self {
        let copies = Mutex::default();
        Self { message, copies }
    }

    fn copies(&self, envelope: Envelope<'_>) -> Result<Copies, ForwardError> {
        let key = CopyKey {
            dialect: envelope.dialect,
            qos: envelope.delivery.qos(),
            retain: envelope.retain,
            waited: envelope.waited,
        };
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = copies.iter().find(|(it, _)| *it == key) {
            return Ok(found.clone());
        }
        // copies that waited for another time are not needed again
        copies.retain(|(it, _)| it.waited == key.waited);
        let new = self.message.bytes.copies(envelope)?;
        copies.push((key, new.clone()));
        Ok(new)
    }
}

/// A message that waits for one subscriber.
#[derive(Debug, Clone)]
pub struct Queued {
    pub fanout: Arc<Fanout>,
    pub qos: QoS,
    pub retain: bool,
    /// The identifiers of the subscriptions that it matches.
    pub subscription_ids: Vec<SubscriptionId>,
}

impl Queued {
    /// The PUBLISH for the subscriber; `None` if the message has expired.
    pub fn encode(
        &self,
        packet_id: Option<PacketId>,
        dup: bool,
        dialect: Dialect,
    ) -> Option<Outgoing<'static>> {
        let message = &self.fanout.message;
        let waited = match message.expiry_interval {
            // its delivery began before it expired, so the delivery goes on
            Some(seconds) if dup => message.age().min(seconds.saturating_sub(1)),
            Some(_) => message.age(),
            None => 0,
        };
        let mut envelope = Envelope::new(dialect);
        envelope.delivery = match packet_id {
            None => Delivery::AtMostOnce,
            Some(packet_id) => Delivery::new(self.qos, packet_id).with_dup(dup),
        };
        envelope.retain = self.retain;
        envelope.waited = waited;
        if dialect.version() == Version::V5 {
            envelope.subscription_ids = &self.subscription_ids;
        }
        if !envelope.subscription_ids.is_empty() {
            let copy = message.bytes.copy_for(envelope);
            return copy.ok().map(Outgoing::from);
        }
        let copies = self.fanout.copies(envelope).ok()?;
        Some(match packet_id {
            None => copies.into(),
            Some(packet_id) => copies.with_id(packet_id, dup),
        })
    }

    pub fn size(&self) -> usize {
        self.fanout.message.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_wire::{Properties, Property};
    use std::time::Duration;

    #[test]
    fn equal_copies_are_encoded_once_and_old_ones_forgotten() {
        let topic = TopicName::new("a").unwrap();
        let expiry = [Property::MessageExpiryInterval(60)];
        let publish = Publish {
            properties: Properties::new(&expiry),
            ..Publish::new(topic, b"x")
        };
        let qos = QoS::AtLeastOnce;
        let message = Message::new("a".into(), &publish, qos, "publisher".into()).unwrap();
        let mut queued = Queued {
            fanout: Arc::new(Fanout::new(message)),
            qos,
            retain: false,
            subscription_ids: Vec::new(),
        };
        let encode = |queued: &Queued, version| {
            for packet_id in [PacketId::MIN, PacketId::MIN.next()] {
                let dialect = Dialect::from_server(version);
                queued.encode(Some(packet_id), false, dialect).unwrap();
            }
            queued.fanout.copies.lock().unwrap().len()
        };
        assert_eq!(encode(&queued, Version::V3_1_1), 1);
        assert_eq!(encode(&queued, Version::V5), 2);
        let fanout = Arc::get_mut(&mut queued.fanout).unwrap();
        fanout.message.published -= Duration::from_secs(9);
        assert_eq!(encode(&queued, Version::V5), 1);
    }
}
