//! The end of a subscription.

use mqtt_wire::{Ack, Packet, PacketType, QoS, ReasonCode};

use super::form::Scenario;
use crate::stage::{Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "unsubscribe/stops",
        comment: "After the UNSUBACK no message comes that was published later.",
        shows: &[
            "v3.1.1 MQTT-3.10.4-2",
            "v3.1.1 MQTT-3.10.4-1",
            "v5.0 MQTT-3.10.4-2",
            "v5.0 MQTT-3.10.4-1",
        ],
        play: stops,
    },
    Scenario {
        name: "unsubscribe/exact-filter",
        comment: "UNSUBSCRIBE removes only the subscription with exactly its filter.",
        shows: &["v3.1.1 MQTT-3.10.4-1", "v5.0 MQTT-3.10.4-1"],
        play: exact_filter,
    },
    Scenario {
        name: "unsubscribe/delivery-goes-on",
        comment: "A delivery of QoS 2 that has begun is completed after the UNSUBSCRIBE.",
        shows: &["v3.1.1 MQTT-3.10.4-3", "v5.0 MQTT-3.10.4-3"],
        play: delivery_goes_on,
    },
    Scenario {
        name: "unsubscribe/delivery-is-resumed",
        comment: "A delivery of QoS 1 that has begun is completed on the next connection.",
        shows: &[
            "v3.1.1 MQTT-3.10.4-3",
            "v3.1.1 MQTT-4.4.0-1",
            "v5.0 MQTT-3.10.4-3",
            "v5.0 MQTT-4.4.0-1",
        ],
        play: delivery_is_resumed,
    },
    Scenario {
        name: "unsubscribe/several-filters",
        comment: "Several filters in one UNSUBSCRIBE are like several, with one UNSUBACK.",
        shows: &[
            "v3.1.1 MQTT-3.10.4-6",
            "v5.0 MQTT-3.10.4-6",
            "v5.0 MQTT-3.11.3-1",
        ],
        play: several_filters,
    },
];

fn stops(stage: &Stage<'_>) -> Outcome {
    let (ended, other) = (stage.topic("ended"), stage.topic("other"));
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&ended, QoS::AtLeastOnce)?;
    subscriber.subscribe(&other, QoS::AtLeastOnce)?;
    subscriber.unsubscribe(&[&ended])?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&ended, "late"))?;
    publisher.publish(&Message::new(&other, "marker"))?;
    let before = subscriber.messages_before("marker")?;
    require(before.is_empty(), || {
        format!(
            "the message \"{}\" comes after the UNSUBACK",
            before[0].text()
        )
    })?;
    subscriber.expect_nothing()
}

fn exact_filter(stage: &Stage<'_>) -> Outcome {
    let (topic, all) = (stage.topic("a/b"), stage.topic("a/#"));
    let mut subscriber = stage.client("s").connect()?;
    let mut other = stage.client("o").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    other.subscribe(&all, QoS::AtLeastOnce)?;
    let without_slash = format!("{topic}/");
    for filter in [
        &without_slash,
        &stage.topic("a/+"),
        &stage.topic("#"),
        &stage.topic("A/B"),
    ] {
        subscriber.unsubscribe(&[filter])?;
        other.unsubscribe(&[filter])?;
    }
    subscriber.unsubscribe(&[&all])?;
    other.unsubscribe(&[&topic])?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m"))?;
    subscriber.expect(&topic, "m")?;
    other.expect(&topic, "m")?;
    Ok(())
}

fn delivery_goes_on(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("begun");
    let mut subscriber = stage.client("s").without_answers().connect()?;
    subscriber.subscribe(&topic, QoS::ExactlyOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m").qos(QoS::ExactlyOnce))?;
    let message = subscriber.expect(&topic, "m")?;
    let (QoS::ExactlyOnce, Some(packet_id)) = (message.qos, message.packet_id) else {
        let reason = format!("the message comes with {}", message.qos);
        return Err(Stop::Unclear(reason));
    };
    subscriber.unsubscribe(&[&topic])?;
    subscriber.send(Packet::PubRec(Ack::new(packet_id)))?;
    subscriber.expect_packet(
        PacketType::PubRel,
        |packet| matches!(packet, Packet::PubRel(it) if it.packet_id == packet_id),
    )?;
    subscriber.send(Packet::PubComp(Ack::new(packet_id)))
}

fn delivery_is_resumed(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("begun");
    let subscriber = || stage.client("s").keeps_session().without_answers();
    let mut first = subscriber().connect()?;
    first.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m"))?;
    first.expect(&topic, "m")?;
    first.unsubscribe(&[&topic])?;
    first.cut();
    let mut second = subscriber().connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    let message = second.expect(&topic, "m")?;
    let acknowledged = message.packet_id.map(|it| Packet::PubAck(Ack::new(it)));
    acknowledged.map_or(Ok(()), |it| second.send(it))
}

fn several_filters(stage: &Stage<'_>) -> Outcome {
    let topics = ["first", "unknown", "third", "other"].map(|it| stage.topic(it));
    let [first, unknown, third, other] = &topics;
    let mut subscriber = stage.client("s").connect()?;
    for topic in [first, third, other] {
        subscriber.subscribe(topic, QoS::AtLeastOnce)?;
    }
    let codes = subscriber.unsubscribe(&[first, unknown, third])?;
    let unknown_at = codes
        .iter()
        .position(|it| *it == ReasonCode::NoSubscriptionExisted);
    let others = codes.iter().filter(|it| **it == ReasonCode::Success);
    let is_sorted_anew = unknown_at.is_some_and(|at| at != 1) && others.count() == 2;
    require(!is_sorted_anew, || {
        format!("only the second subscription did not exist, and the codes are {codes:?}")
    })?;
    let mut publisher = stage.client("p").connect()?;
    for topic in [first, third] {
        publisher.publish(&Message::new(topic, "late"))?;
    }
    publisher.publish(&Message::new(other, "marker"))?;
    let before = subscriber.messages_before("marker")?;
    require(before.is_empty(), || {
        format!("a message of {} comes after the UNSUBACK", before[0].topic)
    })?;
    subscriber.expect_nothing()
}
