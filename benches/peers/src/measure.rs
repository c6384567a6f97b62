//! Checking and timing one peer on one cell.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::fields::{Log, Sum};
use crate::peer::{Open, Peer, ReferenceV4, ReferenceV5, Written};
use crate::workload::{Cell, Version, Wire};

/// The system's allocator, counting what it hands out. One thread runs, so a
/// load and a store count right and cost less than an atomic addition.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn count() {
    ALLOCATIONS.store(ALLOCATIONS.load(Relaxed) + 1, Relaxed);
}

// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are `System`'s conditions.
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

/// What a number of runs took in all, less the reading of the clock.
#[derive(Default)]
pub struct Taken {
    pub time: Duration,
    pub allocations: u64,
}

impl Taken {
    fn add(&mut self, clock: Duration, work: impl FnOnce()) {
        let allocations = ALLOCATIONS.load(Relaxed);
        let start = Instant::now();
        work();
        self.time += start.elapsed().saturating_sub(clock);
        self.allocations += ALLOCATIONS.load(Relaxed) - allocations;
    }
}

/// What reading the clock twice takes, which small cells would feel.
fn clock() -> Duration {
    (0..100)
        .map(|_| Instant::now().elapsed())
        .min()
        .unwrap_or_default()
}

/// One of the two things a codec does.
pub struct Task {
    pub check: fn(&Cell) -> Result<(), String>,
    pub run: fn(&Cell, u32) -> Taken,
}

/// A [`Peer`] whose type is forgotten.
pub struct Codec {
    pub name: &'static str,
    pub version: Version,
    pub floor: bool,
    pub decode: Task,
    pub encode: Task,
}

impl Codec {
    pub fn new<P: Peer>() -> Self {
        Codec {
            name: P::NAME,
            version: P::VERSION,
            floor: P::FLOOR,
            decode: Task {
                check: check_decode::<P>,
                run: decode::<P>,
            },
            encode: Task {
                check: check_encode::<P>,
                run: encode::<P>,
            },
        }
    }
}

/// The packets of a cell as the codec has them, to be encoded.
fn packets<P: Peer>(wire: Wire, count: u32) -> Result<Vec<P::Packet>, String> {
    let mut input = P::Input::open(wire);
    let mut packets = Vec::new();
    for i in 0..count {
        P::next(&mut input, |packet| packets.push(packet.clone()))
            .ok_or_else(|| format!("packet {i} refused"))?;
    }
    Ok(packets)
}

fn matches<P: Peer>(cell: &Cell, wire: Wire) -> Result<(), String> {
    let mut log = Log::default();
    for packet in packets::<P>(wire, cell.packets)? {
        P::fields(&packet, &mut log);
    }
    let difference = if P::FLOOR {
        (cell.expected.text() != log.text()).then(|| "strings missed".into())
    } else {
        cell.expected.difference(&log)
    };
    difference.map_or(Ok(()), Err)
}

fn check_decode<P: Peer>(cell: &Cell) -> Result<(), String> {
    matches::<P>(cell, cell.wire)
}

fn check_encode<P: Peer>(cell: &Cell) -> Result<(), String> {
    let mut out = P::Output::default();
    let mut wire = Vec::new();
    let packets = packets::<P>(cell.wire, cell.packets)?;
    for (i, mut packet) in packets.into_iter().enumerate() {
        P::encode(&mut packet, &mut out).ok_or_else(|| format!("packet {i} not encoded"))?;
        wire.extend(out.written());
    }
    let read = match cell.version {
        Version::V4 => matches::<ReferenceV4>(cell, wire.leak()),
        Version::V5 => matches::<ReferenceV5>(cell, wire.leak()),
    };
    read.map_err(|why| format!("as encoded, {why}"))
}

fn decode<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let (mut taken, clock) = (Taken::default(), clock());
    for _ in 0..runs {
        let mut input = P::Input::open(black_box(cell.wire));
        taken.add(clock, || {
            let mut sum = Sum::default();
            for _ in 0..cell.packets {
                P::next(&mut input, |packet| P::fields(packet, &mut sum))
                    .expect("decoded when checked");
            }
            black_box(sum);
        });
    }
    taken
}

fn encode<P: Peer>(cell: &Cell, runs: u32) -> Taken {
    let packets = packets::<P>(cell.wire, cell.packets).expect("decoded when checked");
    let mut batch = packets.clone();
    let mut out = P::Output::default();
    let mut all = |taken: &mut Taken, clock| {
        if P::CONSUMES {
            batch.clone_from(&packets);
        }
        taken.add(clock, || {
            for packet in black_box(&mut batch) {
                P::encode(packet, &mut out).expect("encoded when checked");
                black_box(&out);
            }
        });
    };
    all(&mut Taken::default(), Duration::ZERO); // the buffer grows to its size
    let (mut taken, clock) = (Taken::default(), clock());
    for _ in 0..runs {
        all(&mut taken, clock);
    }
    taken
}
