//! Rules that a client shows when it connects again.

use std::time::Instant;

use mqtt_wire::{Ack, Connect, Packet, PacketId, PacketType, QoS};

use super::Outcome::{self, Breaks, DoesNotApply, Keeps};
use super::{MESSAGE, answers, connect, is_dup, subscribe, within};
use crate::client::broker::{Broker, Missing, PROBE_ID};
use crate::client::connection::{Event, Received};

/// The Packet Identifier of messages to the client.
const ID: PacketId = PROBE_ID;

pub fn resend_publish(broker: &mut Broker) -> Result<Outcome, Missing> {
    let session = connect(broker)?;
    let first = broker.expect(PacketType::Publish)?;
    if let Some(outcome) = reconnect(broker, session, true)? {
        return Ok(outcome);
    }
    let is_again = |it: &Received| it.packet_type == PacketType::Publish && is_of(it, &first);
    Ok(match find(broker, is_again)? {
        Some(it) if is_dup(&it) => Keeps("it sent the PUBLISH again with DUP 1"),
        Some(_) => Breaks("it sent the PUBLISH again with DUP 0".into()),
        None => Breaks("it did not send the PUBLISH with its identifier again".into()),
    })
}

pub fn resend_pubrel(broker: &mut Broker) -> Result<Outcome, Missing> {
    let session = connect(broker)?;
    broker.expect(PacketType::Publish)?;
    broker.answer();
    let first = broker.expect(PacketType::PubRel)?;
    if let Some(outcome) = reconnect(broker, session, true)? {
        return Ok(outcome);
    }
    Ok(match find(broker, |it| is_of(it, &first))? {
        Some(it) if it.packet_type == PacketType::PubRel => Keeps("it sent the PUBREL again"),
        Some(it) => Breaks(format!("it sent {} again after its PUBREL", it.packet_type)),
        None => Breaks("it did not send the PUBREL again".into()),
    })
}

pub fn session_lost(broker: &mut Broker) -> Result<Outcome, Missing> {
    let session = connect(broker)?;
    broker.expect(PacketType::Publish)?;
    broker.answer();
    let first = broker.expect(PacketType::PubRel)?;
    if let Some(outcome) = reconnect(broker, session, false)? {
        return Ok(outcome);
    }
    let is_release = |it: &Received| it.packet_type == PacketType::PubRel && is_of(it, &first);
    Ok(match find(broker, is_release) {
        Ok(Some(_)) => Breaks("it sent a PUBREL of the old Session".into()),
        _ => Keeps("it sent no PUBREL of the old Session"),
    })
}

pub fn order_of_resent(broker: &mut Broker) -> Result<Outcome, Missing> {
    let session = connect(broker)?;
    let mut ids = Vec::new();
    while ids.len() < 5 && answers(broker, PacketType::Publish)? {
        ids.extend(broker.asked_id());
    }
    if let Some(outcome) = reconnect(broker, session, true)? {
        return Ok(outcome);
    }
    let mut again = Vec::new();
    while let Some(packet) = within(broker, broker.patience.answer) {
        again.extend(packet.packet_id.filter(|it| ids.contains(it)));
        broker.answer_to(&packet);
        if again.len() == ids.len() {
            break;
        }
    }
    if again.len() < 2 {
        let reason = format!("it sent {} PUBLISHes again", again.len());
        return Ok(DoesNotApply(reason));
    }
    ids.retain(|it| again.contains(it));
    Ok(match again == ids {
        true => Keeps("it sent its PUBLISHes again in their order"),
        false => Breaks("it sent its PUBLISHes again in another order".into()),
    })
}

pub fn repeated(broker: &mut Broker) -> Result<Outcome, Missing> {
    if let Some(outcome) = receive_and_reconnect(broker)? {
        return Ok(outcome);
    }
    broker.message(QoS::ExactlyOnce, ID, true, MESSAGE);
    if find(broker, |it| it.packet_type == PacketType::PubRec)?.is_none() {
        return Ok(Breaks("it sent no PUBREC for the repeated message".into()));
    }
    release(broker)
}

pub fn released(broker: &mut Broker) -> Result<Outcome, Missing> {
    match receive_and_reconnect(broker)? {
        Some(outcome) => Ok(outcome),
        None => release(broker),
    }
}

/// Sends a QoS 2 message, and loses the connection after the PUBREC.
fn receive_and_reconnect(broker: &mut Broker) -> Result<Option<Outcome>, Missing> {
    let session = connect(broker)?;
    subscribe(broker)?;
    broker.message(QoS::ExactlyOnce, ID, false, MESSAGE);
    broker.expect(PacketType::PubRec)?;
    reconnect(broker, session, true)
}

fn release(broker: &mut Broker) -> Result<Outcome, Missing> {
    broker.send_packet(Packet::PubRel(Ack::new(ID)));
    let is_completed = find(broker, |it| it.packet_type == PacketType::PubComp)?.is_some();
    // the program prints the message before it ends
    broker.send_end();
    broker.program.wait(broker.patience.answer);
    Ok(match is_completed {
        true => Keeps("it completed the message"),
        false => Breaks("it sent no PUBCOMP".into()),
    })
}

fn is_of(packet: &Received, first: &Received) -> bool {
    packet.packet_id.is_some() && packet.packet_id == first.packet_id
}

/// Loses the connection and accepts the next one, with Session Present or without.
fn reconnect(
    broker: &mut Broker,
    session_expiry_interval: u32,
    session_present: bool,
) -> Result<Option<Outcome>, Missing> {
    broker.close();
    if session_expiry_interval == 0 {
        let reason = "the Session of the program ends with the connection";
        return Ok(Some(DoesNotApply(reason.into())));
    }
    if let Err(missing) = broker.accept() {
        return Ok(Some(DoesNotApply(missing.to_string())));
    }
    broker.session_present = session_present;
    let connect = broker.expect(PacketType::Connect)?;
    if Connect::decode(&connect.bytes).is_ok_and(|it| it.clean_start) {
        let reason = "the program asks for a new Session when it connects again";
        return Ok(Some(DoesNotApply(reason.into())));
    }
    // a client may send before it knows that there is no Session
    if !session_present && within(broker, broker.patience.settle).is_some() {
        let reason = "the program sends packets before the CONNACK";
        return Ok(Some(DoesNotApply(reason.into())));
    }
    broker.answer();
    Ok(None)
}

/// Waits for a packet, and answers others; `None` if it does not come. An error if the client closes the connection.
fn find(
    broker: &mut Broker,
    is_wanted: impl Fn(&Received) -> bool,
) -> Result<Option<Received>, Missing> {
    let until = Instant::now() + broker.patience.answer;
    loop {
        match broker.next(until) {
            Event::Packet(it) if is_wanted(&it) => return Ok(Some(it)),
            // a program may subscribe again
            Event::Packet(it) => broker.answer_to(&it),
            Event::Closed => {
                let text = "the client closes the connection after its reconnect";
                return Err(Missing::Closed(text.into()));
            }
            Event::Silence => return Ok(None),
        }
    }
}
