//! Binaries of Erlang and Elixir.

use super::error::InputError;
use super::found::Found;
use super::string::unescape;

/// `<<16,12,0,4,"MQTT">>`, also in a log.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let (before, after) = text.split_once("<<")?;
    let is_code = !before.contains(['"', '\'', '\\']);
    is_code.then(|| elements(text, text.len() - after.len()).map(Found::Bytes))
}

/// Reads the elements that begin at `start`, after the `<<`.
fn elements(text: &str, start: usize) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let mut rest = text.get(start..).unwrap_or_default();
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        if let Some(after) = rest.strip_prefix(">>") {
            return match after.find("<<") {
                Some(next) => {
                    let next = text.len() - after.len() + next;
                    Err(InputError::new(text, next, "more than one binary"))
                }
                None => Ok(bytes),
            };
        } else if rest.starts_with('"') {
            rest = unescape(text, at, Some('"'), &mut bytes)?;
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
            let (number, after) = rest
                .split_at_checked(end.unwrap_or(rest.len()))
                .unwrap_or_default();
            let value = match (number.strip_prefix("16#"), number.strip_prefix("0x")) {
                (Some(hex), _) | (None, Some(hex)) => u8::from_str_radix(hex, 16),
                (None, None) => number.parse(),
            };
            match value {
                Ok(value) => bytes.push(value),
                Err(_) if rest.is_empty() => {
                    return Err(InputError::new(text, at, "the binary has no `>>`"));
                }
                Err(_) if rest.starts_with("...") => {
                    return Err(InputError::new(
                        text,
                        at,
                        "the binary was truncated when it was printed",
                    ));
                }
                Err(_) => return Err(InputError::new(text, at, "not a byte of an Erlang binary")),
            }
            rest = after;
        }
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with(">>") => {}
            None => {
                let at = text.len() - rest.len();
                return Err(InputError::new(
                    text,
                    at,
                    "expected `,` or `>>` in the Erlang binary",
                ));
            }
        }
    }
}
