//! Tests a client: plays the broker, and starts the program once for each case.

mod broker;
mod case;
mod connection;
mod open;
mod play;
mod program;
mod run;
mod scenario;
mod session;
mod verdict;

pub use self::case::{ClientCase, all as cases};
pub use self::run::{ClientOptions, Probed, describe, run};
pub use self::scenario::Scenario;
