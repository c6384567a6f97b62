//! The codecs compared. To add one: a file here with a type for each protocol
//! version that implements [`Peer`], and a line for each in [`all`].

// They bring the macros of their descendants.
#[macro_use]
mod ntex_mqtt;
#[macro_use]
mod rumqttc;

pub mod floor;
mod mqtt5_protocol;
mod mqtt_codec_kit;
mod mqtt_proto;
mod mqtt_protocol_core;
mod mqtt_wire;
mod mqttbytes;
mod mqttrs;
mod mqute_codec;
mod rmqtt_codec;

use bytes::BytesMut;

use crate::fields::Fields;
use crate::measure::{Codec, Task};
use crate::workload::{Version, Wire};

/// A codec for one version of the protocol.
pub trait Peer {
    const NAME: &'static str;
    const VERSION: Version;
    const KIND: Kind = Kind::Peer;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Encode];
    /// Encoding takes the packet out of what it is given, so that every run
    /// needs new ones. They are made outside the time measured.
    const CONSUMES: bool = false;

    /// What decoding reads from, made outside the time measured.
    type Input: Open;
    type Packet: Clone;
    /// What encoding writes to. It is used again for every packet.
    type Output: Default + Written;

    /// Takes the next packet from the front of the input and shows it. To
    /// return it would move it, which for some costs more than decoding it.
    fn next(input: &mut Self::Input, show: impl FnOnce(&Self::Packet)) -> Option<()>;

    /// Reports every field, walking what the packet only gives a view of.
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F);

    /// Writes the packet; [`Written::written`] then gives its bytes alone.
    fn encode(packet: &mut Self::Packet, out: &mut Self::Output) -> Option<()>;

    /// Finds the end of the next packet and goes there, for codecs whose framing can be had alone.
    fn skip(_: &mut Self::Input) -> Option<()> {
        None
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A lower bound: it reads the strings and reports only them.
    Floor,
    Ours,
    Peer,
}

/// What every encoder's bytes are read with when they are checked.
pub use mqtt_proto::{V4 as ReferenceV4, V5 as ReferenceV5};

pub fn all() -> Vec<Codec> {
    vec![
        Codec::new::<floor::Floor<4, false>>(),
        Codec::new::<floor::Floor<5, false>>(),
        Codec::new::<floor::Floor<4, true>>(),
        Codec::new::<floor::Floor<5, true>>(),
        Codec::new::<mqtt_wire::Borrowed<4>>(),
        Codec::new::<mqtt_wire::Borrowed<5>>(),
        Codec::new::<mqtt_wire::Frames<4>>(),
        Codec::new::<mqtt_wire::Frames<5>>(),
        Codec::new::<mqtt_wire::Built<4>>(),
        Codec::new::<mqtt_wire::Built<5>>(),
        Codec::new::<mqttrs::V4>(),
        Codec::new::<rumqttc::V4>(),
        Codec::new::<rumqttc::V5>(),
        Codec::new::<mqttbytes::V4>(),
        Codec::new::<mqttbytes::V5>(),
        Codec::new::<mqtt_proto::V4>(),
        Codec::new::<mqtt_proto::V5>(),
        Codec::new::<mqtt_codec_kit::V4>(),
        Codec::new::<mqtt_codec_kit::V5>(),
        Codec::new::<mqtt_protocol_core::V4>(),
        Codec::new::<mqtt_protocol_core::V5>(),
        Codec::new::<ntex_mqtt::V4>(),
        Codec::new::<ntex_mqtt::V5>(),
        Codec::new::<rmqtt_codec::V4>(),
        Codec::new::<rmqtt_codec::V5>(),
        Codec::new::<mqute_codec::V4>(),
        Codec::new::<mqute_codec::V5>(),
        Codec::new::<mqtt5_protocol::Level<4>>(),
        Codec::new::<mqtt5_protocol::Level<5>>(),
    ]
}

/// An input as it is before the first packet.
pub trait Open {
    fn open(wire: Wire) -> Self;
}

impl Open for Wire {
    fn open(wire: Wire) -> Self {
        wire
    }
}

/// A read buffer as a connection has it: some room is left behind the bytes,
/// so that a codec which reserves a little does not move them.
impl Open for BytesMut {
    fn open(wire: Wire) -> Self {
        let mut buffer = BytesMut::with_capacity(wire.len() + 64);
        buffer.extend_from_slice(wire);
        buffer
    }
}

/// For codecs that keep a state between packets.
impl<C: Default, I: Open> Open for (C, I) {
    fn open(wire: Wire) -> Self {
        (C::default(), I::open(wire))
    }
}

/// An output whose bytes can be had for the check.
pub trait Written {
    fn written(&mut self) -> Vec<u8>;
}

impl<T: AsRef<[u8]>> Written for T {
    fn written(&mut self) -> Vec<u8> {
        self.as_ref().to_vec()
    }
}

/// For encoders that fill a slice: room for any packet of the workload.
pub struct Filled {
    pub room: Box<[u8]>,
    pub len: usize,
}

impl Default for Filled {
    fn default() -> Self {
        Filled {
            room: vec![0; 1 << 17].into(),
            len: 0,
        }
    }
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.room[..self.len]
    }
}

/// A packet's bytes, for codecs that leave the framing to their caller.
#[derive(Clone, Copy)]
pub struct Frame {
    first: u8,
    body: Wire,
    whole: Wire,
}

#[inline(always)]
fn frame(input: &mut Wire) -> Option<Frame> {
    let all = *input;
    let (&first, mut rest) = all.split_first()?;
    let body = split(&mut rest, varint)?;
    let whole = &all[..all.len() - rest.len()];
    *input = rest;
    Some(Frame { first, body, whole })
}

#[inline(always)]
fn varint(input: &mut Wire) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = *input.split_off_first()?;
        value |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Takes as many bytes as the prefix read by `len` says.
#[inline(always)]
fn split(input: &mut Wire, len: fn(&mut Wire) -> Option<usize>) -> Option<Wire> {
    let len = len(input)?;
    input.split_off(..len)
}
