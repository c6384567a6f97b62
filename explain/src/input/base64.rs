//! Base64, with either alphabet.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::error::InputError;
use super::found::Found;
use super::text::without_prompts;
use crate::fixed_header::is_likely_mqtt;

/// Base64 with either alphabet, with or without padding, also in quotes. Many words are base64, so
/// the bytes have to be MQTT.
pub(super) fn read(text: &str) -> Option<Result<Found, InputError>> {
    let bytes = decode_lines(text).filter(|bytes| is_likely_mqtt(bytes))?;
    Some(Ok(Found::Bytes(bytes)))
}

/// The bytes, if all lines together are base64.
pub(super) fn decode_lines(text: &str) -> Option<Vec<u8>> {
    let lines = without_prompts(text);
    let text: String = lines.iter().map(|(_, line)| *line).collect();
    decode(&text)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}
