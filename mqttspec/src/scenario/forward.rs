//! Properties of a message that a broker forwards unaltered (5.0).

use mqtt_wire::{BinaryData, Property, QoS, TopicName, Utf8Str};

use super::form::Scenario;
use crate::stage::{Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "forward/payload-format",
        comment: "The Payload Format Indicator is forwarded.",
        shows: &["v5.0 MQTT-3.3.2-4"],
        play: |stage| live(stage, &[Property::PayloadFormatIndicator(true)]),
    },
    Scenario {
        name: "forward/response-topic",
        comment: "The Response Topic is forwarded.",
        shows: &["v5.0 MQTT-3.3.2-15"],
        play: |stage| live(stage, &[response_topic()?]),
    },
    Scenario {
        name: "forward/correlation-data",
        comment: "The Correlation Data is forwarded.",
        shows: &["v5.0 MQTT-3.3.2-16"],
        play: |stage| live(stage, &[correlation_data()?]),
    },
    Scenario {
        name: "forward/content-type",
        comment: "The Content Type is forwarded.",
        shows: &["v5.0 MQTT-3.3.2-20"],
        play: |stage| live(stage, &[content_type()?]),
    },
    Scenario {
        name: "forward/user-properties",
        comment: "All User Properties are forwarded in their order.",
        shows: &["v5.0 MQTT-3.3.2-17", "v5.0 MQTT-3.3.2-18"],
        play: |stage| live(stage, &user_properties()?),
    },
    Scenario {
        name: "forward/retained",
        comment: "A retained message keeps its properties.",
        shows: ALL,
        play: retained,
    },
    Scenario {
        name: "forward/stored",
        comment: "A message that waits for a client keeps its properties.",
        shows: ALL,
        play: stored,
    },
];

const ALL: &[&str] = &[
    "v5.0 MQTT-3.3.2-17",
    "v5.0 MQTT-3.3.2-18",
    "v5.0 MQTT-3.3.2-4",
    "v5.0 MQTT-3.3.2-15",
    "v5.0 MQTT-3.3.2-16",
    "v5.0 MQTT-3.3.2-20",
];

fn text(text: &'static str) -> Result<Utf8Str<'static>, Stop> {
    Utf8Str::new(text).map_err(|it| Stop::Unclear(it.to_string()))
}

fn response_topic() -> Result<Property<'static>, Stop> {
    let topic = TopicName::new("reply/ \u{fc}ber/\u{1f600}");
    let topic = topic.map_err(|it| Stop::Unclear(it.to_string()))?;
    Ok(Property::ResponseTopic(topic))
}

fn correlation_data() -> Result<Property<'static>, Stop> {
    let data = BinaryData::new(b"\0\x01\xff\xfe\0");
    let data = data.map_err(|it| Stop::Unclear(it.to_string()))?;
    Ok(Property::CorrelationData(data))
}

fn content_type() -> Result<Property<'static>, Stop> {
    Ok(Property::ContentType(text("text/plain; charset=\u{fc}")?))
}

/// With equal names, equal pairs, and empty text.
fn user_properties() -> Result<Vec<Property<'static>>, Stop> {
    let pairs = [
        ("b", "2"),
        ("a", "1"),
        ("b", "1"),
        ("a", "1"),
        ("", ""),
        ("\u{e9}", "e\u{301}"),
    ];
    let properties = pairs
        .into_iter()
        .map(|(name, value)| Ok(Property::UserProperty(text(name)?, text(value)?)));
    properties.collect()
}

fn all_properties() -> Result<Vec<Property<'static>>, Stop> {
    let mut all = user_properties()?;
    all.push(Property::PayloadFormatIndicator(true));
    all.push(response_topic()?);
    all.push(correlation_data()?);
    all.push(content_type()?);
    Ok(all)
}

/// The order of different properties does not count.
fn require_unaltered(message: &Message, sent: &[Property<'_>]) -> Outcome {
    for property in sent {
        let of_kind = |it: &Property<'_>| it.id() == property.id();
        let expected: Vec<_> = sent.iter().copied().filter(of_kind).collect();
        let found: Vec<_> = message.properties().iter().filter(of_kind).collect();
        require(expected == found, || {
            let show = |list: &[Property<'_>]| {
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                list.join(", ")
            };
            format!(
                "published with {}, delivered with: {}",
                show(&expected),
                show(&found)
            )
        })?;
    }
    Ok(())
}

fn live(stage: &Stage<'_>, properties: &[Property<'_>]) -> Outcome {
    let topic = stage.topic("live");
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m").with(properties))?;
    require_unaltered(&subscriber.expect(&topic, "m")?, properties)
}

fn retained(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("kept");
    let properties = all_properties()?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "kept").with(&properties).retained())?;
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce)?;
    require_unaltered(&subscriber.expect(&topic, "kept")?, &properties)
}

fn stored(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("stored");
    let properties = all_properties()?;
    let mut first = stage.client("s").keeps_session().connect()?;
    first.subscribe(&topic, QoS::AtLeastOnce)?;
    first.disconnect()?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&Message::new(&topic, "m").with(&properties))?;
    let mut second = stage.client("s").keeps_session().connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    require_unaltered(&second.expect(&topic, "m")?, &properties)
}
