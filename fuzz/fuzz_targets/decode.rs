//! Decodes any bytes. An accepted packet must encode again, in its dialect and in others.
//!
//! The first byte selects the dialect; the rest is one packet or several.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::{FrameRef, Framed};

use laws::dialects;

#[path = "../../tests/laws/mod.rs"]
mod laws;

fuzz_target!(|input: &[u8]| {
    let [dialect, stream @ ..] = input else {
        return;
    };
    let dialect = dialects().nth(usize::from(dialect % 6)).unwrap();
    laws::reads_alike(stream, dialect);
    let mut rest = stream;
    while let Ok(Framed::Frame(frame)) = FrameRef::split(rest, dialect, u32::MAX) {
        let packet = frame.bytes();
        laws::reads_alike(packet, dialect);
        if frame.decode(dialect).is_ok() {
            laws::relays(packet, dialect);
        }
        rest = &rest[packet.len()..];
    }
});
