//! Limits that a client sets (5.0): Receive Maximum, Maximum Packet Size, Request Problem
//! Information. The monitor checks each packet against them.

use std::collections::{BTreeSet, VecDeque};
use std::num::{NonZeroU16, NonZeroU32};

use mqtt_wire::{Ack, List, Packet, PacketId, PacketType, Property, QoS, Subscribe};

use super::form::Scenario;
use crate::stage::{Client, Connecting, Message, Outcome, Stage, Stop, require, subscription};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "limits/receive-maximum",
        comment: "No more messages of QoS 1 and 2 are open than the client allows, and none is lost.",
        shows: &[
            "v5.0 MQTT-3.3.4-9",
            "v5.0 MQTT-4.9.0-1",
            "v5.0 MQTT-4.9.0-2",
            "v5.0 MQTT-4.5.0-1",
        ],
        play: receive_maximum,
    },
    Scenario {
        name: "limits/receive-maximum-after-reconnect",
        comment: "Messages that are sent again count against the new Receive Maximum.",
        shows: &["v5.0 MQTT-3.3.4-9", "v5.0 MQTT-4.9.0-2"],
        play: receive_maximum_after_reconnect,
    },
    Scenario {
        name: "limits/others-at-receive-maximum",
        comment: "While the Receive Maximum is reached, the broker answers all other packets.",
        shows: &["v5.0 MQTT-3.3.4-10", "v5.0 MQTT-4.9.0-3"],
        play: others_at_receive_maximum,
    },
    Scenario {
        name: "limits/maximum-packet-size",
        comment: "A message that is too large for a client is dropped as if it was delivered.",
        shows: &["v5.0 MQTT-3.1.2-25", "v5.0 MQTT-3.1.2-24"],
        play: maximum_packet_size,
    },
    Scenario {
        name: "limits/dropped-frees-its-place",
        comment: "A message that was dropped does not count against the Receive Maximum.",
        shows: &["v5.0 MQTT-3.1.2-25"],
        play: dropped_frees_its_place,
    },
    Scenario {
        name: "limits/answers-within-maximum",
        comment: "No answer is larger than the Maximum Packet Size of the client.",
        shows: &[
            "v5.0 MQTT-3.1.2-24",
            "v5.0 MQTT-3.2.2-19",
            "v5.0 MQTT-3.2.2-20",
            "v5.0 MQTT-3.4.2-2",
            "v5.0 MQTT-3.4.2-3",
            "v5.0 MQTT-3.5.2-2",
            "v5.0 MQTT-3.5.2-3",
            "v5.0 MQTT-3.7.2-2",
            "v5.0 MQTT-3.7.2-3",
            "v5.0 MQTT-3.9.2-1",
            "v5.0 MQTT-3.9.2-2",
            "v5.0 MQTT-3.11.2-1",
            "v5.0 MQTT-3.11.2-2",
        ],
        play: |stage| answers(stage, stage.client("c").with(packet_size(64))),
    },
    Scenario {
        name: "limits/no-problem-information",
        comment: "After Request Problem Information 0 no answer has a Reason String or User Property.",
        shows: &["v5.0 MQTT-3.1.2-29"],
        play: |stage| {
            let client = stage.client("c");
            answers(
                stage,
                client.with(Property::RequestProblemInformation(false)),
            )
        },
    },
];

fn receive_at_most(maximum: u16) -> Property<'static> {
    Property::ReceiveMaximum(NonZeroU16::new(maximum).unwrap_or(NonZeroU16::MIN))
}

fn packet_size(maximum: u32) -> Property<'static> {
    Property::MaximumPacketSize(NonZeroU32::new(maximum).unwrap_or(NonZeroU32::MAX))
}

fn receive_maximum(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("open");
    let subscriber = stage.client("s").with(receive_at_most(2));
    let mut subscriber = subscriber.without_answers().connect()?;
    subscriber.subscribe(&topic, QoS::ExactlyOnce)?;
    let mut publisher = stage.client("p").connect()?;
    let mut missing = BTreeSet::new();
    for number in 1..=5 {
        let payload = number.to_string();
        let qos = if number % 2 == 0 {
            QoS::ExactlyOnce
        } else {
            QoS::AtLeastOnce
        };
        publisher.publish(&Message::new(&topic, &payload).qos(qos))?;
        missing.insert(payload);
    }
    let mut open = VecDeque::from([subscriber.next_message()?]);
    // 4.9 allows the broker a smaller quota
    open.extend(subscriber.next_message_within(stage.patience())?);
    subscriber.expect_nothing()?;
    while let Some(message) = open.pop_front() {
        missing.remove(&message.text());
        complete(&mut subscriber, &message)?;
        if missing.len() > open.len() {
            match subscriber.next_message_within(stage.patience())? {
                Some(next) => open.push_back(next),
                None => return Err(Stop::Missing(format!("these do not come: {missing:?}"))),
            }
        }
    }
    require(missing.is_empty(), || {
        format!("these do not come: {missing:?}")
    })
}

/// Acknowledges a message.
fn complete(subscriber: &mut Client<'_>, message: &Message) -> Outcome {
    let Some(packet_id) = message.packet_id else {
        return Err(Stop::Breach(format!(
            "\"{}\" comes with QoS 0",
            message.text()
        )));
    };
    if message.qos == QoS::AtLeastOnce {
        return subscriber.send(Packet::PubAck(Ack::new(packet_id)));
    }
    subscriber.send(Packet::PubRec(Ack::new(packet_id)))?;
    subscriber.expect_packet(
        PacketType::PubRel,
        |packet| matches!(packet, Packet::PubRel(it) if it.packet_id == packet_id),
    )?;
    subscriber.send(Packet::PubComp(Ack::new(packet_id)))
}

fn receive_maximum_after_reconnect(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("open");
    let subscriber = || stage.client("s").keeps_session().without_answers();
    let mut first = subscriber().with(receive_at_most(5)).connect()?;
    first.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    for payload in ["1", "2", "3"] {
        publisher.publish(&Message::new(&topic, payload))?;
        first.expect(&topic, payload).map_err(not_sent_again)?;
    }
    first.cut();
    let mut second = subscriber().with(receive_at_most(1)).connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    for payload in ["1", "2", "3"] {
        let message = second.expect(&topic, payload).map_err(not_sent_again)?;
        second.expect_nothing()?;
        complete(&mut second, &message)?;
    }
    Ok(())
}

/// Another scenario is about that, and 4.9 allows the broker fewer open messages.
fn not_sent_again(stop: Stop) -> Stop {
    match stop {
        Stop::Missing(reason) => Stop::Unsupported(reason),
        other => other,
    }
}

fn others_at_receive_maximum(stage: &Stage<'_>) -> Outcome {
    let (topic, other) = (stage.topic("open"), stage.topic("other"));
    let subscriber = stage.client("s").with(receive_at_most(1));
    let mut subscriber = subscriber.without_answers().connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "1"))?;
    publisher.publish(&Message::new(&topic, "2"))?;
    subscriber.expect(&topic, "1")?;

    let packet_id = PacketId::MIN;
    let subscriptions = [subscription(&other, QoS::AtMostOnce)?];
    subscriber.send(Subscribe::new(packet_id, List::new(&subscriptions)))?;
    subscriber.expect_packet(
        PacketType::SubAck,
        |packet| matches!(packet, Packet::SubAck(it) if it.packet_id == packet_id),
    )?;
    let packet_id = subscriber.start(&Message::new(&other, "own"))?;
    subscriber.expect_packet(
        PacketType::PubAck,
        |packet| matches!(packet, Packet::PubAck(it) if it.packet_id == packet_id),
    )?;
    subscriber.ping()
}

/// The message of 400 bytes is not sent, and what comes after it is.
fn maximum_packet_size(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("large");
    let mut subscriber = stage.client("s").with(packet_size(256)).connect()?;
    subscriber.subscribe(&topic, QoS::ExactlyOnce)?;
    let mut other = stage.client("o").connect()?;
    other.subscribe(&topic, QoS::ExactlyOnce)?;
    let large = "x".repeat(400);
    let mut publisher = stage.client("p").connect()?;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish(&Message::new(&topic, &large).qos(qos))?;
        other.expect(&topic, &large)?;
        publisher.publish(&Message::new(&topic, "marker").qos(qos))?;
        require_none_before_marker(&mut subscriber)?;
        other.expect(&topic, "marker")?;
    }
    Ok(())
}

fn require_none_before_marker(subscriber: &mut Client<'_>) -> Outcome {
    let before = subscriber.messages_before("marker")?;
    require(before.is_empty(), || {
        let length = before[0].payload.len();
        format!("a message of {length} bytes comes, and a packet may have 256")
    })
}

fn dropped_frees_its_place(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("large");
    let subscriber = stage.client("s").with(packet_size(256));
    let mut subscriber = subscriber.with(receive_at_most(1)).connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, &"x".repeat(400)))?;
    publisher.publish(&Message::new(&topic, "marker"))?;
    match require_none_before_marker(&mut subscriber) {
        Err(Stop::Missing(reason)) => Err(Stop::Open(format!(
            "{reason}; the standard does not state that a message that was not sent frees its \
             place in the Receive Maximum"
        ))),
        outcome => outcome,
    }
}

/// Asks for answers that may have a Reason String or a User Property.
fn answers(stage: &Stage<'_>, client: Connecting<'_>) -> Outcome {
    let topic = stage.topic("unknown");
    let mut client = client.connect()?;
    client.unsubscribe(&[&topic])?;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish(&Message::new(&topic, "m").qos(qos))?;
    }
    let subscriptions = [subscription(&topic, QoS::ExactlyOnce)?];
    client.subscribe_to(&subscriptions, &[])?;
    client.unsubscribe(&[&topic])?;
    Ok(())
}
