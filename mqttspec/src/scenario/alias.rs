//! Topic Aliases (5.0).

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use mqtt_wire::{
    Delivery, Packet, PacketId, PacketType, Properties, Property, Publish, QoS, ReasonCode,
};

use super::form::Scenario;
use crate::stage::{Client, Incoming, Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "alias/of-client",
        comment: "The broker accepts each alias from 1 to its maximum, and its later use.",
        shows: &["v5.0 MQTT-3.3.2-12"],
        play: of_client,
    },
    Scenario {
        name: "alias/moved",
        comment: "A client may give an alias to another topic.",
        shows: &["v5.0 MQTT-3.3.2-12"],
        play: moved,
    },
    Scenario {
        name: "alias/of-last-connection",
        comment: "An alias of the client ends with its connection.",
        shows: &["v5.0 MQTT-3.3.2-7", "v5.0 U-alias-unknown"],
        play: of_last_connection,
    },
    Scenario {
        name: "alias/none-allowed",
        comment: "The broker uses no alias for a client without Topic Alias Maximum.",
        shows: &["v5.0 MQTT-3.1.2-27"],
        play: |stage| of_broker(stage, 0),
    },
    Scenario {
        name: "alias/of-broker",
        comment: "The broker uses no alias above the maximum of the client, and none before it is set.",
        shows: &[
            "v5.0 MQTT-3.1.2-26",
            "v5.0 MQTT-3.3.2-11",
            "v5.0 MQTT-4.5.0-1",
        ],
        play: |stage| of_broker(stage, 2),
    },
    Scenario {
        name: "alias/of-broker-ends",
        comment: "An alias of the broker ends with the connection.",
        shows: &["v5.0 MQTT-3.3.2-7", "v5.0 U-alias-unknown"],
        play: of_broker_ends,
    },
];

/// A client and the largest alias that it may use.
fn publisher<'a>(stage: &'a Stage<'_>) -> Result<(Client<'a>, NonZeroU16), Stop> {
    let publisher = stage.client("p").keeps_session().connect()?;
    let maximum = publisher.connack().map_or(0, |it| it.topic_alias_maximum());
    match NonZeroU16::new(maximum) {
        Some(maximum) => Ok((publisher, maximum)),
        None => Err(Stop::Unsupported(
            "the broker accepts no Topic Alias".into(),
        )),
    }
}

fn aliased(topic: &str, payload: &str, alias: NonZeroU16) -> Message {
    Message::new(topic, payload).with(&[Property::TopicAlias(alias)])
}

fn of_client(stage: &Stage<'_>) -> Outcome {
    let (mut publisher, maximum) = publisher(stage)?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&stage.topic("+"), QoS::AtLeastOnce)?;
    let aliases = [("lowest", NonZeroU16::MIN), ("highest", maximum)];
    for (name, alias) in aliases {
        let topic = stage.topic(name);
        for named in [&topic, ""] {
            publish(&mut publisher, &aliased(named, "m", alias))?;
            subscriber.expect(&topic, "m")?;
        }
    }
    Ok(())
}

/// The broker has to accept the alias.
fn publish(publisher: &mut Client<'_>, message: &Message) -> Outcome {
    let packet_id = publisher.start(message)?;
    let answer = publisher.first_of(&[PacketType::PubAck, PacketType::Disconnect])?;
    match answer.as_ref().and_then(Incoming::packet) {
        Some(Packet::Disconnect(it)) if it.reason_code == ReasonCode::TopicAliasInvalid => Err(
            Stop::Breach("the broker refuses an alias that it allows".into()),
        ),
        Some(Packet::PubAck(it)) if it.packet_id == packet_id => Ok(()),
        _ => Err(Stop::Unclear(
            "the broker does not answer a PUBLISH with an alias".into(),
        )),
    }
}

fn moved(stage: &Stage<'_>) -> Outcome {
    let (mut publisher, alias) = publisher(stage)?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&stage.topic("+"), QoS::AtLeastOnce)?;
    let (first, second) = (stage.topic("first"), stage.topic("second"));
    for (named, meant) in [(&first[..], &first), (&second, &second), ("", &second)] {
        publish(&mut publisher, &aliased(named, "m", alias))?;
        subscriber.expect(meant, "m")?;
    }
    Ok(())
}

fn of_last_connection(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("old");
    let (mut first, alias) = publisher(stage)?;
    first.publish(&aliased(&topic, "m", alias))?;
    first.disconnect()?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let (mut second, _) = publisher(stage)?;
    let unknown = [Property::TopicAlias(alias)];
    second.send_illegal(Publish {
        topic_name: None,
        payload: topic.as_bytes(),
        retain: false,
        delivery: Delivery::new(QoS::AtLeastOnce, PacketId::MIN),
        properties: Properties::new(&unknown),
    })?;
    let is_closed = second.closed_within(stage.patience()).is_some();
    subscriber.expect_nothing()?;
    match is_closed {
        true => Ok(()),
        false => Err(Stop::NonStrict(
            "the broker goes on after an alias that this connection has not set".into(),
        )),
    }
}

/// The topics of the aliases that the broker has set on a connection.
#[derive(Default)]
struct Aliases(BTreeMap<NonZeroU16, String>);

impl Aliases {
    /// The topic of a message, which may be in its alias.
    fn topic(&mut self, message: &Message) -> Result<String, Stop> {
        let alias = message.properties().iter().find_map(|it| match it {
            Property::TopicAlias(alias) => Some(alias),
            _ => None,
        });
        match alias {
            None => Ok(message.topic.clone()),
            Some(alias) if message.topic.is_empty() => {
                self.0.get(&alias).cloned().ok_or_else(|| {
                    Stop::Breach(format!("the alias {alias} was not set on this connection"))
                })
            }
            Some(alias) => {
                self.0.insert(alias, message.topic.clone());
                Ok(message.topic.clone())
            }
        }
    }
}

/// The monitor checks the aliases against the maximum.
fn of_broker(stage: &Stage<'_>, maximum: u16) -> Outcome {
    let subscriber = stage.client("s");
    let mut subscriber = match maximum {
        0 => subscriber.connect()?,
        _ => subscriber
            .with(Property::TopicAliasMaximum(maximum))
            .connect()?,
    };
    subscriber.subscribe(&stage.topic("+"), QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    let mut aliases = Aliases::default();
    for name in ["a", "b", "c", "d", "a", "b", "c", "d", "a"] {
        let topic = stage.topic(name);
        publisher.publish(&Message::new(&topic, "m"))?;
        let message = subscriber.next_message()?;
        let found = aliases.topic(&message)?;
        require(found == topic, || {
            format!(
                "a message of {topic} comes with the topic {found} (3.3.2.3.4), and that of {topic} \
                 does not come (MQTT-4.5.0-1)"
            )
        })?;
    }
    Ok(())
}

fn of_broker_ends(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("a");
    let subscriber = || {
        let subscriber = stage.client("s").keeps_session();
        subscriber.with(Property::TopicAliasMaximum(4)).connect()
    };
    subscriber()?.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    for _ in 0..2 {
        let mut connected = subscriber()?;
        if !connected.session_present() {
            return Err(Stop::Unsupported("the broker keeps no Session".into()));
        }
        let mut aliases = Aliases::default();
        for payload in ["1", "2"] {
            publisher.publish(&Message::new(&topic, payload))?;
            let message = connected.next_message()?;
            let found = aliases.topic(&message)?;
            require(found == topic, || {
                format!("a message of {topic} comes with the topic {found}")
            })?;
        }
        connected.disconnect()?;
    }
    Ok(())
}
