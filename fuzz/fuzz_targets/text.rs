//! Checks any bytes as text: a Client Identifier, a Topic Name and a Topic Filter. The verdict must be that of their
//! definition over `core::str::from_utf8`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;

fuzz_target!(|text: &[u8]| invariants::text::text_follows_its_definition(text));
