//! Hints on a refused packet: likely causes, and the nearest valid byte.

use mqtt_wire::{
    Connect, DecodeError, Dialect, ErrorKind, Field, FrameRef, NextFrame, Packet, PacketType,
};

use crate::decode_rules::optional_rule;
use crate::event::{Record, Verdict, is_not_mqtt};
use crate::fixed_header::{self, VariableByteInteger};
use crate::stream::{connect_version, possible_dialects};
use crate::text::count;
use crate::{hex, names};

/// Likely causes of a refused or incomplete packet.
pub fn causes(record: &Record<'_>) -> Vec<String> {
    let mut causes = Vec::new();
    match record.verdict {
        Verdict::Accept(_) => return causes,
        Verdict::Incomplete(_) => {}
        // an optional rule is no sign of a fault in the packet
        Verdict::Reject(error) if optional_rule(error).is_some() => return causes,
        Verdict::Reject(error) => {
            causes.extend(surplus_bytes(record, error));
            causes.extend(swapped_length(record, error));
            causes.extend(of_kind(record, error));
            causes.extend(swapped_pairs(record, error));
            causes.extend(other_dialects(record));
        }
    }
    causes.extend(wrong_remaining_length(record));
    causes.extend(web_socket(record));
    causes
}

/// Other values that make the packet valid, for the byte at fault or for the flags that should have
/// announced a field. Returns the place, and the values that change the fewest bits.
pub fn nearest(record: &Record<'_>) -> Option<(usize, Vec<u8>)> {
    let Verdict::Reject(error) = record.verdict else {
        return None;
    };
    let place = match (error.kind(), error.field()) {
        (
            ErrorKind::UnannouncedWill
            | ErrorKind::UnannouncedUserName
            | ErrorKind::UnannouncedPassword,
            _,
        ) => connect_flags_place(record.bytes)?,
        (
            _,
            Field::Flags
            | Field::ProtocolLevel
            | Field::ConnectFlags
            | Field::ConnAckFlags
            | Field::ReasonCode
            | Field::SubscriptionOptions,
        ) => error.offset(),
        _ => return None,
    };
    let was = *record.bytes.get(place)?;
    let mut packet = record.bytes.to_vec();
    let is_valid = |byte: &u8| {
        if let Some(it) = packet.get_mut(place) {
            *it = *byte;
        }
        match error.version() {
            Some(_) => Packet::decode(&packet, record.dialect).is_ok(),
            None => Connect::decode(&packet).is_ok(),
        }
    };
    // the type of the packet stays
    let keep = if place == 0 { 0xf0 } else { 0x00 };
    let mut valid: Vec<u8> = (0..=0xff)
        .filter(|byte| (byte ^ was) & keep == 0)
        .filter(is_valid)
        .collect();
    let distance = |byte: &u8| (byte ^ was).count_ones();
    let least = valid.iter().map(distance).min()?;
    valid.retain(|byte| distance(byte) == least);
    valid.truncate(4);
    Some((place, valid))
}

/// How many bytes are read to find a cause.
const LOOK_AHEAD: usize = 1 << 16;

/// The Remaining Length is wrong: all bytes together are one valid packet.
fn wrong_remaining_length(record: &Record<'_>) -> Option<String> {
    let all = record.bytes.len() + record.after.len();
    if all > LOOK_AHEAD {
        return None;
    }
    let (&first, rest) = record.bytes.split_first()?;
    let declared = fixed_header::remaining_length(record.bytes)?;
    let valid_with = |skip: usize| {
        let mut body = rest.get(skip..)?.to_vec();
        body.extend(record.after);
        let length = valid_with_body(first, &body)?;
        Some((body.len(), length))
    };
    let in_one_byte = valid_with(1).filter(|(length, _)| {
        let written = rest.first().copied().map(usize::from);
        *length >= 128 && written == Some(*length)
    });
    if let Some((length, right)) = in_one_byte {
        return Some(format!(
            "the Remaining Length {length} was written as one byte; 128 and more need two: {right} \
             (micropython-lib#165)"
        ));
    }
    let (length, right) = valid_with(declared.len)?;
    if length == declared.value {
        return None;
    }
    if length > declared.value && (length - declared.value) % 128 == 0 {
        return Some(format!(
            "with the Remaining Length {length} ({right}) all {all} bytes are one valid packet; it \
             is short by {}: the encoder wrote only its lowest seven bits",
            length - declared.value
        ));
    }
    Some(format!(
        "with the Remaining Length {length} ({right}) all {all} bytes are one valid packet; it \
         counts all bytes after itself"
    ))
}

/// The Remaining Length is too large: without the last bytes the packet is valid.
fn surplus_bytes(record: &Record<'_>, error: DecodeError) -> Option<String> {
    if error.kind() != ErrorKind::TrailingBytes {
        return None;
    }
    let header = fixed_header::len(record.bytes)?;
    let body = record.bytes.get(header..error.offset())?;
    let right = valid_with_body(*record.bytes.first()?, body)?;
    Some(format!(
        "with the Remaining Length {} ({right}) and without its last {}, the packet is valid",
        body.len(),
        count(record.bytes.len() - error.offset(), "byte")
    ))
}

/// The hex digits of the Remaining Length with which a body makes a valid packet in any dialect.
fn valid_with_body(first_byte: u8, body: &[u8]) -> Option<String> {
    let mut packet = vec![first_byte];
    VariableByteInteger::write(body.len(), &mut packet);
    let length = hex::encode_spaced(packet.get(1..)?);
    packet.extend(body);
    let mut dialects = possible_dialects(None, None);
    let is_valid = dialects.any(|dialect| Packet::decode(&packet, dialect).is_ok());
    is_valid.then_some(length)
}

/// A length with its low byte first.
fn swapped_length(record: &Record<'_>, error: DecodeError) -> Option<String> {
    let place = error.offset();
    if error.kind() != ErrorKind::Truncated {
        return None;
    }
    let mut packet = record.bytes.to_vec();
    let length = packet.get_mut(place..place + 2)?;
    length.reverse();
    let swapped = u16::from_be_bytes([*length.first()?, *length.last()?]);
    let here = packet.len() - place - 2;
    (usize::from(swapped) <= here && swapped != swapped.swap_bytes() && swapped != 0).then(|| {
        format!(
            "the length at byte {place} has its bytes in the wrong order: {swapped} is {}",
            hex::encode_spaced(&swapped.to_be_bytes())
        )
    })
}

fn of_kind(record: &Record<'_>, error: DecodeError) -> Option<String> {
    let spare = record.bytes.len().saturating_sub(error.offset());
    let value = error.value();
    let text = match error.kind() {
        ErrorKind::UnsupportedProtocolLevel if value & 0x80 != 0 => format!(
            "a mosquitto bridge sets bit 7 of the level (try_private true); the version is {}",
            value & 0x7f
        ),
        ErrorKind::UnsupportedProtocolLevel => String::from(
            "the name MQIsdp has level 3; the name MQTT has level 4 (3.1.1) or 5 (5.0)",
        ),
        ErrorKind::UnsupportedProtocolName => {
            String::from("the name is MQTT (3.1.1 and 5.0) or MQIsdp (3.1), with these capitals")
        }
        ErrorKind::TrailingBytes
            if error.packet_type() == Some(PacketType::Connect) && spare == 2 =>
        {
            String::from("the client Nyamuk ends its CONNECT with two spare bytes (mosquitto#880)")
        }
        ErrorKind::PacketIdZero => String::from(
            "some devices always send 0: SolaX inverters (mosquitto#2681), HEATMAT thermostats \
             (mosquitto#2572), older versions of Adafruit_MQTT",
        ),
        ErrorKind::WillQosWithoutWill | ErrorKind::WillRetainWithoutWill => {
            String::from("the client sets the QoS or Retain of a Will although it has no Will")
        }
        ErrorKind::PasswordWithoutUserName => String::from(
            "the client may have swapped the flags of user name and password \
             (arduino-mqtt#108); only 5.0 allows a password without a user name",
        ),
        ErrorKind::FixedHeaderFlags
            if value & 0x0f == 0x02
                && matches!(
                    error.packet_type(),
                    Some(PacketType::SubAck | PacketType::PubAck)
                ) =>
        {
            String::from(
                "some servers copy the flags of SUBSCRIBE into their answers (ruby-mqtt#91)",
            )
        }
        ErrorKind::FixedHeaderFlags if error.packet_type() == Some(PacketType::Connect) => {
            String::from("some clients mark CONNECT as QoS 1 (qmqtt#50)")
        }
        ErrorKind::EmptyClientId => String::from(
            "an empty client identifier needs Clean Session in 3.1.1, and is never allowed in 3.1",
        ),
        _ => return None,
    };
    Some(text)
}

/// A WebSocket frame with a packet in it.
fn web_socket(record: &Record<'_>) -> Option<String> {
    let all = record.bytes.iter().chain(record.after);
    let all: Vec<u8> = all.copied().take(LOOK_AHEAD).collect();
    let (&[0x81 | 0x82, length], rest) = all.split_first_chunk()? else {
        return None;
    };
    let (key, content) = match length & 0x80 {
        0 => ([0; 4], rest),
        _ => rest.split_first_chunk().map(|(key, rest)| (*key, rest))?,
    };
    let keys = key.iter().cycle();
    let content: Vec<u8> = content
        .iter()
        .zip(keys)
        .map(|(byte, key)| byte ^ key)
        .collect();
    let packet = content.get(..usize::from(length & 0x7f))?;
    let decoded = possible_dialects(None, None).find_map(|it| Packet::decode(packet, it).ok())?;
    let packet_type = decoded.packet_type();
    let bytes = match packet_type {
        // there may be a password in it
        PacketType::Connect | PacketType::Auth => String::new(),
        _ => format!(": {}", hex::encode_spaced(packet)),
    };
    let masked = if key == [0; 4] { "" } else { ", masked" };
    Some(format!(
        "this is a WebSocket frame that contains a {packet_type}{masked}{bytes}"
    ))
}

/// The two bytes of each pair are swapped.
fn swapped_pairs(record: &Record<'_>, error: DecodeError) -> Option<String> {
    if error.offset() > 1 || record.bytes.len() < 2 {
        return None;
    }
    let mut swapped = Vec::new();
    for pair in record.bytes.chunks(2) {
        swapped.extend(pair.iter().rev());
    }
    let is_packet = possible_dialects(None, None).any(|dialect| {
        matches!(
            FrameRef::split(&swapped, dialect, u32::MAX),
            Ok(NextFrame::Frame(frame)) if frame.decode(dialect).is_ok()
        )
    });
    if is_packet || connect_version(&swapped).is_some() {
        let text = "the bytes of each pair are swapped: the tool printed 16-bit words";
        return Some(String::from(text));
    }
    let swapped_type = fixed_header::packet_type(&swapped)?;
    let has_no_flags = swapped.first().is_some_and(|first| first & 0x0f == 0);
    (has_no_flags && is_not_mqtt(error)).then(|| {
        format!(
            "the second byte is the first byte of a {swapped_type}: the bytes may be in the wrong \
             order (mosquitto#2325)"
        )
    })
}

/// The packet is valid in other dialects.
fn other_dialects(record: &Record<'_>) -> Option<String> {
    if record.packet_type() == Some(PacketType::Connect) {
        return None;
    }
    let valid = possible_dialects(None, None)
        .filter(|dialect| Packet::decode(record.bytes, *dialect).is_ok());
    let valid: Vec<Dialect> = valid.collect();
    (!valid.is_empty()).then(|| format!("it is valid as {}", names::dialects(&valid)))
}

/// The place of the Connect Flags.
fn connect_flags_place(packet: &[u8]) -> Option<usize> {
    let start = fixed_header::len(packet)?;
    let name = packet.get(start..)?.first_chunk()?;
    Some(start + 2 + usize::from(u16::from_be_bytes(*name)) + 1)
}

#[cfg(test)]
mod tests {
    use mqtt_wire::Version;

    use super::*;
    use crate::decode_rules::DecodeRules;
    use crate::stream::Stream;

    fn causes_of(bytes: &[u8]) -> String {
        let stream = Stream::read(bytes, None, None, DecodeRules::default());
        let record = stream.records.first().expect("a packet");
        causes(record).join("\n")
    }

    fn nearest_to(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
        nearest(
            Stream::read(bytes, None, None, DecodeRules::default())
                .records
                .first()?,
        )
    }

    #[test]
    fn finds_the_nearest_valid_byte() {
        let connect = b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x3c\x00\x01p";
        assert_eq!(nearest_to(connect), Some((9, vec![0x02])));
        assert_eq!(
            nearest_to(b"\x80\x06\x00\x01\x00\x01a\x00"),
            Some((0, vec![0x82]))
        );
        // a user name that no flag announces
        let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\x00\x01u";
        assert_eq!(nearest_to(connect), Some((9, vec![0x82])));
    }

    #[test]
    fn recognises_a_remaining_length_in_one_byte() {
        let mut publish = vec![0x30, 200, 0, 3, b'a', b'/', b'b'];
        publish.resize(202, b'x');
        assert!(causes_of(&publish).contains("two: C8 01"));
        publish[1] = 200 & 0x7f;
        assert!(causes_of(&publish).is_empty());
        // a SUBSCRIBE cannot end anywhere
        let mut subscribe = vec![0x82, 0x48, 0, 1, 0, 195];
        subscribe.resize(201, b'x');
        subscribe.push(0);
        assert!(causes_of(&subscribe).contains("short by 128"));
    }

    #[test]
    fn recognises_other_wrong_lengths() {
        assert!(causes_of(b"\x82\x08\x00\x01\x00\x01a\x00").contains("Remaining Length 6 (06)"));
        assert!(causes_of(b"\x82\x05\x00\x01\x00\x01a\x00").contains("Remaining Length 6 (06)"));
        assert!(causes_of(b"\x40\x03\x00\x01\x00").is_empty());
        let connect = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\xc0";
        assert!(causes_of(connect).contains("Remaining Length 13 (0D)"));
        assert!(causes_of(b"\x30\x06\x03\x00a/bx").contains("byte 2 has its bytes in the wrong"));
    }

    #[test]
    fn recognises_bridges_swapped_bytes_and_web_sockets() {
        let bridge = b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x3c\x00\x01p";
        assert!(causes_of(bridge).contains("bridge"));
        let words = b"\x0d\x10\x04\x00QMTT\x02\x04\x3c\x00\x01\x00p";
        assert!(causes_of(words).contains("16-bit words"));
        assert!(causes_of(b"\x0a\xc0").contains("first byte of a PINGREQ"));
        assert!(causes_of(b"\x82\x04\x20\x02\x00\x00").contains("20 02 00 00"));
        assert!(causes_of(b"\x82\x82\x01\x02\x03\x04\xc1\x02").contains("C0 00"));
    }

    #[test]
    fn lists_the_dialects_in_which_a_packet_is_valid() {
        let suback = b"\x90\x03\x00\x01\x80";
        let stream = Stream::read(suback, Some(Version::V3_1), None, DecodeRules::default());
        let causes = causes(&stream.records[0]).join("\n");
        assert!(causes.contains("3.1.1 from the server"), "{causes}");
    }
}
