//! Getters for single properties: their values, and the standard's defaults where they are missing.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_wire::{
    Ack, Auth, BinaryData, ConnAck, Connect, Disconnect, PacketId, Properties, Property, Publish,
    QoS, ReasonCode, ReasonCodes, SubAck, Subscribe, SubscriptionId, Subscriptions, TopicName,
    Utf8Str, Version, Will,
};

const NUMBER_16: NonZeroU16 = NonZeroU16::MIN;
const NUMBER_32: NonZeroU32 = NonZeroU32::MIN;

fn text(text: &str) -> Utf8Str<'_> {
    Utf8Str::new(text).unwrap()
}

fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).unwrap()
}

/// Each getter without its property and with it, beside another property.
macro_rules! check {
    ($packet:expr; $($getter:ident: $missing:expr, $property:ident($value:expr) => $present:expr;)*) => {
        $(
            let mut packet = $packet;
            assert_eq!(packet.$getter(), $missing, stringify!($getter));
            let items = [
                Property::UserProperty(text("a"), text("b")),
                Property::$property($value),
            ];
            packet.properties = Properties::from(&items);
            assert_eq!(packet.$getter(), $present, stringify!($getter));
            packet.properties = Properties::new(&items[..1]);
            assert_eq!(packet.$getter(), $missing, stringify!($getter));
        )*
    };
}

#[test]
fn connect_has_the_defaults_of_section_3_1_2_11() {
    let data = BinaryData::new(b"d").unwrap();
    check! {
        Connect::new(Version::V5, text("c"));
        session_expiry_interval: 0, SessionExpiryInterval(7) => 7;
        receive_maximum: NonZeroU16::MAX, ReceiveMaximum(NUMBER_16) => NUMBER_16;
        maximum_packet_size: None, MaximumPacketSize(NUMBER_32) => Some(NUMBER_32);
        topic_alias_maximum: 0, TopicAliasMaximum(7) => 7;
        request_response_information: false, RequestResponseInformation(true) => true;
        request_problem_information: true, RequestProblemInformation(false) => false;
        authentication_method: None, AuthenticationMethod(text("m")) => Some(text("m"));
        authentication_data: None, AuthenticationData(data) => Some(data);
    }
}

#[test]
fn clean_session_decides_the_session_expiry_before_5_0() {
    for version in Version::ALL {
        for clean in [false, true] {
            let mut connect = Connect::new(version, text("c"));
            connect.clean_start = clean;
            let expected = match version {
                Version::V3_1 | Version::V3_1_1 if !clean => u32::MAX,
                _ => 0,
            };
            assert_eq!(
                connect.session_expiry_interval(),
                expected,
                "{version} {clean}"
            );
        }
    }
}

#[test]
fn connack_has_the_defaults_of_section_3_2_2_3() {
    let data = BinaryData::new(b"d").unwrap();
    check! {
        ConnAck::new(ReasonCode::Success);
        session_expiry_interval: None, SessionExpiryInterval(7) => Some(7);
        receive_maximum: NonZeroU16::MAX, ReceiveMaximum(NUMBER_16) => NUMBER_16;
        maximum_qos: QoS::ExactlyOnce, MaximumQoS(QoS::AtMostOnce) => QoS::AtMostOnce;
        retain_available: true, RetainAvailable(false) => false;
        maximum_packet_size: None, MaximumPacketSize(NUMBER_32) => Some(NUMBER_32);
        assigned_client_identifier: None, AssignedClientIdentifier(text("i")) => Some(text("i"));
        topic_alias_maximum: 0, TopicAliasMaximum(7) => 7;
        reason_string: None, ReasonString(text("r")) => Some(text("r"));
        wildcard_subscription_available: true, WildcardSubscriptionAvailable(false) => false;
        subscription_identifier_available: true, SubscriptionIdentifierAvailable(false) => false;
        shared_subscription_available: true, SharedSubscriptionAvailable(false) => false;
        server_keep_alive: None, ServerKeepAlive(0) => Some(0);
        response_information: None, ResponseInformation(text("i")) => Some(text("i"));
        server_reference: None, ServerReference(text("s")) => Some(text("s"));
        authentication_method: None, AuthenticationMethod(text("m")) => Some(text("m"));
        authentication_data: None, AuthenticationData(data) => Some(data);
    }
}

#[test]
fn publish_has_the_defaults_of_section_3_3_2_3() {
    let data = BinaryData::new(b"d").unwrap();
    check! {
        Publish::new(topic("t"), b"");
        payload_format_indicator: false, PayloadFormatIndicator(true) => true;
        message_expiry_interval: None, MessageExpiryInterval(0) => Some(0);
        topic_alias: None, TopicAlias(NUMBER_16) => Some(NUMBER_16);
        response_topic: None, ResponseTopic(topic("r")) => Some(topic("r"));
        correlation_data: None, CorrelationData(data) => Some(data);
        content_type: None, ContentType(text("c")) => Some(text("c"));
    }
}

#[test]
fn a_publish_may_have_many_subscription_identifiers() {
    let id = |value| SubscriptionId::new(value).unwrap();
    let items = [
        Property::SubscriptionIdentifier(id(3)),
        Property::ContentType(text("c")),
        Property::SubscriptionIdentifier(id(1)),
        Property::SubscriptionIdentifier(id(3)),
    ];
    let mut publish = Publish::new(topic("t"), b"");
    assert_eq!(publish.subscription_identifiers().count(), 0);
    publish.properties = Properties::from(&items);
    assert!(publish.subscription_identifiers().eq([id(3), id(1), id(3)]));
}

#[test]
fn will_has_the_defaults_of_section_3_1_3_2() {
    let data = BinaryData::new(b"d").unwrap();
    check! {
        Will::new(topic("t"), data);
        will_delay_interval: 0, WillDelayInterval(7) => 7;
        payload_format_indicator: false, PayloadFormatIndicator(true) => true;
        message_expiry_interval: None, MessageExpiryInterval(0) => Some(0);
        content_type: None, ContentType(text("c")) => Some(text("c"));
        response_topic: None, ResponseTopic(topic("r")) => Some(topic("r"));
        correlation_data: None, CorrelationData(data) => Some(data);
    }
}

#[test]
fn other_packets_have_getters_for_their_properties() {
    let data = BinaryData::new(b"d").unwrap();
    let id = SubscriptionId::new(7).unwrap();
    check! {
        Ack::new(PacketId::MIN);
        reason_string: None, ReasonString(text("r")) => Some(text("r"));
    }
    check! {
        Subscribe::new(PacketId::MIN, Subscriptions::EMPTY);
        subscription_identifier: None, SubscriptionIdentifier(id) => Some(id);
    }
    check! {
        SubAck::new(PacketId::MIN, ReasonCodes::EMPTY);
        reason_string: None, ReasonString(text("r")) => Some(text("r"));
    }
    check! {
        Disconnect::new(ReasonCode::Success);
        session_expiry_interval: None, SessionExpiryInterval(0) => Some(0);
        reason_string: None, ReasonString(text("r")) => Some(text("r"));
        server_reference: None, ServerReference(text("s")) => Some(text("s"));
    }
    check! {
        Auth::new(ReasonCode::ContinueAuthentication, Properties::EMPTY);
        authentication_method: None, AuthenticationMethod(text("m")) => Some(text("m"));
        authentication_data: None, AuthenticationData(data) => Some(data);
        reason_string: None, ReasonString(text("r")) => Some(text("r"));
    }
}
