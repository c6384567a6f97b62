//! Packets and other events, a line each.

use std::io::{self, Write};

use mqtt_wire::{DecodeError, Sender, Version};

use super::details::{details, waived};
use super::style::{BAD, FAINT, FAULT, GOOD, UNSURE, paint};
use super::summary::summary;
use super::view::View;
use crate::event::{Event, Record, Verdict};
use crate::fixed_header::remaining_length;
use crate::names;
use crate::text::count;

/// The verdict if a waiver was needed.
pub const WITH_WAIVER: &str = "VALID WITH WAIVER";

/// Writes a packet with its verdict. If several versions were tried, it may be valid in `only` one.
pub fn verdict(
    out: &mut dyn Write,
    record: &Record<'_>,
    only: Option<Version>,
    view: View,
) -> io::Result<()> {
    match record.verdict {
        Verdict::Accept(_) => match only {
            // few programs speak 3.1, and it has few rules
            Some(Version::V3_1) => paint(out, UNSURE, "VALID IN 3.1 ONLY")?,
            _ if !record.waived.is_empty() => paint(out, UNSURE, WITH_WAIVER)?,
            _ => paint(out, GOOD, "VALID")?,
        },
        Verdict::Reject(_) => paint(out, BAD, "INVALID")?,
        Verdict::Incomplete(_) => paint(out, UNSURE, "INCOMPLETE")?,
    }
    writeln!(out, "  {}", sentence(record, view))
}

/// A packet in one line, without the verdict.
pub fn sentence(record: &Record<'_>, view: View) -> String {
    match record.verdict {
        Verdict::Accept(packet) => summary(&packet, record.dialect.version(), view),
        Verdict::Reject(error) => refusal(record, error),
        Verdict::Incomplete(missing) => incomplete(record, missing),
    }
}

/// Writes a packet, without the verdict if it is valid.
fn packet(out: &mut dyn Write, record: &Record<'_>, view: View) -> io::Result<()> {
    match record.verdict {
        Verdict::Accept(_) => {
            let mut line = sentence(record, view);
            line.push('\n');
            out.write_all(line.as_bytes())
        }
        Verdict::Reject(_) | Verdict::Incomplete(_) => verdict(out, record, None, view),
    }
}

/// Writes an event, and the details of a packet if it is refused or the view has the tree.
pub fn event(out: &mut dyn Write, event: &Event<'_>, view: View) -> io::Result<()> {
    let arrow = arrow(event.sender());
    match event {
        Event::Packet(record) => {
            // the space keeps a long number apart from the column before it
            write!(out, "{FAINT} {:>7}  {FAINT:#}{arrow} ", record.offset)?;
            packet(out, record, view)?;
            if record.is_refused() || view.tree {
                details(out, record, view)?;
                return writeln!(out);
            }
            notes(out, record)
        }
        Event::Unread { length, .. } => {
            write!(out, "{:>10}{arrow} ", "")?;
            unread(out, *length)
        }
    }
}

/// An arrow to the server or to the client.
pub fn arrow(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "→",
        Sender::Server => "←",
    }
}

/// Writes that bytes were not decoded.
pub fn unread(out: &mut dyn Write, length: usize) -> io::Result<()> {
    let length = count(length, "byte");
    let text = format!("{length} not decoded: no packet begins there\n");
    paint(out, UNSURE, &text)
}

/// Writes the waived errors of a packet and its breaches, a line each.
fn notes(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    for error in &record.waived {
        let text = format!("       ~ waived {}\n", waived(*error));
        paint(out, UNSURE, &text)?;
    }
    for breach in record.breaches.iter().flatten() {
        paint(out, FAULT, &format!("       ! {breach}\n"))?;
    }
    Ok(())
}

fn refusal(record: &Record<'_>, error: DecodeError) -> String {
    let sender = names::sender(record.dialect.sender());
    match error.version() {
        Some(version) => format!("MQTT {version} from the {sender}: {error}"),
        None => format!("from the {sender}: {error}"),
    }
}

fn incomplete(record: &Record<'_>, missing: usize) -> String {
    let version = record.dialect.version();
    let sender = names::sender(record.dialect.sender());
    let name = record.packet_type().map_or("packet", |it| it.name());
    let received = count(record.bytes.len(), "byte");
    let missing = count(missing, "byte");
    let at_least = match remaining_length(record.bytes) {
        Some(_) => "",
        None => "at least ",
    };
    format!(
        "MQTT {version} from the {sender}: {name}, {received} received, {at_least}{missing} \
         missing"
    )
}
