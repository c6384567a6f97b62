//! Times work that runs many times. `rumqttc-port` shares this file.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The cost of one run: the time of the fastest, because other work of the system can only add to
/// it, and the mean number of allocations, NaN if it is unknown.
pub struct Taken {
    pub nanos: f64,
    pub allocations: f64,
}

/// The runs so far. The time for reading the clock is subtracted.
pub struct Stopwatch {
    clock: Duration,
    fastest: Duration,
    runs: u32,
    allocations: u64,
}

impl Stopwatch {
    pub fn new() -> Self {
        // the time to read the clock twice, which would distort small cells
        let readings = (0..100).map(|_| Instant::now().elapsed());
        Stopwatch {
            clock: readings.min().unwrap_or_default(),
            fastest: Duration::MAX,
            runs: 0,
            allocations: 0,
        }
    }

    pub fn run(&mut self, mut work: impl FnMut()) {
        let allocations = ALLOCATIONS.get();
        let start = Instant::now();
        measured(&mut work);
        let time = start.elapsed();
        self.allocations += ALLOCATIONS.get() - allocations;
        self.fastest = self.fastest.min(time.saturating_sub(self.clock));
        self.runs += 1;
    }

    pub fn taken(self) -> Taken {
        Taken {
            nanos: self.fastest.as_nanos() as f64,
            allocations: self.allocations as f64 / f64::from(self.runs),
        }
    }
}

/// The path of [`measured`], for callgrind.
pub const MEASURED: &str = concat!(module_path!(), "::measured");

/// All measured work happens in this function, so that callgrind can count it alone.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// The time that one codec works on one cell in one round.
const SLICE: Duration = Duration::from_millis(2);

/// The number of runs in a slice, if one takes this many nanoseconds.
pub fn runs_in_slice(nanos: f64) -> u32 {
    (SLICE.as_nanos() as f64 / nanos.max(1.0)).clamp(5.0, 10_000.0) as u32
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The system's allocator, with a count of its allocations in each thread.
pub struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
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
