//! The fixed header: the first byte and the Remaining Length (section 2.1 of 5.0, 2.2 of 3.1.1).

use crate::dialect::{Dialect, Sender, Version};
use crate::error::{DecodeError, ErrorKind, Fault, Field};
use crate::packet_type::PacketType;
use crate::rules::Waivers;
use crate::wire::varint::{self, VariableByteInteger};

/// A fixed header that was read but not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FixedHeader {
    pub(crate) first_byte: u8,
    /// The length of the fixed header itself.
    pub(crate) len: u8,
    pub(crate) remaining_length: u32,
}

impl FixedHeader {
    /// Reads the fixed header at the beginning of `bytes`, if it is complete.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (&first_byte, after) = bytes.split_first()?;
        match varint::read(after) {
            VariableByteInteger::Whole { value, length, .. } => Some(Self {
                first_byte,
                len: 1 + length as u8,
                remaining_length: value,
            }),
            VariableByteInteger::Unfinished | VariableByteInteger::TooLong => None,
        }
    }

    /// The length of the whole packet.
    pub(crate) const fn packet_len(self) -> usize {
        self.len as usize + self.remaining_length as usize
    }

    /// Checks the whole fixed header.
    pub(crate) fn check(self, dialect: Dialect) -> Result<(), DecodeError> {
        let packet_type = PacketType::from_nibble(self.first_byte >> 4);
        let error = |fault, offset| DecodeError::new(fault, offset, packet_type, Some(dialect));
        check_first_byte(self.first_byte, dialect).map_err(|fault| error(fault, 0))?;
        let is_shortest = usize::from(self.len) == 1 + varint::len(self.remaining_length);
        check_remaining_length(self.first_byte, self.remaining_length, is_shortest, dialect)
            .map_err(|fault| error(fault, 1))
    }
}

/// A first byte that was checked.
#[derive(Clone, Copy)]
pub(crate) struct FirstByte {
    pub(crate) packet_type: PacketType,
    /// Bits 3 to 0.
    pub(crate) flags: u8,
}

/// Checks the first byte of a packet: its type, its sender and its flags.
#[inline]
pub(crate) fn check_first_byte(first_byte: u8, dialect: Dialect) -> Result<PacketType, Fault> {
    match PacketType::from_nibble(first_byte >> 4) {
        Some(packet_type) if Expected::of(first_byte, dialect) != Expected::NONE => Ok(packet_type),
        _ => check_first_byte_with_waivers(first_byte, dialect),
    }
}

#[cold]
#[inline(never)]
fn check_first_byte_with_waivers(first_byte: u8, dialect: Dialect) -> Result<PacketType, Fault> {
    let verdict = check_first_byte_strictly(first_byte, dialect);
    let Some(packet_type) = PacketType::from_nibble(first_byte >> 4) else {
        return verdict;
    };
    let waiver = match (packet_type, first_byte & 0x0f) {
        (
            PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubComp
            | PacketType::SubAck
            | PacketType::UnsubAck,
            0x02,
        ) => Waivers::ACK_FLAGS,
        (PacketType::Connect, 0x02) => Waivers::CONNECT_FLAGS,
        (PacketType::Unsubscribe, 0x00) if dialect.version() == Version::V3_1 => {
            Waivers::UNSUBSCRIBE_FLAGS
        }
        _ => return verdict,
    };
    match verdict {
        Err(fault) if fault.kind == ErrorKind::FixedHeaderFlags && dialect.waives(waiver) => {
            Ok(packet_type)
        }
        _ => verdict,
    }
}

/// Checks a Remaining Length. `is_shortest` is false if a shorter form of the number exists.
#[inline]
pub(crate) fn check_remaining_length(
    first_byte: u8,
    remaining_length: u32,
    is_shortest: bool,
    dialect: Dialect,
) -> Result<(), Fault> {
    let expected = Expected::of(first_byte, dialect);
    if is_shortest && expected.allows(remaining_length) {
        return Ok(());
    }
    check_remaining_length_with_waivers(first_byte, remaining_length, is_shortest, dialect)
}

#[cold]
#[inline(never)]
fn check_remaining_length_with_waivers(
    first_byte: u8,
    remaining_length: u32,
    is_shortest: bool,
    dialect: Dialect,
) -> Result<(), Fault> {
    let broken = |kind| Err(Fault::new(kind, Field::RemainingLength, remaining_length));
    let may_be_longer = !dialect.is_v5() && dialect.waives(Waivers::REMAINING_LENGTH_NOT_SHORTEST);
    if !is_shortest && !may_be_longer {
        return broken(ErrorKind::VariableByteIntegerNotShortest);
    }
    let is_connack = first_byte >> 4 == PacketType::ConnAck as u8;
    let in_form_of_v5 =
        is_connack && remaining_length == 3 && dialect.waives(Waivers::CONNACK_V5_FORM);
    // the length of a first byte that a waiver allows is that of its type
    let packet_type = PacketType::from_nibble(first_byte >> 4);
    let fixed = packet_type.and_then(|it| it.fixed_remaining_length(dialect.version()));
    match fixed {
        Some(fixed) if remaining_length != u32::from(fixed) && !in_form_of_v5 => {
            broken(ErrorKind::RemainingLength)
        }
        _ => Ok(()),
    }
}

/// The Remaining Length that may follow a first byte in one dialect.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Expected(u8);

impl Expected {
    /// The first byte is not allowed.
    const NONE: Self = Self(u8::MAX);
    /// Any length.
    const ANY: Self = Self(u8::MAX - 1);

    #[inline]
    fn of(first_byte: u8, dialect: Dialect) -> Self {
        let first_bytes = EXPECTED.get(dialect.index());
        let expected = first_bytes.and_then(|it| it.get(usize::from(first_byte)));
        expected.copied().unwrap_or(Self::NONE)
    }

    #[inline]
    const fn allows(self, remaining_length: u32) -> bool {
        self.0 == Self::ANY.0 || self.0 as u32 == remaining_length
    }
}

/// The results of [`check_first_byte_strictly`] and [`PacketType::fixed_remaining_length`], by
/// dialect and first byte.
#[allow(clippy::indexing_slicing)] // while compiling
static EXPECTED: [[Expected; 256]; Dialect::ALL.len()] = {
    let mut table = [[Expected::NONE; 256]; Dialect::ALL.len()];
    let mut index = 0;
    while index < table.len() {
        let dialect = Dialect::ALL[index];
        let mut first_byte = 0;
        while first_byte < 256 {
            if let Ok(packet_type) = check_first_byte_strictly(first_byte as u8, dialect) {
                table[index][first_byte] =
                    match packet_type.fixed_remaining_length(dialect.version()) {
                        Some(length) => Expected(length),
                        None => Expected::ANY,
                    };
            }
            first_byte += 1;
        }
        index += 1;
    }
    table
};

const fn check_first_byte_strictly(first_byte: u8, dialect: Dialect) -> Result<PacketType, Fault> {
    let (kind, field) = match PacketType::from_nibble(first_byte >> 4) {
        None => (ErrorKind::ReservedPacketType, Field::PacketType),
        Some(packet_type) => match packet_type.check_sender(dialect) {
            Err(kind) => (kind, Field::PacketType),
            Ok(()) => match check_flags(packet_type, first_byte & 0x0f, dialect.version()) {
                Err(kind) => (kind, Field::Flags),
                Ok(()) => return Ok(packet_type),
            },
        },
    };
    Err(Fault::new(kind, field, first_byte as u32))
}

const fn check_flags(
    packet_type: PacketType,
    flags: u8,
    version: Version,
) -> Result<(), ErrorKind> {
    let v3_1 = matches!(version, Version::V3_1);
    match packet_type {
        PacketType::Publish => match flags & 0x06 {
            0x06 => Err(ErrorKind::PublishQos3),
            0x00 if flags & 0x08 != 0 && !v3_1 => Err(ErrorKind::DupWithQos0),
            _ => Ok(()),
        },
        // in 3.1 the sender may set DUP, and RETAIN is unused; the flags of other packets are unused
        _ if v3_1 => match packet_type.flags() {
            0 => Ok(()),
            expected if flags & 0x06 == expected => Ok(()),
            _ => Err(ErrorKind::FixedHeaderFlags),
        },
        _ if flags == packet_type.flags() => Ok(()),
        _ => Err(ErrorKind::FixedHeaderFlags),
    }
}

impl PacketType {
    /// Whether the version of `dialect` has packets of this type and its sender may send them:
    /// AUTH exists only in 5.0, and most types come from only one side.
    #[must_use]
    pub const fn is_sent_in(self, dialect: Dialect) -> bool {
        self.check_sender(dialect).is_ok()
    }

    pub(crate) const fn check_sender(self, dialect: Dialect) -> Result<(), ErrorKind> {
        let is_from_client = match self {
            Self::Auth => {
                return match dialect.version() {
                    Version::V5 => Ok(()),
                    Version::V3_1 | Version::V3_1_1 => Err(ErrorKind::ReservedPacketType),
                };
            }
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => {
                return Ok(());
            }
            Self::Disconnect if dialect.is_v5() => return Ok(()),
            Self::Connect
            | Self::Subscribe
            | Self::Unsubscribe
            | Self::PingReq
            | Self::Disconnect => true,
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => false,
        };
        match dialect.sender() {
            Sender::Client if is_from_client => Ok(()),
            Sender::Server if !is_from_client => Ok(()),
            _ => Err(ErrorKind::WrongSender),
        }
    }

    /// The Remaining Length, if all packets of this type have the same.
    const fn fixed_remaining_length(self, version: Version) -> Option<u8> {
        match (self, version) {
            (Self::PingReq | Self::PingResp, _)
            | (Self::Disconnect, Version::V3_1 | Version::V3_1_1) => Some(0),
            (
                Self::ConnAck
                | Self::PubAck
                | Self::PubRec
                | Self::PubRel
                | Self::PubComp
                | Self::UnsubAck,
                Version::V3_1 | Version::V3_1_1,
            ) => Some(2),
            _ => None,
        }
    }

    /// Bits 3 to 0 of the first byte, for all packets except PUBLISH.
    pub(crate) const fn flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0x02,
            _ => 0,
        }
    }
}
