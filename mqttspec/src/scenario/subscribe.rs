//! Subscriptions: the QoS, overlaps, replacement, several filters, and matching.

use std::collections::BTreeSet;

use mqtt_wire::{PacketType, QoS, ReasonCode};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require, subscription};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "subscribe/granted-qos",
        comment: "A message comes with the lower of its QoS and the granted QoS.",
        shows: &["v3.1.1 MQTT-3.8.4-6", "v5.0 MQTT-3.8.4-8"],
        play: granted_qos,
    },
    Scenario {
        name: "subscribe/overlap",
        comment: "A message that matches several subscriptions comes with the highest granted QoS.",
        shows: &["v3.1.1 MQTT-3.3.5-1", "v5.0 MQTT-3.3.4-2"],
        play: overlap,
    },
    Scenario {
        name: "subscribe/replacement",
        comment: "A second subscription to a filter replaces the first one.",
        shows: &["v3.1.1 MQTT-3.8.4-3", "v5.0 MQTT-3.8.4-3"],
        play: replacement,
    },
    Scenario {
        name: "subscribe/replacement-and-retained",
        comment: "The broker sends the retained messages again when a subscription is replaced.",
        shows: &[
            "v3.1.1 MQTT-3.8.4-3",
            "v3.1.1 MQTT-3.3.1-6",
            "v5.0 MQTT-3.8.4-4",
            "v5.0 MQTT-3.3.1-9",
        ],
        play: replacement_and_retained,
    },
    Scenario {
        name: "subscribe/replacement-loses-nothing",
        comment: "No message is lost because a subscription is replaced.",
        shows: &[
            "v3.1.1 MQTT-3.8.4-3",
            "v3.1.1 MQTT-4.5.0-1",
            "v5.0 MQTT-3.8.4-4",
            "v5.0 MQTT-4.5.0-1",
        ],
        play: replacement_loses_nothing,
    },
    Scenario {
        name: "subscribe/several-filters",
        comment: "Several filters in one SUBSCRIBE are like several SUBSCRIBEs, with one SUBACK.",
        shows: &[
            "v3.1.1 MQTT-3.8.4-4",
            "v3.1.1 MQTT-3.8.4-5",
            "v5.0 MQTT-3.8.4-5",
            "v5.0 MQTT-3.8.4-6",
        ],
        play: several_filters,
    },
    Scenario {
        name: "subscribe/order-of-codes",
        comment: "The codes of the SUBACK have the order of the filters.",
        shows: &["v3.1.1 MQTT-3.9.3-1", "v5.0 MQTT-3.9.3-1"],
        play: order_of_codes,
    },
    Scenario {
        name: "subscribe/dollar-topic",
        comment: "A filter that begins with + does not match a topic that begins with $.",
        shows: &["v3.1.1 MQTT-4.7.2-1", "v5.0 MQTT-4.7.2-1"],
        play: |stage| dollar_topic(stage, "+"),
    },
    Scenario {
        name: "subscribe/dollar-topic-and-all",
        comment: "The filter # does not match a topic that begins with $.",
        shows: &["v3.1.1 MQTT-4.7.2-1", "v5.0 MQTT-4.7.2-1"],
        play: |stage| dollar_topic(stage, "#"),
    },
    Scenario {
        name: "subscribe/exact-match",
        comment: "Topics are compared without normalization, case folding or cleaning.",
        shows: &[
            "v3.1.1 MQTT-4.7.3-4",
            "v3.1.1 MQTT-3.3.2-3",
            "v5.0 MQTT-4.7.3-4",
            "v5.0 MQTT-3.3.2-3",
        ],
        play: exact_match,
    },
    Scenario {
        name: "subscribe/wildcards",
        comment: "Filters with wildcards get the messages of all topics that they match.",
        shows: &[
            "v3.1.1 MQTT-4.5.0-1",
            "v3.1.1 MQTT-3.3.2-3",
            "v5.0 MQTT-4.5.0-1",
            "v5.0 MQTT-3.3.2-3",
        ],
        play: wildcards,
    },
];

fn granted_qos(stage: &Stage<'_>) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    let mut subscriber = stage.client("s").connect()?;
    let levels = [QoS::AtLeastOnce, QoS::ExactlyOnce];
    for granted in levels {
        for published in levels {
            let topic = stage.topic(&format!("granted{granted}/published{published}"));
            subscriber.subscribe(&topic, granted)?;
            publisher.publish(&Message::new(&topic, "m").qos(published))?;
            let message = subscriber.expect(&topic, "m")?;
            require(message.qos == granted.min(published), || {
                let found = message.qos;
                format!("granted {granted}, published with {published}, delivered with {found}")
            })?;
        }
    }
    let topic = stage.topic("granted0");
    subscriber.subscribe(&topic, QoS::AtMostOnce)?;
    publisher.publish(&Message::new(&topic, "m").qos(QoS::ExactlyOnce))?;
    // a message of QoS 0 may be lost
    match subscriber.next_message_within(stage.patience())? {
        Some(message) => require(message.qos == QoS::AtMostOnce, || {
            format!("granted QoS 0, delivered with {}", message.qos)
        }),
        None => Ok(()),
    }
}

/// The broker may send one copy, or one for each subscription.
fn overlap(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("overlap/topic");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&stage.topic("overlap/#"), QoS::AtMostOnce)?;
    subscriber.subscribe(&stage.topic("overlap/+"), QoS::ExactlyOnce)?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m").qos(QoS::ExactlyOnce))?;
    let mut copies = Vec::new();
    while copies.len() < 3 {
        match subscriber.next_message_within(stage.patience())? {
            Some(copy) if copy.qos == QoS::ExactlyOnce => return Ok(()),
            Some(copy) => copies.push(copy.qos.to_string()),
            None => break,
        }
    }
    let copies = copies.join(", ");
    Err(Stop::Missing(format!(
        "granted QoS 0, 1 and 2, published with QoS 2, and no copy of QoS 2 comes, but: {copies}"
    )))
}

fn replacement(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("replaced");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::ExactlyOnce)?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m").qos(QoS::ExactlyOnce))?;
    publisher.publish(&Message::new(&topic, "marker").qos(QoS::ExactlyOnce))?;
    let mut copies = subscriber.messages_before("marker")?;
    copies.retain(|it| !it.dup);
    let Some(first) = copies.first() else {
        return Err(Stop::Missing("the message \"m\" does not come".into()));
    };
    require(first.qos == QoS::AtLeastOnce, || {
        format!("a replaced subscription delivers with {}", first.qos)
    })?;
    require(copies.len() == 1, || {
        format!("{} copies come for one subscription", copies.len())
    })
}

fn replacement_and_retained(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("kept");
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "kept").retained())?;
    let mut subscriber = stage.client("s").connect()?;
    for _ in 0..2 {
        subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
        subscriber.expect(&topic, "kept")?;
    }
    Ok(())
}

fn replacement_loses_nothing(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("flow");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    let mut started = Vec::new();
    let mut missing = BTreeSet::new();
    for number in 1..=8 {
        let payload = number.to_string();
        started.push(publisher.start(&Message::new(&topic, &payload))?);
        missing.insert(payload);
        if number % 2 == 0 {
            subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
        }
    }
    for packet_id in started {
        publisher.acknowledgement(PacketType::PubAck, packet_id)?;
    }
    while !missing.is_empty() {
        match subscriber.next_message_within(stage.patience())? {
            Some(message) => missing.remove(&message.text()),
            None => return Err(Stop::Missing(format!("these do not come: {missing:?}"))),
        };
    }
    Ok(())
}

fn several_filters(stage: &Stage<'_>) -> Outcome {
    let (first, second) = (stage.topic("first"), stage.topic("second"));
    let mut subscriber = stage.client("s").connect()?;
    let subscriptions = [
        subscription(&first, QoS::ExactlyOnce)?,
        subscription(&second, QoS::AtLeastOnce)?,
        subscription(&first, QoS::AtLeastOnce)?,
    ];
    let codes = subscriber.subscribe_to(&subscriptions, &[])?;
    if let Some(code) = codes.iter().find(|it| it.is_failure()) {
        return Err(Stop::Unsupported(format!("a subscription fails: {code}")));
    }
    let mut publisher = stage.client("p").connect()?;
    for topic in [&first, &second] {
        publisher.publish(&Message::new(topic, "m").qos(QoS::ExactlyOnce))?;
        let message = subscriber.expect(topic, "m")?;
        require(message.qos == QoS::AtLeastOnce, || {
            let found = message.qos;
            format!("the last subscription to the filter has QoS 1, delivered with {found}")
        })?;
    }
    subscriber.expect_nothing()
}

/// Other codes in another order may be codes of lower QoS, which a broker may grant.
fn order_of_codes(stage: &Stage<'_>) -> Outcome {
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let topics = levels.map(|qos| stage.topic(&format!("order{qos}")));
    let mut subscriber = stage.client("s").connect()?;
    let mut subscriptions = Vec::new();
    for (topic, qos) in topics.iter().zip(levels) {
        subscriptions.push(subscription(topic, qos)?);
    }
    let codes = subscriber.subscribe_to(&subscriptions, &[])?;
    let requested = levels.map(ReasonCode::from);
    if codes == requested {
        return Ok(());
    }
    let is_sorted_anew = codes.len() == 3 && requested.iter().all(|it| codes.contains(it));
    require(!is_sorted_anew, || {
        format!("QoS 0, 1 and 2 requested, and the codes are {codes:?}")
    })?;
    Err(Stop::Unsupported(format!("the broker grants {codes:?}")))
}

/// `wildcard` is the first level of the filter.
fn dollar_topic(stage: &Stage<'_>, wildcard: &str) -> Outcome {
    let marked = stage.topic("marked");
    let hidden = format!("${marked}");
    let filter = match wildcard {
        "#" => wildcard.to_owned(),
        _ => format!("{wildcard}/marked"),
    };
    let mut control = stage.client("c").connect()?;
    match control.subscribe(&hidden, QoS::AtLeastOnce) {
        Err(Stop::Unclear(reason)) => {
            let reason = format!("{reason}, which subscribes to a topic that begins with $");
            return Err(Stop::Unsupported(reason));
        }
        subscribed => subscribed?,
    };
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&filter, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&hidden, &hidden))?;
    publisher.publish(&Message::new(&marked, &marked))?;
    let before = match subscriber.messages_before(&marked) {
        Ok(before) => before,
        // the queue of the broker may be full of the messages of others
        Err(Stop::Missing(reason)) if wildcard == "#" => return Err(Stop::Open(reason)),
        // another scenario judges wildcards
        Err(Stop::Missing(reason)) => return Err(Stop::Unsupported(reason)),
        Err(stop) => return Err(stop),
    };
    require(before.iter().all(|it| it.text() != hidden), || {
        format!("the filter {filter} gets a message of the topic {hidden}")
    })?;
    match control.next_message_within(stage.patience())? {
        Some(_) => Ok(()),
        None => Err(Stop::Unsupported(
            "the broker does not pass on messages of topics that begin with $".into(),
        )),
    }
}

fn exact_match(stage: &Stage<'_>) -> Outcome {
    let exact = stage.topic("caf\u{e9}");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&exact, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    for other in [
        stage.topic("cafe\u{301}"),
        stage.topic("CAF\u{c9}"),
        stage.topic("cafe"),
        stage.topic("/caf\u{e9}"),
        format!("{exact}/"),
        format!("/{exact}"),
        format!("{exact} "),
    ] {
        publisher.publish(&Message::new(&other, "other"))?;
    }
    publisher.publish(&Message::new(&exact, "marker"))?;
    let before = subscriber.messages_before("marker")?;
    require(before.is_empty(), || {
        format!("the filter {exact} gets the topic {}", before[0].topic)
    })?;
    subscriber.expect_nothing()
}

fn wildcards(stage: &Stage<'_>) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    let mut subscriber = stage.client("s").connect()?;
    let mut other = stage.client("o").connect()?;
    for (filter, topic, is_match) in [
        ("a/+/c", "a/b/c", true),
        ("b/+/c", "b//c", true),
        ("c/+/c", "c/b/b/c", false),
        ("d/+", "d/", true),
        ("e/+", "e", false),
        ("f/#", "f/b/c", true),
        ("g/#", "g", true),
        ("h/+/#", "h/b", true),
        ("i/#", "ii/b", false),
    ] {
        let (filter, topic) = (stage.topic(filter), stage.topic(topic));
        subscriber.subscribe(&filter, QoS::AtLeastOnce)?;
        other.subscribe(&topic, QoS::AtLeastOnce)?;
        publisher.publish(&Message::new(&topic, "m"))?;
        // so the broker has passed it on
        other.expect(&topic, "m")?;
        judge_match(&mut subscriber, &filter, &topic, is_match)?;
    }
    Ok(())
}

fn judge_match(subscriber: &mut Client<'_>, filter: &str, topic: &str, is_match: bool) -> Outcome {
    if !is_match {
        return subscriber.expect_nothing();
    }
    match subscriber.expect(topic, "m") {
        Ok(_) => Ok(()),
        Err(Stop::Missing(_)) => Err(Stop::Missing(format!(
            "a message of {topic} does not come for {filter}"
        ))),
        Err(stop) => Err(stop),
    }
}
