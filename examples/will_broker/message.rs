//! An Application Message while it is kept.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_wire::fanout::{Envelope, PublishBuf, SharedPublish};
use mqtt_wire::{Delivery, Dialect, EncodeError, Publish, QoS, SubscriptionId, TopicName, Version};
use tokio::time::Instant;

/// A message as it was published; all copies share its bytes.
#[derive(Debug)]
pub struct Message {
    topic: String,
    bytes: SharedPublish,
    pub is_empty: bool,
    /// In seconds.
    expiry_interval: Option<u32>,
    pub qos: QoS,
    pub retain: bool,
    /// The client that published it.
    pub publisher: Arc<str>,
    published: Instant,
}

impl Message {
    /// Keeps what a PUBLISH says. The payload is copied: shared with the frame it would keep the
    /// connection's whole read buffer alive.
    pub fn new(
        topic: TopicName<'_>,
        publish: Publish<'_>,
        qos: QoS,
        publisher: Arc<str>,
    ) -> Result<Self, EncodeError> {
        let payload = Bytes::copy_from_slice(publish.payload);
        Ok(Self {
            topic: topic.as_str().into(),
            bytes: SharedPublish::new(topic, publish.properties, payload)?,
            is_empty: publish.payload.is_empty(),
            expiry_interval: publish.message_expiry_interval(),
            qos,
            retain: publish.retain,
            publisher,
            published: Instant::now(),
        })
    }

    pub fn topic(&self) -> TopicName<'_> {
        TopicName::new(&self.topic).expect("it came from a topic name")
    }

    pub fn has_expired(&self) -> bool {
        self.expiry_interval
            .is_some_and(|seconds| self.age() >= seconds)
    }

    /// In seconds.
    fn age(&self) -> u32 {
        u32::try_from(self.published.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

/// A message on its way to one subscriber.
#[derive(Debug)]
pub struct Outgoing {
    pub message: Arc<Message>,
    pub qos: QoS,
    pub retain: bool,
    /// Those of the subscriptions that it is sent for.
    pub subscription_ids: Vec<SubscriptionId>,
}

impl Outgoing {
    /// The PUBLISH for the subscriber; `None` if the message has expired.
    pub fn encode(&self, delivery: Delivery, dialect: Dialect) -> Option<PublishBuf> {
        let subscription_ids = match dialect.version() {
            Version::V5 => &self.subscription_ids[..],
            Version::V3_1 | Version::V3_1_1 => &[],
        };
        let mut waited = self.message.age();
        if let (true, Some(seconds)) = (delivery.dup(), self.message.expiry_interval) {
            // it had not expired when its delivery began, which has to come to an end
            waited = waited.min(seconds.saturating_sub(1));
        }
        let envelope = Envelope {
            dialect,
            delivery,
            retain: self.retain,
            subscription_ids,
            waited,
        };
        self.message.bytes.copy_for(envelope).ok()
    }
}
