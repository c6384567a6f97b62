//! Rules of WebSocket, and of MQTT over WebSocket, that a side breaks.

use mqtt_wire::{Sender, Version};

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub sender: Sender,
    pub kind: FaultKind,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The client does not offer the subprotocol.
    NotOffered,
    /// The server does not select the subprotocol, which the client offers.
    NotSelected,
    /// The server selects a subprotocol that the client does not offer.
    SelectedUnoffered,
    TextFrame,
    /// A frame of the client without a mask.
    NotMasked,
    /// A frame of the server with a mask.
    Masked,
    /// Reserved bits that no extension uses.
    ReservedBits,
    ReservedOpcode,
    /// A length in more bytes than it needs.
    LongLength,
    /// A length of 2^63 or more.
    HugeLength,
    /// A control frame of more than 125 bytes, or in fragments.
    BadControl,
    /// A continuation frame without a beginning.
    NothingToContinue,
    /// A new message inside of another one.
    NotContinued,
}

impl Fault {
    pub fn new(sender: Sender, kind: FaultKind) -> Self {
        Self { sender, kind }
    }

    /// The statement of the standard of MQTT, without its version. The others are rules of
    /// WebSocket itself.
    pub fn mqtt_statement(self) -> Option<&'static str> {
        match self.kind {
            FaultKind::TextFrame => Some("MQTT-6.0.0-1"),
            FaultKind::NotOffered => Some("MQTT-6.0.0-3"),
            FaultKind::NotSelected => Some("MQTT-6.0.0-4"),
            _ => None,
        }
    }

    /// All statements. Those of MQTT have a version: the one of the connection, or both in which
    /// WebSocket exists.
    pub fn statements(self, version: Option<Version>) -> Vec<String> {
        let Some(id) = self.mqtt_statement() else {
            return vec![format!("RFC 6455, {}", self.section())];
        };
        let versions = match version {
            Some(version) => vec![version],
            None => vec![Version::V3_1_1, Version::V5],
        };
        versions.iter().map(|it| format!("v{it} {id}")).collect()
    }

    /// The section of RFC 6455.
    fn section(self) -> &'static str {
        match self.kind {
            FaultKind::NotOffered | FaultKind::NotSelected | FaultKind::SelectedUnoffered => {
                "section 4.2.2"
            }
            FaultKind::NotMasked | FaultKind::Masked => "section 5.1",
            FaultKind::TextFrame
            | FaultKind::ReservedBits
            | FaultKind::ReservedOpcode
            | FaultKind::LongLength
            | FaultKind::HugeLength => "section 5.2",
            FaultKind::NothingToContinue | FaultKind::NotContinued => "section 5.4",
            FaultKind::BadControl => "section 5.5",
        }
    }
}

impl FaultKind {
    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotOffered => "SubprotocolNotOffered",
            Self::NotSelected => "SubprotocolNotSelected",
            Self::SelectedUnoffered => "SubprotocolUnoffered",
            Self::TextFrame => "TextFrame",
            Self::NotMasked => "NotMasked",
            Self::Masked => "Masked",
            Self::ReservedBits => "ReservedBits",
            Self::ReservedOpcode => "ReservedOpcode",
            Self::LongLength => "LongLength",
            Self::HugeLength => "HugeLength",
            Self::BadControl => "BadControlFrame",
            Self::NothingToContinue => "NothingToContinue",
            Self::NotContinued => "NotContinued",
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::NotOffered => "the client has to offer the subprotocol mqtt",
            Self::NotSelected => "the server has to select the subprotocol mqtt",
            Self::SelectedUnoffered => {
                "the server selects a subprotocol that the client does not offer"
            }
            Self::TextFrame => "a text frame; MQTT uses binary frames only",
            Self::NotMasked => "a frame of the client has no mask",
            Self::Masked => "a frame of the server has a mask",
            Self::ReservedBits => "a frame has reserved bits that no extension uses",
            Self::ReservedOpcode => "a frame has a reserved opcode",
            Self::LongLength => "the length of a frame has more bytes than it needs",
            Self::HugeLength => "the length of a frame is 2^63 or more",
            Self::BadControl => "a control frame is fragmented or has more than 125 bytes",
            Self::NothingToContinue => "a continuation frame, but no message has begun",
            Self::NotContinued => "a message begins inside of another one",
        }
    }

    /// After this, the beginning or the meaning of frames is unknown.
    pub fn ends_reading(self) -> bool {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::HugeLength
            | Self::BadControl
            | Self::NothingToContinue
            | Self::NotContinued => true,
            Self::NotOffered
            | Self::NotSelected
            | Self::SelectedUnoffered
            | Self::TextFrame
            | Self::NotMasked
            | Self::Masked
            | Self::LongLength => false,
        }
    }
}

/// The kinds of faults that were reported already. Each is reported once for each direction.
#[derive(Default)]
pub(super) struct Reported(Vec<FaultKind>);

impl Reported {
    /// Whether the kind is new.
    pub(super) fn add(&mut self, kind: FaultKind) -> bool {
        let is_new = !self.0.contains(&kind);
        if is_new {
            self.0.push(kind);
        }
        is_new
    }
}
