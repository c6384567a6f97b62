//! The ratios of decoding with each build profile. Inlining across crates moves the codecs by
//! different amounts.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::process::{Command, Stdio};

use crate::peer::Kind;
use crate::table::Table;

/// The command with which this program runs itself in each profile. Not for users.
pub const COMMAND: &str = "ratios";

/// The profiles of Cargo, and their names in the table.
const PROFILES: [(&str, &str); 3] = [
    ("release", "default release"),
    ("bench-thin", "thin LTO"),
    ("bench-fat", "fat LTO, one codegen unit"),
];

/// Builds and runs this program in each profile, and makes a table of the results.
pub fn measure(rounds: usize) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut rows: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    for (number, (profile, _)) in PROFILES.iter().enumerate() {
        let output = Command::new(&cargo)
            .args(["run", "--profile", profile, "-p", "peers", "--", COMMAND])
            .args(["--rounds", &rounds.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("profile {profile} failed").into());
        }
        for (i, line) in String::from_utf8(output.stdout)?.lines().enumerate() {
            let (row, ratio) = line.split_once('\t').ok_or("no ratio")?;
            let ratios = rows.entry((i, row.to_owned())).or_default();
            ratios.resize(number, "-".into());
            ratios.push(ratio.to_owned());
        }
    }
    let names = PROFILES.map(|(_, name)| name);
    let mut text = format!("| | | {} |\n|---|---|---:|---:|---:|\n", names.join(" | "));
    for ((_, row), ratios) in rows {
        let _ = writeln!(text, "| {row} | {} |", ratios.join(" | "));
    }
    Ok(text)
}

/// A line for each of our figures: its cell and codec, a tab, and the ratio to the best peer.
pub fn ratios(table: &Table) -> String {
    let mut text = String::new();
    for column in &table.columns {
        for ours in column.figures.iter().filter(|it| it.kind == Kind::Ours) {
            if let Some(best) = column.best_peer(ours) {
                let ratio = ours.ratio_to(best);
                let shown = if ratio > 1.0 {
                    format!("**{ratio:.2}**")
                } else {
                    format!("{ratio:.2}")
                };
                let (cell, codec, peer) = (&column.label, ours.codec, best.codec);
                let _ = writeln!(text, "{cell} | {codec}\t{shown}, {peer}");
            }
        }
    }
    text
}
