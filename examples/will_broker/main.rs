//! A small MQTT broker for 3.1, 3.1.1 and 5.0, as an example to read and copy from.
//!
//! ```sh
//! cargo run --example will_broker --features tokio -- 127.0.0.1:1883
//! ```
//!
//! It has QoS 0 to 2, retained messages, wildcards, Wills with their delay, Keep Alive, Sessions in
//! memory that outlive connections, and takeover. It refuses shared subscriptions, Topic Aliases and
//! extended authentication, in the way that 5.0 defines. Every client may do everything. The memory
//! for each client is bounded; the numbers of clients and of retained topics are not. Nor is it fast
//! with many clients: it compares each message with every subscription.
//!
//! * `connection`: one connection, from CONNECT to its end
//! * `broker`: all Sessions, the routing of messages, retained messages and Wills
//! * `session`: the messages on their way to and from one client
//! * `message`: an Application Message that is kept

mod broker;
mod connection;
mod message;
mod session;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

pub use broker::Broker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:1883");
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, Arc::new(Broker::new(|line| println!("{line}")))).await
}

/// Serves all clients that connect; never returns.
pub async fn serve(listener: TcpListener, broker: Arc<Broker>) -> io::Result<()> {
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                socket.set_nodelay(true).ok();
                tokio::spawn(connection::serve(socket, address, broker.clone()));
            }
            // for example too many open files, which is temporary
            Err(error) => {
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
