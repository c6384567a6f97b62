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

/// The reason why a client may accept a packet that breaks this statement.
pub fn statement(name: &str) -> Option<&'static str> {
    let Some(id) = name.strip_prefix("v5.0 ") else {
        return open::statement(name);
    };
    (open::is_without_a_code(id) || WITHOUT_A_CODE.contains(&id)).then_some(
        "5.0 advises the Client to close for errors that have a Reason Code in the text, and states \
         this rule for the Server without one",
    )
}

/// Statements of 5.0 about packets of the Server, where the text does not call the packet a Malformed
/// Packet or a Protocol Error. The advice to close, in 4.13.1, is for errors for which "a Reason Code is
/// given in the specification".
const WITHOUT_A_CODE: [&str; 11] = [
    "MQTT-2.2.1-4",
    "MQTT-3.2.2-1",
    "MQTT-3.2.2-6",
    "MQTT-3.2.2-8",
    "MQTT-3.8.4-7",
    "MQTT-3.9.3-2",
    "MQTT-3.11.3-2",
    "MQTT-3.14.2-2",
    // 3.1.2.11.10 has the sentence for a CONNECT, and 3.2.2.3.18 has none for a CONNACK
    "U-authdata",
    "U-suback-empty",
    "U-unsuback-empty",
];

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

/// The reason why this breach, `STATEMENT: TEXT`, is no fault of a library. A library may leave it to
/// the program to read the limits in the CONNACK, and the adapters do not read them.
pub fn left_to_program(breach: &str) -> Option<&'static str> {
    let (statement, _) = breach.split_once(": ")?;
    let id = statement.strip_prefix("v5.0 ")?;
    LIMITS.contains(&id).then_some(
        "the rule binds the Client, which is the library and the program, and the program does not \
         read the limits in the CONNACK",
    )
}

/// Maximum QoS, Retain Available, Maximum Packet Size and Receive Maximum of the Server.
const LIMITS: [&str; 4] = [
    "MQTT-3.2.2-11",
    "MQTT-3.2.2-14",
    "MQTT-3.2.2-15",
    "MQTT-3.3.4-7",
];

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
