//! One task: every codec on every cell, timed round by round or counted, and the results as
//! Markdown.

use std::fmt::Write;

use crate::codecs::floor::{ASCII_FIRST, FROM_UTF8};
use crate::count;
use crate::measure::Codec;
use crate::peer::{Kind, Task};
use crate::stopwatch::{self, median};
use crate::workload::{Cell, Version};

/// The names of our rows that tables and goals mention.
const OURS: &str = "mqtt-wire";
const PASSED_ON: &str = "mqtt-wire, passed on";
const SHARED: &str = "mqtt-wire, shared";
pub const LENT: &str = "mqtt-wire, lent";
pub const FRAMES: &str = "mqtt-wire, frames";
pub const CODEC: &str = "mqtt-wire, Codec";

pub const OWNED: &str = "mqtt-wire, owned";
/// The goal for [`CODEC`]: nanoseconds above [`OWNED`], which does the same.
pub const ABOVE_OWNED: f64 = 5.0;

pub struct Table {
    pub task: Task,
    pub columns: Vec<Column>,
    unit: Unit,
    /// Codecs that failed the check of a cell, with the reason.
    refused: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Nanos,
    Instructions,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Nanos => "ns",
            Unit::Instructions => "instructions",
        }
    }

    fn decimals(self) -> usize {
        match self {
            Unit::Nanos => 1,
            Unit::Instructions => 0,
        }
    }
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
    /// Whether ours are compared with it. A peer that decodes has to check text.
    comparable: bool,
    /// Whether it passes on the payload without copying it.
    shares: bool,
    /// See [`Codec::checks`].
    checks: String,
    /// Nanoseconds per packet in each round, or one number of instructions.
    rounds: Vec<f64>,
    /// Per packet. NaN if unknown.
    allocations: f64,
}

impl Table {
    /// Measures round by round, so that other load on the machine affects all codecs alike.
    pub fn time(task: Task, codecs: &[Codec], cells: &[Cell], rounds: usize) -> Self {
        let (mut runs, refused) = checked(task, codecs, cells);
        runs.iter_mut().for_each(Runs::calibrate);
        for _ in 0..rounds.max(1) {
            runs.iter_mut().for_each(Runs::round);
        }
        Table {
            task,
            columns: columns(runs, cells),
            unit: Unit::Nanos,
            refused,
        }
    }

    /// Counts instructions, which other load on the machine does not affect.
    pub fn count(task: Task, codecs: &[Codec], cells: &[Cell]) -> Result<Self, String> {
        let (mut runs, refused) = checked(task, codecs, cells);
        let work: Vec<_> = runs.iter().map(|it| (it.codec, it.cell)).collect();
        let counts = count::instructions(task, &work)?;
        for (runs, count) in runs.iter_mut().zip(counts) {
            runs.rounds.push(count);
            runs.allocations =
                runs.codec.run(task, runs.cell, 1).allocations / f64::from(runs.cell.packets);
        }
        Ok(Table {
            task,
            columns: columns(runs, cells),
            unit: Unit::Instructions,
            refused,
        })
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
            let unit = self.unit.name();
            text += &format!("\nMQTT {version}: {unit} per packet (allocations per packet)\n\n");
            text += &self.full(&columns);
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
            Task::FanOut => &[],
        };
        let mut text = format!("| | | {} | / best peer |", self.unit.name());
        for floor in floors {
            let _ = write!(text, " / {floor} |");
        }
        text += " best peer |\n|---|---|---:|---:|";
        text += &"---:|".repeat(floors.len());
        text += "---|\n";
        for column in &self.columns {
            for ours in column.figures.iter().filter(|it| it.kind == Kind::Ours) {
                let goals = self.goals(column, ours.codec);
                let shown = |against: Against| {
                    let Some(value) = against.value(column, ours) else {
                        return "-".into();
                    };
                    let decimals = match against {
                        Against::Nothing => self.unit.decimals(),
                        _ => 2,
                    };
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
                    let decimals = self.unit.decimals();
                    format!("{}, {:.decimals$}", best.codec, best.amount())
                });
                let _ = writeln!(text, " {best} |");
            }
        }
        text
    }

    /// All figures. † marks those of peers that decode without checking text, ‡ those of codecs that
    /// pass on the payload.
    fn full(&self, columns: &[&Column]) -> String {
        let decode = self.task == Task::Decode;
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let mut text = String::from(if decode { "| | checks " } else { "| " });
        let _ = writeln!(text, "| {} |", names.join(" | "));
        text += if decode { "|---|---|" } else { "|---|" };
        let _ = writeln!(text, "{}", "---:|".repeat(columns.len()));
        let mut codecs: Vec<&Figure> = Vec::new();
        for figure in columns.iter().flat_map(|column| &column.figures) {
            if !codecs.iter().any(|it| it.codec == figure.codec) {
                codecs.push(figure);
            }
        }
        let decimals = self.unit.decimals();
        for row in codecs {
            let _ = write!(text, "| {} |", row.codec);
            if decode {
                let _ = write!(text, " {} |", row.checks);
            }
            for column in columns {
                let figure = column.of(row.codec).map_or("-".into(), |figure| {
                    let mark = match (figure.comparable, figure.shares) {
                        (false, _) => " †",
                        (true, true) => " ‡",
                        (true, false) => "",
                    };
                    let (amount, allocations) = (figure.amount(), figure.allocations);
                    let allocations = match allocations.is_nan() {
                        true => "-".into(),
                        false => format!("{allocations:.1}"),
                    };
                    format!("{amount:.decimals$} ({allocations}){mark}")
                });
                let _ = write!(text, " {figure} |");
            }
            text.push('\n');
        }
        text
    }

    fn goals(&self, column: &Column, codec: &str) -> Vec<Goal> {
        let goal = |against, limit| Goal { against, limit };
        let mut goals = match (self.task, codec) {
            (Task::Decode, PASSED_ON) => vec![],
            (Task::Decode | Task::Frame, CODEC) => vec![goal(Against::Owned, ABOVE_OWNED)],
            (Task::Decode, OURS) if column.name == "PUBACK" => {
                vec![goal(Against::BestPeer, 1.0), goal(Against::Nothing, 8.0)]
            }
            (Task::Decode, OURS) => vec![
                goal(Against::BestPeer, 1.0),
                goal(Against::Floor(FROM_UTF8), 1.5),
            ],
            (Task::Decode, _) => vec![goal(Against::BestPeer, 1.0)],
            (Task::Encode, OURS) => vec![
                goal(Against::BestPeer, 1.0),
                goal(Against::Floor(FROM_UTF8), 2.0),
            ],
            (Task::Encode, SHARED) => vec![goal(Against::BestPeer, 1.0)],
            (Task::Encode, _) if self.unit == Unit::Nanos => vec![goal(Against::BestPeer, 1.05)],
            (Task::Encode, _) if column.version == Version::V4 => {
                vec![goal(Against::BestPeer, 1.1)]
            }
            (Task::Encode, _) => vec![goal(Against::BestPeer, 1.0)],
            (Task::Frame, OURS) => vec![goal(Against::Nothing, 3.0)],
            (Task::Frame, _) => vec![],
            (Task::FanOut, "mqtt-wire, copies") => vec![goal(Against::BestPeer, 0.5)],
            (Task::FanOut, _) => vec![],
        };
        // the floors and nanoseconds say little about instructions
        goals.retain(|goal| self.unit == Unit::Nanos || goal.against == Against::BestPeer);
        goals
    }

    /// A line for each goal, with the cells in which it is not met.
    pub fn missed(&self) -> Vec<String> {
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for column in &self.columns {
            for ours in column.figures.iter().filter(|it| it.kind == Kind::Ours) {
                for goal in self.goals(column, ours.codec) {
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

impl Column {
    pub fn of(&self, codec: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.codec == codec)
    }

    /// The peer with the worst ratio for us. One that passes on the payload is compared with ours
    /// that does, and one that copies it with ours that copy.
    pub fn best_peer(&self, ours: &Figure) -> Option<&Figure> {
        let peers = self.figures.iter();
        let peers = peers.filter(|it| it.kind == Kind::Peer && it.comparable);
        let peers = peers.filter(|it| it.shares == ours.shares);
        peers.max_by(|a, b| ours.ratio_to(a).total_cmp(&ours.ratio_to(b)))
    }
}

impl Figure {
    /// Nanoseconds or instructions.
    pub fn amount(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// The ratio to another figure of the same cell, round by round, because a slow moment slows
    /// down both.
    pub fn ratio_to(&self, other: &Figure) -> f64 {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(rounds.map(|(this, other)| this / other).collect())
    }

    /// The difference to another figure of the same cell, round by round.
    pub fn above(&self, other: &Figure) -> f64 {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(rounds.map(|(this, other)| this - other).collect())
    }
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
    /// The nanoseconds above our row of owned packets.
    Owned,
}

impl Against {
    fn value(self, column: &Column, ours: &Figure) -> Option<f64> {
        let other = match self {
            Against::Nothing => return Some(ours.amount()),
            Against::BestPeer => column.best_peer(ours)?,
            Against::Floor(name) => column.of(name)?,
            Against::Owned => return Some(ours.above(column.of(OWNED)?)),
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
            (Against::Owned, _) => "ns above `next_frame` and `PacketBuf::new`",
        }
    }
}

/// One codec at work on one cell.
struct Runs<'a> {
    task: Task,
    codec: &'a Codec,
    cell: &'a Cell,
    /// In each round.
    runs: u32,
    rounds: Vec<f64>,
    allocations: f64,
}

/// Each codec on each cell of its version, if it does the task right, and the reasons of those that
/// do not.
fn checked<'a>(task: Task, codecs: &'a [Codec], cells: &'a [Cell]) -> (Vec<Runs<'a>>, Vec<String>) {
    let (mut runs, mut refused) = (Vec::new(), Vec::new());
    for cell in cells {
        for codec in codecs {
            if !codec.covers(task, cell) {
                continue;
            }
            match codec.check(task, cell) {
                Ok(()) => runs.push(Runs {
                    task,
                    codec,
                    cell,
                    runs: 1,
                    rounds: Vec::new(),
                    allocations: 0.0,
                }),
                Err(why) => refused.push(format!("{} on {cell}: {why}", codec.name)),
            }
        }
    }
    (runs, refused)
}

fn columns(runs: Vec<Runs>, cells: &[Cell]) -> Vec<Column> {
    let columns = cells.iter().map(|cell| Column {
        label: cell.to_string(),
        name: cell.name,
        version: cell.version,
        figures: Vec::new(),
    });
    let mut columns: Vec<_> = columns.collect();
    for runs in runs {
        let label = runs.cell.to_string();
        if let Some(column) = columns.iter_mut().find(|column| column.label == label) {
            column.figures.push(runs.figure());
        }
    }
    columns
}

impl Runs<'_> {
    fn calibrate(&mut self) {
        let once = self.codec.run(self.task, self.cell, 3).nanos;
        self.runs = stopwatch::runs_in_slice(once);
    }

    fn round(&mut self) {
        let taken = self.codec.run(self.task, self.cell, self.runs);
        let packets = f64::from(self.cell.packets);
        self.rounds.push(taken.nanos / packets);
        self.allocations = taken.allocations / packets;
    }

    fn figure(self) -> Figure {
        let peer_that_decodes = self.codec.kind == Kind::Peer && self.task == Task::Decode;
        Figure {
            codec: self.codec.name,
            kind: self.codec.kind,
            comparable: !peer_that_decodes || self.codec.checks_text(self.cell),
            shares: self.codec.shares(self.task, self.cell),
            checks: self.codec.checks.clone(),
            rounds: self.rounds,
            allocations: self.allocations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::codecs;
    use crate::peer::Task;
    use crate::workload::{self, LARGE};

    #[test]
    fn a_shared_payload_is_compared_only_with_shared_payloads() {
        let mut cells = workload::cells();
        cells.retain(|cell| cell.name == LARGE);
        let table = Table::time(Task::Encode, &codecs::all(), &cells, 1);
        for column in &table.columns {
            for (row, shares) in [("mqtt-wire", false), ("mqtt-wire, shared", true)] {
                let ours = column.of(row).unwrap();
                assert_eq!(column.best_peer(ours).unwrap().shares, shares);
            }
        }
    }
}
