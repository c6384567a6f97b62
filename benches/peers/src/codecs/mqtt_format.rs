//! `mqtt-format`: 3.1.1. It borrows from the input. It misreads a Remaining Length of more than one
//! byte, so it fails on packets of more than 129 bytes.
//!
//! `mpacket` is its one function to decode any packet. Encoding writes to an asynchronous writer,
//! here a vector, which is always ready.

use std::pin::Pin;

use futures::FutureExt;
use mqtt_format::v3::packet::{MPacket, mpacket};
use mqtt_format::v3::qos::MQualityOfService;

use crate::fields::Fields;
use crate::peer::{Peer, Verdict};
use crate::workload::{Version, Wire};

pub struct V4;

impl Peer for V4 {
    const NAME: &'static str = "mqtt-format";
    const VERSION: Version = Version::V4;

    type Input = Wire;
    type Packet = MPacket<'static>;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<MPacket<'static>> {
        let (rest, packet) = mpacket(input).ok()?;
        *input = rest;
        Some(packet)
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &MPacket, to: &mut F) {
        match packet {
            MPacket::Connect(p) => {
                to.connect(p.clean_session, p.keep_alive, p.client_id.value);
                if let Some(w) = &p.will {
                    to.will(qos(w.qos), w.retain, w.topic.value, w.payload);
                }
                to.login(p.username.map(|name| name.value), p.password);
            }
            MPacket::Publish(p) => {
                let flags = (p.dup, qos(p.qos), p.retain);
                to.publish(flags, p.topic_name.value, p.id.map(|id| id.0), p.payload);
            }
            MPacket::Puback(p) => to.identified(4, p.id.0),
            MPacket::Subscribe(p) => {
                to.identified(8, p.id.0);
                for subscription in p.subscriptions {
                    to.filter(subscription.topic.value, qos(subscription.qos));
                }
            }
            MPacket::Suback(p) => {
                to.identified(9, p.id.0);
                for code in p.subscription_acks.acks {
                    to.code(*code as u8);
                }
            }
            MPacket::Pingreq(_) => to.kind(12),
            MPacket::Disconnect(_) => to.kind(14),
            _ => (),
        }
    }

    fn encode(packet: &mut MPacket, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        packet.write_to(Pin::new(out)).now_or_never()?.ok()
    }

    fn verdict(bytes: Wire) -> Verdict {
        match mpacket(bytes) {
            Ok(([], _)) => Verdict::Accepts,
            _ => Verdict::Refuses,
        }
    }
}

#[inline(always)]
fn qos(qos: MQualityOfService) -> u8 {
    match qos {
        MQualityOfService::AtMostOnce => 0,
        MQualityOfService::AtLeastOnce => 1,
        MQualityOfService::ExactlyOnce => 2,
    }
}
