//! Packet captures: from a pcap or pcapng file to the bytes of TCP connections, as they are read.
//!
//! A [`PacketReader`] returns the packets of a file or of a pipe. [`Connections`] finds the TCP
//! connection of each, and hands the bytes of both directions to an [`Observer`], in the order in
//! which the applications could read them. Bytes that the capture does not have become a gap, at the
//! place where a sequence number or an acknowledgement proves them. The memory is limited, however
//! long the capture is.

mod connections;
mod error;
mod fragments;
mod ip;
mod link;
mod packets;
mod pcap;
mod pcapng;
mod raw;
mod segment;
mod skipped;
mod tcp;
#[cfg(test)]
mod tests;
mod wifi;

pub use self::connections::{Connections, Followed, Observer};
pub use self::ip::tcp_payload;
pub use self::packets::{Damage, Next, PacketReader};
pub use self::pcap::write as write_pcap;
pub use self::segment::{Content, Ends, Outcome, Peer, Segment};
pub use self::skipped::Skipped;

use self::pcap::is_pcap;
use self::pcapng::is_pcapng;

/// How many bytes at its beginning show whether a file is a capture.
pub const MAGIC_LEN: usize = 12;

/// Whether the bytes begin like a pcap or pcapng file.
pub fn is_capture(bytes: &[u8]) -> bool {
    is_pcap(bytes) || is_pcapng(bytes)
}
