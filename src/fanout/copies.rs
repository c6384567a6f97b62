//! The equal copies of one message.

use bytes::{Bytes, BytesMut};

use super::{CopyFields, ForwardError};
use crate::data::PacketId;
use crate::dialect::Dialect;
use crate::error::EncodeError;
use crate::packet_type::PacketType;
use crate::wire::write::{BufMutWriter, Out};

/// The longest payload that each copy holds.
///
/// Copying 1 KiB took 15 ns, 4 KiB 57 ns and 8 KiB 109 ns. A clone of [`Bytes`] in a queue took
/// 14 ns, so with a queue, sharing pays from 1 KiB. A vectored write of two pieces took 100 ns more
/// than a write of one, so with vectored writes, sharing pays from 8 KiB. The limit is between them.
const LONGEST_COPIED: usize = 4096;

/// The copies of one message for receivers with the same settings: dialect, QoS, RETAIN,
/// Subscription Identifiers and waited time. [`SharedPublish::copies`] makes them.
///
/// The packet is encoded once. A copy repeats its bytes, and replaces the Packet Identifier and DUP
/// if the receiver needs others.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use mqtt_wire::fanout::{Envelope, SharedPublish};
/// use mqtt_wire::{Delivery, Dialect, PacketId, Properties, TopicName, Version};
///
/// let payload = Bytes::from_static(b"hello");
/// let shared = SharedPublish::new(TopicName::new("a/b")?, Properties::EMPTY, payload)?;
/// let mut envelope = Envelope::new(Dialect::from_server(Version::V3_1_1));
/// envelope.delivery = Delivery::AtLeastOnce { packet_id: PacketId::MIN, dup: false };
/// let copies = shared.copies(envelope)?;
/// assert_eq!(copies.encoded_len(), 14);
/// assert_eq!(copies.payload(), None); // each copy holds the short payload
///
/// let (mut first, mut second) = (BytesMut::new(), BytesMut::new());
/// copies.append_with_id(PacketId::new(7).unwrap(), false, &mut first)?;
/// copies.append_with_id(PacketId::new(258).unwrap(), true, &mut second)?;
/// assert_eq!(first, &b"\x32\x0c\x00\x03a/b\x00\x07hello"[..]);
/// assert_eq!(second, &b"\x3a\x0c\x00\x03a/b\x01\x02hello"[..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`SharedPublish::copies`]: super::SharedPublish::copies
#[derive(Debug, Clone)]
pub struct Copies {
    /// The packet, without its payload if that is in [`payload`](Self::payload).
    template: Bytes,
    payload: Option<Bytes>,
    /// The end of the Packet Identifier in the template; `None` with QoS 0.
    packet_id_end: Option<usize>,
    /// The first byte of a packet with DUP 0.
    first_byte: u8,
    dialect: Dialect,
}

impl Copies {
    /// Appends a copy with the Packet Identifier and DUP of the envelope. If the copies do not hold
    /// the payload, [`payload`](Self::payload) must follow.
    #[inline]
    pub fn append(&self, buffer: &mut BytesMut) {
        buffer.extend_from_slice(&self.template);
    }

    /// Appends a copy with another Packet Identifier and DUP. With QoS 0 a packet has neither, so
    /// this is the same as [`append`](Self::append). If the copies do not hold the payload,
    /// [`payload`](Self::payload) must follow.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Violation`] if the packet would have the identifier 0, which only a waiver
    /// lets in. `buffer` is then unchanged.
    #[inline]
    pub fn append_with_id(
        &self,
        packet_id: PacketId,
        dup: bool,
        buffer: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let Some(end) = self.packet_id_end else {
            self.append(buffer);
            return Ok(());
        };
        packet_id
            .check()
            .map_err(|refusal| refusal.of(PacketType::Publish, self.dialect))?;
        let start = buffer.len();
        self.append(buffer);
        if let Some([first_byte, .., high, low]) = buffer.get_mut(start..start + end) {
            *first_byte = self.first_byte | u8::from(dup) << DUP_BIT;
            [*high, *low] = packet_id.get().to_be_bytes();
        }
        Ok(())
    }

    /// The payload to send behind each copy, with a vectored write or through a queue. `None` if the
    /// copies hold the payload: they hold payloads of up to 4096 bytes.
    ///
    /// Copying 4096 bytes takes about 60 ns. Shorter payloads cost more to share by a vectored
    /// write, which takes about 100 ns more than a plain one.
    #[must_use]
    pub const fn payload(&self) -> Option<&Bytes> {
        self.payload.as_ref()
    }

    /// The length of the whole packet in bytes, payload included, which Maximum Packet Size limits.
    /// It is the same for each copy.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.template.len() + self.payload.as_ref().map_or(0, Bytes::len)
    }

    /// Encodes the packet. `properties` are those of the message that the version can represent.
    pub(super) fn new(
        copy: &CopyFields<'_>,
        topic: &[u8],
        properties: &[u8],
        payload: &Bytes,
    ) -> Result<Self, ForwardError> {
        let (held, behind): (&[u8], _) = match payload.len() {
            0..=LONGEST_COPIED => (payload, None),
            _ => (&[], Some(payload.clone())),
        };
        let len = copy.remaining_length.packet_len() - payload.len() + held.len();
        let mut template = BytesMut::with_capacity(len);
        let full = |()| EncodeError::TooLong; // a buffer that grows takes everything
        copy.write_fixed_header(BufMutWriter(&mut template))
            .and_then(|out| out.put(topic))
            .map_err(full)?;
        let packet_id_end = template.len() + 2;
        copy.write_own_fields(BufMutWriter(&mut template))
            .and_then(|out| out.put(properties)?.put(held))
            .map_err(full)?;
        let first_byte = template.first().copied().unwrap_or_default();
        let delivery = copy.envelope.delivery;
        Ok(Self {
            packet_id_end: delivery.packet_id().map(|_| packet_id_end),
            first_byte: first_byte & !(1 << DUP_BIT),
            template: template.freeze(),
            payload: behind,
            dialect: copy.envelope.dialect,
        })
    }
}

/// The bit of DUP in the first byte.
const DUP_BIT: u32 = 3;
