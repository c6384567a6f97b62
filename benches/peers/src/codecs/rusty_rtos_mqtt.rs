//! `rusty_rtos_mqtt`: a Client of 5.0, so it reads only the packets of a Server. It borrows from
//! the input.
//!
//! It has no packet of any type: the caller matches the type and calls the function of that type.
//! The functions to encode need a validated session, so the bench does not call them.

use rusty_rtos_mqtt::{
    AckInfo, ClientSettings, ConnAck, CursorError, Disconnect, Limits, PacketInfo, PropertyCursor,
    PublishInfo, deserialize_ack, deserialize_connack, deserialize_disconnect, deserialize_publish,
    process_incoming_packet_type_and_length,
};

use crate::fields::{Field, Fields};
use crate::peer::{Peer, Task};
use crate::workload::{Version, Wire};

pub struct V5;

#[derive(Clone)]
pub enum Packet {
    Publish(PublishInfo<'static>),
    Ack(u8, AckInfo<'static>),
    ConnAck(ConnAck<'static>),
    Disconnect(Disconnect<'static>),
}

const LIMITS: Limits = Limits {
    max_packet_size: u32::MAX,
    request_problem_info: true,
};

const CLIENT: ClientSettings = ClientSettings {
    max_packet_size: u32::MAX,
    request_response_info: true,
};

impl Peer for V5 {
    const NAME: &'static str = "rusty_rtos_mqtt";
    const VERSION: Version = Version::V5;
    const TASKS: &'static [Task] = &[Task::Decode];

    type Input = Wire;
    type Packet = Packet;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Packet> {
        let header = process_incoming_packet_type_and_length(input, input.len()).ok()?;
        let (_, rest) = input.split_at_checked(header.header_length)?;
        let (body, rest) = rest.split_at_checked(header.remaining_length as usize)?;
        *input = rest;
        let packet = PacketInfo {
            packet_type: header.packet_type,
            remaining_length: header.remaining_length,
            remaining_data: body,
        };
        let kind = header.packet_type >> 4;
        Some(match kind {
            2 => Packet::ConnAck(deserialize_connack(&packet, &CLIENT).ok()?),
            3 => Packet::Publish(deserialize_publish(&packet, u32::MAX, u16::MAX).ok()?),
            14 => Packet::Disconnect(deserialize_disconnect(&packet, u32::MAX).ok()?),
            _ => Packet::Ack(kind, deserialize_ack(&packet, &LIMITS).ok()?),
        })
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        match packet {
            Packet::Publish(p) => {
                let flags = (p.dup, p.qos as u8, p.retain);
                to.publish(flags, p.topic_name, p.packet_id, p.payload);
                properties(p.properties, to);
            }
            Packet::Ack(kind, p) => {
                to.identified(*kind, p.packet_id.unwrap_or(0));
                for code in p.reason_codes {
                    to.code(*code);
                }
                if p.reason_codes.is_empty() {
                    to.code(0);
                }
            }
            Packet::ConnAck(p) => to.connack(p.session_present, p.reason_code),
            Packet::Disconnect(p) => {
                to.kind(14);
                to.code(p.reason_code.unwrap_or(0));
            }
        }
    }

    fn encode(_: &mut Packet, _: &mut Vec<u8>) -> Option<()> {
        None
    }
}

#[inline(always)]
fn properties<F: Fields>(section: &[u8], to: &mut F) {
    let mut cursor = PropertyCursor::new(section);
    while property(&mut cursor, to).is_ok() {}
}

#[inline(always)]
fn property<F: Fields>(cursor: &mut PropertyCursor, to: &mut F) -> Result<(), CursorError> {
    match cursor.next_type()? {
        0x02 => to.number(Field::MessageExpiry, cursor.message_expiry()?),
        0x03 => to.bytes(Field::ContentType, cursor.content_type()?),
        0x23 => to.number(Field::TopicAlias, cursor.topic_alias()?.into()),
        0x26 => {
            let (name, value) = cursor.user_property()?;
            to.user_property(name, value);
        }
        _ => cursor.skip()?,
    }
    Ok(())
}
