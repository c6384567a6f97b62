//! Monitors any conversation without a panic and in little memory; a valid one without a breach.
//! Storage from the caller gives the same breaches if it is large enough. With too little storage,
//! or if the monitor joins later, it reports no false breaches.
//!
//! The first byte selects the source of the packets: the model (valid or nearly valid), or the
//! input itself. Then the second byte selects the version, and each packet follows a byte. The
//! lowest bit of that byte is the sender, the others are the seconds since the last packet.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use mqtt_wire::monitor::{Breach, BreachKind, Exchange, Monitor, Storage};
use mqtt_wire::{Dialect, FrameRef, NextFrame, Packet, Sender, Version};
use mqtt_wire_testkit::{Conversation, NearlyValidConversation, ValidConversation};

fuzz_target!(|input: &[u8]| {
    let [mode, input @ ..] = input else {
        return;
    };
    let mut unstructured = Unstructured::new(input);
    let (watched, is_valid) = match mode {
        0..64 => match ValidConversation::arbitrary(&mut unstructured) {
            Ok(ValidConversation(conversation)) => (encoded(&conversation), true),
            Err(_) => return,
        },
        64..128 => match NearlyValidConversation::arbitrary(&mut unstructured) {
            Ok(NearlyValidConversation(conversation)) => (encoded(&conversation), false),
            Err(_) => return,
        },
        _ => (taken_from(input), false),
    };

    let (found, held) = watch(Monitor::new(), &watched);
    // a growing list has room for twice its items, and for at least four; an alias has one bit
    let exchanges = 2 * (watched.len() + 4) * size_of::<Exchange>();
    assert!(held <= exchanges + 2 * 2 * 8 * 1024, "{held} bytes");

    assert!(!is_valid || found.iter().all(Vec::is_empty), "{found:?}");
    for breach in found.iter().flatten() {
        assert!(breach.statement().is_some(), "{breach:?}");
        assert!(!breach.to_string().is_empty());
    }
    assert_eq!(with_room_for(watched.len(), 1024, &watched), found);
    // with less room or a later start, there are no other breaches up to the first one; after it,
    // the packets of an exchange that was not stored may cause different breaches
    let right = found.iter().take_while(|it| it.is_empty()).count();
    for room in [1, 2, 3] {
        let few = with_room_for(room, 1, &watched);
        for (at, (few, all)) in few.iter().zip(&found).enumerate() {
            let in_light = |it: &Breach| at > right && is_of_an_exchange(it.kind());
            let is_known = few.iter().all(|it| all.contains(it) || in_light(it));
            assert!(is_known, "{few:?} of {all:?}");
        }
    }
    for missed in [1, right / 2 + 1] {
        let seen = watched.get(missed..right).unwrap_or_default();
        let (joined, _) = watch(Monitor::new().joining(), seen);
        assert!(joined.iter().all(Vec::is_empty), "{joined:?}");
    }
});

/// Whether the kind depends on earlier packets with the same Packet Identifier.
fn is_of_an_exchange(kind: BreachKind) -> bool {
    use BreachKind as K;
    matches!(
        kind,
        K::PacketIdInUse
            | K::QoS2PacketIdInUse
            | K::Resent
            | K::PublishAfterPubRel
            | K::WrongAcknowledgement
            | K::OutOfOrder
            | K::CodeCount
            | K::ReceiveMaximumExceeded
    )
}

/// A packet, and the time at which it is sent.
struct Sent {
    dialect: Dialect,
    bytes: Vec<u8>,
    time: Duration,
}

fn encoded(conversation: &Conversation) -> Vec<Sent> {
    let packets = conversation.encode().unwrap().into_iter();
    let sent = packets.map(|(sender, bytes)| Sent {
        dialect: Dialect::new(conversation.version, sender),
        bytes,
        time: Duration::ZERO,
    });
    sent.collect()
}

fn taken_from(input: &[u8]) -> Vec<Sent> {
    let [version, rest @ ..] = input else {
        return Vec::new();
    };
    let version = Version::ALL[usize::from(version % 3)];
    let mut time = Duration::ZERO;
    let mut packets = Vec::new();
    let mut rest = rest;
    while let [step, after @ ..] = rest {
        let sender = if step & 1 == 0 {
            Sender::Client
        } else {
            Sender::Server
        };
        let dialect = Dialect::new(version, sender);
        time += Duration::from_secs(u64::from(step >> 1));
        let Ok(NextFrame::Frame(frame)) = FrameRef::split(after, dialect, u32::MAX) else {
            break;
        };
        if frame.decode(dialect).is_err() {
            break;
        }
        let bytes = frame.bytes().to_vec();
        rest = &after[bytes.len()..];
        packets.push(Sent {
            dialect,
            bytes,
            time,
        });
    }
    packets
}

/// The breaches that the monitor reports for each packet, and the most bytes that it allocates.
fn watch(mut monitor: Monitor<'_>, watched: &[Sent]) -> (Vec<Vec<Breach>>, usize) {
    const MOST: usize = 32;
    let mut found: Vec<Vec<Breach>> = Vec::new();
    found.resize_with(watched.len(), || Vec::with_capacity(MOST));
    let before = HELD.get();
    let mut held = 0;
    for (sent, breaches) in watched.iter().zip(&mut found) {
        let packet = Packet::decode(&sent.bytes, sent.dialect).unwrap();
        let length = sent.bytes.len();
        monitor.observe_at(sent.time, sent.dialect, &packet, length, |breach| {
            breaches.push(breach);
        });
        assert!(breaches.len() <= MOST, "{breaches:?}");
        held = held.max(HELD.get() - before);
    }
    drop(monitor);
    (found, held as usize)
}

fn with_room_for(exchanges: usize, aliases: usize, watched: &[Sent]) -> Vec<Vec<Breach>> {
    let storage = Storage {
        exchanges: &mut vec![Exchange::FREE; exchanges],
        client_aliases: &mut vec![0; aliases],
        server_aliases: &mut vec![0; aliases],
    };
    let (found, held) = watch(Monitor::with_storage(storage), watched);
    assert_eq!(held, 0);
    found
}

/// Counts the bytes that this thread has allocated.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: all calls are forwarded to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as isize);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
