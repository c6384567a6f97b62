//! The samples: the only file of this program that uses the library.

#[cfg(feature = "words")]
use core::fmt::{self, Write};
use core::hint::black_box;
use mqtt_wire::Version::{V3_1, V3_1_1, V5};
use mqtt_wire::{DecodeError, Dialect, Packet};

const LONGEST: usize = 64;

/// The number (from 1) of the first sample with a wrong verdict.
pub fn first_failure(spoil: bool) -> Option<i32> {
    let client = Dialect::from_client;
    let server = Dialect::from_server;
    let accepted: [(Dialect, &[u8]); 12] = [
        // CONNECT, Keep Alive 60, Client Identifier "dev"
        (client(V3_1), b"\x10\x11\0\x06MQIsdp\x03\x02\0\x3c\0\x03dev"),
        (client(V3_1_1), b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03dev"),
        // ... and a Session Expiry Interval, and a Will: QoS 1, topic "w", payload "gone"
        (
            client(V5),
            b"\x10\x1f\0\x04MQTT\x05\x0e\0\x3c\x05\x11\0\0\0\x0a\0\x03dev\0\0\x01w\0\x04gone",
        ),
        // CONNACK, in 5.0 with a Receive Maximum
        (server(V3_1_1), b"\x20\x02\0\0"),
        (server(V5), b"\x20\x06\0\0\x03\x21\0\x0a"),
        // PUBLISH to "a/b", QoS 1, Packet Identifier 7, in 5.0 with a User Property
        (client(V3_1_1), b"\x32\x09\0\x03a/b\0\x07hi"),
        (
            client(V5),
            b"\x32\x11\0\x03a/b\0\x07\x07\x26\0\x01k\0\x01vhi",
        ),
        // PUBACK: No matching subscribers
        (server(V5), b"\x40\x03\0\x07\x10"),
        // SUBSCRIBE to "a/+" with every option set, and its SUBACK
        (client(V5), b"\x82\x09\0\x08\0\0\x03a/+\x2d"),
        (server(V5), b"\x90\x04\0\x08\0\x01"),
        // PINGREQ; DISCONNECT with Will Message
        (client(V3_1_1), b"\xc0\0"),
        (client(V5), b"\xe0\x01\x04"),
    ];
    let refused: [(Dialect, &[u8]); 3] = [
        // packet type 0
        (client(V5), b"\0\0"),
        // SUBSCRIBE without a Topic Filter
        (client(V3_1_1), b"\x82\x02\0\x07"),
        // PUBACK with a byte after its Properties
        (server(V5), b"\x40\x05\0\x07\x10\0\0"),
    ];
    let accepted = accepted
        .into_iter()
        .map(|(dialect, wire)| survives(dialect, wire, spoil));
    let refused = refused
        .into_iter()
        .map(|(dialect, wire)| is_refused(dialect, wire));
    (1..)
        .zip(accepted.chain(refused))
        .find_map(|(number, right)| (!right).then_some(number))
}

/// Whether a sample decodes and encodes to the same bytes. A spoilt sample still decodes, to other contents.
fn survives(dialect: Dialect, wire: &[u8], spoil: bool) -> bool {
    let mut received = [0; LONGEST];
    let received = &mut received[..wire.len()];
    received.copy_from_slice(wire);
    if let (true, Some(last)) = (spoil, received.last_mut()) {
        *last ^= 1;
    }
    // without black_box the compiler could do all of this at build time
    let Ok(packet) = Packet::decode(black_box(received), dialect) else {
        return false;
    };
    let mut sent = [0; LONGEST];
    packet.encoded_len(dialect).ok() == Some(wire.len())
        && packet.encode_to_slice(dialect, &mut sent).ok() == Some(wire.len())
        && black_box(&sent[..wire.len()]) == wire
}

fn is_refused(dialect: Dialect, wire: &[u8]) -> bool {
    match Packet::decode(black_box(wire), dialect) {
        Ok(_) => false,
        Err(error) => {
            black_box((error.kind(), error.offset(), error.reply()));
            is_reported(error)
        }
    }
}

/// A device would send the text over a serial line, so it must not need an allocator either.
#[cfg(feature = "words")]
fn is_reported(error: DecodeError) -> bool {
    write!(SerialLine, "{error}").is_ok()
}

/// For a device that has no room for texts.
#[cfg(not(feature = "words"))]
fn is_reported(_: DecodeError) -> bool {
    true
}

#[cfg(feature = "words")]
struct SerialLine;

#[cfg(feature = "words")]
impl Write for SerialLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}
