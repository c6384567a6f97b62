//! Damaged captures that once ended in a hang or in a read behind the end, found by fuzzing.

mod common;

use common::explain;

#[test]
fn damaged_captures_are_read_to_their_end() {
    let captures: [&[u8]; 3] = [
        include_bytes!("damaged/waits_for_ever.pcap"),
        include_bytes!("damaged/cut_ipv6_header.pcap"),
        include_bytes!("damaged/wrong_acknowledgement.pcap"),
    ];
    for capture in captures {
        let run = explain(["--json"], capture);
        assert!(run.output.ends_with("}\n"), "{}", run.errors);
        assert!((0..=3).contains(&run.status), "{}", run.errors);
    }
}
