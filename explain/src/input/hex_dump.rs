//! Hex dumps with offsets.

use super::error::InputError;
use super::text::lines;
use crate::hex;

/// The most bytes to which the `*` lines of a hex dump may expand.
pub(super) const MAX_EXPANDED: usize = 64 << 20;

/// The content of a hex dump.
pub(super) struct Dump {
    /// Where it begins in the text.
    pub offset: usize,
    /// The bytes of each packet.
    pub packets: Vec<Vec<u8>>,
}

/// The packets, if the text is a hex dump.
pub(super) fn parse(text: &str) -> Option<Result<Dump, InputError>> {
    let lines: Vec<DumpLine<'_>> = lines(text)
        .filter_map(|(at, line)| DumpLine::new(at, line))
        .collect();
    let colon = lines.iter().any(|line| line.colon);
    let first = lines.iter().find(|line| line.colon == colon)?;
    // Without a colon, the offset can be hex digits like the others.
    let certain = colon
        || (first.offset.bytes().all(|digit| digit == b'0')
            && (first.offset.len() >= 6
                || first.rest.starts_with("  ")
                || first.rest.starts_with('\t'))
            && matches!(first.first_group(), Some(2 | 4)));
    if !certain && lines.len() < 2 {
        return None;
    }

    // Offsets of seven digits are octal (`od`), hexadecimal (`hexdump`) or decimal (`od -A d`).
    // With the wrong one, the offsets do not agree with the number of bytes.
    let radixes: &[u32] = match (first.offset.len(), first.first_group()) {
        (7, Some(2)) if !colon => &[8, 10, 16],
        (7, _) if !colon => &[16, 8, 10],
        _ => &[16],
    };
    let attempts = [1, usize::MAX]
        .into_iter()
        .flat_map(|surplus| radixes.iter().map(move |&radix| (radix, surplus)));
    let mut packets = Err(None);
    for (radix, surplus) in attempts {
        packets = read_dump(text, colon, radix, surplus)
            .map_err(|error| packets.err().flatten().or(Some(error)));
        if packets.is_ok() {
            break;
        }
    }
    match packets {
        // Lines with nothing else than digits have no offsets.
        Ok(packets) if packets.iter().all(Vec::is_empty) => None,
        Ok(packets) => Some(Ok(Dump {
            offset: first.at,
            packets,
        })),
        Err(error) if certain => error.map(Err),
        Err(_) => None,
    }
}

/// Reads all lines. Where the offset begins again at zero, another packet begins.
///
/// A line may have up to `surplus` more bytes than the next offset allows; they are dropped. One
/// byte is the padding of an incomplete word, more are characters that look like hex digits.
fn read_dump(
    text: &str,
    colon: bool,
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

    for (at, line) in lines(text) {
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
        bytes.extend(dump.bytes(text)?);
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

    /// The bytes between the offset and the characters.
    fn bytes(&self, text: &str) -> Result<Vec<u8>, InputError> {
        let mut bytes = Vec::new();
        let mut all_pairs = true;
        let mut all_words = true;
        let mut rest = self.rest;
        loop {
            let group_on = rest.trim_start();
            let spaces = rest.chars().take_while(|c| c.is_whitespace()).count();
            let group = group_on.split_whitespace().next().unwrap_or_default();
            if group.is_empty() {
                break;
            }
            let pairs = hex::decode(group);
            let hex = pairs.is_some();
            if !bytes.is_empty() {
                // `hexdump -C` and others have a second space in the middle of the line.
                let middle =
                    !self.colon && bytes.len() == 8 && all_pairs && hex && group.len() == 2;
                // Lost formatting can leave one space before the characters, of which each byte has one.
                let characters =
                    !hex && (group.starts_with('|') || group_on.chars().count() == bytes.len());
                if spaces > 2 || (spaces == 2 && !middle) || characters {
                    break;
                }
            }
            let Some(pairs) = pairs else {
                let at = self.rest_at + self.rest.len() - group_on.len();
                return Err(InputError::new(text, at, "not pairs of hex digits"));
            };
            bytes.extend(pairs);
            all_pairs &= group.len() == 2;
            all_words &= group.len() == 4;
            rest = group_on.get(group.len()..).unwrap_or_default();
        }
        // `hexdump` and `od -x` print numbers of the machine, which is little-endian.
        if all_words && !self.colon {
            bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    }
}
