//! Acknowledgements that fit no message, or not its stage.

use mqtt_wire::{Ack, Delivery, Packet, PacketId, Properties, Publish, QoS, ReasonCode, Version};

use crate::client::{Client, V5, broker, connect, id, message};

fn ack(packet_id: PacketId, reason_code: ReasonCode) -> Ack<'static> {
    Ack {
        reason_code,
        properties: Properties::EMPTY,
        ..Ack::new(packet_id)
    }
}

#[tokio::test]
async fn the_first_packet_identifier_is_1() {
    let address = broker().await;
    for version in Version::ALL {
        let mut client = Client::subscribed(address, version, "client", "a").await;
        client.send(message("a", "x", QoS::AtLeastOnce)).await;
        let (packet_id, dup) = (id(1), false);
        let delivery = Delivery::AtLeastOnce { packet_id, dup };
        let expected = Publish {
            delivery,
            ..message("a", "x", QoS::AtLeastOnce)
        };
        client.expect(Packet::PubAck(Ack::new(id(7)))).await;
        client.expect(expected).await;
    }
}

/// The answers that a client may not give to a message of QoS 1 or 2, and to a PUBREL.
#[tokio::test]
async fn a_wrong_acknowledgement_ends_the_connection() {
    use Packet::{PubAck, PubComp, PubRec};
    type Answer = fn(Ack<'static>) -> Packet<'static>;
    let address = broker().await;
    for version in [Version::V3_1_1, V5] {
        for (qos, good, wrong) in [
            (QoS::AtLeastOnce, None, PubRec as Answer),
            (QoS::AtLeastOnce, None, PubComp),
            (QoS::ExactlyOnce, None, PubAck),
            (QoS::ExactlyOnce, None, PubComp),
            (QoS::ExactlyOnce, Some(PubRec as Answer), PubAck),
        ] {
            let mut client = Client::subscribed(address, version, "client", "a").await;
            let mut publisher = Client::connect(address, connect(version, "publisher")).await;
            publisher.publish(message("a", "x", qos)).await;
            let frame = client.next().await;
            let packet_id = client.decode(&frame).packet_id().unwrap();
            client.unruly = true;
            if let Some(good) = good {
                client.send(good(Ack::new(packet_id))).await;
                client.expect(Packet::PubRel(Ack::new(packet_id))).await;
            }
            client.send(wrong(Ack::new(packet_id))).await;
            client.expect_end(ReasonCode::ProtocolError).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_packet_identifier_is_answered_where_an_answer_exists() {
    let address = broker().await;
    for version in Version::ALL {
        let mut client = Client::connect(address, connect(version, "client")).await;
        client.unruly = true;
        let not_found = match version {
            V5 => ReasonCode::PacketIdentifierNotFound,
            _ => ReasonCode::Success,
        };
        client.send(Packet::PubAck(Ack::new(id(9)))).await;
        client.send(Packet::PubComp(Ack::new(id(9)))).await;
        client.nothing_else().await;
        client.send(Packet::PubRel(Ack::new(id(9)))).await;
        client.expect(Packet::PubComp(ack(id(9), not_found))).await;
        client.send(Packet::PubRec(Ack::new(id(9)))).await;
        client.expect(Packet::PubRel(ack(id(9), not_found))).await;
    }
}

#[tokio::test]
async fn a_packet_identifier_in_use_is_refused() {
    let address = broker().await;
    let mut client = Client::connect(address, connect(V5, "client")).await;
    client.send(message("a", "x", QoS::ExactlyOnce)).await;
    let nobody = ReasonCode::NoMatchingSubscribers;
    client.expect(Packet::PubRec(ack(id(7), nobody))).await;
    client.unruly = true;
    client.send(message("a", "x", QoS::AtLeastOnce)).await;
    let in_use = ReasonCode::PacketIdentifierInUse;
    client.expect(Packet::PubAck(ack(id(7), in_use))).await;
}
