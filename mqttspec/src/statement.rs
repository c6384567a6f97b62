//! The statements of the standards, in our words: those of one packet, of one connection, and of a
//! Session.

use std::fmt;
use std::sync::OnceLock;

use mqtt_wire::Version;

/// A statement of a standard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    version: Version,
    id: &'static str,
    section: &'static str,
    rule: &'static str,
}

impl Statement {
    /// The statement with this name: `v5.0 MQTT-3.1.2-11`.
    pub fn find(name: &str) -> Option<Self> {
        let (version, id) = name.strip_prefix('v')?.split_once(' ')?;
        let version = version_from(version)?;
        let mut all = Self::all().iter();
        all.find(|it| it.version == version && it.id == id).copied()
    }

    /// All statements, ordered as in `spec-vectors/statements.csv`.
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Statement>> = OnceLock::new();
        ALL.get_or_init(|| {
            let mut all: Vec<Self> = Vec::new();
            for statement in TABLE.lines().skip(1).filter_map(parse) {
                let is_known = |it: &Self| (it.version, it.id) == (statement.version, statement.id);
                if !all.iter().any(is_known) {
                    all.push(statement);
                }
            }
            all
        })
    }

    pub const fn version(&self) -> Version {
        self.version
    }

    /// `MQTT-3.1.2-11`.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// `3.1.2.5`.
    pub const fn section(&self) -> &'static str {
        self.section
    }

    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{} {}", self.version, self.id)
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `version,id,section,packet,level,rule,note`.
const TABLE: &str = include_str!("../../spec-vectors/statements.csv");

fn parse(line: &'static str) -> Option<Statement> {
    let mut fields = fields(line);
    let version = version_from(fields.next()?)?;
    let (id, section) = (fields.next()?, fields.next()?);
    let rule = fields.nth(2)?;
    Some(Statement {
        version,
        id,
        section,
        rule,
    })
}

fn version_from(text: &str) -> Option<Version> {
    Version::ALL.into_iter().find(|it| it.to_string() == text)
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
        assert_eq!(
            TABLE.lines().skip(1).filter_map(parse).count(),
            TABLE.lines().count() - 1
        );
        let found = Statement::find("v5.0 MQTT-3.3.1-5").unwrap();
        assert_eq!((found.id(), found.section()), ("MQTT-3.3.1-5", "3.3.1.3"));
        assert!(
            found
                .rule()
                .starts_with("A PUBLISH from a Client with RETAIN 1")
        );
    }

    #[test]
    fn the_library_has_the_same_statements() {
        for statement in mqtt_wire::Statement::all() {
            let is_advice = statement.id().ends_with("-ctrl");
            let found = Statement::find(&statement.to_string());
            assert!(found.is_some() || is_advice, "{statement}");
        }
    }
}
