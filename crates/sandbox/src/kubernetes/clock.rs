//! The time in a cluster: it can be stopped, moved forward, and is the same for the same steps.

use std::time::{Duration, Instant};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Where the time in a cluster comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Time {
    /// The time of the machine.
    #[default]
    Real,
    /// A time that begins at the given moment, in seconds since 1970, and moves only when it is told to.
    Driven {
        /// Seconds since 1970.
        start: i64,
    },
}

/// A clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: OffsetDateTime,
    running_since: Option<Instant>,
    added: Duration,
}

impl Clock {
    pub(crate) fn new(time: Time) -> Self {
        match time {
            Time::Real => {
                Self { start: OffsetDateTime::now_utc(), running_since: Some(Instant::now()), added: Duration::ZERO }
            }
            Time::Driven { start } => Self {
                start: OffsetDateTime::from_unix_timestamp(start).unwrap_or(OffsetDateTime::UNIX_EPOCH),
                running_since: None,
                added: Duration::ZERO,
            },
        }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.start + self.added + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.added += by;
    }

    /// Whether time passes by itself.
    pub(crate) fn runs(&self) -> bool {
        self.running_since.is_some()
    }

    /// Now, as objects have it: whole seconds.
    pub(crate) fn stamp(&self) -> String {
        stamp(self.now())
    }
}

/// A moment as objects have it: whole seconds.
pub(crate) fn stamp(moment: OffsetDateTime) -> String {
    moment.replace_nanosecond(0).unwrap_or(moment).format(&Rfc3339).unwrap_or_default()
}

/// A moment as new events and log lines have it: microseconds.
pub(crate) fn micro_stamp(moment: OffsetDateTime) -> String {
    format!("{}.{:06}Z", stamp(moment).trim_end_matches('Z'), moment.microsecond())
}

/// The `Date` header.
pub(crate) fn http_date(moment: OffsetDateTime) -> String {
    let (weekday, month) = (moment.weekday().to_string(), moment.month().to_string());
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        &weekday[..3],
        moment.day(),
        &month[..3],
        moment.year(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// How long ago, as kubectl shows ages: `45s`, `2m30s`, `7h12m`, `3d4h`, `40d`, `2y10d`.
pub(crate) fn age(since: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (now - since).whole_seconds();
    match seconds {
        ..-1 => "<invalid>".into(),
        -1..0 => "0s".into(),
        _ => human(seconds.unsigned_abs()),
    }
}

/// A duration as kubectl shows it.
pub(crate) fn human(seconds: u64) -> String {
    let pair = |many: u64, unit: &str, rest: u64, of: &str| match rest {
        0 => format!("{many}{unit}"),
        _ => format!("{many}{unit}{rest}{of}"),
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => pair(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if days < 2_920 => pair(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_in_kubectl() {
        for (seconds, wanted) in [
            (45, "45s"),
            (150, "2m30s"),
            (120, "2m"),
            (3_600, "60m"),
            (25_920, "7h12m"),
            (86_400, "24h"),
            (273_600, "3d4h"),
            (3_456_000, "40d"),
        ] {
            assert_eq!(human(seconds), wanted);
        }
    }

    #[test]
    fn a_driven_clock_stands_still() {
        let mut clock = Clock::new(Time::Driven { start: 1_700_000_000 });
        assert_eq!(clock.stamp(), "2023-11-14T22:13:20Z");
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.stamp(), "2023-11-14T22:13:25Z");
    }
}
