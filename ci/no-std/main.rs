//! An embedded program: core and mqtt-wire. No std, no allocator, no libc.
//!
//! The exit status is 0 if every sample decodes and encodes again to the same bytes, and otherwise the number of the
//! first sample that does not. With any argument the samples are spoilt first, so a status of 0 would mean that nothing
//! is compared.
#![no_std]
#![no_main]

mod round_trip;
mod runtime;

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    runtime::exit(runtime::PANICKED)
}

/// Called by `runtime` with the number of words on the command line.
fn main(arguments: usize) -> i32 {
    let spoil = arguments > 1;
    round_trip::first_failure(spoil).unwrap_or(0)
}
