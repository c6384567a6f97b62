//! What can go wrong where packets travel over a transport.

use core::fmt;

use crate::error::{DecodeError, EncodeError};

/// Why packets did not travel: the one error of `Codec`, `PacketReader` and `PacketWriter`, where
/// `E` is what the transport itself reports.
///
/// After all but [`Encode`](Self::Encode) and [`NoVersion`](Self::NoVersion) the connection is of
/// no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TransportError<E> {
    /// The transport failed.
    Io(E),
    /// The peer sent what it may not send. [`DecodeError::reply`] says what to answer.
    Decode(DecodeError),
    /// The packet may not be sent. Nothing was written.
    Encode(EncodeError),
    /// The stream ended inside a packet.
    EndInsidePacket {
        /// The bytes of the packet that came, at least 1.
        received: usize,
        /// The bytes that are missing at least, as `Framed::NeedMore` counts them.
        missing: usize,
    },
    /// A Server was to send something before a CONNECT told it the version to say it in. Nothing
    /// was written.
    NoVersion,
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

#[cfg(feature = "tokio")]
impl From<std::io::Error> for TransportError<std::io::Error> {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
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
                "the stream ended inside a packet: {received} bytes came, and at least {missing} \
                 are missing"
            ),
            Self::NoVersion => f.write_str("no CONNECT has told the version to answer in"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for TransportError<E> {}
