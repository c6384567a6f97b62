//! The file format pcapng.

use std::time::Duration;

use pcap_parser::{
    Block, InterfaceDescriptionBlock, Linktype, parse_block_be, parse_block_le,
    parse_sectionheaderblock, traits::PcapNGPacketBlock,
};

use super::raw::{RawPacket, RecordLen};

/// Whether the bytes begin like a pcapng file.
pub(super) fn is_pcapng(file: &[u8]) -> bool {
    let order = file.get(8..12);
    file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
        && (order == Some(&[0x4d, 0x3c, 0x2b, 0x1a]) || order == Some(&[0x1a, 0x2b, 0x3c, 0x4d]))
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// A file, with the section and the interfaces that were read last.
///
/// The blocks are cut out here. The parser gets only the four kinds that matter, each with the
/// length that it declares, so it cannot mistake a damaged block for the end of the file.
#[derive(Default)]
pub(super) struct PcapNgFile {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

impl PcapNgFile {
    pub fn block_len(&self, bytes: &[u8]) -> RecordLen {
        if bytes.len() < 12 {
            return RecordLen::Unknown;
        }
        let length = self.order_of(bytes).u32_at(bytes, 4).unwrap_or_default() as usize;
        if length < 12 || length % 4 != 0 {
            return RecordLen::Impossible;
        }
        RecordLen::Known(length)
    }

    /// Whether a whole block has a packet.
    pub fn is_packet(&self, block: &[u8]) -> bool {
        let kind = self.order.u32_at(block, 0);
        matches!(
            kind,
            Some(OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET)
        )
    }

    /// The packet of a whole block.
    pub fn packet<'a>(&self, block: &'a [u8]) -> Option<RawPacket<'a>> {
        match self.parse(block)? {
            Block::EnhancedPacket(packet) => {
                let interface = self.interfaces.get(packet.if_id as usize)?;
                Some(RawPacket {
                    link: interface.link,
                    time: interface.time(packet.ts_high, packet.ts_low),
                    cut: packet.origlen.saturating_sub(packet.caplen),
                    bytes: packet_bytes(block, 28, packet.caplen),
                })
            }
            Block::SimplePacket(packet) => {
                let interface = self.interfaces.first()?;
                let stored = packet.packet_data().len() as u32;
                let captured = stored.min(packet.origlen).min(interface.longest_packet);
                Some(RawPacket {
                    link: interface.link,
                    time: Duration::ZERO,
                    cut: packet.origlen.saturating_sub(captured),
                    bytes: packet_bytes(block, 12, captured),
                })
            }
            _ => None,
        }
    }

    /// Reads a whole block without a packet. Returns `false` if it is damaged.
    pub fn read_description(&mut self, block: &[u8]) -> bool {
        if is_pcapng(block) {
            self.order = self.order_of(block);
            self.interfaces.clear();
            return parse_sectionheaderblock(block).is_ok();
        }
        match self.order.u32_at(block, 0) {
            // a section in no known byte order
            Some(SECTION_HEADER) => false,
            Some(INTERFACE) => match self.parse(block) {
                Some(Block::InterfaceDescription(description)) => {
                    self.interfaces
                        .push(Interface::new(&description, self.order));
                    true
                }
                _ => false,
            },
            _ => true,
        }
    }

    /// The byte order of a block, which a section header may change.
    fn order_of(&self, block: &[u8]) -> ByteOrder {
        match block.get(8) {
            _ if !is_pcapng(block) => self.order,
            Some(0x1a) => ByteOrder::Big,
            _ => ByteOrder::Little,
        }
    }

    fn parse<'a>(&self, block: &'a [u8]) -> Option<Block<'a>> {
        let parse = match self.order {
            ByteOrder::Little => parse_block_le,
            ByteOrder::Big => parse_block_be,
        };
        parse(block).ok().map(|(_, block)| block)
    }
}

/// The byte order of a section.
#[derive(Clone, Copy, Default)]
enum ByteOrder {
    #[default]
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
