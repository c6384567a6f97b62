//! `mqtt-explain proxy`: forwards connections to a server, and shows their packets.
//!
//! For each connection, two threads forward the bytes and put a copy of them into a queue. They
//! never wait for the queue: bytes that do not fit are skipped. The main thread takes the copies
//! out, decodes them and writes.

mod queue;
mod relay;
mod screen;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use crate::cli::ProxyOptions;
use crate::event::Status;

use self::queue::Queue;
use self::relay::{Acceptor, Upstream, print_note, resolve};
use self::screen::Screen;

/// Forwards connections until the output is closed; with `--once`, only the first one.
pub fn run(options: &ProxyOptions) -> io::Result<Status> {
    let upstream = Arc::new(Upstream {
        name: options.upstream.clone(),
        addresses: resolve(&options.upstream, Some(1883))?,
    });
    let listen = resolve(&options.listen, None)?;
    let listener = TcpListener::bind(&listen[..]).map_err(|error| {
        let text = format!("cannot listen on {}: {error}", options.listen);
        io::Error::new(error.kind(), text)
    })?;
    let address = listener.local_addr()?;
    print_note(&format!(
        "listening on {address}, forwarding to {}",
        options.upstream
    ));
    let queue = Arc::new(Queue::default());
    let acceptor = Acceptor {
        listener,
        upstream,
        queue: Arc::clone(&queue),
    };
    let once = options.once;
    thread::Builder::new().spawn(move || acceptor.run(once))?;
    let mut screen = Screen::new(options);
    let shown = screen.show(&queue);
    // open connections go on, although nothing shows them any more
    queue.close();
    match (shown, screen.failure) {
        (Ok(()), None) => Ok(screen.status),
        (Err(error), _) | (_, Some(error)) => Err(error),
    }
}
