//! Searches every conversation of two small peers with the library's monitor between them, and every sequence of two
//! endings for a Will. Prints the numbers of states, and fails with an example if a claim does not hold, or if a control
//! finds nothing.

mod conversation;
mod faults;
mod packet;
mod peer;
mod searches;
mod settings;
mod tap;
mod will;

use std::process::ExitCode;
use std::time::Instant;

use mqtt_wire::monitor::BreachKind;
use mqtt_wire::{Sender, Version};

use crate::conversation::{BROKEN, Conversations, EXACT, INNOCENT, NO_BREACH};
use crate::searches::{Outcome, search};
use crate::settings::{Habits, Settings};

fn main() -> ExitCode {
    let mut report = Report {
        failed: Vec::new(),
        states: 0,
    };
    let started = Instant::now();
    conforming(&mut report);
    breaking(&mut report);
    controls(&mut report);
    will::search(&mut report.failed);
    println!(
        "{} states, {:.0} s",
        report.states,
        started.elapsed().as_secs_f64()
    );
    if report.failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("FAILED: {}", report.failed.join(", "));
    ExitCode::FAILURE
}

struct Report {
    failed: Vec<String>,
    states: usize,
}

impl Report {
    /// Searches, prints a row, and checks that no property fails.
    fn expect_none(&mut self, name: &str, conversations: Conversations) -> Outcome {
        let started = Instant::now();
        let outcome = search(conversations);
        println!(
            "{:9} {:9} {:5} {:5.1}  {name}",
            outcome.states,
            outcome.transitions,
            outcome.depth,
            started.elapsed().as_secs_f64()
        );
        self.states += outcome.states;
        for (property, example) in &outcome.discoveries {
            if *property != BROKEN {
                println!("    VIOLATED: {property}\n{example}");
                self.failed.push(name.to_owned());
            }
        }
        outcome
    }
}

/// Two conforming peers are never accused.
fn conforming(report: &mut Report) {
    println!("\nno breach\n   states     steps depth     s");
    let mut seen = 0;
    for version in Version::ALL {
        for it in searches::all(version) {
            let name = format!("{version} {}", it.name);
            let outcome = report.expect_none(&name, Conversations::new(it.settings));
            seen |= outcome.seen;
        }
    }
    // CONNECT to PINGREQ, DISCONNECT and AUTH; CONNACK to PINGRESP, DISCONNECT and AUTH
    if seen != 0b1110_1010_1111_1100_1101_0101_1111_1010 {
        report.failed.push(format!("all packet types: {seen:032b}"));
    }
}

/// A peer that breaks a rule once is accused of exactly that, and the other one of nothing.
fn breaking(report: &mut Report) {
    println!("\nexactly one breach\n   states     steps depth     s");
    for kind in BreachKind::ALL {
        let is_modelled = faults::FAULTS.iter().any(|(it, ..)| it == kind);
        if is_modelled == faults::NOT_MODELLED.contains(kind) {
            report.failed.push(format!("a model of {kind:?}"));
        }
    }
    for &(kind, versions, senders) in faults::FAULTS {
        for &version in versions {
            for &sender in senders {
                let name = format!("{version} {sender}: {}", kind.name());
                let settings = faults::settings(kind, version, sender);
                let outcome = report.expect_none(&name, Conversations::new(settings));
                if !outcome.discoveries.iter().any(|it| it.0 == BROKEN) {
                    report.failed.push(format!("an example of {name}"));
                }
            }
        }
    }
}

/// Searches that have to find something.
fn controls(report: &mut Report) {
    println!("\ncontrols");
    let settings = Settings {
        client: Habits {
            ids: 1,
            qos: &[1, 2],
            repeats: 0,
        },
        ..Settings::new(Version::V3_1_1)
    };
    for (sender, number, name) in [
        (Sender::Server, 4, "the tap does not see PUBACK"),
        (Sender::Client, 3, "the tap does not see PUBLISH"),
    ] {
        let mut blind = Conversations::new(settings.clone());
        blind.hidden = Some((sender, number));
        must_find(name, NO_BREACH, blind, report);
    }
    let kind = BreachKind::PublishAfterPubRel;
    let mut unexpected = Conversations::new(Settings {
        fault: Some((Sender::Client, kind)),
        ..settings
    });
    unexpected.is_unexpected = true;
    must_find(
        "a Client repeats a PUBLISH after its PUBREL",
        NO_BREACH,
        unexpected,
        report,
    );
    for (property, number, kind, name) in [
        (
            EXACT,
            14,
            BreachKind::SessionExpiryRaised,
            "the tap does not see the DISCONNECT that breaks a rule",
        ),
        (
            INNOCENT,
            3,
            BreachKind::TopicAliasNotSupported,
            "the tap does not see the messages of the side that breaks a rule",
        ),
    ] {
        let settings = faults::settings(kind, Version::V5, Sender::Client);
        let mut blind = Conversations::new(settings);
        blind.hidden = Some((Sender::Client, number));
        must_find(name, property, blind, report);
    }
}

fn must_find(name: &str, property: &str, conversations: Conversations, report: &mut Report) {
    let outcome = search(conversations);
    match outcome.discoveries.iter().find(|it| it.0 == property) {
        Some((_, example)) => println!("{name}: found\n{example}"),
        None => {
            println!("{name}: NOT FOUND");
            report.failed.push(format!("the control: {name}"));
        }
    }
}
