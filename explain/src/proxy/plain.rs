//! Forwarding over TCP, unchanged: one thread for both directions.
//!
//! Two threads would need more switches between them. While one thread forwards one direction, the
//! bytes of the other one gather, and pass together.

use std::io::{self, Read, Write};
use std::ops::Range;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::end::End;
use super::socket::Socket;
use super::tap::Tap;

/// One direction, with the bytes that the other side has not taken yet.
pub struct Flow<'a> {
    tap: Tap<'a>,
    from: &'a Socket,
    to: &'a Socket,
    buffer: Box<[u8]>,
    waiting: Range<usize>,
}

/// Forwards both directions to their ends.
///
/// # Errors
///
/// The system cannot wait for the sockets.
pub fn forward(flows: [Flow<'_>; 2]) -> io::Result<()> {
    let mut flows = Vec::from(flows);
    while !flows.is_empty() {
        let mut awaited: Vec<_> = flows.iter().map(Flow::awaited).collect();
        wait(&mut awaited)?;
        let ready: Vec<_> = awaited.iter().map(is_ready).collect();
        let mut ready = ready.into_iter();
        flows.retain_mut(|flow| {
            if ready.next() != Some(true) {
                return true;
            }
            let advanced = flow.advance();
            if let Err(end) = advanced {
                flow.tap.end(end);
                end.pass(flow.from, flow.to);
            }
            advanced.is_ok()
        });
    }
    Ok(())
}

/// Whether the client sends first, and its first byte is that of a request for a WebSocket.
///
/// # Errors
///
/// The system cannot wait for the sockets.
pub fn begins_with_get(client: &Socket, server: &Socket) -> io::Result<bool> {
    let [client_fd, server_fd] = [client, server].map(|it| PollFd::new(it.tcp(), PollFlags::IN));
    let mut awaited = [client_fd, server_fd];
    wait(&mut awaited)?;
    let [client_fd, _] = &awaited;
    let mut first = [0];
    // an error comes again when the byte is read
    Ok(is_ready(client_fd) && client.tcp().peek(&mut first).is_ok() && first == *b"G")
}

impl<'a> Flow<'a> {
    /// # Errors
    ///
    /// The system cannot change the socket.
    pub fn new(tap: Tap<'a>, from: &'a Socket, to: &'a Socket) -> io::Result<Self> {
        from.tcp().set_nonblocking(true)?;
        Ok(Self {
            tap,
            from,
            to,
            buffer: vec![0; 1 << 14].into(),
            waiting: 0..0,
        })
    }

    /// The socket that it waits for.
    fn awaited(&self) -> PollFd<'_> {
        match self.waiting.is_empty() {
            true => PollFd::new(self.from.tcp(), PollFlags::IN),
            false => PollFd::new(self.to.tcp(), PollFlags::OUT),
        }
    }

    /// Reads if nothing waits, and writes what it can. The copy comes before the bytes are
    /// forwarded, so that the answer cannot be shown before the packet.
    fn advance(&mut self) -> Result<(), End> {
        if self.waiting.is_empty() {
            let length = match self.from.tcp().read(&mut self.buffer) {
                Ok(0) => return Err(End::Closed),
                Ok(length) => length,
                Err(error) if is_temporary(&error) => return Ok(()),
                Err(error) => return Err(End::Reset(error.kind())),
            };
            self.waiting = 0..length;
            let bytes = self.buffer.get(..length).unwrap_or_default();
            self.tap.copy(bytes);
        }
        let bytes = self.buffer.get(self.waiting.clone()).unwrap_or_default();
        match self.to.tcp().write(bytes) {
            Ok(length) => self.waiting.start += length,
            Err(error) if is_temporary(&error) => {}
            Err(_) => return Err(End::Refused),
        }
        Ok(())
    }
}

fn wait(awaited: &mut [PollFd<'_>]) -> io::Result<()> {
    loop {
        match poll(awaited, None) {
            Err(Errno::INTR) => {}
            done => return Ok(done.map(|_| ())?),
        }
    }
}

fn is_ready(awaited: &PollFd<'_>) -> bool {
    !awaited.revents().is_empty()
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
