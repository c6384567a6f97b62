//! Protocol Name and Protocol Level, the first two fields of CONNECT, which give the version.

use core::convert::Infallible;

use crate::dialect::Version;
use crate::error::{ErrorKind, Field, ParseFault, fault};
use crate::rules::Waivers;
use crate::wire::read::{self, Parsed};
use crate::wire::text::check_utf8;

/// Parses the two fields of any version.
pub(crate) fn parse_version<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    waivers: Waivers,
) -> Parsed<'a, Version, E> {
    for version in Version::ALL {
        if let Some(rest) = strip_version(input, version, waivers) {
            return Ok((rest, version));
        }
    }
    match wrong_version(input, &Version::ALL)? {}
}

/// Parses the two fields of this version, and returns the input after them.
#[inline]
pub(crate) fn expect_version<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    version: Version,
    waivers: Waivers,
) -> Result<&'a [u8], nom::Err<E>> {
    match strip_version(input, version, waivers) {
        Some(rest) => Ok(rest),
        None => match wrong_version(input, &[version])? {},
    }
}

#[inline]
fn strip_version(input: &[u8], version: Version, waivers: Waivers) -> Option<&[u8]> {
    let rest = match version {
        Version::V3_1 => input.strip_prefix(b"\0\x06MQIsdp\x03"),
        Version::V3_1_1 => input.strip_prefix(b"\0\x04MQTT\x04"),
        Version::V5 => input.strip_prefix(b"\0\x04MQTT\x05"),
    };
    match rest {
        None if waivers.contains(Waivers::BRIDGE_PROTOCOL_LEVEL) => match version {
            Version::V3_1 => input.strip_prefix(b"\0\x06MQIsdp\x83"),
            Version::V3_1_1 => input.strip_prefix(b"\0\x04MQTT\x84"),
            Version::V5 => input.strip_prefix(b"\0\x04MQTT\x85"),
        },
        rest => rest,
    }
}

/// Finds the fault in a Protocol Name and Protocol Level that match none of the `candidates`.
#[cold]
fn wrong_version<'a, E: ParseFault<'a>>(
    input: &'a [u8],
    candidates: &[Version],
) -> Result<Infallible, nom::Err<E>> {
    let field = Field::ProtocolName;
    let (at_level, name) = read::prefixed(input, field)?;
    if let Err(bad) = check_utf8(name) {
        return bad.fault(name, field);
    }
    let mut names = candidates.iter().map(|version| version.protocol_name());
    if names.all(|candidate| candidate.as_bytes() != name) {
        return fault(input, ErrorKind::UnsupportedProtocolName, field, 0);
    }
    let field = Field::ProtocolLevel;
    let (_, level) = read::byte(at_level, field)?;
    let kind = ErrorKind::UnsupportedProtocolLevel;
    fault(at_level, kind, field, u32::from(level))
}
