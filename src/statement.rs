//! The normative statements that this crate answers for, and which of them a violation breaks.

mod table;

use core::fmt;

use crate::dialect::{Sender, Version};
use crate::error::{ErrorKind, Field, Violation};
use crate::packet_type::PacketType;
use crate::property_id::PropertyId;
use crate::reason_code::ReasonCode;

/// A normative statement of one version of the standard.
///
/// The same id means different things in different versions, so a statement always has both.
/// Rules that a standard states without a number have names that begin with `U`.
#[derive(Clone, Copy)]
pub struct Statement(&'static Row);

/// Version, id, packets (none: any), section, rule.
struct Row(
    Version,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

impl Statement {
    /// The version of the standard.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.0.0
    }

    /// The id, for example `MQTT-3.1.2-3`, or for a rule without one a name such as `U-remlen`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.0.1
    }

    /// The section of the standard; MQTT 3.1 has titles in place of numbers.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        self.0.3
    }

    /// The rule, in our words.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.0.4
    }

    /// All statements that this crate can answer with.
    pub fn all() -> impl Iterator<Item = Self> {
        table::ROWS.iter().map(Self)
    }

    pub(crate) fn find(
        version: Version,
        id: &str,
        packet_type: Option<PacketType>,
    ) -> Option<Self> {
        let mut rows = table::ROWS
            .iter()
            .filter(|row| row.0 == version && row.1 == id);
        let first = rows.next()?;
        let name = packet_type.map_or("", PacketType::name);
        let names_packet = |row: &&Row| row.2.split(' ').any(|packet| packet == name);
        let row = core::iter::once(first)
            .chain(rows)
            .find(names_packet)
            .unwrap_or(first);
        Some(Self(row))
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.version() == other.version()
            && self.id() == other.id()
            && self.section() == other.section()
    }
}

impl Eq for Statement {}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({self})")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Statement {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} {=str}", self.version(), self.id());
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{} {}", self.version(), self.id())
    }
}

/// The statements that `violation` breaks, the most exact one first.
pub(crate) fn broken_by(violation: &Violation) -> impl Iterator<Item = Statement> + use<> {
    let version = violation.version().unwrap_or(Version::V5);
    let packet_type = match (violation.kind(), violation.field()) {
        // what the table says of CONNECT alone is about another property
        (ErrorKind::UnknownProperty, _) => None,
        (ErrorKind::PropertyNotAllowed, field)
            if field != Field::Property(PropertyId::WillDelayInterval) =>
        {
            None
        }
        _ => violation.packet_type(),
    };
    ids(violation, version)
        .into_iter()
        .flatten()
        .filter_map(move |id| Statement::find(version, id, packet_type))
}

type Ids = [Option<&'static str>; 5];

const fn one(id: &'static str) -> Ids {
    [Some(id), None, None, None, None]
}

const fn two(first: &'static str, second: &'static str) -> Ids {
    [Some(first), Some(second), None, None, None]
}

const NONE: Ids = [None; 5];

fn ids(violation: &Violation, version: Version) -> Ids {
    use ErrorKind as K;
    use Version::{V3_1, V3_1_1, V5};

    // one id per version: 3.1, 3.1.1, 5.0
    let by = |v3_1, v3_1_1, v5| match version {
        V3_1 => one(v3_1),
        V3_1_1 => one(v3_1_1),
        V5 => one(v5),
    };
    let (field, value) = (violation.field(), violation.value());

    match violation.kind() {
        K::ReservedPacketType => match (version, value >> 4) {
            (V3_1, _) => one("U31-type0"),
            (V3_1_1, 15) => one("U-type15"),
            (V3_1_1 | V5, _) => one("U-type0"),
        },
        K::WrongSender => by("U31-dir", "U-dir", "U-dir"),
        K::FirstPacketNotConnect => by("U31-first", "MQTT-3.1.0-1", "MQTT-3.1.0-1"),
        K::FixedHeaderFlags => fixed_header_flags(violation.packet_type, version),
        K::PublishQos3 => by("U31-qos3", "MQTT-3.3.1-4", "MQTT-3.3.1-4"),
        K::DupWithQos0 => two("MQTT-3.3.1-2", "MQTT-4.3.1-1"),
        K::VariableByteIntegerTooLong => by("U31-varint4", "U-varint4", "U-varint4"),
        K::VariableByteIntegerNotShortest => by("U31-varint-min", "U-varint-min", "MQTT-1.5.5-1"),
        K::PacketTooLarge => match (version, violation.sender()) {
            (V5, Sender::Client) => one("MQTT-3.2.2-15"),
            (V5, Sender::Server) => one("MQTT-3.1.2-24"),
            (V3_1 | V3_1_1, _) => NONE,
        },
        K::HeadTooLarge => NONE,
        K::RemainingLength => by("U31-remlen", "U-remlen", "U-remlen"),
        K::Truncated => truncated(violation, version),
        K::TrailingBytes => match violation.packet_type {
            Some(PacketType::Connect) => by("U31-remlen", "MQTT-3.1.4-1", "MQTT-3.1.4-1"),
            _ => by("U31-remlen", "U-remlen", "U-remlen"),
        },
        K::UnannouncedWill => match version {
            V3_1 => one("U31-remlen"),
            V3_1_1 => two("MQTT-3.1.2-11", "MQTT-3.1.4-1"),
            V5 => one("MQTT-3.1.4-1"),
        },
        K::UnannouncedUserName => match version {
            V3_1 => one("U31-remlen"),
            V3_1_1 => two("MQTT-3.1.2-18", "MQTT-3.1.4-1"),
            V5 => two("MQTT-3.1.2-16", "MQTT-3.1.4-1"),
        },
        K::UnannouncedPassword => match version {
            V3_1 => one("U31-remlen"),
            V3_1_1 => two("MQTT-3.1.2-20", "MQTT-3.1.4-1"),
            V5 => two("MQTT-3.1.2-18", "MQTT-3.1.4-1"),
        },
        K::InvalidUtf8 => {
            let every = by("U31-utf8", "MQTT-1.5.3-1", "MQTT-1.5.4-1");
            match text_field(field, violation.packet_type, version) {
                Some(exact) => [Some(exact), every[0], None, None, None],
                None => every,
            }
        }
        K::Surrogate => {
            let every = by("U31-utf8", "MQTT-1.5.3-1", "MQTT-1.5.4-1");
            let exact = text_field(field, violation.packet_type, version);
            [every[0], exact, None, None, None]
        }
        K::NullCharacter => match (version, field) {
            (V3_1, _) => one("U31-nul"),
            (V3_1_1, Field::TopicFilter) => two("MQTT-4.7.3-2", "MQTT-1.5.3-2"),
            (V3_1_1, Field::TopicName | Field::WillTopic) => two("MQTT-1.5.3-2", "MQTT-4.7.3-2"),
            (V3_1_1, _) => one("MQTT-1.5.3-2"),
            (V5, Field::TopicFilter) => two("MQTT-4.7.3-2", "MQTT-1.5.4-2"),
            (V5, Field::TopicName | Field::WillTopic) => two("MQTT-1.5.4-2", "MQTT-4.7.3-2"),
            (V5, Field::Property(PropertyId::ResponseTopic)) => two("MQTT-1.5.4-2", "MQTT-4.7.3-2"),
            (V5, _) => one("MQTT-1.5.4-2"),
        },
        K::FieldTooLong => match field {
            Field::TopicName | Field::TopicFilter | Field::WillTopic => {
                by("U31-length16", "MQTT-4.7.3-3", "MQTT-4.7.3-3")
            }
            _ => by("U31-length16", "U-length16", "U-length16"),
        },
        K::UnsupportedProtocolName => by("U31-name", "MQTT-3.1.2-1", "MQTT-3.1.2-1"),
        K::UnsupportedProtocolLevel => by("U31-level", "MQTT-3.1.2-2", "MQTT-3.1.2-2"),
        K::ConnectFlagReserved
        | K::WillQosWithoutWill
        | K::WillRetainWithoutWill
        | K::WillQos3
        | K::PasswordWithoutUserName => connect_flags(value, version),
        K::EmptyClientId => by("U31-clientid", "MQTT-3.1.3-7", "MQTT-3.1.3-6"),
        K::ConnAckFlags => by("U31-connack", "U-connack-flags", "MQTT-3.2.2-1"),
        K::SessionPresentWithRefusal => by("U31-connack", "MQTT-3.2.2-4", "MQTT-3.2.2-6"),
        K::ReasonCodeNotAllowed => reason_code(violation, version),
        K::ReasonCodeWrongSender => match violation.packet_type {
            Some(PacketType::Disconnect) => one("U-disc-dir"),
            Some(PacketType::Auth) => one("U-auth-dir"),
            _ => one("U-ack10"),
        },
        K::PacketIdZero => match (version, violation.packet_type, violation.sender()) {
            (V3_1, _, _) => one("U31-pid0"),
            (
                V3_1_1,
                Some(PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe),
                _,
            ) => one("MQTT-2.3.1-1"),
            (
                V5,
                Some(PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe),
                Sender::Client,
            ) => one("MQTT-2.2.1-3"),
            (V5, Some(PacketType::Publish), Sender::Server) => one("MQTT-2.2.1-4"),
            (V3_1_1 | V5, _, _) => one("U-pid0"),
        },
        K::EmptyTopicName => match (version, field) {
            (V5, Field::TopicName) => one("U-empty-topic"),
            (V3_1, _) => one("U31-topic"),
            (V3_1_1 | V5, _) => one("MQTT-4.7.3-1"),
        },
        K::WildcardInTopicName => match (version, field) {
            (V3_1, _) => one("U31-topic-wildcard"),
            (V3_1_1, Field::TopicName) => two("MQTT-3.3.2-2", "MQTT-4.7.1-1"),
            (V3_1_1, _) => one("MQTT-4.7.1-1"),
            (V5, Field::TopicName) => two("MQTT-3.3.2-2", "MQTT-4.7.0-1"),
            (V5, Field::Property(_)) if violation.packet_type == Some(PacketType::Publish) => {
                two("MQTT-3.3.2-14", "MQTT-4.7.0-1")
            }
            (V5, _) => one("MQTT-4.7.0-1"),
        },
        K::DiscouragedCharacter => by("U31-ctrl", "U-ctrl", "U-ctrl"),
        K::ClientIdTooLong => one("U31-clientid"),
        K::EmptyTopicFilter => by("U31-topic", "MQTT-4.7.3-1", "MQTT-4.7.3-1"),
        K::MultiLevelWildcard => by("U31-filter", "MQTT-4.7.1-2", "MQTT-4.7.1-1"),
        K::SingleLevelWildcard => by("U31-filter", "MQTT-4.7.1-3", "MQTT-4.7.1-2"),
        K::EmptyShareName => one("MQTT-4.8.2-1"),
        K::SharedSubscription => one("MQTT-4.8.2-2"),
        K::EmptySubscription => by("", "MQTT-3.8.3-3", "MQTT-3.8.3-2"),
        K::EmptyUnsubscription => by("", "MQTT-3.10.3-2", "MQTT-3.10.3-2"),
        K::EmptySubAck => one("U-suback-empty"),
        K::EmptyUnsubAck => one("U-unsuback-empty"),
        K::SubscriptionOptions => by("", "MQTT-3.8.3-4", "MQTT-3.8.3-5"),
        K::SubscriptionQos3 => by("U31-qos3", "MQTT-3.8.3-4", "U-sub-qos3"),
        K::RetainHandling3 => one("U-sub-rh3"),
        K::NoLocalOnShared => one("MQTT-3.8.3-4"),
        K::PropertyLength => one("U-prop-len"),
        K::UnknownProperty | K::PropertyNotAllowed => one("U-prop-type"),
        K::DuplicateProperty => property_rule(field, |id| id.duplicate_statement()),
        K::PropertyValue => property_rule(field, |id| id.value_statement()),
        K::PropertyWrongSender => match violation.packet_type {
            Some(PacketType::Disconnect) => one("MQTT-3.14.2-2"),
            _ => one("MQTT-3.3.4-6"),
        },
        K::AuthenticationDataWithoutMethod => one("U-authdata"),
        K::AuthenticationMethodMissing => one("U-auth-method"),
    }
}

fn property_rule(field: Field, rule: impl Fn(PropertyId) -> &'static str) -> Ids {
    match field {
        Field::Property(id) => one(rule(id)),
        _ => NONE,
    }
}

fn fixed_header_flags(packet_type: Option<PacketType>, version: Version) -> Ids {
    use PacketType as P;
    let (general, receiver) = match version {
        Version::V3_1 => return one("U31-flags"),
        Version::V3_1_1 => ("MQTT-2.2.2-1", Some("MQTT-2.2.2-2")),
        Version::V5 => ("MQTT-2.1.3-1", None),
    };
    let exact = match packet_type {
        Some(P::PubRel) => "MQTT-3.6.1-1",
        Some(P::Subscribe) => "MQTT-3.8.1-1",
        Some(P::Unsubscribe) => "MQTT-3.10.1-1",
        Some(P::Disconnect) => "MQTT-3.14.1-1",
        Some(P::Auth) => "MQTT-3.15.1-1",
        _ => return [Some(general), receiver, None, None, None],
    };
    [Some(exact), Some(general), receiver, None, None]
}

fn truncated(violation: &Violation, version: Version) -> Ids {
    use PacketType as P;
    let (packet_type, field) = (violation.packet_type, violation.field());
    match (version, packet_type, field) {
        (Version::V3_1, _, _) => one("U31-remlen"),
        (Version::V5, _, Field::Property(_) | Field::PropertyIdentifier) => one("U-prop-len"),
        (Version::V5, _, Field::PropertyLength) => one("MQTT-2.2.2-1"),
        (_, Some(P::Connect), Field::ClientId) => one("MQTT-3.1.3-3"),
        (
            _,
            Some(P::Connect),
            Field::WillPropertyLength | Field::WillTopic | Field::WillPayload,
        ) => one("MQTT-3.1.2-9"),
        (Version::V3_1_1, Some(P::Connect), Field::UserName) => one("MQTT-3.1.2-19"),
        (Version::V3_1_1, Some(P::Connect), Field::Password) => one("MQTT-3.1.2-21"),
        (Version::V5, Some(P::Connect), Field::UserName) => one("MQTT-3.1.2-17"),
        (Version::V5, Some(P::Connect), Field::Password) => one("MQTT-3.1.2-19"),
        (_, Some(P::Connect), _) => one("MQTT-3.1.4-1"),
        (_, Some(P::Publish), Field::TopicName) => two("MQTT-3.3.2-1", "U-remlen"),
        _ => one("U-remlen"),
    }
}

/// The statement that this field is a UTF-8 Encoded String.
fn text_field(
    field: Field,
    packet_type: Option<PacketType>,
    version: Version,
) -> Option<&'static str> {
    use PacketType as P;
    Some(match (version, packet_type?, field) {
        (Version::V3_1, _, _) => return None,
        (_, P::Connect, Field::ClientId) => "MQTT-3.1.3-4",
        (Version::V3_1_1, P::Connect, Field::WillTopic) => "MQTT-3.1.3-10",
        (Version::V3_1_1, P::Connect, Field::UserName) => "MQTT-3.1.3-11",
        (Version::V5, P::Connect, Field::WillTopic) => "MQTT-3.1.3-11",
        (Version::V5, P::Connect, Field::UserName) => "MQTT-3.1.3-12",
        (_, P::Publish, Field::TopicName) => "MQTT-3.3.2-1",
        (_, P::Publish, Field::Property(PropertyId::ResponseTopic)) => "MQTT-3.3.2-13",
        (_, P::Publish, Field::Property(PropertyId::ContentType)) => "MQTT-3.3.2-19",
        (_, _, Field::Property(PropertyId::UserProperty)) => "MQTT-1.5.7-1",
        (_, P::Subscribe, Field::TopicFilter) => "MQTT-3.8.3-1",
        (_, P::Unsubscribe, Field::TopicFilter) => "MQTT-3.10.3-1",
        _ => return None,
    })
}

/// Every statement that a Connect Flags byte breaks.
fn connect_flags(flags: u32, version: Version) -> Ids {
    let reserved = flags & 0x01 != 0;
    let will = flags & 0x04 != 0;
    let will_qos = flags >> 3 & 0x03;
    let will_retain = flags & 0x20 != 0;
    let password_alone = flags & 0xc0 == 0x40;
    let when = |broken: bool, id| if broken { Some(id) } else { None };
    match version {
        Version::V3_1 => [
            when(will && will_qos == 3, "U31-will-qos"),
            when(password_alone, "U31-password"),
            None,
            None,
            None,
        ],
        Version::V3_1_1 => {
            let qos = !will && will_qos != 0;
            let retain = !will && will_retain;
            [
                when(reserved, "MQTT-3.1.2-3"),
                match (will && will_qos == 3, qos) {
                    (true, _) => Some("MQTT-3.1.2-14"),
                    (_, true) => Some("MQTT-3.1.2-13"),
                    _ => None,
                },
                when(retain, "MQTT-3.1.2-15"),
                when(qos || retain, "MQTT-3.1.2-11"),
                when(password_alone, "MQTT-3.1.2-22"),
            ]
        }
        Version::V5 => [
            when(reserved, "MQTT-3.1.2-3"),
            when(will && will_qos == 3, "MQTT-3.1.2-12"),
            when(!will && will_qos != 0, "MQTT-3.1.2-11"),
            when(!will && will_retain, "MQTT-3.1.2-13"),
            None,
        ],
    }
}

fn reason_code(violation: &Violation, version: Version) -> Ids {
    use PacketType as P;
    match (version, violation.packet_type) {
        (Version::V3_1, Some(P::SubAck)) => one("U31-suback"),
        (Version::V3_1, _) => one("U31-connack"),
        (Version::V3_1_1, Some(P::SubAck)) => one("MQTT-3.9.3-2"),
        (Version::V3_1_1, _) => one("MQTT-3.2.2-6"),
        (Version::V5, Some(P::PubAck)) => one("MQTT-3.4.2-1"),
        (Version::V5, Some(P::PubRec)) => one("MQTT-3.5.2-1"),
        (Version::V5, Some(P::PubRel)) => one("MQTT-3.6.2-1"),
        (Version::V5, Some(P::PubComp)) => one("MQTT-3.7.2-1"),
        (Version::V5, Some(P::SubAck)) => {
            let code = u8::try_from(violation.value()).ok();
            match code.and_then(|code| ReasonCode::try_from(code).ok()) {
                // a known code, yet it grants nothing and is no failure
                Some(code) if !code.is_failure() => two("MQTT-3.8.4-7", "MQTT-3.9.3-2"),
                _ => two("MQTT-3.9.3-2", "MQTT-3.8.4-7"),
            }
        }
        (Version::V5, Some(P::UnsubAck)) => one("MQTT-3.11.3-2"),
        (Version::V5, Some(P::Disconnect)) => one("MQTT-3.14.2-1"),
        (Version::V5, Some(P::Auth)) => one("MQTT-3.15.2-1"),
        (Version::V5, _) => one("MQTT-3.2.2-8"),
    }
}
