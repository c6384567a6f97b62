//! The Will: the message that the Server publishes when a Client is gone.

mod fate;

pub use self::fate::{Ending, WillFate, WillTerms};

use crate::data::{self, BinaryData, Parsed, Put, QoS};
use crate::dialect::{Dialect, Version};
use crate::error::{Blame, Field, Refusal, fault};
use crate::packet::{Delivery, Publish};
use crate::property::{self, Carrier, Properties, Property};
use crate::topic::TopicName;

/// The Will of a Client, which CONNECT carries in its payload.
///
/// Its QoS and RETAIN travel in the Connect Flags; a CONNECT without a Will cannot have them,
/// here or on the wire.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Will<'a> {
    /// The QoS that the Will is published with.
    pub qos: QoS,
    /// Whether the Will is published as a retained message.
    pub retain: bool,
    /// The Will Properties: how long to wait, and the properties of the message. 5.0 only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// Where the Will is published.
    pub topic: TopicName<'a>,
    /// The Application Message. It may be empty: a retained empty Will clears what was retained.
    /// In 3.1 it has to be UTF-8.
    pub payload: BinaryData<'a>,
}

impl<'a> Will<'a> {
    /// A Will with QoS 0 that is not retained.
    #[must_use]
    pub const fn new(topic: TopicName<'a>, payload: BinaryData<'a>) -> Self {
        Self {
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::EMPTY,
            topic,
            payload,
        }
    }

    /// The PUBLISH that publishes the Will: its topic and payload, RETAIN as
    /// [`retain`](Self::retain) says (MQTT-3.1.2-16 and MQTT-3.1.2-17 of 3.1.1, MQTT-3.1.2-14 and
    /// MQTT-3.1.2-15 of 5.0), and its properties but for the Will Delay Interval, in their order
    /// (5.0 MQTT-3.1.3-10).
    ///
    /// The QoS of the message is [`qos`](Self::qos); `delivery` is that of one copy. A subscriber
    /// that was granted less gets less (MQTT-3.8.4-6 of 3.1.1, MQTT-3.8.4-8 of 5.0). Likewise RETAIN
    /// is 0 in a copy for a subscriber, unless its subscription asks for Retain As Published
    /// (MQTT-3.3.1-9 of 3.1.1, MQTT-3.3.1-12 and MQTT-3.3.1-13 of 5.0), and a copy in 3.1 or 3.1.1
    /// has no properties.
    #[must_use]
    pub fn to_publish(&self, delivery: Delivery) -> Publish<'a> {
        let is_delay = |property: &Property<'_>| matches!(property, Property::WillDelayInterval(_));
        Publish {
            delivery,
            retain: self.retain,
            topic_name: Some(self.topic),
            properties: self.properties.without(is_delay),
            payload: self.payload.as_bytes(),
        }
    }

    /// Parses the payload fields of the Will.
    #[inline]
    pub(crate) fn parse<E: Blame<'a>>(
        input: &'a [u8],
        qos: QoS,
        retain: bool,
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let (rest, properties) = property::parse(input, Carrier::Will, dialect)?;
        let (rest, topic) = TopicName::parse(rest, Field::WillTopic)?;
        let (rest, payload) = string_in_v3_1(rest, Field::WillPayload, dialect.version())?;
        let will = Self {
            qos,
            retain,
            properties,
            topic,
            payload,
        };
        Ok((rest, will))
    }

    #[inline]
    pub(crate) fn check(&self, dialect: Dialect) -> Result<(), Refusal> {
        property::check(&self.properties, Carrier::Will, dialect)?;
        check_string_in_v3_1(self.payload, Field::WillPayload, dialect.version())
    }

    /// Writes the payload fields of the Will.
    #[inline(always)]
    pub(crate) fn put(&self, dialect: Dialect, out: &mut impl Put) {
        property::put(&self.properties, dialect, out);
        out.put_prefixed(self.topic.as_bytes());
        out.put_prefixed(self.payload.as_bytes());
    }
}

/// Binary Data that 3.1 calls a string.
#[inline]
pub(crate) fn string_in_v3_1<'a, E: Blame<'a>>(
    input: &'a [u8],
    field: Field,
    version: Version,
) -> Parsed<'a, BinaryData<'a>, E> {
    if version != Version::V3_1 {
        return data::binary_data(input, field);
    }
    let (rest, bytes) = data::checked(input, field, data::check_utf8)?;
    match BinaryData::new(bytes) {
        Ok(bytes) => Ok((rest, bytes)),
        Err(kind) => fault(input, kind, field, 0),
    }
}

/// Checks Binary Data that 3.1 calls a string.
pub(crate) fn check_string_in_v3_1(
    bytes: BinaryData<'_>,
    field: Field,
    version: Version,
) -> Result<(), Refusal> {
    if version != Version::V3_1 {
        return Ok(());
    }
    data::check_utf8(bytes.as_bytes()).map_err(|flaw| Refusal::Broken(flaw.kind, field, 0))
}
