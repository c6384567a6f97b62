//! Retained messages.

use mqtt_wire::QoS;

use super::form::Scenario;
use crate::stage::{Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "retain/message-is-kept",
        comment: "A subscriber that comes later gets the retained message of the topic.",
        shows: &[
            "v3.1.1 MQTT-3.3.1-5",
            "v3.1.1 MQTT-3.3.1-6",
            "v3.1.1 MQTT-3.1.2-7",
            "v5.0 MQTT-3.3.1-5",
        ],
        play: message_is_kept,
    },
    Scenario {
        name: "retain/flag-for-new-subscription",
        comment: "RETAIN is 1 in a retained message that the broker sends for a new subscription.",
        shows: &["v3.1.1 MQTT-3.3.1-8"],
        play: flag_for_new_subscription,
    },
    Scenario {
        name: "retain/empty-message-deletes",
        comment: "An empty message with RETAIN 1 is delivered, and deletes the retained message.",
        shows: &["v3.1.1 MQTT-3.3.1-10", "v5.0 MQTT-3.3.1-6"],
        play: empty_message_deletes,
    },
    Scenario {
        name: "retain/empty-message-is-not-kept",
        comment: "The broker does not keep an empty message.",
        shows: &["v3.1.1 MQTT-3.3.1-11", "v5.0 MQTT-3.3.1-7"],
        play: empty_message_is_not_kept,
    },
    Scenario {
        name: "retain/flag-for-existing-subscription",
        comment: "RETAIN is 0 in a message that the broker sends for a subscription that existed before.",
        shows: &["v3.1.1 MQTT-3.3.1-9"],
        play: flag_for_existing_subscription,
    },
    Scenario {
        name: "retain/message-without-flag-changes-nothing",
        comment: "A message with RETAIN 0 neither sets nor clears a retained message.",
        shows: &["v3.1.1 MQTT-3.3.1-12", "v5.0 MQTT-3.3.1-8"],
        play: message_without_flag_changes_nothing,
    },
    Scenario {
        name: "retain/qos0-discards-the-old-message",
        comment: "A QoS 0 message with RETAIN 1 makes the broker discard the retained message.",
        shows: &["v3.1.1 MQTT-3.3.1-7"],
        play: qos0_discards_the_old_message,
    },
];

/// Publishes `payload` as the retained message of a topic.
fn retain(stage: &Stage<'_>, topic: &str, payload: &str) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(topic, payload).retained())?;
    publisher.disconnect()
}

fn message_is_kept(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("kept");
    retain(stage, &topic, "old")?;
    retain(stage, &topic, "new")?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let message = subscriber.expect(&topic, "new")?;
    require(message.qos == QoS::AtLeastOnce, || {
        format!("the retained message of QoS 1 comes with {}", message.qos)
    })
}

fn flag_for_new_subscription(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("flag");
    retain(stage, &topic, "kept")?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let message = subscriber.expect(&topic, "kept")?;
    require(message.retain, || {
        "the retained message comes with RETAIN 0".into()
    })
}

fn empty_message_deletes(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("deleted");
    let mut early = stage.client("early").connect()?;
    early.subscribe(&topic, QoS::AtLeastOnce)?;
    retain(stage, &topic, "kept")?;
    early.expect(&topic, "kept")?;
    retain(stage, &topic, "")?;
    early.expect(&topic, "")?;
    expect_none_retained(stage, &topic)
}

fn empty_message_is_not_kept(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("empty");
    retain(stage, &topic, "")?;
    expect_none_retained(stage, &topic)
}

fn flag_for_existing_subscription(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("flag");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    retain(stage, &topic, "new")?;
    let message = subscriber.expect(&topic, "new")?;
    require(!message.retain, || {
        "the message for an existing subscription comes with RETAIN 1".into()
    })
}

fn message_without_flag_changes_nothing(stage: &Stage<'_>) -> Outcome {
    let (kept, free) = (stage.topic("kept"), stage.topic("free"));
    retain(stage, &kept, "kept")?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&kept, "other"))?;
    publisher.publish(&Message::new(&kept, ""))?;
    publisher.publish(&Message::new(&free, "other"))?;
    expect_none_retained(stage, &free)?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&kept, QoS::AtLeastOnce)?;
    subscriber.expect(&kept, "kept")?;
    Ok(())
}

fn qos0_discards_the_old_message(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("discarded");
    retain(stage, &topic, "old")?;
    let mut publisher = stage.client("p").connect()?;
    let new = Message::new(&topic, "new").qos(QoS::AtMostOnce);
    publisher.publish(&new.retained())?;
    let before = retained(stage, &topic)?;
    require(before.iter().all(|it| it != "old"), || {
        "a later subscriber gets the old message".into()
    })
}

fn expect_none_retained(stage: &Stage<'_>, topic: &str) -> Outcome {
    let found = retained(stage, topic)?;
    require(found.is_empty(), || {
        format!("a later subscriber gets the messages {found:?}")
    })
}

/// The retained messages that a new subscriber gets in front of a new message. One with RETAIN 0 may
/// be a message that the broker passes on late.
fn retained(stage: &Stage<'_>, topic: &str) -> Result<Vec<String>, Stop> {
    let mut subscriber = stage.client("late").connect()?;
    subscriber.subscribe(topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("marker").connect()?;
    publisher.publish(&Message::new(topic, "marker"))?;
    let before = subscriber.messages_before("marker")?;
    let retained = before.iter().filter(|it| it.retain && it.topic == topic);
    Ok(retained.map(Message::text).collect())
}
