//! The protocol of one connection: a packet in, the answers out. Nothing here waits.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use bytes::BytesMut;
use mqtt_wire::will::Ending;
use mqtt_wire::{
    Ack, Codec, ConnAck, Connect, DecodeError, Dialect, Disconnect, EncodeError, List, Outgoing,
    Packet, PacketId, PacketType, Properties, Property, Publish, QoS, ReasonCode, SubAck,
    Subscribe, TransportError, Unsubscribe, Utf8Str, Version,
};
use tokio_util::codec::Encoder;

use crate::aliases::{FromClient, TOPIC_ALIAS_MAXIMUM, ToClient};
use crate::broker::{Broker, Link};
use crate::message::{Message, Queued};
use crate::retained::Full;
use crate::session::{Next, Session, Unexpected};

/// The most unreleased QoS 2 messages from a client of 5.0.
const RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(100).unwrap();
/// While this many bytes wait for the socket, no more messages are taken from the queue.
const WRITE_AHEAD: usize = 64 << 10;
/// The largest message that is sent with a Topic Alias. For larger ones it saves little.
const LARGEST_WITH_ALIAS: usize = 4096;

/// The state of an accepted connection, apart from its socket.
#[derive(Debug)]
pub struct Conversation {
    /// The bytes to send.
    pub out: BytesMut,
    pub link: Link,
    /// In seconds.
    pub keep_alive: u16,
    /// The value in the CONNECT.
    session_expiry_interval: u32,
    from_client: FromClient,
    to_client: ToClient,
    codec: Codec,
    /// The dialect of the answers.
    dialect: Dialect,
    broker: Arc<Broker>,
}

/// The reason for the end of a connection.
#[derive(Debug)]
pub enum End {
    /// The client closed the connection, or the network failed.
    Left(Ending),
    /// The broker closes it, in 5.0 with this code.
    Closed(Ending, ReasonCode),
    /// The client sent a bad packet.
    BadPacket(DecodeError),
    /// Another connection of the client has taken over.
    TakenOver,
}

impl End {
    fn refused(code: ReasonCode) -> Self {
        Self::Closed(Ending::ClosedByServer, code)
    }
}

impl From<DecodeError> for End {
    fn from(error: DecodeError) -> Self {
        Self::BadPacket(error)
    }
}

/// The answer cannot be encoded for the client.
impl From<EncodeError> for End {
    fn from(error: EncodeError) -> Self {
        Self::refused(match error {
            EncodeError::TooLarge { .. } => ReasonCode::PacketTooLarge,
            _ => ReasonCode::ImplementationSpecificError,
        })
    }
}

impl Conversation {
    /// Opens the Session of a client. The second value is Session Present. If the client is refused,
    /// the error is the CONNACK.
    pub fn open(
        connect: &Connect<'_>,
        broker: Arc<Broker>,
        is_busy: bool,
    ) -> Result<(Self, bool), (ReasonCode, BytesMut)> {
        let incoming = Dialect::from_client(connect.version);
        let max_len = connect.maximum_packet_size();
        let max_len = max_len.map_or(u32::MAX, NonZeroU32::get);
        let mut codec = Codec::new(incoming, broker.settings.framing()).with_max_outgoing(max_len);
        let opened = if is_busy {
            Err(ReasonCode::ServerBusy)
        } else if connect.authentication_method().is_some() {
            Err(ReasonCode::BadAuthenticationMethod)
        } else {
            broker.connect(connect)
        };
        let (link, session_present) = opened.map_err(|code| {
            let code = match connect.version {
                Version::V5 => code,
                Version::V3_1 | Version::V3_1_1 => ReasonCode::ServerUnavailable,
            };
            let mut out = BytesMut::new();
            let _ = codec.encode(ConnAck::new(code).into(), &mut out); // unless it is too long
            (code, out)
        })?;
        let conversation = Self {
            out: BytesMut::new(),
            link,
            keep_alive: connect.keep_alive,
            session_expiry_interval: connect.session_expiry_interval(),
            from_client: FromClient::default(),
            to_client: ToClient::new(connect.topic_alias_maximum()),
            codec,
            dialect: incoming.reply(),
            broker,
        };
        Ok((conversation, session_present))
    }

    /// Sends the CONNACK.
    pub fn accept(&mut self, connect: &Connect<'_>, session_present: bool) -> Result<(), End> {
        let client_id = self.link.client_id.clone();
        let mut properties = Vec::new();
        if self.is_v5() {
            let max_len = NonZeroU32::new(self.broker.settings.max_packet_size);
            properties.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
            properties.extend(max_len.map(Property::MaximumPacketSize));
            properties.push(Property::TopicAliasMaximum(TOPIC_ALIAS_MAXIMUM));
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
        let sent = self.send(connack);
        sent.map_err(|_| End::Left(Ending::ClosedByServer))
    }

    /// Takes messages from the queue of the client, as long as the socket keeps up.
    pub fn send_waiting(&mut self) -> Result<(), End> {
        while self.out.len() < WRITE_AHEAD {
            match self.broker.next(&self.link).ok_or(End::TakenOver)? {
                None => break,
                Some(Next::PubRel(packet_id)) => self.send(Packet::PubRel(Ack::new(packet_id)))?,
                Some(Next::Publish {
                    queued,
                    packet_id,
                    dup,
                }) => self.forward(&queued, packet_id, dup)?,
            }
        }
        Ok(())
    }

    pub fn answer(&mut self, packet: &Packet<'_>) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.publish(publish),
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                self.acknowledge(ack, packet.packet_type())
            }
            Packet::PubRel(ack) => {
                let is_known = self.with_session(|session| session.release(ack.packet_id))?;
                let answer = self.step(ack.packet_id, is_known);
                Ok(self.send(Packet::PubComp(answer))?)
            }
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            Packet::PingReq => Ok(self.send(Packet::PingResp)?),
            Packet::Disconnect(disconnect) => Err(self.judge_disconnect(disconnect)),
            // a second CONNECT, or AUTH without a method; only a Server sends the rest
            _ => Err(End::refused(ReasonCode::ProtocolError)),
        }
    }

    /// Sends the reason for the end of the connection, if the version can.
    pub fn say_why(&mut self, end: &End) {
        let code = match end {
            End::Left(_) => None,
            End::Closed(_, code) => Some(*code),
            End::TakenOver => Some(ReasonCode::SessionTakenOver),
            End::BadPacket(error) => {
                self.out.extend_from_slice(&error.answer(true));
                None
            }
        };
        if let Some(code) = code.filter(|_| self.is_v5()) {
            let _ = self.send(Disconnect::new(code)); // unless it is too long for the client
        }
    }

    fn publish(&mut self, publish: &Publish<'_>) -> Result<(), End> {
        let topic = self.from_client.topic(publish).map_err(End::refused)?;
        let (qos, packet_id) = (publish.delivery.qos(), publish.delivery.packet_id());
        if let Some(packet_id) = packet_id {
            let (is_held, may_hold) = self.with_session(|session| {
                let may_hold = session.may_hold_another(RECEIVE_MAXIMUM.get());
                (session.holds(packet_id), may_hold)
            })?;
            match qos {
                QoS::ExactlyOnce if is_held => {
                    return Ok(self.send(Packet::PubRec(Ack::new(packet_id)))?);
                }
                QoS::ExactlyOnce if self.is_v5() && !may_hold => {
                    return Err(End::refused(ReasonCode::ReceiveMaximumExceeded));
                }
                QoS::AtLeastOnce if self.is_v5() && is_held => {
                    let ack = self.ack(packet_id, ReasonCode::PacketIdentifierInUse);
                    return Ok(self.send(Packet::PubAck(ack))?);
                }
                _ => {}
            }
        }
        let publisher = self.link.client_id.clone();
        let message = Message::new(topic, publish, qos, publisher);
        let message = message.map_err(|_| End::refused(ReasonCode::PacketTooLarge))?;
        let can_refuse = self.is_v5() && packet_id.is_some();
        let code = match self.broker.publish(message, can_refuse) {
            Ok(true) => ReasonCode::Success,
            Ok(false) => ReasonCode::NoMatchingSubscribers,
            Err(Full) => ReasonCode::QuotaExceeded,
        };
        let Some(packet_id) = packet_id else {
            return Ok(());
        };
        let ack = self.ack(packet_id, code);
        if qos == QoS::AtLeastOnce {
            return Ok(self.send(Packet::PubAck(ack))?);
        }
        if !code.is_failure() {
            self.with_session(|session| session.hold(packet_id))?;
        }
        Ok(self.send(Packet::PubRec(ack))?)
    }

    /// Handles PUBACK, PUBREC and PUBCOMP.
    fn acknowledge(&mut self, ack: &Ack<'_>, with: PacketType) -> Result<(), End> {
        let (packet_id, refused) = (ack.packet_id, ack.reason_code.is_failure());
        let done = self.with_session(|session| session.acknowledge(packet_id, with, refused))?;
        match (done, with) {
            (Err(Unexpected::WrongType), _) => Err(End::refused(ReasonCode::ProtocolError)),
            (done, PacketType::PubRec) if !refused => {
                let answer = self.step(packet_id, done.is_ok());
                Ok(self.send(Packet::PubRel(answer))?)
            }
            // without a message it may be for one of an earlier Session
            _ => Ok(()),
        }
    }

    /// PUBREL or PUBCOMP.
    fn step(&self, packet_id: PacketId, is_known: bool) -> Ack<'static> {
        match is_known {
            true => Ack::new(packet_id),
            false => self.ack(packet_id, ReasonCode::PacketIdentifierNotFound),
        }
    }

    /// An acknowledgement, in 5.0 with this code.
    fn ack(&self, packet_id: PacketId, code: ReasonCode) -> Ack<'static> {
        let mut ack = Ack::new(packet_id);
        if self.is_v5() {
            ack.reason_code = code;
        }
        ack
    }

    fn subscribe(&mut self, subscribe: &Subscribe<'_>) -> Result<(), End> {
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
        Ok(self.send(Packet::SubAck(suback))?)
    }

    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>) -> Result<(), End> {
        let mut codes = Vec::new();
        for filter in unsubscribe.topic_filters {
            let existed = self.broker.unsubscribe(&self.link, filter);
            codes.push(match existed.ok_or(End::TakenOver)? {
                true => ReasonCode::Success,
                false => ReasonCode::NoSubscriptionExisted,
            });
        }
        if !self.is_v5() {
            codes.clear();
        }
        let unsuback = SubAck::new(unsubscribe.packet_id, List::new(&codes));
        Ok(self.send(Packet::UnsubAck(unsuback))?)
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

    /// Sends a message to the client, unless it has expired or is too long for the client. Then it
    /// counts as delivered (5.0 MQTT-3.1.2-25).
    fn forward(
        &mut self,
        queued: &Queued,
        packet_id: Option<PacketId>,
        dup: bool,
    ) -> Result<(), End> {
        if let Some(publish) = queued.encode(packet_id, dup, self.dialect) {
            if self.send_with_alias(queued, &publish) {
                return Ok(());
            }
            match self.send(publish) {
                Ok(()) => return Ok(()),
                Err(EncodeError::TooLarge { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match packet_id {
            Some(packet_id) => self.with_session(|session| session.give_up(packet_id)),
            None => Ok(()),
        }
    }

    /// Sends a message with a Topic Alias. Returns whether it did: not every client accepts aliases,
    /// and not every topic has one.
    fn send_with_alias(&mut self, queued: &Queued, publish: &Outgoing<'_>) -> bool {
        let topic = queued.fanout.message.topic();
        if !self.to_client.is_allowed() || queued.size() > LARGEST_WITH_ALIAS {
            return false;
        }
        let Some((alias, is_known)) = self.to_client.find(topic) else {
            return false;
        };
        let mut plain = BytesMut::new();
        if self.codec.encode(publish.clone(), &mut plain).is_err() {
            return false;
        }
        let Ok(Packet::Publish(publish)) = Packet::decode(&plain, self.dialect) else {
            return false; // never: it was encoded in this dialect
        };
        let properties = publish.properties.iter();
        let properties: Vec<_> = properties.chain([Property::TopicAlias(alias)]).collect();
        let aliased = Publish {
            topic_name: publish.topic_name.filter(|_| !is_known),
            properties: Properties::new(&properties),
            ..publish
        };
        let is_sent = self.send(aliased).is_ok();
        if is_sent && !is_known {
            self.to_client.set(topic, alias);
        }
        is_sent
    }

    fn is_v5(&self) -> bool {
        self.dialect.version() == Version::V5
    }

    fn with_session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Result<T, End> {
        let done = self.broker.with_session(&self.link, act);
        done.ok_or(End::TakenOver)
    }

    /// Encodes a packet behind the bytes to send.
    fn send<'p>(&mut self, packet: impl Into<Outgoing<'p>>) -> Result<(), EncodeError> {
        match self.codec.encode(packet.into(), &mut self.out) {
            Err(TransportError::Encode(error)) => Err(error),
            _ => Ok(()), // an encoder that knows the version has no other error
        }
    }
}
