//! The statements of the standards, in our words: those of one packet, of one connection, and of a
//! Session.

use std::fmt;
use std::sync::OnceLock;

use mqtt_wire::Version;
use mqtt_wire_vectors as vectors;

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
        let mut all = Self::all().iter();
        all.find(|it| it.id == id && it.version.to_string() == version)
            .copied()
    }

    /// All statements, ordered as in `spec-vectors/statements.csv`.
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Statement>> = OnceLock::new();
        ALL.get_or_init(|| {
            let mut all: Vec<Self> = Vec::new();
            for row in vectors::statements() {
                let version = version(row.version);
                // it has a row for each packet that it binds
                let is_known = |it: &Self| (it.version, it.id) == (version, row.id);
                if !all.iter().any(is_known) {
                    let (id, section, rule) = (row.id, row.section, row.rule);
                    all.push(Self {
                        version,
                        id,
                        section,
                        rule,
                    });
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

pub(crate) fn version(version: vectors::Version) -> Version {
    match version {
        vectors::Version::V3_1 => Version::V3_1,
        vectors::Version::V3_1_1 => Version::V3_1_1,
        vectors::Version::V5 => Version::V5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_has_the_same_statements() {
        for statement in mqtt_wire::Statement::all() {
            let is_advice = statement.id().ends_with("-ctrl");
            let found = Statement::find(&statement.to_string());
            assert!(found.is_some() || is_advice, "{statement}");
        }
    }
}
