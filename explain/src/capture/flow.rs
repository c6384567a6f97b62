//! A TCP connection as the applications at both ends saw it.

use std::net::SocketAddr;
use std::time::Duration;

/// One TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The side that opened the connection. If the capture began later: the side that talks to a
    /// usual MQTT port, otherwise the side that sent first.
    pub client: SocketAddr,
    /// The other side.
    pub server: SocketAddr,
    /// Both directions, in the order in which the applications could read the bytes.
    pub segments: Vec<Segment>,
    /// The handshake was captured, so both directions begin with their first byte.
    pub from_start: bool,
    /// The first FIN or RST, if there was one.
    pub ending: Option<Ending>,
}

/// A piece of one direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its direction.
    pub direction: Direction,
    /// The number of the packet that carried it (or that revealed the gap), from 1 as in packet
    /// analysers. Not always ascending: a late packet keeps its own number.
    pub packet: u64,
    /// When that packet was captured, since 1970; zero if the capture has no times.
    pub time: Duration,
    /// The bytes, or how many are missing.
    pub data: Data,
}

/// The content of a [`Segment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Bytes that follow the previous ones of the same direction without a gap. Never empty.
    Bytes(Vec<u8>),
    /// The number of bytes that were sent here but are not in the capture.
    Gap(u64),
}

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ClientToServer,
    /// From the server to the client.
    ServerToClient,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The direction of the FIN or RST.
    pub by: Direction,
    /// With a reset (RST) rather than an orderly close (FIN).
    pub reset: bool,
    /// The number of the packet that ended it.
    pub packet: u64,
    /// When that packet was captured.
    pub time: Duration,
}
