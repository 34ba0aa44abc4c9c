//! Quantities as the Kubernetes API writes them: `16k`, `1500m`, `2048Mi`, `1e3`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::error::{DecodeError, Result, quoted};

const NANO: i128 = 1_000_000_000;

/// An amount, exact to a billionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, JsonSchema, Serialize)]
#[serde(transparent)]
pub struct Quantity(i128);

impl Quantity {
    /// A whole number.
    pub fn of(whole: i64) -> Self {
        Self(i128::from(whole) * NANO)
    }

    /// Reads the whole grammar: decimal and binary suffixes and exponents. More than nine decimals are rounded away from zero,
    /// as the API server does.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || DecodeError::new(format!("{} is not a quantity such as 4, 16k, 500m or 2048Mi", quoted(text)));
        let number_ends = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(number_ends);
        let scale = scale(suffix).ok_or_else(wrong)?;
        let (negative, digits) = match number.as_bytes().first() {
            Some(b'-') => (true, &number[1..]),
            Some(b'+') => (false, &number[1..]),
            _ => (false, number),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(wrong());
        }
        let magnitude = magnitude(whole, fraction, scale)
            .ok_or_else(|| DecodeError::new(format!("{} is beyond any real amount", quoted(text))))?;
        Ok(Self(if negative { -magnitude } else { magnitude }))
    }

    /// Reads a quantity where it stands in an object: text, or a bare number.
    pub fn from_json(value: &Value) -> Result<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => Err(DecodeError::new("a quantity must be text or a number")),
        }
    }

    /// The amount if it is a whole number of 64 bits.
    pub fn whole(self) -> Option<i64> {
        (self.0 % NANO == 0).then(|| i64::try_from(self.0 / NANO).ok()).flatten()
    }

    /// The amount rounded up to a whole number, at the ends of 64 bits at most.
    pub fn ceil(self) -> i64 {
        clamp(self.0.div_euclid(NANO) + i128::from(self.0.rem_euclid(NANO) != 0))
    }

    /// Thousandths, rounded up.
    pub fn milli(self) -> i64 {
        clamp(self.0.div_euclid(1_000_000) + i128::from(self.0.rem_euclid(1_000_000) != 0))
    }

    /// Whether there is anything of it.
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// A suffix as a ratio of two whole numbers.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let ten = |power: u32| 10_i128.pow(power);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, ten(9)),
        "u" => (1, ten(6)),
        "m" => (1, ten(3)),
        "k" => (ten(3), 1),
        "M" => (ten(6), 1),
        "G" => (ten(9), 1),
        "T" => (ten(12), 1),
        "P" => (ten(15), 1),
        "E" => (ten(18), 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            match power {
                0..=18 => (ten(power.unsigned_abs()), 1),
                -18..0 => (1, ten(power.unsigned_abs())),
                _ => return None,
            }
        }
    })
}

/// Billionths of `whole.fraction × scale`, rounded up.
fn magnitude(whole: &str, fraction: &str, (times, over): (i128, i128)) -> Option<i128> {
    let mut value: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut over = over;
    // Digits after the eighteenth cannot matter to a billionth of anything.
    for digit in fraction.bytes().take(18) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        over = over.checked_mul(10)?;
    }
    let value = value.checked_mul(times)?;
    // Divide first where the product would not fit; what is lost is below a billionth of a huge amount.
    match value.checked_mul(NANO) {
        Some(value) => Some(value / over + i128::from(value % over != 0)),
        None => (value / over).checked_mul(NANO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_grammar_is_read() {
        for (text, whole) in [
            ("4", Some(4)),
            ("16k", Some(16_000)),
            ("2048Mi", Some(2_147_483_648)),
            ("1e3", Some(1000)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("1E3", Some(1000)),
            ("0.5Gi", Some(536_870_912)),
            (".5k", Some(500)),
            ("-3", Some(-3)),
            ("500m", None),
            ("1.5", None),
            ("3000m", Some(3)),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().whole(), whole, "{text}");
        }
        assert_eq!(Quantity::parse("1500m").unwrap().ceil(), 2);
        assert_eq!(Quantity::parse("1500m").unwrap().milli(), 1500);
        assert_eq!(Quantity::parse("1").unwrap(), Quantity::of(1));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            ".",
            "-",
            "4x",
            "1e",
            "1e99",
            "1 Gi",
            "--1",
            "1.2.3",
            "ki",
            "99999999999999999999999999999999999999999",
        ] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }
}
