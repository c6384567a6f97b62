//! From a captured packet through IP to its TCP segment.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use etherparse::{LaxNetSlice, LenSource, TransportSlice};
use pcap_parser::Linktype;

use super::link::{NoTcp, RawPacket, slice_layers};

/// A TCP segment with the fields that reassembly needs.
pub(super) struct TcpPacket<'a> {
    pub number: u64,
    pub time: Duration,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub sequence: u32,
    pub acknowledged: Option<u32>,
    pub syn: bool,
    pub fin: bool,
    pub reset: bool,
    pub payload: &'a [u8],
    /// How many bytes at the end of the payload were not recorded.
    pub cut: usize,
}

/// Finds the TCP segment in a packet.
pub(super) fn slice_packet<'a>(raw: &RawPacket<'a>, number: u64) -> Result<TcpPacket<'a>, NoTcp> {
    let layers = slice_layers(raw.link, raw.bytes)?;
    let absent = if layers.stop_err.is_some() {
        NoTcp::Malformed
    } else {
        NoTcp::OtherProtocol
    };
    let (source, destination, declared): (IpAddr, IpAddr, usize) = match &layers.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let length = usize::from(header.total_len()).saturating_sub(header.slice().len());
            (
                header.source_addr().into(),
                header.destination_addr().into(),
                length,
            )
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let extensions = ip.extensions().slice().len();
            let length = usize::from(header.payload_length()).saturating_sub(extensions);
            (
                header.source_addr().into(),
                header.destination_addr().into(),
                length,
            )
        }
        Some(LaxNetSlice::Arp(_)) | None => return Err(absent),
    };
    let ip_payload = layers.ip_payload().ok_or(NoTcp::Malformed)?;
    if ip_payload.fragmented {
        return Err(NoTcp::Fragment);
    }
    let Some(TransportSlice::Tcp(tcp)) = &layers.transport else {
        return Err(absent);
    };
    // If the IP header has no length (the network card was to segment the packet), only the
    // record has the number of missing bytes.
    let cut = if ip_payload.incomplete {
        declared.saturating_sub(ip_payload.payload.len())
    } else if ip_payload.len_source == LenSource::Slice {
        raw.cut as usize
    } else {
        0
    };
    Ok(TcpPacket {
        number,
        time: raw.time,
        source: SocketAddr::new(source, tcp.source_port()),
        destination: SocketAddr::new(destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        reset: tcp.rst(),
        payload: tcp.payload(),
        cut,
    })
}

/// The payload of bytes that are clearly one whole TCP packet, as a range, and the kind of link
/// that the packet came from.
pub fn tcp_payload(packet: &[u8]) -> Option<(Linktype, Range<usize>)> {
    // Ethernet pads short frames.
    const MAX_PADDING: usize = 6;
    let links = [
        Linktype::RAW,
        Linktype::ETHERNET,
        Linktype::NULL,
        Linktype::LINUX_SLL,
        Linktype::LINUX_SLL2,
    ];
    links.into_iter().find_map(|link| {
        let layers = slice_layers(link, packet).ok()?;
        let complete = layers.ip_payload()?.len_source != LenSource::Slice;
        let Some(TransportSlice::Tcp(tcp)) = layers.transport else {
            return None;
        };
        let payload = tcp.payload();
        let start = (payload.as_ptr() as usize).checked_sub(packet.as_ptr() as usize)?;
        let end = start + payload.len();
        let padding = packet.len().checked_sub(end)?;
        (complete && padding <= MAX_PADDING).then_some((link, start..end))
    })
}
