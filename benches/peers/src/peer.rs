//! The interface of a codec, and what its implementations share.

use std::io::IoSlice;

use bytes::{Bytes, BytesMut};

use crate::fields::Fields;
use crate::workload::{Version, Wire};

/// A codec for one version of the protocol.
pub trait Peer {
    const NAME: &'static str;
    const VERSION: Version;
    const KIND: Kind = Kind::Peer;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Encode];
    /// The names of the cells to measure. Empty for all cells.
    const CELLS: &'static [&'static str] = &[];
    /// Whether encoding passes on a large payload instead of copying it.
    const SHARES: bool = false;
    /// Whether its allocations are counted, which is impossible in C.
    const COUNTS_ALLOCATIONS: bool = true;
    /// Whether encoding consumes the packet. Every run then needs new packets, which are made
    /// outside the measured time.
    const CONSUMES: bool = false;

    /// The input of decoding, made outside the measured time.
    type Input: Open;
    type Packet: Clone;
    /// The output of encoding. It is reused for every packet.
    type Output: Output;

    /// Decodes the next packet at the front of the input, as the documentation of the codec shows.
    /// Always inlined; see [`visit`](Self::visit).
    fn decode(input: &mut Self::Input) -> Option<Self::Packet>;

    /// Reports every field. Lists and properties are walked item by item. Always inlined.
    fn fields<F: Fields>(packet: &Self::Packet, to: &mut F);

    /// Decodes the next packet into a variable and looks at its fields in the same function, as
    /// users do. A compiler that sees both need not write the whole packet to memory.
    #[inline(always)]
    fn visit<F: Fields>(input: &mut Self::Input, to: &mut F) -> Option<()> {
        let packet = Self::decode(input)?;
        Self::fields(&packet, to);
        Some(())
    }

    /// Writes the packet. `Written::written` then returns the bytes of this packet alone.
    fn encode(packet: &mut Self::Packet, out: &mut Self::Output) -> Option<()>;

    /// Skips the next packet without decoding it, for codecs with public framing.
    fn skip(_: &mut Self::Input) -> Option<()> {
        None
    }

    /// The codec's answer to the bytes of one packet. Overridden where the codec can ask for more
    /// bytes, or where [`decode`](Self::decode) handles only the packet types of the workload.
    fn verdict(bytes: Wire) -> Verdict {
        match Self::decode(&mut Self::Input::open(bytes)) {
            Some(_) => Verdict::Accepts,
            None => Verdict::Refuses,
        }
    }
}

/// Sends one PUBLISH that has arrived to many receivers.
pub trait FanOut {
    const NAME: &'static str;
    const VERSION: Version;
    const KIND: Kind = Kind::Peer;

    /// The output of one receiver.
    type Output: Output;

    /// Decodes the PUBLISH and writes a copy for each receiver, with QoS 1 and the Packet
    /// Identifiers 1, 2, 3 and so on.
    fn fan_out(publish: Wire, receivers: &mut [Self::Output]) -> Option<()>;
}

/// The abilities of a codec.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Decode,
    Encode,
    /// Finding where packets end, without decoding them.
    Frame,
    /// Writing one PUBLISH for many receivers.
    FanOut,
}

impl Task {
    pub const ALL: [Self; 4] = [Self::Decode, Self::Encode, Self::Frame, Self::FanOut];

    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "Decode",
            Self::Encode => "Encode",
            Self::Frame => "Framing alone",
            Self::FanOut => "Fan-out",
        }
    }
}

/// A codec's answer to the bytes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepts,
    Refuses,
    /// It asks for more bytes.
    Waits,
    Panics,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A lower bound. It reads and reports only the strings.
    Floor,
    Ours,
    Peer,
}

/// An input before its first packet.
pub trait Open {
    fn open(wire: Wire) -> Self;
}

impl Open for Wire {
    fn open(wire: Wire) -> Self {
        wire
    }
}

/// A read buffer like that of a connection. It has some spare capacity, so that a codec which
/// reserves a little does not move the bytes.
impl Open for BytesMut {
    fn open(wire: Wire) -> Self {
        let mut buffer = BytesMut::with_capacity(wire.len() + 64);
        buffer.extend_from_slice(wire);
        buffer
    }
}

/// For codecs that keep state between packets.
impl<C: Default, I: Open> Open for (C, I) {
    fn open(wire: Wire) -> Self {
        (C::default(), I::open(wire))
    }
}

/// An output of encoding.
pub trait Output {
    /// An output for packets like those on this wire.
    fn create(wire: Wire) -> Self;

    fn clear(&mut self);

    /// Its bytes, for the check.
    fn written(&mut self) -> Vec<u8>;
}

impl Output for Vec<u8> {
    fn create(_: Wire) -> Self {
        Vec::new()
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn written(&mut self) -> Vec<u8> {
        self.clone()
    }
}

impl Output for BytesMut {
    fn create(_: Wire) -> Self {
        BytesMut::new()
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn written(&mut self) -> Vec<u8> {
        self.to_vec()
    }
}

/// A head, and the payload that a vectored write sends after it.
#[derive(Default)]
pub struct HeadAndPayload {
    pub head: BytesMut,
    pub payload: Bytes,
}

impl Output for HeadAndPayload {
    fn create(_: Wire) -> Self {
        Self::default()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn written(&mut self) -> Vec<u8> {
        [&self.head[..], &self.payload].concat()
    }
}

/// The parts of a packet, for a vectored write.
impl Output for Vec<IoSlice<'static>> {
    fn create(_: Wire) -> Self {
        Vec::new()
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn written(&mut self) -> Vec<u8> {
        self.iter().flat_map(|part| part.to_vec()).collect()
    }
}

/// For encoders that fill a slice. It has room for any packet of the workload.
pub struct Filled {
    pub room: Box<[u8]>,
    pub len: usize,
}

impl Output for Filled {
    fn create(_: Wire) -> Self {
        Filled {
            room: vec![0; 1 << 17].into(),
            len: 0,
        }
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn written(&mut self) -> Vec<u8> {
        self.room[..self.len].to_vec()
    }
}

/// The bytes of one packet, for codecs whose caller has to frame.
#[derive(Clone, Copy)]
pub struct Frame {
    pub first: u8,
    pub body: Wire,
    pub whole: Wire,
}

#[inline(always)]
pub fn frame(input: &mut Wire) -> Option<Frame> {
    let all = *input;
    let (&first, mut rest) = all.split_first()?;
    let body = split(&mut rest, varint)?;
    let whole = &all[..all.len() - rest.len()];
    *input = rest;
    Some(Frame { first, body, whole })
}

#[inline(always)]
pub fn varint(input: &mut &[u8]) -> Option<usize> {
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

/// Splits off the bytes whose length is in a prefix, which `len` reads.
#[inline(always)]
pub fn split(input: &mut Wire, len: fn(&mut Wire) -> Option<usize>) -> Option<Wire> {
    let len = len(input)?;
    input.split_off(..len)
}
