//! The Reason Codes of 5.0, with the packets and sides that may send them, and the return codes of
//! 3.1 and 3.1.1.

use core::fmt;

use crate::dialect::Sender;
use crate::packet_type::PacketType;

macro_rules! reason_codes {
    ($($byte:literal $name:ident = $text:literal,
       both [$($both:ident)*], server [$($server:ident)*], client [$($client:ident)*];)*) => {
        /// The result of an operation: a Reason Code of 5.0.
        ///
        /// It also represents the return codes of CONNACK (see [`ReturnCode`]) and SUBACK in 3.1
        /// and 3.1.1. Encoding for 3.1 or 3.1.1 rejects a code that has no counterpart there.
        ///
        /// [`Success`](Self::Success) is called Normal disconnection in DISCONNECT and Granted
        /// QoS 0 in SUBACK.
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[doc(alias = "ConnectReturnCode")]
        #[doc(alias = "DisconnectReasonCode")]
        #[doc(alias = "PubAckReason")]
        #[doc(alias = "SubscribeReasonCode")]
        pub enum ReasonCode {
            $(#[doc = concat!("`", stringify!($byte), "` ", $text, ".")] $name = $byte,)*
        }

        impl ReasonCode {
            /// All 43 codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name of the code in the standard.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        impl TryFrom<u8> for ReasonCode {
            type Error = UnknownReasonCode;

            #[inline]
            fn try_from(byte: u8) -> Result<Self, UnknownReasonCode> {
                match CODES.get(usize::from(byte)) {
                    Some(Some(code)) => Ok(*code),
                    _ => Err(UnknownReasonCode(byte)),
                }
            }
        }

        static CODES: [Option<ReasonCode>; 256] = {
            let mut table = [None; 256];
            $(table[$byte] = Some(ReasonCode::$name);)*
            table
        };

        /// Bit `type` is set if the Server may send the code in that packet, bit `16 + type` if the
        /// Client may. From table 2-6; the sides are from the tables in the packets' sections.
        static CARRIERS: [u32; 256] = {
            let mut table = [0; 256];
            $(table[$byte] = 0 $(| (0x1_0001 << PacketType::$both as u32))*
                $(| (1 << PacketType::$server as u32))*
                $(| (0x1_0000 << PacketType::$client as u32))*;)*
            table
        };
    };
}

reason_codes! {
    0x00 Success = "Success", both [PubAck PubRec PubRel PubComp Disconnect], server [ConnAck SubAck UnsubAck Auth], client [];
    0x01 GrantedQos1 = "Granted QoS 1", both [], server [SubAck], client [];
    0x02 GrantedQos2 = "Granted QoS 2", both [], server [SubAck], client [];
    0x04 DisconnectWithWillMessage = "Disconnect with Will Message", both [], server [], client [Disconnect];
    0x10 NoMatchingSubscribers = "No matching subscribers", both [], server [PubAck PubRec], client [];
    0x11 NoSubscriptionExisted = "No subscription existed", both [], server [UnsubAck], client [];
    0x18 ContinueAuthentication = "Continue authentication", both [Auth], server [], client [];
    0x19 ReAuthenticate = "Re-authenticate", both [], server [], client [Auth];
    0x80 UnspecifiedError = "Unspecified error", both [PubAck PubRec Disconnect], server [ConnAck SubAck UnsubAck], client [];
    0x81 MalformedPacket = "Malformed Packet", both [Disconnect], server [ConnAck], client [];
    0x82 ProtocolError = "Protocol Error", both [Disconnect], server [ConnAck], client [];
    0x83 ImplementationSpecificError = "Implementation specific error", both [PubAck PubRec Disconnect], server [ConnAck SubAck UnsubAck], client [];
    0x84 UnsupportedProtocolVersion = "Unsupported Protocol Version", both [], server [ConnAck], client [];
    0x85 ClientIdentifierNotValid = "Client Identifier not valid", both [], server [ConnAck], client [];
    0x86 BadUserNameOrPassword = "Bad User Name or Password", both [], server [ConnAck], client [];
    0x87 NotAuthorized = "Not authorized", both [PubAck PubRec], server [ConnAck SubAck UnsubAck Disconnect], client [];
    0x88 ServerUnavailable = "Server unavailable", both [], server [ConnAck], client [];
    0x89 ServerBusy = "Server busy", both [], server [ConnAck Disconnect], client [];
    0x8a Banned = "Banned", both [], server [ConnAck], client [];
    0x8b ServerShuttingDown = "Server shutting down", both [], server [Disconnect], client [];
    0x8c BadAuthenticationMethod = "Bad authentication method", both [Disconnect], server [ConnAck], client [];
    0x8d KeepAliveTimeout = "Keep Alive timeout", both [], server [Disconnect], client [];
    0x8e SessionTakenOver = "Session taken over", both [], server [Disconnect], client [];
    0x8f TopicFilterInvalid = "Topic Filter invalid", both [], server [SubAck UnsubAck Disconnect], client [];
    0x90 TopicNameInvalid = "Topic Name invalid", both [PubAck PubRec Disconnect], server [ConnAck], client [];
    0x91 PacketIdentifierInUse = "Packet Identifier in use", both [PubAck PubRec], server [SubAck UnsubAck], client [];
    0x92 PacketIdentifierNotFound = "Packet Identifier not found", both [PubRel PubComp], server [], client [];
    0x93 ReceiveMaximumExceeded = "Receive Maximum exceeded", both [Disconnect], server [], client [];
    0x94 TopicAliasInvalid = "Topic Alias invalid", both [Disconnect], server [], client [];
    0x95 PacketTooLarge = "Packet too large", both [Disconnect], server [ConnAck], client [];
    0x96 MessageRateTooHigh = "Message rate too high", both [Disconnect], server [], client [];
    0x97 QuotaExceeded = "Quota exceeded", both [PubAck PubRec Disconnect], server [ConnAck SubAck], client [];
    0x98 AdministrativeAction = "Administrative action", both [Disconnect], server [], client [];
    0x99 PayloadFormatInvalid = "Payload format invalid", both [PubAck PubRec Disconnect], server [ConnAck], client [];
    0x9a RetainNotSupported = "Retain not supported", both [], server [ConnAck Disconnect], client [];
    0x9b QosNotSupported = "QoS not supported", both [Disconnect], server [ConnAck], client [];
    0x9c UseAnotherServer = "Use another server", both [], server [ConnAck Disconnect], client [];
    0x9d ServerMoved = "Server moved", both [], server [ConnAck Disconnect], client [];
    0x9e SharedSubscriptionsNotSupported = "Shared Subscriptions not supported", both [], server [SubAck Disconnect], client [];
    0x9f ConnectionRateExceeded = "Connection rate exceeded", both [], server [ConnAck Disconnect], client [];
    0xa0 MaximumConnectTime = "Maximum connect time", both [], server [Disconnect], client [];
    0xa1 SubscriptionIdentifiersNotSupported = "Subscription Identifiers not supported", both [], server [SubAck Disconnect], client [];
    0xa2 WildcardSubscriptionsNotSupported = "Wildcard Subscriptions not supported", both [], server [SubAck Disconnect], client [];
}

impl ReasonCode {
    /// Normal disconnection: the name of `0x00` in DISCONNECT.
    pub const NORMAL_DISCONNECTION: Self = Self::Success;
    /// Granted QoS 0: the name of `0x00` in SUBACK.
    pub const GRANTED_QOS_0: Self = Self::Success;

    /// Whether the code means that the operation failed: `0x80` and above.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self as u8 >= 0x80
    }

    /// Whether a packet of this type from `sender` may carry the code in 5.0.
    ///
    /// Two codes of DISCONNECT are allowed from both sides although a table of the standard
    /// disagrees: `0x9B`, which section 3.3.4 tells the Client to use, and `0x8C`, which is in
    /// table 2-6 but not in table 3-10.
    #[must_use]
    #[inline]
    pub fn is_allowed(self, packet_type: PacketType, sender: Sender) -> bool {
        Self::is_byte_allowed(self as u8, packet_type, sender)
    }

    /// Whether the byte is a Reason Code that `sender` may send in this packet.
    #[inline]
    pub(crate) fn is_byte_allowed(byte: u8, packet_type: PacketType, sender: Sender) -> bool {
        let shift = match sender {
            Sender::Server => 0,
            Sender::Client => 16,
        };
        let carriers = CARRIERS.get(usize::from(byte)).copied().unwrap_or(0);
        carriers >> (packet_type as u32 + shift) & 1 != 0
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// So that a caller can return the code of a failed operation as an error.
impl core::error::Error for ReasonCode {}

impl From<ReasonCode> for u8 {
    fn from(code: ReasonCode) -> Self {
        code as Self
    }
}

/// The error for a byte that is no Reason Code, or no return code.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownReasonCode(pub u8);

impl fmt::Display for UnknownReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown Reason Code {:#04x}", self.0)
    }
}

impl core::error::Error for UnknownReasonCode {}

/// The return codes of CONNACK in 3.1 and 3.1.1 (section 3.2.2.3 of 3.1.1).
///
/// Packets hold the [`ReasonCode`] with the same meaning:
///
/// | return code | Reason Code |
/// |---|---|
/// | `0` | `0x00` Success |
/// | `1` | `0x84` Unsupported Protocol Version |
/// | `2` | `0x85` Client Identifier not valid |
/// | `3` | `0x88` Server unavailable |
/// | `4` | `0x86` Bad User Name or Password |
/// | `5` | `0x87` Not authorized |
///
/// `From` and `TryFrom` convert in both directions; all other Reason Codes have no return code.
/// The return codes of SUBACK, `0` to `2` and `0x80`, are Reason Codes with the same number.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReturnCode {
    /// `0` Connection accepted.
    Accepted = 0,
    /// `1` The Protocol Level is not supported.
    UnacceptableProtocolVersion = 1,
    /// `2` The client identifier is not allowed.
    IdentifierRejected = 2,
    /// `3` The service is unavailable.
    ServerUnavailable = 3,
    /// `4` The user name or password is malformed.
    BadUserNameOrPassword = 4,
    /// `5` The Client is not authorized.
    NotAuthorized = 5,
}

impl fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "Connection Accepted",
            Self::UnacceptableProtocolVersion => {
                "Connection Refused, unacceptable protocol version"
            }
            Self::IdentifierRejected => "Connection Refused, identifier rejected",
            Self::ServerUnavailable => "Connection Refused, Server unavailable",
            Self::BadUserNameOrPassword => "Connection Refused, bad user name or password",
            Self::NotAuthorized => "Connection Refused, not authorized",
        })
    }
}

/// So that a caller can return the code of a refused connection as an error.
impl core::error::Error for ReturnCode {}

impl From<ReturnCode> for u8 {
    fn from(code: ReturnCode) -> Self {
        code as Self
    }
}

impl From<ReturnCode> for ReasonCode {
    #[inline]
    fn from(code: ReturnCode) -> Self {
        match code {
            ReturnCode::Accepted => Self::Success,
            ReturnCode::UnacceptableProtocolVersion => Self::UnsupportedProtocolVersion,
            ReturnCode::IdentifierRejected => Self::ClientIdentifierNotValid,
            ReturnCode::ServerUnavailable => Self::ServerUnavailable,
            ReturnCode::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            ReturnCode::NotAuthorized => Self::NotAuthorized,
        }
    }
}

impl TryFrom<ReasonCode> for ReturnCode {
    type Error = ReasonCode;

    /// Fails with the code itself if 3.1 and 3.1.1 have no return code for it.
    fn try_from(code: ReasonCode) -> Result<Self, ReasonCode> {
        Ok(match code {
            ReasonCode::Success => Self::Accepted,
            ReasonCode::UnsupportedProtocolVersion => Self::UnacceptableProtocolVersion,
            ReasonCode::ClientIdentifierNotValid => Self::IdentifierRejected,
            ReasonCode::ServerUnavailable => Self::ServerUnavailable,
            ReasonCode::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            ReasonCode::NotAuthorized => Self::NotAuthorized,
            other => return Err(other),
        })
    }
}

impl TryFrom<u8> for ReturnCode {
    type Error = UnknownReasonCode;

    #[inline]
    fn try_from(byte: u8) -> Result<Self, UnknownReasonCode> {
        Ok(match byte {
            0 => Self::Accepted,
            1 => Self::UnacceptableProtocolVersion,
            2 => Self::IdentifierRejected,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => return Err(UnknownReasonCode(byte)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_all_codes_of_the_standard() {
        assert_eq!(ReasonCode::ALL.len(), 43);
        for &code in ReasonCode::ALL {
            assert_eq!(ReasonCode::try_from(code as u8), Ok(code));
        }
    }

    #[test]
    fn return_codes_and_reason_codes_map_both_ways() {
        for byte in 0..=5 {
            let code = ReturnCode::try_from(byte).unwrap();
            assert_eq!(ReturnCode::try_from(ReasonCode::from(code)), Ok(code));
            assert_eq!(u8::from(code), byte);
        }
        let known = |code: &&ReasonCode| ReturnCode::try_from(**code).is_ok();
        assert_eq!(ReasonCode::ALL.iter().filter(known).count(), 6);
        assert_eq!(ReturnCode::try_from(6), Err(UnknownReasonCode(6)));
        assert_eq!(
            ReturnCode::try_from(ReasonCode::Banned),
            Err(ReasonCode::Banned)
        );
    }

    #[test]
    fn codes_are_limited_to_their_sides() {
        use PacketType::{Auth, Disconnect, PubAck};
        use Sender::{Client, Server};
        let allowed = |code: ReasonCode, packet| {
            (
                code.is_allowed(packet, Client),
                code.is_allowed(packet, Server),
            )
        };
        assert_eq!(
            allowed(ReasonCode::DisconnectWithWillMessage, Disconnect),
            (true, false)
        );
        assert_eq!(
            allowed(ReasonCode::SessionTakenOver, Disconnect),
            (false, true)
        );
        assert_eq!(
            allowed(ReasonCode::QosNotSupported, Disconnect),
            (true, true)
        );
        assert_eq!(
            allowed(ReasonCode::NoMatchingSubscribers, PubAck),
            (false, true)
        );
        assert_eq!(allowed(ReasonCode::Success, Auth), (false, true));
        assert_eq!(allowed(ReasonCode::ReAuthenticate, Auth), (true, false));
        assert_eq!(allowed(ReasonCode::Banned, PubAck), (false, false));
    }
}
