//! Counts instructions under callgrind, which other load on the machine does not affect.
//!
//! The program runs itself again under valgrind. Callgrind counts while `measure::measured` runs,
//! and writes a file with the sum when [`run`] returns.

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::codecs;
use crate::measure::Codec;
use crate::peer::Task;
use crate::workload::Cell;

/// The command with which the program runs itself. Not for users.
pub const COMMAND: &str = "counted";

/// Each piece of work is counted twice, with these numbers of repetitions. The difference excludes
/// work that happens once, such as the growth of a buffer.
const RUNS: [u32; 2] = [1, 3];

/// The instructions for each packet, of each codec on its cell.
pub fn instructions(task: Task, work: &[(&Codec, &Cell)]) -> Result<Vec<f64>, String> {
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
        .arg("--toggle-collect=peers::measure::measured")
        .arg("--dump-after=peers::count::run")
        .arg(program)
        .args([COMMAND, task.name()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("valgrind: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        for (codec, cell) in work {
            writeln!(input, "{}\t{cell}", codec.name).map_err(|error| error.to_string())?;
        }
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let counts = work.iter().enumerate().map(|(i, (_, cell))| {
        let (few, many) = (folder.total(2 * i + 1)?, folder.total(2 * i + 2)?);
        let runs = f64::from(RUNS[1] - RUNS[0]);
        Ok((many - few) / runs / f64::from(cell.packets))
    });
    counts.collect()
}

/// Does the work that [`instructions`] asks for, a line for each codec and cell.
pub fn counted(task: &str, cells: fn(Task) -> Vec<Cell>) -> Result<(), String> {
    let task = Task::ALL.into_iter().find(|it| it.name() == task);
    let task = task.ok_or("unknown task")?;
    let (codecs, cells) = (codecs::all(), cells(task));
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let (name, label) = line.split_once('\t').ok_or("no cell")?;
        let cell = cells.iter().find(|cell| cell.to_string() == label);
        let cell = cell.ok_or("unknown cell")?;
        let mut codecs = codecs.iter();
        let codec = codecs.find(|codec| codec.name == name && codec.covers(task, cell));
        let codec = codec.ok_or("unknown codec")?;
        for runs in RUNS {
            run(codec, task, cell, runs);
        }
    }
    Ok(())
}

#[inline(never)]
fn run(codec: &Codec, task: Task, cell: &Cell, runs: u32) {
    black_box(codec.run(task, cell, runs).nanos);
}

/// A folder for callgrind's files, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let name = format!("peers-callgrind.{}", std::process::id());
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
