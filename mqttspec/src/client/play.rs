//! Plays a script, and classifies the reaction of the client.

use std::io;
use std::time::Instant;

use mqtt_wire::monitor::Breach;
use mqtt_wire::{Packet, PacketId, PacketType, QoS, Version};

use super::broker::{Broker, Missing, PROBE_ID, Patience, Record};
use super::connection::{Event, Received};
use super::program::Ended;
use super::scenario::Scenario;

/// A step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Waits for a packet of this type.
    Await(PacketType),
    /// Answers the last packet that was waited for.
    Answer,
    /// Sends a QoS 2 message with this Packet Identifier.
    Message(PacketId),
    /// Sends these bytes.
    Send(Vec<u8>),
}

/// What the broker does on one connection. The last step sends the packet that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub steps: Vec<Step>,
    pub place: Place,
}

/// Where the last packet of a script is. It decides which reaction shows that the client goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Instead of the CONNACK.
    ConnAck,
    /// Instead of the PUBACK, PUBREC, PUBCOMP or UNSUBACK, which this packet of the client follows.
    Answer(PacketType),
    /// While the program waits for messages.
    Listening,
}

/// What the client did after the last packet of a script.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// It closed the connection, after a DISCONNECT with this code.
    Closed { code: Option<u8> },
    /// It went on: what shows it.
    GoesOn(String),
    /// It neither closed the connection nor went on.
    Silent,
    /// It did something before the last packet, after which that could not be sent.
    Unplayable(Missing),
}

/// What happened when a script was played.
pub struct Played {
    pub reaction: Reaction,
    /// The rules that the broker broke, as the client had to see it.
    pub broken_by_broker: Vec<Breach>,
    /// How the program ended, if it did by itself.
    pub ended: Option<Ended>,
    pub record: Record,
}

/// Plays a script with a process of its own. `is_valid` means that the last packet is valid.
pub fn play(
    command: &str,
    version: Version,
    scenario: Scenario,
    script: &Script,
    is_valid: bool,
    patience: Patience,
) -> io::Result<Played> {
    let mut broker = Broker::start(command, version, scenario, patience)?;
    let mut broken_by_broker = Vec::new();
    let reaction = match send(&mut broker, script, &mut broken_by_broker) {
        Ok(()) => react(&mut broker, script, is_valid),
        Err(missing) => Reaction::Unplayable(missing),
    };
    let ended = match reaction {
        Reaction::Closed { .. } => broker
            .program
            .wait(patience.settle.max(patience.start / 20)),
        _ => broker.program.ended(),
    };
    Ok(Played {
        reaction,
        broken_by_broker,
        ended,
        record: broker.finish(),
    })
}

/// Sends all packets, and adds the rules between packets that they break.
fn send(broker: &mut Broker, script: &Script, broken: &mut Vec<Breach>) -> Result<(), Missing> {
    broker.accept()?;
    for step in &script.steps {
        match step {
            Step::Await(packet_type) => {
                broker.expect(*packet_type)?;
            }
            Step::Answer => broker.answer(),
            Step::Message(packet_id) => {
                broker.message(QoS::ExactlyOnce, *packet_id, false, "message");
            }
            Step::Send(bytes) => {
                broken.extend(broker.send(&renumbered(bytes, broker.asked_id())));
            }
        }
    }
    Ok(())
}

/// A packet with the Packet Identifier of the client's packet. The vectors answer packets with
/// identifier 1, and have other identifiers where nothing is to be answered.
fn renumbered(bytes: &[u8], asked: Option<PacketId>) -> Vec<u8> {
    let mut renumbered = bytes.to_vec();
    let is_answer = bytes.first().is_some_and(|it| {
        [4, 5, 7, 9, 11].contains(&(it >> 4)) // PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK
    });
    let length = bytes.iter().skip(1).take_while(|it| **it > 0x7f).count() + 1;
    if let (true, Some(asked)) = (is_answer, asked) {
        if let Some(place) = renumbered.get_mut(1 + length..3 + length) {
            if let [high, low] = *place {
                let id = u16::from_be_bytes([high, low]);
                // 0 is wrong in itself
                if id != 0 {
                    let id = asked.get().wrapping_add(id - 1).max(1);
                    place.copy_from_slice(&id.to_be_bytes());
                }
            }
        }
    }
    renumbered
}

/// Waits for the end of the connection, and then asks the client whether it goes on.
fn react(broker: &mut Broker, script: &Script, is_valid: bool) -> Reaction {
    let patience = broker.patience;
    let mut watch = Watch {
        place: script.place,
        code: None,
        evidence: None,
    };
    // an answer to the packet itself
    let wait = match (is_valid, script.place) {
        (true, Place::Listening) => patience.settle / 10,
        (true, _) => patience.answer,
        (false, _) => patience.settle,
    };
    if let Some(closed) = watch.read(broker, Instant::now() + wait) {
        return closed;
    }
    if watch.evidence.is_none() && !is_valid || script.place == Place::Listening {
        recover(broker, script);
        if let Some(closed) = watch.read(broker, Instant::now() + patience.answer) {
            return closed;
        }
    }
    let Some(evidence) = watch.evidence.take() else {
        return Reaction::Silent;
    };
    if is_valid {
        return Reaction::GoesOn(evidence);
    }
    // a client that closes late has refused the packet, but one that publishes may have finished
    match watch.read_all(broker, Instant::now() + patience.settle) {
        Some(Reaction::Closed { code: None }) if script.place != Place::Listening => {}
        Some(closed) => return closed,
        None => {}
    }
    Reaction::GoesOn(evidence)
}

/// Sends what a good broker sends next.
fn recover(broker: &mut Broker, script: &Script) {
    let judged = match script.steps.last() {
        Some(Step::Send(bytes)) => bytes.first().map_or(0, |it| it >> 4),
        _ => 0,
    };
    match script.place {
        Place::Listening => broker.probe(),
        Place::Answer(_) => broker.answer(),
        Place::ConnAck if judged != PacketType::ConnAck as u8 => broker.accept_last_connect(),
        Place::ConnAck => {}
    }
}

/// Reads what the client sends after the packet that is judged.
struct Watch {
    place: Place,
    code: Option<u8>,
    evidence: Option<String>,
}

impl Watch {
    /// Reads until there is evidence or the connection ends.
    fn read(&mut self, broker: &mut Broker, until: Instant) -> Option<Reaction> {
        self.read_until(broker, until, true)
    }

    /// Reads until the connection ends.
    fn read_all(&mut self, broker: &mut Broker, until: Instant) -> Option<Reaction> {
        self.read_until(broker, until, false)
    }

    fn read_until(&mut self, broker: &mut Broker, until: Instant, stops: bool) -> Option<Reaction> {
        loop {
            match broker.next(until) {
                Event::Packet(it) => {
                    if it.packet_type == PacketType::PingReq {
                        broker.send_packet(Packet::PingResp);
                    }
                    self.code = self.code.or(it.failure);
                    if let Some(evidence) = self.shows(&it) {
                        self.evidence = Some(evidence);
                        if stops {
                            return None;
                        }
                    }
                }
                Event::Closed => return Some(Reaction::Closed { code: self.code }),
                Event::Silence => return None,
            }
        }
    }

    /// Whether a packet shows that the client goes on. It would not have come without the packet
    /// that is judged, or without those after it.
    fn shows(&self, received: &Received) -> Option<String> {
        use PacketType as P;
        let found = received.packet_type;
        let next: &[PacketType] = match self.place {
            Place::ConnAck => &[P::Subscribe, P::Publish, P::Auth],
            Place::Answer(P::Publish) => &[P::PubRel, P::Publish],
            Place::Answer(_) => &[P::Publish],
            Place::Listening => {
                let is_probe = found == P::PubAck && received.packet_id == Some(PROBE_ID);
                return is_probe.then(|| "it acknowledged a message after the packet".into());
            }
        };
        next.contains(&found)
            .then(|| format!("it sent {found} after the packet"))
    }
}
