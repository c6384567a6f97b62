//! The server that `--upstream` names.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::socket::Socket;
use super::tls;
use super::websocket::Target;
use crate::cli::ProxyOptions;

/// How long the other end may be silent while a connection is set up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The server.
pub struct Upstream {
    /// As the user wrote it.
    pub name: String,
    addresses: Vec<SocketAddr>,
    tls: Option<tls::Connector>,
    /// Where the server expects WebSocket; `None` for MQTT over TCP.
    pub websocket: Option<Target>,
}

impl Upstream {
    /// Reads `SCHEME://HOST[:PORT]`, or without the scheme, which is `mqtt` then.
    pub fn new(options: &ProxyOptions) -> io::Result<Self> {
        let name = options.upstream.clone();
        let invalid = |problem: &str| {
            let text = format!("--upstream {name}: {problem}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        let (scheme, rest) = name.split_once("://").unwrap_or(("mqtt", &name));
        let (port, is_tls, is_websocket) = match scheme {
            "mqtt" => (1883, false, false),
            "mqtts" => (8883, true, false),
            "ws" => (80, false, true),
            "wss" => (443, true, true),
            _ => return Err(invalid("the schemes are mqtt, mqtts, ws and wss")),
        };
        let (authority, path) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), None),
            Some((authority, path)) => (authority, Some(format!("/{path}"))),
        };
        if path.is_some() && !is_websocket {
            return Err(invalid("MQTT over TCP has no path"));
        }
        let (host, port) = host_and_port(authority, port);
        if host.is_empty() {
            return Err(invalid("there is no host"));
        }
        if options.ca.is_some() && !is_tls {
            return Err(invalid("--ca is for servers with TLS: mqtts and wss"));
        }
        let addresses = resolve(authority, &host, port)?;
        let connector = || tls::Connector::new(&host, options.ca.as_deref());
        let tls = is_tls.then(connector).transpose()?;
        let authority = authority.to_owned();
        Ok(Self {
            addresses,
            tls,
            websocket: is_websocket.then_some(Target { authority, path }),
            name: name.clone(),
        })
    }

    /// A new connection.
    pub fn connect(&self) -> io::Result<Socket> {
        let connect = || {
            let tcp = TcpStream::connect(&self.addresses[..])?;
            tcp.set_read_timeout(Some(PATIENCE))?;
            let socket = match &self.tls {
                Some(connector) => Socket::Tls(Box::new(connector.connect(tcp)?)),
                None => Socket::Plain(tcp),
            };
            socket.tcp().set_read_timeout(None)?;
            Ok(socket)
        };
        connect().map_err(|error| self.unreachable(&error))
    }

    /// The error if a connection to the server fails before it is complete.
    pub fn unreachable(&self, error: &io::Error) -> io::Error {
        let text = format!("cannot reach {}: {error}", self.name);
        io::Error::new(error.kind(), text)
    }

    /// The address that is tried first.
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }
}

/// The host and the port of `HOST[:PORT]`. An IPv6 address with a port is in brackets.
fn host_and_port(authority: &str, default_port: u16) -> (String, u16) {
    let is_whole = |host: &str| !host.contains(':') || host.ends_with(']');
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if is_whole(host) => match port.parse() {
            Ok(port) => (host, port),
            Err(_) => (authority, default_port),
        },
        _ => (authority, default_port),
    };
    (host.trim_matches(['[', ']']).to_owned(), port)
}

/// The addresses of a host.
fn resolve(name: &str, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found = (host, port).to_socket_addrs();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
    found.map(Iterator::collect).map_err(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(name: &str) -> Result<(String, u16, bool), String> {
        let options = ProxyOptions {
            upstream: name.into(),
            ..ProxyOptions::default()
        };
        let upstream = Upstream::new(&options).map_err(|error| error.to_string())?;
        let address = upstream.addresses[0];
        let host = address.ip().to_string();
        Ok((host, address.port(), upstream.tls.is_some()))
    }

    #[test]
    fn reads_the_forms_of_a_server() {
        for (name, host, port) in [
            ("127.0.0.1", "127.0.0.1", 1883),
            ("127.0.0.1:9", "127.0.0.1", 9),
            ("::1", "::1", 1883),
            ("[::1]", "::1", 1883),
            ("[::1]:9", "::1", 9),
            ("mqtt://127.0.0.1", "127.0.0.1", 1883),
            ("mqtt://127.0.0.1:9/", "127.0.0.1", 9),
        ] {
            assert_eq!(upstream(name), Ok((host.into(), port, false)), "{name}");
        }
        for (name, authority, path) in [
            ("ws://127.0.0.1", "127.0.0.1", None),
            ("ws://127.0.0.1:9/", "127.0.0.1:9", None),
            ("ws://[::1]:9/a/b?c=d", "[::1]:9", Some("/a/b?c=d")),
        ] {
            let options = ProxyOptions {
                upstream: name.into(),
                ..ProxyOptions::default()
            };
            let target = Target {
                authority: authority.into(),
                path: path.map(String::from),
            };
            assert_eq!(Upstream::new(&options).unwrap().websocket, Some(target));
        }
    }

    #[test]
    fn refuses_what_is_no_server() {
        for (name, problem) in [
            ("http://127.0.0.1", "the schemes are "),
            ("mqtt://127.0.0.1/path", "has no path"),
            ("mqtt://", "there is no host"),
            ("127.0.0.1:x", "127.0.0.1:x: "),
        ] {
            let error = upstream(name).unwrap_err();
            assert!(error.contains(problem), "{name}: {error}");
        }
    }
}
