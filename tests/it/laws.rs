//! The laws of `invariants::canonical` and `invariants::forwarding`, over vectors and generated packets. Each law has a control:
//! implementations with one fault, for which it reports a violation.

use crate::fixtures::{self, cases};
use crate::invariants;
use crate::invariants::canonical::{self, Codec, LIBRARY};
use crate::invariants::forwarding::{self, FORWARDERS};
use mqtt_wire::fanout::{Envelope, ForwardError};
use mqtt_wire::{
    BinaryData, Delivery, Dialect, Packet, PacketId, PacketType, Properties, Property, Publish,
    QoS, SubscriptionId, TopicName, Utf8Str, Version, Will,
};
use mqtt_wire_testkit::{self as model, strategies};
use proptest::collection::vec;
use proptest::prelude::*;

/// One packet of any type that is valid in its dialect.
fn packet() -> impl Strategy<Value = (Dialect, Vec<u8>)> {
    let packet = |dialect| (Just(dialect), strategies::packet(dialect));
    let packet = strategies::dialect().prop_flat_map(packet);
    packet.prop_map(|(dialect, packet)| (dialect, packet.encode(dialect).unwrap()))
}

/// A packet of this type, and its dialect, which has the type.
fn packet_of(
    packet_type: PacketType,
    dialects: impl Strategy<Value = Dialect>,
) -> impl Strategy<Value = (Dialect, model::Packet)> {
    dialects
        .prop_flat_map(move |dialect| (Just(dialect), strategies::packet_of(packet_type, dialect)))
}

/// A dialect in which Clients send.
fn of_client() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(&Version::ALL).prop_map(Dialect::from_client)
}

/// An envelope, except for the Subscription Identifiers, which it borrows.
fn envelope() -> impl Strategy<Value = (Envelope<'static>, Vec<SubscriptionId>)> {
    let qos = prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ];
    let ids = vec(
        (1..=268_435_455_u32).prop_filter_map("0", SubscriptionId::new),
        0..6,
    );
    let waited = prop_oneof![Just(0), 0..100_u32, any::<u32>()];
    let fields = (
        strategies::dialect(),
        qos,
        any::<[bool; 2]>(),
        1..=u16::MAX,
        ids,
        waited,
    );
    fields.prop_map(|(dialect, qos, [dup, retain], id, ids, waited)| {
        let mut envelope = Envelope::new(dialect);
        let packet_id = PacketId::new(id).unwrap();
        envelope.delivery = Delivery::new(qos, packet_id).with_dup(dup);
        envelope.retain = retain;
        envelope.waited = waited;
        let has_ids = dialect == Dialect::from_server(Version::V5);
        (envelope, if has_ids { ids } else { Vec::new() })
    })
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn one_packet_has_one_canonical_encoding(
        (dialect, bytes) in packet(),
        place: prop::sample::Index,
        bits in 1..=255_u8,
    ) {
        canonical::encodings_are_canonical(LIBRARY, &bytes, place.index(bytes.len()), bits, dialect)
            .unwrap();
    }

    #[test]
    fn copies_of_copies_are_copies(
        (dialect, packet) in packet_of(PacketType::Publish, strategies::dialect()),
        (mut envelope, ids) in envelope(),
        (mut next, next_ids) in envelope(),
    ) {
        envelope.subscription_ids = &ids;
        next.subscription_ids = &next_ids;
        packet.lend(dialect, |packet| {
            let Packet::Publish(message) = packet else { unreachable!() };
            if message.topic_name.is_some() {
                for forwarder in FORWARDERS {
                    forwarding::forwarding_is_idempotent(forwarder, message, envelope, next).unwrap();
                }
            }
        }).unwrap();
    }

    #[test]
    fn a_will_is_forwarded_like_its_publish(
        (dialect, packet) in packet_of(PacketType::Connect, of_client()),
        (mut envelope, ids) in envelope(),
    ) {
        envelope.subscription_ids = &ids;
        packet.lend(dialect, |packet| {
            let Packet::Connect(connect) = packet else { unreachable!() };
            for forwarder in FORWARDERS {
                if let Some(will) = connect.will {
                    forwarding::a_will_is_forwarded_like_its_publish(forwarder, will, envelope).unwrap();
                }
            }
        }).unwrap();
    }
}

#[test]
fn vectors_are_canonical_unless_they_say_otherwise() {
    let mut not_canonical = 0;
    for vector in fixtures::packet_vectors("valid") {
        let form = canonical::canonical_form(&vector.bytes, vector.dialect);
        let expected = vector.json["canonical"] != false;
        assert_eq!(form == vector.bytes, expected, "{}", vector.name);
        not_canonical += usize::from(!expected);
    }
    assert!(not_canonical > 10, "{not_canonical}");
}

#[test]
fn the_first_law_holds_for_every_vector_and_finds_faulty_codecs() {
    let keeps_all_bytes = Codec {
        reencode: |bytes, dialect| (LIBRARY.reencode)(bytes, dialect).map(|_| bytes.to_vec()),
        ..LIBRARY
    };
    let writes_an_empty_property_length = Codec {
        reencode: |bytes, dialect| {
            let again = (LIBRARY.reencode)(bytes, dialect)?;
            let is_ack = dialect.version() == Version::V5 && matches!(again[..], [0x40, 3, ..]);
            Some(if is_ack {
                invariants::frame(0x40, &[&again[2..], &[0]].concat())
            } else {
                again
            })
        },
        ..LIBRARY
    };
    let writes_a_long_remaining_length = Codec {
        reencode: |bytes, dialect| {
            let mut again = (LIBRARY.reencode)(bytes, dialect)?;
            if let [0xc0, 0] = again[..] {
                again = vec![0xc0, 0x80, 0];
            }
            Some(again)
        },
        ..LIBRARY
    };
    let drops_user_properties = Codec {
        reencode: |bytes, dialect| {
            let mut packet = model::Packet::from(Packet::decode(bytes, dialect).ok()?);
            if let model::Packet::Publish(publish) = &mut packet {
                publish
                    .properties
                    .retain(|it| !matches!(it, model::Property::UserProperty(..)));
            }
            packet.encode(dialect).ok()
        },
        ..LIBRARY
    };
    let never_stops_changing = Codec {
        reencode: |bytes, dialect| {
            let again = (LIBRARY.reencode)(bytes, dialect)?;
            // the DUP of a canonical PUBLISH only
            let is_publish = again == bytes && again[0] & 0xf6 == 0x32;
            Some(if is_publish {
                [&[again[0] ^ 8], &again[1..]].concat()
            } else {
                again
            })
        },
        ..LIBRARY
    };
    assert_eq!(violations(LIBRARY, canonical::reencoding_is_canonical), 0);
    for (fault, codec) in [
        ("keeps all bytes", keeps_all_bytes),
        ("empty property length", writes_an_empty_property_length),
        ("long remaining length", writes_a_long_remaining_length),
        ("drops user properties", drops_user_properties),
        ("never stops changing", never_stops_changing),
    ] {
        let found = violations(codec, canonical::reencoding_is_canonical);
        assert!(found > 0, "{fault}");
    }

    assert_eq!(violations(LIBRARY, canonical::other_forms_are_accepted), 0);
    let refuses_other_forms = Codec {
        are_equal: |one, other, dialect| {
            let is_canonical = |bytes| canonical::canonical_form(bytes, dialect) == bytes;
            (LIBRARY.are_equal)(one, other, dialect) && is_canonical(one) && is_canonical(other)
        },
        ..LIBRARY
    };
    assert!(violations(refuses_other_forms, canonical::other_forms_are_accepted) > 0);
}

/// The number of valid vectors for which the law does not hold.
fn violations(codec: Codec, law: fn(Codec, &[u8], Dialect) -> Result<(), String>) -> usize {
    let vectors = fixtures::packet_vectors("valid");
    let broken = vectors.filter(|vector| law(codec, &vector.bytes, vector.dialect).is_err());
    broken.count()
}

#[test]
fn packets_that_look_equal_to_a_faulty_codec_are_found() {
    let one = b"\x32\x06\x00\x01t\x00\x01p";
    let other = b"\x3a\x06\x00\x01t\x00\x01p";
    let dialect = Dialect::from_client(Version::V3_1_1);
    let check = |codec| canonical::canonical_form_identifies_packet(codec, one, other, dialect);
    check(LIBRARY).unwrap();
    let ignores_the_flags = Codec {
        are_equal: |one, other, _| one[1..] == other[1..],
        ..LIBRARY
    };
    check(ignores_the_flags).unwrap_err();

    // DUP with QoS 0 means nothing in 3.1
    let dialect = Dialect::from_client(Version::V3_1);
    let (one, other) = (b"\x30\x03\x00\x01t", b"\x38\x03\x00\x01t");
    let check = |codec| canonical::canonical_form_identifies_packet(codec, one, other, dialect);
    check(LIBRARY).unwrap();
    let compares_bytes = Codec {
        are_equal: |one, other, _| one == other,
        ..LIBRARY
    };
    check(compares_bytes).unwrap_err();
}

#[test]
fn forwarders_with_a_fault_are_found() {
    let text = Utf8Str::new("x").unwrap();
    let properties = [
        Property::UserProperty(text, Utf8Str::EMPTY),
        Property::TopicAlias(3.try_into().unwrap()),
        Property::MessageExpiryInterval(60),
        Property::UserProperty(Utf8Str::EMPTY, text),
    ];
    let mut message = Publish::new(TopicName::new("t").unwrap(), b"payload");
    message.properties = Properties::new(&properties);
    let mut envelope = Envelope::new(Dialect::from_server(Version::V5));
    envelope.waited = 7;
    let check =
        |forwarder| forwarding::forwarding_is_idempotent(forwarder, message, envelope, envelope);
    for forwarder in FORWARDERS {
        check(forwarder).unwrap();
    }

    let faulty: [(&str, forwarding::Forwarder); 5] = [
        ("drops the last property", |message, envelope| {
            let mut properties: Vec<_> = message.properties.iter().collect();
            properties.pop();
            let properties = Properties::new(&properties);
            FORWARDERS[0](
                Publish {
                    properties,
                    ..message
                },
                envelope,
            )
        }),
        ("reverses the properties", |message, envelope| {
            let mut properties: Vec<_> = message.properties.iter().collect();
            properties.reverse();
            let properties = Properties::new(&properties);
            FORWARDERS[0](
                Publish {
                    properties,
                    ..message
                },
                envelope,
            )
        }),
        ("forwards the Topic Alias", |message, envelope| {
            let mut publish = message;
            publish.delivery = envelope.delivery;
            publish.retain = envelope.retain;
            let mut bytes = Vec::new();
            Packet::from(publish).encode(envelope.dialect, &mut bytes)?;
            Ok(bytes)
        }),
        ("counts a second too many", |message, mut envelope| {
            envelope.waited += 1;
            FORWARDERS[0](message, envelope)
        }),
        ("never lets a message expire", |message, mut envelope| {
            envelope.waited = 0;
            FORWARDERS[0](message, envelope)
        }),
    ];
    for (fault, forwarder) in faulty {
        assert!(check(forwarder).is_err(), "{fault}");
    }

    // found by forwarding to two receivers, one after the other
    let keeps_the_time: forwarding::Forwarder = |message, envelope| {
        if envelope.waited == 60 {
            return FORWARDERS[0](message, Envelope::new(envelope.dialect));
        }
        FORWARDERS[0](message, envelope)
    };
    let mut next = envelope;
    next.waited = 53;
    forwarding::forwarding_is_idempotent(keeps_the_time, message, envelope, envelope).unwrap();
    forwarding::forwarding_is_idempotent(keeps_the_time, message, envelope, next).unwrap_err();
}

#[test]
fn a_will_that_is_forwarded_with_its_delay_is_found() {
    let delay = [Property::WillDelayInterval(9)];
    let mut will = Will::new(TopicName::new("t").unwrap(), BinaryData::EMPTY);
    will.properties = Properties::new(&delay);
    let envelope = Envelope::new(Dialect::from_server(Version::V5));
    let check =
        |forwarder| forwarding::a_will_is_forwarded_like_its_publish(forwarder, will, envelope);
    for forwarder in FORWARDERS {
        check(forwarder).unwrap();
    }
    check(|message, envelope| {
        let mut bytes = Vec::new();
        match Packet::from(message).encode(envelope.dialect, &mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(ForwardError::Encode(error)),
        }
    })
    .unwrap_err();
}
