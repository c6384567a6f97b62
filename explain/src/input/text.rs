//! Helpers for all forms of text.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// Compiles a pattern of this program.
pub(super) fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant, and a test uses it")
}

/// The input as text, if it is text. Colours are removed. Blanks replace the prefixes of logs, and
/// plain quotes the typographic ones.
pub(super) fn decode(input: &[u8]) -> Option<String> {
    static COLOR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[\d;]*m"));
    static POWERSHELL: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^PS [A-Za-z]:[^>\n]*>"));
    let text = decode_utf(input)?;
    let text = COLOR.replace_all(&text, "").into_owned();
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c');
    let text = Some(text).filter(|text| text.chars().all(is_text))?;
    let text = without_prefixes(&plain_quotes(text));
    // PS C:\Users\me> of PowerShell, as a prompt of one word
    let prompt = |found: &Captures<'_>| {
        let length = found.get(0).map_or(0, |it| it.len());
        format!("{:>length$}", ">")
    };
    Some(POWERSHELL.replace_all(&text, prompt).into_owned())
}

fn decode_utf(input: &[u8]) -> Option<Cow<'_, str>> {
    match input {
        [0xff, 0xfe, utf16 @ ..] => Some(ascii_in_utf16(utf16)?.into()),
        [0xef, 0xbb, 0xbf, utf8 @ ..] => Some(std::str::from_utf8(utf8).ok()?.into()),
        utf8 => Some(std::str::from_utf8(utf8).ok()?.into()),
    }
}

/// UTF-16 as PowerShell on Windows writes it, if all of it is ASCII.
fn ascii_in_utf16(bytes: &[u8]) -> Option<String> {
    let ascii = |pair: &[u8]| match pair {
        [byte @ ..0x80, 0] => Some(char::from(*byte)),
        _ => None,
    };
    bytes.chunks(2).map(ascii).collect()
}

/// Replaces typographic quotes around a string, which word processors and chats put in the place of
/// plain ones. Inside of a string they are characters. Offsets stay the same.
fn plain_quotes(text: String) -> String {
    static DOUBLE: LazyLock<Regex> = LazyLock::new(|| pattern("[“„]([^“”„]*)[“”]"));
    static SINGLE: LazyLock<Regex> = LazyLock::new(|| pattern("[‘‚]([^‘’‚]*)[‘’]"));
    let first = text.find(['"', '\'', '\\']).unwrap_or(text.len());
    if text
        .find(['“', '„', '‘', '‚'])
        .is_none_or(|quote| quote > first)
    {
        return text;
    }
    let text = DOUBLE.replace_all(&text, "  \"${1}\"  ");
    SINGLE.replace_all(&text, "  '${1}'  ").into_owned()
}

/// Puts blanks in the place of the time, level and module at the beginnings of lines.
fn without_prefixes(text: &str) -> String {
    static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
        let parts = [
            // 2024-01-31 12:00:00.123, 2024-01-31T12:00:00Z, also in brackets
            r"\[?\d{4}[-/]\d\d[-/]\d\d[T ,]\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?\]?:?\s",
            // [12:00:00.123], [00:00:01.234,567] of Zephyr; 12:00:00.123
            r"\[\d\d:\d\d:\d\d([.,]\d+)*\]\s",
            r"\d\d:\d\d:\d\d\.\d+\s",
            // 1700000000: of mosquitto
            r"1\d{9}:\s",
            // I (312) tag: of ESP-IDF
            r"[EWIDV] \([\d:.]+\) [^\s:]+:(\s|$)",
            // <dbg> module: of Zephyr
            r"<(err|wrn|inf|dbg)> [^\s:]+:(\s|$)",
            // DEBUG module:
            r"\[?(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|trace|debug|info|warning|error)\]?:?(\s+[A-Za-z_][\w.:/-]*:)?\s",
        ];
        pattern(&format!(r"(?m)^[ \t]*({})+", parts.join("|")))
    });
    let mut found = String::with_capacity(text.len());
    for prefix in PREFIX.find_iter(text) {
        found.push_str(text.get(found.len()..prefix.start()).unwrap_or_default());
        for c in prefix.as_str().chars() {
            match c {
                '\n' | '\r' => found.push(c),
                _ => found.extend(std::iter::repeat_n(' ', c.len_utf8())),
            }
        }
    }
    found.push_str(text.get(found.len()..).unwrap_or_default());
    found
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
        let in_brackets = content.find(']').filter(|_| content.starts_with('['));
        let (brackets, word) = content.split_at(in_brackets.unwrap_or_default());
        let word = word.split_whitespace().next().unwrap_or_default();
        let first = content
            .get(..brackets.len() + word.len())
            .unwrap_or_default();
        if let Some(before) = first.strip_suffix(['$', '#', '%', '>', '❯', '➜']) {
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
        let content = unwrap(without_comment(content));
        if !content.is_empty() {
            found.push((start + offset_in(line, content), content));
        }
    }
    found
}

/// The line without a comment at its end.
fn without_comment(line: &str) -> &str {
    let comments = [" #", "\t#", " //", "\t//"];
    let start = comments.iter().filter_map(|mark| line.find(mark)).min();
    start.map_or(line, |start| line.get(..start).unwrap_or_default())
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
