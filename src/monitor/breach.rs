//! Breaches of the rules of a conversation: kind, side, statements and Reason Code.

use core::fmt;

use crate::data::PacketId;
use crate::dialect::{Sender, Version};
use crate::packet_type::PacketType;
use crate::reason_code::ReasonCode;
use crate::statement::Statement;

/// A packet that breaks a rule of its conversation.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Breach {
    pub(super) kind: BreachKind,
    pub(super) sender: Sender,
    pub(super) packet_type: PacketType,
    pub(super) packet_id: Option<PacketId>,
    pub(super) version: Version,
    /// The packet in which the other side may send a Reason Code now.
    pub(super) reply: Option<PacketType>,
}

impl Breach {
    /// The kind of rule that was broken.
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

    /// The statement that was broken: the first of [`statements`](Self::statements). A kind is only
    /// reported in versions that have a statement for it.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        self.statements().next()
    }

    /// All statements that were broken, the most exact one first.
    pub fn statements(&self) -> impl Iterator<Item = Statement> + use<> {
        let version = self.version;
        let packet_type = Some(self.packet_type);
        let of_kind = self.kind.statements(version, self.sender);
        self.statements_of_packet()
            .iter()
            .chain(of_kind)
            .filter_map(move |id| Statement::find(version, id, packet_type))
    }

    /// The Reason Code of 5.0 that the other side may send for it, in a DISCONNECT, or in the
    /// CONNACK if that has not been sent. `None` if there is none, so the connection is just closed,
    /// as always before 5.0.
    #[must_use]
    pub fn reason_code(&self) -> Option<ReasonCode> {
        let (code, reply) = (self.kind.reason_code()?, self.reply?);
        let is_allowed = self.version == Version::V5 && code.is_allowed(reply, self.sender.other());
        is_allowed.then_some(code)
    }

    /// The statements that depend on the type of the packet. They come before those of the kind.
    fn statements_of_packet(&self) -> &'static [&'static str] {
        use BreachKind as K;
        use PacketType as P;
        use Version::{V3_1_1, V5};

        match (self.kind, self.version, self.packet_type) {
            (K::BeforeConnAck, V5, P::Disconnect) => &["MQTT-3.14.0-1"],
            (K::PacketIdInUse, V3_1_1 | V5, P::Publish) if self.sender == Sender::Client => {
                &["MQTT-4.3.2-1"]
            }
            (K::PacketIdInUse, V5, P::Subscribe | P::Unsubscribe) => &["U-pid-in-use"],
            (K::NothingToAcknowledge, V3_1_1, P::PubAck) => &["MQTT-2.3.1-6", "MQTT-4.3.2-2"],
            (K::NothingToAcknowledge, V3_1_1, P::PubRec) => &["MQTT-2.3.1-6", "MQTT-4.3.3-2"],
            (K::NothingToAcknowledge, V3_1_1, P::PubRel) => &["MQTT-4.3.3-1", "MQTT-2.3.1-6"],
            (K::NothingToAcknowledge, V3_1_1, P::PubComp) => &["MQTT-4.3.3-2", "MQTT-2.3.1-6"],
            (K::NothingToAcknowledge, V3_1_1, P::SubAck) => &["MQTT-2.3.1-7", "MQTT-3.8.4-2"],
            (K::NothingToAcknowledge, V3_1_1, P::UnsubAck) => &["MQTT-2.3.1-7", "MQTT-3.10.4-4"],
            (K::NothingToAcknowledge, V5, P::PubAck) => &["MQTT-2.2.1-5", "MQTT-4.3.2-4"],
            (K::NothingToAcknowledge, V5, P::PubRec) => &["MQTT-4.3.3-8", "MQTT-2.2.1-5"],
            (K::NothingToAcknowledge, V5, P::PubRel) => &["MQTT-4.3.3-4", "MQTT-2.2.1-5"],
            (K::NothingToAcknowledge, V5, P::PubComp) => &["MQTT-4.3.3-11", "MQTT-2.2.1-5"],
            (K::NothingToAcknowledge, V5, P::SubAck) => &["MQTT-2.2.1-6", "MQTT-3.8.4-2"],
            (K::NothingToAcknowledge, V5, P::UnsubAck) => &["MQTT-2.2.1-6", "MQTT-3.10.4-5"],
            (K::OutOfOrder, _, P::PubAck) => &["MQTT-4.6.0-2"],
            (K::OutOfOrder, _, P::PubRec) => &["MQTT-4.6.0-3"],
            (K::OutOfOrder, _, P::PubRel) => &["MQTT-4.6.0-4"],
            (K::CodeCount, V5, P::SubAck) => &["MQTT-3.8.4-6"],
            (K::CodeCount, V5, P::UnsubAck) => &["MQTT-3.11.3-2"],
            (K::ReasonStringTooLarge, _, P::ConnAck) => &["MQTT-3.2.2-19"],
            (K::ReasonStringTooLarge, _, P::PubAck) => &["MQTT-3.4.2-2"],
            (K::ReasonStringTooLarge, _, P::PubRec) => &["MQTT-3.5.2-2"],
            (K::ReasonStringTooLarge, _, P::PubRel) => &["MQTT-3.6.2-2"],
            (K::ReasonStringTooLarge, _, P::PubComp) => &["MQTT-3.7.2-2"],
            (K::ReasonStringTooLarge, _, P::SubAck) => &["MQTT-3.9.2-1"],
            (K::ReasonStringTooLarge, _, P::UnsubAck) => &["MQTT-3.11.2-1"],
            (K::ReasonStringTooLarge, _, P::Disconnect) => &["MQTT-3.14.2-3"],
            (K::ReasonStringTooLarge, _, P::Auth) => &["MQTT-3.15.2-2"],
            (K::UserPropertyTooLarge, _, P::ConnAck) => &["MQTT-3.2.2-20"],
            (K::UserPropertyTooLarge, _, P::PubAck) => &["MQTT-3.4.2-3"],
            (K::UserPropertyTooLarge, _, P::PubRec) => &["MQTT-3.5.2-3"],
            (K::UserPropertyTooLarge, _, P::PubRel) => &["MQTT-3.6.2-3"],
            (K::UserPropertyTooLarge, _, P::PubComp) => &["MQTT-3.7.2-3"],
            (K::UserPropertyTooLarge, _, P::SubAck) => &["MQTT-3.9.2-2"],
            (K::UserPropertyTooLarge, _, P::UnsubAck) => &["MQTT-3.11.2-2"],
            (K::UserPropertyTooLarge, _, P::Disconnect) => &["MQTT-3.14.2-4"],
            (K::UserPropertyTooLarge, _, P::Auth) => &["MQTT-3.15.2-3"],
            _ => &[],
        }
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

/// A row is a kind, its text, the Reason Code for it, and its statements in each version. A second
/// list is for the Server, where its statements are not those of the Client.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident,
       v3_1 [$($v3_1:tt)*] $([$($v3_1_server:tt)*])?,
       v3_1_1 [$($v3_1_1:tt)*] $([$($v3_1_1_server:tt)*])?,
       v5 [$($v5:tt)*] $([$($v5_server:tt)*])?;)*) => {
        /// The kinds of breach. The statements that each one breaks depend on version, side and
        /// packet: see [`Breach::statements`].
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

            const fn statements(
                self,
                version: Version,
                sender: Sender,
            ) -> &'static [&'static str] {
                use Sender::{Client, Server};
                use Version::{V3_1, V3_1_1, V5};
                match (self, version, sender) {
                    $(
                        (Self::$name, V3_1, Client) => &[$($v3_1),*],
                        (Self::$name, V3_1, Server) => kinds!(@last [$($v3_1),*] $([$($v3_1_server),*])?),
                        (Self::$name, V3_1_1, Client) => &[$($v3_1_1),*],
                        (Self::$name, V3_1_1, Server) => {
                            kinds!(@last [$($v3_1_1),*] $([$($v3_1_1_server),*])?)
                        }
                        (Self::$name, V5, Client) => &[$($v5),*],
                        (Self::$name, V5, Server) => kinds!(@last [$($v5),*] $([$($v5_server),*])?),
                    )*
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
    (@last $only:tt) => { &$only };
    (@last $client:tt $server:tt) => { &$server };
}

kinds! {
    /// A Client begins with CONNECT.
    FirstPacketNotConnect = "the first packet of the Client is not CONNECT", None,
        v3_1 ["U31-first"], v3_1_1 ["MQTT-3.1.0-1"], v5 ["MQTT-3.1.0-1"];
    /// A Client sends CONNECT once.
    SecondConnect = "a second CONNECT on one connection", ProtocolError,
        v3_1 ["U31-second-connect"], v3_1_1 ["MQTT-3.1.0-2"], v5 ["MQTT-3.1.0-2"];
    /// A Server begins with CONNACK; in 5.0 AUTH may come first.
    BeforeConnAck = "the Server sends this before its CONNACK", ProtocolError,
        v3_1 ["U31-connack-first"], v3_1_1 ["MQTT-3.2.0-1"], v5 ["MQTT-3.2.0-1"];
    /// A Server sends CONNACK once.
    SecondConnAck = "a second CONNACK on one connection", ProtocolError,
        v3_1 ["U31-connack-first"], v3_1_1 ["U-connack2"], v5 ["MQTT-3.2.0-2"];
    /// A Server that refuses the connection closes it.
    AfterRefusal = "the Server goes on after it refused the connection", None,
        v3_1 ["U31-refused"], v3_1_1 ["MQTT-3.1.4-5" "MQTT-3.2.2-5"], v5 ["MQTT-3.1.4-6" "MQTT-3.2.2-7" "MQTT-4.13.2-1"];
    /// DISCONNECT is the last packet of its sender.
    AfterDisconnect = "the sender goes on after its DISCONNECT", None,
        v3_1 ["U31-after-disconnect"], v3_1_1 ["MQTT-3.14.4-2"], v5 ["MQTT-3.14.4-1"];
    /// A DISCONNECT that reports a failure closes the connection.
    AfterFailure = "the sender goes on after its DISCONNECT that reports a failure", None,
        v3_1 [], v3_1_1 [], v5 ["MQTT-4.13.2-1" "MQTT-3.14.4-1"];
    /// A new Session was asked for, so none can be present.
    SessionPresentAfterCleanStart = "Session Present is 1 although the Client asked for a new Session", ProtocolError,
        v3_1 [], v3_1_1 ["MQTT-3.2.2-1"], v5 ["MQTT-3.2.2-2"];
    /// A Server allows every client identifier of 1 to 23 letters and digits.
    SimpleClientIdRefused = "a client identifier of 1 to 23 letters and digits is refused", None,
        v3_1 [], v3_1_1 ["MQTT-3.1.3-5"], v5 ["MQTT-3.1.3-5"];
    /// 3.1.1 has a return code for it.
    EmptyClientIdAccepted = "an empty client identifier without Clean Session is not refused with code 2", None,
        v3_1 [], v3_1_1 ["MQTT-3.1.3-8"], v5 [];
    /// 5.0: a Server assigns an identifier to a Client without one.
    NoClientIdAssigned = "the CONNACK assigns no client identifier to a Client without one", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.1.3-7" "MQTT-3.2.2-16"];
    /// A Server with a Maximum QoS refuses such a Will.
    WillQosNotSupported = "a Will is accepted whose QoS is above the Server's maximum", QosNotSupported,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-12"];
    /// A Server without retained messages refuses such a Will.
    WillRetainNotSupported = "a retained Will is accepted by a Server without retained messages", None,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-13"];
    /// Request Response Information was 0.
    ResponseInformationNotRequested = "Response Information that was not asked for", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.1.2-28"];
    /// Request Problem Information was 0.
    ProblemInformationNotRequested = "Reason String or User Property although the Client asked for none", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.1.2-29"];
    /// The whole packet counts.
    PacketTooLarge = "the packet is above the receiver's Maximum Packet Size", PacketTooLarge,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-15"] ["MQTT-3.1.2-24"];
    /// The Reason String should have been left out.
    ReasonStringTooLarge = "the Reason String makes the packet larger than the receiver's Maximum Packet Size", PacketTooLarge,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-15"] ["MQTT-3.1.2-24"];
    /// The User Properties should have been left out.
    UserPropertyTooLarge = "the User Properties make the packet larger than the receiver's Maximum Packet Size", PacketTooLarge,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-15"] ["MQTT-3.1.2-24"];
    /// Another exchange of its sender has the identifier.
    PacketIdInUse = "the Packet Identifier is in use", ProtocolError,
        v3_1 ["U31-in-use"], v3_1_1 ["MQTT-2.3.1-2"] ["MQTT-2.3.1-4" "MQTT-4.3.2-1"], v5 ["MQTT-2.2.1-3"] ["MQTT-4.3.2-1" "MQTT-2.2.1-4"];
    /// Another exchange has the identifier of a QoS 2 message.
    QoS2PacketIdInUse = "the Packet Identifier of a QoS 2 message is in use", ProtocolError,
        v3_1 ["U31-in-use"], v3_1_1 ["MQTT-4.3.3-1" "MQTT-2.3.1-2"] ["MQTT-4.3.3-1" "MQTT-2.3.1-4"], v5 ["MQTT-4.3.3-1" "MQTT-2.2.1-3"] ["MQTT-4.3.3-1" "MQTT-2.2.1-4"];
    /// 5.0 repeats a packet only on a new connection.
    Resent = "a repetition within one connection", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-4.4.0-1"];
    /// The receiver forgets the message when the PUBREL comes.
    PublishAfterPubRel = "a PUBLISH is repeated after its PUBREL", ProtocolError,
        v3_1 ["U31-in-use"], v3_1_1 ["MQTT-4.3.3-1"], v5 ["MQTT-4.3.3-6"];
    /// No packet asked for this answer, or all that did are answered.
    NothingToAcknowledge = "no open exchange has this Packet Identifier at this stage", ProtocolError,
        v3_1 ["U31-ack"], v3_1_1 [], v5 [];
    /// PUBACK is for QoS 1, PUBREC for QoS 2.
    WrongAcknowledgement = "the QoS of the message asks for another acknowledgement", ProtocolError,
        v3_1 ["U31-ack"], v3_1_1 ["MQTT-3.3.4-1"], v5 ["MQTT-3.3.4-1"];
    /// A Client acknowledges messages in their order.
    OutOfOrder = "an older message should have been acknowledged first", ProtocolError,
        v3_1 [], v3_1_1 [], v5 [];
    /// There is one code for each Topic Filter.
    CodeCount = "the number of codes is not the number of topic filters", ProtocolError,
        v3_1 ["U31-suback-count"], v3_1_1 ["MQTT-3.8.4-5"], v5 [];
    /// It limits the messages of QoS 1 and 2 that are open at the same time.
    ReceiveMaximumExceeded = "more open messages than the receiver's Receive Maximum", ReceiveMaximumExceeded,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.3.4-7" "MQTT-4.9.0-2"] ["MQTT-3.3.4-9" "MQTT-4.9.0-2"];
    /// The CONNACK has a Maximum QoS.
    QosNotSupported = "a QoS above the Server's Maximum QoS", QosNotSupported,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-11"];
    /// The CONNACK has Retain Available 0.
    RetainNotSupported = "RETAIN although the Server keeps no retained messages", RetainNotSupported,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-14"];
    /// The CONNACK has Wildcard Subscription Available 0.
    WildcardNotSupported = "a wildcard although the Server does not support wildcards", WildcardSubscriptionsNotSupported,
        v3_1 [], v3_1_1 [], v5 ["U-wild-na"];
    /// The CONNACK has Subscription Identifier Available 0.
    SubscriptionIdNotSupported = "a Subscription Identifier although the Server does not support them", SubscriptionIdentifiersNotSupported,
        v3_1 [], v3_1_1 [], v5 ["U-subid-na"];
    /// The CONNACK has Shared Subscription Available 0.
    SharedNotSupported = "a shared subscription although the Server does not support them", SharedSubscriptionsNotSupported,
        v3_1 [], v3_1_1 [], v5 ["U-shared-na"];
    /// The receiver announced a Topic Alias Maximum.
    TopicAliasTooLarge = "the Topic Alias is above the receiver's Topic Alias Maximum", TopicAliasInvalid,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-17" "MQTT-3.3.2-9"] ["MQTT-3.1.2-26" "MQTT-3.3.2-11"];
    /// The receiver announced a Topic Alias Maximum of 0, or none.
    TopicAliasNotSupported = "a Topic Alias although the receiver does not support them", TopicAliasInvalid,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-18"] ["MQTT-3.1.2-27"];
    /// The topic name is empty, and the alias was not set before.
    TopicAliasUnknown = "the Topic Alias has not been set on this connection", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["U-alias-unknown"];
    /// Until the CONNACK such a Client sends only AUTH and DISCONNECT.
    BeforeAuthenticated = "the Client sends this before it is authenticated", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.1.2-30"];
    /// The CONNECT had no Authentication Method.
    AuthenticationNotRequested = "extended authentication that the CONNECT did not ask for", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-4.12.0-7"] ["MQTT-4.12.0-6"];
    /// The Authentication Method stays that of the CONNECT.
    AuthenticationMethodChanged = "the Authentication Method is not that of the CONNECT", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-4.12.0-5"];
    /// The Authentication Method stays that of the CONNECT.
    ReAuthenticationMethodChanged = "the Client authenticates again with another method", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-4.12.1-1"];
    /// Before the CONNACK every AUTH has code 0x18.
    AuthenticationStep = "AUTH before CONNACK has another code than 0x18", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["MQTT-4.12.0-3"] ["MQTT-4.12.0-2"];
    /// After the CONNACK the Client begins, with 0x19.
    AuthenticationNotBegun = "AUTH outside of an authentication", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["U-auth-flow"];
    /// DISCONNECT cannot keep a Session that ends with the connection.
    SessionExpiryRaised = "Session Expiry Interval above 0 after a CONNECT with 0", ProtocolError,
        v3_1 [], v3_1_1 [], v5 ["U-disc-expiry"];
    /// Needs times, see `Monitor::observe_at`.
    KeepAliveMissed = "the Client was silent for longer than its Keep Alive", None,
        v3_1 ["U31-keep-alive"], v3_1_1 ["MQTT-3.1.2-23"], v5 ["MQTT-3.1.2-20" "MQTT-3.2.2-22"];
    /// Needs times, see `Monitor::observe_at`.
    ServerKeepAliveMissed = "the Client was silent for longer than the Server Keep Alive", None,
        v3_1 [], v3_1_1 [], v5 ["MQTT-3.2.2-21" "MQTT-3.1.2-21"];
    /// Needs times, see `Monitor::observe_at`.
    KeepAliveNotEnforced = "the Server goes on although the Client was silent for one and a half times the Keep Alive", None,
        v3_1 ["U31-keep-alive"], v3_1_1 ["MQTT-3.1.2-24"], v5 ["MQTT-3.1.2-22"];
}
