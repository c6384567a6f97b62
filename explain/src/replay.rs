//! The connections of a capture, printed as they are read.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use mqtt_wire::Sender;
use mqtt_wire::will::Ending;

use crate::capture::{
    Connections, Content, Damage, Ends, Followed, Next, Observer, Outcome, PacketReader, Peer,
    Segment,
};
use crate::cli::Explain;
use crate::event::{LiveEvent, Missing, Moment, Status};
use crate::fixed_header::starts_with_connect;
use crate::live::{VersionSource, names_version};
use crate::names;
use crate::report::{self, Closing, ConnectionCount, Lines, Name, Output, Shown};
use crate::transport::Connection;
use crate::watch::Beginning;
use crate::websocket::{MAX_HEAD, Request, head_len};

/// The ports on which a connection is taken for MQTT, whatever its bytes are.
const PORTS: [u16; 2] = [1883, 8883];

/// Prints a capture, of which `len` is the length if it is known.
pub fn run<'a>(
    input: impl Read + 'a,
    len: Option<u64>,
    options: &'a Explain,
    output: Output<'a>,
) -> io::Result<Status> {
    let mut reader = PacketReader::new(input);
    let mut connections = Connections::new(options.port, &PORTS);
    let mut replay = Replay::new(options, output);
    let mut progress = Progress::new(len);
    loop {
        match reader.next()? {
            Next::Packet(packet) => {
                replay.began.get_or_insert(packet.time());
                connections.packet(&packet, &mut replay)?;
            }
            Next::Malformed => connections.malformed(),
            Next::NeedsInput => {
                // the next bytes of a pipe may be late
                replay.output.out.flush()?;
                reader.fill()?;
                progress.show(reader.offset());
            }
            Next::End => break,
        }
    }
    connections.finish(&mut replay)?;
    replay.finish(&connections, reader.damage())
}

/// Prints the connections of a capture.
struct Replay<'a> {
    output: Output<'a>,
    options: &'a Explain,
    /// The time of the first packet.
    began: Option<Duration>,
    sessions: HashMap<u64, Session>,
    count: ConnectionCount,
    /// The result of the connections with MQTT.
    status: Option<Status>,
}

/// A connection that is still open.
enum Session {
    /// The client has not sent enough to know whether this is MQTT.
    Undecided(Undecided),
    Mqtt(Box<Mqtt>),
}

/// The segments of a connection that may be MQTT.
#[derive(Default)]
struct Undecided {
    from_first: Vec<u8>,
    from_second: Vec<u8>,
    /// The sender, packet and time of each segment, and its length.
    segments: Vec<(Peer, u64, Duration, usize)>,
}

/// A connection with MQTT.
struct Mqtt {
    shown: Shown,
    client: Peer,
    live: Connection,
    /// The moment of the last segment.
    last: Moment,
    has_ended: bool,
    is_other_protocol: bool,
}

impl<'a> Replay<'a> {
    fn new(options: &'a Explain, output: Output<'a>) -> Self {
        Self {
            output,
            options,
            began: None,
            sessions: HashMap::new(),
            count: ConnectionCount::default(),
            status: None,
        }
    }

    /// Writes what was not read, and returns the result of all connections.
    fn finish(&mut self, connections: &Connections, damage: Option<Damage>) -> io::Result<Status> {
        let skipped = connections.skipped();
        let hidden = self.output.hidden;
        let is_filtered = self.output.filter.is_partial() || self.output.filter.selects();
        if self.output.is_json {
            let packets = connections.packets();
            let mut object = report::not_read_object(packets, self.count, skipped, damage);
            if let (Some(members), true) = (object.as_object_mut(), is_filtered) {
                members.insert("not_shown".into(), hidden.object());
            }
            if self.output.statistics.get().is_some() {
                self.output.summary(Some(object))?;
            } else {
                writeln!(self.output.out, "{object}")?;
            }
        } else {
            self.output.summary(None)?;
            report::not_read(&mut self.output.out, self.count, hidden, skipped, damage)?;
        }
        self.output.out.flush()?;
        Ok(self.status.unwrap_or(Status::NotMqtt))
    }

    /// The end that opened the connection, or the one without the port of a server.
    fn client(&self, ends: &Ends) -> Option<Peer> {
        let is_server = |peer| {
            let port = ends.address(peer).port();
            match self.options.port {
                Some(wanted) => port == wanted,
                None => PORTS.contains(&port),
            }
        };
        match (is_server(Peer::First), is_server(Peer::Second)) {
            _ if ends.opener.is_some() => ends.opener,
            (true, false) => Some(Peer::Second),
            (false, true) => Some(Peer::First),
            _ => None,
        }
    }

    /// Whether the connection is taken for MQTT because of its ports.
    fn is_on_port(&self, ends: &Ends, client: Peer) -> bool {
        let server = ends.address(client.other());
        self.options.port.is_some() || PORTS.contains(&server.port())
    }

    fn open(&mut self, ends: &Ends, client: Peer) -> Mqtt {
        let name = Name {
            number: ends.number,
            client: ends.address(client).to_string(),
            server: ends.address(client.other()).to_string(),
        };
        let show = &self.options.show;
        let beginning = if ends.from_start {
            Beginning::Seen
        } else {
            Beginning::Unseen
        };
        self.count.of_mqtt += 1;
        Mqtt {
            shown: Shown::new(name),
            client,
            live: Connection::new(beginning, self.options.mqtt, show.rules()),
            last: Moment::default(),
            has_ended: false,
            is_other_protocol: false,
        }
    }

    /// Adds a segment to a connection that may be MQTT. Returns `None` if it is not.
    fn undecided(
        &mut self,
        ends: &Ends,
        mut undecided: Undecided,
        segment: Segment<'_>,
    ) -> io::Result<Option<Session>> {
        const MOST: usize = MAX_HEAD;
        let Content::Bytes(bytes) = segment.content else {
            self.count.other += 1;
            return Ok(None);
        };
        undecided.add(segment, bytes);
        let candidates = match ends.opener {
            Some(opener) => vec![opener],
            None => Peer::BOTH.to_vec(),
        };
        let mut sent = candidates.iter().map(|peer| undecided.sent_by(*peer));
        let may_be_mqtt = sent.any(|bytes| may_be_connect(bytes) || may_be_request(bytes));
        let mut candidates = candidates.into_iter();
        let is_client = |bytes| names_version(bytes) || asks_for_mqtt(bytes);
        let client = candidates.find(|peer| is_client(undecided.sent_by(*peer)));
        if let Some(client) = client {
            let mut mqtt = self.open(ends, client);
            self.opened(&mut mqtt, segment)?;
            undecided.replay(|segment| self.mqtt(&mut mqtt, segment))?;
            return Ok(Some(Session::Mqtt(Box::new(mqtt))));
        }
        if may_be_mqtt && undecided.len() <= MOST {
            return Ok(Some(Session::Undecided(undecided)));
        }
        self.count.other += 1;
        Ok(None)
    }

    fn opened(&mut self, mqtt: &mut Mqtt, segment: Segment<'_>) -> io::Result<()> {
        let at = self.moment(segment.packet, segment.time);
        Lines::new(&mut self.output, &mut mqtt.shown).opened(at)
    }

    /// Prints a segment of a connection with MQTT.
    fn mqtt(&mut self, mqtt: &mut Mqtt, segment: Segment<'_>) -> io::Result<()> {
        let at = self.moment(segment.packet, segment.time);
        mqtt.last = at;
        let sender = mqtt.sender(segment.sender);
        let Mqtt {
            shown,
            live,
            is_other_protocol,
            ..
        } = mqtt;
        let mut lines = Lines::new(&mut self.output, shown);
        let mut print = |event: LiveEvent<'_>| {
            *is_other_protocol |= matches!(event, LiveEvent::OtherProtocol(_));
            lines.live_event(at, &event)
        };
        match segment.content {
            Content::Bytes(bytes) => live.pass(sender, at.time, bytes, &mut print),
            Content::Gap(length) => live.gap(sender, Missing::Bytes(length), &mut print),
            Content::GapOrFin(length) => live.gap(sender, Missing::BytesOrFin(length), &mut print),
            Content::Changed => live.changed(sender, &mut print),
            Content::Fin => {
                let is_whole = live.end(sender, at.time, &mut print)?;
                if !is_whole {
                    shown.ends_incomplete();
                }
                if mqtt.has_ended {
                    return Ok(());
                }
                mqtt.has_ended = true;
                live.close(match sender {
                    Sender::Client => Ending::ClosedByClient,
                    Sender::Server => Ending::ClosedByServer,
                });
                Lines::new(&mut self.output, shown).closes(at, sender)
            }
            Content::Reset => {
                for sender in [Sender::Client, Sender::Server] {
                    live.cut_off(sender, at.time, &mut print)?;
                }
                mqtt.has_ended = true;
                live.close(match sender {
                    Sender::Client => Ending::NetworkFailure,
                    Sender::Server => Ending::ClosedByServer,
                });
                let text = format!("the {} resets the connection", names::sender(sender));
                lines.resets(at, sender, &text)
            }
        }
    }

    /// Prints the result of a connection with MQTT.
    fn close(&mut self, mqtt: &mut Mqtt, outcome: Outcome) -> io::Result<()> {
        // a connection without MQTT does not count if there are others
        let status = match mqtt.shown.status(&self.output.filter) {
            Some(_) if mqtt.is_other_protocol => Some(Status::NotMqtt),
            status => status.map(|it| it.min(Status::Invalid)),
        };
        self.status = match (self.status, status) {
            (known, None) => known,
            (None | Some(Status::NotMqtt), status) => status,
            (known, Some(Status::NotMqtt)) => known,
            (Some(known), Some(status)) => Some(known.max(status)),
        };
        if mqtt.is_other_protocol {
            return Ok(());
        }
        let at = mqtt.last;
        let mut lines = Lines::new(&mut self.output, &mut mqtt.shown);
        let mut print = |event: LiveEvent<'_>| lines.live_event(at, &event);
        for sender in [Sender::Client, Sender::Server] {
            mqtt.live.cut_off(sender, at.time, &mut print)?;
        }
        let packets = mqtt.shown.totals.packets;
        let version = match mqtt.live.version() {
            Some((version, VersionSource::Known)) => format!(", MQTT {version}"),
            Some((version, VersionSource::Guessed)) if packets > 0 => {
                format!(", probably MQTT {version}: no CONNECT was captured")
            }
            _ => String::new(),
        };
        let end = match outcome {
            Outcome::Ended => "",
            Outcome::CaptureEnds if mqtt.has_ended => "",
            Outcome::CaptureEnds => ", its end was not captured",
            Outcome::Dropped => ", not followed any further: too many connections are open",
        };
        let will = mqtt.live.will();
        Lines::new(&mut self.output, &mut mqtt.shown).closed(
            at,
            &Closing {
                has_ended: mqtt.has_ended,
                will,
                note: format!("{version}{end}"),
            },
        )
    }

    fn moment(&self, packet: u64, time: Duration) -> Moment {
        Moment {
            time: time.saturating_sub(self.began.unwrap_or_default()),
            wall: time,
            packet: Some(packet),
        }
    }
}

impl Observer for Replay<'_> {
    fn segment(&mut self, ends: &Ends, segment: Segment<'_>) -> io::Result<Followed> {
        let session = match self.sessions.remove(&ends.number) {
            None if matches!(segment.content, Content::Fin | Content::Reset) => {
                return Ok(Followed::Yes { kept: 0 });
            }
            None => {
                let client = self.client(ends);
                match client.filter(|client| self.is_on_port(ends, *client)) {
                    Some(client) => {
                        let mut mqtt = self.open(ends, client);
                        self.opened(&mut mqtt, segment)?;
                        Session::Mqtt(Box::new(mqtt))
                    }
                    None => Session::Undecided(Undecided::default()),
                }
            }
            Some(session) => session,
        };
        let session = match session {
            Session::Mqtt(mut mqtt) => {
                self.mqtt(&mut mqtt, segment)?;
                if mqtt.is_other_protocol {
                    self.close(&mut mqtt, Outcome::Ended)?;
                    return Ok(Followed::No);
                }
                Some(Session::Mqtt(mqtt))
            }
            Session::Undecided(undecided) => self.undecided(ends, undecided, segment)?,
        };
        let Some(session) = session else {
            return Ok(Followed::No);
        };
        let kept = session.kept();
        self.sessions.insert(ends.number, session);
        Ok(Followed::Yes { kept })
    }

    fn outcome(&mut self, ends: &Ends, outcome: Outcome) -> io::Result<()> {
        match self.sessions.remove(&ends.number) {
            Some(Session::Mqtt(mut mqtt)) => self.close(&mut mqtt, outcome),
            Some(Session::Undecided(_)) | None => {
                self.count.other += 1;
                Ok(())
            }
        }
    }
}

impl Session {
    /// How many bytes are kept.
    fn kept(&self) -> usize {
        match self {
            Self::Undecided(undecided) => undecided.len(),
            Self::Mqtt(mqtt) => mqtt.live.kept() + mqtt.shown.kept() + size_of::<Mqtt>(),
        }
    }
}

impl Undecided {
    fn add(&mut self, segment: Segment<'_>, bytes: &[u8]) {
        let Segment {
            sender,
            packet,
            time,
            ..
        } = segment;
        self.segments.push((sender, packet, time, bytes.len()));
        match sender {
            Peer::First => self.from_first.extend_from_slice(bytes),
            Peer::Second => self.from_second.extend_from_slice(bytes),
        }
    }

    fn sent_by(&self, peer: Peer) -> &[u8] {
        match peer {
            Peer::First => &self.from_first,
            Peer::Second => &self.from_second,
        }
    }

    fn len(&self) -> usize {
        self.from_first.len() + self.from_second.len()
    }

    /// Hands out all segments again.
    fn replay(&self, mut receive: impl FnMut(Segment<'_>) -> io::Result<()>) -> io::Result<()> {
        let (mut first, mut second) = (&self.from_first[..], &self.from_second[..]);
        for (sender, packet, time, length) in &self.segments {
            let side = match sender {
                Peer::First => &mut first,
                Peer::Second => &mut second,
            };
            let (bytes, rest) = side.split_at_checked(*length).unwrap_or((side, &[]));
            *side = rest;
            receive(Segment {
                sender: *sender,
                packet: *packet,
                time: *time,
                content: Content::Bytes(bytes),
            })?;
        }
        Ok(())
    }
}

impl Mqtt {
    fn sender(&self, peer: Peer) -> Sender {
        if peer == self.client {
            Sender::Client
        } else {
            Sender::Server
        }
    }
}

/// Whether the bytes may be the beginning of a CONNECT.
fn may_be_connect(bytes: &[u8]) -> bool {
    // fixed header, protocol name and level of 3.1
    const LONGEST: usize = 5 + 8 + 1;
    bytes.is_empty() || bytes.len() < LONGEST && starts_with_connect(bytes)
}

/// Whether the bytes may be the beginning of a request for a WebSocket.
fn may_be_request(bytes: &[u8]) -> bool {
    const GET: &[u8] = b"GET ";
    let common = bytes.len().min(GET.len());
    bytes.get(..common) == GET.get(..common) && head_len(bytes).is_none()
}

/// Whether the bytes begin with a request for a WebSocket with MQTT, by its subprotocol or its path.
fn asks_for_mqtt(bytes: &[u8]) -> bool {
    let head = head_len(bytes).and_then(|length| bytes.get(..length));
    let Some(request) = head.and_then(Request::parse).filter(|it| it.is_upgrade) else {
        return false;
    };
    let mut names = request.protocols.iter().map(|it| &it.0);
    names.any(|name| name.starts_with("mqtt")) || request.target.contains("mqtt")
}

/// Shows on the standard error how much of a large file was read, if the output goes elsewhere.
struct Progress {
    /// The length of the file and the time of the last line; `None` without progress. There is no
    /// clock in a browser, and no progress.
    shown: Option<(u64, Instant)>,
}

impl Progress {
    const LARGE: u64 = 1 << 26;
    const INTERVAL: Duration = Duration::from_secs(2);

    fn new(len: Option<u64>) -> Self {
        let len = len.filter(|len| *len >= Self::LARGE && !io::stdout().is_terminal());
        Self {
            shown: len.map(|len| (len, Instant::now())),
        }
    }

    fn show(&mut self, read: u64) {
        const MEGABYTE: u64 = 1_000_000;
        if let Some((len, last)) = &mut self.shown {
            if last.elapsed() >= Self::INTERVAL {
                *last = Instant::now();
                let (read, len) = (read / MEGABYTE, *len / MEGABYTE);
                eprintln!("mqtt-explain: {read} of {len} MB read");
            }
        }
    }
}
