//! Fields of some bits of a byte, and their values in words.

use mqtt_wire::{PacketType, Version};

/// A mask, the name of its bits, and the function that puts their value into words.
pub(super) type Bits = (u8, &'static str, fn(u8, Version) -> String);

pub(super) fn set(value: u8, _: Version) -> String {
    String::from(if value == 0 { "not set" } else { "set" })
}

pub(super) fn number(value: u8, _: Version) -> String {
    value.to_string()
}

pub(super) fn qos(value: u8, _: Version) -> String {
    let meaning = match value {
        0 => "at most once",
        1 => "at least once",
        2 => "exactly once",
        _ => "does not exist",
    };
    format!("{value} ({meaning})")
}

pub(super) fn retain_handling(value: u8, _: Version) -> String {
    let meaning = match value {
        0 => "send retained messages",
        1 => "send them if the subscription is new",
        2 => "do not send them",
        _ => "does not exist",
    };
    format!("{value} ({meaning})")
}

pub(super) fn packet_type_name(value: u8, version: Version) -> String {
    let is_type = |packet_type: &PacketType| *packet_type as u8 == value;
    match PacketType::ALL.into_iter().find(is_type) {
        Some(PacketType::Auth) if version != Version::V5 => format!("{value} (reserved)"),
        Some(packet_type) => format!("{value} ({packet_type})"),
        None => format!("{value} (reserved)"),
    }
}
