//! `ntex-mqtt`: 3.1.1 and 5.0. Strings and payloads share the buffer.
//!
//! Its `Codec` is the only entry point. Encoding takes the packet by value and writes to pages. A
//! payload of more than 4 KiB becomes a page of its own without a copy. The pages are dropped after
//! 64 KiB, as if they had been written to a socket. Dropping them after each packet would allocate
//! a new page for each.

use std::num::NonZeroU16;

use ntex_bytes::{BytePages, BytesMut};
use ntex_codec::{Decoder, Encoder};
use ntex_mqtt::{QoS, v3::codec as v3, v5::codec as v5};

use crate::fields::{Field, Fields, options};
use crate::peer::{FanOut, Open, Output, Peer, Verdict};
use crate::workload::{Version, Wire};

/// The fields of a 3.1.1 packet of `ntex-mqtt`, or of `rmqtt-codec`, which comes from it. They
/// differ in PUBLISH.
macro_rules! ntex_v3_fields {
    ($v3:ident, $packet:expr, $to:ident) => {
        match $packet {
            $v3::Packet::Connect(p) => {
                $to.connect(p.clean_session, p.keep_alive, p.client_id.as_bytes());
                if let Some(w) = &p.last_will {
                    $to.will(w.qos as u8, w.retain, w.topic.as_bytes(), &w.message);
                }
                $to.login(p.username.as_deref(), p.password.as_ref());
            }
            $v3::Packet::ConnectAck(p) => $to.connack(p.session_present, p.return_code as u8),
            $v3::Packet::PublishAck { packet_id } => $to.identified(4, packet_id.get()),
            $v3::Packet::Subscribe {
                packet_id,
                topic_filters,
            } => {
                $to.identified(8, packet_id.get());
                for (filter, qos) in topic_filters {
                    $to.filter(filter.as_bytes(), *qos as u8);
                }
            }
            $v3::Packet::SubscribeAck { packet_id, status } => {
                $to.identified(9, packet_id.get());
                for code in status {
                    $to.code(match code {
                        $v3::SubscribeReturnCode::Success(qos) => *qos as u8,
                        $v3::SubscribeReturnCode::Failure => 0x80,
                    });
                }
            }
            $v3::Packet::PingRequest => $to.kind(12),
            $v3::Packet::Disconnect => $to.kind(14),
            _ => (),
        }
    };
}

/// The same for 5.0.
macro_rules! ntex_v5_fields {
    ($v5:ident, $packet:expr, $to:ident) => {
        match $packet {
            $v5::Packet::Connect(p) => {
                $to.connect(p.clean_start, p.keep_alive, p.client_id.as_bytes());
                $to.number(Field::SessionExpiry, p.session_expiry_interval_secs);
                $to.optional(Field::ReceiveMaximum, p.receive_max.map(u16::from));
                for (name, value) in &p.user_properties {
                    $to.user_property(name.as_bytes(), value.as_bytes());
                }
                if let Some(w) = &p.last_will {
                    $to.will(w.qos as u8, w.retain, w.topic.as_bytes(), &w.message);
                    $to.optional(Field::WillDelay, w.will_delay_interval_sec);
                }
                $to.login(p.username.as_deref(), p.password.as_ref());
            }
            $v5::Packet::ConnectAck(p) => $to.connack(p.session_present, p.reason_code as u8),
            $v5::Packet::PublishAck(p) => {
                $to.identified(4, p.packet_id.get());
                $to.code(p.reason_code as u8);
            }
            $v5::Packet::Subscribe(p) => {
                $to.identified(8, p.packet_id.get());
                for (filter, o) in &p.topic_filters {
                    let handling = o.retain_handling as u8;
                    let options = options(o.qos as u8, o.no_local, o.retain_as_published, handling);
                    $to.filter(filter.as_bytes(), options);
                }
            }
            $v5::Packet::SubscribeAck(p) => {
                $to.identified(9, p.packet_id.get());
                for code in &p.status {
                    $to.code(*code as u8);
                }
            }
            $v5::Packet::PingRequest => $to.kind(12),
            $v5::Packet::Disconnect(p) => {
                $to.kind(14);
                $to.code(p.reason_code as u8);
            }
            _ => (),
        }
    };
}

macro_rules! ntex_publish {
    ($p:ident, $payload:expr, $to:ident) => {
        let id = $p.packet_id.map(u16::from);
        let flags = ($p.dup, $p.qos as u8, $p.retain);
        $to.publish(flags, $p.topic.as_bytes(), id, $payload);
    };
}

macro_rules! ntex_publish_properties {
    ($properties:expr, $to:ident) => {
        $to.optional(
            Field::MessageExpiry,
            $properties.message_expiry_interval.map(u32::from),
        );
        $to.optional(Field::TopicAlias, $properties.topic_alias.map(u16::from));
        if let Some(content) = &$properties.content_type {
            $to.bytes(Field::ContentType, content.as_bytes());
        }
        for (name, value) in &$properties.user_properties {
            $to.user_property(name.as_bytes(), value.as_bytes());
        }
    };
}

pub(super) use {ntex_publish, ntex_publish_properties, ntex_v3_fields, ntex_v5_fields};

impl Open for BytesMut {
    fn open(wire: Wire) -> Self {
        let mut buffer = BytesMut::with_capacity(wire.len() + 64);
        buffer.extend_from_slice(wire);
        buffer
    }
}

#[derive(Default)]
pub struct Pages(BytePages);

impl Output for Pages {
    fn create(_: Wire) -> Self {
        Pages::default()
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn written(&mut self) -> Vec<u8> {
        self.0.freeze().to_vec()
    }
}

macro_rules! ntex_encode {
    ($v:ident, $packet:ident, $out:ident) => {{
        if $out.0.len() > 1 << 16 {
            $out.0.clear();
        }
        let packet = match $packet.take()? {
            $v::Decoded::Packet(packet, _) => $v::Encoded::Packet(packet),
            $v::Decoded::Publish(publish, payload, _) => {
                $v::Encoded::Publish(publish, Some(payload))
            }
            $v::Decoded::PayloadChunk(..) => return None,
        };
        $v::Codec::new().encodev(packet, &mut $out.0).ok()
    }};
}

pub struct V4;
pub struct V5;

impl Peer for V4 {
    const NAME: &'static str = "ntex-mqtt";
    const VERSION: Version = Version::V4;
    const SHARES: bool = true;
    const CONSUMES: bool = true;

    type Input = (v3::Codec, BytesMut);
    type Packet = Option<v3::Decoded>;
    type Output = Pages;

    #[inline(always)]
    fn decode((codec, input): &mut Self::Input) -> Option<Self::Packet> {
        let packet = codec.decode(input).ok()??;
        Some(Some(packet))
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F) {
        match packet {
            Some(v3::Decoded::Publish(p, payload, _)) => {
                ntex_publish!(p, payload, to);
            }
            Some(v3::Decoded::Packet(packet, _)) => ntex_v3_fields!(v3, packet, to),
            _ => (),
        }
    }

    fn encode(packet: &mut Self::Packet, out: &mut Pages) -> Option<()> {
        ntex_encode!(v3, packet, out)
    }

    fn verdict(bytes: Wire) -> Verdict {
        let (codec, mut input) = Self::Input::open(bytes);
        match codec.decode(&mut input) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

impl Peer for V5 {
    const NAME: &'static str = "ntex-mqtt";
    const VERSION: Version = Version::V5;
    const SHARES: bool = true;
    const CONSUMES: bool = true;

    type Input = (v5::Codec, BytesMut);
    type Packet = Option<v5::Decoded>;
    type Output = Pages;

    #[inline(always)]
    fn decode((codec, input): &mut Self::Input) -> Option<Self::Packet> {
        let packet = codec.decode(input).ok()??;
        Some(Some(packet))
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F) {
        match packet {
            Some(v5::Decoded::Publish(p, payload, _)) => {
                ntex_publish!(p, payload, to);
                ntex_publish_properties!(p.properties, to);
            }
            Some(v5::Decoded::Packet(packet, _)) => ntex_v5_fields!(v5, packet, to),
            _ => (),
        }
    }

    fn encode(packet: &mut Self::Packet, out: &mut Pages) -> Option<()> {
        ntex_encode!(v5, packet, out)
    }

    fn verdict(bytes: Wire) -> Verdict {
        let (codec, mut input) = Self::Input::open(bytes);
        match codec.decode(&mut input) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

/// All copies go to the pages of the first receiver. An empty output for each receiver would need a
/// page for each, and mostly measure the allocator.
macro_rules! ntex_fan_out {
    ($v:ident, $version:expr, $peer:ident) => {
        impl FanOut for $peer {
            const NAME: &'static str = "ntex-mqtt";
            const VERSION: Version = $version;

            type Output = Pages;

            fn fan_out(publish: Wire, receivers: &mut [Pages]) -> Option<()> {
                let ids = (1..).zip(0..receivers.len());
                let out = receivers.first_mut()?;
                let (codec, mut input) = <(_, BytesMut)>::open(publish);
                let $v::Decoded::Publish(mut publish, payload, _) =
                    $v::Codec::decode(&codec, &mut input).ok()??
                else {
                    return None;
                };
                publish.qos = QoS::AtLeastOnce;
                for (id, _) in ids {
                    publish.packet_id = NonZeroU16::new(id);
                    let copy = $v::Encoded::Publish(publish.clone(), Some(payload.clone()));
                    codec.encodev(copy, &mut out.0).ok()?;
                }
                Some(())
            }
        }
    };
}

ntex_fan_out!(v3, Version::V4, V4);
ntex_fan_out!(v5, Version::V5, V5);
