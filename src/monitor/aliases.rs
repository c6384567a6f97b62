//! The Topic Aliases that a side has set.

use core::num::NonZeroU16;

use super::store::Store;

/// A set of Topic Aliases: one bit for each.
#[cfg_attr(feature = "alloc", derive(Clone))]
#[derive(Debug)]
pub(super) struct Aliases<'s>(Store<'s, u64>);

impl<'s> Aliases<'s> {
    pub(super) const fn new(bits: Store<'s, u64>) -> Self {
        Self(bits)
    }

    pub(super) fn set(&mut self, alias: NonZeroU16) {
        let (word, bit) = Self::place(alias);
        while self.0.items().len() <= word {
            if !self.0.push(0) {
                return;
            }
        }
        if let Some(bits) = self.0.items_mut().get_mut(word) {
            *bits |= bit;
        }
    }

    /// Whether the alias is known not to be set.
    pub(super) fn lacks(&self, alias: NonZeroU16) -> bool {
        let (word, bit) = Self::place(alias);
        match self.0.items().get(word) {
            Some(bits) => bits & bit == 0,
            None => self.0.has_room_for(word),
        }
    }

    fn place(alias: NonZeroU16) -> (usize, u64) {
        let index = usize::from(alias.get());
        (index / 64, 1 << (index % 64))
    }
}
