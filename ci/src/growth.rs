//! Proves linear time: for lists, texts and streams of ten times the length, at most eleven times as many instructions
//! are executed.

use std::hint::black_box;

use mqtt_wire::monitor::Monitor;
use mqtt_wire::{
    Dialect, FrameDecoder, FrameRef, Limits, NextFrame, Packet, TopicFilter, TopicName, Version,
    Waivers,
};

use crate::{Result, callgrind};

const CLIENT: Dialect = Dialect::from_client(Version::V5);
const SERVER: Dialect = Dialect::from_server(Version::V5);

pub fn check() -> Result {
    // The proof is worth something only if it fails for quadratic time.
    let quadratic = callgrind::count("quadratic")?;
    if quadratic.is_empty() || quadratic.iter().any(is_linear) {
        return Err("quadratic time passes for linear time".to_owned());
    }
    let counts = callgrind::count("growth")?;
    for count in &counts {
        let times = count.large as f64 / count.small as f64;
        let (small, large) = (count.small, count.large);
        println!("{small:9} {large:10}  {times:6.2} times  {}", count.name);
    }
    if counts.is_empty() || !counts.iter().all(is_linear) {
        return Err("ten times the input takes more than eleven times the instructions".to_owned());
    }
    println!(
        "growth: {} kinds of input, each in linear time",
        counts.len()
    );
    Ok(())
}

fn is_linear(count: &callgrind::Count) -> bool {
    count.large <= 11 * count.small
}

/// Does the same work with some input and with ten times as much, and prints a name for each two counts.
pub fn workload() -> Result {
    packets();
    texts();
    streams();
    Ok(())
}

/// The check has to fail for this.
pub fn quadratic_workload() -> Result {
    grows("places before each place", 300, bytes, |bytes| {
        let zeros = |end| bytes.iter().take(end).filter(|byte| **byte == 0).count();
        black_box((0..bytes.len()).map(zeros).sum::<usize>());
    });
    Ok(())
}

// ---- single packets ------------------------------------------------------------------------

fn packets() {
    let user_properties = |count| {
        let block = field(&b"\x26\0\x01a\0\x01b".repeat(count));
        frame(0x30, &[b"\0\x01t", &block[..]].concat())
    };
    grows("user properties", 600, user_properties, |packet| {
        read_and_write(packet, CLIENT);
    });
    let identifiers = |count| {
        let block = field(&b"\x0b\x01".repeat(count));
        frame(0x30, &[b"\0\x01t", &block[..]].concat())
    };
    grows("subscription identifiers", 600, identifiers, |packet| {
        read_and_write(packet, SERVER);
    });
    let subscriptions = |count| {
        let filters = b"\0\x03a/+\0".repeat(count);
        frame(0x82, &[b"\0\x01\0", &filters[..]].concat())
    };
    grows("subscriptions", 600, subscriptions, |packet| {
        read_and_write(packet, CLIENT);
    });
    let filters = |count| {
        let filters = b"\0\x03a/+".repeat(count);
        frame(0xa2, &[b"\0\x01\0", &filters[..]].concat())
    };
    grows("filters to unsubscribe", 600, filters, |packet| {
        read_and_write(packet, CLIENT);
    });
    let codes = |count| frame(0x90, &[b"\0\x01\0", &vec![1; count][..]].concat());
    grows("codes", 600, codes, |packet| read_and_write(packet, SERVER));
    let fault_at_the_end = |count| {
        let mut filters = b"\0\x03a/+\0".repeat(count);
        filters.extend(b"\0\x03a/+\x03");
        frame(0x82, &[b"\0\x01\0", &filters[..]].concat())
    };
    grows(
        "subscriptions, then a fault",
        600,
        fault_at_the_end,
        |packet| {
            black_box(Packet::decode(packet, CLIENT).unwrap_err().to_string());
        },
    );
    let waived = |count| frame(0x82, &[b"\0\0", &b"\0\x03a/+\0".repeat(count)[..]].concat());
    grows("subscriptions, with a waiver", 600, waived, |packet| {
        let dialect = Dialect::from_client(Version::V3_1_1).waiving(Waivers::PACKET_ID_ZERO);
        black_box(Packet::decode(packet, dialect).unwrap());
    });
}

/// Decodes, reads all items of the lists, and encodes again.
fn read_and_write(bytes: &[u8], dialect: Dialect) {
    let packet = Packet::decode(bytes, dialect).unwrap();
    black_box(match packet {
        Packet::Publish(it) => it.properties.iter().count(),
        Packet::Subscribe(it) => it.subscriptions.iter().count(),
        Packet::Unsubscribe(it) => it.topic_filters.iter().count(),
        Packet::SubAck(it) => it.reason_codes.iter().count(),
        _ => unreachable!(),
    });
    let mut again = vec![0; bytes.len()];
    let length = packet.encode_to_slice(dialect, &mut again);
    assert_eq!(length, Ok(bytes.len()));
}

// ---- texts and topics ----------------------------------------------------------------------

fn texts() {
    let levels = |count| vec![b'/'; count];
    grows("levels of a name", 6_000, levels, |text| {
        black_box(topic(text).levels().count());
    });
    let wildcards = |count: usize| [&b"+/".repeat(count - 1)[..], b"#"].concat();
    grows("levels of a filter", 3_000, wildcards, |text| {
        let filter = filter(text);
        black_box((filter.levels().count(), filter.has_wildcard()));
    });
    grows("levels that match", 3_000, wildcards, |text| {
        let name = vec![b'/'; text.len() / 2];
        assert!(filter(text).matches(topic(&name)));
    });
    let same = |count| b"a/".repeat(count);
    grows("levels that match until the last", 3_000, same, |text| {
        let name = [text, b"b"].concat();
        assert!(!filter(text).matches(topic(&name)));
    });
    let shared = |count| [b"$share/g/", &b"a/".repeat(count)[..]].concat();
    grows("levels of a shared filter", 3_000, shared, |text| {
        black_box(filter(text).shared().unwrap());
    });
    for text in ["a", "ä", "𝄞"] {
        let name = format!("text of {text}");
        let topic_name = |count| {
            let bytes = text.as_bytes().repeat(count);
            let length = (bytes.len() as u16).to_be_bytes();
            frame(0x30, &[&length, &bytes[..], b"\0"].concat())
        };
        grows(&name, 1_500, topic_name, |packet| {
            black_box(Packet::decode(packet, CLIENT).unwrap());
        });
    }
}

fn topic(text: &[u8]) -> TopicName<'_> {
    TopicName::new(std::str::from_utf8(text).unwrap()).unwrap()
}

fn filter(text: &[u8]) -> TopicFilter<'_> {
    TopicFilter::new(std::str::from_utf8(text).unwrap()).unwrap()
}

// ---- streams -------------------------------------------------------------------------------

fn streams() {
    let pings = |count| b"\xc0\0".repeat(count);
    grows("tiny packets in a slice", 1_000, pings, |stream| {
        let mut rest = stream;
        while let Ok(NextFrame::Frame(frame)) = FrameRef::split(rest, CLIENT, u32::MAX) {
            black_box(frame.decode(CLIENT).unwrap());
            rest = &rest[frame.bytes().len()..];
        }
        assert!(rest.is_empty());
    });
    for size in [1, 7, 1_000, usize::MAX] {
        let name = match size {
            usize::MAX => "tiny packets at once".into(),
            _ => format!("tiny packets, {size} bytes at a time"),
        };
        grows(&name, 1_000, pings, |stream| {
            assert_eq!(frames(stream, size), stream.len() / 2);
        });
    }
    let payload = |count| frame(0x30, &[b"\0\x01t\0", &vec![0; count][..]].concat());
    for size in [1, 100] {
        let name = format!("a payload, {size} bytes at a time");
        grows(&name, 10_000, payload, |stream| {
            assert_eq!(frames(stream, size), 1);
        });
    }
    // one Topic Alias, and one Packet Identifier that is free again each time
    let connect = frame(0x10, b"\0\x04MQTT\x05\x02\0\0\0\0\x01c");
    let connack = frame(0x20, b"\0\0\x03\x22\0\x01");
    let publish = frame(0x32, b"\0\x01t\0\x01\x03\x23\0\x01");
    let puback = frame(0x40, b"\0\x01");
    grows("messages and answers, watched", 200, bytes, |counted| {
        let mut monitor = Monitor::new();
        let mut observe = |dialect, bytes: &[u8]| {
            let packet = Packet::decode(bytes, dialect).unwrap();
            monitor.observe(dialect, &packet, bytes.len(), |breach| panic!("{breach}"));
        };
        observe(CLIENT, &connect);
        observe(SERVER, &connack);
        for _ in counted {
            observe(CLIENT, &publish);
            observe(SERVER, &puback);
        }
    });
}

/// Counts the frames of a stream that arrives in pieces of this size.
fn frames(stream: &[u8], size: usize) -> usize {
    let mut decoder = FrameDecoder::new(CLIENT, Limits::default());
    let mut frames = 0;
    for piece in stream.chunks(size.min(stream.len())) {
        decoder.extend(piece);
        while let NextFrame::Frame(frame) = decoder.next_frame().unwrap() {
            black_box(frame.decode(CLIENT).unwrap());
            frames += 1;
        }
    }
    frames
}

// ---- counting ------------------------------------------------------------------------------

fn grows(name: &str, count: usize, input: impl Fn(usize) -> Vec<u8>, run: impl Fn(&[u8])) {
    for count in [count, 10 * count] {
        let input = input(count);
        callgrind::measure(1, &mut || run(&input));
    }
    println!("{name}");
}

fn bytes(count: usize) -> Vec<u8> {
    vec![0; count]
}

/// A packet with this first byte and the Remaining Length that its body needs.
fn frame(first_byte: u8, body: &[u8]) -> Vec<u8> {
    [&[first_byte], &field(body)[..]].concat()
}

/// Bytes with their length as a Variable Byte Integer in front.
fn field(bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(bytes);
    field
}
