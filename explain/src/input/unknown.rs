//! Why a text is in no form.

use mqtt_wire::PacketType;

use super::base64;
use super::error::InputError;
use super::hex_digits::first_other_character;
use super::text::without_prompts;

/// The error for a text in no form.
pub(super) fn explain(text: &str) -> InputError {
    let offset = first_other_character(&without_prompts(text)).unwrap_or_default();
    let is_name = |word: &str| PacketType::ALL.iter().any(|it| it.name() == word);
    let mut words = text.split(|c: char| !c.is_ascii_uppercase());
    let problem = if words.any(is_name) {
        "the text names packets but holds none of their bytes; \
         record them with tcpdump, or watch them with `mqtt-explain proxy`"
    } else if is_clearly_base64(text) {
        "base64, but its bytes are not MQTT packets; \
         to explain them all the same, unpack them with `base64 -d`"
    } else {
        "not hex, base64 or another known form"
    };
    InputError::new(text, offset, problem)
}

/// Whether a text is base64 and not just a word.
fn is_clearly_base64(text: &str) -> bool {
    let has = |is: fn(&char) -> bool| text.chars().any(|c| is(&c));
    let is_mixed =
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    base64::decode_lines(text).is_some() && (is_mixed || text.trim_end().ends_with('='))
}
