//! `mqtt-codec-kit`: 3.1.1 and 5.0. It copies everything and checks topics.
//!
//! The bench calls `VariablePacket` through `Decodable` and `Encodable`, from the slice and into the
//! vector. Its `MqttCodec` wraps the same functions.

use mqtt_codec_kit::common::qos::QoSWithPacketIdentifier;
use mqtt_codec_kit::common::{Decodable, Encodable};
use mqtt_codec_kit::{v4, v5};

use crate::fields::{Field, Fields};
use crate::peer::Peer;
use crate::workload::{Version, Wire};

pub struct V4;
pub struct V5;

fn split(qos: QoSWithPacketIdentifier) -> (u8, Option<u16>) {
    let (qos, id) = qos.split();
    (qos as u8, id)
}

impl Peer for V4 {
    const NAME: &'static str = "mqtt-codec-kit";
    const VERSION: Version = Version::V4;

    type Input = Wire;
    type Packet = v4::packet::VariablePacket;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        Self::Packet::decode(input).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F) {
        use v4::control::variable_header::ConnectReturnCode;
        use v4::packet::VariablePacket::*;
        match packet {
            ConnectPacket(p) => {
                to.connect(p.clean_session(), p.keep_alive(), p.client_identifier());
                with_will(
                    to,
                    || p.will(),
                    |to, w| {
                        to.will(
                            w.qos() as u8,
                            w.retain(),
                            w.topic().as_bytes(),
                            &w.message().0,
                        );
                    },
                );
                to.login(p.username(), p.password());
            }
            ConnackPacket(p) => {
                let accepted = p.connect_return_code() == ConnectReturnCode::ConnectionAccepted;
                to.connack(p.connack_flags().session_present, u8::from(!accepted));
            }
            PublishPacket(p) => {
                let (qos, id) = split(p.qos());
                to.publish(
                    (p.dup(), qos, p.retain()),
                    p.topic_name().as_bytes(),
                    id,
                    p.payload(),
                );
            }
            PubackPacket(p) => to.identified(4, p.packet_identifier()),
            SubscribePacket(p) => {
                to.identified(8, p.packet_identifier());
                for (filter, qos) in p.subscribes() {
                    to.filter(filter.as_bytes(), *qos as u8);
                }
            }
            SubackPacket(p) => {
                to.identified(9, p.packet_identifier());
                for code in p.return_codes() {
                    to.code(*code as u8);
                }
            }
            PingreqPacket(_) => to.kind(12),
            DisconnectPacket(_) => to.kind(14),
            _ => (),
        }
    }

    fn encode(packet: &mut Self::Packet, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        packet.encode(out).ok()
    }
}

impl Peer for V5 {
    const NAME: &'static str = "mqtt-codec-kit";
    const VERSION: Version = Version::V5;

    type Input = Wire;
    type Packet = v5::packet::VariablePacket;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        Self::Packet::decode(input).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F) {
        use v5::packet::VariablePacket::*;
        match packet {
            ConnectPacket(p) => {
                to.connect(p.clean_session(), p.keep_alive(), p.client_identifier());
                to.optional(
                    Field::SessionExpiry,
                    p.properties().session_expiry_interval(),
                );
                to.optional(Field::ReceiveMaximum, p.properties().receive_maximum());
                for (name, value) in p.properties().user_properties() {
                    to.user_property(name, value);
                }
                with_will(
                    to,
                    || p.will(),
                    |to, w| {
                        to.will(
                            w.qos() as u8,
                            w.retain(),
                            w.topic().as_bytes(),
                            &w.message().0,
                        );
                        to.optional(Field::WillDelay, w.properties().delay_interval());
                    },
                );
                to.login(p.username(), p.password());
            }
            ConnackPacket(p) => {
                to.connack(
                    p.connack_flags().session_present,
                    p.connect_reason_code().into(),
                );
            }
            PublishPacket(p) => {
                let (qos, id) = split(p.qos());
                to.publish(
                    (p.dup(), qos, p.retain()),
                    p.topic_name().as_bytes(),
                    id,
                    p.payload(),
                );
                to.optional(
                    Field::MessageExpiry,
                    p.properties().message_expiry_interval(),
                );
                to.optional(Field::TopicAlias, p.properties().topic_alias());
                if let Some(content) = p.properties().content_type() {
                    to.bytes(Field::ContentType, content);
                }
                for (name, value) in p.properties().user_properties() {
                    to.user_property(name, value);
                }
            }
            PubackPacket(p) => {
                to.identified(4, p.packet_identifier());
                to.code(p.reason_code().into());
            }
            SubscribePacket(p) => {
                to.identified(8, p.packet_identifier());
                for (filter, options) in p.subscribes() {
                    to.filter(filter.as_bytes(), options.into());
                }
            }
            SubackPacket(p) => {
                to.identified(9, p.packet_identifier());
                for code in p.reason_code() {
                    to.code(code.into());
                }
            }
            PingreqPacket(_) => to.kind(12),
            DisconnectPacket(p) => {
                to.kind(14);
                to.code(p.reason_code().into());
            }
            _ => (),
        }
    }

    fn encode(packet: &mut Self::Packet, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        packet.encode(out).ok()
    }
}

/// The getter of the Will clones it, which is no part of decoding.
fn with_will<F: Fields, W>(to: &mut F, will: impl FnOnce() -> Option<W>, fields: fn(&mut F, &W)) {
    if F::EXACT
        && let Some(will) = &will()
    {
        fields(to, will);
    }
}
