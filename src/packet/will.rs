//! The Will: the message that the Server publishes when a Client is gone.

use super::publish::{Delivery, Publish};
use crate::data::{BinaryData, QoS};
use crate::dialect::{Dialect, Version};
use crate::error::{Field, ParseFault, Refusal};
use crate::list::Hidden;
use crate::packet_type::Carrier;
use crate::property::{self, Properties, Property};
use crate::topic::TopicName;
use crate::wire::read::{self, Parsed};
use crate::wire::text::check_utf8;
use crate::wire::write::Put;

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
        // two of them break a rule: they stay, so that encoding refuses them
        let properties = match self.properties.iter().filter(is_delay).count() {
            1 => self.properties.hiding(Hidden::WILL_DELAY),
            _ => self.properties,
        };
        Publish {
            delivery,
            retain: self.retain,
            topic_name: Some(self.topic),
            properties,
            payload: self.payload.as_bytes(),
        }
    }

    /// Parses the payload fields of the Will.
    #[inline]
    pub(super) fn parse<E: ParseFault<'a>>(
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
    pub(super) fn check(&self, dialect: Dialect) -> Result<(), Refusal> {
        property::check(&self.properties, Carrier::Will, dialect)?;
        check_string_in_v3_1(self.payload, Field::WillPayload, dialect.version())
    }

    /// Writes the payload fields of the Will.
    #[inline(always)]
    pub(super) fn put(&self, dialect: Dialect, out: &mut impl Put) {
        property::put(&self.properties, dialect, out);
        out.put_prefixed(self.topic.as_bytes());
        out.put_prefixed(self.payload.as_bytes());
    }
}

/// Parses Binary Data that is a string in 3.1.
#[inline]
pub(super) fn string_in_v3_1<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    field: Field,
    version: Version,
) -> Parsed<'a, BinaryData<'a>, E> {
    if version != Version::V3_1 {
        return BinaryData::parse(input, field);
    }
    let (rest, bytes) = read::text(input, field, check_utf8)?;
    Ok((rest, BinaryData::trusted(bytes)))
}

/// Checks Binary Data that is a string in 3.1.
pub(super) fn check_string_in_v3_1(
    bytes: BinaryData<'_>,
    field: Field,
    version: Version,
) -> Result<(), Refusal> {
    if version != Version::V3_1 {
        return Ok(());
    }
    check_utf8(bytes.as_bytes()).map_err(|bad| Refusal::broken(bad.kind, field, 0))
}
