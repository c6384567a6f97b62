//! Packets as they are in a file.

use std::time::Duration;

use pcap_parser::Linktype;

/// A packet as it is in the file.
pub struct RawPacket<'a> {
    pub(super) link: Linktype,
    pub(super) time: Duration,
    /// How many bytes at its end were not recorded.
    pub(super) cut: u32,
    pub(super) bytes: &'a [u8],
}

impl RawPacket<'_> {
    /// When it was captured, since 1970; zero if the capture has no times.
    pub fn time(&self) -> Duration {
        self.time
    }
}

/// Why a packet has no TCP segment that can be used.
pub(super) enum NoTcp {
    OtherProtocol,
    /// UDP with these ports.
    Udp([u16; 2]),
    Malformed,
    Encrypted,
    UnknownLink(Linktype),
}

/// The length of a record or block.
pub(super) enum RecordLen {
    Known(usize),
    /// More bytes have to show it.
    Unknown,
    Impossible,
}
