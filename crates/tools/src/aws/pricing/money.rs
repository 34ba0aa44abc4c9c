//! Amounts of money. Decimals all the way: a float cannot say 0.1.

use std::{borrow::Cow, fmt};

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// Hours that AWS takes a month to have.
pub(in crate::aws) const HOURS_PER_MONTH: u32 = 730;

/// An amount, in the currency that stands beside it. Written as text, since JSON's numbers are read as floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::aws) struct Money(pub(in crate::aws) Decimal);

impl Money {
    /// As AWS writes it, such as `98.3200000000`; `None` of what is no number.
    pub(in crate::aws) fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }

    /// So many of it.
    pub(in crate::aws) fn times(self, count: impl Into<Decimal>) -> Self {
        Self(self.0.checked_mul(count.into()).unwrap_or(Decimal::MAX))
    }

    /// Its share in so many; `None` of nothing.
    pub(in crate::aws) fn per(self, parts: impl Into<Decimal>) -> Option<Self> {
        self.0.checked_div(parts.into()).map(Self)
    }

    /// Both together.
    pub(in crate::aws) fn plus(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).unwrap_or(Decimal::MAX))
    }
}

impl fmt::Display for Money {
    /// To a millionth, without zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = self.0.round_dp(6);
        // A share may be smaller than that and still not nothing.
        let shown = if rounded.is_zero() { self.0.round_dp(12) } else { rounded };
        write!(f, "{}", shown.normalize())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Money {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_where_floats_are_not() {
        let tenth = Money::read("0.1000000000").unwrap();
        let sum = (0..3).fold(Money::read("0").unwrap(), |sum, _| sum.plus(tenth));
        assert_eq!(sum.to_string(), "0.3");
        assert!((0.1_f64 + 0.1 + 0.1).to_string() != "0.3", "which is why");
        assert_eq!(Money::read("98.3200000000").unwrap().times(HOURS_PER_MONTH).to_string(), "71773.6");
        assert_eq!(Money::read("98.32").unwrap().per(8_u32).unwrap().to_string(), "12.29");
        assert_eq!(Money::read("1").unwrap().per(3_u32).unwrap().to_string(), "0.333333");
        assert_eq!(Money::read("0.0000000002").unwrap().to_string(), "0.0000000002");
        assert_eq!(Money::read("1").unwrap().per(0_u32), None);
        assert_eq!(Money::read("free"), None);
    }
}
