//! Hex digits, in any grouping.

use super::error::InputError;
use super::found::Found;
use super::text::{is_hex_line, is_hex_separator, without_prompts};
use crate::hex;

/// `100c0004`, `10 0c 0004`, `10:0c`, `10-0C`, `\x10\x0c`, `<Buffer 10 0c>`, `xxd -p`, also in
/// quotes, and with comments at the ends of lines.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let lines = &without_prompts(text);
    if let Some((at, line)) = lines.iter().find(|(_, line)| is_cut_buffer(line)) {
        let at = at + line.find("...").unwrap_or_default();
        let problem = "the buffer was shortened when it was printed, so bytes are missing";
        return Some(Err(InputError::new(text, at, problem)));
    }
    let all_hex = lines.iter().all(|(_, line)| is_hex_line(line));
    let mut all = lines.iter();
    let any_digit = all.any(|(_, line)| line.contains(|c: char| c.is_ascii_hexdigit()));
    let is_hex = all_hex && (any_digit || lines.is_empty());
    (is_hex || is_escaped(text)).then(|| decode(text, lines).map(Found::Bytes))
}

/// Whether a line is the content of a `<Buffer >` that Node.js shortened: `10 0c ... 3 more bytes`.
fn is_cut_buffer(line: &str) -> bool {
    line.split_once("...").is_some_and(|(before, after)| {
        is_hex_line(before)
            && after
                .trim_end()
                .trim_end_matches('s')
                .ends_with("more byte")
    })
}

/// The offset of the first character that is neither a hex digit nor a separator.
pub(super) fn first_other_character(lines: &[(usize, &str)]) -> Option<usize> {
    let is_other = |c: char| !c.is_ascii_hexdigit() && !is_hex_separator(c);
    let mut lines = lines.iter();
    lines.find_map(|(at, line)| Some(at + line.find(is_other)?))
}

/// Whether a text is `\x10\x0c`, or the `\x100c` of PostgreSQL, with no other characters.
pub(super) fn is_escaped(text: &str) -> bool {
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
            hex::is_digits(part)
                && (part.len() == 2 || (alone && part.len() > 2 && part.len() % 2 == 0))
        })
}

/// Groups have whole bytes. Without groups, a line break may be inside a byte.
pub(super) fn decode(text: &str, lines: &[(usize, &str)]) -> Result<Vec<u8>, InputError> {
    let is_separator = |c: char| is_hex_separator(c) || matches!(c, '\\' | 'x');
    let digits: String = lines.iter().map(|(_, line)| *line).collect();
    if let Some(bytes) = hex::decode(&digits) {
        return Ok(bytes);
    }
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for (start, line) in lines {
        let mut at = *start;
        for group in line.split_inclusive(is_separator) {
            let digits = group.trim_end_matches(is_separator);
            let group_bytes = hex::decode(digits);
            let problem = || InputError::new(text, at, "an odd number of hex digits");
            bytes.extend(group_bytes.ok_or_else(problem)?);
            at += group.len();
        }
    }
    Ok(bytes)
}
