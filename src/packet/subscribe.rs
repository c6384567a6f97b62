//! SUBSCRIBE, section 3.8.
//!
//! ```text
//! fixed header     82, Remaining Length
//! Packet Identifier
//! Properties       5.0
//! Topic Filter, Subscription Options     once per subscription
//! ```
//!
//! | | 3.1 | 3.1.1 | 5.0 |
//! |---|---|---|---|
//! | flags | DUP, QoS 1, an ignored bit | 0010 | 0010 |
//! | no subscription | allowed | refused | refused |
//! | Subscription Options | QoS, six bits ignored | QoS, six bits 0 | all, two bits 0 |
//! | `$share/...` | an ordinary filter | an ordinary filter | a shared subscription |

use core::fmt;

use super::body::{DecodeBody, EncodeBody};
use super::id_and_list::{self, Layout};
use crate::data::{PacketId, QoS};
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Fault, Field, ParseFault, Refusal, fault};
use crate::fixed_header::FirstByte;
use crate::list::{self, List};
use crate::packet_type::{Carrier, PacketType};
use crate::property::Properties;
use crate::topic::TopicFilter;
use crate::wire::read::{self, Parsed};
use crate::wire::write::Out;

/// SUBSCRIBE: a Client subscribes to topics.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, QoS, RetainHandling, Version};
///
/// let bytes = [
///     0x82, 0x0d, //                   SUBSCRIBE, Remaining Length 13; its flags are 0010
///     0x00, 0x01, //                   Packet Identifier: 1
///     0x02, 0x0b, 0x07, //             Properties, 2 bytes: Subscription Identifier 7
///     0x00, 0x01, b'#', //             Topic Filter
///     0x00, //                         Subscription Options: QoS 0
///     0x00, 0x01, b'+', //             Topic Filter
///     0x2d, //                         Subscription Options:
///     //   ..10 .... Retain Handling: never, .... 1... Retain As Published,
///     //   .... .1.. No Local,               .... ..01 QoS 1
/// ];
/// let dialect = Dialect::from_client(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::Subscribe(subscribe) = packet else { unreachable!() };
/// let second = subscribe.subscriptions.iter().nth(1).unwrap();
/// assert_eq!((second.filter.as_str(), second.options.qos), ("+", QoS::AtLeastOnce));
/// assert_eq!(second.options.retain_handling, RetainHandling::Never);
/// assert!(second.options.no_local && second.options.retain_as_published);
///
/// let mut again = [0; 15];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(C)]
pub struct Subscribe<'a> {
    /// The Packet Identifier. The SUBACK has the same one.
    #[doc(alias = "pkid")]
    pub packet_id: PacketId,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// The subscriptions: at least one (MQTT-3.8.3-3 of 3.1.1, MQTT-3.8.3-2 of 5.0). In 3.1 the
    /// list may be empty.
    pub subscriptions: Subscriptions<'a>,
}

/// The subscriptions in a SUBSCRIBE.
pub type Subscriptions<'a> = List<'a, Subscription<'a>>;

impl<'a> Subscribe<'a> {
    /// Creates a SUBSCRIBE without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, subscriptions: Subscriptions<'a>) -> Self {
        Self {
            packet_id,
            properties: Properties::EMPTY,
            subscriptions,
        }
    }
}

impl<'a> DecodeBody<'a> for Subscribe<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        _: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let parse_item = |input| Subscription::parse(input, dialect.version());
        let (rest, (packet_id, properties, subscriptions)) =
            layout(dialect).parse(body, |items| id_and_list::check_each(items, parse_item))?;
        let subscribe = Self {
            packet_id,
            properties,
            subscriptions,
        };
        Ok((rest, subscribe))
    }
}

impl EncodeBody for Subscribe<'_> {
    #[inline(always)]
    fn write<O: Out>(&self, _: PacketType, dialect: Dialect, out: O) -> Result<O, O::Error> {
        let write_item = |subscription: Subscription<'_>, out: O| {
            subscription.check(dialect)?;
            out.put_prefixed(subscription.filter.as_bytes())?
                .put_byte(subscription.options.byte())
        };
        let (properties, subscriptions) = (&self.properties, &self.subscriptions);
        layout(dialect).write(self.packet_id, properties, subscriptions, out, write_item)
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        self.subscriptions.lent().is_some()
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        self.subscriptions
            .at_least(|it| 3 + it.filter.as_bytes().len())
    }
}

/// The rules of SUBSCRIBE.
fn layout(dialect: Dialect) -> Layout {
    let empty = Fault::new(ErrorKind::EmptySubscription, Field::TopicFilter, 0);
    Layout {
        carrier: Carrier::Packet(PacketType::Subscribe),
        dialect,
        empty: (dialect.version() != Version::V3_1).then_some(empty),
    }
}

/// A Topic Filter in a SUBSCRIBE, with its options.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "SubscribeFilter")]
pub struct Subscription<'a> {
    /// The filter to subscribe to.
    pub filter: TopicFilter<'a>,
    /// Maximum QoS and the 5.0 options.
    pub options: SubscriptionOptions,
}

impl<'a> Subscription<'a> {
    /// Creates a subscription with this maximum QoS and the default of every other option.
    #[must_use]
    pub const fn new(filter: TopicFilter<'a>, qos: QoS) -> Self {
        Self {
            filter,
            options: SubscriptionOptions::new(qos),
        }
    }

    #[inline]
    fn parse<E: ParseFault<'a>>(input: &'a [u8], version: Version) -> Parsed<'a, Self, E> {
        let v5 = version == Version::V5;
        let (at_options, filter) = TopicFilter::parse(input, version)?;
        let (rest, byte) = read::byte(at_options, Field::SubscriptionOptions)?;
        let options = match SubscriptionOptions::from_byte(byte, version) {
            Ok(options) if v5 && options.no_local && filter.is_shared() => {
                Err(ErrorKind::NoLocalOnShared)
            }
            options => options,
        };
        match options {
            Ok(options) => Ok((rest, Self { filter, options })),
            Err(kind) => fault(
                at_options,
                kind,
                Field::SubscriptionOptions,
                u32::from(byte),
            ),
        }
    }

    fn check(&self, dialect: Dialect) -> Result<(), Refusal> {
        if !dialect.is_v5() {
            return if self.options == SubscriptionOptions::new(self.options.qos) {
                Ok(())
            } else {
                Err(Refusal::NotInVersion(Field::SubscriptionOptions))
            };
        }
        let broken = |kind| Refusal::broken(kind, Field::TopicFilter, 0);
        self.filter.check_share().map_err(broken)?;
        if self.options.no_local && self.filter.is_shared() {
            let value = u32::from(self.options.byte());
            let kind = ErrorKind::NoLocalOnShared;
            return Err(Refusal::broken(kind, Field::SubscriptionOptions, value));
        }
        Ok(())
    }
}

impl<'a> list::sealed::Read<'a> for Subscription<'a> {
    #[inline]
    fn read(bytes: &mut &'a [u8], dialect: Dialect) -> Option<Self> {
        let (rest, filter) = TopicFilter::read_checked(bytes)?;
        let (&byte, rest) = rest.split_first()?;
        let options = SubscriptionOptions::from_byte(byte, dialect.version()).ok()?;
        *bytes = rest;
        Some(Self { filter, options })
    }
}

impl<'a> list::Item<'a> for Subscription<'a> {}

/// Written by hand, because the `flatten` of serde needs an allocator.
#[cfg(feature = "serde")]
impl serde::Serialize for Subscription<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let options = self.options;
        let mut subscription = serializer.serialize_struct("Subscription", 5)?;
        subscription.serialize_field("filter", &self.filter)?;
        subscription.serialize_field("qos", &options.qos)?;
        subscription.serialize_field("no_local", &options.no_local)?;
        subscription.serialize_field("retain_as_published", &options.retain_as_published)?;
        subscription.serialize_field("retain_handling", &options.retain_handling)?;
        subscription.end()
    }
}

/// The options of a subscription. Before 5.0 there is only the QoS: encoding refuses an option that
/// differs from its default in [`new`](Self::new).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The maximum QoS of the messages that the Server sends to this subscription.
    pub qos: QoS,
    /// No Local: whether the Server withholds messages that this Client published itself. Always
    /// false on a shared subscription (5.0 MQTT-3.8.3-4).
    pub no_local: bool,
    /// Retain As Published: whether the Server forwards messages with the RETAIN flag of their
    /// PUBLISH. If false, RETAIN is 0 in forwarded messages.
    pub retain_as_published: bool,
    /// Retain Handling: when the Server sends retained messages.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// Creates options with this maximum QoS and the default of every other option: No Local 0,
    /// Retain As Published 0, Retain Handling 0.
    #[must_use]
    pub const fn new(qos: QoS) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::AtSubscribe,
        }
    }

    #[inline]
    fn from_byte(byte: u8, version: Version) -> Result<Self, ErrorKind> {
        let reserved = match version {
            Version::V3_1 => 0x00,
            Version::V3_1_1 => 0xfc,
            Version::V5 => 0xc0,
        };
        if byte & reserved != 0 {
            return Err(ErrorKind::SubscriptionOptions);
        }
        let Some(qos) = QoS::from_bits(byte) else {
            return Err(ErrorKind::SubscriptionQos3);
        };
        if version != Version::V5 {
            return Ok(Self::new(qos));
        }
        Ok(Self {
            qos,
            no_local: byte & 0x04 != 0,
            retain_as_published: byte & 0x08 != 0,
            retain_handling: match byte >> 4 {
                0 => RetainHandling::AtSubscribe,
                1 => RetainHandling::AtNewSubscribe,
                2 => RetainHandling::Never,
                _ => return Err(ErrorKind::RetainHandling3),
            },
        })
    }

    #[inline]
    const fn byte(self) -> u8 {
        self.qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }
}

/// When the Server sends retained messages for a subscription (5.0 only).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// `0` At every SUBSCRIBE.
    AtSubscribe = 0,
    /// `1` Only if the subscription did not exist before.
    AtNewSubscribe = 1,
    /// `2` Never.
    Never = 2,
}

impl fmt::Display for RetainHandling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtSubscribe => "retained messages at the time of the subscribe",
            Self::AtNewSubscribe => "retained messages at a new subscribe only",
            Self::Never => "no retained messages at the time of the subscribe",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use crate::packet::test_support::*;
    use crate::{ErrorKind, Field, Packet, PacketId, QoS, RetainHandling};
    use crate::{
        Subscribe, Subscription, SubscriptionOptions, Subscriptions, TopicFilter, Version,
    };

    /// The bytes of a SUBSCRIBE with one subscription. The options are the last byte.
    fn subscribe(version: Version, filter: &[u8], options: u8) -> Vec<u8> {
        let properties: &[u8] = if version == V5 { &[0] } else { &[] };
        packet(
            0x82,
            &[
                &[0, 1],
                properties,
                &[0, filter.len() as u8],
                filter,
                &[options],
            ],
        )
    }

    /// The error of options, which are the last byte of `bytes`.
    fn at_options(kind: ErrorKind, bytes: &[u8]) -> (ErrorKind, Field, usize) {
        (kind, Field::SubscriptionOptions, bytes.len() - 1)
    }

    #[test]
    fn a_subscription_has_qos_0_to_2() {
        for version in Version::ALL {
            for qos in 0..=2 {
                accept(&subscribe(version, b"a", qos), client(version));
            }
            let bytes = subscribe(version, b"a", 3);
            let fault = at_options(ErrorKind::SubscriptionQos3, &bytes);
            assert_eq!(refuse(&bytes, client(version)), fault);
        }
    }

    #[test]
    fn reserved_options_are_0_since_3_1_1() {
        for (version, reserved) in [(V3_1_1, 0xfc), (V5, 0xc0)] {
            for bit in 2..8 {
                let options = 1 << bit;
                let bytes = subscribe(version, b"a", options);
                if options & reserved == 0 {
                    accept(&bytes, client(version));
                } else {
                    let fault = at_options(ErrorKind::SubscriptionOptions, &bytes);
                    assert_eq!(refuse(&bytes, client(version)), fault);
                }
            }
        }
    }

    #[test]
    fn in_3_1_all_options_are_ignored_except_the_qos() {
        let bytes = subscribe(V3_1, b"a", 0xfd);
        let packet = Packet::decode(&bytes, client(V3_1)).unwrap();
        assert_eq!(encode(packet, client(V3_1)), subscribe(V3_1, b"a", 1));
    }

    #[test]
    fn the_options_of_5_0_have_a_bit_each() {
        let default = SubscriptionOptions::new(QoS::AtMostOnce);
        for (byte, options) in [
            (
                0x04,
                SubscriptionOptions {
                    no_local: true,
                    ..default
                },
            ),
            (
                0x08,
                SubscriptionOptions {
                    retain_as_published: true,
                    ..default
                },
            ),
            (
                0x10,
                SubscriptionOptions {
                    retain_handling: RetainHandling::AtNewSubscribe,
                    ..default
                },
            ),
            (
                0x20,
                SubscriptionOptions {
                    retain_handling: RetainHandling::Never,
                    ..default
                },
            ),
        ] {
            let filter = TopicFilter::new("a").unwrap();
            let subscriptions = [Subscription { filter, options }];
            let expected = Subscribe::new(PacketId::MIN, Subscriptions::from(&subscriptions));
            assert_eq!(
                accept(&subscribe(V5, b"a", byte), client(V5)),
                expected.into()
            );
            for version in [V3_1, V3_1_1] {
                let field = Field::SubscriptionOptions;
                assert_eq!(not_in_version(expected, client(version)), field);
            }
        }
        let bytes = subscribe(V5, b"a", 0x30);
        let fault = at_options(ErrorKind::RetainHandling3, &bytes);
        assert_eq!(refuse(&bytes, client(V5)), fault);
    }

    #[test]
    fn a_shared_subscription_has_no_local_0() {
        accept(&subscribe(V5, b"$share/g/a", 0x00), client(V5));
        accept(&subscribe(V5, b"$shared/g/a", 0x04), client(V5));
        let bytes = subscribe(V5, b"$share/g/a", 0x04);
        let fault = at_options(ErrorKind::NoLocalOnShared, &bytes);
        assert_eq!(refuse(&bytes, client(V5)), fault);

        let mut shared =
            Subscription::new(TopicFilter::new("$share/g/a").unwrap(), QoS::AtMostOnce);
        shared.options.no_local = true;
        let subscriptions = [shared];
        let packet = Subscribe::new(PacketId::MIN, Subscriptions::from(&subscriptions));
        let fault = (ErrorKind::NoLocalOnShared, Field::SubscriptionOptions);
        assert_eq!(refuse_to_encode(packet, client(V5)), fault);
    }

    #[test]
    fn shared_subscriptions_have_a_form_in_5_0_only() {
        let subscriptions = [Subscription::new(
            TopicFilter::new("$share/g").unwrap(),
            QoS::AtMostOnce,
        )];
        let packet = Subscribe::new(PacketId::MIN, Subscriptions::from(&subscriptions));
        for version in [V3_1, V3_1_1] {
            let bytes = subscribe(version, b"$share/g", 0);
            assert_eq!(accept(&bytes, client(version)), packet.into());
            assert_eq!(encode(packet, client(version)), bytes);
        }
        let fault = (ErrorKind::SharedSubscription, Field::TopicFilter, 15);
        assert_eq!(refuse(&subscribe(V5, b"$share/g", 0), client(V5)), fault);
        let fault = (ErrorKind::SharedSubscription, Field::TopicFilter);
        assert_eq!(refuse_to_encode(packet, client(V5)), fault);
    }

    #[test]
    fn a_subscribe_has_a_subscription_since_3_1_1() {
        accept(b"\x82\x02\0\x01", client(V3_1));
        let empty = Subscribe::new(PacketId::MIN, Subscriptions::EMPTY);
        for (version, bytes) in [(V3_1_1, &b"\x82\x02\0\x01"[..]), (V5, b"\x82\x03\0\x01\0")] {
            let (kind, field) = (ErrorKind::EmptySubscription, Field::TopicFilter);
            assert_eq!(refuse(bytes, client(version)), (kind, field, bytes.len()));
            assert_eq!(refuse_to_encode(empty, client(version)), (kind, field));
        }
    }

    #[test]
    fn every_subscription_is_checked() {
        for version in Version::ALL {
            let one = subscribe(version, b"#", 2);
            let with_second = |second: &[u8]| packet(0x82, &[&one[2..], second]);
            accept(&with_second(b"\0\x01+\x02"), client(version));
            for (second, kind, field, offset) in [
                (
                    &b"\0\x01+\x03"[..],
                    ErrorKind::SubscriptionQos3,
                    Field::SubscriptionOptions,
                    3,
                ),
                (
                    b"\0\x01+",
                    ErrorKind::Truncated,
                    Field::SubscriptionOptions,
                    3,
                ),
                (
                    b"\0\0\x02",
                    ErrorKind::EmptyTopicFilter,
                    Field::TopicFilter,
                    2,
                ),
                (b"\0", ErrorKind::Truncated, Field::TopicFilter, 0),
            ] {
                let fault = (kind, field, one.len() + offset);
                assert_eq!(refuse(&with_second(second), client(version)), fault);
            }
        }
    }

    #[test]
    fn retain_handling_shows_its_meaning() {
        let texts = [
            RetainHandling::AtSubscribe,
            RetainHandling::AtNewSubscribe,
            RetainHandling::Never,
        ]
        .map(|handling| std::string::ToString::to_string(&handling));
        assert_eq!(
            texts,
            [
                "retained messages at the time of the subscribe",
                "retained messages at a new subscribe only",
                "no retained messages at the time of the subscribe",
            ]
        );
    }
}
