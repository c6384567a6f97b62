//! The rules between packets, applied to events in the order in which they pass.

use std::time::Duration;

use mqtt_wire::monitor::{Breach, Monitor};

use crate::event::{Event, Verdict};

/// Whether the first packet of a connection was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    Seen,
    /// The connection may be older than the first event.
    Unseen,
}

/// The monitor for a connection.
pub fn monitor(beginning: Beginning) -> Monitor<'static> {
    match beginning {
        Beginning::Seen => Monitor::new(),
        Beginning::Unseen => Monitor::new().joining(),
    }
}

/// The time that a client may be silent in addition to its Keep Alive. A packet is captured later
/// than it was sent: healthy clients were captured half a second late.
const KEEP_ALIVE_TOLERANCE: Duration = Duration::from_secs(1);

/// A monitor that is fed with events.
pub struct Watch {
    monitor: Monitor<'static>,
}

impl Watch {
    pub fn new(beginning: Beginning) -> Self {
        Self {
            monitor: monitor(beginning).with_keep_alive_tolerance(KEEP_ALIVE_TOLERANCE),
        }
    }

    /// The breaches that an event shows; `None` if it is not a packet that can be checked.
    pub fn observe(&mut self, event: &Event<'_>, time: Option<Duration>) -> Option<Vec<Breach>> {
        let record = match event {
            Event::Packet(record) if !record.is_refused() => record,
            // the packets in these bytes are unknown
            Event::Packet(_) | Event::Unread { .. } => {
                *self = Self::new(Beginning::Unseen);
                return None;
            }
        };
        let Verdict::Accept(packet) = &record.verdict else {
            return None;
        };
        let (dialect, len) = (record.dialect, record.bytes.len());
        let mut breaches = Vec::new();
        let report = |breach| breaches.push(breach);
        match time {
            Some(time) => self.monitor.observe_at(time, dialect, packet, len, report),
            None => self.monitor.observe(dialect, packet, len, report),
        }
        Some(breaches)
    }
}

/// Sets the breaches of all packets of a conversation without times.
pub fn check(events: &mut [Event<'_>], beginning: Beginning) {
    let mut watch = Watch::new(beginning);
    for event in events {
        let breaches = watch.observe(event, None);
        if let Event::Packet(record) = event {
            record.breaches = breaches;
        }
    }
}
