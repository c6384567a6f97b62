//! Follow Stream of Wireshark, and `tshark -z follow`. (A hex dump is in `hex_dump`.)

use std::sync::LazyLock;

use regex_lite::Regex;

use super::base64;
use super::error::InputError;
use super::found::{Dialogue, Found};
use super::list;
use super::text::{lines, pattern};
use crate::hex;

/// C arrays, YAML with the data in base64, and the raw form of tshark:
///
/// ```text
/// char peer0_0[] = { /* Packet 4 */     - packet: 4           Node 1: 127.0.0.1:1883
/// 0x10, 0x0c, 0x00, 0x04, 0x4d };         peer: 0             100c00044d
/// char peer1_0[] = { /* Packet 6 */       data: !!binary |            20020000
/// 0x20, 0x02, 0x00, 0x00 };                 EAwABE0=
/// ```
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    static PEER: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?m)\bpeer([01])_\d+|^[ -]+peer: ([01])\b"));
    if let Some((_, lines)) = text.split_once("Follow: tcp,raw") {
        return Some(read_raw(text, text.len() - lines.len()));
    }
    let peers: Vec<_> = PEER.captures_iter(text).collect();
    let code = list::blank_out(text);
    let mut dialogue = Dialogue::default();
    for (index, peer) in peers.iter().enumerate() {
        let range = |peer: &regex_lite::Captures<'_>| peer.get(0).map(|it| it.range());
        let start = range(peer)?.end;
        let end = peers
            .get(index + 1)
            .and_then(range)
            .map_or(text.len(), |it| it.start);
        let number = peer.get(1).or(peer.get(2))?.as_str();
        match piece(text, &code, start, end) {
            Ok(bytes) => dialogue.side(number == "0").extend(bytes),
            Err(error) => return Some(Err(error)),
        }
    }
    let is_empty = dialogue.first.is_empty() && dialogue.second.is_empty();
    (!is_empty).then_some(Ok(Found::Dialogue(dialogue)))
}

/// The bytes of one piece of the stream. The list of peers in YAML has pieces without bytes.
fn piece(text: &str, code: &str, start: usize, end: usize) -> Result<Vec<u8>, InputError> {
    let piece = text.get(start..end).unwrap_or_default();
    if let Some((_, data)) = piece.split_once("!!binary |") {
        let is_base64 = |line: &&str| !line.contains([':', '#', '-']);
        let data: String = data.lines().map(str::trim).take_while(is_base64).collect();
        let problem = || InputError::new(text, start, "the data are not base64");
        return base64::decode(&data).ok_or_else(problem);
    }
    match code
        .get(start..end)
        .and_then(|it| Some((it.find('{')?, it.find('}')?)))
    {
        Some((open, close)) => list::elements(text, code, start + open + 1, start + close),
        None => Ok(Vec::new()),
    }
}

/// Lines of hex after `start`: those of the second node begin with a tab.
fn read_raw(text: &str, start: usize) -> Result<Found, InputError> {
    let mut dialogue = Dialogue::default();
    for (at, line) in lines(text.get(start..).unwrap_or_default()) {
        let digits = line.trim();
        let is_header = ["Filter:", "Node ", "==="]
            .iter()
            .any(|it| line.starts_with(it));
        if is_header {
            continue;
        }
        let problem = || InputError::new(text, start + at, "not hex digits");
        let bytes = hex::decode(digits).ok_or_else(problem)?;
        dialogue.side(!line.starts_with('\t')).extend(bytes);
    }
    Ok(Found::Dialogue(dialogue))
}
