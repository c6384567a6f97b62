//! One table for all tasks: our time and our instructions, divided by those of the best peer.

use std::fmt::Write;

use crate::peer::{Kind, Task};
use crate::table::{Column, Table};

/// The rows of ours that the summary shows, with their headings.
pub const SHOWN: [(Task, &str, &str); 8] = [
    (Task::Decode, "mqtt-wire", "decode"),
    (Task::Decode, "mqtt-wire, lent", "decode, lent"),
    (Task::Decode, "mqtt-wire, frames", "decode, frames"),
    (Task::Encode, "mqtt-wire", "encode"),
    (Task::Encode, "mqtt-wire, built", "encode, built"),
    (Task::Encode, "mqtt-wire, shared", "encode, shared"),
    (Task::Frame, "mqtt-wire", "frame"),
    (Task::FanOut, "mqtt-wire, copies", "fan out"),
];

/// A row for each cell. A figure above 1 is bold.
pub fn markdown(times: &[Table], counts: &[Table]) -> String {
    let headings = SHOWN.map(|(_, _, heading)| heading);
    let mut text = format!("| | {} |\n|---|", headings.join(" | "));
    text += &"---:|".repeat(SHOWN.len());
    text.push('\n');
    for cell in labels(times) {
        let _ = write!(text, "| {cell} |");
        for (task, codec, _) in SHOWN {
            let shown = |tables| {
                ratio(tables, task, codec, &cell).map_or("-".into(), |ratio| match ratio > 1.0 {
                    true => format!("**{ratio:.2}**"),
                    false => format!("{ratio:.2}"),
                })
            };
            let both = match (shown(times), shown(counts)) {
                (time, count) if time == "-" && count == "-" => String::new(),
                (time, count) => format!("{time} / {count}"),
            };
            let _ = write!(text, " {both} |");
        }
        text.push('\n');
    }
    text
}

/// The cells of all tasks, in order.
pub fn labels(tables: &[Table]) -> Vec<String> {
    let mut labels = Vec::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !labels.contains(&column.label) {
            labels.push(column.label.clone());
        }
    }
    labels
}

/// Our figure divided by that of the best peer.
pub fn ratio(tables: &[Table], task: Task, codec: &str, cell: &str) -> Option<f64> {
    let table = tables.iter().find(|table| table.task == task)?;
    let column: &Column = table.columns.iter().find(|column| column.label == cell)?;
    let ours = column.of(codec).filter(|it| it.kind == Kind::Ours)?;
    Some(ours.ratio_to(column.best_peer(ours)?))
}
