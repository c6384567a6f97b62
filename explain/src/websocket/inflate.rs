//! The extension permessage-deflate (RFC 7692).

use std::io;

use flate2::{Decompress, FlushDecompress, Status};

/// Unpacks the messages of one direction, which may refer to earlier ones.
pub(super) struct Inflate {
    stream: Decompress,
    /// The data are wrong, or some are missing.
    is_broken: bool,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Self {
            stream: Decompress::new(false),
            is_broken: false,
        }
    }

    /// Later messages may refer to bytes that are not known.
    pub(super) fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// Unpacks a part of a message into pieces of limited length. Returns `false` if it cannot be
    /// unpacked.
    pub(super) fn unpack(
        &mut self,
        mut bytes: &[u8],
        receive: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut piece = [0; 4096];
        while !self.is_broken {
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let done = self
                .stream
                .decompress(bytes, &mut piece, FlushDecompress::Sync);
            let read = (self.stream.total_in() - read) as usize;
            let written = (self.stream.total_out() - written) as usize;
            bytes = bytes.get(read..).unwrap_or_default();
            let unpacked = piece.get(..written).unwrap_or_default();
            if !unpacked.is_empty() {
                receive(unpacked)?;
            }
            match done {
                // a message may hold a whole stream, and then the beginning of the next one
                Ok(Status::StreamEnd) => self.stream.reset(false),
                Ok(_) if read == 0 && written == 0 => return Ok(bytes.is_empty()),
                Ok(_) if bytes.is_empty() && written < piece.len() => return Ok(true),
                Ok(_) => {}
                Err(_) => self.is_broken = true,
            }
        }
        Ok(false)
    }

    /// Unpacks the end of a message, which senders leave out.
    pub(super) fn end_message(
        &mut self,
        receive: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        self.unpack(&[0, 0, 0xff, 0xff], receive)
    }
}
