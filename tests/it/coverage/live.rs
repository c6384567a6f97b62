//! The statements that `mqttspec` shows with a live broker or client.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Key, Row, Vector, packet_vectors, strings};
use crate::fixtures;

/// The program that `mqttspec` tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Broker,
    Client,
}

/// All runs with one kind of subject.
pub struct LiveRuns {
    subject: Subject,
    statements: BTreeMap<Key, Live>,
}

/// How `mqttspec` shows a statement.
#[derive(Default)]
struct Live {
    scenarios: Vec<String>,
    /// The other side breaks it, and the subject has to refuse that.
    by_packet_cases: bool,
    /// The monitor finds it if the subject breaks it.
    by_monitor: bool,
    /// The kind of reason why none of these shows it, and the reason.
    reason: Option<(String, String)>,
}

impl Live {
    fn is_shown(&self) -> bool {
        !self.scenarios.is_empty() || self.by_packet_cases || self.by_monitor
    }

    /// Whether each run shows it, with all cases.
    fn is_covered(&self) -> bool {
        let reason = self.reason.as_ref();
        self.is_shown() || reason.is_some_and(|(why, _)| why == "every case")
    }

    /// Whether the behaviour of a subject shows it, if the subject is set up for it.
    fn is_visible(&self) -> bool {
        let reason = self.reason.as_ref();
        self.is_covered() || reason.is_none_or(|(why, _)| why == "set up")
    }
}

impl LiveRuns {
    pub fn new(subject: Subject, statements: &[Row]) -> Self {
        let statements = statements.iter().map(|row| (row.key(), Live::default()));
        let mut runs = Self {
            subject,
            statements: statements.collect(),
        };
        runs.read_vectors();
        match subject {
            Subject::Broker => {
                runs.read_list("../mqttspec/scenarios.csv", |live, scenario| {
                    live.scenarios.push(scenario);
                });
                runs.read_reasons("../mqttspec/not-live.csv");
            }
            Subject::Client => {
                runs.read_list("../mqttspec/client-cases.csv", |live, case| {
                    match case.contains("/session/") {
                        true => live.scenarios.push(case),
                        false => live.by_packet_cases = true,
                    }
                });
                runs.read_reasons("../mqttspec/not-live-client.csv");
            }
        }
        runs
    }

    /// Every statement is shown, or has a reason.
    pub fn check(&self, statements: &[Row]) {
        let subject = self.subject;
        for row in statements {
            let live = &self.statements[&row.key()];
            let name = format!("{subject:?}: {} {}", row.version, row.id);
            match &live.reason {
                None => assert!(live.is_shown(), "{name} is not shown, and has no reason"),
                Some(_) => assert!(!live.is_shown(), "{name} is shown, and has a reason"),
            }
        }
    }

    pub fn write_summary(&self, text: &mut String) {
        text.push_str(match self.subject {
            Subject::Broker => HEAD_OF_BROKERS,
            Subject::Client => HEAD_OF_CLIENTS,
        });
        let mut all = [0; 6];
        for version in ["3.1", "3.1.1", "5.0"] {
            let of_version = self.statements.iter();
            let of_version = of_version.filter(|((of, _), _)| of == version);
            let live: Vec<_> = of_version.map(|(_, live)| live).collect();
            let count = |is: fn(&Live) -> bool| live.iter().filter(|it| is(it)).count();
            let counts = [
                live.len(),
                count(|it| it.by_packet_cases),
                count(|it| !it.scenarios.is_empty()),
                count(|it| it.by_monitor),
                count(Live::is_covered),
                count(Live::is_visible),
            ];
            write_summary_row(version, counts, text);
            all.iter_mut().zip(counts).for_each(|(sum, it)| *sum += it);
        }
        write_summary_row("all", all, text);
    }

    pub fn cell(&self, row: &Row) -> String {
        let live = &self.statements[&row.key()];
        let mut by = Vec::new();
        if let [first, rest @ ..] = &live.scenarios[..] {
            by.push(match rest.len() {
                0 => format!("scenario `{first}`"),
                more => format!("scenario `{first}` and {more} more"),
            });
        }
        by.extend(live.by_packet_cases.then(|| "packet cases".to_owned()));
        by.extend(live.by_monitor.then(|| "the monitor".to_owned()));
        by.extend(live.reason.as_ref().map(|(why, reason)| match &why[..] {
            "every case" => format!("every case: {reason}"),
            _ => format!("nothing ({why}): {reason}"),
        }));
        by.join("; ")
    }

    /// The side of a broken rule decides: the subject has to refuse it, or must not do it.
    fn read_vectors(&mut self) {
        for Vector { json, .. } in packet_vectors("invalid") {
            let by_client = json["direction"] == "client-to-server";
            for statement in strings(&json["statements"]) {
                self.read_vector(statement, by_client);
            }
        }
        for (_, json) in fixtures::vectors("invalid", |folder| folder == "conversations") {
            for breach in json["breaches"].as_array().unwrap() {
                for statement in strings(&breach["statements"]) {
                    self.read_vector(statement, breach["from"] == "client");
                }
            }
        }
    }

    fn read_vector(&mut self, statement: &str, by_client: bool) {
        let subject = self.subject;
        let (version, id) = statement[1..].split_once(' ').unwrap();
        let live = self.live(version, id);
        match (subject, by_client) {
            (Subject::Broker, true) => live.by_packet_cases = true,
            (Subject::Broker, false) | (Subject::Client, true) => live.by_monitor = true,
            // the list of cases has those that a scenario has a place for
            (Subject::Client, false) => {}
        }
    }

    fn read_list(&mut self, path: &str, add: impl Fn(&mut Live, String)) {
        for row in fixtures::read_csv(path) {
            let [version, id, case] = &row[..] else {
                panic!("{row:?}");
            };
            add(self.live(version, id), case.clone());
        }
    }

    fn read_reasons(&mut self, path: &str) {
        for row in fixtures::read_csv(path) {
            let [version, id, why, reason] = &row[..] else {
                panic!("{row:?}");
            };
            self.live(version, id).reason = Some((why.clone(), reason.clone()));
        }
    }

    fn live(&mut self, version: &str, id: &str) -> &mut Live {
        let found = self
            .statements
            .get_mut(&(version.to_owned(), id.to_owned()));
        found.unwrap_or_else(|| panic!("no statement {version} {id}"))
    }
}

fn write_summary_row(version: &str, counts: [usize; 6], text: &mut String) {
    let [all, packets, scenarios, monitor, covered, visible] = counts;
    let part = |whole: usize| format!("{:.1} %", covered as f64 * 100.0 / whole as f64);
    writeln!(
        text,
        "| {version} | {all} | {packets} | {scenarios} | {monitor} | {covered} ({}) | {covered} of {visible} ({}) |",
        part(all),
        part(visible)
    )
    .unwrap();
}

const HEAD_OF_BROKERS: &str = "
## With a live broker

[`mqttspec`](../mqttspec/) plays packet cases and scenarios with a live broker, and a monitor judges each packet of the
broker. `mqttspec/scenarios.csv` lists the scenarios, and `mqttspec/not-live.csv` the reasons why nothing shows a
statement: it binds only the Client, it is about a codec or a transport, it is advice, nothing can cause it from outside,
or the broker has to be set up for it. All but the last do not count as the visible behaviour of a broker.

| version | statements | packet cases | scenarios | monitor | shown | of the visible behaviour |
|---|---|---|---|---|---|---|
";

const HEAD_OF_CLIENTS: &str = "
## With a live client

`mqttspec client` plays the broker for a live client in the same way. `mqttspec/client-cases.csv` lists its cases, and
`mqttspec/not-live-client.csv` the reasons.

| version | statements | packet cases | scenarios | monitor | shown | of the visible behaviour |
|---|---|---|---|---|---|---|
";
