//! `mqttspec`: tests a live MQTT broker or client against the rules of the standard.
//!
//! This is the program as a library, for `main.rs` and for the tests. Only the command line is
//! stable.
//!
//! The modules are layers, and a module imports only from those above it in this list:
//!
//! ```text
//! statement   the statements of the standards, in our words
//! script      packets to send and to wait for
//! open        what the standard leaves open
//! transport   a stream of bytes to the broker, over TCP, TLS and WebSocket
//! address     the address of the broker, and new connections to it
//! connection  a connection to the broker: what was sent and received, watched by a Monitor
//! subject     the broker: login, latency and what it supports
//! stage       the clients of a scenario, and their steps
//! scenario    what a broker has to do across packets, connections and clients
//! case        from the vectors and the scenarios to the cases
//! play        plays a script, and classifies the reaction
//! verdict     from the reactions to a verdict
//! run         all cases, one after the other or several at a time
//! client      the same for a client: mqttspec is the broker
//! traffic     cases for rules that are broken in cases about other statements
//! expect      the list of known deviations
//! report      the terminal and JUnit
//! result      the result of a run as JSON
//! html        the results of one subject or several as one page
//! cli         the command line
//! ```

mod address;
mod case;
pub mod cli;
pub mod client;
mod connection;
mod expect;
mod html;
mod open;
mod play;
mod report;
mod result;
mod run;
mod scenario;
mod script;
mod stage;
mod statement;
mod subject;
mod traffic;
mod transport;
mod verdict;

pub use self::address::{Address, Trust};
pub use self::case::{Case, CaseKind, PacketCase, all as cases};
pub use self::run::{Finding, Options, run};
pub use self::scenario::Scenario;
pub use self::statement::Statement;
pub use self::subject::Login;
pub use self::verdict::Verdict;
