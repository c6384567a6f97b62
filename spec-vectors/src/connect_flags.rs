//! The table of all Connect Flags.

use crate::Version;

const TABLE: &str = include_str!("../connect-flags.csv");

/// A CONNECT with these Connect Flags, and with the fields that they announce.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectFlags {
    /// The version of the CONNECT.
    pub version: Version,
    /// The Connect Flags.
    pub flags: u8,
    /// The ids of the statements that the flags break, in no order: `MQTT-3.1.2-11`. Empty if they
    /// are valid.
    pub statements: Vec<&'static str>,
}

impl ConnectFlags {
    /// The bytes of the CONNECT.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        let protocol: &[u8] = match self.version {
            Version::V3_1 => b"\0\x06MQIsdp\x03",
            Version::V3_1_1 => b"\0\x04MQTT\x04",
            Version::V5 => b"\0\x04MQTT\x05",
        };
        let no_properties: &'static [u8] = match self.version {
            Version::V5 => b"\0",
            Version::V3_1 | Version::V3_1_1 => b"",
        };
        let announced = |flag, fields: &'static [u8]| match self.flags & flag {
            0 => b"",
            _ => fields,
        };
        let body = [
            protocol,
            &[self.flags, 0, 60],
            no_properties,
            b"\0\x01c",
            announced(WILL, no_properties),
            announced(WILL, b"\0\x01t\0\x01m"),
            announced(USER_NAME, b"\0\x01u"),
            announced(PASSWORD, b"\0\x01p"),
        ]
        .concat();
        // at most 33 bytes
        [&[0x10, body.len() as u8], &body[..]].concat()
    }
}

const WILL: u8 = 0x04;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// All 256 values of the Connect Flags in each version.
#[must_use]
pub fn connect_flags() -> Vec<ConnectFlags> {
    let rows = TABLE.lines().skip(1).zip(0..=u8::MAX);
    rows.flat_map(|(row, flags)| {
        let versions = [Version::V3_1, Version::V3_1_1, Version::V5];
        let cells = row.split(',').skip(1);
        versions.into_iter().zip(cells).map(move |(version, cell)| {
            let statements = cell.split(' ').filter(|id| *id != "ok").collect();
            ConnectFlags {
                version,
                flags,
                statements,
            }
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_in_the_order_of_the_flags() {
        assert_eq!(TABLE.lines().count(), 1 + 256);
        for (row, flags) in TABLE.lines().skip(1).zip(0..=u8::MAX) {
            assert!(row.starts_with(&format!("{flags:#04x},")), "{row}");
        }
    }
}
