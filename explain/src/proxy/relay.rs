//! Forwarding, and copies of what is forwarded.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::Sender;

use super::queue::{Content, End, Message, Queue};
use super::socket::Socket;
use super::tls;
use super::upstream::{PATIENCE, Upstream};
use crate::fixed_header::PacketStarts;

/// Accepts connections.
pub struct Acceptor {
    pub listener: TcpListener,
    /// Clients have to use TLS.
    pub tls: Option<Arc<tls::Acceptor>>,
    pub upstream: Arc<Upstream>,
    pub queue: Arc<Queue>,
}

impl Acceptor {
    /// Forwards each connection in a thread of its own; with `--once`, only the first one.
    pub fn run(self, once: bool) {
        for number in 1.. {
            let (client, address) = loop {
                match self.listener.accept() {
                    Ok(accepted) => break accepted,
                    Err(error) => {
                        print_note(&format!("cannot accept a connection: {error}"));
                        // there may be file descriptors again later
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            };
            if !self.queue.enter(once) {
                return;
            }
            let connection = Connection {
                number,
                address,
                tls: self.tls.clone(),
                upstream: Arc::clone(&self.upstream),
                queue: Arc::clone(&self.queue),
            };
            if let Err(error) = thread::Builder::new().spawn(move || connection.serve(client)) {
                print_note(&format!("cannot serve connection #{number}: {error}"));
                self.queue.leave();
            }
            if once {
                return;
            }
        }
    }
}

/// A connection of a client.
struct Connection {
    number: u64,
    address: SocketAddr,
    tls: Option<Arc<tls::Acceptor>>,
    upstream: Arc<Upstream>,
    queue: Arc<Queue>,
}

impl Connection {
    fn serve(self, client: TcpStream) {
        let is_shown = self
            .queue
            .offer(self.message(Content::Opened(self.address)));
        if let Err(error) = self.forward(client, is_shown) {
            if is_shown {
                self.queue.push(self.message(Content::Failed(error)));
            }
        }
        if is_shown {
            self.queue.push(self.message(Content::Closed));
        }
        self.queue.leave();
    }

    fn forward(&self, client: TcpStream, is_shown: bool) -> io::Result<()> {
        let client = self.accept(client)?;
        let server = self.upstream.connect()?;
        for socket in [&client, &server] {
            // without this option, small packets are only slower
            let _ = socket.tcp().set_nodelay(true);
        }
        let tap = |sender| Tap {
            connection: is_shown.then_some(self),
            sender,
            packet_starts: PacketStarts::default(),
            skipped: 0,
        };
        thread::scope(|scope| {
            let to_client = || forward_bytes(&server, &client, tap(Sender::Server));
            let other = thread::Builder::new().spawn_scoped(scope, to_client)?;
            forward_bytes(&client, &server, tap(Sender::Client));
            other
                .join()
                .map_err(|_| io::Error::other("a thread failed"))
        })
    }

    fn accept(&self, client: TcpStream) -> io::Result<Socket> {
        let Some(acceptor) = &self.tls else {
            return Ok(Socket::Plain(client));
        };
        let accept = || {
            client.set_read_timeout(Some(PATIENCE))?;
            let socket = acceptor.accept(client)?;
            socket.tcp().set_read_timeout(None)?;
            Ok(Socket::Tls(Box::new(socket)))
        };
        accept().map_err(|error: io::Error| {
            let text = format!("no TLS with the client: {error}");
            io::Error::new(error.kind(), text)
        })
    }

    fn message(&self, content: Content) -> Message {
        Message {
            connection: self.number,
            time: Instant::now(),
            content,
        }
    }
}

/// Forwards the bytes of one direction, and then its end.
fn forward_bytes(from: &Socket, to: &Socket, mut tap: Tap<'_>) {
    let mut buffer = vec![0; 1 << 14];
    let end = loop {
        let bytes = match from.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) => break End::Reset(error.kind()),
        };
        // the copy comes first, so that the answer cannot be shown before the packet
        tap.copy(bytes);
        if to.write_all(bytes).is_err() {
            break End::Refused;
        }
    };
    tap.end(end);
    // an error only means that the other end is closed already
    let _ = match end {
        End::Closed => to.shutdown(Shutdown::Write),
        // nothing can reach this side any more
        End::Reset(_) => to.shutdown(Shutdown::Both),
        // there may still be bytes in the other direction
        End::Refused => from.shutdown(Shutdown::Read),
    };
}

/// Puts copies of the bytes of one direction into the queue.
struct Tap<'a> {
    /// `None` if the connection is not shown.
    connection: Option<&'a Connection>,
    sender: Sender,
    packet_starts: PacketStarts,
    /// How many bytes did not fit in the queue since the last copy.
    skipped: u64,
}

impl Tap<'_> {
    fn copy(&mut self, bytes: &[u8]) {
        let Some(connection) = self.connection else {
            return;
        };
        let start = match (self.skipped, self.packet_starts.advance(bytes)) {
            (0, _) => 0,
            (_, start) => start.unwrap_or(bytes.len()),
        };
        let copied = bytes.get(start..).unwrap_or_default();
        let message = connection.message(Content::Bytes {
            sender: self.sender,
            skipped: self.skipped + start as u64,
            bytes: copied.into(),
        });
        if !copied.is_empty() && connection.queue.offer(message) {
            self.skipped = 0;
        } else {
            self.skipped += bytes.len() as u64;
        }
    }

    fn end(&self, end: End) {
        if let Some(connection) = self.connection {
            let message = connection.message(Content::Ended {
                sender: self.sender,
                skipped: self.skipped,
                end,
            });
            connection.queue.push(message);
        }
    }
}

/// Prints a note to the user. A closed standard error is no reason to fail.
pub fn print_note(text: &str) {
    let _ = writeln!(io::stderr(), "mqtt-explain: {text}");
}
