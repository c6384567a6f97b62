//! Explains bytes, streams and captures.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use mqtt_wire::Sender;
use serde_json::{Value, json};

use crate::capture::{self, Capture, Flow};
use crate::cli::{Explain, command_names};
use crate::conversation::{Conversation, Transcript};
use crate::event::{Arrival, Event, Record, Status, TimedEvent, Totals, Verdict};
use crate::files::{read_file, read_stdin};
use crate::input::Content;
use crate::order::Order;
use crate::report::{self, FAINT, View, paint};
use crate::stream::Stream;
use crate::text::count;
use crate::{hex, input, other_protocol};

/// The most characters of a word that may be the name of a file.
const MAX_NAME: usize = 255;

/// Reads the input that the options name, and prints the explanation.
pub fn run(options: &Explain) -> io::Result<Status> {
    let source = Source::read(options)?;
    if let Source::Capture(Capture {
        broken_at: Some(place),
        ..
    }) = &source
    {
        eprintln!("mqtt-explain: the capture is damaged at byte {place}; the rest is not read");
    }
    print(source, options, options.show.output())
}

/// Prints the explanation.
pub fn print<'a>(
    source: Source,
    options: &'a Explain,
    out: Box<dyn Write + 'a>,
) -> io::Result<Status> {
    let mut printer = Printer {
        out,
        options,
        view: options.show.view(),
    };
    let status = match source {
        Source::Stream(bytes) => printer.stream(&bytes)?,
        Source::Streams { client, server } => {
            let conversation = Conversation::of_streams(client, server, options.show.rules());
            printer.conversation(&conversation, None)?
        }
        Source::Capture(capture) => printer.capture(&capture.flows)?,
    };
    printer.out.flush()?;
    Ok(status)
}

/// The bytes to explain.
pub enum Source {
    /// One side of a connection.
    Stream(Vec<u8>),
    /// Both sides of a connection.
    Streams {
        client: Vec<u8>,
        server: Vec<u8>,
    },
    Capture(Capture),
}

impl Source {
    fn read(options: &Explain) -> io::Result<Self> {
        if options.c2s.is_some() || options.s2c.is_some() {
            let side = |path: &Option<PathBuf>| match path {
                Some(path) => read_file(path),
                None => Ok(Vec::new()),
            };
            return Ok(Self::Streams {
                client: side(&options.c2s)?,
                server: side(&options.s2c)?,
            });
        }
        let text = match (&options.file, &options.input[..]) {
            (Some(path), _) => read_file(path)?,
            (None, []) => read_paste()?,
            (None, [dash]) if dash == "-" => read_paste()?,
            (None, words) => return Self::of_words(words, options),
        };
        Self::parse(text, options)
    }

    /// Reads bytes on the command line, or the file of this name.
    fn of_words(words: &[String], options: &Explain) -> io::Result<Self> {
        let is_file = |word: &&String| Path::new(word).exists();
        let mut names = words.iter().filter(|word| hex::decode(word).is_none());
        match (words, names.find(is_file)) {
            ([path], Some(_)) => Self::parse(read_file(Path::new(path))?, options),
            (_, Some(path)) => Err(unreadable(format!(
                "`{path}` is a file among other words: name one file, or two with --c2s and --s2c"
            ))),
            ([word], None) if is_file(&word) => Err(unreadable(format!(
                "`{word}` is hex, and also a file: write `0x{word}` or `--file {word}`"
            ))),
            (words, None) => Self::parse(words.join(" ").into_bytes(), options)
                .map_err(|error| unreadable(format!("{}{error}", no_such_name(words)))),
        }
    }

    /// Finds the bytes in the content of a file, or in pasted text.
    pub fn parse(text: Vec<u8>, options: &Explain) -> io::Result<Self> {
        let found = match input::parse(&text) {
            Ok(found) => found,
            // the text is in no known form, but it is the beginning of another protocol
            Err(_) if other_protocol::detect(&text).is_some() => return Ok(Self::Stream(text)),
            Err(error) => return Err(unreadable(error)),
        };
        Ok(match found.content {
            Content::Bytes(bytes) => Self::Stream(bytes),
            Content::Sides { client, server } => Self::Streams { client, server },
            Content::Capture(file) => {
                Self::Capture(capture::read(&file, options.port).map_err(unreadable)?)
            }
        })
    }
}

fn unreadable(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// The beginning of an error about words that are no bytes: the first one may be a mistyped name.
fn no_such_name(words: &[String]) -> String {
    let Some(word) = words.first().filter(|word| word.len() <= MAX_NAME) else {
        return String::new();
    };
    let distance = |command: &String| strsim::osa_distance(word, command);
    let nearest = command_names().into_iter().min_by_key(distance);
    match nearest.filter(|command| distance(command) <= 2) {
        Some(command) => {
            format!("no file or command is named `{word}`; did you mean `{command}`? As bytes: ")
        }
        None if words.len() == 1 && !word.contains(char::is_whitespace) => {
            format!("no file or command is named `{word}`. As bytes: ")
        }
        None => String::new(),
    }
}

fn read_paste() -> io::Result<Vec<u8>> {
    if io::stdin().is_terminal() {
        eprintln!("Paste the bytes in any form, and end with Ctrl-D (see --help):");
    }
    read_stdin()
}

struct Printer<'a> {
    out: Box<dyn Write + 'a>,
    options: &'a Explain,
    view: View,
}

impl Printer<'_> {
    /// Explains the bytes of one side.
    fn stream(&mut self, bytes: &[u8]) -> io::Result<Status> {
        let sender = self.options.from.map(Sender::from);
        let stream = Stream::read(bytes, self.options.mqtt, sender, self.options.show.rules());
        let is_valid = stream.records.first().is_some_and(Record::is_accepted);
        if let Some(protocol) = other_protocol::detect(bytes).filter(|_| !is_valid) {
            return self.other_protocol(None, protocol);
        }
        if let ([only], false) = (&stream.records[..], self.options.show.json) {
            return self.packet(only, &stream);
        }
        let sender = stream.dialect.sender();
        let packets = stream.records.into_iter().map(Event::Packet);
        let mut events: Vec<Event<'_>> = packets.collect();
        if stream.unread > 0 {
            events.push(Event::Unread {
                sender,
                length: stream.unread,
            });
        }
        let untimed = |event| TimedEvent {
            arrival: None,
            event,
        };
        let transcript = Transcript {
            events: events.into_iter().map(untimed).collect(),
            version: Some(stream.dialect.version()),
            order: Order::Recorded,
        };
        self.transcript(&transcript, Some(sender), None)
    }

    /// Prints the full report on one packet.
    fn packet(&mut self, record: &Record<'_>, stream: &Stream<'_>) -> io::Result<Status> {
        let status = Status::of(record);
        let out = &mut *self.out;
        match record.verdict {
            Verdict::Reject(error) if status == Status::NotMqtt => {
                report::not_mqtt(out, None, &error.to_string())?;
            }
            _ => {
                report::verdict(out, record, stream.only_version(), self.view)?;
                report::dialects(out, stream)?;
            }
        }
        report::details(out, record, self.view)?;
        if stream.unread > 0 {
            write!(out, "\n  ")?;
            report::unread(out, stream.unread)?;
        }
        Ok(status)
    }

    /// Explains both directions of a connection.
    fn conversation(
        &mut self,
        conversation: &Conversation,
        flow: Option<&Flow>,
    ) -> io::Result<Status> {
        if let Some(protocol) = conversation.other_protocol() {
            return self.other_protocol(flow, protocol);
        }
        let transcript = conversation.transcript(self.options.mqtt);
        self.transcript(&transcript, None, flow)
    }

    fn capture(&mut self, flows: &[Flow]) -> io::Result<Status> {
        const PORTS: [u16; 2] = [1883, 8883];
        let mut statuses = Vec::new();
        let mut others = 0;
        for flow in flows {
            let conversation = Conversation::of_flow(flow, self.options.show.rules());
            let on_port = PORTS.contains(&flow.server.port()) && !flow.segments.is_empty();
            if !on_port && self.options.port.is_none() && !conversation.begins_with_connect() {
                others += 1;
                continue;
            }
            if !statuses.is_empty() && !self.options.show.json {
                writeln!(self.out)?;
            }
            statuses.push(self.conversation(&conversation, Some(flow))?);
        }
        if !self.options.show.json && (others > 0 || statuses.is_empty()) {
            let number = count(others, "TCP connection");
            let text = match (statuses.is_empty(), others) {
                (true, 0) => String::from("no TCP connection in this capture\n"),
                (true, _) => format!("no MQTT in this capture: {number} (see --port)\n"),
                (false, _) => format!("\n{number} without MQTT\n"),
            };
            paint(&mut *self.out, FAINT, &text)?;
        }
        // the connections without MQTT do not count if there are others
        let of_mqtt = statuses.into_iter().filter(|it| *it != Status::NotMqtt);
        Ok(of_mqtt.max().unwrap_or(Status::NotMqtt))
    }

    /// Prints a line for each packet, and the details of refused ones.
    fn transcript(
        &mut self,
        transcript: &Transcript<'_>,
        sender: Option<Sender>,
        flow: Option<&Flow>,
    ) -> io::Result<Status> {
        let totals = Totals::of(transcript.packets());
        if self.options.show.json {
            for TimedEvent { arrival, event } in &transcript.events {
                self.json_event(*arrival, event, flow)?;
            }
            return Ok(totals.status);
        }
        let name = flow.map(arrow_name);
        let out = &mut *self.out;
        report::totals(out, &totals, name.as_deref())?;
        report::dialect(out, transcript.version, sender)?;
        report::order(out, transcript.order)?;
        for TimedEvent { arrival, event } in &transcript.events {
            if let Some(arrival) = arrival {
                report::place(out, arrival.packet, arrival.time)?;
            }
            report::event(out, event, self.view)?;
        }
        Ok(totals.status)
    }

    fn json_event(
        &mut self,
        arrival: Option<Arrival>,
        event: &Event<'_>,
        flow: Option<&Flow>,
    ) -> io::Result<()> {
        let mut object = report::json::event(event, self.view)?;
        if let Some(members) = object.as_object_mut() {
            if let Some(flow) = flow {
                members.insert("connection".into(), json_name(flow));
            }
            if let Some(arrival) = arrival {
                members.insert("capture_packet".into(), arrival.packet.into());
                members.insert("seconds".into(), arrival.time.as_secs_f64().into());
            }
        }
        writeln!(self.out, "{object}")
    }

    fn other_protocol(&mut self, flow: Option<&Flow>, protocol: &str) -> io::Result<Status> {
        if self.options.show.json {
            let connection = flow.map(json_name);
            let object = json!({
                "verdict": "not_mqtt", "message": protocol, "connection": connection
            });
            writeln!(self.out, "{object}")?;
        } else {
            let name = flow.map(arrow_name);
            report::not_mqtt(&mut *self.out, name.as_deref(), protocol)?;
        }
        Ok(Status::NotMqtt)
    }
}

fn arrow_name(flow: &Flow) -> String {
    format!("{} → {}", flow.client, flow.server)
}

fn json_name(flow: &Flow) -> Value {
    Value::from(format!("{} > {}", flow.client, flow.server))
}
