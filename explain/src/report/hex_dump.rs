//! The bytes of a packet as a hex dump.

use std::io::{self, Write};

use mqtt_wire::DecodeError;

use super::style::{BAD, FAINT, FAULT, paint};
use super::view::View;
use crate::text::count;

/// Writes sixteen bytes in each row, or eight if lines are short, and points at the byte at fault.
pub fn hex_dump(
    out: &mut dyn Write,
    packet: &[u8],
    secret: &[bool],
    fault: Option<DecodeError>,
    view: View,
) -> io::Result<()> {
    let width = if view.is_narrow { 8 } else { 16 };
    let fault_at = fault.map(|error| error.offset());
    // a missing byte is in the row of the last byte
    let row_of = |place: usize| match place {
        place if place > 0 && place == packet.len() => (place - 1) / width,
        place => place / width,
    };
    let fault_row = fault_at.map(row_of);
    let rows = packet.len().div_ceil(width);
    let is_shown = |row: usize| {
        let near_fault = fault_row.is_some_and(|fault| fault.abs_diff(row) <= 1);
        view.full || rows <= 12 || row < 6 || row + 2 >= rows || near_fault
    };
    let mut left_out = 0;
    for (row, (bytes, secret)) in packet.chunks(width).zip(secret.chunks(width)).enumerate() {
        if !is_shown(row) {
            left_out += bytes.len();
            continue;
        }
        if left_out > 0 {
            let text = format!(
                "     … {} more; --full shows them\n",
                count(left_out, "byte")
            );
            paint(out, FAINT, &text)?;
            left_out = 0;
        }
        paint(out, FAINT, &format!("{:>6}  ", row * width))?;
        for place in 0..width {
            let gap = if place == 8 { " " } else { "" };
            let here = row * width + place;
            let text = match (bytes.get(place), secret.get(place)) {
                (Some(_), Some(true)) => String::from("··"),
                (Some(byte), _) => format!("{byte:02X}"),
                (None, _) => String::from("  "),
            };
            write!(out, "{gap}")?;
            if fault_at == Some(here) {
                paint(out, BAD, &text)?;
            } else {
                write!(out, "{text}")?;
            }
            write!(out, " ")?;
        }
        write!(out, "  ")?;
        paint(out, FAINT, &printable(bytes, secret))?;
        writeln!(out)?;
        if let Some((error, place)) = fault.zip(fault_at).filter(|it| row_of(it.1) == row) {
            let column = place - row * width;
            let column = 8 + column * 3 + usize::from(column >= 8);
            let caret = format!("{:column$}^^ {}\n", "", error.field());
            paint(out, FAULT, &caret)?;
        }
    }
    Ok(())
}

fn printable(bytes: &[u8], secret: &[bool]) -> String {
    let character = |(byte, secret): (&u8, &bool)| match byte {
        _ if *secret => '·',
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    };
    bytes.iter().zip(secret).map(character).collect()
}
