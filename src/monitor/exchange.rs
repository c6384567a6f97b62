//! What a conversation has open: exchanges by Packet Identifier, and Topic Aliases.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::num::NonZeroU16;

use crate::data::PacketId;
use crate::dialect::Sender;

/// An exchange that a packet with a Packet Identifier has opened: storage for a
/// [`Monitor`](super::Monitor) without an allocator.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// The side that chose the identifier.
    owner: Sender,
    packet_id: PacketId,
    pub(super) stage: Stage,
    /// When the stage was reached, in packets from 1; 0 if that may not have been seen.
    order: u64,
}

impl Exchange {
    /// A place that no exchange has taken yet.
    pub const FREE: Self = Self {
        owner: Sender::Client,
        packet_id: PacketId::MIN,
        stage: Stage::PubAck,
        order: 0,
    };
}

/// How far an exchange has come: the packet that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// PUBLISH with QoS 1.
    PubAck,
    /// PUBLISH with QoS 2.
    PubRec,
    /// PUBLISH with QoS 2 that was answered by PUBREC.
    PubRel,
    /// The same after PUBREL. `old` if this connection has not seen its PUBLISH.
    PubComp { old: bool },
    /// SUBSCRIBE with this many filters.
    SubAck { filters: usize },
    /// UNSUBSCRIBE with this many filters.
    UnsubAck { filters: usize },
}

/// The open exchanges of both sides.
#[derive(Debug)]
pub(super) struct Exchanges<'s> {
    open: Store<'s, Exchange>,
    clock: u64,
    /// Whether an exchange was not stored for want of room.
    pub(super) incomplete: bool,
}

impl<'s> Exchanges<'s> {
    pub(super) const fn new(open: Store<'s, Exchange>) -> Self {
        Self {
            open,
            clock: 0,
            incomplete: false,
        }
    }

    pub(super) fn open(&mut self, owner: Sender, packet_id: PacketId, stage: Stage) {
        self.clock += 1;
        self.store(owner, packet_id, stage, self.clock);
    }

    /// As `open`, by what may repeat a packet that was not seen or had no room.
    pub(super) fn open_again(&mut self, owner: Sender, packet_id: PacketId, stage: Stage) {
        self.store(owner, packet_id, stage, 0);
    }

    fn store(&mut self, owner: Sender, packet_id: PacketId, stage: Stage, order: u64) {
        let stored = self.open.push(Exchange {
            owner,
            packet_id,
            stage,
            order,
        });
        self.incomplete |= !stored;
    }

    pub(super) fn stage(&self, owner: Sender, packet_id: PacketId) -> Option<Stage> {
        self.find(owner, packet_id)
            .map(|(_, exchange)| exchange.stage)
    }

    /// Moves an exchange to another stage, or ends it.
    pub(super) fn proceed(&mut self, owner: Sender, packet_id: PacketId, stage: Option<Stage>) {
        self.clock += 1;
        let clock = self.clock;
        let Some((index, _)) = self.find(owner, packet_id) else {
            return;
        };
        match (stage, self.open.items_mut().get_mut(index)) {
            (Some(stage), Some(exchange)) => (exchange.stage, exchange.order) = (stage, clock),
            _ => self.open.swap_remove(index),
        }
    }

    /// Whether an exchange of the same owner that is known to be older is at the same stage.
    pub(super) fn is_overtaken(&self, owner: Sender, packet_id: PacketId) -> bool {
        let Some((_, this)) = self.find(owner, packet_id) else {
            return false;
        };
        self.open.items().iter().any(|other| {
            other.owner == owner
                && other.stage == this.stage
                && (1..this.order).contains(&other.order)
        })
    }

    /// The messages of QoS 1 and 2 that `owner` has sent on this connection and that are open.
    pub(super) fn messages(&self, owner: Sender) -> usize {
        let counts = |exchange: &&Exchange| {
            exchange.owner == owner
                && match exchange.stage {
                    Stage::PubAck | Stage::PubRec | Stage::PubRel => true,
                    Stage::PubComp { old } => !old,
                    Stage::SubAck { .. } | Stage::UnsubAck { .. } => false,
                }
        };
        self.open.items().iter().filter(counts).count()
    }

    fn find(&self, owner: Sender, packet_id: PacketId) -> Option<(usize, &Exchange)> {
        let is_it =
            |item: &(usize, &Exchange)| item.1.owner == owner && item.1.packet_id == packet_id;
        self.open.items().iter().enumerate().find(is_it)
    }
}

/// The Topic Aliases that a side has set: a bit each.
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

/// A list in storage that the user lends, or that grows.
#[derive(Debug)]
pub(super) enum Store<'s, T> {
    Lent {
        places: &'s mut [T],
        len: usize,
    },
    #[cfg(feature = "alloc")]
    Owned(Vec<T>),
}

impl<'s, T: Copy> Store<'s, T> {
    pub(super) const fn lent(places: &'s mut [T]) -> Self {
        Self::Lent { places, len: 0 }
    }

    fn items(&self) -> &[T] {
        match self {
            Self::Lent { places, len } => places.get(..*len).unwrap_or_default(),
            #[cfg(feature = "alloc")]
            Self::Owned(items) => items,
        }
    }

    fn items_mut(&mut self) -> &mut [T] {
        match self {
            Self::Lent { places, len } => places.get_mut(..*len).unwrap_or_default(),
            #[cfg(feature = "alloc")]
            Self::Owned(items) => items,
        }
    }

    /// Whether there can be an item at this index.
    fn has_room_for(&self, index: usize) -> bool {
        match self {
            Self::Lent { places, .. } => index < places.len(),
            #[cfg(feature = "alloc")]
            Self::Owned(_) => true,
        }
    }

    /// Whether there was room.
    fn push(&mut self, item: T) -> bool {
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

    fn swap_remove(&mut self, index: usize) {
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
