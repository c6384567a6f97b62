//! A list in storage that the user lends, or that grows.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) enum Store<'s, T> {
    Lent {
        places: &'s mut [T],
        len: usize,
    },
    #[cfg(feature = "alloc")]
    Owned(Vec<T>),
}

/// The copy of lent storage is storage that grows.
#[cfg(feature = "alloc")]
impl<T: Copy> Clone for Store<'_, T> {
    fn clone(&self) -> Self {
        Self::Owned(self.items().to_vec())
    }
}

impl<'s, T: Copy> Store<'s, T> {
    pub(super) const fn lent(places: &'s mut [T]) -> Self {
        Self::Lent { places, len: 0 }
    }

    pub(super) fn items(&self) -> &[T] {
        match self {
            Self::Lent { places, len } => places.get(..*len).unwrap_or_default(),
            #[cfg(feature = "alloc")]
            Self::Owned(items) => items,
        }
    }

    pub(super) fn items_mut(&mut self) -> &mut [T] {
        match self {
            Self::Lent { places, len } => places.get_mut(..*len).unwrap_or_default(),
            #[cfg(feature = "alloc")]
            Self::Owned(items) => items,
        }
    }

    /// Whether there can be an item at this index.
    pub(super) fn has_room_for(&self, index: usize) -> bool {
        match self {
            Self::Lent { places, .. } => index < places.len(),
            #[cfg(feature = "alloc")]
            Self::Owned(_) => true,
        }
    }

    /// Adds an item. Returns whether there was room.
    pub(super) fn push(&mut self, item: T) -> bool {
        match self {
            Self::Lent { places, len } => {
                let Some(place) = places.get_mut(*len) else {
                    return false;
                };
                *place = item;
                *len += 1;
            }
            #[cfg(feature = "alloc")]
            Self::Owned(items) => items.push(item),
        }
        true
    }

    pub(super) fn swap_remove(&mut self, index: usize) {
        match self {
            Self::Lent { places, len } => {
                let Some(last) = len.checked_sub(1) else {
                    return;
                };
                if let Some(&item) = places.get(last) {
                    if let Some(place) = places.get_mut(index) {
                        *place = item;
                    }
                    *len = last;
                }
            }
            #[cfg(feature = "alloc")]
            Self::Owned(items) => {
                items.swap_remove(index);
            }
        }
    }
}
