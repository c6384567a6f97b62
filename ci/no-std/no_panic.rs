//! Links only if no panic is reachable from here: the panic handler calls a function that does not exist, and the linker
//! misses it unless the compiler has removed every panic. See ../src/without_std.rs.
#![no_std]
#![no_main]

mod runtime;

use core::fmt::{self, Write};
use core::hint::black_box;
use core::panic::PanicInfo;

use core::time::Duration;

use mqtt_wire::fanout::{Envelope, Forward};
use mqtt_wire::monitor::{Exchange, Monitor, Storage};
use mqtt_wire::stream::{Part, PublishHead, Splitter, StreamLimits};
use mqtt_wire::{Dialect, FrameRef, NextFrame, Packet, Properties, Sender, Version, Waivers};

unsafe extern "C" {
    fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: never called, because it does not exist.
    unsafe { a_panic_is_reachable() }
}

/// Does everything that a device does with received bytes, about which the compiler knows nothing.
fn main(arguments: usize) -> i32 {
    let received: &[u8] = black_box(&[0; 256]);
    let received = received.get(..arguments).unwrap_or(received);
    #[cfg(feature = "careless")]
    use_bytes(&received[black_box(1)..]);
    let max_len = black_box(256);
    let (mut exchanges, mut client_aliases, mut server_aliases) =
        ([Exchange::FREE; 8], [0; 2], [0; 2]);
    let mut monitor = Monitor::with_storage(Storage {
        exchanges: &mut exchanges,
        client_aliases: &mut client_aliases,
        server_aliases: &mut server_aliases,
    });
    for version in Version::ALL {
        for sender in [Sender::Client, Sender::Server] {
            let strict = Dialect::new(version, sender);
            for dialect in [strict, strict.waiving(Waivers::ALL)] {
                match FrameRef::split(received, black_box(dialect), max_len) {
                    Ok(NextFrame::Frame(frame)) => match frame.decode(dialect) {
                        Ok(packet) => {
                            use_packet(&packet, dialect);
                            let time = black_box(Duration::ZERO);
                            let len = frame.bytes().len();
                            monitor.observe_at(time, dialect, &packet, len, |breach| show(&breach));
                        }
                        Err(error) => show(&error),
                    },
                    Ok(NextFrame::NeedMore(more)) => show(&more),
                    Err(error) => show(&error),
                }
                use_stream(received, dialect);
            }
        }
    }
    if let Ok(NextFrame::Frame(frame)) = FrameRef::split_connect(received, max_len) {
        match frame.decode_connect() {
            Ok(connect) => show(&connect.version),
            Err(error) => show(&error),
        }
    }
    0
}

fn use_stream(mut received: &[u8], dialect: Dialect) {
    let (whole, publish) = (black_box(16), black_box(256));
    let mut splitter = Splitter::new(dialect, StreamLimits::new(whole, publish));
    loop {
        match splitter.next_part(&mut received) {
            Ok(Part::Frame(frame)) => use_bytes(frame.bytes()),
            Ok(Part::Head(head)) => match head.decode(dialect) {
                Ok(head) => use_head(&head, dialect),
                Err(error) => show(&error),
            },
            Ok(Part::Payload { chunk, left }) => {
                use_bytes(chunk);
                show(&left);
            }
            Ok(Part::NeedMore(more)) => return show(&more),
            Err(error) => return show(&error),
        }
    }
}

fn use_head(head: &PublishHead<'_>, dialect: Dialect) {
    let mut buffer = [0; 256];
    match head.encode_to_slice(dialect, &mut buffer) {
        Ok(_) => use_bytes(&buffer),
        Err(error) => show(&error),
    }
    let mut envelope = Envelope::new(dialect.reply());
    envelope.waited = black_box(7);
    let Some(topic_name) = head.topic_name else {
        return;
    };
    match Forward::new(topic_name, head.properties, head.payload_len, envelope) {
        Ok(forward) => {
            forward.lost().for_each(|property| show(&property.id()));
            match forward.encode_to_slice(&mut buffer) {
                Ok(_) => use_bytes(&buffer),
                Err(error) => show(&error),
            }
        }
        Err(error) => show(&error),
    }
}

fn use_packet(packet: &Packet<'_>, dialect: Dialect) {
    match packet {
        Packet::Connect(connect) => {
            use_properties(connect.properties);
            if let Some(will) = connect.will {
                use_properties(will.properties);
                will.topic.levels().for_each(use_bytes);
            }
        }
        Packet::Subscribe(subscribe) => {
            for subscription in subscribe.subscriptions {
                subscription.filter.levels().for_each(use_bytes);
                if let Some(shared) = subscription.filter.shared() {
                    use_bytes(shared.name.as_bytes());
                }
            }
        }
        Packet::SubAck(ack) | Packet::UnsubAck(ack) => {
            ack.reason_codes.iter().for_each(|code| show(&code))
        }
        Packet::Unsubscribe(unsubscribe) => {
            for filter in unsubscribe.topic_filters {
                use_bytes(filter.as_str().as_bytes());
            }
        }
        Packet::Publish(publish) => use_properties(publish.properties),
        _ => {}
    }
    let mut answer = [0; 256];
    match packet.encode_to_slice(dialect, &mut answer) {
        Ok(_) => use_bytes(&answer),
        Err(error) => show(&error),
    }
    let packet = packet.without_problem_information();
    let fit = packet.fit(dialect, black_box(64));
    match fit.and_then(|fit| fit.encode_to_slice(dialect, &mut answer)) {
        Ok(_) => use_bytes(&answer),
        Err(error) => show(&error),
    }
}

fn use_properties(properties: Properties<'_>) {
    for property in properties {
        black_box(&property);
    }
}

fn use_bytes(bytes: &[u8]) {
    black_box(bytes);
}

fn show(what: &dyn fmt::Display) {
    black_box(write!(SerialLine, "{what}").is_ok());
}

struct SerialLine;

impl Write for SerialLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}
