//! The connections of the proxy on the screen.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::Sender;
use mqtt_wire::will::Ending;
use serde_json::json;

use super::queue::{Content, End, Message, Queue};
use super::record::{Recorder, Recording};
use super::totals::AllTotals;
use crate::cli::ProxyOptions;
use crate::event::{LiveEvent, Status, Totals};
use crate::live::STALL;
use crate::names;
use crate::report::{self, Closing, Lines, Moment, Name, UNSURE};
use crate::transport::Connection;
use crate::watch::Beginning;

/// After everything was shown, more messages may come for this time. Each of them would cost the
/// thread that forwards a switch to this one.
const PAUSE: Duration = Duration::from_millis(2);

/// Shows what passes, and writes it to the file of `--write`.
pub struct Screen<'a> {
    out: Output,
    options: &'a ProxyOptions,
    recording: Recording,
    sessions: BTreeMap<u64, Session>,
    totals: AllTotals,
    /// Why the only connection could not be forwarded.
    failure: Option<io::Error>,
}

/// The output, until it is closed.
struct Output(Option<Box<dyn Write>>);

impl Output {
    fn is_closed(&self) -> bool {
        self.0.is_none()
    }

    fn unless_closed<T>(
        &mut self,
        when_closed: T,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.0.as_mut().map(|out| write(out)) {
            None => Ok(when_closed),
            Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(when_closed)
            }
            Some(done) => done,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), |out| out.flush())
    }
}

/// A connection that is open.
struct Session {
    live: Connection,
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
            out: Output(Some(options.show.output())),
            options,
            recording: Recording {
                recorder,
                failure: None,
            },
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
            let is_due = now.saturating_duration_since(last_check) >= STALL / 4;
            if is_due {
                last_check = now;
            }
            self.show_next(message, is_due.then_some(now))?;
            if queue.is_empty() {
                self.out.flush()?;
                self.recording.write(Recorder::flush);
                thread::sleep(PAUSE);
            }
            if self.out.is_closed() {
                // the open connections go on, although nothing shows them any more
                queue.refuse_connections();
            }
        }
        if queue.is_interrupted() {
            self.interrupted()?;
        }
        self.recording.write(Recorder::flush);
        match self.failure.or(self.recording.failure) {
            Some(error) => Err(error),
            None => Ok(self.totals.status),
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
        self.totals.write(&mut self.out, open, show.json)?;
        self.out.flush()
    }

    fn message(&mut self, message: Message) -> io::Result<()> {
        let number = message.connection;
        if let Content::Opened(client) = message.content {
            let name = Name {
                number,
                client: client.to_string(),
                server: self.options.upstream.clone(),
            };
            let record = |it: &mut Recorder| it.opened(number, message.time, client);
            self.recording.write(record);
            let show = &self.options.show;
            Lines::new(&mut self.out, &name, show.view(), show.json).opened(Moment::default())?;
            let session = Session {
                live: Connection::new(Beginning::Seen, self.options.mqtt, show.rules()),
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
        let recording = &mut self.recording;
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
            totals.observe(&event);
            match event {
                LiveEvent::Bytes { sender, bytes } => {
                    recording.write(|it| it.bytes(number, message.time, sender, bytes));
                }
                LiveEvent::Skipped { sender, length } => {
                    recording.write(|it| it.skip(number, sender, length));
                }
                _ => {}
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
                if is_end {
                    let is_reset = matches!(end, End::Reset(_));
                    recording.write(|it| it.ended(number, message.time, sender, is_reset));
                }
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
                if self.options.once {
                    self.failure = Some(error);
                }
                Ok(())
            }
            // the line about the failure is the last one
            Content::Closed if *is_failed && !self.options.show.json => {
                recording.write(|it| it.closed(number));
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
                self.totals.add(totals);
                recording.write(|it| it.closed(number));
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
        report::paint(&mut self.out, UNSURE, &text)
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
