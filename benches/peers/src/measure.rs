//! Checks and times one codec on one cell.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::fields::{Log, Sum};
use crate::peer::{Kind, Open, Peer, Task, Verdict, Written};
use crate::workload::{Cell, Version, Wire};

/// The system's allocator, with a count of its allocations. Only one thread runs, so a load and a
/// store count correctly and cost less than an atomic addition.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn count() {
    ALLOCATIONS.store(ALLOCATIONS.load(Relaxed) + 1, Relaxed);
}

// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller upholds the conditions of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The cost of one run: the time of the fastest, because other work of the system can only add to
/// it, and the mean number of allocations.
pub struct Taken {
    pub nanos: f64,
    pub allocations: f64,
}

/// The runs so far. The time for reading the clock is subtracted.
struct Stopwatch {
    clock: Duration,
    fastest: Duration,
    runs: u32,
    allocations: u64,
}

impl Stopwatch {
    fn new() -> Self {
        // the time to read the clock twice, which would distort small cells
        let readings = (0..100).map(|_| Instant::now().elapsed());
        Stopwatch {
            clock: readings.min().unwrap_or_default(),
            fastest: Duration::MAX,
            runs: 0,
            allocations: 0,
        }
    }

    fn run(&mut self, work: impl FnOnce()) {
        let allocations = ALLOCATIONS.load(Relaxed);
        let start = Instant::now();
        work();
        let time = start.elapsed();
        self.allocations += ALLOCATIONS.load(Relaxed) - allocations;
        self.fastest = self.fastest.min(time.saturating_sub(self.clock));
        self.runs += 1;
    }

    fn taken(self) -> Taken {
        Taken {
            nanos: self.fastest.as_nanos() as f64,
            allocations: self.allocations as f64 / f64::from(self.runs),
        }
    }
}

/// A [`Peer`] whose type is erased.
pub struct Codec {
    pub name: &'static str,
    pub version: Version,
    pub kind: Kind,
    pub tasks: &'static [Task],
    pub verdict: fn(Wire) -> Verdict,
    run: fn(Task, &Cell, u32) -> Taken,
    reads: Reads,
    frames: Reads,
    encoded: fn(&Cell) -> Result<Vec<u8>, String>,
    reference: Reads,
}

/// Whether a codec reads these bytes as the packets of the cell.
type Reads = fn(&Cell, Wire) -> Result<(), String>;

impl Codec {
    /// `reference` reads what this codec encodes.
    pub fn new<P: Peer>(reference: Reads) -> Self {
        Codec {
            name: P::NAME,
            version: P::VERSION,
            kind: P::KIND,
            tasks: P::TASKS,
            verdict: verdict::<P>,
            run: |task, cell, runs| match task {
                Task::Decode => decode::<P>(cell, runs),
                Task::Encode => encode::<P>(cell, runs),
                Task::Frame => frame::<P>(cell, runs),
            },
            reads: reads_right::<P>,
            frames: frames_right::<P>,
            encoded: encoded::<P>,
            reference,
        }
    }

    /// Whether the codec does the task right, which comes before timing it.
    pub fn check(&self, task: Task, cell: &Cell) -> Result<(), String> {
        match task {
            Task::Decode => (self.reads)(cell, cell.wire),
            Task::Frame => (self.frames)(cell, cell.wire),
            Task::Encode => {
                let wire = (self.encoded)(cell)?.leak();
                (self.reference)(cell, wire).map_err(|why| format!("as encoded, {why}"))
            }
        }
    }

    pub fn run(&self, task: Task, cell: &Cell, runs: u32) -> Taken {
        (self.run)(task, cell, runs)
    }
}

/// The packets of a cell as the codec decodes them.
fn packets<P: Peer>(wire: Wire, count: u32) -> Result<Vec<P::Packet>, String> {
    let mut input = P::Input::open(wire);
    let mut packets = Vec::new();
    for i in 0..count {
        P::next(&mut input, |packet| packets.push(packet.clone()))
            .ok_or_else(|| format!("packet {i} refused"))?;
    }
    Ok(packets)
}

pub fn reads_right<P: Peer>(cell: &Cell, wire: Wire) -> Result<(), String> {
    let mut log = Log::default();
    for packet in packets::<P>(wire, cell.packets)? {
        P::fields(&packet, &mut log);
    }
    let difference = if P::KIND == Kind::Floor {
        (cell.expected.text() != log.text()).then(|| "strings missed".into())
    } else {
        cell.expected.difference(&log)
    };
    difference.map_or(Ok(()), Err)
}

fn encoded<P: Peer>(cell: &Cell) -> Result<Vec<u8>, String> {
    let mut out = P::Output::default();
    let mut wire = Vec::new();
    let packets = packets::<P>(cell.wire, cell.packets)?;
    for (i, mut packet) in packets.into_iter().enumerate() {
        P::encode(&mut packet, &mut out).ok_or_else(|| format!("packet {i} not encoded"))?;
        wire.extend(out.written());
    }
    Ok(wire)
}

fn frames_right<P: Peer>(cell: &Cell, wire: Wire) -> Result<(), String> {
    let mut input = P::Input::open(wire);
    let packets = std::iter::from_fn(|| P::skip(&mut input)).count();
    if packets != cell.packets as usize {
        return Err(format!("{packets} packets of {}", cell.packets));
    }
    Ok(())
}

fn verdict<P: Peer>(bytes: Wire) -> Verdict {
    std::panic::catch_unwind(|| P::verdict(bytes)).unwrap_or(Verdict::Panics)
}

fn decode<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let mut stopwatch = Stopwatch::new();
    for _ in 0..runs {
        let mut input = P::Input::open(black_box(cell.wire));
        stopwatch.run(|| {
            let mut sum = Sum::default();
            for _ in 0..cell.packets {
                P::next(&mut input, |packet| P::fields(packet, &mut sum))
                    .expect("decoded when checked");
            }
            black_box(sum);
        });
    }
    stopwatch.taken()
}

fn encode<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let packets = packets::<P>(cell.wire, cell.packets).expect("decoded when checked");
    let mut batch = packets.clone();
    let mut out = P::Output::default();
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
        let mut input = P::Input::open(black_box(cell.wire));
        stopwatch.run(|| {
            for _ in 0..cell.packets {
                P::skip(&mut input).expect("framed when checked");
            }
            black_box(&input);
        });
    }
    stopwatch.taken()
}
