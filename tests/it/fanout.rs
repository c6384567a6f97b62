//! Copies of messages: which properties are forwarded, which are lost, and that a shared copy equals the packet.

use std::io::IoSlice;

use crate::invariants::forwarding::by_hand;
use crate::invariants::{self, dialects};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use mqtt_wire::fanout::{Copies, Envelope, Forward, ForwardError, SharedPublish};
use mqtt_wire::{
    Delivery, Dialect, EncodeError, ErrorKind, Field, Packet, PacketId, PacketType, Properties,
    Property, PropertyId, Publish, Sender, SubscriptionId, TopicName, Utf8Str, Version, Waivers,
};

#[test]
fn a_copy_equals_the_packet_encoded_by_hand() {
    let mut compared = 0;
    for_each_publish(|publish| {
        let topic_name = publish.topic_name.unwrap();
        let payload = Bytes::copy_from_slice(publish.payload);
        let shared = SharedPublish::new(topic_name, publish.properties, payload).unwrap();
        for envelope in envelopes() {
            let dialect = envelope.dialect;
            let length = publish.payload.len() as u32;
            let forward = Forward::new(topic_name, publish.properties, length, envelope);
            let copy = shared.copy_for(envelope);
            let copies = shared.copies(envelope);
            let expected = match by_hand(publish, envelope) {
                Some(properties) => properties,
                None => {
                    assert_eq!(forward.err(), Some(ForwardError::Expired));
                    assert_eq!(copy.err(), Some(ForwardError::Expired));
                    assert_eq!(copies.err(), Some(ForwardError::Expired));
                    continue;
                }
            };
            let expected = Packet::from(Publish {
                delivery: envelope.delivery,
                retain: envelope.retain,
                topic_name: Some(topic_name),
                properties: Properties::new(&expected),
                payload: publish.payload,
            });
            let mut bytes = Vec::new();
            expected.encode(dialect, &mut bytes).unwrap();

            let mut copy = copy.unwrap();
            assert_eq!(copy.remaining(), bytes.len());
            assert_eq!(copy.copy_to_bytes(bytes.len()), bytes);
            assert!(!copy.has_remaining());

            assert_each_copy_equals(&copies.unwrap(), expected, dialect);

            let forward = forward.unwrap();
            assert_eq!(forward.encoded_len(), bytes.len());
            let mut head = Vec::new();
            let head_len = forward.encode(&mut head).unwrap();
            assert_eq!(head.len(), head_len);
            assert_eq!(forward.payload().left(), length);
            assert_eq!(head[..], bytes[..bytes.len() - publish.payload.len()]);
            let mut buffer = vec![0; head_len];
            let too_small = Err(EncodeError::BufferTooSmall { needed: head_len });
            assert_eq!(
                forward.encode_to_slice(&mut buffer[..head_len - 1]),
                too_small
            );
            assert_eq!(forward.encode_to_slice(&mut buffer), Ok(head_len));
            assert_eq!(buffer, head);
            let mut small = Vec::new().limit(head_len - 1);
            assert_eq!(forward.encode(&mut small), too_small);
            assert!(small.get_ref().is_empty());
            let mut exact = Vec::new().limit(head_len);
            assert_eq!(forward.encode(&mut exact), Ok(head_len));
            assert_eq!(exact.into_inner(), head);
            compared += 1;
        }
    });
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn a_copy_of_any_length_equals_the_packet() {
    let topic_name = TopicName::new("a/b").unwrap();
    let text = Utf8Str::new("x").unwrap();
    let user_properties = [Property::UserProperty(text, text); 30];
    let mut payload_lengths = vec![0, 1, 4095, 4096, 4097, 20_000];
    payload_lengths.extend(100..=128);
    payload_lengths.extend(16_170..=16_384);
    for len in payload_lengths {
        let payload = Bytes::from(vec![b'x'; len]);
        for properties in [&[], &user_properties[..1], &user_properties[..]] {
            let properties = Properties::new(properties);
            let shared = SharedPublish::new(topic_name, properties, payload.clone()).unwrap();
            for envelope in envelopes() {
                let publish = Publish {
                    delivery: envelope.delivery,
                    retain: envelope.retain,
                    topic_name: Some(topic_name),
                    properties,
                    payload: &payload,
                };
                let properties = by_hand(publish, envelope).unwrap();
                let properties = Properties::new(&properties);
                let publish = Publish {
                    properties,
                    ..publish
                };
                let copies = shared.copies(envelope).unwrap();
                assert_each_copy_equals(&copies, publish.into(), envelope.dialect);
                let behind = copies.payload().map(|it| it.as_ptr());
                assert_eq!(behind, (len > 4096).then_some(payload.as_ptr()));
            }
        }
    }
}

#[test]
fn copies_do_not_write_the_packet_identifier_0() {
    let topic_name = TopicName::new("a").unwrap();
    let shared = SharedPublish::new(topic_name, Properties::EMPTY, Bytes::new()).unwrap();
    let zero = packet_id_zero();
    for version in Version::ALL {
        let mut envelope = Envelope::new(Dialect::from_server(version));
        let mut out = BytesMut::from("before");
        let copies = shared.copies(envelope).unwrap();
        // with QoS 0 there is no Packet Identifier
        assert_eq!(copies.append_with_id(zero, true, &mut out), Ok(()));
        let (before, copy) = out.split_at(6);
        assert_eq!(before, b"before");
        assert_eq!(copy[0], 0x30);
        assert_eq!(copy.len(), copies.encoded_len());

        envelope.delivery = Delivery::AtLeastOnce {
            packet_id: PacketId::MIN,
            dup: false,
        };
        let copies = shared.copies(envelope).unwrap();
        let mut out = BytesMut::from("before");
        let refused = copies.append_with_id(zero, false, &mut out);
        let Err(EncodeError::Violation(violation)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(violation.kind(), ErrorKind::PacketIdZero);
        assert_eq!(violation.version(), Some(version));
        assert_eq!(out, "before");
    }
}

#[test]
fn properties_that_a_version_lacks_are_reported() {
    let mut lost_properties = 0;
    for_each_publish(|publish| {
        let topic_name = publish.topic_name.unwrap();
        let shared = SharedPublish::new(topic_name, publish.properties, Bytes::new()).unwrap();
        for version in Version::ALL {
            let envelope = Envelope::new(Dialect::from_server(version));
            let forward = Forward::new(topic_name, publish.properties, 0, envelope).unwrap();
            let lost: Vec<_> = forward.lost().collect();
            assert!(shared.lost_in(version).eq(lost.iter().copied()));
            let carried = by_hand(publish, Envelope::new(Dialect::from_server(Version::V5)));
            match version {
                Version::V5 => assert!(lost.is_empty()),
                _ => assert_eq!(Some(&lost), carried.as_ref()),
            }
            lost_properties += lost.len();
        }
    });
    assert!(lost_properties > 100, "{lost_properties}");
}

#[test]
fn connection_properties_are_not_forwarded() {
    let topic_name = TopicName::new("a").unwrap();
    let properties = [
        Property::TopicAlias(3.try_into().unwrap()),
        Property::SubscriptionIdentifier(SubscriptionId::new(4).unwrap()),
        Property::PayloadFormatIndicator(true),
    ];
    let shared =
        SharedPublish::new(topic_name, Properties::new(&properties), Bytes::new()).unwrap();
    let v5 = Envelope::new(Dialect::from_server(Version::V5));
    let copy = shared.copy_for(v5).unwrap().chunks().concat();
    assert_eq!(copy, b"\x30\x06\x00\x01a\x02\x01\x01");
    let lost: Vec<_> = shared.lost_in(Version::V3_1).collect();
    assert_eq!(lost, properties[2..]);

    // those of a Will
    let properties = [Property::WillDelayInterval(9), properties[2]];
    let shared =
        SharedPublish::new(topic_name, Properties::new(&properties), Bytes::new()).unwrap();
    let copy = shared.copy_for(v5).unwrap().chunks().concat();
    assert_eq!(copy, b"\x30\x06\x00\x01a\x02\x01\x01");
}

#[test]
fn a_message_expires_after_its_interval() {
    let topic_name = TopicName::new("a").unwrap();
    let left = |interval, waited| {
        let properties = [Property::MessageExpiryInterval(interval)];
        let mut envelope = Envelope::new(Dialect::from_server(Version::V5));
        envelope.waited = waited;
        let forward = Forward::new(topic_name, Properties::new(&properties), 0, envelope)?;
        let mut bytes = Vec::new();
        forward.encode(&mut bytes).unwrap();
        let Ok(Packet::Publish(publish)) = Packet::decode(&bytes, envelope.dialect) else {
            panic!("{bytes:02x?}");
        };
        Ok(publish.message_expiry_interval())
    };
    let interval = |seconds| Ok(Some(seconds));
    assert_eq!(left(60, 0), interval(60));
    assert_eq!(left(60, 59), interval(1));
    assert_eq!(left(60, 60), Err(ForwardError::Expired));
    assert_eq!(left(60, u32::MAX), Err(ForwardError::Expired));
    assert_eq!(left(0, 0), interval(0));
    assert_eq!(left(0, 1), Err(ForwardError::Expired));
}

#[test]
fn an_invalid_envelope_is_rejected() {
    let topic_name = TopicName::new("a").unwrap();
    let shared = SharedPublish::new(topic_name, Properties::EMPTY, Bytes::new()).unwrap();
    let ids = [SubscriptionId::new(1).unwrap()];
    for dialect in dialects() {
        let mut envelope = Envelope::new(dialect);
        envelope.subscription_ids = &ids;
        let copy = shared.copy_for(envelope).map(|copy| copy.remaining());
        let copies = shared.copies(envelope).map(|copies| copies.encoded_len());
        assert_eq!(copies, copy);
        let field = Field::Property(PropertyId::SubscriptionIdentifier);
        match (dialect.version(), dialect.sender(), copy) {
            (Version::V5, Sender::Server, copy) => assert_eq!(copy, Ok(8)),
            (
                Version::V5,
                Sender::Client,
                Err(ForwardError::Encode(EncodeError::Violation(violation))),
            ) => {
                assert_eq!(violation.kind(), ErrorKind::PropertyWrongSender);
                assert_eq!(violation.field(), field);
                assert_eq!(violation.statement().unwrap().id(), "MQTT-3.3.4-6");
            }
            (version, _, copy) => {
                let packet_type = PacketType::Publish;
                let error = EncodeError::NotInVersion {
                    packet_type,
                    field,
                    version,
                };
                assert_eq!(copy, Err(ForwardError::Encode(error)));
            }
        }
    }

    // a Packet Identifier that only a waiver lets in
    let mut envelope = Envelope::new(Dialect::from_server(Version::V3_1_1));
    envelope.delivery = Delivery::AtLeastOnce {
        packet_id: packet_id_zero(),
        dup: false,
    };
    let refused = shared.copy_for(envelope).map(|_| ());
    let Err(ForwardError::Encode(EncodeError::Violation(violation))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(violation.kind(), ErrorKind::PacketIdZero);
    assert_eq!(shared.copies(envelope).map(|_| ()), refused);
}

#[test]
fn only_message_properties_are_allowed_in_a_message() {
    let topic_name = TopicName::new("a").unwrap();
    let text = Utf8Str::new("x").unwrap();
    let content_type = Property::ContentType(text);
    for (properties, kind) in [
        (
            [content_type, Property::ReasonString(text)],
            ErrorKind::PropertyNotAllowed,
        ),
        ([content_type, content_type], ErrorKind::DuplicateProperty),
    ] {
        let properties = Properties::new(&properties);
        let shared = SharedPublish::new(topic_name, properties, Bytes::new());
        let Err(EncodeError::Violation(violation)) = shared else {
            panic!("{shared:?}");
        };
        assert_eq!(violation.kind(), kind);
        let envelope = Envelope::new(Dialect::from_server(Version::V3_1_1));
        let forward = Forward::new(topic_name, properties, 0, envelope);
        let error = ForwardError::Encode(EncodeError::Violation(violation));
        assert_eq!(forward.err(), Some(error));
    }

    let envelope = Envelope::new(Dialect::from_server(Version::V5));
    let fits = |length| Forward::new(topic_name, Properties::EMPTY, length, envelope).map(|_| ());
    assert_eq!(fits(268_435_455 - 4), Ok(()));
    let too_long = Err(ForwardError::Encode(EncodeError::TooLong));
    assert_eq!(fits(268_435_455 - 3), too_long);
    assert_eq!(fits(u32::MAX), too_long);
}

#[test]
fn a_copy_can_be_read_from_any_offset_in_any_pieces() {
    let user = Property::UserProperty(Utf8Str::new("k").unwrap(), Utf8Str::new("v").unwrap());
    let topic_name = TopicName::new("a/b").unwrap();
    let payload = Bytes::from_static(b"hello");
    let shared = SharedPublish::new(topic_name, Properties::new(&[user]), payload).unwrap();
    let many: Vec<_> = (1..100).filter_map(SubscriptionId::new).collect();
    for ids in [&many[..0], &many[..1], &many[..4], &many[..]] {
        let mut envelope = Envelope::new(Dialect::from_server(Version::V5));
        let packet_id = PacketId::MIN;
        envelope.delivery = Delivery::ExactlyOnce {
            packet_id,
            dup: true,
        };
        envelope.subscription_ids = ids;
        let copy = shared.copy_for(envelope).unwrap();
        let bytes = copy.chunks().concat();
        let Ok(Packet::Publish(publish)) = Packet::decode(&bytes, envelope.dialect) else {
            panic!("{bytes:02x?}");
        };
        assert_eq!(publish.properties.len(), ids.len() + 1);
        for place in 0..=bytes.len() {
            let mut rest = copy.clone();
            rest.advance(place);
            assert_eq!(rest.remaining(), bytes.len() - place);
            assert_eq!(rest.chunks().concat(), bytes[place..]);
            let pieces = rest.pieces();
            assert_eq!(pieces.concat(), bytes[place..]);
            // the payload is shared, and the end of it is empty
            let is_shared = pieces[1].as_ptr() == rest.chunks()[4].as_ptr();
            assert!(is_shared || place == bytes.len());
            assert!(bytes[place..].starts_with(rest.chunk()));
            assert_eq!(rest.chunk().is_empty(), place == bytes.len());
            for room in 0..6 {
                let mut slices = [IoSlice::new(b"unused"); 6];
                let filled = rest.chunks_vectored(&mut slices[..room]);
                assert!(slices[filled..].iter().all(|slice| **slice == *b"unused"));
                let written: Vec<u8> = slices[..filled].iter().flat_map(|it| it.to_vec()).collect();
                assert!(bytes[place..].starts_with(&written));
                assert!(filled == room || written == bytes[place..]);
            }
            assert_eq!(rest.copy_to_bytes(rest.remaining()), bytes[place..]);
        }
        // the payload is where it was
        assert_eq!(
            copy.chunks()[4].as_ptr(),
            shared.copy_for(envelope).unwrap().chunks()[4].as_ptr()
        );
    }
}

/// Messages of all dialects that have a Topic Name, with properties from the wire and borrowed from a slice.
fn for_each_publish(mut each: impl FnMut(Publish<'_>)) {
    for dialect in dialects() {
        for bytes in invariants::packets(PacketType::Publish, dialect, 60) {
            let Ok(Packet::Publish(publish)) = Packet::decode(&bytes, dialect) else {
                panic!("{bytes:02x?}");
            };
            if publish.topic_name.is_some() {
                each(publish);
                let properties: Vec<_> = publish.properties.iter().collect();
                let properties = Properties::new(&properties);
                each(Publish {
                    properties,
                    ..publish
                });
            }
        }
    }
}

fn envelopes() -> Vec<Envelope<'static>> {
    const IDS: &[u32] = &[1, 127, 128, 268_435_455, 5, 5];
    let ids: Vec<_> = IDS
        .iter()
        .copied()
        .filter_map(SubscriptionId::new)
        .collect();
    let ids: &'static [SubscriptionId] = ids.leak();
    let packet_id = PacketId::new(0xabcd).unwrap();
    let deliveries = [
        Delivery::AtMostOnce,
        Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        },
        Delivery::ExactlyOnce {
            packet_id,
            dup: true,
        },
    ];
    let mut envelopes = Vec::new();
    for dialect in dialects() {
        for (index, delivery) in deliveries.into_iter().enumerate() {
            let takes_ids = dialect == Dialect::from_server(Version::V5);
            let mut envelope = Envelope::new(dialect);
            envelope.delivery = delivery;
            envelope.retain = index == 1;
            envelope.subscription_ids = &ids[..if takes_ids { 3 * index } else { 0 }];
            envelope.waited = [0, 7, 100_000][index];
            envelopes.push(envelope);
        }
    }
    envelopes
}

/// Compares the copies with `packet`, which has the Packet Identifier and DUP of their envelope, and
/// with the same packet with others.
fn assert_each_copy_equals(copies: &Copies, packet: Packet<'_>, dialect: Dialect) {
    let Packet::Publish(mut publish) = packet else {
        panic!("{packet:?}");
    };
    let assert_equals = |publish: Publish<'_>, append: &dyn Fn(&mut BytesMut)| {
        let mut expected = b"before".to_vec();
        Packet::from(publish)
            .encode(dialect, &mut expected)
            .unwrap();
        let mut out = BytesMut::from("before");
        append(&mut out);
        out.extend(copies.payload().cloned());
        assert_eq!(out, expected);
        assert_eq!(copies.encoded_len(), expected.len() - 6);
    };
    assert_equals(publish, &|out| copies.append(out));
    for id in [1, 255, 256, 65_535] {
        for with_dup in [false, true] {
            let new_id = PacketId::new(id).unwrap();
            match &mut publish.delivery {
                Delivery::AtMostOnce => {}
                Delivery::AtLeastOnce { packet_id, dup }
                | Delivery::ExactlyOnce { packet_id, dup } => {
                    (*packet_id, *dup) = (new_id, with_dup);
                }
            }
            assert_equals(publish, &|out| {
                copies.append_with_id(new_id, with_dup, out).unwrap();
            });
        }
    }
}

/// The identifier 0, which a waiver lets in.
fn packet_id_zero() -> PacketId {
    let dialect = Dialect::from_client(Version::V3_1_1).waiving(Waivers::PACKET_ID_ZERO);
    let packet = Packet::decode(b"\x32\x05\x00\x01a\x00\x00", dialect).expect("waived");
    packet.packet_id().unwrap()
}
