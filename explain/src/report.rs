//! The output of the program: packets as a line, a full report or JSON, and whole connections.

mod capture;
mod connection;
mod details;
mod hex_dump;
mod hidden;
pub mod json;
mod line;
mod output;
mod page;
mod session;
mod statistics;
mod style;
mod summary;
mod tree;
mod view;
mod websocket;

pub use self::capture::{ConnectionCount, not_read, not_read_object};
pub use self::connection::{dialect, dialects, not_mqtt, order, totals};
pub use self::details::details;
pub use self::hidden::{Hidden, hidden};
pub use self::line::{event, sentence, unread, verdict};
pub use self::output::Output;
pub use self::session::{Closing, Lines, Name, Shown};
pub use self::style::{UNSURE, paint};
pub use self::view::{Times, View};

#[cfg(test)]
mod tests {
    use std::io::Write;

    use mqtt_wire::{Dialect, Sender, Version};

    use super::*;
    use crate::decode_rules::DecodeRules;
    use crate::event::Event;
    use crate::hex;
    use crate::stream::Stream;

    /// All reports on `bytes`.
    fn all_reports(bytes: &[u8], version: Option<Version>, sender: Option<Sender>) -> String {
        let mut out = Vec::new();
        let stream = Stream::read(bytes, version, sender, DecodeRules::default());
        dialects(&mut out, &stream).unwrap();
        for record in &stream.records {
            for view in [
                View::default(),
                View {
                    full: true,
                    ..View::default()
                },
            ] {
                verdict(&mut out, record, None, view).unwrap();
                event(&mut out, &Event::Packet(record.clone()), view).unwrap();
                details(&mut out, record, view).unwrap();
                writeln!(out, "{}", json::packet(record, view).unwrap()).unwrap();
            }
        }
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        String::from_utf8(text).unwrap()
    }

    fn random_numbers() -> impl FnMut() -> usize {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as usize
        }
    }

    #[test]
    fn reports_on_any_bytes() {
        let mut random = random_numbers();
        for _ in 0..1000 {
            let bytes: Vec<u8> = (0..1 + random() % 50)
                .map(|_| (random() >> (random() % 8)) as u8)
                .collect();
            assert!(!all_reports(&bytes, None, None).is_empty());
        }
    }

    #[test]
    fn hides_the_password_of_a_broken_connect() {
        let connects: [&[u8]; 3] = [
            b"\x10\x23\x00\x04MQTT\x04\xc2\x00\x3c\x00\x06client\x00\x04user\x00\x09PASSWORDS",
            b"\x10\x2b\x00\x04MQTT\x04\xee\x00\x3c\x00\x06client\x00\x01t\x00\x03die\x00\x04user\x00\x09PASSWORDS",
            b"\x10\x26\x00\x04MQTT\x05\xc2\x00\x3c\x05\x11\0\0\0\x05\x00\x03cli\x00\x04user\x00\x09PASSWORDS",
        ];
        let mut random = random_numbers();
        for connect in connects {
            let secret = connect.len() - 9;
            let intact = all_reports(connect, None, None);
            assert!(intact.starts_with("VALID"), "{intact}");
            for round in 0..600 {
                let mut bytes = connect.to_vec();
                for _ in 0..round % 3 {
                    let place = 1 + random() % (secret - 1);
                    // the flags announce the password
                    if place != 9 {
                        bytes[place] = (random() >> (random() % 8)) as u8;
                    }
                }
                if random() % 4 == 0 {
                    bytes.truncate(1 + random() % bytes.len());
                }
                let report = all_reports(&bytes, None, None);
                for part in ["PASSW", "SWORD", "50 41 53 53 57", "53 57 4F 52 44"] {
                    assert!(!report.contains(part), "{}:\n{report}", hex::encode(&bytes));
                }
            }
        }
    }

    #[test]
    fn marks_the_fault_of_every_refused_packet() {
        let v5 = Dialect::from_client(Version::V5);
        let v3 = Dialect::from_client(Version::V3_1_1);
        let cases: [(&[u8], Dialect, &str); 7] = [
            (
                b"\x82\x05\x00\x01\x00\x01a",
                v3,
                "Subscription Options: missing   <- ",
            ),
            (b"\x82\x02\x00\x01", v3, "Topic Filter: missing   <- "),
            (
                b"\x80\x06\x00\x01\x00\x01a\x00",
                v3,
                "Flags (reserved): 0   <- ",
            ),
            (b"\x38\x03\x00\x01a", v3, "DUP: set   <- "),
            (b"\x30\x03\x00\x01+", v3, "Content: \"+\"   <- "),
            (
                b"\x82\x07\x00\x01\x00\x00\x01a\x30",
                v5,
                "Retain Handling: 3 (does not exist)   <- ",
            ),
            (b"\x30\x07\x00\x01a\x03\x23\x00\x00", v5, "Value: 0   <- "),
        ];
        for (bytes, dialect, mark) in cases {
            let report = all_reports(bytes, Some(dialect.version()), Some(dialect.sender()));
            assert!(report.contains(mark), "{mark}: {report}");
        }
    }
}
