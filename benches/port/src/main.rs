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

use rows::Row;
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

/// The figures of the ways of a row.
type Figures<T> = Vec<T>;

/// Measures nanoseconds for each packet round by round, so that other load on the machine affects all
/// ways alike.
fn times(rows: &[Row], rounds: usize) -> Vec<Figures<Vec<f64>>> {
    let mut runs = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        for &way in row.ways {
            let count = stopwatch::runs_in_slice((row.run)(way, 3).nanos);
            runs.push((i, way, count, Vec::new()));
        }
    }
    for _ in 0..rounds.max(1) {
        for (i, way, count, rounds) in &mut runs {
            let row = &rows[*i];
            rounds.push((row.run)(*way, *count).nanos / f64::from(row.packets));
        }
    }
    let mut times: Vec<_> = rows.iter().map(|_| Vec::new()).collect();
    for (i, _, _, rounds) in runs {
        times[i].push(rounds);
    }
    times
}

/// Counts instructions for each packet.
fn counts(rows: &[Row], name: &str) -> Result<Vec<Figures<f64>>, String> {
    let pieces = rows.iter().map(|row| row.ways.len()).sum();
    let mut counts = callgrind::count(&[COUNTED, "--row", name], "", pieces)?.into_iter();
    let mut of_row = |row: &Row| {
        let counts = counts.by_ref().take(row.ways.len());
        counts.map(|count| count / f64::from(row.packets)).collect()
    };
    Ok(rows.iter().map(&mut of_row).collect())
}

/// The work that [`counts`] counts.
fn count_here(rows: &[Row]) {
    for row in rows {
        for &way in row.ways {
            callgrind::counted(|runs| {
                black_box((row.run)(way, runs).nanos);
            });
        }
    }
}

/// A line for each row. A ratio above 1 is bold.
fn table(rows: &[Row], counts: &[Figures<f64>], times: Option<&[Figures<Vec<f64>>]>) -> String {
    let mut text = String::from(
        "| | rumqttc | copying port | frames | frames, encoded again | allocations |\n",
    );
    text += "|---|---:|---:|---:|---:|---:|\n";
    let shown = |ratio: f64| match ratio {
        1.005.. => format!("**{ratio:.2}**"),
        _ => format!("{ratio:.2}"),
    };
    for (i, row) in rows.iter().enumerate() {
        let mut cells = vec![row.to_string()];
        for (way, count) in counts[i].iter().enumerate() {
            let time = times.map(|times| (&times[i][way], &times[i][0]));
            cells.push(match (way, time) {
                (0, None) => format!("{count:.0}"),
                (0, Some((nanos, _))) => format!("{:.1} ns / {count:.0}", median(nanos.clone())),
                (_, None) => shown(count / counts[i][0]),
                (_, Some((ported, original))) => {
                    let ratios = ported.iter().zip(original).map(|(a, b)| a / b).collect();
                    format!(
                        "{} / {}",
                        shown(median(ratios)),
                        shown(count / counts[i][0])
                    )
                }
            });
        }
        cells.resize(5, String::new());
        let allocations = |&way| {
            format!(
                "{:.0}",
                (row.run)(way, 1).allocations / f64::from(row.packets)
            )
        };
        cells.push(
            row.ways
                .iter()
                .map(allocations)
                .collect::<Vec<_>>()
                .join(", "),
        );
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_ways_of_a_row_have_equal_results() {
        for row in super::rows::all() {
            assert_eq!(row.check(), Ok(()), "{row}");
        }
    }
}
