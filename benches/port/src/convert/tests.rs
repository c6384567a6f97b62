//! Both conversions beside the original, on the packets in `spec-vectors/`.

use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use mqtt_wire::{Dialect, EncodeError, ErrorKind, Sender, Version};
use rumqttc::mqttbytes::{self, v4};
use rumqttc::v5::mqttbytes::{Error as V5Error, v5};
use serde_json::Value;

use super::{Error, v4 as convert_v4, v5 as convert_v5};

const SERVER: Dialect = Dialect::from_server(Version::V5);
const CLIENT: Dialect = Dialect::from_client(Version::V5);

#[test]
fn valid_packets_are_read_as_the_original_reads_them() {
    let mut counts = [0; 2];
    each_vector("valid", |name, dialect, bytes| {
        let (equal, theirs, ours) = if dialect.version() == Version::V5 {
            let theirs = v5::Packet::read(&mut BytesMut::from(bytes), None);
            let ours = read_v5(bytes, dialect);
            let equal = ours.as_ref().ok() == theirs.as_ref().ok();
            (equal, theirs.is_ok(), ours.err())
        } else {
            let theirs = v4::Packet::read(&mut BytesMut::from(bytes), usize::MAX);
            let ours = read_v4(bytes, dialect);
            let equal = ours.as_ref().ok() == theirs.as_ref().ok();
            (equal, theirs.is_ok(), ours.err())
        };
        // where the original fails: it has no type for the packet, or see the tests below
        let expected = match name {
            _ if name.starts_with("auth/") => Some(Error::NoCounterpart),
            "connect/binary-password-v3.1.1.json" => Some(Error::NoCounterpart),
            "disconnect/bad-authentication-method-v5.0.json" => Some(Error::NoCounterpart),
            _ => None,
        };
        let short_disconnect = name.starts_with("disconnect/") && bytes.len() < 4;
        assert_eq!(ours, expected, "{name}");
        assert!(equal || short_disconnect && !theirs, "{name}");
        counts[usize::from(dialect.version() == Version::V5)] += 1;
    });
    assert!(counts.into_iter().all(|count| count > 50), "{counts:?}");
}

#[test]
fn packets_are_written_as_the_original_writes_them() {
    each_vector("valid", |name, dialect, bytes| {
        let (mut theirs, mut ours) = (BytesMut::new(), BytesMut::new());
        if dialect.version() == Version::V5 {
            let Ok(packet) = read_v5(bytes, dialect) else {
                return;
            };
            packet.write(&mut theirs, None).unwrap();
            let len = convert_v5::write(&packet, dialect, u32::MAX, &mut ours);
            assert_eq!(len, Ok(ours.len()), "{name}");
            assert_eq!(read_v5(&ours, dialect), Ok(packet), "{name}");
        } else {
            let Ok(packet) = read_v4(bytes, dialect) else {
                return;
            };
            packet.write(&mut theirs, usize::MAX).unwrap();
            let len = convert_v4::write(&packet, dialect, u32::MAX, &mut ours);
            assert_eq!(len, Ok(ours.len()), "{name}");
            assert_eq!(read_v4(&ours, dialect), Ok(packet), "{name}");
        }
        // the original writes an empty Property Length where 5.0 can omit it
        let without_properties = theirs
            .strip_suffix(&[0])
            .filter(|it| it.len() == ours.len());
        assert!(
            theirs == ours || without_properties.is_some_and(|it| it[2..] == ours[2..]),
            "{name}: {theirs:x}, {ours:x}"
        );
    });
}

#[test]
fn invalid_packets_are_refused() {
    each_vector("invalid", |name, dialect, bytes| {
        let refused = if dialect.version() == Version::V5 {
            read_v5(bytes, dialect).is_err()
        } else {
            read_v4(bytes, dialect).is_err()
        };
        assert!(refused, "{name}");
    });
}

#[test]
fn an_incomplete_packet_stays_in_the_stream() {
    let mut stream = BytesMut::from(&b"\x40\x02\x00\x07\x40\x02"[..]);
    let dialect = Dialect::from_server(Version::V3_1_1);
    let read = convert_v4::read(&mut stream, dialect, 4);
    assert_eq!(read, Ok(Some(v4::Packet::PubAck(v4::PubAck::new(7)))));
    assert_eq!(convert_v4::read(&mut stream, dialect, 4), Ok(None));
    assert_eq!(&stream[..], b"\x40\x02");
    stream.extend_from_slice(b"\x00\x00");
    let read = convert_v4::read(&mut stream, dialect, 4);
    assert!(matches!(read, Err(Error::Decode(error)) if error.kind() == ErrorKind::PacketIdZero));
}

#[test]
fn values_that_break_a_rule_are_not_written() {
    let publish = |topic: &[u8], pkid, properties| {
        let qos = rumqttc::v5::mqttbytes::QoS::AtLeastOnce;
        let mut publish = v5::Publish::new("", qos, "on", properties);
        publish.topic = Bytes::copy_from_slice(topic);
        publish.pkid = pkid;
        let (packet, mut buffer) = (v5::Packet::Publish(publish), BytesMut::new());
        let written = convert_v5::write(&packet, CLIENT, 12, &mut buffer);
        assert!(written.is_ok() || buffer.is_empty());
        written
    };
    let kind = |kind| Err(Error::from(kind));
    assert_eq!(publish(b"a", 1, None), Ok(10));
    assert_eq!(publish(b"a", 0, None), kind(ErrorKind::PacketIdZero));
    assert_eq!(
        publish(b"a/+", 1, None),
        kind(ErrorKind::WildcardInTopicName)
    );
    assert_eq!(publish(b"\xff", 1, None), kind(ErrorKind::InvalidUtf8));
    let alias = |number| {
        Some(v5::PublishProperties {
            topic_alias: Some(number),
            ..v5::PublishProperties::default()
        })
    };
    assert_eq!(publish(b"", 1, alias(5)), Ok(12));
    assert_eq!(publish(b"", 1, alias(0)), kind(ErrorKind::PropertyValue));
    assert!(matches!(publish(b"", 1, None), Err(Error::Encode(_))));
    let too_large = EncodeError::TooLarge {
        needed: 13,
        max: 12,
        dialect: CLIENT,
    };
    assert_eq!(publish(b"a", 1, alias(5)), Err(Error::Encode(too_large)));
}

#[test]
fn the_original_reads_no_short_disconnect() {
    let read = |bytes: &[u8]| v5::Packet::read(&mut BytesMut::from(bytes), None);
    assert!(matches!(read(b"\xe0\x00"), Err(V5Error::PayloadRequired)));
    // it asks for more bytes of a packet that is complete
    assert!(matches!(
        read(b"\xe0\x01\x8e"),
        Err(V5Error::InsufficientBytes(1))
    ));
    assert!(read_v5(b"\xe0\x00", SERVER).is_ok());
    assert!(read_v5(b"\xe0\x01\x8e", SERVER).is_ok());
}

#[test]
fn the_original_writes_a_byte_behind_a_disconnect() {
    let reason = v5::DisconnectReasonCode::DisconnectWithWillMessage;
    let packet = v5::Packet::Disconnect(v5::Disconnect::new(reason));
    let (mut theirs, mut ours) = (BytesMut::new(), BytesMut::new());
    packet.write(&mut theirs, None).unwrap();
    convert_v5::write(&packet, CLIENT, u32::MAX, &mut ours).unwrap();
    assert_eq!(
        (&theirs[..], &ours[..]),
        (&b"\xe0\x01\x04\x00"[..], &b"\xe0\x01\x04"[..])
    );
}

#[test]
fn the_original_takes_a_third_subscription_identifier_for_payload() {
    let bytes = b"\x30\x0b\x00\x01a\x06\x0b\x01\x0b\x02\x0b\x03X";
    let v5::Packet::Publish(theirs) =
        v5::Packet::read(&mut BytesMut::from(&bytes[..]), None).unwrap()
    else {
        panic!("a PUBLISH");
    };
    assert_eq!(theirs.payload, "\x0b\x03X");
    let Ok(v5::Packet::Publish(ours)) = read_v5(bytes, SERVER) else {
        panic!("a PUBLISH");
    };
    assert_eq!(ours.payload, "X");
    assert_eq!(ours.properties.unwrap().subscription_identifiers, [1, 2, 3]);
}

#[test]
fn the_original_writes_the_flags_of_a_connect_to_the_wrong_place() {
    let mut connect = v4::Connect::new("p");
    connect.login = Some(v4::Login::new("u", "p"));
    let packet = v4::Packet::Connect(connect);
    let dialect = Dialect::from_client(Version::V3_1_1);
    let (mut theirs, mut ours) = (
        BytesMut::from(&[0xff; 20][..]),
        BytesMut::from(&[0xff; 20][..]),
    );
    packet.write(&mut theirs, usize::MAX).unwrap();
    convert_v4::write(&packet, dialect, u32::MAX, &mut ours).unwrap();
    assert_eq!((theirs[9], ours[9]), (0xc2, 0xff));
    assert_eq!((theirs[29], ours[29]), (0x02, 0xc2));
}

#[test]
fn the_original_leaves_a_part_of_a_packet_that_it_refuses() {
    let qos = mqttbytes::QoS::AtLeastOnce;
    let packet = v4::Packet::Publish(v4::Publish::new("a", qos, "on"));
    let mut buffer = BytesMut::new();
    assert!(packet.write(&mut buffer, usize::MAX).is_err());
    assert_eq!(&buffer[..], b"\x32\x05\x00\x01a");
}

/// A whole packet, or the error. An incomplete packet is an error of this test.
fn read_v5(bytes: &[u8], dialect: Dialect) -> Result<v5::Packet, Error> {
    let packet = convert_v5::read(&mut BytesMut::from(bytes), dialect, u32::MAX)?;
    Ok(packet.expect("a whole packet"))
}

fn read_v4(bytes: &[u8], dialect: Dialect) -> Result<v4::Packet, Error> {
    let packet = convert_v4::read(&mut BytesMut::from(bytes), dialect, u32::MAX)?;
    Ok(packet.expect("a whole packet"))
}

/// All valid or all invalid packets of 3.1.1 and 5.0, with their names.
fn each_vector(folder: &str, mut each: impl FnMut(&str, Dialect, &[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-vectors");
    for packet in fs::read_dir(&root).unwrap() {
        let packet = packet.unwrap().file_name();
        let packet = packet.to_str().unwrap();
        // conversations are no single packets, and other entries have no such folder
        let files = fs::read_dir(root.join(packet).join(folder));
        let Some(files) = files.ok().filter(|_| packet != "conversations") else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            let file = path.file_name().and_then(|name| name.to_str()).unwrap();
            let vector: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let sender = match vector["direction"].as_str().unwrap() {
                "client-to-server" => Sender::Client,
                _ => Sender::Server,
            };
            for version in vector["versions"].as_array().unwrap() {
                let version: Version = version.as_str().unwrap().parse().unwrap();
                if version != Version::V3_1 {
                    let dialect = Dialect::new(version, sender);
                    each(&format!("{packet}/{file}"), dialect, &wire(&vector));
                }
            }
        }
    }
}

fn wire(vector: &Value) -> Vec<u8> {
    let fields = vector["wire"].as_array().unwrap().iter();
    let digits: String = fields.map(|field| field[0].as_str().unwrap()).collect();
    let bytes = (0..digits.len()).step_by(2);
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    bytes.map(byte).collect()
}
