//! Conversations: the packets of both sides of a connection.

use mqtt_wire::{Dialect, EncodeError, Sender, Version};

use crate::Packet;

/// The packets of one connection, in the order in which they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The version that both sides use.
    pub version: Version,
    /// Each packet and its sender.
    pub packets: Vec<(Sender, Packet)>,
}

impl Conversation {
    /// The bytes of each packet, and its sender.
    ///
    /// # Errors
    ///
    /// The error of the first packet that cannot be encoded.
    pub fn encode(&self) -> Result<Vec<(Sender, Vec<u8>)>, EncodeError> {
        let packets = self.packets.iter();
        packets
            .map(|(sender, packet)| {
                let dialect = Dialect::new(self.version, *sender);
                Ok((*sender, packet.encode(dialect)?))
            })
            .collect()
    }
}
