//! The form of a scenario.

use mqtt_wire::Version;

use crate::stage::{Outcome, Stage};
use crate::statement::Statement;

/// A scenario, in all versions in which it runs.
#[derive(Debug)]
pub struct Scenario {
    /// The theme and the name: `retain/is-kept`.
    pub name: &'static str,
    /// What the broker has to do, in a sentence.
    pub comment: &'static str,
    /// The statements that it shows: `v5.0 MQTT-3.3.1-5`.
    pub shows: &'static [&'static str],
    pub play: fn(&Stage<'_>) -> Outcome,
}

impl Scenario {
    /// The statements that it shows in a version. It does not run in a version without any.
    pub fn statements(&self, version: Version) -> Vec<Statement> {
        let all = self.shows.iter().filter_map(|it| Statement::find(it));
        all.filter(|it| it.version() == version).collect()
    }
}
