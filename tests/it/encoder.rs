//! Values that the types allow and a dialect does not: encoding rejects them, and accepts a neighbour that differs in one
//! step.

use mqtt_wire::{
    Ack, Auth, BinaryData, ConnAck, Connect, Dialect, Disconnect, EncodeError, ErrorKind, Field,
    Packet, PacketId, Properties, Property, PropertyId, Publish, QoS, ReasonCode, ReasonCodes,
    RetainHandling, SubAck, Subscribe, Subscription, Subscriptions, TopicFilter, TopicFilters,
    TopicName, Unsubscribe, Utf8Str, Version, Waivers, Will,
};

#[test]
fn strings_in_3_1_are_utf_8() {
    let will = |payload| {
        let mut connect = connect(Version::V3_1);
        connect.will = Some(Will::new(TopicName::new("t").unwrap(), payload));
        connect
    };
    let password = |password| {
        let mut connect = connect(Version::V3_1);
        connect.user_name = Some(text("u"));
        connect.password = Some(password);
        connect
    };
    let (utf8, binary) = (BinaryData::new("é".as_bytes()), BinaryData::new(b"\xe9"));
    let (utf8, binary) = (utf8.unwrap(), binary.unwrap());
    let dialect = Dialect::from_client(Version::V3_1);
    for (make, field) in [
        (
            &will as &dyn Fn(BinaryData<'static>) -> Connect<'static>,
            Field::WillPayload,
        ),
        (&password, Field::Password),
    ] {
        accepts(dialect, make(utf8));
        breaks(dialect, make(binary), ErrorKind::InvalidUtf8, field);
        let newer = Connect {
            version: Version::V3_1_1,
            ..make(binary)
        };
        accepts(Dialect::from_client(Version::V3_1_1), newer);
    }
}

#[test]
fn connect_must_have_the_version_of_its_dialect() {
    for version in Version::ALL {
        for of_packet in Version::ALL {
            let (packet, dialect) = (connect(of_packet), Dialect::from_client(version));
            if version == of_packet {
                accepts(dialect, packet)
            } else {
                lacks(dialect, packet, Field::ProtocolLevel)
            }
        }
    }
}

#[test]
fn a_session_without_client_identifier_is_clean() {
    for (version, clean_start, accepted) in [
        (Version::V3_1, true, false),
        (Version::V3_1_1, true, true),
        (Version::V3_1_1, false, false),
        (Version::V5, false, true),
    ] {
        let dialect = Dialect::from_client(version);
        let packet = |id| Connect {
            client_id: text(id),
            clean_start,
            ..connect(version)
        };
        accepts(dialect, packet("c"));
        match accepted {
            true => accepts(dialect, packet("")),
            false => breaks(
                dialect,
                packet(""),
                ErrorKind::EmptyClientId,
                Field::ClientId,
            ),
        }
    }
}

#[test]
fn a_password_needs_a_user_name_before_5_0() {
    for version in Version::ALL {
        let mut packet = connect(version);
        packet.password = Some(BinaryData::new(b"p").unwrap());
        let dialect = Dialect::from_client(version);
        match version {
            Version::V5 => accepts(dialect, packet),
            _ => {
                let kind = ErrorKind::PasswordWithoutUserName;
                breaks(dialect, packet, kind, Field::ConnectFlags);
            }
        }
        packet.user_name = Some(text("u"));
        accepts(dialect, packet);
    }
}

#[test]
fn a_connack_that_refuses_has_no_session_present() {
    for version in [Version::V3_1_1, Version::V5] {
        let connack = |reason_code, session_present| ConnAck {
            session_present,
            ..ConnAck::new(reason_code)
        };
        let dialect = Dialect::from_server(version);
        accepts(dialect, connack(ReasonCode::Success, true));
        accepts(dialect, connack(ReasonCode::NotAuthorized, false));
        let kind = ErrorKind::SessionPresentWithRefusal;
        let packet = connack(ReasonCode::NotAuthorized, true);
        breaks(dialect, packet, kind, Field::ConnAckFlags);
    }
}

#[test]
fn reason_codes_depend_on_packet_sender_and_version() {
    use ReasonCode as Code;
    let (client, server) = (Dialect::from_client, Dialect::from_server);
    let kind = ErrorKind::ReasonCodeNotAllowed;
    for (dialect, packet, right, wrong) in [
        (
            server(Version::V5),
            &(|code| ConnAck::new(code).into()) as &dyn Fn(Code) -> Packet<'static>,
            Code::Banned,
            Code::GrantedQos1,
        ),
        (
            server(Version::V5),
            &|code| Packet::PubAck(ack(code)),
            Code::QuotaExceeded,
            Code::Banned,
        ),
        (
            server(Version::V5),
            &|code| Packet::PubRec(ack(code)),
            Code::QuotaExceeded,
            Code::Banned,
        ),
        (
            server(Version::V5),
            &|code| Packet::PubRel(ack(code)),
            Code::PacketIdentifierNotFound,
            Code::QuotaExceeded,
        ),
        (
            client(Version::V5),
            &|code| Packet::PubComp(ack(code)),
            Code::PacketIdentifierNotFound,
            Code::QuotaExceeded,
        ),
        (
            server(Version::V5),
            &|code| Disconnect::new(code).into(),
            Code::SessionTakenOver,
            Code::GrantedQos1,
        ),
        (
            client(Version::V5),
            &|code| {
                let method = const { &[Property::AuthenticationMethod(Utf8Str::EMPTY)] };
                Auth::new(code, Properties::new(method)).into()
            },
            Code::ContinueAuthentication,
            Code::Banned,
        ),
    ] {
        accepts(dialect, packet(right));
        breaks(dialect, packet(wrong), kind, Field::ReasonCode);
    }
    // codes of one side
    let will = Disconnect::new(Code::DisconnectWithWillMessage);
    accepts(client(Version::V5), will);
    let kind = ErrorKind::ReasonCodeWrongSender;
    breaks(server(Version::V5), will, kind, Field::ReasonCode);
    // before 5.0 there is no place for them
    for version in [Version::V3_1, Version::V3_1_1] {
        accepts(client(version), Packet::PubAck(ack(Code::Success)));
        lacks(
            client(version),
            Packet::PubAck(ack(Code::QuotaExceeded)),
            Field::ReasonCode,
        );
        accepts(client(version), Disconnect::new(Code::Success));
        lacks(client(version), will, Field::ReasonCode);
        accepts(server(version), ConnAck::new(Code::BadUserNameOrPassword));
        lacks(
            server(version),
            ConnAck::new(Code::Banned),
            Field::ReasonCode,
        );
    }
}

#[test]
fn suback_codes_depend_on_the_version() {
    use ReasonCode as Code;
    let failure = [Code::UnspecifiedError];
    let granted = [Code::Success, Code::GrantedQos1, Code::GrantedQos2];
    let quota = [Code::QuotaExceeded];
    let no_subscription = [Code::NoSubscriptionExisted];
    let suback = |codes| Packet::SubAck(SubAck::new(PacketId::MIN, ReasonCodes::new(codes)));
    let unsuback = |codes| Packet::UnsubAck(SubAck::new(PacketId::MIN, ReasonCodes::new(codes)));
    let [v3_1, v3_1_1, v5] = Version::ALL.map(Dialect::from_server);
    for dialect in [v3_1, v3_1_1, v5] {
        accepts(dialect, suback(&granted));
    }
    lacks(v3_1, suback(&failure), Field::ReasonCode);
    accepts(v3_1_1, suback(&failure));
    lacks(v3_1_1, suback(&quota), Field::ReasonCode);
    accepts(v5, suback(&quota));
    let kind = ErrorKind::ReasonCodeNotAllowed;
    breaks(v5, suback(&no_subscription), kind, Field::ReasonCode);
    accepts(v5, unsuback(&no_subscription));
    lacks(v3_1_1, unsuback(&no_subscription), Field::ReasonCode);
    lacks(v3_1_1, unsuback(&[Code::Success]), Field::ReasonCode);

    accepts(v3_1, suback(&[]));
    breaks(
        v3_1_1,
        suback(&[]),
        ErrorKind::EmptySubAck,
        Field::ReasonCode,
    );
    breaks(v5, suback(&[]), ErrorKind::EmptySubAck, Field::ReasonCode);
    accepts(v3_1, unsuback(&[]));
    accepts(v3_1_1, unsuback(&[]));
    breaks(
        v5,
        unsuback(&[]),
        ErrorKind::EmptyUnsubAck,
        Field::ReasonCode,
    );
}

#[test]
fn subscription_options_depend_on_the_version() {
    let [v3_1, v3_1_1, v5] = Version::ALL.map(Dialect::from_client);
    let plain = Subscription::new(TopicFilter::new("f").unwrap(), QoS::AtLeastOnce);
    let shared = Subscription {
        filter: TopicFilter::new("$share/g/f").unwrap(),
        ..plain
    };
    let with = |subscription: Subscription<'static>, set: fn(&mut Subscription<'_>)| {
        let mut subscription = subscription;
        set(&mut subscription);
        subscription
    };
    let no_local = with(plain, |it| it.options.no_local = true);
    for options in [
        no_local,
        with(plain, |it| it.options.retain_as_published = true),
        with(plain, |it| {
            it.options.retain_handling = RetainHandling::Never
        }),
        with(plain, |it| {
            it.options.retain_handling = RetainHandling::AtNewSubscribe
        }),
    ] {
        for dialect in [v3_1, v3_1_1] {
            let subscriptions = [plain, options];
            accepts(dialect, subscribe(&subscriptions[..1]));
            lacks(
                dialect,
                subscribe(&subscriptions),
                Field::SubscriptionOptions,
            );
        }
        accepts(v5, subscribe(&[plain, options]));
    }

    accepts(v5, subscribe(&[shared]));
    let kind = ErrorKind::NoLocalOnShared;
    let refused = with(shared, |it| it.options.no_local = true);
    breaks(
        v5,
        subscribe(&[no_local, refused]),
        kind,
        Field::SubscriptionOptions,
    );

    let halves = [TopicFilter::new("$share/g").unwrap()];
    let half = Subscription {
        filter: halves[0],
        ..plain
    };
    let kind = ErrorKind::SharedSubscription;
    breaks(v5, subscribe(&[plain, half]), kind, Field::TopicFilter);
    breaks(v5, unsubscribe(&halves), kind, Field::TopicFilter);
    for dialect in [v3_1, v3_1_1] {
        accepts(dialect, subscribe(&[plain, half]));
        accepts(dialect, unsubscribe(&halves));
    }

    accepts(v3_1, subscribe(&[]));
    accepts(v3_1, unsubscribe(&[]));
    for dialect in [v3_1_1, v5] {
        breaks(
            dialect,
            subscribe(&[]),
            ErrorKind::EmptySubscription,
            Field::TopicFilter,
        );
        breaks(
            dialect,
            unsubscribe(&[]),
            ErrorKind::EmptyUnsubscription,
            Field::TopicFilter,
        );
    }
}

#[test]
fn decoded_lists_are_checked_again_for_another_packet_or_dialect() {
    let [v3_1, v3_1_1, v5] = Version::ALL.map(Dialect::from_server);
    let not_allowed = ErrorKind::ReasonCodeNotAllowed;

    let Ok(Packet::UnsubAck(unsuback)) = Packet::decode(b"\xb0\x04\0\x01\0\x11", v5) else {
        panic!("an UNSUBACK");
    };
    accepts(v5, Packet::UnsubAck(unsuback));
    breaks(v5, Packet::SubAck(unsuback), not_allowed, Field::ReasonCode);
    lacks(v3_1_1, Packet::UnsubAck(unsuback), Field::ReasonCode);

    let Ok(Packet::SubAck(suback)) = Packet::decode(b"\x90\x04\0\x01\0\x97", v5) else {
        panic!("a SUBACK");
    };
    accepts(v5, Packet::SubAck(suback));
    lacks(v3_1_1, Packet::SubAck(suback), Field::ReasonCode);

    // a packet that a waiver accepted is not encoded, not even with that waiver
    let lenient = v3_1.waiving(Waivers::SUBACK_FAILURE);
    let packet = Packet::decode(b"\x90\x03\0\x01\x80", lenient).unwrap();
    lacks(lenient, packet, Field::ReasonCode);

    // bits that 3.1 leaves unused are bits of the code elsewhere
    let packet = Packet::decode(b"\x90\x04\0\x01\xfd\x02", v3_1).unwrap();
    for dialect in [v3_1, v3_1_1] {
        let mut bytes = [0; 6];
        assert_eq!(packet.encode_to_slice(dialect, &mut bytes), Ok(6));
        assert_eq!(bytes, *b"\x90\x04\0\x01\x01\x02");
    }

    let [_, v3_1_1, v5] = Version::ALL.map(Dialect::from_client);
    let bytes = b"\xa2\x0c\0\x01\0\x08$share/g";
    let Ok(Packet::Unsubscribe(unsubscribe)) = Packet::decode(bytes, v3_1_1) else {
        panic!("an UNSUBSCRIBE");
    };
    accepts(v3_1_1, unsubscribe);
    breaks(
        v5,
        unsubscribe,
        ErrorKind::SharedSubscription,
        Field::TopicFilter,
    );

    let bytes = b"\x30\x06\0\x01t\x02\x0b\x01";
    let Ok(Packet::Publish(publish)) = Packet::decode(bytes, Dialect::from_server(Version::V5))
    else {
        panic!("a PUBLISH");
    };
    accepts(Dialect::from_server(Version::V5), publish);
    let field = Field::Property(PropertyId::SubscriptionIdentifier);
    breaks(v5, publish, ErrorKind::PropertyWrongSender, field);
}

#[test]
fn an_empty_topic_name_needs_an_alias() {
    let alias = [Property::TopicAlias(1.try_into().unwrap())];
    let mut publish = Publish::new(TopicName::new("t").unwrap(), b"");
    publish.properties = Properties::new(&alias);
    let v5 = Dialect::from_client(Version::V5);
    accepts(v5, publish);
    publish.topic_name = None;
    accepts(v5, publish);
    publish.properties = Properties::EMPTY;
    for dialect in Version::ALL.map(Dialect::from_client) {
        breaks(
            dialect,
            publish,
            ErrorKind::EmptyTopicName,
            Field::TopicName,
        );
    }
}

#[test]
fn packets_depend_on_sender_and_version() {
    // the error holds the first byte that the packet would have
    let subscription = [Subscription::new(
        TopicFilter::new("f").unwrap(),
        QoS::AtMostOnce,
    )];
    let server = Dialect::from_server(Version::V5);
    let Err(EncodeError::Violation(violation)) = subscribe(&subscription).encoded_len(server)
    else {
        panic!("a Server does not subscribe");
    };
    assert_eq!(violation.value(), 0x82);

    for version in Version::ALL {
        let (client, server) = (Dialect::from_client(version), Dialect::from_server(version));
        accepts(client, Packet::PingReq);
        breaks(
            server,
            Packet::PingReq,
            ErrorKind::WrongSender,
            Field::PacketType,
        );
        accepts(server, Packet::PingResp);
        breaks(
            client,
            Packet::PingResp,
            ErrorKind::WrongSender,
            Field::PacketType,
        );
        let disconnect = Disconnect::new(ReasonCode::Success);
        accepts(client, disconnect);
        let method = [Property::AuthenticationMethod(Utf8Str::EMPTY)];
        let auth = Auth::new(ReasonCode::ContinueAuthentication, Properties::new(&method));
        if version == Version::V5 {
            accepts(server, disconnect);
            accepts(client, auth);
            let kind = ErrorKind::AuthenticationMethodMissing;
            let auth = Auth::new(ReasonCode::ContinueAuthentication, Properties::EMPTY);
            breaks(client, auth, kind, Field::PropertyLength);
        } else {
            breaks(
                server,
                disconnect,
                ErrorKind::WrongSender,
                Field::PacketType,
            );
            breaks(
                client,
                auth,
                ErrorKind::ReservedPacketType,
                Field::PacketType,
            );
        }
    }
}

#[test]
fn a_buffer_that_is_too_short_is_refused() {
    for_each_packet(|packet, dialect, needed| {
        let mut buffer = [0xee; 32];
        let refused = packet.encode_to_slice(dialect, &mut buffer[..needed - 1]);
        assert_eq!(refused, Err(EncodeError::BufferTooSmall { needed }));
        assert!(buffer[needed - 1..].iter().all(|&byte| byte == 0xee));
        let written = packet.encode_to_slice(dialect, &mut buffer[..needed]);
        assert_eq!(written, Ok(needed));
        assert!(buffer[needed..].iter().all(|&byte| byte == 0xee));
    });
}

#[cfg(feature = "bytes")]
#[test]
fn a_buf_mut_that_does_not_grow_is_refused() {
    for_each_packet(|packet, dialect, needed| {
        let mut buffer = [0xee; 32];
        let refused = packet.encode(dialect, &mut &mut buffer[..needed - 1]);
        assert_eq!(refused, Err(EncodeError::BufferTooSmall { needed }));
        assert_eq!(buffer, [0xee; 32]);
        let written = packet.encode(dialect, &mut &mut buffer[..needed]);
        assert_eq!(written, Ok(needed));
        let mut expected = [0xee; 32];
        packet.encode_to_slice(dialect, &mut expected).unwrap();
        assert_eq!(buffer, expected);
    });
}

/// Packets that take different paths through the encoder, with their lengths.
fn for_each_packet(test: impl Fn(Packet<'_>, Dialect, usize)) {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let topic_filter = TopicFilter::new("a/+").unwrap();
    let subscription = [Subscription::new(topic_filter, QoS::AtMostOnce)];
    let packets = [
        Packet::from(Publish::new(TopicName::new("t").unwrap(), b"payload")),
        Packet::PubAck(Ack::new(PacketId::MIN)),
        subscribe(&subscription),
        Packet::PingReq,
    ];
    for packet in packets {
        let needed = packet.encoded_len(dialect).unwrap();
        test(packet, dialect, needed);
    }
}

#[test]
fn a_packet_longer_than_the_largest_remaining_length_is_rejected() {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let payload = vec![0; 268_435_456];
    let publish = |payload| Packet::from(Publish::new(TopicName::new("t").unwrap(), payload));
    let longest = publish(&payload[..268_435_452]);
    assert_eq!(longest.encoded_len(dialect), Ok(5 + 268_435_455));
    let longer = publish(&payload[..268_435_453]);
    assert_eq!(longer.encoded_len(dialect), Err(EncodeError::TooLong));
}

#[track_caller]
fn accepts<'a>(dialect: Dialect, packet: impl Into<Packet<'a>>) {
    let (packet, mut bytes) = (packet.into(), [0; 128]);
    match packet.encode_to_slice(dialect, &mut bytes) {
        Ok(length) => assert_eq!(Packet::decode(&bytes[..length], dialect), Ok(packet)),
        Err(error) => panic!("{packet:?}: {error}"),
    }
}

#[track_caller]
fn breaks<'a>(dialect: Dialect, packet: impl Into<Packet<'a>>, kind: ErrorKind, field: Field) {
    let packet = packet.into();
    match packet.encode_to_slice(dialect, &mut [0; 128]) {
        Err(EncodeError::Violation(violation)) => {
            assert_eq!(
                (violation.kind(), violation.field()),
                (kind, field),
                "{packet:?}"
            );
        }
        other => panic!("{packet:?}: {other:?}"),
    }
}

#[track_caller]
fn lacks<'a>(dialect: Dialect, packet: impl Into<Packet<'a>>, expected: Field) {
    let packet = packet.into();
    match packet.encode_to_slice(dialect, &mut [0; 128]) {
        Err(EncodeError::NotInVersion { field, .. }) => assert_eq!(field, expected, "{packet:?}"),
        other => panic!("{packet:?}: {other:?}"),
    }
}

fn text(text: &str) -> Utf8Str<'_> {
    Utf8Str::new(text).unwrap()
}

fn connect(version: Version) -> Connect<'static> {
    Connect::new(version, text("c"))
}

fn ack(reason_code: ReasonCode) -> Ack<'static> {
    Ack {
        reason_code,
        ..Ack::new(PacketId::MIN)
    }
}

fn subscribe<'a>(subscriptions: &'a [Subscription<'a>]) -> Packet<'a> {
    Subscribe::new(PacketId::MIN, Subscriptions::new(subscriptions)).into()
}

fn unsubscribe<'a>(filters: &'a [TopicFilter<'a>]) -> Packet<'a> {
    Unsubscribe::new(PacketId::MIN, TopicFilters::new(filters)).into()
}
