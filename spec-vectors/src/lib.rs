//! Packets and conversations of MQTT 3.1, 3.1.1 and 5.0 that every codec should accept or refuse:
//! test data for any codec, in any style.
//!
//! ```
//! use mqtt_wire_vectors::{Expected, Side, Version, packets};
//!
//! let name = "auth/invalid/authentication-method-missing-v5.0.json";
//! let refused = packets().into_iter().find(|packet| packet.name == name).unwrap();
//! assert_eq!((refused.version, refused.sender), (Version::V5, Side::Client));
//! assert_eq!(refused.wire(), [0xf0, 0x02, 0x18, 0x00]);
//! let Expected::Refuse { error, .. } = refused.expected else { unreachable!() };
//! assert_eq!(error.reason_code, Some(0x82));
//! ```
//!
//! [`harness`] runs all of them against a codec, as a test program that `cargo test` starts.
//!
//! The vectors are read from JSON when a function of this crate is called. The crate does not
//! depend on a codec.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod connect_flags;
mod file;
#[cfg(feature = "harness")]
pub mod harness;
mod statements;

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

pub use self::connect_flags::{ConnectFlags, connect_flags};
pub use self::statements::{Statement, statements};

/// A packet, and the verdict that every codec should reach.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Packet {
    /// `<packet>/<valid or invalid>/<name>.json`.
    pub name: &'static str,
    /// What is special about the packet, in a sentence.
    pub comment: String,
    /// The version of the connection.
    pub version: Version,
    /// The side that sends the packet.
    pub sender: Side,
    /// The statements of the standard that an invalid packet breaks, the most exact one first, or
    /// that a valid packet keeps and its invalid neighbour breaks: `v5.0 MQTT-3.1.2-11`.
    pub statements: Vec<String>,
    /// The bytes, field by field. Bytes that do not belong to the packet may follow an invalid one.
    pub fields: Vec<Field>,
    /// The verdict that every codec should reach.
    pub expected: Expected,
}

impl Packet {
    /// The bytes that a peer sends.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        join(&self.fields)
    }

    /// Whether every codec should accept the packet.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        matches!(self.expected, Expected::Accept { .. })
    }
}

/// The verdict on a packet.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// The packet is valid.
    Accept {
        /// The decoded packet. The README describes its form.
        packet: Value,
        /// Whether encoding `packet` in as few bytes as possible gives the same bytes.
        canonical: bool,
    },
    /// The packet is invalid. A codec refuses it without waiting for more bytes.
    Refuse {
        /// The error that `mqtt-wire` reports. Another codec does not have to agree.
        error: Error,
        /// The waiver with which `mqtt-wire` accepts the packet, for devices that are known to send
        /// it.
        waiver: Option<String>,
        /// The name of the closest packet that is accepted.
        neighbour: String,
    },
}

/// The error in an invalid packet, as `mqtt-wire` reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// The name of the kind of error.
    pub kind: String,
    /// The offset of the wrong byte in the packet.
    pub offset: usize,
    /// The field that contains this byte.
    pub field: String,
    /// The code to reply with: the Reason Code in 5.0, and the CONNACK return code in 3.1 and
    /// 3.1.1. `None` if the receiver closes the connection without a reply.
    pub reason_code: Option<u8>,
}

/// The packets of one connection. Each of them is valid by itself, unless `waivers` has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conversation {
    /// `conversations/<valid or invalid>/<name>.json`.
    pub name: &'static str,
    /// What is special about the conversation, in a sentence.
    pub comment: String,
    /// The version of the connection.
    pub version: Version,
    /// Valid conversations: the statements that an invalid neighbour breaks.
    pub statements: Vec<String>,
    /// The waivers of `mqtt-wire` that are necessary to accept all packets. Most conversations need
    /// none.
    pub waivers: Vec<String>,
    /// The packets, in the order of their arrival.
    pub packets: Vec<Sent>,
    /// The broken rules, in the order of their packets; empty in a valid conversation.
    pub breaches: Vec<Breach>,
    /// Invalid conversations: the name of the closest conversation that breaks no rule.
    pub neighbour: Option<String>,
}

/// A packet of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The side that sends the packet.
    pub sender: Side,
    /// The time since any fixed moment, if a rule is about time.
    pub milliseconds: Option<u64>,
    /// The bytes, field by field.
    pub fields: Vec<Field>,
}

impl Sent {
    /// The bytes that a peer sends.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        join(&self.fields)
    }
}

/// A rule that a conversation breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breach {
    /// The index in `packets`, from 0, of the packet that shows the breach.
    pub packet: usize,
    /// The name that `mqtt-wire` has for the kind of breach.
    pub kind: String,
    /// The side that is at fault.
    pub side: Side,
    /// The broken statements, the most exact one first.
    pub statements: Vec<String>,
    /// The Reason Code with which the other side replies in 5.0, if there is one.
    pub reason_code: Option<u8>,
}

/// A field of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its name and value.
    pub label: String,
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Version {
    /// MQTT 3.1.
    #[serde(rename = "3.1")]
    V3_1,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V3_1_1,
    /// MQTT 5.0.
    #[serde(rename = "5.0")]
    V5,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// A side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The Client, which opens the connection.
    Client,
    /// The Server, or broker.
    Server,
}

/// All vectors of one packet, ordered by name.
#[must_use]
pub fn packets() -> Vec<Packet> {
    let of_packets = file::ALL.iter().filter(|(name, _)| !is_conversation(name));
    of_packets
        .map(|(name, text)| file::packet(name, text))
        .collect()
}

/// All conversations, ordered by name.
#[must_use]
pub fn conversations() -> Vec<Conversation> {
    let of_conversations = file::ALL.iter().filter(|(name, _)| is_conversation(name));
    of_conversations
        .map(|(name, text)| file::conversation(name, text))
        .collect()
}

fn is_conversation(name: &str) -> bool {
    name.starts_with("conversations/")
}

fn join(fields: &[Field]) -> Vec<u8> {
    fields.iter().flat_map(|it| &it.bytes).copied().collect()
}
