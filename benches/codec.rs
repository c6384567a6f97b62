//! Measures decoding (all checks, all lists read) and encoding of every packet type, with
//! throughput.
//!
//! `cargo bench --bench codec`, or with a part of a name at the end: `... -- decode/PUBLISH`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mqtt_wire::Version;
use packets::{decode_and_walk, packets};

#[path = "packets/mod.rs"]
mod packets;

fn codec(criterion: &mut Criterion) {
    for version in [Version::V3_1_1, Version::V5] {
        packets(version, |name, packet, dialect| {
            let mut bytes = vec![0; packet.encoded_len(dialect).unwrap()];
            packet.encode_to_slice(dialect, &mut bytes).unwrap();
            let throughput = Throughput::Bytes(bytes.len() as u64);

            let mut decode = criterion.benchmark_group(format!("decode/{name}"));
            decode.throughput(throughput.clone());
            decode.bench_function(format!("{version}"), |bencher| {
                bencher.iter(|| decode_and_walk(black_box(&bytes), dialect));
            });
            decode.finish();

            let mut encode = criterion.benchmark_group(format!("encode/{name}"));
            encode.throughput(throughput);
            encode.bench_function(format!("{version}"), |bencher| {
                bencher.iter(|| black_box(packet).encode_to_slice(dialect, black_box(&mut bytes)));
            });
            encode.finish();
        });
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
