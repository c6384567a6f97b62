//! The fields of a packet as a tree.

use std::io::{self, Write};
use std::ops::Range;

use mqtt_wire::{DecodeError, ErrorKind};

use super::style::{BAD, FAINT, FAULT, NAME, TEXT, paint};
use super::view::View;
use crate::dissect::{Field, Value};

/// The fields of a packet, with a mark on the one at fault.
pub struct Tree<'a> {
    pub packet: &'a [u8],
    pub fields: &'a [Field],
    pub secret: Vec<bool>,
    pub fault: Option<Mark<'a>>,
    pub view: View,
}

/// A line of the tree.
pub struct Row<'a> {
    pub field: &'a Field,
    pub depth: usize,
    /// The value for people to read; may be empty.
    pub text: String,
    pub note: Option<&'a str>,
}

impl<'a> Tree<'a> {
    /// The number of bytes that fit into their column.
    const BYTES: usize = 8;

    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.rows()
            .iter()
            .try_for_each(|row| self.write_row(out, row))
    }

    /// The lines, without the parts of folded fields unless one of them is at fault.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        self.add_rows(self.fields, 0, &mut rows);
        rows
    }

    fn add_rows<'t>(&'t self, fields: &'a [Field], depth: usize, rows: &mut Vec<Row<'t>>) {
        let fault = self.fault.as_ref();
        for field in fields {
            rows.push(Row {
                field,
                depth,
                text: field.text(self.packet, self.view.limit(64), self.view.secrets),
                note: fault.and_then(|mark| mark.note(field)),
            });
            if !field.folded || fault.is_some_and(|mark| mark.is_inside(field)) {
                self.add_rows(&field.children, depth + 1, rows);
            }
        }
    }

    fn write_row(&self, out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
        let field = row.field;
        if field.is_bits() {
            write!(out, "{:34}", "")?;
        } else {
            paint(out, FAINT, &format!("{:>6}  ", field.span.start))?;
            // the bytes of a branch are shown with its children
            let branch = !field.folded && field.children.iter().any(|it| !it.is_bits());
            let bytes = if branch { 0..0 } else { field.span.clone() };
            write!(out, "{:26}", self.bytes(bytes))?;
        }
        write!(out, "{:1$}", "", row.depth * 2)?;
        if field.is_bits() {
            write!(out, "{} = ", field.draw_bits(self.packet))?;
        }
        let style = match field.value {
            Value::NotUnderstood(_) => FAULT,
            _ => NAME,
        };
        paint(out, style, &field.name)?;
        if !row.text.is_empty() {
            write!(out, ": ")?;
            match field.value {
                Value::Words(_) => write!(out, "{}", row.text)?,
                _ => paint(out, TEXT, &row.text)?,
            }
        }
        if let Some(note) = row.note {
            paint(out, BAD, &format!("   <- {note}"))?;
        }
        writeln!(out)
    }

    fn bytes(&self, span: Range<usize>) -> String {
        let most = if span.len() > Self::BYTES {
            Self::BYTES - 1
        } else {
            span.len()
        };
        let mut text = String::new();
        for place in span.clone().take(most) {
            match (self.packet.get(place), self.secret.get(place)) {
                (_, Some(true)) => text.push_str("·· "),
                (Some(byte), _) => text.push_str(&format!("{byte:02X} ")),
                (None, _) => {}
            }
        }
        if most < span.len() {
            text.push('…');
        }
        text
    }
}

/// The field at fault, and another one that is the reason.
pub struct Mark<'a> {
    /// The innermost field of whole bytes that has the fault.
    field: Option<&'a Field>,
    offset: usize,
    /// The bits at fault; all bits if the fault is not about single ones.
    bits: u8,
    /// Bits of the same byte that make the others wrong.
    because: u8,
    note: String,
}

impl<'a> Mark<'a> {
    pub fn new(error: DecodeError, fields: &'a [Field]) -> Self {
        use ErrorKind as K;
        let (bits, because) = match error.kind() {
            K::ReservedPacketType | K::WrongSender | K::FirstPacketNotConnect => (0xf0, 0),
            K::FixedHeaderFlags => (0x0f, 0),
            K::PublishQos3 => (0x06, 0),
            K::DupWithQos0 => (0x08, 0x06),
            K::ConnectFlagReserved => (0x01, 0),
            K::WillQosWithoutWill => (0x18, 0x04),
            K::WillRetainWithoutWill => (0x20, 0x04),
            K::WillQos3 => (0x18, 0),
            K::PasswordWithoutUserName => (0x40, 0x80),
            K::ConnAckFlags => (0xfe, 0),
            K::SessionPresentWithRefusal => (0x01, 0),
            K::SubscriptionOptions => (0xfc, 0),
            K::SubscriptionQos3 => (0x03, 0),
            K::RetainHandling3 => (0x30, 0),
            K::NoLocalOnShared => (0x04, 0),
            _ => (0xff, 0),
        };
        Self {
            field: innermost(fields, error.offset()),
            offset: error.offset(),
            bits,
            because,
            note: error.kind().to_string(),
        }
    }

    /// Whether the fault is in the middle of the field.
    fn is_inside(&self, field: &Field) -> bool {
        self.offset > field.span.start && field.span.contains(&self.offset)
    }

    fn note(&self, field: &Field) -> Option<&str> {
        let marked = self.field?;
        let bits = |field: &Field| field.bits & self.bits == field.bits;
        // if all bits of a field are at fault, the mark is on them and not on the byte
        let by_bits = marked.children.iter().any(|it| it.is_bits() && bits(it));
        if !field.is_bits() {
            return (std::ptr::eq(field, marked) && !by_bits).then_some(&self.note);
        }
        if field.span != marked.span || self.bits == 0xff {
            return None;
        }
        if bits(field) {
            return Some(&self.note);
        }
        (self.because & field.bits != 0).then_some("because of this")
    }
}

/// The field that is missing at `offset`, or the deepest visible one with that byte.
fn innermost(fields: &[Field], offset: usize) -> Option<&Field> {
    missing(fields, offset).or_else(|| deepest(fields, offset))
}

fn missing(fields: &[Field], offset: usize) -> Option<&Field> {
    let is_missing = |field: &Field| {
        let has_mark = matches!(&field.value, Value::Words(words) if words == "missing");
        has_mark && field.span == (offset..offset)
    };
    fields.iter().find_map(|field| {
        if is_missing(field) {
            Some(field)
        } else {
            missing(&field.children, offset)
        }
    })
}

fn deepest(fields: &[Field], offset: usize) -> Option<&Field> {
    let has_it = |field: &&Field| !field.is_bits() && field.span.contains(&offset);
    let field = fields.iter().find(has_it)?;
    if field.folded && offset == field.span.start {
        return Some(field);
    }
    deepest(&field.children, offset).or(Some(field))
}
