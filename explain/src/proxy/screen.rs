//! The connections of the proxy on the screen.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mqtt_wire::Sender;
use mqtt_wire::will::Ending;
use serde_json::json;

use super::queue::{Content, End, Message, Queue};
use crate::cli::ProxyOptions;
use crate::event::{LiveEvent, Moment, Status};
use crate::live::{Live, STALL};
use crate::names;
use crate::report::{self, Closing, Lines, Name, Output, Shown, UNSURE};
use crate::watch::Beginning;

/// Shows what passes.
pub struct Screen<'a> {
    output: Output<'a>,
    options: &'a ProxyOptions,
    /// When the program began, also since 1970.
    started: (Instant, Duration),
    sessions: BTreeMap<u64, Session>,
    /// The result of the last connection.
    pub status: Status,
    /// Why the last connection could not be forwarded.
    pub failure: Option<io::Error>,
}

/// A connection that is open.
struct Session {
    live: Live,
    shown: Shown,
    began: Instant,
    /// A side reset the connection, which ended both directions.
    is_reset: bool,
    /// The connection could not be forwarded.
    is_failed: bool,
}

impl<'a> Screen<'a> {
    pub fn new(options: &'a ProxyOptions) -> Self {
        Self {
            output: options.show.stdout(),
            options,
            started: (Instant::now(), since_1970()),
            sessions: BTreeMap::new(),
            status: Status::Valid,
            failure: None,
        }
    }

    /// Shows the messages of the queue until there are no more.
    pub fn show(&mut self, queue: &Queue) -> io::Result<()> {
        let mut last_check = Instant::now();
        while let Ok(message) = queue.next(STALL / 4) {
            let now = message.as_ref().map_or_else(Instant::now, |it| it.time);
            if let Some(message) = message {
                self.message(message)?;
            }
            if now.saturating_duration_since(last_check) >= STALL / 4 {
                last_check = now;
                for session in self.sessions.values_mut() {
                    let at = moment(self.started, session.began, now);
                    let Session { live, shown, .. } = session;
                    let mut lines = Lines::new(&mut self.output, shown);
                    live.report_stalled(at.time, &mut |event| lines.live_event(at, &event))?;
                }
            }
            // a burst of packets is written at once
            if queue.is_empty() {
                self.output.out.flush()?;
            }
        }
        self.output.summary(None)?;
        self.output.out.flush()
    }

    fn message(&mut self, message: Message) -> io::Result<()> {
        let number = message.connection;
        if let Content::Opened(client) = message.content {
            let name = Name {
                number,
                client: client.to_string(),
                server: self.options.upstream.clone(),
            };
            let rules = self.options.show.rules();
            let mut session = Session {
                live: Live::new(Beginning::Seen, self.options.mqtt, rules),
                shown: Shown::new(name),
                began: message.time,
                is_reset: false,
                is_failed: false,
            };
            let at = moment(self.started, message.time, message.time);
            Lines::new(&mut self.output, &mut session.shown).opened(at)?;
            self.sessions.insert(number, session);
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
        let Session {
            live,
            is_reset,
            shown,
            is_failed,
            ..
        } = session;
        let mut lines = Lines::new(&mut self.output, shown);
        let mut show = |event: LiveEvent<'_>| lines.live_event(at, &event);
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
                self.failure = Some(error);
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
                        will: live.will(),
                        has_ended: true,
                        note: String::new(),
                    },
                )?;
                let status = session.shown.status(&self.output.filter);
                self.status = status.unwrap_or(Status::NotMqtt);
                self.sessions.remove(&number);
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
