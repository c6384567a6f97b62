//! Hex or base64 in source code and in JSON.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::base64;
use super::error::InputError;
use super::found::Found;
use super::hex_digits;
use super::text::pattern;

/// How the string is encoded.
#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Hex,
    Base64,
}

/// The patterns of calls and members, with the string as their only group.
static PATTERNS: LazyLock<[(Regex, Encoding); 5]> = LazyLock::new(|| {
    let hex = "fromhex|unhexlify|a2b_hex|hex!|hex::decode|hex2bin|FromHexString|parseHex";
    [
        (
            format!(r#"(?:{hex})\s*\(\s*["']([^"']*)["']"#),
            Encoding::Hex,
        ),
        (
            r#"Buffer\.from\(\s*["'`]([^"'`]*)["'`]\s*,\s*["'`]hex["'`]"#.into(),
            Encoding::Hex,
        ),
        (
            r#"Buffer\.from\(\s*["'`]([^"'`]*)["'`]\s*,\s*["'`]base64"#.into(),
            Encoding::Base64,
        ),
        // {"hex": "100c"}, and the logs of EMQX in JSON and as text
        (
            r#"["'](?:hex|bin)["']\s*:\s*["']([^"']*)["']"#.into(),
            Encoding::Hex,
        ),
        (r"\bbin: ([0-9A-Fa-f]{4,})\b".into(), Encoding::Hex),
    ]
    .map(|(text, encoding): (String, _)| (pattern(&text), encoding))
});

/// `bytes.fromhex("100c")`, `Buffer.from("100c", "hex")`, `hex!("100c")` and others, and the member
/// `"hex"` of JSON.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let all = PATTERNS.iter().flat_map(|(pattern, encoding)| {
        let strings = pattern.captures_iter(text).filter_map(|it| it.get(1));
        strings.map(move |string| (string, *encoding))
    });
    let all: Vec<_> = all.collect();
    match all[..] {
        [] => None,
        [(string, Encoding::Hex)] => {
            let line = (string.start(), string.as_str());
            Some(hex_digits::decode(text, &[line]).map(Found::Bytes))
        }
        [(string, Encoding::Base64)] => {
            let problem = || InputError::new(text, string.start(), "not base64");
            let bytes = base64::decode(string.as_str()).ok_or_else(problem);
            Some(bytes.map(Found::Bytes))
        }
        [_, (second, _), ..] => {
            let problem = "more than one string of hex; keep one packet, or one direction";
            Some(Err(InputError::new(text, second.start(), problem)))
        }
    }
}
