//! The checks that count, measure or link something and judge the result: see `../check.sh`.

mod baseline;
mod callgrind;
mod coverage;
mod growth;
mod instructions;
#[path = "../../benches/packets/mod.rs"]
mod packets;
mod without_std;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Why a check failed, in words for the terminal.
type Result<T = ()> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["growth"] => growth::check(),
        ["instructions"] => instructions::check(false),
        ["instructions", "--update"] => instructions::check(true),
        ["no-std"] => without_std::check_no_std(false),
        ["no-std", "--update"] => without_std::check_no_std(true),
        ["no-panic"] => without_std::check_no_panic(),
        ["coverage", report] => coverage::check(report, false),
        ["coverage", report, "--files"] => coverage::check(report, true),
        // what `callgrind::count` runs under valgrind
        ["counted", "growth"] => growth::workload(),
        ["counted", "quadratic"] => growth::quadratic_workload(),
        ["counted", "instructions"] => instructions::workload(),
        _ => Err(format!("unknown arguments {arguments:?}; see ci/check.sh")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The output of a successful command.
fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} failed:\n{stderr}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The compiler's version, on the one target whose counts and sizes are kept.
fn rustc_version() -> Result<String> {
    let verbose = output_of(Command::new("rustc").args(["--version", "--verbose"]))?;
    if !verbose.contains("host: x86_64-unknown-linux-gnu") {
        return Err("this check is for x86_64-unknown-linux-gnu only".to_owned());
    }
    Ok(verbose.lines().next().unwrap_or_default().to_owned())
}
