//! rumqttc. It has no 3.1.
//!
//! ```sh
//! cargo build --manifest-path ci/Cargo.toml --no-default-features --features rumqttc --bin mqttspec-rumqttc
//! mqttspec client --exec ci/target/debug/mqttspec-rumqttc
//! ```

use std::process::ExitCode;
use std::time::Duration;

/// rumqttc has two sets of types with small differences.
mod v4 {
    pub use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};

    pub fn will(topic: &str, message: &str, qos: QoS, retain: bool) -> LastWill {
        LastWill::new(topic, message, qos, retain)
    }

    pub fn prepare(options: &mut MqttOptions, scenario: &str) {
        options.set_clean_session(!scenario.starts_with("reconnect"));
    }
}

mod v5 {
    pub use rumqttc::v5::mqttbytes::QoS;
    pub use rumqttc::v5::mqttbytes::v5::{ConnectProperties, LastWill, Packet};
    pub use rumqttc::v5::{AsyncClient, Event, MqttOptions};

    pub fn will(topic: &str, message: &str, qos: QoS, retain: bool) -> LastWill {
        LastWill::new(topic, message, qos, retain, None)
    }

    pub fn prepare(options: &mut MqttOptions, scenario: &str) {
        let mut properties = ConnectProperties::new();
        if scenario.starts_with("reconnect") {
            options.set_clean_start(false);
            properties.session_expiry_interval = Some(3600);
        }
        if scenario == "limits" {
            properties.max_packet_size = Some(30);
            properties.receive_maximum = Some(1);
            properties.topic_alias_max = Some(1);
            properties.request_problem_info = Some(0);
        }
        options.set_connect_properties(properties);
    }
}

macro_rules! play {
    ($mqtt:ident, $host:ident, $port:ident, $scenario:ident) => {{
        use $mqtt::QoS;
        let (qos, messages) = match $scenario {
            "publish-qos0" | "will" => (QoS::AtMostOnce, 1),
            "publish-qos1" | "reconnect-qos1" => (QoS::AtLeastOnce, 2),
            "publish-qos2" | "reconnect-qos2" => (QoS::ExactlyOnce, 2),
            "publish-burst" | "reconnect-burst" => (QoS::AtLeastOnce, 5),
            "unsubscribe" => (QoS::AtLeastOnce, 1),
            "subscribe" | "ping" | "limits" | "reconnect-subscribe" => (QoS::AtMostOnce, 0),
            _ => return ExitCode::from(127),
        };
        let is_burst = $scenario.ends_with("-burst");
        let keeps = $scenario.starts_with("reconnect");
        let mut options = $mqtt::MqttOptions::new("mqttspec", $host, $port);
        options.set_keep_alive(Duration::from_secs(if $scenario == "ping" {
            5
        } else {
            60
        }));
        $mqtt::prepare(&mut options, $scenario);
        if $scenario == "will" {
            options.set_last_will($mqtt::will("mqttspec/will", "gone", QoS::AtLeastOnce, true));
        }
        let (client, mut events) = $mqtt::AsyncClient::new(options, 10);
        let publish = async |number: usize| {
            let payload = if is_burst {
                "x".repeat(500)
            } else {
                number.to_string()
            };
            client.publish("mqttspec/out", qos, is_burst, payload).await
        };
        let (mut sent, mut acknowledged) = (0, 0);
        let (mut is_connected, mut is_ending) = (false, false);
        loop {
            let event = match events.poll().await {
                Ok(event) => event,
                Err(_) if keeps => continue,
                Err(error) => {
                    eprintln!("{error}");
                    return ExitCode::from(3);
                }
            };
            let (mut publishes, mut ends) = (false, false);
            match event {
                $mqtt::Event::Incoming($mqtt::Packet::ConnAck(_)) if !is_connected => {
                    is_connected = true;
                    if messages == 0 || $scenario == "unsubscribe" {
                        client.subscribe("#", QoS::ExactlyOnce).await.unwrap();
                    } else {
                        publishes = true;
                    }
                }
                $mqtt::Event::Incoming($mqtt::Packet::SubAck(_)) if $scenario == "unsubscribe" => {
                    client.unsubscribe("#").await.unwrap();
                }
                $mqtt::Event::Incoming($mqtt::Packet::UnsubAck(_)) => publishes = true,
                $mqtt::Event::Incoming($mqtt::Packet::PubAck(_) | $mqtt::Packet::PubComp(_)) => {
                    acknowledged += 1;
                    publishes = acknowledged == sent;
                }
                $mqtt::Event::Outgoing(rumqttc::Outgoing::Publish(_)) if qos == QoS::AtMostOnce => {
                    acknowledged += 1;
                    publishes = true;
                }
                // the library leaves it to the program to drop the connection
                $mqtt::Event::Outgoing(rumqttc::Outgoing::Disconnect) => return ExitCode::SUCCESS,
                $mqtt::Event::Incoming($mqtt::Packet::Publish(message)) => {
                    println!("{}", String::from_utf8_lossy(&message.payload));
                    ends = message.payload == "end";
                }
                _ => {}
            }
            if publishes && sent < messages {
                for _ in 0..if is_burst { messages } else { 1 } {
                    sent += 1;
                    publish(sent).await.unwrap();
                }
            } else if !is_ending && (ends || publishes && acknowledged == messages) {
                is_ending = true;
                client.disconnect().await.unwrap();
            }
        }
    }};
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).map(|it| &*it.leak()).collect();
    let &[host, port, version, scenario] = &args[..] else {
        return ExitCode::from(2);
    };
    let port = port.parse().unwrap();
    match version {
        "3.1.1" => play!(v4, host, port, scenario),
        "5.0" => play!(v5, host, port, scenario),
        _ => ExitCode::from(127),
    }
}
