//! What may have gone wrong where bytes are refused: likely causes, the nearest legal byte, and
//! signs that the bytes are not MQTT at all.

use mqtt_wire::{
    DecodeError, Dialect, ErrorKind, Field, FrameRef, Framed, Packet, PacketType, Sender, Version,
};

use crate::dissect::{count, hex};
use crate::stream::{Record, Verdict, candidates, remaining_length, sniff_version};
use crate::terms::added_rule;

/// What the bytes are, if they are clearly something else than MQTT.
pub fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const TEXTS: [(&[u8], &str); 12] = [
        (
            b"GET ",
            "an HTTP request; MQTT over WebSocket begins like this",
        ),
        (b"POST ", "an HTTP request"),
        (b"PUT ", "an HTTP request"),
        (b"HEAD ", "an HTTP request"),
        (b"OPTIONS ", "an HTTP request"),
        (b"CONNECT ", "a request to an HTTP proxy"),
        (b"HTTP/", "an HTTP answer"),
        (b"PRI * HTTP/2", "an HTTP/2 connection"),
        (
            b"PROXY ",
            "a PROXY protocol header, which a load balancer puts before MQTT",
        ),
        (
            b"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a",
            "a PROXY protocol header, which a load balancer puts before MQTT",
        ),
        (b"SSH-", "an SSH connection"),
        (b"AMQP", "an AMQP connection"),
    ];
    if let [0x14..=0x17, 0x03, 0x00..=0x04, ..] = bytes {
        return Some("a TLS record: the connection is encrypted, and MQTT is inside of it");
    }
    let text = TEXTS.iter().find(|(start, _)| bytes.starts_with(start));
    text.map(|(_, meaning)| *meaning)
}

/// Whether the error says that the bytes do not even begin like a packet.
pub fn is_no_packet(error: DecodeError) -> bool {
    error.packet_type().is_none()
        || (error.kind() == ErrorKind::VariableByteIntegerTooLong && error.offset() == 1)
}

/// Likely causes of a packet that is refused or not all there.
pub fn causes(record: &Record<'_>) -> Vec<String> {
    let mut causes = Vec::new();
    match record.verdict {
        Verdict::Accept(_) => return causes,
        Verdict::Incomplete(_) => {}
        // a rule of the user's choice tells nothing about the packet
        Verdict::Reject(error) if added_rule(error).is_some() => return causes,
        Verdict::Reject(error) => {
            causes.extend(bytes_too_many(record, error));
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

/// Other values for the byte at fault (or the flags that should have announced what is there)
/// that make the packet valid: place and values, those with the fewest bits changed.
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
            None => mqtt_wire::Connect::decode(&packet).is_ok(),
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

/// How many bytes are looked at for a cause.
const LOOK_AHEAD: usize = 1 << 16;

/// With all bytes at hand as one packet it would be valid: the Remaining Length is wrong.
fn wrong_remaining_length(record: &Record<'_>) -> Option<String> {
    let all = record.bytes.len() + record.after.len();
    if all > LOOK_AHEAD {
        return None;
    }
    let (&first, rest) = record.bytes.split_first()?;
    let (declared, of_length) = remaining_length(record.bytes)?;
    let valid_with = |skip: usize| {
        let mut body = rest.get(skip..)?.to_vec();
        body.extend(record.after);
        let mut packet = vec![first];
        push_remaining_length(&mut packet, body.len());
        let length = packet.get(1..)?.to_vec();
        packet.extend(&body);
        let is_valid = candidates(None, None).any(|it| Packet::decode(&packet, it).is_ok());
        is_valid.then_some((body.len(), length))
    };
    let in_one_byte = valid_with(1).filter(|(length, _)| {
        let written = rest.first().copied().map(usize::from);
        *length >= 128 && written == Some(*length)
    });
    if let Some((length, right)) = in_one_byte {
        return Some(format!(
            "the Remaining Length {length} was written as one byte; 128 and more need two: {} \
             (micropython-lib#165)",
            hex(&right)
        ));
    }
    let (length, right) = valid_with(of_length)?;
    if length == declared {
        return None;
    }
    let right = hex(&right);
    if length > declared && (length - declared) % 128 == 0 {
        return Some(format!(
            "with the Remaining Length {length} ({right}) all {all} bytes are one valid packet; it \
             is short by {}: the encoder wrote its lowest seven bits only",
            length - declared
        ));
    }
    Some(format!(
        "with the Remaining Length {length} ({right}) all {all} bytes are one valid packet; it \
         counts every byte after itself"
    ))
}

/// Without the bytes left over the packet would be valid: the Remaining Length is too large.
fn bytes_too_many(record: &Record<'_>, error: DecodeError) -> Option<String> {
    if error.kind() != ErrorKind::TrailingBytes {
        return None;
    }
    let header = 1 + remaining_length(record.bytes)?.1;
    let body = record.bytes.get(header..error.offset())?;
    let mut packet = vec![*record.bytes.first()?];
    push_remaining_length(&mut packet, body.len());
    let right = hex(packet.get(1..)?);
    packet.extend(body);
    let is_valid = candidates(None, None).any(|it| Packet::decode(&packet, it).is_ok());
    is_valid.then(|| {
        format!(
            "with the Remaining Length {} ({right}) the packet is valid, without its last {}",
            body.len(),
            count(record.bytes.len() - error.offset(), "byte")
        )
    })
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
            "the length at byte {place} has its bytes in the wrong order: {swapped} is written {:02X} {:02X}",
            swapped >> 8,
            swapped & 0xff
        )
    })
}

fn of_kind(record: &Record<'_>, error: DecodeError) -> Option<String> {
    let spare = record.bytes.len().saturating_sub(error.offset());
    let value = error.value();
    let text = match error.kind() {
        ErrorKind::UnsupportedProtocolLevel if value & 0x80 != 0 => format!(
            "bit 7 of the level is how a mosquitto bridge says that it is one (try_private true); \
             the version is {}",
            value & 0x7f
        ),
        ErrorKind::UnsupportedProtocolLevel => {
            String::from("MQIsdp goes with level 3, MQTT with level 4 (3.1.1) or 5 (5.0)")
        }
        ErrorKind::UnsupportedProtocolName => {
            String::from("the name is MQTT (3.1.1 and 5.0) or MQIsdp (3.1), in this very spelling")
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
            String::from("the client keeps the Will's QoS or Retain set although it has no Will")
        }
        ErrorKind::PasswordWithoutUserName => String::from(
            "user name and password flags may have been mixed up (arduino-mqtt#108); without a \
             user name, 5.0 allows a password and older versions do not",
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
    let decoded = candidates(None, None).find_map(|it| Packet::decode(packet, it).ok())?;
    let packet_type = decoded.packet_type();
    let bytes = match packet_type {
        // there may be a password in it
        PacketType::Connect | PacketType::Auth => String::new(),
        _ => format!(": {}", hex(packet)),
    };
    let masked = if key == [0; 4] { "" } else { ", masked" };
    Some(format!(
        "this is a WebSocket frame with a {packet_type} inside of it{masked}{bytes}"
    ))
}

/// Two bytes at a time the wrong way round.
fn swapped_pairs(record: &Record<'_>, error: DecodeError) -> Option<String> {
    if error.offset() > 1 || record.bytes.len() < 2 {
        return None;
    }
    let mut swapped = Vec::new();
    for pair in record.bytes.chunks(2) {
        swapped.extend(pair.iter().rev());
    }
    let is_packet = candidates(None, None).any(|dialect| {
        matches!(
            FrameRef::split(&swapped, dialect, u32::MAX),
            Ok(Framed::Frame(frame)) if frame.decode(dialect).is_ok()
        )
    });
    if is_packet || sniff_version(&swapped).is_some() {
        let text = "every two bytes are the wrong way round: the tool printed 16-bit words";
        return Some(String::from(text));
    }
    // the first byte of a packet that has no flags
    let swapped_type = PacketType::ALL
        .into_iter()
        .find(|it| swapped.first() == Some(&((*it as u8) << 4)))?;
    is_no_packet(error).then(|| {
        format!(
            "the second byte would begin a {swapped_type}: the bytes may come in the wrong order \
             (mosquitto#2325)"
        )
    })
}

/// The dialects in which the packet is valid.
fn other_dialects(record: &Record<'_>) -> Option<String> {
    if record.packet_type() == Some(PacketType::Connect) {
        return None;
    }
    let fits =
        candidates(None, None).filter(|dialect| Packet::decode(record.bytes, *dialect).is_ok());
    let fits: Vec<Dialect> = fits.collect();
    (!fits.is_empty()).then(|| format!("it is valid as {}", list_dialects(&fits)))
}

/// "3.1.1 and 5.0 from the client".
pub fn list_dialects(dialects: &[Dialect]) -> String {
    let versions_from = |sender: Sender| {
        let has = |version: &Version| dialects.contains(&Dialect::new(*version, sender));
        let versions: Vec<_> = Version::ALL.into_iter().filter(has).collect();
        list_versions(&versions)
    };
    let (client, server) = (versions_from(Sender::Client), versions_from(Sender::Server));
    match (client.as_str(), server.as_str()) {
        (client, "") => format!("{client} from the client"),
        ("", server) => format!("{server} from the server"),
        (client, server) if client == server => format!("{client} from either side"),
        _ => format!("{client} from the client, {server} from the server"),
    }
}

/// "3.1, 3.1.1 and 5.0".
pub fn list_versions(versions: &[Version]) -> String {
    match versions {
        [] => String::new(),
        [only] => only.to_string(),
        [others @ .., last] => {
            let others: Vec<_> = others.iter().map(Version::to_string).collect();
            format!("{} and {last}", others.join(", "))
        }
    }
}

fn connect_flags_place(packet: &[u8]) -> Option<usize> {
    let start = 1 + remaining_length(packet)?.1;
    let name = packet.get(start..)?.first_chunk()?;
    Some(start + 2 + usize::from(u16::from_be_bytes(*name)) + 1)
}

fn push_remaining_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            return packet.push(low);
        }
        packet.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;
    use crate::terms::Terms;

    fn causes_of(bytes: &[u8]) -> String {
        let stream = Stream::read(bytes, None, None, Terms::default());
        let record = stream.records.first().expect("a packet");
        causes(record).join("\n")
    }

    fn nearest_to(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
        nearest(
            Stream::read(bytes, None, None, Terms::default())
                .records
                .first()?,
        )
    }

    #[test]
    fn knows_other_protocols() {
        assert!(foreign(b"\x16\x03\x01\x02\x00\x01").is_some_and(|it| it.contains("TLS")));
        assert!(foreign(b"GET /mqtt HTTP/1.1\r\n").is_some_and(|it| it.contains("WebSocket")));
        assert!(foreign(b"PROXY TCP4 1.2.3.4").is_some_and(|it| it.contains("PROXY")));
        assert_eq!(foreign(b"\x10\x0d\x00\x04MQTT"), None);
    }

    #[test]
    fn finds_the_nearest_legal_byte() {
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
    fn sees_a_remaining_length_of_one_byte() {
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
    fn sees_other_wrong_lengths() {
        assert!(causes_of(b"\x82\x08\x00\x01\x00\x01a\x00").contains("Remaining Length 6 (06)"));
        assert!(causes_of(b"\x82\x05\x00\x01\x00\x01a\x00").contains("Remaining Length 6 (06)"));
        assert!(causes_of(b"\x40\x03\x00\x01\x00").is_empty());
        let connect = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\xc0";
        assert!(causes_of(connect).contains("Remaining Length 13 (0D)"));
        assert!(causes_of(b"\x30\x06\x03\x00a/bx").contains("byte 2 has its bytes in the wrong"));
    }

    #[test]
    fn sees_bridges_swapped_bytes_and_web_sockets() {
        let bridge = b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x3c\x00\x01p";
        assert!(causes_of(bridge).contains("bridge"));
        let words = b"\x0d\x10\x04\x00QMTT\x02\x04\x3c\x00\x01\x00p";
        assert!(causes_of(words).contains("16-bit words"));
        assert!(causes_of(b"\x0a\xc0").contains("begin a PINGREQ"));
        assert!(causes_of(b"\x82\x04\x20\x02\x00\x00").contains("20 02 00 00"));
        assert!(causes_of(b"\x82\x82\x01\x02\x03\x04\xc1\x02").contains("C0 00"));
    }

    #[test]
    fn says_which_dialects_would_take_it() {
        let suback = b"\x90\x03\x00\x01\x80";
        let stream = Stream::read(suback, Some(Version::V3_1), None, Terms::default());
        let causes = causes(&stream.records[0]).join("\n");
        assert!(causes.contains("3.1.1 from the server"), "{causes}");
    }
}
