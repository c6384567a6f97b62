//! `mqtt5-protocol`: 5.0 and 3.1.1. It copies strings, shares the buffer for payloads, and keeps
//! properties in a hash map.
//!
//! `decode_from_body_with_version` is its one function to decode any packet. To encode, the caller
//! chooses the `MqttPacket::encode` of the packet type; for PUBLISH the bench calls
//! `encode_body_direct`, which saves an intermediate vector.

use bytes::BytesMut;
use mqtt5_protocol::packet::pingreq::PingReqPacket;
use mqtt5_protocol::packet::{FixedHeader, MqttPacket, Packet};
use mqtt5_protocol::{Properties, PropertyId, PropertyValue};

use crate::fields::{Field, Fields};
use crate::peer::Peer;
use crate::workload::Version;

pub struct Level<const LEVEL: u8>;

impl<const LEVEL: u8> Peer for Level<LEVEL> {
    const NAME: &'static str = "mqtt5-protocol";
    const VERSION: Version = if LEVEL == 5 { Version::V5 } else { Version::V4 };

    type Input = BytesMut;
    type Packet = Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        let header = FixedHeader::decode(input).ok()?;
        let mut body = input.split_to(header.remaining_length as usize).freeze();
        Packet::decode_from_body_with_version(header.packet_type, &header, &mut body, LEVEL).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        match packet {
            Packet::Connect(p) => {
                to.connect(p.clean_start, p.keep_alive, &p.client_id);
                properties(&p.properties, to);
                if let Some(w) = &p.will {
                    to.will(w.qos as u8, w.retain, &w.topic, &w.payload);
                    properties(&p.will_properties, to);
                }
                to.login(p.username.as_ref(), p.password.as_ref());
            }
            Packet::ConnAck(p) => to.connack(p.session_present, p.reason_code.into()),
            Packet::Publish(p) => {
                to.publish(
                    (p.dup, p.qos as u8, p.retain),
                    &p.topic_name,
                    p.packet_id,
                    &p.payload,
                );
                properties(&p.properties, to);
            }
            Packet::PubAck(p) => {
                to.identified(4, p.packet_id);
                if LEVEL == 5 {
                    to.code(p.reason_code.into());
                }
            }
            Packet::Subscribe(p) => {
                to.identified(8, p.packet_id);
                for filter in &p.filters {
                    to.filter(&filter.filter, filter.options.encode());
                }
            }
            Packet::SubAck(p) => {
                to.identified(9, p.packet_id);
                for code in &p.reason_codes {
                    to.code(*code as u8);
                }
            }
            Packet::PingReq => to.kind(12),
            Packet::Disconnect(p) => {
                to.kind(14);
                if LEVEL == 5 {
                    to.code(p.reason_code.into());
                }
            }
            _ => (),
        }
    }

    fn encode(packet: &mut Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        let done = match packet {
            Packet::Connect(p) => p.encode(out),
            Packet::ConnAck(p) => p.encode(out),
            Packet::Publish(p) => {
                let length = p.body_encoded_size() as u32;
                let header = FixedHeader::new(p.packet_type(), p.flags(), length);
                header.encode(out).and_then(|()| p.encode_body_direct(out))
            }
            Packet::PubAck(p) => p.encode(out),
            Packet::Subscribe(p) => p.encode(out),
            Packet::SubAck(p) => p.encode(out),
            Packet::PingReq => PingReqPacket::default().encode(out),
            Packet::Disconnect(p) => p.encode(out),
            _ => return None,
        };
        done.ok()
    }
}

fn properties(properties: &Properties, to: &mut impl Fields) {
    for (id, value) in properties.iter() {
        let field = match id {
            PropertyId::SessionExpiryInterval => Field::SessionExpiry,
            PropertyId::ReceiveMaximum => Field::ReceiveMaximum,
            PropertyId::WillDelayInterval => Field::WillDelay,
            PropertyId::MessageExpiryInterval => Field::MessageExpiry,
            PropertyId::TopicAlias => Field::TopicAlias,
            PropertyId::ContentType => Field::ContentType,
            _ => Field::PropertyName,
        };
        match value {
            PropertyValue::TwoByteInteger(number) => to.number(field, (*number).into()),
            PropertyValue::FourByteInteger(number) => to.number(field, *number),
            PropertyValue::Utf8String(text) => to.bytes(field, text),
            PropertyValue::Utf8StringPair(name, value) => to.user_property(name, value),
            _ => (),
        }
    }
}
