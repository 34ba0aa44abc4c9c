//! Points in time, in every notation that HAMi and Kubernetes leave on objects, as seconds since 1970.

use time::{Date, Month, OffsetDateTime, Time, format_description::well_known::Rfc3339};

/// RFC 3339, as Kubernetes writes it.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

/// A day and a time of day with no zone, the day with dashes or dots: `2026-07-09 07:22:10`. Read as UTC.
pub(crate) fn plain(text: &str) -> Option<i64> {
    let (day, clock) = text.split_once(' ')?;
    let mut day = day.split(['-', '.']).map(str::parse::<u16>);
    let mut clock = clock.split(':').map(str::parse::<u8>);
    let (year, month, date) = (day.next()?.ok()?, day.next()?.ok()?, day.next()?.ok()?);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if day.next().is_some() || clock.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(date).ok()?).ok()?;
    Some(date.with_time(Time::from_hms(hour, minute, second).ok()?).assume_utc().unix_timestamp())
}

/// Go's own text of a time: `2025-04-17 06:42:21.773349289 +0000 UTC m=+271.80`. Fraction, zone name and the monotonic tail may be
/// absent.
pub(crate) fn go(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace();
    let (day, clock) = (words.next()?, words.next()?);
    let clock = clock.split_once('.').map_or(clock, |(seconds, _)| seconds);
    let local = plain(&format!("{day} {clock}"))?;
    let offset = match words.next() {
        Some(zone) => zone_seconds(zone)?,
        None => 0,
    };
    Some(local - offset)
}

/// `+0530` in seconds.
fn zone_seconds(zone: &str) -> Option<i64> {
    let digits = zone.strip_prefix(['+', '-'])?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits[..2].parse::<i64>().ok()? * 3600 + digits[2..].parse::<i64>().ok()? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_names_the_same_second() {
        let second = rfc3339("2024-01-23T04:30:04Z").unwrap();
        assert_eq!(second, 1_705_984_204);
        assert_eq!(go("2024-01-23 04:30:04.434037031 +0000 UTC m=+1104711.777756895"), Some(second));
        assert_eq!(go("2024-01-23 12:30:04 +0800 CST"), Some(second));
        assert_eq!(plain("2024-01-23 04:30:04"), Some(second));
        assert_eq!(plain("2024.01.23 04:30:04"), Some(second));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "x", "2024-13-01 00:00:00", "2024-02-30 00:00:00", "2024-01-01 25:00:00", "2024-01-01", "é é é"]
        {
            assert_eq!(plain(text), None, "{text}");
            assert_eq!(go(text), None, "{text}");
        }
    }
}
