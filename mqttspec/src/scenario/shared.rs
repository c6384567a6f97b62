//! Shared subscriptions (5.0).

use mqtt_wire::{Ack, Packet, PacketType, QoS, ReasonCode};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "shared/one-receiver",
        comment: "Each message goes to one of the clients that share a subscription.",
        shows: &["v5.0 MQTT-4.5.0-1"],
        play: one_receiver,
    },
    Scenario {
        name: "shared/granted-qos",
        comment: "A message comes with at most the QoS that was granted to its receiver.",
        shows: &["v5.0 MQTT-4.8.2-3"],
        play: granted_qos,
    },
    Scenario {
        name: "shared/same-client-completes",
        comment: "A delivery of QoS 2 is completed with the same client after its reconnect.",
        shows: &["v5.0 MQTT-4.8.2-4"],
        play: same_client_completes,
    },
    Scenario {
        name: "shared/session-ends",
        comment: "If the Session of the receiver ends, a message of QoS 2 goes to no other client.",
        shows: &["v5.0 MQTT-4.8.2-5"],
        play: session_ends,
    },
    Scenario {
        name: "shared/refused",
        comment: "A message that its receiver refuses goes to no other client.",
        shows: &["v5.0 MQTT-4.8.2-6"],
        play: refused,
    },
];

/// The filter of a shared subscription to the topic. The name of the group belongs to the scenario.
fn shared(topic: &str) -> String {
    let group = topic.split('/').next().unwrap_or("group");
    format!("$share/{group}/{topic}")
}

/// The standard states it in the definition of a shared subscription (section 1.2).
fn one_receiver(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("shared");
    let mut members = [stage.client("a").connect()?, stage.client("b").connect()?];
    for member in &mut members {
        member.subscribe(&shared(&topic), QoS::AtLeastOnce)?;
    }
    let mut publisher = stage.client("p").connect()?;
    let mut missing = Vec::new();
    for number in 1..=4 {
        let payload = number.to_string();
        publisher.publish(&Message::new(&topic, &payload))?;
        missing.push(payload);
    }
    let mut received = Vec::new();
    for _ in 0..stage.patience().as_millis() / 50 {
        for member in &mut members {
            while let Some(message) = member.next_message_within(SHORT)? {
                missing.retain(|it| *it != message.text());
                received.push(message.text());
            }
        }
        if missing.is_empty() {
            break;
        }
    }
    if !missing.is_empty() {
        return Err(Stop::Missing(format!("no member receives {missing:?}")));
    }
    for member in &mut members {
        member.expect_nothing()?;
    }
    received.sort();
    require(received == ["1", "2", "3", "4"], || {
        format!(
            "a message goes to one of the members (sections 1.2 and 4.8.2); 1 to 4 were published \
             once, and the members receive {received:?}"
        )
    })
}

const SHORT: std::time::Duration = std::time::Duration::from_millis(20);

fn granted_qos(stage: &Stage<'_>) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    for (name, granted) in [("one", QoS::AtLeastOnce), ("two", QoS::ExactlyOnce)] {
        let topic = stage.topic(name);
        let mut member = stage.client("a").connect()?;
        member.subscribe(&shared(&topic), granted)?;
        publisher.publish(&Message::new(&topic, "m").qos(QoS::ExactlyOnce))?;
        let message = member.expect(&topic, "m").map_err(unprepared)?;
        require(message.qos == granted, || {
            format!(
                "granted {granted}, published with QoS 2, delivered with {}",
                message.qos
            )
        })?;
        member.disconnect()?;
    }
    Ok(())
}

/// Another scenario judges whether a message comes at all.
fn unprepared(stop: Stop) -> Stop {
    match stop {
        Stop::Missing(reason) => Stop::Unclear(reason),
        stop => stop,
    }
}

/// A message that a member receives and does not acknowledge, while it is the only member. Then
/// another client joins, which has a topic for a marker, too.
struct Begun<'a> {
    publisher: Client<'a>,
    message: Message,
    other: Client<'a>,
    marker: Message,
}

fn begin<'a>(stage: &'a Stage<'_>, member: &mut Client<'_>, qos: QoS) -> Result<Begun<'a>, Stop> {
    let topic = stage.topic("shared");
    member.subscribe(&shared(&topic), qos)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "begun").qos(qos))?;
    let message = member.expect(&topic, "begun").map_err(unprepared)?;
    if message.qos != qos {
        return Err(Stop::Unclear(format!(
            "the message comes with {}",
            message.qos
        )));
    }
    let mut other = stage.client("b").connect()?;
    other.subscribe(&shared(&topic), qos)?;
    let marker = Message::new(&stage.topic("marker"), "marker");
    other.subscribe(&marker.topic, QoS::AtLeastOnce)?;
    Ok(Begun {
        publisher,
        message,
        other,
        marker,
    })
}

impl Begun<'_> {
    fn require_that_the_other_gets_nothing(&mut self) -> Outcome {
        self.publisher.publish(&self.marker)?;
        let before = self.other.messages_before("marker")?;
        require(before.is_empty(), || {
            format!(
                "another member receives the message \"{}\"",
                before[0].text()
            )
        })?;
        self.other.expect_nothing()
    }

    fn packet_id(&self) -> Result<mqtt_wire::PacketId, Stop> {
        let missing = || Stop::Unclear("the message has no Packet Identifier".into());
        self.message.packet_id.ok_or_else(missing)
    }
}

fn same_client_completes(stage: &Stage<'_>) -> Outcome {
    let member = || stage.client("a").keeps_session().without_answers();
    let mut first = member().connect()?;
    let mut begun = begin(stage, &mut first, QoS::ExactlyOnce)?;
    first.cut();
    begun.require_that_the_other_gets_nothing()?;
    let mut second = member().connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    second.expect(&begun.message.topic, "begun")?;
    let packet_id = begun.packet_id()?;
    second.send(Packet::PubRec(Ack::new(packet_id)))?;
    second.expect_packet(
        PacketType::PubRel,
        |packet| matches!(packet, Packet::PubRel(it) if it.packet_id == packet_id),
    )?;
    second.send(Packet::PubComp(Ack::new(packet_id)))?;
    begun.require_that_the_other_gets_nothing()
}

fn session_ends(stage: &Stage<'_>) -> Outcome {
    let mut member = stage.client("a").without_answers().connect()?;
    let mut begun = begin(stage, &mut member, QoS::ExactlyOnce)?;
    member.cut();
    begun.require_that_the_other_gets_nothing()
}

fn refused(stage: &Stage<'_>) -> Outcome {
    let mut member = stage.client("a").without_answers().connect()?;
    let mut begun = begin(stage, &mut member, QoS::AtLeastOnce)?;
    member.send(Packet::PubAck(Ack {
        reason_code: ReasonCode::UnspecifiedError,
        ..Ack::new(begun.packet_id()?)
    }))?;
    member.ping()?;
    begun.require_that_the_other_gets_nothing()
}
