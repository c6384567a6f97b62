//! A row of pairs of hex digits, with or without the same bytes as characters behind them.

use crate::hex;

/// The bytes of a row: pairs with a space between them, more space after the eighth, and then the
/// end, a `|`, or more space and other text.
///
/// ```text
/// 10 0c 00 04 4d 51 54 54  04 02 00 3c 00 00       |....MQTT...<..
/// ```
pub(super) fn read(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line.trim();
    loop {
        let (pair, after) = rest.split_at_checked(2)?;
        bytes.extend(hex::decode(pair)?);
        rest = after.trim_start_matches(' ');
        let gap = after.len() - rest.len();
        let is_pair = rest.split(' ').next().is_some_and(is_pair);
        match gap {
            _ if rest.is_empty() || rest.starts_with('|') => return Some(bytes),
            0 => return None,
            1 if is_pair => {}
            2..=4 if is_pair && bytes.len() == 8 => {}
            1 => return None,
            _ => return Some(bytes),
        }
    }
}

fn is_pair(word: &str) -> bool {
    word.len() == 2 && hex::is_digits(word)
}
