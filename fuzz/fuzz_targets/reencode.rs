//! An accepted packet must encode again, in no more bytes and with the same meaning; also through
//! the owned model.
//!
//! The first byte selects the dialect, the second is the first byte of a packet, and the rest is
//! its body. The target adds the length, so that libFuzzer's changes do not make it wrong.
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
    assert!(length <= bytes.len(), "longer when encoded again");
    let mut again = vec![0; length];
    assert_eq!(packet.encode_to_slice(dialect, &mut again), Ok(length));
    let decoded = Packet::decode(&again, dialect).unwrap();
    assert_eq!(decoded, packet);
    assert_eq!(decoded.packet_type() as u8, first_byte >> 4);
    // encoding omits only fields that have their default value
    assert!(length == bytes.len() || may_be_shorter(packet.packet_type()));

    let owned = model::Packet::from(packet);
    assert_eq!(owned.encode(dialect).as_ref(), Ok(&again));
    assert_eq!(model::Packet::from(decoded), owned);
});

/// Whether packets of this type may omit fields that have their default value.
fn may_be_shorter(packet_type: PacketType) -> bool {
    use PacketType as T;
    matches!(
        packet_type,
        T::PubAck | T::PubRec | T::PubRel | T::PubComp | T::Disconnect | T::Auth
    )
}
