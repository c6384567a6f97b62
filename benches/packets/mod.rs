//! The packets of our own benches: `benches/codec.rs` times them, and `ci/check.sh instructions` counts their
//! instructions.

use std::hint::black_box;

use mqtt_wire::{
    Ack, Auth, BinaryData, ConnAck, Connect, Delivery, Dialect, Disconnect, FrameRef, NextFrame,
    Packet, PacketId, Properties, Property, Publish, QoS, ReasonCode, ReasonCodes, SubAck,
    Subscribe, Subscription, Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe,
    Utf8Str, Version, Will,
};

/// Every kind of packet, at usual sizes.
pub fn packets(version: Version, mut each: impl FnMut(&str, Packet<'_>, Dialect)) {
    let mut each = |name: &str, packet: Packet<'_>| {
        let client = Dialect::from_client(version);
        let dialect = if packet.packet_type().is_sent_in(client) {
            client
        } else {
            Dialect::from_server(version)
        };
        each(name, packet, dialect);
    };
    let v5 = version == Version::V5;
    let text = |text| Utf8Str::new(text).unwrap();
    let binary = |bytes| BinaryData::new(bytes).unwrap();
    let packet_id = PacketId::new(4711).unwrap();
    let topic = TopicName::new("building/7/floor/3/t").unwrap();

    let connect_properties = [
        Property::SessionExpiryInterval(3600),
        Property::ReceiveMaximum(100.try_into().unwrap()),
        Property::UserProperty(text("region"), text("eu-west-1")),
        Property::UserProperty(text("firmware"), text("4.2.0")),
    ];
    let will_properties = [Property::WillDelayInterval(30)];
    let publish_properties = [
        Property::TopicAlias(5.try_into().unwrap()),
        Property::ContentType(text("application/json")),
        Property::MessageExpiryInterval(600),
        Property::UserProperty(text("trace"), text("4bf92f3577b34da6")),
    ];
    let reason = [Property::ReasonString(text(
        "quota of 10 messages a second",
    ))];
    let method = [
        Property::AuthenticationMethod(text("SCRAM-SHA-256")),
        Property::AuthenticationData(binary(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")),
    ];
    let only_v5 = |items| if v5 { items } else { Properties::EMPTY };

    let mut connect = Connect::new(version, text("sensor-0123456789"));
    connect.keep_alive = 60;
    each("CONNECT", connect.into());
    connect.properties = only_v5(Properties::from(&connect_properties));
    let mut will = Will::new(
        TopicName::new("status/sensor-0123").unwrap(),
        binary(b"offline"),
    );
    (will.qos, will.retain) = (QoS::AtLeastOnce, true);
    will.properties = only_v5(Properties::from(&will_properties));
    connect.will = Some(will);
    connect.user_name = Some(text("sensor"));
    connect.password = Some(binary(b"correct horse battery staple"));
    each("CONNECT with Will", connect.into());
    each("CONNACK", ConnAck::new(ReasonCode::Success).into());

    each(
        "PUBLISH small",
        Publish::new(topic, b"21.5 degrees C..").into(),
    );
    let payload = [b'x'; 256];
    let mut publish = Publish::new(
        TopicName::new("building/7/floor/3/room/12/temperature/s").unwrap(),
        &payload,
    );
    publish.delivery = Delivery::AtLeastOnce {
        packet_id,
        dup: false,
    };
    publish.properties = only_v5(Properties::from(&publish_properties));
    each("PUBLISH QoS 1", publish.into());
    let payload = vec![b'x'; 64 << 10];
    each("PUBLISH 64 KiB", Publish::new(topic, &payload).into());

    let mut ack = Ack::new(packet_id);
    each("PUBACK", Packet::PubAck(ack));
    each("PUBREC", Packet::PubRec(ack));
    each("PUBREL", Packet::PubRel(ack));
    each("PUBCOMP", Packet::PubComp(ack));
    if v5 {
        ack.reason_code = ReasonCode::QuotaExceeded;
        ack.properties = Properties::from(&reason);
        each("PUBACK with Reason String", Packet::PubAck(ack));
    }

    let names: Vec<String> = (0..10).map(|n| format!("building/{n}/+/temp/#")).collect();
    let filters: Vec<_> = names
        .iter()
        .map(|name| TopicFilter::new(name).unwrap())
        .collect();
    let subscriptions: Vec<_> = filters
        .iter()
        .map(|filter| Subscription::new(*filter, QoS::AtLeastOnce))
        .collect();
    let subscribe = Subscribe::new(packet_id, Subscriptions::new(&subscriptions));
    each("SUBSCRIBE 10 filters", subscribe.into());
    let codes = [ReasonCode::GrantedQos1; 10];
    let suback = SubAck::new(packet_id, ReasonCodes::from(&codes));
    each("SUBACK 10 codes", Packet::SubAck(suback));
    let unsubscribe = Unsubscribe::new(packet_id, TopicFilters::new(&filters));
    each("UNSUBSCRIBE 10 filters", unsubscribe.into());
    let codes = [ReasonCode::Success; 10];
    let codes = if v5 {
        ReasonCodes::from(&codes)
    } else {
        ReasonCodes::EMPTY
    };
    each("UNSUBACK", Packet::UnsubAck(SubAck::new(packet_id, codes)));

    each("PINGREQ", Packet::PingReq);
    each("PINGRESP", Packet::PingResp);
    each("DISCONNECT", Disconnect::new(ReasonCode::Success).into());
    if v5 {
        let auth = Auth::new(
            ReasonCode::ContinueAuthentication,
            Properties::from(&method),
        );
        each("AUTH", auth.into());
    }
}

/// Frames and decodes one packet and walks its lists, which read the bytes a second time.
pub fn decode_and_walk(bytes: &[u8], dialect: Dialect) -> usize {
    let Ok(NextFrame::Frame(frame)) = FrameRef::split(bytes, dialect, u32::MAX) else {
        return 0;
    };
    let decoded = frame.decode(dialect);
    let Ok(packet) = black_box(&decoded) else {
        return 0;
    };
    let (properties, items) = match packet {
        Packet::Connect(packet) => {
            let will = packet
                .will
                .map_or(Properties::EMPTY, |will| will.properties);
            (packet.properties, will.iter().count())
        }
        Packet::ConnAck(packet) => (packet.properties, 0),
        Packet::Publish(packet) => (packet.properties, packet.payload.len()),
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => (packet.properties, 0),
        Packet::Subscribe(packet) => (packet.properties, packet.subscriptions.iter().count()),
        Packet::SubAck(packet) | Packet::UnsubAck(packet) => {
            (packet.properties, packet.reason_codes.iter().count())
        }
        Packet::Unsubscribe(packet) => (packet.properties, packet.topic_filters.iter().count()),
        Packet::PingReq | Packet::PingResp => (Properties::EMPTY, 0),
        Packet::Disconnect(packet) => (packet.properties, 0),
        Packet::Auth(packet) => (packet.properties, 0),
    };
    items + properties.iter().count()
}
