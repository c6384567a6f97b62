//! Generates conversations: step by step, each one allowed after the steps before it.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_wire::{
    Delivery, Dialect, PacketId, PacketType, PropertyId, QoS, ReasonCode, Sender, SubscriptionId,
    TopicFilter, Version,
};

use super::{Chooser, ErrorBudget, PacketGenerator};
use crate::property::has;
use crate::{
    Ack, Auth, ConnAck, Connect, Conversation, Disconnect, Packet, Property, Publish, SubAck,
    Unsubscribe,
};

/// Both sides of a connection: everything that decides which step is allowed next.
pub(super) struct ConversationGenerator<C> {
    maker: PacketGenerator<C>,
    version: Version,
    /// The errors in the order and in the content of packets. Each packet by itself is valid.
    errors: ErrorBudget,
    packets: Vec<(Sender, Packet)>,
    client: Side,
    server: Side,
    request: Request,
    service: Service,
    /// In the order in which they reached their stage.
    exchanges: Vec<Exchange>,
    /// The highest QoS that was granted to a subscription.
    granted: Option<QoS>,
    subscription_ids: Vec<SubscriptionId>,
}

/// The limits that a side announced as a receiver, and the Topic Aliases that it set as a sender.
struct Side {
    receive_maximum: u16,
    maximum_packet_size: u32,
    topic_alias_maximum: u16,
    aliases: Vec<NonZeroU16>,
}

impl Side {
    const fn new() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            aliases: Vec::new(),
        }
    }

    fn announce(&mut self, properties: &[Property]) {
        for property in properties {
            match property {
                Property::ReceiveMaximum(value) => self.receive_maximum = value.get(),
                Property::MaximumPacketSize(value) => self.maximum_packet_size = value.get(),
                Property::TopicAliasMaximum(value) => self.topic_alias_maximum = *value,
                _ => {}
            }
        }
    }
}

/// The requests in CONNECT.
struct Request {
    session_outlives: bool,
    problem_information: bool,
    method: Option<String>,
}

/// The features that the Server offers.
struct Service {
    maximum_qos: QoS,
    retain: bool,
    wildcards: bool,
    subscription_ids: bool,
    shared: bool,
}

struct Exchange {
    owner: Sender,
    packet_id: PacketId,
    stage: Stage,
    /// The packet that awaits an answer. It may be repeated.
    question: Packet,
    /// Whether the question is a repetition, so that its owner does not wait for an answer to it.
    is_copy: bool,
}

impl Exchange {
    fn answerer(&self) -> Sender {
        match self.stage {
            Stage::PubAck | Stage::PubRec | Stage::PubComp => self.owner.other(),
            Stage::PubRel => self.owner,
            Stage::SubAck(_) | Stage::UnsubAck(_) => Sender::Server,
        }
    }
}

/// The packet that comes next.
#[derive(Clone, PartialEq)]
enum Stage {
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    /// With the QoS of each filter.
    SubAck(Vec<QoS>),
    /// With the number of filters.
    UnsubAck(usize),
}

impl<C: Chooser> ConversationGenerator<C> {
    pub(super) fn new(version: Version, chooser: C, errors: ErrorBudget) -> Self {
        Self {
            maker: PacketGenerator::new(chooser, Dialect::from_client(version), ErrorBudget::NONE),
            version,
            errors,
            packets: Vec::new(),
            client: Side::new(),
            server: Side::new(),
            request: Request {
                session_outlives: false,
                problem_information: true,
                method: None,
            },
            service: Service {
                maximum_qos: QoS::ExactlyOnce,
                retain: true,
                wildcards: true,
                subscription_ids: true,
                shared: true,
            },
            exchanges: Vec::new(),
            granted: None,
            subscription_ids: Vec::new(),
        }
    }

    pub(super) fn conversation(mut self) -> Conversation {
        if self.open() || self.breaks_rule() {
            let (one_in, most) = self.maker.chooser.choose((8, 30), &[(16, 60), (100, 300)]);
            for _ in 0..most {
                let start = self.maker.chooser.position();
                if self.below(one_in) == 0 || !self.step() && !self.breaks_rule() {
                    break;
                }
                self.maker.chooser.mark_part(start, true);
            }
        }
        while self.errors.left > 0 && self.packets.len() > 1 {
            self.errors.left -= 1;
            self.disturb();
            if self.below(2) == 0 {
                break;
            }
        }
        Conversation {
            version: self.version,
            packets: self.packets,
        }
    }

    // ---- opening ---------------------------------------------------------------------------

    /// CONNECT to CONNACK. Returns whether the Server accepts the connection.
    fn open(&mut self) -> bool {
        let Packet::Connect(mut connect) = self.make(Sender::Client, PacketType::Connect) else {
            return false;
        };
        with_room(&mut connect.properties);
        if !self.send(Sender::Client, Packet::Connect(connect.clone())) {
            return false;
        }
        self.client.announce(&connect.properties);
        let mut response_information = false;
        for property in &connect.properties {
            match property {
                Property::SessionExpiryInterval(value) => {
                    self.request.session_outlives = *value > 0;
                }
                Property::RequestProblemInformation(value) => {
                    self.request.problem_information = *value;
                }
                Property::RequestResponseInformation(value) => response_information = *value,
                Property::AuthenticationMethod(name) => {
                    self.request.method = Some(name.clone());
                }
                _ => {}
            }
        }
        if self.request.method.is_some() || self.is_v5() && self.breaks_rule() {
            self.authenticate();
        }
        self.accept(&connect, response_information)
    }

    /// CONNACK. Returns whether it accepts the connection.
    fn accept(&mut self, connect: &Connect, response_information: bool) -> bool {
        let Packet::ConnAck(mut connack) = self.make(Sender::Server, PacketType::ConnAck) else {
            return false;
        };
        if self.below(8) < 7 {
            connack.reason_code = ReasonCode::Success;
        }
        let accepted = connack.reason_code == ReasonCode::Success;
        let is_simple = (1..=23).contains(&connect.client_id.len())
            && connect
                .client_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric());
        if is_simple && !accepted {
            connack.reason_code = match connack.reason_code {
                _ if self.breaks_rule() => ReasonCode::ClientIdentifierNotValid,
                ReasonCode::ClientIdentifierNotValid => ReasonCode::ServerUnavailable,
                other => other,
            };
        }
        let has_session = self.maker.chooser.flag() && self.version != Version::V3_1;
        connack.session_present =
            accepted && has_session && (!connect.clean_start || self.breaks_rule());
        self.fit_connack(&mut connack, connect, response_information);
        with_room(&mut connack.properties);
        if !self.send(Sender::Server, Packet::ConnAck(connack.clone())) {
            return false;
        }
        self.server.announce(&connack.properties);
        for property in &connack.properties {
            match property {
                Property::MaximumQoS(value) => self.service.maximum_qos = *value,
                Property::RetainAvailable(value) => self.service.retain = *value,
                Property::WildcardSubscriptionAvailable(value) => self.service.wildcards = *value,
                Property::SubscriptionIdentifierAvailable(value) => {
                    self.service.subscription_ids = *value;
                }
                Property::SharedSubscriptionAvailable(value) => self.service.shared = *value,
                _ => {}
            }
        }
        accepted
    }

    /// Changes the properties of CONNACK that depend on CONNECT.
    fn fit_connack(&mut self, connack: &mut ConnAck, connect: &Connect, informs: bool) {
        use PropertyId as Id;

        if !self.is_v5() {
            return;
        }
        let accepted = connack.reason_code == ReasonCode::Success;
        let will = connect.will.as_ref();
        let (will_qos, will_retain) =
            will.map_or((QoS::AtMostOnce, false), |will| (will.qos, will.retain));
        connack.properties.retain(|property| match property {
            Property::MaximumQoS(qos) => *qos >= will_qos || self.breaks_rule(),
            Property::RetainAvailable(false) => !will_retain || self.breaks_rule(),
            Property::ResponseInformation(_) => informs || self.breaks_rule(),
            Property::AssignedClientIdentifier(_) => connect.client_id.is_empty(),
            _ => true,
        });
        if connect.client_id.is_empty()
            && accepted
            && !has(&connack.properties, Id::AssignedClientIdentifier)
            && !self.breaks_rule()
        {
            let assigned = self.maker.property(Id::AssignedClientIdentifier);
            connack.properties.push(assigned);
        }
        self.fit_method(&mut connack.properties);
    }

    /// Sets the Authentication Method of CONNECT, or removes the authentication.
    fn fit_method(&mut self, properties: &mut Vec<Property>) {
        if self.breaks_rule() {
            return;
        }
        properties.retain(|property| match property.id() {
            PropertyId::AuthenticationMethod => false,
            PropertyId::AuthenticationData => self.request.method.is_some(),
            _ => true,
        });
        if let Some(method) = &self.request.method {
            properties.push(Property::AuthenticationMethod(method.clone()));
        }
    }

    // ---- steps -----------------------------------------------------------------------------

    /// Returns whether the connection stays open.
    fn step(&mut self) -> bool {
        // only 3.1 and 3.1.1 repeat within a connection
        let steps = if self.is_v5() { 16 } else { 18 };
        match self.below(steps) {
            0 => {
                self.send(Sender::Client, Packet::PingReq);
                self.send(Sender::Server, Packet::PingResp);
            }
            1..3 => self.publish(Sender::Client),
            3..6 => {
                if self.granted.is_some() || self.breaks_rule() {
                    self.publish(Sender::Server);
                }
            }
            6..11 => self.answer(),
            11..13 => self.subscribe(),
            13 => self.unsubscribe(),
            14 => self.authenticate_again(),
            16.. => self.repeat(),
            _ => return self.below(4) != 3 || !self.disconnect(),
        }
        true
    }

    fn publish(&mut self, sender: Sender) {
        let Packet::Publish(mut publish) = self.make(sender, PacketType::Publish) else {
            return;
        };
        let mut highest = match sender {
            Sender::Client => self.service.maximum_qos,
            Sender::Server => self.granted.unwrap_or(QoS::AtMostOnce),
        };
        let receive_maximum = usize::from(self.side(sender.other()).receive_maximum);
        if self.open_messages(sender) >= receive_maximum && !self.breaks_rule() {
            highest = QoS::AtMostOnce;
        }
        let qos = publish.delivery.qos();
        let qos = if qos > highest && self.breaks_rule() {
            qos
        } else {
            qos.min(highest)
        };
        let packet_id = match publish.delivery.packet_id() {
            Some(packet_id) => self.free_id(sender, packet_id),
            None => PacketId::MIN,
        };
        let dup = false; // the message is sent for the first time
        publish.delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
        };
        if sender == Sender::Client && publish.retain && !self.service.retain {
            publish.retain = self.breaks_rule();
        }
        let known = &self.subscription_ids;
        publish.properties.retain(|property| match property {
            Property::SubscriptionIdentifier(id) => known.contains(id),
            _ => true,
        });
        let alias = self.fit_alias(sender, &mut publish);
        let packet = Packet::Publish(publish);
        if !self.send(sender, packet.clone()) {
            return;
        }
        if let Some(alias) = alias {
            self.side_mut(sender).aliases.push(alias);
        }
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.begin(sender, packet_id, Stage::PubAck, packet),
            QoS::ExactlyOnce => self.begin(sender, packet_id, Stage::PubRec, packet),
        }
    }

    /// Keeps the Topic Alias within the receiver's maximum. Returns the alias if the packet sets
    /// it: then the packet has a topic name too.
    fn fit_alias(&mut self, sender: Sender, publish: &mut Publish) -> Option<NonZeroU16> {
        let maximum = self.side(sender.other()).topic_alias_maximum;
        let mut properties = std::mem::take(&mut publish.properties);
        let mut alias = None;
        properties.retain_mut(|property| {
            let Property::TopicAlias(value) = property else {
                return true;
            };
            if maximum > 0 && !self.breaks_rule() {
                // few aliases, so that the packets use them again
                let small = 1 + value.get() % maximum.min(4);
                *value = NonZeroU16::new(small).unwrap_or(NonZeroU16::MIN);
            } else if maximum == 0 && !self.breaks_rule() {
                return false;
            }
            alias = Some(*value);
            true
        });
        publish.properties = properties;
        let is_set = alias.is_some_and(|alias| self.side(sender).aliases.contains(&alias));
        // without an alias the packet would not be valid by itself
        if publish.topic_name.is_none() && !is_set && (alias.is_none() || !self.breaks_rule()) {
            publish.topic_name = Some(self.maker.topic_name());
        }
        alias.filter(|_| publish.topic_name.is_some())
    }

    /// The next packet of an open exchange.
    fn answer(&mut self) {
        let count = u32::try_from(self.exchanges.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return;
        }
        let chosen = self.below(count) as usize;
        let first = self.first_to_answer(chosen);
        let index = if first != chosen && self.breaks_rule() {
            chosen
        } else {
            first
        };
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        let (owner, packet_id) = (exchange.owner, exchange.packet_id);
        let (answerer, stage) = (exchange.answerer(), exchange.stage.clone());
        let packet_type = match stage {
            Stage::PubAck => PacketType::PubAck,
            Stage::PubRec => PacketType::PubRec,
            Stage::PubRel => PacketType::PubRel,
            Stage::PubComp => PacketType::PubComp,
            Stage::SubAck(_) => PacketType::SubAck,
            Stage::UnsubAck(_) => PacketType::UnsubAck,
        };
        let packet = match self.make(answerer, packet_type) {
            Packet::PubAck(ack) => Packet::PubAck(Ack { packet_id, ..ack }),
            Packet::PubRec(ack) => Packet::PubRec(Ack { packet_id, ..ack }),
            // any other code would mean: there is no such message
            Packet::PubRel(ack) => Packet::PubRel(Ack {
                packet_id,
                reason_code: ReasonCode::Success,
                ..ack
            }),
            Packet::PubComp(ack) => Packet::PubComp(Ack {
                packet_id,
                reason_code: ReasonCode::Success,
                ..ack
            }),
            Packet::SubAck(suback) => Packet::SubAck(SubAck {
                packet_id,
                reason_codes: self.grant(&stage),
                ..suback
            }),
            Packet::UnsubAck(unsuback) => Packet::UnsubAck(SubAck {
                packet_id,
                reason_codes: self.grant(&stage),
                ..unsuback
            }),
            other => other,
        };
        if !self.send(answerer, packet.clone()) {
            return;
        }
        let next = match &packet {
            Packet::PubRec(ack) if !ack.reason_code.is_failure() => Some(Stage::PubRel),
            Packet::PubRel(_) => Some(Stage::PubComp),
            Packet::SubAck(suback) => {
                let granted = suback.reason_codes.iter();
                let granted = granted.filter_map(|code| QoS::try_from(*code as u8).ok());
                self.granted = granted.chain(self.granted).max();
                None
            }
            _ => None,
        };
        let answered = self.settle(index);
        if let Some(stage) = next {
            self.begin(owner, packet_id, stage, packet);
            if let (Some(next), Some(answered)) = (self.exchanges.last_mut(), &answered) {
                next.is_copy = answered.is_copy;
            }
        }
        if let Some(answered) = answered {
            self.cross(answered);
        }
    }

    /// The exchange that has to be answered before the one at `index`, or that one. A side answers
    /// the packets of an exchange in their order, and a Client all messages in theirs.
    fn first_to_answer(&self, mut index: usize) -> usize {
        loop {
            let Some(this) = self.exchanges.get(index) else {
                return index;
            };
            let answerer = this.answerer();
            let comes_first = |it: &Exchange| {
                let in_order = answerer == Sender::Client && it.stage == this.stage;
                it.owner == this.owner
                    && it.answerer() == answerer
                    && (it.packet_id == this.packet_id || in_order)
            };
            match self.exchanges.iter().position(comes_first) {
                Some(first) if first < index => index = first,
                _ => return index,
            }
        }
    }

    /// Removes an exchange that was answered. Its owner takes the first answer for the one that it
    /// waits for, whichever copy it is for.
    fn settle(&mut self, index: usize) -> Option<Exchange> {
        if index >= self.exchanges.len() {
            return None;
        }
        let mut answered = self.exchanges.remove(index);
        let is_awaited = |it: &&mut Exchange| {
            let same_id = it.owner == answered.owner && it.packet_id == answered.packet_id;
            same_id && it.stage == answered.stage && !it.is_copy
        };
        if answered.is_copy {
            if let Some(awaited) = self.exchanges.iter_mut().find(is_awaited) {
                awaited.is_copy = true;
                answered.is_copy = false;
            }
        }
        Some(answered)
    }

    /// Repeats a packet that was not answered yet.
    fn repeat(&mut self) {
        let count = u32::try_from(self.exchanges.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return;
        }
        let index = self.below(count) as usize;
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        if !exchange.is_copy {
            let (owner, stage) = (exchange.owner, exchange.stage.clone());
            let (packet_id, question) = (exchange.packet_id, exchange.question.clone());
            self.send_again(owner, packet_id, stage, question);
        }
    }

    /// A packet may be repeated before its answer reaches its sender.
    fn cross(&mut self, answered: Exchange) {
        if self.is_v5() || answered.is_copy || self.below(4) != 3 {
            return;
        }
        let Exchange {
            owner,
            packet_id,
            stage,
            question,
            ..
        } = answered;
        self.send_again(owner, packet_id, stage, question);
    }

    fn send_again(
        &mut self,
        owner: Sender,
        packet_id: PacketId,
        stage: Stage,
        mut question: Packet,
    ) {
        match (&stage, &mut question) {
            (Stage::PubAck | Stage::PubRec, Packet::Publish(publish)) => {
                if let Delivery::AtLeastOnce { dup, .. } | Delivery::ExactlyOnce { dup, .. } =
                    &mut publish.delivery
                {
                    *dup = true;
                }
            }
            (Stage::PubComp, Packet::PubRel(_)) => {}
            (Stage::SubAck(_) | Stage::UnsubAck(_), _) if self.version == Version::V3_1 => {}
            _ => return,
        }
        if self.send(owner, question.clone()) {
            self.begin(owner, packet_id, stage, question);
            if let Some(copy) = self.exchanges.last_mut() {
                copy.is_copy = true;
            }
        }
    }

    /// A code for each filter: at most the requested QoS, and at most the maximum of the Server.
    fn grant(&mut self, stage: &Stage) -> Vec<ReasonCode> {
        let mut codes: Vec<_> = match stage {
            Stage::SubAck(asked) => asked
                .iter()
                .map(|asked| {
                    let code = self.maker.reason_code(PacketType::SubAck);
                    let highest = (*asked).min(self.service.maximum_qos);
                    match QoS::try_from(code as u8).map(|granted| granted.min(highest)) {
                        Ok(QoS::AtMostOnce) => ReasonCode::GRANTED_QOS_0,
                        Ok(QoS::AtLeastOnce) => ReasonCode::GrantedQos1,
                        Ok(QoS::ExactlyOnce) => ReasonCode::GrantedQos2,
                        Err(_) => code,
                    }
                })
                .collect(),
            Stage::UnsubAck(filters) if self.is_v5() => (0..*filters)
                .map(|_| self.maker.reason_code(PacketType::UnsubAck))
                .collect(),
            _ => return Vec::new(),
        };
        if self.breaks_rule() {
            codes.push(ReasonCode::Success);
        }
        codes
    }

    fn subscribe(&mut self) {
        let Packet::Subscribe(mut subscribe) = self.make(Sender::Client, PacketType::Subscribe)
        else {
            return;
        };
        for subscription in &mut subscribe.subscriptions {
            let Ok(filter) = TopicFilter::new(&subscription.filter) else {
                continue;
            };
            let is_served =
                (self.service.wildcards || !filter.has_wildcard() || self.breaks_rule())
                    && (self.service.shared || filter.shared().is_none() || self.breaks_rule());
            if !is_served {
                subscription.filter = self.maker.topic_name().replace("$share/", "");
                if subscription.filter.is_empty() {
                    subscription.filter.push('t');
                }
            }
        }
        if !self.service.subscription_ids {
            subscribe.properties.retain(|property| {
                property.id() != PropertyId::SubscriptionIdentifier || self.breaks_rule()
            });
        }
        let packet_id = self.free_id(Sender::Client, subscribe.packet_id);
        subscribe.packet_id = packet_id;
        let subscriptions = subscribe.subscriptions.iter();
        let stage = Stage::SubAck(subscriptions.map(|it| it.options.qos).collect());
        if !self.send(Sender::Client, Packet::Subscribe(subscribe.clone())) {
            return;
        }
        self.subscription_ids
            .extend(
                subscribe
                    .properties
                    .iter()
                    .filter_map(|property| match property {
                        Property::SubscriptionIdentifier(id) => Some(*id),
                        _ => None,
                    }),
            );
        let question = Packet::Subscribe(subscribe);
        self.begin(Sender::Client, packet_id, stage, question);
    }

    fn unsubscribe(&mut self) {
        let Packet::Unsubscribe(unsubscribe) = self.make(Sender::Client, PacketType::Unsubscribe)
        else {
            return;
        };
        let packet_id = self.free_id(Sender::Client, unsubscribe.packet_id);
        let stage = Stage::UnsubAck(unsubscribe.topic_filters.len());
        let unsubscribe = Unsubscribe {
            packet_id,
            ..unsubscribe
        };
        let question = Packet::Unsubscribe(unsubscribe);
        if self.send(Sender::Client, question.clone()) {
            self.begin(Sender::Client, packet_id, stage, question);
        }
    }

    /// The Client starts, both sides may continue, and the Server ends.
    fn authenticate_again(&mut self) {
        if !self.is_v5() || self.request.method.is_none() && !self.breaks_rule() {
            return;
        }
        if !self.breaks_rule() && !self.auth(Sender::Client, ReasonCode::ReAuthenticate) {
            return;
        }
        self.authenticate();
        self.auth(Sender::Server, ReasonCode::Success);
    }

    /// Up to two rounds of AUTH from both sides.
    fn authenticate(&mut self) {
        for _ in 0..2 {
            let start = self.maker.chooser.position();
            if self.below(2) == 0 {
                return;
            }
            for sender in [Sender::Server, Sender::Client] {
                self.auth(sender, ReasonCode::ContinueAuthentication);
            }
            self.maker.chooser.mark_part(start, true);
        }
    }

    fn auth(&mut self, sender: Sender, reason_code: ReasonCode) -> bool {
        let Packet::Auth(auth) = self.make(sender, PacketType::Auth) else {
            return false;
        };
        let mut properties = auth.properties;
        if self.request.method.is_some() {
            self.fit_method(&mut properties);
        }
        let reason_code = if self.breaks_rule() {
            auth.reason_code
        } else {
            reason_code
        };
        let auth = Auth {
            reason_code,
            properties,
        };
        self.send(sender, Packet::Auth(auth))
    }

    /// Returns whether one side sent DISCONNECT.
    fn disconnect(&mut self) -> bool {
        let sender = if self.is_v5() && self.maker.chooser.flag() {
            Sender::Server
        } else {
            Sender::Client
        };
        let Packet::Disconnect(Disconnect {
            reason_code,
            mut properties,
        }) = self.make(sender, PacketType::Disconnect)
        else {
            return false;
        };
        if !self.request.session_outlives {
            properties.retain(|property| {
                property.id() != PropertyId::SessionExpiryInterval || self.breaks_rule()
            });
        }
        let disconnect = Disconnect {
            reason_code,
            properties,
        };
        self.send(sender, Packet::Disconnect(disconnect))
    }

    // ---- errors ----------------------------------------------------------------------------

    /// Breaks the conversation in one place: removes, moves, repeats, inserts or changes a packet.
    fn disturb(&mut self) {
        let count = u32::try_from(self.packets.len()).unwrap_or(u32::MAX);
        let index = self.below(count) as usize;
        let other = self.below(count) as usize;
        match self.below(5) {
            0 => drop(self.packets.remove(index)),
            1 => self.packets.swap(index, other),
            2 => {
                let Some(mut packet) = self.packets.get(index).cloned() else {
                    return;
                };
                if let (_, Packet::Publish(publish)) = &mut packet {
                    if let Delivery::AtLeastOnce { dup, .. } | Delivery::ExactlyOnce { dup, .. } =
                        &mut publish.delivery
                    {
                        *dup = self.maker.chooser.flag();
                    }
                }
                self.packets.insert(other.max(index), packet);
            }
            3 => {
                let ping = (Sender::Client, Packet::PingReq);
                self.packets.insert(other, ping);
            }
            _ => {
                if let Some((_, packet)) = self.packets.get_mut(index) {
                    *packet = match packet.clone() {
                        Packet::PubAck(ack) => Packet::PubRec(ack),
                        Packet::PubRec(ack) => Packet::PubAck(ack),
                        other => other,
                    };
                }
            }
        }
    }

    fn breaks_rule(&mut self) -> bool {
        self.errors.breaks_rule(&mut self.maker.chooser)
    }

    // ---- parts -----------------------------------------------------------------------------

    fn below(&mut self, end: u32) -> u32 {
        self.maker.chooser.below(end)
    }

    fn is_v5(&self) -> bool {
        self.version == Version::V5
    }

    fn make(&mut self, sender: Sender, packet_type: PacketType) -> Packet {
        self.maker.dialect = Dialect::new(self.version, sender);
        self.maker.room = 300;
        self.maker.packet(packet_type)
    }

    /// Sends the packet if it is allowed. Returns whether it did.
    fn send(&mut self, sender: Sender, mut packet: Packet) -> bool {
        if sender == Sender::Server && !self.request.problem_information && !self.breaks_rule() {
            leave_out_problem_information(&mut packet);
        }
        let dialect = Dialect::new(self.version, sender);
        let length = packet.lend(dialect, |packet| packet.encoded_len(dialect));
        let Ok(Ok(length)) = length else {
            return false;
        };
        let maximum = self.side(sender.other()).maximum_packet_size;
        if u32::try_from(length).unwrap_or(u32::MAX) > maximum && !self.breaks_rule() {
            return false;
        }
        self.packets.push((sender, packet));
        true
    }

    fn begin(&mut self, owner: Sender, packet_id: PacketId, stage: Stage, question: Packet) {
        self.exchanges.push(Exchange {
            owner,
            packet_id,
            stage,
            question,
            is_copy: false,
        });
    }

    /// The first identifier from `packet_id` on that `owner` does not use.
    fn free_id(&mut self, owner: Sender, mut packet_id: PacketId) -> PacketId {
        let is_used = |packet_id| {
            let mut exchanges = self.exchanges.iter();
            // a copy may be answered later, but its owner sends each PUBREL before the next use
            let is_open = |it: &Exchange| !it.is_copy || it.stage == Stage::PubRel;
            exchanges.any(|it| it.owner == owner && it.packet_id == packet_id && is_open(it))
        };
        if is_used(packet_id) && self.errors.breaks_rule(&mut self.maker.chooser) {
            return packet_id;
        }
        while is_used(packet_id) {
            packet_id = packet_id.next();
        }
        packet_id
    }

    fn open_messages(&self, owner: Sender) -> usize {
        let exchanges = self.exchanges.iter().filter(|it| it.owner == owner);
        exchanges
            .filter(|it| !matches!(it.stage, Stage::SubAck(_) | Stage::UnsubAck(_)))
            .count()
    }

    const fn side(&self, sender: Sender) -> &Side {
        match sender {
            Sender::Client => &self.client,
            Sender::Server => &self.server,
        }
    }

    const fn side_mut(&mut self, sender: Sender) -> &mut Side {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }
}

/// Raises a Maximum Packet Size so small that the other side could hardly send anything.
fn with_room(properties: &mut [Property]) {
    const ENOUGH: NonZeroU32 = match NonZeroU32::new(64) {
        Some(size) => size,
        None => NonZeroU32::MAX,
    };
    for property in properties {
        if let Property::MaximumPacketSize(size) = property {
            *size = ENOUGH.max(*size);
        }
    }
}

/// Removes Reason String and User Properties, which only CONNACK, DISCONNECT and PUBLISH may have
/// if the Client asked for no Problem Information.
fn leave_out_problem_information(packet: &mut Packet) {
    let properties = match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &mut ack.properties
        }
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => &mut suback.properties,
        Packet::Auth(auth) => &mut auth.properties,
        _ => return,
    };
    properties.retain(|property| {
        !matches!(
            property.id(),
            PropertyId::ReasonString | PropertyId::UserProperty
        )
    });
}
