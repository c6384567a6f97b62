//! One message for many receivers.

use bytes::{Buf, Bytes, BytesMut};

use super::copies::Copies;
use super::{CopyFields, Envelope, ForwardError, Lengths, check, lost, of_message};
use crate::dialect::{Dialect, Version};
use crate::error::EncodeError;
use crate::frame::share;
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties, Property};
use crate::topic::TopicName;
use crate::wire::write::{BufMutWriter, Out, SliceWriter};

/// A message encoded once, to be sent to any number of receivers of any version.
///
/// ```
/// use bytes::{Buf, Bytes};
/// use mqtt_wire::fanout::{Envelope, SharedPublish};
/// use mqtt_wire::{Delivery, Dialect, PacketId, Properties, SubscriptionId, TopicName, Version};
///
/// let payload = Bytes::from_static(b"hello"); // often `frame.share(publish.payload)`
/// let topic_name = TopicName::new("a/b")?;
/// let shared = SharedPublish::new(topic_name, Properties::EMPTY, payload)?;
///
/// let old = shared.copy_for(Envelope::new(Dialect::from_server(Version::V3_1_1)))?;
/// assert_eq!(old.chunks().concat(), b"\x30\x0a\x00\x03a/bhello");
///
/// let mut envelope = Envelope::new(Dialect::from_server(Version::V5));
/// let packet_id = PacketId::new(7).unwrap();
/// envelope.delivery = Delivery::AtLeastOnce { packet_id, dup: false };
/// let subscription_ids = [SubscriptionId::new(9).unwrap()];
/// envelope.subscription_ids = &subscription_ids;
/// let mut new = shared.copy_for(envelope)?;
/// assert_eq!(new.remaining(), 17);
/// let bytes = new.copy_to_bytes(17); // or `write_vectored`, which copies nothing
/// assert_eq!(bytes, &b"\x32\x0f\x00\x03a/b\x00\x07\x02\x0b\x09hello"[..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedPublish {
    /// Topic Name with its length, and the properties that are forwarded unchanged.
    head: Bytes,
    topic_len: usize,
    expiry: Option<u32>,
    payload: Bytes,
}

impl SharedPublish {
    /// Encodes the parts that all copies share; the payload is not copied. The properties are those
    /// of a PUBLISH or of a Will.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Violation`] if the properties break a rule.
    pub fn new(
        topic_name: TopicName<'_>,
        properties: Properties<'_>,
        payload: Bytes,
    ) -> Result<Self, EncodeError> {
        check(&properties)?;
        let topic_len = 2 + topic_name.as_bytes().len();
        let mut head = BytesMut::with_capacity(topic_len);
        BufMutWriter(&mut head)
            .put_prefixed(topic_name.as_bytes())
            .and_then(|out| property::put_items(of_message(properties), out))
            .map_err(|()| EncodeError::TooLong)?; // a buffer that grows takes everything
        Ok(Self {
            head: head.freeze(),
            topic_len,
            expiry: properties.iter().find_map(|property| match property {
                Property::MessageExpiryInterval(seconds) => Some(seconds),
                _ => None,
            }),
            payload,
        })
    }

    /// The properties of the message that `version` cannot carry; none in 5.0.
    pub fn lost_in(&self, version: Version) -> impl Iterator<Item = Property<'_>> {
        let properties = self.head.get(self.topic_len..).unwrap_or_default();
        let carrier = Carrier::Packet(PacketType::Publish);
        let dialect = Dialect::from_server(Version::V5);
        let properties = Properties::checked(properties, carrier, dialect);
        lost(properties, self.expiry(), version)
    }

    fn expiry(&self) -> Option<Property<'static>> {
        self.expiry.map(Property::MessageExpiryInterval)
    }

    /// A copy for one receiver, which shares the bytes of the message. Up to four Subscription
    /// Identifiers need no allocation; more may need one. Apart from that, only the first copy may
    /// allocate, because the first clone of [`Bytes`] may.
    ///
    /// # Errors
    ///
    /// [`ForwardError::Expired`]; and [`ForwardError::Encode`] if the envelope breaks a rule, or
    /// the packet would be too long.
    pub fn copy_for(&self, envelope: Envelope<'_>) -> Result<PublishBuf, ForwardError> {
        let copy = self.copy_fields(envelope)?;
        let own_fields = if copy.own_len <= OWN_FIELDS {
            OwnFields::Inline(Small::new(|out| copy.write_own_fields(out)))
        } else {
            let mut bytes = BytesMut::with_capacity(copy.own_len);
            copy.write_own_fields(BufMutWriter(&mut bytes))
                .map_err(|()| EncodeError::TooLong)?;
            OwnFields::Shared(bytes.freeze())
        };
        Ok(PublishBuf {
            fixed_header: Small::new(|out| copy.write_fixed_header(out)),
            own_fields,
            head: self.head.slice(..self.head_len(envelope.dialect)),
            topic_len: self.topic_len,
            payload: self.payload.clone(),
            taken: 0,
        })
    }

    /// The copies for all receivers that share the settings in `envelope`; they may differ in
    /// Packet Identifier and DUP. This encodes the packet and allocates.
    ///
    /// # Errors
    ///
    /// As for [`copy_for`](Self::copy_for).
    pub fn copies(&self, envelope: Envelope<'_>) -> Result<Copies, ForwardError> {
        let copy = self.copy_fields(envelope)?;
        let head = self.head.get(..self.head_len(envelope.dialect));
        let (topic, properties) = head
            .and_then(|head| head.split_at_checked(self.topic_len))
            .unwrap_or_default();
        Copies::new(&copy, topic, properties, &self.payload)
    }

    fn copy_fields<'e>(&self, envelope: Envelope<'e>) -> Result<CopyFields<'e>, ForwardError> {
        let message = Lengths {
            topic: self.topic_len,
            properties: self.head.len() - self.topic_len,
            payload: self.payload.len(),
        };
        CopyFields::new(message, self.expiry(), envelope)
    }

    /// The length of the parts of the head that `dialect` can represent.
    const fn head_len(&self, dialect: Dialect) -> usize {
        match dialect.version() {
            Version::V3_1 | Version::V3_1_1 => self.topic_len,
            Version::V5 => self.head.len(),
        }
    }
}

/// The bytes of one copy of a [`SharedPublish`], as a [`Buf`] that supports vectored writes.
///
/// [`Buf::remaining`] is at first the length of the whole packet in bytes. A packet above the
/// receiver's Maximum Packet Size must not be sent (5.0 MQTT-3.1.2-24): drop it.
#[derive(Debug, Clone)]
pub struct PublishBuf {
    fixed_header: Small<5>,
    own_fields: OwnFields,
    /// Topic Name with its length and, in 5.0, the shared properties.
    head: Bytes,
    topic_len: usize,
    payload: Bytes,
    taken: usize,
}

/// Room for Packet Identifier, Property Length, Message Expiry Interval and four Subscription
/// Identifiers.
const OWN_FIELDS: usize = 2 + 4 + 5 + 4 * 5;

/// The fields between the Topic Name and the shared properties.
#[derive(Debug, Clone)]
enum OwnFields {
    Inline(Small<OWN_FIELDS>),
    Shared(Bytes),
}

impl PublishBuf {
    /// The remaining bytes as two pieces to keep, for transports that take [`Bytes`]: the fields in
    /// front of the payload, which are copied, and the payload, which is shared. Either may be empty.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use mqtt_wire::fanout::{Envelope, SharedPublish};
    /// use mqtt_wire::{Dialect, Properties, TopicName, Version};
    ///
    /// let payload = Bytes::from_static(b"hello");
    /// let shared = SharedPublish::new(TopicName::new("a/b")?, Properties::EMPTY, payload.clone())?;
    /// let copy = shared.copy_for(Envelope::new(Dialect::from_server(Version::V5)))?;
    /// let [head, tail] = copy.pieces();
    /// assert_eq!(head, &b"\x30\x0b\x00\x03a/b\x00"[..]);
    /// assert_eq!(tail.as_ptr(), payload.as_ptr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pieces(&self) -> [Bytes; 2] {
        let [head @ .., payload] = self.chunks();
        let mut copied = BytesMut::with_capacity(self.remaining() - payload.len());
        head.iter()
            .for_each(|chunk| copied.extend_from_slice(chunk));
        [copied.freeze(), share(&self.payload, payload)]
    }

    /// The remaining bytes as borrowed chunks, in order; some may be empty.
    #[must_use]
    pub fn chunks(&self) -> [&[u8]; 5] {
        let topic_and_properties = self.head.split_at_checked(self.topic_len);
        let (topic, properties) = topic_and_properties.unwrap_or_default();
        let own_fields = match &self.own_fields {
            OwnFields::Inline(bytes) => bytes.as_slice(),
            OwnFields::Shared(bytes) => bytes,
        };
        let fixed_header = self.fixed_header.as_slice();
        let mut chunks = [fixed_header, topic, own_fields, properties, &self.payload];
        let mut taken = self.taken;
        for chunk in &mut chunks {
            let len = chunk.len();
            *chunk = chunk.get(taken..).unwrap_or_default();
            taken = taken.saturating_sub(len);
        }
        chunks
    }
}

impl Buf for PublishBuf {
    fn remaining(&self) -> usize {
        self.chunks().iter().map(|chunk| chunk.len()).sum()
    }

    fn chunk(&self) -> &[u8] {
        let mut chunks = self.chunks().into_iter();
        chunks.find(|chunk| !chunk.is_empty()).unwrap_or_default()
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let chunks = self.chunks().into_iter().filter(|chunk| !chunk.is_empty());
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = std::io::IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    /// Advancing past the end stops at the end; it does not panic.
    fn advance(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count);
    }
}

/// At most `N` bytes, stored inline.
#[derive(Debug, Clone)]
struct Small<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Small<N> {
    /// The bytes that `write` writes. The caller has checked that there are at most `N`.
    fn new(write: impl FnOnce(SliceWriter<'_>) -> Result<SliceWriter<'_>, ()>) -> Self {
        let mut bytes = [0; N];
        let room = write(SliceWriter(&mut bytes)).map_or(N, |rest| rest.0.len());
        let len = (N - room) as u8;
        Self { bytes, len }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}
