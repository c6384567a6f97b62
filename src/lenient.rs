//! Leniency: which waiver covers which violation, and decoding with waivers and optional rules.

use crate::dialect::{Dialect, Version};
use crate::error::{DecodeError, ErrorKind, Fault, FaultAt, Field, ParseFault, Violation};
use crate::packet::Packet;
use crate::packet_type::PacketType;
use crate::property::Properties;
use crate::property_id::PropertyId;
use crate::rules::{OptionalRules, Waivers};

impl Waivers {
    /// The waiver that covers a violation, if there is one. The packet may break other rules too.
    #[must_use]
    pub fn of(violation: &Violation) -> Option<Self> {
        use ErrorKind as K;
        use PacketType as P;
        let (version, value) = (violation.version(), violation.value());
        let (v3_1, v5) = (version == Some(Version::V3_1), version == Some(Version::V5));
        let flags = value & 0x0f;
        Some(match (violation.kind(), violation.packet_type()?) {
            (K::WillQosWithoutWill | K::WillRetainWithoutWill, _) => Self::WILL_FLAGS,
            (K::PasswordWithoutUserName, _) => Self::PASSWORD_WITHOUT_USER_NAME,
            (K::EmptyClientId, _) => Self::EMPTY_CLIENT_ID,
            (
                K::TrailingBytes
                | K::UnannouncedWill
                | K::UnannouncedUserName
                | K::UnannouncedPassword,
                P::Connect,
            ) => Self::CONNECT_TRAILING_BYTES,
            (K::UnsupportedProtocolLevel, _) => {
                let is_bridge = |it: Version| u32::from(it.protocol_level() | 0x80) == value;
                let is_bridge = version.map_or_else(|| (0x83..=0x85).contains(&value), is_bridge);
                return is_bridge.then_some(Self::BRIDGE_PROTOCOL_LEVEL);
            }
            (K::PacketIdZero, _) => Self::PACKET_ID_ZERO,
            (K::FixedHeaderFlags, P::PubAck | P::PubRec | P::PubComp | P::SubAck | P::UnsubAck)
                if flags == 0x02 =>
            {
                Self::ACK_FLAGS
            }
            (K::FixedHeaderFlags, P::Unsubscribe) if v3_1 && flags == 0x00 => {
                Self::UNSUBSCRIBE_FLAGS
            }
            (K::FixedHeaderFlags, P::Connect) if flags == 0x02 => Self::CONNECT_FLAGS,
            (K::RemainingLength, P::ConnAck) if value == 3 => Self::CONNACK_V5_FORM,
            (K::ReasonCodeNotAllowed, P::SubAck) if v3_1 && value == 0x80 => Self::SUBACK_FAILURE,
            (K::VariableByteIntegerNotShortest, _) if !v5 => Self::REMAINING_LENGTH_NOT_SHORTEST,
            (K::ReasonCodeWrongSender, P::PubAck | P::PubRec) if value == 0x10 => {
                Self::NO_MATCHING_SUBSCRIBERS
            }
            (K::EmptyTopicName, _)
                if violation.field() == Field::Property(PropertyId::ResponseTopic) =>
            {
                Self::EMPTY_RESPONSE_TOPIC
            }
            _ => return None,
        })
    }
}

/// Decodes without waivers, then again with one more waiver each time, as long as the dialect
/// waives the rule that was broken. This reports each broken rule.
pub(crate) fn decode_with_waivers<T>(
    dialect: Dialect,
    mut report: impl FnMut(DecodeError),
    decode: impl Fn(Dialect) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut granted = Waivers::NONE;
    loop {
        let error = match decode(dialect.waiving(granted)) {
            Ok(decoded) => return Ok(decoded),
            Err(error) => error,
        };
        match Waivers::of(&error.violation()) {
            Some(waiver) if dialect.waives(waiver) && !granted.contains(waiver) => {
                report(error);
                granted = granted.with(waiver);
            }
            _ => return Err(error),
        }
    }
}

/// Checks the rules that the dialect adds.
pub(crate) fn check_optional_rules(
    packet: &Packet<'_>,
    bytes: &[u8],
    dialect: Dialect,
) -> Result<(), DecodeError> {
    let rules = dialect.optional_rules();
    if rules.is_empty() {
        return Ok(());
    }
    let mut found = Ok(());
    let mut fail = |at: &[u8], kind, field| {
        if found.is_ok() {
            let error = nom::Err::Failure(FaultAt::new(Fault::new(kind, field, 0), at));
            let packet_type = packet.packet_type();
            found = Err(DecodeError::in_packet(
                error,
                bytes,
                packet_type,
                Some(dialect),
            ));
        }
    };
    if let (true, Packet::Connect(connect)) = (
        rules.contains(OptionalRules::SHORT_CLIENT_ID) && dialect.version() == Version::V3_1,
        packet,
    ) {
        let id = connect.client_id;
        if let Some((index, _)) = id.as_str().char_indices().nth(23) {
            let at = id.as_bytes().get(index..).unwrap_or_default();
            fail(at, ErrorKind::ClientIdTooLong, Field::ClientId);
        }
    }
    if rules.contains(OptionalRules::NO_DISCOURAGED_CHARACTERS) {
        each_text(packet, |text, field| {
            let discouraged = text.char_indices().find(|(_, char)| is_discouraged(*char));
            if let Some((index, _)) = discouraged {
                let at = text.as_bytes().get(index..).unwrap_or_default();
                fail(at, ErrorKind::DiscouragedCharacter, field);
            }
        });
    }
    found
}

/// Control characters and non-characters, except U+0000, which text never has.
const fn is_discouraged(char: char) -> bool {
    matches!(char, '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fdd0}'..='\u{fdef}')
        || char as u32 & 0xfffe == 0xfffe
}

/// Calls `each` with every string of a packet, in wire order.
fn each_text<'a>(packet: &Packet<'a>, mut each: impl FnMut(&'a str, Field)) {
    if let Packet::Publish(packet) = packet {
        if let Some(topic_name) = packet.topic_name {
            each(topic_name.as_str(), Field::TopicName);
        }
    }
    each_property_text(packet.properties(), &mut each);
    match packet {
        Packet::Connect(packet) => {
            each(packet.client_id.as_str(), Field::ClientId);
            if let Some(will) = packet.will {
                each_property_text(will.properties, &mut each);
                each(will.topic.as_str(), Field::WillTopic);
            }
            if let Some(user_name) = packet.user_name {
                each(user_name.as_str(), Field::UserName);
            }
        }
        Packet::Subscribe(packet) => {
            for subscription in packet.subscriptions {
                each(subscription.filter.as_str(), Field::TopicFilter);
            }
        }
        Packet::Unsubscribe(packet) => {
            for filter in packet.topic_filters {
                each(filter.as_str(), Field::TopicFilter);
            }
        }
        Packet::ConnAck(_)
        | Packet::Publish(_)
        | Packet::PubAck(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::SubAck(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Disconnect(_)
        | Packet::Auth(_) => {}
    }
}

fn each_property_text<'a>(properties: Properties<'a>, each: &mut impl FnMut(&'a str, Field)) {
    for property in properties {
        let field = Field::Property(property.id());
        property.each_text(&mut |text| each(text, field));
    }
}
