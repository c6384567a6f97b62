//! The law of `invariants/readers.rs`, over recorded streams and generated ones, with and without damage. Its controls are
//! readers with a fault at one cut.

use crate::fixtures::{self, cases};
use crate::invariants::Start;
use crate::readers::{self, Ending, Pieces};
use mqtt_wire::{Dialect, Packet, PacketType, Sender, Version};
use mqtt_wire_testkit::strategies;
use proptest::collection::vec;
use proptest::prelude::*;

/// How a reader begins, and packets that it can read.
fn packets() -> impl Strategy<Value = (Start, Vec<Vec<u8>>)> {
    let any_in = |dialect: Dialect| {
        let packet = strategies::packet(dialect);
        vec(
            packet.prop_map(move |packet| packet.encode(dialect).unwrap()),
            0..4,
        )
    };
    let accepted = proptest::sample::select(&Version::ALL).prop_flat_map(move |version| {
        let dialect = Dialect::from_client(version);
        let connect = strategies::packet_of(PacketType::Connect, dialect);
        let connect = connect.prop_map(move |packet| packet.encode(dialect).unwrap());
        (connect, any_in(dialect)).prop_map(|(connect, mut packets)| {
            packets.insert(0, connect);
            (Start::Accept, packets)
        })
    });
    let known = strategies::dialect()
        .prop_flat_map(move |dialect| (Just(Start::In(dialect)), any_in(dialect)));
    prop_oneof![known, accepted]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn cuts_make_no_difference_to_any_reader(
        (start, packets) in packets(),
        damage in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        end: prop::sample::Index,
        limit in prop_oneof![Just(4096_u32), 5..200_u32],
    ) {
        let mut stream = packets.concat();
        stream.truncate(300);
        stream.truncate(end.index(2 * stream.len() + 1));
        if let (Some((place, byte)), false) = (damage, stream.is_empty()) {
            let place = place.index(stream.len());
            stream[place] = byte;
        }
        readers::no_cut_makes_a_difference(start, limit, &stream).unwrap();
    }
}

#[test]
fn cuts_of_recorded_streams_make_no_difference_to_any_reader() {
    for session in fixtures::chosen_sessions() {
        let version = session.version;
        let client = &session.client.bytes[..session.client.bytes.len().min(200)];
        let server = &session.server.bytes[..session.server.bytes.len().min(200)];
        for (start, stream) in [
            (Start::Accept, client),
            (Start::In(Dialect::new(version, Sender::Client)), client),
            (Start::In(Dialect::new(version, Sender::Server)), server),
        ] {
            readers::no_cut_makes_a_difference(start, 4096, stream).unwrap();
        }
    }
}

#[test]
fn readers_with_a_fault_at_one_cut_are_found() {
    let stream = b"\x30\x06\x00\x01t\x00on\xc0\x00\xe0";
    let start = Start::In(Dialect::from_client(Version::V5));
    for fault in [
        Fault::LosesByte,
        Fault::LosesPacket,
        Fault::RepeatsPackets,
        Fault::HidesEnd,
    ] {
        for place in 1..stream.len() {
            let (one, other) = stream.split_at(place);
            let result = readers::cuts_make_no_difference(
                |start, limit, pieces, each| read_with(fault, start, limit, pieces, each),
                start,
                4096,
                &[one, other],
            );
            assert_eq!(result.is_err(), place == FAULTY_CUT, "{fault:?}, {place}");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    LosesByte,
    LosesPacket,
    RepeatsPackets,
    HidesEnd,
}

const FAULTY_CUT: usize = 3;

fn read_with(
    fault: Fault,
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    let mut pieces: Vec<_> = pieces.collect();
    let has = |wanted| fault == wanted && pieces[0].len() == FAULTY_CUT;
    let (loses_byte, hides_end) = (has(Fault::LosesByte), has(Fault::HidesEnd));
    let (loses_packet, repeats) = (has(Fault::LosesPacket), has(Fault::RepeatsPackets));
    if loses_byte {
        pieces[1].remove(0);
    }
    let pieces: Vec<_> = pieces.iter().map(|piece| &piece[..]).collect();
    let mut count = 0;
    let pieces = Pieces::new(&pieces);
    let ending = readers::next_frame(start, limit, pieces, &mut |dialect, packet| {
        count += 1;
        if !loses_packet || count != 2 {
            each(dialect, packet);
        }
        if repeats {
            each(dialect, packet);
        }
    });
    match ending {
        Ending::InsidePacket { .. } if hides_end => Ending::BetweenPackets,
        ending => ending,
    }
}
