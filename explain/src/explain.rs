//! Explains bytes, streams and captures.

use std::io::{self, Cursor, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use mqtt_wire::Sender;
use serde_json::json;

use crate::capture;
use crate::cli::Explain;
use crate::conversation::{Conversation, Transcript};
use crate::event::{Event, Record, Status, Totals, Verdict};
use crate::files::{Opened, read_file};
use crate::order::Order;
use crate::report::{self, View};
use crate::stream::Stream;
use crate::{hex, input, other_protocol, replay};

/// Reads the input that the options name, and prints the explanation.
pub fn run(options: &Explain) -> io::Result<Status> {
    let source = Source::read(options)?;
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
            let conversation = Conversation::new(client, server, options.show.rules());
            printer.conversation(&conversation)?
        }
        Source::Capture { input, len } => {
            return replay::run(input, len, options, printer.out);
        }
    };
    printer.out.flush()?;
    Ok(status)
}

/// The bytes to explain.
pub enum Source {
    /// One side of a connection.
    Stream(Vec<u8>),
    /// Both sides of a connection.
    Streams { client: Vec<u8>, server: Vec<u8> },
    /// A pcap or pcapng file, which is read while it is explained.
    Capture {
        input: Box<dyn Read>,
        /// Its length, if it is known.
        len: Option<u64>,
    },
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
        let opened = match (&options.file, &options.input[..]) {
            (Some(path), _) => Opened::file(path, capture::MAGIC_LEN)?,
            (None, []) => open_paste()?,
            (None, [dash]) if dash == "-" => open_paste()?,
            (None, [path]) if Path::new(path).is_file() && hex::decode(path).is_none() => {
                Opened::file(Path::new(path), capture::MAGIC_LEN)?
            }
            (None, bytes) => return Self::parse(bytes.join(" ").into_bytes(), options),
        };
        if capture::is_capture(&opened.head) {
            return Ok(Self::Capture {
                len: opened.len,
                input: Box::new(opened.into_reader()),
            });
        }
        Self::parse(opened.read_all()?, options)
    }

    /// Finds the bytes in the content of a file, or in pasted text.
    pub fn parse(text: Vec<u8>, options: &Explain) -> io::Result<Self> {
        let unreadable = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let found = match input::parse(&text) {
            Ok(found) => found,
            // the text is in no known form, but it is the beginning of another protocol
            Err(_) if other_protocol::detect(&text).is_some() => return Ok(Self::Stream(text)),
            Err(error) => {
                let may_be_a_path = options.file.is_none() && options.input.len() == 1;
                let no_file = if may_be_a_path {
                    "; no file has this name"
                } else {
                    ""
                };
                return Err(unreadable(format!("{error}{no_file}")));
            }
        };
        if found.format != input::Format::Capture {
            return Ok(Self::Stream(found.bytes));
        }
        Ok(Self::Capture {
            len: None,
            input: Box::new(Cursor::new(found.bytes)),
        })
    }
}

fn open_paste() -> io::Result<Opened> {
    if io::stdin().is_terminal() {
        eprintln!("Paste the bytes in any form, and end with Ctrl-D (see --help):");
    }
    Opened::stdin(capture::MAGIC_LEN)
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
            return self.other_protocol(protocol);
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
        let transcript = Transcript {
            events,
            version: Some(stream.dialect.version()),
            order: Order::Recorded,
        };
        self.transcript(&transcript, Some(sender))
    }

    /// Prints the full report on one packet.
    fn packet(&mut self, record: &Record<'_>, stream: &Stream<'_>) -> io::Result<Status> {
        let status = Status::of(record);
        let out = &mut *self.out;
        match record.verdict {
            Verdict::Reject(error) if status == Status::NotMqtt => {
                report::not_mqtt(out, &error.to_string())?;
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
        let totals = Totals::of(transcript.packets());
        if self.options.show.json {
            for event in &transcript.events {
                let object = report::json::event(event, self.view)?;
                writeln!(self.out, "{object}")?;
            }
            return Ok(totals.status);
        }
        let out = &mut *self.out;
        report::totals(out, &totals)?;
        report::dialect(out, transcript.version, sender)?;
        report::order(out, transcript.order)?;
        for event in &transcript.events {
            report::event(out, event, self.view)?;
        }
        Ok(totals.status)
    }

    fn other_protocol(&mut self, protocol: &str) -> io::Result<Status> {
        if self.options.show.json {
            let object = json!({"verdict": "not_mqtt", "message": protocol});
            writeln!(self.out, "{object}")?;
        } else {
            report::not_mqtt(&mut *self.out, protocol)?;
        }
        Ok(Status::NotMqtt)
    }
}
