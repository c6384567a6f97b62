//! Errors: the kind, the place, the rule that was broken, and the reply.

mod fault;
mod kind;
mod statements;

use core::fmt;

use crate::dialect::{Dialect, Sender, Version};
use crate::packet_type::PacketType;
use crate::reason_code::ReasonCode;
use crate::statement::Statement;

#[cfg(feature = "bytes")]
pub(crate) use self::fault::Checked;
pub(crate) use self::fault::{Fault, FaultAt, ParseFault, Refusal, fault};
pub use self::kind::{ErrorKind, Field};

/// The reason why bytes are not a valid packet: the kind of error, the byte at fault, the statements
/// that were broken and the reply to send.
///
/// It is small (16 bytes) and `Copy`, and it does not borrow the bytes.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeError {
    offset: u32,
    violation: Violation,
}

impl DecodeError {
    /// The kind of error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.violation.kind()
    }

    /// The offset of the byte at fault from the first byte of the packet. If something is missing
    /// at the end, it is the length of the packet.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset as usize
    }

    /// The field that the byte at fault belongs to.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.violation.field()
    }

    /// The value at fault: the flags byte, the reason code, the property identifier or the declared
    /// length. It is 0 if no single number is at fault.
    #[must_use]
    pub const fn value(&self) -> u32 {
        self.violation.value()
    }

    /// The type of the packet, or `None` if its first byte has no valid type.
    #[must_use]
    pub const fn packet_type(&self) -> Option<PacketType> {
        self.violation.packet_type
    }

    /// The version whose rule was broken, or `None` if the error is in a first packet whose version
    /// was not known yet.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.violation.version()
    }

    /// The error without its offset.
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

    /// The Reason Code to send, see [`Violation::reason_code`].
    #[must_use]
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        self.violation.reason_code()
    }

    /// The reply to send before closing the connection. [`answer`](Self::answer) has its bytes.
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

/// `InvalidData`, with this error inside.
#[cfg(feature = "std")]
impl From<DecodeError> for std::io::Error {
    fn from(error: DecodeError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// The reason why a packet cannot be encoded.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeError {
    /// The packet breaks a rule: the decoder of this crate would reject its bytes.
    Violation(Violation),
    /// No packet can hold this text or number: the error of a constructor such as
    /// [`TopicName::new`](crate::TopicName::new), which does not know the packet.
    Value(ErrorKind),
    /// The version of the dialect cannot represent this value.
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
    /// The packet is above the Maximum Packet Size of the receiver, even in its shortest form
    /// (5.0 MQTT-3.1.2-24 for a Server, MQTT-3.2.2-15 for a Client).
    TooLarge {
        /// The length of the packet in bytes.
        needed: u32,
        /// The Maximum Packet Size in bytes.
        max: u32,
        /// The dialect of the packet. Only 5.0 has a Maximum Packet Size.
        dialect: Dialect,
    },
    /// The packet does not fit into the buffer. Nothing was appended to it; the contents of a slice
    /// are unspecified.
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
            Self::TooLarge { dialect, .. } => {
                let (kind, field) = (ErrorKind::PacketTooLarge, Field::RemainingLength);
                Violation::new(kind, field, PacketType::Publish, *dialect).statement()
            }
            Self::Value(_)
            | Self::NotInVersion { .. }
            | Self::TooLong
            | Self::BufferTooSmall { .. } => None,
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::Value(kind) => kind.fmt(f),
            Self::NotInVersion {
                packet_type,
                field,
                version,
            } => write!(
                f,
                "{packet_type}: MQTT {version} cannot represent this value of {field}"
            ),
            Self::TooLong => f.write_str("the Remaining Length would be above 268435455"),
            Self::TooLarge { needed, max, .. } => {
                write!(
                    f,
                    "the packet has {needed} bytes, above the receiver's Maximum Packet Size of {max}"
                )?;
                match self.statement() {
                    Some(statement) => write!(f, " [{statement}]"),
                    None => Ok(()),
                }
            }
            Self::BufferTooSmall { needed } => {
                write!(f, "the packet needs a buffer of {needed} bytes")
            }
        }
    }
}

impl core::error::Error for EncodeError {}

impl From<ErrorKind> for EncodeError {
    fn from(kind: ErrorKind) -> Self {
        Self::Value(kind)
    }
}

/// `InvalidInput`, with this error inside.
#[cfg(feature = "std")]
impl From<EncodeError> for std::io::Error {
    fn from(error: EncodeError) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

/// A broken rule: the part that a [`DecodeError`] and an [`EncodeError`] have in common.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Violation {
    fault: Fault,
    packet_type: Option<PacketType>,
    version: Option<Version>,
    sender: Sender,
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
        Fault::new(kind, field, 0).in_packet_type(packet_type, dialect)
    }

    /// The kind of error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.fault.kind
    }

    /// The field at fault.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.fault.field
    }

    /// The value at fault, or 0 if no single number is at fault.
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

    /// The side that sent the packet, or that would send it. A first packet whose version is not
    /// known comes from a Client.
    #[must_use]
    pub const fn sender(&self) -> Sender {
        self.sender
    }

    /// The Reason Code that reports the violation to the sender.
    ///
    /// In 5.0, and if the version is not known, there always is one. In 3.1 and 3.1.1 there is one
    /// only if CONNACK has a return code for the violation.
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

    /// The reply that the receiver of the packet sends before it closes the connection.
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

/// The reply to an invalid packet. After it the receiver closes the connection.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Send nothing.
    Close,
    /// Send a CONNACK with this code. In 5.0 a Server may omit it.
    ConnAck(ReasonCode),
    /// Send a DISCONNECT with this code (5.0 only). A Server that has not sent its CONNACK yet sends
    /// a CONNACK with this code instead (5.0 MQTT-3.14.0-1).
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

impl Fault {
    /// The violation of a rule for this packet type in this dialect.
    const fn in_packet_type(self, packet_type: PacketType, dialect: Dialect) -> Violation {
        Violation {
            fault: self,
            packet_type: Some(packet_type),
            version: Some(dialect.version()),
            sender: dialect.sender(),
        }
    }
}

impl Refusal {
    #[cold]
    pub(crate) fn of(self, packet_type: PacketType, dialect: Dialect) -> EncodeError {
        match self {
            Self::Broken(fault) => {
                EncodeError::Violation(fault.in_packet_type(packet_type, dialect))
            }
            Self::NotInVersion(field) => EncodeError::NotInVersion {
                packet_type,
                field,
                version: dialect.version(),
            },
        }
    }
}
