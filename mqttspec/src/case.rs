//! From the vectors and the scenarios to the cases.

use std::collections::BTreeMap;

use mqtt_wire::monitor::BreachKind;
use mqtt_wire::{PacketType, Version};
use mqtt_wire_vectors::{self as vectors, Conversation, Expected, Packet, Side};

use crate::open;
use crate::scenario::{self, Scenario};
use crate::script::{Script, Step};
use crate::statement::Statement;

/// A case for a broker: a packet to refuse, or a scenario.
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
}

/// A packet that a broker has to refuse, and its neighbour, which the broker has to accept.
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
            CaseKind::Scenario(_) => None,
        }
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
            open: open::packet(vector.version, folder, error),
            breach: None,
            bad: script(vector),
            neighbour: script(all.get(&neighbour[..])?),
            neighbour_name: neighbour.clone(),
        })),
    })
}

/// `None` if the Server breaks the rule, if the rule is about time, or if it needs a message for the
/// client.
fn of_conversation(vector: &Conversation, all: &BTreeMap<&str, &Conversation>) -> Option<Case> {
    let breach = vector.breaches.first()?;
    let is_about_time = vector.packets.iter().any(|it| it.milliseconds.is_some());
    if breach.side != Side::Client || is_about_time || needs_a_message(vector) {
        return None;
    }
    let kind = BreachKind::ALL.iter().find(|it| it.name() == breach.kind)?;
    let script = |conversation: &Conversation, length: usize| {
        let steps = conversation.packets.iter().take(length).filter_map(|sent| {
            let wire = sent.wire();
            let first = *wire.first()?;
            Some(match sent.sender {
                Side::Client => Step::Send(wire),
                Side::Server => Step::Await(
                    PacketType::ALL
                        .into_iter()
                        .find(|it| *it as u8 == first >> 4)?,
                ),
            })
        });
        Script {
            version: version(conversation.version),
            steps: steps.collect(),
        }
    };
    let neighbour = vector.neighbour.as_deref()?;
    let valid = all.get(neighbour)?;
    Some(Case {
        name: name(vector.version, vector.name, &breach.statements),
        version: version(vector.version),
        comment: vector.comment.clone(),
        statements: statements(&breach.statements),
        kind: CaseKind::Packet(Box::new(PacketCase {
            kind: breach.kind.clone(),
            code: breach.reason_code,
            open: open::breach(vector.version, &breach.kind),
            breach: Some(*kind),
            bad: script(vector, breach.packet + 1),
            neighbour: script(valid, valid.packets.len()),
            neighbour_name: neighbour.to_owned(),
        })),
    })
}

/// Whether the Server sends a PUBLISH.
fn needs_a_message(vector: &Conversation) -> bool {
    let mut of_server = vector.packets.iter().filter(|it| it.sender == Side::Server);
    let is_publish = |first: &u8| first >> 4 == PacketType::Publish as u8;
    of_server.any(|it| it.wire().first().is_some_and(is_publish))
}

/// `connect/invalid/x-v5.0-2.json` with `v5.0 MQTT-1-2` is `5.0/connect/MQTT-1-2/x-2`.
fn name(version: vectors::Version, path: &str, statements: &[String]) -> String {
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

fn statements(names: &[String]) -> Vec<Statement> {
    names.iter().filter_map(|it| Statement::find(it)).collect()
}

fn version(version: vectors::Version) -> Version {
    match version {
        vectors::Version::V3_1 => Version::V3_1,
        vectors::Version::V3_1_1 => Version::V3_1_1,
        vectors::Version::V5 => Version::V5,
    }
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
        let of_packets = cases.iter().filter_map(Case::packet);
        let of_packets = of_packets.filter(|it| it.breach.is_none());
        assert_eq!(of_packets.count(), refused.count());
    }

    #[test]
    fn the_conversations_that_are_no_cases_are_about_time_or_need_a_message() {
        let at_fault = vectors::conversations().into_iter().filter(|it| {
            let first = it.breaches.first();
            first.is_some_and(|breach| breach.side == Side::Client)
        });
        let cases = all();
        let (mut about_time, mut with_message, mut played) = (0, 0, 0);
        for conversation in at_fault {
            let is_case = cases.iter().any(|it| {
                it.version == version(conversation.version)
                    && it.comment == conversation.comment
                    && it.packet().is_some_and(|it| it.breach.is_some())
            });
            match conversation
                .packets
                .iter()
                .any(|it| it.milliseconds.is_some())
            {
                true => about_time += 1,
                false if needs_a_message(&conversation) => with_message += 1,
                false => played += u32::from(is_case),
            }
        }
        assert_eq!((about_time, with_message, played), (8, 5, 52));
        let of_packets = cases.iter().filter_map(Case::packet);
        assert_eq!(of_packets.filter(|it| it.breach.is_some()).count(), 52);
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
