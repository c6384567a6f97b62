//! The bounds and choices of one search.

use mqtt_wire::monitor::BreachKind;
use mqtt_wire::{Sender, Version};

use crate::packet::{Kind, Packet};

#[derive(Debug, Clone)]
pub struct Settings {
    pub version: Version,
    pub client: Habits,
    pub server: Habits,
    /// The numbers of filters in SUBSCRIBE and UNSUBSCRIBE.
    pub filters: &'static [u8],
    pub pings: bool,
    pub disconnects: bool,
    /// Topic Aliases, of which each side announced one.
    pub aliases: bool,
    /// A PUBREC may report a failure (5.0).
    pub failures: bool,
    /// The Client sends before the CONNACK.
    pub early: bool,
    /// The connection may break, and the Client comes back to its Session.
    pub cuts: bool,
    /// The Session of the Server may end while the Client is away.
    pub sessions_end: bool,
    /// Answers to packets of the last connection are sent on the next one.
    pub late: bool,
    /// Authentication with a method, before the CONNACK and again later (5.0).
    pub authentication: bool,
    /// Receive Maximum of both sides (5.0); 0 if there is none.
    pub receive_maximum: i8,
    /// Packets on the way in one direction.
    pub in_flight: usize,
    /// Answers that a peer owes before it receives more.
    pub owed: usize,
    pub connect: Packet,
    pub connack: Packet,
    /// Whether the Server may accept the Client, and with which codes it may refuse it.
    pub accepts: bool,
    pub refusals: &'static [u8],
    /// The rule that one side may break, once.
    pub fault: Option<(Sender, BreachKind)>,
}

/// How one side behaves.
#[derive(Debug, Clone)]
pub struct Habits {
    /// It uses the Packet Identifiers from 1 to this one.
    pub ids: u8,
    /// The QoS of its messages, above 0.
    pub qos: &'static [u8],
    /// How many packets it may repeat on one connection (3.1 and 3.1.1).
    pub repeats: u8,
}

impl Settings {
    pub fn new(version: Version) -> Self {
        Self {
            version,
            client: Habits::SILENT,
            server: Habits::SILENT,
            filters: &[],
            pings: false,
            disconnects: false,
            aliases: false,
            failures: false,
            early: false,
            cuts: false,
            sessions_end: false,
            late: false,
            authentication: false,
            receive_maximum: 0,
            in_flight: 2,
            owed: 3,
            connect: Kind::Connect { clean: true }.into(),
            connack: Kind::ConnAck {
                present: false,
                code: 0,
            }
            .into(),
            accepts: true,
            refusals: &[],
            fault: None,
        }
    }

    pub fn habits(&self, side: Sender) -> &Habits {
        match side {
            Sender::Client => &self.client,
            Sender::Server => &self.server,
        }
    }

    /// An AUTH with the method of the CONNECT.
    pub fn auth(&self, code: u8) -> Packet {
        Packet::from(Kind::Auth { code }).with_properties(METHOD)
    }
}

/// The property Authentication Method.
pub const METHOD: &[u8] = b"\x15\0\x01m";

impl Habits {
    pub const SILENT: Self = Self {
        ids: 0,
        qos: &[],
        repeats: 0,
    };
}
