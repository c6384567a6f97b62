//! The Will, in each way in which a connection ends.

use std::time::{Duration, Instant};

use mqtt_wire::{Disconnect, Properties, Property, QoS, ReasonCode, Utf8Str};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "will/when-the-connection-breaks",
        comment: "The broker publishes the Will if the connection ends without a DISCONNECT.",
        shows: &[
            "v3.1 U31-will",
            "v3.1.1 MQTT-3.1.2-8",
            "v5.0 MQTT-3.1.2-8",
            "v5.0 MQTT-3.1.2-7",
        ],
        play: when_the_connection_breaks,
    },
    Scenario {
        name: "will/when-the-client-is-silent",
        comment: "The broker publishes the Will if it closes the connection because of Keep Alive.",
        shows: &["v3.1 U31-will", "v3.1.1 MQTT-3.1.2-8", "v5.0 MQTT-3.1.2-8"],
        play: when_the_client_is_silent,
    },
    Scenario {
        name: "will/when-the-broker-closes",
        comment: "The broker publishes the Will if it closes the connection because of a bad packet.",
        shows: &["v3.1.1 MQTT-3.1.2-8", "v5.0 MQTT-3.1.2-8"],
        play: when_the_broker_closes,
    },
    Scenario {
        name: "will/when-another-connection-takes-over",
        comment: "The broker publishes the Will if a clean new connection ends the old one.",
        shows: &["v3.1.1 MQTT-3.1.2-8", "v5.0 MQTT-3.1.2-8"],
        play: when_another_connection_takes_over,
    },
    Scenario {
        name: "will/not-after-disconnect",
        comment: "A DISCONNECT deletes the Will, and the broker does not publish it.",
        shows: &[
            "v3.1 U31-will-disconnect",
            "v3.1.1 MQTT-3.14.4-3",
            "v3.1.1 MQTT-3.1.2-10",
            "v5.0 MQTT-3.14.4-3",
            "v5.0 MQTT-3.1.2-10",
        ],
        play: not_after_disconnect,
    },
    Scenario {
        name: "will/disconnect-with-will",
        comment: "After DISCONNECT 0x04 the broker publishes the Will.",
        shows: &["v5.0 MQTT-3.1.2-8"],
        play: disconnect_with_will,
    },
    Scenario {
        name: "will/only-once",
        comment: "The broker deletes the Will when it has published it.",
        shows: &[
            "v3.1.1 MQTT-3.1.2-10",
            "v3.1.1 MQTT-3.1.2-12",
            "v5.0 MQTT-3.1.2-10",
        ],
        play: only_once,
    },
    Scenario {
        name: "will/retained",
        comment: "With Will Retain 1 the Will is a retained message.",
        shows: &["v3.1.1 MQTT-3.1.2-17", "v5.0 MQTT-3.1.2-15"],
        play: retained,
    },
    Scenario {
        name: "will/not-retained",
        comment: "With Will Retain 0 the Will is not a retained message.",
        shows: &["v3.1.1 MQTT-3.1.2-16", "v5.0 MQTT-3.1.2-14"],
        play: not_retained,
    },
    Scenario {
        name: "will/waits-for-its-delay",
        comment: "The broker publishes the Will when the Will Delay Interval has passed.",
        shows: &["v5.0 MQTT-3.1.2-8"],
        play: waits_for_its_delay,
    },
    Scenario {
        name: "will/delay-ends-with-the-session",
        comment: "The broker publishes the Will when the Session ends, although its delay has not passed.",
        shows: &["v5.0 MQTT-3.1.2-8"],
        play: delay_ends_with_the_session,
    },
    Scenario {
        name: "will/reconnect-cancels-it",
        comment: "The broker does not publish the Will of a client that is back before the delay has passed.",
        shows: &["v5.0 MQTT-3.1.3-9"],
        play: reconnect_cancels_it,
    },
    Scenario {
        name: "will/user-properties-in-order",
        comment: "The Will has the User Properties of the CONNECT, in the same order.",
        shows: &["v5.0 MQTT-3.1.3-10"],
        play: user_properties_in_order,
    },
];

/// A client that subscribes to the topic of the Will.
fn watcher<'a>(stage: &'a Stage<'_>, topic: &str) -> Result<Client<'a>, Stop> {
    let mut watcher = stage.client("watcher").connect()?;
    watcher.subscribe(topic, QoS::AtLeastOnce)?;
    Ok(watcher)
}

/// A breach if the watcher receives something in front of a marker.
fn expect_no_will(stage: &Stage<'_>, watcher: &mut Client<'_>, topic: &str) -> Outcome {
    let mut publisher = stage.client("marker").connect()?;
    publisher.publish(&Message::new(topic, "marker"))?;
    let before = watcher.messages_before("marker")?;
    require(before.is_empty(), || "the broker publishes the Will".into())
}

fn when_the_connection_breaks(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    stage.client("a").will(&will, 0).connect()?.cut();
    watcher.expect(&topic, "gone")?;
    Ok(())
}

fn when_the_client_is_silent(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    let mut client = stage.client("a").keep_alive(1).will(&will, 0).connect()?;
    let keep_alive = client.keep_alive(1)?;
    let sent = watcher.expect_within(&topic, "gone", keep_alive * 3 / 2 + stage.patience());
    after_the_end(stage, sent, &mut client)
}

/// The Will is due if the broker has closed the connection. Other scenarios judge whether it does.
fn after_the_end(stage: &Stage<'_>, sent: Result<Message, Stop>, of: &mut Client<'_>) -> Outcome {
    match sent {
        Err(Stop::Missing(_)) if of.closed_within(stage.patience()).is_none() => {
            let reason = "the broker does not close the connection that has the Will";
            Err(Stop::Unsupported(reason.into()))
        }
        sent => sent.map(|_| ()),
    }
}

fn when_the_broker_closes(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    let mut client = stage.client("a").will(&will, 0).connect()?;
    // a reserved packet type
    client.send_bytes(b"\0\0");
    if client.closed_within(stage.patience()).is_none() {
        let reason = "the broker does not close the connection after a bad packet";
        return Err(Stop::Unsupported(reason.into()));
    }
    watcher.expect(&topic, "gone")?;
    Ok(())
}

fn when_another_connection_takes_over(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    let mut old = stage.client("a").will(&will, 0).connect()?;
    let _new = stage.client("a").connect()?;
    let sent = watcher.expect(&topic, "gone");
    after_the_end(stage, sent, &mut old)
}

fn not_after_disconnect(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    stage.client("a").will(&will, 0).connect()?.disconnect()?;
    expect_no_will(stage, &mut watcher, &topic)
}

fn disconnect_with_will(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    let client = stage.client("a").will(&will, 0).connect()?;
    client.disconnect_with(Disconnect::new(ReasonCode::DisconnectWithWillMessage))?;
    watcher.expect(&topic, "gone")?;
    Ok(())
}

fn only_once(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    stage.client("a").will(&will, 0).connect()?.cut();
    watcher.expect(&topic, "gone")?;
    stage.client("a").connect()?.cut();
    // the broker sees the end of this connection later than that of the other
    stage.client("b").connect()?.disconnect()?;
    expect_no_will(stage, &mut watcher, &topic)
}

fn retained(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone").retained();
    let mut early = watcher(stage, &topic)?;
    stage.client("a").will(&will, 0).connect()?.cut();
    early.expect(&topic, "gone")?;
    let mut late = stage.client("late").connect()?;
    late.subscribe(&topic, QoS::AtLeastOnce)?;
    let message = late.expect(&topic, "gone")?;
    require(message.retain, || {
        "the retained Will comes with RETAIN 0".into()
    })
}

fn not_retained(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut early = watcher(stage, &topic)?;
    stage.client("a").will(&will, 0).connect()?.cut();
    let message = early.expect(&topic, "gone")?;
    require(!message.retain, || "the Will comes with RETAIN 1".into())?;
    let mut late = stage.client("late").connect()?;
    late.subscribe(&topic, QoS::AtLeastOnce)?;
    expect_no_will(stage, &mut late, &topic)
}

fn waits_for_its_delay(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    let client = stage.client("a").keeps_session().will(&will, 2).connect()?;
    let end = Instant::now();
    client.cut();
    watcher.expect_within(&topic, "gone", Duration::from_secs(3) + stage.patience())?;
    // a broker may count in whole seconds
    let waited = end.elapsed();
    require(waited >= Duration::from_secs(1), || {
        format!("the broker publishes the Will after {waited:?} instead of 2 s")
    })
}

fn delay_ends_with_the_session(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    // the Session ends with the connection
    stage.client("a").will(&will, 3600).connect()?.cut();
    watcher.expect(&topic, "gone")?;
    let expiry = Property::SessionExpiryInterval(1);
    let client = stage.client("b").with(expiry).will(&will, 3600);
    client.connect()?.cut();
    watcher.expect_within(&topic, "gone", Duration::from_secs(2) + stage.patience())?;
    Ok(())
}

fn reconnect_cancels_it(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let will = Message::new(&topic, "gone");
    let mut watcher = watcher(stage, &topic)?;
    let client = stage.client("a").keeps_session().will(&will, 2).connect()?;
    let end = Instant::now();
    client.cut();
    let _back = stage.client("a").keeps_session().connect()?;
    if end.elapsed() > Duration::from_secs(1) {
        return Err(Stop::Unclear("the client was not back in time".into()));
    }
    let late = watcher.next_message_within(Duration::from_millis(3500))?;
    require(late.is_none(), || {
        "the broker publishes the Will although the client is back".into()
    })
}

fn user_properties_in_order(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("will");
    let text = |text| Utf8Str::new(text).expect("plain text");
    let properties = [("b", "1"), ("a", "2"), ("b", "3"), ("a", "2")];
    let properties =
        properties.map(|(name, value)| Property::UserProperty(text(name), text(value)));
    let will = Message::new(&topic, "gone").with(&properties);
    let mut watcher = watcher(stage, &topic)?;
    stage.client("a").will(&will, 0).connect()?.cut();
    let message = watcher.expect(&topic, "gone")?;
    let sent = Properties::new(&properties);
    let found = message.properties();
    require(found.user_properties().eq(sent.user_properties()), || {
        format!("the Will has the properties {found:?}")
    })
}
