//! The outputs of the encoders.
//!
//! A packet is checked and written in one pass: each function checks a field, writes it, and passes
//! the output on. A pass over a slice only decides whether that is possible, as decoding does. A
//! packet that is refused passes once more over a counter, which names the rule or the room needed.

use core::marker::PhantomData;

use crate::error::Refusal;
use crate::wire::varint;

/// Fields that are checked and written in wire order.
pub(crate) trait Fields {
    fn write<O: Out>(&self, out: O) -> Result<O, O::Error>;

    /// A lower bound of the number of bytes that [`write`](Self::write) writes.
    #[inline]
    fn at_least(&self) -> usize {
        0
    }
}

/// An output. Each method returns the output behind the bytes that it wrote.
pub(crate) trait Out: Sized {
    type Error: From<Refusal>;

    fn put(self, bytes: &[u8]) -> Result<Self, Self::Error>;

    /// Writes bytes that are often few.
    #[inline(always)]
    fn put_short(self, bytes: &[u8]) -> Result<Self, Self::Error> {
        self.put(bytes)
    }

    /// Writes a length as a variable byte integer, and then the fields. The length counts the
    /// fields and `following`, the number of bytes that the caller writes behind them.
    fn put_counted(self, fields: &impl Fields, following: usize) -> Result<Self, Self::Error>;

    #[inline(always)]
    fn put_byte(self, value: u8) -> Result<Self, Self::Error> {
        self.put(&[value])
    }

    #[inline(always)]
    fn put_u16(self, value: u16) -> Result<Self, Self::Error> {
        self.put(&value.to_be_bytes())
    }

    #[inline(always)]
    fn put_u32(self, value: u32) -> Result<Self, Self::Error> {
        self.put(&value.to_be_bytes())
    }

    #[inline]
    fn put_variable_byte_integer(mut self, mut value: u32) -> Result<Self, Self::Error> {
        while value >= 0x80 {
            self = self.put_byte(value as u8 | 0x80)?;
            value >>= 7;
        }
        self.put_byte(value as u8)
    }

    /// Writes a two-byte length and the bytes. The types of the fields limit the length.
    #[inline(always)]
    fn put_prefixed(self, bytes: &[u8]) -> Result<Self, Self::Error> {
        let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.put_u16(len)?.put(bytes)
    }
}

/// Counts the bytes that an encoder would write. `E` is `()` or the [`Refusal`] itself.
pub(crate) struct LengthCounter<E>(pub(crate) usize, PhantomData<E>);

impl<E> LengthCounter<E> {
    pub(crate) const ZERO: Self = Self(0, PhantomData);
}

impl<E: From<Refusal>> Out for LengthCounter<E> {
    type Error = E;

    #[inline(always)]
    fn put(self, bytes: &[u8]) -> Result<Self, E> {
        Ok(Self(self.0.saturating_add(bytes.len()), PhantomData))
    }

    #[inline(always)]
    fn put_variable_byte_integer(self, value: u32) -> Result<Self, E> {
        let len = varint::len(value);
        Ok(Self(self.0.saturating_add(len), PhantomData))
    }

    #[inline(always)]
    fn put_counted(self, fields: &impl Fields, following: usize) -> Result<Self, E> {
        let len = fields.write(Self::ZERO)?.0;
        let counted = u32::try_from(len.saturating_add(following)).unwrap_or(u32::MAX);
        let all = len.saturating_add(varint::len(counted));
        Ok(Self(self.0.saturating_add(all), PhantomData))
    }
}

/// Writes to the beginning of a slice. Fails if the bytes do not fit.
pub(crate) struct SliceWriter<'b>(pub(crate) &'b mut [u8]);

impl Out for SliceWriter<'_> {
    type Error = ();

    #[inline(always)]
    fn put(self, bytes: &[u8]) -> Result<Self, ()> {
        let (head, rest) = self.0.split_at_mut_checked(bytes.len()).ok_or(())?;
        head.copy_from_slice(bytes);
        Ok(Self(rest))
    }

    #[inline(always)]
    fn put_short(self, bytes: &[u8]) -> Result<Self, ()> {
        let (head, rest) = self.0.split_at_mut_checked(bytes.len()).ok_or(())?;
        copy(head, bytes);
        Ok(Self(rest))
    }

    #[inline(always)]
    fn put_prefixed(self, bytes: &[u8]) -> Result<Self, ()> {
        put_prefixed(self.0, bytes).map(Self).ok_or(())
    }

    /// Leaves room for the shortest length that is possible, and moves the fields if theirs turns
    /// out to be longer.
    #[inline(always)]
    fn put_counted(self, fields: &impl Fields, following: usize) -> Result<Self, ()> {
        let whole = self.0;
        let at_least = fields.at_least().saturating_add(following);
        let guess = varint::len(u32::try_from(at_least).unwrap_or(u32::MAX));
        let (_, room) = whole.split_at_mut_checked(guess).ok_or(())?;
        let before = room.len();
        let len = before - fields.write(SliceWriter(room))?.0.len();
        let counted = match u32::try_from(len.saturating_add(following)) {
            Ok(counted @ 0..=varint::MAX) => counted,
            _ => return Err(()),
        };
        let exact = varint::len(counted);
        if exact != guess {
            move_right(whole, guess, len, exact)?;
        }
        let (length, rest) = whole.split_at_mut_checked(exact).ok_or(())?;
        SliceWriter(length).put_variable_byte_integer(counted)?;
        let (_, rest) = rest.split_at_mut_checked(len).ok_or(())?;
        Ok(Self(rest))
    }
}

/// [`Out::put_prefixed`] to a slice. Returns the rest of the slice.
#[inline]
fn put_prefixed<'b>(room: &'b mut [u8], bytes: &[u8]) -> Option<&'b mut [u8]> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let (head, rest) = room.split_at_mut_checked(2 + bytes.len())?;
    let (prefix, text) = head.split_first_chunk_mut()?;
    *prefix = len.to_be_bytes();
    copy(text, bytes);
    Some(rest)
}

/// Copies bytes to a slice of the same length. Up to 32 bytes are copied as two pieces that may
/// overlap, because a call of `memcpy` takes longer.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        4..8 => copy_ends::<4>(to, from),
        8..16 => copy_ends::<8>(to, from),
        16..=32 => copy_ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` bytes.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    let (Some(&first), Some(&last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
        return;
    };
    if let Some(to) = to.first_chunk_mut() {
        *to = first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = last;
    }
}

/// Moves `len` bytes from one place to a later one, if they fit there.
#[cold]
fn move_right(bytes: &mut [u8], from: usize, len: usize, to: usize) -> Result<(), ()> {
    let moved = bytes.get_mut(from..to.saturating_add(len)).ok_or(())?;
    let by = to.saturating_sub(from).min(moved.len());
    moved.rotate_right(by);
    Ok(())
}

/// Appends to a buffer. The caller has checked the fields and the room.
#[cfg(feature = "bytes")]
pub(crate) struct BufMutWriter<'b, B>(pub(crate) &'b mut B);

#[cfg(feature = "bytes")]
impl<B: bytes::BufMut> Out for BufMutWriter<'_, B> {
    type Error = ();

    #[inline(always)]
    fn put(self, bytes: &[u8]) -> Result<Self, ()> {
        self.0.put_slice(bytes);
        Ok(self)
    }

    #[inline(always)]
    fn put_counted(self, fields: &impl Fields, following: usize) -> Result<Self, ()> {
        let len = fields.write(LengthCounter::<()>::ZERO)?.0;
        let counted = u32::try_from(len.saturating_add(following)).unwrap_or(u32::MAX);
        fields.write(self.put_variable_byte_integer(counted)?)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::error::{FaultAt, Field};
    use crate::wire::{read, varint};

    #[test]
    fn variable_byte_integers_round_trip_at_their_boundaries() {
        for value in [
            0,
            1,
            127,
            128,
            16383,
            16384,
            2_097_151,
            2_097_152,
            268_435_455,
        ] {
            let mut bytes = [0; 5];
            let writer = SliceWriter(&mut bytes);
            let rest = writer.put_variable_byte_integer(value).ok().unwrap();
            let length = 5 - rest.0.len();
            assert_eq!(length, varint::len(value));
            let parsed = read::variable_byte_integer::<FaultAt>(&bytes, Field::PropertyLength);
            let (rest, parsed) = parsed.unwrap();
            assert_eq!((parsed, rest.len()), (value, 5 - length));
        }
    }

    /// Bytes that count up, of which at least `known` are announced.
    struct Bytes<'a> {
        bytes: &'a [u8],
        known: usize,
    }

    impl Fields for Bytes<'_> {
        fn write<O: Out>(&self, out: O) -> Result<O, O::Error> {
            out.put(self.bytes)
        }

        fn at_least(&self) -> usize {
            self.known
        }
    }

    #[test]
    fn counted_fields_follow_the_shortest_length() {
        let content: Vec<u8> = (0..20_000).map(|byte: u32| byte as u8).collect();
        for len in [0, 1, 126, 127, 128, 129, 16_383, 16_384, 20_000] {
            for (known, following) in [(0, 0), (len / 2, 0), (len, 0), (0, 1), (len, 100)] {
                let fields = Bytes {
                    bytes: &content[..len],
                    known,
                };
                let counted = varint::len((len + following) as u32);
                let all = counted + len;
                let counter = LengthCounter::<()>::ZERO.put_counted(&fields, following);
                assert_eq!(counter.map(|counter| counter.0), Ok(all));

                let mut room = vec![0xee; all + 1];
                let rest = SliceWriter(&mut room).put_counted(&fields, following);
                assert_eq!(rest.map(|rest| rest.0.len()), Ok(1));
                let (length, written) = room.split_at(counted);
                let parsed = read::variable_byte_integer::<FaultAt>(length, Field::PropertyLength);
                assert_eq!(parsed.unwrap().1 as usize, len + following);
                assert_eq!(written[..len], content[..len]);
                assert_eq!(written[len], 0xee);

                let fits = SliceWriter(&mut room[..all]).put_counted(&fields, following);
                assert!(fits.is_ok());
                let fits = SliceWriter(&mut room[..all - 1]).put_counted(&fields, following);
                assert!(fits.is_err());
            }
        }
    }

    #[test]
    fn a_length_has_at_most_four_bytes() {
        let fields = |known| Bytes { bytes: b"x", known };
        let too_long = varint::MAX as usize;
        for known in [0, 1] {
            let put = |following| {
                let mut room = [0; 8];
                let rest = SliceWriter(&mut room).put_counted(&fields(known), following);
                rest.map(|rest| rest.0.len())
            };
            assert_eq!(put(too_long - 1), Ok(3));
            assert_eq!(put(too_long), Err(()));
        }
    }
}
