//! A packet in one line.

use std::fmt::Write;

use mqtt_wire::{
    Connect, Delivery, Packet, Properties, Property, PropertyId, ReasonCode, SubAck, Version, Will,
};

use super::view::View;
use crate::names;
use crate::text::{count, is_printable, quote};

/// The usual limit on the length of a text.
pub const TEXT_LENGTH: usize = 32;

/// The most important fields of a packet, in one line.
pub fn summary(packet: &Packet<'_>, version: Version, view: View) -> String {
    let limit = view.limit(TEXT_LENGTH);
    let text = |bytes: &[u8]| quote(bytes, limit);
    let name = packet.packet_type();
    match packet {
        Packet::Connect(connect) => connect_summary(connect, limit),
        Packet::ConnAck(connack) => {
            let session = if_set(connack.session_present, ", session present");
            let code = names::code(connack.reason_code, version);
            format!("{name} {code}{session}{}", properties(&connack.properties))
        }
        Packet::Publish(publish) => {
            let topic = match (publish.topic_name, publish.topic_alias()) {
                (Some(topic), _) => text(topic.as_bytes()),
                (None, Some(alias)) => format!("alias {alias}"),
                (None, None) => String::from("without topic"),
            };
            let delivery = match publish.delivery {
                Delivery::AtMostOnce => String::from("QoS 0"),
                Delivery::AtLeastOnce { packet_id, dup } => {
                    format!("QoS 1 id {packet_id}{}", if_set(dup, " dup"))
                }
                Delivery::ExactlyOnce { packet_id, dup } => {
                    format!("QoS 2 id {packet_id}{}", if_set(dup, " dup"))
                }
            };
            let retain = if_set(publish.retain, " retain");
            let payload = match publish.payload {
                [] => String::from("empty"),
                payload if is_printable(payload) => text(payload),
                payload => count(payload.len(), "byte"),
            };
            let properties = properties(&publish.properties);
            let mut summary = String::with_capacity(128); // a line of most packets
            // a `String` takes everything
            let _ = write!(
                summary,
                "{name} {topic} {delivery}{retain}, {payload}{properties}"
            );
            summary
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            let code = match ack.reason_code {
                ReasonCode::Success => String::new(),
                failed => format!(" {}", names::code(failed, version)),
            };
            let properties = properties(&ack.properties);
            format!("{name} id {}{code}{properties}", ack.packet_id.get())
        }
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.subscriptions.iter().map(|subscription| {
                let options = subscription.options;
                let filter = text(subscription.filter.as_bytes());
                format!("{filter} QoS {}", options.qos as u8)
            });
            let properties = properties(&subscribe.properties);
            let id = subscribe.packet_id.get();
            format!("{name} id {id}{}{properties}", list(filters, view))
        }
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => {
            let id = suback.packet_id.get();
            format!("{name} id {id}{}", codes(suback, packet, version, view))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe
                .topic_filters
                .iter()
                .map(|it| text(it.as_bytes()));
            let properties = properties(&unsubscribe.properties);
            let id = unsubscribe.packet_id.get();
            format!("{name} id {id}{}{properties}", list(filters, view))
        }
        Packet::PingReq | Packet::PingResp => name.to_string(),
        Packet::Disconnect(disconnect) => {
            let code = match (version, disconnect.reason_code) {
                (Version::V5, ReasonCode::NORMAL_DISCONNECTION) => {
                    String::from(" 0x00 Normal disconnection")
                }
                (Version::V5, other) => format!(" {}", names::code(other, version)),
                _ => String::new(),
            };
            format!("{name}{code}{}", properties(&disconnect.properties))
        }
        Packet::Auth(auth) => {
            let code = names::code(auth.reason_code, version);
            format!("{name} {code}{}", properties(&auth.properties))
        }
    }
}

fn connect_summary(connect: &Connect<'_>, limit: usize) -> String {
    let text = |bytes: &[u8]| quote(bytes, limit);
    let mut parts = vec![format!(
        "CONNECT {} {}",
        connect.version,
        text(connect.client_id.as_bytes())
    )];
    if connect.clean_start {
        parts.push(String::from(match connect.version {
            Version::V5 => "clean start",
            _ => "clean session",
        }));
    }
    parts.push(match connect.keep_alive {
        0 => String::from("no keep alive"),
        seconds => format!("keep alive {seconds} s"),
    });
    parts.extend(connect.will.map(|will| will_summary(&will, limit)));
    if let Some(name) = connect.user_name {
        parts.push(format!("user {}", text(name.as_bytes())));
    }
    if connect.password.is_some() {
        parts.push(String::from("password"));
    }
    parts.join(", ") + &properties(&connect.properties)
}

/// A Will in a few words.
pub fn will_summary(will: &Will<'_>, limit: usize) -> String {
    let retain = if_set(will.retain, " retain");
    let payload = match will.payload.as_bytes() {
        [] => String::from("empty"),
        payload if is_printable(payload) => quote(payload, limit),
        payload => count(payload.len(), "byte"),
    };
    let topic = quote(will.topic.as_bytes(), limit);
    let delay = match will.properties.get(PropertyId::WillDelayInterval) {
        Some(Property::WillDelayInterval(seconds)) => format!(" after {seconds} s"),
        _ => String::new(),
    };
    format!(
        "WILL {topic} QoS {}{retain}{delay} {payload}",
        will.qos as u8
    )
}

fn codes(suback: &SubAck<'_>, packet: &Packet<'_>, version: Version, view: View) -> String {
    let codes = suback.reason_codes.iter().map(|code| match (packet, code) {
        (Packet::SubAck(_), ReasonCode::GRANTED_QOS_0) => String::from("QoS 0"),
        (Packet::SubAck(_), ReasonCode::GrantedQos1) => String::from("QoS 1"),
        (Packet::SubAck(_), ReasonCode::GrantedQos2) => String::from("QoS 2"),
        (_, code) => {
            let byte = u8::from(code);
            let meaning = names::code_byte(byte, packet.packet_type(), version);
            format!("0x{byte:02X} {meaning}")
        }
    });
    list(codes, view) + &properties(&suback.properties)
}

/// The words for a flag, if it is set.
fn if_set(flag: bool, words: &'static str) -> &'static str {
    if flag { words } else { "" }
}

/// The first few items.
fn list(items: impl Iterator<Item = String>, view: View) -> String {
    let most = view.limit(4);
    let items: Vec<String> = items.collect();
    let shown: Vec<_> = items.iter().take(most).map(String::as_str).collect();
    let more = match items.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown[..] {
        [] => String::new(),
        _ => format!(" {}{more}", shown.join(", ")),
    }
}

fn properties(properties: &Properties<'_>) -> String {
    match properties.iter().count() {
        0 => String::new(),
        1 => String::from(", 1 property"),
        number => format!(", {number} properties"),
    }
}
