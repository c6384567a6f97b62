//! Strategies: they draw everything that the generators make, and shrink a failure to a small one.

use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::invariants::dialects;
use arbitrary::Unstructured;
use mqtt_wire::{Delivery, Dialect, PacketType, QoS, TopicFilter, TopicName, Version};
use mqtt_wire_testkit::{self as model, Conversation, Packet, strategies};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[test]
fn strategies_draw_every_dialect_and_packet_type() {
    let mut runner = TestRunner::deterministic();
    let (mut types, mut packets) = (BTreeSet::new(), BTreeSet::new());
    let mut right = 0;
    for _ in 0..2_000 {
        let dialect = draw(&strategies::dialect(), &mut runner);
        let packet = draw(&strategies::packet(dialect), &mut runner);
        types.insert((dialect, packet.packet_type()));
        packets.insert(packet.encode(dialect).unwrap());

        let packet = draw(&strategies::nearly_valid(dialect), &mut runner);
        right += u32::from(packet.encode(dialect).is_ok());

        let version = dialect.version();
        let filter = draw(&strategies::topic_filter(version), &mut runner);
        let filter = TopicFilter::new(&filter).unwrap();
        assert!(version != Version::V5 || filter.shared().is_some() || !is_of_share(filter));
        let name = draw(&strategies::topic_name(), &mut runner);
        TopicName::new(&name).unwrap();
    }
    for dialect in dialects() {
        for packet_type in PacketType::ALL {
            let is_sent = packet_type.is_sent_in(dialect);
            assert_eq!(types.contains(&(dialect, packet_type)), is_sent);
        }
    }
    assert_eq!(format!("{:?}", strategies::topic_name()), "Generated");
    // the others are as small as PINGREQ
    assert!(packets.len() > 1_000, "{}", packets.len());
    assert!((900..1_200).contains(&right), "{right}");
}

fn is_of_share(filter: TopicFilter<'_>) -> bool {
    filter.as_str().starts_with("$share/")
}

fn draw<T>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

// ---- shrinking -----------------------------------------------------------------------------

/// Draws a few values for which `fails`, and returns what the strategy shrinks each to.
fn shrunk<T>(strategy: &impl Strategy<Value = T>, fails: impl Fn(&T) -> bool) -> Vec<T>
where
    T: PartialEq + Debug,
{
    let found = shrunk_from(strategy, &fails, &fails).into_iter();
    found.map(|(_, value)| value).collect()
}

/// The same from values for which `begins`, and in how many steps.
fn shrunk_from<T>(
    strategy: &impl Strategy<Value = T>,
    begins: impl Fn(&T) -> bool,
    fails: impl Fn(&T) -> bool,
) -> Vec<(usize, T)>
where
    T: PartialEq + Debug,
{
    let mut runner = TestRunner::deterministic();
    let mut found = Vec::new();
    while found.len() < 8 {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let mut best = tree.current();
        if !begins(&best) {
            continue;
        }
        let mut goes_on = tree.simplify();
        let mut steps = 0;
        while goes_on {
            steps += 1;
            // proptest grants four times the cases, of which there are 256 by default
            assert!(steps < 1_024, "shrinks for too long");
            let value = tree.current();
            goes_on = match fails(&value) {
                true => {
                    best = value;
                    tree.simplify()
                }
                false => tree.complicate(),
            };
        }
        assert_eq!(tree.current(), best);
        found.push((steps, best));
    }
    found
}

#[test]
fn a_failure_of_every_value_shrinks_to_the_smallest() {
    fn always<T>(_: &T) -> bool {
        true
    }
    let nothing = || Unstructured::new(&[]);
    for dialect in dialects() {
        for packet_type in PacketType::ALL {
            if packet_type.is_sent_in(dialect) {
                let smallest = Packet::valid_of(packet_type, dialect, &mut nothing());
                for packet in shrunk(&strategies::packet_of(packet_type, dialect), always) {
                    assert_eq!(packet, smallest);
                }
            }
        }
        let smallest = Packet::valid(dialect, &mut nothing());
        for strategy in [
            strategies::packet(dialect).boxed(),
            strategies::nearly_valid(dialect).boxed(),
        ] {
            for packet in shrunk(&strategy, always) {
                assert_eq!(packet, smallest);
            }
        }
    }
    for version in Version::ALL {
        let smallest = Conversation::valid(version, &mut nothing());
        for conversation in shrunk(&strategies::conversation(version), always) {
            assert_eq!(conversation, smallest);
        }
        let smallest = Conversation::nearly_valid(version, &mut nothing());
        for conversation in shrunk(&strategies::nearly_valid_conversation(version), always) {
            assert_eq!(conversation, smallest);
        }
        let filters = shrunk(&strategies::topic_filter(version), always);
        assert!(filters.iter().all(|it| it == "#"));
    }
    assert!(
        shrunk(&strategies::topic_name(), always)
            .iter()
            .all(|it| it == "t")
    );
    let smallest = Dialect::from_client(Version::V3_1_1);
    assert!(
        shrunk(&strategies::dialect(), always)
            .iter()
            .all(|it| *it == smallest)
    );
}

#[test]
fn shrinking_drops_irrelevant_parts() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let publishes = strategies::packet_of(PacketType::Publish, dialect);
    let is_loud = |packet: &Packet| match packet {
        Packet::Publish(it) => it.payload.first().is_some_and(|byte| *byte >= 100),
        _ => false,
    };
    for packet in shrunk(&publishes, is_loud) {
        let expected = model::Publish {
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic_name: Some("t".into()),
            properties: vec![],
            payload: vec![100],
        };
        assert_eq!(packet, Packet::Publish(expected));
    }

    let connects = strategies::packet_of(PacketType::Connect, dialect);
    let will = |packet: &Packet| match packet {
        Packet::Connect(it) => it.will.clone(),
        _ => None,
    };
    for packet in shrunk(&connects, |it| will(it).is_some_and(|will| will.retain)) {
        let expected = model::Will {
            qos: QoS::AtMostOnce,
            retain: true,
            properties: vec![],
            topic: "t".into(),
            payload: vec![],
        };
        assert_eq!(will(&packet), Some(expected));
        // a client identifier of one letter or none
        assert!(packet.encode(dialect).unwrap().len() <= 20, "{packet:?}");
    }

    let keep_alive = |packet: &Packet| match packet {
        Packet::Connect(it) => it.keep_alive,
        _ => 0,
    };
    for packet in shrunk(&connects, |it| keep_alive(it) > 1_000) {
        // by itself, or as one of the numbers that matter
        assert!([1_001, 16_383].contains(&keep_alive(&packet)), "{packet:?}");
    }
}

#[test]
fn long_lists_are_shortened_in_few_steps() {
    let length = |packet: &Packet| match packet {
        Packet::Subscribe(it) => it.subscriptions.len(),
        _ => 0,
    };
    let dialect = Dialect::from_client(Version::V3_1_1);
    let subscribes = strategies::packet_of(PacketType::Subscribe, dialect);
    for (steps, packet) in shrunk_from(&subscribes, |it| length(it) > 250, |it| length(it) > 20) {
        assert_eq!(length(&packet), 21);
        assert!(steps < 120, "{steps}");
    }
}

#[test]
fn packets_shrink_to_the_relevant_part() {
    let dialect = Dialect::from_client(Version::V5);
    let is_wanted = |packet: &Packet| match packet {
        Packet::Subscribe(subscribe) => {
            let properties = subscribe.properties.iter();
            let names = properties.filter(|it| matches!(it, model::Property::UserProperty(..)));
            names.count() > 1 && subscribe.subscriptions.len() > 2
        }
        _ => false,
    };
    for packet in shrunk(&strategies::packet(dialect), is_wanted) {
        let Packet::Subscribe(subscribe) = &packet else {
            panic!("{packet:?}");
        };
        // a third one at most, and nothing in them
        assert!(subscribe.properties.len() <= 3, "{packet:?}");
        assert_eq!(subscribe.subscriptions.len(), 3, "{packet:?}");
        assert!(packet.encode(dialect).unwrap().len() <= 40, "{packet:?}");
    }
}

#[test]
fn conversations_shrink_to_the_relevant_part() {
    let is_qos_2 = |packet: &Packet| match packet {
        Packet::Publish(it) => matches!(it.delivery, Delivery::ExactlyOnce { .. }),
        _ => false,
    };
    let is_wanted = |conversation: &Conversation| {
        let mut packets = conversation.packets.iter();
        packets.any(|(_, packet)| is_qos_2(packet))
    };
    for conversation in shrunk(&strategies::conversation(Version::V5), is_wanted) {
        // CONNECT, CONNACK and PUBLISH; the step before it may stay
        let [.., (_, last)] = &conversation.packets[..] else {
            panic!("{conversation:?}");
        };
        assert!(is_qos_2(last), "{conversation:?}");
        assert!(conversation.packets.len() <= 5, "{conversation:?}");
        let lengths = conversation.encode().unwrap().into_iter();
        let length: usize = lengths.map(|(_, bytes)| bytes.len()).sum();
        assert!(length <= 80, "{conversation:?}");
    }
}
