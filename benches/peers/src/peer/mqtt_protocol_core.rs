//! `mqtt-protocol-core`: v3.1.1 and v5.0, each string copied as it is on the
//! wire, payloads sharing one counted copy of the packet.
//!
//! The `parse` of each kind, on frames found by the caller, without the state
//! machine of `Connection` that calls them. Of its two ways to encode, the one
//! faster on the mixed stream: for v3.1.1 `to_buffers`, gathered into one
//! buffer, for v5.0 `to_continuous_buffer`.

use mqtt_protocol_core::mqtt::Arc;
use mqtt_protocol_core::mqtt::packet::{
    GenericPacketTrait, Packet, Property, v3_1_1 as v4, v5_0 as v5,
};

use super::{Frame, Peer, frame};
use crate::fields::{Field, Fields};
use crate::workload::{Version, Wire};

pub struct V4;
pub struct V5;

/// Reads the packet that the number of its kind says.
macro_rules! parse {
    ($input:ident, $show:ident, $publish:ident $v:ident, $($kind:literal $variant:ident $type:ident,)*) => {{
        let Frame { first, body, .. } = frame($input)?;
        let packet = match first >> 4 {
            3 => Packet::$publish($v::Publish::parse(first & 15, Arc::from(body)).ok()?.0),
            $($kind => Packet::$variant($v::$type::parse(body).ok()?.0),)*
            _ => return None,
        };
        $show(&packet);
        Some(())
    }};
}

fn properties(properties: &[Property], to: &mut impl Fields) {
    for property in properties {
        match property {
            Property::SessionExpiryInterval(p) => to.number(Field::SessionExpiry, p.val()),
            Property::ReceiveMaximum(p) => to.number(Field::ReceiveMaximum, p.val().into()),
            Property::WillDelayInterval(p) => to.number(Field::WillDelay, p.val()),
            Property::MessageExpiryInterval(p) => to.number(Field::MessageExpiry, p.val()),
            Property::TopicAlias(p) => to.number(Field::TopicAlias, p.val().into()),
            Property::ContentType(p) => to.bytes(Field::ContentType, p.val()),
            Property::UserProperty(p) => to.user_property(p.key(), p.val()),
            _ => (),
        }
    }
}

/// CONNECT has the same getters in both versions, but for the properties.
macro_rules! connect {
    ($p:ident, $to:ident) => {
        $to.connect($p.clean_start(), $p.keep_alive(), $p.client_id());
        if let (Some(topic), Some(payload)) = ($p.will_topic(), $p.will_payload()) {
            $to.will($p.will_qos() as u8, $p.will_retain(), topic, payload);
        }
        $to.login($p.user_name(), $p.password());
    };
}

macro_rules! publish {
    ($p:ident, $to:ident) => {
        let flags = ($p.dup(), $p.qos() as u8, $p.retain());
        $to.publish(
            flags,
            $p.topic_name(),
            $p.packet_id(),
            $p.payload().as_slice(),
        );
    };
}

impl Peer for V4 {
    const NAME: &'static str = "mqtt-protocol-core";
    const VERSION: Version = Version::V4;

    type Input = Wire;
    type Packet = Packet;
    type Output = Vec<u8>;

    fn next(input: &mut Wire, show: impl FnOnce(&Packet)) -> Option<()> {
        parse!(
            input, show, V3_1_1Publish v4,
            1 V3_1_1Connect Connect,
            2 V3_1_1Connack Connack,
            4 V3_1_1Puback Puback,
            8 V3_1_1Subscribe Subscribe,
            9 V3_1_1Suback Suback,
            12 V3_1_1Pingreq Pingreq,
            14 V3_1_1Disconnect Disconnect,
        )
    }

    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        match packet {
            Packet::V3_1_1Connect(p) => {
                connect!(p, to);
            }
            Packet::V3_1_1Connack(p) => to.connack(p.session_present(), p.return_code() as u8),
            Packet::V3_1_1Publish(p) => {
                publish!(p, to);
            }
            Packet::V3_1_1Puback(p) => to.identified(4, p.packet_id()),
            Packet::V3_1_1Subscribe(p) => {
                to.identified(8, p.packet_id());
                for entry in p.entries() {
                    to.filter(entry.topic_filter(), entry.sub_opts().qos() as u8);
                }
            }
            Packet::V3_1_1Suback(p) => {
                to.identified(9, p.packet_id());
                for code in p.return_codes() {
                    to.code(code as u8);
                }
            }
            Packet::V3_1_1Pingreq(_) => to.kind(12),
            Packet::V3_1_1Disconnect(_) => to.kind(14),
            _ => (),
        }
    }

    fn encode(packet: &mut Packet, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        packet
            .to_buffers()
            .iter()
            .for_each(|part| out.extend_from_slice(part));
        Some(())
    }
}

impl Peer for V5 {
    const NAME: &'static str = "mqtt-protocol-core";
    const VERSION: Version = Version::V5;

    type Input = Wire;
    type Packet = Packet;
    type Output = Vec<u8>;

    fn next(input: &mut Wire, show: impl FnOnce(&Packet)) -> Option<()> {
        parse!(
            input, show, V5_0Publish v5,
            1 V5_0Connect Connect,
            2 V5_0Connack Connack,
            4 V5_0Puback Puback,
            8 V5_0Subscribe Subscribe,
            9 V5_0Suback Suback,
            12 V5_0Pingreq Pingreq,
            14 V5_0Disconnect Disconnect,
        )
    }

    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        match packet {
            Packet::V5_0Connect(p) => {
                connect!(p, to);
                properties(p.props(), to);
                properties(p.will_props(), to);
            }
            Packet::V5_0Connack(p) => to.connack(p.session_present(), p.reason_code() as u8),
            Packet::V5_0Publish(p) => {
                publish!(p, to);
                properties(p.props(), to);
            }
            Packet::V5_0Puback(p) => {
                to.identified(4, p.packet_id());
                to.code(p.reason_code().map_or(0, |code| code as u8));
            }
            Packet::V5_0Subscribe(p) => {
                to.identified(8, p.packet_id());
                for entry in p.entries() {
                    to.filter(entry.topic_filter(), entry.sub_opts().to_buffer()[0]);
                }
            }
            Packet::V5_0Suback(p) => {
                to.identified(9, p.packet_id());
                for code in p.reason_codes() {
                    to.code(code as u8);
                }
            }
            Packet::V5_0Pingreq(_) => to.kind(12),
            Packet::V5_0Disconnect(p) => {
                to.kind(14);
                to.code(p.reason_code().map_or(0, |code| code as u8));
            }
            _ => (),
        }
    }

    fn encode(packet: &mut Packet, out: &mut Vec<u8>) -> Option<()> {
        *out = packet.to_continuous_buffer();
        Some(())
    }
}
