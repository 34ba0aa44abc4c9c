//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::Reads;

use super::PAGE;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct GetRole {
    pub(in crate::aws::iam) role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct FoundRole {
    pub(in crate::aws::iam) role: KnownRole,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct KnownRole {
    pub(in crate::aws::iam) arn: String,
    pub(in crate::aws::iam) assume_role_policy_document: Option<String>,
    pub(in crate::aws::iam) description: Option<String>,
}

impl Operation for GetRole {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "GetRole";
    type Needs = Reads;
    type Reply = FoundRole;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct ListAttachedRolePolicies {
    pub(in crate::aws::iam) role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct AttachedPolicies {
    #[serde(default)]
    attached_policies: Vec<AttachedPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct AttachedPolicy {
    #[serde(default)]
    pub(in crate::aws::iam) policy_name: String,
    pub(in crate::aws::iam) policy_arn: Option<String>,
}

impl Operation for ListAttachedRolePolicies {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "ListAttachedRolePolicies";
    type Needs = Reads;
    type Reply = AttachedPolicies;
}

impl Paged for ListAttachedRolePolicies {
    type Item = AttachedPolicy;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(PAGE)
    }

    fn items(reply: AttachedPolicies) -> Vec<AttachedPolicy> {
        reply.attached_policies
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct GetPolicy {
    pub(in crate::aws::iam) policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct FoundPolicy {
    #[serde(default)]
    pub(in crate::aws::iam) policy: KnownPolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct KnownPolicy {
    pub(in crate::aws::iam) description: Option<String>,
    pub(in crate::aws::iam) default_version_id: Option<String>,
}

impl Operation for GetPolicy {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "GetPolicy";
    type Needs = Reads;
    type Reply = FoundPolicy;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct GetPolicyVersion {
    pub(in crate::aws::iam) policy_arn: String,
    pub(in crate::aws::iam) version_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct FoundVersion {
    #[serde(default)]
    pub(in crate::aws::iam) policy_version: KnownVersion,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct KnownVersion {
    pub(in crate::aws::iam) document: Option<String>,
}

impl Operation for GetPolicyVersion {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "GetPolicyVersion";
    type Needs = Reads;
    type Reply = FoundVersion;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct ListRolePolicies {
    pub(in crate::aws::iam) role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct PolicyNames {
    #[serde(default)]
    policy_names: Vec<String>,
}

impl Operation for ListRolePolicies {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "ListRolePolicies";
    type Needs = Reads;
    type Reply = PolicyNames;
}

impl Paged for ListRolePolicies {
    type Item = String;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(PAGE)
    }

    fn items(reply: PolicyNames) -> Vec<String> {
        reply.policy_names
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct GetRolePolicy {
    pub(in crate::aws::iam) role_name: String,
    pub(in crate::aws::iam) policy_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::iam) struct FoundRolePolicy {
    pub(in crate::aws::iam) policy_document: Option<String>,
}

impl Operation for GetRolePolicy {
    const SERVICE: &'static str = "iam";
    const ACTION: &'static str = "GetRolePolicy";
    type Needs = Reads;
    type Reply = FoundRolePolicy;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetRole>();
        check::<ListAttachedRolePolicies>();
        check::<GetPolicy>();
        check::<GetPolicyVersion>();
        check::<ListRolePolicies>();
        check::<GetRolePolicy>();
    }
}
