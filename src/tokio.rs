//! The codec for tokio: frames come in, packets go out.

use core::mem;
use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::dialect::{Dialect, Version};
use crate::frame::{Frame, FrameDecoder, Framed, Limits};
use crate::packet::Packet;
use crate::rules::{OptionalRules, Waivers};
use crate::transport::TransportError;

/// A [`Decoder`] and [`Encoder`] for `tokio_util::codec::Framed`, `FramedRead` and `FramedWrite`.
///
/// What comes in is a [`Frame`], from which a packet is borrowed; what goes out is a [`Packet`],
/// which is copied into the write buffer. Nothing is reserved because a peer announces a length.
/// After a refused frame the decoder stays failed. A packet that may not be sent leaves the write
/// buffer as it was.
///
/// ```
/// use std::io;
///
/// use futures_util::{SinkExt, StreamExt};
/// use mqtt_wire::{
///     Codec, ConnAck, Connect, Delivery, Disconnect, Limits, Packet, Publish, ReasonCode,
///     TransportError, TopicName, Utf8Str, Version,
/// };
/// use tokio::io::{AsyncRead, AsyncWrite};
/// use tokio_util::codec::Framed;
///
/// // a server learns the version from the CONNECT
/// async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), TransportError<io::Error>> {
///     let mut packets = Framed::new(socket, Codec::server(Limits::default()));
///     while let Some(frame) = packets.next().await.transpose()? {
///         let Some(incoming) = packets.codec().incoming() else { break };
///         match frame.decode(incoming)? {
///             Packet::Connect(_) => packets.send(ConnAck::new(ReasonCode::Success).into()).await?,
///             Packet::Publish(publish) => assert_eq!(publish.payload, b"hello"),
///             Packet::PingReq => packets.send(Packet::PingResp).await?,
///             _ => break,
///         }
///     }
///     Ok(())
/// }
///
/// // a client chooses it
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
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Codec {
    decoder: FrameDecoder,
}

impl Codec {
    /// A Server's codec: it waits for a CONNECT and learns the version from it.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self {
            decoder: FrameDecoder::accept(limits),
        }
    }

    /// A Client's codec.
    #[must_use]
    pub fn client(version: Version, limits: Limits) -> Self {
        Self {
            decoder: FrameDecoder::new(Dialect::from_server(version), limits),
        }
    }

    /// The same codec, which waives and adds these rules for what comes in.
    #[must_use]
    pub fn with_rules(mut self, waivers: Waivers, rules: OptionalRules) -> Self {
        self.decoder = self.decoder.with_rules(waivers, rules);
        self
    }

    /// The dialect of the frames that come in; a Server has none before its first frame.
    #[must_use]
    pub const fn incoming(&self) -> Option<Dialect> {
        self.decoder.dialect()
    }

    /// The dialect of the packets that go out; a Server has none before its first frame.
    #[must_use]
    pub fn outgoing(&self) -> Option<Dialect> {
        self.incoming().map(Dialect::reply)
    }

    fn next_frame(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Framed<Frame>, TransportError<io::Error>> {
        mem::swap(self.decoder.buffer(), buffer);
        let framed = self.decoder.next_frame();
        mem::swap(self.decoder.buffer(), buffer);
        Ok(framed?)
    }
}

/// A packet that the bytes do not hold yet is `None`; a stream that ends inside a packet is
/// [`TransportError::EndInsidePacket`].
impl Decoder for Codec {
    type Item = Frame;
    type Error = TransportError<io::Error>;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        Ok(match self.next_frame(buffer)? {
            Framed::Frame(frame) => Some(frame),
            Framed::NeedMore(_) => None,
        })
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        match self.next_frame(buffer)? {
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
