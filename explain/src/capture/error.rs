//! Why a capture cannot be read.

use std::fmt;
use std::io;

/// Why nothing more can be read.
#[derive(Debug)]
pub enum CaptureError {
    /// The bytes do not begin like a capture.
    NotACapture,
    /// The file begins like a capture, but its header is cut off or invalid.
    BrokenHeader,
    Io(io::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::NotACapture => f.write_str("not a pcap or pcapng capture"),
            CaptureError::BrokenHeader => {
                f.write_str("the header of the capture is cut off or invalid")
            }
            CaptureError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CaptureError {}

impl From<CaptureError> for io::Error {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
        }
    }
}
