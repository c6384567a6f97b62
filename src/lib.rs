//! Strict, zero-copy MQTT 3.1, 3.1.1 and 5.0: bytes to Control Packets and Control Packets to
//! bytes.
//!
//! ```
//! use mqtt_wire::{
//!     ConnAck, Dialect, FrameDecoder, Framed, Limits, Packet, ReasonCode, Version,
//! };
//!
//! // a server reads the first bytes of a connection
//! let mut decoder = FrameDecoder::accept(Limits::default());
//! decoder.extend(b"\x10\x1a\x00\x04MQTT\x05\x26\x00\x3c\x00\x00\x01p\x00\x00\x04test\x00\x03die");
//! let Framed::Frame(frame) = decoder.next_frame()? else { unreachable!() };
//! let dialect = decoder.dialect().unwrap();
//! assert_eq!(dialect, Dialect::from_client(Version::V5));
//!
//! // CONNECT names the message to publish if the client vanishes
//! let Packet::Connect(connect) = frame.decode(dialect)? else { unreachable!() };
//! let will = connect.will.unwrap();
//! assert_eq!((will.topic.as_str(), will.payload.as_bytes()), ("test", &b"die"[..]));
//! assert!(will.retain);
//!
//! // the server answers
//! let mut answer = Vec::new();
//! let connack = Packet::from(ConnAck::new(ReasonCode::Success));
//! connack.encode(dialect.reply(), &mut answer)?;
//! assert_eq!(answer, b"\x20\x03\x00\x00\x00");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The [`guide`] shows how a server, a client, a gateway and a device without an allocator use it,
//! how to come from other crates, and why things are as they are.
//!
//! # The parts
//!
//! * [`Dialect`] says which version is spoken and which side sends. It is an argument of decode
//!   and encode; one set of packet types serves all versions.
//! * [`FrameRef::split`] and [`FrameDecoder`] find where a packet ends. They may answer
//!   [`Framed::NeedMore`]; decoding a frame never does.
//! * [`Packet`] borrows everything from the bytes. Decoding does not allocate and does not copy.
//!   Its lists ([`Properties`], [`Subscriptions`], ...) read from the packet's bytes after
//!   decoding, or from a slice that you lend for encoding.
//! * [`stream`] decodes and encodes a PUBLISH without its payload, which goes by in chunks.
//! * [`forward`] sends a message on, to one receiver or to many.
//! * [`Packet::fit`] makes answers that fit into a Maximum Packet Size.
//! * [`Waivers`] let single rules pass, [`OptionalRules`] add some; none by default.
//! * [`monitor::Monitor`] watches a whole conversation.
//! * [`WillTerms`] decides what becomes of a Will, [`TopicFilter::matches`] who gets a message.
//! * [`DecodeError`] says which byte broke which [`Statement`] of which version, and what to
//!   answer.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | `std` in the dependencies |
//! | `alloc` | with `std` or `bytes` | `Monitor::new`, which takes the memory it needs |
//! | `bytes` | yes | [`Frame`], [`FrameDecoder`] and [`Packet::encode`] over [`bytes`] |
//! | `serde` | no | `Serialize` for packets and everything in them, `Deserialize` for plain values: [`QoS`], [`ReasonCode`], ... |
//! | `tokio` | no | [`Codec`] for `tokio_util::codec` |
//! | `embedded-io-async` | no | [`PacketReader`] and [`PacketWriter`], without an allocator |
//! | `defmt` | no | `defmt::Format` for packets, all that is in them, errors and breaches |
//!
//! Without `bytes` the crate needs no allocator: decode from `&[u8]` with [`FrameRef::split`], and
//! encode into `&mut [u8]` with [`Packet::encode_to_slice`].
//!
//! The crate `mqtt-wire-testkit` makes packets and conversations to test with, for proptest and
//! for fuzzers, and has owned packets that can be read from JSON.

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
mod list;
pub mod monitor;
mod packet;
mod packet_type;
mod property;
mod property_id;
mod protocol;
mod reason_code;
mod rules;
#[cfg(feature = "serde")]
mod serde_impls;
mod statement;
pub mod stream;
#[cfg(feature = "tokio")]
mod tokio;
mod topic;
#[cfg(any(feature = "tokio", feature = "embedded-io-async"))]
mod transport;
mod will_fate;
mod wire;

pub use self::data::{BinaryData, InvalidQoS, PacketId, QoS, SubscriptionId, Utf8Str};
pub use self::dialect::{Dialect, Sender, Version};
#[cfg(feature = "embedded-io-async")]
pub use self::embedded_io::{PacketReader, PacketWriter};
pub use self::error::{DecodeError, EncodeError, ErrorKind, Field, Reply, Violation};
#[cfg(feature = "bytes")]
pub use self::frame::{Frame, FrameDecoder, Limits};
pub use self::frame::{FrameRef, Framed};
pub use self::list::{Item, Iter, List};
pub use self::packet::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, Publish, ReasonCodes,
    RetainHandling, SubAck, Subscribe, Subscription, SubscriptionOptions, Subscriptions,
    TopicFilters, Unsubscribe, Will,
};
pub use self::packet_type::PacketType;
pub use self::property::{Properties, Property};
pub use self::property_id::PropertyId;
pub use self::reason_code::{ReasonCode, ReturnCode, UnknownReasonCode};
pub use self::rules::{OptionalRules, Waivers};
pub use self::statement::Statement;
#[cfg(feature = "tokio")]
pub use self::tokio::Codec;
pub use self::topic::{SharedSubscription, TopicFilter, TopicName};
#[cfg(any(feature = "tokio", feature = "embedded-io-async"))]
pub use self::transport::TransportError;
pub use self::will_fate::{Ending, WillFate, WillTerms};
