//! The members that only the page needs, in the objects of `--json`.

use serde::Serialize;

use super::details::{Finding, findings, place, tree};
use super::line::sentence;
use super::tree::Row;
use super::view::View;
use crate::dissect::dissect;
use crate::event::Record;
use crate::{hex, hint};

/// A packet as the page shows it.
#[derive(Serialize)]
pub struct PageObject {
    /// All bytes in hex, also those of secrets.
    hex: String,
    /// The offsets of the bytes of secrets, if these are hidden.
    secret: Vec<usize>,
    sentence: String,
    rows: Vec<RowObject>,
    findings: Vec<FindingObject>,
    nearest: Option<NearestObject>,
}

impl PageObject {
    pub fn new(record: &Record<'_>, view: View) -> Self {
        let fields = dissect(record.bytes, record.dialect);
        let tree = tree(record, &fields, view);
        let secret = tree.secret.iter().enumerate();
        Self {
            hex: hex::encode(record.bytes),
            secret: secret
                .filter_map(|(offset, is_secret)| is_secret.then_some(offset))
                .collect(),
            sentence: sentence(record, view),
            rows: tree.rows().iter().map(RowObject::new).collect(),
            findings: findings(record)
                .into_iter()
                .map(FindingObject::new)
                .collect(),
            nearest: hint::nearest(record).map(|(offset, values)| NearestObject { offset, values }),
        }
    }
}

/// A line of the tree of fields.
#[derive(Serialize)]
struct RowObject {
    depth: usize,
    name: String,
    offset: usize,
    length: usize,
    /// 255 for a field of whole bytes.
    bits: u8,
    text: String,
    note: Option<String>,
}

impl RowObject {
    fn new(row: &Row<'_>) -> Self {
        Self {
            depth: row.depth,
            name: row.field.name.to_string(),
            offset: row.field.span.start,
            length: row.field.span.len(),
            bits: row.field.bits,
            text: row.text.clone(),
            note: row.note.map(String::from),
        }
    }
}

#[derive(Serialize)]
struct FindingObject {
    label: &'static str,
    /// The whole text, or for a rule its place in the standard.
    text: String,
    rule: Option<&'static str>,
}

impl FindingObject {
    fn new(finding: Finding) -> Self {
        let rule = finding.rule;
        Self {
            label: finding.label,
            text: rule.map_or(finding.text, place),
            rule: rule.map(|statement| statement.rule()),
        }
    }
}

/// Values of one byte with which the packet is valid.
#[derive(Serialize)]
struct NearestObject {
    offset: usize,
    values: Vec<u8>,
}
