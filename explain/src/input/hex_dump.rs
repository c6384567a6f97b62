//! Hex dumps with offsets.

use std::fmt;

use super::error::InputError;
use super::found::{Dialogue, Found};
use super::text::{lines, strip_0x};
use crate::fixed_header::is_likely_mqtt;
use crate::hex;

/// The most bytes to which the `*` lines of a hex dump may expand.
pub(super) const MAX_EXPANDED: usize = 64 << 20;

/// The notation of the bytes in a dump.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Notation {
    Hex,
    /// `xxd -e`: groups as little-endian numbers
    LittleEndian,
    /// `xxd -b`
    Bits,
    /// `od`, `od -b`, `hexdump -b`
    Octal,
    /// `od -t u1`, `hexdump -d`, `x/ub` of gdb
    Decimal,
    /// `od -c`, `hexdump -c`
    Characters,
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Notation::Hex => "hex",
            Notation::LittleEndian => "little-endian hex",
            Notation::Bits => "bits",
            Notation::Octal => "octal",
            Notation::Decimal => "decimal",
            Notation::Characters => "characters",
        })
    }
}

/// A dump with offsets: `xxd` and `xxd -b`, `hexdump` and `od` in all their notations, `x/xb` of gdb
/// and the like, `tcpdump -x` and `-X`, and the dumps of Wireshark, also of Follow Stream.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let lines: Vec<_> = lines(text).collect();
    let Some((first, second)) = split_sides(&lines) else {
        return Some(read_packets(text, &lines)?.map(Found::Packets));
    };
    let side = |lines| Some(read_packets(text, lines)?.map(|packets| packets.concat()));
    Some(match (side(&first)?, side(&second)?) {
        (Ok(first), Ok(second)) => Ok(Found::Dialogue(Dialogue { first, second })),
        (Err(error), _) | (_, Err(error)) => Err(error),
    })
}

type Line<'t> = (usize, &'t str);

/// The lines of both sides in a dump of Follow Stream, which indents those of the second side. The
/// offsets of each side begin with zero.
fn split_sides<'t>(lines: &[Line<'t>]) -> Option<(Vec<Line<'t>>, Vec<Line<'t>>)> {
    let mut dump = lines
        .iter()
        .filter_map(|(at, line)| DumpLine::new(*at, line));
    let outer = indent(lines.iter().find(|(_, line)| begins_dump(line))?.1);
    let is_first = |line: &str| indent(line) == outer;
    let has_second = lines
        .iter()
        .any(|(_, line)| begins_dump(line) && !is_first(line));
    if !has_second || dump.any(|line| line.colon) {
        return None;
    }
    let is_dump = |line: &Line<'t>| DumpLine::new(line.0, line.1).is_some();
    Some(
        lines
            .iter()
            .filter(|line| is_dump(line))
            .partition(|line| is_first(line.1)),
    )
}

fn begins_dump(line: &str) -> bool {
    DumpLine::new(0, line).is_some_and(|line| {
        line.offset.bytes().all(|digit| digit == b'0') && line.first_group() == Some(2)
    })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The bytes of each packet, if the lines are a dump.
fn read_packets(text: &str, lines: &[Line<'_>]) -> Option<Result<Vec<Vec<u8>>, InputError>> {
    let all: Vec<DumpLine<'_>> = lines
        .iter()
        .filter_map(|(at, line)| DumpLine::new(*at, line))
        .collect();
    let colon = all.iter().any(|line| line.colon);
    let first = all.iter().find(|line| line.colon == colon)?;
    // Without a colon, the offset can be hex digits like the others.
    let certain = colon
        || first.offset == "0000000"
        || (first.offset.bytes().all(|digit| digit == b'0')
            && (first.offset.len() >= 6
                || first.rest.starts_with("  ")
                || first.rest.starts_with('\t'))
            && matches!(first.first_group(), Some(2 | 4)));
    if !certain && all.len() < 2 {
        return None;
    }
    let group = first.rest.split_whitespace().next().unwrap_or_default();
    let is_bits = group.len() == 8 && group.bytes().all(|digit| matches!(digit, b'0' | b'1'));
    let notations: &[Notation] = if is_bits {
        &[Notation::Bits, Notation::Hex]
    } else if colon && is_little_endian(text, &all) {
        &[Notation::LittleEndian]
    } else {
        &[
            Notation::Hex,
            Notation::Octal,
            Notation::Characters,
            Notation::Decimal,
        ]
    };
    let mut readings = Vec::new();
    let mut first_error = None;
    // the padding of an incomplete word
    let padding = (group.len() / 2).max(2) - 1;
    for surplus in [padding, usize::MAX] {
        for notation in notations {
            match read_notation(text, lines, first, colon, *notation, surplus) {
                // Lines with nothing else than digits have no offsets.
                Ok(packets) if packets.iter().all(Vec::is_empty) => {}
                Ok(packets) => readings.push((*notation, packets)),
                Err(error) => first_error = first_error.or(Some(error)),
            }
            if *notation == Notation::Hex && !readings.is_empty() {
                break;
            }
        }
        if !readings.is_empty() {
            break;
        }
    }
    // `od -b` and `od -c` can print the same
    readings.dedup_by(|(_, packets), (_, before)| packets == before);
    if let [(one, _), (other, _)] = readings[..] {
        readings.retain(|(_, packets)| is_likely_mqtt(&packets.concat()));
        if readings.len() != 1 {
            let problem = format!("this dump can be {one} or {other}; print it in hex");
            return Some(Err(InputError::new(text, first.at, problem)));
        }
    }
    match readings.pop() {
        Some((_, packets)) => Some(Ok(packets)),
        None if certain => first_error.map(Err),
        None => None,
    }
}

/// Whether this is a dump of `xxd -e`, which looks like one of `xxd -g 4`: only the characters show
/// the order of the bytes. Without them, the bytes are those of `xxd -g 4`.
fn is_little_endian(text: &str, lines: &[DumpLine<'_>]) -> bool {
    let mut differs = false;
    lines.iter().all(|line| {
        // letters and digits are evidence; other characters may be separators
        let has_letters = line.hex_bytes(text, true).is_ok_and(|(_, characters)| {
            characters.contains(|it: char| it.is_ascii_alphanumeric())
        });
        differs |= has_letters && !line.has_characters(text, false);
        line.has_characters(text, true)
    }) && differs
}

/// Reads all lines in a notation, and finds out in which notation the offsets are.
fn read_notation(
    text: &str,
    lines: &[Line<'_>],
    first: &DumpLine<'_>,
    colon: bool,
    notation: Notation,
    surplus: usize,
) -> Result<Vec<Vec<u8>>, InputError> {
    // Offsets of seven digits are octal (`od`), hexadecimal (`hexdump`) or decimal (`od -A d`).
    // With the wrong one, the offsets do not agree with the number of bytes.
    let radixes: &[u32] = match (first.offset.len(), first.first_group()) {
        (7, Some(4)) if !colon && notation == Notation::Hex => &[16, 8, 10],
        (7, _) if !colon => &[8, 10, 16],
        _ => &[16],
    };
    let mut first_error = None;
    for radix in radixes {
        match read_dump(text, lines, colon, notation, *radix, surplus) {
            Ok(packets) => return Ok(packets),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let none = || InputError::new(text, first.at, "not a hex dump");
    Err(first_error.unwrap_or_else(none))
}

/// Reads all lines. Where the offset begins again at zero, another packet begins.
///
/// A line may have up to `surplus` more bytes than the next offset allows; they are dropped. One
/// byte is the padding of an incomplete word, more are characters that look like hex digits.
fn read_dump(
    text: &str,
    lines: &[Line<'_>],
    colon: bool,
    notation: Notation,
    radix: u32,
    surplus: usize,
) -> Result<Vec<Vec<u8>>, InputError> {
    let mut packets = Vec::new();
    let mut total = 0;
    // The current packet: the offset of its first line, its bytes, and where its last line begins.
    let mut base = None;
    let mut bytes: Vec<u8> = Vec::new();
    let mut last_line = 0;
    // After the last line of the dump: a line with `*`, and a line that is no part of the dump.
    let mut repeated = None;
    let mut foreign = None;

    for &(at, line) in lines {
        if line.trim() == "*" {
            repeated = repeated.or(Some(at));
            continue;
        }
        let Some(dump) = DumpLine::new(at, line).filter(|dump| dump.colon == colon) else {
            if !line.trim().is_empty() {
                foreign = foreign.or(Some(at));
            }
            continue;
        };
        let Ok(offset) = u64::from_str_radix(dump.offset, radix) else {
            return Err(InputError::new(
                text,
                dump.at,
                "an offset in another format than the first one",
            ));
        };
        if offset == 0 && !bytes.is_empty() {
            total += bytes.len();
            packets.push(std::mem::take(&mut bytes));
            base = None;
        } else if let (Some(at), Some(_)) = (foreign, base) {
            return Err(InputError::new(text, at, "not a line of the hex dump"));
        }
        foreign = None;

        let base = *base.get_or_insert(offset);
        let position = offset
            .checked_sub(base)
            .and_then(|length| usize::try_from(length).ok());
        let Some(position) = position else {
            return Err(InputError::new(
                text,
                dump.at,
                "the offset is lower than the one before",
            ));
        };
        if let Some(at) = repeated.take() {
            let row = bytes.get(last_line..).unwrap_or_default().to_vec();
            let missing = position.saturating_sub(bytes.len());
            if row.is_empty() || missing % row.len() != 0 {
                return Err(InputError::new(
                    text,
                    at,
                    "the `*` does not expand to whole lines",
                ));
            }
            if total.saturating_add(position) > MAX_EXPANDED {
                return Err(InputError::new(
                    text,
                    at,
                    "the `*` expands to too many bytes",
                ));
            }
            bytes.extend(row.iter().cycle().take(missing));
        } else if position > last_line && bytes.len().saturating_sub(position) <= surplus {
            bytes.truncate(position);
        }
        if position != bytes.len() {
            let problem = format!("the lines before this offset have {} bytes", bytes.len());
            return Err(InputError::new(text, dump.at, problem));
        }
        last_line = bytes.len();
        bytes.extend(dump.bytes(text, notation)?);
    }
    if let Some(at) = repeated {
        return Err(InputError::new(text, at, "no offset follows the `*`"));
    }
    packets.push(bytes);
    Ok(packets)
}

/// A line of a hex dump: an offset, the bytes, and often the same bytes as characters.
struct DumpLine<'t> {
    at: usize,
    offset: &'t str,
    /// The offset ends with a colon.
    colon: bool,
    rest_at: usize,
    rest: &'t str,
}

impl<'t> DumpLine<'t> {
    fn new(at: usize, line: &'t str) -> Option<DumpLine<'t>> {
        let start = line.trim_start();
        let digits = start.strip_prefix("0x").unwrap_or(start);
        let end = digits
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(digits.len());
        let (offset, rest) = digits.split_at_checked(end)?;
        // gdb has a symbol after the address: `0x55d0 <packet+8>:`
        let symbol = rest.strip_prefix(" <").and_then(|it| it.split_once(">:"));
        let rest = symbol.map_or(rest, |_| {
            rest.get(rest.find(">:").unwrap_or(0) + 1..).unwrap_or(rest)
        });
        let colon = rest.starts_with(':');
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let separated = rest.is_empty() || rest.starts_with(char::is_whitespace);
        (separated && (4..=16).contains(&offset.len())).then_some(DumpLine {
            at,
            offset,
            colon,
            rest_at: at + line.len() - rest.len(),
            rest,
        })
    }

    /// How many digits the first number after the offset has.
    fn first_group(&self) -> Option<usize> {
        let group = self.rest.split_whitespace().next()?;
        hex::is_digits(group).then_some(group.len())
    }

    fn bytes(&self, text: &str, notation: Notation) -> Result<Vec<u8>, InputError> {
        let problem = match notation {
            Notation::Hex => return Ok(self.hex_bytes(text, false)?.0),
            Notation::LittleEndian => return Ok(self.hex_bytes(text, true)?.0),
            Notation::Bits => "not groups of eight bits",
            Notation::Octal => "not octal numbers",
            Notation::Decimal => "not decimal numbers",
            Notation::Characters => "not characters as od prints them",
        };
        let bytes = match notation {
            Notation::Characters => characters(self.rest),
            // the characters are after two spaces
            Notation::Bits => self.rest.trim_start().split("  ").next().and_then(|bits| {
                let octets = bits.split_whitespace().filter(|it| it.len() == 8);
                let octets = octets.map(|it| u8::from_str_radix(it, 2).ok());
                octets.collect()
            }),
            _ => self
                .rest
                .split_whitespace()
                .map(|word| number(word, notation))
                .try_fold(Vec::new(), |mut bytes, number| {
                    bytes.extend(number?);
                    Some(bytes)
                }),
        };
        bytes.ok_or_else(|| InputError::new(text, self.rest_at, problem))
    }

    /// The bytes between the offset and the characters, and the characters.
    fn hex_bytes(
        &self,
        text: &str,
        is_little_endian: bool,
    ) -> Result<(Vec<u8>, &'t str), InputError> {
        let mut bytes = Vec::new();
        let mut first_len = None;
        let mut all_pairs = true;
        let mut rest = self.rest;
        loop {
            let group_on = rest.trim_start();
            let spaces = rest.chars().take_while(|c| c.is_whitespace()).count();
            let group = group_on.split_whitespace().next().unwrap_or_default();
            if group.is_empty() {
                break;
            }
            let number = strip_0x(group);
            let pairs = hex::decode(number.unwrap_or(group));
            let hex = pairs.is_some();
            if !bytes.is_empty() {
                // `hexdump -C` and others have a second space in the middle of the line.
                let middle =
                    !self.colon && bytes.len() == 8 && all_pairs && hex && group.len() == 2;
                // Lost formatting can leave one space before the characters, of which each byte has one.
                let characters =
                    !hex && (group.starts_with('|') || group_on.chars().count() == bytes.len());
                // `xxd -e` aligns an incomplete group to the right
                let is_aligned =
                    is_little_endian && hex && first_len == Some(spaces - 1 + group.len());
                let is_end = spaces > 2 || (spaces == 2 && !middle) || characters;
                if is_end && !is_aligned {
                    break;
                }
            }
            let Some(mut pairs) = pairs else {
                let at = self.rest_at + self.rest.len() - group_on.len();
                return Err(InputError::new(text, at, "not pairs of hex digits"));
            };
            // numbers of the machine, which is little-endian: those of gdb, `hexdump`, `od -x`
            if is_little_endian || number.is_some() || (group.len() >= 4 && !self.colon) {
                pairs.reverse();
            }
            bytes.extend(pairs);
            all_pairs &= group.len() == 2;
            first_len.get_or_insert(group.len());
            rest = group_on.get(group.len()..).unwrap_or_default();
        }
        Ok((bytes, rest))
    }

    /// Whether the characters at the end of the line are those of the bytes.
    fn has_characters(&self, text: &str, is_little_endian: bool) -> bool {
        let printable = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        self.hex_bytes(text, is_little_endian)
            .is_ok_and(|(bytes, characters)| {
                let expected: String = bytes.iter().map(printable).collect();
                !bytes.is_empty() && characters.trim() == expected.trim()
            })
    }
}

/// A byte as three octal or at most three decimal digits, or a little-endian word as six octal or five decimal ones.
fn number(word: &str, notation: Notation) -> Option<Vec<u8>> {
    let radix = if notation == Notation::Octal { 8 } else { 10 };
    let has_zeros = word.len() > 1 && word.starts_with('0');
    match (notation, word.len()) {
        (Notation::Octal, 3) => {}
        (Notation::Decimal, 1..=3) if !has_zeros => {}
        (Notation::Octal, 6) | (Notation::Decimal, 5) => {
            let word = u16::from_str_radix(word, radix).ok()?;
            return Some(word.to_le_bytes().into());
        }
        _ => return None,
    }
    u8::from_str_radix(word, radix).ok().map(|byte| vec![byte])
}

/// Cells of four columns: a character, an escape, or three octal digits.
fn characters(cells: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for cell in cells.trim_end().as_bytes().chunks(4) {
        bytes.push(match cell {
            b"  \\0" => 0,
            b"  \\a" => 0x07,
            b"  \\b" => 0x08,
            b"  \\t" => b'\t',
            b"  \\n" => b'\n',
            b"  \\v" => 0x0b,
            b"  \\f" => 0x0c,
            b"  \\r" => b'\r',
            [b' ', b' ', b' ', character @ b' '..=b'~'] => *character,
            [b' ', octal @ ..] if octal.len() == 3 => {
                u8::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}
