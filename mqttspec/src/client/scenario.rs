//! The scenarios that a program plays.

use std::fmt;

use mqtt_wire::{PacketType, Version};

/// A task for the program, by a name that it gets as an argument. The README has the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    PublishQos0,
    PublishQos1,
    PublishQos2,
    PublishBurst,
    Subscribe,
    Unsubscribe,
    Ping,
    Will,
    NoClientId,
    Limits,
    Authenticate,
    ReconnectQos1,
    ReconnectQos2,
    ReconnectBurst,
    ReconnectSubscribe,
}

impl Scenario {
    pub const ALL: [Self; 15] = [
        Self::PublishQos0,
        Self::PublishQos1,
        Self::PublishQos2,
        Self::PublishBurst,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Ping,
        Self::Will,
        Self::NoClientId,
        Self::Limits,
        Self::Authenticate,
        Self::ReconnectQos1,
        Self::ReconnectQos2,
        Self::ReconnectBurst,
        Self::ReconnectSubscribe,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::PublishQos0 => "publish-qos0",
            Self::PublishQos1 => "publish-qos1",
            Self::PublishQos2 => "publish-qos2",
            Self::PublishBurst => "publish-burst",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Ping => "ping",
            Self::Will => "will",
            Self::NoClientId => "no-client-id",
            Self::Limits => "limits",
            Self::Authenticate => "authenticate",
            Self::ReconnectQos1 => "reconnect-qos1",
            Self::ReconnectQos2 => "reconnect-qos2",
            Self::ReconnectBurst => "reconnect-burst",
            Self::ReconnectSubscribe => "reconnect-subscribe",
        }
    }

    /// Whether the scenario exists in a version.
    pub fn is_in(self, version: Version) -> bool {
        match self {
            Self::Limits | Self::Authenticate => version == Version::V5,
            Self::NoClientId => version != Version::V3_1,
            _ => true,
        }
    }

    /// Whether the program publishes without waiting for answers.
    pub const fn is_burst(self) -> bool {
        matches!(self, Self::PublishBurst | Self::ReconnectBurst)
    }

    /// Whether the program subscribes and then waits for messages.
    pub const fn is_listening(self) -> bool {
        matches!(
            self,
            Self::Subscribe
                | Self::Ping
                | Self::Limits
                | Self::Authenticate
                | Self::ReconnectSubscribe
        )
    }

    /// The packets that the program sends in a healthy run, with those that answer.
    pub const fn packets(self) -> &'static [PacketType] {
        use PacketType as P;
        match self {
            Self::PublishQos0 | Self::Will | Self::NoClientId => &[P::Connect, P::Publish],
            Self::PublishQos1 | Self::ReconnectQos1 => &[P::Connect, P::Publish, P::Publish],
            Self::PublishQos2 | Self::ReconnectQos2 => {
                &[P::Connect, P::Publish, P::PubRel, P::Publish, P::PubRel]
            }
            Self::PublishBurst | Self::ReconnectBurst => &[
                P::Connect,
                P::Publish,
                P::Publish,
                P::Publish,
                P::Publish,
                P::Publish,
            ],
            // another case waits for the PINGREQ
            Self::Subscribe | Self::Limits | Self::Ping | Self::ReconnectSubscribe => {
                &[P::Connect, P::Subscribe]
            }
            Self::Unsubscribe => &[P::Connect, P::Subscribe, P::Unsubscribe, P::Publish],
            Self::Authenticate => &[P::Connect, P::Auth, P::Subscribe],
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
