//! TLS and WebSocket.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future};
use tokio::io::{AsyncRead, AsyncWrite, join};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What lies between TCP and MQTT.
#[derive(Clone, Default)]
pub struct Transport {
    tls: Option<TlsAcceptor>,
    websocket: bool,
    #[cfg(feature = "faults")]
    fault: Option<Arc<crate::faults::Layer>>,
}

impl Transport {
    pub fn new(tls: Option<TlsAcceptor>, websocket: bool) -> Self {
        Self {
            tls,
            websocket,
            #[cfg(feature = "faults")]
            fault: None,
        }
    }

    /// Makes the broker wrong.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_fault(self, fault: Option<crate::faults::Fault>) -> Self {
        let fault = fault.map(|it| Arc::new(crate::faults::Layer::new(it)));
        Self { fault, ..self }
    }

    /// The scheme of its URLs.
    pub fn scheme(&self) -> &'static str {
        match (self.websocket, &self.tls) {
            (false, None) => "mqtt",
            (false, Some(_)) => "mqtts",
            (true, None) => "ws",
            (true, Some(_)) => "wss",
        }
    }

    pub(crate) async fn accept(
        &self,
        socket: TcpStream,
        max_message_size: usize,
    ) -> io::Result<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.accept(socket).await?),
            None => Box::new(socket),
        };
        let stream = if self.websocket {
            accept_websocket(stream, max_message_size).await?
        } else {
            stream
        };
        #[cfg(feature = "faults")]
        let stream = crate::faults::between(self.fault.as_ref(), stream);
        Ok(stream)
    }
}

/// Reads a certificate chain and its private key from PEM files.
pub fn tls(certificates: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let bad = |path: &Path, error| io::Error::other(format!("{}: {error}", path.display()));
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .map_err(|error| bad(certificates, error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(Arc::new(config).into())
}

/// The subprotocol, and its older name, which some clients use for 3.1.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Accepts a WebSocket. It becomes a stream of bytes: packets and messages have independent borders
/// (MQTT-6.0.0-2).
async fn accept_websocket(
    stream: Box<dyn Stream>,
    max_message_size: usize,
) -> io::Result<Box<dyn Stream>> {
    // a message is kept until its last byte has arrived
    let config = WebSocketConfig::default()
        .max_message_size(Some(max_message_size))
        .max_frame_size(Some(max_message_size));
    let websocket = accept_hdr_async_with_config(stream, choose_subprotocol, Some(config));
    let (sink, stream) = websocket.await.map_err(io::Error::other)?.split();
    let reader = StreamReader::new(stream.filter_map(|message| future::ready(bytes(message))));
    let sink = sink.sink_map_err(io::Error::other);
    let sink = sink.with(|bytes: Bytes| future::ok::<_, io::Error>(Message::Binary(bytes)));
    let writer = SinkWriter::new(CopyToBytes::new(sink));
    Ok(Box::new(join(reader, writer)))
}

#[expect(clippy::result_large_err, reason = "tungstenite's type")]
fn choose_subprotocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, ErrorResponse> {
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offers = offers.filter_map(|offer| offer.to_str().ok());
    let mut offers = offers.flat_map(|offer| offer.split(',')).map(str::trim);
    match offers.find_map(|offer| SUBPROTOCOLS.into_iter().find(|it| *it == offer)) {
        Some(chosen) => {
            let chosen = HeaderValue::from_static(chosen);
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_PROTOCOL, chosen);
            Ok(response)
        }
        None => {
            let mut refusal = ErrorResponse::new(Some("the subprotocol must be mqtt".into()));
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            Err(refusal)
        }
    }
}

/// The bytes of a message. Text ends the connection (MQTT-6.0.0-1).
fn bytes(message: Result<Message, Error>) -> Option<io::Result<Bytes>> {
    match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Text(_)) => Some(Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a text message over WebSocket",
        ))),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}
