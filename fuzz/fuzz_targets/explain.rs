//! Explains any input, in any paste format or as a capture. The input is explained or refused,
//! without a panic, and the length of the input limits the length of the output.
//!
//! The first byte selects the options; the rest is the input.
#![no_main]

use std::io::{self, Write};

use libfuzzer_sys::fuzz_target;

const VERSIONS: [&[&str]; 4] = [
    &[],
    &["--mqtt=3.1"],
    &["--mqtt=3.1.1"],
    &["--mqtt=5.0", "--enforce=no_discouraged_characters"],
];
const SIDES: [&[&str]; 4] = [
    &[],
    &["--from=client"],
    &["--from=server"],
    &[
        "--port=1883",
        "--waive=empty_client_id,will_flags,ack_flags",
    ],
];
const VIEWS: [&[&str]; 4] = [&[], &["--tree"], &["--json"], &["--full", "--show-secrets"]];
const FILTERS: [&[&str]; 4] = [
    &[],
    &["--only-invalid", "--time=delta"],
    &["--client-id=c", "--topic=a/+"],
    &["--summary", "--time=utc"],
];

/// The most bytes of output for each byte of input, and for an empty input.
const OF_A_BYTE: usize = 4_000;
const OF_NOTHING: usize = 10_000;

fuzz_target!(|input: &[u8]| {
    let [options, bytes @ ..] = input else {
        return;
    };
    // a `*` in a hex dump repeats lines, and gzip repeats bytes; other limits are for them
    if bytes.starts_with(b"\x1f\x8b") {
        return;
    }
    if bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii() == b"*")
    {
        return;
    }
    let mut args = vec!["mqtt-explain"];
    for (number, choice) in [VERSIONS, SIDES, VIEWS, FILTERS].iter().enumerate() {
        args.extend(choice[usize::from(options >> (2 * number) & 3)]);
    }
    let mut out = Bounded(OF_NOTHING + OF_A_BYTE * bytes.len());
    if let Err(error) = mqtt_explain::explain_bytes(&args, bytes.to_vec(), &mut out) {
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        assert!(error.to_string().len() < 1_000, "{error}");
    }
});

/// Accepts at most this many bytes of text.
struct Bounded(usize);

impl Write for Bounded {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let left = self.0.checked_sub(text.len());
        self.0 = left.expect("the output is too long for the input");
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
