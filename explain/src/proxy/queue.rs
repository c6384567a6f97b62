//! The queue between forwarding and showing.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mqtt_wire::Sender;

use super::end::End;

/// Something that passed on a connection.
pub struct Message {
    pub connection: u64,
    pub time: Instant,
    pub content: Content,
}

pub enum Content {
    Opened(SocketAddr),
    Bytes {
        sender: Sender,
        /// How many bytes before them are not in any message.
        skipped: u64,
        bytes: Box<[u8]>,
    },
    Ended {
        sender: Sender,
        skipped: u64,
        end: End,
    },
    /// It could not be forwarded.
    Failed(io::Error),
    Closed,
    /// The number of connections that are not shown, because the queue was full.
    SkippedConnections(u64),
}

impl Message {
    /// The memory for a message without its bytes.
    const SIZE: usize = 256;

    fn size(&self) -> usize {
        match &self.content {
            Content::Bytes { bytes, .. } => Self::SIZE + bytes.len(),
            // covers the messages that are always accepted
            Content::Opened(_) => 5 * Self::SIZE,
            _ => 0,
        }
    }
}

/// The messages that are not shown yet, and the number of open connections.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    size: usize,
    connected: usize,
    /// How many connections are not shown, because the queue was full.
    skipped_connections: u64,
    /// No further connections are accepted.
    is_last: bool,
    /// The user has stopped the program.
    is_interrupted: bool,
    /// The reader waits for a message.
    is_awaited: bool,
}

impl Queue {
    const LIMIT: usize = 1 << 24;

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message if there is room for it.
    pub fn offer(&self, message: Message) -> bool {
        let mut state = self.lock();
        let fits = !state.is_interrupted && state.size + message.size() <= Self::LIMIT;
        if fits {
            state.size += message.size();
            state.messages.push_back(message);
            self.wake(&state);
        } else if matches!(message.content, Content::Opened(_)) {
            state.skipped_connections += 1;
        }
        fits
    }

    /// Adds a message for which there is always room.
    pub fn push(&self, message: Message) {
        let mut state = self.lock();
        if !state.is_interrupted {
            state.messages.push_back(message);
            self.wake(&state);
        }
    }

    /// Wakes the reader if it waits: a call of the system, which forwarding should not pay for
    /// nothing.
    fn wake(&self, state: &State) {
        if state.is_awaited {
            self.changed.notify_all();
        }
    }

    /// Counts a new connection, which is the `last` one or not. Returns `false` after the last one.
    pub fn enter(&self, last: bool) -> bool {
        let mut state = self.lock();
        let enters = !state.is_last;
        if enters {
            state.connected += 1;
            state.is_last = last;
        }
        enters
    }

    /// Accepts no further connections. The open ones go on.
    pub fn refuse_connections(&self) {
        self.lock().is_last = true;
        self.changed.notify_all();
    }

    /// Counts a connection that ended.
    pub fn leave(&self) {
        self.lock().connected -= 1;
        self.changed.notify_all();
    }

    /// The next message, or `None` if there is none within `patience`.
    ///
    /// # Errors
    ///
    /// There will be no more messages.
    pub fn next(&self, patience: Duration) -> Result<Option<Message>, Finished> {
        let mut state = self.lock();
        let is_idle = |state: &mut State| {
            let is_over = state.is_over();
            state.messages.is_empty() && state.skipped_connections == 0 && !is_over
        };
        if is_idle(&mut state) {
            state.is_awaited = true;
            let waited = self.changed.wait_timeout_while(state, patience, is_idle);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.is_awaited = false;
        }
        match state.messages.pop_front() {
            Some(message) => {
                state.size -= message.size();
                Ok(Some(message))
            }
            None if state.skipped_connections > 0 => Ok(Some(Message {
                connection: 0,
                time: Instant::now(),
                content: Content::SkippedConnections(std::mem::take(
                    &mut state.skipped_connections,
                )),
            })),
            None if state.is_over() => Err(Finished),
            None => Ok(None),
        }
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Accepts no more messages. Returns whether that was so already.
    pub fn interrupt(&self) -> bool {
        let mut state = self.lock();
        self.changed.notify_all();
        std::mem::replace(&mut state.is_interrupted, true)
    }

    pub fn is_interrupted(&self) -> bool {
        self.lock().is_interrupted
    }
}

impl State {
    /// There will be no more messages.
    fn is_over(&self) -> bool {
        self.is_interrupted || self.is_last && self.connected == 0
    }
}

/// There will be no more messages.
pub struct Finished;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_leaves_what_passed_before() {
        let queue = Queue::default();
        let push = || {
            queue.push(Message {
                connection: 1,
                time: Instant::now(),
                content: Content::Closed,
            });
        };
        assert!(queue.enter(false));
        push();
        assert!(!queue.interrupt());
        push();
        assert!(queue.interrupt());
        assert!(queue.next(Duration::ZERO).is_ok_and(|it| it.is_some()));
        assert!(queue.next(Duration::MAX).is_err());
    }

    #[test]
    fn the_queue_has_a_limit() {
        let queue = Queue::default();
        let message = |content| Message {
            connection: 1,
            time: Instant::now(),
            content,
        };
        let bytes = || {
            message(Content::Bytes {
                sender: Sender::Client,
                skipped: 0,
                bytes: vec![0; 1 << 14].into(),
            })
        };
        let mut taken = 0;
        while queue.offer(bytes()) {
            taken += 1;
        }
        assert_eq!(taken, Queue::LIMIT / bytes().size());
        for _ in 0..taken {
            assert!(queue.next(Duration::ZERO).is_ok_and(|it| it.is_some()));
        }
        assert!(queue.next(Duration::ZERO).is_ok_and(|it| it.is_none()));
        assert!(queue.offer(bytes()));
    }
}
