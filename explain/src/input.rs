//! Pasted text to bytes: detects the form in which the bytes are written.
//!
//! The forms are tried in this order. The first one that matches decides: a mistake inside it is an
//! error, and the later forms are not tried.
//!
//! 1. a pcap or pcapng capture, by its magic number;
//! 2. raw bytes, if the input is not text (not UTF-8, or with control characters);
//! 3. a hex dump with offsets: `xxd`, `hexdump` with or without `-C`, `od -t x1`,
//!    `tcpdump -x` and `-X`, the dumps of Wireshark;
//! 4. an Erlang or Elixir binary: `<<16,12,0,4,"MQTT">>`;
//! 5. a list of numbers: in brackets or braces as in most languages (`[16, 12, 0]`,
//!    `uint8_t x[] = { 0x10, 12, 'M' };`, `xxd -i`), or without them if a number begins with `0x`;
//! 6. a string with escapes: `b'\x10\x0cMQTT'`, `"\x10" "\x0c\0MQTT"`, or without quotes;
//! 7. hex digits in any grouping: `100c0004`, `10 0c 0004`, `10:0c`, `10-0C`, `\x10\x0c`,
//!    `<Buffer 10 0c>`, `xxd -p`, also in quotes;
//! 8. base64 with either alphabet, with or without padding, also in quotes.
//!
//! So text that can be hex is never read as base64, and numbers without brackets are never read as
//! decimal. Shell prompts and commands around the bytes are ignored.

mod base64;
mod erlang;
mod error;
mod hex_digits;
mod hex_dump;
mod list;
mod string;
mod text;

use std::fmt;

use crate::capture;

pub use self::error::InputError;

/// The bytes that were found, and the form in which they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The form in which the bytes were written.
    pub format: Format,
    /// The bytes; for [`Format::Capture`] the capture file. Never empty.
    pub bytes: Vec<u8>,
    /// How many bytes of link, IP and TCP headers were removed in front of them. Not 0 only for
    /// hex digits and hex dumps.
    pub headers: usize,
}

/// A form in which bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A pcap or pcapng file, or one that was made of several packets in a hex dump.
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

/// Finds the bytes in pasted text.
///
/// The result is never longer than the input, with two exceptions: the repetitions in hex dumps
/// (see [`MAX_EXPANDED`](hex_dump::MAX_EXPANDED)), and the header of a capture that is made here.
pub fn parse(input: &[u8]) -> Result<Input, InputError> {
    if capture::is_capture(input) {
        return Ok(Input::new(Format::Capture, input.to_vec()));
    }
    let Some(text) = text::decode(input) else {
        return Ok(Input::new(Format::Raw, input.to_vec()));
    };
    let mut found = parse_text(&text)?;
    if capture::is_capture(&found.bytes) {
        found.format = Format::Capture;
    } else if matches!(found.format, Format::HexDump | Format::Hex) {
        found.strip_headers();
    }
    if found.bytes.is_empty() {
        let problem = if found.headers == 0 {
            "no bytes found"
        } else {
            "the packet has no payload"
        };
        return Err(InputError::new(&text, text.len(), problem));
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

    /// Keeps only the payload if the bytes are clearly a TCP packet.
    fn strip_headers(&mut self) {
        if let Some((_, payload)) = capture::tcp_payload(&self.bytes) {
            self.headers = payload.start;
            self.bytes.truncate(payload.end);
            self.bytes.drain(..payload.start);
        }
    }
}

fn parse_text(text: &str) -> Result<Input, InputError> {
    if let Some(dump) = hex_dump::parse(text) {
        return from_dump(text, dump?);
    }
    if let Some(bytes) = erlang::parse(text) {
        return Ok(Input::new(Format::ErlangBinary, bytes?));
    }
    if let Some(bytes) = list::parse(text) {
        return Ok(Input::new(Format::List, bytes?));
    }
    if let Some(bytes) = string::parse(text) {
        return Ok(Input::new(Format::EscapedString, bytes?));
    }
    let lines = text::without_prompts(text);
    if let Some(bytes) = hex_digits::parse(text, &lines) {
        return Ok(Input::new(Format::Hex, bytes?));
    }
    if let Some(bytes) = base64::parse(&lines) {
        return Ok(Input::new(Format::Base64, bytes));
    }
    let offset = hex_digits::first_other_character(&lines).unwrap_or_default();
    let problem = "not hex, base64 or another known form";
    Err(InputError::new(text, offset, problem))
}

/// One packet is just bytes; several packets become a capture.
fn from_dump(text: &str, mut dump: hex_dump::Dump) -> Result<Input, InputError> {
    if dump.packets.len() <= 1 {
        let bytes = dump.packets.pop().unwrap_or_default();
        return Ok(Input::new(Format::HexDump, bytes));
    }
    let mut payloads = dump.packets.iter().map(|it| capture::tcp_payload(it));
    match payloads.find_map(|payload| payload) {
        Some((link, _)) => {
            let file = capture::write_pcap(link, &dump.packets);
            Ok(Input::new(Format::Capture, file))
        }
        None => {
            let problem = "several hex dumps that are not TCP packets";
            Err(InputError::new(text, dump.offset, problem))
        }
    }
}

#[cfg(test)]
mod tests;
