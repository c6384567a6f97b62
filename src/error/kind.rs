//! The kinds of error, each with its text, reason code and statements, and the fields of a packet.

use core::fmt;

use crate::property_id::PropertyId;
use crate::reason_code::ReasonCode;

/// Defines [`ErrorKind`]. A row holds, after the name: the text, the reason code, whether a
/// message shows the value, and the statements that the kind breaks in each version, most exact
/// first. A version that is left out has none. `depends` names an [`Irregular`] instead.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident, $value:ident, $statements:tt;)*) => {
        /// The kinds of violation. The statement that a kind breaks depends on the version, and
        /// for some kinds on packet, field and value: see
        /// [`Violation::statement`](crate::Violation::statement).
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* #[doc = concat!("Text: ", $text, ".")] $name,)*
        }

        impl ErrorKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The kind's name, as in the vectors and in the output of `mqtt-explain`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            const fn usual_reason_code(self) -> ReasonCode {
                match self {
                    $(Self::$name => ReasonCode::$code,)*
                }
            }

            /// Whether a message shows the value at fault.
            pub(super) const fn shows_value(self) -> bool {
                match self {
                    $(Self::$name => kinds!(@value $value),)*
                }
            }

            pub(super) const fn statements(self) -> Statements {
                match self {
                    $(Self::$name => kinds!(@statements $statements),)*
                }
            }
        }
    };
    (@value shown) => { true };
    (@value hidden) => { false };
    (@statements { depends: $on:ident }) => { Statements::Irregular(Irregular::$on) };
    (@statements { $($version:ident: [$($id:literal),+]),* }) => {{
        #[allow(unused_mut)] // a kind without statements
        let mut ids = Regular { v3_1: &[], v3_1_1: &[], v5: &[] };
        $(ids.$version = &[$($id),+];)*
        Statements::Regular(ids)
    }};
}

kinds! {
    /// Type 0, and type 15 before 5.0.
    ReservedPacketType = "the packet type is reserved", MalformedPacket, shown,
        { depends: PacketType };
    /// For example CONNACK from a Client.
    WrongSender = "packet not allowed from this side", ProtocolError, hidden,
        { v3_1: ["U31-dir"], v3_1_1: ["U-dir"], v5: ["U-dir"] };
    /// Framing raises it where it expects the first packet of a Client.
    FirstPacketNotConnect = "the first packet of a Client is not CONNECT", ProtocolError, hidden,
        { v3_1: ["U31-first"], v3_1_1: ["MQTT-3.1.0-1"], v5: ["MQTT-3.1.0-1"] };
    /// Bits 3 to 0 of the first byte.
    FixedHeaderFlags = "flags not allowed for this packet type", MalformedPacket, shown,
        { depends: FixedHeaderFlags };
    /// The QoS bits of PUBLISH.
    PublishQos3 = "QoS 3 does not exist", MalformedPacket, shown,
        { v3_1: ["U31-qos3"], v3_1_1: ["MQTT-3.3.1-4"], v5: ["MQTT-3.3.1-4"] };
    /// Not in 3.1, where DUP has no meaning for QoS 0.
    DupWithQos0 = "DUP is 1 although QoS is 0", MalformedPacket, shown,
        { v3_1_1: ["MQTT-3.3.1-2", "MQTT-4.3.1-1"], v5: ["MQTT-3.3.1-2", "MQTT-4.3.1-1"] };
    /// The fourth byte announces a fifth.
    VariableByteIntegerTooLong = "a variable byte integer has more than four bytes",
        MalformedPacket, hidden,
        { v3_1: ["U31-varint4"], v3_1_1: ["U-varint4"], v5: ["U-varint4"] };
    /// It ends with a zero byte that adds nothing.
    VariableByteIntegerNotShortest = "a variable byte integer is longer than its value needs",
        MalformedPacket, hidden,
        { v3_1: ["U31-varint-min"], v3_1_1: ["U-varint-min"], v5: ["MQTT-1.5.5-1"] };
    /// The whole packet, including its fixed header, exceeds the receiver's limit. The value is
    /// the Remaining Length.
    PacketTooLarge = "the packet is larger than the receiver accepts", PacketTooLarge, hidden,
        { depends: PacketTooLarge };
    /// Only for a PUBLISH that is streamed: the bytes before its payload exceed the receiver's
    /// limit. The value is their number.
    HeadTooLarge = "the bytes before the payload exceed the receiver's buffer", QuotaExceeded, hidden,
        {};
    /// This packet type has a fixed length, and the packet has another one.
    RemainingLength = "Remaining Length not allowed for this packet type", MalformedPacket, hidden,
        { v3_1: ["U31-remlen"], v3_1_1: ["U-remlen"], v5: ["U-remlen"] };
    /// A required field is missing, or the packet ends inside it. For a variable byte integer the
    /// value is the number of its bytes that are present, otherwise 0.
    Truncated = "the field is missing or incomplete", MalformedPacket, hidden,
        { depends: Truncated };
    /// These bytes belong to no field.
    TrailingBytes = "extra bytes after the last field", MalformedPacket, hidden,
        { depends: TrailingBytes };
    /// The extra bytes at the end of CONNECT look like Will Topic and Will Message.
    UnannouncedWill = "extra bytes that look like a Will although the Will Flag is 0",
        MalformedPacket, hidden,
        {
            v3_1: ["U31-remlen"],
            v3_1_1: ["MQTT-3.1.2-11", "MQTT-3.1.4-1"],
            v5: ["MQTT-3.1.4-1"]
        };
    /// The extra bytes at the end of CONNECT look like one field.
    UnannouncedUserName = "extra bytes that look like a user name although the User Name Flag is 0",
        MalformedPacket, hidden,
        {
            v3_1: ["U31-remlen"],
            v3_1_1: ["MQTT-3.1.2-18", "MQTT-3.1.4-1"],
            v5: ["MQTT-3.1.2-16", "MQTT-3.1.4-1"]
        };
    /// The extra bytes at the end of CONNECT look like one field.
    UnannouncedPassword = "extra bytes that look like a password although the Password Flag is 0",
        MalformedPacket, hidden,
        {
            v3_1: ["U31-remlen"],
            v3_1_1: ["MQTT-3.1.2-20", "MQTT-3.1.4-1"],
            v5: ["MQTT-3.1.2-18", "MQTT-3.1.4-1"]
        };
    /// This includes overlong forms and values above U+10FFFF.
    InvalidUtf8 = "the text is not valid UTF-8", MalformedPacket, hidden,
        { depends: InvalidUtf8 };
    /// U+D800 to U+DFFF.
    Surrogate = "the text contains an encoded surrogate", MalformedPacket, hidden,
        { depends: Surrogate };
    /// The character U+0000.
    NullCharacter = "the text contains U+0000", MalformedPacket, hidden,
        { depends: NullCharacter };
    /// Raised by constructors: a length prefix has two bytes.
    FieldTooLong = "the field is longer than 65535 bytes", MalformedPacket, hidden,
        { depends: FieldTooLong };
    /// The first field of CONNECT.
    UnsupportedProtocolName = "the Protocol Name does not match the version",
        UnsupportedProtocolVersion, hidden,
        { v3_1: ["U31-name"], v3_1_1: ["MQTT-3.1.2-1"], v5: ["MQTT-3.1.2-1"] };
    /// The second field of CONNECT.
    UnsupportedProtocolLevel = "the Protocol Level does not match the version",
        UnsupportedProtocolVersion, shown,
        { v3_1: ["U31-level"], v3_1_1: ["MQTT-3.1.2-2"], v5: ["MQTT-3.1.2-2"] };
    /// Bit 0.
    ConnectFlagReserved = "the reserved Connect Flag is 1", MalformedPacket, shown,
        { depends: ConnectFlags };
    /// Bits 4 and 3 without bit 2.
    WillQosWithoutWill = "Will QoS is not 0 although the Will Flag is 0", MalformedPacket, shown,
        { depends: ConnectFlags };
    /// Bit 5 without bit 2.
    WillRetainWithoutWill = "Will Retain is 1 although the Will Flag is 0", MalformedPacket, shown,
        { depends: ConnectFlags };
    /// Bits 4 and 3.
    WillQos3 = "Will QoS 3 does not exist", MalformedPacket, shown,
        { depends: ConnectFlags };
    /// Bit 6 without bit 7; allowed in 5.0.
    PasswordWithoutUserName = "the Password Flag is 1 although the User Name Flag is 0",
        MalformedPacket, shown,
        { depends: ConnectFlags };
    /// In 3.1.1 with Clean Session 0, in 3.1 always.
    EmptyClientId = "the client identifier is empty", ClientIdentifierNotValid, hidden,
        { v3_1: ["U31-clientid"], v3_1_1: ["MQTT-3.1.3-7"] };
    /// Bits 7 to 1 of the Connect Acknowledge Flags.
    ConnAckFlags = "reserved Connect Acknowledge Flags are set", MalformedPacket, shown,
        { v3_1: ["U31-connack"], v3_1_1: ["U-connack-flags"], v5: ["MQTT-3.2.2-1"] };
    /// A Server that refuses the connection has no Session to resume.
    SessionPresentWithRefusal = "Session Present is 1 although the connection is refused",
        ProtocolError, hidden,
        { v3_1: ["U31-connack"], v3_1_1: ["MQTT-3.2.2-4"], v5: ["MQTT-3.2.2-6"] };
    /// The code is not in the table of this packet.
    ReasonCodeNotAllowed = "code not allowed in this packet", ProtocolError, shown,
        { depends: ReasonCode };
    /// The code is in the table of this packet, but only the other side sends it.
    ReasonCodeWrongSender = "code not allowed from this side", ProtocolError, shown,
        { depends: ReasonCodeSender };
    /// Packet Identifiers are 1 to 65535.
    PacketIdZero = "the Packet Identifier is 0", ProtocolError, hidden,
        { depends: PacketIdZero };
    /// In a 5.0 PUBLISH: empty, and there is no Topic Alias.
    EmptyTopicName = "the topic name is empty", ProtocolError, hidden,
        { depends: EmptyTopicName };
    /// `+` or `#`.
    WildcardInTopicName = "the topic name contains a wildcard", ProtocolError, hidden,
        { depends: WildcardInTopicName };
    /// Only if the receiver asks for it, see `OptionalRules::NO_DISCOURAGED_CHARACTERS`.
    DiscouragedCharacter = "the text contains a control character or a non-character",
        MalformedPacket, hidden,
        { v3_1: ["U31-ctrl"], v3_1_1: ["U-ctrl"], v5: ["U-ctrl"] };
    /// Only if the receiver asks for it, see `OptionalRules::SHORT_CLIENT_ID`.
    ClientIdTooLong = "the client identifier has more than 23 characters",
        ClientIdentifierNotValid, hidden,
        { v3_1: ["U31-clientid"] };
    /// Filters have at least one character.
    EmptyTopicFilter = "the topic filter is empty", ProtocolError, hidden,
        { v3_1: ["U31-topic"], v3_1_1: ["MQTT-4.7.3-1"], v5: ["MQTT-4.7.3-1"] };
    /// `#` must be the last level and fill it.
    MultiLevelWildcard = "# is not alone in the last level", ProtocolError, hidden,
        { v3_1: ["U31-filter"], v3_1_1: ["MQTT-4.7.1-2"], v5: ["MQTT-4.7.1-1"] };
    /// `+` must fill a whole level.
    SingleLevelWildcard = "+ is not alone in its level", ProtocolError, hidden,
        { v3_1: ["U31-filter"], v3_1_1: ["MQTT-4.7.1-3"], v5: ["MQTT-4.7.1-2"] };
    /// `$share//filter` (5.0).
    EmptyShareName = "the share name is empty", ProtocolError, hidden,
        { v5: ["MQTT-4.8.2-1"] };
    /// `$share/name` without a filter, or a wildcard in the name (5.0).
    SharedSubscription = "the shared subscription has no filter, or a wildcard in its share name",
        ProtocolError, hidden,
        { v5: ["MQTT-4.8.2-2"] };
    /// SUBSCRIBE without a filter.
    EmptySubscription = "a SUBSCRIBE needs at least one topic filter", ProtocolError, hidden,
        { v3_1_1: ["MQTT-3.8.3-3"], v5: ["MQTT-3.8.3-2"] };
    /// UNSUBSCRIBE without a filter.
    EmptyUnsubscription = "an UNSUBSCRIBE needs at least one topic filter", ProtocolError, hidden,
        { v3_1_1: ["MQTT-3.10.3-2"], v5: ["MQTT-3.10.3-2"] };
    /// SUBACK without a code.
    EmptySubAck = "a SUBACK needs at least one code", ProtocolError, hidden,
        { v3_1_1: ["U-suback-empty"], v5: ["U-suback-empty"] };
    /// UNSUBACK without a code.
    EmptyUnsubAck = "an UNSUBACK needs at least one code", ProtocolError, hidden,
        { v5: ["U-unsuback-empty"] };
    /// Bits 7 and 6; in 3.1.1 bits 7 to 2.
    SubscriptionOptions = "reserved Subscription Options are set", MalformedPacket, shown,
        { v3_1_1: ["MQTT-3.8.3-4"], v5: ["MQTT-3.8.3-5"] };
    /// Bits 1 and 0 of the Subscription Options.
    SubscriptionQos3 = "the subscription requests QoS 3", ProtocolError, shown,
        { v3_1: ["U31-qos3"], v3_1_1: ["MQTT-3.8.3-4"], v5: ["U-sub-qos3"] };
    /// Bits 5 and 4 of the Subscription Options.
    RetainHandling3 = "Retain Handling 3 does not exist", ProtocolError, shown,
        { v5: ["U-sub-rh3"] };
    /// Bit 2 of the Subscription Options.
    NoLocalOnShared = "No Local is 1 on a shared subscription", ProtocolError, hidden,
        { v5: ["MQTT-3.8.3-4"] };
    /// The value is the Property Length.
    PropertyLength = "the properties run past the end of the packet", MalformedPacket, hidden,
        { v5: ["U-prop-len"] };
    /// None of the 27 identifiers.
    UnknownProperty = "unknown property identifier", MalformedPacket, shown,
        { v5: ["U-prop-type"] };
    /// The property exists, but this packet or Will must not contain it.
    PropertyNotAllowed = "property not allowed here", MalformedPacket, hidden,
        { v5: ["U-prop-type"] };
    /// Only User Property, and Subscription Identifier in PUBLISH, may appear several times.
    DuplicateProperty = "the property appears more than once", ProtocolError, hidden,
        { depends: DuplicateProperty };
    /// For example Receive Maximum 0.
    PropertyValue = "value not allowed for this property", ProtocolError, hidden,
        { depends: PropertyValue };
    /// Subscription Identifier in a Client's PUBLISH, Session Expiry Interval in a Server's DISCONNECT.
    PropertyWrongSender = "property not allowed from this side in this packet", ProtocolError, hidden,
        { depends: PropertySender };
    /// Authentication Data requires a method.
    AuthenticationDataWithoutMethod = "Authentication Data without Authentication Method",
        ProtocolError, hidden,
        { v5: ["U-authdata"] };
    /// AUTH always has one.
    AuthenticationMethodMissing = "AUTH has no Authentication Method", ProtocolError, hidden,
        { v5: ["U-auth-method"] };
}

impl ErrorKind {
    pub(super) const fn reason_code(self, field: Field) -> ReasonCode {
        match (self, field) {
            (Self::PropertyValue, Field::Property(PropertyId::TopicAlias)) => {
                ReasonCode::TopicAliasInvalid
            }
            _ => self.usual_reason_code(),
        }
    }

    /// Whether a field runs past the end of the available bytes.
    pub(crate) const fn is_short(self) -> bool {
        matches!(self, Self::Truncated | Self::PropertyLength)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for ErrorKind {}

/// The statements of a kind.
pub(super) enum Statements {
    Regular(Regular),
    Irregular(Irregular),
}

/// The ids of the statements for each version, most exact first.
pub(super) struct Regular {
    pub(super) v3_1: &'static [&'static str],
    pub(super) v3_1_1: &'static [&'static str],
    pub(super) v5: &'static [&'static str],
}

/// A kind, or several, whose statements depend on more than the version.
pub(super) enum Irregular {
    PacketType,
    FixedHeaderFlags,
    PacketTooLarge,
    Truncated,
    TrailingBytes,
    InvalidUtf8,
    Surrogate,
    NullCharacter,
    FieldTooLong,
    ConnectFlags,
    ReasonCode,
    ReasonCodeSender,
    PacketIdZero,
    EmptyTopicName,
    WildcardInTopicName,
    DuplicateProperty,
    PropertyValue,
    PropertySender,
}

/// A field of a packet, named as in the standard.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the names are the standard's; `Display` writes them in full
pub enum Field {
    /// The packet as a whole.
    Packet,
    /// Bits 7 to 4 of the first byte.
    PacketType,
    /// Bits 3 to 0 of the first byte.
    Flags,
    RemainingLength,
    ProtocolName,
    ProtocolLevel,
    ConnectFlags,
    KeepAlive,
    PropertyLength,
    PropertyIdentifier,
    /// The value of a property.
    Property(PropertyId),
    ClientId,
    /// The Property Length of the Will Properties.
    WillPropertyLength,
    WillTopic,
    WillPayload,
    UserName,
    Password,
    ConnAckFlags,
    ReasonCode,
    PacketId,
    TopicName,
    TopicFilter,
    SubscriptionOptions,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Packet => "packet",
            Self::PacketType => "packet type",
            Self::Flags => "flags",
            Self::RemainingLength => "Remaining Length",
            Self::ProtocolName => "Protocol Name",
            Self::ProtocolLevel => "Protocol Level",
            Self::ConnectFlags => "Connect Flags",
            Self::KeepAlive => "Keep Alive",
            Self::PropertyLength => "Property Length",
            Self::PropertyIdentifier => "property identifier",
            Self::Property(id) => return id.fmt(f),
            Self::ClientId => "Client Identifier",
            Self::WillPropertyLength => "Will Property Length",
            Self::WillTopic => "Will Topic",
            Self::WillPayload => "Will Payload",
            Self::UserName => "User Name",
            Self::Password => "Password",
            Self::ConnAckFlags => "Connect Acknowledge Flags",
            Self::ReasonCode => "Reason Code",
            Self::PacketId => "Packet Identifier",
            Self::TopicName => "Topic Name",
            Self::TopicFilter => "Topic Filter",
            Self::SubscriptionOptions => "Subscription Options",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Version;
    use crate::statement::Statement;

    #[test]
    fn every_regular_statement_is_in_the_table() {
        for kind in ErrorKind::ALL {
            let Statements::Regular(ids) = kind.statements() else {
                continue;
            };
            for (version, ids) in [
                (Version::V3_1, ids.v3_1),
                (Version::V3_1_1, ids.v3_1_1),
                (Version::V5, ids.v5),
            ] {
                for id in ids {
                    let statement = Statement::find(version, id, None);
                    assert!(statement.is_some(), "{}: {version} {id}", kind.name());
                }
            }
        }
    }
}
