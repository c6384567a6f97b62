//! `mqtt-explain` for `worker.js`, which copies bytes into the memory and reads the answer there.
//!
//! Five plain functions and no generated code: the worker calls [`input`] for each input and writes
//! the bytes to the place that it returns, calls [`explain`], and reads the bytes at [`output`].

use std::cell::RefCell;

use mqtt_explain::page::{Explanation, Options, Pasted, explain as explain_pasted};
use mqtt_wire::{Sender, Version};
use serde_json::json;

thread_local! {
    static INPUTS: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for an input, and returns the place of its first byte. Input 1 holds the bytes of the
/// server, if both directions are explained; it is empty otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn input(number: usize, length: usize) -> *mut u8 {
    INPUTS.with_borrow_mut(|inputs| {
        let room = &mut inputs[number];
        *room = vec![0; length];
        room.as_mut_ptr()
    })
}

/// Explains the inputs. The version is its Protocol Level and the side 1 for the client and 2 for
/// the server; both are 0 if they have to be detected.
#[unsafe(no_mangle)]
pub extern "C" fn explain(version: u8, side: u8, show_secrets: bool) {
    let options = Options {
        version: Version::ALL
            .into_iter()
            .find(|it| it.protocol_level() == version),
        sender: match side {
            1 => Some(Sender::Client),
            2 => Some(Sender::Server),
            _ => None,
        },
        show_secrets,
    };
    let pasted = match INPUTS.take() {
        [only, server] if server.is_empty() => Pasted::One(only),
        [client, server] => Pasted::Both { client, server },
    };
    OUTPUT.set(answer(&pasted, options));
}

/// The place of the output: an explanation in JSON, or `{"error": message}`.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    OUTPUT.with_borrow(|output| output.as_ptr())
}

/// The length of the output.
#[unsafe(no_mangle)]
pub extern "C" fn output_length() -> usize {
    OUTPUT.with_borrow(Vec::len)
}

fn answer(pasted: &Pasted, options: Options) -> Vec<u8> {
    match explain_pasted(pasted, options) {
        Ok(explanation) => to_json(&explanation),
        Err(error) => json!({"error": error.to_string()}).to_string().into_bytes(),
    }
}

fn to_json(explanation: &Explanation) -> Vec<u8> {
    // strings only: this cannot fail
    serde_json::to_vec(explanation).unwrap_or_default()
}
