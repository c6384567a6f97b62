//! Totals over all connections of the proxy.

use std::io::{self, Write};

use serde_json::json;

use crate::event::Totals;
use crate::text::count;

/// All connections, counted.
#[derive(Default)]
pub struct AllTotals {
    pub connections: usize,
    /// Those that could not be forwarded.
    pub failed: usize,
    from_clients: usize,
    from_servers: usize,
    refused: usize,
    /// Packets that break a rule of the conversation.
    breaking: usize,
    /// Broken rules of WebSocket.
    websocket: usize,
}

impl AllTotals {
    /// Adds the verdicts on a connection.
    pub fn add(&mut self, totals: &Totals) {
        self.from_clients += totals.from_client;
        self.from_servers += totals.packets - totals.from_client;
        self.refused += totals.refused;
        self.breaking += totals.breaking;
        self.websocket += totals.websocket;
    }

    /// Writes the totals, with the number of connections that are still open.
    pub fn write(&self, out: &mut dyn Write, open: usize, is_json: bool) -> io::Result<()> {
        let Self {
            connections,
            failed,
            from_clients,
            from_servers,
            refused,
            breaking,
            websocket,
            ..
        } = *self;
        if is_json {
            let object = json!({
                "verdict": "totals",
                "connections": connections, "open": open, "failed": failed,
                "packets": {"client": from_clients, "server": from_servers},
                "refused": refused, "breaking": breaking, "websocket": websocket,
            });
            return writeln!(out, "{object}");
        }
        write!(out, "{}", count(connections, "connection"))?;
        for (number, text) in [(open, "still open"), (failed, "failed")] {
            if number > 0 {
                write!(out, ", {number} {text}")?;
            }
        }
        write!(out, ": {} from clients", count(from_clients, "packet"))?;
        write!(out, " and {from_servers} from servers")?;
        write!(out, ", {refused} refused, ")?;
        let verb = if breaking == 1 { "breaks" } else { "break" };
        write!(out, "{breaking} {verb} a rule of the conversation")?;
        match websocket {
            0 => writeln!(out),
            number => writeln!(out, ", {} of WebSocket broken", count(number, "rule")),
        }
    }
}
