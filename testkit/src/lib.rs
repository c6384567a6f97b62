//! Test data for MQTT 3.1, 3.1.1 and 5.0: valid and nearly valid packets and conversations, for
//! brokers, clients and parsers, made with [`mqtt_wire`].
//!
//! From a strategy of [`proptest`] to a borrowed packet, and to bytes:
//!
//! ```
//! # #[cfg(feature = "proptest")] {
//! # use mqtt_wire::{Dialect, Version};
//! # use mqtt_wire_testkit::strategies;
//! # use proptest::prelude::*;
//! let dialect = Dialect::from_client(Version::V5);
//! proptest!(|(packet in strategies::packet(dialect))| {
//!     let bytes = packet.encode(dialect).unwrap();
//!     let decoded = mqtt_wire::Packet::decode(&bytes, dialect).unwrap();
//!     packet.lend(dialect, |borrowed| assert_eq!(borrowed, decoded)).unwrap();
//! });
//! # }
//! ```
//!
//! The same from the bytes of a fuzzer, with [`arbitrary`](mod@::arbitrary):
//!
//! ```
//! # #[cfg(feature = "arbitrary")] {
//! # use arbitrary::{Arbitrary, Unstructured};
//! # use mqtt_wire_testkit::Valid;
//! let mut input = Unstructured::new(b"bytes from a fuzzer");
//! let Valid(dialect, packet) = Valid::arbitrary(&mut input).unwrap();
//! let bytes = packet.encode(dialect).unwrap();
//! let decoded = mqtt_wire::Packet::decode(&bytes, dialect).unwrap();
//! packet.lend(dialect, |borrowed| assert_eq!(borrowed, decoded)).unwrap();
//! # }
//! ```
//!
//! A [`Conversation`] has the packets of both sides of a connection. The
//! [`Monitor`](mqtt_wire::monitor::Monitor) watches it:
//!
//! ```
//! # #[cfg(feature = "proptest")] {
//! # use mqtt_wire::monitor::Monitor;
//! # use mqtt_wire::{Dialect, Packet, Version};
//! # use mqtt_wire_testkit::strategies;
//! # use proptest::prelude::*;
//! proptest!(|(conversation in strategies::conversation(Version::V5))| {
//!     let mut monitor = Monitor::new();
//!     for (sender, bytes) in conversation.encode().unwrap() {
//!         let dialect = Dialect::new(conversation.version, sender);
//!         let packet = Packet::decode(&bytes, dialect).unwrap();
//!         monitor.observe(dialect, &packet, bytes.len(), |breach| panic!("{breach}"));
//!     }
//! });
//! # }
//! ```
//!
//! All generators prefer boundaries: empty, longest, and lengths that need one more byte.
//!
//! # Owned packets
//!
//! A [`mqtt_wire::Packet`] borrows its bytes. A test case, a find of a fuzzer and a line of JSON
//! need a packet that owns them: [`Packet`] is the same tree with [`String`] for text, `Vec<u8>`
//! for data and [`Vec`] for lists. Text may be anything here, even text that no packet can hold;
//! [`encode`](Packet::encode) checks it. It copies everything more than once, so a server should
//! not use it.
//!
//! ```
//! use mqtt_wire::{Delivery, Dialect, Version};
//! use mqtt_wire_testkit::{Packet, Publish};
//!
//! let publish = Publish {
//!     delivery: Delivery::AtMostOnce,
//!     retain: false,
//!     topic_name: Some("a/+".into()),
//!     properties: vec![],
//!     payload: b"hello".to_vec(),
//! };
//! let dialect = Dialect::from_client(Version::V3_1_1);
//! let error = Packet::Publish(publish).encode(dialect).unwrap_err();
//! assert_eq!(error.statement().unwrap().id(), "MQTT-3.3.2-2");
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `proptest` | yes | [`strategies`], whose values shrink |
//! | `arbitrary` | yes | [`Valid`], [`NearlyValid`], [`ValidConversation`], [`NearlyValidConversation`] |
//! | `serde` | no | `Serialize` and `Deserialize` for packets and everything in them |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "arbitrary", feature = "proptest")),
    allow(rustdoc::broken_intra_doc_links)
)]
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

#[cfg(all(doctest, feature = "proptest"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod conversation;
#[cfg(any(feature = "arbitrary", feature = "proptest"))]
mod generate;
#[cfg(feature = "serde")]
mod json;
mod packet;
mod property;
#[cfg(feature = "proptest")]
pub mod strategies;

#[cfg(feature = "arbitrary")]
pub use self::arbitrary::{NearlyValid, NearlyValidConversation, Valid, ValidConversation};
pub use self::conversation::Conversation;
pub use self::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Publish, SubAck, Subscribe, Subscription,
    Unsubscribe, Will,
};
pub use self::property::Property;
