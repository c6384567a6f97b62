//! The result of a run as JSON: all that the maintainers of the broker need.

use std::collections::BTreeMap;

use mqtt_explain::explain_packet;
use mqtt_wire::{Sender, Version};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::client::Probed;
use crate::connection::Passed;
use crate::run::Finding;
use crate::subject::Subject;
use crate::traffic;
use crate::verdict::Verdict;

/// The result of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunResult {
    /// The name and version of this program.
    pub program: String,
    /// When the run ended, in UTC.
    pub date: String,
    #[serde(default)]
    pub role: Role,
    /// The name and version of the subject, as the user wrote them.
    pub subject: String,
    pub address: String,
    pub versions: Vec<ServedVersion>,
    /// The statements that the cases name.
    #[serde(default)]
    pub rules: BTreeMap<String, Rule>,
    /// The rules that the subject broke in the trials before the cases.
    pub breaches_in_trials: Vec<Trial>,
    pub cases: Vec<CaseResult>,
}

/// What the subject supports in a version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServedVersion {
    pub version: String,
    /// The reason why the version is not served.
    pub refusal: Option<String>,
    pub notes: Vec<String>,
}

/// A statement of the standard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rule {
    pub section: String,
    pub rule: String,
}

/// A rule that the subject broke in a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    pub version: String,
    pub breach: String,
    pub exchange: Vec<PassedPacket>,
}

/// One case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CaseResult {
    pub name: String,
    #[serde(default)]
    pub version: String,
    pub verdict: String,
    /// What the subject did.
    #[serde(default)]
    pub seen: String,
    /// What the standard asks for.
    #[serde(default)]
    pub expected: String,
    /// The rule, in a sentence.
    #[serde(default)]
    pub comment: String,
    /// The broken statements, the most exact one first: keys of the rules.
    #[serde(default)]
    pub statements: Vec<String>,
    /// The name of the vector that the subject has to accept; empty for a scenario.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub neighbour: String,
    /// The packet that is judged, in hex; empty for a scenario.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub packet: String,
    /// The explanation of the packet by mqtt-explain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
    /// The rules that the subject broke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchange: Vec<PassedPacket>,
}

/// A packet that passed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PassedPacket {
    /// `client` or `server`.
    pub from: String,
    /// The name of the client in a scenario.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    pub hex: String,
    /// What it is, in a line of mqtt-explain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// The subject of a run.
#[derive(Debug)]
pub struct About {
    role: Role,
    address: String,
    versions: Vec<ServedVersion>,
    trials: Vec<Trial>,
}

/// The side that is tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    Broker,
    Client,
}

impl Role {
    const fn side(self) -> Sender {
        match self {
            Self::Broker => Sender::Server,
            Self::Client => Sender::Client,
        }
    }
}

impl About {
    pub fn broker(subject: &Subject) -> Self {
        let versions = subject.capabilities.iter().map(|it| ServedVersion {
            version: it.version.to_string(),
            refusal: it.refusal.clone(),
            notes: it.notes.clone(),
        });
        let trials = subject.breaches.iter();
        let trials = trials.map(|(version, breach, exchange)| Trial {
            version: version.to_string(),
            breach: breach.clone(),
            exchange: passed_packets(*version, exchange),
        });
        Self {
            role: Role::Broker,
            address: subject.address().to_string(),
            versions: versions.collect(),
            trials: trials.collect(),
        }
    }

    /// A program, and the scenarios that it plays.
    pub fn client(command: &str, probed: &[Probed]) -> Self {
        let versions = Version::ALL.into_iter().filter_map(|version| {
            let of_version = || probed.iter().filter(move |it| it.version == version);
            let played = of_version().filter(|it| it.failure.is_none());
            let notes: Vec<_> = played.map(|it| it.scenario.to_string()).collect();
            let failure = of_version().find_map(|it| it.failure.as_ref());
            of_version().next()?;
            Some(ServedVersion {
                version: version.to_string(),
                refusal: failure.filter(|_| notes.is_empty()).map(|it| it.1.clone()),
                notes,
            })
        });
        Self {
            role: Role::Client,
            address: command.to_owned(),
            versions: versions.collect(),
            trials: Vec::new(),
        }
    }
}

impl RunResult {
    /// The result of a run of now.
    pub fn new(name: Option<&str>, about: About, cases: &[Case], findings: &[Finding]) -> Self {
        let found = findings.iter();
        Self {
            program: concat!("mqttspec ", env!("CARGO_PKG_VERSION")).into(),
            date: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            role: about.role,
            subject: name.map_or(about.address.clone(), str::to_owned),
            address: about.address,
            versions: about.versions,
            rules: rules(cases).collect(),
            breaches_in_trials: about.trials,
            cases: found
                .filter_map(|it| Some(CaseResult::new(cases.get(it.case)?, it)))
                .collect(),
        }
    }

    /// Adds what a shortened file lacks and the cases of this program have: all but the verdicts and
    /// what was seen.
    pub fn complete(&mut self, cases: &[Case]) {
        let subject = self.role.side();
        for result in &mut self.cases {
            let known = cases.iter().find(|it| it.name == result.name).cloned();
            let Some(case) = known.or_else(|| traffic::from_name(&result.name, subject)) else {
                continue;
            };
            self.rules.extend(rules(std::slice::from_ref(&case)));
            let of_case = CaseResult::of_case(&case);
            result.version = of_case.version;
            result.expected = of_case.expected;
            result.comment = of_case.comment;
            result.statements = of_case.statements;
            result.neighbour = of_case.neighbour;
            result.packet = of_case.packet;
            result.explanation = of_case.explanation;
        }
    }

    /// The number of cases with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let cases = self.cases.iter();
        cases.filter(|it| it.verdict == verdict.name()).count()
    }
}

impl CaseResult {
    fn new(case: &Case, finding: &Finding) -> Self {
        Self {
            verdict: finding.verdict.name().into(),
            seen: finding.reason.clone(),
            breaches: finding.breaches.clone(),
            exchange: passed_packets(case.version, &finding.exchange),
            ..Self::of_case(case)
        }
    }

    /// A case without a verdict.
    fn of_case(case: &Case) -> Self {
        let judged = case.packet().map(|it| (it.bad.judged(), it.at_fault));
        let (packet, _) = judged.unwrap_or((&[], Sender::Client));
        let explained = judged.and_then(|(it, sender)| explain_packet(it, case.version, sender));
        Self {
            name: case.name.clone(),
            version: case.version.to_string(),
            expected: case.expected(),
            comment: case.comment.clone(),
            statements: case.statements.iter().map(ToString::to_string).collect(),
            neighbour: case
                .packet()
                .map_or(String::new(), |it| it.neighbour_name.clone()),
            packet: hex(packet),
            explanation: explained.map(|it| it.report).unwrap_or_default(),
            ..Self::default()
        }
    }
}

fn rules(cases: &[Case]) -> impl Iterator<Item = (String, Rule)> {
    let statements = cases.iter().flat_map(|it| &it.statements);
    statements.map(|it| {
        let (section, rule) = (it.section().to_owned(), it.rule().to_owned());
        (it.to_string(), Rule { section, rule })
    })
}

fn passed_packets(version: Version, exchange: &[Passed]) -> Vec<PassedPacket> {
    let packets = exchange.iter().map(|it| PassedPacket {
        from: match it.from_broker {
            true => "server".into(),
            false => "client".into(),
        },
        client: it.client.to_owned(),
        hex: hex(&it.bytes),
        text: it.explain(version),
    });
    packets.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
