//! The laws of `tests/it/invariants`: a packet has one canonical encoding, forwarding is idempotent, and no reader depends on
//! where its stream is cut.
//!
//! The first byte selects the law, and the second the dialect. The other options are below; the last part is one packet without
//! its length, or a stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_wire::fanout::Envelope;
use mqtt_wire::{Delivery, Dialect, Packet, PacketId, Publish, QoS, SubscriptionId};

use invariants::canonical::{self, LIBRARY};
use invariants::forwarding::{self, FORWARDERS};
use invariants::{Start, dialects, frame};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;
#[path = "../../tests/it/invariants/readers.rs"]
mod readers;

fuzz_target!(|input: &[u8]| {
    match input {
        [0..0x55, dialect, place, bits, first_byte, body @ ..] => {
            let (place, dialect) = (usize::from(*place), nth(*dialect));
            let bytes = frame(*first_byte, body);
            canonical::encodings_are_canonical(LIBRARY, &bytes, place, *bits, dialect).unwrap();
        }
        [0x55..0xaa, dialect, options @ ..] => {
            let Some((options, [first_byte, body @ ..])) = options.split_first_chunk() else {
                return;
            };
            let bytes = frame(*first_byte, body);
            if let Ok(packet) = Packet::decode(&bytes, nth(*dialect)) {
                forward(packet, *options);
            }
        }
        [0xaa..=0xff, start, limit, stream @ ..] => {
            let start = match dialects().nth(usize::from(start % 7)) {
                Some(dialect) => Start::In(dialect),
                None => Start::Accept,
            };
            // the square of the length is the number of bytes that each reader gets
            let stream = &stream[..stream.len().min(200)];
            // a reader with a buffer needs room for a fixed header
            let limit = 5 + u32::from(*limit);
            readers::no_cut_makes_a_difference(start, limit, stream).unwrap();
        }
        _ => {}
    }
});

fn nth(number: u8) -> Dialect {
    dialects().nth(usize::from(number % 6)).unwrap()
}

fn forward(packet: Packet<'_>, [one, waited, other, next_waited]: [u8; 4]) {
    let ids = [1, 128, 5].map(|id| SubscriptionId::new(id).unwrap());
    let (first, next) = (
        envelope(one, waited, &ids),
        envelope(other, next_waited, &ids),
    );
    for forwarder in FORWARDERS {
        match packet {
            Packet::Publish(
                message @ Publish {
                    topic_name: Some(_),
                    ..
                },
            ) => {
                forwarding::forwarding_is_idempotent(forwarder, message, first, next).unwrap();
            }
            Packet::Connect(connect) => {
                let Some(will) = connect.will else { return };
                forwarding::a_will_is_forwarded_like_its_publish(forwarder, will, first).unwrap();
            }
            _ => return,
        }
    }
}

/// An envelope, which is invalid if it has Subscription Identifiers and the dialect has none.
fn envelope(options: u8, waited: u8, ids: &[SubscriptionId; 3]) -> Envelope<'_> {
    let mut envelope = Envelope::new(nth(options));
    let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let qos = qos[usize::from(options / 6 % 3)];
    envelope.delivery = Delivery::new(qos, PacketId::MIN).with_dup(options & 0x80 != 0);
    envelope.retain = options & 0x40 != 0;
    envelope.subscription_ids = &ids[..usize::from(options / 18 % 4)];
    envelope.waited = match waited {
        255 => u32::MAX,
        waited => waited.into(),
    };
    envelope
}
