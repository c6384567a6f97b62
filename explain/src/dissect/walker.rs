//! The walk over the bytes of a packet, one field after the other.

use std::borrow::Cow;
use std::ops::Range;

use mqtt_wire::{Dialect, PacketType, Version};

use super::bits::Bits;
use super::field::{Field, Value};
use crate::fixed_header::VariableByteInteger;
use crate::text::count;

/// The place in the packet, and the fields so far.
///
/// Methods that return an `Option` return `None` when the bytes run out; they have added a field
/// for the missing bytes.
pub(super) struct Walker<'a> {
    pub packet: &'a [u8],
    pub at: usize,
    /// The end of the innermost scope: a property block, the body, all bytes.
    pub end: usize,
    pub version: Version,
    pub packet_type: PacketType,
    /// Bytes that no field explains may be a secret.
    pub hides: bool,
    /// The packet may have a password that was not found yet.
    pub lost_password: bool,
    pub fields: Vec<Field>,
}

/// The content of a field with a length of two bytes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Content {
    Text,
    Data,
    /// Data that nobody should see.
    Secret,
}

impl<'a> Walker<'a> {
    pub(super) fn new(packet: &'a [u8], dialect: Dialect) -> Self {
        Self {
            packet,
            at: 0,
            end: packet.len(),
            version: dialect.version(),
            packet_type: PacketType::Auth,
            hides: false,
            lost_password: false,
            fields: Vec::new(),
        }
    }

    /// Adds the rest of the scope as bytes that no field explains.
    pub(super) fn not_understood(&mut self, name: &'static str) {
        if self.at < self.end {
            let span = self.at..self.end;
            self.at = self.end;
            let mut field = Field::new(name, span.clone(), Value::NotUnderstood(span.clone()));
            field.secret = self.hides && span.len() > 2;
            self.fields.push(field);
        }
    }

    pub(super) fn group(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        walk: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let start = self.at;
        let place = self.fields.len();
        let done = walk(self);
        let children = self.fields.split_off(place);
        let mut field = Field::new(name, start..self.at, Value::None);
        field.children = children;
        self.fields.push(field);
        done
    }

    /// Adds a UTF-8 Encoded String and returns the range of its text.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Range<usize>> {
        self.prefixed(name, Content::Text)
    }

    /// Adds Binary Data.
    pub(super) fn data(&mut self, name: &'static str) -> Option<()> {
        self.prefixed(name, Content::Data).map(|_| ())
    }

    /// Adds Binary Data that nobody should see.
    pub(super) fn secret_data(&mut self, name: &'static str) -> Option<()> {
        self.prefixed(name, Content::Secret).map(|_| ())
    }

    fn prefixed(&mut self, name: &'static str, content: Content) -> Option<Range<usize>> {
        if let Some(span) = self.prefixed_span() {
            self.at = span.end;
            let inside = span.start + 2..span.end;
            self.fields.push(prefixed_field(name, span, content));
            return Some(inside);
        }
        let start = self.at;
        let (length_span, length) = self.integer(name, 2)?;
        let rest = self.at..self.end;
        let here = count(rest.len(), "byte");
        self.at = self.end;
        let mut cut = Field::new("cut off", rest.clone(), Value::NotUnderstood(rest));
        cut.secret = content == Content::Secret || self.hides;
        let words = format!("{length}, but only {here} follow");
        let length = Field::new("Length", length_span, Value::Words(words));
        let mut field = Field::new(name, start..self.end, Value::None);
        field.children = vec![length, cut];
        self.fields.push(field);
        None
    }

    /// The range of a field with a length of two bytes, if all of it is there.
    pub(super) fn prefixed_span(&self) -> Option<Range<usize>> {
        let prefix = self.packet.get(self.at..self.end)?.first_chunk()?;
        let end = self.at + 2 + usize::from(u16::from_be_bytes(*prefix));
        (end <= self.end).then_some(self.at..end)
    }

    /// Reads a number of one, two or four bytes.
    pub(super) fn integer(
        &mut self,
        name: &'static str,
        length: usize,
    ) -> Option<(Range<usize>, u32)> {
        let span = self.take(name, length)?;
        let bytes = self.packet.get(span.clone()).unwrap_or_default();
        let value = bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u32::from(*byte));
        Some((span, value))
    }

    pub(super) fn variable_byte_integer(
        &mut self,
        name: &'static str,
    ) -> Option<(usize, Range<usize>)> {
        let rest = self.packet.get(self.at..self.end).unwrap_or_default();
        if let Some(number) = VariableByteInteger::read(rest) {
            let start = self.at;
            self.at += number.len;
            return Some((number.value, start..self.at));
        }
        let problem = match rest.len() {
            0 => "missing",
            4.. => "more than four bytes",
            _ => "not finished",
        };
        let span = self.at..self.at + rest.len().min(4);
        self.at = span.end;
        self.push(name, span, Value::Words(problem.into()));
        None
    }

    /// Advances past the bytes of a field that the caller will add.
    pub(super) fn take(&mut self, name: &'static str, length: usize) -> Option<Range<usize>> {
        let here = self.end - self.at;
        let span = self.at..self.at + length.min(here);
        self.at = span.end;
        if here >= length {
            return Some(span);
        }
        let words = match here {
            0 => String::from("missing"),
            _ => format!("cut off: {here} of {length} bytes"),
        };
        self.push(name, span, Value::Words(words));
        None
    }

    pub(super) fn push(&mut self, name: &'static str, span: Range<usize>, value: Value) {
        self.fields.push(Field::new(name, span, value));
    }

    pub(super) fn push_bits(&mut self, name: &'static str, span: Range<usize>, bits: &[Bits]) {
        let words = format!("0x{:02X}", self.byte_at(span.start));
        let mut field = Field::new(name, span, Value::Words(words));
        field.children = self.bits(&field, bits);
        self.fields.push(field);
    }

    pub(super) fn bits(&self, byte_field: &Field, bits: &[Bits]) -> Vec<Field> {
        let byte = self.byte_at(byte_field.span.start);
        let field = |(mask, name, text): &Bits| {
            let value = (byte & mask) >> mask.trailing_zeros();
            let words = Value::Words(text(value, self.version));
            let mut field = Field::new(*name, byte_field.span.clone(), words);
            field.bits = *mask;
            field
        };
        bits.iter().map(field).collect()
    }

    pub(super) fn byte_at(&self, place: usize) -> u8 {
        self.packet.get(place).copied().unwrap_or_default()
    }
}

/// A field with its length of two bytes and its content.
pub(super) fn prefixed_field(name: &'static str, span: Range<usize>, content: Content) -> Field {
    let inside = span.start + 2..span.end;
    let value = match content {
        Content::Text => Value::Text(inside.clone()),
        Content::Data | Content::Secret => Value::Data(inside.clone()),
    };
    let secret = content == Content::Secret;
    let words = Value::Words(inside.len().to_string());
    let length = Field::new("Length", span.start..span.start + 2, words);
    let mut inner = Field::new("Content", inside, value.clone());
    inner.secret = secret;
    let mut field = Field::new(name, span, value);
    field.secret = secret;
    field.folded = true;
    field.children = vec![length, inner];
    field
}
