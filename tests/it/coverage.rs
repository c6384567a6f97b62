//! `spec-vectors/COVERAGE.md`: every statement of the standards, its vectors, and the function that enforces it or the
//! reason why none does. The test compares the page with a new one; with `UPDATE=1` it writes it.

mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use self::live::{LiveRuns, Subject};
use crate::fixtures::{self, Vector, packet_vectors};
use crate::source;
use mqtt_wire::Statement;
use serde_json::Value;

#[test]
fn the_coverage_page_is_current() {
    let page = Page::new();
    let text = page.write();
    let path = fixtures::root().join("spec-vectors/COVERAGE.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "spec-vectors/COVERAGE.md is not current: UPDATE=1 cargo test --all-features --test it coverage"
    );
}

#[test]
fn every_packet_and_stream_statement_has_vectors_or_a_reason() {
    let page = Page::new();
    let mut by_reason = BTreeMap::from([("packet", 0), ("stream", 0)]);
    let mut all = by_reason.clone();
    for row in &page.statements {
        let Some(count) = all.get_mut(row.level.as_str()) else {
            continue;
        };
        *count += 1;
        let evidence = &page.evidence[&row.key()];
        let name = format!("{} {}", row.version, row.id);
        match page.exceptions.get(&row.key()) {
            None => assert!(!evidence.refused.is_empty(), "{name} has no refused vector"),
            Some(exception) => {
                let is_needed =
                    evidence.refused.is_empty() || exception.shown_by.ends_with("vector");
                assert!(is_needed, "{name} is no exception");
            }
        }
        if evidence.refused.is_empty() && evidence.accepted.is_empty() {
            *by_reason.get_mut(row.level.as_str()).unwrap() += 1;
        }
    }
    for level in ["packet", "stream"] {
        assert!(
            by_reason[level] * 10 <= all[level],
            "{level}: {by_reason:?} of {all:?}"
        );
    }
}

#[test]
fn the_library_and_the_table_have_the_same_statements() {
    let page = Page::new();
    let keys: BTreeSet<_> = page.statements.iter().map(Row::key).collect();
    for statement in Statement::all() {
        let key = (statement.version().to_string(), statement.id().to_owned());
        let is_advice = statement.id().ends_with("-ctrl");
        assert!(keys.contains(&key) || is_advice, "{statement}");
    }
}

#[test]
fn the_tests_that_show_an_exception_exist() {
    for ((version, id), exception) in Page::new().exceptions {
        let Some((file, name)) = exception.shown_by.split_once(' ') else {
            continue;
        };
        if file.starts_with("tests/") {
            let text = std::fs::read_to_string(fixtures::root().join(file)).unwrap();
            assert!(
                text.contains(&format!("fn {name}()")),
                "{version} {id}: {name}"
            );
        }
    }
}

#[test]
fn every_statement_is_shown_by_a_live_run_or_has_a_reason() {
    let page = Page::new();
    for run in &page.live {
        run.check(&page.statements);
    }
}

/// The data of the page.
struct Page {
    statements: Vec<Row>,
    /// With brokers and with clients.
    live: [LiveRuns; 2],
    exceptions: BTreeMap<Key, Exception>,
    evidence: BTreeMap<Key, Evidence>,
    /// The functions that make each kind of error or breach.
    makers: BTreeMap<String, BTreeSet<String>>,
}

/// Version and id.
type Key = (String, String);

/// A statement; rules that several rows of the table tell are one.
struct Row {
    version: String,
    id: String,
    section: String,
    level: String,
    rule: String,
    note: String,
}

impl Row {
    fn key(&self) -> Key {
        (self.version.clone(), self.id.clone())
    }
}

struct Exception {
    reason: String,
    shown_by: String,
}

#[derive(Default)]
struct Evidence {
    /// Names of vectors, without `.json`.
    refused: Vec<String>,
    accepted: Vec<String>,
    /// Each kind that breaks it, with the folders of the vectors.
    kinds: BTreeMap<String, BTreeSet<String>>,
}

impl Evidence {
    fn add_kind(&mut self, kind: String, vector: &str) {
        let (folder, _) = vector.split_once('/').unwrap();
        let folders = self.kinds.entry(kind).or_default();
        folders.insert(folder.to_owned());
    }
}

impl Page {
    fn new() -> Self {
        let mut statements: Vec<Row> = Vec::new();
        for row in fixtures::read_csv("statements.csv") {
            let [version, id, section, _, level, rule, note] = &row[..] else {
                panic!("{row:?}");
            };
            if statements
                .iter()
                .any(|it| it.version == *version && it.id == *id)
            {
                continue;
            }
            let [version, id, section] = [version, id, section].map(String::clone);
            let [level, rule, note] = [level, rule, note].map(String::clone);
            statements.push(Row {
                version,
                id,
                section,
                level,
                rule,
                note,
            });
        }
        let exceptions = fixtures::read_csv("exceptions.csv").into_iter().map(|row| {
            let [version, id, reason, shown_by] = &row[..] else {
                panic!("{row:?}");
            };
            let [reason, shown_by] = [reason, shown_by].map(String::clone);
            (
                (version.clone(), id.clone()),
                Exception { reason, shown_by },
            )
        });
        Self {
            live: [Subject::Broker, Subject::Client].map(|it| LiveRuns::new(it, &statements)),
            evidence: evidence(&statements),
            makers: source::makers_of_kinds(),
            exceptions: exceptions.collect(),
            statements,
        }
    }

    fn write(&self) -> String {
        let mut text = String::from(HEAD);
        self.write_summary(&mut text);
        for run in &self.live {
            run.write_summary(&mut text);
        }
        for version in ["3.1", "3.1.1", "5.0"] {
            writeln!(text, "\n## {version}\n").unwrap();
            text.push_str("| statement | section | level | rule | refused / accepted vectors | enforced by | shown with a live broker by | with a live client by |\n");
            text.push_str("|---|---|---|---|---|---|---|---|\n");
            for row in self.statements.iter().filter(|row| row.version == version) {
                self.write_row(row, &mut text);
            }
        }
        text
    }

    fn write_summary(&self, text: &mut String) {
        text.push_str("| version | level | statements | with refused vectors | with accepted vectors only | by reason only |\n|---|---|---|---|---|---|\n");
        for version in ["3.1", "3.1.1", "5.0"] {
            for level in ["packet", "stream", "session", "transport", "advice"] {
                let rows = self.statements.iter();
                let rows: Vec<_> = rows
                    .filter(|row| row.version == version && row.level == level)
                    .map(|row| &self.evidence[&row.key()])
                    .collect();
                if rows.is_empty() {
                    continue;
                }
                let all = rows.len();
                let refused = rows.iter().filter(|it| !it.refused.is_empty()).count();
                let accepted = rows
                    .iter()
                    .filter(|it| it.refused.is_empty() && !it.accepted.is_empty())
                    .count();
                let part = |count: usize| match level {
                    "packet" | "stream" => format!("{count} ({} %)", (count * 100 + all / 2) / all),
                    _ => "–".to_owned(),
                };
                writeln!(
                    text,
                    "| {version} | {level} | {all} | {} | {} | {} |",
                    part(refused),
                    part(accepted),
                    part(all - refused - accepted),
                )
                .unwrap();
            }
        }
    }

    /// The functions that make this kind of error in these packets: those of other packets' files are left out.
    fn makers_in(&self, kind: &str, folders: &BTreeSet<String>) -> String {
        let makers = self.makers.get(kind);
        let makers = makers.unwrap_or_else(|| panic!("no function of src/ makes {kind}"));
        let is_of_these = |maker: &&String| match maker.strip_prefix("src/packet/") {
            Some(file) => {
                let (packet, _) = file.split_once(".rs").unwrap();
                let files = folders.iter().flat_map(|folder| packet_files(folder));
                files.into_iter().any(|file| file == packet)
            }
            None => true,
        };
        let mut of_these: Vec<_> = makers.iter().filter(is_of_these).collect();
        if of_these.is_empty() {
            of_these.extend(makers);
        }
        let places = of_these.iter().map(|maker| format!("`{maker}`"));
        places.collect::<Vec<_>>().join(", ")
    }

    fn write_row(&self, row: &Row, text: &mut String) {
        let Evidence {
            refused,
            accepted,
            kinds,
        } = &self.evidence[&row.key()];
        let link = |name: &String| {
            let title = name.rsplit('/').next().unwrap();
            format!("[{title}]({name}.json)")
        };
        let list = |names: &Vec<String>| match &names[..] {
            [] => "–".to_owned(),
            [first] => link(first),
            [first, rest @ ..] => format!("{} and {} more", link(first), rest.len()),
        };
        let vectors = match (refused.is_empty(), accepted.is_empty()) {
            (true, true) => String::new(),
            _ => format!("{} / {}", list(refused), list(accepted)),
        };
        let mut enforced: Vec<String> = Vec::new();
        for (kind, folders) in kinds {
            enforced.push(format!("`{kind}` in {}", self.makers_in(kind, folders)));
        }
        if let Some(Exception { reason, shown_by }) = self.exceptions.get(&row.key()) {
            enforced.push(match shown_by.as_str() {
                "" => reason.clone(),
                _ => format!("{reason} Shown by {shown_by}."),
            });
        } else if kinds.is_empty() {
            enforced.push(match row.level.as_str() {
                "session" => {
                    "beyond a codec: state that outlives the connection, or a decision of the peer"
                        .to_owned()
                }
                "transport" => "beyond a codec: the transport".to_owned(),
                _ => "advice".to_owned(),
            });
            if !row.note.is_empty() {
                enforced.push(row.note.clone());
            }
        }
        let (id, section, level, rule) = (&row.id, &row.section, &row.level, &row.rule);
        let enforced = enforced.join("; ").replace('|', "\\|");
        let rule = rule.replace('|', "\\|");
        writeln!(
            text,
            "| {id} | {section} | {level} | {rule} | {vectors} | {enforced} | {} |",
            self.live.each_ref().map(|run| run.cell(row)).join(" | ")
        )
        .unwrap();
    }
}

/// The files of `src/packet/` for the vectors in a folder.
fn packet_files(folder: &str) -> [&str; 2] {
    match folder {
        "puback" | "pubrec" | "pubrel" | "pubcomp" => [folder, "ack"],
        "unsuback" => [folder, "suback"],
        _ => [folder, folder],
    }
}

const HEAD: &str = "\
# Coverage

Every statement of the standards and every rule that they state without a number (`U...`): the vectors that break it, the
vectors that keep it, and the functions that enforce it. `tests/it/coverage.rs` makes this page:
`UPDATE=1 cargo test --all-features --test it coverage`.

Levels: `packet` rules can be decided from the bytes of one packet, `stream` rules from the packets of one connection.
`session`, `transport` and `advice` rules are beyond a codec, except the fate of a Will and topic matching.

";

fn evidence(statements: &[Row]) -> BTreeMap<Key, Evidence> {
    let mut evidence: BTreeMap<Key, Evidence> = statements
        .iter()
        .map(|row| (row.key(), Evidence::default()))
        .collect();
    let mut add = |statement: &str, change: &mut dyn FnMut(&mut Evidence)| {
        let (version, id) = statement[1..].split_once(' ').unwrap();
        if let Some(evidence) = evidence.get_mut(&(version.to_owned(), id.to_owned())) {
            change(evidence);
        }
    };
    let stem = |name: &str| name.strip_suffix(".json").unwrap().to_owned();

    for Vector { name, json, .. } in packet_vectors("invalid") {
        for statement in strings(&json["statements"]) {
            let kind = json["error"]["kind"].as_str().unwrap();
            add(statement, &mut |evidence| {
                evidence.refused.push(stem(&name));
                evidence
                    .accepted
                    .push(stem(json["neighbour"].as_str().unwrap()));
                evidence.add_kind(format!("ErrorKind::{kind}"), &name);
            });
        }
    }
    for Vector { name, json, .. } in packet_vectors("valid") {
        for statement in strings(&json["statements"]) {
            add(statement, &mut |evidence| {
                evidence.accepted.push(stem(&name))
            });
        }
    }
    for (name, json) in fixtures::vectors("invalid", |folder| folder == "conversations") {
        for breach in json["breaches"].as_array().unwrap() {
            for statement in strings(&breach["statements"]) {
                let kind = breach["kind"].as_str().unwrap();
                add(statement, &mut |evidence| {
                    evidence.refused.push(stem(&name));
                    evidence
                        .accepted
                        .push(stem(json["neighbour"].as_str().unwrap()));
                    evidence.add_kind(format!("BreachKind::{kind}"), &name);
                });
            }
        }
    }
    for (name, json) in fixtures::vectors("valid", |folder| folder == "conversations") {
        for statement in strings(&json["statements"]) {
            add(statement, &mut |evidence| {
                evidence.accepted.push(stem(&name))
            });
        }
    }
    for evidence in evidence.values_mut() {
        for names in [&mut evidence.refused, &mut evidence.accepted] {
            names.sort();
            names.dedup();
        }
    }
    evidence
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
}
