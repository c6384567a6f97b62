//! Rows of hex between other lines, as logs of devices have them.

use super::error::InputError;
use super::found::Found;
use super::hex_row;
use super::text::{is_hex_line, is_hex_separator, lines, strip_0x};
use crate::hex;

/// One run of rows, with or without addresses and characters. The other lines are words.
///
/// ```text
/// I (312) mqtt: sending 14 bytes
/// I (312) mqtt: 0x3ffb4280   10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00        |....MQTT...<..|
/// ```
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let mut bytes = Vec::new();
    let mut has_words = false;
    // the first line of words after the rows
    let mut after = None;
    for (at, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        match row(line) {
            Some(_) if after.is_some() => {
                let at = after.unwrap_or_default();
                let problem = "other text between the bytes; keep one packet, or one direction";
                return Some(Err(InputError::new(text, at, problem)));
            }
            Some(row) => {
                has_words |= !is_hex_line(line);
                bytes.extend(row);
            }
            None if is_mostly_hex(line) || line.ends_with(['[', '{']) => return None,
            None => {
                has_words = true;
                if !bytes.is_empty() {
                    after = after.or(Some(at));
                }
            }
        }
    }
    (has_words && bytes.len() > 1).then_some(Ok(Found::Bytes(bytes)))
}

/// The bytes of a line that is only a row, or a row after a label: `tx: 10 0c`.
fn row(line: &str) -> Option<Vec<u8>> {
    let line = line.trim();
    let after_address = strip_0x(line).and_then(|digits| {
        let (address, row) = digits.split_once([' ', '\t'])?;
        hex::is_digits(address.trim_end_matches(':')).then_some(row)
    });
    let after_label = || {
        let (label, row) = line.rsplit_once([':', '='])?;
        label
            .contains(|c: char| !c.is_ascii_hexdigit() && !is_hex_separator(c))
            .then_some(row)
    };
    let is_several = |bytes: &Vec<u8>| bytes.len() > 1;
    hex_row::read(after_address.unwrap_or(line))
        .or_else(|| hex_row::read(after_label()?).filter(is_several))
}

/// Whether a line that is no row is likely to be one with a mistake.
fn is_mostly_hex(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_hex = |word: &&&str| {
        word.len() == 2 && hex::is_digits(word) || word.len() > 7 && hex::is_digits(word)
    };
    2 * words.iter().filter(is_hex).count() >= words.len()
}
