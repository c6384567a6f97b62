//! An MQTT broker for 3.1, 3.1.1 and 5.0, as an example to read and copy from.
//!
//! ```sh
//! cargo run -p mqtt-wire-broker -- --listen 127.0.0.1:1883
//! ```
//!
//! It has QoS 0 to 2, retained messages, wildcards, shared subscriptions, Topic Aliases, Wills with
//! their delay, Keep Alive, Sessions that outlive connections, takeover, TLS and WebSocket. It keeps
//! everything in memory. It has no authentication: every client may do everything.
//!
//! From the socket inwards:
//!
//! * [`transport`]: TLS and WebSocket
//! * `wire`: bytes in, bytes out, and the end of a connection
//! * `connection`: the life of one connection, from CONNECT to its end
//! * `conversation`: one packet in, the answers out
//! * `aliases`: the Topic Aliases of a connection
//! * `broker`: all Sessions, the routing of messages, and Wills
//! * `session`: the messages on their way to and from one client
//! * `router`: the subscriptions, as a tree of topic levels
//! * `retained`: the retained messages
//! * `message`: an Application Message, and its copies
//! * `ids`: Client Identifiers for clients that have none
//! * [`settings`]: the limits
//! * [`log`]: the output, which never blocks

mod aliases;
mod broker;
mod connection;
mod conversation;
#[cfg(feature = "faults")]
pub mod faults;
mod ids;
pub mod log;
mod message;
mod retained;
mod router;
mod session;
pub mod settings;
pub mod transport;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;
use tracing::warn;

pub use broker::Broker;
pub use settings::Settings;
use transport::Transport;

/// Serves all clients that connect; never returns.
pub async fn serve(listener: TcpListener, transport: Transport, broker: Arc<Broker>) -> Infallible {
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // for example too many open files, which is temporary
            Err(error) => {
                warn!("cannot accept a connection: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(slot) = broker.slot() else {
            warn!("{peer} is closed: there are too many connections");
            continue;
        };
        socket.set_nodelay(true).ok();
        let serving = connection::serve(socket, peer, transport.clone(), slot, broker.clone());
        tokio::spawn(serving);
    }
}
