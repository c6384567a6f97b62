//! The outputs of the encoders.

/// The output of an encoder. The length was computed before writing, so the bytes fit.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    /// Runs `write`, which writes exactly `length` bytes.
    #[inline]
    fn put_counted(&mut self, length: usize, write: impl Fn(&mut Self)) {
        let _ = length;
        write(self);
    }

    #[inline]
    fn put_byte(&mut self, value: u8) {
        self.put(&[value]);
    }

    #[inline]
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    fn put_variable_byte_integer(&mut self, mut value: u32) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return self.put_byte(low);
            }
            self.put_byte(low | 0x80);
        }
    }

    /// Writes a two-byte length and the bytes. The types of the fields limit the length.
    #[inline]
    fn put_prefixed(&mut self, bytes: &[u8]) {
        self.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.put(bytes);
    }
}

/// An output that knows how many bytes fit.
pub(crate) trait BoundedPut: Put {
    /// The number of bytes that fit.
    fn room(&self) -> usize;
}

/// Counts the bytes that an encoder would write.
#[derive(Default)]
pub(crate) struct LengthCounter(pub(crate) usize);

impl Put for LengthCounter {
    #[inline]
    fn put_counted(&mut self, length: usize, _: impl Fn(&mut Self)) {
        self.0 = self.0.saturating_add(length);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}

/// Writes to the beginning of a slice.
pub(crate) struct SliceWriter<'b>(pub(crate) &'b mut [u8]);

impl BoundedPut for SliceWriter<'_> {
    #[inline]
    fn room(&self) -> usize {
        self.0.len()
    }
}

impl Put for SliceWriter<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let room = core::mem::take(&mut self.0);
        if let Some((head, rest)) = room.split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            self.0 = rest;
        }
    }
}

/// Appends to a buffer.
#[cfg(feature = "bytes")]
pub(crate) struct BufMutWriter<'b, B>(pub(crate) &'b mut B);

#[cfg(feature = "bytes")]
impl<B: bytes::BufMut> BoundedPut for BufMutWriter<'_, B> {
    #[inline]
    fn room(&self) -> usize {
        self.0.remaining_mut()
    }
}

#[cfg(feature = "bytes")]
impl<B: bytes::BufMut> Put for BufMutWriter<'_, B> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
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
            let mut writer = SliceWriter(&mut bytes);
            writer.put_variable_byte_integer(value);
            let length = 5 - writer.0.len();
            assert_eq!(length, varint::len(value));
            let parsed = read::variable_byte_integer::<FaultAt>(&bytes, Field::PropertyLength);
            let (rest, parsed) = parsed.unwrap();
            assert_eq!((parsed, rest.len()), (value, 5 - length));
        }
    }
}
