//! Lists inside packets: bytes that were checked while decoding, or a slice that the user lends.

use core::fmt;
use core::marker::PhantomData;

use crate::dialect::{Dialect, Version};
use crate::property::Carrier;

/// A list of `T` inside a packet: properties, subscriptions, topic filters or Reason Codes.
///
/// A decoded packet's list reads its items from the packet's bytes, which were checked once; a
/// list for encoding is lent by the user as a slice. Lists are equal if their items are. No list
/// owns or allocates anything, and iterating cannot fail.
///
/// ```
/// use mqtt_wire::{Property, Properties};
///
/// let items = [Property::ServerKeepAlive(30), Property::RetainAvailable(false)];
/// let properties = Properties::from(&items);
/// assert_eq!(properties.iter().count(), 2);
/// assert!(properties.iter().eq(items));
/// ```
pub struct List<'a, T>(Repr<'a, T>);

enum Repr<'a, T> {
    /// Bytes that were checked for a carrier in a dialect.
    Wire {
        bytes: &'a [u8],
        carrier: Carrier,
        dialect: Dialect,
    },
    Items(&'a [T]),
    /// Checked bytes without the item that begins at byte `gap`. A whole dialect would make every
    /// list larger.
    WireWithout {
        bytes: &'a [u8],
        gap: u32,
        version: Version,
    },
    /// A lent slice without the item at `gap`.
    ItemsWithout {
        items: &'a [T],
        gap: u32,
    },
}

/// What stands in a [`List`]. Only this crate implements it.
pub trait Item<'a>: Copy + PartialEq + fmt::Debug + sealed::Read<'a> {}

pub(crate) mod sealed {
    use crate::dialect::Dialect;

    /// Reads an item from bytes that were checked while decoding.
    pub trait Read<'a>: Sized {
        fn read(bytes: &'a [u8], dialect: Dialect) -> Option<(&'a [u8], Self)>;

        /// Whether a list of such items may have been asked to be without one. Who walks the
        /// others has no gap to look for.
        const MAY_HAVE_GAP: bool = false;
    }
}

impl<'a, T> List<'a, T> {
    /// No items.
    pub const EMPTY: Self = Self(Repr::Items(&[]));

    /// A list of the items in a slice.
    #[must_use]
    pub const fn new(items: &'a [T]) -> Self {
        Self(Repr::Items(items))
    }

    /// Whether there are no items.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Repr::Wire { bytes, .. } => bytes.is_empty(),
            Repr::Items(items) => items.is_empty(),
            // something stands on either side of the gap
            Repr::WireWithout { .. } | Repr::ItemsWithout { .. } => false,
        }
    }

    /// Bytes that have been checked to be items of this packet or Will, in this dialect.
    #[inline]
    pub(crate) const fn checked(bytes: &'a [u8], carrier: Carrier, dialect: Dialect) -> Self {
        Self(Repr::Wire {
            bytes,
            carrier,
            dialect,
        })
    }

    /// The items of a list that the user lends.
    #[inline]
    pub(crate) const fn lent(&self) -> Option<&'a [T]> {
        match self.0 {
            Repr::Items(items) => Some(items),
            Repr::Wire { .. } | Repr::WireWithout { .. } | Repr::ItemsWithout { .. } => None,
        }
    }

    /// Whether the list was decoded from such a packet: it need not be checked again.
    #[inline]
    pub(crate) fn is_checked_for(&self, to: Carrier, r#in: Dialect) -> bool {
        match self.0 {
            Repr::Wire {
                carrier, dialect, ..
            } => carrier == to && dialect == r#in,
            Repr::Items(_) | Repr::WireWithout { .. } | Repr::ItemsWithout { .. } => false,
        }
    }

    /// The bytes of the list where they are those that `version` would write: 3.1 reads unused
    /// bits but does not write them.
    #[inline]
    pub(crate) fn wire_of(&self, version: Version) -> Option<&'a [u8]> {
        match self.0 {
            Repr::Wire { bytes, dialect, .. }
                if dialect.version() == version && version != Version::V3_1 =>
            {
                Some(bytes)
            }
            _ => None,
        }
    }
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// The items, in order.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> Iter<'a, T> {
        let wire = |bytes, then, dialect| IterRepr::Wire {
            bytes,
            then,
            dialect,
            items: PhantomData,
        };
        let lent = |items: &'a [T], then| IterRepr::Items {
            items: items.iter(),
            then,
        };
        Iter(match self.0 {
            Repr::Wire { bytes, dialect, .. } => wire(bytes, &[], dialect),
            Repr::Items(items) => lent(items, &[]),
            Repr::WireWithout {
                bytes,
                gap,
                version,
            } => {
                let dialect = Dialect::from_server(version);
                let (before, at_gap) = bytes.split_at_checked(gap as usize).unwrap_or_default();
                let then = T::read(at_gap, dialect).map_or(&[][..], |(then, _)| then);
                wire(before, then, dialect)
            }
            Repr::ItemsWithout { items, gap } => {
                let (before, at_gap) = items.split_at_checked(gap as usize).unwrap_or_default();
                let then = at_gap.split_first().map_or(&[][..], |(_, then)| then);
                lent(before, then)
            }
        })
    }

    /// Calls `each` with one item after the other until it fails.
    #[inline]
    pub(crate) fn try_for_each<E>(
        &self,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.0 {
            Repr::Items(items) => items.iter().try_for_each(|item| each(*item)),
            _ => self.iter().try_for_each(each),
        }
    }

    /// The number of items. On a decoded packet this walks the list.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Items(items) => items.len(),
            Repr::Wire { .. } | Repr::WireWithout { .. } | Repr::ItemsWithout { .. } => {
                self.iter().count()
            }
        }
    }

    /// The list without the first item that is `unwanted`. What is left of bytes or of a slice is
    /// not copied, so it may have a gap; a list that has one already stays as it is.
    pub(crate) fn without(&self, unwanted: impl Fn(&T) -> bool) -> Self {
        match self.0 {
            Repr::Wire {
                bytes,
                carrier,
                dialect,
            } => {
                let mut at = bytes;
                let after = loop {
                    match T::read(at, dialect) {
                        Some((after, item)) if unwanted(&item) => break after,
                        Some((after, _)) => at = after,
                        None => return *self,
                    }
                };
                let gap = bytes.len() - at.len();
                match bytes.get(..gap) {
                    None | Some([]) => Self::checked(after, carrier, dialect),
                    Some(before) if after.is_empty() => Self::checked(before, carrier, dialect),
                    Some(_) => Self(Repr::WireWithout {
                        bytes,
                        gap: u32::try_from(gap).unwrap_or(u32::MAX),
                        version: dialect.version(),
                    }),
                }
            }
            Repr::Items(items) => match items.iter().position(unwanted) {
                None => *self,
                Some(0) => Self::new(items.get(1..).unwrap_or_default()),
                Some(gap) if gap + 1 == items.len() => {
                    Self::new(items.get(..gap).unwrap_or_default())
                }
                Some(gap) => Self(Repr::ItemsWithout {
                    items,
                    gap: u32::try_from(gap).unwrap_or(u32::MAX),
                }),
            },
            Repr::WireWithout { .. } | Repr::ItemsWithout { .. } => *self,
        }
    }
}

impl<T> Copy for List<'_, T> {}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Repr<'_, T> {}

impl<T> Clone for Repr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a, T> From<&'a [T]> for List<'a, T> {
    fn from(items: &'a [T]) -> Self {
        Self::new(items)
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for List<'a, T> {
    fn from(items: &'a [T; N]) -> Self {
        Self::new(items)
    }
}

impl<'a, T: Item<'a>> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Item<'a> + Eq> Eq for List<'a, T> {}

impl<'a, T: Item<'a>> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Item<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Item<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

#[cfg(feature = "defmt")]
impl<'a, T: Item<'a> + defmt::Format> defmt::Format for List<'a, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "[");
        for (index, item) in self.iter().enumerate() {
            match index {
                0 => defmt::write!(f, "{}", item),
                _ => defmt::write!(f, ", {}", item),
            }
        }
        defmt::write!(f, "]");
    }
}

#[cfg(feature = "serde")]
impl<'a, T: Item<'a> + serde::Serialize> serde::Serialize for List<'a, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The items of a [`List`].
pub struct Iter<'a, T>(IterRepr<'a, T>);

/// What is left before a gap, and what stands behind it.
enum IterRepr<'a, T> {
    Wire {
        bytes: &'a [u8],
        then: &'a [u8],
        dialect: Dialect,
        items: PhantomData<T>,
    },
    Items {
        items: core::slice::Iter<'a, T>,
        then: &'a [T],
    },
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            IterRepr::Wire {
                bytes,
                then,
                dialect,
                ..
            } => IterRepr::Wire {
                bytes,
                then,
                dialect: *dialect,
                items: PhantomData,
            },
            IterRepr::Items { items, then } => IterRepr::Items {
                items: items.clone(),
                then,
            },
        })
    }
}

impl<'a, T: Item<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            IterRepr::Wire {
                bytes: [], then, ..
            } if !T::MAY_HAVE_GAP || then.is_empty() => None,
            IterRepr::Wire {
                bytes,
                then,
                dialect,
                ..
            } => {
                if T::MAY_HAVE_GAP && bytes.is_empty() {
                    *bytes = core::mem::take(then);
                }
                let (rest, item) = T::read(bytes, *dialect)?;
                *bytes = rest;
                Some(item)
            }
            IterRepr::Items { items, then } => {
                if T::MAY_HAVE_GAP && items.len() == 0 {
                    *items = core::mem::take(then).iter();
                }
                items.next().copied()
            }
        }
    }

    /// As by `next`, without asking for each item what kind of list it is in.
    #[inline]
    fn fold<B, F: FnMut(B, T) -> B>(self, init: B, mut each: F) -> B {
        match self.0 {
            IterRepr::Items { items, then } => {
                let folded = items.copied().fold(init, &mut each);
                then.iter().copied().fold(folded, each)
            }
            IterRepr::Wire {
                bytes,
                then,
                dialect,
                ..
            } => {
                let mut folded = init;
                for mut rest in [bytes, then] {
                    while !rest.is_empty() {
                        let Some((after, item)) = T::read(rest, dialect) else {
                            break;
                        };
                        folded = each(folded, item);
                        rest = after;
                    }
                }
                folded
            }
        }
    }
}

impl<'a, T: Item<'a>> core::iter::FusedIterator for Iter<'a, T> {}

impl<'a, T: Item<'a>> fmt::Debug for Iter<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::List;
    use crate::property::Carrier;
    use crate::{
        Dialect, PacketId, PacketType, Property, ReasonCode, ReasonCodes, SubAck, Version,
    };

    #[test]
    fn a_list_is_its_items() {
        let one = [ReasonCode::Success];
        let two = [ReasonCode::Success, ReasonCode::NotAuthorized];
        let list = ReasonCodes::from(&two[..]);
        assert_eq!(list.len(), 2);
        assert_eq!(Clone::clone(&list), list);
        assert_ne!(list, ReasonCodes::from(&one));
        assert_ne!(
            SubAck::new(PacketId::MIN, list),
            SubAck::new(PacketId::MIN, ReasonCodes::EMPTY)
        );
        let mut rest = list.iter();
        assert_eq!(format!("{list:?} {rest:?}"), format!("{two:?} {two:?}"));
        assert_eq!(rest.next(), Some(ReasonCode::Success));
        assert_eq!(format!("{rest:?}"), format!("{:?}", &two[1..]));
    }

    #[test]
    fn a_list_has_a_gap_only_between_items() {
        let numbers = [1, 2, 3].map(Property::TopicAliasMaximum);
        let bytes = b"\x22\0\x01\x22\0\x02\x22\0\x03";
        let carrier = Carrier::Packet(PacketType::ConnAck);
        let lists = [
            List::new(&numbers),
            List::checked(bytes, carrier, Dialect::from_server(Version::V5)),
        ];
        for list in lists {
            assert_eq!(list, List::new(&numbers));
            for (place, left) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
                let without = list.without(|item| *item == numbers[place]);
                assert_eq!(without, List::new(&left.map(|at| numbers[at])));
                let is_whole = without.lent().is_some() || without.wire_of(Version::V5).is_some();
                assert_eq!(is_whole, place != 1, "{without:?}");
            }
        }
    }
}
