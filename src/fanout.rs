//! Forwarding a message that was received, to one receiver or to many.
//!
//! [`Forward`] is one copy of a message and needs no allocator. `SharedPublish` encodes a message
//! once for any number of copies (feature `bytes`). Both list the properties that 3.1 and 3.1.1
//! cannot carry.
//!
//! For one receiver, use [`Forward`]: it needs no allocator and copies no payload. For many
//! receivers whose envelopes differ only in Packet Identifier and DUP, use `Copies`, which
//! `SharedPublish::copies` makes: it encodes the packet once, and a copy costs little more than
//! copying the bytes. For large payloads and envelopes that differ, use `SharedPublish::copy_for`: it
//! copies no payload. For a small message it costs more than encoding the packet for each receiver.
//!
//! Each copy has the fields of the Application Message: the Topic Name, the payload, and the
//! properties that a Server must forward unchanged. These are Payload Format Indicator, Content
//! Type, Response Topic, Correlation Data and the User Properties in order (5.0 MQTT-3.3.2-4, -20,
//! -15, -16, -17 and -18). Message Expiry Interval is reduced by the time that the message waited
//! (MQTT-3.3.2-6).
//!
//! The other fields of a copy come from an [`Envelope`]: QoS, Packet Identifier, DUP
//! (MQTT-3.3.1-3), RETAIN and Subscription Identifiers. A Topic Alias is not forwarded
//! (MQTT-3.3.2-7): the caller replaces it with the Topic Name. A Will Delay Interval is not
//! forwarded either, so a Will can be forwarded like any message.

#[cfg(feature = "bytes")]
mod copies;
#[cfg(feature = "bytes")]
mod shared;

use core::fmt;

#[cfg(feature = "bytes")]
pub use self::copies::Copies;
#[cfg(feature = "bytes")]
pub use self::shared::{PublishBuf, SharedPublish};

use crate::data::SubscriptionId;
use crate::dialect::{Dialect, Sender, Version};
use crate::error::{EncodeError, ErrorKind, Field, Refusal};
use crate::list::Hidden;
use crate::packet::{self, Delivery, RemainingLength};
use crate::packet_type::{Carrier, PacketType};
use crate::property::{self, Properties, Property};
use crate::property_id::PropertyId;
use crate::stream::Payload;
use crate::topic::TopicName;
use crate::wire::varint;
#[cfg(feature = "bytes")]
use crate::wire::write::BufMutWriter;
use crate::wire::write::{Out, SliceWriter};

/// The fields that differ between the copies of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Envelope<'e> {
    /// The version of the receiver, and the side that sends.
    pub dialect: Dialect,
    /// QoS of this copy, with Packet Identifier and DUP for QoS 1 and 2.
    pub delivery: Delivery,
    /// RETAIN of this copy. A Server sets it for a message that it had retained, and in 5.0 keeps
    /// it for a subscription with Retain As Published (MQTT-3.3.1-8 and -9 of 3.1.1, MQTT-3.3.1-12
    /// and -13 of 5.0).
    pub retain: bool,
    /// The Subscription Identifiers of the receiver's matching subscriptions (MQTT-3.3.4-3 to -5).
    /// Only a Server in 5.0 sends them.
    pub subscription_ids: &'e [SubscriptionId],
    /// The time that the message has waited, in whole seconds. It is subtracted from the Message
    /// Expiry Interval.
    pub waited: u32,
}

impl Envelope<'_> {
    /// An envelope with QoS 0, RETAIN 0, no Subscription Identifiers and no time waited.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            delivery: Delivery::AtMostOnce,
            retain: false,
            subscription_ids: &[],
            waited: 0,
        }
    }
}

/// The reason why a message cannot be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ForwardError {
    /// The Message Expiry Interval has passed: delete this copy (5.0 MQTT-3.3.2-5).
    Expired,
    /// The copy cannot be encoded.
    Encode(EncodeError),
}

impl From<EncodeError> for ForwardError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl fmt::Display for ForwardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the message has expired [v5.0 MQTT-3.3.2-5]"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ForwardError {}

/// One copy of a message on its way to a receiver of any version.
///
/// ```
/// use mqtt_wire::fanout::{Envelope, Forward};
/// use mqtt_wire::{Dialect, Packet, PropertyId, Version};
///
/// // a message with Topic Alias 1, Message Expiry Interval 60 and Content Type
/// let packet = b"\x30\x18\x00\x03a/b\x0d\x23\x00\x01\x02\x00\x00\x00\x3c\x03\x00\x02cthello";
/// let dialect = Dialect::from_client(Version::V5);
/// let Packet::Publish(publish) = Packet::decode(packet, dialect)? else { unreachable!() };
/// let topic_name = publish.topic_name.expect("otherwise look up the Topic Alias");
/// let length = publish.payload.len() as u32;
///
/// // five seconds later, to a Client with 3.1.1
/// let mut envelope = Envelope::new(Dialect::from_server(Version::V3_1_1));
/// envelope.waited = 5;
/// let forward = Forward::new(topic_name, publish.properties, length, envelope)?;
/// let lost: Vec<_> = forward.lost().map(|property| property.id()).collect();
/// assert_eq!(lost, [PropertyId::MessageExpiryInterval, PropertyId::ContentType]);
/// let mut out = Vec::new();
/// forward.encode(&mut out)?;
/// out.extend(publish.payload);
/// assert_eq!(out, b"\x30\x0a\x00\x03a/bhello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Forward<'a, 'e> {
    topic_name: TopicName<'a>,
    expiry: Option<Property<'a>>,
    /// The properties that every copy has.
    properties: Properties<'a>,
    payload_len: u32,
    copy: CopyFields<'e>,
}

impl<'a, 'e> Forward<'a, 'e> {
    /// A copy of a message with `payload_len` bytes of payload. The properties are those of a
    /// PUBLISH or of a Will.
    ///
    /// # Errors
    ///
    /// [`ForwardError::Expired`]; and [`ForwardError::Encode`] if the properties or the envelope
    /// break a rule, or the packet would be too long.
    pub fn new(
        topic_name: TopicName<'a>,
        properties: Properties<'a>,
        payload_len: u32,
        envelope: Envelope<'e>,
    ) -> Result<Self, ForwardError> {
        check(&properties)?;
        let message_properties = of_message(properties);
        let message = Lengths {
            topic: 2 + topic_name.as_bytes().len(),
            properties: property::encoded_len(message_properties),
            payload: payload_len as usize,
        };
        let expiry = properties.get(PropertyId::MessageExpiryInterval);
        Ok(Self {
            topic_name,
            expiry,
            properties: message_properties,
            payload_len,
            copy: CopyFields::new(message, expiry, envelope)?,
        })
    }

    /// The properties of the message that the receiver's version cannot carry; none in 5.0.
    pub fn lost(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let version = self.copy.envelope.dialect.version();
        lost(self.properties, self.expiry, version)
    }

    /// A counter for the bytes of the payload.
    pub const fn payload(&self) -> Payload {
        Payload::new(self.payload_len)
    }

    /// The length of the whole packet in bytes, payload included, which Maximum Packet Size limits.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.copy.remaining_length.packet_len()
    }

    /// Writes the packet without its payload to the beginning of `buffer` and returns the number of
    /// bytes written. The payload must follow.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`]; the contents of `buffer` are then unspecified.
    pub fn encode_to_slice(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let needed = self.head_len();
        match self.write(SliceWriter(buffer)) {
            Ok(_) => Ok(needed),
            Err(()) => Err(EncodeError::BufferTooSmall { needed }),
        }
    }

    /// Appends the packet without its payload to `buffer` and returns the number of bytes written.
    /// The payload must follow.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`] if `buffer` cannot grow; nothing is appended then.
    #[cfg(feature = "bytes")]
    pub fn encode(&self, buffer: &mut impl bytes::BufMut) -> Result<usize, EncodeError> {
        let needed = self.head_len();
        if buffer.remaining_mut() < needed {
            return Err(EncodeError::BufferTooSmall { needed });
        }
        match self.write(BufMutWriter(buffer)) {
            Ok(_) => Ok(needed),
            Err(()) => Err(EncodeError::BufferTooSmall { needed }),
        }
    }

    /// The length of the packet without its payload.
    const fn head_len(&self) -> usize {
        self.encoded_len() - self.payload_len as usize
    }

    fn write<O: Out>(&self, out: O) -> Result<O, O::Error> {
        let out = self.copy.write_fixed_header(out)?;
        let out = out.put_prefixed(self.topic_name.as_bytes())?;
        let out = self.copy.write_own_fields(out)?;
        if self.copy.envelope.dialect.is_v5() {
            property::put_items(self.properties, out)
        } else {
            Ok(out)
        }
    }
}

/// Checks that the properties of a message are valid in a PUBLISH or in a Will.
fn check(properties: &Properties<'_>) -> Result<(), EncodeError> {
    let dialect = Dialect::from_server(Version::V5);
    let publish = Carrier::Packet(PacketType::Publish);
    match property::check(properties, publish, dialect) {
        Ok(()) => Ok(()),
        Err(_) if property::check(properties, Carrier::Will, dialect).is_ok() => Ok(()),
        Err(refusal) => Err(refusal.of(PacketType::Publish, dialect)),
    }
}

/// The properties that every copy of a message has unchanged: all except those that differ between
/// copies, and the Will Delay Interval.
fn of_message(properties: Properties<'_>) -> Properties<'_> {
    properties.hiding(Hidden::OF_ONE_COPY.with(Hidden::WILL_DELAY))
}

/// The properties of a message that `version` cannot represent.
fn lost<'a>(
    properties: Properties<'a>,
    expiry: Option<Property<'a>>,
    version: Version,
) -> impl Iterator<Item = Property<'a>> + use<'a> {
    let (properties, expiry) = match version {
        Version::V3_1 | Version::V3_1_1 => (properties, expiry),
        Version::V5 => (Properties::EMPTY, None),
    };
    expiry.into_iter().chain(properties)
}

/// The length of the parts that every copy has: Topic Name with its prefix, properties and
/// payload.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    topic: usize,
    properties: usize,
    payload: usize,
}

/// The fields of one copy: the fixed header, and the fields between the Topic Name and the
/// properties that every copy has.
#[derive(Debug, Clone, Copy)]
struct CopyFields<'e> {
    envelope: Envelope<'e>,
    remaining_length: RemainingLength,
    property_length: u32,
    expiry: Option<u32>,
    /// The bytes that [`write_own_fields`](Self::write_own_fields) writes.
    own_len: usize,
}

impl<'e> CopyFields<'e> {
    fn new(
        message: Lengths,
        expiry: Option<Property<'_>>,
        envelope: Envelope<'e>,
    ) -> Result<Self, ForwardError> {
        let expiry = match expiry {
            // a message with an interval of 0 may still be sent within the first second
            Some(Property::MessageExpiryInterval(seconds))
                if envelope.waited > 0 && envelope.waited >= seconds =>
            {
                return Err(ForwardError::Expired);
            }
            Some(Property::MessageExpiryInterval(seconds)) => Some(seconds - envelope.waited),
            _ => None,
        };
        check_envelope(&envelope)?;
        let mut copy = Self {
            envelope,
            remaining_length: RemainingLength::new(0)?,
            property_length: 0,
            expiry,
            own_len: 2 * usize::from(envelope.delivery.packet_id().is_some()),
        };
        let mut shared = message.payload.saturating_add(message.topic);
        if envelope.dialect.is_v5() {
            let own = property::encoded_len(copy.own_properties());
            let properties = RemainingLength::new(own.saturating_add(message.properties))?;
            copy.property_length = properties.get();
            copy.own_len += varint::len(properties.get()) + own;
            shared = shared.saturating_add(message.properties);
        }
        copy.remaining_length = RemainingLength::new(shared.saturating_add(copy.own_len))?;
        Ok(copy)
    }

    fn write_fixed_header<O: Out>(&self, out: O) -> Result<O, O::Error> {
        let Envelope {
            delivery, retain, ..
        } = self.envelope;
        let flags = delivery.flags() | u8::from(retain);
        packet::put_fixed_header(PacketType::Publish, flags, self.remaining_length, out)
    }

    /// Writes the fields between the Topic Name and the properties that every copy has.
    fn write_own_fields<O: Out>(&self, out: O) -> Result<O, O::Error> {
        let out = packet::write_packet_id(&self.envelope.delivery, out)?;
        if !self.envelope.dialect.is_v5() {
            return Ok(out);
        }
        let out = out.put_variable_byte_integer(self.property_length)?;
        property::put_items(self.own_properties(), out)
    }

    fn own_properties(&self) -> impl Iterator<Item = Property<'static>> {
        let expiry = self.expiry.map(Property::MessageExpiryInterval);
        let ids = self.envelope.subscription_ids.iter().copied();
        expiry
            .into_iter()
            .chain(ids.map(Property::SubscriptionIdentifier))
    }
}

fn check_envelope(envelope: &Envelope<'_>) -> Result<(), EncodeError> {
    let dialect = envelope.dialect;
    let check = || {
        if let Some(packet_id) = envelope.delivery.packet_id() {
            packet_id.check()?;
        }
        let id = PropertyId::SubscriptionIdentifier;
        let field = Field::Property(id);
        if envelope.subscription_ids.is_empty() {
            Ok(())
        } else if !dialect.is_v5() {
            Err(Refusal::NotInVersion(field))
        } else if dialect.sender() == Sender::Client {
            let kind = ErrorKind::PropertyWrongSender;
            Err(Refusal::broken(kind, field, id as u32))
        } else {
            Ok(())
        }
    };
    check().map_err(|refusal| refusal.of(PacketType::Publish, dialect))
}
