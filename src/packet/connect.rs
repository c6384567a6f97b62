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
//! | Connect Flag 0 | ignored | 0 | 0 |
//! | Will QoS and Will Retain without Will Flag | ignored | 0 | 0 |
//! | password without user name | refused | refused | allowed |
//! | packet ends before a flagged user name or password | field is absent | refused | refused |
//! | empty Client Identifier | refused | allowed with Clean Session 1 | allowed |
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
use crate::wire::write::Out;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(C)]
pub struct Connect<'a> {
    /// The longest time between two packets of the Client, in seconds (MQTT-3.1.2-23 of 3.1.1,
    /// MQTT-3.1.2-20 of 5.0). 0 turns Keep Alive off.
    #[doc(alias = "keepalive")]
    pub keep_alive: u16,
    /// The version of the connection: Protocol Name and Protocol Level.
    pub version: Version,
    /// Whether the Server discards an existing Session. In 3.1 and 3.1.1 this is Clean Session,
    /// and the new Session ends with the connection.
    #[doc(alias = "clean_session")]
    pub clean_start: bool,
    /// The properties (5.0 only).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Properties::is_empty"))]
    pub properties: Properties<'a>,
    /// The Client Identifier, which identifies the Session. If it is empty, the Server chooses one:
    /// never in 3.1, and in 3.1.1 only with Clean Session (MQTT-3.1.3-7).
    pub client_id: Utf8Str<'a>,
    /// The Will: the message that the Server publishes if the connection ends without a normal
    /// DISCONNECT.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub will: Option<Will<'a>>,
    /// The user name for authentication. `None` if the User Name Flag is 0.
    #[doc(alias = "username")]
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub user_name: Option<Utf8Str<'a>>,
    /// The password. In 5.0 it may hold any credential data. In 3.1 it must be UTF-8. In 3.1 and
    /// 3.1.1 it needs a user name (MQTT-3.1.2-22 of 3.1.1).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub password: Option<BinaryData<'a>>,
}

impl<'a> Connect<'a> {
    /// Creates a CONNECT with Clean Start and Keep Alive 0, without properties, Will, user name and
    /// password.
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

    /// The Connect Flags byte of this packet.
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
        // in 3.1 the Remaining Length decides whether these two fields exist, not the flag alone
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
    fn write<O: Out>(
        &self,
        packet_type: PacketType,
        dialect: Dialect,
        out: O,
    ) -> Result<O, O::Error> {
        let version = dialect.version();
        if self.version != version {
            return Err(Refusal::NotInVersion(Field::ProtocolLevel).into());
        }
        let flags = self.flags();
        flags
            .check(dialect)
            .map_err(|kind| Refusal::broken(kind, Field::ConnectFlags, u32::from(flags.0)))?;
        let out = out.put_prefixed(version.protocol_name().as_bytes())?;
        let [high, low] = self.keep_alive.to_be_bytes();
        let out = out.put(&[version.protocol_level(), flags.0, high, low])?;
        let carrier = Carrier::Packet(packet_type);
        let out = property::write(&self.properties, carrier, dialect, out)?;
        check_client_id(self.client_id, self.clean_start, version)
            .map_err(|kind| Refusal::broken(kind, Field::ClientId, 0))?;
        let mut out = out.put_prefixed(self.client_id.as_bytes())?;
        if let Some(will) = &self.will {
            out = will.write(dialect, out)?;
        }
        if let Some(user_name) = self.user_name {
            out = out.put_prefixed(user_name.as_bytes())?;
        }
        if let Some(password) = self.password {
            check_string_in_v3_1(password, Field::Password, version)?;
            out = out.put_prefixed(password.as_bytes())?;
        }
        Ok(out)
    }

    #[inline(always)]
    fn at_least(&self) -> usize {
        let will = self.will.map_or(0, |will| will.payload.as_bytes().len());
        10 + self.client_id.as_bytes().len() + will
    }

    #[inline(always)]
    fn has_many_fields(&self) -> bool {
        true
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

    /// Checks the rules that concern only this byte.
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

/// The fault of bytes that are left over. If they parse as an optional field whose flag is 0, the
/// fault names that field.
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

#[cfg(test)]
mod tests {
    use crate::packet::test_support::*;
    use crate::{BinaryData, Connect, Packet, Properties, Property, QoS, Utf8Str};
    use crate::{ErrorKind, Field, Version, Waivers};

    const ID: &[u8] = b"\0\x01p";
    const USER: &[u8] = b"\0\x01u";
    const PASSWORD: &[u8] = b"\0\x01w";

    /// The payload fields of a Will.
    fn will(version: Version) -> &'static [u8] {
        match version {
            Version::V3_1 | Version::V3_1_1 => b"\0\x01t\0\x01m",
            Version::V5 => b"\0\0\x01t\0\x01m",
        }
    }

    /// The offset of the Connect Flags.
    fn flags_at(version: Version) -> usize {
        if version == V3_1 { 11 } else { 9 }
    }

    /// The bytes of a CONNECT that is decoded and encoded again.
    #[track_caller]
    fn reencode(version: Version, flags: u8, payload: &[&[u8]]) -> std::vec::Vec<u8> {
        let bytes = connect(version, flags, payload);
        encode(
            Packet::decode(&bytes, client(version)).unwrap(),
            client(version),
        )
    }

    #[test]
    fn the_reserved_flag_is_0_since_3_1_1() {
        for version in [V3_1_1, V5] {
            accept(&connect(version, 0x02, &[ID]), client(version));
            let fault = (ErrorKind::ConnectFlagReserved, Field::ConnectFlags, 9);
            assert_eq!(
                refuse(&connect(version, 0x03, &[ID]), client(version)),
                fault
            );
        }
        assert_eq!(reencode(V3_1, 0x03, &[ID]), connect(V3_1, 0x02, &[ID]));
    }

    #[test]
    fn will_qos_and_will_retain_need_the_will_flag_since_3_1_1() {
        let (qos, retain) = (
            ErrorKind::WillQosWithoutWill,
            ErrorKind::WillRetainWithoutWill,
        );
        for (flags, kind) in [
            (0x0a, qos),
            (0x12, qos),
            (0x1a, qos),
            (0x22, retain),
            (0x2a, qos),
        ] {
            for version in [V3_1_1, V5] {
                let with_will = connect(version, 0x2e, &[ID, will(version)]);
                accept(&with_will, client(version));
                let bytes = connect(version, flags, &[ID]);
                let fault = (kind, Field::ConnectFlags, 9);
                assert_eq!(refuse(&bytes, client(version)), fault);
                let waived = waive(&bytes, client(version), Waivers::WILL_FLAGS);
                assert_eq!(
                    encode(waived, client(version)),
                    connect(version, 0x02, &[ID])
                );
            }
            assert_eq!(reencode(V3_1, flags, &[ID]), connect(V3_1, 0x02, &[ID]));
        }
    }

    #[test]
    fn will_qos_is_0_to_2() {
        for version in Version::ALL {
            let with_flags = |flags| connect(version, flags, &[ID, will(version)]);
            for (flags, qos) in [
                (0x06, QoS::AtMostOnce),
                (0x0e, QoS::AtLeastOnce),
                (0x16, QoS::ExactlyOnce),
            ] {
                let bytes = with_flags(flags);
                let Packet::Connect(connect) = accept(&bytes, client(version)) else {
                    unreachable!()
                };
                assert_eq!(connect.will.unwrap().qos, qos);
            }
            let fault = (ErrorKind::WillQos3, Field::ConnectFlags, flags_at(version));
            assert_eq!(refuse(&with_flags(0x1e), client(version)), fault);
        }
    }

    #[test]
    fn a_password_needs_a_user_name_before_5_0() {
        for version in Version::ALL {
            accept(
                &connect(version, 0xc2, &[ID, USER, PASSWORD]),
                client(version),
            );
        }
        let bytes = connect(V5, 0x42, &[ID, PASSWORD]);
        accept(&bytes, client(V5));
        for version in [V3_1, V3_1_1] {
            let bytes = connect(version, 0x42, &[ID, PASSWORD]);
            let kind = ErrorKind::PasswordWithoutUserName;
            let fault = (kind, Field::ConnectFlags, flags_at(version));
            assert_eq!(refuse(&bytes, client(version)), fault);
            let waiver = Waivers::PASSWORD_WITHOUT_USER_NAME;
            let waived = waive(&bytes, client(version), waiver);
            let fault = (kind, Field::ConnectFlags);
            assert_eq!(refuse_to_encode(waived, client(version)), fault);
        }
    }

    #[test]
    fn a_flagged_field_at_the_end_may_be_missing_in_3_1_only() {
        for (flags, payload, field) in [
            (0x82, &[ID][..], Field::UserName),
            (0xc2, &[ID, USER], Field::Password),
        ] {
            for version in [V3_1_1, V5] {
                let bytes = connect(version, flags, payload);
                let fault = (ErrorKind::Truncated, field, bytes.len());
                assert_eq!(refuse(&bytes, client(version)), fault);
            }
        }
        assert_eq!(reencode(V3_1, 0x82, &[ID]), connect(V3_1, 0x02, &[ID]));
        assert_eq!(
            reencode(V3_1, 0xc2, &[ID, USER]),
            connect(V3_1, 0x82, &[ID, USER])
        );
        // one byte is not a missing field
        let fault = (ErrorKind::Truncated, Field::UserName, 17);
        assert_eq!(
            refuse(&connect(V3_1, 0x82, &[ID, &[0]]), client(V3_1)),
            fault
        );
        let fault = (ErrorKind::Truncated, Field::Password, 20);
        assert_eq!(
            refuse(&connect(V3_1, 0xc2, &[ID, USER, &[0]]), client(V3_1)),
            fault
        );
    }

    #[test]
    fn fields_that_no_flag_announces_are_named() {
        for version in Version::ALL {
            let will = will(version);
            let user_name = (ErrorKind::UnannouncedUserName, Field::UserName);
            let trailing = (ErrorKind::TrailingBytes, Field::Packet);
            for (flags, payload, extra, (kind, field)) in [
                (
                    0x02,
                    &[ID][..],
                    will,
                    (ErrorKind::UnannouncedWill, Field::WillTopic),
                ),
                (0x02, &[ID], USER, user_name),
                (0x06, &[ID, will], USER, user_name),
                (
                    0x82,
                    &[ID, USER],
                    PASSWORD,
                    (ErrorKind::UnannouncedPassword, Field::Password),
                ),
                (0xc2, &[ID, USER, PASSWORD], PASSWORD, trailing),
                (0x06, &[ID, will], will, trailing),
                (0x02, &[ID], &[0], trailing),
            ] {
                let whole = connect(version, flags, payload);
                accept(&whole, client(version));
                let bytes = connect(version, flags, &[&payload.concat(), extra]);
                assert_eq!(refuse(&bytes, client(version)), (kind, field, whole.len()));
                let waived = waive(&bytes, client(version), Waivers::CONNECT_TRAILING_BYTES);
                assert_eq!(encode(waived, client(version)), whole);
            }
        }
    }

    #[test]
    fn an_empty_client_identifier_is_allowed_in_5_0_and_with_clean_session_in_3_1_1() {
        const EMPTY: &[u8] = &[0, 0];
        for (version, flags) in [(V3_1_1, 0x02), (V5, 0x00), (V5, 0x02)] {
            accept(&connect(version, flags, &[EMPTY]), client(version));
        }
        for (version, flags, offset) in [(V3_1, 0x00, 14), (V3_1, 0x02, 14), (V3_1_1, 0x00, 12)] {
            accept(&connect(version, flags, &[ID]), client(version));
            let bytes = connect(version, flags, &[EMPTY]);
            let fault = (ErrorKind::EmptyClientId, Field::ClientId, offset);
            assert_eq!(refuse(&bytes, client(version)), fault);
            let waived = waive(&bytes, client(version), Waivers::EMPTY_CLIENT_ID);
            let fault = (ErrorKind::EmptyClientId, Field::ClientId);
            assert_eq!(refuse_to_encode(waived, client(version)), fault);
        }
    }

    #[test]
    fn a_cut_names_the_field_that_it_is_in() {
        let bytes = connect(V5, 0xc6, &[ID, will(V5), USER, PASSWORD]);
        accept(&bytes, client(V5));
        let fields = [
            (9, Field::ConnectFlags),
            (10, Field::KeepAlive),
            (12, Field::PropertyLength),
            (13, Field::ClientId),
            (16, Field::WillPropertyLength),
            (17, Field::WillTopic),
            (20, Field::WillPayload),
            (23, Field::UserName),
            (26, Field::Password),
        ];
        assert_eq!(bytes.len(), 29);
        for cut in 9..bytes.len() {
            let (offset, field) = *fields.iter().rfind(|(at, _)| *at <= cut).unwrap();
            let shorter = packet(0x10, &[&bytes[2..cut]]);
            let fault = (ErrorKind::Truncated, field, offset);
            assert_eq!(refuse(&shorter, client(V5)), fault, "{cut}");
        }
    }

    #[test]
    fn in_3_1_the_password_is_utf_8() {
        const BINARY: &[u8] = b"\0\x02w\xff";
        for version in [V3_1_1, V5] {
            accept(
                &connect(version, 0xc2, &[ID, USER, BINARY]),
                client(version),
            );
        }
        let fault = (ErrorKind::InvalidUtf8, Field::Password, 23);
        assert_eq!(
            refuse(&connect(V3_1, 0xc2, &[ID, USER, BINARY]), client(V3_1)),
            fault
        );

        let mut connect = Connect::new(V3_1, Utf8Str::new("p").unwrap());
        connect.user_name = Some(Utf8Str::new("u").unwrap());
        connect.password = Some(BinaryData::new(b"w\xff").unwrap());
        let fault = (ErrorKind::InvalidUtf8, Field::Password);
        assert_eq!(refuse_to_encode(connect, client(V3_1)), fault);
    }

    #[test]
    fn encoding_refuses_the_dialect_of_another_version() {
        let id = Utf8Str::new("p").unwrap();
        for version in Version::ALL {
            for other in Version::ALL {
                let connect = Connect::new(version, id);
                if version == other {
                    assert!(Packet::from(connect).encoded_len(client(other)).is_ok());
                } else {
                    assert_eq!(not_in_version(connect, client(other)), Field::ProtocolLevel);
                }
            }
        }
    }

    #[test]
    fn before_5_0_there_are_no_properties() {
        let properties = [Property::ReceiveMaximum(core::num::NonZeroU16::MIN)];
        for version in [V3_1, V3_1_1] {
            let mut connect = Connect::new(version, Utf8Str::new("p").unwrap());
            connect.properties = Properties::from(&properties);
            assert_eq!(
                not_in_version(connect, client(version)),
                Field::PropertyLength
            );
        }
    }

    #[test]
    fn a_new_connect_has_only_clean_start() {
        for version in Version::ALL {
            let mut packet = Connect::new(version, Utf8Str::new("p").unwrap());
            packet.keep_alive = 60;
            let bytes = connect(version, 0x02, &[ID]);
            assert_eq!(encode(packet, client(version)), bytes);
        }
    }
}
