//! Answers that fit into a Maximum Packet Size: which properties are left out, and when.

use crate::invariants::{self, dialects};
use mqtt_wire::{
    Ack, ConnAck, Dialect, EncodeError, ErrorKind, Packet, PacketId, PacketType, Properties,
    Property, PropertyId, ReasonCode, ReasonCodes, Sender, SubAck, Utf8Str, Version,
};

#[test]
fn only_the_necessary_properties_are_left_out() {
    let mut left_out = std::collections::BTreeMap::new();
    for_each_packet(|packet, dialect| {
        let without_reason = shortened(&packet, dialect, &[PropertyId::ReasonString]);
        let both = [PropertyId::ReasonString, PropertyId::UserProperty];
        let without_both = shortened(&packet, dialect, &both);
        let whole = encode(packet, dialect);
        for max_len in [whole.len(), without_reason.len(), without_both.len()] {
            for max_len in [max_len - 1, max_len] {
                let expected = [&whole, &without_reason, &without_both]
                    .into_iter()
                    .find(|bytes| bytes.len() <= max_len);
                let fit = packet.fit(dialect, max_len as u32);
                let Some(expected) = expected else {
                    let error = fit.unwrap_err();
                    let shortest = whole
                        .len()
                        .min(without_reason.len())
                        .min(without_both.len());
                    let (needed, max) = (shortest as u32, max_len as u32);
                    assert_eq!(
                        error,
                        EncodeError::TooLarge {
                            needed,
                            max,
                            dialect
                        }
                    );
                    let id = match dialect.sender() {
                        _ if dialect.version() != Version::V5 => None,
                        Sender::Server => Some("MQTT-3.1.2-24"),
                        Sender::Client => Some("MQTT-3.2.2-15"),
                    };
                    assert_eq!(error.statement().map(|it| it.id()), id);
                    let mut unchanged = vec![0xa5];
                    assert_eq!(
                        packet.encode_within(dialect, max, &mut unchanged),
                        Err(error)
                    );
                    assert_eq!(unchanged, [0xa5]);
                    continue;
                };
                let fit = fit.unwrap();
                assert_eq!(fit.encoded_len(dialect).unwrap(), expected.len());
                let mut bytes = vec![0; expected.len()];
                assert_eq!(fit.encode_to_slice(dialect, &mut bytes), Ok(expected.len()));
                assert_eq!(&bytes, expected, "{packet:?}");
                let mut appended = Vec::new();
                assert_eq!(fit.encode(dialect, &mut appended), Ok(expected.len()));
                assert_eq!(appended, bytes);
                appended.clear();
                let within = packet.encode_within(dialect, max_len as u32, &mut appended);
                assert_eq!((within, &appended), (Ok(expected.len()), &bytes));
                let needed = expected.len();
                let too_small = Err(EncodeError::BufferTooSmall { needed });
                assert_eq!(fit.encode_to_slice(dialect, &mut bytes[1..]), too_small);
                assert_eq!(
                    Packet::decode(expected, dialect).unwrap().packet_id(),
                    packet.packet_id()
                );

                let lacks_reason = lacks(&packet, &fit, PropertyId::ReasonString);
                let lacks_user = lacks(&packet, &fit, PropertyId::UserProperty);
                let has = |id| packet.properties().get(id).is_some();
                let expected_to_lack = has(PropertyId::ReasonString) && *expected != whole;
                assert_eq!(lacks_reason, expected_to_lack);
                let expected_to_lack = has(PropertyId::UserProperty)
                    && *expected == without_both
                    && without_both != without_reason;
                assert_eq!(lacks_user, expected_to_lack);
                if lacks_reason || lacks_user {
                    *left_out.entry(packet.packet_type()).or_insert(0) += 1;
                }
            }
        }
    });
    // all nine packets that may go without
    assert_eq!(left_out.len(), 9, "{left_out:?}");
}

#[test]
fn a_client_that_does_not_ask_gets_no_problem_information() {
    let mut left_out = 0;
    for_each_packet(|packet, dialect| {
        let fit = packet.without_problem_information();
        let mut bytes = Vec::new();
        fit.encode(dialect, &mut bytes).unwrap();
        let exempt = [
            PacketType::Publish,
            PacketType::ConnAck,
            PacketType::Disconnect,
        ];
        let is_bound = !exempt.contains(&packet.packet_type());
        let both = [PropertyId::ReasonString, PropertyId::UserProperty];
        let expected = if is_bound {
            shortened(&packet, dialect, &both)
        } else {
            encode(packet, dialect)
        };
        assert_eq!(bytes, expected, "{packet:?}");
        let is_shorter = both.iter().any(|&id| lacks(&packet, &fit, id));
        assert!(is_bound || !is_shorter);
        left_out += usize::from(is_shorter);
    });
    assert!(left_out > 50, "{left_out}");
}

#[test]
fn a_packet_without_properties_has_the_short_form() {
    let dialect = Dialect::from_server(Version::V5);
    let properties = [Property::ReasonString(Utf8Str::new("a reason").unwrap())];
    let properties = Properties::new(&properties);
    let fit = |packet: Packet<'_>| {
        let mut bytes = Vec::new();
        packet
            .fit(dialect, 6)
            .unwrap()
            .encode(dialect, &mut bytes)
            .unwrap();
        bytes
    };
    let packet_id = PacketId::MIN;
    let mut ack = Ack::new(packet_id);
    ack.properties = properties;
    assert_eq!(fit(Packet::PubRel(ack)), b"\x62\x02\x00\x01");
    ack.reason_code = ReasonCode::PacketIdentifierNotFound;
    assert_eq!(fit(Packet::PubRel(ack)), b"\x62\x03\x00\x01\x92");
    let connack = ConnAck {
        properties,
        ..ConnAck::new(ReasonCode::Banned)
    };
    assert_eq!(fit(connack.into()), b"\x20\x03\x00\x8a\x00");
    let codes = [ReasonCode::GrantedQos1];
    let suback = SubAck {
        properties,
        ..SubAck::new(packet_id, ReasonCodes::new(&codes))
    };
    assert_eq!(fit(Packet::SubAck(suback)), b"\x90\x04\x00\x01\x00\x01");
}

#[test]
fn a_shortened_packet_can_be_shortened_again() {
    let dialect = Dialect::from_server(Version::V5);
    let text = |text| Utf8Str::new(text).unwrap();
    let properties = [
        Property::ReasonString(text("a")),
        Property::UserProperty(text("b"), text("c")),
    ];
    let mut ack = Ack::new(PacketId::MIN);
    ack.properties = Properties::new(&properties);
    let mut packet = Packet::PubAck(ack);
    for (max_len, fit_len) in [(17, 17), (16, 13), (13, 13), (12, 4), (4, 4)] {
        packet = packet.fit(dialect, max_len).unwrap();
        assert_eq!(packet.encoded_len(dialect), Ok(fit_len), "{max_len}");
    }
}

#[test]
fn a_packet_with_an_invalid_property_is_rejected_even_if_it_would_be_left_out() {
    let reason = Property::ReasonString(Utf8Str::new("a reason").unwrap());
    let properties = [reason, reason];
    let mut ack = Ack::new(PacketId::MIN);
    ack.properties = Properties::new(&properties);
    let refused = Packet::PubAck(ack).fit(Dialect::from_server(Version::V5), 4);
    let Err(EncodeError::Violation(violation)) = refused.map(|_| ()) else {
        panic!("fits");
    };
    assert_eq!(violation.kind(), ErrorKind::DuplicateProperty);
}

/// Whether `packet` has a property that `fit` lacks.
fn lacks(packet: &Packet<'_>, fit: &Packet<'_>, id: PropertyId) -> bool {
    let has = |packet: &Packet<'_>| packet.properties().get(id).is_some();
    has(packet) && !has(fit)
}

fn for_each_packet(mut each: impl FnMut(Packet<'_>, Dialect)) {
    for dialect in dialects() {
        let types = PacketType::ALL.into_iter();
        for packet_type in types.filter(|it| it.is_sent_in(dialect)) {
            for bytes in invariants::packets(packet_type, dialect, 40) {
                let packet = Packet::decode(&bytes, dialect).unwrap();
                each(packet, dialect);
                let properties: Vec<_> = properties_of(&packet).into_iter().flatten().collect();
                each(
                    with_properties(packet, Properties::new(&properties)),
                    dialect,
                );
            }
        }
    }
}

fn encode(packet: Packet<'_>, dialect: Dialect) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(dialect, &mut bytes).unwrap();
    bytes
}

/// The bytes of a packet without some of its properties, where the standard lets it go without.
fn shortened(packet: &Packet<'_>, dialect: Dialect, without: &[PropertyId]) -> Vec<u8> {
    let kept: Vec<_> = properties_of(packet)
        .into_iter()
        .flatten()
        .filter(|property| !without.contains(&property.id()))
        .collect();
    encode(with_properties(*packet, Properties::new(&kept)), dialect)
}

fn with_properties<'a>(mut packet: Packet<'a>, properties: Properties<'a>) -> Packet<'a> {
    match &mut packet {
        Packet::ConnAck(packet) => packet.properties = properties,
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => packet.properties = properties,
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => packet.properties = properties,
        Packet::Disconnect(packet) => packet.properties = properties,
        Packet::Auth(packet) => packet.properties = properties,
        _ => {}
    }
    packet
}

fn properties_of<'a>(packet: &Packet<'a>) -> Option<Properties<'a>> {
    match packet {
        Packet::ConnAck(packet) => Some(packet.properties),
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => Some(packet.properties),
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => Some(packet.properties),
        Packet::Disconnect(packet) => Some(packet.properties),
        Packet::Auth(packet) => Some(packet.properties),
        _ => None,
    }
}
