//! Colours, and lines with a label.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
pub const FAINT: Style = Style::new().dimmed();
pub const NAME: Style = AnsiColor::Cyan.on_default();
pub const TEXT: Style = AnsiColor::Green.on_default();
pub const FAULT: Style = AnsiColor::Red.on_default();

/// Writes text in a style. The stream removes the style where colours are off. The style ends before
/// the end of the line, because pagers do not carry it on to the next one.
pub fn paint(out: &mut dyn Write, style: Style, text: &str) -> io::Result<()> {
    let line = text.trim_end_matches('\n');
    let end = text.get(line.len()..).unwrap_or_default();
    write!(out, "{style}{line}{style:#}{end}")
}

/// Writes a line with a label.
pub fn entry(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    styled_entry(out, NAME, label, text)
}

/// Writes a line with a label in a style.
pub fn styled_entry(out: &mut dyn Write, style: Style, label: &str, text: &str) -> io::Result<()> {
    write!(out, "  ")?;
    paint(out, style, &format!("{label:9}"))?;
    writeln!(out, " {text}")
}
