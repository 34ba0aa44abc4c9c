//! What the calls of the stack tool answer and plan.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_contract::Headed;

use super::ClusterName;
use crate::aws::cloudformation::{
    events::Headway,
    stack::{Resource, Stack, StackOutput},
};

/// The members that the AWS server answers every operation with, empty where they do not apply, and ours.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct StackAnswer {
    pub(super) operation: &'static str,
    pub(super) template_path: String,
    pub(super) stack_arn: String,
    pub(super) creation_time: String,
    pub(super) stack_status: String,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) stack_name: String,
    pub(super) stack_id: String,
    pub(super) cluster_name: String,
    /// The template, where no file was named for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template_content: Option<String>,
    /// Versions that the template offers, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kubernetes_versions: Vec<String>,
    /// Why the template offers no versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versions_unknown: Option<String>,
    /// The first failing resource and its reason, followed into nested stacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    /// How far it is, while something is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<Headway>,
    /// There was nothing to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unchanged: Option<bool>,
    /// Why the stack, which is under way, could not be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unfollowed: Option<String>,
}

impl StackAnswer {
    pub(super) fn new(operation: &'static str, cluster: &ClusterName) -> Self {
        Self { operation, cluster_name: cluster.clone().into(), ..Self::default() }
    }

    /// What is known of the stack.
    pub(super) fn take(&mut self, stack: Stack) {
        self.stack_arn.clone_from(&stack.stack_id);
        self.stack_id = stack.stack_id;
        self.stack_name = stack.stack_name;
        self.stack_status = stack.stack_status;
        self.creation_time = stack.creation_time.unwrap_or_default();
        let output = |it: StackOutput| (it.output_key, it.output_value.unwrap_or_default());
        self.outputs = stack.outputs.into_iter().map(output).collect();
    }

    pub(super) fn under(self, summary: String) -> Headed<Self> {
        Headed { summary, facts: self }
    }
}

/// What would be generated.
#[derive(Serialize, JsonSchema)]
pub(super) struct FilePlan {
    /// A file of that name is there already.
    pub(super) exists: bool,
    /// What the cluster would have.
    pub(super) kubernetes_version: Option<String>,
    pub(super) node_pools: usize,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Create,
    Update,
}

/// What a deployment would do.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeployPlan {
    pub(super) action: Action,
    pub(super) stack_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_now: Option<String>,
    /// Kinds of things that the template makes.
    pub(super) resource_types: Vec<String>,
    /// Why the template was not looked at beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template_unchecked: Option<String>,
}

/// What a deletion would take along.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeletePlan {
    pub(super) stack_id: String,
    pub(super) status_now: String,
    pub(super) deleted: Vec<Resource>,
}
