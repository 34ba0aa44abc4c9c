//! The operations behind stacks: the members that we send and those that we read.

use crate::aws::replies::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Destroys, Reads};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    pub(crate) parameter_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) use_previous_value: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeStacks {
    pub(super) stack_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Stacks {
    #[serde(default)]
    pub(super) stacks: Vec<Stack>,
}

/// A stack as CloudFormation describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Stack {
    pub(crate) stack_name: String,
    #[serde(default)]
    pub(crate) stack_id: String,
    pub(crate) stack_status: String,
    pub(crate) stack_status_reason: Option<String>,
    pub(crate) creation_time: Option<String>,
    #[serde(default)]
    pub(crate) outputs: Vec<StackOutput>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(crate) struct StackOutput {
    pub(crate) output_key: String,
    pub(crate) output_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

impl Operation for DescribeStacks {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "DescribeStacks";
    type Needs = Reads;
    type Reply = Stacks;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateStack {
    pub(super) stack_name: String,
    #[serde(rename = "TemplateURL")]
    pub(super) template_url: Option<String>,
    pub(super) template_body: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) capabilities: Vec<&'static str>,
    pub(super) tags: Vec<Tag>,
    pub(super) on_failure: &'static str,
    pub(super) client_request_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ChangedStack {
    pub(super) stack_id: String,
}

impl Operation for CreateStack {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "CreateStack";
    type Needs = Changes;
    type Reply = ChangedStack;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UpdateStack {
    pub(super) stack_name: String,
    #[serde(rename = "TemplateURL")]
    pub(super) template_url: Option<String>,
    pub(super) template_body: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) capabilities: Vec<&'static str>,
    pub(super) tags: Vec<Tag>,
    pub(super) client_request_token: String,
}

impl Operation for UpdateStack {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "UpdateStack";
    type Needs = Destroys;
    type Reply = ChangedStack;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeleteStack {
    pub(super) stack_name: String,
}

impl Operation for DeleteStack {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "DeleteStack";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeStackEvents {
    pub(super) stack_name: String,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Events {
    #[serde(default)]
    pub(super) stack_events: Vec<Event>,
    pub(super) next_token: Option<String>,
}

/// One event. CloudFormation gives the newest first.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Event {
    pub(super) stack_id: Option<String>,
    pub(super) logical_resource_id: Option<String>,
    pub(super) physical_resource_id: Option<String>,
    pub(super) resource_type: Option<String>,
    pub(super) resource_status: Option<String>,
    pub(super) resource_status_reason: Option<String>,
}

impl Operation for DescribeStackEvents {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "DescribeStackEvents";
    type Needs = Reads;
    type Reply = Events;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListStacks {
    pub(super) stack_status_filter: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct StackList {
    #[serde(default)]
    pub(super) stack_summaries: Vec<StackSummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct StackSummary {
    pub(super) stack_id: Option<String>,
    pub(super) stack_name: String,
}

impl Operation for ListStacks {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "ListStacks";
    type Needs = Reads;
    type Reply = StackList;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListStackResources {
    pub(super) stack_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Resources {
    #[serde(default)]
    pub(super) stack_resource_summaries: Vec<Resource>,
    pub(super) next_token: Option<String>,
}

/// Something that a stack made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(crate) struct Resource {
    /// Path of the nested stack it is in.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(super) stack: Option<String>,
    pub(super) logical_resource_id: String,
    pub(super) physical_resource_id: Option<String>,
    pub(super) resource_type: String,
    pub(super) resource_status: String,
}

impl Operation for ListStackResources {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "ListStackResources";
    type Needs = Reads;
    type Reply = Resources;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct GetTemplateSummary {
    #[serde(rename = "TemplateURL")]
    pub(super) template_url: Option<String>,
    pub(super) template_body: Option<String>,
}

/// What a template says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct TemplateSummary {
    #[serde(default)]
    pub(crate) parameters: Vec<Declared>,
    #[serde(default)]
    pub(crate) resource_types: Vec<String>,
}

/// A parameter that a template declares.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Declared {
    pub(crate) parameter_key: String,
    pub(crate) default_value: Option<String>,
    pub(crate) parameter_type: Option<String>,
    pub(crate) no_echo: Option<bool>,
    pub(crate) description: Option<String>,
    pub(crate) parameter_constraints: Option<Constraints>,
}

impl Declared {
    /// The values that it may have; none where any may be.
    pub(crate) fn allowed(&self) -> &[String] {
        self.parameter_constraints.as_ref().map_or(&[], |constraints| &constraints.allowed_values)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Constraints {
    #[serde(default)]
    pub(crate) allowed_values: Vec<String>,
}

impl Operation for GetTemplateSummary {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "GetTemplateSummary";
    type Needs = Reads;
    type Reply = TemplateSummary;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeStacks>();
        check::<CreateStack>();
        check::<UpdateStack>();
        check::<DeleteStack>();
        check::<DescribeStackEvents>();
        check::<ListStacks>();
        check::<ListStackResources>();
        check::<GetTemplateSummary>();
    }
}
