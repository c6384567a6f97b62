//! A message that a client publishes or receives.

use mqtt_wire::{
    Delivery, Dialect, PacketId, PacketType, Properties, PropertiesBuf, Property, Publish, QoS,
    Version,
};

/// A message that a client publishes or receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Empty if only a Topic Alias names it.
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
    pub dup: bool,
    /// `None` in a message that was not sent yet.
    pub packet_id: Option<PacketId>,
    properties: PropertiesBuf,
}

impl Message {
    /// A message with QoS 1 and without properties.
    pub fn new(topic: &str, payload: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.as_bytes().to_vec(),
            qos: QoS::AtLeastOnce,
            retain: false,
            dup: false,
            packet_id: None,
            properties: properties(&[], Dialect::from_client(Version::V5)),
        }
    }

    pub fn qos(self, qos: QoS) -> Self {
        Self { qos, ..self }
    }

    pub fn retained(self) -> Self {
        Self {
            retain: true,
            ..self
        }
    }

    pub fn dup(self) -> Self {
        Self { dup: true, ..self }
    }

    /// Has this Packet Identifier instead of a new one.
    pub fn numbered(self, packet_id: PacketId) -> Self {
        let packet_id = Some(packet_id);
        Self { packet_id, ..self }
    }

    /// Replaces the properties, which only 5.0 has.
    pub fn with(self, list: &[Property<'_>]) -> Self {
        Self {
            properties: properties(list, Dialect::from_client(Version::V5)),
            ..self
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    pub fn properties(&self) -> Properties<'_> {
        self.properties.as_properties()
    }

    pub(super) fn of(publish: &Publish<'_>) -> Self {
        let list: Vec<_> = publish.properties.iter().collect();
        let topic = publish.topic_name.map(|it| it.as_str().to_owned());
        Self {
            topic: topic.unwrap_or_default(),
            payload: publish.payload.to_vec(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            dup: publish.delivery.dup(),
            packet_id: publish.delivery.packet_id(),
            properties: properties(&list, Dialect::from_server(Version::V5)),
        }
    }

    pub(super) fn delivery(&self, packet_id: PacketId) -> Delivery {
        Delivery::new(self.qos, packet_id).with_dup(self.dup)
    }
}

fn properties(list: &[Property<'_>], dialect: Dialect) -> PropertiesBuf {
    let written = PropertiesBuf::new(Properties::new(list), PacketType::Publish, dialect);
    written.unwrap_or_else(|error| panic!("properties of a message: {error:?}"))
}
