//! From a captured packet through IP to its TCP segment.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use etherparse::{
    IpNumber, Ipv6Extensions, LaxNetSlice, LaxSlicedPacket, LenSource, TcpSlice, TransportSlice,
    UdpSlice,
};
use pcap_parser::Linktype;

use super::link::slice_layers;
use super::raw::{NoTcp, RawPacket};

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

/// The payload of an IP packet, or of a fragment of one.
pub(super) struct IpPayload<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: IpNumber,
    pub fragment: Option<Fragment>,
    pub bytes: &'a [u8],
    /// How many bytes at the end were not recorded.
    pub cut: usize,
}

/// The place of a fragment.
pub(super) struct Fragment {
    pub identification: u32,
    /// In bytes.
    pub offset: u16,
    pub has_more: bool,
}

/// Finds the IP packet in a packet.
pub(super) fn ip_payload<'a>(raw: &RawPacket<'a>) -> Result<IpPayload<'a>, NoTcp> {
    let layers = slice_layers(raw.link, raw.bytes)?;
    of_layers(&layers, raw.cut as usize)
}

fn of_layers<'a>(layers: &LaxSlicedPacket<'a>, raw_cut: usize) -> Result<IpPayload<'a>, NoTcp> {
    let (source, destination, declared, fragment): (IpAddr, IpAddr, usize, _) = match &layers.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let length = usize::from(header.total_len()).saturating_sub(header.slice().len());
            let fragment = Fragment {
                identification: header.identification().into(),
                offset: header.fragments_offset().byte_offset(),
                has_more: header.more_fragments(),
            };
            (
                header.source_addr().into(),
                header.destination_addr().into(),
                length,
                Some(fragment),
            )
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let extensions = ip.extensions();
            let length =
                usize::from(header.payload_length()).saturating_sub(extensions.slice().len());
            // etherparse's iterator over the headers reads behind their end if the last one is cut
            let (headers, ..) =
                Ipv6Extensions::from_slice_lax(header.next_header(), extensions.slice());
            let fragment = headers.fragment.map(|header| Fragment {
                identification: header.identification,
                offset: header.fragment_offset.byte_offset(),
                has_more: header.more_fragments,
            });
            (
                header.source_addr().into(),
                header.destination_addr().into(),
                length,
                fragment,
            )
        }
        Some(LaxNetSlice::Arp(_)) | None if layers.stop_err.is_some() => {
            return Err(NoTcp::Malformed);
        }
        Some(LaxNetSlice::Arp(_)) | None => return Err(NoTcp::OtherProtocol),
    };
    let payload = layers.ip_payload().ok_or(NoTcp::Malformed)?;
    // If the IP header has no length (the network card was to segment the packet), only the
    // record has the number of missing bytes.
    let cut = if payload.incomplete {
        declared.saturating_sub(payload.payload.len())
    } else if payload.len_source == LenSource::Slice {
        raw_cut
    } else {
        0
    };
    Ok(IpPayload {
        source,
        destination,
        protocol: payload.ip_number,
        fragment: fragment.filter(|_| payload.fragmented),
        bytes: payload.payload,
        cut,
    })
}

/// Finds the TCP segment in a whole IP packet. A VXLAN tunnel has another packet inside.
pub(super) fn tcp_packet<'a>(
    ip: &IpPayload<'a>,
    number: u64,
    time: Duration,
) -> Result<TcpPacket<'a>, NoTcp> {
    const VXLAN: u16 = 4789;
    match ip.protocol {
        IpNumber::TCP => of_ip(ip, number, time),
        IpNumber::UDP => {
            let udp = UdpSlice::from_slice_lax(ip.bytes).map_err(|_| NoTcp::Malformed)?;
            if udp.destination_port() != VXLAN {
                return Err(NoTcp::Udp([udp.source_port(), udp.destination_port()]));
            }
            let frame = udp.payload().get(8..).ok_or(NoTcp::Malformed)?;
            let inner = of_layers(&slice_layers(Linktype::ETHERNET, frame)?, ip.cut)?;
            match (inner.protocol, &inner.fragment) {
                (IpNumber::TCP, None) => of_ip(&inner, number, time),
                _ => Err(NoTcp::OtherProtocol),
            }
        }
        _ => Err(NoTcp::OtherProtocol),
    }
}

fn of_ip<'a>(ip: &IpPayload<'a>, number: u64, time: Duration) -> Result<TcpPacket<'a>, NoTcp> {
    let tcp = TcpSlice::from_slice(ip.bytes).map_err(|_| NoTcp::Malformed)?;
    Ok(TcpPacket {
        number,
        time,
        source: SocketAddr::new(ip.source, tcp.source_port()),
        destination: SocketAddr::new(ip.destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        reset: tcp.rst(),
        payload: tcp.payload(),
        cut: ip.cut,
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
