//! What people read: a line for a packet, and the full report with hex dump and field tree.

use std::io::{self, Write};
use std::ops::Range;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use mqtt_wire::{
    Connect, DecodeError, Delivery, Dialect, ErrorKind, Packet, Properties, Property, PropertyId,
    ReasonCode, Reply, Sender, Statement, SubAck, Version, Waivers, Will, WillFate,
};

use crate::conversation::{Event, Order};
use crate::dissect::{Field, Value, count, dissect, hex, quote, secret_bytes};
use crate::hint;
use crate::judge::return_code;
use crate::stream::{Record, Stream, Verdict, remaining_length};
use crate::terms::{self, added_rule};
use crate::will::Outcome;

/// How much to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// Everything, however long.
    pub full: bool,
    /// Passwords and the like.
    pub show_secrets: bool,
}

impl View {
    /// The most bytes of a text or of data that are shown.
    pub fn limit(self) -> usize {
        if self.full { usize::MAX } else { 64 }
    }
}

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
pub const FAINT: Style = Style::new().dimmed();
/// The verdict where a rule was waived.
pub const WITH_WAIVER: &str = "VALID WITH WAIVER";
const NAME: Style = AnsiColor::Cyan.on_default();
const TEXT: Style = AnsiColor::Green.on_default();
const FAULT: Style = AnsiColor::Red.on_default();

/// The verdict on a packet, in one line: "VALID  CONNECT 3.1.1 ...". Where versions were tried, it
/// may be valid in `only` one of them.
pub fn verdict(
    out: &mut dyn Write,
    record: &Record<'_>,
    only: Option<Version>,
    view: View,
) -> io::Result<()> {
    match record.verdict {
        Verdict::Accept(packet) => {
            match only {
                // which few speak, and which forgives much
                Some(Version::V3_1) => paint(out, UNSURE, "VALID IN 3.1 ONLY")?,
                _ if !record.waived.is_empty() => paint(out, UNSURE, WITH_WAIVER)?,
                _ => paint(out, GOOD, "VALID")?,
            }
            writeln!(
                out,
                "  {}",
                summary(&packet, record.dialect.version(), view)
            )
        }
        Verdict::Reject(error) => {
            paint(out, BAD, "INVALID")?;
            writeln!(out, "  {}", refusal(record, error))
        }
        Verdict::Incomplete(missing) => {
            paint(out, UNSURE, "INCOMPLETE")?;
            writeln!(out, "  {}", incomplete(record, missing))
        }
    }
}

/// A packet in one line, without the verdict on a valid one.
pub fn line(out: &mut dyn Write, record: &Record<'_>, view: View) -> io::Result<()> {
    match record.verdict {
        Verdict::Accept(packet) => {
            writeln!(out, "{}", summary(&packet, record.dialect.version(), view))
        }
        _ => verdict(out, record, None, view),
    }
}

/// Hex dump, fields, and for a refused packet the rules, the answer, and what may be the cause.
pub fn details(out: &mut dyn Write, record: &Record<'_>, view: View) -> io::Result<()> {
    let fields = dissect(record.bytes, record.dialect);
    let secret = if view.show_secrets {
        vec![false; record.bytes.len()]
    } else {
        secret_bytes(&fields, record.bytes.len())
    };
    let fault = match record.verdict {
        Verdict::Reject(error) => Some(error),
        _ => None,
    };
    writeln!(out)?;
    hex_dump(out, record.bytes, &secret, fault, view)?;
    writeln!(out)?;
    let tree = Tree {
        packet: record.bytes,
        secret: &secret,
        fault: fault.map(|error| Mark::new(error, &fields)),
        view,
    };
    tree.write(out, &fields, 0)?;
    if secret.contains(&true) {
        paint(out, FAINT, "\n  ·· hidden, see --show-secrets\n")?;
    }
    if let Some(error) = fault {
        writeln!(out)?;
        rules(out, error.statements())?;
        entry(out, "reply", &reply(error))?;
        if let Some((place, values)) = hint::nearest(record) {
            let values: Vec<_> = values.iter().map(|byte| hex(&[*byte])).collect();
            let values = values.join(" or ");
            entry(
                out,
                "nearest",
                &format!("byte {place} = {values} would be valid"),
            )?;
        }
        if let Some(rule) = added_rule(error) {
            entry(out, "enforced", &format!("only {rule} refuses it"))?;
        }
        let waivers = terms::names(record.remedy.all);
        if !waivers.is_empty() {
            let waivers = waivers.join(" and ");
            entry(out, "waiver", &format!("{waivers} would let it pass"))?;
        }
    } else if matches!(record.verdict, Verdict::Incomplete(_))
        || record.has_breaches()
        || !record.waived.is_empty()
    {
        writeln!(out)?;
    }
    for error in &record.waived {
        entry(out, "waived", &waived(*error))?;
        rules(out, error.statements())?;
    }
    for breach in record.breaches.iter().flatten() {
        let text = format!("{}: {}", breach.sender(), breach.kind());
        labelled(out, BAD, "breach", &text)?;
        rules(out, breach.statements())?;
        if let Some(code) = breach.reason_code() {
            entry(out, "code", &named(code))?;
        }
    }
    for cause in hint::causes(record) {
        entry(out, "hint", &cause)?;
    }
    Ok(())
}

/// What is to be said about an accepted packet, a line each: what was waived, and what it breaks as
/// a part of the conversation.
pub fn notes(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    for error in &record.waived {
        let text = format!("waived {}{}", waived(*error), citation(error.statement()));
        paint(out, UNSURE, &format!("       ~ {text}\n"))?;
    }
    for breach in record.breaches.iter().flatten() {
        let (side, kind) = (breach.sender(), breach.kind());
        let text = format!("{side}: {kind}{}", citation(breach.statement()));
        paint(out, FAULT, &format!("       ! {text}\n"))?;
    }
    Ok(())
}

/// How many packets there are, and how many of them are refused or break rules together.
pub fn numbers(
    out: &mut dyn Write,
    packets: usize,
    refused: usize,
    breaking: usize,
) -> io::Result<()> {
    match (refused, breaking) {
        (0, 0) => {}
        (0, bad) | (bad, _) => write!(out, "{bad} of ")?,
    }
    write!(out, "{}", count(packets, "packet"))?;
    let verb = if breaking == 1 { "breaks" } else { "break" };
    match (refused, breaking) {
        (_, 0) => {}
        (0, _) => write!(out, " {verb} a rule of the conversation")?,
        (_, more) => write!(out, ", {more} more {verb} a rule of the conversation")?,
    }
    Ok(())
}

/// When something passed, and in which packet of a capture or in which connection.
pub fn place(out: &mut dyn Write, number: u64, time: Duration) -> io::Result<()> {
    let seconds = time.as_secs_f64();
    let text = format!("{:>6} {seconds:>11.6}", format!("#{number}"));
    paint(out, FAINT, &text)
}

/// Something in a conversation in one line, and the details of a packet that is refused; of all
/// packets with `tree`.
pub fn event(out: &mut dyn Write, event: &Event<'_>, tree: bool, view: View) -> io::Result<()> {
    let offset = match event {
        Event::Packet(record) => record.offset.to_string(),
        Event::Unread(..) | Event::Gap(..) => String::new(),
    };
    paint(out, FAINT, &format!("{offset:>8}  "))?;
    write!(out, "{} ", arrow(event.sender()))?;
    match event {
        Event::Packet(record) => {
            line(out, record, view)?;
            if record.is_refused() || tree {
                details(out, record, view)?;
                return writeln!(out);
            }
            notes(out, record)
        }
        Event::Unread(_, length) => unread(out, *length),
        Event::Gap(_, length) => {
            let text = format!("{length} bytes are missing in the capture\n");
            paint(out, UNSURE, &text)
        }
    }
}

/// To the server, or to the client.
pub fn arrow(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "→",
        Sender::Server => "←",
    }
}

/// What becomes of a Will.
pub fn outcome(outcome: &Outcome<'_>) -> String {
    let will = will_summary(&outcome.will, 32);
    let cause = format!("{}{}", outcome.cause, citation(outcome.statement));
    let unless = match outcome.unless {
        Some(unless) => format!(", unless {unless}"),
        None => String::new(),
    };
    match outcome.fate {
        WillFate::Discard => format!("the server forgets {will}: {cause}"),
        WillFate::Publish => format!("the server has to publish {will}{unless}: {cause}"),
        WillFate::PublishAfter { delay, .. } => {
            let seconds = delay.as_secs();
            format!("the server has to publish in {seconds} s {will}{unless}: {cause}")
        }
    }
}

/// That the order of the packets was not recorded.
pub fn order(out: &mut dyn Write, order: Order) -> io::Result<()> {
    match order {
        Order::Known => Ok(()),
        Order::Guessed => {
            let text = "       the order of the two sides is not recorded: one that breaks the \
                        fewest rules\n";
            paint(out, FAINT, text)
        }
        Order::Unknown => {
            let text = "       too many packets to find the order of the two sides: the rules of \
                        the conversation are not judged\n";
            paint(out, UNSURE, text)
        }
    }
}

/// Which dialects fit where several were tried, and why the others do not.
pub fn fits(out: &mut dyn Write, stream: &Stream<'_>) -> io::Result<()> {
    if stream.fits.is_empty() && stream.misfits.is_empty() {
        return Ok(());
    }
    if !stream.fits.is_empty() {
        entry(out, "fits", &hint::list_dialects(&stream.fits))?;
    }
    for version in Version::ALL {
        let is_chosen = version == stream.dialect.version();
        let fits = stream
            .fits
            .iter()
            .any(|dialect| dialect.version() == version);
        let dialect = Dialect::new(version, stream.dialect.sender());
        if fits || is_chosen {
            continue;
        }
        if let Some((_, error)) = stream.misfits.iter().find(|(it, _)| *it == dialect) {
            let label = format!("not {version}");
            let (field, kind) = (error.field(), error.kind());
            let id = error.statement().map_or("", |statement| statement.id());
            let id = if is_name_of_ours(id) {
                String::new()
            } else {
                format!(" [{id}]")
            };
            let offset = error.offset();
            entry(out, &label, &format!("byte {offset}: {field}: {kind}{id}"))?;
        }
    }
    Ok(())
}

/// That bytes were not looked at.
pub fn unread(out: &mut dyn Write, length: usize) -> io::Result<()> {
    let text = format!(
        "{} not looked at: no packet begins there\n",
        count(length, "byte")
    );
    paint(out, UNSURE, &text)
}

/// A packet in a few words, with a Will for all to see.
fn summary(packet: &Packet<'_>, version: Version, view: View) -> String {
    let limit = if view.full { usize::MAX } else { 32 };
    let text = |bytes: &[u8]| quote(bytes, limit);
    let name = packet.packet_type();
    match packet {
        Packet::Connect(connect) => connect_summary(connect, limit),
        Packet::ConnAck(connack) => {
            let session = if connack.session_present {
                ", session present"
            } else {
                ""
            };
            let code = code(connack.reason_code, version);
            format!("{name} {code}{session}{}", properties(&connack.properties))
        }
        Packet::Publish(publish) => {
            let topic = match (publish.topic_name, publish.topic_alias()) {
                (Some(topic), _) => text(topic.as_bytes()),
                (None, Some(alias)) => format!("alias {alias}"),
                (None, None) => String::from("without topic"),
            };
            let delivery = match publish.delivery {
                Delivery::AtMostOnce => String::from("QoS 0"),
                Delivery::AtLeastOnce { packet_id, dup } => delivery(1, packet_id.get(), dup),
                Delivery::ExactlyOnce { packet_id, dup } => delivery(2, packet_id.get(), dup),
            };
            let retain = if publish.retain { " retain" } else { "" };
            let payload = match publish.payload {
                [] => String::from("empty"),
                payload if is_plain_text(payload) => text(payload),
                payload => count(payload.len(), "byte"),
            };
            let properties = properties(&publish.properties);
            format!("{name} {topic} {delivery}{retain}, {payload}{properties}")
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            let code = match ack.reason_code {
                ReasonCode::Success => String::new(),
                failed => format!(" {}", code(failed, version)),
            };
            let properties = properties(&ack.properties);
            format!("{name} id {}{code}{properties}", ack.packet_id.get())
        }
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.subscriptions.iter().map(|subscription| {
                let options = subscription.options;
                let filter = text(subscription.filter.as_bytes());
                format!("{filter} QoS {}", options.qos as u8)
            });
            let properties = properties(&subscribe.properties);
            let id = subscribe.packet_id.get();
            format!("{name} id {id}{}{properties}", list(filters, view))
        }
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => {
            let id = suback.packet_id.get();
            format!("{name} id {id}{}", answers(suback, packet, view))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe
                .topic_filters
                .iter()
                .map(|it| text(it.as_bytes()));
            let properties = properties(&unsubscribe.properties);
            let id = unsubscribe.packet_id.get();
            format!("{name} id {id}{}{properties}", list(filters, view))
        }
        Packet::PingReq | Packet::PingResp => name.to_string(),
        Packet::Disconnect(disconnect) => {
            let code = match (version, disconnect.reason_code) {
                (Version::V5, ReasonCode::NORMAL_DISCONNECTION) => {
                    String::from(" 0x00 Normal disconnection")
                }
                (Version::V5, other) => format!(" {}", code(other, version)),
                _ => String::new(),
            };
            format!("{name}{code}{}", properties(&disconnect.properties))
        }
        Packet::Auth(auth) => {
            let code = code(auth.reason_code, version);
            format!("{name} {code}{}", properties(&auth.properties))
        }
    }
}

fn connect_summary(connect: &Connect<'_>, limit: usize) -> String {
    let text = |bytes: &[u8]| quote(bytes, limit);
    let mut parts = vec![format!(
        "CONNECT {} {}",
        connect.version,
        text(connect.client_id.as_bytes())
    )];
    if connect.clean_start {
        parts.push(String::from(match connect.version {
            Version::V5 => "clean start",
            _ => "clean session",
        }));
    }
    parts.push(match connect.keep_alive {
        0 => String::from("no keep alive"),
        seconds => format!("keep alive {seconds} s"),
    });
    parts.extend(connect.will.map(|will| will_summary(&will, limit)));
    if let Some(name) = connect.user_name {
        parts.push(format!("user {}", text(name.as_bytes())));
    }
    if connect.password.is_some() {
        parts.push(String::from("password"));
    }
    parts.join(", ") + &properties(&connect.properties)
}

fn will_summary(will: &Will<'_>, limit: usize) -> String {
    let retain = if will.retain { " retain" } else { "" };
    let payload = match will.payload.as_bytes() {
        [] => String::from("empty"),
        payload if is_plain_text(payload) => quote(payload, limit),
        payload => count(payload.len(), "byte"),
    };
    let topic = quote(will.topic.as_bytes(), limit);
    let delay = match will.properties.get(PropertyId::WillDelayInterval) {
        Some(Property::WillDelayInterval(seconds)) => format!(" after {seconds} s"),
        _ => String::new(),
    };
    format!(
        "WILL {topic} QoS {}{retain}{delay} {payload}",
        will.qos as u8
    )
}

fn answers(suback: &SubAck<'_>, packet: &Packet<'_>, view: View) -> String {
    let codes = suback.reason_codes.iter().map(|code| match (packet, code) {
        (Packet::SubAck(_), ReasonCode::GRANTED_QOS_0) => String::from("QoS 0"),
        (Packet::SubAck(_), ReasonCode::GrantedQos1) => String::from("QoS 1"),
        (Packet::SubAck(_), ReasonCode::GrantedQos2) => String::from("QoS 2"),
        (_, code) => format!("0x{:02X} {code}", code as u8),
    });
    list(codes, view) + &properties(&suback.properties)
}

fn delivery(qos: u8, packet_id: u16, dup: bool) -> String {
    let dup = if dup { " dup" } else { "" };
    format!("QoS {qos} id {packet_id}{dup}")
}

/// A code as the version writes it.
fn code(code: ReasonCode, version: Version) -> String {
    match (version, return_code(code)) {
        (Version::V3_1 | Version::V3_1_1, Some(byte)) => format!("0x{byte:02X} {code}"),
        _ => format!("0x{:02X} {code}", u8::from(code)),
    }
}

/// The first few items.
fn list(items: impl Iterator<Item = String>, view: View) -> String {
    let most = if view.full { usize::MAX } else { 4 };
    let items: Vec<String> = items.collect();
    let shown: Vec<_> = items.iter().take(most).map(String::as_str).collect();
    let more = match items.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown[..] {
        [] => String::new(),
        _ => format!(" {}{more}", shown.join(", ")),
    }
}

fn properties(properties: &Properties<'_>) -> String {
    match properties.iter().count() {
        0 => String::new(),
        1 => String::from(", 1 property"),
        number => format!(", {number} properties"),
    }
}

fn is_plain_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| !c.is_control()))
}

/// Why a packet was refused, in one line.
fn refusal(record: &Record<'_>, error: DecodeError) -> String {
    let value = match fault_value(record, error) {
        Some(byte) => format!(" 0x{byte:02X}"),
        None => String::new(),
    };
    format!(
        "{}, byte {}: {}{value}: {}",
        head(record),
        error.offset(),
        error.field(),
        problem(error)
    )
}

/// What is wrong, in words.
fn problem(error: DecodeError) -> String {
    match (error.version(), error.kind()) {
        (None, ErrorKind::UnsupportedProtocolName) => {
            String::from("no version of MQTT has this Protocol Name")
        }
        (None, ErrorKind::UnsupportedProtocolLevel) => {
            String::from("no version of MQTT with this Protocol Name has this level")
        }
        (_, kind) => kind.to_string(),
    }
}

/// The byte at fault, where it is the value of its field.
fn fault_value(record: &Record<'_>, error: DecodeError) -> Option<u8> {
    use mqtt_wire::Field as F;
    let is_byte = matches!(
        error.field(),
        F::PacketType
            | F::Flags
            | F::ProtocolLevel
            | F::ConnectFlags
            | F::ConnAckFlags
            | F::ReasonCode
            | F::SubscriptionOptions
            | F::PropertyIdentifier
    );
    is_byte
        .then(|| record.bytes.get(error.offset()).copied())
        .flatten()
}

fn incomplete(record: &Record<'_>, missing: usize) -> String {
    let missing = match (remaining_length(record.bytes), missing) {
        (Some(_), missing) => format!("{} missing", count(missing, "byte")),
        (None, missing) => format!("at least {} missing", count(missing, "byte")),
    };
    let here = count(record.bytes.len(), "byte");
    format!("{}: {here} here, {missing}", head(record))
}

/// "CONNECT 3.1.1 from the client".
fn head(record: &Record<'_>) -> String {
    let name = record.packet_type().map_or("packet", |it| it.name());
    let version = match record.verdict {
        Verdict::Reject(error) => error.version(),
        _ => Some(record.dialect.version()),
    };
    let version = match version {
        Some(version) => format!(" {version}"),
        None => String::new(),
    };
    let sender = match record.dialect.sender() {
        Sender::Client => "client",
        Sender::Server => "server",
    };
    format!("{name}{version} from the {sender}")
}

fn rules(out: &mut dyn Write, statements: impl Iterator<Item = Statement>) -> io::Result<()> {
    let mut label = "rule";
    for statement in statements {
        let id = statement.id();
        let section = section(statement);
        let version = statement.version();
        let place = if is_name_of_ours(id) {
            format!("MQTT {version}, {section}")
        } else {
            format!("{id} ({version}, {section})")
        };
        entry(out, label, &format!("{place}: {}", statement.rule()))?;
        label = "";
    }
    Ok(())
}

fn section(statement: Statement) -> String {
    let section = statement.section();
    if section.starts_with(|c: char| c.is_ascii_digit()) {
        format!("section {section}")
    } else {
        format!("\"{section}\"")
    }
}

/// " [v5.0 MQTT-3.2.0-2]"
fn citation(statement: Option<Statement>) -> String {
    match statement {
        Some(statement) if is_name_of_ours(statement.id()) => {
            format!(" [v{} {}]", statement.version(), section(statement))
        }
        Some(statement) => format!(" [{statement}]"),
        None => String::new(),
    }
}

fn waived(error: DecodeError) -> String {
    let waivers = Waivers::of(&error.violation()).unwrap_or_default();
    let (place, field) = (error.offset(), error.field());
    format!(
        "{}: byte {place}: {field}: {}",
        terms::names(waivers).join(", "),
        problem(error)
    )
}

/// Whether the standard states the rule without a number.
fn is_name_of_ours(id: &str) -> bool {
    !id.starts_with("MQTT")
}

/// What the receiver answers.
fn reply(error: DecodeError) -> String {
    let receiver = match error.violation().sender() {
        Sender::Client => "server",
        Sender::Server => "client",
    };
    match (error.reply(), error.version()) {
        (Reply::Close, _) => format!("the {receiver} closes the connection"),
        (Reply::ConnAck(code), Some(Version::V3_1 | Version::V3_1_1)) => {
            let byte = return_code(code).unwrap_or_default();
            format!("the server sends CONNACK with Return Code {byte} and closes the connection")
        }
        (Reply::ConnAck(code), _) => {
            let before_5 = match (error.version(), return_code(code)) {
                (None, Some(byte)) => format!(", or Return Code {byte} before 5.0,"),
                _ => String::new(),
            };
            let code = named(code);
            format!("the server may send CONNACK {code}{before_5} and closes the connection")
        }
        (Reply::Disconnect(code), _) => format!(
            "the {receiver} may send DISCONNECT {} and closes the connection",
            named(code)
        ),
    }
}

fn named(code: ReasonCode) -> String {
    format!("0x{:02X} ({code})", u8::from(code))
}

fn entry(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    labelled(out, NAME, label, text)
}

fn labelled(out: &mut dyn Write, style: Style, label: &str, text: &str) -> io::Result<()> {
    write!(out, "  ")?;
    paint(out, style, &format!("{label:9}"))?;
    writeln!(out, " {text}")
}

/// Sixteen bytes a row, the byte at fault pointed at.
fn hex_dump(
    out: &mut dyn Write,
    packet: &[u8],
    secret: &[bool],
    fault: Option<DecodeError>,
    view: View,
) -> io::Result<()> {
    const ROW: usize = 16;
    let fault_at = fault.map(|error| error.offset());
    // a byte that is missing stands behind the last row's bytes
    let row_of = |place: usize| match place {
        place if place > 0 && place == packet.len() => (place - 1) / ROW,
        place => place / ROW,
    };
    let fault_row = fault_at.map(row_of);
    let rows = packet.len().div_ceil(ROW);
    let is_shown = |row: usize| {
        let near_fault = fault_row.is_some_and(|fault| fault.abs_diff(row) <= 1);
        view.full || rows <= 12 || row < 6 || row + 2 >= rows || near_fault
    };
    let mut left_out = 0;
    for (row, (bytes, secret)) in packet.chunks(ROW).zip(secret.chunks(ROW)).enumerate() {
        if !is_shown(row) {
            left_out += bytes.len();
            continue;
        }
        if left_out > 0 {
            let text = format!("     … {} more, see --full\n", count(left_out, "byte"));
            paint(out, FAINT, &text)?;
            left_out = 0;
        }
        paint(out, FAINT, &format!("{:>6}  ", row * ROW))?;
        for place in 0..ROW {
            let gap = if place == 8 { " " } else { "" };
            let here = row * ROW + place;
            let text = match (bytes.get(place), secret.get(place)) {
                (Some(_), Some(true)) => String::from("··"),
                (Some(byte), _) => format!("{byte:02X}"),
                (None, _) => String::from("  "),
            };
            write!(out, "{gap}")?;
            if fault_at == Some(here) {
                paint(out, BAD, &text)?;
            } else {
                write!(out, "{text}")?;
            }
            write!(out, " ")?;
        }
        write!(out, "  ")?;
        paint(out, FAINT, &printable(bytes, secret))?;
        writeln!(out)?;
        if let Some((error, place)) = fault.zip(fault_at).filter(|it| row_of(it.1) == row) {
            let column = place - row * ROW;
            let column = 8 + column * 3 + usize::from(column >= 8);
            let caret = format!("{:column$}^^ {}\n", "", error.field());
            paint(out, FAULT, &caret)?;
        }
    }
    Ok(())
}

fn printable(bytes: &[u8], secret: &[bool]) -> String {
    let character = |(byte, secret): (&u8, &bool)| match byte {
        _ if *secret => '·',
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    };
    bytes.iter().zip(secret).map(character).collect()
}

/// The fields of a packet, with the one at fault marked.
struct Tree<'a> {
    packet: &'a [u8],
    secret: &'a [bool],
    fault: Option<Mark<'a>>,
    view: View,
}

impl Tree<'_> {
    /// Bytes that fit into the column of bytes.
    const BYTES: usize = 8;

    fn write(&self, out: &mut dyn Write, fields: &[Field], depth: usize) -> io::Result<()> {
        for field in fields {
            self.write_field(out, field, depth)?;
            if !field.folded || self.fault.as_ref().is_some_and(|it| it.is_inside(field)) {
                self.write(out, &field.children, depth + 1)?;
            }
        }
        Ok(())
    }

    fn write_field(&self, out: &mut dyn Write, field: &Field, depth: usize) -> io::Result<()> {
        if field.is_bits() {
            write!(out, "{:34}", "")?;
        } else {
            paint(out, FAINT, &format!("{:>6}  ", field.span.start))?;
            // what the children show is not shown twice
            let branch = !field.folded && field.children.iter().any(|it| !it.is_bits());
            let bytes = if branch { 0..0 } else { field.span.clone() };
            write!(out, "{:26}", self.bytes(bytes))?;
        }
        write!(out, "{:1$}", "", depth * 2)?;
        let text = field.text(self.packet, self.view.limit(), self.view.show_secrets);
        if field.is_bits() {
            write!(out, "{} = ", field.draw_bits(self.packet))?;
        }
        let style = match field.value {
            Value::NotUnderstood(_) => FAULT,
            _ => NAME,
        };
        paint(out, style, &field.name)?;
        if !text.is_empty() {
            write!(out, ": ")?;
            match field.value {
                Value::Words(_) => write!(out, "{text}")?,
                _ => paint(out, TEXT, &text)?,
            }
        }
        if let Some(note) = self.fault.as_ref().and_then(|mark| mark.note(field)) {
            paint(out, BAD, &format!("   <- {note}"))?;
        }
        writeln!(out)
    }

    fn bytes(&self, span: Range<usize>) -> String {
        let most = if span.len() > Self::BYTES {
            Self::BYTES - 1
        } else {
            span.len()
        };
        let mut text = String::new();
        for place in span.clone().take(most) {
            match (self.packet.get(place), self.secret.get(place)) {
                (_, Some(true)) => text.push_str("·· "),
                (Some(byte), _) => text.push_str(&format!("{byte:02X} ")),
                (None, _) => {}
            }
        }
        if most < span.len() {
            text.push('…');
        }
        text
    }
}

/// The field at fault, and another one that makes it so.
struct Mark<'a> {
    /// The innermost field, of whole bytes, with the fault.
    field: Option<&'a Field>,
    offset: usize,
    /// The bits at fault; all if it is not about bits.
    bits: u8,
    /// Bits of the same byte that make the others wrong.
    because: u8,
    note: String,
}

impl<'a> Mark<'a> {
    fn new(error: DecodeError, fields: &'a [Field]) -> Self {
        use ErrorKind as K;
        let (bits, because) = match error.kind() {
            K::ReservedPacketType | K::WrongSender | K::FirstPacketNotConnect => (0xf0, 0),
            K::FixedHeaderFlags => (0x0f, 0),
            K::PublishQos3 => (0x06, 0),
            K::DupWithQos0 => (0x08, 0x06),
            K::ConnectFlagReserved => (0x01, 0),
            K::WillQosWithoutWill => (0x18, 0x04),
            K::WillRetainWithoutWill => (0x20, 0x04),
            K::WillQos3 => (0x18, 0),
            K::PasswordWithoutUserName => (0x40, 0x80),
            K::ConnAckFlags => (0xfe, 0),
            K::SessionPresentWithRefusal => (0x01, 0),
            K::SubscriptionOptions => (0xfc, 0),
            K::SubscriptionQos3 => (0x03, 0),
            K::RetainHandling3 => (0x30, 0),
            K::NoLocalOnShared => (0x04, 0),
            _ => (0xff, 0),
        };
        Self {
            field: innermost(fields, error.offset()),
            offset: error.offset(),
            bits,
            because,
            note: problem(error),
        }
    }

    /// Whether the fault is in the middle of the field.
    fn is_inside(&self, field: &Field) -> bool {
        self.offset > field.span.start && field.span.contains(&self.offset)
    }

    fn note(&self, field: &Field) -> Option<&str> {
        let marked = self.field?;
        let bits = |field: &Field| field.bits & self.bits == field.bits;
        // bits of the byte that are at fault as a whole stand for the byte
        let by_bits = marked.children.iter().any(|it| it.is_bits() && bits(it));
        if !field.is_bits() {
            return (std::ptr::eq(field, marked) && !by_bits).then_some(&self.note);
        }
        if field.span != marked.span || self.bits == 0xff {
            return None;
        }
        if bits(field) {
            return Some(&self.note);
        }
        (self.because & field.bits != 0).then_some("because of this")
    }
}

/// The field that should be at `offset` and is missing, or the deepest shown one with that byte.
fn innermost(fields: &[Field], offset: usize) -> Option<&Field> {
    missing(fields, offset).or_else(|| deepest(fields, offset))
}

fn missing(fields: &[Field], offset: usize) -> Option<&Field> {
    let is_missing = |field: &Field| {
        let says_so = matches!(&field.value, Value::Words(words) if words == "missing");
        says_so && field.span == (offset..offset)
    };
    fields.iter().find_map(|field| {
        if is_missing(field) {
            Some(field)
        } else {
            missing(&field.children, offset)
        }
    })
}

fn deepest(fields: &[Field], offset: usize) -> Option<&Field> {
    let has_it = |field: &&Field| !field.is_bits() && field.span.contains(&offset);
    let field = fields.iter().find(has_it)?;
    if field.folded && offset == field.span.start {
        return Some(field);
    }
    deepest(&field.children, offset).or(Some(field))
}

/// Writes text in a style; the stream drops the style where it does not belong.
pub fn paint(out: &mut dyn Write, style: Style, text: &str) -> io::Result<()> {
    write!(out, "{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Terms;
    use mqtt_wire::Dialect;

    /// All that is ever said about `bytes`.
    fn everything(bytes: &[u8], version: Option<Version>, sender: Option<Sender>) -> String {
        let mut out = Vec::new();
        let stream = Stream::read(bytes, version, sender, Terms::default());
        fits(&mut out, &stream).unwrap();
        for record in &stream.records {
            for view in [
                View::default(),
                View {
                    full: true,
                    ..View::default()
                },
            ] {
                verdict(&mut out, record, None, view).unwrap();
                line(&mut out, record, view).unwrap();
                details(&mut out, record, view).unwrap();
                writeln!(out, "{}", crate::json::packet(record, view).unwrap()).unwrap();
            }
        }
        let plain = anstream::adapter::strip_bytes(&out).into_vec();
        String::from_utf8(plain).unwrap()
    }

    fn random_numbers() -> impl FnMut() -> usize {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as usize
        }
    }

    #[test]
    fn has_something_to_say_about_any_bytes() {
        let mut random = random_numbers();
        for _ in 0..1000 {
            let bytes: Vec<u8> = (0..1 + random() % 50)
                .map(|_| (random() >> (random() % 8)) as u8)
                .collect();
            assert!(!everything(&bytes, None, None).is_empty());
        }
    }

    #[test]
    fn does_not_give_away_a_password_whatever_else_is_wrong() {
        let connects: [&[u8]; 3] = [
            b"\x10\x23\x00\x04MQTT\x04\xc2\x00\x3c\x00\x06client\x00\x04user\x00\x09PASSWORDS",
            b"\x10\x2b\x00\x04MQTT\x04\xee\x00\x3c\x00\x06client\x00\x01t\x00\x03die\x00\x04user\x00\x09PASSWORDS",
            b"\x10\x26\x00\x04MQTT\x05\xc2\x00\x3c\x05\x11\0\0\0\x05\x00\x03cli\x00\x04user\x00\x09PASSWORDS",
        ];
        let mut random = random_numbers();
        for connect in connects {
            let secret = connect.len() - 9;
            let intact = everything(connect, None, None);
            assert!(intact.starts_with("VALID"), "{intact}");
            for round in 0..600 {
                let mut bytes = connect.to_vec();
                for _ in 0..round % 3 {
                    let place = 1 + random() % (secret - 1);
                    // the flags say that there is a password
                    if place != 9 {
                        bytes[place] = (random() >> (random() % 8)) as u8;
                    }
                }
                if random() % 4 == 0 {
                    bytes.truncate(1 + random() % bytes.len());
                }
                let said = everything(&bytes, None, None);
                for part in ["PASSW", "SWORD", "50 41 53 53 57", "53 57 4F 52 44"] {
                    assert!(!said.contains(part), "{}:\n{said}", hex(&bytes));
                }
            }
        }
    }

    #[test]
    fn marks_the_fault_of_every_refused_packet() {
        let v5 = Dialect::from_client(Version::V5);
        let v3 = Dialect::from_client(Version::V3_1_1);
        let cases: [(&[u8], Dialect, &str); 7] = [
            (
                b"\x82\x05\x00\x01\x00\x01a",
                v3,
                "Subscription Options: missing   <- ",
            ),
            (b"\x82\x02\x00\x01", v3, "Topic Filter: missing   <- "),
            (
                b"\x80\x06\x00\x01\x00\x01a\x00",
                v3,
                "Flags (reserved): 0   <- ",
            ),
            (b"\x38\x03\x00\x01a", v3, "DUP: set   <- "),
            (b"\x30\x03\x00\x01+", v3, "Content: \"+\"   <- "),
            (
                b"\x82\x07\x00\x01\x00\x00\x01a\x30",
                v5,
                "Retain Handling: 3 (does not exist)   <- ",
            ),
            (b"\x30\x07\x00\x01a\x03\x23\x00\x00", v5, "Value: 0   <- "),
        ];
        for (bytes, dialect, mark) in cases {
            let said = everything(bytes, Some(dialect.version()), Some(dialect.sender()));
            assert!(said.contains(mark), "{mark}: {said}");
        }
    }
}
