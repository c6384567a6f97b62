//! Recorded traffic between real clients and real brokers: a selection in `spec-vectors/streams`, and the whole collection
//! in `../shared/streams` if that folder exists.

use crate::fixtures::{self, Session};
use mqtt_wire::{Dialect, FrameRef, NextFrame, Packet, Version};

#[test]
fn chosen_streams_are_accepted_and_encoded_again() {
    let sessions = fixtures::chosen_sessions();
    assert!(sessions.len() >= 20);
    check_sessions(&sessions);
}

#[test]
fn all_recorded_streams_are_accepted_and_encoded_again() {
    let Some(sessions) = fixtures::all_sessions() else {
        return;
    };
    let totals = check_sessions(&sessions);
    println!("{} sessions: {totals:?}", sessions.len());
    assert_eq!((sessions.len(), totals.unused_bits), (797, 1));
}

/// Called invalid by the index; yet 3.1 does not forbid a SUBSCRIBE without filters.
const DECIDED: &str = "mosquitto-raw-v31-raw-subempty.c";

#[derive(Debug, Default)]
struct Totals {
    packets: usize,
    bytes: usize,
    /// Packets that are shorter when they are encoded again.
    shortened: usize,
    /// Packets of 3.1 that differ in bits that 3.1 leaves unused.
    unused_bits: usize,
    refused_sessions: usize,
}

fn check_sessions(sessions: &[Session]) -> Totals {
    let mut totals = Totals::default();
    for session in sessions {
        let base = &session.base;
        let mut refusals = Vec::new();
        for (recording, dialect) in [
            (&session.client, Dialect::from_client(session.version)),
            (&session.server, Dialect::from_server(session.version)),
        ] {
            match check_stream(&recording.bytes, dialect, &mut totals) {
                Ok(packets) if session.every_packet_valid => {
                    assert_eq!(packets, recording.packets, "{base}");
                }
                Ok(_) => {}
                Err(refusal) => refusals.push(refusal),
            }
        }
        totals.refused_sessions += usize::from(!refusals.is_empty());
        let accepted = session.every_packet_valid || base == DECIDED;
        assert_eq!(refusals.is_empty(), accepted, "{base}: {refusals:#?}");
    }
    totals
}

/// Decodes all packets of one direction and encodes them again; the number of packets.
fn check_stream(mut bytes: &[u8], dialect: Dialect, totals: &mut Totals) -> Result<u64, String> {
    let mut packets = 0;
    while let NextFrame::Frame(frame) =
        FrameRef::split(bytes, dialect, u32::MAX).map_err(|error| error.to_string())?
    {
        let original = frame.bytes();
        let packet = frame.decode(dialect).map_err(|error| error.to_string())?;
        let mut again = Vec::new();
        packet.encode(dialect, &mut again).unwrap();
        if again != original {
            assert_eq!(Packet::decode(&again, dialect), Ok(packet));
            if again.len() < original.len() {
                totals.shortened += 1;
            } else {
                // a hand-made CONNECT of 3.1 in which the unused Connect Flag is set
                assert_eq!(dialect.version(), Version::V3_1, "{packet:?}");
                totals.unused_bits += 1;
            }
        }
        packets += 1;
        totals.packets += 1;
        totals.bytes += original.len();
        bytes = &bytes[original.len()..];
    }
    match bytes {
        [] => Ok(packets),
        rest => Err(format!("{} bytes left", rest.len())),
    }
}
