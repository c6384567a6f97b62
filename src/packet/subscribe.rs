//! SUBSCRIBE, section 3.8.
//!
//! ```text
//! fixed header     82, Remaining Length
//! Packet Identifier
//! Properties       5.0
//! Topic Filter, Subscription Options     as often as there are subscriptions, at least once
//! ```
//!
//! | | 3.1 | 3.1.1 | 5.0 |
//! |---|---|---|---|
//! | flags | DUP, QoS 1, an unused bit | 0010 | 0010 |
//! | no subscription | allowed | refused | refused |
//! | Subscription Options | QoS, six unused bits | QoS, six zeros | all |
//! | `$share/` | as any filter | as any filter | shared subscription |

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
use crate::wire::write::Put;

/// SUBSCRIBE: a Client asks for messages.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, QoS, RetainHandling, Version};
///
/// let bytes = [
///     0x82, 0x0d, //                   SUBSCRIBE, whose flags are 0010; Remaining Length 13
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Subscribe<'a> {
    /// SUBACK repeats it.
    pub packet_id: PacketId,
    /// 5.0 only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// At least one (MQTT-3.8.3-3 of 3.1.1, MQTT-3.8.3-2 of 5.0); in 3.1 there may be none.
    pub subscriptions: Subscriptions<'a>,
}

/// The subscriptions that a SUBSCRIBE asks for.
pub type Subscriptions<'a> = List<'a, Subscription<'a>>;

impl<'a> Subscribe<'a> {
    /// A SUBSCRIBE without properties.
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
            layout(dialect).parse(body, parse_item)?;
        let subscribe = Self {
            packet_id,
            properties,
            subscriptions,
        };
        Ok((rest, subscribe))
    }
}

impl EncodeBody for Subscribe<'_> {
    #[inline]
    fn check(&self, _: PacketType, dialect: Dialect) -> Result<(), Refusal> {
        let check_item = |subscription: Subscription<'_>| subscription.check(dialect);
        let Self {
            packet_id,
            properties,
            subscriptions,
        } = self;
        layout(dialect).check(*packet_id, properties, subscriptions, check_item)
    }

    #[inline(always)]
    fn put(&self, dialect: Dialect, out: &mut impl Put) {
        let Self {
            packet_id,
            properties,
            subscriptions,
        } = self;
        id_and_list::put(
            *packet_id,
            properties,
            subscriptions,
            dialect,
            out,
            |subscription, out| {
                out.put_prefixed(subscription.filter.as_bytes());
                out.put_byte(subscription.options.byte());
            },
        );
    }
}

fn layout(dialect: Dialect) -> Layout {
    let empty = Fault::new(ErrorKind::EmptySubscription, Field::TopicFilter, 0);
    Layout {
        carrier: Carrier::Packet(PacketType::Subscribe),
        dialect,
        empty: (dialect.version() != Version::V3_1).then_some(empty),
    }
}

/// A filter and how its messages are to come.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// Which messages.
    pub filter: TopicFilter<'a>,
    /// How.
    pub options: SubscriptionOptions,
}

impl<'a> Subscription<'a> {
    /// A subscription with this QoS and no other options.
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
    fn read(bytes: &'a [u8], dialect: Dialect) -> Option<(&'a [u8], Self)> {
        let (rest, filter) = TopicFilter::read_checked(bytes)?;
        let (&byte, rest) = rest.split_first()?;
        let options = SubscriptionOptions::from_byte(byte, dialect.version()).ok()?;
        Some((rest, Self { filter, options }))
    }
}

impl<'a> list::Item<'a> for Subscription<'a> {}

/// By hand: what is flattened by serde needs an allocator.
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

/// How the messages of a subscription are to come. Before 5.0 there is only the QoS.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The highest QoS that the Client wants to get.
    pub qos: QoS,
    /// Not to get messages of one's own back. Never on a shared subscription (MQTT-3.8.3-4).
    pub no_local: bool,
    /// To get RETAIN as it was published.
    pub retain_as_published: bool,
    /// When to get retained messages.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// Only a QoS.
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

/// When a subscription gets retained messages (5.0).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// `0` Whenever the Client subscribes.
    AtSubscribe = 0,
    /// `1` When the subscription did not exist before.
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
