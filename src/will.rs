//! The fate of a Will when a connection ends.

use core::fmt;
use core::time::Duration;

use crate::dialect::Version;
use crate::packet::{ConnAck, Connect, Disconnect};
use crate::reason_code::ReasonCode;
use crate::statement::Statement;

/// The terms of an accepted connection that decide whether and when its Will is published.
///
/// The Will itself stays in the CONNECT. A Server keeps the CONNECT as it is (a `Frame`, or a copy of
/// its bytes) and decodes it again when it publishes the Will. Before 5.0 no Will waits, and the
/// numbers have no meaning.
///
/// ```
/// use mqtt_wire::will::{Ending, WillFate, WillTerms};
/// use mqtt_wire::{ConnAck, Delivery, Dialect, Packet, ReasonCode, Version};
/// # use std::time::Duration;
///
/// // CONNECT: Session Expiry 60 s, and a Will on topic "w" with Will Delay 10 s
/// let client = Dialect::from_client(Version::V5);
/// let kept = b"\x10\x20\x00\x04MQTT\x05\x04\x00\x3c\x05\x11\x00\x00\x00\x3c\x00\x01c\
///              \x05\x18\x00\x00\x00\x0a\x00\x01w\x00\x02by".to_vec();
/// let Packet::Connect(connect) = Packet::decode(&kept, client)? else { unreachable!() };
/// let connack = ConnAck::new(ReasonCode::Success);
/// let terms = WillTerms::new(&connect, &connack).expect("an accepted CONNECT with a Will");
///
/// // the connection breaks, and the Will waits
/// let WillFate::PublishAfter { delay, terms } = terms.fate(Ending::NetworkFailure) else {
///     unreachable!()
/// };
/// assert_eq!(delay, Duration::from_secs(10));
/// // if the Client is back before, the Will is not published
/// assert_eq!(terms.fate(Ending::TakenOver { clean_start: false }), WillFate::Discard);
///
/// // ten seconds later
/// let Packet::Connect(connect) = Packet::decode(&kept, client)? else { unreachable!() };
/// let publish = connect.will.unwrap().to_publish(Delivery::AtMostOnce);
/// let mut bytes = Vec::new();
/// Packet::from(publish).encode(Dialect::from_server(Version::V5), &mut bytes)?;
/// assert_eq!(bytes, b"\x30\x06\x00\x01w\x00by");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WillTerms {
    /// The version of the connection.
    pub version: Version,
    /// Seconds between the end of the connection and the Will (5.0, section 3.1.3.2.2).
    pub will_delay_interval: u32,
    /// Seconds that the Session outlives the connection; `u32::MAX` is for ever (5.0, section
    /// 3.2.2.3.2). The value is that of the DISCONNECT, else of the CONNACK, else of the CONNECT.
    pub session_expiry_interval: u32,
    /// The Session Expiry Interval of the CONNECT: whether a DISCONNECT may change it depends on
    /// this one (5.0, section 3.14.2.2.2).
    pub requested_expiry_interval: u32,
}

impl WillTerms {
    /// The terms of the Will of a connection. `None` if it has no Will, so that nothing is
    /// published when it ends (MQTT-3.1.2-12 of 3.1.1), or was refused, so that none is stored
    /// (MQTT-3.1.2-8 of 3.1.1).
    #[must_use]
    pub fn new(connect: &Connect<'_>, connack: &ConnAck<'_>) -> Option<Self> {
        let will = connect.will?;
        if connack.reason_code != ReasonCode::Success {
            return None;
        }
        let requested = connect.session_expiry_interval();
        Some(Self {
            version: connect.version,
            will_delay_interval: will.will_delay_interval(),
            session_expiry_interval: connack.session_expiry_interval().unwrap_or(requested),
            requested_expiry_interval: requested,
        })
    }

    /// The fate of the Will when the connection ends in this way. If the Will has to wait, ask
    /// the terms in [`WillFate::PublishAfter`] again when the Client is back or the Session ends.
    ///
    /// * DISCONNECT with `0x00`, which is any DISCONNECT before 5.0, deletes the Will
    ///   (MQTT-3.14.4-3 of 3.1.1 and 5.0). With any other code the Will is published. It is
    ///   published too after a DISCONNECT that sets a Session Expiry Interval although the CONNECT
    ///   had 0 (5.0, section 3.14.2.2.2): that is a Protocol Error, which
    ///   [`Monitor`](crate::monitor::Monitor) reports.
    /// * Any other end publishes it: at once before 5.0, and in 5.0 when the Will Delay Interval
    ///   has passed or the Session ends, whichever is first (MQTT-3.1.2-8 of 3.1.1 and 5.0). A
    ///   Server that shuts down may do so when it is back.
    /// * A Client that is back within the delay prevents the publication (5.0 MQTT-3.1.3-9),
    ///   unless the old Session ends: Clean Start is 1, or the Session Expiry
    ///   Interval is 0. Without a delay the Will is published when the old connection closes
    ///   (5.0, section 3.1.4).
    ///
    /// 3.1 names only failures of the network and Keep Alive as causes. Its Wills are treated as
    /// those of 3.1.1. Its chapters contradict each other about a silent Client; the Will is
    /// published, as its chapter on the Will demands.
    #[must_use]
    pub fn fate(&self, ending: Ending) -> WillFate {
        self.decide(ending).0
    }

    /// The statement that demands it.
    #[must_use]
    pub fn statement(&self, ending: Ending) -> Option<Statement> {
        let rule = self.decide(ending).1;
        let id = match (rule, self.version) {
            (Rule::Publish, Version::V3_1) => "U31-will",
            (Rule::Publish, Version::V3_1_1 | Version::V5) => "MQTT-3.1.2-8",
            (Rule::Forget, Version::V3_1) => "U31-will-disconnect",
            (Rule::Forget, Version::V3_1_1 | Version::V5) => "MQTT-3.14.4-3",
            (Rule::Returned, _) => "MQTT-3.1.3-9",
        };
        Statement::find(self.version, id, None)
    }

    fn decide(&self, ending: Ending) -> (WillFate, Rule) {
        if self.version != Version::V5 {
            return match ending {
                Ending::Disconnect { .. } => (WillFate::Discard, Rule::Forget),
                _ => (WillFate::Publish, Rule::Publish),
            };
        }
        let delay = self.will_delay_interval;
        let expiry = match ending {
            Ending::Disconnect {
                reason_code,
                session_expiry_interval,
            } => {
                let expiry = self.expiry_after(session_expiry_interval);
                if expiry.is_some() && reason_code == ReasonCode::NORMAL_DISCONNECTION {
                    return (WillFate::Discard, Rule::Forget);
                }
                expiry.unwrap_or(self.session_expiry_interval)
            }
            Ending::TakenOver { clean_start: false }
                if delay > 0 && self.session_expiry_interval > 0 =>
            {
                return (WillFate::Discard, Rule::Returned);
            }
            Ending::TakenOver { .. } | Ending::SessionEnded => 0,
            Ending::NetworkFailure
            | Ending::KeepAliveExpired
            | Ending::ClosedByClient
            | Ending::ClosedByServer => self.session_expiry_interval,
        };
        let fate = match delay.min(expiry) {
            0 => WillFate::Publish,
            seconds => WillFate::PublishAfter {
                delay: Duration::from_secs(u64::from(seconds)),
                terms: Self {
                    session_expiry_interval: expiry,
                    ..*self
                },
            },
        };
        (fate, Rule::Publish)
    }

    /// The Session Expiry Interval after a DISCONNECT that carries this one; `None` if it may not
    /// carry it.
    fn expiry_after(&self, changed: Option<u32>) -> Option<u32> {
        match changed {
            Some(1..) if self.requested_expiry_interval == 0 => None,
            _ => Some(changed.unwrap_or(self.session_expiry_interval)),
        }
    }
}

/// The reason for the fate of a Will.
#[derive(Clone, Copy)]
enum Rule {
    Publish,
    Forget,
    Returned,
}

/// How a connection ends, as its Server sees it; or an event while its Will waits.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// An I/O error or a failure of the network.
    NetworkFailure,
    /// The Client was silent for one and a half times the Keep Alive.
    KeepAliveExpired,
    /// The Client closed the connection without DISCONNECT.
    ClosedByClient,
    /// The Server closed the connection, with DISCONNECT or without. The reason may be a packet that
    /// it refused (a DISCONNECT too), another Protocol Error, a shutdown, or any other one.
    ClosedByServer,
    /// The Client sent DISCONNECT. It is created from a [`Disconnect`] with `From`.
    Disconnect {
        /// The Reason Code. It has no meaning before 5.0.
        reason_code: ReasonCode,
        /// The new Session Expiry Interval, if there is one.
        session_expiry_interval: Option<u32>,
    },
    /// The Client Identifier has a new connection, while this one is open (Session taken over) or
    /// while its Will waits.
    TakenOver {
        /// Clean Start of the new connection.
        clean_start: bool,
    },
    /// The Session ended: its expiry has passed, or the Server deleted it.
    SessionEnded,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NetworkFailure => f.write_str("I/O error or network failure"),
            Self::KeepAliveExpired => f.write_str("Keep Alive timeout"),
            Self::ClosedByClient => f.write_str("closed by the Client without DISCONNECT"),
            Self::ClosedByServer => f.write_str("closed by the Server"),
            Self::Disconnect {
                reason_code,
                session_expiry_interval,
            } => {
                write!(f, "DISCONNECT {:#04x} {reason_code}", reason_code as u8)?;
                match session_expiry_interval {
                    Some(seconds) => write!(f, ", Session Expiry Interval {seconds}"),
                    None => Ok(()),
                }
            }
            Self::TakenOver { clean_start } => {
                write!(
                    f,
                    "Session taken over, Clean Start {}",
                    u8::from(clean_start)
                )
            }
            Self::SessionEnded => f.write_str("Session ended"),
        }
    }
}

impl From<&Disconnect<'_>> for Ending {
    fn from(disconnect: &Disconnect<'_>) -> Self {
        Self::Disconnect {
            reason_code: disconnect.reason_code,
            session_expiry_interval: disconnect.session_expiry_interval(),
        }
    }
}

/// Whether and when a Will is published.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WillFate {
    /// It is deleted and never published.
    Discard,
    /// It is published now.
    Publish,
    /// It waits.
    PublishAfter {
        /// It is published when this time has passed since the connection was closed, unless the
        /// Client is back or the Session ends before.
        delay: Duration,
        /// The terms while it waits, for the second call of [`WillTerms::fate`]: a DISCONNECT may
        /// have changed the Session Expiry Interval.
        terms: WillTerms,
    },
}

impl fmt::Display for WillFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discard => f.write_str("discard the Will Message"),
            Self::Publish => f.write_str("publish the Will Message"),
            Self::PublishAfter { delay, .. } => {
                write!(f, "publish the Will Message after {} s", delay.as_secs())
            }
        }
    }
}
