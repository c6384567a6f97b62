//! Bytes in, bytes out, and the end of a connection.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_wire::{DecodeError, FrameDecoder, Limits, PacketBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use crate::transport::Stream;

/// The room for one read.
const READ: usize = 4096;
/// A read buffer above this is not kept when it is empty.
const LARGEST_KEPT: usize = 64 << 10;
/// The time that a client has to read the last packet.
const FAREWELL: Duration = Duration::from_secs(1);
/// The time in which a client has to close a connection that the broker has ended, and the bytes
/// that it may still send.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 4 << 20);

/// A connection as two streams of bytes, and the framing of the incoming one.
pub struct Wire {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    pub decoder: FrameDecoder,
    is_flushed: bool,
}

/// What a connection has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    Received,
    Sent,
    /// The client has closed its side.
    Closed,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>, limits: Limits) -> Self {
        let (reader, writer) = split(stream);
        Self {
            reader,
            writer,
            decoder: FrameDecoder::accept(limits),
            is_flushed: true,
        }
    }

    /// Reads the CONNECT.
    pub async fn first_packet(&mut self) -> io::Result<Result<PacketBuf, DecodeError>> {
        loop {
            if let Err(error) = self.decoder.next_packet() {
                return Ok(Err(error));
            }
            if let Some(packet) = self.decoder.keep() {
                return Ok(Ok(packet));
            }
            if self.transfer(&mut BytesMut::new(), true).await? == Transfer::Closed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether something still has to be sent.
    pub fn has_unsent(&self, out: &BytesMut) -> bool {
        !(out.is_empty() && self.is_flushed)
    }

    /// Reads into the decoder or writes from `out`, whichever is possible first. Cancel safe.
    pub async fn transfer(&mut self, out: &mut BytesMut, may_read: bool) -> io::Result<Transfer> {
        let has_unsent = self.has_unsent(out);
        tokio::select! {
            count = read(&mut self.reader, self.decoder.buffer_mut()), if may_read => {
                Ok(if count? == 0 { Transfer::Closed } else { Transfer::Received })
            }
            sent = write(&mut self.writer, out, &mut self.is_flushed), if has_unsent => {
                sent.map(|()| Transfer::Sent)
            }
        }
    }

    /// Sends the rest and ends the sending side of the connection.
    pub async fn end(&mut self, out: &mut BytesMut) {
        let rest = async {
            self.writer.write_all_buf(out).await?;
            self.writer.flush().await?;
            self.writer.shutdown().await
        };
        // whoever does not read it in time does not get it
        let _ = timeout(FAREWELL, rest).await;
    }

    /// Drops what the client still sends, until it closes its side. If a socket is closed with bytes
    /// unread, the system resets the connection, and the client may lose the last packet.
    pub async fn drain(mut self) {
        let (time, bytes) = LINGER;
        let rest = async {
            let (mut unread, mut left) = (BytesMut::new(), bytes);
            while left > 0 {
                unread.clear();
                match read(&mut self.reader, &mut unread).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => left = left.saturating_sub(count),
                }
            }
        };
        let _ = timeout(time, rest).await;
    }
}

async fn read(reader: &mut ReadHalf<Box<dyn Stream>>, buffer: &mut BytesMut) -> io::Result<usize> {
    if buffer.is_empty() && buffer.capacity() > LARGEST_KEPT {
        *buffer = BytesMut::new();
    }
    buffer.reserve(READ);
    reader.read_buf(buffer).await
}

async fn write(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    out: &mut BytesMut,
    is_flushed: &mut bool,
) -> io::Result<()> {
    if !out.is_empty() {
        *is_flushed = false;
        if writer.write_buf(out).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    if out.is_empty() {
        *out = BytesMut::new(); // an idle connection needs no buffer
        writer.flush().await?;
        *is_flushed = true;
    }
    Ok(())
}
