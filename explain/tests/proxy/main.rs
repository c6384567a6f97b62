//! The proxy, between sockets on the loopback.

#[path = "../common/mod.rs"]
mod common;
mod harness;
mod packets;
mod record;
mod stopping;
mod tls;
mod websocket;
