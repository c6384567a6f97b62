//! Copies of what is forwarded.

use std::time::Instant;

use mqtt_wire::Sender;

use super::end::End;
use super::queue::{Content, Message, Queue};
use crate::fixed_header::PacketStarts;

/// Puts copies of the bytes of one direction into the queue.
pub struct Tap<'a> {
    /// `None` if the connection is not shown.
    queue: Option<&'a Queue>,
    connection: u64,
    sender: Sender,
    packet_starts: PacketStarts,
    /// Whether the direction begins with HTTP; `None` before its first byte.
    is_websocket: Option<bool>,
    /// How many bytes did not fit in the queue since the last copy.
    skipped: u64,
}

impl<'a> Tap<'a> {
    pub fn new(queue: Option<&'a Queue>, connection: u64, sender: Sender) -> Self {
        Self {
            queue,
            connection,
            sender,
            packet_starts: PacketStarts::default(),
            is_websocket: None,
            skipped: 0,
        }
    }

    pub fn copy(&mut self, bytes: &[u8]) {
        let Some(queue) = self.queue else {
            return;
        };
        let is_http = matches!(bytes.first(), Some(b'G' | b'H'));
        let start = match self.is_websocket.get_or_insert(is_http) {
            // a frame often begins where bytes are read
            true => 0,
            false => match (self.skipped, self.packet_starts.advance(bytes)) {
                (0, _) => 0,
                (_, start) => start.unwrap_or(bytes.len()),
            },
        };
        let copied = bytes.get(start..).unwrap_or_default();
        let message = self.message(Content::Bytes {
            sender: self.sender,
            skipped: self.skipped + start as u64,
            bytes: copied.into(),
        });
        if !copied.is_empty() && queue.offer(message) {
            self.skipped = 0;
        } else {
            self.skipped += bytes.len() as u64;
        }
    }

    pub fn end(&self, end: End) {
        if let Some(queue) = self.queue {
            let message = self.message(Content::Ended {
                sender: self.sender,
                skipped: self.skipped,
                end,
            });
            queue.push(message);
        }
    }

    fn message(&self, content: Content) -> Message {
        Message {
            connection: self.connection,
            time: Instant::now(),
            content,
        }
    }
}
