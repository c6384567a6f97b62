//! One side breaks one rule, once: the packets that do, for each kind of breach.

use Sender::{Client, Server};
use Version::{V3_1, V3_1_1, V5};
use mqtt_wire::monitor::BreachKind as K;
use mqtt_wire::{Sender, Version};

use crate::packet::{Kind, Packet};
use crate::peer::{Exchange, Link, Peer, Stage};
use crate::settings::{Habits, METHOD, Settings};

/// The kinds that no model commits: they need a clock.
pub const NOT_MODELLED: [K; 3] = [
    K::KeepAliveMissed,
    K::ServerKeepAliveMissed,
    K::KeepAliveNotEnforced,
];

/// The versions and sides that can break a rule.
pub const FAULTS: &[(K, &[Version], &[Sender])] = &[
    (K::FirstPacketNotConnect, &Version::ALL, &[Client]),
    (K::SecondConnect, &Version::ALL, &[Client]),
    (K::BeforeConnAck, &Version::ALL, &[Server]),
    (K::SecondConnAck, &Version::ALL, &[Server]),
    (K::AfterRefusal, &Version::ALL, &[Server]),
    (K::AfterDisconnect, &Version::ALL, &[Client]),
    (K::AfterDisconnect, &[V5], &[Server]),
    (K::AfterFailure, &[V5], &[Client, Server]),
    (K::SessionPresentAfterCleanStart, &[V3_1_1, V5], &[Server]),
    (K::SimpleClientIdRefused, &[V3_1_1, V5], &[Server]),
    (K::EmptyClientIdAccepted, &[V3_1_1], &[Server]),
    (K::NoClientIdAssigned, &[V5], &[Server]),
    (K::WillQosNotSupported, &[V5], &[Server]),
    (K::WillRetainNotSupported, &[V5], &[Server]),
    (K::ResponseInformationNotRequested, &[V5], &[Server]),
    (K::ProblemInformationNotRequested, &[V5], &[Server]),
    (K::PacketTooLarge, &[V5], &[Client, Server]),
    (K::ReasonStringTooLarge, &[V5], &[Client, Server]),
    (K::UserPropertyTooLarge, &[V5], &[Client, Server]),
    (K::PacketIdInUse, &Version::ALL, &[Client, Server]),
    (K::QoS2PacketIdInUse, &Version::ALL, &[Client, Server]),
    (K::Resent, &[V5], &[Client, Server]),
    (K::PublishAfterPubRel, &Version::ALL, &[Client, Server]),
    (K::NothingToAcknowledge, &Version::ALL, &[Client, Server]),
    (K::WrongAcknowledgement, &Version::ALL, &[Client, Server]),
    (K::OutOfOrder, &[V3_1_1, V5], &[Client]),
    (K::CodeCount, &Version::ALL, &[Server]),
    (K::ReceiveMaximumExceeded, &[V5], &[Client, Server]),
    (K::QosNotSupported, &[V5], &[Client]),
    (K::RetainNotSupported, &[V5], &[Client]),
    (K::WildcardNotSupported, &[V5], &[Client]),
    (K::SubscriptionIdNotSupported, &[V5], &[Client]),
    (K::SharedNotSupported, &[V5], &[Client]),
    (K::TopicAliasTooLarge, &[V5], &[Client, Server]),
    (K::TopicAliasNotSupported, &[V5], &[Client, Server]),
    (K::TopicAliasUnknown, &[V5], &[Client, Server]),
    (K::BeforeAuthenticated, &[V5], &[Client]),
    (K::AuthenticationNotRequested, &[V5], &[Client, Server]),
    (K::AuthenticationMethodChanged, &[V5], &[Client, Server]),
    (K::ReAuthenticationMethodChanged, &[V5], &[Client]),
    (K::AuthenticationStep, &[V5], &[Client, Server]),
    (K::AuthenticationNotBegun, &[V5], &[Client, Server]),
    (K::SessionExpiryRaised, &[V5], &[Client]),
];

const TOO_LONG: &str = "a-topic-that-is-too-long";
const REASON: &[u8] = b"\x1f\0\x17a-reason-that-is-longer";
const USER: &[u8] = b"\x26\0\x01k\0\x14a-value-that-is-long";
const SHORT_REASON: &[u8] = b"\x1f\0\x01r";
const OTHER_METHOD: &[u8] = b"\x15\0\x01x";
/// Maximum Packet Size 24. The CONNACKs with it are no larger.
const MAXIMUM_PACKET_SIZE: &[u8] = b"\x27\0\0\0\x18";
const WILL: &[u8] = b"\0\0\x01w\0\0";

const MESSAGE: Kind = Kind::Publish {
    qos: 0,
    id: 0,
    dup: false,
};

/// The conversations in which a side may break a rule.
pub fn settings(kind: K, version: Version, sender: Sender) -> Settings {
    let both = Habits {
        ids: 1,
        qos: &[1, 2],
        repeats: 0,
    };
    let base = Settings {
        client: both.clone(),
        server: both.clone(),
        disconnects: matches!(
            kind,
            K::AfterDisconnect | K::AfterFailure | K::SessionExpiryRaised
        ),
        fault: Some((sender, kind)),
        ..Settings::new(version)
    };
    let connect = base.connect;
    let connack = base.connack;
    // announced by the receiver of the packet that breaks the rule
    let announced = |properties| match sender {
        Client => (connect, connack.with_properties(properties)),
        Server => (connect.with_properties(properties), connack),
    };
    let limited = |properties| {
        let (connect, connack) = announced(properties);
        Settings {
            connect,
            connack,
            ..base.clone()
        }
    };
    let will = |flags| Packet {
        flags,
        will: WILL,
        ..connect
    };
    let only = |side| {
        let habits = |it| {
            if it == side {
                both.clone()
            } else {
                Habits::SILENT
            }
        };
        Settings {
            client: habits(Client),
            server: habits(Server),
            ..base.clone()
        }
    };
    match kind {
        // its own exchanges decide
        K::QoS2PacketIdInUse | K::Resent | K::PublishAfterPubRel => only(sender),
        K::PacketIdInUse if version == V3_1 => only(sender),
        K::PacketIdInUse => Settings {
            filters: if sender == Client { &[1] } else { &[] },
            ..only(sender)
        },
        // those of the other side
        K::NothingToAcknowledge | K::WrongAcknowledgement => only(sender.other()),
        K::AfterRefusal => Settings {
            refusals: if version == V5 { &[0x87] } else { &[5] },
            ..base
        },
        K::EmptyClientIdAccepted => Settings {
            connect: Packet::from(Kind::Connect { clean: false }).with_text(""),
            accepts: false,
            refusals: &[2],
            ..base
        },
        K::NoClientIdAssigned => Settings {
            connect: connect.with_text(""),
            connack: connack.with_properties(b"\x12\0\x01z"),
            ..base
        },
        K::WillQosNotSupported => Settings {
            connect: will(0x14),
            client: Habits::SILENT,
            ..base
        },
        K::WillRetainNotSupported => Settings {
            connect: will(0x24),
            ..base
        },
        K::ProblemInformationNotRequested => limited(b"\x17\0"),
        K::PacketTooLarge | K::ReasonStringTooLarge | K::UserPropertyTooLarge => {
            limited(MAXIMUM_PACKET_SIZE)
        }
        K::OutOfOrder => Settings {
            server: Habits { ids: 2, ..both },
            client: Habits::SILENT,
            ..base
        },
        K::CodeCount => Settings {
            filters: &[1],
            ..only(Client)
        },
        K::ReceiveMaximumExceeded => Settings {
            receive_maximum: 1,
            ..{
                let both = b"\x21\0\x01";
                Settings {
                    connect: connect.with_properties(both),
                    connack: connack.with_properties(both),
                    ..only(sender)
                }
            }
        },
        K::QosNotSupported => Settings {
            client: Habits::SILENT,
            ..limited(b"\x24\0")
        },
        K::RetainNotSupported => limited(b"\x25\0"),
        K::WildcardNotSupported => limited(b"\x28\0"),
        K::SubscriptionIdNotSupported => limited(b"\x29\0"),
        K::SharedNotSupported => limited(b"\x2a\0"),
        K::TopicAliasTooLarge | K::TopicAliasUnknown => limited(b"\x22\0\x01"),
        K::BeforeAuthenticated
        | K::AuthenticationMethodChanged
        | K::ReAuthenticationMethodChanged
        | K::AuthenticationStep
        | K::AuthenticationNotBegun => Settings {
            connect: connect.with_properties(METHOD),
            connack: connack.with_properties(METHOD),
            authentication: true,
            client: Habits::SILENT,
            server: Habits::SILENT,
            ..base
        },
        _ => base,
    }
}

/// The packets with which this peer breaks the rule now.
pub fn packets(kind: K, peer: &Peer, settings: &Settings) -> Vec<Packet> {
    match peer.link {
        Link::Down => before_connect(kind, peer),
        Link::Asked { .. } => before_connack(kind, peer, settings),
        Link::Up => on_connection(kind, peer, settings),
        Link::Refused => after_the_end(kind, K::AfterRefusal),
        Link::Left { own: false, .. } => Vec::new(),
        Link::Left { failed: true, .. } => after_the_end(kind, K::AfterFailure),
        Link::Left { failed: false, .. } => after_the_end(kind, K::AfterDisconnect),
    }
}

fn before_connect(kind: K, peer: &Peer) -> Vec<Packet> {
    match (kind, peer.side) {
        (K::FirstPacketNotConnect, Client) => vec![Kind::PingReq.into(), MESSAGE.into()],
        _ => Vec::new(),
    }
}

fn before_connack(kind: K, peer: &Peer, settings: &Settings) -> Vec<Packet> {
    let refusal = |code| Kind::ConnAck {
        present: false,
        code,
    };
    let accepting = |properties| settings.connack.with_properties(properties);
    let is_v5 = settings.version == V5;
    match (kind, peer.side) {
        (K::SecondConnect, Client) => vec![settings.connect],
        (K::BeforeConnAck, Server) => {
            let mut packets = vec![Kind::PingResp.into(), MESSAGE.into()];
            if is_v5 {
                packets.push(Kind::Disconnect { code: 0x80 }.into());
            }
            packets
        }
        (K::SessionPresentAfterCleanStart, _) if peer.side == Server => {
            let code = 0;
            vec![
                Kind::ConnAck {
                    present: true,
                    code,
                }
                .into(),
            ]
        }
        (K::SimpleClientIdRefused, Server) => vec![refusal(if is_v5 { 0x85 } else { 2 }).into()],
        (K::EmptyClientIdAccepted | K::NoClientIdAssigned, Server) => vec![accepting(&[])],
        (K::WillQosNotSupported, Server) => vec![accepting(b"\x24\x01"), accepting(b"\x24\0")],
        (K::WillRetainNotSupported, Server) => vec![accepting(b"\x25\0")],
        (K::ResponseInformationNotRequested, Server) => vec![accepting(b"\x1a\0\x01i")],
        (K::ReasonStringTooLarge, Server) => vec![accepting(REASON)],
        (K::UserPropertyTooLarge, Server) => vec![accepting(USER)],
        (K::BeforeAuthenticated, Client) => vec![Kind::PingReq.into(), MESSAGE.into()],
        (K::AuthenticationNotRequested, Client) => vec![settings.auth(0x18)],
        (K::AuthenticationNotRequested, Server) => {
            vec![settings.auth(0x18), accepting(METHOD)]
        }
        (K::AuthenticationMethodChanged, Client) if owes_auth(peer) => vec![other_method(0x18)],
        (K::AuthenticationMethodChanged, Server) if peer.authenticating => {
            vec![other_method(0x18), accepting(OTHER_METHOD), accepting(&[])]
        }
        (K::AuthenticationStep, Client) => vec![settings.auth(0x19)],
        (K::AuthenticationStep, Server) => vec![settings.auth(0x00)],
        _ => Vec::new(),
    }
}

fn owes_auth(peer: &Peer) -> bool {
    let is_auth = |it: &Packet| matches!(it.kind, Kind::Auth { .. });
    peer.owed.iter().any(is_auth)
}

fn other_method(code: u8) -> Packet {
    Packet::from(Kind::Auth { code }).with_properties(OTHER_METHOD)
}

fn on_connection(kind: K, peer: &Peer, settings: &Settings) -> Vec<Packet> {
    let alias = |number| match number {
        1 => Packet::from(MESSAGE).with_properties(b"\x23\0\x01"),
        _ => Packet::from(MESSAGE).with_properties(b"\x23\0\x02"),
    };
    let filters = 1;
    let dup = false;
    // identifier 9 is never in use otherwise
    let subscribe = Packet::from(Kind::Subscribe {
        id: 9,
        filters,
        dup,
    });
    match (kind, peer.side) {
        (K::SecondConnect, Client) => vec![settings.connect],
        (K::SecondConnAck, Server) => vec![settings.connack],
        (K::ProblemInformationNotRequested, _) => answers(peer, SHORT_REASON),
        (K::PacketTooLarge, _) => vec![Packet::from(MESSAGE).with_text(TOO_LONG)],
        (K::ReasonStringTooLarge, _) => answers(peer, REASON),
        (K::UserPropertyTooLarge, _) => answers(peer, USER),
        (K::PacketIdInUse, _) => in_use(peer),
        (K::QoS2PacketIdInUse, _) => {
            let again = |it: &Exchange| message(2, it.id, false);
            peer.exchanges.iter().map(again).collect()
        }
        (K::Resent, _) => peer
            .exchanges
            .iter()
            .enumerate()
            .filter(|(_, it)| it.stage != Stage::Release)
            .map(|(index, _)| peer.again(index, settings))
            .collect(),
        (K::PublishAfterPubRel, _) => {
            let released = peer
                .exchanges
                .iter()
                .filter(|it| it.stage == Stage::PubComp);
            released.map(|it| message(2, it.id, true)).collect()
        }
        (K::NothingToAcknowledge, _) => for_nothing(peer),
        (K::WrongAcknowledgement, _) => wrong_acknowledgements(peer),
        (K::OutOfOrder, _) => overtaking(peer, settings.version),
        (K::CodeCount, Server) => wrong_counts(peer, settings.version),
        (K::ReceiveMaximumExceeded, _) if peer.quota == 0 => {
            vec![message(1, 9, false), message(2, 9, false)]
        }
        (K::QosNotSupported, _) => vec![message(1, 9, false), message(2, 9, false)],
        (K::RetainNotSupported, _) => {
            let flags = 1;
            vec![Packet {
                flags,
                ..MESSAGE.into()
            }]
        }
        (K::WildcardNotSupported, _) => vec![subscribe.with_text("t/#"), subscribe.with_text("+")],
        (K::SubscriptionIdNotSupported, _) => vec![subscribe.with_properties(b"\x0b\x01")],
        (K::SharedNotSupported, _) => vec![subscribe.with_text("$share/g/t")],
        (K::TopicAliasTooLarge, _) => vec![alias(2)],
        (K::TopicAliasNotSupported, _) => vec![alias(1)],
        (K::TopicAliasUnknown, _) => vec![alias(1).with_text("")],
        (K::AuthenticationNotRequested, Client) => vec![settings.auth(0x18), settings.auth(0x19)],
        (K::AuthenticationNotRequested, Server) => vec![settings.auth(0x18), settings.auth(0x00)],
        (K::AuthenticationMethodChanged, _) if peer.authenticating => vec![other_method(0x18)],
        (K::ReAuthenticationMethodChanged, Client) => vec![other_method(0x19)],
        (K::AuthenticationNotBegun, Client) if !peer.authenticating => vec![settings.auth(0x18)],
        (K::AuthenticationNotBegun, Server) if !peer.has_begun_authentication() => {
            vec![settings.auth(0x18), settings.auth(0x00)]
        }
        (K::SessionExpiryRaised, Client) => {
            let disconnect = Packet::from(Kind::Disconnect { code: 0 });
            vec![disconnect.with_properties(b"\x11\0\0\0\x0a")]
        }
        _ => Vec::new(),
    }
}

fn after_the_end(kind: K, possible: K) -> Vec<Packet> {
    match kind == possible {
        true => vec![MESSAGE.into()],
        false => Vec::new(),
    }
}

fn message(qos: u8, id: u8, dup: bool) -> Packet {
    Kind::Publish { qos, id, dup }.into()
}

/// The answers that the peer may send next, with these properties.
fn answers(peer: &Peer, properties: &'static [u8]) -> Vec<Packet> {
    let acknowledges = |it: &&Packet| (4..=7).contains(&it.kind.number());
    let first = peer.owed.iter().find(acknowledges);
    first
        .map(|it| it.with_properties(properties))
        .into_iter()
        .collect()
}

/// A PUBLISH with QoS 1, or a request, with an identifier in use.
fn in_use(peer: &Peer) -> Vec<Packet> {
    let dup = false;
    let mut packets = Vec::new();
    for Exchange { id, .. } in peer.exchanges.iter().copied() {
        packets.push(message(1, id, false));
        if peer.side == Client {
            packets.push(
                Kind::Subscribe {
                    id,
                    filters: 1,
                    dup,
                }
                .into(),
            );
        }
    }
    packets
}

/// Answers to nothing, with an identifier that was never used.
fn for_nothing(peer: &Peer) -> Vec<Packet> {
    let (id, code, dup) = (9, 0, false);
    let mut kinds = vec![
        Kind::PubAck { id },
        Kind::PubRec { id, code },
        Kind::PubRel { id, code, dup },
        Kind::PubComp { id, code },
    ];
    if peer.side == Server {
        kinds.push(Kind::SubAck { id, codes: 1 });
        kinds.push(Kind::UnsubAck { id, codes: 1 });
    }
    kinds.into_iter().map(Packet::from).collect()
}

/// PUBREC in place of PUBACK, and the reverse.
fn wrong_acknowledgements(peer: &Peer) -> Vec<Packet> {
    let turned = |it: &Packet| match it.kind {
        Kind::PubAck { id } => Some(Kind::PubRec { id, code: 0 }.into()),
        Kind::PubRec { id, .. } => Some(Kind::PubAck { id }.into()),
        _ => None,
    };
    peer.owed.iter().filter_map(turned).collect()
}

/// Answers before older ones of their type.
fn overtaking(peer: &Peer, version: Version) -> Vec<Packet> {
    let is_later = |index: &usize| {
        let kind = peer.owed[*index].kind;
        (4..=6).contains(&kind.number()) && !peer.may_be_next(*index, version)
    };
    let later = (0..peer.owed.len()).filter(is_later);
    later.map(|index| peer.owed[index]).collect()
}

/// SUBACK and, in 5.0, UNSUBACK with a code too many.
fn wrong_counts(peer: &Peer, version: Version) -> Vec<Packet> {
    let one_more = |it: &Packet| match it.kind {
        Kind::SubAck { id, codes } => Some(
            Kind::SubAck {
                id,
                codes: codes + 1,
            }
            .into(),
        ),
        Kind::UnsubAck { id, codes } if version == V5 => Some(
            Kind::UnsubAck {
                id,
                codes: codes + 1,
            }
            .into(),
        ),
        _ => None,
    };
    peer.owed.iter().filter_map(one_more).collect()
}
