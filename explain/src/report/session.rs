//! The lines about one connection, live or from a capture.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use mqtt_wire::will::WillFate;
use mqtt_wire::{Packet, Sender};
use serde_json::{Value, json};

use super::connection::{not_mqtt, totals, will};
use super::json;
use super::line::{arrow, event};
use super::output::Output;
use super::style::{BAD, FAINT, UNSURE, paint};
use super::view::Times;
use super::websocket::{self, notice_object};
use crate::event::{Event, LiveEvent, Missing, Moment, Status, Totals, Unread, Verdict};
use crate::filter::{Client, Filter, Selection};
use crate::names;
use crate::statistics::{End, Requests, Statistics};
use crate::will::Outcome;

/// The names of a connection.
#[derive(Debug, Clone)]
pub struct Name {
    pub number: u64,
    pub client: String,
    pub server: String,
}

/// A connection, and which part of it is shown.
pub struct Shown {
    name: Name,
    pub totals: Totals,
    selection: Selection,
    requests: Requests,
    /// The first end that was seen.
    end: Option<End>,
    /// When the connection was opened, as long as that has no line.
    opened: Option<Moment>,
    /// The time of the last line.
    last: Duration,
    /// The last incomplete packet is not selected.
    is_incomplete_hidden: bool,
    /// The sender of an incomplete packet that is shown. Its next packet is shown, too.
    incomplete: Option<Sender>,
    held: Option<Box<Held>>,
}

/// Lines and counts that are used if the client is the wanted one.
#[derive(Default)]
struct Held {
    lines: Vec<u8>,
    statistics: Statistics,
}

/// How a connection is left.
pub struct Closing<'a> {
    pub will: Option<Outcome<'a>>,
    /// It has ended, as opposed to the capture.
    pub has_ended: bool,
    /// Words after the totals.
    pub note: String,
}

impl Shown {
    /// The most bytes of lines that wait until the client is known.
    const MOST_HELD: usize = 1 << 16;

    pub fn new(name: Name) -> Self {
        Self {
            name,
            totals: Totals::default(),
            selection: Selection::default(),
            requests: Requests::default(),
            end: None,
            opened: None,
            last: Duration::ZERO,
            is_incomplete_hidden: false,
            incomplete: None,
            held: None,
        }
    }

    /// The result of the connection; `None` if the filter selects nothing of it.
    pub fn status(&self, filter: &Filter) -> Option<Status> {
        let is_wanted = self.selection.client(filter) == Client::Wanted;
        let has_packets = filter.topic.is_none() || self.totals.status != Status::Valid;
        let is_selected = is_wanted && (has_packets || self.totals.packets > 0);
        is_selected.then_some(self.totals.status)
    }

    /// The connection ends with an incomplete packet.
    pub fn ends_incomplete(&mut self) {
        if !self.is_incomplete_hidden {
            self.totals.status = self.totals.status.max(Status::Incomplete);
        }
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        let held = self.held.as_ref();
        let held = held.map_or(0, |it| it.lines.capacity() + size_of::<Held>());
        held + self.selection.kept() + self.requests.kept()
    }

    /// Writes the lines that have waited.
    fn release(&mut self, output: &mut Output<'_>) -> io::Result<()> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        let Held { lines, statistics } = *held;
        if let Some(sums) = output.statistics.get_mut() {
            sums.add(statistics);
        }
        output.out.write_all(&lines)
    }

    fn observe_end(&mut self, event: &LiveEvent<'_>) {
        if let LiveEvent::Packet(event) = event {
            if let Some(Packet::Disconnect(_)) = event.packet() {
                self.end.get_or_insert(End::Disconnect(event.sender()));
            }
        }
    }
}

/// Writes lines about a connection.
pub struct Lines<'a, 'o> {
    output: &'a mut Output<'o>,
    shown: &'a mut Shown,
}

impl<'a, 'o> Lines<'a, 'o> {
    pub fn new(output: &'a mut Output<'o>, shown: &'a mut Shown) -> Self {
        Self { output, shown }
    }

    pub fn opened(&mut self, at: Moment) -> io::Result<()> {
        self.shown.opened = Some(at);
        self.shown.last = at.time;
        if self.output.has_lines() && !self.output.filter.is_partial() {
            self.open()?;
        }
        Ok(())
    }

    pub fn live_event(&mut self, at: Moment, event: &LiveEvent<'_>) -> io::Result<()> {
        let Self { output, shown } = self;
        if let LiveEvent::Bytes { .. } = event {
            return Ok(());
        }
        shown.observe_end(event);
        let is_selected = shown.selection.selects(&output.filter, event);
        let client = shown.selection.client(&output.filter);
        let statistics = match client {
            Client::Wanted => {
                shown.release(output)?;
                output.statistics.get_mut()
            }
            Client::Undecided if output.statistics.get().is_some() => {
                Some(&mut shown.held.get_or_insert_default().statistics)
            }
            Client::Undecided => None,
            Client::Unwanted | Client::Unknown => {
                shown.held = None;
                return Ok(());
            }
        };
        let mut is_rest = false;
        if let LiveEvent::Packet(event) = event {
            let sender = event.sender();
            if let Some(Verdict::Incomplete(_)) = event.record().map(|it| it.verdict) {
                shown.is_incomplete_hidden = !is_selected;
                shown.incomplete = is_selected.then_some(sender);
            } else if shown.incomplete == Some(sender) {
                is_rest = true;
                shown.incomplete = None;
            }
        }
        if !is_selected {
            return Ok(());
        }
        if let Some(statistics) = statistics {
            statistics.live_event(at, event);
            let number = shown.name.number;
            shown.requests.observe(number, at, event, statistics);
        }
        shown.totals.observe(event);
        let is_open = shown.opened.is_none();
        let filter = &output.filter;
        let is_shown = is_rest || filter.shows(event) || is_open && filter.is_context(event);
        if is_shown && output.has_lines() {
            self.open()?;
            self.line(at, event)?;
        }
        let held = self.shown.held.as_ref().map_or(0, |it| it.lines.len());
        if held > Shown::MOST_HELD {
            self.shown.selection.give_up();
        }
        Ok(())
    }

    /// Where lines are written: a line about a client that is not known yet has to wait.
    fn out(&mut self) -> &mut dyn Write {
        match self.shown.selection.client(&self.output.filter) {
            Client::Undecided => &mut self.shown.held.get_or_insert_default().lines,
            _ => &mut self.output.out,
        }
    }

    /// Writes the first line of the connection, unless it has one.
    fn open(&mut self) -> io::Result<()> {
        let Some(at) = self.shown.opened.take() else {
            return Ok(());
        };
        if self.output.is_json {
            return self.object(at, json!({"verdict": "opened"}));
        }
        let Name {
            number,
            client,
            server,
        } = &self.shown.name;
        let text = format!("#{number}  {client} → {server}");
        writeln!(self.out(), "{text}")
    }

    fn line(&mut self, at: Moment, event: &LiveEvent<'_>) -> io::Result<()> {
        let (sender, verdict, length, text) = match event {
            LiveEvent::Packet(event) => return self.packet(at, event),
            LiveEvent::Bytes { .. } => return Ok(()),
            LiveEvent::WebSocket { sender, notice } => {
                let view = self.output.view;
                if self.output.is_json {
                    return self.object(at, notice_object(*sender, notice, view));
                }
                let (style, text) = websocket::notice(notice, view);
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
        if self.output.is_json {
            let from = names::sender(sender);
            let object = json!({"verdict": verdict, "from": from, "length": length});
            return self.object(at, object);
        }
        self.note(at, sender, UNSURE, &text)
    }

    fn packet(&mut self, at: Moment, it: &Event<'_>) -> io::Result<()> {
        let view = self.output.view;
        if self.output.is_json {
            let object = json::event(it, view)?;
            return self.object(at, object);
        }
        self.place(at)?;
        event(self.out(), it, view)
    }

    fn other_protocol(&mut self, at: Moment, protocol: &str) -> io::Result<()> {
        if self.output.is_json {
            return self.object(at, json!({"verdict": "not_mqtt", "message": protocol}));
        }
        self.place(at)?;
        let out = self.out();
        write!(out, "{:10}", "")?;
        not_mqtt(out, protocol)
    }

    /// A side closes the connection.
    pub fn closes(&mut self, at: Moment, sender: Sender) -> io::Result<()> {
        let text = format!("the {} closes the connection", names::sender(sender));
        self.ended(at, End::Closed(sender), &text)
    }

    /// A side resets the connection, or fails.
    pub fn resets(&mut self, at: Moment, sender: Sender, text: &str) -> io::Result<()> {
        self.ended(at, End::Reset(sender), text)
    }

    fn ended(&mut self, at: Moment, end: End, text: &str) -> io::Result<()> {
        self.shown.end.get_or_insert(end);
        let (sender, verdict) = match end {
            End::Reset(sender) => (sender, "reset"),
            End::Closed(sender) | End::Disconnect(sender) => (sender, "closed"),
            End::Failed | End::Open => return Ok(()),
        };
        let client = self.shown.selection.client(&self.output.filter);
        let is_unwanted = matches!(client, Client::Unwanted | Client::Unknown);
        if is_unwanted || !self.is_open() || self.output.filter.only_invalid {
            return Ok(());
        }
        if self.output.is_json {
            let from = names::sender(sender);
            return self.object(at, json!({"verdict": verdict, "from": from}));
        }
        self.note(at, sender, FAINT, text)
    }

    pub fn failed(&mut self, at: Moment, error: &io::Error) -> io::Result<()> {
        self.shown.end = Some(End::Failed);
        // this is not about a client, so no filter hides it
        self.shown.selection.select_client();
        self.shown.release(self.output)?;
        if let Some(statistics) = self.output.statistics.get_mut() {
            statistics.connection(End::Failed);
        }
        if !self.output.has_lines() {
            return Ok(());
        }
        self.open()?;
        let text = error.to_string();
        if self.output.is_json {
            return self.object(at, json!({"verdict": "failed", "message": text}));
        }
        let number = self.shown.name.number;
        let out = self.out();
        write!(out, "#{number}  ")?;
        paint(out, BAD, "FAILED")?;
        writeln!(out, "  {text}\n")
    }

    /// Writes the result of the whole connection, and counts it.
    pub fn closed(&mut self, at: Moment, closing: &Closing<'_>) -> io::Result<()> {
        let Self { output, shown } = self;
        shown.selection.give_up();
        output.hidden.unknown_topics += shown.selection.unknown_topics;
        match shown.selection.client(&output.filter) {
            Client::Unknown | Client::Undecided => {
                output.hidden.unknown_clients += 1;
                return Ok(());
            }
            Client::Unwanted => {
                output.hidden.other_clients += 1;
                return Ok(());
            }
            Client::Wanted => {}
        }
        if shown.status(&output.filter).is_none() {
            output.hidden.connections += 1;
            return Ok(());
        }
        if let (Some(statistics), false) =
            (output.statistics.get_mut(), shown.end == Some(End::Failed))
        {
            statistics.connection(shown.end.unwrap_or(End::Open));
        }
        let will_fate = closing
            .will
            .as_ref()
            .filter(|it| it.fate != WillFate::Discard && output.filter.shows_will(it.will.topic));
        if !output.has_lines() {
            return Ok(());
        }
        if will_fate.is_some() {
            self.open()?;
        }
        if !self.is_open() {
            self.output.hidden.connections += 1;
            return Ok(());
        }
        let Totals {
            packets,
            refused,
            breaking,
            websocket,
            ..
        } = self.shown.totals;
        if self.output.is_json {
            let verdict = if closing.has_ended { "ended" } else { "open" };
            let object = json!({
                "verdict": verdict, "packets": packets, "refused": refused, "breaking": breaking,
                "websocket": websocket,
                "will": closing.will.as_ref().map(json::will),
            });
            return self.object(at, object);
        }
        if let Some(outcome) = will_fate {
            let text = will(outcome);
            self.place(at)?;
            paint(self.out(), UNSURE, &format!("{:10}! {text}\n", ""))?;
        }
        let out = &mut self.output.out;
        write!(out, "#{}  ", self.shown.name.number)?;
        totals(out, &self.shown.totals)?;
        writeln!(out, "{}", closing.note)
    }

    fn is_open(&self) -> bool {
        self.shown.opened.is_none()
    }

    fn note(&mut self, at: Moment, sender: Sender, style: Style, text: &str) -> io::Result<()> {
        self.place(at)?;
        let out = self.out();
        write!(out, "{:10}{} ", "", arrow(sender))?;
        paint(out, style, text)?;
        writeln!(out)
    }

    /// Writes the time and the number of the connection, and in front of them the number of the
    /// packet in the capture.
    fn place(&mut self, at: Moment) -> io::Result<()> {
        let number = format!("#{}", self.shown.name.number);
        let delta = at.time.saturating_sub(self.shown.last);
        self.shown.last = at.time;
        let time = self.output.times.column(at, delta);
        let space = if time.is_empty() { "" } else { " " };
        let out = self.out();
        match at.packet {
            Some(packet) => write!(out, "{FAINT}{packet:>6}{space}{time} {number:>5}{FAINT:#}"),
            None => write!(out, "{FAINT}{number:>6}{space}{time}{FAINT:#}"),
        }
    }

    fn object(&mut self, at: Moment, mut object: Value) -> io::Result<()> {
        let name = &self.shown.name;
        if let Some(members) = object.as_object_mut() {
            let ends = format!("{} > {}", name.client, name.server);
            members.insert("connection".into(), ends.into());
            members.insert("number".into(), name.number.into());
            if let Some(packet) = at.packet {
                members.insert("capture_packet".into(), packet.into());
            }
            members.insert("seconds".into(), at.time.as_secs_f64().into());
            if let Times::Clock(_) = self.output.times {
                members.insert("time".into(), self.output.times.time(at).into());
            }
        }
        writeln!(self.out(), "{object}")
    }
}

fn missing_text(missing: Missing) -> (u64, String) {
    match missing {
        Missing::Bytes(length) => {
            let verb = if length == 1 { "is" } else { "are" };
            let text = format!("{} {verb} missing from the capture", bytes(length));
            (length, text)
        }
        Missing::BytesOrFin(1) => {
            let text = "a byte or the FIN is missing from the capture";
            (1, String::from(text))
        }
        Missing::BytesOrFin(length) => {
            let (most, least) = (bytes(length), length - 1);
            let text = format!("{most}, or {least} and the FIN, are missing from the capture");
            (length, text)
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
