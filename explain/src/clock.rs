//! Dates and times.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time since 1970 in the local time zone: "2026-11-29 17:02:03.123456".
pub fn local(since_1970: Duration) -> String {
    format(since_1970, TimeZone::system(), "%Y-%m-%d %H:%M:%S%.6f")
}

/// A time since 1970 in UTC: "2026-11-29T16:02:03.123456Z".
pub fn utc(since_1970: Duration) -> String {
    format(since_1970, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S%.6fZ")
}

fn format(since_1970: Duration, zone: TimeZone, form: &str) -> String {
    let time = SignedDuration::try_from(since_1970).and_then(Timestamp::from_duration);
    let time = time.unwrap_or(Timestamp::MAX);
    time.to_zoned(zone).strftime(form).to_string()
}
