//! The table of the statements.

use std::fmt;

use crate::Version;

const TABLE: &str = include_str!("../statements.csv");

/// A statement of a standard, or a rule that the standard has without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Statement {
    /// The version of the standard.
    pub version: Version,
    /// `MQTT-3.1.2-11`. The names of rules without a number begin with `U`.
    pub id: &'static str,
    /// `3.1.2.5`, or the name of the section in 3.1.
    pub section: &'static str,
    /// What shows whether it is kept: `packet` (the bytes of one packet), `stream` (the packets of
    /// one connection), `session`, `transport`, or `advice`.
    pub level: &'static str,
    /// The rule in our words.
    pub rule: &'static str,
}

impl fmt::Display for Statement {
    /// `v5.0 MQTT-3.1.2-11`, as in the vectors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{} {}", self.version, self.id)
    }
}

/// All statements of the three versions. A statement that binds several packets appears for each.
#[must_use]
pub fn statements() -> Vec<Statement> {
    TABLE.lines().skip(1).filter_map(parse).collect()
}

/// `version,id,section,packet,level,rule,note`.
fn parse(line: &'static str) -> Option<Statement> {
    let mut fields = fields(line);
    let versions = [Version::V3_1, Version::V3_1_1, Version::V5];
    let version = fields.next()?;
    Some(Statement {
        version: versions.into_iter().find(|it| it.to_string() == version)?,
        id: fields.next()?,
        section: fields.next()?,
        level: fields.nth(1)?,
        rule: fields.next()?,
    })
}

/// The fields of a line; those with commas are quoted.
fn fields(line: &'static str) -> impl Iterator<Item = &'static str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let (field, behind) = match line.strip_prefix('"') {
            Some(quoted) => {
                let (field, behind) = quoted.split_once('"')?;
                (field, behind.strip_prefix(','))
            }
            None => match line.split_once(',') {
                Some((field, behind)) => (field, Some(behind)),
                None => (line, None),
            },
        };
        rest = behind;
        Some(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_table_is_a_statement() {
        let all = statements();
        assert_eq!(all.len(), TABLE.lines().count() - 1);
        let name = "v5.0 MQTT-3.3.1-5";
        let found = all.iter().find(|it| it.to_string() == name).unwrap();
        assert_eq!((found.section, found.level), ("3.3.1.3", "session"));
        assert!(
            found
                .rule
                .starts_with("A PUBLISH from a Client with RETAIN 1")
        );
        let levels = ["packet", "stream", "session", "transport", "advice"];
        assert!(all.iter().all(|it| levels.contains(&it.level)));
    }
}
