//! Pasted text to bytes: detects the form in which the bytes are written.
//!
//! A file that is compressed with gzip is unpacked first. Then comes:
//!
//! 1. a pcap or pcapng capture, by its magic number;
//! 2. raw bytes, if the input is not text (not UTF-8, or with control characters);
//! 3. text, in one of the [`FORMS`]. They are tried in the order of the table. The first one that
//!    matches decides: a mistake inside it is an error, and the later forms are not tried.
//!
//! Colours, prefixes of logs and shell prompts around the bytes are ignored, and typographic quotes
//! are quotes. Text that can be hex is never read as base64. Text that can be read in two ways is
//! an error that names both, unless only one of them is MQTT.

mod base64;
mod calls;
mod compressed;
mod digits;
mod erlang;
mod error;
mod follow;
mod found;
mod hex_digits;
mod hex_dump;
mod hex_row;
mod list;
mod log;
mod saleae;
mod strace;
mod string;
mod text;
mod turns;
mod unknown;

use crate::capture;

pub use self::error::InputError;
pub use self::found::Content;

use self::found::Found;

/// The bytes that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The name of the form in which the bytes were written.
    pub form: &'static str,
    pub content: Content,
}

/// A form of text.
struct Form {
    name: &'static str,
    /// Returns `None` for text in another form.
    read: fn(&str) -> Option<Result<Found, InputError>>,
}

/// All forms of text, in the order in which they are tried. Each file describes its form.
const FORMS: [Form; 16] = [
    form("strace", strace::read),
    form("Follow Stream", follow::read),
    form("socat -x", turns::read_socat),
    form("ngrep -x", turns::read_ngrep),
    form("Saleae CSV", saleae::read),
    form("hex dump", hex_dump::read),
    form("hex in code", calls::read),
    form("Erlang binary", erlang::read),
    form("hex in a log", log::read),
    form("list of numbers", list::read),
    form("escaped string", string::read),
    form("bits", digits::read_bits),
    form("decimal numbers", digits::read_decimals),
    form("octal numbers", digits::read_octals),
    form("hex", hex_digits::read),
    form("base64", base64::read),
];

const fn form(name: &'static str, read: fn(&str) -> Option<Result<Found, InputError>>) -> Form {
    Form { name, read }
}

/// Finds the bytes in a file or in pasted text.
///
/// The result is never longer than the input, with three exceptions: compressed files (see
/// [`MAX_UNPACKED`](compressed::MAX_UNPACKED)), the repetitions in hex dumps (see
/// [`MAX_EXPANDED`](hex_dump::MAX_EXPANDED)), and the headers of a capture that is made here.
pub fn parse(input: &[u8]) -> Result<Input, InputError> {
    let input = &*compressed::unpack(input)?;
    if capture::is_capture(input) {
        return Ok(Input {
            form: "packet capture",
            content: Content::Capture(input.to_vec()),
        });
    }
    let Some(text) = text::decode(input) else {
        return Ok(Input {
            form: "raw bytes",
            content: Content::Bytes(input.to_vec()),
        });
    };
    let found = |form: &Form| Some((form.name, (form.read)(&text)?));
    let Some((form, found)) = FORMS.iter().find_map(found) else {
        return Err(unknown::explain(&text));
    };
    let content = match found? {
        Found::Bytes(bytes) => of_bytes(&text, bytes)?,
        Found::Dialogue(dialogue) => dialogue.content(&text)?,
        Found::Packets(packets) => of_packets(&text, packets)?,
    };
    Ok(Input { form, content })
}

/// Bytes may be a capture, or a packet of which only the payload is wanted.
fn of_bytes(text: &str, mut bytes: Vec<u8>) -> Result<Content, InputError> {
    if capture::is_capture(&bytes) {
        return Ok(Content::Capture(bytes));
    }
    let mut problem = "no bytes found";
    if let Some((_, payload)) = capture::tcp_payload(&bytes) {
        problem = "the packet has no payload";
        bytes.truncate(payload.end);
        bytes.drain(..payload.start);
    }
    if bytes.is_empty() {
        return Err(InputError::new(text, text.len(), problem));
    }
    Ok(Content::Bytes(bytes))
}

/// One packet is just bytes; several packets become a capture.
fn of_packets(text: &str, mut packets: Vec<Vec<u8>>) -> Result<Content, InputError> {
    if packets.len() <= 1 {
        return of_bytes(text, packets.pop().unwrap_or_default());
    }
    let mut payloads = packets.iter().map(|it| capture::tcp_payload(it));
    match payloads.find_map(|payload| payload) {
        Some((link, _)) => Ok(Content::Capture(capture::write_pcap(link, &packets))),
        None => {
            let problem = "several hex dumps that are not TCP packets";
            Err(InputError::new(text, 0, problem))
        }
    }
}

#[cfg(test)]
mod tests;
