//! The fate of a Will, in every version and for every end of a connection, and the PUBLISH made from it.

use std::time::Duration;

use mqtt_wire::will::{Ending, WillFate, WillTerms};
use mqtt_wire::{
    BinaryData, ConnAck, Connect, Delivery, Dialect, Disconnect, EncodeError, Field, Packet,
    PacketId, Properties, Property, Publish, QoS, ReasonCode, TopicName, Utf8Str, Version, Will,
};

use Ending::{
    ClosedByClient, ClosedByServer, KeepAliveExpired, NetworkFailure, SessionEnded, TakenOver,
};
use Fate::{After, Discard, Now};
use Version::{V3_1, V3_1_1, V5};

const FOR_EVER: u32 = u32::MAX;

/// A fate without the terms while the Will waits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Discard,
    Now,
    After(Duration),
}

const fn after(seconds: u64) -> Fate {
    After(Duration::from_secs(seconds))
}

fn fate(terms: WillTerms, ending: Ending) -> Fate {
    match terms.fate(ending) {
        WillFate::Discard => Discard,
        WillFate::Publish => Now,
        WillFate::PublishAfter { delay, .. } => After(delay),
    }
}

const fn disconnect(reason_code: ReasonCode, expiry: Option<u32>) -> Ending {
    Ending::Disconnect {
        reason_code,
        session_expiry_interval: expiry,
    }
}

const NORMAL: Ending = disconnect(ReasonCode::NORMAL_DISCONNECTION, None);
const WITH_WILL: Ending = disconnect(ReasonCode::DisconnectWithWillMessage, None);
const BACK: Ending = TakenOver { clean_start: false };
const BACK_CLEAN: Ending = TakenOver { clean_start: true };

/// Version; Will Delay; Session Expiry of CONNECT, of CONNACK; end; fate, statement.
type Row = (Version, u32, u32, Option<u32>, Ending, Fate, &'static str);

/// The cases that the sections speak of: 3.1.2.5, 3.1.3.2.2, 3.1.4, 3.14.2.2.2 and 3.14.4.
#[rustfmt::skip]
const CASES: &[Row] = &[
    // before 5.0 there is nothing to wait for
    (V3_1,   0, 0, None, NetworkFailure,   Now,     "U31-will"),
    (V3_1,   0, 0, None, KeepAliveExpired, Now,     "U31-will"),
    (V3_1,   0, 0, None, ClosedByClient,   Now,     "U31-will"),
    (V3_1,   0, 0, None, ClosedByServer,   Now,     "U31-will"),
    (V3_1,   0, 0, None, BACK,             Now,     "U31-will"),
    (V3_1,   0, 0, None, NORMAL,           Discard, "U31-will-disconnect"),
    (V3_1_1, 0, 0, None, NetworkFailure,   Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, KeepAliveExpired, Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, ClosedByClient,   Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, ClosedByServer,   Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, BACK,             Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, BACK_CLEAN,       Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, SessionEnded,     Now,     "MQTT-3.1.2-8"),
    (V3_1_1, 0, 0, None, NORMAL,           Discard, "MQTT-3.14.4-3"),
    // no delay
    (V5,  0, 60, None, NetworkFailure,   Now,       "MQTT-3.1.2-8"),
    (V5,  0, 60, None, KeepAliveExpired, Now,       "MQTT-3.1.2-8"),
    (V5,  0, 60, None, ClosedByClient,   Now,       "MQTT-3.1.2-8"),
    (V5,  0, 60, None, ClosedByServer,   Now,       "MQTT-3.1.2-8"),
    (V5,  0, 60, None, WITH_WILL,        Now,       "MQTT-3.1.2-8"),
    (V5,  0, 60, None, NORMAL,           Discard,   "MQTT-3.14.4-3"),
    (V5,  0, 60, None, BACK,             Now,       "MQTT-3.1.2-8"),
    (V5,  0, 60, None, BACK_CLEAN,       Now,       "MQTT-3.1.2-8"),
    // the delay or the Session, whichever is over first
    (V5, 10, 60, None, NetworkFailure,   after(10), "MQTT-3.1.2-8"),
    (V5, 10, 60, None, KeepAliveExpired, after(10), "MQTT-3.1.2-8"),
    (V5, 10, 60, None, ClosedByClient,   after(10), "MQTT-3.1.2-8"),
    (V5, 10, 60, None, ClosedByServer,   after(10), "MQTT-3.1.2-8"),
    (V5, 10, 60, None, WITH_WILL,        after(10), "MQTT-3.1.2-8"),
    (V5, 10, 60, None, NORMAL,           Discard,   "MQTT-3.14.4-3"),
    (V5, 10, 60, None, SessionEnded,     Now,       "MQTT-3.1.2-8"),
    (V5, 60, 10, None, NetworkFailure,   after(10), "MQTT-3.1.2-8"),
    (V5, 60, FOR_EVER, None, NetworkFailure, after(60), "MQTT-3.1.2-8"),
    (V5, FOR_EVER, FOR_EVER, None, NetworkFailure, after(4_294_967_295), "MQTT-3.1.2-8"),
    (V5, 60,  0, None, NetworkFailure,   Now,       "MQTT-3.1.2-8"),
    // the Server decides how long the Session lasts
    (V5, 60, 60, Some(5), NetworkFailure, after(5), "MQTT-3.1.2-8"),
    (V5, 60, 60, Some(0), NetworkFailure, Now,      "MQTT-3.1.2-8"),
    (V5, 60,  0, Some(5), NetworkFailure, after(5), "MQTT-3.1.2-8"),
    // the Client is back: within the delay, unless its old Session is over
    (V5, 10, 60, None, BACK,             Discard,   "MQTT-3.1.3-9"),
    (V5, 10, 60, None, BACK_CLEAN,       Now,       "MQTT-3.1.2-8"),
    (V5, 10,  0, None, BACK,             Now,       "MQTT-3.1.2-8"),
    (V5, 10, 60, Some(0), BACK,          Now,       "MQTT-3.1.2-8"),
    (V5, 10,  0, Some(9), BACK,          Discard,   "MQTT-3.1.3-9"),
    // DISCONNECT changes how long the Session lasts
    (V5, 60, 60, None, disconnect(ReasonCode::DisconnectWithWillMessage, Some(5)), after(5), "MQTT-3.1.2-8"),
    (V5, 60, 60, None, disconnect(ReasonCode::DisconnectWithWillMessage, Some(0)), Now,      "MQTT-3.1.2-8"),
    (V5, 60,  5, None, disconnect(ReasonCode::UnspecifiedError, Some(FOR_EVER)),   after(60), "MQTT-3.1.2-8"),
    (V5, 60, 60, None, disconnect(ReasonCode::Success, Some(5)),                   Discard,  "MQTT-3.14.4-3"),
    // ... but not from 0: then it is no valid DISCONNECT
    (V5, 60,  0, None, disconnect(ReasonCode::Success, Some(0)),                   Discard,  "MQTT-3.14.4-3"),
    (V5, 60,  0, None, disconnect(ReasonCode::Success, Some(5)),                   Now,      "MQTT-3.1.2-8"),
    (V5, 60,  0, Some(9), disconnect(ReasonCode::Success, Some(5)),                after(9), "MQTT-3.1.2-8"),
    (V5, 60,  5, Some(0), disconnect(ReasonCode::DisconnectWithWillMessage, Some(7)), after(7), "MQTT-3.1.2-8"),
];

#[test]
fn the_cases_of_the_standard_have_the_fate_that_it_states() {
    for &(version, delay, requested, granted, ending, expected, statement) in CASES {
        let terms = terms(version, delay, requested, granted);
        let case = format!("{version} {delay} {requested} {granted:?} {ending:?}");
        assert_eq!(fate(terms, ending), expected, "{case}");
        let because = terms.statement(ending).unwrap();
        assert_eq!(
            (because.version(), because.id()),
            (version, statement),
            "{case}"
        );
    }
}

const INTERVALS: [u32; 6] = [0, 1, 10, 3600, FOR_EVER - 1, FOR_EVER];

fn optional() -> impl Iterator<Item = Option<u32>> {
    std::iter::once(None).chain(INTERVALS.map(Some))
}

/// Version, Will Delay, Session Expiry of CONNECT and of CONNACK, in every combination.
fn all_terms() -> Vec<(Version, u32, u32, Option<u32>)> {
    let mut all = Vec::new();
    for version in Version::ALL {
        let intervals = if version == V5 { &INTERVALS[..] } else { &[0] };
        for &delay in intervals {
            for &requested in intervals {
                let granted = optional().filter(|it| version == V5 || it.is_none());
                all.extend(granted.map(|granted| (version, delay, requested, granted)));
            }
        }
    }
    all
}

fn all_endings() -> Vec<Ending> {
    let mut endings = vec![
        NetworkFailure,
        KeepAliveExpired,
        ClosedByClient,
        ClosedByServer,
        BACK,
        BACK_CLEAN,
        SessionEnded,
    ];
    for &code in ReasonCode::ALL {
        endings.extend(optional().map(|expiry| disconnect(code, expiry)));
    }
    endings
}

/// Compares every combination with a clock that starts when the connection is closed.
#[test]
fn every_combination_is_decided_as_a_clock_would() {
    let (all, endings) = (all_terms(), all_endings());
    for &(version, delay, requested, granted) in &all {
        let terms = terms(version, delay, requested, granted);
        for &ending in &endings {
            let mut clock = Clock::start(version, delay, requested, granted);
            let (expected, ids) = clock.fate(ending);
            assert_eq!(fate(terms, ending), expected, "{terms:?} {ending:?}");
            let id = terms.statement(ending).unwrap().id();
            assert!(ids.contains(&id), "{terms:?} {ending:?} {id}");
        }
    }
    assert_eq!(all.len(), 6 * 6 * 7 + 2);
    assert_eq!(endings.len(), 7 + 43 * 7);
}

/// While a Will waits, the Client comes back or the Session ends.
#[test]
fn every_combination_of_two_events_is_decided_as_a_clock_would() {
    let mut count = 0;
    for (version, delay, requested, granted) in all_terms() {
        let terms = terms(version, delay, requested, granted);
        for first in all_endings() {
            let mut clock = Clock::start(version, delay, requested, granted);
            clock.fate(first);
            let WillFate::PublishAfter { terms: waiting, .. } = terms.fate(first) else {
                continue;
            };
            for second in [BACK, BACK_CLEAN, SessionEnded] {
                let (expected, ids) = clock.clone().fate(second);
                let case = format!("{terms:?} {first:?} {second:?}");
                assert_eq!(fate(waiting, second), expected, "{case}");
                let id = waiting.statement(second).unwrap().id();
                assert!(ids.contains(&id), "{case} {id}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 150_525);
}

/// A DISCONNECT that makes the Session longer lets the Client come back in time.
#[test]
fn a_will_that_waits_remembers_the_session_expiry_of_the_disconnect() {
    let terms = terms(V5, 5, 5, Some(0));
    let left = disconnect(ReasonCode::DisconnectWithWillMessage, Some(5));
    let WillFate::PublishAfter { delay, terms } = terms.fate(left) else {
        panic!("the Will waits");
    };
    assert_eq!(delay, Duration::from_secs(5));
    assert_eq!(terms.session_expiry_interval, 5);
    assert_eq!(fate(terms, BACK), Discard);
    assert_eq!(terms.statement(BACK).unwrap().id(), "MQTT-3.1.3-9");
}

/// The events of a connection on a clock.
#[derive(Clone)]
struct Clock {
    version: Version,
    delay: u32,
    requested: u32,
    /// When the Session ends, in seconds after the connection.
    session_ends: u32,
}

impl Clock {
    fn start(version: Version, delay: u32, requested: u32, granted: Option<u32>) -> Self {
        Self {
            version,
            delay,
            requested,
            session_ends: granted.unwrap_or(requested),
        }
    }

    /// The fate after an event, and the statements that may be given for it.
    fn fate(&mut self, ending: Ending) -> (Fate, &'static [&'static str]) {
        if let Ending::Disconnect {
            reason_code,
            session_expiry_interval,
        } = ending
        {
            let valid = self.requested != 0 || matches!(session_expiry_interval, None | Some(0));
            if self.version != V5 || valid && reason_code as u8 == 0 {
                return (Discard, &["MQTT-3.14.4-3", "U31-will-disconnect"]);
            }
            if let (true, Some(expiry)) = (valid, session_expiry_interval) {
                self.session_ends = expiry;
            }
        }
        if matches!(ending, SessionEnded | TakenOver { clean_start: true }) {
            self.session_ends = 0;
        }
        let published = self.delay.min(self.session_ends);
        // the Client is back before the Will is due
        if matches!(ending, TakenOver { .. }) && published > 0 {
            return (Discard, &["MQTT-3.1.3-9"]);
        }
        let fate = match published {
            0 => Now,
            seconds => after(seconds.into()),
        };
        (fate, &["MQTT-3.1.2-8", "U31-will"])
    }
}

/// Terms made of packets, as a Server makes them.
fn terms(version: Version, delay: u32, requested: u32, granted: Option<u32>) -> WillTerms {
    let delay = [Property::WillDelayInterval(delay)];
    let requested = [Property::SessionExpiryInterval(requested)];
    let granted: Vec<_> = granted
        .map(Property::SessionExpiryInterval)
        .into_iter()
        .collect();
    let mut connect = Connect::new(version, Utf8Str::new("c").unwrap());
    let mut will = will(&[]);
    let mut connack = ConnAck::new(ReasonCode::Success);
    if version == V5 {
        will.properties = Properties::from(&delay);
        connect.properties = Properties::from(&requested);
        connack.properties = Properties::new(&granted);
    }
    connect.will = Some(will);
    WillTerms::new(&connect, &connack).unwrap()
}

#[test]
fn without_a_will_or_an_accepted_connection_there_are_no_terms() {
    let accepted = ConnAck::new(ReasonCode::Success);
    let refused = ConnAck::new(ReasonCode::NotAuthorized);
    for version in Version::ALL {
        let mut connect = Connect::new(version, Utf8Str::new("c").unwrap());
        assert_eq!(WillTerms::new(&connect, &accepted), None);
        connect.will = Some(will(&[]));
        assert_eq!(WillTerms::new(&connect, &refused), None);
        assert!(WillTerms::new(&connect, &accepted).is_some());
    }
}

/// Sessions of 3.1 and 3.1.1 outlive the connection without a number; their Wills do not wait.
#[test]
fn clean_session_does_not_delay_a_will() {
    for clean_session in [false, true] {
        let mut connect = Connect::new(V3_1_1, Utf8Str::new("c").unwrap());
        connect.clean_start = clean_session;
        connect.will = Some(will(&[]));
        let terms = WillTerms::new(&connect, &ConnAck::new(ReasonCode::Success)).unwrap();
        assert_eq!(fate(terms, NetworkFailure), Now);
        let back = TakenOver {
            clean_start: clean_session,
        };
        assert_eq!(fate(terms, back), Now);
    }
}

#[test]
fn properties_of_5_0_have_no_effect_before() {
    for version in [V3_1, V3_1_1] {
        let mut terms = terms(V5, 10, 0, Some(60));
        terms.version = version;
        for ending in [
            NetworkFailure,
            BACK,
            WITH_WILL,
            disconnect(ReasonCode::Success, Some(5)),
        ] {
            let expected = match ending {
                Ending::Disconnect { .. } => Discard,
                _ => Now,
            };
            assert_eq!(fate(terms, ending), expected, "{version} {ending:?}");
            assert!(terms.statement(ending).is_some());
        }
    }
}

#[test]
fn a_disconnect_converts_to_an_ending() {
    let dialect = Dialect::from_client(V5);
    for (bytes, ending) in [
        (&b"\xe0\x00"[..], NORMAL),
        (b"\xe0\x01\x04", WITH_WILL),
        (
            b"\xe0\x07\x04\x05\x11\x00\x00\x00\x09",
            disconnect(ReasonCode::DisconnectWithWillMessage, Some(9)),
        ),
    ] {
        let Packet::Disconnect(disconnect) = Packet::decode(bytes, dialect).unwrap() else {
            unreachable!()
        };
        assert_eq!(Ending::from(&disconnect), ending);
    }
    let success = Disconnect::new(ReasonCode::Success);
    assert_eq!(Ending::from(&success), NORMAL);
}

// ---- the PUBLISH ---------------------------------------------------------------------------

const DELAY: Property<'_> = Property::WillDelayInterval(10);

fn will<'a>(properties: &'a [Property<'a>]) -> Will<'a> {
    Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::new(properties),
        topic: TopicName::new("w").unwrap(),
        payload: BinaryData::new(b"\0by").unwrap(),
    }
}

fn encode(packet: impl Into<Packet<'static>>, dialect: Dialect) -> Vec<u8> {
    let mut bytes = vec![0; 200];
    let length = packet.into().encode_to_slice(dialect, &mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

fn text(text: &'static str) -> Utf8Str<'static> {
    Utf8Str::new(text).unwrap()
}

/// All that a Will may carry beside its delay.
fn message_properties() -> [Property<'static>; 7] {
    [
        Property::UserProperty(text("a"), text("1")),
        Property::PayloadFormatIndicator(true),
        Property::UserProperty(text("b"), text("2")),
        Property::MessageExpiryInterval(60),
        Property::ContentType(text("text/plain")),
        Property::ResponseTopic(TopicName::new("r").unwrap()),
        Property::UserProperty(text("a"), text("3")),
    ]
}

/// The delay at every position in the list, from bytes and from a slice.
#[test]
fn the_publish_has_all_properties_but_the_delay_in_their_order() {
    let expected = message_properties();
    for count in 0..=expected.len() {
        let expected = &expected[..count];
        for place in 0..=count {
            let mut properties = expected.to_vec();
            properties.insert(place, DELAY);
            check_publish(properties.leak(), expected);
        }
        check_publish(expected.to_vec().leak(), expected);
    }
}

fn check_publish(properties: &'static [Property<'static>], expected: &[Property<'static>]) {
    let mut connect = Connect::new(V5, text("c"));
    connect.will = Some(will(properties));
    let bytes: &'static [u8] = encode(connect, Dialect::from_client(V5)).leak();
    let Packet::Connect(decoded) = Packet::decode(bytes, Dialect::from_client(V5)).unwrap() else {
        unreachable!()
    };
    let (packet_id, dup) = (PacketId::new(7).unwrap(), false);
    for will in [connect.will.unwrap(), decoded.will.unwrap()] {
        let publish = will.to_publish(Delivery::AtLeastOnce { packet_id, dup });
        let list = publish.properties;
        assert!(
            list.iter().eq(expected.iter().copied()),
            "{list:?} of {properties:?}"
        );
        assert_eq!(list.len(), expected.len());
        assert_eq!(list.is_empty(), expected.is_empty());
        assert_eq!(list, Properties::new(expected));
        assert_eq!(format!("{list:?}"), format!("{expected:?}"));
        let mut rest = list.iter();
        for expected in expected {
            assert_eq!(rest.clone().next(), Some(*expected));
            assert_eq!(rest.next(), Some(*expected));
        }
        assert_eq!((rest.next(), rest.next()), (None, None));
        // once more, as a Will that was published already
        let again = Will {
            properties: list,
            ..will
        };
        assert_eq!(again.to_publish(publish.delivery), publish);

        for dialect in [Dialect::from_server(V5), Dialect::from_client(V5)] {
            let bytes = encode(publish, dialect);
            let Packet::Publish(received) = Packet::decode(&bytes, dialect).unwrap() else {
                unreachable!()
            };
            assert_eq!(received, publish);
            assert!(received.properties.iter().eq(expected.iter().copied()));
            assert_eq!(
                bytes.len(),
                Packet::from(publish).encoded_len(dialect).unwrap()
            );
        }
    }
}

/// MQTT-3.1.2-16 and MQTT-3.1.2-17 of 3.1.1, MQTT-3.1.2-14 and MQTT-3.1.2-15 of 5.0.
#[test]
fn the_publish_has_topic_payload_and_retain_of_the_will() {
    for retain in [false, true] {
        let will = Will {
            retain,
            ..will(&[])
        };
        let publish = will.to_publish(Delivery::AtMostOnce);
        let mut expected = Publish::new(will.topic, b"\0by");
        expected.retain = retain;
        assert_eq!(publish, expected);
        for version in Version::ALL {
            let bytes = encode(publish, Dialect::from_server(version));
            assert_eq!(bytes[0], 0x30 | u8::from(retain));
        }
    }
}

#[test]
fn a_will_with_properties_is_rejected_before_5_0() {
    let properties = [
        Property::PayloadFormatIndicator(true),
        DELAY,
        Property::MessageExpiryInterval(60),
    ];
    let mut publish = will(&properties).to_publish(Delivery::AtMostOnce);
    let dialect = Dialect::from_server(V3_1_1);
    let error = Packet::from(publish).encode_to_slice(dialect, &mut [0; 99]);
    assert!(matches!(
        error,
        Err(EncodeError::NotInVersion {
            field: Field::PropertyLength,
            ..
        })
    ));
    publish.properties = Properties::EMPTY;
    assert!(
        Packet::from(publish)
            .encode_to_slice(dialect, &mut [0; 99])
            .is_ok()
    );
}

/// Properties that no Will may carry are not let through because one of them was left out.
#[test]
fn the_publish_is_checked_like_any_other() {
    for wrong in [
        DELAY,
        Property::ServerKeepAlive(1),
        Property::PayloadFormatIndicator(true),
    ] {
        let properties = [Property::PayloadFormatIndicator(true), DELAY, wrong];
        let publish = will(&properties).to_publish(Delivery::AtMostOnce);
        let error = Packet::from(publish).encode_to_slice(Dialect::from_server(V5), &mut [0; 99]);
        assert!(
            matches!(error, Err(EncodeError::Violation(_))),
            "{wrong:?} {error:?}"
        );
    }
}
