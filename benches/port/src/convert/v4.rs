//! `rumqttc::mqttbytes::v4`: MQTT 3.1.1.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_wire::{
    Ack, BinaryData, ConnAck, Connect, Delivery, Dialect, Disconnect, FrameRef, NextFrame, Packet,
    PacketId, Publish, ReasonCode, ReasonCodes, ReturnCode, SubAck, Subscribe, Subscription,
    Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Utf8Str, Version, Will,
};
use rumqttc::mqttbytes::{Protocol, QoS, v4};
use smallvec::SmallVec;

use super::{Error, collect, limit, packet_id, password, reason_codes};

/// Reads the packet at the beginning of `stream` and removes it; `None` if it is not complete.
/// `max_len` limits the whole packet.
pub fn read(
    stream: &mut BytesMut,
    dialect: Dialect,
    max_len: u32,
) -> Result<Option<v4::Packet>, Error> {
    let NextFrame::Frame(frame) = FrameRef::split(stream, dialect, max_len)? else {
        return Ok(None);
    };
    let len = frame.bytes().len();
    let packet = match &frame.decode(dialect)? {
        Packet::Publish(packet) => {
            let (retain, delivery) = (packet.retain, packet.delivery);
            let topic = packet.topic_name.map(String::from).unwrap_or_default();
            // the payload shares the memory of the stream
            let payload_at = len - packet.payload.len();
            let mut payload = stream.split_to(len).freeze();
            payload.advance(payload_at);
            return Ok(Some(v4::Packet::Publish(v4::Publish {
                dup: delivery.dup(),
                qos: from_qos(delivery.qos()),
                retain,
                topic,
                pkid: delivery.packet_id().map_or(0, PacketId::get),
                payload,
            })));
        }
        Packet::Connect(packet) => {
            let login = v4::Login {
                username: packet.user_name.map(String::from).unwrap_or_default(),
                password: packet.password.map_or(Ok(String::new()), password)?,
            };
            v4::Packet::Connect(v4::Connect {
                protocol: Protocol::V4,
                keep_alive: packet.keep_alive,
                client_id: packet.client_id.into(),
                clean_session: packet.clean_start,
                last_will: packet.will.map(|will| v4::LastWill {
                    topic: will.topic.into(),
                    message: Bytes::copy_from_slice(will.payload.as_bytes()),
                    qos: from_qos(will.qos),
                    retain: will.retain,
                }),
                login: (login != v4::Login::new("", "")).then_some(login),
            })
        }
        Packet::ConnAck(packet) => v4::Packet::ConnAck(v4::ConnAck {
            session_present: packet.session_present,
            code: match ReturnCode::try_from(packet.reason_code) {
                Ok(ReturnCode::Accepted) => v4::ConnectReturnCode::Success,
                Ok(ReturnCode::UnacceptableProtocolVersion) => {
                    v4::ConnectReturnCode::RefusedProtocolVersion
                }
                Ok(ReturnCode::IdentifierRejected) => v4::ConnectReturnCode::BadClientId,
                Ok(ReturnCode::ServerUnavailable) => v4::ConnectReturnCode::ServiceUnavailable,
                Ok(ReturnCode::BadUserNameOrPassword) => v4::ConnectReturnCode::BadUserNamePassword,
                Ok(ReturnCode::NotAuthorized) => v4::ConnectReturnCode::NotAuthorized,
                Err(_) => return Err(Error::NoCounterpart),
            },
        }),
        Packet::PubAck(packet) => v4::Packet::PubAck(v4::PubAck::new(packet.packet_id.get())),
        Packet::PubRec(packet) => v4::Packet::PubRec(v4::PubRec::new(packet.packet_id.get())),
        Packet::PubRel(packet) => v4::Packet::PubRel(v4::PubRel::new(packet.packet_id.get())),
        Packet::PubComp(packet) => v4::Packet::PubComp(v4::PubComp::new(packet.packet_id.get())),
        Packet::Subscribe(packet) => v4::Packet::Subscribe(v4::Subscribe {
            pkid: packet.packet_id.get(),
            filters: collect(packet.subscriptions.iter(), |it| {
                let qos = from_qos(it.options.qos);
                Ok(v4::SubscribeFilter::new(it.filter.into(), qos))
            })?,
        }),
        Packet::SubAck(packet) => v4::Packet::SubAck(v4::SubAck {
            pkid: packet.packet_id.get(),
            return_codes: collect(packet.reason_codes.iter(), |code| {
                Ok(match code {
                    ReasonCode::GrantedQos2 => v4::SubscribeReasonCode::Success(QoS::ExactlyOnce),
                    ReasonCode::GrantedQos1 => v4::SubscribeReasonCode::Success(QoS::AtLeastOnce),
                    ReasonCode::Success => v4::SubscribeReasonCode::Success(QoS::AtMostOnce),
                    _ => v4::SubscribeReasonCode::Failure,
                })
            })?,
        }),
        Packet::Unsubscribe(packet) => v4::Packet::Unsubscribe(v4::Unsubscribe {
            pkid: packet.packet_id.get(),
            topics: collect(packet.topic_filters.iter(), |filter| Ok(filter.into()))?,
        }),
        Packet::UnsubAck(packet) => v4::Packet::UnsubAck(v4::UnsubAck::new(packet.packet_id.get())),
        Packet::PingReq => v4::Packet::PingReq,
        Packet::PingResp => v4::Packet::PingResp,
        Packet::Disconnect(_) => v4::Packet::Disconnect,
        Packet::Auth(_) => return Err(Error::NoCounterpart),
    };
    stream.advance(len);
    Ok(Some(packet))
}

/// Appends the packet to `buffer` and returns its length, which is at most `max_len`.
pub fn write(
    packet: &v4::Packet,
    dialect: Dialect,
    max_len: u32,
    buffer: &mut BytesMut,
) -> Result<usize, Error> {
    let len = encode(packet, dialect, buffer)?;
    limit(len, max_len, dialect, buffer)
}

fn encode(packet: &v4::Packet, dialect: Dialect, buffer: &mut BytesMut) -> Result<usize, Error> {
    Ok(match packet {
        v4::Packet::Connect(packet) => {
            let mut connect = Connect::new(Version::V3_1_1, Utf8Str::new(&packet.client_id)?);
            if packet.protocol == Protocol::V5 {
                connect.version = Version::V5;
            }
            connect.clean_start = packet.clean_session;
            connect.keep_alive = packet.keep_alive;
            if let Some(last) = &packet.last_will {
                let topic = TopicName::new(&last.topic)?;
                connect.will = Some(Will {
                    qos: to_qos(last.qos),
                    retain: last.retain,
                    ..Will::new(topic, BinaryData::new(&last.message)?)
                });
            }
            if let Some(login) = &packet.login {
                if !login.username.is_empty() {
                    connect.user_name = Some(Utf8Str::new(&login.username)?);
                }
                if !login.password.is_empty() {
                    connect.password = Some(BinaryData::new(login.password.as_bytes())?);
                }
            }
            Packet::from(connect).encode(dialect, buffer)?
        }
        v4::Packet::ConnAck(packet) => {
            let mut connack = ConnAck::new(match packet.code {
                v4::ConnectReturnCode::Success => ReasonCode::Success,
                v4::ConnectReturnCode::RefusedProtocolVersion => {
                    ReasonCode::UnsupportedProtocolVersion
                }
                v4::ConnectReturnCode::BadClientId => ReasonCode::ClientIdentifierNotValid,
                v4::ConnectReturnCode::ServiceUnavailable => ReasonCode::ServerUnavailable,
                v4::ConnectReturnCode::BadUserNamePassword => ReasonCode::BadUserNameOrPassword,
                v4::ConnectReturnCode::NotAuthorized => ReasonCode::NotAuthorized,
            });
            connack.session_present = packet.session_present;
            Packet::from(connack).encode(dialect, buffer)?
        }
        v4::Packet::Publish(packet) => {
            let delivery = match packet.qos {
                QoS::AtMostOnce => Delivery::AtMostOnce,
                qos => Delivery::new(to_qos(qos), packet_id(packet.pkid)?).with_dup(packet.dup),
            };
            Packet::from(Publish {
                delivery,
                retain: packet.retain,
                ..Publish::new(TopicName::new(&packet.topic)?, &packet.payload)
            })
            .encode(dialect, buffer)?
        }
        v4::Packet::PubAck(packet) => {
            Packet::PubAck(Ack::new(packet_id(packet.pkid)?)).encode(dialect, buffer)?
        }
        v4::Packet::PubRec(packet) => {
            Packet::PubRec(Ack::new(packet_id(packet.pkid)?)).encode(dialect, buffer)?
        }
        v4::Packet::PubRel(packet) => {
            Packet::PubRel(Ack::new(packet_id(packet.pkid)?)).encode(dialect, buffer)?
        }
        v4::Packet::PubComp(packet) => {
            Packet::PubComp(Ack::new(packet_id(packet.pkid)?)).encode(dialect, buffer)?
        }
        v4::Packet::Subscribe(packet) => {
            let mut list = SmallVec::<[_; 16]>::new();
            for filter in &packet.filters {
                let qos = to_qos(filter.qos);
                list.push(Subscription::new(TopicFilter::new(&filter.path)?, qos));
            }
            let list = Subscriptions::new(&list);
            let subscribe = Subscribe::new(packet_id(packet.pkid)?, list);
            Packet::from(subscribe).encode(dialect, buffer)?
        }
        v4::Packet::SubAck(packet) => {
            let mut codes = reason_codes(packet.return_codes.len());
            for (ours, theirs) in codes.iter_mut().zip(&packet.return_codes) {
                *ours = match theirs {
                    v4::SubscribeReasonCode::Success(qos) => to_qos(*qos).into(),
                    v4::SubscribeReasonCode::Failure => ReasonCode::UnspecifiedError,
                };
            }
            let suback = SubAck::new(packet_id(packet.pkid)?, ReasonCodes::new(&codes));
            Packet::SubAck(suback).encode(dialect, buffer)?
        }
        v4::Packet::Unsubscribe(packet) => {
            let mut list = SmallVec::<[_; 16]>::new();
            for topic in &packet.topics {
                list.push(TopicFilter::new(topic)?);
            }
            let list = TopicFilters::new(&list);
            let unsubscribe = Unsubscribe::new(packet_id(packet.pkid)?, list);
            Packet::from(unsubscribe).encode(dialect, buffer)?
        }
        v4::Packet::UnsubAck(packet) => {
            let packet_id = packet_id(packet.pkid)?;
            Packet::UnsubAck(SubAck::new(packet_id, ReasonCodes::EMPTY)).encode(dialect, buffer)?
        }
        v4::Packet::PingReq => Packet::PingReq.encode(dialect, buffer)?,
        v4::Packet::PingResp => Packet::PingResp.encode(dialect, buffer)?,
        v4::Packet::Disconnect => Packet::from(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION))
            .encode(dialect, buffer)?,
    })
}

fn from_qos(qos: mqtt_wire::QoS) -> QoS {
    match qos {
        mqtt_wire::QoS::AtMostOnce => QoS::AtMostOnce,
        mqtt_wire::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqtt_wire::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn to_qos(qos: QoS) -> mqtt_wire::QoS {
    match qos {
        QoS::AtMostOnce => mqtt_wire::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqtt_wire::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqtt_wire::QoS::ExactlyOnce,
    }
}
