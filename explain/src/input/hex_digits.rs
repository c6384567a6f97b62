//! Hex digits, in any grouping.

use super::error::InputError;
use super::text::{is_hex_line, is_hex_separator};
use crate::hex;

/// The bytes, if the lines are hex digits.
pub(super) fn parse(text: &str, lines: &[(usize, &str)]) -> Option<Result<Vec<u8>, InputError>> {
    let all_hex = lines.iter().all(|(_, line)| is_hex_line(line));
    let mut all = lines.iter();
    let any_digit = all.any(|(_, line)| line.contains(|c: char| c.is_ascii_hexdigit()));
    let is_hex = all_hex && (any_digit || lines.is_empty());
    (is_hex || is_escaped(text)).then(|| decode(text, lines))
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
fn decode(text: &str, lines: &[(usize, &str)]) -> Result<Vec<u8>, InputError> {
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
