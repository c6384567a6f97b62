//! Vectors and recorded streams from `spec-vectors/`.
#![allow(dead_code)] // not every set of features uses all of it

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use mqtt_wire::{Dialect, Sender, Version};
use proptest::test_runner::Config as ProptestConfig;
use serde_json::Value;

/// The number of values that a property test tries; `PROPTEST_CASES` overrides it.
pub fn cases(cases: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: given.map_or(cases, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A recorded connection: a line of an index and the bytes of both directions.
pub struct Session {
    pub base: String,
    pub version: Version,
    /// Written by hand to break rules or to try a broker.
    pub hand_made: bool,
    /// Whether an independent decoder accepts every packet.
    pub every_packet_valid: bool,
    pub client: Recording,
    pub server: Recording,
}

pub struct Recording {
    pub packets: u64,
    pub bytes: Vec<u8>,
}

/// The part of the recorded streams that is in this repository.
pub fn chosen_sessions() -> Vec<Session> {
    let folder = root().join("spec-vectors/streams");
    sessions(&folder, |name| std::fs::read(folder.join(name)).unwrap())
}

/// The whole collection, if it exists on this machine.
pub fn all_sessions() -> Option<Vec<Session>> {
    let folder = root().join("../shared/streams");
    let archive = std::fs::File::open(folder.join("streams.tar.gz")).ok()?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut files = HashMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    Some(sessions(&folder, |name| files[name].clone()))
}

fn sessions(folder: &Path, read: impl Fn(&str) -> Vec<u8>) -> Vec<Session> {
    let index = std::fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let session = |line| {
        let json: Value = serde_json::from_str(line).unwrap();
        let base = json["base"].as_str().unwrap();
        let recording = |direction| Recording {
            packets: json["packets"][direction].as_u64().unwrap(),
            bytes: read(&format!("{base}.{direction}.bin")),
        };
        Session {
            version: version(json["version"].as_str().unwrap()),
            hand_made: json["hand_made"].as_bool().unwrap(),
            every_packet_valid: json["every_packet_valid"].as_bool().unwrap(),
            client: recording("c2s"),
            server: recording("s2c"),
            base: base.to_owned(),
        }
    };
    index.lines().map(session).collect()
}

/// A vector of one packet.
pub struct Vector {
    /// `<packet>/<verdict>/<name>.json`.
    pub name: String,
    pub json: Value,
    pub dialect: Dialect,
    pub bytes: Vec<u8>,
}

/// The vectors of one packet that are `valid` or `invalid`.
pub fn packet_vectors(verdict: &str) -> impl Iterator<Item = Vector> + use<> {
    let vectors = vectors(verdict, |folder| folder != "conversations");
    vectors.into_iter().map(|(name, json)| {
        let [version] = &json["versions"].as_array().unwrap()[..] else {
            panic!("{name}: more than one version");
        };
        let sender = match json["direction"].as_str().unwrap() {
            "client-to-server" => Sender::Client,
            "server-to-client" => Sender::Server,
            other => panic!("{name}: direction {other}"),
        };
        Vector {
            dialect: Dialect::new(self::version(version.as_str().unwrap()), sender),
            bytes: wire(&json["wire"]),
            name,
            json,
        }
    })
}

/// The vectors `<folder>/<verdict>/<name>.json` of all folders that `is_wanted`, with their names.
pub fn vectors(verdict: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<(String, Value)> {
    let root = root().join("spec-vectors");
    let mut vectors = Vec::new();
    for folder in entries(&root) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        if !folder.join(verdict).is_dir() || !is_wanted(name) {
            continue;
        }
        for path in entries(&folder.join(verdict)) {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let json = serde_json::from_str(&text).unwrap_or_else(|error| {
                panic!("{name}: {error}");
            });
            vectors.push((name.to_owned(), json));
        }
    }
    vectors
}

/// The bytes of a `wire`: fields of hexadecimal digits and a label.
pub fn wire(fields: &Value) -> Vec<u8> {
    let fields = fields.as_array().unwrap().iter();
    fields
        .flat_map(|field| from_hex(field[0].as_str().unwrap()))
        .collect()
}

/// The rows of a table in `spec-vectors/`, without the header.
pub fn read_csv(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("spec-vectors").join(name)).unwrap();
    text.lines().skip(1).map(split_csv_line).collect()
}

/// The fields of a line; those with commas are quoted.
pub fn split_csv_line(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

pub fn version(text: &str) -> Version {
    match text {
        "3.1" => Version::V3_1,
        "3.1.1" => Version::V3_1_1,
        "5.0" => Version::V5,
        other => panic!("version {other}"),
    }
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
