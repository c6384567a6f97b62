//! UNSUBSCRIBE, section 3.10.
//!
//! ```text
//! fixed header     a2, Remaining Length
//! Packet Identifier
//! Properties       5.0
//! Topic Filter     once per filter; at least one, but in 3.1 there may be none
//! ```
//!
//! In 3.1 the flags are DUP, QoS 1 and an ignored bit; later they are 0010.

use super::body::{DecodeBody, EncodeBody};
use super::id_and_list::{self, Layout};
use crate::data::PacketId;
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Fault, Field, ParseFault, Refusal};
use crate::fixed_header::FirstByte;
use crate::list::{self, List};
use crate::packet_type::{Carrier, PacketType};
use crate::property::Properties;
use crate::topic::TopicFilter;
use crate::wire::read::Parsed;
use crate::wire::write::Out;

/// UNSUBSCRIBE: a Client removes subscriptions.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, Version};
///
/// let bytes = [
///     0xa2, 0x09, //                   UNSUBSCRIBE, Remaining Length 9; its flags are 0010
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(C)]
pub struct Unsubscribe<'a> {
    /// The Packet Identifier. The UNSUBACK has the same one.
    #[doc(alias = "pkid")]
    pub packet_id: PacketId,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// The filters to unsubscribe from: at least one (MQTT-3.10.3-2 of 3.1.1 and 5.0). In 3.1 the
    /// list may be empty.
    pub topic_filters: TopicFilters<'a>,
}

/// The Topic Filters in an UNSUBSCRIBE.
pub type TopicFilters<'a> = List<'a, TopicFilter<'a>>;

impl<'a> Unsubscribe<'a> {
    /// Creates an UNSUBSCRIBE without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, topic_filters: TopicFilters<'a>) -> Self {
        Self {
            packet_id,
            properties: Properties::EMPTY,
            topic_filters,
        }
    }
}

impl<'a> DecodeBody<'a> for Unsubscribe<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        _: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let parse_item = |input| TopicFilter::parse(input, dialect.version());
        let (rest, (packet_id, properties, topic_filters)) =
            layout(dialect).parse(body, |items| id_and_list::check_each(items, parse_item))?;
        let unsubscribe = Self {
            packet_id,
            properties,
            topic_filters,
        };
        Ok((rest, unsubscribe))
    }
}

impl EncodeBody for Unsubscribe<'_> {
    #[inline(always)]
    fn write<O: Out>(&self, _: PacketType, dialect: Dialect, out: O) -> Result<O, O::Error> {
        let write_item = |filter: TopicFilter<'_>, out: O| {
            if dialect.is_v5() {
                let broken = |kind| Refusal::broken(kind, Field::TopicFilter, 0);
                filter.check_share().map_err(broken)?;
            }
            out.put_prefixed(filter.as_bytes())
        };
        let (properties, filters) = (&self.properties, &self.topic_filters);
        layout(dialect).write(self.packet_id, properties, filters, out, write_item)
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        self.topic_filters.lent().is_some()
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        self.topic_filters
            .at_least(|filter| 2 + filter.as_bytes().len())
    }
}

/// The rules of UNSUBSCRIBE.
fn layout(dialect: Dialect) -> Layout {
    let empty = Fault::new(ErrorKind::EmptyUnsubscription, Field::TopicFilter, 0);
    Layout {
        carrier: Carrier::Packet(PacketType::Unsubscribe),
        dialect,
        empty: (dialect.version() != Version::V3_1).then_some(empty),
    }
}

impl<'a> list::sealed::Read<'a> for TopicFilter<'a> {
    #[inline]
    fn read(bytes: &mut &'a [u8], _: Dialect) -> Option<Self> {
        let (rest, filter) = Self::read_checked(bytes)?;
        *bytes = rest;
        Some(filter)
    }
}

impl<'a> list::Item<'a> for TopicFilter<'a> {}

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{ErrorKind, Field, PacketId, TopicFilter, TopicFilters, Unsubscribe, Version};

    #[test]
    fn every_filter_is_checked() {
        for version in Version::ALL {
            let properties: &[u8] = if version == V5 { &[0] } else { &[] };
            let with_second =
                |second: &[u8]| packet(0xa2, &[&[0, 1], properties, b"\0\x01#", second]);
            let at = 7 + properties.len();
            accept(&with_second(b"\0\x01+"), client(version));
            for (second, kind, offset) in [
                (&b"\0\x02+a"[..], ErrorKind::SingleLevelWildcard, 2),
                (b"\0\0", ErrorKind::EmptyTopicFilter, 2),
                (b"\0\x02+", ErrorKind::Truncated, 0),
                (b"\0", ErrorKind::Truncated, 0),
            ] {
                let fault = (kind, Field::TopicFilter, at + offset);
                assert_eq!(refuse(&with_second(second), client(version)), fault);
            }
        }
    }

    #[test]
    fn an_unsubscribe_has_a_filter_since_3_1_1() {
        accept(b"\xa2\x02\0\x01", client(V3_1));
        let empty = Unsubscribe::new(PacketId::MIN, TopicFilters::EMPTY);
        for (version, bytes) in [(V3_1_1, &b"\xa2\x02\0\x01"[..]), (V5, b"\xa2\x03\0\x01\0")] {
            let (kind, field) = (ErrorKind::EmptyUnsubscription, Field::TopicFilter);
            assert_eq!(refuse(bytes, client(version)), (kind, field, bytes.len()));
            assert_eq!(refuse_to_encode(empty, client(version)), (kind, field));
        }
    }

    #[test]
    fn shared_subscriptions_have_a_form_in_5_0_only() {
        let filters = [TopicFilter::new("$share/g").unwrap()];
        let unsubscribe = Unsubscribe::new(PacketId::MIN, TopicFilters::from(&filters));
        let bytes = b"\xa2\x0c\0\x01\0\x08$share/g";
        for version in [V3_1, V3_1_1] {
            assert_eq!(accept(bytes, client(version)), unsubscribe.into());
            assert_eq!(encode(unsubscribe, client(version)), bytes);
        }
        accept(b"\xa2\x0f\0\x01\0\0\x0a$share/g/a", client(V5));
        let fault = (ErrorKind::SharedSubscription, Field::TopicFilter, 15);
        assert_eq!(refuse(b"\xa2\x0d\0\x01\0\0\x08$share/g", client(V5)), fault);
        let fault = (ErrorKind::SharedSubscription, Field::TopicFilter);
        assert_eq!(refuse_to_encode(unsubscribe, client(V5)), fault);
    }
}
