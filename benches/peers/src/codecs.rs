//! The codecs compared. To add one, add a file here with a type for each protocol version that
//! implements [`Peer`], and a line for each in [`all`]. To add a row to the fan-out, implement
//! [`FanOut`].

pub mod floor;
mod mqtt5_protocol;
mod mqtt_codec_kit;
mod mqtt_format;
mod mqtt_proto;
mod mqtt_protocol_core;
pub mod mqtt_wire;
mod mqttbytes;
mod mqttrs;
mod mqute_codec;
mod ntex_mqtt;
// tests are built with all features, and should not need the library
#[cfg(all(feature = "paho", not(test)))]
mod paho;
mod rmqtt_codec;
mod rumqttc;
mod rusty_rtos_mqtt;

use crate::measure::Codec;
use crate::peer::{FanOut, Peer};
use crate::workload::Version;

/// Each codec once for each of its versions, then each way to fan out.
pub fn all() -> Vec<Codec> {
    vec![
        codec::<floor::Floor<4, false>>(),
        codec::<floor::Floor<5, false>>(),
        codec::<floor::Floor<4, true>>(),
        codec::<floor::Floor<5, true>>(),
        codec::<mqtt_wire::Slice<4>>(),
        codec::<mqtt_wire::Slice<5>>(),
        codec::<mqtt_wire::Lent<4>>(),
        codec::<mqtt_wire::Lent<5>>(),
        codec::<mqtt_wire::Frames<4>>(),
        codec::<mqtt_wire::Frames<5>>(),
        codec::<mqtt_wire::Owned<4>>(),
        codec::<mqtt_wire::Owned<5>>(),
        codec::<mqtt_wire::Tokio<4>>(),
        codec::<mqtt_wire::Tokio<5>>(),
        codec::<mqtt_wire::PassedOn<4>>(),
        codec::<mqtt_wire::PassedOn<5>>(),
        codec::<mqtt_wire::Built<4>>(),
        codec::<mqtt_wire::Built<5>>(),
        codec::<mqtt_wire::SharedPayload<4>>(),
        codec::<mqtt_wire::SharedPayload<5>>(),
        codec::<mqttrs::V4>(),
        codec::<rumqttc::V4>(),
        codec::<rumqttc::V5>(),
        codec::<mqttbytes::V4>(),
        codec::<mqttbytes::V5>(),
        codec::<mqtt_proto::V4>(),
        codec::<mqtt_proto::V5>(),
        codec::<mqtt_codec_kit::V4>(),
        codec::<mqtt_codec_kit::V5>(),
        codec::<mqtt_protocol_core::V4>(),
        codec::<mqtt_protocol_core::V5>(),
        codec::<mqtt_protocol_core::Shared<mqtt_protocol_core::V4>>(),
        codec::<mqtt_protocol_core::Shared<mqtt_protocol_core::V5>>(),
        codec::<ntex_mqtt::V4>(),
        codec::<ntex_mqtt::V5>(),
        codec::<rmqtt_codec::V4>(),
        codec::<rmqtt_codec::V5>(),
        codec::<mqute_codec::V4>(),
        codec::<mqute_codec::V5>(),
        codec::<mqtt_format::V4>(),
        codec::<rusty_rtos_mqtt::V5>(),
        codec::<mqtt5_protocol::Level<4>>(),
        codec::<mqtt5_protocol::Level<5>>(),
        #[cfg(all(feature = "paho", not(test)))]
        codec::<paho::Paho<4>>(),
        #[cfg(all(feature = "paho", not(test)))]
        codec::<paho::Paho<5>>(),
        fan_out::<mqtt_wire::EncodeEach<4>>(),
        fan_out::<mqtt_wire::EncodeEach<5>>(),
        fan_out::<mqtt_wire::Shared<4>>(),
        fan_out::<mqtt_wire::Shared<5>>(),
        fan_out::<mqtt_wire::Copied<4>>(),
        fan_out::<mqtt_wire::Copied<5>>(),
        fan_out::<rumqttc::V4>(),
        fan_out::<rumqttc::V5>(),
        fan_out::<mqttbytes::V4>(),
        fan_out::<mqttbytes::V5>(),
        fan_out::<ntex_mqtt::V4>(),
        fan_out::<ntex_mqtt::V5>(),
        fan_out::<rmqtt_codec::V4>(),
        fan_out::<rmqtt_codec::V5>(),
    ]
}

/// The bytes that a codec encodes are checked by reading them with `mqtt-proto`.
fn codec<P: Peer>() -> Codec {
    match P::VERSION {
        Version::V4 => Codec::new::<P, mqtt_proto::V4>(),
        Version::V5 => Codec::new::<P, mqtt_proto::V5>(),
    }
}

fn fan_out<F: FanOut>() -> Codec {
    match F::VERSION {
        Version::V4 => Codec::fan_out::<F, mqtt_proto::V4>(),
        Version::V5 => Codec::fan_out::<F, mqtt_proto::V5>(),
    }
}
