//! Quantities: `250m`, `1.5Gi`, `16k`, `2e3`.

use std::fmt;

use serde_json::Value;

/// A quantity, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Quantity(i128);

impl Quantity {
    /// From a text or a number.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = text
            .char_indices()
            .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '+' | '-'))))
            .map_or(text.len(), |(at, _)| at);
        let (number, unit) = text.split_at(end);
        let scale: i128 = match unit {
            "" => 1_000_000_000,
            "n" => 1,
            "u" => 1_000,
            "m" => 1_000_000,
            "k" => 1_000_000_000_000,
            "M" => 10_i128.pow(15),
            "G" => 10_i128.pow(18),
            "T" => 10_i128.pow(21),
            "P" => 10_i128.pow(24),
            "E" => 10_i128.pow(27),
            "Ki" => 1_000_000_000 << 10,
            "Mi" => 1_000_000_000 << 20,
            "Gi" => 1_000_000_000 << 30,
            "Ti" => 1_000_000_000 << 40,
            "Pi" => 1_000_000_000 << 50,
            "Ei" => 1_000_000_000 << 60,
            exponent => {
                let power: u32 = exponent.strip_prefix(['e', 'E'])?.parse().ok().filter(|power| *power <= 18)?;
                1_000_000_000 * 10_i128.pow(power)
            }
        };
        let (sign, digits) = match number.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && part.is_empty()) || whole.len() > 18 || part.len() > 9 || part.contains('.') {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let ten = 10_i128.pow(u32::try_from(part.len()).ok()?);
        let part: i128 = if part.is_empty() { 0 } else { part.parse().ok()? };
        let nano = whole.checked_mul(scale)?.checked_add(part.checked_mul(scale)? / ten)?;
        // Rounded up, as a real server does: nothing is ever asked for that is nothing.
        Some(Self(sign * ((nano + 999_999) / 1_000_000)))
    }

    pub(crate) fn whole(number: i64) -> Self {
        Self(i128::from(number) * 1_000)
    }

    pub(crate) fn milli(number: i64) -> Self {
        Self(i128::from(number))
    }

    /// In whole ones, rounded up.
    pub(crate) fn ceiling(self) -> i64 {
        i64::try_from(self.0.div_euclid(1_000) + i128::from(self.0.rem_euclid(1_000) > 0)).unwrap_or(i64::MAX)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Quantity {
    /// As short as it can be said exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1_000 != 0 {
            return write!(f, "{}m", self.0);
        }
        let whole = self.0 / 1_000;
        if whole != 0 {
            for (shift, unit) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
                if whole % (1 << shift) == 0 {
                    return write!(f, "{}{unit}", whole >> shift);
                }
            }
            for (power, unit) in [(9, "G"), (6, "M"), (3, "k")] {
                let scale = 10_i128.pow(power);
                if whole % scale == 0 {
                    return write!(f, "{}{unit}", whole / scale);
                }
            }
        }
        write!(f, "{whole}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_written_as_kubernetes_does() {
        for (text, wanted) in [
            ("250m", "250m"),
            ("1", "1"),
            ("1.5", "1500m"),
            ("1024Mi", "1Gi"),
            ("16000", "16k"),
            ("2e3", "2k"),
            ("0.5Gi", "512Mi"),
            ("100u", "1m"),
            ("0", "0"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), wanted, "{text}");
        }
        for text in ["", "Gi", "1x", "--1", "1.2.3"] {
            assert!(Quantity::parse(text).is_none(), "{text}");
        }
        assert!(Quantity::parse("1Gi") > Quantity::parse("1G"));
    }
}
