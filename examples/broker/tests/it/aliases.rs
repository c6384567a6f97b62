//! Topic Aliases in both directions.

use std::num::NonZeroU16;

use mqtt_wire::{Connect, Packet, Properties, Property, Publish, QoS, ReasonCode, TopicName};

use crate::client::{Client, V5, broker, connect, message, subscription};

fn alias(number: u16) -> [Property<'static>; 1] {
    [Property::TopicAlias(NonZeroU16::new(number).unwrap())]
}

/// A message with an alias, and with a topic if the alias is to be set.
fn aliased<'a>(topic: Option<&'a str>, payload: &'a str, alias: &'a [Property<'a>]) -> Publish<'a> {
    Publish {
        topic_name: topic.map(|topic| TopicName::new(topic).unwrap()),
        properties: Properties::new(alias),
        ..message("-", payload, QoS::AtMostOnce)
    }
}

#[tokio::test]
async fn a_client_may_replace_topics_by_aliases() {
    let address = broker().await;
    let mut subscriber = Client::subscribed(address, V5, "subscriber", "#").await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let (first, last) = (alias(1), alias(32));
    for (topic, alias, expected) in [
        (Some("a"), &first, "a"),
        (Some("b"), &last, "b"),
        (None, &first, "a"),
        (None, &last, "b"),
        (Some("c"), &first, "c"),
        (None, &first, "c"),
    ] {
        publisher.publish(aliased(topic, "x", alias)).await;
        subscriber
            .take(message(expected, "x", QoS::AtMostOnce))
            .await;
    }
}

#[tokio::test]
async fn an_alias_that_is_too_large_or_not_set_ends_the_connection() {
    let address = broker().await;
    for (topic, alias, code) in [
        (Some("a"), alias(33), ReasonCode::TopicAliasInvalid),
        (None, alias(1), ReasonCode::ProtocolError),
    ] {
        let mut client = Client::connect(address, connect(V5, "client")).await;
        client.unruly = true;
        client.send(aliased(topic, "x", &alias)).await;
        client.expect_end(code).await;
    }
}

#[tokio::test]
async fn the_first_topics_get_aliases_if_the_client_accepts_them() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let maximum = [Property::TopicAliasMaximum(1)];
    let connect = Connect {
        properties: Properties::new(&maximum),
        ..connect(V5, "subscriber")
    };
    let mut subscriber = Client::connect(address, connect).await;
    subscriber
        .subscribe(&[subscription("#", QoS::AtMostOnce)])
        .await;
    let large = "x".repeat(5000);
    let first = alias(1);
    for (topic, payload, expected) in [
        ("a", "1", aliased(Some("a"), "1", &first)),
        ("a", "2", aliased(None, "2", &first)),
        ("b", "3", message("b", "3", QoS::AtMostOnce)),
        ("a", "4", aliased(None, "4", &first)),
        ("a", &large, message("a", &large, QoS::AtMostOnce)),
    ] {
        publisher
            .publish(message(topic, payload, QoS::AtMostOnce))
            .await;
        subscriber.expect(Packet::Publish(expected)).await;
    }
    // another connection, other aliases
    subscriber.disconnect().await;
    let mut subscriber = Client::connect(address, connect).await;
    subscriber
        .subscribe(&[subscription("#", QoS::AtMostOnce)])
        .await;
    publisher.publish(message("b", "5", QoS::AtMostOnce)).await;
    subscriber
        .expect(Packet::Publish(aliased(Some("b"), "5", &first)))
        .await;
}
