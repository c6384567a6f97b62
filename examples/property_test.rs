//! A program that counts the payload bytes that a client publishes to each topic, and tests that try its function
//! on the conversations of `mqtt-wire-testkit`.
//!
//! ```sh
//! cargo test --example property_test
//! cargo run --example property_test -- spec-vectors/streams/rumqttd5-mosqcli-v5-status.A.c2s.bin
//! ```

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use mqtt_wire::{DecodeError, FrameDecoder, Limits, Packet};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("the argument is a FILE")?;
    let stream = std::fs::read(file)?;
    for (topic, bytes) in payload_bytes_by_topic([&stream[..]])? {
        println!("{bytes:10} {topic}");
    }
    Ok(())
}

/// Counts the payload bytes of each topic in what a client sends, which arrives in pieces.
fn payload_bytes_by_topic<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<BTreeMap<String, usize>, DecodeError> {
    let mut decoder = FrameDecoder::accept(
        Limits::default()
            .with_packet(u32::MAX)
            .with_first_packet(u32::MAX),
    );
    let (mut counts, mut aliases) = (BTreeMap::new(), HashMap::new());
    for piece in pieces {
        decoder.extend(piece);
        while let Some(packet) = decoder.next_packet()? {
            let Packet::Publish(publish) = packet else {
                continue;
            };
            let name = publish.topic_name.map(|name| name.to_string());
            let topic = match (name, publish.topic_alias()) {
                (Some(name), None) => name,
                (Some(name), Some(alias)) => {
                    aliases.insert(alias, name.clone());
                    name
                }
                // the client has set the alias before, or breaks a rule
                (None, alias) => alias
                    .and_then(|alias| aliases.get(&alias).cloned())
                    .unwrap_or_default(),
            };
            *counts.entry(topic).or_default() += publish.payload.len();
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mqtt_wire::{ErrorKind, Sender, Version};
    use mqtt_wire_testkit::{Conversation, Packet, Property, Publish, strategies};
    use proptest::prelude::*;

    use super::payload_bytes_by_topic;

    /// A conversation of any version, without a broken rule.
    fn conversation() -> impl Strategy<Value = Conversation> {
        let version = proptest::sample::select(&Version::ALL);
        version.prop_flat_map(strategies::conversation)
    }

    fn publishes(conversation: &Conversation) -> Vec<&Publish> {
        let packets = conversation.packets.iter();
        let publishes = packets.filter_map(|(sender, packet)| match packet {
            Packet::Publish(publish) if *sender == Sender::Client => Some(publish),
            _ => None,
        });
        publishes.collect()
    }

    fn topic_alias(publish: &Publish) -> Option<&Property> {
        let mut properties = publish.properties.iter();
        properties.find(|it| matches!(it, Property::TopicAlias(_)))
    }

    /// The topic of the last PUBLISH: its own, or that of the latest one with a topic and the same Topic Alias.
    fn last_topic(publishes: &[&Publish]) -> String {
        let (last, earlier) = publishes.split_last().unwrap();
        let named = earlier.iter().rev().filter(|it| it.topic_name.is_some());
        let mut same = named.filter(|it| topic_alias(it) == topic_alias(last));
        let own = last.topic_name.clone();
        own.unwrap_or_else(|| same.next().unwrap().topic_name.clone().unwrap())
    }

    fn stream(conversation: &Conversation) -> Vec<u8> {
        let packets = conversation.encode().unwrap().into_iter();
        let sent = packets.filter(|(sender, _)| *sender == Sender::Client);
        sent.flat_map(|(_, bytes)| bytes).collect()
    }

    proptest! {
        // only some conversations set a Topic Alias twice
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn every_payload_byte_counts_for_its_topic(conversation in conversation()) {
            let publishes = publishes(&conversation);
            let mut expected = BTreeMap::new();
            for end in 1..=publishes.len() {
                let count = expected.entry(last_topic(&publishes[..end])).or_insert(0);
                *count += publishes[end - 1].payload.len();
            }
            prop_assert_eq!(payload_bytes_by_topic([&stream(&conversation)[..]]), Ok(expected));
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(conversation in conversation(), place: prop::sample::Index) {
            let stream = stream(&conversation);
            let (first, second) = stream.split_at(place.index(stream.len() + 1));
            let cut = payload_bytes_by_topic([first, second]);
            prop_assert_eq!(cut, payload_bytes_by_topic([&stream[..]]));
        }

        #[test]
        fn a_client_that_breaks_rules_does_no_harm(
            conversation in strategies::nearly_valid_conversation(Version::V5),
        ) {
            let total: usize = publishes(&conversation).iter().map(|it| it.payload.len()).sum();
            match payload_bytes_by_topic([&stream(&conversation)[..]]) {
                Ok(counts) => prop_assert_eq!(counts.values().sum::<usize>(), total),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::FirstPacketNotConnect),
            }
        }
    }
}
