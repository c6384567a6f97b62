//! Every public enum says itself in the standard's words, and every error is one.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Display;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use mqtt_wire::monitor::{Breach, BreachKind};
use mqtt_wire::{
    BinaryData, DecodeError, Delivery, Dialect, EncodeError, Ending, ErrorKind, Field, InvalidQoS,
    Packet, PacketId, PacketType, Property, PropertyId, Publish, QoS, ReasonCode, Reply,
    RetainHandling, ReturnCode, Sender, SubscriptionId, TopicName, UnknownReasonCode, Utf8Str,
    Version, Violation, WillFate, WillTerms,
};

#[track_caller]
fn says(value: impl Display, text: &str) {
    assert_eq!(value.to_string(), text);
}

#[test]
fn a_refused_packet_is_told_with_place_value_rule_and_statement() {
    let refused = |bytes: &[u8], dialect| Packet::decode(bytes, dialect).unwrap_err();
    let client = Dialect::from_client(Version::V5);
    let server = Dialect::from_server(Version::V3_1_1);

    let connect = b"\x10\x0d\0\x04MQTT\x05\x03\0\0\0\0\0";
    says(
        refused(connect, client),
        "CONNECT, byte 9, Connect Flags 0x03: the reserved Connect Flag is 1 [v5.0 MQTT-3.1.2-3]",
    );
    says(
        refused(connect, client).violation(),
        "CONNECT, Connect Flags 0x03: the reserved Connect Flag is 1 [v5.0 MQTT-3.1.2-3]",
    );
    says(
        refused(b"\x40\x02\0\0", server),
        "PUBACK, byte 2, Packet Identifier: the Packet Identifier is 0 [v3.1.1 U-pid0]",
    );
    let publish = Packet::Publish(Publish {
        topic_name: None,
        ..Publish::new(TopicName::new("a").unwrap(), b"")
    });
    says(
        publish.encode_to_slice(server, &mut [0; 9]).unwrap_err(),
        "PUBLISH, Topic Name: the topic name is empty [v3.1.1 MQTT-4.7.3-1]",
    );
}

#[test]
fn enums_are_written_in_the_words_of_the_standard() {
    says(Version::V3_1_1, "3.1.1");
    says(Sender::Server, "Server");
    says(QoS::AtLeastOnce, "QoS 1");
    says(PacketType::PubComp, "PUBCOMP");
    says(ReasonCode::NotAuthorized, "Not authorized");
    says(PropertyId::MaximumQoS, "Maximum QoS");
    says(Field::ConnAckFlags, "Connect Acknowledge Flags");
    says(Field::Property(PropertyId::TopicAlias), "Topic Alias");
    says(ErrorKind::PublishQos3, "QoS 3 does not exist");
    says(
        BreachKind::SecondConnect,
        "a second CONNECT on one connection",
    );

    let (packet_id, dup) = (PacketId::MIN, true);
    says(Delivery::AtMostOnce, "QoS 0");
    says(
        Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        },
        "QoS 1, Packet Identifier 1",
    );
    says(
        Delivery::ExactlyOnce { packet_id, dup },
        "QoS 2, Packet Identifier 1, DUP",
    );

    says(
        RetainHandling::AtSubscribe,
        "retained messages at the time of the subscribe",
    );
    says(
        RetainHandling::AtNewSubscribe,
        "retained messages at a new subscribe only",
    );
    says(
        RetainHandling::Never,
        "no retained messages at the time of the subscribe",
    );

    says(Reply::Close, "close the Network Connection");
    says(Reply::ConnAck(ReasonCode::Banned), "CONNACK 0x8a Banned");
    says(
        Reply::Disconnect(ReasonCode::ProtocolError),
        "DISCONNECT 0x82 Protocol Error",
    );
}

#[test]
fn return_codes_are_written_as_in_table_3_1_of_3_1_1() {
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
        says(code, text);
    }
}

#[test]
fn wills_and_ends_are_written() {
    says(WillFate::Discard, "discard the Will Message");
    says(WillFate::Publish, "publish the Will Message");
    let after = WillFate::PublishAfter {
        delay: Duration::from_secs(10),
        terms: WillTerms {
            version: Version::V5,
            will_delay_interval: 10,
            session_expiry_interval: 60,
            requested_expiry_interval: 60,
        },
    };
    says(after, "publish the Will Message after 10 s");

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
        says(ending, text);
    }
}

#[test]
fn properties_are_written_with_name_and_value() {
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
        says(property, text);
    }
}

#[test]
fn every_error_is_an_error() {
    fn is_error<E: Error + Send + Sync + 'static>() {}

    is_error::<DecodeError>();
    is_error::<EncodeError>();
    is_error::<Violation>();
    is_error::<ErrorKind>();
    is_error::<Breach>();
    is_error::<InvalidQoS>();
    is_error::<UnknownReasonCode>();
    // what `ReturnCode::try_from` gives back, and what a refused Client may fail with
    is_error::<ReasonCode>();
    is_error::<ReturnCode>();
    let refused: Result<ReturnCode, Box<dyn Error>> =
        (|| Ok(ReturnCode::try_from(ReasonCode::Banned)?))();
    says(refused.unwrap_err(), "Banned");
}
