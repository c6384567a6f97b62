//! The address of the broker, and new connections to it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use tungstenite::client::client;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::{ClientRequestBuilder, Error};

use crate::transport::{Secured, Stream};

/// Where the broker is, as it was given, and resolved.
#[derive(Debug, Clone)]
pub struct Address {
    text: String,
    addresses: Vec<SocketAddr>,
    tls: Option<Tls>,
    websocket: Option<Uri>,
}

/// The certificates to trust.
#[derive(Debug, Clone, Copy, Default)]
pub enum Trust<'a> {
    /// Those of the authorities that the system trusts.
    #[default]
    System,
    /// Those of the authorities in a PEM file, and the certificates in the file.
    File(&'a Path),
    /// All, and nothing is checked.
    Everything,
}

impl Trust<'_> {
    fn client_config(self) -> io::Result<ClientConfig> {
        match self {
            Self::System => mqtt_explain::client_config(None),
            Self::File(path) => mqtt_explain::client_config(Some(path)),
            Self::Everything => {
                let provider = Arc::new(ring::default_provider());
                let verifier = Arc::new(NoVerifier(provider.clone()));
                Ok(ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(io::Error::other)?
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
                    .with_no_client_auth())
            }
        }
    }
}

/// Accepts every certificate, and every signature.
#[derive(Debug)]
struct NoVerifier(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerifier {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug, Clone)]
struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Address {
    /// Reads `HOST:PORT` or `SCHEME://HOST[:PORT][/PATH]`, where the scheme is `mqtt`, `mqtts`, `ws`
    /// or `wss`.
    ///
    /// # Errors
    ///
    /// Another form, a host that cannot be resolved, and certificates that cannot be read.
    pub fn new(text: &str, trust: Trust<'_>) -> io::Result<Self> {
        let invalid = |problem: &str| {
            let text = format!("{text}: {problem}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("mqtt", text));
        let (default_port, has_tls, has_websocket) = match scheme {
            "mqtt" => (1883, false, false),
            "mqtts" => (8883, true, false),
            "ws" => (80, false, true),
            "wss" => (443, true, true),
            _ => return Err(invalid("the schemes are mqtt, mqtts, ws and wss")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() && !has_websocket {
            return Err(invalid("MQTT over TCP has no path"));
        }
        let (host, port) = host_and_port(authority, default_port);
        let addresses = (host, port).to_socket_addrs();
        let addresses = addresses.map_err(|error| invalid(&error.to_string()))?;
        let tls = match has_tls {
            true => Some(Tls {
                config: Arc::new(trust.client_config()?),
                name: ServerName::try_from(host.to_owned())
                    .map_err(|error| invalid(&error.to_string()))?,
            }),
            false => None,
        };
        let path = if path.is_empty() { USUAL_PATH } else { path };
        let uri = has_websocket.then(|| format!("{scheme}://{authority}/{path}").parse());
        Ok(Self {
            text: text.to_owned(),
            addresses: addresses.collect(),
            tls,
            websocket: uri.transpose().map_err(|_| invalid("not a URL"))?,
        })
    }

    /// A new connection.
    pub fn connect(&self) -> io::Result<Stream> {
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in &self.addresses {
            result = TcpStream::connect_timeout(address, PATIENCE);
            if result.is_ok() {
                break;
            }
        }
        let tcp = result?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(Duration::from_secs(5)))?;
        let secured = match &self.tls {
            Some(tls) => Secured::Tls(Box::new(tls.connect(tcp)?)),
            None => Secured::Tcp(tcp),
        };
        match &self.websocket {
            Some(uri) => request_websocket(uri, secured),
            None => Ok(Stream::Bytes(secured)),
        }
    }
}

impl FromStr for Address {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        Self::new(text, Trust::System)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Tls {
    fn connect(&self, mut tcp: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let connection = ClientConnection::new(self.config.clone(), self.name.clone());
        let mut connection = connection.map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(connection, tcp))
    }
}

/// How long to wait for a connection, and for an answer of TLS and HTTP.
const PATIENCE: Duration = Duration::from_secs(10);

const USUAL_PATH: &str = "mqtt";

fn request_websocket(uri: &Uri, stream: Secured) -> io::Result<Stream> {
    let request = ClientRequestBuilder::new(uri.clone()).with_sub_protocol("mqtt");
    match client(request, stream) {
        Ok((socket, _)) => Ok(Stream::messages(socket)),
        Err(HandshakeError::Failure(Error::Io(error))) => Err(error),
        Err(HandshakeError::Failure(error)) => Err(io::Error::other(error)),
        Err(HandshakeError::Interrupted(_)) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "no answer to the request for a WebSocket",
        )),
    }
}

/// The host and the port of `HOST[:PORT]`. An IPv6 address with a port is in brackets.
fn host_and_port(authority: &str, default_port: u16) -> (&str, u16) {
    let is_whole = |host: &str| !host.contains(':') || host.ends_with(']');
    let split = authority.rsplit_once(':').filter(|it| is_whole(it.0));
    let split = split.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = split.unwrap_or((authority, default_port));
    (host.trim_matches(['[', ']']), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, Option<String>), String> {
        let address = Address::new(text, Trust::Everything).map_err(|it| it.to_string())?;
        let uri = address.websocket.map(|it| it.to_string());
        Ok((address.addresses[0].to_string(), uri))
    }

    #[test]
    fn reads_the_forms_of_an_address() {
        for (text, address, uri) in [
            ("127.0.0.1:9", "127.0.0.1:9", None),
            ("127.0.0.1", "127.0.0.1:1883", None),
            ("[::1]:9", "[::1]:9", None),
            ("::1", "[::1]:1883", None),
            ("mqtt://127.0.0.1", "127.0.0.1:1883", None),
            ("mqtts://127.0.0.1", "127.0.0.1:8883", None),
            (
                "ws://127.0.0.1:9",
                "127.0.0.1:9",
                Some("ws://127.0.0.1:9/mqtt"),
            ),
            (
                "wss://127.0.0.1/a/b",
                "127.0.0.1:443",
                Some("wss://127.0.0.1/a/b"),
            ),
        ] {
            let expected = (address.to_owned(), uri.map(String::from));
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_what_is_wrong_with_an_address() {
        for (text, problem) in [
            ("http://127.0.0.1", "the schemes are"),
            ("mqtt://127.0.0.1/a", "no path"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
