//! Compares this codec with other MQTT codecs: the time to decode, encode and frame, and the verdicts
//! on the vectors. It also measures our time as packets grow.
//!
//! The modules, lowest first; each imports only from those above it in this list: `fields`,
//! `workload`, `peer`, `codecs/*`, `measure`, `codecs`, `strictness`, `table`, `growth`, `chart`,
//! `page`.

mod chart;
mod codecs;
mod fields;
mod growth;
mod measure;
mod page;
mod peer;
mod strictness;
mod table;
mod workload;

use std::path::Path;

use measure::{Codec, Counting};
use peer::{Kind, Task};
use table::Table;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USAGE: &str = "\
Compares mqtt-wire with other MQTT codecs.

usage: cargo run --release -p peers -- [COMMAND] [OPTION...]

Without a command, prints the times to decode, encode and frame.

commands
  growth         times of mqtt-wire alone as packets grow
  strictness     verdicts of the other codecs on the packets in spec-vectors/

options
  --cell NAME    only the cells whose name contains NAME, such as \"puback, 5.0\"
  --only NAME    only the codecs whose name contains NAME
  --rounds N     rounds of measuring; more are steadier (default 25)
  --list         with strictness: a line for each wrong verdict
  --write        update benches/README.md and its charts; with strictness, the guide page comparison.md
";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Times,
    Growth,
    Strictness,
}

struct Options {
    command: Command,
    rounds: usize,
    cell: String,
    only: String,
    list: bool,
    write: bool,
}

impl Options {
    /// `None` if the user asks for help.
    fn from_args() -> Result<Option<Self>, String> {
        let mut options = Options {
            command: Command::Times,
            rounds: 25,
            cell: String::new(),
            only: String::new(),
            list: false,
            write: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "growth" => options.command = Command::Growth,
                "strictness" => options.command = Command::Strictness,
                "--rounds" => {
                    options.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?
                }
                "--cell" => options.cell = value()?.to_lowercase(),
                "--only" => options.only = value()?.to_lowercase(),
                "--list" => options.list = true,
                "--write" => options.write = true,
                _ => return Err(format!("unknown argument {arg}; see --help")),
            }
        }
        let narrowed = !options.cell.is_empty() || !options.only.is_empty();
        if options.write && (narrowed || options.command == Command::Growth) {
            return Err("--write measures everything; only --rounds goes with it".into());
        }
        Ok(Some(options))
    }

    fn codecs(&self) -> Vec<Codec> {
        let mut codecs = codecs::all();
        codecs.retain(|codec| codec.kind == Kind::Floor || codec.name.contains(&self.only));
        codecs
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(options) = Options::from_args()? else {
        print!("{USAGE}");
        return Ok(());
    };
    match options.command {
        Command::Times => times(&options),
        Command::Growth => {
            print!("{}", growth::measure().markdown());
            Ok(())
        }
        Command::Strictness => strictness(&options),
    }
}

fn times(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let tables = Task::ALL.map(|task| measure(task, options));
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
    Table::measure(task, &options.codecs(), &cells, options.rounds)
}

fn strictness(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let vectors = strictness::vectors(Path::new(page::ROOT))?;
    let scores = strictness::judge(&options.codecs(), &vectors);
    if options.write {
        return page::write_strictness(&strictness::markdown(&scores));
    }
    print!("{}", strictness::markdown(&scores));
    if options.list {
        print!("{}", strictness::list(&scores));
    }
    Ok(())
}
