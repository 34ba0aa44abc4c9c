//! What HyperPod nodes cost: list prices of AWS, on demand, without tax, discounts and training plans.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Amount, Covers, Impact, Reads};

use crate::aws::{
    impact::{self, Machines},
    pricing::{money::Money, price_list, usage_price},
};

/// Longest time for all prices of a call: they are worth having, not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(6);
/// Instance types that are asked about at the same time.
const AT_ONCE: usize = 4;

/// What one node of each type costs an hour, as far as that could be found out.
#[derive(Debug, Default)]
pub(super) struct Prices {
    known: BTreeMap<String, Money>,
    currency: Option<String>,
    trouble: Option<String>,
}

/// What a number of nodes costs.
#[derive(Debug, Default, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Cost {
    /// List price on demand; absent where no price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_per_hour: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Instance types without a known price, which the sum leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unpriced: Vec<String>,
    /// Why prices are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

impl Prices {
    /// Prices of these types in a region. Never fails: what cannot be found out is said beside the sum.
    pub(super) async fn of<A: Access + Covers<Reads>>(aws: &Aws<A>, types: impl Iterator<Item = &str>) -> Self {
        let mut types: Vec<String> = types.map(str::to_owned).collect();
        types.sort_unstable();
        types.dedup();
        let mut prices = Self::default();
        let (list, region) = match price_list(aws).await {
            Ok(found) => found,
            Err(error) => return Self { trouble: Some(error.to_string()), ..prices },
        };
        let end = Instant::now() + PATIENCE;
        let asked = stream::iter(types).map(|kind| {
            let (list, region) = (&list, &region);
            async move {
                let usage = format!("Cluster:{kind}");
                (timeout_at(end, usage_price(list, "AmazonSageMaker", region, &usage)).await, kind)
            }
        });
        let mut asked = asked.buffered(AT_ONCE);
        while let Some((price, kind)) = asked.next().await {
            match price {
                Ok(Ok(Some(price))) => {
                    prices.known.insert(kind, price.amount);
                    prices.currency = Some(price.currency);
                }
                Ok(Ok(None)) => {}
                Err(_) => prices.trouble = Some("the price list did not answer in time".to_owned()),
                Ok(Err(error)) => prices.trouble = Some(format!("the price list could not be read: {error}")),
            }
        }
        prices
    }

    /// The sum over types and numbers of nodes.
    pub(super) fn sum<'a>(&self, nodes: impl Iterator<Item = (&'a str, u64)>) -> Cost {
        let mut cost = Cost { trouble: self.trouble.clone(), ..Cost::default() };
        for (kind, count) in nodes.filter(|(_, count)| *count > 0) {
            match self.known.get(kind) {
                Some(price) => {
                    cost.plus(price.times(count));
                    cost.currency.clone_from(&self.currency);
                }
                None if !cost.unpriced.iter().any(|known| known == kind) => cost.unpriced.push(kind.to_owned()),
                None => {}
            }
        }
        cost
    }
}

impl Cost {
    fn plus(&mut self, more: Money) {
        self.cost_per_hour = Some(self.cost_per_hour.map_or(more, |sum| sum.plus(more)));
    }

    /// Takes the cost of more nodes in.
    pub(super) fn add(&mut self, other: Self) {
        if let Some(more) = other.cost_per_hour {
            self.plus(more);
        }
        self.currency = self.currency.take().or(other.currency);
        self.unpriced.extend(other.unpriced);
        self.unpriced.sort_unstable();
        self.unpriced.dedup();
        self.trouble = self.trouble.take().or(other.trouble);
    }

    /// Whether there is anything to say.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As limits count it: a sum that leaves something out is not known.
    pub(super) fn dollars(&self) -> Amount<Decimal> {
        if let Some(kind) = self.unpriced.first() {
            let why = self.trouble.as_deref().unwrap_or("the price list has none");
            return Amount::Unknown(format!("the price of {kind} could not be found out: {why}"));
        }
        match self.cost_per_hour {
            Some(cost) => impact::dollars(cost, self.currency.as_deref().unwrap_or("USD")),
            None => Amount::NONE,
        }
    }
}

/// Nodes that a change adds.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// All of them.
    pub(super) all: Machines,
    /// Those that no training plan has paid for.
    pub(super) paid: Machines,
}

impl Nodes {
    /// Counts more nodes in.
    pub(super) fn add(&mut self, instance_type: &str, count: u64, of_training_plan: bool) {
        *self.all.entry(instance_type.to_owned()).or_default() += count;
        if !of_training_plan {
            *self.paid.entry(instance_type.to_owned()).or_default() += count;
        }
    }

    /// What they cost.
    pub(super) async fn cost<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Cost {
        let paid = || self.paid.iter().filter(|(_, count)| **count > 0).map(|(kind, count)| (kind.as_str(), *count));
        if paid().next().is_none() {
            return Cost::default();
        }
        Prices::of(aws, paid().map(|(kind, _)| kind)).await.sum(paid())
    }

    /// What they add, at this cost.
    pub(super) async fn impact<A: Access + Covers<Reads>>(&self, aws: &Aws<A>, cost: &Cost) -> Impact {
        Impact {
            gpus: impact::gpus(aws, &self.all).await,
            dollars_per_hour: cost.dollars(),
            objects: self.all.values().sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_says_what_it_leaves_out_and_does_not_count_then() {
        let known = [("ml.a".to_owned(), Money::read("1.1").unwrap())].into();
        let prices = Prices { known, currency: Some("USD".to_owned()), trouble: None };
        let cost = prices.sum([("ml.a", 3), ("ml.b", 1), ("ml.b", 3), ("ml.c", 0)].into_iter());
        assert_eq!(cost.cost_per_hour.unwrap().to_string(), "3.3", "a float would say 3.3000000000000003");
        assert_eq!(cost.unpriced, ["ml.b"]);
        assert!(matches!(cost.dollars(), Amount::Unknown(why) if why.contains("ml.b")));
        assert!(prices.sum(std::iter::empty()).is_empty());
        let mut twice = cost.clone();
        twice.add(cost);
        assert_eq!((twice.cost_per_hour.unwrap().to_string().as_str(), twice.unpriced.len()), ("6.6", 1));
        assert_eq!(prices.sum([("ml.a", 2)].into_iter()).dollars(), Amount::Known("2.2".parse().unwrap()));
        assert_eq!(Cost::default().dollars(), Amount::NONE);
    }

    #[test]
    fn nodes_of_a_training_plan_are_counted_and_not_paid_for_again() {
        let mut nodes = Nodes::default();
        nodes.add("ml.a", 2, false);
        nodes.add("ml.a", 3, true);
        assert_eq!((nodes.all["ml.a"], nodes.paid["ml.a"]), (5, 2));
    }
}
