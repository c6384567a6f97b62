//! From the reactions of the client to a verdict.
//!
//! A verdict that accuses the client rests on bytes that were seen, or on the end of the program.
//! Where the standard says SHOULD, the verdict is `non-strict` at most.

use mqtt_wire::{Dialect, Packet, PacketType, Version};

use super::broker::Missing;
use super::play::{Place, Played, Reaction, Script, Step};
use super::program::Ended;
use crate::case::PacketCase;
use crate::verdict::{Verdict, is_right};

/// The verdict on the reaction to the packet alone. `None` if the client closed the connection: then
/// the neighbour decides.
pub fn on_packet(
    case: &PacketCase,
    script: &Script,
    must_close: bool,
    played: &Played,
) -> Option<(Verdict, String)> {
    if let Reaction::Unplayable(missing) = &played.reaction {
        let verdict = match missing {
            // another case judges Keep Alive
            Missing::Packet(PacketType::PingReq) => Verdict::Unsupported,
            _ => Verdict::Unclear,
        };
        return Some((verdict, missing.to_string()));
    }
    if let Some(kind) = case.breach {
        if !played.broken_by_broker.iter().any(|it| it.kind() == kind) {
            let reason = "the packet is legal with what this client sent before";
            return Some((Verdict::Unsupported, reason.into()));
        }
    }
    if let Some(ended) = played.ended.filter(|it| it.is_crash()) {
        let line = &played.record.error_line;
        return Some((
            Verdict::Crash,
            format!("the program ended with {ended}: {line}"),
        ));
    }
    let advised = "5.0 advises a Client to close the connection, with SHOULD";
    let (verdict, reason) = match &played.reaction {
        Reaction::Closed { .. } | Reaction::Unplayable(_) => return None,
        Reaction::GoesOn(what) if must_close => (Verdict::Lenient, what.clone()),
        Reaction::GoesOn(what) => (Verdict::NonStrict, format!("{what}; {advised}")),
        Reaction::Silent => {
            let reason = "it neither closed the connection nor went on";
            match (case.version(), script.place) {
                _ if waits_for_the_end(script) => {
                    let why = "it may wait until the Server closes the connection";
                    (Verdict::Open, format!("{reason}; {why}"))
                }
                (Version::V3_1, _) => (Verdict::Open, format!("{reason}, and 3.1 is silent, too")),
                // it may wait for another packet
                (_, Place::ConnAck | Place::Answer(_)) if !must_close => {
                    (Verdict::NonStrict, format!("{reason}; {advised}"))
                }
                _ => (Verdict::Hang, reason.into()),
            }
        }
    };
    Some(match case.open {
        Some(why) if verdict != Verdict::Hang || script.place != Place::Listening => {
            (Verdict::Open, format!("{reason}; {why}"))
        }
        _ => (verdict, reason),
    })
}

/// The verdict on a client that closed the connection after the packet, from its reaction to the
/// neighbour. Without a neighbour the healthy scenario was accepted.
pub fn on_neighbour(
    case: &PacketCase,
    script: &Script,
    bad: &Played,
    neighbour: Option<(&Script, &Played)>,
) -> (Verdict, String) {
    let Reaction::Closed { code } = bad.reaction else {
        return (Verdict::Unclear, "the reactions differ".into());
    };
    let Some((valid, played)) = neighbour else {
        return on_code(case, script, code);
    };
    if ends_the_connection(case.version(), valid) {
        return match code {
            Some(_) => on_code(case, script, code),
            None => {
                let reason = "it closed the connection, as after every packet of this kind";
                (Verdict::Open, reason.into())
            }
        };
    }
    if !played.broken_by_broker.is_empty() {
        // the neighbour is not legal with what this client sent, so the healthy scenario decides
        return on_code(case, script, code);
    }
    match &played.reaction {
        Reaction::GoesOn(_) => on_code(case, script, code),
        Reaction::Closed { code: Some(code) } => {
            let reason = format!("it refused the neighbour with code {code:#04x}");
            match code {
                0x81 | 0x82 => (Verdict::OverStrict, reason),
                _ => (Verdict::Unclear, reason),
            }
        }
        Reaction::Closed { code: None } => {
            let reason = "it closed the connection after the neighbour, too";
            match played.ended {
                Some(ended) if ended.is_crash() => {
                    let line = &played.record.error_line;
                    let reason = format!("{reason}: the program ended with {ended}: {line}");
                    (Verdict::Crash, reason)
                }
                Some(Ended::ReportsFailure) => {
                    let reason = format!("{reason}, and the program reports a failure");
                    (Verdict::OverStrict, reason)
                }
                _ => (Verdict::Unclear, reason.into()),
            }
        }
        Reaction::Silent => {
            let reason = "it neither closed the connection after the neighbour nor went on";
            (Verdict::Unclear, reason.into())
        }
        Reaction::Unplayable(missing) => (Verdict::Unclear, format!("the neighbour: {missing}")),
    }
}

/// The verdict on a client that closed the connection with this code, and accepted the neighbour.
fn on_code(case: &PacketCase, script: &Script, code: Option<u8>) -> (Verdict, String) {
    let closed = "it closed the connection";
    match (case.version(), code, case.code) {
        (Version::V5, Some(code), _) if is_right(case, code) => {
            (Verdict::Ok, format!("{closed} with code {code:#04x}"))
        }
        // a code is asked for only where the packet has to be refused
        (Version::V5, Some(code), _) if case.open.is_some() => {
            (Verdict::Ok, format!("{closed} with code {code:#04x}"))
        }
        (Version::V5, Some(code), _) => (
            Verdict::NonStrict,
            format!("{closed} with code {code:#04x}"),
        ),
        // "may" for an AUTH, "should" for other packets; no rule asks for one where this is open
        (Version::V5, None, Some(expected)) if case.open.is_none() && !is_auth(script) => {
            let reason = format!("{closed} without a DISCONNECT with code {expected:#04x}");
            (Verdict::NonStrict, reason)
        }
        _ => (Verdict::Ok, closed.into()),
    }
}

fn is_auth(script: &Script) -> bool {
    judged(script)
        .first()
        .is_some_and(|it| it >> 4 == PacketType::Auth as u8)
}

/// Whether the Server has to close the connection after the packet.
fn waits_for_the_end(script: &Script) -> bool {
    let is_disconnect = |it: &u8| it >> 4 == PacketType::Disconnect as u8;
    judged(script).first().is_some_and(is_disconnect)
}

/// Whether a client may or has to close the connection after the valid packet.
pub fn ends_the_connection(version: Version, valid: &Script) -> bool {
    match Packet::decode(judged(valid), Dialect::from_server(version)) {
        Ok(Packet::Disconnect(_)) => true,
        // no PUBLISH fits into a small Maximum Packet Size, and the standard does not state whether
        // a Server may assign an identifier to a Client that has one
        Ok(Packet::ConnAck(it)) => {
            it.reason_code.is_failure()
                || it.maximum_packet_size().is_some_and(|it| it.get() < 50)
                || it.assigned_client_identifier().is_some()
        }
        Ok(Packet::PubAck(it) | Packet::PubRec(it) | Packet::PubRel(it) | Packet::PubComp(it)) => {
            it.reason_code.is_failure()
        }
        Ok(Packet::SubAck(it) | Packet::UnsubAck(it)) => {
            it.reason_codes.iter().any(|it| it.is_failure())
        }
        _ => false,
    }
}

/// The last packet of a script.
fn judged(script: &Script) -> &[u8] {
    match script.steps.last() {
        Some(Step::Send(bytes)) => bytes,
        _ => &[],
    }
}
