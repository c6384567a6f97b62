//! Lists of numbers.

use super::error::InputError;
use super::found::Found;
use super::string::unescape;
use super::text::{in_quotes, strip_0x};
use crate::hex;

/// Numbers in brackets or braces as in most languages (`[16, 12, 0]`, `xxd -i`,
/// `uint8_t x[] = { 0x10, 12, 'M' };`), in Kotlin's `byteArrayOf(0x10, 12)`, or without them if a
/// number begins with `0x`.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    parse(text).map(|bytes| bytes.map(Found::Bytes))
}

fn parse(text: &str) -> Option<Result<Vec<u8>, InputError>> {
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
        (Some((start, end)), None) => Some(elements(text, &code, start, end)),
        (Some(_), Some((start, _))) => {
            Some(Err(InputError::new(text, start, "more than one list")))
        }
        (None, _) => {
            let start = code.rfind('=').map_or(0, |at| at + 1);
            let rest = code.get(start..).unwrap_or_default();
            let is_element = |c: char| c.is_whitespace() || c == ',';
            let has_0x = rest.split(is_element).any(|word| strip_0x(word).is_some());
            has_0x.then(|| elements(text, &code, start, code.len()))
        }
    }
}

/// The same text at the same offsets, with blanks instead of comments and quoted text.
pub(super) fn blank_out(text: &str) -> String {
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
            // The quotes remain, so that the string is one element; a single one is an apostrophe.
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

/// The length of the quoted string at the beginning of a text. If it does not end on its line, the
/// error is the length of the line.
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

/// The ranges between brackets or braces that have no others inside, and between the parentheses of
/// `byteArrayOf( )`.
fn bracketed(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open = None;
    let mut call = None;
    for (at, c) in code.char_indices() {
        match c {
            '[' | '{' => open = Some(at + 1),
            ']' | '}' => found.extend(open.take().map(|start| (start, at))),
            '(' if code.get(..at).is_some_and(|it| it.ends_with("rrayOf")) => call = Some(at + 1),
            // the `)` of `.toByte()` is not the end
            ')' if !code.get(..at).is_some_and(|it| it.ends_with('(')) => {
                found.extend(call.take().map(|start| (start, at)));
            }
            _ => {}
        }
    }
    found
}

/// The numbers in a range of a text. `code` is the text without comments (see [`blank_out`]).
pub(super) fn elements(
    text: &str,
    code: &str,
    start: usize,
    end: usize,
) -> Result<Vec<u8>, InputError> {
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
        element_bytes(element, &mut bytes).map_err(|problem| InputError::new(text, at, problem))?;
        at += word.len();
    }
    Ok(bytes)
}

fn element_bytes(element: &str, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    let element = element.trim_end_matches(".toByte()");
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
            return element_bytes(quoted, bytes);
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
        if !hex::is_digits(digits) {
            return Err("not a hex number");
        }
        let padded = match digits.len() {
            1 => format!("0{digits}"),
            _ => digits.to_owned(),
        };
        let value = hex::decode(&padded).filter(|value| !value.is_empty());
        bytes.extend(value.ok_or("an odd number of hex digits")?);
        return Ok(());
    } else if let Some(digits) = element.strip_prefix("0b") {
        let value = u8::from_str_radix(digits, 2);
        bytes.push(value.map_err(|_| "not a binary number")?);
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
        _ if element.contains("..") => Err("the list was truncated when it was printed"),
        _ => Err("not a decimal number (in a list, hex numbers need `0x`)"),
    }
}
