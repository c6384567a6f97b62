//! Limits: nothing grows without a bound, and nothing is cut without a word.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use mqtt_wire::{
    Ack, ConnAck, Connect, List, Packet, Properties, Property, QoS, ReasonCode, SubAck, Subscribe,
    Version,
};
use mqtt_wire_broker::Settings;
use mqtt_wire_broker::transport::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::client::{
    Client, PATIENCE, V5, broker, broker_with, connect, id, message, retained, subscription, will,
};

/// The time after which a socket that takes no bytes counts as full.
const SILENCE: Duration = Duration::from_secs(1);

async fn limited(settings: Settings) -> SocketAddr {
    broker_with(settings, Transport::default()).await
}

/// A connection that the peer can fill quickly.
async fn narrow(address: SocketAddr, version: Version) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    Client::over(socket.connect(address).await.unwrap(), version)
}

fn refused(code: ReasonCode) -> Ack<'static> {
    Ack {
        reason_code: code,
        ..Ack::new(id(7))
    }
}

#[tokio::test]
async fn a_payload_of_1_mib_passes_and_a_packet_above_the_limit_does_not() {
    let address = broker().await;
    for version in Version::ALL {
        let mut client = Client::subscribed(address, version, "client", "a").await;
        let large = "x".repeat(1 << 20);
        let mut publisher = Client::connect(address, connect(version, "publisher")).await;
        publisher
            .publish(message("a", &large, QoS::AtLeastOnce))
            .await;
        client.take(message("a", &large, QoS::AtLeastOnce)).await;

        // the codec of the client would refuse to send it
        let too_large = b"\x30\x80\x80\x44";
        client.packets.get_mut().write_all(too_large).await.unwrap();
        client.expect_end(ReasonCode::PacketTooLarge).await;
    }
}

#[tokio::test]
async fn all_retained_messages_reach_a_new_subscriber() {
    let settings = Settings {
        max_queued_bytes: 10_000, // much less than they need
        ..Settings::default()
    };
    let address = limited(settings).await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    let topics: Vec<String> = (0..1500).map(|number| format!("a/{number:04}")).collect();
    for topic in &topics {
        publisher.send(retained(topic, "x", QoS::AtMostOnce)).await;
    }
    publisher.nothing_else().await;
    let mut late = Client::subscribed(address, V5, "late", "a/+").await;
    for topic in &topics {
        late.take(retained(topic, "x", QoS::AtMostOnce)).await;
    }
    late.nothing_else().await;
}

#[tokio::test]
async fn a_message_above_the_limit_of_retained_messages_is_refused_where_an_answer_exists() {
    for settings in [
        Settings {
            max_retained: 1,
            ..Settings::default()
        },
        Settings {
            max_retained_bytes: 400,
            ..Settings::default()
        },
    ] {
        let address = limited(settings).await;
        let mut subscriber = Client::subscribed(address, V5, "subscriber", "#").await;
        let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
        publisher
            .publish(retained("a", "1", QoS::AtLeastOnce))
            .await;
        subscriber.take(message("a", "1", QoS::AtLeastOnce)).await;

        publisher.send(retained("b", "2", QoS::AtLeastOnce)).await;
        let quota = refused(ReasonCode::QuotaExceeded);
        publisher.expect(Packet::PubAck(quota)).await;
        publisher.send(retained("b", "2", QoS::ExactlyOnce)).await;
        publisher.expect(Packet::PubRec(quota)).await;
        subscriber.nothing_else().await;

        // here nobody can tell the publisher, so the message is only not retained
        publisher.publish(retained("b", "3", QoS::AtMostOnce)).await;
        subscriber.take(message("b", "3", QoS::AtMostOnce)).await;
        let mut old = Client::connect(address, connect(Version::V3_1_1, "old")).await;
        old.publish(retained("b", "4", QoS::AtLeastOnce)).await;
        subscriber.take(message("b", "4", QoS::AtLeastOnce)).await;

        // the one that is retained may change
        publisher
            .publish(retained("a", "5", QoS::ExactlyOnce))
            .await;
        let mut late = Client::subscribed(address, V5, "late", "#").await;
        late.take(retained("a", "5", QoS::ExactlyOnce)).await;
        late.nothing_else().await;
    }
}

#[tokio::test]
async fn messages_above_the_limit_of_a_queue_are_dropped() {
    let settings = Settings {
        max_queued_bytes: 3000,
        ..Settings::default()
    };
    let address = limited(settings).await;
    let expiry = [Property::SessionExpiryInterval(60)];
    let away = Connect {
        clean_start: false,
        properties: Properties::new(&expiry),
        ..connect(V5, "away")
    };
    let mut client = Client::connect(address, away).await;
    client
        .subscribe(&[subscription("a", QoS::AtLeastOnce)])
        .await;
    client.disconnect().await;
    let mut publisher = Client::connect(address, connect(V5, "publisher")).await;
    for number in 0..100 {
        publisher
            .publish(message("a", &number.to_string(), QoS::AtLeastOnce))
            .await;
    }
    let (mut client, session_present) = Client::resume(address, away).await;
    assert!(session_present);
    // a message needs some 260 bytes
    for number in 0..12 {
        client
            .take(message("a", &number.to_string(), QoS::AtLeastOnce))
            .await;
    }
    client.nothing_else().await;
    publisher
        .publish(message("a", "later", QoS::AtLeastOnce))
        .await;
    client.take(message("a", "later", QoS::AtLeastOnce)).await;
}

#[tokio::test]
async fn subscriptions_above_a_limit_are_refused() {
    let settings = Settings {
        max_subscriptions: 2,
        max_filter_levels: 3,
        ..Settings::default()
    };
    let address = limited(settings).await;
    for version in [Version::V3_1_1, V5] {
        let quota = match version {
            V5 => ReasonCode::QuotaExceeded,
            _ => ReasonCode::UnspecifiedError,
        };
        let ok = ReasonCode::GRANTED_QOS_0;
        let mut client = Client::connect(address, connect(version, "client")).await;
        let filters = ["a/b/c/d", "$share/g/a/b/c", "a", "b", "a"];
        let subscriptions = filters.map(|filter| subscription(filter, QoS::AtMostOnce));
        client
            .send(Subscribe::new(id(1), List::new(&subscriptions)))
            .await;
        let codes = [quota, ok, ok, quota, ok];
        client
            .expect(Packet::SubAck(SubAck::new(id(1), List::new(&codes))))
            .await;
    }
}

#[tokio::test]
async fn clients_above_the_limit_of_connections_are_refused_with_an_answer() {
    let settings = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let address = limited(settings).await;
    let only = Client::connect(address, connect(V5, "only")).await;
    for version in Version::ALL {
        let code = match version {
            V5 => ReasonCode::ServerBusy,
            _ => ReasonCode::ServerUnavailable,
        };
        let mut client = Client::dial(address, version).await;
        client.send(connect(version, "another")).await;
        client.expect(Packet::ConnAck(ConnAck::new(code))).await;
        client.expect_close().await;
    }
    only.disconnect().await;
    connects_soon(address, V5, "another").await;
}

/// A place is free again a moment after a client has left.
async fn connects_soon(address: SocketAddr, version: Version, client_id: &str) {
    let connected = async {
        loop {
            let mut client = Client::dial(address, version).await;
            client.send(connect(version, client_id)).await;
            let frame = client.next().await;
            if client.decode(&frame) == Packet::ConnAck(ConnAck::new(ReasonCode::ServerBusy)) {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            return;
        }
    };
    timeout(PATIENCE, connected).await.expect("never accepted");
}

#[tokio::test]
async fn clients_above_the_limit_of_sessions_are_refused() {
    let settings = Settings {
        max_sessions: 1,
        ..Settings::default()
    };
    let address = limited(settings).await;
    let expiry = [Property::SessionExpiryInterval(60)];
    let kept = Connect {
        properties: Properties::new(&expiry),
        ..connect(V5, "kept")
    };
    Client::connect(address, kept).await.disconnect().await;
    for (version, code) in [
        (V5, ReasonCode::QuotaExceeded),
        (Version::V3_1_1, ReasonCode::ServerUnavailable),
    ] {
        let mut client = Client::dial(address, version).await;
        client.send(connect(version, "another")).await;
        client.expect(Packet::ConnAck(ConnAck::new(code))).await;
        client.expect_close().await;
    }
    Client::connect(address, kept).await;
}

#[tokio::test]
async fn a_connect_has_to_arrive_in_time() {
    let settings = Settings {
        max_connections: 1,
        connect_timeout: Duration::from_millis(500),
        ..Settings::default()
    };
    let address = limited(settings).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"\x10").await.unwrap();
    connects_soon(address, V5, "client").await;
    let end = timeout(PATIENCE, silent.read_u8())
        .await
        .expect("still open");
    assert!(end.is_err());
}

#[tokio::test]
async fn a_client_that_stays_after_its_end_does_not_keep_its_place() {
    let settings = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let address = limited(settings).await;
    let mut stays = Client::connect(address, connect(V5, "stays")).await;
    stays
        .packets
        .get_mut()
        .write_all(b"\x36\x00")
        .await
        .unwrap(); // QoS 3
    stays.expect_end(ReasonCode::MalformedPacket).await;
    connects_soon(address, V5, "client").await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_still_heard() {
    let address = broker().await;
    let mut slow = narrow(address, V5).await;
    slow.send(connect(V5, "slow")).await;
    slow.next().await;
    slow.subscribe(&[subscription("flood", QoS::AtMostOnce)])
        .await;
    let mut other = Client::subscribed(address, V5, "other", "from-slow").await;
    let large = "x".repeat(1 << 20);
    for _ in 0..12 {
        other.send(message("flood", &large, QoS::AtMostOnce)).await;
    }
    other.nothing_else().await;
    // now the broker waits for it to read
    for text in ["1", "2", "3"] {
        let message = message("from-slow", text, QoS::AtMostOnce);
        slow.send(message).await;
        other.take(message).await;
    }
}

#[tokio::test]
async fn answers_that_nobody_reads_stop_the_broker_from_reading() {
    let settings = Settings {
        max_queued_bytes: 10_000,
        ..Settings::default()
    };
    let address = limited(settings).await;
    let mut deaf = narrow(address, V5).await;
    deaf.send(connect(V5, "deaf")).await;
    deaf.next().await;
    let pings = [0xc0, 0].repeat(32 << 10);
    let mut sent = 0;
    while let Ok(written) = timeout(SILENCE, deaf.packets.get_mut().write_all(&pings)).await {
        written.unwrap();
        sent += pings.len();
        // more than the buffers of the system hold
        assert!(sent < 40 << 20, "the broker still reads");
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_its_will_published() {
    let settings = Settings {
        write_timeout: Duration::from_millis(500),
        max_queued_bytes: 10_000,
        ..Settings::default()
    };
    let address = limited(settings).await;
    let mut alive = Client::subscribed(address, V5, "alive", "test").await;
    let mut deaf = narrow(address, V5).await;
    deaf.send(Connect {
        will: Some(will("test", "die")),
        ..connect(V5, "deaf")
    })
    .await;
    deaf.next().await;
    // answers that it does not read, until the broker stops reading and closes the connection
    let pings = [0xc0, 0].repeat(32 << 10);
    let flood = async { while deaf.packets.get_mut().write_all(&pings).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("still open");
    alive.take(message("test", "die", QoS::AtLeastOnce)).await;
    let _ = deaf.packets.close().await;
}
