//! The full report on one packet.

use std::io::{self, Write};

use mqtt_wire::{DecodeError, Reply, Statement, Version, Waivers};

use super::hex_dump::hex_dump;
use super::style::{BAD, FAINT, NAME, paint, styled_entry};
use super::tree::{Mark, Tree};
use super::view::View;
use crate::decode_rules::optional_rule;
use crate::dissect::{Field, Secrets, dissect, secret_bytes};
use crate::event::{Record, Verdict};
use crate::{hex, hint, names};

/// Writes the hex dump and the fields; for a refused packet also the rules, the reply of the
/// receiver, and likely causes.
pub fn details(out: &mut dyn Write, record: &Record<'_>, view: View) -> io::Result<()> {
    let fields = dissect(record.bytes, record.dialect);
    let tree = tree(record, &fields, view);
    writeln!(out)?;
    hex_dump(out, record.bytes, &tree.secret, refusal(record), view)?;
    writeln!(out)?;
    tree.write(out)?;
    if tree.secret.contains(&true) {
        paint(out, FAINT, "\n  ·· hidden; --show-secrets shows it\n")?;
    }
    let is_incomplete = matches!(record.verdict, Verdict::Incomplete(_));
    let findings = findings(record);
    if is_incomplete || !findings.is_empty() {
        writeln!(out)?;
    }
    for finding in findings {
        let style = if finding.label == "breach" { BAD } else { NAME };
        styled_entry(out, style, finding.label, &finding.text)?;
    }
    Ok(())
}

/// The fields of a packet as a tree, with a mark on the one at fault.
pub fn tree<'a>(record: &Record<'a>, fields: &'a [Field], view: View) -> Tree<'a> {
    Tree {
        packet: record.bytes,
        fields,
        secret: match view.secrets {
            Secrets::Show => vec![false; record.bytes.len()],
            Secrets::Hide => secret_bytes(fields, record.bytes.len()),
        },
        fault: refusal(record).map(|error| Mark::new(error, fields)),
        view,
    }
}

/// A line below the fields.
pub struct Finding {
    /// Empty for a second rule.
    pub label: &'static str,
    pub text: String,
    /// The rule that the text cites.
    pub rule: Option<Statement>,
}

impl Finding {
    fn new(label: &'static str, text: String) -> Self {
        Self {
            label,
            text,
            rule: None,
        }
    }
}

/// The rules that a packet breaks, the reply of the receiver, and likely causes.
pub fn findings(record: &Record<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(error) = refusal(record) {
        all.extend(rules(error.statements()));
        all.push(Finding::new("reply", reply(error)));
        all.extend(remedies(record, error));
    }
    for error in &record.waived {
        all.push(Finding::new("waived", waived(*error)));
        all.extend(rules(error.statements()));
    }
    for breach in record.breaches.iter().flatten() {
        all.push(Finding::new("breach", breach.to_string()));
        all.extend(rules(breach.statements()));
        if let Some(code) = breach.reason_code() {
            all.push(Finding::new("code", names::code(code, Version::V5)));
        }
    }
    let causes = hint::causes(record).into_iter();
    all.extend(causes.map(|cause| Finding::new("hint", cause)));
    all
}

fn refusal(record: &Record<'_>) -> Option<DecodeError> {
    match record.verdict {
        Verdict::Reject(error) => Some(error),
        Verdict::Accept(_) | Verdict::Incomplete(_) => None,
    }
}

/// "WILL_FLAGS: CONNECT, byte 9, ...": a waiver and the error that it covered.
pub fn waived(error: DecodeError) -> String {
    let waivers = Waivers::of(&error.violation()).unwrap_or_default();
    format!("{}: {error}", names::waivers(waivers).join(", "))
}

/// Changes of the packet or of the receiver that avoid the error.
fn remedies(record: &Record<'_>, error: DecodeError) -> Vec<Finding> {
    let mut remedies = Vec::new();
    if let Some((place, values)) = hint::nearest(record) {
        let values: Vec<_> = values
            .iter()
            .map(|byte| hex::encode_spaced(&[*byte]))
            .collect();
        let values = values.join(" or ");
        let text = format!("with byte {place} = {values} the packet is valid");
        remedies.push(Finding::new("nearest", text));
    }
    if let Some(rule) = optional_rule(error) {
        let text = format!("only --enforce {rule} rejects this packet");
        remedies.push(Finding::new("enforced", text));
    }
    let waivers = names::waivers(record.needed_waivers.all);
    if !waivers.is_empty() {
        let text = format!("--waive {} accepts this packet", waivers.join(","));
        remedies.push(Finding::new("waiver", text));
    }
    remedies
}

fn rules(statements: impl Iterator<Item = Statement>) -> impl Iterator<Item = Finding> {
    let labels = std::iter::once("rule").chain(std::iter::repeat(""));
    statements.zip(labels).map(|(statement, label)| Finding {
        label,
        text: format!("{}: {}", place(statement), statement.rule()),
        rule: Some(statement),
    })
}

/// "MQTT-3.1.2-13 (3.1.1, section 3.1.2.6)"
pub fn place(statement: Statement) -> String {
    let (id, version) = (statement.id(), statement.version());
    let section = section(statement);
    // the library has names for rules that the standard does not number
    if id.starts_with("MQTT") {
        format!("{id} ({version}, {section})")
    } else {
        format!("MQTT {version}, {section}")
    }
}

fn section(statement: Statement) -> String {
    let section = statement.section();
    if section.starts_with(|c: char| c.is_ascii_digit()) {
        format!("section {section}")
    } else {
        format!("\"{section}\"")
    }
}

/// The reply of the receiver.
fn reply(error: DecodeError) -> String {
    let receiver = names::receiver(error.violation().sender());
    let reply = error.reply();
    let return_code = match reply {
        Reply::Close => return format!("the {receiver} closes the connection"),
        Reply::ConnAck(code) => names::return_code(code),
        Reply::Disconnect(_) => None,
    };
    match (error.version(), return_code) {
        (Some(Version::V3_1 | Version::V3_1_1), Some(byte)) => {
            format!("the server sends CONNACK with Return Code {byte} and closes the connection")
        }
        (None, Some(byte)) => format!(
            "the {receiver} may send {reply} (before 5.0: Return Code {byte}) and closes the \
             connection"
        ),
        _ => format!("the {receiver} may send {reply} and closes the connection"),
    }
}
