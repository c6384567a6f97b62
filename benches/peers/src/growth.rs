//! The time of our codec for each item and for each byte, from one item to as many as fit into a
//! packet.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use mqtt_wire::{
    Dialect, FrameRef, NextFrame, Packet, PacketId, Properties, Property, Publish, QoS, ReasonCode,
    ReasonCodes, SubAck, Subscribe, Subscription, Subscriptions, TopicFilter, TopicName, Utf8Str,
    Version,
};

const COUNTS: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
const PAYLOADS: [usize; 8] = [
    0,
    1,
    256,
    4 << 10,
    64 << 10,
    1 << 20,
    16 << 20,
    LONGEST_PAYLOAD,
];
/// Behind the topic name "t" and a Property Length. The Remaining Length has four bytes of seven bits.
const LONGEST_PAYLOAD: usize = 268_435_455 - 4;
/// A string has a length of two bytes.
const LONGEST_STRING: usize = 65_535;

const CLIENT: Dialect = Dialect::from_client(Version::V5);
const SERVER: Dialect = Dialect::from_server(Version::V5);

/// The least time spent on measuring each figure.
const PATIENCE: Duration = Duration::from_millis(50);

pub struct Growth {
    pub items: Vec<Series>,
    pub payload: Series,
}

pub struct Series {
    pub name: &'static str,
    pub points: Vec<Point>,
}

pub struct Point {
    pub items: usize,
    /// The bytes of all packets.
    pub bytes: usize,
    /// Nanoseconds for all packets; so is `encode`.
    pub decode: f64,
    pub encode: f64,
}

pub fn measure() -> Growth {
    let series = |name, measure: fn(usize) -> Point| Series {
        name,
        points: COUNTS.into_iter().map(measure).collect(),
    };
    Growth {
        items: vec![
            series("User Properties of a PUBLISH", user_properties),
            series("Subscription Identifiers of a PUBLISH", subscription_ids),
            series("Topic Filters of a SUBSCRIBE", filters),
            series("Reason Codes of a SUBACK", codes),
            series("levels of a Topic Name", name_levels),
            series("levels of a Topic Filter, each +", filter_levels),
            series("bytes of a User Property, ASCII", |n| text("a", n)),
            series("bytes of a User Property, none ASCII", |n| text("ü", n)),
            series("packets in a buffer", packets),
        ],
        payload: Series {
            name: "bytes of a payload",
            points: PAYLOADS.into_iter().map(payload).collect(),
        },
    }
}

fn user_properties(count: usize) -> Point {
    properties(
        Property::UserProperty(utf8("key"), utf8("value")),
        count,
        SERVER,
    )
}

fn subscription_ids(count: usize) -> Point {
    let id = mqtt_wire::SubscriptionId::new(1).expect("in range");
    properties(Property::SubscriptionIdentifier(id), count, SERVER)
}

fn properties(property: Property, count: usize, dialect: Dialect) -> Point {
    let properties = vec![property; count];
    let mut publish = Publish::new(topic("t"), b"");
    publish.properties = Properties::new(&properties);
    point(count, &[publish.into()], dialect)
}

fn filters(count: usize) -> Point {
    let filter = TopicFilter::new("sensors/+/status").expect("right");
    let subscriptions = vec![Subscription::new(filter, QoS::AtLeastOnce); count];
    subscribe(count, &subscriptions)
}

fn subscribe(items: usize, subscriptions: &[Subscription]) -> Point {
    let packet = Subscribe::new(packet_id(), Subscriptions::new(subscriptions));
    point(items, &[packet.into()], CLIENT)
}

fn codes(count: usize) -> Point {
    let codes = vec![ReasonCode::GrantedQos1; count];
    let packet = SubAck::new(packet_id(), ReasonCodes::new(&codes));
    point(count, &[Packet::SubAck(packet)], SERVER)
}

/// At most as many levels as fit; so does `filter_levels`.
fn name_levels(count: usize) -> Point {
    let count = count.min(LONGEST_STRING.div_ceil(2));
    let name = vec!["a"; count].join("/");
    point(count, &[Publish::new(topic(&name), b"").into()], CLIENT)
}

fn filter_levels(count: usize) -> Point {
    let count = count.min(LONGEST_STRING.div_ceil(2));
    let filter = vec!["+"; count].join("/");
    let filter = TopicFilter::new(&filter).expect("right");
    subscribe(count, &[Subscription::new(filter, QoS::AtLeastOnce)])
}

fn text(character: &str, bytes: usize) -> Point {
    let bytes = bytes.min(LONGEST_STRING);
    let value = character.repeat(
        bytes
            .div_ceil(character.len())
            .min(LONGEST_STRING / character.len()),
    );
    let properties = [Property::UserProperty(utf8("key"), utf8(&value))];
    let mut publish = Publish::new(topic("t"), b"");
    publish.properties = Properties::new(&properties);
    point(value.len(), &[publish.into()], CLIENT)
}

fn packets(count: usize) -> Point {
    let publish = Publish::new(topic("sensors/00001/status"), &[b'1'; 16]);
    point(count, &vec![publish.into(); count], CLIENT)
}

fn payload(bytes: usize) -> Point {
    let payload = vec![b'1'; bytes];
    point(bytes, &[Publish::new(topic("t"), &payload).into()], CLIENT)
}

fn point(items: usize, packets: &[Packet], dialect: Dialect) -> Point {
    let lengths = packets.iter().map(|packet| packet.encoded_len(dialect));
    let mut wire = vec![0; lengths.map(|length| length.expect("right")).sum()];
    let encode = time(|| {
        let mut rest = &mut wire[..];
        for packet in black_box(packets) {
            let length = packet.encode_to_slice(dialect, rest).expect("right");
            rest = &mut rest[length..];
        }
        assert!(rest.is_empty());
    });
    let read_all = || {
        let (mut rest, mut walked) = (black_box(&wire[..]), 0);
        while !rest.is_empty() {
            let Ok(NextFrame::Frame(frame)) = FrameRef::split(rest, dialect, u32::MAX) else {
                return None;
            };
            walked += walk(&frame.decode(dialect).ok()?);
            rest = &rest[frame.bytes().len()..];
        }
        Some(walked)
    };
    assert_eq!(read_all(), Some(packets.iter().map(walk).sum()));
    let decode = time(|| {
        black_box(read_all());
    });
    Point {
        items,
        bytes: wire.len(),
        decode,
        encode,
    }
}

/// Reads every item of every list.
fn walk(packet: &Packet) -> usize {
    let property = |property| match property {
        Property::UserProperty(name, value) => name.as_bytes().len() + value.as_bytes().len(),
        Property::SubscriptionIdentifier(id) => id.get() as usize,
        _ => 0,
    };
    match packet {
        Packet::Publish(p) => p.payload.len() + p.properties.iter().map(property).sum::<usize>(),
        Packet::Subscribe(p) => {
            let filters = p.subscriptions.iter();
            filters.map(|it| it.filter.as_bytes().len()).sum()
        }
        Packet::SubAck(p) => p.reason_codes.iter().map(|code| code as usize).sum(),
        _ => 0,
    }
}

/// The time of the fastest run, in nanoseconds.
fn time(mut work: impl FnMut()) -> f64 {
    const AT_ONCE: Duration = Duration::from_micros(20);
    const AT_LEAST: u32 = 7;
    let mut times = |count: u128| {
        let start = Instant::now();
        (0..count).for_each(|_| work());
        start.elapsed()
    };
    times(1);
    let batch = AT_ONCE.as_nanos().div_ceil(times(1).as_nanos().max(1));
    let (mut samples, mut fastest) = (0, Duration::MAX);
    let start = Instant::now();
    while samples < AT_LEAST || start.elapsed() < PATIENCE {
        fastest = fastest.min(times(batch));
        samples += 1;
    }
    fastest.as_nanos() as f64 / batch as f64
}

fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).expect("right")
}

fn utf8(text: &str) -> Utf8Str<'_> {
    Utf8Str::new(text).expect("right")
}

fn packet_id() -> PacketId {
    PacketId::new(1).expect("not 0")
}

impl Growth {
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for (title, nanos) in [
            ("Decode", (|point| point.decode) as fn(&Point) -> f64),
            ("Encode", |point| point.encode),
        ] {
            let _ = write!(text, "{title}: ns per item (ns per byte)\n\n| |");
            for count in COUNTS {
                let _ = write!(text, " {} |", grouped(count));
            }
            let _ = writeln!(text, "\n|---|{}", "---:|".repeat(COUNTS.len()));
            for series in &self.items {
                let _ = write!(text, "| {} |", series.name);
                for (count, point) in COUNTS.into_iter().zip(&series.points) {
                    let nanos = nanos(point);
                    let (item, byte) = (nanos / point.items as f64, nanos / point.bytes as f64);
                    let _ = write!(text, " {item:.2} ({byte:.2})");
                    if point.items < count {
                        let _ = write!(text, ", at {}", grouped(point.items));
                    }
                    text.push_str(" |");
                }
                text.push('\n');
            }
            text.push('\n');
        }
        text += "A PUBLISH by its payload: ns per packet\n\n| |";
        for point in &self.payload.points {
            let _ = write!(text, " {} |", grouped(point.items));
        }
        let _ = writeln!(text, "\n|---|{}", "---:|".repeat(PAYLOADS.len()));
        for (title, nanos) in [
            ("decode", (|point| point.decode) as fn(&Point) -> f64),
            ("encode", |point| point.encode),
            ("encode, per byte", |point| {
                point.encode / point.bytes as f64
            }),
        ] {
            let _ = write!(text, "| {title} |");
            for point in &self.payload.points {
                let nanos = nanos(point);
                let _ = if nanos < 1000.0 {
                    write!(text, " {nanos:.2} |")
                } else {
                    write!(text, " {} |", grouped(nanos as usize))
                };
            }
            text.push('\n');
        }
        text
    }
}

/// The number with commas between thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
