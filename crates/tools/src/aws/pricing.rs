//! The price list: products that a question matches, and what one of them costs on demand.

pub(in crate::aws) mod money;

use std::{collections::BTreeMap, ops::RangeInclusive};

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_aws::{Aws, Operation, Paged, Wanted, endpoint::partitions::partition_of};
use trainyard_contract::{Access, Covers, Error, ErrorKind, Reads, Result};

use self::money::Money;

/// Candidates that are told apart in an error.
const CANDIDATES: usize = 5;
/// Products whose usage holds the words that are looked for, among which one is meant.
const NAMESAKES: usize = 100;

/// One product and its price.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::aws) struct Price {
    pub(in crate::aws) sku: String,
    /// `Hrs`, `GB-Mo`, `IOPS-Mo`, `GiBps-mo`.
    pub(in crate::aws) unit: String,
    /// Price of one unit.
    pub(in crate::aws) amount: Money,
    /// `USD`; `CNY` in China.
    pub(in crate::aws) currency: String,
    /// Since when.
    pub(in crate::aws) effective: Option<String>,
}

/// Where prices are asked for: each partition has the list in the region that signs for its global services.
pub(in crate::aws) async fn price_list<A: Access>(aws: &Aws<A>) -> Result<(Aws<A>, String)> {
    let (region, _) = aws.engine().describe_scope(aws.scope()).await.region?;
    let partition = partition_of(&region);
    let partition = partition.ok_or_else(|| Error::unsupported(format!("no price list is known for {region}")))?;
    Ok((aws.in_region(partition.implicit_global_region), region))
}

/// The one product with these attributes. None is not found; several would make the price a matter of luck.
pub(in crate::aws) async fn price<A: Access + Covers<Reads>>(
    list: &Aws<A>,
    what: &str,
    attributes: &[(&'static str, &str)],
) -> Result<Price> {
    let filters =
        attributes.iter().map(|(field, value)| Attribute { kind: "TERM_MATCH", field, value: (*value).to_owned() });
    let question = GetProducts { service_code: "AmazonEC2", filters: filters.collect() };
    let products = products(list, &question, CANDIDATES).await?;
    match products.as_slice() {
        [] => Err(Error::not_found("price of", what).hint("it may not be offered in that region")),
        [one] => one.price(what),
        several => Err(Error::new(ErrorKind::Conflict, format!("{what} has several prices: {}", apart(several)))
            .code("AmbiguousPrice")),
    }
}

/// The price of what a service bills under this type of usage, such as `Cluster:ml.p5.48xlarge`; `None` where it is not
/// offered in the region.
pub(in crate::aws) async fn usage_price<A: Access + Covers<Reads>>(
    list: &Aws<A>,
    service_code: &'static str,
    region: &str,
    usage: &str,
) -> Result<Option<Price>> {
    let filters = vec![
        Attribute { kind: "TERM_MATCH", field: "regionCode", value: region.to_owned() },
        Attribute { kind: "CONTAINS", field: "usagetype", value: usage.to_owned() },
    ];
    let products = products(list, &GetProducts { service_code, filters }, NAMESAKES).await?;
    products.iter().find(|listed| listed.is_billed_as(usage)).map(|listed| listed.price(usage)).transpose()
}

async fn products<A: Access + Covers<Reads>>(
    list: &Aws<A>,
    question: &GetProducts,
    most: usize,
) -> Result<Vec<Listed>> {
    let found = list.list(question, Wanted { limit: most, cursor: None, binding: "" }).await?;
    found.items.into_iter().map(read).collect()
}

/// A product as AWS writes it: JSON in a string.
fn read(item: Value) -> Result<Listed> {
    let read = match &item {
        Value::String(text) => serde_json::from_str(text),
        _ => serde_json::from_value(item),
    };
    read.map_err(|error| Error::internal(format!("the price list holds something else: {error}")))
}

/// What the products differ in.
fn apart(products: &[Listed]) -> String {
    let all = |listed: &Listed| listed.product.attributes.clone();
    let Some(first) = products.first().map(all) else { return String::new() };
    let differs = |name: &&String| products.iter().any(|it| it.product.attributes.get(*name) != first.get(*name));
    let names: Vec<_> = first.keys().filter(differs).collect();
    let one = |it: &Listed| {
        let values = names.iter().map(|name| {
            let value = it.product.attributes.get(*name).map_or("", String::as_str);
            format!("{name} {value}")
        });
        format!("{} ({})", it.product.sku, values.collect::<Vec<_>>().join(", "))
    };
    products.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[derive(Debug, Deserialize)]
struct Listed {
    product: Product,
    #[serde(default)]
    terms: Terms,
}

#[derive(Debug, Deserialize)]
struct Product {
    sku: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Terms {
    #[serde(default)]
    on_demand: BTreeMap<String, Term>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    effective_date: Option<String>,
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: String,
    price_per_unit: BTreeMap<String, String>,
}

impl Listed {
    /// A usage stands behind the code of the region. Reserved capacity and the like end in the same words.
    fn is_billed_as(&self, usage: &str) -> bool {
        let billed = self.product.attributes.get("usagetype").map_or("", String::as_str);
        billed == usage || billed.strip_suffix(usage).is_some_and(|region| region.ends_with('-'))
    }

    fn price(&self, what: &str) -> Result<Price> {
        let odd = || {
            Error::unsupported(format!("{what} ({}) has no single price on demand", self.product.sku))
                .code("AmbiguousPrice")
        };
        let mut terms = self.terms.on_demand.values();
        let (Some(term), None) = (terms.next(), terms.next()) else { return Err(odd()) };
        let mut dimensions = term.price_dimensions.values();
        let (Some(dimension), None) = (dimensions.next(), dimensions.next()) else { return Err(odd()) };
        let (currency, amount) = dimension.price_per_unit.first_key_value().ok_or_else(odd)?;
        Ok(Price {
            sku: self.product.sku.clone(),
            unit: dimension.unit.clone(),
            amount: Money::read(amount).ok_or_else(odd)?,
            currency: currency.clone(),
            effective: term.effective_date.clone(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetProducts {
    service_code: &'static str,
    filters: Vec<Attribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Attribute {
    #[serde(rename = "Type")]
    kind: &'static str,
    field: &'static str,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Products {
    #[serde(default)]
    price_list: Vec<Value>,
}

impl Operation for GetProducts {
    const SERVICE: &'static str = "pricing";
    const ACTION: &'static str = "GetProducts";
    type Needs = Reads;
    type Reply = Products;
}

impl Paged for GetProducts {
    type Item = Value;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=100)
    }

    fn items(reply: Products) -> Vec<Value> {
        reply.price_list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetProducts>();
    }

    fn listed(sku: &str, tenancy: &str, prices: &[&str]) -> Listed {
        let dimensions: BTreeMap<_, _> = prices
            .iter()
            .enumerate()
            .map(|(at, price)| (format!("d{at}"), serde_json::json!({"unit": "Hrs", "pricePerUnit": {"USD": price}})))
            .collect();
        let value = serde_json::json!({
            "product": {"sku": sku, "attributes": {"instanceType": "p5.48xlarge", "tenancy": tenancy}},
            "terms": {"OnDemand": {"t": {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": dimensions}}},
        });
        read(value.to_string().into()).unwrap()
    }

    #[test]
    fn a_price_is_read_as_a_decimal() {
        let price = listed("A", "Shared", &["98.3200000000"]).price("p5").unwrap();
        assert_eq!((price.amount.to_string().as_str(), price.unit.as_str()), ("98.32", "Hrs"));
        assert_eq!(price.currency, "USD");
    }

    #[test]
    fn a_usage_is_that_of_any_region_and_no_other_one() {
        let billed = |usage: &str| {
            let mut one = listed("A", "Shared", &["1"]);
            one.product.attributes.insert("usagetype".to_owned(), usage.to_owned());
            one.is_billed_as("Cluster:ml.p5.48xlarge")
        };
        assert!(billed("Cluster:ml.p5.48xlarge") && billed("USE2-Cluster:ml.p5.48xlarge"));
        assert!(!billed("USE2-ReservedCluster:ml.p5.48xlarge") && !billed("USE2-Cluster:ml.p5.48xlarge-x"));
    }

    #[test]
    fn of_several_prices_none_is_taken_blindly() {
        assert_eq!(listed("A", "Shared", &["1", "2"]).price("p5").unwrap_err().code_str(), "AmbiguousPrice");
        assert!(listed("A", "Shared", &[]).price("p5").is_err());
        let words = apart(&[listed("A", "Shared", &["1"]), listed("B", "Dedicated", &["2"])]);
        assert_eq!(words, "A (tenancy Shared); B (tenancy Dedicated)", "only what differs");
    }
}
