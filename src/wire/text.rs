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
pub(crate) fn check_text(bytes: &[u8]) -> Result<(), BadText> {
    if is_plain::<false>(bytes) {
        return Ok(());
    }
    check_text_slowly(bytes)
}

/// The same check for text that is not plain ASCII.
#[cold]
pub(crate) fn check_text_slowly(bytes: &[u8]) -> Result<(), BadText> {
    if is_valid::<false>(bytes) {
        return Ok(());
    }
    find_bad_text(bytes)
}

/// The exact check, byte by byte. It names the broken rule and the place.
#[cold]
pub(crate) fn find_bad_text(bytes: &[u8]) -> Result<(), BadText> {
    check_utf8(bytes)?;
    match bytes.iter().position(|&byte| byte == 0) {
        None => Ok(()),
        Some(at) => Err(BadText {
            kind: ErrorKind::NullCharacter,
            at,
        }),
    }
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

/// Whether `bytes` are ASCII without U+0000 and, if `TOPIC`, without `+` and `#`. Other text may
/// still be valid.
#[inline]
pub(crate) const fn is_plain<const TOPIC: bool>(bytes: &[u8]) -> bool {
    all_allowed::<TOPIC, true>(bytes)
}

/// Whether a string has no U+0000 and, if `TOPIC`, no `+` and `#`. A `&str` is valid UTF-8 already,
/// and this check, unlike [`is_valid`], also runs while compiling.
#[inline]
pub(crate) const fn is_valid_str<const TOPIC: bool>(text: &str) -> bool {
    all_allowed::<TOPIC, false>(text.as_bytes())
}

/// Whether no byte is 0 or, if `TOPIC`, `+` or `#` or, if `ASCII`, 80 to FF.
#[inline]
const fn all_allowed<const TOPIC: bool, const ASCII: bool>(bytes: &[u8]) -> bool {
    /// Has a top bit set if a byte is not allowed.
    #[inline]
    const fn suspicious<const TOPIC: bool, const ASCII: bool>(word: u64) -> u64 {
        // the top bit of an ASCII byte is set in `word - ONES` if it is the lowest 0
        let zeros = word.wrapping_sub(ONES);
        let found = zeros | if TOPIC { wildcards(word) } else { 0 };
        (if ASCII { found | word } else { found & !word }) & ONES << 7
    }

    if VECTORS && bytes.len() >= 16 {
        return all_allowed_in_blocks::<TOPIC, ASCII>(bytes);
    }
    let mut found = 0;
    if bytes.len() >= 8 {
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_first_chunk() {
            found |= suspicious::<TOPIC, ASCII>(u64::from_le_bytes(*chunk));
            rest = after;
        }
        if let Some(last) = bytes.last_chunk() {
            found |= suspicious::<TOPIC, ASCII>(u64::from_le_bytes(*last));
        }
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        found = suspicious::<TOPIC, ASCII>(first as u64 | ((last as u64) << 32));
    } else {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if byte == 0 || ASCII && byte >= 0x80 || TOPIC && is_wildcard(byte) {
                return false;
            }
            rest = after;
        }
    }
    found == 0
}

/// The same for at least 16 bytes, in blocks of 32 and 16 bytes.
#[inline]
const fn all_allowed_in_blocks<const TOPIC: bool, const ASCII: bool>(bytes: &[u8]) -> bool {
    /// The compiler turns the loop into vector instructions.
    #[inline(always)]
    const fn all_in_block<const TOPIC: bool, const ASCII: bool>(block: &[u8]) -> bool {
        let mut bad = false;
        let mut rest = block;
        while let Some((&byte, after)) = rest.split_first() {
            bad |= byte == 0 || ASCII && byte >= 0x80 || TOPIC && is_wildcard(byte);
            rest = after;
        }
        !bad
    }

    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<32>() {
        if !all_in_block::<TOPIC, ASCII>(block) {
            return false;
        }
        rest = after;
    }
    let next = match rest.first_chunk::<16>() {
        Some(block) => all_in_block::<TOPIC, ASCII>(block),
        None => true,
    };
    match bytes.last_chunk::<16>() {
        Some(block) => next && all_in_block::<TOPIC, ASCII>(block),
        None => false,
    }
}

/// Whether `bytes` are valid UTF-8 without U+0000 and, if `TOPIC`, without `+` and `#`. Checks 16
/// bytes at a time, each byte with the three before it. Always `false` without vector instructions.
///
/// The loops over blocks need iterators, so this is no `const fn`. Only the constructors are, and
/// they have [`is_valid_str`].
#[inline]
pub(crate) fn is_valid<const TOPIC: bool>(bytes: &[u8]) -> bool {
    if !VECTORS {
        return false;
    }
    let Some(first) = bytes.first_chunk() else {
        return is_valid_block::<TOPIC>(short_block(bytes), 0);
    };
    if !is_valid_block::<TOPIC>(u128::from_le_bytes(*first), 0) {
        return false;
    }
    let is_cut = |[three, two, one]: [u8; 3]| one >= 0xc0 || two >= 0xe0 || three >= 0xf0;
    if bytes.last_chunk().copied().is_some_and(is_cut) {
        return false;
    }
    let mut rest = bytes.get(13..).unwrap_or_default();
    while let (Some(window), Some((_, after))) =
        (rest.first_chunk(), rest.split_first_chunk::<16>())
    {
        if !is_valid_window::<TOPIC>(window) {
            return false;
        }
        rest = after;
    }
    rest.len() == 3 || is_valid_end::<TOPIC>(bytes)
}

/// Checks the last 16 of at least 17 bytes.
#[inline]
fn is_valid_end<const TOPIC: bool>(bytes: &[u8]) -> bool {
    if let Some(window) = bytes.last_chunk() {
        return is_valid_window::<TOPIC>(window);
    }
    // 17 or 18 bytes, so one or two precede the last 16
    match (bytes.last_chunk(), bytes.first_chunk()) {
        (Some(block), Some(before)) => {
            let before = u32::from_le_bytes(*before) << (8 * (20 - bytes.len()));
            is_valid_block::<TOPIC>(u128::from_le_bytes(*block), before)
        }
        _ => false,
    }
}

/// Fewer than 16 bytes and, behind them, bytes that are 1.
#[inline]
fn short_block(bytes: &[u8]) -> u128 {
    let (low, high) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(low), Some(last)) => {
            // the bytes behind the first eight; there may be none
            let high = u64::from_le_bytes(*last) >> 8 >> (8 * (15 - bytes.len()));
            let ones = ONES << (8 * (bytes.len() - 8));
            (u64::from_le_bytes(*low), high | ones)
        }
        _ => (short_word(bytes), ONES),
    };
    u128::from(high) << 64 | u128::from(low)
}

/// Checks the last 16 bytes of 19.
#[inline]
fn is_valid_window<const TOPIC: bool>(window: &[u8; 19]) -> bool {
    let [_, _, _, block @ ..] = window;
    let [_, _, one @ .., _] = window;
    let [_, two @ .., _, _] = window;
    let [three @ .., _, _, _] = window;
    all_follow::<TOPIC>(block, one, two, three)
}

/// Checks 16 bytes, of which the lowest is the first. The bytes before them are the high bytes of
/// `before`.
#[inline]
fn is_valid_block<const TOPIC: bool>(block: u128, before: u32) -> bool {
    let before = u128::from(before);
    all_follow::<TOPIC>(
        &block.to_le_bytes(),
        &(block << 8 | before >> 24).to_le_bytes(),
        &(block << 16 | before >> 16).to_le_bytes(),
        &(block << 24 | before >> 8).to_le_bytes(),
    )
}

/// Checks each byte of `block` with the bytes `one`, `two` and `three` places before it. The
/// compiler turns the loop into vector instructions, about 45 of SSE2.
#[inline(always)]
fn all_follow<const TOPIC: bool>(
    block: &[u8; 16],
    one: &[u8; 16],
    two: &[u8; 16],
    three: &[u8; 16],
) -> bool {
    let mut bad = false;
    for (((&byte, &one), &two), &three) in block.iter().zip(one).zip(two).zip(three) {
        bad |= !may_follow::<TOPIC>(byte, one, two, three);
    }
    !bad
}

/// Whether `byte` is allowed behind `one`, and that behind `two`, and that behind `three`. Has no
/// branch and no operation on more than a byte.
#[inline(always)]
fn may_follow<const TOPIC: bool>(byte: u8, one: u8, two: u8, three: u8) -> bool {
    /// All bits if `condition`.
    const fn mask(condition: bool) -> u8 {
        0_u8.wrapping_sub(condition as u8)
    }

    // of each of these, only the top bit counts
    let continues = mask(is_below(byte, 0xc0));
    let expected = one.saturating_sub(0xc0 - 0x80) // first byte of two or more
        | two.saturating_sub(0xe0 - 0x80) // first byte of three or more
        | three.saturating_sub(0xf0 - 0x80); // first byte of four
    let bad = (continues ^ expected)
        // 00, and F5 to FF: above U+10FFFF
        | byte.wrapping_sub(1).saturating_sub(0xf4 - 0x80)
        // overlong: C0 and C1, E0 80 to E0 9F, F0 80 to F0 8F
        | mask(byte & 0xfe == 0xc0)
        | mask(one == 0xe0) & mask(is_below(byte, 0xa0))
        | mask(one == 0xf0) & mask(is_below(byte, 0x90))
        // surrogates: ED A0 to ED BF
        | mask(one == 0xed) & !mask(is_below(byte, 0xa0))
        // above U+10FFFF: F4 90 to F4 BF
        | mask(one == 0xf4) & !mask(is_below(byte, 0x90))
        | mask(TOPIC && is_wildcard(byte));
    bad < 0x80
}

/// Whether `byte` is from 80 to `limit`, exclusive: as signed numbers, these are the lowest.
#[inline(always)]
const fn is_below(byte: u8, limit: u8) -> bool {
    (byte as i8) < (limit as i8)
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

/// Fewer than eight bytes, the first one lowest, and above them bytes that are 1.
#[inline]
pub(crate) const fn short_word(bytes: &[u8]) -> u64 {
    let word = match (bytes, bytes.first_chunk(), bytes.last_chunk()) {
        (_, Some(first), Some(last)) => {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            first as u64 | (last as u64) << (8 * (bytes.len() - 4))
        }
        ([a, b, c], ..) => u32::from_le_bytes([*a, *b, *c, 0]) as u64,
        ([a, b], ..) => u16::from_le_bytes([*a, *b]) as u64,
        ([a], ..) => *a as u64,
        _ => 0,
    };
    word | ONES << (8 * bytes.len())
}

/// The index of the first `+` or `#`.
pub(crate) const fn find_wildcard(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        if let Some(place) = first_wildcard(u64::from_le_bytes(*chunk)) {
            return Some(bytes.len() - rest.len() + place);
        }
        rest = after;
    }
    let (word, start) = match bytes.last_chunk() {
        Some(last) => (u64::from_le_bytes(*last), bytes.len() - last.len()),
        None => (short_word(bytes), 0),
    };
    match first_wildcard(word) {
        Some(place) => Some(start + place),
        None => None,
    }
}

/// The place of the lowest `+` or `#` in a word.
#[inline]
const fn first_wildcard(word: u64) -> Option<usize> {
    match wildcards(word) & !word & ONES << 7 {
        0 => None,
        found => Some(found.trailing_zeros() as usize / 8),
    }
}

const fn is_wildcard(byte: u8) -> bool {
    byte | 0x08 == b'+'
}

/// Whether the target has vector instructions. Without them, words are faster than blocks, and the
/// standard library is faster than [`is_valid`].
const VECTORS: bool = cfg!(any(
    target_feature = "sse2",
    target_feature = "neon",
    target_feature = "simd128",
));

const ONES: u64 = 0x0101_0101_0101_0101;

/// Has the top bit set in the lowest ASCII byte that is `+` or `#`; higher bytes may be wrong.
const fn wildcards(word: u64) -> u64 {
    // `+` is 2B and `#` is 23: they differ in bit 3 only
    ((word | (ONES << 3)) ^ (ONES * 0x2b)).wrapping_sub(ONES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes at the limits of what UTF-8 allows, U+0000 and the wildcards.
    const LIMITS: [u8; 29] = [
        0x00, 0x01, b'#', b'+', 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
        0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff,
    ];

    #[test]
    fn plain_text_and_wildcards_are_found_at_every_place() {
        let check = |length: usize, value: u8| {
            for place in 0..length {
                let mut bytes = [b'x'; 100];
                bytes[place] = value;
                let bytes = &bytes[..length];
                let ascii = value != 0 && value < 0x80;
                assert_eq!(is_plain::<false>(bytes), ascii, "{bytes:?}");
                let topic = ascii && value != b'+' && value != b'#';
                assert_eq!(is_plain::<true>(bytes), topic, "{bytes:?}");
                let wildcard = bytes.iter().position(|byte| b"+#".contains(byte));
                assert_eq!(find_wildcard(bytes), wildcard, "{bytes:?}");
            }
        };
        for length in 1..=20 {
            (0..=255).for_each(|value| check(length, value));
        }
        for length in 21..=100 {
            LIMITS.iter().for_each(|&value| check(length, value));
        }
        assert!(is_plain::<true>(b""));
        assert_eq!(find_wildcard(b""), None);
    }

    /// Compares the block check with the standard library for text that holds `sequence` at `place`,
    /// within ASCII or within characters of two bytes. There is either other text behind it or none.
    fn check_in_text(sequence: &[u8], place: usize, ascii: bool, is_last: bool) {
        // an odd number of bytes is one of ASCII and pairs
        let mut text = [0; 64];
        let mut length = 0;
        let mut push = |bytes: &[u8]| {
            text[length..][..bytes.len()].copy_from_slice(bytes);
            length += bytes.len();
        };
        let (single, pair) = (b"x".as_slice(), "é".as_bytes());
        let around = |count: usize| {
            let pairs = if ascii { 0 } else { count / 2 };
            let singles = std::iter::repeat_n(single, count - 2 * pairs);
            singles.chain(std::iter::repeat_n(pair, pairs))
        };
        around(place).for_each(&mut push);
        push(sequence);
        around(if is_last { 0 } else { 20 }).for_each(&mut push);
        let text = &text[..length];

        let valid = core::str::from_utf8(text).is_ok() && !text.contains(&0);
        assert_eq!(is_valid::<false>(text), valid && VECTORS, "{text:x?}");
        assert_eq!(check_text(text).is_ok(), valid, "{text:x?}");
    }

    /// Tries all four surroundings and all places in a block, also across its ends.
    fn check_everywhere(sequence: &[u8]) {
        for place in 0..20 {
            for (ascii, is_last) in [(true, true), (true, false), (false, true), (false, false)] {
                check_in_text(sequence, place, ascii, is_last);
            }
        }
    }

    /// Tries one place and surrounding, which depend on `number`.
    fn check_somewhere(sequence: &[u8], number: usize) {
        let (place, around) = (number % 20, number / 20);
        check_in_text(sequence, place, around % 2 == 0, around / 2 % 2 == 0);
    }

    // A sequence of four bytes has a first byte from F0, for other first bytes end sooner. The test
    // below this one tries all of them.
    #[test]
    fn the_block_check_agrees_with_the_standard_library() {
        (0..=255).for_each(|byte| check_everywhere(&[byte]));
        for (number, pair) in (0..=u16::MAX).enumerate() {
            check_somewhere(&pair.to_be_bytes(), number);
        }
        for first in LIMITS {
            for second in LIMITS {
                check_everywhere(&[first, second]);
            }
        }
        let mut number = 0;
        for first in LIMITS {
            for second in 0..=255 {
                for third in LIMITS {
                    check_somewhere(&[first, second, third], number);
                    number += 1;
                }
            }
        }
        let ends = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
        for first in 0xf0..=0xff {
            for second in 0..=255 {
                for (third, fourth) in ends.iter().flat_map(|&a| ends.map(|b| (a, b))) {
                    check_somewhere(&[first, second, third, fourth], number);
                    number += 1;
                }
            }
        }
    }

    #[test]
    #[ignore = "takes minutes, and only with optimization: cargo test --release -- --ignored"]
    fn the_block_check_agrees_for_all_sequences() {
        for sequence in 0..1 << 24 {
            let [_, sequence @ ..] = u32::to_be_bytes(sequence);
            check_everywhere(&sequence);
        }
        for (number, sequence) in (0xf000_0000..=u32::MAX).enumerate() {
            check_somewhere(&sequence.to_be_bytes(), number);
        }
    }

    #[test]
    fn the_block_check_finds_wildcards() {
        for length in 0..60 {
            for place in 0..=length / 2 * 2 {
                for byte in [b'+', b'#', b'*', b'3', b'!', 0xab, 0xa3] {
                    let mut text = "é".repeat(30).into_bytes();
                    text.truncate(length / 2 * 2);
                    text.insert(place, byte);
                    let valid = core::str::from_utf8(&text).is_ok();
                    let expected = valid && byte != b'+' && byte != b'#';
                    assert_eq!(is_valid::<true>(&text), expected && VECTORS, "{text:x?}");
                }
            }
        }
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
