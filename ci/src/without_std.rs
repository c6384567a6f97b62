//! Builds programs without std, allocator and libc, and judges what the linker made of them.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::baseline::{Baseline, Figure};
use crate::{Result, output_of, root, rustc_version};

/// The start code in `no-std/runtime.rs` is for this target. With `--target`, `LINK_FLAGS` reach the program and the
/// library, but no build script.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const LINK_FLAGS: &str =
    "-Clink-arg=-nostartfiles -Clink-arg=-nostdlib -Clink-arg=-static -Crelocation-model=static";

const SIZE: Baseline = Baseline {
    name: "no-std",
    title: "Bytes of .text and .rodata of ci/no-std/main.rs in profile `size`",
};

/// Proves that the library works with core alone: links a program and runs it. Then compares its size.
pub fn check_no_std(update: bool) -> Result {
    rustc_version()?;
    prove_core_alone(&build_no_std("bare", "bare,words")?)?;
    let small = build_no_std("size", "bare")?;
    prove_core_alone(&small)?;
    let mut sizes = vec![size_of("decodes and encodes all packets", &small)?];
    let with_words = build_no_std("size", "bare,words")?;
    prove_core_alone(&with_words)?;
    sizes.push(size_of(
        "the same, and writes the text of every error",
        &with_words,
    )?);
    for (what, bytes) in &sizes {
        println!("{bytes:7} bytes: {what}");
    }
    SIZE.check(&sizes, update)?;
    println!("no-std: decodes and encodes without std, allocator or libc");
    Ok(())
}

/// Proves that framing, decoding, encoding, the monitor and the texts of errors cannot panic: links a program whose
/// panic handler calls a function that does not exist. The linker misses it unless the compiler has proved that every
/// panic in `no-std/no_panic.rs` and in the library is unreachable.
pub fn check_no_panic() -> Result {
    rustc_version()?;
    // The proof is worth something only if one careless line breaks it.
    let careless = build("no-panic", "no-panic", "bare,words,careless")?;
    let stderr = String::from_utf8_lossy(&careless.stderr);
    if careless.status.success() || !stderr.contains("a_panic_is_reachable") {
        return Err(format!(
            "the program links although it indexes, or fails for another reason:\n{stderr}"
        ));
    }
    let careful = build("no-panic", "no-panic", "bare,words")?;
    if !careful.status.success() {
        return Err(format!(
            "{}\na panic is reachable. Link the program with -Clink-arg=-Wl,--unresolved-symbols=ignore-all; \
             objdump -d then shows what calls core::panicking.",
            String::from_utf8_lossy(&careful.stderr)
        ));
    }
    println!(
        "no-panic: no panic is reachable in framing, decoding, encoding, the monitor and the texts of errors"
    );
    Ok(())
}

fn build(program: &str, profile: &str, features: &str) -> Result<Output> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .env("RUSTFLAGS", LINK_FLAGS)
        .args(["build", "--locked", "--no-default-features"])
        .args(["--features", features])
        .args(["--bin", program, "--profile", profile, "--target", TARGET])
        .arg("--manifest-path")
        .arg(root().join("ci/Cargo.toml"))
        .arg("--target-dir")
        .arg(target_folder()?);
    command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))
}

fn build_no_std(profile: &str, features: &str) -> Result<PathBuf> {
    let output = build("no-std", profile, features)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(target_folder()?.join(TARGET).join(profile).join("no-std"))
}

/// The target folder that this program was built in.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = program.ancestors().nth(2);
    Ok(folder.ok_or("no target folder")?.to_owned())
}

fn prove_core_alone(program: &PathBuf) -> Result {
    let undefined = output_of(Command::new("nm").arg("--undefined-only").arg(program))?;
    let symbols = output_of(Command::new("nm").arg("--demangle").arg(program))?;
    let hosted: Vec<_> = symbols.lines().filter(|line| is_hosted(line)).collect();
    if !undefined.is_empty() || !hosted.is_empty() {
        let hosted = hosted.join("\n");
        return Err(format!(
            "symbols that core alone does not have:\n{undefined}{hosted}"
        ));
    }
    let status_of = |command: &mut Command| {
        let status = command.status().map_err(|error| error.to_string())?;
        Result::Ok(status.code())
    };
    let status = status_of(&mut Command::new(program))?;
    if status != Some(0) {
        return Err(format!(
            "ci/no-std/round_trip.rs: sample {status:?} of the list fails (101: a panic)"
        ));
    }
    let status = status_of(Command::new(program).arg("spoilt"))?;
    if status != Some(1) {
        return Err(format!(
            "with its samples spoilt the program exits with {status:?} instead of 1: it compares nothing"
        ));
    }
    Ok(())
}

/// Whether a symbol belongs to std, alloc or libc's allocator.
fn is_hosted(symbol: &str) -> bool {
    let of_crate = |name| {
        let mut places = symbol.match_indices(name);
        places.any(|(place, _)| {
            let before = symbol[..place].chars().next_back();
            !before.is_some_and(|it| it.is_alphanumeric() || it == '_')
        })
    };
    let names = ["__rust_", "__rg_", "__rdl_", "malloc", "calloc", "realloc"];
    of_crate("std::") || of_crate("alloc::") || names.iter().any(|name| symbol.contains(name))
}

fn size_of(what: &str, program: &PathBuf) -> Result<Figure> {
    let sections = output_of(Command::new("size").arg("--format=sysv").arg(program))?;
    let mut bytes = 0;
    for line in sections.lines() {
        let mut words = line.split_whitespace();
        if let (Some(".text" | ".rodata"), Some(size)) = (words.next(), words.next()) {
            bytes += size
                .parse::<u64>()
                .map_err(|error| format!("{line}: {error}"))?;
        }
    }
    Ok((what.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use super::is_hosted;

    #[test]
    fn symbols_of_std_and_alloc_are_found() {
        for symbol in [
            "1 T std::io::x",
            "1 t <alloc::vec::Vec<u8>>::f",
            "1 T __rust_alloc",
            "U malloc",
        ] {
            assert!(is_hosted(symbol), "{symbol}");
        }
        for symbol in ["1 T core::fmt::x", "1 T a::nostd::x", "1 T _start"] {
            assert!(!is_hosted(symbol), "{symbol}");
        }
    }
}
