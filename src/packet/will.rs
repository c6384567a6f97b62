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
use crate::wire::write::Out;

/// The Will in a CONNECT: the message that the Server publishes if the connection ends without a
/// normal DISCONNECT.
///
/// Will QoS and Will Retain are part of it, although their bits are in the Connect Flags: a CONNECT
/// without a Will cannot have them.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "last_will")]
#[repr(C)]
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

    /// Checks the payload fields of the Will and writes them.
    #[inline(always)]
    pub(super) fn write<O: Out>(&self, dialect: Dialect, out: O) -> Result<O, O::Error> {
        let out = property::write(&self.properties, Carrier::Will, dialect, out)?;
        check_string_in_v3_1(self.payload, Field::WillPayload, dialect.version())?;
        out.put_prefixed(self.topic.as_bytes())?
            .put_prefixed(self.payload.as_bytes())
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

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{BinaryData, Connect, Delivery, ErrorKind, Field, Packet, Properties, Property};
    use crate::{PropertyId, Publish, TopicName, Utf8Str, Version, Will};

    const ID: &[u8] = b"\0\x01p";

    /// The offset of the Will fields in a CONNECT with the client identifier `p`.
    fn will_at(version: Version) -> usize {
        connect(version, 0x06, &[ID]).len()
    }

    /// The Will Properties: none.
    fn no_properties(version: Version) -> &'static [u8] {
        if version == V5 { &[0] } else { &[] }
    }

    /// A CONNECT with this Will.
    fn with_will(version: Version, will: Will<'_>) -> Connect<'_> {
        let mut connect = Connect::new(version, Utf8Str::new("p").unwrap());
        connect.keep_alive = 60;
        connect.will = Some(will);
        connect
    }

    /// A Will with topic `t` and this payload.
    fn will(payload: &[u8]) -> Will<'_> {
        Will::new(
            TopicName::new("t").unwrap(),
            BinaryData::new(payload).unwrap(),
        )
    }

    #[test]
    fn the_will_topic_is_a_topic_name() {
        for version in Version::ALL {
            let at = will_at(version) + no_properties(version).len();
            let with_topic = |topic| {
                connect(
                    version,
                    0x06,
                    &[ID, no_properties(version), topic, b"\0\x01m"],
                )
            };
            accept(&with_topic(b"\0\x01t"), client(version));
            for (topic, kind, offset) in [
                (&b"\0\0"[..], ErrorKind::EmptyTopicName, 0),
                (b"\0\x03t/#", ErrorKind::WildcardInTopicName, 4),
            ] {
                let fault = (kind, Field::WillTopic, at + offset);
                assert_eq!(refuse(&with_topic(topic), client(version)), fault);
            }
        }
    }

    #[test]
    fn the_will_payload_may_be_empty() {
        for version in Version::ALL {
            let fields: &[&[u8]] = &[ID, no_properties(version), b"\0\x01t\0\0"];
            let expected = with_will(version, will(b""));
            let bytes = connect(version, 0x06, fields);
            assert_eq!(accept(&bytes, client(version)), expected.into());
        }
    }

    #[test]
    fn in_3_1_the_will_payload_is_utf_8() {
        for version in [V3_1_1, V5] {
            let fields: &[&[u8]] = &[ID, no_properties(version), b"\0\x01t\0\x02m\x80"];
            accept(&connect(version, 0x06, fields), client(version));
        }
        accept(
            &connect(V3_1, 0x06, &[ID, b"\0\x01t\0\x02m\x7f"]),
            client(V3_1),
        );
        let bytes = connect(V3_1, 0x06, &[ID, b"\0\x01t\0\x02m\x80"]);
        let fault = (
            ErrorKind::InvalidUtf8,
            Field::WillPayload,
            will_at(V3_1) + 6,
        );
        assert_eq!(refuse(&bytes, client(V3_1)), fault);

        let fault = (ErrorKind::InvalidUtf8, Field::WillPayload);
        assert_eq!(
            refuse_to_encode(with_will(V3_1, will(b"m\x80")), client(V3_1)),
            fault
        );
    }

    #[test]
    fn will_properties_are_a_set_of_their_own() {
        let will = |properties| connect(V5, 0x06, &[ID, properties, b"\0\x01t\0\0"]);
        accept(&will(b"\x05\x18\0\0\0\x01"), client(V5));
        let at = will_at(V5);
        let kind = ErrorKind::PropertyNotAllowed;
        let fault = (kind, Field::Property(PropertyId::TopicAlias), at + 1);
        assert_eq!(refuse(&will(b"\x03\x23\0\x01"), client(V5)), fault);
        let fault = (ErrorKind::PropertyLength, Field::WillPropertyLength, at);
        assert_eq!(refuse(&will(b"\x0b\x18\0\0\0\x01"), client(V5)), fault);
    }

    #[test]
    fn encoding_checks_the_will_properties() {
        let delay = [Property::WillDelayInterval(1)];
        let mut will = will(b"");
        will.properties = Properties::from(&delay);
        let bytes = connect(V5, 0x06, &[ID, b"\x05\x18\0\0\0\x01\0\x01t\0\0"]);
        assert_eq!(encode(with_will(V5, will), client(V5)), bytes);
        for version in [V3_1, V3_1_1] {
            let field = Field::WillPropertyLength;
            assert_eq!(
                not_in_version(with_will(version, will), client(version)),
                field
            );
        }
        let alias = [Property::TopicAlias(core::num::NonZeroU16::MIN)];
        will.properties = Properties::from(&alias);
        let field = Field::Property(PropertyId::TopicAlias);
        let fault = (ErrorKind::PropertyNotAllowed, field);
        assert_eq!(refuse_to_encode(with_will(V5, will), client(V5)), fault);
    }

    #[test]
    fn the_publish_of_a_will_has_all_but_the_delay() {
        let expiry = Property::MessageExpiryInterval(60);
        let format = Property::PayloadFormatIndicator(true);
        let properties = [expiry, Property::WillDelayInterval(1), format];
        let mut will = will(b"m");
        will.retain = true;
        will.properties = Properties::from(&properties);

        let rest = [expiry, format];
        let mut expected = Publish::new(will.topic, b"m");
        expected.retain = true;
        expected.properties = Properties::from(&rest);
        let publish = will.to_publish(Delivery::AtMostOnce);
        assert_eq!(publish, expected);
        assert_eq!(encode(publish, server(V5)), encode(expected, server(V5)));
    }

    #[test]
    fn a_will_with_two_delays_has_no_publish_that_can_be_encoded() {
        let delays = [
            Property::WillDelayInterval(1),
            Property::WillDelayInterval(1),
        ];
        let mut will = will(b"m");
        will.properties = Properties::from(&delays[..1]);
        let publish = will.to_publish(Delivery::AtMostOnce);
        assert!(Packet::from(publish).encoded_len(server(V5)).is_ok());
        will.properties = Properties::from(&delays);
        let field = Field::Property(PropertyId::WillDelayInterval);
        let fault = (ErrorKind::PropertyNotAllowed, field);
        assert_eq!(
            refuse_to_encode(will.to_publish(Delivery::AtMostOnce), server(V5)),
            fault
        );
    }
}
