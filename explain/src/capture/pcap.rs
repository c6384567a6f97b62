//! The file format pcap.

use std::time::Duration;

use pcap_parser::{
    Linktype, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::raw::{RawPacket, RecordLen};

/// The length of the header of the file.
pub(super) const HEADER_LEN: usize = 24;

/// Whether the bytes begin like a pcap file.
pub(super) fn is_pcap(file: &[u8]) -> bool {
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

/// A file whose header was read.
pub(super) struct PcapFile {
    header: PcapHeader,
}

impl PcapFile {
    /// Reads the header at the beginning of the file.
    pub fn new(file: &[u8]) -> Option<Self> {
        let (_, header) = parse_pcap_header(file).ok()?;
        Some(Self { header })
    }

    pub fn record_len(&self, bytes: &[u8]) -> RecordLen {
        const CAPTURED_LENGTH_AT: usize = 8;
        let header_len = if self.header.is_modified_format() {
            24
        } else {
            16
        };
        let field = bytes.get(CAPTURED_LENGTH_AT..);
        let Some(field) = field.and_then(|field| field.first_chunk()) else {
            return RecordLen::Unknown;
        };
        let captured = if self.header.is_bigendian() {
            u32::from_be_bytes(*field)
        } else {
            u32::from_le_bytes(*field)
        };
        RecordLen::Known(header_len + captured as usize)
    }

    /// The packet of a whole record.
    pub fn packet<'a>(&self, record: &'a [u8]) -> Option<RawPacket<'a>> {
        let parse_record = match &self.header {
            header if header.is_modified_format() => parse_pcap_frame_modified,
            header if header.is_bigendian() => parse_pcap_frame_be,
            _ => parse_pcap_frame,
        };
        let (_, record) = parse_record(record).ok()?;
        Some(RawPacket {
            link: self.link(),
            time: self.time(record.ts_sec, record.ts_usec),
            cut: record.origlen.saturating_sub(record.caplen),
            bytes: record.data,
        })
    }

    /// The upper half of the field may describe frame check sequences.
    fn link(&self) -> Linktype {
        Linktype(self.header.network.0 & 0xffff)
    }

    fn time(&self, seconds: u32, fraction: u32) -> Duration {
        let fraction = u64::from(fraction);
        Duration::from_secs(u64::from(seconds))
            + if self.header.is_nanosecond_precision() {
                Duration::from_nanos(fraction)
            } else {
                Duration::from_micros(fraction)
            }
    }
}

/// Makes a file of packets, without times.
pub fn write(link: Linktype, packets: &[Vec<u8>]) -> Vec<u8> {
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
