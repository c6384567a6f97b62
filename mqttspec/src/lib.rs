//! `mqttspec`: tests a live MQTT broker against the rules of the standard.
//!
//! This is the program as a library, for `main.rs` and for the tests. Only the command line is
//! stable.
//!
//! The modules are layers, and a module imports only from those above it in this list:
//!
//! ```text
//! script      packets to send and to wait for
//! open        what the standard leaves open
//! case        from the vectors to the cases
//! connection  a connection to the broker: what was sent and received, watched by a Monitor
//! subject     the broker: address, login, latency and what it supports
//! play        plays a script, and classifies the reaction
//! verdict     from the reactions to a verdict
//! run         all cases, one after the other or several at a time
//! expect      the list of known deviations
//! report      the terminal, JSON and JUnit
//! cli         the command line
//! ```

mod case;
pub mod cli;
mod connection;
mod expect;
mod open;
mod play;
mod report;
mod run;
mod script;
mod subject;
mod verdict;

pub use self::case::{Case, all as cases};
pub use self::run::{Finding, Options, run};
pub use self::subject::{Address, Login};
pub use self::verdict::Verdict;
