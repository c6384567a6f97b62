//! Reports on whole connections.

use std::io::{self, Write};

use anstyle::Style;
use mqtt_wire::will::WillFate;
use mqtt_wire::{Dialect, Sender, Version};

use super::line::WITH_WAIVER;
use super::style::{BAD, FAINT, GOOD, UNSURE, entry, paint};
use super::summary::{TEXT_LENGTH, will_summary};
use crate::event::{Status, Totals};
use crate::names;
use crate::order::Order;
use crate::stream::Stream;
use crate::text::count;
use crate::will::Outcome;

/// Writes the verdict on all packets, and the numbers of packets.
pub fn totals(out: &mut dyn Write, totals: &Totals) -> io::Result<()> {
    let (style, word) = status_word(totals);
    paint(out, style, word)?;
    write!(out, "  ")?;
    let (refused, breaking) = (totals.refused, totals.breaking);
    match (refused, breaking) {
        (0, 0) => {}
        (0, bad) | (bad, _) => write!(out, "{bad} of ")?,
    }
    write!(out, "{}", count(totals.packets, "packet"))?;
    let verb = if breaking == 1 { "breaks" } else { "break" };
    match (refused, breaking) {
        (_, 0) => {}
        (0, _) => write!(out, " {verb} a rule of the conversation")?,
        (_, more) => write!(out, ", {more} more {verb} a rule of the conversation")?,
    }
    match totals.websocket {
        0 => Ok(()),
        number => write!(out, ", {} of WebSocket broken", count(number, "rule")),
    }
}

fn status_word(totals: &Totals) -> (Style, &'static str) {
    match totals.status {
        Status::Valid if totals.has_waived => (UNSURE, WITH_WAIVER),
        Status::Valid => (GOOD, "VALID"),
        Status::Incomplete => (UNSURE, "INCOMPLETE"),
        Status::Invalid => (BAD, "INVALID"),
        Status::NotMqtt => (BAD, "NOT MQTT"),
    }
}

/// Writes the version and the side, if they are known, and ends the line.
pub fn dialect(
    out: &mut dyn Write,
    version: Option<Version>,
    sender: Option<Sender>,
) -> io::Result<()> {
    if let Some(version) = version {
        write!(out, ", MQTT {version}")?;
    }
    if let Some(sender) = sender {
        write!(out, " from the {}", names::sender(sender))?;
    }
    writeln!(out)
}

/// Writes that bytes are not MQTT, and the reason.
pub fn not_mqtt(out: &mut dyn Write, reason: &str) -> io::Result<()> {
    paint(out, BAD, "NOT MQTT")?;
    writeln!(out, "  {reason}")
}

/// Writes a note if the order of the two directions was not recorded.
pub fn order(out: &mut dyn Write, order: Order) -> io::Result<()> {
    match order {
        Order::Recorded => Ok(()),
        Order::Guessed => {
            let text = "       the order of the two directions is not recorded; this one breaks \
                        the fewest rules\n";
            paint(out, FAINT, text)
        }
        Order::Unknown => {
            let text = "       too many packets to find the order of the two directions; the rules \
                        of the conversation are not checked\n";
            paint(out, UNSURE, text)
        }
    }
}

/// Writes the dialects in which bytes are valid, and the first error in the others.
pub fn dialects(out: &mut dyn Write, stream: &Stream<'_>) -> io::Result<()> {
    if !stream.valid_in.is_empty() {
        entry(out, "valid as", &names::dialects(&stream.valid_in))?;
    }
    for version in Version::ALL {
        let is_chosen = version == stream.dialect.version();
        let mut valid_in = stream.valid_in.iter();
        if is_chosen || valid_in.any(|dialect| dialect.version() == version) {
            continue;
        }
        let dialect = Dialect::new(version, stream.dialect.sender());
        let mut invalid_in = stream.invalid_in.iter();
        if let Some((_, error)) = invalid_in.find(|(it, _)| *it == dialect) {
            entry(out, &format!("not {version}"), &error.to_string())?;
        }
    }
    Ok(())
}

/// The fate of a Will in words.
pub fn will(outcome: &Outcome<'_>) -> String {
    let will = will_summary(&outcome.will, TEXT_LENGTH);
    let statement = outcome.statement.map(|it| format!(" [{it}]"));
    let cause = format!("{}{}", outcome.cause, statement.unwrap_or_default());
    let unless = match outcome.unless {
        Some(unless) => format!(", unless {unless}"),
        None => String::new(),
    };
    match outcome.fate {
        WillFate::Discard => format!("the server discards {will}: {cause}"),
        WillFate::Publish => format!("the server must publish {will}{unless}: {cause}"),
        WillFate::PublishAfter { delay, .. } => {
            let seconds = delay.as_secs();
            format!("the server must publish in {seconds} s {will}{unless}: {cause}")
        }
    }
}
