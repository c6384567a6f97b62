//! The packets to measure, and the three ways to read and to write them.

use std::fmt;
use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use mqtt_wire::{Dialect, Frame, NextFrame, PacketBuf};
use rumqttc::mqttbytes::{self, v4};
use rumqttc::v5::mqttbytes::{self as mqttbytes_v5, v5};

use crate::convert;
use crate::fields::Fields;
use crate::stopwatch::{Stopwatch, Taken};

/// Reading or writing one kind of packet.
pub struct Row {
    name: String,
    pub packets: u32,
    pub ways: &'static [Way],
    check: Box<dyn Fn() -> Result<(), String>>,
    /// Reads or writes all packets, repeatedly.
    pub run: Box<dyn Fn(Way, u32) -> Taken>,
}

impl Row {
    /// Whether all ways have equal results.
    pub fn check(&self) -> Result<(), String> {
        (self.check)()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[derive(Clone, Copy)]
pub enum Way {
    /// `Packet::read` and `Packet::write` of `rumqttc`, as its own `Codec` calls them.
    Original,
    /// The public types of `rumqttc`, converted.
    Copying,
    /// [`PacketBuf`]. To write it, its bytes are appended.
    Frames,
    /// [`PacketBuf`], whose packet is encoded again, as a program does that changes a field of it.
    FramesAgain,
}

const READING: &[Way] = &[Way::Original, Way::Copying, Way::Frames];
const WRITING: &[Way] = &[Way::Original, Way::Copying, Way::Frames, Way::FramesAgain];

/// Each kind of packet: to read, then to write.
pub fn all() -> Vec<Row> {
    const PACKETS: u16 = 1000;

    fn add<C: Codec>(
        rows: &mut Vec<Row>,
        name: &str,
        dialect: Dialect,
        packet: fn(u16) -> C::Packet,
    ) {
        let packets = || (1..=PACKETS).map(packet).collect();
        rows.push(read::<C>(name, dialect, packets()));
        rows.push(write::<C>(name, dialect, packets()));
    }

    let mut rows = Vec::new();
    let client = Dialect::from_client(mqtt_wire::Version::V3_1_1);
    add::<V4>(&mut rows, "CONNECT with Will", client, V4::connect);
    add::<V4>(&mut rows, "PUBLISH 16 B", client, V4::publish);
    add::<V4>(&mut rows, "PUBACK", client, V4::puback);
    add::<V4>(&mut rows, "SUBSCRIBE 10", client, V4::subscribe);
    add::<V4>(&mut rows, "SUBACK 10", client.reply(), V4::suback);
    let client = Dialect::from_client(mqtt_wire::Version::V5);
    add::<V5>(&mut rows, "CONNECT with Will", client, V5::connect);
    add::<V5>(&mut rows, "PUBLISH 16 B", client, V5::publish);
    add::<V5>(
        &mut rows,
        "PUBLISH 16 B, 4 properties",
        client,
        V5::publish_with_properties,
    );
    add::<V5>(&mut rows, "PUBACK", client, V5::puback);
    add::<V5>(&mut rows, "SUBSCRIBE 10", client, V5::subscribe);
    add::<V5>(&mut rows, "SUBACK 10", client.reply(), V5::suback);
    rows
}

fn read<C: Codec>(name: &str, dialect: Dialect, packets: Vec<C::Packet>) -> Row {
    let mut wire = Vec::new();
    let mut buffer = BytesMut::new();
    for packet in &packets {
        // the original writes the flags of a CONNECT to a place counted from the begin of the buffer
        buffer.clear();
        C::write(packet, &mut buffer);
        wire.extend_from_slice(&buffer);
    }
    let wire = Bytes::from(wire);
    let count = packets.len() as u32;
    let checked = wire.clone();
    Row {
        name: format!("read {name}, {}", C::VERSION),
        packets: count,
        ways: READING,
        check: Box::new(move || {
            let [mut original, mut copying, mut frames] = [(); 3].map(|()| stream(&checked));
            for packet in &packets {
                let original = C::read(&mut original, |read| read == packet);
                let copying = C::convert(&mut copying, dialect, |read| read == packet);
                let frames = keep(&mut frames, dialect).packet().sum() == packet.sum();
                if !(original && copying && frames) {
                    return Err(format!(
                        "{packet:?} is read right: {original}, {copying}, {frames}"
                    ));
                }
            }
            Ok(())
        }),
        run: Box::new(move |way, runs| match way {
            Way::Original => {
                time_reading(&wire, count, runs, |stream| C::read(stream, Fields::sum))
            }
            Way::Copying => time_reading(&wire, count, runs, |stream| {
                C::convert(stream, dialect, Fields::sum)
            }),
            Way::Frames | Way::FramesAgain => time_reading(&wire, count, runs, |stream| {
                keep(stream, dialect).packet().sum()
            }),
        }),
    }
}

/// Reads `count` packets of `wire` into variables and looks at their fields.
fn time_reading(
    wire: &Bytes,
    count: u32,
    runs: u32,
    mut read: impl FnMut(&mut BytesMut) -> usize,
) -> Taken {
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        let mut stream = black_box(stream(wire));
        stopwatch.run(|| {
            let mut sum = 0_usize;
            for _ in 0..count {
                sum = sum.wrapping_add(read(&mut stream));
            }
            black_box(sum);
        });
    }
    stopwatch.taken()
}

fn stream(wire: &Bytes) -> BytesMut {
    BytesMut::from(&wire[..])
}

#[inline(always)]
fn keep(stream: &mut BytesMut, dialect: Dialect) -> PacketBuf {
    match Frame::split(stream, dialect, u32::MAX) {
        Ok(NextFrame::Frame(frame)) => PacketBuf::new(frame, dialect).expect("a valid packet"),
        _ => panic!("no packet"),
    }
}

fn write<C: Codec>(name: &str, dialect: Dialect, packets: Vec<C::Packet>) -> Row {
    let packets: &'static [C::Packet] = packets.leak();
    let kept = packets.iter().map(|packet| {
        let mut wire = BytesMut::new();
        C::write(packet, &mut wire);
        keep(&mut wire, dialect)
    });
    let kept: Vec<_> = kept.collect();
    let again = move |packet: &PacketBuf, buffer: &mut BytesMut| {
        packet
            .packet()
            .encode(dialect, buffer)
            .expect("a valid packet");
    };
    let checked = kept.clone();
    Row {
        name: format!("write {name}, {}", C::VERSION),
        packets: packets.len() as u32,
        ways: WRITING,
        check: Box::new(move || {
            for (packet, kept) in packets.iter().zip(&checked) {
                let [mut original, mut copying, mut frames] = [(); 3].map(|()| BytesMut::new());
                C::write(packet, &mut original);
                C::convert_back(packet, dialect, &mut copying);
                again(kept, &mut frames);
                if copying != original || frames != original {
                    return Err(format!(
                        "other bytes: {original:x}, {copying:x}, {frames:x}"
                    ));
                }
            }
            Ok(())
        }),
        run: Box::new(move |way, runs| match way {
            Way::Original => time_writing(packets, runs, C::write),
            Way::Copying => time_writing(packets, runs, |packet, buffer| {
                C::convert_back(packet, dialect, buffer);
            }),
            Way::Frames => time_writing(&kept, runs, |packet, buffer| {
                buffer.extend_from_slice(packet.bytes());
            }),
            Way::FramesAgain => time_writing(&kept, runs, again),
        }),
    }
}

/// Writes all packets, one after the other, to a buffer with room.
fn time_writing<P>(packets: &[P], runs: u32, mut write: impl FnMut(&P, &mut BytesMut)) -> Taken {
    let mut buffer = BytesMut::with_capacity(1024);
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        stopwatch.run(|| {
            for packet in black_box(packets) {
                buffer.clear();
                write(packet, &mut buffer);
                black_box(&buffer);
            }
        });
    }
    stopwatch.taken()
}

/// `rumqttc` in one version, and the code that replaces it.
trait Codec: 'static {
    const VERSION: &'static str;
    type Packet: Fields + PartialEq + fmt::Debug;

    /// Passes the packet on by reference, so that nothing moves it.
    fn read<T>(stream: &mut BytesMut, to: impl FnOnce(&Self::Packet) -> T) -> T;
    fn convert<T>(
        stream: &mut BytesMut,
        dialect: Dialect,
        to: impl FnOnce(&Self::Packet) -> T,
    ) -> T;
    fn write(packet: &Self::Packet, buffer: &mut BytesMut);
    fn convert_back(packet: &Self::Packet, dialect: Dialect, buffer: &mut BytesMut);
}

struct V4;
struct V5;

impl Codec for V4 {
    const VERSION: &'static str = "3.1.1";
    type Packet = v4::Packet;

    #[inline(always)]
    fn read<T>(stream: &mut BytesMut, to: impl FnOnce(&v4::Packet) -> T) -> T {
        match v4::Packet::read(stream, usize::MAX) {
            Ok(packet) => to(&packet),
            Err(error) => panic!("{error}"),
        }
    }

    #[inline(always)]
    fn convert<T>(stream: &mut BytesMut, dialect: Dialect, to: impl FnOnce(&v4::Packet) -> T) -> T {
        match convert::v4::read(stream, dialect, u32::MAX) {
            Ok(Some(packet)) => to(&packet),
            other => panic!("{other:?}"),
        }
    }

    #[inline(always)]
    fn write(packet: &v4::Packet, buffer: &mut BytesMut) {
        packet.write(buffer, usize::MAX).expect("a valid packet");
    }

    #[inline(always)]
    fn convert_back(packet: &v4::Packet, dialect: Dialect, buffer: &mut BytesMut) {
        convert::v4::write(packet, dialect, u32::MAX, buffer).expect("a valid packet");
    }
}

impl Codec for V5 {
    const VERSION: &'static str = "5.0";
    type Packet = v5::Packet;

    #[inline(always)]
    fn read<T>(stream: &mut BytesMut, to: impl FnOnce(&v5::Packet) -> T) -> T {
        match v5::Packet::read(stream, None) {
            Ok(packet) => to(&packet),
            Err(error) => panic!("{error}"),
        }
    }

    #[inline(always)]
    fn convert<T>(stream: &mut BytesMut, dialect: Dialect, to: impl FnOnce(&v5::Packet) -> T) -> T {
        match convert::v5::read(stream, dialect, u32::MAX) {
            Ok(Some(packet)) => to(&packet),
            other => panic!("{other:?}"),
        }
    }

    #[inline(always)]
    fn write(packet: &v5::Packet, buffer: &mut BytesMut) {
        packet.write(buffer, None).expect("a valid packet");
    }

    #[inline(always)]
    fn convert_back(packet: &v5::Packet, dialect: Dialect, buffer: &mut BytesMut) {
        convert::v5::write(packet, dialect, u32::MAX, buffer).expect("a valid packet");
    }
}

/// The packets of 3.1.1, with contents that differ.
impl V4 {
    fn connect(i: u16) -> v4::Packet {
        let mut connect = v4::Connect::new(format!("gateway-{i:08}"));
        connect.keep_alive = 60;
        let topic = format!("gateways/{i:05}/status");
        let qos = mqttbytes::QoS::AtLeastOnce;
        connect.last_will = Some(v4::LastWill::new(topic, "offline", qos, true));
        connect.login = Some(v4::Login::new("gateway", "correct horse"));
        v4::Packet::Connect(connect)
    }

    fn publish(i: u16) -> v4::Packet {
        let topic = format!("sensors/{i:05}/status");
        let qos = mqttbytes::QoS::AtMostOnce;
        v4::Packet::Publish(v4::Publish::new(topic, qos, [b'1'; 16]))
    }

    fn puback(i: u16) -> v4::Packet {
        v4::Packet::PubAck(v4::PubAck::new(i))
    }

    fn subscribe(i: u16) -> v4::Packet {
        let filters = (0..10).map(|n| {
            let qos = mqttbytes::qos(n % 3).expect("a QoS");
            v4::SubscribeFilter::new(format!("sensors/{n:02}/+/status"), qos)
        });
        let mut subscribe = v4::Subscribe::new_many(filters);
        subscribe.pkid = i;
        v4::Packet::Subscribe(subscribe)
    }

    fn suback(i: u16) -> v4::Packet {
        let code = |n| match n {
            9 => v4::SubscribeReasonCode::Failure,
            n => v4::SubscribeReasonCode::Success(mqttbytes::qos(n % 3).expect("a QoS")),
        };
        v4::Packet::SubAck(v4::SubAck::new(i, (0..10).map(code).collect()))
    }
}

/// The packets of 5.0, with contents that differ.
impl V5 {
    fn connect(i: u16) -> v5::Packet {
        let user_property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let connect = v5::Connect {
            keep_alive: 60,
            client_id: format!("gateway-{i:08}"),
            clean_start: true,
            properties: Some(v5::ConnectProperties {
                session_expiry_interval: Some(3600),
                receive_maximum: Some(100),
                user_properties: vec![
                    user_property("region", "eu-central"),
                    user_property("firmware", "1.4.2"),
                ],
                ..v5::ConnectProperties::new()
            }),
        };
        let properties = v5::LastWillProperties {
            delay_interval: Some(30),
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        let topic = format!("gateways/{i:05}/status");
        let qos = mqttbytes_v5::QoS::AtLeastOnce;
        let will = v5::LastWill::new(topic, "offline", qos, true, Some(properties));
        let login = v5::Login::new("gateway", "correct horse");
        v5::Packet::Connect(connect, Some(will), Some(login))
    }

    fn publish(i: u16) -> v5::Packet {
        let topic = format!("sensors/{i:05}/status");
        let qos = mqttbytes_v5::QoS::AtMostOnce;
        v5::Packet::Publish(v5::Publish::new(topic, qos, vec![b'1'; 16], None))
    }

    fn publish_with_properties(i: u16) -> v5::Packet {
        let topic = format!("sensors/{i:05}/status");
        let properties = v5::PublishProperties {
            message_expiry_interval: Some(600),
            topic_alias: Some(i),
            content_type: Some("application/json".to_owned()),
            user_properties: vec![("trace".to_owned(), "4bf92f3577b34da6".to_owned())],
            ..v5::PublishProperties::default()
        };
        let qos = mqttbytes_v5::QoS::AtLeastOnce;
        let mut publish = v5::Publish::new(topic, qos, vec![b'1'; 16], Some(properties));
        publish.pkid = i;
        v5::Packet::Publish(publish)
    }

    fn puback(i: u16) -> v5::Packet {
        v5::Packet::PubAck(v5::PubAck::new(i, None))
    }

    fn subscribe(i: u16) -> v5::Packet {
        let filters = (0..10).map(|n| {
            let qos = mqttbytes_v5::qos(n % 3).expect("a QoS");
            let mut filter = v5::Filter::new(format!("sensors/{n:02}/+/status"), qos);
            filter.nolocal = n % 2 != 0;
            filter
        });
        let mut subscribe = v5::Subscribe::new_many(filters, None);
        subscribe.pkid = i;
        v5::Packet::Subscribe(subscribe)
    }

    fn suback(i: u16) -> v5::Packet {
        let code = |n| match n {
            9 => v5::SubscribeReasonCode::Unspecified,
            n => v5::SubscribeReasonCode::Success(mqttbytes_v5::qos(n % 3).expect("a QoS")),
        };
        v5::Packet::SubAck(v5::SubAck {
            pkid: i,
            return_codes: (0..10).map(code).collect(),
            properties: None,
        })
    }
}
