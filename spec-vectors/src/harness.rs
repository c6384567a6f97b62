//! A test program that asks a codec about every vector.
//!
//! The program lists and selects its tests as all Rust tests do. In `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! mqtt-wire-vectors = "0.1"
//!
//! [[test]]
//! name = "vectors"
//! harness = false
//! ```
//!
//! The README of the crate has an example of `tests/vectors.rs`, which calls [`Harness::run`]. Then
//!
//! ```sh
//! cargo test --test vectors                  # all vectors
//! cargo test --test vectors -- connect/      # the vectors whose name contains this text
//! cargo test --test vectors -- --list
//! ```

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{Side, Version, connect_flags, conversations, packets};

/// A packet to give to a codec.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The name of the test: the name of the vector. Behind the name of a conversation there is the
    /// index of the packet, as in `conversations/valid/x.json#0`. The tests of the table of Connect
    /// Flags have names such as `connect-flags/5.0/0x02`.
    pub name: String,
    /// The version of the connection.
    pub version: Version,
    /// The side that sends the packet.
    pub sender: Side,
    /// The bytes.
    pub wire: Vec<u8>,
    /// Whether the codec has to accept the packet.
    pub is_valid: bool,
}

/// The verdict of a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The codec has decoded the packet.
    Accepts,
    /// The codec has reported an error.
    Refuses,
    /// The codec waits for more bytes, which is always wrong here.
    Waits,
}

/// All questions, ordered by the kind of vector and by name.
#[must_use]
pub fn questions() -> Vec<Question> {
    let of_packets = packets().into_iter().map(|packet| Question {
        name: packet.name.to_owned(),
        version: packet.version,
        sender: packet.sender,
        wire: packet.wire(),
        is_valid: packet.is_valid(),
    });
    let of_conversations = conversations().into_iter().flat_map(|conversation| {
        // with a waiver, some packet is not valid by itself
        let packets = match conversation.waivers[..] {
            [] => conversation.packets,
            _ => Vec::new(),
        };
        let numbered = packets.into_iter().enumerate();
        numbered.map(move |(index, packet)| Question {
            name: format!("{}#{index}", conversation.name),
            version: conversation.version,
            sender: packet.sender,
            wire: packet.wire(),
            is_valid: true,
        })
    });
    let of_flags = connect_flags().into_iter().map(|it| Question {
        name: format!("connect-flags/{}/{:#04x}", it.version, it.flags),
        version: it.version,
        sender: Side::Client,
        wire: it.wire(),
        is_valid: it.statements.is_empty(),
    });
    of_packets.chain(of_conversations).chain(of_flags).collect()
}

/// Asks a codec, and compares its verdicts with the vectors and with a list of known failures.
///
/// The list has the name of a test in each line. A line may end with a comment, which begins with
/// `#` behind a space; empty lines are ignored. A test whose name is in the list passes if the codec
/// is wrong, and fails if it is right: so the list stays true in both directions. A name that is no
/// test fails, too.
pub struct Harness<Codec> {
    codec: Codec,
    questions: Vec<Question>,
    known_failures: BTreeSet<String>,
}

impl<Codec> Harness<Codec>
where
    Codec: Fn(&Question) -> Verdict + Send + Sync + 'static,
{
    /// Creates a harness for a codec. A panic of the codec counts as a wrong verdict.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            questions: questions(),
            known_failures: BTreeSet::new(),
        }
    }

    /// Asks only questions that the codec has to understand, for example those of its version.
    #[must_use]
    pub fn only(mut self, is_wanted: impl Fn(&Question) -> bool) -> Self {
        self.questions.retain(is_wanted);
        self
    }

    /// Expects wrong verdicts in the tests whose names are in this list.
    #[must_use]
    pub fn known_failures(mut self, list: &str) -> Self {
        let names = list
            .lines()
            .map(|line| line.split(" #").next().unwrap_or_default().trim());
        let names = names.filter(|name| !name.is_empty() && !name.starts_with('#'));
        self.known_failures.extend(names.map(str::to_owned));
        self
    }

    /// Runs the tests that the arguments of the program select.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let arguments = Arguments::from_args();
        libtest_mimic::run(&arguments, self.trials()).exit_code()
    }

    /// A test for each question, and one for each name in the list that is no test.
    fn trials(mut self) -> Vec<Trial> {
        let codec = Arc::new(self.codec);
        let mut trials = Vec::new();
        for question in self.questions {
            let is_known = self.known_failures.remove(&question.name);
            let codec = Arc::clone(&codec);
            trials.push(Trial::test(question.name.clone(), move || {
                check(&*codec, &question, is_known)
            }));
        }
        for name in self.known_failures {
            let error = "a known failure that is no test: remove it from the list";
            trials.push(Trial::test(name, || Err(error.into())));
        }
        trials
    }
}

fn check(
    codec: impl Fn(&Question) -> Verdict,
    question: &Question,
    is_known: bool,
) -> Result<(), Failed> {
    let verdict = catch_unwind(AssertUnwindSafe(|| codec(question)));
    let is_right = match verdict {
        Ok(Verdict::Accepts) => question.is_valid,
        Ok(Verdict::Refuses) => !question.is_valid,
        Ok(Verdict::Waits) | Err(_) => false,
    };
    if is_right != is_known {
        return Ok(());
    }
    let found = match verdict {
        Ok(verdict) => format!("the codec {}", verb(verdict)),
        Err(_) => "the codec panics".to_owned(),
    };
    let digits: Vec<_> = question.wire.iter().map(|it| format!("{it:02x}")).collect();
    let (version, sender, digits) = (question.version, question.sender, digits.join(" "));
    let reason = match is_known {
        true => "a known failure that is right now: remove it from the list",
        false if question.is_valid => "the packet is valid",
        false => "the packet is invalid",
    };
    Err(format!("{found}: {reason}\n    {version}, from the {sender:?}: {digits}").into())
}

const fn verb(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepts => "accepts it",
        Verdict::Refuses => "refuses it",
        Verdict::Waits => "waits for more bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let questions = questions();
        let names: BTreeSet<_> = questions.iter().map(|it| &it.name).collect();
        assert_eq!(names.len(), questions.len());
    }

    #[test]
    fn every_wrong_verdict_is_a_failure() {
        for question in questions() {
            let right = [Verdict::Refuses, Verdict::Accepts][usize::from(question.is_valid)];
            for verdict in [Verdict::Accepts, Verdict::Refuses, Verdict::Waits] {
                let found = check(|_| verdict, &question, false);
                assert_eq!(found.is_ok(), verdict == right, "{}", question.name);
            }
        }
    }

    #[test]
    fn a_known_failure_has_to_stay_one() {
        let valid = questions().into_iter().find(|it| it.is_valid).unwrap();
        assert!(check(|_| Verdict::Accepts, &valid, true).is_err());
        assert!(check(|_| Verdict::Refuses, &valid, true).is_ok());
        assert!(check(|_| panic!("as a codec may"), &valid, true).is_ok());
        assert!(check(|_| panic!("as a codec may"), &valid, false).is_err());
    }

    #[test]
    fn a_known_failure_that_is_no_test_becomes_one_that_fails() {
        let list = "# none of ours\n\nconnect/valid/no-such-file.json # why\n";
        let harness = Harness::new(|_: &Question| Verdict::Accepts).known_failures(list);
        let questions = harness.questions.len();
        let trials = harness.trials();
        assert_eq!(trials.len(), questions + 1);
        assert_eq!(trials[questions].name(), "connect/valid/no-such-file.json");
    }
}
