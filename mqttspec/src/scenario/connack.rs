//! CONNACK: assigned identifiers, capabilities, and what a client asks for.

use mqtt_wire::{
    Delivery, Packet, PacketId, PacketType, Property, Publish, QoS, ReasonCode, TopicName, Utf8Str,
};

use super::form::Scenario;
use crate::stage::{Client, Outcome, Stage, Stop, require, subscription};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "connack/identifiers-differ",
        comment: "Clients without identifier get identifiers that no other client has.",
        shows: &[
            "v3.1.1 MQTT-3.1.3-6",
            "v5.0 MQTT-3.1.3-6",
            "v5.0 MQTT-3.2.2-16",
        ],
        play: identifiers_differ,
    },
    Scenario {
        name: "connack/assigned-identifier",
        comment: "The CONNACK has the identifier that the broker assigned. It names the Session.",
        shows: &[
            "v5.0 MQTT-3.1.3-7",
            "v5.0 MQTT-3.1.3-6",
            "v5.0 MQTT-3.1.3-2",
        ],
        play: assigned_identifier,
    },
    Scenario {
        name: "connack/plain-identifiers",
        comment: "The broker accepts client identifiers of 1 to 23 letters and digits.",
        shows: &["v3.1.1 MQTT-3.1.3-5", "v5.0 MQTT-3.1.3-5"],
        play: plain_identifiers,
    },
    Scenario {
        name: "connack/response-information",
        comment: "The broker sends Response Information only on request.",
        shows: &["v5.0 MQTT-3.1.2-28"],
        play: response_information,
    },
    Scenario {
        name: "connack/unknown-method",
        comment: "A broker that does not know the Authentication Method closes the connection.",
        shows: &[
            "v5.0 MQTT-4.12.0-1",
            "v5.0 MQTT-4.12.0-4",
            "v5.0 MQTT-4.12.0-5",
        ],
        play: unknown_method,
    },
    Scenario {
        name: "connack/no-method",
        comment: "Without an Authentication Method the broker sends no AUTH and names no method.",
        shows: &["v5.0 MQTT-4.12.0-6"],
        play: no_method,
    },
    Scenario {
        name: "connack/maximum-qos",
        comment: "A broker without QoS 2 announces its Maximum QoS.",
        shows: &["v5.0 MQTT-3.2.2-9"],
        play: maximum_qos,
    },
    Scenario {
        name: "connack/maximum-qos-and-subscribe",
        comment: "A broker with a Maximum QoS accepts subscriptions with a higher one.",
        shows: &["v5.0 MQTT-3.2.2-10"],
        play: maximum_qos_and_subscribe,
    },
];

/// A broker that gives both clients the same identifier disconnects the first one.
fn identifiers_differ(stage: &Stage<'_>) -> Outcome {
    let client = |name| {
        let client = stage.client(name).without_identifier().open()?;
        match client.connack().map(|it| it.reason_code) {
            Some(code) if code.is_failure() => Err(Stop::Unsupported(format!(
                "the broker refuses an empty client identifier: {code}"
            ))),
            _ => Ok(client),
        }
    };
    let (mut first, mut second) = (client("a")?, client("b")?);
    if stage.is_v5() {
        let (one, two) = (assigned(&first), assigned(&second));
        require(one.is_some() && one != two, || {
            format!("the assigned identifiers are {one:?} and {two:?}")
        })?;
    }
    second.ping()?;
    let end = first.closed_within(stage.patience() / 4);
    if end.is_some() {
        let reason = "the broker closes the first connection when the second client connects";
        return Err(Stop::Missing(reason.into()));
    }
    first.ping()?;
    second.ping()
}

fn assigned(client: &Client<'_>) -> Option<String> {
    let connack = client.connack()?;
    let id = connack.assigned_client_identifier()?;
    Some(id.as_str().to_owned())
}

fn assigned_identifier(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("session");
    let first = stage.client("a").keeps_session().without_identifier();
    let mut first = first.open()?;
    match first.connack().map(|it| it.reason_code) {
        Some(code) if code.is_failure() => {
            return Err(Stop::Unsupported(format!(
                "the broker refuses an empty client identifier: {code}"
            )));
        }
        _ => {}
    }
    let Some(id) = assigned(&first) else {
        return Err(Stop::Breach(
            "the CONNACK has no Assigned Client Identifier".into(),
        ));
    };
    if first.connack().and_then(|it| it.session_expiry_interval()) == Some(0) {
        return Err(Stop::Unsupported("the broker keeps no Session".into()));
    }
    first.subscribe(&topic, QoS::AtLeastOnce)?;
    first.disconnect()?;
    let second = stage.client("a").keeps_session().identified_by(&id);
    let second = second.connect()?;
    require(second.session_present(), || {
        format!("the Session of the identifier {id} is not there after a reconnect")
    })
}

fn plain_identifiers(stage: &Stage<'_>) -> Outcome {
    for id in [
        "0123456789abcdefghijklm",
        "nopqrstuvwxyzABCDEFGHIJ",
        "KLMNOPQRSTUVWXYZ0123456",
        "Z",
    ] {
        let client = stage.client("c").identified_by(id).open()?;
        let code = client.connack().map(|it| it.reason_code);
        require(code != Some(ReasonCode::ClientIdentifierNotValid), || {
            format!("the broker refuses the client identifier {id}")
        })?;
    }
    Ok(())
}

fn response_information(stage: &Stage<'_>) -> Outcome {
    for request in [None, Some(false), Some(true)] {
        let client = stage.client("c");
        let client = match request {
            None => client.connect()?,
            Some(wanted) => client
                .with(Property::RequestResponseInformation(wanted))
                .connect()?,
        };
        let connack = client.connack();
        let has_it = connack.is_some_and(|it| it.response_information().is_some());
        require(request == Some(true) || !has_it, || {
            "the CONNACK has Response Information that the client did not request".into()
        })?;
    }
    Ok(())
}

fn unknown_method(stage: &Stage<'_>) -> Outcome {
    let method = Utf8Str::new("mqttspec-unknown").map_err(|it| Stop::Unclear(it.to_string()))?;
    let client = stage
        .client("c")
        .with(Property::AuthenticationMethod(method));
    let mut client = client.dial()?;
    match client.closed_within(stage.patience()) {
        Some(_) => Ok(()),
        None if client.received(PacketType::Auth) => Err(Stop::Open(
            "the broker begins an exchange with the method".into(),
        )),
        None => Err(Stop::Missing(
            "the broker does not close the connection of a client with an unknown method".into(),
        )),
    }
}

fn no_method(stage: &Stage<'_>) -> Outcome {
    let mut client = stage.client("c").connect()?;
    let connack = client.connack();
    let method = connack.and_then(|it| it.authentication_method());
    require(method.is_none(), || {
        "the CONNACK has an Authentication Method".into()
    })?;
    client.ping()?;
    require(!client.received(PacketType::Auth), || {
        "the broker sends an AUTH".into()
    })
}

fn maximum_qos(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("qos2");
    let mut client = stage.client("c").connect()?;
    if client
        .connack()
        .is_some_and(|it| it.maximum_qos() < QoS::ExactlyOnce)
    {
        return Ok(());
    }
    let topic = TopicName::new(&topic).map_err(|it| Stop::Unclear(it.to_string()))?;
    client.send(Publish {
        delivery: Delivery::new(QoS::ExactlyOnce, PacketId::MIN),
        ..Publish::new(topic, b"m")
    })?;
    match client.first_of(&[PacketType::PubRec, PacketType::Disconnect])? {
        Some(incoming) => {
            let refusal = match incoming.packet() {
                Some(Packet::Disconnect(it)) => Some(it.reason_code),
                _ => None,
            };
            require(refusal != Some(ReasonCode::QosNotSupported), || {
                "the CONNACK has no Maximum QoS, and the broker does not support QoS 2".into()
            })?;
            match refusal {
                Some(code) => Err(Stop::Unsupported(format!(
                    "the broker refuses QoS 2: {code}"
                ))),
                None => Ok(()),
            }
        }
        None => Err(Stop::Unclear(
            "the broker does not answer a PUBLISH of QoS 2".into(),
        )),
    }
}

fn maximum_qos_and_subscribe(stage: &Stage<'_>) -> Outcome {
    let topic = stage.topic("qos2");
    let mut client = stage.client("c").connect()?;
    let maximum = client
        .connack()
        .map_or(QoS::ExactlyOnce, |it| it.maximum_qos());
    if maximum == QoS::ExactlyOnce {
        return Err(Stop::Unsupported(
            "the broker has no Maximum QoS below 2".into(),
        ));
    }
    let subscriptions = [subscription(&topic, QoS::ExactlyOnce)?];
    let codes = client.subscribe_to(&subscriptions, &[])?;
    match codes.iter().find(|it| it.is_failure()) {
        Some(code) => require(*code == ReasonCode::NotAuthorized, || {
            format!("the Maximum QoS is {maximum}, and a SUBSCRIBE with QoS 2 is refused: {code}")
        }),
        None => Ok(()),
    }
}
