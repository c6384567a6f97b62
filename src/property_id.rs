//! The table of the 27 properties of 5.0, and their identifiers.

use core::fmt;

use crate::dialect::Sender;
use crate::packet_type::{Carrier, PacketType};

/// Table 2-4 of 5.0: passes all rows to the macro `$define`. They define `PropertyId` here, and
/// `Property` with its parser, writer and text in `property.rs`.
///
/// A row holds the identifier, the name, the fields with their types, the name in the standard,
/// the carriers that may have the property, the statement that forbids a second one, and the
/// statement that limits its value.
macro_rules! property_table {
    ($define:ident) => {
        $define! {
            /// Whether the payload is UTF-8 text. This crate does not check payloads.
            0x01 PayloadFormatIndicator(value: bool) = "Payload Format Indicator",
                [Publish Will], once "U-dup-01" value "U-val-01";
            /// Seconds after which the Server deletes a copy of the message that it has not begun
            /// to deliver (MQTT-3.3.2-5).
            0x02 MessageExpiryInterval(value: u32) = "Message Expiry Interval",
                [Publish Will], once "U-dup-02" value "";
            /// The type of the payload, for example a MIME type.
            0x03 ContentType(value: Utf8Str<'a>) = "Content Type",
                [Publish Will], once "U-dup-03" value "";
            /// The Topic Name for responses (MQTT-3.3.2-14: no wildcard).
            0x08 ResponseTopic(value: TopicName<'a>) = "Response Topic",
                [Publish Will], once "U-dup-08" value "";
            /// Data that links a response to its request; the requester chooses it.
            0x09 CorrelationData(value: BinaryData<'a>) = "Correlation Data",
                [Publish Will], once "U-dup-09" value "";
            /// The identifier of a subscription. A Server's PUBLISH may have several, even equal
            /// ones; a Client's PUBLISH has none (MQTT-3.3.4-6).
            0x0b SubscriptionIdentifier(value: SubscriptionId) = "Subscription Identifier",
                [Publish Subscribe], once "U-dup-0b" value "U-val-0b";
            /// Seconds that the Session outlives the connection; `u32::MAX` means that it never
            /// expires. Not in a Server's DISCONNECT (MQTT-3.14.2-2).
            0x11 SessionExpiryInterval(value: u32) = "Session Expiry Interval",
                [Connect ConnAck Disconnect], once "U-dup-11" value "";
            /// The Client Identifier that the Server chose for a Client that sent an empty one.
            0x12 AssignedClientIdentifier(value: Utf8Str<'a>) = "Assigned Client Identifier",
                [ConnAck], once "U-dup-12" value "";
            /// Seconds. The Client must use it instead of the Keep Alive that it sent
            /// (MQTT-3.2.2-21).
            0x13 ServerKeepAlive(value: u16) = "Server Keep Alive",
                [ConnAck], once "U-dup-13" value "";
            /// The name of the method of extended authentication.
            0x15 AuthenticationMethod(value: Utf8Str<'a>) = "Authentication Method",
                [Connect ConnAck Auth], once "U-dup-15" value "";
            /// Data whose format the authentication method defines.
            0x16 AuthenticationData(value: BinaryData<'a>) = "Authentication Data",
                [Connect ConnAck Auth], once "U-dup-16" value "";
            /// Whether the Server may put Reason Strings and User Properties into every packet. If
            /// false, only into PUBLISH, CONNACK and DISCONNECT (MQTT-3.1.2-29).
            0x17 RequestProblemInformation(value: bool) = "Request Problem Information",
                [Connect], once "U-dup-17" value "U-val-17";
            /// Seconds between the end of the connection and the publication of the Will. It is
            /// published earlier if the Session ends (MQTT-3.1.2-8), and not at all if the Client
            /// reconnects before (MQTT-3.1.3-9).
            0x18 WillDelayInterval(value: u32) = "Will Delay Interval",
                [Will], once "U-dup-18" value "";
            /// Whether the Client asks for Response Information in the CONNACK.
            0x19 RequestResponseInformation(value: bool) = "Request Response Information",
                [Connect], once "U-dup-19" value "U-val-19";
            /// The basis from which the Client can build Response Topics.
            0x1a ResponseInformation(value: Utf8Str<'a>) = "Response Information",
                [ConnAck], once "U-dup-1a" value "";
            /// Another Server for the Client to use.
            0x1c ServerReference(value: Utf8Str<'a>) = "Server Reference",
                [ConnAck Disconnect], once "U-dup-1c" value "";
            /// The reason in words, for diagnosis by people.
            0x1f ReasonString(value: Utf8Str<'a>) = "Reason String",
                [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth], once "U-dup-1f" value "";
            /// The number of QoS 1 and QoS 2 messages that the sender of this property is willing
            /// to process at once.
            0x21 ReceiveMaximum(value: NonZeroU16) = "Receive Maximum",
                [Connect ConnAck], once "U-dup-21" value "U-val-21";
            /// The largest Topic Alias that the sender of this property accepts; 0 means none.
            0x22 TopicAliasMaximum(value: u16) = "Topic Alias Maximum",
                [Connect ConnAck], once "U-dup-22" value "";
            /// A number that replaces the Topic Name (MQTT-3.3.2-8: not 0).
            0x23 TopicAlias(value: NonZeroU16) = "Topic Alias",
                [Publish], once "U-dup-23" value "MQTT-3.3.2-8";
            /// The highest QoS that the Server supports: 0 or 1. A Server that supports QoS 2 omits
            /// it.
            #[cfg_attr(feature = "serde", serde(rename = "maximum_qos"))]
            0x24 MaximumQoS(value: QoS) = "Maximum QoS",
                [ConnAck], once "U-dup-24" value "U-val-24";
            /// Whether the Server supports retained messages.
            0x25 RetainAvailable(value: bool) = "Retain Available",
                [ConnAck], once "U-dup-25" value "U-val-25";
            /// A name and a value, both free text. Names may repeat.
            0x26 UserProperty(name: Utf8Str<'a>, value: Utf8Str<'a>) = "User Property",
                [Connect ConnAck Publish PubAck PubRec PubRel PubComp Subscribe SubAck Unsubscribe UnsubAck Disconnect Auth Will], once "" value "";
            /// The size in bytes of the largest packet, fixed header included, that the sender of
            /// this property accepts.
            0x27 MaximumPacketSize(value: NonZeroU32) = "Maximum Packet Size",
                [Connect ConnAck], once "U-dup-27" value "U-val-27";
            /// Whether the Server supports Topic Filters with wildcards.
            0x28 WildcardSubscriptionAvailable(value: bool) = "Wildcard Subscription Available",
                [ConnAck], once "U-dup-28" value "U-val-28";
            /// Whether the Server supports Subscription Identifiers.
            0x29 SubscriptionIdentifierAvailable(value: bool) = "Subscription Identifier Available",
                [ConnAck], once "U-dup-29" value "U-val-29";
            /// Whether the Server supports Shared Subscriptions.
            0x2a SharedSubscriptionAvailable(value: bool) = "Shared Subscription Available",
                [ConnAck], once "U-dup-2a" value "U-val-2a";
        }
    };
}
pub(crate) use property_table;

macro_rules! carrier {
    (Will) => {
        Carrier::Will
    };
    ($packet:ident) => {
        Carrier::Packet(PacketType::$packet)
    };
}

macro_rules! property_ids {
    ($($(#[$doc:meta])* $byte:literal $name:ident($($field:ident: $type:ty),+) = $text:literal,
       [$($carrier:ident)*], once $once:literal value $values:literal;)*) => {
        /// The identifier of a property.
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PropertyId {
            $(#[doc = concat!("`", stringify!($byte), "` ", $text, ".")] $name = $byte,)*
        }

        impl PropertyId {
            /// All 27 identifiers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name of the property in the standard.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The statement that forbids a second property with this identifier; empty if a
            /// second one is allowed everywhere.
            pub(crate) const fn duplicate_statement(self) -> &'static str {
                match self {
                    $(Self::$name => $once,)*
                }
            }

            /// The statement that limits the value; empty if all values of the type are allowed.
            pub(crate) const fn value_statement(self) -> &'static str {
                match self {
                    $(Self::$name => $values,)*
                }
            }
        }

        /// The properties by identifier, each with the set of its carriers.
        static TABLE: [Option<(PropertyId, u16)>; 0x2b] = {
            let mut table = [None; 0x2b];
            $(table[$byte] = Some((PropertyId::$name, 0 $(| carrier!($carrier).bit())*));)*
            table
        };
    };
}

property_table!(property_ids);

impl PropertyId {
    /// Whether a packet of this type from `sender` may carry the property.
    #[must_use]
    pub fn is_allowed(self, packet_type: PacketType, sender: Sender) -> bool {
        let carrier = Carrier::Packet(packet_type);
        self.has_carrier(carrier) && !self.is_for_other_side(carrier, sender)
    }

    /// Whether a Will may carry the property.
    #[must_use]
    pub fn is_allowed_in_will(self) -> bool {
        self.has_carrier(Carrier::Will)
    }

    /// The property with this identifier.
    #[inline]
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        let (id, _) = (*TABLE.get(usize::from(byte))?)?;
        Some(id)
    }

    /// The property with this identifier, and whether `carrier` may have it.
    #[inline]
    pub(crate) fn find(byte: u8, carrier: Carrier) -> Option<(Self, bool)> {
        let (id, carriers) = (*TABLE.get(usize::from(byte))?)?;
        Some((id, carriers & carrier.bit() != 0))
    }

    /// Whether the carrier may have the property, from at least one side.
    #[inline]
    pub(crate) fn has_carrier(self, carrier: Carrier) -> bool {
        match TABLE.get(usize::from(self as u8)) {
            Some(Some((_, carriers))) => carriers & carrier.bit() != 0,
            _ => false,
        }
    }

    /// Whether every property that the carrier may have from one side, it may have from `sender`.
    #[inline]
    pub(crate) const fn are_all_allowed(carrier: Carrier, sender: Sender) -> bool {
        for_other_side(carrier, sender) == 0
    }

    /// The properties that `sender` may put into the carrier, and those of them that may appear only
    /// once, as sets of bits `1 << id`.
    #[inline]
    pub(crate) fn allowed_in(carrier: Carrier, sender: Sender) -> (u64, u64) {
        let of_any_side = ALLOWED.get(carrier.index()).copied().unwrap_or_default();
        let all = of_any_side & !for_other_side(carrier, sender);
        (all, all & !repeating_in(carrier))
    }

    /// Whether the carrier may have the property only from the other side.
    #[inline]
    const fn is_for_other_side(self, carrier: Carrier, sender: Sender) -> bool {
        for_other_side(carrier, sender) & self.bit() != 0
    }

    const fn bit(self) -> u64 {
        1 << self as u64
    }
}

/// The properties by carrier, as sets of bits `1 << id`.
#[allow(clippy::indexing_slicing)] // while compiling
static ALLOWED: [u64; 16] = {
    let mut sets = [0; 16];
    let mut index = 0;
    while index < PropertyId::ALL.len() * sets.len() {
        let id = PropertyId::ALL[index / sets.len()];
        let carrier = index % sets.len();
        if let Some((_, carriers)) = TABLE[id as usize] {
            if carriers & 1 << carrier != 0 {
                sets[carrier] |= id.bit();
            }
        }
        index += 1;
    }
    sets
};

/// The properties that the carrier may have only from the other side.
#[inline]
const fn for_other_side(carrier: Carrier, sender: Sender) -> u64 {
    match (carrier, sender) {
        (Carrier::Packet(PacketType::Publish), Sender::Client) => {
            PropertyId::SubscriptionIdentifier.bit()
        }
        (Carrier::Packet(PacketType::Disconnect), Sender::Server) => {
            PropertyId::SessionExpiryInterval.bit()
        }
        _ => 0,
    }
}

/// The properties that the carrier may have more than once.
#[inline]
const fn repeating_in(carrier: Carrier) -> u64 {
    let subscription_identifier = match carrier {
        Carrier::Packet(PacketType::Publish) => PropertyId::SubscriptionIdentifier.bit(),
        _ => 0,
    };
    PropertyId::UserProperty.bit() | subscription_identifier
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
