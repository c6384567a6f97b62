//! Explains bytes, streams and captures.

use std::io::{self, Cursor, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use mqtt_wire::{Sender, Version};
use serde_json::json;

use crate::capture;
use crate::cli::{Explain, command_names};
use crate::conversation::{Conversation, Transcript};
use crate::event::{Event, Record, Status, Totals, Verdict};
use crate::files::{Opened, read_file};
use crate::filter::{Client, Selection};
use crate::input::Content;
use crate::order::Order;
use crate::report::{self, Output};
use crate::stream::Stream;
use crate::transport::Unwrapped;
use crate::{hex, input, other_protocol, replay};

/// The most characters of a word that may be the name of a file.
const MAX_NAME: usize = 255;

/// Reads the input that the options name, and prints the explanation.
pub fn run(options: &Explain) -> io::Result<Status> {
    let source = Source::read(options)?;
    print(source, options, options.show.stdout())
}

/// Prints the explanation.
pub fn print<'a>(source: Source, options: &'a Explain, output: Output<'a>) -> io::Result<Status> {
    let mut printer = Printer { output, options };
    let status = match source.without_websocket(options.mqtt) {
        Source::Stream(bytes) => printer.stream(&bytes, options.from.map(Sender::from))?,
        Source::WebSocket(unwrapped) => printer.websocket(unwrapped)?,
        Source::Streams { client, server } => {
            let conversation = Conversation::new(client, server, options.show.rules());
            printer.conversation(&conversation)?
        }
        Source::Capture { input, len } => {
            return replay::run(input, len, options, printer.output);
        }
    };
    printer.output.summary(None)?;
    printer.output.out.flush()?;
    Ok(status)
}

/// The bytes to explain.
pub enum Source {
    /// One side of a connection.
    Stream(Vec<u8>),
    /// Both sides of a connection.
    Streams { client: Vec<u8>, server: Vec<u8> },
    /// The bytes of MQTT that both sides sent over WebSocket.
    WebSocket(Unwrapped),
    /// A pcap or pcapng file, which is read while it is explained.
    Capture {
        input: Box<dyn Read>,
        /// Its length, if it is known.
        len: Option<u64>,
    },
}

impl Source {
    /// The bytes of MQTT, if both sides or one of them begin like a WebSocket.
    pub fn without_websocket(self, version: Option<Version>) -> Self {
        let unwrapped = match &self {
            Self::Stream(bytes) if bytes.starts_with(b"HTTP/1.") => {
                Unwrapped::new(&[], bytes, version)
            }
            Self::Stream(bytes) => Unwrapped::new(bytes, &[], version),
            Self::Streams { client, server } => Unwrapped::new(client, server, version),
            Self::WebSocket(_) | Self::Capture { .. } => None,
        };
        unwrapped.map_or(self, Self::WebSocket)
    }

    fn read(options: &Explain) -> io::Result<Self> {
        if options.c2s.is_some() || options.s2c.is_some() {
            let side = |path: &Option<PathBuf>| match path {
                Some(path) => read_file(path),
                None => Ok(Vec::new()),
            };
            return Self::of_sides(&side(&options.c2s)?, &side(&options.s2c)?);
        }
        match (&options.file, &options.input[..]) {
            (Some(path), _) => Self::of_file(path),
            (None, []) => Self::of_opened(open_paste()?),
            (None, [dash]) if dash == "-" => Self::of_opened(open_paste()?),
            (None, words) => Self::of_words(words),
        }
    }

    fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_opened(Opened::file(path, capture::MAGIC_LEN)?)
    }

    /// A capture is read as it is printed; anything else is read first.
    fn of_opened(opened: Opened) -> io::Result<Self> {
        if capture::is_capture(&opened.head) {
            return Ok(Self::Capture {
                len: opened.len,
                input: Box::new(opened.into_reader()),
            });
        }
        Self::parse(opened.read_all()?)
    }

    /// Reads bytes on the command line, or the file of this name.
    fn of_words(words: &[String]) -> io::Result<Self> {
        let is_file = |word: &&String| Path::new(word).exists();
        let mut names = words.iter().filter(|word| hex::decode(word).is_none());
        match (words, names.find(is_file)) {
            ([path], Some(_)) => Self::of_file(Path::new(path)),
            (_, Some(path)) => Err(unreadable(format!(
                "`{path}` is a file among other words: name one file, or two with --c2s and --s2c"
            ))),
            ([word], None) if is_file(&word) => Err(unreadable(format!(
                "`{word}` is hex, and also a file: write `0x{word}` or `--file {word}`"
            ))),
            (words, None) => Self::parse(words.join(" ").into_bytes())
                .map_err(|error| unreadable(format!("{}{error}", no_such_name(words)))),
        }
    }

    /// Finds the bytes of both sides, each in the content of a file or in pasted text. One may be
    /// empty.
    pub fn of_sides(client: &[u8], server: &[u8]) -> io::Result<Self> {
        let side = |name, text: &[u8]| match Self::parse(text.to_vec()) {
            _ if text.is_empty() => Ok(Vec::new()),
            Ok(Self::Stream(bytes)) => Ok(bytes),
            Ok(_) => Err(unreadable(format!(
                "from the {name}: not bytes of one side"
            ))),
            Err(error) => Err(unreadable(format!("from the {name}: {error}"))),
        };
        Ok(Self::Streams {
            client: side("client", client)?,
            server: side("server", server)?,
        })
    }

    /// Finds the bytes in the content of a file, or in pasted text.
    pub fn parse(text: Vec<u8>) -> io::Result<Self> {
        let found = match input::parse(&text) {
            Ok(found) => found,
            // the text is in no known form, but it is the beginning of another protocol
            Err(_) if other_protocol::detect(&text).is_some() => return Ok(Self::Stream(text)),
            Err(error) => return Err(unreadable(error)),
        };
        Ok(match found.content {
            Content::Bytes(bytes) => Self::Stream(bytes),
            Content::Sides { client, server } => Self::Streams { client, server },
            Content::Capture(file) => Self::Capture {
                len: None,
                input: Box::new(Cursor::new(file)),
            },
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

fn open_paste() -> io::Result<Opened> {
    if io::stdin().is_terminal() {
        eprintln!("Paste the bytes in any form, and end with Ctrl-D (see --help):");
    }
    Opened::stdin(capture::MAGIC_LEN)
}

struct Printer<'a> {
    output: Output<'a>,
    options: &'a Explain,
}

impl Printer<'_> {
    /// Explains the bytes of one side.
    fn stream(&mut self, bytes: &[u8], sender: Option<Sender>) -> io::Result<Status> {
        let stream = Stream::read(bytes, self.options.mqtt, sender, self.options.show.rules());
        let is_valid = stream.records.first().is_some_and(Record::is_accepted);
        if let Some(protocol) = other_protocol::detect(bytes).filter(|_| !is_valid) {
            return self.other_protocol(protocol);
        }
        if let [only] = &stream.records[..] {
            if self.has_full_report(only) {
                return self.packet(only, &stream);
            }
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
        let transcript = Transcript {
            events,
            version: Some(stream.dialect.version()),
            order: Order::Recorded,
        };
        self.transcript(&transcript, Some(sender))
    }

    /// Whether the only packet has a full report.
    fn has_full_report(&self, record: &Record<'_>) -> bool {
        let Output {
            is_json,
            statistics,
            filter,
            ..
        } = &self.output;
        let is_shown = || {
            let event = Event::Packet(record.clone());
            let mut selection = Selection::default();
            selection.selects_event(filter, &event)
                && selection.client(filter) == Client::Wanted
                && filter.shows_event(&event)
        };
        !is_json && statistics.get().is_none() && is_shown()
    }

    /// Explains one side or both sides of a connection over WebSocket.
    fn websocket(&mut self, unwrapped: Unwrapped) -> io::Result<Status> {
        let mut worst = Status::Valid;
        if self.selects_websocket(&unwrapped) {
            for (sender, notice) in &unwrapped.notices {
                self.output.notice(*sender, notice)?;
            }
            if unwrapped.has_faults() {
                worst = Status::Invalid;
            }
        }
        let Unwrapped { client, server, .. } = unwrapped;
        let status = match (&unwrapped.refused, client.is_empty(), server.is_empty()) {
            (Some(reason), ..) => self.other_protocol(reason)?,
            (None, true, true) => Status::Valid,
            (None, false, true) => self.stream(&client, Some(Sender::Client))?,
            (None, true, false) => self.stream(&server, Some(Sender::Server))?,
            (None, false, false) => {
                let rules = self.options.show.rules();
                self.conversation(&Conversation::new(client, server, rules))?
            }
        };
        Ok(status.max(worst))
    }

    /// Whether the filter selects the rules of WebSocket. They are about no topic.
    fn selects_websocket(&self, unwrapped: &Unwrapped) -> bool {
        let filter = &self.output.filter;
        if !filter.selects() {
            return true;
        }
        let Unwrapped { client, server, .. } = unwrapped;
        let rules = self.options.show.rules();
        let conversation = Conversation::new(client.clone(), server.clone(), rules);
        let mut selection = Selection::default();
        for event in &conversation.transcript(self.options.mqtt).events {
            selection.selects_event(filter, event);
        }
        filter.topic.is_none() && selection.client(filter) == Client::Wanted
    }

    /// Prints the full report on one packet.
    fn packet(&mut self, record: &Record<'_>, stream: &Stream<'_>) -> io::Result<Status> {
        let status = Status::of(record);
        let view = self.output.view;
        let out = &mut self.output.out;
        match record.verdict {
            Verdict::Reject(error) if status == Status::NotMqtt => {
                report::not_mqtt(out, &error.to_string())?;
            }
            _ => {
                report::verdict(out, record, stream.only_version(), view)?;
                report::dialects(out, stream)?;
            }
        }
        report::details(out, record, view)?;
        if stream.unread > 0 {
            write!(out, "\n  ")?;
            report::unread(out, stream.unread)?;
        }
        Ok(status)
    }

    /// Explains both directions of a connection.
    fn conversation(&mut self, conversation: &Conversation) -> io::Result<Status> {
        if let Some(protocol) = conversation.other_protocol() {
            return self.other_protocol(protocol);
        }
        let transcript = conversation.transcript(self.options.mqtt);
        self.transcript(&transcript, None)
    }

    /// Prints a line for each packet, and the details of refused ones.
    fn transcript(
        &mut self,
        transcript: &Transcript<'_>,
        sender: Option<Sender>,
    ) -> io::Result<Status> {
        let selected = self.select(&transcript.events);
        let records = selected.iter().filter_map(|it| it.record());
        let totals = Totals::of(records);
        let is_empty = totals.packets == 0 && self.output.filter.selects();
        let Output {
            out,
            view,
            statistics,
            ..
        } = &mut self.output;
        let view = *view;
        if let Some(statistics) = statistics.get_mut() {
            selected.iter().for_each(|event| statistics.event(event));
        }
        if !self.options.show.json && !is_empty {
            report::totals(out, &totals)?;
            report::dialect(out, transcript.version, sender)?;
            report::order(out, transcript.order)?;
        }
        for event in selected {
            let is_shown = self.output.has_lines() && self.output.filter.shows_event(event);
            match self.options.show.json {
                _ if !is_shown => {}
                true => {
                    let object = report::json::event(event, view)?;
                    writeln!(self.output.out, "{object}")?;
                }
                false => report::event(&mut self.output.out, event, view)?,
            }
        }
        if !self.options.show.json {
            report::hidden(&mut self.output.out, self.output.hidden)?;
        }
        Ok(if is_empty {
            Status::NotMqtt
        } else {
            totals.status
        })
    }

    /// The events that the filter selects. Writes why there may be none.
    fn select<'e, 'b>(&mut self, events: &'e [Event<'b>]) -> Vec<&'e Event<'b>> {
        let Output { filter, hidden, .. } = &mut self.output;
        let mut selection = Selection::default();
        let is_selected = |it: &&Event<'_>| selection.selects_event(filter, it);
        let mut selected: Vec<_> = events.iter().filter(is_selected).collect();
        selection.give_up();
        hidden.unknown_topics = selection.unknown_topics;
        let client = selection.client(filter);
        if client != Client::Wanted {
            selected.clear();
        }
        let is_empty = !selected.iter().any(|it| it.record().is_some());
        match client {
            Client::Unknown | Client::Undecided => hidden.unknown_clients = 1,
            Client::Unwanted => hidden.other_clients = 1,
            Client::Wanted => hidden.connections = u64::from(filter.selects() && is_empty),
        }
        selected
    }

    fn other_protocol(&mut self, protocol: &str) -> io::Result<Status> {
        if self.options.show.json {
            let object = json!({"verdict": "not_mqtt", "message": protocol});
            writeln!(self.output.out, "{object}")?;
        } else {
            report::not_mqtt(&mut self.output.out, protocol)?;
        }
        Ok(Status::NotMqtt)
    }
}
