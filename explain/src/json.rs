//! `--json`: one object for each packet, a line each.

use mqtt_wire::{DecodeError, Dialect, Packet, Sender, WillFate};
use serde::Serialize;
use serde_json::{Value, json};

use crate::conversation::Event;
use crate::dissect::{Field, count, dissect};
use crate::judge::{BreachNames, Fault};
use crate::report::View;
use crate::stream::{Record, Verdict};
use crate::will::Outcome;

/// Something in a conversation as an object. Further members may be added to it.
pub fn event(event: &Event<'_>, view: View) -> serde_json::Result<Value> {
    let (verdict, length) = match event {
        Event::Packet(record) => return packet(record, view),
        Event::Unread(_, length) => ("unread", json!(length)),
        Event::Gap(_, length) => ("missing", json!(length)),
    };
    let from = sender_name(event.sender());
    Ok(json!({"verdict": verdict, "from": from, "length": length}))
}

/// A packet as an object.
pub fn packet(record: &Record<'_>, view: View) -> serde_json::Result<Value> {
    let (verdict, packet, error) = match &record.verdict {
        Verdict::Accept(packet) => ("accept", Some(packet), None),
        Verdict::Reject(error) => ("reject", None, Some(*error)),
        Verdict::Incomplete(_) => ("incomplete", None, None),
    };
    let limit = if view.full { usize::MAX } else { 1024 };
    let fields = dissect(record.bytes, record.dialect);
    let breaches = record.breaches.as_ref();
    let mut object = serde_json::to_value(Object {
        stream_offset: record.offset,
        length: record.bytes.len(),
        dialect: Names::of(record.dialect, error),
        verdict,
        packet,
        error: error.map(|error| Fault::new(error, record.remedy.waiver)),
        waived: record.waived.iter().copied().map(Fault::from).collect(),
        breaches: breaches.map(|breaches| breaches.iter().map(BreachNames::from).collect()),
        fields: fields
            .iter()
            .map(|field| FieldObject::new(field, record.bytes, limit, view))
            .collect(),
    })?;
    if !view.show_secrets {
        object.get_mut("packet").into_iter().for_each(hide_secrets);
    }
    Ok(object)
}

#[derive(Serialize)]
struct Object<'a> {
    stream_offset: usize,
    length: usize,
    dialect: Names,
    verdict: &'static str,
    packet: Option<&'a Packet<'a>>,
    error: Option<Fault>,
    waived: Vec<Fault>,
    breaches: Option<Vec<BreachNames>>,
    fields: Vec<FieldObject<'a>>,
}

#[derive(Serialize)]
struct Names {
    version: Option<String>,
    from: &'static str,
}

impl Names {
    fn of(dialect: Dialect, error: Option<DecodeError>) -> Self {
        let version = match error {
            Some(error) => error.version(),
            None => Some(dialect.version()),
        };
        Self {
            version: version.map(|version| version.to_string()),
            from: sender_name(dialect.sender()),
        }
    }
}

/// What becomes of a Will.
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

pub fn sender_name(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "client",
        Sender::Server => "server",
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
    fn new(field: &'a Field, packet: &[u8], limit: usize, view: View) -> Self {
        let value = field.text(packet, limit, view.show_secrets);
        let children = field.children.iter();
        Self {
            name: &field.name,
            offset: field.span.start,
            length: field.span.len(),
            bits: field.is_bits().then(|| field.draw_bits(packet)),
            value: (!value.is_empty()).then_some(value),
            children: children
                .map(|field| FieldObject::new(field, packet, limit, view))
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
