//! Explanations for the page in a browser (`../page`).

use std::io::{self, Write};

use mqtt_wire::{Sender, Version};
use serde::Serialize;

use crate::cli::Explain;
use crate::event::Status;
use crate::explain::{Source, print};
use crate::hex;
use crate::transport::Unwrapped;

/// Pasted or dropped bytes: raw bytes, text in any form that the program reads, or a capture.
#[derive(Debug, Clone)]
pub enum Pasted {
    /// One side of a connection, or a capture.
    One(Vec<u8>),
    /// Both sides of a connection, neither of them in a capture. One may be empty.
    Both {
        /// The bytes that the client sent.
        client: Vec<u8>,
        /// The bytes that the server sent.
        server: Vec<u8>,
    },
}

/// How to explain bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The version of MQTT; detected if absent.
    pub version: Option<Version>,
    /// The side that sent the bytes; detected if absent.
    pub sender: Option<Sender>,
    /// Whether to show passwords and authentication data.
    pub show_secrets: bool,
}

/// What the program prints about some bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The result: "valid", "incomplete", "invalid" or "not_mqtt".
    pub status: &'static str,
    /// Remarks about the input or the output as a whole.
    pub notes: Vec<String>,
    /// The bytes that were found, in hex: of one side, of client and server, or none for a capture.
    pub streams: Vec<String>,
    /// The lines of `--json`, each with a member "page".
    pub lines: String,
    /// The output without `--json`, with colours.
    pub report: String,
}

/// The greatest length of `lines`; the length of `report` has the same limit.
const MOST_OUTPUT: usize = 8 << 20;

/// Explains bytes.
///
/// # Errors
///
/// An input of no known form, and a capture that cannot be read.
pub fn explain(pasted: &Pasted, options: Options) -> io::Result<Explanation> {
    let mut settings = Explain {
        mqtt: options.version,
        from: options.sender.map(Into::into),
        ..Explain::default()
    };
    settings.show.show_secrets = options.show_secrets;
    let source = read(pasted)?.without_websocket(options.version);
    let mut explanation = Explanation {
        status: "",
        notes: Vec::new(),
        streams: streams(&source),
        lines: String::new(),
        report: String::new(),
    };
    let mut report = Vec::new();
    let output = settings.show.output(Box::new(&mut report));
    let status = print(source, &settings, output)?;
    explanation.status = status_name(status);

    settings.show.json = true;
    settings.show.for_page = true;
    let mut lines = Limited(Vec::new());
    let output = settings.show.output(Box::new(&mut lines));
    match print(read(pasted)?, &settings, output) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            let note = "too many packets for this page: only the first are shown";
            explanation.notes.push(String::from(note));
        }
        printed => {
            printed?;
        }
    }
    explanation.report = whole_lines(report);
    explanation.lines = whole_lines(lines.0);
    Ok(explanation)
}

fn read(pasted: &Pasted) -> io::Result<Source> {
    match pasted {
        Pasted::One(bytes) => Source::parse(bytes.clone()),
        Pasted::Both { client, server } => Source::of_sides(client, server),
    }
}

fn streams(source: &Source) -> Vec<String> {
    match source {
        Source::Stream(bytes) => vec![hex::encode(bytes)],
        Source::Streams { client, server } => vec![hex::encode(client), hex::encode(server)],
        Source::WebSocket(Unwrapped { client, server, .. }) => {
            let sides = [client, server].into_iter();
            let sides = sides.filter(|bytes| !bytes.is_empty());
            sides.map(|bytes| hex::encode(bytes)).collect()
        }
        Source::Capture { .. } => Vec::new(),
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Incomplete => "incomplete",
        Status::Invalid => "invalid",
        Status::NotMqtt => "not_mqtt",
    }
}

/// The text up to the end of the last line within the limit.
fn whole_lines(mut bytes: Vec<u8>) -> String {
    bytes.truncate(MOST_OUTPUT);
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An output that takes nothing more when it has reached the limit.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() >= MOST_OUTPUT {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: &str = "100c00044d5154540402003c0000";

    fn explain_text(text: &str, options: Options) -> Explanation {
        explain(&Pasted::One(text.as_bytes().to_vec()), options).unwrap()
    }

    fn objects(explanation: &Explanation) -> Vec<serde_json::Value> {
        let lines = explanation.lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn explains_pasted_text() {
        let explanation =
            explain_text("10 0d 0004 4d515454 04 0a 003c 0001 70", Options::default());
        assert_eq!(explanation.status, "invalid");
        assert_eq!(explanation.streams, ["100d00044d515454040a003c000170"]);
        assert!(explanation.report.contains("INVALID"));
        let page = &objects(&explanation)[0]["page"];
        assert_eq!(page["hex"], explanation.streams[0]);
        assert_eq!(
            page["nearest"],
            serde_json::json!({"offset": 9, "values": [2]})
        );
        let notes = page["rows"].as_array().unwrap().iter();
        let notes: Vec<_> = notes
            .filter(|row| row["note"] != serde_json::Value::Null)
            .collect();
        assert_eq!(notes[0]["name"], "Will QoS");
        assert_eq!(
            page["findings"][0]["rule"],
            "If the Will Flag is 0, Will QoS is 0."
        );
    }

    #[test]
    fn explains_the_bytes_inside_of_a_websocket() {
        let mut bytes = b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec();
        bytes.extend(b"\x82\x8e\0\0\0\0");
        bytes.extend(hex::decode(CONNECT).unwrap());
        let explanation = explain(&Pasted::One(bytes), Options::default()).unwrap();
        assert_eq!(explanation.status, "invalid");
        assert_eq!(explanation.streams, [CONNECT]);
        let lines = objects(&explanation);
        let request = "WebSocket request for /mqtt, no subprotocol";
        assert_eq!(lines[0]["message"], request);
        let fault = "! WebSocket: the client has to offer the subprotocol mqtt \
                     [v3.1.1 MQTT-6.0.0-3]";
        assert_eq!(lines[1]["message"], fault);
        assert_eq!(lines[2]["page"]["hex"], CONNECT);
    }

    #[test]
    fn explains_both_directions() {
        let both = Pasted::Both {
            client: format!("{CONNECT} e000 c000").into_bytes(),
            server: b"20 02 00 00".to_vec(),
        };
        let explanation = explain(&both, Options::default()).unwrap();
        assert_eq!(explanation.status, "invalid");
        let packets = objects(&explanation);
        assert_eq!(packets.len(), 4);
        assert_eq!(packets[3]["breaches"][0]["kind"], "AfterDisconnect");
    }

    #[test]
    fn explains_the_server_alone() {
        let server = Pasted::Both {
            client: Vec::new(),
            server: b"20 02 00 00".to_vec(),
        };
        let explanation = explain(&server, Options::default()).unwrap();
        assert_eq!(explanation.status, "valid");
        assert_eq!(explanation.streams, ["", "20020000"]);
        assert_eq!(objects(&explanation)[0]["dialect"]["from"], "server");
    }

    #[test]
    fn names_the_direction_that_cannot_be_read() {
        let both = Pasted::Both {
            client: CONNECT.as_bytes().to_vec(),
            server: b"20 02 00 0".to_vec(),
        };
        let error = explain(&both, Options::default()).unwrap_err().to_string();
        assert!(error.starts_with("from the server: "), "{error}");
    }

    #[test]
    fn hides_passwords_unless_they_are_wanted() {
        let connect = "101400044d51545404c2000000017000017500027077";
        let hidden = explain_text(connect, Options::default());
        assert_eq!(
            objects(&hidden)[0]["page"]["secret"],
            serde_json::json!([20, 21])
        );
        assert!(!hidden.report.contains("pw"));
        let options = Options {
            show_secrets: true,
            ..Options::default()
        };
        let shown = explain_text(connect, options);
        assert_eq!(objects(&shown)[0]["page"]["secret"], serde_json::json!([]));
        assert!(shown.report.contains("pw"));
    }

    #[test]
    fn limits_the_output() {
        let explanation = explain_text(&"c000".repeat(20_000), Options::default());
        assert_eq!(explanation.status, "valid");
        assert_eq!(explanation.notes.len(), 1);
        assert!(explanation.lines.len() <= MOST_OUTPUT);
        assert!(objects(&explanation).len() > 1000);
    }
}
