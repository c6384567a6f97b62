//! What was wrong: kind, place, the rule it breaks, and what to answer.

mod fault;

use core::fmt;

pub(crate) use self::fault::{Fault, FaultAt, ParseFault, Refusal, fault};
use crate::dialect::{Dialect, Sender, Version};
use crate::packet_type::PacketType;
use crate::property_id::PropertyId;
use crate::reason_code::ReasonCode;
use crate::statement::{self, Statement};

/// Why bytes were refused: kind, place, the rules they break and what to answer.
///
/// It is small (16 bytes), `Copy`, and owns nothing: the bytes stay with the caller.
///
/// ```
/// use mqtt_wire::{Dialect, ErrorKind, Packet, ReasonCode, Version};
///
/// // CONNECT with Will QoS 1 although the Will Flag is 0
/// let bytes = b"\x10\x0e\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x01p";
/// let error = Packet::decode(bytes, Dialect::from_client(Version::V5)).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::WillQosWithoutWill);
/// assert_eq!(error.offset(), 9);
/// assert_eq!(error.value(), 0x0a);
/// assert_eq!(error.reason_code(), Some(ReasonCode::MalformedPacket));
/// assert_eq!(error.statement().unwrap().id(), "MQTT-3.1.2-11");
/// assert_eq!(
///     error.to_string(),
///     "CONNECT, byte 9, Connect Flags 0x0a: Will QoS is not 0 although the Will Flag is 0 \
///      [v5.0 MQTT-3.1.2-11]"
/// );
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    offset: u32,
    violation: Violation,
}

impl DecodeError {
    /// Which rule was broken, in short.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.violation.kind()
    }

    /// The byte at fault, counted from the first byte of the packet. It is the length of the
    /// packet where something is missing at its end.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset as usize
    }

    /// The field that the byte at fault belongs to.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.violation.field()
    }

    /// The value at fault: the flags byte, the reason code, the property identifier, the declared
    /// length; 0 where no single number is at fault.
    #[must_use]
    pub const fn value(&self) -> u32 {
        self.violation.value()
    }

    /// The type of the packet; `None` if its first byte names none.
    #[must_use]
    pub const fn packet_type(&self) -> Option<PacketType> {
        self.violation.packet_type
    }

    /// The version whose rule was broken; `None` if a first packet was refused before its version
    /// was known.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.violation.version()
    }

    /// All that is known but the place.
    #[must_use]
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// The statement of the standard that was broken, see [`Violation::statement`].
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        self.violation.statement()
    }

    /// All statements that were broken, see [`Violation::statements`].
    pub fn statements(&self) -> impl Iterator<Item = Statement> + use<> {
        self.violation.statements()
    }

    /// The Reason Code to answer with, see [`Violation::reason_code`].
    #[must_use]
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        self.violation.reason_code()
    }

    /// What the receiver of the refused packet answers before it closes the connection.
    #[must_use]
    pub const fn reply(&self) -> Reply {
        self.violation.reply()
    }

    /// The error of a rule that was broken at a known place.
    #[cold]
    pub(crate) fn new(
        fault: Fault,
        offset: usize,
        packet_type: Option<PacketType>,
        dialect: Option<Dialect>,
    ) -> Self {
        Self {
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            violation: Violation {
                fault,
                packet_type,
                version: dialect.map(Dialect::version),
                sender: dialect.map_or(Sender::Client, Dialect::sender),
            },
        }
    }

    /// The error of a parser that ran over a part of `packet`.
    #[cold]
    pub(crate) fn in_packet(
        error: nom::Err<FaultAt<'_>>,
        packet: &[u8],
        packet_type: PacketType,
        dialect: Option<Dialect>,
    ) -> Self {
        let (fault, offset) = fault::locate(error, packet);
        Self::new(fault, offset, Some(packet_type), dialect)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.violation.describe(f, Some(self.offset))
    }
}

impl core::error::Error for DecodeError {}

/// Why a packet cannot be encoded.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The packet breaks a rule: a peer that is as strict as this crate would refuse its bytes.
    Violation(Violation),
    /// The version of the dialect has no bytes for this value: it would be lost.
    NotInVersion {
        /// The type of the packet.
        packet_type: PacketType,
        /// The field that holds the value.
        field: Field,
        /// The version of the dialect.
        version: Version,
    },
    /// The Remaining Length would be above 268,435,455.
    TooLong,
    /// The packet does not fit into the buffer. Nothing was written.
    BufferTooSmall {
        /// The length of the packet.
        needed: usize,
    },
}

impl EncodeError {
    /// The statement that the packet breaks, if it breaks one.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        match self {
            Self::Violation(violation) => violation.statement(),
            Self::NotInVersion { .. } | Self::TooLong | Self::BufferTooSmall { .. } => None,
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::NotInVersion {
                packet_type,
                field,
                version,
            } => write!(
                f,
                "{packet_type}: MQTT {version} cannot say this value of {field}"
            ),
            Self::TooLong => f.write_str("the Remaining Length would be above 268435455"),
            Self::BufferTooSmall { needed } => {
                write!(f, "the packet needs a buffer of {needed} bytes")
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// A broken rule: what a refused packet and a packet that must not be encoded have in common.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    pub(crate) fault: Fault,
    pub(crate) packet_type: Option<PacketType>,
    pub(crate) version: Option<Version>,
    pub(crate) sender: Sender,
}

impl Violation {
    /// The violation of a rule that you checked yourself, for example with
    /// [`TopicName::new`](crate::TopicName::new).
    ///
    /// ```
    /// use mqtt_wire::{Dialect, Field, PacketType, TopicName, Version, Violation};
    ///
    /// let kind = TopicName::new("a/+").unwrap_err();
    /// let dialect = Dialect::from_client(Version::V5);
    /// let violation = Violation::new(kind, Field::TopicName, PacketType::Publish, dialect);
    /// assert_eq!(violation.statement().unwrap().id(), "MQTT-3.3.2-2");
    /// ```
    #[must_use]
    pub const fn new(
        kind: ErrorKind,
        field: Field,
        packet_type: PacketType,
        dialect: Dialect,
    ) -> Self {
        Self {
            fault: Fault::new(kind, field, 0),
            packet_type: Some(packet_type),
            version: Some(dialect.version()),
            sender: dialect.sender(),
        }
    }

    /// Which rule was broken, in short.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.fault.kind
    }

    /// The field at fault.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.fault.field
    }

    /// The value at fault, 0 where no single number is.
    #[must_use]
    pub const fn value(&self) -> u32 {
        self.fault.value
    }

    /// The type of the packet, if it has one.
    #[must_use]
    pub const fn packet_type(&self) -> Option<PacketType> {
        self.packet_type
    }

    /// The version whose rule was broken, if it is known.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// The side that sent, or would send, the packet. A first packet whose version is not known
    /// comes from a Client.
    #[must_use]
    pub const fn sender(&self) -> Sender {
        self.sender
    }

    /// The statement of the standard that was broken: the first of [`statements`](Self::statements).
    ///
    /// `None` only for what is above a limit of the receiver's own choice, which no statement speaks
    /// of: [`ErrorKind::HeadTooLarge`], and in 3.1 and 3.1.1 [`ErrorKind::PacketTooLarge`].
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        self.statements().next()
    }

    /// All statements that were broken, the most exact one first. Where the version is not known,
    /// they are those of 5.0.
    pub fn statements(&self) -> impl Iterator<Item = Statement> + use<> {
        statement::broken_by(self)
    }

    /// The Reason Code that tells the sender about it.
    ///
    /// In 5.0 (and where the version is not known) there always is one. In 3.1 and 3.1.1 there is
    /// one only where CONNACK has a return code for it; else the connection is just closed.
    #[must_use]
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        let code = self.fault.kind.reason_code(self.fault.field);
        match self.version {
            Some(Version::V3_1 | Version::V3_1_1) => match code {
                ReasonCode::UnsupportedProtocolVersion
                    if matches!(self.fault.kind, ErrorKind::UnsupportedProtocolLevel) =>
                {
                    Some(code)
                }
                ReasonCode::ClientIdentifierNotValid => Some(code),
                _ => None,
            },
            Some(Version::V5) | None => Some(code),
        }
    }

    /// What the receiver of the packet answers before it closes the connection.
    #[must_use]
    pub const fn reply(&self) -> Reply {
        let Some(code) = self.reason_code() else {
            return Reply::Close;
        };
        match (self.version, code, self.packet_type) {
            // 5.0 MQTT-3.14.0-1: no DISCONNECT before a CONNACK, which needs a version
            (None, ReasonCode::UnsupportedProtocolVersion, _) => Reply::ConnAck(code),
            (None, _, _) => Reply::Close,
            (Some(_), _, Some(PacketType::Connect)) => Reply::ConnAck(code),
            (Some(_), _, _) => Reply::Disconnect(code),
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, offset: Option<u32>) -> fmt::Result {
        match self.packet_type {
            Some(packet_type) => write!(f, "{packet_type}")?,
            None => f.write_str("packet")?,
        }
        if let Some(offset) = offset {
            write!(f, ", byte {offset}")?;
        }
        write!(f, ", {}", self.fault.field)?;
        if self.fault.kind.shows_value() {
            write!(f, " {:#04x}", self.fault.value)?;
        }
        write!(f, ": {}", self.fault.kind)?;
        match self.statement() {
            Some(statement) => write!(f, " [{statement}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, None)
    }
}

impl core::error::Error for Violation {}

/// What to answer to a refused packet. After each of them the connection is closed.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Close,
    /// A CONNACK with this code. A Server may leave it out in 5.0.
    ConnAck(ReasonCode),
    /// A DISCONNECT with this code (5.0 only). Before a Server has sent its CONNACK, it puts the
    /// code into the CONNACK instead (5.0 MQTT-3.14.0-1).
    Disconnect(ReasonCode),
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close => f.write_str("close the Network Connection"),
            Self::ConnAck(code) => write!(f, "CONNACK {:#04x} {code}", *code as u8),
            Self::Disconnect(code) => write!(f, "DISCONNECT {:#04x} {code}", *code as u8),
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident;)*) => {
        /// The kinds of violation. Which statement each one breaks depends on version, packet and
        /// field: see [`Violation::statement`].
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* #[doc = concat!("In words: ", $text, ".")] $name,)*
        }

        impl ErrorKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The kind's name, as the vectors and `mqtt-explain` write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            const fn code(self) -> ReasonCode {
                match self {
                    $(Self::$name => ReasonCode::$code,)*
                }
            }
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

kinds! {
    /// Type 0, and type 15 before 5.0.
    ReservedPacketType = "this packet type does not exist", MalformedPacket;
    /// For example CONNACK from a Client.
    WrongSender = "this side never sends this packet", ProtocolError;
    /// Framing refuses it where the first packet of a Client is awaited.
    FirstPacketNotConnect = "the first packet of a Client is not CONNECT", ProtocolError;
    /// Bits 3 to 0 of the first byte.
    FixedHeaderFlags = "the flags are not those of this packet", MalformedPacket;
    /// The QoS bits of PUBLISH.
    PublishQos3 = "QoS 3 does not exist", MalformedPacket;
    /// Not in 3.1, where it has no meaning.
    DupWithQos0 = "DUP is 1 although QoS is 0", MalformedPacket;
    /// The fourth byte says that another one follows.
    VariableByteIntegerTooLong = "a variable byte integer has more than four bytes", MalformedPacket;
    /// Zeros that could have been left out.
    VariableByteIntegerNotShortest = "a variable byte integer is longer than its value needs", MalformedPacket;
    /// The whole packet, its fixed header included, is above the receiver's limit. The value is
    /// the Remaining Length.
    PacketTooLarge = "the packet is larger than the receiver accepts", PacketTooLarge;
    /// Only where a PUBLISH is streamed: the bytes before its payload are above the receiver's
    /// limit. The value is their number.
    HeadTooLarge = "the bytes before the payload are more than the receiver buffers", QuotaExceeded;
    /// The packet has one fixed length only, and it is not this one.
    RemainingLength = "this packet never has this Remaining Length", MalformedPacket;
    /// A field that has to be there is not, or not all of it.
    Truncated = "the field runs past the end", MalformedPacket;
    /// Bytes that belong to no field.
    TrailingBytes = "bytes are left over after the last field", MalformedPacket;
    /// The bytes left over in CONNECT read as Will Topic and Will Message.
    UnannouncedWill = "bytes are left over that read as a Will although the Will Flag is 0", MalformedPacket;
    /// The bytes left over in CONNECT read as one field.
    UnannouncedUserName = "bytes are left over that read as a user name although the User Name Flag is 0", MalformedPacket;
    /// The bytes left over in CONNECT read as one field.
    UnannouncedPassword = "bytes are left over that read as a password although the Password Flag is 0", MalformedPacket;
    /// Overlong forms and values above U+10FFFF too.
    InvalidUtf8 = "the text is not UTF-8", MalformedPacket;
    /// U+D800 to U+DFFF.
    Surrogate = "the text holds an encoded surrogate", MalformedPacket;
    /// The character U+0000.
    NullCharacter = "the text holds U+0000", MalformedPacket;
    /// Raised by constructors: a length prefix has two bytes.
    FieldTooLong = "the field is longer than 65535 bytes", MalformedPacket;
    /// CONNECT's first field.
    UnsupportedProtocolName = "the Protocol Name is not that of this version", UnsupportedProtocolVersion;
    /// CONNECT's second field.
    UnsupportedProtocolLevel = "the Protocol Level is not that of this version", UnsupportedProtocolVersion;
    /// Bit 0.
    ConnectFlagReserved = "the reserved Connect Flag is 1", MalformedPacket;
    /// Bits 4 and 3 without bit 2.
    WillQosWithoutWill = "Will QoS is not 0 although the Will Flag is 0", MalformedPacket;
    /// Bit 5 without bit 2.
    WillRetainWithoutWill = "Will Retain is 1 although the Will Flag is 0", MalformedPacket;
    /// Bits 4 and 3.
    WillQos3 = "Will QoS 3 does not exist", MalformedPacket;
    /// Bit 6 without bit 7; allowed in 5.0.
    PasswordWithoutUserName = "the Password Flag is 1 although the User Name Flag is 0", MalformedPacket;
    /// In 3.1.1 with Clean Session 0, in 3.1 always.
    EmptyClientId = "the client identifier is empty", ClientIdentifierNotValid;
    /// Bits 7 to 1 of the Connect Acknowledge Flags.
    ConnAckFlags = "reserved Connect Acknowledge Flags are set", MalformedPacket;
    /// A Server that refuses has no Session to speak of.
    SessionPresentWithRefusal = "Session Present is 1 although the connection is refused", ProtocolError;
    /// Not in the table of this packet.
    ReasonCodeNotAllowed = "this packet never carries this code", ProtocolError;
    /// In the table of this packet, but for the other side.
    ReasonCodeWrongSender = "this side never sends this code", ProtocolError;
    /// Packet Identifiers are 1 to 65535.
    PacketIdZero = "the Packet Identifier is 0", ProtocolError;
    /// In a 5.0 PUBLISH: empty, and no Topic Alias either.
    EmptyTopicName = "the topic name is empty", ProtocolError;
    /// `+` or `#`.
    WildcardInTopicName = "the topic name holds a wildcard", ProtocolError;
    /// Only where the receiver asks for it, see `OptionalRules::NO_DISCOURAGED_CHARACTERS`.
    DiscouragedCharacter = "the text holds a control character or a non-character", MalformedPacket;
    /// Only where the receiver asks for it, see `OptionalRules::SHORT_CLIENT_ID`.
    ClientIdTooLong = "the client identifier has more than 23 characters", ClientIdentifierNotValid;
    /// Filters have at least one character.
    EmptyTopicFilter = "the topic filter is empty", ProtocolError;
    /// `#` stands alone in the last level.
    MultiLevelWildcard = "# is not alone in the last level", ProtocolError;
    /// `+` fills a whole level.
    SingleLevelWildcard = "+ is not alone in its level", ProtocolError;
    /// `$share//filter` (5.0).
    EmptyShareName = "the share name is empty", ProtocolError;
    /// `$share/name` without a filter, or a wildcard in the name (5.0).
    SharedSubscription = "the shared subscription is not $share/name/filter", ProtocolError;
    /// SUBSCRIBE without a filter.
    EmptySubscription = "a SUBSCRIBE needs at least one topic filter", ProtocolError;
    /// UNSUBSCRIBE without a filter.
    EmptyUnsubscription = "an UNSUBSCRIBE needs at least one topic filter", ProtocolError;
    /// SUBACK without a code.
    EmptySubAck = "a SUBACK needs at least one code", ProtocolError;
    /// UNSUBACK without a code.
    EmptyUnsubAck = "an UNSUBACK needs at least one code", ProtocolError;
    /// Bits 7 and 6; in 3.1.1 bits 7 to 2.
    SubscriptionOptions = "reserved Subscription Options are set", MalformedPacket;
    /// Bits 1 and 0 of the Subscription Options.
    SubscriptionQos3 = "a subscription asks for QoS 3", ProtocolError;
    /// Bits 5 and 4 of the Subscription Options.
    RetainHandling3 = "Retain Handling 3 does not exist", ProtocolError;
    /// Bit 2 of the Subscription Options.
    NoLocalOnShared = "No Local is 1 on a shared subscription", ProtocolError;
    /// The properties would run past the end of the packet.
    PropertyLength = "the Property Length runs past the end of the packet", MalformedPacket;
    /// None of the 27 identifiers.
    UnknownProperty = "no property has this identifier", MalformedPacket;
    /// A known property in a packet, or a Will, that may not carry it.
    PropertyNotAllowed = "this packet never carries this property", MalformedPacket;
    /// All but User Property, and Subscription Identifier in PUBLISH.
    DuplicateProperty = "the property stands here more than once", ProtocolError;
    /// For example Receive Maximum 0.
    PropertyValue = "the property never has this value", ProtocolError;
    /// Subscription Identifier in a Client's PUBLISH, Session Expiry Interval in a Server's DISCONNECT.
    PropertyWrongSender = "this side never sends this property in this packet", ProtocolError;
    /// Authentication Data needs a method to belong to.
    AuthenticationDataWithoutMethod = "Authentication Data stands without Authentication Method", ProtocolError;
    /// AUTH always has one.
    AuthenticationMethodMissing = "AUTH has no Authentication Method", ProtocolError;
}

impl ErrorKind {
    const fn reason_code(self, field: Field) -> ReasonCode {
        match (self, field) {
            (Self::PropertyValue, Field::Property(PropertyId::TopicAlias)) => {
                ReasonCode::TopicAliasInvalid
            }
            _ => self.code(),
        }
    }

    /// Whether a field runs past the end of the bytes at hand.
    pub(crate) const fn is_short(self) -> bool {
        matches!(self, Self::Truncated | Self::PropertyLength)
    }

    const fn shows_value(self) -> bool {
        matches!(
            self,
            Self::ReservedPacketType
                | Self::FixedHeaderFlags
                | Self::PublishQos3
                | Self::DupWithQos0
                | Self::UnsupportedProtocolLevel
                | Self::ConnectFlagReserved
                | Self::WillQosWithoutWill
                | Self::WillRetainWithoutWill
                | Self::WillQos3
                | Self::PasswordWithoutUserName
                | Self::ConnAckFlags
                | Self::ReasonCodeNotAllowed
                | Self::ReasonCodeWrongSender
                | Self::SubscriptionOptions
                | Self::SubscriptionQos3
                | Self::RetainHandling3
                | Self::UnknownProperty
        )
    }
}

impl core::error::Error for ErrorKind {}

/// A field of a packet, by the standard's own name for it.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the names are the standard's, and Display writes them out
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
