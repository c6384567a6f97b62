//! Which rules are waived and which are added, by name.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use mqtt_wire::{
    DecodeError, Dialect, ErrorKind, FrameRef, Framed, OptionalRules, Packet, Version, Waivers,
};

/// What is waived and what is added to the rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    pub waivers: Waivers,
    pub rules: OptionalRules,
}

impl Terms {
    /// The terms of a dialect.
    pub fn of(dialect: Dialect) -> Self {
        Self {
            waivers: dialect.waivers(),
            rules: dialect.optional_rules(),
        }
    }

    /// The dialect on these terms.
    pub fn applied_to(self, dialect: Dialect) -> Dialect {
        dialect.waiving(self.waivers).enforcing(self.rules)
    }
}

/// Reads the name of a waiver.
pub fn waiver_parser() -> impl TypedValueParser<Value = Waivers> {
    let names = Waivers::ALL.iter().map(|(name, _)| name);
    let values = names.map(|name| PossibleValue::new(name).help(waiver_text(name)));
    PossibleValuesParser::new(values)
        .try_map(|name| Waivers::from_name(&name.to_uppercase()).ok_or("no waiver has this name"))
}

/// Reads the name of a rule that may be added.
pub fn rule_parser() -> impl TypedValueParser<Value = OptionalRules> {
    let names = OptionalRules::ALL.iter().map(|(name, _)| name);
    let values = names.map(|name| PossibleValue::new(name).help(rule_text(name)));
    PossibleValuesParser::new(values)
        .try_map(|name| OptionalRules::from_name(&name.to_uppercase()).ok_or("no such rule"))
}

/// What is waived, in a line.
fn waiver_text(name: &str) -> &'static str {
    match name {
        "WILL_FLAGS" => "Will QoS and Will Retain without a Will",
        "PASSWORD_WITHOUT_USER_NAME" => "3.1 and 3.1.1: a password without a user name",
        "EMPTY_CLIENT_ID" => "3.1 and 3.1.1: an empty client identifier where it is not allowed",
        "CONNECT_TRAILING_BYTES" => "Bytes after the last field of CONNECT",
        "BRIDGE_PROTOCOL_LEVEL" => "Bit 7 of the Protocol Level, which mosquitto's bridges set",
        "PACKET_ID_ZERO" => "Packet Identifier 0",
        "ACK_FLAGS" => "Flags 0010 on PUBACK, PUBREC, PUBCOMP, SUBACK and UNSUBACK",
        "UNSUBSCRIBE_FLAGS" => "3.1: flags 0000 on UNSUBSCRIBE",
        "CONNECT_FLAGS" => "Flags 0010 on CONNECT",
        "CONNACK_V5_FORM" => "3.1 and 3.1.1: a refusing CONNACK in the form of 5.0",
        "SUBACK_FAILURE" => "3.1: the code 0x80 in SUBACK",
        "REMAINING_LENGTH_NOT_SHORTEST" => {
            "3.1 and 3.1.1: a Remaining Length in more bytes than it needs"
        }
        "NO_MATCHING_SUBSCRIBERS" => "5.0: the code 0x10 in PUBACK and PUBREC from a client",
        "EMPTY_RESPONSE_TOPIC" => "5.0: an empty Response Topic",
        _ => "",
    }
}

/// What is added, in a line.
fn rule_text(name: &str) -> &'static str {
    match name {
        "NO_DISCOURAGED_CHARACTERS" => "No control characters and no non-characters in texts",
        "SHORT_CLIENT_ID" => "3.1: a client identifier has at most 23 characters",
        _ => "",
    }
}

/// The rule that had to be added for this error.
pub fn added_rule(error: DecodeError) -> Option<&'static str> {
    let rule = match (error.kind(), error.version()) {
        (ErrorKind::DiscouragedCharacter, _) => OptionalRules::NO_DISCOURAGED_CHARACTERS,
        (ErrorKind::ClientIdTooLong, Some(Version::V3_1)) => OptionalRules::SHORT_CLIENT_ID,
        _ => return None,
    };
    rule.iter().map(|(name, _)| name).next()
}

/// Waivers for a refused packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remedy {
    /// The one for the error at hand, after which there may be others.
    pub waiver: Waivers,
    /// All that the packet needs to be accepted, if that is possible.
    pub all: Waivers,
}

impl Remedy {
    /// What helps where `dialect` refuses the packet at the beginning of `bytes` with `error`.
    pub fn find(error: DecodeError, bytes: &[u8], dialect: Dialect) -> Self {
        let none = Self::default();
        let Some(waiver) = Waivers::of(&error.violation()) else {
            return none;
        };
        // whether a waiver covers the error depends on more than the violation: it is tried
        let mut granted = waiver;
        loop {
            let lenient = dialect.waiving(dialect.waivers() | granted);
            let decoded = match FrameRef::split(bytes, lenient, u32::MAX) {
                // no waiver is for what follows the packet
                Ok(Framed::Frame(frame)) if error.offset() >= frame.bytes().len() => return none,
                Ok(Framed::Frame(frame)) => frame.decode_waiving(lenient, |_| {}).map(|_| granted),
                Ok(Framed::NeedMore(_)) => Ok(Waivers::NONE),
                Err(next) => Err(next),
            };
            let next = match decoded {
                Ok(all) => return Self { waiver, all },
                Err(next) if is_same(next, error) => return none,
                Err(next) => next,
            };
            match Waivers::of(&next.violation()) {
                Some(another) if !granted.contains(another) => granted = granted | another,
                _ => return Self { waiver, ..none },
            }
        }
    }
}

/// Decodes a frame, and notes what is let pass.
pub fn decode<'a>(
    frame: FrameRef<'a>,
    dialect: Dialect,
    waived: &mut Vec<DecodeError>,
) -> Result<Packet<'a>, DecodeError> {
    let decoded = frame.decode_waiving(dialect, |error| waived.push(error));
    if let Err(error) = decoded {
        // a waiver need not cover all that it is tried for
        waived.retain(|waived| !is_same(*waived, error));
    }
    decoded
}

/// Whether both are about the same rule at the same place.
pub fn is_same(one: DecodeError, other: DecodeError) -> bool {
    (one.kind(), one.offset()) == (other.kind(), other.offset())
}

/// The names of waivers.
pub fn names(waivers: Waivers) -> Vec<&'static str> {
    waivers.iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_waiver_and_every_rule_is_explained() {
        for (name, _) in Waivers::ALL.iter() {
            assert_ne!(waiver_text(name), "", "{name}");
        }
        for (name, _) in OptionalRules::ALL.iter() {
            assert_ne!(rule_text(name), "", "{name}");
        }
    }

    #[test]
    fn finds_all_waivers_that_a_packet_needs() {
        let dialect = Dialect::from_client(Version::V3_1_1);
        let find = |bytes: &[u8]| {
            let error = Packet::decode(bytes, dialect).unwrap_err();
            let remedy = Remedy::find(error, bytes, dialect);
            (names(remedy.waiver), names(remedy.all))
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
