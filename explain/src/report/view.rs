//! How much to show.

use std::time::Duration;

use crate::dissect::Secrets;
use crate::event::Moment;

#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// Everything in full length.
    pub full: bool,
    /// The fields of every packet, not only of refused ones.
    pub tree: bool,
    pub secrets: Secrets,
    /// Rows of a hex dump have to be short.
    pub is_narrow: bool,
    /// More members in JSON, for the page.
    pub for_page: bool,
}

impl View {
    /// A limit on the length of texts and lists; none if everything is shown.
    pub fn limit(self, usual: usize) -> usize {
        if self.full { usize::MAX } else { usual }
    }
}

/// The times at the beginning of lines.
#[derive(Debug, Clone, Copy, Default)]
pub enum Times {
    /// Since the first packet of the capture, or since the connection to the proxy was opened.
    #[default]
    Relative,
    /// Since the line before, of the same connection.
    Delta,
    /// Date and time, made from the time since 1970. The page has no calendar, and never uses this.
    Clock(fn(Duration) -> String),
    None,
}

impl Times {
    /// The time of a line, and how long it came after the one before.
    pub fn column(self, at: Moment, delta: Duration) -> String {
        match self {
            Self::None => String::new(),
            Self::Delta => {
                let delta = format!("+{:.6}", delta.as_secs_f64());
                format!("{delta:>11}")
            }
            Self::Relative => {
                let time = at.time + Duration::from_nanos(500);
                let (seconds, micros) = (time.as_secs(), time.subsec_micros());
                format!("{seconds:>4}.{micros:06}")
            }
            Self::Clock(format) => format(at.wall),
        }
    }

    /// A time by itself.
    pub fn time(self, at: Moment) -> String {
        match self {
            Self::Clock(format) => format(at.wall),
            Self::Relative | Self::Delta | Self::None => format!("{:.6}", at.time.as_secs_f64()),
        }
    }
}
