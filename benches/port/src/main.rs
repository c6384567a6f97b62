//! Compares the codec of `rumqttc` 0.25 with two ports of it to `mqtt-wire`: one that keeps the public
//! types of `rumqttc` and copies into them (`convert.rs`), and one that keeps `PacketBuf`.
//!
//! The modules, lowest first; each imports only from those above it in this list: `convert/*`,
//! `convert`, `fields`, `stopwatch`, `rows`, `callgrind`, `marks`.

#[path = "../../peers/src/callgrind.rs"]
mod callgrind;
mod convert;
mod fields;
#[path = "../../peers/src/marks.rs"]
mod marks;
mod rows;
#[path = "../../peers/src/stopwatch.rs"]
mod stopwatch;

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

use rows::{Row, WAYS, Way};
use stopwatch::{Counting, median};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USAGE: &str = "\
Compares the codec of rumqttc with two ports of it to mqtt-wire.

usage: cargo run --release -p rumqttc-port -- [COMMAND] [OPTION...]

Without a command, prints times and instructions. Instructions are counted under valgrind.

commands
  count          instructions alone

options
  --row NAME     only the rows whose name contains NAME, such as \"read puback, 5.0\"
  --rounds N     rounds of measuring; more are steadier (default 25)
  --write        write the table to benches/README.md and to the guide page rumqttc.md
";

/// The command with which the program runs itself under valgrind. Not for users.
const COUNTED: &str = "counted";

fn main() -> Result<(), Box<dyn Error>> {
    let (mut command, mut name, mut rounds, mut write) = (None, String::new(), 25, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--help" | "-h" => {
                print!("{USAGE}");
                return Ok(());
            }
            "count" | COUNTED => command = Some(arg),
            "--row" => name = value()?.to_lowercase(),
            "--rounds" => rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
            "--write" => write = true,
            _ => return Err(format!("unknown argument {arg}; see --help").into()),
        }
    }
    if write && (command.is_some() || !name.is_empty()) {
        return Err("--write measures everything; only --rounds can be given with it".into());
    }
    let mut rows = rows::all();
    rows.retain(|row| row.to_string().to_lowercase().contains(&name));
    if command.as_deref() == Some(COUNTED) {
        count_here(&rows);
        return Ok(());
    }
    for row in &rows {
        row.check().map_err(|why| format!("{row}: {why}"))?;
    }
    let counts = counts(&rows, &name)?;
    let times = match command {
        Some(_) => None,
        None => Some(times(&rows, rounds)),
    };
    let table = table(&rows, &counts, times.as_deref());
    print!("{table}");
    if write {
        let part = [("rumqttc".to_owned(), table)];
        for page in ["benches/README.md", "src/guide/rumqttc.md"] {
            marks::update(&Path::new(marks::ROOT).join(page), &part)?;
        }
    }
    Ok(())
}

/// Nanoseconds for each packet, in each round.
type Times = [Vec<f64>; WAYS.len()];

/// Measures round by round, so that other load on the machine affects all ways alike.
fn times(rows: &[Row], rounds: usize) -> Vec<Times> {
    let runs = |row: &Row, way| stopwatch::runs_in_slice((row.run)(way, 3).nanos);
    let runs: Vec<_> = rows
        .iter()
        .map(|row| WAYS.map(|way| runs(row, way)))
        .collect();
    let mut times: Vec<Times> = rows.iter().map(|_| Times::default()).collect();
    for _ in 0..rounds.max(1) {
        for ((row, runs), times) in rows.iter().zip(&runs).zip(&mut times) {
            for ((way, runs), times) in WAYS.into_iter().zip(runs).zip(times) {
                times.push((row.run)(way, *runs).nanos / f64::from(row.packets));
            }
        }
    }
    times
}

/// Instructions for each packet.
fn counts(rows: &[Row], name: &str) -> Result<Vec<[f64; WAYS.len()]>, String> {
    let args = [COUNTED, "--row", name];
    let counts = callgrind::count(&args, "", rows.len() * WAYS.len())?;
    let of_row = |(row, counts): (&Row, &[f64])| {
        std::array::from_fn(|way| counts[way] / f64::from(row.packets))
    };
    Ok(rows
        .iter()
        .zip(counts.chunks(WAYS.len()))
        .map(of_row)
        .collect())
}

/// The work that [`counts`] counts.
fn count_here(rows: &[Row]) {
    for row in rows {
        for way in WAYS {
            callgrind::counted(|runs| {
                black_box((row.run)(way, runs).nanos);
            });
        }
    }
}

/// A line for each row. A ratio above 1 is bold.
fn table(rows: &[Row], counts: &[[f64; WAYS.len()]], times: Option<&[Times]>) -> String {
    let mut text =
        String::from("| | rumqttc | copying port | port that keeps frames | allocations |\n");
    text += "|---|---:|---:|---:|---:|\n";
    let shown = |ratio: f64| match ratio {
        1.005.. => format!("**{ratio:.2}**"),
        _ => format!("{ratio:.2}"),
    };
    for (i, row) in rows.iter().enumerate() {
        let [original, ported @ ..] = &counts[i];
        let _ = match times {
            None => write!(text, "| {row} | {original:.0} |"),
            Some(times) => {
                let nanos = median(times[i][0].clone());
                write!(text, "| {row} | {nanos:.1} ns / {original:.0} |")
            }
        };
        for (way, count) in ported.iter().enumerate() {
            let count = shown(count / original);
            let _ = match times {
                None => write!(text, " {count} |"),
                Some(times) => {
                    let [original, ported @ ..] = &times[i];
                    let rounds = ported[way].iter().zip(original);
                    let ratio = median(rounds.map(|(port, original)| port / original).collect());
                    write!(text, " {} / {count} |", shown(ratio))
                }
            };
        }
        let allocations = |way: Way| (row.run)(way, 1).allocations / f64::from(row.packets);
        let [original, copying, frames] = WAYS.map(allocations);
        let _ = writeln!(text, " {original:.0}, {copying:.0}, {frames:.0} |");
    }
    text
}
