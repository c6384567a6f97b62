//! Rules that need more than one packet: a passive checker of a whole conversation.

mod aliases;
mod breach;
mod exchange;
mod keep_alive;
mod messages;
mod opening;
mod session;
mod store;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::time::Duration;

pub use self::breach::{Breach, BreachKind};
pub use self::exchange::Exchange;

use self::aliases::Aliases;
use self::exchange::{Answer, Exchanges, Stage};
use self::keep_alive::KeepAlive;
use self::session::{Authentication, Request, Service, Side};
use self::store::Store;
use crate::dialect::{Dialect, Sender, Version};
use crate::packet::Packet;
use crate::packet_type::PacketType;
use crate::property_id::PropertyId;

/// Watches the packets of one connection, in both directions, and reports the rules that no single
/// packet shows to be broken.
///
/// Feed it the decoded packets in the order in which they pass. It never waits and changes nothing.
/// A breach is reported only if no other reading of the packets is possible:
///
/// * In 3.1 and 3.1.1 a packet may be sent again on the same connection, and may cross its answer
///   on the way. Each copy may be answered.
/// * The other side may answer a packet that breaks a rule, although it need not.
/// * In a resumed Session, messages of an earlier connection may still be acknowledged.
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
#[cfg_attr(feature = "alloc", derive(Clone))]
#[derive(Debug)]
pub struct Monitor<'s> {
    version: Version,
    phase: Phase,
    /// Whether exchanges may be older than the first packet that was observed.
    resumed: bool,
    /// Whether the beginning of the connection was not seen.
    joined: bool,
    /// The terms of the CONNECT, if it was seen.
    request: Option<Request>,
    service: Service,
    client: Side<'s>,
    server: Side<'s>,
    exchanges: Exchanges<'s>,
    authentication: Authentication,
    keep_alive: KeepAlive,
}

/// How the Server has answered the CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There was no CONNACK yet.
    Waiting,
    Accepted,
    Refused,
}

/// Storage for a [`Monitor`] without an allocator. Without room for a packet, the monitor does not
/// check it.
///
/// A conversation that breaks no rule has no breach either way. In one that does, less storage may
/// move a breach to another packet: where the first use of a Packet Identifier had no room, the
/// second use counts as the first.
#[derive(Debug)]
pub struct Storage<'s> {
    /// One place for each Packet Identifier in use at the same time, of both sides together. An
    /// identifier is in use until each copy of its packets is answered.
    pub exchanges: &'s mut [Exchange],
    /// One bit for each Topic Alias that the Client may set: 64 aliases a word.
    pub client_aliases: &'s mut [u64],
    /// One bit for each Topic Alias that the Server may set.
    pub server_aliases: &'s mut [u64],
}

#[cfg(feature = "alloc")]
impl Monitor<'static> {
    /// Creates a monitor for a connection that begins. It allocates the memory that it needs: at
    /// most a few bytes for each Packet Identifier in use and a bit for each Topic Alias.
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
    /// Creates a monitor for a connection that begins, in storage that the caller lends.
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
            phase: Phase::Waiting,
            resumed: false,
            joined: false,
            request: None,
            service: Service::default(),
            client: Side::new(client_aliases),
            server: Side::new(server_aliases),
            exchanges,
            authentication: Authentication::None,
            keep_alive: KeepAlive::default(),
        }
    }

    /// Makes this a monitor for a connection whose beginning was not seen. It knows no limits, and
    /// trusts packets that belong to something which may have been opened before. So it does not
    /// report that a Packet Identifier is in use: a late answer may have freed it.
    #[must_use]
    pub fn joining(mut self) -> Self {
        self.phase = Phase::Accepted;
        self.resumed = true;
        self.joined = true;
        self
    }

    /// Sets how much longer than the Keep Alive the Client may be silent, and the Server may wait
    /// before it closes the connection. The default is zero.
    ///
    /// The limits bind the times at which packets are sent and received. Packets are captured at
    /// other times: delay and scheduling make a silence longer or shorter on the way. Clients that
    /// are healthy were recorded with 5.004 s for a Keep Alive of 5 s, and 60.5 s for 60 s.
    #[must_use]
    pub fn with_keep_alive_tolerance(mut self, tolerance: Duration) -> Self {
        self.keep_alive.tolerance = tolerance;
        self
    }

    /// Whether a packet was not checked because the [`Storage`] had no room for it.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.exchanges.incomplete
    }

    /// Observes a packet that was decoded in `dialect` and has `len` bytes with its fixed header,
    /// and reports the rules that it breaks.
    pub fn observe(
        &mut self,
        dialect: Dialect,
        packet: &Packet<'_>,
        len: usize,
        mut report: impl FnMut(Breach),
    ) {
        let sender = dialect.sender();
        self.version = dialect.version();
        let reply = self.reply_to(sender);
        let version = self.version;
        self.check(sender, packet, len, &mut |kind| {
            report(Breach {
                kind,
                sender,
                packet_type: packet.packet_type(),
                packet_id: packet.packet_id(),
                version,
                reply,
            });
        });
    }

    /// As [`observe`](Self::observe), and checks Keep Alive too. `time` is the time since any fixed
    /// point.
    pub fn observe_at(
        &mut self,
        time: Duration,
        dialect: Dialect,
        packet: &Packet<'_>,
        len: usize,
        mut report: impl FnMut(Breach),
    ) {
        self.check_silence(time, dialect, packet, &mut report);
        if dialect.sender() == Sender::Client || matches!(packet, Packet::ConnAck(_)) {
            self.keep_alive.restart(time);
        }
        self.observe(dialect, packet, len, report);
    }

    /// Reports a Client that was silent for too long, and a Server that tolerates it.
    fn check_silence(
        &self,
        time: Duration,
        dialect: Dialect,
        packet: &Packet<'_>,
        report: &mut dyn FnMut(Breach),
    ) {
        // after a DISCONNECT no side has to send anything, or to close
        let is_over = self.client.has_left || self.server.has_left;
        if self.phase != Phase::Accepted || is_over {
            return;
        }
        let requested = self.request.as_ref().map_or(0, |it| it.keep_alive);
        let seconds = self.service.keep_alive.unwrap_or(requested);
        let Some(overdue) = self.keep_alive.check(time, seconds) else {
            return;
        };
        let mut breach = |kind, sender: Sender| {
            report(Breach {
                kind,
                sender,
                packet_type: packet.packet_type(),
                packet_id: None,
                version: dialect.version(),
                reply: self.reply_to(sender),
            });
        };
        let sender = dialect.sender();
        let is_farewell = sender == Sender::Server && matches!(packet, Packet::Disconnect(_));
        if overdue.for_server && !is_farewell {
            breach(BreachKind::KeepAliveNotEnforced, Sender::Server);
        }
        if sender == Sender::Client {
            let kind = match self.service.keep_alive {
                Some(_) => BreachKind::ServerKeepAliveMissed,
                None => BreachKind::KeepAliveMissed,
            };
            breach(kind, Sender::Client);
        }
    }

    fn check(
        &mut self,
        sender: Sender,
        packet: &Packet<'_>,
        len: usize,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        if let Some(kind) = self.misplaced(sender, packet) {
            breach(kind);
            return self.permit_answer(sender, packet);
        }
        self.side_mut(sender).has_spoken = true;
        let mut is_broken = false;
        let breach = &mut |kind| {
            is_broken = true;
            breach(kind);
        };
        self.check_size(sender, packet, len, breach);
        match packet {
            Packet::Connect(connect) => self.connect(connect),
            Packet::ConnAck(connack) => self.connack(connack, breach),
            Packet::Publish(publish) => self.publish(sender, publish, breach),
            Packet::PubAck(ack) => self.puback(sender, ack, breach),
            Packet::PubRec(ack) => self.pubrec(sender, ack, breach),
            Packet::PubRel(ack) => self.pubrel(sender, ack, breach),
            Packet::PubComp(ack) => self.pubcomp(sender, ack, breach),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe, breach),
            Packet::SubAck(suback) => self.reply(Answer::SubAck, suback, breach),
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.topic_filters.len();
                let stage = Stage::UnsubAck { filters };
                self.request(unsubscribe.packet_id, stage, breach);
            }
            Packet::UnsubAck(unsuback) => self.reply(Answer::UnsubAck, unsuback, breach),
            // no statement forbids a PINGRESP without a PINGREQ
            Packet::PingReq | Packet::PingResp => {}
            Packet::Disconnect(disconnect) => self.disconnect(sender, disconnect, breach),
            Packet::Auth(auth) => self.auth(sender, auth, breach),
        }
        if let (true, Packet::Publish(_), Some(id)) = (is_broken, packet, packet.packet_id()) {
            self.exchanges.forget_order(sender, id);
        }
    }

    /// The rule that forbids this packet at this point of the connection, if there is one.
    fn misplaced(&self, sender: Sender, packet: &Packet<'_>) -> Option<BreachKind> {
        use BreachKind as K;
        use Sender::{Client, Server};
        let is_connect = matches!(packet, Packet::Connect(_));
        let is_connack = matches!(packet, Packet::ConnAck(_));
        let is_auth = matches!(packet, Packet::Auth(_));
        let is_disconnect = matches!(packet, Packet::Disconnect(_));
        // a monitor that joins may still see the first packet of the Client
        let is_second = self.request.is_some() || self.client.has_spoken;
        let may_be_later = is_second || self.joined;
        let has_method = self.request.as_ref().is_some_and(|it| it.method.is_some());
        Some(match (sender, self.phase) {
            _ if self.side(sender).has_failed => K::AfterFailure,
            _ if self.side(sender).has_left => K::AfterDisconnect,
            (Client, _) if !may_be_later && !is_connect => K::FirstPacketNotConnect,
            (Client, _) if is_second && is_connect => K::SecondConnect,
            (Client, Phase::Waiting) if has_method && !is_connect && !is_auth && !is_disconnect => {
                K::BeforeAuthenticated
            }
            (Client, _) => return None,
            (Server, Phase::Refused) => K::AfterRefusal,
            (Server, Phase::Accepted) if is_connack && !self.joined => K::SecondConnAck,
            (Server, Phase::Waiting) if !is_connack && !is_auth => K::BeforeConnAck,
            (Server, _) => return None,
        })
    }

    fn check_size(
        &self,
        sender: Sender,
        packet: &Packet<'_>,
        len: usize,
        breach: &mut dyn FnMut(BreachKind),
    ) {
        let is_answer = !matches!(
            packet,
            Packet::Connect(_) | Packet::Publish(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_)
        );
        let explains = |id| is_answer && packet.properties().get(id).is_some();
        if u32::try_from(len).unwrap_or(u32::MAX) > self.side(sender.other()).maximum_packet_size {
            breach(if explains(PropertyId::ReasonString) {
                BreachKind::ReasonStringTooLarge
            } else if explains(PropertyId::UserProperty) {
                BreachKind::UserPropertyTooLarge
            } else {
                BreachKind::PacketTooLarge
            });
        }
        let request = self.request.as_ref();
        let may_explain = request.is_none_or(|it| it.problem_information)
            || matches!(packet, Packet::ConnAck(_) | Packet::Disconnect(_));
        if sender == Sender::Server
            && !may_explain
            && (explains(PropertyId::ReasonString) || explains(PropertyId::UserProperty))
        {
            breach(BreachKind::ProblemInformationNotRequested);
        }
    }

    /// The packet in which the other side may send a Reason Code for a breach of `sender`.
    fn reply_to(&self, sender: Sender) -> Option<PacketType> {
        let answerer = sender.other();
        match (answerer, self.phase) {
            _ if self.side(answerer).has_left => None,
            (Sender::Client, _) | (Sender::Server, Phase::Accepted) => Some(PacketType::Disconnect),
            (Sender::Server, Phase::Waiting) => Some(PacketType::ConnAck),
            (Sender::Server, Phase::Refused) => None,
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
}
