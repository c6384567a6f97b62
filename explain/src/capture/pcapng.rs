//! The file format pcapng.

use std::time::Duration;

use pcap_parser::{
    Block, InterfaceDescriptionBlock, Linktype, parse_block_be, parse_block_le,
    parse_sectionheaderblock, traits::PcapNGPacketBlock,
};

use super::connections::Reader;
use super::error::CaptureError;
use super::link::RawPacket;

/// Whether the bytes begin like a pcapng file.
pub(super) fn is_pcapng(file: &[u8]) -> bool {
    let order = file.get(8..12);
    file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
        && (order == Some(&[0x4d, 0x3c, 0x2b, 0x1a]) || order == Some(&[0x1a, 0x2b, 0x3c, 0x4d]))
}

/// Reads all blocks. Returns the offset of the first damaged one.
///
/// The blocks are cut out here. The parser gets only the four kinds that matter, each with the
/// length that it declares, so it cannot mistake a damaged block for the end of the file.
pub(super) fn read<'a>(
    file: &'a [u8],
    reader: &mut Reader<'a>,
) -> Result<Option<usize>, CaptureError> {
    const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    const INTERFACE: u32 = 1;
    const OBSOLETE_PACKET: u32 = 2;
    const SIMPLE_PACKET: u32 = 3;
    const ENHANCED_PACKET: u32 = 6;

    let mut order = ByteOrder::Little;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let rest = file.get(at..).unwrap_or_default();
        if is_pcapng(rest) {
            order = if rest.get(8) == Some(&0x1a) {
                ByteOrder::Big
            } else {
                ByteOrder::Little
            };
            interfaces.clear();
        }
        let length = order.u32_at(rest, 4).unwrap_or_default() as usize;
        let (Some(kind), Some(block)) = (order.u32_at(rest, 0), rest.get(..length)) else {
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
                let parse = match order {
                    ByteOrder::Little => parse_block_le,
                    ByteOrder::Big => parse_block_be,
                };
                match parse(block) {
                    Ok((_, Block::InterfaceDescription(description))) => {
                        interfaces.push(Interface::new(&description, order));
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

/// Damage in the first block is an error; after that, the blocks before it count.
fn first_or_later(at: usize) -> Result<Option<usize>, CaptureError> {
    if at == 0 {
        Err(CaptureError::BrokenHeader)
    } else {
        Ok(Some(at))
    }
}

/// The byte order of a section.
#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        })
    }
}

/// The packet in a block. The parser has checked that the block is long enough.
fn packet_bytes(block: &[u8], at: usize, length: u32) -> &[u8] {
    block
        .get(at..at.saturating_add(length as usize))
        .unwrap_or_default()
}

/// The properties of an interface that its packets depend on.
struct Interface {
    link: Linktype,
    longest_packet: u32,
    resolution: u8,
    offset_seconds: i64,
}

impl Interface {
    fn new(description: &InterfaceDescriptionBlock<'_>, order: ByteOrder) -> Interface {
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
            offset_seconds: match order {
                ByteOrder::Little => offset,
                ByteOrder::Big => offset.swap_bytes(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
