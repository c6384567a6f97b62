//! Where everything is printed, and which part of it.

use std::io::{self, Write};

use mqtt_wire::Sender;
use serde_json::Value;

use super::hidden::Hidden;
use super::line::arrow;
use super::statistics::{statistics, statistics_object};
use super::style::paint;
use super::view::{Times, View};
use super::websocket::{notice as notice_text, notice_object};
use crate::event::Notice;
use crate::filter::Filter;
use crate::statistics::Wanted;

/// The output of the program.
pub struct Output<'a> {
    pub out: Box<dyn Write + 'a>,
    pub view: View,
    pub times: Times,
    pub is_json: bool,
    pub filter: Filter,
    /// The counts for the summary, if one is wanted.
    pub statistics: Wanted,
    /// How many connections have no lines because of the filter.
    pub hidden: Hidden,
}

impl Output<'_> {
    /// Whether lines about packets are printed, and not only a summary.
    pub fn has_lines(&self) -> bool {
        self.statistics.get().is_none() || self.filter.only_invalid
    }

    /// Writes a line about something of WebSocket in a recorded stream.
    pub fn notice(&mut self, sender: Sender, notice: &Notice) -> io::Result<()> {
        let is_fault = matches!(notice, Notice::Fault(..));
        if !self.has_lines() || !is_fault && self.filter.is_partial() {
            return Ok(());
        }
        if self.is_json {
            let object = notice_object(sender, notice, self.view);
            return writeln!(self.out, "{object}");
        }
        write!(self.out, "{} ", arrow(sender))?;
        let (style, text) = notice_text(notice, self.view);
        paint(&mut *self.out, style, &text)?;
        writeln!(self.out)
    }

    /// Writes the summary if one is wanted. `capture` are more members for JSON.
    pub fn summary(&mut self, capture: Option<Value>) -> io::Result<()> {
        let Some(sums) = self.statistics.get() else {
            return Ok(());
        };
        if self.is_json {
            let mut object = statistics_object(sums, self.times);
            if let (Some(members), Some(capture)) = (object.as_object_mut(), capture) {
                members.insert("capture".into(), capture);
            }
            return writeln!(self.out, "{object}");
        }
        statistics(&mut self.out, sums, self.times)
    }
}
