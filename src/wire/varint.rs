//! The variable byte integer (5.0, section 1.5.5; Remaining Length in all versions).

/// The largest variable byte integer: 268,435,455.
pub(crate) const MAX: u32 = 0x0fff_ffff;

/// The result of reading a variable byte integer at the beginning of some bytes.
pub(crate) enum VariableByteInteger {
    Whole {
        value: u32,
        length: usize,
        /// Whether no shorter form of the value exists.
        is_shortest: bool,
    },
    /// The bytes end before the integer does.
    Unfinished,
    /// The fourth byte is not the last one.
    TooLong,
}

/// Reads a variable byte integer, in its shortest form or in a longer one.
#[inline]
pub(crate) fn read(input: &[u8]) -> VariableByteInteger {
    let low = |byte| u32::from(byte & 0x7f);
    let whole = |value, length, last| VariableByteInteger::Whole {
        value,
        length,
        is_shortest: last != 0,
    };
    match *input {
        [a @ 0..0x80, ..] => whole(u32::from(a), 1, 1),
        [a, b @ 0..0x80, ..] => whole(low(a) | low(b) << 7, 2, b),
        [a, b, c @ 0..0x80, ..] => whole(low(a) | low(b) << 7 | low(c) << 14, 3, c),
        [a, b, c, d @ 0..0x80, ..] => {
            let value = low(a) | low(b) << 7 | low(c) << 14 | low(d) << 21;
            whole(value, 4, d)
        }
        [_, _, _, _, ..] => VariableByteInteger::TooLong,
        _ => VariableByteInteger::Unfinished,
    }
}

/// The number of bytes of the shortest form.
#[inline]
pub(crate) const fn len(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}
