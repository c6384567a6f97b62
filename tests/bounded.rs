//! Memory use depends on the bytes received, never on a length that a peer announced.
#![cfg(feature = "bytes")]

#[path = "it/invariants/mod.rs"]
mod invariants;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use invariants::{Start, dialects, frame};
use mqtt_wire::monitor::{Exchange, Monitor};
use mqtt_wire::stream::{Part, StreamDecoder, StreamLimits};
use mqtt_wire::{
    Ack, Delivery, Dialect, FrameDecoder, Limits, NextFrame, Packet, PacketId, Publish, Sender,
    TopicName, Version,
};

const NO_LIMITS: Limits = Limits::DEFAULT
    .with_packet(u32::MAX)
    .with_first_packet(u32::MAX);

fn starts() -> impl Iterator<Item = (Start, u8)> {
    let publish = dialects().map(|dialect| (Start::In(dialect), 0x30));
    publish.chain([(Start::Accept, 0x10)])
}

#[test]
fn an_announced_length_of_256_mb_allocates_nothing() {
    for (start, first_byte) in starts() {
        let (decoder, most) = most_held(|| {
            let mut decoder = start.decoder(NO_LIMITS);
            decoder.extend(&[first_byte, 0xff, 0xff, 0xff, 0x7f]);
            let framed = decoder.next_frame();
            assert!(matches!(framed, Ok(NextFrame::NeedMore(more)) if more.get() == 268_435_455));
            decoder
        });
        assert!(most <= 64, "{most} bytes");
        drop(decoder);
    }
}

#[test]
fn ten_thousand_announced_lengths_hold_less_than_one_mb() {
    let (decoders, most) = most_held(|| {
        let mut decoders = Vec::with_capacity(10_000);
        for _ in 0..10_000 {
            let mut decoder = FrameDecoder::accept(NO_LIMITS);
            decoder.extend(b"\x10\xff\xff\xff\x7f");
            assert!(decoder.next_frame().is_ok());
            decoders.push(decoder);
        }
        decoders
    });
    let buffers = most - decoders.capacity() * size_of::<FrameDecoder>();
    assert!(buffers < 1 << 20, "{buffers} bytes");
}

#[test]
fn lengths_inside_a_packet_allocate_nothing() {
    let announced: [(&[u8], u8); 4] = [
        // a Property Length of 256 MB, a topic, a client identifier and a property of 64 kB
        (b"\0\x01t\xff\xff\xff\x7f", 0x30),
        (b"\xff\xfft", 0x30),
        (b"\0\x04MQTT\x05\x02\0\0\0\xff\xffc", 0x10),
        (b"\0\x01t\x05\x26\xff\xffab", 0x30),
    ];
    for (body, first_byte) in announced {
        let packet = frame(first_byte, body);
        let (error, most) = most_held(|| {
            let dialect = Dialect::from_client(Version::V5);
            Packet::decode(&packet, dialect).unwrap_err()
        });
        assert_eq!(most, 0, "{error}");
    }
}

#[test]
fn memory_for_a_packet_is_bounded_by_its_limit() {
    for (start, first_byte) in starts() {
        let limit = match start {
            Start::In(_) => 1 << 20,
            Start::Accept => 64 << 10,
        };
        // in small pieces, all but the last byte of the largest packet
        let largest = frame(first_byte, &vec![0; limit - 4]);
        assert_eq!(largest.len(), limit);
        let (_, most) = most_held(|| {
            let mut decoder = start.decoder(Limits::default());
            for piece in largest[..limit - 1].chunks(50) {
                decoder.extend(piece);
                assert!(matches!(decoder.next_frame(), Ok(NextFrame::NeedMore(_))));
            }
        });
        // a growing buffer is sometimes copied
        assert!(most <= 2 * limit + limit, "{most} bytes");

        let too_large = frame(first_byte, &vec![0; limit - 3]);
        let (_, most) = most_held(|| {
            let mut decoder = start.decoder(Limits::default());
            decoder.extend(&too_large[..5]);
            assert!(decoder.next_frame().is_err());
        });
        assert!(most <= 64, "{most} bytes");
    }
}

#[test]
fn a_failed_decoder_stays_failed_and_buffers_nothing_more() {
    for (start, first_byte) in starts() {
        let before = HELD.get();
        let mut decoder = start.decoder(Limits::default());
        decoder.extend(&[first_byte, 0xff, 0xff, 0xff, 0xff]);
        let error = decoder.next_frame().unwrap_err();
        let (_, most) = most_held(|| {
            for _ in 0..1_000 {
                decoder.extend(&[0; 1_000]);
                assert_eq!(decoder.next_frame(), Err(error));
            }
        });
        assert_eq!(most, 0, "{error}");
        let left = std::mem::take(decoder.buffer_mut());
        assert_eq!(left, [first_byte, 0xff, 0xff, 0xff, 0xff][..]);
        drop(left);
        assert_eq!(HELD.get(), before);
        assert_eq!(decoder.next_frame(), Err(error));
    }
}

#[test]
fn a_failed_stream_decoder_buffers_nothing_more() {
    let limits = StreamLimits::new(100, u32::MAX);
    let mut decoder = StreamDecoder::accept(limits);
    decoder.extend(b"\x10\xff\xff\xff\xff");
    let error = decoder.next_part().unwrap_err();
    let (_, most) = most_held(|| {
        decoder.extend(&[0; 1_000]);
        assert_eq!(decoder.next_part(), Err(error));
    });
    assert_eq!(most, 0);
    assert_eq!(decoder.buffer_mut().len(), 5);
}

#[test]
fn a_publish_of_256_mb_streams_through_a_small_buffer() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let limits = StreamLimits::new(100, u32::MAX);
    let payload = [0; 4_096];
    let (_, most) = most_held(|| {
        let mut decoder = StreamDecoder::new(dialect, limits);
        decoder.extend(b"\x30\xff\xff\xff\x7f\0\x01t");
        assert!(matches!(decoder.next_part(), Ok(Part::Head(_))));
        for _ in 0..1_000 {
            decoder.extend(&payload);
            let part = decoder.next_part();
            assert!(matches!(part, Ok(Part::Payload { chunk, .. }) if chunk.len() == 4_096));
        }
    });
    assert!(most <= 3 * payload.len(), "{most} bytes");
}

#[test]
fn an_endless_stream_is_held_one_packet_at_a_time() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let packet = frame(0x30, &[&b"\0\x01t"[..], &[0; 995]].concat());
    for size in [1, 7, 999, 5_000] {
        let stream = packet.repeat(200);
        let (frames, most) = most_held(|| {
            let mut decoder = FrameDecoder::new(dialect, Limits::default());
            let mut frames = 0;
            for piece in stream.chunks(size) {
                decoder.extend(piece);
                while let NextFrame::Frame(_) = decoder.next_frame().unwrap() {
                    frames += 1;
                }
            }
            frames
        });
        assert_eq!(frames, 200);
        assert!(most <= 8 * (packet.len() + size), "{size}: {most} bytes");
    }
}

#[test]
fn a_monitor_holds_one_entry_for_each_identifier_in_use() {
    const EVERY: usize = 400;
    let topic = TopicName::new("t").unwrap();
    let ids = || {
        (1..=u16::MAX)
            .step_by(EVERY)
            .map(|id| PacketId::new(id).unwrap())
    };
    let (_, most) = most_held(|| {
        let mut monitor = Monitor::new();
        let mut breaches = 0;
        let mut send = |sender, packet: Packet<'_>| {
            let dialect = Dialect::new(Version::V3_1_1, sender);
            let length = packet.encoded_len(dialect).unwrap();
            monitor.observe(dialect, &packet, length, |_| breaches += 1);
        };
        // repeated messages, and answers to nothing
        for _ in 0..3 {
            for sender in [Sender::Client, Sender::Server] {
                for packet_id in ids() {
                    let mut publish = Publish::new(topic, b"");
                    publish.delivery = Delivery::ExactlyOnce {
                        packet_id,
                        dup: false,
                    };
                    send(sender, publish.into());
                    send(sender, Packet::PubComp(Ack::new(packet_id)));
                }
            }
        }
        assert!(breaches > 0);
    });
    let entries = 2 * ids().count();
    // a growing list has room for twice its items, and is sometimes copied
    assert!(most <= 3 * entries * size_of::<Exchange>(), "{most} bytes");
}

#[test]
fn the_allocator_counts() {
    let (_, most) = most_held(|| {
        drop(std::hint::black_box(vec![0_u8; 300]));
        std::hint::black_box(vec![0_u8; 200])
    });
    assert_eq!(most, 300);
}

// ---- counting ------------------------------------------------------------------------------

struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as isize);
        MOST.set(MOST.get().max(HELD.get()));
        // SAFETY: the caller keeps this contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: the caller keeps this contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and returns by how many bytes the memory of this thread grew at most.
fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    (result, (MOST.get() - before) as usize)
}
