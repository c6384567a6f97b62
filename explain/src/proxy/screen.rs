//! The connections of the proxy on the screen.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mqtt_wire::Sender;
use mqtt_wire::will::Ending;
use serde_json::json;

use super::end::End;
use super::queue::{Content, Message, Queue};
use super::record::{Recorder, Recording};
use super::totals::AllTotals;
use crate::cli::ProxyOptions;
use crate::event::{LiveEvent, Moment, Status};
use crate::live::STALL;
use crate::names;
use crate::report::{self, Closing, Lines, Name, Output, Shown, UNSURE};
use crate::transport::Connection;
use crate::watch::Beginning;

/// After everything was shown, more messages may come for this time. Each of them would cost the
/// thread that forwards a switch to this one.
const PAUSE: Duration = Duration::from_millis(20);

/// Shows what passes, and writes it to the file of `--write`.
pub struct Screen<'a> {
    output: Output<'a>,
    is_closed: Rc<Cell<bool>>,
    options: &'a ProxyOptions,
    /// When the program began, also since 1970.
    started: (Instant, Duration),
    recording: Recording,
    sessions: BTreeMap<u64, Session>,
    totals: AllTotals,
    /// The result of the connections that the filter selects.
    selected: Option<Status>,
    /// Why the only connection could not be forwarded.
    failure: Option<io::Error>,
}

/// The standard output, until it is closed.
struct UntilClosed {
    out: Box<dyn Write>,
    is_closed: Rc<Cell<bool>>,
}

impl UntilClosed {
    fn unless_closed<T>(
        &mut self,
        when_closed: T,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_closed.get() {
            return Ok(when_closed);
        }
        match write(&mut *self.out) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed.set(true);
                Ok(when_closed)
            }
            done => done,
        }
    }
}

impl Write for UntilClosed {
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
    shown: Shown,
    began: Instant,
    /// A side reset the connection, which ended both directions.
    is_reset: bool,
    /// The connection could not be forwarded.
    is_failed: bool,
}

impl<'a> Screen<'a> {
    pub fn new(options: &'a ProxyOptions, recorder: Option<Recorder>) -> Self {
        let is_closed = Rc::new(Cell::new(false));
        let mut output = options.show.stdout();
        output.out = Box::new(UntilClosed {
            out: output.out,
            is_closed: Rc::clone(&is_closed),
        });
        Self {
            output,
            is_closed,
            options,
            started: (Instant::now(), since_1970()),
            recording: Recording {
                recorder,
                failure: None,
            },
            sessions: BTreeMap::new(),
            totals: AllTotals::default(),
            selected: None,
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
                self.output.out.flush()?;
                self.recording.write(Recorder::flush);
                thread::sleep(PAUSE);
            }
            if self.is_closed.get() {
                // the open connections go on, although nothing shows them any more
                queue.refuse_connections();
            }
        }
        if queue.is_interrupted() {
            self.interrupted()?;
        }
        self.output.summary(None)?;
        self.output.out.flush()?;
        self.recording.write(Recorder::flush);
        match self.failure.or(self.recording.failure) {
            Some(error) => Err(error),
            None if self.output.filter.selects() => Ok(self.selected.unwrap_or(Status::NotMqtt)),
            None => Ok(self.selected.unwrap_or_default()),
        }
    }

    /// Shows a message, and at some times the packets that have been incomplete for a while.
    fn show_next(&mut self, message: Option<Message>, now: Option<Instant>) -> io::Result<()> {
        if let Some(message) = message {
            self.message(message)?;
        }
        if let Some(now) = now {
            for session in self.sessions.values_mut() {
                let at = moment(self.started, session.began, now);
                let Session { live, shown, .. } = session;
                let mut lines = Lines::new(&mut self.output, shown);
                live.report_stalled(at.time, &mut |event| lines.live_event(at, &event))?;
            }
        }
        Ok(())
    }

    /// Shows the connections that are open when the user stops the program, and all totals.
    fn interrupted(&mut self) -> io::Result<()> {
        let open = self.sessions.len();
        for mut session in std::mem::take(&mut self.sessions).into_values() {
            let at = moment(self.started, session.began, Instant::now());
            let closing = Closing {
                will: None,
                has_ended: false,
                note: String::from(", still open"),
            };
            Lines::new(&mut self.output, &mut session.shown).closed(at, &closing)?;
            self.add(&session.shown);
        }
        // the summary has the totals, too
        if self.output.statistics.get().is_none() {
            let is_json = self.output.is_json;
            self.totals.write(&mut self.output.out, open, is_json)?;
        }
        Ok(())
    }

    /// Adds the result of a connection.
    fn add(&mut self, shown: &Shown) {
        self.totals.add(&shown.totals);
        self.selected = self.selected.max(shown.status(&self.output.filter));
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
            let rules = self.options.show.rules();
            let mut session = Session {
                live: Connection::new(Beginning::Seen, self.options.mqtt, rules),
                shown: Shown::new(name),
                began: message.time,
                is_reset: false,
                is_failed: false,
            };
            let at = moment(self.started, message.time, message.time);
            Lines::new(&mut self.output, &mut session.shown).opened(at)?;
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
        let at = moment(self.started, session.began, message.time);
        let time = at.time;
        let recording = &mut self.recording;
        let Session {
            live,
            shown,
            is_reset,
            is_failed,
            ..
        } = session;
        let mut lines = Lines::new(&mut self.output, shown);
        let mut show = |event: LiveEvent<'_>| {
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
                    shown.ends_incomplete();
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
                    let mut lines = Lines::new(&mut self.output, shown);
                    match end {
                        End::Closed | End::Refused => lines.closes(at, sender)?,
                        End::Reset(error) => {
                            let from = names::sender(sender);
                            let text = format!("the connection of the {from} failed: {error}");
                            lines.resets(at, sender, &text)?;
                        }
                    }
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
                        will: live.will(),
                        has_ended: true,
                        note: String::new(),
                    },
                )?;
                recording.write(|it| it.closed(number));
                if let Some(session) = self.sessions.remove(&number) {
                    self.add(&session.shown);
                }
                Ok(())
            }
            Content::Opened(_) | Content::SkippedConnections(_) => Ok(()),
        }
    }

    fn skipped_connections(&mut self, number: u64) -> io::Result<()> {
        if self.options.show.json {
            let object = json!({"verdict": "missing", "connections": number});
            return writeln!(self.output.out, "{object}");
        }
        let text = format!("{number} connections skipped: too fast to show\n");
        report::paint(&mut *self.output.out, UNSURE, &text)
    }
}

fn moment(started: (Instant, Duration), began: Instant, now: Instant) -> Moment {
    let (started, wall) = started;
    Moment {
        time: now.saturating_duration_since(began),
        wall: wall + now.saturating_duration_since(started),
        packet: None,
    }
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

/// The end of the connection that follows from the end of one direction.
fn ending(sender: Sender, end: End) -> Ending {
    match (sender, end) {
        (Sender::Server, _) => Ending::ClosedByServer,
        (Sender::Client, End::Reset(_)) => Ending::NetworkFailure,
        (Sender::Client, _) => Ending::ClosedByClient,
    }
}
