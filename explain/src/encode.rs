//! `mqtt-explain encode`: from JSON back to bytes.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use mqtt_wire::{Dialect, EncodeError, Sender, Version};
use mqtt_wire_testkit as model;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::{EncodeOptions, UNUSABLE};
use crate::files::{read_file, read_stdin};
use crate::hex;
use crate::json_input::{self, UniqueMembers};
use crate::names::{read_sender, read_version};

/// Encodes all packets of the input. Returns the exit status.
pub fn run(options: &EncodeOptions) -> io::Result<ExitCode> {
    let text = match &options.input {
        Some(path) if path.as_os_str() != "-" => read_file(path)?,
        _ => read_stdin()?,
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

/// Writes all packets up to the first one that cannot be encoded: without it, the packets after it
/// could have another meaning.
fn encode_all(
    text: &[u8],
    options: &EncodeOptions,
    out: &mut impl Write,
) -> Result<(), (String, Fault)> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<UniqueMembers>();
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
            Some(Err(error)) => {
                let place = format!("line {}", error.line());
                return Err((place, Fault::Unreadable(json_input::describe(&error))));
            }
            Some(Ok(UniqueMembers(Value::Array(items)))) => items,
            Some(Ok(UniqueMembers(value))) => {
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

fn encode_one(json: Value, options: &EncodeOptions, out: &mut impl Write) -> Result<(), Fault> {
    let Some(sent) = Sent::read(json, options)? else {
        return Ok(());
    };
    let dialect = sent.dialect(options)?;
    let bytes = sent.packet.encode(dialect).map_err(Fault::Refused)?;
    let written = if options.hex {
        writeln!(out, "{}", hex::encode(&bytes))
    } else {
        out.write_all(&bytes)
    };
    written.map_err(Fault::Output)
}

/// The verdicts of lines about whole connections, which hold no packet.
const OF_CONNECTIONS: [&str; 5] = ["opened", "open", "closed", "ended", "capture"];

/// A packet, and the version and side that its JSON names.
struct Sent {
    packet: model::Packet,
    version: Option<Version>,
    sender: Option<Sender>,
}

impl Sent {
    /// Reads a packet, or an object that contains one, as `--json` and `judge` write it. Returns
    /// `None` for a packet of the side that is not wanted, and for a line about a connection.
    fn read(json: Value, options: &EncodeOptions) -> Result<Option<Self>, Fault> {
        if json.get("type").is_some() {
            let packet = read_packet(json, "")?;
            return Ok(Some(Self {
                packet,
                version: None,
                sender: None,
            }));
        }
        let neither = || {
            let message = "expected a packet, or an object with the member `packet`";
            Fault::Unreadable(message.to_owned())
        };
        let Value::Object(mut members) = json else {
            return Err(neither());
        };
        let packet = members.remove("packet").filter(|it| !it.is_null());
        if packet.is_some() {
            refuse_others(&members, &MEMBERS, "")?;
        }
        let verdict = members.get("verdict").and_then(Value::as_str);
        let verdict = verdict.map(String::from);
        let (path, names) = match members.remove("dialect") {
            Some(Value::Object(names)) => ("dialect.", names),
            _ => ("", members),
        };
        if !path.is_empty() {
            refuse_others(&names, &["version", "from"], path)?;
        }
        let unreadable = |message| Fault::Unreadable(format!("{path}{message}"));
        let names: Names = json_input::read(names.into(), "").map_err(unreadable)?;
        let in_member = |name, problem| unreadable(format!("{name}: {problem}"));
        let version = names.version.as_deref().map(read_version).transpose();
        let version = version.map_err(|problem| in_member("version", problem))?;
        let sender = names.from.as_deref().map(read_sender).transpose();
        let sender = sender.map_err(|problem| in_member("from", problem))?;
        let wanted = options.from.map(Sender::from);
        if sender.is_some() && wanted.is_some() && sender != wanted {
            return Ok(None);
        }
        match (packet, verdict) {
            (Some(packet), _) => Ok(Some(Self {
                packet: read_packet(packet, "packet")?,
                version,
                sender,
            })),
            (None, Some(verdict)) if OF_CONNECTIONS.contains(&verdict.as_str()) => Ok(None),
            (None, Some(verdict)) => Err(Fault::NoPacket(verdict)),
            (None, None) => Err(neither()),
        }
    }

    fn dialect(&self, options: &EncodeOptions) -> Result<Dialect, Fault> {
        let of_connect = match &self.packet {
            model::Packet::Connect(connect) => Some(connect.version),
            _ => None,
        };
        let version = self.version.or(of_connect).or(options.mqtt);
        let version = version.ok_or(Fault::Missing("unknown version; use --mqtt"))?;
        let sides = [Sender::Client, Sender::Server].map(|side| Dialect::new(version, side));
        let packet_type = self.packet.packet_type();
        let sender = self.sender.or(options.from.map(Sender::from));
        match (sender, sides.map(|side| packet_type.is_sent_in(side))) {
            (Some(sender), _) => Ok(Dialect::new(version, sender)),
            (None, [true, true]) => Err(Fault::Missing("unknown sender; use --from")),
            (None, [false, true]) => Ok(Dialect::from_server(version)),
            // or neither side, which is an error of the encoder
            (None, [_, false]) => Ok(Dialect::from_client(version)),
        }
    }
}

/// The members that `--json` and `judge` write beside "packet".
const MEMBERS: [&str; 17] = [
    "dialect",
    "version",
    "from",
    "id",
    "verdict",
    "error",
    "reencoded",
    "rest",
    "waived",
    "breaches",
    "fields",
    "stream_offset",
    "length",
    "connection",
    "capture_packet",
    "seconds",
    "number",
];

fn refuse_others(members: &Map<String, Value>, known: &[&str], path: &str) -> Result<(), Fault> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Fault::Unreadable(format!(
            "{path}{name}: unknown member `{name}`"
        ))),
        None => Ok(()),
    }
}

/// The version and side of a packet.
#[derive(Deserialize)]
struct Names {
    version: Option<String>,
    from: Option<String>,
}

fn read_packet(json: Value, path: &str) -> Result<model::Packet, Fault> {
    json_input::read(json, path).map_err(|mut message| {
        if message.contains("\"hidden (") {
            message.push_str(" (write the JSON with --show-secrets)");
        }
        Fault::Unreadable(message)
    })
}

/// Why a packet was not written.
#[derive(Debug)]
enum Fault {
    Unreadable(String),
    Missing(&'static str),
    NoPacket(String),
    Refused(EncodeError),
    Output(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(message) => f.write_str(message),
            Self::Missing(message) => f.write_str(message),
            Self::NoPacket(verdict) => write!(f, "nothing to encode: the verdict is {verdict:?}"),
            Self::Refused(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
        }
    }
}
