//! Counts instructions under callgrind. The counts repeat exactly.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, output_of};

/// Work that was counted twice: with a smaller and a larger amount.
pub struct Count {
    pub name: String,
    pub small: u64,
    pub large: u64,
}

/// Runs this program again with `counted` and the name of a workload, under callgrind. The workload prints one name for
/// each two calls of [`measure`].
pub fn count(workload: &str) -> Result<Vec<Count>> {
    let folder = Folder::new()?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(find_valgrind()?);
    // The environment must not reach the program, and its memcpy and memcmp must be those that all processors have.
    command
        .env_clear()
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-ERMS,-SSE4_1,-SSSE3",
        )
        .arg("--tool=callgrind")
        .arg(format!(
            "--callgrind-out-file={}",
            folder.0.join("out").display()
        ))
        .arg("--toggle-collect=checks::callgrind::counted")
        .arg("--dump-after=checks::callgrind::measure")
        .arg(program)
        .args(["counted", workload]);
    let names = output_of(&mut command)?;
    let counts = names.lines().enumerate().map(|(index, name)| {
        Ok(Count {
            name: name.to_owned(),
            small: folder.total(2 * index + 1)?,
            large: folder.total(2 * index + 2)?,
        })
    });
    counts.collect()
}

/// Runs `work` this many times. Callgrind writes what it has counted whenever this function returns.
#[inline(never)]
pub fn measure(times: usize, work: &mut dyn FnMut()) {
    counted(times, work);
    black_box(());
}

/// Callgrind counts while this function runs.
#[inline(never)]
fn counted(times: usize, work: &mut dyn FnMut()) {
    for _ in 0..times {
        work();
    }
}

fn find_valgrind() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("valgrind"));
    programs
        .find(|program| program.is_file())
        .ok_or_else(|| "valgrind is not installed".to_owned())
}

/// A folder for callgrind's files, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let name = format!("mqtt-wire-callgrind.{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    fn total(&self, number: usize) -> Result<u64> {
        let path = self.0.join(format!("out.{number}"));
        read_total(&path).ok_or_else(|| format!("no total in {}", path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read_total(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))?;
    total.trim().parse().ok()
}
