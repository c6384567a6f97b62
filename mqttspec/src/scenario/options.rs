//! The Subscription Options of 5.0.

use mqtt_wire::{QoS, ReasonCode, RetainHandling, Subscription};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require, subscription};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "options/no-local",
        comment: "With No Local 1 a client does not get its own messages, but those of others.",
        shows: &["v5.0 MQTT-3.8.3-3"],
        play: no_local,
    },
    Scenario {
        name: "options/local",
        comment: "With No Local 0 a client gets its own messages.",
        shows: &["v5.0 MQTT-4.5.0-1", "v5.0 MQTT-3.8.3-3"],
        play: local,
    },
    Scenario {
        name: "options/retain-as-published",
        comment: "With Retain As Published 1 a message keeps its RETAIN flag.",
        shows: &["v5.0 MQTT-3.3.1-13"],
        play: |stage| retain_as_published(stage, true),
    },
    Scenario {
        name: "options/no-retain-as-published",
        comment: "With Retain As Published 0 a message comes with RETAIN 0.",
        shows: &["v5.0 MQTT-3.3.1-12"],
        play: |stage| retain_as_published(stage, false),
    },
    Scenario {
        name: "options/retain-handling-0",
        comment: "With Retain Handling 0 each SUBSCRIBE gets the retained messages.",
        shows: &["v5.0 MQTT-3.3.1-9", "v5.0 MQTT-3.8.4-4"],
        play: |stage| retain_handling(stage, RetainHandling::AtSubscribe, [true, true]),
    },
    Scenario {
        name: "options/retain-handling-1",
        comment: "With Retain Handling 1 only a new subscription gets the retained messages.",
        shows: &["v5.0 MQTT-3.3.1-10"],
        play: |stage| retain_handling(stage, RetainHandling::AtNewSubscribe, [true, false]),
    },
    Scenario {
        name: "options/retain-handling-2",
        comment: "With Retain Handling 2 no SUBSCRIBE gets the retained messages.",
        shows: &["v5.0 MQTT-3.3.1-11"],
        play: |stage| retain_handling(stage, RetainHandling::Never, [false, false]),
    },
];

/// The broker has to grant the QoS.
fn subscribe(client: &mut Client<'_>, subscription: Subscription<'_>) -> Outcome {
    let codes = client.subscribe_to(&[subscription], &[])?;
    match codes[..] {
        [code] if code == ReasonCode::from(subscription.options.qos) => Ok(()),
        _ => Err(Stop::Unsupported(format!(
            "the broker answers the SUBSCRIBE of {}: {codes:?}",
            client.name
        ))),
    }
}

fn no_local(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("no-local");
    let mut client = stage.client("s").connect()?;
    let mut wanted = subscription(&topic, QoS::AtLeastOnce)?;
    wanted.options.no_local = true;
    subscribe(&mut client, wanted)?;
    client.publish(&Message::new(&topic, "own"))?;
    let mut other = stage.client("p").connect()?;
    other.publish(&Message::new(&topic, "marker"))?;
    let before = client.messages_before("marker")?;
    require(before.is_empty(), || {
        format!("the client gets its own message \"{}\"", before[0].text())
    })?;
    client.expect_nothing()
}

fn local(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("local");
    let mut client = stage.client("s").connect()?;
    subscribe(&mut client, subscription(&topic, QoS::AtLeastOnce)?)?;
    client.publish(&Message::new(&topic, "own"))?;
    client.expect(&topic, "own")?;
    Ok(())
}

fn retain_as_published(stage: &Stage<'_>, is_on: bool) -> Outcome {
    let topic = stage.topic("published");
    let mut subscriber = stage.client("s").connect()?;
    let mut wanted = subscription(&topic, QoS::AtLeastOnce)?;
    wanted.options.retain_as_published = is_on;
    subscribe(&mut subscriber, wanted)?;
    let mut publisher = stage.client("p").connect()?;
    let plain = Message::new(&topic, "m");
    for message in [plain.clone().retained(), plain] {
        publisher.publish(&message)?;
        let found = subscriber.expect(&topic, "m")?;
        require(found.retain == (is_on && message.retain), || {
            format!(
                "published with RETAIN {}, delivered with RETAIN {}",
                u8::from(message.retain),
                u8::from(found.retain)
            )
        })?;
    }
    Ok(())
}

/// `comes` is whether the first and the second SUBSCRIBE get the retained message.
fn retain_handling(stage: &Stage<'_>, handling: RetainHandling, comes: [bool; 2]) -> Outcome {
    let topic = stage.topic("kept");
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "kept").retained())?;
    let mut subscriber = stage.client("s").connect()?;
    let mut wanted = subscription(&topic, QoS::AtLeastOnce)?;
    wanted.options.retain_handling = handling;
    for comes in comes {
        subscribe(&mut subscriber, wanted)?;
        if comes {
            let message = subscriber.expect(&topic, "kept")?;
            require(message.retain, || "it comes with RETAIN 0".into())?;
        }
        publisher.publish(&Message::new(&topic, "marker"))?;
        let before = subscriber.messages_before("marker")?;
        require(before.is_empty(), || {
            format!("the retained message \"{}\" comes", before[0].text())
        })?;
    }
    subscriber.expect_nothing()
}
