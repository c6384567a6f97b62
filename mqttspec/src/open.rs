//! What the standard leaves open: packets that a broker may accept without breaking a statement
//! that binds it.

use mqtt_wire_vectors::{Error, Version};

/// The reason why a broker may accept an invalid packet. `packet` is the folder of its vector.
pub fn packet(version: Version, packet: &str, error: &Error) -> Option<&'static str> {
    let is_acknowledgement = ["puback", "pubrec", "pubrel", "pubcomp"].contains(&packet);
    Some(match (version, &error.kind[..], &error.field[..]) {
        (Version::V3_1, ..) => NO_DUTY_IN_3_1,
        (Version::V3_1_1, "VariableByteIntegerNotShortest", _) => {
            "3.1.1 does not state that a length has its shortest form"
        }
        (_, "RemainingLength", _) => {
            "the standard gives this length, and does not state that others are refused"
        }
        (_, "TrailingBytes", _)
        | (_, "UnannouncedPassword" | "UnannouncedUserName" | "UnannouncedWill", _) => {
            "no statement forbids bytes behind the last field"
        }
        (_, "UnsupportedProtocolName", _) => {
            "a broker may continue with another specification for another Protocol Name"
        }
        (_, "UnsupportedProtocolLevel", _) => "a broker may support another Protocol Level",
        (_, "DuplicateProperty", "Payload Format Indicator" | "Message Expiry Interval")
            if packet == "publish" =>
        {
            "5.0 does not state that this property appears only once in a PUBLISH"
        }
        (_, "PropertyValue", "Payload Format Indicator") => {
            "5.0 lists the values 0 and 1, and does not forbid others"
        }
        (_, "EmptyTopicName", "Response Topic") => {
            "5.0 does not state that a Response Topic cannot be empty"
        }
        (_, "WildcardInTopicName", "Response Topic") if packet == "connect" => {
            "5.0 forbids wildcards in the Response Topic of a PUBLISH, not of a Will"
        }
        (_, "AuthenticationMethodMissing", _) => {
            "5.0 allows an AUTH without properties in one place and demands the method in another"
        }
        (_, "PacketIdZero", _) if is_acknowledgement => {
            "the standard forbids Packet Identifier 0 in requests, not in acknowledgements"
        }
        (_, "ReasonCodeWrongSender" | "ReasonCodeNotAllowed", _) if is_acknowledgement => {
            "5.0 states which side sends which code, and not that the other side refuses it"
        }
        _ => return None,
    })
}

/// The reason why a broker may accept a packet that breaks a rule between packets.
pub fn breach(version: Version, kind: &str) -> Option<&'static str> {
    Some(match kind {
        // 3.1, too, states that the Server disconnects the Client
        "KeepAliveMissed" | "ServerKeepAliveMissed" => return None,
        _ if version == Version::V3_1 => NO_DUTY_IN_3_1,
        "FirstPacketNotConnect"
        | "SecondConnect"
        | "AfterDisconnect"
        | "AuthenticationNotRequested"
        | "TopicAliasNotSupported"
        | "TopicAliasTooLarge"
        | "TopicAliasUnknown"
        | "PacketTooLarge"
        | "QosNotSupported"
        | "RetainNotSupported"
        | "SharedNotSupported"
        | "SubscriptionIdNotSupported"
        | "WildcardNotSupported" => return None,
        _ => "the rule binds the Client; the standard does not ask the Server to close",
    })
}

/// The reason why a broker may accept a packet that breaks this statement.
pub fn statement(name: &str) -> Option<&'static str> {
    if ["v3.1.1 U-dir", "v5.0 U-dir"].contains(&name) {
        return Some("a table lists who sends which packet, and no statement forbids the others");
    }
    let id = name.strip_prefix("v5.0 ")?;
    is_without_a_code(id).then_some(
        "5.0 asks the Server to close for errors that have a Reason Code in the text, and states this \
         rule for the sender without one",
    )
}

/// Whether this statement of 5.0 binds the sender, and the text has no Reason Code for it.
pub fn is_without_a_code(id: &str) -> bool {
    WITHOUT_A_CODE.contains(&id)
}

/// Statements of 5.0 with a rule for the sender, where the text does not call the packet a Malformed
/// Packet or a Protocol Error. MQTT-4.13.1-1 asks the Server to close if "a Reason Code is given in the
/// specification".
const WITHOUT_A_CODE: [&str; 18] = [
    "MQTT-1.5.5-1",
    "MQTT-2.2.1-3",
    "MQTT-3.1.0-1",
    "MQTT-3.3.1-2",
    "MQTT-3.3.2-2",
    "MQTT-3.3.2-14",
    "MQTT-3.14.2-1",
    "MQTT-3.14.4-1",
    "MQTT-3.15.2-1",
    "MQTT-4.7.0-1",
    "MQTT-4.7.1-1",
    "MQTT-4.7.1-2",
    "MQTT-4.7.3-1",
    "MQTT-4.8.2-1",
    "MQTT-4.8.2-2",
    "MQTT-4.12.0-7",
    "U-auth-dir",
    "U-disc-dir",
];

const NO_DUTY_IN_3_1: &str = "3.1 does not ask the Server to close";
