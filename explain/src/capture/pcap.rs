//! The file format pcap.

use std::time::Duration;

use pcap_parser::{
    Linktype, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::connections::Reader;
use super::error::CaptureError;
use super::link::RawPacket;

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

/// Reads all records. Returns the offset of the first damaged one.
pub(super) fn read<'a>(
    file: &'a [u8],
    reader: &mut Reader<'a>,
) -> Result<Option<usize>, CaptureError> {
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
            link: link(&header),
            time: time(&header, record.ts_sec, record.ts_usec),
            cut: record.origlen.saturating_sub(record.caplen),
            bytes: record.data,
        });
    }
    Ok(None)
}

/// The upper half of the field may describe frame check sequences.
fn link(header: &PcapHeader) -> Linktype {
    Linktype(header.network.0 & 0xffff)
}

fn time(header: &PcapHeader, seconds: u32, fraction: u32) -> Duration {
    let fraction = u64::from(fraction);
    Duration::from_secs(u64::from(seconds))
        + if header.is_nanosecond_precision() {
            Duration::from_nanos(fraction)
        } else {
            Duration::from_micros(fraction)
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
