//! `mqtt-explain judge`: a verdict in JSON for each line of JSON.
//!
//! With it, tests in any language can compare another codec with this one. So nothing is hidden,
//! not even passwords.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use mqtt_wire::monitor::Breach;
use mqtt_wire::{DecodeError, Dialect, FrameRef, NextFrame, Packet, Sender, Waivers};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decode_rules::{NeededWaivers, decode};
use crate::hex;
use crate::json_input::{self, UniqueMembers};
use crate::names::{read_sender, read_version};
use crate::report::json::{BreachObject, ErrorObject};
use crate::watch::{self, Beginning};

/// Writes an answer to each line of `input` that is not blank. Returns whether all of them could be
/// read.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> io::Result<bool> {
    let mut all_read = true;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match Question::read(number, &line) {
            Ok(question) => serde_json::to_writer(&mut output, &question.answer())?,
            Err(unreadable) => {
                all_read = false;
                serde_json::to_writer(&mut output, &unreadable)?;
            }
        }
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(all_read)
}

/// A line of the input: a packet, or a conversation.
struct Question {
    id: Value,
    packets: Packets,
}

enum Packets {
    One(Dialect, Vec<u8>),
    Conversation(Vec<Sent>),
}

/// A packet of a conversation.
struct Sent {
    dialect: Dialect,
    bytes: Vec<u8>,
    time: Option<Duration>,
}

impl Question {
    fn read(number: u64, line: &[u8]) -> Result<Self, Unreadable> {
        // the answer needs the id even if something is wrong
        let id = serde_json::from_slice(line).ok();
        let id = id.and_then(|json: Value| json.get("id").cloned());
        let id = id.unwrap_or_default();
        let packets = match serde_json::from_slice(line) {
            Ok(UniqueMembers(json)) => {
                read_packets(json).map_err(|message| format!("line {number}: {message}"))
            }
            Err(error) => Err(format!("line {number}, {}", json_input::describe(&error))),
        };
        match packets {
            Ok(packets) => Ok(Self { id, packets }),
            Err(message) => Err(Unreadable::new(id, message)),
        }
    }

    fn answer(&self) -> Answer<'_> {
        match &self.packets {
            Packets::One(dialect, bytes) => {
                Answer::Packet(PacketAnswer::new(&self.id, *dialect, bytes))
            }
            Packets::Conversation(packets) => {
                Answer::Conversation(ConversationAnswer::new(&self.id, packets))
            }
        }
    }
}

fn read_packets(json: Value) -> Result<Packets, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct PacketLine {
        #[serde(rename = "id")]
        _id: Option<Value>,
        version: String,
        #[serde(default)]
        waivers: Vec<String>,
        from: String,
        hex: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ConversationLine {
        #[serde(rename = "id")]
        _id: Option<Value>,
        version: String,
        #[serde(default)]
        waivers: Vec<String>,
        packets: Vec<Map<String, Value>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Piece {
        from: String,
        hex: String,
        milliseconds: Option<u64>,
    }

    if !json.is_object() {
        return Err(String::from("expected an object"));
    }
    let at = |place: &str, problem: String| format!("{place}: {problem}");
    if json.get("packets").is_none() {
        let line: PacketLine = json_input::read(json, "")?;
        let dialect = read_dialect(&line.version, &line.waivers)?;
        let sender = read_sender(&line.from).map_err(|problem| at("from", problem))?;
        let bytes = hex::decode(&line.hex).ok_or_else(|| at("hex", hex::problem(&line.hex)))?;
        return Ok(Packets::One(dialect(sender), bytes));
    }
    let line: ConversationLine = json_input::read(json, "")?;
    let dialect = read_dialect(&line.version, &line.waivers)?;
    let sent = |(index, piece): (usize, Map<String, Value>)| -> Result<Sent, String> {
        let piece: Piece = json_input::read(piece.into(), &format!("packets[{index}]"))?;
        let at = |member, problem| at(&format!("packets[{index}].{member}"), problem);
        let sender = read_sender(&piece.from).map_err(|problem| at("from", problem))?;
        let bytes = hex::decode(&piece.hex).ok_or_else(|| at("hex", hex::problem(&piece.hex)))?;
        Ok(Sent {
            dialect: dialect(sender),
            bytes,
            time: piece.milliseconds.map(Duration::from_millis),
        })
    };
    let packets = line.packets.into_iter().enumerate().map(sent);
    packets.collect::<Result<_, _>>().map(Packets::Conversation)
}

/// The dialect of each side.
fn read_dialect(version: &str, waivers: &[String]) -> Result<impl Fn(Sender) -> Dialect, String> {
    let version = read_version(version).map_err(|problem| format!("version: {problem}"))?;
    let mut waived = Waivers::NONE;
    for (index, name) in waivers.iter().enumerate() {
        let unknown = || format!("waivers[{index}]: unknown waiver {name:?}");
        waived = waived | Waivers::from_name(name).ok_or_else(unknown)?;
    }
    Ok(move |sender| Dialect::new(version, sender).waiving(waived))
}

#[derive(Serialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant)] // there is one at a time
enum Answer<'a> {
    Packet(PacketAnswer<'a>),
    Conversation(ConversationAnswer<'a>),
}

#[derive(Serialize)]
struct PacketAnswer<'a> {
    id: &'a Value,
    verdict: &'static str,
    error: Option<ErrorObject>,
    packet: Option<Packet<'a>>,
    reencoded: Option<String>,
    rest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waived: Vec<ErrorObject>,
}

impl<'a> PacketAnswer<'a> {
    fn new(id: &'a Value, dialect: Dialect, bytes: &'a [u8]) -> Self {
        let mut answer = Self {
            id,
            verdict: "incomplete",
            error: None,
            packet: None,
            reencoded: None,
            rest: String::new(),
            waived: Vec::new(),
        };
        let refuse = |answer, error| Self {
            verdict: "reject",
            error: Some(error_object(error, bytes, dialect)),
            ..answer
        };
        let frame = match FrameRef::split(bytes, dialect, u32::MAX) {
            Ok(NextFrame::Frame(frame)) => frame,
            Ok(NextFrame::NeedMore(_)) => return answer,
            Err(error) => return refuse(answer, error),
        };
        let rest = bytes.get(frame.bytes().len()..).unwrap_or_default();
        answer.rest = hex::encode(rest);
        let mut waived = Vec::new();
        let decoded = decode(frame, dialect, &mut waived);
        answer.waived = waived.into_iter().map(ErrorObject::of_waived).collect();
        let packet = match decoded {
            Ok(packet) => packet,
            Err(error) => return refuse(answer, error),
        };
        let mut again = Vec::new();
        answer.verdict = "accept";
        answer.reencoded = match packet.encode(dialect, &mut again) {
            Ok(_) => Some(hex::encode(&again)),
            Err(_) => None,
        };
        answer.packet = Some(packet);
        answer
    }
}

#[derive(Serialize)]
struct ConversationAnswer<'a> {
    id: &'a Value,
    verdict: &'static str,
    breaches: Vec<At<BreachObject>>,
    error: Option<At<ErrorObject>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waived: Vec<At<ErrorObject>>,
}

/// Something about one of several packets.
#[derive(Serialize)]
struct At<T> {
    packet: usize,
    #[serde(flatten)]
    what: T,
}

impl<'a> ConversationAnswer<'a> {
    fn new(id: &'a Value, packets: &[Sent]) -> Self {
        let mut monitor = watch::monitor(Beginning::Seen);
        let mut breaches = Vec::new();
        let mut waived = Vec::new();
        let mut refused = None;
        for (packet, sent) in packets.iter().enumerate() {
            let Sent { dialect, bytes, .. } = sent;
            let mut waived_here = Vec::new();
            let decoded = decode_whole(bytes, *dialect, &mut waived_here);
            waived.extend(waived_here.into_iter().map(|error| At {
                packet,
                what: ErrorObject::of_waived(error),
            }));
            let decoded = match decoded {
                Ok(decoded) => decoded,
                Err(error) => {
                    let what = error_object(error, bytes, *dialect);
                    refused = Some(At { packet, what });
                    break;
                }
            };
            let report = |breach: Breach| {
                let what = (&breach).into();
                breaches.push(At { packet, what });
            };
            match sent.time {
                Some(time) => monitor.observe_at(time, *dialect, &decoded, bytes.len(), report),
                None => monitor.observe(*dialect, &decoded, bytes.len(), report),
            }
        }
        let is_good = breaches.is_empty() && refused.is_none();
        Self {
            id,
            verdict: if is_good { "accept" } else { "reject" },
            breaches,
            error: refused,
            waived,
        }
    }
}

/// Decodes bytes that must be exactly one packet.
fn decode_whole<'a>(
    bytes: &'a [u8],
    dialect: Dialect,
    waived: &mut Vec<DecodeError>,
) -> Result<Packet<'a>, DecodeError> {
    match FrameRef::split(bytes, dialect, u32::MAX)? {
        NextFrame::Frame(frame) if frame.bytes().len() == bytes.len() => {
            decode(frame, dialect, waived)
        }
        // the error names the missing or surplus bytes
        NextFrame::Frame(_) | NextFrame::NeedMore(_) => Packet::decode(bytes, dialect),
    }
}

/// The error with which `dialect` refuses the packet at the beginning of `bytes`.
fn error_object(error: DecodeError, bytes: &[u8], dialect: Dialect) -> ErrorObject {
    ErrorObject::new(error, NeededWaivers::find(error, bytes, dialect).first)
}

/// The answer to a line that could not be read.
#[derive(Serialize)]
struct Unreadable {
    id: Value,
    verdict: &'static str,
    message: String,
}

impl Unreadable {
    fn new(id: Value, message: String) -> Self {
        Self {
            id,
            verdict: "error",
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(lines: &str) -> (Vec<Value>, bool) {
        let mut output = Vec::new();
        let all_read = run(lines.as_bytes(), &mut output).unwrap();
        let answers = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (answers, all_read)
    }

    #[test]
    fn accepts_and_reencodes() {
        let (answers, all_read) =
            ask(r#"{"id":[1,"x"],"version":"5.0","from":"client","hex":"400400010000c0"}"#);
        assert!(all_read);
        let expected = serde_json::json!({
            "id": [1, "x"], "verdict": "accept", "error": null,
            "packet": {"type": "PUBACK", "packet_id": 1, "reason_code": "0x00"},
            "reencoded": "40020001", "rest": "c0",
        });
        assert_eq!(answers, [expected]);
    }

    #[test]
    fn cites_the_statement_of_the_version() {
        let connect = "100d00044d515454040a003c000170";
        let (answers, _) = ask(&format!(
            "{{\"id\":1,\"version\":\"3.1.1\",\"from\":\"client\",\"hex\":\"{connect}\"}}\n\
             {{\"id\":2,\"version\":\"5.0\",\"from\":\"client\",\"hex\":\"{connect}\"}}"
        ));
        let expected = serde_json::json!({
            "kind": "WillQosWithoutWill", "offset": 9, "field": "Connect Flags",
            "statement": "v3.1.1 MQTT-3.1.2-13",
            "statements": ["v3.1.1 MQTT-3.1.2-13", "v3.1.1 MQTT-3.1.2-11"],
            "reason_code": null, "waiver": "WILL_FLAGS",
        });
        assert_eq!(answers[0]["error"], expected);
        assert_eq!(answers[1]["error"]["kind"], "UnsupportedProtocolLevel");
        assert_eq!(answers[1]["error"]["reason_code"], "0x84");
    }

    #[test]
    fn uses_return_codes_before_5_0() {
        let (answers, _) = ask(
            r#"{"id":1,"version":"3.1.1","from":"client","hex":"100c00044d5154540400003c0000"}"#,
        );
        assert_eq!(answers[0]["error"]["kind"], "EmptyClientId");
        assert_eq!(answers[0]["error"]["reason_code"], "0x02");
    }

    #[test]
    fn recognises_incomplete_packets() {
        let (answers, all_read) =
            ask(r#"{"id":1,"version":"3.1.1","from":"client","hex":"300a0003"}"#);
        assert!(all_read);
        assert_eq!(answers[0]["verdict"], "incomplete");
        assert_eq!(answers[0]["error"], Value::Null);
    }

    #[test]
    fn answers_every_line_that_is_not_blank() {
        let lines = [
            r#"{"id":1,"version":"3.1.1","from":"client","hex":"c000"}"#,
            "not json",
            "",
            r#"{"id":2,"version":"4","from":"client","hex":"c000"}"#,
            r#"{"id":3,"version":"3.1.1","from":"client","hex":"zz"}"#,
            r#"[6]"#,
            r#"{"version":"3.1.1","from":"client","hex":""}"#,
        ];
        let (answers, all_read) = ask(&lines.join("\n"));
        assert!(!all_read);
        let verdicts: Vec<_> = answers
            .iter()
            .map(|answer| (answer["id"].clone(), answer["verdict"].as_str().unwrap()))
            .collect();
        let id = |id: i32| Value::from(id);
        let expected = [
            (id(1), "accept"),
            (Value::Null, "error"),
            (id(2), "error"),
            (id(3), "error"),
            (Value::Null, "error"),
            (Value::Null, "incomplete"),
        ];
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn names_the_place_of_a_mistake() {
        for (line, message) in [
            ("not json", ", column 2: not JSON: expected ident"),
            ("[6]", ": expected an object"),
            (
                r#"{"version":"5.0","packets":[["client","c000",null]]}"#,
                ": packets[0]: invalid type: sequence, expected an object",
            ),
            (
                r#"{"version":"5.0","from":"client","hex":"c000","hex":"d000"}"#,
                ", column 51: duplicate member `hex`",
            ),
            (
                r#"{"version":"5.0","from":"client","hxe":"c000"}"#,
                ": hxe: unknown member `hxe`, expected one of `id`, `version`, `waivers`, `from`, `hex`",
            ),
            (
                r#"{"version":"5.0","hex":"c000"}"#,
                ": missing member `from`",
            ),
            (
                r#"{"version":"4","from":"client","hex":"c000"}"#,
                r#": version: unknown version "4""#,
            ),
            (
                r#"{"version":"5.0","from":"broker","hex":"c000"}"#,
                r#": from: unknown sender "broker""#,
            ),
            (
                r#"{"version":"5.0","from":"client","hex":7}"#,
                ": hex: invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"version":"5.0","from":"client","hex":"c0 00"}"#,
                ": hex: ' ' at character 2 is not a hex digit",
            ),
            (
                r#"{"version":"5.0","from":"client","hex":"c00"}"#,
                ": hex: an odd number of hex digits",
            ),
            (
                r#"{"version":"5.0","waivers":["ACK_FLAGS","X"],"from":"client","hex":"c000"}"#,
                r#": waivers[1]: unknown waiver "X""#,
            ),
            (
                r#"{"version":"5.0","from":"client","packets":[]}"#,
                ": from: unknown member `from`, expected one of `id`, `version`, `waivers`, `packets`",
            ),
            (
                r#"{"version":"5.0","packets":[{"from":"client","hex":"c000","time":1}]}"#,
                ": packets[0].time: unknown member `time`, expected one of `from`, `hex`, `milliseconds`",
            ),
            (
                r#"{"version":"5.0","packets":[{"from":"client","hex":"c000"},{"from":"x","hex":""}]}"#,
                r#": packets[1].from: unknown sender "x""#,
            ),
            (
                r#"{"version":"5.0","packets":[{"from":"client","hex":"zz"}]}"#,
                ": packets[0].hex: 'z' at character 0 is not a hex digit",
            ),
            (
                r#"{"version":"5.0","packets":[7]}"#,
                ": packets[0]: invalid type: integer `7`, expected an object",
            ),
        ] {
            // the blank lines have no answers, and count
            let (answers, _) = ask(&format!("\n \n{line}\n"));
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0]["message"], format!("line 3{message}"));
        }
    }
}
