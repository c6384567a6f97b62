//! Decoding a packet from a frame, or from the bytes of one packet.

use crate::dialect::Dialect;
use crate::error::{DecodeError, ErrorKind, Fault, Field};
#[cfg(feature = "bytes")]
use crate::frame::{Frame, FrameDecoder};
use crate::frame::{FrameRef, NextFrame};
use crate::lenient;
use crate::packet::{Connect, Packet};
use crate::packet_type::PacketType;
use crate::rules::Waivers;

impl<'a> Packet<'a> {
    /// Decodes bytes that are exactly one packet.
    ///
    /// For several packets, or packets that arrive in pieces, use framing first:
    /// [`FrameRef::split`] for a slice, or `FrameDecoder` for a buffer that grows.
    ///
    /// A CONNECT must have the version of the dialect; [`Connect::decode`] accepts any version.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break. Bytes that end too early are
    /// [`ErrorKind::Truncated`], and bytes after the packet [`ErrorKind::TrailingBytes`].
    pub fn decode(bytes: &'a [u8], dialect: Dialect) -> Result<Self, DecodeError> {
        whole(bytes, Some(dialect))?.decode(dialect)
    }

    /// Like [`decode`](Self::decode), but also reports each broken rule that the dialect waives,
    /// even if decoding then fails because of another rule.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break and the dialect does not waive.
    pub fn decode_waiving(
        bytes: &'a [u8],
        dialect: Dialect,
        report: impl FnMut(DecodeError),
    ) -> Result<Self, DecodeError> {
        whole(bytes, Some(dialect))?.decode_waiving(dialect, report)
    }
}

impl<'a> Connect<'a> {
    /// Decodes bytes that are exactly one CONNECT, of any version, as a Server does with the first
    /// packet of a connection. [`Connect::version`] holds the version.
    ///
    /// ```
    /// use mqtt_wire::{Connect, Version};
    ///
    /// let connect = Connect::decode(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p")?;
    /// assert_eq!(connect.version, Version::V3_1_1);
    /// assert_eq!(connect.client_id, "p");
    /// # Ok::<(), mqtt_wire::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Packet::decode`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        whole(bytes, None)?.decode_connect()
    }
}

impl<'a> FrameRef<'a> {
    /// Decodes the packet.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    #[inline(always)]
    pub fn decode(&self, dialect: Dialect) -> Result<Packet<'a>, DecodeError> {
        if !self.is_checked_in(dialect) {
            return self.decode_anew(dialect);
        }
        match Packet::short_ack(self, dialect) {
            Some(packet) => Ok(packet),
            None => Packet::parse(self, dialect),
        }
    }

    /// Decodes a frame whose fixed header was checked in another dialect, or a dialect that waives
    /// or adds rules.
    #[cold]
    fn decode_anew(&self, dialect: Dialect) -> Result<Packet<'a>, DecodeError> {
        self.decode_waiving(dialect, |_| {})
    }

    /// Decodes the packet, and reports each broken rule that the dialect waives.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break and the dialect does not waive.
    pub fn decode_waiving(
        &self,
        dialect: Dialect,
        report: impl FnMut(DecodeError),
    ) -> Result<Packet<'a>, DecodeError> {
        let packet = lenient::decode_with_waivers(dialect, report, |dialect| {
            self.fixed_header().check(dialect)?;
            Packet::parse(self, dialect)
        })?;
        lenient::check_optional_rules(&packet, self.bytes(), dialect)?;
        Ok(packet)
    }

    /// Decodes a CONNECT of any version.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break; [`ErrorKind::FirstPacketNotConnect`] for any packet
    /// other than CONNECT.
    pub fn decode_connect(&self) -> Result<Connect<'a>, DecodeError> {
        let dialect = Dialect::from_client(self.connect_version(Waivers::NONE)?);
        match self.decode(dialect)? {
            Packet::Connect(connect) => Ok(connect),
            _ => {
                let value = u32::from(self.first_byte());
                let kind = ErrorKind::FirstPacketNotConnect;
                let fault = Fault::new(kind, Field::PacketType, value);
                Err(DecodeError::new(fault, 0, Some(self.packet_type()), None))
            }
        }
    }
}

#[cfg(feature = "bytes")]
impl Frame {
    /// See [`FrameRef::decode`].
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    #[inline]
    pub fn decode(&self, dialect: Dialect) -> Result<Packet<'_>, DecodeError> {
        self.as_frame_ref().decode(dialect)
    }

    /// See [`FrameRef::decode_waiving`].
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break and the dialect does not waive.
    pub fn decode_waiving(
        &self,
        dialect: Dialect,
        report: impl FnMut(DecodeError),
    ) -> Result<Packet<'_>, DecodeError> {
        self.as_frame_ref().decode_waiving(dialect, report)
    }

    /// See [`FrameRef::decode_connect`].
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    pub fn decode_connect(&self) -> Result<Connect<'_>, DecodeError> {
        self.as_frame_ref().decode_connect()
    }
}

#[cfg(feature = "bytes")]
impl FrameDecoder {
    /// Lends the next packet, if it is complete. The next call of any method removes it from the
    /// buffer.
    ///
    /// # Errors
    ///
    /// As [`next_frame`](Self::next_frame) and [`FrameRef::decode`]: the first rule that the bytes
    /// break. The bad packet stays at the beginning of the [`buffer_mut`](Self::buffer_mut), and all later
    /// calls return the same error. [`DecodeError::answer`] is the answer to send.
    #[inline(always)]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, DecodeError> {
        self.lend_frame(|frame, dialect| frame.decode(dialect))
    }
}

/// The frame of the only packet in `bytes`.
pub(crate) fn whole(bytes: &[u8], dialect: Option<Dialect>) -> Result<FrameRef<'_>, DecodeError> {
    let error = |kind, offset| {
        let packet_type = bytes
            .first()
            .and_then(|byte| PacketType::from_nibble(byte >> 4));
        let fault = Fault::new(kind, Field::Packet, 0);
        Err(DecodeError::new(fault, offset, packet_type, dialect))
    };
    match FrameRef::peek(bytes, dialect, u32::MAX)? {
        NextFrame::NeedMore(_) => error(ErrorKind::Truncated, bytes.len()),
        NextFrame::Frame(frame) if frame.bytes().len() < bytes.len() => {
            error(ErrorKind::TrailingBytes, frame.bytes().len())
        }
        NextFrame::Frame(frame) => Ok(frame),
    }
}
