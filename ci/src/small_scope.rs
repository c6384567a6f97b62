//! Tries every short input in each dialect: nothing panics, framing and decoding agree, and the laws of
//! `tests/it/invariants/canonical.rs` hold. An accepted packet is encoded again in its canonical form, each other form of it is
//! accepted, and no two canonical forms decode to equal packets. A decoder that gets an accepted packet in two pieces returns
//! the same packet.
//!
//! 1. Every string of up to three bytes.
//! 2. Every packet of up to nine bytes with any fixed header and other bytes from `ALPHABET`.
//! 3. Every CONNECT with any Connect Flags and up to six bytes from `ALPHABET` after its Keep Alive.
//!
//! Prints the first wrong case and exits with status 101.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mqtt_wire::{Dialect, FrameDecoder, FrameRef, Limits, NextFrame, Packet, Sender, Version};

#[allow(dead_code)] // the tests use the rest
#[path = "../../tests/it/invariants/canonical.rs"]
mod canonical;

use canonical::LIBRARY;

/// Lengths, counts, flags and options; the identifiers of a property of one byte, of text and of a pair; bytes that end
/// a number and that do not; a wildcard, a separator, and a byte that is invalid UTF-8.
const ALPHABET: [u8; 8] = [0x00, 0x01, 0x02, 0x1f, 0x26, b'+', b'/', 0x80];

static CASES: AtomicU64 = AtomicU64::new(0);
static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static CANONICAL: AtomicU64 = AtomicU64::new(0);

fn main() {
    assert!(
        two_forms(&mut vec![(7, 1), (8, 2), (7, 3), (8, 2)])
            && !two_forms(&mut vec![(8, 2), (8, 2)])
    );
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
                        canonical: Vec::new(),
                    };
                    strings(&mut tally);
                    packets(&mut tally);
                    if sender == Sender::Client {
                        connects(&mut tally);
                    }
                    assert!(
                        !two_forms(&mut tally.canonical),
                        "{dialect:?}: one packet with two canonical forms"
                    );
                    let canonical = tally.canonical.len() as u64;
                    CASES.fetch_add(tally.cases, Ordering::Relaxed);
                    ACCEPTED.fetch_add(tally.accepted, Ordering::Relaxed);
                    CANONICAL.fetch_add(canonical, Ordering::Relaxed);
                });
            }
        }
    });
    let [cases, accepted, canonical] =
        [&CASES, &ACCEPTED, &CANONICAL].map(|it| it.load(Ordering::Relaxed));
    println!(
        "small scope: {cases} inputs, {accepted} accepted, no wrong verdict; {canonical} packets, each with one canonical form"
    );
    assert!(canonical > 0 && accepted > canonical && cases > accepted);
}

/// Finds two canonical forms of equal packets. Sorts the list, and removes inputs that were tried twice.
fn two_forms(canonical: &mut Vec<(u64, u64)>) -> bool {
    canonical.sort_unstable();
    canonical.dedup();
    canonical.windows(2).any(|pair| pair[0].0 == pair[1].0)
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
    /// The hashes of each packet and of its canonical form.
    canonical: Vec<(u64, u64)>,
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
            self.check_laws(bytes, &packet);
        }
    }

    fn check_laws(&mut self, bytes: &[u8], packet: &Packet<'_>) {
        let dialect = self.dialect;
        canonical::reencoding_is_canonical(LIBRARY, bytes, dialect).unwrap();
        canonical::other_forms_are_accepted(LIBRARY, bytes, dialect).unwrap();
        if canonical::canonical_form(bytes, dialect) == bytes {
            self.canonical.push((hash_of(packet), hash_of(bytes)));
        }
        for place in 1..bytes.len() {
            let mut decoder = FrameDecoder::new(dialect, Limits::DEFAULT);
            decoder.extend(&bytes[..place]);
            assert_eq!(
                decoder.next_packet(),
                Ok(None),
                "{dialect:?} {bytes:02x?}: decoded after {place} bytes"
            );
            decoder.extend(&bytes[place..]);
            assert_eq!(
                decoder.next_packet(),
                Ok(Some(*packet)),
                "{dialect:?} {bytes:02x?}: another packet if cut after {place} bytes"
            );
        }
    }
}

/// Two of the hashes of some million packets are equal with a probability below one in a million.
fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
