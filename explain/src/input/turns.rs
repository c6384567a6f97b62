//! Tools that print the two sides of a connection in turns.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::error::InputError;
use super::found::{Dialogue, Found};
use super::hex_row;
use super::text::{lines, pattern};

/// The output of `socat -x`, with or without `-v`:
///
/// ```text
/// > 2024/01/31 12:00:00.000123456  length=14 from=0 to=13
///  10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00
/// --
/// < 2024/01/31 12:00:00.000456789  length=4 from=0 to=3
///  20 02 00 00
/// --
/// ```
pub(super) fn read_socat(text: &str) -> Option<Result<Found, InputError>> {
    static HEADER: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^([<>]) .*length=(\d+) from=\d+ to=\d+"));
    read_turns(text, "socat -x", |line| {
        let found = HEADER.captures(line)?;
        let length = found.get(2)?.as_str().parse().ok()?;
        Some(Ok((found.get(1)?.as_str() == ">", length)))
    })
}

/// The output of `ngrep -x`:
///
/// ```text
/// T 127.0.0.1:40000 -> 127.0.0.1:1883 [AP] #4
///   10 0c 00 04 4d 51 54 54    04 02 00 3c 00 00          ....MQTT...<..
/// ```
pub(super) fn read_ngrep(text: &str) -> Option<Result<Found, InputError>> {
    static HEADER: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^T (?:.* )?(\S+:\d+) -> (\S+:\d+) \["));
    let mut ends: Option<[String; 2]> = None;
    read_turns(text, "ngrep -x", |line| {
        let found = HEADER.captures(line)?;
        let [from, to] = [found.get(1)?, found.get(2)?].map(|it| it.as_str().to_owned());
        let [first, second] = ends.get_or_insert_with(|| [from.clone(), to.clone()]);
        Some(if [&from, &to] == [&*first, &*second] {
            Ok((true, usize::MAX))
        } else if [&to, &from] == [&*first, &*second] {
            Ok((false, usize::MAX))
        } else {
            Err("another connection; keep the lines of one")
        })
    })
}

/// Reads lines of hex after headers. A header has the side that sent the bytes, and their number.
fn read_turns(
    text: &str,
    tool: &str,
    mut header: impl FnMut(&str) -> Option<Result<(bool, usize), &'static str>>,
) -> Option<Result<Found, InputError>> {
    let mut dialogue = Dialogue::default();
    let mut turn = None;
    for (at, line) in lines(text) {
        match (header(line), &mut turn) {
            (Some(Err(problem)), _) => return Some(Err(InputError::new(text, at, problem))),
            (Some(Ok(next)), _) => turn = Some(next),
            (None, Some((is_first, left))) if *left > 0 => {
                if let Some(mut bytes) = hex_row::read(line) {
                    bytes.truncate(*left);
                    *left -= bytes.len();
                    dialogue.side(*is_first).extend(bytes);
                } else if !line.trim_matches(['-', '#', ' ']).is_empty() {
                    let problem = format!("not a row of hex, as {tool} prints it");
                    return Some(Err(InputError::new(text, at, problem)));
                }
            }
            _ => {}
        }
    }
    turn.map(|_| Ok(Found::Dialogue(dialogue)))
}
