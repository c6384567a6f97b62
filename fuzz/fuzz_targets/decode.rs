//! Decodes any bytes. An accepted packet must encode again, in its dialect and in others.
//!
//! The first byte selects the dialect; the rest is one packet or several.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::{FrameRef, NextFrame};

use invariants::dialects;

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;

fuzz_target!(|input: &[u8]| {
    let [dialect, stream @ ..] = input else {
        return;
    };
    let dialect = dialects().nth(usize::from(dialect % 6)).unwrap();
    invariants::decode_matches_framing(stream, dialect);
    let mut rest = stream;
    while let Ok(NextFrame::Frame(frame)) = FrameRef::split(rest, dialect, u32::MAX) {
        let packet = frame.bytes();
        invariants::decode_matches_framing(packet, dialect);
        if frame.decode(dialect).is_ok() {
            invariants::reencodes_for_every_dialect(packet, dialect);
        }
        rest = &rest[packet.len()..];
    }
});
