//! The codecs compared. To add one, add a file here with a type for each protocol version that
//! implements [`Peer`], and a line for each in [`all`].

pub mod floor;
mod mqtt5_protocol;
mod mqtt_codec_kit;
mod mqtt_proto;
mod mqtt_protocol_core;
mod mqtt_wire;
mod mqttbytes;
mod mqttrs;
mod mqute_codec;
mod ntex_mqtt;
mod rmqtt_codec;
mod rumqttc;

use crate::measure::{self, Codec};
use crate::peer::Peer;
use crate::workload::Version;

pub fn all() -> Vec<Codec> {
    vec![
        codec::<floor::Floor<4, false>>(),
        codec::<floor::Floor<5, false>>(),
        codec::<floor::Floor<4, true>>(),
        codec::<floor::Floor<5, true>>(),
        codec::<mqtt_wire::Borrowed<4>>(),
        codec::<mqtt_wire::Borrowed<5>>(),
        codec::<mqtt_wire::ByValue<4>>(),
        codec::<mqtt_wire::ByValue<5>>(),
        codec::<mqtt_wire::Frames<4>>(),
        codec::<mqtt_wire::Frames<5>>(),
        codec::<mqtt_wire::Built<4>>(),
        codec::<mqtt_wire::Built<5>>(),
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
        codec::<ntex_mqtt::V4>(),
        codec::<ntex_mqtt::V5>(),
        codec::<rmqtt_codec::V4>(),
        codec::<rmqtt_codec::V5>(),
        codec::<mqute_codec::V4>(),
        codec::<mqute_codec::V5>(),
        codec::<mqtt5_protocol::Level<4>>(),
        codec::<mqtt5_protocol::Level<5>>(),
    ]
}

/// The bytes that a codec encodes are checked by reading them with `mqtt-proto`.
fn codec<P: Peer>() -> Codec {
    Codec::new::<P>(match P::VERSION {
        Version::V4 => measure::reads_right::<mqtt_proto::V4>,
        Version::V5 => measure::reads_right::<mqtt_proto::V5>,
    })
}
