//! Packets made out of noise: the same for the same type, dialect and count.
#![allow(dead_code)] // no file uses all of it

#[path = "../model/mod.rs"]
mod model;

use arbitrary::Unstructured;
use mqtt_wire::{Dialect, PacketType};

pub use model::dialects;

/// The bytes of `count` valid packets.
pub fn packets(
    packet_type: PacketType,
    dialect: Dialect,
    count: u64,
) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |seed| packet(packet_type, dialect, seed))
}

/// The bytes of a valid packet.
pub fn packet(packet_type: PacketType, dialect: Dialect, seed: u64) -> Vec<u8> {
    let noise = model::noise(seed);
    let mut input = Unstructured::new(&noise);
    let packet = model::OwnedPacket::valid_of(packet_type, dialect, &mut input);
    packet.unwrap().encode(dialect)
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
