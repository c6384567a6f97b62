//! `mqtt-wire`: from a slice, from a decoder that lends packets or returns frames, built by the
//! user, and fanned out.
//!
//! Every rule is checked; lists and properties are walked item by item. All packets of an input
//! come from one side, as on a connection, so its dialect is chosen once.

use bytes::{BufMut, Bytes, BytesMut};
use mqtt_wire::fanout::{Envelope, SharedPublish};
use mqtt_wire::stream::PublishHead;
use mqtt_wire::{
    Codec, Connect, Delivery, Dialect, Frame, FrameDecoder, FrameRef, Limits, NextFrame, Packet,
    PacketBuf, PacketId, Properties, Property, Publish, ReasonCodes, ReturnCode, Subscriptions,
    Version, Will,
};

use tokio_util::codec::Decoder as _;

use crate::fields::{Field, Fields, options};
use crate::peer::{FanOut, Filled, HeadAndPayload, Kind, Open, Output, Peer, Task};
use crate::workload::{self, LARGE, Wire};

/// Decodes from a slice into a variable: `let packet = frame.decode(dialect)?`. Encodes decoded
/// packets, whose lists are already checked, into a slice.
pub struct Slice<const LEVEL: u8>;

/// Decodes packets that a [`FrameDecoder`] lends: `let packet = decoder.next_packet()?`.
pub struct Lent<const LEVEL: u8>;

/// Decodes frames that a [`FrameDecoder`] returns. They share its buffer and can be kept.
pub struct Frames<const LEVEL: u8>;

/// Decodes from a slice, and passes a reference to the packet to a function that is not inlined.
/// The packet then has to be written to memory as a whole.
pub struct PassedOn<const LEVEL: u8>;

/// Makes owned packets of the frames that a [`FrameDecoder`] returns. They are checked and lend their
/// fields.
pub struct Owned<const LEVEL: u8>;

/// Reads the packets that [`Codec`] returns, which is the [`Decoder`] of `tokio_util`.
pub struct Tokio<const LEVEL: u8>;

/// Encodes packets whose lists the user lends into a `BytesMut`. The lists are checked while
/// encoding.
pub struct Built<const LEVEL: u8>;

/// Encodes the head of a PUBLISH of 64 KiB, and passes on its payload, which is reference-counted.
/// A vectored write sends both.
pub struct SharedPayload<const LEVEL: u8>;

/// Encodes the packet for each receiver.
pub struct EncodeEach<const LEVEL: u8>;

/// Encodes the message once, as a [`SharedPublish`], and copies its pieces to each receiver.
pub struct Shared<const LEVEL: u8>;

/// Encodes the packet once, as [`Copies`](mqtt_wire::fanout::Copies), and appends a copy for each
/// receiver.
pub struct Copied<const LEVEL: u8>;

impl<const LEVEL: u8> Peer for Slice<LEVEL> {
    const NAME: &'static str = "mqtt-wire";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Encode, Task::Frame];

    type Input = Stream<LEVEL>;
    type Packet = Packet<'static>;
    type Output = Connection<LEVEL, Filled>;

    #[inline(always)]
    fn decode(input: &mut Stream<LEVEL>) -> Option<Packet<'static>> {
        input.frame()?.decode(input.dialect).ok()
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        fields::<LEVEL, F>(packet, to);
    }

    fn encode(packet: &mut Packet, to: &mut Self::Output) -> Option<()> {
        to.out.len = packet.encode_to_slice(to.dialect, &mut to.out.room).ok()?;
        Some(())
    }

    #[inline(always)]
    fn skip(input: &mut Stream<LEVEL>) -> Option<()> {
        input.frame().map(drop)
    }
}

impl<const LEVEL: u8> Peer for PassedOn<LEVEL> {
    const NAME: &'static str = "mqtt-wire, passed on";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode];

    type Input = Stream<LEVEL>;
    type Packet = Packet<'static>;
    type Output = Connection<LEVEL, Filled>;

    #[inline(always)]
    fn decode(input: &mut Stream<LEVEL>) -> Option<Packet<'static>> {
        Slice::decode(input)
    }

    #[inline(never)]
    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        fields::<LEVEL, F>(packet, to);
    }

    fn encode(packet: &mut Packet<'static>, to: &mut Self::Output) -> Option<()> {
        Slice::encode(packet, to)
    }
}

impl<const LEVEL: u8> Peer for Lent<LEVEL> {
    const NAME: &'static str = "mqtt-wire, lent";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode];

    type Input = Decoder<LEVEL>;
    type Packet = ();
    type Output = BytesMut;

    /// A lent packet cannot be returned from here: it borrows from the decoder.
    fn decode(_: &mut Decoder<LEVEL>) -> Option<()> {
        None
    }

    fn fields<F: Fields>((): &(), _: &mut F) {}

    #[inline(always)]
    fn visit<F: Fields>(input: &mut Decoder<LEVEL>, to: &mut F) -> Option<()> {
        let packet = input.decoder.next_packet().ok()??;
        fields::<LEVEL, F>(&packet, to);
        Some(())
    }

    fn encode((): &mut (), _: &mut BytesMut) -> Option<()> {
        None
    }
}

impl<const LEVEL: u8> Peer for Frames<LEVEL> {
    const NAME: &'static str = "mqtt-wire, frames";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Frame];

    type Input = Decoder<LEVEL>;
    type Packet = (Dialect, Frame);
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut Decoder<LEVEL>) -> Option<(Dialect, Frame)> {
        match input.decoder.next_frame() {
            Ok(NextFrame::Frame(frame)) => Some((input.dialect, frame)),
            _ => None,
        }
    }

    #[inline(always)]
    fn fields<F: Fields>((dialect, frame): &(Dialect, Frame), to: &mut F) {
        if let Ok(packet) = frame.decode(*dialect) {
            fields::<LEVEL, F>(&packet, to);
        }
    }

    /// A frame is not encoded, because it already has its bytes.
    fn encode(_: &mut (Dialect, Frame), _: &mut BytesMut) -> Option<()> {
        None
    }

    #[inline(always)]
    fn skip(input: &mut Decoder<LEVEL>) -> Option<()> {
        Self::decode(input).map(drop)
    }
}

impl<const LEVEL: u8> Peer for Owned<LEVEL> {
    const NAME: &'static str = "mqtt-wire, owned";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Frame];
    const CELLS: &'static [&'static str] = &["PUBLISH 16 B", "PUBACK"];

    type Input = Decoder<LEVEL>;
    type Packet = PacketBuf;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut Decoder<LEVEL>) -> Option<PacketBuf> {
        match input.decoder.next_frame() {
            Ok(NextFrame::Frame(frame)) => PacketBuf::new(frame, input.dialect).ok(),
            _ => None,
        }
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &PacketBuf, to: &mut F) {
        fields::<LEVEL, F>(&packet.packet(), to);
    }

    /// An owned packet is not encoded, because it already has its bytes.
    fn encode(_: &mut PacketBuf, _: &mut BytesMut) -> Option<()> {
        None
    }

    #[inline(always)]
    fn skip(input: &mut Decoder<LEVEL>) -> Option<()> {
        Self::decode(input).map(drop)
    }
}

impl<const LEVEL: u8> Peer for Tokio<LEVEL> {
    const NAME: &'static str = "mqtt-wire, Codec";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Decode, Task::Frame];
    const CELLS: &'static [&'static str] = &["PUBLISH 16 B", "PUBACK"];

    type Input = Client<LEVEL>;
    type Packet = PacketBuf;
    type Output = BytesMut;

    #[inline(always)]
    fn decode(input: &mut Client<LEVEL>) -> Option<PacketBuf> {
        input.codec.decode(&mut input.buffer).ok()?
    }

    #[inline(always)]
    fn fields<F: Fields>(packet: &PacketBuf, to: &mut F) {
        fields::<LEVEL, F>(&packet.packet(), to);
    }

    /// An owned packet is not encoded, because it already has its bytes.
    fn encode(_: &mut PacketBuf, _: &mut BytesMut) -> Option<()> {
        None
    }

    #[inline(always)]
    fn skip(input: &mut Client<LEVEL>) -> Option<()> {
        Self::decode(input).map(drop)
    }
}

impl<const LEVEL: u8> Peer for Built<LEVEL> {
    const NAME: &'static str = "mqtt-wire, built";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Encode];

    type Input = Stream<LEVEL>;
    type Packet = Packet<'static>;
    type Output = Connection<LEVEL, BytesMut>;

    fn decode(input: &mut Stream<LEVEL>) -> Option<Packet<'static>> {
        Slice::decode(input).map(lend)
    }

    fn fields<F: Fields>(packet: &Packet, to: &mut F) {
        fields::<LEVEL, F>(packet, to);
    }

    fn encode(packet: &mut Packet, to: &mut Self::Output) -> Option<()> {
        to.out.clear();
        packet.encode(to.dialect, &mut to.out).ok().map(drop)
    }
}

impl<const LEVEL: u8> Peer for SharedPayload<LEVEL> {
    const NAME: &'static str = "mqtt-wire, shared";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;
    const TASKS: &'static [Task] = &[Task::Encode];
    const CELLS: &'static [&'static str] = &[LARGE];
    const SHARES: bool = true;

    type Input = Stream<LEVEL>;
    type Packet = (Publish<'static>, Bytes);
    type Output = Connection<LEVEL, HeadAndPayload>;

    fn decode(input: &mut Stream<LEVEL>) -> Option<Self::Packet> {
        match Slice::decode(input)? {
            Packet::Publish(publish) => Some((publish, Bytes::copy_from_slice(publish.payload))),
            _ => None,
        }
    }

    fn fields<F: Fields>((publish, _): &Self::Packet, to: &mut F) {
        fields::<LEVEL, F>(&Packet::Publish(*publish), to);
    }

    fn encode((publish, payload): &mut Self::Packet, to: &mut Self::Output) -> Option<()> {
        to.out.head.clear();
        let head = PublishHead::from(*publish);
        head.encode(to.dialect, &mut to.out.head).ok()?;
        to.out.payload = payload.clone();
        Some(())
    }
}

impl<const LEVEL: u8> FanOut for EncodeEach<LEVEL> {
    const NAME: &'static str = "mqtt-wire";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;

    type Output = BytesMut;

    fn fan_out(publish: Wire, receivers: &mut [BytesMut]) -> Option<()> {
        let mut publish = received::<LEVEL>(publish)?;
        for (id, out) in (1..).zip(receivers) {
            publish.delivery = delivery(id)?;
            Packet::from(publish).encode(server::<LEVEL>(), out).ok()?;
        }
        Some(())
    }
}

impl<const LEVEL: u8> FanOut for Shared<LEVEL> {
    const NAME: &'static str = "mqtt-wire, shared";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;

    type Output = BytesMut;

    fn fan_out(publish: Wire, receivers: &mut [BytesMut]) -> Option<()> {
        let shared = shared::<LEVEL>(publish)?;
        for (id, out) in (1..).zip(receivers) {
            let mut envelope = Envelope::new(server::<LEVEL>());
            envelope.delivery = delivery(id)?;
            for chunk in shared.copy_for(envelope).ok()?.chunks() {
                out.put_slice(chunk);
            }
        }
        Some(())
    }
}

impl<const LEVEL: u8> FanOut for Copied<LEVEL> {
    const NAME: &'static str = "mqtt-wire, copies";
    const VERSION: workload::Version = version(LEVEL);
    const KIND: Kind = Kind::Ours;

    type Output = BytesMut;

    fn fan_out(publish: Wire, receivers: &mut [BytesMut]) -> Option<()> {
        let shared = shared::<LEVEL>(publish)?;
        let mut envelope = Envelope::new(server::<LEVEL>());
        envelope.delivery = delivery(1)?;
        let copies = shared.copies(envelope).ok()?;
        for (id, out) in (1..).zip(receivers) {
            copies.append_with_id(PacketId::new(id)?, false, out).ok()?;
            if let Some(payload) = copies.payload() {
                out.put_slice(payload);
            }
        }
        Some(())
    }
}

fn received<const LEVEL: u8>(publish: Wire) -> Option<Publish<'static>> {
    match Packet::decode(publish, Dialect::from_client(level::<LEVEL>())) {
        Ok(Packet::Publish(publish)) => Some(publish),
        _ => None,
    }
}

fn shared<const LEVEL: u8>(publish: Wire) -> Option<SharedPublish> {
    let publish = received::<LEVEL>(publish)?;
    let payload = Bytes::copy_from_slice(publish.payload);
    SharedPublish::new(publish.topic_name?, publish.properties, payload).ok()
}

fn delivery(id: u16) -> Option<Delivery> {
    let packet_id = PacketId::new(id)?;
    Some(Delivery::AtLeastOnce {
        packet_id,
        dup: false,
    })
}

const fn server<const LEVEL: u8>() -> Dialect {
    Dialect::from_server(level::<LEVEL>())
}

/// The bytes of a connection.
pub struct Stream<const LEVEL: u8> {
    dialect: Dialect,
    rest: Wire,
}

impl<const LEVEL: u8> Open for Stream<LEVEL> {
    fn open(rest: Wire) -> Self {
        let dialect = dialect_of::<LEVEL>(rest);
        Stream { dialect, rest }
    }
}

impl<const LEVEL: u8> Stream<LEVEL> {
    #[inline(always)]
    fn frame(&mut self) -> Option<FrameRef<'static>> {
        match FrameRef::split(self.rest, self.dialect, u32::MAX) {
            Ok(NextFrame::Frame(frame)) => {
                self.rest = &self.rest[frame.bytes().len()..];
                Some(frame)
            }
            _ => None,
        }
    }
}

/// A decoder that has received all bytes of a connection.
pub struct Decoder<const LEVEL: u8> {
    dialect: Dialect,
    decoder: FrameDecoder,
}

impl<const LEVEL: u8> Open for Decoder<LEVEL> {
    fn open(wire: Wire) -> Self {
        let dialect = dialect_of::<LEVEL>(wire);
        let mut decoder = FrameDecoder::new(dialect, Limits::default());
        decoder.extend(wire);
        Decoder { dialect, decoder }
    }
}

impl<const LEVEL: u8> Decoder<LEVEL> {
    pub fn receive(&mut self, wire: Wire) {
        self.decoder.extend(wire);
    }
}

/// A client that has received all bytes of a connection. The packets of its cells may come from
/// either side.
pub struct Client<const LEVEL: u8> {
    codec: Codec,
    buffer: BytesMut,
}

impl<const LEVEL: u8> Open for Client<LEVEL> {
    fn open(wire: Wire) -> Self {
        Client {
            codec: Codec::client(level::<LEVEL>(), Limits::default()),
            buffer: BytesMut::open(wire),
        }
    }
}

/// An output with the dialect of its connection.
pub struct Connection<const LEVEL: u8, O> {
    dialect: Dialect,
    out: O,
}

impl<const LEVEL: u8, O: Output> Output for Connection<LEVEL, O> {
    fn create(wire: Wire) -> Self {
        Connection {
            dialect: dialect_of::<LEVEL>(wire),
            out: O::create(wire),
        }
    }

    fn clear(&mut self) {
        self.out.clear();
    }

    fn written(&mut self) -> Vec<u8> {
        self.out.written()
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

/// A workload that begins with a SUBACK comes from the Server, any other from the Client.
fn dialect_of<const LEVEL: u8>(wire: Wire) -> Dialect {
    match wire.first() {
        Some(0x90) => server::<LEVEL>(),
        _ => Dialect::from_client(level::<LEVEL>()),
    }
}

#[inline(always)]
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

#[inline(always)]
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

#[inline(always)]
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
