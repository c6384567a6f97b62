//! The command line.

mod rule_names;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use mqtt_wire::{OptionalRules, Sender, TopicFilterBuf, Version, Waivers};

use crate::clock;
use crate::decode_rules::DecodeRules;
use crate::dissect::Secrets;
use crate::event::Status;
use crate::filter::Filter;
use crate::report::{Hidden, Output, Times, View};
use crate::statistics::Wanted;
use crate::terminal::{self, Plain, TextLines};

/// Explains MQTT bytes: a labelled tree, and which byte breaks which rule.
///
/// Supports MQTT 3.1, 3.1.1 and 5.0, from clients and servers. Without --mqtt and --from, version
/// and side are detected. Passwords and authentication data are hidden.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_long_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub explain: Explain,
}

/// The names of the commands.
pub fn command_names() -> Vec<String> {
    let mut cli = Cli::command();
    cli.build();
    let names = cli.get_subcommands().map(|it| it.get_name().to_owned());
    names.collect()
}

const AFTER_HELP: &str = "\
Examples:
  mqtt-explain 10 0d 0004 4d515454 04 0a 003c 0001 70
  mqtt-explain \"b'\\x30\\x0a\\x00\\x03a/bhello'\"
  mqtt-explain session.pcapng
  mqtt-explain --only-invalid --client-id sensor-7 session.pcapng
  mqtt-explain --summary session.pcapng
  tcpdump -U -w - port 1883 | mqtt-explain
  tcpdump -x -r session.pcap port 1883 | mqtt-explain
  mqtt-explain --c2s client.bin --s2c server.bin
  mqtt-explain --json --mqtt 5.0 --from server dump.bin
  mqtt-explain --json --show-secrets dump.bin | mqtt-explain encode

With a capture, or with both directions of a connection, the rules between packets are checked too:
order, answers, Packet Identifiers, limits, and in captures Keep Alive. Keep Alive has a tolerance
of one second, because a packet is captured later than it was sent. If the order of the two
directions was not recorded, the program assumes an order that breaks the fewest rules. After
missing or refused bytes, it assumes that earlier packets may have passed unseen.

A capture is printed as it is read: all connections in the order of time, each line with the number
of the packet, the seconds since the first packet, the number of the connection, and the offset in
its direction. Fragments are put together, and repeated or reordered packets are put in order.
Where bytes are missing from the capture, nothing is reported about packets that rest on them. The
last lines name what was not read.

MQTT over WebSocket is read in captures and in streams that begin with the HTTP request or response:
fragments, control frames and permessage-deflate, too. In captures, a request for a WebSocket counts
as MQTT if its subprotocol or path has the name, or on a port of MQTT. Broken rules of WebSocket are
shown, each kind once for each direction.

Exit status:
   0  everything is valid
   1  something is invalid
   2  the last packet is incomplete
   3  the bytes are not MQTT, or nothing matches --client-id and --topic
  64  wrong usage, or the input cannot be read

Text is ASCII if the first of LC_ALL, LC_CTYPE and LANG that has a value names a locale without
UTF-8. JSON is always UTF-8.

--json prints a line for each packet:
  {\"stream_offset\", \"length\", \"dialect\": {\"version\", \"from\"},
   \"verdict\": \"accept\" | \"reject\" | \"incomplete\", \"packet\": {...} | null,
   \"error\": {\"kind\", \"offset\", \"field\", \"statement\", \"statements\", \"reason_code\", \"waiver\"} | null,
   \"waived\": [like \"error\"],
   \"breaches\": [{\"kind\", \"from\", \"statements\", \"reason_code\"}] | null,
   \"fields\": [{\"name\", \"offset\", \"length\", \"bits\"?, \"value\", \"children\"?}]}
\"waiver\" is the name for --waive that covers the error, or null. \"waived\" holds the errors that
--waive covered. \"breaches\" is null if the rules between packets were not checked. The verdict is
\"unread\" for bytes that were not decoded, and \"not_mqtt\" for another protocol.

WebSocket adds lines with the verdict \"websocket\", \"from\" and an \"event\": \"request\" (\"target\",
\"subprotocols\"), \"accepted\" (\"subprotocol\", \"extensions\"), \"ping\" and \"pong\" (\"length\"), \"close\"
(\"code\", \"reason\"), and \"fault\" (\"kind\", \"statements\").

Captures add \"connection\", \"number\" (of the connection), \"capture_packet\" and \"seconds\" (since the
first packet). They have more verdicts: \"opened\", \"missing\" (bytes that are not in the capture),
\"changed\" (bytes were sent again and differ), \"closed\" and \"reset\" (\"from\" is the side). \"ended\",
or \"open\" if the capture ends before the connection, has the totals and the \"will\", as in `proxy`.
The last line has the verdict \"capture\", with the number of \"packets\" and \"connections\", and of the
packets that were \"not_read\". If the file is damaged, \"damage\" has the \"record\" (a packet, or in
pcapng a block), its \"offset\" in the file and the \"kind\": \"cut\" if the file ends inside it, or
\"invalid\". The exit status is then about what precedes. With a filter, the line also has the numbers
that are \"not_shown\". With --time clock or utc, each line has a \"time\".

--json --summary prints one object:
  {\"verdict\": \"summary\", \"packets\", \"bytes\", \"seconds\", \"connections\", \"ended\": {how: number},
   \"by_type\": [{\"type\", \"from\", \"packets\", \"bytes\"}], \"unread_bytes\", \"missing_bytes\", \"invalid\",
   \"websocket\", \"violations\": [{\"statement\", \"section\", \"rule\", \"number\"}],
   \"acknowledgements\": [{\"request\", \"answer\", \"number\", \"mean_seconds\",
                         \"slowest\": [{\"seconds\", \"connection\", \"packet_id\", \"sent_at\"}]}],
   \"untimed\", \"capture\": like the last line}";

const ENCODE_EXAMPLES: &str = r#"Examples of each packet type, in 5.0. "properties" may be left out, and before 5.0 have to be.
Data is hex: a payload, a password, Correlation Data and Authentication Data.

With --mqtt 5.0 --from client:
  {"type": "CONNECT", "version": "5.0", "clean_start": true, "keep_alive": 60,
   "properties": [{"session_expiry_interval": 3600}], "client_id": "sensor",
   "will": {"qos": 1, "retain": true, "properties": [{"will_delay_interval": 5}],
            "topic": "status", "payload": "6f6666"},
   "user_name": "me", "password": "736563726574"}
  {"type": "PUBLISH", "qos": 1, "dup": false, "packet_id": 1, "retain": false,
   "topic_name": "a/b", "properties": [{"message_expiry_interval": 60}], "payload": "6869"}
  {"type": "PUBACK", "packet_id": 1, "reason_code": "0x00"}
  {"type": "PUBREC", "packet_id": 2, "reason_code": "0x97",
   "properties": [{"reason_string": "quota"}]}
  {"type": "PUBREL", "packet_id": 2, "reason_code": "0x00"}
  {"type": "PUBCOMP", "packet_id": 2, "reason_code": "0x00"}
  {"type": "SUBSCRIBE", "packet_id": 3, "properties": [{"subscription_identifier": 7}],
   "subscriptions": [{"filter": "a/#", "qos": 1, "no_local": false,
                      "retain_as_published": false, "retain_handling": 0}]}
  {"type": "UNSUBSCRIBE", "packet_id": 4, "topic_filters": ["a/#"]}
  {"type": "PINGREQ"}
  {"type": "DISCONNECT", "reason_code": "0x04"}
  {"type": "AUTH", "reason_code": "0x18",
   "properties": [{"authentication_method": "SCRAM"}, {"authentication_data": "6869"}]}

With --mqtt 5.0 --from server:
  {"type": "CONNACK", "session_present": false, "reason_code": "0x00",
   "properties": [{"receive_maximum": 20}, {"user_property": ["name", "value"]}]}
  {"type": "SUBACK", "packet_id": 3, "reason_codes": ["0x01"]}
  {"type": "UNSUBACK", "packet_id": 4, "reason_codes": ["0x00"]}
  {"type": "PINGRESP"}"#;

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant)] // there is one value
pub enum Command {
    /// Reads packets as lines of JSON and prints verdicts, to test other codecs
    ///
    ///   mqtt-explain judge < questions.jsonl
    ///
    /// Each line of the standard input
    ///   {"id": any, "version": "3.1" | "3.1.1" | "5.0", "from": "client" | "server", "hex": "..."}
    /// gets one line as the answer, in order and without delay:
    ///   {"id", "verdict": "accept" | "reject" | "incomplete",
    ///    "error": {"kind", "offset", "field", "statement", "statements", "reason_code",
    ///              "waiver"} | null,
    ///    "packet": {...} | null, "reencoded": "hex" | null, "rest": "hex"}
    /// "rest" holds the bytes after the packet. Before 5.0, "reason_code" is the return code of
    /// CONNACK, if there is one. Nothing is hidden, not even passwords.
    ///
    /// A line can hold the packets of a conversation:
    ///   {"id", "version", "packets": [{"from", "hex", "milliseconds"?}]}
    /// Its answer is
    ///   {"id", "verdict": "accept" | "reject",
    ///    "breaches": [{"packet", "kind", "from", "statements", "reason_code"}],
    ///    "error": {"packet", ...} | null}
    /// "packet" counts from 0. The first refused packet is the "error" and ends the conversation.
    /// Keep Alive is checked if the packets have "milliseconds".
    ///
    /// Both kinds of line can have "waivers": ["NAME"] (see --waive). The answer then lists the
    /// errors that a waiver covered: "waived": [like "error"].
    ///
    /// The answer to an unreadable line is {"id", "verdict": "error", "message"}. The message has
    /// the number of the line, and the member that is wrong, unknown or there twice. Blank lines
    /// have no answers.
    ///
    /// Exit status:
    ///    0  all lines were read
    ///    1  a line could not be read
    #[command(verbatim_doc_comment)]
    Judge,

    /// Turns JSON back into bytes
    ///
    ///   mqtt-explain --json --show-secrets session.bin | mqtt-explain encode > same.bin
    ///   echo '{"type": "PINGREQ"}' | mqtt-explain encode --mqtt 5.0 --hex
    ///
    /// The input is the output of `--json` or of `judge`, or packets in the form of their member
    /// "packet", one after the other or in a list. Each packet is written in its shortest form.
    /// The first packet that breaks a rule, or has a member that is unknown or there twice, ends
    /// the output.
    ///
    /// Version and side come from "dialect", or from "version" and "from". If they are absent,
    /// they come from the options, or the packet allows only one.
    ///
    /// Exit status:
    ///    0  everything is written
    ///    1  a packet breaks a rule, or the input says that it was refused
    ///   64  wrong usage, or the input cannot be read
    #[command(verbatim_doc_comment, after_long_help = ENCODE_EXAMPLES)]
    Encode(EncodeOptions),

    /// Forwards connections to a server, and shows their packets live
    ///
    ///   mqtt-explain proxy --listen 127.0.0.1:1884 --upstream 127.0.0.1:1883
    ///
    /// Clients connect to this program instead of the server. All bytes of MQTT are forwarded unchanged.
    /// Each packet is shown as in a capture, with the rules that it breaks. At the end of each
    /// connection, the output has its cause, and whether the server must publish the Will. Lines
    /// begin with the number of the connection and the seconds since its beginning.
    ///
    ///   mqtt-explain proxy --listen 0.0.0.0:8883 --cert FILE --key FILE --upstream mqtts://HOST
    ///
    /// With --cert, clients use TLS; with mqtts:// and wss://, the proxy uses TLS towards the server.
    /// Both directions are decrypted here. Clients have to trust the certificate of the proxy.
    ///
    /// Clients may use WebSocket, and with ws:// and wss:// the server does. If both do, their bytes
    /// are forwarded unchanged, but the request gets the host of the URL, and its path if it has one.
    /// If only one side does, the proxy puts the bytes of MQTT into frames or takes them out, answers
    /// pings, and ends the connection after a text frame. It offers the subprotocol mqtt, and of those
    /// that a client offers it selects mqtt, or else one that begins like it. The path for clients
    /// without WebSocket is /mqtt by default.
    ///
    /// Forwarding never waits for the output: bytes that arrive faster than they can be shown are
    /// counted and skipped. Packets of more than a megabyte are forwarded and not decoded. A
    /// packet that is incomplete for a second is shown as incomplete, and again when it is
    /// complete. --write has the same bytes as the output; where some were skipped, it has a gap.
    ///
    /// The lines of --json are those of captures, with the "number" of the connection. More
    /// verdicts are "opened", "closed" and "reset" ("from" is the side), "failed" (the connection
    /// cannot be forwarded, and there is no verdict about the client), and at last "ended", with
    /// the number of "packets", of those "refused" and of those "breaking" a rule of the
    /// conversation, the number of broken rules of "websocket", and
    ///   "will": {"fate": "publish" | "discard", "seconds", "unless", "cause", "statement",
    ///            "topic"} | null
    ///
    /// Ctrl-C and SIGTERM end the program. With --summary it then shows the summary, else the totals
    /// of all connections, with the verdict "totals" and "connections", "open", "failed",
    /// "packets": {"client", "server"}, "refused", "breaking" and "websocket". A second Ctrl-C ends
    /// it at once. When its output is closed, it accepts no more connections, and ends after the
    /// last one that is open. With --once, it ends after the first connection.
    ///
    /// Exit status:
    ///    0  everything is valid
    ///    1  something is invalid
    ///    2  the last packet of a connection is incomplete
    ///    3  the bytes of a connection are not MQTT
    ///   64  wrong usage, the file cannot be written, or with --once the server cannot be reached
    #[command(verbatim_doc_comment)]
    Proxy(ProxyOptions),

    /// Prints a script that completes the command line in a shell
    ///
    ///   mqtt-explain completions bash > ~/.local/share/bash-completion/completions/mqtt-explain
    ///   mqtt-explain completions zsh > "${fpath[1]}/_mqtt-explain"
    ///   mqtt-explain completions fish > ~/.config/fish/completions/mqtt-explain.fish
    #[command(verbatim_doc_comment)]
    Completions { shell: Shell },

    /// Prints the manual page of the program, or of one of its commands
    ///
    ///   mqtt-explain man | man -l -
    ///   mqtt-explain man proxy > mqtt-explain-proxy.1
    #[command(verbatim_doc_comment)]
    Man {
        #[arg(value_parser = ["judge", "encode", "proxy", "completions", "man"])]
        command: Option<String>,
    },
}

#[derive(Args, Default)]
pub struct Explain {
    /// The bytes in hex, or a file; by default or for `-`, the standard input
    ///
    /// Files and the standard input may hold raw bytes or a pcap or pcapng capture, both also with
    /// gzip, or text: hex in any grouping, in code, in JSON or in a log; a dump of xxd, hexdump, od,
    /// gdb, tcpdump -x, ngrep -x or socat -x; strace; Follow Stream of Wireshark; a table of Saleae
    /// Logic; a list of numbers as in most languages; bits, decimal and octal numbers; an Erlang
    /// binary; a string with escapes; or base64. Text with two readings is an error.
    #[arg(value_name = "BYTES|FILE")]
    pub input: Vec<String>,

    /// Reads a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "input")]
    pub file: Option<PathBuf>,

    /// The bytes that the client of a connection sent, in any form
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "file", "from"])]
    pub c2s: Option<PathBuf>,

    /// The bytes that the server of a connection sent, in any form
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "file", "from"])]
    pub s2c: Option<PathBuf>,

    /// The version of MQTT: 3.1, 3.1.1 or 5.0
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub mqtt: Option<Version>,

    /// The side that sent the bytes
    #[arg(long, value_name = "SIDE")]
    pub from: Option<Side>,

    /// In a capture, reads all connections with this TCP port and no others
    #[arg(long)]
    pub port: Option<u16>,

    #[command(flatten)]
    pub show: ShowOptions,
}

#[derive(Args)]
pub struct EncodeOptions {
    /// A file of JSON; by default or for `-`, the standard input
    #[arg(value_name = "FILE")]
    pub input: Option<PathBuf>,

    /// The version of packets without a version: 3.1, 3.1.1 or 5.0
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub mqtt: Option<Version>,

    /// Writes only the packets of this side; it is the side of packets without one
    #[arg(long, value_name = "SIDE")]
    pub from: Option<Side>,

    /// Writes a line of hex for each packet
    #[arg(long)]
    pub hex: bool,
}

#[derive(Args, Default)]
pub struct ProxyOptions {
    /// The address to which clients connect
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: String,

    /// The server: mqtt:// (TCP, the default, port 1883), mqtts:// (TLS, port 8883), ws:// (WebSocket,
    /// port 80) or wss:// (WebSocket and TLS, port 443)
    #[arg(long, value_name = "[SCHEME://]HOST[:PORT][/PATH]")]
    pub upstream: String,

    /// Clients have to use TLS, with this certificate of the proxy and the chain behind it (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// The authorities, or the certificate of the server, to trust instead of those of the system
    /// (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Writes the bytes of MQTT to a pcapng file, without TLS and WebSocket, as TCP on port 1883 of
    /// the server
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Ends after the first connection, with its verdict as the exit status
    #[arg(long)]
    pub once: bool,

    /// The version of MQTT, instead of the one that CONNECT names
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub mqtt: Option<Version>,

    #[command(flatten)]
    pub show: ShowOptions,
}

/// How packets are decoded and shown.
#[derive(Args, Default)]
pub struct ShowOptions {
    /// Accepts packets that break these rules, and lists the broken rules
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = rule_names::waiver_parser()
    )]
    waive: Vec<Waivers>,

    /// Rejects packets that break these rules, which the standard leaves to the receiver
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = rule_names::optional_rule_parser()
    )]
    enforce: Vec<OptionalRules>,

    /// Shows the fields of every packet, even if there are several packets
    #[arg(short, long)]
    tree: bool,

    /// Shows everything in full length
    #[arg(long)]
    full: bool,

    /// Shows passwords and authentication data
    #[arg(long)]
    pub show_secrets: bool,

    /// Prints a line of JSON for each packet
    #[arg(long)]
    pub json: bool,

    /// Shows only packets that break a rule or are incomplete, and their connections
    ///
    /// Totals and exit status stay the same.
    #[arg(long)]
    only_invalid: bool,

    /// Selects the connections of the client with this Client Identifier
    ///
    /// It is the one in CONNECT, or the one that the server assigns in CONNACK. Earlier lines are
    /// shown when it is known. A connection whose CONNECT was not read is not selected, and the end
    /// of the output has the number of these. Totals, --summary and exit status are about the
    /// selected connections.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    /// Selects the packets about topics that match this Topic Filter
    ///
    /// These are PUBLISH, also with a Topic Alias; SUBSCRIBE and UNSUBSCRIBE, if one of their filters
    /// has a topic in common with this one; CONNECT with a Will; and the acknowledgements of all
    /// these. Totals, --summary and exit status are about the selected packets.
    #[arg(long, value_name = "FILTER")]
    topic: Option<TopicFilterBuf>,

    /// Prints totals at the end instead of packets; with --only-invalid, after these
    ///
    /// They are packets and bytes by type and side, how connections ended, how often each rule was
    /// broken, and the three slowest acknowledgements of each kind. Requests are timed from the last
    /// gap of the connection on, and at most 1024 of them at once.
    #[arg(long)]
    summary: bool,

    /// The times at the beginning of lines, in captures and in `proxy`
    #[arg(long, value_name = "FORM", default_value = "relative", value_parser = times_parser())]
    time: Times,

    /// Wraps lines at this width; by default at that of the terminal, and 0 never wraps
    #[arg(long, value_name = "COLUMNS")]
    width: Option<u16>,

    /// Colours; `auto` means on a terminal
    ///
    /// `auto` follows NO_COLOR, CLICOLOR and CLICOLOR_FORCE, too. For a pager:
    /// `mqtt-explain --color always FILE | less -R`
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,

    /// Adds the members that the page needs to `--json`.
    #[arg(skip)]
    pub for_page: bool,
}

impl ShowOptions {
    pub fn rules(&self) -> DecodeRules {
        let waivers = self.waive.iter().copied();
        let optional = self.enforce.iter().copied();
        DecodeRules {
            waivers: waivers.fold(Waivers::NONE, Waivers::with),
            optional: optional.fold(OptionalRules::NONE, OptionalRules::with),
        }
    }

    fn view(&self) -> View {
        View {
            full: self.full,
            tree: self.tree,
            secrets: if self.show_secrets {
                Secrets::Show
            } else {
                Secrets::Hide
            },
            is_narrow: false,
            for_page: self.for_page,
        }
    }

    /// Where everything is printed, and which part of it.
    pub fn output<'a>(&self, out: Box<dyn Write + 'a>) -> Output<'a> {
        Output {
            out,
            view: self.view(),
            times: self.time,
            is_json: self.json,
            filter: Filter {
                only_invalid: self.only_invalid,
                client_id: self.client_id.clone(),
                topic: self.topic.clone(),
            },
            statistics: Wanted::new(self.summary),
            hidden: Hidden::default(),
        }
    }

    /// The standard output, as the terminal and the locale need it.
    pub fn stdout(&self) -> Output<'static> {
        /// The length of a row with sixteen bytes.
        const ROW: usize = 75;
        let width = match self.width {
            Some(width) => Some(usize::from(width)).filter(|width| *width > 0),
            None => terminal::width(),
        };
        let mut output = self.output(self.text_output(width));
        output.view.is_narrow = width.is_some_and(|width| width < ROW);
        output
    }

    fn text_output(&self, width: Option<usize>) -> Box<dyn Write> {
        let stdout = io::stdout();
        let color = match self.color {
            Color::Auto => anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        const BUFFER: usize = 1 << 16;
        let mut out: Box<dyn Write> = Box::new(BufWriter::with_capacity(BUFFER, stdout.lock()));
        if !color {
            out = Box::new(Plain::new(out));
        }
        let is_ascii = terminal::is_ascii();
        if !self.json && (width.is_some() || is_ascii) {
            out = Box::new(TextLines::new(out, width, is_ascii));
        }
        // all of these take less time for many lines at once
        Box::new(BufWriter::with_capacity(BUFFER, out))
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Side {
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

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The exit status for wrong usage, or input that cannot be read.
pub const UNUSABLE: u8 = 64;

impl From<Sender> for Side {
    fn from(sender: Sender) -> Self {
        match sender {
            Sender::Client => Self::Client,
            Sender::Server => Self::Server,
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

/// The forms of times. The functions are named here only, so the page has no calendar.
fn times_parser() -> impl TypedValueParser<Value = Times> {
    let value = |name: &'static str, help: &'static str| PossibleValue::new(name).help(help);
    let values = [
        value(
            "relative",
            "seconds since the first packet, or in `proxy` since the connection began",
        ),
        value(
            "delta",
            "seconds since the line before of the same connection",
        ),
        value("clock", "date and time in the local time zone"),
        value("utc", "date and time in UTC"),
        value("none", "no times"),
    ];
    PossibleValuesParser::new(values).map(|name| match name.as_str() {
        "delta" => Times::Delta,
        "clock" => Times::Clock(clock::local),
        "utc" => Times::Clock(clock::utc),
        "none" => Times::None,
        _ => Times::Relative,
    })
}

fn parse_version(text: &str) -> Result<Version, String> {
    match text {
        "3" | "3.1" => Ok(Version::V3_1),
        "4" | "3.1.1" => Ok(Version::V3_1_1),
        "5" | "5.0" => Ok(Version::V5),
        _ => Err(String::from("the versions are 3.1, 3.1.1 and 5.0")),
    }
}
