//! What a change adds to what runs and to what is paid for, as far as its plan knows. The operator's limits go by it.

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error, Result,
    loss::{Losing, Loss},
};

/// A quantity that a plan may not have been able to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount<T> {
    /// This much, at the most.
    Known(T),
    /// Why it is not known, in words that follow "not known: ".
    Unknown(String),
}

/// A number that counts up without overflowing.
pub trait Count: Copy {
    /// Nothing.
    const ZERO: Self;

    /// Both together; the largest there is where that is too much.
    #[must_use]
    fn plus(self, other: Self) -> Self;
}

impl Count for u64 {
    const ZERO: Self = 0;

    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Count for Decimal {
    const ZERO: Self = Self::ZERO;

    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl<T: Count> Amount<T> {
    /// Nothing at all.
    pub const NONE: Self = Self::Known(T::ZERO);

    /// Both together; unknown where one of them is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => Self::Known(one.plus(other)),
            (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
        }
    }
}

/// What a change adds. Reaching something that is there already adds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// GPUs and other accelerators that are put to use.
    pub gpus: Amount<u64>,
    /// US dollars an hour that are paid from then on, at list prices; a price that is paid at once, over the time that it
    /// is for.
    pub dollars_per_hour: Amount<Decimal>,
    /// Things that are made, where these are others than what the change is aimed at.
    pub objects: u64,
}

impl Impact {
    /// Adds neither GPUs nor cost.
    pub const NONE: Self = Self { gpus: Amount::NONE, dollars_per_hour: Amount::NONE, objects: 0 };

    /// Adds something that nobody has counted.
    pub fn unknown(why: impl Into<String>) -> Self {
        let why = why.into();
        Self { gpus: Amount::Unknown(why.clone()), dollars_per_hour: Amount::Unknown(why), objects: 0 }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.plus(other.gpus),
            dollars_per_hour: self.dollars_per_hour.plus(other.dollars_per_hour),
            objects: self.objects.saturating_add(other.objects),
        }
    }
}

/// A plan that says what the change adds.
#[derive(Debug)]
pub struct Weighed<P> {
    /// What is shown.
    pub plan: P,
    /// What it adds.
    pub impact: Impact,
}

impl<P> Weighed<P> {
    /// A plan and what it adds.
    pub fn new(plan: P, impact: Impact) -> Self {
        Self { plan, impact }
    }
}

/// What a tool may give as its plan: anything that can be shown, that [`Weighed`], or either of them [`Losing`].
pub trait Plan {
    /// What is shown, and what is known of its impact and of what is lost.
    fn foreseen(self) -> Result<Foreseen>;
}

/// A plan with its type forgotten.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreseen {
    /// What is shown.
    pub shown: Value,
    /// What the change adds; `None` where the plan does not say, which is nothing unless the call spends money.
    pub impact: Option<Impact>,
    /// What is lost besides what the change is aimed at.
    pub loss: Loss,
}

impl<P: Serialize> Plan for P {
    fn foreseen(self) -> Result<Foreseen> {
        Ok(Foreseen { shown: shown(&self)?, impact: None, loss: Loss::NONE })
    }
}

impl<P: Serialize> Plan for Weighed<P> {
    fn foreseen(self) -> Result<Foreseen> {
        Ok(Foreseen { shown: shown(&self.plan)?, impact: Some(self.impact), loss: Loss::NONE })
    }
}

impl<P: Plan> Plan for Losing<P> {
    fn foreseen(self) -> Result<Foreseen> {
        Ok(Foreseen { loss: self.loss, ..self.plan.foreseen()? })
    }
}

fn shown(plan: &impl Serialize) -> Result<Value> {
    serde_json::to_value(plan).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_known_only_where_all_of_it_is() {
        let known = Amount::Known(8_u64).plus(Amount::Known(u64::MAX));
        assert_eq!(known, Amount::Known(u64::MAX));
        let unknown = Amount::Unknown("no price".to_owned());
        assert_eq!(Amount::Known(Decimal::ONE).plus(unknown.clone()), unknown);
        let both = Impact { objects: 2, ..Impact::NONE }.plus(Impact { objects: 1, ..Impact::unknown("why") });
        assert_eq!((both.objects, both.gpus), (3, Amount::Unknown("why".to_owned())));
    }

    #[test]
    fn a_plan_is_shown_alike_whether_it_is_weighed_or_not() {
        let plain = vec!["a"].foreseen().unwrap();
        let weighed = Weighed::new(vec!["a"], Impact::NONE).foreseen().unwrap();
        assert_eq!(plain.shown, weighed.shown);
        assert_eq!((plain.impact, weighed.impact), (None, Some(Impact::NONE)));
    }
}
