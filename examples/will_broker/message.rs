//! An Application Message while it is kept.

use std::sync::Arc;

use bytes::BytesMut;
use mqtt_wire::{
    Delivery, Dialect, EncodeError, Frame, Framed, Packet, Property, Publish, QoS, SubscriptionId,
    Version,
};
use tokio::time::Instant;

/// A message as it was published: its PUBLISH in bytes of its own, which do not keep the read
/// buffer of a connection alive. All subscribers share it.
#[derive(Debug)]
pub struct Message {
    /// In [`KEPT`], as QoS 0 and with RETAIN 0.
    publish: Frame,
    pub qos: QoS,
    pub retain: bool,
    /// The client that published it.
    pub publisher: Arc<str>,
    published: Instant,
}

/// 5.0 has words for all that the other versions say.
const KEPT: Dialect = Dialect::from_client(Version::V5);

impl Message {
    pub fn new(publish: Publish<'_>, qos: QoS, publisher: Arc<str>) -> Result<Self, EncodeError> {
        let kept = Publish {
            delivery: Delivery::AtMostOnce,
            retain: false,
            ..publish
        };
        let mut bytes = BytesMut::new();
        Packet::from(kept).encode(KEPT, &mut bytes)?;
        let Ok(Framed::Frame(frame)) = Frame::split(&mut bytes, KEPT, u32::MAX) else {
            unreachable!("what was encoded can be framed")
        };
        Ok(Self {
            publish: frame,
            qos,
            retain: publish.retain,
            publisher,
            published: Instant::now(),
        })
    }

    pub fn publish(&self) -> Publish<'_> {
        match self.publish.decode(KEPT) {
            Ok(Packet::Publish(publish)) => publish,
            _ => unreachable!("what was encoded can be decoded"),
        }
    }

    pub fn has_expired(&self) -> bool {
        let expiry = self.publish().message_expiry_interval();
        expiry.is_some_and(|seconds| self.age() >= seconds)
    }

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
    /// The identifiers of the subscriptions that it is sent for.
    pub subscription_ids: Vec<SubscriptionId>,
}

impl Outgoing {
    /// The properties that the subscriber gets.
    pub fn properties(&self, version: Version) -> Vec<Property<'_>> {
        if version != Version::V5 {
            return Vec::new();
        }
        let properties = self.message.publish().properties;
        let properties = properties.iter().map(|property| match property {
            Property::MessageExpiryInterval(seconds) => {
                Property::MessageExpiryInterval(seconds.saturating_sub(self.message.age()))
            }
            property => property,
        });
        let ids = self.subscription_ids.iter().copied();
        properties
            .chain(ids.map(Property::SubscriptionIdentifier))
            .collect()
    }
}
