//! The instructions of each codec on each cell.

use std::hint::black_box;
use std::io::BufRead;

use crate::callgrind;
use crate::codecs;
use crate::measure::Codec;
use crate::peer::Task;
use crate::workload::Cell;

/// The command with which the program runs itself. Not for users.
pub const COMMAND: &str = "counted";

/// The instructions for each packet, of each codec on its cell.
pub fn instructions(task: Task, work: &[(&Codec, &Cell)]) -> Result<Vec<f64>, String> {
    let lines = work
        .iter()
        .map(|(codec, cell)| format!("{}\t{cell}\n", codec.name));
    let lines: String = lines.collect();
    let counts = callgrind::count(&[COMMAND, task.name()], &lines, work.len())?;
    let per_packet = work.iter().zip(counts);
    let per_packet = per_packet.map(|((_, cell), count)| count / f64::from(cell.packets));
    Ok(per_packet.collect())
}

/// Does the work that [`instructions`] asks for, a line for each codec and cell.
pub fn counted(task: &str, cells: fn(Task) -> Vec<Cell>) -> Result<(), String> {
    let task = Task::ALL.into_iter().find(|it| it.name() == task);
    let task = task.ok_or("unknown task")?;
    let (codecs, cells) = (codecs::all(), cells(task));
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let (name, label) = line.split_once('\t').ok_or("no cell")?;
        let cell = cells.iter().find(|cell| cell.to_string() == label);
        let cell = cell.ok_or("unknown cell")?;
        let mut codecs = codecs.iter();
        let codec = codecs.find(|codec| codec.name == name && codec.covers(task, cell));
        let codec = codec.ok_or("unknown codec")?;
        callgrind::counted(|runs| {
            black_box(codec.run(task, cell, runs).nanos);
        });
    }
    Ok(())
}
