//! A Client or a Server that keeps to the standards: the packets that it may send, and its state. Statements are those of
//! 3.1.1 and 5.0 if they have no version.

use mqtt_wire::{Sender, Version};

use crate::packet::{Kind, Packet};
use crate::settings::Settings;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    pub side: Sender,
    pub link: Link,
    /// The peer's own exchanges, the oldest first. Their identifiers are in use.
    pub exchanges: Vec<Exchange>,
    /// The identifiers of the other side's QoS 2 messages that are not released.
    pub received: Vec<u8>,
    /// Answers that are not sent yet, in the order in which their causes were received.
    pub owed: Vec<Packet>,
    /// How many more PUBLISH packets with QoS above 0 it may send (5.0 section 4.9).
    pub quota: i8,
    /// How many packets it has repeated on this connection.
    pub repeated: u8,
    /// Whether its Topic Alias 1 is set on this connection.
    pub alias: bool,
    /// Client: a PINGREQ is not answered. Server: it has a Session of this Client.
    pub ping: bool,
    pub session: bool,
    /// Client: an authentication that it began is not over. Server: it is its turn in an authentication.
    pub authenticating: bool,
    /// Server: it has sent AUTH, and the answer has not come.
    pub challenged: bool,
}

/// The connection, as the peer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// There was no CONNECT.
    Down,
    /// The CONNECT has no CONNACK. `clean` is its Clean Session or Clean Start.
    Asked {
        clean: bool,
    },
    Up,
    /// It is a Server that has refused the Client.
    Refused,
    /// One side has sent DISCONNECT or has closed, and this side will not send again.
    Left {
        own: bool,
        failed: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exchange {
    pub id: u8,
    pub stage: Stage,
    /// Whether its packet has to be sent again, because it was sent on an earlier connection.
    pub unsent: bool,
}

/// The packet that the exchange awaits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    PubAck,
    PubRec,
    /// None: PUBREC was received, and PUBREL is owed.
    Release,
    PubComp,
    SubAck {
        filters: u8,
    },
    UnsubAck {
        filters: u8,
    },
}

/// A packet that a peer may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Move {
    /// A packet that answers nothing.
    New(Packet),
    /// An answer that is owed, with this Reason Code of PUBREC.
    Answer { index: usize, code: u8 },
    /// The packet of an exchange again, on the same connection.
    Repeat(usize),
    /// The packet of an exchange again, on a new connection.
    Resend(usize),
    /// A packet that breaks a rule.
    Wrong(Packet),
}

impl Peer {
    pub fn new(side: Sender) -> Self {
        Self {
            side,
            link: Link::Down,
            exchanges: Vec::new(),
            received: Vec::new(),
            owed: Vec::new(),
            quota: 0,
            repeated: 0,
            alias: false,
            ping: false,
            session: false,
            authenticating: false,
            challenged: false,
        }
    }

    fn is_client(&self) -> bool {
        self.side == Sender::Client
    }

    pub fn exchange(&self, id: u8) -> Option<&Exchange> {
        self.exchanges.iter().find(|it| it.id == id)
    }

    /// The packets that the peer may send now.
    pub fn moves(&self, settings: &Settings) -> Vec<Move> {
        match (self.side, self.link) {
            (Sender::Client, Link::Down) => vec![Move::New(settings.connect)],
            (Sender::Client, Link::Asked { .. }) => self.moves_of_asking_client(settings),
            (Sender::Server, Link::Asked { .. }) => self.replies_to_connect(settings),
            (_, Link::Up) => self.moves_of_connection(settings),
            (Sender::Server, Link::Down) | (_, Link::Refused | Link::Left { .. }) => Vec::new(),
        }
    }

    /// A Client need not wait for the CONNACK (3.1.4), except with an Authentication Method: then it sends only AUTH
    /// and DISCONNECT (5.0 MQTT-3.1.2-30).
    fn moves_of_asking_client(&self, settings: &Settings) -> Vec<Move> {
        let mut moves = Vec::new();
        if settings.authentication {
            moves.extend(self.answers(settings));
        } else if settings.early {
            moves.extend(self.answers(settings));
            moves.extend(self.exchanges_again(settings));
            moves.extend(self.new_exchanges(settings));
        }
        moves.extend(self.farewells(settings));
        moves
    }

    /// A CONNACK (MQTT-3.2.0-1), or in 5.0 an AUTH with 0x18 (MQTT-4.12.0-2) to which the Client answers first.
    fn replies_to_connect(&self, settings: &Settings) -> Vec<Move> {
        let mut moves = Vec::new();
        if settings.authentication && !self.authenticating {
            return moves;
        }
        let mut reply = |present, code| {
            let mut connack = settings.connack;
            connack.kind = Kind::ConnAck { present, code };
            moves.push(Move::New(connack));
        };
        // Session Present is 1 if there is a Session (MQTT-3.2.2-2, -3); 3.1 has no such flag
        if settings.accepts {
            reply(self.session && settings.version != Version::V3_1, 0);
        }
        for code in settings.refusals {
            reply(false, *code);
        }
        if settings.authentication {
            moves.push(Move::New(settings.auth(0x18)));
        }
        moves
    }

    fn moves_of_connection(&self, settings: &Settings) -> Vec<Move> {
        let mut moves = self.answers(settings);
        moves.extend(self.exchanges_again(settings));
        moves.extend(self.new_exchanges(settings));
        moves.extend(self.authentication(settings));
        if self.is_client() && settings.pings && !self.ping {
            moves.push(Move::New(Kind::PingReq.into()));
        }
        moves.extend(self.messages_with_alias(settings));
        moves.extend(self.farewells(settings));
        moves
    }

    fn answers(&self, settings: &Settings) -> Vec<Move> {
        let mut moves = Vec::new();
        for index in 0..self.owed.len() {
            if self.may_be_next(index, settings.version) {
                moves.push(Move::Answer { index, code: 0 });
                let is_pubrec = matches!(self.owed[index].kind, Kind::PubRec { .. });
                if is_pubrec && settings.failures {
                    moves.push(Move::Answer { index, code: 0x80 });
                }
            }
        }
        moves
    }

    /// A Client sends PUBACK, PUBREC and PUBREL in the order of their causes (MQTT-4.6.0-2, -3, -4). Answers with one
    /// identifier are in order, too.
    pub fn may_be_next(&self, index: usize, version: Version) -> bool {
        let kind = self.owed[index].kind;
        let in_order = matches!(
            kind,
            Kind::PubAck { .. } | Kind::PubRec { .. } | Kind::PubRel { .. }
        );
        let by_type = in_order && self.is_client() && version != Version::V3_1;
        self.owed[..index].iter().all(|earlier| {
            earlier.kind.id() != kind.id() && !(by_type && earlier.kind.number() == kind.number())
        })
    }

    /// On a new connection of the Session, each PUBLISH and PUBREL without an answer is sent again, in order
    /// (MQTT-4.4.0-1, MQTT-4.6.0-1). On the same connection 5.0 forbids it, and 3.1 and 3.1.1 do not.
    fn exchanges_again(&self, settings: &Settings) -> Vec<Move> {
        let mut moves = Vec::new();
        let is_publish = |it: &Exchange| matches!(it.stage, Stage::PubAck | Stage::PubRec);
        for (index, exchange) in self.exchanges.iter().enumerate() {
            let overtakes = |it: &Exchange| it.unsent && is_publish(it) == is_publish(exchange);
            if exchange.unsent {
                let in_turn = !self.exchanges[..index].iter().any(overtakes);
                let has_quota = !is_publish(exchange) || self.has_quota(settings);
                if in_turn && has_quota {
                    moves.push(Move::Resend(index));
                }
            } else if self.may_repeat(exchange, settings) {
                moves.push(Move::Repeat(index));
            }
        }
        moves
    }

    fn may_repeat(&self, exchange: &Exchange, settings: &Settings) -> bool {
        let is_repeatable = match exchange.stage {
            Stage::PubAck | Stage::PubRec | Stage::PubComp => settings.version != Version::V5,
            Stage::SubAck { .. } | Stage::UnsubAck { .. } => settings.version == Version::V3_1,
            // a PUBLISH is not sent again when its PUBREC is received
            Stage::Release => false,
        };
        is_repeatable && self.repeated < settings.habits(self.side).repeats
    }

    /// A message or request takes an identifier that is not in use (3.1.1 MQTT-2.3.1-2, -4; 5.0 MQTT-2.2.1-3, -4).
    fn new_exchanges(&self, settings: &Settings) -> Vec<Move> {
        let habits = settings.habits(self.side);
        let mut moves = Vec::new();
        let releases = |id| {
            self.owed
                .iter()
                .any(|it| matches!(it.kind, Kind::PubRel { .. }) && it.kind.id() == id)
        };
        for id in (1..=habits.ids).filter(|id| self.exchange(*id).is_none() && !releases(*id)) {
            let mut send = |kind: Kind| moves.push(Move::New(kind.into()));
            for &qos in habits.qos {
                // the quota is for new messages and repeated ones (5.0 MQTT-4.9.0-2)
                if self.has_quota(settings) {
                    send(Kind::Publish {
                        qos,
                        id,
                        dup: false,
                    });
                }
            }
            if self.is_client() {
                for &filters in settings.filters {
                    let dup = false;
                    send(Kind::Subscribe { id, filters, dup });
                    send(Kind::Unsubscribe { id, filters, dup });
                }
            }
        }
        moves
    }

    fn has_quota(&self, settings: &Settings) -> bool {
        settings.receive_maximum == 0 || self.quota > 0
    }

    /// After the CONNACK the Client may begin another authentication (5.0 section 4.12.1); the Server continues or ends it.
    fn authentication(&self, settings: &Settings) -> Vec<Move> {
        match (
            settings.authentication,
            self.is_client(),
            self.authenticating,
        ) {
            (true, true, false) => vec![Move::New(settings.auth(0x19))],
            (true, false, true) => vec![
                Move::New(settings.auth(0x18)),
                Move::New(settings.auth(0x00)),
            ],
            _ => Vec::new(),
        }
    }

    /// A topic with an alias, and then the alias alone (5.0 section 3.3.2.3.4).
    fn messages_with_alias(&self, settings: &Settings) -> Vec<Move> {
        if !settings.aliases {
            return Vec::new();
        }
        let alias: &[u8] = &[0x23, 0, 1];
        let kind = Kind::Publish {
            qos: 0,
            id: 0,
            dup: false,
        };
        let sets = Packet::from(kind).with_properties(alias);
        let mut moves = vec![Move::New(sets)];
        if self.alias {
            moves.push(Move::New(sets.with_text("")));
        }
        moves
    }

    /// The Client sends DISCONNECT when it likes, in 5.0 also the Server after its CONNACK (MQTT-3.14.0-1).
    fn farewells(&self, settings: &Settings) -> Vec<Move> {
        let codes: &[u8] = match (settings.disconnects, settings.version, self.side) {
            (false, ..) => &[],
            (true, Version::V5, _) => &[0x00, 0x80],
            (true, _, Sender::Client) => &[0x00],
            (true, _, Sender::Server) => &[],
        };
        let farewell = |code: &u8| Move::New(Kind::Disconnect { code: *code }.into());
        codes.iter().map(farewell).collect()
    }

    /// Sends the packet of a move.
    pub fn perform(&mut self, chosen: Move, settings: &Settings) -> Packet {
        match chosen {
            Move::New(packet) => {
                self.has_sent(&packet);
                packet
            }
            Move::Answer { index, code } => self.answer(index, code),
            Move::Repeat(index) => {
                self.repeated += 1;
                self.again(index, settings)
            }
            Move::Resend(index) => {
                self.exchanges[index].unsent = false;
                let packet = self.again(index, settings);
                if matches!(packet.kind, Kind::Publish { .. }) {
                    self.quota -= 1;
                }
                packet
            }
            Move::Wrong(packet) => {
                self.has_sent_wrong(&packet);
                packet
            }
        }
    }

    fn has_sent(&mut self, packet: &Packet) {
        match packet.kind {
            Kind::Connect { clean } => {
                if clean {
                    self.forget_session();
                }
                self.link = Link::Asked { clean };
            }
            Kind::ConnAck { code: 0, .. } => {
                self.session = self.link == Link::Asked { clean: false };
                self.authenticating = false;
                self.link = Link::Up;
            }
            Kind::ConnAck { .. } => self.link = Link::Refused,
            Kind::Publish { qos: 0, .. } => self.alias |= packet.properties.first() == Some(&0x23),
            Kind::Publish { qos, id, .. } => {
                self.quota -= 1;
                self.open(
                    id,
                    if qos == 1 {
                        Stage::PubAck
                    } else {
                        Stage::PubRec
                    },
                );
            }
            Kind::Subscribe { id, filters, .. } => self.open(id, Stage::SubAck { filters }),
            Kind::Unsubscribe { id, filters, .. } => self.open(id, Stage::UnsubAck { filters }),
            Kind::PingReq => self.ping = true,
            Kind::Disconnect { code } => {
                let failed = code >= 0x80;
                self.link = Link::Left { own: true, failed };
            }
            Kind::Auth { code } => {
                self.authenticating = self.is_client();
                self.challenged = !self.is_client() && code == 0x18;
            }
            _ => {}
        }
    }

    fn open(&mut self, id: u8, stage: Stage) {
        let unsent = false;
        self.exchanges.push(Exchange { id, stage, unsent });
    }

    fn answer(&mut self, index: usize, code: u8) -> Packet {
        let mut packet = self.owed.remove(index);
        match &mut packet.kind {
            Kind::PubRec { id, code: sent } if code != 0 => {
                *sent = code;
                // the message is over
                self.received.retain(|it| it != id);
            }
            Kind::PubRel { id, .. } => {
                for exchange in self.exchanges.iter_mut().filter(|it| it.id == *id) {
                    if exchange.stage == Stage::Release {
                        exchange.stage = Stage::PubComp;
                    }
                }
            }
            _ => {}
        }
        packet
    }

    /// The packet of an exchange again. A PUBLISH has DUP 1 (MQTT-3.3.1-1); in 3.1 the other packets, too.
    pub fn again(&self, index: usize, settings: &Settings) -> Packet {
        let id = self.exchanges[index].id;
        let dup = settings.version == Version::V3_1;
        let kind = match self.exchanges[index].stage {
            Stage::PubAck => Kind::Publish {
                qos: 1,
                id,
                dup: true,
            },
            Stage::PubRec => Kind::Publish {
                qos: 2,
                id,
                dup: true,
            },
            Stage::Release | Stage::PubComp => Kind::PubRel { id, code: 0, dup },
            Stage::SubAck { filters } => Kind::Subscribe { id, filters, dup },
            Stage::UnsubAck { filters } => Kind::Unsubscribe { id, filters, dup },
        };
        kind.into()
    }

    /// After a packet that breaks a rule, the peer goes on in the obvious way.
    fn has_sent_wrong(&mut self, packet: &Packet) {
        let id = packet.kind.id();
        match packet.kind {
            Kind::Publish { qos: 1.., .. } if self.exchange(id).is_none() => {
                self.has_sent(packet);
            }
            Kind::ConnAck { .. } if matches!(self.link, Link::Asked { .. }) => {
                self.has_sent(packet);
            }
            Kind::Disconnect { .. } => self.has_sent(packet),
            kind => {
                let is_it = |it: &Packet| it.kind.number() == kind.number() && it.kind.id() == id;
                if let Some(index) = self.owed.iter().position(is_it) {
                    self.answer(index, 0);
                }
            }
        }
    }

    /// Whether the peer may disregard a packet: a PUBREC that its exchange does not await.
    pub fn may_ignore(&self, packet: &Packet) -> bool {
        match packet.kind {
            Kind::PubRec { id, .. } => self.exchange(id).is_none_or(|it| it.stage != Stage::PubRec),
            _ => false,
        }
    }

    /// Server: whether the Client has begun an authentication that is not over.
    pub fn has_begun_authentication(&self) -> bool {
        self.authenticating || self.challenged
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.link, Link::Refused | Link::Left { .. })
    }

    /// Receives a packet.
    pub fn receive(&mut self, packet: &Packet, settings: &Settings) {
        let is_v5 = settings.version == Version::V5;
        match packet.kind {
            Kind::Connect { clean } => self.receive_connect(clean, settings),
            Kind::ConnAck { code, present } => self.receive_connack(code, present, settings),
            Kind::Publish { qos: 0, .. } => {}
            Kind::Publish { qos: 1, id, .. } => self.owe(Kind::PubAck { id }),
            Kind::Publish { id, .. } => {
                if !self.received.contains(&id) {
                    self.received.push(id);
                    self.received.sort_unstable();
                }
                self.owe(Kind::PubRec { id, code: 0 });
            }
            Kind::PubAck { id } => self.finish(id, |it| it == Stage::PubAck, settings),
            Kind::PubRec { id, code } => self.receive_pubrec(id, code, settings),
            Kind::PubRel { id, .. } => {
                let is_known = self.received.contains(&id);
                self.received.retain(|it| *it != id);
                // Packet Identifier not found (5.0 section 3.7.2.1)
                let code = if is_v5 && !is_known { 0x92 } else { 0 };
                self.owe(Kind::PubComp { id, code });
            }
            Kind::PubComp { id, .. } => self.finish(id, |it| it == Stage::PubComp, settings),
            Kind::Subscribe { id, filters, .. } => self.owe(Kind::SubAck { id, codes: filters }),
            Kind::Unsubscribe { id, filters, .. } => {
                self.owe(Kind::UnsubAck { id, codes: filters })
            }
            Kind::SubAck { id, .. } => {
                self.finish(id, |it| matches!(it, Stage::SubAck { .. }), settings);
            }
            Kind::UnsubAck { id, .. } => {
                self.finish(id, |it| matches!(it, Stage::UnsubAck { .. }), settings);
            }
            Kind::PingReq => self.owe(Kind::PingResp),
            Kind::PingResp => self.ping = false,
            Kind::Disconnect { .. } => {
                self.link = Link::Left {
                    own: false,
                    failed: false,
                }
            }
            // an AUTH without an Authentication Method in the CONNECT is not answered (5.0 MQTT-4.12.0-7)
            Kind::Auth { .. } if !settings.authentication => {}
            Kind::Auth { code } => match (self.is_client(), code) {
                (true, 0x18) => self.owed.push(settings.auth(0x18)),
                (true, _) => self.authenticating = false,
                (false, _) => {
                    self.authenticating = true;
                    self.challenged = false;
                }
            },
        }
    }

    fn owe(&mut self, kind: Kind) {
        self.owed.push(kind.into());
    }

    fn receive_connect(&mut self, clean: bool, settings: &Settings) {
        if self.link == Link::Down {
            if clean || !self.session {
                self.forget_session();
            }
            self.link = Link::Asked { clean };
            self.quota = settings.receive_maximum;
            self.authenticating = settings.authentication;
        }
    }

    fn receive_connack(&mut self, code: u8, present: bool, settings: &Settings) {
        let Link::Asked { .. } = self.link else {
            return;
        };
        if code != 0 {
            self.link = Link::Left {
                own: false,
                failed: false,
            };
            return;
        }
        // a Client discards its Session if the Server has none (5.0 MQTT-3.2.2-5); packets of this connection stay
        if !present && settings.version != Version::V3_1 {
            self.exchanges.retain(|it| !it.unsent);
            self.received.clear();
            self.owed.clear();
        }
        self.link = Link::Up;
        self.quota = settings.receive_maximum;
    }

    fn receive_pubrec(&mut self, id: u8, code: u8, settings: &Settings) {
        let exchange = self.exchanges.iter_mut().find(|it| it.id == id);
        let stage = exchange.as_ref().map(|it| it.stage);
        if code >= 0x80 {
            // the message is over (5.0 section 4.3.3)
            return self.finish(id, |it| it == Stage::PubRec, settings);
        }
        // Packet Identifier not found (5.0 section 3.6.2.1)
        let is_known = matches!(stage, Some(Stage::PubRec | Stage::Release | Stage::PubComp));
        let is_unknown = settings.version == Version::V5 && !is_known;
        let code = if is_unknown { 0x92 } else { 0 };
        if let Some(exchange) = exchange
            && exchange.stage == Stage::PubRec
        {
            exchange.stage = Stage::Release;
            exchange.unsent = false;
        }
        let dup = false;
        self.owe(Kind::PubRel { id, code, dup });
    }

    /// Ends an exchange at such a stage. In 5.0 the quota grows, up to its first value (section 4.9).
    fn finish(&mut self, id: u8, awaits: impl Fn(Stage) -> bool, settings: &Settings) {
        let is_it = |it: &Exchange| it.id == id && awaits(it.stage);
        let Some(index) = self.exchanges.iter().position(is_it) else {
            return;
        };
        let ended = self.exchanges.remove(index);
        if !matches!(ended.stage, Stage::SubAck { .. } | Stage::UnsubAck { .. }) {
            self.quota = (self.quota + 1).min(settings.receive_maximum);
        }
    }

    /// The connection breaks. The Session keeps messages that are not finished, and no requests.
    pub fn lose_connection(&mut self, settings: &Settings) {
        let is_message =
            |it: &Exchange| !matches!(it.stage, Stage::SubAck { .. } | Stage::UnsubAck { .. });
        self.exchanges.retain(is_message);
        for exchange in &mut self.exchanges {
            exchange.unsent = true;
            if exchange.stage == Stage::Release {
                exchange.stage = Stage::PubComp;
            }
        }
        // an answer that was not sent may be sent on the next connection
        self.owed.retain(|it| {
            let kind = it.kind;
            settings.late
                && matches!(
                    kind,
                    Kind::PubAck { .. } | Kind::PubRec { .. } | Kind::PubComp { .. }
                )
        });
        self.link = Link::Down;
        self.quota = 0;
        self.repeated = 0;
        self.alias = false;
        self.ping = false;
        self.authenticating = false;
        self.challenged = false;
    }

    pub fn forget_session(&mut self) {
        self.exchanges.clear();
        self.received.clear();
        self.owed.clear();
        self.session = false;
    }
}
