//! A connection over TCP or over WebSocket. Each direction shows by its first bytes which it is.

use std::io;
use std::time::Duration;

use mqtt_wire::will::Ending;
use mqtt_wire::{Sender, Version};

use crate::decode_rules::DecodeRules;
use crate::event::{LiveEvent, Missing, Notice};
use crate::live::{Live, Report, VersionSource};
use crate::watch::Beginning;
use crate::websocket::{Fault, Gap, Item, Response, Subprotocol, Unread, WebSocket, head_len};
use crate::will::Outcome;

/// The packets of a connection, and the events of WebSocket between them.
pub struct Connection {
    live: Live,
    websocket: WebSocket,
    /// Broken rules of MQTT that wait for the version: MQTT 3.1 has no rules about WebSocket.
    waiting: Vec<Fault>,
}

impl Connection {
    /// See [`Live::new`].
    pub fn new(beginning: Beginning, wanted: Option<Version>, rules: DecodeRules) -> Self {
        Self {
            live: Live::new(beginning, wanted, rules),
            websocket: WebSocket::default(),
            waiting: Vec::new(),
        }
    }

    /// Adds bytes that passed.
    pub fn pass(
        &mut self,
        sender: Sender,
        time: Duration,
        bytes: &[u8],
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let mut receiver = Receiver {
            live: &mut self.live,
            waiting: &mut self.waiting,
            sender,
            time,
        };
        self.websocket
            .read(sender, bytes, &mut |item| receiver.item(item, report))?;
        self.report_waiting(report)
    }

    /// Skips bytes that were not seen. Without WebSocket, the next bytes begin with a packet.
    pub fn skip(&mut self, sender: Sender, bytes: u64, report: &mut Report<'_>) -> io::Result<()> {
        if !self.websocket.is_used(sender) {
            return self.live.skip(sender, bytes, report);
        }
        self.websocket.gap(sender, None);
        self.live.lose(sender, None, report)?;
        let length = bytes;
        report(LiveEvent::Skipped { sender, length })
    }

    /// Continues after bytes that are not in the capture. The next bytes may be anything.
    pub fn gap(
        &mut self,
        sender: Sender,
        missing: Missing,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let (Missing::Bytes(length) | Missing::BytesOrFin(length)) = missing;
        match self.websocket.gap(sender, Some(length)) {
            Gap::InData => return self.live.gap(sender, missing, report),
            Gap::BesideData => {}
            Gap::Unknown => self.live.lose(sender, None, report)?,
        }
        report(LiveEvent::Missing { sender, missing })
    }

    /// See [`Live::changed`].
    pub fn changed(&mut self, sender: Sender, report: &mut Report<'_>) -> io::Result<()> {
        self.live.changed(sender, report)
    }

    /// See [`Live::cut_off`].
    pub fn cut_off(
        &mut self,
        sender: Sender,
        time: Duration,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        self.end_websocket(sender, time, report)?;
        self.live.cut_off(sender, report)
    }

    /// See [`Live::report_stalled`].
    pub fn report_stalled(&mut self, now: Duration, report: &mut Report<'_>) -> io::Result<()> {
        self.live.report_stalled(now, report)
    }

    /// See [`Live::end`].
    pub fn end(
        &mut self,
        sender: Sender,
        time: Duration,
        report: &mut Report<'_>,
    ) -> io::Result<bool> {
        let is_between_frames = self.end_websocket(sender, time, report)?;
        Ok(self.live.end(sender, time, report)? && is_between_frames)
    }

    /// See [`Live::close`].
    pub fn close(&mut self, ending: Ending) {
        self.live.close(ending);
    }

    /// See [`Live::will`].
    pub fn will(&mut self) -> Option<Outcome<'_>> {
        self.live.will()
    }

    /// See [`Live::version`].
    pub fn version(&self) -> Option<(Version, VersionSource)> {
        self.live.version()
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        self.live.kept() + self.websocket.kept()
    }

    fn end_websocket(
        &mut self,
        sender: Sender,
        time: Duration,
        report: &mut Report<'_>,
    ) -> io::Result<bool> {
        let mut receiver = Receiver {
            live: &mut self.live,
            waiting: &mut self.waiting,
            sender,
            time,
        };
        let receive = &mut |item: Item<'_>| receiver.item(item, report);
        let is_between_frames = self.websocket.end(sender, receive)?;
        self.report_waiting(report)?;
        Ok(is_between_frames)
    }

    /// Reports broken rules of MQTT as soon as it is known that the version has them.
    fn report_waiting(&mut self, report: &mut Report<'_>) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let version = match self.live.version() {
            Some((version, VersionSource::Known)) => Some(version),
            _ => None,
        };
        let offers = self.websocket.offers().unwrap_or_default();
        let is_certain = version.is_some() || offers.iter().any(Subprotocol::is_mqtt);
        if !is_certain {
            return Ok(());
        }
        for fault in std::mem::take(&mut self.waiting) {
            if version != Some(Version::V3_1) {
                report(LiveEvent::WebSocket {
                    sender: fault.sender,
                    notice: &Notice::Fault(fault, version),
                })?;
            }
        }
        Ok(())
    }
}

/// Receives the items of one direction.
struct Receiver<'a> {
    live: &'a mut Live,
    waiting: &'a mut Vec<Fault>,
    sender: Sender,
    time: Duration,
}

impl Receiver<'_> {
    fn item(&mut self, item: Item<'_>, report: &mut Report<'_>) -> io::Result<()> {
        let sender = self.sender;
        let notice = match item {
            Item::Plain(bytes) | Item::Data(bytes) => {
                report(LiveEvent::Bytes { sender, bytes })?;
                return self.live.pass(sender, self.time, bytes, report);
            }
            Item::Refused(response) => {
                return self.live.other_protocol(&refusal(&response), report);
            }
            Item::Fault(fault) if fault.mqtt_statement().is_some() => {
                self.waiting.push(fault);
                return Ok(());
            }
            Item::Fault(fault) => Notice::Fault(fault, None),
            Item::Request(request) => {
                // even if the packets of TCP before it were not captured
                self.live.begin();
                Notice::Request(request)
            }
            Item::Accepted(response) => Notice::Accepted(response),
            Item::Control(control) => Notice::Control(control),
            Item::Unread { length, reason } => {
                if reason != Unread::AfterGap {
                    self.live.lose(sender, None, report)?;
                }
                Notice::Unread { length, reason }
            }
        };
        let notice = &notice;
        report(LiveEvent::WebSocket { sender, notice })
    }
}

/// Both sides of a recorded connection over WebSocket, without WebSocket.
#[derive(Debug, Default)]
pub struct Unwrapped {
    /// The bytes of MQTT.
    pub client: Vec<u8>,
    pub server: Vec<u8>,
    pub notices: Vec<(Sender, Notice)>,
    /// The reason why this is not MQTT.
    pub refused: Option<String>,
}

impl Unwrapped {
    /// Reads the bytes of both sides; one may be empty. Returns `None` if this is no WebSocket with
    /// something in it.
    pub fn new(client: &[u8], server: &[u8], wanted: Option<Version>) -> Option<Self> {
        let mut unwrapped = Self::default();
        let rules = DecodeRules::default();
        let mut connection = Connection::new(Beginning::Seen, wanted, rules);
        let (request, rest) = client.split_at(head_len(client).unwrap_or(client.len()));
        let mut report = |event: LiveEvent<'_>| {
            unwrapped.add(&event);
            Ok(())
        };
        // the response shows how the frames of the client are to be read
        for (sender, bytes) in [
            (Sender::Client, request),
            (Sender::Server, server),
            (Sender::Client, rest),
        ] {
            connection
                .pass(sender, Duration::ZERO, bytes, &mut report)
                .ok()?;
        }
        let is_used = |sender| connection.websocket.is_used(sender);
        let is_websocket = is_used(Sender::Client) || is_used(Sender::Server);
        let sides = [Sender::Client, Sender::Server];
        for sender in sides {
            connection.end(sender, Duration::ZERO, &mut report).ok()?;
        }
        let has_content = !unwrapped.client.is_empty() || !unwrapped.server.is_empty();
        let is_refused = unwrapped.refused.is_some();
        (is_websocket && (has_content || is_refused || unwrapped.has_faults())).then_some(unwrapped)
    }

    pub fn has_faults(&self) -> bool {
        let mut notices = self.notices.iter();
        notices.any(|(_, notice)| matches!(notice, Notice::Fault(..)))
    }

    fn add(&mut self, event: &LiveEvent<'_>) {
        match event {
            LiveEvent::Bytes { sender, bytes } => match sender {
                Sender::Client => self.client.extend_from_slice(bytes),
                Sender::Server => self.server.extend_from_slice(bytes),
            },
            LiveEvent::WebSocket { sender, notice } => {
                self.notices.push((*sender, (*notice).clone()));
            }
            LiveEvent::OtherProtocol(name) => self.refused = Some((*name).to_owned()),
            _ => {}
        }
    }
}

fn refusal(response: &Response) -> String {
    let Response { status, reason, .. } = response;
    format!("the server refuses the WebSocket: {status} {reason}")
}
