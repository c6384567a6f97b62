//! Packets of the model: valid ones round-trip, are relayed and end nowhere else; of those with
//! errors encode says what decode says.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;

use model::{Any, Valid, laws};

#[path = "../../tests/model/mod.rs"]
mod model;

fuzz_target!(|input: &[u8]| {
    let _ = check(&mut Unstructured::new(input));
});

fn check(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let law: u8 = input.arbitrary()?;
    if law < 128 {
        let Any(dialect, packet) = Any::arbitrary(input)?;
        packet.lend(|packet| laws::encodes_as_strictly_as_it_decodes(packet, dialect));
        return Ok(());
    }
    let Valid(dialect, packet) = Valid::arbitrary(input)?;
    match law {
        128..192 => packet.lend(|packet| laws::round_trips(packet, dialect)),
        192..224 => laws::relays(&packet.encode(dialect), dialect),
        _ => laws::ends_nowhere_else(&packet.encode(dialect), dialect),
    }
    Ok(())
}
