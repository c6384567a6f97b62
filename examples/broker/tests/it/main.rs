//! The tests of the broker, in one program.

// Shared helpers.
mod client;
mod vectors;

mod conversations;
