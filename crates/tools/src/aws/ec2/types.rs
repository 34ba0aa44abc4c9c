//! EC2 instance types: what they are made of, which would do, and the images that fit GPUs.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Error, ErrorKind, Listing, Reads, Result, Tool, ToolDef};

use super::{
    hardware::Hardware,
    instances::wire::{DescribeInstanceTypes, Filter},
    prices::{OperatingSystem, on_demand},
    tagged::whole,
};
use crate::{App, Cx, aws::pricing::money::Money, common::At};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<DescribeTypes>(), ToolDef::reads::<Recommend>()];

/// Families with accelerators, so that a question about GPUs does not read a thousand other types.
const ACCELERATED: [&str; 6] = ["p*", "g*", "trn*", "inf*", "dl*", "vt*"];

/// Types whose prices are asked for, the smallest that would do first.
const PRICED: usize = 12;
const AT_ONCE: usize = 4;

/// What an instance type has to have.
#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Needs {
    /// vCPUs at least.
    min_vcpus: Option<u32>,
    /// GiB of memory at least.
    min_memory_gib: Option<u64>,
    /// Part of the accelerator's name, such as H100 or Trainium.
    gpu_name: Option<String>,
    /// Accelerators at least.
    min_gpus: Option<u32>,
    /// GiB of memory of all accelerators together, at least.
    min_gpu_memory_gib: Option<u64>,
    /// With EFA.
    #[serde(default)]
    efa: bool,
    architecture: Option<Architecture>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Architecture {
    #[serde(rename = "x86_64")]
    X86,
    Arm64,
}

impl Needs {
    fn wants_accelerators(&self) -> bool {
        self.gpu_name.is_some() || self.min_gpus.is_some() || self.min_gpu_memory_gib.is_some()
    }

    fn filters(&self, types: &[String]) -> Vec<Filter> {
        let types = match types {
            [] if self.wants_accelerators() => ACCELERATED.map(str::to_owned).to_vec(),
            types => types.to_vec(),
        };
        let architecture = match self.architecture {
            Some(Architecture::X86) => vec!["x86_64".to_owned()],
            Some(Architecture::Arm64) => vec!["arm64".to_owned()],
            None => Vec::new(),
        };
        let mut filters = vec![
            Filter::new("instance-type", types),
            Filter::new("processor-info.supported-architecture", architecture),
            Filter::new("network-info.efa-supported", if self.efa { vec!["true".to_owned()] } else { Vec::new() }),
        ];
        filters.retain(|filter| !filter.values.is_empty());
        filters
    }

    /// What EC2 has no filter for.
    fn fits(&self, hardware: &Hardware) -> bool {
        let at_least = |wanted: Option<u64>, mebibytes: Option<u64>| {
            wanted.is_none_or(|wanted| mebibytes.is_some_and(|mebibytes| mebibytes >= wanted.saturating_mul(1024)))
        };
        let named = |name: &String| {
            hardware.words.as_ref().is_some_and(|words| words.to_lowercase().contains(&name.to_lowercase()))
        };
        self.min_vcpus.is_none_or(|least| hardware.vcpus.is_some_and(|vcpus| vcpus >= least))
            && at_least(self.min_memory_gib, hardware.memory_mebibytes)
            && self.gpu_name.as_ref().is_none_or(named)
            && self.min_gpus.is_none_or(|least| hardware.accelerators >= least)
            && at_least(self.min_gpu_memory_gib, hardware.accelerator_mebibytes)
    }
}

/// Describe EC2 instance types: vCPUs, memory, GPUs and their memory, EFA
///
/// Narrow it by name or by what is needed; the region has to offer them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DescribeTypes {
    /// Types; * stands for any letters.
    instance_types: Option<Vec<String>>,
    #[serde(flatten)]
    needs: Needs,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for DescribeTypes {
    const NAME: &'static str = "ec2_describe_instance_types";
    const EXAMPLE: &'static str = r#"{"gpu_name": "H100", "efa": true}"#;
    type Access = Reads;
    type Output = Listing<TypeRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<TypeRow>> {
        let types = self.instance_types.unwrap_or_default();
        if types.is_empty() && self.needs.filters(&[]).is_empty() && !self.needs.wants_accelerators() {
            return Err(Error::validation("every type there is would be listed, a thousand of them")
                .hint("name types (p5*), or say what is needed, such as min_gpus"));
        }
        let rows = fitting(&cx, &cx.at(&self.at), &self.needs, &types).await?;
        Ok(Listing::whole(rows).fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// Recommend EC2 instance types for a need, cheapest first, with on-demand prices
///
/// Price by the hour and by GPU, from AWS's price list. Offered is not available: look at placement scores, too.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Recommend {
    #[serde(flatten)]
    needs: Needs,
    /// Most per hour, in the price list's currency, such as 12.50.
    budget_per_hour: Option<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Recommend {
    const NAME: &'static str = "ec2_recommend_instance_types";
    const EXAMPLE: &'static str = r#"{"min_gpus": 1, "min_gpu_memory_gib": 40, "budget_per_hour": "5"}"#;
    type Access = Reads;
    type Output = Listing<Offer>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Offer>> {
        let budget = match &self.budget_per_hour {
            None => None,
            Some(text) => Some(
                Money::read(text)
                    .ok_or_else(|| Error::validation(format!("`budget_per_hour` {text:?} is no amount")))?,
            ),
        };
        if self.needs.filters(&[]).is_empty() && self.needs.min_vcpus.is_none() && self.needs.min_memory_gib.is_none() {
            return Err(
                Error::validation("nothing is needed").hint("say at least one of min_gpus, min_vcpus, gpu_name")
            );
        }
        let aws = cx.at(&self.at);
        let mut rows = fitting(&cx, &aws, &self.needs, &[]).await?;
        let left_out = rows.len().saturating_sub(PRICED);
        rows.truncate(PRICED);
        let aws = &aws;
        let mut priced = stream::iter(rows).map(|row| async move {
            let price = on_demand(aws, &row.instance_type, OperatingSystem::default()).await;
            (row, price)
        });
        let (mut offers, mut unpriced) = (Vec::new(), BTreeSet::new());
        let mut answers = priced.by_ref().buffered(AT_ONCE);
        while let Some((row, price)) = answers.next().await {
            match price {
                Ok(price) => offers.push(Offer {
                    per_gpu: if row.gpu_count > 0 { price.amount.per(row.gpu_count) } else { None },
                    per_hour: price.amount,
                    currency: price.currency,
                    row,
                }),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => {
                    unpriced.insert(row.instance_type);
                }
                Err(error) => return Err(error),
            }
        }
        offers.retain(|offer| budget.is_none_or(|budget| offer.per_hour <= budget));
        offers.sort_by_key(|offer| offer.per_hour);
        let mut listing = Listing::whole(offers);
        if left_out > 0 {
            listing = listing.about("larger_types_not_priced", left_out);
        }
        if !unpriced.is_empty() {
            listing = listing.about("without_price", unpriced.into_iter().collect::<Vec<_>>());
        }
        Ok(listing)
    }
}

/// The types that fit, the smallest first.
async fn fitting(cx: &Cx<Reads>, aws: &Aws<Reads>, needs: &Needs, types: &[String]) -> Result<Vec<TypeRow>> {
    let found = whole(cx, aws, &DescribeInstanceTypes::matching(needs.filters(types))).await?;
    let all = found.iter().map(|info| (info.instance_type.clone(), Hardware::from(info)));
    let fitting = all.filter(|(_, hardware)| needs.fits(hardware));
    let mut rows: Vec<TypeRow> = fitting.map(|(name, hardware)| TypeRow::new(name, hardware)).collect();
    rows.sort_by_key(|row| (row.gpu_count, row.gpu_memory_gib, row.vcpus, row.memory_gib, row.instance_type.clone()));
    Ok(rows)
}

/// One instance type.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct TypeRow {
    #[serde(rename = "type")]
    instance_type: String,
    vcpus: Option<u32>,
    memory_gib: Option<u64>,
    /// Accelerators, as count and kind.
    gpus: Option<String>,
    #[serde(skip)]
    gpu_count: u32,
    /// Of all accelerators together.
    gpu_memory_gib: Option<u64>,
    /// Network cards that take an EFA interface.
    #[serde(skip_serializing_if = "is_zero")]
    efa_cards: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl TypeRow {
    fn new(instance_type: String, hardware: Hardware) -> Self {
        Self {
            instance_type,
            vcpus: hardware.vcpus,
            memory_gib: hardware.memory_mebibytes.map(|mebibytes| mebibytes / 1024),
            gpus: hardware.words,
            gpu_count: hardware.accelerators,
            gpu_memory_gib: hardware.accelerator_mebibytes.map(|mebibytes| mebibytes / 1024),
            efa_cards: hardware.efa_cards,
        }
    }
}

/// A type and its price.
#[derive(Serialize, JsonSchema)]
struct Offer {
    #[serde(flatten)]
    row: TypeRow,
    per_hour: Money,
    per_gpu: Option<Money>,
    currency: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_decides_and_what_is_unknown_does_not_fit() {
        let h100 = Hardware {
            vcpus: Some(192),
            memory_mebibytes: Some(2_097_152),
            accelerators: 8,
            accelerator_mebibytes: Some(655_360),
            words: Some("8x NVIDIA H100 80 GiB".to_owned()),
            efa_cards: 32,
        };
        let needs = |json: &str| -> Needs { serde_json::from_str(json).unwrap() };
        for yes in [r"{}", r#"{"gpu_name": "h100", "min_gpus": 8}"#, r#"{"min_gpu_memory_gib": 640, "min_vcpus": 192}"#]
        {
            assert!(needs(yes).fits(&h100), "{yes}");
        }
        for no in [r#"{"gpu_name": "A100"}"#, r#"{"min_gpus": 9}"#, r#"{"min_gpu_memory_gib": 641}"#] {
            assert!(!needs(no).fits(&h100), "{no}");
        }
        assert!(!needs(r#"{"min_vcpus": 1}"#).fits(&Hardware::default()), "nothing is known of it");
    }
}
