//! The rules by which packets are decoded: which are waived, and which optional ones are added.

use mqtt_wire::{
    DecodeError, Dialect, ErrorKind, FrameRef, NextFrame, OptionalRules, Packet, Version, Waivers,
};

/// The rules that the user waived and added.
#[derive(Debug, Clone, Copy, Default)]
pub struct DecodeRules {
    pub waivers: Waivers,
    pub optional: OptionalRules,
}

impl DecodeRules {
    /// The rules of a dialect.
    pub fn of(dialect: Dialect) -> Self {
        Self {
            waivers: dialect.waivers(),
            optional: dialect.optional_rules(),
        }
    }

    /// The dialect with these rules.
    pub fn apply_to(self, dialect: Dialect) -> Dialect {
        dialect.waiving(self.waivers).enforcing(self.optional)
    }
}

/// Decodes a frame. Each violation that a waiver accepts is added to `waived`.
pub fn decode<'a>(
    frame: FrameRef<'a>,
    dialect: Dialect,
    waived: &mut Vec<DecodeError>,
) -> Result<Packet<'a>, DecodeError> {
    let decoded = frame.decode_waiving(dialect, |error| waived.push(error));
    if let Err(error) = decoded {
        // the decoder tried a waiver that does not cover this error
        waived.retain(|waived| !is_same(*waived, error));
    }
    decoded
}

/// Whether both errors are about the same rule at the same place.
pub fn is_same(one: DecodeError, other: DecodeError) -> bool {
    (one.kind(), one.offset()) == (other.kind(), other.offset())
}

/// The name of the optional rule that an error breaks.
pub fn optional_rule(error: DecodeError) -> Option<&'static str> {
    let rule = match (error.kind(), error.version()) {
        (ErrorKind::DiscouragedCharacter, _) => OptionalRules::NO_DISCOURAGED_CHARACTERS,
        (ErrorKind::ClientIdTooLong, Some(Version::V3_1)) => OptionalRules::SHORT_CLIENT_ID,
        _ => return None,
    };
    rule.iter().map(|(name, _)| name).next()
}

/// The waivers that a refused packet needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct NeededWaivers {
    /// The waiver for the first error.
    pub first: Waivers,
    /// All waivers that the packet needs to be accepted; empty if no set of waivers is enough.
    pub all: Waivers,
}

impl NeededWaivers {
    /// Finds the waivers for the packet at the beginning of `bytes`, which `dialect` refuses with
    /// `error`.
    pub fn find(error: DecodeError, bytes: &[u8], dialect: Dialect) -> Self {
        let none = Self::default();
        let Some(first) = Waivers::of(&error.violation()) else {
            return none;
        };
        // only decoding shows whether the waiver covers the error
        let mut granted = first;
        loop {
            let lenient = dialect.waiving(dialect.waivers() | granted);
            let decoded = match FrameRef::split(bytes, lenient, u32::MAX) {
                // no waiver covers bytes after the packet
                Ok(NextFrame::Frame(frame)) if error.offset() >= frame.bytes().len() => {
                    return none;
                }
                Ok(NextFrame::Frame(frame)) => {
                    frame.decode_waiving(lenient, |_| {}).map(|_| granted)
                }
                Ok(NextFrame::NeedMore(_)) => Ok(Waivers::NONE),
                Err(next) => Err(next),
            };
            let next = match decoded {
                Ok(all) => return Self { first, all },
                Err(next) if is_same(next, error) => return none,
                Err(next) => next,
            };
            match Waivers::of(&next.violation()) {
                Some(another) if !granted.contains(another) => granted = granted | another,
                _ => return Self { first, ..none },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn finds_all_waivers_that_a_packet_needs() {
        let dialect = Dialect::from_client(Version::V3_1_1);
        let find = |bytes: &[u8]| {
            let error = Packet::decode(bytes, dialect).unwrap_err();
            let needed = NeededWaivers::find(error, bytes, dialect);
            (names::waivers(needed.first), names::waivers(needed.all))
        };
        let both = b"\x12\x0d\0\x04MQTT\x04\x0a\0\x3c\0\x01p";
        let all = vec!["WILL_FLAGS", "CONNECT_FLAGS"];
        assert_eq!(find(both), (vec!["CONNECT_FLAGS"], all));
        // the reserved flag cannot be waived
        let not_all = b"\x12\x0d\0\x04MQTT\x04\x0b\0\x3c\0\x01p";
        assert_eq!(find(not_all), (vec!["CONNECT_FLAGS"], vec![]));
        // no bridge has level 6
        let level = b"\x10\x0d\0\x04MQTT\x06\x02\0\x3c\0\x01p";
        assert_eq!(find(level), (vec![], vec![]));
    }
}
