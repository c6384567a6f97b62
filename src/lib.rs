//! A strict, zero-copy codec for MQTT 3.1, 3.1.1 and 5.0: bytes to Control Packets and back.
//!
//! ```
//! use mqtt_wire::{ConnAck, Dialect, FrameDecoder, Limits, NextFrame, Packet, ReasonCode, Version};
//!
//! // a server reads the first bytes of a connection
//! let mut decoder = FrameDecoder::accept(Limits::default());
//! decoder.extend(b"\x10\x1a\x00\x04MQTT\x05\x26\x00\x3c\x00\x00\x01p\x00\x00\x04test\x00\x03die");
//! let NextFrame::Frame(frame) = decoder.next_frame()? else { unreachable!() };
//! let dialect = decoder.dialect().unwrap();
//! assert_eq!(dialect, Dialect::from_client(Version::V5));
//!
//! // the Will is the message to publish if the client vanishes
//! let Packet::Connect(connect) = frame.decode(dialect)? else { unreachable!() };
//! let will = connect.will.unwrap();
//! assert_eq!((will.topic.as_str(), will.payload.as_bytes()), ("test", &b"die"[..]));
//! assert!(will.retain);
//!
//! // the server accepts the connection
//! let mut output = Vec::new();
//! let connack = Packet::from(ConnAck::new(ReasonCode::Success));
//! connack.encode(dialect.reply(), &mut output)?;
//! assert_eq!(output, b"\x20\x03\x00\x00\x00");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | you have | start with |
//! |---|---|
//! | a tokio socket | [`Codec`], or [`LendingReader`] for reading alone |
//! | a WebSocket | the guide's page [`guide::websocket`] |
//! | a blocking socket, or any `std::io::Read` | [`FrameDecoder::read_packet`] and [`Packet::write_to`] |
//! | an `embedded-io-async` transport | [`PacketReader`] and [`PacketWriter`] |
//! | bytes that arrive in pieces | [`FrameDecoder`] |
//! | bytes in a slice | [`FrameRef::split`], or [`Packet::decode`] for exactly one packet |
//! | a buffer to encode into | [`Packet::encode`] or [`Packet::encode_to_slice`] |
//!
//! The [`guide`] shows how the parts go together:
//!
#![doc = include_str!("guide/index.md")]
//!
//! # The parts
//!
//! * [`Dialect`] is the version and the side that sends. Framing, decoding and encoding need it;
//!   one set of packet types serves all versions.
//! * [`FrameRef::split`] and [`FrameDecoder`] find where a packet ends. They return
//!   [`NextFrame::NeedMore`] for an incomplete packet; decoding a frame never asks for more.
//! * [`Packet`] borrows everything from the bytes. Decoding neither allocates nor copies.
//!   Its lists ([`Properties`], [`Subscriptions`], ...) read from the packet's bytes after
//!   decoding, or from a slice that you pass for encoding.
//! * [`PacketBuf`], [`TopicNameBuf`], [`TopicFilterBuf`] and [`PropertiesBuf`] own their bytes, were
//!   checked once, and lend the borrowed types.
//! * [`stream`] decodes and encodes a PUBLISH without buffering its payload.
//! * [`fanout`] forwards a message, to one receiver or to many.
//! * [`Packet::fit`] returns a packet shortened to the receiver's Maximum Packet Size.
//! * [`Waivers`] switch off single rules, [`OptionalRules`] add some; there are none by default.
//! * [`monitor::Monitor`] checks a whole conversation.
//! * [`will::WillTerms`] decides whether and when a Will is published; [`TopicFilter::matches`] decides
//!   whether a subscriber gets a message.
//! * [`DecodeError`] holds the byte at fault, the [`Statement`] of the standard that it breaks, and
//!   the [`Answer`] to send.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | [`FrameDecoder::read_packet`], [`Packet::write_to`], `std::io::Error` from every error, `std` support in the dependencies |
//! | `alloc` | with `std` or `bytes` | [`TopicNameBuf`], [`TopicFilterBuf`], [`PropertiesBuf`]; `Monitor::new`, which allocates as needed |
//! | `bytes` | yes | [`Frame`], [`FrameDecoder`], [`PacketBuf`] and [`Packet::encode`], based on [`bytes`] |
//! | `serde` | no | `Serialize` for packets and their parts, `Deserialize` for plain values such as [`QoS`] and [`ReasonCode`] |
//! | `tokio` | no | [`Codec`] for `tokio_util::codec`, [`LendingReader`] over `tokio::io::AsyncRead` |
//! | `embedded-io-async` | no | [`PacketReader`] and [`PacketWriter`], without an allocator |
//! | `defmt` | no | `defmt::Format` for packets and their parts, errors and breaches |
//!
//! Without `alloc` the crate needs no allocator: decode from `&[u8]` with [`FrameRef::split`], and
//! encode into `&mut [u8]` with [`Packet::encode_to_slice`].
//!
//! Owned packets, JSON, and generators of packets for fuzzers and property tests are in the crate
//! `mqtt-wire-testkit`.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(all(doctest, feature = "bytes"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod answer;
mod conversions;
mod data;
mod decode;
mod dialect;
#[cfg(feature = "embedded-io-async")]
mod embedded_io;
mod error;
pub mod fanout;
mod fit;
mod fixed_header;
mod frame;
pub mod guide;
mod lenient;
pub mod list;
pub mod monitor;
#[cfg(feature = "tokio")]
mod outgoing;
mod packet;
#[cfg(feature = "bytes")]
mod packet_buf;
mod packet_type;
mod property;
mod property_id;
mod protocol;
mod reason_code;
mod rules;
#[cfg(feature = "serde")]
mod serde_impls;
mod statement;
#[cfg(all(feature = "std", feature = "bytes"))]
mod std_io;
pub mod stream;
#[cfg(feature = "tokio")]
mod tokio;
mod topic;
#[cfg(any(all(feature = "std", feature = "bytes"), feature = "embedded-io-async"))]
mod transport;
pub mod will;
mod wire;

pub use self::answer::Answer;
pub use self::data::{BinaryData, InvalidQoS, PacketId, QoS, SubscriptionId, Utf8Str};
pub use self::dialect::{Dialect, Sender, Version};
#[cfg(feature = "embedded-io-async")]
pub use self::embedded_io::{PacketReader, PacketWriter};
pub use self::error::{DecodeError, EncodeError, ErrorKind, Field, Reply, Violation};
#[cfg(feature = "bytes")]
pub use self::frame::{Frame, FrameDecoder, Limits};
pub use self::frame::{FrameRef, NextFrame};
pub use self::list::List;
#[cfg(feature = "tokio")]
pub use self::outgoing::Outgoing;
pub use self::packet::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, Publish, ReasonCodes,
    RetainHandling, SubAck, Subscribe, Subscription, SubscriptionOptions, Subscriptions,
    TopicFilters, Unsubscribe, Will,
};
#[cfg(feature = "bytes")]
pub use self::packet_buf::PacketBuf;
pub use self::packet_type::{Carrier, PacketType};
#[cfg(feature = "alloc")]
pub use self::property::PropertiesBuf;
pub use self::property::{Properties, Property};
pub use self::property_id::PropertyId;
pub use self::reason_code::{ReasonCode, ReturnCode, UnknownReasonCode};
pub use self::rules::{OptionalRules, Waivers};
pub use self::statement::Statement;
#[cfg(feature = "tokio")]
pub use self::tokio::{Codec, LendingReader};
pub use self::topic::{SharedSubscription, TopicFilter, TopicName};
#[cfg(feature = "alloc")]
pub use self::topic::{TopicFilterBuf, TopicNameBuf};
#[cfg(any(all(feature = "std", feature = "bytes"), feature = "embedded-io-async"))]
pub use self::transport::TransportError;
