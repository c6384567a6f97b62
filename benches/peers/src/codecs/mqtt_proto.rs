//! `mqtt-proto`: 3.1.1 and 5.0. It copies everything and checks topics.
//!
//! `Packet::decode` reads each byte through an async reader and does not return the length of the
//! packet. Its stream decoder calls `PollHeader::decode_buffer` for a whole packet, which reads the
//! slice directly. The bench calls that too, on frames found by the caller. `Packet::encode`
//! allocates a vector for each packet; that vector is the output, without another copy.

use mqtt_proto::{PollHeader, QosPid, VarBytes, v3, v5};

use crate::fields::{Field, Fields, options};
use crate::peer::{Frame, Peer, Verdict, frame};
use crate::workload::{Version, Wire};

pub struct V4;
pub struct V5;

#[inline(always)]
fn decode<H: PollHeader>(frame: Frame) -> Option<H::Packet> {
    let Frame { first, body, whole } = frame;
    let header = H::new_with(first, body.len() as u32, whole.len() as u32).ok()?;
    match header.build_empty_packet() {
        None => header.decode_buffer(body, &mut 0).ok(),
        empty => empty,
    }
}

fn put(bytes: VarBytes, out: &mut Vec<u8>) {
    match bytes {
        VarBytes::Dynamic(bytes) => *out = bytes,
        VarBytes::Fixed2(bytes) => bytes.as_slice().clone_into(out),
        VarBytes::Fixed4(bytes) => bytes.as_slice().clone_into(out),
    }
}

fn flags(dup: bool, qos: QosPid, retain: bool) -> (bool, u8, bool) {
    (dup, qos.qos() as u8, retain)
}

fn id(qos: QosPid) -> Option<u16> {
    qos.pid().map(|id| id.value())
}

impl Peer for V4 {
    const NAME: &'static str = "mqtt-proto";
    const VERSION: Version = Version::V4;

    type Input = Wire;
    type Packet = v3::Packet;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        decode::<v3::Header>(frame(input)?)
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v3::Packet, to: &mut F) {
        match packet {
            v3::Packet::Connect(p) => {
                to.connect(p.clean_session, p.keep_alive, p.client_id.as_bytes());
                if let Some(w) = &p.last_will {
                    to.will(w.qos as u8, w.retain, w.topic_name.as_bytes(), &w.message);
                }
                to.login(p.username.as_deref(), p.password.as_ref());
            }
            v3::Packet::Connack(p) => to.connack(p.session_present, p.code as u8),
            v3::Packet::Publish(p) => {
                let flags = flags(p.dup, p.qos_pid, p.retain);
                to.publish(flags, p.topic_name.as_bytes(), id(p.qos_pid), &p.payload);
            }
            v3::Packet::Puback(id) => to.identified(4, id.value()),
            v3::Packet::Subscribe(p) => {
                to.identified(8, p.pid.value());
                for (filter, qos) in &p.topics {
                    to.filter(filter.as_bytes(), *qos as u8);
                }
            }
            v3::Packet::Suback(p) => {
                to.identified(9, p.pid.value());
                for code in &p.topics {
                    to.code(match code {
                        v3::SubscribeReturnCode::Failure => 0x80,
                        code => *code as u8,
                    });
                }
            }
            v3::Packet::Pingreq => to.kind(12),
            v3::Packet::Disconnect => to.kind(14),
            _ => (),
        }
    }

    fn encode(packet: &mut v3::Packet, out: &mut Vec<u8>) -> Option<()> {
        packet.encode().ok().map(|bytes| put(bytes, out))
    }

    fn verdict(bytes: Wire) -> Verdict {
        match v3::Packet::decode(bytes) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

impl Peer for V5 {
    const NAME: &'static str = "mqtt-proto";
    const VERSION: Version = Version::V5;

    type Input = Wire;
    type Packet = v5::Packet;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        decode::<v5::Header>(frame(input)?)
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v5::Packet, to: &mut F) {
        match packet {
            v5::Packet::Connect(p) => {
                to.connect(p.clean_start, p.keep_alive, p.client_id.as_bytes());
                to.optional(Field::SessionExpiry, p.properties.session_expiry_interval);
                to.optional(Field::ReceiveMaximum, p.properties.receive_max);
                for property in &p.properties.user_properties {
                    to.user_property(property.name.as_bytes(), property.value.as_bytes());
                }
                if let Some(w) = &p.last_will {
                    to.will(w.qos as u8, w.retain, w.topic_name.as_bytes(), &w.payload);
                    to.optional(Field::WillDelay, w.properties.delay_interval);
                }
                to.login(p.username.as_deref(), p.password.as_ref());
            }
            v5::Packet::Connack(p) => to.connack(p.session_present, p.reason_code as u8),
            v5::Packet::Publish(p) => {
                let flags = flags(p.dup, p.qos_pid, p.retain);
                to.publish(flags, p.topic_name.as_bytes(), id(p.qos_pid), &p.payload);
                to.optional(Field::MessageExpiry, p.properties.message_expiry_interval);
                to.optional(Field::TopicAlias, p.properties.topic_alias);
                if let Some(content) = &p.properties.content_type {
                    to.bytes(Field::ContentType, content.as_bytes());
                }
                for property in &p.properties.user_properties {
                    to.user_property(property.name.as_bytes(), property.value.as_bytes());
                }
            }
            v5::Packet::Puback(p) => {
                to.identified(4, p.pid.value());
                to.code(p.reason_code as u8);
            }
            v5::Packet::Subscribe(p) => {
                to.identified(8, p.pid.value());
                for (filter, o) in &p.topics {
                    let handling = o.retain_handling as u8;
                    let options =
                        options(o.max_qos as u8, o.no_local, o.retain_as_published, handling);
                    to.filter(filter.as_bytes(), options);
                }
            }
            v5::Packet::Suback(p) => {
                to.identified(9, p.pid.value());
                for code in &p.topics {
                    to.code(*code as u8);
                }
            }
            v5::Packet::Pingreq => to.kind(12),
            v5::Packet::Disconnect(p) => {
                to.kind(14);
                to.code(p.reason_code as u8);
            }
            _ => (),
        }
    }

    fn encode(packet: &mut v5::Packet, out: &mut Vec<u8>) -> Option<()> {
        packet.encode().ok().map(|bytes| put(bytes, out))
    }

    fn verdict(bytes: Wire) -> Verdict {
        match v5::Packet::decode(bytes) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}
