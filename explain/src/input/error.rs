//! Why the bytes in a text cannot be read, and where.

use std::fmt;

/// A place in the input that does not match its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The place in the text, in bytes, not counting a byte order mark.
    pub offset: usize,
    /// The text at this place, in printable form; empty at the end of the input.
    pub excerpt: String,
    /// The problem, in words.
    pub problem: String,
}

impl InputError {
    pub fn new(text: &str, offset: usize, problem: impl Into<String>) -> Self {
        const EXCERPT: usize = 24;
        let there = text.get(offset..).unwrap_or_default();
        let line = there.lines().next().unwrap_or_default();
        let mut excerpt: String = line.chars().take(EXCERPT).collect();
        if excerpt.len() < line.len() {
            excerpt.push('…');
        }
        Self {
            offset,
            excerpt,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.problem, self.offset)?;
        if !self.excerpt.is_empty() {
            write!(f, ": `{}`", self.excerpt)?;
        }
        Ok(())
    }
}

impl std::error::Error for InputError {}
