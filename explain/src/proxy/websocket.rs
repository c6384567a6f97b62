//! WebSocket on one side of a connection, whose other side is MQTT over TCP.

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use edge_ws::{FrameHeader, FrameType};
use mqtt_wire::Sender;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::socket::Socket;
use crate::websocket::{Control, FaultKind, Frames, Item, Request, Response, Subprotocol};

/// Close codes of RFC 6455.
const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const UNSUPPORTED_DATA: u16 = 1003;

/// Sends frames to one side. Several threads may send.
pub struct FrameSender<'a> {
    socket: &'a Socket,
    /// The frames of a client have masks.
    sender: Sender,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A Close frame was sent, and nothing may follow.
    is_closed: bool,
}

impl<'a> FrameSender<'a> {
    /// `sender` is the side as which the proxy speaks.
    pub fn new(socket: &'a Socket, sender: Sender) -> Self {
        Self {
            socket,
            sender,
            state: Mutex::default(),
        }
    }

    /// Sends the answer to the request, unless it is decided already that this is no WebSocket.
    /// Returns whether it is one.
    pub fn begin(&self, answer: &str, is_websocket: &OnceLock<bool>) -> bool {
        // frames have to wait for the answer
        let _state = self.lock();
        is_websocket.set(true).is_ok() && self.socket.write_all(answer.as_bytes()).is_ok()
    }

    /// Sends bytes of MQTT.
    pub fn data(&self, bytes: &[u8]) -> io::Result<()> {
        self.send(FrameType::Binary(false), bytes)
    }

    /// Sends a Close frame, unless one was sent before.
    pub fn close(&self) -> io::Result<()> {
        self.send(FrameType::Close, &NORMAL.to_be_bytes())
    }

    /// Answers one of the other end's frames. Returns `false` after the last one.
    fn answer(&self, control: Control) -> io::Result<bool> {
        match control {
            Control::Ping(payload) => self.send(FrameType::Pong, &payload).map(|()| true),
            Control::Pong(_) => Ok(true),
            Control::Close { code, .. } => {
                let code = code.map(u16::to_be_bytes);
                let code = code.as_ref().map_or(&[][..], |code| &code[..]);
                self.send(FrameType::Close, code).map(|()| false)
            }
        }
    }

    fn send(&self, frame_type: FrameType, payload: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        if state.is_closed {
            return Ok(());
        }
        state.is_closed = frame_type == FrameType::Close;
        let mask_key = match self.sender {
            Sender::Client => Some(u32::from_be_bytes(random()?)),
            Sender::Server => None,
        };
        let header = FrameHeader {
            frame_type,
            payload_len: payload.len() as u64,
            mask_key,
        };
        let mut frame = vec![0; header.serialized_len()];
        header
            .serialize(&mut frame)
            .map_err(|_| io::Error::other("a frame without room"))?;
        let start = frame.len();
        frame.extend_from_slice(payload);
        header.mask(frame.get_mut(start..).unwrap_or_default(), 0);
        self.socket.write_all(&frame)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the frames of one side, which may still begin with other bytes.
pub struct FrameReader {
    frames: Frames,
}

impl FrameReader {
    /// `sender` is the side that sends the frames.
    pub fn new(sender: Sender) -> Self {
        Self {
            frames: Frames::new(sender),
        }
    }

    /// Hands the bytes of MQTT to `forward`, and answers control frames. Returns `false` after the
    /// last frame.
    pub fn read(
        &mut self,
        bytes: &[u8],
        answers: &FrameSender<'_>,
        forward: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut goes_on = true;
        let mut fault = None;
        self.frames.read(bytes, &mut |item| match item {
            _ if !goes_on => Ok(()),
            Item::Data(bytes) => forward(bytes),
            Item::Control(control) => {
                goes_on = answers.answer(control)?;
                Ok(())
            }
            Item::Fault(found) => {
                if found.kind.ends_reading() || found.kind == FaultKind::TextFrame {
                    (goes_on, fault) = (false, Some(found.kind));
                }
                Ok(())
            }
            _ => Ok(()),
        })?;
        if let Some(kind) = fault {
            let code = match kind {
                FaultKind::TextFrame => UNSUPPORTED_DATA,
                _ => PROTOCOL_ERROR,
            };
            answers.send(FrameType::Close, &code.to_be_bytes())?;
        }
        Ok(goes_on)
    }
}

/// Where the server expects WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host, and the port if the URL has one.
    pub authority: String,
    /// The path, if the URL has one.
    pub path: Option<String>,
}

impl Target {
    /// The usual path of MQTT.
    const PATH: &str = "/mqtt";

    /// A request, and the response to expect.
    pub fn request(&self) -> io::Result<(String, String)> {
        let key = STANDARD.encode(random::<16>()?);
        let path = self.path.as_deref().unwrap_or(Self::PATH);
        let text = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n\r\n",
            self.authority
        );
        Ok((text, accept_key(&key)))
    }

    /// Checks the response of the server.
    pub fn check(response: &[u8], accept: &str) -> io::Result<()> {
        let invalid = |text: String| Err(io::Error::new(io::ErrorKind::InvalidData, text));
        match Response::parse(response) {
            None if response.is_empty() => invalid(String::from(
                "the server does not answer the request for a WebSocket",
            )),
            None => invalid(String::from("the server does not speak HTTP")),
            Some(response) if !response.is_upgrade() => {
                let Response { status, reason, .. } = response;
                invalid(format!(
                    "the server refuses the WebSocket: {status} {reason}"
                ))
            }
            Some(response) if response.accept.as_deref() != Some(accept) => invalid(String::from(
                "the server has not read the request for a WebSocket: Sec-WebSocket-Accept is wrong",
            )),
            Some(_) => Ok(()),
        }
    }

    /// The request of a client, with the host and the path of the URL.
    pub fn readdress(&self, head: &[u8]) -> Vec<u8> {
        let mut changed = Vec::with_capacity(head.len());
        for (number, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let text = String::from_utf8_lossy(line);
            let words: Vec<_> = text.splitn(3, ' ').collect();
            match (&words[..], &self.path) {
                ([method, _, version], Some(path)) if number == 0 => {
                    changed.extend(format!("{method} {path} {version}").into_bytes());
                }
                ([name, ..], _) if name.eq_ignore_ascii_case("host:") => {
                    changed.extend(format!("Host: {}\r\n", self.authority).into_bytes());
                }
                _ => changed.extend_from_slice(line),
            }
        }
        changed
    }
}

/// The answer to a request for a WebSocket, unless it asks for something else.
pub fn accept(request: &[u8]) -> Option<String> {
    let request = Request::parse(request).filter(|it| it.is_upgrade)?;
    let accept = accept_key(&request.key?);
    // clients of MQTT 3.1 offer mqttv3.1
    let mut offered = request.protocols.iter();
    let is_mqtt = |it: &&Subprotocol| it.0.starts_with("mqtt");
    let best = offered.clone().find(|it| it.is_mqtt());
    let selected = match best.or_else(|| offered.find(is_mqtt)) {
        Some(Subprotocol(name)) => format!("Sec-WebSocket-Protocol: {name}\r\n"),
        None => String::new(),
    };
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{selected}\r\n"
    ))
}

fn accept_key(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("no random numbers"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_as_rfc_6455_shows_it() {
        let accepted = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), accepted);
        let request = |protocol: &str| {
            let text = format!(
                "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
            );
            accept(text.as_bytes())
        };
        let field = |it: &str| format!("Sec-WebSocket-Protocol: {it}\r\n");
        for (offered, selected) in [
            ("mqtt", "mqtt"),
            ("mqttv3.1, mqtt", "mqtt"),
            ("mqttv3.1", "mqttv3.1"),
        ] {
            let answer = request(&field(offered)).unwrap();
            assert!(answer.contains(accepted), "{answer}");
            assert!(answer.contains(&field(selected)), "{answer}");
        }
        for offered in ["", "Sec-WebSocket-Protocol: chat\r\n"] {
            let answer = request(offered).unwrap();
            assert!(!answer.contains("Protocol:"), "{answer}");
        }
        assert_eq!(accept(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), None);
    }

    #[test]
    fn a_request_gets_the_address_of_the_server() {
        let head = b"GET /a HTTP/1.1\r\nhost: 127.0.0.1:1\r\nX-Host: \xff\r\n\r\n";
        let target = |path: Option<&str>| Target {
            authority: String::from("server:9"),
            path: path.map(String::from),
        };
        let unchanged = target(None).readdress(head);
        assert_eq!(
            unchanged,
            b"GET /a HTTP/1.1\r\nHost: server:9\r\nX-Host: \xff\r\n\r\n"
        );
        let changed = target(Some("/b?c")).readdress(head);
        assert!(changed.starts_with(b"GET /b?c HTTP/1.1\r\nHost: server:9\r\n"));
    }
}
