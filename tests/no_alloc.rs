//! Decoding a packet, reading all its fields, measuring and encoding it do not allocate.
#![cfg(feature = "bytes")]

#[path = "it/invariants/mod.rs"]
mod invariants;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use arbitrary::Unstructured;
use invariants::{dialects, noise};
use mqtt_wire::will::WillTerms;
use mqtt_wire::{
    ConnAck, Delivery, Dialect, FrameRef, NextFrame, Packet, PacketId, PacketType, Properties,
    ReasonCode, TopicName,
};
use mqtt_wire_testkit as model;

#[test]
fn decoding_and_encoding_do_not_allocate() {
    for dialect in dialects() {
        let sent = PacketType::ALL.into_iter();
        for packet_type in sent.filter(|it| it.is_sent_in(dialect)) {
            let mut items = 0;
            for seed in 0..60 {
                let noise = noise(seed);
                let mut input = Unstructured::new(&noise);
                let packet = model::Packet::valid_of(packet_type, dialect, &mut input);
                let bytes = packet.encode(dialect).unwrap();
                let mut buffer = vec![0; bytes.len()];
                let (read, allocations) =
                    count_allocations(|| use_all(&bytes, dialect, &mut buffer));
                assert_eq!(allocations, 0, "{dialect:?}: {packet_type}");
                assert_eq!(buffer, bytes);
                items += read;
            }
            assert!(
                items > 200 || !has_lists(packet_type, dialect),
                "{items}: too poor to tell"
            );
        }
    }
}

#[test]
fn rejecting_does_not_allocate() {
    for dialect in dialects() {
        for seed in 0..60 {
            let noise = noise(seed);
            let mut input = Unstructured::new(&noise);
            let packet = model::Packet::valid(dialect, &mut input);
            let mut bytes = packet.encode(dialect).unwrap();
            bytes.push(0);
            let (error, allocations) = count_allocations(|| {
                let error = Packet::decode(&bytes, dialect).unwrap_err();
                black_box((error.statement(), error.reason_code(), error.reply()));
                error
            });
            assert_eq!(allocations, 0, "{error}");
        }
    }
}

#[test]
fn streaming_and_forwarding_do_not_allocate() {
    use mqtt_wire::fanout::{Envelope, Forward, SharedPublish};
    use mqtt_wire::stream::{Part, Splitter, StreamLimits};
    use mqtt_wire::{SubscriptionId, Version};

    let bytes = b"\x30\x1c\x00\x03a/b\x0c\x02\x00\x00\x00\x3c\x26\x00\x01k\x00\x01vtwo words";
    let from = Dialect::from_client(Version::V5);
    let limits = StreamLimits::new(20, 1 << 20);
    let ids = [SubscriptionId::new(268_435_455).unwrap(); 4];
    let mut envelope = Envelope::new(Dialect::from_server(Version::V5));
    envelope.subscription_ids = &ids;
    envelope.waited = 7;
    let mut buffer = [0; 64];

    let (head, allocations) = count_allocations(|| {
        let mut splitter = Splitter::new(from, limits);
        let Ok(Part::Head(head)) = splitter.next_part(&mut &bytes[..]) else {
            panic!("no head");
        };
        let head = head.decode(from).unwrap();
        let topic_name = head.topic_name.unwrap();
        let forward = Forward::new(topic_name, head.properties, head.payload_len, envelope);
        black_box(forward.unwrap().encode_to_slice(&mut buffer).unwrap());
        black_box(head.encode_to_slice(from, &mut buffer).unwrap());
        head
    });
    assert_eq!(allocations, 0);

    let payload = bytes::Bytes::from(b"two words".to_vec());
    let shared = SharedPublish::new(head.topic_name.unwrap(), head.properties, payload).unwrap();
    drop(shared.clone()); // `Bytes` made from a `Vec` allocate at their first clone
    let (copy, allocations) = count_allocations(|| shared.copy_for(envelope).unwrap());
    assert_eq!(allocations, 0);
    let ids = [ids[0]; 6];
    envelope.subscription_ids = &ids;
    let (larger, allocations) = count_allocations(|| shared.copy_for(envelope).unwrap());
    assert!(allocations > 0);
    assert_eq!(
        larger.chunks().concat().len(),
        copy.chunks().concat().len() + 10
    );

    envelope.delivery = Delivery::AtLeastOnce {
        packet_id: PacketId::MIN,
        dup: false,
    };
    let copies = shared.copies(envelope).unwrap();
    let mut room = bytes::BytesMut::with_capacity(2 * copies.encoded_len());
    let (appended, allocations) = count_allocations(|| {
        copies.append(&mut room);
        copies.append_with_id(PacketId::MIN.next(), true, &mut room)
    });
    assert_eq!((appended, allocations), (Ok(()), 0));
    assert_eq!(room.len(), 2 * copies.encoded_len());
}

#[test]
fn fitting_does_not_allocate() {
    let dialect = Dialect::from_server(mqtt_wire::Version::V5);
    let bytes = b"\x40\x0e\x00\x01\x97\x0a\x1f\x00\x07no more";
    let packet = Packet::decode(bytes, dialect).unwrap();
    let mut buffer = [0; 16];
    let (length, allocations) = count_allocations(|| {
        let fit = packet.fit(dialect, 15).unwrap();
        fit.encode_to_slice(dialect, &mut buffer).unwrap()
    });
    assert_eq!((length, allocations), (5, 0));
}

#[cfg(feature = "embedded-io-async")]
#[test]
fn reading_and_writing_over_embedded_io_does_not_allocate() {
    use mqtt_wire::{PacketReader, PacketWriter};
    use std::task::{Context, Poll, Waker};

    let dialect = Dialect::from_client(mqtt_wire::Version::V3_1_1);
    let bytes = b"\x30\x0a\x00\x03a/bhello\xc0\x00";
    let (mut received, mut sent, mut written) = ([0; 12], [0; 12], [0; 14]);
    let ((), allocations) = count_allocations(|| {
        let mut reader = PacketReader::new(&bytes[..], &mut received, dialect);
        let mut writer = PacketWriter::new(&mut written[..], &mut sent, dialect);
        let work = std::pin::pin!(async {
            while let Some(packet) = reader.next_packet().await.unwrap() {
                writer.write(packet).await.unwrap();
            }
        });
        assert_eq!(
            work.poll(&mut Context::from_waker(Waker::noop())),
            Poll::Ready(())
        );
    });
    assert_eq!((allocations, &written), (0, bytes));
}

#[test]
fn the_allocator_counts() {
    assert_eq!(count_allocations(|| black_box(vec![0_u8; 8]).len()), (8, 1));
}

/// Decodes a packet, reads and encodes it; returns the number of items in its lists.
fn use_all(bytes: &[u8], dialect: Dialect, buffer: &mut [u8]) -> usize {
    let Ok(NextFrame::Frame(frame)) = FrameRef::split(bytes, dialect, u32::MAX) else {
        return 0;
    };
    let Ok(packet) = frame.decode(dialect) else {
        return 0;
    };
    let items = walk(&packet);
    let copy = black_box(packet);
    assert!(copy == packet);
    let _ = black_box(packet.encoded_len(dialect));
    let _ = black_box(packet.encode_to_slice(dialect, buffer));
    items
}

fn walk(packet: &Packet<'_>) -> usize {
    let properties = |properties: Properties<'_>| {
        let users = properties.user_properties().count();
        black_box(users) + properties.iter().map(black_box).count()
    };
    match packet {
        Packet::Connect(connect) => {
            let will = connect.will.map_or(0, |will| {
                let publish = will.to_publish(Delivery::AtMostOnce);
                properties(publish.properties) + properties(will.properties)
            });
            black_box(WillTerms::new(connect, &ConnAck::new(ReasonCode::Success)));
            will + properties(connect.properties)
        }
        Packet::ConnAck(connack) => properties(connack.properties),
        Packet::Publish(publish) => {
            black_box(publish.topic_name.map(|topic| topic.levels().count()));
            properties(publish.properties)
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            properties(ack.properties)
        }
        Packet::Subscribe(subscribe) => {
            let subscriptions = subscribe.subscriptions.iter();
            let topic = TopicName::new("a/b").unwrap();
            let matched = subscriptions.map(|subscription| subscription.filter.matches(topic));
            matched.map(black_box).count() + properties(subscribe.properties)
        }
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => {
            suback.reason_codes.iter().map(black_box).count() + properties(suback.properties)
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.topic_filters.iter();
            filters.map(black_box).count() + properties(unsubscribe.properties)
        }
        Packet::PingReq | Packet::PingResp => 0,
        Packet::Disconnect(disconnect) => properties(disconnect.properties),
        Packet::Auth(auth) => properties(auth.properties),
    }
}

fn has_lists(packet_type: PacketType, dialect: Dialect) -> bool {
    use PacketType as T;
    match packet_type {
        T::PingReq | T::PingResp => false,
        T::Subscribe | T::SubAck | T::Unsubscribe => true,
        _ => dialect.version() == mqtt_wire::Version::V5,
    }
}

// ---- counting ------------------------------------------------------------------------------

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps this contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps this contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and counts the allocations of this thread.
fn count_allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.get();
    let result = work();
    (result, ALLOCATIONS.get() - before)
}
