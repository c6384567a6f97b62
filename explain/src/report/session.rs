//! The lines about one connection, live or from a capture.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use mqtt_wire::Sender;
use mqtt_wire::will::WillFate;
use serde_json::{Value, json};

use super::connection::{not_mqtt, totals, will};
use super::json;
use super::line::{arrow, event};
use super::style::{BAD, FAINT, UNSURE, paint};
use super::view::View;
use super::websocket::{self, notice_object};
use crate::event::{Event, LiveEvent, Missing, Totals, Unread};
use crate::names;
use crate::will::Outcome;

/// The names of a connection.
#[derive(Debug, Clone)]
pub struct Name {
    pub number: u64,
    pub client: String,
    pub server: String,
}

/// When something happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    pub time: Duration,
    /// The number of the packet in the capture.
    pub packet: Option<u64>,
}

/// How a connection is left.
pub struct Closing<'a> {
    pub totals: &'a Totals,
    pub will: Option<Outcome<'a>>,
    /// It has ended, as opposed to the capture.
    pub has_ended: bool,
    /// Words after the totals.
    pub note: String,
}

/// Writes lines about a connection.
pub struct Lines<'a> {
    out: &'a mut dyn Write,
    name: &'a Name,
    view: View,
    is_json: bool,
}

impl<'a> Lines<'a> {
    pub fn new(out: &'a mut dyn Write, name: &'a Name, view: View, is_json: bool) -> Self {
        Self {
            out,
            name,
            view,
            is_json,
        }
    }

    pub fn opened(&mut self, at: Moment) -> io::Result<()> {
        if self.is_json {
            return self.object(at, json!({"verdict": "opened"}));
        }
        let Name {
            number,
            client,
            server,
        } = self.name;
        writeln!(self.out, "#{number}  {client} → {server}")
    }

    pub fn live_event(&mut self, at: Moment, event: &LiveEvent<'_>) -> io::Result<()> {
        let (sender, verdict, length, text) = match event {
            LiveEvent::Packet(event) => return self.packet(at, event),
            LiveEvent::Bytes { .. } => return Ok(()),
            LiveEvent::WebSocket { sender, notice } => {
                if self.is_json {
                    return self.object(at, notice_object(*sender, notice, self.view));
                }
                let (style, text) = websocket::notice(notice, self.view);
                return self.note(at, *sender, style, &text);
            }
            LiveEvent::OtherProtocol(name) => return self.other_protocol(at, name),
            LiveEvent::Lost(sender) => {
                let text = "not decoded from here on: no packet begins here";
                (*sender, "unread", None, String::from(text))
            }
            LiveEvent::TooLong {
                sender,
                packet_type,
                length,
            } => {
                let name = packet_type.map_or("packet", |it| it.name());
                let text = format!("{name} of {length} bytes: too long to decode");
                (*sender, "unread", Some(*length as u64), text)
            }
            LiveEvent::Skipped { sender, length } => {
                let text = format!("{} skipped: too fast to show", bytes(*length));
                (*sender, "missing", Some(*length), text)
            }
            LiveEvent::Missing { sender, missing } => {
                let (length, text) = missing_text(*missing);
                (*sender, "missing", Some(length), text)
            }
            LiveEvent::Unread {
                sender,
                length,
                reason,
            } => {
                let length = *length as u64;
                (
                    *sender,
                    "unread",
                    Some(length),
                    unread_text(length, *reason),
                )
            }
            LiveEvent::Changed(sender) => {
                let text = "a retransmission carries other bytes than were captured first; it is \
                            unknown which of them the receiver has read";
                (*sender, "changed", None, String::from(text))
            }
        };
        if self.is_json {
            let from = names::sender(sender);
            let object = json!({"verdict": verdict, "from": from, "length": length});
            return self.object(at, object);
        }
        self.note(at, sender, UNSURE, &text)
    }

    fn packet(&mut self, at: Moment, it: &Event<'_>) -> io::Result<()> {
        if self.is_json {
            let object = json::event(it, self.view)?;
            return self.object(at, object);
        }
        self.place(at)?;
        event(self.out, it, self.view)
    }

    fn other_protocol(&mut self, at: Moment, protocol: &str) -> io::Result<()> {
        if self.is_json {
            return self.object(at, json!({"verdict": "not_mqtt", "message": protocol}));
        }
        self.place(at)?;
        write!(self.out, "{:10}", "")?;
        not_mqtt(self.out, protocol)
    }

    /// Writes that a side ends the connection. `verdict` is for JSON.
    pub fn ended(
        &mut self,
        at: Moment,
        sender: Sender,
        verdict: &str,
        text: &str,
    ) -> io::Result<()> {
        if self.is_json {
            let from = names::sender(sender);
            return self.object(at, json!({"verdict": verdict, "from": from}));
        }
        self.note(at, sender, FAINT, text)
    }

    pub fn failed(&mut self, at: Moment, error: &io::Error) -> io::Result<()> {
        let text = error.to_string();
        if self.is_json {
            return self.object(at, json!({"verdict": "failed", "message": text}));
        }
        write!(self.out, "#{}  ", self.name.number)?;
        paint(self.out, BAD, "FAILED")?;
        writeln!(self.out, "  {text}\n")
    }

    /// Writes the result of the whole connection.
    pub fn closed(&mut self, at: Moment, closing: &Closing<'_>) -> io::Result<()> {
        let Totals {
            packets,
            refused,
            breaking,
            websocket,
            ..
        } = *closing.totals;
        if self.is_json {
            let verdict = if closing.has_ended { "ended" } else { "open" };
            let object = json!({
                "verdict": verdict, "packets": packets, "refused": refused, "breaking": breaking,
                "websocket": websocket,
                "will": closing.will.as_ref().map(json::will),
            });
            return self.object(at, object);
        }
        let outcome = closing.will.as_ref();
        if let Some(outcome) = outcome.filter(|it| it.fate != WillFate::Discard) {
            let text = will(outcome);
            self.place(at)?;
            paint(self.out, UNSURE, &format!("{:10}! {text}\n", ""))?;
        }
        write!(self.out, "#{}  ", self.name.number)?;
        totals(self.out, closing.totals)?;
        writeln!(self.out, "{}", closing.note)
    }

    fn note(&mut self, at: Moment, sender: Sender, style: Style, text: &str) -> io::Result<()> {
        self.place(at)?;
        write!(self.out, "{:10}{} ", "", arrow(sender))?;
        paint(self.out, style, text)?;
        writeln!(self.out)
    }

    /// Writes the time and the number of the connection, and in front of them the number of the
    /// packet in the capture.
    fn place(&mut self, at: Moment) -> io::Result<()> {
        let number = format!("#{}", self.name.number);
        let seconds = at.time.as_secs_f64();
        let text = match at.packet {
            Some(packet) => format!("{packet:>6} {seconds:>11.6} {number:>5}"),
            None => format!("{number:>6} {seconds:>11.6}"),
        };
        paint(self.out, FAINT, &text)
    }

    fn object(&mut self, at: Moment, mut object: Value) -> io::Result<()> {
        if let Some(members) = object.as_object_mut() {
            let name = format!("{} > {}", self.name.client, self.name.server);
            members.insert("connection".into(), name.into());
            members.insert("number".into(), self.name.number.into());
            if let Some(packet) = at.packet {
                members.insert("capture_packet".into(), packet.into());
            }
            members.insert("seconds".into(), at.time.as_secs_f64().into());
        }
        writeln!(self.out, "{object}")
    }
}

fn missing_text(missing: Missing) -> (u64, String) {
    match missing {
        Missing::Bytes(length) => {
            let verb = if length == 1 { "is" } else { "are" };
            let text = format!("{} {verb} missing from the capture", bytes(length));
            (length, text)
        }
        Missing::ByteOrFin => {
            let text = "a byte or the FIN is missing from the capture";
            (1, String::from(text))
        }
    }
}

fn unread_text(length: u64, reason: Unread) -> String {
    let reason = match reason {
        Unread::BeginningMissing => "the beginning of the packet was not captured",
        Unread::EndMissing => "the end of the packet was not captured",
        Unread::NotAPacket => "no packet begins there; after missing bytes, the place was a guess",
    };
    format!("{} not decoded: {reason}", bytes(length))
}

fn bytes(number: u64) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} byte{plural}")
}
