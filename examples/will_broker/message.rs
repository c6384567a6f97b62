//! An Application Message that is kept.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_wire::fanout::{Envelope, PublishBuf, SharedPublish};
use mqtt_wire::{Delivery, Dialect, EncodeError, Publish, QoS, SubscriptionId, TopicName, Version};
use tokio::time::Instant;

/// A published message. All copies share its bytes.
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
    /// Keeps the message of a PUBLISH. The payload is copied, because a part of the frame would keep the
    /// whole read buffer of the connection alive.
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

    /// The time since it was published, in seconds.
    fn age(&self) -> u32 {
        u32::try_from(self.published.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

/// A message to be sent to one subscriber.
#[derive(Debug)]
pub struct Queued {
    pub message: Arc<Message>,
    pub qos: QoS,
    pub retain: bool,
    /// The identifiers of the subscriptions that it matches.
    pub subscription_ids: Vec<SubscriptionId>,
}

impl Queued {
    /// The PUBLISH for the subscriber; `None` if the message has expired.
    pub fn encode(&self, delivery: Delivery, dialect: Dialect) -> Option<PublishBuf> {
        let subscription_ids = match dialect.version() {
            Version::V5 => &self.subscription_ids[..],
            Version::V3_1 | Version::V3_1_1 => &[],
        };
        let mut waited = self.message.age();
        if let (true, Some(seconds)) = (delivery.dup(), self.message.expiry_interval) {
            // the message had not expired when its delivery began, so the delivery has to go on
            waited = waited.min(seconds.saturating_sub(1));
        }
        let mut envelope = Envelope::new(dialect);
        envelope.delivery = delivery;
        envelope.retain = self.retain;
        envelope.subscription_ids = subscription_ids;
        envelope.waited = waited;
        self.message.bytes.copy_for(envelope).ok()
    }
}
