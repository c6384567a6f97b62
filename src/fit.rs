//! Packets shortened to the Maximum Packet Size of the receiver.

use crate::dialect::Dialect;
use crate::error::EncodeError;
use crate::list::Hidden;
use crate::packet::{Packet, RemainingLength};
use crate::property::Properties;

impl Packet<'_> {
    /// Shortens the packet to at most `max_len` bytes, if needed: first without its Reason String,
    /// then also without its User Properties. Copies nothing.
    ///
    /// `max_len` is the receiver's Maximum Packet Size. If the packet exceeds it, the sender must
    /// omit these properties from CONNACK (5.0 MQTT-3.2.2-19 and -20), PUBACK (3.4.2-2, -3),
    /// PUBREC (3.5.2-2, -3), PUBREL (3.6.2-2, -3), PUBCOMP (3.7.2-2, -3), SUBACK (3.9.2-1, -2),
    /// UNSUBACK (3.11.2-1, -2), DISCONNECT (3.14.2-3, -4) and AUTH (3.15.2-2, -3). Other packets
    /// are returned unchanged; the User Properties of a message must not be dropped (3.3.2-17).
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
    /// let dialect = Dialect::from_server(Version::V5);
    /// let shorter = packet.fit(dialect, 32)?;
    /// assert_eq!(shorter.properties().iter().count(), 1); // the Reason String is left out
    /// let mut buffer = [0; 32];
    /// let length = shorter.encode_to_slice(dialect, &mut buffer)?;
    /// assert_eq!(&buffer[..length], b"\x40\x0e\x00\x01\x97\x0a\x26\x00\x04node\x00\x017");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError`] as for [`encoded_len`](Self::encoded_len), and [`EncodeError::TooLarge`] if the
    /// shortest form is larger than `max_len`: the packet must not be sent.
    pub fn fit(&self, dialect: Dialect, max_len: u32) -> Result<Self, EncodeError> {
        let dialect = dialect.plain();
        let mut packet = *self;
        let mut length = packet.remaining_length(dialect)?;
        let check = |length: RemainingLength| check_len(length.packet_len(), max_len, dialect);
        for group in [Hidden::REASON_STRING, Hidden::USER_PROPERTIES] {
            if check(length).is_ok() {
                break;
            }
            let Some(properties) = optional_properties(&mut packet) else {
                break;
            };
            *properties = properties.hiding(group);
            length = packet.remaining_length(dialect)?;
        }
        check(length)?;
        Ok(packet)
    }

    /// Appends the packet to `buffer`, shortened as [`fit`](Self::fit) does, and returns its length.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit) and [`encode`](Self::encode). After an error, `buffer` is unchanged.
    #[cfg(feature = "bytes")]
    pub fn encode_within(
        &self,
        dialect: Dialect,
        max_len: u32,
        buffer: &mut impl bytes::BufMut,
    ) -> Result<usize, EncodeError> {
        self.fit(dialect, max_len)?.encode(dialect, buffer)
    }

    /// The packet without Reason String and User Properties. Copies nothing.
    ///
    /// A Server sends PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK and AUTH in this form if the
    /// Client sent Request Problem Information 0. CONNACK, DISCONNECT and PUBLISH may have both
    /// properties nevertheless, and are returned unchanged (5.0 MQTT-3.1.2-29). The rule does not
    /// apply to a Client.
    #[must_use]
    pub fn without_problem_information(&self) -> Self {
        let mut packet = *self;
        match (self, optional_properties(&mut packet)) {
            (Self::ConnAck(_) | Self::Disconnect(_), _) | (_, None) => {}
            (_, Some(properties)) => {
                let both = Hidden::REASON_STRING.with(Hidden::USER_PROPERTIES);
                *properties = properties.hiding(both);
            }
        }
        packet
    }
}

/// Checks the length of a whole packet against the Maximum Packet Size of the receiver.
pub(crate) fn check_len(len: usize, max: u32, dialect: Dialect) -> Result<(), EncodeError> {
    let needed = u32::try_from(len).unwrap_or(u32::MAX);
    if needed <= max {
        return Ok(());
    }
    Err(EncodeError::TooLarge {
        needed,
        max,
        dialect,
    })
}

/// The properties of a packet, if some of them may be omitted.
fn optional_properties<'p, 'a>(packet: &'p mut Packet<'a>) -> Option<&'p mut Properties<'a>> {
    Some(match packet {
        Packet::ConnAck(packet) => &mut packet.properties,
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => &mut packet.properties,
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => &mut packet.properties,
        Packet::Disconnect(packet) => &mut packet.properties,
        Packet::Auth(packet) => &mut packet.properties,
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::PingReq
        | Packet::PingResp => return None,
    })
}
