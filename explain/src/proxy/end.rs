//! How one direction of a connection ends.

use std::io;
use std::net::Shutdown;

use super::socket::Socket;

/// How one direction ended.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Closed,
    Reset(io::ErrorKind),
    /// The other side does not accept more bytes.
    Refused,
}

impl End {
    /// Passes it on to the other side.
    pub fn pass(self, from: &Socket, to: &Socket) {
        // an error only means that the other end is closed already
        let _ = match self {
            Self::Closed => to.shutdown(Shutdown::Write),
            // nothing can reach this side any more
            Self::Reset(_) => to.shutdown(Shutdown::Both),
            // there may still be bytes in the other direction
            Self::Refused => from.shutdown(Shutdown::Read),
        };
    }
}
