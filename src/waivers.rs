//! Leniency as data: single rules that may be waived, and single rules that may be added.

use core::fmt;
use core::ops::BitOr;

use crate::dialect::{Dialect, Version};
use crate::error::{Blame, DecodeError, ErrorKind, Fault, Field, Violation};
use crate::packet::{Packet, PacketType};
use crate::property::{Properties, Property, PropertyId};

macro_rules! set {
    ($(#[$type_doc:meta])* $type:ident($repr:ty): $($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type($repr);

        impl $type {
            /// None.
            pub const NONE: Self = Self(0);
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            /// All of them.
            pub const ALL: Self = Self(0 $(| 1 << $bit)*);

            const NAMES: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),*];

            /// Both sets together.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all of `other` are in this set.
            #[must_use]
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether there are none.
            #[must_use]
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The members, each with its name.
            pub fn iter(self) -> impl Iterator<Item = (&'static str, Self)> {
                let members = Self::NAMES.iter().copied();
                members.filter(move |(_, member)| self.contains(*member))
            }

            /// The member with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                let mut members = Self::NAMES.iter();
                members.find(|(known, _)| *known == name).map(|(_, member)| *member)
            }
        }

        impl BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
            }
        }
    };
}

set! {
    /// Rules that a peer may break: none by default, and nothing else is ever lenient.
    ///
    /// Each waiver names one rule, and the programs that are known to break it. Waived or not, a
    /// broken rule is told: [`Packet::decode_waiving`](crate::Packet::decode_waiving) reports
    /// each one that it let pass. Encoding knows no waivers.
    ///
    /// ```
    /// use mqtt_wire::{Dialect, ErrorKind, Packet, Version, Waivers};
    ///
    /// let connect = b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x3c\x00\x01p"; // Will QoS 1, no Will
    /// let dialect = Dialect::from_client(Version::V3_1_1);
    /// assert!(Packet::decode(connect, dialect).is_err());
    ///
    /// let mut waived = Vec::new();
    /// let lenient = dialect.waiving(Waivers::WILL_FLAGS);
    /// Packet::decode_waiving(connect, lenient, |error| waived.push(error.kind()))?;
    /// assert_eq!(waived, [ErrorKind::WillQosWithoutWill]);
    /// # Ok::<(), mqtt_wire::DecodeError>(())
    /// ```
    Waivers(u16):
    /// Will QoS and Will Retain are ignored while the Will Flag is 0, as in 3.1.
    WILL_FLAGS = 0;
    /// 3.1 and 3.1.1: a password without a user name, as clients send that swapped the two flags.
    PASSWORD_WITHOUT_USER_NAME = 1;
    /// 3.1 and 3.1.1: an empty client identifier that is not allowed, for a Server that wants to
    /// see the packet which it answers with return code 2.
    EMPTY_CLIENT_ID = 2;
    /// Bytes after the last field of CONNECT are ignored (Nyamuk sends two).
    CONNECT_TRAILING_BYTES = 3;
    /// Bit 7 of the Protocol Level is ignored: mosquitto's bridges set it.
    BRIDGE_PROTOCOL_LEVEL = 4;
    /// Packet Identifier 0 (SolaX inverters, HEATMAT thermostats, older Adafruit_MQTT). Such a
    /// packet cannot be answered: encoding refuses the identifier.
    PACKET_ID_ZERO = 5;
    /// 3.1.1 and 5.0: flags 0010 on PUBACK, PUBREC, PUBCOMP, SUBACK and UNSUBACK (Orange
    /// LiveObjects).
    ACK_FLAGS = 6;
    /// 3.1: flags 0000 on UNSUBSCRIBE, as some of its clients send it.
    UNSUBSCRIBE_FLAGS = 7;
    /// 3.1.1 and 5.0: flags 0010 on CONNECT (qmqtt).
    CONNECT_FLAGS = 8;
    /// 3.1 and 3.1.1: a refusing CONNACK in the form of 5.0 with no properties, which mosquitto
    /// sends to a level that it does not know.
    CONNACK_V5_FORM = 9;
    /// 3.1: `80` in a SUBACK, which is a failure ever since 3.1.1.
    SUBACK_FAILURE = 10;
    /// 3.1 and 3.1.1: a Remaining Length in more bytes than it needs.
    REMAINING_LENGTH_NOT_SHORTEST = 11;
    /// 5.0: Reason Code `0x10` (No matching subscribers) in a PUBACK or PUBREC of a Client.
    NO_MATCHING_SUBSCRIBERS = 14;
    /// 5.0: an empty Response Topic, in PUBLISH or in a Will (MQTTX). The property then holds an
    /// empty [`TopicName`](crate::TopicName), which encoding refuses.
    EMPTY_RESPONSE_TOPIC = 15;
}

set! {
    /// Rules that a receiver may add, where the standard leaves it the choice: none by default.
    /// They bind decoding only.
    ///
    /// ```
    /// use mqtt_wire::{Dialect, ErrorKind, OptionalRules, Packet, Version};
    ///
    /// let publish = b"\x30\x04\x00\x02a\x07"; // the topic rings a bell
    /// let dialect = Dialect::from_client(Version::V3_1_1);
    /// assert!(Packet::decode(publish, dialect).is_ok());
    ///
    /// let strict = dialect.enforcing(OptionalRules::NO_DISCOURAGED_CHARACTERS);
    /// let error = Packet::decode(publish, strict).unwrap_err();
    /// assert_eq!((error.kind(), error.offset()), (ErrorKind::DiscouragedCharacter, 5));
    /// ```
    OptionalRules(u16):
    /// Strings hold no control characters (U+0001 to U+001F, U+007F to U+009F) and no
    /// non-characters (U+FDD0 to U+FDEF, and the last two of each plane): sections 1.5.3 of 3.1.1
    /// and 1.5.4 of 5.0.
    NO_DISCOURAGED_CHARACTERS = 12;
    /// 3.1: a client identifier has at most 23 characters.
    SHORT_CLIENT_ID = 13;
}

/// Waivers and optional rules in one word, for there are few of both: a dialect has to stay small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Terms(u16);

impl Terms {
    pub(crate) const fn new(waivers: Waivers, rules: OptionalRules) -> Self {
        Self(waivers.0 | rules.0)
    }

    #[inline]
    pub(crate) const fn waivers(self) -> Waivers {
        Waivers(self.0 & Waivers::ALL.0)
    }

    #[inline]
    pub(crate) const fn rules(self) -> OptionalRules {
        OptionalRules(self.0 & OptionalRules::ALL.0)
    }

    #[inline]
    pub(crate) const fn word(self) -> u16 {
        self.0
    }

    #[inline]
    pub(crate) const fn from_word(word: u16) -> Self {
        Self(word)
    }
}

impl Waivers {
    /// The waiver that lets a violation pass, if there is one. The packet may break other rules.
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

/// Decodes with no rule waived at first, and again whenever the dialect waives what was refused:
/// so each broken rule can be reported.
pub(crate) fn grant_and_decode<T>(
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

/// Checks a decoded packet by the rules that its dialect adds.
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
            let fault = nom::Err::Failure(Fault::new(at, kind, field, 0));
            let packet_type = packet.packet_type();
            found = Err(DecodeError::new(fault, bytes, packet_type, Some(dialect)));
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

/// Control characters and non-characters; U+0000 is never allowed anyway.
const fn is_discouraged(char: char) -> bool {
    matches!(char, '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fdd0}'..='\u{fdef}')
        || char as u32 & 0xfffe == 0xfffe
}

/// Calls `each` with every string of a packet, in the order of the wire.
fn each_text<'a>(packet: &Packet<'a>, mut each: impl FnMut(&'a str, Field)) {
    match packet {
        Packet::Connect(packet) => {
            each_property_text(packet.properties, &mut each);
            each(packet.client_id.as_str(), Field::ClientId);
            if let Some(will) = packet.will {
                each_property_text(will.properties, &mut each);
                each(will.topic.as_str(), Field::WillTopic);
            }
            if let Some(user_name) = packet.user_name {
                each(user_name.as_str(), Field::UserName);
            }
        }
        Packet::ConnAck(packet) => each_property_text(packet.properties, &mut each),
        Packet::Publish(packet) => {
            if let Some(topic_name) = packet.topic_name {
                each(topic_name.as_str(), Field::TopicName);
            }
            each_property_text(packet.properties, &mut each);
        }
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => each_property_text(packet.properties, &mut each),
        Packet::Subscribe(packet) => {
            each_property_text(packet.properties, &mut each);
            for subscription in packet.subscriptions {
                each(subscription.filter.as_str(), Field::TopicFilter);
            }
        }
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => {
            each_property_text(packet.properties, &mut each);
        }
        Packet::Unsubscribe(packet) => {
            each_property_text(packet.properties, &mut each);
            for filter in packet.topic_filters {
                each(filter.as_str(), Field::TopicFilter);
            }
        }
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(packet) => each_property_text(packet.properties, &mut each),
        Packet::Auth(packet) => each_property_text(packet.properties, &mut each),
    }
}

fn each_property_text<'a>(properties: Properties<'a>, each: &mut impl FnMut(&'a str, Field)) {
    for property in properties {
        let field = Field::Property(property.id());
        match property {
            Property::ContentType(text)
            | Property::AssignedClientIdentifier(text)
            | Property::AuthenticationMethod(text)
            | Property::ResponseInformation(text)
            | Property::ServerReference(text)
            | Property::ReasonString(text) => each(text.as_str(), field),
            Property::ResponseTopic(topic) => each(topic.as_str(), field),
            Property::UserProperty(name, value) => {
                each(name.as_str(), field);
                each(value.as_str(), field);
            }
            _ => {}
        }
    }
}
