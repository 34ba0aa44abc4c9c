//! Bounds on what one question may cost.

use crate::error::{DecodeError, Result, quoted};

/// Points of one series, which is also Prometheus' own bound.
const MOST_POINTS: i64 = 11_000;
/// The longest time that may be asked about, in seconds: 31 days.
const LONGEST: i64 = 31 * 86_400;

/// `30s`, `5m`, `1h30m`, `7d` in seconds.
pub fn parse_duration(text: &str) -> Result<i64> {
    let wrong = || DecodeError::new(format!("{} is not a duration such as 5m, 1h30m or 7d", quoted(text)));
    let (mut total, mut number) = (0_i64, None::<i64>);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let next = number.unwrap_or(0).checked_mul(10).and_then(|number| number.checked_add(digit.into()));
            number = Some(next.ok_or_else(wrong)?);
            continue;
        }
        let seconds = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let part = number.take().and_then(|number| number.checked_mul(seconds));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
    }
    if number.is_some() || total <= 0 { Err(wrong()) } else { Ok(total) }
}

/// A stretch of time and the distance of its points, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First point, since 1970.
    pub start: i64,
    /// Last point at most, since 1970.
    pub end: i64,
    /// From point to point.
    pub step: i64,
}

impl Span {
    /// The last `range` seconds before `now`, with at most `points` points. Without a step, the smallest one that keeps to
    /// that.
    pub fn last(range: i64, now: i64, step: Option<i64>, points: i64) -> Result<Self> {
        if !(1..=LONGEST).contains(&range) {
            return Err(DecodeError::new(format!(
                "a range of {range} s; 1 s to {LONGEST} s (31 days) can be asked for"
            )));
        }
        let points = points.clamp(1, MOST_POINTS);
        // The first point is one more than there are steps.
        let least = range / points + 1;
        let step = match step {
            None => least,
            Some(step) if step >= 1 && range / step < points => step,
            Some(step) => {
                return Err(DecodeError::new(format!(
                    "a step of {step} s makes more than {points} points of {range} s; {least} s is the least"
                )));
            }
        };
        Ok(Self { start: now.saturating_sub(range), end: now, step })
    }
}
