//! The list of known deviations: `NAME VERDICT` in each line.

use std::collections::BTreeMap;

use crate::case::Case;
use crate::run::Finding;
use crate::traffic;
use crate::verdict::Verdict;

/// The verdicts that are expected; every other case is expected not to fail.
#[derive(Debug, Default)]
pub struct Expectations(BTreeMap<String, Verdict>);

impl Expectations {
    /// Reads a list. Empty lines and lines that begin with `#` are ignored.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut expected = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (name, verdict) = (words.next(), words.next());
            let verdict = verdict.and_then(Verdict::from_name);
            match (name, verdict, words.next()) {
                (Some(name), Some(verdict), None) => expected.insert(name.to_owned(), verdict),
                _ => return Err(format!("line {}: not a name and a verdict", index + 1)),
            };
        }
        Ok(Self(expected))
    }

    /// The differences from the findings, in both directions. `cases` are all cases that exist.
    pub fn drift(
        &self,
        cases: &[Case],
        selected: &[Case],
        findings: &[Finding],
        strict: bool,
    ) -> Vec<String> {
        let mut drift = Vec::new();
        for finding in findings {
            let Some(case) = selected.get(finding.case) else {
                continue;
            };
            let (name, found) = (&case.name, finding.verdict);
            match self.0.get(name) {
                Some(expected) if *expected != found => {
                    drift.push(format!("{name}: {found}, expected {expected}"));
                }
                None if found.is_failure(strict) => {
                    drift.push(format!("{name}: {found}, not expected"))
                }
                _ => {}
            }
        }
        let is_case = |name: &str| traffic::is_name(name) || cases.iter().any(|it| it.name == name);
        let unknown = self.0.keys().filter(|name| !is_case(name));
        drift.extend(unknown.map(|name| format!("{name}: expected, but there is no such case")));
        drift
    }

    /// The differences of a run of all cases that does not have the breach of an expected statement.
    pub fn missing_traffic(&self, selected: &[Case]) -> Vec<String> {
        let names = self.0.keys().filter(|it| traffic::is_name(it));
        let missing = names.filter(|name| selected.iter().all(|it| it.name != **name));
        missing
            .map(|name| format!("{name}: expected, and not seen"))
            .collect()
    }

    /// A list that expects these findings.
    pub fn write(selected: &[Case], findings: &[Finding], strict: bool) -> String {
        let mut text = String::new();
        for finding in findings.iter().filter(|it| it.verdict.is_failure(strict)) {
            if let Some(case) = selected.get(finding.case) {
                text += &format!("{} {}\n", case.name, finding.verdict);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case;

    #[test]
    fn drift_is_reported_in_both_directions() {
        let cases = case::all();
        let selected: Vec<_> = cases.iter().take(3).cloned().collect();
        let finding = |case, verdict| Finding::new(case, verdict, String::new());
        let found = [
            finding(0, Verdict::Ok),
            finding(1, Verdict::Lenient),
            finding(2, Verdict::Hang),
        ];
        let list = format!(
            "# a comment\n\n{} lenient\n{} hang\n3.1/no/such/case ok\n",
            selected[0].name, selected[2].name
        );
        let drift = Expectations::parse(&list)
            .unwrap()
            .drift(&cases, &selected, &found, false);
        let expected = [
            format!("{}: ok, expected lenient", selected[0].name),
            format!("{}: lenient, not expected", selected[1].name),
            "3.1/no/such/case: expected, but there is no such case".to_owned(),
        ];
        assert_eq!(drift, expected);

        let written = Expectations::write(&selected, &found, false);
        let expectations = Expectations::parse(&written).unwrap();
        assert!(
            expectations
                .drift(&cases, &selected, &found, false)
                .is_empty()
        );
    }

    #[test]
    fn a_line_that_is_no_expectation_is_an_error() {
        for line in ["x", "x lenients", "x lenient y"] {
            assert!(Expectations::parse(line).is_err(), "{line}");
        }
    }
}
