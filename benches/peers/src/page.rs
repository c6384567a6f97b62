//! Writes measured figures into the pages.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::chart;
use crate::growth::Growth;
use crate::marks::{ROOT, update};
use crate::summary;
use crate::table::Table;

pub fn write(
    times: &[Table; 4],
    counts: &[Table; 4],
    threads: &str,
    growth: &Growth,
) -> Result<(), Box<dyn Error>> {
    let benches = Path::new(ROOT).join("benches");
    let names = ["decode", "encode", "framing", "fan-out"];
    let timed = names.iter().zip(times);
    let counted = names.iter().zip(counts);
    let mut parts = vec![
        ("machine".to_owned(), machine()),
        ("summary".to_owned(), summary::markdown(times, counts)),
        ("codec".to_owned(), summary::codec(times, counts)),
        ("threads".to_owned(), threads.to_owned()),
        ("growth".to_owned(), growth.markdown()),
        ("missed".to_owned(), missed(times)),
    ];
    parts.extend(timed.map(|(name, table)| (name.to_string(), table.markdown())));
    parts.extend(counted.map(|(name, table)| (format!("{name} count"), table.markdown())));
    update(&benches.join("README.md"), &parts)?;
    fs::write(benches.join("summary.svg"), chart::summary(times)?)?;
    let [decode, encode, ..] = times;
    fs::write(benches.join("decode.svg"), chart::table(decode)?)?;
    fs::write(benches.join("encode.svg"), chart::table(encode)?)?;
    fs::write(benches.join("growth.svg"), chart::growth(growth)?)?;
    Ok(())
}

pub fn write_profiles(text: &str) -> Result<(), Box<dyn Error>> {
    let page = Path::new(ROOT).join("benches/README.md");
    update(&page, &[("profiles".to_owned(), text.to_owned())])
}

pub fn write_strictness(text: &str) -> Result<(), Box<dyn Error>> {
    let page = Path::new(ROOT).join("src/guide/comparison.md");
    update(&page, &[("strictness".to_owned(), text.to_owned())])
}

fn missed(tables: &[Table]) -> String {
    let lines: Vec<_> = tables.iter().flat_map(Table::missed).collect();
    if lines.is_empty() {
        return "Every goal is met.".into();
    }
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown")
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    format!(
        "{} (family {}, model {}), {cores} cores, {}; {}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        std::env::consts::OS,
        rustc.unwrap_or_default()
    )
}
