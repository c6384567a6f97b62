//! The connections of the proxy on the screen.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use mqtt_wire::Sender;
use mqtt_wire::will::Ending;
use serde_json::json;

use super::queue::{Content, End, Message, Queue};
use super::record::Recorder;
use super::relay::print_note;
use super::totals::AllTotals;
use crate::cli::ProxyOptions;
use crate::event::{Event, LiveEvent, Status, Totals, Verdict};
use crate::live::{Live, STALL};
use crate::names;
use crate::report::{self, Closing, Lines, Moment, Name, UNSURE};
use crate::watch::Beginning;

/// Shows what passes, and writes it to the file of `--write`.
pub struct Screen<'a> {
    out: Box<dyn Write>,
    options: &'a ProxyOptions,
    recorder: Option<Recorder>,
    sessions: BTreeMap<u64, Session>,
    totals: AllTotals,
    /// Why the last connection could not be forwarded, or the file could not be written.
    failure: Option<io::Error>,
}

/// A connection that is open.
struct Session {
    live: Live,
    totals: Totals,
    name: Name,
    began: Instant,
    /// A side reset the connection, which ended both directions.
    is_reset: bool,
    /// The connection could not be forwarded.
    is_failed: bool,
}

impl<'a> Screen<'a> {
    pub fn new(options: &'a ProxyOptions, recorder: Option<Recorder>) -> Self {
        Self {
            out: options.show.output(),
            options,
            recorder,
            sessions: BTreeMap::new(),
            totals: AllTotals::default(),
            failure: None,
        }
    }

    /// Shows the messages of the queue until there are no more, and returns the worst result.
    pub fn show(mut self, queue: &Queue) -> io::Result<Status> {
        let mut last_check = Instant::now();
        while let Ok(message) = queue.next(STALL / 4) {
            let now = message.as_ref().map_or_else(Instant::now, |it| it.time);
            if let Some(message) = &message {
                self.record(message);
            }
            let is_due = now.saturating_duration_since(last_check) >= STALL / 4;
            if is_due {
                last_check = now;
            }
            let shown = self.show_next(message, is_due.then_some(now));
            self.unless_closed(queue, shown)?;
            if queue.is_empty() {
                let flushed = self.out.flush();
                self.unless_closed(queue, flushed)?;
                self.flush_record();
            }
        }
        if queue.is_interrupted() {
            let shown = self.interrupted();
            self.unless_closed(queue, shown)?;
        }
        self.flush_record();
        match self.failure {
            Some(error) => Err(error),
            None => Ok(self.totals.status),
        }
    }

    /// If the output is closed, the open connections go on, although nothing shows them any more.
    fn unless_closed(&mut self, queue: &Queue, shown: io::Result<()>) -> io::Result<()> {
        match shown {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.out = Box::new(io::sink());
                queue.refuse_connections();
                Ok(())
            }
            done => done,
        }
    }

    /// Shows a message, and at some times the packets that have been incomplete for a while.
    fn show_next(&mut self, message: Option<Message>, now: Option<Instant>) -> io::Result<()> {
        if let Some(message) = message {
            self.message(message)?;
        }
        if let Some(now) = now {
            for session in self.sessions.values_mut() {
                let time = now.saturating_duration_since(session.began);
                let (at, show) = (moment(time), &self.options.show);
                let Session { live, name, .. } = session;
                let mut lines = Lines::new(&mut self.out, name, show.view(), show.json);
                live.report_stalled(time, &mut |event| lines.live_event(at, &event))?;
            }
        }
        Ok(())
    }

    /// Shows the connections that are open when the user stops the program, and all totals.
    fn interrupted(&mut self) -> io::Result<()> {
        let show = &self.options.show;
        let open = self.sessions.len();
        for session in std::mem::take(&mut self.sessions).into_values() {
            let at = moment(session.began.elapsed());
            let mut lines = Lines::new(&mut self.out, &session.name, show.view(), show.json);
            lines.closed(
                at,
                &Closing {
                    totals: &session.totals,
                    will: None,
                    has_ended: false,
                    note: String::from(", still open"),
                },
            )?;
            self.totals.add(&session.totals);
        }
        self.totals.write(&mut *self.out, open, show.json)?;
        self.out.flush()
    }

    /// Writes what passed to the file.
    fn record(&mut self, message: &Message) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        let (number, time) = (message.connection, message.time);
        let recorded = match &message.content {
            Content::Opened(client) => recorder.opened(number, time, *client),
            Content::Bytes {
                sender,
                skipped,
                bytes,
            } => {
                recorder.skip(number, *sender, *skipped);
                recorder.bytes(number, time, *sender, bytes)
            }
            Content::Ended {
                end: End::Refused, ..
            } => Ok(()),
            Content::Ended {
                sender,
                skipped,
                end,
            } => {
                recorder.skip(number, *sender, *skipped);
                let is_reset = matches!(end, End::Reset(_));
                recorder.ended(number, time, *sender, is_reset)
            }
            Content::Closed => {
                recorder.closed(number);
                Ok(())
            }
            Content::Failed(_) | Content::SkippedConnections(_) => Ok(()),
        };
        self.check_record(recorded);
    }

    fn flush_record(&mut self) {
        let flushed = self.recorder.as_mut().map_or(Ok(()), Recorder::flush);
        self.check_record(flushed);
    }

    /// Stops writing after an error, which the user has to know at once.
    fn check_record(&mut self, recorded: io::Result<()>) {
        if let Err(error) = recorded {
            print_note(&format!("--write: {error}"));
            self.recorder = None;
            self.failure = Some(error);
        }
    }

    fn message(&mut self, message: Message) -> io::Result<()> {
        let number = message.connection;
        if let Content::Opened(client) = message.content {
            let name = Name {
                number,
                client: client.to_string(),
                server: self.options.upstream.clone(),
            };
            let show = &self.options.show;
            Lines::new(&mut self.out, &name, show.view(), show.json).opened(Moment::default())?;
            let session = Session {
                live: Live::new(Beginning::Seen, self.options.mqtt, show.rules()),
                totals: Totals::default(),
                name,
                began: message.time,
                is_reset: false,
                is_failed: false,
            };
            self.sessions.insert(number, session);
            self.totals.connections += 1;
            return Ok(());
        }
        if let Content::SkippedConnections(number) = message.content {
            return self.skipped_connections(number);
        }
        let Some(session) = self.sessions.get_mut(&number) else {
            return Ok(());
        };
        let time = message.time.saturating_duration_since(session.began);
        let (at, options) = (moment(time), &self.options.show);
        let packets = &mut self.totals;
        let Session {
            live,
            totals,
            is_reset,
            name,
            is_failed,
            ..
        } = session;
        let mut lines = Lines::new(&mut self.out, name, options.view(), options.json);
        let mut show = |event: LiveEvent<'_>| {
            match &event {
                LiveEvent::Packet(event) => count(totals, packets, event),
                LiveEvent::OtherProtocol(_) => totals.status = Status::NotMqtt,
                LiveEvent::Lost(_)
                | LiveEvent::TooLong { .. }
                | LiveEvent::Skipped { .. }
                | LiveEvent::Missing { .. }
                | LiveEvent::Unread { .. }
                | LiveEvent::Changed(_) => {}
            }
            lines.live_event(at, &event)
        };
        match message.content {
            Content::Bytes {
                sender,
                skipped,
                bytes,
            } => {
                if skipped > 0 {
                    live.skip(sender, skipped, &mut show)?;
                }
                live.pass(sender, time, &bytes, &mut show)
            }
            Content::Ended {
                sender,
                skipped,
                end,
            } => {
                if skipped > 0 {
                    live.skip(sender, skipped, &mut show)?;
                }
                if !live.end(sender, time, &mut show)? {
                    totals.status = totals.status.max(Status::Incomplete);
                }
                let is_end = match end {
                    End::Closed => !*is_reset,
                    End::Reset(_) => true,
                    End::Refused => false,
                };
                *is_reset |= matches!(end, End::Reset(_));
                if is_end {
                    live.close(ending(sender, end));
                    let (verdict, text) = end_text(sender, end);
                    lines.ended(at, sender, verdict, &text)?;
                }
                Ok(())
            }
            Content::Failed(error) => {
                *is_failed = true;
                lines.failed(at, &error)?;
                self.totals.failed += 1;
                // one failure of many is no reason to fail at the end
                self.failure = Some(error).filter(|_| self.options.once);
                Ok(())
            }
            // the line about the failure is the last one
            Content::Closed if *is_failed && !self.options.show.json => {
                self.sessions.remove(&number);
                Ok(())
            }
            Content::Closed => {
                // unless something more exact is known
                live.close(Ending::NetworkFailure);
                lines.closed(
                    at,
                    &Closing {
                        totals,
                        will: live.will(),
                        has_ended: true,
                        note: String::new(),
                    },
                )?;
                packets.add(totals);
                self.sessions.remove(&number);
                Ok(())
            }
            Content::Opened(_) | Content::SkippedConnections(_) => Ok(()),
        }
    }

    fn skipped_connections(&mut self, number: u64) -> io::Result<()> {
        if self.options.show.json {
            let object = json!({"verdict": "missing", "connections": number});
            return writeln!(self.out, "{object}");
        }
        let text = format!("{number} connections skipped: too fast to show\n");
        report::paint(&mut *self.out, UNSURE, &text)
    }
}

/// Counts a packet. An incomplete one may become complete later.
fn count(totals: &mut Totals, all: &mut AllTotals, event: &Event<'_>) {
    let record = event.record();
    if let Some(record) = record.filter(|it| !matches!(it.verdict, Verdict::Incomplete(_))) {
        totals.add(record);
        all.count(event.sender());
    }
}

fn moment(time: Duration) -> Moment {
    Moment { time, packet: None }
}

/// The verdict in JSON, and a text.
fn end_text(sender: Sender, end: End) -> (&'static str, String) {
    let from = names::sender(sender);
    match end {
        End::Closed | End::Refused => ("closed", format!("the {from} closes the connection")),
        End::Reset(error) => (
            "reset",
            format!("the connection of the {from} failed: {error}"),
        ),
    }
}

/// The end of the connection that follows from the end of one direction.
fn ending(sender: Sender, end: End) -> Ending {
    match (sender, end) {
        (Sender::Server, _) => Ending::ClosedByServer,
        (Sender::Client, End::Reset(_)) => Ending::NetworkFailure,
        (Sender::Client, _) => Ending::ClosedByClient,
    }
}
