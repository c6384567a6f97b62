//! Compares how another codec decodes a packet with how we do, apart from known differences.

#![allow(dead_code)] // each target uses a part

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use mqtt_wire::{DecodeError, Dialect, ErrorKind, Packet, Version};
use mqtt_wire_testkit as model;

use crate::invariants::{dialects, frame};

/// The result of a codec for a packet.
pub enum Outcome {
    Refused,
    Panicked,
    /// It was decoded, and encoded again if that succeeded.
    Read(Option<Vec<u8>>),
}

pub struct Peer {
    pub name: &'static str,
    /// Whether it decodes packets of a dialect.
    pub knows: fn(Dialect) -> bool,
    pub read: fn(Version, &[u8]) -> Outcome,
    /// The rules that it does not enforce.
    pub ignores: &'static [ErrorKind],
    /// Whether invalid bytes may make it panic.
    pub panics: bool,
    /// The valid packets that it does not decode, or encodes differently: the reason, and a test.
    pub fails_for: &'static [Failure],
}

pub type Failure = (&'static str, fn(&Case<'_>) -> bool);

/// A valid packet.
pub struct Case<'a> {
    pub dialect: Dialect,
    pub bytes: &'a [u8],
    pub packet: &'a Packet<'a>,
}

/// The first byte of the input selects the dialect, the second is the first byte of a packet, and
/// the rest is its body; the length is added. Panics if a codec has an unknown difference.
pub fn compare(peers: &[Peer], input: &[u8]) {
    let [dialect, first_byte, body @ ..] = input else {
        return;
    };
    let dialect = dialects().nth(usize::from(dialect % 6)).unwrap();
    let bytes = frame(*first_byte, body);
    let ours = Packet::decode(&bytes, dialect);
    for peer in peers.iter().filter(|peer| (peer.knows)(dialect)) {
        let theirs = guarded(|| (peer.read)(dialect.version(), &bytes));
        let found = match &ours {
            Err(error) => of_wrong(peer, error, &theirs),
            Ok(packet) => of_right(peer, packet, &bytes, dialect, &theirs),
        };
        if let Some(found) = found {
            panic!("{} {found}: {dialect:?} {bytes:02x?}", peer.name);
        }
    }
}

fn of_wrong(peer: &Peer, error: &DecodeError, theirs: &Outcome) -> Option<String> {
    let is_known = match theirs {
        Outcome::Refused => true,
        Outcome::Panicked => peer.panics,
        Outcome::Read(_) => peer.ignores.contains(&error.kind()),
    };
    (!is_known).then(|| match theirs {
        Outcome::Panicked => "panics".into(),
        _ => format!("accepts {:?}: {error}", error.kind()),
    })
}

fn of_right(
    peer: &Peer,
    packet: &Packet<'_>,
    bytes: &[u8],
    dialect: Dialect,
    theirs: &Outcome,
) -> Option<String> {
    let found = match theirs {
        Outcome::Refused => "refuses".into(),
        Outcome::Panicked => "panics at".into(),
        Outcome::Read(None) => "decodes but cannot encode".into(),
        Outcome::Read(Some(again)) => match Packet::decode(again, dialect) {
            Ok(theirs) if in_order(&theirs) == in_order(packet) => return None,
            Ok(theirs) => format!("decodes to {theirs:?}:"),
            Err(error) => format!("encodes to {again:02x?} ({error}):"),
        },
    };
    let case = Case {
        dialect,
        bytes,
        packet,
    };
    let is_known = peer.fails_for.iter().any(|(_, holds)| holds(&case));
    (!is_known).then(|| format!("{found} {packet:?}"))
}

/// The packet with its properties in the order of their identifiers, because codecs that store them
/// in fields lose their order.
fn in_order(packet: &Packet<'_>) -> model::Packet {
    let mut packet = model::Packet::from(*packet);
    let properties = match &mut packet {
        model::Packet::Connect(it) => {
            if let Some(will) = &mut it.will {
                will.properties.sort_by_key(|it| it.id() as u8);
            }
            &mut it.properties
        }
        model::Packet::ConnAck(it) => &mut it.properties,
        model::Packet::Publish(it) => &mut it.properties,
        model::Packet::PubAck(it)
        | model::Packet::PubRec(it)
        | model::Packet::PubRel(it)
        | model::Packet::PubComp(it) => &mut it.properties,
        model::Packet::Subscribe(it) => &mut it.properties,
        model::Packet::SubAck(it) | model::Packet::UnsubAck(it) => &mut it.properties,
        model::Packet::Unsubscribe(it) => &mut it.properties,
        model::Packet::Disconnect(it) => &mut it.properties,
        model::Packet::Auth(it) => &mut it.properties,
        model::Packet::PingReq | model::Packet::PingResp => return packet,
    };
    properties.sort_by_key(|it| it.id() as u8);
    packet
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs the code of another codec; a panic in it becomes an outcome.
fn guarded(read: impl FnOnce() -> Outcome + panic::UnwindSafe) -> Outcome {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let aborting = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                aborting(info);
            }
        }));
    });
    GUARDED.set(true);
    let outcome = panic::catch_unwind(read).unwrap_or(Outcome::Panicked);
    GUARDED.set(false);
    outcome
}
