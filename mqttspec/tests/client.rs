//! `mqttspec client` is shown able to fail: our client is right in all cases, and a client with a
//! fault is wrong in exactly the cases of the fault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use mqtt_wire::Version;
use mqttspec::Verdict;
use mqttspec::client::{ClientCase, ClientOptions, cases, run};

/// A verdict and its reason.
type Found = (Verdict, String);

#[test]
fn our_client_is_green_in_all_cases() {
    for (name, (verdict, reason)) in green() {
        assert!(!verdict.is_failure(true), "{name}: {verdict}: {reason}");
    }
    let count = |verdict| green().values().filter(|it| it.0 == verdict).count();
    assert!(count(Verdict::Ok) > 290, "{}", count(Verdict::Ok));
}

/// A client that ignores bad packets is found in each case that has a packet to refuse.
#[test]
fn a_client_that_accepts_everything_is_found() {
    let cases = select(is_refusal);
    let found = judge("accept:all", &cases);
    let mut wrong = Vec::new();
    for case in cases
        .iter()
        .filter(|it| green()[&it.case.name].0 == Verdict::Ok)
    {
        let (verdict, reason) = &found[&case.case.name];
        if case.case.name.ends_with("-too-large-disconnect") {
            continue; // it is a DISCONNECT, so the client leaves
        }
        let is_expected = match (case.case.packet().unwrap().open, case.case.version) {
            (Some(_), _) => *verdict == Verdict::Open,
            (None, Version::V5) => matches!(verdict, Verdict::NonStrict | Verdict::Lenient),
            (None, _) => *verdict == Verdict::Lenient,
        };
        if !is_expected || !reason.contains("after the packet") {
            wrong.push(format!("{}: {verdict}: {reason}", case.case.name));
        }
    }
    assert_eq!(wrong, [""; 0]);
    let lenient = found.values().filter(|it| it.0 == Verdict::Lenient);
    assert!(lenient.count() > 25);
}

/// For each statement: a client that accepts what breaks it, and no other packet.
#[test]
fn a_client_that_accepts_what_breaks_a_statement_is_found_in_its_cases_only() {
    let all = select(is_refusal);
    let ids = all.iter().filter_map(|it| it.case.statements.first());
    let ids: BTreeSet<_> = ids.map(|it| it.id()).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let wrong = in_parallel(&ids, |id| {
        let breaks = |it: &&ClientCase| it.case.statements.iter().any(|it| it.id() == *id);
        let of_fault: Vec<_> = all.iter().filter(breaks).collect();
        let scenarios: BTreeSet<_> = of_fault.iter().map(|it| it.scenario).collect();
        let others = all
            .iter()
            .filter(|it| !breaks(it) && scenarios.contains(&it.scenario));
        let cases: Vec<_> = of_fault
            .iter()
            .copied()
            .chain(others.take(3))
            .cloned()
            .collect();
        let found = judge(&format!("accept:{id}"), &cases);
        let wrong = cases.iter().filter(|case| {
            let (green, found) = (green()[&case.case.name].0, found[&case.case.name].0);
            let is_first = case
                .case
                .statements
                .first()
                .is_some_and(|it| it.id() == *id);
            match (breaks(case), green) {
                (false, _) => found != green,
                (true, Verdict::Ok) if is_first => found == green,
                (true, _) => false,
            }
        });
        wrong
            .map(|it| format!("{id}: {}: {:?}", it.case.name, found[&it.case.name]))
            .collect()
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn each_other_fault_is_found_in_its_cases_only() {
    let wrong = in_parallel(FAULTS, |(fault, others, wrong, verdict)| {
        let is_wrong = |name: &str| wrong.iter().any(|it| name.contains(it));
        let cases = select(|it| it.case.name.contains(others) || is_wrong(&it.case.name));
        let found = judge(fault, &cases);
        let expected = |name: &str| match (is_wrong(name), green()[name].0) {
            (true, Verdict::Ok) => *verdict,
            (_, green) => green,
        };
        assert!(found.keys().any(|it| expected(it) == *verdict), "{fault}");
        let wrong = found
            .iter()
            .filter(|(name, found)| found.0 != expected(name));
        wrong
            .map(|(name, found)| format!("{fault}: {name}: {found:?}"))
            .collect()
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn each_case_without_a_packet_to_refuse_has_a_fault() {
    let faults = || FAULTS.iter().flat_map(|(_, _, wrong, _)| *wrong);
    let cases = select(|it| !is_refusal(it));
    let missing = cases.iter().map(|it| &it.case.name);
    let missing: Vec<_> = missing
        .filter(|name| !faults().any(|it| name.contains(it)))
        .collect();
    assert_eq!(missing, [""; 0]);
}

/// A fault, other cases to run, the cases that it turns red, and the verdict.
const FAULTS: &[(&str, &str, &[&str], Verdict)] = &[
    (
        "hangs",
        "5.0/session/MQTT-4.6.0-2",
        &["5.0/publish/MQTT-3.3.1-4"],
        Verdict::Hang,
    ),
    (
        "crashes",
        "5.0/session/MQTT-4.6.0-2",
        &["5.0/suback/"],
        Verdict::Crash,
    ),
    (
        "no-disconnect",
        "3.1.1/suback",
        &["5.0/suback/U-dup-1f"],
        Verdict::NonStrict,
    ),
    (
        "wrong-code",
        "/suback",
        &["5.0/suback/U-dup-1f", "5.0/suback/MQTT-2.1.3-1"],
        Verdict::NonStrict,
    ),
    (
        "refuses-reason-strings",
        "5.0/suback/MQTT",
        &["ack/U-dup-1f/duplicate-property-reason-string"],
        Verdict::OverStrict,
    ),
    (
        "pings-before-connect",
        "/healthy/",
        &["/healthy/"],
        Verdict::Breach,
    ),
    (
        "sends-after-disconnect",
        "/suback/U",
        &["healthy/publish-qos"],
        Verdict::Breach,
    ),
    (
        "reuses-packet-id",
        "healthy/publish-qos",
        &["/receive-maximum"],
        Verdict::Breach,
    ),
    (
        "never-pings",
        "healthy/ping",
        &["session/MQTT-3.1.2-20", "session/MQTT-3.1.2-23"],
        Verdict::Breach,
    ),
    (
        "ignores-server-keep-alive",
        "/keep-alive",
        &["/server-keep-alive"],
        Verdict::Breach,
    ),
    (
        "forgets-session",
        "session-lost",
        &["/resend-"],
        Verdict::Breach,
    ),
    (
        "forgets-dup",
        "/resend-pubrel",
        &["/resend-qos"],
        Verdict::Breach,
    ),
    (
        "repeats-released",
        "/resend-qos",
        &["/resend-pubrel"],
        Verdict::Breach,
    ),
    (
        "keeps-lost-session",
        "/resend-",
        &["session-lost"],
        Verdict::Breach,
    ),
    (
        "reverses-open-messages",
        "/resend-",
        &["/order-of-resent"],
        Verdict::Breach,
    ),
    (
        "forgets-received",
        "/repeated-qos2",
        &["-after-reconnect"],
        Verdict::Breach,
    ),
    (
        "repeats-new-messages",
        "/order-of-resent",
        &["/new-message-"],
        Verdict::Breach,
    ),
    (
        "stays-connected",
        "healthy/publish-qos",
        &["/closes-after-disconnect"],
        Verdict::Breach,
    ),
    (
        "delays-pubrel",
        "/receive-maximum",
        &["/quota-delays-only-publish"],
        Verdict::Breach,
    ),
    (
        "ignores-receive-maximum",
        "/maximum-packet-size",
        &["/receive-maximum"],
        Verdict::Open,
    ),
    (
        "ignores-maximum-packet-size",
        "/retain-available",
        &["/maximum-packet-size"],
        Verdict::Open,
    ),
    (
        "ignores-maximum-qos",
        "/retain-available",
        &["/maximum-qos"],
        Verdict::Open,
    ),
    (
        "ignores-retain-available",
        "/maximum-qos",
        &["/retain-available"],
        Verdict::Open,
    ),
    (
        "uses-topic-alias",
        "/every-topic-alias",
        &["/no-topic-alias", "/topic-alias-maximum"],
        Verdict::Breach,
    ),
    (
        "refuses-topic-alias",
        "/order-of-",
        &["/every-topic-alias"],
        Verdict::Breach,
    ),
    (
        "answers-out-of-order",
        "/resend-",
        &["/order-of-pub"],
        Verdict::Breach,
    ),
    (
        "acknowledges-once",
        "/order-of-",
        &["identifier-used-again"],
        Verdict::Breach,
    ),
    (
        "delivers-twice",
        "/order-of-",
        &["repeated-qos2", "repeated-after-reconnect"],
        Verdict::Breach,
    ),
    (
        "releases-failures",
        "/resend-pubrel",
        &["/pubrec-failure"],
        Verdict::Open,
    ),
];

/// The verdicts on our client without a fault.
fn green() -> &'static BTreeMap<String, Found> {
    static GREEN: OnceLock<BTreeMap<String, Found>> = OnceLock::new();
    GREEN.get_or_init(|| judge("", &cases()))
}

fn is_refusal(case: &ClientCase) -> bool {
    !case.case.name.contains("/session/") && !case.case.name.contains("/healthy/")
}

fn select(is_wanted: impl Fn(&ClientCase) -> bool) -> Vec<ClientCase> {
    cases().into_iter().filter(|it| is_wanted(it)).collect()
}

fn judge(fault: &str, cases: &[ClientCase]) -> BTreeMap<String, Found> {
    let program = env!("CARGO_BIN_EXE_mqttspec-client");
    let options = ClientOptions {
        command: match fault {
            "" => program.to_owned(),
            fault => format!("{program} --fault {fault}"),
        },
        jobs: 4,
    };
    let findings = run(&options, cases, |_| {}, |_| {}).unwrap();
    let found = findings.iter().map(|it| {
        (
            cases[it.case].case.name.clone(),
            (it.verdict, it.reason.clone()),
        )
    });
    found.collect()
}

fn in_parallel<T: Sync>(items: &[T], check: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    green(); // before the first item
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = check(item);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}
