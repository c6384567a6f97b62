//! Single properties by name, with the standard's defaults. All section numbers are of 5.0. Before
//! 5.0 there are no properties, so the getters return the defaults.

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

/// A method that returns the value of a property, or its default if the property is absent.
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
    /// Seconds that the Session outlives the connection. `u32::MAX` means for ever; 0 if the
    /// property is absent (section 3.1.2.11.2).
    ///
    /// 3.1 and 3.1.1 have no such property: 0 with Clean Session, and `u32::MAX` without it.
    #[must_use]
    pub fn session_expiry_interval(&self) -> u32 {
        match self.properties.get(PropertyId::SessionExpiryInterval) {
            Some(Property::SessionExpiryInterval(seconds)) => seconds,
            _ if self.version == Version::V5 || self.clean_start => 0,
            _ => u32::MAX,
        }
    }

    getter! {
        /// The number of QoS 1 and QoS 2 messages that the Client processes at once: 1 to 65,535.
        /// 65,535 if the property is absent (section 3.1.2.11.3).
        receive_maximum, ReceiveMaximum(NonZeroU16) or NonZeroU16::MAX
    }
    getter! {
        /// The size in bytes of the largest packet that the Client accepts, fixed header included.
        /// `None` if the property is absent: then only the Remaining Length limits packets (section
        /// 3.1.2.11.4).
        maximum_packet_size, MaximumPacketSize(NonZeroU32)
    }
    getter! {
        /// The largest Topic Alias that the Client accepts. 0, also if the property is absent,
        /// means that it accepts none (section 3.1.2.11.5).
        topic_alias_maximum, TopicAliasMaximum(u16) or 0
    }
    getter! {
        /// Whether the Client asks for Response Information in CONNACK. `false` if the property is
        /// absent (section 3.1.2.11.6).
        request_response_information, RequestResponseInformation(bool) or false
    }
    getter! {
        /// Whether the Server may send Reason Strings and User Properties with every packet. `true`
        /// if the property is absent (section 3.1.2.11.7).
        request_problem_information, RequestProblemInformation(bool) or true
    }
    getter! {
        /// The name of the method of extended authentication. `None` if the Client does not use it
        /// (section 3.1.2.11.9).
        authentication_method, AuthenticationMethod(Utf8Str<'a>)
    }
    getter! {
        /// Data whose format the authentication method defines (section 3.1.2.11.10).
        authentication_data, AuthenticationData(BinaryData<'a>)
    }
}

impl<'a> ConnAck<'a> {
    getter! {
        /// Seconds that the Session outlives the connection. `None` if the property is absent: then
        /// the value that the Client asked for holds (section 3.2.2.3.2).
        session_expiry_interval, SessionExpiryInterval(u32)
    }
    getter! {
        /// The number of QoS 1 and QoS 2 messages that the Server processes at once: 1 to 65,535.
        /// 65,535 if the property is absent (section 3.2.2.3.3).
        receive_maximum, ReceiveMaximum(NonZeroU16) or NonZeroU16::MAX
    }
    getter! {
        /// The highest QoS that the Server supports. QoS 2 if the property is absent (section
        /// 3.2.2.3.4).
        maximum_qos, MaximumQoS(QoS) or QoS::ExactlyOnce
    }
    getter! {
        /// Whether the Server supports retained messages. `true` if the property is absent (section
        /// 3.2.2.3.5).
        retain_available, RetainAvailable(bool) or true
    }
    getter! {
        /// The size in bytes of the largest packet that the Server accepts, fixed header included.
        /// `None` if the property is absent: then only the Remaining Length limits packets (section
        /// 3.2.2.3.6).
        maximum_packet_size, MaximumPacketSize(NonZeroU32)
    }
    getter! {
        /// The Client Identifier that the Server chose for a Client that sent an empty one. `None`
        /// if the identifier in CONNECT holds (section 3.2.2.3.7).
        assigned_client_identifier, AssignedClientIdentifier(Utf8Str<'a>)
    }
    getter! {
        /// The largest Topic Alias that the Server accepts. 0, also if the property is absent,
        /// means that it accepts none (section 3.2.2.3.8).
        topic_alias_maximum, TopicAliasMaximum(u16) or 0
    }
    getter! {
        /// The reason in words, for people to read (section 3.2.2.3.9).
        reason_string, ReasonString(Utf8Str<'a>)
    }
    getter! {
        /// Whether the Server supports Topic Filters with wildcards. `true` if the property is
        /// absent (section 3.2.2.3.11).
        wildcard_subscription_available, WildcardSubscriptionAvailable(bool) or true
    }
    getter! {
        /// Whether the Server supports Subscription Identifiers. `true` if the property is absent
        /// (section 3.2.2.3.12).
        subscription_identifier_available, SubscriptionIdentifierAvailable(bool) or true
    }
    getter! {
        /// Whether the Server supports Shared Subscriptions. `true` if the property is absent
        /// (section 3.2.2.3.13).
        shared_subscription_available, SharedSubscriptionAvailable(bool) or true
    }
    getter! {
        /// The Keep Alive in seconds that the Client must use in place of its own. `None` if the
        /// Keep Alive in CONNECT holds (section 3.2.2.3.14, MQTT-3.2.2-21).
        server_keep_alive, ServerKeepAlive(u16)
    }
    getter! {
        /// A base from which the Client may build Response Topics (section 3.2.2.3.15).
        response_information, ResponseInformation(Utf8Str<'a>)
    }
    getter! {
        /// Another Server to use (section 3.2.2.3.16).
        server_reference, ServerReference(Utf8Str<'a>)
    }
    getter! {
        /// The name of the method of extended authentication. `None` if the Client does not use it
        /// (section 3.2.2.3.17).
        authentication_method, AuthenticationMethod(Utf8Str<'a>)
    }
    getter! {
        /// Data whose format the authentication method defines (section 3.2.2.3.18).
        authentication_data, AuthenticationData(BinaryData<'a>)
    }
}

impl<'a> Publish<'a> {
    getter! {
        /// Whether the payload is UTF-8 text. `false` if the property is absent: then the payload
        /// is unspecified bytes (section 3.3.2.3.2).
        payload_format_indicator, PayloadFormatIndicator(bool) or false
    }
    getter! {
        /// Seconds after which the Server deletes the message undelivered. `None` if the message
        /// does not expire (section 3.3.2.3.3).
        message_expiry_interval, MessageExpiryInterval(u32)
    }
    getter! {
        /// A number, 1 to 65,535, that replaces the Topic Name. If the packet has a Topic Name too,
        /// it defines the alias (section 3.3.2.3.4).
        topic_alias, TopicAlias(NonZeroU16)
    }
    getter! {
        /// The topic that a response is published to. Its presence makes the message a request
        /// (section 3.3.2.3.5).
        response_topic, ResponseTopic(TopicName<'a>)
    }
    getter! {
        /// Data that links a response to its request; the requester chooses it (section 3.3.2.3.6).
        correlation_data, CorrelationData(BinaryData<'a>)
    }
    getter! {
        /// The type of the payload, for example a MIME type (section 3.3.2.3.9).
        content_type, ContentType(Utf8Str<'a>)
    }

    /// The Subscription Identifiers of the subscriptions that match the message, in any order.
    /// Subscriptions without an identifier add none (section 3.3.2.3.8, MQTT-3.3.4-3 and
    /// MQTT-3.3.4-4).
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
        /// Seconds between the end of the connection and the publication of the Will. 0 if the
        /// property is absent (section 3.1.3.2.2). If the Session ends earlier, the Server
        /// publishes the Will then.
        will_delay_interval, WillDelayInterval(u32) or 0
    }
    getter! {
        /// Whether the payload is UTF-8 text. `false` if the property is absent: then the payload
        /// is unspecified bytes (section 3.1.3.2.3).
        payload_format_indicator, PayloadFormatIndicator(bool) or false
    }
    getter! {
        /// Seconds after which the Server deletes the message undelivered, counted from its
        /// publication. `None` if the message does not expire (section 3.1.3.2.4).
        message_expiry_interval, MessageExpiryInterval(u32)
    }
    getter! {
        /// The type of the payload, for example a MIME type (section 3.1.3.2.5).
        content_type, ContentType(Utf8Str<'a>)
    }
    getter! {
        /// The topic that a response is published to. Its presence makes the message a request
        /// (section 3.1.3.2.6).
        response_topic, ResponseTopic(TopicName<'a>)
    }
    getter! {
        /// Data that links a response to its request; the requester chooses it (section 3.1.3.2.7).
        correlation_data, CorrelationData(BinaryData<'a>)
    }
}

impl<'a> Ack<'a> {
    getter! {
        /// The reason in words, for people to read (sections 3.4.2.2.2, 3.5.2.2.2, 3.6.2.2.2 and
        /// 3.7.2.2.2).
        reason_string, ReasonString(Utf8Str<'a>)
    }
}

impl Subscribe<'_> {
    getter! {
        /// The number that the Server adds to each PUBLISH that matches a filter of this packet: 1
        /// to 268,435,455. `None` if the subscriptions have no identifier (section 3.8.2.1.2).
        subscription_identifier, SubscriptionIdentifier(SubscriptionId)
    }
}

impl<'a> SubAck<'a> {
    getter! {
        /// The reason in words, for people to read (sections 3.9.2.1.2 and 3.11.2.1.2).
        reason_string, ReasonString(Utf8Str<'a>)
    }
}

impl<'a> Disconnect<'a> {
    getter! {
        /// Seconds that the Session outlives the connection; only a Client may send it
        /// (MQTT-3.14.2-2). `None` if the earlier value holds (section 3.14.2.2.2).
        session_expiry_interval, SessionExpiryInterval(u32)
    }
    getter! {
        /// The reason in words, for people to read (section 3.14.2.2.3).
        reason_string, ReasonString(Utf8Str<'a>)
    }
    getter! {
        /// Another Server to use (section 3.14.2.2.5).
        server_reference, ServerReference(Utf8Str<'a>)
    }
}

impl<'a> Auth<'a> {
    getter! {
        /// The name of the authentication method. Mandatory in AUTH (section 3.15.2.2.2): `None`
        /// only in a packet that encoding refuses.
        authentication_method, AuthenticationMethod(Utf8Str<'a>)
    }
    getter! {
        /// Data whose format the authentication method defines (section 3.15.2.2.3).
        authentication_data, AuthenticationData(BinaryData<'a>)
    }
    getter! {
        /// The reason in words, for people to read (section 3.15.2.2.4).
        reason_string, ReasonString(Utf8Str<'a>)
    }
}

#[cfg(test)]
mod tests {
    use core::num::{NonZeroU16, NonZeroU32};

    use crate::{
        Ack, Auth, BinaryData, ConnAck, Connect, Disconnect, PacketId, Properties, Property,
    };
    use crate::{Publish, QoS, ReasonCode, ReasonCodes, SubAck, Subscribe, SubscriptionId};
    use crate::{Subscriptions, TopicName, Utf8Str, Version, Will};

    const TEXT: Utf8Str<'static> = Utf8Str::EMPTY;
    const DATA: BinaryData<'static> = BinaryData::EMPTY;

    fn topic() -> TopicName<'static> {
        TopicName::new("t").unwrap()
    }

    #[test]
    fn connect_has_defaults() {
        let mut connect = Connect::new(Version::V5, TEXT);
        assert_eq!(connect.session_expiry_interval(), 0);
        assert_eq!(connect.receive_maximum(), NonZeroU16::MAX);
        assert_eq!(connect.maximum_packet_size(), None);
        assert_eq!(connect.topic_alias_maximum(), 0);
        assert!(!connect.request_response_information());
        assert!(connect.request_problem_information());
        assert_eq!(connect.authentication_method(), None);
        assert_eq!(connect.authentication_data(), None);

        let properties = [
            Property::SessionExpiryInterval(1),
            Property::ReceiveMaximum(NonZeroU16::MIN),
            Property::MaximumPacketSize(NonZeroU32::MIN),
            Property::TopicAliasMaximum(2),
            Property::RequestResponseInformation(true),
            Property::RequestProblemInformation(false),
            Property::AuthenticationMethod(TEXT),
            Property::AuthenticationData(DATA),
        ];
        connect.properties = Properties::from(&properties);
        assert_eq!(connect.session_expiry_interval(), 1);
        assert_eq!(connect.receive_maximum(), NonZeroU16::MIN);
        assert_eq!(connect.maximum_packet_size(), Some(NonZeroU32::MIN));
        assert_eq!(connect.topic_alias_maximum(), 2);
        assert!(connect.request_response_information());
        assert!(!connect.request_problem_information());
        assert_eq!(connect.authentication_method(), Some(TEXT));
        assert_eq!(connect.authentication_data(), Some(DATA));
    }

    #[test]
    fn clean_session_decides_how_long_the_session_of_3_x_lives() {
        for (version, clean_start, seconds) in [
            (Version::V3_1, true, 0),
            (Version::V3_1, false, u32::MAX),
            (Version::V3_1_1, true, 0),
            (Version::V3_1_1, false, u32::MAX),
            (Version::V5, true, 0),
            (Version::V5, false, 0),
        ] {
            let mut connect = Connect::new(version, TEXT);
            connect.clean_start = clean_start;
            assert_eq!(connect.session_expiry_interval(), seconds);
        }
    }

    #[test]
    fn connack_has_defaults() {
        let mut connack = ConnAck::new(ReasonCode::Success);
        assert_eq!(connack.session_expiry_interval(), None);
        assert_eq!(connack.receive_maximum(), NonZeroU16::MAX);
        assert_eq!(connack.maximum_qos(), QoS::ExactlyOnce);
        assert!(connack.retain_available());
        assert_eq!(connack.maximum_packet_size(), None);
        assert_eq!(connack.assigned_client_identifier(), None);
        assert_eq!(connack.topic_alias_maximum(), 0);
        assert_eq!(connack.reason_string(), None);
        assert!(connack.wildcard_subscription_available());
        assert!(connack.subscription_identifier_available());
        assert!(connack.shared_subscription_available());
        assert_eq!(connack.server_keep_alive(), None);
        assert_eq!(connack.response_information(), None);
        assert_eq!(connack.server_reference(), None);
        assert_eq!(connack.authentication_method(), None);
        assert_eq!(connack.authentication_data(), None);

        let text = |text| Utf8Str::new(text).unwrap();
        let properties = [
            Property::SessionExpiryInterval(1),
            Property::ReceiveMaximum(NonZeroU16::MIN),
            Property::MaximumQoS(QoS::AtLeastOnce),
            Property::RetainAvailable(false),
            Property::MaximumPacketSize(NonZeroU32::MIN),
            Property::AssignedClientIdentifier(text("a")),
            Property::TopicAliasMaximum(2),
            Property::ReasonString(text("b")),
            Property::WildcardSubscriptionAvailable(false),
            Property::SubscriptionIdentifierAvailable(false),
            Property::SharedSubscriptionAvailable(false),
            Property::ServerKeepAlive(3),
            Property::ResponseInformation(text("c")),
            Property::ServerReference(text("d")),
            Property::AuthenticationMethod(text("e")),
            Property::AuthenticationData(DATA),
        ];
        connack.properties = Properties::from(&properties);
        assert_eq!(connack.session_expiry_interval(), Some(1));
        assert_eq!(connack.receive_maximum(), NonZeroU16::MIN);
        assert_eq!(connack.maximum_qos(), QoS::AtLeastOnce);
        assert!(!connack.retain_available());
        assert_eq!(connack.maximum_packet_size(), Some(NonZeroU32::MIN));
        assert_eq!(connack.assigned_client_identifier(), Some(text("a")));
        assert_eq!(connack.topic_alias_maximum(), 2);
        assert_eq!(connack.reason_string(), Some(text("b")));
        assert!(!connack.wildcard_subscription_available());
        assert!(!connack.subscription_identifier_available());
        assert!(!connack.shared_subscription_available());
        assert_eq!(connack.server_keep_alive(), Some(3));
        assert_eq!(connack.response_information(), Some(text("c")));
        assert_eq!(connack.server_reference(), Some(text("d")));
        assert_eq!(connack.authentication_method(), Some(text("e")));
        assert_eq!(connack.authentication_data(), Some(DATA));
    }

    #[test]
    fn publish_and_will_have_the_properties_of_a_message() {
        let properties = [
            Property::PayloadFormatIndicator(true),
            Property::MessageExpiryInterval(1),
            Property::ContentType(TEXT),
            Property::ResponseTopic(topic()),
            Property::CorrelationData(DATA),
            Property::TopicAlias(NonZeroU16::MIN),
            Property::WillDelayInterval(2),
        ];
        let mut publish = Publish::new(topic(), b"");
        assert!(!publish.payload_format_indicator());
        assert_eq!(publish.message_expiry_interval(), None);
        assert_eq!(publish.content_type(), None);
        assert_eq!(publish.response_topic(), None);
        assert_eq!(publish.correlation_data(), None);
        assert_eq!(publish.topic_alias(), None);
        publish.properties = Properties::from(&properties);
        assert!(publish.payload_format_indicator());
        assert_eq!(publish.message_expiry_interval(), Some(1));
        assert_eq!(publish.content_type(), Some(TEXT));
        assert_eq!(publish.response_topic(), Some(topic()));
        assert_eq!(publish.correlation_data(), Some(DATA));
        assert_eq!(publish.topic_alias(), Some(NonZeroU16::MIN));

        let mut will = Will::new(topic(), DATA);
        assert!(!will.payload_format_indicator());
        assert_eq!(will.message_expiry_interval(), None);
        assert_eq!(will.content_type(), None);
        assert_eq!(will.response_topic(), None);
        assert_eq!(will.correlation_data(), None);
        assert_eq!(will.will_delay_interval(), 0);
        will.properties = Properties::from(&properties);
        assert!(will.payload_format_indicator());
        assert_eq!(will.message_expiry_interval(), Some(1));
        assert_eq!(will.content_type(), Some(TEXT));
        assert_eq!(will.response_topic(), Some(topic()));
        assert_eq!(will.correlation_data(), Some(DATA));
        assert_eq!(will.will_delay_interval(), 2);
    }

    #[test]
    fn publish_lists_all_its_subscription_identifiers() {
        let ids = [7, 1, 7].map(|id| SubscriptionId::new(id).unwrap());
        let [first, second, third] = ids.map(Property::SubscriptionIdentifier);
        let properties = [first, Property::ContentType(TEXT), second, third];
        let mut publish = Publish::new(topic(), b"");
        assert_eq!(publish.subscription_identifiers().next(), None);
        publish.properties = Properties::from(&properties);
        assert!(publish.subscription_identifiers().eq(ids));
    }

    #[test]
    fn the_other_packets_have_optional_properties() {
        let properties = [
            Property::ReasonString(TEXT),
            Property::ServerReference(TEXT),
            Property::AuthenticationMethod(TEXT),
            Property::AuthenticationData(DATA),
            Property::SessionExpiryInterval(1),
            Property::SubscriptionIdentifier(SubscriptionId::MIN),
        ];
        for (properties, present) in [
            (Properties::EMPTY, false),
            (Properties::from(&properties), true),
        ] {
            let text = present.then_some(TEXT);
            let mut ack = Ack::new(PacketId::MIN);
            ack.properties = properties;
            assert_eq!(ack.reason_string(), text);

            let mut subscribe = Subscribe::new(PacketId::MIN, Subscriptions::EMPTY);
            subscribe.properties = properties;
            let id = present.then_some(SubscriptionId::MIN);
            assert_eq!(subscribe.subscription_identifier(), id);

            let mut suback = SubAck::new(PacketId::MIN, ReasonCodes::EMPTY);
            suback.properties = properties;
            assert_eq!(suback.reason_string(), text);

            let mut disconnect = Disconnect::new(ReasonCode::Success);
            disconnect.properties = properties;
            assert_eq!(disconnect.session_expiry_interval(), present.then_some(1));
            assert_eq!(disconnect.reason_string(), text);
            assert_eq!(disconnect.server_reference(), text);

            let auth = Auth::new(ReasonCode::ContinueAuthentication, properties);
            assert_eq!(auth.authentication_method(), text);
            assert_eq!(auth.authentication_data(), present.then_some(DATA));
            assert_eq!(auth.reason_string(), text);
        }
    }
}
