//! Answers that fit into the receiver's Maximum Packet Size.

use crate::data::{Counter, Put, SliceWriter};
use crate::dialect::{Dialect, Sender};
use crate::error::{EncodeError, ErrorKind, Field, Refusal};
use crate::packet::{self, Body, Packet, RemainingLength};
use crate::property::{self, Properties, PropertyId};
use crate::reason_code::ReasonCode;

/// A packet without what the receiver has no room for, or did not ask for: made by
/// [`Packet::fit`].
///
/// ```
/// use mqtt_wire::{Ack, Dialect, Packet, PacketId, Properties, Property, ReasonCode, Utf8Str, Version};
///
/// let properties = [
///     Property::ReasonString(Utf8Str::new("quota of 10 messages a second")?),
///     Property::UserProperty(Utf8Str::new("node")?, Utf8Str::new("7")?),
/// ];
/// let mut ack = Ack::new(PacketId::new(1).unwrap());
/// ack.reason_code = ReasonCode::QuotaExceeded;
/// ack.properties = Properties::from(&properties);
/// let packet = Packet::PubAck(ack);
///
/// let fit = packet.fit(Dialect::from_server(Version::V5), 32, true)?;
/// assert!(fit.lacks_reason_string() && !fit.lacks_user_properties());
/// let mut buffer = [0; 32];
/// let length = fit.encode_to_slice(&mut buffer)?;
/// assert_eq!(&buffer[..length], b"\x40\x0e\x00\x01\x97\x0a\x26\x00\x04node\x00\x017");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    packet: Packet<'a>,
    dialect: Dialect,
    without: Without,
    length: RemainingLength,
}

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Without {
    reason_string: bool,
    user_properties: bool,
}

impl<'a> Packet<'a> {
    /// Fits an answer into `max_len` bytes, the receiver's Maximum Packet Size: if need be without
    /// its Reason String, and if that is not enough without its User Properties either.
    ///
    /// A sender has to leave them out of CONNACK (5.0 MQTT-3.2.2-19 and -20), PUBACK (3.4.2-2, -3),
    /// PUBREC (3.5.2-2, -3), PUBREL (3.6.2-2, -3), PUBCOMP (3.7.2-2, -3), SUBACK (3.9.2-1, -2),
    /// UNSUBACK (3.11.2-1, -2), DISCONNECT (3.14.2-3, -4) and AUTH (3.15.2-2, -3). Nothing is left
    /// out of other packets: the User Properties of a message have to stay (3.3.2-17).
    ///
    /// `problem_information` is false where a Client sent Request Problem Information 0: then a
    /// Server leaves both out of all these packets but CONNACK and DISCONNECT, fit or not
    /// (MQTT-3.1.2-29). It does not bind a Client.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] as for [`encoded_len`](Self::encoded_len); and if the packet is larger than
    /// `max_len` all the same, [`ErrorKind::PacketTooLarge`]: it must not be sent.
    pub fn fit(
        &self,
        dialect: Dialect,
        max_len: u32,
        problem_information: bool,
    ) -> Result<Fit<'a>, EncodeError> {
        let dialect = dialect.plain();
        let mut fit = Fit {
            packet: *self,
            dialect,
            without: Without {
                reason_string: false,
                user_properties: false,
            },
            length: self.remaining_length(dialect)?,
        };
        let fits =
            |length: RemainingLength| u32::try_from(length.total()).is_ok_and(|len| len <= max_len);
        let unwanted = !problem_information
            && dialect.sender() == Sender::Server
            && !matches!(self, Self::ConnAck(_) | Self::Disconnect(_));
        let Some(properties) = self.optional_properties() else {
            return fit.or_too_large(fits(fit.length));
        };
        let has = |id| properties.get(id).is_some();
        if (unwanted || !fits(fit.length)) && has(PropertyId::ReasonString) {
            fit.without.reason_string = true;
            fit.length = fit.measure()?;
        }
        if (unwanted || !fits(fit.length)) && has(PropertyId::UserProperty) {
            fit.without.user_properties = true;
            fit.length = fit.measure()?;
        }
        fit.or_too_large(fits(fit.length))
    }

    /// The properties of a packet that may go without some of them.
    fn optional_properties(&self) -> Option<Properties<'a>> {
        match self {
            Self::ConnAck(packet) => Some(packet.properties),
            Self::PubAck(packet)
            | Self::PubRec(packet)
            | Self::PubRel(packet)
            | Self::PubComp(packet) => Some(packet.properties),
            Self::SubAck(packet) | Self::UnsubAck(packet) => Some(packet.properties),
            Self::Disconnect(packet) => Some(packet.properties),
            Self::Auth(packet) => Some(packet.properties),
            Self::Connect(_)
            | Self::Publish(_)
            | Self::Subscribe(_)
            | Self::Unsubscribe(_)
            | Self::PingReq
            | Self::PingResp => None,
        }
    }
}

impl Fit<'_> {
    /// Whether the packet has a Reason String that is left out.
    #[must_use]
    pub const fn lacks_reason_string(&self) -> bool {
        self.without.reason_string
    }

    /// Whether the packet has User Properties, which are all left out.
    #[must_use]
    pub const fn lacks_user_properties(&self) -> bool {
        self.without.user_properties
    }

    /// The number of bytes, fixed header included.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.length.total()
    }

    /// Writes the packet to the beginning of `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`]; nothing has been written then.
    pub fn encode_to_slice(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        match self.is_whole() {
            true => self.packet.encode_to_slice(self.dialect, buffer),
            false => self.encode_rest(SliceWriter(buffer)),
        }
    }

    /// Appends the packet to `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`] if `buffer` cannot grow; nothing has been written then.
    #[cfg(feature = "bytes")]
    pub fn encode(&self, buffer: &mut impl bytes::BufMut) -> Result<usize, EncodeError> {
        match self.is_whole() {
            true => self.packet.encode(self.dialect, buffer),
            false => self.encode_rest(crate::data::BufMutWriter(buffer)),
        }
    }

    const fn is_whole(&self) -> bool {
        !self.without.reason_string && !self.without.user_properties
    }

    fn encode_rest(&self, out: impl Put) -> Result<usize, EncodeError> {
        packet::encode(self, self.packet.packet_type(), self.dialect, out)
    }

    fn measure(&self) -> Result<RemainingLength, EncodeError> {
        packet::measure(self, self.packet.packet_type(), self.dialect)
    }

    fn or_too_large(self, fits: bool) -> Result<Self, EncodeError> {
        if fits {
            return Ok(self);
        }
        let (kind, field) = (ErrorKind::PacketTooLarge, Field::RemainingLength);
        let refusal = Refusal::Broken(kind, field, self.length.0);
        Err(refusal.of(self.packet.packet_type(), self.dialect))
    }

    fn put_reason(&self, code: ReasonCode, properties: Properties<'_>, out: &mut impl Put) {
        let is_empty = self.without.rest_of(properties).next().is_none();
        if is_empty && code == ReasonCode::Success {
            return;
        }
        out.put_byte(code as u8);
        if !is_empty {
            self.without.put(properties, out);
        }
    }
}

/// What is left of a packet of 5.0.
impl Body for Fit<'_> {
    fn check(&self, _: packet::PacketType, _: Dialect) -> Result<(), Refusal> {
        Ok(()) // done with the whole packet
    }

    fn put(&self, _: Dialect, out: &mut impl Put) {
        match &self.packet {
            Packet::ConnAck(packet) => {
                out.put_byte(u8::from(packet.session_present));
                out.put_byte(packet.reason_code as u8);
                self.without.put(packet.properties, out);
            }
            Packet::PubAck(packet)
            | Packet::PubRec(packet)
            | Packet::PubRel(packet)
            | Packet::PubComp(packet) => {
                out.put_u16(packet.packet_id.get());
                self.put_reason(packet.reason_code, packet.properties, out);
            }
            Packet::SubAck(packet) | Packet::UnsubAck(packet) => {
                out.put_u16(packet.packet_id.get());
                self.without.put(packet.properties, out);
                let codes = packet.reason_codes.iter();
                codes.for_each(|code| out.put_byte(code as u8));
            }
            Packet::Disconnect(packet) => {
                self.put_reason(packet.reason_code, packet.properties, out);
            }
            Packet::Auth(packet) => self.put_reason(packet.reason_code, packet.properties, out),
            Packet::Connect(_)
            | Packet::Publish(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::PingResp => {} // nothing is left out of them
        }
    }
}

impl Without {
    fn rest_of<'a>(
        self,
        properties: Properties<'a>,
    ) -> impl Iterator<Item = property::Property<'a>> {
        properties
            .iter()
            .filter(move |property| match property.id() {
                PropertyId::ReasonString => !self.reason_string,
                PropertyId::UserProperty => !self.user_properties,
                _ => true,
            })
    }

    /// Writes Property Length and the properties that are left.
    fn put(self, properties: Properties<'_>, out: &mut impl Put) {
        let mut length = Counter::default();
        let rest = || self.rest_of(properties);
        rest().for_each(|property| property::put_item(&property, &mut length));
        out.put_variable_byte_integer(u32::try_from(length.0).unwrap_or(u32::MAX));
        rest().for_each(|property| property::put_item(&property, out));
    }
}
