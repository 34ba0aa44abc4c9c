//! A guide to what goes wrong with EKS, at hand without a network.

mod search;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Json, Reads, Result, Tool, ToolDef};

use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reads::<SearchGuide>().formerly(&["search_eks_troubleshooting_guide", "search_eks_documentation"])];

/// Search our guide to trouble with EKS clusters
///
/// Nodes, networking, DNS, images, rights of pods, GPUs, EFA and NCCL, Karpenter, upgrades, capacity. Sends nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchGuide {
    /// What is wrong: an error message, or words.
    query: String,
    /// Most articles.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 10))]
    limit: usize,
}

fn limit() -> usize {
    3
}

impl Tool<App> for SearchGuide {
    const NAME: &'static str = "search_eks_troubleshoot_guide";
    const EXAMPLE: &'static str = r#"{"query": "failed to assign an IP address to container"}"#;
    type Access = Reads;
    type Output = Json<Found>;

    async fn run(self, _: Cx<Reads>) -> Result<Json<Found>> {
        let (articles, others) = search::find(&self.query, self.limit);
        Ok(Json(Found { query: self.query, articles, others }))
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
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Article {
    title: &'static str,
    text: &'static str,
    /// AWS's own page on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    see: Option<&'static str>,
}
