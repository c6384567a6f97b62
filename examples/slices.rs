//! A lamp without an allocator: received bytes go into one slice, the bytes to send come out in another one.
//! `main` stands for the network of the device, and prints the bytes of both sides.
//!
//! ```sh
//! cargo run --example slices --no-default-features
//! ```

#![no_std]

extern crate std; // for `main` and the tests

use mqtt_wire::{
    Connect, DecodeError, Dialect, EncodeError, FrameRef, NextFrame, Packet, PacketId, QoS,
    ReasonCode, Subscribe, Subscription, Subscriptions, TopicFilter, Utf8Str, Version,
};

const CLIENT: Dialect = Dialect::from_client(Version::V3_1_1);

const CLIENT_ID: Utf8Str<'static> = match Utf8Str::new("lamp") {
    Ok(id) => id,
    Err(_) => panic!("no Client Identifier"),
};
const FILTER: TopicFilter<'static> = match TopicFilter::new("lamp/switch") {
    Ok(filter) => filter,
    Err(_) => panic!("no topic filter"),
};

/// A lamp, and the received bytes that are no whole packet yet.
#[derive(Default)]
pub struct Lamp {
    is_on: bool,
    buffer: [u8; 32],
    filled: usize,
}

/// The connection has to be closed.
#[derive(Debug, PartialEq)]
pub enum Error {
    /// In 5.0 send `error.answer(true)` first.
    Decode(DecodeError),
    Encode(EncodeError),
    Refused(ReasonCode),
    Unexpected,
}

impl Lamp {
    /// Writes the CONNECT to `out`. Returns its length.
    pub fn connect(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        Packet::from(Connect::new(Version::V3_1_1, CLIENT_ID)).encode_to_slice(CLIENT, out)
    }

    /// The place for the next bytes from the network. It is never empty.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// Handles the packets that are whole now that `count` more bytes are in [`room`](Self::room).
    /// Writes the answers to `out`. Returns their length.
    pub fn receive(&mut self, count: usize, out: &mut [u8]) -> Result<usize, Error> {
        self.filled += count;
        let (mut start, mut written) = (0, 0);
        // a packet that is longer than the buffer is refused when its length has arrived
        let limit = self.buffer.len() as u32;
        while let NextFrame::Frame(frame) =
            FrameRef::split(&self.buffer[start..self.filled], CLIENT.reply(), limit)?
        {
            start += frame.bytes().len();
            let out = &mut out[written..];
            written += match frame.decode(CLIENT.reply())? {
                Packet::ConnAck(connack) if connack.reason_code == ReasonCode::Success => {
                    let subscription = [Subscription::new(FILTER, QoS::AtLeastOnce)];
                    let subscriptions = Subscriptions::new(&subscription);
                    let subscribe = Subscribe::new(PacketId::MIN, subscriptions);
                    Packet::from(subscribe).encode_to_slice(CLIENT, out)?
                }
                Packet::ConnAck(connack) => return Err(Error::Refused(connack.reason_code)),
                Packet::SubAck(suback) => {
                    match suback.reason_codes.iter().find(|code| code.is_failure()) {
                        Some(code) => return Err(Error::Refused(code)),
                        None => 0,
                    }
                }
                Packet::Publish(publish) => {
                    self.is_on = publish.payload == b"on";
                    match publish.delivery.answer() {
                        Some(answer) => answer.encode_to_slice(CLIENT, out)?,
                        None => 0,
                    }
                }
                _ => return Err(Error::Unexpected),
            };
        }
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        Ok(written)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

/// CONNACK, SUBACK, and a PUBLISH with QoS 1, in pieces as a network may deliver them.
const RECEIVED: [&[u8]; 4] = [
    b"\x20\x02",
    b"\x00\x00",
    b"\x90\x03\x00\x01\x01\x32\x11\x00\x0blamp",
    b"/switch\x00\x07on",
];

fn main() -> Result<(), Error> {
    let (mut lamp, mut out) = (Lamp::default(), [0; 64]);
    let len = lamp.connect(&mut out)?;
    std::println!("sent     {}", out[..len].escape_ascii());
    for piece in RECEIVED {
        lamp.room()[..piece.len()].copy_from_slice(piece);
        std::println!("received {}", piece.escape_ascii());
        let len = lamp.receive(piece.len(), &mut out)?;
        if len > 0 {
            std::println!("sent     {}", out[..len].escape_ascii());
        }
    }
    std::println!("the lamp is {}", if lamp.is_on { "on" } else { "off" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Receives bytes in pieces of this size. Returns the bytes to send.
    fn receive(lamp: &mut Lamp, bytes: &[u8], size: usize) -> Result<Vec<u8>, Error> {
        let mut sent = Vec::new();
        for piece in bytes.chunks(size) {
            lamp.room()[..piece.len()].copy_from_slice(piece);
            let mut out = [0; 64];
            let len = lamp.receive(piece.len(), &mut out)?;
            sent.extend_from_slice(&out[..len]);
        }
        Ok(sent)
    }

    #[test]
    fn the_lamp_obeys_however_the_bytes_arrive() {
        for size in 1..=13 {
            let mut lamp = Lamp::default();
            let sent = receive(&mut lamp, &RECEIVED.concat(), size);
            let expected = b"\x82\x10\x00\x01\x00\x0blamp/switch\x01\x40\x02\x00\x07";
            assert_eq!(sent.as_deref(), Ok(&expected[..]), "{size}");
            assert!(lamp.is_on);
            receive(&mut lamp, b"\x30\x10\x00\x0blamp/switchoff", size).unwrap();
            assert!(!lamp.is_on);
        }
    }

    #[test]
    fn a_packet_that_is_too_long_or_bad_is_refused() {
        for bytes in [&b"\x30\x1f"[..], b"\x20\x02\x00\x06", b"\x36"] {
            let error = receive(&mut Lamp::default(), bytes, 1).unwrap_err();
            assert!(matches!(error, Error::Decode(_)), "{error:?}");
        }
        let refusal = receive(&mut Lamp::default(), b"\x20\x02\x00\x05", 1);
        assert_eq!(refusal, Err(Error::Refused(ReasonCode::NotAuthorized)));
    }

    #[test]
    fn main_runs() {
        assert_eq!(main(), Ok(()));
    }
}
