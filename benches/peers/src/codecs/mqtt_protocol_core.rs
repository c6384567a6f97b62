//! `mqtt-protocol-core`: 3.1.1 and 5.0. It copies each string as it is on the wire; payloads share
//! one reference-counted copy of the packet.
//!
//! The bench calls the `parse` of each packet type on frames found by the caller, without the state
//! machine of `Connection`. It has two ways to encode, and the bench uses the one that is faster on
//! the mixed stream: for 3.1.1 `to_buffers`, gathered into one buffer, for 5.0
//! `to_continuous_buffer`.

use std::io::IoSlice;
use std::marker::PhantomData;

use mqtt_protocol_core::mqtt::Arc;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{PacketBuildResult, PacketBuilder};
use mqtt_protocol_core::mqtt::packet::{
    GenericPacketTrait, Packet, Property, v3_1_1 as v4, v5_0 as v5,
};

use crate::fields::{Field, Fields};
use crate::peer::{Frame, Peer, Task, Verdict, frame};
use crate::workload::{LARGE, Version, Wire};

pub struct V4;
pub struct V5;

/// Returns the parts of a packet of 64 KiB, payload included, without gathering them.
pub struct Shared<P>(PhantomData<P>);

/// Parses the packet by the number of its type.
macro_rules! parse {
    ($input:ident, $publish:ident $v:ident, $($kind:literal $variant:ident $type:ident,)*) => {{
        let Frame { first, body, .. } = frame($input)?;
        Some(match first >> 4 {
            3 => Packet::$publish($v::Publish::parse(first & 15, Arc::from(body)).ok()?.0),
            $($kind => Packet::$variant($v::$type::parse(body).ok()?.0),)*
            _ => return None,
        })
    }};
}

/// The verdict of `Connection` without its state: its framing, and the `parse` of each type, which
/// has to use up the packet. A payload always does.
macro_rules! verdict {
    ($bytes:ident, $v:ident, $($kind:literal $type:ident,)*) => {{
        let raw = match PacketBuilder::new().feed(&mut Cursor::new($bytes)) {
            PacketBuildResult::Complete(raw) => raw,
            PacketBuildResult::Incomplete => return Verdict::Waits,
            PacketBuildResult::Error(_) => return Verdict::Refuses,
        };
        let parsed = match raw.packet_type() {
            3 => $v::Publish::parse(raw.flags(), Arc::from(raw.data_as_slice())).is_ok(),
            $($kind => raw.parse_exact($v::$type::parse).is_ok(),)*
            _ => false,
        };
        if parsed { Verdict::Accepts } else { Verdict::Refuses }
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

/// The getters of CONNECT, which are the same in both versions except for the properties.
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

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        parse!(
            input, V3_1_1Publish v4,
            1 V3_1_1Connect Connect,
            2 V3_1_1Connack Connack,
            4 V3_1_1Puback Puback,
            8 V3_1_1Subscribe Subscribe,
            9 V3_1_1Suback Suback,
            12 V3_1_1Pingreq Pingreq,
            14 V3_1_1Disconnect Disconnect,
        )
    }

    #[inline(always)]
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

    fn verdict(bytes: Wire) -> Verdict {
        verdict!(
            bytes, v4,
            1 Connect, 2 Connack, 4 Puback, 5 Pubrec, 6 Pubrel, 7 Pubcomp, 8 Subscribe, 9 Suback,
            10 Unsubscribe, 11 Unsuback, 12 Pingreq, 13 Pingresp, 14 Disconnect,
        )
    }
}

impl Peer for V5 {
    const NAME: &'static str = "mqtt-protocol-core";
    const VERSION: Version = Version::V5;

    type Input = Wire;
    type Packet = Packet;
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        parse!(
            input, V5_0Publish v5,
            1 V5_0Connect Connect,
            2 V5_0Connack Connack,
            4 V5_0Puback Puback,
            8 V5_0Subscribe Subscribe,
            9 V5_0Suback Suback,
            12 V5_0Pingreq Pingreq,
            14 V5_0Disconnect Disconnect,
        )
    }

    #[inline(always)]
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

    fn verdict(bytes: Wire) -> Verdict {
        verdict!(
            bytes, v5,
            1 Connect, 2 Connack, 4 Puback, 5 Pubrec, 6 Pubrel, 7 Pubcomp, 8 Subscribe, 9 Suback,
            10 Unsubscribe, 11 Unsuback, 12 Pingreq, 13 Pingresp, 14 Disconnect, 15 Auth,
        )
    }
}

impl<P: Peer<Input = Wire, Packet = Packet>> Peer for Shared<P> {
    const NAME: &'static str = "mqtt-protocol-core, shared";
    const VERSION: Version = P::VERSION;
    const TASKS: &'static [Task] = &[Task::Encode];
    const CELLS: &'static [&'static str] = &[LARGE];
    const SHARES: bool = true;

    type Input = Wire;
    /// It lives as long as the program, because its parts borrow from it.
    type Packet = &'static Packet;
    type Output = Vec<IoSlice<'static>>;

    fn decode(input: &mut Wire) -> Option<&'static Packet> {
        P::decode(input).map(|packet| &*Box::leak(Box::new(packet)))
    }

    fn fields<F: Fields>(packet: &&'static Packet, to: &mut F) {
        P::fields(packet, to);
    }

    fn encode(packet: &mut &'static Packet, out: &mut Self::Output) -> Option<()> {
        *out = packet.to_buffers();
        Some(())
    }
}
