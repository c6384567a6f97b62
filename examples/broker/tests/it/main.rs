//! The tests of the broker, in one program.

// Shared helpers.
mod client;
mod vectors;

mod acknowledgements;
mod aliases;
mod closing;
mod conversations;
mod limits;
mod program;
mod sharing;
mod transports;
