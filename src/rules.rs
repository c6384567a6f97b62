//! The rules that a receiver waives and the optional rules that it adds: two plain sets.
//!
//! Both share one word inside [`Dialect`](crate::Dialect), so no two members have the same bit.

use core::fmt;
use core::ops::BitOr;

macro_rules! set {
    ($(#[$type_doc:meta])* $type:ident: $($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(u16);

        impl $type {
            /// The empty set.
            pub const NONE: Self = Self(0);
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            /// All members.
            pub const ALL: Self = Self(0 $(| 1 << $bit)*);

            const NAMES: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),*];

            /// The union of both sets.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether this set contains all members of `other`.
            #[must_use]
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            pub(crate) const fn bits(self) -> u16 {
                self.0
            }

            /// The set of the members among these bits.
            #[inline]
            pub(crate) const fn from_bits(bits: u16) -> Self {
                Self(bits & Self::ALL.0)
            }

            /// Whether the set is empty.
            #[must_use]
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The members, each with its name.
            pub fn iter(self) -> impl Iterator<Item = (&'static str, Self)> {
                let members = Self::NAMES.iter().copied();
                members.filter(move |(_, member)| self.contains(*member))
            }

            /// The member with this name, for example `"PACKET_ID_ZERO"` of [`Waivers`].
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                let mut members = Self::NAMES.iter();
                members.find(|(known, _)| *known == name).map(|(_, member)| *member)
            }
        }

        impl BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
            }
        }
    };
}

set! {
    /// A set of rules that the peer may break; empty by default. All other rules stay strict.
    ///
    /// Each waiver is for one rule, and names the programs that are known to break it.
    /// [`Packet::decode_waiving`](crate::Packet::decode_waiving) reports each broken rule that it
    /// waived. Encoding ignores waivers.
    ///
    /// ```
    /// use mqtt_wire::{Dialect, ErrorKind, Packet, Version, Waivers};
    ///
    /// let connect = b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x3c\x00\x01p"; // Will QoS 1, no Will
    /// let dialect = Dialect::from_client(Version::V3_1_1);
    /// assert!(Packet::decode(connect, dialect).is_err());
    ///
    /// let mut waived = Vec::new();
    /// let lenient = dialect.waiving(Waivers::WILL_FLAGS);
    /// Packet::decode_waiving(connect, lenient, |error| waived.push(error.kind()))?;
    /// assert_eq!(waived, [ErrorKind::WillQosWithoutWill]);
    /// # Ok::<(), mqtt_wire::DecodeError>(())
    /// ```
    Waivers:
    /// Will QoS and Will Retain are ignored while the Will Flag is 0, as in 3.1.
    WILL_FLAGS = 0;
    /// 3.1 and 3.1.1: a password without a user name. Clients that swap the two flags send it.
    PASSWORD_WITHOUT_USER_NAME = 1;
    /// 3.1 and 3.1.1: an empty client identifier where it is not allowed. Lets a Server read the
    /// packet that it refuses with return code 2.
    EMPTY_CLIENT_ID = 2;
    /// Bytes after the last field of CONNECT are ignored (Nyamuk sends two).
    CONNECT_TRAILING_BYTES = 3;
    /// Bit 7 of the Protocol Level is ignored (mosquitto's bridges set it).
    BRIDGE_PROTOCOL_LEVEL = 4;
    /// Packet Identifier 0 (SolaX inverters, HEATMAT thermostats, older Adafruit_MQTT). Such a
    /// packet cannot be acknowledged: encoding rejects the identifier.
    PACKET_ID_ZERO = 5;
    /// 3.1.1 and 5.0: flags 0010 on PUBACK, PUBREC, PUBCOMP, SUBACK and UNSUBACK (Orange
    /// LiveObjects).
    ACK_FLAGS = 6;
    /// 3.1: flags 0000 on UNSUBSCRIBE, which some clients of 3.1 send.
    UNSUBSCRIBE_FLAGS = 7;
    /// 3.1.1 and 5.0: flags 0010 on CONNECT (qmqtt).
    CONNECT_FLAGS = 8;
    /// 3.1 and 3.1.1: a refusing CONNACK in the form of 5.0 without properties. mosquitto sends it
    /// in response to a Protocol Level that it does not know.
    CONNACK_V5_FORM = 9;
    /// 3.1: return code `0x80` in a SUBACK, which means failure since 3.1.1.
    SUBACK_FAILURE = 10;
    /// 3.1 and 3.1.1: a Remaining Length in more bytes than it needs.
    REMAINING_LENGTH_NOT_SHORTEST = 11;
    /// 5.0: Reason Code `0x10` (No matching subscribers) in a PUBACK or PUBREC of a Client.
    NO_MATCHING_SUBSCRIBERS = 14;
    /// 5.0: an empty Response Topic, in a PUBLISH or in a Will (MQTTX). The property then holds an
    /// empty [`TopicName`](crate::TopicName), which encoding refuses.
    EMPTY_RESPONSE_TOPIC = 15;
}

set! {
    /// A set of optional rules of the standard that a receiver may add; empty by default. They
    /// apply to decoding only.
    ///
    /// ```
    /// use mqtt_wire::{Dialect, ErrorKind, OptionalRules, Packet, Version};
    ///
    /// let publish = b"\x30\x04\x00\x02a\x07"; // the topic has the control character U+0007
    /// let dialect = Dialect::from_client(Version::V3_1_1);
    /// assert!(Packet::decode(publish, dialect).is_ok());
    ///
    /// let strict = dialect.enforcing(OptionalRules::NO_DISCOURAGED_CHARACTERS);
    /// let error = Packet::decode(publish, strict).unwrap_err();
    /// assert_eq!((error.kind(), error.offset()), (ErrorKind::DiscouragedCharacter, 5));
    /// ```
    OptionalRules:
    /// Strings have no control characters (U+0001 to U+001F, U+007F to U+009F) and no
    /// non-characters (U+FDD0 to U+FDEF, and the last two of each plane): section 1.5.3 of 3.1.1,
    /// section 1.5.4 of 5.0.
    NO_DISCOURAGED_CHARACTERS = 12;
    /// 3.1: a client identifier has at most 23 characters.
    SHORT_CLIENT_ID = 13;
}
