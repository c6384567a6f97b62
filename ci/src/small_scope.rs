//! Tries every short input in each dialect: nothing panics, framing and decoding agree, and an accepted packet is encoded
//! again in no more bytes and is equal.
//!
//! 1. Every string of up to three bytes.
//! 2. Every packet of up to nine bytes with any fixed header and other bytes from `ALPHABET`.
//! 3. Every CONNECT with any Connect Flags and up to six bytes from `ALPHABET` after its Keep Alive.
//!
//! Prints the first wrong case and exits with status 101.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mqtt_wire::{Dialect, FrameRef, NextFrame, Packet, Sender, Version};

/// Lengths, counts, flags and options; the identifiers of a property of one byte, of text and of a pair; bytes that end
/// a number and that do not; a wildcard, a separator, and a byte that is invalid UTF-8.
const ALPHABET: [u8; 8] = [0x00, 0x01, 0x02, 0x1f, 0x26, b'+', b'/', 0x80];

static CASES: AtomicU64 = AtomicU64::new(0);
static ACCEPTED: AtomicU64 = AtomicU64::new(0);

fn main() {
    // one thread for each dialect
    thread::scope(|scope| {
        for version in Version::ALL {
            for sender in [Sender::Client, Sender::Server] {
                let dialect = Dialect::new(version, sender);
                scope.spawn(move || {
                    let mut tally = Tally {
                        dialect,
                        cases: 0,
                        accepted: 0,
                    };
                    strings(&mut tally);
                    packets(&mut tally);
                    if sender == Sender::Client {
                        connects(&mut tally);
                    }
                    CASES.fetch_add(tally.cases, Ordering::Relaxed);
                    ACCEPTED.fetch_add(tally.accepted, Ordering::Relaxed);
                });
            }
        }
    });
    let (cases, accepted) = (
        CASES.load(Ordering::Relaxed),
        ACCEPTED.load(Ordering::Relaxed),
    );
    println!("small scope: {cases} inputs, {accepted} accepted, no wrong verdict");
    assert!(accepted > 0 && cases > accepted);
}

fn strings(tally: &mut Tally) {
    tally.judge(&[]);
    for first in 0..=255 {
        tally.judge(&[first]);
        for second in 0..=255 {
            tally.judge(&[first, second]);
            for third in 0..=255 {
                tally.judge(&[first, second, third]);
            }
        }
    }
}

fn packets(tally: &mut Tally) {
    for first in 0..=255 {
        // if the first byte is rejected, every packet with it is: `strings` has tried it
        if FrameRef::split(&[first], tally.dialect, u32::MAX).is_ok() {
            for length in 0..=7 {
                each_ending(&[first, length], usize::from(length), |bytes| {
                    tally.judge(bytes)
                });
            }
        }
    }
}

fn connects(tally: &mut Tally) {
    let version = tally.dialect.version();
    let name = version.protocol_name().as_bytes();
    for flags in 0..=255 {
        for length in 0..=6 {
            let mut head = vec![0x10, 0, 0, name.len() as u8];
            head.extend_from_slice(name);
            head.extend_from_slice(&[version.protocol_level(), flags, 0, 1]);
            head[1] = (head.len() - 2 + length) as u8;
            each_ending(&head, length, |bytes| tally.judge(bytes));
        }
    }
}

/// Calls `each` with `head` followed by every word of this length.
fn each_ending(head: &[u8], length: usize, mut each: impl FnMut(&[u8])) {
    let mut bytes = [head, &vec![ALPHABET[0]; length]].concat();
    let mut word = vec![0; length];
    loop {
        each(&bytes);
        let Some(place) = word.iter().rposition(|&letter| letter + 1 < ALPHABET.len()) else {
            return;
        };
        word[place] += 1;
        word[place + 1..].fill(0);
        for (byte, &letter) in bytes[head.len()..].iter_mut().zip(&word).skip(place) {
            *byte = ALPHABET[letter];
        }
    }
}

struct Tally {
    dialect: Dialect,
    cases: u64,
    accepted: u64,
}

impl Tally {
    fn judge(&mut self, bytes: &[u8]) {
        self.cases += 1;
        let dialect = self.dialect;
        let decoded = Packet::decode(bytes, dialect);
        match FrameRef::split(bytes, dialect, u32::MAX) {
            Ok(NextFrame::NeedMore(_)) => assert!(
                decoded.is_err(),
                "{dialect:?} {bytes:02x?}: decoded, but incomplete"
            ),
            Ok(NextFrame::Frame(frame)) => {
                let framed = frame.decode(dialect);
                if frame.bytes().len() == bytes.len() {
                    assert_eq!(
                        framed, decoded,
                        "{dialect:?} {bytes:02x?}: decoded from a frame and directly"
                    );
                } else {
                    assert!(
                        decoded.is_err(),
                        "{dialect:?} {bytes:02x?}: decoded with bytes left over"
                    );
                }
            }
            Err(error) => assert_eq!(
                decoded,
                Err(error),
                "{dialect:?} {bytes:02x?}: framing and decoding disagree"
            ),
        }
        if let Ok(packet) = decoded {
            self.accepted += 1;
            let mut again = [0; 64];
            let length = packet
                .encode_to_slice(dialect, &mut again)
                .expect("a decoded packet is encoded");
            assert!(
                length <= bytes.len(),
                "{dialect:?} {bytes:02x?}: longer after encoding"
            );
            assert_eq!(packet.encoded_len(dialect), Ok(length));
            assert_eq!(
                Packet::decode(&again[..length], dialect),
                Ok(packet),
                "{dialect:?} {bytes:02x?}: another packet after encoding"
            );
        }
    }
}
