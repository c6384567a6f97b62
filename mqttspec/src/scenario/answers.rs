//! Answers that a broker owes.

use mqtt_wire::{List, Packet, PacketId, PacketType, QoS, Subscribe, TopicFilter, Unsubscribe};

use super::form::Scenario;
use crate::stage::{Outcome, Stage, Stop, subscription};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "answers/suback",
        comment: "The broker answers a SUBSCRIBE with a SUBACK of the same Packet Identifier.",
        shows: &[
            "v3.1.1 MQTT-3.8.4-1",
            "v3.1.1 MQTT-3.8.4-2",
            "v3.1.1 MQTT-2.3.1-7",
            "v5.0 MQTT-3.8.4-1",
            "v5.0 MQTT-3.8.4-2",
            "v5.0 MQTT-2.2.1-6",
        ],
        play: suback,
    },
    Scenario {
        name: "answers/unsuback",
        comment: "The broker answers an UNSUBSCRIBE, even if there is no such subscription.",
        shows: &[
            "v3.1.1 MQTT-3.10.4-5",
            "v3.1.1 MQTT-3.10.4-4",
            "v5.0 MQTT-3.10.4-5",
            "v5.0 MQTT-3.10.4-4",
        ],
        play: unsuback,
    },
];

const PACKET_ID: PacketId = PacketId::new(0x1234).expect("not 0");

fn suback(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("answered");
    let mut client = stage.client("s").connect()?;
    let subscriptions = [subscription(&topic, QoS::AtMostOnce)?];
    client.send(Subscribe::new(PACKET_ID, List::new(&subscriptions)))?;
    client.expect_packet(
        PacketType::SubAck,
        |packet| matches!(packet, Packet::SubAck(it) if it.packet_id == PACKET_ID),
    )?;
    Ok(())
}

fn unsuback(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("answered");
    let mut client = stage.client("s").connect()?;
    let filter = TopicFilter::new(&topic).map_err(|it| Stop::Unclear(it.to_string()))?;
    client.send(Unsubscribe::new(PACKET_ID, List::new(&[filter])))?;
    client.expect_packet(
        PacketType::UnsubAck,
        |packet| matches!(packet, Packet::UnsubAck(it) if it.packet_id == PACKET_ID),
    )?;
    Ok(())
}
