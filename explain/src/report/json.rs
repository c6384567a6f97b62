//! The objects of `--json` and `judge`.

use mqtt_wire::monitor::Breach;
use mqtt_wire::will::WillFate;
use mqtt_wire::{DecodeError, Dialect, Packet, Waivers};
use serde::Serialize;
use serde_json::{Value, json};

use super::page::PageObject;
use super::view::View;
use crate::dissect::{Field, Secrets, dissect};
use crate::event::{Event, Record, Verdict};
use crate::names;
use crate::text::count;
use crate::will::Outcome;

/// An event as an object. The caller may add members.
pub fn event(event: &Event<'_>, view: View) -> serde_json::Result<Value> {
    match event {
        Event::Packet(record) => packet(record, view),
        Event::Unread { sender, length } => {
            let from = names::sender(*sender);
            Ok(json!({"verdict": "unread", "from": from, "length": length}))
        }
    }
}

/// A packet as an object.
pub fn packet(record: &Record<'_>, view: View) -> serde_json::Result<Value> {
    let (verdict, packet, error) = match &record.verdict {
        Verdict::Accept(packet) => ("accept", Some(packet), None),
        Verdict::Reject(error) => ("reject", None, Some(*error)),
        Verdict::Incomplete(_) => ("incomplete", None, None),
    };
    let fields = dissect(record.bytes, record.dialect);
    let breaches = record.breaches.as_ref();
    let mut object = serde_json::to_value(PacketObject {
        stream_offset: record.offset,
        length: record.bytes.len(),
        dialect: DialectObject::of(record.dialect, error),
        verdict,
        packet,
        error: error.map(|error| ErrorObject::new(error, record.needed_waivers.first)),
        waived: record
            .waived
            .iter()
            .copied()
            .map(ErrorObject::of_waived)
            .collect(),
        breaches: breaches.map(|breaches| breaches.iter().map(BreachObject::from).collect()),
        fields: fields
            .iter()
            .map(|field| FieldObject::new(field, record.bytes, view))
            .collect(),
        page: view.for_page.then(|| PageObject::new(record, view)),
    })?;
    if view.secrets == Secrets::Hide {
        object.get_mut("packet").into_iter().for_each(hide_secrets);
    }
    Ok(object)
}

#[derive(Serialize)]
struct PacketObject<'a> {
    stream_offset: usize,
    length: usize,
    dialect: DialectObject,
    verdict: &'static str,
    packet: Option<&'a Packet<'a>>,
    error: Option<ErrorObject>,
    waived: Vec<ErrorObject>,
    breaches: Option<Vec<BreachObject>>,
    fields: Vec<FieldObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PageObject>,
}

#[derive(Serialize)]
struct DialectObject {
    version: Option<String>,
    from: &'static str,
}

impl DialectObject {
    fn of(dialect: Dialect, error: Option<DecodeError>) -> Self {
        let version = match error {
            Some(error) => error.version(),
            None => Some(dialect.version()),
        };
        Self {
            version: version.map(|version| version.to_string()),
            from: names::sender(dialect.sender()),
        }
    }
}

/// The fate of a Will as an object.
pub fn will(outcome: &Outcome<'_>) -> Value {
    let (fate, seconds) = match outcome.fate {
        WillFate::Discard => ("discard", 0),
        WillFate::Publish => ("publish", 0),
        WillFate::PublishAfter { delay, .. } => ("publish", delay.as_secs()),
    };
    json!({
        "fate": fate,
        "seconds": seconds,
        "unless": outcome.unless,
        "cause": outcome.cause,
        "statement": outcome.statement.map(|it| it.to_string()),
        "topic": outcome.will.topic,
    })
}

/// An error as an object.
#[derive(Debug, Serialize)]
pub struct ErrorObject {
    kind: &'static str,
    offset: usize,
    field: String,
    statement: Option<String>,
    statements: Vec<String>,
    reason_code: Option<String>,
    waiver: Option<&'static str>,
}

impl ErrorObject {
    /// An error, and the waivers that cover it.
    pub fn new(error: DecodeError, waivers: Waivers) -> Self {
        Self {
            kind: error.kind().name(),
            offset: error.offset(),
            field: error.field().to_string(),
            statement: error.statement().map(|statement| statement.to_string()),
            statements: error.statements().map(|it| it.to_string()).collect(),
            reason_code: names::error_code(error).map(|code| format!("{code:#04x}")),
            waiver: names::waivers(waivers).first().copied(),
        }
    }

    /// An error that was waived.
    pub fn of_waived(error: DecodeError) -> Self {
        let waivers = Waivers::of(&error.violation());
        Self::new(error, waivers.unwrap_or_default())
    }
}

/// A broken rule of the conversation, as an object.
#[derive(Debug, Serialize)]
pub struct BreachObject {
    kind: &'static str,
    from: &'static str,
    statements: Vec<String>,
    reason_code: Option<String>,
}

impl From<&Breach> for BreachObject {
    fn from(breach: &Breach) -> Self {
        let code = breach.reason_code().map(u8::from);
        Self {
            kind: breach.kind().name(),
            from: names::sender(breach.sender()),
            statements: breach.statements().map(|it| it.to_string()).collect(),
            reason_code: code.map(|code| format!("{code:#04x}")),
        }
    }
}

#[derive(Serialize)]
struct FieldObject<'a> {
    name: &'a str,
    offset: usize,
    length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<String>,
    value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Self>,
}

impl<'a> FieldObject<'a> {
    fn new(field: &'a Field, packet: &[u8], view: View) -> Self {
        let value = field.text(packet, view.limit(1024), view.secrets);
        let children = field.children.iter();
        Self {
            name: &field.name,
            offset: field.span.start,
            length: field.span.len(),
            bits: field.is_bits().then(|| field.draw_bits(packet)),
            value: (!value.is_empty()).then_some(value),
            children: children
                .map(|field| FieldObject::new(field, packet, view))
                .collect(),
        }
    }
}

fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(hex) if name == "password" || name == "authentication_data" => {
                        *hex = format!("hidden ({})", count(hex.len() / 2, "byte"));
                    }
                    value => hide_secrets(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}
