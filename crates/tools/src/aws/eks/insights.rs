//! What EKS itself finds wrong with a cluster, or in the way of its upgrade.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_aws::Operation;
use trainyard_contract::{Headed, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Insights>()];

/// Get the insights of an EKS cluster: misconfigurations, and what blocks an upgrade
///
/// All of them in short, or one in full with the resources that it is about.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Insights {
    /// Name of the cluster.
    cluster_name: String,
    /// For one in full.
    insight_id: Option<String>,
    category: Option<Category>,
    /// Token of the page before.
    next_token: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum Category {
    UpgradeReadiness,
    Misconfiguration,
}

impl Tool<App> for Insights {
    const NAME: &'static str = "get_eks_insights";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "category": "UPGRADE_READINESS"}"#;
    type Access = Reads;
    type Output = Headed<Answer>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Answer>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let cluster_name = self.cluster_name;
        // Models send blanks for what they leave out.
        if let Some(id) = self.insight_id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()) {
            let found = aws.send(&DescribeInsight { cluster_name: cluster_name.clone(), id }).await?.insight;
            let insight = Insight::from(found);
            let summary =
                format!("Insight {} of cluster {cluster_name}: {}", insight.name, insight.insight_status.status);
            let facts = Answer { cluster_name, insights: vec![insight], next_token: None, detail_mode: true };
            return Ok(Headed { summary, facts });
        }
        let filter = self.category.map(|category| Filter { categories: vec![category] });
        let next_token = self.next_token.filter(|token| !token.trim().is_empty());
        let page = aws.send(&ListInsights { cluster_name: cluster_name.clone(), filter, next_token }).await?;
        let insights: Vec<_> = page.insights.into_iter().map(Insight::from).collect();
        let bad = insights.iter().filter(|insight| insight.insight_status.status != "PASSING").count();
        let summary = format!("{} insights of cluster {cluster_name}, {bad} of them not passing", insights.len());
        let facts = Answer { cluster_name, insights, next_token: page.next_token, detail_mode: false };
        Ok(Headed { summary, facts })
    }
}

#[derive(Serialize, JsonSchema)]
struct Answer {
    cluster_name: String,
    insights: Vec<Insight>,
    next_token: Option<String>,
    detail_mode: bool,
}

/// An insight; the last four members are of one in full.
#[derive(Serialize, JsonSchema)]
struct Insight {
    id: String,
    name: String,
    category: String,
    kubernetes_version: Option<String>,
    /// Seconds since 1970.
    last_refresh_time: Option<f64>,
    /// Seconds since 1970.
    last_transition_time: Option<f64>,
    description: Option<String>,
    insight_status: Status,
    recommendation: Option<String>,
    additional_info: Option<BTreeMap<String, String>>,
    /// What it is about, as EKS has it.
    resources: Option<Vec<Value>>,
    category_specific_summary: Option<Value>,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Status {
    #[serde(default)]
    status: String,
    reason: Option<String>,
}

impl From<Found> for Insight {
    fn from(found: Found) -> Self {
        Self {
            id: found.id.unwrap_or_default(),
            name: found.name.unwrap_or_default(),
            category: found.category.unwrap_or_default(),
            kubernetes_version: found.kubernetes_version,
            last_refresh_time: found.last_refresh_time.as_deref().and_then(seconds),
            last_transition_time: found.last_transition_time.as_deref().and_then(seconds),
            description: found.description,
            insight_status: found.insight_status.unwrap_or_default(),
            recommendation: found.recommendation,
            additional_info: found.additional_info,
            resources: found.resources,
            category_specific_summary: found.category_specific_summary,
        }
    }
}

fn seconds(time: &str) -> Option<f64> {
    let time = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any year that counts are far below 2^53")]
    let millis = (time.unix_timestamp_nanos() / 1_000_000) as f64;
    Some(millis / 1000.0)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ListInsights {
    cluster_name: String,
    filter: Option<Filter>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Filter {
    categories: Vec<Category>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Listed {
    #[serde(default)]
    insights: Vec<FoundInShort>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct FoundInShort {
    id: Option<String>,
    name: Option<String>,
    category: Option<String>,
    kubernetes_version: Option<String>,
    last_refresh_time: Option<String>,
    last_transition_time: Option<String>,
    description: Option<String>,
    insight_status: Option<Status>,
}

impl From<FoundInShort> for Insight {
    fn from(short: FoundInShort) -> Self {
        Found {
            id: short.id,
            name: short.name,
            category: short.category,
            kubernetes_version: short.kubernetes_version,
            last_refresh_time: short.last_refresh_time,
            last_transition_time: short.last_transition_time,
            description: short.description,
            insight_status: short.insight_status,
            ..Found::default()
        }
        .into()
    }
}

impl Operation for ListInsights {
    const SERVICE: &'static str = "eks";
    const ACTION: &'static str = "ListInsights";
    type Needs = Reads;
    type Reply = Listed;
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeInsight {
    cluster_name: String,
    id: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Described {
    #[serde(default)]
    insight: Found,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Found {
    id: Option<String>,
    name: Option<String>,
    category: Option<String>,
    kubernetes_version: Option<String>,
    last_refresh_time: Option<String>,
    last_transition_time: Option<String>,
    description: Option<String>,
    insight_status: Option<Status>,
    recommendation: Option<String>,
    additional_info: Option<BTreeMap<String, String>>,
    resources: Option<Vec<Value>>,
    category_specific_summary: Option<Value>,
}

impl Operation for DescribeInsight {
    const SERVICE: &'static str = "eks";
    const ACTION: &'static str = "DescribeInsight";
    type Needs = Reads;
    type Reply = Described;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListInsights>();
        check::<DescribeInsight>();
    }

    #[test]
    fn times_are_seconds_as_the_older_server_gave_them() {
        assert_eq!(seconds("2026-11-20T10:00:00.5Z"), Some(1_795_168_800.5));
        assert_eq!(seconds("now"), None);
    }
}
