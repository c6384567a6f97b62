//! The results of one subject or several as one HTML page, which needs no network and no script.

use std::collections::BTreeMap;
use std::fmt::Write;

use mqtt_explain::explain_packet;
use mqtt_wire::{Sender, Version};

use crate::report::escape;
use crate::result::{CaseResult, PassedPacket, Role, RunResult};
use crate::verdict::Verdict;

/// A page with a matrix: with one subject a row for each statement, with several a row for each
/// case and a column for each subject. Brokers and clients have no case in common, so each have a
/// matrix of their own.
pub fn page(results: &[RunResult]) -> String {
    let of_role = |role| results.iter().filter(|it| it.role == role).collect();
    let roles: [Vec<&RunResult>; 2] = [of_role(Role::Broker), of_role(Role::Client)];
    let roles = roles.into_iter().filter(|it| !it.is_empty());
    let mut tables: Vec<Table> = Vec::new();
    for of_role in roles {
        let first_number = tables.iter().map(|it| it.count).sum();
        tables.push(Table::new(of_role, results.len() == 1, first_number));
    }
    let names = tables.iter().map(Table::subjects_in_words);
    let title = format!("mqttspec: {}", names.collect::<Vec<_>>().join(", "));
    let (title, style) = (escape(&title), include_str!("html/style.css"));
    let each = |part: fn(&Table) -> String| tables.iter().map(part).collect::<String>();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{style}{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{}{}{}{}{}\
         </body>\n</html>\n",
        filter_rules(),
        each(|it| subjects(&it.results)),
        each(|it| it.counts()),
        filter(),
        each(|it| it.matrix()),
        each(|it| it.details()),
    )
}

/// The cases of all brokers or of all clients.
struct Table<'a> {
    results: Vec<&'a RunResult>,
    /// Whether it has the only subject of the page.
    is_single: bool,
    count: usize,
    /// By version, section and row.
    groups: BTreeMap<(String, Section), BTreeMap<String, Vec<Row<'a>>>>,
}

/// A section of the standard, ordered by its numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Section(Vec<u32>, String);

/// One case, and what each subject did in it.
struct Row<'a> {
    number: usize,
    case: &'a CaseResult,
    of_subjects: Vec<Option<&'a CaseResult>>,
}

impl<'a> Table<'a> {
    /// `first_number` is the number of the first case on the page.
    fn new(results: Vec<&'a RunResult>, is_single: bool, first_number: usize) -> Self {
        let mut by_name: BTreeMap<&str, (&CaseResult, Vec<Option<&CaseResult>>)> = BTreeMap::new();
        for (column, result) in results.iter().copied().enumerate() {
            for case in &result.cases {
                let entry = by_name.entry(&case.name);
                let (_, cells) = entry.or_insert_with(|| (case, vec![None; results.len()]));
                if let Some(cell) = cells.get_mut(column) {
                    *cell = Some(case);
                }
            }
        }
        let count = by_name.len();
        let mut groups: BTreeMap<_, BTreeMap<String, Vec<Row>>> = BTreeMap::new();
        for (number, (name, (case, of_subjects))) in (first_number..).zip(by_name) {
            let statement = case.statements.first().cloned().unwrap_or_default();
            let mut rules = results.iter().filter_map(|it| it.rules.get(&statement));
            let section = rules.next().map_or("", |it| &it.section);
            let group = groups.entry((case.version.clone(), Section::new(section)));
            let row = match is_single {
                true => statement,
                false => name.to_owned(),
            };
            let rows = group.or_default().entry(row).or_default();
            rows.push(Row {
                number,
                case,
                of_subjects,
            });
        }
        Self {
            results,
            is_single,
            count,
            groups,
        }
    }

    /// `7 brokers`, or the name of the only subject.
    fn subjects_in_words(&self) -> String {
        match &self.results[..] {
            [only] if self.is_single => only.subject.clone(),
            [_] => format!("1 {}", self.role()),
            several => format!("{} {}s", several.len(), self.role()),
        }
    }

    fn role(&self) -> &'static str {
        match self.results.first() {
            Some(RunResult {
                role: Role::Client, ..
            }) => "client",
            Some(_) | None => "broker",
        }
    }

    /// The number of cases with each verdict.
    fn counts(&self) -> String {
        let results = &self.results;
        let heads = results
            .iter()
            .map(|it| format!("<th scope=\"col\">{}</th>", escape(&it.subject)));
        let mut text = format!(
            "<h2>{}</h2>\n<div class=\"wide\">\n<table class=\"counts\">\n<thead><tr>\
             <th scope=\"col\">verdict</th>{}<th scope=\"col\">meaning</th></tr></thead>\n<tbody>\n",
            self.heading("Verdicts"),
            heads.collect::<String>()
        );
        for verdict in Verdict::ALL {
            let cells = results.iter().map(|it| match it.count(verdict) {
                0 => "<td></td>".into(),
                count => format!("<td>{count}</td>"),
            });
            let _ = writeln!(
                text,
                "<tr><th scope=\"row\"><span class=\"v {verdict}\" aria-hidden=\"true\">{}</span> {verdict}</th>{}\
                 <td class=\"meaning\">{}</td></tr>",
                sign(verdict.name()),
                cells.collect::<String>(),
                verdict.meaning()
            );
        }
        text + "</tbody>\n</table>\n</div>\n"
    }

    /// With the role, if it is not the only table of the page.
    fn heading(&self, name: &str) -> String {
        match self.is_single {
            true => name.into(),
            false => format!("{name} of {}s", self.role()),
        }
    }

    fn matrix(&self) -> String {
        let (class, first) = match self.is_single {
            true => ("matrix one", "statement"),
            false => ("matrix", "case"),
        };
        let heads = self
            .results
            .iter()
            .map(|it| format!("<th scope=\"col\">{}</th>", escape(&it.subject)));
        let mut text = format!(
            "<h2>{}</h2>\n<div class=\"wide\">\n<table class=\"{class}\">\n<thead>\
             <tr><th scope=\"col\">{first}</th>{}</tr></thead>\n",
            self.heading("Matrix"),
            heads.collect::<String>()
        );
        let columns = self.results.len() + 1;
        for ((version, section), rows) in &self.groups {
            let _ = writeln!(
                text,
                "<tbody><tr><th scope=\"rowgroup\" colspan=\"{columns}\">{version}, section {}</th></tr>",
                escape(&section.1)
            );
            for (name, cases) in rows {
                text += &self.row(name, cases);
            }
            text += "</tbody>\n";
        }
        text + "</table>\n</div>\n"
    }

    fn row(&self, name: &str, cases: &[Row]) -> String {
        let mut classes: Vec<_> = cases.iter().flat_map(|it| &it.of_subjects).collect();
        classes.sort_by_key(|it| it.map(|case| &case.verdict));
        classes.dedup_by_key(|it| it.map(|case| &case.verdict));
        let classes = classes.into_iter().flatten();
        let classes: Vec<_> = classes.map(|it| format!("has-{}", it.verdict)).collect();
        let mut text = format!("<tr class=\"{}\"><th scope=\"row\">", classes.join(" "));
        let _ = match self.rule(name) {
            Some(rule) => write!(
                text,
                "{} <span class=\"faint\">{}</span>",
                escape(name),
                escape(rule)
            ),
            None => write!(
                text,
                "{}",
                escape(name.split_once('/').map_or(name, |it| it.1))
            ),
        };
        text += "</th>";
        for column in 0..self.results.len() {
            text += "<td>";
            for case in cases {
                text += &self.cell(case, column);
            }
            text += "</td>";
        }
        text + "</tr>\n"
    }

    fn cell(&self, row: &Row, column: usize) -> String {
        let Some(found) = row.of_subjects.get(column).copied().flatten() else {
            return "<b class=\"v absent\" role=\"img\" aria-label=\"no finding\">&nbsp;</b>"
                .into();
        };
        let (verdict, sign, number) = (&found.verdict, sign(&found.verdict), row.number);
        if !self.is_linked(found) {
            return format!(
                "<b class=\"v {verdict}\" role=\"img\" aria-label=\"{verdict}\">{sign}</b>"
            );
        }
        // the header of the row names the case if it has only one
        let label = match self.is_single {
            true => format!("{}: {verdict}", escape(&row.case.name)),
            false => verdict.clone(),
        };
        format!(
            "<a class=\"v {verdict}\" id=\"r{number}-{column}\" href=\"#c{number}-{column}\" \
             title=\"{label}\" aria-label=\"{label}\">{sign}</a>"
        )
    }

    fn details(&self) -> String {
        let rows = self.groups.values().flat_map(BTreeMap::values).flatten();
        let is_linked = |row: &&Row| {
            row.of_subjects
                .iter()
                .flatten()
                .any(|it| self.is_linked(it))
        };
        let details = rows.filter(is_linked).map(|row| self.case(row));
        details.collect()
    }

    /// Whether the cell opens a panel. A page with several subjects has none for what is right, not
    /// supported or open, so that it stays small.
    fn is_linked(&self, found: &CaseResult) -> bool {
        let has_more = !["ok", "open", "unsupported"].contains(&&found.verdict[..]);
        self.is_single || has_more
    }

    /// The panel that a cell opens.
    fn case(&self, row: &Row) -> String {
        let Row { number, case, .. } = row;
        let is_linked = |it: &Option<&CaseResult>| it.is_some_and(|it| self.is_linked(it));
        let first = row.of_subjects.iter().position(is_linked);
        let first = first.unwrap_or_default();
        let mut text = format!(
            "<section class=\"case\" id=\"c{number}\">\n<a class=\"close\" href=\"#r{number}-{first}\">close</a>\n\
             <h2>{}</h2>\n<dl>\n",
            escape(&case.name)
        );
        let mut entry = |name: &str, content: &str| {
            let _ = writeln!(text, "<dt>{name}</dt><dd>{content}</dd>");
        };
        entry("case", &escape(&case.comment));
        for statement in &case.statements {
            let rule = self.rule(statement).unwrap_or_default();
            entry(&escape(statement), &escape(rule));
        }
        entry("expected", &escape(&case.expected));
        if !case.packet.is_empty() {
            let packet = format!("<code>{}</code>", spaced(&case.packet));
            entry("packet that is judged", &packet);
        }
        text += "</dl>\n";
        if self.is_single && !case.explanation.is_empty() {
            let _ = writeln!(
                text,
                "<details><summary>the packet, explained</summary><pre>{}</pre></details>",
                escape(case.explanation.trim_end())
            );
        }
        for (column, (result, found)) in self.results.iter().zip(&row.of_subjects).enumerate() {
            if let Some(found) = found.filter(|it| self.is_linked(it)) {
                let _ = writeln!(
                    text,
                    "<h3 id=\"c{number}-{column}\">{}: {}</h3>\n<p>{}</p>",
                    escape(&result.subject),
                    chip(&found.verdict),
                    escape(&found.seen)
                );
                for breach in &found.breaches {
                    let _ = writeln!(text, "<p>It breaks {}</p>", escape(breach));
                }
                if self.has_exchange(found) {
                    text += &exchange(&found.version, &found.exchange);
                }
            }
        }
        text + "</section>\n"
    }

    /// Whether the panel shows the bytes that passed. On a page with several subjects the packet that
    /// is judged is enough where the subject accepted it or refused it in another way.
    fn has_exchange(&self, found: &CaseResult) -> bool {
        let is_short = ["lenient", "non-strict"].contains(&&found.verdict[..]);
        self.is_single || !is_short
    }

    fn rule(&self, statement: &str) -> Option<&str> {
        let mut rules = self.results.iter().filter_map(|it| it.rules.get(statement));
        rules.next().map(|it| &it.rule[..])
    }
}

impl Section {
    fn new(name: &str) -> Self {
        let numbers = name.split('.').map(|it| it.parse().unwrap_or(u32::MAX));
        Self(numbers.collect(), name.to_owned())
    }
}

/// The sign of a verdict in a cell, for eyes that do not see its colour.
fn sign(verdict: &str) -> &'static str {
    match Verdict::from_name(verdict) {
        Some(Verdict::Ok) => "✓",
        Some(Verdict::NonStrict) => "N",
        Some(Verdict::Lenient) => "L",
        Some(Verdict::OverStrict) => "S",
        Some(Verdict::Hang) => "H",
        Some(Verdict::Crash) => "C",
        Some(Verdict::Breach) => "B",
        Some(Verdict::Unsupported) => "–",
        Some(Verdict::Open) => "○",
        Some(Verdict::Unclear) | None => "?",
    }
}

fn chip(verdict: &str) -> String {
    format!("<span class=\"v {verdict}\">{verdict}</span>")
}

/// The subjects, with versions and dates.
fn subjects(results: &[&RunResult]) -> String {
    let mut text = String::from("<ul>\n");
    for result in results {
        let versions = result.versions.iter().map(|it| match &it.refusal {
            Some(refusal) if result.role == Role::Client => format!("{}: {refusal}", it.version),
            Some(refusal) => format!("{} not served: {refusal}", it.version),
            None if it.notes.is_empty() => format!("{} served", it.version),
            None if result.role == Role::Client => {
                format!("{} plays {}", it.version, it.notes.join(", "))
            }
            None => format!("{} served ({})", it.version, it.notes.join(", ")),
        });
        let versions = versions.collect::<Vec<_>>().join("; ");
        let (subject, program, date) = (&result.subject, &result.program, &result.date);
        let _ = writeln!(
            text,
            "<li>{}, tested with {} on {}<br><span class=\"faint\">{}</span></li>",
            escape(subject),
            escape(program),
            escape(date),
            escape(&versions)
        );
    }
    text + "</ul>\n"
}

/// Which rows to show. The style sheet does the work.
fn filter() -> String {
    let mut text = String::from(
        "<fieldset><legend>Rows to show</legend>\n\
         <label><input type=\"radio\" name=\"show\" checked> all</label>\n",
    );
    for verdict in Verdict::ALL {
        let _ = writeln!(
            text,
            "<label><input type=\"radio\" name=\"show\" id=\"f-{verdict}\"> with {verdict}</label>"
        );
    }
    text + "</fieldset>\n"
}

fn filter_rules() -> String {
    let rules = Verdict::ALL.into_iter().map(|it| {
        format!("body:has(#f-{it}:checked) .matrix tr[class]:not(.has-{it}) {{ display: none; }}\n")
    });
    rules.collect()
}

fn exchange(of: &str, packets: &[PassedPacket]) -> String {
    if packets.is_empty() {
        return String::new();
    }
    let mut text = String::from("<ol class=\"exchange\">\n");
    for packet in packets {
        let (from, hex) = (escape(&packet.from), spaced(&packet.hex));
        let line = match packet.text.is_empty() {
            true => line(of, packet),
            false => packet.text.clone(),
        };
        let name = match packet.client.is_empty() {
            true => from.clone(),
            false => format!("{} {from}", escape(&packet.client)),
        };
        let _ = writeln!(
            text,
            "<li class=\"{from}\">{name}: <code>{hex}</code><span>{}</span></li>",
            escape(&line)
        );
    }
    text + "</ol>\n"
}

fn line(of: &str, packet: &PassedPacket) -> String {
    let sender = match &packet.from[..] {
        "server" => Sender::Server,
        _ => Sender::Client,
    };
    let explained = version(of).and_then(|it| explain_packet(&bytes(&packet.hex), it, sender));
    explained.map(|it| it.line).unwrap_or_default()
}

fn version(name: &str) -> Option<Version> {
    Version::ALL.into_iter().find(|it| it.to_string() == name)
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let pairs = pairs.filter_map(|it| std::str::from_utf8(it).ok());
    pairs
        .filter_map(|it| u8::from_str_radix(it, 16).ok())
        .collect()
}

/// `100c` as `10 0c`.
fn spaced(hex: &str) -> String {
    let digits: Vec<_> = bytes(hex).iter().map(|it| format!("{it:02x}")).collect();
    digits.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case;
    use crate::result::Rule;

    fn result(subject: &str, verdict: &str) -> RunResult {
        result_of(Role::Broker, subject, verdict)
    }

    fn result_of(role: Role, subject: &str, verdict: &str) -> RunResult {
        let case = |it: &case::Case| CaseResult {
            name: it.name.clone(),
            version: it.version.to_string(),
            verdict: verdict.into(),
            seen: "<i>seen</i>".into(),
            exchange: vec![PassedPacket {
                from: "client".into(),
                client: String::new(),
                hex: "c000".into(),
                text: String::new(),
            }],
            ..CaseResult::default()
        };
        let cases = case::all();
        let mut result = RunResult {
            program: "mqttspec".into(),
            role,
            date: "today".into(),
            subject: subject.into(),
            address: String::new(),
            versions: Vec::new(),
            rules: [("x".to_owned(), Rule::default())].into(),
            breaches_in_trials: Vec::new(),
            cases: cases.iter().take(20).map(case).collect(),
        };
        result.complete(&cases);
        result
    }

    fn values<'a>(page: &'a str, attribute: &str) -> BTreeSet<&'a str> {
        let parts = page.split(attribute).skip(1);
        parts.filter_map(|it| it.split('"').next()).collect()
    }

    #[test]
    fn a_page_needs_no_script_and_no_network() {
        let page = page(&[result("<b>", "lenient")]);
        assert!(page.contains("default-src 'none'"));
        for word in ["<script", "http:", "https:", "<link", "@import", "url("] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"));
        assert!(page.contains("&lt;i&gt;seen") && !page.contains("<i>seen"));
        assert!(page.contains("PINGREQ"));
    }

    #[test]
    fn every_cell_leads_to_its_case_and_back() {
        for results in [
            vec![result("one", "ok")],
            vec![result("one", "ok"), result("two", "lenient")],
            vec![
                result_of(Role::Client, "one", "lenient"),
                result_of(Role::Broker, "two", "lenient"),
            ],
        ] {
            let page = page(&results);
            let (targets, places) = (values(&page, "href=\"#"), values(&page, "id=\""));
            assert!(targets.len() > 20, "{}", targets.len());
            assert!(targets.is_subset(&places));
        }
    }

    #[test]
    fn brokers_and_clients_have_a_matrix_each() {
        let page = page(&[
            result_of(Role::Client, "one", "lenient"),
            result_of(Role::Broker, "two", "lenient"),
            result_of(Role::Client, "three", "lenient"),
        ]);
        assert!(page.contains("<h1>mqttspec: 1 broker, 2 clients</h1>"));
        assert_eq!(page.matches("<table class=\"matrix\">").count(), 2);
        assert!(page.contains("<h2>Matrix of brokers</h2>"));
        assert!(page.contains("<h2>Matrix of clients</h2>"));
        let places: Vec<_> = page.split("id=\"").skip(1).collect();
        let places = places.iter().filter_map(|it| it.split('"').next());
        let (all, distinct): (Vec<_>, BTreeSet<_>) = (places.clone().collect(), places.collect());
        assert_eq!(all.len(), distinct.len());
    }

    #[test]
    fn a_page_with_several_subjects_has_no_panel_for_what_is_right() {
        let page = page(&[result("one", "ok"), result("two", "unsupported")]);
        assert!(!page.contains("<section"));
        assert!(page.contains("aria-label=\"ok\""));
    }
}
