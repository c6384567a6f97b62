//! Single properties by name, with the standard's defaults. All sections are of 5.0; before, there
//! are no properties, and the defaults hold.

use core::num::{NonZeroU16, NonZeroU32};

use super::ack::Ack;
use super::auth::Auth;
use super::connack::ConnAck;
use super::connect::Connect;
use super::disconnect::Disconnect;
use super::publish::Publish;
use super::suback::SubAck;
use super::subscribe::Subscribe;
use super::will::Will;
use crate::data::{BinaryData, QoS, SubscriptionId, Utf8Str};
use crate::dialect::Version;
use crate::property::Property;
use crate::property_id::PropertyId;
use crate::topic::TopicName;

/// The value of a property, or what holds without it.
macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $property:ident($type:ty)) => {
        getter!(@ $(#[$doc])* $name, $property -> Option<$type>, Some, None);
    };
    ($(#[$doc:meta])* $name:ident, $property:ident($type:ty) or $default:expr) => {
        getter!(@ $(#[$doc])* $name, $property -> $type, core::convert::identity, $default);
    };
    (@ $(#[$doc:meta])* $name:ident, $property:ident -> $type:ty, $some:expr, $none:expr) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $type {
            match self.properties.get(PropertyId::$property) {
                Some(Property::$property(value)) => $some(value),
                _ => $none,
            }
        }
    };
}

impl<'a> Connect<'a> {
    /// Seconds that the Session outlives the connection; `u32::MAX` is for ever. 0 without the
    /// property (section 3.1.2.11.2).
    ///
    /// In 3.1 and 3.1.1, which have no such number, it is what Clean Session means: 0 with it, and
    /// for ever without it.
    #[must_use]
    pub fn session_expiry_interval(&self) -> u32 {
        match self.properties.get(PropertyId::SessionExpiryInterval) {
            Some(Property::SessionExpiryInterval(seconds)) => seconds,
            _ if self.version == Version::V5 || self.clean_start => 0,
            _ => u32::MAX,
        }
    }

    getter! {
        /// The number of QoS 1 and QoS 2 messages that the Client takes at once; 65,535 without
        /// the property (section 3.1.2.11.3).
        receive_maximum, ReceiveMaximum(NonZeroU16) or NonZeroU16::MAX
    }
    getter! {
        /// Bytes of the largest packet that the Client takes. Without the property there is no
        /// limit but that of the Remaining Length (section 3.1.2.11.4).
        maximum_packet_size, MaximumPacketSize(NonZeroU32)
    }
    getter! {
        /// The largest Topic Alias that the Client takes; 0, which is none, without the property
        /// (section 3.1.2.11.5).
        topic_alias_maximum, TopicAliasMaximum(u16) or 0
    }
    getter! {
        /// Whether the Client asks for Response Information; not without the property (section
        /// 3.1.2.11.6).
        request_response_information, RequestResponseInformation(bool) or false
    }
    getter! {
        /// Whether the Server may send Reason Strings and User Properties with every packet; it
        /// may without the property (section 3.1.2.11.7).
        request_problem_information, RequestProblemInformation(bool) or true
    }
    getter! {
        /// The method of extended authentication, if that is used (section 3.1.2.11.9).
        authentication_method, AuthenticationMethod(Utf8Str<'a>)
    }
    getter! {
        /// What the method makes of it (section 3.1.2.11.10).
        authentication_data, AuthenticationData(BinaryData<'a>)
    }
}

impl<'a> ConnAck<'a> {
    getter! {
        /// Seconds that the Session outlives the connection. Without the property it is what the
        /// Client asked for (section 3.2.2.3.2).
        session_expiry_interval, SessionExpiryInterval(u32)
    }
    getter! {
        /// The number of QoS 1 and QoS 2 messages that the Server takes at once; 65,535 without
        /// the property (section 3.2.2.3.3).
        receive_maximum, ReceiveMaximum(NonZeroU16) or NonZeroU16::MAX
    }
    getter! {
        /// The highest QoS that the Server takes; QoS 2 without the property (section 3.2.2.3.4).
        maximum_qos, MaximumQoS(QoS) or QoS::ExactlyOnce
    }
    getter! {
        /// Whether the Server keeps retained messages; it does without the property (section
        /// 3.2.2.3.5).
        retain_available, RetainAvailable(bool) or true
    }
    getter! {
        /// Bytes of the largest packet that the Server takes. Without the property there is no
        /// limit but that of the Remaining Length (section 3.2.2.3.6).
        maximum_packet_size, MaximumPacketSize(NonZeroU32)
    }
    getter! {
        /// The identifier of a Client that sent an empty one. Without the property it is the one
        /// that the Client sent (section 3.2.2.3.7).
        assigned_client_identifier, AssignedClientIdentifier(Utf8Str<'a>)
    }
    getter! {
        /// The largest Topic Alias that the Server takes; 0, which is none, without the property
        /// (section 3.2.2.3.8).
        topic_alias_maximum, TopicAliasMaximum(u16) or 0
    }
    getter! {
        /// What happened, for people to read (section 3.2.2.3.9).
        reason_string, ReasonString(Utf8Str<'a>)
    }
    getter! {
        /// Whether the Server takes filters with wildcards; it does without the property (section
        /// 3.2.2.3.11).
        wildcard_subscription_available, WildcardSubscriptionAvailable(bool) or true
    }
    getter! {
        /// Whether the Server takes Subscription Identifiers; it does without the property
        /// (section 3.2.2.3.12).
        subscription_identifier_available, SubscriptionIdentifierAvailable(bool) or true
    }
    getter! {
        /// Whether the Server takes shared subscriptions; it does without the property (section
        /// 3.2.2.3.13).
        shared_subscription_available, SharedSubscriptionAvailable(bool) or true
    }
    getter! {
        /// Seconds. Without the property the Keep Alive of the CONNECT holds (section 3.2.2.3.14).
        server_keep_alive, ServerKeepAlive(u16)
    }
    getter! {
        /// What the Client may build Response Topics from (section 3.2.2.3.15).
        response_information, ResponseInformation(Utf8Str<'a>)
    }
    getter! {
        /// Another Server to use (section 3.2.2.3.16).
        server_reference, ServerReference(Utf8Str<'a>)
    }
    getter! {
        /// The method of extended authentication, if that is used (section 3.2.2.3.17).
        authentication_method, AuthenticationMethod(Utf8Str<'a>)
    }
    getter! {
        /// What the method makes of it (section 3.2.2.3.18).
        authentication_data, AuthenticationData(BinaryData<'a>)
    }
}

impl<'a> Publish<'a> {
    getter! {
        /// Whether the payload is UTF-8 encoded text; without the property it is bytes (section
        /// 3.3.2.3.2).
        payload_format_indicator, PayloadFormatIndicator(bool) or false
    }
    getter! {
        /// Seconds after which the message is not delivered any more. Without the property it does
        /// not expire (section 3.3.2.3.3).
        message_expiry_interval, MessageExpiryInterval(u32)
    }
    getter! {
        /// What stands for the topic name, or will from now on (section 3.3.2.3.4).
        topic_alias, TopicAlias(NonZeroU16)
    }
    getter! {
        /// The topic of the response. With the property the message is a request (section
        /// 3.3.2.3.5).
        response_topic, ResponseTopic(TopicName<'a>)
    }
    getter! {
        /// What the requester finds its request by (section 3.3.2.3.6).
        correlation_data, CorrelationData(BinaryData<'a>)
    }
    getter! {
        /// What the payload is, for example a MIME type (section 3.3.2.3.9).
        content_type, ContentType(Utf8Str<'a>)
    }

    /// The identifiers of the subscriptions that the message is sent for: one for each that has
    /// one and matched, in any order (section 3.3.2.3.8, MQTT-3.3.4-3 and MQTT-3.3.4-4).
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = SubscriptionId> + use<'a> {
        self.properties
            .iter()
            .filter_map(|property| match property {
                Property::SubscriptionIdentifier(id) => Some(id),
                _ => None,
            })
    }
}

impl<'a> Will<'a> {
    getter! {
        /// Seconds between the end of the connection and the Will; 0 without the property (section
        /// 3.1.3.2.2). The end of the Session cuts it short.
        will_delay_interval, WillDelayInterval(u32) or 0
    }
    getter! {
        /// Whether the payload is UTF-8 encoded text; without the property it is bytes (section
        /// 3.1.3.2.3).
        payload_format_indicator, PayloadFormatIndicator(bool) or false
    }
    getter! {
        /// Seconds after which the message is not delivered any more, counted from when it is
        /// published. Without the property it does not expire (section 3.1.3.2.4).
        message_expiry_interval, MessageExpiryInterval(u32)
    }
    getter! {
        /// What the payload is, for example a MIME type (section 3.1.3.2.5).
        content_type, ContentType(Utf8Str<'a>)
    }
    getter! {
        /// The topic of the response. With the property the message is a request (section
        /// 3.1.3.2.6).
        response_topic, ResponseTopic(TopicName<'a>)
    }
    getter! {
        /// What the requester finds its request by (section 3.1.3.2.7).
        correlation_data, CorrelationData(BinaryData<'a>)
    }
}

impl<'a> Ack<'a> {
    getter! {
        /// What happened, for people to read (sections 3.4.2.2.2, 3.5.2.2.2, 3.6.2.2.2 and
        /// 3.7.2.2.2).
        reason_string, ReasonString(Utf8Str<'a>)
    }
}

impl Subscribe<'_> {
    getter! {
        /// What the Server marks messages with that match a filter of this packet (section
        /// 3.8.2.1.2).
        subscription_identifier, SubscriptionIdentifier(SubscriptionId)
    }
}

impl<'a> SubAck<'a> {
    getter! {
        /// What happened, for people to read (sections 3.9.2.1.2 and 3.11.2.1.2).
        reason_string, ReasonString(Utf8Str<'a>)
    }
}

impl<'a> Disconnect<'a> {
    getter! {
        /// Seconds that the Session outlives the connection; from Clients only (MQTT-3.14.2-2).
        /// Without the property it is what held before (section 3.14.2.2.2).
        session_expiry_interval, SessionExpiryInterval(u32)
    }
    getter! {
        /// What happened, for people to read (section 3.14.2.2.3).
        reason_string, ReasonString(Utf8Str<'a>)
    }
    getter! {
        /// Another Server to use (section 3.14.2.2.5).
        server_reference, ServerReference(Utf8Str<'a>)
    }
}

impl<'a> Auth<'a> {
    getter! {
        /// The method of extended authentication. AUTH always has one (section 3.15.2.2.2), so
        /// `None` stands only in an AUTH that cannot be encoded.
        authentication_method, AuthenticationMethod(Utf8Str<'a>)
    }
    getter! {
        /// What the method makes of it (section 3.15.2.2.3).
        authentication_data, AuthenticationData(BinaryData<'a>)
    }
    getter! {
        /// What happened, for people to read (section 3.15.2.2.4).
        reason_string, ReasonString(Utf8Str<'a>)
    }
}
