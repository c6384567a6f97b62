//! Rules that the subject breaks in cases about other statements. Each gets a case of its own, so that
//! a breach counts for its statement and not for that of the case in which it was seen.

use std::collections::BTreeMap;

use mqtt_wire::Sender;

use crate::case::{Case, CaseKind};
use crate::run::Finding;
use crate::statement::Statement;
use crate::verdict::Verdict;

const FOLDER: &str = "traffic";

/// Adds a case for each statement that was broken in cases about other statements, which had no other
/// failure. These cases get back the verdict that they have without the breach.
pub fn separate(cases: &mut Vec<Case>, findings: &mut Vec<Finding>) {
    // by statement: the indices of the findings, and the first text
    let mut found: BTreeMap<Statement, (Vec<usize>, String)> = BTreeMap::new();
    for (index, finding) in findings.iter_mut().enumerate() {
        let (Some(case), Some(besides)) = (cases.get(finding.case), finding.besides.clone()) else {
            continue;
        };
        let broken: Vec<_> = finding.breaches.iter().filter_map(|it| parse(it)).collect();
        let is_foreign = |it: &Statement| !case.statements.contains(it);
        for (statement, text) in broken.iter().filter(|(it, _)| is_foreign(it)) {
            let (indices, _) = found
                .entry(*statement)
                .or_insert_with(|| (Vec::new(), (*text).to_owned()));
            if indices.last() != Some(&index) {
                indices.push(index);
            }
        }
        if broken.len() == finding.breaches.len() && broken.iter().all(|(it, _)| is_foreign(it)) {
            (finding.verdict, finding.reason) = besides;
            finding.besides = None;
        }
    }
    for (statement, (indices, text)) in found {
        let first = indices.first().and_then(|it| findings.get(*it));
        let Some((first, in_case)) = first.and_then(|it| Some((it.clone(), cases.get(it.case)?)))
        else {
            continue;
        };
        let reason = format!(
            "{text}, in {} (cases with it: {})",
            in_case.name,
            indices.len()
        );
        let case = case(statement, in_case.subject());
        findings.push(Finding {
            exchange: first.exchange,
            breaches: first.breaches,
            ..Finding::new(cases.len(), Verdict::Breach, reason)
        });
        cases.push(case);
    }
}

/// Whether this is the name of such a case.
pub fn is_name(name: &str) -> bool {
    name.split('/').nth(1) == Some(FOLDER)
}

/// The case with this name, if it is the name of one.
pub fn from_name(name: &str, subject: Sender) -> Option<Case> {
    let (version, id) = name.split_once(&format!("/{FOLDER}/"))?;
    let statement = Statement::find(&format!("v{version} {id}"))?;
    Some(case(statement, subject))
}

fn case(statement: Statement, subject: Sender) -> Case {
    Case {
        name: format!("{}/{FOLDER}/{}", statement.version(), statement.id()),
        version: statement.version(),
        comment: "The rule holds in the cases about other statements, too.".into(),
        statements: vec![statement],
        kind: CaseKind::Traffic(subject),
    }
}

/// The statement and the text of a breach.
fn parse(breach: &str) -> Option<(Statement, &str)> {
    let (name, text) = breach.split_once(": ")?;
    Some((Statement::find(name)?, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case;

    fn finding(case: usize, breaches: &[&str]) -> Finding {
        let mut finding = Finding {
            breaches: breaches.iter().map(ToString::to_string).collect(),
            ..Finding::new(case, Verdict::Ok, "apart".into())
        };
        finding.decide_by_breach();
        finding
    }

    #[test]
    fn a_breach_of_another_statement_gets_a_case_of_its_own() {
        let about_retained = "v3.1.1 MQTT-3.3.2-3: text";
        let all = case::all();
        let of_other = |it: &Case| it.statements.iter().all(|it| it.id() != "MQTT-3.3.2-3");
        let mut cases: Vec<_> = all.into_iter().filter(of_other).take(3).collect();
        let own = format!("{}: own", cases[2].statements[0]);
        let mut findings = vec![
            finding(0, &[about_retained, about_retained]),
            finding(1, &[about_retained]),
            finding(2, &[about_retained, &own]),
        ];
        (findings[1].verdict, findings[1].besides) = (Verdict::Lenient, None);
        separate(&mut cases, &mut findings);

        let verdicts: Vec<_> = findings.iter().map(|it| it.verdict).collect();
        let breach = Verdict::Breach;
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Lenient, breach, breach]);
        assert_eq!(findings[0].reason, "apart");
        let expected = format!("text, in {} (cases with it: 2)", cases[0].name);
        assert_eq!(findings[3].reason, expected);
        assert_eq!(cases[3].name, "3.1.1/traffic/MQTT-3.3.2-3");
        assert!(is_name(&cases[3].name) && !is_name(&cases[0].name));
        let again = from_name(&cases[3].name, Sender::Server).unwrap();
        assert_eq!(again.statements, cases[3].statements);
    }
}
