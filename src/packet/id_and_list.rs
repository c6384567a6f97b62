//! The layout of SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK: a Packet Identifier, properties and a
//! list.

use crate::data::PacketId;
use crate::dialect::{Dialect, Version};
use crate::error::{Fault, ParseFault, Refusal, fault};
use crate::list::{Item, List};
use crate::packet_type::Carrier;
use crate::property::{self, Properties};
use crate::wire::read::Parsed;
use crate::wire::write::Out;

/// The rules of one packet type in one dialect.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) carrier: Carrier,
    pub(super) dialect: Dialect,
    /// The fault of an empty list; `None` if the list may be empty.
    pub(super) empty: Option<Fault>,
}

impl Layout {
    #[inline(always)]
    pub(super) fn parse<'a, T: Item<'a>, E: ParseFault<'a>>(
        self,
        body: &'a [u8],
        check_items: impl FnOnce(&'a [u8]) -> Result<(), nom::Err<E>>,
    ) -> Parsed<'a, (PacketId, Properties<'a>, List<'a, T>), E> {
        let (rest, packet_id) = PacketId::parse(body, self.dialect)?;
        let (items, properties) = property::parse(rest, self.carrier, self.dialect)?;
        if let (Some(empty), []) = (self.empty, items) {
            return fault(items, empty.kind, empty.field, empty.value);
        }
        if !E::WAS_CHECKED {
            check_items(items)?;
        }
        let list = List::checked(items, self.carrier, self.dialect);
        Ok((&[], (packet_id, properties, list)))
    }

    /// Checks the three fields and writes them. `write_item` checks and writes one item.
    #[inline(always)]
    pub(super) fn write<'a, T: Item<'a>, O: Out>(
        self,
        packet_id: PacketId,
        properties: &Properties<'_>,
        list: &List<'a, T>,
        out: O,
        mut write_item: impl FnMut(T, O) -> Result<O, O::Error>,
    ) -> Result<O, O::Error> {
        let out = packet_id.write(out)?;
        let mut out = property::write(properties, self.carrier, self.dialect, out)?;
        // decoding ignores unused bits of 3.1, and encoding writes them as 0
        let serves = |from: Dialect| from == self.dialect && from.version() != Version::V3_1;
        match (self.empty, list.bytes_for(self.carrier, serves)) {
            (Some(empty), _) if list.is_empty() => Err(Refusal::Broken(empty).into()),
            (_, Some(bytes)) => out.put_short(bytes),
            (_, None) => {
                if let Some(items) = list.lent() {
                    for item in items {
                        out = write_item(*item, out)?;
                    }
                } else {
                    for item in list {
                        out = write_item(item, out)?;
                    }
                }
                Ok(out)
            }
        }
    }
}

/// Checks that the bytes are a list of items.
#[inline(always)]
pub(super) fn check_each<'a, T, E>(
    items: &'a [u8],
    parse_item: impl Fn(&'a [u8]) -> Parsed<'a, T, E>,
) -> Result<(), nom::Err<E>> {
    let mut rest = items;
    while !rest.is_empty() {
        (rest, _) = parse_item(rest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{ErrorKind, Field, Packet, PacketId, Properties, Property, QoS, Subscribe};
    use crate::{Subscription, Subscriptions, TopicFilter, Utf8Str, Version, Waivers};

    #[test]
    fn the_packet_identifier_is_not_0() {
        for (first_byte, from_client, item) in [
            (0x82, true, &b"\0\x01a\0"[..]),
            (0x90, false, b"\0"),
            (0xa2, true, b"\0\x01a"),
            (0xb0, false, b"\0"),
        ] {
            for version in Version::ALL {
                let dialect = if from_client {
                    client(version)
                } else {
                    server(version)
                };
                let after: &[&[u8]] = match (version, first_byte) {
                    (Version::V5, _) => &[&[0], item],
                    (_, 0xb0) => &[],
                    _ => &[item],
                };
                let with_id = |id| packet(first_byte, &[id, &after.concat()]);
                accept(&with_id(&[0, 1]), dialect);
                accept(&with_id(&[1, 0]), dialect);
                let zero = with_id(&[0, 0]);
                let fault = (ErrorKind::PacketIdZero, Field::PacketId, 2);
                assert_eq!(refuse(&zero, dialect), fault);
                let waived = waive(&zero, dialect, Waivers::PACKET_ID_ZERO);
                let fault = (ErrorKind::PacketIdZero, Field::PacketId);
                assert_eq!(refuse_to_encode(waived, dialect), fault);
            }
        }
    }

    #[test]
    fn the_first_fault_of_the_wire_is_named() {
        for (bytes, kind, field, offset) in [
            (&[0x82, 1, 0][..], ErrorKind::Truncated, Field::PacketId, 2),
            (
                &[0x82, 2, 0, 0],
                ErrorKind::PacketIdZero,
                Field::PacketId,
                2,
            ),
            (
                &[0x82, 2, 0, 1],
                ErrorKind::Truncated,
                Field::PropertyLength,
                4,
            ),
            (
                &[0x82, 3, 0, 1, 1],
                ErrorKind::PropertyLength,
                Field::PropertyLength,
                4,
            ),
            (
                &[0x82, 3, 0, 1, 0],
                ErrorKind::EmptySubscription,
                Field::TopicFilter,
                5,
            ),
            (
                &[0x82, 4, 0, 1, 0, 0],
                ErrorKind::Truncated,
                Field::TopicFilter,
                5,
            ),
        ] {
            assert_eq!(refuse(bytes, client(V5)), (kind, field, offset));
        }
    }

    #[test]
    fn before_5_0_there_are_no_properties() {
        let properties = [Property::UserProperty(Utf8Str::EMPTY, Utf8Str::EMPTY)];
        let subscriptions = [Subscription::new(
            TopicFilter::new("a").unwrap(),
            QoS::AtMostOnce,
        )];
        let mut subscribe = Subscribe::new(PacketId::MIN, Subscriptions::from(&subscriptions));
        subscribe.properties = Properties::from(&properties);
        for version in [V3_1, V3_1_1] {
            assert_eq!(
                not_in_version(subscribe, client(version)),
                Field::PropertyLength
            );
        }
        let bytes = b"\x82\x0c\0\x01\x05\x26\0\0\0\0\0\x01a\0";
        assert_eq!(encode(subscribe, client(V5)), bytes);
    }

    #[test]
    fn a_decoded_list_is_checked_again_for_another_version() {
        let v3_1_1 = b"\x82\x06\0\x01\0\x01a\x01";
        let v5 = b"\x82\x07\0\x01\0\0\x01a\x01";
        let packet = Packet::decode(v3_1_1, client(V3_1_1)).unwrap();
        assert_eq!(encode(packet, client(V3_1)), v3_1_1);
        assert_eq!(encode(packet, client(V5)), v5);
        let packet = Packet::decode(v5, client(V5)).unwrap();
        assert_eq!(encode(packet, client(V3_1_1)), v3_1_1);

        let packet = Packet::decode(b"\x82\x07\0\x01\0\0\x01a\x05", client(V5)).unwrap();
        let field = Field::SubscriptionOptions;
        assert_eq!(not_in_version(packet, client(V3_1_1)), field);
        let packet = Packet::decode(b"\x82\x0c\0\x01\0\x07$share/\0", client(V3_1_1)).unwrap();
        let fault = (ErrorKind::EmptyShareName, Field::TopicFilter);
        assert_eq!(refuse_to_encode(packet, client(V5)), fault);
    }
}
