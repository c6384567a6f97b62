//! Compares how we decode packets with three other codecs. The tables below list the known
//! differences of each, by rule; any other difference is a crash.
//!
//! To find out how a codec has decoded a packet, the target lets it encode the packet again. We
//! must decode that to the same packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_codec_kit::common::{Decodable, Encodable};
use mqtt_codec_kit::{v4, v5};
use mqtt_proto::VarBytes;
use mqtt_wire::{ErrorKind, Packet, PacketType, PropertyId, ReasonCode, Version};

use ErrorKind as K;
use peer::{Case, Outcome, Peer};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;
mod peer;

fuzz_target!(|input: &[u8]| peer::compare(&PEERS, input));

// ---- known differences --------------------------------------------------------------------

const PEERS: [Peer; 3] = [
    Peer {
        name: "mqttrs 0.4.1",
        knows: |it| it.version() == Version::V3_1_1,
        read: mqttrs,
        ignores: &[
            K::ConnAckFlags,
            K::ConnectFlagReserved,
            K::DupWithQos0,
            K::EmptyClientId,
            K::EmptySubAck,
            K::EmptySubscription,
            K::EmptyTopicFilter,
            K::EmptyTopicName,
            K::EmptyUnsubscription,
            K::MultiLevelWildcard,
            K::NullCharacter,
            K::PasswordWithoutUserName,
            K::RemainingLength,
            K::SessionPresentWithRefusal,
            K::SingleLevelWildcard,
            K::TrailingBytes,
            K::UnannouncedPassword,
            K::UnannouncedUserName,
            K::UnannouncedWill,
            K::UnsupportedProtocolName,
            K::WildcardInTopicName,
            K::WillQosWithoutWill,
            K::WillRetainWithoutWill,
            K::WrongSender,
        ],
        panics: true,
        fails_for: &[],
    },
    Peer {
        name: "mqtt-proto 0.4.0",
        knows: |_| true,
        read: mqtt_proto,
        ignores: &[
            K::AuthenticationDataWithoutMethod,
            K::AuthenticationMethodMissing,
            K::DupWithQos0,
            K::EmptyClientId,
            K::EmptySubAck,
            K::EmptyTopicName,
            K::EmptyUnsubAck,
            K::InvalidUtf8,
            K::NoLocalOnShared,
            K::NullCharacter,
            K::PasswordWithoutUserName,
            K::PropertyValue,
            K::PropertyWrongSender,
            K::ReasonCodeNotAllowed,
            K::ReasonCodeWrongSender,
            K::RemainingLength,
            K::SessionPresentWithRefusal,
            K::SingleLevelWildcard,
            K::Surrogate,
            K::TrailingBytes,
            K::UnannouncedPassword,
            K::UnannouncedUserName,
            K::UnannouncedWill,
            K::UnsupportedProtocolName,
            K::VariableByteIntegerNotShortest,
            K::WillRetainWithoutWill,
            K::WrongSender,
        ],
        panics: false,
        fails_for: &[
            ("applies the rules of 3.1.1 to 3.1", |it| {
                let mut canonical = vec![0; it.bytes.len()];
                it.packet
                    .encode_to_slice(it.dialect, &mut canonical)
                    .unwrap();
                it.dialect.version() == Version::V3_1 && canonical != it.bytes
            }),
            ("requires filters in 3.1", |it| match it.packet {
                Packet::Subscribe(it) => it.subscriptions.is_empty(),
                Packet::Unsubscribe(it) => it.topic_filters.is_empty(),
                _ => false,
            }),
            ("rejects 0x8C from a Server", disconnects_for_a_bad_method),
            ("accepts only one Subscription Identifier", |it| {
                subscription_ids(it) > 1
            }),
            ("checks shared subscriptions before 5.0", |it| {
                let filters = match it.packet {
                    Packet::Subscribe(it) => it
                        .subscriptions
                        .iter()
                        .any(|it| it.filter.as_str().starts_with("$share/")),
                    Packet::Unsubscribe(it) => it
                        .topic_filters
                        .iter()
                        .any(|it| it.as_str().starts_with("$share/")),
                    _ => false,
                };
                filters && it.dialect.version() != Version::V5
            }),
            (
                "checks the payload against its Payload Format Indicator",
                |it| match it.packet {
                    Packet::Publish(it) => std::str::from_utf8(it.payload).is_err(),
                    Packet::Connect(it) => it
                        .will
                        .is_some_and(|will| std::str::from_utf8(will.payload.as_bytes()).is_err()),
                    _ => false,
                },
            ),
            ("encodes the failure code of 3.x as 3", |it| {
                it.dialect.version() != Version::V5 && has_failures(it.packet)
            }),
        ],
    },
    Peer {
        name: "mqtt-codec-kit 1.0.5",
        knows: |it| it.version() != Version::V3_1,
        read: mqtt_codec_kit,
        // It counts one byte too many for each Subscription Identifier. After several of them it
        // takes the following bytes for payload, even if they are invalid.
        ignores: &[
            K::AuthenticationDataWithoutMethod,
            K::AuthenticationMethodMissing,
            K::DupWithQos0,
            K::DuplicateProperty,
            K::EmptyClientId,
            K::EmptyShareName,
            K::EmptySubAck,
            K::EmptySubscription,
            K::EmptyTopicName,
            K::EmptyUnsubAck,
            K::EmptyUnsubscription,
            K::InvalidUtf8,
            K::MultiLevelWildcard,
            K::NoLocalOnShared,
            K::NullCharacter,
            K::PacketIdZero,
            K::PasswordWithoutUserName,
            K::PropertyLength,
            K::PropertyNotAllowed,
            K::PropertyValue,
            K::PropertyWrongSender,
            K::ReasonCodeNotAllowed,
            K::ReasonCodeWrongSender,
            K::RemainingLength,
            K::SessionPresentWithRefusal,
            K::SharedSubscription,
            K::SingleLevelWildcard,
            K::SubscriptionOptions,
            K::SubscriptionQos3,
            K::Surrogate,
            K::TrailingBytes,
            K::Truncated,
            K::UnannouncedPassword,
            K::UnannouncedUserName,
            K::UnannouncedWill,
            K::UnknownProperty,
            K::UnsupportedProtocolLevel,
            K::UnsupportedProtocolName,
            K::VariableByteIntegerNotShortest,
            K::VariableByteIntegerTooLong,
            K::WildcardInTopicName,
            K::WillQos3,
            K::WillQosWithoutWill,
            K::WillRetainWithoutWill,
            K::WrongSender,
        ],
        panics: true,
        fails_for: &[
            ("rejects 0x8C from a Server", disconnects_for_a_bad_method),
            (
                "rejects a Topic Alias without a name",
                |it| matches!(it.packet, Packet::Publish(it) if it.topic_name.is_none()),
            ),
            ("accepts only text as a password", |it| match it.packet {
                Packet::Connect(it) => it
                    .password
                    .is_some_and(|it| std::str::from_utf8(it.as_bytes()).is_err()),
                _ => false,
            }),
            (
                "computes wrong lengths for acknowledgements and DISCONNECT",
                |it| {
                    use PacketType as T;
                    let packet_type = it.packet.packet_type();
                    let kinds = [T::PubAck, T::PubRec, T::PubRel, T::PubComp, T::Disconnect];
                    it.dialect.version() == Version::V5 && kinds.contains(&packet_type)
                },
            ),
            (
                "panics at one Subscription Identifier and keeps the last of several",
                |it| subscription_ids(it) > 0,
            ),
            (
                "encodes the codes of UNSUBACK as their indices",
                |it| matches!(it.packet, Packet::UnsubAck(it) if it.reason_codes.iter().any(|code| code as u8 != 0)),
            ),
        ],
    },
];

fn disconnects_for_a_bad_method(case: &Case<'_>) -> bool {
    let code = ReasonCode::BadAuthenticationMethod;
    matches!(case.packet, Packet::Disconnect(it) if it.reason_code == code)
}

fn subscription_ids(case: &Case<'_>) -> usize {
    let properties = match case.packet {
        Packet::Publish(it) => it.properties,
        Packet::Subscribe(it) => it.properties,
        _ => return 0,
    };
    let ids = properties.iter().map(|it| it.id());
    ids.filter(|id| *id == PropertyId::SubscriptionIdentifier)
        .count()
}

fn has_failures(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::SubAck(it) => it.reason_codes.iter().any(ReasonCode::is_failure),
        _ => false,
    }
}

fn mqttrs(_: Version, bytes: &[u8]) -> Outcome {
    match mqttrs::decode_slice(bytes) {
        Ok(Some(packet)) => {
            let mut again = vec![0; bytes.len() + 64];
            let length = mqttrs::encode_slice(&packet, &mut again).ok();
            Outcome::Read(length.map(|length| again[..length].to_vec()))
        }
        _ => Outcome::Refused,
    }
}

fn mqtt_proto(version: Version, bytes: &[u8]) -> Outcome {
    let again = match version {
        Version::V5 => match mqtt_proto::v5::Packet::decode(bytes) {
            Ok(Some(packet)) => packet.encode().ok(),
            _ => return Outcome::Refused,
        },
        _ => match mqtt_proto::v3::Packet::decode(bytes) {
            Ok(Some(packet)) => packet.encode().ok(),
            _ => return Outcome::Refused,
        },
    };
    Outcome::Read(again.map(|bytes: VarBytes| bytes.as_ref().to_vec()))
}

fn mqtt_codec_kit(version: Version, bytes: &[u8]) -> Outcome {
    fn read<P: Decodable<Cond: Default> + Encodable>(mut bytes: &[u8]) -> Outcome {
        let Ok(packet) = P::decode(&mut bytes) else {
            return Outcome::Refused;
        };
        let mut again = Vec::new();
        Outcome::Read(packet.encode(&mut again).ok().map(|()| again))
    }
    match version {
        Version::V5 => read::<v5::packet::VariablePacket>(bytes),
        _ => read::<v4::packet::VariablePacket>(bytes),
    }
}
