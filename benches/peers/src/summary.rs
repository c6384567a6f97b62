//! Tables over several tasks: our time and our instructions divided by those of the best peer, and
//! our ways to read packets from a buffer.

use std::fmt::Write;

use crate::peer::{Kind, Task};
use crate::table::{ABOVE_OWNED, CODEC, Column, FRAMES, Figure, LENT, OWNED, Table};

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

/// The ways to read packets from a buffer, in the cells that have a row of [`CODEC`].
pub fn codec(times: &[Table], counts: &[Table]) -> String {
    let mut text = String::from(
        "| | | `next_packet` | `next_frame` | `PacketBuf::new` | `Codec::decode` | above it |\n\
         |---|---|---:|---:|---:|---:|---:|\n",
    );
    for table in times {
        let done = match table.task {
            Task::Frame => "frame only",
            _ => "decode and visit",
        };
        for cell in table.columns.iter().filter(|it| it.of(CODEC).is_some()) {
            let count = column(counts, table.task, &cell.label);
            let _ = write!(text, "| {} | {done} |", cell.label);
            for row in [LENT, FRAMES, OWNED, CODEC] {
                let count = count.and_then(|it| it.of(row)).map(Figure::amount);
                let _ = match (cell.of(row).map(Figure::amount), count) {
                    (Some(time), Some(count)) => write!(text, " {time:.1} / {count:.0} |"),
                    (Some(time), None) => write!(text, " {time:.1} / - |"),
                    (None, _) => write!(text, " |"),
                };
            }
            let above = cell.of(CODEC).zip(cell.of(OWNED));
            let above = above.map(|(codec, owned)| codec.above(owned));
            let _ = match above {
                Some(above) if above > ABOVE_OWNED => writeln!(text, " **{above:.1}** |"),
                Some(above) => writeln!(text, " {above:.1} |"),
                None => writeln!(text, " |"),
            };
        }
    }
    text
}

fn column<'t>(tables: &'t [Table], task: Task, cell: &str) -> Option<&'t Column> {
    let table = tables.iter().find(|table| table.task == task)?;
    table.columns.iter().find(|column| column.label == cell)
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
    let column = column(tables, task, cell)?;
    let ours = column.of(codec).filter(|it| it.kind == Kind::Ours)?;
    Some(ours.ratio_to(column.best_peer(ours)?))
}

#[cfg(test)]
mod tests {
    use crate::codecs;
    use crate::peer::Task;
    use crate::table::Table;
    use crate::workload;

    #[test]
    fn the_codec_is_compared_on_two_packets_of_each_version() {
        let mut codecs = codecs::all();
        codecs.retain(|codec| codec.name.starts_with("mqtt-wire"));
        let tables = [
            Table::time(Task::Decode, &codecs, &workload::cells(), 1),
            Table::time(Task::Frame, &codecs, &workload::framing_cells(), 1),
        ];
        let text = super::codec(&tables, &[]);
        let cells = text
            .lines()
            .skip(2)
            .map(|row| row.split('|').nth(1).unwrap().trim());
        let per_task = [
            "PUBLISH 16 B, 3.1.1",
            "PUBACK, 3.1.1",
            "PUBLISH 16 B, 5.0",
            "PUBACK, 5.0",
        ];
        for cell in per_task {
            assert_eq!(cells.clone().filter(|it| *it == cell).count(), 2, "{text}");
        }
        assert_eq!(cells.count(), 2 * per_task.len(), "{text}");
    }
}
