//! Packets to send to the broker and to wait for.

use mqtt_wire::{BinaryData, Connect, Dialect, Packet, PacketType, Utf8Str, Version};

/// A step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Connects with a fresh client identifier, and waits for the CONNACK.
    Connect,
    /// Waits until the broker has sent a packet of this type.
    Await(PacketType),
}

/// What one client sends on one connection. The last step is the packet that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub version: Version,
    pub steps: Vec<Step>,
}

impl Script {
    /// The last packet.
    pub fn judged(&self) -> &[u8] {
        let sent = self.steps.iter().rev().find_map(|step| match step {
            Step::Send(bytes) => Some(&bytes[..]),
            Step::Connect | Step::Await(_) => None,
        });
        sent.unwrap_or_default()
    }

    /// The type of the last packet; `None` if its first byte has no type.
    pub fn judged_type(&self) -> Option<PacketType> {
        let first = *self.judged().first()?;
        PacketType::ALL
            .into_iter()
            .find(|it| *it as u8 == first >> 4)
    }

    /// The valid packets that the script sends.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Send(bytes) => Packet::decode(bytes, Dialect::from_client(self.version)).ok(),
            Step::Connect | Step::Await(_) => None,
        })
    }
}

/// A plain CONNECT.
pub fn connect(version: Version, client_id: &str, login: Option<(&str, &str)>) -> Option<Vec<u8>> {
    let connect = Connect {
        keep_alive: 60,
        ..Connect::new(version, Utf8Str::new(client_id).ok()?)
    };
    encode(with_login(connect, login))
}

/// The same CONNECT with another client identifier and login. `None` if it cannot have them.
pub fn renamed(bytes: &[u8], client_id: &str, login: Option<(&str, &str)>) -> Option<Vec<u8>> {
    let connect = Connect::decode(bytes).ok()?;
    let client_id = match connect.client_id.as_str() {
        "" => connect.client_id,
        _ => Utf8Str::new(client_id).ok()?,
    };
    encode(with_login(
        Connect {
            client_id,
            ..connect
        },
        login,
    ))
}

/// The same CONNECT with this login.
pub fn with_login<'a>(connect: Connect<'a>, login: Option<(&'a str, &'a str)>) -> Connect<'a> {
    let Some((user_name, password)) = login else {
        return connect;
    };
    Connect {
        user_name: Utf8Str::new(user_name).ok(),
        password: BinaryData::new(password.as_bytes()).ok(),
        ..connect
    }
}

fn encode(connect: Connect<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let dialect = Dialect::from_client(connect.version);
    Packet::Connect(connect).encode(dialect, &mut bytes).ok()?;
    Some(bytes)
}
