//! The bytes that were found.

use mqtt_wire::{Dialect, Version};

use super::error::InputError;
use crate::fixed_header::{is_packets, starts_with_connect};

/// What was found. None of the bytes are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes of one side.
    Bytes(Vec<u8>),
    /// The bytes of both sides of a connection.
    Sides { client: Vec<u8>, server: Vec<u8> },
    /// A pcap or pcapng file, or one that was made of several packets in a hex dump.
    Capture(Vec<u8>),
}

/// The bytes as a form has them.
pub(super) enum Found {
    Bytes(Vec<u8>),
    Dialogue(Dialogue),
    /// Packets, often with the headers of lower layers.
    Packets(Vec<Vec<u8>>),
}

/// The bytes that each of two sides sent.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    pub first: Vec<u8>,
    pub second: Vec<u8>,
}

impl Dialogue {
    pub(super) fn side(&mut self, is_first: bool) -> &mut Vec<u8> {
        if is_first {
            &mut self.first
        } else {
            &mut self.second
        }
    }

    /// Finds out which side is the client.
    pub(super) fn content(self, text: &str) -> Result<Content, InputError> {
        let Self { first, second } = self;
        let sides = |client, server| Ok(Content::Sides { client, server });
        if first.is_empty() && second.is_empty() {
            return Err(InputError::new(text, text.len(), "no bytes found"));
        } else if second.is_empty() {
            return Ok(Content::Bytes(first));
        } else if first.is_empty() {
            return Ok(Content::Bytes(second));
        } else if can_be(&first, &second) {
            return sides(first, second);
        } else if can_be(&second, &first) {
            return sides(second, first);
        }
        let problem = "both sides of a connection, and it is not clear which one is the client; \
                       use --c2s and --s2c";
        Err(InputError::new(text, 0, problem))
    }
}

/// Whether bytes can be those of the client and of the server, and not the other way round.
fn can_be(client: &[u8], server: &[u8]) -> bool {
    let is_valid = |client, server| {
        Version::ALL.into_iter().any(|version| {
            is_packets(client, Dialect::from_client(version))
                && is_packets(server, Dialect::from_server(version))
        })
    };
    match (starts_with_connect(client), starts_with_connect(server)) {
        (true, false) => true,
        (false, true) => false,
        // WebSocket
        _ if client.starts_with(b"GET ") => server.starts_with(b"HTTP/"),
        _ => is_valid(client, server) && !is_valid(server, client),
    }
}
