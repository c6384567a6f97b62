//! Statements that no bytes can break, but that bind an encoder or a decoder. `spec-vectors/exceptions.csv` refers to
//! these tests.

use crate::fixtures::from_hex;
use mqtt_wire::{
    BinaryData, Connect, Dialect, ErrorKind, Packet, Publish, QoS, TopicFilter, TopicName, Utf8Str,
    Version, Will,
};

#[test]
fn the_byte_order_mark_is_kept() {
    for (version, hex) in [
        (Version::V3_1_1, "30060004efbbbf61"),
        (Version::V5, "30070004efbbbf6100"),
    ] {
        let bytes = from_hex(hex);
        let packet = Packet::decode(&bytes, Dialect::from_client(version)).unwrap();
        let Packet::Publish(publish) = packet else {
            panic!("{packet:?}");
        };
        assert_eq!(publish.topic_name.unwrap(), "\u{feff}a");
        let mut again = [0; 16];
        let length = packet
            .encode_to_slice(Dialect::from_client(version), &mut again)
            .unwrap();
        assert_eq!(again[..length], bytes);
    }
}

#[test]
fn qos_0_has_no_packet_identifier() {
    let publish = Publish::new(TopicName::new("a").unwrap(), b"");
    assert_eq!(publish.delivery.packet_id(), None);
    for (version, hex) in [
        (Version::V3_1_1, "3003000161"),
        (Version::V5, "300400016100"),
    ] {
        let mut bytes = [0; 16];
        let dialect = Dialect::from_client(version);
        let length = Packet::from(publish).encode_to_slice(dialect, &mut bytes);
        assert_eq!(bytes[..length.unwrap()], from_hex(hex));
    }
}

#[test]
fn connect_fields_keep_their_order() {
    for (version, fields) in [
        (Version::V3_1_1, "000163 000174 00016d 000175 000170"),
        (Version::V5, "00 000163 00 000174 00016d 000175 000170"),
    ] {
        let text = |text| Utf8Str::new(text).unwrap();
        let binary = |bytes| BinaryData::new(bytes).unwrap();
        let mut connect = Connect::new(version, text("c"));
        let mut will = Will::new(TopicName::new("t").unwrap(), binary(b"m"));
        will.qos = QoS::AtLeastOnce;
        connect.will = Some(will);
        connect.user_name = Some(text("u"));
        connect.password = Some(binary(b"p"));
        let mut bytes = [0; 64];
        let dialect = Dialect::from_client(version);
        let length = Packet::from(connect).encode_to_slice(dialect, &mut bytes);
        // behind fixed header, protocol name and level, flags and Keep Alive
        assert_eq!(
            bytes[12..length.unwrap()],
            from_hex(&fields.replace(' ', ""))
        );
    }
}

#[test]
fn topics_of_more_than_65535_bytes_are_rejected() {
    let longest = "x".repeat(65_535);
    let longer = "x".repeat(65_536);
    assert!(TopicName::new(&longest).is_ok());
    assert_eq!(TopicName::new(&longer), Err(ErrorKind::FieldTooLong));
    assert!(TopicFilter::new(&longest).is_ok());
    assert_eq!(TopicFilter::new(&longer), Err(ErrorKind::FieldTooLong));
    assert!(Utf8Str::new(&longest).is_ok());
    assert_eq!(Utf8Str::new(&longer), Err(ErrorKind::FieldTooLong));
    assert!(BinaryData::new(longest.as_bytes()).is_ok());
    assert_eq!(
        BinaryData::new(longer.as_bytes()),
        Err(ErrorKind::FieldTooLong)
    );

    let publish = Publish::new(TopicName::new(&longest).unwrap(), b"");
    let dialect = Dialect::from_client(Version::V3_1_1);
    let mut bytes = vec![0; 70_000];
    let length = Packet::from(publish)
        .encode_to_slice(dialect, &mut bytes)
        .unwrap();
    assert_eq!(
        Packet::decode(&bytes[..length], dialect),
        Ok(publish.into())
    );
}
