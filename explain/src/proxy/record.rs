//! The file of `--write`: the bytes that passed, as packets of TCP.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Instant, SystemTime};

use etherparse::{IpHeaders, Ipv4Header, Ipv6FlowLabel, Ipv6Header, PacketBuilder, TcpHeader};
use mqtt_wire::Sender;
use pcap_parser::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, Linktype, SectionHeaderBlock, ToVec,
};

use super::relay::print_note;

/// The recorder, until it fails.
pub struct Recording {
    pub recorder: Option<Recorder>,
    pub failure: Option<io::Error>,
}

impl Recording {
    /// Writes, unless that failed before. The user has to know of an error at once.
    pub fn write(&mut self, write: impl FnOnce(&mut Recorder) -> io::Result<()>) {
        let written = self.recorder.as_mut().map_or(Ok(()), write);
        if let Err(error) = written {
            print_note(&format!("--write: {error}"));
            self.recorder = None;
            self.failure = Some(error);
        }
    }
}

/// Writes the bytes of connections as segments of TCP on port 1883 of the server, where Wireshark
/// expects MQTT. TLS and WebSocket are not in it.
pub struct Recorder {
    out: BufWriter<File>,
    began: (Instant, SystemTime),
    server: SocketAddr,
    flows: BTreeMap<u64, Flow>,
}

/// A connection.
struct Flow {
    client: Side,
    server: Side,
}

#[derive(Clone, Copy)]
struct Side {
    address: SocketAddr,
    /// The sequence number of the next byte.
    next: u32,
}

/// The flags of a segment, besides ACK.
#[derive(Clone, Copy, PartialEq)]
enum Flag {
    Syn,
    Push,
    Fin,
    Reset,
    None,
}

impl Recorder {
    /// The most bytes of a segment.
    const SEGMENT: usize = 1 << 14;

    /// Creates the file. `server` is the address of the server.
    pub fn create(path: &Path, server: SocketAddr) -> io::Result<Self> {
        let named = |error: io::Error| {
            let text = format!("{}: {error}", path.display());
            io::Error::new(error.kind(), text)
        };
        let file = File::create(path).map_err(named)?;
        let mut recorder = Self {
            out: BufWriter::new(file),
            began: (Instant::now(), SystemTime::now()),
            server: SocketAddr::new(server.ip(), 1883),
            flows: BTreeMap::new(),
        };
        recorder.begin().map_err(named)?;
        Ok(recorder)
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut section = SectionHeaderBlock {
            block_type: 0,
            block_len1: 0,
            bom: 0,
            major_version: 0,
            minor_version: 0,
            section_len: -1,
            options: Vec::new(),
            block_len2: 0,
        };
        let mut interface = InterfaceDescriptionBlock {
            block_type: 0,
            block_len1: 0,
            linktype: Linktype::RAW,
            reserved: 0,
            snaplen: 0,
            options: Vec::new(),
            block_len2: 0,
            // microseconds
            if_tsresol: 6,
            if_tsoffset: 0,
        };
        for block in [section.to_vec(), interface.to_vec()] {
            self.out.write_all(&block.map_err(io::Error::other)?)?;
        }
        self.out.flush()
    }

    /// A client connects.
    pub fn opened(&mut self, number: u64, time: Instant, client: SocketAddr) -> io::Result<()> {
        let side = |address| Side { address, next: 0 };
        let flow = Flow {
            client: side(client),
            server: side(self.server),
        };
        self.flows.insert(number, flow);
        self.segment(number, time, Sender::Client, Flag::Syn, &[])?;
        self.segment(number, time, Sender::Server, Flag::Syn, &[])?;
        self.segment(number, time, Sender::Client, Flag::None, &[])
    }

    /// Bytes pass.
    pub fn bytes(
        &mut self,
        number: u64,
        time: Instant,
        sender: Sender,
        bytes: &[u8],
    ) -> io::Result<()> {
        for segment in bytes.chunks(Self::SEGMENT) {
            self.segment(number, time, sender, Flag::Push, segment)?;
        }
        Ok(())
    }

    /// Bytes passed that are not known. The file has a gap there.
    pub fn skip(&mut self, number: u64, sender: Sender, length: u64) -> io::Result<()> {
        if let Some(flow) = self.flows.get_mut(&number) {
            let side = flow.side(sender);
            // sequence numbers are modulo 2^32
            side.next = side.next.wrapping_add(length as u32);
        }
        Ok(())
    }

    /// A side ends the connection, with a reset or not.
    pub fn ended(
        &mut self,
        number: u64,
        time: Instant,
        sender: Sender,
        is_reset: bool,
    ) -> io::Result<()> {
        let flag = if is_reset { Flag::Reset } else { Flag::Fin };
        self.segment(number, time, sender, flag, &[])
    }

    /// The connection has ended.
    pub fn closed(&mut self, number: u64) -> io::Result<()> {
        self.flows.remove(&number);
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn segment(
        &mut self,
        number: u64,
        time: Instant,
        sender: Sender,
        flag: Flag,
        bytes: &[u8],
    ) -> io::Result<()> {
        let Some(flow) = self.flows.get_mut(&number) else {
            return Ok(());
        };
        let (from, to) = match sender {
            Sender::Client => (&mut flow.client, &flow.server),
            Sender::Server => (&mut flow.server, &flow.client),
        };
        let mut tcp = TcpHeader::new(from.address.port(), to.address.port(), from.next, u16::MAX);
        tcp.syn = flag == Flag::Syn;
        tcp.psh = flag == Flag::Push;
        tcp.fin = flag == Flag::Fin;
        tcp.rst = flag == Flag::Reset;
        // the first segment of all has nothing to acknowledge
        tcp.ack = !(tcp.syn && sender == Sender::Client);
        tcp.acknowledgment_number = if tcp.ack { to.next } else { 0 };
        let builder = PacketBuilder::ip(ip_headers(from.address.ip(), to.address.ip()));
        let builder = builder.tcp_header(tcp);
        let mut packet = Vec::with_capacity(builder.size(bytes.len()));
        builder
            .write(&mut packet, bytes)
            .map_err(io::Error::other)?;
        let counted = bytes.len() as u32 + u32::from(matches!(flag, Flag::Syn | Flag::Fin));
        from.next = from.next.wrapping_add(counted);

        let (began, at) = self.began;
        let time = at + time.saturating_duration_since(began);
        let time = time.duration_since(SystemTime::UNIX_EPOCH);
        let time = time.unwrap_or_default().as_micros() as u64;
        let length = packet.len() as u32;
        let mut block = EnhancedPacketBlock {
            block_type: 0,
            block_len1: 0,
            if_id: 0,
            ts_high: (time >> 32) as u32,
            ts_low: time as u32,
            caplen: length,
            origlen: length,
            data: &packet,
            options: Vec::new(),
            block_len2: 0,
        };
        self.out
            .write_all(&block.to_vec().map_err(io::Error::other)?)
    }
}

impl Flow {
    fn side(&mut self, sender: Sender) -> &mut Side {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }
}

/// The headers of IPv4, or of IPv6 if one of the addresses is of IPv6.
fn ip_headers(from: IpAddr, to: IpAddr) -> IpHeaders {
    const HOPS: u8 = 64;
    match (from.to_canonical(), to.to_canonical()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Header {
                time_to_live: HOPS,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv4Header::default()
            };
            IpHeaders::Ipv4(header, Default::default())
        }
        (from, to) => {
            let octets = |address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            let header = Ipv6Header {
                flow_label: Ipv6FlowLabel::ZERO,
                hop_limit: HOPS,
                source: octets(from),
                destination: octets(to),
                ..Ipv6Header::default()
            };
            IpHeaders::Ipv6(header, Default::default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_were_skipped_are_a_gap() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("mqtt-explain-{}.pcapng", std::process::id()));
        let server = "[::1]:8883".parse().unwrap();
        let mut recorder = Recorder::create(&path, server).unwrap();
        let client = "10.0.0.1:40000".parse().unwrap();
        let now = Instant::now();
        recorder.opened(1, now, client).unwrap();
        let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";
        recorder.bytes(1, now, Sender::Client, connect).unwrap();
        recorder.skip(1, Sender::Client, 100).unwrap();
        recorder.bytes(1, now, Sender::Client, b"\xc0\0").unwrap();
        recorder.ended(1, now, Sender::Server, true).unwrap();
        recorder.flush().unwrap();
        let file = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut output = Vec::new();
        let args = ["mqtt-explain", "--color", "never"];
        crate::explain_bytes(&args, file, &mut output).unwrap();
        let output = anstream::adapter::strip_bytes(&output).into_vec();
        let output = String::from_utf8(output).unwrap();
        for text in [
            "#1  [::ffff:10.0.0.1]:40000 → [::1]:1883\n",
            "→ 100 bytes are missing from the capture\n",
            "115  → PINGREQ\n",
            "← the server resets the connection\n",
        ] {
            assert!(output.contains(text), "{output}");
        }
    }
}
