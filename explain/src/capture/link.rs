//! Packets and the kinds of links that they come from.

use etherparse::{EtherType, LaxSlicedPacket};
use pcap_parser::Linktype;

use super::raw::NoTcp;
use super::wifi;

/// Slices the headers of a packet from this kind of link.
pub(super) fn slice_layers(link: Linktype, bytes: &[u8]) -> Result<LaxSlicedPacket<'_>, NoTcp> {
    // Raw IP has an official number, and other numbers on some systems.
    const OLD_RAW: Linktype = Linktype(12);
    const OPENBSD_RAW: Linktype = Linktype(14);
    const PPP: Linktype = Linktype(9);
    const PPP_HDLC: Linktype = Linktype(50);
    const WIFI: Linktype = Linktype(105);
    const WIFI_RADIOTAP: Linktype = Linktype(127);

    match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | OLD_RAW | OPENBSD_RAW => slice_ip(bytes),
        // The header is an address family, whose number depends on the system. The IP version
        // has the same information.
        Linktype::NULL | Linktype::LOOP => bytes.get(4..).and_then(slice_ip),
        Linktype::LINUX_SLL => slice_cooked(bytes, 14, 16),
        Linktype::LINUX_SLL2 => slice_cooked(bytes, 0, 20),
        PPP | PPP_HDLC => return slice_ppp(bytes),
        WIFI => return slice_ether_type(wifi::payload(bytes)?),
        WIFI_RADIOTAP => return slice_ether_type(wifi::payload_after_radiotap(bytes)?),
        _ => return Err(NoTcp::UnknownLink(link)),
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

/// Slices a packet from a PPP link. Address and control bytes may be absent, and the number of the
/// protocol may have one byte.
fn slice_ppp(bytes: &[u8]) -> Result<LaxSlicedPacket<'_>, NoTcp> {
    let frame = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
    match frame {
        [0x00, 0x21 | 0x57, ip @ ..] | [0x21 | 0x57, ip @ ..] => {
            slice_ip(ip).ok_or(NoTcp::Malformed)
        }
        [_, _, ..] => Err(NoTcp::OtherProtocol),
        _ => Err(NoTcp::Malformed),
    }
}

fn slice_ether_type(payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoTcp> {
    let (ether_type, payload) = payload.split_first_chunk().ok_or(NoTcp::Malformed)?;
    let ether_type = EtherType(u16::from_be_bytes(*ether_type));
    Ok(LaxSlicedPacket::from_ether_type(ether_type, payload))
}
