//! One packet, explained for other programs.

use std::io::{self, Write};

use mqtt_wire::{Sender, Version};

use crate::decode_rules::DecodeRules;
use crate::report::{View, details, sentence, verdict};
use crate::stream::Stream;

/// The explanation of one packet. Passwords and authentication data are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketExplanation {
    /// One line: the content of a valid packet, or the error of a refused one.
    pub line: String,
    /// The verdict, the bytes, the fields as a tree, and the broken rules.
    pub report: String,
}

/// Explains the first packet in `bytes`. `None` if there are no bytes.
pub fn explain_packet(bytes: &[u8], version: Version, sender: Sender) -> Option<PacketExplanation> {
    let stream = Stream::read(bytes, Some(version), Some(sender), DecodeRules::default());
    let record = stream.records.first()?;
    let view = View::default();
    let write = |out: &mut dyn Write| -> io::Result<()> {
        verdict(out, record, None, view)?;
        details(out, record, view)
    };
    let mut report = Vec::new();
    write(&mut report).ok()?;
    let report = anstream::adapter::strip_bytes(&report).into_vec();
    Some(PacketExplanation {
        line: sentence(record, view),
        report: String::from_utf8_lossy(&report).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(bytes: &[u8]) -> PacketExplanation {
        explain_packet(bytes, Version::V5, Sender::Client).unwrap()
    }

    #[test]
    fn names_the_fields_of_a_valid_packet() {
        let explained = explain(b"\x30\x05\0\x01a\0m");
        assert!(
            explained.line.starts_with("PUBLISH \"a\""),
            "{}",
            explained.line
        );
        assert!(explained.report.starts_with("VALID  "));
        assert!(explained.report.contains("Topic Name"));
    }

    #[test]
    fn names_the_rule_that_a_packet_breaks() {
        let explained = explain(b"\x36\x05\0\x01a\0m");
        assert!(explained.line.contains("QoS"), "{}", explained.line);
        assert!(explained.report.starts_with("INVALID  "));
        assert!(
            explained.report.contains("MQTT-3.3.1-4"),
            "{}",
            explained.report
        );
        assert!(!explained.report.contains('\x1b'));
    }

    #[test]
    fn has_nothing_to_explain_without_bytes() {
        assert_eq!(explain_packet(b"", Version::V5, Sender::Client), None);
    }
}
