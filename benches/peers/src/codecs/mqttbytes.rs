//! `mqttbytes`: 3.1.1 and 5.0. It copies strings and shares the buffer for payloads.
//!
//! `read` decodes any packet. For encoding there is only the `write` of each packet type, which the
//! caller chooses. `check` frames without decoding.

use bytes::{Buf, BytesMut};
use mqttbytes::{QoS, check, v4, v5};

use super::rumqttc::{bytebeam_v4_fields, bytebeam_v5_fields};
use crate::fields::{Field, Fields, options};
use crate::peer::{FanOut, Open, Peer, Task, Verdict};
use crate::workload::{Version, Wire};

pub struct V4;
pub struct V5;

#[inline(always)]
fn skip(input: &mut BytesMut) -> Option<()> {
    let header = check(input.iter(), usize::MAX).ok()?;
    input.advance(header.frame_length());
    Some(())
}

impl Peer for V4 {
    const NAME: &'static str = "mqttbytes";
    const VERSION: Version = Version::V4;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Encode, Task::Frame];

    type Input = BytesMut;
    type Packet = v4::Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        v4::read(input, usize::MAX).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v4::Packet, to: &mut F) {
        bytebeam_v4_fields!(v4, packet, to);
    }

    fn encode(packet: &mut v4::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        let length = match packet {
            v4::Packet::Connect(p) => p.write(out),
            v4::Packet::ConnAck(p) => p.write(out),
            v4::Packet::Publish(p) => p.write(out),
            v4::Packet::PubAck(p) => p.write(out),
            v4::Packet::Subscribe(p) => p.write(out),
            v4::Packet::SubAck(p) => p.write(out),
            v4::Packet::PingReq => v4::PingReq.write(out),
            v4::Packet::Disconnect => v4::Disconnect.write(out),
            _ => return None,
        };
        length.ok().map(drop)
    }

    #[inline(always)]
    fn skip(input: &mut BytesMut) -> Option<()> {
        skip(input)
    }

    fn verdict(bytes: Wire) -> Verdict {
        match v4::read(&mut BytesMut::open(bytes), usize::MAX) {
            Ok(_) => Verdict::Accepts,
            Err(mqttbytes::Error::InsufficientBytes(_)) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

impl Peer for V5 {
    const NAME: &'static str = "mqttbytes";
    const VERSION: Version = Version::V5;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Encode, Task::Frame];

    type Input = BytesMut;
    type Packet = v5::Packet;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut BytesMut) -> Option<Self::Packet> {
        v5::read(input, usize::MAX).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &v5::Packet, to: &mut F) {
        bytebeam_v5_fields!(
            v5, packet, to,
            v5::Packet::Connect(p @ v5::Connect { last_will, login, .. })
                => (p, clean_session, last_will, login),
            |code| code as u8
        );
    }

    fn encode(packet: &mut v5::Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        let length = match packet {
            v5::Packet::Connect(p) => p.write(out),
            v5::Packet::ConnAck(p) => p.write(out),
            v5::Packet::Publish(p) => p.write(out),
            v5::Packet::PubAck(p) => p.write(out),
            v5::Packet::Subscribe(p) => p.write(out),
            v5::Packet::SubAck(p) => p.write(out),
            v5::Packet::PingReq => v5::PingReq.write(out),
            v5::Packet::Disconnect(p) => p.write(out),
            _ => return None,
        };
        length.ok().map(drop)
    }

    #[inline(always)]
    fn skip(input: &mut BytesMut) -> Option<()> {
        skip(input)
    }

    fn verdict(bytes: Wire) -> Verdict {
        match v5::read(&mut BytesMut::open(bytes), usize::MAX) {
            Ok(_) => Verdict::Accepts,
            Err(mqttbytes::Error::InsufficientBytes(_)) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}

macro_rules! mqttbytes_fan_out {
    ($v:ident, $version:expr, $peer:ident) => {
        impl FanOut for $peer {
            const NAME: &'static str = "mqttbytes";
            const VERSION: Version = $version;

            type Output = BytesMut;

            fn fan_out(publish: Wire, receivers: &mut [BytesMut]) -> Option<()> {
                let mut input = BytesMut::open(publish);
                let $v::Packet::Publish(mut publish) = $v::read(&mut input, usize::MAX).ok()?
                else {
                    return None;
                };
                publish.qos = QoS::AtLeastOnce;
                for (id, out) in (1..).zip(receivers) {
                    publish.pkid = id;
                    publish.write(out).ok()?;
                }
                Some(())
            }
        }
    };
}

mqttbytes_fan_out!(v4, Version::V4, V4);
mqttbytes_fan_out!(v5, Version::V5, V5);
