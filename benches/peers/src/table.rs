//! One task: every codec on every cell, round by round, and the results as Markdown.

use std::fmt::Write;
use std::time::Duration;

use crate::codecs::floor::{ASCII_FIRST, FROM_UTF8};
use crate::measure::Codec;
use crate::peer::{Kind, Task};
use crate::workload::{Cell, Version};

/// The time that one codec works on one cell in one round.
const SLICE: Duration = Duration::from_millis(2);

pub struct Table {
    pub task: Task,
    pub columns: Vec<Column>,
    /// Codecs that failed the check of a cell, with the reason.
    refused: Vec<String>,
}

/// One cell.
pub struct Column {
    pub label: String,
    name: &'static str,
    version: Version,
    pub figures: Vec<Figure>,
}

pub struct Figure {
    pub codec: &'static str,
    pub kind: Kind,
    /// Nanoseconds per packet in each round.
    rounds: Vec<f64>,
    /// Per packet.
    allocations: f64,
}

impl Table {
    /// Measures round by round, so that other load on the machine affects all codecs alike.
    pub fn measure(task: Task, codecs: &[Codec], cells: &[Cell], rounds: usize) -> Self {
        let mut refused = Vec::new();
        let mut columns = Vec::new();
        for cell in cells {
            let mut runs = Vec::new();
            for codec in codecs {
                if codec.version != cell.version || !codec.tasks.contains(&task) {
                    continue;
                }
                match codec.check(task, cell) {
                    Ok(()) => runs.push(Runs::new(task, codec, cell)),
                    Err(why) => refused.push(format!("{} on {cell}: {why}", codec.name)),
                }
            }
            columns.push((cell, runs));
        }
        for _ in 0..rounds.max(1) {
            for (_, runs) in &mut columns {
                runs.iter_mut().for_each(Runs::round);
            }
        }
        let columns = columns.into_iter().map(|(cell, runs)| Column {
            label: cell.to_string(),
            name: cell.name,
            version: cell.version,
            figures: runs.into_iter().map(Runs::figure).collect(),
        });
        Table {
            task,
            columns: columns.collect(),
            refused,
        }
    }

    /// The ratios, then all figures.
    pub fn markdown(&self) -> String {
        let mut text = self.ratios();
        for version in [Version::V4, Version::V5] {
            let columns = self.columns.iter().filter(|it| it.version == version);
            let columns: Vec<_> = columns.collect();
            if columns.is_empty() {
                continue;
            }
            text += &format!("\nMQTT {version}: ns per packet (allocations per packet)\n\n");
            text += &full(&columns);
        }
        if !self.refused.is_empty() {
            text +=
                "\nNot measured, because the codec did not read or write the packets right:\n\n";
        }
        for line in &self.refused {
            text += &format!("- {line}\n");
        }
        text
    }

    /// Our figures beside the best peer and the floors. A figure that misses a goal is bold.
    fn ratios(&self) -> String {
        let floors: &[&str] = match self.task {
            Task::Decode => &["`from_utf8` floor", "ASCII floor"],
            Task::Encode => &["`memcpy` floor"],
            Task::Frame => &["floor"],
        };
        let mut text = String::from("| | | ns | / best peer |");
        for floor in floors {
            let _ = write!(text, " / {floor} |");
        }
        text += " best peer |\n|---|---|---:|---:|";
        text += &"---:|".repeat(floors.len());
        text += "---|\n";
        for column in &self.columns {
            for ours in column.figures.iter().filter(|it| it.kind == Kind::Ours) {
                let goals = goals(self.task, ours.codec);
                let shown = |against: Against| {
                    let Some(value) = against.value(column, ours) else {
                        return "-".into();
                    };
                    let decimals = if against == Against::Nothing { 1 } else { 2 };
                    let goal = goals.iter().find(|goal| goal.against == against);
                    if goal.is_some_and(|goal| value > goal.limit) {
                        format!("**{value:.decimals$}**")
                    } else {
                        format!("{value:.decimals$}")
                    }
                };
                let _ = write!(text, "| {} | {} |", column.label, ours.codec);
                let _ = write!(text, " {} |", shown(Against::Nothing));
                let _ = write!(text, " {} |", shown(Against::BestPeer));
                for floor in [FROM_UTF8, ASCII_FIRST].into_iter().take(floors.len()) {
                    let _ = write!(text, " {} |", shown(Against::Floor(floor)));
                }
                let best = column.best_peer(ours).map_or("-".into(), |best| {
                    format!("{}, {:.1} ns", best.codec, best.nanos())
                });
                let _ = writeln!(text, " {best} |");
            }
        }
        text
    }

    /// A line for each goal, with the cells in which it is not met.
    pub fn missed(&self) -> Vec<String> {
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for column in &self.columns {
            for ours in column.figures.iter().filter(|it| it.kind == Kind::Ours) {
                for goal in goals(self.task, ours.codec) {
                    let value = goal.against.value(column, ours);
                    let Some(value) = value.filter(|value| *value > goal.limit) else {
                        continue;
                    };
                    let what = goal.against.name(self.task);
                    let title = format!(
                        "{} by {}: more than {} {what}",
                        self.task.name(),
                        ours.codec,
                        goal.limit
                    );
                    let cell = format!("{} ({value:.2})", column.label);
                    match lines.iter_mut().find(|(known, _)| *known == title) {
                        Some((_, cells)) => cells.push(cell),
                        None => lines.push((title, vec![cell])),
                    }
                }
            }
        }
        let lines = lines.into_iter();
        lines
            .map(|(title, cells)| format!("{title} in {}", cells.join("; ")))
            .collect()
    }
}

fn full(columns: &[&Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    let mut text = format!("| | {} |\n", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len()));
    let mut codecs = Vec::new();
    for figure in columns.iter().flat_map(|column| &column.figures) {
        if !codecs.contains(&figure.codec) {
            codecs.push(figure.codec);
        }
    }
    for codec in codecs {
        let _ = write!(text, "| {codec} |");
        for column in columns {
            let figure = column.of(codec);
            let figure = figure.map_or("-".into(), |figure| {
                format!("{:.1} ({:.1})", figure.nanos(), figure.allocations)
            });
            let _ = write!(text, " {figure} |");
        }
        text.push('\n');
    }
    text
}

impl Column {
    pub fn of(&self, codec: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.codec == codec)
    }

    /// The peer with the worst ratio for us.
    fn best_peer(&self, ours: &Figure) -> Option<&Figure> {
        let peers = self.figures.iter().filter(|it| it.kind == Kind::Peer);
        peers.max_by(|a, b| ours.ratio_to(a).total_cmp(&ours.ratio_to(b)))
    }
}

impl Figure {
    fn nanos(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// The ratio to another figure of the same cell, round by round, because a slow moment slows
    /// down both.
    pub fn ratio_to(&self, other: &Figure) -> f64 {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(rounds.map(|(this, other)| this / other).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A goal: at most this much.
struct Goal {
    against: Against,
    limit: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Against {
    /// Plain nanoseconds.
    Nothing,
    BestPeer,
    Floor(&'static str),
}

fn goals(task: Task, codec: &str) -> Vec<Goal> {
    let goal = |against, limit| Goal { against, limit };
    let borrowed = codec == "mqtt-wire";
    match task {
        Task::Decode if borrowed => vec![
            goal(Against::BestPeer, 1.0),
            goal(Against::Floor(FROM_UTF8), 1.25),
        ],
        Task::Decode => vec![goal(Against::BestPeer, 1.0)],
        Task::Encode => vec![
            goal(Against::BestPeer, 1.0),
            goal(Against::Floor(FROM_UTF8), 2.0),
        ],
        Task::Frame if borrowed => vec![goal(Against::Nothing, 3.0)],
        Task::Frame => vec![],
    }
}

impl Against {
    fn value(self, column: &Column, ours: &Figure) -> Option<f64> {
        let other = match self {
            Against::Nothing => return Some(ours.nanos()),
            Against::BestPeer => column.best_peer(ours)?,
            Against::Floor(name) => column.of(name)?,
        };
        Some(ours.ratio_to(other))
    }

    fn name(self, task: Task) -> &'static str {
        match (self, task) {
            (Against::Nothing, _) => "ns",
            (Against::BestPeer, _) => "times the best peer",
            (Against::Floor(FROM_UTF8), Task::Decode) => "times the `from_utf8` floor",
            (Against::Floor(FROM_UTF8), Task::Encode) => "times the `memcpy` floor",
            (Against::Floor(_), _) => "times the floor",
        }
    }
}

/// One codec at work on one cell.
struct Runs<'a> {
    task: Task,
    codec: &'a Codec,
    cell: &'a Cell,
    runs: u32,
    rounds: Vec<f64>,
    allocations: f64,
}

impl<'a> Runs<'a> {
    fn new(task: Task, codec: &'a Codec, cell: &'a Cell) -> Self {
        let once = codec.run(task, cell, 3).nanos;
        Runs {
            task,
            codec,
            cell,
            runs: (SLICE.as_nanos() as f64 / once.max(1.0)).clamp(5.0, 10_000.0) as u32,
            rounds: Vec::new(),
            allocations: 0.0,
        }
    }

    fn round(&mut self) {
        let taken = self.codec.run(self.task, self.cell, self.runs);
        let packets = f64::from(self.cell.packets);
        self.rounds.push(taken.nanos / packets);
        self.allocations = taken.allocations / packets;
    }

    fn figure(self) -> Figure {
        Figure {
            codec: self.codec.name,
            kind: self.codec.kind,
            rounds: self.rounds,
            allocations: self.allocations,
        }
    }
}
