//! CONNECT, section 3.1.
//!
//! ```text
//! fixed header     10, Remaining Length
//! Protocol Name    0004 "MQTT", in 3.1 0006 "MQIsdp"
//! Protocol Level   03, 04 or 05
//! Connect Flags    user name, password, Will Retain, Will QoS (2), Will, Clean Start, 0
//! Keep Alive       two bytes, seconds
//! Properties       5.0
//! Client Identifier
//! Will Properties, Will Topic, Will Payload     if the Will Flag is 1 (properties: 5.0)
//! User Name        if the User Name Flag is 1
//! Password         if the Password Flag is 1
//! ```
//!
//! | | 3.1 | 3.1.1 | 5.0 |
//! |---|---|---|---|
//! | Connect Flag 0 | unused | 0 | 0 |
//! | Will QoS and Will Retain without Will Flag | disregarded | 0 | 0 |
//! | password without user name | refused | refused | allowed |
//! | flagged user name or password missing at the end | reads as absent | refused | refused |
//! | empty client identifier | refused | needs Clean Session 1 | allowed |
//! | Will Payload, password | strings | Binary Data | Binary Data |

use core::convert::Infallible;

use nom::Parser;
use nom::combinator::all_consuming;

use super::body::{DecodeBody, EncodeBody};
use super::will::{Will, check_string_in_v3_1, string_in_v3_1};
use crate::data::{BinaryData, QoS, Utf8Str};
use crate::dialect::{Dialect, Version};
use crate::error::{ErrorKind, Field, ParseFault, Refusal, fault};
use crate::fixed_header::FirstByte;
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties};
use crate::protocol;
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::write::Put;

/// CONNECT: a Client opens a connection.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, QoS, Version};
///
/// let bytes = [
///     0x10, 0x2b, //                             CONNECT, Remaining Length 43
///     0x00, 0x04, b'M', b'Q', b'T', b'T', //     Protocol Name
///     0x05, //                                   Protocol Version: 5.0
///     0xce, //                                   Connect Flags:
///     //   1... .... User Name, .1.. .... Password, ..0. .... Will Retain, ...0 1... Will QoS 1,
///     //   .... .1.. Will,      .... ..1. Clean Start
///     0x00, 0x3c, //                             Keep Alive: 60 s
///     0x05, 0x11, 0x00, 0x00, 0x0e, 0x10, //     Properties, 5 bytes: Session Expiry Interval 3600 s
///     0x00, 0x01, b'p', //                       Client Identifier
///     0x05, 0x18, 0x00, 0x00, 0x00, 0x05, //     Will Properties, 5 bytes: Will Delay Interval 5 s
///     0x00, 0x04, b't', b'e', b's', b't', //     Will Topic
///     0x00, 0x03, b'd', b'i', b'e', //           Will Payload
///     0x00, 0x01, b'u', //                       User Name
///     0x00, 0x02, b'p', b'w', //                 Password
/// ];
/// let dialect = Dialect::from_client(Version::V5);
/// let packet = Packet::decode(&bytes, dialect)?;
/// let Packet::Connect(connect) = packet else { unreachable!() };
/// assert!(connect.clean_start);
/// assert_eq!((connect.keep_alive, connect.session_expiry_interval()), (60, 3600));
/// let will = connect.will.unwrap();
/// assert_eq!((will.topic.as_str(), will.qos), ("test", QoS::AtLeastOnce));
/// assert_eq!(connect.user_name.unwrap(), "u");
///
/// let mut again = [0; 45];
/// assert_eq!(packet.encode_to_slice(dialect, &mut again)?, 45);
/// assert_eq!(again, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Connect<'a> {
    /// Protocol Name and Protocol Level: the version that the connection speaks.
    pub version: Version,
    /// Whether to throw away an existing Session. Clean Session in 3.1 and 3.1.1, where it also
    /// ends the Session with the connection.
    #[doc(alias = "clean_session")]
    pub clean_start: bool,
    /// The most seconds between two packets of the Client; 0 turns the mechanism off.
    pub keep_alive: u16,
    /// 5.0 only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// The key of the Session. Empty asks the Server for one: never in 3.1, and in 3.1.1 only
    /// with Clean Session (MQTT-3.1.3-7).
    pub client_id: Utf8Str<'a>,
    /// The message to publish if the Client vanishes.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub will: Option<Will<'a>>,
    /// Who the Client says it is.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub user_name: Option<Utf8Str<'a>>,
    /// What it proves that with, or in 5.0 any other credential. In 3.1 it has to be UTF-8. In
    /// 3.1 and 3.1.1 it needs a user name (MQTT-3.1.2-22 of 3.1.1).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub password: Option<BinaryData<'a>>,
}

impl<'a> Connect<'a> {
    /// A CONNECT with Clean Start, no Keep Alive, no Will and no credentials.
    #[must_use]
    pub const fn new(version: Version, client_id: Utf8Str<'a>) -> Self {
        Self {
            version,
            clean_start: true,
            keep_alive: 0,
            properties: Properties::EMPTY,
            client_id,
            will: None,
            user_name: None,
            password: None,
        }
    }

    fn flags(&self) -> ConnectFlags {
        let mut flags = u8::from(self.clean_start) << 1;
        if let Some(will) = &self.will {
            flags |= 0x04 | (will.qos as u8) << 3 | u8::from(will.retain) << 5;
        }
        flags |= u8::from(self.password.is_some()) << 6;
        flags |= u8::from(self.user_name.is_some()) << 7;
        ConnectFlags(flags)
    }
}

impl<'a> DecodeBody<'a> for Connect<'a> {
    #[inline]
    fn parse<E: ParseFault<'a>>(
        _: FirstByte,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Parsed<'a, Self, E> {
        let version = dialect.version();
        let rest = protocol::expect_version(body, version, dialect.waivers())?;
        let (rest, flags) = ConnectFlags::parse(rest, dialect)?;
        let (rest, keep_alive) = read::two_byte_integer(rest, Field::KeepAlive)?;
        let carrier = Carrier::Packet(PacketType::Connect);
        let (rest, properties) = property::parse(rest, carrier, dialect)?;
        let (rest, client_id) = parse_client_id(rest, flags, dialect)?;
        let (rest, will) = match flags.will() {
            Some((qos, retain)) => {
                let (rest, will) = Will::parse(rest, qos, retain, dialect)?;
                (rest, Some(will))
            }
            None => (rest, None),
        };
        // in 3.1 the Remaining Length wins over these two flags
        let present = |flag, rest: &[u8]| flag && (version != Version::V3_1 || !rest.is_empty());
        let (rest, user_name) = if present(flags.user_name(), rest) {
            let (rest, name) = Utf8Str::parse(rest, Field::UserName)?;
            (rest, Some(name))
        } else {
            (rest, None)
        };
        let (rest, password) = if present(flags.password(), rest) {
            let (rest, password) = string_in_v3_1(rest, Field::Password, version)?;
            (rest, Some(password))
        } else {
            (rest, None)
        };
        if !rest.is_empty() && !dialect.waives(Waivers::CONNECT_TRAILING_BYTES) {
            match left_over(rest, flags, dialect)? {}
        }
        let connect = Self {
            version,
            clean_start: flags.clean_start(),
            keep_alive,
            properties,
            client_id,
            will,
            user_name,
            password,
        };
        Ok((&[], connect))
    }
}

impl EncodeBody for Connect<'_> {
    #[inline(always)]
    fn check(&self, _: PacketType, dialect: Dialect) -> Result<(), Refusal> {
        let version = dialect.version();
        if self.version != version {
            return Err(Refusal::NotInVersion(Field::ProtocolLevel));
        }
        property::check(
            &self.properties,
            Carrier::Packet(PacketType::Connect),
            dialect,
        )?;
        check_client_id(self.client_id, self.clean_start, version)
            .map_err(|kind| Refusal::broken(kind, Field::ClientId, 0))?;
        if let Some(will) = &self.will {
            will.check(dialect)?;
        }
        if let Some(password) = self.password {
            check_string_in_v3_1(password, Field::Password, version)?;
        }
        let flags = self.flags();
        flags
            .check(dialect)
            .map_err(|kind| Refusal::broken(kind, Field::ConnectFlags, u32::from(flags.0)))
    }

    #[inline(always)]
    fn put(&self, dialect: Dialect, out: &mut impl Put) {
        out.put_prefixed(self.version.protocol_name().as_bytes());
        out.put_byte(self.version.protocol_level());
        out.put_byte(self.flags().0);
        out.put_u16(self.keep_alive);
        property::put(&self.properties, dialect, out);
        out.put_prefixed(self.client_id.as_bytes());
        if let Some(will) = &self.will {
            will.put(dialect, out);
        }
        if let Some(user_name) = self.user_name {
            out.put_prefixed(user_name.as_bytes());
        }
        if let Some(password) = self.password {
            out.put_prefixed(password.as_bytes());
        }
    }
}

/// The Connect Flags byte, section 3.1.2.3.
#[derive(Clone, Copy)]
struct ConnectFlags(u8);

impl ConnectFlags {
    #[inline]
    fn parse<'a, E: ParseFault<'a>>(input: &'a [u8], dialect: Dialect) -> Parsed<'a, Self, E> {
        let (rest, byte) = read::byte(input, Field::ConnectFlags)?;
        let flags = Self(byte);
        match flags.check(dialect) {
            Ok(()) => Ok((rest, flags)),
            Err(kind) => fault(input, kind, Field::ConnectFlags, u32::from(byte)),
        }
    }

    /// What the byte alone can break.
    #[inline]
    fn check(self, dialect: Dialect) -> Result<(), ErrorKind> {
        let v3_1 = dialect.version() == Version::V3_1;
        let qos = self.0 >> 3 & 0x03;
        if self.has(0x01) && !v3_1 {
            return Err(ErrorKind::ConnectFlagReserved);
        }
        if self.has(0x04) {
            if qos == 3 {
                return Err(ErrorKind::WillQos3);
            }
        } else if !v3_1 && !dialect.waives(Waivers::WILL_FLAGS) {
            if qos != 0 {
                return Err(ErrorKind::WillQosWithoutWill);
            }
            if self.has(0x20) {
                return Err(ErrorKind::WillRetainWithoutWill);
            }
        }
        let password_alone = self.password() && !self.user_name();
        if password_alone
            && !dialect.is_v5()
            && !dialect.waives(Waivers::PASSWORD_WITHOUT_USER_NAME)
        {
            return Err(ErrorKind::PasswordWithoutUserName);
        }
        Ok(())
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    const fn clean_start(self) -> bool {
        self.has(0x02)
    }

    /// QoS and RETAIN of the Will, if there is one.
    fn will(self) -> Option<(QoS, bool)> {
        let qos = QoS::from_bits(self.0 >> 3)?;
        self.has(0x04).then_some((qos, self.has(0x20)))
    }

    const fn password(self) -> bool {
        self.has(0x40)
    }

    const fn user_name(self) -> bool {
        self.has(0x80)
    }
}

#[inline]
fn parse_client_id<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    flags: ConnectFlags,
    dialect: Dialect,
) -> Parsed<'a, Utf8Str<'a>, E> {
    let (rest, client_id) = Utf8Str::parse(input, Field::ClientId)?;
    match check_client_id(client_id, flags.clean_start(), dialect.version()) {
        Err(_) if dialect.waives(Waivers::EMPTY_CLIENT_ID) => Ok((rest, client_id)),
        Ok(()) => Ok((rest, client_id)),
        Err(kind) => fault(input, kind, Field::ClientId, 0),
    }
}

#[inline]
fn check_client_id(
    client_id: Utf8Str<'_>,
    clean_start: bool,
    version: Version,
) -> Result<(), ErrorKind> {
    let may_be_empty = match version {
        Version::V3_1 => false,
        Version::V3_1_1 => clean_start,
        Version::V5 => true,
    };
    if client_id.is_empty() && !may_be_empty {
        return Err(ErrorKind::EmptyClientId);
    }
    Ok(())
}

/// Names the flag that should have announced the bytes left over, if they read as its field.
#[cold]
fn left_over<'a, E: ParseFault<'a>>(
    rest: &'a [u8],
    flags: ConnectFlags,
    dialect: Dialect,
) -> Result<Infallible, nom::Err<E>> {
    let field = |input| read::prefixed::<()>(input, Field::Packet);
    let one = all_consuming(field).parse(rest).is_ok();
    let will = Will::parse::<()>(rest, QoS::AtMostOnce, false, dialect);
    let (kind, field) = match will {
        Ok(([], _)) if flags.will().is_none() => (ErrorKind::UnannouncedWill, Field::WillTopic),
        _ if one && !flags.user_name() => (ErrorKind::UnannouncedUserName, Field::UserName),
        _ if one && !flags.password() => (ErrorKind::UnannouncedPassword, Field::Password),
        _ => (ErrorKind::TrailingBytes, Field::Packet),
    };
    fault(rest, kind, field, 0)
}
