//! Counts the instructions that decoding and encoding each kind of packet takes, and compares them with the baseline.

use std::hint::black_box;

use bytes::BytesMut;
use mqtt_wire::{Dialect, Frame, FrameRef, NextFrame, Packet, Version};

use crate::baseline::Baseline;
use crate::packets::{decode_and_walk, packets};
use crate::{Result, callgrind};

const BASELINE: Baseline = Baseline {
    name: "instructions",
    title: "Instructions for each packet",
};

pub fn check(update: bool) -> Result {
    let counts = callgrind::count("instructions")?;
    // The difference is the work without its surroundings.
    let for_each_packet = counts.into_iter().map(|count| {
        let instructions = (count.large - count.small) / TIMES as u64;
        (count.name, instructions)
    });
    BASELINE.check(&for_each_packet.collect::<Vec<_>>(), update)
}

const TIMES: usize = 100;

/// Larger packets are not encoded: callgrind counts a `rep movsb` as one instruction for each byte.
const LARGE: usize = 4096;

/// The number of instructions of a copy depends on where in a page the bytes are.
#[repr(align(4096))]
struct Pages([u8; 1 << 17]);

/// Decodes and encodes each kind of packet `TIMES` times and then twice as often, and prints a name for both.
pub fn workload() -> Result {
    let (mut wire, mut room) = (Pages([0; 1 << 17]), Pages([0; 1 << 17]));
    for version in [Version::V3_1_1, Version::V5] {
        packets(version, |name, packet, dialect| {
            let length = packet.encode_to_slice(dialect, &mut wire.0).unwrap();
            let bytes = &wire.0[..length];
            let name = format!("{name}, {version}");
            count(&format!("decode {name}"), || {
                black_box(decode_and_walk(black_box(bytes), dialect));
            });
            if bytes.len() > LARGE {
                return;
            }
            count(&format!("encode {name}"), || {
                let room = black_box(&mut room.0[..]);
                black_box(black_box(&packet).encode_to_slice(dialect, room)).unwrap();
            });
            if name.starts_with("PUBLISH") || name.starts_with("SUBSCRIBE") {
                let decoded = Packet::decode(bytes, dialect).unwrap();
                count(&format!("encode again {name}"), || {
                    let room = black_box(&mut room.0[..]);
                    black_box(black_box(&decoded).encode_to_slice(dialect, room)).unwrap();
                });
                frames(&name, bytes, dialect);
            }
        });
    }
    Ok(())
}

/// A buffer of equal packets: counts framing alone, and splitting off a frame and decoding it.
fn frames(name: &str, packet: &[u8], dialect: Dialect) {
    let stream = packet.repeat(1 + 3 * TIMES);
    let mut rest = &stream[..];
    count(&format!("frame {name}"), || {
        let Ok(NextFrame::Frame(frame)) = FrameRef::split(black_box(rest), dialect, u32::MAX)
        else {
            panic!("encoded before");
        };
        rest = &rest[frame.bytes().len()..];
    });
    let mut buffer = BytesMut::from(&stream[..]);
    count(&format!("take and decode {name}"), || {
        let Ok(NextFrame::Frame(frame)) = Frame::split(&mut buffer, dialect, u32::MAX) else {
            panic!("encoded before");
        };
        black_box(black_box(&frame).decode(dialect)).unwrap();
    });
}

fn count(name: &str, mut work: impl FnMut()) {
    println!("{name}");
    work(); // one-time work
    callgrind::measure(TIMES, &mut work);
    callgrind::measure(2 * TIMES, &mut work);
}
