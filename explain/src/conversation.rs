//! Both directions of a recorded connection, packet by packet.

use mqtt_wire::{Packet, Sender, Version};

use crate::decode_rules::DecodeRules;
use crate::event::Event;
use crate::fixed_header::starts_with_connect;
use crate::order::{self, Order};
use crate::other_protocol;
use crate::stream::{Stream, connect_version};
use crate::watch::{self, Beginning};

/// The bytes of both directions, without times.
#[derive(Debug, Default)]
pub struct Conversation {
    client: Vec<u8>,
    server: Vec<u8>,
    rules: DecodeRules,
}

/// The events of a connection in their order.
#[derive(Debug)]
pub struct Transcript<'a> {
    pub events: Vec<Event<'a>>,
    pub version: Option<Version>,
    pub order: Order,
}

impl Conversation {
    pub fn new(client: Vec<u8>, server: Vec<u8>, rules: DecodeRules) -> Self {
        Self {
            client,
            server,
            rules,
        }
    }

    /// The protocol of the bytes, if it is clearly another one than MQTT.
    pub fn other_protocol(&self) -> Option<&'static str> {
        let mut sides = self.sides().into_iter();
        sides.find_map(|(_, bytes)| other_protocol::detect(bytes))
    }

    /// The packets of both directions, with their breaches, in an order that is a guess.
    pub fn transcript(&self, version: Option<Version>) -> Transcript<'_> {
        let learnt = version.or_else(|| self.version());
        let mut events = Vec::new();
        for (sender, bytes) in self.sides() {
            // a CONNECT names its version
            let is_connect = sender == Sender::Client && starts_with_connect(bytes);
            let named = if is_connect { version } else { learnt };
            let stream = Stream::read(bytes, named, Some(sender), self.rules);
            events.extend(stream.records.into_iter().map(Event::Packet));
            if stream.unread > 0 {
                events.push(Event::Unread {
                    sender,
                    length: stream.unread,
                });
            }
        }
        let order = check(&mut events);
        Transcript {
            events,
            version: learnt,
            order,
        }
    }

    fn sides(&self) -> [(Sender, &[u8]); 2] {
        [
            (Sender::Client, &self.client),
            (Sender::Server, &self.server),
        ]
    }

    /// The version that CONNECT names, or in which most packets are valid.
    fn version(&self) -> Option<Version> {
        if starts_with_connect(&self.client) {
            if let Some(version) = connect_version(&self.client) {
                return Some(version);
            }
        }
        let good_packets = |version: &Version| {
            let of_side = |(sender, bytes)| {
                let stream = Stream::read(bytes, Some(*version), Some(sender), self.rules);
                stream.records.iter().filter(|it| it.is_accepted()).count()
            };
            self.sides().map(of_side).iter().sum::<usize>()
        };
        // among equals, the last one
        [Version::V3_1, Version::V3_1_1, Version::V5]
            .into_iter()
            .max_by_key(good_packets)
    }
}

/// Finds an order, and sets the breaches.
fn check(events: &mut Vec<Event<'_>>) -> Order {
    let has = |sender| events.iter().any(|it| it.sender() == sender);
    if !has(Sender::Client) || !has(Sender::Server) {
        return Order::Recorded;
    }
    let is_connect = |it: &Event<'_>| matches!(it.packet(), Some(Packet::Connect(_)));
    let mut of_client = events.iter().filter(|it| it.sender() == Sender::Client);
    let beginning = if of_client.any(is_connect) {
        Beginning::Seen
    } else {
        Beginning::Unseen
    };
    let order = order::interleave(events, beginning);
    if order != Order::Unknown {
        watch::check(events, beginning);
    }
    order
}
