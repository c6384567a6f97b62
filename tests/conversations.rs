use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use mqtt_wire::monitor::{Breach, Monitor};
use mqtt_wire::{Dialect, FrameRef, Framed, Packet, Sender, Version};
use serde_json::Value;

#[test]
fn recorded() {
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
    let index = std::fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let (mut n, mut bad) = (0, 0);
    for line in index.lines() {
        let session: Value = serde_json::from_str(line).unwrap();
        let base = session["base"].as_str().unwrap();
        if !session["every_packet_valid"].as_bool().unwrap() {
            continue;
        }
        let version = match session["version"].as_str().unwrap() {
            "3.1" => Version::V3_1,
            "3.1.1" => Version::V3_1_1,
            _ => Version::V5,
        };
        let c = packets(
            &files[&format!("{base}.c2s.bin")],
            Dialect::from_client(version),
        );
        let s = packets(
            &files[&format!("{base}.s2c.bin")],
            Dialect::from_server(version),
        );
        n += 1;
        let best = search(&c, &s);
        if !best.is_empty() {
            bad += 1;
            println!(
                "{base} [{}]: {:?}",
                session["hand_made"],
                best.iter().map(|b| b.to_string()).collect::<Vec<_>>()
            );
        }
    }
    println!("{n} sessions, {bad} with breaches");
}

fn packets(mut bytes: &[u8], dialect: Dialect) -> Vec<(Packet<'_>, usize)> {
    let mut out = vec![];
    while let Framed::Frame(f) = FrameRef::split(bytes, dialect, u32::MAX).unwrap() {
        out.push((f.decode(dialect).unwrap(), f.bytes().len()));
        bytes = &bytes[f.bytes().len()..];
    }
    out
}

/// The breaches of the first order without any, or of the order with the fewest found
fn search(c: &[(Packet, usize)], s: &[(Packet, usize)]) -> Vec<Breach> {
    let mut seen = HashSet::new();
    let mut best: Option<(usize, Vec<Breach>)> = None;
    let mut stack: Vec<Vec<Sender>> = vec![vec![]];
    while let Some(path) = stack.pop() {
        let i = path.iter().filter(|x| **x == Sender::Client).count();
        let j = path.len() - i;
        if !seen.insert((i, j)) {
            continue;
        }
        let mut monitor = Monitor::new();
        let (mut a, mut b) = (0, 0);
        let mut breaches = vec![];
        for side in &path {
            let (p, len) = if *side == Sender::Client {
                a += 1;
                &c[a - 1]
            } else {
                b += 1;
                &s[b - 1]
            };
            monitor.observe(*side, p, *len, |x| breaches.push(x));
        }
        if breaches.is_empty() {
            if path.len() == c.len() + s.len() {
                return vec![];
            }
            if j < s.len() {
                let mut p = path.clone();
                p.push(Sender::Server);
                stack.push(p);
            }
            if i < c.len() {
                let mut p = path.clone();
                p.push(Sender::Client);
                stack.push(p);
            }
        } else if best.as_ref().is_none_or(|(l, _)| *l < path.len()) {
            best = Some((path.len(), breaches));
        }
    }
    best.unwrap().1
}
