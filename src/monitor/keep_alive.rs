//! The clock of a connection: how long the Client has been silent.

use core::time::Duration;

/// Measures the silence of the Client.
#[derive(Debug, Clone, Default)]
pub(super) struct KeepAlive {
    /// The silence that is allowed beyond the limit.
    pub(super) tolerance: Duration,
    /// When the silence began: with the last packet of the Client or with the CONNACK.
    since: Option<Duration>,
}

/// A limit that a silence has passed.
pub(super) struct Overdue {
    /// Whether one and a half times the Keep Alive has passed too.
    pub(super) for_server: bool,
}

impl KeepAlive {
    /// The silence begins anew at `time`.
    pub(super) fn restart(&mut self, time: Duration) {
        self.since = self.since.max(Some(time));
    }

    /// Whether the silence up to `time` is longer than `seconds`.
    pub(super) fn check(&self, time: Duration, seconds: u16) -> Option<Overdue> {
        if seconds == 0 {
            return None;
        }
        // in nanoseconds, because subtracting two Durations may panic as far as the compiler knows
        let silence = time.as_nanos().checked_sub(self.since?.as_nanos())?;
        let beyond = silence.checked_sub(self.tolerance.as_nanos())?;
        let allowed = u128::from(seconds) * 1_000_000_000;
        (beyond > allowed).then_some(Overdue {
            for_server: beyond > allowed + allowed / 2,
        })
    }
}
