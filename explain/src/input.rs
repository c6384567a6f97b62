//! Pasted text to bytes: finds out in which form somebody wrote the bytes down.
//!
//! The forms are tried in this order, and the first that matches decides; what is wrong inside
//! of it is then an error, not a reason to try the next one:
//!
//! 1. a pcap or pcapng capture, by its magic number;
//! 2. raw bytes, when the input is not text (not UTF-8, or with control characters);
//! 3. a hex dump with offsets: `xxd`, `hexdump` with or without `-C`, `od -t x1`,
//!    `tcpdump -x` and `-X`, the dumps of Wireshark;
//! 4. an Erlang or Elixir binary: `<<16,12,0,4,"MQTT">>`;
//! 5. a list of numbers: in brackets or braces as in most languages (`[16, 12, 0]`,
//!    `uint8_t x[] = { 0x10, 12, 'M' };`, `xxd -i`), or without if it has a `0x`;
//! 6. a string with escapes: `b'\x10\x0cMQTT'`, `"\x10" "\x0c\0MQTT"`, or without quotes;
//! 7. hex digits, however they are grouped: `100c0004`, `10 0c 0004`, `10:0c`, `10-0C`, `\x10\x0c`,
//!    `<Buffer 10 0c>`, `xxd -p`, also in quotes;
//! 8. base64 with either alphabet, with or without padding, also in quotes.
//!
//! So text that could be hex is never taken as base64, and numbers without brackets are never
//! taken as decimal. Shell prompts and commands around the bytes are ignored.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::capture;

/// The bytes that were found, and how they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// In which form the bytes were written.
    pub format: Format,
    /// The bytes; for [`Format::Capture`] the capture file. Never empty.
    pub bytes: Vec<u8>,
    /// How many bytes of link, IP and TCP headers stood before them. Only hex can have them.
    pub headers: usize,
}

/// The form in which bytes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A pcap or pcapng file, or several packets in a hex dump, made into one.
    Capture,
    /// The bytes themselves.
    Raw,
    /// A hex dump with offsets.
    HexDump,
    /// An Erlang or Elixir binary.
    ErlangBinary,
    /// A list of numbers.
    List,
    /// A string with escapes.
    EscapedString,
    /// Hex digits.
    Hex,
    /// Base64.
    Base64,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Capture => "packet capture",
            Format::Raw => "raw bytes",
            Format::HexDump => "hex dump",
            Format::ErlangBinary => "Erlang binary",
            Format::List => "list of numbers",
            Format::EscapedString => "escaped string",
            Format::Hex => "hex",
            Format::Base64 => "base64",
        })
    }
}

/// What was not understood, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// Where in the text, in bytes (not counting a byte order mark).
    pub offset: usize,
    /// The beginning of what is there, in printable form; empty at the end of the input.
    pub excerpt: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.problem, self.offset)?;
        if !self.excerpt.is_empty() {
            write!(f, ": `{}`", self.excerpt)?;
        }
        Ok(())
    }
}

impl std::error::Error for InputError {}

/// The most bytes that the `*` lines of a hex dump may stand for.
pub const MAX_EXPANDED: usize = 64 << 20;

/// Finds the bytes in what somebody pasted.
///
/// Except for the repetitions in hex dumps (see [`MAX_EXPANDED`]), the result is never longer
/// than the input, plus a header for packets that are made into a capture.
pub fn parse(input: &[u8]) -> Result<Input, InputError> {
    if capture::is_capture(input) {
        return Ok(Input::new(Format::Capture, input.to_vec()));
    }
    let Some(text) = as_text(input) else {
        return Ok(Input::new(Format::Raw, input.to_vec()));
    };
    let mut found = parse_text(&text)?;
    if capture::is_capture(&found.bytes) {
        found.format = Format::Capture;
    } else if matches!(found.format, Format::HexDump | Format::Hex) {
        found.strip_headers();
    }
    if found.bytes.is_empty() {
        let only = if found.headers == 0 {
            "no bytes found"
        } else {
            "a packet without payload"
        };
        return Err(error(&text, text.len(), only));
    }
    Ok(found)
}

impl Input {
    fn new(format: Format, bytes: Vec<u8>) -> Input {
        Input {
            format,
            bytes,
            headers: 0,
        }
    }

    /// Leaves only the payload of what is clearly a TCP packet.
    fn strip_headers(&mut self) {
        if let Some((_, payload)) = capture::tcp_payload(&self.bytes) {
            self.headers = payload.start;
            self.bytes.truncate(payload.end);
            self.bytes.drain(..payload.start);
        }
    }
}

/// The input as text, if it is that.
fn as_text(input: &[u8]) -> Option<Cow<'_, str>> {
    let text = match input {
        [0xff, 0xfe, utf16 @ ..] => Cow::from(ascii_in_utf16(utf16)?),
        [0xef, 0xbb, 0xbf, utf8 @ ..] => Cow::from(std::str::from_utf8(utf8).ok()?),
        utf8 => Cow::from(std::str::from_utf8(utf8).ok()?),
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c');
    text.chars().all(is_text).then_some(text)
}

/// What a PowerShell on Windows writes to a file.
fn ascii_in_utf16(bytes: &[u8]) -> Option<String> {
    let ascii = |pair: &[u8]| match pair {
        [byte @ ..0x80, 0] => Some(char::from(*byte)),
        _ => None,
    };
    bytes.chunks(2).map(ascii).collect()
}

fn parse_text(text: &str) -> Result<Input, InputError> {
    if let Some(found) = hex_dump(text) {
        return found;
    }
    if let Some(bytes) = erlang_binary(text) {
        return Ok(Input::new(Format::ErlangBinary, bytes?));
    }
    if let Some(bytes) = list(text) {
        return Ok(Input::new(Format::List, bytes?));
    }
    if let Some(bytes) = escaped_string(text) {
        return Ok(Input::new(Format::EscapedString, bytes?));
    }
    hex_or_base64(text)
}

fn error(text: &str, offset: usize, problem: impl Into<String>) -> InputError {
    const EXCERPT: usize = 24;
    let there = text.get(offset..).unwrap_or_default();
    let line = there.lines().next().unwrap_or_default();
    let mut excerpt: String = line.chars().take(EXCERPT).collect();
    if excerpt.len() < line.len() {
        excerpt.push('…');
    }
    InputError {
        offset,
        excerpt,
        problem: problem.into(),
    }
}

/// The lines of a text with their offsets.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end())
    })
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Appends the bytes of an even number of hex digits, most significant first.
fn push_hex(bytes: &mut Vec<u8>, digits: &str) {
    let values: Vec<u8> = digits
        .chars()
        .filter_map(|digit| Some(digit.to_digit(16)? as u8))
        .collect();
    bytes.extend(
        values
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, n| byte << 4 | n)),
    );
}

// ---- Hex dumps --------------------------------------------------------------------------------

/// A line of a hex dump: an offset, the bytes, and often the same bytes as characters.
struct DumpLine<'t> {
    at: usize,
    offset: &'t str,
    /// The offset ends with a colon.
    colon: bool,
    rest_at: usize,
    rest: &'t str,
}

impl<'t> DumpLine<'t> {
    fn new(at: usize, line: &'t str) -> Option<DumpLine<'t>> {
        let start = line.trim_start();
        let digits = start.strip_prefix("0x").unwrap_or(start);
        let end = digits
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(digits.len());
        let (offset, rest) = digits.split_at_checked(end)?;
        let colon = rest.starts_with(':');
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let separated = rest.is_empty() || rest.starts_with(char::is_whitespace);
        (separated && (4..=16).contains(&offset.len())).then_some(DumpLine {
            at,
            offset,
            colon,
            rest_at: at + line.len() - rest.len(),
            rest,
        })
    }

    /// How many digits the first number after the offset has.
    fn first_group(&self) -> Option<usize> {
        let group = self.rest.split_whitespace().next()?;
        is_hex(group).then_some(group.len())
    }

    /// The bytes between the offset and the characters.
    fn bytes(&self, text: &str) -> Result<Vec<u8>, InputError> {
        let mut bytes = Vec::new();
        let mut all_pairs = true;
        let mut all_words = true;
        let mut rest = self.rest;
        loop {
            let group_on = rest.trim_start();
            let spaces = rest.chars().take_while(|c| c.is_whitespace()).count();
            let group = group_on.split_whitespace().next().unwrap_or_default();
            if group.is_empty() {
                break;
            }
            let hex = is_hex(group) && group.len() % 2 == 0;
            if !bytes.is_empty() {
                // `hexdump -C` and others have a second space in the middle of the line.
                let middle =
                    !self.colon && bytes.len() == 8 && all_pairs && hex && group.len() == 2;
                // Lost formatting can leave one space before the characters, one for each byte.
                let characters =
                    !hex && (group.starts_with('|') || group_on.chars().count() == bytes.len());
                if spaces > 2 || (spaces == 2 && !middle) || characters {
                    break;
                }
            }
            if !hex {
                let at = self.rest_at + self.rest.len() - group_on.len();
                return Err(error(text, at, "not pairs of hex digits"));
            }
            push_hex(&mut bytes, group);
            all_pairs &= group.len() == 2;
            all_words &= group.len() == 4;
            rest = group_on.get(group.len()..).unwrap_or_default();
        }
        // `hexdump` and `od -x` print numbers of the machine; machines are little-endian.
        if all_words && !self.colon {
            bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    }
}

fn hex_dump(text: &str) -> Option<Result<Input, InputError>> {
    let lines: Vec<DumpLine<'_>> = lines_of(text)
        .filter_map(|(at, line)| DumpLine::new(at, line))
        .collect();
    let colon = lines.iter().any(|line| line.colon);
    let first = lines.iter().find(|line| line.colon == colon)?;
    // Without a colon, the offset could be hex digits like all others.
    let certain = colon
        || (first.offset.bytes().all(|digit| digit == b'0')
            && (first.offset.len() >= 6
                || first.rest.starts_with("  ")
                || first.rest.starts_with('\t'))
            && matches!(first.first_group(), Some(2 | 4)));
    if !certain && lines.len() < 2 {
        return None;
    }

    // Offsets of seven digits are octal (`od`), hexadecimal (`hexdump`) or decimal (`od -A d`).
    // With the wrong one, the offsets do not agree with the number of bytes.
    let radixes: &[u32] = match (first.offset.len(), first.first_group()) {
        (7, Some(2)) if !colon => &[8, 10, 16],
        (7, _) if !colon => &[16, 8, 10],
        _ => &[16],
    };
    let attempts = [1, usize::MAX]
        .into_iter()
        .flat_map(|surplus| radixes.iter().map(move |&radix| (radix, surplus)));
    let mut packets = Err(None);
    for (radix, surplus) in attempts {
        packets = read_dump(text, colon, radix, surplus)
            .map_err(|error| packets.err().flatten().or(Some(error)));
        if packets.is_ok() {
            break;
        }
    }
    match packets {
        // Lines of digits only are no offsets.
        Ok(packets) if packets.iter().all(Vec::is_empty) => None,
        Ok(packets) => Some(join_packets(text, first.at, packets)),
        Err(error) if certain => error.map(Err),
        Err(_) => None,
    }
}

/// Reads all lines; where the offset begins again at zero, another packet begins.
///
/// A line may have `surplus` more bytes than the next offset allows, and loses them: one is the
/// padding of an incomplete word, and more are characters that look like hex digits.
fn read_dump(
    text: &str,
    colon: bool,
    radix: u32,
    surplus: usize,
) -> Result<Vec<Vec<u8>>, InputError> {
    let mut packets = Vec::new();
    let mut total = 0;
    // The packet that is being read: the offset of its first line, its bytes, and where those of
    // its last line begin.
    let mut base = None;
    let mut bytes: Vec<u8> = Vec::new();
    let mut last_line = 0;
    // A line with `*`, and one that is no part of the dump, after the last line of the dump.
    let mut repeated = None;
    let mut foreign = None;

    for (at, line) in lines_of(text) {
        if line.trim() == "*" {
            repeated = repeated.or(Some(at));
            continue;
        }
        let Some(dump) = DumpLine::new(at, line).filter(|dump| dump.colon == colon) else {
            if !line.trim().is_empty() {
                foreign = foreign.or(Some(at));
            }
            continue;
        };
        let Ok(offset) = u64::from_str_radix(dump.offset, radix) else {
            return Err(error(text, dump.at, "not an offset like the others"));
        };
        if offset == 0 && !bytes.is_empty() {
            total += bytes.len();
            packets.push(std::mem::take(&mut bytes));
            base = None;
        } else if let (Some(at), Some(_)) = (foreign, base) {
            return Err(error(text, at, "not a line of the hex dump"));
        }
        foreign = None;

        let base = *base.get_or_insert(offset);
        let position = offset
            .checked_sub(base)
            .and_then(|length| usize::try_from(length).ok());
        let Some(position) = position else {
            return Err(error(text, dump.at, "the offset goes back"));
        };
        if let Some(at) = repeated.take() {
            let row = bytes.get(last_line..).unwrap_or_default().to_vec();
            let missing = position.saturating_sub(bytes.len());
            if row.is_empty() || missing % row.len() != 0 {
                return Err(error(text, at, "the `*` does not stand for whole lines"));
            }
            if total.saturating_add(position) > MAX_EXPANDED {
                return Err(error(text, at, "the `*` stands for too many bytes"));
            }
            bytes.extend(row.iter().cycle().take(missing));
        } else if position > last_line && bytes.len().saturating_sub(position) <= surplus {
            bytes.truncate(position);
        }
        if position != bytes.len() {
            let problem = format!("the lines before this offset have {} bytes", bytes.len());
            return Err(error(text, dump.at, problem));
        }
        last_line = bytes.len();
        bytes.extend(dump.bytes(text)?);
    }
    if let Some(at) = repeated {
        return Err(error(text, at, "the `*` needs an offset after it"));
    }
    packets.push(bytes);
    Ok(packets)
}

/// One packet is just bytes; several make a capture.
fn join_packets(text: &str, at: usize, mut packets: Vec<Vec<u8>>) -> Result<Input, InputError> {
    if packets.len() <= 1 {
        return Ok(Input::new(
            Format::HexDump,
            packets.pop().unwrap_or_default(),
        ));
    }
    match packets
        .iter()
        .find_map(|packet| capture::tcp_payload(packet))
    {
        Some((link, _)) => Ok(Input::new(
            Format::Capture,
            capture::write_pcap(link, &packets),
        )),
        None => Err(error(text, at, "several hex dumps, and not of TCP packets")),
    }
}

// ---- Erlang binaries --------------------------------------------------------------------------

fn erlang_binary(text: &str) -> Option<Result<Vec<u8>, InputError>> {
    let (before, after) = text.split_once("<<")?;
    let is_code = !before.contains(['"', '\'', '\\']);
    is_code.then(|| erlang_elements(text, text.len() - after.len()))
}

/// Reads from behind the `<<`.
fn erlang_elements(text: &str, start: usize) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let mut rest = text.get(start..).unwrap_or_default();
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        if let Some(after) = rest.strip_prefix(">>") {
            return match after.find("<<") {
                Some(next) => {
                    let next = text.len() - after.len() + next;
                    Err(error(text, next, "more than one binary"))
                }
                None => Ok(bytes),
            };
        } else if rest.starts_with('"') {
            rest = unescape(text, at, Some('"'), &mut bytes)?;
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
            let (number, after) = rest
                .split_at_checked(end.unwrap_or(rest.len()))
                .unwrap_or_default();
            let value = match (number.strip_prefix("16#"), number.strip_prefix("0x")) {
                (Some(hex), _) | (None, Some(hex)) => u8::from_str_radix(hex, 16),
                (None, None) => number.parse(),
            };
            match value {
                Ok(value) => bytes.push(value),
                Err(_) if rest.is_empty() => {
                    return Err(error(text, at, "the binary has no `>>`"));
                }
                Err(_) if rest.starts_with("...") => {
                    return Err(error(
                        text,
                        at,
                        "the binary was cut off when it was printed",
                    ));
                }
                Err(_) => return Err(error(text, at, "not a byte of an Erlang binary")),
            }
            rest = after;
        }
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with(">>") => {}
            None => {
                let at = text.len() - rest.len();
                return Err(error(text, at, "expected `,` or `>>` in the Erlang binary"));
            }
        }
    }
}

// ---- Lists of numbers -------------------------------------------------------------------------

fn list(text: &str) -> Option<Result<Vec<u8>, InputError>> {
    let code = blank_out(text);
    if code.contains('\\') {
        return None; // An escaped string; its brackets are characters.
    }
    let mut lists = bracketed(&code).into_iter().filter(|&(start, end)| {
        let content = code.get(start..end).unwrap_or_default().trim();
        let several = content.contains(|c: char| c == ',' || c.is_whitespace());
        let alone = code.trim().len() == content.len() + 2;
        let number = content.starts_with(|c: char| c.is_ascii_digit() || "'-(.".contains(c))
            || content.starts_with("b'");
        number && (several || alone || strip_0x(content).is_some())
    });
    match (lists.next(), lists.next()) {
        (Some((start, end)), None) => Some(list_elements(text, &code, start, end)),
        (Some(_), Some((start, _))) => Some(Err(error(text, start, "more than one list"))),
        (None, _) => {
            let start = code.rfind('=').map_or(0, |at| at + 1);
            let elements = code.get(start..).unwrap_or_default();
            let is_element = |c: char| c.is_whitespace() || c == ',';
            let has_0x = elements
                .split(is_element)
                .any(|word| strip_0x(word).is_some());
            has_0x.then(|| list_elements(text, &code, start, code.len()))
        }
    }
}

/// The same text, at the same offsets, without what is in quotes and in comments.
fn blank_out(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let line_end = || rest.find('\n').unwrap_or(rest.len());
        let hash_comment = c == '#' && code.ends_with(char::is_whitespace);
        let (length, instead) = if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), Some(" "))
        } else if rest.starts_with("//") || hash_comment {
            (line_end(), Some(" "))
        } else if matches!(c, '"' | '\'') {
            // The quotes remain, to be recognised as one element; a lone one is an apostrophe.
            match quoted_length(rest) {
                Ok(length) => (length, Some("'")),
                Err(line_length) => (line_length, None),
            }
        } else {
            (c.len_utf8(), None)
        };
        let (this, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match instead {
            Some(blank) => code.push_str(&blank.repeat(length)),
            None => code.push_str(this),
        }
        rest = after;
    }
    code
}

/// How long the quoted string is with which a text begins; if it does not end on its line, how
/// long this line is.
fn quoted_length(text: &str) -> Result<usize, usize> {
    let quote = text.chars().next();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return Err(at),
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if Some(c) == quote => return Ok(at + c.len_utf8()),
            _ => {}
        }
    }
    Err(text.len())
}

/// What is between brackets or braces that have none inside.
fn bracketed(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open = None;
    for (at, c) in code.char_indices() {
        match c {
            '[' | '{' => open = Some(at + 1),
            ']' | '}' => found.extend(open.take().map(|start| (start, at))),
            _ => {}
        }
    }
    found
}

fn list_elements(text: &str, code: &str, start: usize, end: usize) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let mut at = start;
    let is_separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    for word in code
        .get(start..end)
        .unwrap_or_default()
        .split_inclusive(is_separator)
    {
        let length = word.trim_end_matches(is_separator).len();
        let element = text.get(at..at + length).unwrap_or_default();
        list_element(element, &mut bytes).map_err(|problem| error(text, at, problem))?;
        at += word.len();
    }
    Ok(bytes)
}

fn list_element(element: &str, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    // A cast: `(byte) 0x90`.
    let element = match element.strip_prefix('(') {
        Some(cast) => cast.split_once(')').map_or(element, |(_, value)| value),
        None => element,
    };
    let character = element.strip_prefix('b').unwrap_or(element);
    if element.is_empty() {
        return Ok(());
    } else if let Some(quoted) = in_quotes(character) {
        if strip_0x(quoted).is_some() {
            return list_element(quoted, bytes);
        }
        let before = bytes.len();
        return match unescape(quoted, 0, None, bytes) {
            Ok(_) if bytes.len() == before + 1 => Ok(()),
            _ => Err("not one character"),
        };
    } else if let Some(digits) = strip_0x(element) {
        let digits = digits
            .trim_end_matches("u8")
            .trim_end_matches(['u', 'U', 'L']);
        match digits.len() {
            _ if !is_hex(digits) => return Err("not a hex number"),
            1 => push_hex(bytes, &format!("0{digits}")),
            length if length > 0 && length % 2 == 0 => push_hex(bytes, digits),
            _ => return Err("an odd number of hex digits"),
        }
        return Ok(());
    }
    let digits = element
        .trim_end_matches("u8")
        .trim_end_matches(['u', 'U', 'L']);
    let is_decimal = digits == "0" || !digits.starts_with('0');
    match digits.parse::<i16>() {
        Ok(value @ -128..=255) if is_decimal => {
            // Languages without unsigned bytes print the upper half as negative.
            bytes.push(value as u8);
            Ok(())
        }
        Ok(_) if is_decimal => Err("not a byte"),
        _ if element.contains("..") => Err("the list was cut off when it was printed"),
        _ => Err("not a decimal number (in a list, hex numbers need `0x`)"),
    }
}

fn strip_0x(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

/// What is between a quote at the beginning and the same at the end.
fn in_quotes(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.strip_prefix(quote)?.strip_suffix(quote)
}

// ---- Strings ----------------------------------------------------------------------------------

fn escaped_string(text: &str) -> Option<Result<Vec<u8>, InputError>> {
    let backslash = text.find('\\')?;
    match text.find(['"', '\'']) {
        Some(quote) if quote < backslash => Some(quoted_strings(text, quote)),
        _ if is_escaped_hex(text) => None,
        _ => {
            let start = text.len() - text.trim_start().len();
            let mut bytes = Vec::new();
            Some(unescape(text.trim_end(), start, None, &mut bytes).map(|_| bytes))
        }
    }
}

/// `\x10\x0c`, or the `\x100c` of PostgreSQL, without any characters: this is just hex.
fn is_escaped_hex(text: &str) -> bool {
    let mut parts = text
        .trim()
        .split("\\x")
        .map(|part| part.trim_end_matches(is_hex_separator));
    let starts_well = parts.next().is_some_and(str::is_empty);
    let parts: Vec<&str> = parts.collect();
    let alone = parts.len() == 1;
    starts_well
        && !parts.is_empty()
        && parts.iter().all(|part| {
            is_hex(part) && (part.len() == 2 || (alone && part.len() > 2 && part.len() % 2 == 0))
        })
}

/// One string, or several that follow each other as in C; code before and after is ignored.
fn quoted_strings(text: &str, first: usize) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let mut at = first;
    loop {
        let quote = text.get(at..).and_then(|rest| rest.chars().next());
        let mut rest = unescape(text, at, quote, &mut bytes)?;
        // Find the next string.
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "+\\".contains(c));
            if rest.starts_with("//") {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
            } else if rest.starts_with("/*") {
                rest = rest.split_once("*/").map_or("", |(_, after)| after);
            } else {
                break;
            }
        }
        let string = rest.strip_prefix(['b', 'B']).unwrap_or(rest);
        if string.starts_with(['"', '\'']) {
            at = text.len() - string.len();
        } else if rest.is_empty() || rest.starts_with([')', ']', '}', ';', ',', '|', '>', '$', '#'])
        {
            return Ok(bytes);
        } else {
            let at = text.len() - rest.len();
            return Err(error(text, at, "not understood after the string"));
        }
    }
}

/// Appends the bytes of a string: up to the closing quote if it begins with this one, else up to
/// the end of the text, then without its line breaks. Returns what follows the string.
///
/// `\x` takes at most two digits, as in most languages, but not in C.
fn unescape<'t>(
    text: &'t str,
    start: usize,
    quote: Option<char>,
    bytes: &mut Vec<u8>,
) -> Result<&'t str, InputError> {
    let mut rest = text.get(start..).unwrap_or_default();
    if let Some(quote) = quote {
        rest = rest.strip_prefix(quote).unwrap_or(rest);
    }
    loop {
        let at = text.len() - rest.len();
        let mut chars = rest.chars();
        match chars.next() {
            None if quote.is_some() => return Err(error(text, start, "the string does not end")),
            None => return Ok(rest),
            Some('\\') => {
                let (value, after) = unescape_one(chars.as_str())
                    .ok_or_else(|| error(text, at, "not an escape that stands for a byte"))?;
                bytes.extend(value);
                rest = after;
                continue;
            }
            found if found == quote => return Ok(chars.as_str()),
            Some('\r' | '\n') if quote.is_none() => {}
            Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
        rest = chars.as_str();
    }
}

/// The byte (none, for an escaped line break) of an escape of which the backslash is gone, and
/// what follows it.
fn unescape_one(escape: &str) -> Option<(Option<u8>, &str)> {
    let mut chars = escape.chars();
    let value = match chars.next()? {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'a' => 0x07,
        'b' => 0x08,
        'v' => 0x0b,
        'f' => 0x0c,
        'e' => 0x1b,
        c @ ('\\' | '"' | '\'' | '?' | '/' | '`') => u8::try_from(c).ok()?,
        '\n' => return Some((None, chars.as_str())),
        '\r' => return Some((None, chars.as_str().trim_start_matches('\n'))),
        '0'..='7' => {
            let digits = leading_digits(escape, 8, 3);
            let value = u8::from_str_radix(digits, 8).ok()?;
            return Some((Some(value), escape.get(digits.len()..)?));
        }
        'x' | 'u' if chars.as_str().starts_with('{') => {
            let (digits, after) = chars.as_str().get(1..)?.split_once('}')?;
            return Some((Some(u8::from_str_radix(digits, 16).ok()?), after));
        }
        c @ ('x' | 'u') => {
            let digits = leading_digits(chars.as_str(), 16, if c == 'x' { 2 } else { 4 });
            if c == 'u' && digits.len() < 4 {
                return None;
            }
            let value = u8::from_str_radix(digits, 16).ok()?;
            return Some((Some(value), chars.as_str().get(digits.len()..)?));
        }
        _ => return None,
    };
    Some((Some(value), chars.as_str()))
}

fn leading_digits(text: &str, radix: u32, most: usize) -> &str {
    let length = text
        .chars()
        .take(most)
        .take_while(|digit| digit.is_digit(radix))
        .count();
    text.get(..length).unwrap_or_default()
}

// ---- Hex and base64 ---------------------------------------------------------------------------

fn hex_or_base64(text: &str) -> Result<Input, InputError> {
    let lines = without_prompts(text);
    let all_hex = lines.iter().all(|(_, line)| is_hex_line(line));
    let any_digit = lines
        .iter()
        .any(|(_, line)| line.contains(|c: char| c.is_ascii_hexdigit()));
    if (all_hex && (any_digit || lines.is_empty())) || is_escaped_hex(text) {
        return Ok(Input::new(Format::Hex, hex(text, &lines)?));
    }
    let joined: String = lines.iter().map(|(_, line)| *line).collect();
    if let Some(bytes) = base64(&joined) {
        return Ok(Input::new(Format::Base64, bytes));
    }
    let strange = |c: char| !c.is_ascii_hexdigit() && !is_hex_separator(c);
    let at = lines
        .iter()
        .find_map(|(at, line)| Some(at + line.find(strange)?));
    Err(error(
        text,
        at.unwrap_or_default(),
        "neither hex nor base64, nor another known form",
    ))
}

/// The lines without prompts, commands, quotes and the like.
fn without_prompts(text: &str) -> Vec<(usize, &str)> {
    let whole = text.trim();
    let several = whole.contains('\n');
    let mut lines = Vec::new();
    for (start, line) in lines_of(text) {
        let mut content = line.trim_start();
        let first = content.split_whitespace().next().unwrap_or_default();
        if let Some(before) = first.strip_suffix(['$', '#', '%', '>']) {
            let after = content.get(first.len()..).unwrap_or_default().trim_start();
            if first.ends_with('%') && !before.is_empty() && is_hex_line(before) {
                // The mark of zsh for a missing line break.
                content = before;
            } else if several && !is_hex_line(unwrap(after)) {
                continue;
            } else {
                content = after;
            }
        }
        let content = unwrap(content);
        if !content.is_empty() {
            lines.push((start + offset_in(line, content), content));
        }
    }
    lines
}

/// Where in a line this part of it begins.
fn offset_in(line: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize)
}

/// What is in quotes (also `x'10'` and `b'10'`) or in `<Buffer >`, if anything is.
fn unwrap(line: &str) -> &str {
    let line = line.trim().trim_end_matches([',', ';']);
    let buffer = line
        .split_once("<Buffer ")
        .and_then(|(_, inside)| inside.strip_suffix('>'));
    let string = line.strip_prefix(['b', 'B', 'x', 'X']).unwrap_or(line);
    buffer.or_else(|| in_quotes(string)).unwrap_or(line).trim()
}

fn is_hex_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-' | '_')
}

fn is_hex_line(line: &str) -> bool {
    line.chars()
        .all(|c| c.is_ascii_hexdigit() || is_hex_separator(c))
}

/// Any grouping of whole bytes; only a line break may be within a byte, if there are no groups.
fn hex(text: &str, lines: &[(usize, &str)]) -> Result<Vec<u8>, InputError> {
    let is_separator = |c: char| is_hex_separator(c) || matches!(c, '\\' | 'x');
    let digits: String = lines.iter().map(|(_, line)| *line).collect();
    let wrapped = is_hex(&digits) && digits.len() % 2 == 0;
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    if wrapped {
        push_hex(&mut bytes, &digits);
        return Ok(bytes);
    }
    for (start, line) in lines {
        let mut at = *start;
        for group in line.split_inclusive(is_separator) {
            let digits = group.trim_end_matches(is_separator);
            if digits.len() % 2 != 0 {
                return Err(error(text, at, "an odd number of hex digits"));
            }
            push_hex(&mut bytes, digits);
            at += group.len();
        }
    }
    Ok(bytes)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Data, read_capture};
    use etherparse::PacketBuilder;

    /// A CONNECT of MQTT 3.1.1.
    const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00";
    /// With characters that look like hex digits.
    const TRICKY: &[u8] = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07be ef a";

    #[track_caller]
    fn assert_found(text: &str, format: Format, bytes: &[u8]) {
        let found = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!((found.format, found.headers), (format, 0), "{text}");
        assert_eq!(found.bytes, bytes, "{text}");
    }

    #[track_caller]
    fn assert_error(text: &str, offset: usize, excerpt: &str, problem: &str) {
        let found = parse(text.as_bytes()).map(|found| found.bytes.len());
        let error = found.expect_err(text);
        assert_eq!(error.problem, problem, "{text}");
        assert_eq!(
            (error.offset, &error.excerpt[..]),
            (offset, excerpt),
            "{text}"
        );
    }

    #[test]
    fn plain_hex() {
        for text in [
            "100c00044d5154540402003c0000",
            "100C00044D5154540402003C0000\n",
            "10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00",
            "10 0c 0004 4d515454 04 02 003c0000",
            "  10:0c:00:04:4d:51:54:54:04:02:00:3c:00:00  ",
            "10-0C-00-04-4D-51-54-54-04-02-00-3C-00-00",
            "10,0c,00,04,4d,51,54,54,04,02,00,3c,00,00,",
            "10_0c_00_04; 4d515454\r\n0402\t003c 0000",
            "\u{feff}100c\u{a0}00044d5154540402003c0000",
            // Lines that end within a byte.
            "100c0\n0044d51545404020\n03c0000\n",
            "$ 10 0c 00 04 4d 51 54 54\n> 04 02 00 3c 00 00\n",
            "$ xxd -p connect.bin\n100c00044d5154540402003c0000\n$ ",
            "me@host:~$ cat x\n100c00044d51\n54540402003c0000\nme@host:~$\n",
            "100c00044d5154540402003c0000%",
            "\"100c00044d5154540402003c0000\"",
            ">>> b'100c00044d5154540402003c0000'",
            "x'100c00044d5154540402003c0000';",
            r"\x100c00044d5154540402003c0000",
            r"\x10\x0c\x00\x04\x4d\x51\x54\x54\x04\x02\x00\x3c\x00\x00",
            r"\x10 \x0c, \x00\x04\x4d\x51\x54\x54\x04\x02\x00\x3c\x00\x00",
            "<Buffer 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00>",
            "> <Buffer 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00>\n",
            "payload: <Buffer 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00>\n",
        ] {
            assert_found(text, Format::Hex, CONNECT);
        }
        assert_found(
            "10 0d 0004 4d515454 04 0a",
            Format::Hex,
            b"\x10\x0d\0\x04MQTT\x04\n",
        );
        assert_found("c000", Format::Hex, &[0xc0, 0]);
        assert_found("00000000\n00000000\n0000\n", Format::Hex, &[0; 10]);
    }

    #[test]
    fn hex_that_is_wrong() {
        assert_error("10 0c 000 4d", 6, "000 4d", "an odd number of hex digits");
        assert_error("deadbee", 0, "deadbee", "an odd number of hex digits");
        let unknown = "neither hex nor base64, nor another known form";
        assert_error("$ xxd x\n10 0c zz", 14, "zz", unknown);
        assert_error(
            "<Buffer 10 0c ... 9 more bytes>",
            14,
            "... 9 more bytes>",
            unknown,
        );
        assert_error("something else!", 0, "something else!", unknown);
        assert_error("über", 0, "über", unknown);
        for nothing in ["", " \n", "$ ", "\"\"", "<<>>", "[]"] {
            assert!(parse(nothing.as_bytes()).is_err(), "{nothing}");
        }
        assert_eq!(
            parse(b" \n").unwrap_err().to_string(),
            "no bytes found at offset 2"
        );
    }

    #[test]
    fn dumps_of_the_usual_tools() {
        for text in [
            // xxd; xxd -c8 -g1
            "00000000: 1013 0004 4d51 5454 0402 003c 0007 6265  ....MQTT...<..be\n\
             00000010: 2065 6620 61                              ef a\n",
            "00000000: 10 13 00 04 4d 51 54 54  ....MQTT\n\
             00000008: 04 02 00 3c 00 07 62 65  ...<..be\n\
             00000010: 20 65 66 20 61            ef a\n",
            // hexdump -C; hexdump
            "00000000  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65  |....MQTT...<..be|\n\
             00000010  20 65 66 20 61                                    | ef a|\n\
             00000015\n",
            "0000000 1310 0400 514d 5454 0204 3c00 0700 6562\n\
             0000010 6520 2066 0061                         \n\
             0000015\n",
            // od -Ax -tx1; od -tx1; od -tx1z; od -Ad -tx1; od -x
            "000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65\n\
             000010 20 65 66 20 61\n\
             000015\n",
            "0000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65\n\
             0000020 20 65 66 20 61\n\
             0000025\n",
            "0000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65  >....MQTT...<..be<\n\
             0000020 20 65 66 20 61                                   > ef a<\n\
             0000025\n",
            "0000000 10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65\n\
             0000016 20 65 66 20 61\n\
             0000021\n",
            "0000000 1310 0400 514d 5454 0204 3c00 0700 6562\n\
             0000020 6520 2066 0061\n\
             0000025\n",
            // Wireshark: a packet, and a followed stream
            "0000   10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 62 65   ....MQTT...<..be\n\
             0010   20 65 66 20 61                                     ef a\n",
            "00000000  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65   ....MQTT ...<..be\n\
             00000010  20 65 66 20 61                                      ef a\n",
            // Format-Hex of PowerShell
            "           Path: C:\\packet.bin\r\n\r\n           \
             00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\r\n\r\n\
             00000000   10 13 00 04 4D 51 54 54 04 02 00 3C 00 07 62 65  ....MQTT...<..be\r\n\
             00000010   20 65 66 20 61                                    ef a\r\n\r\n",
            // Prompts around it; an excerpt; lost formatting
            "$ xxd packet.bin\n\
             00000000: 1013 0004 4d51 5454 0402 003c 0007 6265  ....MQTT...<..be\n\
             00000010: 2065 6620 61                              ef a\n\
             me@host:~$ \n",
            "00000100  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 62 65  |....MQTT...<..be|\n\
             00000110  20 65 66 20 61                                    | ef a|\n",
            "00000000: 1013 0004 4d51 5454 0402 003c 0007 6265 ....MQTT...<..be\n\
             00000010: 2065 6620 61 .ef.a",
        ] {
            assert_found(text, Format::HexDump, TRICKY);
        }
    }

    #[test]
    fn characters_of_a_dump_that_look_like_hex() {
        // Only the next offset tells where the bytes end.
        let text = "00000000: 6265 6566 beef\n00000004: 6265\n";
        assert_found(text, Format::HexDump, b"beefbe");
        let text = "00000000  62 65 65 66 62 65 65 66  |be be be|\n00000008\n";
        assert_found(text, Format::HexDump, b"beefbeef");
        assert_found("00000000: 7c7c 7c20  || |", Format::HexDump, b"||| ");
    }

    #[test]
    fn repeated_lines() {
        let expected = [&[0; 100][..], TRICKY].concat();
        for text in [
            "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n\
             *\n\
             00000060  00 00 00 00 10 13 00 04  4d 51 54 54 04 02 00 3c  |........MQTT...<|\n\
             00000070  00 07 62 65 20 65 66 20  61                       |..be ef a|\n\
             00000079\n",
            "0000000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n\
             *\n\
             0000140 00 00 00 00 10 13 00 04 4d 51 54 54 04 02 00 3c\n\
             0000160 00 07 62 65 20 65 66 20 61\n\
             0000171\n",
            "00000000: 0000 0000 0000 0000 0000 0000 0000 0000  ................\n\
             *\n\
             00000060: 0000 0000 1013 0004 4d51 5454 0402 003c  ........MQTT...<\n\
             00000070: 0007 6265 2065 6620 61                   ..be ef a\n",
        ] {
            assert_found(text, Format::HexDump, &expected);
        }
        assert_found(
            "00000000  61 62  |ab|\n*\n00000006\n",
            Format::HexDump,
            b"ababab",
        );
    }

    #[test]
    fn repetitions_are_bounded() {
        let text = |end: u64| format!("00000000: 6162  ab\n*\n{end:08x}: 63  c\n");
        let most = parse(text(MAX_EXPANDED as u64).as_bytes()).unwrap();
        assert_eq!(most.bytes.len(), MAX_EXPANDED + 1);
        let too_many = "the `*` stands for too many bytes";
        assert_error(&text(MAX_EXPANDED as u64 + 2), 19, "*", too_many);
        assert_error(&text(u64::MAX - 1), 19, "*", too_many);
    }

    #[test]
    fn dumps_that_are_wrong() {
        assert_error(
            "00000000: 100z  ..\n",
            10,
            "100z  ..",
            "not pairs of hex digits",
        );
        assert_error(
            "00000000: 100c  ..\n00000010: 00  .\n",
            19,
            "00000010: 00  .",
            "the lines before this offset have 2 bytes",
        );
        assert_error(
            "00000004: 100c  ..\nwhat?\n00000006: 00  .\n",
            19,
            "what?",
            "not a line of the hex dump",
        );
        assert_error(
            "00000004: 10\n00000002: 10\n",
            13,
            "00000002: 10",
            "the offset goes back",
        );
        assert_error(
            "00000000: 10\n*\n",
            13,
            "*",
            "the `*` needs an offset after it",
        );
        assert_error(
            "00000000: 1011\n*\n00000003: 10",
            15,
            "*",
            "the `*` does not stand for whole lines",
        );
        assert_error(
            "00000000: 10\n00000000: 11",
            0,
            "00000000: 10",
            "several hex dumps, and not of TCP packets",
        );
        assert!(parse(b"00000000: 10\n00000001: 10\nffffffffffffffff: 11").is_err());
    }

    fn tcp(sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(40_000, 1883, sequence, 100)
            .ack(1)
            .write(&mut packet, payload)
            .unwrap();
        packet
    }

    fn tcpdump(packet: &[u8]) -> String {
        let mut text = String::from(
            "12:00:00.000000 IP localhost.40000 > localhost.1883: Flags [P.], length 14\n",
        );
        for (row, bytes) in packet.chunks(16).enumerate() {
            text += &format!("\t0x{:04x}: ", row * 16);
            for pair in bytes.chunks(2) {
                text.push(' ');
                pair.iter().for_each(|byte| text += &format!("{byte:02x}"));
            }
            text += "  E..<.....\n";
        }
        text
    }

    #[test]
    fn headers_of_a_packet_are_stripped() {
        let packet = tcp(1, CONNECT);
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let ethernet = [&[2; 12][..], &[8, 0], &packet, &[0; 6]].concat();
        let loopback = [&[2, 0, 0, 0][..], &packet].concat();
        for (text, format, headers) in [
            (tcpdump(&packet), Format::HexDump, 40),
            (hex(&packet), Format::Hex, 40),
            (hex(&ethernet), Format::Hex, 54),
            (hex(&loopback), Format::Hex, 44),
        ] {
            let found = parse(text.as_bytes()).unwrap();
            let expected = Input {
                format,
                bytes: CONNECT.to_vec(),
                headers,
            };
            assert_eq!(found, expected, "{text}");
        }
        // Not clearly a packet: cut off, or not TCP.
        for bytes in [
            &packet[..50],
            &[&packet[..9], &[17], &packet[10..]].concat(),
        ] {
            assert_found(&hex(bytes), Format::Hex, bytes);
        }
        let error = parse(tcpdump(&tcp(1, b"")).as_bytes()).unwrap_err();
        assert_eq!(error.problem, "a packet without payload");
    }

    #[test]
    fn several_packets_of_tcpdump_are_a_capture() {
        let text = tcpdump(&tcp(1, b"ab")) + &tcpdump(&tcp(3, b"cd"));
        let found = parse(text.as_bytes()).unwrap();
        assert_eq!(found.format, Format::Capture);
        let flows = read_capture(&found.bytes, None).unwrap().flows;
        assert_eq!(flows.len(), 1);
        assert_eq!(flows[0].segments[1].data, Data::Bytes(b"cd".to_vec()));
    }

    #[test]
    fn erlang_and_elixir() {
        for text in [
            "<<16,12,0,4,77,81,84,84,4,2,0,60,0,0>>",
            "<<16, 12, 0, 4, \"MQTT\", 4, 2, 0, 60, 0, 0>>",
            "1> Packet = <<16#10,16#0C,0,4,\"MQTT\",4,2,0,\n  16#3c,0,0>>.\n",
            "iex(1)> <<0x10, 0x0c, 0, 4, \"MQTT\\x04\\x02\", 0, \"<\", 0, 0>>",
        ] {
            assert_found(text, Format::ErlangBinary, CONNECT);
        }
        assert_found(r#"<<"a,b>>\"c">>"#, Format::ErlangBinary, b"a,b>>\"c");
        assert_error("<<16,256>>", 5, "256>>", "not a byte of an Erlang binary");
        assert_error(
            "<<16,...>>",
            5,
            "...>>",
            "the binary was cut off when it was printed",
        );
        assert_error(
            "<<16,12",
            7,
            "",
            "expected `,` or `>>` in the Erlang binary",
        );
        assert_error("<<16,", 5, "", "the binary has no `>>`");
        assert_error(
            "<<0:16>>",
            3,
            ":16>>",
            "expected `,` or `>>` in the Erlang binary",
        );
        assert_error("<<1>> <<2>>", 6, "<<2>>", "more than one binary");
        assert_error("<<\"abc>>", 2, "\"abc>>", "the string does not end");
    }

    #[test]
    fn lists_of_numbers() {
        for text in [
            "0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3c, 0x00, 0x00",
            "0x10 0xc 0x0 0x4 0x4D 0x51 0x54 0x54 0x4 0x2 0x0 0x3C 0x0 0x0",
            "0X10,0X0C,0,4,0x4d515454,0x04,0x02,0x00,0x3c,0x00,0x00,",
            "{0x10,0x0c,0,4,'M','Q','T','T',4,2,'\\0',60,'\\x00',0}",
            "uint8_t packet[14] = { 0x10, 0x0c, 0, 4, /* [MQTT] */ 'M', 'Q', 'T', 'T',\n\
             4, 2, // flags, \"clean\"\n 0, 60, 0, 0 };",
            "unsigned char c_bin[] = {\n  0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54,\n  \
             0x04, 0x02, 0x00, 0x3c, 0x00, 0x00\n};\nunsigned int c_bin_len = 14;\n",
            "let packet: [u8; 14] = [0x10u8, 0x0c, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 0];",
            "new byte[] { 0x10, (byte) 0x0c, (byte)0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0 };",
            "[16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0]",
            "[16 12 0 4 77 81 84 84 4 2 0 60 0 0]",
            "Uint8Array(14) [\n  16, 12, 0, 4, 77, 81, 84, 84,\n  4, 2, 0, 60, 0, 0\n]",
            r#"{"type":"Buffer","data":[16,12,0,4,77,81,84,84,4,2,0,60,0,0]}"#,
            "['0x10', '0xc', '0x0', '0x4', '0x4d', '0x51', '0x54', '0x54', '0x4', '0x2', '0x0', \
             '0x3c', '0x0', '0x0']",
            "bytearray([16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0])  # CONNECT, [x, y]",
        ] {
            assert_found(text, Format::List, CONNECT);
        }
        assert_found("[-64, 0]", Format::List, &[0xc0, 0]);
        assert_found("[192]", Format::List, &[0xc0]);
        assert_found(
            "char x[1] = { 0xc0 }; int x_len = 1;",
            Format::List,
            &[0xc0],
        );
        assert_error("[16, 256]", 5, "256]", "not a byte");
        assert_error("[16, -129]", 5, "-129]", "not a byte");
        let decimal = "not a decimal number (in a list, hex numbers need `0x`)";
        assert_error("[10, 0c, 00]", 5, "0c, 00]", decimal);
        assert_error("[10, 00]", 5, "00]", decimal);
        assert_error("{0x10, 0xzz}", 7, "0xzz}", "not a hex number");
        assert_error("{0x10, 0x100}", 7, "0x100}", "an odd number of hex digits");
        assert_error("{0x10, 'ab'}", 7, "'ab'}", "not one character");
        assert_error(
            "[16, 12, ...]",
            9,
            "...]",
            "the list was cut off when it was printed",
        );
        assert_error("[1, 2]\n[3, 4]", 8, "3, 4]", "more than one list");
        // Without brackets and without `0x`, numbers are hex.
        assert_found("16, 12", Format::Hex, &[0x16, 0x12]);
    }

    #[test]
    fn escaped_strings() {
        for text in [
            r"b'\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00'",
            r#">>> b"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00""#,
            r#""\x10\x0c\0\4MQTT\004\2\0<\0\0""#,
            "const char p[] = \"\\x10\\x0c\\0\\4\" /* header */\n  \"MQTT\" // name\n  \
             \"\\x04\\2\\x00<\\0\\0\";",
            r"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00",
            "\\x10\\x0c\\x00\\x04MQTT\n\\x04\\x02\\x00<\\x00\\x00\n",
            r"printf '\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00' | nc localhost 1883",
            r#""\u0010\f\u0000\u0004MQTT\u0004\u0002\u0000<\u0000\u0000""#,
            r#"bytes(b"\x10\x0c\x00\x04MQ" + b"TT\x04\x02\x00<\x00\x00")"#,
            r#""\x{10}\u{c}\0\x04MQTT\x04\x02\x00\x3c\x00\x00""#,
        ] {
            assert_found(text, Format::EscapedString, CONNECT);
        }
        let all = r#"b'\a\b\t\n\v\f\r\e\\\"\'\377\?'"#;
        let bytes = b"\x07\x08\t\n\x0b\x0c\r\x1b\\\"'\xff?";
        assert_found(all, Format::EscapedString, bytes);
        // Characters that could be hex digits or a list stay characters.
        assert_found(
            r"\x30\x04\x00\x01ab",
            Format::EscapedString,
            b"0\x04\0\x01ab",
        );
        assert_found(
            r"\x30\x09\x00\x01a[1, 2]",
            Format::EscapedString,
            b"0\t\0\x01a[1, 2]",
        );
        assert_found(
            r#"b'\x30\x05\x00\x01a{1,2}'"#,
            Format::EscapedString,
            b"0\x05\0\x01a{1,2}",
        );
        assert_found(
            r#"b'\x10<<"ü">>'"#,
            Format::EscapedString,
            "\x10<<\"ü\">>".as_bytes(),
        );

        let escape = "not an escape that stands for a byte";
        assert_error(r"b'\x10\y'", 6, r"\y'", escape);
        assert_error(r"b'\x10\xg0'", 6, r"\xg0'", escape);
        assert_error(r"b'\x10\777'", 6, r"\777'", escape);
        assert_error(r#""\u20ac""#, 1, r#"\u20ac""#, escape);
        assert_error(r"b'\x10", 1, r"'\x10", "the string does not end");
        assert_error(r"\x10a\", 5, r"\", escape);
        assert_error(
            r"b'\x10' oops",
            8,
            "oops",
            "not understood after the string",
        );
    }

    #[test]
    fn base64_of_all_kinds() {
        for text in [
            "EAwABE1RVFQEAgA8AAA=",
            "EAwABE1RVFQEAgA8AAA",
            "EAwABE1R\nVFQEAgA8\r\nAAA=\n",
            "'EAwABE1RVFQEAgA8AAA='",
            "b'EAwABE1RVFQEAgA8AAA='",
            "$ base64 connect.bin\nEAwABE1RVFQEAgA8AAA=\n$ ",
        ] {
            assert_found(text, Format::Base64, CONNECT);
        }
        assert_found("+/+/", Format::Base64, &[0xfb, 0xff, 0xbf]);
        assert_found("-_-_", Format::Base64, &[0xfb, 0xff, 0xbf]);
        // Hex wins.
        assert_found("abcd", Format::Hex, &[0xab, 0xcd]);
        assert!(parse(b"EAwABE1RVFQEAgA8A").is_err());
        assert!(parse(b"EAwABE1R VFQEAgA8").is_err());
    }

    #[test]
    fn raw_bytes() {
        for bytes in [
            CONNECT,
            &[0xc0, 0],
            b"abc\x80",
            b"\x01",
            &[0xff, 0xfe, 0x00],
        ] {
            let expected = Input {
                format: Format::Raw,
                bytes: bytes.to_vec(),
                headers: 0,
            };
            assert_eq!(parse(bytes), Ok(expected));
        }
    }

    #[test]
    fn captures() {
        let file = capture::write_pcap(pcap_parser::Linktype::RAW, &[tcp(1, b"ab")]);
        assert_eq!(parse(&file), Ok(Input::new(Format::Capture, file.clone())));
        let hex: String = file.iter().map(|byte| format!("{byte:02x} ")).collect();
        assert_eq!(parse(hex.as_bytes()), Ok(Input::new(Format::Capture, file)));
    }

    #[test]
    fn text_in_utf16() {
        let text = "\u{feff}c0 00\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes);
        let found = parse(&text.collect::<Vec<u8>>()).unwrap();
        assert_eq!(
            (found.format, &found.bytes[..]),
            (Format::Hex, &[0xc0, 0][..])
        );
    }

    #[test]
    fn no_text_makes_it_panic() {
        let seeds = [
            "00000000: 1013 0004  ....\n*\n00000010: 2065 6620 61  x\n0000000a",
            "0000000 1310 0400\n*\n0000010 20 65  |ü|",
            "\t0x0000:  4500 003c ü E..<\n\t0x0004:  4500",
            "1> <<16#10, \"ü\\x10\", 0x0c, 12>>.",
            "uint8_t x[] = { 0x10, 'ü', b'\\0', (byte)-1, 12u8 }; // ü",
            "b'\\x10\\u{c}\\u00ff\\777ü' + \"\\\n\" /* ü */ 'x'",
            "$ x\nu%\n<Buffer 10 0c>\n10-0c:00 \\x10\\x0c",
            "EAwABE1RVFQEAgA8AAA=",
        ];
        let pieces = [
            "", "\\", "'", "\"", "ü", "0x", "<<", "[", "}", "/*", "*\n", "\n", ":", " ",
        ];
        for seed in seeds {
            for (at, c) in seed.char_indices() {
                for piece in pieces {
                    let after = &seed[at + c.len_utf8()..];
                    for text in [
                        format!("{}{piece}{after}", &seed[..at]),
                        format!("{}{piece}", &seed[..at]),
                        format!("{piece}{}", &seed[at..]),
                    ] {
                        if let Err(error) = parse(text.as_bytes()) {
                            assert!(error.offset <= text.len());
                        }
                    }
                }
            }
        }
    }
}
