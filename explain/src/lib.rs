//! `mqtt-explain`: what MQTT bytes say, and which byte breaks which rule.
//!
//! This is the program as a library, for fuzzing. What is stable is the command line.

mod capture;
mod conversation;
mod dissect;
mod encode;
mod hint;
mod input;
mod json;
mod judge;
mod live;
mod order;
mod proxy;
mod report;
mod stream;
mod terms;
mod will;

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::Style;
use clap::{Args, Parser, Subcommand, ValueEnum};
use mqtt_wire::{OptionalRules, Sender, Version, Waivers};
use serde_json::{Value, json};

use crate::capture::{Capture, Flow};
use crate::conversation::{Arrival, Conversation, Event, Order, Transcript};
use crate::dissect::count;
use crate::order::Timed;
use crate::proxy::Proxy;
use crate::report::{BAD, FAINT, GOOD, UNSURE, View, WITH_WAIVER, paint};
use crate::stream::{Record, Stream, Verdict};
use crate::terms::Terms;

/// Explains MQTT bytes: a labelled tree, and which byte breaks which rule.
///
/// MQTT 3.1, 3.1.1 and 5.0, from either side. Version and side are found out where they are not
/// given. Passwords and authentication data are hidden.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_long_help = AFTER_HELP)]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    explain: Explain,
}

const AFTER_HELP: &str = "\
Examples:
  mqtt-explain 10 0d 0004 4d515454 04 0a 003c 0001 70
  mqtt-explain \"b'\\x30\\x0a\\x00\\x03a/bhello'\"
  mqtt-explain session.pcapng
  tcpdump -x -r session.pcap port 1883 | mqtt-explain
  mqtt-explain --c2s client.bin --s2c server.bin
  mqtt-explain --json --mqtt 5.0 --from server dump.bin
  mqtt-explain --json --show-secrets dump.bin | mqtt-explain encode

In captures, and where both directions of a connection are given, the rules of whole conversations
are judged too: order, answers, Packet Identifiers, limits, and in captures Keep Alive, with a
tolerance of one second, because a packet is captured later than it is sent. Without times
the order of the two directions is one that breaks the fewest rules. What follows bytes that are
missing or refused is judged like a connection whose beginning was not seen.

Exit status:
   0  everything is valid
   1  something is invalid
   2  the last packet is not all there
   3  this is not MQTT
  64  wrong usage, or the input could not be read

--json writes a line for each packet:
  {\"stream_offset\", \"length\", \"dialect\": {\"version\", \"from\"},
   \"verdict\": \"accept\" | \"reject\" | \"incomplete\", \"packet\": {...} | null,
   \"error\": {\"kind\", \"offset\", \"field\", \"statement\", \"statements\", \"reason_code\", \"waiver\"} | null,
   \"waived\": [as \"error\"],
   \"breaches\": [{\"kind\", \"from\", \"statements\", \"reason_code\"}] | null,
   \"fields\": [{\"name\", \"offset\", \"length\", \"bits\"?, \"value\", \"children\"?}]}
\"waiver\" is the name for --waive that covers the error, or null; \"waived\" has what --waive let
pass; \"breaches\" is null where the packet is not judged as part of a conversation. In captures
there are also \"connection\", \"capture_packet\" and \"seconds\". Bytes that were not looked at
have the verdict \"unread\", those that a capture lacks \"missing\", and another protocol
\"not_mqtt\".";

#[derive(Subcommand)]
enum Command {
    /// Answers lines of JSON with verdicts, for tests of other codecs
    ///
    /// Each line of the standard input
    ///   {"id": any, "version": "3.1" | "3.1.1" | "5.0", "from": "client" | "server", "hex": "..."}
    /// is answered, in order and at once, by the line
    ///   {"id", "verdict": "accept" | "reject" | "incomplete",
    ///    "error": {"kind", "offset", "field", "statement", "statements", "reason_code",
    ///              "waiver"} | null,
    ///    "packet": {...} | null, "reencoded": "hex" | null, "rest": "hex"}
    /// where "rest" is what follows the packet. Before 5.0 "reason_code" is the return code of
    /// CONNACK, if there is one for it. Nothing is hidden: not even passwords.
    ///
    /// A line with the packets of a whole conversation
    ///   {"id", "version", "packets": [{"from", "hex", "milliseconds"?}]}
    /// is answered by
    ///   {"id", "verdict": "accept" | "reject",
    ///    "breaches": [{"packet", "kind", "from", "statements", "reason_code"}],
    ///    "error": {"packet", ...} | null}
    /// where "packet" counts from 0. The first packet that is refused by itself is the "error", and
    /// ends the conversation. Keep Alive is judged where there are "milliseconds".
    ///
    /// Either line may have "waivers": ["NAME"], see --waive; if they let something pass, the answer
    /// has it in "waived": [as "error"].
    ///
    /// A line that cannot be read is answered by {"id", "verdict": "error", "message"}, and the
    /// exit status is 1 in the end; otherwise it is 0.
    #[command(verbatim_doc_comment)]
    Judge,

    /// Turns JSON back into bytes
    ///
    /// Reads what `--json` and `judge` print, one object after the other or a list of them, or
    /// packets as they stand there as "packet". Each is encoded by the rules, as short as may be;
    /// what breaks one, or has a member that the packet does not have, is not written, nor is
    /// anything after it.
    ///
    /// Version and side are those of "dialect", or "version" and "from"; else those of the options,
    /// or the only ones that the packet can have.
    ///
    ///   mqtt-explain --json --show-secrets session.bin | mqtt-explain encode > same.bin
    ///   echo '{"type": "PINGREQ"}' | mqtt-explain encode --mqtt 5.0 --hex
    ///
    /// Exit status:
    ///    0  everything is written
    ///    1  a packet breaks a rule, or was refused when it was read
    ///   64  wrong usage, or the input could not be read
    #[command(verbatim_doc_comment)]
    Encode(encode::Options),

    /// Shows what clients and a server say to each other, while they do
    ///
    /// Clients connect to this program, which passes all bytes on to the server and back as they
    /// are, whatever they are, and shows each packet like those of a capture: what breaks a rule,
    /// how each connection ends, and whether the server then has to publish the Will. Lines begin
    /// with the number of the connection and the seconds since it began.
    ///
    ///   mqtt-explain proxy --listen 127.0.0.1:1884 --upstream 127.0.0.1:1883
    ///
    /// Nothing waits for what is shown: what passes faster is told as a number of bytes. Packets of
    /// more than a megabyte are passed on, but not looked at. A packet that is not whole after a
    /// second is told as incomplete, and told again when it is whole.
    ///
    /// The lines of --json are those of captures, with the "number" of the connection. Their
    /// "verdict" may also be "opened", "closed" and "reset" ("from" tells the side), "failed" (the
    /// server cannot be reached), and at last "ended", with the number of "packets", of those
    /// "refused" and "breaking" a rule of the conversation, and
    ///   "will": {"fate": "publish" | "discard", "seconds", "unless", "cause", "statement",
    ///            "topic"} | null
    ///
    /// It ends with --once, or when nobody reads what is shown any more.
    #[command(verbatim_doc_comment)]
    Proxy(Proxy),
}

#[derive(Args)]
struct Explain {
    /// The bytes in hex, or a file; without it, or with `-`, the standard input is read
    ///
    /// Besides hex, and in files and the standard input too: xxd, hexdump -C, tcpdump -x, a list
    /// of numbers as in most languages, an Erlang binary, a string with escapes, base64, the bytes
    /// as they are, pcap and pcapng.
    #[arg(value_name = "BYTES|FILE")]
    input: Vec<String>,

    /// A file to read
    #[arg(short, long, value_name = "FILE", conflicts_with = "input")]
    file: Option<PathBuf>,

    /// What the client of a connection sent
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "file", "from"])]
    c2s: Option<PathBuf>,

    /// What the server of a connection sent
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "file", "from"])]
    s2c: Option<PathBuf>,

    /// The version of MQTT: 3.1, 3.1.1 or 5.0
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    mqtt: Option<Version>,

    /// Who sent the bytes
    #[arg(long, value_name = "SIDE")]
    from: Option<Side>,

    /// In a capture, only connections with this TCP port, whatever is in them
    #[arg(long)]
    port: Option<u16>,

    #[command(flatten)]
    look: Look,
}

/// How to look at packets.
#[derive(Args)]
struct Look {
    /// Rules not to insist on; what they let pass is told
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = terms::waiver_parser()
    )]
    waive: Vec<Waivers>,

    /// Rules to insist on where the standard leaves it to the receiver
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = terms::rule_parser()
    )]
    enforce: Vec<OptionalRules>,

    /// The fields of every packet, where there are several
    #[arg(short, long)]
    tree: bool,

    /// Everything in full length
    #[arg(long)]
    full: bool,

    /// Passwords and authentication data too
    #[arg(long)]
    show_secrets: bool,

    /// A line of JSON for each packet
    #[arg(long)]
    json: bool,

    /// Colours; `auto` is on terminals only, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Look {
    fn terms(&self) -> Terms {
        let waivers = self.waive.iter().copied();
        let rules = self.enforce.iter().copied();
        Terms {
            waivers: waivers.fold(Waivers::NONE, Waivers::with),
            rules: rules.fold(OptionalRules::NONE, OptionalRules::with),
        }
    }

    fn view(&self) -> View {
        View {
            full: self.full,
            show_secrets: self.show_secrets,
        }
    }

    /// The standard output, in colours or without.
    fn output(&self) -> Box<dyn Write> {
        let stdout = io::stdout();
        let color = match self.color {
            Color::Auto => anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        let stdout = stdout.lock();
        if color {
            Box::new(BufWriter::new(stdout))
        } else {
            Box::new(BufWriter::new(anstream::StripStream::new(stdout)))
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    Client,
    Server,
}

impl From<Side> for Sender {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

fn parse_version(text: &str) -> Result<Version, String> {
    match text {
        "3" | "3.1" => Ok(Version::V3_1),
        "4" | "3.1.1" => Ok(Version::V3_1_1),
        "5" | "5.0" => Ok(Version::V5),
        _ => Err(String::from("the versions are 3.1, 3.1.1 and 5.0")),
    }
}

/// How it ended, the better first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    #[default]
    Valid,
    Incomplete,
    Invalid,
    NotMqtt,
}

impl Status {
    /// The verdict, and how to paint it.
    fn word(self, is_waived: bool) -> (Style, &'static str) {
        match self {
            Self::Valid if is_waived => (UNSURE, WITH_WAIVER),
            Self::Valid => (GOOD, "VALID"),
            Self::Incomplete => (UNSURE, "INCOMPLETE"),
            Self::Invalid => (BAD, "INVALID"),
            Self::NotMqtt => (BAD, "NOT MQTT"),
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Valid => 0,
            Status::Invalid => 1,
            Status::Incomplete => 2,
            Status::NotMqtt => 3,
        })
    }
}

const UNUSABLE: u8 = 64;

/// The program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // nobody is left to tell
            let _ = message.print();
            return ExitCode::from(if message.use_stderr() { UNUSABLE } else { 0 });
        }
    };
    let done = match cli.command {
        Some(Command::Judge) => judge::run(io::stdin().lock(), BufWriter::new(io::stdout().lock()))
            .map(|all_read| ExitCode::from(u8::from(!all_read))),
        Some(Command::Encode(options)) => encode::run(&options),
        Some(Command::Proxy(options)) => proxy::run(&options).map(ExitCode::from),
        None => explain(&cli.explain),
    };
    match done {
        Ok(status) => status,
        // the reader has seen enough
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mqtt-explain: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Explains what a file holds, in the words that `args` ask for: options of the command line,
/// after the name of the program.
///
/// # Errors
///
/// Wrong options, an input of no known form, and what writing says.
pub fn explain_bytes(args: &[&str], input: Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    let options = Cli::try_parse_from(args).map_err(io::Error::other)?.explain;
    let bytes = Bytes::parse(input, &options)?;
    print(bytes, &options, Box::new(out)).map(drop)
}

fn explain(options: &Explain) -> io::Result<ExitCode> {
    let bytes = Bytes::read(options)?;
    if let Bytes::Capture(capture) = &bytes {
        if let Some(place) = capture.broken_at {
            eprintln!("mqtt-explain: the capture cannot be read further than byte {place}");
        }
    }
    print(bytes, options, options.look.output()).map(ExitCode::from)
}

fn print<'a>(bytes: Bytes, options: &'a Explain, out: Box<dyn Write + 'a>) -> io::Result<Status> {
    let mut printer = Printer {
        out,
        options,
        view: options.look.view(),
    };
    let status = match bytes {
        Bytes::Stream(bytes) => printer.stream(&bytes)?,
        Bytes::Streams(client, server) => {
            let conversation = Conversation::of_streams(client, server, options.look.terms());
            printer.conversation(&conversation, None)?
        }
        Bytes::Capture(capture) => printer.capture(&capture.flows)?,
    };
    printer.out.flush()?;
    Ok(status)
}

/// What there is to explain.
enum Bytes {
    Stream(Vec<u8>),
    Streams(Vec<u8>, Vec<u8>),
    Capture(Capture),
}

impl Bytes {
    fn read(options: &Explain) -> io::Result<Self> {
        if options.c2s.is_some() || options.s2c.is_some() {
            let side = |path: &Option<PathBuf>| match path {
                Some(path) => read_file(path),
                None => Ok(Vec::new()),
            };
            return Ok(Self::Streams(side(&options.c2s)?, side(&options.s2c)?));
        }
        let text = match (&options.file, &options.input[..]) {
            (Some(path), _) => read_file(path)?,
            (None, []) => read_stdin()?,
            (None, [dash]) if dash == "-" => read_stdin()?,
            (None, [path]) if Path::new(path).is_file() && !is_hex(path) => {
                read_file(Path::new(path))?
            }
            (None, bytes) => bytes.join(" ").into_bytes(),
        };
        Self::parse(text, options)
    }

    fn parse(text: Vec<u8>, options: &Explain) -> io::Result<Self> {
        let unreadable = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let found = match input::parse(&text) {
            Ok(found) => found,
            // text that is the beginning of another protocol is no paste format, but clear enough
            Err(_) if hint::foreign(&text).is_some() => return Ok(Self::Stream(text)),
            Err(error) => {
                let only = options.file.is_none() && options.input.len() == 1;
                let no_file = if only { "; nor is it a file" } else { "" };
                return Err(unreadable(format!("{error}{no_file}")));
            }
        };
        if found.format != input::Format::Capture {
            return Ok(Self::Stream(found.bytes));
        }
        capture::read_capture(&found.bytes, options.port)
            .map(Self::Capture)
            .map_err(|error| unreadable(error.to_string()))
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let name =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    fs::read(path).map_err(name)
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!("Paste the bytes in any form and end with Ctrl-D (--help tells more):");
    }
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_hex(text: &str) -> bool {
    text.len() % 2 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes what is found out.
struct Printer<'a> {
    out: Box<dyn Write + 'a>,
    options: &'a Explain,
    view: View,
}

impl Printer<'_> {
    /// Bytes of one side.
    fn stream(&mut self, bytes: &[u8]) -> io::Result<Status> {
        let sender = self.options.from.map(Sender::from);
        let stream = Stream::read(bytes, self.options.mqtt, sender, self.options.look.terms());
        let is_valid = stream.records.first().is_some_and(Record::is_accepted);
        if let Some(what) = hint::foreign(bytes).filter(|_| !is_valid) {
            self.not_mqtt(None, what)?;
            return Ok(Status::NotMqtt);
        }
        let sender = stream.dialect.sender();
        let version = stream.dialect.version();
        let status = match (&stream.records[..], self.options.look.json) {
            ([only], false) => self.packet(only, &stream)?,
            _ => {
                let unread = stream.unread;
                let mut events: Vec<Timed<'_>> = stream
                    .records
                    .into_iter()
                    .map(|record| (None, Event::Packet(record)))
                    .collect();
                if unread > 0 {
                    events.push((None, Event::Unread(sender, unread)));
                }
                let transcript = Transcript {
                    events,
                    version: Some(version),
                    order: Order::Known,
                };
                self.transcript(&transcript, Some(sender), None)?
            }
        };
        Ok(status)
    }

    /// The full report on one packet.
    fn packet(&mut self, record: &Record<'_>, stream: &Stream<'_>) -> io::Result<Status> {
        let status = status_of(record);
        let out = &mut *self.out;
        if status == Status::NotMqtt {
            paint(out, BAD, "NOT MQTT")?;
            write!(out, "  ")?;
            report::line(out, record, self.view)?;
        } else {
            report::verdict(out, record, stream.only_version(), self.view)?;
            report::fits(out, stream)?;
        }
        report::details(out, record, self.view)?;
        if stream.unread > 0 {
            write!(out, "\n  ")?;
            report::unread(out, stream.unread)?;
        }
        Ok(status)
    }

    /// Both directions of a connection.
    fn conversation(
        &mut self,
        conversation: &Conversation,
        flow: Option<&Flow>,
    ) -> io::Result<Status> {
        if let Some(what) = conversation.foreign() {
            self.not_mqtt(flow, what)?;
            return Ok(Status::NotMqtt);
        }
        let transcript = conversation.transcript(self.options.mqtt);
        self.transcript(&transcript, None, flow)
    }

    fn capture(&mut self, flows: &[Flow]) -> io::Result<Status> {
        const PORTS: [u16; 2] = [1883, 8883];
        let mut statuses = Vec::new();
        let mut others = 0;
        for flow in flows {
            let conversation = Conversation::of_flow(flow, self.options.look.terms());
            let on_port = PORTS.contains(&flow.server.port()) && !flow.segments.is_empty();
            if !on_port && self.options.port.is_none() && !conversation.begins_with_connect() {
                others += 1;
                continue;
            }
            if !statuses.is_empty() && !self.options.look.json {
                writeln!(self.out)?;
            }
            statuses.push(self.conversation(&conversation, Some(flow))?);
        }
        if !self.options.look.json && (others > 0 || statuses.is_empty()) {
            let number = count(others, "TCP connection");
            let text = match (statuses.is_empty(), others) {
                (true, 0) => String::from("no TCP connection in this capture\n"),
                (true, _) => format!("no MQTT in this capture: {number} (see --port)\n"),
                (false, _) => format!("\n{number} without MQTT\n"),
            };
            paint(&mut *self.out, FAINT, &text)?;
        }
        // one connection without MQTT says nothing about the others
        let of_mqtt = statuses.into_iter().filter(|it| *it != Status::NotMqtt);
        Ok(of_mqtt.max().unwrap_or(Status::NotMqtt))
    }

    /// A line for each packet, and more for those that are refused.
    fn transcript(
        &mut self,
        transcript: &Transcript<'_>,
        sender: Option<Sender>,
        flow: Option<&Flow>,
    ) -> io::Result<Status> {
        let packets: Vec<&Record<'_>> = transcript.packets().collect();
        let status = match packets.first().map(|record| status_of(record)) {
            Some(Status::NotMqtt) => Status::NotMqtt,
            _ => packets
                .iter()
                .map(|record| status_of(record).min(Status::Invalid))
                .max()
                .unwrap_or(Status::Valid),
        };
        if self.options.look.json {
            for (arrival, event) in &transcript.events {
                self.json_event(*arrival, event, flow)?;
            }
            return Ok(status);
        }
        self.header(&packets, status, transcript.version, sender, flow)?;
        report::order(&mut *self.out, transcript.order)?;
        for (arrival, event) in &transcript.events {
            let out = &mut *self.out;
            if let Some(arrival) = arrival {
                report::place(out, arrival.packet, arrival.time)?;
            }
            report::event(out, event, self.options.look.tree, self.view)?;
        }
        Ok(status)
    }

    /// The verdict on several packets.
    fn header(
        &mut self,
        packets: &[&Record<'_>],
        status: Status,
        version: Option<Version>,
        sender: Option<Sender>,
        flow: Option<&Flow>,
    ) -> io::Result<()> {
        let refused = packets.iter().filter(|record| record.is_refused()).count();
        let breaking = packets
            .iter()
            .filter(|record| record.has_breaches())
            .count();
        let out = &mut *self.out;
        let waived = packets.iter().any(|record| !record.waived.is_empty());
        let (style, word) = status.word(waived);
        paint(out, style, word)?;
        write!(out, "  ")?;
        if let Some(flow) = flow {
            write!(out, "{} → {}: ", flow.client, flow.server)?;
        }
        report::numbers(out, packets.len(), refused, breaking)?;
        if let Some(version) = version {
            write!(out, ", MQTT {version}")?;
        }
        match sender {
            Some(Sender::Client) => write!(out, " from the client")?,
            Some(Sender::Server) => write!(out, " from the server")?,
            None => {}
        }
        writeln!(out)
    }

    fn json_event(
        &mut self,
        arrival: Option<Arrival>,
        event: &Event<'_>,
        flow: Option<&Flow>,
    ) -> io::Result<()> {
        let mut object = json::event(event, self.view)?;
        if let Some(members) = object.as_object_mut() {
            if let Some(flow) = flow {
                members.insert("connection".into(), connection_name(flow));
            }
            if let Some(arrival) = arrival {
                members.insert("capture_packet".into(), arrival.packet.into());
                members.insert("seconds".into(), arrival.time.as_secs_f64().into());
            }
        }
        writeln!(self.out, "{object}")
    }

    fn not_mqtt(&mut self, flow: Option<&Flow>, what: &str) -> io::Result<()> {
        if self.options.look.json {
            let connection = flow.map(connection_name);
            let object = json!({
                "verdict": "not_mqtt", "message": what, "connection": connection
            });
            return writeln!(self.out, "{object}");
        }
        let out = &mut *self.out;
        paint(out, BAD, "NOT MQTT")?;
        write!(out, "  ")?;
        if let Some(flow) = flow {
            write!(out, "{} → {}: ", flow.client, flow.server)?;
        }
        writeln!(out, "{what}")
    }
}

fn status_of(record: &Record<'_>) -> Status {
    match record.verdict {
        Verdict::Accept(_) if record.has_breaches() => Status::Invalid,
        Verdict::Accept(_) => Status::Valid,
        Verdict::Incomplete(_) => Status::Incomplete,
        Verdict::Reject(error) if hint::is_no_packet(error) => Status::NotMqtt,
        Verdict::Reject(_) => Status::Invalid,
    }
}

fn connection_name(flow: &Flow) -> Value {
    Value::from(format!("{} > {}", flow.client, flow.server))
}
