//! Counts instructions under callgrind, which other load on the machine does not affect.
//! `rumqttc-port` shares this file.
//!
//! The program runs itself again under valgrind. Callgrind counts while `stopwatch::measured` runs,
//! and writes a file with the sum each time [`section`] returns.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::stopwatch::MEASURED;

/// Each piece of work is counted twice, with these numbers of repetitions. The difference excludes
/// work that happens once, such as the growth of a buffer.
const RUNS: [u32; 2] = [1, 3];

/// Runs this program with these arguments and this input under callgrind. It has to call [`counted`]
/// for `pieces` pieces of work. Returns the instructions of one repetition of each.
pub fn count(args: &[&str], input: &str, pieces: usize) -> Result<Vec<f64>, String> {
    let folder = Folder::new()?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let child = Command::new("valgrind")
        // memcpy as all processors have it: callgrind counts `rep movsb` once for each byte
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-ERMS,-SSE4_1,-SSSE3",
        )
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", folder.file()))
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--dump-after={SECTION}"))
        .arg(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("valgrind: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let written = stdin.write_all(input.as_bytes());
        written.map_err(|error| error.to_string())?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let counts = (0..pieces).map(|piece| {
        let (few, many) = (folder.total(2 * piece + 1)?, folder.total(2 * piece + 2)?);
        Ok((many - few) / f64::from(RUNS[1] - RUNS[0]))
    });
    counts.collect()
}

/// Does a piece of work, which is passed the number of repetitions.
pub fn counted(mut work: impl FnMut(u32)) {
    for runs in RUNS {
        section(&mut || work(runs));
    }
}

#[inline(never)]
fn section(work: &mut dyn FnMut()) {
    work();
}

/// The path of [`section`].
const SECTION: &str = concat!(module_path!(), "::section");

/// A folder for callgrind's files, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let name = format!("callgrind.{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    fn file(&self) -> String {
        self.0.join("out").display().to_string()
    }

    fn total(&self, number: usize) -> Result<f64, String> {
        let path = self.0.join(format!("out.{number}"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        total
            .and_then(|total| total.trim().parse().ok())
            .ok_or_else(|| format!("{}: no total", path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
