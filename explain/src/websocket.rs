//! MQTT over WebSocket: from the bytes of a connection that begins with HTTP to the bytes of MQTT.
//!
//! The bytes come piece by piece. Nothing is kept but a head of HTTP, the header of a frame and the
//! payload of a control frame, all of which have a limit. Broken rules are reported, and reading
//! goes on as long as the borders of frames are certain.

mod fault;
mod frames;
mod head;
mod inflate;

use std::io;

use mqtt_wire::Sender;

pub use self::fault::{Fault, FaultKind};
pub use self::frames::{Control, Frames};
pub use self::head::{MAX_HEAD, Request, Response, Subprotocol, head_len};

use self::fault::Reported;
use self::inflate::Inflate;

/// An item that a piece of one direction contains.
pub enum Item<'a> {
    Request(Request),
    /// The server has accepted the WebSocket.
    Accepted(Response),
    /// The server has refused it.
    Refused(Response),
    /// Bytes of MQTT.
    Data(&'a [u8]),
    Control(Control),
    Fault(Fault),
    /// Bytes are not read, a number of them or all from here on.
    Unread {
        length: Option<u64>,
        reason: Unread,
    },
    /// Bytes of a direction that does not begin like a WebSocket.
    Plain(&'a [u8]),
}

/// Why bytes are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// After an error, it is unknown where frames begin.
    AfterFault,
    /// After bytes that are missing, it is unknown where frames begin.
    AfterGap,
    /// The payload is compressed with permessage-deflate, and an earlier part is missing or wrong.
    Compressed,
}

/// Receives the items of a direction.
pub type Receive<'r> = dyn FnMut(Item<'_>) -> io::Result<()> + 'r;

/// The two directions of a connection, each of which may begin with HTTP.
#[derive(Default)]
pub struct WebSocket {
    client: Direction,
    server: Direction,
    request: Option<Request>,
    /// The server has accepted permessage-deflate.
    is_deflated: bool,
}

#[derive(Default)]
enum Direction {
    /// Nothing shows yet that this is no WebSocket.
    #[default]
    Begins,
    /// The beginning of an HTTP head.
    Head(Vec<u8>),
    Frames(Box<Frames>),
    /// It is not a WebSocket.
    Plain,
    /// Its rest is not read.
    Ignored,
}

/// The effect of a gap on the bytes of MQTT.
pub enum Gap {
    /// As many bytes of MQTT are missing.
    InData,
    /// No bytes of MQTT are missing.
    BesideData,
    /// It is unknown how many bytes of MQTT are missing.
    Unknown,
}

impl WebSocket {
    /// Whether a direction has begun like a WebSocket.
    pub fn is_used(&self, sender: Sender) -> bool {
        let direction = match sender {
            Sender::Client => &self.client,
            Sender::Server => &self.server,
        };
        !matches!(direction, Direction::Begins | Direction::Plain)
    }

    /// Reads the next bytes of a direction.
    pub fn read(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        receive: &mut Receive<'_>,
    ) -> io::Result<()> {
        let start: &[u8] = match sender {
            Sender::Client => b"GET ",
            Sender::Server => b"HTTP/1.",
        };
        let is_deflated = self.is_deflated;
        match self.direction(sender) {
            Direction::Begins if bytes.is_empty() => Ok(()),
            direction @ Direction::Begins => {
                *direction = Direction::Head(Vec::new());
                self.read(sender, bytes, receive)
            }
            Direction::Head(head) => {
                head.extend_from_slice(bytes);
                let common = start.len().min(head.len());
                let may_be = head.get(..common) == start.get(..common);
                match head_len(head) {
                    Some(length) if may_be => self.head(sender, length, receive),
                    None if may_be && head.len() <= MAX_HEAD => Ok(()),
                    _ => self.plain(sender, receive),
                }
            }
            Direction::Frames(frames) => {
                frames.set_deflated(is_deflated);
                frames.read(bytes, receive)
            }
            Direction::Plain => receive(Item::Plain(bytes)),
            Direction::Ignored => Ok(()),
        }
    }

    /// Continues after bytes that are not known.
    pub fn gap(&mut self, sender: Sender, length: Option<u64>) -> Gap {
        match self.direction(sender) {
            Direction::Frames(frames) => frames.gap(length),
            direction @ Direction::Head(_) => {
                *direction = Direction::Ignored;
                Gap::BesideData
            }
            direction @ Direction::Begins => {
                *direction = Direction::Plain;
                Gap::InData
            }
            Direction::Plain => Gap::InData,
            Direction::Ignored => Gap::BesideData,
        }
    }

    /// Ends a direction. Returns whether it does not end inside of a frame.
    pub fn end(&mut self, sender: Sender, receive: &mut Receive<'_>) -> io::Result<bool> {
        match self.direction(sender) {
            Direction::Head(_) => self.plain(sender, receive).map(|()| true),
            Direction::Frames(frames) => frames.end(receive),
            Direction::Begins | Direction::Plain | Direction::Ignored => Ok(true),
        }
    }

    /// Reads no more of both directions.
    fn ignore(&mut self) {
        (self.client, self.server) = (Direction::Ignored, Direction::Ignored);
    }

    /// The subprotocols that the client offers, if its request was seen.
    pub fn offers(&self) -> Option<&[Subprotocol]> {
        self.request.as_ref().map(|request| &request.protocols[..])
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        let kept = |direction: &Direction| match direction {
            Direction::Head(head) => head.capacity(),
            Direction::Frames(frames) => frames.kept(),
            Direction::Begins | Direction::Plain | Direction::Ignored => 0,
        };
        kept(&self.client) + kept(&self.server)
    }

    fn direction(&mut self, sender: Sender) -> &mut Direction {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    /// Hands out the bytes so far as they are.
    fn plain(&mut self, sender: Sender, receive: &mut Receive<'_>) -> io::Result<()> {
        match std::mem::replace(self.direction(sender), Direction::Plain) {
            Direction::Head(bytes) => receive(Item::Plain(&bytes)),
            _ => Ok(()),
        }
    }

    /// Reads a head that is complete, and the bytes behind it.
    fn head(&mut self, sender: Sender, length: usize, receive: &mut Receive<'_>) -> io::Result<()> {
        let bytes = match self.direction(sender) {
            Direction::Head(bytes) => std::mem::take(bytes),
            _ => return Ok(()),
        };
        let (head, rest) = bytes.split_at_checked(length).unwrap_or((&bytes, &[]));
        let is_read = match sender {
            Sender::Client => self.request(head, receive)?,
            Sender::Server => self.response(head, receive)?,
        };
        if !is_read {
            *self.direction(sender) = Direction::Plain;
            return receive(Item::Plain(&bytes));
        }
        if let direction @ Direction::Head(_) = self.direction(sender) {
            *direction = Direction::Frames(Box::new(Frames::new(sender)));
        }
        self.read(sender, rest, receive)
    }

    fn request(&mut self, head: &[u8], receive: &mut Receive<'_>) -> io::Result<bool> {
        let Some(request) = Request::parse(head).filter(|it| it.is_upgrade) else {
            return Ok(false);
        };
        receive(Item::Request(request.clone()))?;
        if !request.protocols.iter().any(Subprotocol::is_mqtt) {
            let kind = FaultKind::NotOffered;
            receive(Item::Fault(Fault::new(Sender::Client, kind)))?;
        }
        self.request = Some(request);
        Ok(true)
    }

    fn response(&mut self, head: &[u8], receive: &mut Receive<'_>) -> io::Result<bool> {
        let Some(response) = Response::parse(head) else {
            return Ok(false);
        };
        if !response.is_upgrade() {
            if self.request.is_none() {
                return Ok(false);
            }
            receive(Item::Refused(response))?;
            self.ignore();
            return Ok(true);
        }
        receive(Item::Accepted(response.clone()))?;
        self.is_deflated = response.is_deflated();
        let selected = response.protocol.as_ref();
        let fault = match (&self.request, selected) {
            // a server may not select what the client has not offered
            (Some(request), Some(selected)) if !request.protocols.contains(selected) => {
                Some(FaultKind::SelectedUnoffered)
            }
            (Some(request), selected) if request.protocols.iter().any(Subprotocol::is_mqtt) => {
                let is_mqtt = selected.is_some_and(Subprotocol::is_mqtt);
                (!is_mqtt).then_some(FaultKind::NotSelected)
            }
            _ => None,
        };
        if let Some(kind) = fault {
            receive(Item::Fault(Fault::new(Sender::Server, kind)))?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
