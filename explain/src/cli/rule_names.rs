//! The names of waivers and optional rules, with a line of help for each.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use mqtt_wire::{OptionalRules, Waivers};

/// Reads the name of a waiver.
pub fn waiver_parser() -> impl TypedValueParser<Value = Waivers> {
    let names = Waivers::ALL.iter().map(|(name, _)| name);
    let values = names.map(|name| PossibleValue::new(name).help(waiver_help(name)));
    PossibleValuesParser::new(values)
        .try_map(|name| Waivers::from_name(&name.to_uppercase()).ok_or("no waiver has this name"))
}

/// Reads the name of an optional rule.
pub fn optional_rule_parser() -> impl TypedValueParser<Value = OptionalRules> {
    let names = OptionalRules::ALL.iter().map(|(name, _)| name);
    let values = names.map(|name| PossibleValue::new(name).help(optional_rule_help(name)));
    PossibleValuesParser::new(values).try_map(|name| {
        OptionalRules::from_name(&name.to_uppercase()).ok_or("no optional rule has this name")
    })
}

/// The packets that a waiver accepts.
fn waiver_help(name: &str) -> &'static str {
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

/// An optional rule.
fn optional_rule_help(name: &str) -> &'static str {
    match name {
        "NO_DISCOURAGED_CHARACTERS" => "No control characters and no non-characters in texts",
        "SHORT_CLIENT_ID" => "3.1: a client identifier has at most 23 characters",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_help() {
        for (name, _) in Waivers::ALL.iter() {
            assert_ne!(waiver_help(name), "", "{name}");
        }
        for (name, _) in OptionalRules::ALL.iter() {
            assert_ne!(optional_rule_help(name), "", "{name}");
        }
    }
}
