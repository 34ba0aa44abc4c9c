//! A guide to what goes wrong with EKS, at hand without a network.

mod online;
mod search;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Json, Reads, Result, Tool, ToolDef};

use crate::{App, Cx, common::Profile};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reads::<SearchGuide>().formerly(&["search_eks_troubleshooting_guide", "search_eks_documentation"])];

/// Search our guide to trouble with EKS clusters
///
/// Nodes, networking, DNS, images, rights of pods, GPUs, EFA and NCCL, Karpenter, upgrades, capacity. Sends nothing, unless
/// AWS's own guide is asked, too.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchGuide {
    /// What is wrong: an error message, or words.
    query: String,
    /// Most articles.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 10))]
    limit: usize,
    /// Send the words of the query to AWS's guide (beta, in Oregon), too.
    #[serde(default)]
    ask_aws: bool,
    profile: Option<Profile>,
}

fn limit() -> usize {
    3
}

impl Tool<App> for SearchGuide {
    const NAME: &'static str = "search_eks_troubleshoot_guide";
    const EXAMPLE: &'static str = r#"{"query": "failed to assign an IP address to container"}"#;
    type Access = Reads;
    type Output = Json<Found>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Found>> {
        let (articles, others) = search::find(&self.query, self.limit);
        let aws = if self.ask_aws {
            Some(online::ask(&cx.aws(None, self.profile.as_ref()), &self.query).await)
        } else {
            None
        };
        Ok(Json(Found { query: self.query, articles, others, aws }))
    }
}

#[derive(Serialize, JsonSchema)]
struct Found {
    query: String,
    /// The best first.
    articles: Vec<Article>,
    /// Titles of what else there is, where nothing fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<&'static str>,
    /// What AWS's guide says.
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<online::Said>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Article {
    title: &'static str,
    text: &'static str,
    /// AWS's own page on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    see: Option<&'static str>,
}
