//! Sessions: Session Present, what a Session keeps, its end, and take-over.

use std::thread::sleep;
use std::time::Duration;

use mqtt_wire::{Property, QoS, ReasonCode};

use super::form::Scenario;
use crate::stage::{Client, Message, Outcome, Stage, Stop, require};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "session/is-continued",
        comment: "A client that comes back finds its Session, with its subscriptions.",
        shows: &[
            "v3.1.1 MQTT-3.1.2-4",
            "v3.1.1 MQTT-3.2.2-2",
            "v3.1.1 MQTT-3.1.4-3",
            "v3.1.1 MQTT-4.1.0-1",
            "v5.0 MQTT-3.1.2-5",
            "v5.0 MQTT-3.1.2-23",
            "v5.0 MQTT-3.1.4-4",
            "v5.0 MQTT-3.2.2-3",
        ],
        play: is_continued,
    },
    Scenario {
        name: "session/messages-wait",
        comment: "Messages of QoS 1 and 2 that arrive while the client is away wait for it.",
        shows: &[
            "v3.1.1 MQTT-3.1.2-5",
            "v3.1.1 MQTT-4.5.0-1",
            "v5.0 MQTT-4.5.0-1",
        ],
        play: messages_wait,
    },
    Scenario {
        name: "session/new-one",
        comment: "A client without a Session gets CONNACK 0 with Session Present 0.",
        shows: &[
            "v3.1.1 MQTT-3.2.2-3",
            "v3.1.1 MQTT-3.1.4-4",
            "v5.0 MQTT-3.1.2-6",
            "v5.0 MQTT-3.1.4-5",
        ],
        play: new_one,
    },
    Scenario {
        name: "session/clean-start-discards-the-old-one",
        comment: "With Clean Start the old Session ends, with its subscriptions and its messages.",
        shows: &["v3.1.1 MQTT-3.1.2-6", "v5.0 MQTT-3.1.2-4"],
        play: clean_start_discards_the_old_one,
    },
    Scenario {
        name: "session/ends-with-its-connection",
        comment: "A Session that is not kept ends with its connection.",
        shows: &["v3.1.1 MQTT-3.1.2-6", "v5.0 MQTT-4.1.0-2"],
        play: ends_with_its_connection,
    },
    Scenario {
        name: "session/expires",
        comment: "A Session ends when its Session Expiry Interval has passed.",
        shows: &["v5.0 MQTT-4.1.0-2"],
        play: expires,
    },
    Scenario {
        name: "session/lasts-while-connected",
        comment: "A Session lasts as long as its connection, however short its expiry is.",
        shows: &["v3.1.1 MQTT-4.1.0-2", "v5.0 MQTT-4.1.0-1"],
        play: lasts_while_connected,
    },
    Scenario {
        name: "session/belongs-to-its-identifier",
        comment: "The client identifier decides which Session a client continues.",
        shows: &["v3.1.1 MQTT-3.1.3-2", "v5.0 MQTT-3.1.3-2"],
        play: belongs_to_its_identifier,
    },
    Scenario {
        name: "session/take-over",
        comment: "A second connection of a client ends the first one.",
        shows: &["v3.1.1 MQTT-3.1.4-2", "v5.0 MQTT-3.1.4-3"],
        play: take_over,
    },
];

/// The client `a`, with a Session that is kept and a subscription, has come and gone.
fn leave_session(stage: &Stage<'_>, topic: &str, qos: QoS) -> Outcome {
    let mut client = stage.client("a").keeps_session().connect()?;
    client.subscribe(topic, qos)?;
    client.disconnect()
}

fn publish(stage: &Stage<'_>, message: &Message) -> Outcome {
    stage.client("p").connect()?.publish(message)
}

fn require_session(client: &Client<'_>, expected: bool) -> Outcome {
    let found = client.session_present();
    require(found == expected, || {
        format!("the CONNACK has Session Present {}", u8::from(found))
    })
}

fn is_continued(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    leave_session(stage, &topic, QoS::AtLeastOnce)?;
    let mut client = stage.client("a").keeps_session().connect()?;
    require_session(&client, true)?;
    publish(stage, &Message::new(&topic, "news"))?;
    client.expect(&topic, "news")?;
    Ok(())
}

fn messages_wait(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    leave_session(stage, &topic, QoS::ExactlyOnce)?;
    publish(stage, &Message::new(&topic, "one"))?;
    publish(stage, &Message::new(&topic, "two").qos(QoS::ExactlyOnce))?;
    let mut client = stage.client("a").keeps_session().connect()?;
    // there is no order between QoS 1 and 2
    let mut found = [client.next_message()?.text(), client.next_message()?.text()];
    found.sort();
    require(found == ["one", "two"], || {
        format!("the messages {found:?} come instead of \"one\" and \"two\"")
    })
}

fn new_one(stage: &Stage<'_>) -> Outcome {
    let client = stage.client("a").keeps_session().open()?;
    let code = client.connack().map(|it| it.reason_code);
    match code {
        Some(ReasonCode::Success) => require_session(&client, false),
        Some(code) => Err(Stop::Unsupported(format!(
            "the broker refuses a plain CONNECT: {code}"
        ))),
        None => Err(Stop::Unclear("there is no CONNACK".into())),
    }
}

fn clean_start_discards_the_old_one(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    leave_session(stage, &topic, QoS::AtLeastOnce)?;
    publish(stage, &Message::new(&topic, "waiting"))?;
    let mut client = stage.client("a").connect()?;
    require_session(&client, false)?;
    let marker = stage.topic("marker");
    client.subscribe(&marker, QoS::AtLeastOnce)?;
    publish(stage, &Message::new(&topic, "news"))?;
    publish(stage, &Message::new(&marker, "marker"))?;
    let before = client.messages_before("marker")?;
    require(before.is_empty(), || {
        format!(
            "the client gets \"{}\" of its old Session",
            before[0].text()
        )
    })
}

fn ends_with_its_connection(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut client = stage.client("a").connect()?;
    client.subscribe(&topic, QoS::AtLeastOnce)?;
    client.disconnect()?;
    require_session(&stage.client("a").clean_start(false).connect()?, false)
}

fn expires(stage: &Stage<'_>) -> Outcome {
    let expiry = Property::SessionExpiryInterval(1);
    let client = stage
        .client("a")
        .clean_start(false)
        .with(expiry)
        .connect()?;
    let granted = client.connack().and_then(|it| it.session_expiry_interval());
    if granted.is_some_and(|it| it > 1) {
        let reason = "the broker gives the Session a longer expiry";
        return Err(Stop::Unsupported(reason.into()));
    }
    client.disconnect()?;
    // a broker may count in whole seconds
    sleep(Duration::from_secs(3));
    require_session(&stage.client("a").clean_start(false).connect()?, false)
}

fn lasts_while_connected(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    let mut client = stage.client("a").connect()?;
    client.subscribe(&topic, QoS::AtLeastOnce)?;
    sleep(Duration::from_millis(1500));
    publish(stage, &Message::new(&topic, "news"))?;
    client.expect(&topic, "news")?;
    Ok(())
}

fn belongs_to_its_identifier(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("t");
    leave_session(stage, &topic, QoS::AtLeastOnce)?;
    let other = stage.client("b").keeps_session().connect()?;
    require_session(&other, false)?;
    other.disconnect()?;
    require_session(&stage.client("a").keeps_session().connect()?, true)
}

fn take_over(stage: &Stage<'_>) -> Outcome {
    let mut old = stage.client("a").connect()?;
    let _new = stage.client("a").connect()?;
    match old.closed_within(stage.patience()) {
        None => {
            old.ping()?;
            let reason = "the older connection still gets a PINGRESP";
            Err(Stop::Missing(reason.into()))
        }
        Some(None) if stage.is_v5() => {
            let reason = "the broker closes the older connection without a DISCONNECT";
            Err(Stop::NonStrict(reason.into()))
        }
        Some(Some(code)) if code != ReasonCode::SessionTakenOver => Err(Stop::NonStrict(format!(
            "the broker sends the older connection a DISCONNECT with {code}"
        ))),
        Some(_) => Ok(()),
    }
}
