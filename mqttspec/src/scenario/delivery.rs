//! QoS 1 and 2: answers, and what is sent again on the next connection of a Session.

use std::thread::sleep;
use std::time::Duration;

use mqtt_wire::{Ack, Packet, PacketId, PacketType, Property, QoS, ReasonCode};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "delivery/qos1-is-answered",
        comment: "The broker answers a QoS 1 PUBLISH with a PUBACK.",
        shows: &[
            "v3.1.1 MQTT-4.3.2-2",
            "v3.1.1 MQTT-3.3.4-1",
            "v5.0 MQTT-4.3.2-4",
            "v5.0 MQTT-3.3.4-1",
        ],
        play: qos1_is_answered,
    },
    Scenario {
        name: "delivery/qos2-is-answered",
        comment: "The broker answers a QoS 2 PUBLISH with a PUBREC, and the PUBREL with a PUBCOMP.",
        shows: &[
            "v3.1.1 MQTT-4.3.3-2",
            "v5.0 MQTT-4.3.3-8",
            "v5.0 MQTT-4.3.3-11",
        ],
        play: qos2_is_answered,
    },
    Scenario {
        name: "delivery/qos1-is-sent-again",
        comment: "A QoS 1 message without a PUBACK is sent again on the next connection, with DUP 1.",
        shows: &[
            "v3.1.1 MQTT-4.4.0-1",
            "v3.1.1 MQTT-3.3.1-1",
            "v3.1.1 MQTT-4.3.2-1",
            "v3.1.1 MQTT-2.3.1-4",
            "v5.0 MQTT-4.3.2-3",
            "v5.0 MQTT-4.3.2-2",
            "v5.0 MQTT-3.3.1-1",
            "v5.0 MQTT-4.4.0-1",
        ],
        play: qos1_is_sent_again,
    },
    Scenario {
        name: "delivery/qos2-is-sent-again",
        comment: "A QoS 2 message without a PUBREC is sent again on the next connection, with DUP 1.",
        shows: &[
            "v3.1.1 MQTT-4.4.0-1",
            "v3.1.1 MQTT-4.3.3-1",
            "v5.0 MQTT-4.3.3-3",
            "v5.0 MQTT-4.3.3-2",
        ],
        play: qos2_is_sent_again,
    },
    Scenario {
        name: "delivery/pubrel-is-sent-again",
        comment: "A PUBREL without a PUBCOMP is sent again on the next connection, and its PUBLISH is not.",
        shows: &[
            "v3.1.1 MQTT-4.4.0-1",
            "v5.0 MQTT-4.3.3-5",
            "v5.0 MQTT-4.3.3-6",
        ],
        play: pubrel_is_sent_again,
    },
    Scenario {
        name: "delivery/acknowledged-is-not-sent-again",
        comment: "A message with a PUBACK is not sent again on the next connection.",
        shows: &["v5.0 MQTT-4.4.0-2"],
        play: acknowledged_is_not_sent_again,
    },
    Scenario {
        name: "delivery/refused-is-not-sent-again",
        comment: "A message with a PUBREC of 0x80 or above is not sent again on the next connection.",
        shows: &["v5.0 MQTT-4.4.0-2"],
        play: refused_is_not_sent_again,
    },
    Scenario {
        name: "delivery/dup-is-not-copied",
        comment: "DUP of a PUBLISH of a client is not copied to the subscribers.",
        shows: &["v3.1.1 MQTT-3.3.1-3", "v5.0 MQTT-3.3.1-3"],
        play: dup_is_not_copied,
    },
    Scenario {
        name: "delivery/qos2-repetition-is-not-delivered",
        comment: "A QoS 2 PUBLISH that is sent again gets a PUBREC, and is delivered once.",
        shows: &["v3.1.1 MQTT-4.3.3-2", "v5.0 MQTT-4.3.3-10"],
        play: qos2_repetition_is_not_delivered,
    },
    Scenario {
        name: "delivery/identifier-is-free-after-puback",
        comment: "After the PUBACK a PUBLISH with the same identifier is a new message.",
        shows: &["v3.1.1 MQTT-4.3.2-2", "v5.0 MQTT-4.3.2-5"],
        play: identifier_is_free_after_puback,
    },
    Scenario {
        name: "delivery/identifier-is-free-after-pubcomp",
        comment: "After the PUBCOMP a PUBLISH with the same identifier is a new message.",
        shows: &["v3.1.1 MQTT-4.3.3-2", "v5.0 MQTT-4.3.3-12"],
        play: identifier_is_free_after_pubcomp,
    },
    Scenario {
        name: "delivery/expiry-does-not-stop-what-was-sent",
        comment: "The broker sends a QoS 2 PUBLISH again although the message has expired since.",
        shows: &["v5.0 MQTT-4.3.3-7"],
        play: expiry_does_not_stop_what_was_sent,
    },
    Scenario {
        name: "delivery/expiry-does-not-stop-the-exchange",
        comment: "The broker answers a PUBREL with a PUBCOMP although the message has expired since.",
        shows: &["v5.0 MQTT-4.3.3-13"],
        play: expiry_does_not_stop_the_exchange,
    },
    Scenario {
        name: "delivery/in-order",
        comment: "The broker delivers the messages of a client in their order, for each QoS.",
        shows: &[
            "v3.1.1 MQTT-4.6.0-6",
            "v3.1.1 MQTT-4.6.0-5",
            "v5.0 MQTT-4.6.0-5",
            "v5.0 MQTT-4.6.0-6",
        ],
        play: in_order,
    },
    Scenario {
        name: "delivery/again-in-order",
        comment: "Messages that are sent again keep their order.",
        shows: &["v3.1.1 MQTT-4.6.0-1", "v5.0 MQTT-4.6.0-1"],
        play: again_in_order,
    },
    Scenario {
        name: "delivery/byte-order-mark-is-kept",
        comment: "The broker keeps U+FEFF in a Topic Name.",
        shows: &["v3.1.1 MQTT-1.5.3-3", "v5.0 MQTT-1.5.4-3"],
        play: byte_order_mark_is_kept,
    },
];

fn publish(stage: &Stage<'_>, message: &Message) -> Outcome {
    stage.client("p").connect()?.publish(message)
}

/// The client `s`, with a Session, that subscribes and answers no message.
fn subscriber<'a>(stage: &'a Stage<'_>, topic: &str, qos: QoS) -> Result<Client<'a>, Stop> {
    let connecting = stage.client("s").keeps_session().without_answers();
    let mut subscriber = connecting.connect()?;
    subscriber.subscribe(topic, qos)?;
    Ok(subscriber)
}

/// The same client again.
fn back<'a>(stage: &'a Stage<'_>, name: &'static str) -> Result<Client<'a>, Stop> {
    let client = stage.client(name).keeps_session().without_answers();
    let client = client.connect()?;
    match client.session_present() {
        true => Ok(client),
        false => Err(Stop::Unsupported(
            "the broker has not kept the Session".into(),
        )),
    }
}

fn qos1_is_answered(stage: &Stage<'_>) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    let packet_id = publisher.start(&Message::new(&stage.topic("t"), "answer"))?;
    expect_answer(&mut publisher, PacketType::PubAck, packet_id)
}

fn qos2_is_answered(stage: &Stage<'_>) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    let message = Message::new(&stage.topic("t"), "answers").qos(QoS::ExactlyOnce);
    let packet_id = publisher.start(&message)?;
    expect_answer(&mut publisher, PacketType::PubRec, packet_id)?;
    publisher.send(Packet::PubRel(Ack::new(packet_id)))?;
    expect_answer(&mut publisher, PacketType::PubComp, packet_id)
}

fn expect_answer(client: &mut Client<'_>, packet_type: PacketType, packet_id: PacketId) -> Outcome {
    client.expect_packet(packet_type, |packet| {
        packet.packet_type() == packet_type && packet.packet_id() == Some(packet_id)
    })?;
    Ok(())
}

fn qos1_is_sent_again(stage: &Stage<'_>) -> Outcome {
    is_sent_again(stage, QoS::AtLeastOnce)
}

fn qos2_is_sent_again(stage: &Stage<'_>) -> Outcome {
    is_sent_again(stage, QoS::ExactlyOnce)
}

fn is_sent_again(stage: &Stage<'_>, qos: QoS) -> Outcome {
    let topic = stage.topic("t");
    let mut first = subscriber(stage, &topic, qos)?;
    publish(stage, &Message::new(&topic, "again").qos(qos))?;
    let sent = first.expect(&topic, "again")?;
    require(!sent.dup, || "the first delivery has DUP 1".into())?;
    first.cut();
    let repeated = back(stage, "s")?.expect(&topic, "again")?;
    require(repeated.dup, || "the repetition has DUP 0".into())?;
    require(repeated.packet_id == sent.packet_id, || {
        let (old, new) = (sent.packet_id, repeated.packet_id);
        format!("the repetition has the Packet Identifier {new:?} instead of {old:?}")
    })
}

fn pubrel_is_sent_again(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut first = subscriber(stage, &topic, QoS::ExactlyOnce)?;
    publish(stage, &Message::new(&topic, "two").qos(QoS::ExactlyOnce))?;
    let packet_id = received(&first.expect(&topic, "two")?)?;
    first.send(Packet::PubRec(Ack::new(packet_id)))?;
    expect_answer(&mut first, PacketType::PubRel, packet_id)?;
    first.cut();
    let mut again = back(stage, "s")?;
    expect_answer(&mut again, PacketType::PubRel, packet_id)?;
    again.expect_nothing()
}

fn acknowledged_is_not_sent_again(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut first = subscriber(stage, &topic, QoS::AtLeastOnce)?;
    publish(stage, &Message::new(&topic, "one"))?;
    let packet_id = received(&first.expect(&topic, "one")?)?;
    first.send(Packet::PubAck(Ack::new(packet_id)))?;
    first.ping()?;
    first.cut();
    expect_no_repetition(stage, &topic)
}

fn refused_is_not_sent_again(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut first = subscriber(stage, &topic, QoS::ExactlyOnce)?;
    publish(stage, &Message::new(&topic, "two").qos(QoS::ExactlyOnce))?;
    let packet_id = received(&first.expect(&topic, "two")?)?;
    first.send(Packet::PubRec(Ack {
        reason_code: ReasonCode::ImplementationSpecificError,
        ..Ack::new(packet_id)
    }))?;
    first.ping()?;
    if first.received(PacketType::PubRel) {
        return Err(Stop::Open(
            "it sent a PUBREL after a PUBREC with 0x83; 5.0 demands a PUBREL below 0x80, and does \
             not forbid one above"
                .into(),
        ));
    }
    first.cut();
    expect_no_repetition(stage, &topic)
}

/// A breach if the subscriber gets something in front of a marker.
fn expect_no_repetition(stage: &Stage<'_>, topic: &str) -> Outcome {
    let mut again = back(stage, "s")?;
    publish(stage, &Message::new(topic, "marker"))?;
    let before = again.messages_before("marker")?;
    require(before.is_empty(), || {
        format!("the broker sends \"{}\" again", before[0].text())
    })
}

fn received(message: &Message) -> Result<PacketId, Stop> {
    message.packet_id.ok_or_else(|| {
        Stop::Unsupported("the message comes with QoS 0, although QoS 1 or 2 was granted".into())
    })
}

/// The publisher sends a message again, because its connection broke before the answer.
fn dup_is_not_copied(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").keeps_session().connect()?;
    let message = Message::new(&topic, "copied");
    let packet_id = publisher.start(&message)?;
    publisher.cut();
    let mut publisher = back(stage, "p")?;
    publisher.publish(&message.dup().numbered(packet_id))?;
    publisher.publish(&Message::new(&topic, "marker"))?;
    let before = subscriber.messages_before("marker")?;
    require(before.iter().all(|it| !it.dup), || {
        "a message comes with DUP 1, although its delivery was not repeated".into()
    })
}

fn qos2_repetition_is_not_delivered(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::ExactlyOnce)?;
    let mut publisher = stage.client("p").keeps_session().connect()?;
    let message = Message::new(&topic, "once").qos(QoS::ExactlyOnce);
    let packet_id = publisher.start(&message)?;
    publisher.acknowledgement(PacketType::PubRec, packet_id)?;
    publisher.cut();

    let mut publisher = back(stage, "p")?;
    publisher.start(&message.dup().numbered(packet_id))?;
    expect_answer(&mut publisher, PacketType::PubRec, packet_id)?;
    publisher.send(Packet::PubRel(Ack::new(packet_id)))?;
    expect_answer(&mut publisher, PacketType::PubComp, packet_id)?;
    let marker = Message::new(&topic, "marker").qos(QoS::ExactlyOnce);
    publisher.publish(&marker)?;
    let before = subscriber.messages_before("marker")?;
    require(before.len() <= 1, || {
        format!("the message is delivered {} times", before.len())
    })
}

fn identifier_is_free_after_puback(stage: &Stage<'_>) -> Outcome {
    identifier_is_free_again(stage, QoS::AtLeastOnce)
}

fn identifier_is_free_after_pubcomp(stage: &Stage<'_>) -> Outcome {
    identifier_is_free_again(stage, QoS::ExactlyOnce)
}

fn identifier_is_free_again(stage: &Stage<'_>, qos: QoS) -> Outcome {
    let topic = stage.topic("t");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, qos)?;
    let mut publisher = stage.client("p").connect()?;
    let packet_id = stage.next_packet_id();
    for payload in ["one", "two"] {
        let message = Message::new(&topic, payload).qos(qos);
        publisher.publish(&message.numbered(packet_id))?;
        subscriber.expect(&topic, payload)?;
    }
    Ok(())
}

fn expiry_does_not_stop_what_was_sent(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut first = subscriber(stage, &topic, QoS::ExactlyOnce)?;
    publish(stage, &short_lived(&topic))?;
    first.expect(&topic, "short")?;
    sleep(Duration::from_millis(2500));
    first.cut();
    back(stage, "s")?.expect(&topic, "short")?;
    Ok(())
}

fn expiry_does_not_stop_the_exchange(stage: &Stage<'_>) -> Outcome {
    let mut publisher = stage.client("p").connect()?;
    let packet_id = publisher.start(&short_lived(&stage.topic("t")))?;
    publisher.acknowledgement(PacketType::PubRec, packet_id)?;
    sleep(Duration::from_millis(2500));
    publisher.send(Packet::PubRel(Ack::new(packet_id)))?;
    expect_answer(&mut publisher, PacketType::PubComp, packet_id)
}

/// A message that expires after a second.
fn short_lived(topic: &str) -> Message {
    let message = Message::new(topic, "short").qos(QoS::ExactlyOnce);
    message.with(&[Property::MessageExpiryInterval(1)])
}

fn in_order(stage: &Stage<'_>) -> Outcome {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let topic = stage.topic(&format!("qos{}", qos as u8));
        let mut subscriber = stage.client("s").connect()?;
        subscriber.subscribe(&topic, qos)?;
        let mut publisher = stage.client("p").connect()?;
        let sent: Vec<_> = (0..8).map(|it| it.to_string()).collect();
        for payload in &sent {
            let message = Message::new(&topic, payload).qos(qos);
            match qos {
                QoS::ExactlyOnce => publisher.publish(&message)?,
                _ => drop(publisher.start(&message)?),
            }
        }
        publisher.publish(&Message::new(&topic, "9").qos(qos))?;
        let found = match qos {
            // they may be lost
            QoS::AtMostOnce => subscriber.arrived()?,
            _ => subscriber.messages_before("9")?,
        };
        let found: Vec<_> = found.iter().map(Message::text).collect();
        require(found.is_sorted(), || {
            format!(
                "the messages of QoS {} come in the order {found:?}",
                qos as u8
            )
        })?;
    }
    Ok(())
}

fn again_in_order(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut first = subscriber(stage, &topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    for payload in ["1", "2", "3"] {
        publisher.publish(&Message::new(&topic, payload))?;
        match first.expect(&topic, payload) {
            // its window may have room for only one
            Err(Stop::Missing(_)) if payload != "1" => {
                let reason = "the broker sends no other message before the answer to the first";
                return Err(Stop::Unsupported(reason.into()));
            }
            expected => expected?,
        };
    }
    first.cut();
    let mut again = back(stage, "s")?;
    let mut found = Vec::new();
    for _ in 0..3 {
        match again.next_message() {
            // another scenario judges that
            Err(Stop::Missing(reason)) => return Err(Stop::Unsupported(reason)),
            message => found.push(message?.text()),
        }
    }
    require(found == ["1", "2", "3"], || {
        format!("the messages are sent again in the order {found:?}")
    })
}

fn byte_order_mark_is_kept(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("\u{feff}t");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&stage.topic("#"), QoS::AtLeastOnce)?;
    publish(stage, &Message::new(&topic, "marked"))?;
    subscriber.expect(&topic, "marked")?;
    Ok(())
}
