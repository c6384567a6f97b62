//! The full report on one packet.

use std::io::{self, Write};

use mqtt_wire::{DecodeError, Reply, Statement, Version, Waivers};

use super::hex_dump::hex_dump;
use super::style::{BAD, FAINT, entry, paint, styled_entry};
use super::tree::{Mark, Tree};
use super::view::View;
use crate::decode_rules::optional_rule;
use crate::dissect::{Secrets, dissect, secret_bytes};
use crate::event::{Record, Verdict};
use crate::{hex, hint, names};

/// Writes the hex dump and the fields; for a refused packet also the rules, the reply of the
/// receiver, and likely causes.
pub fn details(out: &mut dyn Write, record: &Record<'_>, view: View) -> io::Result<()> {
    let fields = dissect(record.bytes, record.dialect);
    let secret = match view.secrets {
        Secrets::Show => vec![false; record.bytes.len()],
        Secrets::Hide => secret_bytes(&fields, record.bytes.len()),
    };
    let fault = match record.verdict {
        Verdict::Reject(error) => Some(error),
        Verdict::Accept(_) | Verdict::Incomplete(_) => None,
    };
    writeln!(out)?;
    hex_dump(out, record.bytes, &secret, fault, view)?;
    writeln!(out)?;
    let tree = Tree {
        packet: record.bytes,
        secret: &secret,
        fault: fault.map(|error| Mark::new(error, &fields)),
        view,
    };
    tree.write(out, &fields, 0)?;
    if secret.contains(&true) {
        paint(out, FAINT, "\n  ·· hidden; --show-secrets shows it\n")?;
    }
    let is_incomplete = matches!(record.verdict, Verdict::Incomplete(_));
    let has_notes = record.has_breaches() || !record.waived.is_empty();
    if fault.is_some() || is_incomplete || has_notes {
        writeln!(out)?;
    }
    if let Some(error) = fault {
        refusal(out, record, error)?;
    }
    for error in &record.waived {
        entry(out, "waived", &waived(*error))?;
        rules(out, error.statements())?;
    }
    for breach in record.breaches.iter().flatten() {
        styled_entry(out, BAD, "breach", &breach.to_string())?;
        rules(out, breach.statements())?;
        if let Some(code) = breach.reason_code() {
            entry(out, "code", &names::code(code, Version::V5))?;
        }
    }
    for cause in hint::causes(record) {
        entry(out, "hint", &cause)?;
    }
    Ok(())
}

/// "WILL_FLAGS: CONNECT, byte 9, ...": a waiver and the error that it covered.
pub fn waived(error: DecodeError) -> String {
    let waivers = Waivers::of(&error.violation()).unwrap_or_default();
    format!("{}: {error}", names::waivers(waivers).join(", "))
}

fn refusal(out: &mut dyn Write, record: &Record<'_>, error: DecodeError) -> io::Result<()> {
    rules(out, error.statements())?;
    entry(out, "reply", &reply(error))?;
    if let Some((place, values)) = hint::nearest(record) {
        let values: Vec<_> = values
            .iter()
            .map(|byte| hex::encode_spaced(&[*byte]))
            .collect();
        let values = values.join(" or ");
        let text = format!("with byte {place} = {values} the packet is valid");
        entry(out, "nearest", &text)?;
    }
    if let Some(rule) = optional_rule(error) {
        let text = format!("only --enforce {rule} rejects this packet");
        entry(out, "enforced", &text)?;
    }
    let waivers = names::waivers(record.needed_waivers.all);
    if !waivers.is_empty() {
        let text = format!("--waive {} accepts this packet", waivers.join(","));
        entry(out, "waiver", &text)?;
    }
    Ok(())
}

fn rules(out: &mut dyn Write, statements: impl Iterator<Item = Statement>) -> io::Result<()> {
    let mut label = "rule";
    for statement in statements {
        let (id, version) = (statement.id(), statement.version());
        let section = section(statement);
        // the library has names for rules that the standard does not number
        let place = if id.starts_with("MQTT") {
            format!("{id} ({version}, {section})")
        } else {
            format!("MQTT {version}, {section}")
        };
        entry(out, label, &format!("{place}: {}", statement.rule()))?;
        label = "";
    }
    Ok(())
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
