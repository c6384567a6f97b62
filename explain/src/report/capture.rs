//! What a capture has besides the connections that were shown.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::style::{FAINT, UNSURE, paint};
use crate::capture::Skipped;

/// The connections of a capture, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectionCount {
    pub of_mqtt: u64,
    pub other: u64,
}

/// Writes which connections and packets were not read.
pub fn not_read(
    out: &mut dyn Write,
    connections: ConnectionCount,
    skipped: &Skipped,
) -> io::Result<()> {
    let ConnectionCount { of_mqtt, other } = connections;
    let packets = not_read_packets(skipped);
    if of_mqtt > 0 && (other > 0 || !packets.is_empty()) {
        writeln!(out)?;
    }
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
    for text in packets {
        paint(out, UNSURE, &format!("not read: {text}\n"))?;
    }
    Ok(())
}

/// The same as an object.
pub fn not_read_object(packets: u64, connections: ConnectionCount, skipped: &Skipped) -> Value {
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
        },
    })
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

fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
