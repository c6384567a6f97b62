//! The program is shown able to fail: fake brokers with one fault each, and our broker without one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mqtt_wire::{
    Ack, Delivery, Dialect, FrameRef, List, NextFrame, Packet, ReasonCode, SubAck, Version,
};
use mqttspec::{Address, Case, Finding, Options, Verdict, cases, run};

#[test]
fn our_broker_is_green_in_all_cases() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        use mqtt_wire_broker::{Broker, Settings, serve, transport::Transport};
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let broker = Arc::new(Broker::new(Settings::default()));
            serve(listener, Transport::default(), broker).await;
        });
    });
    let cases = cases();
    let findings = judge(&address, &cases, 1);
    let failed = names(&cases, &findings, |it| it.is_failure(true));
    assert_eq!(failed, [""; 0]);
    let count = |verdict| findings.iter().filter(|it| it.verdict == verdict).count();
    assert!(count(Verdict::Ok) > 290, "{}", count(Verdict::Ok));
}

/// Several cases at a time reach the same verdicts.
#[test]
fn a_broker_without_a_fault_is_green_in_all_cases() {
    let mut cases = cases();
    // this broker delivers no messages
    let needs_messages = ["/out-of-order-pub", "/wrong-acknowledgement-puback"];
    let is_needed = |name: &str| needs_messages.iter().any(|it| name.contains(it));
    cases.retain(|it| it.packet().is_some() && !is_needed(&it.name));
    let findings = judge(&fake(Fault::None), &cases, 4);
    let failed = names(&cases, &findings, |it| it.is_failure(false));
    assert_eq!(failed, [""; 0]);
}

#[test]
fn a_broker_that_accepts_everything_is_lenient_unless_the_standard_is_open() {
    let cases = of_packets();
    let findings = judge(&fake(Fault::AcceptsEverything), &cases, 4);
    for finding in &findings {
        let case = &cases[finding.case];
        let expected = match case.packet().unwrap().open {
            Some(_) => Verdict::Open,
            None => Verdict::Lenient,
        };
        assert_eq!(
            finding.verdict, expected,
            "{}: {}",
            case.name, finding.reason
        );
    }
    let lenient = findings.iter().filter(|it| it.verdict == Verdict::Lenient);
    assert!(lenient.count() > 170);
}

/// Without a code the reason is not known. With a code the broker is wrong about the neighbour.
#[test]
fn a_broker_that_closes_on_everything_is_never_ok() {
    let cases = of_packets();
    let findings = judge(&fake(Fault::ClosesOnEverything), &cases, 4);
    let found = |version, verdict| {
        let of_version = findings
            .iter()
            .filter(|it| cases[it.case].version == version);
        of_version.filter(|it| it.verdict == verdict).count()
    };
    for finding in &findings {
        let case = &cases[finding.case];
        // these neighbours it accepts
        let is_accepted = ["disconnect/", "pingreq/"]
            .iter()
            .any(|packet| case.packet().unwrap().neighbour_name.starts_with(packet));
        assert!(
            is_accepted || finding.verdict != Verdict::Ok,
            "{}: {}",
            case.name,
            finding.reason
        );
    }
    assert!(found(Version::V5, Verdict::OverStrict) > 100);
    assert!(found(Version::V3_1_1, Verdict::Unclear) > 80);
    assert_eq!(found(Version::V3_1_1, Verdict::OverStrict), 0);
}

#[test]
fn a_broker_that_waits_for_more_bytes_hangs() {
    // each of them takes ten seconds, and those of CONNECT one after the other
    let wanted = [
        "5.0/connect/MQTT-3.1.2-11",
        "5.0/publish/MQTT-3.3.1-4",
        "3.1.1/subscribe/U-remlen",
    ];
    let mut cases = of_packets();
    cases.retain(|case| wanted.iter().any(|it| case.matches(it)));
    assert_eq!(cases.len(), 3);
    let findings = judge(&fake(Fault::Waits), &cases, 8);
    for finding in &findings {
        let name = &cases[finding.case].name;
        assert_eq!(finding.verdict, Verdict::Hang, "{name}: {}", finding.reason);
    }
}

#[test]
fn a_broker_that_dies_has_crashed_once_and_is_not_judged_any_more() {
    let cases: Vec<_> = of_packets().into_iter().take(5).collect();
    let findings = judge(&fake(Fault::Dies), &cases, 1);
    let found: Vec<_> = findings.iter().map(|it| it.verdict).collect();
    let unclear = Verdict::Unclear;
    assert_eq!(found, [Verdict::Crash, unclear, unclear, unclear, unclear]);
}

/// A ban is no crash and no hang.
#[test]
fn a_broker_that_bans_the_program_is_unclear() {
    let cases: Vec<_> = of_packets().into_iter().take(5).collect();
    for finding in judge(&fake(Fault::Bans), &cases, 1) {
        assert_eq!(finding.verdict, Verdict::Unclear, "{}", finding.reason);
    }
}

/// Nobody knows which of several cases is the reason.
#[test]
fn a_crash_during_several_cases_is_unclear() {
    let cases: Vec<_> = of_packets().into_iter().take(5).collect();
    let findings = judge(&fake(Fault::Dies), &cases, 4);
    for finding in findings {
        assert_eq!(finding.verdict, Verdict::Unclear, "{}", finding.reason);
    }
}

#[test]
fn a_broker_that_breaks_a_rule_itself_is_found_by_the_monitor() {
    let mut cases = of_packets();
    cases.retain(|it| it.name.starts_with("3.1.1/subscribe/MQTT-3.8.1-1"));
    let findings = judge(&fake(Fault::TwoCodesInSubAck), &cases, 1);
    assert_eq!(findings.len(), 3);
    for finding in findings {
        assert_eq!(finding.verdict, Verdict::Breach, "{}", finding.reason);
        assert!(
            finding.reason.contains("MQTT-3.8.4-5"),
            "{}",
            finding.reason
        );
    }
}

#[test]
fn a_broker_that_ignores_the_keep_alive_is_lenient() {
    let mut cases = cases();
    cases.retain(|it| it.name.contains("/keep-alive-missed-pingreq"));
    let expected = [
        ("3.1/conversations/U31-keep-alive/", Verdict::Lenient),
        ("3.1.1/conversations/MQTT-3.1.2-24/", Verdict::Lenient),
        ("5.0/conversations/MQTT-3.1.2-22/", Verdict::Lenient),
        ("5.0/conversations/MQTT-3.1.2-22/", Verdict::Lenient),
        // it needs an extended authentication
        ("5.0/conversations/MQTT-3.1.2-22/", Verdict::Unsupported),
    ];
    let findings = judge(&fake(Fault::IgnoresKeepAlive), &cases, 1);
    for ((case, finding), (name, verdict)) in cases.iter().zip(&findings).zip(expected) {
        assert!(case.name.starts_with(name), "{}", case.name);
        assert_eq!(
            finding.verdict, verdict,
            "{}: {}",
            case.name, finding.reason
        );
    }
}

#[test]
fn a_server_keep_alive_replaces_that_of_the_client() {
    let mut cases = cases();
    cases.retain(|it| it.version == Version::V5 && it.name.contains("keep-alive-missed-pingreq"));
    for (fault, verdict) in [
        (Fault::SetsKeepAlive, Verdict::Ok),
        (Fault::IgnoresItsKeepAlive, Verdict::Lenient),
    ] {
        for finding in judge(&fake(fault), &cases, 1) {
            let name = &cases[finding.case].name;
            let expected = match name.contains("/server-") {
                true => verdict,
                false => Verdict::Unsupported,
            };
            assert_eq!(finding.verdict, expected, "{name}: {}", finding.reason);
        }
    }
}

/// The packet was refused, but not because of the rule.
#[test]
fn a_broker_that_wants_a_login_is_not_judged_by_connects_without_one() {
    let mut cases = of_packets();
    cases.retain(|it| it.name.contains("/connect/") && it.version != Version::V3_1);
    // the neighbour forbids a CONNACK by its Maximum Packet Size, and this broker sends one
    cases.retain(|it| !it.matches("U-val-27"));
    assert!(cases.len() > 80);
    for finding in judge(&fake(Fault::WantsLogin), &cases, 4) {
        let name = &cases[finding.case].name;
        assert_eq!(
            finding.verdict,
            Verdict::Unsupported,
            "{name}: {}",
            finding.reason
        );
    }
}

#[test]
fn a_version_that_is_not_served_is_unsupported() {
    for (fault, version) in [
        (Fault::Refuses3_1, Version::V3_1),
        (Fault::Answers5As3, Version::V5),
    ] {
        let mut cases = of_packets();
        cases.retain(|it| it.version == version);
        for finding in judge(&fake(fault), &cases, 1) {
            assert_eq!(finding.verdict, Verdict::Unsupported, "{}", finding.reason);
        }
    }
}

fn of_packets() -> Vec<Case> {
    let mut cases = cases();
    cases.retain(|it| it.packet().is_some() && !it.name.contains("/conversations/"));
    cases
}

fn judge(address: &str, cases: &[Case], jobs: usize) -> Vec<Finding> {
    let address: Address = address.parse().unwrap();
    let options = Options {
        jobs,
        ..Options::new(address)
    };
    let (_, findings) = run(&options, cases, |_| {}, |_| {}).unwrap();
    assert_eq!(findings.len(), cases.len());
    findings
}

fn names<'a>(
    cases: &'a [Case],
    findings: &[Finding],
    is_wanted: impl Fn(Verdict) -> bool,
) -> Vec<&'a str> {
    let wanted = findings.iter().filter(|it| is_wanted(it.verdict));
    wanted.map(|it| &cases[it.case].name[..]).collect()
}

/// What a fake broker does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// It ignores the packets that it should refuse.
    AcceptsEverything,
    /// After the CONNECT of the program it refuses everything but PINGREQ.
    ClosesOnEverything,
    /// It does not read on after a bad packet.
    Waits,
    /// After a bad packet it serves nobody.
    Dies,
    /// After a bad packet it closes all connections at once.
    Bans,
    TwoCodesInSubAck,
    IgnoresKeepAlive,
    /// It has a Server Keep Alive of one second.
    SetsKeepAlive,
    /// It has one, too, and does not apply it.
    IgnoresItsKeepAlive,
    Refuses3_1,
    /// It sends the CONNACK of 3.1.1 to clients of 5.0.
    Answers5As3,
    /// It refuses each CONNECT but those of the program itself.
    WantsLogin,
}

/// A broker that answers, and delivers nothing.
fn fake(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(State {
        fault,
        is_dead: AtomicBool::new(false),
        open: Mutex::new(Vec::new()),
        address: address.to_string(),
    });
    thread::spawn(move || {
        for stream in listener.incoming() {
            if state.is_dead.load(Ordering::SeqCst) {
                match state.fault {
                    Fault::Bans => continue,
                    _ => return, // closes the listener
                }
            }
            let (stream, state) = (stream.unwrap(), state.clone());
            state.open.lock().unwrap().push(stream.try_clone().unwrap());
            thread::spawn(move || {
                let other = stream.try_clone().unwrap();
                serve(stream, &state);
                other.shutdown(Shutdown::Both).ok();
            });
        }
    });
    address.to_string()
}

struct State {
    fault: Fault,
    is_dead: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    address: String,
}

impl State {
    fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        TcpStream::connect(&self.address).ok(); // wakes the listener
        for stream in self.open.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn serve(mut stream: TcpStream, state: &State) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut client = Client {
        version: None,
        patience: None,
        in_use: Vec::new(),
    };
    let (mut buffer, mut read) = (Vec::new(), [0; 4096]);
    loop {
        stream.set_read_timeout(client.patience).ok()?;
        let count = stream.read(&mut read).ok().filter(|count| *count > 0)?;
        buffer.extend_from_slice(&read[..count]);
        while !buffer.is_empty() {
            let (answer, length, goes_on) = match client.next(&buffer, state.fault) {
                Next::Wait => break,
                Next::Answer(answer, length) => (answer, length, true),
                Next::End(answer) => (answer, buffer.len(), false),
                Next::Bad(answer) => match state.fault {
                    Fault::AcceptsEverything => {
                        let (answer, length) = client.accept_anyway(&buffer);
                        (answer, length, true)
                    }
                    Fault::Waits => {
                        while stream.read(&mut read).ok().is_some_and(|count| count > 0) {}
                        return None;
                    }
                    Fault::Dies | Fault::Bans => {
                        state.die();
                        return None;
                    }
                    _ => (answer, buffer.len(), false),
                },
            };
            buffer.drain(..length);
            stream.write_all(&answer).ok()?;
            if !goes_on {
                return None;
            }
        }
    }
}

enum Next {
    Wait,
    /// An answer, and the length of the packet.
    Answer(Vec<u8>, usize),
    End(Vec<u8>),
    /// A packet to refuse, and the answer to it.
    Bad(Vec<u8>),
}

struct Client {
    version: Option<Version>,
    /// One and a half times the Keep Alive.
    patience: Option<Duration>,
    /// QoS 2 messages without a PUBREL.
    in_use: Vec<u16>,
}

impl Client {
    fn next(&mut self, bytes: &[u8], fault: Fault) -> Next {
        let Some(version) = self.version else {
            return self.connect(bytes, fault);
        };
        let dialect = Dialect::from_client(version);
        let frame = match FrameRef::split(bytes, dialect, u32::MAX) {
            Ok(NextFrame::NeedMore(_)) => return Next::Wait,
            Ok(NextFrame::Frame(frame)) => frame,
            Err(error) => return Next::Bad(error.answer(true).to_vec()),
        };
        let packet = match frame.decode(dialect) {
            Ok(packet) => packet,
            Err(error) => return Next::Bad(error.answer(true).to_vec()),
        };
        let closes = fault == Fault::ClosesOnEverything && packet != Packet::PingReq;
        if closes && !matches!(packet, Packet::Disconnect(_)) {
            return Next::End(disconnect(version, ReasonCode::ProtocolError));
        }
        let Some(answer) = self.answer(version, &packet, fault) else {
            return Next::End(disconnect(version, ReasonCode::ProtocolError));
        };
        match packet {
            Packet::Disconnect(_) => Next::End(Vec::new()),
            _ => Next::Answer(answer, frame.bytes().len()),
        }
    }

    fn connect(&mut self, bytes: &[u8], fault: Fault) -> Next {
        let is_own = bytes.windows(8).any(|it| it == b"mqttspec");
        if fault == Fault::WantsLogin && !is_own {
            return Next::End(match bytes.windows(5).any(|it| it == b"MQTT\x05") {
                true => b"\x20\x03\0\x87\0".to_vec(),
                false => b"\x20\x02\0\x05".to_vec(),
            });
        }
        let frame = match FrameRef::split_connect(bytes, u32::MAX) {
            Ok(NextFrame::NeedMore(_)) => return Next::Wait,
            Ok(NextFrame::Frame(frame)) => frame,
            Err(error) => return Next::Bad(error.answer(false).to_vec()),
        };
        match frame.decode_connect() {
            Ok(connect) if fault == Fault::Refuses3_1 && connect.version == Version::V3_1 => {
                Next::End(b"\x20\x02\0\x01".to_vec())
            }
            Ok(connect) if fault == Fault::Answers5As3 && connect.version == Version::V5 => {
                Next::Answer(b"\x20\x02\0\0".to_vec(), frame.bytes().len())
            }
            Ok(connect) if connect.authentication_method().is_some() => {
                Next::End(b"\x20\x03\0\x8c\0".to_vec())
            }
            Ok(connect)
                if fault == Fault::ClosesOnEverything
                    && !connect.client_id.as_str().starts_with("mqttspec") =>
            {
                Next::End(match connect.version {
                    Version::V5 => b"\x20\x03\0\x82\0".to_vec(),
                    _ => Vec::new(),
                })
            }
            Ok(connect)
                if connect.version == Version::V5
                    && matches!(fault, Fault::SetsKeepAlive | Fault::IgnoresItsKeepAlive) =>
            {
                self.version = Some(connect.version);
                let applies = fault == Fault::SetsKeepAlive;
                self.patience = applies.then_some(Duration::from_millis(1500));
                Next::Answer(b"\x20\x06\0\0\x03\x13\0\x01".to_vec(), frame.bytes().len())
            }
            Ok(connect) => {
                self.version = Some(connect.version);
                let limit = Duration::from_millis(u64::from(connect.keep_alive) * 1500);
                let applies = fault != Fault::IgnoresKeepAlive && !limit.is_zero();
                self.patience = applies.then_some(limit);
                let id = "assigned";
                let answer = connect.accept(id).unwrap().as_ref().to_vec();
                let too_large = connect.maximum_packet_size();
                match too_large.is_some_and(|it| (it.get() as usize) < answer.len()) {
                    true => Next::End(Vec::new()),
                    false => Next::Answer(answer, frame.bytes().len()),
                }
            }
            Err(error) => Next::Bad(error.answer(false).to_vec()),
        }
    }

    /// `None` for a packet that is out of place.
    fn answer(&mut self, version: Version, packet: &Packet<'_>, fault: Fault) -> Option<Vec<u8>> {
        let codes: Vec<_>;
        let answer = match packet {
            Packet::PingReq => Packet::PingResp,
            Packet::Publish(it)
                if it
                    .properties
                    .iter()
                    .any(|it| it.to_string().starts_with("Topic Alias")) =>
            {
                return None;
            }
            Packet::Publish(it) => match it.delivery {
                Delivery::AtMostOnce => return Some(Vec::new()),
                Delivery::AtLeastOnce { packet_id, .. } => Packet::PubAck(Ack::new(packet_id)),
                Delivery::ExactlyOnce { packet_id, .. } => {
                    self.in_use.push(packet_id.get());
                    Packet::PubRec(Ack::new(packet_id))
                }
            },
            Packet::PubRel(it) => Packet::PubComp(Ack::new(it.packet_id)),
            Packet::Subscribe(it) => {
                let granted = it.subscriptions.iter().map(|_| ReasonCode::GRANTED_QOS_0);
                let more = usize::from(fault == Fault::TwoCodesInSubAck);
                codes = granted
                    .chain(std::iter::repeat_n(ReasonCode::GRANTED_QOS_0, more))
                    .collect();
                Packet::SubAck(SubAck::new(it.packet_id, List::new(&codes)))
            }
            Packet::Unsubscribe(it) => {
                codes = match version {
                    Version::V5 => it
                        .topic_filters
                        .iter()
                        .map(|_| ReasonCode::Success)
                        .collect(),
                    _ => Vec::new(),
                };
                Packet::UnsubAck(SubAck::new(it.packet_id, List::new(&codes)))
            }
            Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubComp(_) | Packet::Disconnect(_) => {
                return Some(Vec::new());
            }
            _ => return None,
        };
        let mut bytes = Vec::new();
        answer
            .encode(Dialect::from_server(version), &mut bytes)
            .unwrap();
        Some(bytes)
    }

    /// Ignores a packet, or accepts a CONNECT.
    fn accept_anyway(&mut self, bytes: &[u8]) -> (Vec<u8>, usize) {
        if self.version.is_some() {
            return (Vec::new(), bytes.len());
        }
        let is_v5 = bytes.windows(5).any(|it| it == b"MQTT\x05");
        self.version = Some(if is_v5 { Version::V5 } else { Version::V3_1_1 });
        let connack: &[u8] = match is_v5 {
            true => b"\x20\x03\0\0\0",
            false => b"\x20\x02\0\0",
        };
        (connack.to_vec(), bytes.len())
    }
}

fn disconnect(version: Version, code: ReasonCode) -> Vec<u8> {
    match version {
        Version::V5 => vec![0xe0, 1, code as u8],
        _ => Vec::new(),
    }
}
