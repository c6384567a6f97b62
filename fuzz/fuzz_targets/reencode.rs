//! What is accepted is said again in no more bytes and means the same; also by way of the owned
//! model, in every dialect that can say it, and into each way to write.
//!
//! The first byte picks the dialect; the rest is the body of a packet, behind a fixed header that
//! is made for it: what libFuzzer changes is not refused for its length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::{Packet, PacketType};
use mqtt_wire_testkit as model;

use invariants::{dialects, frame};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;

fuzz_target!(|input: &[u8]| {
    let [dialect, first_byte, body @ ..] = input else {
        return;
    };
    let dialect = dialects().nth(usize::from(dialect % 6)).unwrap();
    let bytes = frame(*first_byte, body);
    let packet = match Packet::decode(&bytes, dialect) {
        Ok(packet) => packet,
        Err(error) => return invariants::error_is_complete(&error, &bytes, Some(dialect)),
    };

    let length = packet.encoded_len(dialect).unwrap();
    assert!(length <= bytes.len(), "longer when written again");
    let mut again = vec![0; length];
    assert_eq!(packet.encode_to_slice(dialect, &mut again), Ok(length));
    let decoded = Packet::decode(&again, dialect).unwrap();
    assert_eq!(decoded, packet);
    assert_eq!(decoded.packet_type() as u8, first_byte >> 4);
    // what is left out goes without saying
    assert!(length == bytes.len() || may_be_shorter(packet.packet_type()));

    let owned = model::Packet::from(packet);
    assert_eq!(owned.encode(dialect).as_ref(), Ok(&again));
    assert_eq!(model::Packet::from(decoded), owned);
});

/// Whether a packet of this type has fields that may be left out where they say nothing.
fn may_be_shorter(packet_type: PacketType) -> bool {
    use PacketType as T;
    matches!(
        packet_type,
        T::PubAck | T::PubRec | T::PubRel | T::PubComp | T::Disconnect | T::Auth
    )
}
