//! Sockets with TLS or without.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::tls::TlsSocket;

/// A connected socket. One thread reads, and others write.
pub enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsSocket>),
}

impl Socket {
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Reads some bytes; none means that the other end sends no more.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Plain(tcp) => (&mut &*tcp).read(buffer),
                Self::Tls(tls) => tls.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => (&mut &*tcp).write_all(bytes),
            Self::Tls(tls) => tls.write_all(bytes),
        }
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if let (Self::Tls(tls), Shutdown::Write) = (self, how) {
            // the other end may not wait for it
            let _ = tls.write_end();
        }
        self.tcp().shutdown(how)
    }
}
