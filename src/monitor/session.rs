//! The terms of a connection: the request in the CONNECT, the service in the CONNACK, and the limits
//! of each side.

use super::aliases::Aliases;
use crate::data::{QoS, Utf8Str};
use crate::dialect::Sender;
use crate::packet::{ConnAck, Connect};
use crate::property::{Properties, Property};
use crate::property_id::PropertyId;

/// The parts of a CONNECT that matter later.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) clean_start: bool,
    pub(super) keep_alive: u16,
    pub(super) client_id: ClientId,
    pub(super) will: Option<(QoS, bool)>,
    pub(super) session_expiry_interval: u32,
    pub(super) problem_information: bool,
    pub(super) response_information: bool,
    pub(super) method: Option<Method>,
}

impl Request {
    pub(super) fn of(connect: &Connect<'_>) -> Self {
        let id = connect.client_id.as_bytes();
        Self {
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            client_id: match id.len() {
                0 => ClientId::Empty,
                1..=23 if id.iter().all(u8::is_ascii_alphanumeric) => ClientId::Simple,
                _ => ClientId::Other,
            },
            will: connect.will.map(|will| (will.qos, will.retain)),
            session_expiry_interval: connect.session_expiry_interval(),
            problem_information: connect.request_problem_information(),
            response_information: connect.request_response_information(),
            method: Method::of(&connect.properties),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientId {
    Empty,
    /// 1 to 23 letters and digits.
    Simple,
    Other,
}

/// The offer of the Server in its CONNACK. The default is an offer without limits.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) keep_alive: Option<u16>,
    pub(super) maximum_qos: QoS,
    pub(super) retain: bool,
    pub(super) wildcards: bool,
    pub(super) subscription_ids: bool,
    pub(super) shared: bool,
}

impl Service {
    pub(super) fn of(connack: &ConnAck<'_>) -> Self {
        Self {
            keep_alive: connack.server_keep_alive(),
            maximum_qos: connack.maximum_qos(),
            retain: connack.retain_available(),
            wildcards: connack.wildcard_subscription_available(),
            subscription_ids: connack.subscription_identifier_available(),
            shared: connack.shared_subscription_available(),
        }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            keep_alive: None,
            maximum_qos: QoS::ExactlyOnce,
            retain: true,
            wildcards: true,
            subscription_ids: true,
            shared: true,
        }
    }
}

/// The limits that a side announced as a receiver, and its state as a sender.
#[cfg_attr(feature = "alloc", derive(Clone))]
#[derive(Debug)]
pub(super) struct Side<'s> {
    pub(super) receive_maximum: u16,
    pub(super) maximum_packet_size: u32,
    pub(super) topic_alias_maximum: u16,
    pub(super) aliases: Aliases<'s>,
    /// It has sent a packet that was not out of place.
    pub(super) has_spoken: bool,
    /// It has sent DISCONNECT.
    pub(super) has_left: bool,
    /// Its DISCONNECT reported a failure.
    pub(super) has_failed: bool,
}

impl<'s> Side<'s> {
    pub(super) const fn new(aliases: Aliases<'s>) -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            aliases,
            has_spoken: false,
            has_left: false,
            has_failed: false,
        }
    }

    pub(super) fn announce(&mut self, properties: &Properties<'_>) {
        for property in properties {
            match property {
                Property::ReceiveMaximum(value) => self.receive_maximum = value.get(),
                Property::MaximumPacketSize(value) => self.maximum_packet_size = value.get(),
                Property::TopicAliasMaximum(value) => self.topic_alias_maximum = value,
                _ => {}
            }
        }
    }
}

/// An authentication after the CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    None,
    /// The Client has begun it, or a side sent an AUTH that the other one may take for its begin.
    Begun,
    /// No side has begun it, but this one may answer an AUTH of the other.
    AnsweredBy(Sender),
}

impl Authentication {
    pub(super) fn permits(self, sender: Sender) -> bool {
        match self {
            Self::None => false,
            Self::Begun => true,
            Self::AnsweredBy(answerer) => answerer == sender,
        }
    }
}

/// An Authentication Method, kept only to be compared: its length and a hash (FNV-1a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method(usize, u64);

impl Method {
    pub(super) fn of(properties: &Properties<'_>) -> Option<Self> {
        match properties.get(PropertyId::AuthenticationMethod)? {
            Property::AuthenticationMethod(name) => Some(Self::new(name)),
            _ => None,
        }
    }

    fn new(name: Utf8Str<'_>) -> Self {
        let hash = name
            .as_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(name.as_bytes().len(), hash)
    }
}
