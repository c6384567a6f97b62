//! The packets of `spec-vectors/`.

use mqtt_wire::{Dialect, Version};
use mqtt_wire_vectors::{self as vectors, Side};

pub struct Vector {
    /// `<packet>/<verdict>/<name>.json`.
    pub name: String,
    pub dialect: Dialect,
    pub bytes: Vec<u8>,
}

/// The packets of clients that are `valid` or `invalid`.
pub fn of_clients(verdict: &str) -> Vec<Vector> {
    let packets = vectors::packets().into_iter();
    let wanted =
        packets.filter(|it| it.sender == Side::Client && it.is_valid() == (verdict == "valid"));
    wanted
        .map(|it| Vector {
            name: it.name.to_owned(),
            dialect: Dialect::from_client(match it.version {
                vectors::Version::V3_1 => Version::V3_1,
                vectors::Version::V3_1_1 => Version::V3_1_1,
                vectors::Version::V5 => Version::V5,
            }),
            bytes: it.wire(),
        })
        .collect()
}
