//! What breaks a conversation's rules: kind, side, statement and code.

use core::fmt;

use crate::data::PacketId;
use crate::dialect::{Sender, Version};
use crate::packet_type::PacketType;
use crate::reason_code::ReasonCode;
use crate::statement::Statement;

/// A packet that breaks a rule of the conversation it stands in.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    pub(super) kind: BreachKind,
    pub(super) sender: Sender,
    pub(super) packet_type: PacketType,
    pub(super) packet_id: Option<PacketId>,
    pub(super) version: Version,
}

impl Breach {
    /// Which rule was broken, in short.
    #[must_use]
    pub const fn kind(&self) -> BreachKind {
        self.kind
    }

    /// The side that broke it.
    #[must_use]
    pub const fn sender(&self) -> Sender {
        self.sender
    }

    /// The type of the packet that showed it.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// The Packet Identifier of that packet, if it has one.
    #[must_use]
    pub const fn packet_id(&self) -> Option<PacketId> {
        self.packet_id
    }

    /// The version of the connection.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The statement that was broken: the first of [`statements`](Self::statements). 3.1 has no
    /// rule for some kinds, which are not reported there.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        self.statements().next()
    }

    /// All statements that were broken, the most exact one first.
    pub fn statements(&self) -> impl Iterator<Item = Statement> + use<> {
        let version = self.version;
        let packet_type = Some(self.packet_type);
        self.ids(version)
            .into_iter()
            .flatten()
            .filter_map(move |id| Statement::find(version, id, packet_type))
    }

    /// The Reason Code of 5.0 for it; `None` where the connection is just closed, as always
    /// before 5.0.
    #[must_use]
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        match self.version {
            Version::V5 => self.kind.reason_code(),
            Version::V3_1 | Version::V3_1_1 => None,
        }
    }

    fn ids(&self, version: Version) -> [Option<&'static str>; 3] {
        use BreachKind as K;
        use Version::{V3_1, V3_1_1, V5};

        let one = |id| [Some(id), None, None];
        let two = |first, second| [Some(first), Some(second), None];
        let server = self.sender == Sender::Server;
        match (self.kind, version) {
            (K::FirstPacketNotConnect, V3_1) => one("U31-first"),
            (K::FirstPacketNotConnect, V3_1_1 | V5) => one("MQTT-3.1.0-1"),
            (K::SecondConnect, V3_1) => one("U31-second-connect"),
            (K::SecondConnect, V3_1_1 | V5) => one("MQTT-3.1.0-2"),
            (K::BeforeConnAck, V3_1) => one("U31-connack-first"),
            (K::BeforeConnAck, V3_1_1) => one("MQTT-3.2.0-1"),
            (K::BeforeConnAck, V5) => match self.packet_type {
                PacketType::Disconnect => two("MQTT-3.14.0-1", "MQTT-3.2.0-1"),
                _ => one("MQTT-3.2.0-1"),
            },
            (K::SecondConnAck, V3_1) => one("U31-connack-first"),
            (K::SecondConnAck, V3_1_1) => one("U-connack2"),
            (K::SecondConnAck, V5) => one("MQTT-3.2.0-2"),
            (K::AfterRefusal, V3_1) => one("U31-refused"),
            (K::AfterRefusal, V3_1_1) => two("MQTT-3.1.4-5", "MQTT-3.2.2-5"),
            (K::AfterRefusal, V5) => [
                Some("MQTT-3.1.4-6"),
                Some("MQTT-3.2.2-7"),
                Some("MQTT-4.13.2-1"),
            ],
            (K::AfterDisconnect, V3_1) => one("U31-after-disconnect"),
            (K::AfterDisconnect, V3_1_1) => one("MQTT-3.14.4-2"),
            (K::AfterDisconnect, V5) => one("MQTT-3.14.4-1"),
            (K::AfterFailure, _) => two("MQTT-4.13.2-1", "MQTT-3.14.4-1"),
            (K::SessionPresentAfterCleanStart, V5) => one("MQTT-3.2.2-2"),
            (K::SessionPresentAfterCleanStart, V3_1 | V3_1_1) => one("MQTT-3.2.2-1"),
            (K::SimpleClientIdRefused, _) => one("MQTT-3.1.3-5"),
            (K::EmptyClientIdAccepted, _) => one("MQTT-3.1.3-8"),
            (K::NoClientIdAssigned, _) => two("MQTT-3.1.3-7", "MQTT-3.2.2-16"),
            (K::WillQosNotSupported, _) => one("MQTT-3.2.2-12"),
            (K::WillRetainNotSupported, _) => one("MQTT-3.2.2-13"),
            (K::ResponseInformationNotRequested, _) => one("MQTT-3.1.2-28"),
            (K::ProblemInformationNotRequested, _) => one("MQTT-3.1.2-29"),
            (K::PacketTooLarge, _) if server => one("MQTT-3.1.2-24"),
            (K::PacketTooLarge, _) => one("MQTT-3.2.2-15"),
            (K::ReasonStringTooLarge, _) => self.left_out(0),
            (K::UserPropertyTooLarge, _) => self.left_out(1),
            (K::PacketIdInUse, V3_1) => one("U31-in-use"),
            (K::PacketIdInUse, V3_1_1) if server => two("MQTT-2.3.1-4", "MQTT-4.3.2-1"),
            (K::PacketIdInUse, V3_1_1) => match self.packet_type {
                PacketType::Publish => two("MQTT-4.3.2-1", "MQTT-2.3.1-2"),
                _ => one("MQTT-2.3.1-2"),
            },
            (K::PacketIdInUse, V5) => match (self.packet_type, server) {
                (PacketType::Publish, true) => two("MQTT-4.3.2-1", "MQTT-2.2.1-4"),
                (PacketType::Publish, false) => two("MQTT-4.3.2-1", "MQTT-2.2.1-3"),
                _ => two("U-pid-in-use", "MQTT-2.2.1-3"),
            },
            (K::QoS2PacketIdInUse, V5) => {
                let owner = if server {
                    "MQTT-2.2.1-4"
                } else {
                    "MQTT-2.2.1-3"
                };
                two("MQTT-4.3.3-1", owner)
            }
            (K::QoS2PacketIdInUse, V3_1) => one("U31-in-use"),
            (K::QoS2PacketIdInUse, V3_1_1) => {
                let owner = if server {
                    "MQTT-2.3.1-4"
                } else {
                    "MQTT-2.3.1-2"
                };
                two("MQTT-4.3.3-1", owner)
            }
            (K::Resent, _) => one("MQTT-4.4.0-1"),
            (K::PublishAfterPubRel, V3_1) => one("U31-in-use"),
            (K::PublishAfterPubRel, V3_1_1) => one("MQTT-4.3.3-1"),
            (K::PublishAfterPubRel, V5) => one("MQTT-4.3.3-6"),
            (K::NothingToAcknowledge, V3_1) => one("U31-ack"),
            (K::NothingToAcknowledge, V3_1_1) => match self.packet_type {
                PacketType::SubAck => two("MQTT-2.3.1-7", "MQTT-3.8.4-2"),
                PacketType::UnsubAck => two("MQTT-2.3.1-7", "MQTT-3.10.4-4"),
                PacketType::PubAck => two("MQTT-2.3.1-6", "MQTT-4.3.2-2"),
                PacketType::PubComp => two("MQTT-4.3.3-2", "MQTT-2.3.1-6"),
                PacketType::PubRel => two("MQTT-4.3.3-1", "MQTT-2.3.1-6"),
                _ => two("MQTT-2.3.1-6", "MQTT-4.3.3-2"),
            },
            (K::NothingToAcknowledge, V5) => match self.packet_type {
                PacketType::SubAck => two("MQTT-2.2.1-6", "MQTT-3.8.4-2"),
                PacketType::UnsubAck => two("MQTT-2.2.1-6", "MQTT-3.10.4-5"),
                PacketType::PubAck => two("MQTT-2.2.1-5", "MQTT-4.3.2-4"),
                PacketType::PubComp => two("MQTT-4.3.3-11", "MQTT-2.2.1-5"),
                PacketType::PubRel => two("MQTT-4.3.3-4", "MQTT-2.2.1-5"),
                _ => two("MQTT-4.3.3-8", "MQTT-2.2.1-5"),
            },
            (K::WrongAcknowledgement, V3_1) => one("U31-ack"),
            (K::WrongAcknowledgement, V3_1_1 | V5) => one("MQTT-3.3.4-1"),
            (K::OutOfOrder, _) => one(match self.packet_type {
                PacketType::PubRec => "MQTT-4.6.0-3",
                PacketType::PubRel => "MQTT-4.6.0-4",
                _ => "MQTT-4.6.0-2",
            }),
            (K::CodeCount, V3_1) => one("U31-suback-count"),
            (K::CodeCount, V3_1_1) => one("MQTT-3.8.4-5"),
            (K::CodeCount, V5) => match self.packet_type {
                PacketType::UnsubAck => one("MQTT-3.11.3-2"),
                _ => one("MQTT-3.8.4-6"),
            },
            (K::ReceiveMaximumExceeded, _) if server => two("MQTT-3.3.4-9", "MQTT-4.9.0-2"),
            (K::ReceiveMaximumExceeded, _) => two("MQTT-3.3.4-7", "MQTT-4.9.0-2"),
            (K::QosNotSupported, _) => one("MQTT-3.2.2-11"),
            (K::RetainNotSupported, _) => one("MQTT-3.2.2-14"),
            (K::WildcardNotSupported, _) => one("U-wild-na"),
            (K::SubscriptionIdNotSupported, _) => one("U-subid-na"),
            (K::SharedNotSupported, _) => one("U-shared-na"),
            (K::TopicAliasTooLarge, _) if server => two("MQTT-3.1.2-26", "MQTT-3.3.2-11"),
            (K::TopicAliasTooLarge, _) => two("MQTT-3.2.2-17", "MQTT-3.3.2-9"),
            (K::TopicAliasNotSupported, _) if server => one("MQTT-3.1.2-27"),
            (K::TopicAliasNotSupported, _) => one("MQTT-3.2.2-18"),
            (K::TopicAliasUnknown, _) => one("U-alias-unknown"),
            (K::BeforeAuthenticated, _) => one("MQTT-3.1.2-30"),
            (K::AuthenticationNotRequested, _) if server => one("MQTT-4.12.0-6"),
            (K::AuthenticationNotRequested, _) => one("MQTT-4.12.0-7"),
            (K::AuthenticationMethodChanged, _) => one("MQTT-4.12.0-5"),
            (K::ReAuthenticationMethodChanged, _) => one("MQTT-4.12.1-1"),
            (K::AuthenticationStep, _) if server => one("MQTT-4.12.0-2"),
            (K::AuthenticationStep, _) => one("MQTT-4.12.0-3"),
            (K::AuthenticationNotBegun, _) => one("U-auth-flow"),
            (K::SessionExpiryRaised, _) => one("U-disc-expiry"),
            (K::KeepAliveMissed, V3_1) => one("U31-keep-alive"),
            (K::KeepAliveMissed, V3_1_1) => one("MQTT-3.1.2-23"),
            (K::KeepAliveMissed, V5) => two("MQTT-3.1.2-20", "MQTT-3.2.2-22"),
            (K::ServerKeepAliveMissed, _) => two("MQTT-3.2.2-21", "MQTT-3.1.2-21"),
            (K::KeepAliveNotEnforced, V3_1) => one("U31-keep-alive"),
            (K::KeepAliveNotEnforced, V3_1_1) => one("MQTT-3.1.2-24"),
            (K::KeepAliveNotEnforced, V5) => one("MQTT-3.1.2-22"),
        }
    }

    /// The statement that a Reason String (0) or User Properties (1) are left out if they would
    /// make the packet too large; and the general one.
    fn left_out(&self, index: usize) -> [Option<&'static str>; 3] {
        let ids = match self.packet_type {
            PacketType::ConnAck => ["MQTT-3.2.2-19", "MQTT-3.2.2-20"],
            PacketType::PubAck => ["MQTT-3.4.2-2", "MQTT-3.4.2-3"],
            PacketType::PubRec => ["MQTT-3.5.2-2", "MQTT-3.5.2-3"],
            PacketType::PubRel => ["MQTT-3.6.2-2", "MQTT-3.6.2-3"],
            PacketType::PubComp => ["MQTT-3.7.2-2", "MQTT-3.7.2-3"],
            PacketType::SubAck => ["MQTT-3.9.2-1", "MQTT-3.9.2-2"],
            PacketType::UnsubAck => ["MQTT-3.11.2-1", "MQTT-3.11.2-2"],
            PacketType::Disconnect => ["MQTT-3.14.2-3", "MQTT-3.14.2-4"],
            PacketType::Auth => ["MQTT-3.15.2-2", "MQTT-3.15.2-3"],
            _ => return [None; 3],
        };
        let general = match self.sender {
            Sender::Client => "MQTT-3.2.2-15",
            Sender::Server => "MQTT-3.1.2-24",
        };
        [ids.get(index).copied(), Some(general), None]
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.sender, self.packet_type)?;
        if let Some(packet_id) = self.packet_id {
            write!(f, " {packet_id}")?;
        }
        write!(f, ": {}", self.kind)?;
        match self.statement() {
            Some(statement) => write!(f, " [{statement}]"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Breach {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident;)*) => {
        /// The kinds of breach. Which statement each one breaks depends on version, side and
        /// packet: see [`Breach::statement`].
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum BreachKind {
            $($(#[$doc])* #[doc = concat!("In words: ", $text, ".")] $name,)*
        }

        impl BreachKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The kind's name, as the vectors and `mqtt-explain` write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            const fn reason_code(self) -> Option<ReasonCode> {
                match self {
                    $(Self::$name => kinds!(@code $code),)*
                }
            }
        }

        impl fmt::Display for BreachKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
    (@code None) => { None };
    (@code $code:ident) => { Some(ReasonCode::$code) };
}

kinds! {
    /// A Client begins with CONNECT.
    FirstPacketNotConnect = "the first packet of the Client is not CONNECT", None;
    /// A Client sends it once.
    SecondConnect = "a second CONNECT on one connection", ProtocolError;
    /// A Server begins with CONNACK; in 5.0 AUTH may come first.
    BeforeConnAck = "the Server sends this before its CONNACK", ProtocolError;
    /// A Server sends it once.
    SecondConnAck = "a second CONNACK on one connection", ProtocolError;
    /// A refusal is the Server's last word.
    AfterRefusal = "the Server goes on after it refused the connection", None;
    /// DISCONNECT is its sender's last word.
    AfterDisconnect = "the sender goes on after its DISCONNECT", None;
    /// A DISCONNECT that tells of a failure closes the connection.
    AfterFailure = "the sender goes on after a DISCONNECT that says why it closes the connection", None;
    /// There is no Session to be present.
    SessionPresentAfterCleanStart = "Session Present is 1 although the Client asked for a new Session", ProtocolError;
    /// Up to 23 letters and digits are always allowed.
    SimpleClientIdRefused = "a client identifier of 1 to 23 letters and digits is refused", None;
    /// 3.1.1 has a return code for it.
    EmptyClientIdAccepted = "an empty client identifier without Clean Session is not refused with code 2", None;
    /// 5.0: the Client has to learn its identifier.
    NoClientIdAssigned = "the CONNACK tells a Client without a client identifier none", ProtocolError;
    /// Of a Server that limits QoS.
    WillQosNotSupported = "a Will is accepted whose QoS is above the Server's maximum", QosNotSupported;
    /// Of a Server without retained messages.
    WillRetainNotSupported = "a retained Will is accepted by a Server without retained messages", RetainNotSupported;
    /// Request Response Information was 0.
    ResponseInformationNotRequested = "Response Information that was not asked for", ProtocolError;
    /// Request Problem Information was 0.
    ProblemInformationNotRequested = "Reason String or User Property although the Client asked for none", ProtocolError;
    /// The whole packet counts.
    PacketTooLarge = "the packet is above the receiver's Maximum Packet Size", PacketTooLarge;
    /// The Reason String should have been left out.
    ReasonStringTooLarge = "the Reason String makes the packet larger than the receiver's Maximum Packet Size", PacketTooLarge;
    /// The User Properties should have been left out.
    UserPropertyTooLarge = "the User Properties make the packet larger than the receiver's Maximum Packet Size", PacketTooLarge;
    /// By another exchange that its sender began.
    PacketIdInUse = "the Packet Identifier is in use", ProtocolError;
    /// A QoS 2 message with an identifier that another exchange has.
    QoS2PacketIdInUse = "the Packet Identifier of a QoS 2 message is in use", ProtocolError;
    /// 5.0 repeats only when a connection has been lost.
    Resent = "a repetition within one connection", ProtocolError;
    /// The receiver has forgotten it.
    PublishAfterPubRel = "a PUBLISH is repeated after its PUBREL", ProtocolError;
    /// No open exchange has this identifier at this stage.
    NothingToAcknowledge = "nothing is open that this could answer", ProtocolError;
    /// PUBACK is for QoS 1, PUBREC for QoS 2.
    WrongAcknowledgement = "the message has another QoS than this answers", ProtocolError;
    /// Acknowledgements of a Client keep the order of the messages.
    OutOfOrder = "an older one should have been answered first", ProtocolError;
    /// One for each Topic Filter.
    CodeCount = "the number of codes is not the number of topic filters", ProtocolError;
    /// QoS 1 and 2 messages that are open at the same time.
    ReceiveMaximumExceeded = "more open messages than the receiver's Receive Maximum", ReceiveMaximumExceeded;
    /// As its CONNACK said.
    QosNotSupported = "a QoS above the Server's Maximum QoS", QosNotSupported;
    /// As its CONNACK said.
    RetainNotSupported = "RETAIN although the Server keeps no retained messages", RetainNotSupported;
    /// As its CONNACK said.
    WildcardNotSupported = "a wildcard although the Server takes none", WildcardSubscriptionsNotSupported;
    /// As its CONNACK said.
    SubscriptionIdNotSupported = "a Subscription Identifier although the Server takes none", SubscriptionIdentifiersNotSupported;
    /// As its CONNACK said.
    SharedNotSupported = "a shared subscription although the Server takes none", SharedSubscriptionsNotSupported;
    /// Above what the receiver announced.
    TopicAliasTooLarge = "the Topic Alias is above the receiver's Topic Alias Maximum", TopicAliasInvalid;
    /// The receiver announced 0, or nothing.
    TopicAliasNotSupported = "a Topic Alias although the receiver takes none", TopicAliasInvalid;
    /// An empty topic name with an alias that was not set before.
    TopicAliasUnknown = "the Topic Alias has not been set on this connection", ProtocolError;
    /// Only AUTH and DISCONNECT may come before CONNACK then.
    BeforeAuthenticated = "the Client sends this before it is authenticated", ProtocolError;
    /// The CONNECT had no Authentication Method.
    AuthenticationNotRequested = "extended authentication that the CONNECT did not ask for", ProtocolError;
    /// It is that of the CONNECT all along.
    AuthenticationMethodChanged = "the Authentication Method is not that of the CONNECT", ProtocolError;
    /// It is that of the CONNECT all along.
    ReAuthenticationMethodChanged = "the Client authenticates again with another method", ProtocolError;
    /// Before CONNACK every AUTH continues.
    AuthenticationStep = "AUTH before CONNACK has another code than 0x18", ProtocolError;
    /// After CONNACK the Client begins, with 0x19.
    AuthenticationNotBegun = "AUTH outside of an authentication", ProtocolError;
    /// DISCONNECT cannot make a Session that CONNECT did not want.
    SessionExpiryRaised = "Session Expiry Interval above 0 after a CONNECT with 0", ProtocolError;
    /// Needs times, see `Monitor::observe_at`.
    KeepAliveMissed = "the Client was silent for longer than its Keep Alive", None;
    /// Needs times, see `Monitor::observe_at`.
    ServerKeepAliveMissed = "the Client was silent for longer than the Server Keep Alive", None;
    /// Needs times, see `Monitor::observe_at`.
    KeepAliveNotEnforced = "the Server goes on although the Client was silent for one and a half times the Keep Alive", KeepAliveTimeout;
}
