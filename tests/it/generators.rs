//! The generated packets: valid ones have every feature, and nearly valid ones break every rule that they can break.

use std::collections::{BTreeMap, BTreeSet};

use crate::invariants::{dialects, noise};
use arbitrary::{Arbitrary, Unstructured};
use mqtt_wire::{
    Delivery, Dialect, EncodeError, ErrorKind, PacketType, PropertyId, QoS, ReasonCode,
    RetainHandling, SubscriptionOptions, Version,
};
use mqtt_wire_testkit::{self as model, NearlyValid, Property, Valid};

/// How often each value was seen.
struct Seen<T>(BTreeMap<T, u32>);

impl<T: Ord + Copy + std::fmt::Debug> Seen<T> {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, value: T) {
        *self.0.entry(value).or_insert(0) += 1;
    }

    fn count(&self, value: T) -> u32 {
        self.0.get(&value).copied().unwrap_or(0)
    }

    #[track_caller]
    fn assert_each(&self, expected: impl IntoIterator<Item = T>, least: u32) {
        for value in expected {
            let count = self.count(value);
            assert!(count >= least, "{value:x?}: {count} of {least}");
        }
    }
}

/// How many packets are made.
const PACKETS: u64 = 20_000;

fn valid_packets() -> impl Iterator<Item = (Dialect, model::Packet)> {
    (0..PACKETS).map(|seed| {
        let Valid(dialect, packet) =
            Valid::arbitrary(&mut Unstructured::new(&noise(seed))).unwrap();
        (dialect, packet)
    })
}

// ---- parts ---------------------------------------------------------------------------------

/// Features that some of many valid packets must have.
type Part = fn(Version, &model::Packet) -> bool;

const PARTS: &[(&str, Part)] = &[
    ("a client without an identifier, 3.1.1", |_, packet| {
        of_connect(packet, |it| {
            it.version == Version::V3_1_1 && it.client_id.is_empty() && it.clean_start
        })
    }),
    ("the same that resumes a Session, 5.0", |_, packet| {
        of_connect(packet, |it| {
            it.version == Version::V5 && it.client_id.is_empty() && !it.clean_start
        })
    }),
    (
        "a client identifier that every Server accepts",
        |_, packet| of_connect(packet, |it| it.client_id == "sensor7"),
    ),
    ("a user name alone", |_, packet| {
        of_connect(packet, |it| it.user_name.is_some() && it.password.is_none())
    }),
    ("a password alone, 5.0", |_, packet| {
        of_connect(packet, |it| it.user_name.is_none() && it.password.is_some())
    }),
    ("user name and password before 5.0", |version, packet| {
        let both = |it: &model::Connect| it.user_name.is_some() && it.password.is_some();
        version != Version::V5 && of_connect(packet, both)
    }),
    ("a password that is no text", |_, packet| {
        of_password(packet, |it| std::str::from_utf8(it).is_err())
    }),
    ("U+0000 in a password of 3.1", |version, packet| {
        version == Version::V3_1 && of_password(packet, |it| it.contains(&0))
    }),
    (
        "another character in a password of 3.1",
        |version, packet| version == Version::V3_1 && of_password(packet, |it| !it.is_ascii()),
    ),
    ("a Session that goes on", |version, packet| match packet {
        model::Packet::ConnAck(it) => version != Version::V3_1 && it.session_present,
        _ => false,
    }),
    ("a Session that begins", |_, packet| match packet {
        model::Packet::ConnAck(it) => !it.session_present && it.reason_code == ReasonCode::Success,
        _ => false,
    }),
    ("a PUBLISH by its Topic Alias alone", |_, packet| {
        of_publish(packet, |it| it.topic_name.is_none())
    }),
    ("a PUBLISH that sets one", |_, packet| {
        of_publish(packet, |it| it.topic_name.is_some())
            && count(packet, PropertyId::TopicAlias) == 1
    }),
    ("a topic name of what was a wildcard", |_, packet| {
        of_publish(packet, |it| {
            it.topic_name.as_deref().is_some_and(|it| it.contains('-'))
        })
    }),
    ("two Subscription Identifiers", |_, packet| {
        of_publish(packet, |_| {
            count(packet, PropertyId::SubscriptionIdentifier) > 1
        })
    }),
    (
        "two properties, the first of which may repeat",
        |_, packet| match own_properties(packet) {
            [Property::UserProperty(..), last] => last.id() != PropertyId::UserProperty,
            _ => false,
        },
    ),
    (
        "no subscriptions, 3.1",
        |_, packet| matches!(packet, model::Packet::Subscribe(it) if it.subscriptions.is_empty()),
    ),
    (
        "no topic filters, 3.1",
        |_, packet| matches!(packet, model::Packet::Unsubscribe(it) if it.topic_filters.is_empty()),
    ),
    (
        "no codes, 3.1",
        |_, packet| matches!(packet, model::Packet::SubAck(it) if it.reason_codes.is_empty()),
    ),
    ("No Local", |_, packet| of_options(packet, |it| it.no_local)),
    ("Retain As Published", |_, packet| {
        of_options(packet, |it| it.retain_as_published)
    }),
    ("Retain Handling 1", |_, packet| {
        of_options(packet, |it| {
            it.retain_handling == RetainHandling::AtNewSubscribe
        })
    }),
    ("Retain Handling 2", |_, packet| {
        of_options(packet, |it| it.retain_handling == RetainHandling::Never)
    }),
    ("a shared subscription", |version, packet| {
        version == Version::V5 && of_filters(packet, |it| it.starts_with("$share/g/"))
    }),
    ("a share of another name", |version, packet| {
        version == Version::V5 && of_filters(packet, |it| it.starts_with("$share/é/"))
    }),
    (
        "a shared subscription of an empty level",
        |version, packet| {
            version == Version::V5 && of_filters(packet, |it| it.starts_with("$share/g//"))
        },
    ),
    ("what would be one in 5.0", |version, packet| {
        version != Version::V5 && of_filters(packet, |it| it.starts_with("$share/g/"))
    }),
    ("what 5.0 forbids: no share name", |_, packet| {
        of_filters(packet, |it| it.starts_with("$share//"))
    }),
    (
        "what 5.0 forbids: a share name with a wildcard",
        |_, packet| of_filters(packet, |it| it.starts_with("$share/+/")),
    ),
    ("all topics", |_, packet| of_filters(packet, |it| it == "#")),
    ("all topics below one", |_, packet| {
        of_filters(packet, |it| it.len() > 2 && it.ends_with("/#"))
    }),
    ("any first level", |_, packet| {
        of_filters(packet, |it| it.starts_with("+/"))
    }),
    ("two empty levels", |_, packet| {
        of_filters(packet, |it| it.contains("//") && !it.starts_with('$'))
    }),
    ("a topic filter without a wildcard", |_, packet| {
        of_filters(packet, |it| !it.contains(['+', '#']))
    }),
];

fn of_connect(packet: &model::Packet, is: impl Fn(&model::Connect) -> bool) -> bool {
    connect(packet).is_some_and(is)
}

fn of_password(packet: &model::Packet, is: impl Fn(&[u8]) -> bool) -> bool {
    of_connect(packet, |it| it.password.as_deref().is_some_and(&is))
}

fn of_publish(packet: &model::Packet, is: impl Fn(&model::Publish) -> bool) -> bool {
    publish(packet).is_some_and(is)
}

fn of_options(packet: &model::Packet, is: impl Fn(&SubscriptionOptions) -> bool) -> bool {
    subscriptions(packet).iter().any(|it| is(&it.options))
}

fn of_filters(packet: &model::Packet, is: impl Fn(&str) -> bool) -> bool {
    filters(packet).into_iter().any(is)
}

fn count(packet: &model::Packet, id: PropertyId) -> usize {
    let properties = own_properties(packet).iter();
    properties.filter(|it| it.id() == id).count()
}

#[test]
fn valid_packets_have_every_feature() {
    let mut seen = Seen::new();
    for (dialect, packet) in valid_packets() {
        for (name, part) in PARTS {
            if part(dialect.version(), &packet) {
                seen.add(*name);
            }
        }
    }
    seen.assert_each(PARTS.iter().map(|(name, _)| *name), 10);
    // as a rule a filter is no wildcard
    assert!(seen.count("a topic filter without a wildcard") > seen.count("all topics below one"));
}

#[test]
fn valid_packets_have_fields_of_any_length_that_matters() {
    const LENGTHS: [usize; 13] = [
        0, 7, 8, 9, 126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385, 65_535,
    ];
    let (mut of_texts, mut of_data, mut of_lists) = (Seen::new(), Seen::new(), Seen::new());
    let mut largest = 0;
    for (dialect, packet) in valid_packets() {
        texts(&packet).iter().for_each(|it| of_texts.add(it.len()));
        // where it is no text
        if dialect.version() != Version::V3_1 {
            data(&packet).iter().for_each(|it| of_data.add(it.len()));
        }
        of_lists.add(list(&packet));
        largest = largest.max(packet.encode(dialect).unwrap().len());
    }
    of_texts.assert_each(LENGTHS.into_iter().chain(1..7), 5);
    of_data.assert_each(LENGTHS.into_iter().chain(1..7), 5);
    of_lists.assert_each((1..8).chain([127, 128, 300]), 5);
    // longer than usual, and of no special length
    let others: u32 = (20..127).map(|length| of_lists.count(length)).sum();
    assert!(others > 50, "{others}");
    // no packet is huge, except for lists of small items
    assert!((190_000..250_000).contains(&largest), "{largest}");
}

#[test]
fn valid_packets_have_all_kinds_of_characters_and_numbers() {
    let (mut chars, mut numbers) = (Seen::new(), Seen::new());
    let (mut ones, mut zeros) = (Seen::new(), Seen::new());
    let (mut ids, mut deliveries, mut of_wills) = (Seen::new(), Seen::new(), Seen::new());
    for (_, packet) in valid_packets() {
        texts(&packet)
            .iter()
            .flat_map(|it| it.chars())
            .for_each(|it| chars.add(it));
        for property in properties(&packet) {
            match property {
                Property::SubscriptionIdentifier(id) => ids.add(id.get()),
                Property::SessionExpiryInterval(number)
                | Property::MessageExpiryInterval(number)
                | Property::WillDelayInterval(number) => {
                    numbers.add(*number);
                    for bit in 0..32 {
                        match number >> bit & 1 {
                            0 => zeros.add(bit),
                            _ => ones.add(bit),
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(publish) = publish(&packet) {
            let dup = match publish.delivery {
                Delivery::AtMostOnce => false,
                Delivery::AtLeastOnce { dup, .. } | Delivery::ExactlyOnce { dup, .. } => dup,
            };
            deliveries.add((publish.delivery.qos(), dup, publish.retain));
        }
        if let Some(will) = connect(&packet).and_then(|it| it.will.as_ref()) {
            of_wills.add((will.qos, will.retain));
        }
    }
    chars.assert_each(
        "ab/$+#\u{1}\u{7f}\u{80}é\u{7ff}\u{800}€\u{d7ff}\u{e000}".chars(),
        50,
    );
    chars.assert_each("\u{feff}\u{fffe}\u{ffff}\u{10000}😀\u{10ffff}".chars(), 50);
    let boundaries = [
        0,
        1,
        2,
        127,
        128,
        16_383,
        16_384,
        65_534,
        65_535,
        65_536,
        2_097_151,
        2_097_152,
        268_435_454,
        268_435_455,
    ];
    numbers.assert_each(boundaries.into_iter().chain([268_435_456, u32::MAX]), 5);
    ids.assert_each(boundaries.into_iter().skip(1), 20);
    ones.assert_each(0..32, 100);
    zeros.assert_each(0..32, 100);
    // half of the numbers are none in particular
    let others = numbers.0.values().filter(|count| **count == 1).count();
    assert!(others > 200, "{others}");
    for retain in [false, true] {
        deliveries.assert_each([(QoS::AtMostOnce, false, retain)], 50);
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            deliveries.assert_each([(qos, false, retain), (qos, true, retain)], 50);
        }
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            of_wills.assert_each([(qos, retain)], 50);
        }
    }
}

/// Each property and each code that a packet can have, and no other.
#[test]
fn valid_packets_have_each_property_and_code_of_their_type() {
    let (mut properties, mut codes) = (BTreeSet::new(), BTreeSet::new());
    let (mut complete, mut incomplete) = (Seen::new(), Seen::new());
    let (mut of_wills, mut types) = (BTreeSet::new(), BTreeSet::new());
    for (dialect, packet) in valid_packets() {
        let key = (dialect, packet.packet_type());
        types.insert(key);
        let own: BTreeSet<_> = own_properties(&packet).iter().map(|it| it.id()).collect();
        if dialect.version() == Version::V5
            && !matches!(packet, model::Packet::PingReq | model::Packet::PingResp)
        {
            if own.len() == allowed_in(key).len() {
                complete.add(key)
            } else {
                incomplete.add(key)
            }
        }
        properties.extend(own.into_iter().map(|id| (key, id)));
        codes.extend(reason_codes(&packet).into_iter().map(|code| (key, code)));
        let will = connect(&packet).and_then(|it| it.will.as_ref());
        of_wills.extend(will.iter().flat_map(|it| &it.properties).map(Property::id));
    }
    let in_will = PropertyId::ALL.iter().filter(|id| id.is_allowed_in_will());
    assert!(of_wills.iter().eq(in_will.collect::<BTreeSet<_>>()));
    for dialect in dialects() {
        for packet_type in PacketType::ALL {
            let key = (dialect, packet_type);
            assert_eq!(types.contains(&key), packet_type.is_sent_in(dialect));
            if !packet_type.is_sent_in(dialect) {
                continue;
            }
            for id in PropertyId::ALL {
                let is_allowed = allowed_in(key).contains(id);
                assert_eq!(
                    properties.contains(&(key, *id)),
                    is_allowed,
                    "{key:?} {id:?}"
                );
            }
            for &code in ReasonCode::ALL {
                let is_allowed = with_code(packet_type, code)
                    .is_some_and(|packet| packet.encode(dialect).is_ok());
                assert_eq!(codes.contains(&(key, code)), is_allowed, "{key:?} {code:?}");
            }
            if !allowed_in(key).is_empty() {
                complete.assert_each([key], 10);
                incomplete.assert_each([key], 10);
            }
        }
    }
}

fn allowed_in((dialect, packet_type): (Dialect, PacketType)) -> Vec<PropertyId> {
    let ids = PropertyId::ALL.iter().copied();
    ids.filter(|id| {
        dialect.version() == Version::V5 && id.is_allowed(packet_type, dialect.sender())
    })
    .collect()
}

/// A small packet with this code, if its type has one.
fn with_code(packet_type: PacketType, reason_code: ReasonCode) -> Option<model::Packet> {
    let dialect = Dialect::from_server(Version::V5);
    let mut packet = smallest(packet_type, dialect);
    match &mut packet {
        model::Packet::ConnAck(it) => it.reason_code = reason_code,
        model::Packet::PubAck(it)
        | model::Packet::PubRec(it)
        | model::Packet::PubRel(it)
        | model::Packet::PubComp(it) => it.reason_code = reason_code,
        model::Packet::SubAck(it) | model::Packet::UnsubAck(it) => {
            it.reason_codes = vec![reason_code];
        }
        model::Packet::Disconnect(it) => it.reason_code = reason_code,
        model::Packet::Auth(it) => {
            it.reason_code = reason_code;
            it.properties = vec![Property::AuthenticationMethod(String::new())];
        }
        _ => return None,
    }
    Some(packet)
}

fn connect(packet: &model::Packet) -> Option<&model::Connect> {
    match packet {
        model::Packet::Connect(connect) => Some(connect),
        _ => None,
    }
}

fn publish(packet: &model::Packet) -> Option<&model::Publish> {
    match packet {
        model::Packet::Publish(publish) => Some(publish),
        _ => None,
    }
}

fn subscriptions(packet: &model::Packet) -> &[model::Subscription] {
    match packet {
        model::Packet::Subscribe(subscribe) => &subscribe.subscriptions,
        _ => &[],
    }
}

fn filters(packet: &model::Packet) -> Vec<&str> {
    match packet {
        model::Packet::Unsubscribe(it) => it.topic_filters.iter().map(|it| &**it).collect(),
        _ => subscriptions(packet).iter().map(|it| &*it.filter).collect(),
    }
}

fn reason_codes(packet: &model::Packet) -> Vec<ReasonCode> {
    match packet {
        model::Packet::ConnAck(it) => vec![it.reason_code],
        model::Packet::PubAck(it)
        | model::Packet::PubRec(it)
        | model::Packet::PubRel(it)
        | model::Packet::PubComp(it) => vec![it.reason_code],
        model::Packet::SubAck(it) | model::Packet::UnsubAck(it) => it.reason_codes.clone(),
        model::Packet::Disconnect(it) => vec![it.reason_code],
        model::Packet::Auth(it) => vec![it.reason_code],
        _ => vec![],
    }
}

/// The properties of the packet, without those of a Will.
fn own_properties(packet: &model::Packet) -> &[Property] {
    match packet {
        model::Packet::Connect(it) => &it.properties,
        model::Packet::ConnAck(it) => &it.properties,
        model::Packet::Publish(it) => &it.properties,
        model::Packet::PubAck(it)
        | model::Packet::PubRec(it)
        | model::Packet::PubRel(it)
        | model::Packet::PubComp(it) => &it.properties,
        model::Packet::Subscribe(it) => &it.properties,
        model::Packet::SubAck(it) | model::Packet::UnsubAck(it) => &it.properties,
        model::Packet::Unsubscribe(it) => &it.properties,
        model::Packet::Disconnect(it) => &it.properties,
        model::Packet::Auth(it) => &it.properties,
        model::Packet::PingReq | model::Packet::PingResp => &[],
    }
}

fn properties(packet: &model::Packet) -> Vec<&Property> {
    let will = connect(packet).and_then(|it| it.will.as_ref());
    let of_will = will.iter().flat_map(|it| &it.properties);
    own_properties(packet).iter().chain(of_will).collect()
}

/// How many items the list of the packet has: its own, or its User Properties.
fn list(packet: &model::Packet) -> usize {
    let of_codes = reason_codes(packet).len();
    let names = count(packet, PropertyId::UserProperty);
    filters(packet).len().max(of_codes).max(names)
}

fn texts(packet: &model::Packet) -> Vec<&str> {
    let mut texts = filters(packet);
    if let Some(connect) = connect(packet) {
        texts.push(&connect.client_id);
        texts.extend(connect.user_name.as_deref());
        texts.extend(connect.will.as_ref().map(|will| &*will.topic));
    }
    texts.extend(publish(packet).and_then(|it| it.topic_name.as_deref()));
    for property in properties(packet) {
        match property {
            Property::UserProperty(name, value) => texts.extend([&**name, value]),
            Property::ContentType(text)
            | Property::ResponseTopic(text)
            | Property::AssignedClientIdentifier(text)
            | Property::AuthenticationMethod(text)
            | Property::ResponseInformation(text)
            | Property::ServerReference(text)
            | Property::ReasonString(text) => texts.push(text),
            _ => {}
        }
    }
    texts
}

fn data(packet: &model::Packet) -> Vec<&[u8]> {
    let mut data: Vec<&[u8]> = Vec::new();
    if let Some(connect) = connect(packet) {
        data.extend(connect.password.as_deref());
        data.extend(connect.will.as_ref().map(|will| &*will.payload));
    }
    data.extend(publish(packet).map(|it| &*it.payload));
    for property in properties(packet) {
        match property {
            Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => {
                data.push(bytes);
            }
            _ => {}
        }
    }
    data
}

// ---- errors --------------------------------------------------------------------------------

#[test]
fn nearly_valid_packets_break_every_rule_that_they_can_break() {
    use ErrorKind as K;

    let mut kinds = Seen::new();
    let (mut right, mut not_in_version) = (0, 0);
    let (mut flawed_once, mut flawed) = (0, 0);
    let mut too_long = Seen::new();
    for seed in 0..PACKETS {
        let noise = noise(seed);
        let NearlyValid(dialect, packet) =
            NearlyValid::arbitrary(&mut Unstructured::new(&noise)).unwrap();
        let (texts, data) = (texts(&packet), data(&packet));
        texts.iter().for_each(|it| too_long.add(("text", it.len())));
        data.iter().for_each(|it| too_long.add(("data", it.len())));
        let is_flawed = |text: &&&str| text.len() > 65_535 || text.contains('\0');
        let flaws = texts.iter().filter(is_flawed).count();
        flawed += u64::from(flaws > 0);
        flawed_once += u64::from(flaws == 1);
        match packet.encode(dialect) {
            Ok(_) => right += 1,
            Err(EncodeError::Violation(violation)) => kinds.add(violation.kind()),
            Err(EncodeError::NotInVersion { .. }) => not_in_version += 1,
            Err(error) => panic!("{error}"),
        }
    }
    kinds.assert_each(
        [
            K::ReservedPacketType,
            K::WrongSender,
            K::InvalidUtf8,
            K::NullCharacter,
            K::FieldTooLong,
            K::PasswordWithoutUserName,
            K::EmptyClientId,
            K::SessionPresentWithRefusal,
            K::ReasonCodeNotAllowed,
            K::ReasonCodeWrongSender,
            K::EmptyTopicName,
            K::WildcardInTopicName,
            K::EmptyTopicFilter,
            K::MultiLevelWildcard,
            K::SingleLevelWildcard,
            K::EmptyShareName,
            K::SharedSubscription,
            K::EmptySubscription,
            K::EmptyUnsubscription,
            K::EmptySubAck,
            K::EmptyUnsubAck,
            K::NoLocalOnShared,
            K::PropertyNotAllowed,
            K::DuplicateProperty,
            K::PropertyValue,
            K::PropertyWrongSender,
            K::AuthenticationDataWithoutMethod,
            K::AuthenticationMethodMissing,
        ],
        3,
    );
    too_long.assert_each([("text", 65_536), ("data", 65_536)], 50);
    // mostly one error
    assert!(2 * flawed_once > flawed, "{flawed_once} of {flawed}");
    assert!(not_in_version > 100, "{not_in_version}");
    let share = right * 100 / PACKETS;
    assert!((45..65).contains(&share), "{share} % are right");
}

// ---- smallest ------------------------------------------------------------------------------

fn smallest(packet_type: PacketType, dialect: Dialect) -> model::Packet {
    model::Packet::valid_of(packet_type, dialect, &mut Unstructured::new(&[]))
}

#[test]
fn packets_are_minimal_when_the_choices_run_out() {
    let of_3_1_1 = Dialect::from_client(Version::V3_1_1);
    let smallest = |packet_type, dialect| smallest(packet_type, dialect).encode(dialect).unwrap();
    for (packet_type, bytes) in [
        (
            PacketType::Connect,
            &b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c"[..],
        ),
        (PacketType::Publish, b"\x30\x03\0\x01t"),
        (PacketType::PubAck, b"\x40\x02\0\x01"),
        (PacketType::Subscribe, b"\x82\x06\0\x01\0\x01#\0"),
        (PacketType::Unsubscribe, b"\xa2\x05\0\x01\0\x01#"),
    ] {
        assert_eq!(smallest(packet_type, of_3_1_1), bytes, "{packet_type}");
    }
    let of_5_0 = Dialect::from_server(Version::V5);
    for (packet_type, bytes) in [
        (PacketType::ConnAck, &b"\x20\x03\0\0\0"[..]),
        (PacketType::Publish, b"\x30\x04\0\x01t\0"),
        (PacketType::SubAck, b"\x90\x04\0\x01\0\0"),
        (PacketType::Disconnect, b"\xe0\0"),
        (PacketType::Auth, b"\xf0\x05\0\x03\x15\0\0"),
    ] {
        assert_eq!(smallest(packet_type, of_5_0), bytes, "{packet_type}");
    }
    let mut nothing = Unstructured::new(&[]);
    let ping = model::Packet::valid(of_5_0, &mut nothing);
    assert_eq!(ping, model::Packet::PingResp);
    assert_eq!(of_3_1_1, Valid::arbitrary(&mut nothing).unwrap().0);
}
