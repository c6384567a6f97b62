//! Packet captures: from a pcap or pcapng file to reassembled TCP connections.
//!
//! [`read`] returns one [`Flow`] for each TCP connection. The bytes of a flow are in the order in
//! which the applications read them, both directions interleaved as they were captured. Bytes that
//! the capture does not hold become a gap.

mod connections;
mod error;
mod flow;
mod ip;
mod link;
mod pcap;
mod pcapng;
mod tcp;
#[cfg(test)]
mod tests;

pub use self::connections::Skipped;
pub use self::error::CaptureError;
pub use self::flow::{Data, Direction, Flow};
pub use self::ip::tcp_payload;
pub use self::pcap::write as write_pcap;

use self::connections::Reader;
use self::pcap::is_pcap;
use self::pcapng::is_pcapng;

/// The content of a capture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The TCP connections, in the order of their first packets.
    pub flows: Vec<Flow>,
    /// How many packets the file holds.
    pub packets: u64,
    /// The packets that are in no flow.
    pub skipped: Skipped,
    /// The offset of the first record that is damaged or cut off. Everything before it was read.
    pub broken_at: Option<usize>,
}

/// Whether the bytes begin like a pcap or pcapng file.
pub fn is_capture(bytes: &[u8]) -> bool {
    is_pcap(bytes) || is_pcapng(bytes)
}

/// Reads a whole capture; with a `port`, only the connections of which one side has this port.
///
/// Damage after the first record is not an error: the connections before it are returned, and
/// [`Capture::broken_at`] is the place of the damage.
pub fn read(file: &[u8], port: Option<u16>) -> Result<Capture, CaptureError> {
    let mut reader = Reader::new(port);
    let broken_at = if is_pcapng(file) {
        pcapng::read(file, &mut reader)?
    } else if is_pcap(file) {
        pcap::read(file, &mut reader)?
    } else {
        return Err(CaptureError::NotACapture);
    };
    Ok(Capture {
        packets: reader.packets,
        skipped: reader.skipped,
        broken_at,
        flows: reader.into_flows(),
    })
}
