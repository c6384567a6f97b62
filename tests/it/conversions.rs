//! Conversions, comparisons, and the texts of values and errors.

use std::num::NonZeroU16;

use bytes::BytesMut;
use mqtt_wire::fanout::ForwardError;
use mqtt_wire::monitor::{Breach, Monitor};
use mqtt_wire::stream::{Part, Splitter, StreamDecoder, StreamLimits};
use mqtt_wire::{
    BinaryData, Connect, Dialect, EncodeError, ErrorKind, Frame, FrameRef, NextFrame,
    OptionalRules, Packet, PacketId, PacketType, Properties, Property, PropertyId, QoS, ReasonCode,
    RetainHandling, ReturnCode, Sender, Statement, SubscriptionId, TopicFilter, TopicName, Utf8Str,
    Version, Waivers,
};
use mqtt_wire_testkit::strategies;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

const CLIENT: Dialect = Dialect::from_client(Version::V5);

// ---- values --------------------------------------------------------------------------------

#[test]
fn strings_and_bytes_convert_and_compare() {
    let text = Utf8Str::try_from("ä").unwrap();
    let as_ref: &str = text.as_ref();
    assert_eq!(as_ref, "ä");
    assert!(text == *"ä" && text != *"a");
    assert_eq!(Utf8Str::try_from("\0"), Err(ErrorKind::NullCharacter));
    assert_eq!(
        TopicName::try_from("a/+"),
        Err(ErrorKind::WildcardInTopicName)
    );
    assert!(TopicFilter::try_from("a/+").unwrap() == *"a/+");

    let data = BinaryData::try_from(&b"\xff"[..]).unwrap();
    assert_eq!(data.as_ref(), b"\xff");
    let too_long = vec![0; 65_536];
    assert_eq!(
        BinaryData::try_from(&too_long[..]),
        Err(ErrorKind::FieldTooLong)
    );

    let seven = NonZeroU16::new(7).unwrap();
    assert_eq!(PacketId::from(seven).get(), 7);
}

#[test]
fn lists_are_copy_and_empty_by_default() {
    let items = [Property::ReasonString(Utf8Str::new("x").unwrap())];
    let list = Properties::new(&items);
    let copy = Clone::clone(&list);
    assert_eq!((copy.len(), copy), (1, list));
    assert!(Properties::default().is_empty());
}

#[test]
fn values_convert_to_numbers_and_text() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        assert_eq!(QoS::try_from(qos as u8), Ok(qos));
    }
    assert_eq!(u8::from(ReasonCode::NotAuthorized), 0x87);
    for value in 0..=5 {
        assert_eq!(ReturnCode::try_from(value).map(u8::from), Ok(value));
    }
    assert!(ReasonCode::UnspecifiedError.is_failure() && !ReasonCode::GrantedQos2.is_failure());
    assert_eq!(
        QoS::try_from(3).unwrap_err().to_string(),
        "QoS 3 does not exist"
    );
    assert_eq!(
        ReasonCode::try_from(3).unwrap_err().to_string(),
        "unknown Reason Code 0x03"
    );
    assert_eq!(Sender::Client.to_string(), "Client");
    assert_eq!(
        format!("{CLIENT:?}"),
        "Dialect { version: V5, sender: Client }"
    );
    let waived = CLIENT
        .waiving(Waivers::WILL_FLAGS)
        .enforcing(OptionalRules::SHORT_CLIENT_ID);
    assert_eq!(
        format!("{waived:?}"),
        "Dialect { version: V5, sender: Client, waivers: {\"WILL_FLAGS\"}, \
         optional_rules: {\"SHORT_CLIENT_ID\"} }"
    );
}

// ---- errors and breaches -------------------------------------------------------------------

#[test]
fn a_statement_depends_on_packet_and_version() {
    let statement = |packet: &[u8], dialect: Dialect| {
        let error = Packet::decode(packet, dialect).unwrap_err();
        error.statement().unwrap()
    };
    // the Reason String twice
    let puback = |first: u8| {
        let twice = [&[first, 0x0c, 0, 1, 0, 0x08][..], b"\x1f\0\x01a\x1f\0\x01a"].concat();
        statement(&twice, CLIENT)
    };
    let (of_puback, of_pubrec) = (puback(0x40), puback(0x50));
    assert_eq!((of_puback.id(), of_pubrec.id()), ("U-dup-1f", "U-dup-1f"));
    assert_eq!(of_puback.section(), "3.4.2.2.2");
    assert_eq!(of_pubrec.section(), "3.5.2.2.2");

    assert_ne!(of_puback, of_pubrec);
    assert_eq!(of_puback, puback(0x40));
    // the Packet Identifier is 0
    let of_3_1_1 = statement(b"\x40\x02\0\0", Dialect::from_client(Version::V3_1_1));
    let of_5_0 = statement(b"\x40\x02\0\0", CLIENT);
    assert_eq!(of_3_1_1.id(), of_5_0.id());
    assert_ne!(of_3_1_1, of_5_0);

    // a property that CONNECT cannot have, and the one that only its Will can
    let connect = |property: &[u8; 5]| {
        let head = b"\x10\x13\0\x04MQTT\x05\x02\0\0\x05";
        statement(&[&head[..], property, b"\0\x01c"].concat(), CLIENT)
    };
    let [unknown, topic_alias, will_delay] =
        [b"\x7f\0\0\0\0", b"\x23\0\x01\0\0", b"\x18\0\0\0\0"].map(connect);
    assert_eq!(
        (unknown.id(), topic_alias.id()),
        ("U-prop-type", "U-prop-type")
    );
    assert!(
        unknown.rule().starts_with("A property identifier"),
        "{}",
        unknown.rule()
    );
    assert_eq!(topic_alias.rule(), unknown.rule());
    assert!(
        will_delay.rule().starts_with("Will Delay Interval"),
        "{}",
        will_delay.rule()
    );

    let key = |it: Statement| (it.version(), it.id(), it.section());
    for one in Statement::all() {
        for other in Statement::all() {
            assert_eq!(one == other, key(one) == key(other), "{one:?}, {other:?}");
        }
    }
    assert!(Statement::all().any(|it| it == of_puback));
}

#[test]
fn a_statement_has_a_section_and_a_rule() {
    let error = Packet::decode(b"\xc1\0", CLIENT).unwrap_err();
    assert_eq!(error.packet_type(), Some(PacketType::PingReq));
    let statement = error.statement().unwrap();
    assert_eq!(
        format!("{statement:?}"),
        format!("Statement({} {})", "v5.0", statement.id())
    );
    assert!(statement.section().starts_with('2'), "{statement:?}");
    assert!(statement.rule().ends_with('.'), "{}", statement.rule());

    let other = Packet::decode(b"\xc1\0", Dialect::from_client(Version::V3_1_1)).unwrap_err();
    assert_eq!(error.statement(), Some(statement));
    assert_ne!(other.statement(), Some(statement));
}

#[test]
fn the_waiver_for_5_0_connack_rejects_codes_without_a_return_code() {
    let dialect = Dialect::from_server(Version::V3_1_1).waiving(Waivers::CONNACK_V5_FORM);
    // Packet too large
    let error = Packet::decode(b"\x20\x03\0\x95\0", dialect).unwrap_err();
    let place = (error.kind(), error.offset(), error.value());
    assert_eq!(place, (ErrorKind::ReasonCodeNotAllowed, 3, 0x95));
}

#[test]
fn encode_errors_give_a_reason_and_a_statement() {
    let too_small = EncodeError::BufferTooSmall { needed: 7 };
    assert_eq!(
        too_small.to_string(),
        "the packet needs a buffer of 7 bytes"
    );
    assert_eq!(
        EncodeError::TooLong.to_string(),
        "the Remaining Length would be above 268435455"
    );
    assert_eq!(too_small.statement(), None);
    let violation = Packet::PingResp.encoded_len(CLIENT).unwrap_err();
    assert!(violation.statement().is_some());

    assert_eq!(
        ForwardError::from(too_small).to_string(),
        too_small.to_string()
    );
    assert!(ForwardError::Expired.to_string().contains("expired"));
}

#[test]
#[cfg(feature = "tokio")]
fn transport_errors_show_their_cause() {
    use mqtt_wire::TransportError;

    let io = std::io::Error::other("unplugged");
    assert_eq!(TransportError::from(io).to_string(), "unplugged");
    let decode = Packet::decode(b"\xc1\0", CLIENT).unwrap_err();
    let error: TransportError<std::io::Error> = TransportError::from(decode);
    assert_eq!(error.to_string(), decode.to_string());
    let error: TransportError<std::io::Error> = TransportError::from(EncodeError::TooLong);
    assert_eq!(error.to_string(), EncodeError::TooLong.to_string());
    let error: TransportError<std::io::Error> = TransportError::NoVersion;
    assert_eq!(
        error.to_string(),
        "version unknown: no CONNECT received yet"
    );
}

#[test]
fn values_convert_to_numbers_and_back() {
    fn round_trips<T>(values: impl IntoIterator<Item = T>) -> Vec<u8>
    where
        T: Copy + PartialEq + std::fmt::Debug + TryFrom<u8>,
        T::Error: std::fmt::Debug,
        u8: From<T>,
    {
        let round_trip = |value| {
            let number = u8::from(value);
            assert_eq!(T::try_from(number).unwrap(), value);
            number
        };
        let numbers = values.into_iter().map(round_trip).collect::<Vec<_>>();
        let all = (0..=255).filter(|&number| T::try_from(number).is_ok());
        assert!(all.eq(numbers.iter().copied()), "{numbers:?}");
        numbers
    }

    assert_eq!(round_trips(PacketType::ALL), (1..=15).collect::<Vec<_>>());
    assert_eq!(round_trips(PropertyId::ALL.iter().copied()).len(), 27);
    assert_eq!(round_trips(Version::ALL), [3, 4, 5]);
    assert_eq!(
        round_trips([QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]),
        [0, 1, 2]
    );
    let handlings = [
        RetainHandling::AtSubscribe,
        RetainHandling::AtNewSubscribe,
        RetainHandling::Never,
    ];
    assert_eq!(round_trips(handlings), [0, 1, 2]);

    assert_eq!(PacketType::try_from(0), Err(ErrorKind::ReservedPacketType));
    assert_eq!(PropertyId::try_from(4), Err(ErrorKind::UnknownProperty));
    assert_eq!(
        Version::try_from(6),
        Err(ErrorKind::UnsupportedProtocolLevel)
    );
    assert_eq!(RetainHandling::try_from(3), Err(ErrorKind::RetainHandling3));
    assert_eq!(
        RetainHandling::try_from(4),
        Err(ErrorKind::SubscriptionOptions)
    );

    assert_eq!(PacketId::try_from(0), Err(ErrorKind::PacketIdZero));
    assert_eq!(PacketId::try_from(0xffff).map(u16::from), Ok(0xffff));
    for refused in [0, 268_435_456] {
        let refused = SubscriptionId::try_from(refused);
        assert_eq!(refused, Err(ErrorKind::PropertyValue));
    }
    assert_eq!(
        SubscriptionId::try_from(268_435_455).map(u32::from),
        Ok(268_435_455)
    );

    for version in Version::ALL {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    assert_eq!("5".parse(), Ok(Version::V5));
    assert_eq!(
        "4".parse::<Version>(),
        Err(ErrorKind::UnsupportedProtocolLevel)
    );
}

#[test]
fn texts_convert_to_each_other_and_from_bytes() {
    let name = TopicName::try_from(&b"a/b"[..]).unwrap();
    assert_eq!(Utf8Str::from(name), "a/b");
    assert_eq!(TopicFilter::from(name), "a/b");
    assert!(TopicFilter::from(name).matches(name));
    assert_eq!(Utf8Str::from(TopicFilter::new("a/+").unwrap()), "a/+");
    let strings: [String; 3] = [
        name.into(),
        Utf8Str::from(name).into(),
        TopicFilter::from(name).into(),
    ];
    assert_eq!(strings, ["a/b"; 3]);

    assert_eq!(
        TopicName::try_from(&b"a/+"[..]),
        Err(ErrorKind::WildcardInTopicName)
    );
    assert_eq!(
        TopicFilter::try_from(&b"a+"[..]),
        Err(ErrorKind::SingleLevelWildcard)
    );
    assert_eq!(Utf8Str::try_from(&b"\xff"[..]), Err(ErrorKind::InvalidUtf8));
    assert_eq!(
        Utf8Str::try_from(&b"\xed\xa0\x80"[..]),
        Err(ErrorKind::Surrogate)
    );
    assert_eq!(Utf8Str::try_from(&b"\0"[..]), Err(ErrorKind::NullCharacter));
    assert_eq!(Utf8Str::try_from(&b""[..]).unwrap(), "");
    assert_eq!(
        TopicName::try_from(&b""[..]),
        Err(ErrorKind::EmptyTopicName)
    );
    assert_eq!(
        TopicFilter::try_from(&b""[..]),
        Err(ErrorKind::EmptyTopicFilter)
    );
    let longest = [b'a'; 65_536];
    assert!(Utf8Str::try_from(&longest[1..]).is_ok());
    assert_eq!(
        Utf8Str::try_from(&longest[..]),
        Err(ErrorKind::FieldTooLong)
    );

    let data = BinaryData::new(b"on").unwrap();
    let (on, off): (&[u8], &[u8]) = (b"on", b"off");
    assert!(data == *b"on" && data == b"on" && data == *on && data == on);
    assert!(data != *b"of" && data != b"off" && data != *off && data != off);

    let items = vec![Property::ServerKeepAlive(30)];
    assert_eq!(Properties::from(&items), Properties::new(&items));
}

#[test]
#[cfg(feature = "std")]
fn every_error_converts_to_an_io_error() {
    use mqtt_wire::TransportError;
    use std::io::{Error, ErrorKind};

    let decode = Packet::decode(b"\xc1\0", CLIENT).unwrap_err();
    let encode = EncodeError::TooLong;
    let transport = |error: TransportError<Error>| Error::from(error);
    let (received, missing) = (1, 1);
    let cut = TransportError::EndInsidePacket { received, missing };
    let cut_text = "the stream ended inside a packet: 1 bytes received, at least 1 missing";
    let unknown = "version unknown: no CONNECT received yet";
    for (error, kind, text) in [
        (decode.into(), ErrorKind::InvalidData, decode.to_string()),
        (
            transport(decode.into()),
            ErrorKind::InvalidData,
            decode.to_string(),
        ),
        (encode.into(), ErrorKind::InvalidInput, encode.to_string()),
        (
            transport(encode.into()),
            ErrorKind::InvalidInput,
            encode.to_string(),
        ),
        (transport(cut), ErrorKind::UnexpectedEof, cut_text.into()),
        (
            ForwardError::Expired.into(),
            ErrorKind::InvalidInput,
            ForwardError::Expired.to_string(),
        ),
        (
            ForwardError::Encode(encode).into(),
            ErrorKind::InvalidInput,
            encode.to_string(),
        ),
        (
            transport(TransportError::NoVersion),
            ErrorKind::InvalidInput,
            unknown.into(),
        ),
        (
            transport(Error::new(ErrorKind::BrokenPipe, "gone").into()),
            ErrorKind::BrokenPipe,
            "gone".into(),
        ),
    ] {
        assert_eq!((error.kind(), error.to_string()), (kind, text));
    }
    let inside = transport(decode.into()).downcast::<mqtt_wire::DecodeError>();
    assert_eq!(inside.unwrap(), decode);
}

#[test]
#[cfg(feature = "std")]
fn only_a_bad_packet_is_answered() {
    use mqtt_wire::TransportError;

    type Error = TransportError<std::io::Error>;
    let decode = Packet::decode(b"\x36\0", Dialect::from_client(Version::V5)).unwrap_err(); // QoS 3
    for connack_sent in [false, true] {
        let answer = Error::from(decode).answer(connack_sent);
        assert_eq!(answer, decode.answer(connack_sent));
        assert!(!answer.is_empty());
        let unplugged = Error::from(std::io::Error::other("unplugged"));
        assert!(unplugged.answer(connack_sent).is_empty());
        assert!(Error::NoVersion.answer(connack_sent).is_empty());
    }
}

#[test]
fn a_breach_has_a_packet_and_statements() {
    let (connect, connack) = (
        &b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c"[..],
        &b"\x20\x02\0\0"[..],
    );
    let answers: [(&[u8], &str); 3] = [
        (b"\x50\x02\0\x07", "PUBREC 7"),
        (b"\x62\x02\0\x07", "PUBREL 7"),
        (b"\x70\x02\0\x07", "PUBCOMP 7"),
    ];
    let client = Dialect::from_client(Version::V3_1_1);
    for (answer, name) in answers {
        let mut monitor = Monitor::default();
        let mut breaches: Vec<Breach> = Vec::new();
        for (dialect, bytes) in [
            (client, connect),
            (client.reply(), connack),
            (client, answer),
        ] {
            let packet = Packet::decode(bytes, dialect).unwrap();
            monitor.observe(dialect, &packet, bytes.len(), |breach| {
                breaches.push(breach)
            });
        }
        let [breach] = breaches[..] else {
            panic!("{breaches:?}");
        };
        assert_eq!(breach.version(), Version::V3_1_1);
        assert_eq!(breach.packet_id(), PacketId::new(7));
        let statement = breach.statement().unwrap();
        let text = breach.to_string();
        let named = format!("Client, {}: ", name);
        assert!(text.starts_with(&named), "{text}");
        assert!(text.ends_with(&format!(" [{statement}]")), "{text}");
        assert!(name.starts_with(&breach.packet_type().to_string()));
        assert_eq!(breach.statements().count(), 2);
    }
}

// ---- frames and streams --------------------------------------------------------------------

#[test]
fn frames_are_split_off_a_buffer() {
    let mut buffer = BytesMut::from(&b"\xc0\0\xe0\0\x30"[..]);
    for packet_type in [PacketType::PingReq, PacketType::Disconnect] {
        let Ok(NextFrame::Frame(frame)) = Frame::split(&mut buffer, CLIENT, 100) else {
            panic!("{buffer:?}");
        };
        assert_eq!(frame.packet_type(), packet_type);
    }
    let framed = Frame::split(&mut buffer, CLIENT, 100);
    assert!(matches!(framed, Ok(NextFrame::NeedMore(more)) if more.get() == 1));
    buffer.extend_from_slice(b"\x80\x80\x80\x80");
    assert!(Frame::split(&mut buffer, CLIENT, 100).is_err());
    assert_eq!(buffer[..], *b"\x30\x80\x80\x80\x80");
}

#[test]
fn decode_connect_rejects_other_packets() {
    let ping = b"\xc0\0";
    let Ok(NextFrame::Frame(frame)) = FrameRef::split(ping, CLIENT, 100) else {
        panic!("a whole packet");
    };
    let kind = ErrorKind::FirstPacketNotConnect;
    assert_eq!(frame.decode_connect().unwrap_err().kind(), kind);
    assert_eq!(Connect::decode(ping).unwrap_err().kind(), kind);
}

#[test]
fn stream_decoders_apply_waivers_and_optional_rules() {
    let limits = StreamLimits::new(100, 100);
    let client = Dialect::from_client(Version::V3_1_1);
    // PUBACK with the flags of PUBREL
    let puback = b"\x42\x02\0\x07";
    let (waivers, rules) = (Waivers::ACK_FLAGS, OptionalRules::NONE);
    for is_waived in [false, true] {
        let mut splitter = Splitter::new(client, limits);
        let mut decoder = StreamDecoder::new(client, limits);
        if is_waived {
            splitter = splitter.with_rules(waivers, rules);
            decoder = decoder.with_rules(waivers, rules);
        }
        let split = matches!(splitter.next_part(&mut &puback[..]), Ok(Part::Frame(_)));
        decoder.extend(puback);
        let taken = matches!(decoder.next_part(), Ok(Part::Frame(_)));
        assert_eq!((split, taken), (is_waived, is_waived));
    }
}

// ---- the model -----------------------------------------------------------------------------

#[test]
fn strategies_make_values_of_their_names() {
    let mut runner = TestRunner::deterministic();
    let packets = strategies::packet_of(PacketType::Subscribe, CLIENT);
    let (names, filters) = (
        strategies::topic_name(),
        strategies::topic_filter(Version::V5),
    );
    for _ in 0..100 {
        let packet = packets.new_tree(&mut runner).unwrap().current();
        assert_eq!(packet.packet_type(), PacketType::Subscribe);
        assert!(packet.encode(CLIENT).is_ok());
        let name = names.new_tree(&mut runner).unwrap().current();
        assert!(TopicName::new(&name).is_ok(), "{name}");
        let filter = filters.new_tree(&mut runner).unwrap().current();
        assert!(TopicFilter::new(&filter).is_ok(), "{filter}");
    }
    assert_eq!(format!("{names:?}"), "Generated");
}
