//! Packets that own their bytes.

use core::fmt;
use core::hash::{Hash, Hasher};

use bytes::{Bytes, BytesMut};

use crate::decode;
use crate::dialect::Dialect;
use crate::error::{DecodeError, EncodeError};
use crate::frame::{Frame, FrameDecoder, FrameRef, Header, share};
use crate::packet::Packet;
use crate::packet_type::PacketType;

/// A packet that owns its bytes: `'static`, `Send`, `Sync`, and cheap to clone, for it shares them.
///
/// It was checked once, when it was made. [`packet`](Self::packet) lends its fields and cannot fail,
/// and [`share`](Self::share) returns a part of the bytes without a copy. Two of them are equal if
/// their bytes and dialects are.
///
/// ```
/// use mqtt_wire::{Dialect, Packet, PacketBuf, Publish, TopicName, Version};
///
/// let dialect = Dialect::from_client(Version::V5);
/// let publish = Publish::new(TopicName::new("a/b")?, b"hello");
/// let kept = PacketBuf::encode(&publish.into(), dialect)?;
/// let received = PacketBuf::decode(kept.bytes().clone(), dialect)?;
/// assert_eq!(received, kept);
///
/// let thread = std::thread::spawn(move || match received.packet() {
///     Packet::Publish(publish) => received.share(publish.payload),
///     _ => Default::default(),
/// });
/// assert_eq!(thread.join().unwrap(), "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[doc(alias = "OwnedPacket")]
pub struct PacketBuf {
    bytes: Bytes,
    header: Header,
    dialect: Dialect,
}

impl PacketBuf {
    /// The packet of a frame.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    pub fn new(frame: Frame, dialect: Dialect) -> Result<Self, DecodeError> {
        frame.decode(dialect)?;
        Ok(Self::checked(frame, dialect))
    }

    /// Decodes bytes that are exactly one packet.
    ///
    /// # Errors
    ///
    /// As [`Packet::decode`].
    pub fn decode(bytes: Bytes, dialect: Dialect) -> Result<Self, DecodeError> {
        let header = decode::whole(&bytes, Some(dialect))?.header;
        Self::new(Frame::new(bytes, header), dialect)
    }

    /// Encodes a packet. This allocates.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`].
    pub fn encode(packet: &Packet<'_>, dialect: Dialect) -> Result<Self, EncodeError> {
        let dialect = dialect.plain();
        let mut bytes = BytesMut::new();
        packet.encode(dialect, &mut bytes)?;
        // the encoder checks what the decoder checks, so framing is enough
        let header = decode::whole(&bytes, Some(dialect))
            .map_err(|error| EncodeError::Violation(error.violation()))?
            .header;
        Ok(Self::checked(Frame::new(bytes.freeze(), header), dialect))
    }

    /// A frame that was decoded in `dialect`.
    #[inline(always)]
    pub(crate) fn checked(frame: Frame, dialect: Dialect) -> Self {
        let (bytes, header) = frame.into_parts();
        Self {
            bytes,
            header,
            dialect,
        }
    }

    #[inline(always)]
    fn frame(&self) -> FrameRef<'_> {
        FrameRef {
            bytes: &self.bytes,
            header: self.header,
        }
    }

    /// The packet, borrowed. This finds the fields, but checks nothing again.
    #[must_use]
    #[inline]
    pub fn packet(&self) -> Packet<'_> {
        let frame = self.frame();
        let packet = match Packet::short_ack(&frame, self.dialect) {
            Some(packet) => return packet,
            None => Packet::parse_checked(&frame, self.dialect),
        };
        packet.unwrap_or(Packet::PingReq) // never: it was decoded before
    }

    /// The dialect that the packet was decoded or encoded in.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The type of the packet.
    #[must_use]
    pub fn packet_type(&self) -> PacketType {
        self.frame().packet_type()
    }

    /// The bytes of the whole packet.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Shares a part of the bytes that [`packet`](Self::packet) lent, for example a payload. Copies
    /// bytes that are not part of the packet.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Bytes {
        share(&self.bytes, part)
    }
}

impl FrameDecoder {
    /// The packet that [`next_packet`](Self::next_packet) lent last, to keep; `None` if it was kept
    /// before or is no longer in the buffer.
    ///
    /// It shares the memory of the buffer. A small packet that you keep for long keeps all of that
    /// memory; copy it then, with `Bytes::copy_from_slice` and [`PacketBuf::decode`].
    ///
    /// ```
    /// use mqtt_wire::{Dialect, FrameDecoder, Limits, Packet, Version};
    ///
    /// let dialect = Dialect::from_client(Version::V5);
    /// let mut decoder = FrameDecoder::new(dialect, Limits::default());
    /// decoder.extend(b"\xc0\x00\x30\x06\x00\x01t\x00on\xe0\x00");
    /// let mut kept = Vec::new();
    /// while let Some(packet) = decoder.next_packet()? {
    ///     if matches!(packet, Packet::Publish(_)) {
    ///         kept.extend(decoder.keep());
    ///     }
    /// }
    /// assert_eq!(kept.len(), 1);
    /// assert!(matches!(kept[0].packet(), Packet::Publish(publish) if publish.payload == b"on"));
    /// # Ok::<(), mqtt_wire::DecodeError>(())
    /// ```
    pub fn keep(&mut self) -> Option<PacketBuf> {
        let dialect = self.dialect()?;
        let frame = self.take_lent(dialect)?;
        Some(PacketBuf::checked(frame, dialect))
    }
}

impl From<PacketBuf> for Bytes {
    fn from(packet: PacketBuf) -> Self {
        packet.bytes
    }
}

impl AsRef<[u8]> for PacketBuf {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl PartialEq for PacketBuf {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes() && self.dialect == other.dialect
    }
}

impl Eq for PacketBuf {}

impl Hash for PacketBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
        self.dialect.hash(state);
    }
}

impl fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBuf")
            .field("dialect", &self.dialect)
            .field("packet", &self.packet())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use core::hash::{BuildHasher, BuildHasherDefault};
    use std::hash::DefaultHasher;

    use super::*;
    use crate::dialect::Version;

    const PING: &[u8] = b"\xc0\x00";

    fn hash(packet: &PacketBuf) -> u64 {
        BuildHasherDefault::<DefaultHasher>::new().hash_one(packet)
    }

    #[test]
    fn packets_are_equal_if_their_bytes_and_dialects_are() {
        let v5 = Dialect::from_client(Version::V5);
        let decode = |bytes: &'static [u8], dialect| {
            PacketBuf::decode(Bytes::from_static(bytes), dialect).unwrap()
        };
        let ping = decode(PING, v5);
        assert_eq!(ping, PacketBuf::encode(&Packet::PingReq, v5).unwrap());
        assert_eq!(hash(&ping), hash(&ping.clone()));
        let others = [
            decode(PING, Dialect::from_client(Version::V3_1_1)),
            decode(b"\xe0\x00", v5),
        ];
        for other in others {
            assert_ne!(ping, other);
            assert_ne!(hash(&ping), hash(&other));
        }
        assert_eq!(ping.packet_type(), PacketType::PingReq);
        assert_eq!(Bytes::from(ping), PING);
    }

    #[test]
    fn bad_bytes_make_no_packet() {
        let dialect = Dialect::from_client(Version::V5);
        for bad in [
            &b"\xd0\x00"[..],
            b"\xc0",
            b"\xc0\x00\xc0",
            b"\x30\x03\x00\x01#",
        ] {
            let error = PacketBuf::decode(Bytes::copy_from_slice(bad), dialect).unwrap_err();
            assert_eq!(Packet::decode(bad, dialect), Err(error));
        }
        let bad = BytesMut::from(&b"\x30\x04\x00\x01#\x00"[..]);
        let Ok(crate::NextFrame::Frame(frame)) = Frame::split(&mut bad.clone(), dialect, 10) else {
            panic!("framing does not look at topics");
        };
        let error = PacketBuf::new(frame, dialect).unwrap_err();
        assert_eq!(Packet::decode(&bad, dialect), Err(error));
    }

    #[test]
    fn a_packet_that_waives_rules_is_found_again() {
        use crate::rules::{OptionalRules, Waivers};

        let dialect = Dialect::from_client(Version::V3_1_1);
        let waiving = dialect.with_rules(Waivers::PACKET_ID_ZERO, OptionalRules::NONE);
        let bytes = Bytes::from_static(b"\x40\x02\x00\x00");
        assert!(PacketBuf::decode(bytes.clone(), dialect).is_err());
        let waived = PacketBuf::decode(bytes, waiving).unwrap();
        assert!(matches!(waived.packet(), Packet::PubAck(ack) if ack.packet_id.get() == 0));
    }

    #[test]
    fn parts_are_shared_and_others_are_copied() {
        let dialect = Dialect::from_client(Version::V3_1_1);
        let packet = PacketBuf::decode(Bytes::from_static(b"\x30\x04\x00\x01aX"), dialect).unwrap();
        let Packet::Publish(publish) = packet.packet() else {
            panic!("{packet:?}");
        };
        let shared = packet.share(publish.payload);
        assert_eq!(shared.as_ptr(), publish.payload.as_ptr());
        let elsewhere = std::vec::Vec::from(publish.payload);
        let copied = packet.share(&elsewhere);
        assert_eq!(copied, shared);
        assert_ne!(copied.as_ptr(), elsewhere.as_ptr());
    }
}
