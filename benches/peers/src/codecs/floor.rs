//! The lower bounds. Decoding: find the frame, validate each of its strings and skip everything
//! else, with `core::str::from_utf8` alone or with a check for ASCII before it. Encoding: copy the
//! bytes of the packet. Framing: read the Remaining Length without any check.

use crate::fields::{Field, Fields};
use crate::peer::{Frame, Kind, Peer, Task, frame, split, varint};
use crate::workload::{Version, Wire};

/// The floor of decoding with `from_utf8`, and of the other tasks.
pub const FROM_UTF8: &str = "floor";
pub const ASCII_FIRST: &str = "floor, ASCII first";

pub struct Floor<const LEVEL: u8, const ASCII: bool>;

impl<const LEVEL: u8, const ASCII: bool> Peer for Floor<LEVEL, ASCII> {
    const NAME: &'static str = if ASCII { ASCII_FIRST } else { FROM_UTF8 };
    const VERSION: Version = if LEVEL == 5 { Version::V5 } else { Version::V4 };
    const KIND: Kind = Kind::Floor;
    const TASKS: &'static [Task] = if ASCII {
        &[Task::Decode] // it does not copy or frame faster than the other
    } else {
        &[Task::Decode, Task::Encode, Task::Frame]
    };

    type Input = Wire;
    /// With the total length of its strings.
    type Packet = (Frame, usize);
    type Output = Vec<u8>;

    #[inline(always)]
    fn decode(input: &mut Wire) -> Option<Self::Packet> {
        let frame = frame(input)?;
        let mut strings = Strings::<LEVEL, ASCII> {
            rest: frame.body,
            length: 0,
        };
        strings.packet(frame.first)?;
        Some((frame, strings.length))
    }

    /// Reports all strings as one of their total length.
    #[inline(always)]
    fn fields<F: Fields>((frame, strings): &Self::Packet, to: &mut F) {
        to.kind(frame.first >> 4);
        to.bytes(Field::Topic, &frame.body[..*strings]);
    }

    fn encode((frame, _): &mut Self::Packet, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        out.extend_from_slice(frame.whole);
        Some(())
    }

    #[inline(always)]
    fn skip(input: &mut Wire) -> Option<()> {
        frame(input).map(drop)
    }
}

struct Strings<const LEVEL: u8, const ASCII: bool> {
    rest: Wire,
    length: usize,
}

impl<const LEVEL: u8, const ASCII: bool> Strings<LEVEL, ASCII> {
    #[inline(always)]
    fn packet(&mut self, first: u8) -> Option<()> {
        match first >> 4 {
            1 => {
                let flags = *self.rest.get(7)?;
                self.skip(10)?;
                self.properties()?;
                self.string()?;
                if flags & 0x04 != 0 {
                    self.properties()?;
                    self.string()?;
                    self.binary()?;
                }
                if flags & 0x80 != 0 {
                    self.string()?;
                }
                if flags & 0x40 != 0 {
                    self.binary()?;
                }
            }
            3 => {
                self.string()?;
                self.skip(if first & 0x06 == 0 { 0 } else { 2 })?;
                self.properties()?;
            }
            8 => {
                self.skip(2)?;
                self.properties()?;
                while !self.rest.is_empty() {
                    self.string()?;
                    self.skip(1)?;
                }
            }
            2 | 9 => {
                self.skip(2)?;
                self.properties()?;
            }
            4 if self.rest.len() > 3 => {
                self.skip(3)?;
                self.properties()?;
            }
            14 if self.rest.len() > 1 => {
                self.skip(1)?;
                self.properties()?;
            }
            _ => (),
        }
        Some(())
    }

    fn properties(&mut self) -> Option<()> {
        if LEVEL < 5 {
            return Some(());
        }
        let section = split(&mut self.rest, varint)?;
        let after = std::mem::replace(&mut self.rest, section);
        while let Some(id) = self.rest.split_off_first() {
            match id {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => self.skip(1)?,
                0x13 | 0x21..=0x23 => self.skip(2)?,
                0x02 | 0x11 | 0x18 | 0x27 => self.skip(4)?,
                0x0B => drop(varint(&mut self.rest)?),
                0x09 | 0x16 => self.binary()?,
                0x26 => {
                    self.string()?;
                    self.string()?;
                }
                _ => self.string()?,
            }
        }
        self.rest = after;
        Some(())
    }

    #[inline(always)]
    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest.split_off(..count).map(drop)
    }

    fn binary(&mut self) -> Option<()> {
        split(&mut self.rest, length).map(drop)
    }

    #[inline(always)]
    fn string(&mut self) -> Option<()> {
        let text = split(&mut self.rest, length)?;
        self.length += text.len();
        (ASCII && is_ascii(text) || str::from_utf8(text).is_ok()).then_some(())
    }
}

fn length(input: &mut Wire) -> Option<usize> {
    let bytes = input.split_off(..2)?;
    Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
}

#[inline(always)]
fn is_ascii(text: &[u8]) -> bool {
    let (words, tail) = text.as_chunks();
    let high = words
        .iter()
        .fold(0, |high, word| high | u64::from_ne_bytes(*word));
    let high = tail.iter().fold(high, |high, byte| high | u64::from(*byte));
    high & 0x8080_8080_8080_8080 == 0
}
