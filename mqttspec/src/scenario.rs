//! The scenarios: what a broker has to do across packets, connections and clients.
//!
//! Each theme is a file with a table and a function for each scenario. A function gets a
//! [`Stage`], asks it for clients, and returns `Ok` if the broker keeps the statements. To add a
//! scenario, write the function and its row in the table, and the fault that turns it red in
//! `examples/broker/src/faults.rs` and `tests/faults.rs`.
//!
//! * `shows` has the statements of each version, the one that the function is about first. The
//!   scenario runs in the versions that they are of.
//! * A step that fails because of the setup is `unclear` or `unsupported`. An `expect...` accuses.
//! * A message of QoS 0 may be lost, so no scenario demands one.
//! * A rule with "should" or "may" is [`Stop::NonStrict`] or [`Stop::Open`].
//! * "Must not be delivered" is judged behind a marker: a message that comes later and is seen.

mod delivery;
mod form;
mod keep_alive;
mod retain;
mod session;
mod will;

mod alias;
mod answers;
mod connack;
mod expiry;
mod forward;
mod limits;
mod options;
mod shared;
mod subscribe;
mod subscription_id;
mod unsubscribe;

pub use self::form::Scenario;

/// All scenarios.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    let of_sessions = [
        retain::SCENARIOS,
        session::SCENARIOS,
        delivery::SCENARIOS,
        will::SCENARIOS,
        keep_alive::SCENARIOS,
    ];
    let of_subscriptions = [
        subscribe::SCENARIOS,
        unsubscribe::SCENARIOS,
        options::SCENARIOS,
        subscription_id::SCENARIOS,
        shared::SCENARIOS,
    ];
    let of_properties = [
        alias::SCENARIOS,
        answers::SCENARIOS,
        connack::SCENARIOS,
        expiry::SCENARIOS,
        forward::SCENARIOS,
        limits::SCENARIOS,
    ];
    let themes = of_sessions
        .into_iter()
        .chain(of_subscriptions)
        .chain(of_properties);
    themes.flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::statement::Statement;

    #[test]
    fn each_scenario_has_its_own_name_and_shows_statements_that_exist() {
        let mut names = BTreeSet::new();
        for scenario in all() {
            assert!(names.insert(scenario.name), "{}", scenario.name);
            assert_eq!(scenario.name.split('/').count(), 2, "{}", scenario.name);
            assert!(scenario.comment.ends_with('.'), "{}", scenario.name);
            assert!(!scenario.shows.is_empty(), "{}", scenario.name);
            for shown in scenario.shows {
                assert!(
                    Statement::find(shown).is_some(),
                    "{}: {shown}",
                    scenario.name
                );
            }
        }
    }
}
