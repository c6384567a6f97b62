//! `mqtt-explain encode`: from JSON back to bytes.

use std::fmt;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mqtt_wire::{Dialect, EncodeError, Sender, Version};
use mqtt_wire_testkit as model;
use serde::Deserialize;
use serde_json::Value;

use crate::judge::{encode_hex, read_sender, read_version};
use crate::{Side, UNUSABLE, parse_version, read_file};

#[derive(Args)]
pub struct Options {
    /// A file of JSON; without it, or with `-`, the standard input is read
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,

    /// The version of packets that do not name theirs: 3.1, 3.1.1 or 5.0
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    mqtt: Option<Version>,

    /// Only what this side sends; it sends the packets that do not name their sender
    #[arg(long, value_name = "SIDE")]
    from: Option<Side>,

    /// A line of hex for each packet
    #[arg(long)]
    hex: bool,
}

pub fn run(options: &Options) -> io::Result<ExitCode> {
    let text = match &options.input {
        Some(path) if path.as_os_str() != "-" => read_file(path)?,
        _ => {
            let mut text = Vec::new();
            io::stdin().lock().read_to_end(&mut text)?;
            text
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let done = encode_all(&text, options, &mut out);
    out.flush()?;
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err((_, Fault::Output(error))) => Err(error),
        Err((place, fault)) => {
            eprintln!("mqtt-explain: {place}: {fault}");
            Ok(ExitCode::from(match fault {
                Fault::Refused(_) | Fault::NoPacket(_) => 1,
                _ => UNUSABLE,
            }))
        }
    }
}

/// Writes all packets, up to the first that cannot be: behind a hole the rest would mean
/// something else.
fn encode_all(text: &[u8], options: &Options, out: &mut impl Write) -> Result<(), (String, Fault)> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
    loop {
        let end_of_last = values.byte_offset();
        let line = || {
            let rest = text.get(end_of_last..).unwrap_or_default();
            let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
            let before = text.iter().take(end_of_last + space.count());
            let lines = 1 + before.filter(|byte| **byte == b'\n').count();
            format!("line {lines}")
        };
        let items = match values.next() {
            None => return Ok(()),
            Some(Err(error)) => return Err((line(), Fault::NotJson(error))),
            Some(Ok(Value::Array(items))) => items,
            Some(Ok(value)) => {
                encode_one(value, options, out).map_err(|fault| (line(), fault))?;
                continue;
            }
        };
        for (index, item) in items.into_iter().enumerate() {
            let place = |fault| (format!("{}, item {index}", line()), fault);
            encode_one(item, options, out).map_err(place)?;
        }
    }
}

fn encode_one(json: Value, options: &Options, out: &mut impl Write) -> Result<(), Fault> {
    let Some(sent) = Sent::read(json, options)? else {
        return Ok(());
    };
    let dialect = sent.dialect(options)?;
    let bytes = sent.packet.encode(dialect).map_err(Fault::Refused)?;
    let written = match options.hex {
        true => writeln!(out, "{}", encode_hex(&bytes)),
        false => out.write_all(&bytes),
    };
    written.map_err(Fault::Output)
}

/// A packet and what its JSON says about it.
struct Sent {
    packet: model::Packet,
    version: Option<Version>,
    sender: Option<Sender>,
}

impl Sent {
    /// Reads a packet, or an object with one as `--json` and `judge` write it; none if the other
    /// side sends it.
    fn read(json: Value, options: &Options) -> Result<Option<Self>, Fault> {
        #[derive(Deserialize)]
        struct Names {
            version: Option<String>,
            from: Option<String>,
        }

        if json.get("type").is_some() {
            let packet = read_packet(json, "")?;
            return Ok(Some(Self {
                packet,
                version: None,
                sender: None,
            }));
        }
        let neither = || {
            let message = "neither a packet nor an object with the member `packet`";
            Fault::Unreadable(message.to_owned())
        };
        if !json.is_object() {
            return Err(neither());
        }
        let names = json.get("dialect").unwrap_or(&json);
        let names =
            Names::deserialize(names).map_err(|error| Fault::Unreadable(error.to_string()))?;
        let version = names.version.as_deref().map(read_version).transpose();
        let version = version.map_err(Fault::Unreadable)?;
        let sender = names.from.as_deref().map(read_sender).transpose();
        let sender = sender.map_err(Fault::Unreadable)?;
        if sender.is_some() && options.sender().is_some_and(|side| Some(side) != sender) {
            return Ok(None);
        }
        let verdict = json
            .get("verdict")
            .and_then(Value::as_str)
            .map(String::from);
        let packet = match json {
            Value::Object(mut members) => members.remove("packet"),
            _ => None,
        };
        match (packet, verdict) {
            (Some(packet), _) if !packet.is_null() => Ok(Some(Self {
                packet: read_packet(packet, "packet.")?,
                version,
                sender,
            })),
            (_, Some(verdict)) => Err(Fault::NoPacket(verdict)),
            _ => Err(neither()),
        }
    }

    fn dialect(&self, options: &Options) -> Result<Dialect, Fault> {
        let of_connect = match &self.packet {
            model::Packet::Connect(connect) => Some(connect.version),
            _ => None,
        };
        let version = self.version.or(of_connect).or(options.mqtt);
        let version = version.ok_or(Fault::Missing("the version is not known: see --mqtt"))?;
        let sides = [Sender::Client, Sender::Server].map(|side| Dialect::new(version, side));
        let packet_type = self.packet.packet_type();
        let sender = self.sender.or(options.sender());
        match (sender, sides.map(|side| packet_type.is_sent_in(side))) {
            (Some(sender), _) => Ok(Dialect::new(version, sender)),
            (None, [true, true]) => Err(Fault::Missing("who sends it is not known: see --from")),
            (None, [false, true]) => Ok(Dialect::from_server(version)),
            // or nobody, which will be told
            (None, [_, false]) => Ok(Dialect::from_client(version)),
        }
    }
}

impl Options {
    fn sender(&self) -> Option<Sender> {
        self.from.map(Sender::from)
    }
}

fn read_packet(json: Value, place: &str) -> Result<model::Packet, Fault> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let place = match path.as_str() {
            "." => place.trim_end_matches('.').to_owned(),
            path => format!("{place}{path}"),
        };
        let error = error.into_inner().to_string();
        let hint = match error.contains("\"hidden (") {
            true => " (--show-secrets writes it)",
            false => "",
        };
        Fault::Unreadable(match place.as_str() {
            "" => format!("{error}{hint}"),
            place => format!("{place}: {error}{hint}"),
        })
    })
}

/// Why a packet was not written.
#[derive(Debug)]
enum Fault {
    NotJson(serde_json::Error),
    Unreadable(String),
    Missing(&'static str),
    NoPacket(String),
    Refused(EncodeError),
    Output(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => write!(f, "not JSON: {error}"),
            Self::Unreadable(message) => f.write_str(message),
            Self::Missing(message) => f.write_str(message),
            Self::NoPacket(verdict) => write!(f, "there is no packet: the verdict is {verdict:?}"),
            Self::Refused(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
        }
    }
}
