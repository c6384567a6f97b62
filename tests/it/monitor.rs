//! Whole conversations: the vectors in `spec-vectors/conversations`, and the recorded streams.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::fixtures::{self, Recording, Session};
use mqtt_wire::monitor::{Breach, BreachKind, Exchange, Monitor, Storage};
use mqtt_wire::{
    Dialect, FrameRef, NextFrame, Packet, PacketId, PacketType, ReasonCode, Sender, Version,
    Waivers,
};
use serde_json::{Value, json};

#[test]
fn every_valid_conversation_has_no_breach() {
    for (name, conversation) in fixtures::vectors("valid", |folder| folder == "conversations") {
        let breaches = observe(&mut Monitor::new(), &name, &conversation);
        assert_eq!(breaches, [], "{name}");
    }
}

#[test]
fn every_invalid_conversation_has_its_expected_breaches() {
    for (name, conversation) in fixtures::vectors("invalid", |folder| folder == "conversations") {
        let breaches = observe(&mut Monitor::new(), &name, &conversation);
        let found: Vec<_> = breaches
            .iter()
            .map(|(at, breach)| describe(*at, breach))
            .collect();
        assert_eq!(json!(found), conversation["breaches"], "{name}");
    }
}

#[test]
fn every_kind_of_breach_has_a_conversation() {
    let mut kinds = BTreeSet::new();
    for (name, conversation) in fixtures::vectors("invalid", |folder| folder == "conversations") {
        let breaches = observe(&mut Monitor::new(), &name, &conversation);
        kinds.extend(breaches.iter().map(|(_, breach)| breach.kind()));
    }
    for kind in BreachKind::ALL {
        assert!(kinds.contains(kind), "{kind:?}");
    }
}

#[test]
fn borrowed_storage_finds_the_same_breaches() {
    for verdict in ["valid", "invalid"] {
        for (name, conversation) in fixtures::vectors(verdict, |folder| folder == "conversations") {
            let (mut exchanges, mut aliases) = ([Exchange::FREE; 4], [[0; 1]; 2]);
            let [client_aliases, server_aliases] = &mut aliases;
            let mut lent = Monitor::with_storage(Storage {
                exchanges: &mut exchanges,
                client_aliases,
                server_aliases,
            });
            let found = observe(&mut lent, &name, &conversation);
            assert!(!lent.is_incomplete(), "{name}");
            assert_eq!(found, observe(&mut Monitor::new(), &name, &conversation));
        }
    }
}

#[test]
fn an_answer_to_an_exchange_that_was_not_stored_is_no_breach() {
    let client = Dialect::from_client(Version::V3_1_1);
    let mut monitor = Monitor::with_storage(Storage {
        exchanges: &mut [],
        client_aliases: &mut [],
        server_aliases: &mut [],
    });
    let packets = [
        (0, client, CONNECT_3_1_1),
        (0, client.reply(), CONNACK),
        (0, client, b"\x32\x05\0\x01a\0\x07"),
        (0, client.reply(), b"\x40\x02\0\x07"),
    ];
    assert_eq!(found_by(&mut monitor, &packets), []);
    assert!(monitor.is_incomplete());
}

#[test]
fn a_clone_goes_on_by_itself_and_its_storage_grows() {
    let client = Dialect::from_client(Version::V3_1_1);
    let mut exchanges = [Exchange::FREE; 1];
    let mut lent = Monitor::with_storage(Storage {
        exchanges: &mut exchanges,
        client_aliases: &mut [],
        server_aliases: &mut [],
    });
    let seventh = (0, client, &b"\x32\x05\0\x01a\0\x07"[..]);
    let eighth = (0, client, &b"\x32\x05\0\x01a\0\x08"[..]);
    let opened = [
        (0, client, CONNECT_3_1_1),
        (0, client.reply(), CONNACK),
        seventh,
    ];
    assert_eq!(found_by(&mut lent, &opened), []);
    let mut cloned = lent.clone();
    assert_eq!(
        found_by(&mut cloned, &[eighth, eighth]),
        [BreachKind::PacketIdInUse]
    );
    assert!(!cloned.is_incomplete() && !lent.is_incomplete());
    assert_eq!(found_by(&mut lent, &[eighth]), []);
    assert!(lent.is_incomplete());

    let puback = (0, client.reply(), &b"\x40\x02\0\x07"[..]);
    assert_eq!(found_by(&mut lent, &[puback, seventh]), []);
    assert_eq!(
        found_by(&mut cloned, &[seventh]),
        [BreachKind::PacketIdInUse]
    );
}

/// The Server sends two messages and repeats the first before the Client answers both in order.
#[test]
fn a_resent_message_may_be_older_than_the_observed_ones() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let conversation = [
        (0, client, CONNECT_3_1_1),
        (0, server, CONNACK),
        (0, client, b"\x82\x06\0\x01\0\x01a\x01"),
        (0, client, b"\x82\x06\0\x02\0\x01a\x01"),
        (0, server, b"\x32\x05\0\x01a\0\x07"),
        (0, server, b"\x90\x03\0\x01\x01"),
        (0, server, b"\x32\x05\0\x01a\0\x08"),
        (0, server, b"\x90\x03\0\x02\x01"),
        (0, server, b"\x3a\x05\0\x01a\0\x07"),
        (0, client, b"\x40\x02\0\x07"),
        (0, client, b"\x40\x02\0\x08"),
    ];
    let (mut complete, mut joined) = (Monitor::new(), Monitor::new().joining());
    let mut exchanges = [Exchange::FREE; 2]; // both taken when the first message comes
    let mut short = Monitor::with_storage(Storage {
        exchanges: &mut exchanges,
        client_aliases: &mut [],
        server_aliases: &mut [],
    });
    assert_eq!(found_by(&mut complete, &conversation), []);
    assert_eq!(found_by(&mut joined, &conversation[5..]), []);
    assert_eq!(found_by(&mut short, &conversation), []);
    assert!(short.is_incomplete());

    // a PUBREC may be late, for a message of an earlier connection
    let pubrec = (0, client, &b"\x50\x02\0\x07"[..]);
    let mut joined = Monitor::new().joining();
    assert_eq!(found_by(&mut joined, &[conversation[8], pubrec]), []);

    let mut turned = conversation;
    turned[8].2 = b"\x3a\x05\0\x01a\0\x08";
    turned.swap(9, 10);
    let (mut complete, mut joined) = (Monitor::new(), Monitor::new().joining());
    assert_eq!(found_by(&mut complete, &turned), [BreachKind::OutOfOrder]);
    // the joiner may have missed a copy of the second message
    assert_eq!(found_by(&mut joined, &turned[4..]), []);
    let client = Dialect::from_client(Version::V5);
    let conversation = [
        (0, client.reply(), &b"\x32\x06\0\x01a\0\x07\0"[..]),
        (0, client.reply(), b"\x32\x06\0\x01a\0\x08\0"),
        (0, client, b"\x40\x02\0\x08"),
    ];
    // the first PUBACK may be for a message of an earlier connection
    let found = found_by(&mut Monitor::new().joining(), &conversation);
    assert_eq!(found, []);
    let begin = [
        (0, client, CONNECT_5_0),
        (0, client.reply(), &b"\x20\x03\0\0\0"[..]),
    ];
    let found = kinds(&[&begin[..], &conversation].concat());
    assert_eq!(found, [BreachKind::OutOfOrder]);
}

/// Before 5.0 a sender may repeat a packet at any time, so an answer may be for a copy that found no
/// room.
#[test]
fn an_answer_may_be_for_a_copy_that_was_not_stored_before_5_0() {
    fn found<const N: usize>(exchanges: [Exchange; N], packets: &[At<'_>]) -> Vec<BreachKind> {
        let mut exchanges = exchanges;
        let mut short = Monitor::with_storage(Storage {
            exchanges: &mut exchanges,
            client_aliases: &mut [],
            server_aliases: &mut [],
        });
        let kinds = found_by(&mut short, packets);
        assert!(short.is_incomplete());
        kinds
    }
    let (old, new) = (
        Dialect::from_client(Version::V3_1_1),
        Dialect::from_client(Version::V5),
    );
    let begin = [(0, old, CONNECT_3_1_1), (0, old.reply(), CONNACK)];
    let begin_5_0 = [(0, new, CONNECT_5_0), (0, new.reply(), CONNACK_5_0)];

    // a PUBACK for a message of QoS 2
    let packets = [
        (0, old, &b"\x34\x05\0\x01a\0\x07"[..]),
        (0, old, b"\x32\x05\0\x01a\0\x08"), // finds no room
        (0, old.reply(), b"\x40\x02\0\x07"),
    ];
    let packets_5_0 = [
        (0, new, &b"\x34\x06\0\x01a\0\x07\0"[..]),
        (0, new, b"\x32\x06\0\x01a\0\x08\0"),
        (0, new.reply(), b"\x40\x02\0\x07"),
    ];
    let room = [Exchange::FREE; 1];
    assert_eq!(found(room, &[&begin[..], &packets].concat()), []);
    assert_eq!(
        found(room, &[&begin_5_0[..], &packets_5_0].concat()),
        [BreachKind::WrongAcknowledgement]
    );

    // the second message is acknowledged first
    let packets = [
        (0, old.reply(), &b"\x32\x05\0\x01a\0\x07"[..]),
        (0, old.reply(), b"\x32\x05\0\x01a\0\x08"),
        (0, old.reply(), b"\x32\x05\0\x01a\0\x09"), // finds no room
        (0, old, b"\x40\x02\0\x08"),
    ];
    let packets_5_0 = [
        (0, new.reply(), &b"\x32\x06\0\x01a\0\x07\0"[..]),
        (0, new.reply(), b"\x32\x06\0\x01a\0\x08\0"),
        (0, new.reply(), b"\x32\x06\0\x01a\0\x09\0"),
        (0, new, b"\x40\x02\0\x08"),
    ];
    let room = [Exchange::FREE; 2];
    assert_eq!(found(room, &[&begin[..], &packets].concat()), []);
    assert_eq!(
        found(room, &[&begin_5_0[..], &packets_5_0].concat()),
        [BreachKind::OutOfOrder]
    );
}

/// The Client takes the PUBREC for the answer to its message, and repeats the PUBREL, which 5.0
/// forbids.
#[test]
fn a_pubrel_may_be_repeated_after_a_pubrec_out_of_nothing() {
    let nothing = BreachKind::NothingToAcknowledge;
    let client = Dialect::from_client(Version::V3_1_1);
    let packets = [
        (0, client, CONNECT_3_1_1),
        (0, client.reply(), CONNACK),
        (0, client.reply(), b"\x50\x02\0\x09"), // PUBREC
        (0, client, b"\x34\x05\0\x01a\0\x09"),  // PUBLISH, which crosses it
        (0, client, b"\x62\x02\0\x09"),         // PUBREL
        (0, client, b"\x62\x02\0\x09"),
    ];
    assert_eq!(kinds(&packets), [nothing]);
    let without_pubrec = [&packets[..2], &packets[3..5]].concat();
    assert_eq!(kinds(&without_pubrec), [nothing]);

    let client = Dialect::from_client(Version::V5);
    let packets = [
        (0, client, CONNECT_5_0),
        (0, client.reply(), CONNACK_5_0),
        (0, client.reply(), b"\x50\x02\0\x09"),
        (0, client, b"\x34\x06\0\x01a\0\x09\0"),
        (0, client, b"\x62\x02\0\x09"),
        (0, client, b"\x62\x02\0\x09"),
    ];
    assert_eq!(kinds(&packets), [nothing, nothing]);
}

/// The Client answers three PUBRECs in their order, the first of which was for a message of QoS 1.
#[test]
fn a_pubrel_for_a_wrong_pubrec_is_not_out_of_order() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let packets = [
        (0, client, CONNECT_3_1_1),
        (0, server, CONNACK),
        (0, client, b"\x32\x05\0\x01a\0\x08"), // PUBLISH 8, QoS 1
        (0, server, b"\x50\x02\0\x08"),        // PUBREC 8
        (0, server, b"\x40\x02\0\x08"),        // PUBACK 8
        (0, client, b"\x34\x05\0\x01a\0\x08"), // PUBLISH 8, QoS 2
        (0, client, b"\x34\x05\0\x01a\0\x09"),
        (0, server, b"\x50\x02\0\x09"),
        (0, server, b"\x50\x02\0\x08"),
        (0, client, b"\x62\x02\0\x08"), // PUBREL 8
        (0, client, b"\x62\x02\0\x09"),
        (0, client, b"\x62\x02\0\x08"),
    ];
    let found = found_by(&mut Monitor::new(), &packets);
    assert_eq!(found, [BreachKind::WrongAcknowledgement]);
}

/// A Packet Identifier that is used three times: found by fuzzing.
#[test]
fn a_second_use_counts_as_the_first_if_the_first_was_not_stored() {
    let client = Dialect::from_client(Version::V3_1_1);
    let conversation = [
        (0, client, CONNECT_3_1_1),
        (0, client.reply(), CONNACK),
        (0, client, &b"\xa2\x05\0\x01\0\x01a"[..]), // UNSUBSCRIBE
        (0, client, b"\xa2\x05\0\x02\0\x01a"),      // the other one
        (0, client.reply(), b"\xb0\x02\0\x01"),
        (0, client, b"\x82\x06\0\x02\0\x01a\0"), // SUBSCRIBE
        (0, client, b"\xa2\x05\0\x02\0\x01a"),
    ];
    let mut exchanges = [Exchange::FREE; 1];
    let mut short = Monitor::with_storage(Storage {
        exchanges: &mut exchanges,
        client_aliases: &mut [],
        server_aliases: &mut [],
    });
    let mut complete = Monitor::new();
    for (at, packet) in conversation.iter().enumerate() {
        let all = found_by(&mut complete, &[*packet]);
        let few = found_by(&mut short, &[*packet]);
        let in_use = |from| (at >= from).then_some(BreachKind::PacketIdInUse);
        assert_eq!(all, Vec::from_iter(in_use(5)), "{at}");
        assert_eq!(few, Vec::from_iter(in_use(6)), "{at}");
    }
}

#[test]
fn a_monitor_that_joins_late_trusts_earlier_packets() {
    let server = Dialect::from_server(Version::V5);
    let client = server.reply();
    let mut monitor = Monitor::new().joining();
    let packets = [
        (0, server, &b"\x40\x02\0\x07"[..]),          // PUBACK
        (0, server, b"\x30\x06\0\0\x03\x23\0\x01"),   // PUBLISH, Topic Alias
        (0, server, b"\x62\x02\0\x09"),               // PUBREL
        (0, client, b"\x70\x02\0\x09"),               // PUBCOMP
        (0, server, b"\xf0\x06\x18\x04\x15\0\x01m"),  // AUTH, Continue
        (0, client, b"\xe0\x07\0\x05\x11\0\0\0\x01"), // DISCONNECT, Session Expiry Interval
    ];
    assert_eq!(found_by(&mut monitor, &packets), []);
    let found = found_by(&mut monitor, &[(0, client, PINGREQ)]);
    assert_eq!(found, [BreachKind::AfterDisconnect]);
}

#[test]
fn a_monitor_that_joins_after_connect_accepts_connack() {
    for (version, connack) in [
        (Version::V3_1_1, &b"\x20\x02\x01\0"[..]), // Session Present
        // Session Present, Response Information, Authentication Method
        (Version::V5, b"\x20\x0b\x01\0\x08\x1a\0\x01r\x15\0\x01m"),
    ] {
        let server = Dialect::from_server(version);
        let packets = [
            (0, server, connack),
            (0, server.reply(), b"\x70\x02\0\x09"), // PUBCOMP of an earlier PUBREL
        ];
        assert_eq!(found_by(&mut Monitor::new().joining(), &packets), []);
    }
}

#[test]
fn silence_counts_from_the_client_s_last_packet() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let connect = |keep_alive| {
        [
            &b"\x10\x0d\0\x04MQTT\x04\x02\0"[..],
            &[keep_alive],
            b"\0\x01c",
        ]
        .concat()
    };
    let found = |keep_alive, last: (u64, Dialect, &[u8])| {
        kinds(&[
            (0, client, &connect(keep_alive)),
            (0, server, CONNACK),
            (9_000, server, PUBLISH),
            last,
        ])
    };
    assert_eq!(found(10, (10_000, client, PINGREQ)), []);
    assert_eq!(
        found(10, (10_001, client, PINGREQ)),
        [BreachKind::KeepAliveMissed]
    );
    assert_eq!(found(10, (15_000, server, PUBLISH)), []);
    assert_eq!(
        found(10, (15_001, server, PUBLISH)),
        [BreachKind::KeepAliveNotEnforced]
    );
    assert_eq!(found(0, (1_000_000_000, client, PINGREQ)), []);

    let slow = [(0, client, &connect(10)[..]), (1_000_000, server, CONNACK)];
    assert_eq!(kinds(&slow), []);
}

#[test]
fn a_session_resumes_by_the_rules_of_its_version() {
    let pubrel = b"\x62\x02\0\x09";
    let forgotten = [BreachKind::NothingToAcknowledge];
    let found = |version, connect: &[u8], connack| {
        let client = Dialect::from_client(version);
        let server = client.reply();
        kinds(&[
            (0, client, connect),
            (0, server, connack),
            (0, server, pubrel),
        ])
    };
    // 3.1 has no Session Present
    let of_3_1 = |flags| [&b"\x10\x0f\0\x06MQIsdp\x03"[..], &[flags], b"\0\0\0\x01c"].concat();
    assert_eq!(found(Version::V3_1, &of_3_1(0x00), CONNACK), []);
    assert_eq!(found(Version::V3_1, &of_3_1(0x02), CONNACK), forgotten);
    let of_3_1_1 = b"\x10\x0d\0\x04MQTT\x04\0\0\0\0\x01c";
    assert_eq!(found(Version::V3_1_1, of_3_1_1, CONNACK), forgotten);
    assert_eq!(found(Version::V3_1_1, of_3_1_1, b"\x20\x02\x01\0"), []);
}

#[test]
fn only_simple_client_identifiers_may_not_be_refused() {
    let found = |version, connect: &[u8]| {
        let client = Dialect::from_client(version);
        kinds(&[(0, client, connect), (0, client.reply(), b"\x20\x02\0\x02")])
    };
    let of_3_1_1 = |id: &[u8; 2]| [&b"\x10\x0e\0\x04MQTT\x04\x02\0\0\0\x02"[..], id].concat();
    let refused = [BreachKind::SimpleClientIdRefused];
    assert_eq!(found(Version::V3_1_1, &of_3_1_1(b"a1")), refused);
    assert_eq!(found(Version::V3_1_1, &of_3_1_1(b"a-")), []);
    let of_3_1 = b"\x10\x10\0\x06MQIsdp\x03\x02\0\0\0\x02a1";
    assert_eq!(found(Version::V3_1, of_3_1), []);
}

#[test]
fn authentication_ends_with_the_success_of_the_server() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let auth = |code| [&b"\xf0\x06"[..], &[code], b"\x04\x15\0\x01m"].concat();
    let [begin, go_on, success] = [0x19, 0x18, 0x00].map(auth);
    let mut packets = vec![
        (
            0,
            client,
            &b"\x10\x12\0\x04MQTT\x05\x02\0\0\x04\x15\0\x01m\0\x01c"[..],
        ),
        (0, server, b"\x20\x07\0\0\x04\x15\0\x01m"),
        (0, client, &begin),
        (0, server, &go_on),
        (0, client, &go_on),
        (0, server, &success),
    ];
    assert_eq!(kinds(&packets), []);
    packets.push((0, client, &go_on));
    assert_eq!(kinds(&packets), [BreachKind::AuthenticationNotBegun]);
}

#[test]
fn a_will_keeps_within_the_limits_of_connack() {
    let client = Dialect::from_client(Version::V5);
    let found = |flags, connack| {
        let before = b"\x10\x14\0\x04MQTT\x05";
        let connect = [&before[..], &[flags], b"\0\0\0\0\x01c\0\0\x01w\0\0"].concat();
        kinds(&[(0, client, &connect), (0, client.reply(), connack)])
    };
    let qos_1 = b"\x20\x05\0\0\x02\x24\x01"; // Maximum QoS 1
    assert_eq!(found(0x0e, qos_1), []);
    assert_eq!(found(0x16, qos_1), [BreachKind::WillQosNotSupported]);
    let no_retain = b"\x20\x05\0\0\x02\x25\0"; // Retain Available 0
    assert_eq!(found(0x06, no_retain), []);
    assert_eq!(found(0x26, no_retain), [BreachKind::WillRetainNotSupported]);
    assert_eq!(found(0x26, b"\x20\x03\0\0\0"), []);
}

#[test]
fn a_side_that_has_left_answers_no_breach() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let last_breach = |packets: &[&(Dialect, &[u8])]| {
        let (mut monitor, mut found) = (Monitor::new(), None);
        for (dialect, bytes) in packets {
            let packet = Packet::decode(bytes, *dialect).unwrap();
            monitor.observe(*dialect, &packet, bytes.len(), |breach| {
                found = Some(breach)
            });
        }
        found.unwrap()
    };
    let connect = (client, CONNECT_5_0);
    let connack = (server, &b"\x20\x03\0\0\0"[..]);
    let disconnect = (client, &b"\xe0\0"[..]);
    let suback = (server, &b"\x90\x04\0\x09\0\0"[..]);

    let breach = last_breach(&[&connect, &connack, &suback]);
    assert_eq!(breach.reason_code(), Some(ReasonCode::ProtocolError));
    assert_eq!(breach.packet_id(), PacketId::new(9));
    assert_eq!(breach.statement().unwrap().id(), "MQTT-2.2.1-6");
    let breach = last_breach(&[&connect, &connack, &disconnect, &suback]);
    assert_eq!(breach.reason_code(), None);
}

#[test]
fn packets_after_pubrec_are_checked_by_version() {
    let (publish, pubrec) = (&b"\x34\x05\0\x01a\0\x07"[..], &b"\x50\x02\0\x07"[..]);
    let of_3_1_1 = Dialect::from_client(Version::V3_1_1);
    let begun = [
        (0, of_3_1_1, CONNECT_3_1_1),
        (0, of_3_1_1.reply(), CONNACK),
        (0, of_3_1_1, publish),
        (0, of_3_1_1.reply(), pubrec),
    ];
    let and = |next| kinds(&[&begun[..], &[next]].concat());
    assert_eq!(and((0, of_3_1_1, publish)), [BreachKind::QoS2PacketIdInUse]);
    assert_eq!(and((0, of_3_1_1, b"\x3c\x05\0\x01a\0\x07")), []); // DUP
    let of_qos_1 = (0, of_3_1_1, &b"\x3a\x05\0\x01a\0\x07"[..]); // DUP
    assert_eq!(and(of_qos_1), [BreachKind::PacketIdInUse]);
    let pubrel = (0, of_3_1_1, &b"\x62\x02\0\x07"[..]);
    let found = kinds(&[&begun[..], &[pubrel, of_qos_1]].concat());
    assert_eq!(found, [BreachKind::PacketIdInUse]);
    let nothing = [BreachKind::NothingToAcknowledge];
    assert_eq!(and((0, of_3_1_1.reply(), pubrec)), nothing);

    let of_5_0 = Dialect::from_client(Version::V5);
    let begun = [
        (0, of_5_0, CONNECT_5_0),
        (0, of_5_0.reply(), b"\x20\x03\0\0\0"),
        (0, of_5_0, b"\x34\x06\0\x01a\0\x07\0"),
        (0, of_5_0.reply(), pubrec),
    ];
    let and = |next| kinds(&[&begun[..], &[next]].concat());
    let nothing = [BreachKind::NothingToAcknowledge];
    assert_eq!(and((0, of_5_0.reply(), pubrec)), nothing);
    let repeated = (0, of_5_0, &b"\x3c\x06\0\x01a\0\x07\0"[..]);
    assert_eq!(and(repeated), [BreachKind::Resent]);
}

#[test]
fn packet_identifier_not_found_answers_a_stray_packet() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let begun = [(0, client, CONNECT_5_0), (0, server, b"\x20\x03\0\0\0")];
    let and = |next| kinds(&[&begun[..], &[next]].concat());
    assert_eq!(and((0, client, b"\x62\x03\0\x09\x92")), []);
    assert_eq!(
        and((0, client, b"\x62\x02\0\x09")),
        [BreachKind::NothingToAcknowledge]
    );
    assert_eq!(and((0, client, b"\x70\x03\0\x09\x92")), []);
    assert_eq!(
        and((0, client, b"\x70\x02\0\x09")),
        [BreachKind::NothingToAcknowledge]
    );
}

#[test]
fn only_a_client_must_keep_the_order_and_not_in_3_1() {
    let found = |version, connect: &[u8], from_client| {
        let client = Dialect::from_client(version);
        let (sender, receiver) = if from_client {
            (client, client.reply())
        } else {
            (client.reply(), client)
        };
        kinds(&[
            (0, client, connect),
            (0, client.reply(), CONNACK),
            (0, sender, b"\x32\x05\0\x01a\0\x01"),
            (0, sender, b"\x32\x05\0\x01a\0\x02"),
            (0, receiver, b"\x40\x02\0\x02"),
            (0, receiver, b"\x40\x02\0\x01"),
        ])
    };
    assert_eq!(found(Version::V3_1_1, CONNECT_3_1_1, true), []);
    assert_eq!(
        found(Version::V3_1_1, CONNECT_3_1_1, false),
        [BreachKind::OutOfOrder]
    );
    assert_eq!(found(Version::V3_1, CONNECT_3_1, true), []);
    assert_eq!(found(Version::V3_1, CONNECT_3_1, false), []);
}

#[test]
fn only_3_1_repeats_requests_within_a_connection() {
    let subscribe = &b"\x82\x06\0\x07\0\x01a\0"[..];
    let unsubscribe = &b"\xa2\x05\0\x07\0\x01a"[..];
    let found = |version, connect: &[u8], again| {
        let client = Dialect::from_client(version);
        let server = client.reply();
        let begun = [(0, client, connect), (0, server, CONNACK)];
        kinds(&[&begun[..], &[(0, client, subscribe), (0, client, again)]].concat())
    };
    let in_use = [BreachKind::PacketIdInUse];
    assert_eq!(
        found(Version::V3_1, CONNECT_3_1, b"\x8a\x06\0\x07\0\x01a\0"),
        []
    );
    assert_eq!(found(Version::V3_1, CONNECT_3_1, unsubscribe), in_use);
    assert_eq!(found(Version::V3_1_1, CONNECT_3_1_1, subscribe), in_use);
}

#[test]
fn the_receive_maximum_counts_messages_of_its_sender_until_they_are_complete() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let begun = [
        (0, client, CONNECT_5_0),
        (0, server, b"\x20\x06\0\0\x03\x21\0\x01"),
        (0, client, b"\x82\x07\0\x05\0\0\x01a\0"), // SUBSCRIBE
        (0, server, b"\x32\x06\0\x01a\0\x01\0"),
        (0, client, b"\x34\x06\0\x01a\0\x01\0"),
        (0, server, b"\x50\x02\0\x01"),
        (0, client, b"\x62\x02\0\x01"),
    ];
    let another = (0, client, &b"\x32\x06\0\x01a\0\x02\0"[..]);
    let pubcomp = (0, server, &b"\x70\x02\0\x01"[..]);
    let and = |next: &[_]| kinds(&[&begun[..], next].concat());
    assert_eq!(and(&[pubcomp, another]), []);
    assert_eq!(and(&[another]), [BreachKind::ReceiveMaximumExceeded]);
}

#[test]
fn a_connack_is_not_too_early_if_no_connect_was_seen() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let connack = (0, server, &b"\x20\x03\0\0\0"[..]);
    let pingresp = (0, server, &b"\xd0\0"[..]);
    let connect = (0, client, CONNECT_5_0);
    assert_eq!(kinds(&[connack, pingresp]), []);
    assert_eq!(kinds(&[pingresp]), [BreachKind::BeforeConnAck]);
    // nor is it compared with a CONNECT that comes later, and there is still only one
    let with_session = (0, server, &b"\x20\x03\x01\0\0"[..]);
    assert_eq!(kinds(&[with_session, connect, pingresp]), []);
    let found = kinds(&[with_session, connect, connack]);
    assert_eq!(found, [BreachKind::SecondConnAck]);
    // an AUTH may come before the CONNACK as well
    let auth = (0, server, &b"\xf0\x06\x18\x04\x15\0\x01m"[..]);
    assert_eq!(kinds(&[auth, connack]), []);
    let found = kinds(&[connack, (0, client, PINGREQ)]);
    assert_eq!(found, [BreachKind::FirstPacketNotConnect]);
}

#[test]
fn a_monitor_that_joins_may_see_the_first_packet_of_the_client() {
    let client = Dialect::from_client(Version::V5);
    let connect = (0, client, CONNECT_5_0);
    let pingreq = (0, client, PINGREQ);
    let found = |packets: [At<'_>; 2]| found_by(&mut Monitor::new().joining(), &packets);
    assert_eq!(found([connect, pingreq]), []);
    assert_eq!(found([connect, connect]), [BreachKind::SecondConnect]);
    assert_eq!(found([pingreq, connect]), [BreachKind::SecondConnect]);
}

/// A Server that sends too early may set an alias that it uses later.
#[test]
fn a_monitor_that_joins_trusts_an_authentication_that_may_have_begun() {
    let client = Dialect::from_client(Version::V5);
    let packets = [
        (
            0,
            client,
            &b"\x10\x11\0\x04MQTT\x05\x02\0\x3c\x04\x15\0\x01m\0\0"[..],
        ),
        (0, client, b"\xf0\x06\x18\x04\x15\0\x01m"), // AUTH, Continue
    ];
    assert_eq!(found_by(&mut Monitor::new().joining(), &packets), []);
}

#[test]
fn a_monitor_that_joins_may_have_missed_a_second_pubrec() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let pubrec = (0, server, &b"\x50\x02\0\x02"[..]);
    let pubrel = (0, client, &b"\x62\x02\0\x02"[..]);
    let packets = [
        (0, client, &b"\x10\x0e\0\x04MQTT\x05\0\0\x3c\0\0\x01c"[..]),
        (0, server, b"\x20\x03\x01\0\0"), // the Session is present
        (0, client, b"\x34\x06\0\x01t\0\x02\0"),
        pubrec,
        pubrec, // for a PUBLISH of an earlier connection
        pubrel,
        pubrel,
    ];
    assert_eq!(kinds(&packets), []);
    for joined in 1..packets.len() {
        let seen = &packets[joined..];
        assert_eq!(found_by(&mut Monitor::new().joining(), seen), []);
    }
    let once = [&packets[..4], &packets[5..]].concat();
    assert_eq!(kinds(&once), [BreachKind::Resent]);
}

#[test]
fn a_monitor_that_joins_may_have_missed_the_first_of_two_answers() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let packets = [
        (0, client, &b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c"[..]),
        (0, server, b"\x20\x02\0\0"),
        (0, client, b"\x34\x05\0\x01t\0\x01"),
        (0, server, b"\x50\x02\0\x01"), // PUBREC of 1, before that of 2
        (0, client, b"\x3c\x05\0\x01t\0\x01"),
        (0, client, b"\x34\x05\0\x01t\0\x02"),
        (0, server, b"\x50\x02\0\x02"),
        (0, server, b"\x50\x02\0\x01"),
        (0, client, b"\x62\x02\0\x01"), // PUBREL of 1, before that of 2
        (0, client, b"\x62\x02\0\x02"),
    ];
    assert_eq!(kinds(&packets), []);
    for joined in 1..packets.len() {
        let seen = &packets[joined..];
        assert_eq!(found_by(&mut Monitor::new().joining(), seen), []);
    }
    let once = [&packets[..3], &packets[5..]].concat();
    assert_eq!(kinds(&once), [BreachKind::OutOfOrder]);
}

#[test]
fn a_monitor_that_joins_may_have_missed_a_pubrec_out_of_nothing() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let packets = [
        (0, client, &b"\x10\x0e\0\x04MQTT\x05\0\0\x3c\0\0\x01c"[..]),
        (0, server, b"\x20\x03\x01\0\0"), // the Session is present
        (0, server, b"\x50\x02\0\x02"),
        (0, client, b"\x62\x02\0\x02"),
        (0, client, b"\x34\x06\0\x01t\0\x02\0"),
        (0, server, b"\x70\x02\0\x02"),
        (0, server, b"\x50\x02\0\x02"),
    ];
    assert_eq!(kinds(&packets), []);
    for joined in 1..packets.len() {
        let seen = &packets[joined..];
        assert_eq!(found_by(&mut Monitor::new().joining(), seen), []);
    }
    // PUBREL goes on with a message of an earlier connection, whose identifier is in use
    let resumed = [&packets[..2], &packets[3..]].concat();
    assert_eq!(kinds(&resumed), [BreachKind::QoS2PacketIdInUse]);
}

#[test]
fn a_monitor_that_joins_may_have_missed_a_copy_whose_answer_is_late() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let packets = [
        (0, client, &b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c"[..]),
        (0, server, b"\x20\x02\0\0"),
        (0, server, b"\x32\x05\0\x01t\0\x01"),
        (0, server, b"\x3a\x05\0\x01t\0\x01"), // a copy
        (0, client, b"\x40\x02\0\x01"),
        (0, server, b"\x32\x05\0\x01t\0\x02"),
        (0, server, b"\x32\x05\0\x01t\0\x01"),
        (0, client, b"\x40\x02\0\x01"), // PUBACK of the copy, or of the last message
    ];
    assert_eq!(kinds(&packets), []);
    for joined in 1..packets.len() {
        let seen = &packets[joined..];
        assert_eq!(found_by(&mut Monitor::new().joining(), seen), []);
    }
    let once = [&packets[..3], &packets[4..]].concat();
    assert_eq!(kinds(&once), [BreachKind::OutOfOrder]);
}

#[test]
fn a_late_answer_may_be_for_a_request_with_another_number_of_filters() {
    let client = Dialect::from_client(Version::V3_1);
    let server = client.reply();
    let one = (0, client, &b"\x82\x06\0\x01\0\x01a\0"[..]);
    let two = (0, client, &b"\x82\x0a\0\x01\0\x01a\0\0\x01b\0"[..]);
    let code = (0, server, &b"\x90\x03\0\x01\0"[..]);
    let codes = (0, server, &b"\x90\x04\0\x01\0\0"[..]);
    let begin = [
        (0, client, &b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c"[..]),
        (0, server, b"\x20\x02\0\0"),
    ];
    let kinds_of = |packets: &[_]| kinds(&[&begin, packets].concat());
    // the request is repeated, and the second answer comes after the next request
    assert_eq!(kinds_of(&[one, one, code, two, code, codes]), []);
    assert_eq!(kinds_of(&[one, code, two, code]), [BreachKind::CodeCount]);
    // a request that may repeat one whose answer has passed does not hold its identifier
    let unsubscribe = (0, client, &b"\xa2\x05\0\x01\0\x01a"[..]);
    let unsuback = (0, server, &b"\xb0\x02\0\x01"[..]);
    assert_eq!(kinds_of(&[one, code, one, unsubscribe, unsuback, code]), []);
    let in_use = kinds_of(&[one, unsubscribe, code, unsuback]);
    assert_eq!(in_use, [BreachKind::PacketIdInUse]);
    // a request that may repeat one that was not seen
    assert_eq!(found_by(&mut Monitor::new().joining(), &[one, codes]), []);
    assert_eq!(kinds_of(&[one, codes]), [BreachKind::CodeCount]);
}

#[test]
fn a_pubrel_may_answer_a_pubrec_of_an_earlier_connection() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let packets = [
        (0, client, &b"\x10\x0e\0\x04MQTT\x05\0\0\x3c\0\0\x01c"[..]),
        (0, server, b"\x20\x03\x01\0\0"), // the Session is present
        (0, server, b"\x50\x02\0\x01"),
        (0, client, b"\x34\x06\0\x01t\0\x02\0"),
        (0, client, b"\x34\x06\0\x01t\0\x01\0"),
        (0, server, b"\x50\x02\0\x02"),
        (0, server, b"\x50\x02\0\x01"),
        (0, client, b"\x62\x02\0\x01"), // before that of 2
        (0, client, b"\x62\x02\0\x02"),
    ];
    assert_eq!(kinds(&packets), []);
    let without = [&packets[..2], &packets[3..]].concat();
    assert_eq!(kinds(&without), [BreachKind::OutOfOrder]);
}

#[test]
fn a_pubrel_may_cross_the_pubcomp_of_its_own_message_only() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let done = [
        (0, client, &b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c"[..]),
        (0, server, b"\x20\x02\0\0"),
        (0, client, b"\x34\x05\0\x01t\0\x01"),
        (0, server, b"\x50\x02\0\x01"),
        (0, client, b"\x62\x02\0\x01"),
        (0, server, b"\x70\x02\0\x01"),
    ];
    let then = |pubrel| kinds(&[&done[..], &[(0, client, pubrel)]].concat());
    assert_eq!(then(b"\x62\x02\0\x01"), []);
    assert_eq!(then(b"\x62\x02\0\x02"), [BreachKind::NothingToAcknowledge]);
}

#[test]
fn a_monitor_that_joins_may_see_a_late_puback_for_another_message() {
    let found = |mut monitor: Monitor<'_>, version| {
        let server = Dialect::from_server(version);
        let publish: &[u8] = match version {
            Version::V5 => b"\x34\x06\0\x01t\0\x07\0",
            _ => b"\x34\x05\0\x01t\0\x07",
        };
        let puback = (0, server.reply(), &b"\x40\x02\0\x07"[..]);
        found_by(&mut monitor, &[(0, server, publish), puback])
    };
    // an earlier message with QoS 1 may have had the identifier, and a copy
    assert_eq!(found(Monitor::new().joining(), Version::V3_1_1), []);
    // 5.0 has no copies within a connection, but the message may be one of the last connection
    assert_eq!(found(Monitor::new().joining(), Version::V5), []);
}

/// Found by fuzzing: the monitor that saw the beginning trusts the PUBREC.
#[test]
fn a_monitor_that_joins_accuses_nobody_whom_a_complete_one_trusts() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let conversation = [
        (0, client, RESUMING_5_0),
        (0, server, &b"\x20\x03\x01\0\0"[..]),
        (0, client, b"\x3a\x06\0\x01t\0\x01\0"),
        (0, server, b"\x40\x02\0\x01"),
        (0, client, b"\x34\x06\0\x01t\0\x01\0"),
        (0, server, b"\x40\x02\0\x01"), // for the message that was sent again
    ];
    assert_eq!(kinds(&conversation), []);
    for from in 1..conversation.len() {
        let mut joined = Monitor::new().joining();
        assert_eq!(found_by(&mut joined, &conversation[from..]), [], "{from}");
    }
}

#[test]
fn an_alias_that_is_set_before_connect_is_known() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let packets = [
        (0, server, &b"\x20\x03\0\0\0"[..]),
        (0, server, b"\x30\x07\0\x01a\x03\x23\0\x01"),
        (
            0,
            client,
            b"\x10\x11\0\x04MQTT\x05\x02\0\0\x03\x22\0\x02\0\x01c",
        ),
        (0, server, b"\x30\x06\0\0\x03\x23\0\x01"),
        (0, server, b"\x30\x06\0\0\x03\x23\0\x02"),
    ];
    assert_eq!(kinds(&packets[..4]), []);
    assert_eq!(kinds(&packets), [BreachKind::TopicAliasUnknown]);
}

#[test]
fn keep_alive_is_checked_with_the_tolerance_of_the_caller() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01c"; // Keep Alive 10
    let found = |tolerance, last| {
        let mut monitor =
            Monitor::new().with_keep_alive_tolerance(Duration::from_millis(tolerance));
        let packets = [(0, client, &connect[..]), (0, server, CONNACK), last];
        found_by(&mut monitor, &packets)
    };
    let missed = [BreachKind::KeepAliveMissed];
    assert_eq!(found(0, (10_001, client, PINGREQ)), missed);
    assert_eq!(found(500, (10_500, client, PINGREQ)), []);
    assert_eq!(found(500, (10_501, client, PINGREQ)), missed);
    assert_eq!(found(500, (15_500, server, PUBLISH)), []);
    let not_enforced = [BreachKind::KeepAliveNotEnforced];
    assert_eq!(found(500, (15_501, server, PUBLISH)), not_enforced);
}

#[test]
fn a_silence_begins_with_the_connack_and_ends_with_a_disconnect() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let connect = &b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01c"[..]; // Keep Alive 10
    let slow = [(0, client, connect), (8_000, server, CONNACK)];
    let and = |next| kinds(&[&slow[..], &[next]].concat());
    assert_eq!(and((18_000, client, PINGREQ)), []);
    assert_eq!(
        and((18_001, client, PINGREQ)),
        [BreachKind::KeepAliveMissed]
    );
    let left = [
        (0, client, connect),
        (0, server, CONNACK),
        (1, client, b"\xe0\0"),
    ];
    assert_eq!(
        kinds(&[&left[..], &[(20_000, server, PUBLISH)]].concat()),
        []
    );
}

#[test]
fn a_packet_out_of_place_may_be_answered() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let connect = (0, client, CONNECT_3_1_1);
    let connack = (0, server, CONNACK);
    let publish = &b"\x32\x05\0\x01a\0\x07"[..];
    let puback = &b"\x40\x02\0\x07"[..];
    let early = [connect, (0, server, publish), connack, (0, client, puback)];
    assert_eq!(kinds(&early), [BreachKind::BeforeConnAck]);
    let disconnect = (0, client, &b"\xe0\0"[..]);
    let late = [
        connect,
        connack,
        disconnect,
        (0, client, publish),
        (0, server, puback),
    ];
    assert_eq!(kinds(&late), [BreachKind::AfterDisconnect]);
    let none = [connect, connack, disconnect, (0, server, puback)];
    assert_eq!(kinds(&none), [BreachKind::NothingToAcknowledge]);
    let requests = [
        connect,
        connack,
        disconnect,
        (0, client, b"\x82\x06\0\x08\0\x01a\0"),
        (0, client, b"\xa2\x05\0\x09\0\x01a"),
        (0, server, b"\x90\x03\0\x08\0"),
        (0, server, b"\xb0\x02\0\x09"),
    ];
    assert_eq!(kinds(&requests), [BreachKind::AfterDisconnect; 2]);
    let pubrel = [
        connect,
        connack,
        disconnect,
        (0, client, b"\x62\x02\0\x07"),
        (0, server, b"\x70\x02\0\x07"),
    ];
    assert_eq!(kinds(&pubrel), [BreachKind::AfterDisconnect]);
}

#[test]
fn only_a_successful_pubrec_out_of_place_may_be_answered() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let with = |pubrec| {
        kinds(&[
            (0, client, CONNECT_5_0),
            (0, server, b"\x20\x03\0\0\0"),
            (0, server, b"\x34\x06\0\x01t\0\x07\0"),
            (0, client, b"\xe0\0"),
            (0, client, pubrec),
            (0, server, b"\x62\x02\0\x07"),
        ])
    };
    let late = BreachKind::AfterDisconnect;
    assert_eq!(with(b"\x50\x02\0\x07"), [late]);
    let failed = with(b"\x50\x03\0\x07\x80");
    assert_eq!(failed, [late, BreachKind::NothingToAcknowledge]);
}

#[test]
fn an_auth_out_of_place_may_be_answered() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let auth = &b"\xf0\x06\x18\x04\x15\0\x01m"[..];
    let connect = &b"\x10\x12\0\x04MQTT\x05\x02\0\0\x04\x15\0\x01m\0\x01c"[..];
    let begun = [
        (0, client, connect),
        (0, server, &b"\x20\x07\0\0\x04\x15\0\x01m"[..]),
    ];
    let and = |next: &[At<'_>]| kinds(&[&begun[..], next].concat());
    let not_begun = [BreachKind::AuthenticationNotBegun; 2];
    let (from_client, from_server) = ((0, client, auth), (0, server, auth));
    assert_eq!(and(&[from_client, from_server]), not_begun[..1]);
    assert_eq!(and(&[from_server, from_client]), not_begun[..1]);
    assert_eq!(and(&[from_client, from_client]), not_begun);
}

#[test]
fn a_request_with_the_identifier_of_another_has_its_own_count_of_codes() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let packets = [
        (0, client, CONNECT_5_0),
        (0, server, &b"\x20\x03\0\0\0"[..]),
        (0, client, b"\x82\x07\0\x07\0\0\x01a\0"),
        (0, client, b"\x82\x0b\0\x07\0\0\x01a\0\0\x01b\0"),
        (0, server, b"\x90\x05\0\x07\0\x91\x91"),
        (0, server, b"\x90\x04\0\x07\0\0"),
        (0, server, b"\x90\x04\0\x07\0\0"),
    ];
    assert_eq!(kinds(&packets[..6]), [BreachKind::PacketIdInUse]);
    let nothing = BreachKind::NothingToAcknowledge;
    assert_eq!(kinds(&packets), [BreachKind::PacketIdInUse, nothing]);
}

/// Found by the search in `ci/search`, as the tests below.
#[test]
fn the_second_answer_to_a_copy_may_be_taken_for_the_next_message() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let publish = (0, client, &b"\x32\x05\0\x01t\0\x01"[..]);
    let copy = (0, client, &b"\x3a\x05\0\x01t\0\x01"[..]);
    let puback = (0, server, &b"\x40\x02\0\x01"[..]);
    let begin = [(0, client, CONNECT_3_1_1), (0, server, CONNACK)];
    let found = |packets: &[At<'_>]| kinds(&[&begin, packets].concat());
    // the second PUBACK is on the way when the Client sends its next message
    let before = [publish, copy, puback, puback, publish, publish];
    assert_eq!(found(&before), []);
    // the copy crosses the first PUBACK
    let crossing = [publish, puback, copy, puback, publish, publish];
    assert_eq!(found(&crossing), []);
    let once = [publish, puback, publish, publish];
    assert_eq!(found(&once), [BreachKind::PacketIdInUse]);
}

#[test]
fn the_second_answer_to_a_request_may_be_taken_for_the_next_one() {
    let client = Dialect::from_client(Version::V3_1);
    let server = client.reply();
    let suback = (0, server, &b"\x90\x03\0\x01\0"[..]);
    let packets = [
        (0, client, CONNECT_3_1),
        (0, server, CONNACK),
        (0, client, b"\x82\x06\0\x01\0\x01t\0"),
        (0, client, b"\x8a\x06\0\x01\0\x01t\0"),
        suback,
        suback,
        (0, client, b"\x8a\x06\0\x01\0\x01t\0"),
        (0, client, b"\x82\x0a\0\x01\0\x01t\0\0\x01t\0"),
        (0, client, b"\x32\x05\0\x01t\0\x01"),
    ];
    assert_eq!(kinds(&packets), []);
}

#[test]
fn a_client_may_continue_its_session_before_it_knows_that_there_is_none() {
    for (version, connect, connack) in [
        (
            Version::V3_1_1,
            &b"\x10\x0d\0\x04MQTT\x04\0\0\0\0\x01c"[..],
            CONNACK,
        ),
        (
            Version::V5,
            b"\x10\x0e\0\x04MQTT\x05\0\0\0\0\0\x01c",
            b"\x20\x03\0\0\0",
        ),
    ] {
        let client = Dialect::from_client(version);
        let server = client.reply();
        let found = |sender| {
            let pubrel = (0, sender, &b"\x62\x02\0\x01"[..]);
            kinds(&[(0, client, connect), (0, server, connack), pubrel])
        };
        assert_eq!(found(client), []);
        assert_eq!(found(server), [BreachKind::NothingToAcknowledge]);
    }
}

#[test]
fn a_late_answer_in_a_resumed_session_may_be_taken_for_a_message_that_is_sent_again() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let begin = [
        (0, client, RESUMING_5_0),
        (0, server, &b"\x20\x03\x01\0\0"[..]),
    ];
    let found = |packets: &[At<'_>]| kinds(&[&begin, packets].concat());
    let publish = (0, client, &b"\x32\x06\0\x01t\0\x01\0"[..]);
    let again = (0, client, &b"\x3a\x06\0\x01t\0\x01\0"[..]);
    let puback = (0, server, &b"\x40\x02\0\x01"[..]);
    assert_eq!(found(&[puback, again, publish]), []);
    // the answer to the packet that was sent again is late
    let exactly_once = (0, client, &b"\x34\x06\0\x01t\0\x01\0"[..]);
    assert_eq!(found(&[again, puback, exactly_once, puback]), []);
    // PUBCOMP, with and without "not found"
    let pubrel = (0, client, &b"\x62\x02\0\x01"[..]);
    for pubcomp in [&b"\x70\x02\0\x01"[..], b"\x70\x03\0\x01\x92"] {
        assert_eq!(found(&[(0, server, pubcomp), pubrel, publish]), []);
    }
    // the Client answers a message of the last connection before a new one
    let messages = [
        (0, server, &b"\x32\x06\0\x01t\0\x02\0"[..]),
        (0, server, b"\x32\x06\0\x01t\0\x01\0"),
        (0, client, b"\x40\x02\0\x01"),
    ];
    assert_eq!(found(&messages), []);
}

#[test]
fn a_pubcomp_of_an_earlier_message_returns_quota() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let begin = [
        (0, client, RESUMING_5_0),
        (0, server, &b"\x20\x06\x01\0\x03\x21\0\x01"[..]),
        (0, client, b"\x62\x02\0\x01"),
        (0, client, b"\x32\x06\0\x01t\0\x02\0"),
    ];
    let pubcomp = (0, server, &b"\x70\x02\0\x01"[..]);
    let another = (0, client, &b"\x32\x06\0\x01t\0\x01\0"[..]);
    let third = (0, client, &b"\x32\x06\0\x01t\0\x03\0"[..]);
    let found = |packets: &[At<'_>]| kinds(&[&begin, packets].concat());
    assert_eq!(found(&[pubcomp, another]), []);
    let exceeded = [BreachKind::ReceiveMaximumExceeded];
    assert_eq!(found(&[third]), exceeded);
    assert_eq!(found(&[pubcomp, another, third]), exceeded);
}

#[test]
fn a_message_that_broke_a_rule_may_stay_without_an_answer() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let packets = [
        (
            0,
            client,
            &b"\x10\x11\0\x04MQTT\x05\x02\0\0\x03\x21\0\x01\0\x01c"[..],
        ),
        (0, server, b"\x20\x03\0\0\0"),
        (0, server, b"\x32\x06\0\x01t\0\x01\0"),
        (0, server, b"\x32\x06\0\x01t\0\x09\0"), // above the Receive Maximum
        (0, client, b"\x40\x02\0\x01"),
        (0, server, b"\x32\x06\0\x01t\0\x01\0"),
        (0, client, b"\x40\x02\0\x01"),
    ];
    let exceeded = BreachKind::ReceiveMaximumExceeded;
    assert_eq!(kinds(&packets), [exceeded, exceeded]);
}

#[test]
fn an_auth_of_the_client_may_cross_the_connack() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let auth = &b"\xf0\x06\x18\x04\x15\0\x01m"[..];
    let begin = [
        (
            0,
            client,
            &b"\x10\x12\0\x04MQTT\x05\x02\0\0\x04\x15\0\x01m\0\x01c"[..],
        ),
        (0, server, auth),
    ];
    let connack = (0, server, &b"\x20\x07\0\0\x04\x15\0\x01m"[..]);
    let answer = (0, client, auth);
    let found = |packets: &[At<'_>]| kinds(&[&begin, packets].concat());
    assert_eq!(found(&[connack, answer]), []);
    let not_begun = [BreachKind::AuthenticationNotBegun];
    assert_eq!(found(&[answer, connack, answer]), not_begun);
    assert_eq!(found(&[answer, connack, begin[1]]), not_begun);
}

#[test]
fn an_auth_that_broke_a_rule_before_the_connack_may_be_answered_after_it() {
    let client = Dialect::from_client(Version::V5);
    let server = client.reply();
    let connect = &b"\x10\x12\0\x04MQTT\x05\x02\0\0\x04\x15\0\x01m\0\x01c"[..];
    let connack = &b"\x20\x07\0\0\x04\x15\0\x01m"[..];
    let auth = &b"\xf0\x06\x18\x04\x15\0\x01m"[..];
    let again = &b"\xf0\x06\x19\x04\x15\0\x01m"[..];
    let found = |packet| {
        let answered = [(0, server, connack), (0, server, auth)];
        kinds(&[&[(0, client, connect), (0, client, packet)], &answered[..]].concat())
    };
    assert_eq!(found(again), [BreachKind::AuthenticationStep]);
    // the Server had not sent an AUTH
    assert_eq!(found(auth), []);
}

#[test]
fn a_late_answer_is_not_out_of_order() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let packets = [
        (0, client, CONNECT_3_1_1),
        (0, server, CONNACK),
        (0, server, b"\x32\x05\0\x01a\0\x07"),
        (0, server, b"\x3a\x05\0\x01a\0\x07"),
        (0, client, b"\x40\x02\0\x07"),
        (0, server, b"\x32\x05\0\x01a\0\x08"),
        (0, server, b"\x32\x05\0\x01a\0\x07"), // another message
        (0, client, b"\x40\x02\0\x07"),        // for the second packet
        (0, client, b"\x40\x02\0\x08"),
        (0, client, b"\x40\x02\0\x07"),
    ];
    assert_eq!(kinds(&packets), []);
}

#[test]
fn repetitions_that_are_too_many_to_count_are_trusted() {
    let client = Dialect::from_client(Version::V3_1_1);
    let server = client.reply();
    let repeated = [(0, client, &b"\x3a\x05\0\x01a\0\x07"[..]); 400];
    let answers = [(0, server, &b"\x40\x02\0\x07"[..]); 400];
    let begun = [(0, client, CONNECT_3_1_1), (0, server, CONNACK)];
    assert_eq!(kinds(&[&begun[..], &repeated, &answers].concat()), []);
    let found = kinds(&[&begun[..], &repeated[..100], &answers[..101]].concat());
    assert_eq!(found, [BreachKind::NothingToAcknowledge]);
}

#[test]
fn a_reason_code_is_one_that_the_other_side_may_send() {
    let mut found = BTreeSet::new();
    for (name, conversation) in fixtures::vectors("invalid", |folder| folder == "conversations") {
        for (_, breach) in observe(&mut Monitor::new(), &name, &conversation) {
            let Some(code) = breach.reason_code() else {
                continue;
            };
            let allowed = |packet_type| code.is_allowed(packet_type, breach.sender().other());
            assert!(
                allowed(PacketType::Disconnect) || allowed(PacketType::ConnAck),
                "{name}: {code}"
            );
            found.insert(breach.kind());
        }
    }
    // two codes that only a Server may send, and only a Server breaks these rules
    for kind in [
        BreachKind::KeepAliveNotEnforced,
        BreachKind::WillRetainNotSupported,
    ] {
        assert!(!found.contains(&kind));
    }
    assert!(found.len() > 25, "{found:?}");

    // no CONNACK has 0x94, and before the CONNACK the Server cannot send a DISCONNECT
    let client = Dialect::from_client(Version::V5);
    let publish = &b"\x30\x07\0\x01a\x03\x23\0\x01"[..];
    let packets = [(CONNECT_5_0, client), (publish, client)];
    let connack = (&b"\x20\x03\0\0\0"[..], client.reply());
    for (packets, code) in [
        (packets.to_vec(), None),
        (
            vec![packets[0], connack, packets[1]],
            Some(ReasonCode::TopicAliasInvalid),
        ),
    ] {
        let mut monitor = Monitor::new();
        let mut codes = Vec::new();
        for (bytes, dialect) in packets {
            let packet = Packet::decode(bytes, dialect).unwrap();
            let report = |breach: Breach| codes.push(breach.reason_code());
            monitor.observe(dialect, &packet, bytes.len(), report);
        }
        assert_eq!(codes, [code]);
    }
}

const CONNECT_3_1: &[u8] = b"\x10\x0f\0\x06MQIsdp\x03\x02\0\0\0\x01c";
const CONNECT_3_1_1: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c";
const CONNECT_5_0: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01c";
const RESUMING_5_0: &[u8] = b"\x10\x0e\0\x04MQTT\x05\0\0\0\0\0\x01c";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const CONNACK_5_0: &[u8] = b"\x20\x03\0\0\0";
const PUBLISH: &[u8] = b"\x30\x03\0\x01a";
const PINGREQ: &[u8] = b"\xc0\0";

type At<'a> = (u64, Dialect, &'a [u8]);

fn kinds(packets: &[At<'_>]) -> Vec<BreachKind> {
    found_by(&mut Monitor::new(), packets)
}

/// The breaches that a monitor reports for packets at these milliseconds.
fn found_by(monitor: &mut Monitor<'_>, packets: &[At<'_>]) -> Vec<BreachKind> {
    let mut kinds = Vec::new();
    for (time, dialect, bytes) in packets {
        let packet = Packet::decode(bytes, *dialect).unwrap();
        let time = Duration::from_millis(*time);
        monitor.observe_at(time, *dialect, &packet, bytes.len(), |breach| {
            kinds.push(breach.kind())
        });
    }
    kinds
}

/// Sessions of real programs that break a rule, and how often at least.
const DEVIATIONS: &[(&str, usize)] = &[
    // rumqttc 0.25.1 acknowledges after its DISCONNECT
    ("aedes-rumqttc-v311-status.late2", 1),
    // paho-mqtt 2.2.0 sends PUBREL after a PUBREC that rejects the message
    ("mosqauth-paho-v5-authbasic.good", 1),
    // rumqttd 0.20 sends an UNSUBACK for each filter of an UNSUBSCRIBE
    ("rumqttd-mqttjs-v311-basic.a", 1),
    ("rumqttd-paho-v311-basic.a", 1),
    // in 5.0 each of them has one code
    ("rumqttd5-mqttjs-v5-basic.a", 2),
    ("rumqttd5-paho-v5-basic.a", 2),
    // or there is only one, with one code for two filters
    ("rumqttd5-mqttjs-v5-props.a", 1),
    ("rumqttd5-paho-v5-props.a", 1),
];

#[test]
fn real_conversations_raise_no_false_alarm() {
    check_sessions(&fixtures::chosen_sessions());
}

#[test]
fn all_recorded_conversations_raise_no_false_alarm() {
    let Some(sessions) = fixtures::all_sessions() else {
        return;
    };
    let found = check_sessions(&sessions);
    assert_eq!(found, DEVIATIONS.len());
}

/// The number of sessions of real programs with a breach.
fn check_sessions(sessions: &[Session]) -> usize {
    let mut found = 0;
    let real = |session: &&Session| session.every_packet_valid && !session.hand_made;
    for session in sessions.iter().filter(real) {
        let client = packets(&session.client, Dialect::from_client(session.version));
        let server = packets(&session.server, Dialect::from_server(session.version));
        let breaches = fewest_breaches(&client, &server);
        let known = DEVIATIONS.iter().find(|(base, _)| *base == session.base);
        let expected = known.map_or(0, |(_, count)| *count);
        assert_eq!(breaches.len(), expected, "{}: {breaches:#?}", session.base);
        found += usize::from(!breaches.is_empty());
    }
    found
}

type Sent<'a> = (Dialect, Packet<'a>, usize);

fn packets(recording: &Recording, dialect: Dialect) -> Vec<Sent<'_>> {
    let mut bytes = &recording.bytes[..];
    let mut packets = Vec::new();
    while let Ok(NextFrame::Frame(frame)) = FrameRef::split(bytes, dialect, u32::MAX) {
        let packet = frame.decode(dialect).unwrap();
        packets.push((dialect, packet, frame.bytes().len()));
        bytes = &bytes[frame.bytes().len()..];
    }
    packets
}

/// The recordings do not tell in which order the two directions passed: the breaches of the order
/// that has the fewest, found by looking at orders with fewer breaches first.
fn fewest_breaches(client: &[Sent<'_>], server: &[Sent<'_>]) -> Vec<Breach> {
    let mut orders = vec![(Vec::new(), 0)];
    let mut with_another_breach = Vec::new();
    let mut best = HashMap::new();
    loop {
        let Some((order, breaches)) = orders.pop() else {
            orders = std::mem::take(&mut with_another_breach);
            continue;
        };
        let at_client = order
            .iter()
            .filter(|sender| **sender == Sender::Client)
            .count();
        let place = (at_client, order.len() - at_client);
        if best.get(&place).is_some_and(|best| *best <= breaches) {
            continue;
        }
        best.insert(place, breaches);
        if order.len() == client.len() + server.len() {
            return replay(&order, client, server);
        }
        for (sender, has_more) in [
            (Sender::Server, place.1 < server.len()),
            (Sender::Client, place.0 < client.len()),
        ] {
            if !has_more {
                continue;
            }
            let mut order = order.clone();
            order.push(sender);
            match replay(&order, client, server).len() {
                same if same == breaches => orders.push((order, same)),
                more => with_another_breach.push((order, more)),
            }
        }
    }
}

fn replay(order: &[Sender], client: &[Sent<'_>], server: &[Sent<'_>]) -> Vec<Breach> {
    let (mut client, mut server) = (client.iter(), server.iter());
    let mut monitor = Monitor::new();
    let mut breaches = Vec::new();
    for sender in order {
        let (dialect, packet, len) = match sender {
            Sender::Client => client.next().unwrap(),
            Sender::Server => server.next().unwrap(),
        };
        monitor.observe(*dialect, packet, *len, |breach| breaches.push(breach));
    }
    breaches
}

/// The breaches that a monitor reports in a conversation, each with the index of its packet.
fn observe(monitor: &mut Monitor<'_>, name: &str, conversation: &Value) -> Vec<(usize, Breach)> {
    let version = fixtures::version(conversation["versions"][0].as_str().unwrap());
    let waivers = conversation["waivers"].as_array();
    let waivers = waivers
        .into_iter()
        .flatten()
        .map(|name| Waivers::from_name(name.as_str().unwrap()).unwrap());
    let waivers = waivers.fold(Waivers::NONE, |all, waiver| all | waiver);
    let mut breaches = Vec::new();
    let packets = conversation["packets"].as_array().unwrap();
    for (index, packet) in packets.iter().enumerate() {
        let dialect = match packet["from"].as_str().unwrap() {
            "client" => Dialect::from_client(version),
            "server" => Dialect::from_server(version),
            other => panic!("{name}: from {other}"),
        };
        let bytes = fixtures::wire(&packet["wire"]);
        let decoded = Packet::decode(&bytes, dialect.waiving(waivers)).unwrap_or_else(|error| {
            panic!("{name}, packet {index}: {error}");
        });
        let report = |breach| breaches.push((index, breach));
        match packet["milliseconds"].as_u64() {
            Some(time) => {
                let time = Duration::from_millis(time);
                monitor.observe_at(time, dialect, &decoded, bytes.len(), report);
            }
            None => monitor.observe(dialect, &decoded, bytes.len(), report),
        }
    }
    breaches
}

fn describe(index: usize, breach: &Breach) -> Value {
    let statements: Vec<_> = breach.statements().map(|it| it.to_string()).collect();
    let mut json = json!({
        "packet": index,
        "kind": breach.kind().name(),
        "from": match breach.sender() {
            Sender::Client => "client",
            Sender::Server => "server",
        },
        "statements": statements,
    });
    if let Some(code) = breach.reason_code() {
        json["reason_code"] = json!(format!("{:#04x}", code as u8));
    }
    json
}
