//! A client on rumqttc with the command line of `examples/client.rs`.

use std::error::Error;
use std::time::Duration;

/// rumqttc has two sets of types with small differences.
mod v4 {
    pub use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, Publish, QoS};

    pub fn qos(number: u8) -> Option<QoS> {
        rumqttc::qos(number).ok()
    }

    pub fn will(topic: &str, message: &str, qos: QoS, retain: bool) -> LastWill {
        LastWill::new(topic, message, qos, retain)
    }

    pub fn topic(publish: &Publish) -> &[u8] {
        publish.topic.as_bytes()
    }
}

mod v5 {
    pub use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, Publish};
    pub use rumqttc::v5::mqttbytes::{QoS, qos};
    pub use rumqttc::v5::{AsyncClient, Event, MqttOptions};

    pub fn will(topic: &str, message: &str, qos: QoS, retain: bool) -> LastWill {
        LastWill::new(topic, message, qos, retain, None)
    }

    pub fn topic(publish: &Publish) -> &[u8] {
        &publish.topic
    }
}

macro_rules! run {
    ($mqtt:ident, $options:ident) => {{
        let Options {
            host,
            port,
            client_id,
            retain,
            ..
        } = &$options;
        let qos = $mqtt::qos($options.qos).ok_or("QoS is 0, 1 or 2")?;
        let mut settings = $mqtt::MqttOptions::new(client_id, host, *port);
        settings.set_keep_alive(Duration::from_secs(30));
        if let Some((topic, message)) = &$options.will {
            settings.set_last_will($mqtt::will(topic, message, qos, *retain));
        }
        let (client, mut events) = $mqtt::AsyncClient::new(settings, 100);
        for (topic, message) in &$options.publish {
            client.publish(topic, qos, *retain, message.clone()).await?;
        }
        for filter in &$options.subscribe {
            client.subscribe(filter, qos).await?;
        }
        let mut leaving = false;
        loop {
            tokio::select! {
                event = events.poll() => match event {
                    Ok($mqtt::Event::Incoming($mqtt::Packet::SubAck(_))) => println!("subscribed"),
                    Ok($mqtt::Event::Incoming($mqtt::Packet::Publish(publish))) => {
                        show($mqtt::topic(&publish), &publish.payload);
                    }
                    Ok(_) => {}
                    Err(_) if leaving => return Ok(()),
                    Err(error) => return Err(error.into()),
                },
                _ = tokio::signal::ctrl_c() => {
                    leaving = true;
                    client.disconnect().await?;
                }
            }
        }
    }};
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    match options.version.as_str() {
        "3.1.1" => run!(v4, options),
        "5.0" => run!(v5, options),
        version => Err(format!("rumqttc has no MQTT {version}").into()),
    }
}

fn show(topic: &[u8], payload: &[u8]) {
    println!(
        "{} {}",
        String::from_utf8_lossy(topic),
        String::from_utf8_lossy(payload)
    );
}

#[derive(Default)]
struct Options {
    host: String,
    port: u16,
    client_id: String,
    version: String,
    qos: u8,
    retain: bool,
    will: Option<(String, String)>,
    publish: Vec<(String, String)>,
    subscribe: Vec<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self::default();
        let address = args.next().ok_or("the first argument is HOST:PORT")?;
        let (host, port) = address
            .split_once(':')
            .ok_or("the first argument is HOST:PORT")?;
        (options.host, options.port) = (host.to_owned(), port.parse()?);
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or(format!("{option}: a value is missing"));
            match option.as_str() {
                "--id" => options.client_id = value()?,
                "--version" => options.version = value()?,
                "--qos" => options.qos = value()?.parse()?,
                "--retain" => options.retain = true,
                "--will" => options.will = Some((value()?, value()?)),
                "--pub" => options.publish.push((value()?, value()?)),
                "--sub" => options.subscribe.push(value()?),
                _ => return Err(format!("{option}: there is no such option").into()),
            }
        }
        Ok(options)
    }
}
