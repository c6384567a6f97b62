//! Subscription Identifiers (5.0).

use mqtt_wire::{Property, QoS, SubscriptionId};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require, subscription};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "subscription-id/message",
        comment: "A message has the identifier of its subscription, or none if that has none.",
        shows: &["v5.0 MQTT-3.3.4-3"],
        play: message,
    },
    Scenario {
        name: "subscription-id/overlap",
        comment: "A single copy has all identifiers, and of several copies each has its own.",
        shows: &[
            "v5.0 MQTT-3.3.4-4",
            "v5.0 MQTT-3.3.4-5",
            "v5.0 MQTT-3.3.4-3",
        ],
        play: overlap,
    },
    Scenario {
        name: "subscription-id/replacement",
        comment: "The identifier of a subscription is replaced with the subscription.",
        shows: &["v5.0 MQTT-3.8.4-3", "v5.0 MQTT-3.3.4-3"],
        play: replacement,
    },
    Scenario {
        name: "subscription-id/retained",
        comment: "A retained message for a new subscription has its identifier.",
        shows: &["v5.0 MQTT-3.3.4-3"],
        play: retained,
    },
    Scenario {
        name: "subscription-id/session",
        comment: "The identifier is part of the Session.",
        shows: &["v5.0 MQTT-3.3.4-3", "v5.0 MQTT-3.1.2-23"],
        play: session,
    },
];

const LARGEST: u32 = 268_435_455;

/// Subscribes with QoS 1 and an identifier, or without one for 0.
fn subscribe(client: &mut Client<'_>, filter: &str, id: u32) -> Outcome {
    let id = SubscriptionId::new(id).map(Property::SubscriptionIdentifier);
    let properties: Vec<_> = id.into_iter().collect();
    let subscriptions = [subscription(filter, QoS::AtLeastOnce)?];
    let codes = client.subscribe_to(&subscriptions, &properties)?;
    match codes.iter().find(|it| it.is_failure()) {
        Some(code) => Err(Stop::Unsupported(format!("the subscription fails: {code}"))),
        None => Ok(()),
    }
}

fn ids(message: &Message) -> Vec<u32> {
    let ids = message.properties().iter().filter_map(|it| match it {
        Property::SubscriptionIdentifier(id) => Some(id.get()),
        _ => None,
    });
    ids.collect()
}

fn require_ids(message: &Message, expected: &[u32]) -> Outcome {
    let found = ids(message);
    require(found == expected, || {
        format!("the identifiers of the subscription are {expected:?}, of the message {found:?}")
    })
}

fn message(stage: &Stage<'_>) -> Outcome {
    let mut subscriber = stage.client("s").connect()?;
    let mut publisher = stage.client("p").connect()?;
    for (name, id) in [("one", 1), ("large", LARGEST), ("none", 0)] {
        let topic = stage.topic(name);
        subscribe(&mut subscriber, &topic, id)?;
        publisher.publish(&Message::new(&topic, "m"))?;
        let message = subscriber.expect(&topic, "m")?;
        let expected: &[u32] = if id > 0 { &[id] } else { &[] };
        require_ids(&message, expected)?;
    }
    Ok(())
}

fn overlap(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("overlap/topic");
    let mut subscriber = stage.client("s").connect()?;
    subscribe(&mut subscriber, &stage.topic("overlap/#"), 11)?;
    subscribe(&mut subscriber, &stage.topic("overlap/+"), LARGEST)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m"))?;
    let mut first = ids(&subscriber.expect(&topic, "m")?);
    first.sort_unstable();
    if first == [11, LARGEST] {
        return Ok(());
    }
    require(first == [11] || first == [LARGEST], || {
        format!("two subscriptions have the identifiers 11 and {LARGEST}, a copy has {first:?}")
    })?;
    let other = if first == [11] { LARGEST } else { 11 };
    match subscriber.next_message_within(stage.patience())? {
        Some(second) => require_ids(&second, &[other]),
        None => Err(Stop::Missing(format!(
            "two subscriptions have the identifiers 11 and {LARGEST}, the only copy has {first:?}"
        ))),
    }
}

fn replacement(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("replaced");
    let mut subscriber = stage.client("s").connect()?;
    let mut publisher = stage.client("p").connect()?;
    subscribe(&mut subscriber, &topic, 5)?;
    for id in [6, 0] {
        subscribe(&mut subscriber, &topic, id)?;
        publisher.publish(&Message::new(&topic, "m"))?;
        let message = subscriber.expect(&topic, "m")?;
        let expected: &[u32] = if id > 0 { &[id] } else { &[] };
        require_ids(&message, expected)?;
    }
    Ok(())
}

fn retained(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("kept");
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "kept").retained())?;
    let mut subscriber = stage.client("s").connect()?;
    subscribe(&mut subscriber, &topic, 7)?;
    let message = subscriber.expect(&topic, "kept")?;
    require_ids(&message, &[7])
}

fn session(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("session");
    let mut first = stage.client("s").keeps_session().connect()?;
    subscribe(&mut first, &topic, 8)?;
    first.disconnect()?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "away"))?;
    let mut second = stage.client("s").keeps_session().connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    require_ids(&second.expect(&topic, "away")?, &[8])?;
    publisher.publish(&Message::new(&topic, "back"))?;
    require_ids(&second.expect(&topic, "back")?, &[8])
}
