//! `proxy`: passes connections on to a server, and shows what is said.
//!
//! Two threads pass the bytes of a connection on and put a copy of them in a queue, which never
//! makes them wait: what does not fit is not looked at. The main thread takes them out, and alone
//! judges and writes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anstyle::Style;
use clap::Args;
use mqtt_wire::{Ending, Sender, Version, WillFate};
use serde_json::{Value, json};

use crate::conversation::Event;
use crate::json::sender_name;
use crate::live::{Live, STALL, Sight};
use crate::report::{self, BAD, FAINT, UNSURE, paint};
use crate::will::Outcome;
use crate::{Look, Status, status_of};

#[derive(Args)]
pub struct Proxy {
    /// Where clients connect to
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,

    /// The server that they are passed on to; its port is 1883 if there is none
    #[arg(long, value_name = "HOST[:PORT]")]
    upstream: String,

    /// Ends with the first connection; the exit status tells how it was
    #[arg(long)]
    once: bool,

    /// The version of MQTT, if it is not to be the one that CONNECT names
    #[arg(long, value_name = "VERSION", value_parser = crate::parse_version)]
    mqtt: Option<Version>,

    #[command(flatten)]
    look: Look,
}

/// Passes connections on until the output is closed, or one with `--once`.
pub fn run(options: &Proxy) -> io::Result<Status> {
    let upstream = Arc::new(Upstream {
        name: options.upstream.clone(),
        addresses: resolve(&options.upstream, Some(1883))?,
    });
    let listen = resolve(&options.listen, None)?;
    let listener = TcpListener::bind(&listen[..]).map_err(|error| {
        let text = format!("cannot listen on {}: {error}", options.listen);
        io::Error::new(error.kind(), text)
    })?;
    let address = listener.local_addr()?;
    tell(&format!(
        "listening on {address}, passing on to {}",
        options.upstream
    ));
    let queue = Arc::new(Queue::default());
    let acceptor = Acceptor {
        listener,
        upstream,
        queue: Arc::clone(&queue),
    };
    let once = options.once;
    thread::Builder::new().spawn(move || acceptor.run(once))?;
    let mut screen = Screen::new(options);
    let shown = screen.show(&queue);
    // who is connected is not cut off because nobody looks any more
    queue.close();
    match (shown, screen.failure) {
        (Ok(()), None) => Ok(screen.status),
        (Err(error), _) | (_, Some(error)) => Err(error),
    }
}

/// Tells the user, if anybody is left to tell.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "mqtt-explain: {text}");
}

/// The server.
struct Upstream {
    name: String,
    addresses: Vec<SocketAddr>,
}

fn resolve(address: &str, port: Option<u16>) -> io::Result<Vec<SocketAddr>> {
    let found = match (address.to_socket_addrs(), port) {
        (Ok(found), _) => Ok(found.collect()),
        (Err(error), None) => Err(error),
        (Err(_), Some(port)) => (address, port).to_socket_addrs().map(Iterator::collect),
    };
    found.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

// ---- passing on ------------------------------------------------------------------------------

struct Acceptor {
    listener: TcpListener,
    upstream: Arc<Upstream>,
    queue: Arc<Queue>,
}

impl Acceptor {
    fn run(self, once: bool) {
        for number in 1.. {
            let (client, address) = loop {
                match self.listener.accept() {
                    Ok(accepted) => break accepted,
                    Err(error) => {
                        tell(&format!("cannot accept a connection: {error}"));
                        // until there are file descriptors again
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            };
            if !self.queue.enter(once) {
                return;
            }
            let guest = Guest {
                number,
                address,
                upstream: Arc::clone(&self.upstream),
                queue: Arc::clone(&self.queue),
            };
            // who cannot be served is disconnected
            if let Err(error) = thread::Builder::new().spawn(move || guest.serve(&client)) {
                tell(&format!("cannot serve connection #{number}: {error}"));
                self.queue.leave();
            }
            if once {
                return;
            }
        }
    }
}

/// A connection to pass on.
struct Guest {
    number: u64,
    address: SocketAddr,
    upstream: Arc<Upstream>,
    queue: Arc<Queue>,
}

impl Guest {
    fn serve(self, client: &TcpStream) {
        let is_told = self.queue.offer(self.message(What::Opened(self.address)));
        if let Err(error) = self.pass_on(client, is_told) {
            if is_told {
                self.queue.push(self.message(What::Failed(error)));
            }
        }
        if is_told {
            self.queue.push(self.message(What::Closed));
        }
        self.queue.leave();
    }

    fn pass_on(&self, client: &TcpStream, is_told: bool) -> io::Result<()> {
        let upstream = &self.upstream;
        let server = TcpStream::connect(&upstream.addresses[..]).map_err(|error| {
            let text = format!("cannot reach {}: {error}", upstream.name);
            io::Error::new(error.kind(), text)
        })?;
        for socket in [client, &server] {
            // without it, small packets are only slower
            let _ = socket.set_nodelay(true);
        }
        let tap = |sender| Tap {
            guest: is_told.then_some(self),
            sender,
            cutter: Cutter::default(),
            unseen: 0,
        };
        thread::scope(|scope| {
            let to_client = || pump(&server, client, tap(Sender::Server));
            let other = thread::Builder::new().spawn_scoped(scope, to_client)?;
            pump(client, &server, tap(Sender::Client));
            other
                .join()
                .map_err(|_| io::Error::other("a thread failed"))
        })
    }

    fn message(&self, what: What) -> Message {
        Message {
            connection: self.number,
            time: Instant::now(),
            what,
        }
    }
}

/// Passes on what comes until there is no more, and then that there is no more.
fn pump(mut from: &TcpStream, mut to: &TcpStream, mut tap: Tap<'_>) {
    let mut buffer = vec![0; 1 << 14];
    let end = loop {
        let bytes = match from.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break End::Reset(error.kind()),
        };
        // before they are passed on, lest the answer be seen first
        tap.see(bytes);
        if to.write_all(bytes).is_err() {
            break End::Refused;
        }
    };
    tap.end(end);
    // an error only says that the other end is closed already
    let _ = match end {
        End::Closed => to.shutdown(Shutdown::Write),
        // nothing reaches this side any more
        End::Reset(_) => to.shutdown(Shutdown::Both),
        // there may be bytes in the other direction yet
        End::Refused => from.shutdown(Shutdown::Read),
    };
}

/// How one direction ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Closed,
    Reset(io::ErrorKind),
    /// The other side does not take any more.
    Refused,
}

/// Where copies of the bytes of one direction go.
struct Tap<'a> {
    guest: Option<&'a Guest>,
    sender: Sender,
    cutter: Cutter,
    /// How many bytes did not fit in the queue.
    unseen: u64,
}

impl Tap<'_> {
    fn see(&mut self, bytes: &[u8]) {
        let Some(guest) = self.guest else {
            return;
        };
        let start = match (self.unseen, self.cutter.pass(bytes)) {
            (0, _) => 0,
            (_, start) => start.unwrap_or(bytes.len()),
        };
        let seen = bytes.get(start..).unwrap_or_default();
        let message = guest.message(What::Bytes {
            sender: self.sender,
            unseen: self.unseen + start as u64,
            bytes: seen.into(),
        });
        if !seen.is_empty() && guest.queue.offer(message) {
            self.unseen = 0;
        } else {
            self.unseen += bytes.len() as u64;
        }
    }

    fn end(&self, how: End) {
        if let Some(guest) = self.guest {
            guest.queue.push(guest.message(What::Ended {
                sender: self.sender,
                unseen: self.unseen,
                how,
            }));
        }
    }
}

/// Finds where packets begin without looking at them, to go on after bytes that were not seen.
#[derive(Debug, Default)]
struct Cutter {
    /// The bytes of the fixed header that have passed.
    header: u32,
    length: usize,
    /// The bytes of the packet that are yet to come.
    left: usize,
    is_lost: bool,
}

impl Cutter {
    /// Where the first packet begins in the bytes that come next.
    fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut first = None;
        let mut rest = bytes;
        while !self.is_lost {
            let skip = self.left.min(rest.len());
            self.left -= skip;
            rest = rest.get(skip..).unwrap_or_default();
            let Some((byte, after)) = rest.split_first() else {
                break;
            };
            match self.header {
                0 => {
                    first = first.or(Some(bytes.len() - rest.len()));
                    self.length = 0;
                    self.header = 1;
                }
                5 => self.is_lost = true,
                place => {
                    self.length |= usize::from(byte & 0x7f) << (7 * (place - 1));
                    self.header += 1;
                    if byte & 0x80 == 0 {
                        self.left = self.length;
                        self.header = 0;
                    }
                }
            }
            rest = after;
        }
        first
    }
}

// ---- the queue -------------------------------------------------------------------------------

struct Message {
    connection: u64,
    time: Instant,
    what: What,
}

enum What {
    Opened(SocketAddr),
    Bytes {
        sender: Sender,
        /// How many bytes passed before them and are not in any message.
        unseen: u64,
        bytes: Box<[u8]>,
    },
    Ended {
        sender: Sender,
        unseen: u64,
        how: End,
    },
    /// It could not be passed on.
    Failed(io::Error),
    Closed,
    /// So many connections were not looked at, because the queue was full.
    Overlooked(u64),
}

impl Message {
    /// What a message takes besides its bytes.
    const SIZE: usize = 256;

    fn size(&self) -> usize {
        match &self.what {
            What::Bytes { bytes, .. } => Self::SIZE + bytes.len(),
            // the first one pays for all that have to be told
            What::Opened(_) => 5 * Self::SIZE,
            _ => 0,
        }
    }
}

/// What was seen and is not shown yet, and who is connected.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    size: usize,
    connected: usize,
    /// Connections that will not be looked at, because the queue was full.
    overlooked: u64,
    /// No further connections are taken.
    is_last: bool,
    /// Nobody looks any more.
    is_closed: bool,
}

impl Queue {
    const LIMIT: usize = 1 << 24;

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in if there is room for it.
    fn offer(&self, message: Message) -> bool {
        let mut state = self.lock();
        let fits = !state.is_closed && state.size + message.size() <= Self::LIMIT;
        if fits {
            state.size += message.size();
            state.messages.push_back(message);
            self.changed.notify_all();
        } else if matches!(message.what, What::Opened(_)) {
            state.overlooked += 1;
        }
        fits
    }

    /// Puts in a message that is paid for.
    fn push(&self, message: Message) {
        let mut state = self.lock();
        if !state.is_closed {
            state.messages.push_back(message);
            self.changed.notify_all();
        }
    }

    /// Somebody connects, and is the `last` one or not; `false` if nobody looks any more.
    fn enter(&self, last: bool) -> bool {
        let mut state = self.lock();
        if !state.is_closed {
            state.connected += 1;
            state.is_last = last;
        }
        !state.is_closed
    }

    fn leave(&self) {
        self.lock().connected -= 1;
        self.changed.notify_all();
    }

    /// The next message, or none for a while; an error once there will be none.
    fn next(&self, patience: Duration) -> Result<Option<Message>, Over> {
        let mut state = self.lock();
        let is_idle = |state: &mut State| {
            let is_over = state.is_last && state.connected == 0;
            state.messages.is_empty() && state.overlooked == 0 && !is_over
        };
        if is_idle(&mut state) {
            let waited = self.changed.wait_timeout_while(state, patience, is_idle);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match state.messages.pop_front() {
            Some(message) => {
                state.size -= message.size();
                Ok(Some(message))
            }
            None if state.overlooked > 0 => Ok(Some(Message {
                connection: 0,
                time: Instant::now(),
                what: What::Overlooked(std::mem::take(&mut state.overlooked)),
            })),
            None if state.is_last && state.connected == 0 => Err(Over),
            None => Ok(None),
        }
    }

    /// Nobody looks any more: waits for those who are connected.
    fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.messages.clear();
        let connected = |state: &mut State| state.connected > 0;
        drop(self.changed.wait_while(state, connected));
    }
}

struct Over;

// ---- showing ---------------------------------------------------------------------------------

/// Writes what is seen.
struct Screen<'a> {
    out: Box<dyn Write>,
    options: &'a Proxy,
    sessions: BTreeMap<u64, Session>,
    /// How the last connection was.
    status: Status,
    /// Why the last connection could not be passed on.
    failure: Option<io::Error>,
}

/// A connection that is open.
struct Session {
    live: Live,
    tally: Tally,
    client: SocketAddr,
    began: Instant,
    /// A side vanished, and took the connection with it.
    is_reset: bool,
}

/// What a connection amounts to.
#[derive(Default)]
struct Tally {
    status: Status,
    packets: usize,
    refused: usize,
    breaking: usize,
    is_waived: bool,
}

impl Tally {
    fn add(&mut self, event: &Event<'_>) {
        let Event::Packet(record) = event else {
            return;
        };
        let status = status_of(record);
        if status == Status::Incomplete {
            return; // it may be whole later
        }
        let worst = match self.packets {
            0 => status,
            _ => status.min(Status::Invalid),
        };
        self.status = self.status.max(worst);
        self.packets += 1;
        self.refused += usize::from(record.is_refused());
        self.breaking += usize::from(record.has_breaches());
        self.is_waived |= !record.waived.is_empty();
    }
}

impl<'a> Screen<'a> {
    fn new(options: &'a Proxy) -> Self {
        Self {
            out: options.look.output(),
            options,
            sessions: BTreeMap::new(),
            status: Status::Valid,
            failure: None,
        }
    }

    /// Shows all that comes out of the queue.
    fn show(&mut self, queue: &Queue) -> io::Result<()> {
        let mut looked = Instant::now();
        while let Ok(message) = queue.next(STALL / 4) {
            let now = message.as_ref().map_or_else(Instant::now, |it| it.time);
            if let Some(message) = message {
                self.take(message)?;
            }
            if now.saturating_duration_since(looked) >= STALL / 4 {
                looked = now;
                for (number, session) in &mut self.sessions {
                    let time = now.saturating_duration_since(session.began);
                    let mut line = Line::new(&mut self.out, self.options, *number, session.client);
                    session
                        .live
                        .wait(time, &mut |sight| line.sight(time, &sight))?;
                }
            }
            self.out.flush()?;
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> io::Result<()> {
        let number = message.connection;
        if let What::Opened(client) = message.what {
            let session = Session {
                live: Live::new(self.options.mqtt, self.options.look.terms()),
                tally: Tally::default(),
                client,
                began: message.time,
                is_reset: false,
            };
            self.sessions.insert(number, session);
            let mut line = Line::new(&mut self.out, self.options, number, client);
            return line.opened();
        }
        if let What::Overlooked(connections) = message.what {
            return overlooked(&mut *self.out, connections, self.options.look.json);
        }
        let Some(session) = self.sessions.get_mut(&number) else {
            return Ok(());
        };
        let time = message.time.saturating_duration_since(session.began);
        let mut line = Line::new(&mut self.out, self.options, number, session.client);
        let Session {
            live,
            tally,
            is_reset,
            ..
        } = session;
        let mut show = |sight: Sight<'_>| {
            match &sight {
                Sight::Packet(event) => tally.add(event),
                Sight::Foreign(_) => tally.status = Status::NotMqtt,
                _ => {}
            }
            line.sight(time, &sight)
        };
        match message.what {
            What::Bytes {
                sender,
                unseen,
                bytes,
            } => {
                if unseen > 0 {
                    live.miss(sender, unseen, &mut show)?;
                }
                live.pass(sender, time, &bytes, &mut show)
            }
            What::Ended {
                sender,
                unseen,
                how,
            } => {
                if unseen > 0 {
                    live.miss(sender, unseen, &mut show)?;
                }
                if !live.end(sender, time, &mut show)? {
                    tally.status = tally.status.max(Status::Incomplete);
                }
                let is_end = match how {
                    End::Closed => !*is_reset,
                    End::Reset(_) => true,
                    End::Refused => false,
                };
                *is_reset |= matches!(how, End::Reset(_));
                if is_end {
                    live.close(ending(sender, how));
                    line.ended(time, sender, how)?;
                }
                Ok(())
            }
            What::Failed(error) => {
                line.failed(time, &error)?;
                self.failure = Some(error);
                Ok(())
            }
            What::Closed => {
                // if nothing told more
                live.close(Ending::NetworkFailure);
                line.closed(time, tally, live.will())?;
                self.status = tally.status;
                self.sessions.remove(&number);
                Ok(())
            }
            What::Opened(_) | What::Overlooked(_) => Ok(()),
        }
    }
}

/// Writes lines about a connection.
struct Line<'a> {
    out: &'a mut dyn Write,
    options: &'a Proxy,
    number: u64,
    client: SocketAddr,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut dyn Write, options: &'a Proxy, number: u64, client: SocketAddr) -> Self {
        Self {
            out,
            options,
            number,
            client,
        }
    }

    fn opened(&mut self) -> io::Result<()> {
        if self.options.look.json {
            return self.object(Duration::ZERO, json!({"verdict": "opened"}));
        }
        let (number, client, server) = (self.number, self.client, &self.options.upstream);
        writeln!(self.out, "#{number}  {client} → {server}")
    }

    fn sight(&mut self, time: Duration, sight: &Sight<'_>) -> io::Result<()> {
        let (sender, verdict, length, text) = match sight {
            Sight::Packet(event) => return self.packet(time, event),
            Sight::Foreign(what) => return self.foreign(time, what),
            Sight::Lost(sender) => {
                let text = "not looked at from here on: no packet begins here";
                (*sender, "unread", None, String::from(text))
            }
            Sight::TooLong(sender, packet_type, length) => {
                let name = packet_type.map_or("packet", |it| it.name());
                let text = format!("{name} of {length} bytes: too long to be looked at");
                (*sender, "unread", Some(*length as u64), text)
            }
            Sight::Unseen(sender, length) => {
                let text = format!("{length} bytes passed faster than they could be shown");
                (*sender, "missing", Some(*length), text)
            }
        };
        if self.options.look.json {
            let from = sender_name(sender);
            let object = json!({"verdict": verdict, "from": from, "length": length});
            return self.object(time, object);
        }
        self.note(time, sender, UNSURE, &text)
    }

    fn packet(&mut self, time: Duration, event: &Event<'_>) -> io::Result<()> {
        let look = &self.options.look;
        if look.json {
            let object = crate::json::event(event, look.view())?;
            return self.object(time, object);
        }
        report::place(self.out, self.number, time)?;
        report::event(self.out, event, look.tree, look.view())
    }

    fn foreign(&mut self, time: Duration, what: &str) -> io::Result<()> {
        if self.options.look.json {
            return self.object(time, json!({"verdict": "not_mqtt", "message": what}));
        }
        report::place(self.out, self.number, time)?;
        write!(self.out, "{:10}", "")?;
        paint(self.out, BAD, "NOT MQTT")?;
        writeln!(self.out, "  {what}")
    }

    fn ended(&mut self, time: Duration, sender: Sender, how: End) -> io::Result<()> {
        let (verdict, text) = match how {
            End::Closed | End::Refused => ("closed", String::from("closes the connection")),
            End::Reset(error) => ("reset", format!("vanishes: {error}")),
        };
        let from = sender_name(sender);
        if self.options.look.json {
            return self.object(time, json!({"verdict": verdict, "from": from}));
        }
        self.note(time, sender, FAINT, &format!("the {from} {text}"))
    }

    fn failed(&mut self, time: Duration, error: &io::Error) -> io::Result<()> {
        let text = error.to_string();
        if self.options.look.json {
            return self.object(time, json!({"verdict": "failed", "message": text}));
        }
        self.note(time, Sender::Client, BAD, &text)
    }

    /// How the whole connection was.
    fn closed(
        &mut self,
        time: Duration,
        tally: &Tally,
        will: Option<Outcome<'_>>,
    ) -> io::Result<()> {
        let (style, word) = tally.status.word(tally.is_waived);
        let Tally {
            packets,
            refused,
            breaking,
            ..
        } = *tally;
        if self.options.look.json {
            let object = json!({
                "verdict": "ended", "packets": packets, "refused": refused, "breaking": breaking,
                "will": will.as_ref().map(crate::json::will),
            });
            return self.object(time, object);
        }
        if let Some(outcome) = will.filter(|it| it.fate != WillFate::Discard) {
            let text = report::outcome(&outcome);
            report::place(self.out, self.number, time)?;
            paint(self.out, UNSURE, &format!("{:10}! {text}\n", ""))?;
        }
        write!(self.out, "#{}  ", self.number)?;
        paint(self.out, style, word)?;
        write!(self.out, "  ")?;
        report::numbers(self.out, packets, refused, breaking)?;
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

/// What the end of one direction says about the connection.
fn ending(sender: Sender, how: End) -> Ending {
    match (sender, how) {
        (Sender::Server, _) => Ending::ClosedByServer,
        (Sender::Client, End::Reset(_)) => Ending::NetworkFailure,
        (Sender::Client, _) => Ending::ClosedByClient,
    }
}

fn overlooked(out: &mut dyn Write, connections: u64, json: bool) -> io::Result<()> {
    if json {
        let object = json!({"verdict": "missing", "connections": connections});
        return writeln!(out, "{object}");
    }
    let text = format!("{connections} connections passed faster than they could be shown\n");
    paint(out, UNSURE, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_the_next_packet_begins() {
        let long = [&b"\x30\x82\x01"[..], &[0; 130]].concat();
        let stream = [b"\xc0\0", &long[..], b"\x40\x02\0\x01", b"\xe0\0"].concat();
        let starts = [0, 2, 135, 139];
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            let mut cutter = Cutter::default();
            assert_eq!(cutter.pass(first), (cut > 0).then_some(0));
            let expected = starts.iter().find(|start| **start >= cut);
            assert_eq!(cutter.pass(second), expected.map(|start| start - cut));
        }
    }

    #[test]
    fn finds_no_packet_after_a_length_without_end() {
        let mut cutter = Cutter::default();
        assert_eq!(cutter.pass(b"\x30\xff\xff\xff\xff\x01"), Some(0));
        assert_eq!(cutter.pass(b"\xc0\0"), None);
    }

    #[test]
    fn the_queue_has_a_limit() {
        let queue = Queue::default();
        let message = |what| Message {
            connection: 1,
            time: Instant::now(),
            what,
        };
        let bytes = || {
            message(What::Bytes {
                sender: Sender::Client,
                unseen: 0,
                bytes: vec![0; 1 << 14].into(),
            })
        };
        let mut taken = 0;
        while queue.offer(bytes()) {
            taken += 1;
        }
        assert_eq!(taken, Queue::LIMIT / bytes().size());
        for _ in 0..taken {
            assert!(queue.next(Duration::ZERO).is_ok_and(|it| it.is_some()));
        }
        assert!(queue.next(Duration::ZERO).is_ok_and(|it| it.is_none()));
        assert!(queue.offer(bytes()));
    }
}
