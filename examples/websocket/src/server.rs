//! A server over WebSocket that passes messages of QoS 0 on to the clients that subscribe to them. To stay
//! short it has no time limits, no Wills and no retained messages.
//!
//! ```sh
//! cargo run -p websocket --bin ws-server -- 127.0.0.1:8083
//! ```

use std::io;

use mqtt_wire::fanout::{Envelope, SharedPublish};
use mqtt_wire::{Delivery, Packet, PacketBuf, Publish, ReasonCode, ReasonCodes, SubAck};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use websocket::{Error, Packets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8083")).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    serve(listener).await
}

/// A message on its way to all clients.
#[derive(Clone)]
struct Message {
    publish: PacketBuf,
    shared: SharedPublish,
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

async fn serve_client(
    socket: TcpStream,
    messages: broadcast::Sender<Message>,
) -> Result<(), Error> {
    let id = socket.peer_addr()?.to_string(); // for a client that sends none
    let mut client = Client {
        id,
        packets: Packets::accept(socket).await?,
        connected: false,
        subscriptions: Vec::new(),
    };
    let ended = client.run(&messages).await;
    if let Err(error) = &ended {
        let _ = client.packets.send(error.answer(client.connected)).await;
    }
    client.packets.close().await;
    ended
}

struct Client {
    id: String,
    packets: Packets<TcpStream>,
    connected: bool,
    /// Its SUBSCRIBE packets.
    subscriptions: Vec<PacketBuf>,
}

impl Client {
    async fn run(&mut self, messages: &broadcast::Sender<Message>) -> Result<(), Error> {
        let mut queue = messages.subscribe();
        loop {
            tokio::select! {
                packet = self.packets.next() => match packet? {
                    Some(packet) => if !self.handle(packet, messages).await? {
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

    /// Handles a packet. Returns false for a DISCONNECT, and for a packet that this server does not serve.
    async fn handle(
        &mut self,
        packet: PacketBuf,
        messages: &broadcast::Sender<Message>,
    ) -> Result<bool, Error> {
        match packet.packet() {
            Packet::Connect(connect) if !self.connected => {
                self.packets.send(connect.accept(&self.id)?).await?;
                self.connected = true;
            }
            Packet::Subscribe(subscribe) if self.subscriptions.len() < 100 => {
                let codes = vec![ReasonCode::GRANTED_QOS_0; subscribe.subscriptions.len()];
                let suback = SubAck::new(subscribe.packet_id, ReasonCodes::new(&codes));
                self.packets.send(Packet::SubAck(suback)).await?;
                self.subscriptions.push(packet.clone());
            }
            // without a topic it would use a Topic Alias, which this server does not allow
            Packet::Publish(Publish {
                delivery: Delivery::AtMostOnce,
                topic_name: Some(topic_name),
                properties,
                payload,
                ..
            }) => {
                let shared = SharedPublish::new(topic_name, properties, packet.share(payload))?;
                let publish = packet.clone();
                let _ = messages.send(Message { publish, shared });
            }
            Packet::PingReq => self.packets.send(Packet::PingResp).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn deliver(&mut self, message: &Message) -> Result<(), Error> {
        let Some(dialect) = self.packets.outgoing() else {
            return Ok(());
        };
        match message.shared.copy_for(Envelope::new(dialect)) {
            Ok(copy) if self.wants(message) => self.packets.send_copy(&copy).await,
            _ => Ok(()),
        }
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
