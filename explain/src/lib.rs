//! `mqtt-explain`: explains MQTT bytes, and shows which byte breaks which rule.
//!
//! This is the program as a library, for `main.rs`, for the page in a browser, for fuzzing and for
//! `mqttspec`. Only the command line is stable.
//!
//! The modules are layers, and a module imports only from those above it in this list:
//!
//! ```text
//! hex             hex digits, read and written
//! files           files, and the standard input
//! text            numbers, texts and data in readable form
//! fixed_header    the fixed header of a packet that may be wrong or incomplete
//! names           the names of versions, sides and codes
//! json_input      JSON that people write
//! other_protocol  signs that bytes are not MQTT
//! websocket       MQTT over WebSocket
//! capture         pcap and pcapng: from a file to the bytes of TCP connections
//! input           pasted text to bytes, one file for each form
//! decode_rules    the rules that are waived, and the optional ones that are added
//! dissect         the fields of a packet as a tree
//! event           packets with verdicts, and other events on a connection
//! stream          from the bytes of one side to packets with verdicts
//! hint            likely causes of a refused packet
//! will            whether the Server has to publish a Will
//! watch           the rules between packets
//! order           the order of two directions that were recorded separately
//! filter          the connections and packets that the user wants to see
//! statistics      packets, broken rules and waiting times, counted
//! conversation    both directions of a connection that were recorded separately
//! live            a connection whose bytes come piece by piece
//! transport       a connection over TCP or WebSocket
//! terminal        lines for the terminal: their width, and ASCII
//! clock           dates and times
//! report          what is printed, and the objects of `--json`
//! packet          one packet, explained for other programs
//! cli             the command line
//! judge           `mqtt-explain judge`
//! encode          `mqtt-explain encode`
//! proxy           `mqtt-explain proxy`
//! replay          the connections of a capture, printed as they are read
//! explain         the command without a name: explains bytes, streams and captures
//! page            explanations for the page in a browser
//! program         runs the command that the command line names
//! ```

mod capture;
mod cli;
mod clock;
mod conversation;
mod decode_rules;
mod dissect;
mod encode;
mod event;
mod explain;
mod files;
mod filter;
mod fixed_header;
mod hex;
mod hint;
mod input;
mod json_input;
mod judge;
mod live;
mod names;
mod order;
mod other_protocol;
mod packet;
pub mod page;
mod program;
#[cfg(not(target_family = "wasm"))]
mod proxy;
mod replay;
mod report;
mod statistics;
mod stream;
mod terminal;
mod text;
mod transport;
mod watch;
mod websocket;
mod will;

pub use self::packet::{PacketExplanation, explain_packet};
pub use self::program::{explain_bytes, main};
#[cfg(not(target_family = "wasm"))]
pub use self::proxy::client_config;
