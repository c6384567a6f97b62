//! Connections and packets that the filter leaves out.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::style::{FAINT, paint};
use crate::text::count;

/// Connections and packets without lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hidden {
    /// Nothing in them is wanted.
    pub connections: u64,
    /// Their client is another one.
    pub other_clients: u64,
    /// Their client is not known.
    pub unknown_clients: u64,
    /// PUBLISH packets with a Topic Alias whose topic is not known.
    pub unknown_topics: u64,
}

/// Writes how much the filter hides.
pub fn hidden(out: &mut dyn Write, hidden: Hidden) -> io::Result<()> {
    let parts = [
        (hidden.connections, "connection", "without such packets"),
        (hidden.other_clients, "connection", "of other clients"),
        (
            hidden.unknown_clients,
            "connection",
            "whose client is unknown, because no CONNECT was read",
        ),
        (
            hidden.unknown_topics,
            "PUBLISH packet",
            "with a Topic Alias whose topic is unknown",
        ),
    ];
    for (number, noun, text) in parts {
        if number > 0 {
            let number = count(number, noun);
            paint(out, FAINT, &format!("not shown: {number} {text}\n"))?;
        }
    }
    Ok(())
}

impl Hidden {
    pub fn is_any(self) -> bool {
        self.connections + self.other_clients + self.unknown_clients + self.unknown_topics > 0
    }

    /// The same as an object.
    pub fn object(self) -> Value {
        json!({
            "connections": self.connections,
            "other_clients": self.other_clients,
            "unknown_clients": self.unknown_clients,
            "unknown_topics": self.unknown_topics,
        })
    }
}
