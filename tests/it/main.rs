//! The integration tests, in one program: it links once, and `cargo test --test it NAME` runs a part of it.
//!
//! Tests that count allocations or collect defmt's output replace something global in their process.
//! They are programs of their own: `tests/no_alloc.rs`, `tests/bounded.rs`, `tests/defmt.rs`.

// Shared helpers. `fixtures` reads `spec-vectors/`; `invariants` checks what holds for every packet; `source` reads `src/`.
mod fixtures;
#[cfg(feature = "bytes")]
mod invariants;
#[cfg(all(feature = "tokio", feature = "embedded-io-async"))]
#[path = "invariants/readers.rs"]
mod readers;
mod source;

mod connect_flags;
#[cfg(feature = "bytes")]
mod conversations;
#[cfg(feature = "bytes")]
mod conversions;
mod coverage;
#[cfg(all(feature = "tokio", feature = "embedded-io-async"))]
mod cuts;
mod display;
#[cfg(feature = "embedded-io-async")]
mod embedded;
mod encoder;
mod exceptions;
#[cfg(feature = "bytes")]
mod fanout;
#[cfg(feature = "bytes")]
mod fit;
#[cfg(feature = "bytes")]
mod framing;
#[cfg(feature = "tokio")]
mod gateway;
#[cfg(feature = "bytes")]
mod generators;
mod getters;
#[cfg(feature = "bytes")]
mod laws;
mod layers;
#[cfg(feature = "bytes")]
mod linear_time;
#[cfg(feature = "serde")]
mod model_json;
mod monitor;
#[cfg(all(feature = "bytes", feature = "serde"))]
mod owned;
mod properties;
#[cfg(all(feature = "bytes", feature = "std"))]
mod readme;
#[cfg(feature = "bytes")]
mod recorded_streams;
#[cfg(feature = "bytes")]
mod round_trip;
mod schema;
#[cfg(target_pointer_width = "64")]
mod sizes;
mod statements;
#[cfg(feature = "bytes")]
mod strategies;
#[cfg(all(feature = "bytes", feature = "serde"))]
mod stream;
#[cfg(feature = "bytes")]
mod text;
#[cfg(feature = "tokio")]
mod tokio_codec;
mod topics;
#[cfg(feature = "tokio")]
mod two_tasks;
#[cfg(all(feature = "bytes", feature = "serde"))]
mod vectors;
mod waivers;
mod will;
