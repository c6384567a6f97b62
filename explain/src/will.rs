//! Whether the Server has to publish the Will of a connection.

use mqtt_wire::will::{Ending, WillFate, WillTerms};
use mqtt_wire::{Dialect, Disconnect, Packet, ReasonCode, Sender, Statement, Version, Will};

use crate::decode_rules::DecodeRules;
use crate::event::{Record, Verdict};

/// The Will of a connection, if it has one.
#[derive(Default)]
pub struct WillWatch {
    /// The CONNECT that contains it, and its version.
    connect: Option<(Vec<u8>, Version)>,
    terms: Option<WillTerms>,
    /// The first end of the connection that was seen.
    ending: Option<Ending>,
    /// A DISCONNECT may have passed unseen.
    pub is_unsure: bool,
}

/// The fate of a Will.
pub struct Outcome<'a> {
    pub will: Will<'a>,
    pub fate: WillFate,
    /// The condition under which the Will is not published.
    pub unless: Option<&'static str>,
    pub cause: String,
    pub statement: Option<Statement>,
}

impl WillWatch {
    /// Observes a packet.
    pub fn observe(&mut self, record: &Record<'_>, rules: DecodeRules) {
        let Verdict::Accept(packet) = &record.verdict else {
            return;
        };
        match packet {
            Packet::Connect(connect) if self.connect.is_none() => {
                self.connect = Some((record.bytes.to_vec(), connect.version));
            }
            Packet::ConnAck(connack) if self.terms.is_none() => {
                self.terms = match self.connect(rules) {
                    Some(Packet::Connect(connect)) => WillTerms::new(&connect, connack),
                    _ => None,
                };
            }
            Packet::Disconnect(disconnect) => {
                self.end(match record.dialect.sender() {
                    Sender::Client => disconnect.into(),
                    Sender::Server => ending_by_server(disconnect),
                });
            }
            _ => {}
        }
    }

    /// The connection ends like this, unless it has ended before.
    pub fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// The fate of the Will, if there is one and the connection has ended.
    pub fn outcome(&self, rules: DecodeRules) -> Option<Outcome<'_>> {
        let (kept, ending) = (self.terms?, self.ending?);
        let Some(Packet::Connect(connect)) = self.connect(rules) else {
            return None;
        };
        let cause = match ending {
            Ending::NetworkFailure => String::from("the connection was lost"),
            Ending::KeepAliveExpired => String::from("the client was silent for too long"),
            Ending::ClosedByClient => {
                String::from("the client closed the connection without DISCONNECT")
            }
            Ending::ClosedByServer => String::from("the server closed the connection"),
            Ending::Disconnect { reason_code, .. } => {
                let code = u8::from(reason_code);
                format!("the client sent DISCONNECT 0x{code:02X}")
            }
            Ending::TakenOver { .. } => String::from("the client has a new connection"),
            Ending::SessionEnded => String::from("the Session ended"),
        };
        let unseen = self.is_unsure && !matches!(ending, Ending::Disconnect { .. });
        let (fate, unless) = match (ending, kept.fate(ending)) {
            (Ending::TakenOver { .. }, WillFate::Discard) => {
                let ending = Ending::TakenOver { clean_start: true };
                let unless = "the new connection has Clean Start 0";
                (kept.fate(ending), Some(unless))
            }
            (_, fate) if unseen => (fate, Some("a DISCONNECT passed unseen")),
            (_, fate @ WillFate::PublishAfter { .. }) => (fate, Some("the client is back before")),
            (_, fate) => (fate, None),
        };
        Some(Outcome {
            will: connect.will?,
            fate,
            unless,
            cause,
            statement: kept.statement(ending),
        })
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        self.connect.as_ref().map_or(0, |(bytes, _)| bytes.len())
    }

    fn connect(&self, rules: DecodeRules) -> Option<Packet<'_>> {
        let (bytes, version) = self.connect.as_ref()?;
        let dialect = rules.apply_to(Dialect::from_client(*version));
        Packet::decode(bytes, dialect).ok()
    }
}

fn ending_by_server(disconnect: &Disconnect<'_>) -> Ending {
    match disconnect.reason_code {
        ReasonCode::KeepAliveTimeout => Ending::KeepAliveExpired,
        // whether the new connection has Clean Start is unknown
        ReasonCode::SessionTakenOver => Ending::TakenOver { clean_start: false },
        _ => Ending::ClosedByServer,
    }
}
