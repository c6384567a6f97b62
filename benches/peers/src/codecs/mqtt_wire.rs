//! `mqtt-wire`: borrowed from a slice, as frames that share the buffer, and built by the user.
//!
//! Every rule is checked; lists and properties are walked item by item. The workload mixes both
//! directions, so each packet is read in the dialect of its sender.

use bytes::BytesMut;
use mqtt_wire::{
    Connect, Dialect, Frame, FrameRef, Framed, Packet, Properties, Property, ReasonCodes,
    ReturnCode, Subscriptions, Version, Will,
};

use crate::fields::{Field, Fields, options};
use crate::peer::{Filled, Kind, Peer, Task};
use crate::workload::{self, Wire};

/// Decodes from a slice. Encodes decoded packets, whose lists are already checked, into a slice.
pub struct Borrowed<const LEVEL: u8>;

/// Decodes from a slice into a variable, as `let packet = frame.decode(dialect)?` does.
pub struct ByValue<const LEVEL: u8>;

/// Decodes from frames.
pub struct Frames<const LEVEL: u8>;

/// Encodes packets whose lists the user lends into a `BytesMut`. The lists are checked while
/// encoding.
pub struct Built<const LEVEL: u8>;

impl<const LEVEL: u8> Peer for Borrowed<LEVEL> {
    const NAME: &'static str = "mqtt-wire";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Encode, Task::Frame];

    type Input = Wire;
    type Packet = Packet<'static>;
    type Output = Filled;

    fn next(input: &mut Wire, show: impl FnOnce(&Self::Packet)) -> Option<()> {
        let dialect = dialect::<LEVEL>(*input.first()?);
        let Ok(Framed::Frame(frame)) = FrameRef::split(input, dialect, u32::MAX) else {
            return None;
        };
        *input = &input[frame.bytes().len()..];
        frame.decode(dialect).as_ref().ok().map(show)
    }

    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        fields::<LEVEL, F>(packet, to);
    }

    fn encode(packet: &mut Packet, out: &mut Filled) -> Option<()> {
        let dialect = dialect::<LEVEL>((packet.packet_type() as u8) << 4);
        out.len = packet.encode_to_slice(dialect, &mut out.room).ok()?;
        Some(())
    }

    fn skip(input: &mut Wire) -> Option<()> {
        let dialect = Dialect::from_client(level::<LEVEL>());
        let Ok(Framed::Frame(frame)) = FrameRef::split(input, dialect, u32::MAX) else {
            return None;
        };
        *input = &input[frame.bytes().len()..];
        Some(())
    }
}

impl<const LEVEL: u8> Peer for ByValue<LEVEL> {
    const NAME: &'static str = "mqtt-wire, by value";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode];

    type Input = Wire;
    type Packet = Packet<'static>;
    type Output = Filled;

    fn next(input: &mut Wire, show: impl FnOnce(&Self::Packet)) -> Option<()> {
        let dialect = dialect::<LEVEL>(*input.first()?);
        let Ok(Framed::Frame(frame)) = FrameRef::split(input, dialect, u32::MAX) else {
            return None;
        };
        *input = &input[frame.bytes().len()..];
        let packet = frame.decode(dialect).ok()?;
        show(&packet);
        Some(())
    }

    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        fields::<LEVEL, F>(packet, to);
    }

    fn encode(packet: &mut Packet<'static>, out: &mut Filled) -> Option<()> {
        Borrowed::<LEVEL>::encode(packet, out)
    }
}

impl<const LEVEL: u8> Peer for Frames<LEVEL> {
    const NAME: &'static str = "mqtt-wire, frames";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Frame];

    type Input = BytesMut;
    type Packet = Frame;
    type Output = Filled;

    fn next(input: &mut BytesMut, show: impl FnOnce(&Self::Packet)) -> Option<()> {
        let dialect = dialect::<LEVEL>(*input.first()?);
        match Frame::split(input, dialect, u32::MAX) {
            Ok(Framed::Frame(frame)) => show(&frame),
            _ => return None,
        }
        Some(())
    }

    fn fields<F: Fields>(frame: &Frame, to: &mut F) {
        if let Ok(packet) = &frame.decode(dialect::<LEVEL>(frame.bytes()[0])) {
            fields::<LEVEL, F>(packet, to);
        }
    }

    /// A frame is not encoded, because it already has its bytes.
    fn encode(_: &mut Frame, _: &mut Filled) -> Option<()> {
        None
    }

    fn skip(input: &mut BytesMut) -> Option<()> {
        match Frame::split(input, Dialect::from_client(level::<LEVEL>()), u32::MAX) {
            Ok(Framed::Frame(_)) => Some(()),
            _ => None,
        }
    }
}

impl<const LEVEL: u8> Peer for Built<LEVEL> {
    const NAME: &'static str = "mqtt-wire, built";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Encode];

    type Input = Wire;
    type Packet = Packet<'static>;
    type Output = BytesMut;

    fn next(input: &mut Wire, show: impl FnOnce(&Self::Packet)) -> Option<()> {
        Borrowed::<LEVEL>::next(input, |packet| show(&lend(*packet)))
    }

    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        fields::<LEVEL, F>(packet, to);
    }

    fn encode(packet: &mut Packet, out: &mut BytesMut) -> Option<()> {
        out.clear();
        let dialect = dialect::<LEVEL>((packet.packet_type() as u8) << 4);
        packet.encode(dialect, out).ok().map(drop)
    }
}

/// The same packet with lent lists, which live as long as [`Wire`].
fn lend(mut packet: Packet<'static>) -> Packet<'static> {
    fn items<T>(list: impl IntoIterator<Item = T>) -> &'static [T] {
        list.into_iter().collect::<Vec<_>>().leak()
    }
    match &mut packet {
        Packet::Connect(p) => {
            p.properties = Properties::new(items(p.properties));
            if let Some(will) = &mut p.will {
                will.properties = Properties::new(items(will.properties));
            }
        }
        Packet::Publish(p) => p.properties = Properties::new(items(p.properties)),
        Packet::Subscribe(p) => p.subscriptions = Subscriptions::new(items(p.subscriptions)),
        Packet::SubAck(p) => p.reason_codes = ReasonCodes::new(items(p.reason_codes)),
        _ => (),
    }
    packet
}

const fn version(level: u8) -> workload::Version {
    match level {
        4 => workload::Version::V4,
        _ => workload::Version::V5,
    }
}

const fn level<const LEVEL: u8>() -> Version {
    match LEVEL {
        4 => Version::V3_1_1,
        _ => Version::V5,
    }
}

/// Here CONNACK and SUBACK come from the Server, all other packets from the Client.
#[inline]
fn dialect<const LEVEL: u8>(first: u8) -> Dialect {
    match first >> 4 {
        2 | 9 => Dialect::from_server(level::<LEVEL>()),
        _ => Dialect::from_client(level::<LEVEL>()),
    }
}

#[inline]
fn fields<const LEVEL: u8, F: Fields>(packet: &Packet, to: &mut F) {
    let v5 = LEVEL == 5;
    match packet {
        Packet::Connect(p) => connect(p, to),
        Packet::ConnAck(p) => {
            let code = match ReturnCode::try_from(p.reason_code) {
                Ok(code) if !v5 => code as u8,
                _ => p.reason_code as u8,
            };
            to.connack(p.session_present, code);
        }
        Packet::Publish(p) => {
            let topic = p.topic_name.as_ref().map_or(&b""[..], |it| it.as_bytes());
            let flags = (p.delivery.dup(), p.delivery.qos() as u8, p.retain);
            let id = p.delivery.packet_id().map(|id| id.get());
            to.publish(flags, topic, id, p.payload);
            properties(p.properties, to);
        }
        Packet::PubAck(p) => {
            to.identified(4, p.packet_id.get());
            if v5 {
                to.code(p.reason_code as u8);
            }
        }
        Packet::Subscribe(p) => {
            to.identified(8, p.packet_id.get());
            for subscription in p.subscriptions {
                let o = subscription.options;
                let handling = o.retain_handling as u8;
                let options = options(o.qos as u8, o.no_local, o.retain_as_published, handling);
                to.filter(subscription.filter.as_bytes(), options);
            }
        }
        Packet::SubAck(p) => {
            to.identified(9, p.packet_id.get());
            for code in p.reason_codes {
                to.code(code as u8);
            }
        }
        Packet::PingReq => to.kind(12),
        Packet::Disconnect(p) => {
            to.kind(14);
            if v5 {
                to.code(p.reason_code as u8);
            }
        }
        _ => (),
    }
}

fn connect<F: Fields>(packet: &Connect, to: &mut F) {
    to.connect(
        packet.clean_start,
        packet.keep_alive,
        packet.client_id.as_bytes(),
    );
    properties(packet.properties, to);
    if let Some(Will {
        qos,
        retain,
        properties: will,
        topic,
        payload,
    }) = packet.will
    {
        to.will(qos as u8, retain, topic.as_bytes(), payload);
        properties(will, to);
    }
    let user = packet.user_name.as_ref().map(|it| it.as_bytes());
    to.login(user, packet.password);
}

#[inline]
fn properties<F: Fields>(properties: Properties, to: &mut F) {
    for property in properties {
        match property {
            Property::SessionExpiryInterval(value) => to.number(Field::SessionExpiry, value),
            Property::ReceiveMaximum(value) => {
                to.number(Field::ReceiveMaximum, value.get().into());
            }
            Property::WillDelayInterval(value) => to.number(Field::WillDelay, value),
            Property::TopicAlias(value) => to.number(Field::TopicAlias, value.get().into()),
            Property::MessageExpiryInterval(value) => to.number(Field::MessageExpiry, value),
            Property::ContentType(value) => to.bytes(Field::ContentType, value.as_bytes()),
            Property::UserProperty(name, value) => {
                to.user_property(name.as_bytes(), value.as_bytes());
            }
            _ => (),
        }
    }
}
