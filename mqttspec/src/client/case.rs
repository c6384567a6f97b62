//! From the vectors to the cases for clients.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use mqtt_wire::monitor::BreachKind;
use mqtt_wire::{
    Connect, DecodeError, Dialect, FrameRef, NextFrame, Packet, PacketId, PacketType, Reply,
    Sender, Version,
};
use mqtt_wire_vectors::{self as vectors, Conversation, Expected, Side};

use super::open;
use super::play::{Place, Script, Step};
use super::scenario::Scenario;
use super::session::{self, Session};
use crate::case::{self, Case, CaseKind, PacketCase};
use crate::script;
use crate::statement::{Statement, version as version_of};

/// A case, and how to play it.
#[derive(Debug, Clone)]
pub struct ClientCase {
    pub case: Case,
    pub scenario: Scenario,
    pub(crate) task: Task,
}

#[derive(Debug, Clone)]
pub(crate) enum Task {
    /// A packet that the client should refuse, and its neighbour.
    Refuse {
        bad: Script,
        /// `None` if the healthy scenario is the neighbour.
        neighbour: Option<Script>,
        /// Whether the standard demands the end of the connection, and does not only advise it.
        must_close: bool,
    },
    /// The scenario without a fault.
    Healthy,
    /// A rule that the client shows in a scenario.
    Session(&'static Session),
}

/// All cases for clients, ordered by version and name.
pub fn all() -> Vec<ClientCase> {
    let packets = vectors::packets();
    let by_name: BTreeMap<_, _> = packets.iter().map(|it| (it.name, it)).collect();
    let of_packets = packets.iter().filter_map(|it| of_packet(it, &by_name));
    let conversations = vectors::conversations();
    let by_name: BTreeMap<_, _> = conversations.iter().map(|it| (it.name, it)).collect();
    let of_conversations = conversations
        .iter()
        .filter_map(|it| of_conversation(it, &by_name));
    let mut cases: Vec<_> = of_packets.chain(of_conversations).collect();
    for version in Version::ALL {
        cases.extend(healthy(version));
        let sessions = session::ALL.iter().filter(|it| it.is_in(version));
        cases.extend(sessions.map(|it| of_session(version, it)));
    }
    cases.sort_by(|a, b| (a.case.version, &a.case.name).cmp(&(b.case.version, &b.case.name)));
    cases
}

/// `None` if the packet is valid from a Server, or if no scenario has a place for it.
fn of_packet(
    vector: &vectors::Packet,
    all: &BTreeMap<&str, &vectors::Packet>,
) -> Option<ClientCase> {
    let Expected::Refuse {
        error, neighbour, ..
    } = &vector.expected
    else {
        return None;
    };
    let (version, wire) = (version_of(vector.version), vector.wire());
    // many packets of a Client are invalid from a Server for the same reason
    let dialect = Dialect::from_server(version);
    let found = error_in(&wire, dialect).filter(|it| it.kind().name() == error.kind)?;
    let valid = all.get(&neighbour[..])?.wire();
    Packet::decode(&valid, dialect).ok()?;
    let (scenario, place) = place(version, &valid)?;
    let folder = vector.name.split('/').next().unwrap_or_default();
    let broken: Vec<_> = found.statements().map(|it| it.to_string()).collect();
    let statements = case::statements(&broken);
    let code = match found.reply() {
        Reply::Disconnect(code) => Some(code as u8),
        Reply::ConnAck(_) | Reply::Close => None,
    };
    let must_close = open::must_close(version, &error.kind, &statements);
    let case = Case {
        name: case::name(vector.version, vector.name, &broken),
        version,
        comment: vector.comment.clone(),
        statements,
        kind: CaseKind::Packet(Box::new(PacketCase {
            kind: error.kind.clone(),
            code,
            open: open::packet(vector.version, folder, error)
                .or_else(|| open::statement(broken.first()?)),
            breach: None,
            bad: judged(version, wire.clone()),
            neighbour: judged(version, valid.clone()),
            neighbour_name: neighbour.clone(),
            at_fault: Sender::Server,
        })),
    };
    let script = |bytes: Vec<u8>| Script {
        steps: steps_around(place, bytes),
        place: place_of(place),
    };
    Some(ClientCase {
        scenario,
        task: Task::Refuse {
            bad: script(wire),
            neighbour: Some(script(valid)),
            must_close,
        },
        case,
    })
}

/// The error in the first packet of these bytes.
fn error_in(bytes: &[u8], dialect: Dialect) -> Option<DecodeError> {
    match FrameRef::split(bytes, dialect, u32::MAX) {
        Ok(NextFrame::Frame(frame)) => frame.decode(dialect).err(),
        Ok(NextFrame::NeedMore(_)) => None,
        Err(error) => Some(error),
    }
}

/// The scenario in which a Server sends a packet like this one, and its type.
fn place(version: Version, valid: &[u8]) -> Option<(Scenario, PacketType)> {
    use PacketType as P;
    let first = valid.first()? >> 4;
    let packet_type = P::ALL.into_iter().find(|it| *it as u8 == first)?;
    let scenario = match packet_type {
        // nothing in it depends on what the broker announces
        P::ConnAck => Scenario::PublishQos0,
        P::PubAck => Scenario::PublishQos1,
        P::PubRec | P::PubComp => Scenario::PublishQos2,
        P::Publish | P::PubRel | P::SubAck => Scenario::Subscribe,
        P::UnsubAck => Scenario::Unsubscribe,
        P::PingResp => Scenario::Ping,
        P::Disconnect if version == Version::V5 => Scenario::Subscribe,
        P::Auth if version == Version::V5 => Scenario::Authenticate,
        _ => return None,
    };
    Some((scenario, packet_type))
}

/// What the client and the broker send before a packet of this type, and the packet.
fn steps_around(packet_type: PacketType, bytes: Vec<u8>) -> Vec<Step> {
    use PacketType as P;
    let before: &[PacketType] = match packet_type {
        P::ConnAck | P::Auth => &[P::Connect],
        P::PubAck | P::PubRec => &[P::Connect, P::Publish],
        P::PubComp => &[P::Connect, P::Publish, P::PubRel],
        P::SubAck => &[P::Connect, P::Subscribe],
        P::UnsubAck => &[P::Connect, P::Subscribe, P::Unsubscribe],
        P::PingResp => &[P::Connect, P::Subscribe, P::PingReq],
        _ => &[P::Connect, P::Subscribe],
    };
    let answered = before
        .iter()
        .flat_map(|it| [Step::Await(*it), Step::Answer]);
    let mut steps: Vec<_> = answered.collect();
    match packet_type {
        P::PubRel => {
            let id = bytes.get(2..4).and_then(|it| it.try_into().ok());
            let id = id.map(u16::from_be_bytes).and_then(PacketId::new);
            steps.push(Step::Message(id.unwrap_or(PacketId::MIN)));
            steps.push(Step::Await(P::PubRec));
        }
        P::Publish | P::Disconnect => {}
        // instead of the last answer
        _ => {
            steps.pop();
        }
    }
    steps.push(Step::Send(bytes));
    steps
}

fn place_of(packet_type: PacketType) -> Place {
    use PacketType as P;
    match packet_type {
        P::ConnAck | P::Auth => Place::ConnAck,
        P::PubAck | P::PubRec => Place::Answer(P::Publish),
        P::PubComp => Place::Answer(P::PubRel),
        P::UnsubAck => Place::Answer(P::Unsubscribe),
        _ => Place::Listening,
    }
}

/// `None` if the Client breaks the rule, if the rule is about time, or if no scenario has such a
/// conversation.
fn of_conversation(
    vector: &Conversation,
    all: &BTreeMap<&str, &Conversation>,
) -> Option<ClientCase> {
    let breach = vector.breaches.first()?;
    let is_about_time = vector.packets.iter().any(|it| it.milliseconds.is_some());
    // the client has left before
    let is_over =
        ["AfterFailure", "AfterRefusal", "SimpleClientIdRefused"].contains(&&breach.kind[..]);
    if breach.side != Side::Server || is_about_time || is_over {
        return None;
    }
    let version = version_of(vector.version);
    let kind = BreachKind::ALL.iter().find(|it| it.name() == breach.kind)?;
    let scenario = scenario_of(vector)?;
    let bad = script_of(scenario, vector, breach.packet)?;
    let name = vector.neighbour.as_deref()?;
    let valid = all.get(name)?;
    // the neighbour may end earlier, or take another turn
    let neighbour = script_of(scenario, valid, breach.packet);
    let neighbour = neighbour.filter(|it| it.place == bad.place);
    let bytes = |it: &Script| match it.steps.last() {
        Some(Step::Send(bytes)) => bytes.clone(),
        _ => Vec::new(),
    };
    let mut statements = case::statements(&breach.statements);
    if breach.kind == "SessionPresentAfterCleanStart" {
        statements.extend(statement(version, "MQTT-3.2.2-4").filter(|_| version == Version::V5));
    }
    let must_close = open::must_close(version, &breach.kind, &statements);
    let case = Case {
        name: case::name(vector.version, vector.name, &breach.statements),
        version,
        comment: vector.comment.clone(),
        statements,
        kind: CaseKind::Packet(Box::new(PacketCase {
            kind: breach.kind.clone(),
            code: breach.reason_code,
            open: open::breach(version, &breach.kind),
            breach: Some(*kind),
            bad: judged(version, bytes(&bad)),
            neighbour: judged(version, neighbour.as_ref().map(bytes).unwrap_or_default()),
            neighbour_name: name.to_owned(),
            at_fault: Sender::Server,
        })),
    };
    Some(ClientCase {
        scenario,
        task: Task::Refuse {
            bad,
            neighbour,
            must_close,
        },
        case,
    })
}

fn scenario_of(vector: &Conversation) -> Option<Scenario> {
    use PacketType as P;
    let wire = vector.packets.first()?.wire();
    let connect = Connect::decode(&wire).ok()?;
    let sends = |side, packet_type: PacketType| {
        let mut sent = vector.packets.iter().filter(|it| it.sender == side);
        sent.any(|it| {
            it.wire()
                .first()
                .is_some_and(|it| it >> 4 == packet_type as u8)
        })
    };
    let by_client = |packet_type| sends(Side::Client, packet_type);
    let publishes_qos2 = vector.packets.iter().any(|it| {
        it.sender == Side::Client && it.wire().first().is_some_and(|it| it & 0xf6 == 0x34)
    });
    // in longer conversations the identifier does not matter
    let has_no_id = connect.client_id.is_empty() && vector.packets.len() == 2;
    let is_limited = connect.maximum_packet_size().is_some()
        || connect.topic_alias_maximum() > 0
        || connect.receive_maximum() < NonZeroU16::MAX
        || !connect.request_problem_information();
    Some(match () {
        // no client should send this
        () if has_no_id && !connect.clean_start => return None,
        () if has_no_id => Scenario::NoClientId,
        () if connect.authentication_method().is_some() && !is_limited => Scenario::Authenticate,
        () if connect.will.is_some() => Scenario::Will,
        () if is_limited && !by_client(P::Publish) && !by_client(P::Unsubscribe) => {
            Scenario::Limits
        }
        () if is_limited => return None,
        () if by_client(P::PingReq) => Scenario::Ping,
        () if by_client(P::Unsubscribe) => Scenario::Unsubscribe,
        () if publishes_qos2 => Scenario::PublishQos2,
        () if by_client(P::Publish) => Scenario::PublishQos1,
        () if vector.packets.len() == 2 => Scenario::PublishQos0,
        () => Scenario::Subscribe,
    })
}

/// The conversation up to its last packet, as a script. `None` if the scenario has no such course.
fn script_of(scenario: Scenario, vector: &Conversation, last: usize) -> Option<Script> {
    use PacketType as P;
    let mut course = Course {
        scenario,
        steps: Vec::new(),
        is_accepted: false,
        is_subscribed: false,
        open: None,
    };
    for (index, sent) in vector.packets.iter().enumerate().take(last + 1) {
        let wire = sent.wire();
        let first = *wire.first()?;
        let packet_type = P::ALL.into_iter().find(|it| *it as u8 == first >> 4)?;
        match sent.sender {
            Side::Client => course.awaits(packet_type)?,
            Side::Server if index == last => return course.judges(packet_type, wire),
            Side::Server => course.sends(packet_type, wire)?,
        }
    }
    None
}

/// A script that is being made of a conversation.
struct Course {
    scenario: Scenario,
    steps: Vec<Step>,
    is_accepted: bool,
    is_subscribed: bool,
    /// The packet of the client that has no answer yet.
    open: Option<PacketType>,
}

impl Course {
    fn awaits(&mut self, packet_type: PacketType) -> Option<()> {
        use PacketType as P;
        if matches!(packet_type, P::Unsubscribe | P::PingReq) {
            self.subscribes();
        }
        let is_in_scenario = match packet_type {
            P::Connect => self.open.is_none(),
            P::PubRec => self.open.is_none() && self.is_subscribed,
            P::Auth => self.scenario == Scenario::Authenticate,
            _ => self.is_accepted && self.open.is_none(),
        };
        self.is_subscribed |= packet_type == P::Subscribe;
        self.open = (packet_type != P::PubRec).then_some(packet_type);
        self.steps.push(Step::Await(packet_type));
        is_in_scenario.then_some(())
    }

    fn sends(&mut self, packet_type: PacketType, wire: Vec<u8>) -> Option<()> {
        use PacketType as P;
        match packet_type {
            P::ConnAck => self.is_accepted = true,
            P::Publish => self.subscribes(),
            // the second message of a program would come next
            P::PubAck | P::PubComp => return None,
            _ => {}
        }
        self.open = None;
        self.steps.push(Step::Send(wire));
        Some(())
    }

    fn judges(mut self, packet_type: PacketType, wire: Vec<u8>) -> Option<Script> {
        use PacketType as P;
        let place = match self.open {
            Some(P::Connect | P::Auth) => Place::ConnAck,
            Some(it @ (P::Publish | P::PubRel | P::Unsubscribe)) => Place::Answer(it),
            Some(_) => Place::Listening,
            None if self.scenario.is_listening() => {
                if packet_type != P::PubRel {
                    self.subscribes();
                }
                Place::Listening
            }
            None => return None,
        };
        self.steps.push(Step::Send(wire));
        Some(Script {
            steps: self.steps,
            place,
        })
    }

    /// The programs subscribe before they receive a message.
    fn subscribes(&mut self) {
        if self.is_accepted && !self.is_subscribed {
            self.is_subscribed = true;
            self.steps.push(Step::Await(PacketType::Subscribe));
            self.steps.push(Step::Answer);
        }
    }
}

/// The scenarios without a fault.
fn healthy(version: Version) -> impl Iterator<Item = ClientCase> {
    let scenarios = Scenario::ALL
        .into_iter()
        .filter(move |it| it.is_in(version));
    scenarios.map(move |scenario| ClientCase {
        case: of_scenario(
            version,
            format!("{version}/healthy/{scenario}"),
            format!("The scenario {scenario} without a fault of the broker."),
            first_statement(version).into_iter().collect(),
        ),
        scenario,
        task: Task::Healthy,
    })
}

/// The first packet is CONNECT.
fn first_statement(version: Version) -> Option<Statement> {
    let id = match version {
        Version::V3_1 => "U31-first",
        Version::V3_1_1 | Version::V5 => "MQTT-3.1.0-1",
    };
    statement(version, id)
}

fn of_session(version: Version, session: &'static Session) -> ClientCase {
    let ids = session.statements(version).iter();
    let statements: Vec<_> = ids.filter_map(|id| statement(version, id)).collect();
    let id = statements.first().map_or("", Statement::id);
    ClientCase {
        case: of_scenario(
            version,
            format!("{version}/session/{id}/{}", session.name),
            session.comment.to_owned(),
            statements,
        ),
        scenario: session.scenario,
        task: Task::Session(session),
    }
}

fn statement(version: Version, id: &str) -> Option<Statement> {
    Statement::find(&format!("v{version} {id}"))
}

fn of_scenario(
    version: Version,
    name: String,
    comment: String,
    statements: Vec<Statement>,
) -> Case {
    Case {
        name,
        version,
        comment,
        statements,
        kind: CaseKind::OfClient,
    }
}

/// The packet that a report explains.
fn judged(version: Version, bytes: Vec<u8>) -> script::Script {
    script::Script {
        version,
        steps: vec![script::Step::Send(bytes)],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_its_own_name_and_its_statements() {
        let cases = all();
        let names: BTreeSet<_> = cases.iter().map(|it| &it.case.name).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            assert!(!case.case.statements.is_empty(), "{}", case.case.name);
            if let Task::Refuse { bad, neighbour, .. } = &case.task {
                assert_ne!(Some(bad), neighbour.as_ref(), "{}", case.case.name);
            }
        }
    }

    /// `tests/it/coverage.rs` reads the list.
    #[test]
    fn the_list_of_cases_is_current() {
        let mut list = String::from("version,id,case\n");
        for case in all() {
            if let Task::Healthy = case.task {
                continue;
            }
            for statement in &case.case.statements {
                let (version, id) = (case.case.version, statement.id());
                list += &format!("{version},{id},{}\n", case.case.name);
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/client-cases.csv");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &list).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == list,
            "mqttspec/client-cases.csv is not current: UPDATE=1 cargo test -p mqttspec --lib"
        );
    }

    #[test]
    fn every_refused_packet_of_a_server_is_a_case() {
        let names: BTreeSet<_> = all().into_iter().map(|it| it.case.comment).collect();
        let refused = vectors::packets()
            .into_iter()
            .filter(|it| it.sender == Side::Server && !it.is_valid());
        let missing: Vec<_> = refused.filter(|it| !names.contains(&it.comment)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_conversations_that_are_no_cases_have_no_place_in_a_scenario() {
        let conversations = vectors::conversations();
        let by_name: BTreeMap<_, _> = conversations.iter().map(|it| (it.name, it)).collect();
        let at_fault = conversations.iter().filter(|it| {
            let first = it.breaches.first();
            first.is_some_and(|breach| breach.side == Side::Server)
        });
        let (cases, others): (Vec<_>, Vec<_>) =
            at_fault.partition(|it| of_conversation(it, &by_name).is_some());
        let (about_time, others): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|it| it.packets.iter().any(|it| it.milliseconds.is_some()));
        assert_eq!((cases.len(), about_time.len(), others.len()), (63, 4, 25));
    }
}
