//! Non-malleability: a packet has one canonical encoding in each dialect. It is the one that encoding writes.
//!
//! These are all accepted encodings that are not canonical, while no rule is waived:
//!
//! | version | packets | not canonical |
//! |---|---|---|
//! | 5.0 | PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT | a Property Length 0 at the end |
//! | 5.0 | the same | a Reason Code `00` at the end, without properties |
//! | 3.1 | all except PUBLISH, PUBREL, SUBSCRIBE and UNSUBSCRIBE | any of the four flags of the fixed header |
//! | 3.1 | PUBREL, SUBSCRIBE, UNSUBSCRIBE | DUP, and the unused flag in place of RETAIN |
//! | 3.1 | PUBLISH with QoS 0 | DUP |
//! | 3.1 | CONNECT | the reserved Connect Flag; Will QoS or Will Retain without a Will |
//! | 3.1 | CONNECT | the flag of a user name or a password that the packet ends before |
//! | 3.1 | CONNACK | seven reserved bits |
//! | 3.1 | SUBSCRIBE, SUBACK | six reserved bits of each QoS |
//!
//! There are none in 3.1.1. The order of properties is a part of the packet: the standard allows any order, and decoding and
//! encoding keep it.
//!
//! `ci/check.sh small-scope` uses this file too.

use mqtt_wire::{Dialect, Packet, Version};

/// A decoder and an encoder to test.
#[derive(Clone, Copy)]
pub struct Codec {
    /// Decodes a packet and encodes it again. `None` if decoding refuses it.
    pub reencode: fn(&[u8], Dialect) -> Option<Vec<u8>>,
    /// Whether both strings decode, to equal packets.
    pub are_equal: fn(&[u8], &[u8], Dialect) -> bool,
}

/// This library.
pub const LIBRARY: Codec = Codec {
    reencode: |bytes, dialect| {
        let packet = Packet::decode(bytes, dialect).ok()?;
        let length = packet
            .encoded_len(dialect)
            .expect("a decoded packet can be encoded");
        let mut again = vec![0; length];
        assert_eq!(packet.encode_to_slice(dialect, &mut again), Ok(length));
        Some(again)
    },
    are_equal: |one, other, dialect| {
        let (one, other) = (Packet::decode(one, dialect), Packet::decode(other, dialect));
        one.is_ok() && one == other
    },
};

/// All three laws, for these bytes and for the same with one byte changed.
pub fn encodings_are_canonical(
    codec: Codec,
    bytes: &[u8],
    place: usize,
    bits: u8,
    dialect: Dialect,
) -> Result<(), String> {
    let mut changed = bytes.to_vec();
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= bits;
    }
    for bytes in [bytes, &changed] {
        reencoding_is_canonical(codec, bytes, dialect)?;
        other_forms_are_accepted(codec, bytes, dialect)?;
    }
    canonical_form_identifies_packet(codec, bytes, &changed, dialect)
}

/// An accepted packet is encoded again in its canonical form. That is not longer, decodes to an equal packet, and is
/// encoded again unchanged.
pub fn reencoding_is_canonical(codec: Codec, bytes: &[u8], dialect: Dialect) -> Result<(), String> {
    let Some(again) = (codec.reencode)(bytes, dialect) else {
        return Ok(());
    };
    let canonical = canonical_form(bytes, dialect);
    let violation = if again != canonical {
        "is not encoded again in its canonical form"
    } else if canonical.len() > bytes.len() {
        "is shorter than its canonical form"
    } else if !(codec.are_equal)(bytes, &canonical, dialect) {
        "is another packet than its canonical form"
    } else if (codec.reencode)(&canonical, dialect).as_ref() != Some(&canonical) {
        "has a canonical form that changes when it is encoded again"
    } else {
        return Ok(());
    };
    Err(format!(
        "{dialect:?} {bytes:02x?} {violation} {canonical:02x?}, but {again:02x?}"
    ))
}

/// Two accepted encodings are those of equal packets exactly if they have the same canonical form.
pub fn canonical_form_identifies_packet(
    codec: Codec,
    one: &[u8],
    other: &[u8],
    dialect: Dialect,
) -> Result<(), String> {
    let is_accepted = |bytes| (codec.reencode)(bytes, dialect).is_some();
    if !is_accepted(one) || !is_accepted(other) {
        return Ok(());
    }
    let same_form = canonical_form(one, dialect) == canonical_form(other, dialect);
    match ((codec.are_equal)(one, other, dialect), same_form) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err(format!(
            "{dialect:?} {one:02x?} and {other:02x?} are equal packets with two canonical forms"
        )),
        (false, true) => Err(format!(
            "{dialect:?} {one:02x?} and {other:02x?} are two packets with one canonical form"
        )),
    }
}

/// The list of encodings that are not canonical has no entry too many: each that differs from these accepted bytes in one
/// bit, or in one byte less or more at the end, is accepted and is an equal packet.
pub fn other_forms_are_accepted(
    codec: Codec,
    bytes: &[u8],
    dialect: Dialect,
) -> Result<(), String> {
    if (codec.reencode)(bytes, dialect).is_none() {
        return Ok(());
    }
    for other in other_forms(bytes, dialect) {
        if !(codec.are_equal)(bytes, &other, dialect) {
            return Err(format!(
                "{dialect:?} {other:02x?} is not accepted as {bytes:02x?}"
            ));
        }
    }
    Ok(())
}

/// The canonical form of an accepted packet, made from its bytes, without the encoder.
pub fn canonical_form(packet: &[u8], dialect: Dialect) -> Vec<u8> {
    try_canonical_form(packet, dialect).expect("an accepted packet has all its fields")
}

/// `None` if the length of the packet or of a field is wrong.
fn try_canonical_form(packet: &[u8], dialect: Dialect) -> Option<Vec<u8>> {
    let header = 2 + packet[1..].iter().take_while(|&&byte| byte >= 0x80).count();
    let (mut first_byte, mut body) = (packet[0], packet.get(header..)?.to_vec());
    if frame(first_byte, &body) != packet {
        return None;
    }
    match dialect.version() {
        Version::V3_1 => {
            first_byte = without_unused_flags(first_byte);
            clear_unused_bits(first_byte >> 4, &mut body)?;
        }
        Version::V3_1_1 => {}
        Version::V5 => omit_defaults(first_byte >> 4, &mut body),
    }
    Some(frame(first_byte, &body))
}

/// 5.0, sections 3.4.2, 3.5.2, 3.6.2, 3.7.2 and 3.14.2: these fields may be omitted. Section 3.15.2 says so about AUTH too,
/// but an AUTH without an Authentication Method is refused.
fn omit_defaults(packet_type: u8, body: &mut Vec<u8>) {
    let code_at = match packet_type {
        4..=7 => 2,
        14 => 0,
        _ => return,
    };
    for length in [code_at + 2, code_at + 1] {
        if body.len() == length && body.last() == Some(&0) {
            body.pop();
        }
    }
}

/// 3.1, section 2.1.
fn without_unused_flags(first_byte: u8) -> u8 {
    match first_byte >> 4 {
        3 if first_byte & 0x06 == 0 => first_byte & 0xf7,
        3 => first_byte,
        6 | 8 | 10 => first_byte & 0xf6,
        _ => first_byte & 0xf0,
    }
}

/// 3.1, sections 3.1, 3.2, 3.8 and 3.9.
fn clear_unused_bits(packet_type: u8, body: &mut [u8]) -> Option<()> {
    const QOS: u8 = 0x03;
    match packet_type {
        1 => {
            let (head, payload) = body.split_at_mut_checked(12)?;
            head[9] = used_connect_flags(head[9], payload)?;
        }
        2 => *body.first_mut()? &= 0x01,
        8 => {
            let mut at = 2;
            while at < body.len() {
                at += length_of_field(body, at)?;
                *body.get_mut(at)? &= QOS;
                at += 1;
            }
        }
        9 => {
            // 80 means failure in later versions, and is refused
            let codes = body.iter_mut().skip(2).filter(|it| **it != 0x80);
            codes.for_each(|code| *code &= QOS);
        }
        _ => {}
    }
    Some(())
}

fn used_connect_flags(mut flags: u8, payload: &[u8]) -> Option<u8> {
    flags &= !0x01;
    let has_will = flags & 0x04 != 0;
    if !has_will {
        flags &= !0x38;
    }
    let mut at = 0;
    for _ in 0..if has_will { 3 } else { 1 } {
        at += length_of_field(payload, at)?;
    }
    if flags & 0x80 != 0 {
        if at == payload.len() {
            return Some(flags & !0xc0);
        }
        at += length_of_field(payload, at)?;
        if at == payload.len() {
            flags &= !0x40;
        }
    }
    Some(flags)
}

/// The length of a field with its prefix of two bytes.
fn length_of_field(bytes: &[u8], at: usize) -> Option<usize> {
    let (prefix, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(2 + usize::from(u16::from_be_bytes(*prefix)))
}

/// The strings with the same canonical form that differ in one bit of the first bytes, or have one byte more.
fn other_forms(bytes: &[u8], dialect: Dialect) -> impl Iterator<Item = Vec<u8>> {
    const SHORT: usize = 64;
    let canonical = canonical_form(bytes, dialect);
    let bits = match dialect.version() {
        Version::V3_1 => 8 * bytes.len().min(SHORT),
        Version::V3_1_1 | Version::V5 => 0,
    };
    let flipped = (0..bits).map(|bit| {
        let mut other = bytes.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        other
    });
    let may_be_longer = dialect.version() == Version::V5 && bytes.len() < SHORT;
    let longer = may_be_longer.then(|| frame(bytes[0], &[&bytes[2..], &[0]].concat()));
    flipped
        .chain(longer)
        .filter(move |other| try_canonical_form(other, dialect).as_ref() == Some(&canonical))
}

/// A packet with this first byte and the Remaining Length that its body needs.
pub fn frame(first_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first_byte];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(length as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}
