//! Every public enum displays the standard's words, and every error type implements `Error`.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Display;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use mqtt_wire::monitor::{Breach, BreachKind};
use mqtt_wire::will::{Ending, WillFate, WillTerms};
use mqtt_wire::{
    BinaryData, ConnAck, Connect, DecodeError, Delivery, Dialect, EncodeError, ErrorKind, Field,
    InvalidQoS, Packet, PacketId, PacketType, Property, PropertyId, Publish, QoS, ReasonCode,
    Reply, RetainHandling, ReturnCode, Sender, SubscriptionId, TopicName, UnknownReasonCode,
    Utf8Str, Version, Violation, Will,
};

#[track_caller]
fn displays(value: impl Display, text: &str) {
    assert_eq!(value.to_string(), text);
}

#[test]
fn an_error_shows_place_value_rule_and_statement() {
    let refused = |bytes: &[u8], dialect| Packet::decode(bytes, dialect).unwrap_err();
    let client = Dialect::from_client(Version::V5);
    let server = Dialect::from_server(Version::V3_1_1);

    let connect = b"\x10\x0d\0\x04MQTT\x05\x03\0\0\0\0\0";
    displays(
        refused(connect, client),
        "CONNECT, byte 9, Connect Flags 0x03: the reserved Connect Flag is 1 [v5.0 MQTT-3.1.2-3]",
    );
    displays(
        refused(connect, client).violation(),
        "CONNECT, Connect Flags 0x03: the reserved Connect Flag is 1 [v5.0 MQTT-3.1.2-3]",
    );
    displays(
        refused(b"\x40\x02\0\0", server),
        "PUBACK, byte 2, Packet Identifier: the Packet Identifier is 0 [v3.1.1 U-pid0]",
    );
    let publish = Packet::Publish(Publish {
        topic_name: None,
        ..Publish::new(TopicName::new("a").unwrap(), b"")
    });
    displays(
        publish.encode_to_slice(server, &mut [0; 9]).unwrap_err(),
        "PUBLISH, Topic Name: the topic name is empty [v3.1.1 MQTT-4.7.3-1]",
    );
}

#[test]
fn enums_display_the_standard_s_names() {
    displays(Version::V3_1_1, "3.1.1");
    displays(Sender::Server, "Server");
    displays(QoS::AtLeastOnce, "QoS 1");
    displays(PacketType::PubComp, "PUBCOMP");
    displays(ReasonCode::NotAuthorized, "Not authorized");
    displays(PropertyId::MaximumQoS, "Maximum QoS");
    displays(Field::ConnAckFlags, "Connect Acknowledge Flags");
    displays(Field::Property(PropertyId::TopicAlias), "Topic Alias");
    displays(ErrorKind::PublishQos3, "QoS 3 does not exist");
    displays(
        BreachKind::SecondConnect,
        "a second CONNECT on one connection",
    );

    let (packet_id, dup) = (PacketId::MIN, true);
    displays(Delivery::AtMostOnce, "QoS 0");
    displays(
        Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        },
        "QoS 1, Packet Identifier 1",
    );
    displays(
        Delivery::ExactlyOnce { packet_id, dup },
        "QoS 2, Packet Identifier 1, DUP",
    );

    displays(
        RetainHandling::AtSubscribe,
        "retained messages at the time of the subscribe",
    );
    displays(
        RetainHandling::AtNewSubscribe,
        "retained messages at a new subscribe only",
    );
    displays(
        RetainHandling::Never,
        "no retained messages at the time of the subscribe",
    );

    displays(Reply::Close, "close the Network Connection");
    displays(Reply::ConnAck(ReasonCode::Banned), "CONNACK 0x8a Banned");
    displays(
        Reply::Disconnect(ReasonCode::ProtocolError),
        "DISCONNECT 0x82 Protocol Error",
    );
}

#[test]
fn return_codes_display_as_in_table_3_1_of_3_1_1() {
    for (code, text) in [
        (ReturnCode::Accepted, "Connection Accepted"),
        (
            ReturnCode::UnacceptableProtocolVersion,
            "Connection Refused, unacceptable protocol version",
        ),
        (
            ReturnCode::IdentifierRejected,
            "Connection Refused, identifier rejected",
        ),
        (
            ReturnCode::ServerUnavailable,
            "Connection Refused, Server unavailable",
        ),
        (
            ReturnCode::BadUserNameOrPassword,
            "Connection Refused, bad user name or password",
        ),
        (
            ReturnCode::NotAuthorized,
            "Connection Refused, not authorized",
        ),
    ] {
        displays(code, text);
    }
}

#[test]
fn will_fates_and_endings_have_a_display() {
    displays(WillFate::Discard, "discard the Will Message");
    displays(WillFate::Publish, "publish the Will Message");
    let mut connect = Connect::new(Version::V5, Utf8Str::new("c").unwrap());
    connect.will = Some(Will::new(TopicName::new("w").unwrap(), BinaryData::EMPTY));
    let terms = WillTerms::new(&connect, &ConnAck::new(ReasonCode::Success));
    let after = WillFate::PublishAfter {
        delay: Duration::from_secs(10),
        terms: terms.unwrap(),
    };
    displays(after, "publish the Will Message after 10 s");

    let reason_code = ReasonCode::DisconnectWithWillMessage;
    for (ending, text) in [
        (Ending::NetworkFailure, "I/O error or network failure"),
        (Ending::KeepAliveExpired, "Keep Alive timeout"),
        (
            Ending::ClosedByClient,
            "closed by the Client without DISCONNECT",
        ),
        (Ending::ClosedByServer, "closed by the Server"),
        (
            Ending::Disconnect {
                reason_code,
                session_expiry_interval: None,
            },
            "DISCONNECT 0x04 Disconnect with Will Message",
        ),
        (
            Ending::Disconnect {
                reason_code,
                session_expiry_interval: Some(9),
            },
            "DISCONNECT 0x04 Disconnect with Will Message, Session Expiry Interval 9",
        ),
        (
            Ending::TakenOver { clean_start: true },
            "Session taken over, Clean Start 1",
        ),
        (Ending::SessionEnded, "Session ended"),
    ] {
        displays(ending, text);
    }
}

#[test]
fn properties_display_name_and_value() {
    use Property as P;

    let text = |text| Utf8Str::new(text).unwrap();
    let data = BinaryData::new(b"\0d").unwrap();
    let number = NonZeroU16::MIN;
    let all = [
        (
            P::PayloadFormatIndicator(true),
            "Payload Format Indicator 1",
        ),
        (P::MessageExpiryInterval(60), "Message Expiry Interval 60"),
        (
            P::ContentType(text("text/plain")),
            "Content Type \"text/plain\"",
        ),
        (
            P::ResponseTopic(TopicName::new("r/t").unwrap()),
            "Response Topic \"r/t\"",
        ),
        (P::CorrelationData(data), "Correlation Data \"\\x00d\""),
        (
            P::SubscriptionIdentifier(SubscriptionId::new(7).unwrap()),
            "Subscription Identifier 7",
        ),
        (P::SessionExpiryInterval(60), "Session Expiry Interval 60"),
        (
            P::AssignedClientIdentifier(text("i")),
            "Assigned Client Identifier \"i\"",
        ),
        (P::ServerKeepAlive(30), "Server Keep Alive 30"),
        (
            P::AuthenticationMethod(text("m")),
            "Authentication Method \"m\"",
        ),
        (
            P::AuthenticationData(data),
            "Authentication Data \"\\x00d\"",
        ),
        (
            P::RequestProblemInformation(false),
            "Request Problem Information 0",
        ),
        (P::WillDelayInterval(10), "Will Delay Interval 10"),
        (
            P::RequestResponseInformation(true),
            "Request Response Information 1",
        ),
        (
            P::ResponseInformation(text("i")),
            "Response Information \"i\"",
        ),
        (P::ServerReference(text("s")), "Server Reference \"s\""),
        (P::ReasonString(text("no\n")), "Reason String \"no\\n\""),
        (P::ReceiveMaximum(number), "Receive Maximum 1"),
        (P::TopicAliasMaximum(0), "Topic Alias Maximum 0"),
        (P::TopicAlias(number), "Topic Alias 1"),
        (P::MaximumQoS(QoS::AtLeastOnce), "Maximum QoS 1"),
        (P::RetainAvailable(false), "Retain Available 0"),
        (
            P::UserProperty(text("a"), text("b")),
            "User Property \"a\" \"b\"",
        ),
        (
            P::MaximumPacketSize(NonZeroU32::MIN),
            "Maximum Packet Size 1",
        ),
        (
            P::WildcardSubscriptionAvailable(true),
            "Wildcard Subscription Available 1",
        ),
        (
            P::SubscriptionIdentifierAvailable(true),
            "Subscription Identifier Available 1",
        ),
        (
            P::SharedSubscriptionAvailable(true),
            "Shared Subscription Available 1",
        ),
    ];
    let ids: BTreeSet<_> = all.iter().map(|(property, _)| property.id()).collect();
    assert_eq!(ids.len(), PropertyId::ALL.len());
    for (property, text) in all {
        displays(property, text);
    }
}

#[test]
fn every_error_type_implements_error() {
    fn is_error<E: Error + Send + Sync + 'static>() {}

    is_error::<DecodeError>();
    is_error::<EncodeError>();
    is_error::<Violation>();
    is_error::<ErrorKind>();
    is_error::<Breach>();
    is_error::<InvalidQoS>();
    is_error::<UnknownReasonCode>();
    // `ReturnCode::try_from` returns it, and a rejected Client may fail with it
    is_error::<ReasonCode>();
    is_error::<ReturnCode>();
    let refused: Result<ReturnCode, Box<dyn Error>> =
        (|| Ok(ReturnCode::try_from(ReasonCode::Banned)?))();
    displays(refused.unwrap_err(), "Banned");
}
