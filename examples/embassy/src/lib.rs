//! A lamp that obeys messages, on `embassy-net`. It is `no_std`, needs no allocator, and has a buffer for each
//! direction. `main.rs` runs it on the host, with a server in the same process:
//!
//! ```sh
//! cargo run -p embassy
//! ```

#![no_std]

use core::num::NonZeroU32;
use core::ops::ControlFlow;

use embassy_net::tcp::{self, ConnectError, TcpReader, TcpSocket, TcpWriter};
use embassy_net::{IpEndpoint, Stack};
use embassy_time::{Duration, Instant, TimeoutError, with_deadline};
use embedded_io_async::Write;
use mqtt_wire::{
    Connect, Dialect, Disconnect, Packet, PacketId, PacketReader, PacketWriter, Properties,
    Property, QoS, ReasonCode, Subscribe, Subscription, Subscriptions, TopicFilter, TransportError,
    Utf8Str, Version,
};

const DIALECT: Dialect = Dialect::from_client(Version::V5);
const KEEP_ALIVE: u16 = 60; // seconds
const PACKET: usize = 256; // the longest packet, in bytes

const CLIENT_ID: Utf8Str<'static> = match Utf8Str::new("lamp") {
    Ok(id) => id,
    Err(_) => panic!("no Client Identifier"),
};
const FILTER: TopicFilter<'static> = match TopicFilter::new("lamp/switch") {
    Ok(filter) => filter,
    Err(_) => panic!("no topic filter"),
};

#[derive(Debug)]
pub enum Error {
    Connect(ConnectError),
    Mqtt(TransportError<tcp::Error>),
    /// The server refused the connection or the subscription, or ended the connection.
    Refused(ReasonCode),
    /// The server sent a packet that it must not send now.
    Unexpected,
    /// The server closed the connection.
    Closed,
    /// The server did not answer a PINGREQ.
    Silent,
}

/// Connects to the server, and passes the payload of each message to `obey` until that breaks.
pub async fn run(
    stack: Stack<'_>,
    server: IpEndpoint,
    obey: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), Error> {
    let (mut receive_buffer, mut send_buffer) = ([0; 512], [0; 512]); // of TCP
    let mut socket = TcpSocket::new(stack, &mut receive_buffer, &mut send_buffer);
    socket.set_timeout(Some(Duration::from_secs(10))); // for a server that does not acknowledge
    socket.connect(server).await.map_err(Error::Connect)?;

    let (mut received, mut sent) = ([0; PACKET], [0; PACKET]); // of MQTT
    let (reader, writer) = socket.split();
    let mut reader = PacketReader::new(reader, &mut received, DIALECT.reply());
    let mut writer = PacketWriter::new(writer, &mut sent, DIALECT);
    let ended = converse(&mut reader, &mut writer, obey).await;
    // the server learns why the lamp leaves
    let disconnect = |code| Packet::from(Disconnect::new(code));
    let left = match &ended {
        Ok(()) => {
            writer
                .write(disconnect(ReasonCode::NORMAL_DISCONNECTION))
                .await
        }
        Err(Error::Unexpected) => writer.write(disconnect(ReasonCode::ProtocolError)).await,
        Err(Error::Mqtt(error)) => {
            let sent = writer.get_mut().write_all(&error.answer(true)).await;
            sent.map_err(TransportError::Io)
        }
        Err(_) => Ok(()),
    };
    socket.close();
    let flushed = socket.flush().await.map_err(TransportError::Io);
    ended.and(left.and(flushed).map_err(Error::Mqtt))
}

async fn converse(
    reader: &mut PacketReader<'_, TcpReader<'_>>,
    writer: &mut PacketWriter<'_, TcpWriter<'_>>,
    mut obey: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), Error> {
    // the server may not send a packet that is longer than the buffer
    let limit = NonZeroU32::new(PACKET as u32).map(Property::MaximumPacketSize);
    let connect = Connect {
        keep_alive: KEEP_ALIVE,
        properties: Properties::new(limit.as_slice()),
        ..Connect::new(Version::V5, CLIENT_ID)
    };
    writer.write(connect.into()).await?;

    let mut period = Duration::from_secs(KEEP_ALIVE.into()) / 2;
    let mut next_ping = Instant::now() + period;
    let mut pinged = false;
    loop {
        // dropping `next_packet` at the deadline loses no byte
        let packet = match with_deadline(next_ping, reader.next_packet()).await {
            Ok(packet) => packet?.ok_or(Error::Closed)?,
            Err(TimeoutError) if pinged => return Err(Error::Silent),
            Err(TimeoutError) => {
                writer.write(Packet::PingReq).await?;
                pinged = true;
                next_ping = Instant::now() + period;
                continue;
            }
        };
        match packet {
            Packet::ConnAck(connack) if connack.reason_code == ReasonCode::Success => {
                if let Some(seconds @ 1..) = connack.server_keep_alive() {
                    period = Duration::from_secs(seconds.into()) / 2;
                    next_ping = Instant::now() + period;
                }
                let subscription = [Subscription::new(FILTER, QoS::AtLeastOnce)];
                let subscriptions = Subscriptions::new(&subscription);
                let subscribe = Subscribe::new(PacketId::MIN, subscriptions);
                writer.write(subscribe.into()).await?;
            }
            Packet::ConnAck(connack) => return Err(Error::Refused(connack.reason_code)),
            Packet::SubAck(suback) => {
                if let Some(code) = suback.reason_codes.iter().find(|code| code.is_failure()) {
                    return Err(Error::Refused(code));
                }
            }
            Packet::Publish(publish) => {
                let flow = obey(publish.payload);
                if let Some(answer) = publish.delivery.answer() {
                    writer.write(answer).await?;
                }
                if flow.is_break() {
                    return Ok(());
                }
            }
            Packet::PingResp => pinged = false,
            Packet::Disconnect(disconnect) => return Err(Error::Refused(disconnect.reason_code)),
            _ => return Err(Error::Unexpected),
        }
    }
}

impl From<TransportError<tcp::Error>> for Error {
    fn from(error: TransportError<tcp::Error>) -> Self {
        Self::Mqtt(error)
    }
}
