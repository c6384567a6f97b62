//! Hex digits, read and written.

/// Two lower-case digits for each byte: `300a`.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two upper-case digits for each byte, with spaces between the bytes: `30 0A`.
pub fn encode_spaced(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(" ")
}

/// The bytes of an even number of hex digits; `None` for any other text.
pub fn decode(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

/// Why a text is not an even number of hex digits.
pub fn problem(text: &str) -> String {
    match text
        .chars()
        .enumerate()
        .find(|(_, c)| !c.is_ascii_hexdigit())
    {
        Some((at, c)) => format!("{c:?} at character {at} is not a hex digit"),
        None => String::from("an odd number of hex digits"),
    }
}

/// Whether a text has no other characters than hex digits.
pub fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes() {
        assert_eq!(encode(&[0x30, 0x0a]), "300a");
        assert_eq!(encode_spaced(&[0x30, 0x0a]), "30 0A");
        assert_eq!(decode("300A"), Some(vec![0x30, 0x0a]));
        assert_eq!(decode(""), Some(vec![]));
        for text in ["3", "300", "zz", "é0"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(problem("éz"), "'é' at character 0 is not a hex digit");
        assert_eq!(problem("30 0"), "' ' at character 2 is not a hex digit");
        assert_eq!(problem("300"), "an odd number of hex digits");
    }
}
