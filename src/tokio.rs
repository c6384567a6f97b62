//! The codec for tokio, which reads frames and writes packets.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::dialect::{Dialect, Version};
use crate::frame::{Frame, Framed, Framing, Limits};
use crate::packet::Packet;
use crate::rules::{OptionalRules, Waivers};
use crate::transport::TransportError;

/// A [`Decoder`] and [`Encoder`] for `tokio_util::codec::Framed`, `FramedRead` and `FramedWrite`.
///
/// It reads [`Frame`]s, which decode to packets without a copy, and writes [`Packet`]s, which it
/// encodes into the write buffer. The read buffer grows only as bytes arrive, never because of a
/// length that the peer announced. After an error the decoder stays failed. A packet that must not
/// be sent leaves the write buffer unchanged.
///
/// ```
/// use std::io;
///
/// use futures_util::{SinkExt, StreamExt};
/// use mqtt_wire::{
///     Codec, ConnAck, Connect, Disconnect, Limits, Packet, Publish, ReasonCode, TopicName,
///     TransportError, Utf8Str, Version,
/// };
/// use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
/// use tokio_util::codec::Framed;
///
/// type Error = TransportError<io::Error>;
///
/// // a server learns the version from the CONNECT
/// async fn serve<S: AsyncRead + AsyncWrite + Unpin>(socket: S) -> Result<(), Error> {
///     let mut packets = Framed::new(socket, Codec::server(Limits::default()));
///     let mut connected = false;
///     let served = serve_packets(&mut packets, &mut connected).await;
///     // before it closes the connection, it sends the reason for refusing a packet
///     if let Err(error) = &served {
///         packets.get_mut().write_all(&error.answer(connected)).await?;
///     }
///     served
/// }
///
/// async fn serve_packets<S>(packets: &mut Framed<S, Codec>, connected: &mut bool) -> Result<(), Error>
/// where
///     S: AsyncRead + AsyncWrite + Unpin,
/// {
///     while let Some(frame) = packets.next().await.transpose()? {
///         let Some(incoming) = packets.codec().incoming() else { break };
///         match frame.decode(incoming)? {
///             Packet::Connect(_) if !*connected => {
///                 packets.send(ConnAck::new(ReasonCode::Success).into()).await?;
///                 *connected = true;
///             }
///             Packet::Publish(publish) => assert_eq!(publish.payload, b"hello"),
///             Packet::PingReq => packets.send(Packet::PingResp).await?,
///             _ => break,
///         }
///     }
///     Ok(())
/// }
///
/// // a client chooses the version
/// async fn greet(socket: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Box<dyn std::error::Error>> {
///     let version = Version::V5;
///     let mut packets = Framed::new(socket, Codec::client(version, Limits::default()));
///     packets.send(Connect::new(version, Utf8Str::new("greeter")?).into()).await?;
///
///     let frame = packets.next().await.ok_or("closed")??;
///     let Packet::ConnAck(connack) = frame.decode(packets.codec().incoming().unwrap())? else {
///         return Err("not a CONNACK".into());
///     };
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
/// # use tokio::io::AsyncReadExt;
/// # let (mut client, server) = tokio::io::duplex(64);
/// # client.write_all(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01c\x36").await?; // QoS 3
/// # assert!(matches!(serve(server).await, Err(TransportError::Decode(_))));
/// # let mut replies = Vec::new();
/// # client.read_to_end(&mut replies).await?;
/// # assert_eq!(replies, b"\x20\x03\x00\x00\x00\xe0\x01\x81");
/// # Ok(())
/// # }
/// ```
///
/// # WebSocket
///
/// MQTT over WebSocket has the same byte stream, in binary messages of the subprotocol `mqtt`. Wrap
/// the received messages in an `AsyncRead` with `tokio_util::io::StreamReader`, and use this codec
/// with `FramedRead` on it. Packets and WebSocket messages have independent boundaries: a message
/// may hold a part of a packet, or several packets (MQTT-6.0.0-2 of 3.1.1 and 5.0).
#[doc(alias = "WebSocket")]
#[derive(Debug)]
pub struct Codec {
    framing: Framing,
}

impl Codec {
    /// A codec for a Server: it waits for a CONNECT and learns the version from it.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self {
            framing: Framing::accept(limits),
        }
    }

    /// A codec for a Client that uses `version`.
    #[must_use]
    pub fn client(version: Version, limits: Limits) -> Self {
        Self {
            framing: Framing::new(Dialect::from_server(version), limits),
        }
    }

    /// The same codec with these rules waived and added for the frames that it reads.
    #[must_use]
    pub fn with_rules(mut self, waivers: Waivers, rules: OptionalRules) -> Self {
        self.framing = self.framing.with_rules(waivers, rules);
        self
    }

    /// The dialect of the frames to read; `None` for a Server before its first frame.
    #[must_use]
    pub const fn incoming(&self) -> Option<Dialect> {
        self.framing.dialect()
    }

    /// The dialect of the packets to write; `None` for a Server before its first frame.
    #[must_use]
    pub fn outgoing(&self) -> Option<Dialect> {
        self.incoming().map(Dialect::reply)
    }
}

/// Decoding returns `None` while the next packet is incomplete, and
/// [`TransportError::EndInsidePacket`] if the stream ends then.
impl Decoder for Codec {
    type Item = Frame;
    type Error = TransportError<io::Error>;

    #[inline]
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        Ok(match self.framing.take_frame(buffer)? {
            Framed::Frame(frame) => Some(frame),
            Framed::NeedMore(_) => None,
        })
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        match self.framing.take_frame(buffer)? {
            Framed::Frame(frame) => Ok(Some(frame)),
            Framed::NeedMore(_) if buffer.is_empty() => Ok(None),
            Framed::NeedMore(missing) => Err(TransportError::EndInsidePacket {
                received: buffer.len(),
                missing: missing.get(),
            }),
        }
    }
}

impl Encoder<Packet<'_>> for Codec {
    type Error = TransportError<io::Error>;

    fn encode(&mut self, packet: Packet<'_>, buffer: &mut BytesMut) -> Result<(), Self::Error> {
        let outgoing = self.outgoing().ok_or(TransportError::NoVersion)?;
        packet.encode(outgoing, buffer)?;
        Ok(())
    }
}
