//! Measures sending a PUBLISH of 64 KiB without copying its payload, as one packet and as one of
//! the copies for many subscribers, and compares both with encoding the whole packet.
//!
//! `cargo bench --bench publish`.

use std::hint::black_box;
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use criterion::{Criterion, criterion_group, criterion_main};
use mqtt_wire::fanout::{Envelope, SharedPublish};
use mqtt_wire::stream::PublishHead;
use mqtt_wire::{
    Delivery, Dialect, Packet, PacketId, Properties, Property, Publish, SubscriptionId, TopicName,
    Utf8Str, Version,
};

fn publish(criterion: &mut Criterion) {
    let payload = Bytes::from(vec![b'x'; 64 << 10]);
    let topic_name = TopicName::new("building/7/floor/3/t").unwrap();
    let text = |text| Utf8Str::new(text).unwrap();
    let properties = [
        Property::ContentType(text("application/json")),
        Property::MessageExpiryInterval(600),
        Property::UserProperty(text("trace"), text("4bf92f3577b34da6")),
    ];
    let subscription_ids = [SubscriptionId::new(4711).unwrap()];
    for version in [Version::V3_1_1, Version::V5] {
        let dialect = Dialect::from_server(version);
        let mut envelope = Envelope::new(dialect);
        let packet_id = PacketId::new(4711).unwrap();
        envelope.delivery = Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        };
        let mut message = Publish::new(topic_name, &payload);
        message.delivery = envelope.delivery;
        if version == Version::V5 {
            envelope.subscription_ids = &subscription_ids;
            message.properties = Properties::new(&properties);
        }
        let mut group = criterion.benchmark_group(format!("PUBLISH 64 KiB, {version}"));

        let mut buffer = vec![0; 66_000];
        let packet = Packet::from(message);
        group.bench_function("encoded with a copy", |bencher| {
            bencher.iter(|| black_box(&packet).encode_to_slice(dialect, black_box(&mut buffer)));
        });
        let head = PublishHead::from(message);
        group.bench_function("head, vectored", |bencher| {
            bencher.iter(|| {
                let length = black_box(&head).encode_to_slice(dialect, &mut buffer);
                let head = &buffer[..length.unwrap()];
                black_box([IoSlice::new(head), IoSlice::new(&payload)]);
            });
        });
        let shared = SharedPublish::new(topic_name, message.properties, payload.clone()).unwrap();
        group.bench_function("copy for a subscriber, vectored", |bencher| {
            bencher.iter(|| {
                let copy = black_box(&shared).copy_for(black_box(envelope)).unwrap();
                let mut slices = [IoSlice::new(&[]); 5];
                black_box(copy.chunks_vectored(&mut slices));
                black_box(slices);
            });
        });
    }
}

criterion_group!(benches, publish);
criterion_main!(benches);
