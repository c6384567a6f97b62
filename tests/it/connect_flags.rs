//! The heart of CONNECT: all 256 values of the Connect Flags in each version, against
//! `spec-vectors/connect-flags.csv`, each with the payload that it announces, and with more and
//! less than that.

use mqtt_wire::{Connect, Dialect, ErrorKind, Field, Packet, ReasonCode, Version};

const TABLE: &str = include_str!("../../spec-vectors/connect-flags.csv");

/// Flags, and in each version the statements that they break, in no order.
fn rows() -> impl Iterator<Item = (u8, [Vec<&'static str>; 3])> {
    TABLE.lines().skip(1).map(|line| {
        let mut cells = line.split(',');
        let flags = cells.next().unwrap().strip_prefix("0x").unwrap();
        let statements = [(); 3].map(|()| match cells.next().unwrap() {
            "ok" => Vec::new(),
            ids => ids.split(' ').collect(),
        });
        (u8::from_str_radix(flags, 16).unwrap(), statements)
    })
}

/// A payload field that flags may announce.
const WILL: u8 = 0x04;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// A CONNECT with these flags, and the fields that `announced` tells; with the offset of each.
fn connect(version: Version, flags: u8, announced: u8) -> (Vec<u8>, Vec<(u8, usize)>) {
    let v5 = version == Version::V5;
    let name = version.protocol_name();
    let mut bytes = vec![0x10, 0, 0, name.len() as u8];
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&[version.protocol_level(), flags, 0, 60]);
    if v5 {
        bytes.push(0);
    }
    bytes.extend_from_slice(b"\0\x01c");
    let mut fields = Vec::new();
    if announced & WILL != 0 {
        fields.push((WILL, bytes.len()));
        if v5 {
            bytes.push(0);
        }
        bytes.extend_from_slice(b"\0\x01t\0\x01m");
    }
    if announced & USER_NAME != 0 {
        fields.push((USER_NAME, bytes.len()));
        bytes.extend_from_slice(b"\0\x01u");
    }
    if announced & PASSWORD != 0 {
        fields.push((PASSWORD, bytes.len()));
        bytes.extend_from_slice(b"\0\x01p");
    }
    bytes[1] = (bytes.len() - 2) as u8;
    (bytes, fields)
}

/// Decodes in both ways, which have to agree.
fn decode(bytes: &[u8], version: Version) -> Result<Connect<'_>, mqtt_wire::DecodeError> {
    let connect = Connect::decode(bytes);
    let packet = Packet::decode(bytes, Dialect::from_client(version));
    assert_eq!(packet, connect.map(Packet::Connect));
    connect
}

#[test]
fn every_value_in_every_version_matches_the_table() {
    let mut verdicts = 0;
    for (flags, statements) in rows() {
        for (version, mut expected) in Version::ALL.into_iter().zip(statements) {
            verdicts += 1;
            let (bytes, _) = connect(version, flags, flags);
            let flags_offset = 2 + 2 + version.protocol_name().len() + 1;
            match decode(&bytes, version) {
                Ok(connect) => {
                    assert!(expected.is_empty(), "{version} {flags:#04x} is accepted");
                    check_fields(&connect, flags);
                }
                Err(error) => {
                    let mut ids: Vec<_> = error.statements().map(|it| it.id()).collect();
                    ids.sort_unstable();
                    expected.sort_unstable();
                    assert_eq!(ids, expected, "{version} {flags:#04x}: {error}");
                    assert_eq!(error.field(), Field::ConnectFlags);
                    assert_eq!(error.offset(), flags_offset);
                    assert_eq!(error.value(), u32::from(flags));
                    let code = (version == Version::V5).then_some(ReasonCode::MalformedPacket);
                    assert_eq!(error.reason_code(), code);
                }
            }
        }
    }
    assert_eq!(verdicts, 768);
}

fn check_fields(connect: &Connect<'_>, flags: u8) {
    assert_eq!(connect.clean_start, flags & 0x02 != 0);
    assert_eq!(connect.will.is_some(), flags & WILL != 0);
    if let Some(will) = connect.will {
        assert_eq!(will.qos as u8, flags >> 3 & 3);
        assert_eq!(will.retain, flags & 0x20 != 0);
        assert_eq!(
            (will.topic.as_str(), will.payload.as_bytes()),
            ("t", &b"m"[..])
        );
    }
    assert_eq!(connect.user_name.is_some(), flags & USER_NAME != 0);
    assert_eq!(connect.password.is_some(), flags & PASSWORD != 0);
}

#[test]
fn a_field_that_the_flags_announce_is_required() {
    for (flags, statements) in rows() {
        for (version, broken) in Version::ALL.into_iter().zip(statements) {
            if !broken.is_empty() {
                continue;
            }
            let (bytes, fields) = connect(version, flags, flags);
            for (field, offset) in fields {
                // the packet ends where the field should begin
                let mut cut = bytes[..offset].to_vec();
                cut[1] = (offset - 2) as u8;
                let verdict = decode(&cut, version);
                if version == Version::V3_1 && field != WILL {
                    // Remaining Length wins over these two flags
                    let connect = verdict.unwrap();
                    assert_eq!(connect.password, None);
                    assert_eq!(connect.user_name.is_some(), field == PASSWORD);
                    continue;
                }
                let error = verdict.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Truncated);
                assert_eq!(error.offset(), offset);
                let id = match (version, field) {
                    (Version::V3_1, _) => "U31-remlen",
                    (_, WILL) => "MQTT-3.1.2-9",
                    (Version::V3_1_1, USER_NAME) => "MQTT-3.1.2-19",
                    (Version::V3_1_1, _) => "MQTT-3.1.2-21",
                    (Version::V5, USER_NAME) => "MQTT-3.1.2-17",
                    (Version::V5, _) => "MQTT-3.1.2-19",
                };
                assert_eq!(error.statement().unwrap().id(), id);
            }
        }
    }
}

#[test]
fn a_field_that_the_flags_exclude_is_rejected() {
    for (flags, statements) in rows() {
        for (version, broken) in Version::ALL.into_iter().zip(statements) {
            if !broken.is_empty() {
                continue;
            }
            let (plain, _) = connect(version, flags, flags);
            // all fields that come after those that the flags announce
            for more in [WILL, USER_NAME, PASSWORD] {
                let after = flags & !(more - 1) & (WILL | USER_NAME | PASSWORD);
                if flags & more != 0 || (more == WILL && after != 0) {
                    continue;
                }
                if more == USER_NAME && flags & PASSWORD != 0 {
                    continue;
                }
                let (bytes, _) = connect(version, flags, flags | more);
                let error = decode(&bytes, version).unwrap_err();
                assert_eq!(
                    error.offset(),
                    plain.len(),
                    "{version} {flags:#04x} {more:#04x}"
                );
                let id = match (version, more) {
                    (Version::V3_1, _) => "U31-remlen",
                    (Version::V3_1_1, WILL) => "MQTT-3.1.2-11",
                    (Version::V3_1_1, USER_NAME) => "MQTT-3.1.2-18",
                    // without a user name it is the user name that is read
                    (Version::V3_1_1, _) if flags & USER_NAME == 0 => "MQTT-3.1.2-18",
                    (Version::V3_1_1, _) => "MQTT-3.1.2-20",
                    (Version::V5, WILL) => "MQTT-3.1.4-1",
                    (Version::V5, USER_NAME) => "MQTT-3.1.2-16",
                    (Version::V5, _) if flags & USER_NAME == 0 => "MQTT-3.1.2-16",
                    (Version::V5, _) => "MQTT-3.1.2-18",
                };
                assert_eq!(
                    error.statement().unwrap().id(),
                    id,
                    "{flags:#04x} {more:#04x}"
                );
            }
            // and one byte that is no field
            let mut bytes = plain.clone();
            bytes.push(0);
            bytes[1] += 1;
            let error = decode(&bytes, version).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TrailingBytes);
            assert_eq!(error.offset(), plain.len());
        }
    }
}
