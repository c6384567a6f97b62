//! A labelled field of a packet, and its value in words.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{count, describe, quote};

/// A field of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in the standard.
    pub name: Cow<'static, str>,
    /// Its bytes, counted from the first byte of the packet.
    pub span: Range<usize>,
    /// The bits that it has in its one byte; all bits for fields of whole bytes.
    pub bits: u8,
    pub value: Value,
    /// The value may be a password or authentication data.
    pub secret: bool,
    /// The value of the field includes those of its children; only their offsets are new.
    pub folded: bool,
    pub children: Vec<Field>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// No value of its own.
    None,
    /// The meaning of the value, in words.
    Words(String),
    /// Text, in these bytes of the packet.
    Text(Range<usize>),
    /// A name and its value.
    Pair(Range<usize>, Range<usize>),
    /// Any bytes.
    Data(Range<usize>),
    /// Bytes that belong to no field.
    NotUnderstood(Range<usize>),
}
/// Whether to show secret values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Secrets {
    #[default]
    Hide,
    Show,
}

impl Field {
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        span: Range<usize>,
        value: Value,
    ) -> Self {
        Self {
            name: name.into(),
            span,
            bits: 0xff,
            value,
            secret: false,
            folded: false,
            children: Vec::new(),
        }
    }

    /// Whether the field is some bits of a byte.
    pub fn is_bits(&self) -> bool {
        self.bits != 0xff
    }

    /// The bits as protocol analysers draw them: `..01 0...`.
    pub fn draw_bits(&self, packet: &[u8]) -> String {
        let byte = packet.get(self.span.start).copied().unwrap_or_default();
        let mut drawing = String::with_capacity(9);
        for bit in (0..8).rev() {
            drawing.push(match (self.bits >> bit & 1, byte >> bit & 1) {
                (0, _) => '.',
                (_, 0) => '0',
                _ => '1',
            });
            if bit == 4 {
                drawing.push(' ');
            }
        }
        drawing
    }

    /// The value for people to read. Text and data of more than `limit` bytes are shortened.
    pub fn text(&self, packet: &[u8], limit: usize, secrets: Secrets) -> String {
        let is_hidden = self.secret && secrets == Secrets::Hide;
        let bytes = |span: &Range<usize>| packet.get(span.clone()).unwrap_or_default();
        match &self.value {
            Value::None => String::new(),
            Value::Words(words) => words.clone(),
            Value::Text(span) | Value::Data(span) | Value::NotUnderstood(span) if is_hidden => {
                format!("hidden ({})", count(span.len(), "byte"))
            }
            Value::Pair(name, value) if is_hidden => {
                format!("hidden ({})", count(name.len() + value.len(), "byte"))
            }
            Value::Text(span) => quote(bytes(span), limit),
            Value::Pair(name, value) => {
                let (name, value) = (bytes(name), bytes(value));
                format!("{} = {}", quote(name, limit), quote(value, limit))
            }
            Value::Data(span) | Value::NotUnderstood(span) => describe(bytes(span), limit),
        }
    }
}

/// For each byte of the packet, whether it belongs to a secret.
pub fn secret_bytes(fields: &[Field], packet_len: usize) -> Vec<bool> {
    let mut secret = vec![false; packet_len];
    mark_secrets(fields, &mut secret);
    secret
}

fn mark_secrets(fields: &[Field], secret: &mut [bool]) {
    for field in fields {
        let spans = match &field.value {
            Value::Text(span) | Value::Data(span) | Value::NotUnderstood(span) => {
                [Some(span), None]
            }
            Value::Pair(name, value) => [Some(name), Some(value)],
            Value::None | Value::Words(_) => [None, None],
        };
        for span in spans.into_iter().flatten().filter(|_| field.secret) {
            if let Some(bytes) = secret.get_mut(span.clone()) {
                bytes.fill(true);
            }
        }
        mark_secrets(&field.children, secret);
    }
}

/// Makes all text and data secret, except for a Protocol Name.
pub(super) fn hide(field: &mut Field) {
    if field.name == "Protocol Name" && field.span.len() <= 8 {
        return;
    }
    field.secret = true;
    field.children.iter_mut().for_each(hide);
}

/// How many bytes belong to no known field.
pub fn not_understood(fields: &[Field]) -> usize {
    let own = |field: &Field| match &field.value {
        Value::NotUnderstood(span) => span.len(),
        _ => not_understood(&field.children),
    };
    fields.iter().map(own).sum()
}
