//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Destroys, Reads, Reveals};

use super::super::{
    launch::Machine,
    tagged::{Filter, Tag, TagSpecification},
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeLaunchTemplates {
    pub(super) launch_template_names: Vec<String>,
    pub(super) launch_template_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Templates {
    #[serde(default)]
    pub(super) launch_templates: Vec<Template>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Template {
    pub(super) launch_template_id: String,
    pub(super) launch_template_name: Option<String>,
    pub(super) default_version_number: Option<u64>,
    pub(super) latest_version_number: Option<u64>,
    pub(super) create_time: Option<String>,
    pub(super) created_by: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Operation for DescribeLaunchTemplates {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeLaunchTemplates";
    type Needs = Reads;
    type Reply = Templates;
}

impl Paged for DescribeLaunchTemplates {
    type Item = Template;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside names and ids.
        (self.launch_template_names.is_empty() && self.launch_template_ids.is_empty()).then_some(1..=200)
    }

    fn items(reply: Templates) -> Vec<Template> {
        reply.launch_templates
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeLaunchTemplateVersions {
    pub(super) launch_template_name: Option<String>,
    pub(super) launch_template_id: Option<String>,
    pub(super) versions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Versions {
    #[serde(default)]
    pub(super) launch_template_versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Version {
    pub(super) version_number: u64,
    pub(super) version_description: Option<String>,
    pub(super) default_version: Option<bool>,
    pub(super) create_time: Option<String>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Value"))]
    pub(super) launch_template_data: Map<String, Value>,
}

impl Operation for DescribeLaunchTemplateVersions {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeLaunchTemplateVersions";
    type Needs = Reveals;
    type Reply = Versions;
}

/// What a template holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TemplateData {
    // Only ever written, so that nobody has to read an error of its making.
    #[serde(flatten)]
    pub(super) machine: Machine,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tag_specifications: Vec<TagSpecification>,
}

impl TemplateData {
    /// Names of the members that it sets.
    pub(super) fn members(&self) -> Vec<String> {
        let set = |value: &Value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => {
                members.into_iter().filter(|(_, value)| set(value)).map(|(name, _)| name).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateLaunchTemplate {
    pub(super) launch_template_name: String,
    pub(super) version_description: Option<String>,
    pub(super) launch_template_data: TemplateData,
    pub(super) tag_specifications: Vec<TagSpecification>,
    pub(super) client_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TemplateReply {
    pub(super) launch_template: Template,
}

impl Operation for CreateLaunchTemplate {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateLaunchTemplate";
    type Needs = Changes;
    type Reply = TemplateReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateLaunchTemplateVersion {
    pub(super) launch_template_name: Option<String>,
    pub(super) launch_template_id: Option<String>,
    pub(super) source_version: String,
    pub(super) version_description: Option<String>,
    pub(super) launch_template_data: TemplateData,
    pub(super) client_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct VersionReply {
    pub(super) launch_template_version: Made,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Made {
    pub(super) launch_template_id: String,
    pub(super) version_number: u64,
}

impl Operation for CreateLaunchTemplateVersion {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateLaunchTemplateVersion";
    type Needs = Changes;
    type Reply = VersionReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ModifyLaunchTemplate {
    pub(super) launch_template_name: Option<String>,
    pub(super) launch_template_id: Option<String>,
    pub(super) default_version: String,
}

impl Operation for ModifyLaunchTemplate {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "ModifyLaunchTemplate";
    type Needs = Changes;
    type Reply = TemplateReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeleteLaunchTemplate {
    pub(super) launch_template_name: Option<String>,
    pub(super) launch_template_id: Option<String>,
}

impl Operation for DeleteLaunchTemplate {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeleteLaunchTemplate";
    type Needs = Destroys;
    type Reply = TemplateReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeAutoScalingGroups {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Groups {
    #[serde(default)]
    pub(super) auto_scaling_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Group {
    pub(super) auto_scaling_group_name: String,
    pub(super) launch_template: Option<Reference>,
    pub(super) mixed_instances_policy: Option<MixedPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MixedPolicy {
    pub(super) launch_template: Option<MixedTemplate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MixedTemplate {
    pub(super) launch_template_specification: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reference {
    pub(super) launch_template_id: Option<String>,
}

impl Group {
    /// Whether it launches from that template.
    pub(super) fn uses(&self, id: &str) -> bool {
        let mixed = self.mixed_instances_policy.as_ref().and_then(|policy| policy.launch_template.as_ref());
        let mixed = mixed.and_then(|template| template.launch_template_specification.as_ref());
        self.launch_template.iter().chain(mixed).any(|template| template.launch_template_id.as_deref() == Some(id))
    }
}

impl Operation for DescribeAutoScalingGroups {
    const SERVICE: &'static str = "autoscaling";
    const ACTION: &'static str = "DescribeAutoScalingGroups";
    type Needs = Reads;
    type Reply = Groups;
}

impl Paged for DescribeAutoScalingGroups {
    type Item = Group;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=100)
    }

    fn items(reply: Groups) -> Vec<Group> {
        reply.auto_scaling_groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeLaunchTemplates>();
        check::<DescribeLaunchTemplateVersions>();
        check::<CreateLaunchTemplate>();
        check::<CreateLaunchTemplateVersion>();
        check::<ModifyLaunchTemplate>();
        check::<DeleteLaunchTemplate>();
        check::<DescribeAutoScalingGroups>();
    }
}
