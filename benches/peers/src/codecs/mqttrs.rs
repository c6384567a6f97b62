//! `mqttrs`: 3.1.1. It borrows strings from the input.
//!
//! `decode_slice` and `encode_slice` are its only entry points. Decoding does not return the length
//! of the packet, so the caller has to frame.

use mqttrs::{Packet, SubscribeReturnCodes, decode_slice, encode_slice};

use crate::fields::Fields;
use crate::peer::{Filled, Peer, Verdict, frame};
use crate::workload::{Version, Wire};

pub struct V4;

impl Peer for V4 {
    const NAME: &'static str = "mqttrs";
    const VERSION: Version = Version::V4;

    type Input = Wire;
    type Packet = Packet<'static>;
    type Output = Filled;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        decode_slice(frame(input)?.whole).ok()?
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        match packet {
            Packet::Connect(p) => {
                to.connect(p.clean_session, p.keep_alive, p.client_id);
                if let Some(w) = &p.last_will {
                    to.will(w.qos as u8, w.retain, w.topic, w.message);
                }
                to.login(p.username, p.password);
            }
            Packet::Connack(p) => to.connack(p.session_present, p.code as u8),
            Packet::Publish(p) => {
                let id = p.qospid.pid().map(|id| id.get());
                to.publish(
                    (p.dup, p.qospid.qos() as u8, p.retain),
                    p.topic_name,
                    id,
                    p.payload,
                );
            }
            Packet::Puback(id) => to.identified(4, id.get()),
            Packet::Subscribe(p) => {
                to.identified(8, p.pid.get());
                for topic in &p.topics {
                    to.filter(&topic.topic_path, topic.qos as u8);
                }
            }
            Packet::Suback(p) => {
                to.identified(9, p.pid.get());
                for code in &p.return_codes {
                    to.code(match code {
                        SubscribeReturnCodes::Success(qos) => *qos as u8,
                        SubscribeReturnCodes::Failure => 0x80,
                    });
                }
            }
            Packet::Pingreq => to.kind(12),
            Packet::Disconnect => to.kind(14),
            _ => (),
        }
    }

    fn encode(packet: &mut Packet, out: &mut Filled) -> Option<()> {
        out.len = encode_slice(packet, &mut out.room).ok()?;
        Some(())
    }

    fn verdict(bytes: Wire) -> Verdict {
        match decode_slice(bytes) {
            Ok(Some(_)) => Verdict::Accepts,
            Ok(None) => Verdict::Waits,
            Err(_) => Verdict::Refuses,
        }
    }
}
