//! The Will: the message that the Server publishes if a connection ends without a normal
//! DISCONNECT.

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

/// The Will in a CONNECT: the message that the Server publishes if the connection ends without a
/// normal DISCONNECT.
///
/// Will QoS and Will Retain are part of it, although their bits are in the Connect Flags: a CONNECT
/// without a Will cannot have them.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "last_will")]
pub struct Will<'a> {
    /// Will QoS: the QoS with which the Server publishes the message.
    pub qos: QoS,
    /// Will Retain: whether the Server publishes the message as a retained message.
    pub retain: bool,
    /// The Will Properties (5.0 only): Will Delay Interval, and the properties of the message.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// The Will Topic: the Topic Name of the message.
    pub topic: TopicName<'a>,
    /// The Will Payload: the content of the message. It may be empty; an empty retained message
    /// deletes the retained message of its topic. In 3.1 the payload must be UTF-8.
    pub payload: BinaryData<'a>,
}

impl<'a> Will<'a> {
    /// Creates a Will with QoS 0, Will Retain 0 and no properties.
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

    /// The PUBLISH that publishes the Will. It has the topic and the payload of the Will, RETAIN
    /// from [`retain`](Self::retain) (MQTT-3.1.2-16 and MQTT-3.1.2-17 of 3.1.1, MQTT-3.1.2-14 and
    /// MQTT-3.1.2-15 of 5.0), and the properties of the Will in the same order, without the Will
    /// Delay Interval (5.0 MQTT-3.1.3-10).
    ///
    /// `delivery` is the QoS of this copy, which may be lower than the [`qos`](Self::qos) of the
    /// message: each subscriber has a maximum QoS (MQTT-3.8.4-6 of 3.1.1, MQTT-3.8.4-8 of 5.0). The
    /// caller adapts the copy for a subscriber: RETAIN is 0 unless the subscription has Retain As
    /// Published (MQTT-3.3.1-9 of 3.1.1, MQTT-3.3.1-12 and MQTT-3.3.1-13 of 5.0), and in 3.1 and
    /// 3.1.1 there are no properties.
    #[must_use]
    pub fn to_publish(&self, delivery: Delivery) -> Publish<'a> {
        let is_delay = |property: &Property<'_>| matches!(property, Property::WillDelayInterval(_));
        // a second Will Delay Interval breaks a rule: both stay, so that encoding refuses them
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

    /// Checks the payload fields of the Will.
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
