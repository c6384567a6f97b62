//! The life of one connection, from CONNECT to its end.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_wire::will::Ending;
use mqtt_wire::{Packet, PacketBuf, ReasonCode};
use tokio::net::TcpStream;
use tokio::task::consume_budget;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::info;

use crate::broker::{Broker, Slot};
use crate::conversation::{Conversation, End};
use crate::log::Quoted;
use crate::settings::Settings;
use crate::transport::Transport;
use crate::wire::{Transfer, Wire};

/// Serves one client.
pub async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    transport: Transport,
    slot: Slot,
    broker: Arc<Broker>,
) {
    let deadline = Instant::now() + broker.settings.connect_timeout;
    let opening = async {
        let limits = broker.settings.framing();
        let stream = transport.accept(socket, limits.packet as usize).await?;
        let mut wire = Wire::new(stream, limits);
        let first = wire.first_packet().await?;
        io::Result::Ok((wire, first))
    };
    let (mut wire, first) = match timeout_at(deadline, opening).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return info!("{peer} sends no CONNECT: {error}"),
        Err(_) => return info!("{peer} sends no CONNECT in time"),
    };
    let is_busy = matches!(slot, Slot::Refusal(_));
    let mut out = match first.map(|first| open(&first, peer, &broker, is_busy)) {
        Ok(Ok((mut conversation, begun))) => {
            let end = match begun {
                Ok(()) => converse(&mut wire, &mut conversation, &broker.settings).await,
                Err(end) => Err(end),
            };
            let Err(end) = end;
            conversation.say_why(&end);
            wire.end(&mut conversation.out).await;
            report(&conversation, &end, &broker);
            return wire.drain().await;
        }
        Ok(Err(refusal)) => refusal,
        Err(error) => {
            info!("{peer} is refused: {error}");
            BytesMut::from(&error.answer(false)[..])
        }
    };
    wire.end(&mut out).await;
    wire.drain().await;
}

/// Answers the CONNECT. The error is the CONNACK that refuses it.
fn open(
    first: &PacketBuf,
    peer: SocketAddr,
    broker: &Arc<Broker>,
    is_busy: bool,
) -> Result<(Conversation, Result<(), End>), BytesMut> {
    let Packet::Connect(connect) = first.packet() else {
        return Err(BytesMut::new()); // never: the decoder lets nothing else through
    };
    match Conversation::open(&connect, broker.clone(), is_busy) {
        Ok((mut conversation, session_present)) => {
            let id = Quoted(&conversation.link.client_id);
            info!("{peer} is {id}, MQTT {}", connect.version);
            let begun = conversation.accept(&connect, session_present);
            Ok((conversation, begun))
        }
        Err((code, refusal)) => {
            let id = Quoted(connect.client_id.as_str());
            info!("{peer} is refused: {id}, {code}");
            Err(refusal)
        }
    }
}

/// Reads, answers and writes until the connection ends.
async fn converse(
    wire: &mut Wire,
    conversation: &mut Conversation,
    settings: &Settings,
) -> Result<Infallible, End> {
    let patience = Duration::from_secs(conversation.keep_alive.into()) * 3 / 2;
    let mut last_heard = Instant::now();
    let mut unsent_since = None;
    loop {
        conversation.send_waiting()?;
        while has_room(&conversation.out, settings) {
            let Some(packet) = wire.decoder.next_packet()? else {
                break;
            };
            conversation.answer(&packet)?;
            // so that the answer to the next packet comes behind all earlier messages
            conversation.send_waiting()?;
            // one read may bring many packets: let other connections run between them
            consume_budget().await;
        }

        // reading goes on while a write waits, until too many answers wait
        let may_read = has_room(&conversation.out, settings);
        if !may_read {
            last_heard = Instant::now(); // nobody listens
        }
        unsent_since = wire
            .has_unsent(&conversation.out)
            .then(|| unsent_since.unwrap_or_else(Instant::now));
        let silence_ends = (!patience.is_zero()).then(|| last_heard + patience);
        let write_ends = unsent_since.map(|since| since + settings.write_timeout);
        tokio::select! {
            transfer = wire.transfer(&mut conversation.out, may_read) => match transfer? {
                Transfer::Received => last_heard = Instant::now(),
                Transfer::Sent => unsent_since = None,
                Transfer::Closed => return Err(End::Left(Ending::ClosedByClient)),
            },
            () = conversation.link.wake.notified() => {}
            () = at(silence_ends) => {
                let code = ReasonCode::KeepAliveTimeout;
                return Err(End::Closed(Ending::KeepAliveExpired, code));
            }
            () = at(write_ends) => {
                info!("{} does not read", Quoted(&conversation.link.client_id));
                return Err(End::Left(Ending::NetworkFailure));
            }
        }
    }
}

/// Whether another answer may wait for the socket.
fn has_room(out: &BytesMut, settings: &Settings) -> bool {
    out.is_empty() || out.len() < settings.max_queued_bytes
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Tells the broker how the connection has ended.
fn report(conversation: &Conversation, end: &End, broker: &Arc<Broker>) {
    let link = &conversation.link;
    let id = Quoted(&link.client_id);
    let ending = match end {
        End::Left(ending) => {
            info!("{id} ends: {ending}");
            *ending
        }
        End::Closed(ending, code) => {
            info!("{id} ends: {ending}, {code}");
            *ending
        }
        End::BadPacket(error) => {
            info!("{id} ends: {error}");
            Ending::ClosedByServer
        }
        End::TakenOver => return info!("{id} ends: taken over"),
    };
    broker.disconnect(link, ending);
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Left(Ending::NetworkFailure)
    }
}
