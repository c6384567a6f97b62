//! The limits of the broker.

use std::time::Duration;

/// The limits. Each has a flag of the same name, such as `--max-connections`.
///
/// They bound the memory. Each connection needs at most two packets and two times
/// [`max_queued_bytes`](Self::max_queued_bytes), each Session at most `max_queued_bytes` and its
/// subscriptions. Messages in several queues are stored once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Open connections. A client above it is refused with "Server busy".
    pub max_connections: usize,
    /// Sessions, of clients that are connected or away. A client above it is refused with "Quota
    /// exceeded".
    pub max_sessions: usize,
    /// Subscriptions of one client. More are refused with "Quota exceeded" in SUBACK.
    pub max_subscriptions: usize,
    /// Levels of a Topic Filter, and of a shared subscription without `$share` and its name. A longer
    /// filter is refused with "Quota exceeded" in SUBACK.
    pub max_filter_levels: usize,
    /// Bytes of a packet from a client, fixed header included, and of a WebSocket message. The default
    /// leaves 64 KiB beside a payload of 1 MiB.
    pub max_packet_size: u32,
    /// Bytes that wait for one client. Messages above it are dropped for this client. Above it the
    /// answers that a client does not read stop the broker from reading what it sends.
    pub max_queued_bytes: usize,
    /// Retained messages.
    pub max_retained: usize,
    /// Bytes of all retained messages.
    pub max_retained_bytes: usize,
    /// The time from the beginning of a connection to its CONNECT. Includes the handshakes of TLS and
    /// WebSocket.
    pub connect_timeout: Duration,
    /// The time in which a client has to read something that waits for it.
    pub write_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_sessions: 20_000,
            max_subscriptions: 1_000,
            max_filter_levels: 64,
            max_packet_size: (1 << 20) + (64 << 10),
            max_queued_bytes: 4 << 20,
            max_retained: 10_000,
            max_retained_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(20),
        }
    }
}

impl Settings {
    /// The limits for the framing of packets. The CONNECT may have 64 KiB.
    pub(crate) fn framing(&self) -> mqtt_wire::Limits {
        mqtt_wire::Limits::default()
            .with_packet(self.max_packet_size)
            .with_first_packet(self.max_packet_size.min(64 << 10))
    }
}
