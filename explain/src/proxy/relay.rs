//! Forwarding.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_wire::Sender;

use super::end::End;
use super::plain;
use super::queue::{Content, Message, Queue};
use super::socket::Socket;
use super::tap::Tap;
use super::tls;
use super::upstream::{PATIENCE, Upstream};
use super::websocket::{self, FrameReader, FrameSender, Target};
use crate::websocket::{MAX_HEAD, head_len};

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
        let direction = |sender, from, to| Direction {
            from,
            to,
            tap: Tap::new(is_shown.then_some(&self.queue), self.number, sender),
            end: None,
        };
        let from_client = direction(Sender::Client, &client, &server);
        let from_server = direction(Sender::Server, &server, &client);
        let are_plain = client.is_plain() && server.is_plain();
        match &self.upstream.websocket {
            Some(target) => self.forward_to_websocket(target, from_client, from_server),
            None if are_plain && !plain::begins_with_get(&client, &server)? => plain::forward([
                plain::Flow::new(from_client.tap, &client, &server)?,
                plain::Flow::new(from_server.tap, &server, &client)?,
            ]),
            None => forward_to_tcp(from_client, from_server),
        }
    }

    /// Forwards to a server that expects WebSocket. If the client uses WebSocket, too, everything is
    /// forwarded as it is, but the request gets the address of the server.
    fn forward_to_websocket(
        &self,
        target: &Target,
        mut from_client: Direction<'_>,
        mut from_server: Direction<'_>,
    ) -> io::Result<()> {
        let start = from_client.start(b"GET ");
        let (head, after) = split_head(&start);
        let server = from_client.to;
        if websocket::accept(head).is_some() {
            server.write_all(&[&target.readdress(head), after].concat())?;
            let nothing = || Convert::Nothing;
            return both(
                || from_client.run(&[], nothing),
                || from_server.run(&[], nothing),
            );
        }
        let response = target.request().and_then(|(request, accept)| {
            server.tcp().set_read_timeout(Some(PATIENCE))?;
            server.write_all(request.as_bytes())?;
            let response = from_server.start(b"HTTP/1.");
            let head = head_len(&response).and_then(|length| response.get(..length));
            Target::check(head.unwrap_or(&response), &accept)?;
            server.tcp().set_read_timeout(None)?;
            Ok(response)
        });
        let response = response.map_err(|error| self.upstream.unreachable(&error))?;
        let (_, frames) = split_head(&response);
        let frame_sender = FrameSender::new(server, Sender::Client);
        let wrap = || Convert::Wrap(&frame_sender);
        let unwrap = || Convert::unwrap(Sender::Server, &frame_sender);
        both(
            || from_client.run(&start, wrap),
            || from_server.run(frames, unwrap),
        )
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

/// Forwards to a server that expects MQTT over TCP. A client that uses WebSocket gets its answers
/// over WebSocket.
fn forward_to_tcp(mut from_client: Direction<'_>, from_server: Direction<'_>) -> io::Result<()> {
    let frame_sender = FrameSender::new(from_client.from, Sender::Server);
    let uses_websocket = OnceLock::new();
    both(
        || {
            let start = from_client.start(b"GET ");
            let (head, after) = split_head(&start);
            match websocket::accept(head) {
                Some(answer) if frame_sender.begin(&answer, &uses_websocket) => {
                    let unwrap = || Convert::unwrap(Sender::Client, &frame_sender);
                    from_client.run(after, unwrap);
                }
                _ => from_client.run(&start, || Convert::Nothing),
            }
        },
        // a server that sends first does not wait for a WebSocket
        || {
            from_server.run(&[], || match uses_websocket.get_or_init(|| false) {
                true => Convert::Wrap(&frame_sender),
                false => Convert::Nothing,
            });
        },
    )
}

/// Runs both directions to their ends.
fn both(from_client: impl FnOnce(), from_server: impl FnOnce() + Send) -> io::Result<()> {
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, from_server)?;
        from_client();
        other
            .join()
            .map_err(|_| io::Error::other("a thread failed"))
    })
}

/// The head of HTTP at the beginning, if it is complete, and the bytes after it.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(head_len(bytes).unwrap_or(0))
}

/// One direction of a connection.
struct Direction<'a> {
    from: &'a Socket,
    to: &'a Socket,
    tap: Tap<'a>,
    /// It has ended already.
    end: Option<End>,
}

/// How the bytes of a direction are forwarded.
enum Convert<'a> {
    /// They are forwarded as they are.
    Nothing,
    /// They are put into frames of WebSocket.
    Wrap(&'a FrameSender<'a>),
    /// They are taken out of frames of WebSocket.
    Unwrap {
        reader: FrameReader,
        answers: &'a FrameSender<'a>,
    },
}

impl<'a> Convert<'a> {
    fn unwrap(sender: Sender, answers: &'a FrameSender<'a>) -> Self {
        Self::Unwrap {
            reader: FrameReader::new(sender),
            answers,
        }
    }
}

impl Direction<'_> {
    /// Reads the first bytes: a whole head of HTTP if they begin with `http`.
    fn start(&mut self, http: &[u8]) -> Vec<u8> {
        let mut start = Vec::new();
        let mut buffer = vec![0; MAX_HEAD];
        loop {
            let common = start.len().min(http.len());
            let may_be_http = start.get(..common) == http.get(..common);
            if !may_be_http || head_len(&start).is_some() || start.len() > MAX_HEAD {
                return start;
            }
            match self.read(&mut buffer) {
                Ok(bytes) => start.extend_from_slice(bytes),
                Err(end) => {
                    self.end = Some(end);
                    return start;
                }
            }
        }
    }

    /// Forwards bytes that were read before, then the rest of the direction, and then its end. When
    /// the first bytes are there, `decide` says how.
    fn run<'c>(mut self, start: &[u8], decide: impl FnOnce() -> Convert<'c>) {
        let mut decide = Some(decide);
        let mut convert = Convert::Nothing;
        let mut pass = |to: &Socket, bytes: &[u8]| {
            if let Some(decide) = decide.take() {
                convert = decide();
            }
            match &mut convert {
                Convert::Nothing => to.write_all(bytes).map_err(|_| End::Refused),
                Convert::Wrap(frames) => frames.data(bytes).map_err(|_| End::Refused),
                Convert::Unwrap { reader, answers } => {
                    match reader.read(bytes, answers, &mut |bytes| to.write_all(bytes)) {
                        Ok(true) => Ok(()),
                        Ok(false) => Err(End::Closed),
                        Err(_) => Err(End::Refused),
                    }
                }
            }
        };
        let to = self.to;
        let passed = if start.is_empty() {
            Ok(())
        } else {
            pass(to, start)
        };
        let mut buffer = vec![0; 1 << 14];
        let end = match (passed, self.end) {
            (Err(end), _) | (Ok(()), Some(end)) => end,
            (Ok(()), None) => loop {
                let passed = self.read(&mut buffer).and_then(|bytes| pass(to, bytes));
                if let Err(end) = passed {
                    break end;
                }
            },
        };
        self.tap.end(end);
        if let Convert::Wrap(frames) = convert {
            // the other end may be closed already
            let _ = frames.close();
        }
        end.pass(self.from, self.to);
    }

    /// Reads some bytes, and copies them. The copy comes before they are forwarded, so that the
    /// answer cannot be shown before the packet.
    fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], End> {
        match self.from.read(buffer) {
            Ok(0) => Err(End::Closed),
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                self.tap.copy(bytes);
                Ok(bytes)
            }
            Err(error) => Err(End::Reset(error.kind())),
        }
    }
}

/// Prints a note to the user. A closed standard error is no reason to fail.
pub fn print_note(text: &str) {
    let _ = writeln!(io::stderr(), "mqtt-explain: {text}");
}
