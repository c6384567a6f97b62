//! Compares this codec with other MQTT codecs: the time and the instructions to decode, encode,
//! frame and fan out, and the verdicts on the vectors. It also measures our time as packets grow, and
//! our throughput on two threads.
//!
//! The modules, lowest first; each imports only from those above it in this list: `fields`,
//! `workload`, `peer`, `codecs/*`, `stopwatch`, `measure`, `codecs`, `strictness`, `callgrind`,
//! `count`, `table`, `growth`, `threads`, `profiles`, `summary`, `chart`, `marks`, `page`.

mod callgrind;
mod chart;
mod codecs;
mod count;
mod fields;
mod growth;
mod marks;
mod measure;
mod page;
mod peer;
mod profiles;
mod stopwatch;
mod strictness;
mod summary;
mod table;
mod threads;
mod workload;

use std::path::Path;

use measure::Codec;
use peer::{Kind, Task};
use stopwatch::Counting;
use table::Table;
use workload::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USAGE: &str = "\
Compares mqtt-wire with other MQTT codecs.

usage: cargo run --release -p peers -- [COMMAND] [OPTION...]

Without a command, prints the times to decode, encode, frame and fan out.

commands
  count          instructions instead of times, counted under valgrind
  growth         times of mqtt-wire alone as packets grow
  threads        throughput of mqtt-wire on one thread and on two
  profiles       ratios of the times to decode, with each of three build profiles
  strictness     verdicts of the other codecs on the packets in spec-vectors/

options
  --cell NAME    only the cells whose name contains NAME, such as \"puback, 5.0\"
  --only NAME    only the codecs whose name contains NAME
  --rounds N     rounds of measuring; more are steadier (default 25)
  --list         with strictness: a line for each wrong verdict
  --write        update benches/README.md and its charts with times, counts, threads and
                 growth; with profiles, its table of profiles; with strictness, the guide page
                 comparison.md
";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Times,
    Count,
    /// For [`count`] itself.
    Counted(&'static str),
    Growth,
    Threads,
    Profiles,
    /// For [`profiles`] itself.
    Ratios,
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
                "count" => options.command = Command::Count,
                count::COMMAND => options.command = Command::Counted(value()?.leak()),
                "growth" => options.command = Command::Growth,
                "threads" => options.command = Command::Threads,
                "profiles" => options.command = Command::Profiles,
                profiles::COMMAND => options.command = Command::Ratios,
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
        let part = matches!(
            options.command,
            Command::Count | Command::Growth | Command::Threads
        );
        if options.write && (narrowed || part) {
            return Err("--write measures everything; only --rounds can be given with it".into());
        }
        Ok(Some(options))
    }

    fn codecs(&self) -> Vec<Codec> {
        let mut codecs = codecs::all();
        codecs.retain(|codec| codec.kind == Kind::Floor || codec.name.contains(&self.only));
        codecs
    }

    /// The codecs with their checks.
    fn codecs_to_measure(&self) -> Result<Vec<Codec>, Box<dyn std::error::Error>> {
        let vectors = strictness::vectors(Path::new(marks::ROOT))?;
        let mut codecs = self.codecs();
        for codec in &mut codecs {
            codec.checks = match codec.kind {
                Kind::Floor => "nothing but UTF-8".into(),
                Kind::Ours => "all".into(),
                Kind::Peer => strictness::checks(codec, &vectors),
            };
        }
        Ok(codecs)
    }

    fn cells(&self, task: Task) -> Vec<Cell> {
        let mut cells = cells(task);
        cells.retain(|cell| cell.to_string().to_lowercase().contains(&self.cell));
        cells
    }
}

fn cells(task: Task) -> Vec<Cell> {
    match task {
        Task::Decode | Task::Encode => workload::cells(),
        Task::Frame => workload::framing_cells(),
        Task::FanOut => workload::fan_out_cells(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(options) = Options::from_args()? else {
        print!("{USAGE}");
        return Ok(());
    };
    match options.command {
        Command::Times if options.write => {
            let (times, counts) = (times(&options)?, counts(&options)?);
            let threads = threads::measure(options.rounds);
            page::write(&times, &counts, &threads, &growth::measure())?
        }
        Command::Times => print(&times(&options)?),
        Command::Count => print(&counts(&options)?),
        Command::Counted(task) => count::counted(task, cells)?,
        Command::Growth => print!("{}", growth::measure().markdown()),
        Command::Threads => print!("{}", threads::measure(options.rounds)),
        Command::Profiles => {
            let text = profiles::measure(options.rounds)?;
            if options.write {
                return page::write_profiles(&text);
            }
            print!("{text}");
        }
        Command::Ratios => {
            let codecs = options.codecs_to_measure()?;
            let cells = options.cells(Task::Decode);
            let table = Table::time(Task::Decode, &codecs, &cells, options.rounds);
            print!("{}", profiles::ratios(&table));
        }
        Command::Strictness => strictness(&options)?,
    }
    Ok(())
}

fn times(options: &Options) -> Result<[Table; 4], Box<dyn std::error::Error>> {
    let codecs = options.codecs_to_measure()?;
    Ok(Task::ALL.map(|task| Table::time(task, &codecs, &options.cells(task), options.rounds)))
}

fn counts(options: &Options) -> Result<[Table; 4], Box<dyn std::error::Error>> {
    let codecs = options.codecs_to_measure()?;
    let [decode, encode, frame, fan_out] =
        Task::ALL.map(|task| Table::count(task, &codecs, &options.cells(task)));
    Ok([decode?, encode?, frame?, fan_out?])
}

fn print(tables: &[Table]) {
    for table in tables.iter().filter(|table| !table.columns.is_empty()) {
        println!("## {}\n\n{}", table.task.name(), table.markdown());
    }
}

fn strictness(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let vectors = strictness::vectors(Path::new(marks::ROOT))?;
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
