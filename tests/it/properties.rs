//! The table of properties, written out once more: every property on every packet and on the Will,
//! from both sides, once and twice, decoded and encoded from a borrowed slice.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use mqtt_wire::{
    Ack, Auth, BinaryData, Carrier, ConnAck, Connect, Dialect, Disconnect, EncodeError, ErrorKind,
    Packet, PacketId, PacketType, Properties, PropertiesBuf, Property, PropertyId, Publish, QoS,
    ReasonCode, ReasonCodes, Sender, SubAck, Subscribe, Subscription, SubscriptionId,
    Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Utf8Str, Version, Will,
};

/// A packet or Will with properties, the side that sends it, and the identifiers that it may have.
const CARRIERS: &[(Carrier, Sender, &[u8])] = &[
    (
        Carrier::Will,
        Sender::Client,
        &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Connect),
        Sender::Client,
        &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27],
    ),
    (
        Carrier::Packet(PacketType::ConnAck),
        Sender::Server,
        &[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27,
            0x28, 0x29, 0x2a,
        ],
    ),
    (
        Carrier::Packet(PacketType::Publish),
        Sender::Client,
        &[0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Publish),
        Sender::Server,
        &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26],
    ),
    (
        Carrier::Packet(PacketType::PubAck),
        Sender::Client,
        &[0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::PubRec),
        Sender::Server,
        &[0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::PubRel),
        Sender::Client,
        &[0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::PubComp),
        Sender::Server,
        &[0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Subscribe),
        Sender::Client,
        &[0x0b, 0x26],
    ),
    (
        Carrier::Packet(PacketType::SubAck),
        Sender::Server,
        &[0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Unsubscribe),
        Sender::Client,
        &[0x26],
    ),
    (
        Carrier::Packet(PacketType::UnsubAck),
        Sender::Server,
        &[0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Disconnect),
        Sender::Client,
        &[0x11, 0x1c, 0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Disconnect),
        Sender::Server,
        &[0x1c, 0x1f, 0x26],
    ),
    (
        Carrier::Packet(PacketType::Auth),
        Sender::Client,
        &[0x15, 0x16, 0x1f, 0x26],
    ),
];

#[test]
fn every_packet_allows_exactly_the_properties_of_the_table() {
    for &(carrier, sender, allowed) in CARRIERS {
        for property in every_property() {
            let id = property.id();
            let is_allowed = allowed.contains(&(id as u8));
            match carrier {
                Carrier::Will => assert_eq!(id.is_allowed_in_will(), is_allowed),
                Carrier::Packet(packet) => assert_eq!(id.is_allowed(packet, sender), is_allowed),
            }
            let verdict = encode(carrier, sender, &[property]);
            match verdict {
                Ok(()) => assert!(is_allowed, "{carrier:?} {property:?}"),
                Err(kind) => {
                    let expected = match id {
                        _ if is_allowed => ErrorKind::AuthenticationDataWithoutMethod,
                        PropertyId::SubscriptionIdentifier
                            if carrier == Carrier::Packet(PacketType::Publish) =>
                        {
                            ErrorKind::PropertyWrongSender
                        }
                        PropertyId::SessionExpiryInterval
                            if carrier == Carrier::Packet(PacketType::Disconnect) =>
                        {
                            ErrorKind::PropertyWrongSender
                        }
                        _ => ErrorKind::PropertyNotAllowed,
                    };
                    assert_eq!(kind, expected, "{carrier:?} {property:?}");
                    assert!(!is_allowed || id == PropertyId::AuthenticationData);
                }
            }
        }
    }
}

#[test]
fn all_properties_but_two_may_appear_once() {
    for &(carrier, sender, allowed) in CARRIERS {
        for property in every_property() {
            let id = property.id();
            if !allowed.contains(&(id as u8)) || id == PropertyId::AuthenticationData {
                continue;
            }
            let may_repeat = id == PropertyId::UserProperty
                || id == PropertyId::SubscriptionIdentifier
                    && carrier == Carrier::Packet(PacketType::Publish);
            let expected = if may_repeat {
                Ok(())
            } else {
                Err(ErrorKind::DuplicateProperty)
            };
            let verdict = encode(carrier, sender, &[property, property]);
            assert_eq!(verdict, expected, "{carrier:?} {property:?}");
        }
    }
}

#[test]
fn maximum_qos_is_never_2() {
    let connack = Carrier::Packet(PacketType::ConnAck);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        assert_eq!(
            encode(connack, Sender::Server, &[Property::MaximumQoS(qos)]),
            Ok(())
        );
    }
    let refused = encode(
        connack,
        Sender::Server,
        &[Property::MaximumQoS(QoS::ExactlyOnce)],
    );
    assert_eq!(refused, Err(ErrorKind::PropertyValue));
}

#[test]
fn properties_are_found_by_their_identifier() {
    let all = every_property();
    let properties = Properties::new(&all);
    assert_eq!(properties.len(), PropertyId::ALL.len());
    for (property, id) in all.iter().zip(PropertyId::ALL) {
        assert_eq!(properties.get(*id), Some(*property));
        assert_eq!(Properties::EMPTY.get(*id), None);
    }
    let text = |text| Utf8Str::new(text).unwrap();
    let pairs = [
        Property::UserProperty(text("a"), text("1")),
        Property::ReasonString(text("between")),
        Property::UserProperty(text("a"), text("2")),
    ];
    let found: Vec<_> = Properties::new(&pairs).user_properties().collect();
    assert_eq!(found, [(text("a"), text("1")), (text("a"), text("2"))]);
}

#[test]
fn a_block_alone_names_the_byte_at_fault() {
    let dialect = Dialect::from_client(Version::V5);
    let decode = |bytes| Properties::decode(bytes, Carrier::Will, dialect);
    // Will Delay Interval; then a byte more in the Property Length, and another identifier
    assert!(decode(b"\x05\x18\0\0\0\x0a").is_ok());
    let error = decode(b"\x06\x18\0\0\0\x0a").unwrap_err();
    assert_eq!(
        (error.kind(), error.offset()),
        (ErrorKind::PropertyLength, 0)
    );
    let error = decode(b"\x05\x11\0\0\0\x0a").unwrap_err();
    assert_eq!(
        (error.kind(), error.offset()),
        (ErrorKind::PropertyNotAllowed, 1)
    );
    assert_eq!(error.packet_type(), Some(PacketType::Connect));
    assert!(Properties::decode(b"\x05\x11\0\0\0\x0a", PacketType::Connect, dialect).is_ok());
    let error = decode(b"").unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Truncated, 0));
}

#[test]
fn owned_properties_have_a_length_of_one_to_four_bytes() {
    let dialect = Dialect::from_server(Version::V5);
    let text = "x".repeat(65_535);
    for (len, length_len) in [
        (0, 1),
        (122, 1),
        (123, 2),
        (16_378, 2),
        (16_379, 3),
        (65_535, 3),
    ] {
        let name = Utf8Str::new(&text[..len]).unwrap();
        let properties = [Property::UserProperty(name, Utf8Str::EMPTY)];
        let owned = PropertiesBuf::new(&properties, PacketType::Publish, dialect).unwrap();
        assert_eq!(owned.as_bytes().len(), length_len + 5 + len);
        assert!(owned.as_properties().iter().eq(properties));
    }
    let name = Utf8Str::new(&text).unwrap();
    let properties = [Property::UserProperty(name, name); 17];
    let owned = PropertiesBuf::new(&properties, PacketType::Publish, dialect).unwrap();
    assert_eq!(owned.as_bytes().len(), 4 + 17 * (5 + 2 * 65_535));
    assert_eq!(owned.as_properties().len(), 17);

    let none = PropertiesBuf::new(&[], PacketType::Publish, dialect).unwrap();
    assert_eq!((none.as_bytes(), none.as_properties().len()), (&[0][..], 0));
    let before = Dialect::from_server(Version::V3_1_1);
    let none = PropertiesBuf::new(&[], PacketType::Publish, before).unwrap();
    assert_eq!((none.as_bytes(), none.as_properties().len()), (&[][..], 0));
    let error = PropertiesBuf::new(&properties, PacketType::Publish, before).unwrap_err();
    assert!(matches!(error, EncodeError::NotInVersion { .. }));

    // a block of 268,435,455 bytes, and of one byte more
    let longest = |len| {
        let mut properties = vec![Property::UserProperty(name, name); 2_047];
        let last = Utf8Str::new(&text[..len]).unwrap();
        properties.push(Property::UserProperty(name, last));
        Properties::new(&properties).encoded_len(PacketType::Publish, dialect)
    };
    assert_eq!(longest(59_390), Ok(4 + 268_435_455));
    assert_eq!(longest(59_391), Err(EncodeError::TooLong));
}

#[test]
fn a_block_may_be_shorter_than_the_buffer() {
    let dialect = Dialect::from_client(Version::V5);
    let properties = [Property::WillDelayInterval(10)];
    let mut buffer = [0xff; 8];
    let written = Properties::new(&properties).encode_to_slice(Carrier::Will, dialect, &mut buffer);
    assert_eq!(written, Ok(6));
    assert_eq!(&buffer, b"\x05\x18\0\0\0\x0a\xff\xff");
    let small = Properties::new(&properties).encode_to_slice(Carrier::Will, dialect, &mut [0; 5]);
    assert_eq!(small, Err(EncodeError::BufferTooSmall { needed: 6 }));
}

#[test]
fn owned_properties_are_compared_and_hashed_by_their_bytes() {
    let dialect = Dialect::from_client(Version::V5);
    let owned = |seconds| {
        let properties = [Property::WillDelayInterval(seconds)];
        PropertiesBuf::new(&properties, Carrier::Will, dialect).unwrap()
    };
    let (ten, eleven) = (owned(10), owned(11));
    assert_eq!(ten, owned(10));
    assert_ne!(ten, eleven);
    let set: HashSet<_> = [ten.clone(), owned(10), eleven.clone()].into();
    assert_eq!(set.len(), 2);
    let hash = |properties: &PropertiesBuf| {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(properties)
    };
    assert_ne!(hash(&ten), hash(&eleven));
    assert_eq!(Properties::from(&ten), ten.as_properties());
    assert_eq!(Properties::from(&ten).len(), 1);
    assert_eq!(format!("{ten:?}"), "[WillDelayInterval(10)]");
}

#[test]
fn no_properties_exist_before_5_0() {
    let properties = [Property::UserProperty(Utf8Str::EMPTY, Utf8Str::EMPTY)];
    for &(carrier, sender, _) in CARRIERS {
        for version in [Version::V3_1, Version::V3_1_1] {
            if carrier == Carrier::Packet(PacketType::Auth) {
                continue;
            }
            let dialect = Dialect::new(version, sender);
            with_packet(carrier, version, &properties, |packet| {
                assert!(
                    packet.encode_to_slice(dialect, &mut [0; 256]).is_err(),
                    "{packet:?}"
                );
            });
            with_packet(carrier, version, &[], |packet| {
                let is_sent = packet.packet_type().is_sent_in(dialect);
                let written = packet.encode_to_slice(dialect, &mut [0; 256]);
                assert_eq!(
                    written.is_ok(),
                    is_sent,
                    "{version} {packet:?}: {written:?}"
                );
            });
        }
    }
}

/// Encodes a 5.0 packet with these properties. The bytes decode to an equal packet.
fn encode(carrier: Carrier, sender: Sender, properties: &[Property<'_>]) -> Result<(), ErrorKind> {
    let mut all = properties.to_vec();
    let auth = Carrier::Packet(PacketType::Auth);
    let has_method = properties
        .iter()
        .any(|it| it.id() == PropertyId::AuthenticationMethod);
    if carrier == auth && !has_method {
        let method = Utf8Str::new("m").unwrap();
        all.insert(0, Property::AuthenticationMethod(method));
    }
    let dialect = Dialect::new(Version::V5, sender);
    let mut verdict = Ok(());
    with_packet(carrier, Version::V5, &all, |packet| {
        let mut bytes = [0; 256];
        verdict = match packet.encode_to_slice(dialect, &mut bytes) {
            Ok(length) => {
                let bytes = &bytes[..length];
                assert_eq!(packet.encoded_len(dialect), Ok(length));
                let again = Packet::decode(bytes, dialect);
                assert_eq!(again, Ok(*packet));
                // decoded properties are written as they were read
                let mut once_more = [0; 256];
                let length = again.unwrap().encode_to_slice(dialect, &mut once_more);
                assert_eq!(bytes, &once_more[..length.unwrap()]);
                Ok(())
            }
            Err(EncodeError::Violation(violation)) => Err(violation.kind()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(verdict, encode_alone(carrier, dialect, &all, packet));
    });
    verdict
}

/// Encodes properties as a block alone. The block is a part of the packet.
fn encode_alone(
    carrier: Carrier,
    dialect: Dialect,
    properties: &[Property<'_>],
    packet: &Packet<'_>,
) -> Result<(), ErrorKind> {
    let length = Properties::new(properties).encoded_len(carrier, dialect);
    let owned = match PropertiesBuf::new(properties, carrier, dialect) {
        Ok(owned) => owned,
        Err(EncodeError::Violation(violation)) => {
            assert_eq!(length, Err(EncodeError::Violation(violation)));
            assert_eq!(violation.packet_type(), Some(packet.packet_type()));
            return Err(violation.kind());
        }
        Err(error) => panic!("{error}"),
    };
    let block = owned.as_bytes();
    assert_eq!(owned.as_properties(), Properties::new(properties));
    assert_eq!(length, Ok(block.len()));
    let mut bytes = [0; 256];
    let whole = packet.encode_to_slice(dialect, &mut bytes).unwrap();
    assert!(bytes[..whole].windows(block.len()).any(|it| it == block));

    let (again, rest) = Properties::decode(block, carrier, dialect).unwrap();
    assert_eq!((again, rest), (owned.as_properties(), &b""[..]));
    let with_rest = [block, b"rest"].concat();
    let (_, rest) = Properties::decode(&with_rest, carrier, dialect).unwrap();
    assert_eq!(rest, b"rest");
    let mut room = [0; 256];
    let short = again.encode_to_slice(carrier, dialect, &mut room[..block.len() - 1]);
    let needed = block.len();
    assert_eq!(short, Err(EncodeError::BufferTooSmall { needed }));
    Ok(())
}

fn with_packet(
    carrier: Carrier,
    version: Version,
    properties: &[Property<'_>],
    then: impl FnOnce(&Packet<'_>),
) {
    use PacketType as P;
    let properties = Properties::new(properties);
    let id = PacketId::MIN;
    let mut connect = Connect::new(version, Utf8Str::new("c").unwrap());
    let packet_type = match carrier {
        Carrier::Will => {
            let mut will = Will::new(TopicName::new("t").unwrap(), BinaryData::EMPTY);
            will.properties = properties;
            connect.will = Some(will);
            return then(&connect.into());
        }
        Carrier::Packet(packet_type) => packet_type,
    };
    let ack = Ack {
        properties,
        ..Ack::new(id)
    };
    let filters = [TopicFilter::new("f").unwrap()];
    let subscriptions = [Subscription::new(filters[0], QoS::AtMostOnce)];
    let codes = [ReasonCode::Success];
    let codes = match (packet_type, version) {
        (P::UnsubAck, Version::V3_1 | Version::V3_1_1) => ReasonCodes::EMPTY,
        _ => ReasonCodes::from(&codes),
    };
    let suback = SubAck {
        properties,
        ..SubAck::new(id, codes)
    };
    connect.properties = properties;
    then(&match packet_type {
        P::Connect => connect.into(),
        P::ConnAck => {
            let mut connack = ConnAck::new(ReasonCode::Success);
            connack.properties = properties;
            connack.into()
        }
        P::Publish => {
            let mut publish = Publish::new(TopicName::new("t").unwrap(), b"");
            publish.properties = properties;
            publish.into()
        }
        P::PubAck => Packet::PubAck(ack),
        P::PubRec => Packet::PubRec(ack),
        P::PubRel => Packet::PubRel(ack),
        P::PubComp => Packet::PubComp(ack),
        P::Subscribe => {
            let mut subscribe = Subscribe::new(id, Subscriptions::from(&subscriptions));
            subscribe.properties = properties;
            subscribe.into()
        }
        P::SubAck => Packet::SubAck(suback),
        P::Unsubscribe => {
            let mut unsubscribe = Unsubscribe::new(id, TopicFilters::from(&filters));
            unsubscribe.properties = properties;
            unsubscribe.into()
        }
        P::UnsubAck => Packet::UnsubAck(suback),
        P::PingReq => Packet::PingReq,
        P::PingResp => Packet::PingResp,
        P::Disconnect => {
            let mut disconnect = Disconnect::new(ReasonCode::Success);
            disconnect.properties = properties;
            disconnect.into()
        }
        P::Auth => Auth::new(ReasonCode::ContinueAuthentication, properties).into(),
    });
}

/// One of each, in the order of [`PropertyId::ALL`].
fn every_property() -> [Property<'static>; 27] {
    let text = Utf8Str::new("text").unwrap();
    let data = BinaryData::new(b"\x00data").unwrap();
    let topic = TopicName::new("topic").unwrap();
    [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(0x0102_0304),
        Property::ContentType(text),
        Property::ResponseTopic(topic),
        Property::CorrelationData(data),
        Property::SubscriptionIdentifier(SubscriptionId::new(200).unwrap()),
        Property::SessionExpiryInterval(u32::MAX),
        Property::AssignedClientIdentifier(text),
        Property::ServerKeepAlive(0x0102),
        Property::AuthenticationMethod(text),
        Property::AuthenticationData(data),
        Property::RequestProblemInformation(false),
        Property::WillDelayInterval(1),
        Property::RequestResponseInformation(true),
        Property::ResponseInformation(text),
        Property::ServerReference(text),
        Property::ReasonString(text),
        Property::ReceiveMaximum(0x0102.try_into().unwrap()),
        Property::TopicAliasMaximum(0x0304),
        Property::TopicAlias(0x0506.try_into().unwrap()),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::UserProperty(text, Utf8Str::EMPTY),
        Property::MaximumPacketSize(0x0102_0304.try_into().unwrap()),
        Property::WildcardSubscriptionAvailable(true),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(true),
    ]
}
