//! What the calls of the stack tool answer and plan.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::aws::{
    cloudformation::{
        change_set,
        events::Headway,
        stack::{Parameter, Resource, Stack},
    },
    sagemaker::cost::Cost,
};

#[derive(Serialize, JsonSchema)]
pub(super) struct Deployed {
    pub(super) stack_name: String,
    pub(super) stack_arn: String,
    /// Why the parameters could not be held against the template beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters_unchecked: Option<String>,
    /// At the end of the wait, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stack_status: Option<String>,
    /// The first failing resource and its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    /// Why the stack, which is under way, could not be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unfollowed: Option<String>,
}

impl Deployed {
    pub(super) fn new(stack_name: String, stack_arn: String, parameters_unchecked: Option<String>) -> Self {
        Self { stack_name, stack_arn, parameters_unchecked, stack_status: None, failure: None, unfollowed: None }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Description {
    pub(super) stack_name: String,
    pub(super) stack_id: String,
    pub(super) creation_time: Option<String>,
    pub(super) stack_status: String,
    /// The first failing resource and its reason, followed into nested stacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    /// How far it is, while something is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<Headway>,
    /// The change set that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) planned: Option<change_set::Planned>,
    pub(super) outputs: BTreeMap<String, Option<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Deleted {
    pub(super) stack_name: String,
    pub(super) stack_id: String,
    /// At the end of the wait, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stack_status: Option<String>,
    /// The first resource that could not be deleted, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

/// A plan that CloudFormation made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Planned {
    pub(super) stack_name: String,
    pub(super) planned: change_set::Planned,
    /// Of the nodes; storage, network and control plane come on top.
    #[serde(skip_serializing_if = "Cost::is_empty")]
    pub(super) cost: Cost,
    /// Why the parameters could not be held against the template beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters_unchecked: Option<String>,
}

/// A parameters file that was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct WrittenFile {
    pub(super) params_file: String,
    pub(super) parameters: usize,
    /// Parameters that have no value yet and need one.
    pub(super) to_fill_in: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Create,
    Update,
    /// What a change set says.
    ChangeSet,
}

/// What a deployment would do.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeployPlan {
    pub(super) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_now: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parameters: Vec<Parameter>,
    /// Kinds of things that the template makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters_unchecked: Option<String>,
    /// Of the nodes; storage, network and control plane come on top.
    #[serde(skip_serializing_if = "Cost::is_empty")]
    pub(super) cost: Cost,
    /// One by one, where a change set says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<change_set::Change>,
}

impl DeployPlan {
    pub(super) fn of_change_set(stack: Stack, planned: change_set::Planned) -> Self {
        Self {
            action: Action::ChangeSet,
            status_now: Some(stack.stack_status),
            template: None,
            parameters: Vec::new(),
            resource_types: Vec::new(),
            parameters_unchecked: None,
            cost: Cost::default(),
            changes: planned.changes,
        }
    }
}

/// What making a plan would leave behind.
#[derive(Serialize, JsonSchema)]
pub(super) struct PlanPlan {
    /// A new stack is there afterwards, planned and empty.
    pub(super) makes_empty_stack: bool,
    pub(super) resource_types: Vec<String>,
}

/// What would be written.
#[derive(Serialize, JsonSchema)]
pub(super) struct FilePlan {
    pub(super) exists: bool,
    pub(super) parameters: Vec<String>,
}

/// What a deletion would take along.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeletePlan {
    pub(super) stack_id: String,
    pub(super) status_now: String,
    pub(super) deleted: Vec<Resource>,
}
