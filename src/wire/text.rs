//! Checks of text: UTF-8, U+0000 and wildcards.

use crate::error::{ErrorKind, Field, ParseFault, fault};

/// The largest number of bytes in a field with a two-byte length.
pub(crate) const MAX_FIELD: usize = 65_535;

/// The rule that a text breaks, and the index of the byte at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadText {
    pub(crate) kind: ErrorKind,
    pub(crate) at: usize,
}

impl BadText {
    /// The error of a parser of `text`.
    #[inline]
    pub(crate) fn fault<'a, T, E: ParseFault<'a>>(
        self,
        text: &'a [u8],
        field: Field,
    ) -> Result<T, nom::Err<E>> {
        let at = text.get(self.at..).unwrap_or_default();
        fault(at, self.kind, field, 0)
    }
}

/// Checks that `bytes` are valid UTF-8 without U+0000.
#[inline]
pub(crate) const fn check_text(bytes: &[u8]) -> Result<(), BadText> {
    if is_plain::<false>(bytes) {
        return Ok(());
    }
    check_text_slowly(bytes)
}

#[cold]
pub(crate) const fn check_text_slowly(bytes: &[u8]) -> Result<(), BadText> {
    if let Err(at) = check_utf8(bytes) {
        return Err(at);
    }
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == 0 {
            return Err(BadText {
                kind: ErrorKind::NullCharacter,
                at: bytes.len() - rest.len(),
            });
        }
        rest = after;
    }
    Ok(())
}

/// Checks that `bytes` are valid UTF-8.
pub(crate) const fn check_utf8(bytes: &[u8]) -> Result<(), BadText> {
    let at = match core::str::from_utf8(bytes) {
        Ok(_) => return Ok(()),
        Err(error) => error.valid_up_to(),
    };
    // a surrogate is encoded as ED A0..BF xx
    let kind = match bytes.split_at_checked(at) {
        Some((_, [0xed, 0xa0..=0xbf, ..])) => ErrorKind::Surrogate,
        _ => ErrorKind::InvalidUtf8,
    };
    Err(BadText { kind, at })
}

/// Whether `bytes` are ASCII without U+0000 and, if `TOPIC`, without `+` and `#`. Checks eight
/// bytes at a time. Other text may still be valid.
#[inline]
pub(crate) const fn is_plain<const TOPIC: bool>(bytes: &[u8]) -> bool {
    const fn suspicious<const TOPIC: bool>(word: u64) -> u64 {
        // the top bit of a byte is set in `word` if it is not ASCII, in `word - ONES` if it is 0
        let found = word | word.wrapping_sub(ONES);
        let wildcards = if TOPIC { wildcards(word) } else { 0 };
        (found | wildcards) & ONES << 7
    }

    let mut found = 0;
    if bytes.len() >= 8 {
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_first_chunk() {
            found |= suspicious::<TOPIC>(u64::from_le_bytes(*chunk));
            rest = after;
        }
        if let Some(last) = bytes.last_chunk() {
            found |= suspicious::<TOPIC>(u64::from_le_bytes(*last));
        }
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        found = suspicious::<TOPIC>(first as u64 | ((last as u64) << 32));
    } else {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if byte == 0 || byte >= 0x80 || TOPIC && is_wildcard(byte) {
                return false;
            }
            rest = after;
        }
    }
    found == 0
}

/// Whether a word is ASCII without U+0000.
#[inline]
pub(crate) const fn is_plain_word(word: u64) -> bool {
    (word | word.wrapping_sub(ONES)) & ONES << 7 == 0
}

/// The top bits of the bytes that are `+` or `#`, in a word of ASCII.
#[inline]
pub(crate) const fn wildcards_in_ascii(word: u64) -> u64 {
    (ONES << 7).wrapping_sub((word | ONES << 3) ^ (ONES * 0x2b)) & ONES << 7
}

/// The index of the first `+` or `#`.
pub(crate) const fn find_wildcard(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let found = wildcards(word) & !word & ONES << 7;
        if found != 0 {
            let place = found.trailing_zeros() as usize / 8;
            return Some(bytes.len() - rest.len() + place);
        }
        rest = after;
    }
    while let Some((&byte, after)) = rest.split_first() {
        if is_wildcard(byte) {
            return Some(bytes.len() - rest.len());
        }
        rest = after;
    }
    None
}

const fn is_wildcard(byte: u8) -> bool {
    matches!(byte, b'+' | b'#')
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Has the top bit set in the lowest ASCII byte that is `+` or `#`; higher bytes may be wrong.
const fn wildcards(word: u64) -> u64 {
    // `+` is 2B and `#` is 23: they differ in bit 3 only
    ((word | (ONES << 3)) ^ (ONES * 0x2b)).wrapping_sub(ONES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_text_check_agrees_with_the_slow_one() {
        // every byte value at every position for every length up to 20
        for length in 1..=20 {
            for place in 0..length {
                for value in 0..=255 {
                    let mut bytes = [b'x'; 20];
                    bytes[place] = value;
                    let bytes = &bytes[..length];
                    let ascii = value != 0 && value < 0x80;
                    assert_eq!(is_plain::<false>(bytes), ascii, "{bytes:?}");
                    let topic = ascii && value != b'+' && value != b'#';
                    assert_eq!(is_plain::<true>(bytes), topic, "{bytes:?}");
                    let wildcard = bytes.iter().position(|&byte| is_wildcard(byte));
                    assert_eq!(find_wildcard(bytes), wildcard, "{bytes:?}");
                }
            }
        }
        assert!(is_plain::<true>(b""));
    }

    #[test]
    fn finds_the_first_invalid_byte() {
        let bad = |kind, at| Err(BadText { kind, at });
        assert_eq!(check_text(b"caf\xc3\xa9"), Ok(()));
        assert_eq!(check_text(b"\xef\xbb\xbfa"), Ok(()));
        assert_eq!(check_text(b"a\xff"), bad(ErrorKind::InvalidUtf8, 1));
        assert_eq!(check_text(b"ab\xed\xa0\x80"), bad(ErrorKind::Surrogate, 2));
        assert_eq!(check_text(b"\xc3\xa9\0"), bad(ErrorKind::NullCharacter, 2));
        assert_eq!(check_text(b"\xc0\x80"), bad(ErrorKind::InvalidUtf8, 0));
    }
}
