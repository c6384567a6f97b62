//! Text of a peer is accepted or rejected as its definition demands. The definition is written here once more, over
//! `core::str::from_utf8`.

use mqtt_wire::{Dialect, ErrorKind, Packet, TopicFilter, TopicName, Utf8Str, Version};

/// The broken rule and the index of the byte at fault.
type Verdict = Result<(), (ErrorKind, usize)>;

/// Decodes `text` as a Client Identifier, as a Topic Name and as a Topic Filter, and creates these values from it if it
/// is a `str`.
pub fn text_follows_its_definition(text: &[u8]) {
    let Ok(length) = u16::try_from(text.len()) else {
        return;
    };
    let prefixed = [&length.to_be_bytes(), text].concat();

    let connect = [b"\0\x04MQTT\x04\x02\0\0".as_slice(), &prefixed].concat();
    check(0x10, &connect, 12, string(text));
    let str = core::str::from_utf8(text);
    if let Ok(str) = str {
        assert_eq!(Utf8Str::new(str).map(drop), kind(string(text)));
    }
    if text.is_empty() {
        return;
    }
    check(0x30, &prefixed, 2, name(text));
    let subscribe = [b"\0\x01".as_slice(), &prefixed, b"\0"].concat();
    check(0x82, &subscribe, 4, filter(text));
    if let Ok(str) = str {
        assert_eq!(TopicName::new(str).map(drop), kind(name(text)));
        assert_eq!(TopicFilter::new(str).map(drop), kind(filter(text)));
    }
}

/// Decodes a packet with a text at `place` of its body.
fn check(first_byte: u8, body: &[u8], place: usize, expected: Verdict) {
    let mut packet = vec![first_byte];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(length as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    let place = packet.len() + place;
    packet.extend_from_slice(body);
    let decoded = Packet::decode(&packet, Dialect::from_client(Version::V3_1_1));
    let verdict = decoded.map(drop);
    let verdict = verdict.map_err(|error| (error.kind(), error.offset() - place));
    assert_eq!(verdict, expected, "{packet:02x?}");
}

fn kind(verdict: Verdict) -> Result<(), ErrorKind> {
    verdict.map_err(|(kind, _)| kind)
}

/// UTF-8 without U+0000.
fn string(text: &[u8]) -> Verdict {
    if let Err(error) = core::str::from_utf8(text) {
        let at = error.valid_up_to();
        let kind = match text[at..] {
            [0xed, 0xa0..=0xbf, ..] => ErrorKind::Surrogate,
            _ => ErrorKind::InvalidUtf8,
        };
        return Err((kind, at));
    }
    match text.iter().position(|&byte| byte == 0) {
        None => Ok(()),
        Some(at) => Err((ErrorKind::NullCharacter, at)),
    }
}

/// A string without wildcards.
fn name(text: &[u8]) -> Verdict {
    string(text)?;
    match text.iter().position(|byte| b"+#".contains(byte)) {
        None => Ok(()),
        Some(at) => Err((ErrorKind::WildcardInTopicName, at)),
    }
}

/// A string with `+` as a whole level and `#` as the whole last level.
fn filter(text: &[u8]) -> Verdict {
    string(text)?;
    let mut start = 0;
    for level in text.split(|&byte| byte == b'/') {
        let end = start + level.len();
        match level.iter().position(|byte| b"+#".contains(byte)) {
            Some(_) if level == b"+" || level == b"#" && end == text.len() => {}
            Some(at) if level[at] == b'#' => {
                return Err((ErrorKind::MultiLevelWildcard, start + at));
            }
            Some(at) => return Err((ErrorKind::SingleLevelWildcard, start + at)),
            None => {}
        }
        start = end + 1;
    }
    Ok(())
}
