//! `rumqttc`: 3.1.1 and 5.0. It copies strings and shares the buffer for payloads.
//!
//! Its own `Codec` calls `Packet::read` and `Packet::write` for each packet. There is no lower
//! public function for a packet of any type.

use bytes::BytesMut;
use rumqttc::mqttbytes::{self, v4};
use rumqttc::v5::mqttbytes::{self as v5_mqttbytes, v5};

use crate::fields::{Field, Fields, options};
use crate::peer::{FanOut, Open, Peer, Verdict};
use crate::workload::{Version, Wire};

/// The fields of a 3.1.1 packet of `rumqttc`, or of `mqttbytes`, from which it comes.
macro_rules! bytebeam_v4_fields {
    ($v4:ident, $packet:expr, $to:ident) => {
        match $packet {
            $v4::Packet::Connect(p) => {
                $to.connect(p.clean_session, p.keep_alive, &p.client_id);
                if let Some(w) = &p.last_will {
                    $to.will(w.qos as u8, w.retain, &w.topic, &w.message);
                }
                if let Some(login) = &p.login {
                    $to.login(Some(&login.username), Some(&login.password));
                }
            }
            $v4::Packet::ConnAck(p) => $to.connack(p.session_present, p.code as u8),
            $v4::Packet::Publish(p) => {
                let id = (p.pkid != 0).then_some(p.pkid);
                $to.publish((p.dup, p.qos as u8, p.retain), &p.topic, id, &p.payload);
            }
            $v4::Packet::PubAck(p) => $to.identified(4, p.pkid),
            $v4::Packet::Subscribe(p) => {
                $to.identified(8, p.pkid);
                for filter in &p.filters {
                    $to.filter(&filter.path, filter.qos as u8);
                }
            }
            $v4::Packet::SubAck(p) => {
                $to.identified(9, p.pkid);
                for code in &p.return_codes {
                    $to.code(match code {
                        $v4::SubscribeReasonCode::Success(qos) => *qos as u8,
                        $v4::SubscribeReasonCode::Failure => 0x80,
                    });
                }
            }
            $v4::Packet::PingReq => $to.kind(12),
            $v4::Packet::Disconnect => $to.kind(14),
            _ => (),
        }
    };
}

/// The same for 5.0. Three things differ and are arguments: the pattern of CONNECT, its name for
/// clean start, and the number of a SUBACK code.
macro_rules! bytebeam_v5_fields {
    (
        $v5:ident, $packet:expr, $to:ident,
        $connect:pat => ($p:ident, $clean:ident, $will:ident, $login:ident), $code:expr
    ) => {
        match $packet {
            $connect => {
                $to.connect($p.$clean, $p.keep_alive, &$p.client_id);
                if let Some(properties) = &$p.properties {
                    $to.optional(Field::SessionExpiry, properties.session_expiry_interval);
                    $to.optional(Field::ReceiveMaximum, properties.receive_maximum);
                    for (name, value) in &properties.user_properties {
                        $to.user_property(name, value);
                    }
                }
                if let Some(w) = $will {
                    $to.will(w.qos as u8, w.retain, &w.topic, &w.message);
                    if let Some(properties) = &w.properties {
                        $to.optional(Field::WillDelay, properties.delay_interval);
                    }
                }
                if let Some(login) = $login {
                    $to.login(Some(&login.username), Some(&login.password));
                }
            }
            $v5::Packet::ConnAck(p) => $to.connack(p.session_present, p.code as u8),
            $v5::Packet::Publish(p) => {
                let id = (p.pkid != 0).then_some(p.pkid);
                $to.publish((p.dup, p.qos as u8, p.retain), &p.topic, id, &p.payload);
                if let Some(properties) = &p.properties {
                    $to.optional(Field::MessageExpiry, properties.message_expiry_interval);
                    $to.optional(Field::TopicAlias, properties.topic_alias);
                    if let Some(content) = &properties.content_type {
                        $to.bytes(Field::ContentType, content);
                    }
                    for (name, value) in &properties.user_properties {
                        $to.user_property(name, value);
                    }
                }
            }
            $v5::Packet::PubAck(p) => {
                $to.identified(4, p.pkid);
                $to.code(p.reason as u8);
            }
            $v5::Packet::Subscribe(p) => {
                $to.identified(8, p.pkid);
                for f in &p.filters {
                    let handling = match f.retain_forward_rule {
                        $v5::RetainForwardRule::OnEverySubscribe => 0,
                        $v5::RetainForwardRule::OnNewSubscribe => 1,
                        $v5::RetainForwardRule::Never => 2,
                    };
                    let options = options(f.qos as u8, f.nolocal, f.preserve_retain, handling);
                    $to.filter(&f.path, options);
                }
            }
            $v5::Packet::SubAck(p) => {
                $to.identified(9, p.pkid);
                for code in &p.return_codes {
                    $to.code($code(*code));
                }
            }
            $v5::Packet::PingReq { .. } => $to.kind(12),
            $v5::Packet::Disconnect(p) => {
                $to.kind(14);
                $to.code(p.reason_code as u8);
            }
            _ => (),
        }
    };
}

pub(super) use {bytebeam_v4_fields, bytebeam_v5_fields};

pub struct V4;
pub struct V5;

impl Peer for V4 {
    const NAME: &'static str = "rumqttc";
    const VERSION: Version = Version::V4;

    type Input = BytesMut;
    type Packet = v4::Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        v4::Packet::read(input, usize::MAX).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v4::Packet, to: &mut F) {
        bytebeam_v4_fields!(v4, packet, to);
    }

    fn encode(packet: &mut v4::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        packet.write(out, usize::MAX).ok().map(drop)
    }

    fn verdict(bytes: Wire) -> Verdict {
        match v4::Packet::read(&mut BytesMut::open(bytes), usize::MAX) {
            Ok(_) => Verdict::Accepts,
            Err(mqttbytes::Error::InsufficientBytes(_)) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

impl Peer for V5 {
    const NAME: &'static str = "rumqttc";
    const VERSION: Version = Version::V5;

    type Input = BytesMut;
    type Packet = v5::Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        v5::Packet::read(input, None).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v5::Packet, to: &mut F) {
        let code = |code| match code {
            v5::SubscribeReasonCode::Success(qos) => qos as u8,
            _ => 0x80,
        };
        bytebeam_v5_fields!(
            v5, packet, to,
            v5::Packet::Connect(p, will, login) => (p, clean_start, will, login), code
        );
    }

    fn encode(packet: &mut v5::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        packet.write(out, None).ok().map(drop)
    }

    fn verdict(bytes: Wire) -> Verdict {
        match v5::Packet::read(&mut BytesMut::open(bytes), None) {
            Ok(_) => Verdict::Accepts,
            Err(v5_mqttbytes::Error::InsufficientBytes(_)) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

macro_rules! rumqttc_fan_out {
    ($v:ident, $qos:path, $limit:expr, $version:expr, $peer:ident) => {
        impl FanOut for $peer {
            const NAME: &'static str = "rumqttc";
            const VERSION: Version = $version;

            type Output = BytesMut;

            fn fan_out(publish: Wire, receivers: &mut [BytesMut]) -> Option<()> {
                let mut input = BytesMut::open(publish);
                let $v::Packet::Publish(mut publish) = $v::Packet::read(&mut input, $limit).ok()?
                else {
                    return None;
                };
                publish.qos = $qos;
                for (id, out) in (1..).zip(receivers) {
                    publish.pkid = id;
                    publish.write(out).ok()?;
                }
                Some(())
            }
        }
    };
}

rumqttc_fan_out!(v4, mqttbytes::QoS::AtLeastOnce, usize::MAX, Version::V4, V4);
rumqttc_fan_out!(v5, v5_mqttbytes::QoS::AtLeastOnce, None, Version::V5, V5);
