//! Splits any stream in any pieces. The frames and the error must be those of the whole stream,
//! also for large PUBLISH packets in parts. The packets that a decoder lends must be those of the frames.
//!
//! The first byte selects the decoder's dialect, the second the limits, the third the pieces; the
//! rest is the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::Limits;
use mqtt_wire::stream::StreamLimits;

use invariants::{Start, dialects, error_is_complete};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;

fuzz_target!(|input: &[u8]| {
    let [start, limit, pieces, stream @ ..] = input else {
        return;
    };
    let start = match dialects().nth(usize::from(start % 7)) {
        Some(dialect) => Start::In(dialect),
        None => Start::Accept,
    };
    let limits = match limit {
        0..128 => Limits::default(),
        128..192 => Limits::default()
            .with_packet(u32::MAX)
            .with_first_packet(u32::MAX),
        &limit => Limits::default()
            .with_packet(limit.into())
            .with_first_packet(u32::from(limit) / 2),
    };
    let whole = start.take_apart_whole(limits, stream);
    if let Err(error) = &whole.ending {
        error_is_complete(error, &whole.left, whole.dialect);
    }
    assert_eq!(start.take_apart(limits, cut(stream, *pieces)), whole);
    start.lends_what_frames_hold(limits, cut(stream, *pieces));
    start.need_more_is_exact(limits, stream);
    if let Start::In(dialect) = start {
        let whole = u32::from(*pieces);
        let publish = limits.packet;
        invariants::stream::parts_match_whole_packets(
            stream,
            dialect,
            StreamLimits::new(whole, publish),
        );
    }
});

/// Cuts the stream into pieces whose lengths `seed` determines: single bytes for 0.
fn cut(mut stream: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    std::iter::from_fn(move || {
        state = state.wrapping_mul(0x915f_77f5);
        let length = 1 + (state >> 24) as usize % 40;
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        stream = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
