//! A gateway that passes the messages of publishers with 5.0 on to subscribers with 5.0 and 3.1.1, with QoS 0. All
//! copies of a message share its payload, and 3.1.1 gets it without the properties. To stay short it has no time limits.
//!
//! ```sh
//! cargo run --example gateway --features tokio -- 127.0.0.1:1883
//! ```

use std::io;
use std::time::{Duration, Instant};

use bytes::Buf;
use futures_util::{SinkExt, StreamExt};
use mqtt_wire::fanout::{Envelope, PublishBuf, SharedPublish};
use mqtt_wire::{
    Codec, Dialect, EncodeError, Limits, Packet, PacketBuf, Publish, QoS, ReasonCode, ReasonCodes,
    SubAck, TransportError, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_util::codec::Framed;

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
            if let Err(error) = serve_client(socket, messages).await {
                println!("{address}: {error}");
            }
        });
    }
}

/// A message on its way to the subscribers.
#[derive(Clone)]
struct Message {
    publish: PacketBuf,
    shared: SharedPublish,
    arrived: Instant,
}

impl Message {
    /// The message of a PUBLISH; `None` without a Topic Name. This gateway allows no Topic Alias.
    fn new(publish: &PacketBuf) -> Result<Option<Self>, EncodeError> {
        let Packet::Publish(Publish {
            topic_name: Some(topic_name),
            properties,
            payload,
            ..
        }) = publish.packet()
        else {
            return Ok(None);
        };
        let shared = SharedPublish::new(topic_name, properties, publish.share(payload))?;
        for property in shared.lost_in(Version::V3_1_1) {
            println!("{topic_name}: 3.1.1 has no {}", property.id());
        }
        Ok(Some(Self {
            arrived: Instant::now(),
            shared,
            publish: publish.clone(),
        }))
    }

    /// The copy for a subscriber, unless the message has expired.
    fn copy_for(&self, dialect: Dialect) -> Option<PublishBuf> {
        let mut envelope = Envelope::new(dialect);
        envelope.waited = self.arrived.elapsed().as_secs().try_into().ok()?;
        self.shared.copy_for(envelope).ok()
    }
}

async fn serve_client(
    socket: TcpStream,
    messages: broadcast::Sender<Message>,
) -> Result<(), Error> {
    let mut client = Client {
        id: socket.peer_addr()?.to_string(), // for a client that sends none
        packets: Framed::new(socket, Codec::server(Limits::default())),
        connected: false,
        subscriptions: Vec::new(),
    };
    let ended = client.run(&messages).await;
    if let Err(error) = &ended {
        let answer = error.answer(client.connected);
        let _ = client.packets.send(answer.into()).await;
    }
    let _ = client.packets.close().await;
    drain(client.packets.into_inner()).await;
    ended
}

struct Client {
    id: String,
    packets: Framed<TcpStream, Codec>,
    connected: bool,
    /// Its SUBSCRIBE packets.
    subscriptions: Vec<PacketBuf>,
}

impl Client {
    async fn run(&mut self, messages: &broadcast::Sender<Message>) -> Result<(), Error> {
        let mut queue = messages.subscribe();
        loop {
            tokio::select! {
                packet = self.packets.next() => match packet {
                    Some(packet) => if !self.handle(packet?, messages).await? {
                        return Ok(());
                    },
                    None => return Ok(()),
                },
                message = queue.recv() => if let Ok(message) = message { // else too slow for one
                    self.deliver(&message).await?;
                },
            }
        }
    }

    /// Handles a packet. Returns false for a DISCONNECT, and for a packet that this gateway does not serve.
    async fn handle(
        &mut self,
        packet: PacketBuf,
        messages: &broadcast::Sender<Message>,
    ) -> Result<bool, Error> {
        match packet.packet() {
            Packet::Connect(connect) if !self.connected => {
                self.packets.send(connect.accept(&self.id)?.into()).await?;
                self.connected = true;
            }
            Packet::Subscribe(subscribe) if self.subscriptions.len() < 100 => {
                let codes = vec![ReasonCode::GRANTED_QOS_0; subscribe.subscriptions.len()];
                let suback = SubAck::new(subscribe.packet_id, ReasonCodes::new(&codes));
                self.packets.send(Packet::SubAck(suback).into()).await?;
                self.subscriptions.push(packet.clone());
            }
            Packet::Publish(publish) if publish.delivery.qos() != QoS::ExactlyOnce => {
                let Some(message) = Message::new(&packet)? else {
                    return Ok(false);
                };
                let _ = messages.send(message); // nobody may be listening
                if let Some(puback) = publish.delivery.answer() {
                    self.packets.send(puback.into()).await?;
                }
            }
            Packet::PingReq => self.packets.send(Packet::PingResp.into()).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes a copy to the socket with vectored writes, if the client subscribes to the message and
    /// accepts a packet of this length.
    async fn deliver(&mut self, message: &Message) -> Result<(), Error> {
        let codec = self.packets.codec();
        let (Some(dialect), max_len) = (codec.outgoing(), codec.max_outgoing()) else {
            return Ok(());
        };
        let Some(mut copy) = message.copy_for(dialect) else {
            return Ok(());
        };
        let fits = max_len.is_none_or(|max_len| copy.remaining() <= max_len as usize);
        if fits && self.wants(message) {
            // `send` leaves nothing in the buffer of `packets`, so this is the next packet
            self.packets.get_mut().write_all_buf(&mut copy).await?;
        }
        Ok(())
    }

    fn wants(&self, message: &Message) -> bool {
        let Packet::Publish(Publish {
            topic_name: Some(topic_name),
            ..
        }) = message.publish.packet()
        else {
            return false;
        };
        self.subscriptions.iter().any(|it| match it.packet() {
            Packet::Subscribe(subscribe) => {
                let mut subscriptions = subscribe.subscriptions.iter();
                subscriptions.any(|it| it.filter.matches(topic_name))
            }
            _ => false,
        })
    }
}

/// Reads what the client still sends, for a moment: a socket that is closed with bytes unread is reset,
/// and the client would not see the last packet.
async fn drain(mut socket: TcpStream) {
    let rest = async { while matches!(socket.read(&mut [0; 4096]).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
}
