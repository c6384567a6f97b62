//! `benches/README.md`: figures are written between its marks, the rest is written by hand.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::chart;
use crate::growth::Growth;
use crate::table::Table;

/// The folder of the page and its charts.
const BENCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub fn write(tables: &[Table; 3], growth: &Growth) -> Result<(), Box<dyn Error>> {
    let benches = Path::new(BENCHES);
    let path = benches.join("README.md");
    let mut page = fs::read_to_string(&path)?;
    put(&mut page, "machine", &machine())?;
    let [decode, encode, frame] = tables;
    put(&mut page, "decode", &decode.markdown())?;
    put(&mut page, "encode", &encode.markdown())?;
    put(&mut page, "framing", &frame.markdown())?;
    put(&mut page, "growth", &growth.markdown())?;
    put(&mut page, "missed", &missed(tables))?;
    fs::write(path, page)?;
    fs::write(benches.join("decode.svg"), chart::table(decode)?)?;
    fs::write(benches.join("encode.svg"), chart::table(encode)?)?;
    fs::write(benches.join("growth.svg"), chart::growth(growth)?)?;
    Ok(())
}

/// Replaces what stands between the marks of this name.
fn put(page: &mut String, name: &str, text: &str) -> Result<(), String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let marks = page.find(&begin).zip(page.find(&end));
    let Some((at, end)) = marks.filter(|(begin, end)| begin < end) else {
        return Err(format!("benches/README.md has no place for {name}"));
    };
    page.replace_range(at + begin.len()..end, &format!("\n{}\n\n", text.trim_end()));
    Ok(())
}

fn missed(tables: &[Table]) -> String {
    let lines: Vec<_> = tables.iter().flat_map(Table::missed).collect();
    match lines.is_empty() {
        true => "Every goal is met.".into(),
        false => lines.iter().map(|line| format!("- {line}\n")).collect(),
    }
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
