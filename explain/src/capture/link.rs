//! Packets and the kinds of links that they come from.

use std::time::Duration;

use etherparse::{EtherType, LaxSlicedPacket};
use pcap_parser::Linktype;

/// A packet as it is in the file.
pub(super) struct RawPacket<'a> {
    pub link: Linktype,
    pub time: Duration,
    /// How many bytes at its end were not recorded.
    pub cut: u32,
    pub bytes: &'a [u8],
}

/// Why a packet has no TCP segment that can be used.
pub(super) enum NoTcp {
    OtherProtocol,
    Fragment,
    Malformed,
    UnknownLink,
}

/// Slices the headers of a packet from this kind of link.
pub(super) fn slice_layers(link: Linktype, bytes: &[u8]) -> Result<LaxSlicedPacket<'_>, NoTcp> {
    // Raw IP has an official number, and other numbers on some systems.
    const OLD_RAW: Linktype = Linktype(12);
    const OPENBSD_RAW: Linktype = Linktype(14);

    match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | OLD_RAW | OPENBSD_RAW => slice_ip(bytes),
        // The header is an address family, whose number depends on the system. The IP version
        // has the same information.
        Linktype::NULL | Linktype::LOOP => bytes.get(4..).and_then(slice_ip),
        Linktype::LINUX_SLL => slice_cooked(bytes, 14, 16),
        Linktype::LINUX_SLL2 => slice_cooked(bytes, 0, 20),
        _ => return Err(NoTcp::UnknownLink),
    }
    .ok_or(NoTcp::Malformed)
}

fn slice_ip(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(bytes).ok()
}

/// Slices a packet from the "any" interface of Linux.
fn slice_cooked(bytes: &[u8], protocol_at: usize, length: usize) -> Option<LaxSlicedPacket<'_>> {
    let protocol = u16::from_be_bytes(*bytes.get(protocol_at..)?.first_chunk()?);
    Some(LaxSlicedPacket::from_ether_type(
        EtherType(protocol),
        bytes.get(length..)?,
    ))
}
