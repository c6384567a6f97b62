//! Decoding, encoding and framing by other MQTT codecs, measured side by side, and what ours
//! cost as packets grow.
//!
//! `cargo run --release -p peers -- [growth] [--rounds N] [--cell NAME] [--only PEER] [--write]`
//!
//! `growth` leaves the other codecs out. `--write` measures everything and brings `benches/README.md`
//! and its charts up to date.

mod chart;
mod fields;
mod growth;
mod measure;
mod page;
mod peer;
mod table;
mod workload;

use measure::{Counting, Task};
use table::Table;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Options {
    rounds: usize,
    cell: String,
    only: String,
    growth: bool,
    write: bool,
}

impl Options {
    fn from_args() -> Result<Self, String> {
        let mut options = Options {
            rounds: 25,
            cell: String::new(),
            only: String::new(),
            growth: false,
            write: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "growth" => options.growth = true,
                "--rounds" => {
                    options.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?
                }
                "--cell" => options.cell = value()?.to_lowercase(),
                "--only" => options.only = value()?.to_lowercase(),
                "--write" => options.write = true,
                _ => return Err(format!("unknown argument {arg}")),
            }
        }
        if options.write && (options.growth || !options.cell.is_empty() || !options.only.is_empty())
        {
            return Err("--write measures everything: it goes with --rounds alone".into());
        }
        Ok(options)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::from_args()?;
    if options.growth {
        print!("{}", growth::measure().markdown());
        return Ok(());
    }
    let tables = Task::ALL.map(|task| measure(task, &options));
    if options.write {
        return page::write(&tables, &growth::measure());
    }
    for table in &tables {
        println!("## {}\n\n{}", table.task.name(), table.markdown());
    }
    Ok(())
}

fn measure(task: Task, options: &Options) -> Table {
    let mut cells = match task {
        Task::Decode | Task::Encode => workload::cells(),
        Task::Frame => workload::framing_cells(),
    };
    cells.retain(|cell| cell.to_string().to_lowercase().contains(&options.cell));
    let mut codecs = peer::all();
    codecs.retain(|codec| codec.kind == peer::Kind::Floor || codec.name.contains(&options.only));
    Table::measure(task, &codecs, &cells, options.rounds)
}
