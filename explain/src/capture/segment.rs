//! A TCP connection as the applications at both ends saw it.

use std::net::SocketAddr;
use std::time::Duration;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// A number for the connection, from 1 in the order of the first packets.
    pub number: u64,
    /// The sender of the first captured packet.
    pub first: SocketAddr,
    pub second: SocketAddr,
    /// The end that opened the connection, if its SYN or the answer to it was captured.
    pub opener: Option<Peer>,
    /// The SYN of both ends was captured, so both directions begin with their first byte.
    pub from_start: bool,
}

impl Ends {
    pub fn address(&self, peer: Peer) -> SocketAddr {
        match peer {
            Peer::First => self.first,
            Peer::Second => self.second,
        }
    }
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    First,
    Second,
}

impl Peer {
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// A piece of one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The end that sent it.
    pub sender: Peer,
    /// The number of the packet that carried it or proved it, from 1 as in packet analysers. Not
    /// always ascending: a packet that waited for an earlier one keeps its own number.
    pub packet: u64,
    /// When that packet was captured, since 1970; zero if the capture has no times.
    pub time: Duration,
    pub content: Content<'a>,
}

/// The content of a [`Segment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Bytes that follow the previous ones of the same direction without a gap. Never empty.
    Bytes(&'a [u8]),
    /// The number of bytes that were sent here but are not in the capture.
    Gap(u64),
    /// The same, but the last of them may be the FIN instead: only an acknowledgement proves them.
    GapOrFin(u64),
    /// Bytes were sent again, and differ from those that were captured first.
    Changed,
    /// The end closes its direction.
    Fin,
    /// The end resets the connection.
    Reset,
}

/// Why nothing more will come of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Both directions were closed, or the connection was reset.
    Ended,
    /// The capture ends, or has another connection between the same ends.
    CaptureEnds,
    /// There are too many connections at the same time to follow all of them.
    Dropped,
}
