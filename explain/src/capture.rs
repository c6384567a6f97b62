//! Packet captures: from a pcap or pcapng file to reassembled TCP conversations.
//!
//! [`read_capture`] gives one [`Flow`] per TCP connection. The bytes of a flow are in the order
//! in which an application would have read them, both directions interleaved as they were
//! captured. Bytes that the capture does not hold are shown as a gap, never glued over.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, LenSource, TransportSlice};
use pcap_parser::{
    Block, InterfaceDescriptionBlock, Linktype, PcapHeader, parse_block_be, parse_block_le,
    parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
    parse_sectionheaderblock, traits::PcapNGPacketBlock,
};

/// What a capture file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The TCP connections, in the order of their first packets.
    pub flows: Vec<Flow>,
    /// How many packets the file holds.
    pub packets: u64,
    /// The packets that are in no flow, by reason.
    pub skipped: Skipped,
    /// Where the file stops making sense: a record that is cut off or impossible. Everything
    /// before this offset was read.
    pub broken_at: Option<usize>,
}

/// One TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The side that opened the connection. When the capture starts too late to tell: the side
    /// that talks to a usual MQTT port, else the side that sent first.
    pub client: SocketAddr,
    /// The other side.
    pub server: SocketAddr,
    /// The conversation, in the order in which the bytes could be read by the applications.
    pub segments: Vec<Segment>,
    /// The handshake was captured, so that both directions begin with their very first byte.
    pub from_start: bool,
    /// The first FIN or RST, if there was one.
    pub ending: Option<Ending>,
}

/// A piece of one direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Who sent it.
    pub direction: Direction,
    /// The number of the packet that carried it (or that revealed the gap), from 1, as packet
    /// analysers count. Not always ascending: a late packet keeps its own number.
    pub packet: u64,
    /// When that packet was captured, since 1970; zero when the capture does not tell.
    pub time: Duration,
    /// The bytes, or that they are missing.
    pub data: Data,
}

/// The content of a [`Segment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Bytes that follow the previous ones of the same direction without a hole. Never empty.
    Bytes(Vec<u8>),
    /// So many bytes were sent here, but are not in the capture.
    Gap(u64),
}

/// Who sent something.
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
    /// Who ended it.
    pub by: Direction,
    /// With a reset (RST) rather than an orderly close (FIN).
    pub reset: bool,
    /// The number of the packet that ended it.
    pub packet: u64,
    /// When that packet was captured.
    pub time: Duration,
}

/// Packets that are in no flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not TCP over IP.
    pub not_tcp: u64,
    /// IP fragments.
    pub fragments: u64,
    /// Cut off inside their headers, or contradictory.
    pub malformed: u64,
    /// From a kind of link that is not understood.
    pub unknown_link: u64,
    /// TCP, but on neither side the wanted port.
    pub other_port: u64,
}

/// Why nothing could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureError {
    /// The bytes do not begin like a capture.
    NotACapture,
    /// The file begins like a capture, but its header is cut off or impossible.
    BrokenHeader,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CaptureError::NotACapture => "not a pcap or pcapng capture",
            CaptureError::BrokenHeader => "the header of the capture is cut off or impossible",
        })
    }
}

impl std::error::Error for CaptureError {}

/// Whether the bytes begin like a pcap or pcapng file.
pub fn is_capture(bytes: &[u8]) -> bool {
    is_pcap(bytes) || is_pcapng(bytes)
}

/// Reads a whole capture; with a `port`, only the connections where one side uses it.
///
/// Damage further down in the file is not an error: what precedes it is returned, and
/// [`Capture::broken_at`] tells where the reading stopped.
pub fn read_capture(file: &[u8], port: Option<u16>) -> Result<Capture, CaptureError> {
    let mut reader = Reader {
        port,
        packets: 0,
        skipped: Skipped::default(),
        connections: Vec::new(),
        current: HashMap::new(),
    };
    let broken_at = if is_pcapng(file) {
        read_pcapng(file, &mut reader)?
    } else if is_pcap(file) {
        read_pcap(file, &mut reader)?
    } else {
        return Err(CaptureError::NotACapture);
    };
    Ok(Capture {
        flows: reader
            .connections
            .into_iter()
            .map(Connection::into_flow)
            .collect(),
        packets: reader.packets,
        skipped: reader.skipped,
        broken_at,
    })
}

/// Finds the payload in what is clearly one whole TCP packet, as a range of its bytes, and on
/// which kind of link the packet was.
pub fn tcp_payload(packet: &[u8]) -> Option<(Linktype, Range<usize>)> {
    // Short Ethernet frames are filled up.
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

/// Makes a capture (without times) of packets.
pub fn write_pcap(link: Linktype, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    for field in [0, 0, u32::MAX, link.0 as u32] {
        file.extend(field.to_le_bytes());
    }
    for packet in packets {
        let length = (packet.len() as u32).to_le_bytes();
        file.extend([[0; 4], [0; 4], length, length].concat());
        file.extend(packet);
    }
    file
}

/// How many packets may wait, in one direction, for an earlier one before that one is taken as
/// missing from the capture.
const MAX_WAITING: usize = 16_384;

/// The usual ports of MQTT brokers, plain and with TLS, with their neighbours.
fn is_mqtt_port(port: u16) -> bool {
    matches!(port, 1883..=1889 | 8883..=8889)
}

// ---- The file formats -------------------------------------------------------------------------

fn is_pcap(file: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x34, 0xcd, 0xb2, 0xa1],
    ];
    file.first_chunk()
        .is_some_and(|magic| MAGICS.contains(magic))
}

fn is_pcapng(file: &[u8]) -> bool {
    let order = file.get(8..12);
    file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
        && (order == Some(&[0x4d, 0x3c, 0x2b, 0x1a]) || order == Some(&[0x1a, 0x2b, 0x3c, 0x4d]))
}

/// Reads all records of a pcap file; the result is [`Capture::broken_at`].
fn read_pcap<'a>(file: &'a [u8], reader: &mut Reader<'a>) -> Result<Option<usize>, CaptureError> {
    let (mut rest, header) = parse_pcap_header(file).map_err(|_| CaptureError::BrokenHeader)?;
    let parse_record = match &header {
        header if header.is_modified_format() => parse_pcap_frame_modified,
        header if header.is_bigendian() => parse_pcap_frame_be,
        _ => parse_pcap_frame,
    };
    while !rest.is_empty() {
        let Ok((after, record)) = parse_record(rest) else {
            return Ok(Some(file.len() - rest.len()));
        };
        rest = after;
        reader.packet(RawPacket {
            link: pcap_link(&header),
            time: pcap_time(&header, record.ts_sec, record.ts_usec),
            cut: record.origlen.saturating_sub(record.caplen),
            bytes: record.data,
        });
    }
    Ok(None)
}

/// The upper half of the field may tell about frame check sequences.
fn pcap_link(header: &PcapHeader) -> Linktype {
    Linktype(header.network.0 & 0xffff)
}

fn pcap_time(header: &PcapHeader, seconds: u32, fraction: u32) -> Duration {
    let fraction = u64::from(fraction);
    Duration::from_secs(u64::from(seconds))
        + if header.is_nanosecond_precision() {
            Duration::from_nanos(fraction)
        } else {
            Duration::from_micros(fraction)
        }
}

/// Reads all blocks of a pcapng file; the result is [`Capture::broken_at`].
///
/// The blocks are cut out here and only the four kinds that matter are given to the parser, each
/// exactly as long as it says: a damaged block then cannot be mistaken for the end of the file.
fn read_pcapng<'a>(file: &'a [u8], reader: &mut Reader<'a>) -> Result<Option<usize>, CaptureError> {
    const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    const INTERFACE: u32 = 1;
    const OBSOLETE_PACKET: u32 = 2;
    const SIMPLE_PACKET: u32 = 3;
    const ENHANCED_PACKET: u32 = 6;

    let mut big_endian = false;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let rest = file.get(at..).unwrap_or_default();
        if is_pcapng(rest) {
            big_endian = rest.get(8) == Some(&0x1a);
            interfaces.clear();
        }
        let length = read_u32(rest, 4, big_endian).unwrap_or_default() as usize;
        let (Some(kind), Some(block)) = (read_u32(rest, 0, big_endian), rest.get(..length)) else {
            return first_or_later(at);
        };
        if length < 12 || length % 4 != 0 {
            return first_or_later(at);
        }
        match kind {
            SECTION_HEADER if parse_sectionheaderblock(block).is_err() => {
                return first_or_later(at);
            }
            INTERFACE | SIMPLE_PACKET | ENHANCED_PACKET => {
                let parse = if big_endian {
                    parse_block_be
                } else {
                    parse_block_le
                };
                match parse(block) {
                    Ok((_, Block::InterfaceDescription(description))) => {
                        interfaces.push(Interface::new(&description, big_endian));
                    }
                    Ok((_, Block::EnhancedPacket(packet))) => {
                        let data = packet_bytes(block, 28, packet.caplen);
                        match interfaces.get(packet.if_id as usize) {
                            Some(interface) => reader.packet(RawPacket {
                                link: interface.link,
                                time: interface.time(packet.ts_high, packet.ts_low),
                                cut: packet.origlen.saturating_sub(packet.caplen),
                                bytes: data,
                            }),
                            None => reader.malformed(),
                        }
                    }
                    Ok((_, Block::SimplePacket(packet))) => match interfaces.first() {
                        Some(interface) => {
                            let stored = packet.packet_data().len() as u32;
                            let captured = stored.min(interface.longest_packet);
                            reader.packet(RawPacket {
                                link: interface.link,
                                time: Duration::ZERO,
                                cut: packet.origlen.saturating_sub(captured),
                                bytes: packet_bytes(block, 12, captured),
                            });
                        }
                        None => reader.malformed(),
                    },
                    _ if kind == INTERFACE => return first_or_later(at),
                    _ => reader.malformed(),
                }
            }
            OBSOLETE_PACKET => reader.malformed(),
            _ => {}
        }
        at += length;
    }
    Ok(None)
}

/// A file that is broken in its first block has nothing to show; later, it has.
fn first_or_later(at: usize) -> Result<Option<usize>, CaptureError> {
    if at == 0 {
        Err(CaptureError::BrokenHeader)
    } else {
        Ok(Some(at))
    }
}

fn read_u32(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let field = *bytes.get(at..)?.first_chunk()?;
    Some(if big_endian {
        u32::from_be_bytes(field)
    } else {
        u32::from_le_bytes(field)
    })
}

/// The packet in a block of which the parser has checked that it is long enough.
fn packet_bytes(block: &[u8], at: usize, length: u32) -> &[u8] {
    block
        .get(at..at.saturating_add(length as usize))
        .unwrap_or_default()
}

/// What the packets of one interface need to be understood.
struct Interface {
    link: Linktype,
    longest_packet: u32,
    resolution: u8,
    offset_seconds: i64,
}

impl Interface {
    fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Interface {
        // The parser reads this option as little-endian in every section.
        let offset = description.if_tsoffset;
        Interface {
            link: description.linktype,
            longest_packet: if description.snaplen == 0 {
                u32::MAX
            } else {
                description.snaplen
            },
            resolution: description.if_tsresol,
            offset_seconds: if big_endian {
                offset.swap_bytes()
            } else {
                offset
            },
        }
    }

    /// The resolution is a negative power of 10 or, with the upper bit, of 2.
    fn time(&self, high: u32, low: u32) -> Duration {
        const NANOSECONDS: u128 = 1_000_000_000;
        let units = (u128::from(high) << 32) | u128::from(low);
        let exponent = u32::from(self.resolution & 0x7f);
        let nanoseconds = if self.resolution & 0x80 != 0 {
            (units * NANOSECONDS) >> exponent
        } else {
            10_u128
                .checked_pow(exponent)
                .map_or(0, |divisor| units * NANOSECONDS / divisor)
        };
        let seconds = i128::try_from(nanoseconds / NANOSECONDS).unwrap_or_default()
            + i128::from(self.offset_seconds);
        match u64::try_from(seconds) {
            Ok(seconds) => Duration::new(seconds, (nanoseconds % NANOSECONDS) as u32),
            Err(_) => Duration::ZERO,
        }
    }
}

// ---- From packets to connections --------------------------------------------------------------

/// A packet as it is in the file.
struct RawPacket<'a> {
    link: Linktype,
    time: Duration,
    /// How many bytes at its end were not recorded.
    cut: u32,
    bytes: &'a [u8],
}

/// A TCP segment with what is needed to put it in its place.
struct TcpPacket<'a> {
    number: u64,
    time: Duration,
    source: SocketAddr,
    destination: SocketAddr,
    sequence: u32,
    acknowledged: Option<u32>,
    syn: bool,
    fin: bool,
    reset: bool,
    payload: &'a [u8],
    /// How many bytes at the end of the payload were not recorded.
    cut: usize,
}

/// Sorts packets into connections.
struct Reader<'a> {
    port: Option<u16>,
    packets: u64,
    skipped: Skipped,
    connections: Vec<Connection<'a>>,
    /// The newest connection of each pair of addresses (the lower one first).
    current: HashMap<(SocketAddr, SocketAddr), usize>,
}

impl<'a> Reader<'a> {
    fn malformed(&mut self) {
        self.packets += 1;
        self.skipped.malformed += 1;
    }

    fn packet(&mut self, raw: RawPacket<'a>) {
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

/// Why a packet holds no TCP segment that can be used.
enum NoTcp {
    OtherProtocol,
    Fragment,
    Malformed,
    UnknownLink,
}

/// Finds the TCP segment in a packet.
fn slice_packet<'a>(raw: &RawPacket<'a>, number: u64) -> Result<TcpPacket<'a>, NoTcp> {
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
    // Without a length in the IP header (a packet that the network card was to segment), only
    // the record tells how much is missing.
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

/// Slices what follows the link header of the given kind.
fn slice_layers(link: Linktype, bytes: &[u8]) -> Result<LaxSlicedPacket<'_>, NoTcp> {
    // Raw IP has several numbers: the official one, and those of the systems' own.
    const OLD_RAW: Linktype = Linktype(12);
    const OPENBSD_RAW: Linktype = Linktype(14);

    match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | OLD_RAW | OPENBSD_RAW => slice_ip(bytes),
        // The header is the address family, of which the number depends on the system; the IP
        // version says the same.
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

/// The headers of the "any" interface of Linux.
fn slice_cooked(bytes: &[u8], protocol_at: usize, length: usize) -> Option<LaxSlicedPacket<'_>> {
    let protocol = u16::from_be_bytes(*bytes.get(protocol_at..)?.first_chunk()?);
    Some(LaxSlicedPacket::from_ether_type(
        EtherType(protocol),
        bytes.get(length..)?,
    ))
}

// ---- Reassembly -------------------------------------------------------------------------------

/// A connection under reassembly. Which side is the client shows only in the end, so the sides
/// are here the one that sent the first captured packet, and the other.
struct Connection<'a> {
    first: SocketAddr,
    second: SocketAddr,
    from_first: Stream<'a>,
    from_second: Stream<'a>,
    opened_by: Option<SocketAddr>,
    ended: Option<Ended>,
}

struct Ended {
    by: SocketAddr,
    reset: bool,
    packet: u64,
    time: Duration,
}

impl<'a> Connection<'a> {
    fn new(packet: &TcpPacket<'a>) -> Connection<'a> {
        Connection {
            first: packet.source,
            second: packet.destination,
            from_first: Stream::default(),
            from_second: Stream::default(),
            opened_by: None,
            ended: None,
        }
    }

    /// Whether the packet opens another connection between the same addresses.
    fn is_replaced_by(&self, packet: &TcpPacket<'a>) -> bool {
        if !packet.syn {
            return false;
        }
        let (own, other) = if packet.source == self.first {
            (&self.from_first, &self.from_second)
        } else {
            (&self.from_second, &self.from_first)
        };
        match (own.start, other.start, packet.acknowledged) {
            // A repeated (or late) SYN points to the start that is already known.
            (Some(start), _, _) => start as u32 != packet.sequence.wrapping_add(1),
            (None, Some(_), Some(acknowledged)) => !other.covers(acknowledged),
            (None, Some(start), None) => other.reached > start,
            (None, None, _) => false,
        }
    }

    fn packet(&mut self, packet: &TcpPacket<'a>) {
        if packet.syn && self.opened_by.is_none() {
            let accepts = packet.acknowledged.is_some();
            self.opened_by = Some(if accepts {
                packet.destination
            } else {
                packet.source
            });
        }
        if (packet.fin || packet.reset) && self.ended.is_none() {
            self.ended = Some(Ended {
                by: packet.source,
                reset: packet.reset,
                packet: packet.number,
                time: packet.time,
            });
        }
        // What a reset carries is a remark for people, not part of the stream.
        if !packet.reset {
            let own = if packet.source == self.first {
                &mut self.from_first
            } else {
                &mut self.from_second
            };
            own.packet(packet);
        }
    }

    fn into_flow(self) -> Flow {
        let Connection { first, second, .. } = self;
        let client = match self.opened_by {
            Some(opener) => opener,
            None if is_mqtt_port(first.port()) && !is_mqtt_port(second.port()) => second,
            None => first,
        };
        let server = if client == first { second } else { first };
        let direction_from = |sender| {
            if sender == client {
                Direction::ClientToServer
            } else {
                Direction::ServerToClient
            }
        };
        let from_start = self.from_first.syn_seen && self.from_second.syn_seen;

        let both = [(first, self.from_first), (second, self.from_second)];
        let mut chunks: Vec<(Direction, Chunk<'a>)> = Vec::new();
        for (sender, stream) in both {
            let direction = direction_from(sender);
            chunks.extend(
                stream
                    .into_chunks()
                    .into_iter()
                    .map(|chunk| (direction, chunk)),
            );
        }
        chunks.sort_by_key(|(_, chunk)| chunk.readable_at);
        let segments = chunks
            .into_iter()
            .map(|(direction, chunk)| Segment {
                direction,
                packet: chunk.packet,
                time: chunk.time,
                data: match chunk.data {
                    ChunkData::Bytes(bytes) => Data::Bytes(bytes.to_vec()),
                    ChunkData::Gap(length) => Data::Gap(length),
                },
            })
            .collect();

        Flow {
            client,
            server,
            segments,
            from_start,
            ending: self.ended.map(|ended| Ending {
                by: direction_from(ended.by),
                reset: ended.reset,
                packet: ended.packet,
                time: ended.time,
            }),
        }
    }
}

/// One direction of a connection under reassembly.
///
/// Positions are sequence numbers that do not wrap around.
#[derive(Default)]
struct Stream<'a> {
    /// Where the stream begins: behind the SYN, or with the first bytes that were captured.
    start: Option<i64>,
    syn_seen: bool,
    /// Everything before this position is in `chunks`.
    next: i64,
    /// The highest position that is known to have been sent, and by which packet.
    reached: i64,
    reached_by: (u64, Duration),
    /// The number of the packet that completed the stream up to `next`.
    readable_at: u64,
    /// What came before its turn, by position.
    waiting: BTreeMap<i64, Piece<'a>>,
    chunks: Vec<Chunk<'a>>,
}

/// The payload of one packet.
struct Piece<'a> {
    packet: u64,
    time: Duration,
    bytes: &'a [u8],
}

/// What is delivered.
struct Chunk<'a> {
    packet: u64,
    time: Duration,
    /// The number of the packet with which it could be read: never descending in a stream.
    readable_at: u64,
    data: ChunkData<'a>,
}

enum ChunkData<'a> {
    Bytes(&'a [u8]),
    Gap(u64),
}

impl<'a> Stream<'a> {
    /// The position with the given sequence number that is nearest to where the stream is.
    fn position(&self, sequence: u32) -> i64 {
        self.next + i64::from(sequence.wrapping_sub(self.next as u32) as i32)
    }

    /// Whether the other side may have acknowledged just this.
    fn covers(&self, acknowledged: u32) -> bool {
        let position = self.position(acknowledged);
        self.start
            .is_some_and(|start| (start..=self.reached).contains(&position))
    }

    fn packet(&mut self, packet: &TcpPacket<'a>) {
        let first_byte = packet.sequence.wrapping_add(u32::from(packet.syn));
        if self.start.is_none() {
            // A packet without data does not tell: a keep-alive points one byte back.
            if !packet.syn && packet.payload.is_empty() {
                return;
            }
            self.next = i64::from(first_byte);
            self.reached = self.next;
            self.start = Some(self.next);
        }
        self.syn_seen |= packet.syn;

        let position = self.position(first_byte);
        let end = position + packet.payload.len() as i64;
        if end + packet.cut as i64 > self.reached {
            self.reached = end + packet.cut as i64;
            self.reached_by = (packet.number, packet.time);
        }
        let piece = Piece {
            packet: packet.number,
            time: packet.time,
            bytes: packet.payload,
        };
        if position <= self.next {
            self.deliver(position, &piece);
            self.deliver_waiting();
        } else if end > position {
            let known = self
                .waiting
                .get(&position)
                .map_or(0, |known| known.bytes.len());
            if piece.bytes.len() > known {
                self.waiting.insert(position, piece);
            }
            if self.waiting.len() > MAX_WAITING {
                self.give_up_waiting();
            }
        }
    }

    /// Appends what is new in a piece that begins at or before `next`.
    fn deliver(&mut self, position: i64, piece: &Piece<'a>) {
        let known = usize::try_from(self.next - position).unwrap_or(usize::MAX);
        let Some(bytes) = piece.bytes.get(known..).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        self.next += bytes.len() as i64;
        self.push((piece.packet, piece.time), ChunkData::Bytes(bytes));
    }

    fn deliver_waiting(&mut self) {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (position, piece) = entry.remove_entry();
            self.deliver(position, &piece);
        }
    }

    /// Takes what is missing before the first waiting piece as lost.
    fn give_up_waiting(&mut self) {
        if let Some((&position, piece)) = self.waiting.first_key_value() {
            self.gap_until(position, (piece.packet, piece.time));
            self.deliver_waiting();
        }
    }

    fn gap_until(&mut self, position: i64, by: (u64, Duration)) {
        let length = (position - self.next).unsigned_abs();
        self.next = position;
        self.push(by, ChunkData::Gap(length));
    }

    fn push(&mut self, (packet, time): (u64, Duration), data: ChunkData<'a>) {
        self.readable_at = self.readable_at.max(packet);
        self.chunks.push(Chunk {
            packet,
            time,
            readable_at: self.readable_at,
            data,
        });
    }

    fn into_chunks(mut self) -> Vec<Chunk<'a>> {
        while !self.waiting.is_empty() {
            self.give_up_waiting();
        }
        if self.reached > self.next {
            self.gap_until(self.reached, self.reached_by);
        }
        self.chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 50_000);
    const BROKER: ([u8; 4], u16) = ([10, 0, 0, 2], 1883);
    const MICROSECONDS_LE: u32 = 0xa1b2_c3d4;

    type End = ([u8; 4], u16);

    /// An IPv4 packet; `flags` of "SAFR", where A acknowledges `ack`.
    fn ip_packet(from: End, to: End, seq: u32, flags: &str, ack: u32, data: &[u8]) -> Vec<u8> {
        let mut tcp = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, seq, 1000);
        for flag in flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'A' => tcp.ack(ack),
                'F' => tcp.fin(),
                'R' => tcp.rst(),
                _ => panic!("unknown flag"),
            };
        }
        let mut packet = Vec::new();
        tcp.write(&mut packet, data).unwrap();
        packet
    }

    fn up(seq: u32, data: &[u8]) -> Vec<u8> {
        ip_packet(CLIENT, BROKER, seq, "A", 501, data)
    }

    fn down(seq: u32, data: &[u8]) -> Vec<u8> {
        ip_packet(BROKER, CLIENT, seq, "A", 101, data)
    }

    /// Client begins with 101, broker with 501.
    fn handshake() -> Vec<Vec<u8>> {
        vec![
            ip_packet(CLIENT, BROKER, 100, "S", 0, b""),
            ip_packet(BROKER, CLIENT, 500, "SA", 101, b""),
            up(101, b""),
        ]
    }

    fn with_handshake(more: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        handshake().into_iter().chain(more).collect()
    }

    /// Packet `n` (from 1) is captured `n` seconds and 5 units after 1970.
    fn pcap(link: u32, big_endian: bool, magic: u32, packets: &[Vec<u8>]) -> Vec<u8> {
        let u32 = |n: u32| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let u16 = |n: u16| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut file = [&u32(magic)[..], &u16(2), &u16(4)].concat();
        for field in [0, 0, 65_535, link] {
            file.extend(u32(field));
        }
        for (index, packet) in packets.iter().enumerate() {
            for field in [
                index as u32 + 1,
                5,
                packet.len() as u32,
                packet.len() as u32,
            ] {
                file.extend(u32(field));
            }
            file.extend(packet);
        }
        file
    }

    fn raw_pcap(packets: &[Vec<u8>]) -> Vec<u8> {
        pcap(101, false, MICROSECONDS_LE, packets)
    }

    fn read(packets: &[Vec<u8>]) -> Capture {
        read_capture(&raw_pcap(packets), None).unwrap()
    }

    /// The conversation, in short.
    fn spoken(flow: &Flow) -> Vec<String> {
        let say = |segment: &Segment| {
            let arrow = if segment.direction == Direction::ClientToServer {
                '>'
            } else {
                '<'
            };
            match &segment.data {
                Data::Bytes(bytes) => format!("{arrow}{}", String::from_utf8_lossy(bytes)),
                Data::Gap(length) => format!("{arrow}[{length} missing]"),
            }
        };
        flow.segments.iter().map(say).collect()
    }

    fn only_flow(packets: &[Vec<u8>]) -> Flow {
        let mut capture = read(packets);
        assert_eq!(capture.flows.len(), 1);
        assert_eq!(capture.broken_at, None);
        capture.flows.remove(0)
    }

    #[test]
    fn a_conversation() {
        let flow = only_flow(&with_handshake([
            up(101, b"connect"),
            down(501, b"connack"),
            up(108, b"bye"),
            ip_packet(CLIENT, BROKER, 111, "FA", 508, b""),
            ip_packet(BROKER, CLIENT, 508, "RA", 112, b"go away"),
        ]));
        assert_eq!(flow.client, SocketAddr::from(CLIENT));
        assert_eq!(flow.server, SocketAddr::from(BROKER));
        assert!(flow.from_start);
        assert_eq!(spoken(&flow), [">connect", "<connack", ">bye"]);
        assert_eq!(flow.segments[1].packet, 5);
        assert_eq!(flow.segments[1].time, Duration::new(5, 5_000));
        let ending = flow.ending.unwrap();
        assert_eq!(
            (ending.by, ending.reset),
            (Direction::ClientToServer, false)
        );
        assert_eq!((ending.packet, ending.time.as_secs()), (7, 7));
    }

    #[test]
    fn both_byte_orders_and_time_units() {
        let packets = with_handshake([up(101, b"x")]);
        for (magic, nanoseconds) in [(MICROSECONDS_LE, 5_000), (0xa1b2_3c4d, 5)] {
            for big_endian in [false, true] {
                let file = pcap(101, big_endian, magic, &packets);
                assert!(is_capture(&file));
                let capture = read_capture(&file, None).unwrap();
                assert_eq!(spoken(&capture.flows[0]), [">x"]);
                assert_eq!(
                    capture.flows[0].segments[0].time,
                    Duration::new(4, nanoseconds)
                );
            }
        }
    }

    #[test]
    fn out_of_order() {
        let flow = only_flow(&with_handshake([
            up(103, b"cd"),
            up(105, b"ef"),
            down(501, b"early"),
            up(101, b"ab"),
            up(107, b"gh"),
        ]));
        // What waited could be read only after what it waited for.
        assert_eq!(spoken(&flow), ["<early", ">ab", ">cd", ">ef", ">gh"]);
        assert_eq!(flow.segments[2].packet, 4);
    }

    #[test]
    fn retransmissions_and_overlaps() {
        let flow = only_flow(&with_handshake([
            up(101, b"abcd"),
            up(101, b"abcd"),
            up(101, b"abcdef"),
            up(105, b"efgh"),
            // Waiting pieces that overlap each other and what fills the hole.
            up(111, b"kl"),
            up(111, b"klmn"),
            up(113, b"mnop"),
            up(107, b"ghijk"),
        ]));
        assert_eq!(
            spoken(&flow),
            [">abcd", ">ef", ">gh", ">ijk", ">lmn", ">op"]
        );
    }

    #[test]
    fn sequence_numbers_wrap_around() {
        let start = u32::MAX - 2;
        let flow = only_flow(&[
            ip_packet(CLIENT, BROKER, start.wrapping_sub(1), "S", 0, b""),
            ip_packet(BROKER, CLIENT, u32::MAX, "SA", start, b""),
            up(start.wrapping_add(6), b"gh"),
            up(start, b"abcdef"),
            up(start, b"abc"),
            down(0, b"zero"),
        ]);
        assert_eq!(spoken(&flow), [">abcdef", ">gh", "<zero"]);
        assert!(flow.from_start);
    }

    #[test]
    fn gaps_are_reported_where_they_are() {
        let flow = only_flow(&with_handshake([
            up(101, b"ab"),
            up(105, b"ef"),
            down(501, b"reply"),
            up(110, b"kl"),
            ip_packet(CLIENT, BROKER, 120, "FA", 506, b""),
        ]));
        assert_eq!(
            spoken(&flow),
            [
                ">ab",
                ">[2 missing]",
                ">ef",
                "<reply",
                ">[3 missing]",
                ">kl",
                ">[8 missing]"
            ]
        );
    }

    #[test]
    fn a_gap_is_given_up_when_too_much_waits() {
        let later = (0..=MAX_WAITING as u32).map(|n| up(103 + n, b"x"));
        let flow = only_flow(&with_handshake(later.chain([up(101, b"ab")])));
        assert_eq!(spoken(&flow)[0], ">[2 missing]");
        assert_eq!(flow.segments.len(), MAX_WAITING + 2);
    }

    #[test]
    fn a_short_snapshot_length_is_a_gap() {
        let mut cut = up(101, b"abcdef");
        cut.truncate(cut.len() - 4);
        let flow = only_flow(&with_handshake([cut.clone(), up(107, b"gh")]));
        assert_eq!(spoken(&flow), [">ab", ">[4 missing]", ">gh"]);
        let flow = only_flow(&with_handshake([cut]));
        assert_eq!(spoken(&flow), [">ab", ">[4 missing]"]);
    }

    #[test]
    fn a_late_capture_guesses_the_client() {
        let flow = only_flow(&[down(7, b"news"), up(3, b"ack")]);
        assert_eq!(flow.client, SocketAddr::from(CLIENT));
        assert_eq!(spoken(&flow), ["<news", ">ack"]);
        assert!(!flow.from_start);

        let other = ([10, 0, 0, 3], 9000);
        let flow = only_flow(&[ip_packet(other, CLIENT, 1, "A", 1, b"hi")]);
        assert_eq!(flow.client, SocketAddr::from(other));

        // The accepting side is the server, even without the opening SYN.
        let flow = only_flow(&[ip_packet(CLIENT, other, 1, "SA", 1, b"")]);
        assert_eq!(flow.client, SocketAddr::from(other));
    }

    #[test]
    fn a_keep_alive_at_the_beginning_makes_no_gap() {
        let flow = only_flow(&[up(100, b""), up(101, b"ab")]);
        assert_eq!(spoken(&flow), [">ab"]);
    }

    #[test]
    fn a_reused_port_is_a_new_connection() {
        let again = |seq, flags, data: &[u8]| ip_packet(CLIENT, BROKER, seq, flags, 0, data);
        let capture = read(&with_handshake([
            up(101, b"one"),
            again(100, "S", b""),
            again(9000, "S", b""),
            again(9000, "S", b""),
            ip_packet(BROKER, CLIENT, 70, "SA", 9001, b""),
            up(9001, b"two"),
            down(71, b"answer"),
        ]));
        assert_eq!(capture.flows.len(), 2);
        assert_eq!(spoken(&capture.flows[0]), [">one"]);
        assert_eq!(spoken(&capture.flows[1]), [">two", "<answer"]);
        assert!(capture.flows[1].from_start);
    }

    #[test]
    fn a_new_connection_after_one_without_its_beginning() {
        let capture = read(&[
            down(1000, b"old"),
            ip_packet(CLIENT, BROKER, 100, "S", 0, b""),
            ip_packet(BROKER, CLIENT, 500, "SA", 101, b""),
            up(101, b"new"),
        ]);
        assert_eq!(capture.flows.len(), 2);
        assert_eq!(spoken(&capture.flows[0]), ["<old"]);
        assert_eq!(spoken(&capture.flows[1]), [">new"]);
    }

    #[test]
    fn several_flows_and_the_port_filter() {
        let web = ([10, 0, 0, 9], 80);
        let packets = [
            up(101, b"mqtt"),
            ip_packet(CLIENT, web, 1, "A", 1, b"web"),
            up(105, b"more"),
        ];
        let capture = read(&packets);
        assert_eq!(capture.flows.len(), 2);
        assert_eq!(spoken(&capture.flows[0]), [">mqtt", ">more"]);
        assert_eq!(spoken(&capture.flows[1]), [">web"]);

        let capture = read_capture(&raw_pcap(&packets), Some(1883)).unwrap();
        assert_eq!(capture.flows.len(), 1);
        assert_eq!(capture.skipped.other_port, 1);
    }

    #[test]
    fn a_reset_is_recorded() {
        let flow = only_flow(&[up(1, b"x"), ip_packet(BROKER, CLIENT, 5, "R", 0, b"")]);
        let ending = flow.ending.unwrap();
        assert_eq!((ending.by, ending.reset), (Direction::ServerToClient, true));
    }

    #[test]
    fn kinds_of_links() {
        let ip = up(101, b"data");
        let with = |header: &[u8]| [header, &ip].concat();
        let ethernet = [&[2; 12][..], &[8, 0]].concat();
        let vlan = [&[2; 12][..], &[0x81, 0, 0, 7, 8, 0]].concat();
        let two_vlans = [&[2; 12][..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0]].concat();
        let cooked = [&[0; 14][..], &[8, 0]].concat();
        let cooked2 = [&[8, 0][..], &[0; 18]].concat();
        for (link, bytes) in [
            (1, with(&ethernet)),
            (1, with(&vlan)),
            (1, with(&two_vlans)),
            (101, ip.clone()),
            (12, ip.clone()),
            (228, ip.clone()),
            (0, with(&[2, 0, 0, 0])),
            (108, with(&[0, 0, 0, 2])),
            (113, with(&cooked)),
            (276, with(&cooked2)),
            (0xf000_0001, with(&ethernet)),
        ] {
            let file = pcap(link, false, MICROSECONDS_LE, &[bytes]);
            let capture = read_capture(&file, None).unwrap();
            assert_eq!(capture.flows.len(), 1, "link {link}: {:?}", capture.skipped);
            assert_eq!(spoken(&capture.flows[0]), [">data"]);
        }
    }

    #[test]
    fn ethernet_padding_is_not_data() {
        let padded = [&[2; 12][..], &[8, 0], &up(101, b"xy"), &[0; 4]].concat();
        let capture = read_capture(&pcap(1, false, MICROSECONDS_LE, &[padded]), None).unwrap();
        assert_eq!(spoken(&capture.flows[0]), [">xy"]);
    }

    #[test]
    fn ipv6() {
        let mut packet = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64)
            .tcp(40_000, 1883, 7, 1000)
            .write(&mut packet, b"six")
            .unwrap();
        let flow = only_flow(&[packet]);
        assert!(flow.client.is_ipv6());
        assert_eq!(spoken(&flow), [">six"]);
    }

    #[test]
    fn what_is_skipped_is_counted() {
        let mut udp = Vec::new();
        PacketBuilder::ipv4([1; 4], [2; 4], 64)
            .udp(1, 2)
            .write(&mut udp, b"x")
            .unwrap();
        let mut fragment = up(101, b"x");
        fragment[6] = 0x20;
        let short = up(101, b"x")[..30].to_vec();
        let capture = read(&[udp, fragment, short, vec![], up(101, b"x")]);
        assert_eq!(capture.packets, 5);
        assert_eq!(capture.flows.len(), 1);
        let skipped = Skipped {
            not_tcp: 1,
            fragments: 1,
            malformed: 2,
            unknown_link: 0,
            other_port: 0,
        };
        assert_eq!(capture.skipped, skipped);

        let capture =
            read_capture(&pcap(147, false, MICROSECONDS_LE, &[up(1, b"x")]), None).unwrap();
        assert_eq!(capture.skipped.unknown_link, 1);
    }

    // ---- pcapng ----

    fn block(big_endian: bool, kind: u32, body: &[u8]) -> Vec<u8> {
        let u32 = |n: u32| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32(body.len() as u32 + 12);
        [&u32(kind)[..], &length, &body, &length].concat()
    }

    /// A section with one interface of nanoseconds that is 100 seconds ahead.
    fn section(big_endian: bool, link: u16) -> Vec<u8> {
        let u32 = |n: u32| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let u16 = |n: u16| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let offset = if big_endian {
            100_i64.to_be_bytes()
        } else {
            100_i64.to_le_bytes()
        };
        let header = [&u32(0x1a2b_3c4d)[..], &u16(1), &u16(0), &[0xff; 8]].concat();
        let resolution = [&u16(9)[..], &u16(1), &[9, 0, 0, 0]].concat();
        let offset = [&u16(14)[..], &u16(8), &offset].concat();
        let interface = [
            &u16(link)[..],
            &u16(0),
            &u32(0),
            &resolution,
            &offset,
            &[0; 4],
        ]
        .concat();
        [
            block(big_endian, 0x0a0d_0d0a, &header),
            block(big_endian, 1, &interface),
        ]
        .concat()
    }

    fn enhanced(big_endian: bool, interface: u32, nanoseconds: u64, packet: &[u8]) -> Vec<u8> {
        let u32 = |n: u32| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let length = u32(packet.len() as u32);
        let time = [u32((nanoseconds >> 32) as u32), u32(nanoseconds as u32)].concat();
        let body = [&u32(interface)[..], &time, &length, &length, packet].concat();
        block(big_endian, 6, &body)
    }

    #[test]
    fn pcapng_of_both_byte_orders_in_one_file() {
        let mut file = Vec::new();
        for (big_endian, packet) in [(false, up(101, b"ab")), (true, up(103, b"cde"))] {
            file.extend(section(big_endian, 101));
            // A name resolution, a process and an unknown block: the first two are malformed.
            file.extend(block(big_endian, 4, &[0xff; 4]));
            file.extend(block(big_endian, 0x8000_0001, &[]));
            file.extend(block(big_endian, 0x0bad, &[1, 2, 3]));
            file.extend(enhanced(big_endian, 0, 5_000_000_007, &packet));
        }
        assert!(is_capture(&file));
        let capture = read_capture(&file, None).unwrap();
        assert_eq!(capture.broken_at, None);
        assert_eq!(spoken(&capture.flows[0]), [">ab", ">cde"]);
        for segment in &capture.flows[0].segments {
            assert_eq!(segment.time, Duration::new(105, 7));
        }
    }

    #[test]
    fn pcapng_simple_packets() {
        let packet = up(101, b"x");
        let body = [&(packet.len() as u32).to_le_bytes()[..], &packet].concat();
        let file = [section(false, 101), block(false, 3, &body)].concat();
        let capture = read_capture(&file, None).unwrap();
        assert_eq!(spoken(&capture.flows[0]), [">x"]);
        assert_eq!(capture.flows[0].segments[0].time, Duration::ZERO);
    }

    #[test]
    fn pcapng_damaged_packets_are_skipped() {
        let mut absurd = enhanced(false, 0, 0, &up(101, b"x"));
        absurd[20..24].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        let file = [
            section(false, 101),
            absurd,
            enhanced(false, 8, 0, &up(101, b"x")),
            enhanced(false, 0, 0, &up(101, b"y")),
        ]
        .concat();
        let capture = read_capture(&file, None).unwrap();
        assert_eq!(capture.skipped.malformed, 2);
        assert_eq!(spoken(&capture.flows[0]), [">y"]);
    }

    #[test]
    fn time_of_all_resolutions() {
        for resolution in 0..=255 {
            let interface = Interface {
                link: Linktype::RAW,
                longest_packet: 0,
                resolution,
                offset_seconds: i64::MIN,
            };
            assert_eq!(interface.time(u32::MAX, u32::MAX).subsec_nanos(), 0);
        }
        let interface = |resolution| Interface {
            link: Linktype::RAW,
            longest_packet: 0,
            resolution,
            offset_seconds: 0,
        };
        assert_eq!(
            interface(6).time(0, 1_500_000),
            Duration::from_millis(1_500)
        );
        assert_eq!(interface(0x81).time(0, 3), Duration::from_millis(1_500));
        assert_eq!(interface(12).time(1, 0), Duration::from_nanos(4_294_967));
    }

    // ---- Damaged files ----

    #[test]
    fn no_capture() {
        assert_eq!(read_capture(b"", None), Err(CaptureError::NotACapture));
        assert_eq!(read_capture(b"MQTT", None), Err(CaptureError::NotACapture));
        let header = &raw_pcap(&[])[..20];
        assert_eq!(read_capture(header, None), Err(CaptureError::BrokenHeader));
        let header = &section(false, 1)[..20];
        assert_eq!(read_capture(header, None), Err(CaptureError::BrokenHeader));
    }

    #[test]
    fn a_truncated_file_gives_what_precedes() {
        let file = raw_pcap(&[up(101, b"ab"), up(103, b"cd")]);
        let second = raw_pcap(&[up(101, b"ab")]).len();
        for length in second + 1..file.len() {
            let capture = read_capture(&file[..length], None).unwrap();
            assert_eq!(capture.broken_at, Some(second));
            assert_eq!(spoken(&capture.flows[0]), [">ab"]);
        }
        let file = [section(true, 101), enhanced(true, 0, 0, &up(101, b"ab"))].concat();
        let whole = file.len();
        let file = [file, enhanced(true, 0, 0, &up(103, b"cd"))].concat();
        for length in whole + 1..file.len() {
            let capture = read_capture(&file[..length], None).unwrap();
            assert_eq!(capture.broken_at, Some(whole));
            assert_eq!(spoken(&capture.flows[0]), [">ab"]);
        }
    }

    #[test]
    fn impossible_lengths() {
        let mut file = raw_pcap(&[up(101, b"ab")]);
        let end = file.len();
        file.extend([0xff; 40]);
        assert_eq!(read_capture(&file, None).unwrap().broken_at, Some(end));

        for length in [0_u32, 4, 8, 13, u32::MAX] {
            let start = section(false, 101);
            let bad = [6_u32.to_le_bytes(), length.to_le_bytes(), [0; 4], [0; 4]].concat();
            let file = [&start[..], &bad].concat();
            assert_eq!(
                read_capture(&file, None).unwrap().broken_at,
                Some(start.len())
            );
        }
    }

    #[test]
    fn no_single_byte_makes_it_panic() {
        let packets = with_handshake([up(101, b"ab"), up(105, b"cd"), down(501, b"ef")]);
        let ng: Vec<u8> = packets
            .iter()
            .flat_map(|packet| enhanced(false, 0, 1, packet))
            .collect();
        for file in [raw_pcap(&packets), [section(false, 101), ng].concat()] {
            for at in 0..file.len() {
                for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                    let mut damaged = file.clone();
                    damaged[at] = byte;
                    let _ = read_capture(&damaged, None);
                }
            }
        }
    }
}
