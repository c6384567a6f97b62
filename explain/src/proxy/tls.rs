//! TLS on both sides.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error,
    InvalidMessage, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
};

/// A socket with TLS.
pub struct TlsSocket {
    tcp: TcpStream,
    connection: Mutex<Connection>,
    /// Held while records are written, so that they go out in their order.
    writing: Mutex<()>,
}

impl TlsSocket {
    fn new(mut tcp: TcpStream, connection: impl Into<Connection>) -> io::Result<Self> {
        let mut connection = connection.into();
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp).map_err(explain)?;
        }
        Ok(Self {
            tcp,
            connection: Mutex::new(connection),
            writing: Mutex::new(()),
        })
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Reads some bytes; none means that the other end sends no more.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // many programs close the socket without an end of TLS
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            // waits without the lock, so that the other thread can write
            self.tcp.peek(&mut [0])?;
            let processed = {
                let mut connection = self.connection();
                connection.read_tls(&mut &self.tcp)?;
                connection.process_new_packets().map(drop)
            };
            self.send_answers()?;
            processed.map_err(io::Error::other)?;
        }
    }

    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        const RECORD: usize = 1 << 14;
        let _writing = lock(&self.writing);
        for record in bytes.chunks(RECORD) {
            self.connection().writer().write_all(record)?;
            self.send()?;
        }
        Ok(())
    }

    /// Writes that no more bytes follow.
    pub fn write_end(&self) -> io::Result<()> {
        let _writing = lock(&self.writing);
        self.connection().send_close_notify();
        self.send()
    }

    /// Sends the answers of TLS itself. If the other thread writes at the moment, these answers go
    /// out in front of its next bytes.
    fn send_answers(&self) -> io::Result<()> {
        match self.writing.try_lock() {
            Ok(_writing) => self.send(),
            Err(_) => Ok(()),
        }
    }

    /// Sends all records. The caller holds `writing`.
    fn send(&self) -> io::Result<()> {
        let mut records = Vec::new();
        {
            let mut connection = self.connection();
            while connection.wants_write() {
                connection.write_tls(&mut records)?;
            }
        }
        (&mut &self.tcp).write_all(&records)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

/// Accepts clients with a certificate.
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    pub fn new(certificate: &Path, key: &Path) -> io::Result<Self> {
        let chain = certificates(certificate)?;
        let key_der =
            PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error.to_string()))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key_der)
            .map_err(|error| named(certificate, &error.to_string()))?;
        Ok(Self {
            config: Arc::new(config),
        })
    }

    pub fn accept(&self, tcp: TcpStream) -> io::Result<TlsSocket> {
        let connection = ServerConnection::new(Arc::clone(&self.config));
        TlsSocket::new(tcp, connection.map_err(io::Error::other)?)
    }
}

/// Connects to a server, whose certificate it checks.
pub struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// Trusts the certificates in the file; without one, those that the system trusts.
    pub fn new(host: &str, ca: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            config: Arc::new(client_config(ca)?),
            name: ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        })
    }

    pub fn connect(&self, tcp: TcpStream) -> io::Result<TlsSocket> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        TlsSocket::new(tcp, connection.map_err(io::Error::other)?)
    }
}

/// The settings of a client that trusts the certificates in the PEM file `ca`; without a file, those
/// that the system trusts.
///
/// # Errors
///
/// A file that cannot be read, and no certificate to trust.
pub fn client_config(ca: Option<&Path>) -> io::Result<ClientConfig> {
    let trusted = match ca {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    // a certificate that is no root may still be that of the server
    roots.add_parsable_certificates(trusted.iter().cloned());
    if roots.is_empty() {
        let text = "no certificate authority to trust; name one with --ca";
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let roots = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(io::Error::other)?;
    let named = if ca.is_some() { trusted } else { Vec::new() };
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { roots, named }))
        .with_no_client_auth())
}

/// Accepts certificates of the roots, and in addition the certificates that the user has named.
///
/// `openssl req -x509` makes a certificate that is its own authority. As the certificate of a server,
/// it is refused by the roots.
#[derive(Debug)]
struct Verifier {
    roots: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_roots = self
            .roots
            .verify_server_cert(certificate, chain, name, ocsp, now);
        match by_roots {
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.named.contains(certificate) =>
            {
                let parsed = ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&parsed, name)?;
                Ok(ServerCertVerified::assertion())
            }
            done => done,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(named(path, "no certificate in PEM")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(named(path, &error.to_string())),
    }
}

fn named(path: &Path, problem: &str) -> io::Error {
    let text = format!("{}: {problem}", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Puts common errors in words.
fn explain(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            io::Error::new(error.kind(), "the other end does not speak TLS")
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            let text = "the issuer of the certificate is not trusted; see --ca";
            io::Error::new(error.kind(), text)
        }
        // the time limit of the socket
        _ if error.kind() == io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
        }
        _ => error,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
