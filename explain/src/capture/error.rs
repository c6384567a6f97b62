//! Why a capture cannot be read.

use std::fmt;

/// Why nothing could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureError {
    /// The bytes do not begin like a capture.
    NotACapture,
    /// The file begins like a capture, but its header is cut off or invalid.
    BrokenHeader,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CaptureError::NotACapture => "not a pcap or pcapng capture",
            CaptureError::BrokenHeader => "the header of the capture is cut off or invalid",
        })
    }
}

impl std::error::Error for CaptureError {}
