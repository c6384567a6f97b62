//! The tables that Saleae Logic exports from an analyzer of a serial line.

use super::error::InputError;
use super::found::{Dialogue, Found};
use super::text::{lines, strip_0x};
use crate::hex;

/// CSV with a column for the time, one for the byte in hex, and perhaps one for the name of the
/// analyzer. Two analyzers are the two sides of a connection.
///
/// ```text
/// name,type,start_time,duration,data
/// "TX","data",0.0010,0.0000868,0x10
/// ```
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let mut lines = lines(text).filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next()?;
    let names: Vec<_> = cells(header).map(str::to_lowercase).collect();
    let column = |wanted: &[&str]| names.iter().position(|it| wanted.contains(&it.as_str()));
    column(&["time [s]", "start_time"])?;
    let data = column(&["value", "data", "decoded protocol result"])?;
    let analyzer = column(&["name", "analyzer name"]);

    let mut dialogue = Dialogue::default();
    let mut analyzers: Vec<&str> = Vec::new();
    for (at, line) in lines {
        let cell = |column| cells(line).nth(column).unwrap_or_default();
        let name = analyzer.map_or("", cell);
        if !analyzers.contains(&name) {
            analyzers.push(name);
        }
        let problem = match strip_0x(cell(data)).and_then(hex::decode) {
            _ if analyzers.len() > 2 => "the table of a third analyzer; export one or two",
            Some(bytes) => {
                dialogue
                    .side(analyzers.first() == Some(&name))
                    .extend(bytes);
                continue;
            }
            None if cell(data).is_empty() => continue,
            None => "no byte in hex (`0x10`); export the table with hexadecimal numbers",
        };
        return Some(Err(InputError::new(text, at, problem)));
    }
    Some(Ok(Found::Dialogue(dialogue)))
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
}
