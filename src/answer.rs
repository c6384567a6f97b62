//! The bytes to send after a bad packet.

use core::ops::Deref;

use crate::dialect::{Dialect, Sender, Version};
use crate::error::{DecodeError, ErrorKind, Reply};
use crate::packet::{ConnAck, Disconnect, Packet};
use crate::reason_code::ReasonCode;

/// The bytes to send after a bad packet and before closing the connection: a CONNACK or a
/// DISCONNECT, or nothing. It dereferences to the bytes.
///
/// [`DecodeError::answer`] makes it.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
}
