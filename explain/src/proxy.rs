//! `mqtt-explain proxy`: forwards connections to a server, and shows their packets.
//!
//! For each connection, a thread forwards the bytes and puts a copy of them into a queue. It never
//! waits for the queue: bytes that do not fit are skipped. The main thread takes the copies out,
//! decodes them and writes. With TLS or WebSocket there are two threads, one for each direction.

mod end;
mod plain;
mod queue;
mod record;
mod relay;
mod screen;
mod socket;
mod tap;
mod tls;
mod totals;
mod upstream;
mod websocket;

use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::process;
use std::sync::Arc;
use std::thread;

use crate::cli::ProxyOptions;
use crate::event::Status;

use self::queue::Queue;
use self::record::Recorder;
use self::relay::{Acceptor, print_note};
use self::screen::Screen;
use self::upstream::Upstream;

pub use self::tls::client_config;

/// The exit status after a second Ctrl-C, as that of a shell.
const KILLED: i32 = 130;

/// Forwards connections until the user stops it or the output is closed; with `--once`, only the
/// first one.
pub fn run(options: &ProxyOptions) -> io::Result<Status> {
    let upstream = Arc::new(Upstream::new(options)?);
    let tls = match (&options.cert, &options.key) {
        (Some(certificate), Some(key)) => Some(Arc::new(tls::Acceptor::new(certificate, key)?)),
        _ => None,
    };
    let listener = listen(&options.listen)?;
    let address = listener.local_addr()?;
    let recorder = match (&options.write, upstream.address()) {
        (Some(path), Some(server)) => Some(Recorder::create(path, server)?),
        _ => None,
    };
    let queue = Arc::new(Queue::default());
    let of_signals = Arc::clone(&queue);
    // Ctrl-C, and a request to end
    let stop = move || {
        if of_signals.interrupt() {
            process::exit(KILLED);
        }
    };
    ctrlc::set_handler(stop).map_err(io::Error::other)?;
    print_note(&format!(
        "listening on {address}, forwarding to {}",
        options.upstream
    ));
    let acceptor = Acceptor {
        listener,
        tls,
        upstream,
        queue: Arc::clone(&queue),
    };
    let once = options.once;
    thread::Builder::new().spawn(move || acceptor.run(once))?;
    Screen::new(options, recorder).show(&queue)
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let addresses = address.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    addresses
        .and_then(|it| TcpListener::bind(&it[..]))
        .map_err(|error| {
            let text = format!("cannot listen on {address}: {error}");
            io::Error::new(error.kind(), text)
        })
}
