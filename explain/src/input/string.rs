//! Strings with escapes.

use super::error::InputError;
use super::found::Found;
use super::hex_digits;

/// `b'\x10\x0cMQTT'`, `"\x10" "\x0c\0MQTT"`, also without quotes.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    parse(text).map(|bytes| bytes.map(Found::Bytes))
}

fn parse(text: &str) -> Option<Result<Vec<u8>, InputError>> {
    let backslash = text.find('\\')?;
    match text.find(['"', '\'']) {
        Some(quote) if quote < backslash => Some(quoted_strings(text, quote)),
        _ if hex_digits::is_escaped(text) => None,
        _ => {
            let start = text.len() - text.trim_start().len();
            let mut bytes = Vec::new();
            Some(unescape(text.trim_end(), start, None, &mut bytes).map(|_| bytes))
        }
    }
}

/// One string, or several in a row as in C. Code before and after them is ignored.
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
            return Err(InputError::new(
                text,
                at,
                "unexpected text after the string",
            ));
        }
    }
}

/// Appends the bytes of a string and returns the text after it. With a `quote`, the string ends at
/// the closing quote. Without one, it ends with the text, and line breaks are not part of it.
///
/// `\x` has at most two digits, as in most languages, but not in C.
pub(super) fn unescape<'t>(
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
            None if quote.is_some() => {
                return Err(InputError::new(
                    text,
                    start,
                    "the string has no closing quote",
                ));
            }
            None => return Ok(rest),
            Some('\\') => {
                let (value, after) = unescape_one(chars.as_str())
                    .ok_or_else(|| InputError::new(text, at, "not an escape for a byte"))?;
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

/// Reads an escape after its backslash. Returns its byte (none for an escaped line break) and the
/// text after it.
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
