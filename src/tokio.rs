//! Packets over tokio: a codec, and a reader that lends.

use core::future::poll_fn;
use core::num::NonZeroU32;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::codec::{Decoder, Encoder};

use crate::dialect::{Dialect, Version};
use crate::error::DecodeError;
use crate::frame::{FrameDecoder, Framing, Limits, NextFrame};
use crate::outgoing::Outgoing;
use crate::packet::Packet;
use crate::packet_buf::PacketBuf;
use crate::rules::{OptionalRules, Waivers};
use crate::std_io::PIECE;
use crate::transport::TransportError;

/// A [`Decoder`] and [`Encoder`] for `tokio_util::codec::Framed`, `FramedRead` and `FramedWrite`.
///
/// It reads owned packets, which were checked and share their bytes, and writes whatever converts to
/// an [`Outgoing`]. The read buffer grows only as bytes arrive, never because of a length that the
/// peer announced. After a bad packet the decoder stays failed, and the packet stays in the buffer. A
/// packet that must not be sent leaves the write buffer unchanged.
///
/// ```
/// use std::io;
///
/// use futures_util::{SinkExt, StreamExt};
/// use mqtt_wire::{
///     Codec, Connect, Disconnect, Limits, Packet, Publish, ReasonCode, TopicName, TransportError,
///     Utf8Str, Version,
/// };
/// use tokio::io::{AsyncRead, AsyncWrite};
/// use tokio_util::codec::Framed;
///
/// type Error = TransportError<io::Error>;
///
/// // a server learns the version from the CONNECT
/// async fn serve<S: AsyncRead + AsyncWrite + Unpin>(socket: S) -> Result<(), Error> {
///     let mut packets = Framed::new(socket, Codec::server(Limits::default()));
///     let mut connected = false;
///     while let Some(packet) = packets.next().await {
///         match packet.as_ref().map(|packet| packet.packet()) {
///             Ok(Packet::Connect(connect)) if !connected => {
///                 packets.send(connect.accept("client-1")?.into()).await?;
///                 connected = true;
///             }
///             Ok(Packet::Publish(publish)) => {
///                 assert_eq!(publish.payload, b"hello");
///                 if let Some(answer) = publish.delivery.answer() {
///                     packets.send(answer.into()).await?;
///                 }
///             }
///             Ok(Packet::PingReq) => packets.send(Packet::PingResp.into()).await?,
///             Ok(_) => break,
///             // the client learns why its packet was refused
///             Err(error) => packets.send(error.answer(connected).into()).await?,
///         }
///     }
///     packets.close().await
/// }
///
/// // a client chooses the version
/// async fn greet(socket: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Box<dyn std::error::Error>> {
///     let version = Version::V5;
///     let mut packets = Framed::new(socket, Codec::client(version, Limits::default()));
///     packets.send(Connect::new(version, Utf8Str::new("greeter")?).into()).await?;
///
///     let first = packets.next().await.ok_or("closed")??;
///     let Packet::ConnAck(connack) = first.packet() else { return Err("no CONNACK".into()) };
///     assert_eq!(connack.reason_code, ReasonCode::Success);
///
///     packets.send(Publish::new(TopicName::new("a/b")?, b"hello").into()).await?;
///     packets.send(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION).into()).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (client, server) = tokio::io::duplex(64);
/// # let (greeted, served) = tokio::join!(greet(client), serve(server));
/// # greeted?;
/// # served?;
/// #
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # let (mut client, server) = tokio::io::duplex(64);
/// # client.write_all(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01c\x36").await?; // QoS 3
/// # serve(server).await?;
/// # let mut replies = Vec::new();
/// # client.read_to_end(&mut replies).await?;
/// # assert_eq!(replies, b"\x20\x03\x00\x00\x00\xe0\x01\x81");
/// # Ok(())
/// # }
/// ```
///
/// # Two tasks
///
/// `Framed::split` from `futures_util` gives two halves that share one codec. A `FramedWrite` on its
/// own half of the socket needs a codec of its own: a clone of the reader's, or [`Codec::new`] with
/// [`PacketBuf::dialect`], once the version is known.
///
/// # WebSocket
///
/// Append each binary message to one buffer, and decode from there:
/// [`guide::websocket`](crate::guide::websocket).
#[doc(alias = "WebSocket")]
#[derive(Debug, Clone)]
pub struct Codec {
    framing: Framing,
    /// The Maximum Packet Size of the peer; `u32::MAX` without a limit.
    max_outgoing: u32,
}

impl Codec {
    /// A codec for a Server: it waits for a CONNECT and learns the version from it.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self {
            framing: Framing::accept(limits),
            max_outgoing: u32::MAX,
        }
    }

    /// A codec for a Client that uses `version`.
    #[must_use]
    pub fn client(version: Version, limits: Limits) -> Self {
        Self::new(Dialect::from_server(version), limits)
    }

    /// A codec that reads packets in `incoming` and writes in the [reply](Dialect::reply) of it. A
    /// Server makes one for the write half of a connection once it knows the version.
    #[must_use]
    pub fn new(incoming: Dialect, limits: Limits) -> Self {
        Self {
            framing: Framing::new(incoming, limits),
            max_outgoing: u32::MAX,
        }
    }

    /// The same codec with these rules waived and added for the packets that it reads.
    #[must_use]
    pub fn with_rules(mut self, waivers: Waivers, rules: OptionalRules) -> Self {
        self.framing = self.framing.with_rules(waivers, rules);
        self
    }

    /// The same codec with the Maximum Packet Size of the peer, in bytes. A codec that reads the CONNECT
    /// or CONNACK of 5.0 learns it from there; one that only writes needs it here.
    #[must_use]
    pub fn with_max_outgoing(mut self, max_len: u32) -> Self {
        self.max_outgoing = max_len;
        self
    }

    /// The dialect of the packets to read; `None` for a Server before its first packet.
    #[must_use]
    pub const fn incoming(&self) -> Option<Dialect> {
        self.framing.dialect()
    }

    /// The dialect of the packets to write; `None` for a Server before its first packet.
    #[must_use]
    pub fn outgoing(&self) -> Option<Dialect> {
        self.incoming().map(Dialect::reply)
    }

    /// The Maximum Packet Size of the peer, in bytes, if there is a limit.
    #[must_use]
    pub fn max_outgoing(&self) -> Option<u32> {
        (self.max_outgoing != u32::MAX).then_some(self.max_outgoing)
    }

    #[inline(always)]
    fn take(&mut self, buffer: &mut BytesMut) -> Result<NextFrame<PacketBuf>, DecodeError> {
        let max_outgoing = &mut self.max_outgoing;
        let taken =
            self.framing
                .take_checked(buffer, |frame, dialect| match &frame.decode(dialect) {
                    Ok(packet @ (Packet::Connect(_) | Packet::ConnAck(_))) if dialect.is_v5() => {
                        *max_outgoing = announced(packet);
                        Ok(())
                    }
                    Ok(_) => Ok(()),
                    Err(error) => Err(*error),
                })?;
        Ok(match taken {
            NextFrame::Frame((frame, dialect)) => {
                NextFrame::Frame(PacketBuf::checked(frame, dialect))
            }
            NextFrame::NeedMore(missing) => NextFrame::NeedMore(missing),
        })
    }
}

/// The Maximum Packet Size that a peer announces; `u32::MAX` without a limit.
#[cold]
fn announced(packet: &Packet<'_>) -> u32 {
    let max_len = match packet {
        Packet::Connect(connect) => connect.maximum_packet_size(),
        Packet::ConnAck(connack) => connack.maximum_packet_size(),
        _ => None,
    };
    max_len.map_or(u32::MAX, NonZeroU32::get)
}

/// Decoding returns `None` while the next packet is incomplete, and
/// [`TransportError::EndInsidePacket`] if the stream ends then. A bad packet stays in the buffer.
impl Decoder for Codec {
    type Item = PacketBuf;
    type Error = TransportError<io::Error>;

    #[inline]
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<PacketBuf>, Self::Error> {
        Ok(match self.take(buffer)? {
            NextFrame::Frame(packet) => Some(packet),
            NextFrame::NeedMore(_) => None,
        })
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<PacketBuf>, Self::Error> {
        match self.take(buffer)? {
            NextFrame::Frame(packet) => Ok(Some(packet)),
            NextFrame::NeedMore(missing) => {
                TransportError::check_end(buffer.len(), missing).map(|()| None)
            }
        }
    }
}

/// Appends to the write buffer, or leaves it unchanged. A packet above the Maximum Packet Size of the
/// peer is shortened as [`Packet::fit`] does, and refused with
/// [`EncodeError::TooLarge`](crate::EncodeError::TooLarge) if that is not enough.
impl Encoder<Outgoing<'_>> for Codec {
    type Error = TransportError<io::Error>;

    fn encode(&mut self, item: Outgoing<'_>, buffer: &mut BytesMut) -> Result<(), Self::Error> {
        match (self.outgoing(), item.answer()) {
            (Some(dialect), _) => item.encode(dialect, self.max_outgoing, buffer)?,
            (None, Some(answer)) => buffer.extend_from_slice(answer),
            (None, None) => return Err(TransportError::NoVersion),
        }
        Ok(())
    }
}

/// Reads packets from an [`AsyncRead`] and lends them, without a reference count for each.
///
/// [`next`](Self::next) lends a packet until it is called again; [`keep`](Self::keep) makes it owned.
///
/// ```
/// use mqtt_wire::{LendingReader, Limits, Packet, TransportError};
/// use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
///
/// /// Returns the messages that a client sends before it disconnects.
/// async fn serve<R, W>(socket: R, mut answers: W) -> Result<usize, TransportError<std::io::Error>>
/// where
///     R: AsyncRead + Unpin,
///     W: AsyncWrite + Unpin,
/// {
///     let mut reader = LendingReader::accept(socket, Limits::default());
///     let (mut connected, mut messages) = (false, Vec::new());
///     loop {
///         match reader.next().await {
///             Ok(Some(Packet::Connect(connect))) if !connected => {
///                 answers.write_all(connect.accept("client-1")?.as_ref()).await?;
///                 connected = true;
///             }
///             Ok(Some(Packet::Publish(_))) => messages.extend(reader.keep()),
///             Ok(_) => return Ok(messages.len()),
///             Err(error) => {
///                 answers.write_all(&error.answer(connected)).await?;
///                 return Err(error);
///             }
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let stream = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\x30\x04\x00\x01ta\xe0\x00";
/// let mut answers = Vec::new();
/// assert_eq!(serve(&stream[..], &mut answers).await.unwrap(), 1);
/// assert_eq!(answers, b"\x20\x02\x00\x00");
/// # let mut answers = Vec::new();
/// # assert!(serve(&b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00"[..], &mut answers).await.is_err());
/// # assert_eq!(answers, b"\x20\x03\x00\x81\x00");
/// # }
/// ```
#[derive(Debug)]
pub struct LendingReader<R> {
    reader: R,
    decoder: FrameDecoder,
}

impl<R: AsyncRead + Unpin> LendingReader<R> {
    /// A reader for a stream in `dialect`.
    #[must_use]
    pub fn new(reader: R, dialect: Dialect, limits: Limits) -> Self {
        let decoder = FrameDecoder::new(dialect, limits);
        Self { reader, decoder }
    }

    /// A reader for a connection that a Server accepts: it waits for a CONNECT and learns the
    /// version from it.
    #[must_use]
    pub fn accept(reader: R, limits: Limits) -> Self {
        let decoder = FrameDecoder::accept(limits);
        Self { reader, decoder }
    }

    /// The same reader with these rules waived and added, also in the dialect that a reader from
    /// [`accept`](Self::accept) learns.
    #[must_use]
    pub fn with_rules(self, waivers: Waivers, rules: OptionalRules) -> Self {
        let decoder = self.decoder.with_rules(waivers, rules);
        Self { decoder, ..self }
    }

    /// Reads until the next packet is complete, and lends it; `None` if the stream ends between two
    /// packets.
    ///
    /// Cancel safe: no byte is lost when you drop the future, for example in `select!`.
    ///
    /// # Errors
    ///
    /// [`TransportError::Decode`] for the first rule that the bytes break; all later calls return the
    /// same error. [`TransportError::EndInsidePacket`] if the stream ends inside a packet, and
    /// [`TransportError::Io`] if the reader fails; after that you may call it again.
    pub async fn next(&mut self) -> Result<Option<Packet<'_>>, TransportError<io::Error>> {
        while let NextFrame::NeedMore(missing) = self.decoder.find_next()? {
            if poll_fn(|context| self.poll_fill(context)).await? == 0 {
                let received = self.decoder.buffer_mut().len();
                return TransportError::check_end(received, missing).map(|()| None);
            }
        }
        Ok(self.decoder.next_packet()?)
    }

    /// Appends bytes that have arrived to the buffer. Returns how many.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buffer = self.decoder.buffer_mut();
        let received = buffer.len();
        buffer.resize(received + PIECE, 0);
        let mut room = ReadBuf::new(buffer.get_mut(received..).unwrap_or_default());
        let poll = Pin::new(&mut self.reader).poll_read(context, &mut room);
        let count = room.filled().len();
        buffer.truncate(received + count);
        poll.map_ok(|()| count)
    }

    /// The packet that [`next`](Self::next) lent last, to keep; see [`FrameDecoder::keep`].
    pub fn keep(&mut self) -> Option<PacketBuf> {
        self.decoder.keep()
    }

    /// The dialect of the stream; `None` before a reader from [`accept`](Self::accept) has returned
    /// the CONNECT.
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        self.decoder.dialect()
    }

    /// The transport.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The transport, and a decoder with the bytes that were read but not returned.
    pub fn into_parts(self) -> (R, FrameDecoder) {
        (self.reader, self.decoder)
    }
}
