//! The summary of everything that was read.

use std::io::{self, Write};

use mqtt_wire::Sender;
use serde_json::{Map, Value, json};

use super::details::place;
use super::style::{BAD, FAINT, GOOD, UNSURE, entry, paint};
use super::view::Times;
use crate::names;
use crate::statistics::{End, Exchange, Statistics, Volume, Wait, Waits};
use crate::text::count;

/// Writes the summary.
pub fn statistics(out: &mut dyn Write, sums: &Statistics, times: Times) -> io::Result<()> {
    let total = sums.total();
    paint(out, GOOD, "SUMMARY")?;
    let packets = count(total.packets, "packet");
    write!(out, "  {packets}, {}", count(total.bytes, "byte"))?;
    if sums.connections > 0 {
        write!(out, ", {}", count(sums.connections, "connection"))?;
    }
    if let Some(duration) = sums.duration() {
        write!(out, ", {:.6} s", duration.as_secs_f64())?;
    }
    writeln!(out)?;
    volumes(out, sums)?;
    for (bytes, text) in [
        (sums.unread_bytes, "not decoded"),
        (sums.missing_bytes, "not seen"),
    ] {
        if bytes > 0 {
            paint(out, UNSURE, &format!("  {} {text}\n", count(bytes, "byte")))?;
        }
    }
    let mut label = "ended";
    for (end, number) in &sums.ends {
        entry(out, label, &format!("{number:>6}  {}", end_name(*end)))?;
        label = "";
    }
    if sums.invalid > 0 {
        let (verb, packets) = match sums.invalid {
            1 => ("breaks", "packet"),
            _ => ("break", "packets"),
        };
        write!(out, "  ")?;
        paint(out, BAD, "invalid  ")?;
        writeln!(out, " {:>6}  {packets} that {verb} a rule", sums.invalid)?;
    }
    if sums.websocket > 0 {
        let text = format!("{} of WebSocket broken", count(sums.websocket, "rule"));
        paint(out, BAD, &format!("  {text}\n"))?;
    }
    let mut label = "rules";
    for (statement, number) in sums.violations() {
        let text = format!("{number:>6}  {}: {}", place(statement), statement.rule());
        entry(out, label, &text)?;
        label = "";
    }
    let mut label = "slowest";
    for (exchange, waits) in &sums.waits {
        entry(out, label, &waits_text(*exchange, waits, times))?;
        label = "";
    }
    if sums.untimed > 0 {
        let text = format!(
            "  {} not timed: too many were open\n",
            count(sums.untimed, "request")
        );
        paint(out, UNSURE, &text)?;
    }
    Ok(())
}

/// A table of the packets by type and side.
fn volumes(out: &mut dyn Write, sums: &Statistics) -> io::Result<()> {
    if sums.packets.is_empty() {
        return Ok(());
    }
    let heads = ["→ packets", "bytes", "← packets", "bytes"];
    let [a, b, c, d] = heads;
    paint(
        out,
        FAINT,
        &format!("  {:12}{a:>12}{b:>14}{c:>12}{d:>14}\n", ""),
    )?;
    let mut types: Vec<_> = sums.packets.keys().map(|(it, _)| *it).collect();
    types.dedup();
    for packet_type in types {
        let name = packet_type.map_or("other", |it| it.name());
        let [client, server] = [Sender::Client, Sender::Server].map(|sender| {
            let volume = sums.packets.get(&(packet_type, sender));
            volume.map_or([String::new(), String::new()], numbers)
        });
        let ([a, b], [c, d]) = (client, server);
        let row = format!("  {name:12}{a:>12}{b:>14}{c:>12}{d:>14}");
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

fn numbers(volume: &Volume) -> [String; 2] {
    [volume.packets.to_string(), volume.bytes.to_string()]
}

/// "PUBLISH → PUBACK: 0.012345 s (#1 id 12 at 1.234567), ...; 120 in all, mean 0.001000 s"
fn waits_text(exchange: Exchange, waits: &Waits, times: Times) -> String {
    let longest = waits.longest.iter().map(|wait| {
        let Wait {
            time,
            connection,
            sent,
            packet_id,
        } = wait;
        let id = packet_id.map_or_else(String::new, |id| format!(" id {id}"));
        let sent = times.time(*sent);
        format!("{:.6} s (#{connection}{id} at {sent})", time.as_secs_f64())
    });
    let longest: Vec<String> = longest.collect();
    let Exchange { request, answer } = exchange;
    format!(
        "{request} → {answer}: {}; {} in all, mean {:.6} s",
        longest.join(", "),
        waits.number,
        waits.mean().as_secs_f64()
    )
}

/// The summary as an object.
pub fn statistics_object(sums: &Statistics, times: Times) -> Value {
    let total = sums.total();
    let packets = sums.packets.iter().map(|((packet_type, sender), volume)| {
        json!({
            "type": packet_type.map(|it| it.name()),
            "from": names::sender(*sender),
            "packets": volume.packets,
            "bytes": volume.bytes,
        })
    });
    let ends = sums.ends.iter();
    let ends: Map<String, Value> = ends
        .map(|(end, number)| (end_name(*end), (*number).into()))
        .collect();
    let violations = sums.violations().into_iter().map(|(statement, number)| {
        json!({
            "statement": statement.to_string(),
            "section": statement.section(),
            "rule": statement.rule(),
            "number": number,
        })
    });
    let acknowledgements = sums.waits.iter().map(|(exchange, waits)| {
        let slowest = waits.longest.iter().map(|wait| wait_object(wait, times));
        json!({
            "request": exchange.request.name(),
            "answer": exchange.answer.name(),
            "number": waits.number,
            "mean_seconds": waits.mean().as_secs_f64(),
            "slowest": slowest.collect::<Vec<_>>(),
        })
    });
    json!({
        "verdict": "summary",
        "packets": total.packets,
        "bytes": total.bytes,
        "seconds": sums.duration().map(|it| it.as_secs_f64()),
        "connections": sums.connections,
        "ended": ends,
        "by_type": packets.collect::<Vec<_>>(),
        "unread_bytes": sums.unread_bytes,
        "missing_bytes": sums.missing_bytes,
        "invalid": sums.invalid,
        "websocket": sums.websocket,
        "violations": violations.collect::<Vec<_>>(),
        "acknowledgements": acknowledgements.collect::<Vec<_>>(),
        "untimed": sums.untimed,
    })
}

fn wait_object(wait: &Wait, times: Times) -> Value {
    let mut object = json!({
        "seconds": wait.time.as_secs_f64(),
        "connection": wait.connection,
        "packet_id": wait.packet_id,
        "sent_at": wait.sent.time.as_secs_f64(),
    });
    if let (Times::Clock(_), Some(members)) = (times, object.as_object_mut()) {
        members.insert("time".into(), times.time(wait.sent).into());
    }
    object
}

fn end_name(end: End) -> String {
    match end {
        End::Disconnect(sender) => format!("by DISCONNECT from the {}", names::sender(sender)),
        End::Closed(Sender::Client) => String::from("closed by the client without DISCONNECT"),
        End::Closed(Sender::Server) => String::from("closed by the server"),
        End::Reset(sender) => format!("reset by the {}", names::sender(sender)),
        End::Failed => String::from("not forwarded: the server could not be reached"),
        End::Open => String::from("still open, or the end was not seen"),
    }
}
