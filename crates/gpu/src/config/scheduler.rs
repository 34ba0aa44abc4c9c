//! The configuration of the kube-scheduler that runs beside HAMi's extender.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::document;
use crate::{
    error::Result,
    object::{list, text},
};

/// Under which names HAMi schedules, and what it is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct SchedulerConfig {
    /// Names that pods ask for in `schedulerName`.
    pub scheduler_names: Vec<String>,
    /// Resources for which the extender is asked.
    pub managed_resources: Vec<String>,
}

/// Reads the text under one of [`super::SCHEDULER_KEYS`]: a configuration with profiles, or a policy before Kubernetes 1.22, which
/// names no scheduler.
pub fn scheduler_config(document_text: &str) -> Result<SchedulerConfig> {
    let value = document(document_text)?;
    let names = list(&value, "/profiles").iter().filter_map(|profile| text(profile, "/schedulerName"));
    let extenders: Vec<&Value> = list(&value, "/extenders").iter().collect();
    let managed = extenders.into_iter().flat_map(|extender| list(extender, "/managedResources"));
    Ok(SchedulerConfig {
        scheduler_names: names.map(str::to_owned).collect(),
        managed_resources: managed.filter_map(|resource| text(resource, "/name")).map(str::to_owned).collect(),
    })
}
