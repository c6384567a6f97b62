//! The error of reading packets from a transport and writing them to it.

use core::fmt;
use core::num::NonZeroUsize;

use crate::answer::Answer;
use crate::error::{DecodeError, EncodeError};

/// The error of `Codec`, `PacketReader`, `PacketWriter`, `FrameDecoder::read_packet` and
/// `Packet::write_to`. `E` is the error of the transport.
///
/// After [`Encode`](Self::Encode) and [`NoVersion`](Self::NoVersion) the connection can still be
/// used; after the others, close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TransportError<E> {
    /// The transport failed.
    Io(E),
    /// The peer broke a rule. Send the [`answer`](Self::answer) before you close the connection.
    Decode(DecodeError),
    /// The packet must not be sent. Nothing was written.
    Encode(EncodeError),
    /// The stream ended inside a packet.
    EndInsidePacket {
        /// The number of bytes of the packet that were received, at least 1.
        received: usize,
        /// The minimum number of missing bytes, see `NextFrame::NeedMore`.
        missing: usize,
    },
    /// A Server cannot encode a packet before it has received a CONNECT, because the version is
    /// unknown. Nothing was written.
    NoVersion,
}

impl<E> TransportError<E> {
    /// Checks that a stream ends between two packets: `received` bytes of the next one have arrived.
    pub(crate) fn check_end(received: usize, missing: NonZeroUsize) -> Result<(), Self> {
        match (received, missing.get()) {
            (0, _) => Ok(()),
            (received, missing) => Err(Self::EndInsidePacket { received, missing }),
        }
    }

    /// The [`DecodeError::answer`] to a bad packet; empty for all other errors.
    #[must_use]
    pub fn answer(&self, connack_sent: bool) -> Answer {
        match self {
            Self::Decode(error) => error.answer(connack_sent),
            _ => Answer::default(),
        }
    }
}

impl<E> From<DecodeError> for TransportError<E> {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl<E> From<EncodeError> for TransportError<E> {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

#[cfg(feature = "std")]
impl From<std::io::Error> for TransportError<std::io::Error> {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// For functions that return `std::io::Result`. An error of the transport stays as it is; the others
/// are inside, see [`std::io::Error::get_ref`].
#[cfg(feature = "std")]
impl From<TransportError<std::io::Error>> for std::io::Error {
    fn from(error: TransportError<std::io::Error>) -> Self {
        let kind = match error {
            TransportError::Io(error) => return error,
            TransportError::Decode(error) => return error.into(),
            TransportError::Encode(error) => return error.into(),
            TransportError::EndInsidePacket { .. } => std::io::ErrorKind::UnexpectedEof,
            TransportError::NoVersion => std::io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl<E: fmt::Display> fmt::Display for TransportError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::EndInsidePacket { received, missing } => write!(
                f,
                "the stream ended inside a packet: {received} bytes received, at least {missing} \
                 missing"
            ),
            Self::NoVersion => f.write_str("version unknown: no CONNECT received yet"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for TransportError<E> {}
