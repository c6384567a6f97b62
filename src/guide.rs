//! How to put the parts together, and why they are as they are.
//!
//! | page | for |
//! |---|---|
//! | [`server`] | a broker: CONNECT of any version, answers to what is refused, the Will |
//! | [`client`] | a client: building packets, limits, Packet Identifiers |
//! | [`embedded`] | without an allocator: slices in, slices out |
//! | [`gateway`] | between two peers: translation, forwarding, devices that deviate |
//! | [`migrating`] | from `mqttbytes`, `rumqttc`, `mqttrs` and `mqtt-proto` |
//! | [`decisions`] | why there is a `Dialect`, why lists are views, and so on |
//!
//! What each packet looks like on the wire, byte by byte, stands with its type: [`Connect`],
//! [`ConnAck`], [`Publish`], [`Ack`], [`Subscribe`], [`SubAck`], [`Unsubscribe`], [`Disconnect`],
//! [`Auth`]; and [`Packet::PingReq`].
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

#[doc = include_str!("guide/embedded.md")]
pub mod embedded {}

#[doc = include_str!("guide/gateway.md")]
pub mod gateway {}

#[doc = include_str!("guide/migrating.md")]
pub mod migrating {}

#[doc = include_str!("guide/decisions.md")]
pub mod decisions {}
