//! From when to when: minutes back from now, or times as people and programs write them.

use std::time::SystemTime;

use time::{
    Date, Duration, OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601,
    format_description::well_known::Rfc3339,
};
use trainyard_contract::{Error, Result};

/// Minutes back where nothing is said.
pub(super) const MINUTES: u32 = 15;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: OffsetDateTime,
    pub(super) end: OffsetDateTime,
}

impl Period {
    /// A start that is said counts before minutes.
    pub(super) fn of(minutes: u32, start: Option<&str>, end: Option<&str>) -> Result<Self> {
        Self::before(SystemTime::now().into(), minutes, start, end)
    }

    fn before(now: OffsetDateTime, minutes: u32, start: Option<&str>, end: Option<&str>) -> Result<Self> {
        let end = end.map(|text| moment("end_time", text)).transpose()?.unwrap_or(now);
        let back = || end.checked_sub(Duration::minutes(minutes.into()));
        let start = match start {
            Some(text) => moment("start_time", text)?,
            None => back().ok_or_else(|| Error::validation(format!("{minutes} minutes lead before all time")))?,
        };
        if start >= end {
            return Err(Error::validation(format!("the time from {} to {} is empty", show(start), show(end)))
                .hint("start_time is before end_time; a time without a zone is UTC"));
        }
        Ok(Self { start, end })
    }
}

/// As ISO 8601 in UTC, whole seconds.
pub(super) fn show(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_default()
}

/// ISO 8601 with or without a zone, a date, or epoch seconds. Without a zone it is UTC.
fn moment(name: &str, text: &str) -> Result<OffsetDateTime> {
    let text = text.trim();
    let spaced = text.replacen(' ', "T", 1);
    let zoned = OffsetDateTime::parse(&spaced, &Rfc3339).or_else(|_| OffsetDateTime::parse(&spaced, &Iso8601::DEFAULT));
    let found = zoned.ok().or_else(|| {
        let plain = PrimitiveDateTime::parse(&spaced, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc);
        plain.ok().or_else(|| Some(Date::parse(text, &Iso8601::DEFAULT).ok()?.midnight().assume_utc()))
    });
    let number = |text: &str| OffsetDateTime::from_unix_timestamp(text.parse().ok()?).ok();
    found.or_else(|| number(text)).ok_or_else(|| {
        Error::validation(format!("{name} {text:?} is not a time"))
            .hint("write it as 2026-11-20T10:00:00Z, as a date, or as epoch seconds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap()
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:00.123456", "2026-11-20T10:00:00Z"),
            ("2026-11-20 10:00:00", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
            ("2026-11-20T10:00", "2026-11-20T10:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("1790000000", "2026-09-21T14:13:20Z"),
        ] {
            assert_eq!(show(moment("start_time", text).unwrap()), expected, "{text}");
        }
        for bad in ["", "yesterday", "2026-13-01", "99999999999999999"] {
            assert!(moment("start_time", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_period_is_never_empty_and_a_start_counts_before_minutes() {
        let period = Period::before(now(), 15, None, None).unwrap();
        assert_eq!(
            (show(period.start), show(period.end)),
            ("2026-09-21T13:58:20Z".into(), "2026-09-21T14:13:20Z".into())
        );
        let said = Period::before(now(), 15, Some("2026-09-20"), None).unwrap();
        assert_eq!(show(said.start), "2026-09-20T00:00:00Z");
        assert!(Period::before(now(), 15, Some("2026-09-22"), None).is_err());
        let older = Period::before(now(), 60, None, Some("2026-09-20T01:00:00Z")).unwrap();
        assert_eq!(show(older.start), "2026-09-20T00:00:00Z");
    }
}
