//! The throughput of one thread and of two, each with its own connection. Nothing is shared between
//! connections except the input, which is only read. The rounds include arithmetic without memory,
//! which shows how much of a second core the machine has to offer.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::codecs::mqtt_wire::{Copied, Lent};
use crate::fields::Sum;
use crate::peer::{FanOut, Open, Output, Peer};
use crate::stopwatch::median;
use crate::workload::{self, Cell, Version};

/// The time of each measurement.
const SLICE: Duration = Duration::from_millis(40);

const THREADS: usize = 2;

/// A table with the throughput of one thread and of two.
pub fn measure(rounds: usize) -> String {
    let buffer = cell(workload::cells(), "64 KiB buffer");
    let message = cell(workload::fan_out_cells(), "PUBLISH 16 B");
    let works: [(&str, u32, &Start); 3] = [
        ("decode the 64 KiB buffer, packets", buffer.packets, &|| {
            decode(&buffer)
        }),
        (
            "fan out a PUBLISH of 16 B, copies",
            message.packets,
            &|| fan_out(&message),
        ),
        ("arithmetic alone, steps", STEPS, &|| Box::new(arithmetic)),
    ];
    let mut rounds_of = works.map(|_| Vec::new());
    for _ in 0..rounds.max(1) {
        for ((_, _, start), rounds) in works.iter().zip(&mut rounds_of) {
            rounds.push([rates(*start, 1), rates(*start, THREADS)]);
        }
    }
    let mut text = format!(
        "| millions in a second | 1 thread | {THREADS} threads | ratio | ratio while running |\n\
         |---|---:|---:|---:|---:|\n"
    );
    for ((name, items, _), rounds) in works.iter().zip(rounds_of) {
        let of_rounds = |value: fn(&[Rates; 2]) -> f64| median(rounds.iter().map(value).collect());
        let millions = f64::from(*items) / 1e6;
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {:.1} | {:.2} | {:.2} |",
            of_rounds(|[one, _]| one.total) * millions,
            of_rounds(|[_, all]| all.total) * millions,
            of_rounds(|[one, all]| all.total / one.total),
            of_rounds(|[one, all]| all.while_running / one.while_running),
        );
    }
    text
}

/// The 5.0 cell of this name.
fn cell(cells: Vec<Cell>, name: &str) -> Cell {
    let mut cells = cells.into_iter();
    let cell = cells.find(|cell| cell.name == name && cell.version == Version::V5);
    cell.expect("the workload has this cell")
}

/// Makes the buffers of one thread, and returns the work on them.
type Start<'a> = dyn Fn() -> Box<dyn FnMut() + 'a> + Sync + 'a;

/// Receives a buffer full of packets, and decodes all of them.
fn decode(cell: &Cell) -> Box<dyn FnMut() + '_> {
    let mut decoder = <Lent<5> as Peer>::Input::open(&[]);
    Box::new(move || {
        decoder.receive(black_box(cell.wire));
        let mut sum = Sum::default();
        for _ in 0..cell.packets {
            Lent::<5>::visit(&mut decoder, &mut sum).expect("the workload is valid");
        }
        black_box(sum);
    })
}

/// Decodes one PUBLISH and writes a copy for each receiver.
fn fan_out(cell: &Cell) -> Box<dyn FnMut() + '_> {
    let outputs = (0..cell.packets).map(|_| <Copied<5> as FanOut>::Output::create(cell.wire));
    let mut receivers: Vec<_> = outputs.collect();
    Box::new(move || {
        receivers.iter_mut().for_each(Output::clear);
        Copied::<5>::fan_out(black_box(cell.wire), &mut receivers).expect("the workload is valid");
        black_box(&receivers);
    })
}

const STEPS: u32 = 50_000;

/// Four chains of multiplications, so that the core has enough to do.
fn arithmetic() {
    let mut chains: [u64; 4] = black_box([1, 2, 3, 4]);
    for _ in 0..STEPS {
        for chain in &mut chains {
            *chain = chain.wrapping_mul(6364136223846793005).wrapping_add(1);
        }
    }
    black_box(chains);
}

/// Runs per second, summed over all threads.
struct Rates {
    total: f64,
    /// By the median time of a run. Runs are short, so that few of them contain time in which the
    /// system ran another program instead.
    while_running: f64,
}

/// The threads begin together.
fn rates(start: &Start, threads: usize) -> Rates {
    let barrier = Barrier::new(threads);
    let work = || {
        let mut run = start();
        run(); // the buffers grow to their final size
        barrier.wait();
        let (begin, mut times) = (Instant::now(), Vec::new());
        while begin.elapsed() < SLICE {
            let before = Instant::now();
            run();
            times.push(before.elapsed().as_secs_f64());
        }
        Rates {
            total: times.len() as f64 / begin.elapsed().as_secs_f64(),
            while_running: 1.0 / median(times),
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let rates = threads.into_iter().map(thread::ScopedJoinHandle::join);
        let sum = |sum: Rates, rates: Rates| Rates {
            total: sum.total + rates.total,
            while_running: sum.while_running + rates.while_running,
        };
        let rates = rates.map(|rates| rates.expect("no panic"));
        rates.reduce(sum).expect("at least one thread")
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_thread_and_two_are_measured_at_each_work() {
        let table = super::measure(1);
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), 3, "{table}");
        for row in rows {
            let figures = row.split('|').skip(2).take(4);
            let figures = figures.map(|figure| figure.trim().parse::<f64>().unwrap());
            assert!(
                figures.clone().count() == 4 && figures.min_by(f64::total_cmp) > Some(0.0),
                "{row}"
            );
        }
    }
}
