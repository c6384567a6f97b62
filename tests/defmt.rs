//! The output of `defmt`: it holds the texts of a packet, and each kind of error has a format.
#![cfg(feature = "defmt")]

use std::sync::Mutex;

use mqtt_wire::{Dialect, Packet, Properties, Property, Version};

/// Keeps the output of one test.
#[defmt::global_logger]
struct Log;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

unsafe impl defmt::Logger for Log {
    fn acquire() {}

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(bytes: &[u8]) {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
    }
}

defmt::timestamp!("{=u8}", 0);

/// The frame without the index of its format and the time.
fn written(value: impl defmt::Format) -> Vec<u8> {
    WRITTEN.lock().unwrap().clear();
    defmt::error!("{}", value);
    WRITTEN.lock().unwrap().split_off(3)
}

fn contains(frame: &[u8], text: &[u8]) -> bool {
    frame.windows(text.len()).any(|part| part == text)
}

/// A single test, because there is a single log.
#[test]
fn packets_and_errors_are_written() {
    let dialect = Dialect::from_client(Version::V5);
    let connect = b"\x10\x21\x00\x04MQTT\x05\x06\x00\x3c\x05\x11\x00\x00\x00\x3c\x00\x02id\
                    \x00\x00\x05topic\x00\x03bye";
    let packet = Packet::decode(connect, dialect).unwrap();
    let frame = written(packet);
    for text in ["id", "topic", "bye"] {
        assert!(contains(&frame, text.as_bytes()), "{text} {frame:?}");
    }
    // Session Expiry Interval 60, little endian
    assert!(contains(&frame, &[60, 0, 0, 0]));

    let items = [Property::TopicAliasMaximum(7), Property::ServerKeepAlive(8)];
    let list = written(Properties::new(&items));
    assert!(
        contains(&list, &[7, 0]) && contains(&list, &[8, 0]),
        "{list:?}"
    );

    // equal items, except for the format that writes the comma before the second
    let twice = written(Properties::new(&[Property::TopicAliasMaximum(0x1234); 2]));
    let ends: Vec<_> = (2..=twice.len())
        .filter(|&end| twice[..end].ends_with(&[0x34, 0x12]))
        .collect();
    let [end, next_end] = ends[..] else {
        panic!("{twice:?}")
    };
    let (before, next) = twice[..next_end].split_at(end);
    let item = &before[end - next.len()..];
    assert_ne!(item[..2], next[..2], "{twice:?}");
    assert_eq!(item[2..], next[2..], "{twice:?}");

    // the format of a dialect, and those of its version and its sender
    assert!(written(dialect).len() > 4);

    let Packet::Connect(connect) = packet else {
        unreachable!()
    };
    let list = written(connect.properties);
    assert!(contains(&frame, &list[..list.len() - 2]), "{list:?}");

    let error = Packet::decode(
        b"\x10\x0e\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x01p",
        dialect,
    );
    let error = error.unwrap_err();
    assert_ne!(written(error), written(error.kind()));
    assert!(contains(&written(error.statement()), b"MQTT-3.1.2-11"));
    assert_ne!(written(Version::V3_1_1), written(Version::V5));
}
