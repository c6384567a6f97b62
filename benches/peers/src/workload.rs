//! The bytes that every codec works on. They are written by hand, so that they depend on no codec's
//! encoder.

use std::fmt;

use crate::fields::{Field, Fields, Log};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V4,
    V5,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V4 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}

/// Bytes that live as long as the program, so that codecs which borrow from them need no
/// lifetime.
pub type Wire = &'static [u8];

/// One column of the tables: a buffer full of packets of one shape.
pub struct Cell {
    pub name: &'static str,
    pub version: Version,
    pub wire: Wire,
    pub packets: u32,
    pub expected: Log,
    /// Where the packets end in `wire`.
    ends: Vec<usize>,
}

impl Cell {
    /// Packets of the cell in which one string is not UTF-8: the first packet of each type, once for
    /// each of its strings.
    pub fn not_utf8(&self) -> impl Iterator<Item = Wire> {
        let mut seen = [false; 16];
        let starts = std::iter::once(&0).chain(&self.ends);
        let packets = starts.zip(&self.ends).zip(self.expected.strings());
        packets.flat_map(move |((&start, &end), strings)| {
            let packet = &self.wire[start..end];
            let new = !std::mem::replace(&mut seen[usize::from(packet[0] >> 4)], true);
            let strings = if new { strings } else { Vec::new() };
            let broken = strings.into_iter().map(|text| -> Wire {
                let mut field = Vec::new();
                string(&mut field, text);
                let place = packet.windows(field.len()).position(|it| it == field);
                let mut packet = packet.to_vec();
                packet[place.expect("the packet has this string") + 2] = 0xFF;
                packet.leak()
            });
            broken.collect::<Vec<_>>()
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name, self.version)
    }
}

type Shape = fn(&mut Writer, u16);

/// The cell whose payload is large enough to be passed on instead of copied.
pub const LARGE: &str = "PUBLISH 64 KiB";

/// Each shape, its number of packets, and whether 3.1.1 has it too. With about 1000 packets,
/// reading the clock costs little; the large packets still fit into a cache.
const SHAPES: [(&str, Shape, u16, bool); 7] = [
    ("CONNECT", Writer::connect, 1000, true),
    ("PUBLISH 16 B", Writer::small, 1000, true),
    ("PUBLISH 256 B, properties", Writer::rich, 1000, false),
    (LARGE, Writer::large, 16, true),
    ("PUBACK", Writer::puback, 1000, true),
    ("SUBSCRIBE 10", Writer::subscribe, 1000, true),
    ("SUBACK 10", Writer::suback, 1000, true),
];

pub fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for version in [Version::V4, Version::V5] {
        for (name, shape, packets, both) in SHAPES {
            if both || version == Version::V5 {
                cells.push(cell(name, version, &vec![shape; packets.into()]));
            }
        }
        cells.push(cell("mixed", version, &mixed()));
        cells.push(cell("64 KiB buffer", version, &small_packets()));
    }
    cells
}

/// The cells for fan-out: one PUBLISH, and a copy of it for each of 1000 receivers.
pub fn fan_out_cells() -> Vec<Cell> {
    let shapes: [(&str, Shape); 2] = [
        ("PUBLISH 16 B", Writer::message),
        ("PUBLISH 256 B", Writer::message_with_properties),
    ];
    let mut cells = Vec::new();
    for version in [Version::V4, Version::V5] {
        for (name, shape) in shapes {
            let received = cell(name, version, &[shape]);
            let sent = cell(name, version, &[shape; 1000]);
            cells.push(Cell {
                wire: received.wire,
                ..sent
            });
        }
    }
    cells
}

/// The cells for framing alone: tiny packets, all from the Client.
pub fn framing_cells() -> Vec<Cell> {
    let shapes: [(&str, Shape); 3] = [
        ("PINGREQ", Writer::pingreq),
        ("PUBACK", Writer::puback),
        ("PUBLISH 16 B", Writer::small),
    ];
    [Version::V4, Version::V5]
        .into_iter()
        .flat_map(|version| shapes.map(|(name, shape)| cell(name, version, &[shape; 1000])))
        .collect()
}

fn cell(name: &'static str, version: Version, shapes: &[Shape]) -> Cell {
    let mut writer = Writer {
        version,
        wire: Vec::new(),
        log: Log::default(),
    };
    let mut ends = Vec::new();
    for (i, shape) in (1..).zip(shapes) {
        shape(&mut writer, i);
        ends.push(writer.wire.len());
    }
    let packets = shapes.len() as u32;
    Cell {
        name,
        version,
        wire: writer.wire.leak(),
        packets,
        expected: writer.log,
        ends,
    }
}

/// 70 % small PUBLISH, 20 % PUBACK, 5 % PINGREQ, 3 % SUBSCRIBE, 2 % CONNECT and DISCONNECT, shuffled
/// in the same way each time. All come from Clients.
fn mixed() -> Vec<Shape> {
    let shares: [(Shape, usize); 6] = [
        (Writer::small, 700),
        (Writer::puback, 200),
        (Writer::pingreq, 50),
        (Writer::subscribe, 30),
        (Writer::connect, 10),
        (Writer::disconnect, 10),
    ];
    let mut shapes: Vec<_> = shares
        .iter()
        .flat_map(|&(shape, n)| vec![shape; n])
        .collect();
    let mut random: u64 = 1;
    for i in (1..shapes.len()).rev() {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        shapes.swap(i, (random >> 33) as usize % (i + 1));
    }
    shapes
}

/// Small PUBLISH and PUBACK in turn, as many as fit into 64 KiB in 5.0, like the bytes that one read
/// of a busy socket returns.
fn small_packets() -> Vec<Shape> {
    let both: [Shape; 2] = [Writer::small, Writer::puback];
    let (publish, puback) = (2 + 22 + 1 + 16, 2 + 2);
    both.repeat((64 << 10) / (publish + puback))
}

struct Writer {
    version: Version,
    wire: Vec<u8>,
    log: Log,
}

impl Writer {
    fn v5(&self) -> bool {
        self.version == Version::V5
    }

    fn packet(&mut self, first: u8, body: &[u8]) {
        self.wire.push(first);
        varint(&mut self.wire, body.len());
        self.wire.extend(body);
    }

    /// A property section, which only 5.0 has.
    fn properties(&mut self, body: &mut Vec<u8>, write: impl FnOnce(&mut Section)) {
        if self.v5() {
            let log = &mut self.log;
            let mut section = Section {
                bytes: Vec::new(),
                log,
            };
            write(&mut section);
            varint(body, section.bytes.len());
            body.extend(section.bytes);
        }
    }

    fn connect(&mut self, i: u16) {
        let client = format!("gateway-{i:08}");
        let topic = format!("gateways/{i:05}/status");
        let (payload, user, password) = (b"offline", "gateway", b"correct horse");
        self.log.connect(true, 60, &client);
        self.log.will(1, true, &topic, payload);
        self.log.login(Some(user), Some(password));

        let mut body = Vec::new();
        string(&mut body, "MQTT");
        body.push(if self.v5() { 5 } else { 4 });
        body.push(0b1110_1110); // user, password, Will retained, QoS 1, Will, clean
        body.extend(60u16.to_be_bytes());
        self.properties(&mut body, |section| {
            section.number(Field::SessionExpiry, 0x11, &3600u32.to_be_bytes());
            section.number(Field::ReceiveMaximum, 0x21, &100u16.to_be_bytes());
            section.user_property("region", "eu-central");
            section.user_property("firmware", "1.4.2");
        });
        string(&mut body, &client);
        self.properties(&mut body, |section| {
            section.number(Field::WillDelay, 0x18, &30u32.to_be_bytes());
        });
        string(&mut body, &topic);
        string(&mut body, payload);
        string(&mut body, user);
        string(&mut body, password);
        self.packet(0x10, &body);
    }

    fn publish(
        &mut self,
        id: Option<u16>,
        topic: &str,
        payload: &[u8],
        properties: impl FnOnce(&mut Section),
    ) {
        let qos = id.is_some().into();
        self.log.publish((false, qos, false), topic, id, payload);
        let mut body = Vec::new();
        string(&mut body, topic);
        body.extend(id.into_iter().flat_map(u16::to_be_bytes));
        self.properties(&mut body, properties);
        body.extend(payload);
        self.packet(0x30 | qos << 1, &body);
    }

    fn small(&mut self, i: u16) {
        let topic = format!("sensors/{i:05}/status");
        self.publish(None, &topic, &[b'1'; 16], |_| ());
    }

    fn large(&mut self, i: u16) {
        let topic = format!("sensors/{i:05}/images");
        self.publish(None, &topic, &[i as u8; 65536], |_| ());
    }

    fn rich(&mut self, i: u16) {
        let topic = format!("sites/hamburg/line-3/machine/{i:05}/state");
        self.publish(Some(i), &topic, &[b'2'; 256], |section| {
            section.number(Field::MessageExpiry, 0x02, &600u32.to_be_bytes());
            section.string(Field::ContentType, 0x03, "application/json");
            section.number(Field::TopicAlias, 0x23, &i.to_be_bytes());
            section.user_property("trace", "4bf92f3577b34da6");
        });
    }

    fn message(&mut self, i: u16) {
        self.publish(Some(i), "building/7/floor/3/t", &[b'3'; 16], |_| ());
    }

    /// Properties that a Server forwards.
    fn message_with_properties(&mut self, i: u16) {
        let topic = "building/7/floor/3/machine/4711/state";
        self.publish(Some(i), topic, &[b'4'; 256], |section| {
            section.number(Field::MessageExpiry, 0x02, &600u32.to_be_bytes());
            section.string(Field::ContentType, 0x03, "application/json");
            section.user_property("trace", "4bf92f3577b34da6");
        });
    }

    /// In v5.0 the short form, which means success without a reason code.
    fn puback(&mut self, i: u16) {
        self.log.identified(4, i);
        if self.v5() {
            self.log.code(0);
        }
        self.packet(0x40, &i.to_be_bytes());
    }

    fn subscribe(&mut self, i: u16) {
        self.log.identified(8, i);
        let mut body = i.to_be_bytes().to_vec();
        self.properties(&mut body, |_| ());
        for n in 0..10u8 {
            let filter = format!("sensors/{n:02}/+/status");
            let (qos, flags, handling) = (n % 3, n & 0b11, n % 3);
            let more = (flags << 2) | (handling << 4);
            let options = if self.v5() { qos | more } else { qos };
            self.log.filter(&filter, options);
            string(&mut body, &filter);
            body.push(options);
        }
        self.packet(0x82, &body);
    }

    fn suback(&mut self, i: u16) {
        self.log.identified(9, i);
        let mut body = i.to_be_bytes().to_vec();
        self.properties(&mut body, |_| ());
        for code in [0, 1, 2, 0, 1, 2, 0, 1, 2, 0x80] {
            self.log.code(code);
            body.push(code);
        }
        self.packet(0x90, &body);
    }

    fn pingreq(&mut self, _: u16) {
        self.log.kind(12);
        self.packet(0xC0, &[]);
    }

    /// In 5.0 the long form, because not every decoder accepts the short one.
    fn disconnect(&mut self, _: u16) {
        self.log.kind(14);
        let mut body = Vec::new();
        if self.v5() {
            self.log.code(0);
            body.push(0);
        }
        self.properties(&mut body, |_| ());
        self.packet(0xE0, &body);
    }
}

fn varint(to: &mut Vec<u8>, mut value: usize) {
    while value > 0x7F {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn string(to: &mut Vec<u8>, value: impl AsRef<[u8]>) {
    let value = value.as_ref();
    to.extend((value.len() as u16).to_be_bytes());
    to.extend(value);
}

/// The properties of one packet, or of its Will.
struct Section<'a> {
    bytes: Vec<u8>,
    log: &'a mut Log,
}

impl Section<'_> {
    fn number(&mut self, field: Field, id: u8, value: &[u8]) {
        self.bytes.push(id);
        self.bytes.extend(value);
        let number = value.iter().fold(0, |n, &byte| n << 8 | u32::from(byte));
        self.log.number(field, number);
    }

    fn string(&mut self, field: Field, id: u8, value: &str) {
        self.bytes.push(id);
        string(&mut self.bytes, value);
        self.log.bytes(field, value);
    }

    fn user_property(&mut self, name: &str, value: &str) {
        self.string(Field::PropertyName, 0x26, name);
        string(&mut self.bytes, value);
        self.log.bytes(Field::PropertyValue, value);
    }
}
