//! MQTT over WebSocket on `tokio-tungstenite`: the packets of a connection. `ws-server` and `ws-client` are the programs.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use mqtt_wire::fanout::PublishBuf;
use mqtt_wire::{Codec, Dialect, Limits, Outgoing, PacketBuf, TransportError, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, tungstenite};
use tokio_util::codec::{Decoder, Encoder};

pub type Error = TransportError<io::Error>;

/// The packets of a connection over WebSocket.
pub struct Packets<S> {
    socket: WebSocketStream<S>,
    codec: Codec,
    /// The received bytes after the last packet.
    received: BytesMut,
    /// The reason in the Close to send.
    close: Option<CloseFrame>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    /// The server's end. It refuses a client that does not offer the subprotocol `mqtt`.
    pub async fn accept(stream: S) -> Result<Self, Error> {
        let socket =
            tokio_tungstenite::accept_hdr_async_with_config(stream, select_mqtt, Some(config()));
        let codec = Codec::server(Limits::default());
        Ok(Self::new(socket.await.map_err(to_io)?, codec))
    }

    /// The client's end, for a URL that begins with `ws://`. It offers the subprotocol `mqtt`.
    pub async fn connect(stream: S, url: &str, version: Version) -> Result<Self, Error> {
        let mut request = url.into_client_request().map_err(to_io)?;
        let headers = request.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(MQTT));
        let socket = tokio_tungstenite::client_async_with_config(request, stream, Some(config()));
        let codec = Codec::client(version, Limits::default());
        Ok(Self::new(socket.await.map_err(to_io)?.0, codec))
    }

    fn new(socket: WebSocketStream<S>, codec: Codec) -> Self {
        Self {
            socket,
            codec,
            received: BytesMut::new(),
            close: None,
        }
    }

    /// The next packet; `None` if the peer closes the connection between two packets. Cancel safe.
    ///
    /// A message may hold a part of a packet, or several packets, and has to be binary (MQTT-6.0.0-2
    /// and -1 of 3.1.1 and 5.0).
    pub async fn next(&mut self) -> Result<Option<PacketBuf>, Error> {
        loop {
            if let Some(packet) = self.codec.decode(&mut self.received)? {
                return Ok(Some(packet));
            }
            match self.socket.next().await.transpose().map_err(to_io)? {
                Some(Message::Binary(bytes)) => self.received.extend_from_slice(&bytes),
                Some(Message::Text(_)) => {
                    self.close = Some(CloseFrame {
                        code: CloseCode::Unsupported,
                        reason: "MQTT is binary".into(),
                    });
                    return Err(io::Error::new(ErrorKind::InvalidData, "text received").into());
                }
                Some(Message::Close(_)) | None => return self.codec.decode_eof(&mut self.received),
                Some(_) => {} // a Ping, which tungstenite answers, or a Pong
            }
        }
    }

    /// Sends a packet, or the answer to a bad packet, in one message.
    pub async fn send(&mut self, packet: impl Into<Outgoing<'_>>) -> Result<(), Error> {
        let mut bytes = BytesMut::new();
        self.codec.encode(packet.into(), &mut bytes)?;
        if bytes.is_empty() {
            return Ok(()); // not every bad packet has an answer
        }
        let message = Message::Binary(bytes.freeze());
        self.socket.send(message).await.map_err(to_io)
    }

    /// Sends a copy of a message that many receive, in one WebSocket message of two frames. All copies
    /// share the payload. Drops a copy above the peer's Maximum Packet Size (5.0 MQTT-3.1.2-25).
    pub async fn send_copy(&mut self, copy: &PublishBuf) -> Result<(), Error> {
        let max_len = self.codec.max_outgoing();
        if max_len.is_some_and(|max_len| copy.remaining() > max_len as usize) {
            return Ok(());
        }
        let [head, payload] = copy.pieces();
        let head = Frame::message(head, OpCode::Data(Data::Binary), false);
        let payload = Frame::message(payload, OpCode::Data(Data::Continue), true);
        let socket = &mut self.socket;
        socket.feed(Message::Frame(head)).await.map_err(to_io)?;
        socket.send(Message::Frame(payload)).await.map_err(to_io)
    }

    /// The dialect of the packets to send; `None` for a server before the CONNECT.
    pub fn outgoing(&self) -> Option<Dialect> {
        self.codec.outgoing()
    }

    /// Sends Close, and waits a moment for the Close of the peer.
    pub async fn close(mut self) {
        let closing = async {
            let _ = self.socket.close(self.close).await; // the peer may be gone
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), closing).await;
    }
}

/// The subprotocol (MQTT-6.0.0-3 and -4 of 3.1.1 and 5.0).
const MQTT: &str = "mqtt";

#[allow(clippy::result_large_err)] // the types of tungstenite's callback
fn select_mqtt(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let lists = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered = lists
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    if offered.any(|name| name.trim() == MQTT) {
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(MQTT));
        Ok(response)
    } else {
        let mut refusal = ErrorResponse::new(Some("the subprotocol has to be mqtt".into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        Err(refusal)
    }
}

/// Limits of messages, because tungstenite reserves the memory for a frame when its length arrives.
/// They leave room for several packets in a message.
fn config() -> WebSocketConfig {
    let limit = Some(4 << 20);
    WebSocketConfig::default()
        .max_message_size(limit)
        .max_frame_size(limit)
}

fn to_io(error: tungstenite::Error) -> Error {
    io::Error::other(error).into()
}
