//! Cells: what stands in one place of a table, and what text means there.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a column holds, judged by all of its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing at all.
    Empty,
    /// True or false.
    Boolean,
    /// Whole numbers that fit 64 bits with a sign.
    Integer,
    /// Numbers.
    Number,
    /// Days.
    Date,
    /// Points in time.
    Timestamp,
    /// Text, or kinds that do not go together.
    Text,
    /// Lists and objects.
    Nested,
}

impl Kind {
    /// Whether its cells are numbers.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Text => "text",
            Self::Nested => "nested",
        }
    }
}

/// One cell, as its format gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Missing,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text whose meaning is to be found out.
    Text(Cow<'a, str>),
    /// Text, whatever it looks like: its format has other ways to say that it is a number.
    Quoted(Cow<'a, str>),
    /// A day.
    Date(Cow<'a, str>),
    /// A point in time.
    Timestamp(Cow<'a, str>),
    /// A list or an object, as JSON.
    Nested(Cow<'a, str>),
}

impl Cell<'_> {
    /// The same, without its own text.
    pub(crate) fn borrowed(&self) -> Cell<'_> {
        match self {
            Self::Missing => Cell::Missing,
            Self::Boolean(value) => Cell::Boolean(*value),
            Self::Integer(value) => Cell::Integer(*value),
            Self::Number(value) => Cell::Number(*value),
            Self::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Self::Quoted(text) => Cell::Quoted(Cow::Borrowed(text)),
            Self::Date(text) => Cell::Date(Cow::Borrowed(text)),
            Self::Timestamp(text) => Cell::Timestamp(Cow::Borrowed(text)),
            Self::Nested(text) => Cell::Nested(Cow::Borrowed(text)),
        }
    }

    /// As text; none where nothing is there.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Missing => return None,
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::Number(value) => Cow::Owned(value.to_string()),
            Self::Text(text) | Self::Quoted(text) | Self::Date(text) | Self::Timestamp(text) | Self::Nested(text) => {
                Cow::Borrowed(text)
            }
        })
    }

    /// What it means.
    pub(crate) fn meaning(&self) -> Meaning {
        match self {
            Self::Missing => Meaning::Missing,
            Self::Boolean(value) => Meaning::Boolean(*value),
            Self::Integer(value) => Meaning::Integer(*value),
            Self::Number(value) if value.is_nan() => Meaning::Missing,
            Self::Number(value) => Meaning::Number(*value),
            Self::Text(text) => Meaning::of(text),
            Self::Quoted(text) if is_missing(text) => Meaning::Missing,
            // A date has no other way to be written in JSON.
            Self::Quoted(text) => match date_or_time(text.trim()) {
                Some(meaning) => meaning,
                None => Meaning::Text,
            },
            Self::Date(_) => Meaning::Date,
            Self::Timestamp(_) => Meaning::Timestamp,
            Self::Nested(_) => Meaning::Nested,
        }
    }
}

/// What a cell means, taken by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    Missing,
    Boolean(bool),
    Integer(i64),
    /// Digits only, and too many of them for 64 bits.
    Huge(f64),
    Number(f64),
    Date,
    Timestamp,
    Text,
    Nested,
}

impl Meaning {
    /// Of text without quotes: a cell of a CSV file.
    pub(crate) fn of(text: &str) -> Self {
        if is_missing(text) {
            return Self::Missing;
        }
        let text = text.trim();
        let bytes = text.as_bytes();
        let Some(first) = bytes.first() else { return Self::Missing };
        match first {
            b'0'..=b'9' | b'+' | b'-' | b'.' => number(text).or_else(|| date_or_time(text)).unwrap_or(Self::Text),
            b't' | b'T' if ["true", "True", "TRUE"].contains(&text) => Self::Boolean(true),
            b'f' | b'F' if ["false", "False", "FALSE"].contains(&text) => Self::Boolean(false),
            b'i' | b'I' if ["inf", "Inf", "INF", "Infinity", "infinity"].contains(&text) => Self::Number(f64::INFINITY),
            _ => Self::Text,
        }
    }

    /// The number that it is.
    #[expect(clippy::cast_precision_loss, reason = "statistics are taken in floating point")]
    pub(crate) fn as_number(self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(value as f64),
            Self::Number(value) | Self::Huge(value) => Some(value),
            _ => None,
        }
    }
}

/// What stands for "nothing": the words that the common tools take for it, and nothing beyond them.
const NOTHING: [&str; 16] = [
    "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "<NA>", "#N/A", "#NA", "#N/A N/A",
    "1.#QNAN", "-1.#IND",
];

fn is_missing(text: &str) -> bool {
    text.is_empty() || (text.len() <= 8 && (NOTHING.contains(&text) || text.bytes().all(|byte| byte == b' ')))
}

fn number(text: &str) -> Option<Meaning> {
    if let Ok(value) = text.parse::<i64>() {
        return Some(Meaning::Integer(value));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // `parse` would take words such as "nan", too.
    if digits.bytes().any(|byte| byte.is_ascii_alphabetic() && byte != b'e' && byte != b'E') {
        let infinite = matches!(digits, "inf" | "Inf" | "INF" | "Infinity" | "infinity");
        let value = if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
        return infinite.then_some(Meaning::Number(value));
    }
    let value = text.parse::<f64>().ok()?;
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some(if whole { Meaning::Huge(value) } else { Meaning::Number(value) })
}

/// `2026-01-31`, and with a time after it.
fn date_or_time(text: &str) -> Option<Meaning> {
    let (date, rest) = text.split_at_checked(10)?;
    let part = |range: std::ops::Range<usize>| -> Option<u32> {
        let digits = date.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let bytes = date.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    if rest.is_empty() {
        return Some(Meaning::Date);
    }
    clock(rest.strip_prefix(['T', 't', ' '])?).then_some(Meaning::Timestamp)
}

/// `23:59`, `23:59:59.999Z`, `23:59:59+01:00`.
fn clock(text: &str) -> bool {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let two = |part: &str, below: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|value| value < below);
    let mut parts = clock.trim_end().split(':');
    let (Some(hour), Some(minute)) = (parts.next(), parts.next()) else { return false };
    let second = parts.next().is_none_or(|second| {
        let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
        two(whole, 61) && !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())
    });
    let zone = match zone {
        "" | "Z" | "z" => true,
        offset => {
            let digits: String = offset.chars().skip(1).filter(|letter| *letter != ':').collect();
            digits.bytes().all(|byte| byte.is_ascii_digit()) && matches!(digits.len(), 2 | 4)
        }
    };
    two(hour, 24) && two(minute, 60) && second && parts.next().is_none() && zone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_what_people_mean_by_it() {
        assert_eq!(Meaning::of("42"), Meaning::Integer(42));
        assert_eq!(Meaning::of(" -7 "), Meaning::Integer(-7));
        assert_eq!(Meaning::of("1e3"), Meaning::Number(1000.0));
        assert_eq!(Meaning::of(".5"), Meaning::Number(0.5));
        assert_eq!(Meaning::of("99999999999999999999"), Meaning::Huge(1e20));
        assert_eq!(Meaning::of("-inf"), Meaning::Number(f64::NEG_INFINITY));
        assert_eq!(Meaning::of("True"), Meaning::Boolean(true));
        assert_eq!(Meaning::of("2024-02-29"), Meaning::Date);
        assert_eq!(Meaning::of("2024-02-29T23:59:59.5+01:00"), Meaning::Timestamp);
        assert_eq!(Meaning::of("2024-02-29 23:59"), Meaning::Timestamp);
        for missing in ["", "NA", "null", "NaN", "  "] {
            assert_eq!(Meaning::of(missing), Meaning::Missing, "{missing:?}");
        }
        for text in ["2023-02-29", "1,5", "0x10", "--1", "1-2", "infinite", "truex", "2024-02-29T24:00", "é", "+"] {
            assert_eq!(Meaning::of(text), Meaning::Text, "{text:?}");
        }
    }
}
