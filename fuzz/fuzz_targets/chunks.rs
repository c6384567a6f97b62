//! Cuts a stream in every way: once at every position, into pieces of every size, and into pieces
//! of lengths from the input. All decoders must return the same frames, packets and error (with its
//! offset) as for the whole stream, also for a PUBLISH in parts.
//!
//! The first byte selects the decoder's dialect. The second selects how many of the next bytes are
//! lengths of pieces, and above which length a PUBLISH is returned in parts. The rest is the
//! stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::stream::StreamLimits;
use mqtt_wire::{Dialect, Frame, FrameRef, Limits, NextFrame};

use invariants::{Apart, Start, dialects};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;

const LIMITS: Limits = Limits::DEFAULT.with_packet(4096).with_first_packet(2048);

/// Above this length there are too many positions and sizes to try them all.
const SHORT: usize = 200;

fuzz_target!(|input: &[u8]| {
    let [start, lengths, rest @ ..] = input else {
        return;
    };
    let start = match dialects().nth(usize::from(start % 7)) {
        Some(dialect) => Start::In(dialect),
        None => Start::Accept,
    };
    let whole_until = u32::from(*lengths);
    let Some((lengths, stream)) = rest.split_at_checked(usize::from(lengths % 32)) else {
        return;
    };
    let whole = start.take_apart_whole(LIMITS, stream);
    adds_up(&whole, stream);
    takes_the_same_out_of_a_buffer(&whole, stream);

    assert_eq!(start.take_apart(LIMITS, pieces(stream, lengths)), whole);
    if stream.len() <= SHORT {
        for place in 0..=stream.len() {
            let (one, other) = stream.split_at(place);
            assert_eq!(start.take_apart(LIMITS, [one, other]), whole, "at {place}");
        }
        for size in 1..stream.len() {
            let pieces = stream.chunks(size);
            assert_eq!(start.take_apart(LIMITS, pieces), whole, "of {size} bytes");
        }
    }
    if let Start::In(dialect) = start {
        comes_in_parts(stream, dialect, whole_until);
    }
});

fn comes_in_parts(stream: &[u8], dialect: Dialect, whole_until: u32) {
    let limits = StreamLimits::new(whole_until, LIMITS.packet);
    invariants::stream::parts_match_whole_packets(stream, dialect, limits);
    if stream.len() <= SHORT {
        let all = invariants::stream::take_apart(dialect, limits, [stream]);
        for place in 0..=stream.len() {
            let (one, other) = stream.split_at(place);
            let cut = invariants::stream::take_apart(dialect, limits, [one, other]);
            assert_eq!(cut, all, "at {place}");
        }
    }
}

/// Checks that the frames and the rest make up the stream.
fn adds_up(whole: &Apart, stream: &[u8]) {
    let mut rest = stream;
    for frame in &whole.frames {
        let (here, after) = rest.split_at(frame.len());
        assert_eq!(here, frame);
        rest = after;
    }
    assert_eq!(rest, whole.left);
    if let Err(error) = &whole.ending {
        assert!(error.offset() <= whole.left.len(), "{error:?}");
    }
}

/// Checks that `Frame::split` removes the same frames from a buffer, and nothing else.
fn takes_the_same_out_of_a_buffer(whole: &Apart, stream: &[u8]) {
    let Some(dialect) = whole.dialect else {
        return;
    };
    let mut buffer = bytes(stream);
    for frame in &whole.frames {
        match Frame::split(&mut buffer, dialect, u32::MAX) {
            Ok(NextFrame::Frame(taken)) => {
                assert_eq!(taken.bytes()[..], frame[..]);
                let Ok(NextFrame::Frame(lent)) = FrameRef::split(frame, dialect, u32::MAX) else {
                    panic!("a whole frame is not found alone");
                };
                assert_eq!(taken.decode(dialect), lent.decode(dialect));
            }
            // a CONNECT that was framed before its version was known
            Err(_) => return,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(buffer[..], whole.left[..]);
}

fn bytes(stream: &[u8]) -> bytes::BytesMut {
    bytes::BytesMut::from(stream)
}

/// Pieces of these lengths (0 is an empty piece), and then the rest.
fn pieces<'a>(stream: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    let cut = move |length: usize| {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        piece
    };
    let lengths = lengths.iter().map(|&length| usize::from(length));
    lengths.chain([usize::MAX]).map(cut)
}
