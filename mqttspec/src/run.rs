//! All cases, one after the other or several at a time.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::{Packet, Version};

use crate::address::Address;
use crate::case::{Case, CaseKind, PacketCase};
use crate::connection::Passed;
use crate::play::{Played, Reaction, play};
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::subject::{Login, Patience, Subject};
use crate::verdict::{self, Verdict};

/// The most scenarios that are tried once more, alone.
const FEW: usize = 10;

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    pub address: Address,
    pub login: Option<Login>,
    /// The number of packet cases and of scenarios at a time. A scenario waits most of the time.
    pub jobs: usize,
    pub scenario_jobs: usize,
    /// The least time for something that has to come.
    pub patience: Duration,
}

impl Options {
    /// Without a login, with the jobs and the patience that suit most brokers.
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            login: None,
            jobs: 1,
            scenario_jobs: 16,
            patience: Duration::from_secs(2),
        }
    }
}

/// The verdict in one case.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The index of the case.
    pub case: usize,
    pub verdict: Verdict,
    /// What was seen, in a sentence.
    pub reason: String,
    /// The bytes that passed, of the packet and then of its neighbour.
    pub exchange: Vec<Passed>,
    /// The rules that the broker broke, as `STATEMENT: TEXT`.
    pub breaches: Vec<String>,
    /// The verdict and the reason without the breaches, if a breach decided.
    pub besides: Option<(Verdict, String)>,
}

impl Finding {
    pub(crate) const fn new(case: usize, verdict: Verdict, reason: String) -> Self {
        Self {
            case,
            verdict,
            reason,
            exchange: Vec::new(),
            breaches: Vec::new(),
            besides: None,
        }
    }

    /// Makes the first breach the reason for the verdict.
    pub(crate) fn decide_by_breach(&mut self) {
        if let Some(breach) = self.breaches.first() {
            let reason = format!("it breaks {breach}");
            let reason = std::mem::replace(&mut self.reason, reason);
            self.besides = Some((
                std::mem::replace(&mut self.verdict, Verdict::Breach),
                reason,
            ));
        }
    }
}

/// Runs all cases. `progress` is called after each of them. The findings are in the order of the
/// cases.
///
/// # Errors
///
/// The broker cannot be reached at the beginning.
pub fn run(
    options: &Options,
    cases: &[Case],
    mut started: impl FnMut(&Subject),
    mut progress: impl FnMut(&Finding),
) -> io::Result<(Subject, Vec<Finding>)> {
    let subject = Subject::probe(
        options.address.clone(),
        options.login.clone(),
        options.patience,
    )?;
    started(&subject);
    let is_gone = AtomicBool::new(false);
    let shared = |jobs| Shared {
        subject: &subject,
        is_alone: jobs <= 1,
        own_client_id: Mutex::new(()),
        is_gone: &is_gone,
    };
    let mut findings = Vec::new();
    // cases that only wait go first, all at once: a crash of the broker is then nobody's fault
    let (waiting, others): (Vec<_>, Vec<_>) =
        (0..cases.len()).partition(|index| cases.get(*index).is_some_and(Case::is_slow));
    let is_packet = |index: &usize| cases.get(*index).is_some_and(|it| it.packet().is_some());
    let (packets, scenarios): (Vec<_>, Vec<_>) = others.into_iter().partition(is_packet);
    for (indices, jobs) in [(&waiting, waiting.len()), (&packets, options.jobs)] {
        findings.extend(shared(jobs).judge_all(cases, indices, jobs, &mut progress));
    }
    let jobs = options.scenario_jobs;
    let found = shared(jobs).judge_all(cases, &scenarios, jobs, &mut progress);
    let (unclear, found): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|it| it.verdict == Verdict::Unclear);
    findings.extend(found);
    // a few may be unclear because of the others
    findings.extend(match unclear.len() {
        0..=FEW => {
            let unclear: Vec<_> = unclear.iter().map(|it| it.case).collect();
            shared(1).judge_all(cases, &unclear, 1, &mut |_| {})
        }
        _ => unclear,
    });
    findings.sort_by_key(|it| it.case);
    if !is_gone.into_inner() {
        clean_up(&subject, cases);
    }
    Ok((subject, findings))
}

struct Shared<'a> {
    subject: &'a Subject,
    /// Whether only one case runs at a time.
    is_alone: bool,
    /// Held while a CONNECT of a vector is judged, whose client identifier others may have, too.
    own_client_id: Mutex<()>,
    is_gone: &'a AtomicBool,
}

impl Shared<'_> {
    /// Judges the cases with these indices.
    fn judge_all(
        &self,
        cases: &[Case],
        indices: &[usize],
        jobs: usize,
        progress: &mut impl FnMut(&Finding),
    ) -> Vec<Finding> {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let index = indices.get(place).copied();
                        let Some((index, case)) = index.and_then(|it| Some((it, cases.get(it)?)))
                        else {
                            return;
                        };
                        if sender.send(self.judge(index, case)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            receiver
                .into_iter()
                .inspect(|finding| progress(finding))
                .collect()
        })
    }

    fn judge(&self, index: usize, case: &Case) -> Finding {
        let finding = |verdict, reason| Finding::new(index, verdict, reason);
        if self.is_gone.load(Ordering::Relaxed) {
            return finding(
                Verdict::Unclear,
                "the broker could not be reached any more".into(),
            );
        }
        let capabilities = self.subject.capabilities(case.version);
        if let Some(refusal) = capabilities.and_then(|it| it.refusal.clone()) {
            return finding(Verdict::Unsupported, refusal);
        }
        let begins_with_its_packet = case.packet().is_some_and(|it| it.begins_with_its_packet());
        let _guard = begins_with_its_packet.then(|| self.own_client_id.lock());
        let patience = self.subject.patience;
        let first = self.attempt(index, case, patience, false);
        let is_gone = self.is_gone.load(Ordering::Relaxed);
        if is_gone || !needs_a_second_attempt(&first) {
            return first.finding;
        }
        self.attempt(index, case, patience.longer(), true).finding
    }

    fn attempt(&self, index: usize, case: &Case, patience: Patience, is_second: bool) -> Attempt {
        let mut attempt = match &case.kind {
            CaseKind::Packet(packet) => self.attempt_packet(index, packet, patience),
            CaseKind::Scenario(scenario) => {
                self.attempt_scenario(index, case.version, scenario, patience, is_second)
            }
            CaseKind::OfClient | CaseKind::Traffic(_) => Attempt {
                is_cut: false,
                is_unplayable: false,
                finding: Finding::new(
                    index,
                    Verdict::Unsupported,
                    "the case is not for brokers".into(),
                ),
            },
        };
        let finding = &mut attempt.finding;
        if let Err((found, why)) = self.check_others(case.version, patience) {
            (finding.verdict, finding.reason) = match self.is_alone {
                true => (found, why),
                false => (Verdict::Unclear, format!("{why}; try --jobs 1")),
            };
        }
        // a scenario that is open has found the breach itself
        let is_scenario = matches!(case.kind, CaseKind::Scenario(_));
        match finding.verdict {
            Verdict::Open if is_scenario => {}
            verdict if verdict.is_failure(false) && verdict != Verdict::Unclear => {}
            _ => finding.decide_by_breach(),
        }
        attempt
    }

    fn attempt_scenario(
        &self,
        index: usize,
        version: Version,
        scenario: &Scenario,
        patience: Patience,
        is_second: bool,
    ) -> Attempt {
        let stage = Stage::new(self.subject, version, patience);
        let (verdict, reason) = verdict::on_scenario((scenario.play)(&stage), is_second);
        let (exchange, breaches) = stage.finish();
        Attempt {
            is_cut: false,
            is_unplayable: verdict == Verdict::Unsupported,
            finding: Finding {
                exchange,
                breaches,
                ..Finding::new(index, verdict, reason)
            },
        }
    }

    fn attempt_packet(&self, index: usize, case: &PacketCase, patience: Patience) -> Attempt {
        let bad = play(self.subject, &case.bad, patience);
        let is_cut = matches!(
            bad.reaction,
            Reaction::Closed {
                code: None,
                reset: true
            }
        );
        let (mut exchange, mut breaches) = (bad.exchange.clone(), bad.breaches.clone());
        let (verdict, reason) = match verdict::on_packet(case, &bad) {
            Some(found) => found,
            None => {
                let neighbour = self.play_neighbour(case, patience);
                let found =
                    verdict::on_neighbour(case, &bad, &neighbour, self.subject.login().is_some());
                let Played {
                    exchange: passed,
                    breaches: broken,
                    ..
                } = neighbour;
                exchange.extend(passed);
                breaches.extend(broken);
                found
            }
        };
        let is_unplayable = matches!(bad.reaction, Reaction::Unplayable(_));
        Attempt {
            is_cut,
            is_unplayable,
            finding: Finding {
                exchange,
                breaches,
                ..Finding::new(index, verdict, reason)
            },
        }
    }

    /// At first without a pause before the PINGREQ. If the broker closes the connection, its last
    /// packet may be lost because of the PINGREQ, so the second attempt pauses.
    fn play_neighbour(&self, case: &PacketCase, patience: Patience) -> Played {
        let settle = Duration::ZERO;
        let hurried = play(
            self.subject,
            &case.neighbour,
            Patience { settle, ..patience },
        );
        match hurried.reaction {
            Reaction::GoesOn { .. } => hurried,
            _ => play(self.subject, &case.neighbour, patience),
        }
    }

    /// Whether the broker serves another client.
    fn check_others(&self, version: Version, patience: Patience) -> Result<(), (Verdict, String)> {
        match self.subject.serves(version, patience) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(it)) if it.is_silence => Err((Verdict::Hang, it.reason)),
            // it may have banned this client
            Ok(Err(it)) => Err((Verdict::Unclear, it.reason)),
            Err(error) => {
                let until = Instant::now() + Duration::from_secs(10);
                while self.subject.dial(version).is_err() {
                    if Instant::now() > until || self.is_gone.load(Ordering::Relaxed) {
                        self.is_gone.store(true, Ordering::Relaxed);
                        break;
                    }
                    thread::sleep(Duration::from_millis(100));
                }
                let verdict = match error.kind() {
                    io::ErrorKind::ConnectionRefused => Verdict::Crash,
                    _ => Verdict::Unclear,
                };
                Err((verdict, format!("no other client can connect: {error}")))
            }
        }
    }
}

struct Attempt {
    finding: Finding,
    /// Whether the connection was reset, which may have removed a DISCONNECT of the broker.
    is_cut: bool,
    /// Whether the broker may have been late with something that had to come before the rule applies.
    is_unplayable: bool,
}

/// Time and lost bytes may be the reason for these. A crash is no such reason, and a second attempt
/// would find a new process.
fn needs_a_second_attempt(attempt: &Attempt) -> bool {
    let besides = attempt.finding.besides.as_ref();
    match besides.map_or(attempt.finding.verdict, |it| it.0) {
        Verdict::Hang | Verdict::Unclear => true,
        Verdict::NonStrict => attempt.is_cut,
        Verdict::Unsupported => attempt.is_unplayable,
        _ => false,
    }
}

/// Removes the retained messages and the sessions that the packet cases may have left.
fn clean_up(subject: &Subject, cases: &[Case]) {
    for version in Version::ALL {
        let packets = cases.iter().filter_map(Case::packet);
        let scripts = packets.flat_map(|it| [&it.bad, &it.neighbour]);
        let scripts = scripts.filter(|it| it.version == version);
        let (mut topics, mut clients) = (Vec::new(), Vec::new());
        for packet in scripts.flat_map(|it| it.packets()) {
            match packet {
                Packet::Publish(it) if it.retain => {
                    topics.extend(it.topic_name.map(|topic| topic.as_str().to_owned()));
                }
                Packet::Connect(it) => {
                    if let Some(will) = it.will.filter(|it| it.retain) {
                        topics.push(will.topic.as_str().to_owned());
                    }
                    clients.push(it.client_id.as_str().to_owned());
                }
                _ => {}
            }
        }
        topics.sort();
        topics.dedup();
        clients.sort();
        clients.dedup();
        subject.forget(version, &topics, &clients);
    }
}
