//! The form of `spec-vectors/`: each file matches `schema.json`, and its path matches its content.

use std::collections::BTreeMap;

use crate::fixtures;
use jsonschema::Validator;
use mqtt_wire::PacketType;
use serde_json::Value;

#[test]
fn every_vector_matches_the_schema() {
    let schema = schema();
    let mut faults = Vec::new();
    for (name, vector) in vectors() {
        for error in schema.iter_errors(&vector) {
            faults.push(format!("{name}: {error} at {}", error.instance_path()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_schema_rejects_everything_else() {
    let schema = schema();
    for (name, vector) in vectors() {
        for key in vector.as_object().unwrap().keys() {
            let mut changed = vector.clone();
            changed[key] = Value::Null;
            assert!(!schema.is_valid(&changed), "{name}: {key} is null");
            changed.as_object_mut().unwrap().remove(key);
            // an invalid file without its error lacks a packet, and the other way round
            let is_valid = schema.is_valid(&changed);
            let is_optional = ["canonical", "waiver", "waivers"].contains(&key.as_str());
            assert_eq!(is_valid, is_optional, "{name}: without {key}");
        }
        let mut changed = vector;
        changed["more"] = Value::Null;
        assert!(!schema.is_valid(&changed), "{name}: one key more");
    }
}

#[test]
fn every_path_matches_the_vector() {
    for (name, vector) in vectors() {
        let [folder, verdict, file] = name.split('/').collect::<Vec<_>>()[..] else {
            panic!("{name}");
        };
        let is_conversation = vector.get("packets").is_some();
        let (accepted, refused) = if is_conversation {
            ("statements", "breaches")
        } else {
            ("packet", "error")
        };
        assert_eq!(vector.get(accepted).is_some(), verdict == "valid", "{name}");
        assert_eq!(
            vector.get(refused).is_some(),
            verdict == "invalid",
            "{name}"
        );
        let content = match is_conversation {
            true => String::from("conversations"),
            false => {
                let first_byte = fixtures::wire(&vector["wire"])[0];
                let mut types = PacketType::ALL.iter();
                let packet_type = types.find(|it| **it as u8 == first_byte >> 4);
                packet_type.map_or("reserved".into(), |it| it.to_string().to_lowercase())
            }
        };
        assert_eq!(folder, content, "{name}");

        // NAME-vVERSION.json, and -2 and so on where the name is taken
        let stem = file.strip_suffix(".json").unwrap();
        let (stem, number) = stem.rsplit_once('-').unwrap();
        let version = match number.parse::<u32>() {
            Ok(_) => stem.rsplit_once('-').unwrap().1,
            Err(_) => number,
        };
        let version = version.strip_prefix('v').unwrap();
        assert_eq!(vector["versions"], serde_json::json!([version]), "{name}");
        for statement in statements(&vector) {
            let of = statement.split_once(' ').unwrap().0;
            assert_eq!(of.strip_prefix('v'), Some(version), "{name}: {statement}");
        }
    }
}

#[test]
fn every_neighbour_exists_and_is_of_the_same_kind() {
    let vectors: BTreeMap<_, _> = vectors().into_iter().collect();
    for (name, vector) in &vectors {
        let Some(neighbour) = vector.get("neighbour") else {
            continue;
        };
        let path = neighbour.as_str().unwrap();
        let Some(neighbour) = vectors.get(path) else {
            panic!("{name}: there is no {path}");
        };
        assert_eq!(neighbour["versions"], vector["versions"], "{name}");
        assert_eq!(
            neighbour.get("packets").is_some(),
            vector.get("packets").is_some(),
            "{name}"
        );
    }
}

#[test]
fn no_two_vectors_are_equal() {
    let mut seen = BTreeMap::new();
    for (name, vector) in vectors() {
        let bytes = |wire| fixtures::wire(wire).escape_ascii().to_string();
        let content = match vector["packets"].as_array() {
            Some(packets) => packets
                .iter()
                .map(|it| {
                    format!(
                        "{} {} {}",
                        it["from"],
                        it["milliseconds"],
                        bytes(&it["wire"])
                    )
                })
                .collect(),
            None => vec![format!(
                "{} {}",
                vector["direction"],
                bytes(&vector["wire"])
            )],
        };
        let version = vector["versions"].to_string();
        if let Some(other) = seen.insert((version, content), name.clone()) {
            panic!("{name} is {other}");
        }
    }
}

fn schema() -> Validator {
    let text = std::fs::read_to_string(fixtures::root().join("spec-vectors/schema.json")).unwrap();
    let schema = serde_json::from_str(&text).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn statements(vector: &Value) -> impl Iterator<Item = &str> {
    let breaches = vector["breaches"].as_array().into_iter().flatten();
    breaches
        .chain([vector])
        .flat_map(|it| it["statements"].as_array().into_iter().flatten())
        .map(|statement| statement.as_str().unwrap())
}

fn vectors() -> Vec<(String, Value)> {
    let mut vectors = fixtures::vectors("valid", |_| true);
    vectors.extend(fixtures::vectors("invalid", |_| true));
    vectors
}
