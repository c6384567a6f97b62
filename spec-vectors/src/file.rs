//! The JSON files. They are part of the crate and its tests read all of them, so a file that cannot
//! be read is a fault of the crate.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use crate::{Breach, Conversation, Error, Expected, Field, Packet, Sent, Side, Version};

/// All files: path and text.
pub const ALL: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vectors.rs"));

pub fn packet(name: &'static str, text: &str) -> Packet {
    let file: PacketFile = parse(name, text);
    let [version] = file.versions;
    let expected = match (file.packet, file.error, file.neighbour) {
        (Some(packet), None, None) => Expected::Accept {
            packet,
            canonical: file.canonical,
        },
        (None, Some(error), Some(neighbour)) => Expected::Refuse {
            error: Error {
                kind: error.kind,
                offset: error.offset,
                field: error.field,
                reason_code: error.reason_code,
            },
            waiver: file.waiver,
            neighbour,
        },
        _ => panic!("{name}: neither a valid nor an invalid packet"),
    };
    Packet {
        name,
        comment: file.comment,
        version,
        sender: file.direction.into(),
        statements: file.statements,
        fields: file.wire.into_iter().map(Field::from).collect(),
        expected,
    }
}

pub fn conversation(name: &'static str, text: &str) -> Conversation {
    let file: ConversationFile = parse(name, text);
    let [version] = file.versions;
    let packets = file.packets.into_iter().map(|it| Sent {
        sender: it.from,
        milliseconds: it.milliseconds,
        fields: it.wire.into_iter().map(Field::from).collect(),
    });
    let breaches = file.breaches.into_iter().map(|it| Breach {
        packet: it.packet,
        kind: it.kind,
        side: it.from,
        statements: it.statements,
        reason_code: it.reason_code,
    });
    Conversation {
        name,
        comment: file.comment,
        version,
        statements: file.statements,
        waivers: file.waivers,
        packets: packets.collect(),
        breaches: breaches.collect(),
        neighbour: file.neighbour,
    }
}

fn parse<'a, T: Deserialize<'a>>(name: &str, text: &'a str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PacketFile {
    comment: String,
    versions: [Version; 1],
    direction: Direction,
    statements: Vec<String>,
    wire: Vec<FieldOfFile>,
    packet: Option<Value>,
    #[serde(default = "is_canonical")]
    canonical: bool,
    error: Option<ErrorOfFile>,
    waiver: Option<String>,
    neighbour: Option<String>,
}

/// The default, if the member is absent.
const fn is_canonical() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConversationFile {
    comment: String,
    versions: [Version; 1],
    #[serde(default)]
    statements: Vec<String>,
    #[serde(default)]
    waivers: Vec<String>,
    packets: Vec<SentOfFile>,
    #[serde(default)]
    breaches: Vec<BreachOfFile>,
    neighbour: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    ClientToServer,
    ServerToClient,
}

impl From<Direction> for Side {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::ClientToServer => Self::Client,
            Direction::ServerToClient => Self::Server,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorOfFile {
    kind: String,
    offset: usize,
    field: String,
    #[serde(default, deserialize_with = "code")]
    reason_code: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentOfFile {
    from: Side,
    milliseconds: Option<u64>,
    wire: Vec<FieldOfFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreachOfFile {
    packet: usize,
    kind: String,
    from: Side,
    statements: Vec<String>,
    #[serde(default, deserialize_with = "code")]
    reason_code: Option<u8>,
}

/// Hexadecimal digits and a label.
#[derive(Deserialize)]
struct FieldOfFile(#[serde(deserialize_with = "bytes")] Vec<u8>, String);

impl From<FieldOfFile> for Field {
    fn from(FieldOfFile(bytes, label): FieldOfFile) -> Self {
        Self { bytes, label }
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = String::deserialize(deserializer)?;
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<_> = pairs.map(byte).collect();
    bytes.ok_or_else(|| D::Error::custom(format!("{digits:?} is no hexadecimal number")))
}

/// A code such as `"0x81"`.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").unwrap_or_default();
    let code = u8::from_str_radix(digits, 16);
    code.map(Some)
        .map_err(|_| D::Error::custom(format!("{text:?} is no code")))
}
