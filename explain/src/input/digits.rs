//! Numbers without brackets that are not hex: bits, decimal and octal numbers.

use super::error::InputError;
use super::found::Found;
use super::text::without_prompts;
use crate::fixed_header::is_likely_mqtt;
use crate::hex;

/// `00010000 00001100` as `xxd -b` prints it, `0b00010000, 0b00001100`, or without spaces.
pub(super) fn read_bits(text: &str) -> Option<Result<Found, InputError>> {
    let mut words = words(text)?;
    let is_bits = |word: &str| word.bytes().all(|digit| matches!(digit, b'0' | b'1'));
    let is_prefixed = words.iter().all(|word| word.starts_with("0b"));
    if is_prefixed {
        words = words
            .iter()
            .filter_map(|word| word.strip_prefix("0b"))
            .collect();
    } else if let [long] = words[..] {
        let is_octet = |at: usize| long.get(at..at + 8);
        words = (0..long.len())
            .step_by(8)
            .map(is_octet)
            .collect::<Option<_>>()?;
    }
    let is_octet = |word: &&str| is_bits(word) && (is_prefixed || word.len() == 8);
    if !words.iter().all(is_octet) {
        return None;
    }
    let bits = from_radix(&words, 2)?;
    if is_prefixed {
        return Some(Ok(Found::Bytes(bits)));
    }
    let hex = hex::decode(&words.concat())?;
    decide(text, ("bits", bits), ("hex", hex))
}

/// `16 12 0 4 77` as many programs print bytes. Numbers that can be pairs of hex digits are hex.
pub(super) fn read_decimals(text: &str) -> Option<Result<Found, InputError>> {
    let words = words(text)?;
    let is_decimal = |word: &&str| word.len() == 1 || !word.starts_with('0');
    let is_pairs = words.iter().all(|word| word.len() == 2);
    if words.len() < 2 || !words.iter().all(is_decimal) {
        return None;
    }
    let decimals = ("decimal numbers", from_radix(&words, 10)?);
    if let Some(octals) = octals(&words) {
        return decide(text, decimals, ("octal numbers", octals));
    } else if words.iter().any(|word| word.len() == 3) {
        return Some(Ok(Found::Bytes(decimals.1)));
    }
    let hex = from_radix(&words, 16)?;
    match (is_likely_mqtt(&decimals.1), is_pairs) {
        (true, false) if !is_likely_mqtt(&hex) => Some(Ok(Found::Bytes(decimals.1))),
        (false, true) => None,
        _ => Some(Err(ambiguous(text, "decimal numbers", "hex"))),
    }
}

/// `020 014 000 004 115` as `od -An -b` prints it.
pub(super) fn read_octals(text: &str) -> Option<Result<Found, InputError>> {
    let octals = octals(&words(text)?)?;
    Some(Ok(Found::Bytes(octals)))
}

fn octals(words: &[&str]) -> Option<Vec<u8>> {
    let is_octal = words.len() > 1 && words.iter().all(|word| word.len() == 3);
    from_radix(words, 8).filter(|_| is_octal)
}

/// The reading that is MQTT, or an error if that does not decide. `None` for the second reading,
/// which is left to its own form.
fn decide(
    text: &str,
    first: (&str, Vec<u8>),
    second: (&str, Vec<u8>),
) -> Option<Result<Found, InputError>> {
    match (is_likely_mqtt(&first.1), is_likely_mqtt(&second.1)) {
        (true, false) => Some(Ok(Found::Bytes(first.1))),
        (false, true) => None,
        _ => Some(Err(ambiguous(text, first.0, second.0))),
    }
}

/// The error for a text with two readings.
pub(super) fn ambiguous(text: &str, first: &str, second: &str) -> InputError {
    let problem = format!("this can be {first} or {second}; write each byte as `0x10`");
    InputError::new(text, 0, problem)
}

/// The words of all lines, if there are any.
fn words(text: &str) -> Option<Vec<&str>> {
    let lines = without_prompts(text);
    let is_separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    let words = lines.iter().flat_map(|(_, line)| line.split(is_separator));
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then_some(words)
}

fn from_radix(words: &[&str], radix: u32) -> Option<Vec<u8>> {
    let value = |word: &&str| u8::from_str_radix(word, radix).ok();
    words.iter().map(value).collect()
}
