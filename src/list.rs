//! Lists inside packets: bytes that were checked during decoding, or a slice from the caller.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use crate::dialect::Dialect;
use crate::packet_type::Carrier;

/// A list of `T` inside a packet: properties, subscriptions, topic filters or Reason Codes.
///
/// In a decoded packet, a list reads its items from the bytes of the packet, which were checked
/// during decoding. For encoding, create a list from a slice. Two lists are equal if their items
/// are equal. A list owns nothing and allocates nothing, and iterating cannot fail.
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

#[repr(u8)]
enum Repr<'a, T> {
    /// Bytes that were checked for a carrier in a dialect.
    Wire {
        hidden: Hidden,
        carrier: Carrier,
        dialect: Dialect,
        bytes: &'a [u8],
    },
    /// A slice from the caller.
    Items(Hidden, &'a [T]),
}

/// A type of items in a [`List`]. Only this crate implements it.
pub trait Item<'a>: Copy + PartialEq + fmt::Debug + sealed::Read<'a> {}

pub(crate) mod sealed {
    use crate::dialect::Dialect;

    /// Reads an item from bytes that were checked during decoding.
    pub trait Read<'a>: Sized {
        fn read(bytes: &mut &'a [u8], dialect: Dialect) -> Option<Self>;

        /// Does the same as a loop over [`read`](Self::read).
        #[inline(always)]
        fn fold<B>(
            mut bytes: &'a [u8],
            dialect: Dialect,
            init: B,
            mut each: impl FnMut(B, Self) -> B,
        ) -> B {
            let mut folded = init;
            while !bytes.is_empty() {
                let Some(item) = Self::read(&mut bytes, dialect) else {
                    break;
                };
                folded = each(folded, item);
            }
            folded
        }

        /// Whether lists can hide items of this type. Only properties can be hidden.
        const CAN_HIDE: bool = false;

        /// Whether a list that hides these groups omits the item.
        #[inline]
        fn is_hidden(&self, _: Hidden) -> bool {
            false
        }
    }

    /// Groups of properties that a list omits although its bytes or its slice hold them. This is
    /// the only way to send a packet without some of its properties.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct Hidden(u8);

    impl Hidden {
        pub(crate) const NONE: Self = Self(0);
        /// Will Delay Interval: it concerns the Will, not the message.
        pub(crate) const WILL_DELAY: Self = Self(1);
        /// Reason String.
        pub(crate) const REASON_STRING: Self = Self(2);
        /// All User Properties.
        pub(crate) const USER_PROPERTIES: Self = Self(4);
        /// The properties that differ between copies of a message: Message Expiry Interval, Topic
        /// Alias and Subscription Identifier.
        pub(crate) const OF_ONE_COPY: Self = Self(8);

        pub(crate) const fn with(self, more: Self) -> Self {
            Self(self.0 | more.0)
        }

        #[inline]
        pub(crate) const fn is_none(self) -> bool {
            self.0 == 0
        }

        #[inline]
        pub(crate) const fn contains(self, group: Self) -> bool {
            self.0 & group.0 != 0
        }
    }
}
pub(crate) use sealed::Hidden;

impl<'a, T> List<'a, T> {
    /// The empty list.
    pub const EMPTY: Self = Self::new(&[]);

    /// A list of the items in a slice.
    #[must_use]
    pub const fn new(items: &'a [T]) -> Self {
        Self(Repr::Items(Hidden::NONE, items))
    }

    /// Whether the list has no items.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            // a list that hides items still has a visible one, see `hiding`
            Repr::Wire { bytes, .. } => bytes.is_empty(),
            Repr::Items(_, items) => items.is_empty(),
        }
    }

    /// A list of bytes that were checked as items of this packet or Will, in this dialect.
    #[inline]
    pub(crate) const fn checked(bytes: &'a [u8], carrier: Carrier, dialect: Dialect) -> Self {
        Self(Repr::Wire {
            bytes,
            carrier,
            dialect,
            hidden: Hidden::NONE,
        })
    }

    /// The caller's slice, if it is the whole list.
    #[inline]
    pub(crate) const fn lent(&self) -> Option<&'a [T]> {
        match self.0 {
            Repr::Items(Hidden::NONE, items) => Some(items),
            _ => None,
        }
    }

    /// The bytes of the list, if they were checked for this carrier, in a dialect that `serves`.
    #[inline]
    pub(crate) fn bytes_for(
        &self,
        target: Carrier,
        serves: impl Fn(Dialect) -> bool,
    ) -> Option<&'a [u8]> {
        match self.0 {
            Repr::Wire {
                bytes,
                carrier,
                dialect,
                hidden: Hidden::NONE,
            } if carrier == target && serves(dialect) => Some(bytes),
            _ => None,
        }
    }
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// The number of bytes that the items have, or less.
    #[inline]
    pub(crate) fn at_least(&self, len_of: impl Fn(&T) -> usize) -> usize {
        match self.0 {
            Repr::Wire {
                bytes,
                hidden: Hidden::NONE,
                ..
            } => bytes.len(),
            Repr::Items(Hidden::NONE, items) => items.iter().map(len_of).sum(),
            _ => 0,
        }
    }

    /// The items, in order.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter(match self.0 {
            Repr::Wire {
                bytes,
                dialect,
                hidden,
                ..
            } => {
                let wire = WireIter {
                    bytes,
                    dialect,
                    items: PhantomData,
                };
                if T::CAN_HIDE && !hidden.is_none() {
                    IterRepr::HidingWire(wire, hidden)
                } else {
                    IterRepr::Wire(wire)
                }
            }
            Repr::Items(hidden, items) if T::CAN_HIDE && !hidden.is_none() => {
                IterRepr::HidingItems(items.iter(), hidden)
            }
            Repr::Items(_, items) => IterRepr::Items(items.iter()),
        })
    }

    /// The number of items. On a decoded packet this reads the whole list.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Items(Hidden::NONE, items) => items.len(),
            _ => self.iter().count(),
        }
    }

    /// The same list with these groups hidden too. Copies nothing.
    pub(crate) fn hiding(mut self, more: Hidden) -> Self {
        let (Repr::Wire { hidden, .. } | Repr::Items(hidden, _)) = &mut self.0;
        *hidden = hidden.with(more);
        match self.iter().next() {
            Some(_) => self,
            None => Self::EMPTY,
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

impl<'a, T: Item<'a> + Hash> Hash for List<'a, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let len = self.iter().fold(0_usize, |len, item| {
            item.hash(state);
            len + 1
        });
        state.write_usize(len);
    }
}

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

enum IterRepr<'a, T> {
    Wire(WireIter<'a, T>),
    Items(core::slice::Iter<'a, T>),
    HidingWire(WireIter<'a, T>, Hidden),
    HidingItems(core::slice::Iter<'a, T>, Hidden),
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            IterRepr::Wire(wire) => IterRepr::Wire(wire.clone()),
            IterRepr::Items(items) => IterRepr::Items(items.clone()),
            IterRepr::HidingWire(wire, hidden) => IterRepr::HidingWire(wire.clone(), *hidden),
            IterRepr::HidingItems(items, hidden) => IterRepr::HidingItems(items.clone(), *hidden),
        })
    }
}

impl<'a, T: Item<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            IterRepr::Wire(wire) => wire.next(),
            IterRepr::Items(items) => items.next().copied(),
            _ if T::CAN_HIDE => self.next_visible(),
            _ => None,
        }
    }

    /// Exact for a list of a slice. The bytes of a packet are not counted before they are read.
    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterRepr::Wire(wire) => (usize::from(!wire.bytes.is_empty()), Some(wire.bytes.len())),
            IterRepr::Items(items) => items.size_hint(),
            IterRepr::HidingWire(wire, _) => (0, Some(wire.bytes.len())),
            IterRepr::HidingItems(items, _) => (0, Some(items.len())),
        }
    }

    /// Does the same as a loop over `next`, but checks the kind of list once, not for each item.
    #[inline]
    fn fold<B, F: FnMut(B, T) -> B>(self, init: B, each: F) -> B {
        match self.0 {
            IterRepr::Wire(wire) => T::fold(wire.bytes, wire.dialect, init, each),
            IterRepr::Items(items) => items.copied().fold(init, each),
            _ if T::CAN_HIDE => self.fold_visible(init, each),
            _ => init,
        }
    }
}

/// The code for lists that hide items, kept apart so that the loops over other lists stay small.
impl<'a, T: Item<'a>> Iter<'a, T> {
    #[cold]
    #[inline(never)]
    fn next_visible(&mut self) -> Option<T> {
        match &mut self.0 {
            IterRepr::HidingWire(wire, hidden) => wire.find(|item| !item.is_hidden(*hidden)),
            IterRepr::HidingItems(items, hidden) => {
                items.find(|item| !item.is_hidden(*hidden)).copied()
            }
            IterRepr::Wire(_) | IterRepr::Items(_) => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn fold_visible<B, F: FnMut(B, T) -> B>(mut self, init: B, mut each: F) -> B {
        let mut folded = init;
        while let Some(item) = self.next_visible() {
            folded = each(folded, item);
        }
        folded
    }
}

/// Reads items from checked bytes.
struct WireIter<'a, T> {
    bytes: &'a [u8],
    dialect: Dialect,
    items: PhantomData<T>,
}

impl<T> Clone for WireIter<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<'a, T: Item<'a>> Iterator for WireIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.bytes.is_empty() {
            return None;
        }
        T::read(&mut self.bytes, self.dialect)
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

    use crate::{PacketId, ReasonCode, ReasonCodes, SubAck};

    #[test]
    fn lists_compare_and_print_their_items() {
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
}
