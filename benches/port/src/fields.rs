//! A visit to every field of a packet, as a user of the packet pays for it.

use mqtt_wire::{Packet, PacketId, Properties, Property, ReasonCode};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

/// A packet of one of the kinds that are measured.
pub trait Fields {
    /// The sum of all numbers, and of the lengths of all texts. It is equal for equal packets.
    fn sum(&self) -> usize;
}

impl Fields for v4::Packet {
    #[inline(always)]
    fn sum(&self) -> usize {
        match self {
            Self::Connect(packet) => {
                let will = packet.last_will.as_ref().map_or(0, |will| {
                    will.topic.len() + will.message.len() + will.qos as usize
                });
                let login = packet
                    .login
                    .as_ref()
                    .map_or(0, |it| it.username.len() + it.password.len());
                usize::from(packet.keep_alive) + packet.client_id.len() + will + login
            }
            Self::Publish(packet) => {
                let numbers = usize::from(packet.pkid) + packet.qos as usize;
                numbers + packet.topic.len() + packet.payload.len()
            }
            Self::PubAck(packet) => packet.pkid.into(),
            Self::Subscribe(packet) => {
                let filters = packet.filters.iter();
                filters.fold(packet.pkid.into(), |sum, filter| {
                    sum + filter.path.len() + filter.qos as usize
                })
            }
            Self::SubAck(packet) => {
                let codes = packet.return_codes.iter().map(|code| match code {
                    v4::SubscribeReasonCode::Success(qos) => *qos as usize,
                    v4::SubscribeReasonCode::Failure => 0x80,
                });
                usize::from(packet.pkid) + codes.sum::<usize>()
            }
            _ => 0,
        }
    }
}

impl Fields for v5::Packet {
    #[inline(always)]
    fn sum(&self) -> usize {
        let user_properties = |list: &[(String, String)]| {
            let lengths = list.iter().map(|(name, value)| name.len() + value.len());
            lengths.sum::<usize>()
        };
        let number = |number: Option<u32>| number.map_or(0, |number| number as usize);
        match self {
            Self::Connect(packet, will, login) => {
                let properties = packet.properties.as_ref().map_or(0, |it| {
                    let numbers = number(it.session_expiry_interval);
                    let receive_maximum = it.receive_maximum.map_or(0, usize::from);
                    numbers + receive_maximum + user_properties(&it.user_properties)
                });
                let will = will.as_ref().map_or(0, |will| {
                    let properties = will.properties.as_ref();
                    let delay = properties.map_or(0, |it| number(it.delay_interval));
                    delay + will.topic.len() + will.message.len() + will.qos as usize
                });
                let login = login.as_ref();
                let login = login.map_or(0, |it| it.username.len() + it.password.len());
                let own = usize::from(packet.keep_alive) + packet.client_id.len();
                own + properties + will + login
            }
            Self::Publish(packet) => {
                let properties = packet.properties.as_ref().map_or(0, |it| {
                    let numbers =
                        number(it.message_expiry_interval) + it.topic_alias.map_or(0, usize::from);
                    let texts = it.content_type.as_ref().map_or(0, String::len);
                    numbers + texts + user_properties(&it.user_properties)
                });
                let numbers = usize::from(packet.pkid) + packet.qos as usize;
                numbers + packet.topic.len() + packet.payload.len() + properties
            }
            Self::PubAck(packet) => packet.pkid.into(),
            Self::Subscribe(packet) => {
                let filters = packet.filters.iter();
                filters.fold(packet.pkid.into(), |sum, filter| {
                    let flags = usize::from(filter.nolocal);
                    sum + filter.path.len() + filter.qos as usize + flags
                })
            }
            Self::SubAck(packet) => {
                let codes = packet.return_codes.iter().map(|code| match code {
                    v5::SubscribeReasonCode::Success(qos) => *qos as usize,
                    _ => 0x80,
                });
                usize::from(packet.pkid) + codes.sum::<usize>()
            }
            _ => 0,
        }
    }
}

impl Fields for Packet<'_> {
    #[inline(always)]
    fn sum(&self) -> usize {
        let id = |packet_id: PacketId| usize::from(packet_id.get());
        match self {
            Self::Connect(packet) => {
                let will = packet.will.map_or(0, |will| {
                    let texts = will.topic.as_bytes().len() + will.payload.as_bytes().len();
                    texts + will.qos as usize + properties(will.properties)
                });
                let user_name = packet.user_name.map_or(0, |it| it.as_bytes().len());
                let password = packet.password.map_or(0, |it| it.as_bytes().len());
                let own = usize::from(packet.keep_alive) + packet.client_id.as_bytes().len();
                own + properties(packet.properties) + will + user_name + password
            }
            Self::Publish(packet) => {
                let packet_id = packet.delivery.packet_id().map_or(0, id);
                let topic = packet.topic_name.map_or(0, |name| name.as_bytes().len());
                let numbers = packet_id + packet.delivery.qos() as usize;
                numbers + topic + packet.payload.len() + properties(packet.properties)
            }
            Self::PubAck(packet) => id(packet.packet_id),
            Self::Subscribe(packet) => {
                let subscriptions = packet.subscriptions.iter();
                subscriptions.fold(id(packet.packet_id), |sum, it| {
                    let flags = usize::from(it.options.no_local);
                    sum + it.filter.as_bytes().len() + it.options.qos as usize + flags
                })
            }
            Self::SubAck(packet) => {
                let codes = packet.reason_codes.iter();
                let add = |sum: usize, code: ReasonCode| sum + code as usize;
                codes.fold(id(packet.packet_id), add)
            }
            _ => 0,
        }
    }
}

#[inline(always)]
fn properties(list: Properties<'_>) -> usize {
    list.iter().fold(0, |sum, property| {
        sum + match property {
            Property::SessionExpiryInterval(seconds)
            | Property::WillDelayInterval(seconds)
            | Property::MessageExpiryInterval(seconds) => seconds as usize,
            Property::ReceiveMaximum(number) | Property::TopicAlias(number) => number.get().into(),
            Property::ContentType(text) => text.as_bytes().len(),
            Property::UserProperty(name, value) => name.as_bytes().len() + value.as_bytes().len(),
            _ => 0,
        }
    })
}
