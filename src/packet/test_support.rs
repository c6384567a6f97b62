//! Functions that the unit tests of the packets share.

use std::vec::Vec;

use crate::{Dialect, EncodeError, ErrorKind, Field, Packet, Version, Waivers};

pub(super) const V3_1: Version = Version::V3_1;
pub(super) const V3_1_1: Version = Version::V3_1_1;
pub(super) const V5: Version = Version::V5;

/// Packets from a Client.
pub(super) const fn client(version: Version) -> Dialect {
    Dialect::from_client(version)
}

/// Packets from a Server.
pub(super) const fn server(version: Version) -> Dialect {
    Dialect::from_server(version)
}

/// A packet with this first byte and a body of these parts.
pub(super) fn packet(first_byte: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    assert!(
        body.len() < 0x80,
        "the Remaining Length needs a second byte"
    );
    [&[first_byte, body.len() as u8], &body[..]].concat()
}

/// A CONNECT with these Connect Flags and this payload, Keep Alive 60 s and no properties. The flags
/// are at offset 9 and the payload at 12; at 11 and 14 in 3.1, at 9 and 13 in 5.0.
pub(super) fn connect(version: Version, flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    let before: &[u8] = match version {
        Version::V3_1 => b"\0\x06MQIsdp\x03",
        Version::V3_1_1 => b"\0\x04MQTT\x04",
        Version::V5 => b"\0\x04MQTT\x05",
    };
    let after: &[u8] = match version {
        Version::V3_1 | Version::V3_1_1 => &[0, 60],
        Version::V5 => &[0, 60, 0],
    };
    packet(0x10, &[before, &[flags], after, &payload.concat()])
}

/// Decodes a packet, and checks that it encodes to the same bytes.
#[track_caller]
pub(super) fn accept(bytes: &[u8], dialect: Dialect) -> Packet<'_> {
    let packet = Packet::decode(bytes, dialect).unwrap();
    assert_eq!(encode(packet, dialect), bytes);
    packet
}

/// Decodes a packet that breaks a rule: kind, field and offset of the error.
#[track_caller]
pub(super) fn refuse(bytes: &[u8], dialect: Dialect) -> (ErrorKind, Field, usize) {
    let error = Packet::decode(bytes, dialect).unwrap_err();
    (error.kind(), error.field(), error.offset())
}

/// Decodes a packet that breaks one rule, and checks that this waiver alone lets it pass and that
/// the error is reported.
#[track_caller]
pub(super) fn waive(bytes: &[u8], dialect: Dialect, waiver: Waivers) -> Packet<'_> {
    let error = Packet::decode(bytes, dialect).unwrap_err();
    let others = dialect.waiving(Waivers::from_bits(Waivers::ALL.bits() & !waiver.bits()));
    assert_eq!(Packet::decode(bytes, others), Err(error));
    let mut waived = Vec::new();
    let packet = Packet::decode_waiving(bytes, dialect.waiving(waiver), |it| waived.push(it));
    assert_eq!(waived, [error]);
    packet.unwrap()
}

/// Encodes a packet.
#[track_caller]
pub(super) fn encode<'a>(packet: impl Into<Packet<'a>>, dialect: Dialect) -> Vec<u8> {
    let mut buffer = [0; 256];
    let length = packet.into().encode_to_slice(dialect, &mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// Encodes a packet that breaks a rule: kind and field of the error.
#[track_caller]
pub(super) fn refuse_to_encode<'a>(
    packet: impl Into<Packet<'a>>,
    dialect: Dialect,
) -> (ErrorKind, Field) {
    match packet.into().encode_to_slice(dialect, &mut [0; 256]) {
        Err(EncodeError::Violation(violation)) => (violation.kind(), violation.field()),
        result => panic!("{result:?}"),
    }
}

/// Encodes a packet with a value that the version cannot represent: the field of the error.
#[track_caller]
pub(super) fn not_in_version<'a>(packet: impl Into<Packet<'a>>, dialect: Dialect) -> Field {
    match packet.into().encode_to_slice(dialect, &mut [0; 256]) {
        Err(EncodeError::NotInVersion { field, .. }) => field,
        result => panic!("{result:?}"),
    }
}
