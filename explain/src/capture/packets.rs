//! The packets of a capture, one after the other as the file is read.

use std::io::{self, Read};

use super::error::CaptureError;
use super::pcap::{self, PcapFile, is_pcap};
use super::pcapng::{self, PcapNgFile, is_pcapng};
use super::raw::{RawPacket, RecordLen};

/// Reads packets from a file or a pipe.
pub struct PacketReader<'r> {
    input: Box<dyn Read + 'r>,
    /// What is read at once.
    chunk: Vec<u8>,
    /// The bytes from `start` on are not read yet.
    buffer: Vec<u8>,
    start: usize,
    is_at_end: bool,
    /// How many bytes of the file came before `start`.
    offset: u64,
    /// How many records were used: packets, and in pcapng other blocks as well.
    records: u64,
    format: Format,
    damage: Option<Damage>,
}

/// A record that cannot be read, so nothing after it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Its number, from 1. In pcapng it counts all blocks.
    pub record: u64,
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// The file ends inside it; if not, it is invalid.
    pub is_cut: bool,
}

/// The format of the file, with what its headers said so far.
enum Format {
    Unknown,
    Pcap(PcapFile),
    PcapNg(PcapNgFile),
}

/// The result of looking for a packet.
pub enum Next<'a> {
    Packet(RawPacket<'a>),
    /// A packet that no header describes.
    Malformed,
    /// [`PacketReader::fill`] has to read more first, which may take a while.
    NeedsInput,
    End,
}

impl<'r> PacketReader<'r> {
    /// The longest record. A longer one is damaged.
    const LONGEST: usize = 1 << 24;
    const CHUNK: usize = 1 << 18;

    pub fn new(input: impl Read + 'r) -> Self {
        Self {
            input: Box::new(input),
            chunk: vec![0; Self::CHUNK],
            buffer: Vec::new(),
            start: 0,
            is_at_end: false,
            offset: 0,
            format: Format::Unknown,
            records: 0,
            damage: None,
        }
    }

    /// The record that ended the reading.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// How many bytes of the file were used.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads more of the file.
    pub fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let count = loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let new = self.chunk.get(..count).unwrap_or_default();
        self.buffer.extend_from_slice(new);
        self.is_at_end = new.is_empty();
        Ok(())
    }

    /// The next packet.
    ///
    /// # Errors
    ///
    /// The file is not a capture. Damage later in the file only ends it.
    pub fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        if matches!(self.format, Format::Unknown) {
            match self.read_header()? {
                Some(length) => self.advance(length),
                None => return Ok(Next::NeedsInput),
            }
        }
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if self.damage.is_some() || rest.is_empty() && self.is_at_end {
                return Ok(Next::End);
            }
            let length = match self.format.record_len(rest) {
                RecordLen::Known(length) if length <= rest.len() => length,
                RecordLen::Known(length) if length <= Self::LONGEST && !self.is_at_end => {
                    return Ok(Next::NeedsInput);
                }
                RecordLen::Unknown if !self.is_at_end => return Ok(Next::NeedsInput),
                length => {
                    let is_invalid = match length {
                        RecordLen::Known(length) => length > Self::LONGEST,
                        RecordLen::Unknown => false,
                        RecordLen::Impossible => true,
                    };
                    return self.damaged(self.offset, !is_invalid);
                }
            };
            let (at, start) = (self.offset, self.start);
            self.advance(length);
            let record = start..self.start;
            let bytes = self.buffer.get(record.clone()).unwrap_or_default();
            if self.format.is_packet(bytes) {
                self.records += 1;
                let bytes = self.buffer.get(record).unwrap_or_default();
                return Ok(match self.format.packet(bytes) {
                    Some(packet) => Next::Packet(packet),
                    None => Next::Malformed,
                });
            }
            if !self.format.read_description(bytes) {
                return self.damaged(at, false);
            }
            self.records += 1;
        }
    }

    /// Damage at the beginning is an error; after that, what precedes it counts.
    fn damaged(&mut self, offset: u64, is_cut: bool) -> Result<Next<'_>, CaptureError> {
        if offset == 0 {
            return Err(CaptureError::BrokenHeader);
        }
        self.damage = Some(Damage {
            record: self.records + 1,
            offset,
            is_cut,
        });
        Ok(Next::End)
    }

    fn advance(&mut self, length: usize) {
        self.start += length;
        self.offset += length as u64;
    }

    /// Finds the format. Returns the length of the header, or `None` if more of it has to be read.
    fn read_header(&mut self) -> Result<Option<usize>, CaptureError> {
        let head = self.buffer.get(self.start..).unwrap_or_default();
        if head.len() < pcap::HEADER_LEN && !self.is_at_end {
            return Ok(None);
        }
        if is_pcapng(head) {
            self.format = Format::PcapNg(pcapng::PcapNgFile::default());
            return Ok(Some(0));
        }
        if !is_pcap(head) {
            return Err(CaptureError::NotACapture);
        }
        let file = PcapFile::new(head).ok_or(CaptureError::BrokenHeader)?;
        self.format = Format::Pcap(file);
        Ok(Some(pcap::HEADER_LEN))
    }
}

impl Format {
    fn record_len(&self, bytes: &[u8]) -> RecordLen {
        match self {
            Self::Unknown => RecordLen::Unknown,
            Self::Pcap(file) => file.record_len(bytes),
            Self::PcapNg(file) => file.block_len(bytes),
        }
    }

    /// Whether a whole record has a packet.
    fn is_packet(&self, record: &[u8]) -> bool {
        match self {
            Self::Unknown | Self::Pcap(_) => true,
            Self::PcapNg(file) => file.is_packet(record),
        }
    }

    /// The packet of a whole record.
    fn packet<'a>(&self, record: &'a [u8]) -> Option<RawPacket<'a>> {
        match self {
            Self::Unknown => None,
            Self::Pcap(file) => file.packet(record),
            Self::PcapNg(file) => file.packet(record),
        }
    }

    /// Reads a record without a packet. Returns `false` if it is damaged.
    fn read_description(&mut self, record: &[u8]) -> bool {
        match self {
            Self::Unknown | Self::Pcap(_) => true,
            Self::PcapNg(file) => file.read_description(record),
        }
    }
}
