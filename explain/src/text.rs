//! Numbers, texts and data in a form that people can read.

use std::fmt::Display;

use crate::hex;

/// "1 byte", "2 bytes".
pub fn count<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Text in quotes, shortened to about `limit` bytes.
pub fn quote(bytes: &[u8], limit: usize) -> String {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    match std::str::from_utf8(bytes) {
        // the same as the next line, in less time
        Ok(text) if bytes.len() <= limit && bytes.iter().all(is_plain) => {
            ["\"", text, "\""].concat()
        }
        Ok(text) if bytes.len() <= limit => format!("{text:?}"),
        Ok(text) => {
            let start = (0..=limit).rev().find_map(|end| text.get(..end));
            let start = start.unwrap_or_default();
            format!("{start:?}… ({})", count(bytes.len(), "byte"))
        }
        Err(_) => {
            let shown = bytes.get(..limit).unwrap_or(bytes);
            let rest = if shown.len() < bytes.len() { "…" } else { "" };
            let shown = shown.escape_ascii();
            format!("\"{shown}\"{rest} (not UTF-8)")
        }
    }
}

/// Data as quoted text if it is text, otherwise as hex; shortened to about `limit` characters.
pub fn describe(bytes: &[u8], limit: usize) -> String {
    if bytes.is_empty() {
        return String::from("empty");
    }
    let is_text = |text: &str| text.chars().all(|c| !c.is_control() || c.is_whitespace());
    if std::str::from_utf8(bytes).is_ok_and(is_text) {
        let length = if bytes.len() > limit {
            String::new()
        } else {
            format!(" ({})", count(bytes.len(), "byte"))
        };
        return quote(bytes, limit) + &length;
    }
    let shown = bytes.get(..limit / 3).unwrap_or(bytes);
    let rest = if shown.len() < bytes.len() {
        " …"
    } else {
        ""
    };
    let length = count(bytes.len(), "byte");
    format!("{}{rest} ({length})", hex::encode_spaced(shown))
}

/// Whether bytes are UTF-8 text without control characters.
pub fn is_printable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| !c.is_control()))
}
