//! What is known beforehand: vendors with their resources, metrics with their units.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{
    Backends, Vendor,
    metrics::{Source, Unit, dictionary},
    vendor::VendorRow,
};

use super::{metrics::questions, paging::page};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Vendors>(), ToolDef::reads::<Metrics>()];

/// List known kinds of accelerators: the resources pods ask for, and where nodes register them
///
/// As HAMi names them by default; gpu_get_configuration has the names of a cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Vendors {
    /// Only this vendor.
    vendor: Option<Vendor>,
}

impl Tool<App> for Vendors {
    const NAME: &'static str = "gpu_list_vendors";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Listing<VendorRow>;

    async fn run(self, _: Cx<Reads>) -> Result<Listing<VendorRow>> {
        let mut rows = Backends::default().rows();
        rows.retain(|row| self.vendor.is_none_or(|vendor| row.vendor == vendor));
        Ok(Listing::whole(rows))
    }
}

/// List metrics of accelerators: unit, exporter, former names, and what get_gpu_metrics can be asked
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Metrics {
    /// Only names that contain this.
    name: Option<String>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

#[derive(Serialize, JsonSchema)]
struct MetricRow {
    name: &'static str,
    unit: Unit,
    source: Source,
    /// It only grows.
    counter: Option<bool>,
    help: &'static str,
    /// Names that it had in older releases.
    formerly: Vec<&'static str>,
    /// By what it can be filtered.
    filters: Vec<&'static str>,
}

impl Tool<App> for Metrics {
    const NAME: &'static str = "gpu_list_metrics";
    const EXAMPLE: &'static str = r#"{"name": "memory"}"#;
    type Access = Reads;
    type Output = Listing<MetricRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<MetricRow>> {
        let wanted = self.name.unwrap_or_default().to_lowercase();
        let fits = |name: &str| name.to_lowercase().contains(&wanted);
        let questions: BTreeMap<String, Vec<&'static str>> = questions()
            .filter(|(name, _)| fits(name))
            .map(|(name, question)| (name, question.sources().0.to_vec()))
            .collect();
        let rows = dictionary().filter(|metric| fits(metric.name)).map(|metric| MetricRow {
            name: metric.name,
            unit: metric.unit,
            source: metric.source,
            counter: metric.counter.then_some(true),
            help: metric.help,
            formerly: metric.formerly.iter().map(|former| former.name).collect(),
            filters: metric.labels.iter().map(|label| label.role.canonical()).collect(),
        });
        Ok(page(&cx, rows, self.limit, self.cursor.as_ref())?.about("questions", json!(questions)))
    }
}
