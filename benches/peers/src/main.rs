//! Decoding and encoding by other MQTT codecs, measured side by side.
//!
//! `cargo run --release -p peers -- [--rounds N] [--cell NAME] [--only PEER]`

mod fields;
mod measure;
mod peer;
mod workload;

use std::time::Duration;

use measure::{Codec, Counting, Task};
use workload::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How long one peer works on one cell in one round.
const SLICE: Duration = Duration::from_millis(2);

struct Options {
    rounds: usize,
    cell: String,
    only: String,
}

impl Options {
    fn from_args() -> Result<Self, String> {
        let mut options = Options {
            rounds: 25,
            cell: String::new(),
            only: String::new(),
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let value = args.next().ok_or(format!("{arg} needs a value"))?;
            match arg.as_str() {
                "--rounds" => {
                    options.rounds = value.parse().map_err(|_| "--rounds needs a number")?
                }
                "--cell" => options.cell = value.to_lowercase(),
                "--only" => options.only = value.to_lowercase(),
                _ => return Err(format!("unknown option {arg}")),
            }
        }
        Ok(options)
    }
}

fn main() -> Result<(), String> {
    let options = Options::from_args()?;
    let mut cells = workload::cells();
    cells.retain(|cell| label(cell).to_lowercase().contains(&options.cell));
    let mut codecs = peer::all();
    codecs.retain(|codec| codec.floor || codec.name.contains(&options.only));
    table(
        "Decode",
        &codecs,
        &cells,
        |codec| &codec.decode,
        options.rounds,
    );
    table(
        "Encode",
        &codecs,
        &cells,
        |codec| &codec.encode,
        options.rounds,
    );
    Ok(())
}

fn label(cell: &Cell) -> String {
    format!("{} {:?}", cell.name, cell.version)
}

/// One codec at work on one cell.
struct Pair<'a> {
    codec: &'a Codec,
    cell: &'a Cell,
    run: fn(&Cell, u32) -> measure::Taken,
    runs: u32,
    nanos: Vec<f64>,
    allocations: f64,
}

impl Pair<'_> {
    /// The median, once all rounds are done.
    fn nanos(&self) -> f64 {
        self.nanos[self.nanos.len() / 2]
    }

    fn round(&mut self) {
        let taken = (self.run)(self.cell, self.runs);
        let packets = f64::from(self.runs) * f64::from(self.cell.packets);
        self.nanos.push(taken.time.as_nanos() as f64 / packets);
        self.allocations = taken.allocations as f64 / packets;
    }
}

fn table(title: &str, codecs: &[Codec], cells: &[Cell], task: fn(&Codec) -> &Task, rounds: usize) {
    let mut pairs = Vec::new();
    let mut refused = Vec::new();
    for cell in cells {
        for codec in codecs.iter().filter(|codec| codec.version == cell.version) {
            let &Task { check, run } = task(codec);
            match check(cell) {
                Ok(()) => {
                    let once = run(cell, 2).time / 2;
                    let runs =
                        (SLICE.as_nanos() / once.as_nanos().max(1)).clamp(1, 1_000_000) as u32;
                    let nanos = Vec::new();
                    pairs.push(Pair {
                        codec,
                        cell,
                        run,
                        runs,
                        nanos,
                        allocations: 0.0,
                    });
                }
                Err(_) if codec.floor => (), // the other floor copies as fast
                Err(why) => refused.push(format!("{} on {}: {why}", codec.name, label(cell))),
            }
        }
    }
    for _ in 0..rounds.max(1) {
        pairs.iter_mut().for_each(Pair::round);
    }
    for pair in &mut pairs {
        pair.nanos.sort_by(f64::total_cmp);
    }

    println!("## {title}\n");
    println!("ns per packet (times the lower floor; allocations per packet)\n");
    let labels: Vec<_> = cells.iter().map(label).collect();
    println!("| | {} |", labels.join(" | "));
    println!("|---|{}", "---:|".repeat(cells.len()));
    let mut names: Vec<_> = codecs.iter().map(|codec| codec.name).collect();
    names.dedup();
    names.retain(|name| pairs.iter().any(|pair| pair.codec.name == *name));
    for name in names {
        let row = cells.iter().map(|cell| {
            let here = || pairs.iter().filter(|pair| std::ptr::eq(pair.cell, cell));
            let floor = here()
                .filter(|pair| pair.codec.floor)
                .map(Pair::nanos)
                .fold(f64::MAX, f64::min);
            here()
                .find(|pair| pair.codec.name == name)
                .map_or("-".into(), |pair| {
                    let (nanos, allocations) = (pair.nanos(), pair.allocations);
                    format!("{nanos:.1} ({:.1}; {allocations:.1})", nanos / floor)
                })
        });
        println!("| {name} | {} |", row.collect::<Vec<_>>().join(" | "));
    }
    println!();
    for line in refused {
        println!("- {line}");
    }
}
