//! From a violation to the statements that it breaks, where that depends on more than its kind
//! and the version. The regular rest is in the table of kinds.

use super::Violation;
use super::kind::{ErrorKind, Field, Irregular, Statements};
use crate::dialect::{Sender, Version};
use crate::packet_type::PacketType;
use crate::property_id::PropertyId;
use crate::reason_code::ReasonCode;
use crate::statement::Statement;

impl Violation {
    /// The statement of the standard that was broken: the first of [`statements`](Self::statements).
    ///
    /// `None` only where the packet exceeds a limit that the receiver chose itself, which no
    /// statement covers: [`ErrorKind::HeadTooLarge`], and in 3.1 and 3.1.1
    /// [`ErrorKind::PacketTooLarge`].
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        self.statements().next()
    }

    /// All statements that were broken, the most exact one first. If the version is not known,
    /// they are those of 5.0.
    pub fn statements(&self) -> impl Iterator<Item = Statement> + use<> {
        let version = self.version.unwrap_or(Version::V5);
        let (regular, irregular) = match self.kind().statements() {
            Statements::Regular(ids) => match version {
                Version::V3_1 => (ids.v3_1, NONE),
                Version::V3_1_1 => (ids.v3_1_1, NONE),
                Version::V5 => (ids.v5, NONE),
            },
            Statements::Irregular(irregular) => (&[][..], irregular_ids(irregular, self, version)),
        };
        let packet_type = row_packet_type(self);
        let irregular = irregular.into_iter().flatten();
        let ids = regular.iter().copied().chain(irregular);
        ids.filter_map(move |id| Statement::find(version, id, packet_type))
    }
}

/// The packet type that chooses between rows with the same id.
fn row_packet_type(violation: &Violation) -> Option<PacketType> {
    match (violation.kind(), violation.field()) {
        // the row for CONNECT is about Will Delay Interval alone
        (ErrorKind::UnknownProperty, _) => None,
        (ErrorKind::PropertyNotAllowed, field)
            if field != Field::Property(PropertyId::WillDelayInterval) =>
        {
            None
        }
        _ => violation.packet_type,
    }
}

/// Ids of statements, the most exact one first.
type Ids = [Option<&'static str>; 5];

const NONE: Ids = [None; 5];

const fn one(id: &'static str) -> Ids {
    [Some(id), None, None, None, None]
}

const fn two(first: &'static str, second: &'static str) -> Ids {
    [Some(first), Some(second), None, None, None]
}

fn irregular_ids(irregular: Irregular, violation: &Violation, version: Version) -> Ids {
    use Irregular as I;
    match irregular {
        I::PacketType => reserved_packet_type(violation.value(), version),
        I::FixedHeaderFlags => fixed_header_flags(violation.packet_type, version),
        I::PacketTooLarge => packet_too_large(violation.sender, version),
        I::Truncated => truncated(violation, version),
        I::TrailingBytes => trailing_bytes(violation.packet_type, version),
        I::InvalidUtf8 => invalid_utf8(violation, version),
        I::Surrogate => surrogate(violation, version),
        I::NullCharacter => null_character(violation.field(), version),
        I::FieldTooLong => field_too_long(violation.field(), version),
        I::ConnectFlags => connect_flags(violation.value(), version),
        I::ReasonCode => reason_code(violation, version),
        I::ReasonCodeSender => reason_code_sender(violation.packet_type),
        I::PacketIdZero => packet_id_zero(violation, version),
        I::EmptyTopicName => empty_topic_name(violation.field(), version),
        I::WildcardInTopicName => wildcard_in_topic_name(violation, version),
        I::DuplicateProperty => property(violation.field(), PropertyId::duplicate_statement),
        I::PropertyValue => property(violation.field(), PropertyId::value_statement),
        I::PropertySender => property_sender(violation.packet_type),
    }
}

fn reserved_packet_type(first_byte: u32, version: Version) -> Ids {
    match (version, first_byte >> 4) {
        (Version::V3_1, _) => one("U31-type0"),
        (Version::V3_1_1, 15) => one("U-type15"),
        (Version::V3_1_1 | Version::V5, _) => one("U-type0"),
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

/// The Maximum Packet Size that a packet exceeds was announced by the other side.
fn packet_too_large(sender: Sender, version: Version) -> Ids {
    match (version, sender) {
        (Version::V3_1 | Version::V3_1_1, _) => NONE,
        (Version::V5, Sender::Client) => one("MQTT-3.2.2-15"),
        (Version::V5, Sender::Server) => one("MQTT-3.1.2-24"),
    }
}

fn truncated(violation: &Violation, version: Version) -> Ids {
    use PacketType as P;
    let (packet_type, field) = (violation.packet_type, violation.field());
    match (version, packet_type, field) {
        (Version::V3_1, _, _) => one("U31-remlen"),
        (Version::V5, _, Field::Property(_) | Field::PropertyIdentifier) => one("U-prop-len"),
        // no byte of the Property Length is present
        (Version::V5, _, Field::PropertyLength) if violation.value() == 0 => one("MQTT-2.2.2-1"),
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

fn trailing_bytes(packet_type: Option<PacketType>, version: Version) -> Ids {
    match (version, packet_type) {
        (Version::V3_1, _) => one("U31-remlen"),
        (_, Some(PacketType::Connect)) => one("MQTT-3.1.4-1"),
        _ => one("U-remlen"),
    }
}

fn invalid_utf8(violation: &Violation, version: Version) -> Ids {
    let general = text_rule(version);
    match text_field_rule(violation, version) {
        Some(exact) => two(exact, general),
        None => one(general),
    }
}

/// The general rule names surrogates, so it is the most exact one.
fn surrogate(violation: &Violation, version: Version) -> Ids {
    let exact = text_field_rule(violation, version);
    [Some(text_rule(version)), exact, None, None, None]
}

/// The statement that every string is UTF-8.
const fn text_rule(version: Version) -> &'static str {
    match version {
        Version::V3_1 => "U31-utf8",
        Version::V3_1_1 => "MQTT-1.5.3-1",
        Version::V5 => "MQTT-1.5.4-1",
    }
}

/// The statement that this field is a UTF-8 Encoded String.
fn text_field_rule(violation: &Violation, version: Version) -> Option<&'static str> {
    use PacketType as P;
    Some(match (version, violation.packet_type?, violation.field()) {
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

fn null_character(field: Field, version: Version) -> Ids {
    let general = match version {
        Version::V3_1 => return one("U31-nul"),
        Version::V3_1_1 => "MQTT-1.5.3-2",
        Version::V5 => "MQTT-1.5.4-2",
    };
    match (version, field) {
        (_, Field::TopicFilter) => two("MQTT-4.7.3-2", general),
        (_, Field::TopicName | Field::WillTopic)
        | (Version::V5, Field::Property(PropertyId::ResponseTopic)) => two(general, "MQTT-4.7.3-2"),
        _ => one(general),
    }
}

fn field_too_long(field: Field, version: Version) -> Ids {
    match (version, field) {
        (Version::V3_1, _) => one("U31-length16"),
        (_, Field::TopicName | Field::TopicFilter | Field::WillTopic) => one("MQTT-4.7.3-3"),
        _ => one("U-length16"),
    }
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

fn reason_code_sender(packet_type: Option<PacketType>) -> Ids {
    match packet_type {
        Some(PacketType::Disconnect) => one("U-disc-dir"),
        Some(PacketType::Auth) => one("U-auth-dir"),
        _ => one("U-ack10"),
    }
}

fn packet_id_zero(violation: &Violation, version: Version) -> Ids {
    use PacketType as P;
    match (version, violation.packet_type, violation.sender) {
        (Version::V3_1, _, _) => one("U31-pid0"),
        (Version::V3_1_1, Some(P::Publish | P::Subscribe | P::Unsubscribe), _) => {
            one("MQTT-2.3.1-1")
        }
        (Version::V5, Some(P::Publish | P::Subscribe | P::Unsubscribe), Sender::Client) => {
            one("MQTT-2.2.1-3")
        }
        (Version::V5, Some(P::Publish), Sender::Server) => one("MQTT-2.2.1-4"),
        (Version::V3_1_1 | Version::V5, _, _) => one("U-pid0"),
    }
}

fn empty_topic_name(field: Field, version: Version) -> Ids {
    match (version, field) {
        (Version::V3_1, _) => one("U31-topic"),
        (Version::V5, Field::TopicName) => one("U-empty-topic"),
        (Version::V3_1_1 | Version::V5, _) => one("MQTT-4.7.3-1"),
    }
}

fn wildcard_in_topic_name(violation: &Violation, version: Version) -> Ids {
    let general = match version {
        Version::V3_1 => return one("U31-topic-wildcard"),
        Version::V3_1_1 => "MQTT-4.7.1-1",
        Version::V5 => "MQTT-4.7.0-1",
    };
    match (version, violation.packet_type, violation.field()) {
        (_, _, Field::TopicName) => two("MQTT-3.3.2-2", general),
        (Version::V5, Some(PacketType::Publish), Field::Property(_)) => {
            two("MQTT-3.3.2-14", general)
        }
        _ => one(general),
    }
}

fn property(field: Field, statement: impl Fn(PropertyId) -> &'static str) -> Ids {
    match field {
        Field::Property(id) => one(statement(id)),
        _ => NONE,
    }
}

fn property_sender(packet_type: Option<PacketType>) -> Ids {
    match packet_type {
        Some(PacketType::Disconnect) => one("MQTT-3.14.2-2"),
        _ => one("MQTT-3.3.4-6"),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use crate::packet_type::PacketType as P;
    use crate::property_id::PropertyId;
    use crate::{Dialect, ErrorKind, Field, Version, Violation};

    fn ids(kind: ErrorKind, field: Field, packet_type: P, dialect: Dialect) -> Vec<&'static str> {
        let violation = Violation::new(kind, field, packet_type, dialect);
        violation.statements().map(|it| it.id()).collect()
    }

    #[test]
    fn only_topics_have_a_statement_of_their_own_about_their_length() {
        let of = |field, packet_type, version| {
            let dialect = Dialect::from_client(version);
            ids(ErrorKind::FieldTooLong, field, packet_type, dialect)
        };
        for (field, packet_type, id) in [
            (Field::TopicName, P::Publish, "MQTT-4.7.3-3"),
            (Field::TopicFilter, P::Subscribe, "MQTT-4.7.3-3"),
            (Field::WillTopic, P::Connect, "MQTT-4.7.3-3"),
            (Field::ClientId, P::Connect, "U-length16"),
        ] {
            assert_eq!(of(field, packet_type, Version::V5), [id]);
            assert_eq!(of(field, packet_type, Version::V3_1_1), [id]);
            assert_eq!(of(field, packet_type, Version::V3_1), ["U31-length16"]);
        }
    }

    #[test]
    fn the_receiver_of_a_packet_announced_its_maximum_size() {
        let of = |dialect| {
            let (kind, field) = (ErrorKind::PacketTooLarge, Field::RemainingLength);
            ids(kind, field, P::Publish, dialect)
        };
        assert_eq!(of(Dialect::from_client(Version::V5)), ["MQTT-3.2.2-15"]);
        assert_eq!(of(Dialect::from_server(Version::V5)), ["MQTT-3.1.2-24"]);
        assert!(of(Dialect::from_client(Version::V3_1_1)).is_empty());
    }

    #[test]
    fn the_statement_about_will_delay_interval_is_about_no_other_property() {
        let section = |kind, field| {
            let dialect = Dialect::from_client(Version::V5);
            let violation = Violation::new(kind, field, P::Connect, dialect);
            let mut statements = violation.statements();
            let statement = statements.find(|it| it.id() == "U-prop-type");
            statement.map(|it| it.rule().contains("Will Delay Interval"))
        };
        let property = Field::Property;
        for (kind, field, is_about_it) in [
            (
                ErrorKind::PropertyNotAllowed,
                property(PropertyId::WillDelayInterval),
                true,
            ),
            (
                ErrorKind::PropertyNotAllowed,
                property(PropertyId::ServerKeepAlive),
                false,
            ),
            (ErrorKind::UnknownProperty, Field::PropertyIdentifier, false),
        ] {
            assert_eq!(
                section(kind, field),
                Some(is_about_it),
                "{kind:?} {field:?}"
            );
        }
    }

    #[test]
    fn text_of_3_1_has_only_the_general_statement() {
        let of = |version| {
            let dialect = Dialect::from_client(version);
            ids(
                ErrorKind::InvalidUtf8,
                Field::TopicName,
                P::Publish,
                dialect,
            )
        };
        assert_eq!(of(Version::V3_1), ["U31-utf8"]);
        assert!(of(Version::V5).contains(&"MQTT-3.3.2-1"));
    }
}
