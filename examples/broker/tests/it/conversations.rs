//! Conversations with the broker, each watched by a `Monitor`.

use std::collections::VecDeque;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{
    Ack, BinaryData, ConnAck, Connect, Delivery, Disconnect, List, Packet, PacketType, Properties,
    Property, Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, Subscription,
    SubscriptionId, SubscriptionOptions, TopicFilter, TopicName, Unsubscribe, Utf8Str, Version,
    Will,
};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{
    Client, PATIENCE, QOS, V5, broker, connect, granted, id, message, retained, subscription, will,
};
use crate::vectors;

// ---- messages ------------------------------------------------------------------------------

#[tokio::test]
async fn messages_of_every_qos_go_between_all_versions() {
    let address = broker().await;
    for from in Version::ALL {
        for to in Version::ALL {
            let mut publisher = Client::connect(address, connect(from, "publisher")).await;
            let mut subscriber = Client::connect(address, connect(to, "subscriber")).await;
            for wanted in QOS {
                subscriber.subscribe(&[subscription("a/b", wanted)]).await;
                for sent in QOS {
                    publisher.publish(message("a/b", "hello", sent)).await;
                    subscriber
                        .take(message("a/b", "hello", sent.min(wanted)))
                        .await;
                }
            }
        }
    }
}

#[tokio::test]
async fn filters_match_level_by_level_and_wildcards_no_topic_that_begins_with_dollar() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for (filter, topics) in [
        ("#", &["a", "a/b", "/", "a/b/c"][..]),
        ("+", &["a"]),
        ("a/#", &["a", "a/b", "a/b/c"]),
        ("a/+", &["a/b"]),
        ("+/+", &["a/b", "/", "$x/y"][..2]),
        ("$x/#", &["$x/y"]),
        ("$x/+", &["$x/y"]),
    ] {
        let mut subscriber = Client::subscribed(address, V5, "subscriber", filter).await;
        for topic in ["a", "a/b", "/", "a/b/c", "$x/y"] {
            publisher
                .publish(message(topic, filter, QoS::AtLeastOnce))
                .await;
            if topics.contains(&topic) {
                subscriber
                    .take(message(topic, filter, QoS::AtLeastOnce))
                    .await;
            }
        }
        subscriber.nothing_else().await;
        subscriber.disconnect().await;
    }
}

#[tokio::test]
async fn overlapping_subscriptions_get_one_copy_with_the_highest_qos_and_all_identifiers() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let mut subscriber = Client::connect(address, connect(V5, "subscriber")).await;
    let ids = [1, 2].map(|value| SubscriptionId::new(value).unwrap());
    for (filter, qos, subscription_id) in [("a/#", 2, ids[0]), ("a/b", 0, ids[1])] {
        let subscriptions = [subscription(filter, QOS[qos])];
        let properties = [Property::SubscriptionIdentifier(subscription_id)];
        let subscribe = Subscribe {
            properties: Properties::new(&properties),
            ..Subscribe::new(id(9), List::new(&subscriptions))
        };
        subscriber.send(subscribe).await;
        let codes = [granted(QOS[qos])];
        subscriber
            .expect(Packet::SubAck(SubAck::new(id(9), List::new(&codes))))
            .await;
    }
    publisher
        .publish(message("a/b", "once", QoS::AtLeastOnce))
        .await;
    let frame = subscriber.next().await;
    let Packet::Publish(publish) = subscriber.decode(&frame) else {
        panic!("{frame:?} is no PUBLISH")
    };
    assert_eq!(publish.delivery.qos(), QoS::AtLeastOnce);
    let mut got = publish.subscription_identifiers().collect::<Vec<_>>();
    got.sort();
    assert_eq!(got, ids);
    subscriber.nothing_else().await;
}

#[tokio::test]
async fn a_publisher_learns_whether_anybody_subscribed() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let nobody = Ack {
        reason_code: ReasonCode::NoMatchingSubscribers,
        ..Ack::new(id(7))
    };
    publisher.send(message("a", "1", QoS::AtLeastOnce)).await;
    publisher.expect(Packet::PubAck(nobody)).await;
    publisher.send(message("a", "2", QoS::ExactlyOnce)).await;
    publisher.expect(Packet::PubRec(nobody)).await;
    publisher.send(Packet::PubRel(Ack::new(id(7)))).await;
    publisher.expect(Packet::PubComp(Ack::new(id(7)))).await;
    let _subscriber = Client::subscribed(address, V5, "subscriber", "a").await;
    publisher.send(message("a", "3", QoS::AtLeastOnce)).await;
    publisher.expect(Packet::PubAck(Ack::new(id(7)))).await;
}

#[tokio::test]
async fn no_local_keeps_a_client_s_own_messages_away() {
    let address = broker().await;
    let mut client = Client::connect(address, connect(V5, "client")).await;
    let other = subscription("b", QoS::AtLeastOnce);
    let options = SubscriptionOptions {
        no_local: true,
        ..other.options
    };
    client
        .subscribe(&[
            Subscription {
                options,
                ..subscription("a", QoS::AtLeastOnce)
            },
            other,
        ])
        .await;
    client.publish(message("a", "own", QoS::AtMostOnce)).await;
    client.send(message("b", "own", QoS::AtMostOnce)).await;
    client.take(message("b", "own", QoS::AtMostOnce)).await;
    let mut another = Client::connect(address, connect(V5, "another")).await;
    another
        .publish(message("a", "not own", QoS::AtMostOnce))
        .await;
    client.take(message("a", "not own", QoS::AtMostOnce)).await;
}

#[tokio::test]
async fn unsubscribing_ends_a_subscription() {
    let address = broker().await;
    for version in Version::ALL {
        let mut client = Client::subscribed(address, version, "client", "a").await;
        let filters = [
            TopicFilter::new("a").unwrap(),
            TopicFilter::new("b").unwrap(),
        ];
        client
            .send(Unsubscribe::new(id(3), List::new(&filters)))
            .await;
        let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
        let codes = if version == V5 { &codes[..] } else { &[] };
        client
            .expect(Packet::UnsubAck(SubAck::new(id(3), List::new(codes))))
            .await;
        client
            .publish(message("a", "unheard", QoS::AtMostOnce))
            .await;
        client.disconnect().await;
    }
}

#[tokio::test]
async fn properties_reach_5_0_and_are_left_out_before() {
    let address = broker().await;
    let mut new = Client::subscribed(address, V5, "new", "a").await;
    let mut old = Client::subscribed(address, Version::V3_1_1, "old", "a").await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let text = |text| Utf8Str::new(text).unwrap();
    let properties = [
        Property::MessageExpiryInterval(100),
        Property::PayloadFormatIndicator(true),
        Property::ContentType(text("text/plain")),
        Property::ResponseTopic(TopicName::new("r").unwrap()),
        Property::CorrelationData(BinaryData::new(b"\0").unwrap()),
        Property::UserProperty(text("a"), text("1")),
        Property::UserProperty(text("a"), text("2")),
    ];
    let plain = message("a", "hello", QoS::AtLeastOnce);
    let with_properties = Publish {
        properties: Properties::new(&properties),
        ..plain
    };
    publisher.publish(with_properties).await;
    new.take(with_properties).await;
    old.take(plain).await;
}

// ---- retained messages -----------------------------------------------------------------------

#[tokio::test]
async fn a_retained_message_reaches_later_subscribers_until_it_is_cleared() {
    let address = broker().await;
    for version in Version::ALL {
        let mut publisher = Client::connect(address, connect(version, "publisher")).await;
        let mut early = Client::subscribed(address, version, "early", "s/+").await;
        for (text, qos) in [("old", QoS::AtMostOnce), ("online", QoS::ExactlyOnce)] {
            publisher.publish(retained("s/1", text, qos)).await;
            // earlier subscribers get a new message, with RETAIN 0
            early.take(message("s/1", text, qos)).await;
        }
        for qos in QOS {
            let mut late = Client::connect(address, connect(version, "late")).await;
            late.subscribe(&[subscription("s/#", qos)]).await;
            late.take(retained("s/1", "online", qos)).await;
            late.nothing_else().await;
        }
        publisher
            .publish(retained("s/1", "", QoS::AtLeastOnce))
            .await;
        early.take(message("s/1", "", QoS::AtLeastOnce)).await;
        let mut later = Client::subscribed(address, version, "later", "s/#").await;
        later.nothing_else().await;
    }
}

#[tokio::test]
async fn subscription_options_decide_about_retained_messages() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    publisher
        .publish(retained("s", "kept", QoS::AtLeastOnce))
        .await;
    let mut client = Client::connect(address, connect(V5, "client")).await;
    let with = |retain_handling| {
        let subscription = subscription("s", QoS::AtLeastOnce);
        let options = SubscriptionOptions {
            retain_handling,
            retain_as_published: true,
            ..subscription.options
        };
        Subscription {
            options,
            ..subscription
        }
    };
    let kept = retained("s", "kept", QoS::AtLeastOnce);
    client.subscribe(&[with(RetainHandling::Never)]).await;
    client.nothing_else().await;
    client
        .subscribe(&[with(RetainHandling::AtNewSubscribe)])
        .await;
    client.nothing_else().await;
    client.subscribe(&[with(RetainHandling::AtSubscribe)]).await;
    client.take(kept).await;
    let filters = [TopicFilter::new("s").unwrap()];
    client
        .send(Unsubscribe::new(id(3), List::new(&filters)))
        .await;
    client
        .expect(Packet::UnsubAck(SubAck::new(
            id(3),
            List::new(&[ReasonCode::Success]),
        )))
        .await;
    client
        .subscribe(&[with(RetainHandling::AtNewSubscribe)])
        .await;
    client.take(kept).await;
    // Retain As Published
    publisher
        .publish(retained("s", "next", QoS::AtLeastOnce))
        .await;
    client.take(retained("s", "next", QoS::AtLeastOnce)).await;
    publisher
        .publish(message("s", "last", QoS::AtLeastOnce))
        .await;
    client.take(message("s", "last", QoS::AtLeastOnce)).await;
}

#[tokio::test]
async fn a_message_expires_and_its_remaining_time_is_sent() {
    let address = broker().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for (topic, seconds) in [("e/short", 1), ("e/long", 100)] {
        let properties = [Property::MessageExpiryInterval(seconds)];
        let properties = Properties::new(&properties);
        let publish = Publish {
            properties,
            ..retained(topic, "x", QoS::AtLeastOnce)
        };
        publisher.publish(publish).await;
    }
    sleep(Duration::from_millis(1100)).await;
    let mut client = Client::subscribed(address, V5, "client", "e/#").await;
    let frame = client.next().await;
    let Packet::Publish(publish) = client.decode(&frame) else {
        panic!("{frame:?} is no PUBLISH")
    };
    assert_eq!(publish.topic_name, TopicName::new("e/long").ok());
    assert!((90..100).contains(&publish.message_expiry_interval().unwrap()));
    client.nothing_else().await;
}

// ---- Wills -----------------------------------------------------------------------------------

#[tokio::test]
async fn a_will_is_published_when_the_socket_drops_and_not_after_disconnect() {
    let address = broker().await;
    for version in Version::ALL {
        let mut alive = Client::subscribed(address, version, "alive", "test").await;
        let dying = Connect {
            will: Some(will("test", "die")),
            ..connect(version, "sub")
        };
        let client = Client::connect(address, dying).await;
        drop(client);
        alive.take(message("test", "die", QoS::AtLeastOnce)).await;

        Client::connect(address, dying).await.disconnect().await;
        alive.nothing_else().await;

        if version == V5 {
            let mut client = Client::connect(address, dying).await;
            client
                .send(Disconnect::new(ReasonCode::DisconnectWithWillMessage))
                .await;
            alive.take(message("test", "die", QoS::AtLeastOnce)).await;
        }
    }
}

#[tokio::test]
async fn a_will_can_retain_the_status() {
    let address = broker().await;
    for version in Version::ALL {
        let offline = Will {
            retain: true,
            ..will("status", "offline")
        };
        let device = Connect {
            will: Some(offline),
            ..connect(version, "device")
        };
        let mut device = Client::connect(address, device).await;
        device
            .publish(retained("status", "online", QoS::AtLeastOnce))
            .await;
        let mut late = Client::subscribed(address, version, "late", "status").await;
        late.take(retained("status", "online", QoS::AtLeastOnce))
            .await;
        drop(device);
        late.take(message("status", "offline", QoS::AtLeastOnce))
            .await;
        let mut later = Client::subscribed(address, version, "later", "status").await;
        later
            .take(retained("status", "offline", QoS::AtLeastOnce))
            .await;
    }
}

#[tokio::test]
async fn a_will_has_all_its_properties_except_the_delay() {
    let address = broker().await;
    let mut alive = Client::subscribed(address, V5, "alive", "test").await;
    let kind = Property::ContentType(Utf8Str::new("text/plain").unwrap());
    let properties = [Property::WillDelayInterval(0), kind];
    let will = Will {
        properties: Properties::new(&properties),
        ..will("test", "die")
    };
    drop(
        Client::connect(
            address,
            Connect {
                will: Some(will),
                ..connect(V5, "sub")
            },
        )
        .await,
    );
    let properties = [kind];
    let properties = Properties::new(&properties);
    alive
        .take(Publish {
            properties,
            ..message("test", "die", QoS::AtLeastOnce)
        })
        .await;
}

#[tokio::test]
async fn a_delayed_will_waits_until_the_client_is_back_or_its_session_ends() {
    let address = broker().await;
    let mut alive = Client::subscribed(address, V5, "alive", "test").await;
    let delay = [Property::WillDelayInterval(2)];
    let will = Will {
        properties: Properties::new(&delay),
        ..will("test", "die")
    };
    let expiry = |seconds| [Property::SessionExpiryInterval(seconds)];
    let (long, short, none) = (expiry(60), expiry(1), expiry(0));
    let dying = |client_id, properties| Connect {
        will: Some(will),
        clean_start: false,
        properties: Properties::new(properties),
        ..connect(V5, client_id)
    };
    let die = message("test", "die", QoS::AtLeastOnce);

    // the delay passes
    let dropped = Instant::now();
    drop(Client::connect(address, dying("a", &long)).await);
    alive.nothing_else().await;
    alive.take(die).await;
    assert!(dropped.elapsed() >= Duration::from_secs(2));

    // the client is back
    drop(Client::connect(address, dying("b", &long)).await);
    sleep(Duration::from_millis(300)).await;
    let back = Connect {
        will: None,
        ..dying("b", &long)
    };
    let (back, session_present) = Client::resume(address, back).await;
    assert!(session_present);
    sleep(Duration::from_millis(2200)).await;
    alive.nothing_else().await;
    back.disconnect().await;

    // it is back, but with another Session
    drop(Client::connect(address, dying("c", &long)).await);
    sleep(Duration::from_millis(300)).await;
    let back = Connect {
        clean_start: true,
        will: None,
        ..dying("c", &none)
    };
    let (_back, session_present) = Client::resume(address, back).await;
    assert!(!session_present);
    alive.take(die).await;

    // the Session ends with the connection, and before the delay has passed
    drop(Client::connect(address, dying("d", &none)).await);
    alive.take(die).await;
    let properties = [Property::WillDelayInterval(60)];
    let late = Will {
        properties: Properties::new(&properties),
        ..will
    };
    let dropped = Instant::now();
    drop(
        Client::connect(
            address,
            Connect {
                will: Some(late),
                ..dying("e", &short)
            },
        )
        .await,
    );
    alive.take(die).await;
    assert!(dropped.elapsed() >= Duration::from_secs(1));
    alive.nothing_else().await;
}

#[tokio::test]
async fn a_silent_client_is_closed_after_one_and_a_half_times_its_keep_alive() {
    let address = broker().await;
    let [first, second, third] = Version::ALL.map(|version| async move {
        let topic = version.to_string();
        let mut alive = Client::subscribed(address, version, &topic, &topic).await;
        let will = Some(will(&topic, "die"));
        let client_id = format!("silent-{version}");
        let silent = Connect {
            keep_alive: 1,
            will,
            ..connect(version, &client_id)
        };
        let mut silent = Client::connect(address, silent).await;
        sleep(Duration::from_millis(500)).await;
        let spoken = Instant::now();
        silent.nothing_else().await;
        silent.expect_end(ReasonCode::KeepAliveTimeout).await;
        let silence = spoken.elapsed();
        assert!(silence >= Duration::from_millis(1500), "{silence:?}");
        assert!(silence < Duration::from_millis(5000), "{silence:?}");
        alive.take(message(&topic, "die", QoS::AtLeastOnce)).await;
    });
    tokio::join!(first, second, third);
}

#[tokio::test]
async fn a_newer_connection_takes_over_and_the_will_of_the_older_is_published() {
    let address = broker().await;
    for version in Version::ALL {
        let mut alive = Client::subscribed(address, version, "alive", "test").await;
        let connect = Connect {
            will: Some(will("test", "die")),
            ..connect(version, "twin")
        };
        let mut older = Client::connect(address, connect).await;
        let newer = Client::connect(address, connect).await;
        older.expect_end(ReasonCode::SessionTakenOver).await;
        alive.take(message("test", "die", QoS::AtLeastOnce)).await;
        newer.disconnect().await;
        alive.nothing_else().await;
    }
}

#[tokio::test]
async fn a_delayed_will_is_dropped_when_the_session_is_taken_over() {
    let address = broker().await;
    let mut alive = Client::subscribed(address, V5, "alive", "test").await;
    let (delay, expiry) = (
        [Property::WillDelayInterval(5)],
        [Property::SessionExpiryInterval(60)],
    );
    let connect = Connect {
        will: Some(Will {
            properties: Properties::new(&delay),
            ..will("test", "die")
        }),
        clean_start: false,
        properties: Properties::new(&expiry),
        ..connect(V5, "twin")
    };
    let mut older = Client::connect(address, connect).await;
    let (newer, session_present) = Client::resume(address, connect).await;
    assert!(session_present);
    older.expect_end(ReasonCode::SessionTakenOver).await;
    alive.nothing_else().await;
    newer.disconnect().await;
    alive.nothing_else().await;
}

// ---- Sessions --------------------------------------------------------------------------------

/// A CONNECT whose Session outlives the connection.
fn lasting<'a>(version: Version, client_id: &'a str, expiry: &'a [Property<'a>]) -> Connect<'a> {
    let properties = if version == V5 {
        Properties::new(expiry)
    } else {
        Properties::EMPTY
    };
    Connect {
        clean_start: false,
        properties,
        ..connect(version, client_id)
    }
}

#[tokio::test]
async fn a_session_keeps_subscriptions_and_messages() {
    let address = broker().await;
    let expiry = [Property::SessionExpiryInterval(60)];
    for version in Version::ALL {
        let mut publisher = Client::connect(address, connect(version, "publisher")).await;
        let client = lasting(version, "client", &expiry);
        let (mut first, session_present) = Client::resume(address, client).await;
        assert!(!session_present);
        first
            .subscribe(&[subscription("a", QoS::ExactlyOnce)])
            .await;
        first.disconnect().await;
        for qos in QOS {
            publisher.publish(message("a", "later", qos)).await;
        }
        let (mut second, session_present) = Client::resume(address, client).await;
        assert_eq!(session_present, version != Version::V3_1); // a 3.1 CONNACK has no Session Present
        second.take(message("a", "later", QoS::AtLeastOnce)).await;
        second.take(message("a", "later", QoS::ExactlyOnce)).await;
        second.nothing_else().await;
        second.disconnect().await;

        let clean = connect(version, "client");
        let (mut third, session_present) = Client::resume(address, clean).await;
        assert!(!session_present);
        third
            .publish(message("a", "unheard", QoS::AtMostOnce))
            .await;
        third.disconnect().await;
        let (fourth, session_present) = Client::resume(address, client).await;
        assert!(!session_present);
        drop(fourth);
        Client::connect(address, clean).await.disconnect().await;
    }
}

#[tokio::test]
async fn a_session_ends_after_its_expiry_or_by_disconnect() {
    let address = broker().await;
    let (short, long) = (
        [Property::SessionExpiryInterval(1)],
        [Property::SessionExpiryInterval(60)],
    );
    let client = lasting(V5, "client", &short);
    Client::connect(address, client).await.disconnect().await;
    assert!(Client::resume(address, client).await.1);
    sleep(Duration::from_millis(1300)).await;
    assert!(!Client::resume(address, client).await.1);

    let mut client = Client::connect(address, lasting(V5, "brief", &long)).await;
    let now = [Property::SessionExpiryInterval(0)];
    let normal = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
    client
        .send(Disconnect {
            properties: Properties::new(&now),
            ..normal
        })
        .await;
    client.expect_close().await;
    assert!(!Client::resume(address, lasting(V5, "brief", &long)).await.1);

    // but not the other way round
    let mut client = Client::connect(address, connect(V5, "other")).await;
    client.unruly = true;
    client
        .send(Disconnect {
            properties: Properties::new(&long),
            ..normal
        })
        .await;
    client.expect_end(ReasonCode::ProtocolError).await;
}

#[tokio::test]
async fn unacknowledged_messages_are_resent_in_order_with_dup() {
    let address = broker().await;
    let expiry = [Property::SessionExpiryInterval(60)];
    for version in Version::ALL {
        let mut publisher = Client::connect(address, connect(version, "publisher")).await;
        let client = lasting(version, "client", &expiry);
        let mut first = Client::connect(address, client).await;
        first
            .subscribe(&[subscription("a", QoS::ExactlyOnce)])
            .await;
        let mut ids = Vec::new();
        for (text, qos) in [("1", 1), ("2", 2), ("3", 2), ("4", 1)] {
            publisher.publish(message("a", text, QOS[qos])).await;
            let frame = first.next().await;
            ids.push(first.decode(&frame).packet_id().unwrap());
        }
        first.send(Packet::PubAck(Ack::new(ids[0]))).await;
        first.send(Packet::PubRec(Ack::new(ids[1]))).await;
        first.expect(Packet::PubRel(Ack::new(ids[1]))).await;
        drop(first);

        let mut second = Client::connect(address, client).await;
        second.expect(Packet::PubRel(Ack::new(ids[1]))).await;
        let delivery = Delivery::ExactlyOnce {
            packet_id: ids[2],
            dup: true,
        };
        second
            .expect(Publish {
                delivery,
                ..message("a", "3", QoS::ExactlyOnce)
            })
            .await;
        let delivery = Delivery::AtLeastOnce {
            packet_id: ids[3],
            dup: true,
        };
        second
            .expect(Publish {
                delivery,
                ..message("a", "4", QoS::AtLeastOnce)
            })
            .await;
        second.nothing_else().await;
        second.send(Packet::PubAck(Ack::new(ids[3]))).await;
        second.send(Packet::PubComp(Ack::new(ids[1]))).await;
        second.send(Packet::PubRec(Ack::new(ids[2]))).await;
        second.expect(Packet::PubRel(Ack::new(ids[2]))).await;
        second.send(Packet::PubComp(Ack::new(ids[2]))).await;
        second.disconnect().await;

        let mut third = Client::connect(address, client).await;
        third.nothing_else().await;
        Client::connect(address, connect(version, "client"))
            .await
            .disconnect()
            .await;
    }
}

/// A delivery goes on although the message has expired since it began, and within the new Receive
/// Maximum.
#[tokio::test]
async fn messages_are_resent_after_they_have_expired_and_within_the_receive_maximum() {
    let address = broker().await;
    let long = Property::SessionExpiryInterval(60);
    let one = Property::ReceiveMaximum(NonZeroU16::MIN);
    let (first, second) = ([long], [long, one]);
    let mut client = Client::connect(address, lasting(V5, "client", &first)).await;
    client
        .subscribe(&[subscription("a", QoS::AtLeastOnce)])
        .await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let expiry = [Property::MessageExpiryInterval(1)];
    let mut ids = Vec::new();
    for text in ["1", "2"] {
        let publish = Publish {
            properties: Properties::new(&expiry),
            ..message("a", text, QoS::AtLeastOnce)
        };
        publisher.publish(publish).await;
        let frame = client.next().await;
        ids.push(client.decode(&frame).packet_id().unwrap());
    }
    drop(client);
    sleep(Duration::from_millis(1200)).await;
    let mut client = Client::connect(address, lasting(V5, "client", &second)).await;
    for packet_id in ids {
        let frame = client.next().await;
        let Packet::Publish(publish) = client.decode(&frame) else {
            panic!("{frame:?} is no PUBLISH")
        };
        let dup = true;
        assert_eq!(publish.delivery, Delivery::AtLeastOnce { packet_id, dup });
        assert_eq!(publish.message_expiry_interval(), Some(1));
        client.nothing_else().await;
        client.send(Packet::PubAck(Ack::new(packet_id))).await;
    }
    client.nothing_else().await;
}

#[tokio::test]
async fn a_repeated_qos_2_message_is_delivered_once() {
    let address = broker().await;
    let expiry = [Property::SessionExpiryInterval(60)];
    for version in Version::ALL {
        let mut subscriber = Client::subscribed(address, version, "subscriber", "a").await;
        let client = lasting(version, "publisher", &expiry);
        let mut first = Client::connect(address, client).await;
        first.send(message("a", "once", QoS::ExactlyOnce)).await;
        first.expect(Packet::PubRec(Ack::new(id(7)))).await;
        subscriber
            .take(message("a", "once", QoS::ExactlyOnce))
            .await;
        drop(first);

        let mut second = Client::connect(address, client).await;
        let delivery = Delivery::ExactlyOnce {
            packet_id: id(7),
            dup: true,
        };
        second
            .send(Publish {
                delivery,
                ..message("a", "once", QoS::ExactlyOnce)
            })
            .await;
        second.expect(Packet::PubRec(Ack::new(id(7)))).await;
        second.send(Packet::PubRel(Ack::new(id(7)))).await;
        second.expect(Packet::PubComp(Ack::new(id(7)))).await;
        subscriber.nothing_else().await;
        // after PUBREL the identifier is free for another message
        second
            .publish(message("a", "twice", QoS::ExactlyOnce))
            .await;
        subscriber
            .take(message("a", "twice", QoS::ExactlyOnce))
            .await;
        Client::connect(address, connect(version, "publisher"))
            .await
            .disconnect()
            .await;
    }
}

// ---- limits ----------------------------------------------------------------------------------

#[tokio::test]
async fn a_message_above_the_maximum_packet_size_is_dropped() {
    let address = broker().await;
    let properties = [Property::MaximumPacketSize(NonZeroU32::new(40).unwrap())];
    let small = Connect {
        properties: Properties::new(&properties),
        ..connect(V5, "small")
    };
    let mut small = Client::connect(address, small).await;
    small
        .subscribe(&[subscription("a", QoS::ExactlyOnce)])
        .await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for qos in QOS {
        publisher.publish(message("a", &"x".repeat(60), qos)).await;
        publisher.publish(message("a", "y", qos)).await;
        small.take(message("a", "y", qos)).await;
    }
    small.nothing_else().await;
}

#[tokio::test]
async fn a_client_too_small_for_connack_is_closed_without_an_answer() {
    let address = broker().await;
    let properties = [Property::MaximumPacketSize(NonZeroU32::new(10).unwrap())];
    let mut tiny = Client::dial(address, V5).await;
    tiny.send(Connect {
        properties: Properties::new(&properties),
        ..connect(V5, "tiny")
    })
    .await;
    tiny.expect_close().await;
}

#[tokio::test]
async fn the_broker_keeps_within_the_receive_maximum() {
    let address = broker().await;
    let properties = [Property::ReceiveMaximum(NonZeroU16::new(2).unwrap())];
    let slow = Connect {
        properties: Properties::new(&properties),
        ..connect(V5, "slow")
    };
    let mut slow = Client::connect(address, slow).await;
    slow.subscribe(&[subscription("a", QoS::AtLeastOnce)]).await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for text in ["1", "2", "3", "4"] {
        publisher
            .publish(message("a", text, QoS::AtLeastOnce))
            .await;
    }
    let mut open = VecDeque::from([slow.next().await, slow.next().await]);
    slow.nothing_else().await;
    for payload in ["3", "4"] {
        let packet_id = open
            .pop_front()
            .and_then(|frame| slow.decode(&frame).packet_id());
        slow.send(Packet::PubAck(Ack::new(packet_id.unwrap())))
            .await;
        let frame = slow.next().await;
        assert!(
            matches!(slow.decode(&frame), Packet::Publish(it) if it.payload == payload.as_bytes())
        );
        open.push_back(frame);
    }
    slow.nothing_else().await;
}

#[tokio::test]
async fn a_client_that_exceeds_the_receive_maximum_is_closed() {
    let address = broker().await;
    let mut client = Client::connect(address, connect(V5, "client")).await;
    client.unruly = true;
    for number in 1..=101 {
        let delivery = Delivery::ExactlyOnce {
            packet_id: id(number),
            dup: false,
        };
        client
            .send(Publish {
                delivery,
                ..message("a", "x", QoS::ExactlyOnce)
            })
            .await;
        if number <= 100 {
            let frame = client.next().await;
            assert!(matches!(client.decode(&frame), Packet::PubRec(_)));
        }
    }
    client.expect_end(ReasonCode::ReceiveMaximumExceeded).await;
}

#[tokio::test]
async fn a_burst_of_messages_arrives_complete_and_in_order() {
    let address = broker().await;
    let mut subscriber = Client::subscribed(address, V5, "subscriber", "a").await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for number in 0..3000 {
        let text = number.to_string();
        let publish = message("a", &text, QoS::AtMostOnce);
        publisher.packets.feed(publish.into()).await.unwrap();
    }
    publisher.nothing_else().await;
    for number in 0..3000 {
        subscriber
            .take(message("a", &number.to_string(), QoS::AtMostOnce))
            .await;
    }
    subscriber.nothing_else().await;
}

#[tokio::test]
async fn messages_wait_for_a_client_that_does_not_acknowledge() {
    let address = broker().await;
    let mut slow = Client::subscribed(address, V5, "slow", "a").await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for number in 0..500 {
        publisher
            .publish(message("a", &number.to_string(), QoS::AtLeastOnce))
            .await;
    }
    for number in 0..500 {
        slow.take(message("a", &number.to_string(), QoS::AtLeastOnce))
            .await;
    }
    slow.nothing_else().await;
}

// ---- errors ------------------------------------------------------------------------------------

#[tokio::test]
async fn an_invalid_packet_ends_the_connection_with_a_reason_and_the_will() {
    let address = broker().await;
    for version in Version::ALL {
        let mut alive = Client::subscribed(address, version, "alive", "test").await;
        let connect = Connect {
            will: Some(will("test", "die")),
            ..connect(version, "wrong")
        };
        let mut client = Client::connect(address, connect).await;
        client
            .packets
            .get_mut()
            .write_all(b"\x36\x00")
            .await
            .unwrap(); // QoS 3
        client.expect_end(ReasonCode::MalformedPacket).await;
        alive.take(message("test", "die", QoS::AtLeastOnce)).await;

        let mut client = Client::connect(address, connect).await;
        client.unruly = true;
        client.send(connect).await;
        client.expect_end(ReasonCode::ProtocolError).await;
        alive.take(message("test", "die", QoS::AtLeastOnce)).await;
    }
}

#[tokio::test]
async fn extended_authentication_is_refused() {
    let address = broker().await;
    let mut client = Client::dial(address, V5).await;
    let method = [Property::AuthenticationMethod(
        Utf8Str::new("SCRAM-SHA-1").unwrap(),
    )];
    client
        .send(Connect {
            properties: Properties::new(&method),
            ..connect(V5, "client")
        })
        .await;
    client
        .expect(Packet::ConnAck(ConnAck::new(
            ReasonCode::BadAuthenticationMethod,
        )))
        .await;
    client.expect_close().await;
}

#[tokio::test]
async fn a_rejected_connect_gets_an_answer_where_one_exists() {
    let address = broker().await;
    for (bytes, version, code) in [
        // Protocol Levels 6 and 2
        (
            &b"\x10\x0e\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x01p"[..],
            V5,
            Some(ReasonCode::UnsupportedProtocolVersion),
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x02\x02\x00\x00\x00\x01p",
            Version::V3_1_1,
            Some(ReasonCode::UnsupportedProtocolVersion),
        ),
        // an empty client identifier without Clean Session
        (
            b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00",
            Version::V3_1_1,
            Some(ReasonCode::ClientIdentifierNotValid),
        ),
        // the reserved Connect Flag
        (
            b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01p",
            V5,
            Some(ReasonCode::MalformedPacket),
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01p",
            Version::V3_1_1,
            None,
        ),
        // no CONNECT
        (b"\xc0\x00", V5, None),
        (b"GET / HTTP/1.1\r\n\r\n", V5, None),
    ] {
        let mut client = Client::dial(address, version).await;
        client.packets.get_mut().write_all(bytes).await.unwrap();
        if let Some(code) = code {
            let frame = timeout(PATIENCE, client.packets.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!(client.decode(&frame), Packet::ConnAck(ConnAck::new(code)));
        }
        client.expect_close().await;
    }
}

#[tokio::test]
async fn a_client_without_an_identifier_gets_one() {
    let address = broker().await;
    for version in [Version::V3_1_1, V5] {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let mut client = Client::dial(address, version).await;
            client.send(connect(version, "")).await;
            let frame = client.next().await;
            let Packet::ConnAck(connack) = client.decode(&frame) else {
                panic!("{frame:?} is no CONNACK")
            };
            ids.extend(
                connack
                    .assigned_client_identifier()
                    .map(|id| id.to_string()),
            );
        }
        assert_eq!(ids.len(), if version == V5 { 2 } else { 0 });
        // 16 random bytes: nobody can guess one from another
        assert!(ids.iter().all(|id| id.len() == 32));
        let mut beginnings: Vec<_> = ids.iter().map(|id| &id[..8]).collect();
        beginnings.dedup();
        assert_eq!(beginnings.len(), ids.len());
    }
}

/// Valid and invalid packets, each on a new connection.
#[tokio::test]
async fn every_vector_is_answered_or_ends_its_connection() {
    let address = broker().await;
    let (mut answered, mut ended) = (0, 0);
    for verdict in ["valid", "invalid"] {
        for vector in vectors::of_clients(verdict) {
            let version = vector.dialect.version();
            let is_connect = vector.name.starts_with("connect/");
            let mut client = if is_connect {
                Client::dial(address, version).await
            } else {
                Client::connect(address, connect(version, "vector")).await
            };
            let socket = client.packets.get_mut();
            socket.write_all(&vector.bytes).await.unwrap();
            let _ = socket.write_all(b"\xc0\x00").await; // the broker may have left
            let _ = socket.shutdown().await;
            let mut last = None;
            while let Some(Ok(frame)) = timeout(PATIENCE, client.packets.next()).await.unwrap() {
                // a version that nobody knows is answered in one that somebody may
                if !is_connect {
                    client.decode(&frame);
                }
                last = Some(frame.packet_type());
            }
            if last == Some(PacketType::PingResp) {
                assert_eq!(verdict, "valid", "{}", vector.name);
                answered += 1;
            } else {
                ended += 1;
            }
        }
    }
    // a valid DISCONNECT ends its connection too, and an unknown Topic Alias, and AUTH
    assert!(answered > 150 && ended > 250, "{answered} and {ended}");
    Client::connect(address, connect(V5, "client"))
        .await
        .nothing_else()
        .await;
}
