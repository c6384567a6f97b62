//! The lines of the proxy about one connection.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anstyle::Style;
use mqtt_wire::Sender;
use mqtt_wire::will::WillFate;
use serde_json::{Value, json};

use super::queue::End;
use crate::cli::ProxyOptions;
use crate::event::{Event, LiveEvent, Totals};
use crate::names;
use crate::report::{self, BAD, FAINT, UNSURE, paint};
use crate::will::Outcome;

/// Writes lines about a connection.
pub struct Line<'a> {
    out: &'a mut dyn Write,
    options: &'a ProxyOptions,
    number: u64,
    client: SocketAddr,
}

impl<'a> Line<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        options: &'a ProxyOptions,
        number: u64,
        client: SocketAddr,
    ) -> Self {
        Self {
            out,
            options,
            number,
            client,
        }
    }

    pub fn opened(&mut self) -> io::Result<()> {
        if self.options.show.json {
            return self.object(Duration::ZERO, json!({"verdict": "opened"}));
        }
        let (number, client, server) = (self.number, self.client, &self.options.upstream);
        writeln!(self.out, "#{number}  {client} → {server}")
    }

    pub fn live_event(&mut self, time: Duration, event: &LiveEvent<'_>) -> io::Result<()> {
        let (sender, verdict, length, text) = match event {
            LiveEvent::Packet(event) => return self.packet(time, event),
            LiveEvent::OtherProtocol(name) => return self.other_protocol(time, name),
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
                let text = format!("{length} bytes skipped: too fast to show");
                (*sender, "missing", Some(*length), text)
            }
        };
        if self.options.show.json {
            let from = names::sender(sender);
            let object = json!({"verdict": verdict, "from": from, "length": length});
            return self.object(time, object);
        }
        self.note(time, sender, UNSURE, &text)
    }

    fn packet(&mut self, time: Duration, event: &Event<'_>) -> io::Result<()> {
        let show = &self.options.show;
        if show.json {
            let object = report::json::event(event, show.view())?;
            return self.object(time, object);
        }
        report::place(self.out, self.number, time)?;
        report::event(self.out, event, show.view())
    }

    fn other_protocol(&mut self, time: Duration, protocol: &str) -> io::Result<()> {
        if self.options.show.json {
            return self.object(time, json!({"verdict": "not_mqtt", "message": protocol}));
        }
        report::place(self.out, self.number, time)?;
        write!(self.out, "{:10}", "")?;
        report::not_mqtt(self.out, None, protocol)
    }

    pub fn ended(&mut self, time: Duration, sender: Sender, end: End) -> io::Result<()> {
        let from = names::sender(sender);
        let (verdict, text) = match end {
            End::Closed | End::Refused => ("closed", format!("the {from} closes the connection")),
            End::Reset(error) => (
                "reset",
                format!("the connection of the {from} failed: {error}"),
            ),
        };
        if self.options.show.json {
            return self.object(time, json!({"verdict": verdict, "from": from}));
        }
        self.note(time, sender, FAINT, &text)
    }

    pub fn failed(&mut self, time: Duration, error: &io::Error) -> io::Result<()> {
        let text = error.to_string();
        if self.options.show.json {
            return self.object(time, json!({"verdict": "failed", "message": text}));
        }
        write!(self.out, "#{}  ", self.number)?;
        paint(self.out, BAD, "FAILED")?;
        writeln!(self.out, "  {text}\n")
    }

    /// Writes the result of the whole connection.
    pub fn closed(
        &mut self,
        time: Duration,
        totals: &Totals,
        will: Option<Outcome<'_>>,
    ) -> io::Result<()> {
        if self.options.show.json {
            let object = json!({
                "verdict": "ended", "packets": totals.packets, "refused": totals.refused,
                "breaking": totals.breaking, "will": will.as_ref().map(report::json::will),
            });
            return self.object(time, object);
        }
        if let Some(outcome) = will.filter(|it| it.fate != WillFate::Discard) {
            let text = report::will(&outcome);
            report::place(self.out, self.number, time)?;
            paint(self.out, UNSURE, &format!("{:10}! {text}\n", ""))?;
        }
        write!(self.out, "#{}  ", self.number)?;
        report::totals(self.out, totals, None)?;
        writeln!(self.out)
    }

    fn note(&mut self, time: Duration, sender: Sender, style: Style, text: &str) -> io::Result<()> {
        report::place(self.out, self.number, time)?;
        write!(self.out, "{:10}{} ", "", report::arrow(sender))?;
        paint(self.out, style, text)?;
        writeln!(self.out)
    }

    fn object(&mut self, time: Duration, mut object: Value) -> io::Result<()> {
        if let Some(members) = object.as_object_mut() {
            let name = format!("{} > {}", self.client, self.options.upstream);
            members.insert("connection".into(), name.into());
            members.insert("number".into(), self.number.into());
            members.insert("seconds".into(), time.as_secs_f64().into());
        }
        writeln!(self.out, "{object}")
    }
}
