//! UNSUBSCRIBE, section 3.10.
//!
//! ```text
//! fixed header     a2, Remaining Length
//! Packet Identifier
//! Properties       5.0
//! Topic Filter     as often as there are filters, at least once (3.1: or not at all)
//! ```
//!
//! In 3.1 the flags are DUP, QoS 1 and an unused bit; later they are 0010.

use crate::data::{self, PacketId, Parsed, Put};
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Field, Refusal, fault};
use crate::list::{self, List};
use crate::packet::{Body, PacketType};
use crate::property::{self, Carrier, Properties};
use crate::topic::TopicFilter;

/// UNSUBSCRIBE: a Client gives up subscriptions.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, Version};
///
/// let bytes = [
///     0xa2, 0x09, //                   UNSUBSCRIBE, whose flags are 0010; Remaining Length 9
///     0x00, 0x02, //                   Packet Identifier: 2
///     0x00, 0x05, b'a', b'/', b'b', b'/', b'#', // Topic Filter
/// ];
/// let dialect = Dialect::from_client(Version::V3_1_1);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::Unsubscribe(unsubscribe) = packet else { unreachable!() };
/// assert_eq!(unsubscribe.packet_id.get(), 2);
/// assert_eq!(unsubscribe.topic_filters.iter().next().unwrap(), "a/b/#");
///
/// let mut again = [0; 11];
/// packet.encode_to_slice(dialect, &mut again)?;
/// assert_eq!(again, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unsubscribe<'a> {
    /// UNSUBACK repeats it.
    pub packet_id: PacketId,
    /// 5.0 only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// At least one (MQTT-3.10.3-2); in 3.1 there may be none.
    pub topic_filters: TopicFilters<'a>,
}

/// The filters that an UNSUBSCRIBE names.
pub type TopicFilters<'a> = List<'a, TopicFilter<'a>>;

impl<'a> Unsubscribe<'a> {
    /// An UNSUBSCRIBE without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, topic_filters: TopicFilters<'a>) -> Self {
        Self {
            packet_id,
            properties: Properties::EMPTY,
            topic_filters,
        }
    }

    #[inline]
    pub(crate) fn parse(input: &'a [u8], dialect: Dialect) -> Parsed<'a, Self> {
        let (rest, packet_id) = data::packet_id(input, dialect)?;
        let (list, properties) = property::parse(rest, CARRIER, dialect)?;
        if list.is_empty() && dialect.version() != Version::V3_1 {
            return fault(list, ErrorKind::EmptyUnsubscription, Field::TopicFilter, 0);
        }
        let mut rest = list;
        while !rest.is_empty() {
            (rest, _) = TopicFilter::parse(rest, dialect.version())?;
        }
        let unsubscribe = Self {
            packet_id,
            properties,
            topic_filters: List::checked(list, CARRIER, dialect),
        };
        Ok((rest, unsubscribe))
    }
}

impl Body for Unsubscribe<'_> {
    #[inline]
    fn check(&self, _: PacketType, dialect: Dialect) -> Result<(), Refusal> {
        self.packet_id.check()?;
        property::check(&self.properties, CARRIER, dialect)?;
        let broken = |kind| Refusal::Broken(kind, Field::TopicFilter, 0);
        if self.topic_filters.is_empty() && dialect.version() != Version::V3_1 {
            return Err(broken(ErrorKind::EmptyUnsubscription));
        }
        if !dialect.is_v5() || self.topic_filters.is_checked_for(CARRIER, dialect) {
            return Ok(());
        }
        let mut filters = self.topic_filters.iter();
        filters.try_for_each(|filter| filter.check_share().map_err(broken))
    }

    #[inline]
    fn put(&self, dialect: Dialect, out: &mut impl Put) {
        out.put_u16(self.packet_id.get());
        property::put(&self.properties, dialect, out);
        match self.topic_filters.wire_of(dialect.version()) {
            Some(bytes) => out.put(bytes),
            None => self
                .topic_filters
                .iter()
                .for_each(|filter| out.put_prefixed(filter.as_bytes())),
        }
    }
}

const CARRIER: Carrier = Carrier::Packet(PacketType::Unsubscribe);

impl<'a> list::sealed::Read<'a> for TopicFilter<'a> {
    #[inline]
    fn read(bytes: &'a [u8], _: Version) -> Option<(&'a [u8], Self)> {
        Self::read_checked(bytes)
    }
}

impl<'a> list::Item<'a> for TopicFilter<'a> {}
