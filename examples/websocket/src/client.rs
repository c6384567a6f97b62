//! A client over WebSocket that subscribes to a topic, publishes a message to it, and waits for the message.
//!
//! ```sh
//! cargo run -p websocket --bin ws-client -- 127.0.0.1:8083 a/b hello
//! ```

use std::io;

use mqtt_wire::{
    Connect, Disconnect, Packet, PacketId, Publish, QoS, ReasonCode, Subscribe, Subscription,
    Subscriptions, TopicFilter, TopicName, Utf8Str, Version,
};
use tokio::net::TcpStream;
use websocket::{Error, Packets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [address, topic, message] = &args[..] else {
        return Err(io::Error::other("the arguments are HOST:PORT TOPIC MESSAGE").into());
    };
    let received = send_and_receive(address, topic, message).await?;
    println!("{topic} {}", String::from_utf8_lossy(&received));
    Ok(())
}

/// Returns the message that came back.
pub async fn send_and_receive(address: &str, topic: &str, message: &str) -> Result<Vec<u8>, Error> {
    let stream = TcpStream::connect(address).await?;
    let url = format!("ws://{address}/mqtt");
    let mut packets = Packets::connect(stream, &url, Version::V5).await?;
    let received = exchange(&mut packets, topic, message).await;
    let _ = match &received {
        Ok(_) => {
            packets
                .send(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION))
                .await
        }
        Err(error) => packets.send(error.answer(true)).await,
    };
    packets.close().await;
    received
}

async fn exchange(
    packets: &mut Packets<TcpStream>,
    topic: &str,
    message: &str,
) -> Result<Vec<u8>, Error> {
    let invalid = |kind| io::Error::other(format!("{topic}: {kind}"));
    let client_id = Utf8Str::new("").map_err(invalid)?; // the server assigns one
    packets.send(Connect::new(Version::V5, client_id)).await?;

    let filter = TopicFilter::new(topic).map_err(invalid)?;
    let subscription = [Subscription::new(filter, QoS::AtMostOnce)];
    let subscriptions = Subscriptions::new(&subscription);
    let publish = Publish::new(TopicName::new(topic).map_err(invalid)?, message.as_bytes());
    while let Some(packet) = packets.next().await? {
        match packet.packet() {
            Packet::ConnAck(connack) if connack.reason_code == ReasonCode::Success => {
                packets
                    .send(Subscribe::new(PacketId::MIN, subscriptions))
                    .await?;
            }
            Packet::SubAck(suback) if !suback.reason_codes.iter().any(ReasonCode::is_failure) => {
                packets.send(publish).await?;
            }
            Packet::Publish(publish) => return Ok(publish.payload.to_vec()),
            packet => {
                let unexpected = format!("the server sent {packet:?}");
                return Err(io::Error::other(unexpected).into());
            }
        }
    }
    Err(io::Error::other("the server closed the connection").into())
}
