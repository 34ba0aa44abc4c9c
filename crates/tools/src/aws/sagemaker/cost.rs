//! What HyperPod nodes cost: list prices of AWS, on demand, without tax, discounts and training plans.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use trainyard_aws::{Aws, Operation, endpoint::partitions::partition_of};
use trainyard_contract::{Access, Covers, Error, Reads, Result};

/// Longest time for all prices of a call: they are worth having, not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(6);
/// Instance types that are asked about at the same time.
const AT_ONCE: usize = 4;

/// US dollars an hour for one node of each type, as far as they could be found out.
#[derive(Debug, Default)]
pub(super) struct Prices {
    known: BTreeMap<String, f64>,
    trouble: Option<String>,
}

/// What a number of nodes costs.
#[derive(Debug, Default, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Cost {
    /// US dollars an hour, list price on demand; absent where no price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usd_per_hour: Option<f64>,
    /// Instance types without a known price, which the sum leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unpriced: Vec<String>,
    /// Why prices are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

impl Prices {
    /// Prices of these types in a region. Never fails: what cannot be found out is said beside the sum.
    pub(super) async fn of<A: Access + Covers<Reads>>(aws: &Aws<A>, region: &str, types: &[&str]) -> Self {
        let mut types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
        types.sort_unstable();
        types.dedup();
        let mut prices = Self::default();
        let Some(partition) = partition_of(region) else {
            prices.trouble = Some(format!("prices of region {region:?} are not known"));
            return prices;
        };
        // The price list is served where a partition's other global services are.
        let aws = &aws.in_region(partition.implicit_global_region);
        let end = Instant::now() + PATIENCE;
        let asked =
            stream::iter(types).map(|kind| async move { (timeout_at(end, price(aws, region, &kind)).await, kind) });
        let mut asked = asked.buffered(AT_ONCE);
        while let Some((price, kind)) = asked.next().await {
            match price {
                Ok(Ok(Some(price))) => drop(prices.known.insert(kind, price)),
                Ok(Ok(None)) => {}
                Err(_) => prices.trouble = Some("the price list did not answer in time".to_owned()),
                Ok(Err(error)) => prices.trouble = Some(format!("the price list could not be read: {error}")),
            }
        }
        prices
    }

    /// The sum over types and numbers of nodes.
    pub(super) fn sum<'a>(&self, nodes: impl Iterator<Item = (&'a str, u32)>) -> Cost {
        let mut cost = Cost { trouble: self.trouble.clone(), ..Cost::default() };
        let mut sum = None;
        for (kind, count) in nodes.filter(|(_, count)| *count > 0) {
            match self.known.get(kind) {
                Some(price) => sum = Some(sum.unwrap_or(0.0) + price * f64::from(count)),
                None if !cost.unpriced.iter().any(|known| known == kind) => cost.unpriced.push(kind.to_owned()),
                None => {}
            }
        }
        cost.usd_per_hour = sum.map(cents);
        cost
    }
}

impl Cost {
    /// Takes the cost of more nodes in.
    pub(super) fn add(&mut self, other: Self) {
        if let Some(more) = other.usd_per_hour {
            self.usd_per_hour = Some(cents(self.usd_per_hour.unwrap_or(0.0) + more));
        }
        self.unpriced.extend(other.unpriced);
        self.unpriced.sort_unstable();
        self.unpriced.dedup();
        self.trouble = self.trouble.take().or(other.trouble);
    }

    /// Whether there is anything to say.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

async fn price<A: Access + Covers<Reads>>(aws: &Aws<A>, region: &str, kind: &str) -> Result<Option<f64>> {
    let usage = format!("Cluster:{kind}");
    let question = GetProducts {
        service_code: "AmazonSageMaker",
        filters: vec![
            Filter { r#type: "TERM_MATCH", field: "regionCode", value: region.to_owned() },
            Filter { r#type: "CONTAINS", field: "usagetype", value: usage.clone() },
        ],
        max_results: 100,
    };
    let products = aws.send(&question).await?.price_list;
    for product in products {
        let product: Value = serde_json::from_str(&product).map_err(|error| Error::internal(error.to_string()))?;
        // Reserved capacity and the like end in the same words.
        let found = product["product"]["attributes"]["usagetype"].as_str().unwrap_or_default();
        if found == usage || found.ends_with(&format!("-{usage}")) {
            return Ok(on_demand(&product));
        }
    }
    Ok(None)
}

/// The hourly price on demand. The names of terms and dimensions are codes without meaning, one of each.
fn on_demand(product: &Value) -> Option<f64> {
    let term = product["terms"]["OnDemand"].as_object()?.values().next()?;
    let dimension = term["priceDimensions"].as_object()?.values().next()?;
    dimension["pricePerUnit"]["USD"].as_str()?.parse().ok()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetProducts {
    service_code: &'static str,
    filters: Vec<Filter>,
    max_results: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Filter {
    r#type: &'static str,
    field: &'static str,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Products {
    #[serde(default)]
    price_list: Vec<String>,
}

impl Operation for GetProducts {
    const SERVICE: &'static str = "pricing";
    const ACTION: &'static str = "GetProducts";
    type Needs = Reads;
    type Reply = Products;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetProducts>();
    }

    #[test]
    fn a_sum_says_what_it_leaves_out() {
        let prices = Prices { known: [("ml.a".to_owned(), 1.006)].into(), trouble: None };
        let cost = prices.sum([("ml.a", 2), ("ml.b", 1), ("ml.b", 3), ("ml.c", 0)].into_iter());
        assert_eq!(cost, Cost { usd_per_hour: Some(2.01), unpriced: vec!["ml.b".to_owned()], trouble: None });
        assert!(prices.sum(std::iter::empty()).is_empty());
        let mut twice = cost.clone();
        twice.add(cost);
        assert_eq!((twice.usd_per_hour, twice.unpriced.len()), (Some(4.02), 1));
    }

    #[test]
    fn the_price_on_demand_is_found_among_codes() {
        let product = json!({ "terms": { "OnDemand": { "X.Y": { "priceDimensions": {
            "X.Y.Z": { "unit": "Hrs", "pricePerUnit": { "USD": "25.9100175600" } }
        } } } } });
        assert_eq!(on_demand(&product), Some(25.910_017_56));
        assert_eq!(on_demand(&json!({})), None);
    }
}
