//! The verdicts of other codecs on the packets in `spec-vectors/`.
//!
//! These codecs do not know which side sent a packet, so a vector counts only if it is wrong from
//! both sides. The vectors are ours, so our own codec is right on all of them.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use mqtt_wire::{Dialect, Packet};
use serde_json::Value;

use crate::measure::Codec;
use crate::peer::{Kind, Task, Verdict};
use crate::workload::{Version, Wire};

/// A packet that every codec should accept or refuse.
pub struct Vector {
    /// Its path in `spec-vectors/`.
    name: String,
    version: Version,
    valid: bool,
    /// The kind of error, if it is invalid.
    error: String,
    bytes: Wire,
}

/// The verdicts of one codec.
pub struct Score {
    codec: &'static str,
    version: Version,
    /// The number of vectors for this version, invalid and valid.
    judged: [usize; 2],
    wrong: Vec<(String, Verdict)>,
}

/// All packet vectors for 3.1.1 and 5.0 whose verdict does not depend on the sender.
pub fn vectors(root: &Path) -> Result<Vec<Vector>, Box<dyn Error>> {
    let root = root.join("spec-vectors");
    let mut vectors = Vec::new();
    for packet in folders(&root)? {
        // conversations and streams are no single packets
        if packet.ends_with("conversations") {
            continue;
        }
        for (folder, valid) in [("valid", true), ("invalid", false)] {
            for path in json_files(&packet.join(folder)) {
                let name = path.strip_prefix(&root)?.display().to_string();
                let vector: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
                let bytes = wire(&vector).ok_or_else(|| format!("{name}: no wire"))?;
                let versions = vector["versions"].as_array();
                for version in versions.into_iter().flatten().filter_map(known) {
                    if !valid && is_right_from_a_side(bytes, version) {
                        continue;
                    }
                    let name = name.clone();
                    let error = vector["error"]["kind"].as_str().unwrap_or_default().into();
                    vectors.push(Vector {
                        name,
                        version,
                        valid,
                        error,
                        bytes,
                    });
                }
            }
        }
    }
    Ok(vectors)
}

/// Judges every vector with every codec, except our variants, the floors, and codecs that read only
/// some packet types.
pub fn judge(codecs: &[Codec], vectors: &[Vector]) -> Vec<Score> {
    let codecs = codecs.iter().filter(|codec| codec.kind == Kind::Peer);
    let codecs = codecs.filter(|it| it.tasks.contains(&Task::Decode) && it.cells.is_empty());
    codecs.map(|codec| score(codec, vectors)).collect()
}

fn score(codec: &Codec, vectors: &[Vector]) -> Score {
    let mut score = Score {
        codec: codec.name,
        version: codec.version,
        judged: [0; 2],
        wrong: Vec::new(),
    };
    for vector in vectors.iter().filter(|it| it.version == codec.version) {
        score.judged[usize::from(vector.valid)] += 1;
        let verdict = (codec.verdict)(vector.bytes);
        let right = if vector.valid {
            Verdict::Accepts
        } else {
            Verdict::Refuses
        };
        if verdict != right {
            score.wrong.push((vector.name.clone(), verdict));
        }
    }
    score
}

/// The groups of rules that [`checks`] tells apart, with the kinds of error in each.
const GROUPS: [(&str, &[&str]); 4] = [
    ("UTF-8", &["InvalidUtf8", "Surrogate"]),
    ("U+0000", &["NullCharacter"]),
    (
        "wildcards",
        &[
            "WildcardInTopicName",
            "SingleLevelWildcard",
            "MultiLevelWildcard",
        ],
    ),
    ("flags", &["FixedHeaderFlags"]),
];

/// The groups of rules that the codec checks. "some" is in front of a group that it checks in part.
/// Packet types that it cannot read do not count.
pub fn checks(codec: &Codec, vectors: &[Vector]) -> String {
    let vectors = vectors.iter().filter(|it| it.version == codec.version);
    let accepts = |vector: &Vector| (codec.verdict)(vector.bytes) == Verdict::Accepts;
    let packet_type = |vector: &Vector| vector.name.split('/').next().map(str::to_owned);
    let valid = vectors.clone().filter(|it| it.valid && accepts(it));
    let read: Vec<_> = valid.map(packet_type).collect();
    let mut words = Vec::new();
    for (group, errors) in GROUPS {
        let of_group = vectors
            .clone()
            .filter(|it| errors.contains(&it.error.as_str()) && read.contains(&packet_type(it)));
        let accepted: Vec<_> = of_group.map(accepts).collect();
        if accepted.iter().all(|accepted| !accepted) {
            words.push(group.to_owned());
        } else if accepted.contains(&false) {
            words.push(format!("some {group}"));
        }
    }
    match words.is_empty() {
        true => "nothing".into(),
        false => words.join(", "),
    }
}

/// A table for each version.
pub fn markdown(scores: &[Score]) -> String {
    let mut text = String::new();
    for version in [Version::V4, Version::V5] {
        let scores: Vec<_> = scores.iter().filter(|it| it.version == version).collect();
        let Some([invalid, valid]) = scores.first().map(|score| score.judged) else {
            continue;
        };
        let _ = writeln!(
            text,
            "MQTT {version}: {invalid} invalid packets and {valid} valid ones\n\n\
             | | invalid: accepted | waits for more | panics | valid: not accepted |\n\
             |---|---:|---:|---:|---:|"
        );
        for score in scores {
            let count = |valid, verdict: &[Verdict]| {
                let wrong = score.wrong.iter();
                wrong
                    .filter(|(name, it)| name.contains("/valid/") == valid && verdict.contains(it))
                    .count()
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                score.codec,
                count(false, &[Verdict::Accepts]),
                count(false, &[Verdict::Waits]),
                count(false, &[Verdict::Panics]),
                count(true, &[Verdict::Refuses, Verdict::Waits, Verdict::Panics]),
            );
        }
        text.push('\n');
    }
    text
}

/// A line for each wrong verdict.
pub fn list(scores: &[Score]) -> String {
    let mut text = String::new();
    for score in scores {
        for (name, verdict) in &score.wrong {
            let Score { codec, version, .. } = score;
            let _ = writeln!(text, "{codec}, {version}: {verdict:?} {name}");
        }
    }
    text
}

fn folders(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = fs::read_dir(root)?.collect();
    let mut paths: Vec<_> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
}

/// None if there is no such folder.
fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort();
    paths
}

/// The bytes of all fields.
fn wire(vector: &Value) -> Option<Wire> {
    let mut bytes = Vec::new();
    for field in vector["wire"].as_array()? {
        let hex = field.get(0)?.as_str()?;
        for at in (0..hex.len()).step_by(2) {
            bytes.push(u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?);
        }
    }
    Some(bytes.leak())
}

fn known(version: &Value) -> Option<Version> {
    match version.as_str()? {
        "3.1.1" => Some(Version::V4),
        "5.0" => Some(Version::V5),
        _ => None,
    }
}

fn is_right_from_a_side(bytes: Wire, version: Version) -> bool {
    let version = match version {
        Version::V4 => mqtt_wire::Version::V3_1_1,
        Version::V5 => mqtt_wire::Version::V5,
    };
    [Dialect::from_client(version), Dialect::from_server(version)]
        .into_iter()
        .any(|dialect| Packet::decode(bytes, dialect).is_ok())
}
