//! Points in time as callers and services write them.

use aws_smithy_types::{DateTime, date_time::Format};
use serde_json::Value;

/// A point in time from seconds since 1970, RFC 3339, a date, or the format of HTTP headers.
///
/// Text without an offset is taken as UTC, as AWS's own tools do.
pub(crate) fn parse(value: &Value) -> Option<DateTime> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(seconds) => Some(DateTime::from_secs(seconds)),
            None => number.as_f64().filter(|seconds| seconds.is_finite()).map(DateTime::from_secs_f64),
        },
        Value::String(text) => parse_text(text.trim()),
        _ => None,
    }
}

/// A point in time from any text a service may send.
pub(super) fn parse_text(text: &str) -> Option<DateTime> {
    let completed = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    DateTime::from_str(&completed, Format::DateTimeWithOffset)
        .or_else(|_| DateTime::from_str(text, Format::HttpDate))
        .or_else(|_| DateTime::from_str(text, Format::EpochSeconds))
        .ok()
}

/// RFC 3339 in UTC. A time outside of what that format can say stays the number it was.
pub(crate) fn to_json(time: &DateTime) -> Value {
    time.fmt(Format::DateTime).map_or_else(|_| Value::from(time.as_secs_f64()), Value::from)
}

/// RFC 3339 in UTC from milliseconds since 1970, as logs write their times.
pub fn show_millis(millis: i64) -> String {
    let time = DateTime::from_millis(millis);
    time.fmt(Format::DateTime).unwrap_or_else(|_| millis.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_say_a_time_is_understood() {
        for value in [
            json!(1_795_255_200),
            json!("2026-11-21T10:00:00Z"),
            json!("2026-11-21T12:00:00+02:00"),
            json!("2026-11-21T10:00:00"),
            json!("Sat, 21 Nov 2026 10:00:00 GMT"),
            json!("1795255200"),
        ] {
            let time = parse(&value).unwrap_or_else(|| panic!("{value} is a time"));
            assert_eq!(to_json(&time), json!("2026-11-21T10:00:00Z"), "{value}");
        }
        assert_eq!(to_json(&parse(&json!("2026-11-21")).unwrap()), json!("2026-11-21T00:00:00Z"));
        assert_eq!(to_json(&parse(&json!(1.5)).unwrap()), json!("1970-01-01T00:00:01.5Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for value in [json!("yesterday"), json!(null), json!(true), json!("")] {
            assert!(parse(&value).is_none(), "{value}");
        }
    }
}
