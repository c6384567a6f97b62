//! One connection, from CONNECT to its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::{SinkExt, StreamExt};
use mqtt_wire::will::Ending;
use mqtt_wire::{
    Ack, Codec, ConnAck, Connect, DecodeError, Delivery, Dialect, Disconnect, EncodeError, Limits,
    List, Outgoing, Packet, PacketBuf, PacketId, Properties, Property, Publish, QoS, ReasonCode,
    SubAck, Subscribe, TransportError, Unsubscribe, Utf8Str, Version,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::Framed;

use super::broker::{Broker, Link};
use super::message::{Message, Queued};
use super::session::{Next, Session};

const LIMITS: Limits = Limits::DEFAULT
    .with_packet(1 << 20)
    .with_first_packet(64 << 10);
/// The most unreleased QoS 2 messages from a client (5.0).
const RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(100).unwrap();
/// The time that a client has to send its CONNECT, and to read a packet.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time that a client has to read the last packet, before its Will is published.
const FAREWELL: Duration = Duration::from_secs(1);
/// The number of messages to send before the next packet is read.
const BATCH: usize = 64;

type Packets = Framed<TcpStream, Codec>;

/// Serves one client.
pub async fn serve(socket: TcpStream, address: SocketAddr, broker: Arc<Broker>) {
    let mut packets = Framed::new(socket, Codec::server(LIMITS));
    let Some(first) = first_packet(&mut packets).await else {
        return;
    };
    let Packet::Connect(connect) = first.packet() else {
        return; // never: a codec of a server begins with CONNECT
    };
    let outgoing = first.dialect().reply();
    if connect.authentication_method().is_some() {
        let refusal = ConnAck::new(ReasonCode::BadAuthenticationMethod);
        let _ = timeout(PATIENCE, packets.send(refusal.into())).await;
        return;
    }
    let (link, session_present) = broker.connect(&connect, &first);
    broker.log(format!(
        "{address} is {:?}, MQTT {}",
        link.client_id, connect.version
    ));
    let mut connection = Connection {
        packets,
        outgoing,
        keep_alive: connect.keep_alive,
        session_expiry_interval: connect.session_expiry_interval(),
        maximum_packet_size: connect
            .maximum_packet_size()
            .map_or(usize::MAX, |it| it.get() as usize),
        broker,
        link,
    };
    let Err(end) = connection.converse(&connect, session_present).await;
    connection.close(end).await;
}

/// The CONNECT. A bad one gets its answer, if there is one.
async fn first_packet(packets: &mut Packets) -> Option<PacketBuf> {
    match timeout(PATIENCE, packets.next()).await.ok()?? {
        Ok(connect) => Some(connect),
        Err(error) => {
            let answer = packets.send(error.answer(false).into());
            let _ = timeout(PATIENCE, answer).await;
            None
        }
    }
}

/// An accepted connection.
struct Connection {
    packets: Packets,
    outgoing: Dialect,
    /// In seconds.
    keep_alive: u16,
    /// The value in the CONNECT.
    session_expiry_interval: u32,
    /// The limit of the client.
    maximum_packet_size: usize,
    broker: Arc<Broker>,
    link: Link,
}

/// The reason for the end of a connection.
enum End {
    /// The client closed the connection, or the network failed.
    Left(Ending),
    /// The broker closes it, in 5.0 with this code.
    Closed(Ending, ReasonCode),
    /// Another connection of the client has taken over.
    TakenOver,
}

impl From<TransportError<io::Error>> for End {
    fn from(error: TransportError<io::Error>) -> Self {
        match error {
            TransportError::Io(_) => Self::Left(Ending::NetworkFailure),
            TransportError::EndInsidePacket { .. } => Self::Left(Ending::ClosedByClient),
            TransportError::Decode(error) => error.into(),
            TransportError::Encode(error) => error.into(),
            _ => unreachable!("the version is known since CONNECT"),
        }
    }
}

impl From<DecodeError> for End {
    fn from(error: DecodeError) -> Self {
        Self::refused(error.reason_code().unwrap_or(ReasonCode::MalformedPacket))
    }
}

/// The answer cannot be encoded in the client's version.
impl From<EncodeError> for End {
    fn from(error: EncodeError) -> Self {
        Self::refused(match error {
            EncodeError::TooLarge { .. } => ReasonCode::PacketTooLarge,
            _ => ReasonCode::ImplementationSpecificError,
        })
    }
}

impl End {
    fn refused(code: ReasonCode) -> Self {
        Self::Closed(Ending::ClosedByServer, code)
    }
}

impl Connection {
    async fn converse(
        &mut self,
        connect: &Connect<'_>,
        session_present: bool,
    ) -> Result<Infallible, End> {
        self.accept(connect, session_present).await?;
        let patience = Duration::from_secs(self.keep_alive.into()) * 3 / 2;
        let mut last_heard = Instant::now();
        loop {
            self.send_pending().await?;
            tokio::select! {
                packet = self.packets.next() => {
                    last_heard = Instant::now();
                    let packet = packet.ok_or(End::Left(Ending::ClosedByClient))??;
                    self.answer(packet.packet()).await?;
                    // one read may bring many packets: let other connections run between them
                    tokio::task::consume_budget().await;
                }
                () = self.link.wake.notified() => {}
                () = sleep_until(last_heard + patience), if self.keep_alive != 0 => {
                    let code = ReasonCode::KeepAliveTimeout;
                    return Err(End::Closed(Ending::KeepAliveExpired, code));
                }
            }
        }
    }

    async fn accept(&mut self, connect: &Connect<'_>, session_present: bool) -> Result<(), End> {
        let v5 = connect.version == Version::V5;
        let client_id = self.link.client_id.clone();
        let mut properties = Vec::new();
        if v5 {
            properties.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
            let maximum = NonZeroU32::new(LIMITS.packet);
            properties.extend(maximum.map(Property::MaximumPacketSize));
            properties.push(Property::SharedSubscriptionAvailable(false));
            if connect.client_id.is_empty() {
                let assigned = Utf8Str::new(&client_id);
                properties.extend(assigned.map(Property::AssignedClientIdentifier));
            }
        }
        let connack = ConnAck {
            session_present: session_present && connect.version != Version::V3_1,
            reason_code: ReasonCode::Success,
            properties: Properties::new(&properties),
        };
        // a DISCONNECT may not come before the CONNACK
        let sent = self.send(connack).await;
        sent.map_err(|_| End::Left(Ending::ClosedByServer))
    }

    /// Sends the messages that wait for the client, and flushes.
    async fn send_pending(&mut self) -> Result<(), End> {
        for _ in 0..BATCH {
            let Some(next) = self.with_session(Session::next)? else {
                return self.flush().await;
            };
            match next {
                Next::PubRel(packet_id) => self.send(Packet::PubRel(Ack::new(packet_id))).await?,
                Next::Publish {
                    outgoing,
                    packet_id,
                    dup,
                } => {
                    self.forward(&outgoing, packet_id, dup).await?;
                }
            }
        }
        self.link.wake.notify_one();
        self.flush().await
    }

    async fn forward(
        &mut self,
        outgoing: &Queued,
        packet_id: Option<PacketId>,
        dup: bool,
    ) -> Result<(), End> {
        let delivery = match packet_id {
            None => Delivery::AtMostOnce,
            Some(packet_id) => Delivery::new(outgoing.qos, packet_id).with_dup(dup),
        };
        let publish = outgoing.encode(delivery, self.outgoing);
        match (publish, packet_id) {
            (Some(publish), _) if publish.remaining() <= self.maximum_packet_size => {
                self.send(publish).await
            }
            // an expired or too large message counts as delivered (5.0 MQTT-3.1.2-25)
            (_, Some(packet_id)) => self.with_session(|session| session.finish(packet_id)),
            (_, None) => Ok(()),
        }
    }

    async fn answer(&mut self, packet: Packet<'_>) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.publish(publish).await,
            Packet::PubAck(ack) => self.with_session(|session| session.finish(ack.packet_id)),
            Packet::PubRec(ack) if ack.reason_code.is_failure() => {
                self.with_session(|session| session.finish(ack.packet_id))
            }
            Packet::PubRec(ack) => {
                let is_known = self.with_session(|session| session.received(ack.packet_id))?;
                let answer = self.step(ack.packet_id, is_known);
                self.send(Packet::PubRel(answer)).await
            }
            Packet::PubRel(ack) => {
                let is_known = self.with_session(|session| session.release(ack.packet_id))?;
                let answer = self.step(ack.packet_id, is_known);
                self.send(Packet::PubComp(answer)).await
            }
            Packet::PubComp(ack) => self.with_session(|session| session.finish(ack.packet_id)),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await,
            Packet::PingReq => self.send(Packet::PingResp).await,
            Packet::Disconnect(disconnect) => Err(self.judge_disconnect(&disconnect)),
            // a second CONNECT, or AUTH without a method; only a Server sends the rest
            _ => Err(End::refused(ReasonCode::ProtocolError)),
        }
    }

    /// Sends PUBREL or PUBCOMP.
    fn step(&self, packet_id: PacketId, is_known: bool) -> Ack<'static> {
        let mut ack = Ack::new(packet_id);
        if !is_known && self.is_v5() {
            ack.reason_code = ReasonCode::PacketIdentifierNotFound;
        }
        ack
    }

    async fn publish(&mut self, publish: Publish<'_>) -> Result<(), End> {
        // CONNACK allows no Topic Alias
        let (Some(topic), None) = (publish.topic_name, publish.topic_alias()) else {
            return Err(End::refused(ReasonCode::TopicAliasInvalid));
        };
        if let Delivery::ExactlyOnce { packet_id, .. } = publish.delivery {
            let v5 = self.is_v5();
            let (is_new, too_many) = self.with_session(|session| {
                let is_new = session.hold(packet_id);
                (is_new, v5 && session.holds_too_many(RECEIVE_MAXIMUM))
            })?;
            if too_many {
                return Err(End::refused(ReasonCode::ReceiveMaximumExceeded));
            }
            if !is_new {
                return self.send(Packet::PubRec(Ack::new(packet_id))).await;
            }
        }
        let publisher = self.link.client_id.clone();
        let message = Message::new(topic, publish, publish.delivery.qos(), publisher)?;
        let has_subscribers = self.broker.publish(message);
        let Some(packet_id) = publish.delivery.packet_id() else {
            return Ok(());
        };
        let mut ack = Ack::new(packet_id);
        if !has_subscribers && self.is_v5() {
            ack.reason_code = ReasonCode::NoMatchingSubscribers;
        }
        self.send(match publish.delivery.qos() {
            QoS::ExactlyOnce => Packet::PubRec(ack),
            _ => Packet::PubAck(ack),
        })
        .await
    }

    async fn subscribe(&mut self, subscribe: Subscribe<'_>) -> Result<(), End> {
        let id = subscribe.subscription_identifier();
        let mut codes = Vec::new();
        for subscription in subscribe.subscriptions {
            let code = self.broker.subscribe(&self.link, subscription, id);
            codes.push(match code.ok_or(End::TakenOver)? {
                code if code.is_failure() && !self.is_v5() => ReasonCode::UnspecifiedError,
                code => code,
            });
        }
        let suback = SubAck::new(subscribe.packet_id, List::new(&codes));
        self.send(Packet::SubAck(suback)).await
    }

    async fn unsubscribe(&mut self, unsubscribe: Unsubscribe<'_>) -> Result<(), End> {
        let mut codes = self.with_session(|session| {
            let filters = unsubscribe.topic_filters.iter();
            let existed = filters.map(|it| session.subscriptions.remove(it.as_str()).is_some());
            let codes = existed.map(|existed| {
                if existed {
                    ReasonCode::Success
                } else {
                    ReasonCode::NoSubscriptionExisted
                }
            });
            codes.collect::<Vec<_>>()
        })?;
        if !self.is_v5() {
            codes.clear();
        }
        let unsuback = SubAck::new(unsubscribe.packet_id, List::new(&codes));
        self.send(Packet::UnsubAck(unsuback)).await
    }

    /// Checks the Session Expiry Interval: if it was 0, DISCONNECT cannot raise it (5.0, section
    /// 3.14.2.2.2).
    fn judge_disconnect(&self, disconnect: &Disconnect<'_>) -> End {
        match disconnect.session_expiry_interval() {
            Some(1..) if self.session_expiry_interval == 0 => {
                End::refused(ReasonCode::ProtocolError)
            }
            _ => End::Left(disconnect.into()),
        }
    }

    /// Sends the reason to the client, if its version has one, and reports the end to the broker.
    async fn close(mut self, end: End) {
        let (ending, code) = match end {
            End::Left(ending) => (Some(ending), None),
            End::Closed(ending, code) => (Some(ending), Some(code)),
            End::TakenOver => (None, Some(ReasonCode::SessionTakenOver)),
        };
        let farewell = async {
            if let Some(code) = code.filter(|_| self.is_v5()) {
                let _ = self.send(Disconnect::new(code)).await;
            }
            self.packets.close().await
        };
        let _ = timeout(FAREWELL, farewell).await;
        drop(self.packets);
        let said = code.map_or("", |code| code.name());
        match ending {
            Some(ending) => {
                self.broker
                    .log(format!("{:?} ends: {ending:?} {said}", self.link.client_id));
                self.broker.disconnect(&self.link, ending);
            }
            None => self
                .broker
                .log(format!("{:?} ends: {said}", self.link.client_id)),
        }
    }

    fn is_v5(&self) -> bool {
        self.outgoing.version() == Version::V5
    }

    fn with_session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Result<T, End> {
        self.broker
            .with_session(&self.link, act)
            .ok_or(End::TakenOver)
    }

    /// Writes a packet into the buffer, which `flush` sends.
    async fn send(&mut self, packet: impl Into<Outgoing<'_>>) -> Result<(), End> {
        let sent = timeout(PATIENCE, self.packets.feed(packet.into())).await;
        Ok(sent.map_err(|_| End::Left(Ending::NetworkFailure))??)
    }

    async fn flush(&mut self) -> Result<(), End> {
        let flushed = timeout(PATIENCE, self.packets.flush()).await;
        Ok(flushed.map_err(|_| End::Left(Ending::NetworkFailure))??)
    }
}
