//! The layout of SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK: a Packet Identifier, properties and a
//! list.

use crate::data::PacketId;
use crate::dialect::Dialect;
use crate::error::{Fault, ParseFault, Refusal, fault};
use crate::list::{Item, List};
use crate::packet_type::Carrier;
use crate::property::{self, Properties};
use crate::wire::read::Parsed;
use crate::wire::write::Put;

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
        parse_item: impl Fn(&'a [u8]) -> Parsed<'a, T, E>,
    ) -> Parsed<'a, (PacketId, Properties<'a>, List<'a, T>), E> {
        let (rest, packet_id) = PacketId::parse(body, self.dialect)?;
        let (items, properties) = property::parse(rest, self.carrier, self.dialect)?;
        if let (Some(empty), []) = (self.empty, items) {
            return fault(items, empty.kind, empty.field, empty.value);
        }
        let mut rest = items;
        while !rest.is_empty() {
            (rest, _) = parse_item(rest)?;
        }
        let list = List::checked(items, self.carrier, self.dialect);
        Ok((rest, (packet_id, properties, list)))
    }

    #[inline]
    pub(super) fn check<'a, T: Item<'a>>(
        self,
        packet_id: PacketId,
        properties: &Properties<'_>,
        list: &List<'a, T>,
        check_item: impl FnMut(T) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        packet_id.check()?;
        property::check(properties, self.carrier, self.dialect)?;
        match self.empty {
            Some(empty) if list.is_empty() => Err(Refusal::Broken(empty)),
            _ if list.is_checked_for(self.carrier, self.dialect) => Ok(()),
            _ => list.try_for_each(check_item),
        }
    }
}

/// Writes the three fields.
#[inline(always)]
pub(super) fn put<'a, T: Item<'a>, O: Put>(
    packet_id: PacketId,
    properties: &Properties<'_>,
    list: &List<'a, T>,
    dialect: Dialect,
    out: &mut O,
    put_item: impl Fn(T, &mut O),
) {
    out.put_u16(packet_id.get());
    property::put(properties, dialect, out);
    match list.wire_of(dialect.version()) {
        Some(bytes) => out.put(bytes),
        None => list.iter().for_each(|item| put_item(item, out)),
    }
}
