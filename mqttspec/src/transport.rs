//! A stream of bytes to the broker, over TCP, TLS and WebSocket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::{ClientConnection, StreamOwned};
use tungstenite::{Bytes, Error, Message, WebSocket, error::ProtocolError};

/// A connected stream. Reading ends after the read timeout of its socket.
pub enum Stream {
    Bytes(Secured),
    Messages {
        socket: Box<WebSocket<Secured>>,
        /// What was received and not read yet.
        received: Bytes,
    },
}

/// TCP with TLS or without.
pub enum Secured {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub fn messages(socket: WebSocket<Secured>) -> Self {
        Self::Messages {
            socket: Box::new(socket),
            received: Bytes::new(),
        }
    }

    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Bytes(stream) => stream.tcp(),
            Self::Messages { socket, .. } => socket.get_ref().tcp(),
        }
    }

    /// Reads some bytes; none means that the broker sends no more.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(stream) => stream.read(buffer),
            Self::Messages { socket, received } => {
                while received.is_empty() {
                    match read_message(socket)? {
                        Some(bytes) => *received = bytes,
                        None => return Ok(0),
                    }
                }
                let length = buffer.len().min(received.len());
                let part = received.split_to(length);
                buffer.iter_mut().zip(&part).for_each(|(to, it)| *to = *it);
                Ok(length)
            }
        }
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Bytes(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
            Self::Messages { socket, .. } => socket
                .send(Message::binary(bytes.to_vec()))
                .map_err(io::Error::other),
        }
    }

    /// Writes no more.
    pub fn shut_down(&self) {
        self.tcp().shutdown(Shutdown::Write).ok();
    }
}

/// The bytes of a message, which may be none. `None` at the end.
fn read_message(socket: &mut WebSocket<Secured>) -> io::Result<Option<Bytes>> {
    match socket.read() {
        Ok(Message::Binary(bytes)) => Ok(Some(bytes)),
        Ok(Message::Text(_)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a text message over WebSocket",
        )),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Ok(Some(Bytes::new())),
        Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(None),
        // many brokers close the connection without a Close frame
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Ok(None),
        Err(Error::Io(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

impl Secured {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref(),
        }
    }
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.read(buffer),
            Self::Tls(tls) => match tls.read(buffer) {
                // many brokers close the connection without an end of TLS
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}
