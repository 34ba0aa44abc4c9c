//! The same question in several regions at once. A region that fails does not take the others along.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Error, Listing, Reads, Result};

use crate::{Cx, common::Region};

/// Regions that are asked at the same time.
const AT_ONCE: usize = 8;

/// What the regions said.
pub(crate) struct Across<T> {
    /// Each region that answered, in the order asked.
    pub(crate) answers: Vec<(String, T)>,
    /// Why the others did not.
    errors: Map<String, Value>,
}

/// Asks the regions that are meant: those named, or all that the account has enabled for `*`.
pub(crate) async fn across<T, F, A>(cx: &Cx<Reads>, aws: &Aws<Reads>, regions: &[String], ask: F) -> Result<Across<T>>
where
    F: Fn(Aws<Reads>) -> A,
    A: Future<Output = Result<T>>,
{
    let regions = enabled(aws, regions).await?;
    let count = regions.len();
    let asked = stream::iter(regions).map(|region: String| {
        let answer = ask(aws.in_region(&region));
        async move { (region, answer.await) }
    });
    let mut asked = asked.buffered(AT_ONCE);
    let mut across = Across { answers: Vec::new(), errors: Map::new() };
    let mut done = 0;
    while let Some((region, answer)) = asked.next().await {
        done += 1;
        cx.progress().report(done, Some(count as u64), "regions answered");
        match answer {
            Ok(answer) => across.answers.push((region, answer)),
            Err(error) if count == 1 => return Err(error),
            Err(error) => {
                across.errors.insert(region, json!(error));
            }
        }
    }
    Ok(across)
}

impl<T> Across<T> {
    /// Says beside a list how many regions were asked and which failed.
    pub(crate) fn tell<R>(&self, listing: Listing<R>) -> Listing<R> {
        let listing = listing.about("regions_asked", self.answers.len() + self.errors.len());
        if self.errors.is_empty() { listing } else { listing.about("region_errors", self.errors.clone()) }
    }
}

async fn enabled(aws: &Aws<Reads>, regions: &[String]) -> Result<Vec<String>> {
    if regions.iter().any(|region| region == "*") {
        let reply = aws.send(&DescribeRegions {}).await?;
        return Ok(reply.regions.into_iter().map(|region| region.region_name).collect());
    }
    let mut named = BTreeSet::new();
    for region in regions {
        let region = Region::try_from(region.clone()).map_err(Error::validation)?;
        named.insert(region.to_string());
    }
    if named.is_empty() {
        return Err(Error::validation("`regions` is empty").hint("name regions, or [\"*\"] for all that are enabled"));
    }
    Ok(named.into_iter().collect())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeRegions {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Regions {
    #[serde(default)]
    regions: Vec<NamedRegion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct NamedRegion {
    region_name: String,
}

impl Operation for DescribeRegions {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeRegions";
    type Needs = Reads;
    type Reply = Regions;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeRegions>();
    }
}
