//! A server that reads each connection in one task and writes it in another. Every client gets every
//! message of QoS 0, whatever its topic and the version of the sender. To stay short it has no time
//! limits; `examples/broker` has them.
//!
//! ```sh
//! cargo run --example two_tasks --features tokio -- 127.0.0.1:1883
//! ```

use std::io;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{Codec, Delivery, Limits, Outgoing, Packet, PacketBuf, Publish, TransportError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_util::codec::{FramedRead, FramedWrite};

type Error = TransportError<io::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    serve(TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:1883")).await?).await
}

pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let messages = broadcast::Sender::new(64);
    loop {
        let (socket, address) = listener.accept().await?;
        let messages = messages.clone();
        tokio::spawn(async move {
            if let Err(error) = read(socket, messages).await {
                println!("{address}: {error}");
            }
        });
    }
}

/// Reads a connection until it ends, and passes the answers to the task that writes.
async fn read(socket: TcpStream, messages: broadcast::Sender<PacketBuf>) -> Result<(), Error> {
    let client_id = socket.peer_addr()?.to_string(); // for a client that sends none
    let (reader, mut writer) = socket.into_split();
    let mut packets = FramedRead::new(reader, Codec::server(Limits::default()));

    // the version is known when the CONNECT has arrived, and then the writer can start
    let Some(first) = packets.next().await else {
        return Ok(());
    };
    let connect = match first {
        Ok(connect) => connect,
        Err(error) => {
            writer.write_all(&error.answer(false)).await?;
            drop(writer);
            drain(packets.into_inner()).await;
            return Err(error);
        }
    };
    let Packet::Connect(fields) = connect.packet() else {
        return Ok(());
    };
    let packets_to_write = FramedWrite::new(writer, packets.decoder().clone());
    let (answers, queue) = mpsc::channel(64);
    let writer = tokio::spawn(write(packets_to_write, queue, messages.subscribe()));
    let _ = answers.send(fields.accept(&client_id)?.into()).await;

    let ended = read_packets(&mut packets, &answers, &messages).await;
    if let Err(error) = &ended {
        let _ = answers.send(error.answer(true).into()).await;
    }
    drop(answers); // the writer sends what is left, and shuts its side down
    let _ = writer.await;
    drain(packets.into_inner()).await;
    ended
}

async fn read_packets(
    packets: &mut FramedRead<OwnedReadHalf, Codec>,
    answers: &mpsc::Sender<Outgoing<'static>>,
    messages: &broadcast::Sender<PacketBuf>,
) -> Result<(), Error> {
    while let Some(packet) = packets.next().await.transpose()? {
        let answer = match packet.packet() {
            Packet::PingReq => Packet::PingResp.into(),
            // this server allows no Topic Alias, so each message has its topic
            Packet::Publish(publish)
                if publish.delivery == Delivery::AtMostOnce && publish.topic_alias().is_none() =>
            {
                let _ = messages.send(packet); // nobody may be listening
                continue;
            }
            _ => break, // a DISCONNECT, or what this server does not serve
        };
        if answers.send(answer).await.is_err() {
            break; // the writer has failed
        }
    }
    Ok(())
}

/// Writes answers and messages until there can be no more answers.
async fn write(
    mut packets: FramedWrite<OwnedWriteHalf, Codec>,
    mut answers: mpsc::Receiver<Outgoing<'static>>,
    mut messages: broadcast::Receiver<PacketBuf>,
) -> Result<(), Error> {
    loop {
        let sent = tokio::select! {
            biased;
            answer = answers.recv() => match answer {
                Some(answer) => packets.send(answer).await,
                None => return packets.close().await,
            },
            message = messages.recv() => match message {
                Ok(message) => {
                    let Packet::Publish(publish) = message.packet() else { continue };
                    // RETAIN is for the server alone
                    packets.send(Publish { retain: false, ..publish }.into()).await
                }
                Err(_) => continue, // too slow; the reader holds a sender, so it is not closed
            },
        };
        match sent {
            // this client's version has no properties, or its Maximum Packet Size is smaller
            Ok(()) | Err(TransportError::Encode(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads what the client still sends, for a moment: a socket that is closed with bytes unread is reset,
/// and the client would not see the last packet.
async fn drain(mut socket: OwnedReadHalf) {
    let rest = async { while matches!(socket.read(&mut [0; 4096]).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), rest).await;
}
