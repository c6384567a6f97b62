//! The Message Expiry Interval (5.0).

use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::{Property, QoS};

use super::form::Scenario;
use crate::stage::{Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "expiry/interval",
        comment: "The interval is reduced by the time that the message waited.",
        shows: &["v5.0 MQTT-3.3.2-6"],
        play: interval,
    },
    Scenario {
        name: "expiry/expired",
        comment: "A message that expired while the client was away is not delivered.",
        shows: &["v5.0 MQTT-3.3.2-5"],
        play: expired,
    },
    Scenario {
        name: "expiry/retained",
        comment: "A retained message that has expired is not delivered.",
        shows: &["v5.0 MQTT-3.3.2-5"],
        play: retained,
    },
];

/// Longer than an interval of one second, for a broker that counts seconds.
const TWO_SECONDS: Duration = Duration::from_millis(2200);

fn expiring(topic: &str, payload: &str, seconds: u32) -> Message {
    Message::new(topic, payload).with(&[Property::MessageExpiryInterval(seconds)])
}

fn interval_of(message: &Message) -> Result<u32, Stop> {
    let interval = message.properties().iter().find_map(|it| match it {
        Property::MessageExpiryInterval(seconds) => Some(seconds),
        _ => None,
    });
    let missing = || Stop::Breach("the message comes without its Message Expiry Interval".into());
    interval.ok_or_else(missing)
}

fn interval(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("waits");
    let mut first = stage.client("s").keeps_session().connect()?;
    first.subscribe(&topic, QoS::AtLeastOnce)?;
    first.disconnect()?;
    let mut publisher = stage.client("p").connect()?;
    let sent = Instant::now();
    publisher.publish(&expiring(&topic, "m", 60))?;
    thread::sleep(TWO_SECONDS);
    let mut second = stage.client("s").keeps_session().connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    let found = interval_of(&second.expect(&topic, "m")?)?;
    let waited = u32::try_from(sent.elapsed().as_secs()).unwrap_or(u32::MAX);
    // a broker may count in seconds, and round
    let expected = 60_u32.saturating_sub(waited.saturating_add(2))..=59;
    require(expected.contains(&found), || {
        format!("the interval was 60 seconds, the message waited {waited}, and comes with {found}")
    })
}

fn expired(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("expires");
    let mut first = stage.client("s").keeps_session().connect()?;
    first.subscribe(&topic, QoS::AtLeastOnce)?;
    first.disconnect()?;
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&expiring(&topic, "expired", 1))?;
    publisher.publish(&Message::new(&topic, "marker"))?;
    thread::sleep(TWO_SECONDS);
    let mut second = stage.client("s").keeps_session().connect()?;
    if !second.session_present() {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    let before = second.messages_before("marker")?;
    require(before.is_empty(), || {
        "a message with an interval of one second comes after two".into()
    })
}

fn retained(stage: &Stage<'_>) -> Outcome {
    let (topic, marked) = (stage.topic("kept/a"), stage.topic("kept/b"));
    let mut publisher = stage.client("p").connect()?;
    publisher.publish(&expiring(&topic, "expired", 1).retained())?;
    thread::sleep(TWO_SECONDS);
    let mut subscriber = stage.client("s").connect()?;
    subscriber.subscribe(&stage.topic("kept/+"), QoS::AtLeastOnce)?;
    publisher.publish(&Message::new(&marked, "marker"))?;
    let before = subscriber.messages_before("marker")?;
    require(before.is_empty(), || {
        "a retained message with an interval of one second comes after two (section 3.3.1.3)".into()
    })?;
    subscriber.expect_nothing()
}
