//! Recorded traffic between real clients and real brokers: the chosen part in
//! `spec-vectors/streams`, and the whole collection in `../shared/streams` where it is at hand.

#![cfg(feature = "bytes")]

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use mqtt_wire::{Dialect, FrameRef, Framed, Packet, Version};
use serde_json::Value;

#[test]
fn chosen_streams_are_accepted_and_encoded_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/streams");
    let totals = check_sessions(&folder, |name| std::fs::read(folder.join(name)).unwrap());
    assert!(totals.sessions >= 20, "{totals:?}");
    assert_eq!(totals.refused, totals.invalid, "{totals:?}");
}

#[test]
fn all_recorded_streams_are_accepted_and_encoded_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/streams");
    let Ok(archive) = std::fs::File::open(folder.join("streams.tar.gz")) else {
        return;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut files = HashMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    let totals = check_sessions(&folder, |name| files[name].clone());
    println!("{totals:?}");
    assert_eq!((totals.sessions, totals.unused_bits), (797, 1));
    assert_eq!(totals.refused, totals.invalid, "{totals:?}");
}

/// Called invalid by the index; yet 3.1 does not forbid a SUBSCRIBE without filters.
const DECIDED: &str = "mosquitto-raw-v31-raw-subempty.c";

#[derive(Debug, Default)]
struct Totals {
    sessions: usize,
    packets: usize,
    bytes: usize,
    /// Packets that are shorter when they are encoded again.
    shortened: usize,
    /// Packets of 3.1 that differ in bits that 3.1 leaves unused.
    unused_bits: usize,
    /// Sessions that the index calls invalid, and those that we refuse.
    invalid: usize,
    refused: usize,
}

fn check_sessions(folder: &Path, read: impl Fn(&str) -> Vec<u8>) -> Totals {
    let index = std::fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let mut totals = Totals::default();
    for line in index.lines() {
        let session: Value = serde_json::from_str(line).unwrap();
        let base = session["base"].as_str().unwrap();
        let version = match session["version"].as_str().unwrap() {
            "3.1" => Version::V3_1,
            "3.1.1" => Version::V3_1_1,
            "5.0" => Version::V5,
            other => panic!("{base}: version {other}"),
        };
        let valid = session["every_packet_valid"].as_bool().unwrap();
        let mut refusals = Vec::new();
        for (direction, dialect) in [
            ("c2s", Dialect::from_client(version)),
            ("s2c", Dialect::from_server(version)),
        ] {
            let bytes = read(&format!("{base}.{direction}.bin"));
            let expected = session["packets"][direction].as_u64().unwrap();
            match check_stream(&bytes, dialect, &mut totals) {
                Ok(packets) if valid => assert_eq!(packets as u64, expected, "{base}.{direction}"),
                Ok(_) => {}
                Err(refusal) => refusals.push(format!("{base}.{direction}: {refusal}")),
            }
        }
        totals.sessions += 1;
        totals.invalid += usize::from(!valid && base != DECIDED);
        totals.refused += usize::from(!refusals.is_empty());
        assert!(!valid || refusals.is_empty(), "{refusals:#?}");
        assert!(
            valid || !refusals.is_empty() || base == DECIDED,
            "{base}: nothing refused"
        );
    }
    totals
}

/// Decodes all packets of one direction and encodes them again; the number of packets.
fn check_stream(mut bytes: &[u8], dialect: Dialect, totals: &mut Totals) -> Result<usize, String> {
    let mut packets = 0;
    while let Framed::Frame(frame) =
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
