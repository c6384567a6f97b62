//! Packets of the model: valid ones round-trip and are relayed; of those with errors encode says
//! what decode says.
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
    match input.arbitrary::<u8>()? {
        0..128 => {
            let Any(dialect, packet) = Any::arbitrary(input)?;
            packet.lend(|packet| laws::encodes_as_strictly_as_it_decodes(packet, dialect));
        }
        128..224 => {
            let Valid(dialect, packet) = Valid::arbitrary(input)?;
            packet.lend(|packet| laws::round_trips(packet, dialect));
        }
        _ => {
            let Valid(dialect, packet) = Valid::arbitrary(input)?;
            laws::relays(&packet.encode(dialect), dialect);
        }
    }
    Ok(())
}
