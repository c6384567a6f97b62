//! From the reactions of the broker to a verdict.
//!
//! A verdict that accuses the broker rests on bytes that were seen. Where the broker may have had
//! another reason, the verdict is `unsupported` or `unclear`.

use std::fmt;

use mqtt_wire::{Packet, PacketType, Version};

use crate::case::PacketCase;
use crate::play::{GRACE, Played, Reaction};
use crate::script::Script;
use crate::stage::{Outcome, Stop};

/// The verdict on a broker in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It refused the packet and accepted the neighbour. It kept the statements of a scenario.
    Ok,
    /// It refused the packet, but without the code that the standard asks for, with another code,
    /// or without closing the connection.
    NonStrict,
    /// It accepted the packet.
    Lenient,
    /// It refused the neighbour, which it has to accept.
    OverStrict,
    /// It neither closed the connection nor went on.
    Hang,
    /// It did not serve anybody after the packet.
    Crash,
    /// It sent bytes that break a rule, or did not send what it has to.
    Breach,
    /// It lacks something that the case needs.
    Unsupported,
    /// The standard leaves open whether it has to refuse the packet.
    Open,
    /// No verdict, because of the time, the connection, or another possible reason.
    Unclear,
}

impl Verdict {
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::NonStrict,
        Self::Lenient,
        Self::OverStrict,
        Self::Hang,
        Self::Crash,
        Self::Breach,
        Self::Unsupported,
        Self::Open,
        Self::Unclear,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NonStrict => "non-strict",
            Self::Lenient => "lenient",
            Self::OverStrict => "over-strict",
            Self::Hang => "hang",
            Self::Crash => "crash",
            Self::Breach => "breach",
            Self::Unsupported => "unsupported",
            Self::Open => "open",
            Self::Unclear => "unclear",
        }
    }

    /// What it says about a broker, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "refused, and the neighbour accepted",
            Self::NonStrict => {
                "refused, but not with the code that the standard asks for, or without closing; or \
                 accepted by a client where the standard only advises to refuse"
            }
            Self::Lenient => "accepted: a packet behind it was answered",
            Self::OverStrict => "the neighbour refused as malformed or as a protocol error",
            Self::Hang => "neither closed nor answered",
            Self::Crash => {
                "nobody can connect to the broker any more, or the program of the client died"
            }
            Self::Breach => "the subject sent bytes that break a rule",
            Self::Unsupported => "the subject lacks something that the case needs",
            Self::Open => "the standard does not decide",
            Self::Unclear => "no verdict",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether the run fails because of it.
    pub const fn is_failure(self, strict: bool) -> bool {
        match self {
            Self::Ok | Self::Unsupported | Self::Open => false,
            Self::NonStrict => strict,
            Self::Lenient
            | Self::OverStrict
            | Self::Hang
            | Self::Crash
            | Self::Breach
            | Self::Unclear => true,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The verdict on the reaction to the packet alone. `None` if the broker closed the connection: then
/// the neighbour decides.
pub fn on_packet(case: &PacketCase, played: &Played) -> Option<(Verdict, String)> {
    if let Some(kind) = case.breach {
        let is_broken = played.broken_by_client.iter().any(|it| it.kind() == kind);
        if !is_broken && !matches!(played.reaction, Reaction::Unreachable(_)) {
            let reason = match &played.reaction {
                Reaction::Unplayable(reason) => reason.clone(),
                _ => "the packet is legal with what this broker sent before".into(),
            };
            return Some((Verdict::Unsupported, reason));
        }
    }
    let open = |verdict, reason: String| match case.open {
        Some(why) => (Verdict::Open, format!("{reason}; {why}")),
        None => (verdict, reason),
    };
    Some(match &played.reaction {
        Reaction::Closed { .. } => return None,
        Reaction::RefusedOnly { code } => {
            let reason = format!("it sent code {code:#04x} and did not close the connection");
            open(Verdict::NonStrict, reason)
        }
        Reaction::GoesOn { declined: None } if case.is_about_keep_alive() => {
            let late = GRACE.as_secs();
            let reason =
                "it answered a PINGREQ that came after one and a half times the Keep Alive";
            (Verdict::Lenient, format!("{reason} and {late} s more"))
        }
        Reaction::GoesOn { declined: None } => open(
            Verdict::Lenient,
            "it answered a PINGREQ behind the packet".into(),
        ),
        Reaction::GoesOn {
            declined: Some(code),
        } => {
            let reason = format!("it declined with code {code:#04x} and kept the connection");
            match case.breach {
                Some(_) if Some(*code) == case.code => (Verdict::Ok, reason),
                _ if may_be_declined(case) => (
                    Verdict::Open,
                    format!("{reason}; 5.0 has this code for a topic filter or name"),
                ),
                _ => open(Verdict::NonStrict, reason),
            }
        }
        Reaction::Silent => {
            let reason = "it neither closed the connection nor answered a PINGREQ".into();
            match case.version() {
                Version::V3_1 => open(Verdict::Hang, reason),
                _ if case.kind == "AfterDisconnect" => (
                    Verdict::Open,
                    "it does not answer, and the Client may close the connection".into(),
                ),
                _ => (Verdict::Hang, reason),
            }
        }
        Reaction::Unplayable(reason) if case.is_about_keep_alive() => {
            (Verdict::Unsupported, reason.clone())
        }
        Reaction::Unplayable(reason) | Reaction::Unreachable(reason) => {
            (Verdict::Unclear, reason.clone())
        }
    })
}

/// The verdict on a broker that closed the connection, from its reaction to the neighbour.
pub fn on_neighbour(
    case: &PacketCase,
    bad: &Played,
    neighbour: &Played,
    has_login: bool,
) -> (Verdict, String) {
    let Reaction::Closed { code, .. } = bad.reaction else {
        return (Verdict::Unclear, "the reactions differ".into());
    };
    let is_disconnect = |script: &Script| script.judged_type() == Some(PacketType::Disconnect);
    let refusal = match &neighbour.reaction {
        Reaction::GoesOn { .. } => return on_code(case, code),
        // as it has to
        Reaction::Closed { code: None, .. } | Reaction::Silent
            if is_disconnect(&case.neighbour) =>
        {
            return match code {
                None if is_disconnect(&case.bad) => {
                    let reason = "it closed the connection, as after every DISCONNECT";
                    (Verdict::Open, reason.into())
                }
                _ => on_code(case, code),
            };
        }
        Reaction::Closed {
            code: Some(code), ..
        }
        | Reaction::RefusedOnly { code } => Some(*code),
        Reaction::Closed { code: None, .. } => None,
        Reaction::Silent => {
            let reason = "it neither closed the connection after the neighbour nor went on";
            return (Verdict::Unclear, reason.into());
        }
        Reaction::Unplayable(reason) | Reaction::Unreachable(reason) => {
            return (Verdict::Unclear, format!("the neighbour: {reason}"));
        }
    };
    if let Some(breach) = neighbour.broken_by_client.first() {
        let reason = format!("the neighbour is not legal with what this broker sent: {breach}");
        return (Verdict::Unsupported, reason);
    }
    let Some(refusal) = refusal else {
        let reason = "it closed the connection after the neighbour, too, without a code";
        return match case.version() {
            _ if leaves_no_room_for_a_connack(&case.neighbour) => {
                let reason = "no CONNACK fits into the Maximum Packet Size of the neighbour";
                (Verdict::Unsupported, reason.into())
            }
            _ if has_login && case.begins_with_its_packet() => {
                let why = "the login is not in it";
                (Verdict::Unsupported, format!("{reason}; {why}"))
            }
            Version::V3_1 => {
                let why = "3.1 does not state when a Server may close";
                (Verdict::Open, format!("{reason}; {why}"))
            }
            Version::V3_1_1 | Version::V5 => (Verdict::Unclear, reason.into()),
        };
    };
    let reason = format!("it refused the neighbour with code {refusal:#04x}");
    match (case.version(), refusal) {
        (Version::V5, 0x81 | 0x82) => (Verdict::OverStrict, reason),
        // version, login, authentication, capabilities
        (
            Version::V5,
            0x84 | 0x86 | 0x87 | 0x8c | 0x94 | 0x95 | 0x9a | 0x9b | 0x9e | 0xa1 | 0xa2,
        )
        | (Version::V3_1 | Version::V3_1_1, 0x01 | 0x04 | 0x05) => (Verdict::Unsupported, reason),
        _ => (Verdict::Unclear, reason),
    }
}

/// The verdict on a broker that refused the packet with this code, and accepted the neighbour.
fn on_code(case: &PacketCase, code: Option<u8>) -> (Verdict, String) {
    if let Some(code) = code.filter(|code| is_for_another_reason(case, *code)) {
        let reason = format!("it refused the packet with code {code:#04x}, for another reason");
        return (Verdict::Unsupported, reason);
    }
    let is_connect = case.begins_with_its_packet();
    let closed = "it closed the connection";
    match (case.version(), code, case.code) {
        (Version::V5, Some(code), _) if is_right(case, code) => {
            (Verdict::Ok, format!("{closed} with code {code:#04x}"))
        }
        // a code is asked for only where the packet has to be refused
        (Version::V5, Some(code), _) if case.open.is_some() => {
            (Verdict::Ok, format!("{closed} with code {code:#04x}"))
        }
        (Version::V5, None, _) if case.open.is_some() => (Verdict::Ok, closed.into()),
        (Version::V5, Some(code), _) => (
            Verdict::NonStrict,
            format!("{closed} with code {code:#04x}"),
        ),
        // "may" for a CONNECT, "should" for other packets
        (Version::V5, None, Some(code)) if !is_connect => {
            let reason = format!("{closed} without a DISCONNECT with code {code:#04x}");
            (Verdict::NonStrict, reason)
        }
        (Version::V3_1_1, None, Some(code)) => {
            let reason = format!("{closed} without a CONNACK with code {code:#04x}");
            (Verdict::NonStrict, reason)
        }
        (Version::V3_1_1, Some(found), expected)
            if expected != Some(found) && case.open.is_none() =>
        {
            let reason =
                format!("{closed} with CONNACK code {found:#04x}, which is for other reasons");
            (Verdict::NonStrict, reason)
        }
        (_, Some(code), _) => (Verdict::Ok, format!("{closed} with code {code:#04x}")),
        (_, None, _) => (Verdict::Ok, closed.into()),
    }
}

/// The verdict on the end of a scenario. Something that is missing in the first attempt may be late.
pub fn on_scenario(outcome: Outcome, is_second_attempt: bool) -> (Verdict, String) {
    match outcome {
        Ok(()) => (Verdict::Ok, "it kept the statements".into()),
        Err(Stop::Breach(reason)) => (Verdict::Breach, reason),
        Err(Stop::Missing(reason)) if is_second_attempt => (Verdict::Breach, reason),
        Err(Stop::Missing(reason) | Stop::Unclear(reason)) => (Verdict::Unclear, reason),
        Err(Stop::NonStrict(reason)) => (Verdict::NonStrict, reason),
        Err(Stop::Unsupported(reason)) => (Verdict::Unsupported, reason),
        Err(Stop::Open(reason)) => (Verdict::Open, reason),
    }
}

/// Whether a code is about the login, a quota or the state of the broker.
fn is_for_another_reason(case: &PacketCase, code: u8) -> bool {
    let other = match case.version() {
        Version::V3_1 | Version::V3_1_1 => matches!(code, 0x03..=0x05),
        Version::V5 => matches!(code, 0x86..=0x8c | 0x96 | 0x97 | 0x9c..=0x9d | 0x9f | 0xa0),
    };
    other && case.code != Some(code)
}

/// Whether a Reason Code fits. 5.0 does not state for each error whether it is a Malformed Packet or
/// a Protocol Error, and lets the sender choose a more exact code.
pub(crate) fn is_right(case: &PacketCase, code: u8) -> bool {
    let of_topics = matches!(code, 0x8f | 0x90) && is_about_topics(case);
    // 0x01 is the same in 3.1.1: the standard does not state in which form a Server answers
    let of_level = matches!(code, 0x01 | 0x84) && case.kind.starts_with("UnsupportedProtocol");
    // the Server closes the connection "as if the network had failed"
    let needs_none = case.is_about_keep_alive();
    matches!(code, 0x81 | 0x82) || Some(code) == case.code || of_topics || of_level || needs_none
}

/// The smallest CONNACK of 5.0 has five bytes.
fn leaves_no_room_for_a_connack(script: &Script) -> bool {
    let too_small = |packet| match packet {
        Packet::Connect(it) => it.maximum_packet_size().is_some_and(|size| size.get() < 5),
        _ => false,
    };
    script.packets().any(too_small)
}

fn may_be_declined(case: &PacketCase) -> bool {
    case.version() == Version::V5 && is_about_topics(case)
        || case.version() == Version::V3_1_1
            && is_about_topics(case)
            && case.bad.judged_type() == Some(PacketType::Subscribe)
}

fn is_about_topics(case: &PacketCase) -> bool {
    let kinds = [
        "EmptyShareName",
        "EmptyTopicFilter",
        "EmptyTopicName",
        "MultiLevelWildcard",
        "SharedSubscription",
        "SingleLevelWildcard",
        "WildcardInTopicName",
    ];
    kinds.contains(&&case.kind[..])
}
