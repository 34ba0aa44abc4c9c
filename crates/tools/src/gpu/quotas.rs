//! What namespaces may use, and use.

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{Vendor, quota::QuotaUsage};

use super::{
    cluster::{InCluster, Wanted, quotas, survey},
    paging::page,
};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Usage>().formerly(&["gpu_get_quota_usage"])];

/// Get limits and use of accelerator memory and cores by namespace, as HAMi's quota counts them
///
/// Summed over pods, since the quota object's own status stays empty for these. A limit of 0 blocks.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Usage {
    /// Only this namespace; all with a limit or use when absent.
    namespace: Option<String>,
    /// Only this vendor.
    vendor: Option<Vendor>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    #[serde(flatten)]
    at: InCluster,
}

impl Tool<App> for Usage {
    const NAME: &'static str = "get_quota_usage";
    const EXAMPLE: &'static str = r#"{"namespace": "team-a"}"#;
    type Access = Reads;
    type Output = Listing<QuotaUsage>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<QuotaUsage>> {
        let kubernetes = self.at.of(&cx);
        let objects = quotas(&kubernetes, self.namespace.as_deref()).await?;
        let wanted = Wanted { namespace: self.namespace.clone(), without_nodes: true, ..Wanted::default() };
        let survey = survey(&cx, &kubernetes, &wanted).await?;
        let rows = survey.fleet.quota_usage(&objects, self.namespace.as_deref(), self.vendor);
        let list = page(&cx, rows.into_iter(), self.limit, self.cursor.as_ref())?;
        let unread: Vec<_> = objects.iter().flat_map(|object| &object.notes).take(10).collect();
        let list = if unread.is_empty() { list } else { list.about("skipped_limits", serde_json::json!(unread)) };
        Ok(survey.about(list.about("source", "pods")))
    }
}
