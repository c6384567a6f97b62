//! `rmqtt-codec`: 3.1.1 and 5.0. Strings and payloads share the buffer.
//!
//! The `Codec` of each version is the only entry point; `MqttCodec` wraps both. Encoding takes the
//! packet by value.

use std::num::NonZeroU16;

use bytes::BytesMut;
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::ntex_mqtt::{ntex_publish, ntex_publish_properties, ntex_v3_fields, ntex_v5_fields};
use crate::fields::{Field, Fields, options};
use crate::peer::{FanOut, Open, Peer, Verdict};
use crate::workload::{Version, Wire};

pub struct V4;
pub struct V5;

impl Peer for V4 {
    const NAME: &'static str = "rmqtt-codec";
    const VERSION: Version = Version::V4;
    const CONSUMES: bool = true;

    type Input = (v3::Codec, BytesMut);
    type Packet = Option<(v3::Packet, u32)>;
    type Output = BytesMut;

    #[inline(always)]
    fn decode((codec, input): &mut Self::Input) -> Option<Self::Packet> {
        let packet = codec.decode(input).ok()??;
        Some(Some(packet))
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F) {
        match packet {
            Some((v3::Packet::Publish(p), _)) => {
                ntex_publish!(p, &p.payload, to);
            }
            Some((packet, _)) => ntex_v3_fields!(v3, packet, to),
            _ => (),
        }
    }

    fn encode(packet: &mut Self::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        v3::Codec::default().encode(packet.take()?.0, out).ok()
    }

    fn verdict(bytes: Wire) -> Verdict {
        let (mut codec, mut input) = Self::Input::open(bytes);
        match codec.decode(&mut input) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

impl Peer for V5 {
    const NAME: &'static str = "rmqtt-codec";
    const VERSION: Version = Version::V5;
    const CONSUMES: bool = true;

    type Input = (v5::Codec, BytesMut);
    type Packet = Option<(v5::Packet, u32)>;
    type Output = BytesMut;

    #[inline(always)]
    fn decode((codec, input): &mut Self::Input) -> Option<Self::Packet> {
        let packet = codec.decode(input).ok()??;
        Some(Some(packet))
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F) {
        match packet {
            Some((v5::Packet::Publish(p), _)) => {
                ntex_publish!(p, &p.payload, to);
                if let Some(properties) = &p.properties {
                    ntex_publish_properties!(properties, to);
                }
            }
            Some((packet, _)) => ntex_v5_fields!(v5, packet, to),
            _ => (),
        }
    }

    fn encode(packet: &mut Self::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        v5::Codec::default().encode(packet.take()?.0, out).ok()
    }

    fn verdict(bytes: Wire) -> Verdict {
        let (mut codec, mut input) = Self::Input::open(bytes);
        match codec.decode(&mut input) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

macro_rules! rmqtt_fan_out {
    ($v:ident, $version:expr, $peer:ident) => {
        impl FanOut for $peer {
            const NAME: &'static str = "rmqtt-codec";
            const VERSION: Version = $version;

            type Output = BytesMut;

            fn fan_out(publish: Wire, receivers: &mut [BytesMut]) -> Option<()> {
                let (mut codec, mut input) = <($v::Codec, BytesMut)>::open(publish);
                let ($v::Packet::Publish(mut publish), _) = codec.decode(&mut input).ok()?? else {
                    return None;
                };
                for (id, out) in (1..).zip(receivers) {
                    publish.packet_id = NonZeroU16::new(id);
                    let copy = $v::Packet::Publish(publish.clone());
                    codec.encode(copy, out).ok()?;
                }
                Some(())
            }
        }
    };
}

rmqtt_fan_out!(v3, Version::V4, V4);
rmqtt_fan_out!(v5, Version::V5, V5);
