//! What a capture has besides the connections that were shown.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::hidden::{Hidden, hidden as write_hidden};
use super::style::{FAINT, UNSURE, paint};
use crate::capture::{Damage, Skipped};
use crate::text::count;

/// The connections of a capture, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectionCount {
    pub of_mqtt: u64,
    pub other: u64,
}

/// Writes which connections and packets were not read, and how many the filter hides.
pub fn not_read(
    out: &mut dyn Write,
    connections: ConnectionCount,
    hidden: Hidden,
    skipped: &Skipped,
    damage: Option<Damage>,
) -> io::Result<()> {
    let ConnectionCount { of_mqtt, other } = connections;
    let mut not_read = not_read_packets(skipped);
    not_read.extend(damage.map(not_read_rest));
    let has_more = other > 0 || !not_read.is_empty() || hidden.is_any();
    if of_mqtt > 0 && has_more {
        writeln!(out)?;
    }
    write_hidden(out, hidden)?;
    if of_mqtt == 0 {
        let see = if other > 0 { " (see --port)" } else { "" };
        let text = match other {
            0 => String::from("no TCP connection in this capture\n"),
            _ => format!("no connection with MQTT in this capture{see}\n"),
        };
        paint(out, FAINT, &text)?;
    }
    if other > 0 {
        let text = format!("{} without MQTT\n", count(other, "TCP connection"));
        paint(out, FAINT, &text)?;
    }
    for text in not_read {
        paint(out, UNSURE, &format!("not read: {text}\n"))?;
    }
    Ok(())
}

/// The same as an object.
pub fn not_read_object(
    packets: u64,
    connections: ConnectionCount,
    skipped: &Skipped,
    damage: Option<Damage>,
) -> Value {
    let links = skipped.unknown_link.iter();
    let links: serde_json::Map<String, Value> = links
        .map(|(link, number)| (link.to_string(), json!(number)))
        .collect();
    json!({
        "verdict": "capture", "packets": packets,
        "connections": {
            "mqtt": connections.of_mqtt, "other": connections.other,
        },
        "not_read": {
            "udp": skipped.udp, "fragments": skipped.fragments, "malformed": skipped.malformed,
            "encrypted": skipped.encrypted, "links": links,
            "other_protocols": skipped.other_protocol,
            "damage": damage.map(|it| json!({
                "record": it.record, "offset": it.offset,
                "kind": if it.is_cut { "cut" } else { "invalid" },
            })),
        },
    })
}

fn not_read_rest(damage: Damage) -> String {
    let Damage {
        record,
        offset,
        is_cut,
    } = damage;
    if is_cut {
        format!("record {record} at byte {offset}, because the file ends inside it")
    } else {
        format!("the file from byte {offset} on, because record {record} is invalid")
    }
}

fn not_read_packets(skipped: &Skipped) -> Vec<String> {
    let Skipped {
        other_protocol,
        udp,
        fragments,
        malformed,
        encrypted,
        unknown_link,
        // the user has asked for it
        other_port: _,
    } = skipped;
    let mut texts = Vec::new();
    for (link, number) in unknown_link {
        let packets = count(*number, "packet");
        texts.push(format!("{packets} from links of type {link}"));
    }
    let mut add = |number: u64, noun: &str, text: &str| {
        if number > 0 {
            texts.push(format!("{}{text}", count(number, noun)));
        }
    };
    add(*encrypted, "packet", " that Wi-Fi encrypts");
    add(*udp, "UDP packet", " on a port of MQTT");
    let text = " of IP packets whose other fragments are not in the capture";
    add(*fragments, "fragment", text);
    let text = " whose headers are cut off or wrong";
    add(*malformed, "packet", text);
    add(*other_protocol, "packet", " of other protocols than TCP");
    texts
}
