//! Rules beyond a single packet that a client shows in a scenario.

mod reconnect;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::{Duration, Instant};

use mqtt_wire::{
    Ack, Connect, Delivery, Packet, PacketId, PacketType, Properties, Property, Publish, QoS,
    ReasonCode, TopicName, Version,
};

use super::broker::{Broker, Missing, PROBE_ID};
use super::connection::{Event, Received};
use super::scenario::Scenario;

/// A rule, the scenario that shows it, and the broker that asks for it.
#[derive(Debug)]
pub struct Session {
    pub name: &'static str,
    /// In a sentence.
    pub comment: &'static str,
    /// The statements, the most exact one first.
    pub v3_1_1: &'static [&'static str],
    pub v5: &'static [&'static str],
    pub scenario: Scenario,
    /// How often the program may print the message `message`.
    pub most_copies: usize,
    pub play: fn(&mut Broker) -> Result<Outcome, Missing>,
}

impl Session {
    pub const fn statements(&self, version: Version) -> &'static [&'static str] {
        match version {
            Version::V3_1 => &[],
            Version::V3_1_1 => self.v3_1_1,
            Version::V5 => self.v5,
        }
    }

    pub const fn is_in(&self, version: Version) -> bool {
        !self.statements(version).is_empty()
    }
}

/// What a client showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Keeps(&'static str),
    Breaks(String),
    /// The standard does not decide.
    Open(String),
    /// The client did not come to the place where the rule applies.
    DoesNotApply(String),
}

use self::Outcome::{Breaks, DoesNotApply, Keeps, Open};

/// The payload of the messages that sessions send.
pub const MESSAGE: &str = "message";

pub static ALL: &[Session] = &[
    Session {
        name: "resend-qos1",
        comment: "After a reconnect the Client sends an open QoS 1 PUBLISH again.",
        v3_1_1: &[
            "MQTT-4.4.0-1",
            "MQTT-3.3.1-1",
            "MQTT-2.3.1-3",
            "MQTT-3.1.2-4",
            "MQTT-4.1.0-1",
        ],
        v5: &[
            "MQTT-4.4.0-1",
            "MQTT-3.3.1-1",
            "MQTT-4.3.2-3",
            "MQTT-3.1.2-23",
            "MQTT-4.1.0-1",
        ],
        scenario: Scenario::ReconnectQos1,
        most_copies: 0,
        play: reconnect::resend_publish,
    },
    Session {
        name: "resend-qos2",
        comment: "After a reconnect the Client sends an open QoS 2 PUBLISH again.",
        v3_1_1: &["MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-2.3.1-3"],
        v5: &["MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-4.3.3-3"],
        scenario: Scenario::ReconnectQos2,
        most_copies: 0,
        play: reconnect::resend_publish,
    },
    Session {
        name: "resend-pubrel",
        comment: "After a reconnect the Client sends an open PUBREL again, and not its PUBLISH.",
        v3_1_1: &["MQTT-4.4.0-1", "MQTT-4.3.3-1"],
        v5: &["MQTT-4.4.0-1", "MQTT-4.3.3-6", "MQTT-4.3.3-5"],
        scenario: Scenario::ReconnectQos2,
        most_copies: 0,
        play: reconnect::resend_pubrel,
    },
    Session {
        name: "order-of-resent",
        comment: "After a reconnect the Client sends its open PUBLISHes again in their order.",
        v3_1_1: &["MQTT-4.6.0-1"],
        v5: &["MQTT-4.6.0-1"],
        scenario: Scenario::ReconnectBurst,
        most_copies: 0,
        play: reconnect::order_of_resent,
    },
    Session {
        name: "repeated-after-reconnect",
        comment: "After a reconnect the Client knows a QoS 2 message again that it has received.",
        v3_1_1: &["MQTT-4.3.3-2", "MQTT-4.1.0-1"],
        v5: &["MQTT-4.3.3-10", "MQTT-4.1.0-1"],
        scenario: Scenario::ReconnectSubscribe,
        most_copies: 1,
        play: reconnect::repeated,
    },
    Session {
        name: "released-after-reconnect",
        comment: "After a reconnect the Client answers the PUBREL of a message that it has received.",
        v3_1_1: &["MQTT-4.3.3-2"],
        v5: &["MQTT-4.3.3-11"],
        scenario: Scenario::ReconnectSubscribe,
        most_copies: 1,
        play: reconnect::released,
    },
    Session {
        name: "session-lost",
        comment: "If the Server has no Session, the Client sends no PUBREL of the old one.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-5"],
        scenario: Scenario::ReconnectQos2,
        most_copies: 0,
        play: reconnect::session_lost,
    },
    Session {
        name: "keep-alive",
        comment: "The Client sends a packet in each Keep Alive period.",
        v3_1_1: &["MQTT-3.1.2-23"],
        v5: &["MQTT-3.1.2-20"],
        scenario: Scenario::Ping,
        most_copies: 0,
        play: keep_alive,
    },
    Session {
        name: "server-keep-alive",
        comment: "The Client uses the Server Keep Alive of the CONNACK.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-21", "MQTT-3.1.2-21"],
        scenario: Scenario::Subscribe,
        most_copies: 0,
        play: server_keep_alive,
    },
    Session {
        name: "receive-maximum",
        comment: "The Client has no more open PUBLISHes than the Receive Maximum of the Server.",
        v3_1_1: &[],
        v5: &["MQTT-3.3.4-7", "MQTT-4.9.0-2", "MQTT-4.9.0-1"],
        scenario: Scenario::PublishBurst,
        most_copies: 0,
        play: receive_maximum,
    },
    Session {
        name: "quota-delays-only-publish",
        comment: "With a send quota of 0 the Client delays PUBLISHes, and no PUBREL.",
        v3_1_1: &[],
        v5: &["MQTT-3.3.4-8", "MQTT-4.9.0-3"],
        scenario: Scenario::PublishQos2,
        most_copies: 0,
        play: quota_delays_only_publish,
    },
    Session {
        name: "maximum-packet-size",
        comment: "The Client sends no packet larger than the Maximum Packet Size of the Server.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-15"],
        scenario: Scenario::PublishBurst,
        most_copies: 0,
        play: maximum_packet_size,
    },
    Session {
        name: "maximum-qos-1",
        comment: "The Client sends no PUBLISH with a QoS above the Maximum QoS of the Server.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-11"],
        scenario: Scenario::PublishQos2,
        most_copies: 0,
        play: maximum_qos_1,
    },
    Session {
        name: "maximum-qos-0",
        comment: "The Client sends no PUBLISH with a QoS above the Maximum QoS of the Server.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-11"],
        scenario: Scenario::PublishQos1,
        most_copies: 0,
        play: maximum_qos_0,
    },
    Session {
        name: "retain-available",
        comment: "After Retain Available 0 the Client sends no PUBLISH with RETAIN 1.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-14"],
        scenario: Scenario::PublishBurst,
        most_copies: 0,
        play: retain_available,
    },
    Session {
        name: "no-topic-alias",
        comment: "Without a Topic Alias Maximum of the Server the Client uses no Topic Alias.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-18"],
        scenario: Scenario::PublishBurst,
        most_copies: 0,
        play: burst,
    },
    Session {
        name: "topic-alias-maximum",
        comment: "The Client uses no Topic Alias above the Topic Alias Maximum of the Server.",
        v3_1_1: &[],
        v5: &["MQTT-3.2.2-17"],
        scenario: Scenario::PublishBurst,
        most_copies: 0,
        play: topic_alias_maximum,
    },
    Session {
        name: "every-topic-alias",
        comment: "The Client accepts every Topic Alias up to its maximum.",
        v3_1_1: &[],
        v5: &["MQTT-3.3.2-10"],
        scenario: Scenario::Limits,
        most_copies: 0,
        play: every_topic_alias,
    },
    Session {
        name: "order-of-puback",
        comment: "The Client sends PUBACKs in the order of the PUBLISHes.",
        v3_1_1: &["MQTT-4.6.0-2", "MQTT-4.5.0-2"],
        v5: &["MQTT-4.6.0-2", "MQTT-4.5.0-2"],
        scenario: Scenario::Subscribe,
        most_copies: 3,
        play: order_of_puback,
    },
    Session {
        name: "order-of-pubrec",
        comment: "The Client sends PUBRECs in the order of the PUBLISHes.",
        v3_1_1: &["MQTT-4.6.0-3", "MQTT-4.5.0-2"],
        v5: &["MQTT-4.6.0-3", "MQTT-4.5.0-2"],
        scenario: Scenario::Subscribe,
        most_copies: 3,
        play: order_of_pubrec,
    },
    Session {
        name: "identifier-used-again-qos1",
        comment: "After the PUBACK a PUBLISH with the identifier is a new message.",
        v3_1_1: &["MQTT-4.3.2-2"],
        v5: &["MQTT-4.3.2-5", "MQTT-4.3.2-4"],
        scenario: Scenario::Subscribe,
        most_copies: 2,
        play: identifier_used_again_qos1,
    },
    Session {
        name: "identifier-used-again-qos2",
        comment: "After the PUBCOMP a PUBLISH with the identifier is a new message.",
        v3_1_1: &["MQTT-4.3.3-2"],
        v5: &["MQTT-4.3.3-12", "MQTT-4.3.3-11"],
        scenario: Scenario::Subscribe,
        most_copies: 2,
        play: identifier_used_again_qos2,
    },
    Session {
        name: "repeated-qos2",
        comment: "Before the PUBREL the Client answers a repeated PUBLISH with a PUBREC.",
        v3_1_1: &["MQTT-4.3.3-2"],
        // only a later connection may repeat it
        v5: &[],
        scenario: Scenario::Subscribe,
        most_copies: 1,
        play: repeated_qos2,
    },
    Session {
        name: "pubrec-failure",
        comment: "After a PUBREC of 0x80 or above the Client sends no PUBREL.",
        v3_1_1: &[],
        v5: &["MQTT-4.3.3-4", "MQTT-4.4.0-2"],
        scenario: Scenario::PublishQos2,
        most_copies: 0,
        play: pubrec_failure,
    },
    Session {
        name: "new-message-qos1",
        comment: "The Client sends a new QoS 1 message with DUP 0.",
        v3_1_1: &["MQTT-4.3.2-1"],
        v5: &["MQTT-4.3.2-2"],
        scenario: Scenario::PublishQos1,
        most_copies: 0,
        play: new_messages,
    },
    Session {
        name: "new-message-qos2",
        comment: "The Client sends a new QoS 2 message with DUP 0.",
        v3_1_1: &["MQTT-4.3.3-1"],
        v5: &["MQTT-4.3.3-2"],
        scenario: Scenario::PublishQos2,
        most_copies: 0,
        play: new_messages,
    },
    Session {
        name: "closes-after-disconnect",
        comment: "The Client closes the connection after its DISCONNECT.",
        v3_1_1: &["MQTT-3.14.4-1"],
        v5: &["MQTT-3.14.4-2"],
        scenario: Scenario::PublishQos0,
        most_copies: 0,
        play: closes_after_disconnect,
    },
];

fn keep_alive(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.accept()?;
    let connect = broker.expect(PacketType::Connect)?;
    let seconds = Connect::decode(&connect.bytes).map_or(0, |it| it.keep_alive);
    broker.answer();
    subscribe(broker)?;
    watch_silence(broker, seconds)
}

fn server_keep_alive(broker: &mut Broker) -> Result<Outcome, Missing> {
    const SECONDS: u16 = 2;
    broker.announced = vec![Property::ServerKeepAlive(SECONDS)];
    connect(broker)?;
    subscribe(broker)?;
    watch_silence(broker, SECONDS)
}

/// Watches the client for two periods. The Server has to wait for one and a half, so only a longer
/// silence is held against the client.
fn watch_silence(broker: &mut Broker, seconds: u16) -> Result<Outcome, Missing> {
    let period = Duration::from_secs(seconds.into());
    if period.is_zero() || period > Duration::from_secs(10) {
        let reason = format!("the Keep Alive is {seconds} s, and not 1 to 10 s");
        return Ok(DoesNotApply(reason));
    }
    let limit = period * 3 / 2 + broker.patience.settle * 4;
    let mut longest = Duration::ZERO;
    for _ in 0..2 {
        let last = broker.last_packet();
        match broker.next(last + limit) {
            Event::Packet(it) => {
                longest = longest.max(broker.last_packet() - last);
                if it.packet_type == PacketType::PingReq {
                    broker.send_packet(Packet::PingResp);
                }
            }
            Event::Closed => {
                return Ok(DoesNotApply("the client closes the connection".into()));
            }
            Event::Silence => {
                let reason = format!("it was silent for {limit:.1?} with {seconds} s Keep Alive");
                return Ok(Breaks(reason));
            }
        }
    }
    Ok(match longest > period + Duration::from_millis(500) {
        true => Open(format!(
            "it was silent for {longest:.1?} with {seconds} s Keep Alive, and the Server has to \
             wait for one and a half periods"
        )),
        false => Keeps("it sent a packet in each period"),
    })
}

fn receive_maximum(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::ReceiveMaximum(NonZeroU16::MIN.saturating_add(1))];
    connect(broker)?;
    broker.expect(PacketType::Publish)?;
    let first = broker.asked_id();
    match broker.expect(PacketType::Publish) {
        Err(Missing::Packet(_)) => return Ok(Keeps("it had one open PUBLISH")),
        second => second?,
    };
    let second = broker.asked_id();
    // the monitor reports a third one
    if let Some(Received {
        packet_type: PacketType::Publish,
        ..
    }) = within(broker, broker.patience.settle * 2)
    {
        return Ok(Breaks("it sent a third PUBLISH without a PUBACK".into()));
    }
    for packet_id in [first, second].into_iter().flatten() {
        broker.send_packet(Packet::PubAck(Ack::new(packet_id)));
    }
    for _ in 0..3 {
        if broker.expect(PacketType::Publish).is_err() {
            let reason = "it sent no further PUBLISH after the PUBACKs";
            return Ok(DoesNotApply(reason.into()));
        }
        broker.answer();
    }
    Ok(Keeps(
        "it had two open PUBLISHes, and sent more after the PUBACKs",
    ))
}

fn quota_delays_only_publish(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::ReceiveMaximum(NonZeroU16::MIN)];
    connect(broker)?;
    broker.expect(PacketType::Publish)?;
    broker.answer();
    Ok(match answers(broker, PacketType::PubRel)? {
        true => Keeps("it sent the PUBREL with a send quota of 0"),
        false => Breaks("it sent no PUBREL after the PUBREC, with a send quota of 0".into()),
    })
}

fn maximum_packet_size(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::MaximumPacketSize(
        NonZeroU32::MIN.saturating_add(99),
    )];
    limited(broker, "it sent no packet that is too large")
}

fn maximum_qos_1(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::MaximumQoS(QoS::AtLeastOnce)];
    limited(broker, "it sent no QoS 2 PUBLISH")
}

fn maximum_qos_0(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::MaximumQoS(QoS::AtMostOnce)];
    limited(broker, "it sent no QoS 1 PUBLISH")
}

fn retain_available(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::RetainAvailable(false)];
    limited(broker, "it sent no PUBLISH with RETAIN 1")
}

fn topic_alias_maximum(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.announced = vec![Property::TopicAliasMaximum(1)];
    burst(broker)
}

fn burst(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    for _ in 0..5 {
        broker.expect(PacketType::Publish)?;
        broker.answer();
    }
    Ok(Keeps("it sent five messages"))
}

/// Reads what the client sends under a limit. The monitor reports a packet that exceeds it.
fn limited(broker: &mut Broker, keeps: &'static str) -> Result<Outcome, Missing> {
    connect(broker)?;
    while let Some(packet) = within(broker, broker.patience.answer) {
        broker.answer_to(&packet);
    }
    Ok(Keeps(keeps))
}

fn every_topic_alias(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.accept()?;
    let connect = broker.expect(PacketType::Connect)?;
    let maximum = Connect::decode(&connect.bytes).map_or(0, |it| it.topic_alias_maximum());
    let (Some(maximum), Ok(name)) = (NonZeroU16::new(maximum), TopicName::new("a")) else {
        let reason = "the program announces no Topic Alias Maximum";
        return Ok(DoesNotApply(reason.into()));
    };
    broker.answer();
    subscribe(broker)?;
    for topic_name in [Some(name), None] {
        let delivery = Delivery::AtLeastOnce {
            packet_id: PROBE_ID,
            dup: false,
        };
        let properties = [Property::TopicAlias(maximum)];
        broker.send_packet(Packet::Publish(Publish {
            delivery,
            topic_name,
            properties: Properties::new(&properties),
            ..Publish::new(name, b"alias")
        }));
        if broker.expect(PacketType::PubAck).is_err() {
            return Ok(Breaks(
                "it did not acknowledge a message with an alias that it allows".into(),
            ));
        }
    }
    Ok(Keeps("it acknowledged messages with its largest alias"))
}

fn order_of_puback(broker: &mut Broker) -> Result<Outcome, Missing> {
    order(broker, QoS::AtLeastOnce, PacketType::PubAck)
}

fn order_of_pubrec(broker: &mut Broker) -> Result<Outcome, Missing> {
    order(broker, QoS::ExactlyOnce, PacketType::PubRec)
}

fn order(broker: &mut Broker, qos: QoS, answer: PacketType) -> Result<Outcome, Missing> {
    connect(broker)?;
    subscribe(broker)?;
    let ids = [30, 10, 20].map(packet_id);
    for id in ids {
        broker.message(qos, id, false, MESSAGE);
    }
    let mut answers = Vec::new();
    for _ in ids {
        answers.push(broker.expect(answer)?.packet_id);
    }
    Ok(match answers == ids.map(Some) {
        true => Keeps("it answered in the order of the messages"),
        false => Breaks("it answered in another order than that of the messages".into()),
    })
}

fn identifier_used_again_qos1(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    subscribe(broker)?;
    for dup in [false, true] {
        broker.message(QoS::AtLeastOnce, packet_id(7), dup, MESSAGE);
        if !answers(broker, PacketType::PubAck)? {
            return Ok(Breaks("it did not acknowledge the message".into()));
        }
    }
    Ok(Keeps("it acknowledged both messages"))
}

fn identifier_used_again_qos2(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    subscribe(broker)?;
    for _ in 0..2 {
        broker.message(QoS::ExactlyOnce, packet_id(7), false, MESSAGE);
        if !answers(broker, PacketType::PubRec)? {
            return Ok(Breaks("it sent no PUBREC".into()));
        }
        broker.answer();
        if !answers(broker, PacketType::PubComp)? {
            return Ok(Breaks("it sent no PUBCOMP".into()));
        }
    }
    Ok(Keeps("it completed both messages"))
}

fn repeated_qos2(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    subscribe(broker)?;
    for dup in [false, true] {
        broker.message(QoS::ExactlyOnce, packet_id(7), dup, MESSAGE);
        if !answers(broker, PacketType::PubRec)? {
            return Ok(Breaks("it sent no PUBREC".into()));
        }
    }
    broker.answer();
    Ok(match answers(broker, PacketType::PubComp)? {
        true => Keeps("it answered both with a PUBREC"),
        false => Breaks("it sent no PUBCOMP".into()),
    })
}

fn pubrec_failure(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    broker.expect(PacketType::Publish)?;
    let Some(packet_id) = broker.asked_id() else {
        return Ok(DoesNotApply("the PUBLISH has no Packet Identifier".into()));
    };
    broker.send_packet(Packet::PubRec(Ack {
        reason_code: ReasonCode::QuotaExceeded,
        ..Ack::new(packet_id)
    }));
    Ok(match within(broker, broker.patience.settle * 2) {
        Some(it) if it.packet_type == PacketType::PubRel => Open(
            "it sent a PUBREL after a PUBREC with 0x97; 5.0 demands a PUBREL below 0x80, and \
                 does not forbid one above"
                .into(),
        ),
        _ => Keeps("it sent no PUBREL"),
    })
}

fn new_messages(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    for packet_type in broker.scenario.packets().iter().skip(1) {
        let packet = broker.expect(*packet_type)?;
        if *packet_type == PacketType::Publish && is_dup(&packet) {
            return Ok(Breaks("it sent a new message with DUP 1".into()));
        }
        broker.answer();
    }
    Ok(Keeps("it sent two new messages with DUP 0"))
}

fn closes_after_disconnect(broker: &mut Broker) -> Result<Outcome, Missing> {
    connect(broker)?;
    broker.expect(PacketType::Publish)?;
    broker.expect(PacketType::Disconnect)?;
    // the standard has no limit for the time
    let patience = broker.patience.answer * 2;
    let until = Instant::now() + patience;
    loop {
        match broker.next(until) {
            Event::Closed => return Ok(Keeps("it closed the connection")),
            // the monitor reports it
            Event::Packet(_) => {}
            Event::Silence => {
                let reason = format!("it left the connection open for {patience:.1?}");
                return Ok(Breaks(reason));
            }
        }
    }
}

fn is_dup(packet: &Received) -> bool {
    packet.bytes.first().is_some_and(|it| it & 0x08 != 0)
}

/// Accepts the client, and returns how many seconds its Session outlives the connection.
fn connect(broker: &mut Broker) -> Result<u32, Missing> {
    broker.accept()?;
    let connect = broker.expect(PacketType::Connect)?;
    broker.answer();
    let connect = Connect::decode(&connect.bytes);
    Ok(connect.map_or(0, |it| it.session_expiry_interval()))
}

fn subscribe(broker: &mut Broker) -> Result<(), Missing> {
    broker.expect(PacketType::Subscribe)?;
    broker.answer();
    Ok(())
}

/// Whether the client answers with this packet. An error if it closes the connection.
fn answers(broker: &mut Broker, packet_type: PacketType) -> Result<bool, Missing> {
    match broker.expect(packet_type) {
        Ok(_) => Ok(true),
        Err(Missing::Packet(_)) => Ok(false),
        Err(missing) => Err(missing),
    }
}

fn within(broker: &mut Broker, time: Duration) -> Option<Received> {
    let until = Instant::now() + time;
    match broker.next(until) {
        Event::Packet(it) => Some(it),
        Event::Closed | Event::Silence => None,
    }
}

fn packet_id(id: u16) -> PacketId {
    PacketId::new(id).unwrap_or(PROBE_ID)
}
