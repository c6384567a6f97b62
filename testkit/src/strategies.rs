//! Strategies for [`proptest`].
//!
//! ```
//! use mqtt_wire::{Dialect, Version};
//! use mqtt_wire_testkit::strategies;
//! use proptest::prelude::*;
//!
//! let dialect = Dialect::from_client(Version::V5);
//! proptest!(|(packet in strategies::packet(dialect))| {
//!     prop_assert!(packet.encode(dialect).is_ok());
//! });
//! ```
//!
//! A list of numbers decides how a value is made, one number for each decision. Fewer and smaller
//! numbers make a smaller value. A failing value is shrunk by making it again from fewer and smaller
//! numbers: conversations lose steps, lists lose items, texts lose characters, optional parts
//! disappear, numbers fall. Dependent parts stay right, for example the Packet Identifier of an
//! acknowledgement.

use std::fmt;

use mqtt_wire::{Dialect, PacketType, Version};
use proptest::arbitrary::any;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::generate::{self, Chooser, ErrorBudget, PacketGenerator};
use crate::{Conversation, Packet};

/// A dialect, without waivers and optional rules.
pub fn dialect() -> impl Strategy<Value = Dialect> + Clone {
    Generated(generate::dialect)
}

/// A packet that `dialect` allows.
pub fn packet(dialect: Dialect) -> impl Strategy<Value = Packet> + Clone {
    Generated(move |chooser: &mut Recorder| generate::valid(dialect, chooser))
}

/// A packet of this type that `dialect` allows, if `dialect` has the type.
pub fn packet_of(
    packet_type: PacketType,
    dialect: Dialect,
) -> impl Strategy<Value = Packet> + Clone {
    Generated(move |chooser: &mut Recorder| generate::valid_of(packet_type, dialect, chooser))
}

/// A packet that often breaks a rule of `dialect`, sometimes several rules. About half of these
/// packets are valid.
pub fn nearly_valid(dialect: Dialect) -> impl Strategy<Value = Packet> + Clone {
    Generated(move |chooser: &mut Recorder| generate::nearly_valid(dialect, chooser))
}

/// A conversation in which a [`Monitor`](mqtt_wire::monitor::Monitor) finds no breach.
///
/// It is one connection. It starts with CONNECT, has up to some hundred packets, and may end
/// anywhere. The Server sends messages only after it granted a subscription, but their topics need
/// not match a subscription.
pub fn conversation(version: Version) -> impl Strategy<Value = Conversation> + Clone {
    Generated(move |chooser: &mut Recorder| generate::valid_conversation(version, chooser))
}

/// A conversation of valid packets, in which the two sides often break a rule, sometimes several
/// rules. Somewhat less than half of these conversations are valid.
pub fn nearly_valid_conversation(version: Version) -> impl Strategy<Value = Conversation> + Clone {
    Generated(move |chooser: &mut Recorder| generate::nearly_valid_conversation(version, chooser))
}

/// A topic name.
pub fn topic_name() -> impl Strategy<Value = String> + Clone {
    Generated(|chooser: &mut Recorder| {
        let dialect = Dialect::from_client(Version::V5);
        PacketGenerator::new(chooser, dialect, ErrorBudget::NONE).topic_name()
    })
}

/// A topic filter; one that begins with `$share/` is a shared subscription if `version` is 5.0.
pub fn topic_filter(version: Version) -> impl Strategy<Value = String> + Clone {
    Generated(move |chooser: &mut Recorder| {
        let dialect = Dialect::from_client(version);
        PacketGenerator::new(chooser, dialect, ErrorBudget::NONE).topic_filter()
    })
}

/// A chooser that records its choices.
struct Recorder {
    source: Source,
    choices: Choices,
}

enum Source {
    /// The state of xorshift64*.
    Random(u64),
    /// These numbers, then zeros.
    Numbers(std::vec::IntoIter<u32>),
}

/// The chosen numbers, and which of them decide a part of the value.
#[derive(Clone, Default)]
struct Choices {
    numbers: Vec<u32>,
    parts: Vec<Part>,
}

/// The numbers from `start` to `end`: see [`Chooser::mark_part`].
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    is_item: bool,
}

impl Recorder {
    fn new(source: Source) -> Self {
        Self {
            source,
            choices: Choices::default(),
        }
    }
}

impl Chooser for Recorder {
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
        self.choices.numbers.push(number);
        number
    }

    fn skip(&mut self, number: u32) {
        if let Source::Numbers(numbers) = &mut self.source {
            numbers.next();
        }
        self.choices.numbers.push(number);
    }

    fn position(&self) -> usize {
        self.choices.numbers.len()
    }

    fn mark_part(&mut self, start: usize, is_item: bool) {
        self.choices.parts.push(Part {
            start,
            end: self.choices.numbers.len(),
            is_item,
        });
    }
}

/// A strategy whose values a function generates.
#[derive(Clone)]
struct Generated<F>(F);

impl<F> fmt::Debug for Generated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generated")
    }
}

impl<T: fmt::Debug, F: Fn(&mut Recorder) -> T + Clone> Strategy for Generated<F> {
    type Tree = Shrinker<F>;
    type Value = T;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = any::<u64>().new_tree(runner)?.current();
        let mut recorder = Recorder::new(Source::Random(seed | 1));
        (self.0)(&mut recorder);
        let choices = recorder.choices.finish();
        Ok(Shrinker {
            make: self.0.clone(),
            best: choices.clone(),
            tried: choices,
            step: Step::FIRST,
            after_gain: None,
            gained: false,
        })
    }
}

impl Choices {
    /// Removes the zeros at the end, which follow anyway. Sorts the parts: shrinking removes the
    /// largest first.
    fn finish(mut self) -> Self {
        let last = self.numbers.iter().rposition(|&number| number != 0);
        self.numbers.truncate(last.map_or(0, |last| last + 1));
        let length = self.numbers.len();
        self.parts.retain(|part| part.start < length);
        self.parts
            .sort_by_key(|part| std::cmp::Reverse(part.end - part.start));
        self
    }

    fn is_smaller_than(&self, other: &Self) -> bool {
        (self.numbers.len(), &self.numbers) < (other.numbers.len(), &other.numbers)
    }
}

/// Makes the choices smaller step by step.
struct Shrinker<F> {
    make: F,
    /// The smallest choices so far whose value failed.
    best: Choices,
    /// The choices of the current value.
    tried: Choices,
    /// The step after the current value.
    step: Step,
    /// The step instead, if the current value fails too.
    after_gain: Option<Step>,
    /// Whether a value of this round failed.
    gained: bool,
}

/// A way to make the choices smaller.
#[derive(Clone, Copy)]
enum Step {
    /// Leaves out `count` parts from `index` on: twice as many after each gain.
    LeaveOut { index: usize, count: usize },
    /// Lowers the number before `end`: first to 0, then in ever smaller steps to the smallest
    /// number whose value fails.
    Lower { end: usize, by: u32 },
    /// The round is over.
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

impl<F> Shrinker<F> {
    /// Sets `tried` to choices that are smaller than the best. Returns whether there are any.
    fn try_next<T>(&mut self) -> bool
    where
        F: Fn(&mut Recorder) -> T,
    {
        loop {
            let numbers = match self.step {
                Step::LeaveOut { index, count } => match self.best.without(index, count) {
                    Some(numbers) => {
                        self.step = Step::after_loss(index, count);
                        // after a gain the parts have other indices
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
                Step::Done if std::mem::take(&mut self.gained) => {
                    self.step = Step::FIRST;
                    continue;
                }
                Step::Done => {
                    self.tried.clone_from(&self.best);
                    return false;
                }
            };
            let mut recorder = Recorder::new(Source::Numbers(numbers.into_iter()));
            (self.make)(&mut recorder);
            let tried = recorder.choices.finish();
            if tried.is_smaller_than(&self.best) {
                self.tried = tried;
                return true;
            }
        }
    }
}

impl Choices {
    /// The numbers without `count` parts from `index` on; `None` if there is no part at `index`.
    fn without(&self, index: usize, count: usize) -> Option<Vec<u32>> {
        let rest = self.parts.get(index..)?;
        let parts = rest.get(..count).unwrap_or(rest);
        if parts.is_empty() {
            return None;
        }
        let mut kept: Vec<_> = self.numbers.iter().copied().map(Some).collect();
        for part in parts {
            let end = part.end.min(kept.len());
            kept.get_mut(part.start..end)?.fill(None);
        }
        for part in parts.iter().filter(|part| !part.is_item) {
            *kept.get_mut(part.start)? = Some(0);
        }
        Some(kept.into_iter().flatten().collect())
    }

    /// The first step for the last number before `end` that is not 0.
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

impl<T: fmt::Debug, F: Fn(&mut Recorder) -> T> ValueTree for Shrinker<F> {
    type Value = T;

    fn current(&self) -> T {
        let numbers = self.tried.numbers.clone().into_iter();
        (self.make)(&mut Recorder::new(Source::Numbers(numbers)))
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
