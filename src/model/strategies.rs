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
//! the fewer, the smaller is the value. What fails is shrunk by leaving numbers out and making them
//! smaller: lists lose items, texts lose characters, optional parts vanish, and what depends on
//! other parts (a Packet Identifier on the exchanges that are open) stays right.

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

/// A packet with errors, as far as the types allow them: mostly one, sometimes several, sometimes
/// none.
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
/// mostly one, sometimes several, sometimes none.
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

/// Numbers that choose, and those that were chosen.
struct Row {
    source: Source,
    chosen: Vec<u32>,
}

enum Source {
    /// xorshift64*
    Random(u64),
    /// Zeros follow the last.
    Numbers(alloc::vec::IntoIter<u32>),
}

impl Choices for Row {
    fn below(&mut self, end: u32) -> u32 {
        let number = match &mut self.source {
            Source::Random(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
                (random * u64::from(end) >> 32) as u32
            }
            Source::Numbers(numbers) => numbers.next().unwrap_or(0).min(end.saturating_sub(1)),
        };
        self.chosen.push(number);
        number
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
        let mut row = Row {
            source: Source::Random(seed | 1),
            chosen: Vec::new(),
        };
        (self.0)(&mut row);
        Ok(Tree {
            make: self.0.clone(),
            best: row.chosen.clone(),
            tried: row.chosen,
            step: Step::None,
            gained: false,
        })
    }
}

/// A row that is made smaller step by step.
struct Tree<F> {
    make: F,
    /// The smallest that was wanted so far,
    best: Vec<u32>,
    /// and the one that is tried.
    tried: Vec<u32>,
    /// How `tried` came from `best`.
    step: Step,
    /// Whether a step of this round was a gain.
    gained: bool,
}

/// How a row is made smaller. Each step is tried at every place, the last first.
#[derive(Clone, Copy)]
enum Step {
    /// Not at all.
    None,
    /// So many numbers that end at this place are left out.
    LeaveOut { count: usize, end: usize },
    /// The number before this place is lowered by so much: first by itself, then by half of that,
    /// until the smallest number that will do is found.
    Lower { end: usize, by: u32 },
}

impl<F> Tree<F> {
    /// Another row to try, smaller than the best; whether there is one.
    fn try_next<T>(&mut self) -> bool
    where
        F: Fn(&mut Row) -> T,
    {
        loop {
            let Some(step) = self.step.next(&self.best) else {
                self.step = Step::None;
                if core::mem::take(&mut self.gained) {
                    continue;
                }
                self.tried.clone_from(&self.best);
                return false;
            };
            self.step = step;
            let mut row = Row {
                source: Source::Numbers(step.apply(&self.best).into_iter()),
                chosen: Vec::new(),
            };
            (self.make)(&mut row);
            let mut tried = row.chosen;
            // zeros follow anyway
            let last = tried.iter().rposition(|&number| number != 0);
            tried.truncate(last.map_or(0, |last| last + 1));
            if (tried.len(), &tried) < (self.best.len(), &self.best) {
                self.tried = tried;
                return true;
            }
        }
    }
}

impl Step {
    fn apply(self, row: &[u32]) -> Vec<u32> {
        let mut row = row.to_vec();
        match self {
            Self::None => {}
            Self::LeaveOut { count, end } => {
                let end = end.min(row.len());
                drop(row.drain(end.saturating_sub(count)..end));
            }
            Self::Lower { end, by } => {
                let number = end.checked_sub(1).and_then(|index| row.get_mut(index));
                number
                    .into_iter()
                    .for_each(|it| *it = it.saturating_sub(by));
            }
        }
        row
    }

    /// The step after this one; none after the last of a round.
    fn next(self, row: &[u32]) -> Option<Self> {
        let length = row.len();
        Some(match self {
            Self::None => Self::LeaveOut {
                count: (length / 2).max(1),
                end: length,
            },
            Self::LeaveOut { count, end } if end > count => Self::LeaveOut {
                count,
                end: end - count,
            },
            Self::LeaveOut { count: 1, .. } => return Self::lower(row, length),
            Self::LeaveOut { count, .. } => Self::LeaveOut {
                count: count / 2,
                end: length,
            },
            Self::Lower { end, by: 0 | 1 } => return Self::lower(row, end.checked_sub(1)?),
            Self::Lower { end, by } => Self::Lower { end, by: by / 2 },
        })
    }

    /// The first step of lowering the last number above 0 before `end`.
    fn lower(row: &[u32], end: usize) -> Option<Self> {
        let before = row.get(..end.min(row.len()))?;
        let index = before.iter().rposition(|&number| number > 0)?;
        Some(Self::Lower {
            end: index + 1,
            by: *row.get(index)?,
        })
    }
}

impl<T: fmt::Debug, F: Fn(&mut Row) -> T> ValueTree for Tree<F> {
    type Value = T;

    fn current(&self) -> T {
        (self.make)(&mut Row {
            source: Source::Numbers(self.tried.clone().into_iter()),
            chosen: Vec::new(),
        })
    }

    fn simplify(&mut self) -> bool {
        if self.tried != self.best {
            self.best.clone_from(&self.tried);
            self.gained = true;
        }
        self.try_next()
    }

    fn complicate(&mut self) -> bool {
        self.try_next()
    }
}
