//! The system calls that strace prints.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::error::InputError;
use super::found::{Dialogue, Found};
use super::string::unescape;
use super::text::{lines, pattern};
use crate::fixed_header::is_likely_mqtt;

/// The calls that write and read a socket, in both directions:
///
/// ```text
/// write(3, "\20\f\0\4MQTT\4\2\0<\0\0", 14) = 14
/// recvfrom(3, " \2\0\0", 4096, 0, NULL, NULL) = 4
/// ```
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    static CALL: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(write|writev|send|sendto|sendmsg|read|readv|recv|recvfrom|recvmsg)\((\d+)\b.*\)\s*= (-?\d+|\?)",
        )
    });
    static HALF: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"\b(writev?|send(to|msg)?|readv?|recv(from|msg)?)(\(\d+.*<unfinished| resumed>)")
    });
    let mut dialogues: BTreeMap<&str, Dialogue> = BTreeMap::new();
    for (at, line) in lines(text) {
        if let Some(half) = HALF.find(line) {
            let problem = "strace cut this call in two; trace one thread (without -f)";
            return Some(Err(InputError::new(text, at + half.start(), problem)));
        }
        let Some(call) = CALL.captures(line) else {
            continue;
        };
        let group = |number| call.get(number).map_or("", |it| it.as_str());
        let is_write = ["write", "send"].iter().any(|it| group(1).starts_with(it));
        let length = group(3).parse().unwrap_or(0);
        let end = at + call.get(0).map_or(line.len(), |it| it.end());
        let start = at + call.get(2).map_or(0, |it| it.end());
        match strings(text.get(..end).unwrap_or_default(), start) {
            Ok(mut bytes) => {
                bytes.truncate(length);
                dialogues
                    .entry(group(2))
                    .or_default()
                    .side(is_write)
                    .extend(bytes);
            }
            Err(error) => return Some(Err(error)),
        }
    }
    if dialogues.is_empty() {
        return None;
    }
    if dialogues.len() > 1 {
        dialogues.retain(|_, it| is_likely_mqtt(&it.first) || is_likely_mqtt(&it.second));
    }
    match (dialogues.pop_first(), dialogues.pop_first()) {
        (Some((_, dialogue)), None) => Some(Ok(Found::Dialogue(dialogue))),
        _ => {
            let problem = "strace of several files; keep the calls of the MQTT connection";
            Some(Err(InputError::new(text, 0, problem)))
        }
    }
}

/// The bytes of the strings of one call: the first argument, or all `iov_base` members.
fn strings(text: &str, start: usize) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let mut rest = text.get(start..).unwrap_or_default();
    let is_vector = rest.contains("iov_base=");
    while let Some(quote) = rest.find(if is_vector { "iov_base=\"" } else { "\"" }) {
        let quote = text.len() - rest.len() + quote + if is_vector { 9 } else { 0 };
        rest = unescape(text, quote, Some('"'), &mut bytes)?;
        if rest.starts_with("...") {
            let problem = "strace shortened the string, so bytes are missing; use -s 65535";
            return Err(InputError::new(text, text.len() - rest.len(), problem));
        }
        if !is_vector {
            break;
        }
    }
    Ok(bytes)
}
