//! Judges a report of line coverage: see `../coverage.sh`.

use std::collections::BTreeMap;
use std::fs;

use crate::{Result, root};

const AT_LEAST: f64 = 99.0;

/// Prints the lines of `src/` that no test runs, with `all_files` also the files without such lines. Fails if coverage is
/// too low. Test modules do not count.
pub fn check(report: &str, all_files: bool) -> Result {
    let root = fs::canonicalize(root()).map_err(|error| error.to_string())?;
    let report = fs::read_to_string(report).map_err(|error| format!("{report}: {error}"))?;
    let prefix = format!("{}/", root.display());
    let (mut lines, mut missing) = (0, 0);
    for (path, counts) in read_lcov(&report, &prefix) {
        let text =
            fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        let end = match text.find("\n#[cfg(test)]\nmod ") {
            Some(tests) => text[..tests].lines().count() + 1,
            None => text.lines().count() + 1,
        };
        let counts: Vec<_> = counts.range(..end).collect();
        let not_run: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).collect();
        lines += counts.len();
        missing += not_run.len();
        if !counts.is_empty() && (all_files || !not_run.is_empty()) {
            let share = percent(counts.len(), not_run.len());
            println!("{share:6.2} %  {:5}  {path}", counts.len());
        }
        for (number, _) in not_run {
            let line = text.lines().nth(*number - 1).unwrap_or_default().trim();
            println!("{:16} {number:5}: {line}", "");
        }
    }
    let share = percent(lines, missing);
    println!("coverage: {share:.2} % of {lines} lines of src/, {missing} are missing");
    if lines == 0 || share < AT_LEAST {
        return Err(format!("less than {AT_LEAST} % of the lines"));
    }
    Ok(())
}

fn percent(lines: usize, missing: usize) -> f64 {
    100.0 - 100.0 * missing as f64 / lines as f64
}

/// For each file of `src/`, how often each of its lines was run.
fn read_lcov<'r>(report: &'r str, prefix: &str) -> BTreeMap<&'r str, BTreeMap<usize, u64>> {
    let mut files = BTreeMap::<_, BTreeMap<_, _>>::new();
    let mut path = None;
    for line in report.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            let name = name.strip_prefix(prefix);
            path = name.filter(|name| name.starts_with("src/"));
        } else if let (Some(line), Some(path)) = (line.strip_prefix("DA:"), path) {
            let mut numbers = line.split(',').map_while(|number| number.parse().ok());
            if let (Some(number), Some(count)) = (numbers.next(), numbers.next()) {
                files
                    .entry(path)
                    .or_default()
                    .insert(number as usize, count);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_library_are_read() {
        let report = "SF:/r/src/a.rs\nDA:3,0\nDA:4,12\nend_of_record\nSF:/r/tests/b.rs\nDA:1,0\n";
        let expected = BTreeMap::from([("src/a.rs", BTreeMap::from([(3, 0), (4, 12)]))]);
        assert_eq!(read_lcov(report, "/r/"), expected);
    }
}
