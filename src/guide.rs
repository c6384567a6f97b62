//! How to put the parts together, and the reasons for the design.
//!
//! | page | for |
//! |---|---|
//! | [`server`] | a broker: all versions of CONNECT, answers to bad packets, tokio, the Will |
//! | [`client`] | a client: building packets, limits, Packet Identifiers, keep alive |
//! | [`websocket`] | MQTT over WebSocket: subprotocol, message boundaries, text, fan-out |
//! | [`embedded`] | a device without an allocator: slices in, slices out |
//! | [`gateway`] | a program between two peers: translation, fan-out, devices that deviate |
//! | [`migrating`] | users of `mqttbytes`, `mqttrs` and `mqtt-proto` |
//! | [`rumqttc`] | a port from the packets of `rumqttc`: types, recipes, the measured effect |
//! | [`comparison`] | the choice of a codec: this crate beside six others, and the case for each of them |
//! | [`bugs`] | real parser bugs and CVEs, with the bytes and the verdict here |
//! | [`decisions`] | the reasons for `Dialect`, for lists as views, and so on |
//!
//! The programs in `examples/` are tested, and short enough to copy from:
//!
//! | program | shows |
//! |---|---|
//! | `server.rs` | a blocking server on one page |
//! | `client.rs` | a client on tokio |
//! | `two_tasks.rs` | one task that reads a connection, and one that writes it |
//! | `will_broker/` | a broker on tokio, with Sessions and Wills |
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
