//! Our broker with a fault: exactly the cases of the fault turn red.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mqtt_wire_broker::faults::{Fault, rules};
use mqtt_wire_broker::transport::Transport;
use mqtt_wire_broker::{Broker, Settings, serve};
use mqttspec::{Case, Options, Verdict, cases, run};

/// The faults of scenarios, with the scenarios that they turn red, in all versions or in one.
#[rustfmt::skip]
const FAULTS: &[(&str, &[&str])] = &[
    // subscriptions
    ("deliver-with-qos-0", &[
        "subscribe/granted-qos", "subscribe/overlap", "subscribe/replacement",
        "subscribe/several-filters", "shared/granted-qos",
    ]),
    ("deliver-twice", &[
        "subscribe/granted-qos", "subscribe/replacement", "subscribe/several-filters",
        "subscribe/exact-match", "subscribe/wildcards",
    ]),
    ("withhold-retained", &["subscribe/replacement-and-retained"]),
    ("withhold-5", &["subscribe/replacement-loses-nothing"]),
    ("suback-twice", &["subscribe/several-filters"]),
    ("suback-reversed", &["subscribe/order-of-codes"]),
    ("without-dollar", &["subscribe/dollar-topic", "subscribe/dollar-topic-and-all"]),
    ("without-last-slash", &["subscribe/exact-match", "subscribe/wildcards"]),
    ("withhold-parent", &["subscribe/wildcards"]),
    ("no-suback", &["answers/suback"]),
    ("no-unsuback", &["answers/unsuback"]),
    ("unsubscribe-nothing", &["unsubscribe/stops", "unsubscribe/several-filters"]),
    ("unsubscribe-without-last-slash", &["unsubscribe/exact-filter"]),
    ("no-pubrel", &["unsubscribe/delivery-goes-on"]),
    ("withhold-repetitions", &["unsubscribe/delivery-is-resumed"]),
    ("unsuback-reversed", &["5.0/unsubscribe/several-filters"]),
    ("no-local-never", &["options/no-local"]),
    ("no-local-always", &["options/local"]),
    ("retain-as-published-never", &["options/retain-as-published"]),
    ("retain-as-published-always", &["options/no-retain-as-published"]),
    ("retain-handling-0", &["options/retain-handling-1", "options/retain-handling-2"]),
    ("retain-handling-1", &["options/retain-handling-0", "options/retain-handling-2"]),
    ("without-subscription-id", &[
        "subscription-id/message", "subscription-id/overlap", "subscription-id/replacement",
        "subscription-id/retained", "subscription-id/session",
    ]),
    ("one-subscription-id", &["subscription-id/overlap"]),
    ("subscription-id-1", &[
        "subscription-id/message", "subscription-id/overlap", "subscription-id/replacement",
        "subscription-id/retained", "subscription-id/session",
    ]),
    ("ignore-share", &["shared/one-receiver"]),
    ("share-with-others-too", &[
        "shared/same-client-completes", "shared/session-ends", "shared/refused",
    ]),

    // properties and limits
    ("refuse-alias", &["alias/of-client", "alias/moved", "alias/of-last-connection"]),
    ("deliver-with-alias-3", &[
        "alias/of-client", "alias/moved", "alias/none-allowed", "alias/of-broker",
    ]),
    ("alias-only", &["alias/of-broker", "alias/of-broker-ends"]),
    ("remember-alias", &["alias/of-last-connection"]),
    ("no-receive-maximum", &[
        "limits/receive-maximum", "limits/receive-maximum-after-reconnect",
        "limits/others-at-receive-maximum",
    ]),
    ("no-maximum-packet-size", &["limits/maximum-packet-size", "limits/dropped-frees-its-place"]),
    ("no-suback-for-qos-0", &["limits/others-at-receive-maximum"]),
    ("long-reason", &["limits/answers-within-maximum", "limits/no-problem-information"]),
    ("expiry-60", &["expiry/interval"]),
    ("no-expiry", &["expiry/interval", "expiry/expired", "expiry/retained"]),
    ("without-payload-format", &["forward/payload-format", "forward/retained", "forward/stored"]),
    ("without-response-topic", &["forward/response-topic", "forward/retained", "forward/stored"]),
    ("without-correlation-data", &[
        "forward/correlation-data", "forward/retained", "forward/stored",
    ]),
    ("without-content-type", &["forward/content-type", "forward/retained", "forward/stored"]),
    ("properties-reversed", &["forward/user-properties", "forward/retained", "forward/stored"]),
    ("same-identifier", &["connack/identifiers-differ", "connack/assigned-identifier"]),
    ("refuse-long-identifiers", &["connack/plain-identifiers"]),
    ("another-identifier", &["connack/assigned-identifier"]),
    ("response-information", &[
        "connack/response-information", "5.0/connack/identifiers-differ", "connack/no-method",
        "connack/assigned-identifier", "5.0/connack/plain-identifiers",
        "connack/unknown-method", "connack/maximum-qos",
        "connack/maximum-qos-and-subscribe",
    ]),
    ("without-method", &["connack/unknown-method"]),
    ("method", &[
        "connack/no-method", "connack/response-information", "5.0/connack/identifiers-differ",
        "connack/assigned-identifier", "5.0/connack/plain-identifiers",
        "connack/maximum-qos", "connack/maximum-qos-and-subscribe",
    ]),
    ("no-qos-2", &["connack/maximum-qos"]),
    ("maximum-qos-1-and-no-subscription-with-2", &["connack/maximum-qos-and-subscribe"]),

    // retained messages
    ("retain-nothing", &[
        "retain/message-is-kept",
        "retain/flag-for-new-subscription",
        "retain/message-without-flag-changes-nothing",
    ]),
    ("retain-everything", &["retain/message-without-flag-changes-nothing"]),
    ("retain-empty", &["retain/empty-message-deletes", "retain/empty-message-is-not-kept"]),
    ("ignore-retain-of-qos0", &["retain/qos0-discards-the-old-message"]),
    ("deliver-without-retain", &["retain/flag-for-new-subscription"]),
    ("deliver-with-retain", &["retain/flag-for-existing-subscription"]),

    ("forget-session", &[
        "session/is-continued", "session/messages-wait", "session/belongs-to-its-identifier",
    ]),
    ("ignore-clean-start", &[
        "session/clean-start-discards-the-old-one", "3.1.1/session/ends-with-its-connection",
        "3.1.1/session/messages-wait", "3.1.1/session/take-over",
    ]),
    ("keep-every-session", &["5.0/session/ends-with-its-connection"]),
    ("expire-later", &["session/expires"]),
    ("session-always-present", &[
        "session/new-one", "session/ends-with-its-connection", "session/expires",
        "session/belongs-to-its-identifier",
    ]),
    ("forget-subscriptions", &["session/lasts-while-connected"]),
    ("lose-qos2", &["session/messages-wait"]),
    ("ignore-client-id", &[
        "session/is-continued", "session/messages-wait", "session/belongs-to-its-identifier",
        "session/take-over",
    ]),

    ("no-puback", &["delivery/qos1-is-answered"]),
    ("no-pubcomp", &[
        "delivery/qos2-is-answered", "delivery/expiry-does-not-stop-the-exchange",
    ]),
    ("send-nothing-again", &[
        "delivery/qos1-is-sent-again", "delivery/qos2-is-sent-again",
        "delivery/expiry-does-not-stop-what-was-sent",
    ]),
    ("no-pubrel-again", &["delivery/pubrel-is-sent-again"]),
    ("repeat-without-dup", &["delivery/qos1-is-sent-again", "delivery/qos2-is-sent-again"]),
    ("copy-dup", &["delivery/dup-is-not-copied"]),
    ("ignore-acknowledgements", &[
        "delivery/acknowledged-is-not-sent-again", "delivery/refused-is-not-sent-again",
    ]),
    ("deliver-repetitions", &["delivery/qos2-repetition-is-not-delivered"]),
    ("remember-identifiers", &[
        "delivery/identifier-is-free-after-puback", "delivery/identifier-is-free-after-pubcomp",
    ]),
    ("strip-byte-order-marks", &["delivery/byte-order-mark-is-kept"]),
    ("wrong-order", &["delivery/in-order"]),
    ("wrong-order-again", &["delivery/again-in-order"]),

    ("no-will", &[
        "will/when-the-connection-breaks", "will/when-the-client-is-silent",
        "will/when-the-broker-closes", "will/when-another-connection-takes-over",
        "will/disconnect-with-will", "will/only-once", "will/retained", "will/not-retained",
        "will/waits-for-its-delay", "will/delay-ends-with-the-session",
        "will/user-properties-in-order",
    ]),
    ("ignore-disconnect", &["will/not-after-disconnect"]),
    ("will-without-retain", &["will/retained"]),
    ("will-with-retain", &["will/not-retained"]),
    ("will-without-delay", &["will/waits-for-its-delay", "will/reconnect-cancels-it"]),
    ("will-outlives-session", &["will/delay-ends-with-the-session"]),
    ("will-again", &["will/only-once"]),
    ("reverse-user-properties", &["will/user-properties-in-order"]),
    ("ignore-keep-alive", &["keep-alive/silence-ends-the-connection"]),
];

#[test]
fn each_fault_turns_exactly_its_scenarios_red() {
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some((fault, reds)) = FAULTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    failures.lock().unwrap().extend(mistakes(fault, reds));
                }
            });
        }
    });
    assert_eq!(failures.into_inner().unwrap(), [""; 0]);
}

/// The scenarios of the themes of a fault that are red and should not be, or the other way round.
/// A scenario whose preparation fails is `unclear`, and not red.
fn mistakes(fault: &str, reds: &[&str]) -> Vec<String> {
    let themes: BTreeSet<_> = reds.iter().map(|it| theme(it)).collect();
    let mut cases = cases();
    cases.retain(|it| it.packet().is_none() && themes.contains(theme(&scenario(it))));
    let found = judge(Some(fault), &cases, 12, PATIENCE);
    let mut mistakes = Vec::new();
    for (case, verdict) in cases.iter().zip(found) {
        let name = scenario(case);
        let of_version = format!("{}/{name}", case.version);
        let is_expected = reds.iter().any(|it| *it == name || *it == of_version);
        let is_red = verdict.is_failure(true) && verdict != Verdict::Unclear;
        if is_expected != is_red {
            mistakes.push(format!("{fault}: {} is {verdict}", case.name));
        }
    }
    mistakes
}

#[test]
fn each_scenario_has_a_fault_and_each_fault_is_tested() {
    let of_faults = FAULTS.iter().flat_map(|(_, names)| *names);
    let shown: BTreeSet<_> = of_faults.map(|it| without_version(it)).collect();
    let cases = cases();
    let scenarios = cases.iter().filter(|it| it.packet().is_none());
    let scenarios: BTreeSet<_> = scenarios.map(scenario).collect();
    let scenarios: BTreeSet<_> = scenarios.iter().map(|it| &it[..]).collect();
    assert_eq!(shown, scenarios);
    let tested = FAULTS.iter().chain(FAULTS_OF_PACKETS);
    let tested: BTreeSet<_> = tested.map(|(fault, _)| *fault).collect();
    let known: BTreeSet<_> = rules().map(|(fault, _)| *fault).collect();
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
                let found = judge(Some(&fault), cases, 8, PATIENCE);
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
    // our broker closes the connection for another reason
    let is_closed = [
        "/after-disconnect-",
        "/first-packet-not-connect",
        "/keep-alive-missed-",
        "3.1/connect/U31-name/unsupported-protocol-name",
        "3.1/connect/U31-level/unsupported-protocol-level",
        "3.1.1/connect/MQTT-3.1.4-1/truncated-connect-flags",
    ];
    verdict == Verdict::Unsupported || is_closed.iter().any(|it| case.name.contains(it))
}

/// A malformed packet of the broker is a breach where accepting the packet is not.
#[test]
fn a_broker_that_sends_garbage_is_red_where_the_standard_is_open() {
    let mut cases = cases();
    cases.retain(|it| it.packet().is_some_and(|it| it.open.is_some()));
    let found = judge(Some("garbage"), &cases, 8, 4 * PATIENCE);
    for (case, verdict) in cases.iter().zip(found) {
        let is_right = verdict.is_failure(true) || may_stay_green(case, verdict);
        assert!(is_right, "{}: {verdict}", case.name);
    }
}

/// The packet cases in which it is not enough to swallow a packet.
const FAULTS_OF_PACKETS: &[(&str, &[&str])] = &[
    ("ignore-disconnect", &["/after-disconnect-"]),
    ("ignore-keep-alive", &["/keep-alive-missed-"]),
    (
        "announce-nothing",
        &[
            "/qos-not-supported-",
            "/retain-not-supported-",
            "/wildcard-not-supported-",
            "/subscription-id-not-supported-",
            "/shared-not-supported-",
            "/topic-alias-not-supported-publish",
        ],
    ),
    (
        "announce-little",
        &[
            "/receive-maximum-exceeded-",
            "/packet-too-large-publish-2",
            "/topic-alias-too-large-publish-2",
        ],
    ),
];

#[test]
fn a_broker_that_breaks_its_word_is_red() {
    for (fault, names) in FAULTS_OF_PACKETS {
        let mut cases = cases();
        cases.retain(|case| names.iter().any(|it| case.name.contains(it)));
        // it would need an extended authentication
        cases.retain(|it| !it.name.ends_with("/keep-alive-missed-pingreq-3"));
        assert!(cases.len() >= names.len(), "{fault}");
        let found = judge(Some(fault), &cases, 8, PATIENCE);
        for (case, verdict) in cases.iter().zip(found) {
            let may_be_open = case.packet().unwrap().open.is_some();
            let is_right = verdict.is_failure(true) || verdict == Verdict::Open && may_be_open;
            assert!(is_right, "{fault}: {} is {verdict}", case.name);
        }
    }
}

/// `retain/is-kept` of `5.0/retain/MQTT-3.3.1-5/is-kept`.
fn scenario(case: &Case) -> String {
    let parts: Vec<_> = case.name.split('/').collect();
    format!("{}/{}", parts[1], parts[3])
}

fn without_version(scenario: &str) -> &str {
    let start = scenario.find(|it: char| it.is_alphabetic());
    &scenario[start.unwrap()..]
}

fn theme(scenario: &str) -> &str {
    without_version(scenario).split('/').next().unwrap()
}

/// Many faults withhold something, and each waits that long for it.
const PATIENCE: Duration = Duration::from_millis(500);

fn judge(fault: Option<&str>, cases: &[Case], jobs: usize, patience: Duration) -> Vec<Verdict> {
    let fault = fault.map(|it| it.parse().unwrap());
    let options = Options {
        jobs,
        scenario_jobs: jobs,
        patience,
        ..Options::new(start(fault).parse().unwrap())
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
