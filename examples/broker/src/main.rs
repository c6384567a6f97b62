//! The program: flags, listeners and output.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use mqtt_wire_broker::transport::{self, Transport};
use mqtt_wire_broker::{Broker, Settings, log, serve};
use tokio::net::TcpListener;
use tracing::info;

// One thread: the state is behind one lock, for which more threads would wait.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Flags {
    listen: SocketAddr,
    websocket_port: Option<u16>,
    tls: Option<(PathBuf, PathBuf)>,
    settings: Settings,
    #[cfg(feature = "faults")]
    fault: Option<mqtt_wire_broker::faults::Fault>,
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(flags) = Flags::parse()? else {
        print!("{}", help());
        return Ok(());
    };
    log::to_stdout()?;
    let tls = match &flags.tls {
        Some((certificates, key)) => Some(transport::tls(certificates, key)?),
        None => None,
    };
    let broker = Arc::new(Broker::new(flags.settings));
    let addresses = [
        (Some(flags.listen), false),
        (
            flags
                .websocket_port
                .map(|port| (flags.listen.ip(), port).into()),
            true,
        ),
    ];
    let mut listeners = Vec::new();
    for (address, websocket) in addresses {
        let Some(address): Option<SocketAddr> = address else {
            continue;
        };
        let listener = TcpListener::bind(address).await?;
        let tls = tls.clone();
        let transport = Transport::new(tls, websocket);
        #[cfg(feature = "faults")]
        let transport = transport.with_fault(flags.fault.clone());
        info!(
            "listening on {}://{}",
            transport.scheme(),
            listener.local_addr()?
        );
        listeners.push(tokio::spawn(serve(listener, transport, broker.clone())));
    }
    for listener in listeners {
        listener.await?;
    }
    Ok(())
}

impl Flags {
    /// The flags of the program; `None` if they ask for help.
    fn parse() -> Result<Option<Self>, lexopt::Error> {
        use lexopt::Arg::{Long, Short};
        let mut flags = Self {
            listen: DEFAULT_ADDRESS,
            websocket_port: None,
            tls: None,
            settings: Settings::default(),
            #[cfg(feature = "faults")]
            fault: None,
        };
        let settings = &mut flags.settings;
        let mut parser = Parser::from_env();
        while let Some(flag) = parser.next()? {
            match flag {
                Short('h') | Long("help") => return Ok(None),
                Long("listen") => flags.listen = value(&mut parser)?,
                Long("ws") => flags.websocket_port = Some(value(&mut parser)?),
                Long("tls") => {
                    let certificates = parser.value()?.into();
                    flags.tls = Some((certificates, parser.value()?.into()));
                }
                Long("max-connections") => settings.max_connections = value(&mut parser)?,
                Long("max-sessions") => settings.max_sessions = value(&mut parser)?,
                Long("max-subscriptions") => settings.max_subscriptions = value(&mut parser)?,
                Long("max-filter-levels") => settings.max_filter_levels = value(&mut parser)?,
                Long("max-packet-size") => settings.max_packet_size = value(&mut parser)?,
                Long("max-queued-bytes") => settings.max_queued_bytes = value(&mut parser)?,
                Long("max-retained") => settings.max_retained = value(&mut parser)?,
                Long("max-retained-bytes") => settings.max_retained_bytes = value(&mut parser)?,
                Long("connect-timeout") => settings.connect_timeout = seconds(&mut parser)?,
                Long("write-timeout") => settings.write_timeout = seconds(&mut parser)?,
                #[cfg(feature = "faults")]
                Long("fault") => flags.fault = Some(value(&mut parser)?),
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(flag.unexpected()),
            }
        }
        Ok(Some(flags))
    }
}

const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1883);

fn value<T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>>(
    parser: &mut Parser,
) -> Result<T, lexopt::Error> {
    parser.value()?.parse()
}

fn seconds(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    value(parser).map(Duration::from_secs)
}

fn help() -> String {
    let Settings {
        max_connections,
        max_sessions,
        max_subscriptions,
        max_filter_levels,
        max_packet_size,
        max_queued_bytes,
        max_retained,
        max_retained_bytes,
        connect_timeout,
        write_timeout,
    } = Settings::default();
    format!(
        "\
An MQTT broker for 3.1, 3.1.1 and 5.0. It keeps everything in memory, and every client may do everything.

usage: mqtt-wire-broker [FLAG]...

  --listen ADDRESS          where to listen [{DEFAULT_ADDRESS}]
  --ws PORT                 listen for WebSocket too, on the same address
  --tls CERTIFICATES KEY    two PEM files: encrypt all connections

Limits, with the default in brackets:

  --max-connections N       open connections [{max_connections}]
  --max-sessions N          sessions, of clients that are connected or away [{max_sessions}]
  --max-subscriptions N     subscriptions of one client [{max_subscriptions}]
  --max-filter-levels N     levels of a topic filter [{max_filter_levels}]
  --max-packet-size BYTES   a packet from a client, fixed header included [{max_packet_size}]
  --max-queued-bytes BYTES  messages that wait for one client [{max_queued_bytes}]
  --max-retained N          retained messages [{max_retained}]
  --max-retained-bytes BYTES
                            all retained messages together [{max_retained_bytes}]
  --connect-timeout SECONDS from the beginning of a connection to its CONNECT [{}]
  --write-timeout SECONDS   the time in which a client reads something [{}]
{HELP_OF_FAULTS}",
        connect_timeout.as_secs(),
        write_timeout.as_secs()
    )
}

#[cfg(feature = "faults")]
const HELP_OF_FAULTS: &str = "
To test testers:

  --fault NAME              break a rule: a name of src/faults/, or accept:STATEMENT,...
";
#[cfg(not(feature = "faults"))]
const HELP_OF_FAULTS: &str = "";
