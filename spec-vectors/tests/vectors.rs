//! The crate holds all files of the folder, and reads each of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mqtt_wire_vectors::{Expected, Side, Version, connect_flags, conversations, packets};

#[test]
fn every_file_is_a_vector() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeSet::new();
    for packet in names(root) {
        for verdict in ["valid", "invalid"] {
            let folder = root.join(&packet).join(verdict);
            if folder.is_dir() {
                let names = names(&folder).into_iter();
                files.extend(names.map(|name| format!("{packet}/{verdict}/{name}")));
            }
        }
    }
    assert!(files.len() > 1_000);
    let packets = packets().into_iter().map(|it| it.name);
    let conversations = conversations().into_iter().map(|it| it.name);
    let found: BTreeSet<_> = packets.chain(conversations).map(str::to_owned).collect();
    assert_eq!(found, files);
}

#[test]
fn the_folder_of_a_vector_agrees_with_its_content() {
    for packet in packets() {
        let folder = format!(
            "/{}/",
            if packet.is_valid() {
                "valid"
            } else {
                "invalid"
            }
        );
        assert!(packet.name.contains(&folder), "{}", packet.name);
    }
    for conversation in conversations() {
        let is_valid = conversation.breaches.is_empty();
        assert_eq!(conversation.name.contains("/valid/"), is_valid);
        assert_eq!(conversation.neighbour.is_none(), is_valid);
    }
}

#[test]
fn every_neighbour_is_valid_and_of_the_same_version() {
    let packets = packets();
    for packet in &packets {
        if let Expected::Refuse { neighbour, .. } = &packet.expected {
            let neighbour = packets.iter().find(|it| it.name == neighbour).unwrap();
            assert!(neighbour.is_valid());
            assert_eq!(neighbour.version, packet.version);
        }
    }
    let conversations = conversations();
    for conversation in &conversations {
        if let Some(neighbour) = &conversation.neighbour {
            let found = conversations.iter().find(|it| it.name == neighbour);
            assert!(found.unwrap().breaches.is_empty());
        }
    }
}

#[test]
fn a_file_is_read_field_by_field() {
    let name = "connect/invalid/will-qos-without-will-v5.0.json";
    let packet = packets().into_iter().find(|it| it.name == name).unwrap();
    assert_eq!(packet.version, Version::V5);
    assert_eq!(packet.sender, Side::Client);
    assert_eq!(packet.statements, ["v5.0 MQTT-3.1.2-11"]);
    assert_eq!(packet.fields[2].bytes, b"\0\x04MQTT");
    assert_eq!(packet.fields[2].label, "Protocol Name \"MQTT\"");
    let Expected::Refuse { error, .. } = &packet.expected else {
        panic!("{packet:?}")
    };
    assert_eq!(error.kind, "WillQosWithoutWill");
    assert_eq!((error.offset, error.reason_code), (9, Some(0x81)));

    let name = "conversations/invalid/keep-alive-missed-pingreq-v3.1.1.json";
    let found = conversations().into_iter().find(|it| it.name == name);
    let conversation = found.unwrap();
    assert_eq!(conversation.breaches[0].kind, "KeepAliveMissed");
    assert_eq!(conversation.breaches[0].side, Side::Client);
    assert!(conversation.packets[0].milliseconds.is_some());
    assert_eq!(conversation.packets[0].wire()[0], 0x10);
}

#[test]
fn the_example_in_the_readme_is_a_program_that_runs() {
    assert!(include_str!("../README.md").contains(include_str!("mqttrs.rs")));
}

#[test]
fn the_table_of_connect_flags_has_every_value_in_every_version() {
    let cells = connect_flags();
    let distinct: BTreeSet<_> = cells.iter().map(|it| (it.version, it.flags)).collect();
    assert_eq!((cells.len(), distinct.len()), (768, 768));
    let of = |version, flags| {
        let mut cells = cells.iter();
        let cell = cells.find(|it| (it.version, it.flags) == (version, flags));
        cell.unwrap().clone()
    };
    assert_eq!(
        of(Version::V5, 0xc6).wire(),
        b"\x10\x1b\0\x04MQTT\x05\xc6\0\x3c\0\0\x01c\0\0\x01t\0\x01m\0\x01u\0\x01p"
    );
    assert_eq!(of(Version::V3_1_1, 0x40).statements, ["MQTT-3.1.2-22"]);
    assert!(of(Version::V5, 0x40).statements.is_empty());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
