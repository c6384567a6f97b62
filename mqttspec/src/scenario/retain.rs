//! Retained messages.

use mqtt_wire::QoS;

use super::form::Scenario;
use crate::stage::{Message, Outcome, Stage, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "retain/message-is-kept",
        comment: "A subscriber that comes later gets the retained message of the topic.",
        shows: &[
            "v3.1.1 MQTT-3.3.1-5",
            "v3.1.1 MQTT-3.3.1-6",
            "v5.0 MQTT-3.3.1-5",
            "v5.0 MQTT-3.3.1-9",
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
    let mut early = stage.client("e").connect()?;
    early.subscribe(&topic, QoS::AtLeastOnce)?;
    retain(stage, &topic, "kept")?;
    early.expect(&topic, "kept")?;
    retain(stage, &topic, "")?;
    early.expect(&topic, "")?;
    let mut late = stage.client("l").connect()?;
    late.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "marker"))?;
    let before = late.messages_before("marker")?;
    require(before.is_empty(), || {
        format!("a later subscriber gets \"{}\"", before[0].text())
    })
}
