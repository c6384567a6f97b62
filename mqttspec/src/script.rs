//! Packets to send to the broker and to wait for.

use mqtt_wire::{
    Ack, BinaryData, Connect, Delivery, Dialect, List, Packet, PacketId, PacketType, Publish, QoS,
    Subscribe, Subscription, TopicFilter, TopicName, Utf8Str, Version,
};

/// A step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Connects with a fresh client identifier, and waits for the CONNACK.
    Connect,
    /// Waits until the broker has sent a packet of this type.
    Await(PacketType),
    /// Subscribes to a topic, lets another client publish to it, and waits for the messages.
    Receive { qos: QoS, count: usize },
    /// Sends these bytes with the Packet Identifier of one of the messages.
    Acknowledge { bytes: Vec<u8>, message: usize },
    /// Sends nothing.
    Silence(Silence),
}

/// A time without packets, as a part of the Keep Alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    pub keep_alive: KeepAlive,
    /// Whether it is so long that the broker has to close the connection.
    pub is_too_long: bool,
}

/// The Keep Alive that has to be in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// That of the CONNECT, in seconds.
    OfClient(u16),
    /// The Server Keep Alive of the CONNACK.
    OfServer,
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
        self.sent().next_back().unwrap_or_default()
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
        let dialect = Dialect::from_client(self.version);
        self.sent()
            .filter_map(move |it| Packet::decode(it, dialect).ok())
    }

    /// Whether it takes seconds, because the client is silent.
    pub fn has_a_silence(&self) -> bool {
        self.steps.iter().any(|it| matches!(it, Step::Silence(_)))
    }

    fn sent(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.steps.iter().filter_map(|step| match step {
            Step::Send(bytes) | Step::Acknowledge { bytes, .. } => Some(&bytes[..]),
            Step::Connect | Step::Await(_) | Step::Receive { .. } | Step::Silence(_) => None,
        })
    }
}

/// A plain CONNECT.
pub fn connect(version: Version, client_id: &str, login: Option<(&str, &str)>) -> Option<Vec<u8>> {
    let connect = Connect {
        keep_alive: 60,
        ..Connect::new(version, Utf8Str::new(client_id).ok()?)
    };
    encode(version, &Packet::Connect(with_login(connect, login)))
}

/// The same CONNECT with another client identifier and login. `None` if it cannot have them.
pub fn renamed(bytes: &[u8], client_id: &str, login: Option<(&str, &str)>) -> Option<Vec<u8>> {
    let connect = Connect::decode(bytes).ok()?;
    let client_id = match connect.client_id.as_str() {
        "" => connect.client_id,
        _ => Utf8Str::new(client_id).ok()?,
    };
    let connect = Connect {
        client_id,
        ..connect
    };
    let connect = with_login(connect, login);
    encode(connect.version, &Packet::Connect(connect))
}

/// The same CONNECT with another Keep Alive.
pub fn with_keep_alive(bytes: &[u8], keep_alive: u16) -> Option<Vec<u8>> {
    let connect = Connect::decode(bytes).ok()?;
    let connect = Connect {
        keep_alive,
        ..connect
    };
    encode(connect.version, &Packet::Connect(connect))
}

/// An acknowledgement with another Packet Identifier.
pub fn with_packet_id(bytes: &[u8], packet_id: PacketId) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(place) = bytes.get_mut(2..4) {
        place.copy_from_slice(&packet_id.get().to_be_bytes());
    }
    bytes
}

/// A SUBSCRIBE to a topic, for each QoS.
pub fn subscribe(version: Version, topic: &str) -> Option<Vec<u8>> {
    let subscriptions = [Subscription::new(
        TopicFilter::new(topic).ok()?,
        QoS::ExactlyOnce,
    )];
    let subscribe = Subscribe::new(PacketId::new(1)?, List::new(&subscriptions));
    encode(version, &Packet::Subscribe(subscribe))
}

/// A PUBLISH of one byte.
pub fn publish(version: Version, topic: &str, qos: QoS, number: usize) -> Option<Vec<u8>> {
    let (packet_id, dup) = (packet_id(number)?, false);
    let publish = Publish::new(TopicName::new(topic).ok()?, b"m");
    let delivery = match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
    };
    let publish = Publish {
        delivery,
        ..publish
    };
    encode(version, &Packet::Publish(publish))
}

/// The PUBREL of a message.
pub fn pubrel(version: Version, number: usize) -> Option<Vec<u8>> {
    encode(version, &Packet::PubRel(Ack::new(packet_id(number)?)))
}

fn packet_id(number: usize) -> Option<PacketId> {
    PacketId::new(u16::try_from(number).ok()?)
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

fn encode(version: Version, packet: &Packet<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    packet
        .encode(Dialect::from_client(version), &mut bytes)
        .ok()?;
    Some(bytes)
}
