//! How to put the parts together, and the reasons for the design.
//!
#![doc = include_str!("guide/index.md")]
//!
//! The programs in `examples/` are tested, and short enough to copy from:
//!
//! | program | shows |
//! |---|---|
//! | `server.rs` | a blocking server on one page |
//! | `client.rs` | a client on tokio |
//! | `two_tasks.rs` | one task that reads a connection, and one that writes it |
//! | `broker/` | a broker on tokio, with Sessions, Wills, limits, TLS and WebSocket |
//! | `gateway.rs` | one message for subscribers of all versions, without a copy of the payload |
//! | `websocket/` | a server and a client over WebSocket |
//! | `slices.rs` | a device without an allocator |
//! | `embassy/` | a device on `embassy-net` |
//! | `property_test.rs` | a property test of a function of yours, with `mqtt-wire-testkit` |
//!
//! The page of each packet type shows its bytes on the wire: [`Connect`], [`ConnAck`], [`Publish`],
//! [`Ack`], [`Subscribe`], [`SubAck`], [`Unsubscribe`], [`Disconnect`], [`Auth`], and
//! [`Packet::PingReq`].
//!
//! [`Connect`]: crate::Connect
//! [`ConnAck`]: crate::ConnAck
//! [`Publish`]: crate::Publish
//! [`Ack`]: crate::Ack
//! [`Subscribe`]: crate::Subscribe
//! [`SubAck`]: crate::SubAck
//! [`Unsubscribe`]: crate::Unsubscribe
//! [`Disconnect`]: crate::Disconnect
//! [`Auth`]: crate::Auth
//! [`Packet::PingReq`]: crate::Packet::PingReq

#[doc = include_str!("guide/server.md")]
pub mod server {}

#[doc = include_str!("guide/client.md")]
pub mod client {}

#[doc(alias = "WebSocket")]
#[doc = include_str!("guide/websocket.md")]
pub mod websocket {}

#[doc = include_str!("guide/embedded.md")]
pub mod embedded {}

#[doc = include_str!("guide/gateway.md")]
pub mod gateway {}

#[doc = include_str!("guide/migrating.md")]
pub mod migrating {}

#[doc = include_str!("guide/rumqttc.md")]
pub mod rumqttc {}

#[doc = include_str!("guide/comparison.md")]
pub mod comparison {}

#[doc = include_str!("guide/bugs.md")]
pub mod bugs {}

#[doc = include_str!("guide/decisions.md")]
pub mod decisions {}
