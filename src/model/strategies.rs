//! The model for property tests: strategies of [`proptest`].
//!
//! ```
//! use mqtt_wire::model::strategies;
//! use mqtt_wire::{Dialect, Version};
//! use proptest::prelude::*;
//!
//! let dialect = Dialect::from_client(Version::V5);
//! proptest!(|(packet in strategies::packet(dialect))| {
//!     prop_assert!(packet.encode(dialect).is_ok());
//! });
//! ```
//!
//! A value is made by a row of numbers, each of which decides one thing; the smaller they are, and
//! the fewer, the smaller is the value. What fails is shrunk by making it again of fewer and smaller
//! numbers: conversations lose steps, lists lose items, texts lose characters, optional parts vanish,
//! numbers fall; and what depends on other parts (a Packet Identifier on the exchanges that are
//! open) stays right.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use proptest::arbitrary::any;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::make::{self, Choices, Errors, Maker};
use super::{Conversation, Packet, conversation};
use crate::dialect::{Dialect, Version};
use crate::packet::PacketType;

/// Any dialect, without waivers and optional rules.
pub fn dialect() -> impl Strategy<Value = Dialect> + Clone {
    Made(make::dialect)
}

/// Any packet that `dialect` can say.
pub fn packet(dialect: Dialect) -> impl Strategy<Value = Packet> + Clone {
    Made(move |choices: &mut Row| make::valid(dialect, choices))
}

/// Any packet of this type that `dialect` can say, if `dialect` has the type.
pub fn packet_of(
    packet_type: PacketType,
    dialect: Dialect,
) -> impl Strategy<Value = Packet> + Clone {
    Made(move |choices: &mut Row| make::valid_of(packet_type, dialect, choices))
}

/// A packet with errors, as far as the types allow them: often one, sometimes several. About half
/// have none after all.
pub fn nearly_valid(dialect: Dialect) -> impl Strategy<Value = Packet> + Clone {
    Made(move |choices: &mut Row| make::nearly_valid(dialect, choices))
}

/// A conversation in which a [`Monitor`](crate::monitor::Monitor) finds no breach.
///
/// It is one connection from its CONNECT on, with up to some hundred packets; it may end anywhere.
/// Messages come from the Server only after a subscription was granted, whether or not their
/// topics match it.
pub fn conversation(version: Version) -> impl Strategy<Value = Conversation> + Clone {
    Made(move |choices: &mut Row| conversation::valid(version, choices))
}

/// A conversation of packets that are valid by themselves, in which both sides may break rules:
/// often one, sometimes several. Somewhat less than half break none after all.
pub fn nearly_valid_conversation(version: Version) -> impl Strategy<Value = Conversation> + Clone {
    Made(move |choices: &mut Row| conversation::nearly_valid(version, choices))
}

/// A topic name.
pub fn topic_name() -> impl Strategy<Value = String> + Clone {
    Made(|choices: &mut Row| {
        let dialect = Dialect::from_client(Version::V5);
        Maker::new(choices, dialect, Errors::NONE).topic_name()
    })
}

/// A topic filter; one that begins with `$share/` is a shared subscription if `version` is 5.0.
pub fn topic_filter(version: Version) -> impl Strategy<Value = String> + Clone {
    Made(move |choices: &mut Row| {
        let dialect = Dialect::from_client(version);
        Maker::new(choices, dialect, Errors::NONE).topic_filter()
    })
}

/// Numbers that choose, and what was chosen.
struct Row {
    source: Source,
    chosen: Chosen,
}

enum Source {
    /// xorshift64*
    Random(u64),
    /// Zeros follow the last.
    Numbers(alloc::vec::IntoIter<u32>),
}

/// A row of numbers, and the parts of the value that they make.
#[derive(Clone, Default)]
struct Chosen {
    numbers: Vec<u32>,
    parts: Vec<Part>,
}

#[derive(Clone, Copy)]
struct Part {
    begin: usize,
    end: usize,
    is_item: bool,
}

impl Row {
    fn new(source: Source) -> Self {
        Self {
            source,
            chosen: Chosen::default(),
        }
    }
}

impl Choices for Row {
    fn below(&mut self, end: u32) -> u32 {
        let number = match &mut self.source {
            Source::Random(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
                ((random * u64::from(end)) >> 32) as u32
            }
            Source::Numbers(numbers) => numbers.next().unwrap_or(0).min(end.saturating_sub(1)),
        };
        self.chosen.numbers.push(number);
        number
    }

    fn decided(&mut self, number: u32) {
        if let Source::Numbers(numbers) = &mut self.source {
            numbers.next();
        }
        self.chosen.numbers.push(number);
    }

    fn count(&self) -> usize {
        self.chosen.numbers.len()
    }

    fn part(&mut self, count: usize, is_item: bool) {
        self.chosen.parts.push(Part {
            begin: count,
            end: self.chosen.numbers.len(),
            is_item,
        });
    }
}

/// What a function makes of a row.
#[derive(Clone)]
struct Made<F>(F);

impl<F> fmt::Debug for Made<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made")
    }
}

impl<T: fmt::Debug, F: Fn(&mut Row) -> T + Clone> Strategy for Made<F> {
    type Tree = Tree<F>;
    type Value = T;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = any::<u64>().new_tree(runner)?.current();
        let mut row = Row::new(Source::Random(seed | 1));
        (self.0)(&mut row);
        let chosen = row.chosen.finish();
        Ok(Tree {
            make: self.0.clone(),
            best: chosen.clone(),
            tried: chosen,
            step: Step::FIRST,
            after_gain: None,
            gained: false,
        })
    }
}

impl Chosen {
    /// Cuts off the zeros at the end, which follow anyway, and brings the parts in the order in
    /// which they are left out: the largest first.
    fn finish(mut self) -> Self {
        let last = self.numbers.iter().rposition(|&number| number != 0);
        self.numbers.truncate(last.map_or(0, |last| last + 1));
        let length = self.numbers.len();
        self.parts.retain(|part| part.begin < length);
        self.parts
            .sort_by_key(|part| core::cmp::Reverse(part.end - part.begin));
        self
    }

    fn is_smaller_than(&self, other: &Self) -> bool {
        (self.numbers.len(), &self.numbers) < (other.numbers.len(), &other.numbers)
    }
}

/// A row that is made smaller step by step.
struct Tree<F> {
    make: F,
    /// The smallest that was wanted so far,
    best: Chosen,
    /// and the one that is tried.
    tried: Chosen,
    /// What is tried next,
    step: Step,
    /// and what instead if `tried` is a gain.
    after_gain: Option<Step>,
    /// Whether a step of this round was a gain.
    gained: bool,
}

/// How a row is made smaller.
#[derive(Clone, Copy)]
enum Step {
    /// So many parts from this index on are left out: twice as many after each gain.
    LeaveOut { index: usize, count: usize },
    /// The number before this place is lowered by so much: first by itself, then by half of that,
    /// until the smallest number that will do is found.
    Lower { end: usize, by: u32 },
    /// A round is over.
    Done,
}

impl Step {
    const FIRST: Self = Self::LeaveOut { index: 0, count: 1 };

    const fn after_loss(index: usize, count: usize) -> Self {
        match count {
            1 => Self::LeaveOut {
                index: index + 1,
                count,
            },
            _ => Self::LeaveOut { index, count: 1 },
        }
    }
}

impl<F> Tree<F> {
    /// Another row to try, smaller than the best; whether there is one.
    fn try_next<T>(&mut self) -> bool
    where
        F: Fn(&mut Row) -> T,
    {
        loop {
            let numbers = match self.step {
                Step::LeaveOut { index, count } => match self.best.without(index, count) {
                    Some(numbers) => {
                        self.step = Step::after_loss(index, count);
                        // other parts have their places then
                        let count = 2 * count;
                        self.after_gain = Some(Step::LeaveOut { index, count });
                        numbers
                    }
                    None => {
                        self.step = self.best.lower(usize::MAX);
                        continue;
                    }
                },
                Step::Lower { end, by } => {
                    self.after_gain = None;
                    self.step = match by {
                        0 | 1 => self.best.lower(end.saturating_sub(1)),
                        _ => Step::Lower { end, by: by / 2 },
                    };
                    self.best.lowered(end, by)
                }
                Step::Done if core::mem::take(&mut self.gained) => {
                    self.step = Step::FIRST;
                    continue;
                }
                Step::Done => {
                    self.tried.clone_from(&self.best);
                    return false;
                }
            };
            let mut row = Row::new(Source::Numbers(numbers.into_iter()));
            (self.make)(&mut row);
            let tried = row.chosen.finish();
            if tried.is_smaller_than(&self.best) {
                self.tried = tried;
                return true;
            }
        }
    }
}

impl Chosen {
    /// The numbers without some parts, if there is the first of them.
    fn without(&self, index: usize, count: usize) -> Option<Vec<u32>> {
        let rest = self.parts.get(index..)?;
        let parts = rest.get(..count).unwrap_or(rest);
        if parts.is_empty() {
            return None;
        }
        let mut kept: Vec<_> = self.numbers.iter().copied().map(Some).collect();
        for part in parts {
            let end = part.end.min(kept.len());
            kept.get_mut(part.begin..end)?.fill(None);
        }
        for part in parts.iter().filter(|part| !part.is_item) {
            *kept.get_mut(part.begin)? = Some(0);
        }
        Some(kept.into_iter().flatten().collect())
    }

    /// The first step of lowering the last number above 0 before `end`.
    fn lower(&self, end: usize) -> Step {
        let before = self.numbers.get(..end).unwrap_or(&self.numbers);
        let last = before.iter().enumerate().rfind(|(_, number)| **number > 0);
        match last {
            Some((index, number)) => Step::Lower {
                end: index + 1,
                by: *number,
            },
            None => Step::Done,
        }
    }

    fn lowered(&self, end: usize, by: u32) -> Vec<u32> {
        let mut numbers = self.numbers.clone();
        if let Some(number) = end.checked_sub(1).and_then(|index| numbers.get_mut(index)) {
            *number = number.saturating_sub(by);
        }
        numbers
    }
}

impl<T: fmt::Debug, F: Fn(&mut Row) -> T> ValueTree for Tree<F> {
    type Value = T;

    fn current(&self) -> T {
        let numbers = self.tried.numbers.clone().into_iter();
        (self.make)(&mut Row::new(Source::Numbers(numbers)))
    }

    fn simplify(&mut self) -> bool {
        if self.tried.is_smaller_than(&self.best) {
            self.best.clone_from(&self.tried);
            self.gained = true;
            if let Some(step) = self.after_gain {
                self.step = step;
            }
        }
        self.try_next()
    }

    fn complicate(&mut self) -> bool {
        self.try_next()
    }
}
