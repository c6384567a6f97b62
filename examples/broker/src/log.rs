//! The output: lines on stdout that nobody has to read, and text from peers that cannot harm a
//! terminal.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The most lines that wait for stdout. If nobody reads stdout, later ones are lost.
const MAX_LINES: usize = 1000;
/// The longest quoted text, in characters.
const MAX_QUOTED: usize = 100;

/// Prints the events of the broker to stdout, from a thread of its own.
///
/// A broker must not stop because its output does: `println!` waits if nobody reads a pipe, and
/// panics if it is closed.
pub fn to_stdout() -> io::Result<()> {
    let (lines, waiting) = sync_channel(MAX_LINES);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = LineWriter {
        lines,
        lost: lost.clone(),
    };
    thread::Builder::new()
        .name("log".into())
        .spawn(move || print(&waiting, &lost))?;
    tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_level(false)
        .init();
    Ok(())
}

fn print(waiting: &Receiver<Vec<u8>>, lost: &AtomicU64) {
    let mut stdout = io::stdout();
    for line in waiting {
        // a closed stdout is no reason to stop
        let _ = stdout.write_all(&line);
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => drop(writeln!(stdout, "{lost} lines of the log are lost")),
        }
    }
}

#[derive(Clone)]
struct LineWriter {
    lines: SyncSender<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

/// Each event is written with one call.
impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(line.to_vec()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text from a peer, in quotation marks: control characters are escaped, and long text is cut.
///
/// Without this, a client could forge lines of the log, or control the terminal that shows it.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars().take(MAX_QUOTED) {
            character
                .escape_debug()
                .try_for_each(|it| f.write_char(it))?;
        }
        match self.0.chars().count().saturating_sub(MAX_QUOTED) {
            0 => f.write_char('"'),
            more => write!(f, "\" and {more} more characters"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_has_no_control_characters() {
        let escapes = "\x1b]0;title\x07 \n\r\t \u{9b}31m \u{202e} \" é";
        assert_eq!(
            Quoted(escapes).to_string(),
            r#""\u{1b}]0;title\u{7} \n\r\t \u{9b}31m \u{202e} \" é""#
        );
    }

    #[test]
    fn long_text_is_cut_with_a_word() {
        assert_eq!(Quoted("abc").to_string(), r#""abc""#);
        let long = "a".repeat(MAX_QUOTED + 7);
        let quoted = Quoted(&long).to_string();
        assert_eq!(
            quoted.len(),
            MAX_QUOTED + r#""" and 7 more characters"#.len()
        );
        assert!(quoted.ends_with(r#"a" and 7 more characters"#));
    }

    #[test]
    fn a_writer_that_nobody_reads_does_not_block() {
        let (lines, waiting) = sync_channel(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = LineWriter { lines, lost };
        for _ in 0..5 {
            writer.write_all(b"line\n").unwrap();
        }
        assert_eq!(writer.lost.load(Ordering::Relaxed), 3);
        drop(waiting);
        writer.write_all(b"line\n").unwrap();
    }
}
