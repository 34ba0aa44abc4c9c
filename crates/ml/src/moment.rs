//! Points in time: milliseconds since 1970 in the store, RFC 3339 outside.

use std::time::{SystemTime, UNIX_EPOCH};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Now, in milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A point in time as text: `2026-11-20T09:30:00.123Z`.
pub fn text(milliseconds: i64) -> String {
    let nanoseconds = i128::from(milliseconds) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_point_in_time_is_text() {
        assert_eq!(super::text(1_000), "1970-01-01T00:00:01Z");
        assert_eq!(super::text(1_763_629_800_123), "2025-11-20T09:10:00.123Z");
        assert_eq!(super::text(i64::MAX), "");
    }
}
