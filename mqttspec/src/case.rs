//! From the vectors and the scenarios to the cases.

use std::collections::BTreeMap;

use mqtt_wire::monitor::BreachKind;
use mqtt_wire::{Dialect, Packet as Decoded, PacketId, PacketType, Sender, Version};
use mqtt_wire_vectors::{self as vectors, Conversation, Expected, Packet, Side};

use crate::open;
use crate::scenario::{self, Scenario};
use crate::script::{self, KeepAlive, Script, Silence, Step};
use crate::statement::{Statement, version};

/// A case: a packet to refuse, or a rule that takes several packets.
#[derive(Debug, Clone)]
pub struct Case {
    /// `5.0/connect/MQTT-3.1.2-11/will-qos-without-will`.
    pub name: String,
    pub version: Version,
    /// The rule, in a sentence.
    pub comment: String,
    /// The statements that it is about, the most exact one first.
    pub statements: Vec<Statement>,
    pub kind: CaseKind,
}

#[derive(Debug, Clone)]
pub enum CaseKind {
    Packet(Box<PacketCase>),
    Scenario(&'static Scenario),
    /// A rule that a client keeps, as the comment says.
    OfClient,
    /// A rule that the subject, which is this side, breaks in cases about other statements.
    Traffic(Sender),
}

/// A packet that the subject has to refuse, and its neighbour, which it has to accept.
#[derive(Debug, Clone)]
pub struct PacketCase {
    /// The name that `mqtt-wire` has for the kind of error or breach.
    pub kind: String,
    /// The code to reply with: the Reason Code in 5.0, and the CONNACK return code before.
    pub code: Option<u8>,
    /// The reason why a broker may accept the packet, if there is one.
    pub open: Option<&'static str>,
    /// Whether the packet breaks a rule between packets, and is valid by itself.
    pub(crate) breach: Option<BreachKind>,
    pub(crate) bad: Script,
    pub(crate) neighbour: Script,
    /// The path of the vector of the neighbour.
    pub neighbour_name: String,
    /// The side that sends the packet. The other one is tested.
    pub at_fault: Sender,
}

impl Case {
    /// Whether the case has this name, a name that contains `filter`, is about this statement, or
    /// about a statement of this section.
    pub fn matches(&self, filter: &str) -> bool {
        let of_statement = |it: &Statement| it.id() == filter || it.section() == filter;
        self.name.contains(filter) || self.statements.iter().any(of_statement)
    }

    /// `None` for a scenario.
    pub fn packet(&self) -> Option<&PacketCase> {
        match &self.kind {
            CaseKind::Packet(packet) => Some(packet),
            CaseKind::Scenario(_) | CaseKind::OfClient | CaseKind::Traffic(_) => None,
        }
    }

    /// The side that is tested.
    pub(crate) fn subject(&self) -> Sender {
        match &self.kind {
            CaseKind::Packet(packet) if packet.at_fault == Sender::Client => Sender::Server,
            CaseKind::Scenario(_) => Sender::Server,
            CaseKind::Traffic(subject) => *subject,
            CaseKind::Packet(_) | CaseKind::OfClient => Sender::Client,
        }
    }

    /// What the standard asks for, in a sentence.
    pub fn expected(&self) -> String {
        match &self.kind {
            CaseKind::Packet(packet) => packet.expected(),
            CaseKind::Scenario(_) | CaseKind::OfClient | CaseKind::Traffic(_) => {
                self.comment.clone()
            }
        }
    }

    /// Whether it takes seconds, of which the most are spent with waiting.
    pub(crate) fn is_slow(&self) -> bool {
        self.packet().is_some_and(PacketCase::is_about_keep_alive)
    }

    /// The section of the most exact statement.
    pub fn section(&self) -> &'static str {
        self.statements.first().map_or("", Statement::section)
    }
}

impl PacketCase {
    pub const fn version(&self) -> Version {
        self.bad.version
    }

    /// Whether the packet is sent as the first one of its connection, with the client identifier of
    /// its vector.
    pub(crate) fn begins_with_its_packet(&self) -> bool {
        self.bad.steps.len() == 1
    }

    /// Whether the client breaks the rule by silence.
    pub(crate) fn is_about_keep_alive(&self) -> bool {
        self.bad.has_a_silence()
    }

    /// What the standard asks for, in a sentence.
    fn expected(&self) -> String {
        let code = self.code.map(|it| format!("{it:#04x}"));
        let refuses = match (self.version(), self.begins_with_its_packet(), code) {
            _ if self.is_about_keep_alive() => {
                "the broker closes the connection after one and a half times the Keep Alive".into()
            }
            (Version::V5, _, Some(code)) if self.at_fault == Sender::Server => format!(
                "the client sends a DISCONNECT with code {code} or a more exact one, and closes \
                 the connection"
            ),
            _ if self.at_fault == Sender::Server => "the client closes the connection".to_owned(),
            (_, _, None) => "the broker closes the connection".to_owned(),
            (Version::V5, true, Some(code)) => format!(
                "the broker closes the connection; if it sends a CONNACK, then with code {code} \
                 or a more exact one"
            ),
            (Version::V5, false, Some(code)) => format!(
                "the broker sends a DISCONNECT with code {code} or a more exact one, and closes the \
                 connection"
            ),
            (_, _, Some(code)) => {
                format!("the broker sends a CONNACK with code {code}, and closes the connection")
            }
        };
        match self.open {
            Some(why) => format!("{refuses}; or it accepts the packet: {why}"),
            None => refuses,
        }
    }
}

/// All cases for brokers, ordered by version and name.
pub fn all() -> Vec<Case> {
    let packets = vectors::packets();
    let by_name: BTreeMap<_, _> = packets.iter().map(|it| (it.name, it)).collect();
    let of_packets = packets
        .iter()
        .filter(|it| it.sender == Side::Client && !it.is_valid())
        .filter_map(|it| of_packet(it, &by_name));
    let conversations = vectors::conversations();
    let by_name: BTreeMap<_, _> = conversations.iter().map(|it| (it.name, it)).collect();
    let of_conversations = conversations
        .iter()
        .filter_map(|it| of_conversation(it, &by_name));
    let of_scenarios = scenario::all().flat_map(of_scenario);
    let all = of_packets.chain(of_conversations).chain(of_scenarios);
    let mut cases: Vec<_> = all.collect();
    cases.sort_by(|a, b| (a.version, &a.name).cmp(&(b.version, &b.name)));
    cases
}

/// A case for each version in which it runs.
fn of_scenario(scenario: &'static Scenario) -> impl Iterator<Item = Case> {
    Version::ALL.into_iter().filter_map(move |version| {
        let statements = scenario.statements(version);
        let statement = statements.first()?.id();
        let (theme, name) = scenario.name.split_once('/')?;
        Some(Case {
            name: format!("{version}/{theme}/{statement}/{name}"),
            version,
            comment: scenario.comment.to_owned(),
            statements,
            kind: CaseKind::Scenario(scenario),
        })
    })
}

fn of_packet(vector: &Packet, all: &BTreeMap<&str, &Packet>) -> Option<Case> {
    let Expected::Refuse {
        error, neighbour, ..
    } = &vector.expected
    else {
        return None;
    };
    let folder = vector.name.split('/').next().unwrap_or_default();
    let script = |packet: &Packet| {
        let version = version(packet.version);
        let send = Step::Send(packet.wire());
        let steps = match packet.wire().first() {
            Some(first) if first >> 4 == PacketType::Connect as u8 => vec![send],
            _ => vec![Step::Connect, send],
        };
        Script { version, steps }
    };
    Some(Case {
        name: name(vector.version, vector.name, &vector.statements),
        version: version(vector.version),
        comment: vector.comment.clone(),
        statements: statements(&vector.statements),
        kind: CaseKind::Packet(Box::new(PacketCase {
            kind: error.kind.clone(),
            code: error.reason_code,
            open: open::packet(vector.version, folder, error)
                .or_else(|| open::statement(vector.statements.first()?)),
            breach: None,
            bad: script(vector),
            neighbour: script(all.get(&neighbour[..])?),
            neighbour_name: neighbour.clone(),
            at_fault: Sender::Client,
        })),
    })
}

/// `None` if the Server breaks the rule.
fn of_conversation(vector: &Conversation, all: &BTreeMap<&str, &Conversation>) -> Option<Case> {
    let breach = vector.breaches.first()?;
    if breach.side != Side::Client {
        return None;
    }
    let kind = *BreachKind::ALL.iter().find(|it| it.name() == breach.kind)?;
    let neighbour = vector.neighbour.as_deref()?;
    let valid = all.get(neighbour)?;
    let duty = closing_after_silence(vector.version, kind);
    let names: Vec<_> = duty.into_iter().chain(breach.statements.clone()).collect();
    let mut bad = script(vector, breach.packet + 1);
    let mut neighbour_script = script(valid, valid.packets.len());
    if let Some(keep_alive) = keep_alive(kind) {
        fall_silent(&mut bad, keep_alive, true);
        fall_silent(&mut neighbour_script, keep_alive, false);
    }
    Some(Case {
        name: name(vector.version, vector.name, &names),
        version: version(vector.version),
        comment: vector.comment.clone(),
        statements: statements(&names),
        kind: CaseKind::Packet(Box::new(PacketCase {
            kind: breach.kind.clone(),
            code: breach.reason_code,
            open: open::breach(vector.version, &breach.kind)
                .or_else(|| open::statement(names.first()?)),
            // a silence is no packet that the monitor could judge
            breach: keep_alive(kind).is_none().then_some(kind),
            bad,
            neighbour: neighbour_script,
            neighbour_name: neighbour.to_owned(),
            at_fault: Sender::Client,
        })),
    })
}

/// The packets of the client, and those of the broker as packets to wait for.
fn script(conversation: &Conversation, length: usize) -> Script {
    let mut steps = Vec::new();
    // the Packet Identifiers of the messages that the broker sends
    let mut messages = Vec::new();
    for sent in conversation.packets.iter().take(length) {
        let bytes = sent.wire();
        let dialect = match sent.sender {
            Side::Client => Dialect::from_client(version(conversation.version)),
            Side::Server => Dialect::from_server(version(conversation.version)),
        };
        let packet = Decoded::decode(&bytes, dialect).ok();
        let step = match (sent.sender, packet) {
            (Side::Server, Some(Decoded::Publish(it))) => {
                messages.push(it.delivery.packet_id());
                let qos = it.delivery.qos();
                if let Some(Step::Receive { count, .. }) = steps.last_mut() {
                    *count += 1;
                    continue;
                }
                Step::Receive { qos, count: 1 }
            }
            (Side::Server, Some(packet)) => Step::Await(packet.packet_type()),
            (Side::Server, None) => continue,
            (Side::Client, packet) => {
                let id = packet.and_then(|it| it.packet_id());
                let of_message = |it: &Option<PacketId>| id.is_some() && *it == id;
                match messages.iter().position(of_message) {
                    Some(message) => Step::Acknowledge { bytes, message },
                    None => Step::Send(bytes),
                }
            }
        };
        steps.push(step);
    }
    let version = version(conversation.version);
    Script { version, steps }
}

/// The Keep Alive that the Client misses.
const fn keep_alive(kind: BreachKind) -> Option<KeepAlive> {
    match kind {
        BreachKind::KeepAliveMissed => Some(KeepAlive::OfClient(KEEP_ALIVE)),
        BreachKind::ServerKeepAliveMissed => Some(KeepAlive::OfServer),
        _ => None,
    }
}

/// In seconds. The 60 seconds of most vectors would make a run last for minutes.
const KEEP_ALIVE: u16 = 2;

/// Puts a silence in the place of the last packet, and the Keep Alive into the CONNECT.
fn fall_silent(script: &mut Script, keep_alive: KeepAlive, is_too_long: bool) {
    script.steps.pop();
    if let (KeepAlive::OfClient(seconds), Some(Step::Send(connect))) =
        (keep_alive, script.steps.first_mut())
    {
        *connect = script::with_keep_alive(connect, seconds).unwrap_or_default();
    }
    script.steps.push(Step::Silence(Silence {
        keep_alive,
        is_too_long,
    }));
}

/// The statement that binds the Server if the Client misses the Keep Alive. The vectors of this side
/// name those that bind the Client; in 3.1 one statement binds both.
fn closing_after_silence(version: vectors::Version, kind: BreachKind) -> Option<String> {
    keep_alive(kind)?;
    match version {
        vectors::Version::V3_1 => None,
        vectors::Version::V3_1_1 => Some("v3.1.1 MQTT-3.1.2-24".into()),
        vectors::Version::V5 => Some("v5.0 MQTT-3.1.2-22".into()),
    }
}

/// `connect/invalid/x-v5.0-2.json` with `v5.0 MQTT-1-2` is `5.0/connect/MQTT-1-2/x-2`.
pub(crate) fn name(version: vectors::Version, path: &str, statements: &[String]) -> String {
    let folder = path.split('/').next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.strip_suffix(".json").unwrap_or(file);
    let stem = stem.replace(&format!("-v{version}"), "");
    let statement = statements
        .first()
        .and_then(|it| it.split(' ').nth(1))
        .unwrap_or_default();
    format!("{version}/{folder}/{statement}/{stem}")
}

pub(crate) fn statements(names: &[String]) -> Vec<Statement> {
    names.iter().filter_map(|it| Statement::find(it)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_refused_packet_of_a_client_is_a_case() {
        let refused = vectors::packets()
            .into_iter()
            .filter(|it| it.sender == Side::Client && !it.is_valid());
        let cases = all();
        let of_packets = cases
            .iter()
            .filter(|it| it.packet().is_some() && !it.name.contains("/conversations/"));
        assert_eq!(of_packets.count(), refused.count());
    }

    #[test]
    fn every_conversation_in_which_the_client_breaks_a_rule_is_a_case() {
        let at_fault = vectors::conversations().into_iter().filter(|it| {
            let first = it.breaches.first();
            first.is_some_and(|breach| breach.side == Side::Client)
        });
        let cases = all();
        let of_conversations = cases
            .iter()
            .filter(|it| it.name.contains("/conversations/"));
        assert_eq!(of_conversations.clone().count(), at_fault.count());
        let has = |wanted: fn(&Step) -> bool| {
            let with = of_conversations.clone();
            with.filter(|it| it.packet().unwrap().bad.steps.iter().any(wanted))
                .count()
        };
        assert_eq!(has(|it| matches!(it, Step::Silence(_))), 8);
        assert_eq!(has(|it| matches!(it, Step::Receive { .. })), 5);
    }

    #[test]
    fn acknowledgements_name_the_message_and_not_its_identifier() {
        let cases = all();
        let name = "3.1.1/conversations/MQTT-4.6.0-2/out-of-order-puback";
        let case = cases.iter().find(|it| it.name == name).unwrap();
        let last = |script: &Script| script.steps.last().cloned().unwrap();
        let acknowledges = |script: &Script| match last(script) {
            Step::Acknowledge { message, .. } => message,
            step => panic!("{step:?}"),
        };
        let packet = case.packet().unwrap();
        assert_eq!(acknowledges(&packet.bad), 1);
        assert_eq!(acknowledges(&packet.neighbour), 0);
    }

    #[test]
    fn every_case_has_its_own_name_and_its_statements() {
        let cases = all();
        let names: BTreeSet<_> = cases.iter().map(|it| &it.name).collect();
        assert_eq!(names.len(), cases.len());
        assert!(names.contains(&"5.0/connect/MQTT-3.1.2-11/will-qos-without-will".to_owned()));
        for case in &cases {
            assert!(!case.statements.is_empty(), "{}", case.name);
            if let Some(packet) = case.packet() {
                assert_ne!(packet.bad, packet.neighbour, "{}", case.name);
            }
        }
    }

    /// `tests/it/coverage.rs` reads the list.
    #[test]
    fn the_list_of_scenarios_is_current() {
        let cases = all();
        let scenarios = cases.iter().filter(|it| it.packet().is_none());
        let mut list = String::from("version,id,scenario\n");
        for case in scenarios {
            for statement in &case.statements {
                let (version, id) = (case.version, statement.id());
                list += &format!("{version},{id},{}\n", case.name);
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios.csv");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &list).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == list,
            "mqttspec/scenarios.csv is not current: UPDATE=1 cargo test -p mqttspec --lib"
        );
    }

    #[test]
    fn a_case_is_found_by_name_statement_and_section() {
        let cases = all();
        let found = |filter: &str| cases.iter().filter(|it| it.matches(filter)).count();
        assert_eq!(found("5.0/connect/MQTT-3.1.2-11/will-qos-without-will"), 1);
        assert!(found("MQTT-3.1.2-11") > 1);
        assert!(found("3.1.2.5") + found("3.1.2") > 1);
        assert_eq!(found("no such case"), 0);
    }
}
