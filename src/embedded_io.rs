//! Packets over `embedded-io-async`, in buffers from the caller.

use embedded_io_async::{Read, Write};

use crate::dialect::Dialect;
use crate::error::{DecodeError, EncodeError, ErrorKind, Fault, Field};
use crate::frame::{FrameRef, Header, NextFrame, StreamState};
use crate::packet::Packet;
use crate::packet_type::PacketType;
use crate::rules::{OptionalRules, Waivers};
use crate::stream::PublishHead;
use crate::transport::TransportError;

/// Reads packets from an `embedded-io-async` transport into a buffer from the caller.
///
/// The length of the buffer limits whole packets, fixed header included; announce it as Maximum
/// Packet Size. After an error in a packet the reader stays failed.
///
/// ```
/// use embedded_io_async::{Read, Write};
/// use mqtt_wire::{
///     Ack, Connect, Delivery, Dialect, Packet, PacketReader, PacketWriter, TransportError,
///     Utf8Str, Version,
/// };
///
/// async fn acknowledge<R: Read, W: Write<Error = R::Error>>(
///     reader: R,
///     writer: W,
///     connect: Connect<'_>,
/// ) -> Result<(), TransportError<R::Error>> {
///     let outgoing = Dialect::from_client(connect.version);
///     let (mut received, mut sent) = ([0; 256], [0; 256]);
///     let mut reader = PacketReader::new(reader, &mut received, outgoing.reply());
///     let mut writer = PacketWriter::new(writer, &mut sent, outgoing);
///
///     writer.write(connect.into()).await?;
///     let ended = loop {
///         match reader.next_packet().await {
///             Ok(Some(Packet::Publish(publish))) => {
///                 if let Delivery::AtLeastOnce { packet_id, .. } = publish.delivery {
///                     writer.write(Packet::PubAck(Ack::new(packet_id))).await?;
///                 }
///             }
///             Ok(Some(_)) => {}
///             Ok(None) => break Ok(()),
///             Err(error) => break Err(error),
///         }
///     };
///     // in 5.0, send the reason for refusing a packet before you close the connection
///     if let Err(error) = &ended {
///         writer.get_mut().write_all(&error.answer(true)).await.map_err(TransportError::Io)?;
///     }
///     ended
/// }
///
/// # struct Written<'a>(&'a mut Vec<u8>);
/// # impl embedded_io_async::ErrorType for Written<'_> {
/// #     type Error = core::convert::Infallible;
/// # }
/// # impl Write for Written<'_> {
/// #     async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
/// #         self.0.extend_from_slice(bytes);
/// #         Ok(bytes.len())
/// #     }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> {
/// #         Ok(())
/// #     }
/// # }
/// # let connect = Connect::new(Version::V5, Utf8Str::new("meter").unwrap());
/// # let run = |received: &'static [u8], connect| {
/// #     let mut written = Vec::new();
/// #     let mut future = Box::pin(acknowledge(received, Written(&mut written), connect));
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     let std::task::Poll::Ready(ended) = future.as_mut().poll(&mut context) else { panic!() };
/// #     drop(future);
/// #     (ended, written)
/// # };
/// # let (ended, written) = run(b"\x20\x03\x00\x00\x00\x32\x07\x00\x01a\x00\x05\x00!", connect);
/// # assert_eq!((ended, &written[20..]), (Ok(()), &b"\x40\x02\x00\x05"[..]));
/// # let (ended, written) = run(b"\x20\x03\x00\x00\x00\x36", connect); // QoS 3
/// # assert!(matches!(ended, Err(TransportError::Decode(_))));
/// # assert_eq!(written[20..], *b"\xe0\x01\x81");
/// ```
#[derive(Debug)]
pub struct PacketReader<'b, R> {
    reader: R,
    buffer: &'b mut [u8],
    /// The bytes received after the last packet are `buffer[start..end]`.
    start: usize,
    end: usize,
    state: StreamState,
}

impl<'b, R: Read> PacketReader<'b, R> {
    /// A reader for a stream in `dialect`.
    #[must_use]
    pub fn new(reader: R, buffer: &'b mut [u8], dialect: Dialect) -> Self {
        Self::with_state(reader, buffer, StreamState::new(dialect))
    }

    /// A reader for a connection that a Server accepts: it waits for a CONNECT and learns the
    /// version from it.
    #[must_use]
    pub fn accept(reader: R, buffer: &'b mut [u8]) -> Self {
        Self::with_state(reader, buffer, StreamState::accept())
    }

    fn with_state(reader: R, buffer: &'b mut [u8], state: StreamState) -> Self {
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            state,
        }
    }

    /// The same reader with these rules waived and added, also in the dialect that a reader from
    /// [`accept`](Self::accept) learns.
    #[must_use]
    pub fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        Self {
            state: self.state.with_rules(waivers, rules),
            ..self
        }
    }

    /// The dialect of the stream; `None` before [`accept`](Self::accept) has returned its first
    /// packet.
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        self.state.dialect()
    }

    /// Reads the next packet; `None` if the stream ends between two packets.
    ///
    /// Cancel safe if the transport's `read` is.
    ///
    /// # Errors
    ///
    /// [`TransportError::Decode`] for the first rule that the bytes break, with
    /// [`ErrorKind::PacketTooLarge`] for a packet that does not fit into the buffer; all later
    /// calls return the same error. [`TransportError::EndInsidePacket`] if the stream ends inside a
    /// packet, and [`TransportError::Io`] if the transport fails.
    #[doc(alias = "cancel")]
    #[doc(alias = "cancellation")]
    pub async fn next_packet(&mut self) -> Result<Option<Packet<'_>>, TransportError<R::Error>> {
        let (Some((len, header)), Some(dialect)) = (self.find_next().await?, self.state.dialect())
        else {
            return Ok(None);
        };
        let bytes = self.buffer.get(self.start..self.start + len);
        self.start += len;
        let bytes = bytes.unwrap_or_default();
        match (FrameRef { bytes, header }).decode(dialect) {
            Ok(packet) => Ok(Some(packet)),
            Err(error) => {
                self.state.fail(&error);
                Err(error.into())
            }
        }
    }

    /// Reads until the next packet is complete. Returns its length and its fixed header.
    async fn find_next(&mut self) -> Result<Option<(usize, Header)>, TransportError<R::Error>> {
        loop {
            let missing = match self.find_packet()? {
                NextFrame::Frame(found) => return Ok(Some(found)),
                NextFrame::NeedMore(missing) => missing,
            };
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let capacity = self.buffer.len();
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(room).await.map_err(TransportError::Io)? {
                0 => return TransportError::check_end(self.end, missing).map(|()| None),
                count => self.end = capacity.min(self.end.saturating_add(count)),
            }
        }
    }

    fn find_packet(&mut self) -> Result<NextFrame<(usize, Header)>, DecodeError> {
        let received = self.buffer.get(self.start..self.end).unwrap_or_default();
        let limit = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        match self.state.next_frame(received, limit)? {
            NextFrame::Frame(frame) => Ok(NextFrame::Frame((frame.bytes().len(), frame.header))),
            // a buffer that cannot hold the fixed header
            NextFrame::NeedMore(_) if received.len() == self.buffer.len() => {
                let fault = Fault::new(ErrorKind::PacketTooLarge, Field::RemainingLength, 0);
                let first_byte = received.first().copied().unwrap_or_default();
                let packet_type = PacketType::from_nibble(first_byte >> 4);
                let error = DecodeError::new(fault, 1, packet_type, self.state.dialect());
                self.state.fail(&error);
                Err(error)
            }
            NextFrame::NeedMore(missing) => Ok(NextFrame::NeedMore(missing)),
        }
    }
}

/// Writes packets to an `embedded-io-async` transport, through a buffer from the caller. See
/// [`PacketReader`] for an example.
///
/// Every packet, fixed header included, must fit into the buffer. Only the payload of a PUBLISH
/// need not: it is then written directly to the transport.
#[derive(Debug)]
pub struct PacketWriter<'b, W> {
    writer: W,
    buffer: &'b mut [u8],
    dialect: Dialect,
}

impl<'b, W: Write> PacketWriter<'b, W> {
    /// A writer of packets in `dialect`. A Server knows the dialect after it has read the CONNECT.
    #[must_use]
    pub const fn new(writer: W, buffer: &'b mut [u8], dialect: Dialect) -> Self {
        Self {
            writer,
            buffer,
            dialect,
        }
    }

    /// Writes a packet. The transport may buffer it until you call [`flush`](Self::flush).
    ///
    /// Not cancel safe: if the future is dropped, a part of the packet may have been written, and
    /// the connection cannot be used any more.
    ///
    /// # Errors
    ///
    /// [`TransportError::Encode`] if the packet must not be sent or does not fit into the buffer;
    /// nothing is written then. [`TransportError::Io`] if the transport fails.
    #[doc(alias = "cancel")]
    #[doc(alias = "cancellation")]
    pub async fn write(&mut self, packet: Packet<'_>) -> Result<(), TransportError<W::Error>> {
        let whole = packet.encode_to_slice(self.dialect, self.buffer);
        let (len, payload) = match (whole, packet) {
            (Err(EncodeError::BufferTooSmall { .. }), Packet::Publish(publish)) => {
                let head = PublishHead::from(publish);
                let len = head.encode_to_slice(self.dialect, self.buffer)?;
                (len, publish.payload)
            }
            (whole, _) => (whole?, &[][..]),
        };
        let bytes = self.buffer.get(..len).unwrap_or_default();
        self.writer
            .write_all(bytes)
            .await
            .map_err(TransportError::Io)?;
        self.writer
            .write_all(payload)
            .await
            .map_err(TransportError::Io)
    }

    /// The transport, for bytes that are not a [`Packet`], such as a
    /// [`DecodeError::answer`](crate::DecodeError::answer).
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Flushes the transport.
    ///
    /// # Errors
    ///
    /// [`TransportError::Io`] if the transport fails.
    pub async fn flush(&mut self) -> Result<(), TransportError<W::Error>> {
        self.writer.flush().await.map_err(TransportError::Io)
    }
}
