//! A lenient walk over the bytes of one packet: a tree of labelled fields.
//!
//! The walk follows the layout that the packet type and the version prescribe, and continues after
//! a violation if possible. It gives no verdict: the library does that. Every bit of the packet
//! belongs to exactly one leaf of the tree, whatever the bytes are.

mod bits;
mod field;
mod packet;
mod property;
mod walker;

use mqtt_wire::Dialect;

pub use self::field::{Field, Secrets, Value, not_understood, secret_bytes};

use self::walker::Walker;

/// Splits a packet, or the part of it that is there, into fields.
pub fn dissect(packet: &[u8], dialect: Dialect) -> Vec<Field> {
    let mut walker = Walker::new(packet, dialect);
    if let Some(body_end) = walker.fixed_header() {
        walker.end = body_end;
        // missing bytes have become a field already
        let _ = walker.body();
        if walker.lost_password {
            // any text may include it
            walker.fields.iter_mut().skip(1).for_each(field::hide);
        }
        walker.left_over();
        walker.end = packet.len();
        walker.not_understood("after the packet");
    } else {
        walker.not_understood("not understood");
    }
    walker.fields
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use mqtt_wire::{Packet, Version};

    use super::*;
    use crate::names;

    /// Packets of each layout, valid in the version and from the side given: the first byte, and
    /// what follows the Remaining Length.
    #[rustfmt::skip]
    const VALID: &[(&str, &str, u8, &[u8])] = &[
        ("3.1", "client", 0x10, b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01p"),
        ("3.1", "client", 0x10, b"\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x01p"),
        ("3.1.1", "client", 0x10, b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p"),
        ("3.1.1", "client", 0x10, b"\x00\x04MQTT\x04\xee\x00\x00\x00\x01p\x00\x01t\x00\x02hi\x00\x01u\x00\x02pw"),
        ("5.0", "client", 0x10, b"\x00\x04MQTT\x05\xc6\x00\x3c\x0d\x11\0\0\0\x0a\x21\0\x14\x27\0\x01\0\0\0\x01p\x05\x18\0\0\0\x01\0\x01t\0\0\0\x01u\0\0"),
        ("5.0", "client", 0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x0c\x15\0\x01m\x16\0\x05\x01\x02\x03\x04\x05\0\0"),
        ("3.1.1", "server", 0x20, b"\x01\x00"),
        ("5.0", "server", 0x20, b"\x00\x00\x0a\x12\0\x03abc\x24\x01\x25\x00"),
        ("3.1.1", "client", 0x30, b"\x00\x03a/bhello"),
        ("3.1.1", "client", 0x3d, b"\x00\x03a/b\x00\x07x"),
        ("5.0", "client", 0x32, b"\x00\x03a/b\x00\x07\x11\x01\x01\x03\0\x04text\x26\0\x01k\0\x02vvhi"),
        ("5.0", "server", 0x30, b"\x00\x00\x06\x23\0\x01\x0b\x81\x01\x01"),
        ("3.1.1", "client", 0x40, b"\x00\x01"),
        ("5.0", "client", 0x40, b"\x00\x01\x87"),
        ("5.0", "server", 0x62, b"\x00\x01\x92\x04\x1f\0\x01x"),
        ("3.1.1", "client", 0x82, b"\x00\x01\x00\x01a\x00\x00\x03b/#\x02"),
        ("5.0", "client", 0x82, b"\x00\x01\x02\x0b\x07\x00\x03a/+\x2d"),
        ("3.1.1", "server", 0x90, b"\x00\x01\x02\x80"),
        ("5.0", "server", 0x90, b"\x00\x01\x00\x00\x8f"),
        ("3.1.1", "client", 0xa2, b"\x00\x01\x00\x01a\x00\x01b"),
        ("5.0", "client", 0xa2, b"\x00\x01\x00\x00\x01a"),
        ("3.1.1", "server", 0xb0, b"\x00\x01"),
        ("5.0", "server", 0xb0, b"\x00\x01\x00\x11"),
        ("3.1.1", "client", 0xc0, b""),
        ("3.1.1", "server", 0xd0, b""),
        ("3.1.1", "client", 0xe0, b""),
        ("5.0", "server", 0xe0, b"\x8e"),
        ("5.0", "client", 0xf0, b"\x18\x07\x15\0\x01m\x16\0\0"),
    ];

    fn valid() -> impl Iterator<Item = (Dialect, Vec<u8>)> {
        VALID.iter().map(|(version, from, first, body)| {
            let mut packet = vec![*first, u8::try_from(body.len()).unwrap()];
            packet.extend(*body);
            (dialect(version, from), packet)
        })
    }

    fn dialect(version: &str, from: &str) -> Dialect {
        let version = names::read_version(version).unwrap();
        Dialect::new(version, names::read_sender(from).unwrap())
    }

    fn all_dialects() -> impl Iterator<Item = Dialect> {
        Version::ALL
            .into_iter()
            .flat_map(|version| [Dialect::from_client(version), Dialect::from_server(version)])
    }

    /// Asserts that every bit belongs to one leaf, in order, and that no child leaves its parent.
    fn assert_tiled(packet: &[u8], dialect: Dialect) {
        fn walk(fields: &[Field], span: &Range<usize>, bits: &mut [u8]) {
            let mut at = span.start;
            let mut used = 0;
            for field in fields {
                assert!(field.span.start <= field.span.end && field.span.end <= span.end);
                if field.is_bits() {
                    assert_eq!(field.span, *span);
                    assert_eq!(used & field.bits, 0, "bits twice");
                    used |= field.bits;
                } else {
                    assert_eq!(field.span.start, at, "a gap before {}", field.name);
                    at = field.span.end;
                }
                if field.children.is_empty() {
                    for bits in &mut bits[field.span.clone()] {
                        assert_eq!(*bits & field.bits, 0, "twice: {}", field.name);
                        *bits |= field.bits;
                    }
                } else {
                    walk(&field.children, &field.span, bits);
                }
            }
        }
        let fields = dissect(packet, dialect);
        let mut bits = vec![0; packet.len()];
        walk(&fields, &(0..packet.len()), &mut bits);
        assert!(
            bits.iter().all(|bits| *bits == 0xff),
            "{packet:x?}: {fields:#?}"
        );
        for field in &fields {
            field.text(packet, 30, Secrets::Hide);
        }
    }

    #[test]
    fn explains_every_bit_of_valid_packets() {
        for (dialect, packet) in valid() {
            if let Err(error) = Packet::decode(&packet, dialect) {
                panic!("{packet:x?}: {error}");
            }
            assert_tiled(&packet, dialect);
            let fields = dissect(&packet, dialect);
            assert_eq!(not_understood(&fields), 0, "{packet:x?}: {fields:#?}");
        }
    }

    #[test]
    fn explains_every_bit_of_any_bytes() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as usize
        };
        for dialect in all_dialects() {
            assert_tiled(b"", dialect);
            for (_, packet) in valid() {
                for end in 0..packet.len() {
                    assert_tiled(&packet[..end], dialect);
                }
                for _ in 0..300 {
                    let mut packet = packet.clone();
                    for _ in 0..=random() % 3 {
                        let place = random() % packet.len();
                        packet[place] = random() as u8;
                    }
                    assert_tiled(&packet, dialect);
                }
            }
            for _ in 0..3000 {
                let packet: Vec<u8> = (0..random() % 40)
                    .map(|_| (random() >> (random() % 8)) as u8)
                    .collect();
                assert_tiled(&packet, dialect);
            }
        }
    }

    fn lines(packet: &[u8], dialect: Dialect) -> Vec<String> {
        fn add(fields: &[Field], packet: &[u8], lines: &mut Vec<String>) {
            for field in fields {
                let bits = if field.is_bits() {
                    field.draw_bits(packet) + " = "
                } else {
                    String::new()
                };
                let text = field.text(packet, 40, Secrets::Hide);
                lines.push(format!("{} {bits}{}: {text}", field.span.start, field.name));
                if !field.folded {
                    add(&field.children, packet, lines);
                }
            }
        }
        let mut all = Vec::new();
        add(&dissect(packet, dialect), packet, &mut all);
        all
    }

    #[test]
    fn draws_bits_like_protocol_analysers() {
        let connect = b"\x10\x0e\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x01p";
        let lines = lines(connect, Dialect::from_client(Version::V5));
        for line in [
            "9 Connect Flags: 0x0A",
            "9 ...0 1... = Will QoS: 1 (at least once)",
            "9 .... .0.. = Will Flag: not set",
            "9 .... ..1. = Clean Start: set",
            "10 Keep Alive: 60 s",
            "13 Client Identifier: \"p\"",
        ] {
            assert!(lines.iter().any(|it| it == line), "{line}: {lines:#?}");
        }
    }

    #[test]
    fn names_what_is_missing_or_cut_off() {
        let v3 = Dialect::from_client(Version::V3_1_1);
        assert!(lines(b"\x82\x02\x00\x01", v3).contains(&"4 Topic Filter: missing".into()));
        assert!(
            lines(b"\x40\x01\x00", v3)
                .contains(&"2 Packet Identifier: cut off: 1 of 2 bytes".into())
        );
        let publish = lines(b"\x30\x05\xff\xffabc", v3);
        assert!(publish.contains(&"2 Length: 65535, but only 3 bytes follow".into()));
        assert!(publish.contains(&"4 cut off: \"abc\" (3 bytes)".into()));
    }

    #[test]
    fn reads_a_remaining_length_in_one_byte() {
        let mut publish = vec![0x30, 0xc8, 0x00, 0x03, b'a', b'/', b'b'];
        publish.resize(202, b'x');
        let lines = lines(&publish, Dialect::from_client(Version::V3_1_1));
        assert!(
            lines[5].contains("200, if it was meant to have one byte"),
            "{lines:?}"
        );
        assert!(lines[6].contains("Topic Name: \"a/b\""), "{lines:?}");
    }

    #[test]
    fn hides_secrets() {
        let secret = |packet: &[u8], version| {
            let fields = dissect(packet, Dialect::from_client(version));
            let hidden = secret_bytes(&fields, packet.len());
            let shown = fields
                .iter()
                .map(|field| field.text(packet, 40, Secrets::Hide));
            assert!(!shown.collect::<String>().contains("pw"));
            packet
                .iter()
                .zip(hidden)
                .filter_map(|(byte, hidden)| hidden.then_some(char::from(*byte)))
                .collect::<String>()
        };
        let password = b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x00\x00\x01p\x00\x01u\x00\x02pw";
        assert_eq!(secret(password, Version::V3_1_1), "pw");
        // cut off: any text may be a part of it
        let password = b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x00\x00\x01p\x00\x01u\x00\x09pw";
        assert_eq!(secret(password, Version::V3_1_1), "pupw");
        // flags forgotten
        let password = b"\x10\x14\x00\x04MQTT\x04\x02\x00\x00\x00\x01p\x00\x01u\x00\x02pw";
        assert_eq!(secret(password, Version::V3_1_1), "pw");
        // swallowed by a wrong length
        let password = b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x00\x00\x70p\x00\x01u\x00\x02pw";
        assert_eq!(secret(password, Version::V3_1_1), "p\0\x01u\0\x02pw");
        let data = b"\xf0\x0b\x18\x09\x15\0\x01m\x16\0\x02pw";
        assert_eq!(secret(data, Version::V5), "pw");
    }
}
