//! Lines for the terminal: their width, and ASCII where the locale has no UTF-8.

use std::env;
use std::io::{self, IsTerminal, Write};

use textwrap::core::{Word, break_words, display_width};

/// The width of the terminal, if the standard output is one.
pub fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size()?;
    // a terminal without a known width has 0
    Some(usize::from(width.0)).filter(|width| *width > 0)
}

/// Whether the locale has no UTF-8. If no variable names a locale, it has. Windows needs none.
pub fn is_ascii() -> bool {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut values = variables.iter().filter_map(env::var_os);
    let Some(locale) = values.find(|value| !value.is_empty()) else {
        return false;
    };
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    cfg!(unix) && !locale.contains("utf-8") && !locale.contains("utf8")
}

/// An output of text that wraps lines at a width, and replaces characters that are not ASCII.
pub struct TextLines<W> {
    out: W,
    width: Option<usize>,
    is_ascii: bool,
    /// The line that is not complete yet.
    line: Vec<u8>,
}

impl<W: Write> TextLines<W> {
    /// The least width at which lines are wrapped.
    const LEAST_WIDTH: usize = 20;

    pub fn new(out: W, width: Option<usize>, is_ascii: bool) -> Self {
        Self {
            out,
            width: width.map(|width| width.max(Self::LEAST_WIDTH)),
            is_ascii,
            line: Vec::new(),
        }
    }

    /// Writes the line.
    fn end_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let mut text = String::from_utf8_lossy(&line);
        if self.is_ascii && !text.is_ascii() {
            text = ascii(&text).into();
        }
        match self.width {
            // a line has no more columns than bytes
            Some(width) if text.trim_end().len() > width => {
                self.out.write_all(wrap(&text, width).as_bytes())?;
            }
            _ => self.out.write_all(text.as_bytes())?,
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> Write for TextLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        self.out.flush()
    }
}

/// An output without styles. A style is a sequence from ESC to "m"; the program writes no others.
pub struct Plain<W> {
    out: W,
    is_in_style: bool,
}

impl<W: Write> Plain<W> {
    pub fn new(out: W) -> Self {
        let is_in_style = false;
        Self { out, is_in_style }
    }
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const ESC: u8 = 0x1b;
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = if self.is_in_style { b'm' } else { ESC };
            let at = memchr::memchr(end, rest);
            let (part, after) = rest.split_at(at.unwrap_or(rest.len()));
            if !self.is_in_style {
                self.out.write_all(part)?;
            }
            self.is_in_style ^= at.is_some();
            rest = after.get(1..).unwrap_or_default();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text in ASCII.
fn ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !byte.is_ascii()) {
        let (plain, other) = rest.split_at(at);
        ascii += plain;
        let mut characters = other.chars();
        match characters.next() {
            Some(arrow @ ('→' | '←')) => {
                // keeps the columns of a table
                if ascii.ends_with("  ") {
                    ascii.pop();
                }
                ascii += if arrow == '→' { "->" } else { "<-" };
            }
            Some('…') => {
                ascii += "...";
                let after = characters.as_str();
                if let (true, Some(after)) = (after.starts_with("   "), after.get(2..)) {
                    characters = after.chars();
                }
            }
            Some('·') => ascii += "*",
            other => ascii.extend(other.iter().flat_map(|it| it.escape_unicode())),
        }
        rest = characters.as_str();
    }
    ascii + rest
}

/// A line in several, the later ones with an indent.
fn wrap(line: &str, width: usize) -> String {
    let end = if line.ends_with('\n') { "\n" } else { "" };
    let line = line.trim_end_matches('\n');
    let indent = indent(line, width);
    let words = words(line);
    let words = break_words(words, width - indent);
    let mut wrapped = String::with_capacity(line.len() + 64);
    let mut style = Style::default();
    let mut column = 0;
    for word in words {
        let length = display_width(word.word);
        if column + length > width && column > indent {
            let kept = wrapped.trim_end_matches(' ').len();
            wrapped.truncate(kept);
            // a pager forgets the style at the end of a line
            wrapped += style.end();
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            wrapped += &style.active;
            column = indent;
        }
        style.read(word.word);
        wrapped += word.word;
        wrapped += word.whitespace;
        column += length + word.whitespace.len();
    }
    wrapped += end;
    wrapped
}

/// The words of a line, with the spaces behind them.
fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let start = rest.len() - rest.trim_start_matches(' ').len();
        let length = rest.get(start..).and_then(|it| it.find(' '));
        let end = length.map_or(rest.len(), |length| start + length);
        let (word, after) = rest.split_at(end);
        let spaces = after.len() - after.trim_start_matches(' ').len();
        let (_, after) = after.split_at(spaces);
        let with_spaces = rest.get(..end + spaces).unwrap_or(word);
        words.push(Word::from(with_spaces));
        rest = after;
    }
    words
}

/// The column of the text in a line: behind the last two or more spaces, and behind a mark
/// that follows them, if a third of the width is left.
fn indent(line: &str, width: usize) -> usize {
    let plain = anstream::adapter::strip_str(line).to_string();
    let quoted = plain.find(['"', '\'']).unwrap_or(plain.len());
    let head = plain.get(..quoted).unwrap_or(&plain);
    let mut indent = 0;
    let mut spaces = 0;
    let mut mark = None;
    for (column, character) in head.chars().enumerate() {
        if column > width * 2 / 3 {
            break;
        }
        if character == ' ' {
            spaces += 1;
        } else {
            if spaces >= 2 || (spaces == 1 && mark.is_some_and(|mark| mark + 2 == column)) {
                indent = column;
            }
            let begins = spaces >= 2 && indent == column;
            let is_mark = matches!(character, '→' | '←' | '!' | '~' | '-' | '<' | '>');
            let continues = spaces == 0 && mark.is_some_and(|mark| mark + 1 == column);
            mark = (is_mark && (begins || continues)).then_some(column);
            spaces = 0;
        }
    }
    indent
}

/// The escape sequences that are in force.
#[derive(Default)]
struct Style {
    active: String,
}

impl Style {
    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(start) = rest.find('\x1b') {
            let (_, sequence) = rest.split_at(start);
            let Some(end) = sequence.find('m') else {
                return;
            };
            let (sequence, after) = sequence.split_at(end + 1);
            match sequence {
                "\x1b[0m" => self.active.clear(),
                _ => self.active += sequence,
            }
            rest = after;
        }
    }

    fn end(&self) -> &'static str {
        if self.active.is_empty() {
            ""
        } else {
            "\x1b[0m"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(text: &str, width: Option<usize>, is_ascii: bool) -> String {
        let mut out = Vec::new();
        let mut lines = TextLines::new(&mut out, width, is_ascii);
        for byte in text.as_bytes() {
            lines.write_all(&[*byte]).unwrap();
        }
        lines.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_text_has_no_styles_wherever_it_is_cut() {
        let styled = b"a\x1b[1m\x1b[31mmmb\x1b[0m\nc\x1b[0m";
        for cut in 0..=styled.len() {
            let mut out = Vec::new();
            let mut plain = Plain::new(&mut out);
            plain.write_all(&styled[..cut]).unwrap();
            plain.write_all(&styled[cut..]).unwrap();
            assert_eq!(out, b"ammb\nc");
        }
    }

    #[test]
    fn wraps_with_the_indent_of_the_text() {
        let line = "     2  #1  → PUBLISH \"a  b\" QoS 0, hello and much more\n";
        let expected = "     2  #1  → PUBLISH \"a  b\"\n              QoS 0, hello and\n              much more\n";
        assert_eq!(print(line, Some(30), false), expected);
        let line = "  rule      MQTT-1: one two three four\n";
        let expected = "  rule      MQTT-1: one two\n            three four\n";
        assert_eq!(print(line, Some(28), false), expected);
    }

    #[test]
    fn nothing_is_cut() {
        let word = "0123456789".repeat(9);
        for width in [1, 20, 33, 80] {
            let wrapped = print(&format!("  a  {word}…é {word}\n"), Some(width), false);
            let joined: String = wrapped.split_whitespace().collect();
            assert_eq!(joined, format!("a{word}…é{word}"));
            let longest = wrapped.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= width.max(20), "{wrapped}");
        }
    }

    #[test]
    fn a_line_that_fits_stays() {
        let line = "\x1b[1m\x1b[31m12345678901234567890\x1b[0m\n";
        assert_eq!(print(line, Some(20), false), line);
    }

    #[test]
    fn each_line_has_its_own_colours() {
        let line = "\x1b[31mred words that are long and red\x1b[0m\n";
        let expected = "\x1b[31mred words that are\x1b[0m\n\x1b[31mlong and red\x1b[0m\n";
        assert_eq!(print(line, Some(20), false), expected);
    }

    #[test]
    fn replaces_characters_that_are_not_ascii() {
        let table = "  → packets   ← packets\n04 4D …     Name\n";
        let expected = " -> packets  <- packets\n04 4D ...   Name\n";
        assert_eq!(print(table, None, true), expected);
        assert_eq!(
            print("a → b ← c … ·· é\n", None, true),
            "a -> b <- c ... ** \\u{e9}\n"
        );
    }
}
