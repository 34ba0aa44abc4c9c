//! What is free, and how it is scattered.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{Vendor, fleet::CardFree};

use super::{
    cluster::{InCluster, Wanted, survey},
    paging::page,
};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Free>().formerly(&["gpu_find_free"])];

/// Show free accelerator memory and cores by card, and the largest pod that still fits
///
/// groups has each model: memory that is free, scattered or stranded, the largest pod for each number of cards on one node.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Free {
    /// Only nodes with these labels.
    label_selector: Option<String>,
    /// Only this vendor.
    vendor: Option<Vendor>,
    /// Only models that contain this.
    model: Option<String>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    #[serde(flatten)]
    at: InCluster,
}

impl Tool<App> for Free {
    const NAME: &'static str = "gpu_fragmentation";
    const EXAMPLE: &'static str = r#"{"model": "A100"}"#;
    type Access = Reads;
    type Output = Listing<CardFree>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<CardFree>> {
        let kubernetes = self.at.of(&cx);
        let wanted = Wanted { node_labels: self.label_selector, ..Wanted::default() };
        let survey = survey(&cx, &kubernetes, &wanted).await?;
        let model = self.model.as_deref().map(str::to_lowercase);
        let fits = |name: &str| model.as_deref().is_none_or(|model| name.to_lowercase().contains(model));
        let mut groups = survey.fleet.fragmentation().groups;
        groups.retain(|group| self.vendor.is_none_or(|vendor| group.vendor == vendor) && fits(&group.model));
        let of_vendor = |card: &CardFree| self.vendor.is_none() || groups.iter().any(|group| group.model == card.model);
        let mut cards: Vec<CardFree> =
            survey.fleet.free_cards().filter(|card| fits(&card.model) && of_vendor(card)).collect();
        cards.sort_by(|one, other| {
            let key = |card: &CardFree| {
                (card.obstacle.is_some(), std::cmp::Reverse((card.largest_request_mib, card.free_cores)))
            };
            key(one).cmp(&key(other))
        });
        let list = page(&cx, cards.into_iter(), self.limit, self.cursor.as_ref())?;
        Ok(survey.about(list.about("groups", json!(groups)).fields(&self.fields.unwrap_or_default())))
    }
}
