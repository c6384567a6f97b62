//! Our broker with a fault: exactly the cases of the fault turn red.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mqtt_wire_broker::faults::{Fault, RULES};
use mqtt_wire_broker::transport::Transport;
use mqtt_wire_broker::{Broker, Settings, serve};
use mqttspec::{Case, Options, Verdict, cases, run};

/// The faults of scenarios, with the scenarios that they turn red.
#[rustfmt::skip]
const FAULTS: &[(&str, &[&str])] = &[
    ("retain-nothing", &[
        "retain/message-is-kept", "retain/flag-for-new-subscription",
    ]),
    ("deliver-without-retain", &["retain/flag-for-new-subscription"]),
    ("retain-empty", &["retain/empty-message-deletes"]),
];

#[test]
fn each_fault_turns_exactly_its_scenarios_red() {
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((fault, expected)) = FAULTS.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    // the scenarios of the other themes are not about it
                    let themes: BTreeSet<_> = expected.iter().map(|it| theme(it)).collect();
                    let mut cases = cases();
                    cases.retain(|it| {
                        it.packet().is_none() && themes.contains(theme(&scenario(it)))
                    });
                    let found = judge(Some(fault), &cases, 8);
                    for (case, verdict) in cases.iter().zip(found) {
                        let is_expected = expected.contains(&&scenario(case)[..]);
                        if is_expected != verdict.is_failure(true) {
                            let line = format!("{fault}: {} is {verdict}", case.name);
                            failures.lock().unwrap().push(line);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(failures.into_inner().unwrap(), [""; 0]);
}

#[test]
fn each_scenario_has_a_fault_and_each_fault_is_tested() {
    let shown: BTreeSet<_> = FAULTS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let cases = cases();
    let scenarios = cases.iter().filter(|it| it.packet().is_none());
    let scenarios: BTreeSet<_> = scenarios.map(scenario).collect();
    let scenarios: BTreeSet<_> = scenarios.iter().map(|it| &it[..]).collect();
    assert_eq!(shown, scenarios);
    let tested: BTreeSet<_> = FAULTS.iter().map(|(fault, _)| *fault).collect();
    let known: BTreeSet<_> = RULES.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(tested, known);
}

/// The packet cases in a few groups of statements.
#[test]
fn a_broker_that_accepts_what_breaks_a_statement_is_red_in_exactly_its_cases() {
    let mut cases = cases();
    cases.retain(|it| it.packet().is_some());
    let statement = |case: &Case| case.statements[0].id();
    let all: BTreeSet<_> = cases.iter().map(statement).collect();
    let groups: BTreeMap<&str, usize> = all.into_iter().zip((0..GROUPS).cycle()).collect();
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for group in 0..GROUPS {
            let (groups, cases, failures) = (&groups, &cases, &failures);
            scope.spawn(move || {
                let of_group = groups.iter().filter(|(_, of)| **of == group);
                let of_group: Vec<_> = of_group.map(|(id, _)| *id).collect();
                let fault = format!("accept:{}", of_group.join(","));
                let found = judge(Some(&fault), cases, 8);
                for (case, verdict) in cases.iter().zip(found) {
                    let is_of_group = groups[statement(case)] == group;
                    let is_red = verdict.is_failure(true);
                    let is_open = verdict == Verdict::Open;
                    let is_right = match is_of_group {
                        true => is_red || is_open || may_stay_green(case, verdict),
                        false => !is_red,
                    };
                    if !is_right {
                        let line = format!("{}: {verdict} in group {group}", case.name);
                        failures.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    assert_eq!(failures.into_inner().unwrap(), [""; 0]);
}

const GROUPS: usize = 4;

/// Whether it is not enough to swallow the packet of a case.
fn may_stay_green(case: &Case, verdict: Verdict) -> bool {
    // our broker has another reason to refuse it
    let is_closed = [
        "after-disconnect",
        "first-packet-not-connect",
        "unsupported-protocol-name",
    ];
    verdict == Verdict::Unsupported
        || is_closed.iter().any(|it| case.name.contains(it))
        || case.name == "3.1.1/connect/MQTT-3.1.4-1/truncated-connect-flags"
}

/// A malformed packet of the broker is a breach where accepting the packet is not.
#[test]
fn a_broker_that_sends_garbage_is_red_where_the_standard_is_open() {
    let mut cases = cases();
    cases.retain(|it| it.packet().is_some_and(|it| it.open.is_some()));
    let found = judge(Some("garbage"), &cases, 8);
    for (case, verdict) in cases.iter().zip(found) {
        let is_right = verdict.is_failure(true) || may_stay_green(case, verdict);
        assert!(is_right, "{}: {verdict}", case.name);
    }
}

/// `retain/is-kept` of `5.0/retain/MQTT-3.3.1-5/is-kept`.
fn scenario(case: &Case) -> String {
    let parts: Vec<_> = case.name.split('/').collect();
    format!("{}/{}", parts[1], parts[3])
}

fn theme(scenario: &str) -> &str {
    scenario.split('/').next().unwrap()
}

fn judge(fault: Option<&str>, cases: &[Case], jobs: usize) -> Vec<Verdict> {
    let fault = fault.map(|it| it.parse().unwrap());
    let options = Options {
        address: start(fault).parse().unwrap(),
        login: None,
        jobs,
        scenario_jobs: jobs,
        patience: Duration::from_millis(500),
    };
    let (_, findings) = run(&options, cases, |_| {}, |_| {}).unwrap();
    assert_eq!(findings.len(), cases.len());
    findings.into_iter().map(|it| it.verdict).collect()
}

/// Starts our broker, and returns its address.
fn start(fault: Option<Fault>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let broker = Arc::new(Broker::new(Settings::default()));
            serve(listener, Transport::default().with_fault(fault), broker).await;
        });
    });
    address
}
