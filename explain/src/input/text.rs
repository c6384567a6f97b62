//! Helpers for all forms of text.

use std::borrow::Cow;

/// The input as text, if it is text.
pub(super) fn decode(input: &[u8]) -> Option<Cow<'_, str>> {
    let text = match input {
        [0xff, 0xfe, utf16 @ ..] => Cow::from(ascii_in_utf16(utf16)?),
        [0xef, 0xbb, 0xbf, utf8 @ ..] => Cow::from(std::str::from_utf8(utf8).ok()?),
        utf8 => Cow::from(std::str::from_utf8(utf8).ok()?),
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c');
    text.chars().all(is_text).then_some(text)
}

/// UTF-16 as PowerShell on Windows writes it, if all of it is ASCII.
fn ascii_in_utf16(bytes: &[u8]) -> Option<String> {
    let ascii = |pair: &[u8]| match pair {
        [byte @ ..0x80, 0] => Some(char::from(*byte)),
        _ => None,
    };
    bytes.chunks(2).map(ascii).collect()
}

/// The lines of a text, with their offsets.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end())
    })
}

/// The lines without prompts, commands, quotes and the like.
pub(super) fn without_prompts(text: &str) -> Vec<(usize, &str)> {
    let whole = text.trim();
    let several = whole.contains('\n');
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let mut content = line.trim_start();
        let first = content.split_whitespace().next().unwrap_or_default();
        if let Some(before) = first.strip_suffix(['$', '#', '%', '>']) {
            let after = content.get(first.len()..).unwrap_or_default().trim_start();
            if first.ends_with('%') && !before.is_empty() && is_hex_line(before) {
                // zsh marks a missing line break with `%`.
                content = before;
            } else if several && !is_hex_line(unwrap(after)) {
                continue;
            } else {
                content = after;
            }
        }
        let content = unwrap(content);
        if !content.is_empty() {
            found.push((start + offset_in(line, content), content));
        }
    }
    found
}

/// The offset of a part of a line.
fn offset_in(line: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize)
}

/// The content of quotes (also `x'10'` and `b'10'`) or of `<Buffer >`, or else the line itself.
fn unwrap(line: &str) -> &str {
    let line = line.trim().trim_end_matches([',', ';']);
    let buffer = line
        .split_once("<Buffer ")
        .and_then(|(_, inside)| inside.strip_suffix('>'));
    let string = line.strip_prefix(['b', 'B', 'x', 'X']).unwrap_or(line);
    buffer.or_else(|| in_quotes(string)).unwrap_or(line).trim()
}

/// Whether a character may be between hex digits.
pub(super) fn is_hex_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-' | '_')
}

/// Whether a line has only hex digits and separators.
pub(super) fn is_hex_line(line: &str) -> bool {
    line.chars()
        .all(|c| c.is_ascii_hexdigit() || is_hex_separator(c))
}

/// The text after `0x`.
pub(super) fn strip_0x(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

/// The text between two equal quotes at its beginning and end.
pub(super) fn in_quotes(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.strip_prefix(quote)?.strip_suffix(quote)
}
