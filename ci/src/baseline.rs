//! Figures that are kept in `ci/baselines/`: none may grow by more than 3 %.

use std::collections::BTreeMap;
use std::fs;

use crate::{Result, root, rustc_version};

/// A check whose figures are kept.
pub struct Baseline {
    /// The name of the check and, with `.txt`, of the file.
    pub name: &'static str,
    /// The meaning of the figures.
    pub title: &'static str,
}

/// A figure and what it is of.
pub type Figure = (String, u64);

impl Baseline {
    /// Writes the figures if `update` is set, else compares them with those that are kept.
    pub fn check(&self, figures: &[Figure], update: bool) -> Result {
        let name = self.name;
        let path = root().join(format!("ci/baselines/{name}.txt"));
        let rustc = rustc_version()?;
        if update {
            fs::write(&path, self.write(figures, &rustc)).map_err(|error| error.to_string())?;
            println!("{name}: {} figures written", figures.len());
            return Ok(());
        }
        let kept = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let (kept, kept_rustc) = read(&kept)?;
        let comparison = compare(&kept, figures);
        comparison.notes.iter().for_each(|note| println!("{note}"));
        if !comparison.errors.is_empty() && kept_rustc != rustc {
            println!("note: the kept figures are of {kept_rustc}, this is {rustc}");
        }
        if comparison.is_worth_keeping || !comparison.errors.is_empty() {
            println!("note: if this is intended, `ci/check.sh {name} --update` keeps it");
        }
        if !comparison.errors.is_empty() {
            return Err(comparison.errors.join("\nerror: "));
        }
        let count = figures.len();
        println!("{name}: {count} figures, none grew by more than 3 %");
        Ok(())
    }

    fn write(&self, figures: &[Figure], rustc: &str) -> String {
        let Self { name, title } = self;
        let mut text = format!("# {title}; `ci/check.sh {name} --update` writes this; {rustc}\n");
        for (what, figure) in figures {
            text += &format!("{figure:7}  {what}\n");
        }
        text
    }
}

/// The figures in a file, and the compiler that made them.
fn read(text: &str) -> Result<(BTreeMap<&str, u64>, &str)> {
    let mut figures = BTreeMap::new();
    let mut rustc = "";
    for line in text.lines() {
        if line.starts_with('#') {
            rustc = line.rsplit("; ").next().unwrap_or_default();
            continue;
        }
        let figure = line.trim_start().split_once("  ");
        let figure = figure.and_then(|(figure, what)| Some((what, figure.parse().ok()?)));
        let (what, figure) = figure.ok_or_else(|| format!("no figure in the line {line:?}"))?;
        figures.insert(what, figure);
    }
    Ok((figures, rustc))
}

#[derive(Debug, Default, PartialEq)]
struct Comparison {
    errors: Vec<String>,
    notes: Vec<String>,
    /// Something became smaller by more than 3 %.
    is_worth_keeping: bool,
}

fn compare(kept: &BTreeMap<&str, u64>, figures: &[Figure]) -> Comparison {
    let mut comparison = Comparison::default();
    for (what, now) in figures {
        let Some(&before) = kept.get(what.as_str()) else {
            comparison
                .errors
                .push(format!("no figure is kept for {what}"));
            continue;
        };
        let percent = (*now as f64 / before as f64 - 1.0) * 100.0;
        let change = format!("{what}: {now}, was {before} ({percent:+.1} %)");
        if now * 100 > before * 103 {
            comparison.errors.push(change);
        } else if now * 100 < before * 97 {
            comparison.notes.push(format!("note: {change}"));
            comparison.is_worth_keeping = true;
        } else if *now != before {
            comparison.notes.push(format!("within 3 %: {change}"));
        }
    }
    for what in kept.keys() {
        if figures.iter().all(|(name, _)| name != what) {
            comparison
                .errors
                .push(format!("no longer measured: {what}"));
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare_one(before: u64, now: u64) -> Comparison {
        compare(&BTreeMap::from([("a", before)]), &[("a".to_owned(), now)])
    }

    #[test]
    fn three_percent_more_passes_and_above_that_fails() {
        assert!(compare_one(1_000, 1_030).errors.is_empty());
        assert_eq!(compare_one(1_000, 1_031).errors.len(), 1);
        assert_eq!(compare_one(1_000, 1_000), Comparison::default());
    }

    #[test]
    fn more_than_three_percent_less_is_worth_keeping() {
        assert!(!compare_one(1_000, 970).is_worth_keeping);
        assert!(compare_one(1_000, 969).is_worth_keeping);
    }

    #[test]
    fn new_and_missing_figures_fail() {
        let kept = BTreeMap::from([("a", 1)]);
        assert_eq!(compare(&kept, &[("b".to_owned(), 1)]).errors.len(), 2);
    }

    #[test]
    fn written_figures_are_read_back() {
        let baseline = Baseline {
            name: "name",
            title: "Title",
        };
        let text = baseline.write(&[("decode a, 5.0".to_owned(), 12)], "rustc 1.95.0");
        let (figures, rustc) = read(&text).unwrap();
        assert_eq!(figures, BTreeMap::from([("decode a, 5.0", 12)]));
        assert_eq!(rustc, "rustc 1.95.0");
        assert!(read("twelve  decode").is_err());
    }
}
