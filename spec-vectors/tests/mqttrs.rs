use mqtt_wire_vectors::Version;
use mqtt_wire_vectors::harness::{Harness, Verdict};

fn main() -> std::process::ExitCode {
    Harness::new(|question| match mqttrs::decode_slice(&question.wire) {
        Ok(Some(_)) => Verdict::Accepts,
        Ok(None) => Verdict::Waits,
        Err(_) => Verdict::Refuses,
    })
    .only(|question| question.version == Version::V3_1_1)
    .known_failures(include_str!("mqttrs-known-failures.txt"))
    .run()
}
