//! An input of sixteen times the length takes about as long as sixteen inputs.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::invariants::frame;
use mqtt_wire::{
    Dialect, FrameDecoder, Limits, NextFrame, Packet, TopicFilter, TopicName, Version,
};

const TIMES: usize = 16;
/// The ratio is 1 for linear time and 16 for quadratic time.
const LIMIT: u32 = 5;

fn is_linear(what: &str, small: usize, run: impl Fn(&[u8]), input: impl Fn(usize) -> Vec<u8>) {
    // one test at a time
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock();

    let (small, large) = (input(small), input(small * TIMES));
    let time = |run: &dyn Fn()| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    // other programs use the machine too, so the shortest of several times counts
    let (mut many, mut one) = (Duration::MAX, Duration::MAX);
    for _ in 0..9 {
        many = many.min(time(&|| (0..TIMES).for_each(|_| run(&small))));
        one = one.min(time(&|| run(&large)));
    }
    assert!(one < many * LIMIT, "{what}: {many:?}, {one:?}");
}

fn decode_all(dialect: Dialect) -> impl Fn(&[u8]) {
    move |bytes| {
        let packet = Packet::decode(bytes, dialect).unwrap();
        black_box(packet.encoded_len(dialect).unwrap());
        let Packet::Publish(publish) = packet else {
            return;
        };
        black_box(publish.properties.len());
        let levels = publish.topic_name.iter().flat_map(TopicName::levels);
        black_box(levels.count());
    }
}

#[test]
fn many_properties_take_linear_time() {
    let dialect = Dialect::from_server(Version::V5);
    is_linear("properties", 500, decode_all(dialect), |count| {
        // the Property Length has the form of a Remaining Length
        let block = frame(0, &b"\x26\0\x01a\0\x01b".repeat(count));
        frame(0x30, &[b"\0\x01t", &block[1..]].concat())
    });
}

#[test]
fn many_topic_levels_take_linear_time() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    is_linear("levels", 4_000, decode_all(dialect), |count| {
        let length = (count as u16).to_be_bytes();
        frame(0x30, &[&length[..], &vec![b'/'; count]].concat())
    });
    let make = |bytes: &[u8]| {
        let filter = TopicFilter::new(std::str::from_utf8(bytes).unwrap()).unwrap();
        black_box((filter.levels().count(), filter.has_wildcard()));
    };
    is_linear("wildcards", 2_000, make, |count| {
        [&b"+/".repeat(count - 1)[..], b"#"].concat()
    });
}

#[test]
fn many_subscriptions_take_linear_time() {
    let dialect = Dialect::from_client(Version::V5);
    is_linear("subscriptions", 500, decode_all(dialect), |count| {
        frame(
            0x82,
            &[b"\0\x01\0", &b"\0\x03a/+\0".repeat(count)[..]].concat(),
        )
    });
}

#[test]
fn many_packets_in_pieces_take_linear_time() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    for piece in [1, 100, usize::MAX] {
        let run = |bytes: &[u8]| {
            let mut decoder = FrameDecoder::new(dialect, Limits::default());
            let mut frames = 0;
            for piece in bytes.chunks(piece.min(bytes.len())) {
                decoder.extend(piece);
                while let NextFrame::Frame(frame) = decoder.next_frame().unwrap() {
                    black_box(frame.decode(dialect).unwrap());
                    frames += 1;
                }
            }
            assert_eq!(frames * 7, bytes.len());
        };
        is_linear("packets", 500, run, |count| {
            b"\x30\x05\0\x01tab".repeat(count)
        });
    }
}

#[test]
fn one_large_packet_byte_by_byte_takes_linear_time() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let run = |bytes: &[u8]| {
        let mut decoder = FrameDecoder::new(dialect, Limits::default());
        for byte in bytes {
            assert!(!matches!(decoder.next_frame(), Ok(NextFrame::Frame(_))));
            decoder.extend(&[*byte]);
        }
        assert!(matches!(decoder.next_frame(), Ok(NextFrame::Frame(_))));
    };
    is_linear("payload", 4_000, run, |count| {
        frame(0x30, &[b"\0\x01t", &vec![0; count][..]].concat())
    });
}

#[test]
#[should_panic(expected = "count to every place")]
fn quadratic_time_is_noticed() {
    let run = |bytes: &[u8]| {
        let to = |end| bytes.iter().take(end).filter(|byte| **byte == 0).count();
        black_box((0..bytes.len()).map(to).sum::<usize>());
    };
    is_linear("count to every place", 200, run, |count| vec![0; count]);
}
