//! `mqute-codec`: 3.1.1 and 5.0. It copies strings and shares the buffer for payloads.
//!
//! `PacketCodec::try_decode` frames, `Packet::decode` decodes and `Packet::encode` encodes, as its
//! documentation shows. Its getters clone, so the timed runs do not call them.

use std::hint::black_box;

use bytes::BytesMut;
use mqute_codec::Error;
use mqute_codec::codec::PacketCodec;
use mqute_codec::protocol::{Credentials, Flags, v4, v5};

use crate::fields::{Field, Fields, options};
use crate::peer::{Open, Peer, Verdict};
use crate::workload::{Version, Wire};

pub struct V4;
pub struct V5;

fn flags(flags: Flags) -> (bool, u8, bool) {
    (flags.dup, flags.qos as u8, flags.retain)
}

fn login(credentials: Option<Credentials>, to: &mut impl Fields) {
    if let Some(credentials) = credentials {
        to.login(Some(credentials.username()), credentials.password());
    }
}

impl Peer for V4 {
    const NAME: &'static str = "mqute-codec";
    const VERSION: Version = Version::V4;

    type Input = BytesMut;
    type Packet = v4::Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        let raw = PacketCodec::new(None, None).try_decode(input).ok()?;
        v4::Packet::decode(raw).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v4::Packet, to: &mut F) {
        match packet {
            _ if !F::EXACT => drop(black_box(packet)),
            v4::Packet::Connect(p) => {
                to.connect(
                    p.clean_session(),
                    p.keep_alive().as_secs() as u16,
                    p.client_id(),
                );
                if let Some(w) = p.will() {
                    to.will(w.qos as u8, w.retain, w.topic, w.payload);
                }
                login(p.credentials(), to);
            }
            v4::Packet::ConnAck(p) => to.connack(p.session_present(), p.code().into()),
            v4::Packet::Publish(p) => {
                to.publish(flags(p.flags()), p.topic(), p.packet_id(), p.payload());
            }
            v4::Packet::PubAck(p) => to.identified(4, p.packet_id()),
            v4::Packet::Subscribe(p) => {
                to.identified(8, p.packet_id());
                for filter in p.filters() {
                    to.filter(filter.topic, filter.qos as u8);
                }
            }
            v4::Packet::SubAck(p) => {
                to.identified(9, p.packet_id());
                for code in p.codes() {
                    to.code(code.into());
                }
            }
            v4::Packet::PingReq(_) => to.kind(12),
            v4::Packet::Disconnect(_) => to.kind(14),
            _ => (),
        }
    }

    fn encode(packet: &mut v4::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        packet.encode(out).ok()
    }

    fn verdict(bytes: Wire) -> Verdict {
        let raw = PacketCodec::new(None, None).try_decode(&mut BytesMut::open(bytes));
        match raw.and_then(v4::Packet::decode) {
            Ok(_) => Verdict::Accepts,
            Err(Error::NotEnoughBytes(_)) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

impl Peer for V5 {
    const NAME: &'static str = "mqute-codec";
    const VERSION: Version = Version::V5;

    type Input = BytesMut;
    type Packet = v5::Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        let raw = PacketCodec::new(None, None).try_decode(input).ok()?;
        v5::Packet::decode(raw).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v5::Packet, to: &mut F) {
        match packet {
            _ if !F::EXACT => drop(black_box(packet)),
            v5::Packet::Connect(p) => {
                to.connect(
                    p.clean_session(),
                    p.keep_alive().as_secs() as u16,
                    p.client_id(),
                );
                if let Some(properties) = p.properties() {
                    let expiry = properties.session_expiry_interval;
                    to.optional(
                        Field::SessionExpiry,
                        expiry.map(|time| time.as_secs() as u32),
                    );
                    to.optional(Field::ReceiveMaximum, properties.receive_maximum);
                    for (name, value) in properties.user_properties {
                        to.user_property(name, value);
                    }
                }
                if let Some(w) = p.will() {
                    to.will(w.qos as u8, w.retain, w.topic, w.payload);
                    let delay = w
                        .properties
                        .and_then(|properties| properties.delay_interval);
                    to.optional(Field::WillDelay, delay.map(|time| time.as_secs() as u32));
                }
                login(p.credentials(), to);
            }
            v5::Packet::ConnAck(p) => to.connack(p.session_present(), p.code().into()),
            v5::Packet::Publish(p) => {
                to.publish(flags(p.flags()), p.topic(), p.packet_id(), p.payload());
                if let Some(properties) = p.properties() {
                    let expiry = properties.message_expiry_interval;
                    to.optional(
                        Field::MessageExpiry,
                        expiry.map(|time| time.as_secs() as u32),
                    );
                    to.optional(Field::TopicAlias, properties.topic_alias);
                    if let Some(content) = properties.content_type {
                        to.bytes(Field::ContentType, content);
                    }
                    for (name, value) in properties.user_properties {
                        to.user_property(name, value);
                    }
                }
            }
            v5::Packet::PubAck(p) => {
                to.identified(4, p.packet_id());
                to.code(p.code().into());
            }
            v5::Packet::Subscribe(p) => {
                to.identified(8, p.packet_id());
                for f in p.filters() {
                    let handling = f.retain_handling.into();
                    let options = options(f.qos as u8, f.no_local, f.retain_as_published, handling);
                    to.filter(f.topic, options);
                }
            }
            v5::Packet::SubAck(p) => {
                to.identified(9, p.packet_id());
                for code in p.codes() {
                    to.code(code.into());
                }
            }
            v5::Packet::PingReq(_) => to.kind(12),
            v5::Packet::Disconnect(p) => {
                to.kind(14);
                to.code(p.code().into());
            }
            _ => (),
        }
    }

    fn encode(packet: &mut v5::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        packet.encode(out).ok()
    }

    fn verdict(bytes: Wire) -> Verdict {
        let raw = PacketCodec::new(None, None).try_decode(&mut BytesMut::open(bytes));
        match raw.and_then(v5::Packet::decode) {
            Ok(_) => Verdict::Accepts,
            Err(Error::NotEnoughBytes(_)) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}
