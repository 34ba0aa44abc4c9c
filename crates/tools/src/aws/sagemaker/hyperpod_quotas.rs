//! How many nodes of a type the account may have in HyperPod clusters, and how many it has.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Error, Listing, Reads, Result, Tool, ToolDef};

use super::hyperpod_nodes::{all_clusters, all_nodes};
use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<GetQuotas>()];

/// Code of the service that the quotas belong to.
const SERVICE_CODE: &str = "sagemaker";
/// How the name of such a quota ends, after the instance type.
const CLUSTER_USAGE: &str = " for cluster usage";
/// Pages of quotas that are looked through: 100 each, of several thousand.
const PAGES: usize = 80;

/// Get the quotas of instance types in SageMaker HyperPod clusters: allowed, in use, left
///
/// For a new cluster or more nodes. Raising one: aws_call service-quotas RequestServiceQuotaIncrease.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetQuotas {
    /// Such as ml.p5.48xlarge.
    instance_types: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for GetQuotas {
    const NAME: &'static str = "hyperpod_get_quotas";
    const EXAMPLE: &'static str = r#"{"instance_types": ["ml.p5.48xlarge"]}"#;
    type Access = Reads;
    type Output = Listing<Quota>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Quota>> {
        if self.instance_types.is_empty() {
            return Err(Error::validation("`instance_types` is empty").hint("such as [\"ml.p5.48xlarge\"]"));
        }
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let types: Vec<&str> = self.instance_types.iter().map(String::as_str).collect();
        Ok(Listing::whole(quotas(&aws, &types).await?))
    }
}

/// What one instance type may be used for, and is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Quota {
    pub(super) instance_type: String,
    /// Nodes allowed; absent where there is no such quota.
    pub(super) quota: Option<f64>,
    /// Nodes in clusters of this region.
    pub(super) in_use: u32,
    /// Nodes that may still be added.
    pub(super) left: Option<f64>,
    adjustable: Option<bool>,
    quota_code: Option<String>,
    /// The value is AWS's default and may be outdated for this account.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
}

/// The quotas of these types, in their order.
pub(super) async fn quotas(aws: &Aws<Reads>, types: &[&str]) -> Result<Vec<Quota>> {
    let (used, mut found) = futures::try_join!(usage(aws), applied(aws, types))?;
    let missing: Vec<&str> = types.iter().copied().filter(|kind| !found.contains_key(*kind)).collect();
    if !missing.is_empty() {
        // Quotas that were never touched are not always among those of the account.
        found.extend(defaults(aws, &missing).await?);
    }
    let one = |kind: &&str| {
        let (known, default) = found.remove(*kind).unwrap_or_default();
        let in_use = used.get(*kind).copied().unwrap_or_default();
        Quota {
            instance_type: (*kind).to_owned(),
            quota: known.value,
            in_use,
            left: known.value.map(|value| (value - f64::from(in_use)).max(0.0)),
            adjustable: known.adjustable,
            quota_code: known.quota_code,
            default,
        }
    };
    Ok(types.iter().map(one).collect())
}

/// Nodes of each type in the clusters of the region.
async fn usage(aws: &Aws<Reads>) -> Result<BTreeMap<String, u32>> {
    let mut used = BTreeMap::new();
    let (clusters, _) = all_clusters(aws, None).await?;
    for cluster in clusters {
        for node in all_nodes(aws, &cluster).await? {
            *used.entry(node.instance_type().to_owned()).or_default() += 1;
        }
    }
    Ok(used)
}

type Found = BTreeMap<String, (KnownQuota, bool)>;

async fn applied(aws: &Aws<Reads>, types: &[&str]) -> Result<Found> {
    let (mut found, mut next_token) = (Found::new(), None);
    for _ in 0..PAGES {
        let page = aws.send(&ListServiceQuotas { service_code: SERVICE_CODE, max_results: 100, next_token }).await?;
        keep(&mut found, page.quotas, types, false);
        next_token = page.next_token;
        if next_token.is_none() || found.len() == types.len() {
            break;
        }
    }
    Ok(found)
}

async fn defaults(aws: &Aws<Reads>, types: &[&str]) -> Result<Found> {
    let (mut found, mut next_token) = (Found::new(), None);
    for _ in 0..PAGES {
        let page = aws.send(&ListDefaultQuotas { service_code: SERVICE_CODE, max_results: 100, next_token }).await?;
        keep(&mut found, page.quotas, types, true);
        next_token = page.next_token;
        if next_token.is_none() || found.len() == types.len() {
            break;
        }
    }
    Ok(found)
}

fn keep(found: &mut Found, quotas: Vec<KnownQuota>, types: &[&str], default: bool) {
    for quota in quotas {
        let kind = quota.quota_name.as_deref().and_then(|name| name.strip_suffix(CLUSTER_USAGE));
        if let Some(kind) = kind.filter(|kind| types.contains(kind)).map(str::to_owned) {
            found.insert(kind, (quota, default));
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ListServiceQuotas {
    service_code: &'static str,
    max_results: u32,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct QuotaPage {
    #[serde(default)]
    quotas: Vec<KnownQuota>,
    next_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct KnownQuota {
    quota_name: Option<String>,
    quota_code: Option<String>,
    value: Option<f64>,
    adjustable: Option<bool>,
}

impl Operation for ListServiceQuotas {
    const SERVICE: &'static str = "service-quotas";
    const ACTION: &'static str = "ListServiceQuotas";
    type Needs = Reads;
    type Reply = QuotaPage;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ListDefaultQuotas {
    service_code: &'static str,
    max_results: u32,
    next_token: Option<String>,
}

impl Operation for ListDefaultQuotas {
    const SERVICE: &'static str = "service-quotas";
    const ACTION: &'static str = "ListAWSDefaultServiceQuotas";
    type Needs = Reads;
    type Reply = QuotaPage;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListServiceQuotas>();
        check::<ListDefaultQuotas>();
    }

    #[test]
    fn only_quotas_of_clusters_count() {
        let quota =
            |name: &str| KnownQuota { quota_name: Some(name.into()), value: Some(4.0), ..KnownQuota::default() };
        let mut found = Found::new();
        let quotas = vec![
            quota("ml.p5.48xlarge for training job usage"),
            quota("ml.p5.48xlarge for cluster usage"),
            quota("ml.g5.xlarge for cluster usage"),
        ];
        keep(&mut found, quotas, &["ml.p5.48xlarge"], false);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["ml.p5.48xlarge"]);
    }
}
