//! Packets of the model: valid ones round-trip and can be forwarded; for invalid ones, encoding and
//! decoding report the same error. Valid conversations have no breach.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use mqtt_wire::Dialect;
use mqtt_wire::monitor::Monitor;
use mqtt_wire_testkit::{NearlyValid, Valid, ValidConversation};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;

fuzz_target!(|input: &[u8]| {
    let _ = check(&mut Unstructured::new(input));
});

fn check(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    match input.arbitrary::<u8>()? {
        0..112 => {
            let NearlyValid(dialect, packet) = NearlyValid::arbitrary(input)?;
            invariants::model_encode_is_as_strict_as_decode(&packet, dialect);
        }
        112..192 => {
            let Valid(dialect, packet) = Valid::arbitrary(input)?;
            invariants::model_round_trips(&packet, dialect);
        }
        192..224 => {
            let Valid(dialect, packet) = Valid::arbitrary(input)?;
            invariants::reencodes_for_every_dialect(&packet.encode(dialect).unwrap(), dialect);
        }
        _ => {
            let ValidConversation(conversation) = ValidConversation::arbitrary(input)?;
            let mut monitor = Monitor::new();
            for (sender, packet) in &conversation.packets {
                let dialect = Dialect::new(conversation.version, *sender);
                let observed = packet.lend(dialect, |packet| {
                    let length = packet.encoded_len(dialect).unwrap();
                    monitor.observe(dialect, &packet, length, |breach| panic!("{breach}"));
                });
                observed.unwrap();
            }
        }
    }
    Ok(())
}
