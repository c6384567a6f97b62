//! All cases for clients, several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::{PacketType, Version};

use super::broker::{Broker, Missing, Patience};
use super::case::{ClientCase, Task};
use super::connection::Event;
use super::open;
use super::play::{Played, Script, play};
use super::program::Ended;
use super::scenario::Scenario;
use super::session::{MESSAGE, Outcome, Session};
use super::verdict;
use crate::connection::Passed;
use crate::run::Finding;
use crate::verdict::Verdict;

/// How to run.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// A shell command, which gets the host, the port, the version and the scenario as arguments.
    pub command: String,
    /// The number of cases at a time.
    pub jobs: usize,
}

/// What a program showed in a scenario without a fault.
#[derive(Debug, Clone)]
pub struct Probed {
    pub version: Version,
    pub scenario: Scenario,
    /// The verdict if it does not play the scenario, and the reason.
    pub failure: Option<(Verdict, String)>,
    /// The time until its CONNECT, and the longest time until a later packet.
    times: (Duration, Duration),
    exchange: Vec<Passed>,
    breaches: Vec<String>,
}

/// Runs all cases. `progress` is called after each of them. The findings are in the order of the
/// cases.
///
/// # Errors
///
/// No program can be started, or it plays no scenario.
pub fn run(
    options: &ClientOptions,
    cases: &[ClientCase],
    started: impl FnOnce(&[Probed]),
    progress: impl FnMut(&Finding),
) -> io::Result<Vec<Finding>> {
    let wanted: BTreeSet<_> = cases
        .iter()
        .map(|it| (it.case.version, it.scenario))
        .collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let mut probed: Vec<(usize, io::Result<Probed>)> = in_parallel(
        options.jobs,
        &wanted,
        |index, (version, scenario)| (index, probe(&options.command, *version, *scenario)),
        |_| {},
    );
    probed.sort_by_key(|(index, _)| *index);
    let probed = probed.into_iter().map(|(_, it)| it);
    let probed = probed.collect::<io::Result<Vec<_>>>()?;
    if probed.iter().all(|it| it.failure.is_some()) {
        let reason = probed.iter().find_map(|it| it.failure.clone());
        let (_, reason) = reason.unwrap_or((Verdict::Unclear, "no case".into()));
        return Err(io::Error::other(format!("no scenario is played: {reason}")));
    }
    started(&probed);
    let tester = Tester {
        command: &options.command,
        patience: patience(&probed),
        probed: probed
            .iter()
            .map(|it| ((it.version, it.scenario), it))
            .collect(),
    };
    let judge = |index, case: &ClientCase| tester.judge(index, case);
    let mut findings = in_parallel(options.jobs, cases, judge, progress);
    findings.sort_by_key(|it| it.case);
    Ok(findings)
}

/// The results for all items, in the order in which they were ready. `progress` is called after each.
fn in_parallel<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut progress: impl FnMut(&R),
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else {
                        return;
                    };
                    if sender.send(work(index, item)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().inspect(|it| progress(it)).collect()
    })
}

/// What the program plays, in a line for each version.
pub fn describe(command: &str, probed: &[Probed]) -> String {
    let mut text = format!("{command}\n");
    for version in Version::ALL {
        let of_version = || probed.iter().filter(|it| it.version == version);
        let played: Vec<_> = of_version().filter(|it| it.failure.is_none()).collect();
        let names: Vec<_> = played.iter().map(|it| it.scenario.name()).collect();
        if of_version().next().is_some() {
            let names = if names.is_empty() {
                "nothing".into()
            } else {
                names.join(", ")
            };
            let _ = writeln!(text, "  {version}: plays {names}");
        }
        for it in of_version() {
            if let Some((Verdict::Unclear, reason)) = &it.failure {
                let _ = writeln!(text, "  {version}: {}: {reason}", it.scenario);
            }
        }
    }
    text
}

/// From the median of the scenarios that were played.
fn patience(probed: &[Probed]) -> Patience {
    let played = || probed.iter().filter(|it| it.failure.is_none());
    let starts = played().map(|it| it.times.0).collect();
    let reactions = played().map(|it| it.times.1).collect();
    Patience::of(median(starts), median(reactions))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Plays a scenario without a fault, in a second attempt if the first one fails.
fn probe(command: &str, version: Version, scenario: Scenario) -> io::Result<Probed> {
    let first = probe_once(command, version, scenario, Patience::FIRST)?;
    match first.failure {
        Some((Verdict::Unclear, _)) => {
            probe_once(command, version, scenario, Patience::FIRST.longer())
        }
        _ => Ok(first),
    }
}

fn probe_once(
    command: &str,
    version: Version,
    scenario: Scenario,
    patience: Patience,
) -> io::Result<Probed> {
    let started = Instant::now();
    let mut broker = Broker::start(command, version, scenario, patience)?;
    let mut times = (Duration::ZERO, Duration::ZERO);
    let result = play_healthy(&mut broker, scenario, started, &mut times);
    let failure = result.err().map(|missing| match missing {
        Missing::Ended(Ended::LacksScenario) => (
            Verdict::Unsupported,
            "the program lacks the scenario".into(),
        ),
        missing => (Verdict::Unclear, format!("the healthy scenario: {missing}")),
    });
    let record = broker.finish();
    let failure = failure.map(|(verdict, reason)| match record.error_line.is_empty() {
        true => (verdict, reason),
        false => (verdict, format!("{reason}: {}", record.error_line)),
    });
    Ok(Probed {
        version,
        scenario,
        failure,
        times,
        exchange: record.exchange,
        breaches: record.breaches,
    })
}

/// Plays a scenario to its end, and checks that the program waits for each answer.
fn play_healthy(
    broker: &mut Broker,
    scenario: Scenario,
    started: Instant,
    times: &mut (Duration, Duration),
) -> Result<(), Missing> {
    broker.accept()?;
    for packet_type in scenario.packets() {
        let asked = Instant::now();
        broker.expect(*packet_type)?;
        match packet_type {
            PacketType::Connect => times.0 = started.elapsed(),
            _ => times.1 = times.1.max(asked.elapsed()),
        }
        if !scenario.is_burst() && *packet_type != PacketType::Publish
            || matches!(scenario, Scenario::PublishQos1 | Scenario::PublishQos2)
        {
            waits(broker)?;
        }
        broker.answer();
    }
    if scenario.is_listening() {
        broker.probe();
        let asked = Instant::now();
        broker.expect(PacketType::PubAck)?;
        times.1 = times.1.max(asked.elapsed());
        broker.send_end();
    }
    broker.expect(PacketType::Disconnect)?;
    // nothing may follow, and the Server closes the connection if the Client has not
    let until = Instant::now() + broker.patience.settle;
    while let Event::Packet(_) = broker.next(until) {}
    broker.close();
    match broker.program.wait(broker.patience.answer) {
        Some(Ended::Finished) => Ok(()),
        Some(ended) => Err(Missing::Other(format!("the program ends with {ended}"))),
        None => Err(Missing::Other("the program does not end".into())),
    }
}

/// An error if the program does not wait for the answer.
fn waits(broker: &mut Broker) -> Result<(), Missing> {
    let until = Instant::now() + broker.patience.settle;
    match broker.next(until) {
        Event::Silence => Ok(()),
        Event::Closed => Err(Missing::Closed("the client closes the connection".into())),
        Event::Packet(it) => Err(Missing::Other(format!(
            "the program does not wait for an answer before {}",
            it.packet_type
        ))),
    }
}

struct Tester<'a> {
    command: &'a str,
    patience: Patience,
    probed: BTreeMap<(Version, Scenario), &'a Probed>,
}

impl Tester<'_> {
    fn judge(&self, index: usize, case: &ClientCase) -> Finding {
        let finding = |verdict, reason| Finding::new(index, verdict, reason);
        let Some(probed) = self.probed.get(&(case.case.version, case.scenario)) else {
            return finding(Verdict::Unclear, "the scenario was not tried".into());
        };
        if let Some((verdict, reason)) = &probed.failure {
            // only the healthy case says why
            let verdict = match case.task {
                Task::Healthy => *verdict,
                _ => Verdict::Unsupported,
            };
            return Finding {
                exchange: probed.exchange.clone(),
                ..finding(verdict, reason.clone())
            };
        }
        let attempt = |patience| {
            let result = match &case.task {
                Task::Healthy => Ok(of_healthy(probed)),
                Task::Session(session) => self.attempt_session(case, session, patience),
                Task::Refuse {
                    bad,
                    neighbour,
                    must_close,
                } => self.attempt(case, bad, neighbour.as_ref(), *must_close, patience),
            };
            result.unwrap_or_else(|it| Judged {
                verdict: Verdict::Unclear,
                reason: it.to_string(),
                exchange: Vec::new(),
                breaches: Vec::new(),
            })
        };
        let first = attempt(self.patience);
        let judged = match needs_a_second_attempt(first.verdict) {
            true => attempt(self.patience.longer()),
            false => first,
        };
        let judged = judged.without_the_limits();
        // a session that is open has found the breach itself
        let is_open = matches!(case.task, Task::Session(_)) && judged.verdict == Verdict::Open;
        let counts = !judged.verdict.is_failure(false) && !is_open;
        let mut finding = Finding {
            exchange: judged.exchange,
            breaches: judged.breaches,
            ..finding(judged.verdict, judged.reason)
        };
        if counts {
            finding.decide_by_breach();
        }
        finding
    }

    fn attempt(
        &self,
        case: &ClientCase,
        bad: &Script,
        neighbour: Option<&Script>,
        must_close: bool,
        patience: Patience,
    ) -> io::Result<Judged> {
        let play = |script, is_valid| {
            let version = case.case.version;
            play(
                self.command,
                version,
                case.scenario,
                script,
                is_valid,
                patience,
            )
        };
        let packet = case.case.packet();
        let packet = packet.ok_or(io::ErrorKind::InvalidInput)?;
        let on_bad = play(bad, false)?;
        let found = verdict::on_packet(packet, bad, must_close, &on_bad);
        let (verdict, reason) = match (found, neighbour) {
            (Some(found), _) => found,
            (None, None) => verdict::on_neighbour(packet, bad, &on_bad, None),
            (None, Some(valid)) => {
                let on_valid = play(valid, true)?;
                let judged = (valid, &on_valid);
                let (verdict, reason) = verdict::on_neighbour(packet, bad, &on_bad, Some(judged));
                let Played { record, .. } = on_valid;
                let mut judged = Judged::new(verdict, reason, on_bad);
                judged.exchange.extend(record.exchange);
                if !verdict::ends_the_connection(case.case.version, valid) {
                    judged.breaches.extend(record.breaches);
                }
                return Ok(judged);
            }
        };
        Ok(Judged::new(verdict, reason, on_bad))
    }

    fn attempt_session(
        &self,
        case: &ClientCase,
        session: &Session,
        patience: Patience,
    ) -> io::Result<Judged> {
        let version = case.case.version;
        let mut broker = Broker::start(self.command, version, case.scenario, patience)?;
        let outcome = (session.play)(&mut broker);
        let (verdict, reason) = match outcome {
            Ok(Outcome::Keeps(what)) => (Verdict::Ok, what.to_owned()),
            Ok(Outcome::Breaks(what)) => (Verdict::Breach, what),
            Ok(Outcome::Open(what)) => (Verdict::Open, what),
            Ok(Outcome::DoesNotApply(what)) => (Verdict::Unsupported, what),
            Err(missing) => (Verdict::Unclear, missing.to_string()),
        };
        let record = broker.finish();
        let copies = record.output.lines().filter(|it| *it == MESSAGE).count();
        let (verdict, reason) = match verdict {
            Verdict::Ok if copies > session.most_copies => (
                Verdict::Breach,
                format!("the program got the message {copies} times"),
            ),
            _ => (verdict, reason),
        };
        Ok(Judged {
            verdict,
            reason,
            exchange: record.exchange,
            breaches: record.breaches,
        })
    }
}

struct Judged {
    verdict: Verdict,
    reason: String,
    exchange: Vec<Passed>,
    breaches: Vec<String>,
}

impl Judged {
    /// Takes out the breaches that the standard does not lay on the library.
    fn without_the_limits(mut self) -> Self {
        let is_left = |it: &String| open::left_to_program(it).is_some();
        let (left, breaches): (Vec<_>, Vec<_>) = self.breaches.into_iter().partition(is_left);
        self.breaches = breaches;
        let decides = matches!(self.verdict, Verdict::Ok | Verdict::Breach);
        if let Some(first) = left.first().filter(|_| decides && self.breaches.is_empty()) {
            let why = open::left_to_program(first).unwrap_or_default();
            self.verdict = Verdict::Open;
            self.reason = format!("it breaks {first}; {why}");
        }
        self
    }

    fn new(verdict: Verdict, reason: String, played: Played) -> Self {
        Self {
            verdict,
            reason,
            exchange: played.record.exchange,
            breaches: played.record.breaches,
        }
    }
}

fn of_healthy(probed: &Probed) -> Judged {
    Judged {
        verdict: Verdict::Ok,
        reason: "it played the scenario to its end".into(),
        exchange: probed.exchange.clone(),
        breaches: probed.breaches.clone(),
    }
}

/// Time may be the reason for these.
const fn needs_a_second_attempt(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Hang | Verdict::Unclear | Verdict::Breach | Verdict::OverStrict | Verdict::Crash
    )
}
