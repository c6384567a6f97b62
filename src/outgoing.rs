//! What a codec writes.

use bytes::{Buf, Bytes, BytesMut};

use crate::answer::Answer;
use crate::data::PacketId;
use crate::dialect::Dialect;
use crate::error::EncodeError;
use crate::fanout::{Copies, PublishBuf};
use crate::fit::check_len;
use crate::packet::{Auth, ConnAck, Connect, Disconnect, Packet, Publish, Subscribe, Unsubscribe};
use crate::packet_buf::PacketBuf;

/// What a [`Codec`](crate::Codec) writes: a packet, borrowed or owned, a copy of a message for one of
/// many receivers, or the answer to a bad packet.
///
/// A packet is encoded in the dialect of the codec, or repeated if it has that dialect already. A copy
/// from [`fanout`](crate::fanout) holds the bytes of its envelope's dialect, which has to be that of the
/// codec; this is not checked.
///
/// `From` makes it from each of them, so `send(packet.into())` writes any. It is `'static` if what it
/// was made from is, so that it can go through a channel to another task.
///
/// ```
/// use mqtt_wire::{Ack, Outgoing, Packet, PacketId, Publish, TopicName};
///
/// // these can go to another task
/// let pending: Vec<Outgoing<'static>> = vec![
///     Packet::PingResp.into(),
///     Packet::PubAck(Ack::new(PacketId::MIN)).into(),
///     Publish::new(TopicName::new("a/b")?, b"hello").into(),
/// ];
/// # assert_eq!(pending.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Outgoing<'a>(Content<'a>);

#[derive(Debug, Clone)]
enum Content<'a> {
    Packet(Packet<'a>),
    Owned(PacketBuf),
    Copy(Copies, Option<(PacketId, bool)>),
    Pieces(PublishBuf),
    Answer(Answer),
}

impl Outgoing<'_> {
    /// Appends the bytes to `buffer`. A packet above `max_len` bytes is shortened as [`Packet::fit`]
    /// does.
    pub(crate) fn encode(
        self,
        dialect: Dialect,
        max_len: u32,
        buffer: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        match self.0 {
            Content::Packet(packet) => encode(&packet, dialect, max_len, buffer),
            // the same bytes again
            Content::Owned(packet)
                if packet.dialect() == dialect
                    && check_len(packet.bytes().len(), max_len, dialect).is_ok() =>
            {
                buffer.extend_from_slice(packet.bytes());
                Ok(())
            }
            Content::Owned(packet) => encode(&packet.packet(), dialect, max_len, buffer),
            Content::Copy(copies, own) => {
                check_len(copies.encoded_len(), max_len, dialect)?;
                match own {
                    Some((packet_id, dup)) => copies.append_with_id(packet_id, dup, buffer)?,
                    None => copies.append(buffer),
                }
                buffer.extend_from_slice(copies.payload().map_or(&[], Bytes::as_ref));
                Ok(())
            }
            Content::Pieces(pieces) => {
                check_len(pieces.remaining(), max_len, dialect)?;
                for piece in pieces.chunks() {
                    buffer.extend_from_slice(piece);
                }
                Ok(())
            }
            Content::Answer(answer) => {
                buffer.extend_from_slice(&answer);
                Ok(())
            }
        }
    }

    /// The answer, which is ready to send before the version is known.
    pub(crate) const fn answer(&self) -> Option<&Answer> {
        match &self.0 {
            Content::Answer(answer) => Some(answer),
            _ => None,
        }
    }
}

fn encode(
    packet: &Packet<'_>,
    dialect: Dialect,
    max_len: u32,
    buffer: &mut BytesMut,
) -> Result<(), EncodeError> {
    if max_len == u32::MAX {
        packet.encode(dialect, buffer)?;
    } else {
        packet.encode_within(dialect, max_len, buffer)?;
    }
    Ok(())
}

impl Copies {
    /// A copy with another Packet Identifier and DUP, to send with a codec. With QoS 0 a packet has
    /// neither.
    #[must_use]
    pub fn with_id(&self, packet_id: PacketId, dup: bool) -> Outgoing<'static> {
        Outgoing(Content::Copy(self.clone(), Some((packet_id, dup))))
    }
}

/// A copy with the Packet Identifier and DUP of the envelope.
impl From<Copies> for Outgoing<'_> {
    fn from(copies: Copies) -> Self {
        Self(Content::Copy(copies, None))
    }
}

macro_rules! from {
    ($($variant:ident($from:ty)),*; $($packet:ident)*) => {
        $(impl<'a> From<$from> for Outgoing<'a> {
            fn from(content: $from) -> Self {
                Self(Content::$variant(content))
            }
        })*
        $(impl<'a> From<$packet<'a>> for Outgoing<'a> {
            fn from(packet: $packet<'a>) -> Self {
                Self(Content::Packet(packet.into()))
            }
        })*
    };
}

from!(Packet(Packet<'a>), Owned(PacketBuf), Pieces(PublishBuf), Answer(Answer);
    Connect ConnAck Publish Subscribe Unsubscribe Disconnect Auth);
