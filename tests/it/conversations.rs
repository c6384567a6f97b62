//! Conversations that the model makes: the valid ones are without a breach, the others break each
//! rule; and as streams they come apart wherever they are cut.

use std::collections::{BTreeMap, BTreeSet};

use crate::fixtures::cases;
use crate::invariants::{self, Start, noise};
use arbitrary::{Arbitrary, Unstructured};
use mqtt_wire::monitor::{Breach, BreachKind, Exchange, Monitor, Storage};
use mqtt_wire::{
    Dialect, Limits, Packet, PacketId, PacketType, QoS, ReasonCode, Sender, SubscriptionId, Version,
};
use mqtt_wire_testkit::{
    self as model, Conversation, NearlyValidConversation, ValidConversation, strategies,
};
use proptest::prelude::*;
use proptest::sample::Index;

fn conversation() -> impl Strategy<Value = Conversation> {
    let version = prop_oneof![
        Just(Version::V3_1),
        Just(Version::V3_1_1),
        Just(Version::V5)
    ];
    version.prop_flat_map(strategies::conversation)
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn valid_conversations_are_without_a_breach(conversation in conversation()) {
        prop_assert_eq!(breaches(&conversation), []);
    }

    #[test]
    fn packets_of_conversations_are_valid(
        conversation in Just(Version::V5).prop_flat_map(strategies::nearly_valid_conversation),
    ) {
        let encoded = conversation.encode().unwrap();
        prop_assert_eq!(encoded.len(), conversation.packets.len());
        for ((sender, bytes), (by, packet)) in encoded.iter().zip(&conversation.packets) {
            prop_assert_eq!(sender, by);
            let dialect = Dialect::new(conversation.version, *sender);
            prop_assert_eq!(Packet::decode(bytes, dialect).map(model::Packet::from), Ok(packet.clone()));
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn streams_give_the_same_frames_wherever_they_are_cut(
        conversation in conversation(),
        cuts in proptest::collection::vec(any::<Index>(), 0..20),
    ) {
        const NO_LIMITS: Limits = Limits::DEFAULT.with_packet(u32::MAX).with_first_packet(u32::MAX);
        for sender in [Sender::Client, Sender::Server] {
            let start = match sender {
                Sender::Client => Start::Accept,
                Sender::Server => Start::In(Dialect::from_server(conversation.version)),
            };
            let packets = conversation.encode().unwrap().into_iter();
            let packets: Vec<_> = packets
                .filter_map(|(from, bytes)| (from == sender).then_some(bytes))
                .collect();
            let stream = packets.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);

            let apart = start.take_apart(NO_LIMITS, pieces);
            prop_assert_eq!(&apart.frames, &packets);
            prop_assert_eq!(apart.ending, Ok(2));
            prop_assert_eq!(&start.take_apart(NO_LIMITS, stream.chunks(1)).frames, &packets);
            prop_assert_eq!(start.take_apart_whole(NO_LIMITS, &stream).frames, packets);
            start.need_more_is_exact(NO_LIMITS, &stream);
        }
    }
}

#[test]
fn valid_conversations_are_long_and_have_all_packet_types() {
    let mut packets = BTreeMap::new();
    let (mut longest, mut released, mut aliases) = (0, 0, 0);
    for seed in 0..2_000 {
        let ValidConversation(conversation) = of_seed(seed);
        assert_eq!(breaches(&conversation), [], "{conversation:#?}");
        longest = longest.max(conversation.packets.len());
        for (sender, packet) in &conversation.packets {
            let dialect = Dialect::new(conversation.version, *sender);
            *packets.entry((dialect, packet.packet_type())).or_insert(0) += 1;
            released += u32::from(matches!(packet, model::Packet::PubComp(_)));
            let no_topic = |packet: &model::Publish| packet.topic_name.is_none();
            aliases += u32::from(matches!(packet, model::Packet::Publish(it) if no_topic(it)));
        }
    }
    for dialect in invariants::dialects() {
        for packet_type in PacketType::ALL {
            let count = packets.get(&(dialect, packet_type)).copied().unwrap_or(0);
            let is_sent = packet_type.is_sent_in(dialect);
            assert_eq!(count > 0, is_sent, "{dialect:?}, {packet_type}: {count}");
        }
    }
    assert!(longest > 60, "{longest}");
    assert!(released > 100 && aliases > 10, "{released}, {aliases}");
}

/// Events that must happen in some of many valid conversations.
type Event = fn(&model::Connect, &model::ConnAck, &Conversation) -> bool;

const EVENTS: &[(&str, Event)] = &[
    ("a Session that DISCONNECT makes longer", |_, _, it| {
        it.packets.iter().any(|(sender, packet)| {
            let properties = match packet {
                model::Packet::Disconnect(it) if *sender == Sender::Client => &it.properties,
                _ => return false,
            };
            let longer = |it: &_| matches!(it, model::Property::SessionExpiryInterval(1..));
            properties.iter().any(longer)
        })
    }),
    ("Response Information", |_, connack, _| {
        let informs = |it: &_| matches!(it, model::Property::ResponseInformation(_));
        connack.properties.iter().any(informs)
    }),
    ("a Client that authenticates again", |_, _, it| {
        let mut auths = it.packets.iter().filter_map(|(_, packet)| match packet {
            model::Packet::Auth(auth) => Some(auth.reason_code),
            _ => None,
        });
        let is_begun = auths.any(|code| code == ReasonCode::ReAuthenticate);
        is_begun && auths.any(|code| code == ReasonCode::Success)
    }),
    ("a Session that goes on", |_, connack, _| {
        connack.session_present
    }),
    (
        "a Session that is asked for and begins",
        |connect, connack, _| {
            !connect.clean_start && !connack.session_present && !is_refused(connack)
        },
    ),
    ("the fourth of few Topic Aliases", |_, _, it| {
        let is_fourth = |it: &_| matches!(it, model::Property::TopicAlias(id) if id.get() == 4);
        publishes(it).any(|publish| publish.properties.iter().any(is_fourth))
    }),
    ("a Subscription Identifier that comes back", |_, _, it| {
        publishes(it).any(|publish| subscription_ids(&publish.properties).next().is_some())
    }),
    (
        "a client that gets its identifier",
        |connect, connack, _| connect.client_id.is_empty() && assigns_client_id(connack),
    ),
    (
        "a simple client identifier that is refused",
        |connect, connack, _| is_simple(&connect.client_id) && is_refused(connack),
    ),
    (
        "another client identifier that is not valid",
        |connect, connack, _| {
            let code = ReasonCode::ClientIdentifierNotValid;
            !is_simple(&connect.client_id) && connack.reason_code == code
        },
    ),
    (
        "a Session that is asked for and refused",
        |connect, connack, _| !connect.clean_start && is_refused(connack),
    ),
];

fn publishes(conversation: &Conversation) -> impl Iterator<Item = &model::Publish> {
    let packets = conversation.packets.iter();
    packets.filter_map(|(_, packet)| match packet {
        model::Packet::Publish(publish) => Some(publish),
        _ => None,
    })
}

fn subscription_ids(properties: &[model::Property]) -> impl Iterator<Item = SubscriptionId> {
    properties.iter().filter_map(|property| match property {
        model::Property::SubscriptionIdentifier(id) => Some(*id),
        _ => None,
    })
}

fn is_refused(connack: &model::ConnAck) -> bool {
    connack.reason_code != ReasonCode::Success
}

fn is_simple(client_id: &str) -> bool {
    let is_plain = client_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (1..=23).contains(&client_id.len()) && is_plain
}

fn assigns_client_id(connack: &model::ConnAck) -> bool {
    let assigns = |it: &_| matches!(it, model::Property::AssignedClientIdentifier(_));
    connack.properties.iter().any(assigns)
}

#[test]
fn valid_conversations_have_every_event() {
    let mut seen = vec![0; EVENTS.len()];
    for seed in 0..4_000 {
        let ValidConversation(conversation) = of_seed(seed);
        let packets = &conversation.packets;
        let Some((_, model::Packet::Connect(connect))) = packets.first() else {
            panic!("{conversation:#?}");
        };
        let connack = packets.iter().find_map(|(_, packet)| match packet {
            model::Packet::ConnAck(connack) => Some(connack),
            _ => None,
        });
        // an authentication may end the connection before
        let Some(connack) = connack else {
            continue;
        };
        assert!(connect.client_id.is_empty() || !assigns_client_id(connack));
        assert!(conversation.version != Version::V3_1 || !connack.session_present);
        let mut known = BTreeSet::new();
        for (_, packet) in packets {
            match packet {
                // the packet identifier was found
                model::Packet::PubRel(ack) | model::Packet::PubComp(ack) => {
                    assert_eq!(ack.reason_code, ReasonCode::Success);
                }
                model::Packet::Subscribe(it) => known.extend(subscription_ids(&it.properties)),
                model::Packet::Publish(it) => {
                    assert!(subscription_ids(&it.properties).all(|id| known.contains(&id)));
                }
                _ => {}
            }
        }
        for ((_, event), seen) in EVENTS.iter().zip(&mut seen) {
            *seen += u32::from(event(connect, connack, &conversation));
        }
    }
    for ((name, _), seen) in EVENTS.iter().zip(seen) {
        assert!(seen > 20, "{name}: {seen}");
    }
}

#[test]
fn nearly_valid_conversations_break_every_rule_that_valid_packets_can_break() {
    let mut kinds = BTreeMap::new();
    let (mut without, mut several, mut pings) = (0, 0, 0);
    for seed in 0..6_000 {
        let NearlyValidConversation(conversation) = of_seed(seed);
        assert!(!conversation.packets.is_empty());
        let breaches = breaches(&conversation);
        without += u32::from(breaches.is_empty());
        several += u32::from(breaches.len() > 3);
        let count = |wanted: &model::Packet| {
            let packets = conversation.packets.iter();
            packets.filter(|(_, packet)| packet == wanted).count()
        };
        pings += u32::from(count(&model::Packet::PingReq) > count(&model::Packet::PingResp));
        for breach in &breaches {
            *kinds.entry(breach.kind()).or_insert(0) += 1;
        }
    }
    let out_of_reach = [
        // needs a waiver: the CONNECT is not valid by itself
        BreachKind::EmptyClientIdAccepted,
        // need times
        BreachKind::KeepAliveMissed,
        BreachKind::ServerKeepAliveMissed,
        BreachKind::KeepAliveNotEnforced,
    ];
    let missing = BreachKind::ALL
        .iter()
        .filter(|kind| !kinds.contains_key(kind));
    let missing: Vec<_> = missing
        .filter(|kind| !out_of_reach.contains(kind))
        .collect();
    assert_eq!(missing, [&BreachKind::Resent; 0], "{without} break none");
    // a PINGREQ without an answer, or in the wrong place
    assert!(pings > 500, "{pings}");
    for often in [
        BreachKind::FirstPacketNotConnect,
        BreachKind::BeforeConnAck,
        BreachKind::AfterDisconnect,
        BreachKind::PacketIdInUse,
        BreachKind::NothingToAcknowledge,
        BreachKind::CodeCount,
        BreachKind::TopicAliasNotSupported,
        BreachKind::AuthenticationNotRequested,
    ] {
        assert!(kinds[&often] > 200, "{often:?}: {}", kinds[&often]);
    }
    // less often, because the answer to such an AUTH is no breach
    assert!(kinds[&BreachKind::AuthenticationNotBegun] > 120);
    // "somewhat less than half break none"; "often one", which may lead to others
    assert!((2_300..2_900).contains(&without), "{without}");
    assert!((600..1_000).contains(&several), "{several}");
}

/// A packet that is repeated, and one that answers each copy.
type Repetition = (&'static str, fn(&model::Packet) -> bool, PacketType);

const REPETITIONS: &[Repetition] = &[
    (
        "PUBLISH, QoS 1",
        |it| is_publish(it, QoS::AtLeastOnce),
        PacketType::PubAck,
    ),
    (
        "PUBLISH, QoS 2",
        |it| is_publish(it, QoS::ExactlyOnce),
        PacketType::PubRec,
    ),
    (
        "PUBREL",
        |it| it.packet_type() == PacketType::PubRel,
        PacketType::PubComp,
    ),
    (
        "SUBSCRIBE",
        |it| it.packet_type() == PacketType::Subscribe,
        PacketType::SubAck,
    ),
    (
        "UNSUBSCRIBE",
        |it| it.packet_type() == PacketType::Unsubscribe,
        PacketType::UnsubAck,
    ),
];

/// The orders in which two copies of a packet and their answers may pass.
const ORDERS: [&str; 2] = ["QQAA", "QAQA"];

fn is_publish(packet: &model::Packet, qos: QoS) -> bool {
    matches!(packet, model::Packet::Publish(publish) if publish.delivery.qos() == qos)
}

#[test]
fn valid_conversations_repeat_packets_and_answer_each_copy() {
    let mut seen = BTreeMap::new();
    for seed in 0..6_000 {
        let ValidConversation(conversation) = of_seed(seed);
        if conversation.version == Version::V5 {
            continue;
        }
        assert_each_pubrel_comes_before_a_new_message(&conversation);
        for (name, is_question, answer) in REPETITIONS {
            let in_3_1 = ["SUBSCRIBE", "UNSUBSCRIBE"].contains(name);
            if in_3_1 && conversation.version == Version::V3_1_1 {
                continue;
            }
            let mut orders: BTreeMap<_, String> = BTreeMap::new();
            for (sender, packet) in &conversation.packets {
                let Some(id) = packet_id(packet) else {
                    continue;
                };
                if is_question(packet) {
                    orders.entry((*sender, id)).or_default().push('Q');
                } else if packet.packet_type() == *answer {
                    orders.entry((sender.other(), id)).or_default().push('A');
                }
            }
            for order in orders.into_values() {
                for expected in ORDERS.iter().filter(|it| order.starts_with(**it)) {
                    *seen.entry((*name, *expected)).or_insert(0) += 1;
                }
            }
        }
    }
    for (name, ..) in REPETITIONS {
        for order in ORDERS {
            let count = seen.get(&(*name, order)).copied().unwrap_or(0);
            assert!(count > 20, "{name} {order}: {seen:?}");
        }
    }
}

/// Else the PUBREL would be about the new message.
fn assert_each_pubrel_comes_before_a_new_message(conversation: &Conversation) {
    let mut due: BTreeMap<_, i32> = BTreeMap::new();
    for (sender, packet) in &conversation.packets {
        let Some(id) = packet_id(packet) else {
            continue;
        };
        match packet {
            model::Packet::PubRec(_) => *due.entry((sender.other(), id)).or_default() += 1,
            model::Packet::PubRel(_) => *due.entry((*sender, id)).or_default() -= 1,
            model::Packet::Publish(publish) if !publish.delivery.dup() => {
                let left = due.get(&(*sender, id)).copied().unwrap_or(0);
                assert!(
                    left <= 0,
                    "{left} PUBREL of {id} are due: {conversation:#?}"
                );
            }
            _ => {}
        }
    }
}

/// Two copies may have two answers, and not three.
#[test]
fn one_more_answer_than_there_were_copies_is_a_breach() {
    let mut count = 0;
    for seed in 0..3_000 {
        let ValidConversation(conversation) = of_seed(seed);
        if conversation.version == Version::V5 || may_be_resumed(&conversation) {
            continue;
        }
        for (_, is_question, answer) in REPETITIONS {
            // the questions that await an answer, and the last answer
            let mut open: BTreeMap<_, (i32, Option<&model::Packet>)> = BTreeMap::new();
            for (sender, packet) in &conversation.packets {
                let Some(id) = packet_id(packet) else {
                    continue;
                };
                if is_question(packet) {
                    open.entry((*sender, id)).or_default().0 += 1;
                } else if packet.packet_type() == *answer {
                    let entry = open.entry((sender.other(), id)).or_default();
                    *entry = (entry.0 - 1, Some(packet));
                }
            }
            for ((owner, _), (left, packet)) in open {
                let (0, Some(packet)) = (left, packet) else {
                    continue;
                };
                let mut longer = conversation.clone();
                longer.packets.push((owner.other(), packet.clone()));
                let found = breaches(&longer);
                assert_eq!(found.len(), 1, "{found:?} {longer:#?}");
                count += 1;
            }
        }
    }
    assert!(count > 1_000, "{count}");
}

fn may_be_resumed(conversation: &Conversation) -> bool {
    conversation.packets.iter().any(|(_, packet)| match packet {
        // such a Client may continue exchanges before it knows that there is no Session
        model::Packet::Connect(connect) => !connect.clean_start,
        model::Packet::ConnAck(connack) => connack.session_present,
        _ => false,
    })
}

/// Neither a monitor that joins later nor one with little storage raises a false alarm.
#[test]
fn valid_conversations_are_without_a_breach_for_a_monitor_that_sees_less() {
    for seed in 0..1_000 {
        let ValidConversation(conversation) = of_seed(seed);
        let length = conversation.packets.len();
        for from in [1, 2, 1 + length / 4, 1 + length / 2, 1 + length * 3 / 4] {
            let found = breaches_from(&mut Monitor::new().joining(), &conversation, from);
            assert_eq!(found, [], "from {from}: {conversation:#?}");
        }
        for room in [0, 1, 2, 4] {
            let mut exchanges = vec![Exchange::FREE; room];
            let mut few = Monitor::with_storage(Storage {
                exchanges: &mut exchanges,
                client_aliases: &mut [],
                server_aliases: &mut [],
            });
            let found = breaches_from(&mut few, &conversation, 0);
            assert_eq!(found, [], "room for {room}: {conversation:#?}");
        }
    }
}

fn packet_id(packet: &model::Packet) -> Option<PacketId> {
    packet
        .lend(Dialect::from_client(Version::V3_1_1), |packet| {
            packet.packet_id()
        })
        .ok()?
}

fn of_seed<T: for<'b> Arbitrary<'b>>(seed: u64) -> T {
    let noise: Vec<_> = (0..4).flat_map(|part| noise(4 * seed + part)).collect();
    T::arbitrary(&mut Unstructured::new(&noise)).unwrap()
}

fn breaches(conversation: &Conversation) -> Vec<Breach> {
    breaches_from(&mut Monitor::new(), conversation, 0)
}

/// The breaches that a monitor reports if it sees the packets from this one on.
fn breaches_from(
    monitor: &mut Monitor<'_>,
    conversation: &Conversation,
    from: usize,
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (sender, packet) in conversation.packets.iter().skip(from) {
        let dialect = Dialect::new(conversation.version, *sender);
        let observed = packet.lend(dialect, |packet| {
            let length = packet.encoded_len(dialect).unwrap();
            monitor.observe(dialect, &packet, length, |breach| breaches.push(breach));
        });
        observed.unwrap();
    }
    breaches
}
