//! What the standard leaves open to a client, and where it demands that the client closes.

use mqtt_wire::Version;
use mqtt_wire_vectors::{self as vectors, Error};

use crate::open;
use crate::statement::Statement;

/// The reason why a client may accept an invalid packet. `packet` is the folder of its vector.
pub fn packet(version: vectors::Version, packet: &str, error: &Error) -> Option<&'static str> {
    match version {
        vectors::Version::V3_1 => Some(NO_DUTY_IN_3_1),
        vectors::Version::V3_1_1 if error.kind == "EmptySubAck" => {
            Some("3.1.1 has no statement about an empty SUBACK by itself")
        }
        vectors::Version::V3_1_1 | vectors::Version::V5 => open::packet(version, packet, error),
    }
}

/// The reason why a client may accept a packet that breaks a rule between packets.
pub fn breach(version: Version, kind: &str) -> Option<&'static str> {
    Some(match kind {
        _ if version == Version::V3_1 => NO_DUTY_IN_3_1,
        // 5.0 has a sentence for the Client that receives it
        "PacketTooLarge"
        | "ProblemInformationNotRequested"
        | "ReasonStringTooLarge"
        | "SessionPresentAfterCleanStart"
        | "TopicAliasNotSupported"
        | "TopicAliasTooLarge"
        | "UserPropertyTooLarge"
            if version == Version::V5 =>
        {
            return None;
        }
        "ReceiveMaximumExceeded" => {
            "the Client may have sent the PUBACK before it read the second message"
        }
        _ => "the rule binds the Server; the standard does not ask the Client to close",
    })
}

/// Whether the standard demands that the client closes the connection. In 5.0 a client SHOULD close
/// it after a Malformed Packet or a Protocol Error; only for these is it a MUST.
pub fn must_close(version: Version, kind: &str, statements: &[Statement]) -> bool {
    match version {
        Version::V3_1 => false,
        Version::V3_1_1 => true,
        Version::V5 => {
            kind == "SessionPresentAfterCleanStart"
                // the flags of an AUTH, and Session Present without a Session
                || statements.iter().any(|it| ["MQTT-3.15.1-1", "MQTT-3.2.2-4"].contains(&it.id()))
        }
    }
}

const NO_DUTY_IN_3_1: &str = "3.1 does not ask the Client to close";
