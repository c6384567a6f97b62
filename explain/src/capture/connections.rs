//! From packets to connections.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::flow::Flow;
use super::ip::slice_packet;
use super::link::{NoTcp, RawPacket};
use super::tcp::Connection;

/// Sorts packets into connections.
#[derive(Default)]
pub(super) struct Reader<'a> {
    /// Only connections with this port are kept.
    port: Option<u16>,
    pub packets: u64,
    pub skipped: Skipped,
    connections: Vec<Connection<'a>>,
    /// The newest connection of each pair of addresses (the lower one first).
    current: HashMap<(SocketAddr, SocketAddr), usize>,
}

impl<'a> Reader<'a> {
    pub fn new(port: Option<u16>) -> Self {
        Self {
            port,
            ..Self::default()
        }
    }

    /// The connections, in the order of their first packets.
    pub fn into_flows(self) -> Vec<Flow> {
        let connections = self.connections.into_iter();
        connections.map(Connection::into_flow).collect()
    }

    /// Counts a packet that cannot be read.
    pub fn malformed(&mut self) {
        self.packets += 1;
        self.skipped.malformed += 1;
    }

    /// Adds a packet to its connection.
    pub fn packet(&mut self, raw: RawPacket<'a>) {
        self.packets += 1;
        let packet = match slice_packet(&raw, self.packets) {
            Ok(packet) => packet,
            Err(NoTcp::OtherProtocol) => return self.skipped.not_tcp += 1,
            Err(NoTcp::Fragment) => return self.skipped.fragments += 1,
            Err(NoTcp::Malformed) => return self.skipped.malformed += 1,
            Err(NoTcp::UnknownLink) => return self.skipped.unknown_link += 1,
        };
        let (source, destination) = (packet.source, packet.destination);
        if self
            .port
            .is_some_and(|port| source.port() != port && destination.port() != port)
        {
            return self.skipped.other_port += 1;
        }
        let newest = self.connections.len();
        let index = self
            .current
            .entry((source.min(destination), source.max(destination)))
            .or_insert(newest);
        if self
            .connections
            .get(*index)
            .is_none_or(|connection| connection.is_replaced_by(&packet))
        {
            *index = newest;
            self.connections.push(Connection::new(&packet));
        }
        if let Some(connection) = self.connections.get_mut(*index) {
            connection.packet(&packet);
        }
    }
}

/// Packets that are in no flow, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not TCP over IP.
    pub not_tcp: u64,
    /// IP fragments.
    pub fragments: u64,
    /// With headers that are cut off or contradictory.
    pub malformed: u64,
    /// From an unknown kind of link.
    pub unknown_link: u64,
    /// TCP, but neither side has the wanted port.
    pub other_port: u64,
}
