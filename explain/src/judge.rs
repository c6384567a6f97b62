//! `mqtt-explain judge`: a verdict in JSON for each line of JSON.
//!
//! With it, tests in any language can compare another codec with this one. So nothing is hidden,
//! not even passwords.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use mqtt_wire::monitor::Breach;
use mqtt_wire::{DecodeError, Dialect, FrameRef, NextFrame, Packet, Waivers};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode_rules::{NeededWaivers, decode};
use crate::hex;
use crate::names::{read_sender, read_version};
use crate::report::json::{BreachObject, ErrorObject};
use crate::watch::{self, Beginning};

/// Writes an answer to each line of `input`. Returns whether all lines could be read.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> io::Result<bool> {
    let mut all_read = true;
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? != 0 {
        match Question::read(&line) {
            Ok(question) => serde_json::to_writer(&mut output, &question.answer())?,
            Err(unreadable) => {
                all_read = false;
                serde_json::to_writer(&mut output, &unreadable)?;
            }
        }
        output.write_all(b"\n")?;
        output.flush()?;
        line.clear();
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
    fn read(line: &[u8]) -> Result<Self, Unreadable> {
        let json: Value = serde_json::from_slice(line)
            .map_err(|error| Unreadable::new(Value::Null, format!("not JSON: {error}")))?;
        let id = json.get("id").cloned().unwrap_or_default();
        match read_packets(json) {
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
    #[serde(expecting = "an object")]
    struct Line {
        version: String,
        #[serde(default)]
        waivers: Vec<String>,
    }

    #[derive(Deserialize)]
    #[serde(expecting = "an object")]
    struct Piece {
        from: String,
        hex: String,
        milliseconds: Option<u64>,
    }

    let line = Line::deserialize(&json).map_err(|error| error.to_string())?;
    let version = read_version(&line.version)?;
    let mut waivers = Waivers::NONE;
    for name in &line.waivers {
        let waiver = Waivers::from_name(name).ok_or_else(|| format!("unknown waiver {name:?}"))?;
        waivers = waivers | waiver;
    }
    let sent = |piece: Piece| -> Result<Sent, String> {
        Ok(Sent {
            dialect: Dialect::new(version, read_sender(&piece.from)?).waiving(waivers),
            bytes: hex::decode(&piece.hex).ok_or("bad hex")?,
            time: piece.milliseconds.map(Duration::from_millis),
        })
    };
    if let Some(packets) = json.get("packets") {
        let pieces = Vec::<Piece>::deserialize(packets).map_err(|error| error.to_string())?;
        let packets = pieces.into_iter().map(sent).collect::<Result<_, _>>()?;
        return Ok(Packets::Conversation(packets));
    }
    let piece = Piece::deserialize(&json).map_err(|error| error.to_string())?;
    let Sent { dialect, bytes, .. } = sent(piece)?;
    Ok(Packets::One(dialect, bytes))
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
    fn answers_every_line() {
        let lines = [
            r#"{"id":1,"version":"3.1.1","from":"client","hex":"c000"}"#,
            "not json",
            "",
            r#"{"id":2,"version":"4","from":"client","hex":"c000"}"#,
            r#"{"id":3,"version":"3.1.1","hex":"c000"}"#,
            r#"{"id":4,"version":"3.1.1","from":"client","hex":"c00"}"#,
            r#"{"id":5,"version":"3.1.1","from":"client","hex":"zz"}"#,
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
            (Value::Null, "error"),
            (id(2), "error"),
            (id(3), "error"),
            (id(4), "error"),
            (id(5), "error"),
            (Value::Null, "error"),
            (Value::Null, "incomplete"),
        ];
        assert_eq!(verdicts, expected);
        assert!(answers[4]["message"].as_str().unwrap().contains("from"));
    }
}
