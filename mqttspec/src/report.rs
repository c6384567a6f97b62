//! The terminal and JUnit.

use std::collections::BTreeMap;
use std::fmt::Write;

use mqtt_wire::{Sender, Version};

use crate::case::Case;
use crate::connection::Passed;
use crate::run::Finding;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// What the broker supports, in a line for each version.
pub fn capabilities(subject: &Subject) -> String {
    let mut text = format!("{}, latency {:?}\n", subject.address(), subject.latency);
    for it in &subject.capabilities {
        let notes = match &it.refusal {
            Some(refusal) => format!("not served: {refusal}"),
            None if it.notes.is_empty() => "served".to_owned(),
            None => format!("served; {}", it.notes.join("; ")),
        };
        let _ = writeln!(text, "  {}: {notes}", it.version);
    }
    text
}

/// One finding with all that a maintainer needs.
pub fn details(case: &Case, finding: &Finding) -> String {
    let mut text = format!("{}: {}\n", case.name, finding.verdict);
    if case.statements.iter().all(|it| it.rule() != case.comment) {
        let _ = writeln!(text, "  {}", case.comment);
    }
    for statement in &case.statements {
        let _ = writeln!(text, "  [{statement}] {}", statement.rule());
    }
    let _ = writeln!(text, "  expected: {}", case.expected());
    let _ = writeln!(text, "  seen: {}", finding.reason);
    for breach in &finding.breaches {
        let _ = writeln!(text, "  {} breaks {breach}", subject(case));
    }
    text + &exchange(case.version, &finding.exchange)
}

/// The side that is tested.
fn subject(case: &Case) -> &'static str {
    match case.subject() {
        Sender::Server => "the broker",
        Sender::Client => "the client",
    }
}

/// The packets, each with its explanation.
fn exchange(version: Version, exchange: &[Passed]) -> String {
    let mut text = String::new();
    for passed in exchange {
        let name = match passed.client {
            "" => String::new(),
            name => format!("{name} "),
        };
        let _ = writeln!(text, "  {name}{} {}", arrow(passed), hex(&passed.bytes));
        let _ = writeln!(text, "    {}", passed.explain(version));
    }
    text
}

/// The rules that the broker broke in the trials before the cases.
pub fn breaches_of_trials(subject: &Subject) -> String {
    let mut text = String::new();
    for (version, breach, passed) in &subject.breaches {
        let _ = writeln!(text, "{version}/trial: the broker breaks {breach}");
        text += &exchange(*version, passed);
    }
    text
}

/// The number of verdicts by version and section.
pub fn summary(cases: &[Case], findings: &[Finding]) -> String {
    let mut rows: BTreeMap<(Version, &str), BTreeMap<Verdict, usize>> = BTreeMap::new();
    for finding in findings {
        if let Some(case) = cases.get(finding.case) {
            let row = rows.entry((case.version, case.section())).or_default();
            *row.entry(finding.verdict).or_default() += 1;
        }
    }
    let is_found = |it: &Verdict| findings.iter().any(|finding| finding.verdict == *it);
    let shown: Vec<_> = Verdict::ALL.into_iter().filter(is_found).collect();
    let heads = shown.iter().map(|it| format!("{it:>12}"));
    let mut text = format!("{:28}{}\n", "section", heads.collect::<String>());
    for ((version, section), row) in &rows {
        let cells = shown.iter().map(|it| match row.get(it) {
            Some(count) => format!("{count:>12}"),
            None => format!("{:>12}", ""),
        });
        let name = format!("{version} {section}");
        let line = format!("{name:28}{}", cells.collect::<String>());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The number of each verdict.
pub fn counts(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|it| it.verdict == verdict).count();
    let counts = Verdict::ALL.into_iter().map(|it| (it, count(it)));
    let counts = counts.filter(|(_, count)| *count > 0);
    let words: Vec<_> = counts.map(|(it, count)| format!("{count} {it}")).collect();
    words.join(", ")
}

/// All findings as JUnit XML. `unsupported`, `open` and `unclear` are skipped tests.
pub fn junit(cases: &[Case], findings: &[Finding], strict: bool) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let failures = findings.iter().filter(|it| fails(it, strict)).count();
    let skipped = findings.iter().filter(|it| is_skipped(it)).count();
    let _ = writeln!(
        text,
        "<testsuite name=\"mqttspec\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">",
        findings.len()
    );
    for finding in findings {
        let Some(case) = cases.get(finding.case) else {
            continue;
        };
        let (group, name) = case.name.rsplit_once('/').unwrap_or(("", &case.name));
        let _ = write!(
            text,
            "  <testcase classname=\"{}\" name=\"{}\"",
            escape(group),
            escape(name)
        );
        let message = escape(&format!("{}: {}", finding.verdict, finding.reason));
        if is_skipped(finding) {
            let _ = writeln!(text, "><skipped message=\"{message}\"/></testcase>");
        } else if fails(finding, strict) {
            let details = escape(&details(case, finding));
            let _ = writeln!(
                text,
                "><failure message=\"{message}\">{details}</failure></testcase>"
            );
        } else {
            text.push_str("/>\n");
        }
    }
    text + "</testsuite>\n"
}

fn fails(finding: &Finding, strict: bool) -> bool {
    finding.verdict.is_failure(strict) && !is_skipped(finding)
}

fn is_skipped(finding: &Finding) -> bool {
    matches!(
        finding.verdict,
        Verdict::Unsupported | Verdict::Open | Verdict::Unclear
    )
}

const fn arrow(passed: &Passed) -> char {
    match passed.from_broker {
        true => '<',
        false => '>',
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|it| format!("{it:02x}")).collect();
    digits.join(" ")
}

/// A text in XML or HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
