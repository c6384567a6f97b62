//! A client of a scenario.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mqtt_wire::{
    Ack, BinaryData, ConnAck, Connect, Dialect, Disconnect, List, Packet, PacketId, PacketType,
    Properties, Property, Publish, QoS, ReasonCode, Subscribe, Subscription, TopicFilter,
    TopicName, Unsubscribe, Utf8Str, Version, Waivers, Will,
};

use super::{Message, Outcome, Stage, Stop};
use crate::connection::{Connection, Event};
use crate::script;

/// The Session Expiry Interval of a client that keeps its Session, in seconds.
const SESSION_EXPIRY: u32 = 60;

/// A client before it connects.
#[must_use]
pub struct Connecting<'a> {
    stage: &'a Stage<'a>,
    name: &'static str,
    client_id: String,
    clean_start: bool,
    keep_alive: u16,
    properties: Vec<Property<'a>>,
    will: Option<(&'a Message, u32)>,
    acknowledges: bool,
}

impl<'a> Connecting<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, name: &'static str) -> Self {
        Self {
            stage,
            name,
            client_id: stage.client_id(name),
            clean_start: true,
            keep_alive: 60,
            properties: Vec::new(),
            will: None,
            acknowledges: true,
        }
    }

    /// Continues its Session, and keeps it for a minute after the connection: Clean Session 0, and
    /// in 5.0 Clean Start 0 with a Session Expiry Interval.
    pub fn keeps_session(self) -> Self {
        let kept = self.clean_start(false);
        match kept.stage.is_v5() {
            true => kept.with(Property::SessionExpiryInterval(SESSION_EXPIRY)),
            false => kept,
        }
    }

    /// Clean Session before 5.0.
    pub fn clean_start(self, clean_start: bool) -> Self {
        Self {
            clean_start,
            ..self
        }
    }

    /// In seconds.
    pub fn keep_alive(self, keep_alive: u16) -> Self {
        Self { keep_alive, ..self }
    }

    /// Adds a property, which only 5.0 has.
    pub fn with(mut self, property: Property<'a>) -> Self {
        self.properties.push(property);
        self
    }

    /// Leaves a Will, in 5.0 with this Will Delay Interval in seconds.
    pub fn will(self, message: &'a Message, delay: u32) -> Self {
        let will = Some((message, delay));
        Self { will, ..self }
    }

    /// Does not answer the messages that it receives.
    pub fn without_answers(self) -> Self {
        Self {
            acknowledges: false,
            ..self
        }
    }

    /// Has an empty client identifier.
    pub fn without_identifier(self) -> Self {
        Self {
            client_id: String::new(),
            ..self
        }
    }

    /// Has this client identifier.
    pub fn identified_by(self, client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            ..self
        }
    }

    /// Connects. The broker has to accept it.
    pub fn connect(self) -> Result<Client<'a>, Stop> {
        let client = self.open()?;
        match client.connack().map(|it| it.reason_code) {
            Some(code) if code.is_failure() => {
                let reason = format!("the broker refuses the CONNECT of {}: {code}", client.name);
                Err(Stop::Unsupported(reason))
            }
            _ => Ok(client),
        }
    }

    /// Connects, and waits for the CONNACK, whichever code it has.
    pub fn open(self) -> Result<Client<'a>, Stop> {
        let mut client = self.dial()?;
        client.connack = Some(client.setup(PacketType::ConnAck, |packet| {
            matches!(packet, Packet::ConnAck(_))
        })?);
        Ok(client)
    }

    /// Sends the CONNECT, and waits for nothing.
    pub fn dial(self) -> Result<Client<'a>, Stop> {
        let Stage {
            subject, version, ..
        } = *self.stage;
        let dialed = subject.dial(version);
        let connection = dialed.map_err(|error| {
            Stop::Unclear(format!("no TCP connection for {}: {error}", self.name))
        })?;
        let mut client = Client {
            stage: self.stage,
            name: self.name,
            connection,
            acknowledges: self.acknowledges,
            connack: None,
            inbox: VecDeque::new(),
        };
        let mut kept = self.stage.sessions.borrow_mut();
        let may_remain = !self.clean_start || self.properties.iter().any(is_session_expiry);
        kept.extend(may_remain.then(|| self.client_id.clone()));
        drop(kept);

        let will_properties;
        let mut will = None;
        if let Some((message, delay)) = self.will {
            will_properties = will_properties_of(message, delay, version);
            let payload = BinaryData::new(&message.payload).map_err(|it| unfit(&it))?;
            let topic = TopicName::new(&message.topic).map_err(|it| unfit(&it))?;
            will = Some(Will {
                qos: message.qos,
                retain: message.retain,
                properties: Properties::new(&will_properties),
                ..Will::new(topic, payload)
            });
            if message.retain {
                let mut retained = self.stage.retained.borrow_mut();
                retained.push(message.topic.clone());
            }
        }
        let client_id = Utf8Str::new(&self.client_id).map_err(|it| unfit(&it))?;
        let connect = Connect {
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            properties: Properties::new(&self.properties),
            will,
            ..Connect::new(version, client_id)
        };
        client.send(script::with_login(connect, subject.login()))?;
        Ok(client)
    }
}

fn is_session_expiry(property: &Property<'_>) -> bool {
    matches!(property, Property::SessionExpiryInterval(_))
}

fn will_properties_of(message: &Message, delay: u32, version: Version) -> Vec<Property<'_>> {
    let delay = Some(Property::WillDelayInterval(delay)).filter(|_| delay > 0);
    let all = delay.into_iter().chain(message.properties().iter());
    all.filter(|_| version == Version::V5).collect()
}

/// A packet of the broker.
#[derive(Debug, Clone)]
pub struct Incoming {
    bytes: Vec<u8>,
    dialect: Dialect,
    pub at: Instant,
}

impl Incoming {
    /// `None` if it is no packet of the version.
    pub fn packet(&self) -> Option<Packet<'_>> {
        Packet::decode(&self.bytes, self.dialect).ok()
    }
}

/// A client of the broker. Dropping it sends a DISCONNECT.
pub struct Client<'a> {
    stage: &'a Stage<'a>,
    pub name: &'static str,
    connection: Connection,
    acknowledges: bool,
    connack: Option<Incoming>,
    /// Packets that arrived and that no step has taken.
    inbox: VecDeque<Incoming>,
}

impl<'a> Client<'a> {
    pub fn connack(&self) -> Option<ConnAck<'_>> {
        match self.connack.as_ref()?.packet()? {
            Packet::ConnAck(connack) => Some(connack),
            _ => None,
        }
    }

    pub fn session_present(&self) -> bool {
        self.connack().is_some_and(|it| it.session_present)
    }

    /// The Keep Alive in use, if the client asked for `seconds`. The scenario stops if the broker
    /// chose one that takes too long.
    pub fn keep_alive(&self, seconds: u16) -> Result<Duration, Stop> {
        let chosen = self.connack().and_then(|it| it.server_keep_alive());
        match chosen.unwrap_or(seconds) {
            in_use @ 1..=5 => Ok(Duration::from_secs(in_use.into())),
            in_use => Err(Stop::Unsupported(format!(
                "the broker chooses a Keep Alive of {in_use} s"
            ))),
        }
    }

    /// Sends bytes that may break a rule.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.connection.send(bytes);
    }

    /// Sends a packet. The scenario stops if the broker announced that it lacks something for it.
    pub fn send<'p>(&mut self, packet: impl Into<Packet<'p>>) -> Outcome {
        let bytes = self.encode(packet)?;
        match self.connection.send(&bytes).first() {
            Some(breach) => Err(Stop::Unsupported(format!(
                "the packet is not legal with what this broker sent: {breach}"
            ))),
            None => Ok(()),
        }
    }

    /// Sends a packet that breaks a rule between packets.
    pub fn send_illegal<'p>(&mut self, packet: impl Into<Packet<'p>>) -> Outcome {
        let bytes = self.encode(packet)?;
        self.connection.send(&bytes);
        Ok(())
    }

    fn encode<'p>(&self, packet: impl Into<Packet<'p>>) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        let dialect = Dialect::from_client(self.stage.version);
        let encoded = packet.into().encode(dialect, &mut bytes);
        encoded.map_err(|error| unfit(&error))?;
        Ok(bytes)
    }

    /// Subscribes to one filter. The broker has to grant the QoS.
    pub fn subscribe(&mut self, filter: &str, qos: QoS) -> Outcome {
        let subscription = subscription(filter, qos)?;
        for code in self.subscribe_to(&[subscription], &[])? {
            if code != ReasonCode::from(qos) {
                let reason = format!("the broker answers the SUBSCRIBE of {}: {code}", self.name);
                return Err(Stop::Unsupported(reason));
            }
        }
        Ok(())
    }

    /// Subscribes, and returns the codes of the SUBACK. The properties are those of 5.0.
    pub fn subscribe_to(
        &mut self,
        subscriptions: &[Subscription<'_>],
        properties: &[Property<'_>],
    ) -> Result<Vec<ReasonCode>, Stop> {
        let packet_id = self.stage.next_packet_id();
        self.send(Subscribe {
            properties: Properties::new(properties),
            ..Subscribe::new(packet_id, List::new(subscriptions))
        })?;
        let suback = self.setup(
            PacketType::SubAck,
            |packet| matches!(packet, Packet::SubAck(it) if it.packet_id == packet_id),
        )?;
        Ok(codes(&suback))
    }

    /// Unsubscribes, and returns the codes of the UNSUBACK, which has none before 5.0.
    pub fn unsubscribe(&mut self, filters: &[&str]) -> Result<Vec<ReasonCode>, Stop> {
        let packet_id = self.stage.next_packet_id();
        let parsed = filters.iter().map(|it| TopicFilter::new(it));
        let parsed: Result<Vec<_>, _> = parsed.collect();
        let parsed = parsed.map_err(|it| unfit(&it))?;
        self.send(Unsubscribe::new(packet_id, List::new(&parsed)))?;
        let unsuback = self.setup(
            PacketType::UnsubAck,
            |packet| matches!(packet, Packet::UnsubAck(it) if it.packet_id == packet_id),
        )?;
        Ok(codes(&unsuback))
    }

    /// Publishes a message, and waits until the exchange is complete. Behind QoS 0 it waits for a
    /// PINGRESP.
    pub fn publish(&mut self, message: &Message) -> Outcome {
        let packet_id = self.start(message)?;
        match message.qos {
            QoS::AtMostOnce => self.ping(),
            QoS::AtLeastOnce => self.acknowledgement(PacketType::PubAck, packet_id),
            QoS::ExactlyOnce => {
                self.acknowledgement(PacketType::PubRec, packet_id)?;
                self.send(Packet::PubRel(Ack::new(packet_id)))?;
                self.acknowledgement(PacketType::PubComp, packet_id)
            }
        }
    }

    /// Sends the PUBLISH alone, and returns its Packet Identifier. For QoS 0 that is not sent.
    pub fn start(&mut self, message: &Message) -> Result<PacketId, Stop> {
        let lacking = match message.qos {
            QoS::AtLeastOnce => "QoS 1",
            QoS::ExactlyOnce => "QoS 2",
            QoS::AtMostOnce if message.retain => "retained messages",
            QoS::AtMostOnce => "",
        };
        let stage = self.stage;
        if let Some(reason) = stage.subject.lacks(stage.version, lacking) {
            return Err(Stop::Unsupported(reason));
        }
        if message.retain {
            let mut retained = stage.retained.borrow_mut();
            retained.push(message.topic.clone());
        }
        let packet_id = message.packet_id.unwrap_or_else(|| stage.next_packet_id());
        let topic = Some(&message.topic[..]).filter(|it| !it.is_empty());
        let topic = topic.map(TopicName::new).transpose();
        self.send(Publish {
            topic_name: topic.map_err(|it| unfit(&it))?,
            payload: &message.payload,
            retain: message.retain,
            delivery: message.delivery(packet_id),
            properties: message.properties(),
        })?;
        Ok(packet_id)
    }

    /// Waits for the answer to a packet of this client. The scenario stops if it has the code of a
    /// failure.
    pub fn acknowledgement(&mut self, packet_type: PacketType, packet_id: PacketId) -> Outcome {
        let code = self.answer(packet_type, packet_id)?;
        match code.is_failure() {
            true => Err(Stop::Unsupported(format!(
                "the broker answers with {packet_type}: {code}"
            ))),
            false => Ok(()),
        }
    }

    /// Waits for the answer to a packet of this client, and returns its code.
    pub fn answer(
        &mut self,
        packet_type: PacketType,
        packet_id: PacketId,
    ) -> Result<ReasonCode, Stop> {
        let answer = self.setup(packet_type, |packet| {
            packet.packet_type() == packet_type && packet.packet_id() == Some(packet_id)
        })?;
        Ok(codes(&answer)
            .first()
            .copied()
            .unwrap_or(ReasonCode::Success))
    }

    /// Sends a PINGREQ, and waits for its PINGRESP. The broker has then read all that this client
    /// sent before.
    pub fn ping(&mut self) -> Outcome {
        self.send(Packet::PingReq)?;
        self.setup(PacketType::PingResp, |packet| *packet == Packet::PingResp)?;
        Ok(())
    }

    /// Waits for the next message, which has to come.
    pub fn next_message(&mut self) -> Result<Message, Stop> {
        let patience = self.stage.patience();
        self.next_message_within(patience)?
            .ok_or_else(|| Stop::Missing(format!("{} receives no message", self.name)))
    }

    /// Waits for the next message, which has to be this one.
    pub fn expect(&mut self, topic: &str, payload: &str) -> Result<Message, Stop> {
        let patience = self.stage.patience();
        self.expect_within(topic, payload, patience)
    }

    /// As `expect`, if the message may take longer.
    pub fn expect_within(
        &mut self,
        topic: &str,
        payload: &str,
        time: Duration,
    ) -> Result<Message, Stop> {
        let name = self.name;
        let missing = format!("{name} does not receive the message \"{payload}\"");
        match self.next_message_within(time)? {
            None => Err(Stop::Missing(missing)),
            Some(it) if it.topic == topic && it.text() == payload => Ok(it),
            Some(it) => Err(Stop::Breach(format!(
                "{missing}, but \"{}\" of topic {}",
                it.text(),
                it.topic
            ))),
        }
    }

    /// The next message, `None` if none comes in this time, and a PINGREQ behind it is answered.
    pub fn next_message_within(&mut self, time: Duration) -> Result<Option<Message>, Stop> {
        let found = self.wait(Instant::now() + time, |packet| {
            matches!(packet, Packet::Publish(_))
        })?;
        match found {
            Some(found) => Ok(message(&found)),
            None => {
                self.ping()?;
                // it may have come before the PINGRESP
                let found = self.wait(Instant::now(), |packet| {
                    matches!(packet, Packet::Publish(_))
                })?;
                Ok(found.as_ref().and_then(message))
            }
        }
    }

    /// The messages in front of the one with this payload, which has to come.
    pub fn messages_before(&mut self, marker: &str) -> Result<Vec<Message>, Stop> {
        let mut before = Vec::new();
        loop {
            let next = self.next_message_within(self.stage.patience())?;
            let next = next.ok_or_else(|| {
                let name = self.name;
                Stop::Missing(format!("{name} does not receive the message \"{marker}\""))
            })?;
            if next.text() == marker {
                return Ok(before);
            }
            before.push(next);
        }
    }

    /// The messages that arrive in front of two PINGRESPs.
    pub fn arrived(&mut self) -> Result<Vec<Message>, Stop> {
        self.ping()?;
        let mut arrived = Vec::new();
        let settle = self.stage.patience.settle;
        while let Some(message) = self.next_message_within(settle)? {
            arrived.push(message);
        }
        Ok(arrived)
    }

    /// A breach if a message has arrived or arrives in front of two PINGRESPs. Send a marker through
    /// the broker before it, where one is possible.
    pub fn expect_nothing(&mut self) -> Outcome {
        self.ping()?;
        let settle = self.stage.patience.settle;
        let found = self.next_message_within(settle)?;
        match found {
            None => Ok(()),
            Some(it) => Err(Stop::Breach(format!(
                "{} receives the message \"{}\" of topic {}{}",
                self.name,
                it.text(),
                it.topic,
                if it.retain { " with RETAIN 1" } else { "" }
            ))),
        }
    }

    /// Waits for a packet, which has to come.
    pub fn expect_packet(
        &mut self,
        packet_type: PacketType,
        is_wanted: impl Fn(&Packet<'_>) -> bool,
    ) -> Result<Incoming, Stop> {
        let until = Instant::now() + self.stage.patience();
        match self.wait(until, is_wanted)? {
            Some(found) => Ok(found),
            None => {
                self.ping()?;
                let name = self.name;
                Err(Stop::Missing(format!(
                    "{name} does not receive a {packet_type}"
                )))
            }
        }
    }

    /// Waits for the first packet of these types.
    pub fn first_of(&mut self, types: &[PacketType]) -> Result<Option<Incoming>, Stop> {
        let until = Instant::now() + self.stage.patience();
        self.wait(until, |packet| types.contains(&packet.packet_type()))
    }

    /// Whether a packet of this type has arrived that no step has taken.
    pub fn received(&self, packet_type: PacketType) -> bool {
        let mut packets = self.inbox.iter().filter_map(Incoming::packet);
        packets.any(|it| it.packet_type() == packet_type)
    }

    /// Reads until the broker closes the connection, and returns the code of its DISCONNECT. `None`
    /// if the broker does not close it in this time.
    pub fn closed_within(&mut self, time: Duration) -> Option<Option<ReasonCode>> {
        let until = Instant::now() + time;
        loop {
            match self.read(until) {
                Read::Packet => {}
                Read::Closed => return Some(self.disconnect_code()),
                Read::Silence => return None,
            }
        }
    }

    /// Sends a DISCONNECT, and waits until the broker has closed the connection.
    pub fn disconnect(self) -> Outcome {
        self.disconnect_with(Disconnect::new(ReasonCode::Success))
    }

    /// As `disconnect`, with a code and properties of 5.0.
    pub fn disconnect_with(mut self, disconnect: Disconnect<'_>) -> Outcome {
        self.send(disconnect)?;
        let time = self.stage.patience();
        match self.closed_within(time) {
            Some(_) => Ok(()),
            // 3.1 and 3.1.1 let the client close it
            None => {
                self.connection.cut();
                Ok(())
            }
        }
    }

    /// Closes the connection without a DISCONNECT.
    pub fn cut(mut self) {
        self.connection.cut();
    }

    /// As `setup` for a packet: without it the scenario cannot go on, and shows nothing.
    fn setup(
        &mut self,
        packet_type: PacketType,
        is_wanted: impl Fn(&Packet<'_>) -> bool,
    ) -> Result<Incoming, Stop> {
        let until = Instant::now() + self.stage.patience();
        self.wait(until, is_wanted)?.ok_or_else(|| {
            let name = self.name;
            Stop::Unclear(format!(
                "the broker does not send a {packet_type} to {name}"
            ))
        })
    }

    /// The first packet that is wanted, of those that have arrived or arrive in time.
    fn wait(
        &mut self,
        until: Instant,
        is_wanted: impl Fn(&Packet<'_>) -> bool,
    ) -> Result<Option<Incoming>, Stop> {
        let mut seen = 0;
        loop {
            while let Some(incoming) = self.inbox.get(seen) {
                if incoming.packet().is_some_and(|it| is_wanted(&it)) {
                    return Ok(self.inbox.remove(seen));
                }
                seen += 1;
            }
            match self.read(until) {
                Read::Packet => {}
                Read::Silence => return Ok(None),
                Read::Closed => {
                    let name = self.name;
                    let code = self.disconnect_code();
                    return Err(match code {
                        Some(code) if is_for_a_limit(code) => Stop::Unsupported(format!(
                            "the broker closes the connection of {name}: {code}"
                        )),
                        Some(code) => Stop::Unclear(format!(
                            "the broker closes the connection of {name}: {code}"
                        )),
                        None => {
                            Stop::Unclear(format!("the broker closes the connection of {name}"))
                        }
                    });
                }
            }
        }
    }

    fn disconnect_code(&self) -> Option<ReasonCode> {
        self.inbox.iter().rev().find_map(|it| match it.packet()? {
            Packet::Disconnect(disconnect) => Some(disconnect.reason_code),
            _ => None,
        })
    }

    /// Whether a filter of this client begins with a wildcard.
    fn wants_all(&self) -> bool {
        let sent = self.connection.exchange.iter().filter(|it| !it.from_broker);
        let dialect = Dialect::from_client(self.stage.version);
        let mut packets = sent.filter_map(|it| Packet::decode(&it.bytes, dialect).ok());
        packets.any(|it| match it {
            Packet::Subscribe(subscribe) => subscribe.subscriptions.iter().any(|it| {
                let filter = it.filter.as_str();
                filter.starts_with(['#', '+'])
            }),
            _ => false,
        })
    }

    /// Reads a packet into the inbox, and answers it.
    fn read(&mut self, until: Instant) -> Read {
        match self.connection.next(until) {
            Event::Silence => return Read::Silence,
            Event::Closed { .. } => return Read::Closed,
            Event::Packet(_) => {}
        }
        let Some(passed) = self.connection.exchange.last() else {
            return Read::Packet;
        };
        let version = self.stage.version;
        let incoming = Incoming {
            bytes: passed.bytes.clone(),
            dialect: Dialect::from_server(version).waiving(Waivers::SUBACK_FAILURE),
            at: passed.at,
        };
        if self.acknowledges {
            let answer = match incoming.packet() {
                Some(Packet::Publish(publish)) => publish.delivery.answer(),
                Some(Packet::PubRel(ack)) => Some(Packet::PubComp(Ack::new(ack.packet_id))),
                _ => None,
            };
            // an answer to a packet that broke a rule may break one, too
            let _ = answer.map(|it| self.send(it));
        }
        match incoming.packet() {
            Some(Packet::Publish(it)) if self.stage.is_foreign(&it) && !self.wants_all() => {
                let breach = format!(
                    "v{version} MQTT-3.3.2-3: no subscription of {} matches the topic of a PUBLISH",
                    self.name
                );
                self.connection.breaches.push(breach);
            }
            _ => self.inbox.push_back(incoming),
        }
        Read::Packet
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        if !self.connection.is_closed() {
            self.connection.send(b"\xe0\0");
        }
        for mut passed in self.connection.exchange.drain(..) {
            passed.client = self.name;
            self.stage.exchange.borrow_mut().push(passed);
        }
        let mut breaches = self.stage.breaches.borrow_mut();
        breaches.append(&mut self.connection.breaches);
    }
}

enum Read {
    Packet,
    Closed,
    Silence,
}

/// A subscription, to change its options.
pub fn subscription(filter: &str, qos: QoS) -> Result<Subscription<'_>, Stop> {
    let filter = TopicFilter::new(filter).map_err(|it| unfit(&it))?;
    Ok(Subscription::new(filter, qos))
}

fn message(incoming: &Incoming) -> Option<Message> {
    match incoming.packet()? {
        Packet::Publish(publish) => Some(Message::of(&publish)),
        _ => None,
    }
}

fn codes(incoming: &Incoming) -> Vec<ReasonCode> {
    match incoming.packet() {
        Some(Packet::SubAck(it) | Packet::UnsubAck(it)) => it.reason_codes.iter().collect(),
        Some(
            Packet::PubAck(it) | Packet::PubRec(it) | Packet::PubRel(it) | Packet::PubComp(it),
        ) => vec![it.reason_code],
        _ => Vec::new(),
    }
}

/// Whether a DISCONNECT is about a limit or a capability of the broker.
fn is_for_a_limit(code: ReasonCode) -> bool {
    matches!(
        code as u8,
        0x83 | 0x87 | 0x89 | 0x8b | 0x93..=0x97 | 0x9a..=0x9f | 0xa1 | 0xa2
    )
}

/// A packet of a scenario that cannot be sent: a mistake of this program.
fn unfit(error: &dyn std::fmt::Debug) -> Stop {
    Stop::Unclear(format!(
        "the scenario has a packet that cannot be sent: {error:?}"
    ))
}
