//! The packets of `spec-vectors/`.

use std::fs;
use std::path::{Path, PathBuf};

use mqtt_wire::{Dialect, Sender, Version};
use serde_json::Value;

pub struct Vector {
    /// `<packet>/<verdict>/<name>.json`.
    pub name: String,
    pub dialect: Dialect,
    pub bytes: Vec<u8>,
}

/// The packets of clients that are `valid` or `invalid`.
pub fn of_clients(verdict: &str) -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-vectors");
    let mut vectors = Vec::new();
    for folder in entries(&root) {
        if folder.ends_with("conversations") || !folder.join(verdict).is_dir() {
            continue;
        }
        for path in entries(&folder.join(verdict)) {
            let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let version = match json["versions"][0].as_str().unwrap() {
                "3.1" => Version::V3_1,
                "3.1.1" => Version::V3_1_1,
                "5.0" => Version::V5,
                other => panic!("version {other}"),
            };
            if json["direction"] == "client-to-server" {
                vectors.push(Vector {
                    name: path.strip_prefix(&root).unwrap().display().to_string(),
                    dialect: Dialect::new(version, Sender::Client),
                    bytes: wire(&json["wire"]),
                });
            }
        }
    }
    vectors
}

/// The bytes of fields of hexadecimal digits.
fn wire(fields: &Value) -> Vec<u8> {
    let fields = fields.as_array().unwrap().iter();
    let digits: String = fields.map(|field| field[0].as_str().unwrap()).collect();
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
    bytes.map(Result::unwrap).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
