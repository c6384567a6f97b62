//! Plays a script, and classifies the reaction of the broker.

use std::time::{Duration, Instant};

use mqtt_wire::monitor::Breach;
use mqtt_wire::{PacketType, QoS};

use crate::connection::{Connection, Event, Passed};
use crate::script::{self, KeepAlive, Script, Silence, Step};
use crate::subject::{Patience, Subject};

/// What the broker did after the last packet of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// It closed the connection, after this code of a CONNACK or DISCONNECT.
    Closed { code: Option<u8>, reset: bool },
    /// It sent a CONNACK or DISCONNECT with this code, and did not close the connection.
    RefusedOnly { code: u8 },
    /// It answered a PINGREQ that followed. An answer to the packet had the code `declined`.
    GoesOn { declined: Option<u8> },
    /// It neither closed the connection nor answered a PINGREQ that followed.
    Silent,
    /// It did something before the last packet, after which that could not be sent.
    Unplayable(String),
    /// No TCP connection.
    Unreachable(String),
}

/// What happened when a script was played.
#[derive(Debug)]
pub struct Played {
    pub reaction: Reaction,
    /// The rules that the last packet broke, as the broker had to see it.
    pub broken_by_client: Vec<Breach>,
    /// The rules that the broker broke.
    pub breaches: Vec<String>,
    pub exchange: Vec<Passed>,
}

/// Plays a script on a connection of its own.
pub fn play(subject: &Subject, script: &Script, patience: Patience) -> Played {
    let mut connection = match subject.dial(script.version) {
        Ok(connection) => connection,
        Err(error) => {
            return Played {
                reaction: Reaction::Unreachable(error.to_string()),
                broken_by_client: Vec::new(),
                breaches: Vec::new(),
                exchange: Vec::new(),
            };
        }
    };
    let mut broken_by_client = Vec::new();
    let result = send(subject, script, &mut connection, patience);
    let reaction = match result {
        Ok(breaches) => {
            broken_by_client = breaches;
            react(script, &mut connection, patience)
        }
        Err(reason) => Reaction::Unplayable(reason),
    };
    if matches!(reaction, Reaction::GoesOn { .. }) {
        connection.send(b"\xe0\0"); // so that no Will is published
    }
    Played {
        reaction,
        broken_by_client,
        breaches: connection.breaches,
        exchange: connection.exchange,
    }
}

/// Takes all steps, and returns the rules between packets that the last one breaks.
fn send(
    subject: &Subject,
    script: &Script,
    connection: &mut Connection,
    patience: Patience,
) -> Result<Vec<Breach>, String> {
    let client_id = subject.fresh_client_id();
    let is_conversation = script.steps.len() > 1;
    let mut broken = Vec::new();
    let mut awaited: Vec<PacketType> = Vec::new();
    let mut steps = script.steps.iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Send(bytes) => {
                // a CONNECT that is judged keeps its bytes
                let renamed = is_conversation
                    .then(|| script::renamed(bytes, &client_id, subject.login()))
                    .flatten();
                broken = connection.queue(renamed.as_deref().unwrap_or(bytes));
                // together with the next packet: so the broker answers neither before it has both
                if !matches!(steps.peek(), Some(Step::Send(_))) {
                    connection.flush();
                }
            }
            Step::Connect => {
                let connect = script::connect(script.version, &client_id, subject.login());
                connection.send(&connect.unwrap_or_default());
                wait_for(connection, PacketType::ConnAck, 1, patience)?;
            }
            Step::Await(packet_type) => {
                awaited.push(*packet_type);
                let count = awaited.iter().filter(|it| *it == packet_type).count();
                wait_for(connection, *packet_type, count, patience)?;
            }
            Step::Receive { qos, count } => {
                receive(subject, connection, &client_id, (*qos, *count), patience)?;
            }
            Step::Acknowledge { bytes, message } => {
                let message = connection.messages().nth(*message);
                let packet_id = message.and_then(|it| it.packet_id);
                let packet_id = packet_id.ok_or("the message has no Packet Identifier")?;
                broken = connection.send(&script::with_packet_id(bytes, packet_id));
            }
            Step::Silence(silence) => stay_silent(connection, *silence)?,
        }
    }
    Ok(broken)
}

/// Receives messages of another client on a topic that nobody else uses.
fn receive(
    subject: &Subject,
    connection: &mut Connection,
    client_id: &str,
    (qos, count): (QoS, usize),
    patience: Patience,
) -> Result<(), String> {
    let topic = format!("mqttspec/{client_id}");
    let version = connection.version();
    connection.send(&script::subscribe(version, &topic).unwrap_or_default());
    wait_for(connection, PacketType::SubAck, 1, patience)?;
    let connected = subject.connect(version, patience);
    let connected = connected.map_err(|error| format!("another client cannot connect: {error}"))?;
    let mut publisher = connected.map_err(|it| it.reason)?;
    for number in 1..=count {
        let publish = script::publish(version, &topic, qos, number);
        publisher.send(&publish.unwrap_or_default());
        if qos == QoS::ExactlyOnce {
            wait_for(&mut publisher, PacketType::PubRec, number, patience)?;
            let pubrel = script::pubrel(version, number);
            publisher.send(&pubrel.unwrap_or_default());
        }
        wait_for(connection, PacketType::Publish, number, patience)?;
    }
    publisher.send(b"\xe0\0");
    if !publisher.breaches.is_empty() {
        connection.breaches.append(&mut publisher.breaches);
        connection.exchange.append(&mut publisher.exchange);
    }
    match connection.messages().find(|it| it.qos != qos) {
        Some(it) => Err(format!("the broker delivers with {}, not {qos}", it.qos)),
        None => Ok(()),
    }
}

/// Sends nothing, as long as the broker keeps the connection.
fn stay_silent(connection: &mut Connection, silence: Silence) -> Result<(), String> {
    let seconds = match (silence.keep_alive, connection.server_keep_alive()) {
        (KeepAlive::OfClient(seconds), None) => seconds,
        (KeepAlive::OfClient(seconds), Some(same)) if same == seconds => seconds,
        (KeepAlive::OfClient(_), Some(seconds)) => {
            return Err(format!(
                "the broker announces a Server Keep Alive of {seconds} s"
            ));
        }
        (KeepAlive::OfServer, None) => {
            return Err("the broker announces no Server Keep Alive".into());
        }
        (KeepAlive::OfServer, Some(0)) => {
            return Err("the broker turns Keep Alive off".into());
        }
        (KeepAlive::OfServer, Some(seconds)) if seconds > LONGEST_KEEP_ALIVE => {
            return Err(format!(
                "the program does not wait for a Server Keep Alive of {seconds} s"
            ));
        }
        (KeepAlive::OfServer, Some(seconds)) => seconds,
    };
    let period = Duration::from_secs(seconds.into());
    let time = match silence.is_too_long {
        true => period * 3 / 2 + GRACE,
        false => period / 2,
    };
    let until = Instant::now() + time;
    while let Event::Packet(_) = connection.next(until) {}
    Ok(())
}

/// How long after one and a half periods a broker may close the connection. The standard has no
/// limit, and brokers look at their clocks only now and then.
pub const GRACE: Duration = Duration::from_secs(10);

/// In seconds.
const LONGEST_KEEP_ALIVE: u16 = 20;

fn wait_for(
    connection: &mut Connection,
    packet_type: PacketType,
    count: usize,
    patience: Patience,
) -> Result<(), String> {
    let until = Instant::now() + patience.answer;
    while connection.count(packet_type) < count {
        match connection.next(until) {
            Event::Packet(_) => {}
            Event::Closed { .. } => {
                return Err(format!(
                    "the broker closes the connection instead of a {packet_type}"
                ));
            }
            Event::Silence => return Err(format!("the broker does not send a {packet_type}")),
        }
    }
    let received = connection.received.iter();
    let mut refused = received.filter(|it| it.packet_type == PacketType::ConnAck);
    match refused.find_map(|it| it.failure) {
        Some(code) => Err(format!(
            "the broker refuses the CONNECT with code {code:#04x}"
        )),
        None => Ok(()),
    }
}

/// Waits for the end of the connection, and then asks the broker whether it goes on.
fn react(script: &Script, connection: &mut Connection, patience: Patience) -> Reaction {
    // a CONNACK belongs to the last packet if that is the first one
    let seen = match script.steps.len() {
        1 => 0,
        _ => connection.received.len(),
    };
    if let Some(closed) = wait(connection, seen, patience.settle) {
        return closed;
    }
    if refusal(connection, seen).is_none() && !pinged(connection, seen, patience) {
        match refusal(connection, seen) {
            Some(_) => {}
            None => {
                let time = match connection.count(PacketType::ConnAck) {
                    0 => patience.settle + patience.unaccepted,
                    _ => patience.settle,
                };
                return wait(connection, seen, time).unwrap_or(Reaction::Silent);
            }
        }
    }
    if let Some(code) = refusal(connection, seen) {
        let closed = wait(connection, seen, patience.answer);
        return closed.unwrap_or(Reaction::RefusedOnly { code });
    }
    // a broker that closes late has refused the packet
    let closed = wait(connection, seen, patience.settle);
    let answers = connection.received.get(seen..).unwrap_or_default();
    let declined = answers.iter().find_map(|it| it.failure);
    closed.unwrap_or(Reaction::GoesOn { declined })
}

/// Sends a PINGREQ, and waits for its PINGRESP, for a refusal or for the end.
fn pinged(connection: &mut Connection, seen: usize, patience: Patience) -> bool {
    let before = connection.count(PacketType::PingResp);
    connection.send(b"\xc0\0");
    let until = Instant::now() + patience.answer;
    while connection.count(PacketType::PingResp) == before {
        match connection.next(until) {
            Event::Packet(_) if refusal(connection, seen).is_none() => {}
            Event::Packet(_) | Event::Closed { .. } | Event::Silence => return false,
        }
    }
    true
}

/// Reads until the connection ends; `None` if it does not in this time.
fn wait(connection: &mut Connection, seen: usize, time: Duration) -> Option<Reaction> {
    let until = Instant::now() + time;
    loop {
        match connection.next(until) {
            Event::Packet(_) => {}
            Event::Closed { reset } => {
                let code = refusal(connection, seen);
                return Some(Reaction::Closed { code, reset });
            }
            Event::Silence => return None,
        }
    }
}

/// The code of a CONNACK or DISCONNECT that refuses, behind the packets that were seen before.
fn refusal(connection: &Connection, seen: usize) -> Option<u8> {
    let answers = connection.received.get(seen..).unwrap_or_default();
    answers.iter().find_map(|it| match it.packet_type {
        PacketType::ConnAck | PacketType::Disconnect => it.failure,
        _ => None,
    })
}
