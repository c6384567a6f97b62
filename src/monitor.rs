//! Rules that need more than one packet: a passive checker of a whole conversation.

mod breach;
mod exchange;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::num::NonZeroU16;
use core::time::Duration;

pub use self::breach::{Breach, BreachKind};
pub use self::exchange::Exchange;

use self::exchange::{Aliases, Exchanges, Stage, Store};
use crate::data::{PacketId, QoS, Utf8Str};
use crate::dialect::{Dialect, Sender, Version};
use crate::packet::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, Publish, SubAck, Subscribe,
};
use crate::property::{Properties, Property};
use crate::property_id::PropertyId;
use crate::reason_code::ReasonCode;

/// Watches the packets of one connection, of both directions, and reports what breaks a rule that
/// no single packet shows.
///
/// It is fed decoded packets in the order in which they pass, never waits, and changes nothing.
/// What an earlier connection of the same Session left open it takes on trust.
///
/// ```
/// use mqtt_wire::monitor::Monitor;
/// use mqtt_wire::{Dialect, Packet, Version};
///
/// let client = Dialect::from_client(Version::V3_1_1);
/// let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p";
/// let packet = Packet::decode(connect, client)?;
///
/// let mut monitor = Monitor::new();
/// let mut breaches = Vec::new();
/// for _ in 0..2 {
///     monitor.observe(client, &packet, connect.len(), |breach| breaches.push(breach));
/// }
/// assert_eq!(breaches.len(), 1);
/// assert_eq!(
///     breaches[0].to_string(),
///     "Client, CONNECT: a second CONNECT on one connection [v3.1.1 MQTT-3.1.0-2]"
/// );
/// # Ok::<(), mqtt_wire::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Monitor<'s> {
    version: Version,
    phase: Phase,
    /// Whether exchanges may be older than what was observed.
    resumed: bool,
    /// Whether the beginning was not seen.
    joined: bool,
    request: Request,
    service: Service,
    client: Side<'s>,
    server: Side<'s>,
    exchanges: Exchanges<'s>,
    /// The Authentication Method of the CONNECT.
    method: Option<Method>,
    /// Whether the Client has begun to authenticate again.
    authenticating_again: bool,
    /// When the Client was heard last.
    last_heard: Option<Duration>,
}

/// Storage for a [`Monitor`] without an allocator. What has no room is not checked.
///
/// A conversation that breaks no rule has no breach either way. Of one that does, less storage may
/// show another packet than more: where the first use of a Packet Identifier had no room, the
/// second is taken for the first.
#[derive(Debug)]
pub struct Storage<'s> {
    /// One place for each Packet Identifier in use at the same time, of both sides together.
    pub exchanges: &'s mut [Exchange],
    /// One bit for each Topic Alias that the Client may set: 64 aliases a word.
    pub client_aliases: &'s mut [u64],
    /// One bit for each Topic Alias that the Server may set.
    pub server_aliases: &'s mut [u64],
}

#[cfg(feature = "alloc")]
impl Monitor<'static> {
    /// A monitor for a connection that begins, which takes the memory that it needs: at most a
    /// few bytes for each Packet Identifier in use and a bit for each Topic Alias.
    #[must_use]
    pub fn new() -> Self {
        let aliases = || Aliases::new(Store::Owned(Vec::new()));
        let exchanges = Exchanges::new(Store::Owned(Vec::new()));
        Self::start(exchanges, aliases(), aliases())
    }
}

#[cfg(feature = "alloc")]
impl Default for Monitor<'static> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'s> Monitor<'s> {
    /// A monitor for a connection that begins, in storage that the user lends.
    #[must_use]
    pub fn with_storage(storage: Storage<'s>) -> Self {
        Self::start(
            Exchanges::new(Store::lent(storage.exchanges)),
            Aliases::new(Store::lent(storage.client_aliases)),
            Aliases::new(Store::lent(storage.server_aliases)),
        )
    }

    fn start(
        exchanges: Exchanges<'s>,
        client_aliases: Aliases<'s>,
        server_aliases: Aliases<'s>,
    ) -> Self {
        Self {
            version: Version::V5,
            phase: Phase::Opening,
            resumed: false,
            joined: false,
            request: Request::default(),
            service: Service::default(),
            client: Side::new(client_aliases),
            server: Side::new(server_aliases),
            exchanges,
            method: None,
            authenticating_again: false,
            last_heard: None,
        }
    }

    /// A monitor for a connection whose beginning was not seen. It knows no limits, and takes on
    /// trust what may have been opened before.
    #[must_use]
    pub fn joining(mut self) -> Self {
        self.phase = Phase::Accepted;
        self.resumed = true;
        self.joined = true;
        self
    }

    /// Whether something was not checked because the [`Storage`] had no room for it.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.exchanges.incomplete
    }

    /// Observes a packet that was decoded in `dialect` and has `len` bytes with its fixed header,
    /// and reports what it breaks.
    pub fn observe(
        &mut self,
        dialect: Dialect,
        packet: &Packet<'_>,
        len: usize,
        mut report: impl FnMut(Breach),
    ) {
        let (version, sender) = (dialect.version(), dialect.sender());
        let (packet_type, packet_id) = (packet.packet_type(), packet.packet_id());
        self.version = version;
        self.judge(sender, packet, len, &mut |kind| {
            report(Breach {
                kind,
                sender,
                packet_type,
                packet_id,
                version,
            });
        });
    }

    /// As [`observe`](Self::observe), at a time that is counted from any fixed point: checks Keep
    /// Alive too.
    pub fn observe_at(
        &mut self,
        time: Duration,
        dialect: Dialect,
        packet: &Packet<'_>,
        len: usize,
        mut report: impl FnMut(Breach),
    ) {
        self.judge_silence(time, dialect, packet, &mut report);
        self.observe(dialect, packet, len, report);
    }

    /// A Client that was silent for too long; and a Server that does not mind.
    fn judge_silence(
        &mut self,
        time: Duration,
        dialect: Dialect,
        packet: &Packet<'_>,
        report: &mut dyn FnMut(Breach),
    ) {
        let keep_alive = self.service.keep_alive.unwrap_or(self.request.keep_alive);
        let sender = dialect.sender();
        // in nanoseconds: subtracting a Duration can panic, as far as the compiler can tell
        let silence = |last: Duration| time.as_nanos().checked_sub(last.as_nanos());
        let silence = self.last_heard.and_then(silence);
        if sender == Sender::Client {
            self.last_heard = Some(time);
        }
        let Some(silence) = silence else {
            return;
        };
        if keep_alive == 0 || self.phase != Phase::Accepted {
            return;
        }
        let allowed = u128::from(keep_alive) * 1_000_000_000;
        let mut breach = |kind, breaker| {
            report(Breach {
                kind,
                sender: breaker,
                packet_type: packet.packet_type(),
                packet_id: None,
                version: dialect.version(),
            });
        };
        // a Server may say good-bye at any time
        let is_farewell = matches!(packet, Packet::Disconnect(_));
        if silence > allowed + allowed / 2 && !(sender == Sender::Server && is_farewell) {
            breach(BreachKind::KeepAliveNotEnforced, Sender::Server);
        }
        if sender == Sender::Client && silence > allowed {
            let kind = match self.service.keep_alive {
                Some(_) => BreachKind::ServerKeepAliveMissed,
                None => BreachKind::KeepAliveMissed,
            };
            breach(kind, Sender::Client);
        }
    }

    fn judge(
        &mut self,
        sender: Sender,
        packet: &Packet<'_>,
        len: usize,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        if !self.judge_order(sender, packet, breach) {
            return;
        }
        self.judge_size(sender, packet, len, breach);
        match packet {
            Packet::Connect(connect) => self.connect(connect),
            Packet::ConnAck(connack) => self.connack(connack, breach),
            Packet::Publish(publish) => self.publish(sender, publish, breach),
            Packet::PubAck(ack) => self.puback(sender, ack, breach),
            Packet::PubRec(ack) => self.pubrec(sender, ack, breach),
            Packet::PubRel(ack) => self.pubrel(sender, ack, breach),
            Packet::PubComp(ack) => self.pubcomp(sender, ack, breach),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe, breach),
            Packet::SubAck(suback) => self.suback(suback, breach),
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.topic_filters.len();
                let stage = Stage::UnsubAck { filters };
                self.request(unsubscribe.packet_id, stage, breach);
            }
            Packet::UnsubAck(unsuback) => self.unsuback(unsuback, breach),
            // no statement forbids a PINGRESP that nobody asked for
            Packet::PingReq | Packet::PingResp => {}
            Packet::Disconnect(disconnect) => self.disconnect(sender, disconnect, breach),
            Packet::Auth(auth) => self.auth(sender, auth, breach),
        }
    }

    /// Whether the packet may stand where it stands; if not, it changes nothing.
    fn judge_order(
        &self,
        sender: Sender,
        packet: &Packet<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) -> bool {
        use BreachKind as K;
        let is_connect = matches!(packet, Packet::Connect(_));
        let is_connack = matches!(packet, Packet::ConnAck(_));
        let kind = match (sender, self.phase) {
            _ if self.side(sender).has_failed => K::AfterFailure,
            _ if self.side(sender).has_left => K::AfterDisconnect,
            (Sender::Client, Phase::Opening) if !is_connect => K::FirstPacketNotConnect,
            (Sender::Client, Phase::Opening) => return true,
            (Sender::Client, _) if is_connect => K::SecondConnect,
            (Sender::Client, Phase::Connecting)
                if self.method.is_some()
                    && !matches!(packet, Packet::Auth(_) | Packet::Disconnect(_)) =>
            {
                K::BeforeAuthenticated
            }
            (Sender::Client, _) => return true,
            (Sender::Server, Phase::Refused) => K::AfterRefusal,
            (Sender::Server, Phase::Accepted) if is_connack && !self.joined => K::SecondConnAck,
            (Sender::Server, Phase::Accepted) => return true,
            (Sender::Server, Phase::Connecting)
                if is_connack || matches!(packet, Packet::Auth(_)) =>
            {
                return true;
            }
            (Sender::Server, Phase::Opening | Phase::Connecting) => K::BeforeConnAck,
        };
        breach(kind);
        false
    }

    fn judge_size(
        &self,
        sender: Sender,
        packet: &Packet<'_>,
        len: usize,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let properties = problem_properties(packet);
        let explains = |id| properties.is_some_and(|list| list.get(id).is_some());
        if u32::try_from(len).unwrap_or(u32::MAX) > self.side(sender.other()).maximum_packet_size {
            breach(if explains(PropertyId::ReasonString) {
                BreachKind::ReasonStringTooLarge
            } else if explains(PropertyId::UserProperty) {
                BreachKind::UserPropertyTooLarge
            } else {
                BreachKind::PacketTooLarge
            });
        }
        let may_explain = self.request.problem_information
            || matches!(packet, Packet::ConnAck(_) | Packet::Disconnect(_));
        if sender == Sender::Server
            && !may_explain
            && (explains(PropertyId::ReasonString) || explains(PropertyId::UserProperty))
        {
            breach(BreachKind::ProblemInformationNotRequested);
        }
    }

    fn side(&self, sender: Sender) -> &Side<'s> {
        match sender {
            Sender::Client => &self.client,
            Sender::Server => &self.server,
        }
    }

    fn side_mut(&mut self, sender: Sender) -> &mut Side<'s> {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    fn is_v5(&self) -> bool {
        self.version == Version::V5
    }

    // ---- beginning and end -----------------------------------------------------------------

    fn connect(&mut self, connect: &Connect<'_>) {
        self.phase = Phase::Connecting;
        self.resumed = !connect.clean_start;
        self.client.announce(&connect.properties);
        self.method = Method::of(&connect.properties);
        let id = connect.client_id.as_bytes();
        self.request = Request {
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            client_id: match id.len() {
                0 => ClientId::Empty,
                1..=23 if id.iter().all(u8::is_ascii_alphanumeric) => ClientId::Simple,
                _ => ClientId::Other,
            },
            will: connect.will.map(|will| (will.qos, will.retain)),
            session_expiry_interval: connect.session_expiry_interval(),
            problem_information: connect.request_problem_information(),
            response_information: connect.request_response_information(),
        };
    }

    fn connack(&mut self, connack: &ConnAck<'_>, breach: &mut dyn FnMut(BreachKind)) {
        use BreachKind as K;
        let accepted = connack.reason_code == ReasonCode::Success;
        let has = |id| connack.properties.get(id).is_some();
        let v3_1 = self.version == Version::V3_1;
        let requested = self.request.response_information || self.joined;
        if has(PropertyId::ResponseInformation) && !requested {
            breach(K::ResponseInformationNotRequested);
        }
        match (self.request.client_id, connack.reason_code) {
            (ClientId::Simple, ReasonCode::ClientIdentifierNotValid) if !v3_1 => {
                breach(K::SimpleClientIdRefused);
            }
            (ClientId::Empty, code)
                if self.version == Version::V3_1_1
                    && !self.request.clean_start
                    && code != ReasonCode::ClientIdentifierNotValid =>
            {
                breach(K::EmptyClientIdAccepted);
            }
            (ClientId::Empty, ReasonCode::Success)
                if self.is_v5() && !has(PropertyId::AssignedClientIdentifier) =>
            {
                breach(K::NoClientIdAssigned);
            }
            _ => {}
        }
        if let Some(method) = Method::of(&connack.properties) {
            match self.method {
                None if self.joined => {}
                None => breach(K::AuthenticationNotRequested),
                Some(requested) if requested != method => breach(K::AuthenticationMethodChanged),
                Some(_) => {}
            }
        } else if accepted && self.method.is_some() {
            breach(K::AuthenticationMethodChanged);
        }
        if !accepted {
            self.phase = Phase::Refused;
            return;
        }
        self.phase = Phase::Accepted;
        self.resumed = connack.session_present && !v3_1 || self.resumed && v3_1 || self.joined;
        if connack.session_present && self.request.clean_start && !v3_1 && !self.joined {
            breach(K::SessionPresentAfterCleanStart);
        }
        self.server.announce(&connack.properties);
        self.service = Service::of(connack);
        if let Some((qos, retain)) = self.request.will {
            if qos > self.service.maximum_qos {
                breach(K::WillQosNotSupported);
            }
            if retain && !self.service.retain {
                breach(K::WillRetainNotSupported);
            }
        }
    }

    fn disconnect(
        &mut self,
        sender: Sender,
        disconnect: &Disconnect<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        if let Some(1..) = disconnect.session_expiry_interval() {
            if self.request.session_expiry_interval == 0 && !self.joined {
                breach(BreachKind::SessionExpiryRaised);
            }
        }
        let side = self.side_mut(sender);
        side.has_left = true;
        side.has_failed = disconnect.reason_code.is_failure();
    }

    fn auth(&mut self, sender: Sender, auth: &Auth<'_>, breach: &mut dyn FnMut(BreachKind)) {
        use BreachKind as K;
        if self.joined {
            return;
        }
        let Some(method) = self.method else {
            return breach(K::AuthenticationNotRequested);
        };
        if Method::of(&auth.properties) != Some(method) {
            breach(match auth.reason_code {
                ReasonCode::ReAuthenticate => K::ReAuthenticationMethodChanged,
                _ => K::AuthenticationMethodChanged,
            });
        }
        if self.phase != Phase::Accepted {
            if auth.reason_code != ReasonCode::ContinueAuthentication {
                breach(K::AuthenticationStep);
            }
            return;
        }
        match auth.reason_code {
            ReasonCode::ReAuthenticate => self.authenticating_again = true,
            _ if !self.authenticating_again => breach(K::AuthenticationNotBegun),
            ReasonCode::Success if sender == Sender::Server => self.authenticating_again = false,
            _ => {}
        }
    }

    // ---- messages --------------------------------------------------------------------------

    fn publish(
        &mut self,
        sender: Sender,
        publish: &Publish<'_>,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        use BreachKind as K;
        if sender == Sender::Client {
            if publish.delivery.qos() > self.service.maximum_qos {
                breach(K::QosNotSupported);
            }
            if publish.retain && !self.service.retain {
                breach(K::RetainNotSupported);
            }
        }
        if let Some(alias) = publish.topic_alias() {
            self.topic_alias(sender, alias, publish.topic_name.is_none(), breach);
        }
        let (packet_id, dup, stage) = match publish.delivery {
            Delivery::AtMostOnce => return,
            Delivery::AtLeastOnce { packet_id, dup } => (packet_id, dup, Stage::PubAck),
            Delivery::ExactlyOnce { packet_id, dup } => (packet_id, dup, Stage::PubRec),
        };
        match self.exchanges.stage(sender, packet_id) {
            None if dup && (self.joined || self.exchanges.incomplete) => {
                self.exchanges.open_again(sender, packet_id, stage);
            }
            None => self.exchanges.open(sender, packet_id, stage),
            // its sender may not have received the PUBREC yet
            Some(open)
                if dup && (open == stage || (open, stage) == (Stage::PubRel, Stage::PubRec)) =>
            {
                if self.is_v5() {
                    breach(K::Resent);
                }
                return;
            }
            Some(Stage::PubComp { .. }) if dup && stage == Stage::PubRec => {
                return breach(K::PublishAfterPubRel);
            }
            Some(_) => {
                return breach(match stage {
                    Stage::PubRec => K::QoS2PacketIdInUse,
                    _ => K::PacketIdInUse,
                });
            }
        }
        let maximum = self.side(sender.other()).receive_maximum;
        if self.exchanges.messages(sender) > usize::from(maximum) {
            breach(K::ReceiveMaximumExceeded);
        }
    }

    fn topic_alias(
        &mut self,
        sender: Sender,
        alias: NonZeroU16,
        has_no_topic: bool,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let maximum = match self.side(sender.other()).topic_alias_maximum {
            _ if self.joined => return,
            0 => return breach(BreachKind::TopicAliasNotSupported),
            maximum => maximum,
        };
        if alias.get() > maximum {
            return breach(BreachKind::TopicAliasTooLarge);
        }
        let aliases = &mut self.side_mut(sender).aliases;
        if !has_no_topic {
            aliases.set(alias);
        } else if aliases.lacks(alias) {
            breach(BreachKind::TopicAliasUnknown);
        }
    }

    fn puback(&mut self, sender: Sender, ack: &Ack<'_>, breach: &mut dyn FnMut(BreachKind)) {
        let owner = sender.other();
        match self.exchanges.stage(owner, ack.packet_id) {
            Some(Stage::PubAck) => {
                self.judge_turn(sender, owner, ack.packet_id, breach);
                self.exchanges.proceed(owner, ack.packet_id, None);
            }
            Some(Stage::PubRec) => breach(BreachKind::WrongAcknowledgement),
            _ => self.nothing_to_acknowledge(breach),
        }
    }

    fn pubrec(&mut self, sender: Sender, ack: &Ack<'_>, breach: &mut dyn FnMut(BreachKind)) {
        let owner = sender.other();
        match self.exchanges.stage(owner, ack.packet_id) {
            Some(Stage::PubRec) => {
                self.judge_turn(sender, owner, ack.packet_id, breach);
                let failed = ack.reason_code.is_failure();
                let stage = (!failed).then_some(Stage::PubRel);
                self.exchanges.proceed(owner, ack.packet_id, stage);
            }
            Some(Stage::PubAck) => breach(BreachKind::WrongAcknowledgement),
            // the answer to a repetition
            Some(Stage::PubRel | Stage::PubComp { .. }) if !self.is_v5() => {}
            _ => self.nothing_to_acknowledge(breach),
        }
    }

    fn pubrel(&mut self, sender: Sender, ack: &Ack<'_>, breach: &mut dyn FnMut(BreachKind)) {
        let id = ack.packet_id;
        match self.exchanges.stage(sender, id) {
            Some(Stage::PubRel) => {
                self.judge_turn(sender, sender, id, breach);
                let stage = Stage::PubComp { old: false };
                self.exchanges.proceed(sender, id, Some(stage));
            }
            Some(Stage::PubComp { .. }) => {
                if self.is_v5() {
                    breach(BreachKind::Resent);
                }
            }
            // "not found": the answer to a PUBREC that came out of nothing
            None if ack.reason_code.is_failure() && !self.resumed => {}
            stage => {
                if stage.is_some() || !self.resumed {
                    self.nothing_to_acknowledge(breach);
                }
                // whoever is asked may answer
                let next = Stage::PubComp { old: true };
                match stage {
                    Some(_) => self.exchanges.proceed(sender, id, Some(next)),
                    None => self.exchanges.open(sender, id, next),
                }
            }
        }
    }

    fn pubcomp(&mut self, sender: Sender, ack: &Ack<'_>, breach: &mut dyn FnMut(BreachKind)) {
        let owner = sender.other();
        match self.exchanges.stage(owner, ack.packet_id) {
            Some(Stage::PubComp { .. }) => {
                self.exchanges.proceed(owner, ack.packet_id, None);
            }
            // "not found": the answer to a PUBREL that came out of nothing
            None if ack.reason_code.is_failure() => {}
            _ => self.nothing_to_acknowledge(breach),
        }
    }

    /// A Client answers in the order of the messages (4.6); a Server may not.
    fn judge_turn(
        &self,
        sender: Sender,
        owner: Sender,
        packet_id: PacketId,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let ordered = sender == Sender::Client && self.version != Version::V3_1;
        if ordered && self.exchanges.is_overtaken(owner, packet_id) {
            breach(BreachKind::OutOfOrder);
        }
    }

    fn nothing_to_acknowledge(&self, breach: &mut dyn FnMut(BreachKind)) {
        if !self.joined && !self.exchanges.incomplete {
            breach(BreachKind::NothingToAcknowledge);
        }
    }

    // ---- subscriptions ---------------------------------------------------------------------

    fn subscribe(&mut self, subscribe: &Subscribe<'_>, breach: &mut dyn FnMut(BreachKind)) {
        use BreachKind as K;
        let id = PropertyId::SubscriptionIdentifier;
        if !self.service.subscription_ids && subscribe.properties.get(id).is_some() {
            breach(K::SubscriptionIdNotSupported);
        }
        let mut filters = subscribe.subscriptions.iter().map(|it| it.filter);
        if !self.service.wildcards && filters.clone().any(|filter| filter.has_wildcard()) {
            breach(K::WildcardNotSupported);
        }
        if !self.service.shared && filters.any(|filter| filter.shared().is_some()) {
            breach(K::SharedNotSupported);
        }
        let filters = subscribe.subscriptions.len();
        self.request(subscribe.packet_id, Stage::SubAck { filters }, breach);
    }

    /// Opens an exchange of the Client.
    fn request(&mut self, packet_id: PacketId, stage: Stage, breach: &mut dyn FnMut(BreachKind)) {
        match self.exchanges.stage(Sender::Client, packet_id) {
            None => self.exchanges.open(Sender::Client, packet_id, stage),
            // 3.1 repeats within a connection
            Some(open) if open == stage && self.version == Version::V3_1 => {}
            Some(_) => breach(BreachKind::PacketIdInUse),
        }
    }

    fn suback(&mut self, suback: &SubAck<'_>, breach: &mut dyn FnMut(BreachKind)) {
        let Some(Stage::SubAck { filters }) =
            self.exchanges.stage(Sender::Client, suback.packet_id)
        else {
            return self.nothing_to_acknowledge(breach);
        };
        if suback.reason_codes.len() != filters {
            breach(BreachKind::CodeCount);
        }
        self.exchanges
            .proceed(Sender::Client, suback.packet_id, None);
    }

    fn unsuback(&mut self, unsuback: &SubAck<'_>, breach: &mut dyn FnMut(BreachKind)) {
        let Some(Stage::UnsubAck { filters }) =
            self.exchanges.stage(Sender::Client, unsuback.packet_id)
        else {
            return self.nothing_to_acknowledge(breach);
        };
        if self.is_v5() && unsuback.reason_codes.len() != filters {
            breach(BreachKind::CodeCount);
        }
        self.exchanges
            .proceed(Sender::Client, unsuback.packet_id, None);
    }
}

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent yet.
    Opening,
    /// CONNECT was sent.
    Connecting,
    /// CONNACK accepted it.
    Accepted,
    /// CONNACK refused it.
    Refused,
}

/// What the CONNECT asked for, as far as it matters later.
#[derive(Debug)]
struct Request {
    clean_start: bool,
    keep_alive: u16,
    client_id: ClientId,
    will: Option<(QoS, bool)>,
    session_expiry_interval: u32,
    problem_information: bool,
    response_information: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            clean_start: true,
            keep_alive: 0,
            client_id: ClientId::Other,
            will: None,
            session_expiry_interval: 0,
            problem_information: true,
            response_information: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientId {
    Empty,
    /// 1 to 23 letters and digits.
    Simple,
    Other,
}

/// What the Server offers.
#[derive(Debug)]
struct Service {
    keep_alive: Option<u16>,
    maximum_qos: QoS,
    retain: bool,
    wildcards: bool,
    subscription_ids: bool,
    shared: bool,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            keep_alive: None,
            maximum_qos: QoS::ExactlyOnce,
            retain: true,
            wildcards: true,
            subscription_ids: true,
            shared: true,
        }
    }
}

impl Service {
    fn of(connack: &ConnAck<'_>) -> Self {
        Self {
            keep_alive: connack.server_keep_alive(),
            maximum_qos: connack.maximum_qos(),
            retain: connack.retain_available(),
            wildcards: connack.wildcard_subscription_available(),
            subscription_ids: connack.subscription_identifier_available(),
            shared: connack.shared_subscription_available(),
        }
    }
}

/// What a side announced as a receiver, and what it has done as a sender.
#[derive(Debug)]
struct Side<'s> {
    receive_maximum: u16,
    maximum_packet_size: u32,
    topic_alias_maximum: u16,
    aliases: Aliases<'s>,
    /// It has sent DISCONNECT.
    has_left: bool,
    /// Its DISCONNECT told of a failure.
    has_failed: bool,
}

impl<'s> Side<'s> {
    const fn new(aliases: Aliases<'s>) -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            aliases,
            has_left: false,
            has_failed: false,
        }
    }

    fn announce(&mut self, properties: &Properties<'_>) {
        for property in properties {
            match property {
                Property::ReceiveMaximum(value) => self.receive_maximum = value.get(),
                Property::MaximumPacketSize(value) => self.maximum_packet_size = value.get(),
                Property::TopicAliasMaximum(value) => self.topic_alias_maximum = value,
                _ => {}
            }
        }
    }
}

/// An Authentication Method, which is only ever compared: its length and a hash (FNV-1a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Method(usize, u64);

impl Method {
    fn of(properties: &Properties<'_>) -> Option<Self> {
        match properties.get(PropertyId::AuthenticationMethod)? {
            Property::AuthenticationMethod(name) => Some(Self::new(name)),
            _ => None,
        }
    }

    fn new(name: Utf8Str<'_>) -> Self {
        let hash = name
            .as_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(name.as_bytes().len(), hash)
    }
}

/// The properties of packets that may carry a Reason String, which tells of a problem.
fn problem_properties<'a>(packet: &Packet<'a>) -> Option<Properties<'a>> {
    Some(match packet {
        Packet::ConnAck(packet) => packet.properties,
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => packet.properties,
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => packet.properties,
        Packet::Disconnect(packet) => packet.properties,
        Packet::Auth(packet) => packet.properties,
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::PingReq
        | Packet::PingResp => return None,
    })
}
