//! The integration tests, in one program: it links once, and `cargo test --test it NAME` runs a part of it.
//!
//! Tests that count allocations or collect defmt's output replace something global in their process.
//! They are programs of their own: `tests/no_alloc.rs`, `tests/bounded.rs`, `tests/defmt.rs`.

// Shared helpers. `fixtures` reads `spec-vectors/`; `invariants` checks what holds for every packet; `source` reads `src/`.
mod fixtures;
#[cfg(all(feature = "bytes", feature = "arbitrary"))]
mod invariants;
mod source;

mod connect_flags;
#[cfg(all(feature = "bytes", feature = "arbitrary", feature = "proptest"))]
mod conversations;
#[cfg(all(feature = "bytes", feature = "proptest"))]
mod conversions;
mod coverage;
mod display;
#[cfg(feature = "embedded-io-async")]
mod embedded;
mod encoder;
mod exceptions;
#[cfg(all(feature = "bytes", feature = "arbitrary"))]
mod fit;
#[cfg(all(feature = "bytes", feature = "arbitrary"))]
mod forward;
#[cfg(all(feature = "bytes", feature = "arbitrary", feature = "proptest"))]
mod framing;
#[cfg(all(feature = "bytes", feature = "arbitrary", feature = "proptest"))]
mod generators;
mod getters;
#[cfg(all(feature = "bytes", feature = "arbitrary"))]
mod linear_time;
#[cfg(all(feature = "serde", feature = "proptest"))]
mod model_json;
mod monitor;
mod properties;
#[cfg(feature = "bytes")]
mod recorded_streams;
#[cfg(all(feature = "bytes", feature = "arbitrary", feature = "proptest"))]
mod round_trip;
mod schema;
#[cfg(target_pointer_width = "64")]
mod sizes;
mod statements;
#[cfg(all(feature = "bytes", feature = "arbitrary", feature = "proptest"))]
mod strategies;
#[cfg(all(feature = "bytes", feature = "serde", feature = "arbitrary"))]
mod stream;
#[cfg(feature = "tokio")]
mod tokio_codec;
mod topics;
#[cfg(all(feature = "bytes", feature = "serde"))]
mod vectors;
mod waivers;
mod will;
#[cfg(feature = "tokio")]
mod will_broker;
