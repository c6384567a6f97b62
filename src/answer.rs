//! The bytes to send after a CONNECT and after a bad packet.

use core::ops::Deref;

use crate::dialect::{Dialect, Sender, Version};
use crate::error::{DecodeError, ErrorKind, Reply};
use crate::packet::{ConnAck, Disconnect, Packet};
use crate::reason_code::ReasonCode;
#[cfg(feature = "bytes")]
use crate::{
    data::Utf8Str,
    error::{EncodeError, Field, Violation},
    packet::Connect,
    packet_buf::PacketBuf,
    packet_type::PacketType,
    property::{Properties, Property},
    property_id::PropertyId,
};

/// The bytes to send after a bad packet and before closing the connection: a CONNACK or a
/// DISCONNECT, or nothing. It dereferences to the bytes.
///
/// [`DecodeError::answer`] makes it.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Answer {
    bytes: [u8; LONGEST],
    len: u8,
}

/// A CONNACK of 5.0 without properties.
const LONGEST: usize = 5;

impl Answer {
    fn new(packet: Packet<'_>, dialect: Dialect) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let len = packet.encode_to_slice(dialect, &mut bytes).ok()?;
        Some(Self {
            bytes,
            len: len as u8,
        })
    }
}

impl Deref for Answer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl DecodeError {
    /// The answer to a bad packet. Send it, then close the connection. It is empty if there is nothing
    /// to send.
    ///
    /// `connack_sent` is true if the Server has sent a CONNACK with Success. Before that the answer
    /// is a CONNACK, afterwards a DISCONNECT (5.0 MQTT-3.14.0-1). A Client always answers with a
    /// DISCONNECT. Before 5.0 only a bad CONNECT can have an answer. A Reason Code that the answer
    /// cannot have becomes Protocol Error.
    ///
    /// A CONNECT of an unsupported version gets the answer of the nearest version: of 5.0 for a
    /// Protocol Level above 5, and of 3.1.1 for all others, the levels 0x83 and 0x84 of bridges
    /// among them.
    ///
    /// ```
    /// use mqtt_wire::{Dialect, Packet, Version};
    ///
    /// // PUBLISH with QoS 3
    /// let error = Packet::decode(b"\x36\x00", Dialect::from_client(Version::V5)).unwrap_err();
    /// assert_eq!(*error.answer(true), *b"\xe0\x01\x81"); // DISCONNECT, Malformed Packet
    /// assert_eq!(*error.answer(false), *b"\x20\x03\x00\x81\x00"); // CONNACK
    ///
    /// let error = Packet::decode(b"\x36\x00", Dialect::from_client(Version::V3_1_1)).unwrap_err();
    /// assert!(error.answer(true).is_empty());
    /// ```
    #[must_use]
    pub fn answer(&self, connack_sent: bool) -> Answer {
        let (Reply::ConnAck(code) | Reply::Disconnect(code)) = self.reply() else {
            return Answer::default();
        };
        let dialect = match self.violation().sender() {
            Sender::Client => Dialect::from_server(self.version_to_answer_in()),
            Sender::Server => Dialect::from_client(self.version_to_answer_in()),
        };
        let answer = |code| {
            let packet = if dialect.sender() == Sender::Server && !connack_sent {
                ConnAck::new(code).into()
            } else {
                Disconnect::new(code).into()
            };
            Answer::new(packet, dialect)
        };
        answer(code)
            .or_else(|| answer(ReasonCode::ProtocolError))
            .unwrap_or_default()
    }

    /// The version of the error, or the nearest one to an unsupported Protocol Level.
    fn version_to_answer_in(&self) -> Version {
        self.version().unwrap_or(match (self.kind(), self.value()) {
            (ErrorKind::UnsupportedProtocolLevel, 6..=0x7f | 0x85..) => Version::V5,
            _ => Version::V3_1_1,
        })
    }
}

#[cfg(feature = "bytes")]
impl Connect<'_> {
    /// The CONNACK of a Server that accepts the connection and has no Session of the Client: Success,
    /// and Session Present 0.
    ///
    /// `assigned_id` is the Client Identifier that the Server chose for a client that sent none. A
    /// CONNACK of 5.0 then carries it (MQTT-3.2.2-16); all others leave it out. Each connection needs
    /// its own (MQTT-3.1.3-6).
    ///
    /// ```
    /// use mqtt_wire::Connect;
    ///
    /// let connect = Connect::decode(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01p")?;
    /// assert_eq!(connect.accept("client-1")?.as_ref(), b"\x20\x03\x00\x00\x00");
    ///
    /// let connect = Connect::decode(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")?;
    /// let connack = connect.accept("client-1")?;
    /// assert_eq!(connack.as_ref(), b"\x20\x0e\x00\x00\x0b\x12\x00\x08client-1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The CONNACK needs `assigned_id`, and it is longer than 65,535 bytes or contains U+0000.
    pub fn accept(&self, assigned_id: &str) -> Result<PacketBuf, EncodeError> {
        let dialect = Dialect::from_server(self.version);
        let assigned;
        let mut connack = ConnAck::new(ReasonCode::Success);
        if self.version == Version::V5 && self.client_id.is_empty() {
            let id = Utf8Str::new(assigned_id).map_err(|kind| {
                let field = Field::Property(PropertyId::AssignedClientIdentifier);
                Violation::new(kind, field, PacketType::ConnAck, dialect)
            });
            assigned = [Property::AssignedClientIdentifier(
                id.map_err(EncodeError::Violation)?,
            )];
            connack.properties = Properties::new(&assigned);
        }
        PacketBuf::encode(&connack.into(), dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Connect;

    fn answers(bytes: &[u8], dialect: Dialect) -> [std::vec::Vec<u8>; 2] {
        let error = Packet::decode(bytes, dialect).unwrap_err();
        [false, true].map(|sent| error.answer(sent).to_vec())
    }

    #[test]
    fn a_bad_connect_gets_a_connack_and_a_second_one_a_disconnect() {
        let bad = b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00"; // Will QoS without a Will
        assert_eq!(
            answers(bad, Dialect::from_client(Version::V5)),
            [&b"\x20\x03\x00\x81\x00"[..], b"\xe0\x01\x81"]
        );
        let bad = b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00"; // no Client Identifier, no Clean Session
        assert_eq!(
            answers(bad, Dialect::from_client(Version::V3_1_1)),
            [&b"\x20\x02\x00\x02"[..], b""]
        );
    }

    #[test]
    fn a_code_that_the_answer_cannot_have_becomes_protocol_error() {
        // Topic Alias 0: Topic Alias invalid is a code of DISCONNECT only
        let bad = b"\x30\x07\x00\x01t\x03\x23\x00\x00";
        assert_eq!(
            answers(bad, Dialect::from_client(Version::V5)),
            [&b"\x20\x03\x00\x82\x00"[..], b"\xe0\x01\x94"]
        );
    }

    #[test]
    fn a_client_answers_with_disconnect_at_any_time() {
        assert_eq!(
            answers(b"\x36\x00", Dialect::from_server(Version::V5)),
            [b"\xe0\x01\x81"; 2]
        );
        let answers = answers(b"\x36\x00", Dialect::from_server(Version::V3_1_1));
        assert_eq!(answers, [b""; 2]);
    }

    #[test]
    fn an_unsupported_version_gets_the_answer_of_the_nearest() {
        for (level, answer) in [
            (0, &b"\x20\x02\x00\x01"[..]),
            (2, b"\x20\x02\x00\x01"),
            (6, b"\x20\x03\x00\x84\x00"),
            (0x83, b"\x20\x02\x00\x01"),
            (0x84, b"\x20\x02\x00\x01"),
            (0x85, b"\x20\x03\x00\x84\x00"),
        ] {
            let mut bytes = *b"\x10\x0c\x00\x04MQTT\x00\x02\x00\x3c\x00\x00";
            bytes[8] = level;
            let error = Connect::decode(&bytes).unwrap_err();
            assert_eq!(*error.answer(false), *answer, "level {level}");
        }
    }

    #[test]
    fn a_first_packet_that_is_no_connect_gets_no_answer() {
        let error = Connect::decode(b"\xc0\x00").unwrap_err();
        assert!(error.answer(false).is_empty());
    }

    #[cfg(feature = "bytes")]
    #[test]
    fn only_a_connack_of_5_0_to_an_empty_client_identifier_assigns_one() {
        let accept = |version, id, assigned: &str| {
            let connack = Connect::new(version, Utf8Str::new(id).unwrap()).accept(assigned);
            connack.map(|connack| connack.bytes().to_vec())
        };
        let v5 = Version::V5;
        assert_eq!(
            accept(v5, "", "a").unwrap(),
            b"\x20\x07\x00\x00\x04\x12\x00\x01a"
        );
        assert_eq!(accept(v5, "p", "a").unwrap(), b"\x20\x03\x00\x00\x00");
        assert_eq!(accept(v5, "p", "\0").unwrap(), b"\x20\x03\x00\x00\x00");
        let v3_1_1 = accept(Version::V3_1_1, "", "a").unwrap();
        assert_eq!(v3_1_1, b"\x20\x02\x00\x00");

        let too_long = "a".repeat(65_536);
        for (assigned, kind) in [
            ("\0", ErrorKind::NullCharacter),
            (too_long.as_str(), ErrorKind::FieldTooLong),
        ] {
            let Err(EncodeError::Violation(violation)) = accept(v5, "", assigned) else {
                panic!("no violation");
            };
            assert_eq!(violation.kind(), kind);
        }
        assert!(accept(v5, "", &too_long[1..]).is_ok());
    }
}
