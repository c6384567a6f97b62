//! Shared subscriptions: one subscriber of a group gets each message.

use mqtt_wire::{List, Packet, PacketType, QoS, TopicFilter, Unsubscribe, Version};

use crate::client::{Client, V5, broker, connect, id, message, retained, subscription};

#[tokio::test]
async fn each_message_goes_to_one_member_of_each_group() {
    let address = broker().await;
    for version in [Version::V3_1_1, V5] {
        let mut publisher = Client::connect(address, connect(version, "publisher")).await;
        let mut first = Client::subscribed(address, version, "first", "$share/g/a/+").await;
        let mut second = Client::subscribed(address, version, "second", "$share/g/a/+").await;
        let mut other = Client::subscribed(address, version, "other", "$share/h/a/b").await;
        let mut plain = Client::subscribed(address, version, "plain", "a/b").await;
        for number in ["0", "1", "2", "3", "4", "5"] {
            let message = message("a/b", number, QoS::AtLeastOnce);
            publisher.publish(message).await;
            other.take(message).await;
            plain.take(message).await;
        }
        for number in ["0", "2", "4"] {
            first.take(message("a/b", number, QoS::AtLeastOnce)).await;
        }
        for number in ["1", "3", "5"] {
            second.take(message("a/b", number, QoS::AtLeastOnce)).await;
        }
        for client in [&mut first, &mut second, &mut other, &mut plain] {
            client.nothing_else().await;
        }
    }
}

#[tokio::test]
async fn the_members_that_stay_get_the_messages() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let mut stays = Client::subscribed(address, V5, "stays", "$share/g/a").await;
    let leaves = Client::subscribed(address, V5, "leaves", "$share/g/a").await;
    let mut unsubscribes = Client::subscribed(address, V5, "unsubscribes", "$share/g/a").await;
    leaves.disconnect().await;
    let filters = [TopicFilter::new("$share/g/a").unwrap()];
    unsubscribes
        .send(Unsubscribe::new(id(3), List::new(&filters)))
        .await;
    let unsuback = unsubscribes.next().await;
    assert_eq!(unsuback.packet_type(), PacketType::UnsubAck);
    for number in ["0", "1", "2"] {
        publisher
            .publish(message("a", number, QoS::ExactlyOnce))
            .await;
        stays.take(message("a", number, QoS::ExactlyOnce)).await;
    }
    unsubscribes.nothing_else().await;
}

#[tokio::test]
async fn a_shared_subscription_gets_no_retained_messages_and_a_plain_one_is_separate() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    publisher
        .publish(retained("a", "kept", QoS::AtLeastOnce))
        .await;
    let mut client = Client::subscribed(address, V5, "client", "$share/g/a").await;
    client.nothing_else().await;
    client
        .subscribe(&[subscription("a", QoS::AtMostOnce)])
        .await;
    client.take(retained("a", "kept", QoS::AtMostOnce)).await;
    publisher
        .publish(message("a", "new", QoS::AtLeastOnce))
        .await;
    let (one, two) = (client.next().await, client.next().await);
    for frame in [&one, &two] {
        assert!(matches!(client.decode(frame), Packet::Publish(it) if it.payload == b"new"));
    }
    client.nothing_else().await;
}
