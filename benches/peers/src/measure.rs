//! Checks and times one codec on one cell.

use std::hint::black_box;

use crate::fields::{Log, Sum};
use crate::peer::{FanOut, Kind, Open, Output, Peer, Task, Verdict};
use crate::stopwatch::{Stopwatch, Taken};
use crate::workload::{Cell, LARGE, Version, Wire};

/// A [`Peer`] or [`FanOut`] whose type is erased.
pub struct Codec {
    pub name: &'static str,
    pub version: Version,
    pub kind: Kind,
    pub tasks: &'static [Task],
    /// The cells to measure. Empty for all cells.
    pub cells: &'static [&'static str],
    shares: bool,
    /// The rules that a peer checks when it decodes, in short words, as `strictness` finds them.
    pub checks: String,
    pub verdict: fn(Wire) -> Verdict,
    check: fn(Task, &Cell) -> Result<(), String>,
    run: fn(Task, &Cell, u32) -> Taken,
}

impl Codec {
    /// `R` reads the packets that this codec encodes.
    pub fn new<P: Peer, R: Peer>() -> Self {
        Codec {
            name: P::NAME,
            version: P::VERSION,
            kind: P::KIND,
            tasks: P::TASKS,
            cells: P::CELLS,
            shares: P::SHARES,
            checks: String::new(),
            verdict: verdict::<P>,
            check: |task, cell| match task {
                Task::Encode => encodes_right::<R>(cell, encoded::<P>(cell)?),
                Task::Frame => frames_right::<P>(cell),
                Task::Decode | Task::FanOut => reads_right::<P>(cell, cell.wire),
            },
            run: |task, cell, runs| match task {
                Task::Encode => encode::<P>(cell, runs),
                Task::Frame => frame::<P>(cell, runs),
                Task::Decode | Task::FanOut => decode::<P>(cell, runs),
            },
        }
    }

    /// `R` reads the packets for the receivers.
    pub fn fan_out<F: FanOut, R: Peer>() -> Self {
        Codec {
            name: F::NAME,
            version: F::VERSION,
            kind: F::KIND,
            tasks: &[Task::FanOut],
            cells: &[],
            shares: false,
            checks: String::new(),
            verdict: verdict::<R>,
            check: |_, cell| encodes_right::<R>(cell, fanned_out::<F>(cell)?),
            run: |_, cell, runs| fan_out::<F>(cell, runs),
        }
    }

    /// Whether the codec is measured at this task on this cell.
    pub fn covers(&self, task: Task, cell: &Cell) -> bool {
        self.version == cell.version
            && self.tasks.contains(&task)
            && (self.cells.is_empty() || self.cells.contains(&cell.name))
    }

    /// Whether the codec passes on the payload of the cell without copying it.
    pub fn shares(&self, task: Task, cell: &Cell) -> bool {
        self.shares && task == Task::Encode && cell.name == LARGE
    }

    /// Whether the codec does the task right, which comes before measuring it.
    pub fn check(&self, task: Task, cell: &Cell) -> Result<(), String> {
        (self.check)(task, cell)
    }

    pub fn run(&self, task: Task, cell: &Cell, runs: u32) -> Taken {
        (self.run)(task, cell, runs)
    }

    /// Whether the codec checks text at all, and accepts none of the cell's strings if it has a byte
    /// that UTF-8 never has.
    pub fn checks_text(&self, cell: &Cell) -> bool {
        let accepts = |packet| (self.verdict)(packet) == Verdict::Accepts;
        self.checks.contains("UTF-8") && !cell.not_utf8().any(accepts)
    }
}

/// The packets of a cell as the codec decodes them.
fn packets<P: Peer>(wire: Wire, count: u32) -> Result<Vec<P::Packet>, String> {
    let mut input = P::Input::open(wire);
    let mut packets = Vec::new();
    for i in 0..count {
        let packet = P::decode(&mut input).ok_or_else(|| format!("packet {i} refused"))?;
        packets.push(packet);
    }
    Ok(packets)
}

fn reads_right<P: Peer>(cell: &Cell, wire: Wire) -> Result<(), String> {
    let mut log = Log::default();
    let mut input = P::Input::open(wire);
    for i in 0..cell.packets {
        P::visit(&mut input, &mut log).ok_or_else(|| format!("packet {i} refused"))?;
    }
    let difference = if P::KIND == Kind::Floor {
        (cell.expected.text() != log.text()).then(|| "strings missed".into())
    } else {
        cell.expected.difference(&log)
    };
    difference.map_or(Ok(()), Err)
}

fn encodes_right<R: Peer>(cell: &Cell, wire: Vec<u8>) -> Result<(), String> {
    reads_right::<R>(cell, wire.leak()).map_err(|why| format!("as encoded, {why}"))
}

fn encoded<P: Peer>(cell: &Cell) -> Result<Vec<u8>, String> {
    let mut out = P::Output::create(cell.wire);
    let mut wire = Vec::new();
    let packets = packets::<P>(cell.wire, cell.packets)?;
    for (i, mut packet) in packets.into_iter().enumerate() {
        P::encode(&mut packet, &mut out).ok_or_else(|| format!("packet {i} not encoded"))?;
        wire.extend(out.written());
    }
    Ok(wire)
}

fn fanned_out<F: FanOut>(cell: &Cell) -> Result<Vec<u8>, String> {
    let mut receivers = receivers::<F>(cell);
    F::fan_out(cell.wire, &mut receivers).ok_or("not encoded")?;
    Ok(receivers.iter_mut().flat_map(Output::written).collect())
}

fn receivers<F: FanOut>(cell: &Cell) -> Vec<F::Output> {
    let receivers = (0..cell.packets).map(|_| F::Output::create(cell.wire));
    receivers.collect()
}

fn frames_right<P: Peer>(cell: &Cell) -> Result<(), String> {
    let mut input = P::Input::open(cell.wire);
    let packets = std::iter::from_fn(|| P::skip(&mut input)).count();
    if packets != cell.packets as usize {
        return Err(format!("{packets} packets of {}", cell.packets));
    }
    Ok(())
}

fn verdict<P: Peer>(bytes: Wire) -> Verdict {
    // a panic is a verdict here, and its message would only be in the way
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let verdict = std::panic::catch_unwind(|| P::verdict(bytes));
    std::panic::set_hook(hook);
    verdict.unwrap_or(Verdict::Panics)
}

/// The input is a local variable of the measured function, like that of a user.
fn decode<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        let mut opened = Some(P::Input::open(black_box(cell.wire)));
        stopwatch.run(|| {
            let (mut input, mut sum) = (opened.take().expect("opened above"), Sum::default());
            for _ in 0..cell.packets {
                P::visit(&mut input, &mut sum).expect("decoded when checked");
            }
            black_box(sum);
            opened = Some(input); // dropped outside the measured time
        });
    }
    let mut taken = stopwatch.taken();
    if !P::COUNTS_ALLOCATIONS {
        taken.allocations = f64::NAN;
    }
    taken
}

fn encode<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let packets = packets::<P>(cell.wire, cell.packets).expect("decoded when checked");
    let mut batch = packets.clone();
    let mut out = P::Output::create(cell.wire);
    let mut all = |stopwatch: &mut Stopwatch| {
        if P::CONSUMES {
            batch.clone_from(&packets);
        }
        stopwatch.run(|| {
            for packet in black_box(&mut batch) {
                P::encode(packet, &mut out).expect("encoded when checked");
                black_box(&out);
            }
        });
    };
    all(&mut Stopwatch::new()); // the buffer grows to its final size
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        all(&mut stopwatch);
    }
    stopwatch.taken()
}

fn frame<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        let mut opened = Some(P::Input::open(black_box(cell.wire)));
        stopwatch.run(|| {
            let mut input = opened.take().expect("opened above");
            for _ in 0..cell.packets {
                P::skip(&mut input).expect("framed when checked");
            }
            opened = Some(black_box(input)); // dropped outside the measured time
        });
    }
    stopwatch.taken()
}

fn fan_out<F: FanOut>(cell: &Cell, runs: u32) -> Taken {
    let mut receivers = receivers::<F>(cell);
    let mut all = |stopwatch: &mut Stopwatch| {
        receivers.iter_mut().for_each(F::Output::clear);
        stopwatch.run(|| {
            F::fan_out(black_box(cell.wire), &mut receivers).expect("encoded when checked");
            black_box(&receivers);
        });
    };
    all(&mut Stopwatch::new()); // the buffers grow to their final size
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        all(&mut stopwatch);
    }
    stopwatch.taken()
}
