//! The names of versions, sides and codes, read and written.

use mqtt_wire::{
    DecodeError, Dialect, PacketType, ReasonCode, ReturnCode, Sender, Version, Waivers,
};

/// "client" or "server", as in JSON and in options.
pub fn sender(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "client",
        Sender::Server => "server",
    }
}

/// The side that receives what `sender` sends.
pub fn receiver(of: Sender) -> &'static str {
    sender(match of {
        Sender::Client => Sender::Server,
        Sender::Server => Sender::Client,
    })
}

/// Reads the name of a side.
pub fn read_sender(name: &str) -> Result<Sender, String> {
    match name {
        "client" => Ok(Sender::Client),
        "server" => Ok(Sender::Server),
        other => Err(format!("unknown sender {other:?}")),
    }
}

/// Reads the name of a version: "3.1", "3.1.1" or "5.0".
pub fn read_version(name: &str) -> Result<Version, String> {
    let mut versions = Version::ALL.into_iter();
    let version = versions.find(|version| version.to_string() == name);
    version.ok_or_else(|| format!("unknown version {name:?}"))
}

/// "3.1, 3.1.1 and 5.0".
pub fn versions(versions: &[Version]) -> String {
    match versions {
        [] => String::new(),
        [only] => only.to_string(),
        [others @ .., last] => {
            let others: Vec<_> = others.iter().map(Version::to_string).collect();
            format!("{} and {last}", others.join(", "))
        }
    }
}

/// "3.1.1 and 5.0 from the client".
pub fn dialects(dialects: &[Dialect]) -> String {
    let versions_from = |sender: Sender| {
        let has = |version: &Version| dialects.contains(&Dialect::new(*version, sender));
        let found: Vec<_> = Version::ALL.into_iter().filter(has).collect();
        versions(&found)
    };
    let (client, server) = (versions_from(Sender::Client), versions_from(Sender::Server));
    match (client.as_str(), server.as_str()) {
        (client, "") => format!("{client} from the client"),
        ("", server) => format!("{server} from the server"),
        (client, server) if client == server => format!("{client} from either side"),
        _ => format!("{client} from the client, {server} from the server"),
    }
}

/// The names of waivers.
pub fn waivers(waivers: Waivers) -> Vec<&'static str> {
    waivers.iter().map(|(name, _)| name).collect()
}

/// The return code of CONNACK before 5.0 that has the meaning of a Reason Code.
pub fn return_code(code: ReasonCode) -> Option<u8> {
    ReturnCode::try_from(code).ok().map(u8::from)
}

/// The code that an error has in its version: a Reason Code, or before 5.0 a return code.
pub fn error_code(error: DecodeError) -> Option<u8> {
    let code = error.reason_code()?;
    match error.version() {
        Some(Version::V3_1 | Version::V3_1_1) => return_code(code),
        Some(Version::V5) | None => Some(code.into()),
    }
}

/// "0x87 Not authorized"; before 5.0 with the number of the return code.
pub fn code(code: ReasonCode, version: Version) -> String {
    match (version, return_code(code)) {
        (Version::V3_1 | Version::V3_1_1, Some(byte)) => format!("0x{byte:02X} {code}"),
        _ => format!("0x{:02X} {code}", u8::from(code)),
    }
}

/// The meaning of a code byte in this type of packet.
pub fn code_byte(byte: u8, packet_type: PacketType, version: Version) -> &'static str {
    match (version, packet_type, byte) {
        (Version::V5, PacketType::SubAck, 0) => "Granted QoS 0",
        (Version::V5, PacketType::Disconnect, 0) => "Normal disconnection",
        (Version::V5, _, _) => {
            ReasonCode::try_from(byte).map_or("(no Reason Code)", ReasonCode::name)
        }
        (_, PacketType::SubAck, 0) => "Granted QoS 0",
        (_, PacketType::SubAck, 1) => "Granted QoS 1",
        (_, PacketType::SubAck, 2) => "Granted QoS 2",
        (_, PacketType::SubAck, 0x80) => "Failure",
        (_, PacketType::ConnAck, 0) => "Connection accepted",
        (_, PacketType::ConnAck, 1) => "Unacceptable protocol version",
        (_, PacketType::ConnAck, 2) => "Identifier rejected",
        (_, PacketType::ConnAck, 3) => "Server unavailable",
        (_, PacketType::ConnAck, 4) => "Bad user name or password",
        (_, PacketType::ConnAck, 5) => "Not authorized",
        _ => "(no Return Code)",
    }
}
