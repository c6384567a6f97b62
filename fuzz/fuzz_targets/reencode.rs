//! An accepted packet must encode again in its canonical form, also through the owned model.
//!
//! The first byte selects the dialect, the second is the first byte of a packet, and the rest is
//! its body. The target adds the length, so that libFuzzer's changes do not make it wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::Packet;
use mqtt_wire_testkit as model;

use invariants::canonical::{self, LIBRARY};
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

    canonical::reencoding_is_canonical(LIBRARY, &bytes, dialect).unwrap();
    let again = canonical::canonical_form(&bytes, dialect);
    let decoded = Packet::decode(&again, dialect).unwrap();
    let owned = model::Packet::from(packet);
    assert_eq!(owned.encode(dialect).as_ref(), Ok(&again));
    assert_eq!(model::Packet::from(decoded), owned);
});
