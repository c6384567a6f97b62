//! Generators: a value is made step by step, and a [`Chooser`] decides each step.

mod conversation;
mod packet;

use mqtt_wire::{Dialect, PacketType, Sender, Version};

use self::conversation::ConversationGenerator;
pub(crate) use self::packet::PacketGenerator;
use crate::{Conversation, Packet};

/// A version and a side. 5.0 comes twice as often as the other versions, because it has more rules.
pub(crate) fn dialect(chooser: &mut impl Chooser) -> Dialect {
    let version = version(chooser);
    let sender = chooser.choose(Sender::Client, &[Sender::Server]);
    Dialect::new(version, sender)
}

pub(crate) fn version(chooser: &mut impl Chooser) -> Version {
    chooser.choose(Version::V3_1_1, &[Version::V5, Version::V3_1, Version::V5])
}

/// A packet that `dialect` allows.
pub(crate) fn valid(dialect: Dialect, chooser: &mut impl Chooser) -> Packet {
    PacketGenerator::new(chooser, dialect, ErrorBudget::NONE).packet_of_any_type()
}

/// A packet of this type that `dialect` allows, if `dialect` has the type.
pub(crate) fn valid_of(
    packet_type: PacketType,
    dialect: Dialect,
    chooser: &mut impl Chooser,
) -> Packet {
    PacketGenerator::new(chooser, dialect, ErrorBudget::NONE).packet(packet_type)
}

/// A packet that may break rules of `dialect`.
pub(crate) fn nearly_valid(dialect: Dialect, chooser: &mut impl Chooser) -> Packet {
    let errors = ErrorBudget::choose(chooser);
    PacketGenerator::new(chooser, dialect, errors).packet_of_any_type()
}

/// A conversation in which neither side breaks a rule.
pub(crate) fn valid_conversation(version: Version, chooser: &mut impl Chooser) -> Conversation {
    ConversationGenerator::new(version, chooser, ErrorBudget::NONE).conversation()
}

/// A conversation of valid packets, in which both sides may break rules.
pub(crate) fn nearly_valid_conversation(
    version: Version,
    chooser: &mut impl Chooser,
) -> Conversation {
    let errors = ErrorBudget::choose(chooser);
    ConversationGenerator::new(version, chooser, errors).conversation()
}

/// Chooses the numbers that decide how a value is made: the bytes of a fuzzer, or a strategy.
pub(crate) trait Chooser {
    /// A number below `end`, which is at least 1. Smaller numbers make smaller values; a chooser
    /// that has no choices left returns 0.
    fn below(&mut self, end: u32) -> u32;

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Any of these values. `first` is the simplest.
    fn choose<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let count = u32::try_from(others.len()).unwrap_or(0);
        match self.below(count + 1).checked_sub(1) {
            Some(index) => others.get(index as usize).copied().unwrap_or(first),
            None => first,
        }
    }

    /// Uses up one choice where only `number` is possible. The choices after it keep their
    /// positions then.
    fn skip(&mut self, number: u32) {
        let _ = number;
    }

    /// The number of choices so far.
    fn position(&self) -> usize {
        0
    }

    /// Marks the choices from `start` on as one part of the value, which shrinking may remove: an
    /// item of a list disappears with its choices, any other part gets the choice 0 instead.
    fn mark_part(&mut self, start: usize, is_item: bool) {
        let _ = (start, is_item);
    }
}

impl<C: Chooser + ?Sized> Chooser for &mut C {
    fn below(&mut self, end: u32) -> u32 {
        (**self).below(end)
    }

    fn skip(&mut self, number: u32) {
        (**self).skip(number);
    }

    fn position(&self) -> usize {
        (**self).position()
    }

    fn mark_part(&mut self, start: usize, is_item: bool) {
        (**self).mark_part(start, is_item);
    }
}

/// How many errors a generator may still make, and how often it makes one.
#[derive(Clone, Copy)]
pub(crate) struct ErrorBudget {
    left: u8,
    one_in: u32,
}

impl ErrorBudget {
    pub(crate) const NONE: Self = Self { left: 0, one_in: 1 };

    /// One error or several.
    pub(crate) fn choose(chooser: &mut impl Chooser) -> Self {
        let (left, one_in) = chooser.choose((1, 16), &[(1, 4), (2, 8), (u8::MAX, 4)]);
        Self { left, one_in }
    }

    /// Whether to break the rule at hand.
    pub(crate) fn breaks_rule(&mut self, chooser: &mut impl Chooser) -> bool {
        if self.left == 0 || chooser.below(self.one_in) != 1 {
            return false;
        }
        self.left -= 1;
        true
    }
}
